//! What the float methods are made of.

use dynasmrt::{DynasmApi, dynasm};

use super::forms::Scalar;
use super::{Code, OTHER, RAX, RCX, TEMPORARY, X86_64};
use crate::template::masm::Value::{Imm, Mem, Reg};
use crate::template::masm::Width::{W32, W64};
use crate::template::masm::{Cond, Float, FloatCond, FloatOp, FloatTest, Fpr, Gpr, Masm, Test, ToInt, Width};

impl X86_64 {
    pub(super) fn in_float_register(&mut self, operand: Float) -> Fpr {
        match operand {
            Reg(r) => r,
            Mem(_) | Imm(_) => {
                self.fmov(TEMPORARY, operand);
                TEMPORARY
            }
        }
    }

    /// Sets the flags for a float test; the code under which it is true, and whether a NaN in between decides against it.
    pub(super) fn compare_float(&mut self, FloatTest { cond, width, a, b }: FloatTest) -> Code {
        let (exchange, code) = match cond {
            FloatCond::Eq => (false, Code::Equal),
            FloatCond::Ne => (false, Code::NotEqual),
            FloatCond::Gt => (false, Code::Above),
            FloatCond::Lt => (true, Code::Above),
            FloatCond::Ge => (false, Code::NotBelow),
            FloatCond::Le => (true, Code::NotBelow),
            FloatCond::NotGt => (false, Code::NotAbove),
            FloatCond::NotLt => (true, Code::NotAbove),
            FloatCond::NotGe => (false, Code::Below),
            FloatCond::NotLe => (true, Code::Below),
        };
        let (a, b) = if exchange { (b, a) } else { (a, b) };
        let a = self.in_float_register(a);
        let b = match b {
            Imm(_) => {
                self.fmov(OTHER, b);
                Reg(OTHER)
            }
            Reg(_) | Mem(_) => b,
        };
        self.scalar(Scalar::Compare, width, a, b);
        code
    }

    /// `dst = dst op b`, which is in another register: the machine's own instructions take neither zeros nor NaNs right.
    pub(super) fn least_or_greatest(&mut self, op: FloatOp, width: Width, dst: Fpr, b: Float) {
        let Reg(r) = b else { unreachable!("in a register") };
        let least = op == FloatOp::Min;
        let (differ, unordered, done) = (self.0.near_label(), self.0.near_label(), self.0.near_label());
        self.scalar(Scalar::Compare, width, dst, b);
        self.jump_on(Code::NotEqual, differ);
        self.jump_on(Code::Parity, unordered);
        // Equal: the same, or zeros of different signs.
        match least {
            true => x64!(self, orps Rx(dst.0), Rx(r.0)),
            false => x64!(self, andps Rx(dst.0), Rx(r.0)),
        }
        self.jump(done);
        self.0.bind(unordered);
        self.scalar(Scalar::Add, width, dst, b);
        self.jump(done);
        self.0.bind(differ);
        match least {
            true => self.scalar(Scalar::Min, width, dst, b),
            false => self.scalar(Scalar::Max, width, dst, b),
        }
        self.0.bind(done);
    }

    /// `dst` = the operand's bits.
    pub(super) fn bits_in(&mut self, dst: Gpr, operand: Float) {
        match operand {
            Reg(r) => x64!(self, movq Rq(dst.0), Rx(r.0)),
            Mem(at) => self.mov(dst, Mem(at)),
            Imm(bits) => self.mov(dst, Imm(bits)),
        }
    }

    /// Rounds to an integer; `mode` as in the instruction, without the exception for inexact results.
    pub(super) fn round(&mut self, mode: i8, width: Width, dst: Fpr, a: Float) {
        self.fmov(dst, a);
        match width {
            W32 => x64!(self, roundss Rx(dst.0), Rx(dst.0), BYTE mode),
            W64 => x64!(self, roundsd Rx(dst.0), Rx(dst.0), BYTE mode),
        }
    }

    pub(super) fn copysign(&mut self, width: Width, dst: Fpr, a: Float, b: Float) {
        let sign = if width == W32 { 31 } else { 63 };
        self.bits_in(RAX, a);
        self.bits_in(RCX, b);
        x64!(self, btr rax, BYTE sign; shr rcx, BYTE sign; shl rcx, BYTE sign; or rax, rcx; movq Rx(dst.0), rax);
    }

