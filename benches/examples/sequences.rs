//! Makes the table of sequences that the generated interpreter has handlers for,
//! `jit/src/template/interpreter/sequences.rs`, of what the programs of the repository execute.
//!
//! Every program counts the same, however long it runs: the kernels in both forms, the examples, and the WASI programs with the
//! input of their first cases. How often an instruction was executed follows from the branches that the profile has counted.

use std::collections::HashMap;
use std::fs;
use std::path::{Path, PathBuf};

use bytecode_spec::isa::each_row;
use bytecode_spec::{FuncIndex, Function, ImportKind, Op};
use strata::{Config, Engine, Error, FunctionProfile, Linker, Module, Store, TierMode, Val};
use strata_benches::kernels::Kernel;
use strata_jit::template::host::Machine;
use strata_jit::template::interpreter::{Interpreter, Part, Source};
use strata_wasi::WasiCtx;

/// Instructions of the longest sequences.
const LONGEST: usize = 4;
/// A sequence is worth a handler when the dispatches that it saves are so many of all instructions of some program.
const WORTH: f64 = 0.006;

/// The form of an instruction.
type Form = (Op, u8, u8);

/// Instructions that are executed one after the other: sequences, at first of one each, and how often, as parts of all that the
/// program executes.
type Run = Vec<(Vec<Form>, f64)>;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut interpreter = Interpreter::new(Machine::of_host(), false);
    let mut runs = Vec::new();
    for program in programs()? {
        collect(&mut interpreter, &program()?, &mut runs);
    }
    let all: f64 = runs.iter().flatten().map(|(_, weight)| weight).sum();
    let mut chosen = Vec::new();
    while let Some(best) = best(&runs) {
        runs.iter_mut().for_each(|run| join(run, &best));
        chosen.push(best);
    }
    chosen.sort_by_key(|sequence| (sequence.len(), format!("{sequence:?}")));
    for sequence in &chosen {
        let parts = sequence.iter().map(|(op, kind, held)| format!("(Op::{op:?}, {kind}, {held})"));
        println!("    &[{}],", parts.collect::<Vec<_>>().join(", "));
    }
    let left: f64 = runs.iter().flatten().map(|(_, weight)| weight).sum();
    eprintln!("{} sequences; {:.1} % of all dispatches are left", chosen.len(), left / all * 100.0);
    Ok(())
}

/// The sequence, of one that there is and an instruction behind it, that would save most; none when that is not worth it.
fn best(runs: &[Run]) -> Option<Vec<Form>> {
    let mut saved: HashMap<(&[Form], Form), f64> = HashMap::new();
    for [(first, _), (second, weight)] in runs.iter().flat_map(|run| run.array_windows()) {
        if let ([second], true) = (second.as_slice(), first.len() < LONGEST) {
            *saved.entry((first, *second)).or_default() += weight;
        }
    }
    // What weighs the same is told apart by name, so that every run chooses the same.
    let (best, weight) = saved
        .into_iter()
        .max_by(|a, b| a.1.total_cmp(&b.1).then_with(|| format!("{:?}", a.0).cmp(&format!("{:?}", b.0))))?;
    (weight >= WORTH).then(|| [best.0, &[best.1]].concat())
}

/// Makes one of what together is a sequence.
fn join(run: &mut Run, sequence: &[Form]) {
    let (last, beginning) = sequence.split_last().expect("it is not empty");
    let mut i = 0;
    while i + 1 < run.len() {
        if run[i].0 == beginning && run[i + 1].0 == [*last] {
            run[i].0 = sequence.to_vec();
            run.remove(i + 1);
        }
        i += 1;
    }
}

/// Runs a program, and gives the module with its profile.
type Program = Box<dyn Fn() -> Result<Module, Box<dyn std::error::Error>>>;

fn engine() -> Engine {
    Engine::new(Config::new().tier(TierMode::Portable))
}

fn programs() -> Result<Vec<Program>, Box<dyn std::error::Error>> {
    let mut all: Vec<Program> = Vec::new();
    for kernel in Kernel::all() {
        for load in [Kernel::load, Kernel::load_wasm] {
            all.push(Box::new(move || {
                let loaded = load(&kernel, Config::new().tier(TierMode::Portable));
                let module = loaded.module.clone();
                let mut ready = loaded.instantiate();
                ready.run.call(&mut ready.store, kernel.small.n)?;
                Ok(module)
            }));
        }
    }
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../programs");
    for (place, cases) in [("", ""), ("wasm", "wasm"), ("wasi", "wasi/cases")] {
        let mut files: Vec<PathBuf> = fs::read_dir(folder.join(place))?
            .map(|entry| Ok(entry?.path()))
            .collect::<std::io::Result<_>>()?;
        files.retain(|file| file.extension().is_some_and(|e| e == "sasm" || e == "wasm" || e == "wat"));
        files.sort();
        for file in files {
            let case = folder.join(cases).join(file.file_stem().unwrap_or_default());
            all.push(Box::new(move || run(&file, &case)));
        }
    }
    Ok(all)
}

