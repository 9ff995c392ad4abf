//! The instruction set, derived from [the table](crate::table): opcodes, operand kinds, layout, decoding, encoding
//! and the visitor of the compilers.
//!
//! An instruction is one or more 64-bit words, seen as 16-bit *lanes*, little-endian. Lane 0 is the opcode. Readers go
//! through [`Words`], so that the verifier reads a checked slice and the interpreter a raw pointer by 16-bit loads
//! (1.7 times faster than shifting the word), over one definition of where everything is.

mod checks;
mod fields;
mod forms;
mod rows;

use std::fmt;

use smallvec::SmallVec;

pub use self::checks::Checks;
pub use self::fields::List;
use self::fields::{Field, Tail, arg, field, value};
pub use self::rows::{OpRow, each_row};

use crate::types::{Reg, ValType};

/// Lanes in a word.
pub const LANES_PER_WORD: usize = 4;
/// The most words that an instruction's fixed part takes.
pub const MAX_FIXED_WORDS: usize = 3;

/// What an operand is: where it is encoded, what it may name, and how it is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// A register that is written; 16 bits.
    Def,
    /// A register that is read; 16 bits.
    Use,
    /// A constant of the row's type; 64 bits. The upper half is zero for 32-bit types.
    Imm64,
    /// A constant of the row's type, sign-extended; 32 bits.
    Imm32,
    /// Where to branch: words from the start of this instruction, signed; 32 bits.
    Target,
    /// A word that tier 0 records in: 64 bits, zero in a module.
    Feedback,
    /// A function of the module, defined or imported; 32 bits.
    Func,
    /// A function defined in the module; 32 bits.
    FuncDefined,
    /// An imported function; 32 bits.
    FuncImport,
    /// A function type of the module; 32 bits.
    Type,
    /// A table; 16 bits.
    Table,
    /// A memory; 16 bits, zero today.
    Memory,
    /// A global; 32 bits.
    Global,
    /// A mutable global; 32 bits.
    GlobalMut,
    /// A data segment; 32 bits.
    Data,
    /// An element segment; 32 bits.
    Elem,
    /// Bytes added to an address, unsigned; 32 bits.
    Offset,
    /// How far an index is shifted, 0 to 3; 16 bits.
    Shift,
    /// A trap cause, by code; 16 bits.
    Cause,
    /// A list of registers that are read: its length, 16 bits, and the registers behind the fixed operands.
    Uses,
    /// A list of registers that are written: its length, 16 bits, and the registers as the *last* lanes of the
    /// instruction, so that a return finds them from the return pc.
    Defs,
    /// A list of branch targets, the last one the default: its length, 32 bits, and the targets, 32 bits each.
    Targets,
}

impl Kind {
    /// Lanes that the fixed part of the operand takes; it is aligned to as many.
    pub const fn lanes(self) -> usize {
        match self {
            Kind::Def
            | Kind::Use
            | Kind::Table
            | Kind::Memory
            | Kind::Shift
            | Kind::Cause
            | Kind::Uses
            | Kind::Defs => 1,
            Kind::Imm32
            | Kind::Target
            | Kind::Func
            | Kind::FuncDefined
            | Kind::FuncImport
            | Kind::Type
            | Kind::Global
            | Kind::GlobalMut
            | Kind::Data
            | Kind::Elem
            | Kind::Offset
            | Kind::Targets => 2,
            Kind::Imm64 | Kind::Feedback => 4,
        }
    }

    /// Whether a program states the operand. Feedback belongs to the machine, and there is one memory.
    pub const fn is_explicit(self) -> bool {
        !matches!(self, Kind::Feedback | Kind::Memory)
    }

    /// Whether elements of the operand follow the fixed part.
    pub const fn is_list(self) -> bool {
        matches!(self, Kind::Uses | Kind::Defs | Kind::Targets)
    }

    /// Whether the row's inputs give the operand's type.
    const fn is_input(self) -> bool {
        matches!(self, Kind::Use | Kind::Imm64 | Kind::Imm32)
    }
}

