//! Operands that are fetched from the instruction stream, and what the driver does with them.

use bytecode_spec::isa::LANES_PER_WORD;
use bytecode_spec::{Kind, Op, Pc, TrapCause, TypeRule, ValType};

use super::parts::{BACKWARD, FLOAT};
use super::{Exit, Fetched, Leaves, Places};
use crate::abi::{self, Helper};
use crate::template::buffer::Label;
use crate::template::masm::Value::{Imm, Mem, Reg};
use crate::template::masm::Width::{W32, W64};
use crate::template::masm::{Access, Addr, Cond, Float, FloatTest, Fpr, Gpr, Int, IntOp, Masm, Test, Width};
use crate::template::operands::{Lane, Operands};

const WORD: usize = size_of::<u64>();
const HALF: usize = WORD / 2;

/// The lane of a branch's counts: the word behind the target.
const fn counts_behind(target: Lane) -> Lane {
    (target + 2).next_multiple_of(LANES_PER_WORD as Lane)
}

const _: () = {
    let mut i = 0;
    while i < Op::ALL.len() {
        let operands = Op::ALL[i].info().operands();
        let mut j = 0;
        while j < operands.len() {
            if matches!(operands[j].kind, Kind::Target) {
                let target = operands[j].lane;
                assert!(
                    matches!(target, 2 | 4),
                    "which half of its word it is tells where the instruction begins"
                );
                assert!(operands[j + 1].lane == counts_behind(target), "the counts follow");
            }
            j += 1;
        }
        i += 1;
    }
};

/// Emits what runs at any place, or again what was emitted for the same purpose in another handler.
#[inline(always)]
fn repeat<M: Masm>(known: &mut Places, place: usize, m: &mut M, emit: impl FnOnce(&mut M)) {
    let known = known.get_mut(place);
    if let Some(Some(code)) = known {
        return m.buffer().repeat(code.clone());
    }
    let start = m.buffer().position();
    emit(m);
    if let Some(known) = known {
        *known = Some(start..m.buffer().position());
    }
}

impl Fetched {
    /// A place in the current instruction.
    #[inline(always)]
    pub(super) fn word<M: Masm>(&self, lane: Lane) -> Addr {
        Addr::at(M::ROLES.interpreter.pc, self.offset + 2 * i32::from(lane))
    }

    /// The register for what a lane holds, and whether it has been fetched already.
    #[inline(always)]
    fn register<M: Masm>(&mut self, lane: Lane) -> (Gpr, bool) {
        let known = self.fetched[..self.used].iter().position(|&fetched| fetched == lane);
        let place = known.unwrap_or(self.used);
        if known.is_none() {
            self.fetched[place] = lane;
            self.used += 1;
        }
        (M::ROLES.interpreter.fetched[place], known.is_some())
    }

    /// Fetches a field without a sign, or a signed one of two lanes.
    #[inline(always)]
    fn fetch<M: Masm>(&mut self, m: &mut M, lane: Lane, access: Access) -> Gpr {
        let (register, is_there) = self.register::<M>(lane);
        if !is_there {
            m.load(access, register, self.word::<M>(lane));
        }
        register
    }

    /// The slot of the register that a lane names.
    #[inline(always)]
    pub(super) fn slot<M: Masm>(&mut self, m: &mut M, lane: Lane) -> Addr {
        let index = self.fetch(m, lane, Access::U16);
        M::ROLES.register(M::ROLES.frame, index)
    }

    /// Goes on with the instruction at the current offset.
    pub(super) fn next<M: Masm>(&mut self, m: &mut M) {
        let offset = self.offset;
        repeat(&mut self.known.next, offset as usize / WORD, m, |m| {
            let (pc, first) = (M::ROLES.interpreter.pc, M::ROLES.scratch[0]);
            m.load(Access::U16, first, Addr::at(pc, offset));
            m.lea(W64, pc, Addr::at(pc, offset));
            Self::go_to(m, first);
        });
    }

