//! Wall-clock speed of loading, assembling, printing, compiling, running and calling, against the targets of the project:
//! `cargo bench -p strata-benches --bench throughput -- [--quick] [KERNEL]…`. With names of kernels, only these are run.

use std::hint::black_box;
use std::process::ExitCode;
use std::time::Duration;

use bytecode_spec::{FuncIndex, encoding, verify};
use strata::{Config, Engine, Linker, Module, Store, TierMode};
use strata_benches::functions::Functions;
use strata_benches::generated::{self, Detail};
use strata_benches::kernels::{Kernel, export};
use strata_benches::measure::{Table, geometric_mean, load, percent, shortest, time};
use strata_jit::template::compile::Compiler;
use strata_jit::template::host::Machine;
use strata_jit::template::interpreter::{Interpreter, Source};
use strata_jit::template::x86_64::X86_64;

/// How much is measured.
struct Effort {
    /// Rounds in which the measurements of a table take turns.
    rounds: usize,
    /// Functions of the generated module.
    functions: usize,
    /// Calls in one measurement.
    calls: i64,
}

const FULL: Effort = Effort { rounds: 11, functions: 6000, calls: 1_000_000 };
const QUICK: Effort = Effort { rounds: 3, functions: 2000, calls: 100_000 };

fn main() -> ExitCode {
    if !std::env::args().any(|arg| arg == "--bench") {
        println!("nothing is measured: this is no `cargo bench`");
        return ExitCode::SUCCESS;
    }
    let mut effort = FULL;
    let mut names = Vec::new();
    for arg in std::env::args().skip(1) {
        match arg.as_str() {
            "--bench" => {}
            "--quick" => effort = QUICK,
            name if Kernel::all().any(|kernel| kernel.name == name) => names.push(arg),
            other => {
                let known: Vec<_> = Kernel::all().map(|kernel| kernel.name).collect();
                eprintln!("`{other}` is neither --quick nor a kernel: {}", known.join(" "));
                return ExitCode::FAILURE;
            }
        }
    }
    println!("{}\n", load());
    if names.is_empty() {
        println!("{}", loading(&effort));
        println!("{}", text(&effort));
        println!("{}", compiling(&effort));
        println!("{}", preparing(&effort));
        println!("{}", generating(&effort));
    }
    for tier in [TierMode::Interpreter, TierMode::Portable] {
        println!("{}", kernels(&effort, &names, tier));
    }
    if names.is_empty() {
        println!("{}", calls(&effort));
    }
    println!("{}", load());
    ExitCode::SUCCESS
}

/// From bytes to a verified module.
fn loading(effort: &Effort) -> Table {
    let mut table = Table::new(["million instructions/s", "bare", "with names and lines", "target"]);
    let columns = [Detail::Bare, Detail::Lines].map(|detail| {
        let module = generated::module(effort.functions, detail);
        let bytes = encoding::encode(&module);
        let decode = || encoding::decode(black_box(&bytes)).expect("the bytes are a module");
        let times = shortest(
            effort.rounds,
            [&mut || time(|| verify(decode())), &mut || time(decode), &mut || {
                let module = decode();
                time(|| verify(module))
            }],
        );
        let count = generated::instructions(&module) as f64;
        times.map(|time| format!("{:.1}", count / 1e6 / time.as_secs_f64()))
    });
    let [bare, lines] = columns;
    let rows = ["decode and verify", "decode", "verify"].into_iter().zip(bare).zip(lines);
    for (((name, bare), lines), target) in rows.zip([">= 30", "", ""]) {
        table.row([name.to_owned(), bare, lines, target.to_owned()]);
    }
    table
}

/// From text to a verified module, and back.
fn text(effort: &Effort) -> Table {
    let module = generated::module(effort.functions / 2, Detail::Names);
    let text = strata_asm::disassemble(&module);
    let times = shortest(
        effort.rounds,
        [&mut || time(|| strata_asm::assemble("generated.sasm", black_box(&text))), &mut || {
            time(|| strata_asm::disassemble(black_box(&module)))
        }],
    );
    let megabytes = text.len() as f64 / 1e6;
    let [assemble, disassemble] = times.map(|time| format!("{:.1}", megabytes / time.as_secs_f64()));
    let mut table = Table::new(["MB of text/s", "", "target"]);
    table.row(["assemble and verify".to_owned(), assemble, ">= 10".to_owned()]);
    table.row(["disassemble".to_owned(), disassemble, String::new()]);
    table
}

