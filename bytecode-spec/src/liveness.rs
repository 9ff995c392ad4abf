//! Which registers an instruction may still read: backward data flow over a function's registers, computed when asked.
//!
//! It answers two questions: which registers are read before they are written, so that a frame must clear them; and which ones are
//! read behind a call, so that their values must survive it.

use crate::isa::{Kind, Op, Words, each_row};
use crate::module::Function;
use crate::types::{Pc, Reg};

/// Bits in the sets of all blocks (blocks times registers) beyond which the analysis is not worth its time.
const MAX_BITS: usize = 1 << 23;
/// Edges that blocks have at most, on average, for that: most have one or two, large branch tables very many.
const MAX_EDGES: usize = 4;
/// How often all blocks may be visited: loops nested that deep settle in so many rounds. Hostile code takes as many rounds as it
/// has blocks.
const MAX_ROUNDS: usize = 16;

/// A set of registers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegSet(Vec<u64>);

impl RegSet {
    /// Whether the register is in the set.
    pub fn contains(&self, reg: Reg) -> bool {
        self.0.get(reg.index() / 64).is_some_and(|word| word >> (reg.index() % 64) & 1 != 0)
    }
}

/// The registers of a verified function that may be read before they are written; `None` when finding out takes more
/// time than is worth it (take it as all of them). Takes linear time, in any case.
///
/// # Panics
///
/// May panic on a function that no verifier has accepted.
pub fn live_at_entry(function: &Function) -> Option<RegSet> {
    let (_, mut flow) = solve(function)?;
    flow.live.truncate(flow.stride);
    Some(RegSet(flow.live))
}

/// Calls `visit` with the pc of every call in a verified function but tail calls, and the registers that may be read behind it
/// and are not its results. Calls come in no order. False, without calls, when that takes more time than is worth it (take
/// it as all registers). Takes linear time, in any case.
///
/// # Panics
///
/// May panic on a function that no verifier has accepted.
pub fn live_over_calls(function: &Function, mut visit: impl FnMut(Pc, &RegSet)) -> bool {
    let Some((blocks, flow)) = solve(function) else { return false };
    let code = function.code.as_slice();
    let mut live = RegSet(vec![0; flow.stride]);
    let mut edges = flow.edges.as_slice();
    let mut block = Vec::new();
    each_row(code, |pc, row, _, next| {
        block.push((pc, row));
        if blocks.at.get(next).is_some_and(|&at| at == NO_BLOCK) {
            return;
        }
        live.0.fill(0);
        let from = blocks.at[block[0].0];
        while let Some((&(edge_from, to), rest)) = edges.split_first()
            && edge_from == from
        {
            edges = rest;
            let needed = &flow.live[to as usize * flow.stride..][..flow.stride];
            live.0.iter_mut().zip(needed).for_each(|(word, needed)| *word |= needed);
        }
        for (pc, row) in block.drain(..).rev() {
            let words = &code[pc..];
            row.each_def(words, |reg| live.0[reg.index() / 64] &= !(1 << (reg.index() % 64)));
            if row.calls && !row.ends {
                visit(Pc(pc as u32), &live);
            }
            row.each_use(words, |reg| live.0[reg.index() / 64] |= 1 << (reg.index() % 64));
        }
    });
    true
}

/// Basic blocks of a function, where they go, and what they need.
pub struct BlockLiveness {
    blocks: Blocks,
    flow: Flow,
    starts: Vec<Pc>,
}

/// The basic blocks of a verified function and the registers that each may read before it writes them; `None` when finding out
/// takes more time than is worth it. Takes linear time, in any case.
///
/// # Panics
///
/// May panic on a function that no verifier has accepted.
pub fn live_at_blocks(function: &Function) -> Option<BlockLiveness> {
    let (blocks, flow) = solve(function)?;
    let starts = (0..).zip(&blocks.at).filter(|&(_, &block)| block != NO_BLOCK);
    let starts = starts.map(|(pc, _)| Pc(pc)).collect();
    Some(BlockLiveness { blocks, flow, starts })
}

impl BlockLiveness {
    /// Where blocks start, ascending: blocks are numbered in that order.
    pub fn starts(&self) -> &[Pc] {
        &self.starts
    }

    /// The block that starts at `pc`, if one does.
    pub fn block_at(&self, pc: Pc) -> Option<usize> {
        self.blocks.at.get(pc.index()).filter(|&&block| block != NO_BLOCK).map(|&block| block as usize)
    }

    /// The blocks that control may go to from the end of a block; some maybe more than once.
    pub fn successors(&self, block: usize) -> impl Iterator<Item = usize> {
        let block = block as u32;
        let first = self.flow.edges.partition_point(|&(from, _)| from < block);
        let edges = self.flow.edges[first..].iter().take_while(move |&&(from, _)| from == block);
        edges.map(|&(_, to)| to as usize)
    }

    /// The registers that a block may read before it writes them, or blocks behind it, ascending.
    pub fn live_in(&self, block: usize) -> impl Iterator<Item = Reg> {
        let words = &self.flow.live[block * self.flow.stride..][..self.flow.stride];
        (0_u16..).step_by(64).zip(words).flat_map(|(first, &word)| {
            (0..64).filter(move |bit| word >> bit & 1 != 0).map(move |bit| Reg(first + bit))
        })
    }
}

