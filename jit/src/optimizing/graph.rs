//! Which basic blocks are compiled: those that can be reached from the entry without an edge that was never taken, and for an entry in
//! the middle of the function those of the loop that is entered. Were what follows an inner loop compiled with it, both would be one
//! loop to the code generator, entered where it is not meant to be: as it is, code of a loop is as good as that of a call, and who leaves it
//! goes on in other code, until the loop around it goes back and is entered in turn.

use std::collections::BTreeSet;

use bytecode_spec::isa::{OpRow, Words, each_row};
use bytecode_spec::{Function, Op, Pc, Reg, liveness};

use super::loops::Loops;
use super::{Edge, Entry, Reason, Refusal};

/// Basic blocks more than this are too many.
const MAX_BLOCKS: usize = 20_000;

/// A block is laid out apart if its loop went round so often for each time that it ran. Who goes there jumps twice.
const COLD_SHARE: u32 = 64;

/// Instructions that are looked at for what reads a register.
const MAX_AHEAD: usize = 64;

/// The blocks of a function, numbered in the order of their code.
pub(super) struct Graph {
    liveness: liveness::BlockLiveness,
    /// For each block, how many edges from reached blocks lead to it; `None` for those not reached.
    edges: Vec<Option<u32>>,
    never: Vec<Edge>,
    /// How often branches went where.
    counts: Vec<(Edge, u32)>,
    /// Where control enters.
    first: usize,
    loops: Loops,
    /// The loop that is entered; `None` if activations start.
    entered: Option<usize>,
}

impl Graph {
    /// A graph without the edges that were `never` gone, of a function whose branches went where as `counts` say.
    pub(super) fn new(
        function: &Function,
        entry: Entry,
        never: &[Edge],
        counts: &[(Edge, u32)],
    ) -> Result<Graph, Refusal> {
        let liveness = liveness::live_at_blocks(function).ok_or(Refusal::TooLarge)?;
        let count = liveness.starts().len();
        if count > MAX_BLOCKS {
            return Err(Refusal::TooLarge);
        }
        let loops = Loops::new(&liveness);
        let entered = match entry {
            Entry::Start => None,
            Entry::Loop(head) => Some(liveness.block_at(head).ok_or(Refusal::TooLarge)?),
        };
        let first = entered.unwrap_or(0);
        let mut graph = Graph {
            liveness,
            edges: vec![None; count],
            never: never.to_vec(),
            counts: counts.to_vec(),
            first,
            loops,
            entered,
        };
        // The entry leads there.
        graph.edges[first] = Some(1);
        let (mut open, mut successors) = (vec![first], Vec::new());
        while let Some(block) = open.pop() {
            successors.extend(graph.successors(block));
            for to in successors.drain(..) {
                let edges = &mut graph.edges[to];
                if edges.is_none() {
                    open.push(to);
                }
                *edges = Some(edges.unwrap_or(0) + 1);
            }
        }
        Ok(graph)
    }

    /// For each block, how often it ran: those that end with a branch as often as that went anywhere, others as often as control came
    /// there. What comes from a block further on that does not end with a branch is not seen.
    fn runs(&self) -> Vec<u32> {
        let sum =
            |counts: &[(Edge, u32)]| counts.iter().fold(0_u32, |sum, &(_, count)| sum.saturating_add(count));
        let mut runs = vec![0; self.edges.len()];
        for block in 0..runs.len() {
            let counts = self.counts_from(block);
            if !counts.is_empty() {
                runs[block] = sum(counts);
            }
            for to in self.liveness.successors(block).filter(|&to| self.counts_from(to).is_empty()) {
                let count = if counts.is_empty() { runs[block] } else { self.count(block, to) };
                runs[to] = count.saturating_add(runs[to]);
            }
        }
        runs
    }

    /// How often the branch at the end of a block went where.
    fn counts_from(&self, block: usize) -> &[(Edge, u32)] {
        let starts = self.liveness.starts();
        let end = starts.get(block + 1).copied().unwrap_or(Pc(u32::MAX));
        let from = |(edge, _): &(Edge, u32), pc| edge.from < pc;
        let counts = &self.counts[self.counts.partition_point(|count| from(count, starts[block]))..];
        &counts[..counts.partition_point(|count| from(count, end))]
    }

    /// How often control went from one block to another, where a branch may lead.
    fn count(&self, from: usize, to: usize) -> u32 {
        let (to, counts) = (self.liveness.starts()[to], self.counts_from(from));
        counts.binary_search_by_key(&to, |(edge, _)| edge.to).map_or(0, |place| counts[place].1)
    }

    /// For each block, whether it ran seldom beside the head of the innermost loop that it is of, or where control enters.
    pub(super) fn cold(&self) -> Vec<bool> {
        let runs = self.runs();
        let around = |block| self.loops.around(block).next().unwrap_or(self.first);
        runs.iter().enumerate().map(|(block, &seldom)| seldom < runs[around(block)] / COLD_SHARE).collect()
    }

