//! The programs of `programs/wasi/`, by the command in every tier, and in this process in every configuration: what they
//! print and how they end is in `programs/wasi/cases/`, and comes from native builds of the same sources.

#![cfg(feature = "wasi")]

use std::collections::BTreeSet;
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use strata::{Config, Engine, Error, Linker, Module, Store, Trap};
use strata_testing::configuration;
use strata_wasi::{Access, Exit, MemoryOutput, WasiCtx};

/// Every tier that `--tier` takes. Those that this version does not have are left out by [`tiers`].
const ALL_TIERS: [&str; 5] = ["portable", "interpreter", "template", "optimizing", "auto"];

const PROGRAMS: [&str; 7] = ["calc", "cat", "json", "raytracer", "search", "sort", "treesum"];

fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("programs/wasi")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// The tiers that the command has: it tells for itself.
fn tiers() -> Vec<&'static str> {
    let hello = folder().join("../hello.sasm");
    let has = |tier: &&str| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_strata"));
        let output = command.args(["run", "--tier", tier]).arg(&hello).output().expect("the command starts");
        let missing = text(&output.stderr).contains("is not part of this version");
        assert!(output.status.success() || missing, "{tier}: {}", text(&output.stderr));
        !missing
    };
    let tiers: Vec<&str> = ALL_TIERS.into_iter().filter(has).collect();
    assert!(tiers.contains(&"portable") && tiers.contains(&"auto"), "{tiers:?}");
    tiers
}

/// What a program is given. Folders of the host are relative to `programs/wasi/`.
#[derive(Default)]
struct Given {
    args: Vec<String>,
    stdin: Vec<u8>,
    dirs: Vec<String>,
    env: Vec<String>,
}

/// What came of it.
struct Outcome {
    stdout: Vec<u8>,
    stderr: String,
    status: i32,
}

/// Runs a program by the command.
fn run(program: &str, tier: &str, given: &Given) -> Outcome {
    let mut command = Command::new(env!("CARGO_BIN_EXE_strata"));
    command.current_dir(folder()).args(["run", "--tier", tier]);
    command.args(given.dirs.iter().flat_map(|dir| ["--dir", dir]));
    command.args(given.env.iter().flat_map(|variable| ["--env", variable]));
    command.arg(format!("{program}.wasm")).arg("--").args(&given.args);
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the command starts");
    let mut stdin = child.stdin.take().expect("piped");
    let input = given.stdin.clone();
    // A program that does not read its input to the end closes it.
    let writer = std::thread::spawn(move || stdin.write_all(&input).ok());
    let output = child.wait_with_output().expect("the command ends");
    writer.join().expect("the input was written");
    let status = output.status.code().expect("the command ends by itself");
    Outcome { stdout: output.stdout, stderr: text(&output.stderr), status }
}

/// Runs a program here.
fn run_here(engine: &Engine, module: &Module, program: &str, given: &Given) -> Outcome {
    let (stdout, stderr) = (MemoryOutput::new(), MemoryOutput::new());
    let mut ctx = WasiCtx::builder()
        .arg(program)
        .args(given.args.iter().map(String::as_str))
        .stdin(std::io::Cursor::new(given.stdin.clone()))
        .stdout(stdout.clone())
        .stderr(stderr.clone());
    for dir in &given.dirs {
        let (host, guest) = dir.split_once("::").expect("HOST::GUEST");
        ctx = ctx.preopened_dir(folder().join(host), guest, Access::ReadWrite);
    }
    for variable in &given.env {
        let (name, value) = variable.split_once('=').expect("NAME=VALUE");
        ctx = ctx.env(name, value);
    }
    let mut store = Store::new(engine, ctx.build().expect("folders and variables are right"));
    if engine.config().fuel {
        store.set_fuel(u64::MAX).expect("the engine counts fuel");
    }
    let mut linker = Linker::new(engine);
    strata_wasi::add_to_linker(&mut linker, |ctx: &mut WasiCtx| ctx).expect("each name once");
    let instance = linker.instantiate(&mut store, module).expect("WASI is all that is imported");
    let start = instance.typed_func::<(), ()>(&store, "_start").expect("_start");
    let exit_of = |error: &Error| Trap::of(error).and_then(Trap::host_error::<Exit>).map(|exit| exit.0);
    let status = match start.call(&mut store, ()) {
        Ok(()) => 0,
        Err(error) => exit_of(&error).unwrap_or_else(|| panic!("{program}: {error}")),
    };
    Outcome { stdout: stdout.take(), stderr: text(&stderr.take()), status }
}

