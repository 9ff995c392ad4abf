//! The code that every engine needs once: the boundary between the runtime and generated code.

use bytecode_spec::ValType;

use super::buffer::Reach;
use super::convention::{enter, leave_to_entry, memory_of_context, write_header};
use super::masm::Value::{Imm, Mem, Reg};
use super::masm::Width::{W32, W64};
use super::masm::{Addr, Cond, Fpr, Gpr, IntUnary, Masm, Test};
use crate::abi::{self, Helper, Place, Status, instance, slot, store};

/// What a machine does there in its own way.
pub trait Boundary: Masm {
    /// Argument registers for integers of the [register convention](abi::Place).
    const ARGUMENTS: [Gpr; 6];
    /// A register that is none of these, nor one that optimized code wants kept.
    const FREE: Gpr;
    /// Where optimized code has its frame: the pinned register of Cranelift, which no template uses.
    const OPTIMIZED_FRAME: Gpr;

    /// A function of the host's calling convention that enters code; see [`abi::Stubs::enter`]. It keeps, below what it saves,
    /// the address that code which stops goes to, with a status in `scratch[0]`; the store context's segment leads there.
    fn enter_from_host(&mut self);
    /// Goes to where that says.
    fn stop(&mut self);
    /// Goes from the register convention, with context and slot, to the slot's entry of the frame convention, which keeps none of
    /// the registers that optimized code wants kept. They are saved, with what it has where the frame convention has the caller's
    /// frame, unless what would be returned to is this code itself: so tail calls may cross between the conventions for ever.
    fn to_frame(&mut self);
    /// Calls the function whose address is at `at`, of the host's calling convention, with the frame and the last two of
    /// `scratch`; all but the fixed roles are lost. The result is in `scratch[0]`. `at` is based on `scratch[0]`.
    fn call_runtime(&mut self, at: Addr);
}

/// The most bytes that stubs have, all together, and entries besides what they do for each parameter.
const MAX_BYTES: usize = 4096;
/// The most bytes that entries have for a parameter.
const MAX_PARAM_BYTES: usize = 32;

/// The code, and where what is in it.
pub fn stubs<M: Boundary>(mut m: M) -> (Vec<u8>, abi::Stubs) {
    m.buffer().reset(0, MAX_BYTES, Reach::Near);
    let begin = |m: &mut M| {
        m.align(16);
        m.buffer().position()
    };
    let enter = begin(&mut m);
    m.enter_from_host();
    let fault = begin(&mut m);
    // Nothing but the frame is sure to be in its register.
    m.mov(M::ROLES.context, Mem(M::ROLES.in_frame(M::ROLES.frame, abi::frame::INSTANCE)));
    stop_at(&mut m, Status::Faulted);
    let helpers = Helper::ALL.map(|helper| {
        let start = begin(&mut m);
        match helper {
            Helper::Step | Helper::Call | Helper::Safepoint | Helper::Target => call(&mut m, helper),
            Helper::TailCall | Helper::Version | Helper::Look | Helper::Hot => {
                call_for_address(&mut m, helper)
            }
            Helper::Attend => {
                let on_entry = abi::place::template(abi::trap::ON_ENTRY);
                m.mov(M::ROLES.scratch[1], Imm(on_entry));
                helpers(&mut m, M::ROLES.scratch[0], M::ROLES.context);
                call(&mut m, Helper::Safepoint);
            }
            Helper::LoopSafepoint => loop_safepoint(&mut m),
            Helper::Record => record(&mut m),
            Helper::Poll => {}
            Helper::Interpret => interpret(&mut m),
            Helper::Trap => stop_at(&mut m, Status::Trapped),
            Helper::Exit => exit(&mut m),
            Helper::ToFrame => m.to_frame(),
            Helper::Raise => {
                take_context(&mut m, M::ROLES.scratch[0]);
                stop_at(&mut m, Status::Trapped);
            }
            Helper::Stop => {
                take_context(&mut m, M::ROLES.scratch[0]);
                m.stop();
            }
        }
        start
    });
    let is_linked = m.buffer().link(M::patch);
    debug_assert!(is_linked, "there is little code");
    (m.buffer().bytes().to_vec(), abi::Stubs { enter, fault, helpers })
}

