//! Edge values of every function.

use super::*;
use TrapCause::{IntegerDivideByZero, IntegerOverflow, InvalidConversionToInteger};
use core::fmt::Debug;
use core::hint::black_box;

/// Values whose bits all count: zeros have a sign, NaNs a payload.
trait Bits: Copy + Debug {
    fn bits(self) -> u64;
}
impl Bits for f32 {
    fn bits(self) -> u64 {
        self.to_bits().into()
    }
}
impl Bits for f64 {
    fn bits(self) -> u64 {
        self.to_bits()
    }
}

/// Rows of `call => result`.
macro_rules! equal {
    ($($call:expr => $want:expr;)+) => { $(assert_eq!($call, $want, "{}", stringify!($call));)+ };
}
/// Rows of `call => float`, compared bit for bit.
macro_rules! same_bits {
    ($($call:expr => $want:expr;)+) => { $({
        let (got, want) = ($call, $want);
        assert_eq!(got.bits(), want.bits(), "{} is {got:?}, not {want:?}", stringify!($call));
    })+ };
}

#[test]
fn integers_wrap() {
    equal! {
        i32_add(i32::MAX, 1) => i32::MIN;
        i64_add(i64::MAX, 1) => i64::MIN;
        i32_sub(i32::MIN, 1) => i32::MAX;
        i64_sub(i64::MIN, 1) => i64::MAX;
        i32_mul(i32::MIN, -1) => i32::MIN;
        i64_mul(i64::MIN, -1) => i64::MIN;
        i32_mul(0x1234_5678, 0x1000) => 0x4567_8000;
        i64_mul(1 << 40, 3 << 23) => i64::MIN;
        (i32_and(12, 10), i32_or(12, 10), i32_xor(12, 10)) => (8, 14, 6);
        (i64_and(-1, 10), i64_or(-1, 10), i64_xor(-1, 10)) => (10, -1, -11);
    }
}

#[test]
fn division_traps_at_its_edges_only() {
    equal! {
        i32_div_s(7, 0) => Err(IntegerDivideByZero);
        i32_div_s(i32::MIN, 0) => Err(IntegerDivideByZero);
        i32_div_s(i32::MIN, -1) => Err(IntegerOverflow);
        i32_div_s(i32::MIN, 1) => Ok(i32::MIN);
        i32_div_s(-7, 2) => Ok(-3);
        i64_div_s(i64::MIN, 0) => Err(IntegerDivideByZero);
        i64_div_s(i64::MIN, -1) => Err(IntegerOverflow);
        i64_div_s(i64::from(i32::MIN), -1) => Ok(1 << 31);
        i64_div_s(7, -2) => Ok(-3);
        i32_div_u(-1, 0) => Err(IntegerDivideByZero);
        i32_div_u(i32::MIN, -1) => Ok(0);
        i32_div_u(-1, 2) => Ok(i32::MAX);
        i64_div_u(-1, 0) => Err(IntegerDivideByZero);
        i64_div_u(i64::MIN, -1) => Ok(0);
        i64_div_u(-1, 2) => Ok(i64::MAX);
        i32_rem_s(7, 0) => Err(IntegerDivideByZero);
        i32_rem_s(i32::MIN, -1) => Ok(0);
        (i32_rem_s(-7, 2), i32_rem_s(7, -2)) => (Ok(-1), Ok(1));
        i64_rem_s(7, 0) => Err(IntegerDivideByZero);
        i64_rem_s(i64::MIN, -1) => Ok(0);
        (i64_rem_s(-7, 2), i64_rem_s(7, -2)) => (Ok(-1), Ok(1));
        i32_rem_u(7, 0) => Err(IntegerDivideByZero);
        i32_rem_u(-1, 10) => Ok(5);
        i64_rem_u(7, 0) => Err(IntegerDivideByZero);
        i64_rem_u(-1, 10) => Ok(5);
    }
}

