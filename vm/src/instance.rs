//! Instances: a module with its imports, memory, tables and globals.

use std::cell::{Cell, RefCell, UnsafeCell};
use std::sync::Arc;

use ahash::AHashMap;
use bytecode_spec::{ConstExpr, ExportKind, FuncIndex, FuncType, ImportKind, Limits, TableIndex, TrapCause};

use crate::code::LoadedModule;
use crate::context::{FuncRecord, InstanceContext, MemoryRecord, Segments, TableRecord};
use crate::error::Error;
use crate::externs::{Extern, Func, Global, Memory, Table, TypedFunc};
use crate::frames::{Frame, Place};
use crate::interpreter::{Stop, Stopped};
use crate::module::Module;
use crate::stable::Stable;
use crate::store::{AsStore, AsStoreMut, StoreOpaque};
use crate::trap::Trap;
use crate::value::Values;
use strata_jit::abi::Helper;

/// A module brought to life in a store. A handle: small, to be copied.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Instance {
    pub(crate) store: u64,
    pub(crate) index: u32,
}

/// What an instance owns, and what its context points to.
#[derive(Debug)]
pub(crate) struct InstanceData {
    pub(crate) context: InstanceContext,
    module: Arc<LoadedModule>,
    globals: Vec<*const UnsafeCell<u64>>,
    tables: Vec<*const TableRecord>,
    records: Vec<*const FuncRecord>,
    own_records: Vec<FuncRecord>,
    segments: Segments,
    /// By name; filled last.
    exports: AHashMap<String, Extern>,
}

impl Instance {
    /// Brings a module to life with these imports, one for each that the module has, in its order: allocates its memory,
    /// tables and globals, writes its active segments, runs its start function. See
    /// [`Linker::instantiate`](crate::Linker::instantiate) for imports by name.
    ///
    /// # Errors
    ///
    /// When an import does not fit, a limit is exceeded, a segment does not fit its memory or table, or the start
    /// function traps. What was written until then stays written.
    pub fn new(store: &mut impl AsStoreMut, module: &Module, imports: &[Extern]) -> Result<Instance, Error> {
        let inner = store.as_store_mut().0;
        if !inner.opaque.engine.same(module.engine()) {
            return Err(Error::WrongStore("module"));
        }
        check_imports(&inner.opaque, module, imports)?;
        let index = build(&mut inner.opaque, module, imports)?;
        let instance = Instance { store: inner.opaque.id, index };
        apply_segments(&inner.opaque, index)?;
        if let Some(start) = module.verified().start {
            let record = inner.opaque.instances[index as usize].records[start.index()];
            inner.call(record, &mut [])?;
        }
        Ok(instance)
    }

    /// What the instance exports under that name; `None` also when it belongs to another store.
    pub fn export(&self, store: &impl AsStore, name: &str) -> Option<Extern> {
        let opaque = &store.as_store().0.opaque;
        (opaque.id == self.store).then(|| opaque.instances[self.index as usize].exports.get(name).copied())?
    }

    /// Names and handles of all that the instance exports, in the order of its module.
    pub fn exports(&self, store: &impl AsStore) -> Vec<(String, Extern)> {
        let opaque = &store.as_store().0.opaque;
        if opaque.id != self.store {
            return Vec::new();
        }
        let data = &opaque.instances[self.index as usize];
        let named = |export: &bytecode_spec::Export| (export.name.clone(), data.exports[&export.name]);
        data.module.module.exports.iter().map(named).collect()
    }

    /// The exported function of that name.
    ///
    /// # Errors
    ///
    /// When there is none; the message names those there are.
    pub fn func(&self, store: &impl AsStore, name: &str) -> Result<Func, Error> {
        match self.export(store, name) {
            Some(Extern::Func(func)) => Ok(func),
            _ => Err(self.unknown(store, "function", name, |e| matches!(e, Extern::Func(_)))),
        }
    }

    /// The exported function of that name, its type checked.
    ///
    /// # Errors
    ///
    /// When there is none, or it has another type.
    pub fn typed_func<P: Values, R: Values>(
        &self,
        store: &impl AsStore,
        name: &str,
    ) -> Result<TypedFunc<P, R>, Error> {
        self.func(store, name)?.typed(store)
    }

