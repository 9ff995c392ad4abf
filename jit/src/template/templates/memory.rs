//! Templates of loads, stores, globals and the size of the memory.

use bytecode_spec::isa::{
    GlobalGet, GlobalSet, Load, LoadIndexed, LoadIndexedOp, LoadOp, MemorySize, Store, StoreIndexed,
    StoreIndexedOp, StoreOp,
};
use bytecode_spec::limits::PAGE_SIZE;

use super::{element, in_register};
use crate::abi;
use crate::template::masm::Value::{Imm, Mem, Reg};
use crate::template::masm::Width::{W32, W64};
use crate::template::masm::{Access, Addr, Gpr, Int, IntOp, Masm, Width};
use crate::template::operands::{Lane, Operands};

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

/// The place in memory at a register's value, an `i32`, plus an offset. Uses `scratch[1]`.
#[inline(always)]
fn place<M: Masm>(m: &mut M, base: Gpr, offset: Int) -> Addr {
    if let Imm(offset) = offset
        && let Ok(disp) = i32::try_from(offset)
    {
        return Addr { disp, ..Addr::indexed(M::ROLES.memory, base, 0) };
    }
    let sum = M::ROLES.scratch[1];
    m.int(IntOp::Add, W64, sum, Reg(base), offset);
    Addr::indexed(M::ROLES.memory, sum, 0)
}

#[inline(always)]
fn plain_place<M: Masm>(m: &mut M, o: &mut impl Operands<M>, addr: Lane, offset: Lane) -> Addr {
    let base = o.int(m, addr);
    let base = in_register(m, W32, base, M::ROLES.scratch[1]);
    let offset = o.field(m, offset, 2);
    place(m, base, offset)
}

#[inline(always)]
fn indexed_place<M: Masm>(
    m: &mut M,
    o: &mut impl Operands<M>,
    [base, index, offset, shift]: [Lane; 4],
) -> Addr {
    let (base, index) = (o.int(m, base), o.int(m, index));
    let [_, sum, other] = M::ROLES.scratch;
    let (index, shift) = match o.shift(shift) {
        Imm(shift) => (index, shift as u8),
        shift @ (Reg(_) | Mem(_)) => {
            m.int(IntOp::Shl, W32, other, index, shift);
            (Reg(other), 0)
        }
    };
    let (base, index) = (in_register(m, W32, base, sum), in_register(m, W32, index, other));
    let offset = o.field(m, offset, 2);
    m.lea(W32, sum, Addr::indexed(base, index, shift));
    place(m, sum, offset)
}

#[inline(always)]
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

#[inline(always)]
fn store_to<M: Masm>(m: &mut M, o: &mut impl Operands<M>, stored: Stored, value: Lane, at: Addr) {
    match stored {
        Ok(access) => {
            let value = o.int(m, value);
            let width = if access == Access::U64 { W64 } else { W32 };
            let value = in_register(m, width, value, M::ROLES.scratch[0]);
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

#[inline(always)]
pub(in crate::template) fn load<M: Masm>(m: &mut M, o: &mut impl Operands<M>, op: LoadOp) {
    let [dst, addr, _, offset] = Load::LANES;
    let stored = loads!(LoadOp op; LoadI32 Load8SI32 Load8UI32 Load16SI32 Load16UI32 LoadI64 Load8SI64 Load8UI64
        Load16SI64 Load16UI64 Load32SI64 Load32UI64 LoadF32 LoadF64);
    let at = plain_place(m, o, addr, offset);
    load_from(m, o, stored, dst, at);
}

#[inline(always)]
pub(in crate::template) fn load_indexed<M: Masm>(m: &mut M, o: &mut impl Operands<M>, op: LoadIndexedOp) {
    let [dst, base, index, offset, shift, _] = LoadIndexed::LANES;
    let stored = loads!(LoadIndexedOp op; LoadI32Indexed Load8SI32Indexed Load8UI32Indexed Load16SI32Indexed
        Load16UI32Indexed LoadI64Indexed Load8SI64Indexed Load8UI64Indexed Load16SI64Indexed Load16UI64Indexed
        Load32SI64Indexed Load32UI64Indexed LoadF32Indexed LoadF64Indexed);
    let at = indexed_place(m, o, [base, index, offset, shift]);
    load_from(m, o, stored, dst, at);
}

#[inline(always)]
pub(in crate::template) fn store<M: Masm>(m: &mut M, o: &mut impl Operands<M>, op: StoreOp) {
    let [addr, value, _, offset] = Store::LANES;
    let stored = stores!(StoreOp op; StoreI32 Store8I32 Store16I32 StoreI64 Store8I64 Store16I64 Store32I64 StoreF32
        StoreF64);
    let at = plain_place(m, o, addr, offset);
    store_to(m, o, stored, value, at);
}

#[inline(always)]
pub(in crate::template) fn store_indexed<M: Masm>(m: &mut M, o: &mut impl Operands<M>, op: StoreIndexedOp) {
    let [base, index, value, offset, shift, _] = StoreIndexed::LANES;
    let stored = stores!(StoreIndexedOp op; StoreI32Indexed Store8I32Indexed Store16I32Indexed StoreI64Indexed
        Store8I64Indexed Store16I64Indexed Store32I64Indexed StoreF32Indexed StoreF64Indexed);
    let at = indexed_place(m, o, [base, index, offset, shift]);
    store_to(m, o, stored, value, at);
}

#[inline(always)]
pub(in crate::template) fn memory_size<M: Masm>(m: &mut M, o: &mut impl Operands<M>) {
    let [dst, _] = MemorySize::LANES;
    let result = o.result(dst);
    m.mov(result, Mem(Addr::at(M::ROLES.context, abi::instance::MEMORY)));
    m.mov(result, Mem(Addr::at(result, abi::memory::LEN)));
    m.int(IntOp::ShrU, W64, result, Reg(result), Imm(PAGE_SIZE.ilog2().into()));
    o.define(m, dst, result);
}

/// The place of a global's value. Uses `scratch[1]`.
#[inline(always)]
fn global<M: Masm>(m: &mut M, index: Int) -> Addr {
    let cell = M::ROLES.scratch[1];
    m.mov(cell, Mem(Addr::at(M::ROLES.context, abi::instance::GLOBALS)));
    m.mov(cell, Mem(element(cell, index, 3)));
    Addr::at(cell, 0)
}

#[inline(always)]
pub(in crate::template) fn global_get<M: Masm>(m: &mut M, o: &mut impl Operands<M>) {
    let [dst, index] = GlobalGet::LANES;
    let index = o.field(m, index, 2);
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

#[inline(always)]
pub(in crate::template) fn global_set<M: Masm>(m: &mut M, o: &mut impl Operands<M>) {
    let [value, index] = GlobalSet::LANES;
    let index = o.field(m, index, 2);
    let at = global(m, index);
    if o.is_float(value) {
        match o.float(m, value) {
            Reg(r) => m.store_float(W64, at, r),
            Mem(from) => m.store_slot(at, Mem(from)),
            Imm(bits) => m.store_slot(at, Imm(bits)),
        }
    } else {
        let value = o.int(m, value);
        m.store_slot(at, value);
    }
}
