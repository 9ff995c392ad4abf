//! Calls from running code to functions of the host.
//!
//! A host call has a frame too, which the walker finds and whose registers carry arguments in and results out. While it
//! runs it is the store's exit frame, and the stack behind it is free for code that the host calls in turn.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

use bytecode_spec::TrapCause;
use bytecode_spec::isa::List;
use smallvec::SmallVec;

use super::{Code, Stop};
use crate::context::{FuncRecord, InstanceContext};
use crate::error::Error;
use crate::frames::Frame;

/// Calls the host function of `record` for the call instruction at `pc`, and writes its results to their registers.
///
/// # Safety
///
/// `frame` is the innermost one, `pc` a call in its image with these lists, of the record's signature.
#[cold]
#[inline(never)]
pub(crate) unsafe fn call_host(
    record: *const FuncRecord,
    frame: Frame,
    pc: *const u64,
    args: List,
    results: List,
) -> Result<(), Stop> {
    // SAFETY: by contract.
    unsafe {
        // The walker takes the word before a return pc, here the first word of the call.
        let values = call(record, frame, pc, pc.add(1), args)?;
        for i in 0..results.len {
            *frame.0.add(results.reg(Code(pc), i).index()) = *values.add(i as usize);
        }
    }
    Ok(())
}

/// Calls the host function of `record` in place of the function of `frame`; gives the results. The walker finds the call at
/// `return_pc`.
///
/// # Safety
///
/// As for [`call_host`].
#[cold]
#[inline(never)]
pub(crate) unsafe fn tail_call_host(
    record: *const FuncRecord,
    frame: Frame,
    pc: *const u64,
    return_pc: *const u64,
    args: List,
) -> Result<SmallVec<[u64; 4]>, Stop> {
    // SAFETY: by contract; the results are in the host frame's registers.
    unsafe {
        let values = call(record, frame, pc, return_pc, args)?;
        Ok(std::slice::from_raw_parts(values, (*(*record).host).ty.results.len()).into())
    }
}

/// Makes the host's frame behind `frame`, calls, and gives the place of the results.
///
/// # Safety
///
/// As for [`call_host`].
#[inline(always)]
unsafe fn call(
    record: *const FuncRecord,
    frame: Frame,
    pc: *const u64,
    return_pc: *const u64,
    args: List,
) -> Result<*const u64, Stop> {
    // SAFETY: by contract: the frame's function is of a module, registers lie within it, contexts outlive frames; the stack has
    // room behind its limit.
    unsafe {
        let callee = Frame(frame.0.add((*frame.version()).frame_words as usize));
        if callee.0 > (*(*frame.instance()).store).stack_limit.get() {
            return Err(Stop::Trap(TrapCause::StackOverflow));
        }
        for i in 0..args.len {
            *callee.0.add(i as usize) = *frame.0.add(args.reg(Code(pc), i).index());
        }
        callee.set_link(frame, return_pc);
        enter_host(record, frame.instance(), callee)?;
        Ok(callee.0)
    }
}

/// Calls the host function of `record` with the arguments in the frame `callee`; its results are there then.
///
/// # Safety
///
/// `callee` lies behind the innermost frame, below the stack's limit; all of its header but what runs in it is written. The
/// arguments are of the record's signature, the caller's instance is `instance`.
#[inline(always)]
pub(crate) unsafe fn enter_host(
    record: *const FuncRecord,
    instance: *const InstanceContext,
    callee: Frame,
) -> Result<(), Stop> {
    // SAFETY: by contract; contexts outlive frames.
    unsafe {
        let store = &*(*instance).store;
        let host = &*(*record).host;
        callee.set_code(std::ptr::null(), record.cast());
        let outer = (store.exit_frame.get(), store.frame_top.get());
        store.exit_frame.set(callee.0);
        store.frame_top.set(callee.0.add(host.frame_words));
        let called = catch(|| (host.call)(store.owner.get(), instance, callee.0));
        store.exit_frame.set(outer.0);
        store.frame_top.set(outer.1);
        called.map_err(Stop::Host)
    }
}

/// Calls a host function from the host: arguments and results in `slots`, which has room for the larger number.
///
/// # Safety
///
/// The record must be a host function's, `owner` its store, and the arguments of its types.
pub(crate) unsafe fn call_host_directly(
    record: *const FuncRecord,
    owner: *mut (),
    slots: *mut u64,
) -> Result<(), Box<Error>> {
    // SAFETY: by contract.
    unsafe {
        let host = &*(*record).host;
        catch(|| (host.call)(owner, std::ptr::null::<InstanceContext>(), slots))
    }
}

/// A panic of the host's becomes an error.
#[inline(always)]
fn catch(call: impl FnOnce() -> Result<(), Box<Error>>) -> Result<(), Box<Error>> {
    catch_unwind(AssertUnwindSafe(call)).unwrap_or_else(panicked)
}

/// Apart, so that calls that go well save nothing for it.
#[cold]
#[inline(never)]
fn panicked(payload: Box<dyn Any + Send>) -> Result<(), Box<Error>> {
    let message = payload
        .downcast_ref::<&str>()
        .map(|&s| s.to_owned())
        .or_else(|| payload.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "no message".to_owned());
    // What panics when it is dropped would unwind through code that cannot be.
    if let Err(payload) = catch_unwind(AssertUnwindSafe(|| drop(payload))) {
        std::mem::forget(payload);
    }
    Err(Box::new(Error::HostPanic { message }))
}