    /// The exported memory of that name.
    ///
    /// # Errors
    ///
    /// When there is none.
    pub fn memory(&self, store: &impl AsStore, name: &str) -> Result<Memory, Error> {
        match self.export(store, name) {
            Some(Extern::Memory(memory)) => Ok(memory),
            _ => Err(self.unknown(store, "memory", name, |e| matches!(e, Extern::Memory(_)))),
        }
    }

    /// The exported table of that name.
    ///
    /// # Errors
    ///
    /// When there is none.
    pub fn table(&self, store: &impl AsStore, name: &str) -> Result<Table, Error> {
        match self.export(store, name) {
            Some(Extern::Table(table)) => Ok(table),
            _ => Err(self.unknown(store, "table", name, |e| matches!(e, Extern::Table(_)))),
        }
    }

    /// The exported global of that name.
    ///
    /// # Errors
    ///
    /// When there is none.
    pub fn global(&self, store: &impl AsStore, name: &str) -> Result<Global, Error> {
        match self.export(store, name) {
            Some(Extern::Global(global)) => Ok(global),
            _ => Err(self.unknown(store, "global", name, |e| matches!(e, Extern::Global(_)))),
        }
    }

    fn unknown(
        &self,
        store: &impl AsStore,
        kind: &'static str,
        name: &str,
        of_kind: fn(&Extern) -> bool,
    ) -> Error {
        if store.as_store().0.opaque.id != self.store {
            return Error::WrongStore("instance");
        }
        let exports =
            self.exports(store).into_iter().filter(|(_, e)| of_kind(e)).map(|(name, _)| name).collect();
        Error::UnknownExport { kind, name: name.to_owned(), exports }
    }
}

/// What a module wants of an import, for messages.
pub(crate) fn describe(module: &Module, kind: ImportKind) -> String {
    match kind {
        ImportKind::Func(ty) => format!("func {}", module.verified().types[ty.index()].ty),
        ImportKind::Table(ty) => format!("table {} {}", ty.element, describe_limits(&ty.limits)),
        ImportKind::Memory(ty) => format!("memory {}", describe_limits(&ty.limits)),
        ImportKind::Global(ty) => {
            format!("global {}{}", if ty.mutable { "mut " } else { "" }, ty.content)
        }
    }
}

fn describe_limits(limits: &Limits) -> String {
    match limits.max {
        Some(max) => format!("{} {max}", limits.min),
        None => limits.min.to_string(),
    }
}

fn check_imports(opaque: &StoreOpaque, module: &Module, imports: &[Extern]) -> Result<(), Error> {
    let wanted = &module.verified().imports;
    if wanted.len() != imports.len() {
        return Err(Error::ImportCount { wanted: wanted.len(), found: imports.len() });
    }
    for (index, (import, given)) in wanted.iter().zip(imports).enumerate() {
        let now = |len: usize, max| Limits { min: len as u32, max };
        let (fits, found) = match *given {
            Extern::Func(func) => {
                let found: &FuncType = opaque.func_type(opaque.record(func)?);
                let fits = matches!(import.kind, ImportKind::Func(ty) if module.verified().types[ty.index()].ty == *found);
                (fits, format!("func {found}"))
            }
            Extern::Table(table) => {
                let record = opaque.table(table)?;
                let limits = now(record.len.get(), record.limits.max);
                let fits = matches!(import.kind, ImportKind::Table(ty)
                    if ty.element == record.element && limits.fits(&ty.limits));
                (fits, format!("table {} {}", record.element, describe_limits(&limits)))
            }
            Extern::Memory(memory) => {
                let record = opaque.memory(memory)?;
                let limits = now(record.pages() as usize, record.limits.max);
                let fits = matches!(import.kind, ImportKind::Memory(ty) if limits.fits(&ty.limits));
                (fits, format!("memory {}", describe_limits(&limits)))
            }
            Extern::Global(global) => {
                let ty = opaque.global(global)?.ty;
                let fits = matches!(import.kind, ImportKind::Global(wanted) if wanted == ty);
                (fits, describe(module, ImportKind::Global(ty)))
            }
        };
        if !fits {
            return Err(Error::ImportType {
                index,
                module: import.module.clone(),
                field: import.field.clone(),
                wanted: describe(module, import.kind),
                found,
            });
        }
    }
    Ok(())
}

