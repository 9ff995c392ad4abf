//! Sections: everything of a module but the instructions of its functions.

use bytecode_spec::{
    ConstExpr, CustomSection, DataSegment, ElementSegment, Export, ExportKind, FuncIndex, Global,
    GlobalIndex, Import, ImportKind, Memory, MemoryIndex, Module, Table, TableIndex, TypeDef, TypeIndex,
    ValType,
};
use wasmparser::{
    DataKind, ElementItems, ElementKind, ExternalKind, FuncValidatorAllocations, KnownCustom, Operator,
    Parser, Payload, TableInit, TypeRef, Validator,
};

use crate::error::TranslateError;
use crate::function::{Declarations, FunctionTranslator};
use crate::lines::Lines;
use crate::types::{func_type, global_type, memory_type, table_type, val_type};
use crate::{FEATURES, MAGIC, names};

/// Words of code, and pairs of registers, that every module may be translated to, and as many more for each byte of it.
/// Compilers stay below two a byte; what is far above that was made to use up memory.
const BASE_BUDGET: usize = 1 << 20;
const BUDGET_PER_BYTE: usize = 16;

pub(crate) fn translate(bytes: &[u8]) -> Result<Module, TranslateError> {
    // Version 1 and layer 0 of WebAssembly's binary form; another layer is a component's.
    if bytes.get(6..8).is_some_and(|layer| layer != [0, 0]) && bytes.starts_with(&MAGIC) {
        return Err(TranslateError::new(4, "components are not supported; give a core module"));
    }
    let mut parser = Parser::new(0);
    parser.set_features(FEATURES);
    let mut translator = Translator {
        validator: Validator::new_with_features(FEATURES),
        module: Module::default(),
        declared: Declarations::default(),
        names: None,
        budget: BASE_BUDGET + BUDGET_PER_BYTE * bytes.len(),
    };
    let mut lines = None;
    if let Some((found, sources)) = Lines::of(bytes) {
        (lines, translator.module.sources) = (Some(found), sources);
    }
    let mut payloads = parser.parse_all(bytes);
    while let Some(payload) = payloads.next() {
        let payload = payload?;
        if let Payload::CodeSectionStart { count, .. } = payload {
            check_count(&payload)?;
            translator.validator.payload(&payload)?;
            translator.functions(count, &mut payloads, lines.take())?;
        } else {
            translator.section(payload)?;
        }
    }
    if let Some(section) = translator.names {
        names::apply(&mut translator.module, section, translator.budget);
    }
    Ok(translator.module)
}

struct Translator<'a> {
    validator: Validator,
    module: Module,
    declared: Declarations,
    /// The name section, which may stand in front of what it names.
    names: Option<wasmparser::BinaryReader<'a>>,
    /// What may still be translated to; see [`BASE_BUDGET`].
    budget: usize,
}

impl<'a> Translator<'a> {
    /// Translates the functions of the code section, which the next payloads are.
    fn functions(
        &mut self,
        count: u32,
        payloads: &mut impl Iterator<Item = wasmparser::Result<Payload<'a>>>,
        lines: Option<Lines>,
    ) -> Result<(), TranslateError> {
        let mut translator = FunctionTranslator::new(&self.declared, &self.module.types, lines);
        let mut allocations = FuncValidatorAllocations::default();
        for _ in 0..count {
            let body = match payloads.next() {
                Some(Ok(Payload::CodeSectionEntry(body))) => body,
                Some(Err(error)) => return Err(error.into()),
                _ => break,
            };
            let function = self.validator.code_section_entry(&body)?;
            let function = translator.translate(function, &body, &mut allocations, &mut self.budget)?;
            self.module.functions.push(function);
        }
        Ok(())
    }

