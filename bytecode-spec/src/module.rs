//! Modules: what a program is made of, before and after verification.

mod leb;
mod names;
mod lines;

use std::ops::Deref;
use std::sync::Arc;

use serde::{Deserialize, Serialize};

use crate::liveness::BackEdge;
use crate::types::{
    FuncIndex, FuncType, GlobalIndex, GlobalType, MemoryIndex, MemoryType, TableIndex, TableType, TypeIndex,
    ValType,
};

pub use lines::{LineEntries, LineEntry, LineTable, SourceLine};
pub use names::RegisterNames;

/// A program or library, as built, assembled, translated or decoded; not yet verified.
///
/// In each index space imported entities come first, in the order of [`imports`](Module::imports), then defined ones.
/// Names are for people: they may be empty, and nothing but messages and text depends on them.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Module {
    /// Names of the texts that line numbers refer to, such as files; unique.
    pub sources: Vec<String>,
    /// Function types.
    pub types: Vec<TypeDef>,
    /// Imports, of every kind.
    pub imports: Vec<Import>,
    /// Defined functions.
    pub functions: Vec<Function>,
    /// Defined tables.
    pub tables: Vec<Table>,
    /// Defined memories.
    pub memories: Vec<Memory>,
    /// Defined globals.
    pub globals: Vec<Global>,
    /// Exports; names are unique.
    pub exports: Vec<Export>,
    /// Function without parameters and results that runs at instantiation.
    pub start: Option<FuncIndex>,
    /// Data segments.
    pub data: Vec<DataSegment>,
    /// Element segments.
    pub elements: Vec<ElementSegment>,
    /// Sections that the machine keeps and does not read.
    pub custom: Vec<CustomSection>,
}

/// A function type and its name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TypeDef {
    /// Name in text, without `@`; may be empty.
    pub name: String,
    /// Parameters and results.
    pub ty: FuncType,
}

/// Something taken from the host or another instance.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Import {
    /// Name in this module's text, without `@`; may be empty.
    pub name: String,
    /// First part of the name to import.
    pub module: String,
    /// Second part of the name to import.
    pub field: String,
    /// What is imported.
    pub kind: ImportKind,
}

/// What an import must be.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum ImportKind {
    /// A function of that type.
    Func(TypeIndex),
    /// A table of that element type, with fitting limits.
    Table(TableType),
    /// A memory with fitting limits.
    Memory(MemoryType),
    /// A global of that type.
    Global(GlobalType),
}

/// A defined function.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Function {
    /// Name in text, without `@`; may be empty.
    pub name: String,
    /// Its type.
    pub ty: TypeIndex,
    /// Types of its registers; parameters come first.
    pub registers: Vec<ValType>,
    /// Names of registers, without `%`: at most as many as registers.
    pub register_names: RegisterNames,
    /// Its instructions. See [`isa`](crate::isa) for the encoding.
    #[serde(with = "words")]
    pub code: Vec<u64>,
    /// Source lines.
    pub lines: LineTable,
}

/// A defined table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Table {
    /// Name in text, without `@`; may be empty.
    pub name: String,
    /// Its type.
    pub ty: TableType,
}

/// A defined memory.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Memory {
    /// Name in text, without `@`; may be empty.
    pub name: String,
    /// Its type.
    pub ty: MemoryType,
}

/// A defined global.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Global {
    /// Name in text, without `@`; may be empty.
    pub name: String,
    /// Its type.
    pub ty: GlobalType,
    /// Its value at the start.
    pub init: ConstExpr,
}

/// A value known at instantiation.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub enum ConstExpr {
    /// An `i32`.
    I32(i32),
    /// An `i64`.
    I64(i64),
    /// The bits of an `f32`.
    F32(u32),
    /// The bits of an `f64`.
    F64(u64),
    /// The null reference of that type.
    Null(ValType),
    /// A reference to a function of this module.
    Func(FuncIndex),
    /// The value of an imported, immutable global.
    Global(GlobalIndex),
}

/// Something others may use by name.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Export {
    /// The name, unique among the module's exports.
    pub name: String,
    /// What is exported.
    pub kind: ExportKind,
}

/// What an export names.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum ExportKind {
    /// A function.
    Func(FuncIndex),
    /// A table.
    Table(TableIndex),
    /// A memory.
    Memory(MemoryIndex),
    /// A global.
    Global(GlobalIndex),
}

