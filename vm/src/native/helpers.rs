//! What machine code calls. It reaches these through the store context, in the order of [`Helper`].

use bytecode_spec::{FuncIndex, Op, Pc, TrapCause, isa};
use strata_jit::abi::{self, Helper, Status};

use std::sync::atomic::Ordering;

use super::{Pauses, at_call, enter_code, has_code, interpret, run};
use crate::code::{CodeSlot, SideExit, Version};
use crate::context::{FuncRecord, InstanceContext, POLL_INTERRUPT, StoreContext};
use crate::frames::{Frame, Place, function_at};
use crate::interpreter::{self, Code, Ended, Stop, Stopped, enter_host, tail_call_host, version_of};
use crate::tiering::policy::Event;
use crate::trap::Tier;

/// The function that does what a helper is for; null for those that have none.
pub(super) fn function(helper: Helper) -> *const () {
    match helper {
        Helper::Step => step as *const (),
        Helper::Call => call as *const (),
        Helper::TailCall => tail_call as *const (),
        Helper::Safepoint => safepoint as *const (),
        Helper::Interpret => interpret_slot as *const (),
        Helper::Version => version as *const (),
        Helper::Look => look as *const (),
        Helper::Target => target as *const (),
        Helper::Hot => hot as *const (),
        Helper::Exit => exit as *const (),
        Helper::Record => call_from_behind as *const (),
        Helper::Poll => poll_at as *const (),
        Helper::Trap
        | Helper::Raise
        | Helper::Stop
        | Helper::ToFrame
        | Helper::Attend
        | Helper::LoopSafepoint => std::ptr::null(),
    }
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
fn at(frame: *mut u64, place: u64, stop: impl Into<Stop>) -> Stopped {
    Stopped { stop: stop.into(), frame: Frame(frame), place: Place::named(place) }
}

extern "C" fn step(frame: *mut u64, place: u64) -> u64 {
    // SAFETY: machine code calls this with its frame, pinned registers written, at an instruction of its function.
    unsafe {
        let pc = (*Frame(frame).version()).pc_named(place);
        match interpreter::step(Frame(frame), pc.0) {
            Ok(()) => Status::Returned as u64,
            Err(stopped) => stop(frame, Stopped { place: Place::named(place), ..stopped }),
        }
    }
}

extern "C" fn call(frame: *mut u64, place: u64, record: *const FuncRecord) -> u64 {
    // SAFETY: as for `step`, at a call through a record, arguments and link in the frame behind.
    unsafe {
        let (function, words) = function_at(&*Frame(frame).version(), Place::named(place));
        let callee = frame.add(words + function.frame_words as usize);
        match call_record(frame, place, record, Frame(callee)) {
            Ok(()) => Status::Returned as u64,
            Err(stopped) => stop(frame, stopped),
        }
    }
}

extern "C" fn call_from_behind(frame: *mut u64, _: u64, record: *const FuncRecord) -> u64 {
    // SAFETY: as for `call`, but that the frame is the one behind: its link is written, and leads to the frame of a module's function,
    // which has called the record's.
    unsafe {
        let callee = Frame(frame);
        if !(*record).slot.is_null() {
            return call_module_from_behind(callee, record);
        }
        match enter_host(record, callee.caller().instance(), callee) {
            Ok(()) => Status::Returned as u64,
            Err(why) => stop_behind(callee, why),
        }
    }
}

/// The same for a function of a module, whose instance runs no machine code. Apart, so that calls of the host's functions save nothing for
/// it.
#[cold]
#[inline(never)]
unsafe fn call_module_from_behind(callee: Frame, record: *const FuncRecord) -> u64 {
    // SAFETY: as in `call_from_behind`, whose frame and record these are; the record is that of a module's function.
    unsafe {
        let caller = callee.caller().0;
        match call_record(caller, callee.return_pc().addr() as u64, record, callee) {
            Ok(()) => Status::Returned as u64,
            Err(stopped) => stop(caller, stopped),
        }
    }
}

/// As [`stop`], at the call whose frame is behind. Apart for the same reason.
#[cold]
#[inline(never)]
unsafe fn stop_behind(callee: Frame, why: Stop) -> u64 {
    // SAFETY: the link is written.
    unsafe {
        let caller = callee.caller().0;
        stop(caller, at(caller, callee.return_pc().addr() as u64, why))
    }
}

unsafe fn call_record(
    frame: *mut u64,
    place: u64,
    record: *const FuncRecord,
    callee: Frame,
) -> Result<(), Stopped> {
    // SAFETY: by contract of `call`. The caller's function has tested that its frame ends below the stack's limit.
    unsafe {
        let caller = Frame(frame);
        if (*record).slot.is_null() {
            return enter_host(record, caller.instance(), callee).map_err(|stop| at(frame, place, stop));
        }
        let store = store_of(frame);
        let version = version_of(record);
        if callee.0.add((*version).frame_words as usize) > store.stack_limit.get()
            || native_stack_is_short(store)
        {
            return Err(at(frame, place, TrapCause::StackOverflow));
        }
        poll(store).map_err(|cause| at(frame, place, cause))?;
        callee.set_code(version, (*record).instance);
        run(callee, version)
    }
}

extern "C" fn tail_call(frame: *mut u64, place: u64, record: *const FuncRecord) -> u64 {
    // SAFETY: as for `step`, at a tail call through a record.
    unsafe {
        match tail_call_record(frame, place, record) {
            Ok(slot) => slot as u64,
            Err(stopped) => stop(frame, stopped),
        }
    }
}

/// Gives the callee's slot, or null when the results are in the frame.
unsafe fn tail_call_record(
    frame: *mut u64,
    place: u64,
    record: *const FuncRecord,
) -> Result<*const CodeSlot, Stopped> {
    // SAFETY: by contract of `tail_call`; the stack has room for arguments behind every frame.
    unsafe {
        let version = Frame(frame).version();
        let code = (*version).function().code.as_ptr().add((*version).pc_named(place).index());
        let args = match Op::from_code(*code.cast::<u16>()) {
            Some(Op::TailCallImport) => isa::TailCallImport::read(Code(code)).0.args,
            _ => isa::TailCallIndirect::read(Code(code)).0.args,
        };
        if (*record).slot.is_null() {
            let return_pc = Place::named(place).return_pc();
            let values = tail_call_host(record, Frame(frame), code, return_pc, args)
                .map_err(|stop| at(frame, place, stop))?;
            frame.copy_from_nonoverlapping(values.as_ptr(), values.len());
            return Ok(std::ptr::null());
        }
        let spare = frame.add((*version).frame_words as usize);
        for i in 0..args.len {
            *spare.add(i as usize) = *frame.add(args.reg(Code(code), i).index());
        }
        std::ptr::copy(spare, frame, args.len as usize);
        Frame(frame).set_code(version_of(record), (*record).instance);
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
        let version = version_at(instance, slot);
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
        Ok(slot_of(interpret(frame, Pc(0))?))
    }
}

/// The slot of what goes on, or null.
unsafe fn slot_of(ended: Ended) -> *const CodeSlot {
    match ended {
        Ended::Returned => std::ptr::null(),
        // SAFETY: a version that runs.
        Ended::Replaced(next) => unsafe { (*next).slot },
    }
}

extern "C" fn hot(frame: *mut u64, place: u64) -> *const CodeSlot {
    // SAFETY: template code calls this with its frame, pinned registers written, on entry or at a branch.
    unsafe {
        let version = &*Frame(frame).version();
        pauses(version).during(|| look_up(frame, version, place))
    }
}

/// What is counted as a pause of code of a version.
fn pauses(version: &Version) -> &Pauses {
    version.loaded().engine.native().expect("there is code").pauses()
}

/// Where an activation of template code goes on, if that is in better code; else null.
unsafe fn look_up(frame: *mut u64, version: &Version, place: u64) -> *const CodeSlot {
    // SAFETY: by contract of `hot`.
    unsafe {
        if place == abi::place::template(abi::trap::ON_ENTRY) {
            version.count_calls();
            return std::ptr::null();
        }
        let pc = version.pc_named(place);
        let Some(head) = interpreter::target_of_branch(Frame(frame), pc.0) else {
            // It does not go back, which leaves the counter at zero.
            version.ask_soon();
            return std::ptr::null();
        };
        version.count_back_edges(head)
    }
}

extern "C" fn exit(frame: *mut u64, side: *const SideExit) -> u64 {
    // SAFETY: optimized code goes here with its frame, live registers written, by a side exit of its own.
    unsafe {
        let (version, side) = (&*Frame(frame).version(), &*side);
        let is_landed = pauses(version).during(|| version.exited(side));
        let place = Place::named(side.exit.place);
        let pc = match place.outermost_call() {
            None => side.pc,
            Some(call) => match finish_inlined(Frame(frame), version, place) {
                Ok(()) => version.behind(call.pc(version)),
                Err(stopped) => return stop(frame, stopped),
            },
        };
        if is_landed {
            return &raw const side.landing as u64;
        }
        match interpret(Frame(frame), pc) {
            Ok(ended) => slot_of(ended) as u64,
            Err(stopped) => stop(frame, stopped),
        }
    }
}

/// Lets activations of inlined functions go on, at a place in optimized code of `version`, until the outermost has returned and its results
/// are where its call wants them.
///
/// # Safety
///
/// The frame is the one of that code, and live registers of all frames are written.
unsafe fn finish_inlined(frame: Frame, version: &Version, place: Place) -> Result<(), Stopped> {
    // SAFETY: by contract; headers are written before anything runs. Verified calls have as many results as their callees, whose frames have
    // room for these, as the callers' have for the registers that they go to.
    unsafe {
        let (mut inner, mut inlined) = rebuild(frame, version, place);
        let mut pc = place.pc(inlined);
        let mut within = place;
        while let Place::Inlined { call, .. } = within {
            go_on(inner, inlined, pc)?;
            within = Place::named(call);
            let (outer, caller) = (inner.caller(), function_at(version, within).0);
            let at = within.pc(caller);
            let words = &caller.function().code[at.index()..];
            for (i, reg) in isa::OpRow::of(words).defs(words).enumerate() {
                *outer.0.add(reg.index()) = *inner.0.add(i);
            }
            (inner, inlined, pc) = (outer, caller, caller.behind(at));
        }
        Ok(())
    }
}

/// Writes the headers of the frames of inlined functions, as if they had been called from code of the template compiler; gives the innermost
/// one, and its function.
///
/// # Safety
///
/// As for [`finish_inlined`]. Code with inlined functions only starts where [`abi::frame::INLINED`] words behind its frame are the store's.
unsafe fn rebuild(frame: Frame, version: &Version, place: Place) -> (Frame, &Version) {
    let Place::Inlined { call, .. } = place else { return (frame, version) };
    let call = Place::named(call);
    // SAFETY: by contract: frames of inlined functions, and their headers, lie in these words.
    unsafe {
        let (caller, function) = rebuild(frame, version, call);
        let callee = Frame(caller.0.add(function.frame_words as usize));
        callee.set_link(caller, Place::Pc(call.pc(function), Tier::Template).return_pc());
        let inlined = function_at(version, place).0;
        callee.set_code(inlined, frame.instance());
        (callee, inlined)
    }
}

/// Goes on with an activation up to its return: results are then in its first registers.
///
/// # Safety
///
/// The frame's header and live registers are written; an optimized function can be left at `pc`, or behind a call there.
unsafe fn go_on(frame: Frame, version: &Version, pc: Pc) -> Result<(), Stopped> {
    // SAFETY: by contract.
    unsafe {
        if let Some(entry) = version.landing_at(pc) {
            return enter_code(frame, version, entry, version.slot);
        }
        match interpret(frame, pc)? {
            Ended::Returned => Ok(()),
            Ended::Replaced(next) => run(frame, next),
        }
    }
}

/// Whether the native stack has no room for another call through the host.
fn native_stack_is_short(store: &StoreContext) -> bool {
    let here = 0u8;
    std::ptr::from_ref(&here).addr() < store.native_limit.get()
}

fn poll(store: &StoreContext) -> Result<(), TrapCause> {
    if store.poll.load(Ordering::Relaxed) == 0 { Ok(()) } else { attend(store) }
}

/// Does what was asked for. That may be nothing, where what asked was taken before it had written the limit for entries, which this allows
/// again.
fn attend(store: &StoreContext) -> Result<(), TrapCause> {
    if store.take_poll() & POLL_INTERRUPT != 0 { Err(TrapCause::Interrupted) } else { Ok(()) }
}

extern "C" fn safepoint(frame: *mut u64, place: u64) -> u64 {
    // SAFETY: as for `step`, before the instruction, or before the function has started, its header written.
    unsafe {
        let store = store_of(frame);
        let stopped = if place == abi::place::template(abi::trap::ON_ENTRY) {
            let version = Frame(frame).version();
            let beyond = frame.add((*version).frame_words as usize) > store.stack_limit.get();
            match if beyond || native_stack_is_short(store) {
                Err(TrapCause::StackOverflow)
            } else {
                attend(store)
            } {
                Ok(()) => return Status::Returned as u64,
                Err(cause) => at_call(Frame(frame), Stop::Trap(cause)),
            }
        } else {
            match attend(store) {
                Ok(()) => return Status::Returned as u64,
                Err(cause) => at(frame, place, cause),
            }
        };
        stop(frame, stopped)
    }
}

extern "C" fn poll_at(frame: *mut u64, address: usize) -> u64 {
    // SAFETY: optimized code calls this with its frame, whose header is written before it polls for the first time.
    let place = unsafe { (*Frame(frame).version()).optimized.poll_at(address) };
    safepoint(frame, place.expect("it is where a poll ends"))
}

extern "C" fn version(frame: *mut u64, slot: *const CodeSlot) -> *const Version {
    // SAFETY: machine code calls this with a slot of the module of the frame's instance.
    unsafe { version_at(Frame(frame).instance(), slot) }
}

/// The version of the function of a slot, made if it is called for the first time.
unsafe fn version_at(instance: *const InstanceContext, slot: *const CodeSlot) -> *const Version {
    // SAFETY: by contract: the slot is one of the instance's module.
    unsafe {
        let index = slot.offset_from((*instance).slots) as u32;
        (*(*instance).module).version(FuncIndex((*instance).imported_funcs + index))
    }
}

extern "C" fn look(frame: *mut u64, place: u64, taken: u32) -> *const CodeSlot {
    // SAFETY: the generated interpreter calls this with the head of a loop of the frame's function, or before that has started.
    unsafe {
        let version = &*Frame(frame).version();
        if place == abi::place::template(abi::trap::ON_ENTRY) {
            version.ask(Event::Calls(version.calls.load(Ordering::Relaxed)), None);
            return std::ptr::null();
        }
        let head = version.pc_named(place);
        version.ask(Event::BackEdges(taken), Some(head));
        let Some((entry, slot)) = version.entry_at(head) else { return std::ptr::null() };
        store_of(frame).target.set(entry.addr());
        slot
    }
}

extern "C" fn target(frame: *mut u64, place: u64, record: *const FuncRecord) -> u64 {
    // SAFETY: the generated interpreter calls this at an indirect call of the record's function.
    unsafe {
        (*Frame(frame).version()).targets_at(place).record((*record).identity());
    }
    Status::Returned as u64
}
