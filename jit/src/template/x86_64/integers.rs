//! What the integer methods are made of.

use dynasmrt::{DynasmApi, dynasm};

use super::{R14, RAX, RBX, RCX, X86_64, immediate, is_byte};
use crate::template::masm::Value::{Imm, Mem, Reg};
use crate::template::masm::Width::{W32, W64};
use crate::template::masm::{Addr, Cond, Gpr, Int, IntOp, Masm, Test, Width};

impl X86_64 {
    /// The operand, or a register that holds it if it is an immediate of more than 32 bits.
    #[inline(always)]
    pub(super) fn small(&mut self, width: Width, operand: Int) -> Int {
        match operand {
            Imm(bits) if immediate(width, bits).is_none() => {
                self.mov(RAX, operand);
                Reg(RAX)
            }
            Reg(_) | Mem(_) | Imm(_) => operand,
        }
    }

    /// The operand in a register.
    pub(super) fn in_register(&mut self, operand: Int) -> Int {
        match operand {
            Reg(_) => operand,
            Mem(_) | Imm(_) => {
                self.mov(RAX, operand);
                Reg(RAX)
            }
        }
    }

    pub(super) fn shift(&mut self, op: IntOp, width: Width, dst: Gpr, a: Int, b: Int) {
        macro_rules! both {
            ($name:tt) => {
                match (width, b) {
                    (W32, Imm(count)) => x64!(self, $name Rd(dst.0), BYTE count as i8 & 31),
                    (W64, Imm(count)) => x64!(self, $name Rq(dst.0), BYTE count as i8 & 63),
                    (W32, _) => x64!(self, $name Rd(dst.0), cl),
                    (W64, _) => x64!(self, $name Rq(dst.0), cl),
                }
            };
        }
        if !matches!(b, Imm(_)) {
            self.mov(RCX, b);
        }
        self.mov(dst, a);
        match op {
            IntOp::Shl => both!(shl),
            IntOp::ShrS => both!(sar),
            IntOp::ShrU => both!(shr),
            IntOp::Rotl => both!(rol),
            IntOp::Rotr => both!(ror),
            IntOp::Add | IntOp::Sub | IntOp::Mul | IntOp::And | IntOp::Or | IntOp::Xor => {
                unreachable!("no shift")
            }
        }
    }

    pub(super) fn multiply(&mut self, width: Width, dst: Gpr, a: Int, b: Int) {
        match (width, a, b) {
            (W32, Reg(r), Imm(bits)) => x64!(self, imul Rd(dst.0), Rd(r.0), DWORD bits as i32),
            (W64, Reg(r), Imm(bits)) => x64!(self, imul Rq(dst.0), Rq(r.0), DWORD bits as i32),
            (W32, Reg(r), Reg(s)) if s == dst => x64!(self, imul Rd(dst.0), Rd(r.0)),
            (W64, Reg(r), Reg(s)) if s == dst => x64!(self, imul Rq(dst.0), Rq(r.0)),
            (W32, Mem(at), Reg(s)) if s == dst => from_memory!(self, at, imul Rd(dst.0)),
            (W64, Mem(at), Reg(s)) if s == dst => from_memory!(self, at, imul Rq(dst.0)),
            (_, _, Imm(_)) => {
                self.mov(dst, a);
                self.multiply(width, dst, Reg(dst), b);
            }
            (_, _, Reg(_) | Mem(_)) => {
                self.mov(dst, a);
                match (width, b) {
                    (W32, Reg(r)) => x64!(self, imul Rd(dst.0), Rd(r.0)),
                    (W64, Reg(r)) => x64!(self, imul Rq(dst.0), Rq(r.0)),
                    (W32, Mem(at)) => from_memory!(self, at, imul Rd(dst.0)),
                    (W64, Mem(at)) => from_memory!(self, at, imul Rq(dst.0)),
                    (_, Imm(_)) => unreachable!("matched above"),
                }
            }
        }
    }