    /// Goes to the handler of that number.
    #[inline(always)]
    pub(super) fn go_to<M: Masm>(m: &mut M, handler: Gpr) {
        m.lea(W64, handler, Addr::indexed(M::ROLES.interpreter.handlers, handler, 3));
        m.jump_to(handler);
    }

    /// Goes on with the instruction at the pc.
    pub(super) fn dispatch<M: Masm>(m: &mut M) {
        let first = M::ROLES.scratch[0];
        m.load(Access::U16, first, Addr::at(M::ROLES.interpreter.pc, 0));
        Self::go_to(m, first);
    }

    /// The lane of the current instruction's operand of a kind.
    pub(super) fn operand(&self, kind: Kind) -> Option<Lane> {
        let operands = self.part.op.info().operands();
        operands.iter().find(|operand| operand.kind == kind).map(|operand| operand.lane)
    }

    /// The counts of the current branch, whose target a lane has; the one of when it was taken is the first.
    #[inline(always)]
    fn counts<M: Masm>(&self, target: Lane) -> Option<Addr> {
        self.profile.then(|| self.word::<M>(counts_behind(target)))
    }

    /// Goes where a target says, which the image has in bytes.
    fn take<M: Masm>(&mut self, m: &mut M, target: Lane) {
        let [first, second, taken] = M::ROLES.scratch;
        let pc = M::ROLES.interpreter.pc;
        let is_backward = self.part.kind == BACKWARD;
        let from = self.word::<M>(target);
        // It tells the offset too.
        let place = from.disp as usize / HALF;
        if is_backward {
            self.poll_at_branch(m, place);
        }
        let counts = self.counts::<M>(target);
        let asks = is_backward && self.profile;
        repeat(&mut self.known.taken[usize::from(is_backward)], place, m, |m| {
            m.load(Access::S32W64, first, from);
            if let Some(counts) = counts {
                m.count(taken, counts);
            }
            // A sum of three would take longer, and this is what the next round of a loop waits for.
            if self.offset != 0 {
                m.int(IntOp::Add, W64, pc, Reg(pc), Imm(self.offset as u64));
            }
            if asks {
                m.int(IntOp::Add, W64, pc, Reg(pc), Reg(first));
                return m.int(IntOp::And, W32, second, Reg(taken), Imm(u64::from(abi::BACK_EDGES - 1)));
            }
            m.load(Access::U16, second, Addr::indexed(pc, first, 0));
            m.int(IntOp::Add, W64, pc, Reg(pc), Reg(first));
            Self::go_to(m, second);
        });
        if asks {
            m.jump_if(Test { cond: Cond::Eq, width: W32, a: Reg(second), b: Imm(1) }, self.shared.hot);
            Self::dispatch(m);
        }
    }

    /// Counts that the branch to a target was not taken.
    fn not_taken<M: Masm>(&mut self, m: &mut M, target: Lane) {
        if let Some(Addr { base, index, disp }) = self.counts::<M>(target) {
            repeat(&mut self.known.not_taken, disp as usize / WORD, m, |m| {
                m.count(M::ROLES.scratch[0], Addr { base, index, disp: disp + HALF as i32 });
            });
        }
    }

    /// Where a trap goes.
    fn trap_exit<M: Masm>(&mut self, m: &mut M, cause: TrapCause) -> Label {
        let key = (self.offset, cause);
        if let Some(&(label, _)) = self.traps.iter().find(|&&(_, known)| known == key) {
            return label;
        }
        let label = m.buffer().label();
        self.traps.push((label, key));
        label
    }

    /// Polls before a branch is taken whose target is at a place, in halves of words from the pc.
    fn poll_at_branch<M: Masm>(&mut self, m: &mut M, place: usize) {
        if let Some(&Some(asked)) = self.known.polls.get(place) {
            return m.jump_if(Self::is_asked::<M>(), asked);
        }
        // Where this goes on, all of these go on in the same way.
        let asked = self.poll_apart(m);
        if let Some(known) = self.known.polls.get_mut(place) {
            *known = Some(asked);
        }
    }

