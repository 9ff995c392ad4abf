//! Instructions whose operand is a register or lies in memory.
//!
//! They are put together by hand, a whole instruction at once: where registers are only known at run time, dynasm writes byte by
//! byte, and an address with a SIB byte and four bytes of displacement, needed or not. Encodings are those of Intel's manual,
//! volume 2, chapter 2.

use super::X86_64;
use crate::template::masm::{Addr, Float, Gpr, Int, Masm, Value, Width};

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

    pub(super) const fn prefixed(self, prefix: u8) -> Form {
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
/// The same from a register.
pub(super) const EXTEND_8: Form = LOAD_S8.bytes();
pub(super) const LOAD_S16: Form = Form::escaped(0xbf);
pub(super) const LOAD_S32: Form = Form::new(0x63).wide();
pub(super) const LEA: Form = Form::new(0x8d);
pub(super) const IMUL: Form = Form::escaped(0xaf);
/// `register = place * immediate`, of 8 bits.
pub(super) const IMUL_IMM8: Form = Form::new(0x6b);
/// The same, of 32 bits.
pub(super) const IMUL_IMM: Form = Form::new(0x69);
/// Which instruction is the register's number: negates (3); divides the accumulator (6), with signs (7).
pub(super) const UNARY: Form = Form::new(0xf7);
/// Of the width of its prefix, from an integer of the form's width.
pub(super) const FLOAT_FROM_INT: Form = Form::escaped(0x2a);
/// By `cl`; which shift is the register's number.
pub(super) const SHIFT: Form = Form::new(0xd3);
/// The same by an immediate of 8 bits.
pub(super) const SHIFT_IMM8: Form = Form::new(0xc1);
pub(super) const XOR: Form = Form::new(0x33);
pub(super) const TEST: Form = Form::new(0x85);
/// With an immediate of 8 bits; its register is 0.
pub(super) const TEST_IMM8: Form = Form::new(0xf6).bytes();
/// With an immediate of 32 bits; its register is 0.
pub(super) const TEST_IMM: Form = Form::new(0xf7);
/// With an immediate of 8 bits; its register is 2.
pub(super) const ADC_IMM8: Form = Form::new(0x83);
/// The same; its register is 5.
pub(super) const SUB_IMM8: Form = ADC_IMM8;
pub(super) const CMOVNE: Form = Form::escaped(0x45).wide();
/// Its register is 2 for a call, 4 for a jump.
pub(super) const GO: Form = Form::new(0xff);

pub(super) const MOVAPS: Form = Form::escaped(0x28);
pub(super) const XORPS: Form = Form::escaped(0x57);
pub(super) const STORE_PAIR: Form = Form::escaped(0x11);
pub(super) const LOAD_F32: Form = Form::escaped(0x10).prefixed(0xf3);
pub(super) const LOAD_F64: Form = Form::escaped(0x10).prefixed(0xf2);
pub(super) const STORE_F32: Form = Form::escaped(0x11).prefixed(0xf3);
/// `movlps`, which is shorter than `movsd`.
pub(super) const STORE_F64: Form = Form::escaped(0x13);

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

/// Addresses in a frame: what [`tail`] gives for register 0, its length in the highest byte, by words from the first that a
/// displacement of one byte reaches. Few functions have more registers: whether displacements are short is found without a branch, then.
const IN_FRAME: [u64; 256] = {
    let mut tails = [0; 256];
    let mut i = 0;
    while i < tails.len() {
        let disp = LEAST + 8 * i as i32;
        let (tail, length) = plain_tail(FRAME, disp);
        tails[i] = tail | (length as u64) << 56;
        i += 1;
    }
    tails
};
const LEAST: i32 = i8::MIN as i32;
const FRAME: Gpr = X86_64::ROLES.frame;

/// ModRM for register 0, and displacement, of an address without SIB byte; their length.
#[inline(always)]
const fn plain_tail(base: Gpr, disp: i32) -> (u64, u32) {
    // No branch: it would often be predicted wrongly.
    let (mode, length) = displacement(base, disp);
    ((mode | base.0 & 7) as u64 | (disp as u32 as u64) << 8, 1 + length)
}

/// The same where it is seldom wanted: code that is used more often stays together.
#[cold]
#[inline(never)]
const fn far_tail(base: Gpr, disp: i32) -> (u64, u32) {
    plain_tail(base, disp)
}

/// The mode of a displacement, in ModRM, and its length.
#[inline(always)]
const fn displacement(base: Gpr, disp: i32) -> (u8, u32) {
    // Without displacement, base 5 means another thing.
    let any = (disp != 0 || base.0 & 7 == 5) as u32;
    let long = !is_byte(disp) as u32;
    (((any + long) << 6) as u8, any + 3 * long)
}

/// ModRM, SIB and displacement; their length; extensions of the index and the base.
#[inline(always)]
fn tail(register: u8, place: Place) -> (u64, u32, u8) {
    let reg = (register & 7) << 3;
    match place {
        Place::Reg(r) => (u64::from(0xc0 | reg | r & 7), 1, r >> 3),
        Place::Mem(Addr { base, index: None, disp }) if base.0 & 7 != 4 => {
            let from_least = disp.wrapping_sub(LEAST) as u32;
            let (tail, length) = if base == FRAME && from_least.is_multiple_of(8) {
                match IN_FRAME.get(from_least as usize / 8) {
                    Some(&tail) => (tail, (tail >> 56) as u32),
                    None => far_tail(base, disp),
                }
            } else {
                plain_tail(base, disp)
            };
            (tail | u64::from(reg), length, base.0 >> 3)
        }
        Place::Mem(Addr { base, index, disp }) => {
            let (mode, length) = displacement(base, disp);
            // Index 4 is none.
            let (index, shift) = index.unwrap_or((Gpr(4), 0));
            let sib = shift << 6 | (index.0 & 7) << 3 | base.0 & 7;
            let tail = u64::from(mode | reg | 4) | u64::from(sib) << 8 | u64::from(disp as u32) << 16;
            (tail, 2 + length, (index.0 >> 3) << 1 | base.0 >> 3)
        }
    }
}

/// What stands before ModRM, and all from there on but an immediate, with their lengths.
#[inline(always)]
fn parts(form: Form, register: u8, place: Place) -> [(u64, u32); 2] {
    let (tail, length, extensions) = tail(register, place);
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
    [(head, bits / 8), (tail, length)]
}

impl X86_64 {
    /// An instruction without its immediate: a register, and a register or a place in memory.
    #[inline(always)]
    pub(super) fn form(&mut self, form: Form, register: u8, place: Place) {
        let parts = parts(form, register, place);
        self.0.put_some(parts);
    }

    /// The same with an immediate of one byte, or of four.
    #[inline(always)]
    pub(super) fn form_imm(&mut self, form: Form, register: u8, place: Place, value: u32, length: u32) {
        let [head, tail] = parts(form, register, place);
        self.0.put_three([head, tail, (u64::from(value), length)]);
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
                if let Place::Reg(0) = dst {
                    self.accumulator(op, width, value);
                } else {
                    // No branch: it would often be predicted wrongly.
                    let short = is_byte(value);
                    let (code, length) = if short { (0x83, 1) } else { (0x81, 4) };
                    self.form_imm(Form::new(code).of(width), op as u8, dst, value as u32, length);
                }
            }
        }
    }

    /// The accumulator and an immediate, of four bytes with no other operand.
    #[inline(always)]
    fn accumulator(&mut self, op: Alu, width: Width, value: i32) {
        let op = (op as u8) << 3;
        let value_bits = u64::from(value as u32);
        let short = 0x83 | u64::from(0xc0 | op) << 8 | value_bits << 16;
        let long = u64::from(op | 5) | value_bits << 8;
        let instruction = if is_byte(value) { (short, 3) } else { (long, 5) };
        let prefix = if width == Width::W64 { (0x48, 1) } else { (0, 0) };
        self.0.put_some([prefix, instruction]);
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
