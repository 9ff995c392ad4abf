//! `strata run`: calls an exported function of a program.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::path::PathBuf;
use std::time::{Duration, Instant};

use clap::Args;
use clap::builder::{OsStringValueParser, TypedValueParser};
use serde::{Deserialize, Serialize};
use strata::{Config, Engine, Error, Module, Refusal, Store, Trap, TrapCause, Val};

use crate::env::{self, Host};
use crate::failure::{Failure, TRAPPED, printable, tell};
use crate::input::{ReadError, SharedInput, StopInput};
use crate::limits::Limits;
use crate::output::{OutputError, SharedOutput};
use crate::stop::Stopper;
use crate::tier::TierChoice;
use crate::{profile, program, values};

const EXAMPLES: &str = "\
Examples:
  strata run hello.sasm
  strata run hello.wasm
  strata run fib.sasm --invoke fib 30
  strata run primes.sasm 1000 --profile
  strata run wordcount.sasm < README.md
  strata run loop.sasm --timeout 5s --fuel 1000000000
  strata run sort.wasm --dir . --env LANG=C -- names.txt
  strata run fib.sasm --invoke fib 30 --repeat 5 --time";

#[derive(Debug, Args)]
#[command(after_help = EXAMPLES, after_long_help = format!("{EXAMPLES}\n\n{}", env::help()))]
pub(crate) struct Options {
    /// The program: .sasm, .sbc, .wasm or .wat; `-` is standard input
    pub(crate) file: PathBuf,
    /// Arguments of the function, or of the program if the function takes none
    #[arg(allow_negative_numbers = true, value_parser = OsStringValueParser::new().map(values::unprotect))]
    args: Vec<OsString>,
    /// Arguments of the program
    #[arg(last = true)]
    program_args: Vec<OsString>,
    /// The exported function to call; `main` or `_start` if not given
    #[arg(long, value_name = "NAME")]
    invoke: Option<String>,
    /// What code runs in
    #[arg(long, value_enum, value_name = "TIER", default_value = "auto")]
    tier: TierChoice,
    /// Call the function N times and print the last results
    #[arg(long, value_name = "N", default_value = "1", value_parser = clap::value_parser!(u32).range(1..))]
    repeat: u32,
    /// End standard error with a line of JSON: results, microseconds to load the program and of each call, number of
    /// functions that ran in each tier
    #[arg(long)]
    time: bool,
    /// Print counts of functions, loops, branches and indirect calls to standard error, hottest first
    #[arg(long)]
    profile: bool,
    #[cfg(feature = "wasi")]
    #[command(flatten)]
    wasi: crate::wasi::Grants,
    #[command(flatten)]
    limits: Limits,
}

/// What `--time` reports.
#[derive(Debug, Default, Deserialize, Serialize)]
pub(crate) struct Timing {
    /// The results of the last call, as they are printed.
    pub(crate) results: Vec<String>,
    /// From reading the file to where the function can be called.
    pub(crate) load_us: f64,
    /// Each call.
    pub(crate) call_us: Vec<f64>,
    /// How many functions ran in each tier.
    pub(crate) tiers: serde_json::Map<String, serde_json::Value>,
    /// The status that the program ended with, if it did so itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) exit: Option<i32>,
    /// The cause of the trap that ended the program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) trap: Option<String>,
}

/// How a program ended.
enum End {
    Returned(Vec<Val>),
    Exited(i32),
    Trapped(Trap),
}

/// Runs a program and gives the exit status.
pub(crate) fn run(options: &Options) -> Result<i32, Failure> {
    run_and(options, |_| Ok(()))
}

