//! Templates of jumps and branches.

use bytecode_spec::isa::{Branch, BranchImm, BranchImmOp, BranchOp, BranchUnary, BranchUnaryOp, Jump};

use crate::template::masm::Value::Imm;
use crate::template::masm::Width::{W32, W64};
use crate::template::masm::{Cond, FloatCond, FloatTest, Masm, Test};
use crate::template::operands::Operands;

#[inline(always)]
pub(in crate::template) fn jump<M: Masm>(m: &mut M, o: &mut impl Operands<M>) {
    let [target, _] = Jump::LANES;
    o.jump(m, target);
}

#[inline(always)]
pub(in crate::template) fn branch_unary<M: Masm>(m: &mut M, o: &mut impl Operands<M>, op: BranchUnaryOp) {
    let [a, target, _] = BranchUnary::LANES;
    let cond = match op {
        BranchUnaryOp::BrNez => Cond::Ne,
        BranchUnaryOp::BrEqz => Cond::Eq,
    };
    let a = o.first_int(m, a);
    o.branch(m, Test { cond, width: W32, a, b: Imm(0) }, target);
}

#[inline(always)]
pub(in crate::template) fn branch<M: Masm>(m: &mut M, o: &mut impl Operands<M>, op: BranchOp) {
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
            let (a, b) = (o.first_int(m, a), o.int(m, b));
            o.branch(m, Test { cond, width, a, b }, target);
        }
        Err((cond, width)) => {
            let (a, b) = (o.float(m, a), o.float(m, b));
            o.branch_float(m, FloatTest { cond, width, a, b }, target);
        }
    }
}

#[inline(always)]
pub(in crate::template) fn branch_imm<M: Masm>(m: &mut M, o: &mut impl Operands<M>, op: BranchImmOp) {
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
    let (a, b) = (o.first_int(m, a), o.imm32(m, b, width));
    o.branch(m, Test { cond, width, a, b }, target);
}
