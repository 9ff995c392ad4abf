//! What the optimizing compiler is told of a function: its code, how it ran, and what it calls.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;

use bytecode_spec::isa::{self, LANES_PER_WORD, Words};
use bytecode_spec::{Effect, FuncIndex, Kind, Op, Pc, liveness};
use strata_jit::optimizing::{self, CallTargets, Callee, Edge, Entry};

use super::{Version, Wrong, each_instruction};
use crate::tiering::policy::{EARLY_SHARE, MAX_CALLEES, OUTER_ROUNDS, SAMPLES, TARGET_SHARE};

impl Version {
    /// What the optimizing compiler is to know.
    pub(crate) fn optimizing_request(&self, entry: Entry) -> optimizing::Request {
        let module = self.loaded();
        let is_profiled = module.engine.config().profile;
        let wrong = self.optimized.wrong(entry).filter(|_| is_profiled);
        optimizing::Request {
            function: self.function().clone(),
            ty: module.module.func_type(self.func).clone(),
            imported_funcs: module.module.spaces().imported_funcs,
            frame_words: self.frame_words,
            costs: self.costs.to_vec(),
            entry,
            never: self.never(entry, wrong.as_ref()),
            counts: self.edge_counts(),
            callees: self.callees(wrong.as_ref()),
            targets: self.call_targets(),
            stress: 0,
        }
    }

    /// Functions that may be inlined: those that it calls, and those that these call.
    fn callees(&self, wrong: Option<&Wrong>) -> Vec<Callee> {
        let module = self.loaded();
        let mut callees: Vec<Callee> = Vec::new();
        let mut open = vec![self];
        while let Some(caller) = open.pop() {
            let mut called = Vec::new();
            each_instruction(&caller.function().code, |at, op, _| {
                if op == Op::Call {
                    called.push(isa::Call::read(&caller.function().code[at..]).0.func);
                }
            });
            let guessed = caller.call_targets();
            called.extend(guessed.iter().flat_map(|call| &call.functions).map(|&(_, func)| func));
            for func in called {
                let is_known = callees.iter().any(|callee| callee.func == func);
                let Some(function) = module.module.function(func) else { continue };
                if is_known || callees.len() >= MAX_CALLEES {
                    continue;
                }
                let fits = Callee::fits(function);
                let beyond = if fits { Vec::new() } else { Callee::beyond_early_return(function) };
                if !fits && beyond.is_empty() {
                    continue;
                }
                let callee = module.uncalled_version(func);
                if !fits && !callee.returns_early(&beyond) {
                    continue;
                }
                callees.push(Callee {
                    func,
                    function: function.clone(),
                    fits,
                    frame_words: callee.frame_words,
                    costs: callee.costs.to_vec(),
                    never: callee.never(Entry::Start, wrong),
                    counts: callee.edge_counts(),
                    targets: callee.call_targets(),
                });
                open.extend(fits.then_some(callee));
            }
        }
        callees
    }

    /// Whether calls may not go [beyond an early return](Callee::beyond_early_return): it was not seen that hardly any does.
    fn returns_early(&self, beyond: &[Edge]) -> bool {
        let branches = self.branches();
        let tests = branches.iter().filter(|branch| beyond.iter().any(|edge| edge.from == branch.from));
        let (mut early, mut total) = (0, 0);
        for (to, count) in
            tests.flat_map(|branch| branch.ways.iter().map(|&(to, count)| (to, u64::from(count))))
        {
            total += count;
            early += if beyond.iter().any(|edge| edge.to == to) { 0 } else { count };
        }
        total < u64::from(SAMPLES) || early * u64::from(EARLY_SHARE) >= total
    }