/// Allocates the instance and gives its index. Pointers into it are taken when it is at its place.
fn build(opaque: &mut StoreOpaque, module: &Module, imports: &[Extern]) -> Result<u32, Error> {
    let loaded = &module.0;
    let on_paper = module.verified();
    let (mut records, mut tables, mut memories, mut globals) = (vec![], vec![], vec![], vec![]);
    for import in imports {
        match *import {
            Extern::Func(func) => records.push(opaque.record(func)?),
            Extern::Table(table) => tables.push(table.index),
            Extern::Memory(memory) => memories.push(memory.index),
            Extern::Global(global) => globals.push(global.index),
        }
    }
    for memory in &on_paper.memories {
        memories.push(opaque.add_memory(memory.ty)?);
    }
    for table in &on_paper.tables {
        tables.push(opaque.add_table(table.ty)?);
    }

    let index = opaque.instances.len() as u32;
    let imported_funcs = on_paper.spaces().imported_funcs;
    let memory = memories.first().map_or(&opaque.no_memory, |&i| &opaque.memories[i as usize]).as_ptr();
    let stub = |helper: Helper| match opaque.engine.shared_code() {
        Some(shared) => shared.helpers[helper as usize],
        None => std::ptr::null(),
    };
    let instance = Stable::new(InstanceData {
        context: InstanceContext {
            store: Arc::as_ptr(&opaque.context),
            memory,
            globals: std::ptr::null(),
            tables: std::ptr::null(),
            slots: loaded.slots.as_ptr(),
            records: std::ptr::null(),
            signatures: loaded.signatures.as_ptr(),
            call_record: stub(Helper::Record),
            loop_safepoint: stub(Helper::LoopSafepoint),
            attend: stub(Helper::Attend),
            imported_funcs,
            index,
            module: Arc::as_ptr(loaded),
            segments: std::ptr::null(),
            runs_machine_code: memories.first().is_none_or(|&i| opaque.memories[i as usize].is_guarded()),
        },
        module: Arc::clone(loaded),
        globals: Vec::new(),
        tables: tables.iter().map(|&i| opaque.tables[i as usize].as_ptr()).collect(),
        records,
        own_records: Vec::new(),
        segments: Segments { data_dropped: Box::default(), elements: Box::default() },
        exports: AHashMap::new(),
    });

    let data = instance.as_ptr().cast_mut();
    // SAFETY: the instance is not shared yet: nothing runs in it, and `opaque` is ours. Vectors are complete when
    // pointers to their elements are taken, and never touched again.
    let data = unsafe { &mut *data };
    data.own_records = (0..)
        .zip(loaded.slots.iter().zip(&on_paper.functions))
        .map(|(i, (slot, function))| FuncRecord {
            slot,
            native_slot: if data.context.runs_machine_code { slot } else { std::ptr::null() },
            instance: &raw const data.context,
            host: std::ptr::null(),
            signature: loaded.signatures[function.ty.index()],
            index: imported_funcs + i,
        })
        .collect();
    data.records.extend(data.own_records.iter().map(std::ptr::from_ref));
    for global in &on_paper.globals {
        let slot = evaluate(global.init, &data.records, &globals, opaque);
        globals.push(opaque.add_global(global.ty, slot));
    }
    data.globals = globals.iter().map(|&i| &raw const opaque.globals[i as usize].cell).collect();
    let segment = |items: &[ConstExpr]| {
        RefCell::new(items.iter().map(|&item| evaluate(item, &data.records, &globals, opaque)).collect())
    };
    data.segments = Segments {
        data_dropped: on_paper.data.iter().map(|_| Cell::new(false)).collect(),
        elements: on_paper.elements.iter().map(|elements| segment(&elements.items)).collect(),
    };
    for export in &on_paper.exports {
        let store = opaque.id;
        let handle = match export.kind {
            ExportKind::Func(func) => opaque.func_handle(data.records[func.index()]).into(),
            ExportKind::Table(table) => Table { store, index: tables[table.index()] }.into(),
            ExportKind::Memory(memory) => Memory { store, index: memories[memory.index()] }.into(),
            ExportKind::Global(global) => Global { store, index: globals[global.index()] }.into(),
        };
        data.exports.insert(export.name.clone(), handle);
    }
    data.context.globals = data.globals.as_ptr();
    data.context.tables = data.tables.as_ptr();
    data.context.records = data.records.as_ptr();
    data.context.segments = &raw const data.segments;
    opaque.instances.push(instance);
    Ok(index)
}

