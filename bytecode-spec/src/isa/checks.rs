//! What the verifier asks of an opcode's operands, worked out from the table at compile time.
//!
//! For most operands it is the same question at another place: has the register at this lane that type, are those bits
//! zero? Asked as such, all at once, it costs a third of a walk over the operands that branches on the kind of each.

use super::{Kind, LANES_PER_WORD, MAX_FIXED_WORDS, OperandInfo, TypeRule};
use crate::types::ValType;

/// The most operands of an opcode that are registers of one type.
const MAX_TYPED: usize = 3;

/// What the verifier asks of an opcode's operands.
#[derive(Clone, Copy, Debug)]
pub struct Checks {
    /// Bits of the fixed words that are zero in a module: those of no operand, of feedback and memories, and the upper
    /// halves of 32-bit constants.
    pub zero_bits: [u64; MAX_FIXED_WORDS],
    /// Lanes and types of the registers for which the row asks one type, repeated where they are fewer.
    pub typed: Option<[(u8, ValType); MAX_TYPED]>,
    /// Whether the module must have a memory.
    pub memory: bool,
    /// The operands of which this does not say everything, as bits of their places.
    pub others: u8,
}

impl Checks {
    pub(super) const fn of(operands: &[OperandInfo], fixed_lanes: usize) -> Checks {
        let (mut memory, mut i) = (false, 0);
        while i < operands.len() {
            memory |= matches!(operands[i].kind, Kind::Memory);
            i += 1;
        }
        let zero_bits = zero_bits(operands, fixed_lanes);
        Checks { zero_bits, typed: typed(operands), memory, others: others(operands) }
    }
}

impl OperandInfo {
    /// The type of the register that it is, if the row asks for just one.
    pub const fn register_type(&self) -> Option<ValType> {
        match self.rule {
            Some(rule) if matches!(self.kind, Kind::Def | Kind::Use) => rule.fixed(),
            Some(_) | None => None,
        }
    }

    /// Whether it is a constant in 64 bits of which the upper half is zero.
    pub const fn is_narrow(&self) -> bool {
        matches!((self.kind, self.rule), (Kind::Imm64, Some(TypeRule::I32 | TypeRule::F32)))
    }
}

pub(super) const fn has_lists(operands: &[OperandInfo]) -> bool {
    let (mut found, mut i) = (false, 0);
    while i < operands.len() {
        found |= operands[i].kind.is_list();
        i += 1;
    }
    found
}

pub(super) const fn has_targets(operands: &[OperandInfo]) -> bool {
    let (mut found, mut i) = (false, 0);
    while i < operands.len() {
        found |= matches!(operands[i].kind, Kind::Target | Kind::Targets);
        i += 1;
    }
    found
}

pub(super) const fn use_lanes(operands: &[OperandInfo]) -> u16 {
    const { assert!(MAX_FIXED_WORDS * LANES_PER_WORD <= u16::BITS as usize) };
    let (mut lanes, mut i) = (0, 0);
    while i < operands.len() {
        if matches!(operands[i].kind, Kind::Use) {
            lanes |= 1 << operands[i].lane;
        }
        i += 1;
    }
    lanes
}

pub(super) const fn def_lanes(operands: &[OperandInfo]) -> u16 {
    let (mut lanes, mut i) = (0, 0);
    while i < operands.len() {
        if matches!(operands[i].kind, Kind::Def) {
            lanes |= 1 << operands[i].lane;
        }
        i += 1;
    }
    lanes
}

