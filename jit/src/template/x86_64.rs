//! x86-64: two-operand instructions, most of which take one operand from memory.
//!
//! `rbp` is the frame, which functions keep for their callers as they do anyway, and needs no prefix; `rbx` is the context, `r14` the memory;
//! `rax`, `rcx` and `rdx` are scratch, since division and shifts want them; all others hold pinned registers, but `r15`, where code of the
//! optimizing compiler has the frame. SSE2 is assumed; what newer processors have is used where it is found.

use dynasmrt::{DynasmApi, dynasm};

use super::buffer::{Buffer, Label, Target};
use super::masm::Value::{Imm, Mem, Reg};
use super::masm::Width::{W32, W64};
use super::masm::{
    Access, Addr, Cond, DivideOp, Feature, Float, FloatCond, FloatOp, FloatTest, FloatUnary, Fpr, FromInt,
    Gpr, Int, IntOp, IntUnary, InterpreterRoles, Masm, Roles, Test, ToInt, Width,
};

/// A macro assembler for x86-64.
#[derive(Debug)]
pub struct X86_64(Buffer, Processor);

/// The macro assembler of this machine.
pub type Machine = X86_64;

/// The processor that code is for: what it has beyond SSE2.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Processor {
    /// One that has all that code can use, as nearly all do.
    Complete,
    /// The one that this runs on. It is asked when something could use the answer: where there is a hypervisor, that gives it, and the
    /// standard library's questions take some 100 us.
    Host,
}

impl Processor {
    fn has(self, feature: Feature) -> bool {
        match self {
            Processor::Complete => true,
            #[cfg(target_arch = "x86_64")]
            Processor::Host => match feature {
                Feature::Popcnt => std::is_x86_feature_detected!("popcnt"),
                Feature::Rounding => std::is_x86_feature_detected!("sse4.1"),
            },
            // It does not run this code.
            #[cfg(not(target_arch = "x86_64"))]
            Processor::Host => {
                _ = feature;
                false
            }
        }
    }
}

impl X86_64 {
    /// For processors that have all that code can use, as nearly all do.
    pub fn complete() -> X86_64 {
        X86_64(Buffer::default(), Processor::Complete)
    }

    /// For the processor that this runs on; for any, where that is of another kind.
    pub fn of_host() -> X86_64 {
        X86_64(Buffer::default(), Processor::Host)
    }
}

const RAX: Gpr = Gpr(0);
const RCX: Gpr = Gpr(1);
const RDX: Gpr = Gpr(2);
const RBX: Gpr = Gpr(3);
const RBP: Gpr = Gpr(5);
const RSI: Gpr = Gpr(6);
const RDI: Gpr = Gpr(7);
const R14: Gpr = Gpr(14);
const R15: Gpr = Gpr(15);
/// The machine file's own float scratch.
const TEMPORARY: Fpr = Fpr(1);
/// Free where a method's result is no float.
const OTHER: Fpr = Fpr(0);

/// How a distance is written: four bytes, from their end.
const RELATIVE: u8 = 0;
/// Four bytes, from the place that they hold until then.
const FROM_TABLE: u8 = 1;
/// One byte, from its end.
const NEAR: u8 = 2;

/// Emits what dynasm writes as short as it can be.
macro_rules! x64 {
    ($self:ident, $($code:tt)*) => {
        dynasm!($self.0; .arch x64; $($code)*)
    };
}

mod forms;
mod floats;
mod integers;
mod stubs;

use forms::{Alu, Place, Scalar, is_byte};

/// A constant as an instruction's 32-bit immediate, which is sign-extended.
#[inline(always)]
fn immediate(width: Width, bits: u64) -> Option<i32> {
    match width {
        W32 => Some(bits as u32 as i32),
        W64 => i32::try_from(bits as i64).ok(),
    }
}

