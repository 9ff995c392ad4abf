//! `strata bench`: how fast programs run in each tier.
//!
//! Every measurement is a process of its own, which runs `strata run --time` with the program: nothing is warm that would
//! not be warm for a user. Tiers take turns, so that what else the machine does meets all of them.

use std::ffi::{OsStr, OsString};
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use clap::Args;
use clap::builder::{OsStringValueParser, TypedValueParser};
use comfy_table::Table;
use serde::Serialize;
use strata::{Config, Engine};

use crate::failure::Failure;
use crate::output::{write_file, write_out};
use crate::run::Timing;
use crate::table::{plain_table, write_lines};
use crate::tier::TierChoice;
use crate::{program, values};

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  strata bench fib.sasm --args 30
  strata bench kernels/*.sasm --tiers portable,auto --runs 10 --json out.json --args 2")]
pub(crate) struct Options {
    /// Programs: .sasm, .sbc, .wasm or .wat
    #[arg(required = true)]
    files: Vec<PathBuf>,
    /// The exported function to call; the first of `run`, `main` and `_start` that there is if not given
    #[arg(long, value_name = "NAME")]
    invoke: Option<String>,
    /// Arguments of the function, or of the program: all that follow, up to the next option
    #[arg(
        long,
        value_name = "ARGS",
        num_args = 1..,
        allow_negative_numbers = true,
        value_parser = OsStringValueParser::new().map(values::unprotect)
    )]
    args: Vec<OsString>,
    /// Tiers to compare, the first being what ratios refer to
    #[arg(long, value_enum, value_name = "TIERS", value_delimiter = ',', default_value = "portable,auto")]
    tiers: Vec<TierChoice>,
    /// Runs of each program in each tier
    #[arg(long, value_name = "N", default_value = "5", value_parser = clap::value_parser!(u32).range(1..))]
    runs: u32,
    /// Write all that was measured to a file
    #[arg(long, value_name = "OUT")]
    json: Option<PathBuf>,
}

/// All that was measured, as `--json` writes it.
#[derive(Debug, Serialize)]
struct Report {
    runs: u32,
    programs: Vec<Program>,
}

/// What was measured of a program.
#[derive(Debug, Serialize)]
struct Program {
    file: String,
    invoke: String,
    args: Vec<String>,
    results: Vec<String>,
    tiers: Vec<Measured>,
}

/// What was measured of a program in one tier.
#[derive(Debug, Default, Serialize)]
struct Measured {
    tier: &'static str,
    /// Of the shortest call, to the first tier's.
    #[serde(skip_serializing_if = "Option::is_none")]
    ratio: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    min_us: Option<f64>,
    #[serde(skip_serializing_if = "Option::is_none")]
    median_us: Option<f64>,
    /// Each run's call, in order.
    call_us: Vec<f64>,
    /// Each run's loading, in order.
    load_us: Vec<f64>,
    /// Why there are no numbers.
    #[serde(skip_serializing_if = "Option::is_none")]
    skipped: Option<String>,
    /// What this tier's runs did differently.
    #[serde(skip_serializing_if = "Option::is_none")]
    mismatch: Option<String>,
}

/// What is called of a program.
struct Call<'o> {
    file: &'o Path,
    name: String,
    invoke: String,
    /// Whether the arguments are the function's, not the program's.
    takes_args: bool,
}

/// What a run did, apart from the time it took; the same in every tier.
#[derive(Clone, Debug)]
struct Behaviour {
    results: Vec<String>,
    exit: Option<i32>,
    output: Vec<u8>,
}

/// Measures programs.
pub(crate) fn bench(options: &Options) -> Result<(), Failure> {
    // Whatever is wrong with a program is told before anything is measured.
    let engine = Engine::new(Config::new());
    let calls: Vec<Call> =
        options.files.iter().map(|file| check(options, &engine, file)).collect::<Result<_, _>>()?;
    let command =
        std::env::current_exe().map_err(|error| Failure::failed(format_args!("own program: {error}")))?;
    let mut report = Report { runs: options.runs, programs: Vec::new() };
    for call in &calls {
        report.programs.push(measure(options, &command, call)?);
    }

    write_out(report.table().as_bytes())?;
    if let Some(path) = &options.json {
        let mut json = serde_json::to_vec_pretty(&report).expect("numbers and strings can be written");
        json.push(b'\n');
        write_file(path, &json)?;
    }
    let mismatches: Vec<String> = report.mismatches().collect();
    if mismatches.is_empty() { Ok(()) } else { Err(Failure::failed(mismatches.join("\n"))) }
}

/// Loads a program, checks the arguments, and finds the function to call.
fn check<'o>(options: &'o Options, engine: &Engine, file: &'o Path) -> Result<Call<'o>, Failure> {
    let name = program::name_of(file);
    if program::is_standard_input(file) {
        return Err(Failure::refused(&name, "is read only once; name a file"));
    }
    let module = program::load(engine, file)?;
    let default = if module.exported_func("run").is_some() { "run" } else { program::entry(&module) };
    let invoke = options.invoke.as_deref().unwrap_or(default);
    let ty = program::exported(&module, &name, invoke)?;
    let takes_args = !ty.params.is_empty();
    if takes_args {
        values::parse_all(invoke, ty, &options.args).map_err(|what| Failure::refused(&name, what))?;
    }
    Ok(Call { file, name, invoke: invoke.to_owned(), takes_args })
}

fn measure(options: &Options, command: &Path, call: &Call<'_>) -> Result<Program, Failure> {
    let name = &call.name;
    let mut tiers: Vec<Measured> = options
        .tiers
        .iter()
        .map(|tier| Measured { tier: tier.name(), skipped: tier.missing(), ..Measured::default() })
        .collect();
    // The first run's, which all others must equal, and its tier.
    let mut expected: Option<(Behaviour, &str)> = None;
    for _ in 0..options.runs {
        for (tier, measured) in options.tiers.iter().zip(&mut tiers) {
            if measured.skipped.is_some() {
                continue;
            }
            let (timing, behaviour) = run_once(options, command, call, *tier)
                .map_err(|what| Failure::failed(format_args!("{name}: tier {}: {what}", tier.name())))?;
            if *tier != TierChoice::Auto && !timing.tiers.contains_key(tier.name()) {
                measured.skipped = Some(format!("no function ran in tier {}", tier.name()));
                continue;
            }
            measured.load_us.push(timing.load_us);
            measured.call_us.extend(timing.call_us);
            let (expected, first) = &*expected.get_or_insert_with(|| (behaviour.clone(), measured.tier));
            if let Some(difference) = behaviour.difference(expected, first) {
                measured.mismatch = Some(format!("{name}: tier {} {difference}", tier.name()));
            }
        }
    }
    for measured in &mut tiers {
        measured.min_us = measured.call_us.iter().copied().min_by(f64::total_cmp);
        measured.median_us = median(&measured.call_us);
    }
    let first = tiers[0].min_us;
    for measured in &mut tiers {
        measured.ratio = measured.min_us.zip(first).map(|(min, first)| min / first);
    }
    Ok(Program {
        file: name.clone(),
        invoke: call.invoke.clone(),
        args: options.args.iter().map(|arg| arg.to_string_lossy().into_owned()).collect(),
        results: expected.map_or(Vec::new(), |(behaviour, _)| behaviour.results),
        tiers,
    })
}

/// Runs a program in a process of its own.
fn run_once(
    options: &Options,
    command: &Path,
    call: &Call<'_>,
    tier: TierChoice,
) -> Result<(Timing, Behaviour), String> {
    let words = ["run", "--time", "--tier", tier.name(), "--invoke", &call.invoke].map(OsStr::new);
    let output = Command::new(command)
        .args(words)
        .arg(call.file)
        .args((!call.takes_args).then_some("--"))
        .args(&options.args)
        .stdin(Stdio::null())
        .output()
        .map_err(|error| format!("cannot start {}: {error}", command.display()))?;
    let timing = timing_of(&output)?;
    if let Some(trap) = &timing.trap {
        return Err(format!("trap: {trap}"));
    }
    let behaviour = Behaviour { results: timing.results.clone(), exit: timing.exit, output: output.stdout };
    Ok((timing, behaviour))
}

/// The report in the last line of a run's standard error; what stands there instead if there is none.
fn timing_of(output: &Output) -> Result<Timing, String> {
    let errors = String::from_utf8_lossy(&output.stderr);
    let last = errors.lines().next_back().unwrap_or_default();
    serde_json::from_str(last).map_err(|_| {
        let status = output.status.to_string();
        if last.is_empty() { status } else { format!("{status}: {}", last.trim_start_matches("strata: ")) }
    })
}

fn median(numbers: &[f64]) -> Option<f64> {
    let mut sorted = numbers.to_vec();
    sorted.sort_by(f64::total_cmp);
    let middle = sorted.len() / 2;
    let upper = *sorted.get(middle)?;
    Some(if sorted.len().is_multiple_of(2) { (sorted[middle - 1] + upper) / 2.0 } else { upper })
}

impl Behaviour {
    /// What is not as in `expected`, which the tier of that name did; `None` when all is.
    fn difference(&self, expected: &Behaviour, first: &str) -> Option<String> {
        let list = |results: &[String]| format!("[{}]", results.join(", "));
        let status = |exit: Option<i32>| {
            exit.map_or("no exit status".to_owned(), |exit| format!("exit status {exit}"))
        };
        if self.results != expected.results {
            return Some(format!("gave {}, tier {first} {}", list(&self.results), list(&expected.results)));
        }
        if self.exit != expected.exit {
            return Some(format!("gave {}, tier {first} {}", status(self.exit), status(expected.exit)));
        }
        (self.output != expected.output).then(|| format!("printed something else than tier {first}"))
    }
}

impl Report {
    fn mismatches(&self) -> impl Iterator<Item = String> {
        self.programs.iter().flat_map(|program| &program.tiers).filter_map(|tier| tier.mismatch.clone())
    }

    fn table(&self) -> String {
        let mut table: Table = plain_table(&["min ms", "median ms", "ratio", "tier", "program"], 3);
        for program in &self.programs {
            for tier in &program.tiers {
                let ms = |us: Option<f64>| us.map_or("-".to_owned(), |us| format!("{:.3}", us / 1e3));
                let ratio = tier.ratio.map_or("-".to_owned(), |ratio| format!("{ratio:.2}"));
                let mut file = program.file.clone();
                if let Some(reason) = &tier.skipped {
                    file += &format!(" ({reason})");
                }
                table.add_row([ms(tier.min_us), ms(tier.median_us), ratio, tier.tier.to_owned(), file]);
            }
        }
        let mut text = String::new();
        write_lines(&mut text, &table);
        text
    }
}
