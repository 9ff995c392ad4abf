//! Templates of tables, function references, and calls through records.

use bytecode_spec::TrapCause;
use bytecode_spec::isa::{
    CallImport, CallIndirect, RefFunc, RefIsNull, RefNull, TableGet, TableSet, TableSize, TailCallImport,
    TailCallIndirect,
};

use super::{element, in_register};
use crate::abi;
use crate::template::masm::Value::{Imm, Mem, Reg};
use crate::template::masm::Width::{W32, W64};
use crate::template::masm::{Access, Addr, Cond, Gpr, Masm, Test};
use crate::template::operands::{Lane, Operands};

/// The record of a table. Uses `scratch[1]`.
#[inline(always)]
fn table<M: Masm>(m: &mut M, o: &mut impl Operands<M>, table: Lane) -> Gpr {
    let table = o.field(m, table, 1);
    let record = M::ROLES.scratch[1];
    m.mov(record, Mem(Addr::at(M::ROLES.context, abi::instance::TABLES)));
    m.mov(record, Mem(element(record, table, 3)));
    record
}

/// The place of a table's element; traps beyond the end. Uses the first two of `scratch`.
#[inline(always)]
fn table_element<M: Masm>(m: &mut M, o: &mut impl Operands<M>, of: Lane, index: Lane) -> Addr {
    let index = o.int(m, index);
    let record = table(m, o, of);
    let index = in_register(m, W32, index, M::ROLES.scratch[0]);
    let len = Mem(Addr::at(record, abi::table::LEN));
    let beyond = Test { cond: Cond::GeU, width: W64, a: Reg(index), b: len };
    o.trap_if(m, beyond, TrapCause::TableOutOfBounds);
    m.mov(record, Mem(Addr::at(record, abi::table::BASE)));
    Addr::indexed(record, index, 3)
}

#[inline(always)]
pub(in crate::template) fn table_get<M: Masm>(m: &mut M, o: &mut impl Operands<M>) {
    let [dst, index, table] = TableGet::LANES;
    let at = table_element(m, o, table, index);
    let result = o.result(dst);
    m.mov(result, Mem(at));
    o.define(m, dst, result);
}

#[inline(always)]
pub(in crate::template) fn table_set<M: Masm>(m: &mut M, o: &mut impl Operands<M>) {
    let [index, value, table] = TableSet::LANES;
    let at = table_element(m, o, table, index);
    let value = o.int(m, value);
    let value = in_register(m, W64, value, M::ROLES.scratch[2]);
    m.store_slot(at, Reg(value));
}

#[inline(always)]
pub(in crate::template) fn table_size<M: Masm>(m: &mut M, o: &mut impl Operands<M>) {
    let [dst, of] = TableSize::LANES;
    let record = table(m, o, of);
    let result = o.result(dst);
    m.mov(result, Mem(Addr::at(record, abi::table::LEN)));
    o.define(m, dst, result);
}

/// Puts the record of a function of the module into a register.
#[inline(always)]
fn record<M: Masm>(m: &mut M, o: &mut impl Operands<M>, func: Lane, result: Gpr) {
    let func = o.field(m, func, 2);
    m.mov(result, Mem(Addr::at(M::ROLES.context, abi::instance::RECORDS)));
    m.mov(result, Mem(element(result, func, 3)));
}

/// Puts the record of a table's function into the last of `scratch`; traps if there is none of the type.
#[inline(always)]
fn indirect_record<M: Masm>(m: &mut M, o: &mut impl Operands<M>, of: Lane, index: Lane, ty: Lane) {
    let at = table_element(m, o, of, index);
    let [_, expected, record] = M::ROLES.scratch;
    m.mov(record, Mem(at));
    let null = Test { cond: Cond::Eq, width: W64, a: Reg(record), b: Imm(0) };
    o.trap_if(m, null, TrapCause::IndirectCallToNull);
    let ty = o.field(m, ty, 2);
    m.mov(expected, Mem(Addr::at(M::ROLES.context, abi::instance::SIGNATURES)));
    m.load(Access::U32, expected, element(expected, ty, 2));
    let found = Mem(Addr::at(record, abi::record::SIGNATURE));
    let other = Test { cond: Cond::Ne, width: W32, a: Reg(expected), b: found };
    o.trap_if(m, other, TrapCause::IndirectCallTypeMismatch);
}

pub(in crate::template) fn call_import<M: Masm>(m: &mut M, o: &mut impl Operands<M>) {
    let [_, func, _] = CallImport::LANES;
    record(m, o, func, M::ROLES.scratch[2]);
    o.call_record(m);
}

pub(in crate::template) fn call_indirect<M: Masm>(m: &mut M, o: &mut impl Operands<M>) {
    let [index, _, _, ty, table, _] = CallIndirect::LANES;
    indirect_record(m, o, table, index, ty);
    o.call_record(m);
}

pub(in crate::template) fn tail_call_import<M: Masm>(m: &mut M, o: &mut impl Operands<M>) {
    let [_, func] = TailCallImport::LANES;
    o.poll(m);
    record(m, o, func, M::ROLES.scratch[2]);
    o.tail_call_record(m);
}

pub(in crate::template) fn tail_call_indirect<M: Masm>(m: &mut M, o: &mut impl Operands<M>) {
    let [index, _, ty, table, _] = TailCallIndirect::LANES;
    o.poll(m);
    indirect_record(m, o, table, index, ty);
    o.tail_call_record(m);
}

#[inline(always)]
pub(in crate::template) fn ref_null<M: Masm>(m: &mut M, o: &mut impl Operands<M>) {
    let [dst] = RefNull::LANES;
    let result = o.result(dst);
    m.mov(result, Imm(0));
    o.define(m, dst, result);
}

#[inline(always)]
pub(in crate::template) fn ref_is_null<M: Masm>(m: &mut M, o: &mut impl Operands<M>) {
    let [dst, a] = RefIsNull::LANES;
    let a = o.int(m, a);
    let result = o.result(dst);
    m.set(Test { cond: Cond::Eq, width: W64, a, b: Imm(0) }, result);
    o.define(m, dst, result);
}

#[inline(always)]
pub(in crate::template) fn ref_func<M: Masm>(m: &mut M, o: &mut impl Operands<M>) {
    let [dst, func] = RefFunc::LANES;
    let result = o.result(dst);
    record(m, o, func, result);
    o.define(m, dst, result);
}
