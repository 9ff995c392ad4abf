//! Templates of the numeric shapes.

use bytecode_spec::isa::{Binary, BinaryImm, BinaryImmOp, BinaryOp, Unary, UnaryOp};
use bytecode_spec::{Op, TrapCause};

use super::{as_float, in_register};
use crate::template::masm::Value::{Imm, Mem, Reg};
use crate::template::masm::Width::{W32, W64};
use crate::template::masm::{
    Cond, DivideOp, Feature, FloatCond, FloatOp, FloatTest, FloatUnary, FromInt, Int, IntOp, IntUnary, Masm,
    Test, ToInt, Width,
};
use crate::template::operands::{Lane, Operands};

/// An integer comparison or operation, by its meaning.
#[derive(Clone, Copy)]
enum IntBinary {
    Op(IntOp, Width),
    Set(Cond, Width),
    Divide(DivideOp, Width),
}

#[inline(always)]
pub(in crate::template) fn unary<M: Masm>(m: &mut M, o: &mut impl Operands<M>, op: UnaryOp) {
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
#[inline(always)]
pub(crate) fn range(to: ToInt, from: Width) -> ((u64, bool), u64) {
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

#[inline(always)]
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

#[inline(always)]
fn int_unary<M: Masm>(m: &mut M, o: &mut impl Operands<M>, op: IntUnary, width: Width) {
    let [dst, a] = Unary::LANES;
    let a = o.first_int(m, a);
    let result = o.result(dst);
    m.int_unary(op, width, result, a);
    o.define(m, dst, result);
}

#[inline(always)]
fn eqz<M: Masm>(m: &mut M, o: &mut impl Operands<M>, width: Width) {
    let [dst, a] = Unary::LANES;
    let a = o.first_int(m, a);
    let result = o.result(dst);
    m.set(Test { cond: Cond::Eq, width, a, b: Imm(0) }, result);
    o.define(m, dst, result);
}

#[inline(always)]
fn float_unary<M: Masm>(m: &mut M, o: &mut impl Operands<M>, op: FloatUnary, width: Width) {
    let [dst, a] = Unary::LANES;
    let a = o.float(m, a);
    let result = o.float_result(dst);
    m.float_unary(op, width, result, a);
    o.float_define(m, dst, result);
}

#[inline(always)]
fn float_from_int<M: Masm>(m: &mut M, o: &mut impl Operands<M>, from: FromInt, width: Width) {
    let [dst, a] = Unary::LANES;
    let a = o.first_int(m, a);
    let result = o.float_result(dst);
    m.float_from_int(from, width, result, a);
    o.float_define(m, dst, result);
}

#[inline(always)]
fn float_from_float<M: Masm>(m: &mut M, o: &mut impl Operands<M>, from: Width) {
    let [dst, a] = Unary::LANES;
    let a = o.float(m, a);
    let result = o.float_result(dst);
    m.float_from_float(from, result, a);
    o.float_define(m, dst, result);
}

#[inline(always)]
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

#[inline(always)]
fn float_from_bits<M: Masm>(m: &mut M, o: &mut impl Operands<M>) {
    let [dst, a] = Unary::LANES;
    let a = o.first_int(m, a);
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

/// A table by opcode of what a function gives for those of a shape; nobody looks at others. It costs less than a branch, which would often
/// be predicted wrongly.
macro_rules! by_code {
    ($ops:ident, $row:ident) => {{
        let mut rows = [$row($ops::ALL[0]); Op::ALL.len()];
        let mut i = 0;
        while i < $ops::ALL.len() {
            rows[$ops::ALL[i] as usize] = $row($ops::ALL[i]);
            i += 1;
        }
        rows
    }};
}

/// A float operation or comparison, by its meaning.
#[derive(Clone, Copy)]
enum FloatBinary {
    Op(FloatOp, Width),
    Set(FloatCond, Width),
}

const fn binary_row(op: BinaryOp) -> Result<IntBinary, FloatBinary> {
    use FloatBinary as F;
    int_rows!(BinaryOp, op, {
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
    })
}

const BINARY_ROWS: [Result<IntBinary, FloatBinary>; Op::ALL.len()] = by_code!(BinaryOp, binary_row);

#[inline(always)]
pub(in crate::template) fn binary<M: Masm>(m: &mut M, o: &mut impl Operands<M>, op: BinaryOp) {
    use FloatBinary as F;
    let [dst, a, b] = Binary::LANES;
    let row = BINARY_ROWS[op as usize];
    match row {
        Ok(row) => {
            let commutes = matches!(row, IntBinary::Op(op, _) if op.commutes());
            let (a, b) = if commutes && o.is_at_hand(m, b) { (b, a) } else { (a, b) };
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

const fn binary_imm_row(op: BinaryImmOp) -> Result<IntBinary, (FloatOp, Width)> {
    int_rows!(BinaryImmOp, op, {
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
    })
}

const BINARY_IMM_ROWS: [Result<IntBinary, (FloatOp, Width)>; Op::ALL.len()] =
    by_code!(BinaryImmOp, binary_imm_row);

#[inline(always)]
pub(in crate::template) fn binary_imm<M: Masm>(m: &mut M, o: &mut impl Operands<M>, op: BinaryImmOp) {
    let [dst, a, b] = BinaryImm::LANES;
    let row = BINARY_IMM_ROWS[op as usize];
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

#[inline(always)]
fn int_binary<M: Masm>(m: &mut M, o: &mut impl Operands<M>, row: IntBinary, dst: Lane, a: Lane, b: Int) {
    match row {
        IntBinary::Op(op, width) => {
            let a = o.first_int(m, a);
            let result = o.result(dst);
            m.int(op, width, result, a, b);
            o.define(m, dst, result);
        }
        IntBinary::Set(cond, width) => {
            let a = o.first_int(m, a);
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
    let divisor = in_register(m, width, b, M::ROLES.scratch[1]);
    m.divide(op, width, result, dividend, divisor);
    m.buffer().bind(done);
    o.define(m, dst, result);
}
