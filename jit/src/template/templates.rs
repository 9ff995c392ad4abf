//! One template a shape, for every driver and every machine. What has none here is done by a helper.

use bytecode_spec::TrapCause;
use bytecode_spec::isa::{
    Binary, BinaryImm, BinaryImmOp, BinaryOp, Branch, BranchImm, BranchImmOp, BranchOp, BranchUnary,
    BranchUnaryOp, CallImport, CallIndirect, Const, GlobalGet, GlobalSet, Jump, Load, LoadIndexed,
    LoadIndexedOp, LoadOp, MemorySize, Move, RefFunc, RefIsNull, RefNull, Select, Store, StoreIndexed,
    StoreIndexedOp, StoreOp, TableGet, TableSet, TableSize, TailCallImport, TailCallIndirect, Unary, UnaryOp,
};
use bytecode_spec::limits::PAGE_SIZE;

use super::masm::Value::{Imm, Mem, Reg};
use super::masm::Width::{W32, W64};
use super::masm::{
    Access, Addr, Cond, DivideOp, Feature, Float, FloatCond, FloatOp, FloatTest, FloatUnary, FromInt, Gpr,
    Int, IntOp, IntUnary, Masm, Test, ToInt, Width,
};
use super::operands::{Lane, Operands};
use crate::abi;

/// An integer comparison or operation, by its meaning.
enum IntBinary {
    Op(IntOp, Width),
    Set(Cond, Width),
    Divide(DivideOp, Width),
}

pub(super) fn copy<M: Masm>(m: &mut M, o: &mut impl Operands<M>) {
    let [dst, src] = Move::LANES;
    if o.is_float(dst) {
        let from = o.float(m, src);
        let result = o.float_result(dst);
        m.fmov(result, from);
        o.float_define(m, dst, result);
    } else {
        let from = o.int(m, src);
        let result = o.result(dst);
        m.mov(result, from);
        o.define(m, dst, result);
    }
}

pub(super) fn constant<M: Masm>(m: &mut M, o: &mut impl Operands<M>) {
    let [dst, value] = Const::LANES;
    let value = o.imm64(m, value);
    if o.is_float(dst) {
        let result = o.float_result(dst);
        m.fmov(result, as_float(value));
        o.float_define(m, dst, result);
    } else {
        let result = o.result(dst);
        m.mov(result, value);
        o.define(m, dst, result);
    }
}

/// An operand that is not in a register, for a float instruction.
fn as_float(operand: Int) -> Float {
    match operand {
        Imm(bits) => Imm(bits),
        Mem(at) => Mem(at),
        Reg(_) => unreachable!("constants are immediates or in memory"),
    }
}

pub(super) fn unary<M: Masm>(m: &mut M, o: &mut impl Operands<M>, op: UnaryOp) {
    use UnaryOp as U;
    let int = |m: &mut M, o: &mut _, op, width| int_unary(m, o, op, width);
    match op {
        U::ClzI32 => int(m, o, IntUnary::Clz, W32),
        U::CtzI32 => int(m, o, IntUnary::Ctz, W32),
        U::Extend8SI32 => int(m, o, IntUnary::Extend8, W32),
        U::Extend16SI32 => int(m, o, IntUnary::Extend16, W32),
        U::ClzI64 => int(m, o, IntUnary::Clz, W64),
        U::CtzI64 => int(m, o, IntUnary::Ctz, W64),
        U::Extend8SI64 => int(m, o, IntUnary::Extend8, W64),
        U::Extend16SI64 => int(m, o, IntUnary::Extend16, W64),
        U::Extend32SI64 | U::ExtendSI64I32 => int(m, o, IntUnary::Extend32, W64),
        U::WrapI32I64 => int(m, o, IntUnary::Wrap, W32),
        // The upper half is zero already.
        U::ExtendUI64I32 => int(m, o, IntUnary::Wrap, W64),
        U::EqzI32 => eqz(m, o, W32),
        U::EqzI64 => eqz(m, o, W64),
        U::AbsF32 => float_unary(m, o, FloatUnary::Abs, W32),
        U::NegF32 => float_unary(m, o, FloatUnary::Neg, W32),
        U::SqrtF32 => float_unary(m, o, FloatUnary::Sqrt, W32),
        U::AbsF64 => float_unary(m, o, FloatUnary::Abs, W64),
        U::NegF64 => float_unary(m, o, FloatUnary::Neg, W64),
        U::SqrtF64 => float_unary(m, o, FloatUnary::Sqrt, W64),
        U::ConvertSF32I32 => float_from_int(m, o, FromInt::S32, W32),
        U::ConvertUF32I32 => float_from_int(m, o, FromInt::U32, W32),
        U::ConvertSF32I64 => float_from_int(m, o, FromInt::S64, W32),
        U::ConvertSF64I32 => float_from_int(m, o, FromInt::S32, W64),
        U::ConvertUF64I32 => float_from_int(m, o, FromInt::U32, W64),
        U::ConvertSF64I64 => float_from_int(m, o, FromInt::S64, W64),
        U::DemoteF32F64 => float_from_float(m, o, W64),
        U::PromoteF64F32 => float_from_float(m, o, W32),
        U::ReinterpretI32F32 | U::ReinterpretI64F64 => bits_from_float(m, o),
        U::ReinterpretF32I32 | U::ReinterpretF64I64 => float_from_bits(m, o),
        U::ConvertUF32I64 => float_from_int(m, o, FromInt::U64, W32),
        U::ConvertUF64I64 => float_from_int(m, o, FromInt::U64, W64),
        U::PopcntI32 if m.has(Feature::Popcnt) => int(m, o, IntUnary::Popcnt, W32),
        U::PopcntI64 if m.has(Feature::Popcnt) => int(m, o, IntUnary::Popcnt, W64),
        U::CeilF32 if m.has(Feature::Rounding) => float_unary(m, o, FloatUnary::Ceil, W32),
        U::FloorF32 if m.has(Feature::Rounding) => float_unary(m, o, FloatUnary::Floor, W32),
        U::TruncF32 if m.has(Feature::Rounding) => float_unary(m, o, FloatUnary::Trunc, W32),
        U::NearestF32 if m.has(Feature::Rounding) => float_unary(m, o, FloatUnary::Nearest, W32),
        U::CeilF64 if m.has(Feature::Rounding) => float_unary(m, o, FloatUnary::Ceil, W64),
        U::FloorF64 if m.has(Feature::Rounding) => float_unary(m, o, FloatUnary::Floor, W64),
        U::TruncF64 if m.has(Feature::Rounding) => float_unary(m, o, FloatUnary::Trunc, W64),
        U::NearestF64 if m.has(Feature::Rounding) => float_unary(m, o, FloatUnary::Nearest, W64),
        U::PopcntI32
        | U::PopcntI64
        | U::CeilF32
        | U::FloorF32
        | U::TruncF32
        | U::NearestF32
        | U::CeilF64
        | U::FloorF64
        | U::TruncF64
        | U::NearestF64 => o.by_helper(m),
        U::TruncSI32F32 => truncate(m, o, ToInt::S32, W32),
        U::TruncUI32F32 => truncate(m, o, ToInt::U32, W32),
        U::TruncSI32F64 => truncate(m, o, ToInt::S32, W64),
        U::TruncUI32F64 => truncate(m, o, ToInt::U32, W64),
        U::TruncSI64F32 => truncate(m, o, ToInt::S64, W32),
        U::TruncUI64F32 => truncate(m, o, ToInt::U64, W32),
        U::TruncSI64F64 => truncate(m, o, ToInt::S64, W64),
        U::TruncUI64F64 => truncate(m, o, ToInt::U64, W64),
        U::TruncSatSI32F32 => saturate(m, o, ToInt::S32, W32),
        U::TruncSatUI32F32 => saturate(m, o, ToInt::U32, W32),
        U::TruncSatSI32F64 => saturate(m, o, ToInt::S32, W64),
        U::TruncSatUI32F64 => saturate(m, o, ToInt::U32, W64),
        U::TruncSatSI64F32 => saturate(m, o, ToInt::S64, W32),
        U::TruncSatUI64F32 => saturate(m, o, ToInt::U64, W32),
        U::TruncSatSI64F64 => saturate(m, o, ToInt::S64, W64),
        U::TruncSatUI64F64 => saturate(m, o, ToInt::U64, W64),
    }
}

