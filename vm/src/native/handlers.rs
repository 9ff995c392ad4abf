//! The handlers of the generated interpreter at their place: one set a process for engines that profile, and one for others.

use std::sync::OnceLock;

use strata_jit::template::host::Machine;
use strata_jit::template::interpreter::Interpreter;

use crate::code::CodeSpace;
use crate::os;

/// Handlers that stay where they are as long as the process runs.
#[derive(Debug)]
pub(crate) struct Handlers {
    pub(crate) interpreter: Interpreter,
    start: *const u8,
    /// Has the code.
    _space: CodeSpace,
}

// SAFETY: the address is of code that is never written again.
unsafe impl Send for Handlers {}
// SAFETY: as above.
unsafe impl Sync for Handlers {}

/// The code space's bytes are a multiple of this.
const GRANULE: usize = 1 << 16;

impl Handlers {
    /// The process's handlers; `None` where there is no executable memory.
    pub(crate) fn get(profile: bool) -> Option<&'static Handlers> {
        static HANDLERS: [OnceLock<Option<Handlers>>; 2] = [const { OnceLock::new() }; 2];
        HANDLERS[usize::from(profile)].get_or_init(|| Handlers::new(profile)).as_ref()
    }

    fn new(profile: bool) -> Option<Handlers> {
        let mut interpreter = Interpreter::generate(Machine::of_host(), profile);
        let code = std::mem::take(&mut interpreter.bytes);
        let space = CodeSpace::new(code.len().next_multiple_of(GRANULE))?;
        let start = space.install(&code)?;
        let fault = start.wrapping_add(interpreter.fault as usize);
        os::watch_faults(space.range(), fault).then(|| Handlers { interpreter, start, _space: space })
    }

    /// Where machine code calls functions to be interpreted.
    pub(crate) fn entry(&self) -> *const u8 {
        self.start.wrapping_add(self.interpreter.entry as usize)
    }

    /// See [`HANDLERS`](strata_jit::abi::HANDLERS).
    pub(crate) fn first(&self) -> *const () {
        self.start.wrapping_add(self.interpreter.handlers as usize).cast()
    }

    /// How many words behind the instruction whose handler ran lies the one that faulted at an address.
    pub(crate) fn fault_at(&self, address: usize) -> Option<u32> {
        self.interpreter.fault_at(u32::try_from(address.checked_sub(self.start.addr())?).ok()?)
    }
}