    /// The functions of the module that indirect calls mostly called.
    fn call_targets(&self) -> Vec<CallTargets> {
        let module = self.loaded();
        let code = self.function().code.as_slice();
        let mut all = Vec::new();
        self.each_indirect_call(|pc, counts| {
            let words = &code[pc.index()..];
            if Op::from_code(words.lane(0)) != Some(Op::CallIndirect) {
                return;
            }
            let ty = &module.module.types[isa::CallIndirect::read(words).0.ty.index()].ty;
            let others = counts.others.load(Ordering::Relaxed);
            let total = counts.seen().fold(others, |sum, (_, count)| sum.saturating_add(count));
            let mut seen: Vec<(u32, FuncIndex)> = counts
                .seen()
                .filter(|&(_, count)| u64::from(count) * u64::from(TARGET_SHARE) >= u64::from(total))
                .filter_map(|(identity, count)| Some((count, module.func_of(identity)?)))
                .filter(|&(_, func)| module.module.func_type(func) == ty)
                .collect();
            seen.sort_unstable_by_key(|&(count, func)| (Reverse(count), func));
            let functions = seen.into_iter().filter_map(|(_, func)| Some((counts.offer(func)?, func)));
            all.push(CallTargets { pc, functions: functions.collect() });
        });
        all
    }

    /// Ways that branches never went while they were profiled, and not too seldom, but for `wrong` ones; none if that is not known.
    fn never(&self, entry: Entry, wrong: Option<&Wrong>) -> Vec<Edge> {
        let Some(wrong) = wrong else { return Vec::new() };
        // Under stress, what is wrong is to be tried too.
        let samples = if self.loaded().engine.config().stress_exits > 0 { 1 } else { SAMPLES };
        let branches = self.branches();
        let loops = ProfiledLoops::new(&branches);
        let is_head = |to: Pc| entry == Entry::Loop(to);
        let mut never = Vec::new();
        for (place, branch) in branches.iter().enumerate().filter(|(_, branch)| branch.total() >= samples) {
            let never_gone = branch.ways.iter().filter(|&&(to, _)| !branch.has_gone(to) && !is_head(to));
            let never_gone = never_gone.filter(|&&(to, _)| !loops.may_end_by(place, to));
            let edges = never_gone.map(|&(to, _)| Edge { from: branch.from, to });
            never.extend(edges.filter(|&edge| !wrong.contains(&(self.func, edge))));
        }
        never.sort_unstable();
        never.dedup();
        never
    }

    /// How often branches went where while they were profiled; empty if they are not.
    fn edge_counts(&self) -> Vec<(Edge, u32)> {
        if !self.loaded().engine.config().profile {
            return Vec::new();
        }
        let branches = self.branches().into_iter().filter(|branch| branch.total() > 0);
        let edges = branches.flat_map(|Branch { from, ways }| {
            ways.into_iter().map(move |(to, count)| (Edge { from, to }, count))
        });
        let mut counts: Vec<(Edge, u32)> = edges.collect();
        counts.sort_unstable();
        counts.dedup_by(|(edge, count), (kept, sum)| {
            let is_same = edge == kept;
            if is_same {
                *sum = sum.saturating_add(*count);
            }
            is_same
        });
        counts
    }

    /// The head of the loop whose code is made if the loop at a head is hot: of that one or one around it.
    pub(crate) fn loop_to_enter(&self, head: Pc) -> Pc {
        let goes_round = |of: &Loop| of.rounds >= OUTER_ROUNDS || self.optimized.was_asked_for(of.head);
        ProfiledLoops::new(&self.branches()).outermost_around(head, goes_round)
    }

    /// How often branches went where, as profiled.
    fn branches(&self) -> Vec<Branch> {
        let code = self.function().code.as_slice();
        let mut tables = self.table_counts.iter().map(|count| count.load(Ordering::Relaxed));
        let mut branches = Vec::new();
        each_instruction(code, |at, op, next| {
            let feedback = op.info().operands().iter().find(|operand| operand.kind == Kind::Feedback);
            let Some(feedback) = feedback.filter(|_| op.info().has_targets) else { return };
            let mut ways = Vec::new();
            let is_table = op.info().operands().iter().any(|operand| operand.kind == Kind::Targets);
            let word = at + usize::from(feedback.lane) / LANES_PER_WORD;
            let [taken, not_taken] = if is_table { [0; 2] } else { self.counts(word) };
            liveness::for_each_target(&code[at..], |displacement| {
                let to = Pc((at as i64 + i64::from(displacement)) as u32);
                let count = if is_table { tables.next().unwrap_or(0) } else { taken };
                // What goes back is what makes it hot, seen or not.
                ways.push((to, if displacement <= 0 { count.max(1) } else { count }));
            });
            if !op.info().effects.has(Effect::Ends) {
                ways.push((Pc(next as u32), not_taken));
            }
            branches.push(Branch { from: Pc(at as u32), ways });
        });
        branches
    }
}