    /// Polls, with an exit of its own.
    fn poll_apart<M: Masm>(&mut self, m: &mut M) -> Label {
        let (asked, resume) = (m.buffer().label(), m.buffer().label());
        m.jump_if(Self::is_asked::<M>(), asked);
        m.buffer().bind(resume);
        self.exits.push((asked, Exit::Poll { offset: self.offset, resume }));
        asked
    }

    /// Whether something asks for attention.
    fn is_asked<M: Masm>() -> Test {
        let word = Mem(Addr::at(M::ROLES.interpreter.store, abi::store::POLL));
        Test { cond: Cond::Ne, width: W32, a: word, b: Imm(0) }
    }

    /// The address of the current instruction, in the second scratch register.
    pub(super) fn place<M: Masm>(&self, m: &mut M) {
        m.lea(W64, M::ROLES.scratch[1], Addr::at(M::ROLES.interpreter.pc, self.offset));
    }

    /// Calls a helper's stub, and reads again what it does not keep.
    pub(super) fn helper<M: Masm>(m: &mut M, helper: Helper) {
        let store = M::ROLES.interpreter.store;
        m.mov(M::ROLES.scratch[0], Mem(Addr::at(store, abi::store::HELPERS)));
        m.call(Addr::at(M::ROLES.scratch[0], helper.stub()));
        m.mov(store, Mem(Addr::at(M::ROLES.context, abi::instance::STORE)));
    }
}

impl<M: Masm> Operands<M> for Fetched {
    #[inline(always)]
    fn int(&mut self, m: &mut M, lane: Lane) -> Int {
        if self.part.held == lane {
            return Reg(M::ROLES.interpreter.accumulator);
        }
        Mem(self.slot(m, lane))
    }

    #[inline(always)]
    fn float(&mut self, m: &mut M, lane: Lane) -> Float {
        if self.part.held == lane {
            return Reg(M::ROLES.interpreter.float_accumulator);
        }
        Mem(self.slot(m, lane))
    }

    #[inline(always)]
    fn is_float(&self, lane: Lane) -> bool {
        let operand = self.part.op.info().operands().iter().find(|operand| operand.lane == lane);
        match operand.and_then(|operand| operand.rule).and_then(TypeRule::fixed) {
            Some(ty) => matches!(ty, ValType::F32 | ValType::F64),
            None => self.part.kind == FLOAT,
        }
    }

    #[inline(always)]
    fn result(&mut self, _: Lane) -> Gpr {
        M::ROLES.interpreter.accumulator
    }

    #[inline(always)]
    fn define(&mut self, m: &mut M, lane: Lane, result: Gpr) {
        let slot = self.slot(m, lane);
        m.store_slot(slot, Reg(result));
        self.leaves = Leaves::Int(lane);
    }

    #[inline(always)]
    fn float_result(&mut self, _: Lane) -> Fpr {
        M::ROLES.interpreter.float_accumulator
    }

    #[inline(always)]
    fn float_define(&mut self, m: &mut M, lane: Lane, result: Fpr) {
        let slot = self.slot(m, lane);
        m.store_float(W64, slot, result);
        self.leaves = Leaves::Float(lane);
    }

    #[inline(always)]
    fn imm64(&mut self, _: &mut M, lane: Lane) -> Int {
        Mem(self.word::<M>(lane))
    }

    #[inline(always)]
    fn imm32(&mut self, m: &mut M, lane: Lane, width: Width) -> Int {
        match width {
            // Whoever reads 32 bits does not look at what lies behind them.
            W32 => Mem(self.word::<M>(lane)),
            W64 => Reg(self.fetch(m, lane, Access::S32W64)),
        }
    }

    #[inline(always)]
    fn field(&mut self, m: &mut M, lane: Lane, lanes: u8) -> Int {
        if self.part.has_no_offset() {
            return Imm(0);
        }
        Reg(self.fetch(m, lane, if lanes == 1 { Access::U16 } else { Access::U32 }))
    }

    #[inline(always)]
    fn shift(&mut self, lane: Lane) -> Int {
        match self.part.shift() {
            Some(shift) => Imm(shift.into()),
            // Of a count, only the lowest bits matter.
            None => Mem(self.word::<M>(lane)),
        }
    }

