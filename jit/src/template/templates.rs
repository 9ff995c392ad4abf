//! One template a shape, for every driver and every machine. What has none here is done by a helper.

mod branches;
mod calls;
mod memory;
mod numeric;

use bytecode_spec::isa::{Const, Move, Select};

pub(super) use branches::*;
pub(super) use calls::*;
pub(super) use memory::*;
pub(crate) use numeric::range;
pub(super) use numeric::*;

use super::masm::Value::{Imm, Mem, Reg};
use super::masm::Width::W32;
use super::masm::{Addr, Cond, Float, Gpr, Int, Masm, Test};
use super::operands::Operands;

#[inline(always)]
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

#[inline(always)]
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

#[inline(always)]
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

/// An operand that is not in a register, for a float instruction.
#[inline(always)]
fn as_float(operand: Int) -> Float {
    match operand {
        Imm(bits) => Imm(bits),
        Mem(at) => Mem(at),
        Reg(_) => unreachable!("constants are immediates or in memory"),
    }
}

/// An operand in a register: its own, or a scratch register.
#[inline(always)]
fn in_register<M: Masm>(m: &mut M, operand: Int, scratch: Gpr) -> Gpr {
    match operand {
        Reg(r) => r,
        Mem(_) | Imm(_) => {
            m.mov(scratch, operand);
            scratch
        }
    }
}

/// Element `index` of eight bytes each.
#[inline(always)]
fn element(base: Gpr, index: u32) -> Addr {
    Addr::at(base, (index * 8) as i32)
}
