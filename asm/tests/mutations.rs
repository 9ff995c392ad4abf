//! Texts cut off and changed at random: an error or a module, never a panic.

use std::fs;
use std::path::Path;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use strata_asm::{assemble, assemble_bytes, disassemble};

/// Pieces that mean something.
const PIECES: [&str; 40] = [
    "\n",
    " ",
    "(",
    ")",
    "[",
    "]",
    "{",
    "}",
    ",",
    ":",
    "=",
    "+",
    "->",
    "<<",
    "-",
    "@",
    "%",
    "\"",
    "'",
    "\\",
    ";",
    "@0",
    "%r0",
    "@7\"x\"",
    "%\"",
    "0x",
    "nan:0x1",
    "1e999",
    "-inf",
    "\u{FEFF}",
    "é",
    "\0",
    "func",
    "line 1",
    "reg ",
    "export",
    "i64",
    "source \"\"",
    "9999999999999999999",
    "call",
];

fn texts() -> Vec<String> {
    let tests = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests");
    let mut paths: Vec<_> = ["round_trip", "errors"]
        .iter()
        .flat_map(|folder| fs::read_dir(tests.join(folder)).unwrap())
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension().is_some_and(|extension| extension == "sasm"))
        .collect();
    paths.sort();
    paths.into_iter().map(|path| fs::read_to_string(path).unwrap()).filter(|text| text.len() < 6000).collect()
}

/// Assembles, and takes what comes out further.
fn try_everything(bytes: &[u8]) {
    match assemble_bytes("mutated.sasm", bytes) {
        Ok(module) => {
            let again = assemble("", &disassemble(&module)).unwrap_or_else(|errors| panic!("{errors}"));
            assert_eq!(*again, *module);
        }
        Err(errors) => {
            assert!(errors.total() > 0 && errors.iter().len() > 0);
            assert!(errors.to_string().starts_with("mutated.sasm:"));
            assert!(!errors.render(true).is_empty());
        }
    }
}

#[test]
fn truncated_texts() {
    for text in texts() {
        let step = text.len().div_ceil(150);
        for end in (0..text.len()).step_by(step) {
            try_everything(&text.as_bytes()[..end]);
        }
    }
}

#[test]
fn mutated_texts() {
    let texts = texts();
    for seed in 0..3000 {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut bytes = texts[rng.random_range(0..texts.len())].clone().into_bytes();
        for _ in 0..rng.random_range(1..8) {
            let at = rng.random_range(0..=bytes.len());
            let end = (at + rng.random_range(0..10)).min(bytes.len());
            match rng.random_range(0..5) {
                0 => drop(bytes.drain(at..end)),
                1 => drop(bytes.splice(at..end, PIECES[rng.random_range(0..PIECES.len())].bytes())),
                2 => {
                    let from = rng.random_range(0..=bytes.len());
                    let piece = bytes[from..(from + 20).min(bytes.len())].to_vec();
                    drop(bytes.splice(at..at, piece));
                }
                3 if at < bytes.len() => bytes[at] = rng.random(),
                _ => drop(bytes.splice(at..at, PIECES[rng.random_range(0..PIECES.len())].bytes())),
            }
        }
        try_everything(&bytes);
    }
}

#[test]
fn odd_texts() {
    let nested = |open: &str| open.repeat(200_000);
    let texts = [
        String::new(),
        "\n\n\n".into(),
        "\u{FEFF}memory 1".into(),
        "; only a comment".into(),
        nested("("),
        nested("{"),
        nested("\""),
        nested("@"),
        nested("-"),
        nested("a"),
        nested("a b "),
        nested("func\n"),
        nested("func {\n"),
        nested("\n"),
        format!("func @f() {{ {} }}", nested("[")),
        format!("func @f() {{ {} }}", nested("nop ")),
        format!("func @f() {{ {} ret }}", nested("nop\n")),
        format!("func @f() {{ {} ret }}", nested("a: ")),
        format!("func @f(%{}: i32) {{ ret %b }}", nested("a")),
        format!("func @{}() {{ ret }} ", nested("a")),
        format!("func @f(%a: i32) {{ br.table %a, [{}x]\nx: ret }}", nested("x,\n")),
        format!("data \"{}\"", nested("\\00")),
        format!("elem [{}null]", nested("null,")),
        format!("global: f64 = 0.{}", nested("1")),
        format!("global: f64 = 0x{}", nested("f")),
        format!("global: i64 = {}", nested("1_")),
        format!("memory 1 {}", nested("\u{1F600}")),
        format!(
            "func @f() {{\n{}ret }}",
            (0..70_000).map(|i| format!("reg %x{i}: i64\n")).collect::<String>()
        ),
    ];
    for text in texts {
        try_everything(text.as_bytes());
    }
}
