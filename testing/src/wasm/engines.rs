//! Two engines behind one trait. What they show of a run is numbers: of a number its bits, of an `externref`
//! what it refers to, of a `funcref` its place among the exported functions plus one, and of null 0.

use std::any::Any;

use bytecode_spec::{ExportKind, ImportKind, TrapCause, ValType, VerifiedModule};
use strata::{AsStore, Caller, Config, Error, Extern, ExternRef, Func, Instance, Module, Store, Val};

use super::Ended;
use super::generate::FUEL;
use super::plain;
use crate::configuration::Configuration;
use crate::{edges, slots};

/// What can be seen between calls of all that a module imports and exports.
#[derive(Clone, Debug, Default, PartialEq)]
pub(super) struct State {
    /// Which calls of host functions there were, as [`Host`] takes note of them.
    pub(super) host: u64,
    /// Values of globals.
    pub(super) globals: Vec<u64>,
    /// Elements of tables.
    pub(super) tables: Vec<Vec<u64>>,
    /// Bytes of memories.
    pub(super) memories: Vec<Vec<u8>>,
}

/// An engine with a module.
pub(super) trait Machine {
    /// Brings the module to life, with something for every import. No results, or why that trapped.
    fn instantiate(&mut self) -> Ended;
    /// Calls an exported function of the instance, after giving it [`CALL_FUEL`].
    fn call(&mut self, func: usize, args: &[u64]) -> Ended;
    /// What there is to see now.
    fn state(&mut self) -> State;
}

/// References to values of the host there are, numbered from 1.
pub(super) const EXTERNS: usize = 3;

/// What a call can pay: loops, calls, and elements and bytes of bulk operations.
const CALL_FUEL: i32 = 300;

/// What a call can pay the engine: far more than a module that pays itself can use up.
const ENGINE_FUEL: u64 = 10_000_000;

/// Bytes that a memory can grow to, and elements that a table can.
const MAX_MEMORY_BYTES: usize = 6 << 16;
const MAX_TABLE_ELEMENTS: usize = 100;

/// Enough for [`CALL_FUEL`] calls in one another.
const STACK_BYTES: usize = 8 << 20;

/// The host's side of a run: what functions were called with decides what they give.
#[derive(Debug, Default)]
struct Host {
    log: u64,
}

impl Host {
    fn note(&mut self, number: u64) {
        self.log = (self.log.rotate_left(9) ^ number).wrapping_mul(0x9E37_79B9_7F4A_7C15);
    }

    /// A result of a host function, as the machines number it; a reference to a function is null.
    fn result(&mut self, ty: ValType) -> u64 {
        self.note(1);
        let choice = (self.log >> 32) as usize;
        match ty {
            ValType::I32 | ValType::I64 | ValType::F32 | ValType::F64 => {
                let edges = edges::few_edges(ty);
                edges[choice % edges.len()]
            }
            ValType::ExternRef => (choice % (EXTERNS + 1)) as u64,
            ValType::FuncRef => 0,
        }
    }
}

/// The number of a function that is not exported.
const SOME_FUNCTION: u64 = u64::MAX;

/// What a host's value is numbered by.
fn number_of(value: &dyn Any) -> u64 {
    *value.downcast_ref::<u64>().expect("the host made it of a number")
}

/// Strata, in one configuration.
pub(super) struct InStrata {
    module: Module,
    store: Store<Host>,
    externs: Vec<ExternRef>,
    visible: Vec<Extern>,
    functions: Vec<Func>,
    fuel: Option<strata::Global>,
}

impl InStrata {
    /// A store for the module in that configuration.
    pub(super) fn new(module: &VerifiedModule, configuration: &Configuration) -> InStrata {
        let config = Config::new()
            .max_stack_bytes(STACK_BYTES)
            .max_memory_bytes(MAX_MEMORY_BYTES as u64)
            .max_table_elements(MAX_TABLE_ELEMENTS as u32);
        let engine = configuration.engine(config);
        let module = Module::from_verified(&engine, module.clone());
        let mut store = Store::new(&engine, Host::default());
        let externs = (1..=EXTERNS as u64).map(|number| store.extern_ref(number)).collect();
        InStrata { module, store, externs, visible: Vec::new(), functions: Vec::new(), fuel: None }
    }