/// Condition codes, as in the opcodes of `jcc`, `setcc` and `cmovcc`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
enum Code {
    Below = 2,
    NotBelow = 3,
    Equal = 4,
    NotEqual = 5,
    NotAbove = 6,
    Above = 7,
    Parity = 10,
    NoParity = 11,
    Less = 12,
    NotLess = 13,
    NotGreater = 14,
    Greater = 15,
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

impl X86_64 {
    #[inline(always)]
    fn jump_on(&mut self, code: Code, to: Label) {
        match self.short_distance(to) {
            Some(distance) => self.0.put([0x70 | code as u8, distance]),
            None => {
                self.0.put([0x0f, 0x80 | code as u8]);
                self.distance(to);
            }
        }
    }

    /// The distance to a label from behind a branch of two bytes that is put next, if it is one of those that reach so far; what is
    /// not known yet is written later.
    #[inline(always)]
    fn short_distance(&mut self, to: Label) -> Option<u8> {
        match self.0.target(to) {
            Target::At(target) => {
                let distance = target as i32 - (self.0.position() as i32 + 2);
                is_byte(distance).then_some(distance as u8)
            }
            Target::Near => {
                self.0.fixup_at(self.0.position() + 1, to, NEAR);
                Some(0)
            }
            Target::Far => None,
        }
    }

    #[inline(always)]
    fn distance(&mut self, to: Label) {
        self.0.fixup(to, RELATIVE);
        self.0.put([0; 4]);
    }

    /// `dst`'s low byte = whether the code holds.
    #[inline(always)]
    fn set_byte(&mut self, code: Code, dst: Gpr) {
        debug_assert!(dst.0 < 4, "needs no prefix");
        self.0.put([0x0f, 0x90 | code as u8, 0xc0 | dst.0]);
    }
}

impl Masm for X86_64 {
    const ROLES: Roles = Roles {
        frame: RBP,
        // Displacements of one byte reach from the header to register 27.
        frame_bias: 96,
        entry: 16,
        context: RBX,
        memory: R14,
        stack: Gpr(4),
        scratch: [RAX, RCX, RDX],
        float_scratch: [OTHER, TEMPORARY],
        pins: &[RSI, RDI, Gpr(8), Gpr(9), Gpr(10), Gpr(11), Gpr(12), Gpr(13)],
        float_pins: &[
            Fpr(2),
            Fpr(3),
            Fpr(4),
            Fpr(5),
            Fpr(6),
            Fpr(7),
            Fpr(8),
            Fpr(9),
            Fpr(10),
            Fpr(11),
            Fpr(12),
            Fpr(13),
            Fpr(14),
            Fpr(15),
        ],
        interpreter: InterpreterRoles {
            pc: Gpr(13),
            handlers: Gpr(12),
            store: RSI,
            accumulator: RDI,
            float_accumulator: Fpr(2),
            fetched: [Gpr(8), Gpr(9), Gpr(10), Gpr(11)],
        },
    };

    fn has(&self, feature: Feature) -> bool {
        self.1.has(feature)
    }

    #[inline(always)]
    fn buffer(&mut self) -> &mut Buffer {
        &mut self.0
    }

    #[inline(always)]
    fn mov(&mut self, dst: Gpr, from: Int) {
        match from {
            Reg(_) | Mem(_) => self.take(W64, dst, from),
            // Nobody waits for flags.
            Imm(0) => self.form(forms::XOR, dst.0, dst.into()),
            Imm(bits) if bits <= u64::from(u32::MAX) => {
                let prefix = if dst.0 >= 8 { (0x41, 1) } else { (0, 0) };
                self.0.put_some([prefix, (u64::from(0xb8 | dst.0 & 7) | bits << 8, 5)]);
            }
            Imm(bits) => match i32::try_from(bits as i64) {
                Ok(value) => x64!(self, mov Rq(dst.0), DWORD value),
                Err(_) => x64!(self, mov Rq(dst.0), QWORD bits as i64),
            },
        }
    }

