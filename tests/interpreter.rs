//! The generated interpreter, where sequences of instructions share a handler and values are passed on in accumulators: what stops
//! or leaves it in the middle of them finds all as the portable interpreter leaves it.

use std::time::Duration;

use strata::{
    Config, Engine, Error, Instance, Linker, Memory, Module, Op, Store, Target, Thresholds, Tier, TierMode,
    Trap, TrapCause, handler_listing,
};

/// Whether this machine has a generated interpreter.
fn is_generated() -> bool {
    cfg!(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))
}

/// How a call ends.
#[derive(Debug, PartialEq, Eq)]
struct Outcome {
    /// What it returns; or the cause and the places of all frames.
    result: Result<i64, (TrapCause, Vec<Place>)>,
    memory: Vec<u8>,
    fuel: Option<u64>,
}

/// A function and a pc.
type Place = (String, Option<u32>);

struct Program {
    store: Store<()>,
    module: Module,
    instance: Instance,
}

impl Program {
    fn load(config: Config, program: &[u8]) -> Program {
        let engine = Engine::new(config);
        let module = Module::new(&engine, program).unwrap_or_else(|error| panic!("{error}"));
        let mut store = Store::new(&engine, ());
        let instance = Linker::new(&engine).instantiate(&mut store, &module).expect("no imports");
        Program { store, module, instance }
    }

    fn run(&mut self, n: i64) -> Result<i64, Error> {
        let run = self.instance.typed_func::<i64, i64>(&self.store, "run")?;
        run.call(&mut self.store, n)
    }

    /// How a call ends that finds memory as it is at first. Programs are called again and again, since emulators take long to give
    /// them their memories.
    fn outcome(&mut self, n: i64) -> Outcome {
        let memory: Option<Memory> = self.instance.memory(&self.store, "memory").ok();
        if let Some(memory) = memory {
            let (bytes, ()) = memory.data_mut(&mut self.store).expect("its own");
            bytes.fill(0);
        }
        let result = self.run(n).map_err(|error| {
            let trap = Trap::of(&error).expect("nothing else can go wrong");
            let frames = trap.backtrace().frames().iter();
            (trap.cause(), frames.map(|frame| (frame.function.clone(), frame.pc.map(|pc| pc.0))).collect())
        });
        let bytes = memory.map_or(Vec::new(), |memory| memory.data(&self.store).expect("its own").to_vec());
        Outcome { result, memory: bytes, fuel: self.store.fuel().ok() }
    }
}

/// Loops whose bodies are sequences, and which end in all the ways there are: at the end of memory, by division, or as they should.
const LOOPS: &[&str] = &[
    // Stores and sums, as in a sieve; beyond the end when the step does not fit.
    "memory 1 export \"memory\"
     func @run(%n: i64) -> i64 export {
       %step: i32 = wrap.i32.i64 %n
       %base: i32 = const.i32 0
       %at: i32 = const.i32 0
       %one: i32 = const.i32 7
     again:
       store8.i32 [%base + %at], %one
       %at = add.i32 %at, %step
       br.lt_u.i32 %at, 65600, again
       %r: i64 = extend_u.i64.i32 %at
       ret %r
     }",
    // Loads whose addresses are sums, and sums of what was loaded.
    "memory 1 export \"memory\"
     func @run(%n: i64) -> i64 export {
       %at: i32 = wrap.i32.i64 %n
       reg %sum: i32
       reg %x: i32
     again:
       %x = load8_u.i32 [%at + 16]
       %sum = add.i32 %sum, %x
       %sum = add.i32 %sum, 3
       %at = add.i32 %at, 1111
       %x = load.i32 [%at]
       %sum = xor.i32 %sum, %x
       store.i32 [%at + 4], %sum
       br.lt_u.i32 %at, 200000, again
       %r: i64 = extend_u.i64.i32 %sum
       ret %r
     }",
    // Remainders, in a function that is called; the divisor becomes zero.
    "func @step(%a: i32, %b: i32) -> i32 {
       %a = mul.i32 %a, 3877
       %a = add.i32 %a, 29573
       %a = rem_s.i32 %a, %b
       ret %a
     }
     func @run(%n: i64) -> i64 export {
       %a: i32 = const.i32 42
       %b: i32 = wrap.i32.i64 %n
       reg %i: i32
     again:
       %a = call @step(%a, %b)
       %b = sub.i32 %b, 1
       %i = add.i32 %i, 1
       br.lt_s.i32 %i, 40, again
       %r: i64 = extend_s.i64.i32 %a
       ret %r
     }",
    // Floats, in their accumulator over a branch.
    "func @run(%n: i64) -> i64 export {
       %x: f64 = convert_s.f64.i64 %n
       reg %y: f64
       reg %i: i32
     again:
       %y = add.f64 %y, %x
       %y = mul.f64 %y, 1.5
       br.gt.f64 %y, %x, next
       %y = sub.f64 %y, 2.0
     next:
       %x = add.f64 %x, %y
       %i = add.i32 %i, 1
       br.lt_s.i32 %i, 2000, again
       %r: i64 = trunc_s.i64.f64 %x
       ret %r
     }",
];

fn interpreter() -> Config {
    Config::new().tier(TierMode::Interpreter)
}

fn portable() -> Config {
    Config::new().tier(TierMode::Portable)
}

