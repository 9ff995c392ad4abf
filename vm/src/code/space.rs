//! Memory for machine code: one range an engine, mapped twice, and who has which bytes of it.

use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

use crate::os::CodeRange;

/// Objects start at multiples of this, so that code is aligned as its compiler aligned it.
const ALIGNMENT: usize = 64;

/// The code memory of an engine.
#[derive(Debug)]
pub(crate) struct CodeSpace {
    range: CodeRange,
    /// Free pieces: bytes by offset. No two touch each other.
    free: Mutex<BTreeMap<usize, usize>>,
}

impl CodeSpace {
    /// A space of so many bytes; `None` where there is no executable memory.
    pub(crate) fn new(bytes: usize) -> Option<CodeSpace> {
        let range = CodeRange::new(bytes)?;
        let free = Mutex::new(BTreeMap::from([(0, range.len())]));
        Some(CodeSpace { range, free })
    }

    pub(crate) fn range(&self) -> &CodeRange {
        &self.range
    }

    /// Writes a code object and gives the address it runs at; `None` when there is no room.
    pub(crate) fn install(&self, code: &[u8]) -> Option<*const u8> {
        let bytes = code.len().next_multiple_of(ALIGNMENT);
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
        Some(self.range.executable().wrapping_add(offset))
    }

    /// Takes back the bytes of an object that nobody runs any more.
    pub(crate) fn release(&self, start: *const u8, bytes: usize) {
        let mut offset = start.addr() - self.range.executable().addr();
        let mut bytes = bytes.next_multiple_of(ALIGNMENT);
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
    use super::*;

    #[test]
    fn what_is_released_is_used_again_as_a_whole() {
        let Some(space) = CodeSpace::new(1 << 16) else { return };
        let code = vec![0xcc; 1000];
        let mut starts: Vec<_> = std::iter::from_fn(|| space.install(&code)).collect();
        assert_eq!(starts.len(), (1 << 16) / 1024);
        assert_eq!(space.used(), 1 << 16);
        starts.sort_by_key(|start| start.addr() % 7919);
        for start in starts {
            space.release(start, code.len());
        }
        assert_eq!(space.used(), 0);
        assert!(space.install(&vec![0xcc; 1 << 16]).is_some());
    }
}
