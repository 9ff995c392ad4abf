//! Which registers an instruction may still read: backward data flow over a function's registers, computed when asked.
//!
//! Today it answers one question: which registers are read before they are written, so that a frame must clear them.

use crate::isa::{Effect, Kind, Op, Words};
use crate::module::Function;
use crate::types::Reg;

/// Bits of work (blocks times registers) beyond which the analysis is not worth its time.
const MAX_BITS: usize = 1 << 23;

/// A set of registers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegSet(Vec<u64>);

impl RegSet {
    fn new(registers: usize) -> RegSet {
        RegSet(vec![0; registers.div_ceil(64)])
    }

    fn set(&mut self, reg: Reg, value: bool) {
        let bit = 1 << (reg.index() % 64);
        let word = &mut self.0[reg.index() / 64];
        *word = if value { *word | bit } else { *word & !bit };
    }

    /// Whether the register is in the set.
    pub fn contains(&self, reg: Reg) -> bool {
        self.0.get(reg.index() / 64).is_some_and(|word| word >> (reg.index() % 64) & 1 != 0)
    }

    /// Adds all of `other`; whether that changed anything.
    fn union(&mut self, other: &RegSet) -> bool {
        let mut changed = false;
        for (word, other) in self.0.iter_mut().zip(&other.0) {
            changed |= other & !*word != 0;
            *word |= other;
        }
        changed
    }
}

/// The registers of a verified function that may be read before they are written; `None` when the function is so
/// large that finding out is not worth it (take it as all of them).
///
/// The classical iteration to a fixed point over basic blocks, in reverse order of the code (Kildall, POPL 1973).
///
/// # Panics
///
/// May panic on a function that no verifier has accepted.
pub fn live_at_entry(function: &Function) -> Option<RegSet> {
    let code = function.code.as_slice();
    let registers = function.registers.len();
    let blocks = Blocks::of(code);
    if blocks.starts.len().checked_mul(registers)? > MAX_BITS {
        return None;
    }
    let mut live_in = vec![RegSet::new(registers); blocks.starts.len()];
    let mut changed = true;
    while changed {
        changed = false;
        for block in (0..blocks.starts.len()).rev() {
            let mut live = RegSet::new(registers);
            for &pc in blocks.instructions(block).iter().rev() {
                let words = &code[pc..];
                let op = op_at(words);
                // Successors before this instruction's own effect: it is the last of its block if it has any.
                for_each_target(op, words, |displacement| {
                    let target = blocks.block_at((pc as i64 + i64::from(displacement)) as usize);
                    live.union(&live_in[target]);
                });
                let falls = !op.info().effects.has(Effect::Ends);
                if falls && blocks.instructions(block).last() == Some(&pc) {
                    live.union(&live_in[block + 1]);
                }
                for_each_register(op, words, Kind::Def, |reg| live.set(reg, false));
                for_each_register(op, words, Kind::Use, |reg| live.set(reg, true));
            }
            changed |= live_in[block].union(&live);
        }
    }
    live_in.into_iter().next()
}

/// Basic blocks: where they start, and every instruction's pc.
struct Blocks {
    pcs: Vec<usize>,
    /// Index into `pcs` of each block's first instruction.
    starts: Vec<usize>,
}

impl Blocks {
    fn of(code: &[u64]) -> Blocks {
        let (mut pcs, mut leaders) = (Vec::new(), vec![0]);
        let mut pc = 0;
        while pc < code.len() {
            pcs.push(pc);
            let words = &code[pc..];
            let op = op_at(words);
            let next = pc + op.info().length(words).expect("verified");
            let mut branches = false;
            for_each_target(op, words, |displacement| {
                leaders.push((pc as i64 + i64::from(displacement)) as usize);
                branches = true;
            });
            if next < code.len() && (branches || op.info().effects.has(Effect::Ends)) {
                leaders.push(next);
            }
            pc = next;
        }
        leaders.sort_unstable();
        leaders.dedup();
        let starts = leaders.iter().map(|pc| pcs.binary_search(pc).expect("verified")).collect();
        Blocks { pcs, starts }
    }

    fn instructions(&self, block: usize) -> &[usize] {
        let end = self.starts.get(block + 1).copied().unwrap_or(self.pcs.len());
        &self.pcs[self.starts[block]..end]
    }

    fn block_at(&self, pc: usize) -> usize {
        self.starts.binary_search_by_key(&pc, |&i| self.pcs[i]).expect("a block starts at every target")
    }
}

fn op_at(words: &[u64]) -> Op {
    Op::from_code(words.lane(0)).expect("verified")
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

/// Calls `visit` with every register that the instruction reads ([`Kind::Use`]) or writes ([`Kind::Def`]), those in
/// lists included.
fn for_each_register(op: Op, words: &[u64], what: Kind, mut visit: impl FnMut(Reg)) {
    for operand in op.info().operands {
        if operand.kind == what {
            visit(Reg(words.lane(operand.lane.into())));
        }
    }
    if let Some((uses, defs)) = op.info().lists(words) {
        let list = if what == Kind::Use { uses } else { defs };
        list.regs(words).for_each(visit);
    }
}
