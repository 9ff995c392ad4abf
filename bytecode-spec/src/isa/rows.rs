//! Walks over verified code that look at little of each instruction.

#[cfg(doc)]
use super::OpInfo;
use super::fields::Tail;
use super::{Effect, Kind, LANES_PER_WORD, List, Op, Words};
use crate::types::Reg;

/// What walks over code look at of an opcode, in sixteen bytes: the rows of all opcodes stay in a processor's first cache, their
/// [`OpInfo`]s do not.
#[derive(Clone, Copy, Debug)]
#[repr(align(16))]
pub struct OpRow {
    /// See [`OpInfo::use_lanes`].
    pub use_lanes: u16,
    /// See [`OpInfo::def_lanes`].
    pub def_lanes: u16,
    /// Words of the instruction; 0 if it has lists.
    pub words: u8,
    /// See [`OpInfo::fixed_lanes`].
    fixed_lanes: u8,
    /// Lane of the target, or of the number of targets if it has lists; 0 if it goes nowhere.
    target: u8,
    /// Lane of the number of registers in the list of those that are read; 0 if there is none.
    uses: u8,
    /// The same for those that are written.
    defs: u8,
    /// Whether it has [`Effect::Ends`].
    pub ends: bool,
    /// Whether it has [`Effect::Calls`].
    pub calls: bool,
    /// Whether it goes on to the next instruction and nowhere else, but maybe by a trap.
    pub goes_on: bool,
    /// The lanes of the first word that name registers, as an index of [`OTHERS`]; behind it unless all registers are there, as those
    /// of most instructions are.
    first: u8,
}

const _: () = assert!(size_of::<OpRow>() == 16);