/// The slot of a constant. Only globals before the one at hand are named: the verifier allows imported ones alone.
fn evaluate(init: ConstExpr, records: &[*const FuncRecord], globals: &[u32], opaque: &StoreOpaque) -> u64 {
    match init {
        ConstExpr::I32(value) => u64::from(value as u32),
        ConstExpr::I64(value) => value as u64,
        ConstExpr::F32(bits) => bits.into(),
        ConstExpr::F64(bits) => bits,
        ConstExpr::Null(_) => 0,
        ConstExpr::Func(FuncIndex(func)) => records[func as usize].addr() as u64,
        ConstExpr::Global(global) => {
            let record = &opaque.globals[globals[global.index()] as usize];
            // SAFETY: no code of the store runs while it is borrowed.
            unsafe { *record.cell.get() }
        }
    }
}

/// Writes active segments: elements first, then data, each as a whole or not at all.
fn apply_segments(opaque: &StoreOpaque, index: u32) -> Result<(), Error> {
    let data = &opaque.instances[index as usize];
    let on_paper = &data.module.module;
    let offset = |init: ConstExpr| match init {
        ConstExpr::I32(value) => value as u32,
        ConstExpr::Global(global) => {
            // SAFETY: no code of the store runs while it is borrowed; the global is one of the instance's.
            unsafe { *(*data.globals[global.index()]).get() as u32 }
        }
        ConstExpr::I64(_)
        | ConstExpr::F32(_)
        | ConstExpr::F64(_)
        | ConstExpr::Null(_)
        | ConstExpr::Func(_) => {
            unreachable!("the verifier wants an i32")
        }
    };
    for (segment, slots) in on_paper.elements.iter().zip(&data.segments.elements) {
        if let Some((table, at)) = segment.place {
            let slots = slots.take();
            write_elements(data, table, offset(at), &slots)
                .ok_or_else(|| does_not_fit(TrapCause::TableOutOfBounds))?;
        }
    }
    for (segment, dropped) in on_paper.data.iter().zip(&data.segments.data_dropped) {
        if let Some(at) = segment.offset {
            // SAFETY: the instance's memory record lives as long as the store.
            let memory = unsafe { &*data.context.memory };
            write_bytes(memory, offset(at), &segment.bytes)
                .ok_or_else(|| does_not_fit(TrapCause::MemoryOutOfBounds))?;
            dropped.set(true);
        }
    }
    Ok(())
}

fn write_elements(data: &InstanceData, table: TableIndex, at: u32, slots: &[u64]) -> Option<()> {
    // SAFETY: the instance's table records live as long as the store.
    let table = unsafe { &*data.tables[table.index()] };
    if at as usize + slots.len() > table.len.get() {
        return None;
    }
    (at..).zip(slots).try_for_each(|(i, &slot)| table.set(i, slot))
}

fn write_bytes(memory: &MemoryRecord, at: u32, bytes: &[u8]) -> Option<()> {
    if at as usize + bytes.len() > memory.len.get() {
        return None;
    }
    // SAFETY: within the memory, as just tested; no code of the store runs while it is borrowed.
    unsafe { std::ptr::copy_nonoverlapping(bytes.as_ptr(), memory.base.get().add(at as usize), bytes.len()) };
    Some(())
}

/// A trap outside any function.
fn does_not_fit(cause: TrapCause) -> Error {
    let (frame, place) = (Frame(std::ptr::null_mut()), Place::At(std::ptr::null()));
    // SAFETY: no frame is a stack of none.
    Error::Trap(unsafe { Trap::new(Stopped { stop: Stop::Trap(cause), frame, place }) })
}
