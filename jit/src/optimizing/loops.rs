//! The loops of a function.

use bytecode_spec::liveness::BlockLiveness;

/// Natural loops, each named by its head: the block that a branch goes back to. Blocks that come before the head in the code are none of
/// its loop's, so what is entered in its middle is told from nothing worse than a smaller loop.
///
/// Found from the innermost to the outermost, as predecessors of the branches back; a loop that is known is passed as if it were
/// one block (P. Havlak, Nesting of Reducible and Irreducible Loops, TOPLAS 1997).
pub(super) struct Loops {
    /// For each block, the innermost loop that it is of.
    innermost: Vec<Option<usize>>,
    /// For each head, the innermost loop around its own.
    outer: Vec<Option<usize>>,
}

impl Loops {
    pub(super) fn new(liveness: &BlockLiveness) -> Loops {
        let count = liveness.starts().len();
        let mut loops = Loops { innermost: vec![None; count], outer: vec![None; count] };
        let mut edges: Vec<(usize, usize)> = Vec::new();
        for from in 0..count {
            edges.extend(liveness.successors(from).map(|to| (to, from)));
        }
        edges.sort_unstable();
        let mut open = Vec::new();
        for head in (0..count).rev() {
            let predecessors = |of: usize| {
                let first = edges.partition_point(|&edge| edge < (of, head));
                edges[first..].iter().take_while(move |&&(to, _)| to == of).map(|&(_, from)| from)
            };
            open.extend(predecessors(head));
            if !open.is_empty() {
                loops.innermost[head] = Some(head);
            }
            while let Some(block) = open.pop() {
                match loops.around(block).last() {
                    Some(known) if known == head => {}
                    Some(inner) => {
                        loops.outer[inner] = Some(head);
                        open.extend(predecessors(inner));
                    }
                    None => {
                        loops.innermost[block] = Some(head);
                        open.extend(predecessors(block));
                    }
                }
            }
        }
        loops
    }

    /// The loops that a block is of, the innermost first.
    pub(super) fn around(&self, block: usize) -> impl Iterator<Item = usize> {
        std::iter::successors(self.innermost[block], |&head| self.outer[head])
    }

    /// Whether a block is of the loop of a head.
    pub(super) fn has(&self, head: usize, block: usize) -> bool {
        self.around(block).any(|around| around == head)
    }

    /// Whether who goes from one block to another leaves a loop.
    pub(super) fn is_left(&self, from: usize, to: usize) -> bool {
        self.innermost[from].is_some_and(|head| !self.has(head, to))
    }
}
