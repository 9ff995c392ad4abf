//! Machine code: what an engine needs for it, entering it from the host and the interpreter, and what it calls.

mod helpers;
mod shared;

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use ahash::AHashMap;
use bytecode_spec::{Pc, TrapCause, ValType};
use strata_jit::abi::{self, Status};
use strata_jit::maps::CompiledCode;
use strata_jit::optimizing::{Entry, Target, safepoint};
use strata_jit::template::compile::{Compiler, Request};
use strata_jit::template::host::Machine;
use strata_jit::template::stubs;

pub(crate) use shared::SharedCode;

use crate::code::{CodeSlot, CodeSpace, Version};
use crate::config::Config;
use crate::context::{InstanceContext, StoreContext};
use crate::frames::{Frame, Place};
use crate::interpreter::{self, Ended, Stop, Stopped};
use crate::optimized::TierUps;
use crate::os;
use crate::tiering::optimizing::Optimizing;
use crate::tiering::policy::{Event, Refusal};
use crate::trap::Tier;

/// What machine code needs, once for an engine.
#[derive(Debug)]
pub(crate) struct Native {
    pub(crate) shared: &'static SharedCode,
    /// Where machine code of functions lies, made when there is some; `None` inside where the system refuses it.
    space: OnceLock<Option<CodeSpace>>,
    /// See [`Config::max_code_bytes`].
    max_code_bytes: usize,
    compiler: Mutex<Compiler<Machine>>,
    adapters: Mutex<Adapters>,
    /// See [`handles_polls`](Self::handles_polls).
    handles_polls: OnceLock<bool>,
    /// Makes optimized code; `None` where nothing is optimized.
    optimizing: Option<Optimizing>,
    /// Bytes of the space that are no function's.
    adapter_bytes: AtomicUsize,
    pauses: Pauses,
}

/// How long programs did nothing but move up to better code, or out of it.
#[derive(Debug, Default)]
pub(crate) struct Pauses {
    count: AtomicU64,
    total_ns: AtomicU64,
    longest_ns: AtomicU64,
}

impl Pauses {
    /// Counts what is done as a pause.
    fn during<R>(&self, work: impl FnOnce() -> R) -> R {
        let begun = Instant::now();
        let result = work();
        let ns = begun.elapsed().as_nanos() as u64;
        self.count.fetch_add(1, Ordering::Relaxed);
        self.total_ns.fetch_add(ns, Ordering::Relaxed);
        self.longest_ns.fetch_max(ns, Ordering::Relaxed);
        result
    }

    pub(crate) fn report(&self) -> TierUps {
        let time = |ns: &AtomicU64| Duration::from_nanos(ns.load(Ordering::Relaxed));
        TierUps {
            count: self.count.load(Ordering::Relaxed),
            total: time(&self.total_ns),
            longest: time(&self.longest_ns),
        }
    }
}

/// What goes from one calling convention to the other, by parameters.
#[derive(Debug, Default)]
struct Adapters {
    to_registers: AHashMap<Vec<ValType>, *const u8>,
    to_frame: AHashMap<Vec<ValType>, *const u8>,
}

// SAFETY: addresses of code that is never written again, and of functions.
unsafe impl Send for Native {}
// SAFETY: as above.
unsafe impl Sync for Native {}

impl Native {
    /// `None` where there is no executable memory, or the machine has no compiler.
    pub(crate) fn new(config: &Config) -> Option<Native> {
        SharedCode::get(config.profile).map(|shared| Native {
            shared,
            space: OnceLock::new(),
            max_code_bytes: config.max_code_bytes,
            compiler: Mutex::new(Compiler::new(Machine::of_host())),
            adapters: Mutex::default(),
            handles_polls: OnceLock::new(),
            optimizing: Optimizing::new(config),
            adapter_bytes: AtomicUsize::new(0),
            pauses: Pauses::default(),
        })
    }