#[test]
fn shift_counts_are_modulo_the_width() {
    equal! {
        (i32_shl(1, 31), i32_shl(1, 32), i32_shl(1, 33), i32_shl(1, -1)) => (i32::MIN, 1, 2, i32::MIN);
        (i64_shl(1, 63), i64_shl(1, 64), i64_shl(1, 65), i64_shl(1, -1)) => (i64::MIN, 1, 2, i64::MIN);
        (i64_shl(1, 32), i64_shl(1, 1 << 32)) => (1 << 32, 1);
        (i32_shr_s(i32::MIN, 31), i32_shr_s(-8, 33), i32_shr_s(-8, 32)) => (-1, -4, -8);
        (i64_shr_s(i64::MIN, 63), i64_shr_s(-8, 65), i64_shr_s(-8, 64)) => (-1, -4, -8);
        (i32_shr_u(-1, 31), i32_shr_u(-1, 33), i32_shr_u(-1, 32)) => (1, i32::MAX, -1);
        (i64_shr_u(-1, 63), i64_shr_u(-1, 65), i64_shr_u(-1, 64)) => (1, i64::MAX, -1);
        (i32_rotl(0x1234_5678, 8), i32_rotl(7, 32), i32_rotl(i32::MIN, 33)) => (0x3456_7812, 7, 1);
        (i32_rotr(0x1234_5678, 8), i32_rotr(7, 32), i32_rotr(1, 33)) => (0x7812_3456, 7, i32::MIN);
        (i64_rotl(0x0123_4567_89ab_cdef, 4), i64_rotl(7, 64)) => (0x1234_5678_9abc_def0, 7);
        (i64_rotr(0x0123_4567_89ab_cde0, 68), i64_rotr(1, -63)) => (0x0012_3456_789a_bcde, i64::MIN);
    }
}

#[test]
fn bits_are_counted_and_signs_extended() {
    equal! {
        (i32_clz(0), i32_clz(1), i32_clz(-1)) => (32, 31, 0);
        (i64_clz(0), i64_clz(1), i64_clz(-1)) => (64, 63, 0);
        (i32_ctz(0), i32_ctz(1), i32_ctz(i32::MIN)) => (32, 0, 31);
        (i64_ctz(0), i64_ctz(1), i64_ctz(i64::MIN)) => (64, 0, 63);
        (i32_popcnt(0), i32_popcnt(i32::MIN), i32_popcnt(-1)) => (0, 1, 32);
        (i64_popcnt(0), i64_popcnt(i64::MIN), i64_popcnt(-1)) => (0, 1, 64);
        (i32_extend8_s(0x7f), i32_extend8_s(0x1280)) => (0x7f, -0x80);
        (i64_extend8_s(0x7f), i64_extend8_s(0x1280)) => (0x7f, -0x80);
        (i32_extend16_s(0x7fff), i32_extend16_s(0x12_8000)) => (0x7fff, -0x8000);
        (i64_extend16_s(0x7fff), i64_extend16_s(0x12_8000)) => (0x7fff, -0x8000);
        (i64_extend32_s(0x7fff_ffff), i64_extend32_s(0x12_8000_0000)) => (0x7fff_ffff, -0x8000_0000);
        (i64_extend_i32_s(-1), i64_extend_i32_u(-1)) => (-1, 0xffff_ffff);
        i32_wrap_i64(0x12_ffff_fffe) => -2;
    }
}

#[test]
fn comparisons() {
    // Per row: a, b and whether eq, signed lt, unsigned lt.
    for (a, b, eq, lt_s, lt_u) in [
        (0, 0, true, false, false),
        (-1, -1, true, false, false),
        (0, 1, false, true, true),
        (-1, 1, false, true, false),
        (1, -1, false, false, true),
        (i32::MIN, i32::MAX, false, true, false),
        (i32::MAX, i32::MIN, false, false, true),
    ] {
        equal! {
            (i32_eq(a, b), i32_ne(a, b)) => (eq, !eq);
            (i32_lt_s(a, b), i32_ge_s(a, b)) => (lt_s, !lt_s);
            (i32_gt_s(b, a), i32_le_s(b, a)) => (lt_s, !lt_s);
            (i32_lt_u(a, b), i32_ge_u(a, b)) => (lt_u, !lt_u);
            (i32_gt_u(b, a), i32_le_u(b, a)) => (lt_u, !lt_u);
            (i32_eqz(a), i32_nez(a)) => (a == 0, a != 0);
        }
        let (a, b) = (i64::from(a) << 32, i64::from(b) << 32);
        equal! {
            (i64_eq(a, b), i64_ne(a, b)) => (eq, !eq);
            (i64_lt_s(a, b), i64_ge_s(a, b)) => (lt_s, !lt_s);
            (i64_gt_s(b, a), i64_le_s(b, a)) => (lt_s, !lt_s);
            (i64_lt_u(a, b), i64_ge_u(a, b)) => (lt_u, !lt_u);
            (i64_gt_u(b, a), i64_le_u(b, a)) => (lt_u, !lt_u);
            (i64_eqz(a), i64_nez(a)) => (a == 0, a != 0);
        }
    }
    equal! {
        (i32_any(6, 12), i32_none(6, 12), i32_any(6, 9), i32_none(6, 9)) => (true, false, false, true);
        (i64_any(-1, 1 << 40), i64_none(-1, 1 << 40)) => (true, false);
        (i64_any(1 << 40, 1), i64_none(1 << 40, 1)) => (false, true);
    }
}

