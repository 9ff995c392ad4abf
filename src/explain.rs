//! `strata explain`: runs a program and tells what became of its functions.

use std::fmt::Write;

use clap::Args;
use strata::{Edge, FuncIndex, FunctionStatus, Inlining, Module, OptimizedFunction, Reason};

use crate::failure::{Failure, printable, tell};
use crate::{program, run};

#[derive(Debug, Args)]
#[group(id = "explain")]
#[command(after_help = "\
Examples:
  strata explain primes.sasm 100000
  strata explain fib.sasm --func fib --invoke fib 30")]
pub(crate) struct Options {
    /// Only this function: what it is exported as, its own name, or its index
    #[arg(long, value_name = "NAME")]
    func: Option<String>,
    #[command(flatten)]
    run: run::Options,
}

/// Runs a program, explains, and gives the exit status.
pub(crate) fn explain(options: &Options) -> Result<i32, Failure> {
    run::run_and(&options.run, |module| {
        let only = options.func.as_deref().map(|wanted| program::find_func(module, wanted)).transpose();
        let only = only.map_err(|what| Failure::refused(&program::name_of(&options.run.file), what))?;
        tell(printable(&report(module, only)));
        Ok(())
    })
}

fn report(module: &Module, only: Option<FuncIndex>) -> String {
    module.engine().finish_compiling();
    let profile = module.profile();
    let optimized = module.optimized();
    let refused = module.refused();
    let statuses = module.status();
    let mut out = String::new();
    let imported = module.verified().spaces().imported_funcs;
    for i in 0..module.verified().functions.len() as u32 {
        let func = FuncIndex(imported + i);
        let name = module.verified().func_name(func);
        let status = statuses.iter().find(|status| status.func == func);
        let counted = profile.functions.iter().find(|function| function.func == func);
        let code = optimized.iter().find(|function| function.func == func);
        let refusal = refused.iter().find(|(refused, _)| *refused == func);
        if only.is_some_and(|only| only != func) || counted.is_none() && code.is_none() && refusal.is_none() {
            continue;
        }
        line(&mut out, format_args!("{name}"));
        if let Some(FunctionStatus { version, tier, .. }) = status {
            line(&mut out, format_args!("  version {version}: calls run in the tier {tier}"));
        }
        if let Some(function) = counted {
            let rounds: u64 = function.loops.iter().map(|l| l.back_edges).sum();
            line(&mut out, format_args!("  interpreted: {} calls, {rounds} loop rounds", function.calls));
        }
        if let Some(FunctionStatus { template_bytes, template_calls, template_back_edges, .. }) =
            status.filter(|status| status.template_bytes > 0)
        {
            line(
                &mut out,
                format_args!(
                    "  template: {template_bytes} bytes; {template_calls} calls, {template_back_edges} loop rounds counted"
                ),
            );
        }
        if let Some(function) = code {
            explain_code(&mut out, module, function);
        }
        if let Some((_, refusal)) = refusal {
            line(&mut out, format_args!("  refused: {refusal}"));
        }
    }
    if out.is_empty() {
        return if only.is_some() { "it was not called" } else { "nothing was called" }.to_owned();
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

fn explain_code(out: &mut String, module: &Module, function: &OptimizedFunction) {
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
    if !function.loop_heads.is_empty() {
        line(out, format_args!("  entered {loop_entries} times at loops"));
    }
    let name = |func| module.verified().func_name(func);
    for call in &function.calls {
        let within = call.within.map_or(String::new(), |func| format!(" in {}", name(func)));
        let what = match call.inlining {
            Inlining::Whole if call.is_guarded => "inlined behind a test for it",
            Inlining::Whole => "inlined",
            Inlining::UntilEarlyReturn => "inlined up to where it returns early, and called otherwise",
            Inlining::TooDeep => "called, since no more functions are inlined into each other",
            Inlining::OverBudget => "called, since enough code is inlined already",
            Inlining::NotOffered | _ => "called, since it is too large to be inlined, or needs a frame",
        };
        let mostly = if call.is_guarded { "mostly " } else { "" };
        line(out, format_args!("  call at pc {}{within} {mostly}of {}: {what}", call.pc, name(call.callee)));
    }
    for exit in &function.side_exits {
        let why = match exit.reason {
            Reason::TailCall => "for a tail call of a function that optimized code cannot go to".to_owned(),
            Reason::Branch(Edge { from, to }) => format!("since the branch at {from} had never gone to {to}"),
            Reason::Loop => "at the end of the loop that was entered".to_owned(),
            Reason::Stress => "for tests".to_owned(),
        };
        let within = exit.within.map_or(String::new(), |func| format!(" in {}", name(func)));
        line(out, format_args!("  side exit to pc {}{within}: taken {} times, {why}", exit.pc, exit.count));
    }
}

fn line(out: &mut String, text: std::fmt::Arguments<'_>) {
    writeln!(out, "{text}").expect("a string takes all that is written to it");
}
