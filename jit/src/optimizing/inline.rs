//! Calls of small functions of the module, compiled in place.
//!
//! An indirect call may call anything. Where it mostly called few functions so far, a test goes before each of these (G. Aigner and
//! U. Hölzle, Eliminating Virtual Function Calls in C++ Programs, ECOOP 1996): whether the function's record is that of the instance.
//!
//! An inlined function has a frame where a call would have put it, but nothing is ever written there: what it calls and where it traps is
//! named by the [path](crate::abi::place) of calls that leads there. A side exit in it writes the live registers of all the frames that
//! there would be; then its activation goes on in another tier, returns, and so does that of the function that it is inlined in.
//!
//! Where a function is too large, or is inlined in itself often enough, at least what it tests first may be inlined: many calls of functions
//! that call themselves find that there is nothing to do.

use std::rc::Rc;

use bytecode_spec::isa::{OpRow, Words, each_row};
use bytecode_spec::{Effect, FuncIndex, Function, Op, Pc, Reg, ShapeKind, liveness};
use cranelift_codegen::ir::Block;
use serde::{Deserialize, Serialize};

use super::graph::Graph;
use super::translate::{Scope, Translator};
use super::{CallSite, CallTargets, Edge, Entry, Inlining};
use crate::abi;
use crate::abi::place::{MAX_DEPTH as MAX_PATH, MAX_WORDS};

/// Words of code that may be inlined into a function, and how many times as much as it has itself.
const BUDGET: [usize; 2] = [160, 4];
/// Functions that are inlined into each other as a whole, at most.
const MAX_DEPTH: usize = MAX_PATH - 1;
/// Instructions of a function that are inlined where it returns early, in each of two blocks.
const MAX_EARLY: usize = 4;
/// Words of a function of which that may be inlined.
const MAX_EARLY_WORDS: usize = 256;

/// A function that may be inlined.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Callee {
    /// Its index.
    pub func: FuncIndex,
    /// The function.
    pub function: Function,
    /// Whether it may be inlined as a whole; if not, where it returns early.
    pub fits: bool,
    /// Words from its frame's registers to those of the next frame.
    pub frame_words: u32,
    /// See [`Request::costs`](super::Request::costs).
    pub costs: Vec<u32>,
    /// See [`Request::never`](super::Request::never).
    pub never: Vec<Edge>,
    /// How often its branches went where.
    pub counts: Vec<(Edge, u32)>,
    /// See [`Request::targets`](super::Request::targets).
    pub targets: Vec<CallTargets>,
}

impl Callee {
    /// Whether it is worth it, and possible, to inline a function as a whole.
    pub fn fits(function: &Function) -> bool {
        let mut fits = function.code.len() <= MAX_WORDS && function.registers.len() <= MAX_WORDS;
        if fits {
            each_row(&function.code, |_, row, words, _| fits &= is_inlinable(row, words));
        }
        fits
    }

    /// Where a function goes on that would have returned at once if a test had said so, and does nothing before it. Empty if it is no such
    /// function.
    pub fn beyond_early_return(function: &Function) -> Vec<Edge> {
        let code = &function.code;
        let Some((branch, _)) = behind_pure(code, 0).filter(|_| code.len() <= MAX_EARLY_WORDS) else {
            return Vec::new();
        };
        let info = Op::from_code(code[branch..].lane(0)).expect("verified").info();
        if !info.has_targets || info.effects.has(Effect::Ends) {
            return Vec::new();
        }
        let from = Pc(branch as u32);
        let mut ways = vec![branch + usize::from(info.fixed_words)];
        liveness::for_each_target(&code[branch..], |displacement| {
            ways.push((branch as i64 + i64::from(displacement)) as usize)
        });
        let returns =
            |way: usize| behind_pure(code, way).is_some_and(|(_, op)| op == Op::Ret) && way > branch;
        if !ways.iter().any(|&way| returns(way)) {
            return Vec::new();
        }
        let beyond = ways.into_iter().filter(|&way| !returns(way));
        let mut beyond: Vec<Edge> = beyond.map(|way| Edge { from, to: Pc(way as u32) }).collect();
        beyond.sort_unstable();
        beyond
    }
}

fn is_inlinable(row: &OpRow, words: &[u64]) -> bool {
    let op = Op::from_code(words.lane(0)).expect("verified");
    let is_simple = !matches!(
        op.info().shape,
        ShapeKind::MemoryGrow
            | ShapeKind::MemoryFill
            | ShapeKind::MemoryCopy
            | ShapeKind::MemoryInit
            | ShapeKind::DataDrop
            | ShapeKind::TableGrow
            | ShapeKind::TableFill
            | ShapeKind::TableCopy
            | ShapeKind::TableInit
            | ShapeKind::ElemDrop
    );
    is_simple && !(row.calls && row.ends)
}

/// A function that is to be inlined at a call.
pub(super) struct Offer<'a> {
    callee: &'a Callee,
    /// What of it.
    graph: Graph,
    is_whole: bool,
}