    #[inline(always)]
    fn fmov(&mut self, dst: Fpr, from: Float) {
        match from {
            Reg(r) if r == dst => {}
            Reg(r) => self.form(forms::MOVAPS, dst.0, Place::Reg(r.0)),
            Mem(at) => self.form(forms::LOAD_F64, dst.0, at.into()),
            Imm(0) => self.form(forms::XORPS, dst.0, Place::Reg(dst.0)),
            Imm(bits) => {
                self.mov(RAX, Imm(bits));
                x64!(self, movq Rx(dst.0), rax);
            }
        }
    }

    #[inline(always)]
    fn store_slot(&mut self, at: Addr, from: Int) {
        match from {
            Reg(r) => self.form(forms::STORE.of(W64), r.0, at.into()),
            Imm(bits) if i32::try_from(bits as i64).is_ok() => {
                self.form_imm(forms::STORE_IMM.of(W64), 0, at.into(), bits as u32, 4);
            }
            Mem(_) | Imm(_) => {
                self.mov(RAX, from);
                self.form(forms::STORE.of(W64), RAX.0, at.into());
            }
        }
    }

    fn clear_slots(&mut self, first: Addr, count: u32) {
        let at = |slot: u32| Addr { disp: first.disp + slot as i32 * 8, ..first };
        if count == 1 {
            return self.store_slot(first, Imm(0));
        }
        self.fmov(OTHER, Imm(0));
        (0..count - 1).step_by(2).for_each(|slot| self.form(forms::STORE_PAIR, OTHER.0, at(slot).into()));
        if count % 2 == 1 {
            self.form(forms::STORE_PAIR, OTHER.0, at(count - 2).into());
        }
    }

    #[inline(always)]
    fn load(&mut self, access: Access, dst: Gpr, at: Addr) {
        self.0.access();
        let form = match access {
            Access::U8 => forms::LOAD_U8,
            Access::S8W32 => forms::LOAD_S8,
            Access::S8W64 => forms::LOAD_S8.of(W64),
            Access::U16 => forms::LOAD_U16,
            Access::S16W32 => forms::LOAD_S16,
            Access::S16W64 => forms::LOAD_S16.of(W64),
            Access::U32 => forms::LOAD,
            Access::S32W64 => forms::LOAD_S32,
            Access::U64 => forms::LOAD.of(W64),
        };
        self.form(form, dst.0, at.into());
    }

    #[inline(always)]
    fn store(&mut self, access: Access, at: Addr, from: Gpr) {
        self.0.access();
        let form = match access {
            Access::U8 | Access::S8W32 | Access::S8W64 => forms::STORE_8,
            Access::U16 | Access::S16W32 | Access::S16W64 => forms::STORE_16,
            Access::U32 | Access::S32W64 => forms::STORE,
            Access::U64 => forms::STORE.of(W64),
        };
        self.form(form, from.0, at.into());
    }

    #[inline(always)]
    fn load_float(&mut self, width: Width, dst: Fpr, at: Addr) {
        self.0.access();
        let form = if width == W32 { forms::LOAD_F32 } else { forms::LOAD_F64 };
        self.form(form, dst.0, at.into());
    }

    #[inline(always)]
    fn store_float(&mut self, width: Width, at: Addr, from: Fpr) {
        self.0.access();
        let form = if width == W32 { forms::STORE_F32 } else { forms::STORE_F64 };
        self.form(form, from.0, at.into());
    }

    #[inline(always)]
    fn lea(&mut self, width: Width, dst: Gpr, at: Addr) {
        self.form(forms::LEA.of(width), dst.0, at.into());
    }

