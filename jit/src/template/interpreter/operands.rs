//! Operands that are fetched from the instruction stream, and what the driver does with them.

use bytecode_spec::{Kind, Pc, TrapCause, TypeRule, ValType};

use super::parts::{BACKWARD, FLOAT};
use super::{Exit, Fetched, Leaves};
use crate::abi::{self, Helper};
use crate::template::masm::Value::{Imm, Mem, Reg};
use crate::template::masm::Width::{W32, W64};
use crate::template::masm::{Access, Addr, Cond, Float, FloatTest, Fpr, Gpr, Int, IntOp, Masm, Test, Width};
use crate::template::operands::{Lane, Operands};

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

    /// Goes on with the instruction at a distance behind the current pc.
    #[inline(always)]
    pub(super) fn next<M: Masm>(m: &mut M, distance: i32) {
        let (pc, first) = (M::ROLES.interpreter.pc, M::ROLES.scratch[0]);
        m.load(Access::U16, first, Addr::at(pc, distance));
        m.lea(W64, pc, Addr::at(pc, distance));
        Self::go_to(m, first);
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
        let operands = self.part.op.info().operands;
        operands.iter().find(|operand| operand.kind == kind).map(|operand| operand.lane)
    }

    /// The counts of the current branch; the one of when it was taken is the first.
    fn counts<M: Masm>(&self) -> Option<Addr> {
        let feedback = self.operand(Kind::Feedback).filter(|_| self.profile)?;
        Some(self.word::<M>(feedback))
    }

    /// Goes where a target says, which the image has in bytes.
    #[inline(always)]
    fn take<M: Masm>(&mut self, m: &mut M, target: Lane) {
        let [first, second, taken] = M::ROLES.scratch;
        let pc = M::ROLES.interpreter.pc;
        let is_backward = self.part.kind == BACKWARD;
        if is_backward {
            self.poll(m);
        }
        let counts = self.counts::<M>();
        m.load(Access::S32W64, first, self.word::<M>(target));
        if let Some(counts) = counts {
            m.count(taken, counts);
        }
        // A sum of three would take longer, and this is what the next round of a loop waits for.
        m.int(IntOp::Add, W64, pc, Reg(pc), Imm(self.offset as u64));
        if counts.is_some() && is_backward {
            m.int(IntOp::Add, W64, pc, Reg(pc), Reg(first));
            m.int(IntOp::And, W32, second, Reg(taken), Imm(u64::from(abi::BACK_EDGES - 1)));
            m.jump_if(Test { cond: Cond::Eq, width: W32, a: Reg(second), b: Imm(1) }, self.shared.hot);
            return Self::dispatch(m);
        }
        m.load(Access::U16, second, Addr::indexed(pc, first, 0));
        m.int(IntOp::Add, W64, pc, Reg(pc), Reg(first));
        Self::go_to(m, second);
    }

    /// Counts that a branch was not taken.
    #[inline(always)]
    fn not_taken<M: Masm>(&self, m: &mut M) {
        if let Some(taken) = self.counts::<M>() {
            m.count(M::ROLES.scratch[0], Addr { disp: taken.disp + 4, ..taken });
        }
    }

    /// Where a trap goes.
    fn trap_exit<M: Masm>(&mut self, m: &mut M, cause: TrapCause) -> crate::template::buffer::Label {
        let key = (self.offset, cause);
        if let Some(&(label, _)) = self.traps.iter().find(|&&(_, known)| known == key) {
            return label;
        }
        let label = m.buffer().label();
        self.traps.push((label, key));
        label
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
        let operand = self.part.op.info().operands.iter().find(|operand| operand.lane == lane);
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
        m.store_float_slot(slot, result);
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
        let not_taken = m.buffer().label();
        m.jump_if(test.inverse(), not_taken);
        self.take(m, target);
        m.buffer().bind(not_taken);
        self.not_taken(m);
    }

    #[inline(always)]
    fn branch_float(&mut self, m: &mut M, test: FloatTest, target: Lane) {
        let not_taken = m.buffer().label();
        m.jump_if_float(test.inverse(), not_taken);
        self.take(m, target);
        m.buffer().bind(not_taken);
        self.not_taken(m);
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
        let word = Mem(Addr::at(M::ROLES.interpreter.store, abi::store::POLL));
        let (asked, resume) = (m.buffer().label(), m.buffer().label());
        m.jump_if(Test { cond: Cond::Ne, width: W32, a: word, b: Imm(0) }, asked);
        m.buffer().bind(resume);
        self.exits.push((asked, Exit::Poll { offset: self.offset, resume }));
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
