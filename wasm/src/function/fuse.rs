//! Conditions: a comparison whose result only a branch reads becomes a part of the branch.

use bytecode_spec::isa::{Binary, BinaryImm, Branch, BranchImm, BranchUnary, Unary};
use bytecode_spec::{Op, Reg, ShapeKind};

use super::FunctionTranslator;
use super::stack::Entry;

/// When a branch is taken.
#[derive(Clone, Copy, Debug)]
pub(super) enum Condition {
    Always,
    Never,
    When(Test),
}

/// What a conditional branch tests, by its opcode and operands.
#[derive(Clone, Copy, Debug)]
pub(super) enum Test {
    One(Op, Reg),
    Two(Op, Reg, Reg),
    Constant(Op, Reg, i32),
}

impl Test {
    /// The test that is true when this one is not.
    pub(super) fn inverse(self) -> Test {
        let inverse = |op: Op| op.inverse().expect("every branch on a test has an inverse");
        match self {
            Test::One(op, a) => Test::One(inverse(op), a),
            Test::Two(op, a, b) => Test::Two(inverse(op), a, b),
            Test::Constant(op, a, b) => Test::Constant(inverse(op), a, b),
        }
    }
}

impl FunctionTranslator<'_> {
    /// The condition that a popped operand is not zero. Registers of the test may be free already: the branch must be emitted
    /// next.
    pub(super) fn condition(&mut self, entry: Entry) -> Condition {
        match entry {
            Entry::Const(_, 0) => Condition::Never,
            Entry::Const(..) => Condition::Always,
            Entry::Own(reg) => {
                self.registers.give(reg);
                Condition::When(self.test(reg))
            }
            Entry::Shared(_) | Entry::Sum { .. } => {
                let part = self.part(entry);
                self.release(part);
                Condition::When(Test::One(Op::BrNez, part.reg))
            }
        }
    }

    /// The test that a temporary is not zero, which nothing else reads.
    #[expect(clippy::wildcard_enum_match_arm, reason = "other shapes are no tests, whichever they are")]
    fn test(&mut self, reg: Reg) -> Test {
        if let Some((op, words)) = self.code.latest(reg) {
            let test = match op.info().shape {
                ShapeKind::Binary => {
                    let (Binary { a, b, .. }, _) = Binary::read(words);
                    let branch =
                        if op == Op::AndI32 { Some(Op::BrAnyI32) } else { op.in_shape(ShapeKind::Branch) };
                    branch.map(|branch| Test::Two(branch, a, b))
                }
                ShapeKind::BinaryImm => {
                    let (BinaryImm { a, b, .. }, _) = BinaryImm::read(words);
                    constant_test(op, a, b)
                }
                ShapeKind::Unary => {
                    let (Unary { a, .. }, _) = Unary::read(words);
                    return self.zero_test(op, a).unwrap_or(Test::One(Op::BrNez, reg));
                }
                _ => None,
            };
            if let Some(test) = test {
                self.code.retract();
                return test;
            }
        }
        Test::One(Op::BrNez, reg)
    }

    /// The test for the latest instruction, if that tests `a` for zero.
    fn zero_test(&mut self, op: Op, a: Reg) -> Option<Test> {
        let own = !self.registers.is_local(a);
        if op == Op::EqzI32 {
            self.code.retract();
            return Some(if own { self.test(a).inverse() } else { Test::One(Op::BrEqz, a) });
        }
        if op != Op::EqzI64 {
            return None;
        }
        self.code.retract();
        if own && let Some((Op::AndI64, words)) = self.code.latest(a) {
            let (Binary { a, b, .. }, _) = Binary::read(words);
            self.code.retract();
            return Some(Test::Two(Op::BrNoneI64, a, b));
        }
        Some(Test::Constant(Op::BrEqI64Imm, a, 0))
    }

    pub(super) fn emit_branch(&mut self, test: Test) {
        match test {
            Test::One(op, a) => self.code.emit(|code| BranchUnary::encode(code, op, a, 0, ())),
            Test::Two(op, a, b) => self.code.emit(|code| Branch::encode(code, op, a, b, 0, ())),
            Test::Constant(op, a, b) => self.code.emit(|code| BranchImm::encode(code, op, a, b, 0, ())),
        }
    }
}

/// The test that a comparison with a constant is true, if the constant fits a branch.
fn constant_test(op: Op, a: Reg, bits: u64) -> Option<Test> {
    let branch = if op == Op::AndI32Imm { Op::BrAnyI32Imm } else { op.in_shape(ShapeKind::BranchImm)? };
    let narrow = bytecode_spec::TypeRule::I32 == op.info().operands()[1].rule?;
    let constant = if narrow { bits as i32 } else { i32::try_from(bits as i64).ok()? };
    Some(Test::Constant(branch, a, constant))
}
