//! What the integer methods are made of.

use dynasmrt::aarch64::{encode_logical_immediate_32bit, encode_logical_immediate_64bit};
use dynasmrt::{DynasmApi, dynasm};

use super::{Aarch64, OTHER, STACK, TEMPORARY, ZERO};
use crate::template::masm::Value::{Imm, Mem, Reg};
use crate::template::masm::Width::{W32, W64};
use crate::template::masm::{Cond, Gpr, Int, IntOp, Masm, Test, Width};

/// An immediate of a sum or comparison.
#[derive(Clone, Copy, Debug)]
enum Term {
    /// Twelve bits.
    Low(u32),
    /// Twelve bits, shifted by twelve.
    High(u32),
}

impl Term {
    const fn of(value: u64) -> Option<Term> {
        match value {
            0..=0xfff => Some(Term::Low(value as u32)),
            0x1000..=0xff_ffff if value & 0xfff == 0 => Some(Term::High((value >> 12) as u32)),
            _ => None,
        }
    }
}

/// A constant at a width, sign-extended.
const fn signed(width: Width, bits: u64) -> i64 {
    match width {
        W32 => bits as i32 as i64,
        W64 => bits as i64,
    }
}

/// A constant at a width, as a register holds it.
const fn unsigned(width: Width, bits: u64) -> u64 {
    match width {
        W32 => bits as u32 as u64,
        W64 => bits,
    }
}

/// A constant as the immediate of a logical instruction, if it has the form: a pattern that repeats.
fn is_logical(width: Width, bits: u64) -> bool {
    match width {
        W32 => encode_logical_immediate_32bit(bits as u32).is_some(),
        W64 => encode_logical_immediate_64bit(bits).is_some(),
    }
}

impl Aarch64 {
    /// The register of an operand, or `spare`, which then holds it.
    #[inline(always)]
    pub(super) fn in_register(&mut self, operand: Int, spare: Gpr) -> Gpr {
        match operand {
            Reg(r) => r,
            Mem(_) | Imm(_) => {
                self.mov(spare, operand);
                spare
            }
        }
    }

    /// `dst` = a constant.
    pub(super) fn constant(&mut self, dst: Gpr, bits: u64) {
        if bits <= 0xffff {
            return a64!(self, movz X(dst.0), bits as u32);
        }
        let halves = [0, 16, 32, 48].map(|shift| (bits >> shift) as u16);
        let count = |half: u16| halves.iter().filter(|&&other| other == half).count();
        let (zeros, ones) = (count(0), count(u16::MAX));
        if zeros < 3 && ones < 3 {
            if bits <= u32::MAX.into() && (halves[0] == u16::MAX || halves[1] == u16::MAX) {
                // Of 32 bits, and the upper half is cleared.
                return match halves[0] == u16::MAX {
                    true => a64!(self, movn W(dst.0), u32::from(!halves[1]), LSL 16),
                    false => a64!(self, movn W(dst.0), u32::from(!halves[0])),
                };
            }
            if is_logical(W64, bits) {
                return a64!(self, orr XSP(dst.0), xzr, bits);
            }
        }
        let background = if ones > zeros { u16::MAX } else { 0 };
        let mut is_first = true;
        for (half, shift) in halves.into_iter().zip([0, 16, 32, 48]) {
            if half == background {
                continue;
            }
            match (is_first, background) {
                (true, 0) => a64!(self, movz X(dst.0), u32::from(half), LSL shift),
                (true, _) => a64!(self, movn X(dst.0), u32::from(!half), LSL shift),
                (false, _) => a64!(self, movk X(dst.0), u32::from(half), LSL shift),
            }
            is_first = false;
        }
        if is_first {
            // All bits are set.
            a64!(self, movn X(dst.0), 0);
        }
    }

    /// `dst = a + value`; changes no flags. `a` is not [`OTHER`].
    pub(super) fn add_constant(&mut self, width: Width, dst: Gpr, a: Gpr, value: u64) {
        let value = signed(width, value);
        let term = Term::of(value.unsigned_abs());
        match (term, value < 0, width) {
            (Some(Term::Low(0)), _, W64) if dst == a => {}
            (Some(Term::Low(term)), false, W32) => a64!(self, add WSP(dst.0), WSP(a.0), term),
            (Some(Term::Low(term)), false, W64) => a64!(self, add XSP(dst.0), XSP(a.0), term),
            (Some(Term::Low(term)), true, W32) => a64!(self, sub WSP(dst.0), WSP(a.0), term),
            (Some(Term::Low(term)), true, W64) => a64!(self, sub XSP(dst.0), XSP(a.0), term),
            (Some(Term::High(term)), false, W32) => a64!(self, add WSP(dst.0), WSP(a.0), term, LSL 12),
            (Some(Term::High(term)), false, W64) => a64!(self, add XSP(dst.0), XSP(a.0), term, LSL 12),
            (Some(Term::High(term)), true, W32) => a64!(self, sub WSP(dst.0), WSP(a.0), term, LSL 12),
            (Some(Term::High(term)), true, W64) => a64!(self, sub XSP(dst.0), XSP(a.0), term, LSL 12),
            (None, _, _) => {
                self.constant(OTHER, unsigned(width, value as u64));
                integer!(self, width, add dst, a, OTHER);
            }
        }
    }

