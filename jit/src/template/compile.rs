//! Tier 1: one pass over the bytecode with all operands known.
//!
//! The frame is the interpreter's. Code enters with its frame, context and memory in their registers, its arguments in the
//! frame, and all of the header but the version written; it leaves results in the first registers of its frame. Hot registers
//! are pinned: their slots are written before anybody may look at the frame and read again afterwards.

use std::ops::Range;

use bytecode_spec::isa::{self, Visitor, Words, visit};
use bytecode_spec::{FuncIndex, Function, Op, Pc, Reg, TrapCause, VerifiedModule};

use super::buffer::{Label, Reach};
use super::masm::Value::{Imm, Mem, Reg as InReg};
use super::masm::Width::{W32, W64};
use super::masm::{Addr, Cond, Float, FloatTest, Fpr, Gpr, Int, IntOp, Masm, Test};
use super::operands::{Lane, Operands};
use super::pins::{Home, Pins};
use super::templates;
use crate::abi::{self, Helper, Status};
use crate::maps::CompiledCode;

/// What to compile.
#[derive(Clone, Debug)]
pub struct Request<'a> {
    /// The module.
    pub module: &'a VerifiedModule,
    /// The function of the module.
    pub func: FuncIndex,
    /// Words from a frame's registers to those of the next frame.
    pub frame_words: u32,
    /// Registers that must be cleared on entry.
    pub clear: Range<u32>,
    /// Whether functions of the module may, by tail calls, return in place of functions of other instances.
    pub switches: bool,
    /// With fuel, for each word where a basic block starts, its instructions; otherwise empty.
    pub costs: &'a [u32],
}

/// Why a function stays in the interpreter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// Its code would be out of reach for branches.
    #[error("its machine code would be too large")]
    TooLarge,
}

/// So many bytes of code a function may have, at most: frames and branches are then within reach.
const MAX_CODE: u32 = 1 << 28;
/// So many registers are cleared one by one.
const MAX_CLEARED: u32 = 16;

/// A compiler; its memory is used for one function after the other.
#[derive(Debug)]
pub struct Compiler<M> {
    masm: M,
    driver: Driver,
}

/// The driver of the templates: operands are known.
#[derive(Debug, Default)]
struct Driver {
    words: Vec<u64>,
    /// The current instruction.
    pc: usize,
    pins: Pins,
    floats: Vec<bool>,
    frame_bytes: i32,
    imported_funcs: u32,
    switches: bool,
    exits: Vec<(Label, Exit)>,
    tables: Vec<(Label, Vec<Label>)>,
    /// Where a helper's status goes.
    stopped: Option<Label>,
}

/// Code out of line.
#[derive(Clone, Copy, Debug)]
enum Exit {
    Trap {
        pc: u32,
        cause: TrapCause,
    },
    /// Something asked for attention; `resume` follows.
    Poll {
        pc: u32,
        resume: Label,
    },
}

impl<M: Masm> Compiler<M> {
    /// A compiler for a machine.
    pub fn new(masm: M) -> Compiler<M> {
        Compiler { masm, driver: Driver::default() }
    }

    /// Compiles a function.
    ///
    /// # Errors
    ///
    /// See [`Refusal`]; the function stays where it is.
    pub fn compile(&mut self, request: &Request<'_>) -> Result<CompiledCode, Refusal> {
        let mut entries = self.emit(request, Reach::Near)?;
        if !self.masm.buffer().link(M::patch) {
            // Few functions are so large that it pays to look for each branch that must reach far.
            entries = self.emit(request, Reach::Far)?;
            if !self.masm.buffer().link(M::patch) {
                return Err(Refusal::TooLarge);
            }
        }
        let buffer = self.masm.buffer();
        let faults = buffer.take_faults();
        Ok(CompiledCode { bytes: buffer.bytes().to_vec(), entries, faults })
    }

