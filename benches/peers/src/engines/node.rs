//! Node, for V8's two compilers of WebAssembly: from one to the other as V8 does it by itself, and each alone.

use std::process::Command;
use std::time::Duration;

use strata_benches::kernels::{Kernel, Size};

use super::{Call, Engine, Engines, LargeModule, Result, process, project_file};

/// Name and options of V8. `--no-wasm-tier-up` would not do: it leaves the compilation of hot functions on.
const COLUMNS: [(&str, &[&str]); 3] =
    [("node", &[]), ("liftoff", &["--liftoff-only"]), ("turbofan", &["--no-liftoff"])];

/// So many times a module is compiled in one process, which gets faster at it.
const LOADS: usize = 3;

pub(super) fn add(all: &mut Engines) {
    let installed = all.has("node", "--version");
    for (name, options) in COLUMNS {
        all.engine("node", name, installed.then_some(Node { options }));
        if !options.is_empty() {
            all.load("node", name, installed.then_some(move |module: &LargeModule| load(options, module)));
        }
    }
}

struct Node {
    options: &'static [&'static str],
}

impl Engine for Node {
    fn run(&self, kernel: &Kernel, size: Size, calls: u32) -> Result<Vec<Call>> {
        let module = project_file("../../programs/kernels/wasm").join(kernel.name).with_extension("wasm");
        let mut node = Command::new("node");
        node.args(self.options).arg(project_file("drivers/wasm.mjs")).arg(module);
        process::calls(node.args([size.n.to_string(), calls.to_string()]))
    }
}

/// How long V8 takes to compile a module, all of it at once and on one thread.
fn load(options: &[&str], module: &LargeModule) -> Result<Duration> {
    let mut node = Command::new("node");
    node.args(options).args(["--no-wasm-lazy-compilation", "--single-threaded"]);
    node.arg(project_file("drivers/compile.mjs")).arg(&module.file).arg(LOADS.to_string());
    let times = process::calls(&mut node)?.into_iter().map(|call| call.time);
    times.min().ok_or_else(|| "node compiled nothing".into())
}
