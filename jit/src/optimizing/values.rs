//! Registers, words of memory, and constants as values.

use bytecode_spec::{Reg, ValType};
use cranelift_codegen::ir::immediates::{Ieee32, Ieee64};
use cranelift_codegen::ir::types::{F32, F64, I32, I64};
use cranelift_codegen::ir::{InstBuilder, MemFlagsData, Type, Value};
use cranelift_frontend::Variable;

use super::translate::Translator;
use crate::abi;

/// What lies in memory apart from each other, so that writes to one leave reads of the others alone.
#[derive(Clone, Copy, Debug)]
pub(super) enum Region {
    Frame,
    Store,
    Memory,
    Globals,
    Tables,
}

/// The type of a register's values.
pub(super) fn type_of(ty: ValType) -> Type {
    match ty {
        ValType::I32 => I32,
        ValType::I64 | ValType::FuncRef | ValType::ExternRef => I64,
        ValType::F32 => F32,
        ValType::F64 => F64,
    }
}

impl Translator<'_, '_> {
    /// The value of a register.
    pub(super) fn get(&mut self, reg: Reg) -> Value {
        if let Some(bits) = self.scope.constants[reg.index()] {
            return self.constant(self.type_of(reg), bits);
        }
        self.b.use_var(Variable::from_u32(self.scope.first_variable + u32::from(reg.0)))
    }

    pub(super) fn set(&mut self, reg: Reg, value: Value) {
        self.b.def_var(Variable::from_u32(self.scope.first_variable + u32::from(reg.0)), value);
    }

    pub(super) fn type_of(&self, reg: Reg) -> ValType {
        self.scope.function.registers[reg.index()]
    }

    /// Words of the current function's frame, in bytes.
    pub(super) fn frame_bytes(&self) -> i32 {
        self.scope.frame_words as i32 * 8
    }

    /// Where the frame's registers are; of the frame of the function whose code it is.
    pub(super) fn frame(&mut self) -> Value {
        let frame = self.b.ins().get_pinned_reg(I64);
        self.moved(frame, -self.target.frame_bias())
    }

    /// The frame whose registers are there, as code has it in the pinned register, and in headers.
    pub(super) fn frame_at(&mut self, registers: Value) -> Value {
        self.moved(registers, self.target.frame_bias())
    }

    fn moved(&mut self, pointer: Value, bytes: i32) -> Value {
        if bytes == 0 { pointer } else { self.b.ins().iadd_imm_s(pointer, i64::from(bytes)) }
    }

    /// Bytes from there to the frame of what the current function calls.
    pub(super) fn callee(&self) -> i32 {
        self.scope.offset + self.frame_bytes()
    }

    /// Flags of accesses that neither trap nor depend on what other regions hold.
    pub(super) fn flags(&self, region: Region) -> MemFlagsData {
        MemFlagsData::trusted().with_alias_region(Some(self.regions[region as usize]))
    }

    pub(super) fn load_word(&mut self, region: Region, base: Value, offset: i32) -> Value {
        let flags = self.flags(region);
        self.b.ins().load(I64, flags, base, offset)
    }

    pub(super) fn store_word(&mut self, region: Region, value: Value, base: Value, offset: i32) {
        let flags = self.flags(region);
        self.b.ins().store(flags, value, base, offset);
    }

    /// A word that never changes while the function runs.
    pub(super) fn load_constant(&mut self, base: Value, offset: i32) -> Value {
        self.load_constant_of(I64, base, offset)
    }

    pub(super) fn load_constant_of(&mut self, ty: Type, base: Value, offset: i32) -> Value {
        let flags = MemFlagsData::trusted().with_readonly().with_can_move();
        self.b.ins().load(ty, flags, base, offset)
    }

    pub(super) fn store_context(&mut self) -> Value {
        self.load_constant(self.context, abi::instance::STORE)
    }

    /// Element `index` of pointers that the instance context leads to.
    pub(super) fn element(&mut self, of: i32, index: u32) -> Value {
        let all = self.load_constant(self.context, of);
        self.load_constant(all, index as i32 * 8)
    }

    /// The bits of a value as a frame has them.
    pub(super) fn bits_of(&mut self, value: Value, ty: ValType) -> Value {
        match ty {
            ValType::I32 => self.b.ins().uextend(I64, value),
            ValType::I64 | ValType::FuncRef | ValType::ExternRef => value,
            ValType::F32 => {
                let bits = self.b.ins().bitcast(I32, MemFlagsData::new(), value);
                self.b.ins().uextend(I64, bits)
            }
            ValType::F64 => self.b.ins().bitcast(I64, MemFlagsData::new(), value),
        }
    }

    pub(super) fn value_of_bits(&mut self, bits: Value, ty: ValType) -> Value {
        match ty {
            ValType::I32 => self.b.ins().ireduce(I32, bits),
            ValType::I64 | ValType::FuncRef | ValType::ExternRef => bits,
            ValType::F32 => {
                let bits = self.b.ins().ireduce(I32, bits);
                self.b.ins().bitcast(F32, MemFlagsData::new(), bits)
            }
            ValType::F64 => self.b.ins().bitcast(F64, MemFlagsData::new(), bits),
        }
    }

    /// Writes a value to a place of eight bytes.
    pub(super) fn store_slot(&mut self, region: Region, value: Value, ty: ValType, base: Value, offset: i32) {
        // The upper half is zero.
        let value = if matches!(ty, ValType::F64) { value } else { self.bits_of(value, ty) };
        self.store_word(region, value, base, offset);
    }

    /// Reads a value from a place of eight bytes.
    pub(super) fn load_slot(&mut self, region: Region, ty: ValType, base: Value, offset: i32) -> Value {
        let flags = self.flags(region);
        self.b.ins().load(type_of(ty), flags, base, offset)
    }

    /// Reads a register from the frame.
    pub(super) fn load_register(&mut self, reg: Reg) {
        let frame = self.frame();
        let value = self.load_slot(Region::Frame, self.type_of(reg), frame, i32::from(reg.0) * 8);
        self.set(reg, value);
    }

    /// Writes a register to the frame.
    pub(super) fn store_register(&mut self, reg: Reg, frame: Value) {
        let value = self.get(reg);
        self.store_slot(Region::Frame, value, self.type_of(reg), frame, i32::from(reg.0) * 8);
    }

    /// A constant, by its bits in a register.
    pub(super) fn constant(&mut self, ty: ValType, bits: u64) -> Value {
        match ty {
            ValType::I32 => self.b.ins().iconst(I32, i64::from(bits as u32)),
            ValType::I64 | ValType::FuncRef | ValType::ExternRef => self.b.ins().iconst(I64, bits as i64),
            ValType::F32 => self.b.ins().f32const(Ieee32::with_bits(bits as u32)),
            ValType::F64 => self.b.ins().f64const(Ieee64::with_bits(bits)),
        }
    }
}