    /// Writes the code but for the distances of branches; gives the entries at loop heads.
    fn emit(&mut self, request: &Request<'_>, reach: Reach) -> Result<Vec<(Pc, u32)>, Refusal> {
        let Compiler { masm: m, driver: o } = self;
        let function = request.module.function(request.func).ok_or(Refusal::TooLarge)?;
        let code = function.code.as_slice();
        m.buffer().reset(code.len() + 1, reach);
        o.begin(request, function, &M::ROLES);

        m.buffer().put([0; abi::object::CODE as usize]);
        m.enter();
        o.prologue(m, request);
        let mut pc = 0;
        while pc < code.len() {
            m.buffer().reserve(4 * M::MAX_BYTES);
            if o.pins.heads.binary_search(&(pc as u32)).is_ok() {
                m.align();
            }
            m.buffer().bind(Label(pc as u32));
            o.pc = pc;
            if let Some(&cost) = request.costs.get(pc)
                && cost > 0
            {
                o.charge(m, cost);
            }
            let op = Op::from_code(code[pc] as u16).expect("verified");
            let ((), length) = visit(op, &code[pc..], &mut Translation { m, o });
            pc += length;
            if m.buffer().position() > MAX_CODE {
                return Err(Refusal::TooLarge);
            }
        }
        let entries = o.entries(m);
        o.out_of_line(m);
        Ok(entries)
    }
}

fn slot<M: Masm>(reg: Reg) -> Addr {
    Addr::at(M::ROLES.frame, i32::from(reg.0) * 8)
}

impl Driver {
    fn begin(&mut self, request: &Request<'_>, function: &Function, roles: &super::masm::Roles) {
        self.words.clear();
        self.words.extend_from_slice(&function.code);
        self.pins.plan(function, roles);
        self.floats.clear();
        self.floats.extend(
            function
                .registers
                .iter()
                .map(|ty| matches!(ty, bytecode_spec::ValType::F32 | bytecode_spec::ValType::F64)),
        );
        self.frame_bytes = request.frame_words as i32 * 8;
        self.imported_funcs = request.module.spaces().imported_funcs;
        self.switches = request.switches;
        self.exits.clear();
        self.tables.clear();
        self.stopped = None;
    }

    fn code(&self) -> &[u64] {
        &self.words[self.pc..]
    }

    fn reg(&self, lane: Lane) -> Reg {
        Reg(self.code().lane(lane.into()))
    }

    /// Where an integer register is.
    fn int_of<M: Masm>(&self, reg: Reg) -> Int {
        match self.pins.home(reg) {
            Home::Gpr(gpr) => InReg(gpr),
            Home::Slot | Home::Fpr(_) => Mem(slot::<M>(reg)),
        }
    }

    /// Copies a register to a place in memory.
    fn put<M: Masm>(&self, m: &mut M, to: Addr, reg: Reg) {
        match self.pins.home(reg) {
            Home::Gpr(gpr) => m.store_slot(to, InReg(gpr)),
            Home::Fpr(fpr) => m.store_float_slot(to, fpr),
            Home::Slot => m.store_slot(to, Mem(slot::<M>(reg))),
        }
    }

    /// Sets a register to what lies in memory.
    fn take<M: Masm>(&self, m: &mut M, reg: Reg, from: Addr) {
        match self.pins.home(reg) {
            Home::Gpr(gpr) => m.mov(gpr, Mem(from)),
            Home::Fpr(fpr) => m.fmov(fpr, Mem(from)),
            Home::Slot => m.store_slot(slot::<M>(reg), Mem(from)),
        }
    }

    /// Writes the slots of pinned registers.
    fn spill<M: Masm>(&self, m: &mut M) {
        for &reg in &self.pins.pinned {
            self.put(m, slot::<M>(reg), reg);
        }
    }

    /// Reads them again.
    fn reload<M: Masm>(&self, m: &mut M) {
        for &reg in &self.pins.pinned {
            self.take(m, reg, slot::<M>(reg));
        }
    }

