//! The programs of `programs/`: kernels give the results of `kernels.tsv`, examples (those of
//! `wasm/` too) print what stands beside them.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use strata::{Config, Engine, Linker, Module, Store};

fn programs() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("programs")
}

/// Runs every kernel, in both forms, at the size in that column of `kernels.tsv` and compares the result in the next.
fn kernels_at(column: &str) {
    let kernels = programs().join("kernels");
    let table = fs::read_to_string(kernels.join("kernels.tsv")).expect("kernels.tsv is there");
    let mut lines = table.lines().map(|line| line.split('\t').collect::<Vec<_>>());
    let header = lines.next().expect("a header");
    let column = header.iter().position(|name| *name == column).expect("the column is there");
    let mut count = 0;
    for line in lines {
        let (name, size, expected) = (line[0], line[column], line[column + 1]);
        for file in [format!("{name}.sasm"), format!("wasm/{name}.wasm")] {
            let program = fs::read(kernels.join(&file)).expect("a program for every kernel");
            for config in [Config::new(), Config::new().profile(false), Config::new().fuel(true)] {
                let result = run_kernel(config, &file, &program, size.parse().expect("a number"));
                assert_eq!(result.to_string(), expected, "{file}({size})");
            }
        }
        count += 1;
    }
    assert_eq!(count, 12, "kernels in kernels.tsv");
}

fn run_kernel(config: Config, name: &str, program: &[u8], size: i64) -> i64 {
    let engine = Engine::new(config);
    let module = Module::named(&engine, name, program).expect("kernels are programs");
    let mut store = Store::new(&engine, ());
    if engine.config().fuel {
        store.set_fuel(u64::MAX).expect("the engine counts fuel");
    }
    let instance = Linker::new(&engine).instantiate(&mut store, &module).expect("no imports");
    let run = instance.typed_func::<i64, i64>(&store, "run").expect("run(i64) -> i64");
    run.call(&mut store, size).expect("kernels do not trap")
}

#[test]
fn kernels_at_small_sizes() {
    kernels_at("small_n");
}

/// About twenty seconds in a release build, and two minutes in a debug one: asked for by `STRATA_MID_KERNELS=1`.
#[test]
fn kernels_at_mid_sizes() {
    if std::env::var_os("STRATA_MID_KERNELS").is_some() {
        kernels_at("mid_n");
    }
}

#[test]
fn examples_print_what_they_must() {
    check_examples(&programs(), 7);
}

#[test]
fn wasm_examples_print_what_they_must() {
    check_examples(&programs().join("wasm"), 3);
}

/// Runs the programs of a folder, at least so many. A case is named by its `.expected` file: `NAME.expected` or
/// `NAME.N.expected`.
fn check_examples(folder: &Path, least: usize) {
    let mut examples = BTreeMap::new();
    let mut cases = Vec::new();
    for entry in fs::read_dir(folder).expect("the folder is there") {
        let path = entry.expect("readable").path();
        let file = path.file_name().and_then(|name| name.to_str()).expect("UTF-8").to_owned();
        if let Some(case) = file.strip_suffix(".expected") {
            cases.push(case.to_owned());
        } else if let Some((name, "sasm" | "wat" | "wasm")) = file.rsplit_once('.') {
            assert!(examples.insert(name.to_owned(), path).is_none(), "two programs are named {name}");
        }
    }
    assert!(examples.len() >= least, "found {examples:?}");
    cases.sort();
    let mut without_case: BTreeSet<&String> = examples.keys().collect();
    for case in &cases {
        let name = case.split('.').next().expect("a name");
        let program = examples.get(name).unwrap_or_else(|| panic!("no program for {case}"));
        without_case.retain(|other| *other != name);
        check_example(program, case);
    }
    assert!(without_case.is_empty(), "no .expected file for {without_case:?}");
}

fn check_example(program: &Path, case: &str) {
    let beside = |extension: &str| fs::read(program.with_file_name(format!("{case}.{extension}"))).ok();
    let args = beside("args").map(|args| String::from_utf8(args).expect("UTF-8")).unwrap_or_default();
    let mut command = Command::new(env!("CARGO_BIN_EXE_strata"));
    command.arg("run").arg(program).args(args.split_whitespace());
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().expect("the command starts");
    let mut stdin = child.stdin.take().expect("piped");
    let input = beside("stdin").unwrap_or_default();
    // A program that does not read its input to the end closes it.
    let writer = std::thread::spawn(move || stdin.write_all(&input).ok());
    let output = child.wait_with_output().expect("the command ends");
    writer.join().expect("the input was written");

    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let expected = beside("expected").expect("the case has one");
    assert_eq!(text(&output.stdout), text(&expected), "{case}: standard output");
    assert_eq!(text(&output.stderr), text(&beside("stderr").unwrap_or_default()), "{case}: standard error");
    let status = beside("status").map_or("0".to_owned(), |status| text(&status).trim().to_owned());
    assert_eq!(output.status.code().map(|code| code.to_string()), Some(status), "{case}: exit status");
}
