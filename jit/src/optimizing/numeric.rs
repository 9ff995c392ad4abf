//! Arithmetic and comparisons.

use bytecode_spec::isa::{Binary, BinaryImm, BinaryImmOp, BinaryOp, BranchImmOp, BranchOp, Unary, UnaryOp};
use bytecode_spec::{Reg, TrapCause, ValType};
use cranelift_codegen::ir::condcodes::{FloatCC, IntCC};
use cranelift_codegen::ir::types::{F32, F64, I8, I16, I32, I64};
use cranelift_codegen::ir::{InstBuilder, MemFlagsData, Opcode, Type, Value};

use super::translate::{Condition, Translator};
use super::values;
use crate::template::masm::{ToInt, Width};
use crate::template::range;

/// An operation of integers, by its meaning.
#[derive(Clone, Copy)]
enum IntOp {
    Add,
    Sub,
    Mul,
    And,
    Or,
    Xor,
    Shl,
    ShrS,
    ShrU,
    Rotl,
    Rotr,
    DivS,
    DivU,
    RemS,
    RemU,
}

impl IntOp {
    /// The code generator's operation, if it is associative and commutative. Products are left as they are: some are shifts and sums.
    fn in_any_order(self) -> Option<Opcode> {
        match self {
            IntOp::Add => Some(Opcode::Iadd),
            IntOp::And => Some(Opcode::Band),
            IntOp::Or => Some(Opcode::Bor),
            IntOp::Xor => Some(Opcode::Bxor),
            IntOp::Sub
            | IntOp::Mul
            | IntOp::Shl
            | IntOp::ShrS
            | IntOp::ShrU
            | IntOp::Rotl
            | IntOp::Rotr
            | IntOp::DivS
            | IntOp::DivU
            | IntOp::RemS
            | IntOp::RemU => None,
        }
    }
}

/// An operation of floats.
#[derive(Clone, Copy)]
enum FloatOp {
    Add,
    Sub,
    Mul,
    Div,
    Min,
    Max,
    Copysign,
}

/// What a row with two operands does.
enum Row {
    Int(IntOp),
    IntSet(IntCC),
    Float(FloatOp),
    FloatSet(FloatCC),
}

/// Rows that both shapes of integer operations have, with the same names but for the suffix; the rest of a shape follows.
macro_rules! int_rows {
    ($ops:ident, $op:expr, { $($add:ident $sub:ident $mul:ident $div_s:ident $div_u:ident $rem_s:ident $rem_u:ident
        $and:ident $or:ident $xor:ident $shl:ident $shr_s:ident $shr_u:ident $rotl:ident $rotr:ident $eq:ident $ne:ident
        $lt_s:ident $lt_u:ident $gt_s:ident $gt_u:ident $le_s:ident $le_u:ident $ge_s:ident $ge_u:ident;)* },
        { $($pattern:pat => $value:expr,)* }) => {
        match $op {
            $(
                $ops::$add => Row::Int(IntOp::Add),
                $ops::$sub => Row::Int(IntOp::Sub),
                $ops::$mul => Row::Int(IntOp::Mul),
                $ops::$div_s => Row::Int(IntOp::DivS),
                $ops::$div_u => Row::Int(IntOp::DivU),
                $ops::$rem_s => Row::Int(IntOp::RemS),
                $ops::$rem_u => Row::Int(IntOp::RemU),
                $ops::$and => Row::Int(IntOp::And),
                $ops::$or => Row::Int(IntOp::Or),
                $ops::$xor => Row::Int(IntOp::Xor),
                $ops::$shl => Row::Int(IntOp::Shl),
                $ops::$shr_s => Row::Int(IntOp::ShrS),
                $ops::$shr_u => Row::Int(IntOp::ShrU),
                $ops::$rotl => Row::Int(IntOp::Rotl),
                $ops::$rotr => Row::Int(IntOp::Rotr),
                $ops::$eq => Row::IntSet(IntCC::Equal),
                $ops::$ne => Row::IntSet(IntCC::NotEqual),
                $ops::$lt_s => Row::IntSet(IntCC::SignedLessThan),
                $ops::$lt_u => Row::IntSet(IntCC::UnsignedLessThan),
                $ops::$gt_s => Row::IntSet(IntCC::SignedGreaterThan),
                $ops::$gt_u => Row::IntSet(IntCC::UnsignedGreaterThan),
                $ops::$le_s => Row::IntSet(IntCC::SignedLessThanOrEqual),
                $ops::$le_u => Row::IntSet(IntCC::UnsignedLessThanOrEqual),
                $ops::$ge_s => Row::IntSet(IntCC::SignedGreaterThanOrEqual),
                $ops::$ge_u => Row::IntSet(IntCC::UnsignedGreaterThanOrEqual),
            )*
            $($pattern => $value,)*
        }
    };
}

