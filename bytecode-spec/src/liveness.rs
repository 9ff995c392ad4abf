//! Which registers an instruction may still read: backward data flow over a function's registers, computed when asked.
//!
//! Today it answers one question: which registers are read before they are written, so that a frame must clear them.

use crate::isa::{Effect, Kind, Op, Words};
use crate::module::Function;
use crate::types::Reg;

/// Bits in the sets of all blocks (blocks times registers) beyond which the analysis is not worth its time.
const MAX_BITS: usize = 1 << 23;
/// Edges that blocks have at most, on average, for that: most have one or two, large branch tables very many.
const MAX_EDGES: usize = 4;
/// How often an edge between blocks may be followed on average: loops nested that deep settle in so many rounds. Hostile
/// code takes as many rounds as it has blocks.
const MAX_ROUNDS: usize = 16;

/// A set of registers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegSet(Vec<u64>);

impl RegSet {
    fn new(registers: usize) -> RegSet {
        RegSet(vec![0; registers.div_ceil(64)])
    }

    fn insert(&mut self, reg: Reg) {
        self.0[reg.index() / 64] |= 1 << (reg.index() % 64);
    }

    /// Whether the register is in the set.
    pub fn contains(&self, reg: Reg) -> bool {
        self.0.get(reg.index() / 64).is_some_and(|word| word >> (reg.index() % 64) & 1 != 0)
    }

    /// Adds what is in `added` and not in `except`; whether that changed anything.
    fn add_without(&mut self, added: &RegSet, except: &RegSet) -> bool {
        let mut changed = false;
        for ((word, added), except) in self.0.iter_mut().zip(&added.0).zip(&except.0) {
            let added = added & !except;
            changed |= added & !*word != 0;
            *word |= added;
        }
        changed
    }
}

/// The registers of a verified function that may be read before they are written; `None` when finding out takes more
/// time than is worth it (take it as all of them). Takes linear time, in any case.
///
/// The classical iteration to a fixed point over basic blocks, backwards, with a list of blocks to visit (Kildall,
/// POPL 1973).
///
/// # Panics
///
/// May panic on a function that no verifier has accepted.
pub fn live_at_entry(function: &Function) -> Option<RegSet> {
    let code = function.code.as_slice();
    let registers = function.registers.len();
    let blocks = Blocks::of(code);
    let count = blocks.starts.len();
    if count.checked_mul(registers.max(64))? > MAX_BITS {
        return None;
    }
    let summaries: Vec<Summary> = (0..count).map(|block| blocks.summarize(block, code, registers)).collect();
    let work: usize = summaries.iter().map(Summary::work).sum();
    if work.checked_mul(registers)? > MAX_EDGES * MAX_BITS {
        return None;
    }
    let mut predecessors = vec![Vec::new(); count];
    for (block, summary) in summaries.iter().enumerate() {
        summary.successors.iter().for_each(|&next| predecessors[next].push(block));
    }

    let mut live: Vec<RegSet> = summaries.iter().map(|summary| summary.reads.clone()).collect();
    let (mut waiting, mut is_waiting) = ((0..count).collect::<Vec<usize>>(), vec![true; count]);
    let mut left = work.checked_mul(MAX_ROUNDS)?;
    while let Some(block) = waiting.pop() {
        left = left.checked_sub(summaries[block].work())?;
        is_waiting[block] = false;
        let mut changed = false;
        for &next in &summaries[block].successors {
            // What the next block needs, this one does too, unless it writes it.
            let needed = live[next].clone();
            changed |= live[block].add_without(&needed, &summaries[block].writes);
        }
        if changed {
            for &before in &predecessors[block] {
                if !std::mem::replace(&mut is_waiting[before], true) {
                    waiting.push(before);
                }
            }
        }
    }
    live.into_iter().next()
}

/// What a basic block does with registers, and where it goes.
struct Summary {
    /// Registers that it reads before it writes them.
    reads: RegSet,
    /// Registers that it writes.
    writes: RegSet,
    /// Each once.
    successors: Vec<usize>,
}

impl Summary {
    /// What a visit costs, in operations on sets.
    fn work(&self) -> usize {
        1 + self.successors.len()
    }
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

    fn summarize(&self, block: usize, code: &[u64], registers: usize) -> Summary {
        let (mut reads, mut writes) = (RegSet::new(registers), RegSet::new(registers));
        let mut successors = Vec::new();
        let instructions = self.instructions(block);
        for &pc in instructions {
            let (op, words) = (op_at(&code[pc..]), &code[pc..]);
            for_each_register(op, words, Kind::Use, |reg| {
                if !writes.contains(reg) {
                    reads.insert(reg);
                }
            });
            for_each_register(op, words, Kind::Def, |reg| writes.insert(reg));
        }
        // Only the last instruction of a block goes anywhere but on.
        if let Some(&pc) = instructions.last() {
            let (op, words) = (op_at(&code[pc..]), &code[pc..]);
            for_each_target(op, words, |displacement| {
                successors.push(self.block_at((pc as i64 + i64::from(displacement)) as usize));
            });
            if !op.info().effects.has(Effect::Ends) {
                successors.push(block + 1);
            }
        }
        successors.sort_unstable();
        successors.dedup();
        Summary { reads, writes, successors }
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