/// Converts to an integer, and traps where there is none.
fn truncate<M: Masm>(m: &mut M, o: &mut impl Operands<M>, to: ToInt, from: Width) {
    let [_, a] = Unary::LANES;
    let a = o.float(m, a);
    let (least, beyond) = range(to, from);
    let test = |cond, b| FloatTest { cond, width: from, a, b };
    o.trap_if_float(m, test(FloatCond::Ne, a), TrapCause::InvalidConversionToInteger);
    let too_small = if least.1 { FloatCond::NotGe } else { FloatCond::NotGt };
    o.trap_if_float(m, test(too_small, Imm(least.0)), TrapCause::IntegerOverflow);
    o.trap_if_float(m, test(FloatCond::NotLt, Imm(beyond)), TrapCause::IntegerOverflow);
    int_from_float(m, o, to, from, false);
}

/// The least float that converts, or the greatest that is too small for it (false), and the least that is too large.
fn range(to: ToInt, from: Width) -> ((u64, bool), u64) {
    let float = |value: f64| match from {
        W32 => u64::from((value as f32).to_bits()),
        W64 => value.to_bits(),
    };
    let power = |exponent: i32| 2_f64.powi(exponent);
    match to {
        // Between -2^31 - 1 and -2^31 there are numbers that round to the latter, but no `f32`.
        ToInt::S32 if from == W64 => ((float(-power(31) - 1.0), false), float(power(31))),
        ToInt::S32 => ((float(-power(31)), true), float(power(31))),
        ToInt::S64 => ((float(-power(63)), true), float(power(63))),
        ToInt::U32 => ((float(-1.0), false), float(power(32))),
        ToInt::U64 => ((float(-1.0), false), float(power(64))),
    }
}

fn saturate<M: Masm>(m: &mut M, o: &mut impl Operands<M>, to: ToInt, from: Width) {
    int_from_float(m, o, to, from, true);
}

fn int_from_float<M: Masm>(m: &mut M, o: &mut impl Operands<M>, to: ToInt, from: Width, saturates: bool) {
    let [dst, a] = Unary::LANES;
    let a = o.float(m, a);
    let result = o.result(dst);
    m.int_from_float(to, from, result, a, saturates);
    o.define(m, dst, result);
}

fn int_unary<M: Masm>(m: &mut M, o: &mut impl Operands<M>, op: IntUnary, width: Width) {
    let [dst, a] = Unary::LANES;
    let a = o.int(m, a);
    let result = o.result(dst);
    m.int_unary(op, width, result, a);
    o.define(m, dst, result);
}

fn eqz<M: Masm>(m: &mut M, o: &mut impl Operands<M>, width: Width) {
    let [dst, a] = Unary::LANES;
    let a = o.int(m, a);
    let result = o.result(dst);
    m.set(Test { cond: Cond::Eq, width, a, b: Imm(0) }, result);
    o.define(m, dst, result);
}

fn float_unary<M: Masm>(m: &mut M, o: &mut impl Operands<M>, op: FloatUnary, width: Width) {
    let [dst, a] = Unary::LANES;
    let a = o.float(m, a);
    let result = o.float_result(dst);
    m.float_unary(op, width, result, a);
    o.float_define(m, dst, result);
}

