//! Small changes that break a module, or do not: one at a time.

use bytecode_spec::isa::LANES_PER_WORD;
use bytecode_spec::{
    ConstExpr, FuncIndex, GlobalIndex, LineEntry, Module, Op, Pc, SourceIndex, TableIndex, TypeIndex, ValType,
};

use crate::choices::Choices;

/// Changes bytes at one place: flips, overwrites, inserts, removes, repeats or cuts off.
pub fn bytes(choices: &mut Choices<'_>, bytes: &mut Vec<u8>) {
    const ODD: [u8; 8] = [0, 1, 0x7F, 0x80, 0xFE, 0xFF, 0x10, 0x40];
    if bytes.is_empty() {
        return bytes.push(choices.bits() as u8);
    }
    let at = choices.below(bytes.len());
    let end = at + choices.below((bytes.len() - at).min(64)) + 1;
    match choices.below(10) {
        0..3 => bytes[at] ^= 1 << choices.below(8),
        3 => bytes[at] = *choices.pick(&ODD),
        4 => bytes[at] = choices.bits() as u8,
        5 => bytes.insert(at, *choices.pick(&ODD)),
        6 => drop(bytes.drain(at..end)),
        7 => {
            let copy = bytes[at..end].to_vec();
            drop(bytes.splice(at..at, copy));
        }
        // A length that promises very much.
        8 => drop(bytes.splice(at..end, [0xFF, 0xFF, 0xFF, 0xFF, 0x0F])),
        _ => bytes.truncate(at),
    }
}

/// Changes the code of some function: mostly one lane, sometimes the order of words.
pub fn code(choices: &mut Choices<'_>, module: &mut Module) {
    let coded: Vec<usize> =
        (0..module.functions.len()).filter(|&f| !module.functions[f].code.is_empty()).collect();
    if coded.is_empty() {
        return;
    }
    let code = &mut module.functions[*choices.pick(&coded)].code;
    let word = choices.below(code.len());
    let shift = 16 * choices.below(LANES_PER_WORD);
    let lane = (code[word] >> shift) as u16;
    let new = match choices.below(12) {
        0 | 1 => lane.wrapping_add(1),
        2 | 3 => lane.wrapping_sub(1),
        4 | 5 => choices.below(8) as u16,
        6 | 7 => choices.below(Op::ALL.len() + 1) as u16,
        8 => choices.bits() as u16,
        9 => lane ^ 1 << choices.below(16),
        10 => {
            let other = choices.below(code.len());
            return code.swap(word, other);
        }
        _ => {
            code.remove(word);
            return;
        }
    };
    code[word] = code[word] & !(0xFFFF << shift) | u64::from(new) << shift;
}

/// Changes something outside the code.
pub fn declarations(choices: &mut Choices<'_>, module: &mut Module) {
    let small = choices.below(12) as u32;
    let ty = *choices.pick(&ValType::ALL);
    let odd = [0, 1, 2, 7, u32::MAX, u32::MAX / 2, 65_536, 65_537][choices.below(8)];
    let constant = match choices.below(7) {
        0 => ConstExpr::I32(odd as i32),
        1 => ConstExpr::I64(odd.into()),
        2 => ConstExpr::F32(odd),
        3 => ConstExpr::F64(odd.into()),
        4 => ConstExpr::Null(ty),
        5 => ConstExpr::Func(FuncIndex(small)),
        _ => ConstExpr::Global(GlobalIndex(small)),
    };
    macro_rules! change {
        ($list:expr, |$item:ident| $change:expr) => {
            if !$list.is_empty() {
                let i = choices.below($list.len());
                let $item = &mut $list[i];
                $change;
            }
        };
    }
    match choices.below(17) {
        0 => change!(module.functions, |f| f.ty = TypeIndex(small)),
        1 => change!(module.functions, |f| change!(f.registers, |r| *r = ty)),
        2 => change!(module.functions, |f| f.registers.truncate(f.registers.len().saturating_sub(1))),
        3 => change!(module.functions, |f| {
            let entry = LineEntry { pc: Pc(odd), source: SourceIndex(small / 8), line: small };
            f.lines = f.lines.iter().chain([entry]).collect();
        }),
        4 => change!(module.functions, |f| f.register_names.push("x")),
        5 => change!(module.types, |t| t.ty.params.push(ty)),
        6 => change!(module.types, |t| t.ty.results.truncate(1)),
        7 => change!(module.globals, |g| g.ty.content = ty),
        8 => change!(module.globals, |g| g.init = constant),
        9 => change!(module.globals, |g| g.ty.mutable = !g.ty.mutable),
        10 => change!(module.tables, |t| t.ty.element = ty),
        11 => change!(module.tables, |t| t.ty.limits.min = odd),
        12 => change!(module.memories, |m| m.ty.limits.min = odd),
        13 => change!(module.data, |d| d.offset = Some(constant)),
        14 => change!(module.elements, |e| e.place = Some((TableIndex(small), constant))),
        15 => change!(module.elements, |e| e.items.push(constant)),
        _ => module.start = Some(FuncIndex(small)),
    }
}
