//! Runs what a stranger wrote: a module that the verifier accepts must not do more harm than use up its limits.

use bytecode_spec::{ImportKind, VerifiedModule};
use strata::{Config, Error, Extern, Func, Global, Instance, Memory, Module, Store, Table, Val};

use crate::configuration;
use crate::host;

/// Fuel for each function.
const FUEL: u64 = 1_000;

/// Instantiates the module with small limits and whatever imports it wants, and calls each of its exported functions, in
/// every configuration with fuel. How that ends does not matter, as long as it does.
pub fn run(module: &VerifiedModule) {
    for configuration in configuration::ALL.iter().filter(|c| c.fuel) {
        let limits =
            Config::new().max_memory_bytes(1 << 18).max_table_elements(1_000).max_stack_bytes(1 << 18);
        let engine = configuration.engine(limits);
        let module = Module::from_verified(&engine, module.clone());
        let mut store = Store::new(&engine, ());
        // Every way to fail is fine here.
        let _: Result<(), Error> = call_everything(&module, &mut store);
    }
}

fn call_everything(module: &Module, store: &mut Store<()>) -> Result<(), Error> {
    let linker = host::linker(module.engine())?;
    store.set_fuel(FUEL)?;
    let instance = match linker.instantiate(store, module) {
        Ok(instance) => instance,
        Err(_) => {
            let imports = imports(module, store)?;
            Instance::new(store, module, &imports)?
        }
    };
    for (_, export) in instance.exports(store) {
        let Extern::Func(func) = export else { continue };
        let args: Vec<Val> = func.ty(store)?.params.iter().map(|&ty| Val::default_for(ty)).collect();
        store.set_fuel(FUEL)?;
        // Traps are expected; what another function does afterwards is as interesting.
        let _: Result<Vec<Val>, Error> = func.call(store, &args);
    }
    Ok(())
}

/// Something of the kind that each import wants.
fn imports(module: &Module, store: &mut Store<()>) -> Result<Vec<Extern>, Error> {
    let verified = module.verified();
    let import = |import: &bytecode_spec::Import| {
        Ok(match import.kind {
            ImportKind::Func(ty) => {
                Func::new(store, verified.types[ty.index()].ty.clone(), |_, _, _| Ok(())).into()
            }
            ImportKind::Memory(ty) => Memory::new(store, ty)?.into(),
            ImportKind::Table(ty) => Table::new(store, ty)?.into(),
            ImportKind::Global(ty) => Global::new(store, ty, Val::default_for(ty.content))?.into(),
        })
    };
    verified.imports.iter().map(import).collect()
}
