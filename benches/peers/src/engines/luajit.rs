//! LuaJIT, with its compiler and without: the kernels in Lua.

use std::process::Command;

use strata_benches::kernels::{Kernel, Size};

use super::{Call, Engine, Engines, Result, process, project_file};

/// Name and options.
const COLUMNS: [(&str, &str); 2] = [("luajit", "-jon"), ("luajit-joff", "-joff")];

pub(super) fn add(all: &mut Engines) {
    let installed = all.has("luajit", "-v");
    for (name, option) in COLUMNS {
        all.engine("luajit", name, installed.then_some(LuaJit { option }));
    }
}

struct LuaJit {
    option: &'static str,
}

impl Engine for LuaJit {
    fn run(&self, kernel: &Kernel, size: Size, calls: u32) -> Result<Vec<Call>> {
        let source = project_file("kernels/lua").join(kernel.name).with_extension("lua");
        let mut luajit = Command::new("luajit");
        luajit.arg(self.option).arg(project_file("drivers/kernel.lua")).arg(source);
        process::calls(luajit.args([size.n.to_string(), calls.to_string()]))
    }
}
