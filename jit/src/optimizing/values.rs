//! Registers, words of memory, and constants as values.

use bytecode_spec::{Reg, ValType};
use cranelift_codegen::cursor::{Cursor, FuncCursor};
use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::ir::immediates::{Ieee32, Ieee64};
use cranelift_codegen::ir::types::{F32, F64, I32, I64};
use cranelift_codegen::ir::{DataFlowGraph, InstBuilder, InstructionData, MemFlagsData, Opcode, Type, Value};
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

/// What is the same in all of the code.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub(super) enum Invariant {
    /// The constant with these bits.
    Constant(Type, u64),
    /// A word at an offset from another one.
    Word(Type, Value, i32),
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

/// The constant that a value is, without a sign.
pub(super) fn constant(dfg: &DataFlowGraph, value: Value) -> Option<u64> {
    let Some(&InstructionData::UnaryImm { opcode: Opcode::Iconst, imm }) = instruction(dfg, value) else {
        return None;
    };
    Some(imm.bits() as u64 & u64::MAX >> (64 - dfg.value_type(value).bits()))
}

/// What a value is the sum of, if that is another one and a constant.
pub(super) fn sum_with_constant(dfg: &DataFlowGraph, value: Value) -> Option<(Value, u64)> {
    let Some(&InstructionData::Binary { opcode: Opcode::Iadd, args: [a, b] }) = instruction(dfg, value)
    else {
        return None;
    };
    Some((a, constant(dfg, b)?))
}

/// The instruction that a value is the result of.
pub(super) fn instruction(dfg: &DataFlowGraph, value: Value) -> Option<&InstructionData> {
    dfg.value_def(dfg.resolve_aliases(value)).inst().map(|inst| &dfg.insts[inst])
}

impl Translator<'_, '_> {
    /// The value of a register.
    pub(super) fn get(&mut self, reg: Reg) -> Value {
        self.operand(reg, None)
    }

    /// The same, if what it is for [matters](Self::operand).
    pub(super) fn read(&mut self, reg: Reg) -> Value {
        if let Some(bits) = self.scope.constants[reg.index()] {
            return self.constant(self.type_of(reg), bits);
        }
        let value = self.b.use_var(Variable::from_u32(self.scope.first_variable + u32::from(reg.0)));
        self.b.func.dfg.resolve_aliases(value)
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

    /// The frame of the function whose code it is, as pointers to frames are that only generated code uses.
    pub(super) fn frame(&mut self) -> Value {
        self.b.ins().get_pinned_reg(I64)
    }

    /// Where the frame's registers are.
    pub(super) fn registers(&mut self) -> Value {
        let frame = self.frame();
        self.plus(frame, -i64::from(self.target.frame_bias()))
    }

    /// Bytes from there to the frame of what the current function calls.
    pub(super) fn callee(&self) -> i32 {
        self.scope.offset + self.frame_bytes()
    }

    /// Flags of accesses that neither trap nor depend on what other regions hold.
    pub(super) fn flags(&self, region: Region) -> MemFlagsData {
        MemFlagsData::trusted().with_alias_region(Some(self.regions[region as usize]))
    }

    /// Reads a word. Of a frame, the offset is from its registers.
    pub(super) fn load_word(&mut self, region: Region, base: Value, offset: i32) -> Value {
        self.load_slot(region, ValType::I64, base, offset)
    }

    /// Writes a word, as [`load_word`](Self::load_word) reads it.
    pub(super) fn store_word(&mut self, region: Region, value: Value, base: Value, offset: i32) {
        let flags = self.flags(region);
        let offset = self.offset_from(region, offset);
        self.b.ins().store(flags, value, base, offset);
    }

    /// An offset from what a pointer of a region points to.
    fn offset_from(&self, region: Region, offset: i32) -> i32 {
        match region {
            Region::Frame => offset - self.target.frame_bias(),
            Region::Store | Region::Memory | Region::Globals | Region::Tables => offset,
        }
    }

    /// A word that never changes while the function runs, at an offset from the instance context or from another such word.
    pub(super) fn load_constant(&mut self, base: Value, offset: i32) -> Value {
        self.load_constant_of(I64, base, offset)
    }

    pub(super) fn load_constant_of(&mut self, ty: Type, base: Value, offset: i32) -> Value {
        let flags = MemFlagsData::trusted().with_readonly().with_can_move();
        self.invariant(Invariant::Word(ty, base, offset), |at| at.ins().load(ty, flags, base, offset))
    }

    /// A value that is the same in all of the code. It is written down once, where the code begins: the code generator computes it where it
    /// is used, and the fewer times it is told of it, the less it has to do to find out that it is the same.
    fn invariant(&mut self, which: Invariant, make: impl FnOnce(&mut FuncCursor<'_>) -> Value) -> Value {
        let (func, first) = (&mut self.b.func, self.first);
        *self.invariants.entry(which).or_insert_with(|| make(&mut FuncCursor::new(func).at_inst(first)))
    }

    pub(super) fn store_context(&mut self) -> Value {
        self.load_constant(self.context, abi::instance::STORE)
    }

    /// The instance context, as the frame has it. What calls, or leaves the code, reads it there: no register is kept for it.
    pub(super) fn context_in_frame(&mut self) -> Value {
        let frame = self.frame();
        self.load_word(Region::Frame, frame, abi::frame::INSTANCE)
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
        let offset = self.offset_from(region, offset);
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
        let (ty, bits) = match type_of(ty) {
            ty @ (I32 | F32) => (ty, u64::from(bits as u32)),
            ty => (ty, bits),
        };
        self.invariant(Invariant::Constant(ty, bits), |at| match ty {
            F32 => at.ins().f32const(Ieee32::with_bits(bits as u32)),
            F64 => at.ins().f64const(Ieee64::with_bits(bits)),
            _ => at.ins().iconst(ty, bits as i64),
        })
    }

    /// An integer of the same type as a value.
    pub(super) fn number(&mut self, like: Value, number: i64) -> Value {
        match self.b.func.dfg.value_type(like) {
            I32 => self.constant(ValType::I32, number as u64),
            _ => self.constant(ValType::I64, number as u64),
        }
    }

    /// A value plus a number. Of a sum with another number, that is one sum: the code generator would make it so too, but look at all others
    /// that there could be.
    pub(super) fn plus(&mut self, value: Value, number: i64) -> Value {
        let (value, number) = match sum_with_constant(&self.b.func.dfg, value) {
            Some((value, more)) => (value, number.wrapping_add(more as i64)),
            None => (value, number),
        };
        let number = self.number(value, number);
        if constant(&self.b.func.dfg, number) == Some(0) {
            return value;
        }
        self.b.ins().iadd(value, number)
    }

    /// A value times a power of two.
    pub(super) fn shifted(&mut self, value: Value, by: u32) -> Value {
        if by == 0 {
            return value;
        }
        let by = self.number(value, i64::from(by));
        self.b.ins().ishl(value, by)
    }

    /// Whether a value is a number.
    pub(super) fn is(&mut self, value: Value, number: i64) -> Value {
        let number = self.number(value, number);
        self.b.ins().icmp(IntCC::Equal, value, number)
    }
}
