//! The tables of `strata run --profile`.

use std::fmt::Write;

use strata::{
    BranchProfile, FuncIndex, FunctionProfile, IndirectCallProfile, LoopProfile, Module, Pc, SourceLine,
};

use crate::table::{plain_table, write_lines};

/// Rows that each table shows.
const MAX_ROWS: usize = 40;

/// What was counted of a module's functions, as tables, hottest first.
pub(crate) fn tables(module: &Module) -> String {
    let functions = &module.profile().functions;
    let mut out = String::new();
    let rows = functions.iter().map(|f| function_row(module, f)).collect();
    write_table(&mut out, &["calls", "loop rounds", "function", "line"], 2, rows);
    let rows = each(functions, |f| &f.loops).map(|(f, l)| loop_row(module, f, l)).collect();
    write_table(&mut out, &["rounds", "loop in", "line", "pc"], 1, rows);
    let rows = each(functions, |f| &f.branches).map(|(f, b)| branch_row(module, f, b)).collect();
    write_table(&mut out, &["taken", "not taken", "branch in", "line", "pc", "to pc"], 2, rows);
    let rows = each(functions, |f| &f.indirect_calls).map(|(f, c)| call_row(module, f, c)).collect();
    write_table(&mut out, &["calls", "indirect call in", "line", "pc", "to"], 1, rows);
    if out.is_empty() { "nothing was called".to_owned() } else { out.trim_end().to_owned() }
}

/// What to sort by, and the cells.
type Row = (u64, Vec<String>);

/// Every part of every function, with its function.
fn each<'p, P: 'p>(
    functions: &'p [FunctionProfile],
    parts: impl Fn(&'p FunctionProfile) -> &'p Vec<P>,
) -> impl Iterator<Item = (&'p FunctionProfile, &'p P)> {
    functions.iter().flat_map(move |function| parts(function).iter().map(move |part| (function, part)))
}

fn function_row(module: &Module, function: &FunctionProfile) -> Row {
    let rounds: u64 = function.loops.iter().map(|l| l.back_edges).sum();
    let first = module.verified().function(function.func).and_then(|f| f.line(Pc(0)));
    let cells = vec![count(function.calls), rounds.to_string(), function.name.clone(), line(module, first)];
    (u64::from(function.calls) + rounds, cells)
}

fn loop_row(module: &Module, function: &FunctionProfile, l: &LoopProfile) -> Row {
    let (name, line) = (function.name.clone(), line(module, l.line));
    (l.back_edges, vec![l.back_edges.to_string(), name, line, l.head.to_string()])
}

fn branch_row(module: &Module, function: &FunctionProfile, branch: &BranchProfile) -> Row {
    let BranchProfile { pc, target, taken, not_taken, .. } = *branch;
    let (name, line) = (function.name.clone(), line(module, branch.line));
    let cells = vec![count(taken), count(not_taken), name, line, pc.to_string(), target.to_string()];
    (u64::from(taken) + u64::from(not_taken), cells)
}

fn call_row(module: &Module, function: &FunctionProfile, call: &IndirectCallProfile) -> Row {
    let name =
        |func: Option<FuncIndex>| func.map_or("imported".to_owned(), |f| module.verified().func_name(f));
    let mut targets: Vec<String> =
        call.targets.iter().map(|&(func, calls)| format!("{} {}", name(func), count(calls))).collect();
    if call.others > 0 {
        targets.push(format!("more functions {}", count(call.others)));
    }
    let calls = call.targets.iter().map(|&(_, calls)| u64::from(calls)).sum::<u64>() + u64::from(call.others);
    let (caller, line) = (function.name.clone(), line(module, call.line));
    (calls, vec![calls.to_string(), caller, line, call.pc.to_string(), targets.join(", ")])
}

/// A count, which stops at the most that there is room for.
fn count(count: u32) -> String {
    if count == u32::MAX { format!("{count}+") } else { count.to_string() }
}

/// A line's number, with the name of its source where there are several.
fn line(module: &Module, at: Option<SourceLine>) -> String {
    let Some(SourceLine { source, line }) = at else { return "-".to_owned() };
    match module.verified().sources.as_slice() {
        [_] => line.to_string(),
        sources => format!("{}:{line}", sources[source.index()]),
    }
}

/// A table of what was counted at least once; nothing when that is nothing.
fn write_table(out: &mut String, header: &[&str], numbers: usize, mut rows: Vec<Row>) {
    rows.retain(|&(heat, _)| heat > 0);
    if rows.is_empty() {
        return;
    }
    // Stable: as hot means in the order of the program.
    rows.sort_by_key(|&(heat, _)| std::cmp::Reverse(heat));
    let more = rows.len().saturating_sub(MAX_ROWS);
    let mut table = plain_table(header, numbers);
    table.add_rows(rows.into_iter().take(MAX_ROWS).map(|(_, cells)| cells));
    write_lines(out, &table);
    if more > 0 {
        writeln!(out, "… and {more} more").expect("a string takes all that is written to it");
    }
    out.push('\n');
}
