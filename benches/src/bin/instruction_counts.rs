//! Counts the instructions of the benchmarks in `benches/instructions.rs` and compares them with `baseline.json`.
//! See `benches/README.md`.

use std::collections::BTreeMap;
use std::fmt::Display;
use std::path::Path;
use std::process::{Command, ExitCode, Stdio};

use serde::{Deserialize, Serialize};
use strata_benches::measure::{Table, percent};

/// Of the crate `iai-callgrind`, whose runner must be of the same version.
const RUNNER_VERSION: &str = "0.16.1";
const RUNNER: &str = "iai-callgrind-runner";
/// A benchmark fails when it takes this many times the instructions of the baseline.
const TOLERANCE: f64 = 1.05;
const BASELINE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/baseline.json");
const USAGE: &str = "\
Counts the instructions that the benchmarks execute, and compares them with benches/baseline.json.

Usage: cargo run --release -p strata-benches -- [--bless] [--require]

  --bless    write what was counted to the baseline (also: BLESS=1)
  --require  fail when valgrind or iai-callgrind-runner is missing, instead of doing nothing";

/// What was counted, and with what.
#[derive(Debug, PartialEq, Serialize, Deserialize)]
struct Counts {
    /// Machine and system.
    target: String,
    /// Version of the compiler.
    rustc: String,
    /// Instructions of each benchmark.
    instructions: BTreeMap<String, u64>,
}

/// Why there is nothing to tell.
enum Failure {
    /// A tool is missing.
    Missing(String),
    /// Something went wrong.
    Failed(String),
}

fn main() -> ExitCode {
    let (mut bless, mut require) = (std::env::var("BLESS").is_ok_and(|value| value == "1"), false);
    for arg in std::env::args().skip(1) {
        match arg.as_str() {
            "--bless" => bless = true,
            "--require" => require = true,
            "--help" | "-h" => {
                println!("{USAGE}");
                return ExitCode::SUCCESS;
            }
            other => {
                eprintln!("there is no option `{other}`\n\n{USAGE}");
                return ExitCode::FAILURE;
            }
        }
    }
    match run(bless) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(Failure::Missing(what)) if require => {
            eprintln!("{what}");
            ExitCode::FAILURE
        }
        Err(Failure::Missing(what)) => {
            eprintln!("{what}\nNothing was counted.");
            ExitCode::SUCCESS
        }
        Err(Failure::Failed(what)) => {
            eprintln!("{what}");
            ExitCode::FAILURE
        }
    }
}

/// Counts and compares, or blesses; whether all is well.
fn run(bless: bool) -> Result<bool, Failure> {
    check_tools()?;
    let now = Counts {
        target: format!("{}-{}", std::env::consts::ARCH, std::env::consts::OS),
        rustc: version_of("rustc")
            .ok_or_else(|| Failure::Failed("rustc does not tell its version".into()))?,
        instructions: count()?,
    };
    let baseline = read_baseline()?;
    let comparison = Comparison::of(&baseline.instructions, &now.instructions);
    print!("{}", comparison.table);
    if bless {
        let mut json = serde_json::to_string_pretty(&now).expect("counts can be written");
        json.push('\n');
        std::fs::write(BASELINE, json).map_err(|error| failed("baseline.json", error))?;
        println!("\nThese counts are the baseline now.");
        return Ok(true);
    }
    if baseline.target != now.target {
        println!("\nThe baseline is of {}: these counts cannot be compared with it.", baseline.target);
        return Ok(true);
    }
    if baseline.rustc != now.rustc {
        println!("\nThe baseline was counted with {}, this is {}.", baseline.rustc, now.rustc);
    }
    for complaint in &comparison.complaints {
        println!("\n{complaint}");
    }
    if !comparison.complaints.is_empty() {
        println!("\nWhere that is meant, bless it: BLESS=1 cargo run --release -p strata-benches");
    }
    Ok(comparison.complaints.is_empty())
}

fn failed(what: &str, error: impl Display) -> Failure {
    Failure::Failed(format!("{what}: {error}"))
}

/// The first line that `program --version` prints.
fn version_of(program: &str) -> Option<String> {
    let output = Command::new(program).arg("--version").stdin(Stdio::null()).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout);
    output.status.success().then(|| text.lines().next().unwrap_or_default().trim().to_owned())
}

fn check_tools() -> Result<(), Failure> {
    if version_of("valgrind").is_none() {
        return Err(Failure::Missing(
            "valgrind is not installed. Debian and Ubuntu: apt install valgrind".into(),
        ));
    }
    let install = format!("cargo install {RUNNER} --version {RUNNER_VERSION}");
    let runner = std::env::var_os("IAI_CALLGRIND_RUNNER").unwrap_or_else(|| RUNNER.into());
    // Without arguments the runner complains, and tells its version.
    let Ok(output) = Command::new(runner).stdin(Stdio::null()).output() else {
        return Err(Failure::Missing(format!("{RUNNER} is not installed: {install}")));
    };
    if !String::from_utf8_lossy(&output.stderr).contains(RUNNER_VERSION) {
        return Err(Failure::Missing(format!("{RUNNER} is not version {RUNNER_VERSION}: {install}")));
    }
    Ok(())
}

