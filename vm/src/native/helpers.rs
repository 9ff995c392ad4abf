//! What machine code calls. It reaches these through the store context, in the order of [`Helper`].

use bytecode_spec::isa::{self, List};
use bytecode_spec::{FuncIndex, Op, TrapCause};
use strata_jit::abi::{self, Helper, Status};

use super::{at_call, has_code, interpret, run};
use crate::code::CodeSlot;
use crate::context::{FuncRecord, InstanceContext, POLL_INTERRUPT, StoreContext};
use crate::frames::{Frame, Place};
use crate::interpreter::{
    self, Code, Ended, Stop, Stopped, call_host, indirect_callee, tail_call_host, version_of,
};

pub(super) fn table() -> [*const (); Helper::COUNT] {
    let mut table = [std::ptr::null(); Helper::COUNT];
    table[Helper::Step as usize] = step as *const ();
    table[Helper::Call as usize] = call as *const ();
    table[Helper::TailCall as usize] = tail_call as *const ();
    table[Helper::Interpret as usize] = interpret_slot as *const ();
    table[Helper::Safepoint as usize] = safepoint as *const ();
    table
}

/// Keeps why machine code is to stop, and says so.
unsafe fn stop(frame: *mut u64, stopped: Stopped) -> u64 {
    // SAFETY: a frame of running code leads to its store.
    unsafe { store_of(frame).stopped.set(Some(stopped)) };
    Status::Stopped as u64
}

unsafe fn store_of<'a>(frame: *mut u64) -> &'a StoreContext {
    // SAFETY: the header is written, and contexts outlive frames.
    unsafe { &*(*Frame(frame).instance()).store }
}

/// A trap at an instruction of machine code.
fn at(frame: *mut u64, pc: u32, stop: impl Into<Stop>) -> Stopped {
    Stopped { stop: stop.into(), frame: Frame(frame), place: Place::Pc(bytecode_spec::Pc(pc)) }
}

extern "C" fn step(frame: *mut u64, pc: u32) -> u64 {
    // SAFETY: machine code calls this with its frame, pinned registers written, at an instruction of its function.
    unsafe {
        match interpreter::step(Frame(frame), pc) {
            Ok(()) => Status::Returned as u64,
            Err(stopped) => stop(frame, Stopped { place: Place::Pc(bytecode_spec::Pc(pc)), ..stopped }),
        }
    }
}

/// A call through a record: the record, or why there is none, its arguments and results.
struct RecordCall {
    record: Result<*const FuncRecord, TrapCause>,
    args: List,
    results: List,
}

/// # Safety
///
/// `pc` is a call through a record in the function of the frame.
unsafe fn record_call(frame: *mut u64, code: *const u64) -> RecordCall {
    const NO_RESULTS: List = List { first: 0, len: 0 };
    // SAFETY: by contract; the verifier bounded indices and registers.
    unsafe {
        let instance = &*Frame(frame).instance();
        let import = |func: FuncIndex| Ok(*instance.records.add(func.index()));
        let indirect = |index: bytecode_spec::Reg, table, ty| {
            indirect_callee(instance, table, *frame.add(index.index()) as u32, ty)
        };
        match Op::from_code(*code.cast::<u16>() & !crate::code::BLOCK_START) {
            Some(Op::CallImport) => {
                let (i, _) = isa::CallImport::read(Code(code));
                RecordCall { record: import(i.func), args: i.args, results: i.results }
            }
            Some(Op::CallIndirect) => {
                let (i, _) = isa::CallIndirect::read(Code(code));
                RecordCall { record: indirect(i.index, i.table, i.ty), args: i.args, results: i.results }
            }
            Some(Op::TailCallImport) => {
                let (i, _) = isa::TailCallImport::read(Code(code));
                RecordCall { record: import(i.func), args: i.args, results: NO_RESULTS }
            }
            _ => {
                let (i, _) = isa::TailCallIndirect::read(Code(code));
                RecordCall { record: indirect(i.index, i.table, i.ty), args: i.args, results: NO_RESULTS }
            }
        }
    }
}

extern "C" fn call(frame: *mut u64, pc: u32) -> u64 {
    // SAFETY: as for `step`, at a call through a record.
    unsafe {
        match call_record(frame, pc) {
            Ok(()) => Status::Returned as u64,
            Err(stopped) => stop(frame, stopped),
        }
    }
}

unsafe fn call_record(frame: *mut u64, pc: u32) -> Result<(), Stopped> {
    // SAFETY: by contract of `call`.
    unsafe {
        let version = Frame(frame).version();
        let code = (*version).entry.add(pc as usize);
        let RecordCall { record, args, results } = record_call(frame, code);
        let record = record.map_err(|cause| at(frame, pc, cause))?;
        if (*record).slot.is_null() {
            return call_host(record, Frame(frame), code, args, results).map_err(|stop| at(frame, pc, stop));
        }
        let store = store_of(frame);
        let callee_version = version_of(record);
        let callee = Frame(frame.add((*version).frame_words as usize));
        if callee.0.add((*callee_version).frame_words as usize) > store.stack_limit.get()
            || native_stack_is_short(store)
        {
            return Err(at(frame, pc, TrapCause::StackOverflow));
        }
        poll(store).map_err(|cause| at(frame, pc, cause))?;
        for i in 0..args.len {
            *callee.0.add(i as usize) = *frame.add(args.reg(Code(code), i).index());
        }
        callee.set_link(Frame(frame), abi::frame::return_pc(pc) as *const u64);
        callee.set_code(callee_version, (*record).instance);
        run(callee, callee_version)?;
        for i in 0..results.len {
            *frame.add(results.reg(Code(code), i).index()) = *callee.0.add(i as usize);
        }
        Ok(())
    }
}