/// Everything that is the same for both float types.
macro_rules! float_tests {
    ($module:ident $float:ident,
     signalling $signalling:literal, quiet $quiet:literal, limit $limit:literal,
     unary $abs:ident $neg:ident $ceil:ident $floor:ident $trunc:ident $nearest:ident $sqrt:ident,
     binary $add:ident $sub:ident $mul:ident $div:ident $min:ident $max:ident $copysign:ident,
     tests $eq:ident $ne:ident $lt:ident $gt:ident $le:ident $ge:ident,
     negated $nlt:ident $ngt:ident $nle:ident $nge:ident) => {
        mod $module {
            use super::*;
            const SIGNALLING: $float = $float::from_bits($signalling);
            const QUIET: $float = $float::from_bits($quiet);
            /// Of a magnitude from which on floats are integers.
            const LIMIT: $float = $limit;

            #[test]
            fn arithmetic_quiets_nans() {
                for f in [$ceil, $floor, $trunc, $nearest, $sqrt] {
                    same_bits! {
                        f(black_box(SIGNALLING)) => QUIET;
                        f(black_box(QUIET)) => QUIET;
                    }
                }
                let quiet_bit = QUIET.bits() ^ SIGNALLING.bits();
                for f in [$add, $sub, $mul, $div, $min, $max] {
                    for other in [0.0, 1.0, $float::INFINITY, QUIET, SIGNALLING] {
                        let results = [
                            f(black_box(SIGNALLING), black_box(other)),
                            f(black_box(other), black_box(SIGNALLING)),
                        ];
                        for got in results {
                            assert!(got.is_nan() && got.bits() & quiet_bit != 0, "{:#x}", got.bits());
                        }
                    }
                }
                for f in [$min, $max] {
                    same_bits! {
                        f(SIGNALLING, 1.0) => QUIET;
                        f(1.0, SIGNALLING) => QUIET;
                        f(QUIET, 0.0) => QUIET;
                        f($float::INFINITY, QUIET) => QUIET;
                    }
                }
                for got in [$sqrt(-1.0), $sub($float::INFINITY, $float::INFINITY), $div(0.0, 0.0)] {
                    assert!(got.is_nan());
                }
            }

            #[test]
            fn sign_operations_keep_every_other_bit() {
                for a in [0.0, 1.5, $float::INFINITY, QUIET, SIGNALLING] {
                    let negative = $float::from_bits(a.to_bits() | (-0.0 as $float).to_bits());
                    same_bits! {
                        $neg(a) => negative; $neg(negative) => a; $abs(a) => a; $abs(negative) => a;
                        $copysign(a, -0.0) => negative; $copysign(negative, -QUIET.abs()) => negative;
                        $copysign(a, 1.0) => a; $copysign(negative, QUIET.abs()) => a;
                    }
                }
            }

            #[test]
            fn min_and_max() {
                let infinity = $float::INFINITY;
                for (a, b) in [
                    (-0.0, 0.0),
                    (-1.0, 0.0),
                    (1.0, 2.0),
                    (-2.0, -1.0),
                    (-infinity, infinity),
                    (1.0, infinity),
                    (3.0, 3.0),
                    (-3.0, -3.0),
                    (-0.0, -0.0),
                    (0.0, 0.0),
                    (-infinity, -infinity),
                ] {
                    same_bits! { $min(a, b) => a; $min(b, a) => a; $max(a, b) => b; $max(b, a) => b; }
                }
            }

            #[test]
            fn rounding() {
                let half: $float = 0.5;
                // Per row: a, ceil, floor, trunc, nearest. Negating a row swaps ceil and floor.
                for (a, ceil, floor, trunc, nearest) in [
                    (0.0, 0.0, 0.0, 0.0, 0.0),
                    (half.next_down(), 1.0, 0.0, 0.0, 0.0),
                    (half, 1.0, 0.0, 0.0, 0.0),
                    (half.next_up(), 1.0, 0.0, 0.0, 1.0),
                    (1.5, 2.0, 1.0, 1.0, 2.0),
                    (2.5, 3.0, 2.0, 2.0, 2.0),
                    (3.5, 4.0, 3.0, 3.0, 4.0),
                    (4.0, 4.0, 4.0, 4.0, 4.0),
                    (LIMIT - 0.5, LIMIT, LIMIT - 1.0, LIMIT - 1.0, LIMIT),
                ] {
                    same_bits! {
                        $ceil(a) => ceil;
                        $floor(a) => floor;
                        $trunc(a) => trunc;
                        $nearest(a) => nearest;
                        $ceil(-a) => -floor;
                        $floor(-a) => -ceil;
                        $trunc(-a) => -trunc;
                        $nearest(-a) => -nearest;
                    }
                }
                for f in [$ceil, $floor, $trunc, $nearest] {
                    for integral in [LIMIT + 1.0, $float::MAX, $float::INFINITY] {
                        same_bits! { f(integral) => integral; f(-integral) => -integral; }
                    }
                }
                same_bits! { $sqrt(-0.0) => -0.0 as $float; $sqrt(2.25) => 1.5 as $float; }
            }

            #[test]
            fn comparisons() {
                let nan = $float::NAN;
                // Per row: a, b and whether eq, lt, gt.
                for (a, b, eq, lt, gt) in [
                    (1.0, 1.0, true, false, false),
                    (-0.0, 0.0, true, false, false),
                    (1.0, 2.0, false, true, false),
                    (2.0, -3.0, false, false, true),
                    (nan, 1.0, false, false, false),
                    (1.0, nan, false, false, false),
                    (nan, nan, false, false, false),
                ] {
                    let (le, ge) = (lt || eq, gt || eq);
                    equal! {
                        ($eq(a, b), $ne(a, b)) => (eq, !eq);
                        ($lt(a, b), $nlt(a, b), $gt(a, b), $ngt(a, b)) => (lt, !lt, gt, !gt);
                        ($le(a, b), $nle(a, b), $ge(a, b), $nge(a, b)) => (le, !le, ge, !ge);
                    }
                }
            }
        }
    };
}
float_tests! {
    single f32, signalling 0x7fa1_2345, quiet 0x7fe1_2345, limit 8388608.0,
    unary f32_abs f32_neg f32_ceil f32_floor f32_trunc f32_nearest f32_sqrt,
    binary f32_add f32_sub f32_mul f32_div f32_min f32_max f32_copysign,
    tests f32_eq f32_ne f32_lt f32_gt f32_le f32_ge,
    negated f32_nlt f32_ngt f32_nle f32_nge
}
float_tests! {
    double f64, signalling 0x7ff4_1234_5678_9abc, quiet 0x7ffc_1234_5678_9abc, limit 4503599627370496.0,
    unary f64_abs f64_neg f64_ceil f64_floor f64_trunc f64_nearest f64_sqrt,
    binary f64_add f64_sub f64_mul f64_div f64_min f64_max f64_copysign,
    tests f64_eq f64_ne f64_lt f64_gt f64_le f64_ge,
    negated f64_nlt f64_ngt f64_nle f64_nge
}