const fn zero_bits(operands: &[OperandInfo], fixed_lanes: usize) -> [u64; MAX_FIXED_WORDS] {
    let mut used = [false; MAX_FIXED_WORDS * LANES_PER_WORD];
    used[0] = true;
    let mut i = 0;
    while i < operands.len() {
        let lanes = if operands[i].is_narrow() { 2 } else { operands[i].kind.lanes() };
        let (mut lane, end) = (operands[i].lane as usize, operands[i].lane as usize + lanes);
        while lane < end {
            used[lane] = operands[i].kind.is_explicit();
            lane += 1;
        }
        i += 1;
    }
    // Lists start in what is left of the last fixed word.
    let end = if has_lists(operands) { fixed_lanes } else { fixed_lanes.next_multiple_of(LANES_PER_WORD) };
    let (mut bits, mut lane) = ([0; MAX_FIXED_WORDS], 0);
    while lane < end {
        if !used[lane] {
            bits[lane / LANES_PER_WORD] |= (u16::MAX as u64) << (16 * (lane % LANES_PER_WORD));
        }
        lane += 1;
    }
    bits
}

const fn typed(operands: &[OperandInfo]) -> Option<[(u8, ValType); MAX_TYPED]> {
    let mut typed = [(0, ValType::I32); MAX_TYPED];
    let (mut count, mut i) = (0, 0);
    while i < operands.len() {
        if let Some(ty) = operands[i].register_type() {
            typed[count] = (operands[i].lane, ty);
            count += 1;
        }
        i += 1;
    }
    if count == 0 {
        return None;
    }
    let mut i = count;
    while i < MAX_TYPED {
        typed[i] = typed[i - count];
        i += 1;
    }
    Some(typed)
}

const fn is_other(operand: &OperandInfo) -> bool {
    match operand.kind {
        Kind::Imm64 | Kind::Imm32 | Kind::Offset | Kind::Memory | Kind::Feedback => false,
        Kind::Def | Kind::Use => operand.register_type().is_none(),
        Kind::Target
        | Kind::Func
        | Kind::FuncDefined
        | Kind::FuncImport
        | Kind::Type
        | Kind::Table
        | Kind::Global
        | Kind::GlobalMut
        | Kind::Data
        | Kind::Elem
        | Kind::Shift
        | Kind::Cause
        | Kind::Uses
        | Kind::Defs
        | Kind::Targets => true,
    }
}

const fn others(operands: &[OperandInfo]) -> u8 {
    let (mut others, mut i) = (0, 0);
    while i < operands.len() {
        others |= (is_other(&operands[i]) as u8) << i;
        i += 1;
    }
    others
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::isa::Op;

    /// Whether the lanes of `operand` from the given one on must be zero.
    fn zero_from(op: Op, operand: &OperandInfo, first: usize) -> bool {
        let mut lanes = usize::from(operand.lane) + first..usize::from(operand.lane) + operand.kind.lanes();
        lanes.all(|lane| {
            let word = op.info().checks.zero_bits[lane / LANES_PER_WORD];
            word >> (16 * (lane % LANES_PER_WORD)) & 0xffff == 0xffff
        })
    }

    #[test]
    fn every_operand_is_checked_in_one_way() {
        for &op in Op::ALL {
            let checks = op.info().checks;
            for operand in op.info().operands() {
                let typed = operand.register_type().map(|ty| (operand.lane, ty));
                assert_eq!(
                    typed.is_some_and(|typed| checks.typed.is_some_and(|all| all.contains(&typed))),
                    typed.is_some(),
                    "{op:?} {}",
                    operand.name()
                );
                let other = checks.others >> operand.place & 1 == 1;
                let wholly_zero = matches!(operand.kind, Kind::Feedback | Kind::Memory);
                let any_value = matches!(operand.kind, Kind::Imm64 | Kind::Imm32 | Kind::Offset);
                assert_eq!(other, typed.is_none() && !wholly_zero && !any_value, "{op:?} {}", operand.name());
                assert_eq!(zero_from(op, operand, 0), wholly_zero, "{op:?} {}", operand.name());
                if operand.is_narrow() {
                    assert!(zero_from(op, operand, 2), "{op:?} {}", operand.name());
                }
                assert!(checks.memory || operand.kind != Kind::Memory, "{op:?}");
            }
        }
    }
}