/// The type that a row asks of an operand.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TypeRule {
    /// `i32`.
    I32,
    /// `i64`.
    I64,
    /// `f32`.
    F32,
    /// `f64`.
    F64,
    /// `funcref`.
    FuncRef,
    /// Any type, the same for every `T` of the instruction.
    T,
    /// Any reference type, the same for every `R` of the instruction.
    R,
}

impl TypeRule {
    /// The one type that satisfies the rule, if there is just one.
    pub const fn fixed(self) -> Option<ValType> {
        match self {
            TypeRule::I32 => Some(ValType::I32),
            TypeRule::I64 => Some(ValType::I64),
            TypeRule::F32 => Some(ValType::F32),
            TypeRule::F64 => Some(ValType::F64),
            TypeRule::FuncRef => Some(ValType::FuncRef),
            TypeRule::T | TypeRule::R => None,
        }
    }
}

impl fmt::Display for TypeRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.fixed() {
            Some(t) => t.fmt(f),
            None => write!(f, "{self:?}"),
        }
    }
}

/// What an opcode does beyond computing its outputs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Effect {
    /// Nothing.
    Pure = 0,
    /// Reads memory, tables or globals.
    Reads = 1,
    /// Writes memory, tables, globals or segments.
    Writes = 2,
    /// May trap.
    Traps = 4,
    /// Runs other code.
    Calls = 8,
    /// Polls: on a backward branch, or on entry to a callee.
    Safepoint = 16,
    /// Control does not go on to the next instruction.
    Ends = 32,
}

/// A set of [`Effect`]s.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Effects(u8);

impl Effects {
    /// The set of these effects.
    pub const fn of(effects: &[Effect]) -> Effects {
        let (mut bits, mut i) = (0, 0);
        while i < effects.len() {
            bits |= effects[i] as u8;
            i += 1;
        }
        Effects(bits)
    }

    /// Whether the effect is in the set; `Pure` is when nothing else is.
    #[inline(always)]
    pub const fn has(self, effect: Effect) -> bool {
        match effect {
            Effect::Pure => self.0 == 0,
            Effect::Reads
            | Effect::Writes
            | Effect::Traps
            | Effect::Calls
            | Effect::Safepoint
            | Effect::Ends => self.0 & effect as u8 != 0,
        }
    }

    /// The effects in the set, in a fixed order.
    pub fn iter(self) -> impl Iterator<Item = Effect> {
        use Effect::{Calls, Ends, Pure, Reads, Safepoint, Traps, Writes};
        [Pure, Reads, Writes, Traps, Calls, Safepoint, Ends].into_iter().filter(move |&e| self.has(e))
    }
}

/// One operand of an opcode.
#[derive(Clone, Copy, Debug)]
pub struct OperandInfo {
    /// Which operand of which shape it is.
    shape: ShapeKind,
    place: u8,
    /// What it is.
    pub kind: Kind,
    /// Lane where its fixed part starts.
    pub lane: u8,
    /// The type asked of it, for registers and constants.
    pub rule: Option<TypeRule>,
}

/// What the table says of an opcode. It has no pointers: those of a table would be relocated each time a program starts.
#[derive(Clone, Copy, Debug)]
pub struct OpInfo {
    /// The opcode.
    pub op: Op,
    /// Its shape.
    pub shape: ShapeKind,
    operands: [OperandInfo; MAX_OPERANDS],
    /// So many of them it has.
    operand_count: u8,
    /// Words of the fixed part, before lists.
    pub fixed_words: u8,
    /// Lanes of the fixed part before rounding up to words: lists start there.
    pub fixed_lanes: u8,
    /// Lanes of the fixed part that name registers that are read, as bits.
    pub use_lanes: u16,
    /// The same for registers that are written.
    pub def_lanes: u16,
    /// Whether it names targets.
    pub has_targets: bool,
    /// Whether lists follow the fixed part; without, the instruction is `fixed_words` long.
    pub has_lists: bool,
    /// What the verifier asks of its operands.
    pub checks: Checks,
    /// What it does beyond computing its outputs.
    pub effects: Effects,
}

/// The most operands of an opcode.
const MAX_OPERANDS: usize = 6;

impl OpInfo {
    /// Its operands in the order of their encoding.
    #[inline(always)]
    pub const fn operands(&self) -> &[OperandInfo] {
        self.operands.split_at(self.operand_count as usize).0
    }