/// The same, and reports on the module behind all else.
pub(crate) fn run_and(
    options: &Options,
    report: impl FnOnce(&Module) -> Result<(), Failure>,
) -> Result<i32, Failure> {
    options.tier.require()?;
    let started = Instant::now();
    let name = program::name_of(&options.file);
    let profile = options.profile || options.tier.profiles();
    let engine = Engine::new(options.tier.apply(options.limits.apply(Config::new()).profile(profile)));
    let module = program::load(&engine, &options.file)?;
    let invoke = options.invoke.as_deref().unwrap_or_else(|| program::entry(&module));
    let (args, program_args) = arguments(options, &module, &name, invoke)?;

    let (host, stop_input) = host(options, program_args)?;
    let mut store = Store::new(&engine, host);
    if let Some(fuel) = options.limits.fuel {
        store.set_fuel(fuel).map_err(|error| program::refusal(&name, error))?;
    }
    let stopper = Stopper::new(store.interrupt_handle(), stop_input);
    stopper.stop_on_signals();
    if let Some(limit) = options.limits.timeout {
        stopper.stop_after(limit);
    }

    let mut timing = Timing::default();
    let end = execute(options, &module, &mut store, (invoke, &args), started, &mut timing);
    stopper.finish();
    let status = conclude(end_of(end, &name)?, &store, &name, &stopper, &mut timing)?;
    if matches!(options.tier, TierChoice::Template | TierChoice::Optimizing)
        || options.profile
        || options.time
    {
        report_refusals(&module);
    }
    if options.profile {
        tell(printable(&profile::tables(&module)));
    }
    if options.time {
        timing.tiers =
            module.functions_run().iter().map(|(tier, count)| (tier.to_string(), (*count).into())).collect();
        tell(serde_json::to_string(&timing).expect("numbers and strings can be written"));
    }
    report(&module)?;
    // The process ends: the system takes back all of its memory at once, sooner than this gives back what it has piece by piece.
    std::mem::forget(store);
    Ok(status)
}

/// Says what did not get the machine code that it was to get.
fn report_refusals(module: &Module) {
    let mut counts = BTreeMap::new();
    for (_, refusal) in module.refused() {
        let remedy = if refusal == Refusal::OutOfCodeSpace { "; --max-code gives more" } else { "" };
        let stays = match refusal {
            Refusal::TooLargeToOptimize | Refusal::TooSlowToOptimize | Refusal::OptimizerFailed => {
                "not optimized"
            }
            Refusal::NoMachineCode | Refusal::OutOfCodeSpace | Refusal::TooLarge | _ => "interpreted",
        };
        *counts.entry(format!("{stays}: {refusal}{remedy}")).or_insert(0) += 1;
    }
    for (what, count) in counts {
        let functions = if count == 1 { "function was" } else { "functions were" };
        tell(format_args!("warning: {count} {functions} {what}"));
    }
}

/// What the program can use, and what ends its waits for input.
#[cfg_attr(not(feature = "wasi"), expect(unused_variables, reason = "only WASI has options"))]
fn host(options: &Options, args: Vec<Vec<u8>>) -> Result<(Host, StopInput), Failure> {
    let output = SharedOutput::new();
    let (input, stop) =
        SharedInput::new().map_err(|error| Failure::failed(format_args!("standard input: {error}")))?;
    #[cfg(feature = "wasi")]
    let wasi = crate::wasi::context(&options.wasi, &options.file, &args, &output, &input)?;
    let host = Host {
        output,
        input,
        args,
        started: Instant::now(),
        #[cfg(feature = "wasi")]
        wasi,
    };
    Ok((host, stop))
}

/// The arguments of the function, and those of the program.
fn arguments(
    options: &Options,
    module: &Module,
    file: &str,
    invoke: &str,
) -> Result<(Vec<Val>, Vec<Vec<u8>>), Failure> {
    let ty = program::exported(module, file, invoke)?;
    let (args, before): (&[OsString], &[OsString]) =
        if ty.params.is_empty() { (&[], &options.args) } else { (&options.args, &[]) };
    let args = values::parse_all(invoke, ty, args).map_err(|what| Failure::refused(file, what))?;
    let program_args = before.iter().chain(&options.program_args);
    Ok((args, program_args.map(|arg| arg.as_encoded_bytes().to_vec()).collect()))
}