    #[inline(always)]
    fn jump(&mut self, m: &mut M, target: Lane) {
        self.take(m, target);
        self.goes_on = false;
    }

    #[inline(always)]
    fn branch(&mut self, m: &mut M, test: Test, target: Lane) {
        let not_taken = m.buffer().near_label();
        m.jump_if(test.inverse(), not_taken);
        self.take(m, target);
        m.buffer().bind(not_taken);
        self.not_taken(m, target);
    }

    #[inline(always)]
    fn branch_float(&mut self, m: &mut M, test: FloatTest, target: Lane) {
        let not_taken = m.buffer().near_label();
        m.jump_if_float(test.inverse(), not_taken);
        self.take(m, target);
        m.buffer().bind(not_taken);
        self.not_taken(m, target);
    }

    fn branch_table(&mut self, m: &mut M, index: Lane) {
        let [first, index_register, last] = M::ROLES.scratch;
        let [place, ..] = M::ROLES.interpreter.fetched;
        let [_, targets, feedback] = bytecode_spec::isa::BranchTable::LANES;
        /// Where the list is.
        const LIST: Lane = 8;
        self.poll(m);
        let index = self.int(m, index);
        m.mov(index_register, index);
        m.load(Access::U32, last, self.word::<M>(targets));
        m.int(IntOp::Sub, W32, last, Reg(last), Imm(1));
        let within = m.buffer().label();
        m.jump_if(Test { cond: Cond::LtU, width: W32, a: Reg(index_register), b: Reg(last) }, within);
        m.mov(index_register, Reg(last));
        m.buffer().bind(within);
        if self.profile {
            m.mov(first, Mem(self.word::<M>(feedback)));
            m.count(place, Addr::indexed(first, index_register, 2));
        }
        let list = self.word::<M>(LIST);
        m.lea(W64, place, Addr { index: Some((index_register, 2)), ..list });
        m.load(Access::S32W64, first, Addr::at(place, 0));
        let pc = M::ROLES.interpreter.pc;
        m.lea(W64, pc, Addr { disp: self.offset, ..Addr::indexed(pc, first, 0) });
        Self::dispatch(m);
        self.goes_on = false;
    }

    fn trap_named(&mut self, m: &mut M, lane: Lane) {
        m.load(Access::U16, M::ROLES.scratch[0], self.word::<M>(lane));
        self.place(m);
        m.jump(self.shared.trapped);
        self.goes_on = false;
    }

    fn trap(&mut self, _: &mut M, _: TrapCause) {
        unreachable!("only where a constant is known to trap")
    }

    #[inline(always)]
    fn trap_if(&mut self, m: &mut M, test: Test, cause: TrapCause) {
        let exit = self.trap_exit(m, cause);
        m.jump_if(test, exit);
    }

    #[inline(always)]
    fn trap_if_float(&mut self, m: &mut M, test: FloatTest, cause: TrapCause) {
        let exit = self.trap_exit(m, cause);
        m.jump_if_float(test, exit);
    }

    #[inline(always)]
    fn may_fault(&mut self, m: &mut M) {
        // In words from what the handler is for.
        m.buffer().may_fault(Pc(self.offset as u32 / 8));
    }

    fn by_helper(&mut self, m: &mut M) {
        self.place(m);
        Self::helper(m, Helper::Step);
        self.leaves = Leaves::Nothing;
    }

    #[inline(always)]
    fn poll(&mut self, m: &mut M) {
        self.poll_apart(m);
    }

    fn call(&mut self, m: &mut M) {
        self.call_defined(m);
    }

    fn tail_call(&mut self, m: &mut M) {
        self.tail_call_defined(m);
    }

    fn call_record(&mut self, m: &mut M) {
        self.call_by_record(m);
    }

    fn tail_call_record(&mut self, m: &mut M) {
        self.tail_call_by_record(m);
    }

    fn ret(&mut self, m: &mut M) {
        self.give_results(m);
    }
}
