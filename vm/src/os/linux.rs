//! Linux.
//!
//! Code is mapped twice from one memory file, to be written at one address and to run at another, so that no address is ever
//! both. Faults of instructions in code come as signals; any that are not ours go to whatever handled them before.

#[cfg(target_arch = "aarch64")]
mod caches;

use std::ffi::c_int;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::ptr;
use std::sync::Once;
use std::sync::atomic::{AtomicPtr, AtomicU64, AtomicUsize, Ordering};

use strata_jit::optimizing::Target;

/// Address space that nothing can be done with until it is committed.
#[derive(Debug)]
pub(crate) struct Reservation {
    base: *mut u8,
    bytes: usize,
}

impl Reservation {
    /// Reserves so many bytes, to the end of a page; `None` where the system refuses.
    pub(crate) fn new(bytes: usize) -> Option<Reservation> {
        let flags = libc::MAP_PRIVATE | libc::MAP_ANONYMOUS | libc::MAP_NORESERVE;
        // SAFETY: a new mapping, which nothing else knows.
        let base = unsafe { libc::mmap(ptr::null_mut(), bytes, libc::PROT_NONE, flags, -1, 0) };
        (base != libc::MAP_FAILED).then_some(Reservation { base: base.cast(), bytes })
    }

    pub(crate) fn base(&self) -> *mut u8 {
        self.base
    }

    /// Makes the first `bytes` bytes readable and writable; those that were not are zero. False where the system refuses.
    pub(crate) fn commit(&self, bytes: usize) -> bool {
        debug_assert!(bytes <= self.bytes);
        let access = libc::PROT_READ | libc::PROT_WRITE;
        // SAFETY: within our own mapping.
        bytes == 0 || unsafe { libc::mprotect(self.base.cast(), bytes, access) } == 0
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        // SAFETY: our own mapping, which nobody uses any more.
        unsafe { libc::munmap(self.base.cast(), self.bytes) };
    }
}

/// Lines that a word of bits is for.
const LINES: usize = u64::BITS as usize;

/// Memory for code, at two addresses.
#[derive(Debug)]
pub(crate) struct CodeRange {
    writable: *mut u8,
    executable: *mut u8,
    bytes: usize,
    /// A bit for each line: whether its code is optimized. What is not used of them takes neither time nor memory, which the allocator does
    /// not promise.
    optimized: Reservation,
    #[cfg(target_arch = "aarch64")]
    file: OwnedFd,
}

// SAFETY: addresses of mappings that live as long as this; who writes where is the code space's business.
unsafe impl Send for CodeRange {}
// SAFETY: as above.
unsafe impl Sync for CodeRange {}

/// Whether the code at an offset in a range with these bits is optimized.
///
/// # Safety
///
/// The range lives, and the offset is within.
unsafe fn is_optimized(bits: *const AtomicU64, offset: usize) -> bool {
    let line = offset / CodeRange::LINE;
    // SAFETY: there is a bit for each line of the range.
    let lines = unsafe { (*bits.add(line / LINES)).load(Ordering::Relaxed) };
    lines >> (line % LINES) & 1 == 1
}

impl CodeRange {
    /// Bytes of code that are of one kind: code starts at multiples of it.
    pub(crate) const LINE: usize = 64;

    /// Maps so many bytes, a multiple of the page size; `None` where the system refuses, such as executable memory.
    pub(crate) fn new(bytes: usize) -> Option<CodeRange> {
        let bits = bytes.div_ceil(CodeRange::LINE * LINES) * size_of::<AtomicU64>();
        let optimized = Reservation::new(bits).filter(|optimized| optimized.commit(bits))?;
        // SAFETY: a new file.
        let file = unsafe { libc::memfd_create(c"strata code".as_ptr(), libc::MFD_CLOEXEC) };
        if file < 0 {
            return None;
        }
        // Closed below where it is not kept; mappings keep it alive.
        // SAFETY: nobody else knows it.
        let file = unsafe { OwnedFd::from_raw_fd(file) };
        let map = |access| {
            let file = file.as_raw_fd();
            // SAFETY: new mappings of our own file.
            let address = unsafe { libc::mmap(ptr::null_mut(), bytes, access, libc::MAP_SHARED, file, 0) };
            (address != libc::MAP_FAILED).then_some(address.cast::<u8>())
        };
        // SAFETY: our own file.
        let sized = unsafe { libc::ftruncate(file.as_raw_fd(), bytes as libc::off_t) } == 0;
        let writable = sized.then(|| map(libc::PROT_READ | libc::PROT_WRITE)).flatten();
        let executable = writable.and_then(|_| map(libc::PROT_READ | libc::PROT_EXEC));
        if let (Some(writable), None) = (writable, executable) {
            // SAFETY: our own mapping, which nobody got.
            unsafe { libc::munmap(writable.cast(), bytes) };
        }
        Some(CodeRange {
            writable: writable?,
            executable: executable?,
            bytes,
            optimized,
            #[cfg(target_arch = "aarch64")]
            file,
        })
    }

