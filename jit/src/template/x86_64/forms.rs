//! Instructions whose operand is a register or lies in memory.
//!
//! They are put together by hand, a whole instruction at once: where registers are only known at run time, dynasm writes byte by
//! byte, and an address with a SIB byte and four bytes of displacement, needed or not. Encodings are those of Intel's manual,
//! volume 2, chapter 2.

use super::X86_64;
use crate::template::masm::{Addr, Float, Gpr, Int, Value, Width};

/// An opcode and what stands before it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Form {
    /// `66`, `f2` or `f3`; 0 for none.
    prefix: u8,
    /// Whether `0f` stands before the opcode.
    escape: bool,
    code: u8,
    /// Whether operands have 64 bits.
    wide: bool,
    /// Whether register operands have 8 bits.
    bytes: bool,
}

impl Form {
    const fn new(code: u8) -> Form {
        Form { prefix: 0, escape: false, code, wide: false, bytes: false }
    }

    /// With `0f`.
    const fn escaped(code: u8) -> Form {
        Form { escape: true, ..Form::new(code) }
    }

    /// The form for operands of a width.
    #[inline(always)]
    pub(super) const fn of(self, width: Width) -> Form {
        Form { wide: matches!(width, Width::W64), ..self }
    }

    const fn wide(self) -> Form {
        Form { wide: true, ..self }
    }

    const fn bytes(self) -> Form {
        Form { bytes: true, ..self }
    }

    const fn prefixed(self, prefix: u8) -> Form {
        Form { prefix, ..self }
    }
}

pub(super) const LOAD: Form = Form::new(0x8b);
pub(super) const STORE: Form = Form::new(0x89);
pub(super) const STORE_8: Form = Form::new(0x88).bytes();
pub(super) const STORE_16: Form = Form::new(0x89).prefixed(0x66);
/// With an immediate of 32 bits; its register is 0.
pub(super) const STORE_IMM: Form = Form::new(0xc7);
pub(super) const LOAD_U8: Form = Form::escaped(0xb6);
pub(super) const LOAD_U16: Form = Form::escaped(0xb7);
pub(super) const LOAD_S8: Form = Form::escaped(0xbe);
pub(super) const LOAD_S16: Form = Form::escaped(0xbf);
pub(super) const LOAD_S32: Form = Form::new(0x63).wide();
pub(super) const LEA: Form = Form::new(0x8d);
pub(super) const IMUL: Form = Form::escaped(0xaf);
/// `register = place * immediate`, of 8 bits.
pub(super) const IMUL_IMM8: Form = Form::new(0x6b);
/// The same, of 32 bits.
pub(super) const IMUL_IMM: Form = Form::new(0x69);
pub(super) const TEST: Form = Form::new(0x85);
/// With an immediate of 8 bits; its register is 0.
pub(super) const TEST_IMM8: Form = Form::new(0xf6).bytes();
/// With an immediate of 32 bits; its register is 0.
pub(super) const TEST_IMM: Form = Form::new(0xf7);
/// With an immediate of 8 bits; its register is 2.
pub(super) const ADC_IMM8: Form = Form::new(0x83);
pub(super) const CMOVNE: Form = Form::escaped(0x45).wide();
/// Its register is 2 for a call, 4 for a jump.
pub(super) const GO: Form = Form::new(0xff);

pub(super) const MOVAPS: Form = Form::escaped(0x28);
pub(super) const XORPS: Form = Form::escaped(0x57);
pub(super) const STORE_PAIR: Form = Form::escaped(0x11);
/// Of the lower half; as `STORE_F64`, but shorter.
pub(super) const STORE_LOW: Form = Form::escaped(0x13);
pub(super) const LOAD_F32: Form = Form::escaped(0x10).prefixed(0xf3);
pub(super) const LOAD_F64: Form = Form::escaped(0x10).prefixed(0xf2);
pub(super) const STORE_F32: Form = Form::escaped(0x11).prefixed(0xf3);
pub(super) const STORE_F64: Form = Form::escaped(0x11).prefixed(0xf2);

/// Integer instructions with two operands, by the number that is part of their opcodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Alu {
    Add = 0,
    Or = 1,
    And = 4,
    Sub = 5,
    Xor = 6,
    Cmp = 7,
}

/// Scalar float instructions, by their opcodes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Scalar {
    /// Sets the flags.
    Compare = 0x2e,
    Sqrt = 0x51,
    Add = 0x58,
    Mul = 0x59,
    Sub = 0x5c,
    Min = 0x5d,
    Div = 0x5e,
    Max = 0x5f,
}

/// An operand in a register, by number, or in memory.
#[derive(Clone, Copy, Debug)]
pub(super) enum Place {
    Reg(u8),
    Mem(Addr),
}

impl From<Gpr> for Place {
    #[inline(always)]
    fn from(register: Gpr) -> Place {
        Place::Reg(register.0)
    }
}