/// Runs the benchmarks.
fn count() -> Result<BTreeMap<String, u64>, Failure> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    let output = Command::new(cargo)
        .current_dir(Path::new(BASELINE).parent().expect("a file is in a folder"))
        .args(["bench", "--package", "strata-benches", "--bench", "instructions", "--"])
        .arg("--output-format=json")
        .stderr(Stdio::inherit())
        .output()
        .map_err(|error| failed("cargo", error))?;
    if !output.status.success() {
        return Err(Failure::Failed("the benchmarks did not run".into()));
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let summaries = text.lines().filter(|line| line.starts_with('{'));
    summaries.map(|line| parse(line).map_err(|error| failed("the runner's summary", error))).collect()
}

fn parse(summary: &str) -> Result<(String, u64), serde_json::Error> {
    let summary: Summary = serde_json::from_str(summary)?;
    let [profile] = summary.profiles;
    let Metric::Int(instructions) = match profile.summaries.total.summary.callgrind.ir.metrics {
        Metrics::Left(now) | Metrics::Both([now, _]) => now,
    };
    Ok((format!("{} {}", summary.function_name, summary.id), instructions))
}

/// The runner's summary of a benchmark (version 6), as far as we read it.
#[derive(Deserialize)]
struct Summary {
    function_name: String,
    id: String,
    profiles: [Profile; 1],
}

#[derive(Deserialize)]
struct Profile {
    summaries: Summaries,
}

#[derive(Deserialize)]
struct Summaries {
    total: Total,
}

#[derive(Deserialize)]
struct Total {
    summary: Tools,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Tools {
    callgrind: Events,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Events {
    ir: Event,
}

#[derive(Deserialize)]
struct Event {
    metrics: Metrics,
}

/// This run's, perhaps with the run before.
#[derive(Deserialize)]
enum Metrics {
    Left(Metric),
    Both([Metric; 2]),
}

#[derive(Deserialize)]
enum Metric {
    Int(u64),
}

fn read_baseline() -> Result<Counts, Failure> {
    match std::fs::read_to_string(BASELINE) {
        Ok(json) => serde_json::from_str(&json).map_err(|error| failed("baseline.json", error)),
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
            Ok(Counts { target: String::new(), rustc: String::new(), instructions: BTreeMap::new() })
        }
        Err(error) => Err(failed("baseline.json", error)),
    }
}

/// Counts beside the baseline's, and what is wrong with them.
struct Comparison {
    table: Table,
    complaints: Vec<String>,
}

impl Comparison {
    fn of(baseline: &BTreeMap<String, u64>, now: &BTreeMap<String, u64>) -> Comparison {
        let mut table = Table::new(["benchmark", "baseline", "now", "ratio"]);
        let mut complaints = Vec::new();
        for (name, &count) in now {
            let Some(&before) = baseline.get(name) else {
                table.row([name.clone(), "-".into(), count.to_string(), "-".into()]);
                complaints.push(format!("{name} is not in the baseline"));
                continue;
            };
            let ratio = count as f64 / before as f64;
            table.row([name.clone(), before.to_string(), count.to_string(), format!("{ratio:.3}")]);
            if ratio > TOLERANCE {
                let (more, most) = (percent(ratio), percent(TOLERANCE));
                complaints.push(format!("{name} takes {more} of instructions, at most {most} is allowed"));
            }
        }
        for name in baseline.keys().filter(|name| !now.contains_key(*name)) {
            complaints.push(format!("{name} is in the baseline and was not counted"));
        }
        Comparison { table, complaints }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn counts(counts: &[(&str, u64)]) -> BTreeMap<String, u64> {
        counts.iter().map(|(name, count)| ((*name).to_owned(), *count)).collect()
    }

    #[test]
    fn summaries_are_read() {
        let summary = |metrics: &str| {
            format!(
                r#"{{"function_name": "decode", "id": "generated", "kind": "LibraryBenchmark", "profiles": [
                    {{"tool": "Callgrind", "summaries": {{"parts": [], "total": {{"regressions": [], "summary":
                    {{"Callgrind": {{"Ir": {{"diffs": null, "metrics": {metrics}}}}}}}}}}}}}]}}"#
            )
        };
        for metrics in [r#"{"Left": {"Int": 7}}"#, r#"{"Both": [{"Int": 7}, {"Int": 8}]}"#] {
            assert_eq!(parse(&summary(metrics)).unwrap(), ("decode generated".to_owned(), 7));
        }
    }

    #[test]
    fn the_baseline_is_readable() {
        assert!(read_baseline().is_ok_and(|baseline| !baseline.instructions.is_empty()));
    }

    #[test]
    fn more_instructions_than_tolerated_are_told() {
        let baseline = counts(&[("a", 100), ("b", 100), ("c", 100), ("gone", 1)]);
        let now = counts(&[("a", 105), ("b", 106), ("c", 50), ("new", 1)]);
        let complaints = Comparison::of(&baseline, &now).complaints;
        assert_eq!(
            complaints,
            [
                "b takes +6.0 % of instructions, at most +5.0 % is allowed",
                "new is not in the baseline",
                "gone is in the baseline and was not counted",
            ]
        );
    }
}