extern "C" fn tail_call(frame: *mut u64, pc: u32) -> u64 {
    // SAFETY: as for `step`, at a tail call through a record.
    unsafe {
        match tail_call_record(frame, pc) {
            Ok(slot) => slot as u64,
            Err(stopped) => stop(frame, stopped),
        }
    }
}

/// Gives the callee's slot, or null when the results are in the frame.
unsafe fn tail_call_record(frame: *mut u64, pc: u32) -> Result<*const CodeSlot, Stopped> {
    // SAFETY: by contract of `tail_call`.
    unsafe {
        let version = Frame(frame).version();
        let code = (*version).entry.add(pc as usize);
        let RecordCall { record, args, .. } = record_call(frame, code);
        let record = record.map_err(|cause| at(frame, pc, cause))?;
        if (*record).slot.is_null() {
            let values =
                tail_call_host(record, Frame(frame), code, args).map_err(|stop| at(frame, pc, stop))?;
            frame.copy_from_nonoverlapping(values.as_ptr(), values.len());
            return Ok(std::ptr::null());
        }
        let store = store_of(frame);
        let callee = version_of(record);
        if frame.add((*callee).frame_words as usize) > store.stack_limit.get() {
            return Err(at(frame, pc, TrapCause::StackOverflow));
        }
        poll(store).map_err(|cause| at(frame, pc, cause))?;
        let spare = frame.add((*version).frame_words as usize);
        for i in 0..args.len {
            *spare.add(i as usize) = *frame.add(args.reg(Code(code), i).index());
        }
        std::ptr::copy(spare, frame, args.len as usize);
        Frame(frame).set_code(callee, (*record).instance);
        Ok((*record).slot)
    }
}

extern "C" fn interpret_slot(frame: *mut u64, slot: *const CodeSlot) -> u64 {
    // SAFETY: machine code calls this with the frame of a call, whose header lacks the version, and the callee's slot.
    unsafe {
        match interpret_frame(frame, slot) {
            Ok(slot) => slot as u64,
            Err(stopped) => stop(frame, stopped),
        }
    }
}

/// Gives the slot of what the function was replaced by, or null when it has returned.
unsafe fn interpret_frame(frame: *mut u64, slot: *const CodeSlot) -> Result<*const CodeSlot, Stopped> {
    // SAFETY: by contract of `interpret_slot`: the slot is one of the module of the frame's instance.
    unsafe {
        let frame = Frame(frame);
        let instance: *const InstanceContext = frame.instance();
        let module = &*(*instance).module;
        let index = slot.offset_from((*instance).slots) as u32;
        let version = std::ptr::from_ref(module.version(FuncIndex((*instance).imported_funcs + index)));
        frame.set_code(version, instance);
        let store = &*(*instance).store;
        if frame.0.add((*version).frame_words as usize) > store.stack_limit.get()
            || native_stack_is_short(store)
        {
            return Err(at_call(frame, Stop::Trap(TrapCause::StackOverflow)));
        }
        poll(store).map_err(|cause| at_call(frame, Stop::Trap(cause)))?;
        if has_code(version, instance) {
            return Ok(slot);
        }
        (*version).clear(frame);
        match interpret(frame)? {
            Ended::Returned => Ok(std::ptr::null()),
            Ended::Replaced(next) => Ok((*next).loaded().slot((*next).func)),
        }
    }
}

/// Whether the native stack has no room for another call through the host.
fn native_stack_is_short(store: &StoreContext) -> bool {
    let here = 0u8;
    std::ptr::from_ref(&here).addr() < store.native_limit.get()
}

fn poll(store: &StoreContext) -> Result<(), TrapCause> {
    if store.poll.load(std::sync::atomic::Ordering::Relaxed) == 0 {
        return Ok(());
    }
    if store.take_poll() & POLL_INTERRUPT != 0 { Err(TrapCause::Interrupted) } else { Ok(()) }
}

extern "C" fn safepoint(frame: *mut u64, pc: u32) -> u64 {
    // SAFETY: as for `step`, before the instruction, or before the function has started.
    unsafe {
        let stopped = match poll(store_of(frame)) {
            Ok(()) => return Status::Returned as u64,
            Err(cause) if pc == abi::trap::ON_ENTRY => at_call(Frame(frame), Stop::Trap(cause)),
            Err(cause) => at(frame, pc, cause),
        };
        stop(frame, stopped)
    }
}
