//! What hot code jumps over or calls but seldom: entries at loop heads, exits, and what they share.

use bytecode_spec::Pc;

use super::{Driver, Exit, Shared};
use crate::abi::{self, Helper};
use crate::template::buffer::Label;
use crate::template::convention::{enter_again, leave_to_entry, own_instance};
use crate::template::masm::Value::{Imm, Mem, Reg as InReg};
use crate::template::masm::Width::W64;
use crate::template::masm::{Addr, Cond, Gpr, Masm, Test};
use crate::template::pins::Homes;

/// So many pinned registers take no more room to read than a call of code that does.
const MAX_INLINE_RELOADS: usize = 1;

impl<H: Homes> Driver<H> {
    /// The table of helpers.
    fn helpers<M: Masm>(m: &mut M, table: Gpr) {
        Self::store_context(m, table);
        m.mov(table, Mem(Addr::at(table, abi::store::HELPERS)));
    }

    /// The place of the address of a helper's stub. Uses `scratch[0]`.
    pub(super) fn stub<M: Masm>(m: &mut M, helper: Helper) -> Addr {
        let table = M::ROLES.scratch[0];
        Self::helpers(m, table);
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
        if self.pins.pinned().is_empty() {
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

    /// Emits that code. All of it reads pinned registers in one place.
    pub(super) fn emit_shared<M: Masm>(&self, m: &mut M) {
        let [table, _, stub] = M::ROLES.scratch;
        let (common, reload) = (m.buffer().near_label(), m.buffer().label());
        let helpers = self.shared.iter().filter_map(|&(label, shared)| match shared {
            Shared::Helper(helper) => Some((label, helper)),
            Shared::Reload => None,
        });
        let count = helpers.clone().count();
        for (i, (label, helper)) in helpers.enumerate() {
            m.buffer().bind(label);
            m.mov(stub, Imm(helper.stub() as u64));
            if i + 1 < count {
                m.jump(common);
            }
        }
        if count > 0 {
            m.buffer().bind(common);
            m.enter();
            self.spill(m);
            Self::helpers(m, table);
            m.call(Addr::indexed(table, stub, 0));
            self.reload_and_leave(m, reload);
        }
        for &(label, shared) in &self.shared {
            if shared == Shared::Reload {
                m.buffer().bind(label);
                m.enter();
                if count > 0 { m.jump(reload) } else { self.reload_and_leave(m, reload) }
            }
        }
    }

    fn reload_and_leave<M: Masm>(&self, m: &mut M, reload: Label) {
        m.buffer().bind(reload);
        self.reload(m);
        m.leave();
    }

    /// Entries at loop heads, for activations that are in the middle of the function: offsets by pc.
    pub(super) fn entries<M: Masm>(&mut self, m: &mut M) -> Vec<(Pc, u32)> {
        let heads = std::mem::take(&mut self.heads);
        let entries = heads.iter().map(|&head| {
            let entry = m.buffer().position();
            enter_again(m);
            if self.pins.pinned().len() <= MAX_INLINE_RELOADS {
                self.reload(m);
            } else {
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
        // Before what goes there: short branches reach it.
        if self.exits.iter().any(|(_, exit)| matches!(exit, Exit::Trap { .. })) {
            let trapped = m.buffer().label();
            m.buffer().bind(trapped);
            let table = M::ROLES.scratch[1];
            Self::helpers(m, table);
            m.mov(table, Mem(Addr::at(table, Helper::Trap.stub())));
            m.jump_to(table);
            self.trapped = Some(trapped);
        }
        for i in 0..self.exits.len() {
            let (label, exit) = self.exits[i];
            m.buffer().bind(label);
            match exit {
                Exit::Trap { pc, cause } => {
                    m.mov(first, Imm(abi::trap::at(abi::place::template(pc), cause.code())));
                    m.jump(self.trapped.expect("there are traps"));
                }
                Exit::Poll { pc, resume } => {
                    m.mov(M::ROLES.scratch[1], Imm(abi::place::template(pc)));
                    m.call(Addr::at(M::ROLES.context, abi::instance::LOOP_SAFEPOINT));
                    m.jump(resume);
                }
                Exit::TailCall { pc } => self.tail_call_by_helper(m, pc),
                Exit::Hot { pc, resume } => self.ask_for_better(m, pc, resume),
            }
        }
        self.emit_shared(m);
        let mut targets = self.targets.iter();
        for &(table, count) in &self.tables {
            m.align(4);
            m.buffer().bind(table);
            for &target in targets.by_ref().take(count as usize) {
                m.table_entry(table, target);
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
        leave_to_entry(m, Addr::at(slot, abi::slot::ENTRY));
    }

    /// Calls the function of a record without a slot in place of this one.
    pub(super) fn tail_call_by_helper<M: Masm>(&self, m: &mut M, pc: u32) {
        let [slot, _, table] = M::ROLES.scratch;
        self.spill(m);
        Self::helper(m, Helper::TailCall, pc);
        let returned = m.buffer().label();
        m.jump_if(Test { cond: Cond::Eq, width: W64, a: InReg(slot), b: Imm(0) }, returned);
        // The stub has put the callee's instance into the frame.
        own_instance(m);
        Self::helpers(m, table);
        leave_to_entry(m, Addr::at(table, Helper::Interpret.stub()));
        m.buffer().bind(returned);
        m.mov(slot, Mem(M::ROLES.in_frame(M::ROLES.frame, 0)));
        m.leave();
    }
}