    /// The block that control enters.
    pub(super) fn first(&self) -> usize {
        self.first
    }

    /// The block that starts at `pc`.
    pub(super) fn block_at(&self, pc: Pc) -> usize {
        self.liveness.block_at(pc).expect("a block starts there")
    }

    pub(super) fn starts_at(&self, pc: Pc) -> bool {
        self.liveness.block_at(pc).is_some()
    }

    /// Reached blocks, in the order of their code: number, first instruction, and how many edges lead there.
    pub(super) fn reached(&self) -> impl Iterator<Item = (usize, Pc, u32)> {
        let blocks = self.edges.iter().zip(self.liveness.starts()).enumerate();
        blocks.filter_map(|(block, (&edges, &pc))| Some((block, pc, edges?)))
    }

    /// Where control may go from the end of the block that an instruction is in, whatever the profile says.
    pub(super) fn all_successors(&self, pc: Pc) -> impl Iterator<Item = usize> {
        self.liveness.successors(self.block_of(pc))
    }

    /// What may be read behind an instruction but the last of its block, whatever the profile says.
    pub(super) fn live_behind(&self, code: &[u64], pc: Pc) -> BTreeSet<Reg> {
        let mut live: BTreeSet<Reg> = self.all_successors(pc).flat_map(|to| self.live_in(to)).collect();
        let starts = self.liveness.starts();
        let end =
            starts.get(starts.partition_point(|&start| start <= pc)).map_or(code.len(), |end| end.index());
        let (mut behind, mut at) = (Vec::new(), pc.index());
        while at < end {
            let words = &code[at..];
            behind.push(words);
            at += Op::from_code(words.lane(0)).and_then(|op| op.info().length(words)).expect("verified");
        }
        for words in behind.into_iter().skip(1).rev() {
            let row = OpRow::of(words);
            row.defs(words).for_each(|reg| _ = live.remove(&reg));
            live.extend(row.uses(words));
        }
        live
    }

    /// Whether a register may be read behind an instruction but the last of its block, before it is written again, whatever the
    /// profile says; also if it would take too long to tell.
    pub(super) fn is_read_behind(&self, code: &[u64], pc: Pc, reg: Reg) -> bool {
        let next = self.liveness.starts().get(self.block_of(pc) + 1);
        let end = next.map_or(code.len(), |next| next.index());
        let mut at = pc.index();
        for _ in 0..MAX_AHEAD {
            let words = &code[at..];
            at += Op::from_code(words.lane(0)).and_then(|op| op.info().length(words)).expect("verified");
            if at >= end {
                return self.all_successors(pc).any(|to| self.liveness.is_live_in(to, reg));
            }
            let (words, row) = (&code[at..], OpRow::of(&code[at..]));
            if row.uses(words).any(|read| read == reg) {
                return true;
            }
            if row.defs(words).any(|written| written == reg) {
                return false;
            }
        }
        true
    }

    /// For each register, whether no reached block writes it.
    pub(super) fn unwritten(&self, function: &Function) -> Vec<bool> {
        let mut unwritten = vec![true; function.registers.len()];
        each_row(&function.code, |pc, row, words, _| {
            if self.edges[self.block_of(Pc(pc as u32))].is_some() {
                row.defs(words).for_each(|reg| unwritten[reg.index()] = false);
            }
        });
        unwritten
    }

    /// Where control goes from a block.
    pub(super) fn successors(&self, block: usize) -> impl Iterator<Item = usize> {
        let starts = self.liveness.starts();
        let first = starts[block];
        let end = starts.get(block + 1).copied().unwrap_or(Pc(u32::MAX));
        let never = &self.never[self.never.partition_point(|edge| edge.from < first)..];
        let never = &never[..never.partition_point(|edge| edge.from < end)];
        let successors = self.liveness.successors(block);
        successors.filter(move |&to| self.has(to) && !never.iter().any(|edge| edge.to == starts[to]))
    }

    /// Why code is left that goes that way; `None` if what is there is compiled.
    pub(super) fn why_not(&self, edge: Edge) -> Option<Reason> {
        if !self.has(self.block_at(edge.to)) {
            return Some(Reason::Loop);
        }
        self.never.binary_search(&edge).is_ok().then_some(Reason::Branch(edge))
    }

    /// Whether who goes that way leaves a loop.
    pub(super) fn is_loop_left(&self, edge: Edge) -> bool {
        self.loops.is_left(self.block_of(edge.from), self.block_at(edge.to))
    }

    /// The block that an instruction is in.
    fn block_of(&self, pc: Pc) -> usize {
        self.liveness.starts().partition_point(|&start| start <= pc) - 1
    }

    /// Whether a block is where code may be.
    fn has(&self, block: usize) -> bool {
        self.entered.is_none_or(|head| self.loops.has(head, block))
    }

    /// What a block may read.
    pub(super) fn live_in(&self, block: usize) -> impl Iterator<Item = Reg> {
        self.liveness.live_in(block)
    }
}
