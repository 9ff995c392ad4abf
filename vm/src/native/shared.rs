//! Machine code that engines share, at its place: stubs, and the handlers of the generated interpreter. A process has it once for
//! engines that profile, and once for others.

use std::ffi::c_void;
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};

use strata_jit::abi::Helper;
use strata_jit::template::host::Machine;
use strata_jit::template::interpreter::{Interpreter, Source};
use strata_jit::template::stubs;

use super::helpers;
use crate::os::{self, CodeRange};

/// The interpreter's code starts at a multiple of this behind the stubs.
const ALIGNMENT: usize = 64;

/// Code that stays where it is as long as the process runs.
#[derive(Debug)]
pub(crate) struct SharedCode {
    range: CodeRange,
    /// Enters code from the host: see [`stubs`](strata_jit::abi::Stubs::enter).
    pub(super) enter: *const c_void,
    /// Where instructions of functions' machine code that fault go on.
    pub(super) fault: *const u8,
    /// See [`abi::store::HELPERS`](strata_jit::abi::store::HELPERS).
    pub(crate) helpers: [*const (); 2 * Helper::COUNT + 1],
    /// Where machine code calls functions to be interpreted: their entry as long as they have no machine code.
    pub(crate) interpret: *const u8,
    /// Where the interpreter's code starts, in bytes from the range's start.
    start: usize,
    generated: Mutex<Generated>,
}

#[derive(Debug)]
struct Generated {
    interpreter: Interpreter<Machine>,
    /// So many bytes of its code are at their place.
    installed: usize,
}

// SAFETY: the addresses are of code that is never written again, and of functions.
unsafe impl Send for SharedCode {}
// SAFETY: as above.
unsafe impl Sync for SharedCode {}

impl SharedCode {
    /// The process's code; `None` where there is no executable memory, or the machine has no compiler.
    pub(crate) fn get(profile: bool) -> Option<&'static SharedCode> {
        static CODE: [OnceLock<Option<SharedCode>>; 2] = [const { OnceLock::new() }; 2];
        if cfg!(not(any(target_arch = "x86_64", target_arch = "aarch64"))) {
            return None;
        }
        CODE[usize::from(profile)].get_or_init(|| SharedCode::new(profile)).as_ref()
    }

    fn new(profile: bool) -> Option<SharedCode> {
        let (code, places) = stubs::stubs(Machine::of_host());
        let start = code.len().next_multiple_of(ALIGNMENT);
        let bytes = start + Interpreter::<Machine>::MAX_BYTES;
        let range = CodeRange::new(bytes.next_multiple_of(1 << 16))?;
        let interpreter = Interpreter::new(Machine::of_host(), profile);
        let stub = |offset: u32| range.executable().wrapping_add(offset as usize);
        let at = |offset: u32| range.executable().wrapping_add(start + offset as usize);
        let mut table = [std::ptr::null(); 2 * Helper::COUNT + 1];
        table[..Helper::COUNT].copy_from_slice(&places.helpers.map(|offset| stub(offset).cast()));
        table[Helper::COUNT..2 * Helper::COUNT].copy_from_slice(&Helper::ALL.map(helpers::function));
        table[2 * Helper::COUNT] = at(interpreter.handlers).cast();
        let is_watched = os::watch_faults(&range, at(interpreter.fault));
        let shared = SharedCode {
            enter: stub(places.enter).cast(),
            fault: stub(places.fault),
            helpers: table,
            interpret: at(interpreter.entry),
            range,
            start,
            generated: Mutex::new(Generated { interpreter, installed: 0 }),
        };
        shared.write(0, &code);
        shared.install(&mut shared.generated());
        is_watched.then_some(shared)
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
        let (installed, code) = (generated.installed, generated.interpreter.bytes());
        self.write(self.start + installed, &code[installed..]);
        generated.installed = code.len();
    }

    /// Writes code where there was none before: only what is made from now on leads there.
    fn write(&self, offset: usize, code: &[u8]) {
        if code.is_empty() {
            return;
        }
        assert!(offset + code.len() <= self.range.len(), "the code has no more bytes than it says");
        // SAFETY: within the range, by the assertion. Nobody else writes there: the stubs are written before anybody has this, all
        // else under the lock. Nobody runs there yet, as the caller says.
        unsafe { self.range.writable().add(offset).copy_from_nonoverlapping(code.as_ptr(), code.len()) };
        let is_published = self.range.publish(offset, code.len(), false);
        debug_assert!(is_published, "no code was there before");
    }

    fn generated(&self) -> MutexGuard<'_, Generated> {
        self.generated.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// How many words behind the instruction whose handler ran lies the one that faulted at an address.
    pub(crate) fn fault_at(&self, address: usize) -> Option<u32> {
        let offset = address.checked_sub(self.range.executable().addr() + self.start)?;
        self.generated().interpreter.fault_at(u32::try_from(offset).ok()?)
    }
}

#[cfg(test)]
mod tests {
    use crate::{Config, Engine, Linker, Module, Store, TierMode};

    /// The code that engines share after running a program, and how much there is of it.
    fn after_running(config: Config) -> Option<(*const super::SharedCode, usize)> {
        let engine = Engine::new(config.tier(TierMode::Interpreter));
        let module = Module::new(&engine, "func @f(%n: i32) -> i32 export {\n%n = add.i32 %n, 1\nret %n\n}");
        let mut store = Store::new(&engine, ());
        let instance = Linker::new(&engine).instantiate(&mut store, &module.unwrap()).unwrap();
        assert_eq!(instance.typed_func::<i32, i32>(&store, "f").unwrap().call(&mut store, 1).unwrap(), 2);
        engine.shared_code().map(|shared| (std::ptr::from_ref(shared), shared.generated().installed))
    }

    #[test]
    fn engines_share_handlers() {
        for profile in [false, true] {
            let Some((first, handlers)) = after_running(Config::new().profile(profile)) else { return };
            let (second, more) = after_running(Config::new().profile(profile)).unwrap();
            assert_eq!(first, second);
            // Other tests run in the same process, but the program's handlers are there.
            assert!(handlers > 0 && more >= handlers);
            assert_ne!(Some(first), after_running(Config::new().profile(!profile)).map(|(other, _)| other));
        }
    }
}
