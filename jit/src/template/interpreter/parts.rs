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

/// What decides which kind of an opcode's forms an instruction is of.
#[derive(Clone, Copy)]
enum Rule {
    /// There is one kind.
    One,
    /// Whether the register at the lane is a float.
    Float(Lane),
    /// Which way the target at the lane lies.
    Target(Lane),
    /// Whether the offset at the lane is one.
    Offset(Lane),
    /// The shift and the offset of an indexed access that has this natural shift.
    Indexed(u8),
    /// How many arguments there are.
    Arguments,
    /// How many results there are.
    Results,
}

impl Rule {
    /// How many kinds there are.
    const fn kinds(self) -> u8 {
        match self {
            Rule::One => 1,
            Rule::Float(_) | Rule::Target(_) | Rule::Offset(_) => 2,
            Rule::Indexed(0) => ANY_SHIFT + 1,
            Rule::Indexed(_) => NATURAL_SHIFT + 2,
            Rule::Arguments => ANY_ARGUMENTS + 1,
            Rule::Results => SEVERAL_RESULTS + 1,
        }
    }
}

/// The forms of an opcode, which follow one another.
#[derive(Clone, Copy)]
struct Forms {
    first: u16,
    rule: Rule,
    /// Lanes that may be in an accumulator, as bits.
    lanes: u16,
    /// How many forms a kind has: one, and one for each of these.
    each: u8,
}

static FORMS: [Forms; Op::ALL.len()] = forms();

const fn forms() -> [Forms; Op::ALL.len()] {
    let mut forms = [Forms { first: 0, rule: Rule::One, lanes: 0, each: 0 }; Op::ALL.len()];
    let (mut i, mut next) = (0, 0);
    while i < forms.len() {
        let (rule, lanes) = rule_and_lanes(Op::ALL[i]);
        let each = lanes.count_ones() as u8 + 1;
        forms[i] = Forms { first: next, rule, lanes, each };
        next += rule.kinds() as u16 * each as u16;
        i += 1;
    }
    forms
}

const fn rule_and_lanes(op: Op) -> (Rule, u16) {
    let lanes = op.info().use_lanes;
    match op.info().shape {
        ShapeKind::Move => (Rule::Float(isa::Move::LANES[0]), lanes),
        ShapeKind::Select => (Rule::Float(isa::Select::LANES[0]), lanes),
        ShapeKind::GlobalGet => (Rule::Float(isa::GlobalGet::LANES[0]), 0),
        ShapeKind::GlobalSet => (Rule::Float(isa::GlobalSet::LANES[0]), lanes),
        ShapeKind::Jump => (Rule::Target(isa::Jump::LANES[0]), 0),
        ShapeKind::BranchUnary => (Rule::Target(isa::BranchUnary::LANES[1]), lanes),
        ShapeKind::Branch => (Rule::Target(isa::Branch::LANES[2]), lanes),
        ShapeKind::BranchImm => (Rule::Target(isa::BranchImm::LANES[2]), lanes),
        ShapeKind::Load => (Rule::Offset(isa::Load::LANES[3]), lanes),
        ShapeKind::Store => (Rule::Offset(isa::Store::LANES[3]), lanes),
        ShapeKind::LoadIndexed | ShapeKind::StoreIndexed => (Rule::Indexed(natural_shift(op)), lanes),
        ShapeKind::Unary
        | ShapeKind::Binary
        | ShapeKind::BinaryImm
        | ShapeKind::TableGet
        | ShapeKind::TableSet
        | ShapeKind::RefIsNull
        | ShapeKind::CallIndirect => (Rule::One, lanes),
        ShapeKind::Call => (Rule::Arguments, 0),
        ShapeKind::Ret => (Rule::Results, 1 << RESULT),
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
        | ShapeKind::RefFunc => (Rule::One, 0),
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
        let kind = (FORMS[self.op as usize].rule.kinds() > 1).then(|| format!("kind {}", self.kind));
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
        let last = forms()[Op::ALL.len() - 1];
        last.first as usize + last.rule.kinds() as usize * last.each as usize
    };

    /// Its number among them.
    #[inline(always)]
    pub(super) const fn number(self) -> usize {
        let forms = &FORMS[self.op as usize];
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
            let Forms { rule, lanes, .. } = FORMS[i];
            let mut kind = 0;
            while kind < rule.kinds() {
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
    #[inline(always)]
    pub(super) fn of(op: Op, words: &[u64], types: &[ValType]) -> Part {
        let has_offset = |offset: Lane| u8::from(words.half(offset.into()) != 0);
        let kind = match FORMS[op as usize].rule {
            Rule::One => 0,
            Rule::Float(lane) => {
                let ty = types[Reg(words.lane(lane.into())).index()];
                u8::from(matches!(ty, ValType::F32 | ValType::F64))
            }
            Rule::Target(target) => u8::from(words.half(target.into()) as i32 <= 0),
            Rule::Offset(offset) => has_offset(offset),
            Rule::Indexed(natural) => {
                // Loads and stores have them at the same places.
                let [_, _, _, offset, shift, _] = isa::LoadIndexed::LANES;
                match words.lane(shift.into()) {
                    0 => has_offset(offset),
                    shift if shift == natural.into() => NATURAL_SHIFT + has_offset(offset),
                    _ => ANY_SHIFT,
                }
            }
            Rule::Arguments => words.lane(isa::Call::LANES[0].into()).min(ANY_ARGUMENTS.into()) as u8,
            Rule::Results => words.lane(isa::Ret::LANES[0].into()).min(SEVERAL_RESULTS.into()) as u8,
        };
        Part { op, kind, held: 0 }
    }

    /// The lanes of operands that may be in an accumulator.
    #[inline(always)]
    pub(super) fn lanes(self) -> u16 {
        let Forms { rule, lanes, .. } = FORMS[self.op as usize];
        if matches!(rule, Rule::Results) && self.kind != 1 { 0 } else { lanes }
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