#[test]
fn traps_in_sequences_are_at_their_instruction_and_memory_is_as_it_was_then() {
    let mut traps = 0;
    for text in LOOPS {
        let mut expected = Program::load(portable(), text.as_bytes());
        let configs = [false, true].map(|profile| interpreter().profile(profile));
        let mut programs = configs.map(|config| Program::load(config, text.as_bytes()));
        for n in [-1, 0, 1, 3, 17, 39, 41, 1000, 60_000, 65_521, 65_532, 65_535] {
            // A step of zero never ends.
            if n == 0 && text.contains("%step: i32") {
                continue;
            }
            let expected = expected.outcome(n);
            traps += usize::from(expected.result.is_err());
            for program in &mut programs {
                assert_eq!(program.outcome(n), expected, "run({n}) of\n{text}");
            }
        }
    }
    assert!(traps > 10, "{traps}");
}

#[test]
fn frames_are_of_the_tier_that_runs_them() {
    let error = Program::load(interpreter(), LOOPS[2].as_bytes()).run(3).expect_err("a division by zero");
    let expected = if is_generated() { Tier::Interpreter } else { Tier::Portable };
    let trap = Trap::of(&error).expect("a trap");
    let tiers: Vec<_> = trap.backtrace().frames().iter().map(|frame| frame.tier).collect();
    assert_eq!(tiers, [Some(expected); 2]);
}

#[test]
fn fuel_ends_at_the_same_instruction() {
    for text in LOOPS {
        let configs = [portable(), interpreter().profile(false), interpreter().profile(true)];
        let mut programs = configs.map(|config| Program::load(config.fuel(true), text.as_bytes()));
        for fuel in (0..120).chain([1_000, 10_007]) {
            let [expected, others @ ..] = programs.each_mut().map(|program| {
                program.store.set_fuel(fuel).expect("the engine counts fuel");
                program.outcome(39)
            });
            for outcome in others {
                assert_eq!(outcome, expected, "fuel {fuel} for\n{text}");
            }
        }
    }
}

#[test]
fn loops_are_interrupted() {
    for (text, n) in [
        (LOOPS[0], 0),
        ("func @run(%n: i64) -> i64 export {\nagain:\n %n = add.i64 %n, 1\n jump again\n}", 0),
        ("func @run(%n: i64) -> i64 export {\n reg %i: i32\nagain:\n br.table %i, [again, again]\n}", 0),
        ("func @run(%n: i64) -> i64 export {\n tail_call @run(%n)\n}", 0),
    ] {
        for profile in [false, true] {
            let mut program = Program::load(interpreter().profile(profile), text.as_bytes());
            let handle = program.store.interrupt_handle();
            let interrupter = std::thread::spawn(move || {
                std::thread::sleep(Duration::from_millis(5));
                handle.interrupt();
            });
            let error = program.run(n).expect_err("the loop does not end");
            interrupter.join().expect("it does not panic");
            assert_eq!(Trap::of(&error).expect("a trap").cause(), TrapCause::Interrupted, "{text}");
        }
    }
}

/// The branch back of the last two loops is the second half of a sequence, and finds its operand in the accumulator.
#[test]
fn machine_code_goes_on_from_the_middle_of_a_sequence() {
    for target in [Target::X86_64, Target::Aarch64] {
        let handlers = handler_listing(Op::AddI32Imm, target, true);
        assert!(handlers.contains("\nadd.i32; br.lt_s.i32 (kind 1, a in an accumulator):\n"), "{handlers}");
    }
    for text in LOOPS {
        let mut expected = Program::load(portable(), text.as_bytes());
        for n in [1, 3, 39, 41, 1000] {
            let expected = expected.outcome(n);
            // The first time that a branch goes back, and long after.
            for tier1_back_edges in [1, 1025] {
                let thresholds =
                    Thresholds { tier1_calls: 0, tier1_back_edges, tier2_calls: 0, tier2_back_edges: 0 };
                let mut program = Program::load(Config::new().policy(thresholds), text.as_bytes());
                assert_eq!(program.outcome(n), expected, "run({n}) of\n{text}");
                let ran = |tier| program.module.functions_run().iter().any(|&(ran, _)| ran == tier);
                if is_generated() && tier1_back_edges == 1 {
                    assert!(ran(Tier::Template) && ran(Tier::Interpreter), "run({n}) of\n{text}");
                }
            }
        }
    }
}

#[test]
fn machine_code_takes_over_in_the_middle_of_sequences() {
    let kernels = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("programs/kernels");
    let table = std::fs::read_to_string(kernels.join("kernels.tsv")).expect("kernels.tsv is there");
    for line in table.lines().skip(1) {
        let fields: Vec<&str> = line.split('\t').collect();
        let (n, expected) = (fields[1].parse().expect("a number"), fields[2].parse().expect("a number"));
        for file in [format!("{}.sasm", fields[0]), format!("wasm/{}.wasm", fields[0])] {
            let program = std::fs::read(kernels.join(&file)).expect("every kernel has both forms");
            for tier1_back_edges in [1, 1025, 3000] {
                let thresholds =
                    Thresholds { tier1_calls: 0, tier1_back_edges, tier2_calls: 0, tier2_back_edges: 0 };
                let mut program = Program::load(Config::new().policy(thresholds), &program);
                assert_eq!(program.run(n).expect("kernels do not trap"), expected, "{file}");
                // The kernel that calls has no loops.
                if is_generated() && tier1_back_edges == 1 && fields[0] != "fib" {
                    let tiers = program.module.functions_run();
                    assert!(tiers.iter().any(|&(tier, _)| tier == Tier::Template), "{file}: {tiers:?}");
                    assert!(tiers.iter().any(|&(tier, _)| tier == Tier::Interpreter), "{file}: {tiers:?}");
                }
            }
        }
    }
}
