//! aarch64: three-operand instructions of four bytes, none of which but loads and stores take an operand from memory.
//!
//! `x29` is the frame, which functions keep for their callers as they do anyway; `x20` is the context, `x19` the memory; `x2`, `x10` and `x11`
//! are scratch; `x16`, `x17`, `v30` and `v31` are this file's own, for operands and constants that an instruction does not take. `x18`
//! belongs to the platform. All others hold pinned registers, but `x21`, where code of the optimizing compiler has the frame, and those that a
//! callee saves of the floats, which there are enough without.
//!
//! Immediates have few bits, and the encoder panics where one does not fit: whatever a program chooses goes through
//! `addresses` and `integers`, which look first. Register 31 is the stack pointer in some instructions and zero in others.
//!
//! Short conditional branches reach 1 MiB. Those to labels that are not bound yet are emitted short, and in functions where that
//! is not enough a second time over an unconditional one, which reaches 128 MiB.

use dynasmrt::{DynasmApi, dynasm};

use super::buffer::{Buffer, Label, Reach};
use super::masm::Value::{Imm, Mem, Reg};
use super::masm::Width::{W32, W64};
use super::masm::{
    Access, Addr, Cond, DivideOp, Feature, Float, FloatOp, FloatTest, FloatUnary, Fpr, FromInt, Gpr, Int,
    IntOp, IntUnary, InterpreterRoles, Masm, Roles, Test, ToInt, Width,
};

/// A macro assembler for aarch64.
#[derive(Debug)]
pub struct Aarch64(Buffer);

/// The macro assembler of this machine.
pub type Machine = Aarch64;

impl Aarch64 {
    /// For processors that have all that code can use, as all do.
    pub fn complete() -> Aarch64 {
        Aarch64(Buffer::default())
    }

    /// For the processor that this runs on.
    pub fn of_host() -> Aarch64 {
        Aarch64::complete()
    }
}

const FIRST: Gpr = Gpr(2);
const SECOND: Gpr = Gpr(10);
const THIRD: Gpr = Gpr(11);
/// The machine file's own: for the first operand of an instruction, and for what has to do with a single one.
const TEMPORARY: Gpr = Gpr(16);
/// The same for the second operand, and for constants and addresses while the first is in use.
const OTHER: Gpr = Gpr(17);
const FRAME: Gpr = Gpr(29);
const CONTEXT: Gpr = Gpr(20);
const MEMORY: Gpr = Gpr(19);
const STACK: Gpr = Gpr(31);
/// In data processing, register 31 is always zero.
const ZERO: Gpr = Gpr(31);
const FLOAT_TEMPORARY: Fpr = Fpr(30);
const FLOAT_OTHER: Fpr = Fpr(31);

/// How a distance is written: in words, in the low 26 bits.
const BRANCH: u8 = 0;
/// In words, in the 19 bits from bit 5 on.
const SHORT: u8 = 1;
/// In bytes, in 21 bits that do not lie together.
const ADDRESS: u8 = 2;
/// In bytes, in the two immediates of a `movz` and a `movk`, from the instruction before them.
const FAR_ADDRESS: u8 = 3;
/// Four bytes, from the place that they hold until then.
const FROM_TABLE: u8 = 4;

/// So far a short branch reaches backwards, in bytes; one word less forwards.
const SHORT_REACH: u32 = 1 << 20;

#[macro_use]
mod forms;
mod addresses;
mod floats;
mod integers;
mod stubs;

use addresses::Place;

/// Condition codes, as in instructions. Each is the inverse of its neighbour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Code {
    Equal = 0,
    NotEqual = 1,
    NotBelow = 2,
    Below = 3,
    Negative = 4,
    NotNegative = 5,
    Above = 8,
    NotAbove = 9,
    NotLess = 10,
    Less = 11,
    Greater = 12,
    NotGreater = 13,
}

fn code_of(cond: Cond) -> Code {
    match cond {
        Cond::Eq | Cond::None => Code::Equal,
        Cond::Ne | Cond::Any => Code::NotEqual,
        Cond::LtS => Code::Less,
        Cond::GeS => Code::NotLess,
        Cond::GtS => Code::Greater,
        Cond::LeS => Code::NotGreater,
        Cond::LtU => Code::Below,
        Cond::GeU => Code::NotBelow,
        Cond::GtU => Code::Above,
        Cond::LeU => Code::NotAbove,
    }
}

