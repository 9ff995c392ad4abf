//! A module to text that assembles to the same module again.

use std::fmt::Write;

use ahash::{AHashMap, AHashSet};
use bytecode_spec::{
    ConstExpr, ExportKind, FuncIndex, FuncType, Function, GlobalType, ImportKind, Kind, Limits, Op, Operand,
    Pc, ValType, VerifiedModule, isa,
};

use crate::ast::SpaceKind;
use crate::lexer::is_plain_name;
use crate::literal::{write_bytes, write_constant, write_text};
use crate::print_body;

/// Bytes of a data segment on a line, and elements of an element segment.
const BYTES_PER_LINE: usize = 64;
const ELEMENTS_PER_LINE: usize = 8;

/// The module as text. Assembled again, it gives an equal module: code, names, line tables, segments and custom
/// sections included. Labels have no names in a module; they are numbered by their place.
///
/// ```
/// let text = "func @double(%x: i64) -> i64 export { %r: i64 = add.i64 %x, %x\n ret %r }";
/// let module = strata_asm::assemble("double.sasm", text)?;
/// let text = strata_asm::disassemble(&module);
/// assert_eq!(
///     text,
///     r#"source "double.sasm"
///
/// func @double(%x: i64) -> i64 export {
///   line 1  %r: i64 = add.i64 %x, %x
///   line 2  ret %r
/// }
/// "#
/// );
/// assert_eq!(*strata_asm::assemble("any name", &text)?, *module);
/// # Ok::<(), strata_asm::Diagnostics>(())
/// ```
pub fn disassemble(module: &VerifiedModule) -> String {
    let mut printer = Printer::new(module);
    printer.module();
    printer.out
}

/// One function of the module as text, in the form that [`disassemble`] gives it; `None` when there is no such
/// function. An imported one is its import.
///
/// ```
/// use bytecode_spec::FuncIndex;
///
/// let module = strata_asm::assemble("f.sasm", "func @f() { ret }")?;
/// let text = strata_asm::disassemble_function(&module, FuncIndex(0)).unwrap();
/// assert_eq!(text, "func @f() {\n  line 1  ret\n}\n");
/// assert_eq!(strata_asm::disassemble_function(&module, FuncIndex(1)), None);
/// # Ok::<(), strata_asm::Diagnostics>(())
/// ```
pub fn disassemble_function(module: &VerifiedModule, func: FuncIndex) -> Option<String> {
    let mut printer = Printer::new(module);
    let imported = module.spaces().imported_funcs;
    if func.0 < imported {
        let mut funcs =
            (0..module.imports.len()).filter(|&i| matches!(module.imports[i].kind, ImportKind::Func(_)));
        printer.import(funcs.nth(func.index())?);
    } else {
        module.function(func)?;
        printer.function(func.0);
    }
    Some(printer.out)
}

/// A function in parts, for texts that have something between its instructions.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FunctionText {
    /// Its head, up to the brace.
    pub head: String,
    /// What each of its registers is called.
    pub registers: Vec<String>,
    /// Its instructions, without source lines; above an instruction stand, in lines of their own, its label and the
    /// registers that are declared before it.
    pub instructions: Vec<(Pc, String)>,
}

/// The functions of a module in parts, in the words of [`disassemble`]. What its things are called is found out once for all of them.
///
/// ```
/// use bytecode_spec::{FuncIndex, Pc};
///
/// let module = strata_asm::assemble("f.sasm", "func @f(%n: i64) {\nagain:\n %n = add.i64 %n, 1\n jump again }")?;
/// let text = strata_asm::FunctionTexts::new(&module).of(FuncIndex(0)).unwrap();
/// assert_eq!(text.head, "func @f(%n: i64)");
/// assert_eq!(text.registers, ["%n"]);
/// assert_eq!(text.instructions[0], (Pc(0), "L0:\n%n = add.i64 %n, 1".to_owned()));
/// # Ok::<(), strata_asm::Diagnostics>(())
/// ```
pub struct FunctionTexts<'m>(Printer<'m>);