    /// The store context, in a scratch register.
    fn store_context<M: Masm>(m: &mut M, scratch: Gpr) -> Gpr {
        m.mov(scratch, Mem(Addr::at(M::ROLES.context, abi::instance::STORE)));
        scratch
    }

    fn prologue<M: Masm>(&mut self, m: &mut M, request: &Request<'_>) {
        let [first, second, _] = M::ROLES.scratch;
        let frame = M::ROLES.frame;
        m.load_literal(first, abi::object::VERSION);
        m.store_slot(Addr::at(frame, abi::frame::VERSION), InReg(first));
        let store = Self::store_context(m, second);
        m.lea(W64, first, Addr::at(frame, self.frame_bytes));
        let limit = Mem(Addr::at(store, abi::store::STACK_LIMIT));
        self.exit_if(m, Test { cond: Cond::GtU, width: W64, a: InReg(first), b: limit }, overflow());
        let limit = Mem(Addr::at(store, abi::store::NATIVE_LIMIT));
        let native = Test { cond: Cond::LtU, width: W64, a: InReg(M::ROLES.stack), b: limit };
        self.exit_if(m, native, overflow());
        self.poll(m, abi::trap::ON_ENTRY);
        self.clear(m, &request.clear);
        for i in 0..self.pins.pinned.len() {
            let reg = self.pins.pinned[i];
            let params = request.module.func_type(request.func).params.len();
            if reg.index() < params || request.clear.contains(&u32::from(reg.0)) {
                self.take(m, reg, slot::<M>(reg));
            }
        }
    }

    fn clear<M: Masm>(&mut self, m: &mut M, range: &Range<u32>) {
        let at = |reg: u32| Addr::at(M::ROLES.frame, reg as i32 * 8);
        if range.len() as u32 <= MAX_CLEARED {
            return range.clone().for_each(|reg| m.store_slot(at(reg), Imm(0)));
        }
        let [_, next, end] = M::ROLES.scratch;
        m.lea(W64, next, at(range.start));
        m.lea(W64, end, at(range.end));
        let again = m.buffer().label();
        m.buffer().bind(again);
        m.store_slot(Addr::at(next, 0), Imm(0));
        m.int(IntOp::Add, W64, next, InReg(next), Imm(8));
        m.jump_if(Test { cond: Cond::LtU, width: W64, a: InReg(next), b: InReg(end) }, again);
    }

    fn charge<M: Masm>(&mut self, m: &mut M, cost: u32) {
        let [left, second, _] = M::ROLES.scratch;
        let store = Self::store_context(m, second);
        let fuel = Addr::at(store, abi::store::FUEL);
        m.mov(left, Mem(fuel));
        let short = Test { cond: Cond::LtU, width: W64, a: InReg(left), b: Imm(cost.into()) };
        self.trap_if_at(m, short, TrapCause::OutOfFuel);
        m.int(IntOp::Sub, W64, left, InReg(left), Imm(cost.into()));
        m.store_slot(fuel, InReg(left));
    }

    fn trap_if_at<M: Masm>(&mut self, m: &mut M, test: Test, cause: TrapCause) {
        let pc = self.pc as u32;
        self.exit_if(m, test, Exit::Trap { pc, cause });
    }

    fn exit_if<M: Masm>(&mut self, m: &mut M, test: Test, exit: Exit) {
        let label = m.buffer().label();
        m.jump_if(test, label);
        self.exits.push((label, exit));
    }

    /// A safepoint before the current instruction, or on entry.
    fn poll<M: Masm>(&mut self, m: &mut M, pc: u32) {
        let store = Self::store_context(m, M::ROLES.scratch[1]);
        let word = Mem(Addr::at(store, abi::store::POLL));
        let asked = m.buffer().label();
        m.jump_if(Test { cond: Cond::Ne, width: W32, a: word, b: Imm(0) }, asked);
        let resume = m.buffer().label();
        m.buffer().bind(resume);
        self.exits.push((asked, Exit::Poll { pc, resume }));
    }

