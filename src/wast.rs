//! `strata wast`: specification scripts of WebAssembly.

use std::path::{Path, PathBuf};

use clap::Args;
use strata::{Config, Engine};
use strata_wast::Report;

use crate::failure::{FAILED, Failure};
use crate::output::Output;
use crate::program;
use crate::tier::TierChoice;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  strata wast i32.wast
  strata wast suite/*.wast --tier portable")]
pub(crate) struct Options {
    /// The scripts (.wast); `-` is standard input
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// What code runs in
    #[arg(long, value_enum, value_name = "TIER", default_value = "auto")]
    tier: TierChoice,
}

/// How many directives passed, failed, were skipped.
#[derive(Default)]
struct Counts {
    passed: usize,
    failed: usize,
    skipped: usize,
}

impl Counts {
    fn of(report: &Report) -> Counts {
        Counts { passed: report.passed(), failed: report.failed(), skipped: report.skipped() }
    }

    fn add(&mut self, other: &Counts) {
        self.passed += other.passed;
        self.failed += other.failed;
        self.skipped += other.skipped;
    }

    fn line(&self, of: &str) -> String {
        let Counts { passed, failed, skipped } = self;
        format!("{of}: {passed} passed, {failed} failed, {skipped} skipped\n")
    }
}

/// Runs scripts and gives the exit status.
pub(crate) fn wast(options: &Options) -> Result<i32, Failure> {
    options.tier.require()?;
    let engine = Engine::new(options.tier.apply(Config::new().profile(options.tier.profiles())));
    let mut output = Output::new();
    let mut total = Counts::default();
    let mut unread = None;
    for file in &options.files {
        match program::read_text(file) {
            Ok(text) => total.add(&run(file, &text, &engine, &mut output)?),
            Err(failure) => {
                // In the order of the files, should both go to one place.
                output.flush()?;
                failure.report();
                unread = Some(failure.status());
            }
        }
    }
    output.write(total.line("total").as_bytes())?;
    output.flush()?;
    Ok(unread.unwrap_or(if total.failed > 0 { FAILED } else { 0 }))
}

/// Runs a script and prints how it went.
fn run(file: &Path, text: &str, engine: &Engine, output: &mut Output) -> Result<Counts, Failure> {
    let report = strata_wast::run(&program::name_of(file), text, engine);
    for directive in report.not_passed() {
        output.write(format!("{directive}\n").as_bytes())?;
    }
    let counts = Counts::of(&report);
    output.write(counts.line(report.name()).as_bytes())?;
    Ok(counts)
}
