//! Items to a module: indices, types, constants, exports; then bodies, then the verifier, whose errors are brought back
//! to the text.

use ahash::AHashMap;
use bumpalo::Bump;
use bytecode_spec::{
    ConstExpr, CustomSection, DataIndex, DataSegment, ElemIndex, ElementSegment, Export, ExportKind,
    FuncIndex, FuncType, Global, GlobalIndex, GlobalType, Import, ImportKind, Memory, MemoryIndex,
    MemoryType, Module, Place, Table, TableIndex, TableType, TypeDef, TypeIndex, ValType, VerifiedModule,
    VerifyError, verify,
};

use crate::ast::{Constant, Item, ItemKind, Name, SpaceKind};
use crate::body::{Body, Context, InstructionPlace};
use crate::cursor::number_problem;
use crate::diagnostic::{Diagnostics, Problem, Problems};
use crate::lexer::Span;
use crate::literal;
use crate::names::Names;
use crate::parser::{self, File};

/// Assembles and verifies a text in the form that the manual describes. `name` is what messages and the module call
/// the text: the name of its file.
///
/// ```
/// let module = strata_asm::assemble(
///     "double.sasm",
///     "func @double(%x: i64) -> i64 export {
///         %r: i64 = add.i64 %x, %x
///         ret %r
///     }",
/// )?;
/// assert_eq!(module.exports[0].name, "double");
///
/// let errors = strata_asm::assemble("double.sasm", "func @double() { nop\n ad.i64 }").unwrap_err();
/// assert_eq!(
///     errors.to_string(),
///     "double.sasm:2:2: there is no instruction `ad.i64`; did you mean `add.i64`?"
/// );
/// # Ok::<(), strata_asm::Diagnostics>(())
/// ```
///
/// # Errors
///
/// Everything that is wrong with the text, or with the module it describes.
pub fn assemble(name: &str, text: &str) -> Result<VerifiedModule, Diagnostics> {
    let mut problems = Problems::default();
    if u32::try_from(text.len()).is_err() {
        problems.add(|| Problem::new(Span::default(), "the text has more than 4 GiB; split it into modules"));
        return Err(problems.finish(name, ""));
    }
    let arena = Bump::new();
    let mut file = parser::parse(text, &arena, &mut problems);
    let names = Names::of(&mut file, &mut problems);
    let mut assembler = Assembler {
        text,
        arena: &arena,
        names,
        module: Module::default(),
        types_by_content: AHashMap::new(),
        type_spans: Vec::new(),
        import_spans: Vec::new(),
        export_spans: Vec::new(),
        start_span: Span::default(),
        explicit_lines: false,
        problems,
    };
    assembler.sources(name, &file);
    let types = assembler.types(&file);
    assembler.items(&mut file, &types);
    assembler.bodies(&file, &types);
    if !assembler.problems.is_empty() {
        return Err(assembler.problems.finish(name, text));
    }
    match verify(std::mem::take(&mut assembler.module)) {
        Ok(module) => Ok(module),
        Err(errors) => {
            assembler.report(&file, &types, errors.0);
            Err(assembler.problems.finish(name, text))
        }
    }
}

/// As [`assemble()`], of a file's bytes, which may turn out not to be UTF-8.
///
/// ```
/// let errors = strata_asm::assemble_bytes("a.sasm", b"memory 1\n; \xff").unwrap_err();
/// assert_eq!(errors.to_string(), "a.sasm:2:3: this is not UTF-8; save the file in UTF-8");
/// ```
///
/// # Errors
///
/// Everything that is wrong with the text, or with the module it describes.
pub fn assemble_bytes(name: &str, bytes: &[u8]) -> Result<VerifiedModule, Diagnostics> {
    match std::str::from_utf8(bytes) {
        Ok(text) => assemble(name, text),
        Err(error) => {
            let text = String::from_utf8_lossy(bytes);
            let at = error.valid_up_to();
            let span = Span::new(at, at + '\u{FFFD}'.len_utf8());
            let mut problems = Problems::default();
            problems.add(|| Problem::new(span, "this is not UTF-8").help("save the file in UTF-8"));
            Err(problems.finish(name, &text))
        }
    }
}

struct Assembler<'a> {
    text: &'a str,
    arena: &'a Bump,
    names: Names<'a>,
    module: Module,
    /// The first type of each content. Never iterated.
    types_by_content: AHashMap<FuncType, TypeIndex>,
    type_spans: Vec<Span>,
    import_spans: Vec<Span>,
    export_spans: Vec<Span>,
    start_span: Span,
    explicit_lines: bool,
    problems: Problems,
}