/// The same for branches that compare integers.
macro_rules! int_conditions {
    ($ops:ident, $op:expr, $a:expr, $b:expr, { $($eq:ident $ne:ident $lt_s:ident $lt_u:ident $gt_s:ident $gt_u:ident $le_s:ident
        $le_u:ident $ge_s:ident $ge_u:ident $any:ident $none:ident;)* }, { $($pattern:pat => $value:expr,)* }) => {
        match $op {
            $(
                $ops::$eq => Condition::Int(IntCC::Equal, $a, $b),
                $ops::$ne => Condition::Int(IntCC::NotEqual, $a, $b),
                $ops::$lt_s => Condition::Int(IntCC::SignedLessThan, $a, $b),
                $ops::$lt_u => Condition::Int(IntCC::UnsignedLessThan, $a, $b),
                $ops::$gt_s => Condition::Int(IntCC::SignedGreaterThan, $a, $b),
                $ops::$gt_u => Condition::Int(IntCC::UnsignedGreaterThan, $a, $b),
                $ops::$le_s => Condition::Int(IntCC::SignedLessThanOrEqual, $a, $b),
                $ops::$le_u => Condition::Int(IntCC::UnsignedLessThanOrEqual, $a, $b),
                $ops::$ge_s => Condition::Int(IntCC::SignedGreaterThanOrEqual, $a, $b),
                $ops::$ge_u => Condition::Int(IntCC::UnsignedGreaterThanOrEqual, $a, $b),
                $ops::$any => Condition::Any($a, $b),
                $ops::$none => Condition::None($a, $b),
            )*
            $($pattern => Condition::Float($value, $a, $b),)*
        }
    };
}

