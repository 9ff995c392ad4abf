//! What is known of integers without running anything: constants, and how large a value is at most.
//!
//! Addresses wrap at 32 bits. Where a sum is known not to, it may be one of 64 bits, which the machine computes in the access itself.

use cranelift_codegen::ir::types::{I8, I16, I32};
use cranelift_codegen::ir::{DataFlowGraph, InstructionData, Opcode, Type, Value, ValueDef};

use super::translate::Translator;

/// Operands of operands that are looked at.
const MAX_DEPTH: u32 = 6;

/// The largest unsigned integer of a type.
fn all_ones(ty: Type) -> u64 {
    u64::MAX >> (64 - ty.bits())
}

/// The constant that a value is, without a sign.
pub(super) fn constant(dfg: &DataFlowGraph, value: Value) -> Option<u64> {
    let Some(&InstructionData::UnaryImm { opcode: Opcode::Iconst, imm }) = instruction(dfg, value) else {
        return None;
    };
    Some(imm.bits() as u64 & all_ones(dfg.value_type(value)))
}

/// What a value is the sum of, if that is another one and a constant.
pub(super) fn sum_with_constant(dfg: &DataFlowGraph, value: Value) -> Option<(Value, u64)> {
    let Some(&InstructionData::Binary { opcode: Opcode::Iadd, args: [a, b] }) = instruction(dfg, value)
    else {
        return None;
    };
    Some((a, constant(dfg, b)?))
}

impl Translator<'_, '_> {
    /// A value, and the constant that is added to it to give another, without wrapping.
    pub(super) fn sum(&self, mut value: Value) -> (Value, u64) {
        let dfg = &self.b.func.dfg;
        let all = all_ones(dfg.value_type(value));
        let mut added = 0;
        while let Some((a, more)) = sum_with_constant(dfg, value)
            && self.most(a).checked_add(more).is_some_and(|sum| sum <= all)
        {
            value = a;
            added += more;
        }
        (value, added)
    }

    /// What an integer is at most, taken without a sign.
    pub(super) fn most(&self, value: Value) -> u64 {
        self.most_within(value, MAX_DEPTH)
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "of most of the code generator's operations nothing is known"
    )]
    fn most_within(&self, value: Value, depth: u32) -> u64 {
        let dfg = &self.b.func.dfg;
        let value = dfg.resolve_aliases(value);
        let all = all_ones(dfg.value_type(value));
        let Some(instruction) = instruction(dfg, value).filter(|_| depth > 0) else {
            return self.at_most.get(&value).copied().unwrap_or(all);
        };
        let of = |value: Value| self.most_within(value, depth - 1);
        let bits = u64::from(dfg.value_type(value).bits());
        let shift = |by: Value| constant(dfg, by).filter(|&by| by < bits);
        let divisor = |by: Value| constant(dfg, by).filter(|&by| by > 0);
        let most = match *instruction {
            InstructionData::UnaryImm { opcode: Opcode::Iconst, .. } => constant(dfg, value),
            InstructionData::Binary { opcode, args: [a, b] } => match opcode {
                Opcode::Band => Some(of(a).min(of(b))),
                // All bits below the highest one.
                Opcode::Bor | Opcode::Bxor => {
                    Some((of(a) | of(b)).checked_ilog2().map_or(0, |top| u64::MAX >> (63 - top)))
                }
                Opcode::Iadd => of(a).checked_add(of(b)),
                Opcode::Imul => of(a).checked_mul(of(b)),
                Opcode::Ishl => shift(b).and_then(|by| of(a).checked_mul(1 << by)),
                Opcode::Ushr => shift(b).map(|by| of(a) >> by),
                Opcode::Urem => divisor(b).map(|by| of(a).min(by - 1)),
                Opcode::Udiv => divisor(b).map(|by| of(a) / by),
                _ => None,
            },
            InstructionData::Unary { opcode, arg } => match opcode {
                // The low half of something that fits there is all of it.
                Opcode::Uextend | Opcode::Ireduce => Some(of(arg)),
                Opcode::Popcnt | Opcode::Clz | Opcode::Ctz => Some(bits),
                _ => None,
            },
            InstructionData::Ternary { opcode: Opcode::Select, args: [_, a, b] } => Some(of(a).max(of(b))),
            InstructionData::IntCompare { .. } | InstructionData::FloatCompare { .. } => Some(1),
            InstructionData::Load { opcode: Opcode::Uload8, .. } => Some(all_ones(I8)),
            InstructionData::Load { opcode: Opcode::Uload16, .. } => Some(all_ones(I16)),
            InstructionData::Load { opcode: Opcode::Uload32, .. } => Some(all_ones(I32)),
            _ => None,
        };
        most.filter(|&most| most <= all).unwrap_or(all)
    }
}

/// The instruction that a value is the result of.
fn instruction(dfg: &DataFlowGraph, value: Value) -> Option<&InstructionData> {
    match dfg.value_def(dfg.resolve_aliases(value)) {
        ValueDef::Result(inst, _) => Some(&dfg.insts[inst]),
        ValueDef::Param(..) | ValueDef::Union(..) => None,
    }
}
