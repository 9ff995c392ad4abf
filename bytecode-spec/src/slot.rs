//! How values lie in registers: every type in a 64-bit slot, 32-bit ones with the upper half zero.

use crate::trap::TrapCause;

/// A type of [`semantics`](crate::semantics), and its slot.
///
/// ```
/// use bytecode_spec::slot::Slot;
/// assert_eq!((-1i32).into_slot(), 0xffff_ffff);
/// assert_eq!(f64::from_slot(1.5f64.into_slot()), 1.5);
/// ```
pub trait Slot {
    /// The value in a slot.
    fn from_slot(slot: u64) -> Self;
    /// The slot of a value.
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

/// What a function of [`semantics`](crate::semantics) gives: a value, or one or a trap.
pub trait Outcome {
    /// The slot of the value, or the trap.
    fn outcome(self) -> Result<u64, TrapCause>;
}

impl<T: Slot> Outcome for T {
    #[inline(always)]
    fn outcome(self) -> Result<u64, TrapCause> {
        Ok(self.into_slot())
    }
}

impl<T: Slot> Outcome for Result<T, TrapCause> {
    #[inline(always)]
    fn outcome(self) -> Result<u64, TrapCause> {
        self.map(Slot::into_slot)
    }
}
