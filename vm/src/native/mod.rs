//! Machine code: what an engine needs for it, entering it from the host and the interpreter, and what it calls.

mod handlers;
mod helpers;

use std::ffi::c_void;
use std::sync::atomic::Ordering;
use std::sync::{Mutex, PoisonError};

use bytecode_spec::{Pc, TrapCause};
use strata_jit::abi::{self, Helper, Status};
use strata_jit::maps::CompiledCode;
use strata_jit::template::compile::{Compiler, Request};
use strata_jit::template::host::Machine;
use strata_jit::template::stubs::stubs;

pub(crate) use handlers::Handlers;

use crate::code::{CodeSlot, CodeSpace, Version};
use crate::config::Config;
use crate::context::{InstanceContext, StoreContext};
use crate::frames::{Frame, Place};
use crate::interpreter::{self, Ended, Stop, Stopped};
use crate::os;
use crate::tiering::policy::{Event, Refusal};

/// What machine code needs, once for an engine.
#[derive(Debug)]
pub(crate) struct Native {
    pub(crate) space: CodeSpace,
    enter: *const c_void,
    /// The entry of functions without machine code.
    pub(crate) interpret: *const u8,
    /// The generated interpreter, if that runs them.
    pub(crate) handlers: Option<&'static Handlers>,
    /// See [`abi::store::HELPERS`].
    pub(crate) helpers: [*const (); 2 * Helper::COUNT + 1],
    compiler: Mutex<Compiler<Machine>>,
    /// Bytes of the space that are no function's.
    stub_bytes: usize,
}

// SAFETY: addresses of code that is never written again, and of functions.
unsafe impl Send for Native {}
// SAFETY: as above.
unsafe impl Sync for Native {}

impl Native {
    /// `None` where there is no executable memory, or the machine has no compiler.
    pub(crate) fn new(config: &Config) -> Option<Native> {
        if cfg!(not(any(target_arch = "x86_64", target_arch = "aarch64"))) {
            return None;
        }
        let space = CodeSpace::new(config.max_code_bytes.max(1 << 16).next_multiple_of(1 << 16))?;
        let (code, places) = stubs(Machine::of_host());
        let start = space.install(&code)?;
        let stub_bytes = space.used();
        let at = |offset: u32| start.wrapping_add(offset as usize);
        let stubs = places.helpers.map(|offset| at(offset).cast());
        let mut helpers = [std::ptr::null(); 2 * Helper::COUNT + 1];
        helpers[..Helper::COUNT].copy_from_slice(&stubs);
        helpers[Helper::COUNT..2 * Helper::COUNT].copy_from_slice(&Helper::ALL.map(helpers::function));
        let handlers = Handlers::get(config.profile);
        helpers[2 * Helper::COUNT] = handlers.map_or(std::ptr::null(), Handlers::first);
        let interpret = at(places.helpers[Helper::Interpret as usize]);
        os::watch_faults(space.range(), at(places.fault)).then(|| Native {
            space,
            enter: at(places.enter).cast(),
            interpret: handlers.map_or(interpret, Handlers::entry),
            handlers,
            helpers,
            compiler: Mutex::new(Compiler::new(Machine::of_host())),
            stub_bytes,
        })
    }

    /// Bytes of the space that functions have.
    pub(crate) fn function_bytes(&self) -> usize {
        self.space.used() - self.stub_bytes
    }

    /// Machine code for a version.
    pub(crate) fn compile(&self, version: &Version) -> Result<CompiledCode, Refusal> {
        let mut compiler = self.compiler.lock().unwrap_or_else(PoisonError::into_inner);
        // Versions are of functions that are defined, and there is no other reason yet.
        compiler.compile(&request(version)).map_err(|_| Refusal::TooLarge)
    }
}

/// What a compiler is to know of a version.
pub(crate) fn request(version: &Version) -> Request<'_> {
    let module = version.loaded();
    Request {
        module: &module.module,
        func: version.func,
        frame_words: version.frame_words,
        clear: version.clear.clone(),
        switches: module.switches(),
        costs: &version.costs,
    }
}

/// Whether calls of a version in an instance go to machine code.
///
/// # Safety
///
/// Both are alive.
#[inline(always)]
pub(crate) unsafe fn has_code(version: *const Version, instance: *const InstanceContext) -> bool {
    // SAFETY: by contract.
    unsafe { !(*version).native_entry.load(Ordering::Acquire).is_null() && (*instance).runs_machine_code }
}

/// Runs the function of an entry frame, in whichever tier it is, to its return: results are then in its first registers.
///
/// # Safety
///
/// As for [`interpreter::run`]; registers need not be cleared.
pub(crate) unsafe fn run(frame: Frame, mut version: *const Version) -> Result<(), Stopped> {
    // SAFETY: by contract.
    unsafe {
        loop {
            if has_code(version, frame.instance()) {
                return enter(frame, version);
            }
            if (*frame.instance()).runs_machine_code
                && let Some(handlers) = (*version).loaded().engine.native().and_then(|native| native.handlers)
            {
                return enter_code(frame, version, handlers.entry());
            }
            (*version).clear(frame);
            match interpret(frame)? {
                Ended::Returned => return Ok(()),
                Ended::Replaced(next) => version = next,
            }
        }
    }
}

