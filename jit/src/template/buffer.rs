//! Where machine code goes: bytes, labels and fix-ups. Knows no machine.
//!
//! dynasm's own assemblers with dynamic labels are four to eight times slower than this sink, which it writes into through
//! [`DynasmApi`].

use std::ops::Range;

use bytecode_spec::Pc;
use dynasmrt::{AssemblyOffset, DynasmApi};

/// A place in the code that branches go to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Label(pub u32);

/// A branch whose distance is not known yet.
#[derive(Clone, Copy, Debug)]
struct Fixup {
    site: u32,
    label: Label,
    /// The machine's own mark for how the distance is written.
    kind: u8,
}

const UNBOUND: u32 = u32::MAX;
/// The same, and something goes there.
const REFERENCED: u32 = u32::MAX - 1;
/// The same, of a label that will be near whatever goes there.
const NEAR: u32 = u32::MAX - 2;
/// Bound labels are below.
const FIRST_STATE: u32 = NEAR;

/// Code is copied in pieces of so many bytes, as many as there are behind it at least; instructions are written in smaller ones.
const PIECE: usize = 64;

/// Forward branches over at most so many words of bytecode are taken to be near. It is as many as leave nearly all functions with none
/// that are not: those are compiled again.
const NEAR_WORDS: u32 = 6;

/// How far branches to labels that are not bound yet may have to go.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Reach {
    /// As far as the machine's short ones do.
    #[default]
    Near,
    /// As far as any of the machine's do.
    Far,
}

/// Where something goes, as far as that is known when its branch is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// There.
    At(u32),
    /// Some hundred bytes away at most, it can be expected.
    Near,
    /// Anywhere behind.
    Far,
}

/// Bytes of code under construction.
#[derive(Debug, Default)]
pub struct Buffer {
    /// With room behind the code: instructions are written there at once, however short they are. What finds no room is not written,
    /// but counted: to make room in the middle of a template would cost all of them what it takes to call something.
    bytes: Vec<u8>,
    length: u32,
    labels: Vec<u32>,
    /// The first so many labels are words of bytecode.
    words: u32,
    /// The label that was bound last.
    last: u32,
    fixups: Vec<Fixup>,
    reach: Reach,
    /// What the next access to memory belongs to, if it may fault.
    accessing: Option<Pc>,
    faults: Vec<(u32, Pc)>,
    /// Where the last thing was emitted that depends on its place.
    placed: u32,
}

impl Buffer {
    /// Empties the buffer, and makes room for so many bytes at least, and `labels` labels, 0 and up. Room that is not used takes no time.
    pub fn reset(&mut self, labels: usize, bytes: usize, reach: Reach) {
        const LEAST: usize = 4096;
        let bytes = bytes + PIECE;
        if self.bytes.len() < bytes {
            self.bytes = vec![0; LEAST.max(bytes).max(2 * self.bytes.len())];
        }
        self.reach = reach;
        self.accessing = None;
        self.faults.clear();
        (self.length, self.placed) = (0, 0);
        self.fixups.clear();
        self.labels.clear();
        self.labels.resize(labels, UNBOUND);
        (self.words, self.last) = (labels as u32, 0);
    }

    /// A new label.
    pub fn label(&mut self) -> Label {
        self.labels.push(UNBOUND);
        Label(self.labels.len() as u32 - 1)
    }

    /// A new label that will be bound within the few instructions that follow.
    pub fn near_label(&mut self) -> Label {
        self.labels.push(NEAR);
        Label(self.labels.len() as u32 - 1)
    }

    /// Lets a label stand for the next instruction.
    #[inline(always)]
    pub fn bind(&mut self, label: Label) {
        self.labels[label.0 as usize] = self.position();
        self.last = label.0;
    }