/// From a verified function to machine code, by templates; x86-64 whatever this machine is.
fn compiling(effort: &Effort) -> Table {
    let module = generated::module(effort.functions, Detail::Bare);
    let with_loops = Functions::of(&module, generated::has_loop);
    let without = Functions::of(&module, |function| !generated::has_loop(function));
    let kernels: Vec<_> = Kernel::all().map(|kernel| kernel.load_wasm(Config::new())).collect();
    let kernels: Vec<_> =
        kernels.iter().map(|kernel| Functions::of(kernel.module.verified(), |_| true)).collect();
    // As many functions, but each of them again and again, as the prototypes were measured: what comes next is predicted well.
    let times_over = effort.functions / kernels.iter().map(|kernel| kernel.chosen.len()).sum::<usize>();
    let kernels: Vec<_> = kernels.iter().cycle().take(kernels.len() * times_over).collect();
    let name = format!("the kernels, {times_over} times over");
    let rows = [
        ("functions with loops", vec![&with_loops], "63"),
        ("functions without loops", vec![&without], "160"),
        (&name, kernels, ""),
    ];
    let [loops, straight, kernels] = rows.each_ref().map(|(_, functions, _)| functions);
    let times = shortest(
        effort.rounds,
        [&mut || compile(loops).0, &mut || compile(straight).0, &mut || compile(kernels).0],
    );
    let mut table =
        Table::new(["template compiler", "thousand instructions", "millions/s", "bytes each", "prototype"]);
    for ((name, functions, prototype), time) in rows.iter().zip(times) {
        let instructions = functions.iter().map(|functions| functions.instructions()).sum::<usize>() as f64;
        let bytes = compile(functions).1 as f64;
        table.row([
            (*name).to_owned(),
            format!("{:.1}", instructions / 1e3),
            format!("{:.1}", instructions / 1e6 / time.as_secs_f64()),
            format!("{:.1}", bytes / instructions),
            (*prototype).to_owned(),
        ]);
    }
    table
}

