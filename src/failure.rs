//! What can go wrong, and the exit status of each.

use std::fmt::Display;
use std::io::{self, IsTerminal, Write};

use crate::output::OutputError;

/// Exit status when something other than the program failed: output could not be written, results differ, scripts fail.
pub(crate) const FAILED: i32 = 1;
/// Exit status for bad programs, arguments and options.
pub(crate) const REFUSED: i32 = 2;
/// Exit status of a trap: that of an aborted process.
pub(crate) const TRAPPED: i32 = 134;
/// Exit status of a second Ctrl-C: that of a process killed by it.
pub(crate) const KILLED: i32 = 130;
/// Exit status when nobody reads standard output any more: that of a process killed by SIGPIPE.
const OUTPUT_CLOSED: i32 = 141;

/// Why the command ends without having done what it was asked for.
#[derive(Debug)]
pub(crate) enum Failure {
    /// Standard output cannot be written.
    Output(OutputError),
    /// Something was refused or failed; one message a line, without the command's name.
    Message { status: i32, text: String },
    /// As `Message`, but the text stands for itself.
    Rendered { status: i32, text: String },
}

impl Failure {
    /// A bad program, argument or option.
    pub(crate) fn refused(file: &str, what: impl Display) -> Failure {
        Failure::Message { status: REFUSED, text: format!("{file}: {what}") }
    }

    /// Something that should have worked and did not.
    pub(crate) fn failed(what: impl Display) -> Failure {
        Failure::Message { status: FAILED, text: what.to_string() }
    }

    /// The exit status.
    pub(crate) fn status(&self) -> i32 {
        match self {
            Failure::Output(error) if error.is_closed() => OUTPUT_CLOSED,
            Failure::Output(_) => FAILED,
            Failure::Message { status, .. } | Failure::Rendered { status, .. } => *status,
        }
    }

    /// Tells what went wrong on standard error. That nobody reads the output any more is no news.
    pub(crate) fn report(&self) {
        match self {
            Failure::Output(error) if error.is_closed() => {}
            Failure::Output(error) => tell(format_args!("strata: {error}")),
            Failure::Message { text, .. } => {
                printable(text).lines().for_each(|line| tell(format_args!("strata: {line}")))
            }
            Failure::Rendered { text, .. } => tell(text.trim_end()),
        }
    }
}

impl From<OutputError> for Failure {
    fn from(error: OutputError) -> Failure {
        Failure::Output(error)
    }
}

/// Writes a line to standard error. If that fails, there is nobody left to tell.
pub(crate) fn tell(text: impl Display) {
    let _ = writeln!(io::stderr().lock(), "{text}");
}

/// A text with control characters written as escapes, but for tabs and the ends of lines: names that a program brings are shown on
/// terminals, and are not to steer them.
pub(crate) fn printable(text: &str) -> String {
    let mut shown = String::with_capacity(text.len());
    for character in text.chars() {
        if character.is_control() && !['\n', '\t'].contains(&character) {
            shown.extend(character.escape_default());
        } else {
            shown.push(character);
        }
    }
    shown
}

/// Writes bytes to standard error, in the same way.
pub(crate) fn tell_bytes(bytes: &[u8]) {
    let _ = io::stderr().lock().write_all(bytes);
}

/// Whether messages may be coloured: on a terminal, unless `NO_COLOR` is set.
pub(crate) fn color() -> bool {
    io::stderr().is_terminal() && std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty())
}

/// The candidate most like `wanted`, as the end of a message; empty when none is like it.
pub(crate) fn did_you_mean<'n>(wanted: &str, candidates: impl IntoIterator<Item = &'n str>) -> String {
    let most = wanted.chars().count().div_ceil(3);
    let distances = candidates.into_iter().map(|name| (strsim::osa_distance(wanted, name), name));
    match distances.filter(|&(distance, _)| distance <= most).min() {
        Some((_, name)) => format!("; did you mean \"{name}\"?"),
        None => String::new(),
    }
}