    /// Whether a displacement goes backwards, or to the instruction itself.
    fn poll_if_backward<M: Masm>(&mut self, m: &mut M, displacement: i32) {
        if displacement <= 0 {
            self.poll(m, self.pc as u32);
        }
    }

    fn label_at(&self, displacement: i32) -> Label {
        Label((self.pc as i64 + i64::from(displacement)) as u32)
    }

    fn target(&self, lane: Lane) -> i32 {
        self.code().half(lane.into()) as i32
    }

    /// Calls a helper with the frame and the pc; its result is in `scratch[0]`.
    fn helper<M: Masm>(m: &mut M, helper: Helper, arguments: &[Int]) {
        let table = Self::store_context(m, M::ROLES.scratch[0]);
        m.mov(table, Mem(Addr::at(table, abi::store::HELPERS)));
        m.call_helper(Addr::at(table, helper as i32 * 8), arguments);
    }

    /// Leaves with the status in `scratch[0]`, if that is not 0.
    fn leave_if_stopped<M: Masm>(&mut self, m: &mut M) {
        let stopped = *self.stopped.get_or_insert_with(|| m.buffer().label());
        let status = M::ROLES.scratch[0];
        m.jump_if(Test { cond: Cond::Ne, width: W64, a: InReg(status), b: Imm(0) }, stopped);
    }

    /// The entry of a function of the module; its slot is in `scratch[0]`.
    fn entry_of<M: Masm>(&self, m: &mut M, func: FuncIndex) -> Addr {
        let slot = M::ROLES.scratch[0];
        m.mov(slot, Mem(Addr::at(M::ROLES.context, abi::instance::SLOTS)));
        let index = (func.0 - self.imported_funcs) as i32;
        m.lea(W64, slot, Addr::at(slot, index * abi::slot::SIZE));
        Addr::at(slot, abi::slot::ENTRY)
    }

    /// The context and memory of the instance that the frame belongs to.
    fn own_instance<M: Masm>(m: &mut M) {
        let (context, memory) = (M::ROLES.context, M::ROLES.memory);
        m.mov(context, Mem(Addr::at(M::ROLES.frame, abi::frame::INSTANCE)));
        m.mov(memory, Mem(Addr::at(context, abi::instance::MEMORY)));
        m.mov(memory, Mem(Addr::at(memory, abi::memory::BASE)));
    }

    /// Puts values into consecutive places, which are none of theirs.
    fn pass<M: Masm>(&self, m: &mut M, list: isa::List, first: i32) {
        for i in 0..list.len {
            let reg = list.reg(self.code(), i);
            self.put(m, Addr::at(M::ROLES.frame, first + i as i32 * 8), reg);
        }
    }

    /// Puts values into the first registers of the frame, over which they may lie themselves.
    fn replace<M: Masm>(&self, m: &mut M, list: isa::List) {
        if list.len == 1 {
            return self.pass(m, list, 0);
        }
        self.pass(m, list, self.frame_bytes);
        for i in 0..list.len as i32 {
            let from = Addr::at(M::ROLES.frame, self.frame_bytes + i * 8);
            m.store_slot(Addr::at(M::ROLES.frame, i * 8), Mem(from));
        }
    }

    /// Entries at loop heads, for activations that are in the middle of the function: offsets by pc.
    fn entries<M: Masm>(&mut self, m: &mut M) -> Vec<(Pc, u32)> {
        let heads = std::mem::take(&mut self.pins.heads);
        let entries = heads.iter().map(|&head| {
            m.buffer().reserve(4 * M::MAX_BYTES + 16 * self.pins.pinned.len());
            m.align();
            let entry = m.buffer().position();
            m.enter();
            self.reload(m);
            m.jump(Label(head));
            (Pc(head), entry)
        });
        let entries = entries.collect();
        self.pins.heads = heads;
        entries
    }

