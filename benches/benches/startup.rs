//! How long whole processes take that start, run a trivial program and end. `-- --quick` is rougher.
//!
//! Processes that do nothing are beside them: what the system takes to make a process and to load a program, which is the greater
//! part. Rows take turns.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use strata_benches::measure::{Table, load, time};

/// A process that is to be measured.
struct Row {
    name: &'static str,
    command: Vec<PathBuf>,
    target: &'static str,
}

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let rounds = if std::env::args().any(|arg| arg == "--quick") { 100 } else { 500 };
    let folder = tempfile::tempdir()?;
    let rows = rows(folder.path())?;
    println!("{}", load());
    let mut times = vec![Vec::new(); rows.len()];
    for _ in 0..rounds {
        for (row, times) in rows.iter().zip(&mut times) {
            times.push(run(&row.command)?);
        }
    }
    let mut table = Table::new(["whole process, ms", "least", "median", "target"]);
    for (row, mut times) in rows.iter().zip(times) {
        times.sort_unstable();
        let millis = |time: Duration| format!("{:.2}", time.as_secs_f64() * 1e3);
        table.row([
            row.name.to_owned(),
            millis(times[0]),
            millis(times[times.len() / 2]),
            row.target.to_owned(),
        ]);
    }
    println!("\n{table}");
    println!("{}", load());
    Ok(())
}

/// Runs a process to its end.
fn run(command: &[PathBuf]) -> std::io::Result<Duration> {
    let mut process = Command::new(&command[0]);
    process.args(&command[1..]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    let mut status = Ok(std::process::ExitStatus::default());
    let taken = time(|| status = process.status());
    if status?.success() { Ok(taken) } else { Err(std::io::Error::other(format!("{command:?} failed"))) }
}

/// What there is to be measured; what is not installed is left out.
fn rows(folder: &Path) -> std::io::Result<Vec<Row>> {
    let mut rows = Vec::new();
    let mut add = |name, command: &[&Path], target| {
        rows.push(Row { name, command: command.iter().map(|&word| word.to_owned()).collect(), target });
    };
    let [source, empty] = ["empty.c", "empty"].map(|name| folder.join(name));
    fs::write(&source, "int main(void) { return 0; }\n")?;
    let gcc = Command::new("gcc").args(["-O2", "-o"]).args([&empty, &source]).status();
    if gcc.is_ok_and(|status| status.success()) {
        add("nothing, in C", &[&empty], "");
    }
    add("nothing, in Rust", &[Path::new(env!("CARGO_BIN_EXE_start_nothing"))], "");
    let embedded = Path::new(env!("CARGO_BIN_EXE_start_embedded"));
    add("an embedder, portable", &[embedded, Path::new("portable")], "");
    add("an embedder, interpreter", &[embedded, Path::new("interpreter")], "<= 1.00");
    add("an embedder, template", &[embedded, Path::new("template")], "");
    add("an embedder, auto", &[embedded, Path::new("auto")], "");

    // The command lies beside the programs of this package.
    let strata = embedded.with_file_name("strata");
    let hello = Path::new(env!("CARGO_MANIFEST_DIR")).join("../programs/hello.sasm");
    let [run, tier] = ["run", "--tier"].map(Path::new);
    if is_there(&strata, "--version") {
        add("strata --version", &[&strata, Path::new("--version")], "");
        add("strata run, portable", &[&strata, run, tier, Path::new("portable"), &hello], "");
        add("strata run, interpreter", &[&strata, run, tier, Path::new("interpreter"), &hello], "");
        add("strata run, auto", &[&strata, run, &hello], "");
    } else {
        println!("there is no {}; cargo build --release makes it", strata.display());
    }

    add("an embedder of wasmi", &[Path::new(env!("CARGO_BIN_EXE_start_wasmi"))], "");
    let lua = folder.join("hello.lua");
    fs::write(&lua, "print('Hello, world!')\n")?;
    if is_there(Path::new("luajit"), "-v") {
        add("luajit -joff", &[Path::new("luajit"), Path::new("-joff"), &lua], "");
    }
    Ok(rows)
}

fn is_there(program: &Path, argument: &str) -> bool {
    let status = Command::new(program).arg(argument).stdout(Stdio::null()).stderr(Stdio::null()).status();
    status.is_ok_and(|status| status.success())
}