/// The names of the cases: `NAME` or `NAME.N`, and `NAME` is that of a program.
fn cases() -> Vec<String> {
    let entries = fs::read_dir(folder().join("cases")).expect("the folder is there");
    let files = entries.map(|entry| entry.expect("readable").file_name().into_string().expect("UTF-8"));
    let mut cases: Vec<String> =
        files.filter_map(|file| file.strip_suffix(".expected").map(str::to_owned)).collect();
    cases.sort();
    cases
}

fn program_of(case: &str) -> &str {
    case.split('.').next().expect("a name")
}

/// One file of a case, if it has it.
fn file(case: &str, extension: &str) -> Option<Vec<u8>> {
    fs::read(folder().join("cases").join(format!("{case}.{extension}"))).ok()
}

fn words(case: &str, extension: &str) -> Vec<String> {
    text(&file(case, extension).unwrap_or_default()).split_whitespace().map(str::to_owned).collect()
}

fn given(case: &str) -> Given {
    let stdin = file(case, "stdin").unwrap_or_default();
    Given { args: words(case, "args"), stdin, dirs: words(case, "dirs"), env: words(case, "env") }
}

/// Compares an outcome, that of running in such a way, with the case.
fn compare(case: &str, way: &str, outcome: &Outcome) {
    let stderr = text(&file(case, "stderr").unwrap_or_default());
    assert_eq!(outcome.stderr, stderr, "{case}, {way}: standard error");
    let stdout = file(case, "expected").expect("the case has it");
    assert_eq!(text(&outcome.stdout), text(&stdout), "{case}, {way}: standard output");
    // Pictures and some files are not text: what is lost in making text of them must not hide a difference.
    assert!(outcome.stdout == stdout, "{case}, {way}: bytes of standard output");
    let status = file(case, "status").map_or("0".to_owned(), |status| text(&status).trim().to_owned());
    assert_eq!(outcome.status.to_string(), status, "{case}, {way}: exit status");
}

/// Runs the cases of a program, at least so many, in every way.
fn check_all(program: &str, least: usize) {
    let cases: Vec<String> = cases().into_iter().filter(|case| program_of(case) == program).collect();
    assert!(cases.len() >= least, "{program} has {} cases", cases.len());
    for tier in tiers() {
        for case in &cases {
            compare(case, &format!("--tier {tier}"), &run(program, tier, &given(case)));
        }
    }
    let wasm = fs::read(folder().join(format!("{program}.wasm"))).expect("the program is built");
    for configuration in configuration::ALL {
        let engine = configuration.engine(Config::new());
        let module = Module::new(&engine, &wasm).expect("the program is right");
        for case in &cases {
            compare(case, configuration.name, &run_here(&engine, &module, program, &given(case)));
        }
    }
}

#[test]
fn calc() {
    check_all("calc", 7);
}

#[test]
fn cat() {
    check_all("cat", 7);
}

#[test]
fn json() {
    check_all("json", 21);
}

#[test]
fn raytracer() {
    check_all("raytracer", 6);
}

#[test]
fn search() {
    check_all("search", 16);
}

#[test]
fn sort() {
    check_all("sort", 16);
}

#[test]
fn treesum() {
    check_all("treesum", 3);
}

