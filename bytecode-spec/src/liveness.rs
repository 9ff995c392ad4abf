//! Which registers an instruction may still read: data flow over a function's registers, computed when asked.
//!
//! It answers two questions: which registers are read before they are written, so that a frame must clear them; and which ones are
//! read behind a call, so that their values must survive it. Sets are of 64 registers at most, in one word; for more, the
//! analysis is done again.

use std::ops::Range;

use crate::isa::{OpRow, each_row};
use crate::limits;
use crate::module::Function;
use crate::types::{Pc, Reg};

/// Steps (words of code and edges, for each set) beyond which the analysis is not worth its time.
const MAX_STEPS: usize = 1 << 22;
/// What walks over code give for no register: more than any register's number, all of which are below `MAX_REGISTERS`.
pub const NO_REGISTER: usize = u16::MAX as usize;
const _: () = assert!(NO_REGISTER >= limits::MAX_REGISTERS);
/// How often all edges, or all instructions, may be visited: loops nested that deep settle in so many rounds. Hostile code takes as many
/// rounds as it has blocks.
const MAX_ROUNDS: usize = 16;

/// The registers of a verified function, from number `first` on, that may be read before they are written, ascending;
/// `None` when finding out takes more time than is worth it (take it as all of them). Takes linear time, in any case.
///
/// # Panics
///
/// May panic on a function that no verifier has accepted.
pub fn live_at_entry(function: &Function, first: usize) -> Option<Vec<Reg>> {
    let end = function.registers.len();
    if end.saturating_sub(first).div_ceil(64).checked_mul(function.code.len())? > MAX_STEPS {
        return None;
    }
    let mut written = Vec::new();
    let mut live = Vec::new();
    for first in (first..end).step_by(64) {
        let set = read_unwritten(&function.code, first, &mut written)?;
        let found = (first..end.min(first + 64)).filter(|reg| set >> (reg - first) & 1 != 0);
        live.extend(found.map(|reg| Reg(reg as u16)));
    }
    Some(live)
}

/// The set of those of 64 registers from number `first` on, and maybe of others behind the last one, that may be read before they are
/// written. `written` is for what surely is written at each instruction; its memory is used again.
///
/// This is definite assignment, forward, in one pass (as Java's compilers do it): what control finds written is known when code comes
/// to be looked at, whichever branch it came by, but for branches backwards. These find more written than what came first, unless a
/// loop has several entries; then it is done again.
fn read_unwritten(code: &[u64], first: usize, written: &mut Vec<u64>) -> Option<u64> {
    let bit = |reg: usize| {
        let place = reg.wrapping_sub(first);
        u64::from(place < 64) << (place & 63)
    };
    written.clear();
    // Where control has not come from anywhere yet.
    written.resize(code.len() + 1, u64::MAX);
    for _ in 0..MAX_ROUNDS {
        let (mut now, mut unwritten, mut is_settled) = (0, 0, true);
        each_row(code, |pc, row, words, _| {
            now &= written[pc];
            written[pc] = now;
            row.each_use(words, NO_REGISTER, |reg| unwritten |= bit(reg) & !now);
            row.each_def(words, NO_REGISTER, |reg| now |= bit(reg));
            if row.goes_on {
                return;
            }
            row.each_target(words, |displacement| {
                let there = &mut written[target(pc, displacement)];
                is_settled &= displacement > 0 || *there & !now == 0;
                *there &= now;
            });
            if row.ends {
                now = u64::MAX;
            }
        });
        if is_settled {
            return Some(unwritten);
        }
    }
    None
}

/// The registers behind the parameters that a verified function's frame must clear, as a range that covers them: those that may be
/// read before they are written, and references, which whoever walks a frame may look at.
///
/// # Panics
///
/// May panic on a function that no verifier has accepted.
pub fn registers_to_clear(function: &Function, params: usize) -> Range<u32> {
    let all = params..function.registers.len();
    let Some(live) = live_at_entry(function, params) else { return all.start as u32..all.end as u32 };
    let is_ref = |&reg: &usize| function.registers[reg].is_ref();
    let first = all.clone().find(is_ref).into_iter().chain(live.first().map(|reg| reg.index())).min();
    let last = all.rev().find(is_ref).into_iter().chain(live.last().map(|reg| reg.index())).max();
    match (first, last) {
        (Some(first), Some(last)) => first as u32..last as u32 + 1,
        _ => 0..0,
    }
}

