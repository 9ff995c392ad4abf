//! The items of a file as written: names not yet resolved, function bodies not yet read. Lists and unescaped names live
//! in one arena.

use bytecode_spec::{FuncType, Limits, ValType};

use crate::lexer::Span;

/// A name of a module's part: `@text`, `@7` or `@7"text"`.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Name<'a> {
    pub(crate) index: Option<u32>,
    pub(crate) text: Option<&'a str>,
    pub(crate) span: Span,
}

/// A register: what the function calls it, and its name in the module.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RegisterName<'a> {
    pub(crate) handle: &'a str,
    pub(crate) name: &'a str,
    pub(crate) span: Span,
}

/// A constant expression, whose type depends on where it stands.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Constant<'a> {
    Number(Span),
    Null(Span),
    /// A function or a global, depending on the type wanted.
    Name(Name<'a>),
    /// `global @name`.
    Global(Name<'a>),
}

/// An `export` clause behind an item; without a name, that of the item.
#[derive(Clone, Copy, Debug)]
pub(crate) struct ExportClause<'a> {
    pub(crate) name: Option<&'a str>,
    pub(crate) span: Span,
}

/// Which index space a name is in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(crate) enum SpaceKind {
    Func,
    Type,
    Table,
    Memory,
    Global,
    Data,
    Elem,
}

impl SpaceKind {
    /// What is in the space, for messages.
    pub(crate) fn what(self) -> &'static str {
        match self {
            SpaceKind::Func => "function",
            SpaceKind::Type => "type",
            SpaceKind::Table => "table",
            SpaceKind::Memory => "memory",
            SpaceKind::Global => "global",
            SpaceKind::Data => "data segment",
            SpaceKind::Elem => "element segment",
        }
    }
}

/// A function's head, and where its body is.
#[derive(Clone, Debug)]
pub(crate) struct Func<'a> {
    pub(crate) params: &'a [(RegisterName<'a>, ValType)],
    /// Between the braces.
    pub(crate) body: Span,
    /// The line that the body starts on.
    pub(crate) line: u32,
}

/// What an item is, besides its name and exports.
#[derive(Clone, Debug)]
pub(crate) enum ItemKind<'a> {
    /// `None` is `source none`.
    Source(Option<&'a str>),
    Type(FuncType),
    ImportFunc {
        signature: FuncType,
        ty: Option<Name<'a>>,
        from: [&'a str; 2],
    },
    ImportMemory {
        limits: Limits,
        from: [&'a str; 2],
    },
    ImportTable {
        element: ValType,
        limits: Limits,
        from: [&'a str; 2],
    },
    ImportGlobal {
        mutable: bool,
        content: ValType,
        from: [&'a str; 2],
    },
    Memory {
        limits: Limits,
    },
    Table {
        element: ValType,
        limits: Limits,
    },
    Global {
        mutable: bool,
        content: ValType,
        init: Constant<'a>,
    },
    Data {
        offset: Option<Constant<'a>>,
        bytes: Vec<u8>,
    },
    Elem {
        place: Option<(Name<'a>, Constant<'a>)>,
        element: ValType,
        items: &'a [Constant<'a>],
    },
    Func {
        signature: FuncType,
        ty: Option<Name<'a>>,
        func: Func<'a>,
    },
    /// The name exported is that of the clause.
    Export {
        kind: SpaceKind,
        target: Name<'a>,
    },
    Start(Name<'a>),
    Custom {
        name: &'a str,
        bytes: Vec<u8>,
    },
}

/// An item.
#[derive(Clone, Debug)]
pub(crate) struct Item<'a> {
    pub(crate) kind: ItemKind<'a>,
    /// What it defines, if it defines something with a name.
    pub(crate) name: Option<Name<'a>>,
    /// Its index in its space, once that is known.
    pub(crate) index: u32,
    pub(crate) exports: &'a [ExportClause<'a>],
    /// Its name, or its keyword where it has none.
    pub(crate) span: Span,
}

impl<'a> ItemKind<'a> {
    /// The type of a function, and what it names as such.
    pub(crate) fn signature(&self) -> Option<(&FuncType, Option<Name<'a>>)> {
        match self {
            ItemKind::ImportFunc { signature, ty, .. } | ItemKind::Func { signature, ty, .. } => {
                Some((signature, *ty))
            }
            ItemKind::Source(_)
            | ItemKind::Type(_)
            | ItemKind::ImportMemory { .. }
            | ItemKind::ImportTable { .. }
            | ItemKind::ImportGlobal { .. }
            | ItemKind::Memory { .. }
            | ItemKind::Table { .. }
            | ItemKind::Global { .. }
            | ItemKind::Data { .. }
            | ItemKind::Elem { .. }
            | ItemKind::Export { .. }
            | ItemKind::Start(_)
            | ItemKind::Custom { .. } => None,
        }
    }

    /// The index space that the item adds to, and whether it is imported.
    pub(crate) fn space(&self) -> Option<(SpaceKind, bool)> {
        match self {
            ItemKind::Type(_) => Some((SpaceKind::Type, false)),
            ItemKind::ImportFunc { .. } => Some((SpaceKind::Func, true)),
            ItemKind::ImportMemory { .. } => Some((SpaceKind::Memory, true)),
            ItemKind::ImportTable { .. } => Some((SpaceKind::Table, true)),
            ItemKind::ImportGlobal { .. } => Some((SpaceKind::Global, true)),
            ItemKind::Memory { .. } => Some((SpaceKind::Memory, false)),
            ItemKind::Table { .. } => Some((SpaceKind::Table, false)),
            ItemKind::Global { .. } => Some((SpaceKind::Global, false)),
            ItemKind::Data { .. } => Some((SpaceKind::Data, false)),
            ItemKind::Elem { .. } => Some((SpaceKind::Elem, false)),
            ItemKind::Func { .. } => Some((SpaceKind::Func, false)),
            ItemKind::Source(_) | ItemKind::Export { .. } | ItemKind::Start(_) | ItemKind::Custom { .. } => {
                None
            }
        }
    }
}
