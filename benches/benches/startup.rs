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
    name: String,
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
            row.name.clone(),
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
    let mut add = |name: String, command: &[&Path], target| {
        let command = command.iter().map(|&word| word.to_owned()).collect();
        rows.push(Row { name, command, target });
    };
    let [source, empty] = ["empty.c", "empty"].map(|name| folder.join(name));
    fs::write(&source, "int main(void) { return 0; }\n")?;
    let gcc = Command::new("gcc").args(["-O2", "-o"]).args([&empty, &source]).status();
    if gcc.is_ok_and(|status| status.success()) {
        add("nothing, in C".to_owned(), &[&empty], "");
    }

    let hello = Path::new(env!("CARGO_MANIFEST_DIR")).join("../programs/hello.sasm");
    let tiers = ["portable", "interpreter", "template", "auto"];
    for (linked, programs) in programs() {
        let [nothing, embedded, wasmi, strata] =
            ["start_nothing", "start_embedded", "start_wasmi", "strata"].map(|name| programs.join(name));
        if !is_there(&nothing, "") {
            println!(
                "there are no programs in {}; benches/README.md tells how to make them",
                programs.display()
            );
            continue;
        }
        add(format!("nothing, in Rust{linked}"), &[&nothing], "");
        for tier in tiers {
            let target = if tier == "interpreter" { "<= 1.00" } else { "" };
            add(format!("an embedder, {tier}{linked}"), &[&embedded, Path::new(tier)], target);
        }
        if is_there(&strata, "--version") {
            let [version, run, option] = ["--version", "run", "--tier"].map(Path::new);
            add(format!("strata --version{linked}"), &[&strata, version], "");
            for tier in tiers {
                add(
                    format!("strata run, {tier}{linked}"),
                    &[&strata, run, option, Path::new(tier), &hello],
                    "",
                );
            }
        } else {
            println!("there is no {}; benches/README.md tells how to make it", strata.display());
        }
        if is_there(&wasmi, "") {
            add(format!("an embedder of wasmi{linked}"), &[&wasmi], "");
        }
    }

    let lua = folder.join("hello.lua");
    fs::write(&lua, "print('Hello, world!')\n")?;
    if is_there(Path::new("luajit"), "-v") {
        add("luajit -joff".to_owned(), &[Path::new("luajit"), Path::new("-joff"), &lua], "");
    }
    Ok(rows)
}

/// The folders of the programs that are measured, and how these are linked.
fn programs() -> [(&'static str, PathBuf); 2] {
    let own = Path::new(env!("CARGO_BIN_EXE_start_nothing"));
    let [profile, all] = [1, 2].map(|up| own.ancestors().nth(up).expect("cargo's folders"));
    let musl = format!("{}-unknown-linux-musl", std::env::consts::ARCH);
    [("", profile.to_owned()), (", static", all.join(musl).join("release"))]
}

fn is_there(program: &Path, argument: &str) -> bool {
    let status = Command::new(program)
        .args((!argument.is_empty()).then_some(argument))
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    status.is_ok_and(|status| status.success())
}
