//! What the float methods are made of.

use dynasmrt::aarch64::encode_floating_point_immediate;
use dynasmrt::{DynasmApi, dynasm};

use super::{Aarch64, Code, FLOAT_OTHER, FLOAT_TEMPORARY, TEMPORARY};
use crate::template::masm::Value::{Imm, Mem, Reg};
use crate::template::masm::Width::{W32, W64};
use crate::template::masm::{Float, FloatCond, FloatTest, Fpr, Masm, Width};

/// The immediate that stands for a float in a slot, and the float's width.
fn immediate(bits: u64) -> Option<(u8, Width)> {
    if let Ok(bits) = u32::try_from(bits) {
        return Some((encode_floating_point_immediate(f32::from_bits(bits))?, W32));
    }
    let single = f64::from_bits(bits) as f32;
    let is_exact = f64::from(single).to_bits() == bits;
    Some((encode_floating_point_immediate(single).filter(|_| is_exact)?, W64))
}

impl Aarch64 {
    /// The register of an operand, or `spare`, which then holds it.
    pub(super) fn in_float_register(&mut self, operand: Float, spare: Fpr) -> Fpr {
        match operand {
            Reg(r) => r,
            Mem(_) | Imm(_) => {
                self.fmov(spare, operand);
                spare
            }
        }
    }

    /// `dst` = a constant of a slot.
    pub(super) fn float_constant(&mut self, dst: Fpr, bits: u64) {
        match immediate(bits) {
            _ if bits == 0 => a64!(self, movi D(dst.0), 0),
            // fmov dst, #float
            Some((byte, W32)) => self.word(0x1e20_1000 | u32::from(byte) << 13 | u32::from(dst.0)),
            Some((byte, W64)) => self.word(0x1e60_1000 | u32::from(byte) << 13 | u32::from(dst.0)),
            None => {
                self.constant(TEMPORARY, bits);
                a64!(self, fmov D(dst.0), X(TEMPORARY.0));
            }
        }
    }

    /// Sets the flags for a float test; gives the code under which it is true. Unordered operands set the flags as if the left
    /// one were greater and, taken as unsigned integers, neither below nor equal; so each code decides for them.
    pub(super) fn compare_float(&mut self, FloatTest { cond, width, a, b }: FloatTest) -> Code {
        let a = self.in_float_register(a, FLOAT_TEMPORARY);
        if b == Imm(0) {
            match width {
                W32 => a64!(self, fcmp S(a.0), 0.0),
                W64 => a64!(self, fcmp D(a.0), 0.0),
            }
        } else {
            let b = self.in_float_register(b, FLOAT_OTHER);
            scalar!(self, width, fcmp a, b);
        }
        match cond {
            FloatCond::Eq => Code::Equal,
            FloatCond::Ne => Code::NotEqual,
            FloatCond::Lt => Code::Negative,
            FloatCond::Gt => Code::Greater,
            FloatCond::Le => Code::NotAbove,
            FloatCond::Ge => Code::NotLess,
            FloatCond::NotLt => Code::NotNegative,
            FloatCond::NotGt => Code::NotGreater,
            FloatCond::NotLe => Code::Above,
            FloatCond::NotGe => Code::Less,
        }
    }

    /// The magnitude of `a` with the sign of `b`.
    pub(super) fn copysign(&mut self, width: Width, dst: Fpr, a: Float, b: Float) {
        // The sign alone.
        let sign = FLOAT_OTHER;
        a64!(self, movi D(sign.0), 0);
        scalar!(self, width, fneg sign, sign);
        if b == Reg(dst) {
            // Takes the other bits from `a`.
            let a = self.in_float_register(a, FLOAT_TEMPORARY);
            return a64!(self, bif V(dst.0).b8, V(a.0).b8, V(sign.0).b8);
        }
        self.fmov(dst, a);
        let b = self.in_float_register(b, FLOAT_TEMPORARY);
        a64!(self, bit V(dst.0).b8, V(b.0).b8, V(sign.0).b8);
    }
}