    #[inline(always)]
    fn int(&mut self, op: IntOp, width: Width, dst: Gpr, a: Int, b: Int) {
        // A difference from a constant is a sum.
        let (op, b) = match (op, width, b) {
            (IntOp::Sub, W32, Imm(bits)) => (IntOp::Add, Imm(u64::from((bits as u32).wrapping_neg()))),
            (IntOp::Sub, W64, Imm(bits)) => (IntOp::Add, Imm(bits.wrapping_neg())),
            _ => (op, b),
        };
        // In one place: what is inlined for each opcode takes time to build.
        let alu = match op {
            IntOp::Add => Alu::Add,
            IntOp::Sub => Alu::Sub,
            IntOp::And => Alu::And,
            IntOp::Or => Alu::Or,
            IntOp::Xor => Alu::Xor,
            IntOp::Mul => return self.multiply(width, dst, a, b),
            IntOp::Shl | IntOp::ShrS | IntOp::ShrU | IntOp::Rotl | IntOp::Rotr => {
                return self.shift(op, width, dst, a, b);
            }
        };
        self.arithmetic(alu, width, dst, a, b);
    }

    fn int_unary(&mut self, op: IntUnary, width: Width, dst: Gpr, a: Int) {
        // Of a zero, the scans give no result, but say so.
        match op {
            IntUnary::Clz => {
                let bits = if width == W32 { 31 } else { 63 };
                let a = self.in_register(a);
                self.mov(RCX, Imm(2 * bits + 1));
                match (width, a) {
                    (W32, Reg(r)) => x64!(self, bsr eax, Rd(r.0)),
                    (W64, Reg(r)) => x64!(self, bsr rax, Rq(r.0)),
                    (W32, _) => x64!(self, bsr eax, eax),
                    (W64, _) => x64!(self, bsr rax, rax),
                }
                x64!(self, cmovz eax, ecx; xor eax, BYTE bits as i8);
                self.mov(dst, Reg(RAX));
            }
            IntUnary::Ctz => {
                let a = self.in_register(a);
                self.mov(RCX, Imm(if width == W32 { 32 } else { 64 }));
                match (width, a) {
                    (W32, Reg(r)) => x64!(self, bsf eax, Rd(r.0)),
                    (W64, Reg(r)) => x64!(self, bsf rax, Rq(r.0)),
                    (W32, _) => x64!(self, bsf eax, eax),
                    (W64, _) => x64!(self, bsf rax, rax),
                }
                x64!(self, cmovz eax, ecx);
                self.mov(dst, Reg(RAX));
            }
            IntUnary::Popcnt => {
                // What was in the result's register is waited for.
                let Reg(r) = self.in_register(a) else { unreachable!("in a register") };
                if r != dst {
                    x64!(self, xor Rd(dst.0), Rd(dst.0));
                }
                match width {
                    W32 => x64!(self, popcnt Rd(dst.0), Rd(r.0)),
                    W64 => x64!(self, popcnt Rq(dst.0), Rq(r.0)),
                }
            }
            IntUnary::Extend8 | IntUnary::Extend16 | IntUnary::Extend32 | IntUnary::Wrap => {
                let form = match op {
                    IntUnary::Extend8 if matches!(a, Reg(_)) => forms::EXTEND_8.of(width),
                    IntUnary::Extend8 => forms::LOAD_S8.of(width),
                    IntUnary::Extend16 => forms::LOAD_S16.of(width),
                    IntUnary::Extend32 => forms::LOAD_S32,
                    IntUnary::Wrap | IntUnary::Clz | IntUnary::Ctz | IntUnary::Popcnt => forms::LOAD,
                };
                let place = self.place_of(a);
                self.form(form, dst.0, place);
            }
        }
    }

    fn divide(&mut self, op: DivideOp, width: Width, dst: Gpr, a: Int, b: Gpr) {
        self.take(width, RAX, a);
        let signed = matches!(op, DivideOp::DivS | DivideOp::RemS);
        match (signed, width) {
            (true, W32) => x64!(self, cdq),
            (true, W64) => x64!(self, cqo),
            (false, _) => x64!(self, xor edx, edx),
        }
        self.form(forms::UNARY.of(width), if signed { 7 } else { 6 }, b.into());
        let result = if matches!(op, DivideOp::DivS | DivideOp::DivU) { RAX } else { RDX };
        self.mov(dst, Reg(result));
    }