/// Stops with the frame and what `scratch[0]` says of the place.
pub(super) fn stop_at<M: Boundary>(m: &mut M, status: Status) {
    let [what, store, frame] = M::ROLES.scratch;
    m.lea(W64, frame, M::ROLES.in_frame(M::ROLES.frame, 0));
    m.mov(store, Mem(Addr::at(M::ROLES.context, instance::STORE)));
    m.store_slot(Addr::at(store, store::TRAP), Reg(what));
    m.store_slot(Addr::at(store, store::TRAP_FRAME), Reg(frame));
    m.mov(what, Imm(status as u64));
    m.stop();
}

fn call_runtime<M: Boundary>(m: &mut M, helper: Helper) {
    let table = M::ROLES.scratch[0];
    helpers(m, table, M::ROLES.context);
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

/// Keeps all pinned registers, so that functions need not: loops run through their safepoints, but seldom get here.
fn loop_safepoint<M: Boundary>(m: &mut M) {
    let (stack, stopped) = (M::ROLES.stack, m.buffer().label());
    let (pins, float_pins) = (M::ROLES.pins, M::ROLES.float_pins);
    let kept = |place: usize| Addr::at(stack, place as i32 * 8);
    let bytes = ((pins.len() + float_pins.len()) * 8).next_multiple_of(16) as i32;
    m.enter();
    m.lea(W64, stack, Addr::at(stack, -bytes));
    for (i, &pin) in pins.iter().enumerate() {
        m.store_slot(kept(i), Reg(pin));
    }
    for (i, &pin) in float_pins.iter().enumerate() {
        m.store_float(W64, kept(pins.len() + i), pin);
    }
    call_runtime(m, Helper::Safepoint);
    m.jump_if(test::<M>(Cond::Ne, 0), stopped);
    for (i, &pin) in pins.iter().enumerate() {
        m.mov(pin, Mem(kept(i)));
    }
    for (i, &pin) in float_pins.iter().enumerate() {
        m.fmov(pin, Mem(kept(pins.len() + i)));
    }
    m.lea(W64, stack, Addr::at(stack, bytes));
    m.leave();
    m.buffer().bind(stopped);
    m.stop();
}

/// Stops with what the runtime gives, if that is a status but neither 0 nor an address.
fn stop_unless_address<M: Boundary>(m: &mut M) {
    let go_on = m.buffer().label();
    m.jump_if(test::<M>(Cond::Eq, 0), go_on);
    m.jump_if(test::<M>(Cond::GtU, Status::Faulted as u64), go_on);
    m.mov(M::ROLES.context, Mem(M::ROLES.in_frame(M::ROLES.frame, abi::frame::INSTANCE)));
    m.stop();
    m.buffer().bind(go_on);
}

fn call_for_address<M: Boundary>(m: &mut M, helper: Helper) {
    m.enter();
    call_runtime(m, helper);
    stop_unless_address(m);
    m.leave();
}

/// Callers read their own context and memory again.
fn record<M: Boundary>(m: &mut M) {
    let [slot, _, record] = M::ROLES.scratch;
    let (entry, host, stopped) = (record, m.buffer().label(), m.buffer().label());
    m.mov(slot, Mem(Addr::at(record, abi::record::SLOT)));
    m.jump_if(test::<M>(Cond::Eq, 0), host);
    m.mov(M::ROLES.context, Mem(Addr::at(record, abi::record::INSTANCE)));
    m.mov(entry, Mem(Addr::at(slot, slot::ENTRY)));
    memory_of_context(m);
    m.jump_to(entry);
    m.buffer().bind(host);
    enter(m);
    call_runtime(m, Helper::Record);
    m.jump_if(test::<M>(Cond::Ne, 0), stopped);
    m.mov(slot, Mem(M::ROLES.in_frame(M::ROLES.frame, 0)));
    m.leave();
    m.buffer().bind(stopped);
    m.stop();
}

fn interpret<M: Boundary>(m: &mut M) {
    let [slot, argument, _] = M::ROLES.scratch;
    enter(m);
    m.mov(argument, Reg(slot));
    go_on(m, Helper::Interpret);
}

fn exit<M: Boundary>(m: &mut M) {
    let [first, second, _] = M::ROLES.scratch;
    let [context, argument, ..] = M::ARGUMENTS;
    let returned = m.buffer().label();
    m.enter();
    m.mov(M::ROLES.frame, Reg(M::OPTIMIZED_FRAME));
    m.mov(second, Reg(argument));
    helpers(m, first, context);
    m.call_runtime(Addr::at(first, Helper::Exit.function()));
    stop_unless_address(m);
    m.jump_if(test::<M>(Cond::Eq, 0), returned);
    m.mov(argument, Reg(first));
    m.mov(context, Mem(M::ROLES.in_frame(M::ROLES.frame, abi::frame::INSTANCE)));
    helpers(m, second, context);
    m.leave_to(Addr::at(second, Helper::ToFrame.stub()));
    m.buffer().bind(returned);
    m.mov(first, Mem(M::ROLES.in_frame(M::ROLES.frame, 0)));
    m.leave();
}

/// The table of helpers.
fn helpers<M: Masm>(m: &mut M, table: Gpr, context: Gpr) {
    m.mov(table, Mem(Addr::at(context, instance::STORE)));
    m.mov(table, Mem(Addr::at(table, store::HELPERS)));
}

/// Returns, or goes to the slot that the runtime gives.
fn go_on<M: Boundary>(m: &mut M, helper: Helper) {
    let returned = m.buffer().label();
    let slot = M::ROLES.scratch[0];
    call_runtime(m, helper);
    stop_unless_address(m);
    m.jump_if(test::<M>(Cond::Eq, 0), returned);
    m.mov(M::ROLES.context, Mem(M::ROLES.in_frame(M::ROLES.frame, abi::frame::INSTANCE)));
    memory_of_context(m);
    leave_to_entry(m, Addr::at(slot, slot::ENTRY));
    m.buffer().bind(returned);
    m.mov(slot, Mem(M::ROLES.in_frame(M::ROLES.frame, 0)));
    m.leave();
}

/// The two arguments of what optimized code goes to, and its frame.
fn take_context<M: Boundary>(m: &mut M, second: Gpr) {
    let [context, argument, ..] = M::ARGUMENTS;
    m.mov(M::ROLES.frame, Reg(M::OPTIMIZED_FRAME));
    m.mov(M::ROLES.context, Reg(context));
    m.mov(second, Reg(argument));
}

/// The entry of the frame convention of functions with these parameters whose slot has one of the register convention: it goes
/// there. It takes no native stack, so tail calls may cross between conventions for ever.
pub fn frame_entry<M: Boundary>(mut m: M, params: &[ValType]) -> Vec<u8> {
    let [context, slot, ..] = M::ARGUMENTS;
    m.buffer().reset(0, MAX_BYTES + params.len() * MAX_PARAM_BYTES, Reach::Near);
    write_header(&mut m);
    m.mov(M::OPTIMIZED_FRAME, Reg(M::ROLES.scratch[1]));
    for (i, (_, place)) in Place::of(params.iter().copied()).enumerate() {
        match place {
            Place::Int(number) => m.mov(M::ARGUMENTS[number], Mem(in_frame::<M>(i))),
            Place::Float(number) => m.fmov(Fpr(number as u8), Mem(in_frame::<M>(i))),
            Place::Frame => {}
        }
    }
    m.mov(slot, Reg(M::ROLES.scratch[0]));
    m.mov(context, Reg(M::ROLES.context));
    m.mov(M::FREE, Mem(Addr::at(slot, slot::REGISTER_ENTRY)));
    m.jump_to(M::FREE);
    m.buffer().bytes().to_vec()
}

/// The entry of the register convention of functions with these parameters whose slot has one of the frame convention.
pub fn register_entry<M: Boundary>(mut m: M, params: &[ValType]) -> Vec<u8> {
    m.buffer().reset(0, MAX_BYTES + params.len() * MAX_PARAM_BYTES, Reach::Near);
    for (i, (ty, place)) in Place::of(params.iter().copied()).enumerate() {
        let from = match place {
            Place::Int(number) => M::ARGUMENTS[number],
            Place::Float(number) => {
                m.bits_from_float(M::FREE, Fpr(number as u8));
                M::FREE
            }
            Place::Frame => continue,
        };
        // What is above the lower half is not specified.
        if matches!(ty, ValType::I32 | ValType::F32) {
            m.int_unary(IntUnary::Wrap, W32, from, Reg(from));
        }
        m.store_slot(in_frame::<M>(i), Reg(from));
    }
    helpers(&mut m, M::FREE, M::ARGUMENTS[0]);
    m.mov(M::FREE, Mem(Addr::at(M::FREE, Helper::ToFrame.stub())));
    m.jump_to(M::FREE);
    m.buffer().bytes().to_vec()
}

/// A register of the frame of optimized code.
fn in_frame<M: Boundary>(register: usize) -> Addr {
    M::ROLES.in_frame(M::OPTIMIZED_FRAME, register as i32 * 8)
}
