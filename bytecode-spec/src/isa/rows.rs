//! Walks over verified code that look at little of each instruction.

#[cfg(doc)]
use super::OpInfo;
use super::{Effect, LANES_PER_WORD, Op, Words};
use crate::types::Reg;

/// What walks over code look at of an opcode, in eight bytes: the rows of all opcodes stay in a processor's first cache, their
/// [`OpInfo`]s do not.
#[derive(Clone, Copy, Debug)]
pub struct OpRow {
    /// See [`OpInfo::use_lanes`].
    pub use_lanes: u16,
    /// See [`OpInfo::def_lanes`].
    pub def_lanes: u16,
    /// Words of the instruction; 0 if it has lists.
    pub words: u8,
    /// See [`OpInfo::has_targets`].
    pub has_targets: bool,
    /// Whether it has [`Effect::Ends`].
    pub ends: bool,
    /// Whether it has [`Effect::Calls`].
    pub calls: bool,
}

static ROWS: [OpRow; Op::ALL.len()] = {
    let none = OpRow { use_lanes: 0, def_lanes: 0, words: 0, has_targets: false, ends: false, calls: false };
    let mut rows = [none; Op::ALL.len()];
    let mut i = 0;
    while i < rows.len() {
        let info = Op::ALL[i].info();
        rows[Op::ALL[i] as usize] = OpRow {
            use_lanes: info.use_lanes,
            def_lanes: info.def_lanes,
            words: if info.has_lists { 0 } else { info.fixed_words },
            has_targets: info.has_targets,
            ends: info.effects.has(Effect::Ends),
            calls: info.effects.has(Effect::Calls),
        };
        i += 1;
    }
    rows
};

/// Calls `visit` with each instruction of verified code: its pc, the opcode's row, its words and all behind them, and the pc of the
/// next one.
///
/// # Panics
///
/// May panic on code that no verifier has accepted.
#[inline(always)]
pub fn each_row(code: &[u64], mut visit: impl FnMut(usize, OpRow, &[u64], usize)) {
    let mut pc = 0;
    while let Some(&word) = code.get(pc) {
        let row = ROWS[usize::from(word as u16)];
        let words = &code[pc..];
        let next = pc + if row.words > 0 { usize::from(row.words) } else { length_with_lists(words) };
        visit(pc, row, words, next);
        pc = next;
    }
}

#[inline(never)]
fn length_with_lists(words: &[u64]) -> usize {
    op_at(words).info().length(words).expect("verified")
}

/// The opcode of an instruction of verified code.
fn op_at(words: &[u64]) -> Op {
    Op::from_code(words.lane(0)).expect("verified")
}

impl OpRow {
    /// The row of the instruction of verified code that starts there.
    pub fn of(words: &[u64]) -> OpRow {
        ROWS[usize::from(words.lane(0))]
    }

    /// Calls `visit` with the registers that an instruction of this row reads.
    #[inline(always)]
    pub fn each_use(self, words: &[u64], mut visit: impl FnMut(Reg)) {
        each_lane(self.use_lanes, words, &mut visit);
        if self.words == 0
            && let Some((uses, _)) = op_at(words).info().lists(words)
        {
            uses.regs(words).for_each(visit);
        }
    }

    /// Calls `visit` with the registers that it reads or writes.
    #[inline(always)]
    pub fn each_register(self, words: &[u64], mut visit: impl FnMut(Reg)) {
        each_lane(self.use_lanes | self.def_lanes, words, &mut visit);
        if self.words == 0
            && let Some((uses, defs)) = op_at(words).info().lists(words)
        {
            uses.regs(words).chain(defs.regs(words)).for_each(visit);
        }
    }

    /// Calls `visit` with the registers that it writes.
    #[inline(always)]
    pub fn each_def(self, words: &[u64], mut visit: impl FnMut(Reg)) {
        each_lane(self.def_lanes, words, &mut visit);
        if self.words == 0
            && let Some((_, defs)) = op_at(words).info().lists(words)
        {
            defs.regs(words).for_each(visit);
        }
    }
}

/// Calls `visit` with the registers at these lanes.
#[inline(always)]
fn each_lane(lanes: u16, words: &[u64], mut visit: impl FnMut(Reg)) {
    const FIRST: u16 = (1 << LANES_PER_WORD) - 1;
    // Nearly all are in the first word.
    let (mut in_first, mut behind) = (lanes & FIRST, lanes & !FIRST);
    let first = words[0];
    while in_first != 0 {
        visit(Reg((first >> (16 * in_first.trailing_zeros())) as u16));
        in_first &= in_first - 1;
    }
    while behind != 0 {
        visit(Reg(words.lane(behind.trailing_zeros() as usize)));
        behind &= behind - 1;
    }
}
