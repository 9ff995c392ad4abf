//! What is wrong with a text: place, cause and remedy, for programs ([`Diagnostic`]) and for people
//! ([`Diagnostics::render`]).

use std::fmt;
use std::ops::Range;

use ariadne::{Color, Config, Label, Report, ReportKind, Source};

use crate::lexer::Span;

/// So many diagnostics are kept; the others are counted.
const MAX_DIAGNOSTICS: usize = 20;
/// Lines with more characters are not shown in full.
const MAX_LINE_CHARS: usize = 200;
/// Remedies with more characters stand below the line, not at the caret.
const MAX_LABEL_CHARS: usize = 60;
/// Names with more bytes are neither suggested nor given suggestions for.
const MAX_SIMILAR_BYTES: usize = 64;

/// One thing that is wrong with a text.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Diagnostic {
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// The bytes of the text that are meant.
    pub span: Range<usize>,
    /// What is wrong, such as `add.i64 needs an i64 in %r3, found f64`.
    pub message: String,
    /// What was expected, or what to do about it.
    pub help: Option<String>,
    /// Another place that has to do with it.
    pub related: Option<Related>,
}

/// Another place that has to do with a [`Diagnostic`], such as the first of two definitions.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Related {
    /// Line, from 1.
    pub line: u32,
    /// Column in characters, from 1.
    pub column: u32,
    /// The bytes of the text that are meant.
    pub span: Range<usize>,
    /// What is there, such as `first declared`: to be read with "here" or "in line 7" behind it.
    pub message: String,
}

/// Everything that is wrong with a text, in the order of the text; never empty.
///
/// Its [`Display`](fmt::Display) form has a line for each, such as
/// `sum.sasm:7:14: add.i64 needs an i64 in %r3, found f64`.
#[derive(Clone, Debug)]
pub struct Diagnostics {
    name: String,
    text: String,
    list: Vec<Diagnostic>,
    total: usize,
}

impl std::error::Error for Diagnostics {}

impl fmt::Display for Diagnostics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, diagnostic) in self.list.iter().enumerate() {
            if i > 0 {
                writeln!(f)?;
            }
            let Diagnostic { line, column, message, help, .. } = diagnostic;
            write!(f, "{}:{line}:{column}: {message}", self.name)?;
            if let Some(related) = &diagnostic.related {
                write!(f, " ({} in line {})", related.message, related.line)?;
            }
            if let Some(help) = help {
                write!(f, "; {help}")?;
            }
        }
        match self.total - self.list.len() {
            0 => Ok(()),
            more => write!(f, "\n{}: {more} more errors", self.name),
        }
    }
}

impl Diagnostics {
    /// The diagnostics that are kept, in the order of the text.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &Diagnostic> {
        self.list.iter()
    }

    /// How many things are wrong; at least as many as [`iter`](Self::iter) gives.
    pub fn total(&self) -> usize {
        self.total
    }

    /// The diagnostics with the lines they are about, a caret under what is meant, and what to do about it. `color` is
    /// for terminals.
    pub fn render(&self, color: bool) -> String {
        let mut out = Vec::new();
        let excerpt = Excerpt::of(self);
        for diagnostic in &self.list {
            excerpt.write(diagnostic, color, &mut out);
            out.push(b'\n');
        }
        let (shown, total) = (self.list.len(), self.total);
        let errors = if total == 1 { "error" } else { "errors" };
        let summary = if shown == total {
            format!("{total} {errors}\n")
        } else {
            format!("{total} {errors}, the first {shown} of them shown\n")
        };
        out.extend_from_slice(summary.as_bytes());
        let text = String::from_utf8_lossy(&out);
        text.lines().flat_map(|line| [line.trim_end(), "\n"]).collect()
    }
}

/// The text, but with the lines only that diagnostics are about, and these as they can be printed.
struct Excerpt<'a> {
    diagnostics: &'a Diagnostics,
    source: Source<String>,
    /// Lines that are too long to show in full: these are empty in `source`.
    long: Vec<(u32, String)>,
}

