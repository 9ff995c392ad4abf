//! The kernels as WebAssembly in wasmi and as bytecode in Strata's portable interpreter, taking turns in one process:
//! `cargo run --release -- [--quick] [KERNEL]…`, in this folder.

use std::path::Path;
use std::process::ExitCode;
use std::time::Duration;

use strata::Config;
use strata_benches::kernels::{Kernel, Loaded, Size};
use strata_benches::measure::{Table, geometric_mean, load, shortest, time};

fn main() -> ExitCode {
    let mut rounds = 9;
    let mut names = Vec::new();
    for arg in std::env::args().skip(1) {
        match arg.as_str() {
            "--quick" => rounds = 3,
            name if Kernel::all().any(|kernel| kernel.name == name) => names.push(arg),
            other => {
                let known: Vec<_> = Kernel::all().map(|kernel| kernel.name).collect();
                eprintln!("`{other}` is neither --quick nor a kernel: {}", known.join(" "));
                return ExitCode::FAILURE;
            }
        }
    }
    println!("{}\n", load());
    println!("{}", kernels(rounds, &names));
    println!("{}", load());
    ExitCode::SUCCESS
}

fn kernels(rounds: usize, names: &[String]) -> Table {
    let mut table = Table::new(["ms", "wasmi", "strata", "ratio", "profiled", "ratio"]);
    let mut ratios: [Vec<f64>; 2] = Default::default();
    for kernel in Kernel::all().filter(|k| names.is_empty() || names.iter().any(|name| name == k.name)) {
        let wasmi = Wasmi::load(kernel.name);
        let plain = kernel.load(Config::new().profile(false));
        let profiled = kernel.load(Config::new());
        let size = kernel.mid;
        let run = |loaded: &Loaded| {
            let mut ready = loaded.instantiate();
            time(|| ready.run(size))
        };
        let times = shortest(rounds, [&mut || wasmi.run(size), &mut || run(&plain), &mut || run(&profiled)]);
        let [wasmi, plain, profiled] = times.map(|time| time.as_secs_f64() * 1e3);
        ratios[0].push(plain / wasmi);
        ratios[1].push(profiled / wasmi);
        table.row([
            kernel.name.to_owned(),
            format!("{wasmi:.1}"),
            format!("{plain:.1}"),
            format!("{:.2}", plain / wasmi),
            format!("{profiled:.1}"),
            format!("{:.2}", profiled / wasmi),
        ]);
    }
    let [plain, profiled] = ratios.map(|ratios| format!("{:.2}", geometric_mean(ratios)));
    let empty = String::new;
    table.row(["geometric mean".to_owned(), empty(), empty(), plain, empty(), profiled]);
    table.row(["target", "", "", "", "", "<= 1.10"].map(str::to_owned));
    table
}

/// A kernel in wasmi.
struct Wasmi {
    engine: wasmi::Engine,
    module: wasmi::Module,
}

impl Wasmi {
    /// Loads the kernel of that name, built by clang from the C source beside the text.
    fn load(name: &str) -> Wasmi {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("wasm").join(name).with_extension("wasm");
        let bytes = std::fs::read(&path).unwrap_or_else(|error| panic!("{}: {error}", path.display()));
        let engine = wasmi::Engine::default();
        let module = wasmi::Module::new(&engine, &bytes).expect("the file is a module");
        Wasmi { engine, module }
    }

    /// Runs the kernel in a store of its own.
    fn run(&self, size: Size) -> Duration {
        let mut store = wasmi::Store::new(&self.engine, ());
        let linker = wasmi::Linker::<()>::new(&self.engine);
        let instance = linker.instantiate_and_start(&mut store, &self.module).expect("it imports nothing");
        let run = instance.get_typed_func::<i64, i64>(&store, "run").expect("it exports `run`");
        time(|| assert_eq!(run.call(&mut store, size.n).expect("it does not trap"), size.result))
    }
}