#[test]
fn truncations_trap_or_saturate_beyond_their_range() {
    /// Rows of: the two functions; the least and the greatest float in range, and their conversions; what
    /// the next floats beyond these saturate to.
    macro_rules! truncate {
        ($($trapping:ident $saturating:ident $float:ident,
           $least:expr => $low:expr, $greatest:expr => $high:expr, $min:expr, $max:expr;)+) => { $({
            let (least, greatest): ($float, $float) = ($least, $greatest);
            equal! {
                $trapping(least) => Ok($low);
                $saturating(least) => $low;
                $trapping(greatest) => Ok($high);
                $saturating(greatest) => $high;
                $trapping(1.9) => Ok(1);
                $trapping(-0.9) => Ok(0);
                $trapping(-0.0) => Ok(0);
                $saturating(1.9) => 1;
                $saturating($float::NAN) => 0;
            }
            for (beyond, limit) in [
                (least.next_down(), $min),
                ($float::MIN, $min),
                ($float::NEG_INFINITY, $min),
                (greatest.next_up(), $max),
                ($float::MAX, $max),
                ($float::INFINITY, $max),
            ] {
                equal! { $trapping(beyond) => Err(IntegerOverflow); $saturating(beyond) => limit; }
            }
            for nan in [$float::NAN, -$float::NAN] {
                equal! { $trapping(nan) => Err(InvalidConversionToInteger); $saturating(nan) => 0; }
            }
        })+ };
    }
    truncate! {
        i32_trunc_f32_s i32_trunc_sat_f32_s f32,
            -2147483648.0 => i32::MIN,
            2147483520.0 => 0x7fff_ff80, i32::MIN, i32::MAX;
        i32_trunc_f32_u i32_trunc_sat_f32_u f32,
            (-1.0_f32).next_up() => 0,
            4294967040.0 => -256, 0, -1;
        i32_trunc_f64_s i32_trunc_sat_f64_s f64,
            (-2147483649.0_f64).next_up() => i32::MIN,
            2147483648.0_f64.next_down() => i32::MAX, i32::MIN, i32::MAX;
        i32_trunc_f64_u i32_trunc_sat_f64_u f64,
            (-1.0_f64).next_up() => 0,
            4294967296.0_f64.next_down() => -1, 0, -1;
        i64_trunc_f32_s i64_trunc_sat_f32_s f32,
            -9223372036854775808.0 => i64::MIN,
            9223371487098961920.0 => 0x7fff_ff80_0000_0000, i64::MIN, i64::MAX;
        i64_trunc_f32_u i64_trunc_sat_f32_u f32,
            (-1.0_f32).next_up() => 0, 18446742974197923840.0 => -1 << 40, 0, -1;
        i64_trunc_f64_s i64_trunc_sat_f64_s f64,
            -9223372036854775808.0 => i64::MIN,
            9223372036854774784.0 => 0x7fff_ffff_ffff_fc00, i64::MIN, i64::MAX;
        i64_trunc_f64_u i64_trunc_sat_f64_u f64,
            (-1.0_f64).next_up() => 0, 18446744073709549568.0 => -1 << 11, 0, -1;
    }
}