impl<'m> FunctionTexts<'m> {
    /// Takes time and memory linear in the size of the module.
    pub fn new(module: &'m VerifiedModule) -> FunctionTexts<'m> {
        FunctionTexts(Printer::new(module))
    }

    /// One function; `None` when the module defines no such function.
    pub fn of(&mut self, func: FuncIndex) -> Option<FunctionText> {
        let printer = &mut self.0;
        let function = printer.module.function(func)?;
        let registers = print_body::Registers::of(function);
        let params = printer.head(func.0, function, &registers);
        let head = std::mem::take(&mut printer.out);
        let instructions = print_body::instructions(printer, function, &registers, params);
        let registers = (0..function.registers.len()).map(|i| registers.used(i)).collect();
        Some(FunctionText { head, registers, instructions })
    }
}

impl std::fmt::Debug for FunctionTexts<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("FunctionTexts").finish_non_exhaustive()
    }
}

/// How the text calls the things of one index space.
struct Handles {
    /// Where they are used.
    used: Vec<String>,
    /// Where they are defined, if that differs.
    defined: AHashMap<u32, String>,
}

impl Handles {
    /// By name where that is unique, else by index.
    fn new<'n>(names: impl Iterator<Item = &'n str> + Clone) -> Handles {
        let mut count: AHashMap<&str, u32> = AHashMap::new();
        names.clone().for_each(|name| *count.entry(name).or_default() += 1);
        let mut handles = Handles { used: Vec::new(), defined: AHashMap::new() };
        for (index, name) in names.enumerate() {
            let mut used = "@".to_owned();
            if name.is_empty() || count[name] > 1 {
                used += &index.to_string();
                if !name.is_empty() {
                    let mut defined = used.clone();
                    write_text(&mut defined, name);
                    handles.defined.insert(index as u32, defined);
                }
            } else if is_plain_name(name) && !name.bytes().all(|byte| byte.is_ascii_digit()) {
                used += name;
            } else {
                write_text(&mut used, name);
            }
            handles.used.push(used);
        }
        handles
    }
}

pub(crate) struct Printer<'m> {
    pub(crate) module: &'m VerifiedModule,
    pub(crate) out: String,
    /// By [`SpaceKind`].
    handles: [Handles; 7],
    /// The index of each import in its space.
    import_indices: Vec<u32>,
    /// Exports of each thing, by place in the list; empty where they are items of their own.
    exports: AHashMap<(SpaceKind, u32), Vec<usize>>,
    /// The first of the types that are equal to each type.
    first_equal: Vec<usize>,
    /// So many types are items; functions add the others.
    explicit_types: usize,
}