    #[expect(clippy::wildcard_enum_match_arm, reason = "validation refuses what is not listed")]
    fn section(&mut self, payload: Payload<'a>) -> Result<(), TranslateError> {
        check_count(&payload)?;
        self.validator.payload(&payload)?;
        match payload {
            Payload::TypeSection(section) => {
                let offset = section.range().start;
                for ty in section.into_iter_err_on_gc_types() {
                    self.module.types.push(TypeDef { name: String::new(), ty: func_type(&ty?, offset)? });
                }
            }
            Payload::ImportSection(section) => {
                for import in section.into_imports_with_offsets() {
                    let (offset, import) = import?;
                    self.import(&import, offset)?;
                }
            }
            Payload::FunctionSection(section) => {
                for ty in section {
                    self.declared.funcs.push(TypeIndex(ty?));
                }
            }
            Payload::TableSection(section) => {
                for table in section.into_iter_with_offsets() {
                    let (offset, table) = table?;
                    if let TableInit::Expr(_) = table.init {
                        return Err(TranslateError::unsupported(offset, "a table with an initial value"));
                    }
                    let ty = table_type(table.ty, offset)?;
                    self.declared.tables.push(ty.element);
                    self.module.tables.push(Table { name: String::new(), ty });
                }
            }
            Payload::MemorySection(section) => {
                for memory in section.into_iter_with_offsets() {
                    let (offset, memory) = memory?;
                    self.module
                        .memories
                        .push(Memory { name: String::new(), ty: memory_type(memory, offset)? });
                }
            }
            Payload::GlobalSection(section) => {
                for global in section.into_iter_with_offsets() {
                    let (offset, global) = global?;
                    let ty = global_type(global.ty, offset)?;
                    self.declared.globals.push(ty.content);
                    let init = const_expr(&global.init_expr)?;
                    self.module.globals.push(Global { name: String::new(), ty, init });
                }
            }
            Payload::ExportSection(section) => {
                for export in section.into_iter_with_offsets() {
                    let (offset, export) = export?;
                    let kind = match export.kind {
                        ExternalKind::Func => ExportKind::Func(FuncIndex(export.index)),
                        ExternalKind::Table => ExportKind::Table(TableIndex(export.index)),
                        ExternalKind::Memory => ExportKind::Memory(MemoryIndex(export.index)),
                        ExternalKind::Global => ExportKind::Global(GlobalIndex(export.index)),
                        ExternalKind::Tag | ExternalKind::FuncExact => {
                            return Err(TranslateError::unsupported(offset, "an export of this kind"));
                        }
                    };
                    self.module.exports.push(Export { name: export.name.to_owned(), kind });
                }
            }
            Payload::StartSection { func, .. } => self.module.start = Some(FuncIndex(func)),
            Payload::ElementSection(section) => {
                for element in section {
                    self.element(element?)?;
                }
            }
            Payload::DataSection(section) => {
                for data in section {
                    let data = data?;
                    let offset = match &data.kind {
                        DataKind::Active { offset_expr, .. } => Some(const_expr(offset_expr)?),
                        DataKind::Passive => None,
                    };
                    self.module.data.push(DataSegment {
                        name: String::new(),
                        offset,
                        bytes: data.data.to_vec(),
                    });
                }
            }
            Payload::CustomSection(section) => {
                if let KnownCustom::Name(_) = section.as_known() {
                    self.names = Some(wasmparser::BinaryReader::new(section.data(), section.data_offset()));
                } else if !section.name().starts_with(".debug_") {
                    let (name, bytes) = (section.name().to_owned(), section.data().to_vec());
                    self.module.custom.push(CustomSection { name, bytes });
                }
            }
            _ => {}
        }
        Ok(())
    }

    fn import(&mut self, import: &wasmparser::Import<'_>, offset: u64) -> Result<(), TranslateError> {
        let kind = match import.ty {
            TypeRef::Func(ty) => {
                self.declared.funcs.push(TypeIndex(ty));
                self.declared.imported_funcs += 1;
                ImportKind::Func(TypeIndex(ty))
            }
            TypeRef::Table(ty) => {
                let ty = table_type(ty, offset)?;
                self.declared.tables.push(ty.element);
                ImportKind::Table(ty)
            }
            TypeRef::Memory(ty) => ImportKind::Memory(memory_type(ty, offset)?),
            TypeRef::Global(ty) => {
                let ty = global_type(ty, offset)?;
                self.declared.globals.push(ty.content);
                ImportKind::Global(ty)
            }
            TypeRef::Tag(_) | TypeRef::FuncExact(_) => {
                return Err(TranslateError::unsupported(offset, "an import of this kind"));
            }
        };
        let (module, field) = (import.module.to_owned(), import.name.to_owned());
        self.module.imports.push(Import { name: String::new(), module, field, kind });
        Ok(())
    }

