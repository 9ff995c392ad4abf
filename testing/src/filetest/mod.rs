//! Cases in files: one text file with a program and what is expected of it, in comments.
//!
//! A case begins with what it is:
//!
//! ```text
//! ;! test: run                   run, trap, verify or print
//! ;! tiers: portable-fuel        the configurations to run in; all of them unless given
//! ;! stack_bytes: 65536          a limit of `Config`: stack_bytes, memory_bytes, table_elements
//! ;! module: lib                 what follows, up to the next such line, is a module of its own, whose exports the
//!                                ones behind it can import from "lib"; the last module is the one under test
//! ```
//!
//! In `run` and `trap`, comments say what to do, in order, with one instance for each configuration. Functions are
//! called by the name they are exported under; `lib.@f` is the function of another module of the file. Arguments and
//! results are literals of the text form; of references, `null`, `extern(7)` (a value of the host's) and `@f`. A result
//! `nan` is any NaN; zeros have a sign. Imports from "host" are those of [`crate::host`].
//!
//! ```text
//! ; run: @sum(10) == 45              results with commas; without `==` there are none
//! ; trap: @div(1, 0) integer_divide_by_zero
//! ;   at div:12                      its frames, innermost first: all of them, up to `;   at ...`; `at f (host)`
//! ; trap: instantiate memory_out_of_bounds
//! ; fuel: @f(3) uses 12              the call takes just so much, and traps with less
//! ; fuel: @f(3) with 7 leaves 2      and traps
//! ; interrupt: @spin()               runs until another thread interrupts it
//! ; expect: calls(@f) == 10          of the profile so far; also !=, <, <=, >, >=
//! ```
//!
//! Of optimized code there are `compilations(@f)`, `recompilations(@f)`, `loop_entries(@f)` (from other tiers), `side_exits(@f)`
//! (taken so far), `inlined_exits(@f)` (of these, in functions that are compiled in place), and `guarded(@f)` (functions compiled in place of its indirect calls), where a case asks for a tier that has some.
//!
//! Of the profile there are `calls(@f)`, `back_edges(place)` of the loop with its head there, `taken(place)`,
//! `not_taken(place)`, `taken(place, target)`, `targets(place)` (how many functions an indirect call has seen, up to
//! four), `target(place, @f)` and `others(place)`. A place is a line number, a label, or a mark: `;= here` at the end of
//! a line names it.
//!
//! In `verify`, `; error: 7:14: add.i64 needs an i64 in %r3, found f64` is one of the diagnostics, in order; without a
//! position, part of one. In `print`, the file of the same name that ends in `.golden` is what `disassemble` gives.
//! With `BLESS=1` both are rewritten.

mod case;
mod check;
mod directive;
mod profile;
mod values;

use std::fs;
use std::path::Path;

use strata_asm::{Diagnostics, assemble, disassemble};

pub use case::{Case, Kind};

/// Checks the case in a file.
///
/// # Errors
///
/// What is wrong with the case, or with what it tests.
pub fn check(path: &Path) -> Result<(), String> {
    let text = fs::read_to_string(path).map_err(|error| format!("{}: {error}", path.display()))?;
    let case = Case::parse(&text)?;
    match case.kind {
        Kind::Run | Kind::Trap => check::check(&case),
        Kind::Verify => check_errors(path, &text),
        Kind::Print => check_text(path, &text),
    }
}

fn bless() -> bool {
    std::env::var_os("BLESS").is_some_and(|value| value != "0")
}

fn file_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

/// Compares the diagnostics of a text with its `; error:` comments.
fn check_errors(path: &Path, text: &str) -> Result<(), String> {
    const KEY: &str = "; error: ";
    let name = file_name(path);
    let found: Vec<String> = match assemble(&name, text) {
        Ok(_) => vec![],
        Err(errors) => lines(&errors, &name),
    };
    let wanted: Vec<&str> = text.lines().filter_map(|line| line.strip_prefix(KEY)).collect();
    let fits = |(wanted, found): (&&str, &String)| {
        let exact = wanted.starts_with(|c: char| c.is_ascii_digit());
        if exact { *wanted == found } else { found.contains(*wanted) }
    };
    if !found.is_empty() && wanted.len() == found.len() && wanted.iter().zip(&found).all(fits) {
        return Ok(());
    }
    if bless() && !found.is_empty() {
        let kept = text.lines().filter(|line| !line.starts_with(KEY));
        let mut new: String = kept.flat_map(|line| [line, "\n"]).collect();
        found.iter().for_each(|error| new += &format!("{KEY}{error}\n"));
        return fs::write(path, new).map_err(|error| error.to_string());
    }
    let list = |lines: &mut dyn Iterator<Item = String>| {
        lines.map(|line| format!("    {line}\n")).collect::<String>()
    };
    Err(format!(
        "expected errors:\n{}found:\n{}",
        list(&mut wanted.iter().map(|s| (*s).to_owned())),
        list(&mut found.iter().cloned())
    ))
}

/// A line for each error, without the file's name.
fn lines(errors: &Diagnostics, name: &str) -> Vec<String> {
    let prefix = format!("{name}:");
    let text = errors.to_string();
    text.lines().map(|line| line.strip_prefix(&prefix).unwrap_or(line).to_owned()).collect()
}

/// Compares the disassembled text with the golden file, and takes it back.
fn check_text(path: &Path, text: &str) -> Result<(), String> {
    let module = assemble(&file_name(path), text).map_err(|errors| errors.render(false))?;
    crate::bodies::round_trips(&module);
    let found = disassemble(&module);
    let golden = path.with_extension("golden");
    let wanted = fs::read_to_string(&golden).unwrap_or_default();
    if found == wanted {
        return Ok(());
    }
    if bless() {
        return fs::write(&golden, found).map_err(|error| error.to_string());
    }
    let at = found.lines().zip(wanted.lines()).take_while(|(found, wanted)| found == wanted).count();
    Err(format!(
        "line {} of the text differs (BLESS=1 accepts it): expected\n    {}\nfound\n    {}",
        at + 1,
        wanted.lines().nth(at).unwrap_or("the end"),
        found.lines().nth(at).unwrap_or("the end")
    ))
}