    /// Something for an import. Those of a kind are made in the order of the module; wasmi sorts them by
    /// kind.
    fn import(&mut self, index: usize) -> Extern {
        let imports = &self.module.verified().imports;
        let import = &imports[index];
        let store = &mut self.store;
        let made = match import.kind {
            ImportKind::Func(ty) => {
                let ty = self.module.verified().types[ty.index()].ty.clone();
                let before =
                    imports[..index].iter().filter(|i| matches!(i.kind, ImportKind::Func(_))).count();
                let externs = self.externs.clone();
                let call = move |mut caller: Caller<'_, Host>, args: &[Val], results: &mut [Val]| {
                    caller.data_mut().note(before as u64);
                    for &arg in args {
                        let number = number(&caller, arg, &[]);
                        caller.data_mut().note(number);
                    }
                    for result in results {
                        let number = caller.data_mut().result(result.ty());
                        *result = value(result.ty(), number, &externs, &[]);
                    }
                    Ok(())
                };
                return Func::new(store, ty, call).into();
            }
            ImportKind::Memory(ty) => strata::Memory::new(store, ty).map(Extern::from),
            ImportKind::Table(ty) => strata::Table::new(store, ty).map(Extern::from),
            ImportKind::Global(ty) => {
                let initial = value(ty.content, store.data_mut().result(ty.content), &self.externs, &[]);
                strata::Global::new(store, ty, initial).map(Extern::from)
            }
        };
        made.expect("within the limits")
    }

    fn refuel(&mut self) {
        if self.store.engine().config().fuel {
            self.store.set_fuel(ENGINE_FUEL).expect("configured");
        }
        if let Some(fuel) = self.fuel {
            fuel.set(&mut self.store, Val::I32(CALL_FUEL)).expect("a mutable i32");
        }
    }
}

/// A value as a number.
fn number(store: &impl AsStore, value: Val, functions: &[Func]) -> u64 {
    if let Val::FuncRef(Some(func)) = value {
        let place = functions.iter().position(|&known| known == func);
        place.map_or(SOME_FUNCTION, |place| place as u64 + 1)
    } else if let Val::ExternRef(Some(value)) = value {
        number_of(value.data(store).expect("of this store"))
    } else {
        slots::from_val(value).unwrap_or(0)
    }
}

/// The value of a number.
fn value(ty: ValType, number: u64, externs: &[ExternRef], functions: &[Func]) -> Val {
    match (ty, number) {
        (ValType::ExternRef, 1..) => Val::ExternRef(Some(externs[number as usize - 1])),
        (ValType::FuncRef, 1..) => Val::FuncRef(Some(functions[number as usize - 1])),
        _ => slots::to_val(ty, number),
    }
}

fn cause(error: Error) -> TrapCause {
    if let Error::Trap(trap) = error { trap.cause() } else { panic!("only traps are expected: {error}") }
}

impl Machine for InStrata {
    fn instantiate(&mut self) -> Ended {
        let imports: Vec<Extern> =
            (0..self.module.verified().imports.len()).map(|index| self.import(index)).collect();
        self.visible.clone_from(&imports);
        self.refuel();
        let instance = Instance::new(&mut self.store, &self.module, &imports).map_err(cause)?;
        for (name, export) in instance.exports(&self.store) {
            self.visible.push(export);
            if let Extern::Func(func) = export {
                self.functions.push(func);
            } else if name == FUEL
                && let Extern::Global(global) = export
            {
                self.fuel = Some(global);
            }
        }
        Ok(Vec::new())
    }

    fn call(&mut self, func: usize, args: &[u64]) -> Ended {
        self.refuel();
        let func = self.functions[func];
        let params = func.ty(&self.store).expect("of this store").params;
        let args = params.iter().zip(args);
        let args: Vec<Val> =
            args.map(|(&ty, &number)| value(ty, number, &self.externs, &self.functions)).collect();
        let results = func.call(&mut self.store, &args).map_err(cause)?;
        Ok(results.into_iter().map(|value| number(&self.store, value, &self.functions)).collect())
    }