    fn element(&mut self, element: wasmparser::Element<'_>) -> Result<(), TranslateError> {
        let (ty, mut items) = match element.items {
            ElementItems::Functions(section) => {
                let func = |func| Ok(ConstExpr::Func(FuncIndex(func?)));
                (ValType::FuncRef, section.into_iter().map(func).collect::<Result<_, wasmparser::Error>>()?)
            }
            ElementItems::Expressions(ty, section) => {
                let ty = val_type(wasmparser::ValType::Ref(ty), element.range.start)?;
                let items = section.into_iter().map(|item| const_expr(&item?));
                (ty, items.collect::<Result<Vec<_>, _>>()?)
            }
        };
        let place = match &element.kind {
            ElementKind::Active { table_index, offset_expr } => {
                Some((TableIndex(table_index.unwrap_or(0)), const_expr(offset_expr)?))
            }
            ElementKind::Passive => None,
            // Behaves as if it had been dropped at once.
            ElementKind::Declared => {
                items.clear();
                None
            }
        };
        self.module.elements.push(ElementSegment { name: String::new(), element: ty, place, items });
        Ok(())
    }
}

/// Refuses a section that says it has more items than bytes, before memory is made for them.
#[expect(clippy::wildcard_enum_match_arm, reason = "other payloads have no items")]
fn check_count(payload: &Payload<'_>) -> Result<(), TranslateError> {
    let (count, range) = match payload {
        Payload::TypeSection(section) => (section.count(), section.range()),
        Payload::ImportSection(section) => (section.count(), section.range()),
        Payload::FunctionSection(section) => (section.count(), section.range()),
        Payload::TableSection(section) => (section.count(), section.range()),
        Payload::MemorySection(section) => (section.count(), section.range()),
        Payload::GlobalSection(section) => (section.count(), section.range()),
        Payload::ExportSection(section) => (section.count(), section.range()),
        Payload::ElementSection(section) => (section.count(), section.range()),
        Payload::DataSection(section) => (section.count(), section.range()),
        Payload::CodeSectionStart { count, unchecked_range, .. } => (*count, unchecked_range.clone()),
        _ => return Ok(()),
    };
    let bytes = range.end - range.start;
    if u64::from(count) > bytes {
        let message = format!("unexpected end: {count} items cannot be in a section of {bytes} bytes");
        return Err(TranslateError::new(range.start, message));
    }
    Ok(())
}

/// A constant expression of WebAssembly 2.0: one instruction.
#[expect(clippy::wildcard_enum_match_arm, reason = "validation refuses all others")]
fn const_expr(expr: &wasmparser::ConstExpr<'_>) -> Result<ConstExpr, TranslateError> {
    let (operator, offset) = expr.get_operators_reader().read_with_offset()?;
    match operator {
        Operator::I32Const { value } => Ok(ConstExpr::I32(value)),
        Operator::I64Const { value } => Ok(ConstExpr::I64(value)),
        Operator::F32Const { value } => Ok(ConstExpr::F32(value.bits())),
        Operator::F64Const { value } => Ok(ConstExpr::F64(value.bits())),
        Operator::RefNull { hty } => Ok(ConstExpr::Null(heap_type(hty, offset)?)),
        Operator::RefFunc { function_index } => Ok(ConstExpr::Func(FuncIndex(function_index))),
        Operator::GlobalGet { global_index } => Ok(ConstExpr::Global(GlobalIndex(global_index))),
        _ => Err(TranslateError::unsupported(offset, "a constant expression with this instruction")),
    }
}

/// The type of a null reference.
pub(crate) fn heap_type(ty: wasmparser::HeapType, offset: u64) -> Result<ValType, TranslateError> {
    match wasmparser::RefType::new(true, ty) {
        Some(ty) => val_type(wasmparser::ValType::Ref(ty), offset),
        None => Err(TranslateError::unsupported(offset, "a reference of this type")),
    }
}
