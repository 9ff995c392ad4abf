//! The code that each shape of instruction becomes: of the template compiler, `golden/NAME.sasm` becomes `golden/NAME.MACHINE.txt`,
//! for every machine; of the optimizing compiler, `golden/NAME.clif.txt`, which is what the code generator is given, in its
//! intermediate form, for x86-64. `BLESS=1` writes them anew.
//!
//! A first line `;! run` has the function `run` called first, so that the intermediate form is of functions that have a profile.
//!
//! Of machine code, what all functions have in common, before and behind the code of their instructions, is left out unless the first line is
//! `;! whole`, and offsets count from the start of a part: a change of something else changes nothing here. A first line
//! `;! fuel` has the code charged for.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

use bytecode_spec::isa::ShapeKind;
use bytecode_spec::{FuncIndex, Op};
use strata::{Config, Engine, Linker, Module, Store, Target, Tier};

/// The machines, by the names of their files. They have all that code can use, so that listings are the same everywhere.
const MACHINES: &[(&str, Target)] = &[("x86_64", Target::X86_64), ("aarch64", Target::Aarch64)];

fn inputs() -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/golden");
    let entries = fs::read_dir(folder).expect("readable").map(|entry| entry.expect("readable").path());
    let mut inputs: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|extension| extension == "sasm")).collect();
    inputs.sort();
    inputs
}

/// Whether the first line of an input asks for something.
fn asks(path: &Path, for_what: &str) -> bool {
    let text = fs::read_to_string(path).expect("readable");
    text.lines().next().and_then(|line| line.strip_prefix(";! ")) == Some(for_what)
}

fn load(path: &Path) -> Module {
    let text = fs::read_to_string(path).expect("readable");
    let engine = Engine::new(Config::new().fuel(asks(path, "fuel")).profile(true));
    let name = path.file_name().and_then(|name| name.to_str()).expect("a name");
    let module = Module::named(&engine, name, &text).unwrap_or_else(|error| panic!("{error}"));
    if asks(path, "run") {
        let mut store = Store::new(&engine, ());
        let instance = Linker::new(&engine).instantiate(&mut store, &module).expect("without imports");
        let run = instance.typed_func::<(), ()>(&store, "run").expect("exported");
        run.call(&mut store, ()).expect("no trap");
    }
    module
}

/// The listings of all functions of a module.
fn listings(module: &Module, target: Target) -> String {
    let imported = module.verified().spaces().imported_funcs;
    let functions = imported..module.verified().spaces().funcs.len() as u32;
    let list = |func| module.listing(FuncIndex(func), Tier::Template, target);
    functions.map(list).collect::<Result<Vec<_>, _>>().unwrap_or_else(|error| panic!("{error}")).join("\n")
}

/// The intermediate forms of all functions of a module.
fn forms(module: &Module) -> String {
    let imported = module.verified().spaces().imported_funcs;
    let functions = imported..module.verified().spaces().funcs.len() as u32;
    let form = |func| module.clif(FuncIndex(func), Target::X86_64).map(|[before, _]| before);
    functions.map(form).collect::<Result<Vec<_>, _>>().unwrap_or_else(|error| panic!("{error}")).join("\n")
}

/// Without what all functions have in common, and with offsets from the start of each part.
fn reduced(listing: &str) -> String {
    let common = |heading: &str| {
        ["entry", "trapped:", "stopped:", "; template"].iter().any(|start| heading.starts_with(start))
    };
    let (mut out, mut start, mut is_common) = (String::new(), None, false);
    for line in listing.lines() {
        let offset = line.strip_prefix("  ").map(|line| line.split_at(4));
        let Some((offset, code)) = offset else {
            (start, is_common) = (None, common(line));
            let ends_empty = out.ends_with("\n\n");
            let is_superfluous = line.is_empty() && ends_empty;
            if !is_common && !is_superfluous {
                out += &format!("{line}\n");
            }
            continue;
        };
        let offset = u32::from_str_radix(offset, 16).expect("an offset");
        if !is_common {
            out += &format!("  {:02x}{code}\n", offset - *start.get_or_insert(offset));
        }
    }
    out.truncate(out.trim_end().len());
    out + "\n"
}

/// The lines in which two texts differ, with a few around them: `-` before expected ones, `+` before those found.
fn difference(expected: &str, found: &str) -> String {
    const AROUND: usize = 3;
    let (old, new): (Vec<&str>, Vec<&str>) = (expected.lines().collect(), found.lines().collect());
    let same = |pairs: &mut dyn Iterator<Item = (&&str, &&str)>| pairs.take_while(|(a, b)| a == b).count();
    let start = same(&mut old.iter().zip(&new));
    let end = same(&mut old[start..].iter().rev().zip(new[start..].iter().rev()));
    let before = old[start.saturating_sub(AROUND)..start].iter().map(|line| format!("  {line}\n"));
    let removed = old[start..old.len() - end].iter().map(|line| format!("- {line}\n"));
    let added = new[start..new.len() - end].iter().map(|line| format!("+ {line}\n"));
    let after = old[old.len() - end..].iter().take(AROUND).map(|line| format!("  {line}\n"));
    before.chain(removed).chain(added).chain(after).collect()
}

#[test]
fn shapes_become_the_code_that_they_became_before() {
    let mut failed = String::new();
    for path in inputs() {
        let module = load(&path);
        let listings = MACHINES.iter().map(|&(machine, target)| {
            let found = listings(&module, target);
            assert!(!found.contains("(bad)"), "{}, {machine}: not all is code:\n{found}", path.display());
            (machine, if asks(&path, "whole") { found } else { reduced(&found) })
        });
        for (kind, found) in listings.chain([("clif", forms(&module))]) {
            let golden = path.with_extension(format!("{kind}.txt"));
            let expected = fs::read_to_string(&golden).unwrap_or_default();
            if found == expected {
                continue;
            }
            if std::env::var_os("BLESS").is_some() {
                fs::write(&golden, &found).expect("writable");
            } else {
                failed += &format!("{}:\n{}\n", golden.display(), difference(&expected, &found));
            }
        }
    }
    assert!(failed.is_empty(), "{failed}Write them anew with BLESS=1 if this is what they should be.");
}

#[test]
fn every_shape_has_an_input() {
    let mut missing: BTreeSet<&str> = ShapeKind::ALL.iter().map(|shape| shape.name()).collect();
    for path in inputs() {
        for function in &load(&path).verified().functions {
            let mut code = function.code.as_slice();
            while let [first, ..] = code {
                let op = Op::from_code(*first as u16).expect("verified");
                missing.remove(op.info().shape.name());
                code = &code[op.info().length(code).expect("verified")..];
            }
        }
    }
    assert!(missing.is_empty(), "no input in tests/golden has an instruction of {missing:?}");
}

#[test]
fn every_listing_has_an_input() {
    let inputs = inputs();
    let folder = inputs[0].parent().expect("a folder");
    for entry in fs::read_dir(folder).expect("readable") {
        let path = entry.expect("readable").path();
        let name = path.file_name().and_then(|name| name.to_str()).expect("a name");
        let input = folder.join(name.split('.').next().unwrap_or_default()).with_extension("sasm");
        assert!(inputs.contains(&input), "{}: there is no {}", path.display(), input.display());
    }
}