    fn state(&mut self) -> State {
        let mut state = State { host: self.store.data().log, ..State::default() };
        let store = &mut self.store;
        for seen in &self.visible {
            if let Extern::Global(global) = seen {
                let value = global.get(store).expect("of this store");
                state.globals.push(number(store, value, &self.functions));
            } else if let Extern::Table(table) = seen {
                let len = table.len(store).expect("of this store");
                let element = |i| {
                    let value = table.get(store, i).expect("within the table");
                    number(store, value, &self.functions)
                };
                state.tables.push((0..len).map(element).collect());
            } else if let Extern::Memory(memory) = seen {
                state.memories.push(memory.data(store).expect("of this store").to_vec());
            }
        }
        state
    }
}

/// wasmi.
pub(super) struct InWasmi {
    module: wasmi::Module,
    store: wasmi::Store<(Host, wasmi::StoreLimits)>,
    externs: Vec<wasmi::ExternRef>,
    visible: Vec<wasmi::Extern>,
    /// Names of all exports, in the order of the module.
    exports: Vec<String>,
    functions: Vec<wasmi::Func>,
    /// What the handles of these print as: they cannot be compared otherwise.
    printed: Vec<String>,
    fuel: Option<wasmi::Global>,
}

impl InWasmi {
    /// A store for the module.
    ///
    /// # Panics
    ///
    /// When it is refused.
    pub(super) fn new(wasm: &[u8]) -> InWasmi {
        let mut config = wasmi::Config::default();
        // What Strata does not support either, and enough of all that is limited.
        config
            .wasm_extended_const(false)
            .wasm_multi_memory(false)
            .consume_fuel(true)
            .set_max_recursion_depth(STACK_BYTES / size_of::<u64>())
            .set_max_stack_height(STACK_BYTES);
        let engine = wasmi::Engine::new(&config);
        let wasm = plain::module(wasm).expect("valid modules can be read");
        let module =
            wasmi::Module::new(&engine, wasm).unwrap_or_else(|error| panic!("wasmi refuses: {error}"));
        let limits = wasmi::StoreLimitsBuilder::new()
            .memory_size(MAX_MEMORY_BYTES)
            .table_elements(MAX_TABLE_ELEMENTS)
            .build();
        let mut store = wasmi::Store::new(&engine, (Host::default(), limits));
        store.limiter(|(_, limits)| limits);
        let externs = (1..=EXTERNS as u64).map(|number| wasmi::ExternRef::new(&mut store, number)).collect();
        InWasmi {
            module,
            store,
            externs,
            visible: Vec::new(),
            exports: Vec::new(),
            functions: Vec::new(),
            printed: Vec::new(),
            fuel: None,
        }
    }

    /// What Strata's module exports that wasmi's does not, or the other way round. Takes note of the order.
    pub(super) fn other_exports(&mut self, module: &VerifiedModule) -> Option<String> {
        let count = self.module.exports().count();
        if count != module.exports.len() {
            return Some(format!("{} exports, expected {count}", module.exports.len()));
        }
        for export in &module.exports {
            let same = match (export.kind, self.module.get_export(&export.name)) {
                (ExportKind::Func(func), Some(wasmi::ExternType::Func(ty))) => {
                    *module.func_type(func) == func_type(&ty)
                }
                (ExportKind::Global(_), Some(wasmi::ExternType::Global(_)))
                | (ExportKind::Table(_), Some(wasmi::ExternType::Table(_)))
                | (ExportKind::Memory(_), Some(wasmi::ExternType::Memory(_))) => true,
                _ => false,
            };
            if !same {
                return Some(format!("export {:?} is something else", export.name));
            }
        }
        self.exports = module.exports.iter().map(|export| export.name.clone()).collect();
        None
    }