impl<'a> Translator<'a, '_> {
    /// The function, if it may be inlined at the current call, which may be of others if it `is_guarded`.
    pub(super) fn offer(&mut self, func: FuncIndex, is_guarded: bool) -> Option<Offer<'a>> {
        let (inlining, inlined) = self.decide(func);
        let (within, pc) = (self.scope.inlined, Pc(self.scope.pc as u32));
        self.calls.push(CallSite { within, pc, callee: func, is_guarded, inlining });
        let (callee, graph) = inlined?;
        Some(Offer { callee, graph, is_whole: inlining == Inlining::Whole })
    }

    /// Compiles a function in place, as that target of the current call, up to where it goes to `done` with its results.
    pub(super) fn inline(
        &mut self,
        offer: Offer<'a>,
        target: u32,
        args: &[Reg],
        results: &[Reg],
        done: Block,
    ) {
        let Offer { callee, graph, is_whole } = offer;
        if is_whole {
            self.inlined_words += callee.function.code.len();
        }
        let values: Vec<_> = args.iter().map(|&reg| self.get(reg)).collect();
        let rest = (!is_whole).then(|| self.new_block(false));
        let first_variable = self.variables;
        self.declare(&callee.function.registers);
        let mut scope =
            Scope::new(&callee.function, &callee.costs, callee.frame_words, &callee.targets, Rc::new(graph));
        scope.first_variable = first_variable;
        scope.offset = self.callee();
        scope.inlined = Some(callee.func);
        scope.target = target;
        scope.done = Some(done);
        scope.rest = rest;
        self.outer.push(std::mem::replace(&mut self.scope, scope));

        for (i, &value) in values.iter().enumerate() {
            self.set(Reg(i as u16), value);
        }
        // In a loop, they still have what the last call left there.
        let graph = Rc::clone(&self.scope.graph);
        for reg in graph.live_in(0).filter(|reg| reg.index() >= values.len()) {
            let zero = self.constant(self.type_of(reg), 0);
            self.set(reg, zero);
        }
        self.body();
        self.scope = self.outer.pop().expect("pushed above");
        self.places.clear();
        if let Some(rest) = rest {
            self.start(rest);
            self.call_func(callee.func, args, results);
            self.leave_for(done, results);
        }
    }

    /// Whether a function is inlined where it is called now, and what of it.
    fn decide(&self, func: FuncIndex) -> (Inlining, Option<(&'a Callee, Graph)>) {
        let request = self.request;
        let callee = request.callees.iter().find(|callee| callee.func == func);
        let callee = callee.filter(|callee| self.target.rounds() || !rounds(&callee.function));
        let Some(callee) = callee else { return (Inlining::NotOffered, None) };
        let fits = callee.fits && callee.frame_words as usize <= abi::frame::MAX_INLINED;
        let budget = BUDGET[0].max(BUDGET[1] * request.function.code.len().min(BUDGET[0]));
        let why_not = if !fits {
            Some(Inlining::NotOffered)
        } else if self.outer.len() >= MAX_DEPTH {
            Some(Inlining::TooDeep)
        } else {
            let is_over = self.inlined_words + callee.function.code.len() > budget;
            is_over.then_some(Inlining::OverBudget)
        };
        let (inlining, graph) = match why_not {
            None => {
                (Inlining::Whole, Graph::new(&callee.function, Entry::Start, &callee.never, &callee.counts))
            }
            Some(why_not) => {
                // With fuel, what is inlined would be paid twice.
                let is_free = callee.costs.is_empty();
                let never = if is_free { Callee::beyond_early_return(&callee.function) } else { Vec::new() };
                if self.outer.len() >= MAX_PATH || never.is_empty() {
                    return (why_not, None);
                }
                (
                    Inlining::UntilEarlyReturn,
                    Graph::new(&callee.function, Entry::Start, &never, &callee.counts),
                )
            }
        };
        match graph {
            Ok(graph) => (inlining, Some((callee, graph))),
            Err(_) => (Inlining::NotOffered, None),
        }
    }
}

/// Whether a function rounds floats, which takes a helper on machines without instructions for that.
fn rounds(function: &Function) -> bool {
    use Op::{CeilF32, CeilF64, FloorF32, FloorF64, NearestF32, NearestF64, TruncF32, TruncF64};
    let mut rounds = false;
    each_row(&function.code, |_, _, words, _| {
        let op = Op::from_code(words.lane(0)).expect("verified");
        rounds |=
            [CeilF32, CeilF64, FloorF32, FloorF64, NearestF32, NearestF64, TruncF32, TruncF64].contains(&op);
    });
    rounds
}

/// The first instruction from `pc` on that has an effect, if there are few before it.
fn behind_pure(code: &[u64], mut pc: usize) -> Option<(usize, Op)> {
    for _ in 0..=MAX_EARLY {
        let op = Op::from_code(code[pc..].lane(0)).expect("verified");
        if !op.info().effects.has(Effect::Pure) {
            return Some((pc, op));
        }
        pc += usize::from(op.info().fixed_words);
    }
    None
}