impl From<Addr> for Place {
    #[inline(always)]
    fn from(at: Addr) -> Place {
        Place::Mem(at)
    }
}

/// Whether a displacement or immediate fits a byte.
#[inline(always)]
pub(super) const fn is_byte(value: i32) -> bool {
    value as i8 as i32 == value
}

impl X86_64 {
    /// An instruction without its immediate: a register, and a register or a place in memory.
    #[inline(always)]
    pub(super) fn form(&mut self, form: Form, register: u8, place: Place) {
        let reg = (register & 7) << 3;
        // ModRM, SIB and displacement; their length; extensions of the index and the base.
        let (tail, length, extensions) = match place {
            Place::Reg(r) => (u64::from(0xc0 | reg | r & 7), 1, r >> 3),
            Place::Mem(Addr { base, index, disp }) => {
                let (mode, disp_length) = match disp {
                    // Without displacement, this base means another thing.
                    0 if base.0 & 7 != 5 => (0x00, 0),
                    _ if is_byte(disp) => (0x40, 1),
                    _ => (0x80, 4),
                };
                let disp = u64::from(disp as u32);
                match index {
                    None if base.0 & 7 != 4 => {
                        (u64::from(mode | reg | base.0 & 7) | disp << 8, 1 + disp_length, base.0 >> 3)
                    }
                    None => {
                        (u64::from(mode | reg | 4) | 0x24 << 8 | disp << 16, 2 + disp_length, base.0 >> 3)
                    }
                    Some((index, shift)) => {
                        let sib = shift << 6 | (index.0 & 7) << 3 | base.0 & 7;
                        let extensions = (index.0 >> 3) << 1 | base.0 >> 3;
                        (
                            u64::from(mode | reg | 4) | u64::from(sib) << 8 | disp << 16,
                            2 + disp_length,
                            extensions,
                        )
                    }
                }
            }
        };
        let (mut head, mut bits) = (0, 0);
        if form.prefix != 0 {
            (head, bits) = (u64::from(form.prefix), 8);
        }
        let rex = 0x40 | u8::from(form.wide) << 3 | (register >> 3) << 2 | extensions;
        // Without it, byte registers 4 to 7 are others.
        let low_byte = |r: u8| form.bytes && (4..8).contains(&r);
        if rex != 0x40 || low_byte(register) || matches!(place, Place::Reg(r) if low_byte(r)) {
            head |= u64::from(rex) << bits;
            bits += 8;
        }
        if form.escape {
            head |= 0x0f << bits;
            bits += 8;
        }
        head |= u64::from(form.code) << bits;
        bits += 8;
        self.0.put_some([(head, bits as usize / 8), (tail, length)]);
    }

    /// `dst op= operand`, which is no large immediate. A comparison only sets the flags.
    #[inline(always)]
    pub(super) fn alu(&mut self, op: Alu, width: Width, dst: impl Into<Place>, operand: Int) {
        let dst = dst.into();
        let code = (op as u8) << 3;
        match (operand, dst) {
            (Value::Reg(r), _) => self.form(Form::new(code | 1).of(width), r.0, dst),
            (Value::Mem(at), Place::Reg(dst)) => self.form(Form::new(code | 3).of(width), dst, at.into()),
            (Value::Mem(_), Place::Mem(_)) => unreachable!("one of the operands is in a register"),
            (Value::Imm(bits), _) => {
                let value = super::immediate(width, bits).expect("a large immediate is in a register");
                if is_byte(value) {
                    self.form(Form::new(0x83).of(width), op as u8, dst);
                    self.0.put([value as u8]);
                } else if let Place::Reg(0) = dst {
                    self.accumulator(Form::new(code | 5).of(width), value);
                } else {
                    self.form(Form::new(0x81).of(width), op as u8, dst);
                    self.0.put(value.to_le_bytes());
                }
            }
        }
    }

    /// A form with the accumulator and an immediate, which has no other operand.
    #[inline(always)]
    fn accumulator(&mut self, form: Form, value: i32) {
        if form.wide {
            self.0.put([0x48]);
        }
        self.0.put([form.code]);
        self.0.put(value.to_le_bytes());
    }

    /// `dst op= operand`, which is no immediate; or `dst = op operand`. The upper half stays as it is.
    #[inline(always)]
    pub(super) fn scalar(&mut self, op: Scalar, width: Width, dst: super::Fpr, operand: Float) {
        let prefix = match (op, width) {
            (Scalar::Compare, Width::W32) => 0,
            (Scalar::Compare, Width::W64) => 0x66,
            (_, Width::W32) => 0xf3,
            (_, Width::W64) => 0xf2,
        };
        let place = match operand {
            Value::Reg(r) => Place::Reg(r.0),
            Value::Mem(at) => Place::Mem(at),
            Value::Imm(_) => unreachable!("float immediates are in a register"),
        };
        self.form(Form::escaped(op as u8).prefixed(prefix), dst.0, place);
    }
}
