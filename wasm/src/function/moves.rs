//! Moves of several values at once, as blocks with values need them: in an order in which no value is overwritten before it
//! is read, with one temporary for each cycle.

use bytecode_spec::isa::Move;
use bytecode_spec::{Op, Reg};

use super::FunctionTranslator;
use super::stack::Entry;

/// No move.
const NONE: u32 = u32::MAX;

/// What is needed to order moves; empty between uses, but for the registers' entries, which are zero and `NONE`.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    moves: Vec<(Reg, Reg)>,
    ready: Vec<u32>,
    registers: Vec<Pending>,
}

/// What pending moves do with a register.
#[derive(Clone, Copy, Debug)]
struct Pending {
    /// How many read it.
    reads: u32,
    /// The one that writes it.
    writer: u32,
}

const NOTHING: Pending = Pending { reads: 0, writer: NONE };

impl FunctionTranslator<'_> {
    /// Moves the topmost operands, which stay where they are on paper, to as many registers. All operands that are no
    /// constants must have been saved, or share registers that are none of the targets.
    pub(super) fn move_to(&mut self, targets: std::ops::Range<usize>) {
        let first = self.stack.len() - targets.len();
        if let [target] = self.targets[targets.clone()] {
            let entry = self.stack[first];
            return match entry {
                // Nothing reads it but what follows the move: values move right behind a branch, or are about to be popped.
                Entry::Own(reg) if self.code.latest_defines(reg) => self.code.redirect(target),
                Entry::Own(_) | Entry::Shared(_) | Entry::Const(..) | Entry::Sum { .. } => {
                    self.compute_into(target, entry);
                }
            };
        }
        let mut scratch = std::mem::take(&mut self.moves);
        for (place, target) in targets.clone().enumerate() {
            let dst = self.targets[target];
            match self.stack[first + place] {
                Entry::Shared(src) | Entry::Own(src) => scratch.moves.push((dst, src)),
                Entry::Const(..) | Entry::Sum { .. } => {}
            }
        }
        self.move_all(&mut scratch);
        scratch.moves.clear();
        self.moves = scratch;
        // Constants and sums read nothing that was written: sums are computed from saved registers only.
        for (place, target) in targets.enumerate() {
            let (dst, entry) = (self.targets[target], self.stack[first + place]);
            match entry {
                Entry::Const(..) | Entry::Sum { .. } => self.compute_into(dst, entry),
                Entry::Shared(_) | Entry::Own(_) => {}
            }
        }
    }

    /// Whether the topmost operands are in these registers already.
    pub(super) fn are_in(&self, targets: std::ops::Range<usize>) -> bool {
        let first = self.stack.len() - targets.len();
        self.stack[first..].iter().zip(&self.targets[targets]).all(|(entry, target)| match entry {
            Entry::Own(reg) | Entry::Shared(reg) => reg == target,
            Entry::Const(..) | Entry::Sum { .. } => false,
        })
    }

    fn move_all(&mut self, scratch: &mut Scratch) {
        let Scratch { moves, ready, registers } = scratch;
        registers.resize(registers.len().max(self.registers.types().len()), NOTHING);
        moves.retain(|(dst, src)| dst != src);
        for (i, (dst, src)) in (0..).zip(&*moves) {
            registers[src.index()].reads += 1;
            registers[dst.index()].writer = i;
        }
        ready.extend(
            (0..).zip(&*moves).filter(|(_, (dst, _))| registers[dst.index()].reads == 0).map(|(i, _)| i),
        );
        let mut next_cycle = 0;
        loop {
            while let Some(i) = ready.pop() {
                let (dst, src) = moves[i as usize];
                self.code.define(dst, |code| Move::encode(code, Op::Move, dst, src));
                registers[dst.index()].writer = NONE;
                let source = &mut registers[src.index()];
                source.reads -= 1;
                if source.reads == 0 && source.writer != NONE {
                    ready.push(source.writer);
                }
            }
            // What is left are cycles, in which each register is read once: the first register's old value is read from a
            // temporary, by the move found last on the way around.
            let open = |(dst, _): &(Reg, Reg)| registers[dst.index()].writer != NONE;
            let Some(found) = moves[next_cycle..].iter().position(open) else { break };
            next_cycle += found;
            let (dst, _) = moves[next_cycle];
            let mut last = next_cycle;
            while moves[last].1 != dst {
                last = registers[moves[last].1.index()].writer as usize;
            }
            let ty = self.registers.ty(dst);
            let temporary = self.registers.take(ty);
            self.code.define(temporary, |code| Move::encode(code, Op::Move, temporary, dst));
            registers.resize(registers.len().max(temporary.index() + 1), NOTHING);
            moves[last].1 = temporary;
            registers[temporary.index()].reads += 1;
            registers[dst.index()].reads = 0;
            ready.push(next_cycle as u32);
            // Free when the cycle is done; nothing is taken until then.
            self.registers.give(temporary);
        }
    }
}
