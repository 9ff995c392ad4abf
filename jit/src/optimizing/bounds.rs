//! What is known of integers of 32 bits without running anything: between which numbers they are.
//!
//! Values are intervals, by operation; what a loop counts is told by how often it goes round (W. H. Harrison, Compiler Analysis of the
//! Value Ranges for Variables, IEEE TSE 1977); and branches on the way tell more (R. Bodik, R. Gupta and V. Sarkar, ABCD: Eliminating
//! Array Bounds Checks on Demand, PLDI 2000).
//!
//! A block sees the value that was computed last. If what computes it dominates a second block, and that dominates the first one, control
//! has come through the second block since: what was tested on the way there, was tested of this value. So it is with the parameters of a
//! loop's head, and the rounds that they count, for blocks that the head dominates, within the loop and behind it.

use std::cell::Cell;

use ahash::AHashMap;
use cranelift_codegen::Context;
use cranelift_codegen::entity::SecondaryMap;
use cranelift_codegen::ir::condcodes::{CondCode, IntCC};
use cranelift_codegen::ir::types::I32;
use cranelift_codegen::ir::{
    Block, BlockArg, BlockCall, DataFlowGraph, Inst, InstructionData, Opcode, Value, ValueDef,
};
use cranelift_codegen::loop_analysis::Loop;
use smallvec::SmallVec;

use super::intervals::{Induction, Range};
use super::values::{constant, instruction, sum_with_constant};

/// Values that are looked at for one.
const MAX_VALUES: u32 = 48;
/// Values that are looked at for a function, so that none takes long.
const MAX_VALUES_IN_ALL: u32 = 1 << 20;
/// Loops that are more than so many within each other are not looked at.
const MAX_LEVEL: usize = 16;
/// Branches before a block that are looked at.
const MAX_CONDITIONS: usize = 16;
/// Blocks that all rounds of a loop pass that are looked at, and constants that are added one behind the other.
const MAX_PASSED: usize = 32;
/// Branches to a block that are looked at, and ways of one of them.
const MAX_WAYS: usize = 8;

/// What is known of a function's integers.
pub(super) struct Bounds<'a> {
    context: &'a Context,
    inductions: AHashMap<Value, Induction>,
    /// How often loops go back at most.
    rounds: AHashMap<Loop, i64>,
    /// Other parameters of loops' heads.
    known: AHashMap<Value, Range>,
    /// What is known in blocks that control comes to by one branch alone.
    conditions: AHashMap<Block, Condition>,
    /// For each block, the first of these among itself and what dominates it.
    tested: SecondaryMap<Block, Option<Block>>,
    /// How many values may still be looked at.
    left: Cell<u32>,
}

/// A value compares so with a constant.
type Condition = (IntCC, Value, i64);

/// A way to a block: the branch, the block that it ends, and what it hands on.
struct Way {
    from: Block,
    branch: Inst,
    call: BlockCall,
}

impl<'a> Bounds<'a> {
    /// Looks at the loops of the context's function, whose control flow, dominators and loops the context knows.
    pub(super) fn new(context: &'a Context) -> Bounds<'a> {
        let mut bounds = Bounds {
            context,
            inductions: AHashMap::new(),
            rounds: AHashMap::new(),
            known: AHashMap::new(),
            conditions: AHashMap::new(),
            tested: SecondaryMap::new(),
            left: Cell::new(MAX_VALUES_IN_ALL),
        };
        for &block in context.domtree.cfg_rpo() {
            let condition = bounds.condition_of(block);
            bounds.conditions.extend(condition.map(|condition| (block, condition)));
            let above = context.domtree.idom(block).and_then(|above| bounds.tested[above]);
            bounds.tested[block] = condition.map(|_| block).or(above);
        }
        let mut loops: Vec<Loop> = context.loop_analysis.loops().collect();
        // What an inner one begins with, an outer one may have counted.
        let level = |of: Loop| context.loop_analysis.loop_level(context.loop_analysis.loop_header(of));
        loops.sort_by_key(|&of| level(of));
        let is_near = |of: &Loop| level(*of).level() <= MAX_LEVEL;
        loops.into_iter().take_while(is_near).for_each(|of| bounds.look_at(of));
        bounds
    }

    fn dfg(&self) -> &'a DataFlowGraph {
        &self.context.func.dfg
    }