impl<'a> Assembler<'a> {
    /// Sources: those of items, else the text itself, which is called `name`.
    fn sources(&mut self, name: &str, file: &File<'a>) {
        // Never iterated.
        let mut spans: AHashMap<&str, Span> = AHashMap::new();
        let (mut count, mut none) = (0, None);
        for item in &file.items {
            let ItemKind::Source(source) = item.kind else { continue };
            count += 1;
            let Some(source) = source else {
                none = Some(item.span);
                continue;
            };
            let first = *spans.entry(source).or_insert(item.span);
            if first != item.span {
                self.problems.add(|| {
                    Problem::new(item.span, "there is a source of this name already")
                        .help("`line` can refer to that one")
                        .related(first, "the first one is")
                });
            }
            self.module.sources.push(source.to_owned());
        }
        if let Some(none) = none
            && count > 1
        {
            self.problems.add(|| {
                Problem::new(none, "there is another `source`").help("leave `source none` or the other out")
            });
        }
        self.explicit_lines = count > 0;
        if count == 0 {
            self.module.sources.push(name.to_owned());
        }
    }

    fn only_one(&mut self, first: &mut Option<Span>, span: Span, what: &str) {
        match first {
            None => *first = Some(span),
            Some(first) => self.problems.add(|| {
                Problem::new(span, format!("a module has one `{what}`")).related(*first, "the first one is")
            }),
        }
    }

    /// Types: those of items first, then those that functions and imports add. Gives the type of each item that has
    /// one.
    fn types(&mut self, file: &File<'a>) -> Vec<TypeIndex> {
        for item in &file.items {
            if let ItemKind::Type(ty) = &item.kind {
                let index = TypeIndex(self.module.types.len() as u32);
                self.module.types.push(TypeDef { name: item.text_name(), ty: ty.clone() });
                self.type_spans.push(item.span);
                self.types_by_content.entry(ty.clone()).or_insert(index);
            }
        }
        let mut types = vec![TypeIndex(0); file.items.len()];
        for (item, ty) in file.items.iter().zip(&mut types) {
            if let Some((signature, None)) = item.kind.signature() {
                *ty = self.intern(signature, item.span);
            }
        }
        for (item, ty) in file.items.iter().zip(&mut types) {
            if let Some((signature, Some(name))) = item.kind.signature() {
                *ty = self.named_type(signature, name);
            }
        }
        types
    }

    fn intern(&mut self, signature: &FuncType, span: Span) -> TypeIndex {
        if let Some(&index) = self.types_by_content.get(signature) {
            return index;
        }
        let index = TypeIndex(self.module.types.len() as u32);
        self.module.types.push(TypeDef { name: String::new(), ty: signature.clone() });
        self.type_spans.push(span);
        self.types_by_content.insert(signature.clone(), index);
        index
    }

    fn named_type(&mut self, signature: &FuncType, name: Name<'a>) -> TypeIndex {
        let len = self.module.types.len() as u32;
        let Some(index) = self.names.resolve_within(SpaceKind::Type, name, len, &mut self.problems) else {
            return TypeIndex(0);
        };
        let named = &self.module.types[index as usize].ty;
        if named != signature {
            self.problems.add(|| {
                Problem::new(
                    name.span,
                    format!("the type named is {named}, and the function's is {signature}"),
                )
                .help("leave the type out, or write its parameters and results")
            });
        }
        TypeIndex(index)
    }

    fn items(&mut self, file: &mut File<'a>, types: &[TypeIndex]) {
        let mut start = None;
        for (item, &ty) in file.items.iter_mut().zip(types) {
            self.item(item, ty, &mut start);
            self.exports(item);
        }
    }

