//! Strata beside wasmi, taking turns in one process: the kernels, and loading a large WebAssembly module.
//! `cargo run --release -- [--quick] [KERNEL]…`, in this folder. With names of kernels, only these are run.

mod large;

use std::hint::black_box;
use std::process::ExitCode;
use std::time::Duration;

use strata::{Config, Engine, Module, TierMode};
use strata_benches::kernels::{Kernel, Loaded, Size};
use strata_benches::measure::{Table, geometric_mean, load, shortest, time};

/// Bytes of the module that loading is measured on, about.
const LARGE: usize = 1_200_000;

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
    println!("{}", kernels("strata's kernels, ms", rounds, &names, Kernel::load));
    println!("{}", kernels("wasm kernels, ms", rounds, &names, Kernel::load_wasm));
    if names.is_empty() {
        println!("{}", loading(rounds));
    }
    println!("{}", load());
    ExitCode::SUCCESS
}

/// The kernels as WebAssembly in wasmi, and in Strata as it loads them: in the portable interpreter, without
/// a profile and with one, in machine code from the first call on, and as an engine does by itself, from the
/// interpreter on.
fn kernels(heading: &str, rounds: usize, names: &[String], load: fn(&Kernel, Config) -> Loaded) -> Table {
    let portable = || Config::new().tier(TierMode::Portable);
    let configurations = [
        portable().profile(false),
        portable(),
        Config::new().tier(TierMode::Template).profile(false),
        Config::new(),
    ];
    let mut table = Table::new([
        heading, "wasmi", "portable", "ratio", "profiled", "ratio", "template", "ratio", "auto", "ratio",
    ]);
    let mut ratios: [Vec<f64>; 4] = Default::default();
    for kernel in Kernel::all().filter(|k| names.is_empty() || names.iter().any(|name| name == k.name)) {
        let wasmi = Wasmi::load(&kernel);
        let loaded = configurations.clone().map(|configuration| load(&kernel, configuration));
        let size = kernel.mid;
        let run = |loaded: &Loaded| {
            let mut ready = loaded.instantiate();
            time(|| ready.run(size))
        };
        let [plain, profiled, template, auto] = &loaded;
        let times = shortest(
            rounds,
            [
                &mut || wasmi.run(size),
                &mut || run(plain),
                &mut || run(profiled),
                &mut || run(template),
                &mut || run(auto),
            ],
        );
        let [wasmi, ours @ ..] = times.map(|time| time.as_secs_f64() * 1e3);
        ratios.iter_mut().zip(ours).for_each(|(ratios, ours)| ratios.push(ours / wasmi));
        let [plain, profiled, template, auto] =
            ours.map(|ours| [format!("{ours:.1}"), format!("{:.2}", ours / wasmi)]);
        let ([a, b], [c, d], [e, f], [g, h]) = (plain, profiled, template, auto);
        table.row([kernel.name.to_owned(), format!("{wasmi:.1}"), a, b, c, d, e, f, g, h]);
    }
    let [plain, profiled, template, auto] = ratios.map(|ratios| format!("{:.2}", geometric_mean(ratios)));
    let empty = String::new;
    let mean = "geometric mean".to_owned();
    table.row([mean, empty(), empty(), plain, empty(), profiled, empty(), template, empty(), auto]);
    table.row(["target", "", "", "", "", "<= 1.10", "", "<= 0.33", "", ""].map(str::to_owned));
    table
}

/// A kernel in wasmi.
struct Wasmi {
    engine: wasmi::Engine,
    module: wasmi::Module,
}

impl Wasmi {
    /// Loads the kernel as WebAssembly.
    fn load(kernel: &Kernel) -> Wasmi {
        let engine = wasmi::Engine::default();
        let module = wasmi::Module::new(&engine, kernel.wasm).expect("the kernel is a module");
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

/// From the bytes of a large WebAssembly module to what can be instantiated.
fn loading(rounds: usize) -> Table {
    let wasm = large::module(LARGE);
    let wasm = black_box(&wasm[..]);
    let mut eager = wasmi::Config::default();
    eager.compilation_mode(wasmi::CompilationMode::Eager);
    let times = shortest(
        rounds,
        [
            &mut || {
                // An engine keeps all code that was ever translated for it.
                let engine = wasmi::Engine::new(&eager);
                time(|| wasmi::Module::new(&engine, wasm).expect("the bytes are a module"))
            },
            &mut || {
                let engine = Engine::default();
                time(|| Module::new(&engine, wasm).expect("the bytes are a module"))
            },
            &mut || time(|| strata_wasm::translate(wasm).expect("the bytes are a module")),
            &mut || time(|| wasmparser::validate(wasm).expect("the bytes are a module")),
        ],
    );
    let megabytes = wasm.len() as f64 / 1e6;
    let heading = format!("loading {megabytes:.2} MB of wasm");
    let mut table = Table::new([heading.as_str(), "ms", "MB/s", "ratio"]);
    let rows = ["wasmi, eagerly", "strata", "of that, translation", "validation alone (wasmparser)"];
    for (name, taken) in rows.into_iter().zip(times) {
        table.row([
            name.to_owned(),
            format!("{:.1}", taken.as_secs_f64() * 1e3),
            format!("{:.1}", megabytes / taken.as_secs_f64()),
            format!("{:.2}", taken.as_secs_f64() / times[0].as_secs_f64()),
        ]);
    }
    table
}
