//! What is in a case's file: its head, its modules, its directives.

use strata::Config;

use super::directive::Directive;
use crate::configuration::{self, Configuration};

/// What a case tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Calls and their results.
    Run,
    /// Calls that trap.
    Trap,
    /// What the assembler and the verifier refuse.
    Verify,
    /// What the disassembler prints.
    Print,
}

/// A parsed case.
#[derive(Debug)]
pub struct Case<'t> {
    /// What it tests.
    pub kind: Kind,
    /// The whole text.
    pub(super) text: &'t str,
    /// Where to run it.
    pub(super) configurations: Vec<Configuration>,
    /// Limits.
    pub(super) config: Config,
    /// Names and texts of the modules; line numbers are those of the file.
    pub(super) modules: Vec<(String, String)>,
    /// What to do, with line numbers.
    pub(super) directives: Vec<(usize, Directive)>,
}

impl<'t> Case<'t> {
    /// Reads a case.
    ///
    /// # Errors
    ///
    /// What is wrong with it, with the line.
    pub fn parse(text: &'t str) -> Result<Case<'t>, String> {
        let mut case = Case {
            kind: Kind::Run,
            text,
            configurations: configuration::ALL.to_vec(),
            config: Config::new(),
            modules: Vec::new(),
            directives: Vec::new(),
        };
        let mut kind = None;
        let mut module = Vec::new();
        let mut name = String::new();
        for (i, line) in text.lines().enumerate() {
            let at = |message: String| format!("line {}: {message}", i + 1);
            if let Some(head) = line.strip_prefix(";!") {
                let (key, value) =
                    head.split_once(':').ok_or_else(|| at("expected `;! key: value`".into()))?;
                let (key, value) = (key.trim(), value.trim());
                if key == "module" {
                    if !name.is_empty() {
                        case.modules.push((name, module.join("\n")));
                    }
                    name = value.to_owned();
                    // Line numbers stay those of the file.
                    module = vec![""; i];
                } else if key == "test" {
                    kind = Some(parse_kind(value).ok_or_else(|| at(format!("unknown test {value}")))?);
                } else {
                    case.head(key, value).map_err(at)?;
                }
            }
            if let Some(directive) = Directive::parse(line, &mut case.directives).map_err(at)? {
                case.directives.push((i + 1, directive));
            }
            module.push(line);
        }
        case.modules.push((name, module.join("\n")));
        case.kind = kind.ok_or("the first line must be `;! test: run`, `trap`, `verify` or `print`")?;
        if matches!(case.kind, Kind::Run | Kind::Trap) && case.directives.is_empty() {
            return Err("a case without `; run:` or the like tests nothing".into());
        }
        Ok(case)
    }

    fn head(&mut self, key: &str, value: &str) -> Result<(), String> {
        let number = || value.parse::<usize>().map_err(|error| format!("{key}: {error}"));
        let config = self.config.clone();
        match key {
            "tiers" if value == "all" => {}
            "tiers" => {
                let names: Vec<&str> = value.split(',').map(str::trim).collect();
                self.configurations.retain(|c| names.contains(&c.name));
                if self.configurations.len() != names.len() {
                    return Err(format!("unknown configuration in {value}"));
                }
            }
            "stack_bytes" => self.config = config.max_stack_bytes(number()?),
            "memory_bytes" => self.config = config.max_memory_bytes(number()? as u64),
            "table_elements" => self.config = config.max_table_elements(number()? as u32),
            _ => return Err(format!("unknown key {key}")),
        }
        Ok(())
    }

    /// The line that a place names: a number, a mark, or a label.
    pub(super) fn line(&self, place: &str) -> Result<u32, String> {
        if let Ok(line) = place.parse() {
            return Ok(line);
        }
        let lines = || self.text.lines().enumerate();
        let marked =
            lines().filter(|(_, line)| line.split_once(";=").is_some_and(|(_, m)| m.trim() == place));
        let mut found: Vec<usize> = marked.map(|(i, _)| i).collect();
        if found.is_empty() {
            let label = format!("{place}:");
            for (i, _) in lines().filter(|(_, line)| line.trim_start().starts_with(&label)) {
                found.extend(self.instruction_from(i, &label));
            }
        }
        match found.as_slice() {
            [line] => Ok(*line as u32 + 1),
            [] => Err(format!("no line is marked `;= {place}`, no label is called {place}")),
            _ => Err(format!("{place} stands for several lines")),
        }
    }

    /// The line of the first instruction behind a label.
    fn instruction_from(&self, label_line: usize, label: &str) -> Option<usize> {
        let mut lines = self.text.lines().enumerate().skip(label_line);
        let (i, first) = lines.next()?;
        let code = |line: &str| line.split(';').next().unwrap_or("").trim().to_owned();
        if code(first) != label {
            return Some(i);
        }
        lines.find(|(_, line)| !code(line).is_empty() && !code(line).ends_with(':')).map(|(i, _)| i)
    }
}

fn parse_kind(name: &str) -> Option<Kind> {
    Some(match name {
        "run" => Kind::Run,
        "trap" => Kind::Trap,
        "verify" => Kind::Verify,
        "print" => Kind::Print,
        _ => return None,
    })
}