#[test]
fn every_program_has_cases_and_every_case_a_program() {
    let built: BTreeSet<String> = fs::read_dir(folder())
        .expect("the folder is there")
        .map(|entry| entry.expect("readable").file_name().into_string().expect("UTF-8"))
        .filter_map(|file| file.strip_suffix(".wasm").map(str::to_owned))
        .collect();
    let tested: BTreeSet<String> = cases().iter().map(|case| program_of(case).to_owned()).collect();
    assert_eq!(built, PROGRAMS.map(str::to_owned).into());
    assert_eq!(tested, built);
    for name in built {
        assert!(folder().join(format!("{name}.c")).exists(), "{name} has a source");
    }
}

/// Files are written, also over one that was read, and empty and truncated where they must be.
#[test]
fn sort_writes_files() {
    for tier in tiers() {
        let scratch = tempfile::tempdir().expect("a folder");
        let list = scratch.path().join("list");
        fs::write(&list, "pear\napple\npear\nfig\n").expect("written");
        let dirs = vec![format!("{}::/lists", scratch.path().display())];
        let sort = |args: &str| {
            let args = args.split(' ').map(str::to_owned).collect();
            let output = run("sort", tier, &Given { args, dirs: dirs.clone(), ..Given::default() });
            assert_eq!((output.stderr.as_str(), text(&output.stdout).as_str()), ("", ""), "{tier}");
            assert_eq!(output.status, 0, "{tier}");
        };
        sort("-r -o /lists/new /lists/list");
        let new = fs::read_to_string(scratch.path().join("new")).expect("there");
        assert_eq!(new, "pear\npear\nfig\napple\n");
        sort("-u -o /lists/list /lists/list");
        assert_eq!(fs::read_to_string(&list).expect("there"), "apple\nfig\npear\n");
        sort("-o /lists/list -");
        assert_eq!(fs::read(&list).expect("there"), b"");
    }
}

/// A program sees what it was given and nothing beside it: neither by `..`, nor by links, nor by full names.
#[test]
fn programs_stay_in_their_folders() {
    let scratch = tempfile::tempdir().expect("a folder");
    let secret = scratch.path().join("secret");
    let inside = scratch.path().join("inside");
    fs::write(&secret, "secret").expect("written");
    fs::create_dir_all(inside.join("below")).expect("created");
    std::os::unix::fs::symlink(&secret, inside.join("full")).expect("linked");
    std::os::unix::fs::symlink("../secret", inside.join("relative")).expect("linked");
    let dirs = vec![format!("{}::/inside", inside.display())];
    let full = secret.display().to_string();
    let upwards = ["/inside/../secret", "/inside/below/../../secret"];
    let links_and_names = ["/inside/full", "/inside/relative", &full, "secret"];
    for tier in tiers() {
        for path in upwards.into_iter().chain(links_and_names) {
            let given = Given { args: vec![path.to_owned()], dirs: dirs.clone(), ..Given::default() };
            let output = run("cat", tier, &given);
            assert_eq!(text(&output.stdout), "", "{tier}: {path}");
            assert!(output.stderr.starts_with(&format!("cat: {path}: ")), "{tier}: {}", output.stderr);
            assert_eq!(output.status, 1, "{tier}: {path}");
        }
    }
}

/// What was printed before stays, and the backtrace has the functions of the program and its lines.
#[test]
fn abort_leaves_a_backtrace() {
    let source = fs::read_to_string(folder().join("calc.c")).expect("the source is there");
    let line = source.lines().position(|line| line.contains("abort();")).expect("calc aborts") + 1;
    for tier in tiers() {
        let given = Given { stdin: b"6 * 7\n(1 + abort)\n".into(), ..Given::default() };
        let output = run("calc", tier, &given);
        let stderr = output.stderr;
        assert_eq!(text(&output.stdout), "42\n", "{tier}");
        assert_eq!(output.status, 134, "{tier}: {stderr}");
        assert!(stderr.contains("unreachable"), "{tier}: {stderr}");
        for frame in [": abort ", &format!(" at calc.c:{line} "), ": product at calc.c:", ": sum at calc.c:"]
        {
            assert!(stderr.contains(frame), "{tier}: `{frame}` is in {stderr}");
        }
    }
}