impl<'a> Excerpt<'a> {
    fn of(diagnostics: &'a Diagnostics) -> Excerpt<'a> {
        let places = diagnostics
            .list
            .iter()
            .flat_map(|d| [Some((d.line, d.span.start)), d.related.as_ref().map(|r| (r.line, r.span.start))]);
        let mut places: Vec<(u32, usize)> = places.flatten().collect();
        places.sort_unstable();
        places.dedup_by_key(|&mut (line, _)| line);
        let (mut text, mut long, mut last) = (String::new(), Vec::new(), 1);
        for (line, at) in places {
            text.extend((last..line).map(|_| '\n'));
            last = line;
            let shown: String = line_of(&diagnostics.text, at).chars().map(printable).collect();
            if shown.chars().nth(MAX_LINE_CHARS).is_some() {
                long.push((line, shown));
            } else {
                text.push_str(&shown);
            }
        }
        // A caret behind the last character needs one more.
        text.push_str(" \n");
        Excerpt { diagnostics, source: Source::from(text), long }
    }

    fn write(&self, diagnostic: &Diagnostic, color: bool, out: &mut Vec<u8>) {
        if let Ok(found) = self.long.binary_search_by_key(&diagnostic.line, |&(line, _)| line) {
            return self.write_long(&self.long[found].1, diagnostic, out);
        }
        let name = self.diagnostics.name.as_str();
        let place = |line: u32, column: u32, span: &Range<usize>| {
            let line = self.source.line(line as usize - 1).map_or(0, |line| line.offset());
            let start = line + column as usize - 1;
            (name, start..start + self.width(span))
        };
        let label = |line, column, span: &Range<usize>, message: &str, of| {
            // In the order of lines, so that they share a box.
            let label = Label::new(place(line, column, span)).with_message(message).with_order(line as i32);
            if color { label.with_color(of) } else { label }
        };
        let Diagnostic { line, column, span, message, help, related } = diagnostic;
        // A short remedy goes to the caret.
        let beside = help.as_deref().filter(|help| help.chars().nth(MAX_LABEL_CHARS).is_none());
        let mut report = Report::build(ReportKind::Error, place(*line, *column, span))
            .with_config(Config::new().with_color(color))
            .with_message(message)
            .with_label(label(*line, *column, span, beside.unwrap_or("here"), Color::Red));
        if let (None, Some(help)) = (beside, help) {
            report = report.with_help(help);
        }
        match related {
            Some(related) if self.long.iter().all(|&(line, _)| line != related.line) => {
                let Related { line, column, span, message } = related;
                let message = format!("{message} here");
                report = report.with_label(label(*line, *column, span, &message, Color::Blue));
            }
            Some(related) => {
                report = report.with_note(format!("{} in line {}", related.message, related.line))
            }
            None => {}
        }
        report.finish().write((name, &self.source), out).expect("a vector takes all that is written to it");
    }

    /// Characters to underline: those meant, up to the end of their line.
    fn width(&self, span: &Range<usize>) -> usize {
        let meant = self.diagnostics.text[span.clone()].lines().next().unwrap_or("");
        meant.trim_end().chars().count().max(1)
    }

    /// In the manner of the box, but with a part of the line only.
    fn write_long(&self, line_text: &str, diagnostic: &Diagnostic, out: &mut Vec<u8>) {
        let skip = (diagnostic.column as usize - 1).saturating_sub(MAX_LINE_CHARS / 4);
        let part: String = line_text.chars().skip(skip).take(MAX_LINE_CHARS / 2).collect();
        let before = diagnostic.column as usize - 1 - skip;
        let carets = self.width(&diagnostic.span).min(MAX_LINE_CHARS / 4);
        let margin = diagnostic.line.to_string().len() + 2;
        let Diagnostic { line, column, message, help, .. } = diagnostic;
        let name = &self.diagnostics.name;
        let cut = |is_cut: bool| if is_cut { "…" } else { " " };
        let part = format!(
            "{}{part}{}",
            cut(skip > 0),
            cut(line_text.chars().nth(skip + MAX_LINE_CHARS / 2).is_some())
        );
        let carets = format!("{}{}", " ".repeat(before), "^".repeat(carets));
        let blank = format!("{:margin$}│", "");
        let head = format!("{:margin$}╭─[ {name}:{line}:{column} ]", "");
        let mut text = format!("Error: {message}\n{head}\n{blank}\n {line} │{part}\n{blank} {carets}\n");
        if let Some(help) = help {
            text += &format!("{blank} Help: {help}\n");
        }
        text += &format!("{}╯\n", "─".repeat(margin));
        out.extend_from_slice(text.as_bytes());
    }
}

/// The line that byte `at` is on, without its end.
fn line_of(text: &str, at: usize) -> &str {
    let start = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
    let end = text[at..].find('\n').map_or(text.len(), |newline| at + newline);
    &text[start..end]
}

/// The character, or one that takes a place for it where it would break the line or the terminal.
fn printable(c: char) -> char {
    match c {
        '\t' => ' ',
        '\u{2028}' | '\u{2029}' => '\u{FFFD}',
        _ if c.is_control() => {
            if c == '\r' {
                ' '
            } else {
                '\u{FFFD}'
            }
        }
        _ => c,
    }
}

/// Something wrong, while the text is still read.
#[derive(Debug)]
pub(crate) struct Problem {
    span: Span,
    message: String,
    help: Option<String>,
    related: Option<(Span, String)>,
}

impl Problem {
    pub(crate) fn new(span: Span, message: impl Into<String>) -> Problem {
        Problem { span, message: message.into(), help: None, related: None }
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Problem {
        self.help = Some(help.into());
        self
    }

    /// Helps, if nothing else does.
    pub(crate) fn or_help(self, help: impl Into<String>) -> Problem {
        if self.help.is_some() { self } else { self.help(help) }
    }

    /// Suggests a name, if there is one.
    pub(crate) fn suggest(self, name: Option<impl fmt::Display>) -> Problem {
        match name {
            Some(name) => self.help(format!("did you mean `{name}`?")),
            None => self,
        }
    }

    pub(crate) fn related(mut self, span: Span, message: impl Into<String>) -> Problem {
        self.related = Some((span, message.into()));
        self
    }
}

/// Collects problems: the first ones in full, then only their number.
#[derive(Debug, Default)]
pub(crate) struct Problems {
    list: Vec<Problem>,
    total: usize,
}

impl Problems {
    /// Adds a problem, which is not even made when there are enough.
    pub(crate) fn add(&mut self, problem: impl FnOnce() -> Problem) {
        self.total += 1;
        if self.list.len() < MAX_DIAGNOSTICS {
            self.list.push(problem());
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.total == 0
    }

    /// So many there are.
    pub(crate) fn total(&self) -> usize {
        self.total
    }

    /// Finds lines and columns.
    pub(crate) fn finish(mut self, name: &str, text: &str) -> Diagnostics {
        self.list.sort_by_key(|problem| problem.span.start);
        let mut lines = Lines { text, at: 0, line: 1 };
        let mut list: Vec<Diagnostic> = Vec::with_capacity(self.list.len());
        for problem in self.list {
            let (line, column) = lines.find(problem.span);
            let related = problem.related.map(|(span, message)| {
                let (line, column) = Lines { text, at: 0, line: 1 }.find(span);
                Related { line, column, span: span.start as usize..span.end as usize, message }
            });
            let span = problem.span.start as usize..problem.span.end as usize;
            list.push(Diagnostic {
                line,
                column,
                span,
                message: problem.message,
                help: problem.help,
                related,
            });
        }
        Diagnostics { name: name.into(), text: text.into(), list, total: self.total }
    }
}

/// Counts lines from place to place.
struct Lines<'a> {
    text: &'a str,
    at: usize,
    line: u32,
}

impl Lines<'_> {
    /// Line and column of a place behind the last one asked for.
    fn find(&mut self, span: Span) -> (u32, u32) {
        let start = span.start as usize;
        let between = &self.text.as_bytes()[self.at..start];
        self.line += between.iter().filter(|&&byte| byte == b'\n').count() as u32;
        self.at = start;
        let line = self.text[..start].rfind('\n').map_or(0, |newline| newline + 1);
        (self.line, self.text[line..start].chars().count() as u32 + 1)
    }
}

/// The candidate most like `wanted`, if one is like it at all; the first of several.
pub(crate) fn nearest<'n>(wanted: &str, candidates: impl IntoIterator<Item = &'n str>) -> Option<&'n str> {
    if wanted.len() > MAX_SIMILAR_BYTES {
        return None;
    }
    let mut most = wanted.chars().count().div_ceil(3);
    let mut found = None;
    for candidate in candidates {
        if candidate.len().abs_diff(wanted.len()) > most.max(2) || candidate.len() > MAX_SIMILAR_BYTES {
            continue;
        }
        let distance = strsim::osa_distance(wanted, candidate);
        if distance <= most && distance < candidate.chars().count() && candidate != wanted {
            found = Some(candidate);
            if distance <= 1 {
                break;
            }
            most = distance - 1;
        }
    }
    found
}