/// Bytes for a memory.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct DataSegment {
    /// Name in text, without `@`; may be empty.
    pub name: String,
    /// Where instantiation writes it (an `i32`); `None` if it waits for `memory.init`.
    pub offset: Option<ConstExpr>,
    /// The bytes.
    #[serde(with = "serde_bytes")]
    pub bytes: Vec<u8>,
}

/// References for a table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct ElementSegment {
    /// Name in text, without `@`; may be empty.
    pub name: String,
    /// Type of the elements, a reference type.
    pub element: ValType,
    /// Table and offset (an `i32`) where instantiation writes it; `None` if it waits for `table.init`.
    pub place: Option<(TableIndex, ConstExpr)>,
    /// The elements.
    pub items: Vec<ConstExpr>,
}

/// A section that the machine keeps and does not read.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct CustomSection {
    /// Its name.
    pub name: String,
    /// Its content.
    #[serde(with = "serde_bytes")]
    pub bytes: Vec<u8>,
}

macro_rules! imported {
    ($($(#[$doc:meta])* $name:ident $kind:ident -> $out:ty;)*) => {
        impl Module { $(
            $(#[$doc])*
            pub fn $name(&self) -> impl Iterator<Item = (&Import, $out)> {
                self.imports.iter().filter_map(|import| match import.kind {
                    ImportKind::$kind(ty) => Some((import, ty)),
                    #[allow(clippy::wildcard_enum_match_arm, reason = "the other kinds, whichever they are")]
                    _ => None,
                })
            }
        )* }
    };
}

imported! {
    /// Imported functions, in the order of their indices from 0.
    imported_funcs Func -> TypeIndex;
    /// Imported tables, in the order of their indices from 0.
    imported_tables Table -> TableType;
    /// Imported memories, in the order of their indices from 0.
    imported_memories Memory -> MemoryType;
    /// Imported globals, in the order of their indices from 0.
    imported_globals Global -> GlobalType;
}

impl Module {
    /// The index of a type equal to `ty`, which is added if there is none. Takes time linear in the number of types;
    /// builders of large modules keep a map.
    pub fn intern_type(&mut self, ty: &FuncType) -> TypeIndex {
        let found = self.types.iter().position(|t| t.ty == *ty);
        TypeIndex(found.unwrap_or_else(|| {
            self.types.push(TypeDef { name: String::new(), ty: ty.clone() });
            self.types.len() - 1
        }) as u32)
    }

    /// Adds an import and gives its index in the index space of its kind. Imports must be added before anything of that
    /// kind is defined.
    pub fn import(&mut self, module: &str, field: &str, kind: ImportKind) -> u32 {
        let same = |i: &&Import| std::mem::discriminant(&i.kind) == std::mem::discriminant(&kind);
        let index = self.imports.iter().filter(same).count();
        self.imports.push(Import { name: String::new(), module: module.into(), field: field.into(), kind });
        index as u32
    }

    /// Exports something under a name.
    pub fn export(&mut self, name: &str, kind: ExportKind) {
        self.exports.push(Export { name: name.into(), kind });
    }
}

/// A module that the verifier has accepted, shared and immutable, with its index spaces laid out. Only
/// [`verify`](crate::verify::verify) makes one.
#[derive(Clone, Debug)]
pub struct VerifiedModule(Arc<Verified>);

#[derive(Debug)]
struct Verified {
    module: Module,
    spaces: IndexSpaces,
    flow: ControlFlow,
}

/// What the verifier notes of where control goes, of all functions.
#[derive(Debug, Default)]
pub(crate) struct ControlFlow {
    back_edges: Vec<BackEdge>,
    functions: Vec<FunctionFlow>,
}

/// The same of one function.
#[derive(Debug)]
struct FunctionFlow {
    /// Where the back edges of the next function start.
    end: u32,
    /// Whether it has calls, but tail calls.
    has_calls: bool,
}

impl ControlFlow {
    /// Adds the next function.
    pub(crate) fn add(&mut self, back_edges: impl Iterator<Item = BackEdge>, has_calls: bool) {
        self.back_edges.extend(back_edges);
        self.functions.push(FunctionFlow { end: self.back_edges.len() as u32, has_calls });
    }
}

/// What every index of a module stands for, imported and defined.
#[derive(Debug, Default)]
pub struct IndexSpaces {
    /// Type of each function.
    pub funcs: Vec<TypeIndex>,
    /// How many of them are imported.
    pub imported_funcs: u32,
    /// Type of each table.
    pub tables: Vec<TableType>,
    /// Type of each memory.
    pub memories: Vec<MemoryType>,
    /// Type of each global.
    pub globals: Vec<GlobalType>,
    /// How many of them are imported.
    pub imported_globals: u32,
}

impl IndexSpaces {
    /// Lays out the index spaces of a module.
    pub fn of(module: &Module) -> IndexSpaces {
        let imported: Vec<TypeIndex> = module.imported_funcs().map(|(_, ty)| ty).collect();
        let imported_globals = module.imported_globals().count() as u32;
        IndexSpaces {
            imported_funcs: imported.len() as u32,
            imported_globals,
            funcs: imported.into_iter().chain(module.functions.iter().map(|f| f.ty)).collect(),
            tables: module
                .imported_tables()
                .map(|(_, ty)| ty)
                .chain(module.tables.iter().map(|t| t.ty))
                .collect(),
            memories: module
                .imported_memories()
                .map(|(_, ty)| ty)
                .chain(module.memories.iter().map(|m| m.ty))
                .collect(),
            globals: module
                .imported_globals()
                .map(|(_, ty)| ty)
                .chain(module.globals.iter().map(|g| g.ty))
                .collect(),
        }
    }
}

impl VerifiedModule {
    /// For the verifier alone.
    pub(crate) fn new(module: Module, spaces: IndexSpaces, flow: ControlFlow) -> VerifiedModule {
        VerifiedModule(Arc::new(Verified { module, spaces, flow }))
    }

    /// What every index stands for.
    pub fn spaces(&self) -> &IndexSpaces {
        &self.0.spaces
    }

    /// The type of a function, imported or defined.
    ///
    /// # Panics
    ///
    /// When there is no such function.
    pub fn func_type(&self, func: FuncIndex) -> &FuncType {
        &self.types[self.spaces().funcs[func.index()].index()].ty
    }

    /// The definition of a function, or `None` when it is imported.
    pub fn function(&self, func: FuncIndex) -> Option<&Function> {
        self.functions.get(self.defined(func)?)
    }

    /// The branches of a function that go backwards, or to themselves, in their order: it has loops if there are any. None for a
    /// function that the module does not define.
    pub fn back_edges(&self, func: FuncIndex) -> &[BackEdge] {
        let ControlFlow { back_edges, functions } = &self.0.flow;
        let Some(i) = self.defined(func) else { return &[] };
        let Some(function) = functions.get(i) else { return &[] };
        let start = i.checked_sub(1).map_or(0, |before| functions[before].end);
        &back_edges[start as usize..function.end as usize]
    }

    /// Whether a function has calls, but tail calls. False for a function that the module does not define.
    pub fn has_calls(&self, func: FuncIndex) -> bool {
        self.defined(func)
            .and_then(|i| self.0.flow.functions.get(i))
            .is_some_and(|function| function.has_calls)
    }

    /// The place of a function among those that the module defines, if it is not imported.
    fn defined(&self, func: FuncIndex) -> Option<usize> {
        func.index().checked_sub(self.spaces().imported_funcs as usize)
    }

    /// A name for messages: the function's own, or its index in the form `f7`.
    pub fn func_name(&self, func: FuncIndex) -> String {
        let name = match self.function(func) {
            Some(function) => function.name.as_str(),
            None => self.imported_funcs().nth(func.index()).map_or("", |(import, _)| &import.name),
        };
        if name.is_empty() { format!("f{}", func.0) } else { name.to_owned() }
    }
}

impl Deref for VerifiedModule {
    type Target = Module;

    fn deref(&self) -> &Module {
        &self.0.module
    }
}

/// Code as one block of little-endian bytes: decoding is a copy, and a hostile count costs nothing.
mod words {
    use serde::de::Error;
    use serde::{Deserializer, Serializer};

    pub(super) fn serialize<S: Serializer>(code: &[u64], serializer: S) -> Result<S::Ok, S::Error> {
        let bytes: Vec<u8> = code.iter().flat_map(|word| word.to_le_bytes()).collect();
        serde_bytes::serialize(&bytes, serializer)
    }

    pub(super) fn deserialize<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Vec<u64>, D::Error> {
        let bytes: std::borrow::Cow<'de, serde_bytes::Bytes> = serde::Deserialize::deserialize(deserializer)?;
        let (words, rest) = bytes.as_chunks();
        if rest.is_empty() {
            Ok(words.iter().map(|word| u64::from_le_bytes(*word)).collect())
        } else {
            Err(D::Error::custom("code is not a whole number of words"))
        }
    }
}
