//! Parts of handlers: opcodes in the forms that have code of their own.
//!
//! A form is an opcode, a *kind*, what its code takes for granted (such as which way a branch goes), and which operand is in an
//! accumulator, if any.

use std::fmt;

use bytecode_spec::isa::{self, Words};
use bytecode_spec::{Op, Reg, ShapeKind, ValType};

use crate::template::operands::Lane;

/// A form of an opcode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Part {
    /// The opcode.
    pub op: Op,
    /// What its code takes for granted; the meaning depends on the shape.
    pub kind: u8,
    /// The lane of the operand that is in an accumulator; 0 for none.
    pub held: Lane,
}

/// Of values that may be of any type: integers and references, or floats.
pub(super) const FLOAT: u8 = 1;
/// Of jumps and branches: forwards, or backwards.
pub(super) const BACKWARD: u8 = 1;
/// Of accesses to memory: without an offset, or with one.
pub(super) const OFFSET: u8 = 1;
/// Of indexed accesses: any shift, and any offset.
const ANY_SHIFT: u8 = 2;
/// Of indexed accesses: a shift by what is accessed, without an offset and, one more, with one.
const NATURAL_SHIFT: u8 = 3;
/// Of calls: any number of arguments; below it, so many.
pub(super) const ANY_ARGUMENTS: u8 = 5;
/// Of returns: several results; below it, so many.
pub(super) const SEVERAL_RESULTS: u8 = 2;

/// The forms of an opcode, which follow one another.
#[derive(Clone, Copy)]
struct Forms {
    first: u16,
    kinds: u8,
    /// Lanes that may be in an accumulator, as bits.
    lanes: u16,
    /// How many forms a kind has: one, and one for each of these.
    each: u8,
}

const FORMS: [Forms; Op::ALL.len()] = {
    let mut forms = [Forms { first: 0, kinds: 0, lanes: 0, each: 0 }; Op::ALL.len()];
    let (mut i, mut next) = (0, 0);
    while i < forms.len() {
        let (kinds, lanes) = kinds_and_lanes(Op::ALL[i]);
        let each = lanes.count_ones() as u8 + 1;
        forms[i] = Forms { first: next, kinds, lanes, each };
        next += kinds as u16 * each as u16;
        i += 1;
    }
    forms
};

const fn kinds_and_lanes(op: Op) -> (u8, u16) {
    let lanes = op.info().use_lanes;
    match op.info().shape {
        ShapeKind::Move
        | ShapeKind::Select
        | ShapeKind::GlobalSet
        | ShapeKind::BranchUnary
        | ShapeKind::Branch
        | ShapeKind::BranchImm
        | ShapeKind::Load
        | ShapeKind::Store => (2, lanes),
        ShapeKind::GlobalGet | ShapeKind::Jump => (2, 0),
        ShapeKind::Unary
        | ShapeKind::Binary
        | ShapeKind::BinaryImm
        | ShapeKind::TableGet
        | ShapeKind::TableSet
        | ShapeKind::RefIsNull
        | ShapeKind::CallIndirect => (1, lanes),
        ShapeKind::LoadIndexed | ShapeKind::StoreIndexed => match natural_shift(op) {
            0 => (ANY_SHIFT + 1, lanes),
            _ => (NATURAL_SHIFT + 2, lanes),
        },
        ShapeKind::Call => (ANY_ARGUMENTS + 1, 0),
        ShapeKind::Ret => (SEVERAL_RESULTS + 1, 1 << RESULT),
        // A safepoint comes before they read their operands, or a helper does them.
        ShapeKind::BranchTable
        | ShapeKind::TailCall
        | ShapeKind::TailCallImport
        | ShapeKind::TailCallIndirect
        | ShapeKind::CallImport
        | ShapeKind::Nop
        | ShapeKind::Trap
        | ShapeKind::Const
        | ShapeKind::MemorySize
        | ShapeKind::MemoryGrow
        | ShapeKind::MemoryFill
        | ShapeKind::MemoryCopy
        | ShapeKind::MemoryInit
        | ShapeKind::DataDrop
        | ShapeKind::TableSize
        | ShapeKind::TableGrow
        | ShapeKind::TableFill
        | ShapeKind::TableCopy
        | ShapeKind::TableInit
        | ShapeKind::ElemDrop
        | ShapeKind::RefNull
        | ShapeKind::RefFunc => (1, 0),
    }
}

/// The lane of a return's only value.
pub(super) const RESULT: Lane = 2;

/// The shift of an index by what an indexed access accesses, by the digits in its mnemonic: `load8_u.i32`, `store.f64`.
const fn natural_shift(op: Op) -> u8 {
    let name = op.info().mnemonic().as_bytes();
    let mut i = 0;
    while !name[i].is_ascii_digit() {
        i += 1;
    }
    match name[i] {
        b'8' => 0,
        b'1' => 1,
        b'3' => 2,
        _ => 3,
    }
}

/// Such as `load.i32 (kind 1, addr in an accumulator)`.
impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.op.info().mnemonic())?;
        let kind = (FORMS[self.op as usize].kinds > 1).then(|| format!("kind {}", self.kind));
        let operand = self.op.info().operands().iter().find(|operand| operand.lane == self.held);
        let name = operand.map_or("value", |operand| operand.name());
        let held = (self.held != 0).then(|| format!("{name} in an accumulator"));
        match (kind, held) {
            (None, None) => Ok(()),
            (Some(what), None) | (None, Some(what)) => write!(f, " ({what})"),
            (Some(kind), Some(held)) => write!(f, " ({kind}, {held})"),
        }
    }
}