    /// Lets code that was written run, in all threads; `again` says that other code has run there before. False where the system
    /// cannot do that.
    #[cfg(target_arch = "aarch64")]
    pub(crate) fn publish(&self, offset: usize, bytes: usize, again: bool) -> bool {
        if again && !self.map_again(offset, bytes) {
            return false;
        }
        caches::flush(self.executable.wrapping_add(offset), bytes);
        // What no core has ever run, none has fetched but by a wrong guess.
        caches::synchronize_cores() || !again
    }

    /// Replaces the pages where code runs by the same pages. Nothing changes, and threads that run code there go on; but emulators
    /// that see neither writes to the other address nor instructions for caches, as QEMU 7.2, forget what they have
    /// translated. Only done for addresses that are used again.
    #[cfg(target_arch = "aarch64")]
    fn map_again(&self, offset: usize, bytes: usize) -> bool {
        // SAFETY: asks for a number.
        let page = unsafe { libc::sysconf(libc::_SC_PAGESIZE) } as usize;
        let start = offset / page * page;
        let length = (offset + bytes).next_multiple_of(page) - start;
        let (access, flags) = (libc::PROT_READ | libc::PROT_EXEC, libc::MAP_SHARED | libc::MAP_FIXED);
        let file = self.file.as_raw_fd();
        // SAFETY: within our own mapping, with the same pages of the same file; the system replaces them in one step.
        let address = unsafe {
            let at = self.executable.add(start).cast();
            libc::mmap(at, length, access, flags, file, start as libc::off_t)
        };
        address != libc::MAP_FAILED
    }

    /// Nothing is to be done: these processors see writes to code.
    #[cfg(not(target_arch = "aarch64"))]
    pub(crate) fn publish(&self, _offset: usize, _bytes: usize, _again: bool) -> bool {
        true
    }

    /// Notes whether the code in a place is optimized: the signal handler has to know where such code has its frame.
    pub(crate) fn set_optimized(&self, offset: usize, bytes: usize, is_optimized: bool) {
        for line in offset / CodeRange::LINE..(offset + bytes).div_ceil(CodeRange::LINE) {
            assert!(line < self.bytes.div_ceil(CodeRange::LINE), "code is within its range");
            // SAFETY: there is a bit for each line of the range, and these words live as long as it.
            let word = unsafe { &*self.optimized().add(line / LINES) };
            let bit = 1 << (line % LINES);
            if is_optimized {
                word.fetch_or(bit, Ordering::Relaxed);
            } else {
                word.fetch_and(!bit, Ordering::Relaxed);
            }
        }
    }

    /// The word with the bits of the first lines.
    fn optimized(&self) -> *mut AtomicU64 {
        self.optimized.base().cast()
    }

    pub(crate) fn writable(&self) -> *mut u8 {
        self.writable
    }

    pub(crate) fn executable(&self) -> *const u8 {
        self.executable
    }

    pub(crate) fn len(&self) -> usize {
        self.bytes
    }
}

impl Drop for CodeRange {
    fn drop(&mut self) {
        forget_faults(self.executable.addr());
        // SAFETY: our own mappings; no code runs there any more.
        unsafe {
            libc::munmap(self.writable.cast(), self.bytes);
            libc::munmap(self.executable.cast(), self.bytes);
        }
    }
}

/// A range of code that the signal handler knows; free when `start` is 0. The others are written before it, but `safepoint`, which is 0 at
/// first, before there is code that polls.
struct Watched {
    start: AtomicUsize,
    end: AtomicUsize,
    stub: AtomicUsize,
    safepoint: AtomicUsize,
    optimized: AtomicPtr<AtomicU64>,
}

/// So many engines may have code at one time; others run in the interpreter.
const MAX_WATCHED: usize = 256;
/// Marks a place that is being filled.
const CLAIMED: usize = 1;

static WATCHED: [Watched; MAX_WATCHED] = [const {
    let [start, end, stub, safepoint] = [const { AtomicUsize::new(0) }; 4];
    Watched { start, end, stub, safepoint, optimized: AtomicPtr::new(ptr::null_mut()) }
}; MAX_WATCHED];

