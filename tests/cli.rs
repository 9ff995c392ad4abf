//! The `strata` command from outside.
//!
//! Most tests are transcripts, `cli/*.txt`: sessions of a shell in a new folder that holds `cli/programs/`, and modules with
//! lines of C from the crate `wasm`. A line `$ …` is run by `sh`; then comes what it must print, `! ` before lines of standard error, `? N` for an exit status other
//! than 0. `…` stands for anything within a line, and alone for any number of lines. `# ` begins a comment.

#![cfg(unix)]

use std::fs;
use std::io::{BufRead, BufReader, Write};
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;
use tempfile::TempDir;

/// A folder with the programs in it.
fn folder() -> TempDir {
    let folder = tempfile::tempdir().unwrap();
    let programs = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/programs");
    for entry in fs::read_dir(programs).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), folder.path().join(entry.file_name())).unwrap();
    }
    for name in ["dwarf4.wasm", "dwarf5.wasm"] {
        let golden = Path::new(env!("CARGO_MANIFEST_DIR")).join("wasm/tests/golden");
        fs::copy(golden.join(name), folder.path().join(name)).unwrap();
    }
    folder
}

/// A line of shell in which `strata` is the command under test.
fn shell(folder: &Path, line: &str) -> Command {
    let own = Path::new(env!("CARGO_BIN_EXE_strata")).parent().unwrap().to_str().unwrap();
    let mut command = Command::new("sh");
    command
        .args(["-c", line])
        .current_dir(folder)
        .env("PATH", format!("{own}:{}", std::env::var("PATH").unwrap()))
        .env_remove("NO_COLOR")
        .stdin(Stdio::null());
    command
}

fn result_of(folder: &Path, line: &str) -> Output {
    shell(folder, line).output().unwrap()
}