impl Translator<'_, '_> {
    pub(super) fn binary(&mut self, op: BinaryOp, i: Binary) {
        use BinaryOp as B;
        let row = int_rows!(BinaryOp, op, {
            AddI32 SubI32 MulI32 DivSI32 DivUI32 RemSI32 RemUI32 AndI32 OrI32 XorI32 ShlI32 ShrSI32 ShrUI32 RotlI32 RotrI32
            EqI32 NeI32 LtSI32 LtUI32 GtSI32 GtUI32 LeSI32 LeUI32 GeSI32 GeUI32;
            AddI64 SubI64 MulI64 DivSI64 DivUI64 RemSI64 RemUI64 AndI64 OrI64 XorI64 ShlI64 ShrSI64 ShrUI64 RotlI64 RotrI64
            EqI64 NeI64 LtSI64 LtUI64 GtSI64 GtUI64 LeSI64 LeUI64 GeSI64 GeUI64;
        }, {
            B::AddF32 | B::AddF64 => Row::Float(FloatOp::Add),
            B::SubF32 | B::SubF64 => Row::Float(FloatOp::Sub),
            B::MulF32 | B::MulF64 => Row::Float(FloatOp::Mul),
            B::DivF32 | B::DivF64 => Row::Float(FloatOp::Div),
            B::MinF32 | B::MinF64 => Row::Float(FloatOp::Min),
            B::MaxF32 | B::MaxF64 => Row::Float(FloatOp::Max),
            B::CopysignF32 | B::CopysignF64 => Row::Float(FloatOp::Copysign),
            B::EqF32 | B::EqF64 => Row::FloatSet(FloatCC::Equal),
            B::NeF32 | B::NeF64 => Row::FloatSet(FloatCC::NotEqual),
            B::LtF32 | B::LtF64 => Row::FloatSet(FloatCC::LessThan),
            B::GtF32 | B::GtF64 => Row::FloatSet(FloatCC::GreaterThan),
            B::LeF32 | B::LeF64 => Row::FloatSet(FloatCC::LessThanOrEqual),
            B::GeF32 | B::GeF64 => Row::FloatSet(FloatCC::GreaterThanOrEqual),
        });
        let opcode = if let Row::Int(op) = row { op.in_any_order() } else { None };
        let (a, b) = (self.operand(i.a, opcode), self.operand(i.b, opcode));
        if let Some(value) = opcode.and_then(|opcode| self.in_better_order(opcode, [a, b], i)) {
            return self.set(i.dst, value);
        }
        self.row(row, i.dst, a, b, None);
    }

    pub(super) fn binary_imm(&mut self, op: BinaryImmOp, i: BinaryImm) {
        use BinaryImmOp as B;
        let row = int_rows!(BinaryImmOp, op, {
            AddI32Imm SubI32Imm MulI32Imm DivSI32Imm DivUI32Imm RemSI32Imm RemUI32Imm AndI32Imm OrI32Imm XorI32Imm ShlI32Imm
            ShrSI32Imm ShrUI32Imm RotlI32Imm RotrI32Imm EqI32Imm NeI32Imm LtSI32Imm LtUI32Imm GtSI32Imm GtUI32Imm LeSI32Imm
            LeUI32Imm GeSI32Imm GeUI32Imm;
            AddI64Imm SubI64Imm MulI64Imm DivSI64Imm DivUI64Imm RemSI64Imm RemUI64Imm AndI64Imm OrI64Imm XorI64Imm ShlI64Imm
            ShrSI64Imm ShrUI64Imm RotlI64Imm RotrI64Imm EqI64Imm NeI64Imm LtSI64Imm LtUI64Imm GtSI64Imm GtUI64Imm LeSI64Imm
            LeUI64Imm GeSI64Imm GeUI64Imm;
        }, {
            B::AddF32Imm | B::AddF64Imm => Row::Float(FloatOp::Add),
            B::SubF32Imm | B::SubF64Imm => Row::Float(FloatOp::Sub),
            B::MulF32Imm | B::MulF64Imm => Row::Float(FloatOp::Mul),
            B::DivF32Imm | B::DivF64Imm => Row::Float(FloatOp::Div),
        });
        let a = self.get(i.a);
        // Of the same type as the other operand.
        let b = self.constant(self.type_of(i.a), i.b);
        self.row(row, i.dst, a, b, Some(i.b));
    }

    /// `constant` is `b`, if that is one.
    fn row(&mut self, row: Row, dst: Reg, a: Value, b: Value, constant: Option<u64>) {
        match row {
            Row::Int(op) => {
                let value = self.int(op, a, b, constant);
                self.set(dst, value);
            }
            Row::IntSet(cc) => {
                let is_true = self.b.ins().icmp(cc, a, b);
                self.set_truth(dst, is_true);
            }
            Row::Float(op) => {
                let ins = self.b.ins();
                let value = match op {
                    FloatOp::Add => ins.fadd(a, b),
                    FloatOp::Sub => ins.fsub(a, b),
                    FloatOp::Mul => ins.fmul(a, b),
                    FloatOp::Div => ins.fdiv(a, b),
                    FloatOp::Min => ins.fmin(a, b),
                    FloatOp::Max => ins.fmax(a, b),
                    FloatOp::Copysign => ins.fcopysign(a, b),
                };
                self.set(dst, value);
            }
            Row::FloatSet(cc) => {
                let is_true = self.b.ins().fcmp(cc, a, b);
                self.set_truth(dst, is_true);
            }
        }
    }

