//! Rules of the project that a test can check.

use std::fs;
use std::path::{Path, PathBuf};

use bytecode_spec::Op;

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Folders that are not the project's text.
const SKIPPED: &[&str] = &["target", ".git", "corpus", "artifacts", "coverage"];

/// Every file below a folder whose name ends so.
fn files(folder: &Path, ending: &str, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("readable") {
        let path = entry.expect("readable").path();
        let name = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        if path.is_dir() {
            if !SKIPPED.contains(&name) {
                files(&path, ending, found);
            }
        } else if name.ends_with(ending) {
            found.push(path);
        }
    }
}

fn rust_files() -> Vec<PathBuf> {
    let mut found = Vec::new();
    files(root(), ".rs", &mut found);
    assert!(found.len() > 50, "only {} Rust files found", found.len());
    found
}

fn relative(path: &Path) -> String {
    path.strip_prefix(root()).expect("below the root").to_string_lossy().replace('\\', "/")
}

fn read(path: &Path) -> String {
    fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

/// The code of a line, without its comment.
fn code(line: &str) -> &str {
    line.split("//").next().unwrap_or_default()
}

/// Whether a line of Rust has a block, function or implementation that is unsafe.
fn uses_unsafe(line: &str) -> bool {
    let words: Vec<&str> = code(line).split(|c: char| !c.is_alphanumeric() && c != '_').collect();
    words.contains(&"unsafe") && !line.contains('"')
}

#[test]
fn unsafe_code_is_where_the_readme_says() {
    let readme = read(&root().join("README.md"));
    let section = readme.split("### Unsafe code").nth(1).expect("the README lists files with unsafe code");
    let section = section.split("\n#").next().unwrap_or_default();
    let mut listed: Vec<&str> =
        section.lines().filter_map(|l| l.strip_prefix("- `")?.split('`').next()).collect();
    listed.sort_unstable();
    let mut found: Vec<String> = rust_files()
        .iter()
        .filter(|path| read(path).lines().any(uses_unsafe))
        .map(|path| relative(path))
        // A test may need some; each has its own reason beside it, checked by the lint. Programs run in the machine.
        .filter(|path| {
            !["tests/", "testing/", "fuzz/", "benches/", "programs/"]
                .iter()
                .any(|folder| path.starts_with(folder))
        })
        .collect();
    found.sort_unstable();
    assert_eq!(found, listed, "files with unsafe code (left) and those that the README lists (right)");
}

#[test]
fn crates_that_must_not_know_others_do_not() {
    for (manifest, allowed) in [
        ("bytecode-spec", &[][..]),
        ("asm", &["bytecode-spec"]),
        ("wasm", &["bytecode-spec"]),
        ("jit", &["bytecode-spec"]),
        ("wasi", &["strata"]),
        ("wast", &["bytecode-spec", "strata-wasm", "strata"]),
    ] {
        let text = read(&root().join(manifest).join("Cargo.toml"));
        let dependencies = text.split("[dependencies]").nth(1).expect("a section").split("\n[").next();
        for ours in [
            "bytecode-spec",
            "strata-asm",
            "strata-wasi",
            "strata-wasm",
            "strata-wast",
            "strata",
            "strata-testing",
            "strata-cli",
        ] {
            let depends =
                dependencies.unwrap_or_default().lines().any(|l| l.starts_with(&format!("{ours}.")));
            assert!(!depends || allowed.contains(&ours), "{manifest} must not know {ours}");
        }
    }
}

#[test]
fn the_macro_assembler_stays_small() {
    const MOST: usize = 40;
    let masm = read(&root().join("jit/src/template/masm.rs"));
    let methods = masm.split("pub trait Masm {").nth(1).expect("the trait").split("\n}").next();
    let count = methods.unwrap_or_default().lines().filter(|line| line.starts_with("    fn ")).count();
    assert!(count > 0, "no method of trait Masm found in jit/src/template/masm.rs");
    assert!(
        count <= MOST,
        "trait Masm in jit/src/template/masm.rs has {count} methods, {MOST} are allowed: a machine idea gets one method \
         with operands, not one for each form; what is no idea of machines belongs into the templates"
    );
}

#[test]
fn versions_stand_in_the_workspace_alone() {
    for package in ["bytecode-spec", "asm", "wasm", "jit", "vm", "wasi", "wast", "testing", "benches", "."] {
        let text = read(&root().join(package).join("Cargo.toml"));
        let text = text.split("[package]").nth(1).expect("a package");
        for section in text.split("\n[").filter(|section| {
            ["dependencies]", "dev-dependencies]"].iter().any(|name| section.starts_with(name))
        }) {
            for line in section.lines().skip(1).filter(|line| line.contains('=')) {
                assert!(line.contains("workspace = true"), "{package}/Cargo.toml: {line}");
            }
        }
    }
}

#[test]
fn the_header_declares_what_the_host_module_has() {
    let rows = read(&root().join("src/env.rs"));
    let rows = rows.split("\nfunctions! {").nth(1).expect("the functions").split("\n}").next();
    let defined = rows.unwrap_or_default().lines().filter_map(|row| row.split_whitespace().next());
    let header = read(&root().join("programs/wasm/env.h"));
    let declared = header.lines().filter_map(|line| line.strip_prefix("ENV(")?.split(')').next());
    assert!(defined.eq(declared.clone()), "programs/wasm/env.h declares {:?}", declared.collect::<Vec<_>>());
}

#[test]
fn every_mnemonic_occurs_in_a_case() {
    let mut cases = Vec::new();
    files(&root().join("tests/cases"), ".sasm", &mut cases);
    let text: String = cases.iter().map(|path| read(path)).collect();
    let words: std::collections::HashSet<&str> =
        text.split(|c: char| c.is_whitespace() || c == '=' || c == '(').collect();
    let missing: Vec<&str> =
        Op::ALL.iter().map(|op| op.info().mnemonic()).filter(|mnemonic| !words.contains(mnemonic)).collect();
    assert!(missing.is_empty(), "no file in tests/cases/ uses {missing:?}");
}

#[test]
fn nothing_is_left_open() {
    // Put together here, so that this file does not hold them.
    let marks = ["todo", "unimplemented", "dbg"].map(|name| format!("{name}!("));
    let words = ["FIX", "TO"].iter().zip(["ME", "DO"]).map(|(a, b)| format!("{a}{b}")).collect::<Vec<_>>();
    for path in rust_files() {
        for (number, line) in read(&path).lines().enumerate() {
            let place = format!("{}:{}", relative(&path), number + 1);
            assert!(!marks.iter().any(|mark| code(line).contains(mark)), "{place}: {line}");
            assert!(!words.iter().any(|word| line.contains(word)), "{place}: {line}");
        }
    }
}

#[test]
fn no_text_names_a_place_on_somebodys_machine() {
    let mut texts = rust_files();
    for ending in [".md", ".toml", ".sasm", ".wat", ".txt", ".c", ".h"] {
        files(root(), ending, &mut texts);
    }
    texts.push(root().join(".ci/run"));
    let places = ["work", "home", "root", "tmp"].map(|folder| format!("/{folder}/"));
    for path in texts {
        for (number, line) in read(&path).lines().enumerate() {
            let named = places.iter().find(|place| line.contains(place.as_str()));
            assert!(named.is_none(), "{}:{}: {line}", relative(&path), number + 1);
        }
    }
}
