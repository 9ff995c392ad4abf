//! What the numeric opcodes mean.
//!
//! Invariant: the meaning of a numeric opcode is written here and nowhere else. The interpreter, the helpers
//! of compiled code and constant folding call these functions; tests compare machine code with them.
//!
//! Every function is total and pure: what can trap returns the cause. Operands and results are signed, an
//! unsigned operation reinterprets them; what a branch can test returns a `bool`.
//!
//! NaNs: a result that is a NaN is a quiet one, except that moving bits (loads, stores, reinterpretations,
//! `abs`, `neg`, `copysign`) keeps them all. Machines make NaNs quiet, Rust need not: `+ - * /`, on the hot
//! path, rely on the machine, and everything else sets the quiet bit itself.
//!
//! Source: the WebAssembly 2.0 specification, section 4.3; fused tests and indexed addresses are our own.

use crate::trap::TrapCause;

/// Defines every row for both integer types. In a row, `Int` is the operand type and `Uint` its unsigned
/// counterpart.
macro_rules! integers {
    ($($(#[doc = $doc:literal])+ $i32:ident $i64:ident ($($operand:ident),+) -> $result:ty $body:block)+) => {
        mod of_i32 {
            use super::TrapCause;
            type Int = i32;
            type Uint = u32;
            $($(#[doc = $doc])+ #[inline(always)] pub fn $i32($($operand: Int),+) -> $result $body)+
        }
        mod of_i64 {
            use super::TrapCause;
            type Int = i64;
            type Uint = u64;
            $($(#[doc = $doc])+ #[inline(always)] pub fn $i64($($operand: Int),+) -> $result $body)+
        }
        pub use of_i32::*;
        pub use of_i64::*;
    };
}

integers! {
    /// `a + b`, wrapping.
    i32_add i64_add (a, b) -> Int { a.wrapping_add(b) }
    /// `a - b`, wrapping.
    i32_sub i64_sub (a, b) -> Int { a.wrapping_sub(b) }
    /// `a * b`, wrapping.
    i32_mul i64_mul (a, b) -> Int { a.wrapping_mul(b) }
    /// Signed quotient rounded towards zero; traps when `b` is zero or the quotient overflows.
    i32_div_s i64_div_s (a, b) -> Result<Int, TrapCause> {
        if b == 0 {
            return Err(TrapCause::IntegerDivideByZero);
        }
        a.checked_div(b).ok_or(TrapCause::IntegerOverflow)
    }
    /// Unsigned quotient rounded towards zero; traps when `b` is zero.
    i32_div_u i64_div_u (a, b) -> Result<Int, TrapCause> {
        match (a as Uint).checked_div(b as Uint) {
            Some(quotient) => Ok(quotient as Int),
            None => Err(TrapCause::IntegerDivideByZero),
        }
    }
    /// Signed remainder with the sign of `a`, zero for `MIN` by -1; traps when `b` is zero.
    i32_rem_s i64_rem_s (a, b) -> Result<Int, TrapCause> {
        if b == 0 {
            return Err(TrapCause::IntegerDivideByZero);
        }
        Ok(a.wrapping_rem(b))
    }
    /// Unsigned remainder; traps when `b` is zero.
    i32_rem_u i64_rem_u (a, b) -> Result<Int, TrapCause> {
        match (a as Uint).checked_rem(b as Uint) {
            Some(remainder) => Ok(remainder as Int),
            None => Err(TrapCause::IntegerDivideByZero),
        }
    }
    /// Bitwise and.
    i32_and i64_and (a, b) -> Int { a & b }
    /// Bitwise or.
    i32_or i64_or (a, b) -> Int { a | b }
    /// Bitwise exclusive or.
    i32_xor i64_xor (a, b) -> Int { a ^ b }
    /// `a` shifted left by `b` modulo the width.
    i32_shl i64_shl (a, b) -> Int { a.wrapping_shl(b as u32) }
    /// `a` shifted right by `b` modulo the width, filling with the sign.
    i32_shr_s i64_shr_s (a, b) -> Int { a.wrapping_shr(b as u32) }
    /// `a` shifted right by `b` modulo the width, filling with zeros.
    i32_shr_u i64_shr_u (a, b) -> Int { (a as Uint).wrapping_shr(b as u32) as Int }
    /// `a` rotated left by `b` modulo the width.
    i32_rotl i64_rotl (a, b) -> Int { a.rotate_left(b as u32 % Int::BITS) }
    /// `a` rotated right by `b` modulo the width.
    i32_rotr i64_rotr (a, b) -> Int { a.rotate_right(b as u32 % Int::BITS) }

    /// `a == b`
    i32_eq i64_eq (a, b) -> bool { a == b }
    /// `a != b`
    i32_ne i64_ne (a, b) -> bool { a != b }
    /// Signed `a < b`.
    i32_lt_s i64_lt_s (a, b) -> bool { a < b }
    /// Unsigned `a < b`.
    i32_lt_u i64_lt_u (a, b) -> bool { (a as Uint) < b as Uint }
    /// Signed `a > b`.
    i32_gt_s i64_gt_s (a, b) -> bool { a > b }
    /// Unsigned `a > b`.
    i32_gt_u i64_gt_u (a, b) -> bool { a as Uint > b as Uint }
    /// Signed `a <= b`.
    i32_le_s i64_le_s (a, b) -> bool { a <= b }
    /// Unsigned `a <= b`.
    i32_le_u i64_le_u (a, b) -> bool { a as Uint <= b as Uint }
    /// Signed `a >= b`.
    i32_ge_s i64_ge_s (a, b) -> bool { a >= b }
    /// Unsigned `a >= b`.
    i32_ge_u i64_ge_u (a, b) -> bool { a as Uint >= b as Uint }
    /// Whether `a` and `b` have a one bit in common.
    i32_any i64_any (a, b) -> bool { a & b != 0 }
    /// Whether `a` and `b` have no one bit in common.
    i32_none i64_none (a, b) -> bool { a & b == 0 }
    /// Whether `a` is zero.
    i32_eqz i64_eqz (a) -> bool { a == 0 }
    /// Whether `a` is not zero.
    i32_nez i64_nez (a) -> bool { a != 0 }

    /// Number of leading zero bits; the width for zero.
    i32_clz i64_clz (a) -> Int { a.leading_zeros() as Int }
    /// Number of trailing zero bits; the width for zero.
    i32_ctz i64_ctz (a) -> Int { a.trailing_zeros() as Int }
    /// Number of one bits.
    i32_popcnt i64_popcnt (a) -> Int { a.count_ones() as Int }
    /// The low 8 bits, sign-extended.
    i32_extend8_s i64_extend8_s (a) -> Int { a as i8 as Int }
    /// The low 16 bits, sign-extended.
    i32_extend16_s i64_extend16_s (a) -> Int { a as i16 as Int }
}

/// Defines every row for both float types. In a row, `Float` is the operand type, `SIGN` its sign bit and
/// `quiet` makes a NaN quiet.
macro_rules! floats {
    ($($(#[doc = $doc:literal])+ $f32:ident $f64:ident ($($operand:ident),+) -> $result:ty $body:block)+) => {
        #[expect(clippy::neg_cmp_op_on_partial_ord, reason = "negated comparisons hold for NaNs")]
        mod of_f32 {
            use super::quiet_f32 as quiet;
            type Float = f32;
            const SIGN: u32 = 1 << 31;
            $($(#[doc = $doc])+ #[inline(always)] pub fn $f32($($operand: Float),+) -> $result $body)+
        }
        #[expect(clippy::neg_cmp_op_on_partial_ord, reason = "negated comparisons hold for NaNs")]
        mod of_f64 {
            use super::quiet_f64 as quiet;
            type Float = f64;
            const SIGN: u64 = 1 << 63;
            $($(#[doc = $doc])+ #[inline(always)] pub fn $f64($($operand: Float),+) -> $result $body)+
        }
        pub use of_f32::*;
        pub use of_f64::*;
    };
}

floats! {
    /// `a + b`
    f32_add f64_add (a, b) -> Float { a + b }
    /// `a - b`
    f32_sub f64_sub (a, b) -> Float { a - b }
    /// `a * b`
    f32_mul f64_mul (a, b) -> Float { a * b }
    /// `a / b`
    f32_div f64_div (a, b) -> Float { a / b }
    /// The lesser operand, where -0 is less than +0; a NaN if either is one.
    f32_min f64_min (a, b) -> Float {
        if a < b {
            a
        } else if b < a {
            b
        } else if a == b {
            // Differ in the sign at most, as zeros: negative if either is.
            Float::from_bits(a.to_bits() | b.to_bits())
        } else {
            quiet(if a.is_nan() { a } else { b })
        }
    }
    /// The greater operand, where +0 is greater than -0; a NaN if either is one.
    f32_max f64_max (a, b) -> Float {
        if a > b {
            a
        } else if b > a {
            b
        } else if a == b {
            // Differ in the sign at most, as zeros: negative if both are.
            Float::from_bits(a.to_bits() & b.to_bits())
        } else {
            quiet(if a.is_nan() { a } else { b })
        }
    }
    /// `a` with the sign of `b`; every other bit is kept.
    f32_copysign f64_copysign (a, b) -> Float {
        Float::from_bits((a.to_bits() & !SIGN) | (b.to_bits() & SIGN))
    }

    /// `a == b`, false for NaNs.
    f32_eq f64_eq (a, b) -> bool { a == b }
    /// `a != b`, true for NaNs.
    f32_ne f64_ne (a, b) -> bool { a != b }
    /// `a < b`, false for NaNs.
    f32_lt f64_lt (a, b) -> bool { a < b }
    /// `a > b`, false for NaNs.
    f32_gt f64_gt (a, b) -> bool { a > b }
    /// `a <= b`, false for NaNs.
    f32_le f64_le (a, b) -> bool { a <= b }
    /// `a >= b`, false for NaNs.
    f32_ge f64_ge (a, b) -> bool { a >= b }
    /// Not `a < b`, true for NaNs.
    f32_nlt f64_nlt (a, b) -> bool { !(a < b) }
    /// Not `a > b`, true for NaNs.
    f32_ngt f64_ngt (a, b) -> bool { !(a > b) }
    /// Not `a <= b`, true for NaNs.
    f32_nle f64_nle (a, b) -> bool { !(a <= b) }
    /// Not `a >= b`, true for NaNs.
    f32_nge f64_nge (a, b) -> bool { !(a >= b) }

    /// `a` with the sign cleared; every other bit is kept.
    f32_abs f64_abs (a) -> Float { Float::from_bits(a.to_bits() & !SIGN) }
    /// `a` with the sign inverted; every other bit is kept.
    f32_neg f64_neg (a) -> Float { Float::from_bits(a.to_bits() ^ SIGN) }
    /// `a` rounded up to an integer.
    f32_ceil f64_ceil (a) -> Float { quiet(a.ceil()) }
    /// `a` rounded down to an integer.
    f32_floor f64_floor (a) -> Float { quiet(a.floor()) }
    /// `a` rounded towards zero to an integer.
    f32_trunc f64_trunc (a) -> Float { quiet(a.trunc()) }
    /// `a` rounded to the nearest integer, to the even one of two.
    f32_nearest f64_nearest (a) -> Float { quiet(a.round_ties_even()) }
    /// Square root.
    f32_sqrt f64_sqrt (a) -> Float { quiet(a.sqrt()) }
}

/// `a`, made quiet if it is a signalling NaN.
#[inline(always)]
fn quiet_f32(a: f32) -> f32 {
    if a.is_nan() { f32::from_bits(a.to_bits() | 1 << 22) } else { a }
}

/// `a`, made quiet if it is a signalling NaN.
#[inline(always)]
fn quiet_f64(a: f64) -> f64 {
    if a.is_nan() { f64::from_bits(a.to_bits() | 1 << 51) } else { a }
}

/// Defines every row as two functions, one that traps and one that saturates. What lies between the limits,
/// which are floats themselves, can be converted.
macro_rules! truncations {
    ($($trapping:ident $saturating:ident
       $float:ident -> $int:ident as $result:ident, $low:expr, $high:expr;)+) => {$(
        #[doc = concat!("`a`, truncated to `", stringify!($int), "`; traps if it is NaN or out of range.")]
        #[inline(always)]
        pub fn $trapping(a: $float) -> Result<$result, TrapCause> {
            if $low < a && a < $high {
                Ok(a as $int as $result)
            } else if a.is_nan() {
                Err(TrapCause::InvalidConversionToInteger)
            } else {
                Err(TrapCause::IntegerOverflow)
            }
        }

        #[doc = concat!("`a`, truncated to the nearest `", stringify!($int), "`; zero if it is NaN.")]
        #[inline(always)]
        pub fn $saturating(a: $float) -> $result {
            a as $int as $result
        }
    )+};
}

truncations! {
    i32_trunc_f32_s i32_trunc_sat_f32_s
        f32 -> i32 as i32, (i32::MIN as f32).next_down(), 2147483648.0;
    i32_trunc_f32_u i32_trunc_sat_f32_u
        f32 -> u32 as i32, -1.0, 4294967296.0;
    i32_trunc_f64_s i32_trunc_sat_f64_s
        f64 -> i32 as i32, -2147483649.0, 2147483648.0;
    i32_trunc_f64_u i32_trunc_sat_f64_u
        f64 -> u32 as i32, -1.0, 4294967296.0;
    i64_trunc_f32_s i64_trunc_sat_f32_s
        f32 -> i64 as i64, (i64::MIN as f32).next_down(), 9223372036854775808.0;
    i64_trunc_f32_u i64_trunc_sat_f32_u
        f32 -> u64 as i64, -1.0, 18446744073709551616.0;
    i64_trunc_f64_s i64_trunc_sat_f64_s
        f64 -> i64 as i64, (i64::MIN as f64).next_down(), 9223372036854775808.0;
    i64_trunc_f64_u i64_trunc_sat_f64_u
        f64 -> u64 as i64, -1.0, 18446744073709551616.0;
}

/// Defines every row as a function.
macro_rules! functions {
    ($($(#[doc = $doc:literal])+ $name:ident ($($operand:ident: $type:ty),+) -> $result:ty $body:block)+) => {
        $($(#[doc = $doc])+ #[inline(always)] pub fn $name($($operand: $type),+) -> $result $body)+
    };
}

functions! {
    /// The low 32 bits, sign-extended.
    i64_extend32_s(a: i64) -> i64 { a as i32 as i64 }
    /// The low 32 bits.
    i32_wrap_i64(a: i64) -> i32 { a as i32 }
    /// `a`, sign-extended.
    i64_extend_i32_s(a: i32) -> i64 { a as i64 }
    /// `a`, zero-extended.
    i64_extend_i32_u(a: i32) -> i64 { a as u32 as i64 }

    /// Signed `a` as a float, rounded to nearest, ties to even.
    f32_convert_i32_s(a: i32) -> f32 { a as f32 }
    /// Unsigned `a` as a float, rounded to nearest, ties to even.
    f32_convert_i32_u(a: i32) -> f32 { a as u32 as f32 }
    /// Signed `a` as a float, rounded to nearest, ties to even.
    f32_convert_i64_s(a: i64) -> f32 { a as f32 }
    /// Unsigned `a` as a float, rounded to nearest, ties to even.
    f32_convert_i64_u(a: i64) -> f32 { a as u64 as f32 }
    /// Signed `a` as a float, exact.
    f64_convert_i32_s(a: i32) -> f64 { a as f64 }
    /// Unsigned `a` as a float, exact.
    f64_convert_i32_u(a: i32) -> f64 { a as u32 as f64 }
    /// Signed `a` as a float, rounded to nearest, ties to even.
    f64_convert_i64_s(a: i64) -> f64 { a as f64 }
    /// Unsigned `a` as a float, rounded to nearest, ties to even.
    f64_convert_i64_u(a: i64) -> f64 { a as u64 as f64 }
    /// `a` rounded to single precision, ties to even.
    f32_demote_f64(a: f64) -> f32 { quiet_f32(a as f32) }
    /// `a` in double precision, exact.
    f64_promote_f32(a: f32) -> f64 { quiet_f64(a as f64) }

    /// The bits of `a`.
    i32_reinterpret_f32(a: f32) -> i32 { a.to_bits() as i32 }
    /// The bits of `a`.
    i64_reinterpret_f64(a: f64) -> i64 { a.to_bits() as i64 }
    /// The float with the bits `a`.
    f32_reinterpret_i32(a: i32) -> f32 { f32::from_bits(a as u32) }
    /// The float with the bits `a`.
    f64_reinterpret_i64(a: i64) -> f64 { f64::from_bits(a as u64) }

    /// The four bytes at an address, little-endian.
    i32_load(bytes: [u8; 4]) -> i32 { i32::from_le_bytes(bytes) }
    /// The byte at an address, sign-extended.
    i32_load8_s(bytes: [u8; 1]) -> i32 { i8::from_le_bytes(bytes) as i32 }
    /// The byte at an address, zero-extended.
    i32_load8_u(bytes: [u8; 1]) -> i32 { u8::from_le_bytes(bytes) as i32 }
    /// The two bytes at an address, little-endian, sign-extended.
    i32_load16_s(bytes: [u8; 2]) -> i32 { i16::from_le_bytes(bytes) as i32 }
    /// The two bytes at an address, little-endian, zero-extended.
    i32_load16_u(bytes: [u8; 2]) -> i32 { u16::from_le_bytes(bytes) as i32 }
    /// The eight bytes at an address, little-endian.
    i64_load(bytes: [u8; 8]) -> i64 { i64::from_le_bytes(bytes) }
    /// The byte at an address, sign-extended.
    i64_load8_s(bytes: [u8; 1]) -> i64 { i8::from_le_bytes(bytes) as i64 }
    /// The byte at an address, zero-extended.
    i64_load8_u(bytes: [u8; 1]) -> i64 { u8::from_le_bytes(bytes) as i64 }
    /// The two bytes at an address, little-endian, sign-extended.
    i64_load16_s(bytes: [u8; 2]) -> i64 { i16::from_le_bytes(bytes) as i64 }
    /// The two bytes at an address, little-endian, zero-extended.
    i64_load16_u(bytes: [u8; 2]) -> i64 { u16::from_le_bytes(bytes) as i64 }
    /// The four bytes at an address, little-endian, sign-extended.
    i64_load32_s(bytes: [u8; 4]) -> i64 { i32::from_le_bytes(bytes) as i64 }
    /// The four bytes at an address, little-endian, zero-extended.
    i64_load32_u(bytes: [u8; 4]) -> i64 { u32::from_le_bytes(bytes) as i64 }
    /// The float with the four bytes at an address, little-endian.
    f32_load(bytes: [u8; 4]) -> f32 { f32::from_bits(u32::from_le_bytes(bytes)) }
    /// The float with the eight bytes at an address, little-endian.
    f64_load(bytes: [u8; 8]) -> f64 { f64::from_bits(u64::from_le_bytes(bytes)) }

    /// All four bytes of `a`, little-endian.
    i32_store(a: i32) -> [u8; 4] { a.to_le_bytes() }
    /// The low byte of `a`.
    i32_store8(a: i32) -> [u8; 1] { (a as u8).to_le_bytes() }
    /// The low two bytes of `a`, little-endian.
    i32_store16(a: i32) -> [u8; 2] { (a as u16).to_le_bytes() }
    /// All eight bytes of `a`, little-endian.
    i64_store(a: i64) -> [u8; 8] { a.to_le_bytes() }
    /// The low byte of `a`.
    i64_store8(a: i64) -> [u8; 1] { (a as u8).to_le_bytes() }
    /// The low two bytes of `a`, little-endian.
    i64_store16(a: i64) -> [u8; 2] { (a as u16).to_le_bytes() }
    /// The low four bytes of `a`, little-endian.
    i64_store32(a: i64) -> [u8; 4] { (a as u32).to_le_bytes() }
    /// All four bytes of `a`, little-endian.
    f32_store(a: f32) -> [u8; 4] { a.to_bits().to_le_bytes() }
    /// All eight bytes of `a`, little-endian.
    f64_store(a: f64) -> [u8; 8] { a.to_bits().to_le_bytes() }

    /// Unsigned `base + offset` in 33 bits, in bytes.
    effective_address(base: i32, offset: u32) -> u64 { u64::from(base as u32) + u64::from(offset) }
    /// Unsigned `((base + (index << shift)) mod 2^32) + offset` in 33 bits, in bytes; `shift` is below 32.
    indexed_address(base: i32, index: i32, shift: u32, offset: u32) -> u64 {
        effective_address(base.wrapping_add(index.wrapping_shl(shift)), offset)
    }
}

#[cfg(test)]
mod tests;
