//! Registers that count from one constant to another: how large they are at most.
//!
//! Only loops of a single block are looked at, which end when the register is not different from the last constant any more.

use std::rc::Rc;

use bytecode_spec::isa::{self, Words};
use bytecode_spec::{Op, Pc, Reg, ShapeKind};

use super::translate::Translator;

impl Translator<'_, '_> {
    /// Notes how large the register is at most that the loop counts in which the block is, if it is such a loop.
    pub(super) fn note_induction(&mut self, block: usize, start: Pc) {
        let pcs = self.instructions_from(start);
        let Some((reg, end)) = pcs.last().and_then(|&pc| self.ends_at(pc, start)) else { return };
        let Some(step) = self.step_of(reg, &pcs) else { return };
        let Some(first) = self.value_before(reg, block) else { return };
        // Otherwise it goes on beyond the end, and round.
        if step > 0 && first < end && (end - first).is_multiple_of(step) {
            let value = self.get(reg);
            self.at_most.insert(value, end);
        }
    }

    /// The instructions of the block that starts there.
    fn instructions_from(&self, start: Pc) -> Vec<usize> {
        let (mut pcs, mut pc) = (Vec::new(), start.index());
        loop {
            pcs.push(pc);
            let words = &self.scope.code[pc..];
            let info = Op::from_code(words.lane(0)).expect("verified").info();
            pc += info.length(words).expect("verified");
            if info.has_targets || pc >= self.scope.code.len() || self.scope.graph.starts_at(Pc(pc as u32)) {
                return pcs;
            }
        }
    }

    /// The register that a branch back to `head` compares, and the constant where the loop ends.
    fn ends_at(&self, branch: usize, head: Pc) -> Option<(Reg, u64)> {
        let words = &self.scope.code[branch..];
        if Op::from_code(words.lane(0)) != Some(Op::BrNeI32Imm) {
            return None;
        }
        let (ends, _) = isa::BranchImm::read(words);
        let target = branch as i64 + i64::from(ends.target);
        // What is less than zero is more than anything else, without a sign.
        (target == head.index() as i64 && ends.b > 0).then_some((ends.a, ends.b as u64))
    }

    /// What is added to a register in a block that does not write it otherwise.
    fn step_of(&self, reg: Reg, pcs: &[usize]) -> Option<u64> {
        let mut writes = pcs.iter().filter(|&&pc| self.writes(pc, reg));
        let words = &self.scope.code[*writes.next()?..];
        let is_only = writes.next().is_none();
        let is_sum = Op::from_code(words.lane(0)) == Some(Op::AddI32Imm);
        let (sum, _) = isa::BinaryImm::read(words);
        (is_only && is_sum && sum.a == reg).then_some(sum.b)
    }

    /// The constant that a register has where a loop of one block is entered.
    fn value_before(&self, reg: Reg, block: usize) -> Option<u64> {
        let graph = Rc::clone(&self.scope.graph);
        let mut entries = graph
            .reached()
            .filter(|&(from, ..)| from != block && graph.successors(from).any(|to| to == block));
        let (_, start, _) = entries.next()?;
        if entries.next().is_some() || graph.first() == block {
            return None;
        }
        let pcs = self.instructions_from(start);
        let last = *pcs.iter().rev().find(|&&pc| self.writes(pc, reg))?;
        let words = &self.scope.code[last..];
        let is_constant = Op::from_code(words.lane(0)).expect("verified").info().shape == ShapeKind::Const;
        is_constant.then(|| isa::Const::read(words).0.value)
    }

    fn writes(&self, pc: usize, reg: Reg) -> bool {
        let words = &self.scope.code[pc..];
        isa::OpRow::of(words).defs(words).any(|written| written == reg)
    }
}