    /// Everything that hot code jumps over.
    fn out_of_line<M: Masm>(&mut self, m: &mut M) {
        let [first, second, _] = M::ROLES.scratch;
        let trapped = m.buffer().label();
        let mut is_trapped = false;
        let mut done = 0;
        // Polls may add exits.
        while let Some(&(label, exit)) = self.exits.get(done) {
            m.buffer().reserve(8 * M::MAX_BYTES);
            m.buffer().bind(label);
            match exit {
                Exit::Trap { pc, cause } => {
                    m.mov(first, Imm(abi::trap::at(pc, cause.code())));
                    m.jump(trapped);
                    is_trapped = true;
                }
                Exit::Poll { pc, resume } => {
                    // On entry nothing is in pinned registers yet.
                    if pc != abi::trap::ON_ENTRY {
                        self.spill(m);
                    }
                    Self::helper(m, Helper::Safepoint, &[InReg(M::ROLES.frame), Imm(pc.into())]);
                    self.leave_if_stopped(m);
                    if pc != abi::trap::ON_ENTRY {
                        self.reload(m);
                    }
                    m.jump(resume);
                }
            }
            done += 1;
        }
        m.buffer().bind(trapped);
        if is_trapped {
            let store = Self::store_context(m, second);
            m.store_slot(Addr::at(store, abi::store::TRAP), InReg(first));
            m.store_slot(Addr::at(store, abi::store::TRAP_FRAME), InReg(M::ROLES.frame));
            m.mov(first, Imm(Status::Trapped as u64));
            m.unwind(Addr::at(store, abi::store::SEGMENT));
        }
        if let Some(stopped) = self.stopped {
            m.buffer().bind(stopped);
            let store = Self::store_context(m, second);
            m.unwind(Addr::at(store, abi::store::SEGMENT));
        }
        for (table, targets) in std::mem::take(&mut self.tables) {
            m.buffer().reserve(targets.len() * 4 + M::MAX_BYTES);
            m.align();
            m.buffer().bind(table);
            for target in targets {
                m.table_entry(table, target);
            }
        }
    }
}

fn overflow() -> Exit {
    Exit::Trap { pc: abi::trap::ON_ENTRY, cause: TrapCause::StackOverflow }
}

impl<M: Masm> Operands<M> for Driver {
    #[inline(always)]
    fn int(&mut self, _: &mut M, lane: Lane) -> Int {
        self.int_of::<M>(self.reg(lane))
    }

    #[inline(always)]
    fn float(&mut self, _: &mut M, lane: Lane) -> Float {
        let reg = self.reg(lane);
        match self.pins.home(reg) {
            Home::Fpr(fpr) => InReg(fpr),
            Home::Slot | Home::Gpr(_) => Mem(slot::<M>(reg)),
        }
    }

    #[inline(always)]
    fn is_float(&self, lane: Lane) -> bool {
        self.floats[self.reg(lane).index()]
    }

    #[inline(always)]
    fn result(&mut self, lane: Lane) -> Gpr {
        match self.pins.home(self.reg(lane)) {
            Home::Gpr(gpr) => gpr,
            Home::Slot | Home::Fpr(_) => M::ROLES.scratch[0],
        }
    }

    #[inline(always)]
    fn define(&mut self, m: &mut M, lane: Lane, result: Gpr) {
        let reg = self.reg(lane);
        if self.pins.home(reg) == Home::Slot {
            m.store_slot(slot::<M>(reg), InReg(result));
        }
    }

    #[inline(always)]
    fn float_result(&mut self, lane: Lane) -> Fpr {
        match self.pins.home(self.reg(lane)) {
            Home::Fpr(fpr) => fpr,
            Home::Slot | Home::Gpr(_) => M::ROLES.float_scratch[0],
        }
    }