    /// The operands that a program states, in the order in which [`Operand`]s are given and decoded.
    pub fn explicit(&self) -> impl Iterator<Item = &OperandInfo> {
        self.operands().iter().filter(|o| o.kind.is_explicit())
    }

    /// How many words the instruction takes whose first words these are; `None` if its lists do not end within
    /// `words`, or its fixed part does not.
    #[inline]
    pub fn length(&self, words: &[u64]) -> Option<usize> {
        let fixed = usize::from(self.fixed_words);
        if words.len() < fixed {
            return None;
        }
        if self.has_lists { self.length_with_lists(words) } else { Some(fixed) }
    }

    fn length_with_lists(&self, words: &[u64]) -> Option<usize> {
        let mut tail = Tail { next: usize::from(self.fixed_lanes) };
        for operand in self.operands() {
            let lane = usize::from(operand.lane);
            match operand.kind {
                Kind::Uses | Kind::Defs => tail.next += usize::from(words.lane(lane)),
                Kind::Targets => tail.next += 2 * words.half(lane) as usize,
                Kind::Def
                | Kind::Use
                | Kind::Imm64
                | Kind::Imm32
                | Kind::Target
                | Kind::Feedback
                | Kind::Func
                | Kind::FuncDefined
                | Kind::FuncImport
                | Kind::Type
                | Kind::Table
                | Kind::Memory
                | Kind::Global
                | Kind::GlobalMut
                | Kind::Data
                | Kind::Elem
                | Kind::Offset
                | Kind::Shift
                | Kind::Cause => {}
            }
        }
        let length = tail.words().max(self.fixed_words.into());
        (length <= words.len()).then_some(length)
    }
}

impl OpInfo {
    /// The register lists of the instruction that starts at `words`: those read, and those written; `None` for an
    /// opcode without such lists.
    pub fn lists(&self, words: &[u64]) -> Option<(List, List)> {
        self.operands().iter().find(|operand| operand.kind == Kind::Uses)?;
        let (uses, defs, _) = OpRow::of(words).lists(words);
        Some((uses, defs))
    }
}

/// Read access to an instruction's lanes, from its first word.
///
/// Lane numbers are those of the encoding; `half` and `word` are asked for lanes aligned to 2 and 4 only.
pub trait Words: Copy {
    /// A 16-bit lane.
    fn lane(self, lane: usize) -> u16;
    /// Two lanes.
    fn half(self, lane: usize) -> u32;
    /// Four lanes.
    fn word(self, lane: usize) -> u64;
}

/// Panics when the lane is beyond the slice.
impl Words for &[u64] {
    #[inline(always)]
    fn lane(self, lane: usize) -> u16 {
        (self[lane / LANES_PER_WORD] >> (16 * (lane % LANES_PER_WORD))) as u16
    }

    #[inline(always)]
    fn half(self, lane: usize) -> u32 {
        (self[lane / LANES_PER_WORD] >> (16 * (lane % LANES_PER_WORD))) as u32
    }

    #[inline(always)]
    fn word(self, lane: usize) -> u64 {
        self[lane / LANES_PER_WORD]
    }
}

/// The fixed part of an instruction, and perhaps words behind it.
pub type Fixed = [u64; MAX_FIXED_WORDS];

/// Panics when the lane is behind the fixed part.
impl Words for &Fixed {
    #[inline(always)]
    fn lane(self, lane: usize) -> u16 {
        self.as_slice().lane(lane)
    }

    #[inline(always)]
    fn half(self, lane: usize) -> u32 {
        self.as_slice().half(lane)
    }

    #[inline(always)]
    fn word(self, lane: usize) -> u64 {
        self.as_slice().word(lane)
    }
}

/// Lanes where operands of these kinds start, and the lane behind the last: each takes the next free place that is
/// aligned to its size, behind the opcode in lane 0.
pub const fn layout<const N: usize>(kinds: [Kind; N]) -> ([u8; N], u8) {
    let (mut lanes, mut next, mut i) = ([0; N], 1, 0);
    while i < N {
        let size = kinds[i].lanes();
        next = usize::next_multiple_of(next, size);
        lanes[i] = next as u8;
        next += size;
        i += 1;
    }
    (lanes, next as u8)
}