fn float_from_int<M: Masm>(m: &mut M, o: &mut impl Operands<M>, from: FromInt, width: Width) {
    let [dst, a] = Unary::LANES;
    let a = o.int(m, a);
    let result = o.float_result(dst);
    m.float_from_int(from, width, result, a);
    o.float_define(m, dst, result);
}

fn float_from_float<M: Masm>(m: &mut M, o: &mut impl Operands<M>, from: Width) {
    let [dst, a] = Unary::LANES;
    let a = o.float(m, a);
    let result = o.float_result(dst);
    m.float_from_float(from, result, a);
    o.float_define(m, dst, result);
}

fn bits_from_float<M: Masm>(m: &mut M, o: &mut impl Operands<M>) {
    let [dst, a] = Unary::LANES;
    let a = o.float(m, a);
    let result = o.result(dst);
    match a {
        Reg(r) => m.bits_from_float(result, r),
        Mem(at) => m.mov(result, Mem(at)),
        Imm(bits) => m.mov(result, Imm(bits)),
    }
    o.define(m, dst, result);
}

fn float_from_bits<M: Masm>(m: &mut M, o: &mut impl Operands<M>) {
    let [dst, a] = Unary::LANES;
    let a = o.int(m, a);
    let result = o.float_result(dst);
    match a {
        Reg(r) => m.float_from_bits(result, r),
        Mem(at) => m.fmov(result, Mem(at)),
        Imm(bits) => m.fmov(result, Imm(bits)),
    }
    o.float_define(m, dst, result);
}

/// Rows that both shapes of operations have, with the same names but for the suffix; the rest of a shape follows.
macro_rules! int_rows {
    ($ops:ident, $op:expr, { $($add:ident $sub:ident $mul:ident $div_s:ident $div_u:ident $rem_s:ident $rem_u:ident
        $and:ident $or:ident $xor:ident $shl:ident $shr_s:ident $shr_u:ident $rotl:ident $rotr:ident $eq:ident $ne:ident
        $lt_s:ident $lt_u:ident $gt_s:ident $gt_u:ident $le_s:ident $le_u:ident $ge_s:ident $ge_u:ident $width:ident;)* },
        { $($pattern:pat => $value:expr,)* }) => {
        match $op {
            $(
                $ops::$add => Ok(IntBinary::Op(IntOp::Add, $width)),
                $ops::$sub => Ok(IntBinary::Op(IntOp::Sub, $width)),
                $ops::$mul => Ok(IntBinary::Op(IntOp::Mul, $width)),
                $ops::$div_s => Ok(IntBinary::Divide(DivideOp::DivS, $width)),
                $ops::$div_u => Ok(IntBinary::Divide(DivideOp::DivU, $width)),
                $ops::$rem_s => Ok(IntBinary::Divide(DivideOp::RemS, $width)),
                $ops::$rem_u => Ok(IntBinary::Divide(DivideOp::RemU, $width)),
                $ops::$and => Ok(IntBinary::Op(IntOp::And, $width)),
                $ops::$or => Ok(IntBinary::Op(IntOp::Or, $width)),
                $ops::$xor => Ok(IntBinary::Op(IntOp::Xor, $width)),
                $ops::$shl => Ok(IntBinary::Op(IntOp::Shl, $width)),
                $ops::$shr_s => Ok(IntBinary::Op(IntOp::ShrS, $width)),
                $ops::$shr_u => Ok(IntBinary::Op(IntOp::ShrU, $width)),
                $ops::$rotl => Ok(IntBinary::Op(IntOp::Rotl, $width)),
                $ops::$rotr => Ok(IntBinary::Op(IntOp::Rotr, $width)),
                $ops::$eq => Ok(IntBinary::Set(Cond::Eq, $width)),
                $ops::$ne => Ok(IntBinary::Set(Cond::Ne, $width)),
                $ops::$lt_s => Ok(IntBinary::Set(Cond::LtS, $width)),
                $ops::$lt_u => Ok(IntBinary::Set(Cond::LtU, $width)),
                $ops::$gt_s => Ok(IntBinary::Set(Cond::GtS, $width)),
                $ops::$gt_u => Ok(IntBinary::Set(Cond::GtU, $width)),
                $ops::$le_s => Ok(IntBinary::Set(Cond::LeS, $width)),
                $ops::$le_u => Ok(IntBinary::Set(Cond::LeU, $width)),
                $ops::$ge_s => Ok(IntBinary::Set(Cond::GeS, $width)),
                $ops::$ge_u => Ok(IntBinary::Set(Cond::GeU, $width)),
            )*
            $($pattern => Err($value),)*
        }
    };
}

/// A float operation or comparison, by its meaning.
enum FloatBinary {
    Op(FloatOp, Width),
    Set(FloatCond, Width),
}