    #[inline(always)]
    fn float_define(&mut self, m: &mut M, lane: Lane, result: Fpr) {
        let reg = self.reg(lane);
        if self.pins.home(reg) == Home::Slot {
            m.store_float_slot(slot::<M>(reg), result);
        }
    }

    #[inline(always)]
    fn imm64(&mut self, _: &mut M, lane: Lane) -> Int {
        Imm(self.code().word(lane.into()))
    }

    #[inline(always)]
    fn imm32(&mut self, _: &mut M, lane: Lane) -> Int {
        Imm(self.code().half(lane.into()) as i32 as i64 as u64)
    }

    fn field(&mut self, lane: Lane, lanes: u8) -> u32 {
        match lanes {
            1 => self.code().lane(lane.into()).into(),
            _ => self.code().half(lane.into()),
        }
    }

    fn jump(&mut self, m: &mut M, target: Lane) {
        let displacement = self.target(target);
        self.poll_if_backward(m, displacement);
        m.jump(self.label_at(displacement));
    }

    fn branch(&mut self, m: &mut M, test: Test, target: Lane) {
        let displacement = self.target(target);
        self.poll_if_backward(m, displacement);
        m.jump_if(test, self.label_at(displacement));
    }

    fn branch_float(&mut self, m: &mut M, test: FloatTest, target: Lane) {
        let displacement = self.target(target);
        self.poll_if_backward(m, displacement);
        m.jump_if_float(test, self.label_at(displacement));
    }

    fn branch_table(&mut self, m: &mut M, index: Lane) {
        let (operands, _) = isa::BranchTable::read(self.code());
        let targets: Vec<i32> =
            (0..operands.targets.len).map(|i| operands.targets.target(self.code(), i)).collect();
        if targets.iter().any(|&displacement| displacement <= 0) {
            self.poll(m, self.pc as u32);
        }
        let labels: Vec<Label> = targets.iter().map(|&displacement| self.label_at(displacement)).collect();
        let Some((&last, _)) = labels.split_last() else { return };
        let place = M::ROLES.scratch[2];
        let index = self.int_of::<M>(self.reg(index));
        m.mov(place, index);
        let beyond = Imm(labels.len() as u64 - 1);
        m.jump_if(Test { cond: Cond::GeU, width: W32, a: InReg(place), b: beyond }, last);
        let table = m.buffer().label();
        m.jump_table(place, table);
        self.tables.push((table, labels));
    }

    fn trap(&mut self, m: &mut M, cause: TrapCause) {
        let label = m.buffer().label();
        m.jump(label);
        self.exits.push((label, Exit::Trap { pc: self.pc as u32, cause }));
    }

    fn trap_if(&mut self, m: &mut M, test: Test, cause: TrapCause) {
        self.trap_if_at(m, test, cause);
    }

    fn trap_if_float(&mut self, m: &mut M, test: FloatTest, cause: TrapCause) {
        let label = m.buffer().label();
        m.jump_if_float(test, label);
        self.exits.push((label, Exit::Trap { pc: self.pc as u32, cause }));
    }

    fn may_fault(&mut self, m: &mut M) {
        m.buffer().may_fault(Pc(self.pc as u32));
    }

    fn by_helper(&mut self, m: &mut M, helper: Helper) {
        m.buffer().reserve(32 * self.pins.pinned.len());
        self.spill(m);
        Self::helper(m, helper, &[InReg(M::ROLES.frame), Imm(self.pc as u64)]);
        self.leave_if_stopped(m);
        self.reload(m);
    }

