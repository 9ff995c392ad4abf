//! Operations whose operands may come in any order, in the order in which these are there: tree-height reduction (D. J. Kuck, The
//! Structure of Computers and Computations, 1978).
//!
//! A long sum takes as long as what is added to its last operand. Where that comes from the loop's round before, this is how long a round
//! takes.

use bytecode_spec::isa::Binary;
use bytecode_spec::{Pc, Reg};
use cranelift_codegen::ir::{InstBuilder, InstructionData, Opcode, Value};
use smallvec::SmallVec;

use super::translate::Translator;
use super::values;

/// Operands that are put in order at a time.
const MAX_OPERANDS: usize = 8;
/// Operations, one behind the other, that are looked at.
const MAX_HEIGHT: u32 = 16;

type Operands<T> = SmallVec<[T; MAX_OPERANDS]>;

impl Translator<'_, '_> {
    /// The value of a register, for an operation of that kind, if that is one that is associative and commutative. What others need too
    /// is not computed in another order: that would be done twice.
    pub(super) fn operand(&mut self, reg: Reg, opcode: Option<Opcode>) -> Value {
        let value = self.read(reg);
        if self.operation_of(value).is_some_and(|(found, _)| opcode != Some(found)) {
            self.needed.insert(value);
        }
        value
    }

    /// The result of an operation with these operands, which is associative and commutative, and of those of the same kind that its operands
    /// come from, in an order that has it earlier; `None` if none does.
    pub(super) fn in_better_order(&mut self, opcode: Opcode, given: [Value; 2], i: Binary) -> Option<Value> {
        // Sums with constants are told as one.
        if given.iter().any(|&value| values::constant(&self.b.func.dfg, value).is_some()) {
            return None;
        }
        for (reg, value) in [i.a, i.b].into_iter().zip(given) {
            if self.operands_of(opcode, value).is_some() && self.is_read_behind(reg, i.dst) {
                self.needed.insert(value);
            }
        }
        let mut operands = Operands::from_slice(&given);
        let mut next = 0;
        while next < operands.len() && operands.len() < MAX_OPERANDS {
            let value = operands[next];
            match self.operands_of(opcode, value).filter(|_| !self.needed.contains(&value)) {
                Some([a, b]) => {
                    operands[next] = a;
                    operands.push(b);
                }
                None => next += 1,
            }
        }
        if operands.len() == given.len() {
            return None;
        }
        let heights = operands.iter().map(|&value| self.height(value, MAX_HEIGHT)).collect();
        let (height, pairs) = pairs(heights);
        if height >= given.into_iter().map(|value| self.height(value, MAX_HEIGHT)).max()? {
            return None;
        }
        let ty = self.b.func.dfg.value_type(given[0]);
        for (a, b) in pairs {
            let (operation, dfg) = self.b.ins().Binary(opcode, ty, operands[a], operands[b]);
            operands.push(dfg.first_result(operation));
        }
        operands.pop()
    }

    /// The operation by which the current block has computed a value, and its operands, if it has two and they are not constants.
    fn operation_of(&self, value: Value) -> Option<(Opcode, [Value; 2])> {
        let dfg = &self.b.func.dfg;
        let inst = dfg.value_def(value).inst()?;
        let InstructionData::Binary { opcode, args } = dfg.insts[inst] else { return None };
        let is_here = self.b.func.layout.inst_block(inst) == self.b.current_block();
        let is_it = is_here && values::constant(dfg, args[1]).is_none();
        is_it.then(|| (opcode, args.map(|value| dfg.resolve_aliases(value))))
    }

    /// The operands of a value that comes from an operation of that kind.
    fn operands_of(&self, opcode: Opcode, value: Value) -> Option<[Value; 2]> {
        self.operation_of(value).filter(|&(found, _)| found == opcode).map(|(_, operands)| operands)
    }

    /// Whether a register may be read behind the current instruction, which writes `dst`.
    fn is_read_behind(&self, reg: Reg, dst: Reg) -> bool {
        reg != dst && self.scope.graph.is_read_behind(self.scope.code, Pc(self.scope.pc as u32), reg)
    }

    /// How many operations of the current block come before a value, one behind the other. Loads count as much as others: they mostly
    /// wait for nothing that the loop's round before has computed.
    fn height(&mut self, value: Value, most: u32) -> u32 {
        let dfg = &self.b.func.dfg;
        let value = dfg.resolve_aliases(value);
        let Some(inst) = dfg.value_def(value).inst().filter(|_| most > 0) else { return 0 };
        if self.b.func.layout.inst_block(inst) != self.b.current_block() {
            return 0;
        }
        if let Some(&height) = self.heights.get(&value) {
            return height;
        }
        let operands: SmallVec<[Value; 4]> = dfg.inst_args(inst).into();
        let before = operands.into_iter().map(|operand| 1 + self.height(operand, most - 1)).max();
        let height = before.unwrap_or(0);
        self.heights.insert(value, height);
        height
    }
}

/// Which two values of these heights to combine first, and so on: what comes of each pair has the next number. How many operations come
/// before the last one.
fn pairs(heights: Operands<u32>) -> (u32, Operands<(usize, usize)>) {
    let mut open: Operands<(u32, usize)> = heights.into_iter().zip(0..).collect();
    let (mut pairs, mut before) = (Operands::new(), 0);
    for made in open.len().. {
        open.sort_unstable_by_key(|&(height, number)| std::cmp::Reverse((height, number)));
        let (Some((_, a)), Some((height, b))) = (open.pop(), open.pop()) else { break };
        pairs.push((a, b));
        before = height;
        open.push((height + 1, made));
    }
    (before, pairs)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_there_last_comes_last() {
        // Three that are there at once, and one behind three operations: nothing comes behind that but its own.
        let (before, found) = pairs(Operands::from_slice(&[3, 0, 0, 0]));
        assert_eq!(before, 3);
        assert_eq!(found.as_slice(), [(1, 2), (3, 4), (5, 0)]);
        // Where all are there at once, it is a full tree.
        assert_eq!(pairs(Operands::from_slice(&[0; 8])).0, 2);
        assert_eq!(pairs(Operands::from_slice(&[0; 2])).0, 0);
    }
}
