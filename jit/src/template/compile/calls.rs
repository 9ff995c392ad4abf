//! What calls are made of.

use bytecode_spec::isa::{self, Words};
use bytecode_spec::{FuncIndex, Op};

use super::{Driver, slot};
use crate::abi;
use crate::template::masm::Value::{Imm, Mem, Reg as InReg};
use crate::template::masm::Width::W64;
use crate::template::masm::{Addr, Gpr, Masm};
use crate::template::pins::Homes;

impl<H: Homes> Driver<H> {
    /// The entry of a function of the module; its slot is in `scratch[0]`.
    pub(super) fn entry_of<M: Masm>(&self, m: &mut M, func: FuncIndex) -> Addr {
        let slot = M::ROLES.scratch[0];
        m.mov(slot, Mem(Addr::at(M::ROLES.context, abi::instance::SLOTS)));
        let place = (func.0 - self.imported_funcs) as i32 * abi::slot::SIZE;
        if place > 0 {
            m.lea(W64, slot, Addr::at(slot, place));
        }
        Addr::at(slot, abi::slot::ENTRY)
    }

    /// The context and memory of the instance that the frame belongs to.
    pub(super) fn own_instance<M: Masm>(m: &mut M) {
        m.mov(M::ROLES.context, Mem(M::ROLES.in_frame(M::ROLES.frame, abi::frame::INSTANCE)));
        Self::memory_of(m);
    }

    /// The memory of the instance whose context is in its register.
    pub(super) fn memory_of<M: Masm>(m: &mut M) {
        let memory = M::ROLES.memory;
        m.mov(memory, Mem(Addr::at(M::ROLES.context, abi::instance::MEMORY)));
        m.mov(memory, Mem(Addr::at(memory, abi::memory::BASE)));
    }

    /// Goes over to the instance of a record, and notes it in a frame's header.
    pub(super) fn instance_of<M: Masm>(m: &mut M, record: Gpr, header: Addr) {
        let context = M::ROLES.context;
        m.mov(context, Mem(Addr::at(record, abi::record::INSTANCE)));
        m.store_slot(header, InReg(context));
        Self::memory_of(m);
    }

    /// The place of a word of the frame behind this one.
    pub(super) fn callee<M: Masm>(&self, offset: i32) -> Addr {
        M::ROLES.in_frame(M::ROLES.frame, self.frame_bytes + offset)
    }

    /// Everything before a call but what depends on the callee. Uses `scratch[0]`.
    pub(super) fn begin_call<M: Masm>(&self, m: &mut M, args: isa::List) {
        self.pass(m, args, self.frame_bytes);
        m.store_slot(self.callee::<M>(abi::frame::CALLER), InReg(M::ROLES.frame));
        m.store_slot(self.callee::<M>(abi::frame::RETURN_PC), Imm(abi::place::template(self.pc as u32)));
        for reg in self.pins.saved_by_call(self.pc) {
            self.put(m, slot::<M>(reg), reg);
        }
    }

    /// On to the frame behind this one.
    pub(super) fn go_ahead<M: Masm>(&self, m: &mut M) {
        let frame = M::ROLES.frame;
        m.lea(W64, frame, Addr::at(frame, self.frame_bytes));
    }

    /// Back from one to the frame that it was made from.
    pub(super) fn come_back<M: Masm>(&self, m: &mut M) {
        let frame = M::ROLES.frame;
        m.lea(W64, frame, Addr::at(frame, -self.frame_bytes));
    }

    /// Everything behind one.
    pub(super) fn end_call<M: Masm>(&mut self, m: &mut M, results: isa::List) {
        for reg in self.pins.saved_by_call(self.pc) {
            self.take(m, reg, slot::<M>(reg));
        }
        if results.len > 0 {
            self.settle(m, results.reg(self.code(), 0));
        }
        for i in 1..results.len {
            let reg = results.reg(self.code(), i);
            self.take(m, reg, self.callee::<M>(i as i32 * 8));
        }
    }

    /// Puts results where callers find them.
    pub(super) fn leave_results<M: Masm>(&self, m: &mut M, list: isa::List) {
        if list.len == 1 {
            self.hold(m, list.reg(self.code(), 0));
        } else if list.len > 1 {
            self.replace(m, list);
            m.mov(M::ROLES.scratch[0], Mem(M::ROLES.in_frame(M::ROLES.frame, 0)));
        }
    }

    /// The lists of the current instruction: registers that are read, and registers that are written.
    pub(super) fn lists(&self) -> (isa::List, isa::List) {
        let op = Op::from_code(self.code().lane(0)).expect("verified");
        op.info().lists(self.code()).expect("a call has lists")
    }

    /// Puts values into consecutive places, which are none of theirs.
    pub(super) fn pass<M: Masm>(&self, m: &mut M, list: isa::List, first: i32) {
        for i in 0..list.len {
            let reg = list.reg(self.code(), i);
            self.put(m, M::ROLES.in_frame(M::ROLES.frame, first + i as i32 * 8), reg);
        }
    }

    /// Puts values into the first registers of the frame, over which they may lie themselves.
    pub(super) fn replace<M: Masm>(&self, m: &mut M, list: isa::List) {
        if list.len == 1 {
            return self.pass(m, list, 0);
        }
        self.pass(m, list, self.frame_bytes);
        for i in 0..list.len as i32 {
            m.store_slot(M::ROLES.in_frame(M::ROLES.frame, i * 8), Mem(self.callee::<M>(i * 8)));
        }
    }
}
