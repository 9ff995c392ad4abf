//! Strata in its tiers, from bytecode and from WebAssembly.

use strata::{Config, Engine, Module, TierMode};
use strata_benches::kernels::{Kernel, Loaded, Size};
use strata_benches::measure::time;

use super::{Call, Engines, LargeModule, Result, VALID, calls};

/// Names of the columns in which the kernels are WebAssembly: in the generated interpreter and in the portable one, each without
/// a profile and with one, in machine code of both compilers from the first call on, and as an engine does by itself, from the
/// interpreter on.
pub const FROM_WASM: [&str; 7] = [
    "interpreter",
    "interpreter-profiled",
    "portable",
    "portable-profiled",
    "template",
    "optimizing",
    "auto",
];
/// Names of those in which the kernels are bytecode, in the same order.
pub const FROM_BYTECODE: [&str; 7] = [
    "bytecode-interpreter",
    "bytecode-interpreter-profiled",
    "bytecode-portable",
    "bytecode-portable-profiled",
    "bytecode-template",
    "bytecode-optimizing",
    "bytecode-auto",
];

fn configurations() -> [Config; 7] {
    let interpreter = || Config::new().tier(TierMode::Interpreter);
    let portable = || Config::new().tier(TierMode::Portable);
    let optimizing = Config::new().tier(TierMode::Optimizing).profile(false);
    [
        interpreter().profile(false),
        interpreter(),
        portable().profile(false),
        portable(),
        template(),
        optimizing,
        Config::new(),
    ]
}

fn template() -> Config {
    Config::new().tier(TierMode::Template).profile(false)
}

pub(super) fn add(all: &mut Engines) {
    for (name, config) in FROM_WASM.into_iter().zip(configurations()) {
        all.engine("strata", name, Some(Strata { config, load: Kernel::load_wasm }));
    }
    for (name, config) in FROM_BYTECODE.into_iter().zip(configurations()) {
        all.engine("bytecode", name, Some(Strata { config, load: Kernel::load }));
    }
    let interpret = |module: &LargeModule| {
        let engine = Engine::default();
        Ok(time(|| load(&engine, module)))
    };
    let compile = |module: &LargeModule| {
        let engine = Engine::new(template());
        Ok(time(|| {
            let module = load(&engine, module);
            module.compile_all();
            module
        }))
    };
    let translate = |module: &LargeModule| Ok(time(|| strata_wasm::translate(&module.wasm).expect(VALID)));
    let validate = |module: &LargeModule| Ok(time(|| wasmparser::validate(&module.wasm).expect(VALID)));
    all.load("strata", "strata", Some(interpret));
    all.load("strata", "strata, and template code", Some(compile));
    all.load("strata", "of strata, translation", Some(translate));
    all.load("strata", "validation (wasmparser)", Some(validate));
}

fn load(engine: &Engine, module: &LargeModule) -> Module {
    Module::new(engine, &module.wasm).expect(VALID)
}

struct Strata {
    config: Config,
    load: fn(&Kernel, Config) -> Loaded,
}

impl super::Engine for Strata {
    fn run(&self, kernel: &Kernel, size: Size, times: u32) -> Result<Vec<Call>> {
        let mut ready = (self.load)(kernel, self.config.clone()).instantiate();
        calls(times, || Ok(ready.run.call(&mut ready.store, size.n)?))
    }
}
