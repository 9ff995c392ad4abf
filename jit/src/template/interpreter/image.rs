//! Images: code with handlers in place of opcodes.

use bytecode_spec::isa::{self, OpRow, Words};
use bytecode_spec::{FuncIndex, Function, Op, Reg, ValType, VerifiedModule};

use super::parts::Part;
use super::{Interpreter, Leaves, nodes};
use crate::abi;
use crate::template::stubs::Boundary;

/// What an image is made of.
#[derive(Clone, Copy, Debug)]
pub struct Source<'a> {
    /// The module.
    pub module: &'a VerifiedModule,
    /// The function of the module, which defines it.
    pub func: FuncIndex,
    /// Words from a frame's registers to those of the next frame.
    pub frame_words: u32,
    /// With fuel, for each word where a basic block starts, its instructions; otherwise empty.
    pub costs: &'a [u32],
}

impl<'a> Source<'a> {
    fn function(&self) -> &'a Function {
        self.module.function(self.func).expect("the module defines it")
    }
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
        let code = source.function().code.as_slice();
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
        let mut scratch = std::mem::take(&mut self.scratch);
        self.find_steps(source, &mut scratch);
        for &Step { pc, part, follows } in &scratch.steps {
            let number = part.number();
            put(image, pc, self.handler(number).start);
            let longer = open.filter(|_| follows).and_then(|(start, node)| {
                let node = nodes::behind(node, number)?;
                put(image, start, self.handler(node).start);
                Some((start, node))
            });
            open = longer.or(Some((pc, number)));
            let row = OpRow::of(&code[pc..]);
            if !row.goes_on {
                rewrite_call(source, part.op, &code[pc..], &mut image[pc..]);
                // Targets are counted in bytes instead of words.
                row.each_target_lane(&code[pc..], |lane| {
                    set_half(&mut image[pc..], lane, code[pc..].half(lane) << WORD_BITS);
                });
            }
        }
        self.scratch = scratch;
        self.finish();
        leaders
    }

    /// Each instruction of a function, in the order of the code.
    pub fn steps(&mut self, source: &Source<'_>) -> Vec<Step> {
        let mut scratch = Scratch::default();
        self.find_steps(source, &mut scratch);
        scratch.steps
    }

    fn find_steps(&mut self, source: &Source<'_>, Scratch { edges, steps }: &mut Scratch) {
        edges.reset(source);
        steps.clear();
        // What comes back to the head of a loop may leave less there than what came first.
        while !self.walk(source, edges, steps) {
            steps.clear();
        }
    }

    /// Goes through the code once; false if a branch backwards left less in the accumulators than its target was taken to find.
    fn walk(&mut self, source: &Source<'_>, edges: &mut Edges, steps: &mut Vec<Step>) -> bool {
        let Function { code, registers: types, .. } = source.function();
        let mut held = Some(Accumulators::default());
        let (mut follows, mut is_done) = (false, true);
        isa::each_row(code, |pc, row, words, _| {
            let op = Op::from_code(words.lane(0)).expect("verified");
            if edges.is_target(pc) {
                held = edges.enter(pc, held, types).1;
                follows = false;
            }
            let mut now = held.unwrap_or_default();
            follows &= source.costs.get(pc).is_none_or(|&cost| cost == 0);
            let form = Part::of(op, words, types);
            steps.push(Step { pc, part: Part { held: now.lane_of(form, words), ..form }, follows });
            let reg = |lane: u8| words.lane(lane.into());
            match self.handler(form.number()).leaves {
                Leaves::Same => {}
                Leaves::Int(lane) => now.int = reg(lane),
                Leaves::Float(lane) => now.float = reg(lane),
                Leaves::Nothing => now = Accumulators::default(),
            }
            held = Some(now);
            follows = true;
            if row.goes_on {
                return;
            }
            if row.calls {
                now.int = only_result(op, words, types).map_or(NONE, |reg| reg.0);
            }
            row.each_target(words, |displacement| {
                let target = (pc as i64 + i64::from(displacement)) as usize;
                let (is_less, _) = edges.enter(target, Some(now), types);
                is_done &= !is_less || target > pc;
            });
            follows = !row.calls && !row.ends;
            held = (!row.ends).then_some(now);
        });
        is_done
    }
}

