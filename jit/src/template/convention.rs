//! The frame convention: how functions of all tiers but the optimizing one are entered and left.
//!
//! Who calls a function writes its arguments and the return pc into the frame behind its own, and goes to the entry with
//! that frame in the second scratch register, the function's slot in the first, and the function's context and memory in theirs. The
//! callee writes the rest of the header. It leaves the first result in `scratch[0]`, if there are several, all of them in the first
//! registers of its frame; and keeps no machine register but the frame's, and the context, unless functions of other instances may return
//! in its place.

use super::masm::Value::{Mem, Reg};
use super::masm::{Addr, Masm};
use crate::abi;

/// Start of a function.
pub(super) fn enter<M: Masm>(m: &mut M) {
    // Machines write to the cache what goes to one line at once: first to the native stack, as the call has, then to the header.
    m.enter();
    write_header(m);
    m.mov(M::ROLES.frame, Reg(M::ROLES.scratch[1]));
}

/// Writes what the callee does of the header of its frame, but the version.
pub(super) fn write_header<M: Masm>(m: &mut M) {
    let own = M::ROLES.scratch[1];
    m.store_slot(M::ROLES.in_frame(own, abi::frame::CALLER), Reg(M::ROLES.frame));
    m.store_slot(M::ROLES.in_frame(own, abi::frame::INSTANCE), Reg(M::ROLES.context));
}

/// Start of code that goes on with a function that has begun: its header is written.
pub(super) fn enter_again<M: Masm>(m: &mut M) {
    m.enter();
    m.mov(M::ROLES.frame, Reg(M::ROLES.scratch[1]));
}

/// Leaves a function for an entry, with the same frame. The entry's address is at `at`, which is not based on the second scratch register.
pub(super) fn leave_to_entry<M: Masm>(m: &mut M, at: Addr) {
    m.mov(M::ROLES.scratch[1], Reg(M::ROLES.frame));
    m.leave_to(at);
}

/// The memory of the instance whose context is in its register.
pub(super) fn memory_of_context<M: Masm>(m: &mut M) {
    let memory = M::ROLES.memory;
    m.mov(memory, Mem(Addr::at(M::ROLES.context, abi::instance::MEMORY)));
    m.mov(memory, Mem(Addr::at(memory, abi::memory::BASE)));
}

/// The context and memory of the instance that the frame belongs to.
pub(super) fn own_instance<M: Masm>(m: &mut M) {
    m.mov(M::ROLES.context, Mem(M::ROLES.in_frame(M::ROLES.frame, abi::frame::INSTANCE)));
    memory_of_context(m);
}
