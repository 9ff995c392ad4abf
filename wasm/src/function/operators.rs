//! Instructions without control flow, one method for each kind; which WebAssembly instruction is which opcode.

use bytecode_spec::isa::{
    Binary, BinaryImm, DataDrop, ElemDrop, GlobalGet, GlobalSet, Load, LoadIndexed, MemoryCopy, MemoryFill,
    MemoryGrow, MemoryInit, MemorySize, RefFunc, RefIsNull, Select, Store, StoreIndexed, TableCopy,
    TableFill, TableGet, TableGrow, TableInit, TableSet, TableSize, Unary,
};
use bytecode_spec::meaning::{Meaning, meaning};
use bytecode_spec::{DataIndex, ElemIndex, FuncIndex, GlobalIndex, Op, Reg, ShapeKind, TableIndex, ValType};
use wasmparser::MemArg;

use super::FunctionTranslator;
use super::stack::{Base, Entry, Part};

/// The type of what an opcode writes.
#[inline(always)]
fn result_type(op: Op) -> ValType {
    let rule = op.info().operands()[0].rule.expect("a numeric opcode has a result");
    rule.fixed().expect("of one type")
}

/// Computes with constants.
fn fold(op: Op, inputs: &[u64]) -> Option<Entry> {
    match meaning(op) {
        // What traps, traps when it runs.
        Meaning::Value(f) => f(inputs).ok().map(|bits| Entry::Const(result_type(op), bits)),
        Meaning::Test(_) | Meaning::Load(..) | Meaning::Store(_) | Meaning::Other => None,
    }
}