/// The lowest bit of a condition code, in a conditional branch.
const INVERSE_CODE: u32 = 1;
/// What tells `cbz` from `cbnz`.
const INVERSE_ZERO: u32 = 1 << 24;

impl Aarch64 {
    #[inline(always)]
    fn word(&mut self, word: u32) {
        self.0.put(word.to_le_bytes());
    }

    fn jump_on(&mut self, code: Code, to: Label) {
        self.short_branch(0x5400_0000 | code as u32, INVERSE_CODE, to);
    }

    /// A branch with a short distance, or its inverse over one with a long distance.
    fn short_branch(&mut self, word: u32, inverse: u32, to: Label) {
        let reaches = match self.0.position_of(to) {
            Some(target) => self.0.position() - target <= SHORT_REACH,
            None => self.0.reach() == Reach::Near,
        };
        if reaches {
            self.0.fixup(to, SHORT);
            return self.word(word);
        }
        const TWO_WORDS: u32 = 2 << 5;
        self.word(word ^ inverse | TWO_WORDS);
        self.jump(to);
    }

    /// `dst` = whether the code holds.
    fn set_on(&mut self, code: Code, dst: Gpr) {
        // cset, which has the inverse code.
        self.word(0x1a9f_07e0 | (code as u32 ^ INVERSE_CODE) << 12 | u32::from(dst.0));
    }

    /// `dst` = the address of a label.
    fn address_of(&mut self, dst: Gpr, label: Label) {
        let adr = 0x1000_0000 | u32::from(dst.0);
        match self.0.reach() {
            Reach::Near => {
                self.0.fixup(label, ADDRESS);
                self.word(adr);
            }
            Reach::Far => {
                self.word(adr);
                self.0.fixup(label, FAR_ADDRESS);
                a64!(self, movz X(TEMPORARY.0), 0; movk X(TEMPORARY.0), 0, LSL 16);
                a64!(self, add X(dst.0), X(dst.0), X(TEMPORARY.0));
            }
        }
    }
}

impl Masm for Aarch64 {
    const ROLES: Roles = Roles {
        frame: FRAME,
        // Displacements are multiples of the size and reach far, but there are none beside an index.
        frame_bias: 0,
        entry: 24,
        context: CONTEXT,
        memory: MEMORY,
        stack: STACK,
        scratch: [FIRST, SECOND, THIRD],
        float_scratch: [Fpr(0), Fpr(1)],
        pins: &[
            Gpr(0),
            Gpr(1),
            Gpr(3),
            Gpr(4),
            Gpr(5),
            Gpr(6),
            Gpr(7),
            Gpr(8),
            Gpr(9),
            Gpr(12),
            Gpr(13),
            Gpr(14),
            Gpr(15),
            Gpr(22),
            Gpr(23),
            Gpr(24),
            Gpr(25),
            Gpr(26),
            Gpr(27),
            Gpr(28),
        ],
        float_pins: &[
            Fpr(2),
            Fpr(3),
            Fpr(4),
            Fpr(5),
            Fpr(6),
            Fpr(7),
            Fpr(16),
            Fpr(17),
            Fpr(18),
            Fpr(19),
            Fpr(20),
            Fpr(21),
            Fpr(22),
            Fpr(23),
            Fpr(24),
            Fpr(25),
        ],
        interpreter: InterpreterRoles {
            pc: Gpr(22),
            handlers: Gpr(23),
            store: Gpr(24),
            accumulator: Gpr(12),
            float_accumulator: Fpr(2),
            fetched: [Gpr(13), Gpr(14), Gpr(15), Gpr(8)],
        },
    };

    fn has(&self, feature: Feature) -> bool {
        match feature {
            Feature::Popcnt | Feature::Rounding => true,
        }
    }

    #[inline(always)]
    fn buffer(&mut self) -> &mut Buffer {
        &mut self.0
    }

    #[inline(always)]
    fn mov(&mut self, dst: Gpr, from: Int) {
        match from {
            Reg(r) if r == dst => {}
            Reg(r) => a64!(self, mov X(dst.0), X(r.0)),
            Mem(at) => {
                // The result's register is free until then, unless the address needs it.
                let is_free = dst != at.base && at.index.is_none_or(|(index, _)| index != dst);
                let place = self.place(at, 3, if is_free { dst } else { TEMPORARY });
                access!(self, place, ldr ldur X(dst), 3);
            }
            Imm(bits) => self.constant(dst, bits),
        }
    }

