//! The index spaces of a module, by name.

use ahash::{AHashMap, AHashSet};

use crate::ast::{Item, Name, SpaceKind};
use crate::diagnostic::{Problem, Problems, nearest};
use crate::lexer::Span;
use crate::parser::File;

/// One index space: what is in it, and where that is defined.
#[derive(Debug)]
struct Space<'a> {
    kind: SpaceKind,
    /// Never iterated.
    by_name: AHashMap<&'a str, u32>,
    names: Vec<&'a str>,
    spans: Vec<Span>,
}

/// All index spaces.
#[derive(Debug)]
pub(crate) struct Names<'a> {
    spaces: [Space<'a>; 7],
    imported_funcs: u32,
    /// Names of items that could not be read.
    broken: AHashSet<&'a str>,
    /// Whether items are missing that could not be read, so that indices are not what they were meant to be.
    incomplete: bool,
}

const KINDS: [SpaceKind; 7] = [
    SpaceKind::Func,
    SpaceKind::Type,
    SpaceKind::Table,
    SpaceKind::Memory,
    SpaceKind::Global,
    SpaceKind::Data,
    SpaceKind::Elem,
];

impl<'a> Names<'a> {
    /// Gives everything its index: in each space what is imported, then what is defined, in the order of the text.
    pub(crate) fn of(file: &mut File<'a>, problems: &mut Problems) -> Names<'a> {
        let space = |kind| Space { kind, by_name: AHashMap::new(), names: Vec::new(), spans: Vec::new() };
        let mut names = Names {
            spaces: KINDS.map(space),
            imported_funcs: 0,
            broken: file.broken.iter().copied().collect(),
            incomplete: file.incomplete,
        };
        for imported in [true, false] {
            for item in &mut file.items {
                if let Some((kind, is_imported)) = item.kind.space()
                    && is_imported == imported
                {
                    names.define(kind, item, problems);
                }
            }
            if imported {
                names.imported_funcs = names.spaces[SpaceKind::Func as usize].spans.len() as u32;
            }
        }
        names
    }

    fn define(&mut self, kind: SpaceKind, item: &mut Item<'a>, problems: &mut Problems) {
        let incomplete = self.incomplete;
        let space = &mut self.spaces[kind as usize];
        let (index, what) = (space.spans.len() as u32, kind.what());
        item.index = index;
        let mut own_name = "";
        if let Some(Name { index: given, text, span }) = item.name {
            if given.is_some_and(|given| given != index) && !incomplete {
                problems.add(|| {
                    let problem =
                        Problem::new(span, format!("this is {what} {index}, not {}", given.unwrap_or(0)));
                    problem.help(format!("write @{index}, or give it a name; imports are counted first"))
                });
            }
            own_name = text.unwrap_or("");
            // With an index before it, a name need not be unique: it is not what the text uses.
            if given.is_none() && !own_name.is_empty() {
                match space.by_name.get(own_name) {
                    Some(&first) => {
                        let first = space.spans[first as usize];
                        problems.add(|| {
                            Problem::new(span, format!("there is a {what} @{own_name} already"))
                                .help(format!(
                                    "give one of them another name, or write @{index}\"{own_name}\""
                                ))
                                .related(first, "first defined")
                        });
                    }
                    None => drop(space.by_name.insert(own_name, index)),
                }
            }
        }
        space.names.push(own_name);
        space.spans.push(item.span);
    }

    /// How many functions are imported: the first ones.
    pub(crate) fn imported_funcs(&self) -> u32 {
        self.imported_funcs
    }

    /// How many there are of a kind.
    pub(crate) fn len(&self, kind: SpaceKind) -> u32 {
        self.spaces[kind as usize].spans.len() as u32
    }

    /// Where the text defines something, if it does.
    pub(crate) fn span(&self, kind: SpaceKind, index: u32) -> Option<Span> {
        self.spaces[kind as usize].spans.get(index as usize).copied()
    }

    /// The index that a name stands for, if it is one; `len` is the size of the space.
    pub(crate) fn get(&self, kind: SpaceKind, name: Name<'_>, len: u32) -> Option<u32> {
        match (name.index, name.text) {
            (Some(index), _) => Some(index).filter(|&index| index < len),
            (None, text) => self.spaces[kind as usize].by_name.get(text?).copied(),
        }
    }

    /// The index that a name stands for; reports it if there is none.
    pub(crate) fn resolve(&self, kind: SpaceKind, name: Name<'_>, problems: &mut Problems) -> Option<u32> {
        self.resolve_within(kind, name, self.len(kind), problems)
    }

    /// As [`resolve`](Self::resolve), in a space of which not everything is in the text.
    pub(crate) fn resolve_within(
        &self,
        kind: SpaceKind,
        name: Name<'_>,
        len: u32,
        problems: &mut Problems,
    ) -> Option<u32> {
        let found = self.get(kind, name, len);
        if found.is_none() {
            self.report_missing(kind, name, len, problems);
        }
        found
    }

    #[cold]
    fn report_missing(&self, kind: SpaceKind, name: Name<'_>, len: u32, problems: &mut Problems) {
        let (space, what) = (&self.spaces[kind as usize], kind.what());
        if self.incomplete && name.text.is_none_or(|text| self.broken.contains(text)) {
            // What is meant is in an item that could not be read, which is reported.
            return;
        }
        problems.add(|| {
            let Some(text) = name.text.filter(|_| name.index.is_none()) else {
                let index = name.index.unwrap_or(0);
                let counted = match len {
                    0 => format!("the module has no {what}"),
                    _ => format!("the module has {len}, counted from @0"),
                };
                return Problem::new(name.span, format!("there is no {what} {index}; {counted}"));
            };
            let problem = Problem::new(name.span, format!("there is no {what} @{text}"));
            let elsewhere = self.spaces.iter().find(|space| space.by_name.contains_key(text));
            match (nearest(text, space.names.iter().copied()), elsewhere) {
                (Some(near), _) => problem.suggest(Some(format_args!("@{near}"))),
                (None, Some(other)) => problem.help(format!("@{text} is a {}", other.kind.what())),
                (None, None) => problem,
            }
        });
    }
}
