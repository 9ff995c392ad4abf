//! The kinds of operands as types: what the typed operands of shapes are read into and encoded from.

use super::{LANES_PER_WORD, Words};
use crate::trap::TrapCause;
use crate::types::{DataIndex, ElemIndex, FuncIndex, GlobalIndex, Reg, TableIndex, TypeIndex};

/// A list operand: where its elements are, in lanes from the start of the instruction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct List {
    /// Lane of the first element.
    pub first: u32,
    /// Number of elements.
    pub len: u32,
}

impl List {
    /// Element `i` of a register list.
    #[inline(always)]
    pub fn reg(self, words: impl Words, i: u32) -> Reg {
        Reg(words.lane((self.first + i) as usize))
    }

    /// Element `i` of a target list.
    #[inline(always)]
    pub fn target(self, words: impl Words, i: u32) -> i32 {
        words.half((self.first + 2 * i) as usize) as i32
    }

    /// The registers of a register list.
    #[inline(always)]
    pub fn regs(self, words: impl Words) -> impl Iterator<Item = Reg> {
        (0..self.len).map(move |i| self.reg(words, i))
    }
}

/// Where the lists of an instruction go: behind the fixed part, one after the other.
#[derive(Clone, Copy)]
pub struct Tail {
    pub(super) next: usize,
}

impl Tail {
    #[inline(always)]
    pub(super) fn uses(&mut self, len: usize) -> usize {
        let first = self.next;
        self.next += len;
        first
    }

    #[inline(always)]
    pub(super) fn defs(&mut self, len: usize) -> usize {
        self.next = (self.next + len).next_multiple_of(LANES_PER_WORD);
        self.next - len
    }

    #[inline(always)]
    pub(super) fn targets(&mut self, len: usize) -> usize {
        let first = self.next.next_multiple_of(2);
        self.next = first + 2 * len;
        first
    }

    #[inline(always)]
    pub(super) const fn words(self) -> usize {
        self.next.div_ceil(LANES_PER_WORD)
    }
}

/// A kind of operand as a type, for the typed operands of shapes.
pub trait Field {
    type Value;
    fn read(words: impl Words, lane: usize, tail: &mut Tail) -> Self::Value;