    #[inline(always)]
    fn float(&mut self, op: FloatOp, width: Width, dst: Fpr, a: Float, b: Float) {
        if op == FloatOp::Copysign {
            return self.copysign(width, dst, a, b);
        }
        let b = match b {
            Mem(_) if matches!(op, FloatOp::Min | FloatOp::Max) => Reg(self.in_float_register(b)),
            Imm(_) => Reg(self.in_float_register(b)),
            Reg(r) if r == dst && a != b => {
                self.fmov(TEMPORARY, b);
                Reg(TEMPORARY)
            }
            Reg(_) | Mem(_) => b,
        };
        self.fmov(dst, a);
        let scalar = match op {
            FloatOp::Add => Scalar::Add,
            FloatOp::Sub => Scalar::Sub,
            FloatOp::Mul => Scalar::Mul,
            FloatOp::Div => Scalar::Div,
            FloatOp::Min | FloatOp::Max | FloatOp::Copysign => {
                return self.least_or_greatest(op, width, dst, b);
            }
        };
        self.scalar(scalar, width, dst, b);
    }

    fn float_unary(&mut self, op: FloatUnary, width: Width, dst: Fpr, a: Float) {
        let sign = if width == W32 { 31 } else { 63 };
        match op {
            FloatUnary::Sqrt => {
                // The upper half of the register stays as it is; so it does in rounding.
                self.fmov(dst, a);
                self.scalar(Scalar::Sqrt, width, dst, Reg(dst));
            }
            FloatUnary::Nearest => self.round(8, width, dst, a),
            FloatUnary::Floor => self.round(9, width, dst, a),
            FloatUnary::Ceil => self.round(10, width, dst, a),
            FloatUnary::Trunc => self.round(11, width, dst, a),
            FloatUnary::Abs => {
                self.bits_in(RAX, a);
                x64!(self, btr rax, BYTE sign; movq Rx(dst.0), rax);
            }
            FloatUnary::Neg => {
                self.bits_in(RAX, a);
                x64!(self, btc rax, BYTE sign; movq Rx(dst.0), rax);
            }
        }
    }

    fn float_from_int(&mut self, from: FromInt, width: Width, dst: Fpr, a: Int) {
        // The upper part stays as it is, and what was there before is waited for.
        self.fmov(dst, Imm(0));
        if from == FromInt::U64 {
            let Reg(r) = self.in_register(a) else { unreachable!("in a register") };
            return self.float_from_unsigned(width, dst, r);
        }
        let prefix = if width == W32 { 0xf3 } else { 0xf2 };
        // Slots of 32 bits have an upper half of zeros.
        let bits = if from == FromInt::S32 { W32 } else { W64 };
        let place = self.place_of(a);
        self.form(forms::FLOAT_FROM_INT.prefixed(prefix).of(bits), dst.0, place);
    }

    fn float_from_float(&mut self, from: Width, dst: Fpr, a: Float) {
        let a = self.in_float_register(a);
        // As for `float_from_int`; the operand may be where the result goes.
        if a != TEMPORARY {
            x64!(self, xorps Rx(TEMPORARY.0), Rx(TEMPORARY.0));
        }
        match from {
            W32 => x64!(self, cvtss2sd Rx(TEMPORARY.0), Rx(a.0)),
            W64 => {
                x64!(self, cvtsd2ss Rx(TEMPORARY.0), Rx(a.0); movd eax, Rx(TEMPORARY.0); movd Rx(dst.0), eax);
                return;
            }
        }
        self.fmov(dst, Reg(TEMPORARY));
    }