impl Part {
    /// How many there are.
    pub(super) const COUNT: usize = {
        let last = FORMS[Op::ALL.len() - 1];
        last.first as usize + last.kinds as usize * last.each as usize
    };

    /// Its number among them.
    #[inline(always)]
    pub(super) const fn number(self) -> usize {
        let forms = FORMS[self.op as usize];
        let place = match self.held {
            0 => 0,
            held => (forms.lanes & ((1 << held) - 1)).count_ones() as u16 + 1,
        };
        (forms.first + self.kind as u16 * forms.each as u16 + place) as usize
    }

    /// All of them, by their numbers.
    pub(super) const ALL: [Part; Part::COUNT] = {
        let mut all = [Part { op: Op::Nop, kind: 0, held: 0 }; Part::COUNT];
        let (mut i, mut number) = (0, 0);
        while i < Op::ALL.len() {
            let Forms { kinds, lanes, .. } = FORMS[i];
            let mut kind = 0;
            while kind < kinds {
                // Lane 0 is no operand's, and stands for none.
                let mut left = lanes | 1;
                while left != 0 {
                    all[number] = Part { op: Op::ALL[i], kind, held: left.trailing_zeros() as Lane };
                    assert!(all[number].number() == number, "in their order");
                    number += 1;
                    left &= left - 1;
                }
                kind += 1;
            }
            i += 1;
        }
        all
    };

    /// The form that an instruction is of, with nothing in an accumulator.
    pub(super) fn of(op: Op, words: &[u64], types: &[ValType]) -> Part {
        let is_float = |lane: Lane| {
            let ty = types[Reg(words.lane(lane.into())).index()];
            u8::from(matches!(ty, ValType::F32 | ValType::F64))
        };
        let is_backward = |target: Lane| u8::from(words.half(target.into()) as i32 <= 0);
        let has_offset = |offset: Lane| u8::from(words.half(offset.into()) != 0);
        let kind = match op.info().shape {
            ShapeKind::Move => is_float(isa::Move::LANES[0]),
            ShapeKind::Select => is_float(isa::Select::LANES[0]),
            ShapeKind::GlobalGet => is_float(isa::GlobalGet::LANES[0]),
            ShapeKind::GlobalSet => is_float(isa::GlobalSet::LANES[0]),
            ShapeKind::Jump => is_backward(isa::Jump::LANES[0]),
            ShapeKind::BranchUnary => is_backward(isa::BranchUnary::LANES[1]),
            ShapeKind::Branch => is_backward(isa::Branch::LANES[2]),
            ShapeKind::BranchImm => is_backward(isa::BranchImm::LANES[2]),
            ShapeKind::Load => has_offset(isa::Load::LANES[3]),
            ShapeKind::Store => has_offset(isa::Store::LANES[3]),
            ShapeKind::LoadIndexed | ShapeKind::StoreIndexed => {
                // Both have them at the same places.
                let [_, _, _, offset, shift, _] = isa::LoadIndexed::LANES;
                match words.lane(shift.into()) {
                    0 => has_offset(offset),
                    shift if shift == natural_shift(op).into() => NATURAL_SHIFT + has_offset(offset),
                    _ => ANY_SHIFT,
                }
            }
            ShapeKind::Call => words.lane(isa::Call::LANES[0].into()).min(ANY_ARGUMENTS.into()) as u8,
            ShapeKind::Ret => words.lane(isa::Ret::LANES[0].into()).min(SEVERAL_RESULTS.into()) as u8,
            ShapeKind::Nop
            | ShapeKind::Trap
            | ShapeKind::Const
            | ShapeKind::Unary
            | ShapeKind::Binary
            | ShapeKind::BinaryImm
            | ShapeKind::BranchTable
            | ShapeKind::MemorySize
            | ShapeKind::MemoryGrow
            | ShapeKind::MemoryFill
            | ShapeKind::MemoryCopy
            | ShapeKind::MemoryInit
            | ShapeKind::DataDrop
            | ShapeKind::TableGet
            | ShapeKind::TableSet
            | ShapeKind::TableSize
            | ShapeKind::TableGrow
            | ShapeKind::TableFill
            | ShapeKind::TableCopy
            | ShapeKind::TableInit
            | ShapeKind::ElemDrop
            | ShapeKind::RefNull
            | ShapeKind::RefIsNull
            | ShapeKind::RefFunc
            | ShapeKind::CallImport
            | ShapeKind::CallIndirect
            | ShapeKind::TailCall
            | ShapeKind::TailCallImport
            | ShapeKind::TailCallIndirect => 0,
        };
        Part { op, kind, held: 0 }
    }

    /// The lanes of operands that may be in an accumulator.
    #[inline(always)]
    pub(super) fn lanes(self) -> u16 {
        let has_one = self.op.info().shape != ShapeKind::Ret || self.kind == 1;
        if has_one { FORMS[self.op as usize].lanes } else { 0 }
    }

    /// The shift of an indexed access, and whether it has an offset; `None` for any.
    pub(super) fn shift(self) -> Option<u8> {
        match self.kind {
            ANY_SHIFT => None,
            NATURAL_SHIFT.. => Some(natural_shift(self.op)),
            _ => Some(0),
        }
    }

    /// Whether an access has no offset.
    pub(super) fn has_no_offset(self) -> bool {
        let shape = self.op.info().shape;
        if matches!(shape, ShapeKind::LoadIndexed | ShapeKind::StoreIndexed) {
            return matches!(self.kind, 0 | NATURAL_SHIFT);
        }
        matches!(shape, ShapeKind::Load | ShapeKind::Store) && self.kind != OFFSET
    }
}