#[test]
fn integers_convert_to_the_nearest_float() {
    same_bits! {
        f32_convert_i32_s(-1) => -1.0_f32;
        f32_convert_i32_s((1 << 24) + 1) => 16777216.0_f32;
        f32_convert_i32_s((1 << 24) + 3) => 16777220.0_f32;
        f32_convert_i32_u(-1) => 4294967296.0_f32;
        f32_convert_i64_s(i64::MIN) => -9223372036854775808.0_f32;
        // By way of a double these two would become ties and be rounded down.
        f32_convert_i64_s((1 << 54) + (1 << 30) + 1) => 18014398509481984.0_f32.next_up();
        f32_convert_i64_u(i64::MIN + (1 << 39) + 1) => 9223372036854775808.0_f32.next_up();
        f32_convert_i64_u(-1) => 18446744073709551616.0_f32;
        f64_convert_i32_s(i32::MIN) => -2147483648.0_f64;
        f64_convert_i32_u(-1) => 4294967295.0_f64;
        f64_convert_i64_s((1 << 53) + 1) => 9007199254740992.0_f64;
        f64_convert_i64_s((1 << 53) + 3) => 9007199254740996.0_f64;
        f64_convert_i64_u(-1) => 18446744073709551616.0_f64;
        f64_convert_i64_u(i64::MIN) => 9223372036854775808.0_f64;
    }
}