    fn look_at(&mut self, of: Loop) {
        let head = self.context.loop_analysis.loop_header(of);
        let Some(ways) = self.ways_to(head) else { return };
        let is_back = |way: &Way| self.context.domtree.block_dominates(head, way.from);
        let (back, entries): (Vec<Way>, Vec<Way>) = ways.into_iter().partition(is_back);
        let params = self.dfg().block_params(head).iter().copied().enumerate();
        let params: Vec<(usize, Value)> =
            params.filter(|&(_, param)| self.dfg().value_type(param) == I32).collect();
        let mut firsts = Vec::with_capacity(params.len());
        for &(place, param) in &params {
            let first = self.hull(&entries, |bounds, way| Some(bounds.of(bounds.arg(way, place)?, way.from)));
            let mut steps = back.iter().map(|way| self.added_to(param, self.arg(way, place)?));
            let step = steps.next().flatten().filter(|step| steps.all(|other| other == Some(*step)));
            if let Some(step) = step.filter(|&step| step != 0 && Range::of(step).is_within(Range::SIGNED)) {
                self.inductions.insert(param, Induction { of, first, step });
            }
            firsts.push(first);
        }
        if let Some(rounds) = self.most_rounds(of, head, &back) {
            self.rounds.insert(of, rounds);
        }
        for ((place, param), first) in params.into_iter().zip(firsts) {
            let is_counted = self.inductions.contains_key(&param) && self.rounds.contains_key(&of);
            if is_counted {
                continue;
            }
            let range = self.hull(&back, |bounds, way| {
                let arg = bounds.dfg().resolve_aliases(bounds.arg(way, place)?);
                let range = bounds.of(arg, way.from);
                match bounds.condition(way.branch, head) {
                    Some((cc, tested, constant)) if tested == arg => Some(range.that_are(cc, constant)),
                    _ => Some(range),
                }
            });
            self.known.insert(param, range.hull(first).or_any());
        }
    }

    /// The ways to a block; `None` if they are too many.
    fn ways_to(&self, block: Block) -> Option<SmallVec<[Way; 4]>> {
        let dfg = self.dfg();
        let mut ways = SmallVec::new();
        for from in self.context.cfg.pred_iter(block) {
            let to = dfg.insts[from.inst].branch_destination(&dfg.jump_tables, &dfg.exception_tables);
            if to.len() > MAX_WAYS {
                return None;
            }
            for call in to.iter().filter(|call| call.block(&dfg.value_lists) == block) {
                if ways.len() == MAX_WAYS {
                    return None;
                }
                ways.push(Way { from: from.block, branch: from.inst, call: *call });
            }
        }
        Some(ways)
    }

    /// What is handed on for a parameter.
    fn arg(&self, way: &Way, place: usize) -> Option<Value> {
        match way.call.args(&self.dfg().value_lists).nth(place)? {
            BlockArg::Value(value) => Some(value),
            BlockArg::TryCallRet(_) | BlockArg::TryCallExn(_) => None,
        }
    }

    /// What a value is that comes by one of some ways.
    fn hull(&self, ways: &[Way], mut of: impl FnMut(&Self, &Way) -> Option<Range>) -> Range {
        let ranges = ways.iter().map(|way| of(self, way).unwrap_or(Range::ANY));
        ranges.reduce(Range::hull).unwrap_or(Range::ANY).or_any()
    }

    /// The constant that is added to `to` to give a value.
    fn added_to(&self, to: Value, value: Value) -> Option<i64> {
        let (base, added) = self.without_constants(value, |value| value == to);
        (base == to).then_some(added)
    }

    /// What a value is the sum of: another one, the first that `is_it` or that is no sum itself, and a constant.
    fn without_constants(&self, value: Value, is_it: impl Fn(Value) -> bool) -> (Value, i64) {
        let dfg = self.dfg();
        let (mut value, mut added) = (dfg.resolve_aliases(value), 0_i64);
        for _ in 0..MAX_PASSED {
            if is_it(value) {
                break;
            }
            let Some((a, more)) = sum_with_constant(dfg, value) else { break };
            value = dfg.resolve_aliases(a);
            added += i64::from(more as u32 as i32);
        }
        (value, added)
    }