pub(super) fn binary<M: Masm>(m: &mut M, o: &mut impl Operands<M>, op: BinaryOp) {
    use FloatBinary as F;
    let [dst, a, b] = Binary::LANES;
    let row = int_rows!(BinaryOp, op, {
        AddI32 SubI32 MulI32 DivSI32 DivUI32 RemSI32 RemUI32 AndI32 OrI32 XorI32 ShlI32 ShrSI32 ShrUI32 RotlI32 RotrI32
        EqI32 NeI32 LtSI32 LtUI32 GtSI32 GtUI32 LeSI32 LeUI32 GeSI32 GeUI32 W32;
        AddI64 SubI64 MulI64 DivSI64 DivUI64 RemSI64 RemUI64 AndI64 OrI64 XorI64 ShlI64 ShrSI64 ShrUI64 RotlI64 RotrI64
        EqI64 NeI64 LtSI64 LtUI64 GtSI64 GtUI64 LeSI64 LeUI64 GeSI64 GeUI64 W64;
    }, {
        BinaryOp::AddF32 => F::Op(FloatOp::Add, W32),
        BinaryOp::SubF32 => F::Op(FloatOp::Sub, W32),
        BinaryOp::MulF32 => F::Op(FloatOp::Mul, W32),
        BinaryOp::DivF32 => F::Op(FloatOp::Div, W32),
        BinaryOp::EqF32 => F::Set(FloatCond::Eq, W32),
        BinaryOp::NeF32 => F::Set(FloatCond::Ne, W32),
        BinaryOp::LtF32 => F::Set(FloatCond::Lt, W32),
        BinaryOp::GtF32 => F::Set(FloatCond::Gt, W32),
        BinaryOp::LeF32 => F::Set(FloatCond::Le, W32),
        BinaryOp::GeF32 => F::Set(FloatCond::Ge, W32),
        BinaryOp::AddF64 => F::Op(FloatOp::Add, W64),
        BinaryOp::SubF64 => F::Op(FloatOp::Sub, W64),
        BinaryOp::MulF64 => F::Op(FloatOp::Mul, W64),
        BinaryOp::DivF64 => F::Op(FloatOp::Div, W64),
        BinaryOp::EqF64 => F::Set(FloatCond::Eq, W64),
        BinaryOp::NeF64 => F::Set(FloatCond::Ne, W64),
        BinaryOp::LtF64 => F::Set(FloatCond::Lt, W64),
        BinaryOp::GtF64 => F::Set(FloatCond::Gt, W64),
        BinaryOp::LeF64 => F::Set(FloatCond::Le, W64),
        BinaryOp::GeF64 => F::Set(FloatCond::Ge, W64),
        BinaryOp::MinF32 => F::Op(FloatOp::Min, W32),
        BinaryOp::MaxF32 => F::Op(FloatOp::Max, W32),
        BinaryOp::CopysignF32 => F::Op(FloatOp::Copysign, W32),
        BinaryOp::MinF64 => F::Op(FloatOp::Min, W64),
        BinaryOp::MaxF64 => F::Op(FloatOp::Max, W64),
        BinaryOp::CopysignF64 => F::Op(FloatOp::Copysign, W64),
    });
    match row {
        Ok(row) => {
            let b = o.int(m, b);
            int_binary(m, o, row, dst, a, b);
        }
        Err(F::Op(op, width)) => {
            let (a, b) = (o.float(m, a), o.float(m, b));
            let result = o.float_result(dst);
            m.float(op, width, result, a, b);
            o.float_define(m, dst, result);
        }
        Err(F::Set(cond, width)) => {
            let (a, b) = (o.float(m, a), o.float(m, b));
            let result = o.result(dst);
            m.set_float(FloatTest { cond, width, a, b }, result);
            o.define(m, dst, result);
        }
    }
}

pub(super) fn binary_imm<M: Masm>(m: &mut M, o: &mut impl Operands<M>, op: BinaryImmOp) {
    let [dst, a, b] = BinaryImm::LANES;
    let row = int_rows!(BinaryImmOp, op, {
        AddI32Imm SubI32Imm MulI32Imm DivSI32Imm DivUI32Imm RemSI32Imm RemUI32Imm AndI32Imm OrI32Imm XorI32Imm ShlI32Imm
        ShrSI32Imm ShrUI32Imm RotlI32Imm RotrI32Imm EqI32Imm NeI32Imm LtSI32Imm LtUI32Imm GtSI32Imm GtUI32Imm LeSI32Imm
        LeUI32Imm GeSI32Imm GeUI32Imm W32;
        AddI64Imm SubI64Imm MulI64Imm DivSI64Imm DivUI64Imm RemSI64Imm RemUI64Imm AndI64Imm OrI64Imm XorI64Imm ShlI64Imm
        ShrSI64Imm ShrUI64Imm RotlI64Imm RotrI64Imm EqI64Imm NeI64Imm LtSI64Imm LtUI64Imm GtSI64Imm GtUI64Imm LeSI64Imm
        LeUI64Imm GeSI64Imm GeUI64Imm W64;
    }, {
        BinaryImmOp::AddF32Imm => (FloatOp::Add, W32),
        BinaryImmOp::SubF32Imm => (FloatOp::Sub, W32),
        BinaryImmOp::MulF32Imm => (FloatOp::Mul, W32),
        BinaryImmOp::DivF32Imm => (FloatOp::Div, W32),
        BinaryImmOp::AddF64Imm => (FloatOp::Add, W64),
        BinaryImmOp::SubF64Imm => (FloatOp::Sub, W64),
        BinaryImmOp::MulF64Imm => (FloatOp::Mul, W64),
        BinaryImmOp::DivF64Imm => (FloatOp::Div, W64),
    });
    let b = o.imm64(m, b);
    match row {
        Ok(row) => int_binary(m, o, row, dst, a, b),
        Err((op, width)) => {
            let a = o.float(m, a);
            let result = o.float_result(dst);
            m.float(op, width, result, a, as_float(b));
            o.float_define(m, dst, result);
        }
    }
}

fn int_binary<M: Masm>(m: &mut M, o: &mut impl Operands<M>, row: IntBinary, dst: Lane, a: Lane, b: Int) {
    match row {
        IntBinary::Op(op, width) => {
            let a = o.int(m, a);
            let result = o.result(dst);
            m.int(op, width, result, a, b);
            o.define(m, dst, result);
        }
        IntBinary::Set(cond, width) => {
            let a = o.int(m, a);
            let result = o.result(dst);
            m.set(Test { cond, width, a, b }, result);
            o.define(m, dst, result);
        }
        IntBinary::Divide(op, width) => divide(m, o, op, width, dst, a, b),
    }
}