    fn call(&mut self, m: &mut M) {
        let (operands, _) = isa::Call::read(self.code());
        let (frame, context) = (M::ROLES.frame, M::ROLES.context);
        m.buffer().reserve(
            32 * (operands.args.len + operands.results.len + 2 * self.pins.pinned.len() as u32) as usize,
        );
        let callee = |offset: i32| Addr::at(frame, self.frame_bytes + offset);
        self.pass(m, operands.args, self.frame_bytes);
        m.store_slot(callee(abi::frame::CALLER), InReg(frame));
        m.store_slot(callee(abi::frame::RETURN_PC), Imm(abi::frame::return_pc(self.pc as u32)));
        m.store_slot(callee(abi::frame::INSTANCE), InReg(context));
        self.spill(m);
        let entry = self.entry_of(m, operands.func);
        m.lea(W64, frame, Addr::at(frame, self.frame_bytes));
        m.call(entry);
        m.lea(W64, frame, Addr::at(frame, -self.frame_bytes));
        if self.switches {
            Self::own_instance(m);
        }
        self.reload(m);
        for i in 0..operands.results.len {
            let reg = operands.results.reg(self.code(), i);
            self.take(m, reg, Addr::at(frame, self.frame_bytes + i as i32 * 8));
        }
    }

    fn tail_call(&mut self, m: &mut M) {
        let (operands, _) = isa::TailCall::read(self.code());
        m.buffer().reserve(32 * operands.args.len as usize);
        self.poll(m, self.pc as u32);
        self.replace(m, operands.args);
        let entry = self.entry_of(m, operands.func);
        m.leave_to(entry);
    }

    fn tail_call_record(&mut self, m: &mut M) {
        m.buffer().reserve(32 * self.pins.pinned.len());
        self.spill(m);
        Self::helper(m, Helper::TailCall, &[InReg(M::ROLES.frame), Imm(self.pc as u64)]);
        let slot = M::ROLES.scratch[0];
        let (returned, go_on) = (m.buffer().label(), m.buffer().label());
        m.jump_if(Test { cond: Cond::Eq, width: W64, a: InReg(slot), b: Imm(0) }, returned);
        let is_slot = Test { cond: Cond::GtU, width: W64, a: InReg(slot), b: Imm(Status::Faulted as u64) };
        m.jump_if(is_slot, go_on);
        self.leave_if_stopped(m);
        m.buffer().bind(go_on);
        // The helper has put the callee's instance into the frame.
        Self::own_instance(m);
        m.leave_to(Addr::at(slot, abi::slot::ENTRY));
        m.buffer().bind(returned);
        m.leave();
    }

    fn ret(&mut self, m: &mut M) {
        let (operands, _) = isa::Ret::read(self.code());
        m.buffer().reserve(32 * operands.values.len as usize);
        self.replace(m, operands.values);
        m.leave();
    }
}

/// The visitor that takes each instruction to its template.
struct Translation<'t, M> {
    m: &'t mut M,
    o: &'t mut Driver,
}

macro_rules! translations {
    ($($visit:ident $op:ident $shape:ident => |$m:ident, $o:ident, $name:pat_param| $template:expr;)*) => { $(
        #[inline]
        fn $visit(&mut self, op: isa::$op, _: isa::$shape) {
            let (Translation { m: $m, o: $o }, $name) = (self, op);
            $template
        }
    )* };
}

