//! Tier 1: one pass over the bytecode with all operands known.
//!
//! The frame is the interpreter's; functions are entered and left by the frame [convention]. Hot registers
//! are pinned: their slots are written before anybody may look at the frame and read again afterwards.

mod calls;
mod exits;
mod map;
mod operands;

use std::ops::Range;

use bytecode_spec::isa::{self, Fixed, MAX_FIXED_WORDS, Words, visit, visit_apart};
use bytecode_spec::{FuncIndex, Function, Op, Pc, Reg, TrapCause, VerifiedModule};

use super::buffer::{Label, Reach};
use super::convention;
use super::masm::Value::{Imm, Mem, Reg as InReg};
use super::masm::Width::W64;
use super::masm::{Addr, Cond, Gpr, Int, IntOp, Masm, Test};
use super::operands::{Lane, Operands};
use super::pins::{Home, Homes, Pins, Slots};
use super::templates::{Inlined, Translation};
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
    /// Whether the code counts calls and back edges down, in the function's slot.
    pub counts: bool,
    /// Whether activations enter the code wherever optimized code is left, and not only at loop heads.
    pub landing: bool,
}

/// Why a function stays in the interpreter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// Its code would be out of reach for branches.
    #[error("its machine code would be too large")]
    TooLarge,
    /// The module imports it, or does not have it.
    #[error("the module does not define it")]
    NotDefined,
}

/// So many bytes of code a function may have, at most: frames and branches are then within reach.
const MAX_CODE: u32 = 1 << 28;
/// For each word of bytecode, room for so many bytes of code is made at first: more than most functions take.
const USUAL_BYTES: usize = 32;
/// No position of code.
const NOWHERE: u32 = u32::MAX;
/// So many registers are cleared one by one.
const MAX_CLEARED: u32 = 20;

/// A compiler; its memory is used for one function after the other.
#[derive(Debug)]
pub struct Compiler<M> {
    masm: M,
    straight: Driver<Slots>,
    looping: Driver<Pins>,
}

/// The driver of the templates: operands are known.
#[derive(Debug, Default)]
struct Driver<H> {
    /// The code, and zeros behind it: the last instruction may be shorter than `fixed`.
    words: Vec<u64>,
    /// The current instruction.
    pc: usize,
    /// Its first words, and perhaps some of the next one.
    fixed: Fixed,
    pins: H,
    floats: Vec<bool>,
    frame_bytes: i32,
    imported_funcs: u32,
    switches: bool,
    /// Where the function's slot is, if the code counts.
    counts: Option<i32>,
    /// Where activations enter.
    heads: Vec<u32>,
    exits: Vec<(Label, Exit)>,
    /// Tables of branches, with how many targets each has.
    tables: Vec<(Label, u32)>,
    /// The targets of all tables.
    targets: Vec<Label>,
    shared: Vec<(Label, Shared)>,
    held: Held,
    /// Not 0 if a function of the module was called since control could last come from elsewhere: its entry is a safepoint.
    polled: u32,
    /// Where traps go.
    trapped: Option<Label>,
}

/// What `scratch[0]` holds.
#[derive(Debug)]
struct Held {
    /// The value of that register too.
    reg: Reg,
    /// At that position of the code.
    position: u32,
}

impl Default for Held {
    fn default() -> Held {
        Held { reg: Reg(0), position: NOWHERE }
    }
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
    Trap {
        pc: u32,
        cause: TrapCause,
    },
    /// Something asked for attention; `resume` follows.
    Poll {
        pc: u32,
        resume: Label,
    },
    /// A tail call of a record without a slot.
    TailCall {
        pc: u32,
    },
    /// Calls, or back edges to a head, are counted down; `resume` follows.
    Hot {
        pc: u32,
        resume: Label,
    },
}

impl<M: Masm> Compiler<M> {
    /// A compiler for a machine.
    pub fn new(masm: M) -> Compiler<M> {
        Compiler { masm, straight: Driver::default(), looping: Driver::default() }
    }

