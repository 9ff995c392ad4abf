//! The `strata` command: runs, assembles, verifies and measures Strata and WebAssembly programs.
//!
//! Read in this order: this file (subcommands), [`failure`] (what can go wrong, exit statuses), [`program`] (reading and
//! loading), [`run`] with its parts ([`limits`], [`tier`], [`values`], [`env`], [`input`], [`output`], [`stop`],
//! [`wasi`], [`profile`]), then the other subcommands, one file each.

mod failure;
mod program;

mod run;

mod limits;
mod tier;
mod values;

mod env;
mod input;
mod output;
mod stop;
#[cfg(feature = "wasi")]
mod wasi;

mod profile;
mod table;

mod asm;
mod bench;
mod completions;
mod disasm;
mod explain;
mod verify;
mod wast;

use clap::{Parser, Subcommand};

use crate::failure::Failure;

#[derive(Debug, Parser)]
#[command(name = "strata", version, arg_required_else_help = true, max_term_width = 100)]
/// Runs, assembles, verifies and measures Strata and WebAssembly programs.
///
/// A program is a file in Strata's text (.sasm) or binary form (.sbc), or a WebAssembly module (.wasm, or .wat in text); its
/// content tells which. `-` is standard input.
#[command(after_help = "\
Examples:
  strata run hello.sasm                     run what the program exports as `main`
  strata run fib.sasm --invoke fib 30       call the export `fib` with 30, print its result
  strata run hello.wasm                     the same for WebAssembly
  strata asm hello.sasm -o hello.sbc        text to binary form
  strata bench fib.sasm --args 30           compare tiers

Exit statuses:
  0    done; `strata run` passes on what the program exits with
  1    failed: output cannot be written, tiers differ, a script says what is not so
  2    bad program, argument or option
  134  the program trapped
  141  standard output was closed early")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

// What is said of the subcommands is here, since the list of them has it; their options are only set up for the one that is asked
// for, or for help: all of them would take longer than a small program.
#[derive(Debug, Subcommand)]
#[command(defer = true)]
enum Command {
    /// Run a program: call one of its exported functions and print the results, one a line
    ///
    /// The function is the one that --invoke names; otherwise `main`, or `_start` if there is no `main` or the program is one
    /// for WASI. If it has parameters,
    /// ARGS are their values: integers in decimal or hexadecimal (0x1f), signed or unsigned; floats such as 1.5, 1e300, nan,
    /// inf; what follows `--` are the program's own arguments. If it has none, all are the program's own.
    ///
    /// Results are printed with integers signed and in decimal, floats in the shortest form that reads back the same (1.0,
    /// 0.1, 1e300, nan, inf, -inf), references as null, funcref or externref.
    Run(run::Options),
    /// Convert a program to Strata's binary form (.sbc)
    ///
    /// Assembles text (.sasm) and translates WebAssembly (.wasm, .wat); the content tells which. What comes out runs in the same
    /// way, and loads faster.
    ///
    /// The output file appears when it is complete, or not at all.
    Asm(asm::Options),
    /// Print a program in Strata's text form (.sasm), or its machine code
    ///
    /// What is printed can be assembled again, to the same bytes. A program that is in text already is printed in the form
    /// that its binary form would be; a WebAssembly module as the bytecode that it is translated to.
    ///
    /// With --tier template, the machine code that the tier makes of the functions is printed between the bytecode that it is made of.
    /// Offsets are in hexadecimal, from the start of a function's code object. `pc3.poll` is code of the instruction at 3 that runs
    /// out of the ordinary only; comments tell what operands in memory are.
    Disasm(disasm::Options),
    /// Run a program and tell what became of its functions: tiers, counters, side exits, and why
    ///
    /// The program is run as by `strata run`, which takes the same options. Then standard error has for each function that ran how
    /// often it was called and went back in loops while it was interpreted, the tiers that it got code in, and of optimized code what was
    /// compiled, which calls are inlined and why others are not, where it is left for another tier, why, and how often that happened.
    Explain(explain::Options),
    /// Check programs without running them
    ///
    /// Says nothing and exits with 0 when all are valid; otherwise says what is wrong and exits with 2.
    Verify(verify::Options),
    /// Measure how fast programs run in each tier
    ///
    /// Every run is a new process; tiers take turns. Prints the shortest and the median time of a call, in milliseconds, and
    /// the ratio of the shortest ones to that of the first tier: below 1 is faster. A tier that a program did not run in gets
    /// no numbers, but the reason. Fails when results or output differ between tiers.
    Bench(bench::Options),
    /// Run specification scripts of WebAssembly
    ///
    /// Does all that each script says and prints the directives that failed or were skipped, each with its place and the
    /// reason, then how many passed; the last line has the total. Exits with 1 when one failed, and with 2 when a script
    /// cannot be read, after it has run the others.
    Wast(wast::Options),
    /// Print a completion script for a shell
    Completions(completions::Options),
}

fn main() {
    let status = match execute() {
        Ok(status) => status,
        Err(failure) => {
            failure.report();
            failure.status()
        }
    };
    std::process::exit(status);
}

/// Does what the command line asks for and gives the exit status.
fn execute() -> Result<i32, Failure> {
    let cli = match Cli::try_parse_from(values::protect(std::env::args_os())) {
        Ok(cli) => cli,
        Err(message) => {
            let printed = message.print();
            // A request for help that cannot be answered fails like any other output.
            return if message.use_stderr() {
                Ok(message.exit_code())
            } else {
                printed.map(|()| message.exit_code()).map_err(|error| Failure::Output(error.into()))
            };
        }
    };
    match cli.command {
        Command::Run(options) => run::run(&options),
        Command::Asm(options) => asm::asm(&options).map(|()| 0),
        Command::Disasm(options) => disasm::disasm(&options).map(|()| 0),
        Command::Explain(options) => explain::explain(&options),
        Command::Verify(options) => verify::verify(&options).map(|()| 0),
        Command::Bench(options) => bench::bench(&options).map(|()| 0),
        Command::Wast(options) => wast::wast(&options),
        Command::Completions(options) => completions::completions(&options).map(|()| 0),
    }
}
