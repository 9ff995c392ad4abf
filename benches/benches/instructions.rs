//! Instruction counts, by callgrind: the same on a busy machine as on an idle one. Run through the program
//! `instruction-counts`, which compares them with `baseline.json`, or by `cargo bench --bench instructions`.

#![allow(missing_docs, reason = "macros make modules and functions that cannot have any")]

use std::hint::black_box;

use bytecode_spec::{Function, VerifiedModule, encoding};
use iai_callgrind::{Callgrind, LibraryBenchmarkConfig, library_benchmark, library_benchmark_group};
use strata::{Config, Engine, Linker, Module, Store, TierMode, TypedFunc};
use strata_benches::functions::Functions;
use strata_benches::generated::{self, Detail};
use strata_benches::kernels::{Kernel, Ready, Size, export};
use strata_jit::template::compile::Compiler;
use strata_jit::template::x86_64::X86_64;

const FUNCTIONS: usize = 2000;

/// A module, its linker, and what to call `run` with.
struct Loaded {
    module: Module,
    linker: Linker<()>,
    n: i64,
}

fn generated_in_an_engine() -> Loaded {
    let engine = Engine::default();
    let module = Module::from_verified(&engine, generated::module(FUNCTIONS, Detail::Lines));
    let linker = generated::linker(&engine);
    Loaded { module, linker, n: 1 }
}

fn fib_in_an_engine() -> Loaded {
    let loaded = Kernel::named("fib").load(Config::new().tier(TierMode::Portable));
    Loaded { module: loaded.module, linker: Linker::new(&loaded.engine), n: 1 }
}

fn ready(name: &str, profile: bool) -> (Ready, Size) {
    let kernel = Kernel::named(name);
    let mut ready = kernel.load(Config::new().tier(TierMode::Portable).profile(profile)).instantiate();
    // The image is made at the first call.
    ready.run(kernel.small);
    (ready, kernel.small)
}

fn not_profiled(name: &str) -> (Ready, Size) {
    ready(name, false)
}

fn profiled(name: &str) -> (Ready, Size) {
    ready(name, true)
}

/// Functions of a module that stays, and a compiler whose memory has grown as far as it must.
fn ready_to_compile(
    module: VerifiedModule,
    choose: fn(&Function) -> bool,
) -> (Functions<'static>, Compiler<X86_64>) {
    let functions = Functions::of(Box::leak(Box::new(module)), choose);
    let mut compiler = Compiler::new(X86_64::complete());
    functions.compile(&mut compiler);
    (functions, compiler)
}

fn with_loops() -> (Functions<'static>, Compiler<X86_64>) {
    ready_to_compile(generated::module(FUNCTIONS, Detail::Bare), generated::has_loop)
}

fn without_loops() -> (Functions<'static>, Compiler<X86_64>) {
    ready_to_compile(generated::module(FUNCTIONS, Detail::Bare), |function| !generated::has_loop(function))
}

// What a benchmark returns is dropped after counting.

#[library_benchmark]
#[bench::generated(encoding::encode(&generated::module(FUNCTIONS, Detail::Lines)))]
fn decode(bytes: Vec<u8>) -> (bytecode_spec::Module, Vec<u8>) {
    (encoding::decode(black_box(&bytes)).expect("the bytes are a module"), bytes)
}

#[library_benchmark]
#[bench::generated((*generated::module(FUNCTIONS, Detail::Lines)).clone())]
fn verify(module: bytecode_spec::Module) -> VerifiedModule {
    bytecode_spec::verify(black_box(module)).expect("the module is right")
}

#[library_benchmark]
#[bench::generated(strata_asm::disassemble(&generated::module(FUNCTIONS, Detail::Names)))]
fn assemble(text: String) -> (VerifiedModule, String) {
    (strata_asm::assemble("generated.sasm", black_box(&text)).expect("the text is a module"), text)
}

#[library_benchmark]
#[bench::generated(generated::module(FUNCTIONS, Detail::Names))]
fn disassemble(module: VerifiedModule) -> (String, VerifiedModule) {
    (strata_asm::disassemble(black_box(&module)), module)
}

#[library_benchmark]
#[bench::generated(generated_in_an_engine())]
#[bench::fib(fib_in_an_engine())]
fn instantiate_and_call(loaded: Loaded) -> (Store<()>, TypedFunc<i64, i64>, i64, Loaded) {
    let mut store = Store::new(loaded.module.engine(), ());
    let run = export(&loaded.linker, &mut store, &loaded.module, "run").expect("nothing is missing");
    let result = run.call(&mut store, black_box(loaded.n)).expect("the function does not trap");
    (store, run, result, loaded)
}

#[library_benchmark]
#[bench::loops(with_loops())]
#[bench::straight(without_loops())]
fn template((functions, mut compiler): (Functions<'static>, Compiler<X86_64>)) -> Compiler<X86_64> {
    functions.compile(black_box(&mut compiler));
    compiler
}

macro_rules! kernel_benchmarks {
    ($($function:ident($setup:ident);)*) => { $(
        #[library_benchmark(setup = $setup)]
        #[bench::fib("fib")]
        #[bench::nbody("nbody")]
        #[bench::spectral("spectral")]
        #[bench::mandelbrot("mandelbrot")]
        #[bench::matmul("matmul")]
        #[bench::fannkuch("fannkuch")]
        #[bench::sieve("sieve")]
        #[bench::sha("sha")]
        #[bench::crc32("crc32")]
        #[bench::quicksort("quicksort")]
        #[bench::collatz("collatz")]
        #[bench::life("life")]
        fn $function((mut ready, size): (Ready, Size)) -> Ready {
            ready.run(black_box(size));
            ready
        }
    )* };
}

kernel_benchmarks! {
    portable(not_profiled);
    portable_profiled(profiled);
}

library_benchmark_group!(
    name = loading;
    benchmarks = decode, verify, assemble, disassemble, instantiate_and_call
);
library_benchmark_group!(name = compiling; benchmarks = template);
library_benchmark_group!(name = kernels; benchmarks = portable, portable_profiled);

iai_callgrind::main!(
    config = LibraryBenchmarkConfig::default()
        .tool(Callgrind::with_args(["--cache-sim=no"]))
        // Code that is written while the program runs; without this, valgrind may run what was there before.
        .valgrind_args(["--smc-check=all"]);
    library_benchmark_groups = loading, compiling, kernels
);