fn divide<M: Masm>(
    m: &mut M,
    o: &mut impl Operands<M>,
    op: DivideOp,
    width: Width,
    dst: Lane,
    a: Lane,
    b: Int,
) {
    let zero = Test { cond: Cond::Eq, width, a: b, b: Imm(0) };
    let known = match b {
        Imm(bits) if bits != 0 => Some(bits),
        Imm(_) => return o.trap(m, TrapCause::IntegerDivideByZero),
        Reg(_) | Mem(_) => None,
    };
    let minus_one = match width {
        W32 => u64::from(u32::MAX),
        W64 => u64::MAX,
    };
    if known.is_none() {
        o.trap_if(m, zero, TrapCause::IntegerDivideByZero);
    }
    let divisor = M::ROLES.scratch[1];
    let done = o.label(m);
    let dividend = o.int(m, a);
    let result = o.result(dst);
    if known.is_none_or(|bits| bits == minus_one) {
        let fine = o.label(m);
        let other = Test { cond: Cond::Ne, width, a: b, b: Imm(minus_one) };
        match op {
            DivideOp::DivS => {
                m.jump_if(other, fine);
                let least = match width {
                    W32 => u64::from(i32::MIN as u32),
                    W64 => i64::MIN as u64,
                };
                let overflows = Test { cond: Cond::Eq, width, a: dividend, b: Imm(least) };
                o.trap_if(m, overflows, TrapCause::IntegerOverflow);
            }
            DivideOp::RemS => {
                m.jump_if(other, fine);
                m.mov(result, Imm(0));
                m.jump(done);
            }
            DivideOp::DivU | DivideOp::RemU => {}
        }
        m.buffer().bind(fine);
    }
    let divisor = match b {
        Reg(r) => r,
        Mem(_) | Imm(_) => {
            m.mov(divisor, b);
            divisor
        }
    };
    m.divide(op, width, result, dividend, divisor);
    m.buffer().bind(done);
    o.define(m, dst, result);
}

pub(super) fn select<M: Masm>(m: &mut M, o: &mut impl Operands<M>) {
    let [dst, a, b, cond] = Select::LANES;
    if o.is_float(dst) {
        let condition = o.int(m, cond);
        let (a, b) = (o.float(m, a), o.float(m, b));
        let result = o.float_result(dst);
        // The operands are read before the result, which may be one of them, is written.
        let chosen = M::ROLES.float_scratch[1];
        let done = o.label(m);
        m.fmov(chosen, a);
        m.jump_if(Test { cond: Cond::Ne, width: W32, a: condition, b: Imm(0) }, done);
        m.fmov(chosen, b);
        m.buffer().bind(done);
        m.fmov(result, Reg(chosen));
        return o.float_define(m, dst, result);
    }
    let condition = o.int(m, cond);
    let (a, b) = (o.int(m, a), o.int(m, b));
    let result = o.result(dst);
    m.select(condition, result, a, b);
    o.define(m, dst, result);
}

pub(super) fn jump<M: Masm>(m: &mut M, o: &mut impl Operands<M>) {
    let [target, _] = Jump::LANES;
    o.jump(m, target);
}

pub(super) fn branch_unary<M: Masm>(m: &mut M, o: &mut impl Operands<M>, op: BranchUnaryOp) {
    let [a, target, _] = BranchUnary::LANES;
    let cond = match op {
        BranchUnaryOp::BrNez => Cond::Ne,
        BranchUnaryOp::BrEqz => Cond::Eq,
    };
    let a = o.int(m, a);
    o.branch(m, Test { cond, width: W32, a, b: Imm(0) }, target);
}

pub(super) fn branch<M: Masm>(m: &mut M, o: &mut impl Operands<M>, op: BranchOp) {
    use BranchOp as B;
    let [a, b, target, _] = Branch::LANES;
    let row = match op {
        B::BrEqI32 => Ok((Cond::Eq, W32)),
        B::BrNeI32 => Ok((Cond::Ne, W32)),
        B::BrLtSI32 => Ok((Cond::LtS, W32)),
        B::BrLtUI32 => Ok((Cond::LtU, W32)),
        B::BrGtSI32 => Ok((Cond::GtS, W32)),
        B::BrGtUI32 => Ok((Cond::GtU, W32)),
        B::BrLeSI32 => Ok((Cond::LeS, W32)),
        B::BrLeUI32 => Ok((Cond::LeU, W32)),
        B::BrGeSI32 => Ok((Cond::GeS, W32)),
        B::BrGeUI32 => Ok((Cond::GeU, W32)),
        B::BrAnyI32 => Ok((Cond::Any, W32)),
        B::BrNoneI32 => Ok((Cond::None, W32)),
        B::BrEqI64 => Ok((Cond::Eq, W64)),
        B::BrNeI64 => Ok((Cond::Ne, W64)),
        B::BrLtSI64 => Ok((Cond::LtS, W64)),
        B::BrLtUI64 => Ok((Cond::LtU, W64)),
        B::BrGtSI64 => Ok((Cond::GtS, W64)),
        B::BrGtUI64 => Ok((Cond::GtU, W64)),
        B::BrLeSI64 => Ok((Cond::LeS, W64)),
        B::BrLeUI64 => Ok((Cond::LeU, W64)),
        B::BrGeSI64 => Ok((Cond::GeS, W64)),
        B::BrGeUI64 => Ok((Cond::GeU, W64)),
        B::BrAnyI64 => Ok((Cond::Any, W64)),
        B::BrNoneI64 => Ok((Cond::None, W64)),
        B::BrEqF32 => Err((FloatCond::Eq, W32)),
        B::BrNeF32 => Err((FloatCond::Ne, W32)),
        B::BrLtF32 => Err((FloatCond::Lt, W32)),
        B::BrGtF32 => Err((FloatCond::Gt, W32)),
        B::BrLeF32 => Err((FloatCond::Le, W32)),
        B::BrGeF32 => Err((FloatCond::Ge, W32)),
        B::BrNltF32 => Err((FloatCond::NotLt, W32)),
        B::BrNgtF32 => Err((FloatCond::NotGt, W32)),
        B::BrNleF32 => Err((FloatCond::NotLe, W32)),
        B::BrNgeF32 => Err((FloatCond::NotGe, W32)),
        B::BrEqF64 => Err((FloatCond::Eq, W64)),
        B::BrNeF64 => Err((FloatCond::Ne, W64)),
        B::BrLtF64 => Err((FloatCond::Lt, W64)),
        B::BrGtF64 => Err((FloatCond::Gt, W64)),
        B::BrLeF64 => Err((FloatCond::Le, W64)),
        B::BrGeF64 => Err((FloatCond::Ge, W64)),
        B::BrNltF64 => Err((FloatCond::NotLt, W64)),
        B::BrNgtF64 => Err((FloatCond::NotGt, W64)),
        B::BrNleF64 => Err((FloatCond::NotLe, W64)),
        B::BrNgeF64 => Err((FloatCond::NotGe, W64)),
    };
    match row {
        Ok((cond, width)) => {
            let (a, b) = (o.int(m, a), o.int(m, b));
            o.branch(m, Test { cond, width, a, b }, target);
        }
        Err((cond, width)) => {
            let (a, b) = (o.float(m, a), o.float(m, b));
            o.branch_float(m, FloatTest { cond, width, a, b }, target);
        }
    }
}