/// What images are made with; its memory is used for one function after the other.
#[derive(Debug, Default)]
pub(super) struct Scratch {
    edges: Edges,
    steps: Vec<Step>,
}

/// No register has this number.
const NONE: u16 = u16::MAX;
const _: () = assert!(bytecode_spec::limits::MAX_REGISTERS <= NONE as usize);

/// The registers whose values are in the accumulators too, or [`NONE`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Accumulators {
    int: u16,
    float: u16,
}

impl Default for Accumulators {
    fn default() -> Accumulators {
        Accumulators { int: NONE, float: NONE }
    }
}

impl Accumulators {
    /// The lane of an operand that is in one of them, if any is.
    #[inline(always)]
    fn lane_of(self, part: Part, words: &[u64]) -> u8 {
        // A value that is returned is read as bits.
        let float = if part.op == Op::Ret { NONE } else { self.float };
        let mut lanes = part.lanes();
        while lanes != 0 {
            let lane = lanes.trailing_zeros() as u8;
            let reg = words.lane(lane.into());
            if reg == self.int || reg == float {
                return lane;
            }
            lanes &= lanes - 1;
        }
        0
    }
}

/// What is in the accumulators where branches go: whatever is there whichever way control comes. No references, for whoever looks at
/// frames at safepoints.
#[derive(Debug, Default)]
struct Edges {
    /// By pc.
    at: Vec<Edge>,
}

#[derive(Clone, Copy, Debug)]
enum Edge {
    /// No branch goes there, as far as the code was looked at.
    None,
    /// One does, and control has not come from anywhere yet.
    Unreached,
    /// It has, with that.
    Reached(Accumulators),
}

impl Edges {
    /// Forgets everything but where the branches of a function go backwards: others come before what they go to.
    fn reset(&mut self, source: &Source<'_>) {
        self.at.clear();
        self.at.resize(source.function().code.len() + 1, Edge::None);
        let back_edges = source.module.back_edges(source.func);
        back_edges.iter().for_each(|edge| self.at[edge.to.index()] = Edge::Unreached);
    }

    #[inline(always)]
    fn is_target(&self, pc: usize) -> bool {
        !matches!(self.at[pc], Edge::None)
    }

    /// Control comes to a target, if from anywhere, with that in the accumulators. Whether less is there now than was before, and what
    /// is there.
    fn enter(
        &mut self,
        target: usize,
        from: Option<Accumulators>,
        types: &[ValType],
    ) -> (bool, Option<Accumulators>) {
        let before = match self.at[target] {
            Edge::Reached(before) => Some(before),
            Edge::None | Edge::Unreached => None,
        };
        let Some(from) = from else { return (false, before) };
        let now = match before {
            None => {
                let is_ref = types.get(usize::from(from.int)).is_some_and(|ty| ty.is_ref());
                Accumulators { int: if is_ref { NONE } else { from.int }, ..from }
            }
            Some(before) => Accumulators {
                int: if before.int == from.int { from.int } else { NONE },
                float: if before.float == from.float { from.float } else { NONE },
            },
        };
        self.at[target] = Edge::Reached(now);
        (before.is_some_and(|before| before != now), Some(now))
    }
}

/// The register that a call's only result goes to, if it is no float.
fn only_result(op: Op, words: &[u64], types: &[ValType]) -> Option<Reg> {
    let (_, results) = op.info().lists(words)?;
    let result = (results.len == 1).then(|| results.reg(words, 0))?;
    (!matches!(types[result.index()], ValType::F32 | ValType::F64)).then_some(result)
}

/// Puts what a call needs in place of what it does not.
fn rewrite_call(source: &Source<'_>, op: Op, words: &[u64], image: &mut [u64]) {
    let imported = source.module.spaces().imported_funcs;
    let slot = |func: u8| (words.half(func.into()) - imported) * abi::slot::SIZE as u32;
    if op == Op::Call {
        let [args, func, results] = isa::Call::LANES;
        let length = op.info().length(words).expect("verified");
        set_lane(image, args.into(), (source.frame_words / 2) as u16);
        set_half(image, func.into(), slot(func));
        set_lane(image, results.into(), length as u16);
    } else if op == Op::TailCall {
        let [_, func] = isa::TailCall::LANES;
        set_half(image, func.into(), slot(func));
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