/// The time that it takes to compile functions, with a compiler whose memory has grown as far as it must, and the bytes of all code.
fn compile(functions: &[&Functions<'_>]) -> (Duration, usize) {
    let mut compiler = Compiler::new(X86_64::complete());
    let mut bytes = 0;
    let mut all = || {
        bytes = 0;
        functions.iter().for_each(|functions| bytes += functions.compile(&mut compiler));
    };
    all();
    (time(all), bytes)
}

/// What a function takes when it is first called, and interpreted; its handlers are there.
fn preparing(effort: &Effort) -> Table {
    let module = generated::module(effort.functions, Detail::Bare);
    let functions = Functions::of(&module, |_| true);
    let mut interpreter = Interpreter::new(Machine::of_host(), true);
    let mut images = || {
        for &(func, _) in &functions.chosen {
            let function = module.function(func).expect("the module defines it");
            let frame_words = function.registers.len() as u32 + 4;
            let source = Source { module: &module, func, frame_words, costs: &[] };
            interpreter.prepare(&source, &mut black_box(function.code.clone()));
        }
    };
    images();
    let clear = || Functions::of(&module, |_| true);
    let times = shortest(effort.rounds, [&mut || time(&mut images), &mut || time(clear)]);
    let mut table = Table::new(["first calls", "millions/s"]);
    for (name, time) in
        ["its image for the interpreter", "registers that its frames clear"].into_iter().zip(times)
    {
        let speed = functions.instructions() as f64 / 1e6 / time.as_secs_f64();
        table.row([name.to_owned(), format!("{speed:.1}")]);
    }
    table
}

/// Generating the interpreter: all handlers, and those that a program uses.
fn generating(effort: &Effort) -> Table {
    let mut table = Table::new(["generated interpreter", "us", "handlers", "bytes", "target"]);
    let sieve = Kernel::all().find(|kernel| kernel.name == "sieve").expect("it is one");
    let sieve = sieve.load(Config::new()).module;
    for (name, profile) in [("without a profile", false), ("with one", true)] {
        let all = || {
            let mut interpreter = Interpreter::new(Machine::of_host(), profile);
            interpreter.complete();
            interpreter
        };
        let used = || {
            let mut interpreter = Interpreter::new(Machine::of_host(), profile);
            for func in (0..).map(FuncIndex).take(sieve.verified().functions.len()) {
                let source = Source { module: sieve.verified(), func, frame_words: 0, costs: &[] };
                let function = sieve.verified().function(func).expect("it imports none");
                interpreter.prepare(&source, &mut function.code.clone());
            }
            interpreter
        };
        let times = shortest(effort.rounds, [&mut || time(all), &mut || time(used)]);
        let rows = [("all", "<= 150"), ("for sieve", "")].into_iter().zip([all(), used()]).zip(times);
        for (((which, target), mut made), time) in rows {
            let micros = format!("{:.0}", time.as_secs_f64() * 1e6);
            let count = made.count().to_string();
            let bytes = made.bytes().len().to_string();
            table.row([format!("{which}, {name}"), micros, count, bytes, target.to_owned()]);
        }
    }
    table
}

/// The kernels in an interpreter.
fn kernels(effort: &Effort, names: &[String], tier: TierMode) -> Table {
    let (heading, targets) = if tier == TierMode::Portable {
        ("ns per instruction, portable", ["<= 1.60", "<= 5 %"])
    } else {
        ("ns per instruction, generated", ["", "<= 4 %"])
    };
    let mut table = Table::new([heading, "million instructions", "plain", "profiled", "cost of profiling"]);
    let mut means: [Vec<f64>; 3] = Default::default();
    for kernel in Kernel::all().filter(|k| names.is_empty() || names.iter().any(|name| name == k.name)) {
        let engines = [false, true].map(|profile| kernel.load(Config::new().tier(tier).profile(profile)));
        let [plain, profiled] = &engines;
        let size = kernel.mid;
        let run = |loaded: &strata_benches::kernels::Loaded| {
            let mut ready = loaded.instantiate();
            time(|| ready.run(size))
        };
        let times = shortest(effort.rounds, [&mut || run(plain), &mut || run(profiled)]);
        let count = kernel.instructions(size) as f64;
        let [plain, profiled] = times.map(|time| time.as_nanos() as f64 / count);
        let row = [plain, profiled, profiled / plain];
        means.iter_mut().zip(row).for_each(|(mean, value)| mean.push(value));
        table.row([
            kernel.name.to_owned(),
            format!("{:.1}", count / 1e6),
            format!("{plain:.2}"),
            format!("{profiled:.2}"),
            percent(profiled / plain),
        ]);
    }
    let [plain, profiled, cost] = means.map(geometric_mean);
    let mean = "geometric mean".to_owned();
    table.row([mean, String::new(), format!("{plain:.2}"), format!("{profiled:.2}"), percent(cost)]);
    let [profiled, cost] = targets;
    table.row(["target", "", "", profiled, cost].map(str::to_owned));
    table
}

const CALLS: &str = "
import func @host(i64) -> i64 from \"env\" \"host\"
func @nothing(%x: i64) -> i64 export {
  ret %x
}
func @loop(%n: i64) -> i64 export {
again:
  %n = sub.i64 %n, 1
  br.ne.i64 %n, 0, again
  ret %n
}
func @calls(%n: i64) -> i64 export {
again:
  %n = sub.i64 %n, 1
  %n = call @nothing(%n)
  br.ne.i64 %n, 0, again
  ret %n
}
func @host_calls(%n: i64) -> i64 export {
again:
  %n = sub.i64 %n, 1
  %n = call @host(%n)
  br.ne.i64 %n, 0, again
  ret %n
}
";

/// What calls cost beyond what they do.
fn calls(effort: &Effort) -> Table {
    let engine = Engine::default();
    let module = Module::named(&engine, "calls.sasm", CALLS).unwrap_or_else(|e| panic!("{e}"));
    let mut linker = Linker::new(&engine);
    linker.func("env", "host", |x: i64| x).expect("the linker was empty");
    let count = effort.calls;
    let from_host = || {
        let mut store = Store::new(&engine, ());
        let nothing = export(&linker, &mut store, &module, "nothing").expect("it is exported");
        time(|| (0..count).try_fold(0, |sum, i| Ok::<_, strata::Error>(sum + nothing.call(&mut store, i)?)))
    };
    let from_code = |name: &str| {
        let mut store = Store::new(&engine, ());
        let run = export(&linker, &mut store, &module, name).expect("it is exported");
        time(|| run.call(&mut store, count).expect("it does not trap"))
    };
    let times = shortest(
        effort.rounds,
        [&mut || from_host(), &mut || from_code("host_calls"), &mut || from_code("calls"), &mut || {
            from_code("loop")
        }],
    );
    let [host, host_calls, calls, around] = times.map(|time: Duration| time.as_nanos() as f64 / count as f64);
    let mut table = Table::new(["calls, profiled", "ns"]);
    let rows = [
        ("host to code and back", host),
        ("code to host and back", host_calls - around),
        ("code to code and back", calls - around),
    ];
    for (name, ns) in rows {
        table.row([name.to_owned(), format!("{ns:.1}")]);
    }
    table
}
