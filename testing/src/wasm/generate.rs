//! Modules by `wasm-smith`: of what Strata supports, small, and certain to end.

use arbitrary::Unstructured;
use wasm_encoder::{ExportKind, ExportSection, RawSection, SectionId};
use wasm_smith::{Config, InstructionKind, InstructionKinds, MemoryOffsetChoices, Module};
use wasmparser::{Payload, TypeRef};

use crate::choices::Choices;

/// The global by which a module pays for loops, calls and bulk operations, as it is exported.
pub(super) const FUEL: &str = "strata fuel";

/// What the start function can pay.
const START_FUEL: u32 = 200;

/// Bytes that a memory may declare.
const MAX_MEMORY_BYTES: u64 = 4 << 16;

/// Elements that a table may declare.
const MAX_TABLE_ELEMENTS: u64 = 60;

/// How a module is to be made.
pub(super) fn config(choices: &mut Choices<'_>) -> Config {
    Config {
        // What Strata does not support.
        compact_imports_enabled: false,
        custom_page_sizes_enabled: false,
        exceptions_enabled: false,
        extended_const_enabled: false,
        gc_enabled: false,
        max_memories: 1,
        memory64_enabled: false,
        relaxed_simd_enabled: false,
        simd_enabled: false,
        threads_enabled: false,
        wide_arithmetic_enabled: false,
        // What makes modules comparable.
        canonicalize_nans: true,
        max_exports: 0,
        // Small enough to look at after every call, large enough to matter.
        max_data_segments: 3,
        max_element_segments: 4,
        max_elements: 20,
        max_globals: 10,
        max_memory32_bytes: MAX_MEMORY_BYTES,
        max_table_elements: MAX_TABLE_ELEMENTS,
        max_tables: 4,
        max_types: 12,
        max_type_size: 100_000,
        // And what differs from module to module.
        allow_floats: !choices.percent(20),
        allowed_instructions: instructions(choices),
        allow_start_export: choices.percent(40),
        disallow_traps: choices.percent(55),
        max_funcs: 20,
        max_imports: if choices.percent(50) { 8 } else { 0 },
        max_instructions: *choices.pick(&[60, 200, 400, 1_000]),
        memory_offset_choices: MemoryOffsetChoices(*choices.pick(&[99, 20]), 4, 1),
        min_funcs: 1 + choices.below(10),
        min_globals: choices.below(4),
        min_memories: u32::from(!choices.percent(10)),
        min_tables: u32::from(!choices.percent(20)),
        min_types: 1 + choices.below(6),
        min_uleb_size: *choices.pick(&[1, 1, 1, 2, 5]),
        tail_call_enabled: !choices.percent(30),
        ..Config::default()
    }
}

/// Mostly all instructions; sometimes only some kinds, which then meet more often.
fn instructions(choices: &mut Choices<'_>) -> InstructionKinds {
    use InstructionKind::{Control, Memory, Numeric, NumericInt, Parametric, Reference, Table, Variable};
    if !choices.percent(40) {
        return InstructionKinds::all();
    }
    let mut kinds = vec![Control, Variable, *choices.pick(&[Numeric, NumericInt])];
    for kind in [Memory, Parametric, Reference, Table] {
        if choices.percent(40) {
            kinds.push(kind);
        }
    }
    InstructionKinds::new(&kinds)
}

/// The module that bytes make, if they do. It exports everything it has: functions as `f0` and so on, tables
/// as `t0`, memories as `m0`, globals as `g0`, and [`FUEL`].
pub(super) fn module(config: Config, bytes: &[u8]) -> Option<Vec<u8>> {
    let mut module = Module::new(config, &mut Unstructured::new(bytes)).ok()?;
    let fuel = module.ensure_termination(START_FUEL).expect("all code was generated");
    Some(with_exports(&module.to_bytes(), fuel).expect("what is generated can be read"))
}

/// The module with another export section. One that has everything is not left to `wasm-smith`: names would
/// take too many of the bytes that make a module.
fn with_exports(wasm: &[u8], fuel: u32) -> wasmparser::Result<Vec<u8>> {
    let mut module = wasm_encoder::Module::new();
    let mut exports = Some(ExportSection::new());
    let mut counts = Counts::default();
    for payload in wasmparser::Parser::new(0).parse_all(wasm) {
        let payload = payload?;
        counts.add(&payload)?;
        let Some((id, range)) = payload.as_section() else { continue };
        if id == SectionId::Export as u8 {
            continue;
        }
        if id > SectionId::Export as u8
            && let Some(mut exports) = exports.take()
        {
            counts.export(&mut exports);
            exports.export(FUEL, ExportKind::Global, fuel);
            module.section(&exports);
        }
        module.section(&RawSection { id, data: &wasm[range.start as usize..range.end as usize] });
    }
    Ok(module.finish())
}

/// How many there are of everything that can be exported.
#[derive(Default)]
struct Counts {
    functions: u32,
    tables: u32,
    memories: u32,
    globals: u32,
}

impl Counts {
    /// Counts what a section imports or defines.
    fn add(&mut self, payload: &Payload<'_>) -> wasmparser::Result<()> {
        if let Payload::ImportSection(imports) = payload {
            for import in imports.clone().into_imports() {
                match import?.ty {
                    TypeRef::Func(_) | TypeRef::FuncExact(_) => self.functions += 1,
                    TypeRef::Table(_) => self.tables += 1,
                    TypeRef::Memory(_) => self.memories += 1,
                    TypeRef::Global(_) => self.globals += 1,
                    TypeRef::Tag(_) => unreachable!("modules have no exceptions"),
                }
            }
        } else if let Payload::FunctionSection(functions) = payload {
            self.functions += functions.count();
        } else if let Payload::TableSection(tables) = payload {
            self.tables += tables.count();
        } else if let Payload::MemorySection(memories) = payload {
            self.memories += memories.count();
        } else if let Payload::GlobalSection(globals) = payload {
            self.globals += globals.count();
        }
        Ok(())
    }

    /// Exports everything.
    fn export(&self, exports: &mut ExportSection) {
        let kinds = [
            (ExportKind::Func, 'f', self.functions),
            (ExportKind::Table, 't', self.tables),
            (ExportKind::Memory, 'm', self.memories),
            (ExportKind::Global, 'g', self.globals),
        ];
        for (kind, letter, count) in kinds {
            for index in 0..count {
                exports.export(&format!("{letter}{index}"), kind, index);
            }
        }
    }
}
