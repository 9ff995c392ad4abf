//! A naive interpreter: the oracle of random programs. It reads operands one by one from the verified code, keeps
//! registers in vectors and everything else in the simplest place there is, and shares nothing with any tier but
//! `semantics` and the table.
//!
//! References are numbers: a function's index plus one, or what the host counts its values with; 0 is null.

use std::rc::Rc;

use bytecode_spec::isa::{self, Words};
use bytecode_spec::limits::{MAX_PAGES, PAGE_SIZE};
use bytecode_spec::meaning::{Meaning, meaning};
use bytecode_spec::slot::Slot;
use bytecode_spec::{
    ConstExpr, Effect, ExportKind, FuncIndex, ImportKind, Limits, Op, Operand, Pc, Reg, ShapeKind, TrapCause,
    VerifiedModule, liveness, semantics,
};

use crate::host;

/// So many activations, and the machine says `StackOverflow`.
const MAX_DEPTH: usize = 100_000;
/// So many elements a table may have where it has no limit of its own.
pub const MAX_TABLE_ELEMENTS: u32 = 1_000;

/// How a call ended: its results, or a trap and the instructions that were active, innermost first.
pub type Ended = Result<Vec<u64>, (TrapCause, Vec<(FuncIndex, Pc)>)>;

/// An instance of a module, and what runs in it.
pub struct Machine<'m> {
    module: &'m VerifiedModule,
    /// The memory's bytes.
    pub memory: Vec<u8>,
    most_pages: u32,
    /// The tables' elements.
    pub tables: Vec<Vec<u64>>,
    most_elements: Vec<u32>,
    /// The globals' values.
    pub globals: Vec<u64>,
    data: Vec<Vec<u8>>,
    elements: Vec<Vec<u64>>,
    /// Fuel left, if it is counted.
    pub fuel: Option<u64>,
    costs: Vec<Option<Rc<[u64]>>>,
    stack: Vec<Frame>,
}

struct Frame {
    func: FuncIndex,
    registers: Vec<u64>,
    pc: usize,
}

/// Where control goes from an instruction.
enum Next {
    /// To the instruction behind.
    On,
    /// By that many words.
    Branch(i32),
    /// Into a function; its results go to the instruction's.
    Call(FuncIndex, Vec<u64>),
    /// Into a function in place of this one.
    TailCall(FuncIndex, Vec<u64>),
    /// Out of the function.
    Return(Vec<u64>),
}

