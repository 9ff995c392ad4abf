//! Which basic blocks are compiled: those that can be reached from the entry without an edge that was never taken, and for an entry in
//! the middle of the function those of the loop that is entered. Were what follows an inner loop compiled with it, both would be one
//! loop to the code generator, entered where it is not meant to be: as it is, code of a loop is as good as that of a call, and who leaves it
//! goes on in other code, until the loop around it goes back and is entered in turn.

use std::collections::BTreeSet;

use bytecode_spec::isa::{OpRow, Words, each_row};
use bytecode_spec::{Function, Op, Pc, Reg, liveness};

use super::{Edge, Entry, Reason, Refusal};

/// Basic blocks more than this are too many.
const MAX_BLOCKS: usize = 20_000;

/// The blocks of a function, numbered in the order of their code.
pub(super) struct Graph {
    liveness: liveness::BlockLiveness,
    /// For each block, how many edges from reached blocks lead to it; `None` for those not reached.
    edges: Vec<Option<u32>>,
    never: Vec<Edge>,
    /// Where control enters.
    first: usize,
    /// For each block, whether it is of the loop that is entered; empty if activations start.
    body: Vec<bool>,
}

impl Graph {
    pub(super) fn new(function: &Function, entry: Entry, never: &[Edge]) -> Result<Graph, Refusal> {
        let liveness = liveness::live_at_blocks(function).ok_or(Refusal::TooLarge)?;
        let count = liveness.starts().len();
        if count > MAX_BLOCKS {
            return Err(Refusal::TooLarge);
        }
        let (first, body) = match entry {
            Entry::Start => (0, Vec::new()),
            Entry::Loop(head) => {
                let head = liveness.block_at(head).ok_or(Refusal::TooLarge)?;
                (head, loop_of(&liveness, head))
            }
        };
        let mut graph = Graph { liveness, edges: vec![None; count], never: never.to_vec(), first, body };
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
        let block = self.liveness.starts().partition_point(|&start| start <= pc) - 1;
        self.liveness.successors(block)
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

    /// For each register, whether no reached block writes it.
    pub(super) fn unwritten(&self, function: &Function) -> Vec<bool> {
        let mut unwritten = vec![true; function.registers.len()];
        each_row(&function.code, |pc, row, words, _| {
            let block = self.liveness.starts().partition_point(|start| start.index() <= pc) - 1;
            if self.edges[block].is_some() {
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

    /// Whether a block is where code may be.
    fn has(&self, block: usize) -> bool {
        self.body.get(block).is_none_or(|&is_in| is_in)
    }

    /// What a block may read.
    pub(super) fn live_in(&self, block: usize) -> impl Iterator<Item = Reg> {
        self.liveness.live_in(block)
    }
}

/// For each block, whether it is of the natural loop of a head: whether it leads to a branch back to that, not by way of the head.
fn loop_of(liveness: &liveness::BlockLiveness, head: usize) -> Vec<bool> {
    let count = liveness.starts().len();
    let mut edges: Vec<(usize, usize)> = Vec::new();
    for from in 0..count {
        edges.extend(liveness.successors(from).map(|to| (to, from)));
    }
    edges.sort_unstable();
    let predecessors = |of: usize| {
        let first = edges.partition_point(|&(to, _)| to < of);
        edges[first..].iter().take_while(move |&&(to, _)| to == of).map(|&(_, from)| from)
    };
    let mut body = vec![false; count];
    body[head] = true;
    let mut open: Vec<usize> = predecessors(head).filter(|&from| from >= head).collect();
    while let Some(block) = open.pop() {
        if !std::mem::replace(&mut body[block], true) {
            open.extend(predecessors(block));
        }
    }
    body
}
