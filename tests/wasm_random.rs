//! Random WebAssembly modules, in every configuration and in another engine, wasmi. What is compared, and how
//! modules are made, is in `strata_testing::wasm`.
//!
//! The modules are the same each time: those of the seeds from 0, `STRATA_RANDOM_MODULES` of them (2000
//! unless set). A failure names the seed and a file with the module; `STRATA_RANDOM_SEED` runs that seed
//! alone.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use bytecode_spec::TrapCause;
use strata_testing::choices::Choices;
use strata_testing::wasm::{self, Compared};

fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|value| value.parse().unwrap_or_else(|_| panic!("{name} must be a number")))
}

/// The bytes that stand for a seed: mostly few, sometimes many.
fn bytes(seed: u64) -> Vec<u8> {
    let choices = &mut Choices::seeded(seed);
    let most = *choices.pick(&[500, 3_000, 12_000, 40_000]);
    let len = 100 + choices.below(most);
    (0..len).map(|_| choices.bits() as u8).collect()
}

#[test]
fn every_configuration_agrees_with_another_engine() {
    let seeds = match variable("STRATA_RANDOM_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..variable("STRATA_RANDOM_MODULES").unwrap_or(1500),
    };
    let count = seeds.end - seeds.start;
    let (mut compared, mut inconclusive, mut returned, mut trapped) = (0, 0, 0, 0);
    let mut causes = Vec::new();
    for seed in seeds {
        let result = catch_unwind(AssertUnwindSafe(|| wasm::check(&bytes(seed)))).unwrap_or_else(|panic| {
            eprintln!("seed {seed}: again with STRATA_RANDOM_SEED={seed}");
            resume_unwind(panic)
        });
        match result {
            Compared::Nothing => {}
            Compared::Inconclusive => inconclusive += 1,
            Compared::Equal(ends) => {
                compared += 1;
                for end in ends {
                    match end {
                        Ok(_) => returned += 1,
                        Err(cause) => {
                            trapped += 1;
                            causes.push(cause);
                        }
                    }
                }
            }
        }
    }
    let each: Vec<(TrapCause, usize)> = TrapCause::ALL
        .iter()
        .map(|&cause| (cause, causes.iter().filter(|&&found| found == cause).count()))
        .collect();
    eprintln!(
        "{compared} modules, {inconclusive} inconclusive; {returned} returned, {trapped} trapped: {each:?}"
    );
    // Modules that nothing can be seen of would test little.
    if count >= 100 {
        assert!(compared > count / 2, "only {compared} of {count} were compared");
        assert!(inconclusive < count / 20, "{inconclusive} of {count} are inconclusive");
        assert!(
            returned > trapped && trapped > returned / 50,
            "{returned} calls returned, {trapped} trapped"
        );
    }
}