    /// Converts an unsigned integer of 64 bits: beyond the signed ones by halves, the lowest bit kept for rounding.
    pub(super) fn float_from_unsigned(&mut self, width: Width, dst: Fpr, a: Gpr) {
        let (large, done) = (self.0.near_label(), self.0.near_label());
        self.jump_if(Test { cond: Cond::LtS, width: W64, a: Reg(a), b: Imm(0) }, large);
        match width {
            W32 => x64!(self, cvtsi2ss Rx(dst.0), Rq(a.0)),
            W64 => x64!(self, cvtsi2sd Rx(dst.0), Rq(a.0)),
        }
        self.jump(done);
        self.0.bind(large);
        self.mov(RCX, Reg(a));
        self.mov(RAX, Reg(a));
        x64!(self, shr rcx, BYTE 1; and eax, BYTE 1; or rcx, rax);
        match width {
            W32 => x64!(self, cvtsi2ss Rx(dst.0), rcx; addss Rx(dst.0), Rx(dst.0)),
            W64 => x64!(self, cvtsi2sd Rx(dst.0), rcx; addsd Rx(dst.0), Rx(dst.0)),
        }
        self.0.bind(done);
    }

    /// `dst = a`, rounded towards zero; only the highest bit set where that does not fit.
    pub(super) fn truncate(&mut self, to: Width, from: Width, dst: Gpr, a: Fpr) {
        match (to, from) {
            (W32, W32) => x64!(self, cvttss2si Rd(dst.0), Rx(a.0)),
            (W32, W64) => x64!(self, cvttsd2si Rd(dst.0), Rx(a.0)),
            (W64, W32) => x64!(self, cvttss2si Rq(dst.0), Rx(a.0)),
            (W64, W64) => x64!(self, cvttsd2si Rq(dst.0), Rx(a.0)),
        }
    }

    pub(super) fn saturate_signed(&mut self, to: ToInt, from: Width, dst: Gpr, a: Fpr) {
        let (width, least, greatest) = match to {
            ToInt::S32 | ToInt::U32 => (W32, u64::from(i32::MIN as u32), i32::MAX as u64),
            ToInt::S64 | ToInt::U64 => (W64, i64::MIN as u64, i64::MAX as u64),
        };
        let (done, number) = (self.0.near_label(), self.0.near_label());
        self.truncate(width, from, dst, a);
        self.mov(RCX, Imm(least));
        self.jump_if(Test { cond: Cond::Ne, width, a: Reg(dst), b: Reg(RCX) }, done);
        self.scalar(Scalar::Compare, from, a, Reg(a));
        self.jump_on(Code::NoParity, number);
        self.mov(dst, Imm(0));
        self.jump(done);
        self.0.bind(number);
        self.fmov(OTHER, Imm(0));
        self.scalar(Scalar::Compare, from, a, Reg(OTHER));
        self.jump_on(Code::Below, done);
        self.mov(dst, Imm(greatest));
        self.0.bind(done);
    }

    /// The temporary = `a`, or zero where that is negative or a NaN.
    pub(super) fn not_negative(&mut self, width: Width, a: Fpr) {
        self.fmov(TEMPORARY, Reg(a));
        self.fmov(OTHER, Imm(0));
        self.scalar(Scalar::Max, width, TEMPORARY, Reg(OTHER));
    }

    /// `dst` = the temporary, which is not negative, as an unsigned integer of 64 bits.
    pub(super) fn truncate_unsigned(&mut self, from: Width, dst: Gpr, saturates: bool) {
        let (small, done) = (self.0.near_label(), self.0.near_label());
        let half = match from {
            W32 => u64::from(9_223_372_036_854_775_808_f32.to_bits()),
            W64 => 9_223_372_036_854_775_808_f64.to_bits(),
        };
        self.fmov(OTHER, Imm(half));
        self.scalar(Scalar::Compare, from, TEMPORARY, Reg(OTHER));
        self.jump_on(Code::Below, small);
        self.scalar(Scalar::Sub, from, TEMPORARY, Reg(OTHER));
        self.truncate(W64, from, dst, TEMPORARY);
        if saturates {
            let fits = self.0.near_label();
            self.jump_if(Test { cond: Cond::GeS, width: W64, a: Reg(dst), b: Imm(0) }, fits);
            self.mov(dst, Imm(i64::MAX as u64));
            self.0.bind(fits);
        }
        self.mov(RCX, Imm(1 << 63));
        x64!(self, xor Rq(dst.0), rcx);
        self.jump(done);
        self.0.bind(small);
        self.truncate(W64, from, dst, TEMPORARY);
        self.0.bind(done);
    }
}