const fn operand_infos<const N: usize>(
    shape: ShapeKind,
    kinds: [Kind; N],
    inputs: &[TypeRule],
    outputs: &[TypeRule],
) -> [OperandInfo; MAX_OPERANDS] {
    let (lanes, _) = layout(kinds);
    let mut infos = [OperandInfo { shape, place: 0, kind: Kind::Def, lane: 0, rule: None }; MAX_OPERANDS];
    let (mut i, mut input, mut output) = (0, 0, 0);
    while i < N {
        let kind = kinds[i];
        let rule = if matches!(kind, Kind::Def) {
            output += 1;
            Some(outputs[output - 1])
        } else if kind.is_input() {
            input += 1;
            Some(inputs[input - 1])
        } else {
            None
        };
        infos[i] = OperandInfo { shape, place: i as u8, kind, lane: lanes[i], rule };
        i += 1;
    }
    assert!(input == inputs.len() && output == outputs.len(), "a row's types fit its shape");
    infos
}

macro_rules! define_isa {
    ($(
        $(#[doc = $shape_doc:literal])*
        $shape:ident($shape_op:ident) $visit:ident { $($field:ident: $kind:ident),* } $syntax:literal {
            $(
                $(#[doc = $doc:literal])*
                $code:literal $op:ident $mnemonic:literal
                ($($input:ident),*) -> ($($output:ident),*) [$($effect:ident)*] = $meaning:ident;
            )*
        }
    )*) => {
        /// An opcode.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u16)]
        pub enum Op { $($(
            $(#[doc = $doc])*
            $op = $code,
        )*)* }

        impl Op {
            /// Every opcode, in the order of the codes.
            pub const ALL: &[Op] = &[$($(Op::$op,)*)*];

            /// The opcode of that code.
            // A match, which compiles to no more than a comparison with the last code.
            #[inline(always)]
            pub const fn from_code(code: u16) -> Option<Op> {
                match code { $($($code => Some(Op::$op),)*)* _ => None }
            }

            /// What the table says of it.
            #[inline(always)]
            pub const fn info(self) -> &'static OpInfo {
                &INFOS[self as usize]
            }
        }

        static INFOS: [OpInfo; Op::ALL.len()] = [$($({
            const ALL: [OperandInfo; MAX_OPERANDS] = operand_infos(
                ShapeKind::$shape,
                $shape::KINDS,
                &[$(TypeRule::$input),*],
                &[$(TypeRule::$output),*],
            );
            const OPERANDS: &[OperandInfo] = ALL.split_at($shape::KINDS.len()).0;
            OpInfo {
                op: Op::$op,
                shape: ShapeKind::$shape,
                operands: ALL,
                operand_count: OPERANDS.len() as u8,
                fixed_words: $shape::FIXED_LANES.div_ceil(LANES_PER_WORD) as u8,
                fixed_lanes: $shape::FIXED_LANES as u8,
                use_lanes: checks::use_lanes(OPERANDS),
                def_lanes: checks::def_lanes(OPERANDS),
                has_targets: checks::has_targets(OPERANDS),
                has_lists: checks::has_lists(OPERANDS),
                checks: Checks::of(OPERANDS, $shape::FIXED_LANES),
                effects: Effects::of(&[$(Effect::$effect),*]),
            }
        },)*)*];

        impl OpInfo {
            /// Its name in Rust, such as `AddI64`.
            pub const fn name(&self) -> &'static str {
                match self.op { $($(Op::$op => stringify!($op),)*)* }
            }

            /// Its mnemonic in text, such as `add.i64`.
            pub const fn mnemonic(&self) -> &'static str {
                match self.op { $($(Op::$op => $mnemonic,)*)* }
            }

            /// What it does, in a sentence.
            pub const fn doc(&self) -> &'static str {
                match self.op { $($(Op::$op => concat!($($doc),*).trim_ascii(),)*)* }
            }

            /// The name of its meaning, which the forms of an operation share; such as `i32_add`.
            pub const fn meaning(&self) -> &'static str {
                match self.op { $($(Op::$op => stringify!($meaning),)*)* }
            }
        }

        impl OperandInfo {
            /// Its name in the shape, such as `dst`.
            pub const fn name(&self) -> &'static str {
                let names: &[&str] = match self.shape { $(ShapeKind::$shape => &$shape::NAMES,)* };
                names[self.place as usize]
            }
        }

        /// The shapes of the table, by name.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        pub enum ShapeKind { $(
            $(#[doc = $shape_doc])*
            $shape,
        )* }

        impl ShapeKind {
            /// Every shape, in the order of the table.
            pub const ALL: &[ShapeKind] = &[$(ShapeKind::$shape),*];

            /// The shape's name, such as `Binary`.
            pub const fn name(self) -> &'static str {
                match self { $(ShapeKind::$shape => stringify!($shape),)* }
            }

            /// What instructions of the shape do.
            pub const fn doc(self) -> &'static str {
                match self { $(ShapeKind::$shape => concat!($($shape_doc),*).trim_ascii(),)* }
            }

            /// How instructions of the shape are written: `{op}` stands for the mnemonic, `{name}` for operands.
            pub const fn syntax(self) -> &'static str {
                match self { $(ShapeKind::$shape => $syntax,)* }
            }

            /// The opcodes of the shape.
            pub const fn ops(self) -> &'static [Op] {
                match self { $(ShapeKind::$shape => &[$(Op::$op),*],)* }
            }
        }

        $(
            #[doc = concat!("The opcodes of shape [`", stringify!($shape), "`].")]
            #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
            #[repr(u16)]
            pub enum $shape_op { $(
                $(#[doc = $doc])*
                $op = $code,
            )* }

            impl $shape_op {
                /// Every opcode of the shape, in the order of the table.
                pub const ALL: &[$shape_op] = &[$($shape_op::$op),*];
            }

            impl From<$shape_op> for Op {
                #[inline(always)]
                fn from(op: $shape_op) -> Op {
                    match op { $($shape_op::$op => Op::$op,)* }
                }
            }

            $(#[doc = $shape_doc])*
            #[derive(Clone, Copy, Debug, PartialEq, Eq)]
            pub struct $shape { $(
                #[doc = concat!("Operand of kind [`Kind::", stringify!($kind), "`].")]
                pub $field: value::$kind,
            )* }

            impl $shape {
                const KINDS: [Kind; <[&str]>::len(&[$(stringify!($field)),*])] = [$(Kind::$kind),*];
                const NAMES: [&str; Self::KINDS.len()] = [$(stringify!($field)),*];
                /// The lane of each operand's fixed part, in the order of the fields.
                pub const LANES: [u8; Self::KINDS.len()] = layout(Self::KINDS).0;
                /// Lanes of the fixed part, the opcode's included.
                const FIXED_LANES: usize = layout(Self::KINDS).1 as usize;

                /// The operands of the instruction that starts at `words`, and its length in words.
                #[inline(always)]
                #[allow(unused_variables, unused_mut, reason = "shapes without operands")]
                pub fn read(words: impl Words) -> ($shape, usize) {
                    let [$($field),*] = Self::LANES;
                    let mut tail = Tail { next: Self::FIXED_LANES };
                    let operands = $shape { $(
                        $field: field::$kind::read(words, usize::from($field), &mut tail),
                    )* };
                    (operands, tail.words())
                }

                /// Appends an instruction of this shape to `code`. Operands are given in the order of the encoding: a
                /// list as a slice, a branch's feedback, which starts as zero, as `()`. Lists must fit their length
                /// fields; the verifier has the last word.
                #[inline(always)]
                #[allow(unused_variables, unused_mut, unused_assignments, reason = "shapes without operands")]
                #[allow(clippy::too_many_arguments, reason = "as many as the shape has operands")]
                pub fn encode(code: &mut Vec<u64>, op: Op, $($field: arg::$kind<'_>),*) {
                    debug_assert!(op.info().shape == ShapeKind::$shape, "{op:?} has another shape");
                    let start = code.len();
                    let mut words = [0; Self::FIXED_LANES.div_ceil(LANES_PER_WORD)];
                    words[0] = op as u64;
                    let mut lanes = Self::LANES.into_iter();
                    $(
                        let lane = usize::from(lanes.next().unwrap_or_default());
                        words[lane / LANES_PER_WORD] |=
                            field::$kind::fixed($field) << (16 * (lane % LANES_PER_WORD));
                    )*
                    code.extend_from_slice(&words);
                    let mut tail = Tail { next: Self::FIXED_LANES };
                    $( field::$kind::append($field, code, start, &mut tail); )*
                }
            }
        )*

        /// One method a shape, for what handles every instruction: a compiler without one of them does not compile.
        pub trait Visitor {
            /// What a visit yields.
            type Output;
            $(
                #[doc = concat!("Visits an instruction of shape [`", stringify!($shape), "`].")]
                fn $visit(&mut self, op: $shape_op, operands: $shape) -> Self::Output;
            )*
        }

        /// Visits the instruction with opcode `op` whose fixed part the visitor has; also gives its length in words. As [`visit`], but
        /// through a function of its own for each opcode, so that methods that are inlined know which it is.
        #[inline(always)]
        pub fn visit_apart<V: Visitor + AsRef<Fixed>>(op: Op, visitor: &mut V) -> (V::Output, usize) {
            let functions: &[fn(&mut V) -> (V::Output, usize); Op::ALL.len()] = &[$($(
                |visitor| {
                    let (operands, length) = $shape::read(visitor.as_ref());
                    (visitor.$visit($shape_op::$op, operands), length)
                },
            )*)*];
            functions[op as usize](visitor)
        }

        /// Visits the instruction with opcode `op` that starts at `words`; also gives its length in words.
        #[inline(always)]
        pub fn visit<V: Visitor>(op: Op, words: impl Words, visitor: &mut V) -> (V::Output, usize) {
            match op { $($(
                Op::$op => {
                    let (operands, length) = $shape::read(words);
                    (visitor.$visit($shape_op::$op, operands), length)
                }
            )*)* }
        }
    };
}

for_each_shape!(define_isa);

const _: () = {
    let mut i = 0;
    while i < Op::ALL.len() {
        assert!(Op::ALL[i] as usize == i, "opcodes are dense and in order");
        i += 1;
    }
};

impl Op {
    /// The opcode of that name in Rust, such as `AddI64`.
    pub fn from_name(name: &str) -> Option<Op> {
        Op::ALL.iter().copied().find(|op| op.info().name() == name)
    }
}

/// An operand as a value, for what handles operands of every kind: builder, assembler, printer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Operand {
    /// A register ([`Kind::Def`], [`Kind::Use`]).
    Reg(Reg),
    /// A constant: its bits, as in a register ([`Kind::Imm64`]), or a sign-extended integer ([`Kind::Imm32`]).
    Imm(u64),
    /// An index of a function, type, table, global or segment; an offset, shift or trap cause.
    Index(u32),
    /// A branch target, in words from the start of the instruction.
    Target(i32),
    /// A list of registers.
    Regs(SmallVec<[Reg; 8]>),
    /// A list of branch targets; the last is the default.
    Targets(Vec<i32>),
}