    #[inline(always)]
    fn fmov(&mut self, dst: Fpr, from: Float) {
        match from {
            Reg(r) if r == dst => {}
            Reg(r) => a64!(self, fmov D(dst.0), D(r.0)),
            Mem(at) => {
                let place = self.place(at, 3, TEMPORARY);
                access!(self, place, ldr ldur D(dst), 3);
            }
            Imm(bits) => self.float_constant(dst, bits),
        }
    }

    #[inline(always)]
    fn store_slot(&mut self, at: Addr, from: Int) {
        let from = match from {
            Imm(0) => ZERO,
            Reg(_) | Mem(_) | Imm(_) => self.in_register(from, TEMPORARY),
        };
        let place = self.place(at, 3, OTHER);
        access!(self, place, str stur X(from), 3);
    }

    fn clear_slots(&mut self, first: Addr, count: u32) {
        let mut slot = 0;
        while slot < count {
            let at = Addr { disp: first.disp + slot as i32 * 8, ..first };
            let words = at.disp / 8;
            if slot + 1 < count && at.disp % 8 == 0 && (-64..64).contains(&words) {
                // stp xzr, xzr
                self.word(0xa900_7c1f | (words as u32 & 0x7f) << 15 | u32::from(at.base.0) << 5);
                slot += 2;
            } else {
                self.store_slot(at, Imm(0));
                slot += 1;
            }
        }
    }

    fn load(&mut self, access: Access, dst: Gpr, at: Addr) {
        let place = self.place(at, size_of(access), TEMPORARY);
        self.0.access();
        match access {
            Access::U8 => access!(self, place, ldrb ldurb W(dst), 0),
            Access::S8W32 => access!(self, place, ldrsb ldursb W(dst), 0),
            Access::S8W64 => access!(self, place, ldrsb ldursb X(dst), 0),
            Access::U16 => access!(self, place, ldrh ldurh W(dst), 1),
            Access::S16W32 => access!(self, place, ldrsh ldursh W(dst), 1),
            Access::S16W64 => access!(self, place, ldrsh ldursh X(dst), 1),
            Access::U32 => access!(self, place, ldr ldur W(dst), 2),
            Access::S32W64 => access!(self, place, ldrsw ldursw X(dst), 2),
            Access::U64 => access!(self, place, ldr ldur X(dst), 3),
        }
    }

    fn store(&mut self, access: Access, at: Addr, from: Gpr) {
        let place = self.place(at, size_of(access), TEMPORARY);
        self.0.access();
        match access {
            Access::U8 | Access::S8W32 | Access::S8W64 => access!(self, place, strb sturb W(from), 0),
            Access::U16 | Access::S16W32 | Access::S16W64 => access!(self, place, strh sturh W(from), 1),
            Access::U32 | Access::S32W64 => access!(self, place, str stur W(from), 2),
            Access::U64 => access!(self, place, str stur X(from), 3),
        }
    }

    fn load_float(&mut self, width: Width, dst: Fpr, at: Addr) {
        let place = self.place(at, size_of_float(width), TEMPORARY);
        self.0.access();
        match width {
            W32 => access!(self, place, ldr ldur S(dst), 2),
            W64 => access!(self, place, ldr ldur D(dst), 3),
        }
    }

    fn store_float(&mut self, width: Width, at: Addr, from: Fpr) {
        let place = self.place(at, size_of_float(width), TEMPORARY);
        self.0.access();
        match width {
            W32 => access!(self, place, str stur S(from), 2),
            W64 => access!(self, place, str stur D(from), 3),
        }
    }

    fn lea(&mut self, width: Width, dst: Gpr, at: Addr) {
        let base = match at.index {
            None => at.base,
            Some((index, shift)) => {
                self.add_shifted(width, dst, at.base, index, shift);
                if at.disp == 0 {
                    return;
                }
                dst
            }
        };
        self.add_constant(width, dst, base, at.disp as i64 as u64);
    }

    #[inline(always)]
    fn int(&mut self, op: IntOp, width: Width, dst: Gpr, a: Int, b: Int) {
        match (op, a, b) {
            (IntOp::Add | IntOp::And | IntOp::Or | IntOp::Xor, Imm(_), Reg(_) | Mem(_)) => {
                self.with_constant(op, width, dst, b, a);
            }
            (_, _, Imm(_)) => self.with_constant(op, width, dst, a, b),
            (_, _, Reg(_) | Mem(_)) => {
                let a = self.in_register(a, TEMPORARY);
                let b = self.in_register(b, OTHER);
                self.with_register(op, width, dst, a, b);
            }
        }
    }

