//! The optimizing compiler, against the targets of the project: how long it takes for an instruction of bytecode, how long leaving its code and
//! coming back takes, and how long programs are held up by tiering up:
//! `cargo bench -p strata-benches --bench optimizing [-- --quick]`.

use std::process::ExitCode;
use std::time::Duration;

use strata::{Config, Engine, Instance, Linker, Module, Store, TierMode};
use strata_benches::generated::{self, Detail};
use strata_benches::kernels::Kernel;
use strata_benches::measure::{Table, load, shortest, time};

fn main() -> ExitCode {
    if !std::env::args().any(|arg| arg == "--bench") {
        println!("nothing is measured: this is no `cargo bench`");
        return ExitCode::SUCCESS;
    }
    let rounds = if std::env::args().any(|arg| arg == "--quick") { 1 } else { 5 };
    println!("{}\n", load());
    println!("{}", compiling(rounds));
    println!("{}", leaving(rounds));
    println!("{}", holding_up());
    println!("{}", load());
    ExitCode::SUCCESS
}

/// Engines of a release do not check the intermediate form.
fn optimizing() -> Config {
    Config::new().tier(TierMode::Optimizing).profile(false)
}

/// Microseconds that each function takes for an instruction, ascending, the shortest of some rounds; and instructions, and bytes.
fn times(rounds: usize, load: impl Fn(&Engine) -> Vec<Module>) -> (Vec<f64>, u32, usize) {
    let (mut shortest, mut instructions, mut bytes): (Vec<f64>, _, _) = (Vec::new(), 0, 0);
    for _ in 0..rounds {
        let engine = Engine::new(optimizing());
        let modules = load(&engine);
        modules.iter().for_each(|module| _ = module.compile_all());
        let functions: Vec<_> = modules.iter().flat_map(Module::optimized).collect();
        let each = functions.iter().map(|f| f.compile_time.as_secs_f64() * 1e6 / f64::from(f.instructions));
        if shortest.is_empty() {
            shortest = vec![f64::MAX; functions.len()];
        }
        shortest.iter_mut().zip(each).for_each(|(shortest, time)| *shortest = shortest.min(time));
        instructions = functions.iter().map(|f| f.instructions).sum();
        bytes = functions.iter().map(|f| f.code_bytes).sum();
    }
    shortest.sort_by(f64::total_cmp);
    (shortest, instructions, bytes)
}

fn compiling(rounds: usize) -> Table {
    let mut table = Table::new([
        "us to compile an instruction",
        "functions",
        "instructions",
        "bytes each",
        "median",
        "target",
        "p99",
        "target",
    ]);
    let generated = generated::module(1000, Detail::Bare);
    let kernels = |engine: &Engine| {
        let load = |kernel: Kernel| Module::named(engine, kernel.name, kernel.wasm).expect("a kernel");
        Kernel::all().map(load).collect()
    };
    let rows = [
        ("kernels, from WebAssembly", times(rounds, kernels)),
        ("generated module", times(rounds, |engine| vec![Module::from_verified(engine, generated.clone())])),
    ];
    for (name, (times, instructions, bytes)) in rows {
        let at = |share: f64| times[((times.len() - 1) as f64 * share).round() as usize];
        table.row([
            name.to_owned(),
            times.len().to_string(),
            instructions.to_string(),
            format!("{:.1}", bytes as f64 / f64::from(instructions)),
            format!("{:.2}", at(0.5)),
            "<= 3".to_owned(),
            format!("{:.2}", at(0.99)),
            "<= 10".to_owned(),
        ]);
    }
    table
}

/// A loop of one branch.
const LOOP: &str = "func @run(%n: i64) -> i64 export {
    reg %i: i64
  again:
    %i = add.i64 %i, 1
    br.lt_s.i64 %i, %n, again
    ret %i
  }";

fn ready(config: Config) -> (Store<()>, Instance) {
    let engine = Engine::new(config);
    let module = Module::new(&engine, LOOP).expect("a program");
    let mut store = Store::new(&engine, ());
    let instance = Linker::new(&engine).instantiate(&mut store, &module).expect("without imports");
    (store, instance)
}

/// Every round leaves optimized code by a side exit, goes on in template code, and comes back at its back edge.
fn leaving(rounds: usize) -> Table {
    const ROUNDS: i64 = 300_000;
    let run = |config: Config| {
        let (mut store, instance) = ready(config);
        let run = instance.typed_func::<i64, i64>(&store, "run").expect("exported");
        run.call(&mut store, 1000).expect("no trap");
        time(|| run.call(&mut store, ROUNDS).expect("no trap"))
    };
    let times: [Duration; 2] =
        shortest(rounds, [&mut || run(optimizing().stress_exits(1)), &mut || run(optimizing())]);
    let each = times.map(|time| time.as_secs_f64() * 1e6 / ROUNDS as f64);
    let mut table = Table::new(["us", "", "target"]);
    table.row(["a side exit, and back".to_owned(), format!("{:.3}", each[0] - each[1]), "<= 2".to_owned()]);
    table
}

/// Kernels by themselves, on an engine that optimizes with a worker: what of tiering up is done in their own thread.
fn holding_up() -> Table {
    let mut table =
        Table::new(["us that tiering up holds programs up", "times", "in all", "at a time", "target"]);
    for kernel in Kernel::all() {
        let loaded = kernel.load_wasm(Config::new());
        let mut ready = loaded.instantiate();
        for _ in 0..3 {
            ready.run(kernel.mid);
            loaded.engine.finish_compiling();
        }
        let held = loaded.engine.tier_ups();
        table.row([
            kernel.name.to_owned(),
            held.count.to_string(),
            format!("{:.0}", held.total.as_secs_f64() * 1e6),
            format!("{:.1}", held.longest.as_secs_f64() * 1e6),
            "<= 50".to_owned(),
        ]);
    }
    table
}
