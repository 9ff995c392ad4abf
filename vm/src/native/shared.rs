//! The handlers of the generated interpreter at their place: one set a process for engines that profile, and one for others.

use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use strata_jit::template::host::Machine;
use strata_jit::template::interpreter::{Interpreter, Source};

use crate::os::{self, CodeRange};

/// Handlers that stay where they are as long as the process runs.
#[derive(Debug)]
pub(crate) struct Handlers {
    range: CodeRange,
    /// See [`entry`](Self::entry) and [`first`](Self::first).
    entry: *const u8,
    first: *const (),
    generated: Mutex<Generated>,
}

#[derive(Debug)]
struct Generated {
    interpreter: Interpreter<Machine>,
    /// So many bytes of its code are at their place.
    installed: usize,
}

// SAFETY: the addresses are of code that is never written again.
unsafe impl Send for Handlers {}
// SAFETY: as above.
unsafe impl Sync for Handlers {}

impl Handlers {
    /// The process's handlers; `None` where there is no executable memory.
    pub(crate) fn get(profile: bool) -> Option<&'static Handlers> {
        static HANDLERS: [OnceLock<Option<Handlers>>; 2] = [const { OnceLock::new() }; 2];
        HANDLERS[usize::from(profile)].get_or_init(|| Handlers::new(profile)).as_ref()
    }

    fn new(profile: bool) -> Option<Handlers> {
        let range = CodeRange::new(Interpreter::<Machine>::MAX_BYTES)?;
        let interpreter = Interpreter::new(Machine::of_host(), profile);
        let at = |offset: u32| range.executable().wrapping_add(offset as usize);
        let (entry, first) = (at(interpreter.entry), at(interpreter.handlers).cast());
        let is_watched = os::watch_faults(&range, at(interpreter.fault));
        let generated = Mutex::new(Generated { interpreter, installed: 0 });
        let handlers = Handlers { range, entry, first, generated };
        handlers.install(&mut handlers.generated());
        is_watched.then_some(handlers)
    }

    /// Makes the image of a function for these handlers: see [`Interpreter::prepare`].
    pub(crate) fn prepare(&self, source: &Source<'_>, image: &mut [u64]) -> Box<[u16]> {
        let mut generated = self.generated();
        let leaders = generated.interpreter.prepare(source, image);
        self.install(&mut generated);
        leaders
    }

    /// Puts code that was generated where it runs.
    fn install(&self, generated: &mut Generated) {
        let (start, code) = (generated.installed, generated.interpreter.bytes());
        assert!(code.len() <= self.range.len(), "the code has no more bytes than it says");
        let new = &code[start..];
        // SAFETY: within the range, by the assertion. Nobody else writes there, under the lock, and nobody runs there: only images
        // that are made from now on lead there.
        unsafe { self.range.writable().add(start).copy_from_nonoverlapping(new.as_ptr(), new.len()) };
        let is_published = self.range.publish(start, new.len(), false);
        debug_assert!(is_published, "no code was there before");
        generated.installed = code.len();
    }

    fn generated(&self) -> MutexGuard<'_, Generated> {
        self.generated.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Where machine code calls functions to be interpreted.
    pub(crate) fn entry(&self) -> *const u8 {
        self.entry
    }

    /// See [`HANDLERS`](strata_jit::abi::HANDLERS).
    pub(crate) fn first(&self) -> *const () {
        self.first
    }

    /// How many words behind the instruction whose handler ran lies the one that faulted at an address.
    pub(crate) fn fault_at(&self, address: usize) -> Option<u32> {
        let offset = address.checked_sub(self.range.executable().addr())?;
        self.generated().interpreter.fault_at(u32::try_from(offset).ok()?)
    }
}
