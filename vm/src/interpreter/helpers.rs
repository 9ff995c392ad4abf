//! What rows without a numeric meaning do, for any tier that calls out for them: bulk memory, tables, segments.
//!
//! Out of bounds is tested for the whole range before anything is written. Lengths and addresses are unsigned.

use bytecode_spec::isa::{
    DataDrop, ElemDrop, MemoryCopy, MemoryFill, MemoryInit, TableCopy, TableFill, TableGet, TableGrow,
    TableInit, TableSet, TableSize,
};
use bytecode_spec::slot::Slot;
use bytecode_spec::{Reg, TableIndex, TrapCause, TypeIndex};

use crate::context::{FuncRecord, InstanceContext, MemoryRecord, TableRecord};

/// Registers of the frame at hand.
fn get(fp: *mut u64, reg: Reg) -> u64 {
    // SAFETY: `fp` is a frame's, and the verifier bounded the register by its function's.
    unsafe { *fp.add(reg.index()) }
}

fn get_u32(fp: *mut u64, reg: Reg) -> u32 {
    get(fp, reg) as u32
}

fn set(fp: *mut u64, reg: Reg, slot: u64) {
    // SAFETY: as for `get`.
    unsafe { *fp.add(reg.index()) = slot }
}

fn memory(instance: &InstanceContext) -> &MemoryRecord {
    // SAFETY: contexts lead to a memory record, if only to an empty one.
    unsafe { &*instance.memory }
}

pub(crate) fn table(instance: &InstanceContext, index: TableIndex) -> &TableRecord {
    // SAFETY: the verifier bounded the index by the module's tables; the instance has a record for each.
    unsafe { &**instance.tables.add(index.index()) }
}

/// Where `count` elements at `start` lie in something of `len` elements.
fn range(start: u32, count: u32, len: usize, cause: TrapCause) -> Result<(usize, usize), TrapCause> {
    let end = start as usize + count as usize;
    if end <= len { Ok((start as usize, count as usize)) } else { Err(cause) }
}

fn memory_range(memory: &MemoryRecord, start: u32, count: u32) -> Result<(*mut u8, usize), TrapCause> {
    let (start, count) = range(start, count, memory.len.get(), TrapCause::MemoryOutOfBounds)?;
    Ok((memory.base.get().wrapping_add(start), count))
}

fn table_range(table: &TableRecord, start: u32, count: u32) -> Result<(*mut u64, usize), TrapCause> {
    let (start, count) = range(start, count, table.len.get(), TrapCause::TableOutOfBounds)?;
    Ok((table.base.get().wrapping_add(start), count))
}

#[cold]
#[inline(never)]
pub(crate) fn memory_fill(ctx: &InstanceContext, fp: *mut u64, i: MemoryFill) -> Result<(), TrapCause> {
    let (to, len) = memory_range(memory(ctx), get_u32(fp, i.to), get_u32(fp, i.len))?;
    // SAFETY: the range lies within the memory.
    unsafe { to.write_bytes(get(fp, i.value) as u8, len) };
    Ok(())
}

#[cold]
#[inline(never)]
pub(crate) fn memory_copy(ctx: &InstanceContext, fp: *mut u64, i: MemoryCopy) -> Result<(), TrapCause> {
    let len = get_u32(fp, i.len);
    let (from, _) = memory_range(memory(ctx), get_u32(fp, i.from), len)?;
    let (to, len) = memory_range(memory(ctx), get_u32(fp, i.to), len)?;
    // SAFETY: both ranges lie within the memory; `copy` allows that they overlap.
    unsafe { std::ptr::copy(from, to, len) };
    Ok(())
}

#[cold]
#[inline(never)]
pub(crate) fn memory_init(ctx: &InstanceContext, fp: *mut u64, i: MemoryInit) -> Result<(), TrapCause> {
    // SAFETY: the module and the segments live as long as the instance, and the verifier bounded the index.
    let (bytes, dropped) = unsafe {
        let bytes = &(&(*ctx.module)).module.data[i.data.index()].bytes;
        (bytes, (&(*ctx.segments).data_dropped)[i.data.index()].get())
    };
    let source = if dropped { &[][..] } else { bytes };
    let len = get_u32(fp, i.len);
    let (from, _) = range(get_u32(fp, i.from), len, source.len(), TrapCause::MemoryOutOfBounds)?;
    let (to, len) = memory_range(memory(ctx), get_u32(fp, i.to), len)?;
    // SAFETY: both ranges were tested; a module's bytes are not in a memory.
    unsafe { std::ptr::copy_nonoverlapping(source.as_ptr().add(from), to, len) };
    Ok(())
}