    /// What an encoder is given.
    type Arg<'a>: Copy;
    /// The bits of the fixed part.
    fn fixed(arg: Self::Arg<'_>) -> u64;
    /// Appends the elements of a list to an instruction whose fixed part stands at `start`.
    #[inline(always)]
    fn append(arg: Self::Arg<'_>, code: &mut Vec<u64>, start: usize, tail: &mut Tail) {
        let _ = (arg, code, start, tail);
    }
}

/// Writes a lane of the instruction at `start`, which grows as needed.
#[inline(always)]
fn put_lane(code: &mut Vec<u64>, start: usize, lane: usize, bits: u16) {
    let word = start + lane / LANES_PER_WORD;
    if word >= code.len() {
        code.resize(word + 1, 0);
    }
    code[word] |= u64::from(bits) << (16 * (lane % LANES_PER_WORD));
}

macro_rules! fields {
    ($($name:ident: $value:ty = |$words:ident, $lane:ident, $tail:ident| $read:expr;
       $arg:ty: |$given:pat_param| $fixed:expr $(, |$code:ident, $start:ident, $end:ident| $append:expr)?;)*) => {
        /// The kinds as types.
        pub(super) mod field { $( #[expect(unnameable_types, reason = "names of kinds")] pub enum $name {} )* }
        /// The Rust type of each kind of operand.
        pub(super) mod value {
            use super::*;
            $( pub(crate) type $name = $value; )*
        }
        /// The Rust type of each kind of operand, as an encoder is given it.
        pub(super) mod arg {
            use super::*;
            $( pub(crate) type $name<'a> = <field::$name as Field>::Arg<'a>; )*
        }
        $( impl Field for field::$name {
            type Value = $value;
            #[inline(always)]
            fn read($words: impl Words, $lane: usize, $tail: &mut Tail) -> $value { $read }

            type Arg<'a> = $arg;
            #[inline(always)]
            fn fixed($given: Self::Arg<'_>) -> u64 { $fixed as u64 }
            $(
                #[inline(always)]
                fn append($given: Self::Arg<'_>, $code: &mut Vec<u64>, $start: usize, $end: &mut Tail) { $append }
            )?
        } )*
    };
}

fields! {
    Def: Reg = |words, lane, _tail| Reg(words.lane(lane)); Reg: |reg| reg.0;
    Use: Reg = |words, lane, _tail| Reg(words.lane(lane)); Reg: |reg| reg.0;
    Imm64: u64 = |words, lane, _tail| words.word(lane); u64: |bits| bits;
    Imm32: i32 = |words, lane, _tail| words.half(lane) as i32; i32: |value| value as u32;
    Target: i32 = |words, lane, _tail| words.half(lane) as i32; i32: |words| words as u32;
    Feedback: u32 = |_words, lane, _tail| lane as u32; (): |()| 0;
    Func: FuncIndex = |words, lane, _tail| FuncIndex(words.half(lane)); FuncIndex: |index| index.0;
    FuncDefined: FuncIndex = |words, lane, _tail| FuncIndex(words.half(lane)); FuncIndex: |index| index.0;
    FuncImport: FuncIndex = |words, lane, _tail| FuncIndex(words.half(lane)); FuncIndex: |index| index.0;
    Type: TypeIndex = |words, lane, _tail| TypeIndex(words.half(lane)); TypeIndex: |index| index.0;
    Table: TableIndex = |words, lane, _tail| TableIndex(u32::from(words.lane(lane))); TableIndex: |index| index.0 as u16;
    Memory: u16 = |words, lane, _tail| words.lane(lane); u16: |index| index;
    Global: GlobalIndex = |words, lane, _tail| GlobalIndex(words.half(lane)); GlobalIndex: |index| index.0;
    GlobalMut: GlobalIndex = |words, lane, _tail| GlobalIndex(words.half(lane)); GlobalIndex: |index| index.0;
    Data: DataIndex = |words, lane, _tail| DataIndex(words.half(lane)); DataIndex: |index| index.0;
    Elem: ElemIndex = |words, lane, _tail| ElemIndex(words.half(lane)); ElemIndex: |index| index.0;
    Offset: u32 = |words, lane, _tail| words.half(lane); u32: |bytes| bytes;
    Shift: u16 = |words, lane, _tail| words.lane(lane); u16: |bits| bits;
    Cause: u16 = |words, lane, _tail| words.lane(lane); TrapCause: |cause| cause.code();
    Uses: List = |words, lane, tail| {
        let len = words.lane(lane);
        List { first: tail.uses(usize::from(len)) as u32, len: u32::from(len) }
    };
    &'a [Reg]: |regs| regs.len() as u16, |code, start, tail| {
        let first = tail.uses(regs.len());
        (first..).zip(regs).for_each(|(lane, reg)| put_lane(code, start, lane, reg.0));
    };
    Defs: List = |words, lane, tail| {
        let len = words.lane(lane);
        List { first: tail.defs(usize::from(len)) as u32, len: u32::from(len) }
    };
    &'a [Reg]: |regs| regs.len() as u16, |code, start, tail| {
        let first = tail.defs(regs.len());
        (first..).zip(regs).for_each(|(lane, reg)| put_lane(code, start, lane, reg.0));
    };
    Targets: List = |words, lane, tail| {
        let len = words.half(lane);
        List { first: tail.targets(len as usize) as u32, len }
    };
    &'a [i32]: |targets| targets.len() as u32, |code, start, tail| {
        let first = tail.targets(targets.len());
        (first..).step_by(2).zip(targets).for_each(|(lane, &target)| {
            put_lane(code, start, lane, target as u16);
            put_lane(code, start, lane + 1, (target >> 16) as u16);
        });
    };
}
