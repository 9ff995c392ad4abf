//! The instruction set's manual, `ISA.md`, written from the table.

use std::fmt::Write;

use crate::isa::{Kind, LANES_PER_WORD, OpInfo, ShapeKind};
use crate::limits;
use crate::trap::TrapCause;

/// The whole of `ISA.md`. A test keeps the file equal to it.
pub fn manual() -> String {
    let mut out = String::from(include_str!("../manual/machine.md"));
    instructions(&mut out).expect("writing to a string");
    causes(&mut out).expect("writing to a string");
    out.push_str(concat!("\n", include_str!("../manual/binary.md")));
    size_limits(&mut out).expect("writing to a string");
    out.push_str(concat!("\n", include_str!("../manual/text.md")));
    out
}

fn size_limits(out: &mut String) -> std::fmt::Result {
    writeln!(out, "\n| what | at most |\n|---|---:|")?;
    for (what, limit) in [
        ("bytes of an encoded module", limits::MAX_MODULE_BYTES),
        (
            "types, imports, functions, globals, exports, data segments, element segments: each",
            limits::MAX_ITEMS,
        ),
        ("tables", limits::MAX_TABLES),
        ("memories", limits::MAX_MEMORIES),
        ("parameters of a function, and results", limits::MAX_PARAMS),
        ("registers of a function", limits::MAX_REGISTERS),
        ("words of a function's code", limits::MAX_CODE_WORDS),
        ("bytes of a name", limits::MAX_NAME_BYTES),
        ("pages of a memory", limits::MAX_PAGES as usize),
        ("elements of a table at the start", limits::MAX_TABLE_ELEMENTS as usize),
    ] {
        writeln!(out, "| {what} | {limit} |")?;
    }
    Ok(())
}

fn instructions(out: &mut String) -> std::fmt::Result {
    writeln!(out, "\n## Instructions\n")?;
    writeln!(
        out,
        "Under each shape: how it is written, and where its operands lie, as `name: kind @ lane`. In types, `T`"
    )?;
    writeln!(out, "stands for one type throughout the instruction, `R` for one reference type.")?;
    for &shape in ShapeKind::ALL {
        let Some(first) = shape.ops().first() else { continue };
        writeln!(out, "\n### {}\n\n{}\n", shape.name(), shape.doc())?;
        writeln!(out, "    {}\n", shape.syntax().replace("{op}", "op"))?;
        writeln!(out, "Words: {}. {}\n", words(first.info()), operands(first.info()))?;
        writeln!(out, "| code | mnemonic | types | effects | meaning |\n|---:|---|---|---|---|")?;
        for op in shape.ops() {
            let info = op.info();
            let effects: Vec<String> = info.effects.iter().map(|e| format!("{e:?}").to_lowercase()).collect();
            let (code, mnemonic, doc) = (*op as u16, info.mnemonic(), info.doc());
            writeln!(out, "| {code} | `{mnemonic}` | {} | {} | {doc} |", types(info), effects.join(", "))?;
        }
    }
    Ok(())
}

fn words(info: &OpInfo) -> String {
    let lists = info.operands().iter().any(|o| matches!(o.kind, Kind::Uses | Kind::Defs | Kind::Targets));
    format!("{}{}", info.fixed_words, if lists { " or more" } else { "" })
}

fn operands(info: &OpInfo) -> String {
    if info.operands().is_empty() {
        return "No operands.".to_owned();
    }
    let operand = |o: &crate::isa::OperandInfo| {
        let (word, lane) = (usize::from(o.lane) / LANES_PER_WORD, usize::from(o.lane) % LANES_PER_WORD);
        format!("`{}: {:?} @ {word}.{lane}`", o.name(), o.kind)
    };
    format!("Operands: {}.", info.operands().iter().map(operand).collect::<Vec<_>>().join(", "))
}

fn types(info: &OpInfo) -> String {
    let of = |kinds: &[Kind]| {
        let matching = info.operands().iter().filter(|o| kinds.contains(&o.kind));
        matching.filter_map(|o| o.rule).map(|rule| rule.to_string()).collect::<Vec<_>>().join(", ")
    };
    let (inputs, outputs) = (of(&[Kind::Use, Kind::Imm64, Kind::Imm32]), of(&[Kind::Def]));
    match (inputs.as_str(), outputs.as_str()) {
        ("", "") => String::new(),
        (inputs, "") => format!("({inputs})"),
        (inputs, outputs) => format!("({inputs}) → {outputs}"),
    }
}

fn causes(out: &mut String) -> std::fmt::Result {
    writeln!(out, "\n## Trap causes\n\n| code | name | message |\n|---:|---|---|")?;
    for cause in TrapCause::ALL {
        writeln!(out, "| {} | `{}` | {cause} |", cause.code(), cause.name())?;
    }
    Ok(())
}
