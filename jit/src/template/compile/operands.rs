//! Operands that are known, and what the driver does with them.

use bytecode_spec::isa::{self, Words};
use bytecode_spec::{Pc, TrapCause};

use super::{Driver, Exit, slot};
use crate::abi::{self, Helper};
use crate::template::convention::{leave_to_entry, own_instance};
use crate::template::masm::Value::{Imm, Mem, Reg as InReg};
use crate::template::masm::Width::{W32, W64};
use crate::template::masm::{Addr, Cond, Float, FloatTest, Fpr, Gpr, Int, Masm, Test, Width};
use crate::template::operands::{Lane, Operands};
use crate::template::pins::{Home, Homes};

impl<M: Masm, H: Homes> Operands<M> for Driver<H> {
    #[inline(always)]
    fn int(&mut self, _: &mut M, lane: Lane) -> Int {
        self.int_of::<M>(self.reg(lane))
    }

    #[inline(always)]
    fn is_at_hand(&mut self, m: &mut M, lane: Lane) -> bool {
        self.is_held(m, self.reg(lane))
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
        // Where all lie in slots, the shorter instructions for integers copy them.
        !self.pins.pinned().is_empty() && self.floats[self.reg(lane).index()]
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
        debug_assert_eq!(result, Operands::<M>::result(self, lane));
        // Nothing is pinned to a scratch register.
        if !H::PINS || result == M::ROLES.scratch[0] {
            self.settle_slot(m, self.reg(lane));
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
        debug_assert_eq!(result, Operands::<M>::float_result(self, lane));
        if !H::PINS || result == M::ROLES.float_scratch[0] {
            m.store_float(W64, slot::<M>(self.reg(lane)), result);
        }
    }

    #[inline(always)]
    fn imm64(&mut self, _: &mut M, lane: Lane) -> Int {
        Imm(self.fixed().word(lane.into()))
    }

    #[inline(always)]
    fn imm32(&mut self, _: &mut M, lane: Lane, _: Width) -> Int {
        Imm(self.fixed().half(lane.into()) as i32 as i64 as u64)
    }

    #[inline(always)]
    fn field(&mut self, _: &mut M, lane: Lane, lanes: u8) -> Int {
        Imm(match lanes {
            1 => self.fixed().lane(lane.into()).into(),
            _ => self.fixed().half(lane.into()).into(),
        })
    }

    #[inline(always)]
    fn shift(&mut self, lane: Lane) -> Int {
        Imm(self.fixed().lane(lane.into()).into())
    }

    #[inline(always)]
    fn jump(&mut self, m: &mut M, target: Lane) {
        let displacement = self.target(target);
        self.poll_if_backward(m, displacement);
        m.jump(self.label_at(displacement));
    }

    #[inline(always)]
    fn branch(&mut self, m: &mut M, test: Test, target: Lane) {
        let displacement = self.target(target);
        let mut test = test;
        if displacement <= 0 && test.a == InReg(M::ROLES.scratch[0]) {
            // It is what is held. What comes before the branch may leave for code that clobbers that.
            test.a = Mem(slot::<M>(self.held.reg));
        }
        self.poll_if_backward(m, displacement);
        m.jump_if(test, self.label_at(displacement));
    }

    #[inline(always)]
    fn branch_float(&mut self, m: &mut M, test: FloatTest, target: Lane) {
        let displacement = self.target(target);
        self.poll_if_backward(m, displacement);
        m.jump_if_float(test, self.label_at(displacement));
    }

    fn branch_table(&mut self, m: &mut M, index: Lane) {
        let (operands, _) = isa::BranchTable::read(self.code());
        let count = operands.targets.len;
        let displacements = (0..count).map(|i| operands.targets.target(self.code(), i));
        let least = displacements.min().unwrap_or(0);
        self.poll_if_backward(m, least);
        for i in 0..count {
            let label = self.label_at(operands.targets.target(self.code(), i));
            m.buffer().refer(label);
            self.targets.push(label);
        }
        let Some(&last) = self.targets.last() else { return };
        let place = M::ROLES.scratch[2];
        let index = self.int_of::<M>(self.reg(index));
        m.mov(place, index);
        let beyond = Imm(u64::from(count) - 1);
        m.jump_if(Test { cond: Cond::GeU, width: W32, a: InReg(place), b: beyond }, last);
        let table = m.buffer().label();
        m.jump_table(place, table);
        self.tables.push((table, count));
    }

    fn trap_named(&mut self, m: &mut M, lane: Lane) {
        let cause = TrapCause::from_code(self.fixed().lane(lane.into())).expect("verified");
        Operands::<M>::trap(self, m, cause);
    }

    #[inline(always)]
    fn trap(&mut self, m: &mut M, cause: TrapCause) {
        let label = m.buffer().label();
        m.jump(label);
        self.exits.push((label, Exit::Trap { pc: self.pc as u32, cause }));
    }

    #[inline(always)]
    fn trap_if(&mut self, m: &mut M, test: Test, cause: TrapCause) {
        self.trap_if_at(m, test, cause);
    }

    #[inline(always)]
    fn trap_if_float(&mut self, m: &mut M, test: FloatTest, cause: TrapCause) {
        let label = m.buffer().label();
        m.jump_if_float(test, label);
        self.exits.push((label, Exit::Trap { pc: self.pc as u32, cause }));
    }

    #[inline(always)]
    fn may_fault(&mut self, m: &mut M) {
        m.buffer().may_fault(Pc(self.pc as u32));
    }

    #[inline(always)]
    fn by_helper(&mut self, m: &mut M) {
        self.helper_on_slots(m, Helper::Step, self.pc as u32);
    }

    #[inline(always)]
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
        self.begin_call(m, operands.args);
        let entry = self.entry_of(m, operands.func);
        m.call(entry);
        if self.switches {
            own_instance(m);
        }
        self.end_call(m, operands.results);
        self.polled = u32::MAX;
    }

    fn tail_call(&mut self, m: &mut M) {
        let (operands, _) = isa::TailCall::read(self.code());
        self.poll(m);
        self.replace(m, operands.args);
        let entry = self.entry_of(m, operands.func);
        leave_to_entry(m, entry);
    }

    fn call_record(&mut self, m: &mut M) {
        let (args, results) = self.lists();
        self.begin_call(m, args);
        m.call(Addr::at(M::ROLES.context, abi::instance::CALL_RECORD));
        own_instance(m);
        self.end_call(m, results);
    }

    fn tail_call_record(&mut self, m: &mut M) {
        let (args, _) = self.lists();
        let [slot, _, record] = M::ROLES.scratch;
        let other = m.buffer().label();
        let at_slot = Mem(Addr::at(record, abi::record::SLOT));
        m.jump_if(Test { cond: Cond::Eq, width: W64, a: at_slot, b: Imm(0) }, other);
        self.exits.push((other, Exit::TailCall { pc: self.pc as u32 }));
        self.replace(m, args);
        m.mov(slot, at_slot);
        Self::instance_of(m, record);
        leave_to_entry(m, Addr::at(slot, abi::slot::ENTRY));
    }

    fn ret(&mut self, m: &mut M) {
        let (operands, _) = isa::Ret::read(self.code());
        self.leave_results(m, operands.values);
        m.leave();
    }
}