/// Lets instructions in a range of code that fault go on at `stub`, with their address in the first scratch register. False when
/// that cannot be had.
pub(crate) fn watch_faults(range: &CodeRange, stub: *const u8) -> bool {
    static INSTALL: Once = Once::new();
    INSTALL.call_once(install);
    let free = WATCHED.iter().find(|watched| {
        watched.start.compare_exchange(0, CLAIMED, Ordering::AcqRel, Ordering::Relaxed).is_ok()
    });
    let Some(watched) = free else { return false };
    watched.end.store(range.executable.addr() + range.bytes, Ordering::Release);
    watched.stub.store(stub.addr(), Ordering::Release);
    watched.safepoint.store(0, Ordering::Release);
    watched.optimized.store(range.optimized(), Ordering::Release);
    watched.start.store(range.executable.addr(), Ordering::Release);
    true
}

/// Lets [polls](strata_jit::optimizing::safepoint) in a range of code whose faults are watched call `safepoint` if they fault.
pub(crate) fn watch_polls(range: &CodeRange, safepoint: *const u8) {
    let watched = watched(range.executable.addr()).expect("its faults are watched");
    watched.safepoint.store(safepoint.addr(), Ordering::Release);
}

fn watched(start: usize) -> Option<&'static Watched> {
    WATCHED.iter().find(|watched| watched.start.load(Ordering::Acquire) == start)
}

fn forget_faults(start: usize) {
    if let Some(watched) = watched(start) {
        watched.start.store(0, Ordering::Release);
    }
}

/// What a signal number's handler was before ours, by its place in `SIGNALS`.
struct Before(std::cell::UnsafeCell<std::mem::MaybeUninit<libc::sigaction>>);

// SAFETY: written once, before the handler that reads it is installed for that signal.
unsafe impl Sync for Before {}

const SIGNALS: [c_int; 2] = [libc::SIGSEGV, libc::SIGBUS];
static BEFORE: [Before; SIGNALS.len()] =
    [const { Before(std::cell::UnsafeCell::new(std::mem::MaybeUninit::zeroed())) }; SIGNALS.len()];

fn install() {
    for (signal, before) in SIGNALS.iter().zip(&BEFORE) {
        // SAFETY: plain data, for which zero is valid; the handler only does what a handler may. What was there before is
        // written before ours can run.
        unsafe {
            libc::sigaction(*signal, ptr::null(), (*before.0.get()).as_mut_ptr());
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = handle as *const () as usize;
            action.sa_flags = libc::SA_SIGINFO | libc::SA_ONSTACK | libc::SA_NODEFER;
            libc::sigemptyset(&mut action.sa_mask);
            libc::sigaction(*signal, &action, ptr::null_mut());
        }
    }
}

extern "C" fn handle(signal: c_int, info: *mut libc::siginfo_t, context: *mut libc::c_void) {
    // SAFETY: the system gives a handler with SA_SIGINFO its context.
    let registers = unsafe { &mut (*context.cast::<libc::ucontext_t>()).uc_mcontext };
    let address = program_counter(registers);
    for watched in &WATCHED {
        let start = watched.start.load(Ordering::Acquire);
        let end = watched.end.load(Ordering::Acquire);
        let optimized = watched.optimized.load(Ordering::Acquire);
        let (stub, safepoint) =
            (watched.stub.load(Ordering::Acquire), watched.safepoint.load(Ordering::Acquire));
        // Another range may have got the place meanwhile; the one that this code is in lives.
        let is_one = start > CLAIMED && watched.start.load(Ordering::Acquire) == start;
        if is_one && (start..end).contains(&address) {
            // SAFETY: a range that code runs in lives.
            if unsafe { is_optimized(optimized, address - start) } {
                // SAFETY: the system tells a handler for these signals which address it is that could not be reached. Memory is
                // elsewhere.
                let is_null = unsafe { (*info).si_addr().is_null() };
                // SAFETY: what runs can be read, to the end of its range.
                let code = (address + size_of::<[u8; 4]>() <= end)
                    .then(|| unsafe { ptr::with_exposed_provenance::<[u8; 4]>(address).read() });
                if is_null
                    && safepoint != 0
                    && let Some(length) = code.and_then(|code| HOST.poll_length(code))
                {
                    // SAFETY: the code keeps nothing below its stack pointer.
                    return unsafe { call_from(registers, safepoint, address + length) };
                }
                take_frame(registers);
            }
            return resume_at(registers, stub, address);
        }
    }
    let place = SIGNALS.iter().position(|&known| known == signal).unwrap_or(0);
    // SAFETY: written before this handler was installed.
    let before = unsafe { (*BEFORE[place].0.get()).assume_init_ref() };
    // SAFETY: a handler that was installed for this signal is called as it expects; the default action is restored, and the
    // instruction faults again.
    unsafe {
        match before.sa_sigaction {
            libc::SIG_DFL | libc::SIG_IGN => {
                libc::sigaction(signal, before, ptr::null_mut());
            }
            handler if before.sa_flags & libc::SA_SIGINFO != 0 => {
                let handler: extern "C" fn(c_int, *mut libc::siginfo_t, *mut libc::c_void) =
                    std::mem::transmute(handler);
                handler(signal, info, context);
            }
            handler => {
                let handler: extern "C" fn(c_int) = std::mem::transmute(handler);
                handler(signal);
            }
        }
    }
}

