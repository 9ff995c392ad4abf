//! wasmi, an interpreter.

use strata_benches::kernels::{Kernel, Size};
use strata_benches::measure::time;
use wasmi::{CompilationMode, Config, Linker, Module, Store};

use super::{Call, Engine, Engines, LargeModule, Result, VALID, calls};

pub(super) fn add(all: &mut Engines) {
    all.engine("wasmi", "wasmi", Some(Wasmi));
    let mut config = Config::default();
    config.compilation_mode(CompilationMode::Eager);
    let load = move |module: &LargeModule| {
        // An engine keeps all code that was ever translated for it.
        let engine = wasmi::Engine::new(&config);
        Ok(time(|| Module::new(&engine, &module.wasm).expect(VALID)))
    };
    all.load("wasmi", "wasmi, eagerly", Some(load));
}

struct Wasmi;

impl Engine for Wasmi {
    fn run(&self, kernel: &Kernel, size: Size, times: u32) -> Result<Vec<Call>> {
        let engine = wasmi::Engine::default();
        let module = Module::new(&engine, kernel.wasm)?;
        let mut store = Store::new(&engine, ());
        let instance = Linker::<()>::new(&engine).instantiate_and_start(&mut store, &module)?;
        let run = instance.get_typed_func::<i64, i64>(&store, "run")?;
        calls(times, || Ok(run.call(&mut store, size.n)?))
    }
}