    /// Sets a register to 1 if a comparison is true, else to 0.
    pub(super) fn set_truth(&mut self, dst: Reg, is_true: Value) {
        let value = self.b.ins().uextend(I32, is_true);
        self.set(dst, value);
    }

    fn int(&mut self, op: IntOp, mut a: Value, mut b: Value, constant: Option<u64>) -> Value {
        let is_commutative = matches!(op, IntOp::Add | IntOp::Mul | IntOp::And | IntOp::Or | IntOp::Xor);
        if is_commutative && constant.is_none() && values::constant(&self.b.func.dfg, a).is_some() {
            std::mem::swap(&mut a, &mut b);
        }
        let constant = constant.or_else(|| values::constant(&self.b.func.dfg, b));
        if let (IntOp::Add, Some(number)) = (op, constant) {
            return self.plus(a, number as i64);
        }
        if let (IntOp::Sub, Some(number)) = (op, constant) {
            return self.plus(a, (number as i64).wrapping_neg());
        }
        if matches!(op, IntOp::Mul)
            && let Some(product) = constant.and_then(|by| self.multiply(a, by))
        {
            return product;
        }
        if matches!(op, IntOp::DivS | IntOp::DivU | IntOp::RemS | IntOp::RemU) {
            self.test_division(op, a, b, constant);
        }
        let ins = self.b.ins();
        match op {
            IntOp::Add => ins.iadd(a, b),
            IntOp::Sub => ins.isub(a, b),
            IntOp::Mul => ins.imul(a, b),
            IntOp::And => ins.band(a, b),
            IntOp::Or => ins.bor(a, b),
            IntOp::Xor => ins.bxor(a, b),
            IntOp::Shl => ins.ishl(a, b),
            IntOp::ShrS => ins.sshr(a, b),
            IntOp::ShrU => ins.ushr(a, b),
            IntOp::Rotl => ins.rotl(a, b),
            IntOp::Rotr => ins.rotr(a, b),
            IntOp::DivS => ins.sdiv(a, b),
            IntOp::DivU => ins.udiv(a, b),
            IntOp::RemS => ins.srem(a, b),
            IntOp::RemU => ins.urem(a, b),
        }
    }

    /// Traps where there is no quotient.
    fn test_division(&mut self, op: IntOp, a: Value, b: Value, constant: Option<u64>) {
        let ty = self.b.func.dfg.value_type(a);
        let minus_one = if ty == I32 { u64::from(u32::MAX) } else { u64::MAX };
        if constant.is_none_or(|b| b == 0) {
            let is_zero = self.is(b, 0);
            self.trap_if(is_zero, TrapCause::IntegerDivideByZero);
        }
        if matches!(op, IntOp::DivS) && constant.is_none_or(|b| b == minus_one) {
            let least = if ty == I32 { i64::from(i32::MIN) } else { i64::MIN };
            let is_least = self.is(a, least);
            let is_minus_one = self.is(b, -1);
            let overflows = self.b.ins().band(is_least, is_minus_one);
            self.trap_if(overflows, TrapCause::IntegerOverflow);
        }
    }