    /// Compiles a function.
    ///
    /// # Errors
    ///
    /// See [`Refusal`]; the function stays where it is.
    pub fn compile(&mut self, request: &Request<'_>) -> Result<CompiledCode, Refusal> {
        if !request.module.back_edges(request.func).is_empty() {
            self.looping.compile(&mut self.masm, request)
        } else {
            self.straight.compile(&mut self.masm, request)
        }
    }
}

impl<H: Homes> Driver<H> {
    fn compile<M: Masm>(&mut self, m: &mut M, request: &Request<'_>) -> Result<CompiledCode, Refusal> {
        let function = request.module.function(request.func).ok_or(Refusal::NotDefined)?;
        // Few functions are so large that it pays to look for each branch that must reach far.
        let (mut room, mut reach) = ((function.code.len() * USUAL_BYTES).min(MAX_CODE as usize), Reach::Near);
        let entries = loop {
            m.buffer().reset(function.code.len() + 1, room, reach);
            let entries = self.emit(m, request, function)?;
            if !m.buffer().had_room() {
                room = m.buffer().position() as usize;
            } else if m.buffer().link(M::patch) {
                break entries;
            } else if reach == Reach::Far {
                return Err(Refusal::TooLarge);
            } else {
                reach = Reach::Far;
            }
        };
        let faults = m.buffer().faults().to_vec();
        Ok(CompiledCode { bytes: m.buffer().bytes().to_vec(), entries, faults })
    }

    /// Writes the code but for the distances of branches; gives the entries at loop heads.
    fn emit<M: Masm>(
        &mut self,
        m: &mut M,
        request: &Request<'_>,
        function: &Function,
    ) -> Result<Vec<(Pc, u32)>, Refusal> {
        self.begin(request, function, &M::ROLES);
        self.heads.iter().for_each(|&head| m.buffer().refer(Label(head)));

        self.prologue(m, request);
        self.body(m, request.costs)?;
        let entries = self.entries(m);
        self.out_of_line(m);
        Ok(entries)
    }

    /// Writes the code of all instructions.
    // What is done once for each of them has the processor's registers to itself.
    #[inline(never)]
    fn body<M: Masm>(&mut self, m: &mut M, costs: &[u32]) -> Result<(), Refusal> {
        let mut pc = 0;
        let mut loops = 0;
        let head = |o: &Self, place: usize| o.pins.heads().get(place).map_or(usize::MAX, |&pc| pc as usize);
        let mut next_loop = head(self, loops);
        while let Some(fixed) = self.fixed_at(pc) {
            if pc == next_loop {
                loops += 1;
                next_loop = head(self, loops);
                m.align(16);
            }
            let is_target = m.buffer().bind_word(pc as u32);
            // Where control may come from elsewhere, nothing is held any more.
            self.held.position |= is_target;
            self.polled &= !is_target;
            (self.pc, self.fixed) = (pc, fixed);
            if let Some(&cost) = costs.get(pc)
                && cost > 0
            {
                self.charge(m, cost);
            }
            let op = Op::from_code(fixed[0] as u16).expect("verified");
            let mut translation = Translation { m, o: self };
            let ((), length) = if H::PINS {
                visit(op, &fixed, &mut translation)
            } else {
                // With operands of one kind, each opcode's template is short.
                visit_apart(op, &mut Inlined(translation))
            };
            pc += length;
            if m.buffer().position() > MAX_CODE {
                return Err(Refusal::TooLarge);
            }
        }
        Ok(())
    }
}

impl<H> AsRef<Fixed> for Driver<H> {
    #[inline(always)]
    fn as_ref(&self) -> &Fixed {
        &self.fixed
    }
}

fn slot<M: Masm>(reg: Reg) -> Addr {
    M::ROLES.in_frame(M::ROLES.frame, i32::from(reg.0) * 8)
}