    fn int_from_float(&mut self, to: ToInt, from: Width, dst: Gpr, a: Float, saturates: bool) {
        let a = self.in_float_register(a);
        match to {
            ToInt::S32 | ToInt::S64 if saturates => self.saturate_signed(to, from, dst, a),
            ToInt::S32 => self.truncate(W32, from, dst, a),
            ToInt::S64 => self.truncate(W64, from, dst, a),
            ToInt::U32 => {
                let mut a = a;
                if saturates {
                    self.not_negative(from, a);
                    a = TEMPORARY;
                    if from == W32 {
                        x64!(self, cvtss2sd Rx(a.0), Rx(a.0));
                    }
                    self.fmov(OTHER, Imm(f64::from(u32::MAX).to_bits()));
                    x64!(self, minsd Rx(a.0), Rx(OTHER.0));
                }
                let from = if saturates { W64 } else { from };
                self.truncate(W64, from, dst, a);
            }
            ToInt::U64 => {
                if saturates {
                    self.not_negative(from, a);
                } else {
                    self.fmov(TEMPORARY, Reg(a));
                }
                self.truncate_unsigned(from, dst, saturates);
            }
        }
    }

    fn float_from_bits(&mut self, dst: Fpr, a: Gpr) {
        x64!(self, movq Rx(dst.0), Rq(a.0));
    }

    fn bits_from_float(&mut self, dst: Gpr, a: Fpr) {
        x64!(self, movq Rq(dst.0), Rx(a.0));
    }

    #[inline(always)]
    fn set(&mut self, test: Test, dst: Gpr) {
        self.compare(test);
        self.set_byte(code_of(test.cond), RAX);
        self.form(forms::LOAD_U8, dst.0, RAX.into());
    }

    fn set_float(&mut self, test: FloatTest, dst: Gpr) {
        let code = self.compare_float(test);
        self.set_byte(code, RAX);
        // Unordered operands look equal.
        match test.cond {
            FloatCond::Eq => {
                self.set_byte(Code::NoParity, RCX);
                x64!(self, and al, cl);
            }
            FloatCond::Ne => {
                self.set_byte(Code::Parity, RCX);
                x64!(self, or al, cl);
            }
            FloatCond::Lt
            | FloatCond::Gt
            | FloatCond::Le
            | FloatCond::Ge
            | FloatCond::NotLt
            | FloatCond::NotGt
            | FloatCond::NotLe
            | FloatCond::NotGe => {}
        }
        self.form(forms::LOAD_U8, dst.0, RAX.into());
    }

    #[inline(always)]
    fn select(&mut self, condition: Int, dst: Gpr, a: Int, b: Int) {
        self.mov(RAX, b);
        self.compare(Test { cond: Cond::Ne, width: W32, a: condition, b: Imm(0) });
        match a {
            Reg(r) => self.form(forms::CMOVNE, RAX.0, r.into()),
            Mem(at) => self.form(forms::CMOVNE, RAX.0, at.into()),
            Imm(_) => unreachable!("operands of a select are registers of the function"),
        }
        self.mov(dst, Reg(RAX));
    }

    #[inline(always)]
    fn jump(&mut self, to: Label) {
        match self.short_distance(to) {
            Some(distance) => self.0.put([0xeb, distance]),
            None => {
                self.0.put([0xe9]);
                self.distance(to);
            }
        }
    }

    #[inline(always)]
    fn jump_if(&mut self, test: Test, to: Label) {
        self.compare(test);
        self.jump_on(code_of(test.cond), to);
    }

    fn jump_if_float(&mut self, test: FloatTest, to: Label) {
        let code = self.compare_float(test);
        match test.cond {
            FloatCond::Eq => {
                let unequal = self.0.near_label();
                self.jump_on(Code::Parity, unequal);
                self.jump_on(code, to);
                self.0.bind(unequal);
            }
            FloatCond::Ne => {
                self.jump_on(Code::Parity, to);
                self.jump_on(code, to);
            }
            FloatCond::Lt
            | FloatCond::Gt
            | FloatCond::Le
            | FloatCond::Ge
            | FloatCond::NotLt
            | FloatCond::NotGt
            | FloatCond::NotLe
            | FloatCond::NotGe => self.jump_on(code, to),
        }
    }