    pub(super) fn condition(&mut self, op: BranchOp, a: Reg, b: Reg) -> Condition {
        use BranchOp as B;
        let (a, b) = (self.get(a), self.get(b));
        int_conditions!(BranchOp, op, a, b, {
            BrEqI32 BrNeI32 BrLtSI32 BrLtUI32 BrGtSI32 BrGtUI32 BrLeSI32 BrLeUI32 BrGeSI32 BrGeUI32 BrAnyI32 BrNoneI32;
            BrEqI64 BrNeI64 BrLtSI64 BrLtUI64 BrGtSI64 BrGtUI64 BrLeSI64 BrLeUI64 BrGeSI64 BrGeUI64 BrAnyI64 BrNoneI64;
        }, {
            B::BrEqF32 | B::BrEqF64 => FloatCC::Equal,
            B::BrNeF32 | B::BrNeF64 => FloatCC::NotEqual,
            B::BrLtF32 | B::BrLtF64 => FloatCC::LessThan,
            B::BrGtF32 | B::BrGtF64 => FloatCC::GreaterThan,
            B::BrLeF32 | B::BrLeF64 => FloatCC::LessThanOrEqual,
            B::BrGeF32 | B::BrGeF64 => FloatCC::GreaterThanOrEqual,
            B::BrNltF32 | B::BrNltF64 => FloatCC::UnorderedOrGreaterThanOrEqual,
            B::BrNgtF32 | B::BrNgtF64 => FloatCC::UnorderedOrLessThanOrEqual,
            B::BrNleF32 | B::BrNleF64 => FloatCC::UnorderedOrGreaterThan,
            B::BrNgeF32 | B::BrNgeF64 => FloatCC::UnorderedOrLessThan,
        })
    }

    pub(super) fn condition_imm(&mut self, op: BranchImmOp, a: Reg, b: i32) -> Condition {
        let ty = self.type_of(a);
        let (a, b) = (self.get(a), self.constant(ty, i64::from(b) as u64));
        int_conditions!(BranchImmOp, op, a, b, {
            BrEqI32Imm BrNeI32Imm BrLtSI32Imm BrLtUI32Imm BrGtSI32Imm BrGtUI32Imm BrLeSI32Imm BrLeUI32Imm BrGeSI32Imm
            BrGeUI32Imm BrAnyI32Imm BrNoneI32Imm;
            BrEqI64Imm BrNeI64Imm BrLtSI64Imm BrLtUI64Imm BrGtSI64Imm BrGtUI64Imm BrLeSI64Imm BrLeUI64Imm BrGeSI64Imm
            BrGeUI64Imm BrAnyI64Imm BrNoneI64Imm;
        }, {})
    }

