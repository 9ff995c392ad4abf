//! Strata beside other engines, taking turns: the kernels, and loading a large WebAssembly module.

mod engines;
mod kernels;
mod large;
mod loading;

use std::process::ExitCode;

use clap::builder::PossibleValuesParser;
use clap::{Parser, ValueEnum};
use strata_benches::kernels::{Kernel, Size};
use strata_benches::measure::load;

use crate::engines::{Engines, Result};
use crate::kernels::Measured;

/// Compares Strata with other engines: how fast the kernels run, and how fast WebAssembly is loaded.
#[derive(Parser)]
struct Arguments {
    /// In each round all engines take their turn
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u32).range(1..))]
    rounds: u32,
    /// So many calls of a kernel in each round, the first of which is shown apart
    #[arg(long, value_name = "N", default_value_t = 4, value_parser = clap::value_parser!(u32).range(2..))]
    calls: u32,
    /// Two rounds of two calls
    #[arg(long, conflicts_with_all = ["rounds", "calls"])]
    quick: bool,
    /// The size at which kernels run: a compiled kernel takes some 10 ms at `mid`, some 300 ms at `large`
    #[arg(long, value_enum, default_value_t = Scale::Mid)]
    size: Scale,
    /// Kernels to run; nothing is loaded then
    #[arg(long, value_name = "KERNEL", value_delimiter = ',', value_parser = kernel_names())]
    only: Vec<String>,
    /// Runs no kernels
    #[arg(long, conflicts_with = "only")]
    loading: bool,
    /// Engines to compare, by the names of their columns or of their kind: native, strata, bytecode, wasmi, wasmtime,
    /// node, luajit, java
    #[arg(long, value_name = "ENGINE", value_delimiter = ',')]
    engines: Vec<String>,
}

/// Which of its sizes a kernel runs at.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum Scale {
    Small,
    Mid,
    Large,
}

fn kernel_names() -> PossibleValuesParser {
    Kernel::all().map(|kernel| kernel.name).collect::<Vec<_>>().into()
}

fn main() -> ExitCode {
    match compare(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("{error}");
            ExitCode::FAILURE
        }
    }
}

fn compare(arguments: &Arguments) -> Result<()> {
    let mut engines = Engines::find()?;
    engines.choose(&arguments.engines)?;
    let (rounds, calls) = if arguments.quick { (2, 2) } else { (arguments.rounds, arguments.calls) };
    for version in &engines.installed {
        println!("{version}");
    }
    if !engines.missing.is_empty() {
        println!("not installed: {}", engines.missing.join(", "));
    }
    println!("{}\n", load());
    if !arguments.loading {
        kernels(arguments, &engines, rounds, calls)?;
    }
    if arguments.only.is_empty() && !engines.loads.is_empty() {
        println!("{}", loading::table(&engines, rounds)?);
    }
    println!("{}", load());
    Ok(())
}

fn kernels(arguments: &Arguments, engines: &Engines, rounds: u32, calls: u32) -> Result<()> {
    let chosen =
        |kernel: &Kernel| arguments.only.is_empty() || arguments.only.iter().any(|name| name == kernel.name);
    let size = |kernel: Kernel| match arguments.size {
        Scale::Small => (kernel, kernel.small),
        Scale::Mid => (kernel, kernel.mid),
        Scale::Large => (kernel, kernel.large),
    };
    let kernels: Vec<(Kernel, Size)> = Kernel::all().filter(chosen).map(size).collect();
    let measured = Measured::new(&kernels, engines, rounds, calls)?;
    println!(
        "Times of one call of `run`, relative to the first column: the shortest of {rounds} rounds, in which engines take \
         turns.\nIn each round an engine loads the kernel anew, programs of their own in a new process, and calls it \
         {calls} times.\nThe first call includes what an engine puts off until then, such as compiling; later calls find \
         it warm.\n"
    );
    let tables = [
        measured.beside_gcc("first call", |times| times.first),
        measured.beside_gcc("later calls", |times| times.later),
        measured.beside_wasmi("later calls", |times| times.later),
    ];
    for table in tables.into_iter().flatten() {
        println!("{table}");
    }
    Ok(())
}

/// A number with so many decimals; a dash where there is none.
fn cell(number: Option<f64>, decimals: usize) -> String {
    number.map_or_else(|| "-".to_owned(), |number| format!("{number:.decimals$}"))
}
