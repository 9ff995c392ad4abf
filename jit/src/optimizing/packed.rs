//! The divisions of two rounds of a loop at once: superword-level parallelism (S. Larsen and S. Amarasinghe, Exploiting Superword Level
//! Parallelism with Multimedia Instruction Sets, PLDI 2000), for the operations that processors do one behind the other.
//!
//! Where a loop is [compiled twice](super::unroll), the first copy divides for both, if what the second one divides does not wait for
//! what the first one does: x86-64's dividers take as long for two as for one. For a round that never comes, this computes a few sums for
//! nothing; what traps, or reads memory, is only done where it was.

use cranelift_codegen::cursor::{Cursor, FuncCursor};
use cranelift_codegen::ir::types::{F64, F64X2};
use cranelift_codegen::ir::{Block, Inst, InstBuilder, Opcode, Value};
use smallvec::SmallVec;

use super::Target;
use super::translate::Translator;

/// Instructions that are moved before a division, at most.
const MAX_MOVED: usize = 24;

type Moved = SmallVec<[Inst; MAX_MOVED]>;

impl Translator<'_, '_> {
    /// Lets divisions and square roots in one copy of a block do the work of those in the copy that follows, where the machine gains by that.
    pub(super) fn pack_divisions(&mut self, copy: Block, next: Block) {
        if !matches!(self.target, Target::X86_64 { .. }) || !self.leads_to(copy, next) {
            return;
        }
        let [firsts, mut seconds] = [copy, next].map(|block| self.divisions(block));
        for first in firsts {
            let is_same = |&second: &Inst| self.instruction_of(second) == self.instruction_of(first);
            if let Some(place) = seconds.iter().position(is_same) {
                self.pack(first, seconds.swap_remove(place));
            }
        }
    }

    /// Whether control goes from the end of a block to another one at once.
    fn leads_to(&self, block: Block, to: Block) -> bool {
        let func = &self.b.func;
        let dfg = &func.dfg;
        let end = func.layout.last_inst(block).expect("it is filled");
        let ways = dfg.insts[end].branch_destination(&dfg.jump_tables, &dfg.exception_tables);
        ways.iter().any(|way| way.block(&dfg.value_lists) == to)
    }

    /// Divisions and square roots of a block.
    fn divisions(&self, block: Block) -> SmallVec<[Inst; 4]> {
        let func = &self.b.func;
        let is_one = |&inst: &Inst| {
            matches!(func.dfg.insts[inst].opcode(), Opcode::Fdiv | Opcode::Sqrt)
                && func.dfg.value_type(func.dfg.first_result(inst)) == F64
        };
        func.layout.block_insts(block).filter(is_one).collect()
    }

    /// The place of the bytecode instruction that an instruction is of.
    fn instruction_of(&self, inst: Inst) -> u64 {
        self.locations[self.b.func.srcloc(inst).bits() as usize]
    }

    /// Lets the first of two instructions do the work of both, if the operands of the second can be there.
    fn pack(&mut self, first: Inst, second: Inst) {
        let dfg = &self.b.func.dfg;
        let operands = |inst| -> SmallVec<[Value; 2]> {
            dfg.inst_args(inst).iter().map(|&operand| dfg.resolve_aliases(operand)).collect()
        };
        let (of_first, of_second) = (operands(first), operands(second));
        let mut moved = Moved::new();
        if !of_second.iter().all(|&operand| self.can_come_before(operand, first, second, &mut moved)) {
            return;
        }
        let func = &mut *self.b.func;
        for inst in moved {
            func.layout.remove_inst(inst);
            func.layout.insert_inst(inst, first);
        }
        let (opcode, location) = (func.dfg.insts[first].opcode(), func.srcloc(first));
        let mut at = FuncCursor::new(func).at_inst(first).with_srcloc(location);
        let both = of_first.into_iter().zip(of_second).map(|(a, b)| {
            if a == b {
                return at.ins().splat(F64X2, a);
            }
            let low = at.ins().scalar_to_vector(F64X2, a);
            at.ins().insertlane(low, b, 1)
        });
        let both: SmallVec<[Value; 2]> = both.collect();
        let results =
            if opcode == Opcode::Fdiv { at.ins().fdiv(both[0], both[1]) } else { at.ins().sqrt(both[0]) };
        func.replace(first).extractlane(results, 0);
        func.replace(second).extractlane(results, 1);
    }

    /// Whether a value that the block of `second` uses is there before `first`, or can be; with what has to be moved there for it, in order.
    fn can_come_before(&self, value: Value, first: Inst, second: Inst, moved: &mut Moved) -> bool {
        let func = &self.b.func;
        // What both blocks are given is there: only the first one has parameters.
        let Some(inst) = func.dfg.value_def(value).inst() else { return true };
        let block = func.layout.inst_block(inst);
        let is_there = if block == func.layout.inst_block(first) {
            func.layout.pp_cmp(inst, first).is_lt()
        } else {
            block != func.layout.inst_block(second)
        };
        if is_there || moved.contains(&inst) {
            return true;
        }
        let opcode = func.dfg.insts[inst].opcode();
        let has_effects = opcode.can_trap()
            || opcode.can_load()
            || opcode.can_store()
            || opcode.is_call()
            || opcode.other_side_effects();
        if inst == first || has_effects {
            return false;
        }
        let mut operands = func.dfg.inst_args(inst).iter().map(|&operand| func.dfg.resolve_aliases(operand));
        if !operands.all(|operand| self.can_come_before(operand, first, second, moved)) {
            return false;
        }
        let has_room = moved.len() < MAX_MOVED;
        moved.push(inst);
        has_room
    }
}