#[cfg(target_arch = "x86_64")]
const HOST: Target = Target::X86_64;

#[cfg(not(target_arch = "x86_64"))]
const HOST: Target = Target::Aarch64;

#[cfg(target_arch = "x86_64")]
fn program_counter(registers: &libc::mcontext_t) -> usize {
    registers.gregs[libc::REG_RIP as usize] as usize
}

#[cfg(target_arch = "x86_64")]
fn resume_at(registers: &mut libc::mcontext_t, stub: usize, address: usize) {
    registers.gregs[libc::REG_RAX as usize] = address as i64;
    registers.gregs[libc::REG_RIP as usize] = stub as i64;
}

/// Goes on at `function`, which returns to `back`.
///
/// # Safety
///
/// The stack pointer is aligned as for a call, and nothing below it is in use.
#[cfg(target_arch = "x86_64")]
unsafe fn call_from(registers: &mut libc::mcontext_t, function: usize, back: usize) {
    let sp = registers.gregs[libc::REG_RSP as usize] as usize - size_of::<usize>();
    // SAFETY: by contract.
    unsafe { ptr::with_exposed_provenance_mut::<usize>(sp).write(back) };
    registers.gregs[libc::REG_RSP as usize] = sp as i64;
    registers.gregs[libc::REG_RIP as usize] = function as i64;
}

/// Puts the frame of optimized code where templates have it.
#[cfg(target_arch = "x86_64")]
fn take_frame(registers: &mut libc::mcontext_t) {
    registers.gregs[libc::REG_RBP as usize] = registers.gregs[libc::REG_R15 as usize];
}

#[cfg(target_arch = "aarch64")]
fn program_counter(registers: &libc::mcontext_t) -> usize {
    registers.pc as usize
}

#[cfg(target_arch = "aarch64")]
fn resume_at(registers: &mut libc::mcontext_t, stub: usize, address: usize) {
    registers.regs[FIRST_SCRATCH] = address as u64;
    registers.pc = stub as u64;
}

/// As for the other machine; the code has its own return address in its frame.
#[cfg(target_arch = "aarch64")]
unsafe fn call_from(registers: &mut libc::mcontext_t, function: usize, back: usize) {
    registers.regs[LINK] = back as u64;
    registers.pc = function as u64;
}

#[cfg(target_arch = "aarch64")]
const LINK: usize = 30;

#[cfg(target_arch = "aarch64")]
fn take_frame(registers: &mut libc::mcontext_t) {
    registers.regs[FRAME] = registers.regs[OPTIMIZED_FRAME];
}

/// The number of the machine's first scratch register.
#[cfg(target_arch = "aarch64")]
const FIRST_SCRATCH: usize = 2;
/// The number of the register with the frame.
#[cfg(target_arch = "aarch64")]
const FRAME: usize = 29;
/// The same of optimized code.
#[cfg(target_arch = "aarch64")]
const OPTIMIZED_FRAME: usize = 21;
#[cfg(target_arch = "aarch64")]
const _: () = {
    use strata_jit::template::{host::Machine, masm::Masm, stubs::Boundary};
    assert!(Machine::ROLES.scratch[0].0 as usize == FIRST_SCRATCH);
    assert!(Machine::ROLES.frame.0 as usize == FRAME);
    assert!(Machine::OPTIMIZED_FRAME.0 as usize == OPTIMIZED_FRAME);
};

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn program_counter(_: &libc::mcontext_t) -> usize {
    0
}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn resume_at(_: &mut libc::mcontext_t, _: usize, _: usize) {}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
unsafe fn call_from(_: &mut libc::mcontext_t, _: usize, _: usize) {}

