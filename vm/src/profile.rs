//! Profiles: what tier 0 has seen of a module's functions, read from feedback.

use std::sync::atomic::Ordering;

use bytecode_spec::isa::LANES_PER_WORD;
use bytecode_spec::{Effect, FuncIndex, Kind, LineEntry, Pc, SourceLine, liveness};

use crate::code::{CodeSlot, LoadedModule, Version, each_instruction};

/// What tier 0 has recorded of a module: counts are lower bounds (threads may lose some) and stop at `u32::MAX`.
///
/// ```
/// # use strata::*;
/// # let engine = Engine::default();
/// let module = Module::new(&engine, "func @f(%n: i64) export {
///     again:
///       %n = sub.i64 %n, 1
///       br.gt_s.i64 %n, 0, again
///       ret
///     }")?;
/// let mut store = Store::new(&engine, ());
/// let instance = Linker::new(&engine).instantiate(&mut store, &module)?;
/// instance.typed_func::<i64, ()>(&store, "f")?.call(&mut store, 10)?;
/// let profile = module.profile();
/// assert_eq!(profile.functions[0].calls, 1);
/// assert_eq!(profile.functions[0].loops[0].back_edges, 9);
/// assert_eq!((profile.functions[0].branches[0].taken, profile.functions[0].branches[0].not_taken), (9, 1));
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Profile {
    /// Functions that were called at least once, in the order of their indices.
    pub functions: Vec<FunctionProfile>,
}

/// What was recorded of a function.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FunctionProfile {
    /// The function.
    pub func: FuncIndex,
    /// Its name, or `f` and its index.
    pub name: String,
    /// How often it was entered.
    pub calls: u32,
    /// Loops, by ascending pc of their heads.
    pub loops: Vec<LoopProfile>,
    /// Branches, by ascending pc; a branch table is one for each of its targets.
    pub branches: Vec<BranchProfile>,
    /// Indirect calls, by ascending pc.
    pub indirect_calls: Vec<IndirectCallProfile>,
}

/// How often a loop went round.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct LoopProfile {
    /// The loop's head, where its back edges go.
    pub head: Pc,
    /// Source line of the head, if known. `Module::verified` has the names of sources.
    pub line: Option<SourceLine>,
    /// How often any of its back edges was taken.
    pub back_edges: u64,
}

/// How often a branch went where.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct BranchProfile {
    /// The branch.
    pub pc: Pc,
    /// Its source line, if known.
    pub line: Option<SourceLine>,
    /// Where it goes when taken.
    pub target: Pc,
    /// How often it was taken.
    pub taken: u32,
    /// How often it was not; always 0 for a jump.
    pub not_taken: u32,
}

/// What an indirect call called.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct IndirectCallProfile {
    /// The call.
    pub pc: Pc,
    /// Its source line, if known.
    pub line: Option<SourceLine>,
    /// Up to four functions, and how often each was called. `None` for a function of the host or of another module.
    pub targets: Vec<(Option<FuncIndex>, u32)>,
    /// How often others were called: the call is megamorphic if that is not 0.
    pub others: u32,
}

impl Profile {
    pub(crate) fn read(module: &LoadedModule) -> Profile {
        if !module.engine.config().profile {
            return Profile::default();
        }
        let imported = module.module.spaces().imported_funcs;
        let functions = (imported..imported + module.module.functions.len() as u32).map(FuncIndex);
        let functions = functions.filter_map(|func| module.called_version(func).map(FunctionProfile::read));
        Profile { functions: functions.collect() }
    }
}

impl FunctionProfile {
    fn read(version: &Version) -> FunctionProfile {
        let function = version.function();
        let code = function.code.as_slice();
        let mut profile = FunctionProfile {
            func: version.func,
            name: version.loaded().module.func_name(version.func),
            calls: version.calls.load(Ordering::Relaxed),
            loops: Vec::new(),
            branches: Vec::new(),
            indirect_calls: Vec::new(),
        };
        let lines = Lines(function.lines.iter().collect());
        let (mut tables, mut calls) = (version.table_counts.iter(), version.targets.iter());
        each_instruction(code, |at, op, _| {
            let pc = Pc(at as u32);
            let line = lines.at(pc);
            let kind = |kind| op.info().operands().iter().find(move |o| o.kind == kind);
            let Some(feedback) = kind(Kind::Feedback) else { return };
            if op.info().effects.has(Effect::Calls) {
                profile.indirect_calls.extend(calls.next().map(|counts| {
                    let targets = counts.seen().map(|(f, n)| (version.loaded().func_of(f), n)).collect();
                    let others = counts.others.load(Ordering::Relaxed);
                    IndirectCallProfile { pc, line, targets, others }
                }));
                return;
            }
            let ends = op.info().effects.has(Effect::Ends);
            let is_table = kind(Kind::Targets).is_some();
            liveness::for_each_target(&code[at..], |displacement| {
                let target = Pc((at as i64 + i64::from(displacement)) as u32);
                let [taken, not_taken] = if is_table {
                    [tables.next().map_or(0, |count| count.load(Ordering::Relaxed)), 0]
                } else {
                    version.counts(at + usize::from(feedback.lane) / LANES_PER_WORD)
                };
                if displacement <= 0 {
                    let (line, back_edges) = (lines.at(target), taken.into());
                    profile.loops.push(LoopProfile { head: target, line, back_edges });
                }
                if !ends || is_table {
                    profile.branches.push(BranchProfile { pc, line, target, taken, not_taken });
                }
            });
        });
        profile.loops.sort_by_key(|l| l.head);
        // Back edges to one head are one loop.
        profile.loops.dedup_by(|next, kept| {
            let same = next.head == kept.head;
            if same {
                kept.back_edges += next.back_edges;
            }
            same
        });
        profile
    }
}

/// A line table to be searched often.
struct Lines(Vec<LineEntry>);

impl Lines {
    fn at(&self, pc: Pc) -> Option<SourceLine> {
        let next = self.0.partition_point(|entry| entry.pc <= pc);
        self.0[..next].last()?.at()
    }
}

impl LoadedModule {
    /// The function of that [identity](crate::context::FuncRecord::identity), if it is of this module.
    pub(crate) fn func_of(&self, identity: u64) -> Option<FuncIndex> {
        let offset = identity.checked_sub(self.slots.as_ptr().addr() as u64)?;
        let position = offset / size_of::<CodeSlot>() as u64;
        let is_slot =
            position < self.slots.len() as u64 && offset.is_multiple_of(size_of::<CodeSlot>() as u64);
        is_slot.then(|| FuncIndex(position as u32 + self.module.spaces().imported_funcs))
    }
}