    /// `dst = a op b`, where `b` is a constant.
    pub(super) fn with_constant(&mut self, op: IntOp, width: Width, dst: Gpr, a: Int, b: Int) {
        let Imm(bits) = b else { unreachable!("the caller has seen that it is one") };
        let a = self.in_register(a, TEMPORARY);
        let last = if width == W32 { 31 } else { 63 };
        let count = bits as u32 & last;
        match (op, width) {
            (IntOp::Add, _) => self.add_constant(width, dst, a, bits),
            (IntOp::Sub, _) => self.add_constant(width, dst, a, bits.wrapping_neg()),
            (IntOp::And, W32) if is_logical(width, bits) => a64!(self, and WSP(dst.0), W(a.0), bits as u32),
            (IntOp::And, W64) if is_logical(width, bits) => a64!(self, and XSP(dst.0), X(a.0), bits),
            (IntOp::Or, W32) if is_logical(width, bits) => a64!(self, orr WSP(dst.0), W(a.0), bits as u32),
            (IntOp::Or, W64) if is_logical(width, bits) => a64!(self, orr XSP(dst.0), X(a.0), bits),
            (IntOp::Xor, W32) if is_logical(width, bits) => a64!(self, eor WSP(dst.0), W(a.0), bits as u32),
            (IntOp::Xor, W64) if is_logical(width, bits) => a64!(self, eor XSP(dst.0), X(a.0), bits),
            (IntOp::Shl, _) => integer_by!(self, width, lsl dst, a, count),
            (IntOp::ShrS, _) => integer_by!(self, width, asr dst, a, count),
            (IntOp::ShrU, _) => integer_by!(self, width, lsr dst, a, count),
            (IntOp::Rotr, _) => integer_by!(self, width, ror dst, a, count),
            (IntOp::Rotl, _) => integer_by!(self, width, ror dst, a, count.wrapping_neg() & last),
            (IntOp::Mul | IntOp::And | IntOp::Or | IntOp::Xor, _) => {
                self.constant(OTHER, unsigned(width, bits));
                self.with_register(op, width, dst, a, OTHER);
            }
        }
    }

    /// `dst = a op b`.
    #[inline(always)]
    pub(super) fn with_register(&mut self, op: IntOp, width: Width, dst: Gpr, a: Gpr, b: Gpr) {
        match op {
            IntOp::Add => integer!(self, width, add dst, a, b),
            IntOp::Sub => integer!(self, width, sub dst, a, b),
            IntOp::Mul => integer!(self, width, mul dst, a, b),
            IntOp::And => integer!(self, width, and dst, a, b),
            IntOp::Or => integer!(self, width, orr dst, a, b),
            IntOp::Xor => integer!(self, width, eor dst, a, b),
            // These take counts modulo the width.
            IntOp::Shl => integer!(self, width, lsl dst, a, b),
            IntOp::ShrS => integer!(self, width, asr dst, a, b),
            IntOp::ShrU => integer!(self, width, lsr dst, a, b),
            IntOp::Rotr => integer!(self, width, ror dst, a, b),
            IntOp::Rotl => {
                integer!(self, width, neg OTHER, b);
                integer!(self, width, ror dst, a, OTHER);
            }
        }
    }

    /// Sets the flags for a test.
    pub(super) fn compare(&mut self, Test { cond, width, a, b }: Test) {
        let a = self.in_register(a, TEMPORARY);
        if let Imm(bits) = b
            && self.compare_constant(cond, width, a, bits)
        {
            return;
        }
        let b = match b {
            Imm(bits) => self.in_register(Imm(unsigned(width, bits)), OTHER),
            Reg(_) | Mem(_) => self.in_register(b, OTHER),
        };
        if matches!(cond, Cond::Any | Cond::None) {
            integer!(self, width, tst a, b);
        } else if a == STACK {
            // Only this form takes it; in the other one it would be zero.
            a64!(self, cmp sp, X(b.0), UXTX);
        } else {
            integer!(self, width, cmp a, b);
        }
    }

    /// The same with a constant, if it fits.
    fn compare_constant(&mut self, cond: Cond, width: Width, a: Gpr, bits: u64) -> bool {
        if matches!(cond, Cond::Any | Cond::None) {
            match width {
                _ if !is_logical(width, bits) => return false,
                W32 => a64!(self, tst W(a.0), bits as u32),
                W64 => a64!(self, tst X(a.0), bits),
            }
            return true;
        }
        // The stack pointer is as good as any other in these.
        debug_assert!(a != ZERO || a == STACK, "they have no zero");
        let value = signed(width, bits);
        match (Term::of(value.unsigned_abs()), value < 0, width) {
            (None, _, _) => return false,
            (Some(Term::Low(term)), false, W32) => a64!(self, cmp WSP(a.0), term),
            (Some(Term::Low(term)), false, W64) => a64!(self, cmp XSP(a.0), term),
            (Some(Term::Low(term)), true, W32) => a64!(self, cmn WSP(a.0), term),
            (Some(Term::Low(term)), true, W64) => a64!(self, cmn XSP(a.0), term),
            (Some(Term::High(term)), false, W32) => a64!(self, cmp WSP(a.0), term, LSL 12),
            (Some(Term::High(term)), false, W64) => a64!(self, cmp XSP(a.0), term, LSL 12),
            (Some(Term::High(term)), true, W32) => a64!(self, cmn WSP(a.0), term, LSL 12),
            (Some(Term::High(term)), true, W64) => a64!(self, cmn XSP(a.0), term, LSL 12),
        }
        true
    }
}