/// Sets the target of the branch that starts at `start` to `displacement` words from there.
///
/// # Panics
///
/// When no branch with one target starts there.
#[inline]
pub fn set_target(code: &mut [u64], start: usize, displacement: i32) {
    let op = Op::from_code(code[start] as u16).expect("an instruction starts there");
    let target = op.info().operands().iter().find(|operand| operand.kind == Kind::Target);
    set_half(&mut code[start..], target.expect("a branch").lane.into(), displacement as u32);
}

/// Sets element `index` of the targets of the branch table that starts at `start` to `displacement` words from there.
pub fn set_table_target(code: &mut [u64], start: usize, index: usize, displacement: i32) {
    let first = Tail { next: BranchTable::FIXED_LANES }.targets(0);
    set_half(&mut code[start..], first + 2 * index, displacement as u32);
}

/// Sets two lanes, the first of them an even one.
fn set_half(words: &mut [u64], lane: usize, bits: u32) {
    let (word, shift) = (lane / LANES_PER_WORD, 16 * (lane % LANES_PER_WORD));
    words[word] = words[word] & !(u64::from(u32::MAX) << shift) | u64::from(bits) << shift;
}

/// Appends an instruction to `code`. `operands` are the [explicit](OpInfo::explicit) ones, in order.
///
/// # Panics
///
/// When an operand is not of the form that its kind asks for, or a list or index does not fit its field. The function
/// builder checks both and is what programs should use.
pub fn encode(op: Op, operands: &[Operand], code: &mut Vec<u64>) {
    let info = op.info();
    let mut lanes: SmallVec<[u16; 32]> = SmallVec::from_elem(0, usize::from(info.fixed_lanes));
    lanes[0] = op as u16;
    let mut given = operands.iter();
    for operand in info.explicit() {
        let lane = usize::from(operand.lane);
        let value = given.next().unwrap_or_else(|| panic!("{} needs {}", info.mnemonic(), operand.name()));
        let mut put = |bits: u64| {
            for i in 0..operand.kind.lanes() {
                lanes[lane + i] = (bits >> (16 * i)) as u16;
            }
        };
        match value {
            Operand::Reg(reg) => put(reg.0.into()),
            Operand::Imm(bits) => put(*bits),
            Operand::Index(index) => {
                assert!(operand.kind.lanes() > 1 || *index <= u16::MAX.into(), "index too large");
                put((*index).into());
            }
            Operand::Target(words) => put(*words as u32 as u64),
            Operand::Regs(regs) => {
                put(u16::try_from(regs.len()).expect("list fits").into());
                let mut tail = Tail { next: lanes.len() };
                let first =
                    if operand.kind == Kind::Defs { tail.defs(regs.len()) } else { tail.uses(regs.len()) };
                lanes.resize(first, 0);
                lanes.extend(regs.iter().map(|r| r.0));
            }
            Operand::Targets(targets) => {
                put(targets.len() as u64);
                let first = Tail { next: lanes.len() }.targets(targets.len());
                lanes.resize(first, 0);
                lanes.extend(targets.iter().flat_map(|&t| [t as u16, (t >> 16) as u16]));
            }
        }
    }
    assert!(given.next().is_none(), "{} got too many operands", info.mnemonic());
    let words = lanes.len().div_ceil(LANES_PER_WORD).max(info.fixed_words.into());
    lanes.resize(words * LANES_PER_WORD, 0);
    code.extend(lanes.chunks_exact(LANES_PER_WORD).map(|lanes| {
        lanes.iter().enumerate().fold(0, |word, (i, &lane)| word | u64::from(lane) << (16 * i))
    }));
}