impl<H: Homes> Driver<H> {
    fn begin(&mut self, request: &Request<'_>, function: &Function, roles: &super::masm::Roles) {
        self.words.clear();
        self.words.extend_from_slice(&function.code);
        self.words.extend([0; MAX_FIXED_WORDS]);
        self.pins.plan(request.module, request.func, roles);
        self.floats.clear();
        if H::PINS {
            self.floats.extend(
                function
                    .registers
                    .iter()
                    .map(|ty| matches!(ty, bytecode_spec::ValType::F32 | bytecode_spec::ValType::F64)),
            );
        }
        self.frame_bytes = request.frame_words as i32 * 8;
        self.imported_funcs = request.module.spaces().imported_funcs;
        self.switches = request.switches;
        let slot = |func: u32| (func - self.imported_funcs) as i32 * abi::slot::SIZE;
        self.counts = request.counts.then(|| slot(request.func.0));
        self.heads.clear();
        self.heads.extend_from_slice(self.pins.heads());
        if request.landing {
            self.add_landings();
        }
        self.exits.clear();
        self.tables.clear();
        self.targets.clear();
        self.shared.clear();
        self.held = Held::default();
        self.polled = 0;
        self.trapped = None;
    }

    /// Lets activations enter at all branches, and where they go, and behind calls.
    fn add_landings(&mut self) {
        let mut heads = std::mem::take(&mut self.heads);
        let code = self.instructions();
        isa::each_row(code, |pc, row, words, next| {
            if row.has_targets() || row.ends {
                heads.extend([pc as u32, next as u32]);
                row.each_target(words, |displacement| {
                    heads.push((pc as i64 + i64::from(displacement)) as u32);
                });
            } else if row.calls {
                heads.push(next as u32);
            }
        });
        heads.sort_unstable();
        heads.dedup();
        heads.retain(|&head| (head as usize) < code.len());
        self.heads = heads;
    }

    /// The first words of the instruction there; none behind the code.
    #[inline(always)]
    fn fixed_at(&self, pc: usize) -> Option<Fixed> {
        self.instructions().get(pc)?;
        self.words[pc..].first_chunk().copied()
    }

    /// The function's code.
    fn instructions(&self) -> &[u64] {
        &self.words[..self.words.len() - MAX_FIXED_WORDS]
    }

