//! Images: code with handlers in place of opcodes.

use bytecode_spec::isa::{self, Words};
use bytecode_spec::{Function, Kind, Op, Reg, ValType};

use super::parts::Part;
use super::{Interpreter, Leaves, nodes};
use crate::abi;
use crate::template::stubs::Boundary;

/// What an image is made of.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// The function.
    pub function: &'a Function,
    /// How many functions the module imports.
    pub imported_funcs: u32,
    /// Words from a frame's registers to those of the next frame.
    pub frame_words: u32,
    /// With fuel, for each word where a basic block starts, its instructions; otherwise empty.
    pub costs: &'a [u32],
}

/// An instruction as the interpreter takes it, alone.
#[derive(Clone, Copy, Debug)]
pub struct Step {
    /// Where it is.
    pub pc: usize,
    /// Its form.
    pub part: Part,
    /// Whether a sequence may go on with it: control enters here in no other way.
    pub follows: bool,
}

impl<M: Boundary> Interpreter<M> {
    /// Makes an image of a function's code, which it is a copy of, and the handlers that it lacks: see [`bytes`](Self::bytes). With
    /// fuel, also gives the handlers of instructions where basic blocks start, by word.
    pub fn prepare(&mut self, source: &Source<'_>, image: &mut [u64]) -> Box<[u16]> {
        let mut leaders = vec![0; source.costs.len()].into_boxed_slice();
        let charge = self.charge;
        let mut put = |image: &mut [u64], pc: usize, handler: u16| match source.costs.get(pc) {
            Some(1..) => {
                leaders[pc] = handler;
                set_lane(&mut image[pc..], 0, charge);
            }
            Some(0) | None => set_lane(&mut image[pc..], 0, handler),
        };
        // The first instruction of the sequence so far, and its node.
        let mut open: Option<(usize, usize)> = None;
        for Step { pc, part, follows } in self.steps(source) {
            let number = part.number();
            put(image, pc, self.handler(number).start);
            let longer = open.filter(|_| follows).and_then(|(start, node)| {
                let node = nodes::behind(node, number)?;
                put(image, start, self.handler(node).start);
                Some((start, node))
            });
            open = longer.or(Some((pc, number)));
            rewrite_call(source, part.op, &mut image[pc..]);
            rewrite_targets(part, &mut image[pc..]);
        }
        self.finish();
        leaders
    }

    /// Each instruction of a function, in the order of the code.
    pub fn steps(&mut self, source: &Source<'_>) -> Vec<Step> {
        let code = source.function.code.as_slice();
        let mut edges = Edges::of(code);
        let mut steps = Vec::new();
        // What comes back to the head of a loop may leave less there than what came first.
        while !self.walk(source, &mut edges, &mut steps) {
            steps.clear();
        }
        steps
    }

    /// Goes through the code once; false if a branch backwards left less in the accumulators than its target was taken to find.
    fn walk(&mut self, source: &Source<'_>, edges: &mut Edges, steps: &mut Vec<Step>) -> bool {
        let code = source.function.code.as_slice();
        let types = source.function.registers.as_slice();
        let mut held = Some(Accumulators::default());
        let (mut follows, mut is_done) = (false, true);
        isa::each_row(code, |pc, row, words, _| {
            let op = Op::from_code(words.lane(0)).expect("verified");
            if edges.is_target(pc) {
                edges.enter(pc, held, types);
                held = edges.at[pc].flatten();
                follows = false;
            }
            let mut now = held.unwrap_or_default();
            follows &= source.costs.get(pc).is_none_or(|&cost| cost == 0);
            let form = Part::of(op, words, types);
            steps.push(Step { pc, part: Part { held: now.lane_of(form, words, types), ..form }, follows });
            let reg = |lane: u8| Some(Reg(words.lane(lane.into())));
            match self.handler(form.number()).leaves {
                Leaves::Same => {}
                Leaves::Int(lane) => now.int = reg(lane),
                Leaves::Float(lane) => now.float = reg(lane),
                Leaves::Nothing => now = Accumulators::default(),
            }
            if row.calls {
                now.int = only_result(op, words, types);
            }
            row.each_target(words, |displacement| {
                let target = (pc as i64 + i64::from(displacement)) as usize;
                let is_less = edges.enter(target, Some(now), types);
                is_done &= !is_less || target > pc;
            });
            follows = !row.calls && !row.ends;
            held = (!row.ends).then_some(now);
        });
        is_done
    }
}

/// The registers whose values are in the accumulators too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
struct Accumulators {
    int: Option<Reg>,
    float: Option<Reg>,
}