/// A branch, and how often it went where.
struct Branch {
    from: Pc,
    ways: Vec<(Pc, u32)>,
}

impl Branch {
    fn total(&self) -> u32 {
        self.ways.iter().fold(0, |sum, &(_, count)| sum.saturating_add(count))
    }

    fn has_gone(&self, to: Pc) -> bool {
        self.ways.iter().any(|&(other, count)| other == to && count > 0)
    }
}

/// Loops around one branch that are looked at; what those further out do is not known.
const MAX_DEPTH: usize = 32;

/// The loops of a function: the code from their heads to the last branches that go back there.
struct ProfiledLoops {
    /// Ascending by heads.
    all: Vec<Loop>,
    /// For each branch, the innermost loop that it is in.
    around: Vec<Option<usize>>,
}

struct Loop {
    head: Pc,
    end: Pc,
    /// The innermost loop that this one is in.
    outer: Option<usize>,
    /// How often it went round; never less than once.
    rounds: u32,
    /// Whether it was ever left.
    is_left: bool,
}

impl ProfiledLoops {
    fn new(branches: &[Branch]) -> ProfiledLoops {
        let mut ends: BTreeMap<Pc, (Pc, u32)> = BTreeMap::new();
        for branch in branches {
            for &(to, count) in branch.ways.iter().filter(|&&(to, _)| to <= branch.from) {
                let (end, rounds) = ends.entry(to).or_insert((branch.from, 0));
                *end = branch.from;
                *rounds = rounds.saturating_add(count);
            }
        }
        let mut loops = ProfiledLoops { all: Vec::new(), around: Vec::new() };
        let mut ends = ends.into_iter().peekable();
        let mut around = None;
        for branch in branches {
            while let Some((head, (end, rounds))) = ends.next_if(|&(head, _)| head <= branch.from) {
                around = loops.still_at(around, head);
                loops.all.push(Loop { head, end, outer: around, rounds, is_left: false });
                around = Some(loops.all.len() - 1);
            }
            around = loops.still_at(around, branch.from);
            loops.around.push(around);
        }
        for (place, branch) in branches.iter().enumerate() {
            for &(to, _) in branch.ways.iter().filter(|&&(_, count)| count > 0) {
                let left: Vec<usize> = loops.left_by(place, to).collect();
                left.into_iter().for_each(|left| loops.all[left].is_left = true);
            }
        }
        loops
    }

    /// Of a loop and those around it, the innermost that an instruction is in which comes behind their heads.
    fn still_at(&self, mut around: Option<usize>, pc: Pc) -> Option<usize> {
        while let Some(place) = around.filter(|&place| self.all[place].end < pc) {
            around = self.all[place].outer;
        }
        around
    }

    /// The head of the outermost loop around the one at a head that, as all those between them, `goes_round`.
    fn outermost_around(&self, head: Pc, goes_round: impl Fn(&Loop) -> bool) -> Pc {
        let Ok(place) = self.all.binary_search_by_key(&head, |of| of.head) else { return head };
        let around = std::iter::successors(self.all[place].outer, |&place| self.all[place].outer);
        let around = around.map(|place| &self.all[place]).take_while(|outer| goes_round(outer));
        around.last().map_or(head, |outer| outer.head)
    }

    /// The loops that control leaves when the branch at a place goes somewhere.
    fn left_by(&self, branch: usize, to: Pc) -> impl Iterator<Item = usize> {
        let around = std::iter::successors(self.around[branch], |&place| self.all[place].outer);
        around.take(MAX_DEPTH).filter(move |&place| to < self.all[place].head || to > self.all[place].end)
    }

    /// Whether a loop was never seen to end, as all of them do at some time, and may do so that way.
    fn may_end_by(&self, branch: usize, to: Pc) -> bool {
        self.left_by(branch, to).any(|place| !self.all[place].is_left)
    }
}
