//! Loads, stores and tables.

use bytecode_spec::isa::{
    Load, LoadIndexed, LoadIndexedOp, LoadOp, MemorySize, Store, StoreIndexed, StoreIndexedOp, StoreOp,
    TableGet, TableSet, TableSize,
};
use bytecode_spec::limits::PAGE_SIZE;
use bytecode_spec::{Reg, TableIndex, TrapCause, ValType};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::types::{F32, F64, I8, I16, I32, I64};
use cranelift_codegen::ir::{InstBuilder, MemFlagsData, TrapCode, Type, Value};

use super::translate::Translator;
use super::values::{self, Region};
use crate::abi;

/// How a value lies in memory: its type there, and whether a load extends its sign.
#[derive(Clone, Copy)]
struct Access(Type, bool);

macro_rules! loads {
    ($ops:ident $op:expr; $i32:ident $s8:ident $u8:ident $s16:ident $u16:ident $i64:ident $s8w:ident $u8w:ident $s16w:ident
        $u16w:ident $s32w:ident $u32w:ident $f32:ident $f64:ident) => {
        match $op {
            $ops::$i32 | $ops::$u32w => Access(I32, false),
            $ops::$s8 | $ops::$s8w => Access(I8, true),
            $ops::$u8 | $ops::$u8w => Access(I8, false),
            $ops::$s16 | $ops::$s16w => Access(I16, true),
            $ops::$u16 | $ops::$u16w => Access(I16, false),
            $ops::$i64 => Access(I64, false),
            $ops::$s32w => Access(I32, true),
            $ops::$f32 => Access(F32, false),
            $ops::$f64 => Access(F64, false),
        }
    };
}

macro_rules! stores {
    ($ops:ident $op:expr; $i32:ident $s8:ident $s16:ident $i64:ident $s8w:ident $s16w:ident $s32w:ident $f32:ident
        $f64:ident) => {
        match $op {
            $ops::$i32 | $ops::$s32w => I32,
            $ops::$s8 | $ops::$s8w => I8,
            $ops::$s16 | $ops::$s16w => I16,
            $ops::$i64 => I64,
            $ops::$f32 => F32,
            $ops::$f64 => F64,
        }
    };
}

/// Codes that tell the accesses of a function apart, together with the instructions that machine code belongs to.
pub(super) const CODES: usize = 248;

impl Translator<'_, '_> {
    /// Flags of an access of the current instruction. Where the code generator lets another instruction do the access, the code
    /// still tells whose it is.
    fn access(&mut self) -> MemFlagsData {
        let code = TrapCode::user((self.accesses.len() % CODES + 1) as u8);
        self.accesses.push(self.locations.len() as u32 - 1);
        MemFlagsData::new().with_trap_code(code).with_alias_region(self.flags(Region::Memory).alias_region())
    }

    /// The place at an address, and what is to be added to it. That the sum may have 64 bits, which spares the machine an instruction,
    /// is [found later](super::addresses).
    fn place(&mut self, address: Value, offset: u32) -> (Value, i32) {
        let memory = self.load_constant(self.context, abi::instance::MEMORY);
        let base = self.load_constant(memory, abi::memory::BASE);
        let (place, offset) = match values::constant(&self.b.func.dfg, address) {
            Some(address) => (base, address + u64::from(offset)),
            None => (self.place_behind(base, address), u64::from(offset)),
        };
        match i32::try_from(offset) {
            Ok(offset) => (place, offset),
            Err(_) => (self.plus(place, offset as i64), 0),
        }
    }

    /// The place at an address in the memory that starts at `base`.
    fn place_behind(&mut self, base: Value, address: Value) -> Value {
        if let Some(&known) = self.places.get(&address) {
            return known;
        }
        let extended = self.b.ins().uextend(I64, address);
        let place = self.b.ins().iadd(base, extended);
        self.places.insert(address, place);
        place
    }

    fn indexed_place(&mut self, base: Reg, index: Reg, shift: u16, offset: u32) -> (Value, i32) {
        let (base, index) = (self.get(base), self.get(index));
        let index = self.shifted(index, u32::from(shift));
        let address = match values::constant(&self.b.func.dfg, base) {
            Some(base) => self.plus(index, base as i64),
            None => self.b.ins().iadd(base, index),
        };
        self.place(address, offset)
    }

    fn load_from(&mut self, access: Access, dst: Reg, (place, offset): (Value, i32)) {
        let flags = self.access();
        let Access(ty, is_signed) = access;
        let wanted = super::values::type_of(self.type_of(dst));
        let ins = self.b.ins();
        let value = match (ty, is_signed) {
            (I8, false) => ins.uload8(wanted, flags, place, offset),
            (I8, true) => ins.sload8(wanted, flags, place, offset),
            (I16, false) => ins.uload16(wanted, flags, place, offset),
            (I16, true) => ins.sload16(wanted, flags, place, offset),
            (I32, false) if wanted == I64 => ins.uload32(flags, place, offset),
            (I32, true) if wanted == I64 => ins.sload32(flags, place, offset),
            _ => ins.load(ty, flags, place, offset),
        };
        self.set(dst, value);
    }

