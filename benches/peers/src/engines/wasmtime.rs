//! wasmtime, with its optimizing compiler and with its baseline compiler.

use strata_benches::kernels::{Kernel, Size};
use strata_benches::measure::time;
use wasmtime::{Config, Instance, Module, OptLevel, Store, Strategy};

use super::{Call, Engine, Engines, LargeModule, Result, VALID, calls};

pub(super) fn add(all: &mut Engines) -> Result<()> {
    for (name, strategy) in [("cranelift", Strategy::Cranelift), ("winch", Strategy::Winch)] {
        let mut config = Config::new();
        config.strategy(strategy).cranelift_opt_level(OptLevel::Speed);
        let engine = wasmtime::Engine::new(&config)?;
        all.engine("wasmtime", name, Some(Wasmtime(engine.clone())));
        let load = move |module: &LargeModule| Ok(time(|| Module::new(&engine, &module.wasm).expect(VALID)));
        all.load("wasmtime", name, Some(load));
    }
    Ok(())
}

struct Wasmtime(wasmtime::Engine);

impl Engine for Wasmtime {
    fn run(&self, kernel: &Kernel, size: Size, times: u32) -> Result<Vec<Call>> {
        let module = Module::new(&self.0, kernel.wasm)?;
        let mut store = Store::new(&self.0, ());
        let instance = Instance::new(&mut store, &module, &[])?;
        let run = instance.get_typed_func::<i64, i64>(&mut store, "run")?;
        calls(times, || Ok(run.call(&mut store, size.n)?))
    }
}