#[cfg(not(any(target_arch = "x86_64", target_arch = "aarch64")))]
fn take_frame(_: &mut libc::mcontext_t) {}

#[cfg(test)]
mod tests {
    use std::os::unix::process::ExitStatusExt;
    use std::path::PathBuf;
    use std::process::{Command, ExitStatus};

    use crate::{Config, Engine, Error, Linker, Module, Store, TierMode, TrapCause};

    use super::*;

    /// Names the part that this test plays as a process of its own.
    const PART: &str = "STRATA_TEST_FAULTS";
    /// How the host's handler exits.
    const HANDLED: c_int = 42;

    /// Runs this test program again with only the test below, in that part.
    fn play(part: &str) -> ExitStatus {
        let program = std::env::current_exe().unwrap();
        let name = "os::linux::tests::faults_of_the_host_are_the_hosts";
        // A program for another machine runs in what cargo was told to run it in.
        let runner = std::env::var("CARGO_TARGET_AARCH64_UNKNOWN_LINUX_GNU_RUNNER").unwrap_or_default();
        let runner = if cfg!(target_arch = "aarch64") { runner.as_str() } else { "" };
        let mut words: Vec<_> = runner.split_whitespace().map(PathBuf::from).collect();
        words.push(program);
        let mut command = Command::new(&words[0]);
        command.args(&words[1..]).args(["--exact", name, "--nocapture"]).env(PART, part);
        let output = command.output().unwrap();
        println!("{part}: {output:?}");
        output.status
    }

    extern "C" fn hosts_handler(_: c_int) {
        // SAFETY: a handler may end the process.
        unsafe { libc::_exit(HANDLED) }
    }

    fn install_hosts_handler() {
        // SAFETY: the handler only ends the process.
        unsafe { libc::signal(libc::SIGSEGV, hosts_handler as *const () as libc::sighandler_t) };
    }

    /// Machine code that faults, which is a trap.
    fn trap() {
        let text = "memory 1\nfunc @far(%at: i32) -> i32 export {\n %at = load.i32 [%at]\n ret %at\n}";
        let engine = Engine::new(Config::new().tier(TierMode::Template));
        let mut store = Store::new(&engine, ());
        let instance =
            Linker::new(&engine).instantiate(&mut store, &Module::new(&engine, text).unwrap()).unwrap();
        let far = instance.typed_func::<i32, i32>(&store, "far").unwrap();
        for _ in 0..3 {
            match far.call(&mut store, -5) {
                Err(Error::Trap(trap)) => assert_eq!(trap.cause(), TrapCause::MemoryOutOfBounds),
                other => panic!("{other:?}"),
            }
        }
        let compiles = cfg!(any(target_arch = "x86_64", target_arch = "aarch64"));
        assert_eq!(engine.code_bytes() > 0, compiles, "it was machine code that trapped");
    }

    fn fault() {
        // SAFETY: not at all: this is to fault.
        unsafe { ptr::without_provenance_mut::<u8>(8).write_volatile(1) }
    }

    #[test]
    fn lines_of_code_are_optimized_until_others_take_their_place() {
        let Some(range) = CodeRange::new(1 << 16) else { return };
        let optimized = |offset| {
            // SAFETY: the range lives, and the offsets below are within.
            unsafe { is_optimized(range.optimized(), offset) }
        };
        range.set_optimized(4096 - 64, 130, true);
        let around = [4031, 4032, 4095, 4096, 4096 + 127, 4096 + 128];
        assert_eq!(around.map(optimized), [false, true, true, true, true, false]);
        range.set_optimized(4096, 64, false);
        assert_eq!(around.map(optimized), [false, true, true, false, true, false]);
        assert!(!optimized((1 << 16) - 1));
    }

    #[test]
    fn faults_of_the_host_are_the_hosts() {
        match std::env::var(PART).as_deref() {
            Ok("handler before") => {
                install_hosts_handler();
                trap();
                fault();
            }
            Ok("handler behind") => {
                trap();
                install_hosts_handler();
                fault();
            }
            Ok("no handler") => {
                // Rust's own, which looks for overflows of the stack, out of the way.
                // SAFETY: the default action.
                unsafe { libc::signal(libc::SIGSEGV, libc::SIG_DFL) };
                trap();
                fault();
            }
            _ => {
                assert_eq!(play("handler before").code(), Some(HANDLED));
                assert_eq!(play("handler behind").code(), Some(HANDLED));
                assert_eq!(play("no handler").signal(), Some(libc::SIGSEGV));
            }
        }
    }
}
