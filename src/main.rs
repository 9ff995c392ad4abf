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

#[derive(Debug, Subcommand)]
enum Command {
    Run(run::Options),
    Asm(asm::Options),
    Disasm(disasm::Options),
    Explain(explain::Options),
    Verify(verify::Options),
    Bench(bench::Options),
    Wast(wast::Options),
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