    fn store_to(&mut self, ty: Type, value: Reg, (place, offset): (Value, i32)) {
        let flags = self.access();
        let whole = super::values::type_of(self.type_of(value));
        let value = self.get(value);
        let value = if ty == whole { value } else { self.b.ins().ireduce(ty, value) };
        self.b.ins().store(flags, value, place, offset);
    }

    pub(super) fn load(&mut self, op: LoadOp, i: Load) {
        let access = loads!(LoadOp op; LoadI32 Load8SI32 Load8UI32 Load16SI32 Load16UI32 LoadI64 Load8SI64 Load8UI64
            Load16SI64 Load16UI64 Load32SI64 Load32UI64 LoadF32 LoadF64);
        let address = self.get(i.addr);
        let place = self.place(address, i.offset);
        self.load_from(access, i.dst, place);
    }

    pub(super) fn load_indexed(&mut self, op: LoadIndexedOp, i: LoadIndexed) {
        let access = loads!(LoadIndexedOp op; LoadI32Indexed Load8SI32Indexed Load8UI32Indexed Load16SI32Indexed
            Load16UI32Indexed LoadI64Indexed Load8SI64Indexed Load8UI64Indexed Load16SI64Indexed Load16UI64Indexed
            Load32SI64Indexed Load32UI64Indexed LoadF32Indexed LoadF64Indexed);
        let place = self.indexed_place(i.base, i.index, i.shift, i.offset);
        self.load_from(access, i.dst, place);
    }

    pub(super) fn store(&mut self, op: StoreOp, i: Store) {
        let ty = stores!(StoreOp op; StoreI32 Store8I32 Store16I32 StoreI64 Store8I64 Store16I64 Store32I64 StoreF32
            StoreF64);
        let address = self.get(i.addr);
        let place = self.place(address, i.offset);
        self.store_to(ty, i.value, place);
    }

    pub(super) fn store_indexed(&mut self, op: StoreIndexedOp, i: StoreIndexed) {
        let ty = stores!(StoreIndexedOp op; StoreI32Indexed Store8I32Indexed Store16I32Indexed StoreI64Indexed
            Store8I64Indexed Store16I64Indexed Store32I64Indexed StoreF32Indexed StoreF64Indexed);
        let place = self.indexed_place(i.base, i.index, i.shift, i.offset);
        self.store_to(ty, i.value, place);
    }

    pub(super) fn memory_size(&mut self, i: MemorySize) {
        let memory = self.load_constant(self.context, abi::instance::MEMORY);
        let bytes = self.load_word(Region::Store, memory, abi::memory::LEN);
        let bits = self.number(bytes, i64::from(PAGE_SIZE.ilog2()));
        let pages = self.b.ins().ushr(bytes, bits);
        let pages = self.b.ins().ireduce(I32, pages);
        self.set(i.dst, pages);
    }

    /// The place of a table's element; traps beyond the end.
    pub(super) fn table_place(&mut self, table: TableIndex, index: Value) -> Value {
        let record = self.element(abi::instance::TABLES, table.0);
        let len = self.load_word(Region::Tables, record, abi::table::LEN);
        let index = self.b.ins().uextend(I64, index);
        let is_beyond = self.b.ins().icmp(IntCC::UnsignedGreaterThanOrEqual, index, len);
        self.trap_if(is_beyond, TrapCause::TableOutOfBounds);
        let base = self.load_word(Region::Tables, record, abi::table::BASE);
        let offset = self.shifted(index, 3);
        self.b.ins().iadd(base, offset)
    }

    pub(super) fn table_get(&mut self, i: TableGet) {
        let index = self.get(i.index);
        let place = self.table_place(i.table, index);
        let value = self.load_slot(Region::Tables, ValType::I64, place, 0);
        self.set(i.dst, value);
    }

    pub(super) fn table_set(&mut self, i: TableSet) {
        let (index, value) = (self.get(i.index), self.get(i.value));
        let place = self.table_place(i.table, index);
        self.store_word(Region::Tables, value, place, 0);
    }

    pub(super) fn table_size(&mut self, i: TableSize) {
        let record = self.element(abi::instance::TABLES, i.table.0);
        let len = self.load_word(Region::Tables, record, abi::table::LEN);
        let len = self.b.ins().ireduce(I32, len);
        self.set(i.dst, len);
    }
}