static ROWS: [OpRow; Op::ALL.len()] = {
    let none = OpRow {
        use_lanes: 0,
        def_lanes: 0,
        words: 0,
        fixed_lanes: 0,
        target: 0,
        uses: 0,
        defs: 0,
        ends: false,
        calls: false,
        goes_on: false,
        first: 0,
    };
    let mut rows = [none; Op::ALL.len()];
    let mut i = 0;
    while i < rows.len() {
        let info = Op::ALL[i].info();
        let row = &mut rows[Op::ALL[i] as usize];
        *row = OpRow {
            use_lanes: info.use_lanes,
            def_lanes: info.def_lanes,
            words: if info.has_lists { 0 } else { info.fixed_words },
            fixed_lanes: info.fixed_lanes,
            ends: info.effects.has(Effect::Ends),
            calls: info.effects.has(Effect::Calls),
            ..none
        };
        assert!(row.def_lanes & !DEF == 0, "what is written, but in lists, is the first operand");
        assert!(row.def_lanes & row.use_lanes == 0, "an operand is read or written");
        let mut j = 0;
        while j < info.operands().len() {
            let (kind, lane) = (info.operands()[j].kind, info.operands()[j].lane);
            if matches!(kind, Kind::Target | Kind::Targets) {
                row.target = lane;
            } else if matches!(kind, Kind::Uses) {
                row.uses = lane;
            } else if matches!(kind, Kind::Defs) {
                row.defs = lane;
            }
            j += 1;
        }
        row.goes_on = !row.ends && !row.calls && row.target == 0;
        let lanes = row.use_lanes | row.def_lanes;
        let are_in_first = row.words > 0 && lanes & !FIRST == 0;
        row.first = if are_in_first { first_index(lanes) as u8 } else { OTHERS.len() as u8 };
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
pub fn each_row(code: &[u64], mut visit: impl FnMut(usize, &'static OpRow, &[u64], usize)) {
    let mut pc = 0;
    while pc < code.len() {
        let words = &code[pc..];
        let row = OpRow::of(words);
        let next = pc + row.length(words);
        visit(pc, row, words, next);
        pc = next;
    }
}

/// The lanes of the first word, where nearly all registers are.
const FIRST: u16 = (1 << LANES_PER_WORD) - 1;
/// The lane of what is written.
const DEF: u16 = 2;

impl OpRow {
    /// The row of the instruction of verified code that starts there.
    #[inline(always)]
    pub fn of(words: &[u64]) -> &'static OpRow {
        &ROWS[usize::from(words.lane(0))]
    }

    /// Whether it may go elsewhere than to the next instruction.
    #[inline(always)]
    pub fn has_targets(&self) -> bool {
        self.target != 0
    }

    /// Calls `visit` with every displacement of an instruction of this row, in words from its start.
    #[inline(always)]
    pub fn each_target(&self, words: &[u64], mut visit: impl FnMut(i32)) {
        self.each_target_lane(words, |lane| visit(words.half(lane) as i32));
    }

    /// The same with the first of its two lanes.
    #[inline(always)]
    pub fn each_target_lane(&self, words: &[u64], mut visit: impl FnMut(usize)) {
        if self.target == 0 {
            return;
        }
        let lane = usize::from(self.target);
        if self.words > 0 {
            return visit(lane);
        }
        let mut tail = Tail { next: usize::from(self.fixed_lanes) };
        let count = words.half(lane) as usize;
        let first = tail.targets(count);
        (0..count).for_each(|i| visit(first + 2 * i));
    }

    /// The lists of registers that are read, and written; and what is behind them.
    #[inline(always)]
    pub(super) fn lists(self, words: &[u64]) -> (List, List, Tail) {
        let len = |lane: u8| if lane == 0 { 0 } else { words.lane(lane.into()) };
        let (uses, defs) = (len(self.uses), len(self.defs));
        let mut tail = Tail { next: usize::from(self.fixed_lanes) };
        let list = |first: usize, len: u16| List { first: first as u32, len: len.into() };
        let uses = list(tail.uses(uses.into()), uses);
        let defs = list(if defs == 0 { tail.next } else { tail.defs(defs.into()) }, defs);
        (uses, defs, tail)
    }

    /// Words of the instruction.
    #[inline(always)]
    pub fn length(&self, words: &[u64]) -> usize {
        if self.words > 0 { usize::from(self.words) } else { self.length_with_lists(words) }
    }

    #[inline(never)]
    fn length_with_lists(self, words: &[u64]) -> usize {
        let (_, _, tail) = self.lists(words);
        self.length_with_tail(words, tail)
    }

    /// The same if it is known what comes behind the lists of registers.
    #[inline(always)]
    fn length_with_tail(self, words: &[u64], mut tail: Tail) -> usize {
        if self.target != 0 {
            tail.targets(words.half(self.target.into()) as usize);
        }
        tail.words()
    }

    /// The registers that an instruction of this row reads.
    pub fn uses(self, words: &[u64]) -> impl Iterator<Item = Reg> {
        in_lanes(self.use_lanes, words).chain(self.lists(words).0.regs(words))
    }

    /// The registers that it writes.
    pub fn defs(self, words: &[u64]) -> impl Iterator<Item = Reg> {
        in_lanes(self.def_lanes, words).chain(self.lists(words).1.regs(words))
    }

    /// Calls `visit` with the registers that an instruction of this row reads, and with `none` where it reads none.
    ///
    /// To visit what counts for nothing costs less than to find out, for each place, whether there is a register: processors
    /// mispredict that.
    #[inline(always)]
    pub fn each_use(&self, words: &[u64], none: usize, mut visit: impl FnMut(usize)) {
        each_lane(self.use_lanes, words, none, &mut visit);
        if self.words == 0 {
            self.lists(words).0.regs(words).for_each(|reg| visit(reg.index()));
        }
    }

    /// The register that it writes but in lists, or `none`.
    #[inline(always)]
    fn def(&self, words: &[u64], none: usize) -> usize {
        usize::from((only(self.def_lanes, words) >> 16) as u16).min(none)
    }

    /// Calls `visit` with the registers that an instruction of this row writes, and with `none` where it writes none.
    #[inline(always)]
    pub fn each_def(&self, words: &[u64], none: usize, mut visit: impl FnMut(usize)) {
        visit(self.def(words, none));
        if self.words == 0 {
            self.lists(words).1.regs(words).for_each(|reg| visit(reg.index()));
        }
    }

    /// The sets of the registers that it reads, and of those that it writes, and its words; `bit` gives those of each register, and of
    /// `none`.
    #[inline(always)]
    pub fn sets(&self, words: &[u64], none: usize, mut bit: impl FnMut(usize) -> u64) -> (u64, u64, usize) {
        let Some(others) = OTHERS.get(usize::from(self.first)) else {
            return self.sets_beyond(words, none, &mut bit);
        };
        let [a, b, c] = registers(words[0] | others, none).map(bit);
        let def = if self.def_lanes == 0 { 0 } else { a };
        (b | c | (a ^ def), def, self.words.into())
    }

    #[inline(never)]
    fn sets_beyond(
        &self,
        words: &[u64],
        none: usize,
        bit: &mut impl FnMut(usize) -> u64,
    ) -> (u64, u64, usize) {
        let (mut uses, mut defs) = (0, 0);
        each_lane(self.use_lanes, words, none, |reg| uses |= bit(reg));
        each_lane(self.def_lanes, words, none, |reg| defs |= bit(reg));
        if self.words > 0 {
            return (uses, defs, self.words.into());
        }
        let (read, written, tail) = self.lists(words);
        read.regs(words).for_each(|reg| uses |= bit(reg.index()));
        written.regs(words).for_each(|reg| defs |= bit(reg.index()));
        (uses, defs, self.length_with_tail(words, tail))
    }

    /// Calls `visit` with the registers that it reads, and those that it writes, and with `none`; gives its words.
    #[inline(always)]
    pub fn each_register(&self, words: &[u64], none: usize, visit: &mut impl FnMut(usize)) -> usize {
        let Some(others) = OTHERS.get(usize::from(self.first)) else {
            return self.each_register_beyond(words, none, visit);
        };
        registers(words[0] | others, none).into_iter().for_each(visit);
        self.words.into()
    }

    #[inline(never)]
    fn each_register_beyond(&self, words: &[u64], none: usize, visit: &mut impl FnMut(usize)) -> usize {
        each_lane(self.use_lanes | self.def_lanes, words, none, &mut *visit);
        if self.words > 0 {
            return self.words.into();
        }
        let (read, written, tail) = self.lists(words);
        read.regs(words).chain(written.regs(words)).for_each(|reg| visit(reg.index()));
        self.length_with_tail(words, tail)
    }
}

fn in_lanes(lanes: u16, words: &[u64]) -> impl Iterator<Item = Reg> {
    let lanes = (0..u16::BITS as usize).filter(move |lane| lanes >> lane & 1 != 0);
    lanes.map(|lane| Reg(words.lane(lane)))
}

/// For each set of lanes of the first word, without the opcode's, all bits of the others: no register has the number 65,535.
const OTHERS: [u64; 8] = {
    let mut others = [u64::MAX; 8];
    let mut set = 0;
    while set < others.len() {
        let mut lane = 1;
        while lane < LANES_PER_WORD {
            if set >> (lane - 1) & 1 != 0 {
                others[set] &= !(0xffff << (16 * lane));
            }
            lane += 1;
        }
        set += 1;
    }
    others
};

/// Which of [`OTHERS`] is for these lanes.
const fn first_index(lanes: u16) -> usize {
    (lanes >> 1) as usize & (OTHERS.len() - 1)
}

/// The first word with 65,535 in all lanes but these.
#[inline(always)]
fn only(lanes: u16, words: &[u64]) -> u64 {
    words[0] | OTHERS[first_index(lanes)]
}

/// The registers in the lanes of a first word, `none` where it has 65,535.
#[inline(always)]
fn registers(first: u64, none: usize) -> [usize; LANES_PER_WORD - 1] {
    [1, 2, 3].map(|lane| usize::from((first >> (16 * lane)) as u16).min(none))
}

/// Calls `visit` with the registers at these lanes, and with `none` for others of the first word.
#[inline(always)]
fn each_lane(lanes: u16, words: &[u64], none: usize, mut visit: impl FnMut(usize)) {
    registers(only(lanes, words), none).into_iter().for_each(&mut visit);
    let mut behind = lanes & !FIRST;
    while behind != 0 {
        visit(usize::from(words.lane(behind.trailing_zeros() as usize)));
        behind &= behind - 1;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rows_know_lengths_and_targets() {
        for &op in Op::ALL {
            let (row, info) = (OpRow::of(&[op as u64]), op.info());
            // Lists have three elements.
            let mut words = [0; 8];
            words[0] = op as u64;
            for operand in info.operands() {
                if matches!(operand.kind, Kind::Uses | Kind::Defs | Kind::Targets) {
                    let lane = usize::from(operand.lane);
                    words[lane / LANES_PER_WORD] |= 3 << (16 * (lane % LANES_PER_WORD));
                }
            }
            let mut lengths = Vec::new();
            let mut targets = 0;
            each_row(&words, |_, row, words, next| {
                if lengths.is_empty() {
                    row.each_target(words, |_| targets += 1);
                }
                lengths.push(next);
            });
            assert_eq!(Some(lengths[0]), info.length(&words), "{op:?}");
            assert_eq!(row.has_targets(), info.has_targets, "{op:?}");
            let lists = info.operands().iter().any(|operand| operand.kind == Kind::Targets);
            assert_eq!(targets, if lists { 3 } else { usize::from(info.has_targets) }, "{op:?}");
        }
    }

    #[test]
    fn sets_are_of_the_same_registers() {
        for &op in Op::ALL {
            // Each lane names another register, and lists have two.
            let mut lanes: [u64; 32] = std::array::from_fn(|lane| lane as u64);
            lanes[0] = op as u64;
            for operand in op.info().operands() {
                let lane = usize::from(operand.lane);
                if matches!(operand.kind, Kind::Uses | Kind::Defs | Kind::Targets) {
                    lanes[lane] = 2;
                }
                if operand.kind == Kind::Targets {
                    lanes[lane + 1] = 0;
                }
            }
            let word = |of: &[u64]| of.iter().rev().fold(0, |word, lane| word << 16 | lane);
            let words: Vec<u64> = lanes.chunks(LANES_PER_WORD).map(word).collect();
            let row = OpRow::of(&words);
            let none = 63;
            let set = |regs: &mut dyn Iterator<Item = Reg>| regs.fold(0, |set, reg| set | 1 << reg.0);
            let (uses, defs) = (set(&mut row.uses(&words)), set(&mut row.defs(&words)));
            let mut all = 0;
            let length = row.each_register(&words, none, &mut |reg| all |= 1 << reg);
            assert_eq!((all & !(1 << none), length), (uses | defs, row.length(&words)), "{op:?}");
            let mut asked = Vec::new();
            let (read, written, length) = row.sets(&words, none, |reg| {
                asked.push(reg);
                u64::from(reg < none) << reg
            });
            assert_eq!((read, written, length), (uses, defs, row.length(&words)), "{op:?}");
            // Each operand once: weights are counted so.
            let mut operands: Vec<usize> = row.uses(&words).chain(row.defs(&words)).map(Reg::index).collect();
            asked.retain(|&reg| reg != none);
            asked.sort_unstable();
            operands.sort_unstable();
            assert_eq!(asked, operands, "{op:?}");
        }
    }
}