/// Basic blocks of a function, where they go, and what they need.
#[derive(Clone, Debug)]
pub struct BlockLiveness {
    blocks: Vec<u32>,
    starts: Vec<Pc>,
    edges: Vec<(u32, u32)>,
    /// For each 64 registers, those that each block needs.
    needs: Vec<Vec<u64>>,
}

/// The basic blocks of a verified function and the registers that each may read before it writes them; `None` when finding out
/// takes more time than is worth it. Takes linear time, in any case.
///
/// # Panics
///
/// May panic on a function that no verifier has accepted.
pub fn live_at_blocks(function: &Function) -> Option<BlockLiveness> {
    let back_edges = back_edges(function);
    let mut liveness = Liveness::default();
    let registers: Vec<Reg> = (0..function.registers.len()).map(|reg| Reg(reg as u16)).collect();
    let sets = registers.len().div_ceil(64).max(1);
    if sets.checked_mul(function.code.len())? > MAX_STEPS {
        return None;
    }
    let mut needs = Vec::new();
    for set in 0..sets {
        let chosen = &registers[64 * set..registers.len().min(64 * (set + 1))];
        if !liveness.of_chosen(function, &back_edges, chosen) {
            return None;
        }
        needs.push(liveness.blocks.iter().map(|block| block.needs).collect());
    }
    let Liveness { numbers: blocks, edges, .. } = liveness;
    let starts = (0..).map(Pc).zip(&blocks).filter(|&(_, &block)| block != NO_BLOCK);
    Some(BlockLiveness { starts: starts.map(|(pc, _)| pc).collect(), blocks, edges, needs })
}

impl BlockLiveness {
    /// Where blocks start, ascending: blocks are numbered in that order.
    pub fn starts(&self) -> &[Pc] {
        &self.starts
    }

    /// The block that starts at `pc`, if one does.
    pub fn block_at(&self, pc: Pc) -> Option<usize> {
        self.blocks.get(pc.index()).filter(|&&block| block != NO_BLOCK).map(|&block| block as usize)
    }

    /// The blocks that control may go to from the end of a block; some maybe more than once.
    pub fn successors(&self, block: usize) -> impl Iterator<Item = usize> {
        let block = block as u32;
        let first = self.edges.partition_point(|&(from, _)| from < block);
        let edges = self.edges[first..].iter().take_while(move |&&(from, _)| from == block);
        edges.map(|&(_, to)| to as usize)
    }

    /// Whether a block, or one behind it, may read a register before it is written.
    pub fn is_live_in(&self, block: usize, reg: Reg) -> bool {
        self.needs[reg.index() / 64][block] >> (reg.index() % 64) & 1 != 0
    }

    /// The registers that a block may read before it writes them, or blocks behind it, ascending.
    pub fn live_in(&self, block: usize) -> impl Iterator<Item = Reg> {
        (0_u16..).step_by(64).zip(&self.needs).flat_map(move |(first, needs)| {
            let word = needs[block];
            (0..64).filter(move |bit| word >> bit & 1 != 0).map(move |bit| Reg(first + bit))
        })
    }
}

/// A branch that goes backwards, or to itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BackEdge {
    /// Where it is.
    pub from: Pc,
    /// Where it goes: the first instruction of a loop.
    pub to: Pc,
}

/// The branches of a function that go backwards, or to themselves, in their order: as [`VerifiedModule::back_edges`] has them.
///
/// # Panics
///
/// May panic on a function that no verifier has accepted.
///
/// [`VerifiedModule::back_edges`]: crate::VerifiedModule::back_edges
pub fn back_edges(function: &Function) -> Vec<BackEdge> {
    let mut edges = Vec::new();
    each_row(&function.code, |pc, row, words, _| {
        row.each_target(words, |displacement| {
            if displacement <= 0 {
                edges.push(BackEdge { from: Pc(pc as u32), to: Pc(target(pc, displacement) as u32) });
            }
        });
    });
    edges
}

