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

#[cfg(test)]
mod tests {
    use bytecode_spec::{Arg, FuncType, FunctionBuilder, Op, TypeIndex, ValType, liveness};

    use super::*;

    #[test]
    fn inner_loops_are_left_for_outer_ones() {
        let mut f = FunctionBuilder::new(TypeIndex(0), &FuncType::default());
        let condition = f.register(ValType::I32);
        let [outer, inner, more, next] = [(); 4].map(|()| f.label());
        // Blocks: 1 is the head of one loop, 2 of another in it, which goes on by a branch forward, to 5; 3 leaves that, and 4 both.
        f.emit(Op::Nop, &[]);
        f.bind(outer);
        f.emit(Op::Nop, &[]);
        f.bind(inner);
        f.emit(Op::BrNez, &[condition.into(), more.into()]);
        f.emit(Op::BrNez, &[condition.into(), next.into()]);
        f.emit(Op::Ret, &[Arg::Regs(&[])]);
        f.bind(more);
        f.emit(Op::Jump, &[inner.into()]);
        f.bind(next);
        f.emit(Op::Jump, &[outer.into()]);
        let function = f.finish().expect("well formed");
        let blocks = liveness::live_at_blocks(&function).expect("small");
        let loops = Loops::new(&blocks);
        let around: Vec<Vec<usize>> =
            (0..blocks.starts().len()).map(|block| loops.around(block).collect()).collect();
        assert_eq!(around, [vec![], vec![1], vec![2, 1], vec![1], vec![], vec![2, 1], vec![1]]);
        assert!(loops.is_left(2, 3) && loops.is_left(3, 4) && !loops.is_left(2, 5) && !loops.is_left(3, 6));
        assert!(loops.has(1, 5) && !loops.has(2, 6));
    }
}
