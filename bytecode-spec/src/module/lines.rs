//! Source lines: which line of which source instructions come from.

use std::fmt;

use serde::{Deserialize, Serialize};

use super::{Function, leb};
use crate::types::{Pc, SourceIndex};

/// From `pc` on, instructions come from `line` of `source`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LineEntry {
    /// First instruction.
    pub pc: Pc,
    /// The source; 0 where there is no line.
    pub source: SourceIndex,
    /// Line of the source, from 1; 0 where there is none.
    pub line: u32,
}

/// A line of one of a module's sources. It is displayed as text has it: `line 12`, or `line 12 of 1` where the source is not
/// the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SourceLine {
    /// The source.
    pub source: SourceIndex,
    /// The line, from 1.
    pub line: u32,
}

impl fmt::Display for SourceLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.source {
            SourceIndex(0) => write!(f, "line {}", self.line),
            source => write!(f, "line {} of {source}", self.line),
        }
    }
}

impl LineEntry {
    /// The line, if this is one.
    pub fn at(self) -> Option<SourceLine> {
        let LineEntry { source, line, .. } = self;
        (line != 0).then_some(SourceLine { source, line })
    }
}

/// The line table of a function: entries by ascending pc, each of which holds up to the next and differs from it.
///
/// It is kept as it is encoded, since most of a table is never looked at. Of each entry: twice how many words it is behind
/// the one before (or the start), plus 1 if it has another source (at first 0), which follows then; the difference of their
/// lines (at first 0). All are LEB128, the difference zigzag and modulo 2^32. Two bytes are what most entries take.
///
/// ```
/// use bytecode_spec::{LineEntry, LineTable, Pc, SourceIndex};
/// let entry = |pc, line| LineEntry { pc: Pc(pc), source: SourceIndex(0), line };
/// let table: LineTable = [entry(0, 7), entry(3, 8)].into_iter().collect();
/// assert_eq!(table.line(Pc(2)).unwrap().line, 7);
/// assert_eq!(table.iter().last(), Some(entry(3, 8)));
/// ```
#[derive(Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct LineTable(#[serde(with = "serde_bytes")] Vec<u8>);

const START: LineEntry = LineEntry { pc: Pc(0), source: SourceIndex(0), line: 0 };

impl LineTable {
    /// A table without entries.
    pub const fn new() -> LineTable {
        LineTable(Vec::new())
    }

    /// Whether there are no entries.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The entries.
    pub fn iter(&self) -> LineEntries<'_> {
        LineEntries { rest: &self.0, last: START }
    }

    /// The source line of the instruction at `pc`, if known. Takes time linear in the size of the table.
    pub fn line(&self, pc: Pc) -> Option<SourceLine> {
        self.iter().take_while(|entry| entry.pc <= pc).last()?.at()
    }
}

impl Function {
    /// The source line of the instruction at `pc`, if known. Takes time linear in the size of the line table.
    pub fn line(&self, pc: Pc) -> Option<SourceLine> {
        self.lines.line(pc)
    }
}

/// Entries in any order can be kept, but the verifier accepts only what is as it should be.
impl FromIterator<LineEntry> for LineTable {
    fn from_iter<I: IntoIterator<Item = LineEntry>>(entries: I) -> LineTable {
        let entries = entries.into_iter();
        let mut bytes = Vec::with_capacity(2 * entries.size_hint().0);
        let mut last = START;
        for entry in entries {
            let distance = entry.pc.0.wrapping_sub(last.pc.0);
            if entry.source == last.source {
                leb::push(&mut bytes, distance << 1);
            } else {
                leb::push(&mut bytes, distance << 1 | 1);
                leb::push(&mut bytes, entry.source.0);
            }
            let difference = entry.line.wrapping_sub(last.line) as i32;
            leb::push(&mut bytes, (difference << 1 ^ difference >> 31) as u32);
            last = entry;
        }
        LineTable(bytes)
    }
}

impl fmt::Debug for LineTable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// The entries of a [`LineTable`].
#[derive(Clone, Debug)]
pub struct LineEntries<'a> {
    rest: &'a [u8],
    last: LineEntry,
}

impl LineEntries<'_> {
    /// Whether all was read: what is malformed ends the entries, too.
    pub(crate) fn is_at_end(&self) -> bool {
        self.rest.is_empty()
    }

    #[cold]
    fn long(&mut self) -> Option<(u32, u32)> {
        let mut rest = self.rest;
        let distance = leb::take(&mut rest)?;
        if distance & 1 != 0 {
            let source = SourceIndex(leb::take(&mut rest)?);
            if source == self.last.source {
                return None;
            }
            self.last.source = source;
        }
        let difference = leb::take(&mut rest)?;
        self.rest = rest;
        Some((distance, difference))
    }
}

impl Iterator for LineEntries<'_> {
    type Item = LineEntry;

    #[inline(always)]
    fn next(&mut self) -> Option<LineEntry> {
        let (distance, difference) = match self.rest {
            &[distance, difference, ref rest @ ..] if (distance | difference) < 0x80 && distance & 1 == 0 => {
                self.rest = rest;
                (distance.into(), difference.into())
            }
            [] => return None,
            _ => self.long()?,
        };
        self.last.pc.0 = self.last.pc.0.wrapping_add(distance >> 1);
        self.last.line = self.last.line.wrapping_add(difference >> 1 ^ (difference & 1).wrapping_neg());
        Some(self.last)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn entries_come_back() {
        let numbers = [0, 1, 63, 64, 8191, 8192, 1 << 27, u32::MAX >> 1];
        let mut entries = Vec::new();
        for (i, &number) in numbers.iter().enumerate() {
            for line in [number, numbers[i / 2], u32::MAX - number] {
                entries.push(LineEntry { pc: Pc(number), source: SourceIndex(number / 3), line });
            }
        }
        let table: LineTable = entries.iter().copied().collect();
        assert_eq!(table.iter().collect::<Vec<_>>(), entries);
    }

    /// So that equal tables are equal bytes.
    #[test]
    fn there_is_one_way_to_write_a_table() {
        for (bytes, good) in [
            (&[2, 2][..], true),
            (&[3, 1, 2], true),
            (&[3, 0, 2], false),
            (&[0x82, 0, 2], false),
            (&[2, 0x82, 0], false),
            (&[2], false),
            (&[2, 0x82], false),
        ] {
            let mut entries = LineEntries { rest: bytes, last: START };
            assert_eq!((entries.by_ref().count() == 1, entries.is_at_end()), (good, good), "{bytes:?}");
        }
    }
}
