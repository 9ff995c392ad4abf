//! Forms of an operation: opcodes of other shapes with the same meaning, and those that mean the inverse or the mirror
//! image. Derived from the table when the crate is built, for whatever chooses instructions.

use super::{Op, ShapeKind};

/// The shapes that [`Op::in_shape`] looks in.
const TARGETS: [ShapeKind; 5] = [
    ShapeKind::BinaryImm,
    ShapeKind::Branch,
    ShapeKind::BranchImm,
    ShapeKind::LoadIndexed,
    ShapeKind::StoreIndexed,
];

/// What is true when the other is not; without `i32_` and the like.
const INVERSES: [(&str, &str); 11] = [
    ("eqz", "nez"),
    ("eq", "ne"),
    ("lt_s", "ge_s"),
    ("lt_u", "ge_u"),
    ("gt_s", "le_s"),
    ("gt_u", "le_u"),
    ("any", "none"),
    ("lt", "nlt"),
    ("gt", "ngt"),
    ("le", "nle"),
    ("ge", "nge"),
];

/// What gives the same when its operands change places; up to the payload of a NaN.
const MIRRORS: [(&str, &str); 15] = [
    ("add", "add"),
    ("mul", "mul"),
    ("and", "and"),
    ("or", "or"),
    ("xor", "xor"),
    ("eq", "eq"),
    ("ne", "ne"),
    ("any", "any"),
    ("none", "none"),
    ("lt_s", "gt_s"),
    ("lt_u", "gt_u"),
    ("le_s", "ge_s"),
    ("le_u", "ge_u"),
    ("lt", "gt"),
    ("le", "ge"),
];

/// Where a table has nothing.
const NONE: u16 = u16::MAX;

static SAME: [[u16; TARGETS.len()]; Op::ALL.len()] = {
    let mut table = [[NONE; TARGETS.len()]; Op::ALL.len()];
    let mut i = 0;
    while i < Op::ALL.len() {
        let info = Op::ALL[i].info();
        let has_forms = matches!(
            info.shape,
            ShapeKind::Binary | ShapeKind::Branch | ShapeKind::Load | ShapeKind::Store | ShapeKind::BinaryImm
        );
        let mut target = 0;
        while has_forms && target < TARGETS.len() {
            table[i][target] = find(TARGETS[target], info.meaning(), "", info.meaning());
            target += 1;
        }
        i += 1;
    }
    table
};

static INVERSE: [u16; Op::ALL.len()] = partners(&INVERSES);
static MIRRORED: [u16; Op::ALL.len()] = partners(&MIRRORS);

/// For each opcode with two operands or a test, the one of the same shape that is paired with it.
const fn partners(pairs: &[(&str, &str)]) -> [u16; Op::ALL.len()] {
    let mut table = [NONE; Op::ALL.len()];
    let mut i = 0;
    while i < Op::ALL.len() {
        let info = Op::ALL[i].info();
        let mut pair = if matches!(
            info.shape,
            ShapeKind::Binary
                | ShapeKind::BinaryImm
                | ShapeKind::BranchUnary
                | ShapeKind::Branch
                | ShapeKind::BranchImm
        ) {
            0
        } else {
            pairs.len()
        };
        while pair < pairs.len() {
            let (a, b) = pairs[pair];
            if equal(info.meaning(), info.meaning(), a) {
                table[i] = find(info.shape, info.meaning(), b, "");
            } else if equal(info.meaning(), info.meaning(), b) {
                table[i] = find(info.shape, info.meaning(), a, "");
            }
            pair += 1;
        }
        i += 1;
    }
    table
}

/// The code of the opcode of a shape whose meaning is `whole`, or else the type of `meaning` and `operation`.
const fn find(shape: ShapeKind, meaning: &str, operation: &str, whole: &str) -> u16 {
    let ops = shape.ops();
    let mut i = 0;
    while i < ops.len() {
        let found = ops[i].info().meaning();
        let same = if whole.is_empty() { equal(found, meaning, operation) } else { same(found, whole, 0) };
        if same {
            return ops[i] as u16;
        }
        i += 1;
    }
    NONE
}

/// Bytes of a type's name and the underscore behind it.
const TYPE_BYTES: usize = 4;

/// Whether `found` consists of the type in front of `meaning`, and `operation`.
const fn equal(found: &str, meaning: &str, operation: &str) -> bool {
    let (found, meaning) = (found.as_bytes(), meaning.as_bytes());
    if found.len() != TYPE_BYTES + operation.len() || meaning.len() < TYPE_BYTES {
        return false;
    }
    let mut i = 0;
    while i < TYPE_BYTES {
        if found[i] != meaning[i] {
            return false;
        }
        i += 1;
    }
    let operation = operation.as_bytes();
    while i < found.len() {
        if found[i] != operation[i - TYPE_BYTES] {
            return false;
        }
        i += 1;
    }
    true
}

/// Whether both are the same from byte `i` on.
const fn same(a: &str, b: &str, mut i: usize) -> bool {
    if a.len() != b.len() {
        return false;
    }
    while i < a.len() {
        if a.as_bytes()[i] != b.as_bytes()[i] {
            return false;
        }
        i += 1;
    }
    true
}