impl<M: Masm> Visitor for Translation<'_, M> {
    type Output = ();

    translations! {
        visit_nop NopOp Nop => |_m, _o, _| ();
        visit_move MoveOp Move => |m, o, _| templates::copy(*m, *o);
        visit_const ConstOp Const => |m, o, _| templates::constant(*m, *o);
        visit_unary UnaryOp Unary => |m, o, op| templates::unary(*m, *o, op);
        visit_binary BinaryOp Binary => |m, o, op| templates::binary(*m, *o, op);
        visit_binary_imm BinaryImmOp BinaryImm => |m, o, op| templates::binary_imm(*m, *o, op);
        visit_select SelectOp Select => |m, o, _| templates::select(*m, *o);
        visit_jump JumpOp Jump => |m, o, _| templates::jump(*m, *o);
        visit_branch_unary BranchUnaryOp BranchUnary => |m, o, op| templates::branch_unary(*m, *o, op);
        visit_branch BranchOp Branch => |m, o, op| templates::branch(*m, *o, op);
        visit_branch_imm BranchImmOp BranchImm => |m, o, op| templates::branch_imm(*m, *o, op);
        visit_branch_table BranchTableOp BranchTable => |m, o, _| o.branch_table(*m, isa::BranchTable::LANES[0]);
        visit_load LoadOp Load => |m, o, op| templates::load(*m, *o, op);
        visit_load_indexed LoadIndexedOp LoadIndexed => |m, o, op| templates::load_indexed(*m, *o, op);
        visit_store StoreOp Store => |m, o, op| templates::store(*m, *o, op);
        visit_store_indexed StoreIndexedOp StoreIndexed => |m, o, op| templates::store_indexed(*m, *o, op);
        visit_memory_size MemorySizeOp MemorySize => |m, o, _| o.by_helper(*m, Helper::Step);
        visit_memory_grow MemoryGrowOp MemoryGrow => |m, o, _| o.by_helper(*m, Helper::Step);
        visit_memory_fill MemoryFillOp MemoryFill => |m, o, _| o.by_helper(*m, Helper::Step);
        visit_memory_copy MemoryCopyOp MemoryCopy => |m, o, _| o.by_helper(*m, Helper::Step);
        visit_memory_init MemoryInitOp MemoryInit => |m, o, _| o.by_helper(*m, Helper::Step);
        visit_data_drop DataDropOp DataDrop => |m, o, _| o.by_helper(*m, Helper::Step);
        visit_table_get TableGetOp TableGet => |m, o, _| o.by_helper(*m, Helper::Step);
        visit_table_set TableSetOp TableSet => |m, o, _| o.by_helper(*m, Helper::Step);
        visit_table_size TableSizeOp TableSize => |m, o, _| o.by_helper(*m, Helper::Step);
        visit_table_grow TableGrowOp TableGrow => |m, o, _| o.by_helper(*m, Helper::Step);
        visit_table_fill TableFillOp TableFill => |m, o, _| o.by_helper(*m, Helper::Step);
        visit_table_copy TableCopyOp TableCopy => |m, o, _| o.by_helper(*m, Helper::Step);
        visit_table_init TableInitOp TableInit => |m, o, _| o.by_helper(*m, Helper::Step);
        visit_elem_drop ElemDropOp ElemDrop => |m, o, _| o.by_helper(*m, Helper::Step);
        visit_ref_null RefNullOp RefNull => |m, o, _| templates::ref_null(*m, *o);
        visit_ref_is_null RefIsNullOp RefIsNull => |m, o, _| templates::ref_is_null(*m, *o);
        visit_ref_func RefFuncOp RefFunc => |m, o, _| templates::ref_func(*m, *o);
        visit_global_get GlobalGetOp GlobalGet => |m, o, _| templates::global_get(*m, *o);
        visit_global_set GlobalSetOp GlobalSet => |m, o, _| templates::global_set(*m, *o);
        visit_call CallOp Call => |m, o, _| Operands::<M>::call(*o, *m);
        visit_call_import CallImportOp CallImport => |m, o, _| o.by_helper(*m, Helper::Call);
        visit_call_indirect CallIndirectOp CallIndirect => |m, o, _| o.by_helper(*m, Helper::Call);
        visit_tail_call TailCallOp TailCall => |m, o, _| Operands::<M>::tail_call(*o, *m);
        visit_tail_call_import TailCallImportOp TailCallImport => |m, o, _| Operands::<M>::tail_call_record(*o, *m);
        visit_tail_call_indirect TailCallIndirectOp TailCallIndirect => |m, o, _| Operands::<M>::tail_call_record(*o, *m);
        visit_ret RetOp Ret => |m, o, _| Operands::<M>::ret(*o, *m);
    }

    fn visit_trap(&mut self, _: isa::TrapOp, operands: isa::Trap) {
        let cause = TrapCause::from_code(operands.cause).expect("verified");
        Operands::<M>::trap(self.o, self.m, cause);
    }
}