    /// Lets the label of a word stand for the next instruction; all bits if anything goes there that came before, or none. A condition
    /// would be a branch in the end, which would often be predicted wrongly.
    #[inline(always)]
    pub fn bind_word(&mut self, word: u32) -> u32 {
        let position = self.position();
        let was = std::mem::replace(&mut self.labels[word as usize], position);
        self.last = word;
        (u64::from(was ^ REFERENCED).wrapping_sub(1) >> 32) as u32
    }

    /// Bytes so far.
    #[inline(always)]
    pub fn position(&self) -> u32 {
        self.length
    }

    /// Where a label stands, if it is bound.
    #[inline(always)]
    pub fn position_of(&self, label: Label) -> Option<u32> {
        Some(self.labels[label.0 as usize]).filter(|&position| position < FIRST_STATE)
    }

    /// How far branches to labels that are not bound yet may have to go.
    #[inline(always)]
    pub fn reach(&self) -> Reach {
        self.reach
    }

    /// Where a label is, as far as that is known when something goes there.
    #[inline(always)]
    pub fn target(&mut self, label: Label) -> Target {
        self.placed = self.length;
        let position = &mut self.labels[label.0 as usize];
        match *position {
            NEAR if self.reach == Reach::Near => Target::Near,
            UNBOUND | REFERENCED | NEAR => {
                if *position == UNBOUND {
                    *position = REFERENCED;
                }
                // Labels of words are bound in their order.
                let follows = label.0.wrapping_sub(self.last) <= NEAR_WORDS && label.0 < self.words;
                if self.reach == Reach::Near && follows { Target::Near } else { Target::Far }
            }
            position => Target::At(position),
        }
    }

    /// Notes that the next [access](Self::access) may fault, at that instruction of the bytecode.
    #[inline(always)]
    pub fn may_fault(&mut self, pc: Pc) {
        self.accessing = Some(pc);
    }

    /// Notes that the next machine instruction is the access to memory; what computes its address comes before.
    #[inline(always)]
    pub fn access(&mut self) {
        if let Some(pc) = self.accessing.take() {
            self.placed = self.length;
            self.faults.push((self.position(), pc));
        }
    }

    /// Offsets of instructions that may fault, ascending, and what they belong to.
    pub fn faults(&self) -> &[(u32, Pc)] {
        &self.faults
    }

    /// The place of the next `N` bytes, if there is room.
    #[inline(always)]
    fn room<const N: usize>(&mut self) -> Option<&mut [u8; N]> {
        let start = self.length as usize;
        self.bytes.get_mut(start..start + N)?.first_chunk_mut()
    }

    /// Appends bytes.
    #[inline(always)]
    pub fn put<const N: usize>(&mut self, bytes: [u8; N]) {
        let end = self.length + N as u32;
        if let Some(room) = self.room() {
            *room = bytes;
        }
        self.length = end;
    }

    /// Appends the first bytes of two words, at most seven of the first, the lowest first.
    #[inline(always)]
    pub fn put_some(&mut self, [head, tail]: [(u64, u32); 2]) {
        let end = self.length + (head.1 + tail.1);
        if let Some(room) = self.room::<16>() {
            room[..8].copy_from_slice(&head.0.to_le_bytes());
            room[head.1 as usize & 7..][..8].copy_from_slice(&tail.0.to_le_bytes());
        }
        self.length = end;
    }

    /// Appends the first bytes of three words, at most seven of the first and fifteen of the first two, the lowest first.
    #[inline(always)]
    pub fn put_three(&mut self, [head, middle, tail]: [(u64, u32); 3]) {
        let before_tail = head.1 + middle.1;
        let end = self.length + (before_tail + tail.1);
        if let Some(room) = self.room::<24>() {
            room[..8].copy_from_slice(&head.0.to_le_bytes());
            room[head.1 as usize & 7..][..8].copy_from_slice(&middle.0.to_le_bytes());
            room[before_tail as usize & 15..][..8].copy_from_slice(&tail.0.to_le_bytes());
        }
        self.length = end;
    }