    fn import(&mut self, index: usize) -> wasmi::Extern {
        let functions = self.module.imports().take(index);
        let import = self.module.imports().nth(index).expect("below their number");
        let store = &mut self.store;
        match import.ty() {
            wasmi::ExternType::Func(ty) => {
                let before = functions.filter(|i| matches!(i.ty(), wasmi::ExternType::Func(_))).count();
                let externs = self.externs.clone();
                let call = move |mut caller: wasmi::Caller<'_, (Host, wasmi::StoreLimits)>,
                                 args: &[wasmi::Val],
                                 results: &mut [wasmi::Val]| {
                    caller.data_mut().0.note(before as u64);
                    for arg in args {
                        let number = wasmi_number(&caller, arg, &[]);
                        caller.data_mut().0.note(number);
                    }
                    for result in results {
                        let ty = val_type(result.ty());
                        let number = caller.data_mut().0.result(ty);
                        *result = wasmi_value(ty, number, &externs, &[]);
                    }
                    Ok(())
                };
                wasmi::Func::new(store, ty.clone(), call).into()
            }
            wasmi::ExternType::Memory(ty) => {
                wasmi::Memory::new(store, *ty).expect("within the limits").into()
            }
            wasmi::ExternType::Table(ty) => {
                let null = wasmi::Ref::null(ty.element());
                wasmi::Table::new(store, *ty, null).expect("within the limits").into()
            }
            wasmi::ExternType::Global(global) => {
                let ty = val_type(global.content());
                let number = store.data_mut().0.result(ty);
                let initial = wasmi_value(ty, number, &self.externs, &[]);
                wasmi::Global::new(store, initial, global.mutability()).into()
            }
        }
    }

    fn refuel(&mut self) {
        self.store.set_fuel(ENGINE_FUEL).expect("configured");
        if let Some(fuel) = self.fuel {
            fuel.set(&mut self.store, wasmi::Val::I32(CALL_FUEL)).expect("a mutable i32");
        }
    }
}

fn val_type(ty: wasmi::ValType) -> ValType {
    match ty {
        wasmi::ValType::I32 => ValType::I32,
        wasmi::ValType::I64 => ValType::I64,
        wasmi::ValType::F32 => ValType::F32,
        wasmi::ValType::F64 => ValType::F64,
        wasmi::ValType::FuncRef => ValType::FuncRef,
        wasmi::ValType::ExternRef => ValType::ExternRef,
        wasmi::ValType::V128 => unreachable!("modules have no vectors"),
    }
}

fn func_type(ty: &wasmi::FuncType) -> bytecode_spec::FuncType {
    let types = |types: &[wasmi::ValType]| types.iter().copied().map(val_type).collect::<Vec<_>>();
    bytecode_spec::FuncType::new(types(ty.params()), types(ty.results()))
}

/// A value as a number.
fn wasmi_number<'a, T: 'a>(
    store: impl Into<wasmi::StoreContext<'a, T>>,
    value: &wasmi::Val,
    functions: &[String],
) -> u64 {
    match value {
        wasmi::Val::I32(value) => u64::from(*value as u32),
        wasmi::Val::I64(value) => *value as u64,
        wasmi::Val::F32(value) => value.to_bits().into(),
        wasmi::Val::F64(value) => value.to_bits(),
        wasmi::Val::FuncRef(wasmi::Nullable::Null) | wasmi::Val::ExternRef(wasmi::Nullable::Null) => 0,
        wasmi::Val::FuncRef(wasmi::Nullable::Val(func)) => {
            let func = format!("{func:?}");
            let place = functions.iter().position(|known| *known == func);
            place.map_or(SOME_FUNCTION, |place| place as u64 + 1)
        }
        wasmi::Val::ExternRef(wasmi::Nullable::Val(value)) => number_of(value.data(store)),
        wasmi::Val::V128(_) => unreachable!("modules have no vectors"),
    }
}

/// The value of a number.
fn wasmi_value(
    ty: ValType,
    number: u64,
    externs: &[wasmi::ExternRef],
    functions: &[wasmi::Func],
) -> wasmi::Val {
    let place = (number as usize).wrapping_sub(1);
    match ty {
        ValType::I32 => wasmi::Val::I32(number as i32),
        ValType::I64 => wasmi::Val::I64(number as i64),
        ValType::F32 => wasmi::Val::F32(wasmi::F32::from_bits(number as u32)),
        ValType::F64 => wasmi::Val::F64(wasmi::F64::from_bits(number)),
        ValType::FuncRef => {
            wasmi::Val::FuncRef(functions.get(place).map_or(wasmi::Nullable::Null, |&func| func.into()))
        }
        ValType::ExternRef => {
            wasmi::Val::ExternRef(externs.get(place).map_or(wasmi::Nullable::Null, |&value| value.into()))
        }
    }
}

