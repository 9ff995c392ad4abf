//! The verifier: one linear pass over each function, driven by the table; it knows no opcode by name.
//!
//! What it accepts, any tier may run without looking again: opcodes and lists end within the code, registers exist and
//! have the types their rows ask, branches go to starts of instructions, indices name things of the right kind, calls
//! and returns fit their signatures, control does not run off the end, and words have no stray bits. A register has
//! one type for the whole function, so no state is carried from instruction to instruction.

use std::fmt;

use ahash::AHashSet;

use crate::isa::{Effect, Kind, List, Op, OpInfo, OperandInfo, TypeRule, Words};
use crate::limits;
use crate::module::{ConstExpr, ExportKind, Function, ImportKind, IndexSpaces, Module, VerifiedModule};
use crate::trap::TrapCause;
use crate::types::{
    DataIndex, ElemIndex, FuncIndex, FuncType, GlobalIndex, Limits, MemoryIndex, Pc, Reg, TableIndex,
    TypeIndex, ValType, is_subtype,
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
        line: Option<u32>,
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
                line.map_or(Ok(()), |line| write!(f, " (line {line})"))?;
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
/// use bytecode_spec::{Function, FuncType, Module, TypeDef, TypeIndex, verify};
///
/// let mut module = Module::default();
/// module.types.push(TypeDef { name: String::new(), ty: FuncType::default() });
/// module.functions.push(Function {
///     name: "f".into(),
///     ty: TypeIndex(0),
///     registers: vec![],
///     register_names: vec![],
///     code: vec![],
///     lines: vec![],
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
    // Instructions are checked against the declarations: these must hold first.
    if errors.0.is_empty() {
        let imported = spaces.imported_funcs;
        let mut scratch = Scratch::default();
        for (i, function) in module.functions.iter().enumerate() {
            let index = FuncIndex(imported + i as u32);
            FunctionVerifier::new(&module, &spaces, index, function, &mut errors, &mut scratch).verify();
            if errors.full() {
                break;
            }
        }
    }
    if !errors.0.is_empty() {
        return Err(VerifyErrors(errors.0));
    }
    for function in &mut module.functions {
        drop_idle_names(&mut function.register_names);
    }
    Ok(VerifiedModule::new(module, spaces))
}

fn drop_idle_names(names: &mut Vec<String>) {
    for (i, name) in names.iter_mut().enumerate() {
        let number = name.strip_prefix('r').filter(|number| number.starts_with(|c: char| c.is_ascii_digit()));
        if number.is_some_and(|number| number == i.to_string()) {
            name.clear();
        }
    }
    if names.iter().all(String::is_empty) {
        names.clear();
    }
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
    at_most("types", module.types.len(), limits::MAX_ITEMS, errors);
    at_most("imports", module.imports.len(), limits::MAX_ITEMS, errors);
    at_most("functions", module.functions.len(), limits::MAX_ITEMS, errors);
    at_most("globals", module.globals.len(), limits::MAX_ITEMS, errors);
    at_most("exports", module.exports.len(), limits::MAX_ITEMS, errors);
    at_most("data segments", module.data.len(), limits::MAX_ITEMS, errors);
    at_most("element segments", module.elements.len(), limits::MAX_ITEMS, errors);

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

/// Checks one function's registers, instructions and line table.
struct FunctionVerifier<'a> {
    module: &'a Module,
    spaces: &'a IndexSpaces,
    index: FuncIndex,
    function: &'a Function,
    errors: &'a mut Errors,
    scratch: &'a mut Scratch,
    /// The instruction at hand.
    pc: Pc,
}

/// What is noted of a function while its instructions are checked.
#[derive(Default)]
struct Scratch {
    /// One bit a word: an instruction starts there.
    starts: Vec<u64>,
    /// Branches that must go to one: where they are, and where they go.
    branches: Vec<(Pc, i64)>,
}

