//! The guest's memory, as the functions see it: every address and length is checked, and is nobody's fault
//! but the guest's when it is wrong. Addresses need not be aligned, as nothing here depends on it.

use std::io::{IoSlice, IoSliceMut};
use std::ops::Range;
use std::path::Path;

use smallvec::SmallVec;

use crate::errno::{Errno, Result};

/// Most parts of one read or write (`IOV_MAX` of the C library).
const MAX_PARTS: u32 = 1024;
/// Most bytes of one read or write, as on Linux: counts fit a signed number of 32 bits.
const MAX_TRANSFER: usize = 0x7fff_f000;
/// Bytes of an entry of a list of parts: address, length.
const PART_BYTES: u32 = 8;
/// Longest path that is worth asking the host about.
const MAX_PATH: u32 = 4096;

/// A list of parts of the memory, few of them mostly.
type List<T> = SmallVec<[T; 4]>;

/// The bytes of the memory of the instance that called; none when it has no memory.
#[derive(Debug)]
pub(crate) struct Guest<'a>(pub(crate) &'a mut [u8]);

impl Guest<'_> {
    /// Where these bytes are.
    pub(crate) fn range(&self, at: u32, len: u32) -> Result<Range<usize>> {
        let (start, end) = (at as usize, at as u64 + u64::from(len));
        if end <= self.0.len() as u64 { Ok(start..end as usize) } else { Err(Errno::Fault.into()) }
    }

    pub(crate) fn bytes(&self, at: u32, len: u32) -> Result<&[u8]> {
        let range = self.range(at, len)?;
        Ok(&self.0[range])
    }

    pub(crate) fn bytes_mut(&mut self, at: u32, len: u32) -> Result<&mut [u8]> {
        let range = self.range(at, len)?;
        Ok(&mut self.0[range])
    }

    /// Copies out a structure of that size.
    pub(crate) fn read<const N: usize>(&self, at: u32) -> Result<[u8; N]> {
        let bytes = self.bytes(at, N as u32)?;
        Ok(bytes.try_into().expect("as many bytes as asked for"))
    }

    pub(crate) fn write(&mut self, at: u32, bytes: &[u8]) -> Result<()> {
        // What the guest can address is less than 4 GiB; so is what fits.
        let len = u32::try_from(bytes.len()).map_err(|_| Errno::Fault)?;
        self.bytes_mut(at, len)?.copy_from_slice(bytes);
        Ok(())
    }

    pub(crate) fn write_u32(&mut self, at: u32, value: u32) -> Result<()> {
        self.write(at, &value.to_le_bytes())
    }

    pub(crate) fn write_u64(&mut self, at: u32, value: u64) -> Result<()> {
        self.write(at, &value.to_le_bytes())
    }

    /// Writes a number of bytes or elements.
    pub(crate) fn write_size(&mut self, at: u32, size: usize) -> Result<()> {
        self.write_u32(at, u32::try_from(size).map_err(|_| Errno::Overflow)?)
    }

    /// A path in the guest's words; what it means is for a folder to say.
    pub(crate) fn path(&self, at: u32, len: u32) -> Result<&Path> {
        let bytes = self.bytes(at, len)?;
        if len > MAX_PATH {
            return Err(Errno::Nametoolong.into());
        }
        if bytes.contains(&0) {
            return Err(Errno::Inval.into());
        }
        if bytes.is_empty() {
            return Err(Errno::Noent.into());
        }
        #[cfg(unix)]
        return Ok(Path::new(<std::ffi::OsStr as std::os::unix::ffi::OsStrExt>::from_bytes(bytes)));
        #[cfg(not(unix))]
        return Ok(Path::new(std::str::from_utf8(bytes).map_err(|_| Errno::Ilseq)?));
    }

    /// A path whose slashes at the end say no more than that it is a folder's.
    pub(crate) fn folder_path(&self, at: u32, len: u32) -> Result<&Path> {
        let bytes = self.bytes(at, len)?;
        let slashes = bytes.iter().skip(1).rev().take_while(|&&byte| byte == b'/').count();
        self.path(at, len - slashes as u32)
    }

    /// The parts of the memory that a list names, those without bytes left out.
    pub(crate) fn parts(&self, list: u32, count: u32) -> Result<Parts> {
        if count > MAX_PARTS {
            return Err(Errno::Inval.into());
        }
        let mut parts = Parts(List::new());
        let mut room = MAX_TRANSFER;
        for part in self.bytes(list, count * PART_BYTES)?.chunks_exact(PART_BYTES as usize) {
            let (at, len) = part.split_at(PART_BYTES as usize / 2);
            let word = |bytes: &[u8]| u32::from_le_bytes(bytes.try_into().expect("half of the entry"));
            let range = self.range(word(at), word(len))?;
            let len = range.len().min(room);
            room -= len;
            if len > 0 {
                parts.0.push(range.start..range.start + len);
            }
        }
        Ok(parts)
    }

    /// Those parts, to write from.
    pub(crate) fn sources(&self, parts: &Parts) -> List<IoSlice<'_>> {
        parts.0.iter().map(|range| IoSlice::new(&self.0[range.clone()])).collect()
    }

    /// Those parts, to read into: all of them, or only the first if some overlap, for then a short read is
    /// all that can be had.
    pub(crate) fn targets(&mut self, parts: &Parts) -> List<IoSliceMut<'_>> {
        let ranges = &parts.0;
        if ranges.windows(2).all(|pair| pair[0].end <= pair[1].start) {
            return carve(self.0, ranges.iter());
        }
        let mut order: List<u16> = (0..ranges.len() as u16).collect();
        order.sort_unstable_by_key(|&i| ranges[usize::from(i)].start);
        let sorted = || order.iter().map(|&i| &ranges[usize::from(i)]);
        if sorted().zip(sorted().skip(1)).any(|(before, after)| before.end > after.start) {
            return carve(self.0, ranges.iter().take(1));
        }
        let mut slices: List<(u16, IoSliceMut<'_>)> =
            order.iter().copied().zip(carve(self.0, sorted())).collect();
        slices.sort_unstable_by_key(|&(i, _)| i);
        slices.into_iter().map(|(_, slice)| slice).collect()
    }
}