fn wasmi_cause(error: wasmi::Error) -> TrapCause {
    use wasmi::errors::{ErrorKind, InstantiationError};
    let Some(code) = error.as_trap_code() else {
        if let ErrorKind::Instantiation(InstantiationError::ElementSegmentDoesNotFit { .. }) = error.kind() {
            return TrapCause::TableOutOfBounds;
        }
        panic!("only traps are expected: {error:?}");
    };
    match code {
        wasmi::TrapCode::UnreachableCodeReached => TrapCause::Unreachable,
        wasmi::TrapCode::MemoryOutOfBounds => TrapCause::MemoryOutOfBounds,
        wasmi::TrapCode::TableOutOfBounds => TrapCause::TableOutOfBounds,
        wasmi::TrapCode::IndirectCallToNull => TrapCause::IndirectCallToNull,
        wasmi::TrapCode::IntegerDivisionByZero => TrapCause::IntegerDivideByZero,
        wasmi::TrapCode::IntegerOverflow => TrapCause::IntegerOverflow,
        wasmi::TrapCode::BadConversionToInteger => TrapCause::InvalidConversionToInteger,
        wasmi::TrapCode::StackOverflow => TrapCause::StackOverflow,
        wasmi::TrapCode::BadSignature => TrapCause::IndirectCallTypeMismatch,
        wasmi::TrapCode::OutOfFuel => TrapCause::OutOfFuel,
        wasmi::TrapCode::GrowthOperationLimited | wasmi::TrapCode::OutOfSystemMemory => {
            panic!("growing fails with -1: {error:?}")
        }
    }
}

impl Machine for InWasmi {
    fn instantiate(&mut self) -> Ended {
        let imports: Vec<wasmi::Extern> =
            (0..self.module.imports().len()).map(|index| self.import(index)).collect();
        self.visible.clone_from(&imports);
        self.refuel();
        let instance = wasmi::Instance::new(&mut self.store, &self.module, &imports).map_err(wasmi_cause)?;
        for name in &self.exports {
            let export = instance.get_export(&self.store, name).expect("exports were compared");
            if let wasmi::Extern::Func(func) = export {
                self.functions.push(func);
                self.printed.push(format!("{func:?}"));
            } else if name == FUEL
                && let wasmi::Extern::Global(global) = export
            {
                self.fuel = Some(global);
            }
            self.visible.push(export);
        }
        Ok(Vec::new())
    }

    fn call(&mut self, func: usize, args: &[u64]) -> Ended {
        self.refuel();
        let func = self.functions[func];
        let ty = func.ty(&self.store);
        let args = ty.params().iter().zip(args);
        let args: Vec<wasmi::Val> = args
            .map(|(&ty, &number)| wasmi_value(val_type(ty), number, &self.externs, &self.functions))
            .collect();
        let mut results: Vec<wasmi::Val> =
            ty.results().iter().map(|&ty| wasmi::Val::default_for_ty(ty)).collect();
        func.call(&mut self.store, &args, &mut results).map_err(wasmi_cause)?;
        Ok(results.iter().map(|value| wasmi_number(&self.store, value, &self.printed)).collect())
    }

    fn state(&mut self) -> State {
        let store = &self.store;
        let mut state = State { host: store.data().0.log, ..State::default() };
        for seen in &self.visible {
            match seen {
                wasmi::Extern::Global(global) => {
                    state.globals.push(wasmi_number(store, &global.get(store), &self.printed));
                }
                wasmi::Extern::Table(table) => {
                    let element = |i| {
                        let value = table.get(store, i).expect("within the table");
                        wasmi_number(store, &value.into(), &self.printed)
                    };
                    state.tables.push((0..table.size(store)).map(element).collect());
                }
                wasmi::Extern::Memory(memory) => state.memories.push(memory.data(store).to_vec()),
                wasmi::Extern::Func(_) => {}
            }
        }
        state
    }
}