    fn item(&mut self, item: &mut Item<'a>, ty: TypeIndex, start: &mut Option<Span>) {
        let name = item.text_name();
        match &mut item.kind {
            ItemKind::Source(_) | ItemKind::Type(_) | ItemKind::Func { .. } | ItemKind::Export { .. } => {}
            ItemKind::ImportFunc { from, .. } => self.import(item.span, name, *from, ImportKind::Func(ty)),
            ItemKind::ImportMemory { limits, from } => {
                self.import(item.span, name, *from, ImportKind::Memory(MemoryType { limits: *limits }));
            }
            ItemKind::ImportTable { element, limits, from } => {
                let ty = TableType { element: *element, limits: *limits };
                self.import(item.span, name, *from, ImportKind::Table(ty));
            }
            ItemKind::ImportGlobal { mutable, content, from } => {
                let ty = GlobalType { content: *content, mutable: *mutable };
                self.import(item.span, name, *from, ImportKind::Global(ty));
            }
            ItemKind::Memory { limits } => {
                self.module.memories.push(Memory { name, ty: MemoryType { limits: *limits } });
            }
            ItemKind::Table { element, limits } => {
                let ty = TableType { element: *element, limits: *limits };
                self.module.tables.push(Table { name, ty });
            }
            ItemKind::Global { mutable, content, init } => {
                let ty = GlobalType { content: *content, mutable: *mutable };
                let init = self.constant(*init, ty.content);
                self.module.globals.push(Global { name, ty, init });
            }
            ItemKind::Data { offset, bytes } => {
                let offset = offset.map(|offset| self.constant(offset, ValType::I32));
                self.module.data.push(DataSegment { name, offset, bytes: std::mem::take(bytes) });
            }
            ItemKind::Elem { place, element, items } => {
                let place = place.map(|(table, offset)| {
                    let table = self.names.resolve(SpaceKind::Table, table, &mut self.problems);
                    (TableIndex(table.unwrap_or(0)), self.constant(offset, ValType::I32))
                });
                let items = items.iter().map(|&item| self.constant(item, *element)).collect();
                self.module.elements.push(ElementSegment { name, element: *element, place, items });
            }
            ItemKind::Start(func) => {
                self.only_one(start, func.span, "start");
                self.start_span = func.span;
                let func = self.names.resolve(SpaceKind::Func, *func, &mut self.problems);
                self.module.start = func.map(FuncIndex);
            }
            ItemKind::Custom { name, bytes } => {
                let (name, bytes) = ((*name).to_owned(), std::mem::take(bytes));
                self.module.custom.push(CustomSection { name, bytes });
            }
        }
    }

    fn import(&mut self, span: Span, name: String, [module, field]: [&str; 2], kind: ImportKind) {
        self.module.imports.push(Import { name, module: module.to_owned(), field: field.to_owned(), kind });
        self.import_spans.push(span);
    }

    fn exports(&mut self, item: &Item<'a>) {
        let (space, index) = if let ItemKind::Export { kind, target } = &item.kind {
            (*kind, self.names.resolve(*kind, *target, &mut self.problems).unwrap_or(0))
        } else {
            (item.kind.space().map_or(SpaceKind::Func, |(space, _)| space), item.index)
        };
        for clause in item.exports {
            let own = item.name.and_then(|name| name.text).filter(|name| !name.is_empty());
            let Some(name) = clause.name.or(own) else {
                self.problems.add(|| {
                    Problem::new(
                        clause.span,
                        format!("this {} has no name to be exported under", space.what()),
                    )
                    .help("write one: `export \"name\"`")
                });
                continue;
            };
            let kind = match space {
                SpaceKind::Table => ExportKind::Table(TableIndex(index)),
                SpaceKind::Memory => ExportKind::Memory(MemoryIndex(index)),
                SpaceKind::Global => ExportKind::Global(GlobalIndex(index)),
                SpaceKind::Func | SpaceKind::Type | SpaceKind::Data | SpaceKind::Elem => {
                    ExportKind::Func(FuncIndex(index))
                }
            };
            self.module.exports.push(Export { name: name.to_owned(), kind });
            self.export_spans.push(clause.span);
        }
    }