impl FunctionTranslator<'_> {
    pub(super) fn constant(&mut self, ty: ValType, bits: u64) {
        self.push(Entry::Const(ty, bits));
    }

    fn unary(&mut self, op: Op) {
        let entry = self.pop();
        if let Entry::Const(_, bits) = entry
            && let Some(folded) = fold(op, &[bits])
        {
            return self.push(folded);
        }
        if op == Op::EqzI32 && self.invert_comparison(entry) {
            return self.push(entry);
        }
        let a = self.part(entry);
        self.release(a);
        let dst = self.push_result(result_type(op));
        self.code.define(dst, |code| Unary::encode(code, op, dst, a.reg));
    }

    /// Turns the comparison that gave an operand around, if it can be: nothing else reads its result.
    fn invert_comparison(&mut self, entry: Entry) -> bool {
        let Entry::Own(reg) = entry else { return false };
        let comparison = self.code.latest(reg).map(|(op, _)| op);
        let Some(inverse) = comparison.and_then(Op::inverse) else { return false };
        self.code.replace_op(inverse);
        true
    }

    fn binary(&mut self, op: Op) {
        let b = self.pop();
        let a = self.pop();
        self.binary_of(op, a, b);
    }

    fn binary_of(&mut self, op: Op, a: Entry, b: Entry) {
        let (op, a, b) = match (a, b, op.mirrored()) {
            (Entry::Const(_, x), Entry::Const(_, y), _) => {
                if let Some(folded) = fold(op, &[x, y]) {
                    return self.push(folded);
                }
                (op, a, b)
            }
            (Entry::Const(..), _, Some(mirrored)) => (mirrored, b, a),
            _ => (op, a, b),
        };
        let ty = result_type(op);
        if let Entry::Const(_, bits) = b
            && let Some(op) = op.in_shape(ShapeKind::BinaryImm)
        {
            let a = self.part(a);
            self.release(a);
            let dst = self.push_result(ty);
            return self.code.define(dst, |code| BinaryImm::encode(code, op, dst, a.reg, bits));
        }
        let (a, b) = (self.part(a), self.part(b));
        self.release(b);
        self.release(a);
        let dst = self.push_result(ty);
        self.code.define(dst, |code| Binary::encode(code, op, dst, a.reg, b.reg));
    }

    /// A sum, which may be an address: it is computed when something else than a load or store wants it.
    fn add_i32(&mut self) {
        let b = self.pop();
        let a = self.pop();
        let (base, index) = match (a, b) {
            (Entry::Const(..), Entry::Const(..)) => return self.binary_of(Op::AddI32, a, b),
            // A constant, and a sum without a base.
            (Entry::Const(..), _) => (a, b),
            (_, Entry::Const(..)) => (b, a),
            (Entry::Sum { base: Base::None, .. }, _) => (b, a),
            _ => (a, b),
        };
        let base = match base {
            Entry::Const(_, bits) => Base::Const(bits as u32),
            Entry::Shared(_) | Entry::Own(_) | Entry::Sum { .. } => Base::Reg(self.part(base)),
        };
        let (index, shift) = match index {
            Entry::Sum { base: Base::None, index, shift } => (index, shift),
            Entry::Sum { .. } | Entry::Shared(_) | Entry::Own(_) | Entry::Const(..) => (self.part(index), 0),
        };
        self.push_sum(base, index, shift);
    }

    /// A shift, which may scale an index.
    fn shl_i32(&mut self) {
        let b = self.pop();
        let a = self.pop();
        match (a, b) {
            (Entry::Shared(_) | Entry::Own(_) | Entry::Sum { .. }, Entry::Const(_, bits @ 1..=3)) => {
                let index = self.part(a);
                self.push_sum(Base::None, index, bits as u8);
            }
            _ => self.binary_of(Op::ShlI32, a, b),
        }
    }

    fn push_sum(&mut self, base: Base, index: Part, shift: u8) {
        for part in base.part().into_iter().chain([index]) {
            if !part.own && self.registers.is_local(part.reg) {
                self.uses[part.reg.index()] += 1;
            }
        }
        self.push(Entry::Sum { base, index, shift });
    }

    fn load(&mut self, op: Op, memarg: MemArg) {
        // A memory of 32-bit addresses has offsets of 32 bits; validation saw to it.
        let offset = memarg.offset as u32;
        let entry = self.pop();
        if let Some((base, index, shift)) = self.indexed(entry) {
            let op = op.in_shape(ShapeKind::LoadIndexed).expect("every load has an indexed form");
            self.release_entry(entry);
            let dst = self.push_result(result_type(op));
            return self.code.define(dst, |code| {
                LoadIndexed::encode(code, op, dst, base, index, offset, shift, 0);
            });
        }
        let (addr, offset) = self.address(entry, offset);
        self.release(addr);
        let dst = self.push_result(result_type(op));
        self.code.define(dst, |code| Load::encode(code, op, dst, addr.reg, 0, offset));
    }

    fn store(&mut self, op: Op, memarg: MemArg) {
        let offset = memarg.offset as u32;
        let value = self.pop_part();
        let entry = self.pop();
        if let Some((base, index, shift)) = self.indexed(entry) {
            let op = op.in_shape(ShapeKind::StoreIndexed).expect("every store has an indexed form");
            self.code.emit(|code| StoreIndexed::encode(code, op, base, index, value.reg, offset, shift, 0));
            self.release(value);
            return self.release_entry(entry);
        }
        let (addr, offset) = self.address(entry, offset);
        self.code.emit(|code| Store::encode(code, op, addr.reg, value.reg, 0, offset));
        self.release(value);
        self.release(addr);
    }

    /// Base, index and shift of an indexed address, if that is what an address is best used as.
    fn indexed(&mut self, entry: Entry) -> Option<(Reg, Reg, u16)> {
        let Entry::Sum { base, index, shift } = entry else { return None };
        let base = match base {
            Base::Reg(base) => base.reg,
            Base::None => self.registers.zero(ValType::I32),
            Base::Const(bits) => match self.lasting_constant(ValType::I32, bits.into()) {
                Some(reg) => reg,
                // Loading the constant costs as much as adding it.
                None if shift == 0 => return None,
                None => {
                    let reg = self.registers.take(ValType::I32);
                    self.define_const(reg, ValType::I32, bits.into());
                    // Read by the instruction that follows at once.
                    self.registers.give(reg);
                    reg
                }
            },
        };
        Some((base, index.reg, shift.into()))
    }

    /// The register and offset of an address that is no sum. A constant one becomes part of the offset; where the two do not
    /// fit 32 bits together, they must not wrap.
    fn address(&mut self, entry: Entry, offset: u32) -> (Part, u32) {
        if let Entry::Const(_, bits) = entry
            && let Some(offset) = offset.checked_add(bits as u32)
        {
            return (Part { reg: self.registers.zero(ValType::I32), own: false }, offset);
        }
        (self.part(entry), offset)
    }

    pub(super) fn drop_(&mut self) {
        let entry = self.pop();
        if let Entry::Own(reg) = entry
            && let Some((op, _)) = self.code.latest(reg)
            && op.info().effects.has(bytecode_spec::Effect::Pure)
        {
            self.code.retract();
        }
        self.release_entry(entry);
    }

    pub(super) fn select(&mut self) {
        let condition = self.pop();
        let b = self.pop();
        let a = self.pop();
        let ty = self.type_of(a);
        let (a, b, condition) = (self.part(a), self.part(b), self.part(condition));
        [condition, b, a].into_iter().for_each(|part| self.release(part));
        let dst = self.push_result(ty);
        self.code.define(dst, |code| Select::encode(code, Op::Select, dst, a.reg, b.reg, condition.reg));
    }

    pub(super) fn local_get(&mut self, local: u32) {
        self.push_local(Reg(local as u16));
    }

    pub(super) fn local_set(&mut self, local: u32) {
        let entry = self.pop();
        self.set_local(Reg(local as u16), entry);
    }

    pub(super) fn local_tee(&mut self, local: u32) {
        let (local, entry) = (Reg(local as u16), self.pop());
        self.set_local(local, entry);
        if let Entry::Const(..) = entry {
            self.push(entry);
        } else {
            self.push_local(local);
        }
    }

    /// Sets a local to an operand that was popped, best by the instruction that computed it.
    fn set_local(&mut self, local: Reg, entry: Entry) {
        self.preserve(local);
        match entry {
            Entry::Own(reg) if self.code.latest_defines(reg) => self.code.redirect(local),
            Entry::Own(_) | Entry::Shared(_) | Entry::Const(..) | Entry::Sum { .. } => {
                self.compute_into(local, entry);
            }
        }
        self.release_entry(entry);
    }

    pub(super) fn global_get(&mut self, global: GlobalIndex) {
        let dst = self.push_result(self.declared.globals[global.index()]);
        self.code.define(dst, |code| GlobalGet::encode(code, Op::GlobalGet, dst, global));
    }

    pub(super) fn global_set(&mut self, global: GlobalIndex) {
        let value = self.pop_part();
        self.code.emit(|code| GlobalSet::encode(code, Op::GlobalSet, value.reg, global));
        self.release(value);
    }

    pub(super) fn memory_size(&mut self) {
        let dst = self.push_result(ValType::I32);
        self.code.define(dst, |code| MemorySize::encode(code, Op::MemorySize, dst, 0));
    }

    pub(super) fn memory_grow(&mut self) {
        let delta = self.pop_part();
        self.release(delta);
        let dst = self.push_result(ValType::I32);
        self.code.define(dst, |code| MemoryGrow::encode(code, Op::MemoryGrow, dst, delta.reg, 0));
    }

    /// Pops the operands of a bulk operation and emits it.
    fn bulk(&mut self, encode: impl FnOnce(&mut Vec<u64>, Reg, Reg, Reg)) {
        let c = self.pop();
        let b = self.pop();
        let a = self.pop();
        let (a, b, c) = (self.part(a), self.part(b), self.part(c));
        self.code.emit(|code| encode(code, a.reg, b.reg, c.reg));
        [c, b, a].into_iter().for_each(|part| self.release(part));
    }

    pub(super) fn memory_fill(&mut self) {
        self.bulk(|code, to, value, len| MemoryFill::encode(code, Op::MemoryFill, to, value, len, 0));
    }

    pub(super) fn memory_copy(&mut self) {
        self.bulk(|code, to, from, len| MemoryCopy::encode(code, Op::MemoryCopy, to, from, len, 0, 0));
    }

    pub(super) fn memory_init(&mut self, data: DataIndex) {
        self.bulk(|code, to, from, len| MemoryInit::encode(code, Op::MemoryInit, to, from, len, 0, data));
    }

    pub(super) fn data_drop(&mut self, data: DataIndex) {
        self.code.emit(|code| DataDrop::encode(code, Op::DataDrop, data));
    }

    pub(super) fn table_get(&mut self, table: TableIndex) {
        let index = self.pop_part();
        self.release(index);
        let dst = self.push_result(self.declared.tables[table.index()]);
        self.code.define(dst, |code| TableGet::encode(code, Op::TableGet, dst, index.reg, table));
    }

    pub(super) fn table_set(&mut self, table: TableIndex) {
        let value = self.pop();
        let index = self.pop();
        let (index, value) = (self.part(index), self.part(value));
        self.code.emit(|code| TableSet::encode(code, Op::TableSet, index.reg, value.reg, table));
        self.release(value);
        self.release(index);
    }

    pub(super) fn table_size(&mut self, table: TableIndex) {
        let dst = self.push_result(ValType::I32);
        self.code.define(dst, |code| TableSize::encode(code, Op::TableSize, dst, table));
    }

    pub(super) fn table_grow(&mut self, table: TableIndex) {
        let delta = self.pop();
        let value = self.pop();
        let (value, delta) = (self.part(value), self.part(delta));
        self.release(delta);
        self.release(value);
        let dst = self.push_result(ValType::I32);
        self.code
            .define(dst, |code| TableGrow::encode(code, Op::TableGrow, dst, value.reg, delta.reg, table));
    }

    pub(super) fn table_fill(&mut self, table: TableIndex) {
        self.bulk(|code, to, value, len| TableFill::encode(code, Op::TableFill, to, value, len, table));
    }

    pub(super) fn table_copy(&mut self, to: TableIndex, from: TableIndex) {
        self.bulk(|code, at, source, len| TableCopy::encode(code, Op::TableCopy, at, source, len, to, from));
    }

    pub(super) fn table_init(&mut self, table: TableIndex, elem: ElemIndex) {
        self.bulk(|code, to, from, len| TableInit::encode(code, Op::TableInit, to, from, len, table, elem));
    }

    pub(super) fn elem_drop(&mut self, elem: ElemIndex) {
        self.code.emit(|code| ElemDrop::encode(code, Op::ElemDrop, elem));
    }

    pub(super) fn ref_is_null(&mut self) {
        let entry = self.pop();
        if let Entry::Const(..) = entry {
            return self.push(Entry::Const(ValType::I32, 1));
        }
        let a = self.part(entry);
        self.release(a);
        let dst = self.push_result(ValType::I32);
        self.code.define(dst, |code| RefIsNull::encode(code, Op::RefIsNull, dst, a.reg));
    }

    pub(super) fn ref_func(&mut self, func: FuncIndex) {
        let dst = self.push_result(ValType::FuncRef);
        self.code.define(dst, |code| RefFunc::encode(code, Op::RefFunc, dst, func));
    }
}