    /// The fixed part of the current instruction.
    #[inline(always)]
    fn fixed(&self) -> &Fixed {
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
            Home::Fpr(fpr) => m.store_float(W64, to, fpr),
            Home::Slot if to == slot::<M>(reg) => {}
            Home::Slot if self.is_held(m, reg) => m.store_slot(to, InReg(M::ROLES.scratch[0])),
            Home::Slot => m.store_slot(to, Mem(slot::<M>(reg))),
        }
    }

    /// Whether `scratch[0]` holds the value of a register.
    #[inline(always)]
    fn is_held<M: Masm>(&self, m: &mut M, reg: Reg) -> bool {
        // One branch, whose condition often changes, instead of two.
        (self.held.reg == reg) & (self.held.position == m.buffer().position())
    }

    /// Loads a register into `scratch[0]`.
    fn hold<M: Masm>(&self, m: &mut M, reg: Reg) {
        let scratch = M::ROLES.scratch[0];
        match self.pins.home(reg) {
            Home::Gpr(gpr) => m.mov(scratch, InReg(gpr)),
            Home::Fpr(fpr) => m.bits_from_float(scratch, fpr),
            Home::Slot if self.is_held(m, reg) => {}
            Home::Slot => m.mov(scratch, Mem(slot::<M>(reg))),
        }
    }

    /// Sets a register to what is in `scratch[0]`.
    fn settle<M: Masm>(&mut self, m: &mut M, reg: Reg) {
        let scratch = M::ROLES.scratch[0];
        match self.pins.home(reg) {
            Home::Gpr(gpr) => m.mov(gpr, InReg(scratch)),
            Home::Fpr(fpr) => m.float_from_bits(fpr, scratch),
            Home::Slot => self.settle_slot(m, reg),
        }
    }

    /// The same for a register that is not pinned.
    #[inline(always)]
    fn settle_slot<M: Masm>(&mut self, m: &mut M, reg: Reg) {
        m.store_slot(slot::<M>(reg), InReg(M::ROLES.scratch[0]));
        self.held = Held { reg, position: m.buffer().position() };
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
        for &reg in self.pins.pinned() {
            self.put(m, slot::<M>(reg), reg);
        }
    }

    /// Reads them again.
    fn reload<M: Masm>(&self, m: &mut M) {
        for &reg in self.pins.pinned() {
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
        let (asked, resume) = (m.buffer().label(), m.buffer().near_label());
        m.buffer().put([0; abi::object::ATTENTION as usize]);
        m.buffer().bind(asked);
        m.call(Addr::at(M::ROLES.context, abi::instance::ATTEND));
        m.jump(resume);
        m.align(8);
        debug_assert_eq!(m.buffer().position(), M::ROLES.entry);
        convention::enter(m);
        let version = M::ROLES.scratch[2];
        m.load_literal(version, abi::object::VERSION);
        m.store_slot(M::ROLES.in_frame(frame, abi::frame::VERSION), InReg(version));
        if self.counts.is_some() {
            // The function's slot is in its register yet.
            self.count_down(m, Addr::at(first, abi::slot::CALLS_LEFT), abi::trap::ON_ENTRY);
        }
        let store = Self::store_context(m, second);
        let beyond_room = self.frame_bytes - abi::store::ROOM;
        let end = if beyond_room <= 0 {
            frame
        } else {
            m.lea(W64, first, Addr::at(frame, beyond_room));
            first
        };
        let limit = Mem(Addr::at(store, abi::store::ENTRY_LIMIT));
        m.jump_if(Test { cond: Cond::GtU, width: W64, a: InReg(end), b: limit }, asked);
        let limit = Mem(Addr::at(store, abi::store::NATIVE_LIMIT));
        m.jump_if(Test { cond: Cond::LtU, width: W64, a: InReg(M::ROLES.stack), b: limit }, asked);
        m.buffer().bind(resume);
        self.clear(m, &request.clear);
        let params = request.module.func_type(request.func).params.len();
        for &reg in self.pins.pinned() {
            if reg.index() < params || request.clear.contains(&u32::from(reg.0)) {
                self.take(m, reg, slot::<M>(reg));
            }
        }
    }

    fn clear<M: Masm>(&mut self, m: &mut M, range: &Range<u32>) {
        let at = |reg: u32| M::ROLES.in_frame(M::ROLES.frame, reg as i32 * 8);
        let [zero, next, end] = M::ROLES.scratch;
        match range.len() as u32 {
            0 => return,
            count @ ..=MAX_CLEARED => return m.clear_slots(at(range.start), count),
            _ => m.mov(zero, Imm(0)),
        }
        m.lea(W64, next, at(range.start));
        m.lea(W64, end, at(range.end));
        let again = m.buffer().label();
        m.buffer().bind(again);
        m.store_slot(Addr::at(next, 0), InReg(zero));
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

    /// Counts something down, and asks for better code at the end.
    fn count_down<M: Masm>(&mut self, m: &mut M, left: Addr, pc: u32) {
        let (hot, resume) = (m.buffer().label(), m.buffer().label());
        m.count_down(left, hot);
        m.buffer().bind(resume);
        self.exits.push((hot, Exit::Hot { pc, resume }));
    }

    /// A safepoint if a displacement goes backwards, or to the instruction itself, and the loop has none yet.
    #[inline(always)]
    fn poll_if_backward<M: Masm>(&mut self, m: &mut M, displacement: i32) {
        if displacement <= 0 {
            self.poll_backward(m);
        }
    }

    #[inline(never)]
    fn poll_backward<M: Masm>(&mut self, m: &mut M) {
        if self.polled == 0 {
            self.poll(m);
        }
        // Behind the safepoint, since better code may come back at once. Before it is known whether the branch is taken:
        // testing that again does no harm.
        if let Some(slot) = self.counts {
            let slots = M::ROLES.scratch[1];
            m.mov(slots, Mem(Addr::at(M::ROLES.context, abi::instance::SLOTS)));
            self.count_down(m, Addr::at(slots, slot + abi::slot::BACK_EDGES_LEFT), self.pc as u32);
        }
    }

    fn label_at(&self, displacement: i32) -> Label {
        Label((self.pc as i64 + i64::from(displacement)) as u32)
    }

    fn target(&self, lane: Lane) -> i32 {
        self.fixed().half(lane.into()) as i32
    }
}
