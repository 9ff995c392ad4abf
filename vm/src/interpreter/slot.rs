//! Values in registers, and what the meaning of an opcode yields.

use bytecode_spec::TrapCause;

/// A type that a register may hold: how it lies in the 64-bit slot.
pub(crate) trait Slot {
    fn from_slot(slot: u64) -> Self;
    fn into_slot(self) -> u64;
}

macro_rules! slots {
    ($($ty:ty: $slot:ident => $from:expr, $value:ident => $into:expr;)*) => { $(
        impl Slot for $ty {
            #[inline(always)]
            fn from_slot($slot: u64) -> $ty {
                $from
            }

            #[inline(always)]
            fn into_slot(self) -> u64 {
                let $value = self;
                $into
            }
        }
    )* };
}

slots! {
    i32: slot => slot as i32, value => u64::from(value as u32);
    i64: slot => slot as i64, value => value as u64;
    f32: slot => f32::from_bits(slot as u32), value => u64::from(value.to_bits());
    f64: slot => f64::from_bits(slot), value => value.to_bits();
    // The result of a comparison: an i32.
    bool: slot => slot != 0, value => u64::from(value);
}

/// What a function of [`semantics`](bytecode_spec::semantics) gives: a value, or one or a trap.
pub(super) trait Outcome {
    type Value;
    fn outcome(self) -> Result<Self::Value, TrapCause>;
}

macro_rules! outcomes {
    ($($ty:ty)*) => { $(
        impl Outcome for $ty {
            type Value = $ty;

            #[inline(always)]
            fn outcome(self) -> Result<$ty, TrapCause> {
                Ok(self)
            }
        }
    )* };
}

outcomes!(i32 i64 f32 f64 bool);

impl<T> Outcome for Result<T, TrapCause> {
    type Value = T;

    #[inline(always)]
    fn outcome(self) -> Result<T, TrapCause> {
        self
    }
}