/// What an instruction's operands say together.
#[derive(Default)]
struct Together<'a> {
    /// The one type of `T` and `R`, and which operand set it.
    variable: Option<(ValType, &'static str)>,
    /// The type of the function called.
    signature: Option<&'a FuncType>,
    /// Registers read, and the operand's name.
    uses: Option<(List, &'static str)>,
    /// Registers written, and the operand's name.
    defs: Option<(List, &'static str)>,
}

impl<'a> FunctionVerifier<'a> {
    fn new(
        module: &'a Module,
        spaces: &'a IndexSpaces,
        index: FuncIndex,
        function: &'a Function,
        errors: &'a mut Errors,
        scratch: &'a mut Scratch,
    ) -> Self {
        scratch.starts.clear();
        scratch.starts.resize(function.code.len().div_ceil(64), 0);
        scratch.branches.clear();
        FunctionVerifier { module, spaces, index, function, errors, scratch, pc: Pc(0) }
    }

    fn verify(mut self) {
        let place = Place::Func(self.index);
        let (registers, names) = (self.function.registers.len(), self.function.register_names.len());
        let params = &self.signature_of(self.function.ty).params;
        if !self.function.registers.starts_with(params) {
            self.errors.add(place, "the first registers must be the parameters, of their types");
        }
        if registers > limits::MAX_REGISTERS {
            let limit = limits::MAX_REGISTERS;
            return self.errors.add(place, format!("{registers} registers, at most {limit} are possible"));
        }
        if names != 0 && names != registers {
            self.errors.add(place, format!("{names} register names for {registers} registers"));
        }
        for name in &self.function.register_names {
            check_name(name, place, self.errors);
        }
        let code = self.function.code.as_slice();
        if code.len() > limits::MAX_CODE_WORDS {
            let limit = limits::MAX_CODE_WORDS;
            return self.errors.add(place, format!("{} words of code, at most {limit}", code.len()));
        }
        if code.is_empty() {
            return self.errors.add(place, "has no instructions; end it with ret, jump or trap");
        }

        let mut ended = false;
        let mut at = 0;
        while at < code.len() {
            self.pc = Pc(at as u32);
            self.scratch.starts[at / 64] |= 1 << (at % 64);
            let Some(op) = Op::from_code(code[at] as u16) else {
                return self.error(None, format!("unknown opcode {}", code[at] as u16));
            };
            let info = op.info();
            let Some(length) = info.length(&code[at..]) else {
                return self.error(None, format!("{} does not end within the code", info.mnemonic));
            };
            self.instruction(info, &code[at..], length);
            ended = info.effects.has(Effect::Ends);
            at += length;
        }
        if !ended {
            self.error(None, "control runs off the end of the function; end it with ret, jump or trap");
        }
        for i in 0..self.scratch.branches.len() {
            let (pc, target) = self.scratch.branches[i];
            if !self.is_start(target) {
                self.pc = pc;
                self.error(Some("target"), format!("branches to {target}, where no instruction starts"));
            }
        }
        self.lines();
    }

    fn lines(&mut self) {
        let mut last: Option<(Pc, u32)> = None;
        for entry in &self.function.lines {
            let ordered = match last {
                Some((pc, line)) => pc < entry.pc && line != entry.line,
                None => entry.line != 0,
            };
            if !ordered || !self.is_start(entry.pc.0.into()) {
                let message = format!("the line table's entry for pc {} is out of order or place", entry.pc);
                return self.errors.add(Place::Func(self.index), message);
            }
            last = Some((entry.pc, entry.line));
        }
    }

    fn is_start(&self, at: i64) -> bool {
        usize::try_from(at)
            .is_ok_and(|at| self.scratch.starts.get(at / 64).is_some_and(|bits| bits >> (at % 64) & 1 != 0))
    }

    #[cold]
    fn error(&mut self, operand: Option<&'static str>, message: impl Into<String>) {
        let line = self.function.line(self.pc);
        let place = Place::Instruction { func: self.index, pc: self.pc, line, operand };
        self.errors.add(place, message);
    }

    fn signature_of(&self, ty: TypeIndex) -> &'a FuncType {
        &self.module.types[ty.index()].ty
    }

    /// Checks the instruction at the start of `words`. What most instructions need is here, and does the same for all
    /// of them: a branch on what an operand is would often be predicted wrongly, and cost more than the checks.
    #[inline(always)]
    fn instruction(&mut self, info: &OpInfo, words: &[u64], length: usize) {
        let checks = &info.checks;
        let zero = |i| words.get(i).copied().unwrap_or(0) & checks.zero_bits[i];
        if zero(0) | zero(1) | zero(2) != 0 {
            self.wrong_bits(info, words);
        }
        if checks.memory & self.spaces.memories.is_empty() {
            self.error(None, format!("{} needs a memory, and the module has none", info.mnemonic));
        }
        let registers = self.function.registers.as_slice();
        let fits =
            |(lane, ty): (u8, ValType)| registers.get(usize::from(words.lane(lane.into()))) == Some(&ty);
        if checks.typed.is_some_and(|[a, b, c]| !(fits(a) & fits(b) & fits(c))) {
            self.wrong_registers(info, words);
        }
        if !checks.others.is_empty() {
            self.others(info, &words[..length]);
        }
    }

    /// Checks the operands that need a look of their own, and what they say together.
    #[inline(never)]
    fn others(&mut self, info: &OpInfo, words: &[u64]) {
        let mut together = Together::default();
        let mut tail = u32::from(info.fixed_lanes);
        for operand in info.checks.others {
            self.operand(info, operand, words, &mut together, &mut tail);
        }
        let Some(uses) = together.uses else { return };
        let own = &self.signature_of(self.function.ty).results;
        let (inputs, outputs) = match together.signature {
            Some(signature) => (&signature.params, &signature.results),
            None => (own, own),
        };
        self.list(info, words, uses, inputs);
        match together.defs {
            Some(defs) => self.list(info, words, defs, outputs),
            // A call in place of this function returns what this function returns.
            None if outputs != own => {
                let ty = self.signature_of(self.function.ty);
                let message = format!("{} needs a function with the results of {ty}", info.mnemonic);
                self.error(None, message);
            }
            None => {}
        }
        let end = together.defs.map_or(words.len() as u32 * 4, |(defs, _)| defs.first);
        if (uses.0.first + uses.0.len..end).any(|lane| words.lane(lane as usize) != 0) {
            self.stray_bits(info);
        }
    }

    #[cold]
    fn wrong_bits(&mut self, info: &OpInfo, words: &[u64]) {
        for operand in info.operands {
            let lane = usize::from(operand.lane);
            if operand.is_narrow() && words.word(lane) >> 32 != 0 {
                return self.error(Some(operand.name), "the upper half of a 32-bit constant must be zero");
            }
            if operand.kind == Kind::Feedback && words.word(lane) != 0 {
                return self.error(Some(operand.name), "feedback must be zero in a module");
            }
        }
        self.stray_bits(info);
    }

    #[cold]
    fn stray_bits(&mut self, info: &OpInfo) {
        self.error(None, format!("{} has bits set that stand for nothing", info.mnemonic));
    }

    #[cold]
    fn wrong_registers(&mut self, info: &OpInfo, words: &[u64]) {
        for operand in info.operands {
            let Some(wanted) = operand.register_type() else { continue };
            let reg = Reg(words.lane(operand.lane.into()));
            match self.function.registers.get(reg.index()) {
                Some(&found) if found == wanted => {}
                Some(&found) => self.wrong_type(operand.name, info, reg, wanted, found),
                None => self.no_register(operand.name, reg),
            }
        }
    }

    #[inline(always)]
    fn operand(
        &mut self,
        info: &OpInfo,
        operand: &OperandInfo,
        words: &[u64],
        together: &mut Together<'a>,
        tail: &mut u32,
    ) {
        let lane = usize::from(operand.lane);
        let index = |words: &[u64]| words.half(lane) as usize;
        match operand.kind {
            Kind::Def | Kind::Use => self.register(info, operand, Reg(words.lane(lane)), together),
            // Not among the others.
            Kind::Imm64 | Kind::Imm32 | Kind::Offset | Kind::Memory | Kind::Feedback => {}
            Kind::Target => self.branch(words.half(lane) as i32),
            Kind::Func | Kind::FuncDefined | Kind::FuncImport => {
                let Some(&ty) = self.spaces.funcs.get(index(words)) else {
                    return self.missing(operand, "function", index(words), self.spaces.funcs.len());
                };
                let imported = index(words) < self.spaces.imported_funcs as usize;
                if (operand.kind == Kind::FuncDefined && imported)
                    || (operand.kind == Kind::FuncImport && !imported)
                {
                    let found = if imported { "imported" } else { "defined here" };
                    self.error(Some(operand.name), format!("function {} is {found}", index(words)));
                }
                together.signature = Some(self.signature_of(ty));
            }
            Kind::Type => match self.module.types.get(index(words)) {
                Some(def) => together.signature = Some(&def.ty),
                None => self.missing(operand, "type", index(words), self.module.types.len()),
            },
            Kind::Table => {
                let table = usize::from(words.lane(lane));
                match self.spaces.tables.get(table) {
                    Some(ty) if together.signature.is_some() && ty.element != ValType::FuncRef => {
                        let message = format!("table {table} holds {}, a call needs funcref", ty.element);
                        self.error(Some(operand.name), message);
                    }
                    // The types of a call's registers come from its signature.
                    Some(_) if together.signature.is_some() => {}
                    Some(ty) => self.unify(info, operand, ty.element, together),
                    None => self.missing(operand, "table", table, self.spaces.tables.len()),
                }
            }
            Kind::Global | Kind::GlobalMut => match self.spaces.globals.get(index(words)) {
                Some(ty) => {
                    if operand.kind == Kind::GlobalMut && !ty.mutable {
                        let message = format!("global {} is immutable; declare it `mut`", index(words));
                        self.error(Some(operand.name), message);
                    }
                    self.unify(info, operand, ty.content, together);
                }
                None => self.missing(operand, "global", index(words), self.spaces.globals.len()),
            },
            Kind::Data => {
                if index(words) >= self.module.data.len() {
                    self.missing(operand, "data segment", index(words), self.module.data.len());
                }
            }
            Kind::Elem => match self.module.elements.get(index(words)) {
                // A segment that is only dropped has no type to agree with, and agrees with itself.
                Some(elements) => self.unify(info, operand, elements.element, together),
                None => self.missing(operand, "element segment", index(words), self.module.elements.len()),
            },
            Kind::Shift => {
                if words.lane(lane) > 3 {
                    let message = format!("an index is shifted by 0 to 3, found {}", words.lane(lane));
                    self.error(Some(operand.name), message);
                }
            }
            Kind::Cause => {
                if TrapCause::from_code(words.lane(lane)).is_none() {
                    self.error(Some(operand.name), format!("there is no trap cause {}", words.lane(lane)));
                }
            }
            Kind::Uses => {
                let len = u32::from(words.lane(lane));
                together.uses = Some((List { first: *tail, len }, operand.name));
                *tail += len;
            }
            Kind::Defs => {
                let len = u32::from(words.lane(lane));
                let list = List { first: words.len() as u32 * 4 - len, len };
                together.defs = Some((list, operand.name));
            }
            Kind::Targets => {
                let list = List { first: tail.next_multiple_of(2), len: words.half(lane) };
                if list.len == 0 {
                    self.error(Some(operand.name), "needs at least one target, the default");
                }
                (0..list.len).for_each(|i| self.branch(list.target(words, i)));
                let end = (list.first + 2 * list.len) as usize;
                if !end.is_multiple_of(4) && words.half(end) != 0 {
                    self.error(None, format!("{} has bits set that stand for nothing", info.mnemonic));
                }
            }
        }
    }

    fn branch(&mut self, displacement: i32) {
        self.scratch.branches.push((self.pc, i64::from(self.pc.0) + i64::from(displacement)));
    }

    #[cold]
    fn missing(&mut self, operand: &OperandInfo, what: &str, index: usize, len: usize) {
        self.error(Some(operand.name), format!("there is no {what} {index}, the module has {len}"));
    }

    #[inline(always)]
    fn register(&mut self, info: &OpInfo, operand: &OperandInfo, reg: Reg, together: &mut Together<'a>) {
        let Some(&found) = self.function.registers.get(reg.index()) else {
            return self.no_register(operand.name, reg);
        };
        if operand.rule == Some(TypeRule::R) && !found.is_ref() {
            let name = self.reg_name(reg);
            let message = format!("{} needs a reference in {name}, found {found}", info.mnemonic);
            return self.error(Some(operand.name), message);
        }
        self.unify(info, operand, found, together);
    }

    fn unify(&mut self, info: &OpInfo, operand: &OperandInfo, found: ValType, together: &mut Together<'_>) {
        match together.variable {
            Some((wanted, first)) if wanted != found => {
                let message = format!(
                    "{} needs `{first}` and `{}` of one type, found {wanted} and {found}",
                    info.mnemonic, operand.name
                );
                self.error(Some(operand.name), message);
            }
            _ => together.variable = Some((found, operand.name)),
        }
    }

    fn list(
        &mut self,
        info: &OpInfo,
        words: &[u64],
        (list, operand): (List, &'static str),
        types: &[ValType],
    ) {
        if list.len as usize != types.len() {
            let plural = if types.len() == 1 { "" } else { "s" };
            let message = format!(
                "{} needs {} register{plural} in `{operand}`, found {}",
                info.mnemonic,
                types.len(),
                list.len
            );
            return self.error(Some(operand), message);
        }
        for (i, &wanted) in types.iter().enumerate() {
            let reg = list.reg(words, i as u32);
            match self.function.registers.get(reg.index()) {
                Some(&found) => {
                    if !is_subtype(found, wanted) {
                        self.wrong_type(operand, info, reg, wanted, found);
                    }
                }
                None => self.no_register(operand, reg),
            }
        }
    }

    #[cold]
    fn no_register(&mut self, operand: &'static str, reg: Reg) {
        let len = self.function.registers.len();
        self.error(Some(operand), format!("there is no register {}, the function has {len}", reg.0));
    }

    #[cold]
    fn wrong_type(
        &mut self,
        operand: &'static str,
        info: &OpInfo,
        reg: Reg,
        wanted: ValType,
        found: ValType,
    ) {
        let article = if matches!(wanted, ValType::FuncRef) { "a" } else { "an" };
        let name = self.reg_name(reg);
        let message = format!("{} needs {article} {wanted} in {name}, found {found}", info.mnemonic);
        self.error(Some(operand), message);
    }

    fn reg_name(&self, reg: Reg) -> String {
        match self.function.register_names.get(reg.index()) {
            Some(name) if !name.is_empty() => format!("%{name}"),
            _ => reg.to_string(),
        }
    }
}