/// Runs the function of an entry frame in the portable interpreter.
///
/// # Safety
///
/// As for [`interpreter::run`].
unsafe fn interpret(frame: Frame) -> Result<Ended, Stopped> {
    // SAFETY: by contract.
    unsafe {
        let config = (*frame.version()).loaded().engine.config();
        match (config.profile, config.fuel) {
            (false, false) => interpreter::run::<false, false>(frame),
            (false, true) => interpreter::run::<false, true>(frame),
            (true, false) => interpreter::run::<true, false>(frame),
            (true, true) => interpreter::run::<true, true>(frame),
        }
    }
}

/// Runs the machine code of the function in a frame to its return: results are then in its first registers.
///
/// # Safety
///
/// As for [`interpreter::run`]; the version [has code](has_code) for the frame's instance. Registers need not be cleared.
#[inline(never)]
pub(crate) unsafe fn enter(frame: Frame, version: *const Version) -> Result<(), Stopped> {
    // SAFETY: by contract.
    unsafe { enter_code(frame, version, (*version).native_entry.load(Ordering::Acquire)) }
}

/// Goes on in machine code at the head of a loop, to which a branch has been `taken` so many times, if there is any or the policy
/// wants it; false if not.
///
/// # Safety
///
/// As for [`enter`], in the middle of the function, at `pc` in its image.
#[cold]
#[inline(never)]
pub(crate) unsafe fn enter_at(
    frame: Frame,
    version: *const Version,
    pc: *const u64,
    taken: u32,
) -> Result<bool, Stopped> {
    // SAFETY: by contract.
    unsafe {
        if !(*frame.instance()).runs_machine_code {
            return Ok(false);
        }
        (*version).ask(Event::BackEdges(taken));
        let head = Pc(pc.offset_from((*version).entry()) as u32);
        match (*version).native().and_then(|code| code.entry_at(head)) {
            Some(entry) => enter_code(frame, version, entry).map(|()| true),
            None => Ok(false),
        }
    }
}

unsafe fn enter_code(frame: Frame, version: *const Version, entry: *const u8) -> Result<(), Stopped> {
    // SAFETY: by contract of the callers: the stub has this signature, the code is of the frame's function.
    unsafe {
        let instance = frame.instance();
        let native = (*version).loaded().engine.native().expect("there is code");
        let stub: extern "C" fn(*const u8, *mut u64, *const InstanceContext, *const CodeSlot) -> u64 =
            std::mem::transmute(native.enter);
        let slot = (*version).loaded().slot((*version).func);
        let status = stub(entry, frame.0, instance, slot);
        if status == Status::Returned as u64 { Ok(()) } else { Err(stopped(status, &*(*instance).store)) }
    }
}

/// Why machine code stopped.
#[cold]
unsafe fn stopped(status: u64, store: &StoreContext) -> Stopped {
    if status == Status::Stopped as u64 {
        return store.stopped.take().expect("a helper that stops code keeps why");
    }
    let frame = Frame(store.trap_frame.get());
    // SAFETY: the frame that the code was in; its header is written, since its function started.
    unsafe {
        if status == Status::Faulted as u64 {
            let (address, version) = (store.trap.get() as usize, frame.version());
            let handlers = (*version).loaded().engine.native().and_then(|native| native.handlers);
            let place = match handlers.and_then(|handlers| handlers.fault_at(address)) {
                Some(words) => Place::At(store.pc.get().add(words as usize)),
                None => {
                    let code = (*version).native().expect("it ran");
                    Place::Pc(code.fault_at(address).expect("only accesses to memory fault"))
                }
            };
            return Stopped { stop: Stop::Trap(TrapCause::MemoryOutOfBounds), frame, place };
        }
        let (place, cause) = abi::trap::parts(store.trap.get());
        let cause = TrapCause::from_code(cause).expect("a cause's code");
        if place != abi::place(abi::trap::ON_ENTRY) {
            return Stopped { stop: Stop::Trap(cause), frame, place: Place::named(place) };
        }
        at_call(frame, Stop::Trap(cause))
    }
}

/// A stop before the function of a frame has started: it is its caller that stopped, at the call.
///
/// # Safety
///
/// The frame's header is written.
unsafe fn at_call(frame: Frame, stop: Stop) -> Stopped {
    // SAFETY: by contract.
    let (caller, return_pc) = unsafe { (frame.caller(), frame.return_pc()) };
    if return_pc.is_null() {
        return Stopped { stop, frame, place: Place::Pc(Pc(0)) };
    }
    Stopped { stop, frame: caller, place: Place::of_call(return_pc) }
}