    /// Appends what is there already at a place, and runs at any.
    #[inline(always)]
    pub fn repeat(&mut self, code: Range<u32>) {
        let end = self.length + code.len() as u32;
        for start in code.step_by(PIECE) {
            if self.room::<PIECE>().is_some() {
                let start = start as usize;
                self.bytes.copy_within(start..start + PIECE, self.length as usize);
            }
            self.length += PIECE as u32;
        }
        self.length = end;
    }

    /// How many bytes there are from a position on, if they run at any place, and no faults are noted for them; otherwise 0.
    #[inline(always)]
    pub fn movable_since(&self, start: u32) -> u32 {
        if self.placed < start { self.length - start } else { 0 }
    }

    /// Notes that something goes to a label, to be emitted later.
    #[inline(always)]
    pub fn refer(&mut self, label: Label) {
        let position = &mut self.labels[label.0 as usize];
        if *position == UNBOUND {
            *position = REFERENCED;
        }
    }

    /// Notes that the distance to `label` is to be written at the next byte.
    #[inline(always)]
    pub fn fixup(&mut self, label: Label, kind: u8) {
        self.refer(label);
        self.fixup_at(self.position(), label, kind);
    }

    /// The same at `site`, for a label that the buffer [knows](Self::target) to be referred to.
    #[inline(always)]
    pub fn fixup_at(&mut self, site: u32, label: Label, kind: u8) {
        self.placed = self.length;
        self.fixups.push(Fixup { site, label, kind });
    }

    /// Appends `with` until the position is a multiple of `to`.
    pub fn pad(&mut self, to: u32, with: u8) {
        while !self.length.is_multiple_of(to) {
            self.put([with]);
        }
    }

    /// Writes all distances that are not written yet. False when one does not fit.
    pub fn link(&mut self, patch: impl Fn(&mut [u8], u32, u8, u32) -> bool) -> bool {
        let Buffer { bytes, labels, fixups, .. } = self;
        fixups.drain(..).all(|fixup| {
            let target = labels[fixup.label.0 as usize];
            debug_assert!(target < FIRST_STATE, "{:?} is not bound", fixup.label);
            patch(bytes, fixup.site, fixup.kind, target)
        })
    }

    /// Whether there was room for all code. If not, it is to be written again, with as much.
    pub fn had_room(&self) -> bool {
        self.length as usize + PIECE <= self.bytes.len()
    }

    /// The code.
    ///
    /// # Panics
    ///
    /// When there was [no room](Self::had_room) for all of it.
    pub fn bytes(&self) -> &[u8] {
        assert!(self.had_room(), "there is no room for {} bytes of code", self.length);
        &self.bytes[..self.length as usize]
    }
}

impl Extend<u8> for Buffer {
    #[inline(always)]
    fn extend<T: IntoIterator<Item = u8>>(&mut self, bytes: T) {
        bytes.into_iter().for_each(|byte| self.push(byte));
    }
}

impl<'a> Extend<&'a u8> for Buffer {
    #[inline(always)]
    fn extend<T: IntoIterator<Item = &'a u8>>(&mut self, bytes: T) {
        bytes.into_iter().for_each(|&byte| self.push(byte));
    }
}

impl DynasmApi for Buffer {
    fn offset(&self) -> AssemblyOffset {
        AssemblyOffset(self.length as usize)
    }

    #[inline(always)]
    fn push(&mut self, byte: u8) {
        self.put([byte]);
    }

    #[inline(always)]
    fn push_u16(&mut self, word: u16) {
        self.put(word.to_le_bytes());
    }

    #[inline(always)]
    fn push_i32(&mut self, word: i32) {
        self.put(word.to_le_bytes());
    }

    #[inline(always)]
    fn push_u32(&mut self, word: u32) {
        self.put(word.to_le_bytes());
    }

    #[inline(always)]
    fn push_u64(&mut self, word: u64) {
        self.put(word.to_le_bytes());
    }

    fn align(&mut self, alignment: usize, with: u8) {
        self.pad(alignment as u32, with);
    }
}