    fn space(&self) -> Option<&CodeSpace> {
        let make = || {
            let space = CodeSpace::new(self.max_code_bytes.max(1 << 16).next_multiple_of(1 << 16))?;
            os::watch_faults(space.range(), self.shared.fault).then_some(space)
        };
        self.space.get_or_init(make).as_ref()
    }

    /// Writes a code object, of optimized code or other, and gives the address it runs at; `None` when there is no room.
    pub(crate) fn install(&self, code: &[u8], is_optimized: bool) -> Option<*const u8> {
        self.space()?.install(code, is_optimized)
    }

    /// Takes back the bytes of an object that nobody runs any more.
    pub(crate) fn release(&self, start: *const u8, bytes: usize) {
        self.space().expect("the object is there").release(start, bytes);
    }

    /// Whether there is an optimizing compiler that may be asked.
    pub(crate) fn optimizes(&self) -> bool {
        self.optimizing.is_some()
    }

    /// The entry of the frame convention of functions with these parameters that have optimized code; `None` without room for it.
    pub(crate) fn frame_entry(&self, params: &[ValType]) -> Option<*const u8> {
        let mut adapters = self.adapters.lock().unwrap_or_else(PoisonError::into_inner);
        self.adapter(&mut adapters.to_registers, params, stubs::frame_entry)
    }

    /// The entry of the register convention of those that have none.
    pub(crate) fn register_entry(&self, params: &[ValType]) -> Option<*const u8> {
        let mut adapters = self.adapters.lock().unwrap_or_else(PoisonError::into_inner);
        self.adapter(&mut adapters.to_frame, params, stubs::register_entry)
    }

    fn adapter(
        &self,
        known: &mut AHashMap<Vec<ValType>, *const u8>,
        params: &[ValType],
        make: fn(Machine, &[ValType]) -> Vec<u8>,
    ) -> Option<*const u8> {
        if let Some(&adapter) = known.get(params) {
            return Some(adapter);
        }
        let adapter = self.install_adapter(&make(Machine::of_host(), params))?;
        known.insert(params.to_vec(), adapter);
        Some(adapter)
    }

    /// Writes code that is no function's.
    fn install_adapter(&self, code: &[u8]) -> Option<*const u8> {
        let adapter = self.install(code, false)?;
        self.adapter_bytes.fetch_add(CodeSpace::bytes_of(code.len()), Ordering::Relaxed);
        Some(adapter)
    }

    /// Sees to it that polls of optimized code are answered, which comes before there is any; false without room for what does.
    pub(crate) fn handles_polls(&self) -> bool {
        let handle = || {
            let target = Target::of_host()?;
            let safepoint = self.install_adapter(&safepoint(target))?;
            os::watch_polls(self.space()?.range(), safepoint);
            Some(())
        };
        *self.handles_polls.get_or_init(|| handle().is_some())
    }

    /// How long programs were held up.
    pub(crate) fn pauses(&self) -> &Pauses {
        &self.pauses
    }

    /// Waits until all optimized code that was asked for is made.
    pub(crate) fn wait(&self) {
        self.optimizing.iter().for_each(Optimizing::wait);
    }

    /// Some function is on its way to optimized code.
    pub(crate) fn expect_optimizing(&self) {
        self.optimizing.iter().for_each(Optimizing::expect_work);
    }

    /// Has optimized code of a version made.
    pub(crate) fn optimize(&self, version: &Version, entry: Entry, heat: u32) -> Result<(), Refusal> {
        match &self.optimizing {
            Some(optimizing) => optimizing.optimize(version, entry, heat),
            None => version.install(entry, Err(Refusal::NoMachineCode)),
        }
    }

    /// Bytes of the space that functions have.
    pub(crate) fn function_bytes(&self) -> usize {
        let used = self.space.get().and_then(Option::as_ref).map_or(0, CodeSpace::used);
        used - self.adapter_bytes.load(Ordering::Relaxed)
    }

