//! Which basic blocks are compiled: those that can be reached from the entry without an edge that was never taken.

use bytecode_spec::{Function, Pc, Reg, liveness};

use super::{Edge, Entry, Refusal};

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
}

impl Graph {
    pub(super) fn new(function: &Function, entry: Entry, never: &[Edge]) -> Result<Graph, Refusal> {
        let liveness = liveness::live_at_blocks(function).ok_or(Refusal::TooLarge)?;
        let count = liveness.starts().len();
        if count > MAX_BLOCKS {
            return Err(Refusal::TooLarge);
        }
        let mut graph = Graph { liveness, edges: vec![None; count], never: never.to_vec(), first: 0 };
        let first = match entry {
            Entry::Start => 0,
            Entry::Loop(head) => graph.block_at(head),
        };
        graph.first = first;
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

    /// Where control goes from a block.
    pub(super) fn successors(&self, block: usize) -> impl Iterator<Item = usize> {
        let starts = self.liveness.starts();
        let first = starts[block];
        let end = starts.get(block + 1).copied().unwrap_or(Pc(u32::MAX));
        let never = &self.never[self.never.partition_point(|edge| edge.from < first)..];
        let never = &never[..never.partition_point(|edge| edge.from < end)];
        self.liveness.successors(block).filter(move |&to| !never.iter().any(|edge| edge.to == starts[to]))
    }

    /// Whether a branch never went that way.
    pub(super) fn is_never(&self, edge: Edge) -> bool {
        self.never.binary_search(&edge).is_ok()
    }

    /// What a block may read.
    pub(super) fn live_in(&self, block: usize) -> impl Iterator<Item = Reg> {
        self.liveness.live_in(block)
    }
}
