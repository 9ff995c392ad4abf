//! What each row of the table means, as a function over slots: for folding constants, and for tests of the tiers.
//!
//! ```
//! use bytecode_spec::{Op, meaning::{Meaning, meaning}};
//! let Meaning::Value(add) = meaning(Op::AddI32) else { panic!("it has a value") };
//! assert_eq!(add(&[u64::from(u32::MAX), 2]), Ok(1));
//! ```

use crate::isa::Op;
use crate::semantics;
use crate::slot::{Outcome, Slot};
use crate::trap::TrapCause;

/// The meaning of a row.
#[derive(Clone, Copy, Debug)]
pub enum Meaning {
    /// From inputs to the output, or a trap.
    Value(fn(&[u64]) -> Result<u64, TrapCause>),
    /// From inputs to whether the branch is taken.
    Test(fn(&[u64]) -> bool),
    /// How many bytes are loaded, and the output they give.
    Load(usize, fn(&[u8]) -> u64),
    /// From the value to the bytes that are stored.
    Store(fn(u64) -> Vec<u8>),
    /// No function of `semantics`: control, bulk operations, references and the like.
    Other,
}

/// The number of bytes that a function loads.
const fn loaded<const N: usize, R>(_: fn([u8; N]) -> R) -> usize {
    N
}

/// A row's meaning by its shape. Every shape is listed, so that a new one needs a decision here.
macro_rules! meaning_of {
    (Unary $f:ident) => {
        Meaning::Value(|inputs| semantics::$f(Slot::from_slot(inputs[0])).outcome())
    };
    (Binary $f:ident) => {
        Meaning::Value(|inputs| {
            semantics::$f(Slot::from_slot(inputs[0]), Slot::from_slot(inputs[1])).outcome()
        })
    };
    (BinaryImm $f:ident) => {
        meaning_of!(Binary $f)
    };
    (BranchUnary $f:ident) => {
        Meaning::Test(|inputs| semantics::$f(Slot::from_slot(inputs[0])))
    };
    (Branch $f:ident) => {
        Meaning::Test(|inputs| semantics::$f(Slot::from_slot(inputs[0]), Slot::from_slot(inputs[1])))
    };
    (BranchImm $f:ident) => {
        meaning_of!(Branch $f)
    };
    (Load $f:ident) => {
        Meaning::Load(loaded(semantics::$f), |bytes| {
            semantics::$f(bytes.try_into().expect("as many bytes as it says")).into_slot()
        })
    };
    (LoadIndexed $f:ident) => {
        meaning_of!(Load $f)
    };
    (Store $f:ident) => {
        Meaning::Store(|value| semantics::$f(Slot::from_slot(value)).to_vec())
    };
    (StoreIndexed $f:ident) => {
        meaning_of!(Store $f)
    };
    (Nop $f:ident) => { Meaning::Other };
    (Trap $f:ident) => { Meaning::Other };
    (Move $f:ident) => { Meaning::Other };
    (Const $f:ident) => { Meaning::Other };
    (Select $f:ident) => { Meaning::Other };
    (Jump $f:ident) => { Meaning::Other };
    (BranchTable $f:ident) => { Meaning::Other };
    (MemorySize $f:ident) => { Meaning::Other };
    (MemoryGrow $f:ident) => { Meaning::Other };
    (MemoryFill $f:ident) => { Meaning::Other };
    (MemoryCopy $f:ident) => { Meaning::Other };
    (MemoryInit $f:ident) => { Meaning::Other };
    (DataDrop $f:ident) => { Meaning::Other };
    (TableGet $f:ident) => { Meaning::Other };
    (TableSet $f:ident) => { Meaning::Other };
    (TableSize $f:ident) => { Meaning::Other };
    (TableGrow $f:ident) => { Meaning::Other };
    (TableFill $f:ident) => { Meaning::Other };
    (TableCopy $f:ident) => { Meaning::Other };
    (TableInit $f:ident) => { Meaning::Other };
    (ElemDrop $f:ident) => { Meaning::Other };
    (RefNull $f:ident) => { Meaning::Other };
    (RefIsNull $f:ident) => { Meaning::Other };
    (RefFunc $f:ident) => { Meaning::Other };
    (GlobalGet $f:ident) => { Meaning::Other };
    (GlobalSet $f:ident) => { Meaning::Other };
    (Call $f:ident) => { Meaning::Other };
    (CallImport $f:ident) => { Meaning::Other };
    (CallIndirect $f:ident) => { Meaning::Other };
    (TailCall $f:ident) => { Meaning::Other };
    (TailCallImport $f:ident) => { Meaning::Other };
    (TailCallIndirect $f:ident) => { Meaning::Other };
    (Ret $f:ident) => { Meaning::Other };
}

macro_rules! define {
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
        static MEANINGS: [Meaning; Op::ALL.len()] = [$($(meaning_of!($shape $meaning),)*)*];
    };
}

for_each_shape!(define);

/// The meaning of an opcode's row.
pub fn meaning(op: Op) -> Meaning {
    MEANINGS[op as usize]
}