/// The explicit operands of the instruction with opcode `op` that starts at `words`, which must hold all of it (see
/// [`OpInfo::length`]).
pub fn decode(op: Op, words: &[u64]) -> SmallVec<[Operand; 6]> {
    let info = op.info();
    let mut tail = Tail { next: info.fixed_lanes.into() };
    info.explicit()
        .map(|operand| {
            let lane = usize::from(operand.lane);
            let regs = |list: List| Operand::Regs(list.regs(words).collect());
            match operand.kind {
                Kind::Def | Kind::Use => Operand::Reg(Reg(words.lane(lane))),
                Kind::Imm64 => Operand::Imm(words.word(lane)),
                Kind::Imm32 => Operand::Imm(words.half(lane) as i32 as i64 as u64),
                Kind::Target => Operand::Target(words.half(lane) as i32),
                Kind::Uses => regs(field::Uses::read(words, lane, &mut tail)),
                Kind::Defs => regs(field::Defs::read(words, lane, &mut tail)),
                Kind::Targets => {
                    let list = field::Targets::read(words, lane, &mut tail);
                    Operand::Targets((0..list.len).map(|i| list.target(words, i)).collect())
                }
                Kind::Table | Kind::Shift | Kind::Cause => Operand::Index(words.lane(lane).into()),
                Kind::Func
                | Kind::FuncDefined
                | Kind::FuncImport
                | Kind::Type
                | Kind::Global
                | Kind::GlobalMut
                | Kind::Data
                | Kind::Elem
                | Kind::Offset => Operand::Index(words.half(lane)),
                Kind::Feedback | Kind::Memory => unreachable!("not explicit"),
            }
        })
        .collect()
}
