//! Lines from DWARF, and what must not happen when it is wrong. `golden/dwarf/` has the source of the modules.

use std::fs;
use std::path::Path;

use bytecode_spec::{Module, encoding, verify};

const VERSIONS: [u32; 2] = [4, 5];

fn module(version: u32) -> Vec<u8> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/dwarf{version}.wasm"));
    fs::read(path).expect("readable")
}

/// Translates a module, which must be valid, and print as text that assembles to the same again.
#[track_caller]
fn translated(wasm: &[u8]) -> Module {
    let module = strata_wasm::translate(wasm).unwrap_or_else(|error| panic!("{error}"));
    let module = verify(module).unwrap_or_else(|errors| panic!("{errors}"));
    let bytes = encoding::encode(&module);
    assert_eq!(encoding::decode(&bytes).as_ref(), Ok(&*module));
    let text = strata_asm::disassemble(&module);
    let again = strata_asm::assemble("again", &text).unwrap_or_else(|errors| panic!("{errors}\n{text}"));
    assert_eq!(encoding::encode(&again), bytes, "{text}");
    (*module).clone()
}

/// The sections of a module: identity, start of the whole, range of the content.
fn sections(wasm: &[u8]) -> Vec<(u8, usize, std::ops::Range<usize>)> {
    let (mut sections, mut at) = (vec![], 8);
    while at < wasm.len() {
        let (start, id) = (at, wasm[at]);
        let (mut size, mut shift) = (0, 0);
        loop {
            at += 1;
            size |= usize::from(wasm[at] & 0x7F) << shift;
            shift += 7;
            if wasm[at] < 0x80 {
                break;
            }
        }
        sections.push((id, start, at + 1..at + 1 + size));
        at += 1 + size;
    }
    sections
}

/// The custom sections whose names start with `.debug_`, and the names.
fn debug_sections(wasm: &[u8]) -> Vec<(String, usize, std::ops::Range<usize>)> {
    let mut found = vec![];
    for (id, start, content) in sections(wasm) {
        let end = content.start + 1 + usize::from(wasm[content.start]);
        let name = wasm.get(content.start + 1..end).unwrap_or(&[]);
        if id == 0 && name.starts_with(b".debug_") {
            found.push((String::from_utf8_lossy(name).into_owned(), start, end..content.end));
        }
    }
    found
}

fn leb(mut value: usize) -> Vec<u8> {
    let mut bytes = vec![];
    while value >= 0x80 {
        bytes.push(value as u8 | 0x80);
        value >>= 7;
    }
    bytes.push(value as u8);
    bytes
}

fn custom(name: &str, content: &[u8]) -> Vec<u8> {
    let content = [&leb(name.len()), name.as_bytes(), content].concat();
    [&[0], &*leb(content.len()), &*content].concat()
}

/// A module with one function, and these sections.
fn module_with(debug: &[(&str, &[u8])]) -> Vec<u8> {
    // (func unreachable), whose body is the offsets 2 to 4.
    let mut wasm = b"\0asm\x01\0\0\0\x01\x04\x01\x60\0\0\x03\x02\x01\0\x0A\x05\x01\x03\0\0\x0B".to_vec();
    debug.iter().for_each(|(name, content)| wasm.extend(custom(name, content)));
    wasm
}

fn unit(content: &[u8]) -> Vec<u8> {
    [&(content.len() as u32).to_le_bytes(), content].concat()
}

/// A line program of version 4, of these directories, files (name and directory) and instructions.
fn program(directories: &[&str], files: &[(String, usize)], instructions: &[u8]) -> Vec<u8> {
    let mut head = b"\x01\x01\x01\xFB\x0E\x0D\0\x01\x01\x01\x01\0\0\0\x01\0\0\x01".to_vec();
    directories.iter().for_each(|name| head.extend([name.as_bytes(), &[0]].concat()));
    head.push(0);
    for (name, directory) in files {
        head.extend([name.as_bytes(), &[0], &*leb(*directory), &[0, 0]].concat());
    }
    head.push(0);
    unit(&[&[4, 0], &(head.len() as u32).to_le_bytes()[..], &head, instructions].concat())
}

/// Starts a function at an offset.
fn start(address: u8) -> Vec<u8> {
    vec![0, 5, 2, address, 0, 0, 0]
}

const COPY: u8 = 1;
const ADVANCE_PC: u8 = 2;
const ADVANCE_LINE: u8 = 3;
const SET_FILE: u8 = 4;
/// A row one line further.
const NEXT_LINE: u8 = 0x13;
const END: [u8; 3] = [0, 1, 1];

#[test]
fn versions_say_the_same() {
    let [four, five] = VERSIONS.map(|version| translated(&module(version)));
    assert_eq!(four.sources, ["ratio.c", "/lib/include/scale.h"]);
    assert_eq!(four.functions, five.functions);
    assert_eq!(four.sources, five.sources);
    assert!(four.functions.iter().all(|function| !function.lines.is_empty()));
}

#[test]
fn names_below_the_directory_of_compilation_are_relative() {
    for version in VERSIONS {
        let mut wasm = module(version);
        let at = wasm.windows(12).position(|bytes| bytes == b"/lib/include").expect("it is there");
        wasm[at..at + 4].copy_from_slice(b"/src");
        assert_eq!(translated(&wasm).sources, ["ratio.c", "include/scale.h"]);
    }
}

