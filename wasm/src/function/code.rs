//! The code under construction: its words, the latest instructions, which may still be changed, and labels.
//!
//! An instruction may be taken back or redirected to another register as long as control cannot enter behind it: binding a
//! label ends that for all instructions before.

use bytecode_spec::isa::{self, LANES_PER_WORD, Words};
use bytecode_spec::{Op, Reg};

/// How many instructions are remembered: an address of shift and sum, and what uses it.
const REMEMBERED: usize = 3;

/// No place, and no entry of a list.
const NONE: u32 = u32::MAX;

/// An instruction that may still be changed.
#[derive(Clone, Copy, Debug)]
struct Recent {
    /// Its first word; `NONE` if there is no such instruction.
    start: u32,
    /// The one register that it writes; `NONE` if it writes none or several.
    dst: u32,
    /// The lane in the code that names the register.
    lane: u32,
}

const NO_RECENT: Recent = Recent { start: NONE, dst: NONE, lane: NONE };

/// A place that branches go to: while it is not bound, the list of branches that wait for it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Label {
    head: u32,
}

impl Label {
    /// A label that no branch goes to.
    pub(super) const UNUSED: Label = Label { head: NONE };

    /// Whether a branch goes to it.
    pub(super) fn is_used(self) -> bool {
        self.head != NONE
    }
}

/// A branch that waits for its label.
#[derive(Clone, Copy, Debug)]
struct Fixup {
    start: u32,
    /// Which target of a branch table; `NONE` for other branches.
    element: u32,
    /// The next branch that waits for the same label.
    next: u32,
}

#[derive(Debug)]
pub(super) struct Code {
    pub(super) words: Vec<u64>,
    /// The latest first.
    recent: [Recent; REMEMBERED],
    fixups: Vec<Fixup>,
    /// Where a label was last bound.
    bound: usize,
    /// The least number of words since [`Code::changed_from`] was asked for.
    least: usize,
}

impl Default for Code {
    fn default() -> Code {
        Code { words: Vec::new(), recent: [NO_RECENT; REMEMBERED], fixups: Vec::new(), bound: 0, least: 0 }
    }
}

impl Code {
    pub(super) fn clear(&mut self) {
        self.words.clear();
        self.fixups.clear();
        self.least = 0;
        self.enter();
    }

    /// The place of the next instruction.
    pub(super) fn here(&self) -> usize {
        self.words.len()
    }

    /// Where the instructions start that were added since this was last called.
    pub(super) fn changed_from(&mut self) -> usize {
        std::mem::replace(&mut self.least, self.words.len())
    }

    /// Appends an instruction that writes `dst`, and nothing else, into the register named in its lane 1.
    #[inline(always)]
    pub(super) fn define(&mut self, dst: Reg, encode: impl FnOnce(&mut Vec<u64>)) {
        let start = self.words.len() as u32;
        encode(&mut self.words);
        self.remember(Recent { start, dst: dst.0.into(), lane: start * LANES_PER_WORD as u32 + 1 });
    }

    /// Appends a call with one result, which its last lane names.
    #[inline(always)]
    pub(super) fn define_last(&mut self, dst: Reg, encode: impl FnOnce(&mut Vec<u64>)) {
        let start = self.words.len() as u32;
        encode(&mut self.words);
        let lane = (self.words.len() * LANES_PER_WORD) as u32 - 1;
        self.remember(Recent { start, dst: dst.0.into(), lane });
    }

    /// Appends an instruction that writes no register, or several.
    #[inline(always)]
    pub(super) fn emit(&mut self, encode: impl FnOnce(&mut Vec<u64>)) {
        let start = self.words.len() as u32;
        encode(&mut self.words);
        self.remember(Recent { start, dst: NONE, lane: NONE });
    }

    #[inline(always)]
    fn remember(&mut self, latest: Recent) {
        self.recent = [latest, self.recent[0], self.recent[1]];
    }

    /// Whether the latest instruction writes `reg`, alone.
    #[inline(always)]
    pub(super) fn latest_defines(&self, reg: Reg) -> bool {
        self.recent[0].dst == reg.0.into()
    }

