//! What calls are made of.

use bytecode_spec::isa::{self, Words};
use bytecode_spec::{FuncIndex, Op};

use super::{Driver, slot};
use crate::abi;
use crate::template::convention::memory_of_context;
use crate::template::masm::Value::{Imm, Mem, Reg as InReg};
use crate::template::masm::Width::W64;
use crate::template::masm::{Addr, Gpr, IntOp, Masm};
use crate::template::pins::Homes;

impl<H: Homes> Driver<H> {
    /// The entry of a function of the module; its slot is in `scratch[0]`.
    pub(super) fn entry_of<M: Masm>(&self, m: &mut M, func: FuncIndex) -> Addr {
        let slot = M::ROLES.scratch[0];
        m.mov(slot, Mem(Addr::at(M::ROLES.context, abi::instance::SLOTS)));
        let place = (func.0 - self.imported_funcs) as i32 * abi::slot::SIZE;
        if place > 0 {
            m.int(IntOp::Add, W64, slot, InReg(slot), Imm(place as u64));
        }
        Addr::at(slot, abi::slot::ENTRY)
    }

    /// Goes over to the instance of a record.
    pub(super) fn instance_of<M: Masm>(m: &mut M, record: Gpr) {
        m.mov(M::ROLES.context, Mem(Addr::at(record, abi::record::INSTANCE)));
        memory_of_context(m);
    }

    /// The place of a word of the frame behind this one.
    pub(super) fn callee<M: Masm>(&self, offset: i32) -> Addr {
        M::ROLES.in_frame(M::ROLES.frame, self.frame_bytes + offset)
    }

    /// Everything before a call but what depends on the callee, whose frame is in `scratch[1]` then. Uses `scratch[0]`.
    pub(super) fn begin_call<M: Masm>(&mut self, m: &mut M, args: isa::List) {
        let callee = M::ROLES.scratch[1];
        let start = m.buffer().position();
        self.pins.turn_to_call(self.pc);
        // One frame after the other: machines write to the cache what goes to one line at once.
        for reg in self.pins.saved_by_call() {
            self.put(m, slot::<M>(reg), reg);
        }
        m.lea(W64, callee, Addr::at(M::ROLES.frame, self.frame_bytes));
        // What is held still is.
        if self.held.position == start {
            self.held.position = m.buffer().position();
        }
        // Displacements from there are short.
        self.pass(m, args, |offset| M::ROLES.in_frame(callee, offset));
        let return_pc = Imm(abi::place::template(self.pc as u32));
        m.store_slot(M::ROLES.in_frame(callee, abi::frame::RETURN_PC), return_pc);
    }

    /// Everything behind one.
    pub(super) fn end_call<M: Masm>(&mut self, m: &mut M, results: isa::List) {
        for reg in self.pins.saved_by_call() {
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

    /// Puts values into consecutive places, by offset from the first; they are none of theirs.
    fn pass<M: Masm>(&self, m: &mut M, list: isa::List, place: impl Fn(i32) -> Addr) {
        for i in 0..list.len {
            let reg = list.reg(self.code(), i);
            self.put(m, place(i as i32 * 8), reg);
        }
    }

    /// Puts values into the first registers of the frame, over which they may lie themselves.
    pub(super) fn replace<M: Masm>(&self, m: &mut M, list: isa::List) {
        if list.len == 1 {
            return self.pass(m, list, |offset| M::ROLES.in_frame(M::ROLES.frame, offset));
        }
        self.pass(m, list, |offset| self.callee::<M>(offset));
        for i in 0..list.len as i32 {
            m.store_slot(M::ROLES.in_frame(M::ROLES.frame, i * 8), Mem(self.callee::<M>(i * 8)));
        }
    }
}
