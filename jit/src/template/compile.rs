//! Tier 1: one pass over the bytecode with all operands known.
//!
//! The frame is the interpreter's. Code enters with its frame, context and memory in their registers, its arguments in the
//! frame, and all of the header but the version written; it leaves results in the first registers of its frame. Hot registers
//! are pinned: their slots are written before anybody may look at the frame and read again afterwards.

mod map;

use std::ops::Range;

use bytecode_spec::isa::{self, MAX_FIXED_WORDS, Visitor, Words, visit};
use bytecode_spec::{FuncIndex, Function, Op, Pc, Reg, TrapCause, VerifiedModule};

use super::buffer::{Label, Reach};
use super::masm::Value::{Imm, Mem, Reg as InReg};
use super::masm::Width::{W32, W64};
use super::masm::{Addr, Cond, Float, FloatTest, Fpr, Gpr, Int, IntOp, Masm, Test};
use super::operands::{Lane, Operands};
use super::pins::{Home, Pins};
use super::templates;
use crate::abi::{self, Helper};
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
    /// Its first words, with zeros behind the end of the code.
    fixed: [u64; MAX_FIXED_WORDS],
    pins: Pins,
    floats: Vec<bool>,
    frame_bytes: i32,
    imported_funcs: u32,
    switches: bool,
    exits: Vec<(Label, Exit)>,
    tables: Vec<(Label, Vec<Label>)>,
    shared: Vec<(Label, Shared)>,
    /// Where traps go.
    trapped: Option<Label>,
}

/// Code that several places of a function call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Shared {
    /// Calls a helper's stub, pinned registers in their slots.
    Helper(Helper),
    /// Reads pinned registers from their slots.
    Reload,
}