    pub(super) fn unary(&mut self, op: UnaryOp, i: Unary) {
        use UnaryOp as U;
        let rounds = self.target.rounds();
        let a = self.get(i.a);
        let ins = self.b.ins();
        let value = match op {
            U::ClzI32 | U::ClzI64 => ins.clz(a),
            U::CtzI32 | U::CtzI64 => ins.ctz(a),
            U::PopcntI32 | U::PopcntI64 => ins.popcnt(a),
            U::Extend8SI32 => self.extend(a, I8, I32),
            U::Extend16SI32 => self.extend(a, I16, I32),
            U::Extend8SI64 => self.extend(a, I8, I64),
            U::Extend16SI64 => self.extend(a, I16, I64),
            U::Extend32SI64 => self.extend(a, I32, I64),
            U::EqzI32 | U::EqzI64 => {
                let is_zero = self.is(a, 0);
                return self.set_truth(i.dst, is_zero);
            }
            U::AbsF32 | U::AbsF64 => ins.fabs(a),
            U::NegF32 | U::NegF64 => ins.fneg(a),
            U::SqrtF32 | U::SqrtF64 => ins.sqrt(a),
            U::CeilF32 | U::CeilF64 if rounds => ins.ceil(a),
            U::FloorF32 | U::FloorF64 if rounds => ins.floor(a),
            U::TruncF32 | U::TruncF64 if rounds => ins.trunc(a),
            U::NearestF32 | U::NearestF64 if rounds => ins.nearest(a),
            U::CeilF32
            | U::CeilF64
            | U::FloorF32
            | U::FloorF64
            | U::TruncF32
            | U::TruncF64
            | U::NearestF32
            | U::NearestF64 => return self.by_helper(),
            U::WrapI32I64 => ins.ireduce(I32, a),
            U::ExtendSI64I32 => ins.sextend(I64, a),
            U::ExtendUI64I32 => ins.uextend(I64, a),
            U::TruncSI32F32 | U::TruncSI32F64 => self.truncate(a, I32, true),
            U::TruncUI32F32 | U::TruncUI32F64 => self.truncate(a, I32, false),
            U::TruncSI64F32 | U::TruncSI64F64 => self.truncate(a, I64, true),
            U::TruncUI64F32 | U::TruncUI64F64 => self.truncate(a, I64, false),
            U::TruncSatSI32F32 | U::TruncSatSI32F64 => ins.fcvt_to_sint_sat(I32, a),
            U::TruncSatUI32F32 | U::TruncSatUI32F64 => ins.fcvt_to_uint_sat(I32, a),
            U::TruncSatSI64F32 | U::TruncSatSI64F64 => ins.fcvt_to_sint_sat(I64, a),
            U::TruncSatUI64F32 | U::TruncSatUI64F64 => ins.fcvt_to_uint_sat(I64, a),
            U::ConvertSF32I32 | U::ConvertSF32I64 => ins.fcvt_from_sint(F32, a),
            U::ConvertUF32I32 | U::ConvertUF32I64 => ins.fcvt_from_uint(F32, a),
            U::ConvertSF64I32 | U::ConvertSF64I64 => ins.fcvt_from_sint(F64, a),
            U::ConvertUF64I32 | U::ConvertUF64I64 => ins.fcvt_from_uint(F64, a),
            U::DemoteF32F64 => ins.fdemote(F32, a),
            U::PromoteF64F32 => ins.fpromote(F64, a),
            U::ReinterpretI32F32 => ins.bitcast(I32, MemFlagsData::new(), a),
            U::ReinterpretI64F64 => ins.bitcast(I64, MemFlagsData::new(), a),
            U::ReinterpretF32I32 => ins.bitcast(F32, MemFlagsData::new(), a),
            U::ReinterpretF64I64 => ins.bitcast(F64, MemFlagsData::new(), a),
        };
        self.set(i.dst, value);
    }

    /// Sign-extends the low bits.
    fn extend(&mut self, a: Value, from: Type, to: Type) -> Value {
        let low = self.b.ins().ireduce(from, a);
        self.b.ins().sextend(to, low)
    }

    /// Rounds towards zero to an integer, and traps where there is none.
    fn truncate(&mut self, a: Value, to: Type, is_signed: bool) -> Value {
        let (ty, width) = match self.b.func.dfg.value_type(a) {
            F32 => (ValType::F32, Width::W32),
            _ => (ValType::F64, Width::W64),
        };
        let is_nan = self.b.ins().fcmp(FloatCC::NotEqual, a, a);
        self.trap_if(is_nan, TrapCause::InvalidConversionToInteger);
        let integer = match (to, is_signed) {
            (I32, true) => ToInt::S32,
            (I32, false) => ToInt::U32,
            (_, true) => ToInt::S64,
            (_, false) => ToInt::U64,
        };
        let ((least, converts), beyond) = range(integer, width);
        let least = self.constant(ty, least);
        let cc = if converts { FloatCC::LessThan } else { FloatCC::LessThanOrEqual };
        let is_small = self.b.ins().fcmp(cc, a, least);
        self.trap_if(is_small, TrapCause::IntegerOverflow);
        let beyond = self.constant(ty, beyond);
        let is_large = self.b.ins().fcmp(FloatCC::GreaterThanOrEqual, a, beyond);
        self.trap_if(is_large, TrapCause::IntegerOverflow);
        if is_signed { self.b.ins().fcvt_to_sint_sat(to, a) } else { self.b.ins().fcvt_to_uint_sat(to, a) }
    }
}