pub(super) fn branch_imm<M: Masm>(m: &mut M, o: &mut impl Operands<M>, op: BranchImmOp) {
    use BranchImmOp as B;
    let [a, b, target, _] = BranchImm::LANES;
    let (cond, width) = match op {
        B::BrEqI32Imm => (Cond::Eq, W32),
        B::BrNeI32Imm => (Cond::Ne, W32),
        B::BrLtSI32Imm => (Cond::LtS, W32),
        B::BrLtUI32Imm => (Cond::LtU, W32),
        B::BrGtSI32Imm => (Cond::GtS, W32),
        B::BrGtUI32Imm => (Cond::GtU, W32),
        B::BrLeSI32Imm => (Cond::LeS, W32),
        B::BrLeUI32Imm => (Cond::LeU, W32),
        B::BrGeSI32Imm => (Cond::GeS, W32),
        B::BrGeUI32Imm => (Cond::GeU, W32),
        B::BrAnyI32Imm => (Cond::Any, W32),
        B::BrNoneI32Imm => (Cond::None, W32),
        B::BrEqI64Imm => (Cond::Eq, W64),
        B::BrNeI64Imm => (Cond::Ne, W64),
        B::BrLtSI64Imm => (Cond::LtS, W64),
        B::BrLtUI64Imm => (Cond::LtU, W64),
        B::BrGtSI64Imm => (Cond::GtS, W64),
        B::BrGtUI64Imm => (Cond::GtU, W64),
        B::BrLeSI64Imm => (Cond::LeS, W64),
        B::BrLeUI64Imm => (Cond::LeU, W64),
        B::BrGeSI64Imm => (Cond::GeS, W64),
        B::BrGeUI64Imm => (Cond::GeU, W64),
        B::BrAnyI64Imm => (Cond::Any, W64),
        B::BrNoneI64Imm => (Cond::None, W64),
    };
    let (a, b) = (o.int(m, a), o.imm32(m, b));
    o.branch(m, Test { cond, width, a, b }, target);
}

/// What lies in memory for an access, or a float's width.
type Stored = Result<Access, Width>;

/// Rows of loads, or stores, plain and indexed.
macro_rules! loads {
    ($ops:ident $op:expr; $i32:ident $s8:ident $u8:ident $s16:ident $u16:ident $i64:ident $s8w:ident $u8w:ident $s16w:ident
        $u16w:ident $s32w:ident $u32w:ident $f32:ident $f64:ident) => {
        match $op {
            $ops::$i32 => Ok(Access::U32),
            $ops::$s8 => Ok(Access::S8W32),
            $ops::$u8 | $ops::$u8w => Ok(Access::U8),
            $ops::$s16 => Ok(Access::S16W32),
            $ops::$u16 | $ops::$u16w => Ok(Access::U16),
            $ops::$i64 => Ok(Access::U64),
            $ops::$s8w => Ok(Access::S8W64),
            $ops::$s16w => Ok(Access::S16W64),
            $ops::$s32w => Ok(Access::S32W64),
            $ops::$u32w => Ok(Access::U32),
            $ops::$f32 => Err(W32),
            $ops::$f64 => Err(W64),
        }
    };
}

macro_rules! stores {
    ($ops:ident $op:expr; $i32:ident $s8:ident $s16:ident $i64:ident $s8w:ident $s16w:ident $s32w:ident $f32:ident
        $f64:ident) => {
        match $op {
            $ops::$i32 | $ops::$s32w => Ok(Access::U32),
            $ops::$s8 | $ops::$s8w => Ok(Access::U8),
            $ops::$s16 | $ops::$s16w => Ok(Access::U16),
            $ops::$i64 => Ok(Access::U64),
            $ops::$f32 => Err(W32),
            $ops::$f64 => Err(W64),
        }
    };
}

/// An operand in a register: its own, or a scratch register.
fn in_register<M: Masm>(m: &mut M, operand: Int, scratch: Gpr) -> Gpr {
    match operand {
        Reg(r) => r,
        Mem(_) | Imm(_) => {
            m.mov(scratch, operand);
            scratch
        }
    }
}

/// The place in memory at a register's value, an `i32`, plus an offset. Uses `scratch[1]`.
fn place<M: Masm>(m: &mut M, base: Gpr, offset: u32) -> Addr {
    if let Ok(disp) = i32::try_from(offset) {
        return Addr { disp, ..Addr::indexed(M::ROLES.memory, base, 0) };
    }
    let sum = M::ROLES.scratch[1];
    m.int(IntOp::Add, W64, sum, Reg(base), Imm(offset.into()));
    Addr::indexed(M::ROLES.memory, sum, 0)
}

fn plain_place<M: Masm>(m: &mut M, o: &mut impl Operands<M>, addr: Lane, offset: Lane) -> Addr {
    let base = o.int(m, addr);
    let base = in_register(m, base, M::ROLES.scratch[1]);
    let offset = o.field(offset, 2);
    place(m, base, offset)
}

