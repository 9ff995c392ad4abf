//! Engines: each in a file of its own, which tells what columns it has in the tables of kernels, what rows in the
//! table of loading, and how to run them.

mod strata;
mod wasmi;
mod wasmtime;
mod process;
mod native;
mod node;
mod luajit;
mod java;

use std::path::PathBuf;
use std::time::{Duration, Instant};

use strata_benches::kernels::{Kernel, Size};
use tempfile::TempDir;

pub use strata::{FROM_BYTECODE, FROM_WASM};

/// What can go wrong: an engine fails, or is not what its driver expects.
pub type Result<T> = std::result::Result<T, Box<dyn std::error::Error>>;

/// A call of a kernel.
#[derive(Clone, Copy, Debug)]
pub struct Call {
    /// What it returned.
    pub result: i64,
    /// How long it took.
    pub time: Duration,
}

/// An engine, set up in one way.
pub trait Engine {
    /// Loads a kernel anew, as if it had never been loaded before, and calls it so many times in one instance.
    ///
    /// # Errors
    ///
    /// When the kernel cannot be loaded, or a call fails.
    fn run(&self, kernel: &Kernel, size: Size, calls: u32) -> Result<Vec<Call>>;
}

/// Loads a large module once, and gives how long that took.
pub type Load = Box<dyn Fn(&LargeModule) -> Result<Duration>>;

/// What is true of the large module.
const VALID: &str = "the large module is valid";

/// A WebAssembly module, in memory and in a file.
pub struct LargeModule {
    /// The module.
    pub wasm: Vec<u8>,
    /// The file that has it.
    pub file: PathBuf,
}

/// An engine or a way to load, with the names it is chosen by; `None` where what it needs is not installed.
pub struct Entry<T> {
    /// The name that it shares with others of its kind.
    pub family: &'static str,
    /// Its own name, which heads its column or row.
    pub name: &'static str,
    /// What it does.
    pub what: Option<T>,
}

/// All engines, in the order of their columns, and ways to load, in the order of their rows.
pub struct Engines {
    /// For kernels.
    pub engines: Vec<Entry<Box<dyn Engine>>>,
    /// For a large module.
    pub loads: Vec<Entry<Load>>,
    /// Programs that are here, each with its version.
    pub installed: Vec<String>,
    /// Programs that are not.
    pub missing: Vec<&'static str>,
    /// Where what is built for them lies.
    pub folder: TempDir,
}

impl Engines {
    /// Finds out which engines there are.
    ///
    /// # Errors
    ///
    /// When there is no place for temporary files.
    pub fn find() -> Result<Engines> {
        let folder = tempfile::tempdir()?;
        let mut all = Engines { engines: vec![], loads: vec![], installed: vec![], missing: vec![], folder };
        native::add(&mut all);
        strata::add(&mut all);
        wasmi::add(&mut all);
        wasmtime::add(&mut all)?;
        node::add(&mut all);
        luajit::add(&mut all);
        java::add(&mut all);
        Ok(all)
    }

    /// Keeps the engines, and the ways to load, that go by one of these names; all when there are none.
    ///
    /// # Errors
    ///
    /// When no engine goes by one of the names.
    pub fn choose(&mut self, names: &[String]) -> Result<()> {
        let mut known: Vec<_> = self.engines.iter().flat_map(|entry| [entry.family, entry.name]).collect();
        known.sort_unstable();
        known.dedup();
        if let Some(unknown) = names.iter().find(|name| !known.contains(&name.as_str())) {
            return Err(format!("no engine is called `{unknown}`; there are: {}", known.join(", ")).into());
        }
        let chosen = |family, name| names.is_empty() || names.iter().any(|n| n == family || n == name);
        self.engines.retain(|entry| chosen(entry.family, entry.name));
        self.loads.retain(|entry| chosen(entry.family, entry.name));
        Ok(())
    }

    /// Adds an engine; `None` where it is not installed.
    fn engine(&mut self, family: &'static str, name: &'static str, engine: Option<impl Engine + 'static>) {
        let what = engine.map(|engine| Box::new(engine) as Box<dyn Engine>);
        self.engines.push(Entry { family, name, what });
    }

    /// Adds a way to load; `None` where it is not installed.
    fn load(
        &mut self,
        family: &'static str,
        name: &'static str,
        load: Option<impl Fn(&LargeModule) -> Result<Duration> + 'static>,
    ) {
        let what = load.map(|load| Box::new(load) as Load);
        self.loads.push(Entry { family, name, what });
    }

    /// Whether a program is installed, by what it says of its version; remembers the answer.
    fn has(&mut self, program: &'static str, version: &str) -> bool {
        match process::first_line(program, version) {
            Some(line) if line.contains(program) => self.installed.push(line),
            Some(line) => self.installed.push(format!("{program} {line}")),
            None => {
                self.missing.push(program);
                return false;
            }
        }
        true
    }
}

/// Calls a function of this process so many times.
fn calls(calls: u32, mut call: impl FnMut() -> Result<i64>) -> Result<Vec<Call>> {
    let timed = |_| {
        let start = Instant::now();
        let result = call();
        let time = start.elapsed();
        Ok(Call { result: result?, time })
    };
    (0..calls).map(timed).collect()
}

/// A file of the project, by its path below this package.
fn project_file(path: &str) -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/")).join(path)
}
