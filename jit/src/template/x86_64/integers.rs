//! What the integer methods are made of.

use super::forms::{
    Alu, IMUL, IMUL_IMM, IMUL_IMM8, LOAD, Place, SHIFT, SHIFT_IMM8, TEST, TEST_IMM, TEST_IMM8, UNARY, is_byte,
};
use super::{RAX, RCX, X86_64, immediate};
use crate::template::masm::Value::{Imm, Mem, Reg};
use crate::template::masm::Width::W32;
use crate::template::masm::{Addr, Cond, Gpr, Int, IntOp, Masm, Test, Width};

impl X86_64 {
    /// The second operand, or a register that holds it if it is an immediate of more than 32 bits, beside a first one.
    #[inline(always)]
    pub(super) fn small(&mut self, width: Width, operand: Int, first: Int) -> Int {
        match operand {
            Imm(bits) if immediate(width, bits).is_none() => {
                let free = if first == Reg(RAX) { RCX } else { RAX };
                self.mov(free, operand);
                Reg(free)
            }
            Reg(_) | Mem(_) | Imm(_) => operand,
        }
    }

    /// `dst` = the bits of the operand that there are, with zeros above: to copy 32 takes shorter instructions.
    #[inline(always)]
    pub(super) fn take(&mut self, width: Width, dst: Gpr, from: Int) {
        match from {
            Reg(r) if r == dst => {}
            Reg(r) => self.form(LOAD.of(width), dst.0, r.into()),
            Mem(at) => self.form(LOAD.of(width), dst.0, at.into()),
            Imm(_) => self.mov(dst, from),
        }
    }

    /// The operand in a register.
    #[inline(always)]
    pub(super) fn in_register(&mut self, operand: Int) -> Int {
        match operand {
            Reg(_) => operand,
            Mem(_) | Imm(_) => {
                self.mov(RAX, operand);
                Reg(RAX)
            }
        }
    }

    /// Where the operand is; in a register if it is an immediate.
    #[inline(always)]
    pub(super) fn place_of(&mut self, operand: Int) -> Place {
        match operand {
            Reg(r) => r.into(),
            Mem(at) => at.into(),
            Imm(_) => {
                self.mov(RAX, operand);
                RAX.into()
            }
        }
    }

    #[inline(always)]
    pub(super) fn shift(&mut self, op: IntOp, width: Width, dst: Gpr, a: Int, b: Int) {
        let bits = if width == W32 { 31 } else { 63 };
        let number = match op {
            IntOp::Rotl => 0,
            IntOp::Rotr => 1,
            IntOp::Shl => 4,
            IntOp::ShrU => 5,
            IntOp::ShrS => 7,
            IntOp::Add | IntOp::Sub | IntOp::Mul | IntOp::And | IntOp::Or | IntOp::Xor => {
                unreachable!("no shift")
            }
        };
        if let Imm(count) = b {
            self.take(width, dst, a);
            return self.form_imm(SHIFT_IMM8.of(width), number, dst.into(), count as u32 & bits, 1);
        }
        self.take(W32, RCX, b);
        self.take(width, dst, a);
        self.form(SHIFT.of(width), number, dst.into());
    }

    /// `dst = a op b`.
    #[inline(always)]
    pub(super) fn arithmetic(&mut self, op: Alu, width: Width, dst: Gpr, a: Int, b: Int) {
        let b = self.small(width, b, a);
        match (op, a, b) {
            // Reads before it writes, and takes no flags.
            (Alu::Add, Reg(a), Imm(bits)) if a != dst => self.lea(width, dst, Addr::at(a, bits as i32)),
            (Alu::Add, Reg(a), Reg(b)) if a != dst && b != dst => {
                self.lea(width, dst, Addr::indexed(a, b, 0))
            }
            (Alu::Sub, _, Reg(b)) if b == dst && a != Reg(dst) => {
                self.form(UNARY.of(width), 3, dst.into());
                self.alu(Alu::Add, width, dst, a);
            }
            (_, _, Reg(b)) if b == dst && op != Alu::Sub => self.alu(op, width, dst, a),
            _ => {
                self.take(width, dst, a);
                self.alu(op, width, dst, b);
            }
        }
    }

    pub(super) fn multiply(&mut self, width: Width, dst: Gpr, a: Int, b: Int) {
        let b = self.small(width, b, a);
        match (a, b) {
            (Reg(r), Imm(bits)) if is_byte(bits as i32) => {
                self.form_imm(IMUL_IMM8.of(width), dst.0, r.into(), bits as u32, 1);
            }
            (Reg(r), Imm(bits)) => {
                self.form_imm(IMUL_IMM.of(width), dst.0, r.into(), bits as u32, 4);
            }
            (Reg(r), Reg(s)) if s == dst => self.form(IMUL.of(width), dst.0, r.into()),
            (Mem(at), Reg(s)) if s == dst => self.form(IMUL.of(width), dst.0, at.into()),
            (_, Imm(_)) => {
                self.take(width, dst, a);
                self.multiply(width, dst, Reg(dst), b);
            }
            (_, Reg(r)) => {
                self.take(width, dst, a);
                self.form(IMUL.of(width), dst.0, r.into());
            }
            (_, Mem(at)) => {
                self.take(width, dst, a);
                self.form(IMUL.of(width), dst.0, at.into());
            }
        }
    }

    /// Sets the flags for a test.
    #[inline(always)]
    pub(super) fn compare(&mut self, Test { cond, width, a, b }: Test) {
        let b = self.small(width, b, a);
        let a = match (a, b) {
            (Mem(_), Mem(_)) | (Imm(_), _) => {
                self.take(width, RAX, a);
                Reg(RAX)
            }
            (Reg(_) | Mem(_), _) => a,
        };
        if matches!(cond, Cond::Any | Cond::None) {
            return self.test_bits(width, a, b);
        }
        match (a, b) {
            (Reg(r), Imm(0)) => self.form(TEST.of(width), r.0, r.into()),
            (Reg(r), _) => self.alu(Alu::Cmp, width, r, b),
            (Mem(at), _) => self.alu(Alu::Cmp, width, at, b),
            (Imm(_), _) => unreachable!("in a register by now"),
        }
    }

    /// Sets the flags for `a & b`.
    #[inline(always)]
    fn test_bits(&mut self, width: Width, a: Int, b: Int) {
        match (a, b) {
            (Reg(r), Reg(s)) => self.form(TEST.of(width), s.0, r.into()),
            (Reg(r), Mem(at)) | (Mem(at), Reg(r)) => self.form(TEST.of(width), r.0, at.into()),
            (Reg(r), Imm(bits)) => self.test_immediate(width, r.into(), bits),
            (Mem(at), Imm(bits)) => self.test_immediate(width, at.into(), bits),
            (Mem(_), Mem(_)) | (Imm(_), _) => unreachable!("in a register by now"),
        }
    }

    #[inline(always)]
    fn test_immediate(&mut self, width: Width, place: Place, bits: u64) {
        // The result's sign is never looked at.
        if let Ok(bits) = u8::try_from(bits) {
            self.form_imm(TEST_IMM8, 0, place, bits.into(), 1);
        } else {
            self.form_imm(TEST_IMM.of(width), 0, place, bits as u32, 4);
        }
    }
}