    fn int_unary(&mut self, op: IntUnary, width: Width, dst: Gpr, a: Int) {
        let a = self.in_register(a, TEMPORARY);
        match (op, width) {
            (IntUnary::Clz, _) => integer!(self, width, clz dst, a),
            (IntUnary::Ctz, _) => {
                integer!(self, width, rbit TEMPORARY, a);
                integer!(self, width, clz dst, TEMPORARY);
            }
            (IntUnary::Popcnt, _) => {
                // Only vectors have it: by bytes, and then their sum. A value of 32 bits has zeros above.
                a64!(self,
                    fmov D(FLOAT_OTHER.0), X(a.0);
                    cnt V(FLOAT_OTHER.0).b8, V(FLOAT_OTHER.0).b8;
                    addv B(FLOAT_OTHER.0), V(FLOAT_OTHER.0).b8;
                    fmov W(dst.0), S(FLOAT_OTHER.0)
                );
            }
            (IntUnary::Extend8, W32) => a64!(self, sxtb W(dst.0), W(a.0)),
            (IntUnary::Extend8, W64) => a64!(self, sxtb X(dst.0), W(a.0)),
            (IntUnary::Extend16, W32) => a64!(self, sxth W(dst.0), W(a.0)),
            (IntUnary::Extend16, W64) => a64!(self, sxth X(dst.0), W(a.0)),
            (IntUnary::Extend32, _) => a64!(self, sxtw X(dst.0), W(a.0)),
            (IntUnary::Wrap, _) => a64!(self, mov W(dst.0), W(a.0)),
        }
    }

    fn divide(&mut self, op: DivideOp, width: Width, dst: Gpr, a: Int, b: Gpr) {
        let a = self.in_register(a, TEMPORARY);
        match op {
            DivideOp::DivS => integer!(self, width, sdiv dst, a, b),
            DivideOp::DivU => integer!(self, width, udiv dst, a, b),
            DivideOp::RemS => {
                integer!(self, width, sdiv OTHER, a, b);
                integer!(self, width, msub dst, OTHER, b, a);
            }
            DivideOp::RemU => {
                integer!(self, width, udiv OTHER, a, b);
                integer!(self, width, msub dst, OTHER, b, a);
            }
        }
    }

    fn float(&mut self, op: FloatOp, width: Width, dst: Fpr, a: Float, b: Float) {
        if op == FloatOp::Copysign {
            return self.copysign(width, dst, a, b);
        }
        let a = self.in_float_register(a, FLOAT_TEMPORARY);
        let b = self.in_float_register(b, FLOAT_OTHER);
        match op {
            FloatOp::Add => scalar!(self, width, fadd dst, a, b),
            FloatOp::Sub => scalar!(self, width, fsub dst, a, b),
            FloatOp::Mul => scalar!(self, width, fmul dst, a, b),
            FloatOp::Div => scalar!(self, width, fdiv dst, a, b),
            FloatOp::Min => scalar!(self, width, fmin dst, a, b),
            FloatOp::Max | FloatOp::Copysign => scalar!(self, width, fmax dst, a, b),
        }
    }

    fn float_unary(&mut self, op: FloatUnary, width: Width, dst: Fpr, a: Float) {
        let a = self.in_float_register(a, FLOAT_TEMPORARY);
        match op {
            FloatUnary::Sqrt => scalar!(self, width, fsqrt dst, a),
            FloatUnary::Abs => scalar!(self, width, fabs dst, a),
            FloatUnary::Neg => scalar!(self, width, fneg dst, a),
            FloatUnary::Ceil => scalar!(self, width, frintp dst, a),
            FloatUnary::Floor => scalar!(self, width, frintm dst, a),
            FloatUnary::Trunc => scalar!(self, width, frintz dst, a),
            FloatUnary::Nearest => scalar!(self, width, frintn dst, a),
        }
    }