/// Code out of line.
#[derive(Clone, Copy, Debug)]
enum Exit {
    /// The stack is short, or something asked for attention, on entry; `resume` follows.
    Entry {
        resume: Label,
    },
    Trap {
        pc: u32,
        cause: TrapCause,
    },
    /// Something asked for attention; `resume` follows.
    Poll {
        pc: u32,
        resume: Label,
    },
    /// A call of a record without a slot; `resume` follows with the results behind the frame.
    Call {
        pc: u32,
        resume: Label,
    },
    /// A tail call of one.
    TailCall {
        pc: u32,
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
        let (mut pc, mut heads) = (0, 0);
        while pc < code.len() {
            m.buffer().reserve(4 * M::MAX_BYTES);
            if o.pins.heads.get(heads) == Some(&(pc as u32)) {
                heads += 1;
                m.align();
            }
            m.buffer().bind(Label(pc as u32));
            o.begin_instruction(pc);
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
        self.shared.clear();
        self.trapped = None;
    }

    #[inline(always)]
    fn begin_instruction(&mut self, pc: usize) {
        self.pc = pc;
        let words = &self.words[pc..];
        self.fixed = match words.first_chunk() {
            Some(&first) => first,
            None => std::array::from_fn(|i| words.get(i).copied().unwrap_or(0)),
        };
    }

    /// The fixed part of the current instruction.
    #[inline(always)]
    fn fixed(&self) -> &[u64] {
        &self.fixed
    }

    fn code(&self) -> &[u64] {
        &self.words[self.pc..]
    }

    #[inline(always)]
    fn reg(&self, lane: Lane) -> Reg {
        Reg(self.fixed().lane(lane.into()))
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
            Home::Slot if to == slot::<M>(reg) => {}
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
        let (asked, resume) = (m.buffer().label(), m.buffer().label());
        let limit = Mem(Addr::at(store, abi::store::ENTRY_LIMIT));
        m.jump_if(Test { cond: Cond::GtU, width: W64, a: InReg(first), b: limit }, asked);
        let limit = Mem(Addr::at(store, abi::store::NATIVE_LIMIT));
        m.jump_if(Test { cond: Cond::LtU, width: W64, a: InReg(M::ROLES.stack), b: limit }, asked);
        m.buffer().bind(resume);
        self.exits.push((asked, Exit::Entry { resume }));
        self.clear(m, &request.clear);
        let params = request.module.func_type(request.func).params.len();
        for &reg in &self.pins.pinned {
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

    /// Whether a displacement goes backwards, or to the instruction itself.
    fn poll_if_backward<M: Masm>(&mut self, m: &mut M, displacement: i32) {
        if displacement <= 0 {
            self.poll(m);
        }
    }

    fn label_at(&self, displacement: i32) -> Label {
        Label((self.pc as i64 + i64::from(displacement)) as u32)
    }

    fn target(&self, lane: Lane) -> i32 {
        self.fixed().half(lane.into()) as i32
    }

    /// The place of the address of a helper's stub. Uses `scratch[0]`.
    fn stub<M: Masm>(m: &mut M, helper: Helper) -> Addr {
        let table = Self::store_context(m, M::ROLES.scratch[0]);
        m.mov(table, Mem(Addr::at(table, abi::store::HELPERS)));
        Addr::at(table, helper.stub())
    }

    /// Calls a helper's stub for the instruction at `pc`.
    fn helper<M: Masm>(m: &mut M, helper: Helper, pc: u32) {
        m.mov(M::ROLES.scratch[1], Imm(pc.into()));
        let stub = Self::stub(m, helper);
        m.call(stub);
    }

    /// The same with the slots of pinned registers written and read again, which is done out of line.
    fn helper_on_slots<M: Masm>(&mut self, m: &mut M, helper: Helper, pc: u32) {
        if self.pins.pinned.is_empty() {
            return Self::helper(m, helper, pc);
        }
        m.mov(M::ROLES.scratch[1], Imm(pc.into()));
        let to = self.shared(m, Shared::Helper(helper));
        m.call_label(to);
    }

    /// Code that several places of the function call.
    fn shared<M: Masm>(&mut self, m: &mut M, shared: Shared) -> Label {
        if let Some(&(label, _)) = self.shared.iter().find(|(_, known)| *known == shared) {
            return label;
        }
        let label = m.buffer().label();
        self.shared.push((label, shared));
        label
    }

    /// Emits that code.
    fn emit_shared<M: Masm>(&self, m: &mut M) {
        for &(label, shared) in &self.shared {
            m.buffer().reserve(4 * M::MAX_BYTES + 16 * self.pins.pinned.len());
            m.buffer().bind(label);
            m.enter();
            if let Shared::Helper(helper) = shared {
                self.spill(m);
                let stub = Self::stub(m, helper);
                m.call(stub);
            }
            self.reload(m);
            m.leave();
        }
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
        m.mov(M::ROLES.context, Mem(Addr::at(M::ROLES.frame, abi::frame::INSTANCE)));
        Self::memory_of(m);
    }

    /// The memory of the instance whose context is in its register.
    fn memory_of<M: Masm>(m: &mut M) {
        let memory = M::ROLES.memory;
        m.mov(memory, Mem(Addr::at(M::ROLES.context, abi::instance::MEMORY)));
        m.mov(memory, Mem(Addr::at(memory, abi::memory::BASE)));
    }

    /// Goes over to the instance of a record, and notes it in a frame's header.
    fn instance_of<M: Masm>(m: &mut M, record: Gpr, header: Addr) {
        let context = M::ROLES.context;
        m.mov(context, Mem(Addr::at(record, abi::record::INSTANCE)));
        m.store_slot(header, InReg(context));
        Self::memory_of(m);
    }

    /// The place of a word of the frame behind this one.
    fn callee<M: Masm>(&self, offset: i32) -> Addr {
        Addr::at(M::ROLES.frame, self.frame_bytes + offset)
    }

    /// Everything before a call but what depends on the callee. Uses `scratch[0]`.
    fn begin_call<M: Masm>(&self, m: &mut M, args: isa::List) {
        m.buffer().reserve(32 * (args.len as usize + 2 * self.pins.pinned.len()) + 8 * M::MAX_BYTES);
        self.pass(m, args, self.frame_bytes);
        m.store_slot(self.callee::<M>(abi::frame::CALLER), InReg(M::ROLES.frame));
        m.store_slot(self.callee::<M>(abi::frame::RETURN_PC), Imm(abi::frame::return_pc(self.pc as u32)));
        self.spill(m);
    }

    /// Everything behind one.
    fn end_call<M: Masm>(&self, m: &mut M, results: isa::List) {
        m.buffer().reserve(32 * results.len as usize);
        self.reload(m);
        for i in 0..results.len {
            let reg = results.reg(self.code(), i);
            self.take(m, reg, self.callee::<M>(i as i32 * 8));
        }
    }

    /// The lists of the current instruction: registers that are read, and registers that are written.
    fn lists(&self) -> (isa::List, isa::List) {
        let op = Op::from_code(self.code().lane(0)).expect("verified");
        op.info().lists(self.code()).expect("a call has lists")
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
            m.buffer().reserve(4 * M::MAX_BYTES);
            let entry = m.buffer().position();
            m.enter();
            if !self.pins.pinned.is_empty() {
                let reload = self.shared(m, Shared::Reload);
                m.call_label(reload);
            }
            m.jump(Label(head));
            (Pc(head), entry)
        });
        let entries = entries.collect();
        self.pins.heads = heads;
        entries
    }

    /// Everything that hot code jumps over.
    fn out_of_line<M: Masm>(&mut self, m: &mut M) {
        let first = M::ROLES.scratch[0];
        let trapped = m.buffer().label();
        for i in 0..self.exits.len() {
            let (label, exit) = self.exits[i];
            m.buffer().reserve(8 * M::MAX_BYTES);
            m.buffer().bind(label);
            match exit {
                Exit::Trap { pc, cause } => {
                    m.mov(first, Imm(abi::trap::at(pc, cause.code())));
                    m.jump(trapped);
                    self.trapped = Some(trapped);
                }
                Exit::Entry { resume } => {
                    Self::helper(m, Helper::Safepoint, abi::trap::ON_ENTRY);
                    m.jump(resume);
                }
                Exit::Poll { pc, resume } => {
                    self.helper_on_slots(m, Helper::Safepoint, pc);
                    m.jump(resume);
                }
                Exit::Call { pc, resume } => {
                    Self::helper(m, Helper::Call, pc);
                    m.jump(resume);
                }
                Exit::TailCall { pc } => self.tail_call_by_helper(m, pc),
            }
        }
        if let Some(trapped) = self.trapped {
            m.buffer().bind(trapped);
            let second = Self::store_context(m, M::ROLES.scratch[1]);
            m.mov(second, Mem(Addr::at(second, abi::store::HELPERS)));
            m.leave_to(Addr::at(second, Helper::Trap.stub()));
        }
        self.emit_shared(m);
        for (table, targets) in &self.tables {
            m.buffer().reserve(targets.len() * 4 + M::MAX_BYTES);
            m.align();
            m.buffer().bind(*table);
            for &target in targets {
                m.table_entry(*table, target);
            }
        }
    }

    /// Calls the function of a record without a slot in place of this one.
    fn tail_call_by_helper<M: Masm>(&self, m: &mut M, pc: u32) {
        let [slot, second, _] = M::ROLES.scratch;
        m.buffer().reserve(32 * self.pins.pinned.len());
        self.spill(m);
        Self::helper(m, Helper::TailCall, pc);
        let returned = m.buffer().label();
        m.jump_if(Test { cond: Cond::Eq, width: W64, a: InReg(slot), b: Imm(0) }, returned);
        // The stub has put the callee's instance into the frame.
        Self::own_instance(m);
        let table = Self::store_context(m, second);
        m.mov(table, Mem(Addr::at(table, abi::store::HELPERS)));
        m.leave_to(Addr::at(table, Helper::Interpret.stub()));
        m.buffer().bind(returned);
        m.leave();
    }
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
        Imm(self.fixed().word(lane.into()))
    }