/// Starts a line of shell that ends with a command of `strata`, so that the process is that.
fn start(folder: &Path, line: &str) -> Child {
    shell(folder, line).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A command of a transcript and what it must do.
#[derive(Default)]
struct Step {
    line: usize,
    command: String,
    output: Vec<String>,
    errors: Vec<String>,
    status: i32,
}

fn parse(transcript: &str) -> Vec<Step> {
    let mut steps: Vec<Step> = Vec::new();
    for (i, line) in transcript.lines().enumerate() {
        if line.starts_with("# ") {
            continue;
        }
        if let Some(command) = line.strip_prefix("$ ") {
            steps.push(Step { line: i + 1, command: command.to_owned(), ..Step::default() });
        } else if let Some(step) = steps.last_mut() {
            match line.split_at_checked(2) {
                Some(("! ", error)) => step.errors.push(error.to_owned()),
                Some(("? ", status)) => step.status = status.parse().unwrap(),
                _ if line == "!" => step.errors.push(String::new()),
                _ => step.output.push(line.to_owned()),
            }
        }
    }
    for step in &mut steps {
        // Empty lines before the next command are for readers.
        while step.output.last().is_some_and(String::is_empty) {
            step.output.pop();
        }
    }
    steps
}

/// Whether a line is as expected, where `…` stands for anything.
fn fits(line: &str, wanted: &str) -> bool {
    match wanted.split_once('…') {
        None => line == wanted,
        Some((start, rest)) => line.strip_prefix(start).is_some_and(|line| {
            (0..=line.len()).filter(|&i| line.is_char_boundary(i)).any(|i| fits(&line[i..], rest))
        }),
    }
}

/// As [`fits`], where a line `…` stands for any number of them.
fn all_fit(lines: &[&str], wanted: &[String]) -> bool {
    match (lines, wanted) {
        ([], []) => true,
        (_, [any, rest @ ..]) if any == "…" => (0..=lines.len()).any(|i| all_fit(&lines[i..], rest)),
        ([line, lines @ ..], [first, rest @ ..]) => fits(line, first) && all_fit(lines, rest),
        _ => false,
    }
}

fn play(name: &str) {
    let transcript = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli").join(name);
    let folder = folder();
    let steps = parse(&fs::read_to_string(transcript).unwrap());
    assert!(!steps.is_empty());
    let mut failed = String::new();
    for step in steps {
        let result = result_of(folder.path(), &step.command);
        let (output, errors) = (text(&result.stdout), text(&result.stderr));
        let fits = all_fit(&output.trim_end_matches('\n').lines().collect::<Vec<_>>(), &step.output)
            && all_fit(&errors.lines().collect::<Vec<_>>(), &step.errors)
            && result.status.code() == Some(step.status);
        if !fits {
            let errors: String = errors.lines().map(|line| format!("! {line}\n")).collect();
            let status = result.status.code().filter(|&code| code != 0);
            let status = status.map_or(String::new(), |code| format!("? {code}\n"));
            failed += &format!(
                "{name}:{}: not as expected:\n$ {}\n{output}{errors}{status}\n",
                step.line, step.command
            );
        }
    }
    assert!(failed.is_empty(), "{failed}");
}

macro_rules! transcripts {
    ($($(#[$condition:meta])? $name:ident)*) => { $(
        $(#[$condition])?
        #[test]
        fn $name() {
            play(concat!(stringify!($name), ".txt"));
        }
    )* };
}

transcripts! {
    run
    values
    env
    traps
    lines
    refused
    limits
    output
    asm
    disasm
    explain
    wasm
    #[cfg(feature = "wasi")]
    wasi
    measure
    wast
    help
}

/// A program that has said that it is ready, and the rest of its standard error.
fn start_ready(folder: &Path, line: &str) -> (Child, impl BufRead) {
    let mut child = start(folder, line);
    let mut errors = BufReader::new(child.stderr.take().unwrap());
    let mut first = String::new();
    errors.read_line(&mut first).unwrap();
    assert_eq!(first, "warning\n");
    (child, errors)
}

/// Whether this runs behind `nohup`, as programs then do too, which leave signals as they are: none of them would stop.
fn is_behind_nohup() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.map_or(0, |mask| u64::from_str_radix(mask.trim(), 16).unwrap());
    let is_behind = ignored & 1 != 0;
    if is_behind {
        eprintln!("signals are not tested: hangups are ignored");
    }
    is_behind
}

fn send(signal: &str, child: &Child) {
    let sent = Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

/// Sends a signal to a program that is ready, and checks that this stops it with a trap.
fn check_stop(line: &str, signal: &str, function: &str) {
    let folder = folder();
    let (mut child, errors) = start_ready(folder.path(), line);
    let started = Instant::now();
    send(signal, &child);
    let errors: Vec<String> = errors.lines().map(Result::unwrap).collect();
    let reason = "stopped by Ctrl-C or another signal";
    assert_eq!(errors[0], format!("strata: env.sasm: trap: interrupted by the host (interrupted): {reason}"));
    assert!(
        errors[1].starts_with(&format!("   0: {function} at env.sasm:")) && errors.len() == 2,
        "{errors:?}"
    );
    assert_eq!(child.wait().unwrap().code(), Some(134));
    assert!(started.elapsed() < Duration::from_secs(5));
}

#[test]
fn signals_stop_loops_and_waits_for_input() {
    if is_behind_nohup() {
        return;
    }
    for signal in ["-INT", "-TERM", "-HUP"] {
        check_stop("exec strata run env.sasm --invoke ready", signal, "ready");
    }
    check_stop("exec strata run env.sasm --invoke listen", "-INT", "listen");
    // As in the background of a script.
    check_stop("trap '' INT; exec strata run env.sasm --invoke ready", "-INT", "ready");
}

#[test]
fn hangups_are_ignored_where_they_were() {
    let folder = folder();
    let (mut child, _errors) =
        start_ready(folder.path(), "trap '' HUP; exec strata run env.sasm --invoke ready");
    send("-HUP", &child);
    std::thread::sleep(Duration::from_millis(50));
    assert!(child.try_wait().unwrap().is_none());
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn a_second_signal_ends_the_process() {
    if is_behind_nohup() {
        return;
    }
    let folder = folder();
    let (mut child, _errors) = start_ready(folder.path(), "exec strata run env.sasm --invoke stuck");
    for _ in 0..2 {
        std::thread::sleep(Duration::from_millis(100));
        assert!(child.try_wait().unwrap().is_none());
        send("-INT", &child);
    }
    assert_eq!(child.wait().unwrap().code(), Some(130));
}

#[test]
fn time_limits_stop_waits_for_input() {
    let folder = folder();
    let mut child = start(folder.path(), "exec strata run env.sasm --invoke listen --timeout 100ms");
    let _open = child.stdin.take();
    let output = child.wait_with_output().unwrap();
    assert!(text(&output.stderr).contains("(interrupted): the time limit of 100ms was reached"));
    assert_eq!(output.status.code(), Some(134));
}

#[cfg(feature = "wasi")]
#[test]
fn signals_stop_waits_of_wasi() {
    if is_behind_nohup() {
        return;
    }
    for function in ["sleep", "listen", "await"] {
        let folder = folder();
        let line = format!("exec strata run wasi.wat --invoke {function}");
        let (mut child, errors) = start_ready(folder.path(), &line);
        send("-INT", &child);
        let errors: Vec<String> = errors.lines().map(Result::unwrap).collect();
        assert!(errors[0].ends_with("(interrupted): stopped by Ctrl-C or another signal"), "{errors:?}");
        assert_eq!(child.wait().unwrap().code(), Some(134));
    }
}

#[cfg(feature = "wasi")]
#[test]
fn wasi_reads_and_writes_as_it_comes() {
    let folder = folder();
    let mut child = start(folder.path(), "exec strata run wasi.wat --invoke cat");
    let mut input = child.stdin.take().unwrap();
    let mut output = BufReader::new(child.stdout.take().unwrap());
    for part in ["one\n", "two\n"] {
        input.write_all(part.as_bytes()).unwrap();
        let mut line = String::new();
        output.read_line(&mut line).unwrap();
        assert_eq!(line, part, "nothing is held back");
    }
    drop(input);
    assert_eq!(child.wait().unwrap().code(), Some(0));
}

#[test]
fn input_is_read_as_it_comes() {
    let folder = folder();
    let mut child = start(folder.path(), "exec strata run env.sasm --invoke cat");
    let mut input = child.stdin.take().unwrap();
    for part in ["one\n", "two\n"] {
        input.write_all(part.as_bytes()).unwrap();
        input.flush().unwrap();
        std::thread::sleep(Duration::from_millis(20));
    }
    drop(input);
    assert_eq!(text(&child.wait_with_output().unwrap().stdout), "one\ntwo\n0\n");
}

/// The line of JSON that ends standard error.
fn timing(folder: &Path, line: &str) -> Value {
    let output = result_of(folder, line);
    serde_json::from_str(text(&output.stderr).lines().next_back().unwrap()).unwrap()
}

#[test]
fn time_is_reported_as_json() {
    let folder = folder();
    let report =
        timing(folder.path(), "strata run fib.sasm --invoke fib 15 --repeat 3 --time --tier portable");
    assert_eq!(report["results"], serde_json::json!(["610"]));
    assert_eq!(report["tiers"], serde_json::json!({ "portable": 1 }));
    assert!(report["load_us"].as_f64().unwrap() > 0.0);
    let calls = report["call_us"].as_array().unwrap();
    assert!(calls.len() == 3 && calls.iter().all(|call| call.as_f64().unwrap() > 0.0));

    let report = timing(folder.path(), "strata run --time env.sasm --invoke leave 7");
    assert_eq!((&report["exit"], &report["results"]), (&7.into(), &serde_json::json!([])));
    let report = timing(folder.path(), "strata run --time --profile traps.sasm");
    assert_eq!(report["trap"], "integer_divide_by_zero");
}

#[test]
fn bench_writes_json() {
    let folder = folder();
    let line = "strata bench fib.sasm values.sasm --invoke main --runs 1 --json x.json";
    assert_eq!(result_of(folder.path(), line).status.code(), Some(2), "there is no `main` in values.sasm");
    let line = "strata bench fib.sasm traps.sasm --invoke main --runs 1 --json x.json";
    assert_eq!(result_of(folder.path(), line).status.code(), Some(1), "`main` of traps.sasm traps");
    assert!(!folder.path().join("x.json").exists());

    let line = "strata bench fib.sasm --invoke fib --runs 3 --tiers portable,interpreter,auto --json x.json --args 12";
    let output = result_of(folder.path(), line);
    assert_eq!(text(&output.stderr), "");
    let report: Value = serde_json::from_slice(&fs::read(folder.path().join("x.json")).unwrap()).unwrap();
    let program = &report["programs"][0];
    assert_eq!((&program["file"], &program["invoke"]), (&"fib.sasm".into(), &"fib".into()));
    assert_eq!((&program["results"], &report["runs"]), (&serde_json::json!(["144"]), &3.into()));
    let tiers = program["tiers"].as_array().unwrap();
    let names: Vec<&str> = tiers.iter().map(|tier| tier["tier"].as_str().unwrap()).collect();
    assert_eq!(names, ["portable", "interpreter", "auto"]);
    assert_eq!(tiers[0]["ratio"], 1.0);
    for tier in tiers {
        assert_eq!(tier["call_us"].as_array().unwrap().len(), 3);
        assert!(tier["min_us"].as_f64().unwrap() <= tier["median_us"].as_f64().unwrap());
    }
}
