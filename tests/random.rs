//! Random verified programs, run in every configuration and in the naive reference, and taken through both forms and
//! back. What is compared, and how programs are made, is in `strata_testing`.
//!
//! The programs are the same each time: those of the seeds from 0, `STRATA_RANDOM_PROGRAMS` of them (2000 unless set). A
//! failure names the seed; `STRATA_RANDOM_SEED` runs that one alone.

use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use bytecode_spec::TrapCause;
use strata_testing::choices::Choices;
use strata_testing::{addresses, bodies, differential, generate, reference};

fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|value| value.parse().unwrap_or_else(|_| panic!("{name} must be a number")))
}

/// Calls `check` with the decisions of each seed.
fn for_each_seed(check: impl Fn(&mut Choices<'_>)) {
    let seeds = match variable("STRATA_RANDOM_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..variable("STRATA_RANDOM_PROGRAMS").unwrap_or(2000),
    };
    for seed in seeds {
        let checked = catch_unwind(AssertUnwindSafe(|| check(&mut Choices::seeded(seed))));
        if let Err(panic) = checked {
            eprintln!("seed {seed}: again with STRATA_RANDOM_SEED={seed}");
            resume_unwind(panic);
        }
    }
}

#[test]
fn every_configuration_agrees_with_the_reference() {
    for_each_seed(differential::check);
}

#[test]
fn addresses_of_loops_agree_with_the_reference() {
    for_each_seed(addresses::check);
}

#[test]
fn both_forms_lead_back() {
    for_each_seed(|choices| bodies::round_trips(&generate::program(choices)));
}

/// A generator whose programs all trap at once, or never, would test little.
#[test]
fn programs_are_varied() {
    const PROGRAMS: u64 = 200;
    let (mut returned, mut instructions) = (0, 0);
    let mut causes = Vec::new();
    for seed in 0..PROGRAMS {
        let choices = &mut Choices::seeded(seed);
        let module = generate::program(choices);
        assert!(reference::runs(&module));
        let entry = module.spaces().funcs.len() as u32 - 1;
        let args = generate::arguments(choices, module.func_type(bytecode_spec::FuncIndex(entry)));
        let seen = differential::in_reference(&module, &args, Some(u64::from(u32::MAX)));
        instructions += u64::from(u32::MAX) - seen.fuel.unwrap_or(0);
        match seen.ended {
            Ok(_) => returned += 1,
            Err((cause, _)) => causes.push(cause),
        }
    }
    eprintln!("{returned} returned, {instructions} instructions, {causes:?}");
    assert!((PROGRAMS / 4..PROGRAMS).contains(&returned), "{returned} programs return");
    assert!(instructions > PROGRAMS * 200, "{instructions} instructions");
    for cause in [TrapCause::MemoryOutOfBounds, TrapCause::TableOutOfBounds, TrapCause::HostError] {
        assert!(causes.contains(&cause), "no program traps with {cause}");
    }
}
