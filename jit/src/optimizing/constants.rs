//! Registers that hold one constant for as long as they are read.
//!
//! Translators of WebAssembly put constants that loops need in registers at the start of a function. As values they would be known only
//! when all of a loop is translated, which is too late for whoever wants to fold them.

use bytecode_spec::isa::{self, Words, each_row};
use bytecode_spec::{Function, Op, ShapeKind};

/// For each register, the bits that it holds wherever it is read, if they are always the same.
pub(super) fn constants(function: &Function) -> Vec<Option<u64>> {
    let registers = function.registers.len();
    let (mut constants, mut is_read) = (vec![None; registers], vec![false; registers]);
    let mut writes = vec![0_u32; registers];
    // Control goes through all of the first instructions, up to where one may go elsewhere, or something may come from elsewhere.
    let mut first_target = function.code.len();
    each_row(&function.code, |pc, row, words, _| {
        row.each_target(words, |displacement| {
            let target = (pc as i64 + i64::from(displacement)) as usize;
            // All of them come behind the start, again and again.
            if target > 0 {
                first_target = first_target.min(target);
            }
        });
        if row.has_targets() || row.ends {
            first_target = first_target.min(pc + 1);
        }
        row.defs(words).for_each(|reg| writes[reg.index()] += 1);
    });
    each_row(&function.code, |pc, row, words, _| {
        if pc >= first_target {
            return;
        }
        row.uses(words).for_each(|reg| is_read[reg.index()] = true);
        let op = Op::from_code(words.lane(0)).expect("verified");
        if op.info().shape == ShapeKind::Const {
            let (constant, _) = isa::Const::read(words);
            let reg = constant.dst.index();
            if writes[reg] == 1 && !is_read[reg] {
                constants[reg] = Some(constant.value);
            }
        }
    });
    constants
}
