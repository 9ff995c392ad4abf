//! The verifier: one linear pass over each function, driven by the table; it knows no opcode by name.
//!
//! What it accepts, any tier may run without looking again: opcodes and lists end within the code, registers exist and
//! have the types their rows ask, branches go to starts of instructions, indices name things of the right kind, calls
//! and returns fit their signatures, control does not run off the end, and words have no stray bits. A register has
//! one type for the whole function, so no state is carried from instruction to instruction.

mod function;

use std::fmt;

use ahash::AHashSet;

use self::function::{FunctionVerifier, Scratch};
use crate::limits;
use crate::module::{
    ConstExpr, ControlFlow, ExportKind, ImportKind, IndexSpaces, Module, SourceLine, VerifiedModule,
};
use crate::types::{
    DataIndex, ElemIndex, FuncIndex, FuncType, GlobalIndex, Limits, MemoryIndex, Pc, TableIndex, TypeIndex,
    ValType, is_subtype,
};

/// Where in a module something is wrong.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Place {
    /// The module as a whole.
    Module,
    /// A type.
    Type(TypeIndex),
    /// An import, by its place in the list of imports.
    Import(u32),
    /// A function, outside its instructions.
    Func(FuncIndex),
    /// An instruction.
    Instruction {
        /// The function.
        func: FuncIndex,
        /// The instruction.
        pc: Pc,
        /// Its source line, if known.
        line: Option<SourceLine>,
        /// The operand, by its name in the shape, if it is one.
        operand: Option<&'static str>,
    },
    /// A table.
    Table(TableIndex),
    /// A memory.
    Memory(MemoryIndex),
    /// A global.
    Global(GlobalIndex),
    /// An export, by its place in the list of exports.
    Export(u32),
    /// The start function.
    Start,
    /// A data segment.
    Data(DataIndex),
    /// An element segment.
    Elem(ElemIndex),
}

/// One thing that is wrong with a module.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifyError {
    /// Where.
    pub place: Place,
    /// What, and what would be right.
    pub message: String,
}

impl fmt::Display for VerifyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.place {
            Place::Module => write!(f, "module: ")?,
            Place::Type(i) => write!(f, "type {i}: ")?,
            Place::Import(i) => write!(f, "import {i}: ")?,
            Place::Func(i) => write!(f, "function {i}: ")?,
            Place::Instruction { func, pc, line, .. } => {
                write!(f, "function {func}, pc {pc}")?;
                line.map_or(Ok(()), |line| write!(f, " ({line})"))?;
                write!(f, ": ")?;
            }
            Place::Table(i) => write!(f, "table {i}: ")?,
            Place::Memory(i) => write!(f, "memory {i}: ")?,
            Place::Global(i) => write!(f, "global {i}: ")?,
            Place::Export(i) => write!(f, "export {i}: ")?,
            Place::Start => write!(f, "start: ")?,
            Place::Data(i) => write!(f, "data {i}: ")?,
            Place::Elem(i) => write!(f, "elem {i}: ")?,
        }
        f.write_str(&self.message)
    }
}

impl std::error::Error for VerifyError {}

/// Everything that is wrong with a module, up to [`VerifyErrors::LIMIT`] errors; never empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerifyErrors(pub Vec<VerifyError>);

impl VerifyErrors {
    /// After so many errors the verifier gives up.
    pub const LIMIT: usize = 100;
}

impl fmt::Display for VerifyErrors {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (i, error) in self.0.iter().enumerate() {
            if i > 0 {
                writeln!(f)?;
            }
            error.fmt(f)?;
        }
        Ok(())
    }
}

impl std::error::Error for VerifyErrors {}

/// Accepts a module, or says everything that is wrong with it.
///
/// The accepted module is in canonical form: a register name that says nothing (`r` and the register's number) is
/// dropped.
///
/// ```
/// use bytecode_spec::{Function, FuncType, LineTable, Module, RegisterNames, TypeDef, TypeIndex, verify};
///
/// let mut module = Module::default();
/// module.types.push(TypeDef { name: String::new(), ty: FuncType::default() });
/// module.functions.push(Function {
///     name: "f".into(),
///     ty: TypeIndex(0),
///     registers: vec![],
///     register_names: RegisterNames::new(),
///     code: vec![],
///     lines: LineTable::new(),
/// });
/// let errors = verify(module).unwrap_err();
/// assert_eq!(errors.to_string(), "function @f0: has no instructions; end it with ret, jump or trap");
/// ```
///
/// # Errors
///
/// See [`VerifyError`]. Takes time and memory linear in the module's size.
pub fn verify(mut module: Module) -> Result<VerifiedModule, VerifyErrors> {
    let mut errors = Errors(Vec::new());
    let spaces = verify_declarations(&module, &mut errors);
    let mut flow = ControlFlow::default();
    // Instructions are checked against the declarations: these must hold first.
    if errors.0.is_empty() {
        let imported = spaces.imported_funcs;
        let mut scratch = Scratch::default();
        for (i, function) in module.functions.iter().enumerate() {
            let index = FuncIndex(imported + i as u32);
            FunctionVerifier::new(&module, &spaces, index, function, &mut errors, &mut scratch).verify();
            flow.add(scratch.back_edges(), scratch.has_calls);
            if errors.full() {
                break;
            }
        }
    }
    if !errors.0.is_empty() {
        return Err(VerifyErrors(errors.0));
    }
    for function in &mut module.functions {
        function.register_names.make_canonical();
    }
    Ok(VerifiedModule::new(module, spaces, flow))
}