fn indexed_place<M: Masm>(
    m: &mut M,
    o: &mut impl Operands<M>,
    [base, index, offset, shift]: [Lane; 4],
) -> Addr {
    let (base, index) = (o.int(m, base), o.int(m, index));
    let [_, sum, other] = M::ROLES.scratch;
    let (base, index) = (in_register(m, base, sum), in_register(m, index, other));
    let (offset, shift) = (o.field(offset, 2), o.field(shift, 1));
    m.lea(W32, sum, Addr::indexed(base, index, shift as u8));
    place(m, sum, offset)
}

fn load_from<M: Masm>(m: &mut M, o: &mut impl Operands<M>, stored: Stored, dst: Lane, at: Addr) {
    match stored {
        Ok(access) => {
            let result = o.result(dst);
            o.may_fault(m);
            m.load(access, result, at);
            o.define(m, dst, result);
        }
        Err(width) => {
            let result = o.float_result(dst);
            o.may_fault(m);
            m.load_float(width, result, at);
            o.float_define(m, dst, result);
        }
    }
}

fn store_to<M: Masm>(m: &mut M, o: &mut impl Operands<M>, stored: Stored, value: Lane, at: Addr) {
    match stored {
        Ok(access) => {
            let value = o.int(m, value);
            let value = in_register(m, value, M::ROLES.scratch[0]);
            o.may_fault(m);
            m.store(access, at, value);
        }
        Err(width) => {
            let value = match o.float(m, value) {
                Reg(r) => r,
                value @ (Mem(_) | Imm(_)) => {
                    let scratch = M::ROLES.float_scratch[0];
                    m.fmov(scratch, value);
                    scratch
                }
            };
            o.may_fault(m);
            m.store_float(width, at, value);
        }
    }
}

pub(super) fn load<M: Masm>(m: &mut M, o: &mut impl Operands<M>, op: LoadOp) {
    let [dst, addr, _, offset] = Load::LANES;
    let stored = loads!(LoadOp op; LoadI32 Load8SI32 Load8UI32 Load16SI32 Load16UI32 LoadI64 Load8SI64 Load8UI64
        Load16SI64 Load16UI64 Load32SI64 Load32UI64 LoadF32 LoadF64);
    let at = plain_place(m, o, addr, offset);
    load_from(m, o, stored, dst, at);
}

pub(super) fn load_indexed<M: Masm>(m: &mut M, o: &mut impl Operands<M>, op: LoadIndexedOp) {
    let [dst, base, index, offset, shift, _] = LoadIndexed::LANES;
    let stored = loads!(LoadIndexedOp op; LoadI32Indexed Load8SI32Indexed Load8UI32Indexed Load16SI32Indexed
        Load16UI32Indexed LoadI64Indexed Load8SI64Indexed Load8UI64Indexed Load16SI64Indexed Load16UI64Indexed
        Load32SI64Indexed Load32UI64Indexed LoadF32Indexed LoadF64Indexed);
    let at = indexed_place(m, o, [base, index, offset, shift]);
    load_from(m, o, stored, dst, at);
}

pub(super) fn store<M: Masm>(m: &mut M, o: &mut impl Operands<M>, op: StoreOp) {
    let [addr, value, _, offset] = Store::LANES;
    let stored = stores!(StoreOp op; StoreI32 Store8I32 Store16I32 StoreI64 Store8I64 Store16I64 Store32I64 StoreF32
        StoreF64);
    let at = plain_place(m, o, addr, offset);
    store_to(m, o, stored, value, at);
}

pub(super) fn store_indexed<M: Masm>(m: &mut M, o: &mut impl Operands<M>, op: StoreIndexedOp) {
    let [base, index, value, offset, shift, _] = StoreIndexed::LANES;
    let stored = stores!(StoreIndexedOp op; StoreI32Indexed Store8I32Indexed Store16I32Indexed StoreI64Indexed
        Store8I64Indexed Store16I64Indexed Store32I64Indexed StoreF32Indexed StoreF64Indexed);
    let at = indexed_place(m, o, [base, index, offset, shift]);
    store_to(m, o, stored, value, at);
}

pub(super) fn memory_size<M: Masm>(m: &mut M, o: &mut impl Operands<M>) {
    let [dst, _] = MemorySize::LANES;
    let result = o.result(dst);
    m.mov(result, Mem(Addr::at(M::ROLES.context, abi::instance::MEMORY)));
    m.mov(result, Mem(Addr::at(result, abi::memory::LEN)));
    m.int(IntOp::ShrU, W64, result, Reg(result), Imm(PAGE_SIZE.ilog2().into()));
    o.define(m, dst, result);
}

/// The record of a table. Uses `scratch[1]`.
fn table<M: Masm>(m: &mut M, o: &mut impl Operands<M>, table: Lane) -> Gpr {
    let table = o.field(table, 1);
    let record = M::ROLES.scratch[1];
    m.mov(record, Mem(Addr::at(M::ROLES.context, abi::instance::TABLES)));
    m.mov(record, Mem(element(record, table)));
    record
}

/// The place of a table's element; traps beyond the end. Uses the first two of `scratch`.
fn table_element<M: Masm>(m: &mut M, o: &mut impl Operands<M>, of: Lane, index: Lane) -> Addr {
    let index = o.int(m, index);
    let record = table(m, o, of);
    let index = in_register(m, index, M::ROLES.scratch[0]);
    let len = Mem(Addr::at(record, abi::table::LEN));
    let beyond = Test { cond: Cond::GeU, width: W64, a: Reg(index), b: len };
    o.trap_if(m, beyond, TrapCause::TableOutOfBounds);
    m.mov(record, Mem(Addr::at(record, abi::table::BASE)));
    Addr::indexed(record, index, 3)
}