/// Whom the walk over a function's blocks is done for. It goes through the code once, from its start.
pub trait Sets {
    /// A block starts there, or the code ends there. What follows is of that block.
    fn start(&mut self, _pc: usize) {}

    /// The bit of a register of an instruction in sets, or 0; for [`NO_REGISTER`] 0 or one that nobody looks at. Asked once for each
    /// operand that is a register, and for what else the walk finds it quicker to ask than not to: that is no register.
    fn bit(&mut self, reg: usize) -> u64;
}

/// The analysis; its memory is used for one function after the other.
#[derive(Clone, Debug, Default)]
pub struct Liveness {
    /// Basic blocks: their numbers, by the pc that they start at. [`NO_BLOCK`] where none starts.
    numbers: Vec<u32>,
    blocks: Vec<Block>,
    /// From which block to which, in the order of the former.
    edges: Vec<(u32, u32)>,
    /// The places of those that go backwards, or to the same block.
    backwards: Vec<u32>,
    /// Calls that end blocks, but tail calls: where, the block that follows, and what they write.
    calls: Vec<(Pc, u32, u64)>,
    /// By register, its bit where sets are of a few that were chosen; and behind them, for what is no register.
    bits: Vec<u64>,
}

#[derive(Clone, Copy, Debug)]
struct Block {
    /// Registers that it needs: at first, those that it reads before it writes them.
    needs: u64,
    /// Registers that it does not write.
    keeps: u64,
}

const NO_BLOCK: u32 = u32::MAX;
/// One starts there, and its number is not known yet.
const STARTS: u32 = NO_BLOCK - 1;

impl Liveness {
    /// Finds the blocks of a verified function with these [back edges](back_edges), what each reads and writes, and where it goes; calls
    /// may end blocks too.
    ///
    /// # Panics
    ///
    /// May panic on a function that no verifier has accepted.
    #[inline(always)]
    pub fn find_blocks(
        &mut self,
        function: &Function,
        back_edges: &[BackEdge],
        calls_end: bool,
        sets: &mut impl Sets,
    ) {
        let code = function.code.as_slice();
        self.numbers.clear();
        self.numbers.resize(code.len() + 1, NO_BLOCK);
        // All others are found before they are reached.
        back_edges.iter().for_each(|edge| self.numbers[edge.to.index()] = STARTS);
        self.numbers[0] = 0;
        self.blocks.clear();
        self.edges.clear();
        self.backwards.clear();
        self.calls.clear();
        let (mut pc, mut reads, mut written) = (0, 0, 0);
        sets.start(pc);
        while pc < code.len() {
            let words = &code[pc..];
            let row = OpRow::of(words);
            let (uses, defs, length) = row.sets(words, NO_REGISTER, |reg| sets.bit(reg));
            reads |= uses & !written;
            written |= defs;
            let next = pc + length;
            let goes_on = row.goes_on | (row.calls & !row.ends & !calls_end);
            if !goes_on || self.numbers[next] != NO_BLOCK {
                self.end_block(row, words, pc..next, defs, Block { needs: reads, keeps: !written });
                (reads, written) = (0, 0);
                sets.start(next);
            }
            pc = next;
        }
        self.numbers.truncate(code.len());
        self.edges.iter_mut().for_each(|(_, to)| *to = self.numbers[*to as usize]);
    }

    /// The same for a few registers, of which sets have the bits of their places.
    ///
    /// # Panics
    ///
    /// When there are more than 64. May panic on a function that no verifier has accepted.
    pub fn find_blocks_of_chosen(
        &mut self,
        function: &Function,
        back_edges: &[BackEdge],
        calls_end: bool,
        chosen: &[Reg],
    ) {
        assert!(chosen.len() <= 64, "a set is a word");
        let mut bits = std::mem::take(&mut self.bits);
        bits.clear();
        bits.resize(function.registers.len() + 1, 0);
        chosen.iter().enumerate().for_each(|(place, reg)| bits[reg.index()] = 1 << place);
        self.find_blocks(function, back_edges, calls_end, &mut Bits(&bits));
        self.bits = bits;
    }