    /// Sets the flags for a test.
    pub(super) fn compare(&mut self, Test { cond, width, a, b }: Test) {
        let b = self.small(width, b);
        let bits = matches!(cond, Cond::Any | Cond::None);
        let a = match (a, b) {
            (Mem(_), Mem(_)) | (Imm(_), _) => {
                self.mov(RAX, a);
                Reg(RAX)
            }
            _ => a,
        };
        match (a, b, width) {
            (Reg(a), Imm(0), W32) if !bits => x64!(self, test Rd(a.0), Rd(a.0)),
            (Reg(a), Imm(0), W64) if !bits => x64!(self, test Rq(a.0), Rq(a.0)),
            (Reg(a), Imm(value), W32) if bits => x64!(self, test Rd(a.0), DWORD value as i32),
            (Reg(a), Imm(value), W64) if bits => x64!(self, test Rq(a.0), DWORD value as i32),
            (Reg(a), Reg(b), W32) if bits => x64!(self, test Rd(a.0), Rd(b.0)),
            (Reg(a), Reg(b), W64) if bits => x64!(self, test Rq(a.0), Rq(b.0)),
            (Reg(r), Mem(at), W32) | (Mem(at), Reg(r), W32) if bits => to_memory!(self, at, test, Rd(r.0)),
            (Reg(r), Mem(at), W64) | (Mem(at), Reg(r), W64) if bits => to_memory!(self, at, test, Rq(r.0)),
            (Mem(at), Imm(value), W32) if bits => to_memory!(self, at, test DWORD, DWORD value as i32),
            (Mem(at), Imm(value), W64) if bits => to_memory!(self, at, test QWORD, DWORD value as i32),
            (Reg(a), Imm(value), width) => match immediate(width, value).expect("small") {
                value if is_byte(value) => self.compare_byte(width, a, value as u8),
                value if width == W32 => x64!(self, cmp Rd(a.0), DWORD value),
                value => x64!(self, cmp Rq(a.0), DWORD value),
            },
            (Reg(a), Reg(b), W32) => x64!(self, cmp Rd(a.0), Rd(b.0)),
            (Reg(a), Reg(b), W64) => x64!(self, cmp Rq(a.0), Rq(b.0)),
            (Reg(a), Mem(at), W32) => from_memory!(self, at, cmp Rd(a.0)),
            (Reg(a), Mem(at), W64) => from_memory!(self, at, cmp Rq(a.0)),
            (Mem(at), Reg(r), W32) => to_memory!(self, at, cmp, Rd(r.0)),
            (Mem(at), Reg(r), W64) => to_memory!(self, at, cmp, Rq(r.0)),
            (Mem(Addr { base: RBX, index: None, disp }), Imm(value), width) if is_byte(value as i32) => {
                self.compare_slot_byte(width, disp, value as u8);
            }
            (Mem(at), Imm(value), W32) => to_memory!(self, at, cmp DWORD, DWORD value as i32),
            (Mem(at), Imm(value), W64) => to_memory!(self, at, cmp QWORD, DWORD value as i32),
            (Mem(_), Mem(_), _) | (Imm(_), _, _) => unreachable!("in a register by now"),
        }
    }

    /// `cmp register, byte`, which dynasm has no form for.
    pub(super) fn compare_byte(&mut self, width: Width, a: Gpr, value: u8) {
        let prefix = 0x40 | u8::from(width == W64) << 3 | a.0 >> 3;
        if prefix != 0x40 {
            self.0.put([prefix]);
        }
        self.0.put([0x83, 0xf8 | (a.0 & 7), value]);
    }

    /// `cmp [rbx + disp], byte`, likewise.
    pub(super) fn compare_slot_byte(&mut self, width: Width, disp: i32, value: u8) {
        if width == W64 {
            self.0.put([0x48]);
        }
        if is_byte(disp) {
            self.0.put([0x83, 0x7b, disp as u8, value]);
        } else {
            self.0.put([0x83, 0xbb]);
            self.0.put(disp.to_le_bytes());
            self.0.put([value]);
        }
    }
}
