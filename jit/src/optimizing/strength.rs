//! Operations that are replaced by cheaper ones, which the code generator does not do by itself.

use cranelift_codegen::ir::{Block, BlockCall, InstBuilder, JumpTableData, Value};

use super::translate::Translator;

/// Targets of a branch table, but the last, that are told apart by comparing: an indirect jump costs more.
const MAX_COMPARED: usize = 4;

impl Translator<'_, '_> {
    /// A product with a small constant, by shifts and a sum or difference, where that is faster than to multiply.
    pub(super) fn multiply(&mut self, a: Value, by: u64) -> Option<Value> {
        if !(2..1 << 16).contains(&by) {
            return None;
        }
        let shift = by.trailing_zeros();
        let odd = by >> shift;
        let value = if odd == 3 || odd == 5 || odd == 9 {
            // One instruction that computes an address.
            let more = self.shifted(a, (odd - 1).ilog2());
            self.b.ins().iadd(a, more)
        } else if shift == 0 && odd > 1 && (odd + 1).is_power_of_two() {
            let more = self.shifted(a, (odd + 1).ilog2());
            self.b.ins().isub(more, a)
        } else if shift == 0 && odd > 1 && (odd - 1).is_power_of_two() {
            let more = self.shifted(a, (odd - 1).ilog2());
            self.b.ins().iadd(a, more)
        } else {
            return None;
        };
        Some(self.shifted(value, shift))
    }

    /// Goes to the target of that number, or to the last one.
    pub(super) fn go_by_index(&mut self, index: Value, targets: &[Block]) {
        let Some((&last, others)) = targets.split_last() else { return };
        if others.len() > MAX_COMPARED {
            let pool = &mut self.b.func.dfg.value_lists;
            let last = BlockCall::new(last, [], pool);
            let others: Vec<BlockCall> =
                others.iter().map(|&block| BlockCall::new(block, [], pool)).collect();
            let table = self.b.create_jump_table(JumpTableData::new(last, &others));
            self.b.ins().br_table(index, table);
            return;
        }
        for (number, &target) in others.iter().enumerate() {
            let next = self.new_block(false);
            let is_it = self.is(index, number as i64);
            self.b.ins().brif(is_it, target, &[], next, &[]);
            self.start(next);
        }
        self.b.ins().jump(last, &[]);
    }
}