#[cold]
#[inline(never)]
pub(crate) fn data_drop(ctx: &InstanceContext, _fp: *mut u64, i: DataDrop) -> Result<(), TrapCause> {
    // SAFETY: the segments live as long as the instance, and the verifier bounded the index.
    unsafe { (&(*ctx.segments).data_dropped)[i.data.index()].set(true) };
    Ok(())
}

pub(crate) fn table_get(ctx: &InstanceContext, fp: *mut u64, i: TableGet) -> Result<(), TrapCause> {
    let value = table(ctx, i.table).get(get_u32(fp, i.index)).ok_or(TrapCause::TableOutOfBounds)?;
    set(fp, i.dst, value);
    Ok(())
}

pub(crate) fn table_set(ctx: &InstanceContext, fp: *mut u64, i: TableSet) -> Result<(), TrapCause> {
    let index = get_u32(fp, i.index);
    table(ctx, i.table).set(index, get(fp, i.value)).ok_or(TrapCause::TableOutOfBounds)
}

pub(crate) fn table_size(ctx: &InstanceContext, fp: *mut u64, i: TableSize) -> Result<(), TrapCause> {
    set(fp, i.dst, table(ctx, i.table).len.get() as u64);
    Ok(())
}

#[cold]
#[inline(never)]
pub(crate) fn table_grow(ctx: &InstanceContext, fp: *mut u64, i: TableGrow) -> Result<(), TrapCause> {
    let old = table(ctx, i.table).grow(get_u32(fp, i.delta), get(fp, i.value));
    set(fp, i.dst, old.map_or(-1, |len| len as i32).into_slot());
    Ok(())
}

#[cold]
#[inline(never)]
pub(crate) fn table_fill(ctx: &InstanceContext, fp: *mut u64, i: TableFill) -> Result<(), TrapCause> {
    let (to, len) = table_range(table(ctx, i.table), get_u32(fp, i.to), get_u32(fp, i.len))?;
    let value = get(fp, i.value);
    // SAFETY: the range lies within the table.
    (0..len).for_each(|i| unsafe { *to.add(i) = value });
    Ok(())
}

#[cold]
#[inline(never)]
pub(crate) fn table_copy(ctx: &InstanceContext, fp: *mut u64, i: TableCopy) -> Result<(), TrapCause> {
    let len = get_u32(fp, i.len);
    let (from, _) = table_range(table(ctx, i.from_table), get_u32(fp, i.from), len)?;
    let (to, len) = table_range(table(ctx, i.table), get_u32(fp, i.to), len)?;
    // SAFETY: both ranges lie within their tables; `copy` allows that they overlap.
    unsafe { std::ptr::copy(from, to, len) };
    Ok(())
}

#[cold]
#[inline(never)]
pub(crate) fn table_init(ctx: &InstanceContext, fp: *mut u64, i: TableInit) -> Result<(), TrapCause> {
    // SAFETY: the segments live as long as the instance, and the verifier bounded the index.
    let elements = unsafe { &(&(*ctx.segments).elements)[i.elem.index()] }.borrow();
    let len = get_u32(fp, i.len);
    let (from, _) = range(get_u32(fp, i.from), len, elements.len(), TrapCause::TableOutOfBounds)?;
    let (to, len) = table_range(table(ctx, i.table), get_u32(fp, i.to), len)?;
    // SAFETY: both ranges were tested; a segment is not in a table.
    unsafe { std::ptr::copy_nonoverlapping(elements.as_ptr().add(from), to, len) };
    Ok(())
}

#[cold]
#[inline(never)]
pub(crate) fn elem_drop(ctx: &InstanceContext, _fp: *mut u64, i: ElemDrop) -> Result<(), TrapCause> {
    // SAFETY: the segments live as long as the instance, and the verifier bounded the index.
    drop(unsafe { (&(*ctx.segments).elements)[i.elem.index()].take() });
    Ok(())
}

/// The function that an indirect call goes to.
#[inline(always)]
pub(crate) fn indirect_callee(
    ctx: &InstanceContext,
    table_index: TableIndex,
    index: u32,
    ty: TypeIndex,
) -> Result<*const FuncRecord, TrapCause> {
    let slot = table(ctx, table_index).get(index).ok_or(TrapCause::TableOutOfBounds)?;
    let record = slot as *const FuncRecord;
    // SAFETY: elements of a funcref table are null or records that live as long as the store; the module has as many
    // signatures as types.
    unsafe {
        if record.is_null() {
            Err(TrapCause::IndirectCallToNull)
        } else if (*record).signature == *ctx.signatures.add(ty.index()) {
            Ok(record)
        } else {
            Err(TrapCause::IndirectCallTypeMismatch)
        }
    }
}
