//! gcc: the C programs as machine code.

use std::path::PathBuf;
use std::process::Command;

use strata_benches::kernels::{Kernel, Size};

use super::{Call, Engine, Engines, Result, process, project_file};

pub(super) fn add(all: &mut Engines) {
    let folder = all.folder.path().to_owned();
    let installed = all.has("gcc", "--version");
    all.engine("native", "gcc", installed.then_some(Native { folder }));
}

/// Keeps the programs in a folder once they are compiled.
struct Native {
    folder: PathBuf,
}

impl Engine for Native {
    fn run(&self, kernel: &Kernel, size: Size, calls: u32) -> Result<Vec<Call>> {
        let program = self.folder.join(kernel.name);
        if !program.exists() {
            let source = project_file("../../programs/kernels").join(kernel.name).with_extension("c");
            let mut gcc = Command::new("gcc");
            gcc.arg("-O2").arg(source).arg(project_file("drivers/native.c")).arg("-lm");
            process::output(gcc.arg("-o").arg(&program))?;
        }
        process::calls(Command::new(program).args([size.n.to_string(), calls.to_string()]))
    }
}