/// Methods for numeric instructions and accesses to memory, which differ in their opcode only.
macro_rules! operators {
    ($($method:ident $args:tt { $($visit:ident $op:ident)* })*) => {
        impl FunctionTranslator<'_> { $($( operators! { @one $method $args $visit $op } )*)* }
    };
    (@one $method:ident ($($arg:ident: $ty:ty)?) $visit:ident $op:ident) => {
        #[inline]
        pub(super) fn $visit(&mut self $(, $arg: $ty)?) {
            self.$method(Op::$op $(, $arg)?);
        }
    };
}

operators! {
    unary() {
        visit_i32_clz ClzI32
        visit_i32_ctz CtzI32
        visit_i32_popcnt PopcntI32
        visit_i32_extend8_s Extend8SI32
        visit_i32_extend16_s Extend16SI32
        visit_i32_eqz EqzI32
        visit_i64_clz ClzI64
        visit_i64_ctz CtzI64
        visit_i64_popcnt PopcntI64
        visit_i64_extend8_s Extend8SI64
        visit_i64_extend16_s Extend16SI64
        visit_i64_extend32_s Extend32SI64
        visit_i64_eqz EqzI64
        visit_f32_abs AbsF32
        visit_f32_neg NegF32
        visit_f32_ceil CeilF32
        visit_f32_floor FloorF32
        visit_f32_trunc TruncF32
        visit_f32_nearest NearestF32
        visit_f32_sqrt SqrtF32
        visit_f64_abs AbsF64
        visit_f64_neg NegF64
        visit_f64_ceil CeilF64
        visit_f64_floor FloorF64
        visit_f64_trunc TruncF64
        visit_f64_nearest NearestF64
        visit_f64_sqrt SqrtF64
        visit_i32_wrap_i64 WrapI32I64
        visit_i64_extend_i32_s ExtendSI64I32
        visit_i64_extend_i32_u ExtendUI64I32
        visit_i32_trunc_f32_s TruncSI32F32
        visit_i32_trunc_f32_u TruncUI32F32
        visit_i32_trunc_f64_s TruncSI32F64
        visit_i32_trunc_f64_u TruncUI32F64
        visit_i64_trunc_f32_s TruncSI64F32
        visit_i64_trunc_f32_u TruncUI64F32
        visit_i64_trunc_f64_s TruncSI64F64
        visit_i64_trunc_f64_u TruncUI64F64
        visit_i32_trunc_sat_f32_s TruncSatSI32F32
        visit_i32_trunc_sat_f32_u TruncSatUI32F32
        visit_i32_trunc_sat_f64_s TruncSatSI32F64
        visit_i32_trunc_sat_f64_u TruncSatUI32F64
        visit_i64_trunc_sat_f32_s TruncSatSI64F32
        visit_i64_trunc_sat_f32_u TruncSatUI64F32
        visit_i64_trunc_sat_f64_s TruncSatSI64F64
        visit_i64_trunc_sat_f64_u TruncSatUI64F64
        visit_f32_convert_i32_s ConvertSF32I32
        visit_f32_convert_i32_u ConvertUF32I32
        visit_f32_convert_i64_s ConvertSF32I64
        visit_f32_convert_i64_u ConvertUF32I64
        visit_f64_convert_i32_s ConvertSF64I32
        visit_f64_convert_i32_u ConvertUF64I32
        visit_f64_convert_i64_s ConvertSF64I64
        visit_f64_convert_i64_u ConvertUF64I64
        visit_f32_demote_f64 DemoteF32F64
        visit_f64_promote_f32 PromoteF64F32
        visit_i32_reinterpret_f32 ReinterpretI32F32
        visit_i64_reinterpret_f64 ReinterpretI64F64
        visit_f32_reinterpret_i32 ReinterpretF32I32
        visit_f64_reinterpret_i64 ReinterpretF64I64
    }
    binary() {
        visit_i32_sub SubI32
        visit_i32_mul MulI32
        visit_i32_div_s DivSI32
        visit_i32_div_u DivUI32
        visit_i32_rem_s RemSI32
        visit_i32_rem_u RemUI32
        visit_i32_and AndI32
        visit_i32_or OrI32
        visit_i32_xor XorI32
        visit_i32_shr_s ShrSI32
        visit_i32_shr_u ShrUI32
        visit_i32_rotl RotlI32
        visit_i32_rotr RotrI32
        visit_i32_eq EqI32
        visit_i32_ne NeI32
        visit_i32_lt_s LtSI32
        visit_i32_lt_u LtUI32
        visit_i32_gt_s GtSI32
        visit_i32_gt_u GtUI32
        visit_i32_le_s LeSI32
        visit_i32_le_u LeUI32
        visit_i32_ge_s GeSI32
        visit_i32_ge_u GeUI32
        visit_i64_add AddI64
        visit_i64_sub SubI64
        visit_i64_mul MulI64
        visit_i64_div_s DivSI64
        visit_i64_div_u DivUI64
        visit_i64_rem_s RemSI64
        visit_i64_rem_u RemUI64
        visit_i64_and AndI64
        visit_i64_or OrI64
        visit_i64_xor XorI64
        visit_i64_shl ShlI64
        visit_i64_shr_s ShrSI64
        visit_i64_shr_u ShrUI64
        visit_i64_rotl RotlI64
        visit_i64_rotr RotrI64
        visit_i64_eq EqI64
        visit_i64_ne NeI64
        visit_i64_lt_s LtSI64
        visit_i64_lt_u LtUI64
        visit_i64_gt_s GtSI64
        visit_i64_gt_u GtUI64
        visit_i64_le_s LeSI64
        visit_i64_le_u LeUI64
        visit_i64_ge_s GeSI64
        visit_i64_ge_u GeUI64
        visit_f32_add AddF32
        visit_f32_sub SubF32
        visit_f32_mul MulF32
        visit_f32_div DivF32
        visit_f32_min MinF32
        visit_f32_max MaxF32
        visit_f32_copysign CopysignF32
        visit_f32_eq EqF32
        visit_f32_ne NeF32
        visit_f32_lt LtF32
        visit_f32_gt GtF32
        visit_f32_le LeF32
        visit_f32_ge GeF32
        visit_f64_add AddF64
        visit_f64_sub SubF64
        visit_f64_mul MulF64
        visit_f64_div DivF64
        visit_f64_min MinF64
        visit_f64_max MaxF64
        visit_f64_copysign CopysignF64
        visit_f64_eq EqF64
        visit_f64_ne NeF64
        visit_f64_lt LtF64
        visit_f64_gt GtF64
        visit_f64_le LeF64
        visit_f64_ge GeF64
    }
    load(memarg: MemArg) {
        visit_i32_load LoadI32
        visit_i32_load8_s Load8SI32
        visit_i32_load8_u Load8UI32
        visit_i32_load16_s Load16SI32
        visit_i32_load16_u Load16UI32
        visit_i64_load LoadI64
        visit_i64_load8_s Load8SI64
        visit_i64_load8_u Load8UI64
        visit_i64_load16_s Load16SI64
        visit_i64_load16_u Load16UI64
        visit_i64_load32_s Load32SI64
        visit_i64_load32_u Load32UI64
        visit_f32_load LoadF32
        visit_f64_load LoadF64
    }
    store(memarg: MemArg) {
        visit_i32_store StoreI32
        visit_i32_store8 Store8I32
        visit_i32_store16 Store16I32
        visit_i64_store StoreI64
        visit_i64_store8 Store8I64
        visit_i64_store16 Store16I64
        visit_i64_store32 Store32I64
        visit_f32_store StoreF32
        visit_f64_store StoreF64
    }
}

impl FunctionTranslator<'_> {
    #[inline]
    pub(super) fn visit_i32_add(&mut self) {
        self.add_i32();
    }

    #[inline]
    pub(super) fn visit_i32_shl(&mut self) {
        self.shl_i32();
    }
}