struct Errors(Vec<VerifyError>);

impl Errors {
    fn add(&mut self, place: Place, message: impl Into<String>) {
        if !self.full() {
            self.0.push(VerifyError { place, message: message.into() });
        }
    }

    fn full(&self) -> bool {
        self.0.len() >= VerifyErrors::LIMIT
    }
}

/// Checks all but the instructions.
fn verify_declarations(module: &Module, errors: &mut Errors) -> IndexSpaces {
    let at_most = |what: &str, count: usize, limit: usize, errors: &mut Errors| {
        if count > limit {
            errors.add(Place::Module, format!("{count} {what}, at most {limit} are possible"));
        }
    };
    at_most("sources", module.sources.len(), limits::MAX_ITEMS, errors);
    at_most("types", module.types.len(), limits::MAX_ITEMS, errors);
    at_most("imports", module.imports.len(), limits::MAX_ITEMS, errors);
    at_most("functions", module.functions.len(), limits::MAX_ITEMS, errors);
    at_most("globals", module.globals.len(), limits::MAX_ITEMS, errors);
    at_most("exports", module.exports.len(), limits::MAX_ITEMS, errors);
    at_most("data segments", module.data.len(), limits::MAX_ITEMS, errors);
    at_most("element segments", module.elements.len(), limits::MAX_ITEMS, errors);

    let mut sources = AHashSet::new();
    for (i, source) in module.sources.iter().enumerate() {
        check_name(source, Place::Module, errors);
        if !sources.insert(source.as_str()) {
            errors.add(Place::Module, format!("source {i} has the name of another; their names are unique"));
        }
    }
    for (i, def) in module.types.iter().enumerate() {
        let place = Place::Type(TypeIndex(i as u32));
        check_name(&def.name, place, errors);
        if def.ty.params.len() > limits::MAX_PARAMS || def.ty.results.len() > limits::MAX_PARAMS {
            let limit = limits::MAX_PARAMS;
            errors.add(place, format!("more than {limit} parameters or results"));
        }
    }
    for (i, import) in module.imports.iter().enumerate() {
        let place = Place::Import(i as u32);
        for name in [&import.name, &import.module, &import.field] {
            check_name(name, place, errors);
        }
        if let ImportKind::Func(ty) = import.kind {
            check_index("type", ty.index(), module.types.len(), place, errors);
        }
    }

    let spaces = IndexSpaces::of(module);
    at_most("tables", spaces.tables.len(), limits::MAX_TABLES, errors);
    at_most("memories", spaces.memories.len(), limits::MAX_MEMORIES, errors);
    for (i, table) in spaces.tables.iter().enumerate() {
        let place = Place::Table(TableIndex(i as u32));
        if !table.element.is_ref() {
            errors.add(place, format!("elements must be references, found {}", table.element));
        }
        check_limits(&table.limits, limits::MAX_TABLE_ELEMENTS, "elements", place, errors);
    }
    for (i, memory) in spaces.memories.iter().enumerate() {
        let place = Place::Memory(MemoryIndex(i as u32));
        check_limits(&memory.limits, limits::MAX_PAGES, "pages", place, errors);
    }
    for (i, table) in module.tables.iter().enumerate() {
        check_name(&table.name, Place::Table(TableIndex(i as u32)), errors);
    }
    for (i, memory) in module.memories.iter().enumerate() {
        check_name(&memory.name, Place::Memory(MemoryIndex(i as u32)), errors);
    }
    for (i, global) in module.globals.iter().enumerate() {
        let place = Place::Global(GlobalIndex(spaces.imported_globals + i as u32));
        check_name(&global.name, place, errors);
        check_const(global.init, global.ty.content, &spaces, place, errors);
    }

    let mut names = AHashSet::new();
    for (i, export) in module.exports.iter().enumerate() {
        let place = Place::Export(i as u32);
        check_name(&export.name, place, errors);
        if !names.insert(export.name.as_str()) {
            errors.add(place, format!("\"{}\" is exported twice; export names are unique", export.name));
        }
        let (what, index, len) = match export.kind {
            ExportKind::Func(f) => ("function", f.index(), spaces.funcs.len()),
            ExportKind::Table(t) => ("table", t.index(), spaces.tables.len()),
            ExportKind::Memory(m) => ("memory", m.index(), spaces.memories.len()),
            ExportKind::Global(g) => ("global", g.index(), spaces.globals.len()),
        };
        check_index(what, index, len, place, errors);
    }
    for (i, function) in module.functions.iter().enumerate() {
        let place = Place::Func(FuncIndex(spaces.imported_funcs + i as u32));
        check_name(&function.name, place, errors);
        check_index("type", function.ty.index(), module.types.len(), place, errors);
    }
    if let Some(start) = module.start
        && check_index("function", start.index(), spaces.funcs.len(), Place::Start, errors)
        && let Some(def) = module.types.get(spaces.funcs[start.index()].index())
        && def.ty != FuncType::default()
    {
        let ty = &def.ty;
        errors.add(Place::Start, format!("the start function has type {ty}, it must be () without results"));
    }
    for (i, data) in module.data.iter().enumerate() {
        let place = Place::Data(DataIndex(i as u32));
        check_name(&data.name, place, errors);
        if let Some(offset) = data.offset {
            check_index("memory", 0, spaces.memories.len(), place, errors);
            check_const(offset, ValType::I32, &spaces, place, errors);
        }
    }
    for (i, elements) in module.elements.iter().enumerate() {
        let place = Place::Elem(ElemIndex(i as u32));
        check_name(&elements.name, place, errors);
        if !elements.element.is_ref() {
            errors.add(place, format!("elements must be references, found {}", elements.element));
        }
        if let Some((table, offset)) = elements.place {
            check_const(offset, ValType::I32, &spaces, place, errors);
            if check_index("table", table.index(), spaces.tables.len(), place, errors)
                && spaces.tables[table.index()].element != elements.element
            {
                errors.add(place, format!("{} elements do not fit table {table}", elements.element));
            }
        }
        for &item in &elements.items {
            check_const(item, elements.element, &spaces, place, errors);
        }
    }
    for section in &module.custom {
        check_name(&section.name, Place::Module, errors);
    }
    spaces
}