impl<'m> Printer<'m> {
    fn new(module: &'m VerifiedModule) -> Printer<'m> {
        macro_rules! names {
            ($imported:ident, $defined:ident) => {
                Handles::new(
                    module
                        .$imported()
                        .map(|(import, _)| import.name.as_str())
                        .chain(module.$defined.iter().map(|item| item.name.as_str()))
                        .collect::<Vec<_>>()
                        .into_iter(),
                )
            };
            ($defined:ident) => {
                Handles::new(module.$defined.iter().map(|item| item.name.as_str()))
            };
        }
        let mut printer = Printer {
            module,
            out: String::new(),
            // In the order of `SpaceKind`.
            handles: [
                names!(imported_funcs, functions),
                names!(types),
                names!(imported_tables, tables),
                names!(imported_memories, memories),
                names!(imported_globals, globals),
                names!(data),
                names!(elements),
            ],
            import_indices: Vec::new(),
            exports: AHashMap::new(),
            first_equal: Vec::new(),
            explicit_types: 0,
        };
        printer.find_exports();
        printer.find_types();
        printer
    }

    /// The name or index of something.
    pub(crate) fn handle(&self, space: SpaceKind, index: u32) -> &str {
        &self.handles[space as usize].used[index as usize]
    }

    fn defined_handle(&self, space: SpaceKind, index: u32) -> &str {
        let handles = &self.handles[space as usize];
        handles.defined.get(&index).unwrap_or(&handles.used[index as usize])
    }

    /// Exports go to their items if that gives them in order.
    fn find_exports(&mut self) {
        let module = self.module;
        let mut ranks: AHashMap<(SpaceKind, u32), usize> = AHashMap::new();
        let mut counts = [0; 7];
        let mut rank = |space: SpaceKind| {
            let index = counts[space as usize];
            counts[space as usize] += 1;
            let rank = ranks.len();
            ranks.insert((space, index), rank);
            index
        };
        self.import_indices = module.imports.iter().map(|import| rank(import_space(import.kind))).collect();
        let defined = [
            (SpaceKind::Memory, module.memories.len()),
            (SpaceKind::Table, module.tables.len()),
            (SpaceKind::Global, module.globals.len()),
            (SpaceKind::Func, module.functions.len()),
        ];
        for (space, count) in defined {
            for _ in 0..count {
                rank(space);
            }
        }
        let in_order = module.exports.is_sorted_by_key(|export| ranks.get(&exported(export.kind)));
        if in_order {
            for (i, export) in module.exports.iter().enumerate() {
                self.exports.entry(exported(export.kind)).or_default().push(i);
            }
        }
    }

    /// Types at the end of the list need no item if the functions add them in that order.
    fn find_types(&mut self) {
        let module = self.module;
        let mut firsts: AHashMap<&FuncType, usize> = AHashMap::new();
        let types = module.types.iter().enumerate();
        self.first_equal = types.map(|(i, def)| *firsts.entry(&def.ty).or_insert(i)).collect();

        let mut used: Vec<Option<usize>> = vec![None; module.types.len()];
        for (place, ty) in module.spaces().funcs.iter().enumerate() {
            if self.first_equal[ty.index()] == ty.index() {
                used[ty.index()].get_or_insert(place);
            }
        }
        let named = self.types_named_by_code();
        let addable =
            |i: usize| used[i].filter(|_| module.types[i].name.is_empty() && !named.contains(&(i as u32)));
        let mut next = usize::MAX;
        self.explicit_types = module.types.len();
        while let Some(i) = self.explicit_types.checked_sub(1)
            && let Some(place) = addable(i)
            && place < next
        {
            next = place;
            self.explicit_types = i;
        }
    }

    fn types_named_by_code(&self) -> AHashSet<u32> {
        let mut named = AHashSet::new();
        for function in &self.module.functions {
            let mut at = 0;
            while let Some((op, length)) = instruction_at(&function.code, at) {
                if op.info().operands().iter().any(|operand| operand.kind == Kind::Type) {
                    for (operand, value) in op.info().explicit().zip(isa::decode(op, &function.code[at..])) {
                        if let (Kind::Type, Operand::Index(index)) = (operand.kind, value) {
                            named.insert(index);
                        }
                    }
                }
                at += length;
            }
        }
        named
    }

    fn module(&mut self) {
        let module = self.module;
        // Without a source, instructions would get the lines of this text.
        if module.sources.is_empty() {
            self.out.push_str("source none\n");
        }
        for source in &module.sources {
            self.out.push_str("source ");
            write_text(&mut self.out, source);
            self.out.push('\n');
        }

        self.section(self.explicit_types, Self::type_item);
        self.section(module.imports.len(), Self::import);
        self.section(module.memories.len(), Self::memory);
        self.section(module.tables.len(), Self::table);
        self.section(module.globals.len(), Self::global);
        let imported = module.spaces().imported_funcs;
        for i in 0..module.functions.len() {
            self.out.push('\n');
            self.function(imported + i as u32);
        }
        self.section(module.elements.len(), Self::elem);
        self.section(module.data.len(), Self::data);
        self.section(usize::from(module.start.is_some()), Self::start);
        let own_items = if self.exports.is_empty() { module.exports.len() } else { 0 };
        self.section(own_items, Self::export);
        self.section(module.custom.len(), Self::custom);
    }

    /// Items of one kind, behind an empty line.
    fn section(&mut self, count: usize, item: fn(&mut Self, usize)) {
        if count > 0 {
            self.out.push('\n');
        }
        (0..count).for_each(|i| item(self, i));
    }

    fn type_item(&mut self, index: usize) {
        let ty = &self.module.types[index].ty;
        let handle = self.defined_handle(SpaceKind::Type, index as u32).to_owned();
        self.write(format_args!("type {handle} {ty}\n"));
    }

    fn import(&mut self, place: usize) {
        let module = self.module;
        let import = &module.imports[place];
        let space = import_space(import.kind);
        let index = self.import_indices[place];
        self.write(format_args!("import {} ", keyword(space)));
        self.push_defined(space, index);
        match import.kind {
            ImportKind::Func(ty) => {
                self.write(format_args!("{}", module.types[ty.index()].ty));
                self.type_clause(ty.index());
            }
            ImportKind::Table(ty) => {
                self.write(format_args!(" {}", ty.element));
                self.limits(ty.limits);
            }
            ImportKind::Memory(ty) => self.limits(ty.limits),
            ImportKind::Global(ty) => self.global_type(ty),
        }
        self.out.push_str(" from ");
        write_text(&mut self.out, &import.module);
        self.out.push(' ');
        write_text(&mut self.out, &import.field);
        self.export_clauses(space, index, &import.name);
        self.out.push('\n');
    }

    fn memory(&mut self, place: usize) {
        let memory = &self.module.memories[place];
        let index = (self.module.spaces().memories.len() - self.module.memories.len() + place) as u32;
        self.out.push_str("memory ");
        self.push_defined(SpaceKind::Memory, index);
        self.limits(memory.ty.limits);
        self.export_clauses(SpaceKind::Memory, index, &memory.name);
        self.out.push('\n');
    }

    fn table(&mut self, place: usize) {
        let table = &self.module.tables[place];
        let index = (self.module.spaces().tables.len() - self.module.tables.len() + place) as u32;
        self.out.push_str("table ");
        self.push_defined(SpaceKind::Table, index);
        self.write(format_args!(" {}", table.ty.element));
        self.limits(table.ty.limits);
        self.export_clauses(SpaceKind::Table, index, &table.name);
        self.out.push('\n');
    }

    fn global(&mut self, place: usize) {
        let global = &self.module.globals[place];
        let index = self.module.spaces().imported_globals + place as u32;
        self.out.push_str("global ");
        self.push_defined(SpaceKind::Global, index);
        self.global_type(global.ty);
        self.out.push_str(" = ");
        self.constant(global.init);
        self.export_clauses(SpaceKind::Global, index, &global.name);
        self.out.push('\n');
    }

    fn function(&mut self, index: u32) {
        let Some(function) = self.module.function(FuncIndex(index)) else { return };
        let registers = print_body::Registers::of(function);
        let params = self.head(index, function, &registers);
        self.out.push_str(" {\n");
        print_body::print(self, function, &registers, params);
        self.out.push_str("}\n");
    }

    /// What stands before a function's brace; gives the number of its parameters.
    fn head(&mut self, index: u32, function: &Function, registers: &print_body::Registers<'_>) -> usize {
        let results = &self.module.func_type(FuncIndex(index)).results;
        self.out.push_str("func ");
        self.push_defined(SpaceKind::Func, index);
        self.out.push('(');
        let params = self.module.func_type(FuncIndex(index)).params.len();
        for (i, ty) in function.registers[..params].iter().enumerate() {
            let comma = if i > 0 { ", " } else { "" };
            self.write(format_args!("{comma}{}: {ty}", registers.defined(i)));
        }
        self.out.push(')');
        match results.as_slice() {
            [] => {}
            [one] => self.write(format_args!(" -> {one}")),
            many => {
                let names: Vec<_> = many.iter().map(|ty| ty.name()).collect();
                self.write(format_args!(" -> ({})", names.join(", ")));
            }
        }
        self.type_clause(function.ty.index());
        self.export_clauses(SpaceKind::Func, index, &function.name);
        params
    }

    fn elem(&mut self, index: usize) {
        let segment = &self.module.elements[index];
        self.out.push_str("elem ");
        self.push_defined(SpaceKind::Elem, index as u32);
        if let Some((table, offset)) = segment.place {
            let table = self.handle(SpaceKind::Table, table.0).to_owned();
            self.write(format_args!(" in {table} at "));
            self.constant(offset);
        }
        if segment.element != ValType::FuncRef {
            self.write(format_args!(" {}", segment.element));
        }
        self.out.push_str(" [");
        for (i, &item) in segment.items.iter().enumerate() {
            if i > 0 {
                self.out.push_str(if i % ELEMENTS_PER_LINE == 0 { ",\n  " } else { ", " });
            }
            self.constant(item);
        }
        self.out.push_str("]\n");
    }

    fn data(&mut self, index: usize) {
        let segment = &self.module.data[index];
        self.out.push_str("data ");
        self.push_defined(SpaceKind::Data, index as u32);
        if let Some(offset) = segment.offset {
            self.out.push(' ');
            self.constant(offset);
        }
        self.bytes(&segment.bytes);
    }

    fn start(&mut self, _: usize) {
        if let Some(func) = self.module.start {
            let handle = self.handle(SpaceKind::Func, func.0).to_owned();
            self.write(format_args!("start {handle}\n"));
        }
    }

    fn export(&mut self, place: usize) {
        let export = &self.module.exports[place];
        let (space, index) = exported(export.kind);
        self.out.push_str("export ");
        write_text(&mut self.out, &export.name);
        let handle = self.handle(space, index).to_owned();
        self.write(format_args!(" {} {handle}\n", keyword(space)));
    }

    fn custom(&mut self, place: usize) {
        let section = &self.module.custom[place];
        self.out.push_str("custom ");
        write_text(&mut self.out, &section.name);
        if section.bytes.len() <= BYTES_PER_LINE {
            self.out.push(' ');
            write_bytes(&mut self.out, &section.bytes);
            self.out.push('\n');
        } else {
            self.out.push_str(" \"\"");
            self.bytes(&section.bytes);
        }
    }

    /// Strings: one on this line, or many on the lines below.
    fn bytes(&mut self, bytes: &[u8]) {
        let separator = if bytes.len() <= BYTES_PER_LINE { " " } else { "\n  " };
        for bytes in bytes.chunks(BYTES_PER_LINE) {
            self.out.push_str(separator);
            write_bytes(&mut self.out, bytes);
        }
        self.out.push('\n');
    }

    /// Names the type of a function where its signature does not.
    fn type_clause(&mut self, ty: usize) {
        if self.first_equal[ty] != ty {
            let handle = self.handle(SpaceKind::Type, ty as u32).to_owned();
            self.write(format_args!(" type {handle}"));
        }
    }

    fn limits(&mut self, limits: Limits) {
        self.write(format_args!(" {}", limits.min));
        if let Some(max) = limits.max {
            self.write(format_args!(" {max}"));
        }
    }

    fn global_type(&mut self, ty: GlobalType) {
        self.write(format_args!(": {}{}", if ty.mutable { "mut " } else { "" }, ty.content));
    }

    fn constant(&mut self, constant: ConstExpr) {
        match constant {
            ConstExpr::I32(value) => write_constant(&mut self.out, u64::from(value as u32), ValType::I32),
            ConstExpr::I64(value) => write_constant(&mut self.out, value as u64, ValType::I64),
            ConstExpr::F32(bits) => write_constant(&mut self.out, bits.into(), ValType::F32),
            ConstExpr::F64(bits) => write_constant(&mut self.out, bits, ValType::F64),
            ConstExpr::Null(_) => self.out.push_str("null"),
            ConstExpr::Func(func) => self.push(SpaceKind::Func, func.0),
            ConstExpr::Global(global) => {
                self.out.push_str("global ");
                self.push(SpaceKind::Global, global.0);
            }
        }
    }

    fn export_clauses(&mut self, space: SpaceKind, index: u32, name: &str) {
        for export in self.exports.get(&(space, index)).into_iter().flatten() {
            let exported = &self.module.exports[*export].name;
            self.out.push_str(" export");
            if exported != name || name.is_empty() {
                self.out.push(' ');
                write_text(&mut self.out, exported);
            }
        }
    }

    fn push(&mut self, space: SpaceKind, index: u32) {
        self.out.push_str(&self.handles[space as usize].used[index as usize]);
    }

    fn push_defined(&mut self, space: SpaceKind, index: u32) {
        let handle = self.defined_handle(space, index).to_owned();
        self.out.push_str(&handle);
    }

    pub(crate) fn write(&mut self, args: std::fmt::Arguments<'_>) {
        self.out.write_fmt(args).expect("a string takes all");
    }
}

/// The instruction at a place in verified code, and its length; `None` at the end.
pub(crate) fn instruction_at(code: &[u64], at: usize) -> Option<(Op, usize)> {
    let op = Op::from_code(*code.get(at)? as u16)?;
    Some((op, op.info().length(&code[at..])?))
}

fn import_space(kind: ImportKind) -> SpaceKind {
    match kind {
        ImportKind::Func(_) => SpaceKind::Func,
        ImportKind::Table(_) => SpaceKind::Table,
        ImportKind::Memory(_) => SpaceKind::Memory,
        ImportKind::Global(_) => SpaceKind::Global,
    }
}

fn exported(kind: ExportKind) -> (SpaceKind, u32) {
    match kind {
        ExportKind::Func(index) => (SpaceKind::Func, index.0),
        ExportKind::Table(index) => (SpaceKind::Table, index.0),
        ExportKind::Memory(index) => (SpaceKind::Memory, index.0),
        ExportKind::Global(index) => (SpaceKind::Global, index.0),
    }
}

fn keyword(space: SpaceKind) -> &'static str {
    match space {
        SpaceKind::Func => "func",
        SpaceKind::Type => "type",
        SpaceKind::Table => "table",
        SpaceKind::Memory => "memory",
        SpaceKind::Global => "global",
        SpaceKind::Data => "data",
        SpaceKind::Elem => "elem",
    }
}
