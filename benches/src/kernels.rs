//! The kernels of `programs/kernels`, each with the sizes to run it at and what it must return.

use strata::{AsStoreMut, Config, Engine, Error, Linker, Module, Store, TierMode, TypedFunc};

/// A kernel: one function `run(n)` that computes a checksum.
#[derive(Clone, Copy, Debug)]
pub struct Kernel {
    /// Its name.
    pub name: &'static str,
    /// Its text.
    pub text: &'static str,
    /// The same as WebAssembly, as a compiler made it of the C program.
    pub wasm: &'static [u8],
    /// Some ten thousand instructions: for instruction counts.
    pub small: Size,
    /// Some ten milliseconds of machine code: for interpreters.
    pub mid: Size,
    /// Some hundred milliseconds of machine code: for compilers.
    pub large: Size,
}

/// A size to run a kernel at.
#[derive(Clone, Copy, Debug)]
pub struct Size {
    /// The argument.
    pub n: i64,
    /// What the kernel returns for it.
    pub result: i64,
}

macro_rules! forms {
    ($($name:literal)*) => {
        [$((
            $name,
            include_str!(concat!("../../programs/kernels/", $name, ".sasm")),
            include_bytes!(concat!("../../programs/kernels/wasm/", $name, ".wasm")),
        )),*]
    };
}

const FORMS: [(&str, &str, &[u8]); 12] = forms! {
    "fib" "nbody" "spectral" "mandelbrot" "matmul" "fannkuch" "sieve" "sha" "crc32" "quicksort" "collatz" "life"
};
const SIZES: &str = include_str!("../../programs/kernels/kernels.tsv");

impl Kernel {
    /// All kernels, in the order of the list of sizes.
    pub fn all() -> impl Iterator<Item = Kernel> {
        SIZES.lines().skip(1).map(|line| {
            let mut fields = line.split('\t');
            let name = fields.next().expect("a line has a name");
            let (_, text, wasm) =
                FORMS.iter().find(|(known, ..)| *known == name).expect("every kernel has both forms");
            let mut number = || fields.next().and_then(|n| n.parse().ok()).expect("a size is two numbers");
            let mut size = || Size { n: number(), result: number() };
            Kernel { name, text, wasm, small: size(), mid: size(), large: size() }
        })
    }

    /// The kernel of that name.
    ///
    /// # Panics
    ///
    /// When there is none.
    pub fn named(name: &str) -> Kernel {
        Kernel::all().find(|kernel| kernel.name == name).expect("a kernel's name")
    }

    /// The kernel, loaded into an engine.
    ///
    /// # Panics
    ///
    /// When the text is no program.
    pub fn load(&self, config: Config) -> Loaded {
        self.load_form(config, self.text.as_bytes())
    }

    /// The kernel as WebAssembly, loaded into an engine.
    ///
    /// # Panics
    ///
    /// When that is no module.
    pub fn load_wasm(&self, config: Config) -> Loaded {
        self.load_form(config, self.wasm)
    }

    fn load_form(&self, config: Config, form: &[u8]) -> Loaded {
        let engine = Engine::new(config);
        let module = Module::named(&engine, self.name, form).unwrap_or_else(|e| panic!("{e}"));
        Loaded { engine, module }
    }

    /// How many instructions it executes at that size.
    ///
    /// # Panics
    ///
    /// When it does not return what it must.
    pub fn instructions(&self, size: Size) -> u64 {
        let loaded = self.load(Config::new().tier(TierMode::Portable).fuel(true).profile(false));
        let mut ready = loaded.instantiate();
        ready.store.set_fuel(u64::MAX).expect("the engine counts fuel");
        ready.run(size);
        u64::MAX - ready.store.fuel().expect("the engine counts fuel")
    }
}

/// A kernel in an engine.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The engine.
    pub engine: Engine,
    /// The kernel.
    pub module: Module,
}

impl Loaded {
    /// The kernel in a store of its own.
    ///
    /// # Panics
    ///
    /// When the program is not a kernel: a function `run` that takes and returns an `i64`, without imports.
    pub fn instantiate(&self) -> Ready {
        let mut store = Store::new(&self.engine, ());
        let run = export(&Linker::new(&self.engine), &mut store, &self.module, "run");
        Ready { store, run: run.expect("a kernel has `run`") }
    }
}

/// A kernel that can be run.
#[derive(Debug)]
pub struct Ready {
    /// Its store.
    pub store: Store<()>,
    /// Its function.
    pub run: TypedFunc<i64, i64>,
}

impl Ready {
    /// Runs the kernel.
    ///
    /// # Panics
    ///
    /// When it does not return what it must.
    pub fn run(&mut self, size: Size) {
        let result = self.run.call(&mut self.store, size.n).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(result, size.result, "n = {}", size.n);
    }
}

/// Instantiates a module for the sake of one function that it exports.
///
/// # Errors
///
/// When the linker misses an import, or there is no such function.
pub fn export(
    linker: &Linker<()>,
    store: &mut impl AsStoreMut<Data = ()>,
    module: &Module,
    name: &str,
) -> Result<TypedFunc<i64, i64>, Error> {
    linker.instantiate(store, module)?.typed_func(store, name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_kernel_returns_what_it_must() {
        assert_eq!(Kernel::all().count(), FORMS.len());
        for kernel in Kernel::all() {
            kernel.load(Config::new()).instantiate().run(kernel.small);
            kernel.load_wasm(Config::new()).instantiate().run(kernel.small);
        }
    }
}