/// The classical iteration to a fixed point over basic blocks (Kildall, POPL 1973), backwards and in rounds: most blocks come
/// before those that they go to, and need one visit. `None` when it takes too long.
fn solve(function: &Function) -> Option<(Blocks, Flow)> {
    let code = function.code.as_slice();
    let stride = function.registers.len().div_ceil(64);
    let blocks = Blocks::of(code);
    if blocks.count.checked_mul(function.registers.len().max(64))? > MAX_BITS {
        return None;
    }
    let mut flow = Flow::of(code, &blocks, stride);
    if (blocks.count + flow.edges.len()).checked_mul(function.registers.len())? > MAX_EDGES * MAX_BITS {
        return None;
    }
    let settles = (0..MAX_ROUNDS).any(|_| !flow.round());
    settles.then_some((blocks, flow))
}

/// Basic blocks: their numbers, by the pc that they start at.
struct Blocks {
    /// [`NO_BLOCK`] where none starts.
    at: Vec<u32>,
    count: usize,
}

const NO_BLOCK: u32 = u32::MAX;

impl Blocks {
    fn of(code: &[u64]) -> Blocks {
        const STARTS: u32 = 0;
        let mut at = vec![NO_BLOCK; code.len() + 1];
        at[0] = STARTS;
        each_row(code, |pc, row, words, next| {
            if row.has_targets {
                for_each_target_at(words, |displacement| at[target(pc, displacement)] = STARTS);
            }
            if row.has_targets || row.ends {
                at[next] = STARTS;
            }
        });
        at.truncate(code.len());
        let mut count = 0;
        for number in at.iter_mut().filter(|number| **number == STARTS) {
            *number = count;
            count += 1;
        }
        Blocks { at, count: count as usize }
    }
}

/// What blocks do with registers, in sets of `stride` words each, and where they go.
struct Flow {
    stride: usize,
    /// Registers that each block needs: at first, those that it reads before it writes them.
    live: Vec<u64>,
    /// Registers that it writes.
    writes: Vec<u64>,
    /// From where to where, in the order of where from.
    edges: Vec<(u32, u32)>,
}

impl Flow {
    fn of(code: &[u64], blocks: &Blocks, stride: usize) -> Flow {
        let sets = || vec![0; blocks.count * stride];
        let mut flow =
            Flow { stride, live: sets(), writes: sets(), edges: Vec::with_capacity(2 * blocks.count) };
        let mut block = 0;
        each_row(code, |pc, row, words, next| {
            if blocks.at[pc] != NO_BLOCK {
                block = blocks.at[pc] as usize;
            }
            row.each_use(words, |reg| flow.read(block, reg));
            row.each_def(words, |reg| flow.write(block, reg));
            // Only the last instruction of a block goes anywhere but on.
            let from = block as u32;
            if row.has_targets {
                for_each_target_at(words, |displacement| {
                    let edge = (from, blocks.at[target(pc, displacement)]);
                    if flow.edges.last() != Some(&edge) {
                        flow.edges.push(edge);
                    }
                });
            }
            if let Some(&to) = blocks.at.get(next)
                && to != NO_BLOCK
                && !row.ends
            {
                flow.edges.push((from, to));
            }
        });
        flow
    }

    fn bit(&self, block: usize, reg: Reg) -> (usize, u64) {
        (block * self.stride + reg.index() / 64, 1 << (reg.index() % 64))
    }

    fn read(&mut self, block: usize, reg: Reg) {
        let (word, bit) = self.bit(block, reg);
        self.live[word] |= bit & !self.writes[word];
    }

    fn write(&mut self, block: usize, reg: Reg) {
        let (word, bit) = self.bit(block, reg);
        self.writes[word] |= bit;
    }

    /// Lets each block need what the next ones do, unless it writes that; whether that changed anything.
    fn round(&mut self) -> bool {
        let mut changed = false;
        for &(from, to) in self.edges.iter().rev() {
            for word in 0..self.stride {
                let (from, to) = (from as usize * self.stride + word, to as usize * self.stride + word);
                let added = self.live[to] & !self.writes[from] & !self.live[from];
                changed |= added != 0;
                self.live[from] |= added;
            }
        }
        changed
    }
}

fn for_each_target_at(words: &[u64], visit: impl FnMut(i32)) {
    for_each_target(Op::from_code(words.lane(0)).expect("verified"), words, visit);
}

/// Where a branch at `pc` goes.
fn target(pc: usize, displacement: i32) -> usize {
    (pc as i64 + i64::from(displacement)) as usize
}

/// Calls `visit` with every branch displacement of the instruction, in words from its start.
pub fn for_each_target(op: Op, words: &[u64], mut visit: impl FnMut(i32)) {
    for operand in op.info().operands {
        if operand.kind == Kind::Target {
            visit(words.half(operand.lane.into()) as i32);
        } else if operand.kind == Kind::Targets {
            let first = u32::from(op.info().fixed_lanes).next_multiple_of(2);
            let list = crate::isa::List { first, len: words.half(operand.lane.into()) };
            (0..list.len).for_each(|i| visit(list.target(words, i)));
        }
    }
}