/// Debug sections may stand in front of the code, and some may be missing.
#[test]
fn sections_in_any_order() {
    for version in VERSIONS {
        let wasm = module(version);
        let whole = translated(&wasm);
        let sections = sections(&wasm);
        let names = debug_sections(&wasm);
        let of = |start: usize| names.iter().find(|(_, s, _)| *s == start).map(|(name, ..)| name.as_str());
        let parts = |wanted: &dyn Fn(Option<&str>) -> bool| -> Vec<u8> {
            let parts = sections.iter().filter(|(_, start, _)| wanted(of(*start)));
            parts.flat_map(|(_, start, content)| wasm[*start..content.end].to_vec()).collect()
        };
        let (debug, rest) = (parts(&|name| name.is_some()), parts(&|name| name.is_none()));
        assert_eq!(translated(&[&wasm[..8], &debug, &rest].concat()).functions, whole.functions);
        assert!(translated(&[&wasm[..8], &rest].concat()).sources.is_empty());
        for (missing, ..) in &names {
            let found = translated(&[&wasm[..8], &parts(&|name| name != Some(missing))].concat());
            let needed = missing == ".debug_line" || (missing == ".debug_line_str" && version == 5);
            assert_eq!(found.sources.is_empty(), needed, "without {missing} of version {version}");
        }
    }
}

#[test]
fn damaged_sections_never_fail() {
    for version in VERSIONS {
        let wasm = module(version);
        let code = translated(&wasm).functions.into_iter().map(|f| f.code).collect::<Vec<_>>();
        for (_, _, content) in debug_sections(&wasm) {
            for at in content {
                for byte in [0, 1, 0x7F, 0x80, 0xFF, wasm[at] ^ 1, wasm[at].wrapping_add(1)] {
                    let mut damaged = wasm.clone();
                    damaged[at] = byte;
                    let found = translated(&damaged);
                    assert!(found.functions.iter().map(|f| &f.code).eq(&code));
                }
            }
        }
    }
}

#[test]
fn cut_sections_never_fail() {
    for version in VERSIONS {
        let wasm = module(version);
        for (name, start, content) in debug_sections(&wasm) {
            for end in content.clone() {
                let cut = custom(&name, &wasm[content.start..end]);
                translated(&[&wasm[..start], &cut, &wasm[content.end..]].concat());
            }
        }
    }
}

#[test]
fn functions_that_the_linker_dropped_have_no_lines() {
    let files = [("a.c".to_owned(), 0), ("b.c".to_owned(), 0)];
    let line = |address, file, line| {
        [&start(address)[..], &[SET_FILE, file, ADVANCE_LINE, line, COPY, ADVANCE_PC, 3], &END].concat()
    };
    let alive = line(2, 1, 6);
    let dead = line(0, 2, 20);
    for instructions in [[&*alive, &dead].concat(), [&*dead, &alive].concat()] {
        let program = program(&[], &files, &instructions);
        let found = translated(&module_with(&[(".debug_line", &program)]));
        assert_eq!(found.sources, ["a.c"]);
        assert_eq!(found.functions[0].lines.iter().map(|entry| entry.line).collect::<Vec<_>>(), [7]);
    }
    // Far behind the code, as well.
    let far = program(&[], &files, &line(99, 1, 6));
    assert!(translated(&module_with(&[(".debug_line", &far)])).sources.is_empty());
    // What is not ended is not to be trusted.
    let open = program(&[], &files, &alive[..alive.len() - END.len()]);
    assert!(translated(&module_with(&[(".debug_line", &open)])).sources.is_empty());
}

/// Many files of one very long directory: their names are not all written out.
#[test]
fn names_take_memory_in_proportion() {
    let long = "d".repeat(50_000);
    let files: Vec<_> = (0..5_000).map(|i| (format!("{i}"), 1)).collect();
    let mut instructions = start(2);
    (1..=files.len()).for_each(|file| instructions.extend([&[SET_FILE], &*leb(file), &[NEXT_LINE]].concat()));
    instructions.extend(END);
    let wasm = module_with(&[(".debug_line", &program(&[&long], &files, &instructions))]);
    let found = strata_wasm::translate(&wasm).expect("valid");
    let bytes: usize = found.sources.iter().map(String::len).sum();
    assert!((100_000..2_000_000).contains(&bytes), "{bytes}");
}

/// Many units that refer to one large table of abbreviations, one long string and one line program: reading these each time
/// would take hours.
#[test]
fn what_units_share_is_read_once() {
    const UNITS: usize = 50_000;
    let mut program_instructions = start(2);
    program_instructions.extend([NEXT_LINE; 100_000]);
    program_instructions.extend(END);
    let line = program(&["/src/sub"], &[("a.c".to_owned(), 1)], &program_instructions);
    // One with DW_AT_stmt_list and DW_AT_comp_dir, then very many others.
    let mut abbreviations = b"\x01\x11\0\x10\x17\x1B\x0E\0\0".to_vec();
    (2..200_000).for_each(|code| abbreviations.extend([&leb(code), &b"\x11\0\0\0"[..]].concat()));
    let strings = [&b"/"[..], &[b's'; 1_000_000], b"\0"].concat();
    let info = unit(b"\x04\0\0\0\0\0\x04\x01\0\0\0\0\0\0\0\0").repeat(UNITS);
    let sections: [(&str, &[u8]); 4] = [
        (".debug_line", &line),
        (".debug_abbrev", &abbreviations),
        (".debug_str", &strings),
        (".debug_info", &info),
    ];
    let found = strata_wasm::translate(&module_with(&sections)).expect("valid");
    assert_eq!(found.sources.len(), 1);
}
