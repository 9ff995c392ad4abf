//! Java, in the machine that `java` is: the kernels in Java.

use std::path::PathBuf;
use std::process::Command;

use strata_benches::kernels::{Kernel, Size};

use super::{Call, Engine, Engines, Result, process, project_file};

pub(super) fn add(all: &mut Engines) {
    let folder = all.folder.path().to_owned();
    let installed = all.has("javac", "--version") && all.has("java", "--version");
    all.engine("java", "java", installed.then_some(Java { folder }));
}

/// Keeps the classes in a folder once they are compiled.
struct Java {
    folder: PathBuf,
}

impl Engine for Java {
    fn run(&self, kernel: &Kernel, size: Size, calls: u32) -> Result<Vec<Call>> {
        let class = class_name(kernel.name);
        if !self.folder.join(&class).with_extension("class").exists() {
            let source = project_file("kernels/java").join(&class).with_extension("java");
            let mut javac = Command::new("javac");
            process::output(
                javac.arg("-d").arg(&self.folder).arg(source).arg(project_file("drivers/Driver.java")),
            )?;
        }
        let mut java = Command::new("java");
        java.arg("-cp").arg(&self.folder).args(["Driver", &class]);
        process::calls(java.args([size.n.to_string(), calls.to_string()]))
    }
}

/// The class that a kernel is in Java.
fn class_name(kernel: &str) -> String {
    let (first, rest) = kernel.split_at(1);
    first.to_uppercase() + rest
}
