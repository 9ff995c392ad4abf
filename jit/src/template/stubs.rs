//! The code that every engine needs once: the boundary between the runtime and generated code.

use super::buffer::Reach;
use super::masm::Value::{Imm, Mem, Reg};
use super::masm::Width::W64;
use super::masm::{Addr, Cond, Masm, Test};
use crate::abi::{self, Helper, Status, instance, store};

/// What a machine does there in its own way.
pub trait Boundary: Masm {
    /// A function of the host's calling convention that enters code; see [`abi::Stubs::enter`]. It keeps, below what it saves,
    /// the address that code which stops goes to, with a status in `scratch[0]`; the store context's segment leads there.
    fn enter_from_host(&mut self);
    /// Goes to where that says.
    fn stop(&mut self);
    /// Calls the function whose address is at `at`, of the host's calling convention, with the frame and the last two of
    /// `scratch`; all but the fixed roles are lost. The result is in `scratch[0]`. `at` is based on `scratch[0]`.
    fn call_runtime(&mut self, at: Addr);
}

/// The code, and where what is in it.
pub fn stubs<M: Boundary>(mut m: M) -> (Vec<u8>, abi::Stubs) {
    m.buffer().reset(0, Reach::Near);
    let begin = |m: &mut M| {
        m.align();
        m.buffer().position()
    };
    let enter = begin(&mut m);
    m.enter_from_host();
    let fault = begin(&mut m);
    stop_at(&mut m, Status::Faulted);
    let helpers = Helper::ALL.map(|helper| {
        let start = begin(&mut m);
        match helper {
            Helper::Step | Helper::Call | Helper::Safepoint | Helper::Target => call(&mut m, helper),
            Helper::TailCall | Helper::Version | Helper::Hot => call_for_address(&mut m, helper),
            Helper::Interpret => interpret(&mut m),
            Helper::Trap => stop_at(&mut m, Status::Trapped),
        }
        start
    });
    let is_linked = m.buffer().link(M::patch);
    debug_assert!(is_linked, "there is little code");
    (m.buffer().bytes().to_vec(), abi::Stubs { enter, fault, helpers })
}

/// Stops with the frame and what `scratch[0]` says of the place.
pub(super) fn stop_at<M: Boundary>(m: &mut M, status: Status) {
    let [what, store, _] = M::ROLES.scratch;
    m.mov(store, Mem(Addr::at(M::ROLES.context, instance::STORE)));
    m.store_slot(Addr::at(store, store::TRAP), Reg(what));
    m.store_slot(Addr::at(store, store::TRAP_FRAME), Reg(M::ROLES.frame));
    m.mov(what, Imm(status as u64));
    m.stop();
}

fn call_runtime<M: Boundary>(m: &mut M, helper: Helper) {
    let table = M::ROLES.scratch[0];
    m.mov(table, Mem(Addr::at(M::ROLES.context, instance::STORE)));
    m.mov(table, Mem(Addr::at(table, store::HELPERS)));
    m.call_runtime(Addr::at(table, helper.function()));
}

fn test<M: Masm>(cond: Cond, status: u64) -> Test {
    Test { cond, width: W64, a: Reg(M::ROLES.scratch[0]), b: Imm(status) }
}

/// Callers have found the stub through the table of helpers, which is still in `scratch[0]`.
fn call<M: Boundary>(m: &mut M, helper: Helper) {
    let stopped = m.buffer().label();
    m.enter();
    m.call_runtime(Addr::at(M::ROLES.scratch[0], helper.function()));
    m.jump_if(test::<M>(Cond::Ne, 0), stopped);
    m.leave();
    m.buffer().bind(stopped);
    m.stop();
}

/// Stops with what the runtime gives, if that is a status but neither 0 nor an address.
fn stop_unless_address<M: Boundary>(m: &mut M) {
    let go_on = m.buffer().label();
    m.jump_if(test::<M>(Cond::Eq, 0), go_on);
    m.jump_if(test::<M>(Cond::GtU, Status::Faulted as u64), go_on);
    m.stop();
    m.buffer().bind(go_on);
}

fn call_for_address<M: Boundary>(m: &mut M, helper: Helper) {
    m.enter();
    call_runtime(m, helper);
    stop_unless_address(m);
    m.leave();
}

fn interpret<M: Boundary>(m: &mut M) {
    let [slot, argument, _] = M::ROLES.scratch;
    let (frame, context, memory) = (M::ROLES.frame, M::ROLES.context, M::ROLES.memory);
    let returned = m.buffer().label();
    m.enter();
    m.mov(argument, Reg(slot));
    call_runtime(m, Helper::Interpret);
    stop_unless_address(m);
    m.jump_if(test::<M>(Cond::Eq, 0), returned);
    m.mov(context, Mem(Addr::at(frame, abi::frame::INSTANCE)));
    m.mov(memory, Mem(Addr::at(context, instance::MEMORY)));
    m.mov(memory, Mem(Addr::at(memory, abi::memory::BASE)));
    m.leave_to(Addr::at(slot, abi::slot::ENTRY));
    m.buffer().bind(returned);
    m.mov(slot, Mem(Addr::at(frame, 0)));
    m.leave();
}