impl Accumulators {
    /// The lane of an operand that is in one of them, if any is.
    fn lane_of(self, part: Part, words: &[u64], types: &[ValType]) -> u8 {
        let mut lanes = part.lanes();
        while lanes != 0 {
            let lane = lanes.trailing_zeros() as u8;
            let reg = Reg(words.lane(lane.into()));
            // A value that is returned is read as bits.
            let held = match types[reg.index()] {
                ValType::F32 | ValType::F64 => self.float.filter(|_| part.op != Op::Ret),
                ValType::I32 | ValType::I64 | ValType::FuncRef | ValType::ExternRef => self.int,
            };
            if held == Some(reg) {
                return lane;
            }
            lanes &= lanes - 1;
        }
        0
    }
}

/// What is in the accumulators where branches go: whatever is there whichever way control comes. No references, for whoever looks at
/// frames at safepoints.
struct Edges {
    /// By pc; `None` where no branch goes, `Some(None)` where control has not come from anywhere yet.
    at: Vec<Option<Option<Accumulators>>>,
}

impl Edges {
    fn of(code: &[u64]) -> Edges {
        let mut at = vec![None; code.len() + 1];
        isa::each_row(code, |pc, row, words, _| {
            row.each_target(words, |displacement| {
                at[(pc as i64 + i64::from(displacement)) as usize] = Some(None);
            });
        });
        Edges { at }
    }

    fn is_target(&self, pc: usize) -> bool {
        self.at[pc].is_some()
    }

    /// Control comes to a target, if from anywhere, with that in the accumulators. Whether less is there now than was before.
    fn enter(&mut self, target: usize, from: Option<Accumulators>, types: &[ValType]) -> bool {
        let Some(from) = from else { return false };
        let before = self.at[target].flatten();
        let is_value = |reg: &Reg| !types[reg.index()].is_ref();
        let now = match before {
            None => Accumulators { int: from.int.filter(is_value), ..from },
            Some(before) => Accumulators {
                int: before.int.filter(|_| before.int == from.int),
                float: before.float.filter(|_| before.float == from.float),
            },
        };
        self.at[target] = Some(Some(now));
        before.is_some_and(|before| before != now)
    }
}

/// The register that a call's only result goes to, if it is no float.
fn only_result(op: Op, words: &[u64], types: &[ValType]) -> Option<Reg> {
    let (_, results) = op.info().lists(words)?;
    let result = (results.len == 1).then(|| results.reg(words, 0))?;
    (!matches!(types[result.index()], ValType::F32 | ValType::F64)).then_some(result)
}

/// Puts what a call needs in place of what it does not.
fn rewrite_call(source: &Source<'_>, op: Op, words: &mut [u64]) {
    let slot = |func: u32| (func - source.imported_funcs) * abi::slot::SIZE as u32;
    let length = op.info().length(words);
    if op == Op::Call {
        let [args, func, results] = isa::Call::LANES;
        let place = slot(words.half(func.into()));
        set_lane(words, args.into(), (source.frame_words / 2) as u16);
        set_half(words, func.into(), place);
        set_lane(words, results.into(), length.expect("verified") as u16);
    } else if op == Op::TailCall {
        let [_, func] = isa::TailCall::LANES;
        let place = slot(words.half(func.into()));
        set_half(words, func.into(), place);
    }
}

/// Counts targets in bytes instead of words.
fn rewrite_targets(part: Part, words: &mut [u64]) {
    let info = part.op.info();
    if !info.has_targets {
        return;
    }
    let (first, count) = match info.operands().iter().find(|operand| operand.kind == Kind::Target) {
        Some(target) => (usize::from(target.lane), 1),
        None => {
            let (isa::BranchTable { targets, .. }, _) = isa::BranchTable::read(&*words);
            (targets.first as usize, targets.len as usize)
        }
    };
    for lane in (first..first + 2 * count).step_by(2) {
        let target = words.half(lane) << WORD_BITS;
        set_half(words, lane, target);
    }
}

/// The logarithm of a word's bytes.
const WORD_BITS: u32 = size_of::<u64>().ilog2();

fn set_half(words: &mut [u64], lane: usize, bits: u32) {
    set_lane(words, lane, bits as u16);
    set_lane(words, lane + 1, (bits >> 16) as u16);
}

fn set_lane(words: &mut [u64], lane: usize, bits: u16) {
    let (word, shift) = (lane / isa::LANES_PER_WORD, 16 * (lane % isa::LANES_PER_WORD));
    words[word] = words[word] & !(0xffff << shift) | u64::from(bits) << shift;
}