/// Parts of the memory that are all within it and have bytes.
#[derive(Debug)]
pub(crate) struct Parts(List<Range<usize>>);

impl Parts {
    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

/// Slices of these ranges, which rise and do not overlap.
fn carve<'a, 'r>(
    mut bytes: &'a mut [u8],
    ranges: impl Iterator<Item = &'r Range<usize>>,
) -> List<IoSliceMut<'a>> {
    let mut before = 0;
    let slices = ranges.map(|range| {
        let (slice, rest) = std::mem::take(&mut bytes)[range.start - before..].split_at_mut(range.len());
        bytes = rest;
        before = range.end;
        IoSliceMut::new(slice)
    });
    slices.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn list(parts: &[(u32, u32)]) -> Vec<u8> {
        parts.iter().flat_map(|(at, len)| [at.to_le_bytes(), len.to_le_bytes()].concat()).collect()
    }

    /// A memory of 256 bytes that begins with a list, and what its parts are read into with 1, 2, 3 and so
    /// on.
    fn read_into(parts: &[(u32, u32)]) -> Vec<u8> {
        let mut memory = vec![0; 256];
        let list = list(parts);
        memory[..list.len()].copy_from_slice(&list);
        let mut guest = Guest(&mut memory);
        let ranges = guest.parts(0, parts.len() as u32).unwrap();
        let mut next = 0;
        for target in &mut guest.targets(&ranges) {
            for byte in target.iter_mut() {
                next += 1;
                *byte = next;
            }
        }
        memory.split_off(200)
    }

    #[test]
    fn parts_are_filled_in_their_order() {
        assert_eq!(read_into(&[(200, 2), (205, 0), (202, 1)])[..4], [1, 2, 3, 0]);
        assert_eq!(read_into(&[(204, 2), (200, 2), (203, 1)])[..7], [3, 4, 0, 5, 1, 2, 0]);
        assert_eq!(read_into(&[(200, 2), (201, 2)])[..4], [1, 2, 0, 0], "a short read where parts overlap");
        assert_eq!(read_into(&[])[..1], [0]);
    }

    #[test]
    fn what_is_outside_is_a_fault() {
        let mut memory = list(&[(0, 17), (u32::MAX, u32::MAX), (16, 0), (17, 0), (24, 1)]);
        let guest = Guest(&mut memory);
        let fault = |at, count| {
            let error = guest.parts(at, count).map(|_| ()).unwrap_err();
            error.errno() == Some(Errno::Fault)
        };
        assert!(guest.parts(0, 1).is_ok() && guest.parts(16, 3).is_ok());
        assert!(fault(8, 1) && fault(36, 1) && fault(u32::MAX, 1) && fault(0, 1024));
        assert_eq!(guest.parts(0, 1025).unwrap_err().errno(), Some(Errno::Inval));
        assert!(guest.range(40, 0).is_ok() && guest.range(41, 0).is_err());
        assert!(guest.range(u32::MAX, u32::MAX).is_err());
    }
}
