//! What hot code jumps over or calls but seldom: entries at loop heads, exits, and what they share.

use bytecode_spec::Pc;

use super::{Driver, Exit, Shared};
use crate::abi::{self, Helper};
use crate::template::buffer::Label;
use crate::template::masm::Value::{Imm, Mem, Reg as InReg};
use crate::template::masm::Width::W64;
use crate::template::masm::{Addr, Cond, Masm, Test};

impl Driver {
    /// The place of the address of a helper's stub. Uses `scratch[0]`.
    pub(super) fn stub<M: Masm>(m: &mut M, helper: Helper) -> Addr {
        let table = Self::store_context(m, M::ROLES.scratch[0]);
        m.mov(table, Mem(Addr::at(table, abi::store::HELPERS)));
        Addr::at(table, helper.stub())
    }

    /// Calls a helper's stub for the instruction at `pc`.
    pub(super) fn helper<M: Masm>(m: &mut M, helper: Helper, pc: u32) {
        m.mov(M::ROLES.scratch[1], Imm(abi::place::template(pc)));
        let stub = Self::stub(m, helper);
        m.call(stub);
    }

    /// The same with the slots of pinned registers written and read again, which is done out of line.
    pub(super) fn helper_on_slots<M: Masm>(&mut self, m: &mut M, helper: Helper, pc: u32) {
        if self.pins.pinned.is_empty() {
            return Self::helper(m, helper, pc);
        }
        m.mov(M::ROLES.scratch[1], Imm(abi::place::template(pc)));
        let to = self.shared(m, Shared::Helper(helper));
        m.call_label(to);
    }

    /// Code that several places of the function call.
    pub(super) fn shared<M: Masm>(&mut self, m: &mut M, shared: Shared) -> Label {
        if let Some(&(label, _)) = self.shared.iter().find(|(_, known)| *known == shared) {
            return label;
        }
        let label = m.buffer().label();
        self.shared.push((label, shared));
        label
    }

    /// Emits that code.
    pub(super) fn emit_shared<M: Masm>(&self, m: &mut M) {
        for &(label, shared) in &self.shared {
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

    /// Entries at loop heads, for activations that are in the middle of the function: offsets by pc.
    pub(super) fn entries<M: Masm>(&mut self, m: &mut M) -> Vec<(Pc, u32)> {
        let heads = std::mem::take(&mut self.heads);
        let entries = heads.iter().map(|&head| {
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
        self.heads = heads;
        entries
    }

    /// Everything that hot code jumps over.
    pub(super) fn out_of_line<M: Masm>(&mut self, m: &mut M) {
        let first = M::ROLES.scratch[0];
        let trapped = m.buffer().label();
        for i in 0..self.exits.len() {
            let (label, exit) = self.exits[i];
            m.buffer().bind(label);
            match exit {
                Exit::Trap { pc, cause } => {
                    m.mov(first, Imm(abi::trap::at(abi::place::template(pc), cause.code())));
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
                    m.mov(first, Mem(self.callee::<M>(0)));
                    m.jump(resume);
                }
                Exit::TailCall { pc } => self.tail_call_by_helper(m, pc),
                Exit::Hot { pc, resume } => self.ask_for_better(m, pc, resume),
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
            m.align();
            m.buffer().bind(*table);
            for &target in targets {
                m.table_entry(*table, target);
            }
        }
    }

    /// Goes on in better code, if there is some.
    fn ask_for_better<M: Masm>(&mut self, m: &mut M, pc: u32, resume: Label) {
        let slot = M::ROLES.scratch[0];
        if pc == abi::trap::ON_ENTRY {
            Self::helper(m, Helper::Hot, pc);
            return m.jump(resume);
        }
        self.helper_on_slots(m, Helper::Hot, pc);
        m.jump_if(Test { cond: Cond::Eq, width: W64, a: InReg(slot), b: Imm(0) }, resume);
        m.leave_to(Addr::at(slot, abi::slot::ENTRY));
    }

    /// Calls the function of a record without a slot in place of this one.
    pub(super) fn tail_call_by_helper<M: Masm>(&self, m: &mut M, pc: u32) {
        let [slot, second, _] = M::ROLES.scratch;
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
        m.mov(slot, Mem(Addr::at(M::ROLES.frame, 0)));
        m.leave();
    }
}