    /// The parameter of a loop's head that a value is, with a constant added.
    fn induction(&self, value: Value) -> Option<Induction> {
        let (base, added) = self.without_constants(value, |value| self.inductions.contains_key(&value));
        let induction = *self.inductions.get(&base)?;
        Some(Induction { first: induction.first.plus(Range::of(added)), ..induction })
    }

    /// How often a loop goes back at most: what all rounds pass may end it.
    fn most_rounds(&self, of: Loop, head: Block, back: &[Way]) -> Option<i64> {
        let (domtree, loops) = (&self.context.domtree, &self.context.loop_analysis);
        // Most blocks outside are told by their level: to climb from loop to loop takes longer.
        let is_inside = |to| loops.loop_level(to) >= loops.loop_level(head) && loops.is_in_loop(to, of);
        let mut least = None;
        let passed = std::iter::successors(Some(back.first()?.from), |&block| {
            (block != head).then(|| domtree.idom(block)).flatten()
        });
        for block in passed.take(MAX_PASSED) {
            if !back.iter().all(|way| domtree.block_dominates(block, way.from)) {
                continue;
            }
            let Some(end) = self.context.func.layout.last_inst(block) else { continue };
            let InstructionData::Brif { blocks, .. } = self.dfg().insts[end] else { continue };
            let [then, other] = blocks.map(|way| way.block(&self.dfg().value_lists));
            let inside = match [is_inside(then), is_inside(other)] {
                [true, false] => then,
                [false, true] => other,
                [true, true] | [false, false] => continue,
            };
            let rounds = self.condition(end, inside).and_then(|(cc, tested, constant)| {
                self.induction(tested).filter(|induction| induction.of == of)?.rounds(cc, constant)
            });
            least = rounds.into_iter().chain(least).min();
        }
        least.filter(|&rounds| rounds <= i64::from(u32::MAX))
    }

    /// What is known where a branch has gone to a block, and it had another choice: a value compares so with a constant.
    fn condition(&self, branch: Inst, to: Block) -> Option<Condition> {
        let dfg = self.dfg();
        let InstructionData::Brif { arg, blocks, .. } = dfg.insts[branch] else { return None };
        let [then, other] = blocks.map(|block| block.block(&dfg.value_lists));
        let &InstructionData::IntCompare { cond, args: [a, b], .. } = instruction(dfg, arg)? else {
            return None;
        };
        if then == other || dfg.value_type(a) != I32 {
            return None;
        }
        let cc = if to == then { cond } else { cond.complement() };
        Some((cc, dfg.resolve_aliases(a), i64::from(constant(dfg, b)? as u32 as i32)))
    }

    /// What is known in a block that control comes to by one branch alone.
    fn condition_of(&self, block: Block) -> Option<Condition> {
        let mut ways = self.context.cfg.pred_iter(block);
        let (Some(way), None) = (ways.next(), ways.next()) else { return None };
        self.condition(way.inst, block)
    }

    /// What is known in a block from branches behind `definition`, which dominates it.
    fn conditions(&self, block: Block, definition: Block) -> impl Iterator<Item = Condition> {
        let domtree = &self.context.domtree;
        std::iter::successors(self.tested[block], |&block| self.tested[domtree.idom(block)?])
            .take_while(move |&block| block != definition && domtree.block_dominates(definition, block))
            .take(MAX_CONDITIONS)
            .map(|block| self.conditions[&block])
    }

    /// What a value is, of 32 bits, as a block sees it that its definition dominates.
    pub(super) fn of(&self, value: Value, at: Block) -> Range {
        let all = self.left.get();
        let here = all.min(MAX_VALUES);
        self.left.set(here);
        let range = self.within(value, at);
        self.left.set(all - (here - self.left.get()));
        range
    }

    fn within(&self, value: Value, at: Block) -> Range {
        let Some(left) = self.left.get().checked_sub(1) else { return Range::ANY };
        self.left.set(left);
        let value = self.dfg().resolve_aliases(value);
        let (range, definition) = match self.dfg().value_def(value) {
            ValueDef::Result(inst, _) => {
                let Some(block) = self.context.func.layout.inst_block(inst) else { return Range::ANY };
                (self.of_result(inst, at), block)
            }
            ValueDef::Param(block, place) => (self.of_param(value, (block, place), at), block),
            ValueDef::Union(..) => return Range::ANY,
        };
        let tested = self.conditions(at, definition).filter(|&(_, tested, _)| tested == value);
        tested.fold(range, |range, (cc, _, constant)| range.that_are(cc, constant))
    }