impl Op {
    /// The opcode of another shape with the same meaning: the form of an operation with a constant operand, of a
    /// comparison as a branch, of an access with an indexed address. `None` where the table has no such row.
    ///
    /// ```
    /// use bytecode_spec::{Op, ShapeKind};
    /// assert_eq!(Op::AddI32.in_shape(ShapeKind::BinaryImm), Some(Op::AddI32Imm));
    /// assert_eq!(Op::LtSI32Imm.in_shape(ShapeKind::BranchImm), Some(Op::BrLtSI32Imm));
    /// assert_eq!(Op::CopysignF32.in_shape(ShapeKind::BinaryImm), None);
    /// ```
    #[inline(always)]
    pub fn in_shape(self, shape: ShapeKind) -> Option<Op> {
        let target = TARGETS.iter().position(|&target| target == shape)?;
        at(SAME[self as usize][target])
    }

    /// The comparison or branch of the same shape and operands that is true when this one is not.
    ///
    /// ```
    /// use bytecode_spec::Op;
    /// assert_eq!(Op::BrLtF64.inverse(), Some(Op::BrNltF64));
    /// assert_eq!(Op::LtF64.inverse(), None); // there is no such value, only the branch
    /// ```
    #[inline(always)]
    pub fn inverse(self) -> Option<Op> {
        at(INVERSE[self as usize])
    }

    /// The operation of the same shape that gives the same with its operands exchanged, up to the payload of a NaN.
    ///
    /// ```
    /// use bytecode_spec::Op;
    /// assert_eq!(Op::LtSI32.mirrored(), Some(Op::GtSI32));
    /// assert_eq!(Op::SubI32.mirrored(), None);
    /// ```
    #[inline(always)]
    pub fn mirrored(self) -> Option<Op> {
        at(MIRRORED[self as usize])
    }
}

#[inline(always)]
fn at(code: u16) -> Option<Op> {
    Op::ALL.get(usize::from(code)).copied()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::meaning::{Meaning, meaning};

    /// The results of an operation or test for some operands, among them those where comparisons differ.
    fn results(op: Op, exchanged: bool) -> Vec<u64> {
        let floats = op.info().meaning().starts_with('f');
        let wide = op.info().meaning()[1..].starts_with("64");
        let values: Vec<u64> = [-2.5f64, -1.0, -0.0, 0.0, 1.0, 3.0, f64::NAN]
            .iter()
            .map(|&value| match (floats, wide) {
                (true, true) => value.to_bits(),
                (true, false) => u64::from((value as f32).to_bits()),
                (false, true) => value as i64 as u64,
                (false, false) => u64::from(value as i32 as u32),
            })
            .collect();
        let pairs = values.iter().flat_map(|&a| values.iter().map(move |&b| [a, b]));
        pairs
            .map(|[a, b]| {
                let inputs = if exchanged { [b, a] } else { [a, b] };
                match meaning(op) {
                    Meaning::Value(f) => {
                        let result = f(&inputs).expect("no division here");
                        let is_nan = floats
                            && op.info().operands()[0].rule != Some(crate::TypeRule::I32)
                            && if wide {
                                f64::from_bits(result).is_nan()
                            } else {
                                f32::from_bits(result as u32).is_nan()
                            };
                        if is_nan { u64::MAX } else { result }
                    }
                    Meaning::Test(f) => u64::from(f(&inputs)),
                    Meaning::Load(..) | Meaning::Store(_) | Meaning::Other => unreachable!("{op:?}"),
                }
            })
            .collect()
    }

    #[test]
    fn inverses_are_true_when_the_other_is_not() {
        let mut count = 0;
        for &op in Op::ALL {
            let Some(inverse) = op.inverse() else { continue };
            assert_eq!(inverse.inverse(), Some(op));
            assert_eq!(inverse.info().shape, op.info().shape);
            let flipped: Vec<u64> = results(inverse, false).iter().map(|result| 1 - result).collect();
            assert_eq!(results(op, false), flipped, "{op:?} and {inverse:?}");
            count += 1;
        }
        // Every branch on a comparison, and the comparisons of integers and of equality in two shapes.
        assert_eq!(count, 2 + 44 + 24 + 20 + 4 + 20);
    }

    #[test]
    fn mirrors_give_the_same_with_operands_exchanged() {
        let mut count = 0;
        for &op in Op::ALL {
            let Some(mirrored) = op.mirrored() else { continue };
            assert_eq!(mirrored.info().shape, op.info().shape);
            assert_eq!(results(op, false), results(mirrored, true), "{op:?} and {mirrored:?}");
            count += 1;
        }
        assert!(count > 100, "{count}");
    }

    #[test]
    fn forms_have_the_same_meaning_and_none_is_missed() {
        for &op in Op::ALL {
            for shape in TARGETS {
                let Some(form) = op.in_shape(shape) else { continue };
                assert_eq!((form.info().shape, form.info().meaning()), (shape, op.info().meaning()));
            }
        }
        for shape in [ShapeKind::BinaryImm, ShapeKind::LoadIndexed, ShapeKind::StoreIndexed] {
            for &form in shape.ops() {
                let from = Op::ALL.iter().filter(|op| op.in_shape(shape) == Some(form));
                assert!(from.count() >= 1, "{form:?} is the form of nothing");
            }
        }
    }
}