pub(super) fn table_get<M: Masm>(m: &mut M, o: &mut impl Operands<M>) {
    let [dst, index, table] = TableGet::LANES;
    let at = table_element(m, o, table, index);
    let result = o.result(dst);
    m.mov(result, Mem(at));
    o.define(m, dst, result);
}

pub(super) fn table_set<M: Masm>(m: &mut M, o: &mut impl Operands<M>) {
    let [index, value, table] = TableSet::LANES;
    let at = table_element(m, o, table, index);
    let value = o.int(m, value);
    let value = in_register(m, value, M::ROLES.scratch[2]);
    m.store_slot(at, Reg(value));
}

pub(super) fn table_size<M: Masm>(m: &mut M, o: &mut impl Operands<M>) {
    let [dst, of] = TableSize::LANES;
    let record = table(m, o, of);
    let result = o.result(dst);
    m.mov(result, Mem(Addr::at(record, abi::table::LEN)));
    o.define(m, dst, result);
}

/// Puts the record of a function of the module into a register.
fn record<M: Masm>(m: &mut M, o: &mut impl Operands<M>, func: Lane, result: Gpr) {
    let func = o.field(func, 2);
    m.mov(result, Mem(Addr::at(M::ROLES.context, abi::instance::RECORDS)));
    m.mov(result, Mem(element(result, func)));
}

/// Puts the record of a table's function into the last of `scratch`; traps if there is none of the type.
fn indirect_record<M: Masm>(m: &mut M, o: &mut impl Operands<M>, of: Lane, index: Lane, ty: Lane) {
    let at = table_element(m, o, of, index);
    let [_, expected, record] = M::ROLES.scratch;
    m.mov(record, Mem(at));
    let null = Test { cond: Cond::Eq, width: W64, a: Reg(record), b: Imm(0) };
    o.trap_if(m, null, TrapCause::IndirectCallToNull);
    let ty = o.field(ty, 2);
    m.mov(expected, Mem(Addr::at(M::ROLES.context, abi::instance::SIGNATURES)));
    m.load(Access::U32, expected, Addr::at(expected, (ty * 4) as i32));
    let found = Mem(Addr::at(record, abi::record::SIGNATURE));
    let other = Test { cond: Cond::Ne, width: W32, a: Reg(expected), b: found };
    o.trap_if(m, other, TrapCause::IndirectCallTypeMismatch);
}

pub(super) fn call_import<M: Masm>(m: &mut M, o: &mut impl Operands<M>) {
    let [_, func, _] = CallImport::LANES;
    record(m, o, func, M::ROLES.scratch[2]);
    o.call_record(m);
}

pub(super) fn call_indirect<M: Masm>(m: &mut M, o: &mut impl Operands<M>) {
    let [index, _, _, ty, table, _] = CallIndirect::LANES;
    indirect_record(m, o, table, index, ty);
    o.call_record(m);
}

pub(super) fn tail_call_import<M: Masm>(m: &mut M, o: &mut impl Operands<M>) {
    let [_, func] = TailCallImport::LANES;
    o.poll(m);
    record(m, o, func, M::ROLES.scratch[2]);
    o.tail_call_record(m);
}

pub(super) fn tail_call_indirect<M: Masm>(m: &mut M, o: &mut impl Operands<M>) {
    let [index, _, ty, table, _] = TailCallIndirect::LANES;
    o.poll(m);
    indirect_record(m, o, table, index, ty);
    o.tail_call_record(m);
}

pub(super) fn ref_null<M: Masm>(m: &mut M, o: &mut impl Operands<M>) {
    let [dst] = RefNull::LANES;
    let result = o.result(dst);
    m.mov(result, Imm(0));
    o.define(m, dst, result);
}

pub(super) fn ref_is_null<M: Masm>(m: &mut M, o: &mut impl Operands<M>) {
    let [dst, a] = RefIsNull::LANES;
    let a = o.int(m, a);
    let result = o.result(dst);
    m.set(Test { cond: Cond::Eq, width: W64, a, b: Imm(0) }, result);
    o.define(m, dst, result);
}

pub(super) fn ref_func<M: Masm>(m: &mut M, o: &mut impl Operands<M>) {
    let [dst, func] = RefFunc::LANES;
    let result = o.result(dst);
    record(m, o, func, result);
    o.define(m, dst, result);
}

/// Element `index` of eight bytes each.
fn element(base: Gpr, index: u32) -> Addr {
    Addr::at(base, (index * 8) as i32)
}

/// The place of a global's value. Uses `scratch[1]`.
fn global<M: Masm>(m: &mut M, index: u32) -> Addr {
    let cell = M::ROLES.scratch[1];
    m.mov(cell, Mem(Addr::at(M::ROLES.context, abi::instance::GLOBALS)));
    m.mov(cell, Mem(element(cell, index)));
    Addr::at(cell, 0)
}

pub(super) fn global_get<M: Masm>(m: &mut M, o: &mut impl Operands<M>) {
    let [dst, index] = GlobalGet::LANES;
    let index = o.field(index, 2);
    let at = global(m, index);
    if o.is_float(dst) {
        let result = o.float_result(dst);
        m.fmov(result, Mem(at));
        o.float_define(m, dst, result);
    } else {
        let result = o.result(dst);
        m.mov(result, Mem(at));
        o.define(m, dst, result);
    }
}

pub(super) fn global_set<M: Masm>(m: &mut M, o: &mut impl Operands<M>) {
    let [value, index] = GlobalSet::LANES;
    let index = o.field(index, 2);
    let at = global(m, index);
    if o.is_float(value) {
        match o.float(m, value) {
            Reg(r) => m.store_float_slot(at, r),
            Mem(from) => m.store_slot(at, Mem(from)),
            Imm(bits) => m.store_slot(at, Imm(bits)),
        }
    } else {
        let value = o.int(m, value);
        m.store_slot(at, value);
    }
}