    fn of_param(&self, value: Value, (block, place): (Block, usize), at: Block) -> Range {
        if let Some(induction) = self.inductions.get(&value)
            && let Some(&most) = self.rounds.get(&induction.of)
        {
            let rounds =
                self.conditions(at, block).fold(Range::up_to(most), |rounds, (cc, tested, constant)| {
                    match self.induction(tested).filter(|tested| tested.of == induction.of) {
                        Some(tested) => tested.that_are(cc, constant, rounds),
                        None => rounds,
                    }
                });
            return induction.after(rounds).or_any();
        }
        if let Some(&range) = self.known.get(&value) {
            return range;
        }
        if self.context.loop_analysis.is_loop_header(block).is_some() {
            return Range::ANY;
        }
        let of = |bounds: &Self, way: &Way| Some(bounds.within(bounds.arg(way, place)?, way.from));
        self.ways_to(block).map_or(Range::ANY, |ways| self.hull(&ways, of))
    }

    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "of most of the code generator's operations nothing is known"
    )]
    fn of_result(&self, inst: Inst, at: Block) -> Range {
        let dfg = self.dfg();
        if dfg.value_type(dfg.first_result(inst)) != I32 {
            return Range::ANY;
        }
        let of = |value: Value| self.within(value, at);
        let unsigned = |value: Value| of(value).unsigned();
        let shift = |by: Value| constant(dfg, by).filter(|&by| by < 32);
        let divisor = |by: Value| constant(dfg, by).filter(|&by| by > 0).map(|by| by as i64);
        let range = match dfg.insts[inst] {
            InstructionData::UnaryImm { opcode: Opcode::Iconst, imm } => {
                Some(Range::of(i64::from(imm.bits() as i32)))
            }
            InstructionData::Binary { opcode, args: [a, b] } => match opcode {
                Opcode::Iadd => Some(of(a).plus(of(b))),
                Opcode::Band => Some(Range::up_to(unsigned(a).most.min(unsigned(b).most))),
                // All bits below the highest one.
                Opcode::Bor | Opcode::Bxor => {
                    let bits = (unsigned(a).most | unsigned(b).most) as u64;
                    Some(Range::up_to((u64::MAX.checked_shr(bits.leading_zeros()).unwrap_or(0)) as i64))
                }
                Opcode::Imul => {
                    let (a, b) = (unsigned(a), unsigned(b));
                    let product = |a: i64, b: i64| a.saturating_mul(b);
                    Some(Range { least: product(a.least, b.least), most: product(a.most, b.most) })
                }
                Opcode::Ishl => shift(b).map(|by| {
                    let a = of(a);
                    Range { least: a.least << by, most: a.most << by }
                }),
                Opcode::Ushr => shift(b).map(|by| {
                    let a = unsigned(a);
                    Range { least: a.least >> by, most: a.most >> by }
                }),
                Opcode::Urem => divisor(b).map(|by| Range::up_to(unsigned(a).most.min(by - 1))),
                Opcode::Udiv => divisor(b).map(|by| {
                    let a = unsigned(a);
                    Range { least: a.least / by, most: a.most / by }
                }),
                _ => None,
            },
            InstructionData::Unary { opcode, arg } => match opcode {
                // Only comparisons are extended to 32 bits.
                Opcode::Uextend => Some(Range::up_to((1 << dfg.value_type(arg).bits()) - 1)),
                Opcode::Popcnt | Opcode::Clz | Opcode::Ctz => Some(Range::up_to(32)),
                _ => None,
            },
            InstructionData::Ternary { opcode: Opcode::Select, args: [_, a, b] } => Some(of(a).hull(of(b))),
            InstructionData::Load { opcode: Opcode::Uload8, .. } => Some(Range::up_to(u8::MAX.into())),
            InstructionData::Load { opcode: Opcode::Uload16, .. } => Some(Range::up_to(u16::MAX.into())),
            _ => None,
        };
        range.unwrap_or(Range::ANY).or_any()
    }
}
