//! Memory for machine code: one range an engine, mapped twice, and who has which bytes of it.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Mutex, PoisonError};

use crate::os::CodeRange;

/// Objects start at multiples of this, so that code is aligned as its compiler aligned it.
const ALIGNMENT: usize = 64;
const _: () = assert!(ALIGNMENT.is_multiple_of(strata_jit::optimizing::LINE as usize));
const _: () = assert!(ALIGNMENT.is_multiple_of(CodeRange::LINE));

/// The code memory of an engine.
#[derive(Debug)]
pub(crate) struct CodeSpace {
    range: CodeRange,
    /// Free pieces: bytes by offset. No two touch each other.
    free: Mutex<BTreeMap<usize, usize>>,
    /// From this offset on, no code has ever been.
    untouched: AtomicUsize,
}

impl CodeSpace {
    /// A space of so many bytes; `None` where there is no executable memory.
    pub(crate) fn new(bytes: usize) -> Option<CodeSpace> {
        let range = CodeRange::new(bytes)?;
        let free = Mutex::new(BTreeMap::from([(0, range.len())]));
        Some(CodeSpace { range, free, untouched: AtomicUsize::new(0) })
    }

    pub(crate) fn range(&self) -> &CodeRange {
        &self.range
    }

    /// Bytes of the space that an object of so many bytes takes.
    pub(crate) fn bytes_of(length: usize) -> usize {
        length.next_multiple_of(ALIGNMENT)
    }

    /// Writes a code object, of optimized code or other, and gives the address it runs at; `None` when there is no room.
    pub(crate) fn install(&self, code: &[u8], is_optimized: bool) -> Option<*const u8> {
        let bytes = CodeSpace::bytes_of(code.len());
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        let (&offset, &length) = free.iter().find(|&(_, &length)| length >= bytes)?;
        free.remove(&offset);
        if length > bytes {
            free.insert(offset + bytes, length - bytes);
        }
        drop(free);
        // SAFETY: the piece is ours alone: nobody runs or writes there. Code runs at the other address only after this thread
        // has published that.
        unsafe { self.range.writable().add(offset).copy_from_nonoverlapping(code.as_ptr(), code.len()) };
        let start = self.range.executable().wrapping_add(offset);
        self.range.set_optimized(offset, bytes, is_optimized);
        // Who had this piece before has given it back under the lock, so this thread sees what it wrote here.
        let again = offset < self.untouched.fetch_max(offset + bytes, Ordering::Relaxed);
        if !self.range.publish(offset, bytes, again) {
            self.release(start, bytes);
            return None;
        }
        Some(start)
    }

    /// Takes back the bytes of an object that nobody runs any more.
    pub(crate) fn release(&self, start: *const u8, bytes: usize) {
        let mut offset = start.addr() - self.range.executable().addr();
        let mut bytes = CodeSpace::bytes_of(bytes);
        let mut free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(behind) = free.remove(&(offset + bytes)) {
            bytes += behind;
        }
        if let Some((&before, &length)) = free.range(..offset).next_back()
            && before + length == offset
        {
            offset = before;
            bytes += length;
        }
        free.insert(offset, bytes);
    }

    /// Bytes that code has.
    pub(crate) fn used(&self) -> usize {
        let free = self.free.lock().unwrap_or_else(PoisonError::into_inner);
        self.range.len() - free.values().sum::<usize>()
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::AtomicBool;

    use super::*;

    /// A function that returns a number below 2^16.
    fn returns(number: u16) -> Vec<u8> {
        if cfg!(target_arch = "aarch64") {
            // movz w0, number; ret
            [0x5280_0000 | u32::from(number) << 5, 0xd65f_03c0].map(u32::to_le_bytes).concat()
        } else {
            // mov eax, number; ret
            [&[0xb8][..], &u32::from(number).to_le_bytes(), &[0xc3]].concat()
        }
    }

    #[test]
    fn code_at_an_address_that_is_used_again_is_what_runs() {
        if !cfg!(any(target_arch = "x86_64", target_arch = "aarch64")) {
            return;
        }
        let Some(space) = CodeSpace::new(1 << 16) else { return };
        let call = |start: usize| {
            // SAFETY: code of such a function, installed and not released.
            unsafe { std::mem::transmute::<usize, extern "C" fn() -> u32>(start)() }
        };
        // A neighbour on the same page runs all the time.
        let neighbour = space.install(&returns(7), false).expect("room").expose_provenance();
        let is_done = AtomicBool::new(false);
        let mut places = std::collections::BTreeSet::new();
        std::thread::scope(|scope| {
            scope.spawn(|| {
                while !is_done.load(Ordering::Relaxed) {
                    assert_eq!(call(neighbour), 7);
                }
            });
            for number in 0..1000 {
                let start = space.install(&returns(number), false).expect("room");
                places.insert(start);
                let returned = call(start.expose_provenance());
                is_done.store(number == 999 || returned != number.into(), Ordering::Relaxed);
                assert_eq!(returned, number.into());
                space.release(start, returns(number).len());
            }
        });
        assert_eq!(places.len(), 1);
    }

    #[test]
    fn what_is_released_is_used_again_as_a_whole() {
        let Some(space) = CodeSpace::new(1 << 16) else { return };
        let code = vec![0xcc; 1000];
        let mut starts: Vec<_> = std::iter::from_fn(|| space.install(&code, false)).collect();
        assert_eq!(starts.len(), (1 << 16) / 1024);
        assert_eq!(space.used(), 1 << 16);
        starts.sort_by_key(|start| start.addr() % 7919);
        for start in starts {
            space.release(start, code.len());
        }
        assert_eq!(space.used(), 0);
        assert!(space.install(&vec![0xcc; 1 << 16], false).is_some());
    }
}
