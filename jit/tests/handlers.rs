//! The handlers that the generated interpreter has for some instructions, one of each kind: `handlers/NAME.MACHINE.txt`, without
//! those of sequences. `BLESS=1` writes them anew.

use std::fs;
use std::path::Path;

use bytecode_spec::Op;
use strata::{Target, handler_listing};

const MACHINES: &[(&str, Target)] = &[("x86_64", Target::X86_64), ("aarch64", Target::Aarch64)];

/// Instructions, and whether the handlers count for a profile.
const HANDLERS: &[(Op, bool)] = &[
    (Op::AddI32, false),
    (Op::MulF64, false),
    (Op::DivSI32, false),
    (Op::LoadI32Indexed, false),
    (Op::StoreF64, false),
    (Op::BrLtSI32Imm, false),
    (Op::BrLtSI32Imm, true),
    (Op::BrTable, false),
    (Op::GlobalGet, false),
    (Op::MemoryGrow, false),
    (Op::Call, false),
    (Op::CallIndirect, true),
    (Op::Ret, false),
];

/// Without sequences, and with offsets from the start of each handler.
fn reduced(listing: &str) -> String {
    let mut out = String::new();
    for handler in
        listing.split("\n\n").filter(|handler| !handler.lines().next().unwrap_or("").contains("; "))
    {
        let mut start = None;
        for line in handler.lines() {
            let offset = line.strip_prefix("  ").and_then(|line| line.split_once("  "));
            let Some((offset, code)) = offset else {
                out += &format!("\n{line}\n");
                continue;
            };
            let offset = u32::from_str_radix(offset, 16).expect("an offset");
            out += &format!("  {:02x}  {code}\n", offset - *start.get_or_insert(offset));
        }
    }
    out.trim_start().to_owned()
}

#[test]
fn handlers_are_the_code_that_they_were_before() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/handlers");
    let mut failed = Vec::new();
    for &(machine, target) in MACHINES {
        for &(op, profile) in HANDLERS {
            let found = handler_listing(op, target, profile);
            assert!(!found.contains("(bad)"), "{op:?}, {machine}: not all is code:\n{found}");
            let found = reduced(&found);
            let profile = if profile { ".profile" } else { "" };
            let golden = folder.join(format!("{}{profile}.{machine}.txt", op.info().name()));
            if found == fs::read_to_string(&golden).unwrap_or_default() {
                continue;
            }
            if std::env::var_os("BLESS").is_some() {
                fs::create_dir_all(&folder).expect("writable");
                fs::write(&golden, &found).expect("writable");
            } else {
                failed.push(golden.display().to_string());
            }
        }
    }
    assert!(
        failed.is_empty(),
        "changed: {failed:?}. Write them anew with BLESS=1 if this is what they should be."
    );
}