    fn jump_table(&mut self, index: Gpr, table: Label) {
        // lea rax, [rip + table]
        self.0.put([0x48, 0x8d, 0x05]);
        self.distance(table);
        x64!(self, movsxd rcx, DWORD [rax + 4 * Rq(index.0)]; add rax, rcx; jmp rax);
    }

    fn table_entry(&mut self, table: Label, to: Label) {
        let start = self.0.position_of(table).expect("the table has begun");
        self.0.fixup(to, FROM_TABLE);
        self.0.put(start.to_le_bytes());
    }

    fn jump_to(&mut self, address: Gpr) {
        self.form(forms::GO, 4, address.into());
    }

    #[inline(always)]
    fn count(&mut self, dst: Gpr, at: Addr) {
        self.form(forms::LOAD, dst.0, at.into());
        // All but the greatest are below it.
        self.alu(Alu::Cmp, W32, dst, Imm(u64::from(u32::MAX)));
        self.form_imm(forms::ADC_IMM8, 2, dst.into(), 0, 1);
        self.form(forms::STORE, dst.0, at.into());
    }

    fn count_down(&mut self, at: Addr, zero: Label) {
        self.form_imm(forms::SUB_IMM8, 5, at.into(), 1, 1);
        self.jump_on(Code::Equal, zero);
    }

    fn enter(&mut self) {
        x64!(self, push rbp);
    }

    fn leave(&mut self) {
        x64!(self, pop rbp; ret);
    }

    fn leave_to(&mut self, at: Addr) {
        x64!(self, pop rbp);
        self.form(forms::GO, 4, at.into());
    }

    #[inline(always)]
    fn call(&mut self, at: Addr) {
        self.form(forms::GO, 2, at.into());
    }

    #[inline(always)]
    fn call_label(&mut self, to: Label) {
        self.0.put([0xe8]);
        self.distance(to);
    }

    fn load_literal(&mut self, dst: Gpr, offset: i32) {
        // mov dst, [rip + distance]
        let prefix = 0x48 | (dst.0 >> 3) << 2;
        self.0.put([prefix, 0x8b, 0x05 | (dst.0 & 7) << 3]);
        let distance = offset - (self.0.position() as i32 + 4);
        self.0.put(distance.to_le_bytes());
    }

    fn align(&mut self, to: usize) {
        /// By their lengths.
        const NOPS: [u64; 9] = [
            0,
            0x90,
            0x9066,
            0x001f0f,
            0x00401f0f,
            0x0000441f0f,
            0x0000441f0f66,
            0x00000000801f0f,
            0x0000000000841f0f,
        ];
        debug_assert!(to.is_power_of_two() && to <= 16, "two instructions at most");
        let missing = self.0.position().wrapping_neg() & (to as u32 - 1);
        let first = missing.saturating_sub(8);
        let nop = |length: u32| (NOPS[length as usize], length);
        self.0.put_some([nop(first), nop(missing - first)]);
    }

    #[inline]
    fn patch(code: &mut [u8], site: u32, kind: u8, target: u32) -> bool {
        let at = site as usize;
        if kind == NEAR {
            let distance = target.wrapping_sub(site + 1) as i32;
            code[at] = distance as u8;
            return is_byte(distance);
        }
        let place = &mut code[at..at + 4];
        let from = match kind {
            FROM_TABLE => u32::from_le_bytes(place.try_into().expect("four bytes")),
            _ => site + 4,
        };
        place.copy_from_slice(&(target.wrapping_sub(from)).to_le_bytes());
        true
    }
}
