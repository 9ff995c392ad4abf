//! `strata explain`: runs a program and tells what became of its functions.

use std::fmt::Write;

use clap::Args;
use strata::{Edge, FuncIndex, Module, OptimizedFunction, Reason};

use crate::failure::{Failure, printable, tell};
use crate::run;

/// Run a program and tell what became of its functions: tiers, counters, side exits, and why
///
/// The program is run as by `strata run`, which takes the same options. Then standard error has for each function that ran how
/// often it was called and went back in loops while it was interpreted, the tiers that it got code in, and of optimized code what was
/// compiled, where it is left for another tier, why, and how often that happened.
#[derive(Debug, Args)]
#[group(id = "explain")]
#[command(after_help = "\
Examples:
  strata explain primes.sasm 100000
  strata explain fib.sasm --func fib --invoke fib 30")]
pub(crate) struct Options {
    /// Only this function, by its own name
    #[arg(long, value_name = "NAME")]
    func: Option<String>,
    #[command(flatten)]
    run: run::Options,
}

/// Runs a program, explains, and gives the exit status.
pub(crate) fn explain(options: &Options) -> Result<i32, Failure> {
    run::run_and(&options.run, |module| tell(printable(&report(module, options.func.as_deref()))))
}

fn report(module: &Module, only: Option<&str>) -> String {
    module.engine().finish_compiling();
    let profile = module.profile();
    let optimized = module.optimized();
    let refused = module.refused();
    let mut out = String::new();
    let imported = module.verified().spaces().imported_funcs;
    for i in 0..module.verified().functions.len() as u32 {
        let func = FuncIndex(imported + i);
        let name = module.verified().func_name(func);
        let counted = profile.functions.iter().find(|function| function.func == func);
        let code = optimized.iter().find(|function| function.func == func);
        let refusal = refused.iter().find(|(refused, _)| *refused == func);
        if only.is_some_and(|only| only != name) || counted.is_none() && code.is_none() && refusal.is_none() {
            continue;
        }
        line(&mut out, format_args!("{name}"));
        if let Some(function) = counted {
            let rounds: u64 = function.loops.iter().map(|l| l.back_edges).sum();
            line(&mut out, format_args!("  interpreted: {} calls, {rounds} loop rounds", function.calls));
        }
        if let Some(function) = code {
            explain_code(&mut out, function);
        }
        if let Some((_, refusal)) = refusal {
            line(&mut out, format_args!("  refused: {refusal}"));
        }
    }
    if out.is_empty() {
        return "nothing was called".to_owned();
    }
    let held = module.engine().tier_ups();
    line(
        &mut out,
        format_args!(
            "moving between template and optimized code took the program's own time {} times: {:.0} us, at most {:.1} us at a time",
            held.count,
            held.total.as_secs_f64() * 1e6,
            held.longest.as_secs_f64() * 1e6
        ),
    );
    out.trim_end().to_owned()
}

fn explain_code(out: &mut String, function: &OptimizedFunction) {
    let OptimizedFunction { compilations, recompilations, code_bytes, loop_entries, .. } = function;
    let OptimizedFunction { instructions, compile_time, .. } = function;
    line(
        out,
        format_args!(
            "  optimized: {compilations} times, {recompilations} of them again; {instructions} instructions to {code_bytes} bytes in \
             {:.1} ms",
            compile_time.as_secs_f64() * 1e3
        ),
    );
    for head in &function.loop_heads {
        line(out, format_args!("  asked to be entered at the loop at {head}"));
    }
    line(out, format_args!("  entered {loop_entries} times at loops"));
    for exit in &function.side_exits {
        let why = match exit.reason {
            Reason::Poll => "when something asks for attention".to_owned(),
            Reason::TailCall => "for a tail call of a function without machine code".to_owned(),
            Reason::Branch(Edge { from, to }) => format!("since the branch at {from} had never gone to {to}"),
            Reason::Loop => "at the end of the loop that was entered".to_owned(),
            Reason::Stress => "for tests".to_owned(),
        };
        line(out, format_args!("  side exit to pc {}: taken {} times, {why}", exit.pc, exit.count));
    }
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    writeln!(out, "{text}").expect("a string takes all that is written to it");
}