/// Instantiates the module and calls the function as often as asked.
fn execute(
    options: &Options,
    module: &Module,
    store: &mut Store<Host>,
    (invoke, args): (&str, &[Val]),
    started: Instant,
    timing: &mut Timing,
) -> Result<Vec<Val>, Error> {
    let instance = env::linker(module)?.instantiate(store, module)?;
    let func = instance.func(store, invoke)?;
    if program::wants_initialization(module, invoke) {
        instance.func(store, program::INITIALIZE)?.call(store, &[])?;
    }
    timing.load_us = microseconds(started.elapsed());
    let mut results = Vec::new();
    for _ in 0..options.repeat {
        let started = Instant::now();
        let called = func.call(store, args);
        if options.time {
            timing.call_us.push(microseconds(started.elapsed()));
        }
        results = called?;
    }
    Ok(results)
}

fn microseconds(time: Duration) -> f64 {
    time.as_nanos() as f64 / 1e3
}

/// Tells ends of the program from failures of output and from what was wrong with the program.
#[expect(clippy::wildcard_enum_match_arm, reason = "all other errors are the program's")]
fn end_of(result: Result<Vec<Val>, Error>, file: &str) -> Result<End, Failure> {
    let error = match result {
        Ok(results) => return Ok(End::Returned(results)),
        Err(error) => error,
    };
    let host_error: Option<&(dyn std::error::Error + 'static)> = match &error {
        Error::Trap(trap) => std::error::Error::source(trap),
        Error::Host(error) => Some(&**error),
        _ => None,
    };
    if let Some(status) = host_error.and_then(env::exit_status) {
        return Ok(End::Exited(status));
    }
    if let Some(error) = host_error.and_then(|error| error.downcast_ref::<OutputError>()) {
        return Err(error.clone().into());
    }
    match error {
        Error::Trap(trap) => Ok(End::Trapped(trap)),
        error => Err(program::refusal(file, error)),
    }
}

/// Prints what the program ended with and gives the exit status.
fn conclude(
    end: End,
    store: &Store<Host>,
    file: &str,
    stopper: &Stopper,
    timing: &mut Timing,
) -> Result<i32, Failure> {
    let mut output = store.data().output.get();
    match end {
        End::Returned(results) => {
            timing.results = results.iter().map(values::show).collect();
            for result in &timing.results {
                output.write(format!("{result}\n").as_bytes())?;
            }
            output.flush()?;
            Ok(0)
        }
        End::Exited(status) => {
            timing.exit = Some(status);
            output.flush()?;
            Ok(status)
        }
        End::Trapped(trap) => {
            if let Err(error) = output.flush() {
                Failure::Output(error).report();
            }
            let cause = cause_of(&trap);
            timing.trap = Some(cause.name().to_owned());
            tell(format_args!("strata: {file}: {}", printable(&describe(&trap, cause, stopper))));
            Ok(TRAPPED)
        }
    }
}

/// Why the program was stopped: waiting for input is interrupted by an error of the host function.
fn cause_of(trap: &Trap) -> TrapCause {
    match trap.host_error() {
        Some(ReadError::Stopped) => TrapCause::Interrupted,
        Some(ReadError::Failed(_)) | None => trap.cause(),
    }
}

/// A trap with its cause, the cause's name, what there is to say about it, and the backtrace.
fn describe(trap: &Trap, cause: TrapCause, stopper: &Stopper) -> String {
    let mut text = format!("trap: {cause} ({})", cause.name());
    match (stopper.reason(), std::error::Error::source(trap)) {
        (Some(reason), _) if cause == TrapCause::Interrupted => text += &format!(": {reason}"),
        (_, Some(error)) => text += &format!(": {error}"),
        (_, None) => {}
    }
    if !trap.backtrace().frames().is_empty() {
        text += &format!("\n{}", trap.backtrace());
    }
    text
}
