//! The host module `spectest`, which scripts import. Its functions print nothing.

use strata::{
    Error, Func, Global, GlobalType, Limits, Memory, MemoryType, Store, Table, TableType, Val, ValType,
};

use crate::machine::Exports;

/// The name that modules import it by.
pub(crate) const NAME: &str = "spectest";

/// What it exports.
pub(crate) fn exports(store: &mut Store<()>) -> Result<Exports, Error> {
    let table = TableType { element: ValType::FuncRef, limits: Limits { min: 10, max: Some(20) } };
    let memory = MemoryType { limits: Limits { min: 1, max: Some(2) } };
    let exports = [
        ("print", Func::wrap(store, || {}).into()),
        ("print_i32", Func::wrap(store, |_: i32| {}).into()),
        ("print_i64", Func::wrap(store, |_: i64| {}).into()),
        ("print_f32", Func::wrap(store, |_: f32| {}).into()),
        ("print_f64", Func::wrap(store, |_: f64| {}).into()),
        ("print_i32_f32", Func::wrap(store, |_: i32, _: f32| {}).into()),
        ("print_f64_f64", Func::wrap(store, |_: f64, _: f64| {}).into()),
        ("global_i32", constant(store, Val::I32(666))?.into()),
        ("global_i64", constant(store, Val::I64(666))?.into()),
        ("global_f32", constant(store, Val::F32(666.6))?.into()),
        ("global_f64", constant(store, Val::F64(666.6))?.into()),
        ("table", Table::new(store, table)?.into()),
        ("memory", Memory::new(store, memory)?.into()),
    ];
    Ok(exports.into_iter().map(|(name, export)| (name.to_owned(), export)).collect())
}

fn constant(store: &mut Store<()>, value: Val) -> Result<Global, Error> {
    Global::new(store, GlobalType { content: value.ty(), mutable: false }, value)
}