    fn float_from_int(&mut self, from: FromInt, width: Width, dst: Fpr, a: Int) {
        let a = self.in_register(a, TEMPORARY);
        match (from, width) {
            (FromInt::S32, W32) => a64!(self, scvtf S(dst.0), W(a.0)),
            (FromInt::S32, W64) => a64!(self, scvtf D(dst.0), W(a.0)),
            (FromInt::U32, W32) => a64!(self, ucvtf S(dst.0), W(a.0)),
            (FromInt::U32, W64) => a64!(self, ucvtf D(dst.0), W(a.0)),
            (FromInt::S64, W32) => a64!(self, scvtf S(dst.0), X(a.0)),
            (FromInt::S64, W64) => a64!(self, scvtf D(dst.0), X(a.0)),
            (FromInt::U64, W32) => a64!(self, ucvtf S(dst.0), X(a.0)),
            (FromInt::U64, W64) => a64!(self, ucvtf D(dst.0), X(a.0)),
        }
    }

    fn float_from_float(&mut self, from: Width, dst: Fpr, a: Float) {
        let a = self.in_float_register(a, FLOAT_TEMPORARY);
        match from {
            W32 => a64!(self, fcvt D(dst.0), S(a.0)),
            W64 => a64!(self, fcvt S(dst.0), D(a.0)),
        }
    }

    fn int_from_float(&mut self, to: ToInt, from: Width, dst: Gpr, a: Float, _saturates: bool) {
        // The instructions always saturate.
        let a = self.in_float_register(a, FLOAT_TEMPORARY);
        match (to, from) {
            (ToInt::S32, W32) => a64!(self, fcvtzs W(dst.0), S(a.0)),
            (ToInt::S32, W64) => a64!(self, fcvtzs W(dst.0), D(a.0)),
            (ToInt::U32, W32) => a64!(self, fcvtzu W(dst.0), S(a.0)),
            (ToInt::U32, W64) => a64!(self, fcvtzu W(dst.0), D(a.0)),
            (ToInt::S64, W32) => a64!(self, fcvtzs X(dst.0), S(a.0)),
            (ToInt::S64, W64) => a64!(self, fcvtzs X(dst.0), D(a.0)),
            (ToInt::U64, W32) => a64!(self, fcvtzu X(dst.0), S(a.0)),
            (ToInt::U64, W64) => a64!(self, fcvtzu X(dst.0), D(a.0)),
        }
    }

    fn float_from_bits(&mut self, dst: Fpr, a: Gpr) {
        a64!(self, fmov D(dst.0), X(a.0));
    }

    fn bits_from_float(&mut self, dst: Gpr, a: Fpr) {
        a64!(self, fmov X(dst.0), D(a.0));
    }

    fn set(&mut self, test: Test, dst: Gpr) {
        self.compare(test);
        self.set_on(code_of(test.cond), dst);
    }

    fn set_float(&mut self, test: FloatTest, dst: Gpr) {
        let code = self.compare_float(test);
        self.set_on(code, dst);
    }

    fn select(&mut self, condition: Int, dst: Gpr, a: Int, b: Int) {
        self.compare(Test { cond: Cond::Ne, width: W32, a: condition, b: Imm(0) });
        // Neither loads nor constants change flags; nor does the arithmetic of addresses.
        let a = self.in_register(a, TEMPORARY);
        let b = self.in_register(b, OTHER);
        a64!(self, csel X(dst.0), X(a.0), X(b.0), ne);
    }

    fn jump(&mut self, to: Label) {
        self.0.fixup(to, BRANCH);
        self.word(0x1400_0000);
    }

    fn jump_if(&mut self, test: Test, to: Label) {
        let inverse = match (test.cond, test.b) {
            (Cond::Eq, Imm(0)) => 0,
            (Cond::Ne, Imm(0)) => INVERSE_ZERO,
            _ => {
                self.compare(test);
                return self.jump_on(code_of(test.cond), to);
            }
        };
        let a = self.in_register(test.a, TEMPORARY);
        let width = u32::from(test.width == W64) << 31;
        self.short_branch(0x3400_0000 | width | inverse | u32::from(a.0), INVERSE_ZERO, to);
    }

    fn jump_if_float(&mut self, test: FloatTest, to: Label) {
        let code = self.compare_float(test);
        self.jump_on(code, to);
    }

    fn jump_table(&mut self, index: Gpr, table: Label) {
        self.address_of(FIRST, table);
        a64!(self,
            ldrsw X(SECOND.0), [XSP(FIRST.0), X(index.0), LSL 2];
            add X(FIRST.0), X(FIRST.0), X(SECOND.0);
            br X(FIRST.0)
        );
    }