    #[inline(always)]
    fn imm32(&mut self, _: &mut M, lane: Lane) -> Int {
        Imm(self.fixed().half(lane.into()) as i32 as i64 as u64)
    }

    fn field(&mut self, lane: Lane, lanes: u8) -> u32 {
        match lanes {
            1 => self.fixed().lane(lane.into()).into(),
            _ => self.fixed().half(lane.into()),
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
            self.poll(m);
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

    fn by_helper(&mut self, m: &mut M) {
        self.helper_on_slots(m, Helper::Step, self.pc as u32);
    }

    fn poll(&mut self, m: &mut M) {
        let store = Self::store_context(m, M::ROLES.scratch[1]);
        let word = Mem(Addr::at(store, abi::store::POLL));
        let asked = m.buffer().label();
        m.jump_if(Test { cond: Cond::Ne, width: W32, a: word, b: Imm(0) }, asked);
        let resume = m.buffer().label();
        m.buffer().bind(resume);
        self.exits.push((asked, Exit::Poll { pc: self.pc as u32, resume }));
    }

    fn call(&mut self, m: &mut M) {
        let (operands, _) = isa::Call::read(self.code());
        let (frame, context) = (M::ROLES.frame, M::ROLES.context);
        self.begin_call(m, operands.args);
        m.store_slot(self.callee::<M>(abi::frame::INSTANCE), InReg(context));
        let entry = self.entry_of(m, operands.func);
        m.lea(W64, frame, self.callee::<M>(0));
        m.call(entry);
        m.lea(W64, frame, Addr::at(frame, -self.frame_bytes));
        if self.switches {
            Self::own_instance(m);
        }
        self.end_call(m, operands.results);
    }

    fn tail_call(&mut self, m: &mut M) {
        let (operands, _) = isa::TailCall::read(self.code());
        m.buffer().reserve(32 * operands.args.len as usize);
        self.poll(m);
        self.replace(m, operands.args);
        let entry = self.entry_of(m, operands.func);
        m.leave_to(entry);
    }

    fn call_record(&mut self, m: &mut M) {
        let (args, results) = self.lists();
        let frame = M::ROLES.frame;
        let [slot, _, record] = M::ROLES.scratch;
        self.begin_call(m, args);
        m.mov(slot, Mem(Addr::at(record, abi::record::SLOT)));
        let (other, resume) = (m.buffer().label(), m.buffer().label());
        m.jump_if(Test { cond: Cond::Eq, width: W64, a: InReg(slot), b: Imm(0) }, other);
        self.exits.push((other, Exit::Call { pc: self.pc as u32, resume }));
        Self::instance_of(m, record, self.callee::<M>(abi::frame::INSTANCE));
        m.lea(W64, frame, self.callee::<M>(0));
        m.call(Addr::at(slot, abi::slot::ENTRY));
        m.lea(W64, frame, Addr::at(frame, -self.frame_bytes));
        Self::own_instance(m);
        m.buffer().bind(resume);
        self.end_call(m, results);
    }

    fn tail_call_record(&mut self, m: &mut M) {
        let (args, _) = self.lists();
        let [slot, _, record] = M::ROLES.scratch;
        m.buffer().reserve(32 * args.len as usize);
        let other = m.buffer().label();
        let at_slot = Mem(Addr::at(record, abi::record::SLOT));
        m.jump_if(Test { cond: Cond::Eq, width: W64, a: at_slot, b: Imm(0) }, other);
        self.exits.push((other, Exit::TailCall { pc: self.pc as u32 }));
        self.replace(m, args);
        m.mov(slot, at_slot);
        Self::instance_of(m, record, Addr::at(M::ROLES.frame, abi::frame::INSTANCE));
        m.leave_to(Addr::at(slot, abi::slot::ENTRY));
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
        visit_memory_size MemorySizeOp MemorySize => |m, o, _| templates::memory_size(*m, *o);
        visit_memory_grow MemoryGrowOp MemoryGrow => |m, o, _| o.by_helper(*m);
        visit_memory_fill MemoryFillOp MemoryFill => |m, o, _| o.by_helper(*m);
        visit_memory_copy MemoryCopyOp MemoryCopy => |m, o, _| o.by_helper(*m);
        visit_memory_init MemoryInitOp MemoryInit => |m, o, _| o.by_helper(*m);
        visit_data_drop DataDropOp DataDrop => |m, o, _| o.by_helper(*m);
        visit_table_get TableGetOp TableGet => |m, o, _| templates::table_get(*m, *o);
        visit_table_set TableSetOp TableSet => |m, o, _| templates::table_set(*m, *o);
        visit_table_size TableSizeOp TableSize => |m, o, _| templates::table_size(*m, *o);
        visit_table_grow TableGrowOp TableGrow => |m, o, _| o.by_helper(*m);
        visit_table_fill TableFillOp TableFill => |m, o, _| o.by_helper(*m);
        visit_table_copy TableCopyOp TableCopy => |m, o, _| o.by_helper(*m);
        visit_table_init TableInitOp TableInit => |m, o, _| o.by_helper(*m);
        visit_elem_drop ElemDropOp ElemDrop => |m, o, _| o.by_helper(*m);
        visit_ref_null RefNullOp RefNull => |m, o, _| templates::ref_null(*m, *o);
        visit_ref_is_null RefIsNullOp RefIsNull => |m, o, _| templates::ref_is_null(*m, *o);
        visit_ref_func RefFuncOp RefFunc => |m, o, _| templates::ref_func(*m, *o);
        visit_global_get GlobalGetOp GlobalGet => |m, o, _| templates::global_get(*m, *o);
        visit_global_set GlobalSetOp GlobalSet => |m, o, _| templates::global_set(*m, *o);
        visit_call CallOp Call => |m, o, _| Operands::<M>::call(*o, *m);
        visit_call_import CallImportOp CallImport => |m, o, _| templates::call_import(*m, *o);
        visit_call_indirect CallIndirectOp CallIndirect => |m, o, _| templates::call_indirect(*m, *o);
        visit_tail_call TailCallOp TailCall => |m, o, _| Operands::<M>::tail_call(*o, *m);
        visit_tail_call_import TailCallImportOp TailCallImport => |m, o, _| templates::tail_call_import(*m, *o);
        visit_tail_call_indirect TailCallIndirectOp TailCallIndirect => |m, o, _| templates::tail_call_indirect(*m, *o);
        visit_ret RetOp Ret => |m, o, _| Operands::<M>::ret(*o, *m);
    }

    fn visit_trap(&mut self, _: isa::TrapOp, operands: isa::Trap) {
        let cause = TrapCause::from_code(operands.cause).expect("verified");
        Operands::<M>::trap(self.o, self.m, cause);
    }
}