    /// Adds a block whose last instruction is at `range`, and writes `defs`.
    // What is done for each instruction has the processor's registers to itself.
    #[inline(never)]
    fn end_block(&mut self, row: &OpRow, words: &[u64], range: Range<usize>, defs: u64, block: Block) {
        let Liveness { numbers, blocks, edges, backwards, calls, .. } = self;
        let from = blocks.len() as u32;
        row.each_target(words, |displacement| {
            let to = target(range.start, displacement);
            if edges.last() == Some(&(from, to as u32)) {
                return;
            }
            if displacement > 0 {
                numbers[to] = STARTS;
            } else {
                backwards.push(edges.len() as u32);
            }
            edges.push((from, to as u32));
        });
        numbers[range.end] = from + 1;
        if !row.ends {
            edges.push((from, range.end as u32));
            if row.calls {
                calls.push((Pc(range.start as u32), from + 1, defs));
            }
        }
        blocks.push(block);
    }

    /// Calls `visit` with the pc of every call but tail calls, in their order, and which registers may be read behind it and are not its
    /// results. The function is the one whose blocks [were found](Self::find_blocks) last, calls ending them. False, without calls, when
    /// that takes more time than is worth it (take it as all registers). Takes linear time, in any case.
    pub fn over_calls(&mut self, mut visit: impl FnMut(Pc, u64)) -> bool {
        if !self.solve() {
            return false;
        }
        for &(pc, next, writes) in &self.calls {
            visit(pc, self.blocks[next as usize].needs & !writes);
        }
        true
    }

    /// Finds blocks, calls ending none, and what they need of 64 registers at most. False when it takes too long.
    fn of_chosen(&mut self, function: &Function, back_edges: &[BackEdge], chosen: &[Reg]) -> bool {
        self.find_blocks_of_chosen(function, back_edges, false, chosen);
        let sets = function.registers.len().div_ceil(64);
        self.edges.len().checked_mul(sets).is_some_and(|steps| steps <= MAX_STEPS) && self.solve()
    }

    /// The classical iteration to a fixed point over basic blocks (Kildall, POPL 1973), backwards and in rounds: most blocks come
    /// before those that they go to, and need one visit. False when it takes too long.
    fn solve(&mut self) -> bool {
        if self.edges.len() > MAX_STEPS {
            return false;
        }
        let mut edges = self.edges.len();
        for _ in 0..MAX_ROUNDS {
            self.round(edges);
            // Nothing changes any more but by an edge that goes backwards: the others came behind those of the blocks that they go to.
            let changes = |&&place: &&u32| self.added(self.edges[place as usize]) != 0;
            let Some(&last) = self.backwards.iter().rev().find(changes) else { return true };
            edges = last as usize + 1;
        }
        false
    }

    /// Lets blocks need what the next ones do, unless they write that: by so many edges, the last one first.
    fn round(&mut self, edges: usize) {
        for place in (0..edges).rev() {
            let edge = self.edges[place];
            self.blocks[edge.0 as usize].needs |= self.added(edge);
        }
    }

    /// What a block needs besides, by an edge.
    fn added(&self, (from, to): (u32, u32)) -> u64 {
        let from = self.blocks[from as usize];
        self.blocks[to as usize].needs & from.keeps & !from.needs
    }
}

/// Sets in which each register has the bits that are listed for it; the last ones are for what is no register.
pub struct Bits<'a>(pub &'a [u64]);

impl Sets for Bits<'_> {
    #[inline(always)]
    fn bit(&mut self, reg: usize) -> u64 {
        self.0[reg.min(self.0.len() - 1)]
    }
}

/// Where a branch at `pc` goes.
fn target(pc: usize, displacement: i32) -> usize {
    (pc as i64 + i64::from(displacement)) as usize
}

/// Calls `visit` with every branch displacement of the instruction, in words from its start.
pub fn for_each_target(words: &[u64], visit: impl FnMut(i32)) {
    OpRow::of(words).each_target(words, visit);
}