/// What a program of the examples has.
struct Host {
    wasi: WasiCtx,
    input: Vec<u8>,
}

/// Runs a program with the input and the arguments that lie beside `case`.
fn run(file: &Path, case: &Path) -> Result<Module, Box<dyn std::error::Error>> {
    let engine = engine();
    let module = Module::named(&engine, "program", fs::read(file)?)?;
    let input = fs::read(case.with_extension("stdin")).unwrap_or_default();
    let args = fs::read_to_string(case.with_extension("args")).unwrap_or_default();
    let mut linker = Linker::new(&engine);
    strata_wasi::add_to_linker(&mut linker, |host: &mut Host| &mut host.wasi).map_err(|e| e.to_string())?;
    for import in &module.verified().imports {
        let ImportKind::Func(ty) = import.kind else { continue };
        if import.module.starts_with("wasi") {
            continue;
        }
        let ty = module.verified().types[ty.index()].ty.clone();
        let zeros: Vec<Val> = ty.results.iter().map(|&ty| Val::default_for(ty)).collect();
        let reads = import.field == "read";
        linker.func_new(&import.module, &import.field, ty, move |mut caller, args, results| {
            results.clone_from_slice(&zeros);
            if let ([Val::I32(to), Val::I32(len)], true) = (args, reads) {
                let len = caller.data().input.len().min(*len as usize);
                let bytes: Vec<u8> = caller.data_mut().input.drain(..len).collect();
                if let Some(memory) = caller.memory() {
                    memory.write(&mut caller, *to as u32, &bytes)?;
                }
                results[0] = Val::I32(len as i32);
            }
            Ok(())
        })?;
    }
    let wasi = WasiCtx::builder()
        .arg("program")
        .args(args.split_whitespace().map(str::to_owned))
        .stdin(std::io::Cursor::new(input.clone()))
        .stdout(std::io::sink())
        .stderr(std::io::sink())
        .build()?;
    let mut store = Store::new(&engine, Host { wasi, input });
    let instance = linker.instantiate(&mut store, &module)?;
    let start = if module.exported_func("_start").is_some() { "_start" } else { "main" };
    if let Ok(main) = instance.typed_func::<(), ()>(&store, start) {
        // Programs end by leaving, or because they miss what they were not given.
        match main.call(&mut store, ()) {
            Ok(()) | Err(Error::Trap(_)) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(module)
}

/// Adds what a program has executed.
fn collect(interpreter: &mut Interpreter<Machine>, module: &Module, runs: &mut Vec<Run>) {
    let profile = module.profile();
    let functions = profile.functions.iter().filter_map(|profile| {
        let function = module.verified().function(profile.func)?;
        Some((profile.func, executions(function, profile)))
    });
    let functions: Vec<(FuncIndex, Vec<u64>)> = functions.collect();
    let total: u64 = functions.iter().flat_map(|(_, counts)| counts).sum();
    for (func, counts) in functions {
        let source = Source { module: module.verified(), func, frame_words: 0, costs: &[] };
        let mut run = Run::new();
        for step in interpreter.steps(&source) {
            if !step.follows {
                runs.push(std::mem::take(&mut run));
            }
            let Part { op, kind, held, .. } = step.part;
            run.push((vec![(op, kind, held)], counts[step.pc] as f64 / total as f64));
        }
        runs.push(run);
    }
    runs.retain(|run| run.iter().any(|&(_, weight)| weight > WORTH / 1000.0));
}

/// How often each instruction of a function was executed, by its pc.
fn executions(function: &Function, profile: &FunctionProfile) -> Vec<u64> {
    let code = function.code.as_slice();
    let mut entering = vec![0; code.len() + 1];
    entering[0] += u64::from(profile.calls);
    for l in &profile.loops {
        entering[l.head.index()] += l.back_edges;
    }
    for branch in profile.branches.iter().filter(|branch| branch.target > branch.pc) {
        entering[branch.target.index()] += u64::from(branch.taken);
    }
    let mut counts = vec![0; code.len()];
    let mut running = 0;
    each_row(code, |pc, row, words, _| {
        running += entering[pc];
        counts[pc] = running;
        if let Some(branch) = profile.branches.iter().find(|branch| branch.pc.index() == pc && !row.ends) {
            running = u64::from(branch.not_taken);
        }
        if row.ends {
            let op = Op::from_code(words[0] as u16).expect("verified");
            if op == Op::Jump {
                bytecode_spec::liveness::for_each_target(words, |displacement| {
                    if displacement > 0 {
                        entering[pc + displacement as usize] += running;
                    }
                });
            }
            running = 0;
        }
    });
    counts
}
