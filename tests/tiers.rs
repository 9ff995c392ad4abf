//! Crossing between tiers: who calls whom, what falls back, and threads that do so at the same time. That results are equal is
//! for the other tests to show; here is what they do not reach.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Barrier, Mutex};
use std::thread;

use strata::{
    Candidate, Config, Decision, Engine, Error, Event, FuncIndex, Inlining, Instance, Linker, Module, Policy,
    Reason, Refusal, Store, Thresholds, Tier,
};

type Result<T = (), E = Error> = std::result::Result<T, E>;

/// Whether this machine has a template compiler.
fn has_machine_code() -> bool {
    cfg!(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")))
}

fn load(engine: &Engine, text: &str) -> Result<(Store<()>, Module, Instance)> {
    let module = Module::new(engine, text)?;
    let mut store = Store::new(engine, ());
    let instance = Linker::new(engine).instantiate(&mut store, &module)?;
    Ok((store, module, instance))
}

fn run<P: strata::Values>(engine: &Engine, text: &str, name: &str, params: P) -> Result<i32> {
    let (mut store, _, instance) = load(engine, text)?;
    instance.typed_func::<P, i32>(&store, name)?.call(&mut store, params)
}

/// Compiles the functions of these indices for these tiers at their first call, and no others; remembers what it was asked and told.
#[derive(Clone, Debug, Default)]
struct Chosen {
    functions: BTreeMap<u32, Tier>,
    asked: Arc<Mutex<Vec<(u32, Event)>>>,
    refused: Arc<Mutex<Vec<(u32, Refusal)>>>,
}

impl Chosen {
    /// The functions that it let compile and that were not refused.
    fn compiled(&self) -> BTreeSet<u32> {
        let refused: BTreeSet<u32> = self.refused.lock().unwrap().iter().map(|&(func, _)| func).collect();
        let asked: BTreeSet<u32> = self.asked.lock().unwrap().iter().map(|&(func, _)| func).collect();
        let chosen = self.functions.keys().copied();
        chosen.filter(|func| asked.contains(func) && !refused.contains(func)).collect()
    }
}

impl Policy for Chosen {
    fn decide(&self, candidate: &Candidate<'_>) -> Decision {
        self.asked.lock().unwrap().push((candidate.func.0, candidate.event));
        let tier = self.functions.get(&candidate.func.0);
        tier.map_or(Decision::Wait { calls: 3 }, |&tier| Decision::Compile(tier))
    }

    fn refused(&self, candidate: &Candidate<'_>, refusal: Refusal) {
        self.refused.lock().unwrap().push((candidate.func.0, refusal));
    }
}

/// A chain of tail calls of `$n` links through `$even` and `$odd`, functions 0 and 1 where none are imported.
const IN_A_MODULE: &str = "
(module
  (type $t (func (param i32) (result i32)))
  (table 2 funcref) (elem (i32.const 0) $even $odd)
  (func $even (type $t)
    (if (i32.eqz (local.get 0)) (then (return (i32.const 1))))
    (CALL $odd (i32.sub (local.get 0) (i32.const 1))))
  (func $odd (type $t)
    (if (i32.eqz (local.get 0)) (then (return (i32.const 2))))
    (CALL $even (i32.sub (local.get 0) (i32.const 1))))
  (func (export \"run\") (type $t) (i32.add (call $even (local.get 0)) (i32.const 100))))";

/// The same through tables, so that signatures and records are looked at.
fn through_tables() -> String {
    let table = |index: u32| {
        move |_: &str| {
            format!(
                "return_call_indirect (type $t) (i32.sub (local.get 0) (i32.const 1)) (i32.const {index})"
            )
        }
    };
    IN_A_MODULE
        .replace("CALL $odd (i32.sub (local.get 0) (i32.const 1))", &table(1)(""))
        .replace("CALL $even (i32.sub (local.get 0) (i32.const 1))", &table(0)(""))
}

/// One half of the chain, which goes on in another instance through a shared table.
fn half(own: u32) -> String {
    format!(
        "(module
           (type $t (func (param i32) (result i32)))
           (import \"shared\" \"table\" (table 2 funcref))
           (global $mine i32 (i32.const {own}))
           (memory 1)
           (elem (i32.const {own}) $half)
           (func $half (type $t)
             (i32.store (i32.const 0) (i32.add (i32.load (i32.const 0)) (i32.const 1)))
             (if (i32.eqz (local.get 0)) (then (return (i32.add (global.get $mine) (i32.const 1)))))
             (return_call_indirect (type $t) (i32.sub (local.get 0) (i32.const 1)) (i32.sub (i32.const 1) (global.get $mine))))
           (func (export \"run\") (type $t)
             (i32.add (call_indirect (type $t) (local.get 0) (i32.const 0)) (i32.const 100)))
           (func (export \"count\") (result i32) (i32.load (i32.const 0))))"
    )
}

/// Links of the chains.
const LINKS: i32 = 10_000_000;

/// Every choice of tiers for two functions; `None` for the interpreter.
fn choices() -> impl Iterator<Item = [Option<Tier>; 2]> {
    const TIERS: [Option<Tier>; 3] = [None, Some(Tier::Template), Some(Tier::Optimizing)];
    TIERS.into_iter().flat_map(|even| TIERS.map(|odd| [even, odd]))
}

#[test]
fn ten_million_tail_calls_between_tiers() -> Result {
    for text in [IN_A_MODULE.replace("CALL", "return_call"), through_tables()] {
        for tiers in choices() {
            let functions = (0..).zip(tiers).filter_map(|(func, tier)| Some((func, tier?))).collect();
            let chosen = Chosen { functions, ..Chosen::default() };
            let engine = Engine::new(Config::new().policy(chosen.clone()).workers(0));
            assert_eq!(run(&engine, &text, "run", LINKS)?, 101, "{chosen:?}");
            assert_eq!(run(&engine, &text, "run", 1)?, 102, "{chosen:?}");
            let expected = if has_machine_code() { chosen.functions.clone() } else { BTreeMap::new() };
            assert_eq!(chosen.compiled(), expected.into_keys().collect());
        }
    }
    Ok(())
}

#[test]
fn ten_million_tail_calls_between_tiers_and_instances() -> Result {
    for tiers in choices() {
        // One engine: the halves differ by module.
        let engine = Engine::new(Config::new().policy(OfModules(tiers)).workers(0));
        let mut store = Store::new(&engine, ());
        let mut linker = Linker::new(&engine);
        let table = Module::new(&engine, "(module (table (export \"table\") 2 funcref))")?;
        let shared = linker.instantiate(&mut store, &table)?;
        linker.instance(&store, "shared", shared)?;
        let even_half = linker.instantiate(&mut store, &Module::new(&engine, half(0))?)?;
        let odd_half = linker.instantiate(&mut store, &Module::new(&engine, half(1))?)?;
        assert_eq!(engine.code_bytes(), 0);
        for instance in [even_half, odd_half] {
            let run = instance.typed_func::<i32, i32>(&store, "run")?;
            assert_eq!(run.call(&mut store, LINKS)?, 101, "{tiers:?}");
            assert_eq!(run.call(&mut store, 1)?, 102, "{tiers:?}");
        }
        assert_eq!(engine.code_bytes() > 0, tiers != [None; 2] && has_machine_code());
        // Each half has counted in its own memory.
        let [evens, odds] = [even_half, odd_half].map(|instance| {
            instance.typed_func::<(), i32>(&store, "count").unwrap().call(&mut store, ()).unwrap()
        });
        assert_eq!((evens, odds), (LINKS + 4, LINKS + 2));
    }
    Ok(())
}

/// Compiles everything of modules whose first global starts at 0, or at 1, for these tiers.
#[derive(Debug)]
struct OfModules([Option<Tier>; 2]);

impl Policy for OfModules {
    fn decide(&self, candidate: &Candidate<'_>) -> Decision {
        let is_odd =
            candidate.module.globals.first().is_some_and(|global| format!("{:?}", global.init).contains('1'));
        self.0[usize::from(is_odd)].map_or(Decision::Wait { calls: 0 }, Decision::Compile)
    }
}

#[test]
fn the_policy_is_asked_and_obeyed() -> Result {
    let text = "func @looping(%n: i32) -> i32 export {
                again:
                  %n = sub.i32 %n, 1
                  br.nez.i32 %n, again
                  ret %n
                }
                func @plain(%n: i32) -> i32 export {
                  ret %n
                }";
    let policy = Chosen { functions: BTreeMap::from([(1, Tier::Template)]), ..Chosen::default() };
    let engine = Engine::new(Config::new().policy(policy.clone()));
    let (mut store, module, instance) = load(&engine, text)?;
    let looping = instance.typed_func::<i32, i32>(&store, "looping")?;
    looping.call(&mut store, 2000)?;
    for _ in 0..5 {
        looping.call(&mut store, 1)?;
        instance.typed_func::<i32, i32>(&store, "plain")?.call(&mut store, 1)?;
    }
    let asked = policy.asked.lock().unwrap().clone();
    let of = |func| asked.iter().filter(|(f, _)| *f == func).map(|(_, event)| *event).collect::<Vec<_>>();
    assert_eq!(of(0), [Event::Calls(1), Event::BackEdges(1), Event::BackEdges(1025), Event::Calls(3)]);
    // Machine code asks too, since it may be optimized.
    assert_eq!(
        of(1),
        if has_machine_code() { vec![Event::Calls(1), Event::Calls(2)] } else { vec![Event::Calls(1)] }
    );
    if has_machine_code() {
        assert_eq!(module.functions_run(), [(Tier::Interpreter, 1), (Tier::Template, 1)]);
        assert_eq!(module.refused(), []);
        assert_eq!(*policy.refused.lock().unwrap(), []);
    } else {
        assert_eq!(module.refused(), [(FuncIndex(1), Refusal::NoMachineCode)]);
    }
    Ok(())
}

#[test]
fn without_room_for_code_functions_are_interpreted() -> Result {
    // Each function calls the next one and adds its number.
    const FUNCTIONS: i32 = 2000;
    let mut text = String::new();
    for i in 0..FUNCTIONS {
        let call = if i + 1 < FUNCTIONS { format!("%n = call @f{}(%n)", i + 1) } else { String::new() };
        text += &format!("func @f{i}(%n: i32) -> i32 export {{\n{call}\n%n = add.i32 %n, {i}\nret %n\n}}\n");
    }
    let policy = Chosen {
        functions: (0..FUNCTIONS as u32).map(|i| (i, Tier::Template)).collect(),
        ..Chosen::default()
    };
    let engine = Engine::new(Config::new().max_code_bytes(64 << 10).policy(policy.clone()));
    let (mut store, module, instance) = load(&engine, &text)?;
    let first = instance.typed_func::<i32, i32>(&store, "f0")?;
    for _ in 0..3 {
        assert_eq!(first.call(&mut store, 1)?, 1 + FUNCTIONS * (FUNCTIONS - 1) / 2);
    }
    let expected = if has_machine_code() { Refusal::OutOfCodeSpace } else { Refusal::NoMachineCode };
    let refused = module.refused();
    assert!(refused.iter().all(|(_, refusal)| *refusal == expected), "{refused:?}");
    assert!(refused.len() > 1000, "{}", refused.len());
    let told: Vec<_> =
        policy.refused.lock().unwrap().iter().map(|&(func, refusal)| (FuncIndex(func), refusal)).collect();
    assert_eq!(told.len(), refused.len(), "each is told once");
    if has_machine_code() {
        assert!(refused.len() < FUNCTIONS as usize);
        assert!(engine.code_bytes() <= 64 << 10);
    }
    Ok(())
}

#[test]
fn threads_compile_and_run_the_same_code() -> Result {
    let fib = "func @fib(%n: i32) -> i32 export {
                 br.lt_s.i32 %n, 2, base
                 reg %a: i32, %b: i32, %i: i32
                 %a = sub.i32 %n, 1
                 %a = call @fib(%a)
                 %b = sub.i32 %n, 2
                 %b = call @fib(%b)
                 %a = add.i32 %a, %b
                 %i = const.i32 100
               again:
                 %i = sub.i32 %i, 1
                 br.nez.i32 %i, again
                 ret %a
               base:
                 ret %n
               }";
    for round in 0..20 {
        let thresholds = Thresholds {
            tier1_calls: 1 + round * 7,
            tier1_back_edges: 1 + round * 300,
            ..Thresholds::PRODUCTION
        };
        let engine = Engine::new(Config::new().policy(thresholds));
        let module = Module::new(&engine, fib)?;
        let barrier = Arc::new(Barrier::new(4));
        let threads: Vec<_> = (0..4)
            .map(|_| {
                let (engine, module, barrier) = (engine.clone(), module.clone(), Arc::clone(&barrier));
                thread::spawn(move || -> Result<i32> {
                    let mut store = Store::new(&engine, ());
                    let instance = Linker::new(&engine).instantiate(&mut store, &module)?;
                    let fib = instance.typed_func::<i32, i32>(&store, "fib")?;
                    barrier.wait();
                    fib.call(&mut store, 18)
                })
            })
            .collect();
        for thread in threads {
            assert_eq!(thread.join().unwrap()?, 2584);
        }
        let tiers: Vec<Tier> = module.functions_run().into_iter().map(|(tier, _)| tier).collect();
        assert_eq!(tiers.contains(&Tier::Template), has_machine_code(), "{tiers:?}");
    }
    Ok(())
}

/// A loop that calls a function in every round.
const LOOP: &str = "func @step(%n: i64) -> i64 {
                      %n = mul.i64 %n, 3
                      %n = add.i64 %n, 1
                      ret %n
                    }
                    func @run(%n: i32) -> i64 export {
                      reg %v: i64
                    again:
                      %v = call @step(%v)
                      %n = sub.i32 %n, 1
                      br.nez.i32 %n, again
                      ret %v
                    }";

fn call_loop(store: &mut Store<()>, instance: Instance, rounds: i32) -> Result<i64> {
    instance.typed_func::<i32, i64>(&*store, "run")?.call(store, rounds)
}

/// Has all functions but one optimized at their first call.
#[derive(Debug)]
struct AllBut(u32);

impl Policy for AllBut {
    fn decide(&self, candidate: &Candidate<'_>) -> Decision {
        match candidate.func.0 == self.0 {
            true => Decision::Wait { calls: 0 },
            false => Decision::Compile(Tier::Optimizing),
        }
    }
}

#[test]
fn functions_that_were_compiled_into_others_are_asked_about_when_they_are_called() -> Result {
    let calls_inner =
        |name| format!("func @{name}(%n: i32) -> i32 export {{\n %n = call @inner(%n)\n ret %n\n}}\n");
    let inner = "func @inner(%n: i32) -> i32 {\n %n = add.i32 %n, 1\n ret %n\n}\n";
    let text = [inner, &calls_inner("outer"), &calls_inner("interpreted")].concat();
    for profile in [false, true] {
        let engine = Engine::new(Config::new().policy(AllBut(2)).profile(profile).workers(0));
        let (mut store, module, instance) = load(&engine, &text)?;
        let mut call = |name| instance.typed_func::<i32, i32>(&store, name)?.call(&mut store, 1);
        let optimized =
            || -> Vec<u32> { module.optimized().iter().map(|function| function.func.0).collect() };
        assert_eq!(call("outer")?, 2);
        assert_eq!(module.functions_run().len(), 1, "{:?}", module.functions_run());
        assert_eq!(optimized(), if has_machine_code() { vec![1] } else { vec![] });
        assert_eq!(call("interpreted")?, 2);
        assert_eq!(optimized(), if has_machine_code() { vec![0, 1] } else { vec![] });
    }
    Ok(())
}

#[test]
fn workers_make_code_while_the_program_goes_on() -> Result {
    for workers in [0, 1, 3] {
        let engine = Engine::new(Config::new().workers(workers));
        let (mut store, module, instance) = load(&engine, LOOP)?;
        let (few, expected) =
            (call_loop(&mut store, instance, 3)?, call_loop(&mut store, instance, 200_000)?);
        engine.finish_compiling();
        assert_eq!(few, 13);
        for _ in 0..5 {
            assert_eq!(call_loop(&mut store, instance, 200_000)?, expected);
            engine.finish_compiling();
        }
        let optimized: Vec<u32> = module.optimized().iter().map(|function| function.func.0).collect();
        assert_eq!(optimized.contains(&1), has_machine_code(), "{optimized:?}");
        assert_eq!(module.refused(), []);
    }
    Ok(())
}

#[test]
fn modules_may_go_while_workers_are_at_them() -> Result {
    let engine = Engine::new(Config::new());
    for _ in 0..50 {
        let (mut store, _, instance) = load(&engine, LOOP)?;
        call_loop(&mut store, instance, 40_000)?;
    }
    engine.finish_compiling();
    // The last handle may be a worker's.
    let (mut store, _, instance) = load(&Engine::new(Config::new()), LOOP)?;
    call_loop(&mut store, instance, 40_000)?;
    Ok(())
}

#[test]
fn leaving_and_entering_optimized_code_takes_no_stack() -> Result {
    let config = Config::new().tier(strata::TierMode::Optimizing).stress_exits(1);
    let engine = Engine::new(config.max_native_stack_bytes(64 << 10));
    let (mut store, module, instance) = load(&engine, LOOP)?;
    let rounds =
        std::env::var("STRATA_EXITS").ok().and_then(|rounds| rounds.parse().ok()).unwrap_or(1_000_000);
    call_loop(&mut store, instance, rounds)?;
    if has_machine_code() {
        let optimized = module.optimized();
        let run = optimized.iter().find(|function| function.func.0 == 1).expect("it is optimized");
        let exits: u64 = run.side_exits.iter().map(|exit| u64::from(exit.count)).sum();
        let least = rounds as u64 / 2;
        assert!(exits > least && u64::from(run.loop_entries) > least, "{run:?}");
    }
    Ok(())
}

#[test]
fn leaving_inlined_functions_takes_no_stack() -> Result {
    let text = "func @inner(%i: i32) -> i32 {
          br.gt_s.i32 %i, 3, more
          %i = const.i32 1
          ret %i
        more:
          %i = const.i32 2
          ret %i
        }
        func @outer(%i: i32) -> i32 {
          %i = call @inner(%i)
          br.nez.i32 %i, on
          trap unreachable
        on:
          ret %i
        }
        func @run(%n: i32) -> i32 export {
          reg %i: i32, %v: i32, %sum: i32
        again:
          %v = call @outer(%i)
          %sum = add.i32 %sum, %v
          %i = add.i32 %i, 1
          br.lt_s.i32 %i, %n, again
          ret %sum
        }";
    let config = Config::new().tier(strata::TierMode::Optimizing).stress_exits(1);
    let engine = Engine::new(config.max_native_stack_bytes(64 << 10));
    let (mut store, module, instance) = load(&engine, text)?;
    let rounds = 300_000;
    assert_eq!(
        instance.typed_func::<i32, i32>(&store, "run")?.call(&mut store, rounds)?,
        2 * rounds - 4,
        "the first four give 1"
    );
    if has_machine_code() {
        let optimized = module.optimized();
        let run = optimized.iter().find(|function| function.func.0 == 2).expect("it is optimized");
        let inlined = run.side_exits.iter().filter(|exit| exit.within.is_some());
        let exits: u64 = inlined.map(|exit| u64::from(exit.count)).sum();
        assert!(exits > rounds as u64 / 4, "{run:?}");
    }
    Ok(())
}

/// A loop whose branch goes one way up to a limit, and the other way beyond.
const PHASES: &str = "func @run(%n: i32, %limit: i32) -> i32 export {
                        reg %i: i32, %sum: i32
                      again:
                        br.lt_s.i32 %i, %limit, below
                        %sum = add.i32 %sum, 3
                        jump next
                      below:
                        %sum = add.i32 %sum, 1
                      next:
                        %i = add.i32 %i, 1
                        br.lt_s.i32 %i, %n, again
                        ret %sum
                      }";

#[test]
fn a_branch_that_changes_its_mind_costs_some_exits_once() -> Result {
    // In one activation, which leaves the loop's code and comes back to better code; and over many.
    for (calls, rounds) in [(1, 4_000_000), (400, 10_000)] {
        let thresholds = Thresholds { tier2_back_edges: 4096, tier2_calls: 100, ..Thresholds::PRODUCTION };
        let engine = Engine::new(Config::new().policy(thresholds).workers(0));
        let (mut store, module, instance) = load(&engine, PHASES)?;
        let run = instance.typed_func::<(i32, i32), i32>(&store, "run")?;
        let exits = || -> u64 {
            let optimized = module.optimized();
            let sides = optimized.iter().flat_map(|function| &function.side_exits);
            let branches = sides.filter(|side| matches!(side.reason, Reason::Branch(_)));
            branches.map(|side| u64::from(side.count)).sum()
        };
        let limit = if calls == 1 { rounds / 2 } else { rounds };
        for _ in 0..calls {
            let below = limit.min(rounds);
            assert_eq!(run.call(&mut store, (rounds, limit))?, below + (rounds - below) * 3);
        }
        if calls > 1 {
            assert_eq!(exits(), 0);
            for _ in 0..calls {
                assert_eq!(run.call(&mut store, (rounds, 0))?, rounds * 3);
            }
        }
        if has_machine_code() {
            let found = exits();
            assert!((1..=1000).contains(&found), "{found} exits");
            let optimized = module.optimized();
            assert!((1..=8).contains(&optimized[0].recompilations), "{optimized:?}");
            // From now on none.
            assert_eq!(run.call(&mut store, (rounds, rounds / 2))?, rounds * 2);
            assert_eq!(exits(), found);
        }
    }
    Ok(())
}

#[test]
fn code_is_made_again_a_limited_number_of_times() -> Result {
    // Each of many branches changes its mind when all those before it have: code is wrong again and again.
    const BRANCHES: i32 = 40;
    let mut text = "func @run(%n: i32, %phase: i32) -> i32 export {\nreg %sum: i32\nagain:\n".to_owned();
    for i in 0..BRANCHES {
        text += &format!("br.le_s.i32 %phase, {i}, skip{i}\n%sum = add.i32 %sum, 1\nskip{i}:\n");
    }
    text += "%n = sub.i32 %n, 1\nbr.nez.i32 %n, again\nret %sum\n}";
    let thresholds = Thresholds { tier2_back_edges: 4096, tier2_calls: 100, ..Thresholds::PRODUCTION };
    let engine = Engine::new(Config::new().policy(thresholds).workers(0));
    let (mut store, module, instance) = load(&engine, &text)?;
    let run = instance.typed_func::<(i32, i32), i32>(&store, "run")?;
    for phase in 0..=BRANCHES {
        for _ in 0..100 {
            assert_eq!(run.call(&mut store, (200, phase))?, 200 * phase);
        }
    }
    if has_machine_code() {
        let optimized = &module.optimized()[0];
        // At most eight for each entry: calls, and the one loop.
        assert!((8..=16).contains(&optimized.recompilations), "{optimized:?}");
        let before: u64 = optimized.side_exits.iter().map(|side| u64::from(side.count)).sum();
        for phase in 0..=BRANCHES {
            assert_eq!(run.call(&mut store, (20_000, phase))?, 20_000 * phase);
        }
        let branches = |side: &&strata::SideExitCount| matches!(side.reason, Reason::Branch(_));
        let after: u64 =
            module.optimized()[0].side_exits.iter().filter(branches).map(|side| u64::from(side.count)).sum();
        assert!(after <= before, "{after} exits of branches, {before} of all before");
    }
    Ok(())
}

#[test]
fn what_takes_too_long_to_be_optimized_stays_in_template_code() -> Result {
    let config = Config::new().tier(strata::TierMode::Optimizing);
    let engine = Engine::new(config.max_optimizing_time(std::time::Duration::ZERO));
    let (mut store, module, instance) = load(&engine, LOOP)?;
    assert_eq!(call_loop(&mut store, instance, 3)?, 13);
    if has_machine_code() {
        let refused = |func| (FuncIndex(func), Refusal::TooSlowToOptimize);
        assert_eq!(module.refused(), [refused(0), refused(1)]);
        assert_eq!(module.functions_run(), [(Tier::Template, 2)]);
    }
    Ok(())
}

#[test]
fn what_is_too_large_to_be_optimized_stays_in_template_code() -> Result {
    let body = "%n = add.i32 %n, 1\n".repeat(60_000);
    let text = format!("func @run(%n: i32) -> i32 export {{\n{body}ret %n\n}}");
    let engine = Engine::new(Config::new().tier(strata::TierMode::Optimizing));
    let (mut store, module, instance) = load(&engine, &text)?;
    assert_eq!(instance.typed_func::<i32, i32>(&store, "run")?.call(&mut store, 1)?, 60_001);
    if has_machine_code() {
        assert_eq!(module.refused(), [(FuncIndex(0), Refusal::TooLargeToOptimize)]);
        assert_eq!(module.functions_run(), [(Tier::Template, 1)]);
    }
    Ok(())
}

#[test]
fn the_same_function_of_another_instance_is_not_compiled_in_place() -> Result {
    let thresholds = Thresholds { tier2_back_edges: 4096, tier2_calls: 100, ..Thresholds::PRODUCTION };
    let engine = Engine::new(Config::new().policy(thresholds).workers(0));
    let owner = Module::new(&engine, "table @t funcref 2 export \"t\"")?;
    let module = Module::new(
        &engine,
        "import table @t funcref 2 from \"owner\" \"t\"
        type @get () -> i32
        global @mine: mut i32 = 0
        func @get() -> i32 {
          %v: i32 = global.get @mine
          ret %v
        }
        func @put(%at: i32, %value: i32) export {
          %f: funcref = ref.func @get
          table.set @t[%at], %f
          global.set @mine, %value
          ret
        }
        func @sum(%at: i32, %n: i32) -> i32 export {
          reg %v: i32, %sum: i32
        again:
          %v = call_indirect @get @t[%at]()
          %sum = add.i32 %sum, %v
          %n = sub.i32 %n, 1
          br.nez.i32 %n, again
          ret %sum
        }",
    )?;
    let mut store = Store::new(&engine, ());
    let mut linker = Linker::new(&engine);
    let owner = linker.instantiate(&mut store, &owner)?;
    linker.instance(&store, "owner", owner)?;
    for at in 0..2 {
        let instance = linker.instantiate(&mut store, &module)?;
        let put = instance.typed_func::<(i32, i32), ()>(&store, "put")?;
        put.call(&mut store, (at, at + 1))?;
        let sum = instance.typed_func::<(i32, i32), i32>(&store, "sum")?;
        for _ in 0..200 {
            assert_eq!(sum.call(&mut store, (at, 100))?, 100 * (at + 1));
        }
        // The first instance's function, called from the second.
        assert_eq!(sum.call(&mut store, (0, 100))?, 100);
    }
    if has_machine_code() {
        let optimized = module.optimized();
        let sum = optimized.iter().find(|function| function.func == FuncIndex(2)).expect("it is optimized");
        let guess = sum.calls.iter().find(|call| call.is_guarded).expect("one function was called");
        assert_eq!((guess.callee, guess.inlining), (FuncIndex(0), Inlining::Whole));
    }
    Ok(())
}