    /// Machine code of the template compiler for a version, with entries wherever optimized code is left if it is for `landing`.
    pub(crate) fn compile(&self, version: &Version, landing: bool) -> Result<CompiledCode, Refusal> {
        let request = Request { landing, ..request(version) };
        // Nobody waits for another thread, least of all for a worker.
        let compiled = match self.compiler.try_lock() {
            Ok(mut compiler) => compiler.compile(&request),
            Err(_) => Compiler::new(Machine::of_host()).compile(&request),
        };
        // Versions are of functions that are defined, and there is no other reason yet.
        compiled.map_err(|_| Refusal::TooLarge)
    }
}

/// What the template compiler is to know of a version.
pub(crate) fn request(version: &Version) -> Request<'_> {
    let module = version.loaded();
    Request {
        module: &module.module,
        func: version.func,
        frame_words: version.frame_words,
        clear: version.clear.clone(),
        switches: module.switches(),
        costs: &version.costs,
        counts: module.engine.native().is_some_and(Native::optimizes),
        landing: false,
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
                && let Some(shared) = (*version).loaded().engine.shared_code()
            {
                return enter_code(frame, version, shared.interpret, (*version).slot);
            }
            (*version).clear(frame);
            match interpret(frame, Pc(0))? {
                Ended::Returned => return Ok(()),
                Ended::Replaced(next) => version = next,
            }
        }
    }
}

/// Runs the function of an entry frame in the portable interpreter, from the instruction at `pc` on.
///
/// # Safety
///
/// As for [`interpreter::run`].
unsafe fn interpret(frame: Frame, pc: Pc) -> Result<Ended, Stopped> {
    // SAFETY: by contract.
    unsafe {
        let config = (*frame.version()).loaded().engine.config();
        match (config.profile, config.fuel) {
            (false, false) => interpreter::run::<false, false>(frame, pc),
            (false, true) => interpreter::run::<false, true>(frame, pc),
            (true, false) => interpreter::run::<true, false>(frame, pc),
            (true, true) => interpreter::run::<true, true>(frame, pc),
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
    unsafe { enter_code(frame, version, (*version).native_entry.load(Ordering::Acquire), (*version).slot) }
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
        let head = Pc(pc.offset_from((*version).entry()) as u32);
        (*version).ask(Event::BackEdges(taken), Some(head));
        match (*version).entry_at(head) {
            Some((entry, slot)) => enter_code(frame, version, entry, slot).map(|()| true),
            None => Ok(false),
        }
    }
}

/// `slot` is what the code at `entry` finds in the first scratch register.
unsafe fn enter_code(
    frame: Frame,
    version: *const Version,
    entry: *const u8,
    slot: *const CodeSlot,
) -> Result<(), Stopped> {
    // SAFETY: by contract of the callers: the stub has this signature, the code is of the frame's function.
    unsafe {
        let instance = frame.instance();
        let shared = (*version).loaded().engine.shared_code().expect("there is code");
        let stub: extern "C" fn(*const u8, *mut u64, *const InstanceContext, *const CodeSlot) -> u64 =
            std::mem::transmute(shared.enter);
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
            let stop = Stop::Trap(TrapCause::MemoryOutOfBounds);
            let shared = (*version).loaded().engine.shared_code().expect("there is code");
            if let Some(words) = shared.fault_at(address) {
                return Stopped { stop, frame, place: Place::At(store.pc.get().add(words as usize)) };
            }
            let place = (*version).fault_at(address).expect("only accesses to memory fault");
            return Stopped { stop, frame, place };
        }
        let (place, cause) = abi::trap::parts(store.trap.get());
        let cause = TrapCause::from_code(cause).expect("a cause's code");
        if place != abi::place::template(abi::trap::ON_ENTRY) {
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
        return Stopped { stop, frame, place: Place::Pc(Pc(0), Tier::Template) };
    }
    Stopped { stop, frame: caller, place: Place::of_call(return_pc) }
}