    fn table_entry(&mut self, table: Label, to: Label) {
        let start = self.0.position_of(table).expect("the table has begun");
        self.0.fixup(to, FROM_TABLE);
        self.word(start);
    }

    fn jump_to(&mut self, address: Gpr) {
        a64!(self, br X(address.0));
    }

    fn count(&mut self, dst: Gpr, at: Addr) {
        let place = self.place(at, 2, TEMPORARY);
        access!(self, place, ldr ldur W(dst), 2);
        a64!(self, cmn WSP(dst.0), 1; cinc W(dst.0), W(dst.0), ne);
        access!(self, place, str stur W(dst), 2);
    }

    fn count_down(&mut self, at: Addr, zero: Label) {
        let place = self.place(at, 2, TEMPORARY);
        access!(self, place, ldr ldur W(OTHER), 2);
        a64!(self, sub WSP(OTHER.0), WSP(OTHER.0), 1);
        access!(self, place, str stur W(OTHER), 2);
        self.jump_if(Test { cond: Cond::Eq, width: W32, a: Reg(OTHER), b: Imm(0) }, zero);
    }

    fn enter(&mut self) {
        a64!(self, stp x29, x30, [sp, -16]!);
    }

    fn leave(&mut self) {
        a64!(self, ldp x29, x30, [sp], 16; ret);
    }

    fn leave_to(&mut self, at: Addr) {
        self.mov(TEMPORARY, Mem(at));
        a64!(self, ldp x29, x30, [sp], 16; br X(TEMPORARY.0));
    }

    fn call(&mut self, at: Addr) {
        self.mov(TEMPORARY, Mem(at));
        a64!(self, blr X(TEMPORARY.0));
    }

    fn call_label(&mut self, to: Label) {
        // bl
        self.0.fixup(to, BRANCH);
        self.word(0x9400_0000);
    }

    fn load_literal(&mut self, dst: Gpr, offset: i32) {
        let distance = offset - self.0.position() as i32;
        if distance % 4 == 0 && distance.unsigned_abs() < SHORT_REACH {
            // ldr dst, literal
            return self.word(0x5800_0000 | (distance as u32 >> 2 & 0x7_ffff) << 5 | u32::from(dst.0));
        }
        // adr dst, here
        self.word(0x1000_0000 | u32::from(dst.0));
        self.mov(dst, Mem(Addr::at(dst, distance)));
    }

    fn align(&mut self, to: usize) {
        while !(self.0.position() as usize).is_multiple_of(to) {
            a64!(self, nop);
        }
    }

    #[inline]
    fn patch(code: &mut [u8], site: u32, kind: u8, target: u32) -> bool {
        let from = site as usize;
        let word = |at: usize| u32::from_le_bytes(code[at..at + 4].try_into().expect("four bytes"));
        let first = word(from);
        let distance = i64::from(target) - i64::from(site);
        /// Whether a signed number has so many bits.
        const fn fits(number: i64, bits: u32) -> bool {
            number >> (bits - 1) == number >> 63
        }
        let (reaches, first) = match kind {
            BRANCH => (fits(distance >> 2, 26), first | distance as u32 >> 2 & 0x3ff_ffff),
            SHORT => (fits(distance >> 2, 19), first | (distance as u32 >> 2 & 0x7_ffff) << 5),
            ADDRESS => {
                let bits = distance as u32;
                (fits(distance, 21), first | (bits & 3) << 29 | (bits >> 2 & 0x7_ffff) << 5)
            }
            FAR_ADDRESS => {
                let bits = distance as u32 + 4;
                let second = word(from + 4) | (bits >> 16) << 5;
                code[from + 4..from + 8].copy_from_slice(&second.to_le_bytes());
                (distance >= 0, first | (bits & 0xffff) << 5)
            }
            _ => (true, target.wrapping_sub(first)),
        };
        code[from..from + 4].copy_from_slice(&first.to_le_bytes());
        reaches
    }
}

/// The logarithm of an access's bytes.
const fn size_of(access: Access) -> u8 {
    match access {
        Access::U8 | Access::S8W32 | Access::S8W64 => 0,
        Access::U16 | Access::S16W32 | Access::S16W64 => 1,
        Access::U32 | Access::S32W64 => 2,
        Access::U64 => 3,
    }
}

const fn size_of_float(width: Width) -> u8 {
    match width {
        W32 => 2,
        W64 => 3,
    }
}