fn check_name(name: &str, place: Place, errors: &mut Errors) {
    if name.len() > limits::MAX_NAME_BYTES {
        errors.add(place, format!("the name has {} bytes, at most {}", name.len(), limits::MAX_NAME_BYTES));
    }
}

fn check_index(what: &str, index: usize, len: usize, place: Place, errors: &mut Errors) -> bool {
    if index >= len {
        errors.add(place, format!("there is no {what} {index}, the module has {len}"));
    }
    index < len
}

fn check_limits(found: &Limits, most: u32, unit: &str, place: Place, errors: &mut Errors) {
    if found.max.is_some_and(|max| max < found.min) {
        errors.add(place, format!("at least {} {unit} and at most fewer", found.min));
    }
    if found.min > most || (unit == "pages" && found.max.is_some_and(|max| max > most)) {
        errors.add(place, format!("more {unit} than the limit of {most}"));
    }
}

fn check_const(init: ConstExpr, wanted: ValType, spaces: &IndexSpaces, place: Place, errors: &mut Errors) {
    let found = match init {
        ConstExpr::I32(_) => ValType::I32,
        ConstExpr::I64(_) => ValType::I64,
        ConstExpr::F32(_) => ValType::F32,
        ConstExpr::F64(_) => ValType::F64,
        ConstExpr::Null(ty) => {
            if !ty.is_ref() {
                errors.add(place, format!("null is no {ty}"));
            }
            ty
        }
        ConstExpr::Func(func) => {
            check_index("function", func.index(), spaces.funcs.len(), place, errors);
            ValType::FuncRef
        }
        ConstExpr::Global(global) => {
            let imported = spaces.imported_globals;
            match spaces.globals.get(global.index()) {
                Some(ty) if global.0 < imported && !ty.mutable => ty.content,
                _ => {
                    let message = format!(
                        "a constant may name imported, immutable globals only; global {} is none",
                        global.0
                    );
                    return errors.add(place, message);
                }
            }
        }
    };
    if !is_subtype(found, wanted) {
        errors.add(place, format!("needs a constant of type {wanted}, found {found}"));
    }
}