    /// The constant of type `wanted` that is written.
    fn constant(&mut self, constant: Constant<'a>, wanted: ValType) -> ConstExpr {
        let (names, problems) = (&self.names, &mut self.problems);
        match constant {
            Constant::Number(span) if wanted.is_ref() => {
                problems.add(|| {
                    Problem::new(span, format!("a number is no {wanted}"))
                        .help("write null, or the name of a function or of an imported global")
                });
                ConstExpr::Null(wanted)
            }
            Constant::Number(span) => {
                let text = span.of(self.text);
                let bits = literal::parse_number(text, wanted).unwrap_or_else(|error| {
                    let what = format!("an {wanted}");
                    problems.add(|| number_problem(span, text, &what, literal::range(wanted), error));
                    0
                });
                match wanted {
                    ValType::I32 => ConstExpr::I32(bits as i32),
                    ValType::F32 => ConstExpr::F32(bits as u32),
                    ValType::F64 => ConstExpr::F64(bits),
                    ValType::I64 | ValType::FuncRef | ValType::ExternRef => ConstExpr::I64(bits as i64),
                }
            }
            Constant::Null(span) => {
                if !wanted.is_ref() {
                    problems
                        .add(|| Problem::new(span, format!("null is no {wanted}")).help("write a number"));
                }
                ConstExpr::Null(wanted)
            }
            Constant::Name(name) if wanted == ValType::FuncRef => {
                let index = names.resolve(SpaceKind::Func, name, problems);
                ConstExpr::Func(FuncIndex(index.unwrap_or(0)))
            }
            Constant::Name(name) | Constant::Global(name) => {
                let index = names.resolve(SpaceKind::Global, name, problems);
                ConstExpr::Global(GlobalIndex(index.unwrap_or(0)))
            }
        }
    }

    fn context(&self) -> Context<'a, '_> {
        Context {
            text: self.text,
            arena: self.arena,
            names: &self.names,
            types: self.module.types.len() as u32,
            sources: self.explicit_lines.then_some(self.module.sources.len() as u32),
        }
    }

    fn bodies(&mut self, file: &File<'a>, types: &[TypeIndex]) {
        let mut problems = std::mem::take(&mut self.problems);
        let mut functions = Vec::new();
        let mut body = Body::new(self.context());
        for (item, &ty) in file.items.iter().zip(types) {
            if let ItemKind::Func { signature, func, .. } = &item.kind {
                functions.extend(body.assemble(item, func, ty, signature, None, &mut problems));
            }
        }
        self.module.functions = functions;
        self.problems = problems;
    }

    /// Brings the verifier's errors back to the text.
    fn report(&mut self, file: &File<'a>, types: &[TypeIndex], errors: Vec<VerifyError>) {
        let mut problems = Problems::default();
        let mut last: Option<(FuncIndex, Vec<InstructionPlace>)> = None;
        for VerifyError { place, message } in errors {
            let at = |spans: &[Span], index: u32| spans.get(index as usize).copied();
            let span = match place {
                Place::Type(TypeIndex(index)) => at(&self.type_spans, index),
                Place::Import(index) => at(&self.import_spans, index),
                Place::Func(FuncIndex(index)) => self.names.span(SpaceKind::Func, index),
                Place::Table(TableIndex(index)) => self.names.span(SpaceKind::Table, index),
                Place::Memory(MemoryIndex(index)) => self.names.span(SpaceKind::Memory, index),
                Place::Global(GlobalIndex(index)) => self.names.span(SpaceKind::Global, index),
                Place::Export(index) => at(&self.export_spans, index),
                Place::Start => Some(self.start_span),
                Place::Data(DataIndex(index)) => self.names.span(SpaceKind::Data, index),
                Place::Elem(ElemIndex(index)) => self.names.span(SpaceKind::Elem, index),
                Place::Instruction { func, pc, operand, .. } => {
                    if last.as_ref().is_none_or(|&(last, _)| last != func) {
                        last = Some((func, self.places(file, types, func)));
                    }
                    let places = last.as_ref().map_or(&[][..], |(_, places)| places);
                    places.iter().find(|place| place.pc == pc).map(|place| {
                        let named = place.operands.iter().find(|(name, _)| Some(*name) == operand);
                        named.map_or(place.span, |&(_, span)| span)
                    })
                }
                Place::Module | _ => None,
            };
            problems.add(|| Problem::new(span.unwrap_or_default(), message));
        }
        self.problems = problems;
    }

    /// Where a function's instructions are: reads it again, which only a mistake costs.
    fn places(&self, file: &File<'a>, types: &[TypeIndex], wanted: FuncIndex) -> Vec<InstructionPlace> {
        let mut places = Vec::new();
        for (item, &ty) in file.items.iter().zip(types) {
            if let ItemKind::Func { signature, func, .. } = &item.kind
                && item.index == wanted.0
            {
                let mut problems = Problems::default();
                Body::new(self.context()).assemble(
                    item,
                    func,
                    ty,
                    signature,
                    Some(&mut places),
                    &mut problems,
                );
            }
        }
        places
    }
}

impl Item<'_> {
    fn text_name(&self) -> String {
        self.name.and_then(|name| name.text).unwrap_or("").to_owned()
    }
}
