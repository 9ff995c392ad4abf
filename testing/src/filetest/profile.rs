//! What directives expect of a profile.

use strata::{
    BranchProfile, CallSite, FunctionProfile, IndirectCallProfile, Inlining, Module, OptimizedFunction,
    SourceLine,
};

use super::case::Case;
use crate::configuration::Configuration;

/// Whether a configuration tells what an expectation is of.
pub(super) fn is_known(of: &str, configuration: &Configuration) -> bool {
    match of {
        "compilations" | "recompilations" | "loop_entries" | "side_exits" | "inlined_exits" | "guarded" => {
            configuration.optimizes
        }
        _ => configuration.profile,
    }
}

/// The number that `of(args)` stands for.
pub(super) fn value(case: &Case<'_>, module: &Module, of: &str, args: &[String]) -> Result<u64, String> {
    let profile = module.profile();
    let function = |name: &str| -> Option<&FunctionProfile> {
        let name = name.strip_prefix('@')?;
        profile.functions.iter().find(|function| function.name == name)
    };
    let branches = |line: u32| -> Vec<(&FunctionProfile, &BranchProfile)> {
        let all = profile.functions.iter().flat_map(|f| f.branches.iter().map(move |branch| (f, branch)));
        all.filter(|(_, branch)| is_in(branch.line, line)).collect()
    };
    let calls = |line: u32| -> Result<&IndirectCallProfile, String> {
        let mut all = profile.functions.iter().flat_map(|f| &f.indirect_calls);
        all.find(|call| is_in(call.line, line)).ok_or_else(|| format!("no indirect call ran in line {line}"))
    };
    let optimized = |name: &str| -> Option<OptimizedFunction> {
        let name = name.strip_prefix('@')?;
        let mut all = module.optimized().into_iter();
        all.find(|function| module.verified().func_name(function.func) == name)
    };
    let counted = |counts: Vec<u64>, line: u32| {
        if counts.is_empty() {
            return Err(format!("no branch or loop in line {line} ran"));
        }
        Ok(counts.into_iter().sum())
    };
    match (of, args) {
        ("calls", [name]) => Ok(function(name).map_or(0, |f| f.calls.into())),
        ("back_edges", [place]) => {
            let line = case.line(place)?;
            let loops = profile.functions.iter().flat_map(|f| &f.loops).filter(|l| is_in(l.line, line));
            counted(loops.map(|l| l.back_edges).collect(), line)
        }
        ("taken", [place]) => {
            let line = case.line(place)?;
            counted(branches(line).iter().map(|(_, b)| b.taken.into()).collect(), line)
        }
        ("not_taken", [place]) => {
            let line = case.line(place)?;
            counted(branches(line).iter().map(|(_, b)| b.not_taken.into()).collect(), line)
        }
        ("taken", [place, target]) => {
            let (line, target) = (case.line(place)?, case.line(target)?);
            let found = branches(line).into_iter().filter(|(function, branch)| {
                let function = module.verified().function(function.func);
                is_in(function.and_then(|function| function.line(branch.target)), target)
            });
            counted(found.map(|(_, b)| b.taken.into()).collect(), line)
        }
        ("compilations", [name]) => Ok(optimized(name).map_or(0, |f| f.compilations.into())),
        ("recompilations", [name]) => Ok(optimized(name).map_or(0, |f| f.recompilations.into())),
        ("loop_entries", [name]) => Ok(optimized(name).map_or(0, |f| f.loop_entries.into())),
        ("side_exits", [name]) => {
            let exits = optimized(name).map_or(Vec::new(), |f| f.side_exits);
            Ok(exits.iter().map(|exit| u64::from(exit.count)).sum())
        }
        ("inlined_exits", [name]) => {
            let exits = optimized(name).map_or(Vec::new(), |f| f.side_exits);
            let inlined = exits.iter().filter(|exit| exit.within.is_some());
            Ok(inlined.map(|exit| u64::from(exit.count)).sum())
        }
        ("guarded", [name]) => {
            let calls = optimized(name).map_or(Vec::new(), |f| f.calls);
            let is_inlined =
                |call: &&CallSite| matches!(call.inlining, Inlining::Whole | Inlining::UntilEarlyReturn);
            Ok(calls.iter().filter(|call| call.is_guarded).filter(is_inlined).count() as u64)
        }
        ("early_returns", [name]) => {
            let calls = optimized(name).map_or(Vec::new(), |f| f.calls);
            Ok(calls.iter().filter(|call| call.inlining == Inlining::UntilEarlyReturn).count() as u64)
        }
        ("targets", [place]) => Ok(calls(case.line(place)?)?.targets.len() as u64),
        ("others", [place]) => Ok(calls(case.line(place)?)?.others.into()),
        ("target", [place, name]) => {
            let call = calls(case.line(place)?)?;
            let func = function(name).map(|f| f.func);
            let found = call.targets.iter().filter(|(target, _)| func.is_some() && *target == func);
            Ok(found.map(|(_, count)| u64::from(*count)).sum())
        }
        _ => Err(format!("unknown expectation {of} of {}", args.join(", "))),
    }
}

/// Whether something is in a line of the case, which is its only source.
fn is_in(found: Option<SourceLine>, line: u32) -> bool {
    found.is_some_and(|found| found.line == line)
}
