//! How the directives of a script went.

use std::fmt;

/// How a script went: all its directives, in order.
#[derive(Clone, Debug)]
pub struct Report {
    name: String,
    directives: Vec<Directive>,
    /// Where each line of the script begins, in bytes.
    lines: Vec<usize>,
}

/// A directive of a script and how it went. It is displayed as `name:line:column: what: outcome`.
#[derive(Clone, Debug)]
pub struct Directive {
    /// The script's name.
    pub script: String,
    /// The line it is in, from 1.
    pub line: usize,
    /// The byte of the line that its keyword starts at, from 1.
    pub column: usize,
    /// Its keyword and what it is about, such as `assert_return (invoke "f")`.
    pub what: String,
    /// How it went.
    pub outcome: Outcome,
}

/// How a directive went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// As the script says.
    Passed,
    /// Otherwise: what happened, and what was to happen.
    Failed(String),
    /// It needs what this machine does not have: what that is.
    Skipped(String),
}

impl Report {
    /// A report of a script of which nothing has run yet.
    pub(crate) fn new(name: &str, text: &str) -> Report {
        let starts = text.match_indices('\n').map(|(at, _)| at + 1);
        Report {
            name: name.to_owned(),
            directives: Vec::new(),
            lines: std::iter::once(0).chain(starts).collect(),
        }
    }

    /// Takes in how the directive went that starts at byte `offset` of the script.
    pub(crate) fn add(&mut self, offset: usize, what: &str, outcome: Outcome) {
        let line = self.lines.partition_point(|&start| start <= offset);
        let column = offset - self.lines[line - 1] + 1;
        let outcome = match outcome {
            Outcome::Passed => Outcome::Passed,
            Outcome::Failed(why) => Outcome::Failed(in_one_line(&why)),
            Outcome::Skipped(why) => Outcome::Skipped(in_one_line(&why)),
        };
        let (script, what) = (self.name.clone(), in_one_line(what));
        self.directives.push(Directive { script, line, column, what, outcome });
    }

    /// The script's name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// All directives, in order. A script that cannot be read has one, failed where reading stopped.
    pub fn directives(&self) -> &[Directive] {
        &self.directives
    }

    /// The directives that failed or were skipped.
    pub fn not_passed(&self) -> impl Iterator<Item = &Directive> {
        self.directives.iter().filter(|directive| directive.outcome != Outcome::Passed)
    }

    /// How many directives passed.
    pub fn passed(&self) -> usize {
        self.directives.len() - self.not_passed().count()
    }

    /// How many failed.
    pub fn failed(&self) -> usize {
        self.not_passed().filter(|directive| matches!(directive.outcome, Outcome::Failed(_))).count()
    }

    /// How many were skipped.
    pub fn skipped(&self) -> usize {
        self.not_passed().filter(|directive| matches!(directive.outcome, Outcome::Skipped(_))).count()
    }
}

/// A text without line ends and other control characters, which names in scripts may have.
fn in_one_line(text: &str) -> String {
    let lines = text.lines().map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>();
    let escaped = |c: char| if c.is_control() { c.escape_default().to_string() } else { c.to_string() };
    lines.join("; ").chars().map(escaped).collect()
}

impl fmt::Display for Directive {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}:{}: {}: {}", self.script, self.line, self.column, self.what, self.outcome)
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Outcome::Passed => f.write_str("passed"),
            Outcome::Failed(why) => write!(f, "failed: {why}"),
            Outcome::Skipped(why) => write!(f, "skipped: {why}"),
        }
    }
}