    /// The latest instruction, if it is the one that writes `reg`.
    #[inline(always)]
    pub(super) fn latest(&self, reg: Reg) -> Option<(Op, &[u64])> {
        if !self.latest_defines(reg) {
            return None;
        }
        let words = &self.words[self.recent[0].start as usize..];
        Some((Op::from_code(words.lane(0))?, words))
    }

    /// Takes the latest instruction back.
    pub(super) fn retract(&mut self) {
        self.words.truncate(self.recent[0].start as usize);
        self.least = self.least.min(self.words.len());
        self.recent = [self.recent[1], self.recent[2], NO_RECENT];
    }

    /// Lets the latest instruction write another register.
    #[inline(always)]
    pub(super) fn redirect(&mut self, to: Reg) {
        let Recent { lane, .. } = self.recent[0];
        self.recent[0].dst = to.0.into();
        let (word, shift) = (lane as usize / LANES_PER_WORD, 16 * (lane as usize % LANES_PER_WORD));
        self.words[word] = self.words[word] & !(0xffff << shift) | u64::from(to.0) << shift;
    }

    /// Gives the latest instruction another opcode of the same shape.
    pub(super) fn replace_op(&mut self, op: Op) {
        let start = self.recent[0].start as usize;
        self.words[start] = self.words[start] & !0xffff | op as u64;
    }

    /// Lets the latest instruction, a branch, go to a label.
    #[inline(always)]
    pub(super) fn branch_to(&mut self, label: &mut Label) {
        self.wait_for(label, self.recent[0].start, NONE);
    }

    /// Lets the latest instruction, a branch, go back to `pc`.
    pub(super) fn branch_back(&mut self, pc: usize) {
        let start = self.recent[0].start as usize;
        isa::set_target(&mut self.words, start, (pc as i64 - start as i64) as i32);
    }

    /// Lets a target of the branch table at `start` be a label.
    pub(super) fn table_to(&mut self, start: usize, element: usize, label: &mut Label) {
        self.wait_for(label, start as u32, element as u32);
    }

    /// Lets a target of the branch table at `start` be `pc`, which lies before it.
    pub(super) fn table_back(&mut self, start: usize, element: usize, pc: usize) {
        isa::set_table_target(&mut self.words, start, element, (pc as i64 - start as i64) as i32);
    }

    fn wait_for(&mut self, label: &mut Label, start: u32, element: u32) {
        self.fixups.push(Fixup { start, element, next: label.head });
        label.head = self.fixups.len() as u32 - 1;
    }

    /// Lets a label stand for the next instruction.
    pub(super) fn bind(&mut self, label: Label) {
        let mut next = self.drop_jump_to_next(label);
        while let Some(&Fixup { start, element, next: following }) = self.fixups.get(next as usize) {
            let displacement = (self.words.len() as i64 - i64::from(start)) as i32;
            if element == NONE {
                isa::set_target(&mut self.words, start as usize, displacement);
            } else {
                isa::set_table_target(&mut self.words, start as usize, element as usize, displacement);
            }
            next = following;
        }
        if label.is_used() {
            self.enter();
        }
    }

    /// A jump to the next instruction is none. Gives the list of the label's other branches.
    fn drop_jump_to_next(&mut self, label: Label) -> u32 {
        let Some(fixup) = self.fixups.get(label.head as usize) else { return NONE };
        let is_latest = self.recent[0].start == fixup.start && fixup.element == NONE;
        // Where a label was bound behind the jump, branches already go there.
        if !is_latest
            || self.bound == self.words.len()
            || self.words[fixup.start as usize] as u16 != Op::Jump as u16
        {
            return label.head;
        }
        let others = fixup.next;
        self.retract();
        others
    }

    /// Notes that control may enter here: what was emitted stays as it is.
    pub(super) fn enter(&mut self) {
        self.recent = [NO_RECENT; REMEMBERED];
        self.bound = self.words.len();
    }
}