impl<'m> Machine<'m> {
    /// Brings a module to life, up to and without its start function. Its imports must be of the module [`host`].
    ///
    /// # Errors
    ///
    /// The trap of a segment that does not fit.
    pub fn new(module: &'m VerifiedModule, fuel: Option<u64>) -> Result<Machine<'m>, TrapCause> {
        let bytes = |limits: Limits| limits.min as usize * PAGE_SIZE;
        let spaces = module.spaces();
        let mut machine = Machine {
            module,
            memory: vec![0; spaces.memories.first().map_or(0, |ty| bytes(ty.limits))],
            most_pages: spaces.memories.first().map_or(0, |ty| ty.limits.max.unwrap_or(MAX_PAGES)),
            tables: spaces.tables.iter().map(|ty| vec![0; ty.limits.min as usize]).collect(),
            most_elements: spaces
                .tables
                .iter()
                .map(|ty| ty.limits.max.unwrap_or(u32::MAX).min(MAX_TABLE_ELEMENTS))
                .collect(),
            globals: module.globals.iter().map(|global| constant(global.init)).collect(),
            data: module.data.iter().map(|segment| segment.bytes.clone()).collect(),
            elements: module
                .elements
                .iter()
                .map(|segment| segment.items.iter().map(|&item| constant(item)).collect())
                .collect(),
            fuel,
            costs: vec![None; module.functions.len()],
            stack: Vec::new(),
        };
        for (i, segment) in module.elements.iter().enumerate() {
            if let Some((table, at)) = segment.place {
                let count = machine.elements[i].len() as u64;
                machine.table_init(table.index(), i, constant(at), 0, count)?;
                machine.elements[i].clear();
            }
        }
        for (i, segment) in module.data.iter().enumerate() {
            if let Some(at) = segment.offset {
                let count = machine.data[i].len() as u64;
                machine.memory_init(i, constant(at), 0, count)?;
                machine.data[i].clear();
            }
        }
        Ok(machine)
    }

    /// The function exported under a name.
    pub fn exported(&self, name: &str) -> Option<FuncIndex> {
        let export = self.module.exports.iter().find(|export| export.name == name)?;
        if let ExportKind::Func(func) = export.kind { Some(func) } else { None }
    }

    /// Calls a function from outside.
    pub fn call(&mut self, func: FuncIndex, args: &[u64]) -> Ended {
        self.run(func, args).map_err(|cause| {
            let active = self.stack.drain(..).rev().map(|frame| (frame.func, Pc(frame.pc as u32))).collect();
            (cause, active)
        })
    }

    /// Calls a function, from outside or from a host function. After a trap the activations are left as they were.
    ///
    /// # Errors
    ///
    /// The cause of the trap.
    pub fn run(&mut self, func: FuncIndex, args: &[u64]) -> Result<Vec<u64>, TrapCause> {
        let Some(function) = self.module.function(func) else { return self.call_host(func, args) };
        let base = self.stack.len();
        self.push(func, function.registers.len(), args)?;
        loop {
            let frame = self.stack.last().expect("a frame is running");
            let (func, pc) = (frame.func, frame.pc);
            self.charge(func, pc)?;
            let code = &self.module.function(func).expect("defined").code[pc..];
            let op = Op::from_code(code.lane(0)).expect("verified");
            let length = op.info().length(code).expect("verified");
            match self.step(op, &code[..length])? {
                Next::On => self.frame().pc += length,
                Next::Branch(words) => {
                    let pc = &mut self.frame().pc;
                    *pc = (*pc as i64 + i64::from(words)) as usize;
                }
                Next::Call(callee, args) => match self.module.function(callee) {
                    Some(function) => self.push(callee, function.registers.len(), &args)?,
                    None => {
                        let results = self.call_host(callee, &args)?;
                        self.finish_call(&results);
                    }
                },
                Next::TailCall(callee, args) => match self.module.function(callee) {
                    Some(function) => {
                        self.stack.pop();
                        self.push(callee, function.registers.len(), &args)?;
                    }
                    None => {
                        let results = self.call_host(callee, &args)?;
                        if let Some(results) = self.pop(base, results) {
                            return Ok(results);
                        }
                    }
                },
                Next::Return(results) => {
                    if let Some(results) = self.pop(base, results) {
                        return Ok(results);
                    }
                }
            }
        }
    }

    fn frame(&mut self) -> &mut Frame {
        self.stack.last_mut().expect("a frame is running")
    }

    fn push(&mut self, func: FuncIndex, registers: usize, args: &[u64]) -> Result<(), TrapCause> {
        if self.stack.len() >= MAX_DEPTH {
            return Err(TrapCause::StackOverflow);
        }
        let mut frame = Frame { func, registers: args.to_vec(), pc: 0 };
        frame.registers.resize(registers, 0);
        self.stack.push(frame);
        Ok(())
    }

    /// Leaves a function: its results, if it was called from outside.
    fn pop(&mut self, base: usize, results: Vec<u64>) -> Option<Vec<u64>> {
        self.stack.pop();
        if self.stack.len() == base {
            return Some(results);
        }
        self.finish_call(&results);
        None
    }

    /// Writes the results of the call at hand and goes on behind it.
    fn finish_call(&mut self, results: &[u64]) {
        let frame = self.stack.last_mut().expect("a frame is running");
        let code = &self.module.function(frame.func).expect("defined").code[frame.pc..];
        let op = Op::from_code(code.lane(0)).expect("verified");
        let operands = isa::decode(op, code);
        // Arguments, then results.
        let mut lists =
            operands.iter().filter_map(|o| if let Operand::Regs(regs) = o { Some(regs) } else { None });
        let defs = lists.next_back().expect("a call has results");
        for (reg, &value) in defs.iter().zip(results) {
            frame.registers[reg.index()] = value;
        }
        frame.pc += op.info().length(code).expect("verified");
    }

    fn call_host(&mut self, func: FuncIndex, args: &[u64]) -> Result<Vec<u64>, TrapCause> {
        let (import, _) = self.module.imported_funcs().nth(func.index()).expect("imported");
        let found = host::FUNCTIONS.iter().find(|function| function.field == import.field);
        (found.expect("of the module `host`").call)(self, args)
    }

    fn charge(&mut self, func: FuncIndex, pc: usize) -> Result<(), TrapCause> {
        let Some(fuel) = self.fuel else { return Ok(()) };
        let index = func.index() - self.module.spaces().imported_funcs as usize;
        let costs = self.costs[index].get_or_insert_with(|| block_costs(&self.module.functions[index].code));
        self.fuel = Some(fuel.checked_sub(costs[pc]).ok_or(TrapCause::OutOfFuel)?);
        Ok(())
    }

    fn get(&self, operand: &Operand) -> u64 {
        match operand {
            Operand::Reg(reg) => self.stack.last().expect("a frame is running").registers[reg.index()],
            Operand::Imm(bits) => *bits,
            Operand::Index(index) => u64::from(*index),
            Operand::Target(_) | Operand::Regs(_) | Operand::Targets(_) => {
                unreachable!("{operand:?} is no value")
            }
        }
    }

    fn set(&mut self, operand: &Operand, value: u64) {
        let Operand::Reg(reg) = operand else { unreachable!("{operand:?} is no register") };
        self.frame().registers[reg.index()] = value;
    }

    fn all(&self, operand: &Operand) -> Vec<u64> {
        let Operand::Regs(regs) = operand else { unreachable!("{operand:?} is no list") };
        regs.iter().map(|&Reg(reg)| self.get(&Operand::Reg(Reg(reg)))).collect()
    }

    /// Does one instruction.
    fn step(&mut self, op: Op, words: &[u64]) -> Result<Next, TrapCause> {
        let operands = isa::decode(op, words);
        let o = operands.as_slice();
        let value = |i: usize| self.get(&o[i]);
        match op.info().shape {
            ShapeKind::Nop => {}
            ShapeKind::Trap => {
                return Err(TrapCause::from_code(value(0) as u16).expect("verified"));
            }
            ShapeKind::Move | ShapeKind::Const => self.set(&o[0], value(1)),
            ShapeKind::Unary | ShapeKind::Binary | ShapeKind::BinaryImm => {
                let inputs: Vec<u64> = o[1..].iter().map(|operand| self.get(operand)).collect();
                let Meaning::Value(meaning) = meaning(op) else { unreachable!("{op:?} has a value") };
                self.set(&o[0], meaning(&inputs)?);
            }
            ShapeKind::Select => {
                // dst, a, b, cond
                let chosen = if value(3) != 0 { value(1) } else { value(2) };
                self.set(&o[0], chosen);
            }
            ShapeKind::Jump => return Ok(branch(&o[0])),
            ShapeKind::BranchUnary | ShapeKind::Branch | ShapeKind::BranchImm => {
                let (target, inputs) = o.split_last().expect("a branch has a target");
                let inputs: Vec<u64> = inputs.iter().map(|operand| self.get(operand)).collect();
                let Meaning::Test(meaning) = meaning(op) else { unreachable!("{op:?} is a test") };
                if meaning(&inputs) {
                    return Ok(branch(target));
                }
            }
            ShapeKind::BranchTable => {
                let Operand::Targets(targets) = &o[1] else { unreachable!("a table has targets") };
                let index = (value(0) as usize).min(targets.len() - 1);
                return Ok(Next::Branch(targets[index]));
            }
            ShapeKind::Load => {
                let address = semantics::effective_address(Slot::from_slot(value(1)), value(2) as u32);
                self.load(op, &o[0], address)?;
            }
            ShapeKind::LoadIndexed => {
                let address = self.indexed(&o[1], &o[2], &o[4], &o[3]);
                self.load(op, &o[0], address)?;
            }
            ShapeKind::Store => {
                let address = semantics::effective_address(Slot::from_slot(value(0)), value(2) as u32);
                self.store(op, address, value(1))?;
            }
            ShapeKind::StoreIndexed => {
                let address = self.indexed(&o[0], &o[1], &o[4], &o[3]);
                self.store(op, address, value(2))?;
            }
            ShapeKind::MemorySize => self.set(&o[0], (self.memory.len() / PAGE_SIZE) as u64),
            ShapeKind::MemoryGrow => {
                let old = self.grow_memory(value(1) as u32);
                self.set(&o[0], old.into_slot());
            }
            ShapeKind::MemoryFill => {
                let (to, byte, len) = (value(0), value(1) as u8, value(2));
                let range = memory_range(self.memory.len(), to, len)?;
                self.memory[range].fill(byte);
            }
            ShapeKind::MemoryCopy => {
                let from = memory_range(self.memory.len(), value(1), value(2))?;
                let to = memory_range(self.memory.len(), value(0), value(2))?;
                self.memory.copy_within(from, to.start);
            }
            ShapeKind::MemoryInit => self.memory_init(index(&o[3]), value(0), value(1), value(2))?,
            ShapeKind::DataDrop => self.data[index(&o[0])].clear(),
            ShapeKind::TableGet => {
                let element = self.tables[index(&o[2])].get(value(1) as usize);
                let element = *element.ok_or(TrapCause::TableOutOfBounds)?;
                self.set(&o[0], element);
            }
            ShapeKind::TableSet => {
                let (at, value) = (value(0) as usize, value(1));
                let element = self.tables[index(&o[2])].get_mut(at);
                *element.ok_or(TrapCause::TableOutOfBounds)? = value;
            }
            ShapeKind::TableSize => self.set(&o[0], self.tables[index(&o[1])].len() as u64),
            ShapeKind::TableGrow => {
                let old = self.grow_table(index(&o[3]), value(2), value(1));
                self.set(&o[0], old.into_slot());
            }
            ShapeKind::TableFill => {
                let (at, value, len) = (value(0), value(1), value(2));
                let table = &mut self.tables[index(&o[3])];
                let range = table_range(table.len(), at, len)?;
                table[range].fill(value);
            }
            ShapeKind::TableCopy => {
                let (to, from) = (index(&o[3]), index(&o[4]));
                let source = table_range(self.tables[from].len(), value(1), value(2))?;
                let target = table_range(self.tables[to].len(), value(0), value(2))?;
                let copied = self.tables[from][source].to_vec();
                self.tables[to][target].copy_from_slice(&copied);
            }
            ShapeKind::TableInit => {
                let (table, elem) = (index(&o[3]), index(&o[4]));
                self.table_init(table, elem, value(0), value(1), value(2))?;
            }
            ShapeKind::ElemDrop => self.elements[index(&o[0])].clear(),
            ShapeKind::RefNull => self.set(&o[0], 0),
            ShapeKind::RefIsNull => self.set(&o[0], u64::from(value(1) == 0)),
            ShapeKind::RefFunc => self.set(&o[0], value(1) + 1),
            ShapeKind::GlobalGet => self.set(&o[0], self.globals[index(&o[1])]),
            ShapeKind::GlobalSet => self.globals[index(&o[1])] = value(0),
            // args, func, results
            ShapeKind::Call | ShapeKind::CallImport => {
                return Ok(Next::Call(FuncIndex(value(1) as u32), self.all(&o[0])));
            }
            ShapeKind::TailCall | ShapeKind::TailCallImport => {
                return Ok(Next::TailCall(FuncIndex(value(1) as u32), self.all(&o[0])));
            }
            // index, args, results, ty, table
            ShapeKind::CallIndirect => {
                return Ok(Next::Call(self.indirect(&o[0], &o[3], &o[4])?, self.all(&o[1])));
            }
            // index, args, ty, table
            ShapeKind::TailCallIndirect => {
                return Ok(Next::TailCall(self.indirect(&o[0], &o[2], &o[3])?, self.all(&o[1])));
            }
            ShapeKind::Ret => return Ok(Next::Return(self.all(&o[0]))),
        }
        Ok(Next::On)
    }

    fn indexed(&self, base: &Operand, index: &Operand, shift: &Operand, offset: &Operand) -> u64 {
        let (base, index) = (Slot::from_slot(self.get(base)), Slot::from_slot(self.get(index)));
        semantics::indexed_address(base, index, self.get(shift) as u32, self.get(offset) as u32)
    }

    fn load(&mut self, op: Op, dst: &Operand, address: u64) -> Result<(), TrapCause> {
        let Meaning::Load(bytes, meaning) = meaning(op) else { unreachable!("{op:?} loads") };
        let range = memory_range(self.memory.len(), address, bytes as u64)?;
        let value = meaning(&self.memory[range]);
        self.set(dst, value);
        Ok(())
    }

    fn store(&mut self, op: Op, address: u64, value: u64) -> Result<(), TrapCause> {
        let Meaning::Store(meaning) = meaning(op) else { unreachable!("{op:?} stores") };
        let bytes = meaning(value);
        let range = memory_range(self.memory.len(), address, bytes.len() as u64)?;
        self.memory[range].copy_from_slice(&bytes);
        Ok(())
    }

    /// Adds pages; how many there were, or -1.
    pub fn grow_memory(&mut self, delta: u32) -> i32 {
        let old = (self.memory.len() / PAGE_SIZE) as u32;
        match old.checked_add(delta) {
            Some(new) if new <= self.most_pages => {
                self.memory.resize(new as usize * PAGE_SIZE, 0);
                old as i32
            }
            _ => -1,
        }
    }

    fn grow_table(&mut self, table: usize, delta: u64, value: u64) -> i32 {
        let old = self.tables[table].len();
        let new = old as u64 + delta;
        if new > u64::from(self.most_elements[table]) {
            return -1;
        }
        self.tables[table].resize(new as usize, value);
        old as i32
    }

    fn memory_init(&mut self, segment: usize, to: u64, from: u64, len: u64) -> Result<(), TrapCause> {
        let from = memory_range(self.data[segment].len(), from, len)?;
        let to = memory_range(self.memory.len(), to, len)?;
        self.memory[to].copy_from_slice(&self.data[segment][from]);
        Ok(())
    }

    fn table_init(&mut self, t: usize, elem: usize, to: u64, from: u64, len: u64) -> Result<(), TrapCause> {
        let from = table_range(self.elements[elem].len(), from, len)?;
        let to = table_range(self.tables[t].len(), to, len)?;
        self.tables[t][to].copy_from_slice(&self.elements[elem][from]);
        Ok(())
    }

    fn indirect(&self, at: &Operand, ty: &Operand, table: &Operand) -> Result<FuncIndex, TrapCause> {
        let element = self.tables[index(table)].get(self.get(at) as usize);
        let number = *element.ok_or(TrapCause::TableOutOfBounds)?;
        let func = number.checked_sub(1).ok_or(TrapCause::IndirectCallToNull)?;
        let func = FuncIndex(func as u32);
        if self.module.func_type(func) == &self.module.types[index(ty)].ty {
            Ok(func)
        } else {
            Err(TrapCause::IndirectCallTypeMismatch)
        }
    }
}

fn branch(target: &Operand) -> Next {
    let Operand::Target(words) = target else { unreachable!("{target:?} is no target") };
    Next::Branch(*words)
}

fn index(operand: &Operand) -> usize {
    let Operand::Index(index) = operand else { unreachable!("{operand:?} is no index") };
    *index as usize
}

fn constant(init: ConstExpr) -> u64 {
    match init {
        ConstExpr::I32(value) => value.into_slot(),
        ConstExpr::I64(value) => value.into_slot(),
        ConstExpr::F32(bits) => bits.into(),
        ConstExpr::F64(bits) => bits,
        ConstExpr::Null(_) => 0,
        ConstExpr::Func(func) => u64::from(func.0) + 1,
        ConstExpr::Global(global) => unreachable!("{global} is imported, and the host has no globals"),
    }
}

fn range(size: usize, start: u64, len: u64, cause: TrapCause) -> Result<std::ops::Range<usize>, TrapCause> {
    if start + len <= size as u64 { Ok(start as usize..(start + len) as usize) } else { Err(cause) }
}

fn memory_range(size: usize, start: u64, len: u64) -> Result<std::ops::Range<usize>, TrapCause> {
    range(size, start, len, TrapCause::MemoryOutOfBounds)
}

fn table_range(size: usize, start: u64, len: u64) -> Result<std::ops::Range<usize>, TrapCause> {
    range(size, start, len, TrapCause::TableOutOfBounds)
}

/// For each word where a basic block starts, how many instructions it has; 0 elsewhere. Blocks start at the entry, at
/// branch targets, and behind branches and calls.
fn block_costs(code: &[u64]) -> Rc<[u64]> {
    let mut starts = vec![false; code.len() + 1];
    starts[0] = true;
    let mut pcs = Vec::new();
    let mut pc = 0;
    while pc < code.len() {
        pcs.push(pc);
        let op = Op::from_code(code[pc..].lane(0)).expect("verified");
        let next = pc + op.info().length(&code[pc..]).expect("verified");
        let effects = op.info().effects;
        if effects.has(Effect::Calls) || effects.has(Effect::Ends) || effects.has(Effect::Safepoint) {
            starts[next] = true;
        }
        liveness::for_each_target(&code[pc..], |words| {
            starts[(pc as i64 + i64::from(words)) as usize] = true;
        });
        pc = next;
    }
    let mut costs = vec![0; code.len()];
    let mut block = 0;
    for pc in pcs {
        if starts[pc] {
            block = pc;
        }
        costs[block] += 1;
    }
    costs.into()
}

/// Whether the reference can run a module: all that it imports are functions of the module [`host`].
pub fn runs(module: &VerifiedModule) -> bool {
    module.imports.iter().all(|import| {
        let of_type = |ty: bytecode_spec::TypeIndex| module.types[ty.index()].ty.clone();
        import.module == host::MODULE
            && host::FUNCTIONS.iter().any(|function| {
                function.field == import.field
                    && matches!(import.kind, ImportKind::Func(ty) if of_type(ty) == (function.ty)())
            })
    })
}
