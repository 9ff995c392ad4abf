//! Where machine code goes: bytes, labels and fix-ups. Knows no machine.
//!
//! dynasm's own assemblers with dynamic labels are four to eight times slower than this sink, which it writes into through
//! [`DynasmApi`].

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

/// Bytes of code under construction.
#[derive(Debug, Default)]
pub struct Buffer {
    /// With room behind the code: instructions are written there at once, however short they are.
    bytes: Vec<u8>,
    length: usize,
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
}

impl Buffer {
    /// Empties the buffer and makes `labels` labels, 0 and up.
    pub fn reset(&mut self, labels: usize, reach: Reach) {
        self.reach = reach;
        self.accessing = None;
        self.faults.clear();
        self.length = 0;
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

    /// Bytes so far.
    #[inline(always)]
    pub fn position(&self) -> u32 {
        self.length as u32
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

    /// Whether a label that is not bound yet can be expected to be near, some hundred bytes away at most.
    #[inline(always)]
    pub fn will_be_near(&self, label: Label) -> bool {
        let is_near = self.labels[label.0 as usize] == NEAR;
        // Labels of words are bound in their order.
        let follows = label.0.wrapping_sub(self.last) <= NEAR_WORDS && label.0 < self.words;
        self.reach == Reach::Near && (is_near || follows)
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
            self.faults.push((self.position(), pc));
        }
    }

    /// Offsets of instructions that may fault, ascending, and what they belong to.
    pub fn faults(&self) -> &[(u32, Pc)] {
        &self.faults
    }

    /// Appends bytes.
    #[inline(always)]
    pub fn put<const N: usize>(&mut self, bytes: [u8; N]) {
        match self.bytes[self.length..].first_chunk_mut() {
            Some(room) => *room = bytes,
            None => return self.after_growing(N, |buffer| buffer.put(bytes)),
        }
        self.length += N;
    }

    /// Appends the first bytes of two words, at most seven of the first, the lowest first.
    #[inline(always)]
    pub fn put_some(&mut self, words: [(u64, usize); 2]) {
        let Some(room) = self.bytes[self.length..].first_chunk_mut::<16>() else {
            return self.after_growing(16, |buffer| buffer.put_some(words));
        };
        let [head, tail] = words;
        room[..8].copy_from_slice(&head.0.to_le_bytes());
        room[head.1 & 7..][..8].copy_from_slice(&tail.0.to_le_bytes());
        self.length += head.1 + tail.1;
    }

    #[cold]
    #[inline(never)]
    fn after_growing(&mut self, bytes: usize, put: impl FnOnce(&mut Buffer)) {
        const LEAST: usize = 4096;
        self.bytes.resize(2 * self.length + bytes.max(LEAST), 0);
        put(self);
    }

    /// Whether anything so far goes to a label that is not bound yet.
    #[inline(always)]
    pub fn is_referenced(&self, label: Label) -> bool {
        self.labels[label.0 as usize] == REFERENCED
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
        let site = self.position();
        self.fixups.push(Fixup { site, label, kind });
    }

    /// Appends `with` until the position is a multiple of `to`.
    pub fn pad(&mut self, to: usize, with: u8) {
        while !self.length.is_multiple_of(to) {
            self.put([with]);
        }
    }

    /// Writes all distances that are not written yet. False when one does not fit.
    pub fn link(&mut self, patch: fn(&mut [u8], u32, u8, u32) -> bool) -> bool {
        let Buffer { bytes, labels, fixups, .. } = self;
        fixups.drain(..).all(|fixup| {
            let target = labels[fixup.label.0 as usize];
            debug_assert!(target < FIRST_STATE, "{:?} is not bound", fixup.label);
            patch(bytes, fixup.site, fixup.kind, target)
        })
    }

    /// Makes room for so many bytes, in an empty buffer: pages that are not written then take no memory, and no time.
    pub fn make_room(&mut self, bytes: usize) {
        debug_assert_eq!(self.length, 0, "what is there would be lost");
        if self.bytes.len() < bytes {
            self.bytes = vec![0; bytes];
        }
    }

    /// The code.
    pub fn bytes(&self) -> &[u8] {
        &self.bytes[..self.length]
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
        AssemblyOffset(self.length)
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
        self.pad(alignment, with);
    }
}