#[test]
fn floats_change_precision() {
    same_bits! {
        f32_demote_f64(-0.0) => -0.0_f32;
        f32_demote_f64(f64::MAX) => f32::INFINITY;
        f32_demote_f64(f64::MIN_POSITIVE) => 0.0_f32;
        f32_demote_f64(f64::from(f32::MAX)) => f32::MAX;
        f32_demote_f64(1.0 + f64::from(f32::EPSILON) / 2.0) => 1.0_f32;
        f64_promote_f32(f32::MAX) => f64::from(f32::MAX);
        f64_promote_f32(f32::from_bits(1)) => 2.0_f64.powi(-149);
        f64_promote_f32(f32::NEG_INFINITY) => f64::NEG_INFINITY;
    }
    let demoted = f32_demote_f64(black_box(f64::from_bits(0x7ff0_0000_0000_0001)));
    assert_eq!(demoted.to_bits() & 0x7fc0_0000, 0x7fc0_0000);
    let promoted = f64_promote_f32(black_box(f32::from_bits(0x7f80_0001)));
    assert_eq!(promoted.to_bits() & 0x7ff8_0000_0000_0000, 0x7ff8_0000_0000_0000);
}

#[test]
fn memory_is_little_endian_and_extends() {
    equal! {
        i32_load([0x78, 0x56, 0x34, 0x12]) => 0x1234_5678;
        (i32_load8_s([0x80]), i32_load8_u([0x80])) => (-0x80, 0x80);
        (i32_load16_s([1, 0x80]), i32_load16_u([1, 0x80])) => (-0x7fff, 0x8001);
        i64_load([8, 7, 6, 5, 4, 3, 2, 1]) => 0x0102_0304_0506_0708;
        (i64_load8_s([0x80]), i64_load8_u([0x80])) => (-0x80, 0x80);
        (i64_load16_s([1, 0x80]), i64_load16_u([1, 0x80])) => (-0x7fff, 0x8001);
        (i64_load32_s([1, 0, 0, 0x80]), i64_load32_u([1, 0, 0, 0x80])) => (-0x7fff_ffff, 0x8000_0001);
        i32_store(0x1234_5678) => [0x78, 0x56, 0x34, 0x12];
        (i32_store8(0x1234_5678), i32_store16(0x1234_5678)) => ([0x78], [0x78, 0x56]);
        i64_store(0x0102_0304_0506_0708) => [8, 7, 6, 5, 4, 3, 2, 1];
        (i64_store8(0x0304_0506_0708), i64_store16(0x0304_0506_0708)) => ([8], [8, 7]);
        i64_store32(0x0304_0506_0708) => [8, 7, 6, 5];
        f32_store(1.0) => [0, 0, 0x80, 0x3f];
        f64_store(-2.0) => [0, 0, 0, 0, 0, 0, 0, 0xc0];
    }
}

#[test]
fn moving_a_float_keeps_its_bits() {
    for bits in [0, i32::MIN, 0x7f80_0001, 0x7fa1_2345, 0x7fc0_0000, -1, 1] {
        let a = f32_reinterpret_i32(bits);
        equal! {
            i32_reinterpret_f32(a) => bits;
            f32_store(a) => bits.to_le_bytes();
            i32_reinterpret_f32(f32_load(f32_store(a))) => bits;
        }
    }
    for bits in [0, i64::MIN, 0x7ff0_0000_0000_0001, 0x7ff4_1234_5678_9abc, 0x7ff8_0000_0000_0000, -1, 1] {
        let a = f64_reinterpret_i64(bits);
        equal! {
            i64_reinterpret_f64(a) => bits;
            f64_store(a) => bits.to_le_bytes();
            i64_reinterpret_f64(f64_load(f64_store(a))) => bits;
        }
    }
}

#[test]
fn an_offset_never_wraps_and_an_index_does() {
    equal! {
        effective_address(16, 4) => 20;
        effective_address(-1, u32::MAX) => 0x1_ffff_fffe;
        indexed_address(16, 3, 2, 4) => 32;
        indexed_address(16, -1, 3, 0) => 8;
        indexed_address(-8, 1, 3, 5) => 5;
        indexed_address(0, 0x4000_0001, 3, 1) => 9;
        indexed_address(-1, 0, 0, u32::MAX) => 0x1_ffff_fffe;
    }
}
