//! The Rust API as an embedder uses it, and misuses it.

use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Barrier};
use std::thread;
use std::time::{Duration, Instant};

use strata::{
    Caller, Config, Engine, Error, Extern, ExternRef, Func, FuncType, Global, GlobalType, HostError,
    Instance, InterruptHandle, Limits, Linker, Memory, MemoryType, Module, Store, Table, TableType, TierMode,
    Trap, TrapCause, TypedFunc, Val, ValType,
};

type Result<T = ()> = std::result::Result<T, Error>;

/// A program in a store of its own, without imports.
fn load(text: &str) -> Result<(Store<()>, Instance)> {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let module = Module::new(&engine, text)?;
    let instance = Linker::new(&engine).instantiate(&mut store, &module)?;
    Ok((store, instance))
}

#[track_caller]
fn cause(result: Result<impl std::fmt::Debug>) -> TrapCause {
    let error = result.expect_err("a trap");
    Trap::of(&error).unwrap_or_else(|| panic!("expected a trap, found {error}")).cause()
}

/// The start of an error's message.
#[track_caller]
fn assert_error<T>(result: std::result::Result<T, Error>, message: &str) {
    let error = result.err().unwrap_or_else(|| panic!("expected `{message}`")).to_string();
    assert!(error.contains(message), "expected `{message}`, found `{error}`");
}

const MIXED: &str = "
    func @mixed(%a: i32, %b: i64, %c: f32, %d: f64) -> (f64, f32, i64, i32) export {
      ret %d, %c, %b, %a
    }
    func @nothing() export { ret }
    func @nine(%a: i64, %b: i64, %c: i64, %d: i64, %e: i64, %f: i64, %g: i64, %h: i64, %i: i64) -> i64 export {
      ret %i
    }";

#[test]
fn typed_calls() -> Result {
    let (mut store, instance) = load(MIXED)?;
    let mixed = instance.typed_func::<(i32, i64, f32, f64), (f64, f32, i64, i32)>(&store, "mixed")?;
    assert_eq!(mixed.call(&mut store, (-1, i64::MIN, 0.5, -0.0))?, (-0.0, 0.5, i64::MIN, -1));
    // Unsigned types stand for the same machine types.
    let unsigned = instance.typed_func::<(u32, u64, f32, f64), (f64, f32, u64, u32)>(&store, "mixed")?;
    assert_eq!(unsigned.call(&mut store, (u32::MAX, u64::MAX, 1.0, 2.0))?, (2.0, 1.0, u64::MAX, u32::MAX));
    let nothing: TypedFunc<(), ()> = instance.typed_func(&store, "nothing")?;
    nothing.call(&mut store, ())?;
    assert_eq!(mixed.func(), instance.func(&store, "mixed")?);

    assert_error(instance.typed_func::<i32, i32>(&store, "mixed"), "asked for as (i32) -> i32");
    assert_error(instance.typed_func::<(), i32>(&store, "nothing"), "the function has type ()");
    assert_error(
        instance.typed_func::<(), ()>(&store, "nothin"),
        "exported are \"mixed\", \"nothing\", \"nine\"",
    );
    assert_error(instance.memory(&store, "mixed"), "there is no exported memory \"mixed\"");
    Ok(())
}

#[test]
fn untyped_calls() -> Result {
    let (mut store, instance) = load(MIXED)?;
    let mixed = instance.func(&store, "mixed")?;
    assert_eq!(mixed.ty(&store)?.to_string(), "(i32, i64, f32, f64) -> (f64, f32, i64, i32)");
    let results = mixed.call(&mut store, &[7.into(), 8i64.into(), 0.25f32.into(), 2.5.into()])?;
    let [Val::F64(d), Val::F32(c), Val::I64(b), Val::I32(a)] = results[..] else { panic!("{results:?}") };
    assert_eq!((a, b, c, d), (7, 8, 0.25, 2.5));

    assert_error(mixed.call(&mut store, &[]), "called with 0 arguments");
    assert_error(
        mixed.call(&mut store, &[7.into(), 8.into(), 0.25f32.into(), 2.5.into()]),
        "argument 2 needs a value of type i64, found i32",
    );
    let nine = instance.func(&store, "nine")?;
    let args: Vec<Val> = (1..=9).map(|i: i64| i.into()).collect();
    assert!(matches!(nine.call(&mut store, &args)?[..], [Val::I64(9)]));
    Ok(())
}

#[test]
fn programs_in_both_forms() -> Result {
    let engine = Engine::default();
    let text = Module::named(
        &engine,
        "one.sasm",
        "func @one() -> i32 export {\n %r: i32 = const.i32 1\n ret %r\n}",
    )?;
    let bytes = bytecode_spec::encoding::encode(text.verified());
    let binary = Module::new(&engine, &bytes)?;
    assert_eq!(binary.verified().sources, ["one.sasm"]);
    assert_eq!(binary.exported_func("one"), Some(&FuncType::new([], [ValType::I32])));
    assert_eq!(binary.exported_func("two"), None);
    let mut store = Store::new(&engine, ());
    for module in [&text, &binary] {
        let instance = Linker::new(&engine).instantiate(&mut store, module)?;
        assert_eq!(instance.typed_func::<(), i32>(&store, "one")?.call(&mut store, ())?, 1);
    }
    assert_error(Module::new(&engine, "func @f( {"), "program:1:");
    assert_error(Module::new(&engine, [0xFF, 0xFE, 0]), "not a Strata module");
    assert_error(Module::new(&engine, &bytes[..bytes.len() - 1]), "cut off");
    Ok(())
}

#[test]
fn host_functions() -> Result {
    let engine = Engine::default();
    let module = Module::new(
        &engine,
        r#"
        import func @none() from "env" "none"
        import func @sum(i32, i64, f32, f64, i32, i32, i32, i32) -> f64 from "env" "sum"
        import func @divmod(i32, i32) -> (i32, i32) from "env" "divmod"
        import func @write(i32, i32) from "env" "write"
        import func @dynamic(i64, f32) -> (f32, i64) from "env" "dynamic"
        memory 1 export "memory"
        func @run() -> (f64, i32, i32, i32, f32, i64) export {
          reg %one: i32, %l: i64, %f: f32, %d: f64, %q: i32, %r: i32
          call @none()
          %one = const.i32 1
          %l = const.i64 2
          %f = const.f32 0.5
          %d = const.f64 0.25
          %d = call @sum(%one, %l, %f, %d, %one, %one, %one, %one)
          %q = const.i32 17
          %r = const.i32 5
          %q, %r = call @divmod(%q, %r)
          call @write(%one, %q)
          %one = load8_u.i32 [%one]
          %f, %l = call @dynamic(%l, %f)
          ret %d, %q, %r, %one, %f, %l
        }
        "#,
    )?;
    let mut linker = Linker::new(&engine);
    linker.func("env", "none", |mut caller: Caller<'_, u32>| *caller.data_mut() += 1)?;
    let sum = |a: i32, b: i64, c: f32, d: f64, e: u32, f: u32, g: u32, h: u32| {
        f64::from(a) + b as f64 + f64::from(c) + d + f64::from(e + f + g + h)
    };
    linker.func("env", "sum", sum)?;
    linker.func("env", "divmod", |a: i32, b: i32| (a / b, a % b))?;
    linker.func("env", "write", |mut caller: Caller<'_, u32>, at: u32, byte: i32| -> Result {
        let memory = caller.memory().expect("exported");
        memory.write(&mut caller, at, &[byte as u8 + 1])?;
        let (bytes, data) = memory.data_mut(&mut caller)?;
        *data += u32::from(bytes[at as usize]);
        Ok(())
    })?;
    let ty = FuncType::new([ValType::I64, ValType::F32], [ValType::F32, ValType::I64]);
    linker.func_new("env", "dynamic", ty, |_, args, results| {
        (results[0], results[1]) = (args[1], args[0]);
        Ok(())
    })?;
    let mut store = Store::new(&engine, 10);
    let instance = linker.instantiate(&mut store, &module)?;
    let run = instance.typed_func::<(), (f64, i32, i32, i32, f32, i64)>(&store, "run")?;
    assert_eq!(run.call(&mut store, ())?, (7.75, 3, 2, 4, 0.5, 2));
    assert_eq!(*store.data(), 10 + 1 + 4);
    *store.data_mut() = 3;
    assert_eq!(store.into_data(), 3);
    Ok(())
}

#[test]
fn host_functions_have_up_to_ten_parameters() -> Result {
    let engine = Engine::default();
    let mut store = Store::new(&engine, 0_i64);
    let ten = |mut caller: Caller<'_, i64>,
               a: i32,
               b: i64,
               c: i32,
               d: i64,
               e: i32,
               f: i64,
               g: i32,
               h: i64,
               i: i32,
               j: i64| {
        *caller.data_mut() += j;
        (a, b, c, d, e, f, g, h, i, j)
    };
    let ten = Func::wrap(&mut store, ten);
    type Ten = (i32, i64, i32, i64, i32, i64, i32, i64, i32, i64);
    let typed = ten.typed::<Ten, Ten>(&store)?;
    assert_eq!(typed.call(&mut store, (1, 2, 3, 4, 5, 6, 7, 8, 9, 10))?, (1, 2, 3, 4, 5, 6, 7, 8, 9, 10));
    assert_eq!(*store.data(), 10);
    Ok(())
}

#[test]
fn host_functions_called_by_the_host() -> Result {
    let mut store = Store::new(&Engine::default(), 1u64);
    let add = Func::wrap(&mut store, |caller: Caller<'_, u64>, n: u64| {
        assert!(caller.instance().is_none());
        *caller.data() + n
    });
    assert_eq!(add.typed::<u64, u64>(&store)?.call(&mut store, 41)?, 42);
    assert_error(add.call(&mut store, &[1.into()]), "argument 1 needs a value of type i64");
    let fails = Func::wrap(&mut store, || -> std::result::Result<(), Refused> { Err(Refused(1)) });
    assert!(matches!(fails.call(&mut store, &[]), Err(Error::Host(error)) if error.is::<Refused>()));
    let wrong = Func::new(&mut store, FuncType::new([], [ValType::I64]), |_, _, results| {
        results[0] = 1.into();
        Ok(())
    });
    assert_error(
        wrong.call(&mut store, &[]),
        "result 0 of a host function needs a value of type i64, found i32",
    );
    Ok(())
}

#[derive(Debug, PartialEq)]
struct Refused(i32);

impl std::fmt::Display for Refused {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "refused {}", self.0)
    }
}

impl std::error::Error for Refused {}

/// A program that calls `host.f`, `() -> ()`, from `@inner` called by `@run`.
const CALLS_HOST: &str = r#"
    import func @f() from "host" "f"
    func @inner() {
      call @f()
      ret
    }
    func @run() export {
      call @inner()
      ret
    }
    func @one() -> i32 export {
      %r: i32 = const.i32 1
      ret %r
    }"#;

fn with_host<P>(f: impl strata::IntoHostFunc<(), P>) -> Result<(Store<()>, Instance)> {
    with_host_in(&Engine::default(), f)
}

fn with_host_in<P>(engine: &Engine, f: impl strata::IntoHostFunc<(), P>) -> Result<(Store<()>, Instance)> {
    let mut store = Store::new(engine, ());
    let mut linker = Linker::new(engine);
    linker.func("host", "f", f)?;
    let module = Module::new(engine, CALLS_HOST)?;
    let instance = linker.instantiate(&mut store, &module)?;
    Ok((store, instance))
}

#[test]
fn host_errors_come_back() -> Result {
    let (mut store, instance) = with_host(|| -> std::result::Result<(), Refused> { Err(Refused(7)) })?;
    let run = instance.typed_func::<(), ()>(&store, "run")?;
    let error = run.call(&mut store, ()).unwrap_err();
    let trap = Trap::of(&error).unwrap();
    assert_eq!(trap.cause(), TrapCause::HostError);
    assert_eq!(trap.host_error::<Refused>(), Some(&Refused(7)));
    assert!(trap.host_error::<std::fmt::Error>().is_none());
    let frames: Vec<&str> = trap.backtrace().frames().iter().map(|frame| frame.function.as_str()).collect();
    assert_eq!(frames, ["inner", "run"]);
    assert!(error.to_string().contains("refused 7"), "{error}");
    assert!(std::error::Error::source(trap).is_some());
    assert_eq!(instance.typed_func::<(), i32>(&store, "one")?.call(&mut store, ())?, 1);
    Ok(())
}

#[test]
fn host_panics_are_contained() -> Result {
    let dropped = Arc::new(AtomicBool::new(false));
    let flag = Arc::clone(&dropped);
    let (mut store, instance) = with_host(move || -> () {
        struct SetOnDrop(Arc<AtomicBool>);
        impl Drop for SetOnDrop {
            fn drop(&mut self) {
                self.0.store(true, Ordering::Relaxed);
            }
        }
        let _guard = SetOnDrop(Arc::clone(&flag));
        std::panic::resume_unwind(Box::new(format!("gone at {}", 5)))
    })?;
    let run = instance.typed_func::<(), ()>(&store, "run")?;
    let error = run.call(&mut store, ()).unwrap_err();
    assert_eq!(Trap::of(&error).map(Trap::cause), Some(TrapCause::HostError));
    assert!(error.to_string().contains("gone at 5"), "{error}");
    assert!(dropped.load(Ordering::Relaxed));
    assert_eq!(instance.typed_func::<(), i32>(&store, "one")?.call(&mut store, ())?, 1);
    Ok(())
}

#[test]
fn host_panics_that_panic_when_they_are_dropped_are_contained() -> Result {
    struct PanicsOnDrop;
    impl Drop for PanicsOnDrop {
        fn drop(&mut self) {
            std::panic::resume_unwind(Box::new("again"))
        }
    }
    for tier in [TierMode::Portable, TierMode::Interpreter, TierMode::Template, TierMode::Optimizing] {
        let engine = Engine::new(Config::new().tier(tier));
        let (mut store, instance) =
            with_host_in(&engine, || -> () { std::panic::resume_unwind(Box::new(PanicsOnDrop)) })?;
        let run = instance.typed_func::<(), ()>(&store, "run")?;
        for _ in 0..2 {
            let error = run.call(&mut store, ()).unwrap_err();
            assert_eq!(Trap::of(&error).map(Trap::cause), Some(TrapCause::HostError), "{tier:?}");
        }
        assert_eq!(instance.typed_func::<(), i32>(&store, "one")?.call(&mut store, ())?, 1);
    }
    Ok(())
}

#[test]
fn recursion_through_the_host_overflows_and_recovers() -> Result {
    let deepest = Arc::new(AtomicU32::new(0));
    let depth = Arc::clone(&deepest);
    let (mut store, instance) = with_host(move |mut caller: Caller<'_, ()>| -> Result {
        depth.fetch_add(1, Ordering::Relaxed);
        // Some native stack of its own, as real host functions use.
        let buffer = std::hint::black_box([0u8; 2000]);
        let run = caller.instance().expect("called by one").typed_func::<(), ()>(&caller, "run")?;
        run.call(&mut caller, ())?;
        std::hint::black_box(buffer);
        Ok(())
    })?;
    let run = instance.typed_func::<(), ()>(&store, "run")?;
    assert_eq!(cause(run.call(&mut store, ())), TrapCause::StackOverflow);
    let first = deepest.swap(0, Ordering::Relaxed);
    assert!(first > 10, "only {first} deep");
    assert_eq!(cause(run.call(&mut store, ())), TrapCause::StackOverflow);
    assert!(first.abs_diff(deepest.load(Ordering::Relaxed)) < first / 2);
    assert_eq!(instance.typed_func::<(), i32>(&store, "one")?.call(&mut store, ())?, 1);
    Ok(())
}

#[test]
fn traps_pass_through_the_host() -> Result {
    let engine = Engine::default();
    let module = Module::new(&engine, "func @trap() export {\n trap unreachable\n}")?;
    let (mut store, instance) = with_host_in(&engine, move |mut caller: Caller<'_, ()>| -> Result {
        let instance = caller.instance().expect("called by one");
        let other = Linker::new(module.engine()).instantiate(&mut caller, &module)?;
        assert_ne!(instance, other);
        other.typed_func::<(), ()>(&caller, "trap")?.call(&mut caller, ())
    })?;
    let error = instance.typed_func::<(), ()>(&store, "run")?.call(&mut store, ()).unwrap_err();
    let trap = Trap::of(&error).unwrap();
    assert_eq!(trap.cause(), TrapCause::Unreachable);
    let frames: Vec<String> = trap.backtrace().frames().iter().map(ToString::to_string).collect();
    assert_eq!(frames.len(), 4, "{frames:?}");
    assert!(frames[0].starts_with("trap at program:2"), "{frames:?}");
    assert_eq!(frames[1], "host.f (host)");
    assert!(frames[3].starts_with("run at"), "{frames:?}");
    Ok(())
}

#[test]
fn interrupts_from_another_thread() -> Result {
    let (mut store, instance) = load(
        "func @spin() export {
         again:
           jump again
         }
         func @quick(%n: i64) -> i64 export {
         again:
           %n = sub.i64 %n, 1
           br.gt_s.i64 %n, 0, again
           ret %n
         }",
    )?;
    let spin = instance.typed_func::<(), ()>(&store, "spin")?;
    let handle: InterruptHandle = store.interrupt_handle();
    let start = Instant::now();
    let stopper = {
        let handle = handle.clone();
        thread::spawn(move || {
            thread::sleep(Duration::from_millis(10));
            handle.interrupt();
        })
    };
    assert_eq!(cause(spin.call(&mut store, ())), TrapCause::Interrupted);
    assert!(start.elapsed() < Duration::from_secs(20));
    stopper.join().unwrap();
    // The interrupt is used up.
    let quick = instance.typed_func::<i64, i64>(&store, "quick")?;
    assert_eq!(quick.call(&mut store, 100)?, 0);
    // One that comes while nothing runs stops the next call, once.
    handle.interrupt();
    handle.interrupt();
    assert_eq!(cause(quick.call(&mut store, 100)), TrapCause::Interrupted);
    assert_eq!(quick.call(&mut store, 100)?, 0);
    // The handle may outlive the store.
    drop(store);
    handle.interrupt();
    Ok(())
}

#[test]
fn an_interrupt_does_not_stop_other_stores() -> Result {
    let engine = Engine::default();
    let module = Module::new(&engine, "func @f() export { ret }")?;
    let linker = Linker::new(&engine);
    let (mut a, mut b) = (Store::new(&engine, ()), Store::new(&engine, ()));
    let (in_a, in_b) = (linker.instantiate(&mut a, &module)?, linker.instantiate(&mut b, &module)?);
    a.interrupt_handle().interrupt();
    in_b.typed_func::<(), ()>(&b, "f")?.call(&mut b, ())?;
    assert_eq!(cause(in_a.typed_func::<(), ()>(&a, "f")?.call(&mut a, ())), TrapCause::Interrupted);
    Ok(())
}

#[test]
fn fuel() -> Result {
    let engine = Engine::new(Config::new().fuel(true));
    let module = Module::new(
        &engine,
        "func @count(%n: i64) -> i64 export {
         again:
           %n = sub.i64 %n, 1
           br.gt_s.i64 %n, 0, again
           ret %n
         }",
    )?;
    let mut store = Store::new(&engine, ());
    let instance = Linker::new(&engine).instantiate(&mut store, &module)?;
    let count = instance.typed_func::<i64, i64>(&store, "count")?;
    assert_eq!(store.fuel()?, 0);
    assert_eq!(cause(count.call(&mut store, 1)), TrapCause::OutOfFuel);
    store.set_fuel(100)?;
    assert_eq!(count.call(&mut store, 10)?, 0);
    assert_eq!(store.fuel()?, 79);
    assert_eq!(cause(count.call(&mut store, i64::MAX)), TrapCause::OutOfFuel);
    assert_eq!(store.fuel()?, 1);
    store.set_fuel(u64::MAX)?;
    assert_eq!(count.call(&mut store, 10)?, 0);
    assert_eq!(store.fuel()?, u64::MAX - 21);

    let mut without = Store::new(&Engine::default(), ());
    assert_error(without.set_fuel(1), "Config::fuel(true)");
    assert_error(without.fuel(), "Config::fuel(true)");
    Ok(())
}

#[test]
fn one_module_in_two_threads() -> Result {
    // Machine code counts no calls.
    let engine = Engine::new(Config::new().tier(TierMode::Portable));
    let module = Module::new(
        &engine,
        "memory 1
         global @calls: mut i64 = 0
         func @step(%n: i64) -> i64 {
           reg %c: i64, %at: i32
           %c = global.get @calls
           %c = add.i64 %c, 1
           global.set @calls, %c
           store.i64 [%at], %c
           %n = sub.i64 %n, 1
           ret %n
         }
         func @run(%n: i64) -> i64 export {
           reg %at: i32
         again:
           %n = call @step(%n)
           br.gt_s.i64 %n, 0, again
           %n = load.i64 [%at]
           ret %n
         }",
    )?;
    let barrier = Arc::new(Barrier::new(2));
    let threads: Vec<_> = [100_000, 50_000]
        .into_iter()
        .map(|n: i64| {
            let (engine, module, barrier) = (engine.clone(), module.clone(), Arc::clone(&barrier));
            thread::spawn(move || -> Result<i64> {
                let mut store = Store::new(&engine, ());
                barrier.wait();
                let instance = Linker::new(&engine).instantiate(&mut store, &module)?;
                instance.typed_func::<i64, i64>(&store, "run")?.call(&mut store, n)
            })
        })
        .collect();
    let results: Vec<i64> = threads.into_iter().map(|t| t.join().unwrap().unwrap()).collect();
    assert_eq!(results, [100_000, 50_000]);
    // Counts may be lost between threads, but are none too many.
    let calls = module.profile().functions[0].calls;
    assert!((50_000..=150_000).contains(&calls), "{calls}");
    Ok(())
}

#[test]
fn a_store_moves_between_threads() -> Result {
    let (mut store, instance) = load(MIXED)?;
    let nothing = instance.typed_func::<(), ()>(&store, "nothing")?;
    nothing.call(&mut store, ())?;
    let mut store = thread::spawn(move || {
        nothing.call(&mut store, ()).unwrap();
        store
    })
    .join()
    .unwrap();
    nothing.call(&mut store, ())
}

#[test]
fn instances_of_one_store() -> Result {
    let engine = Engine::default();
    let counter = Module::new(
        &engine,
        "global @n: mut i32 = 0 export
         func @next() -> i32 export {
           %n: i32 = global.get @n
           %n = add.i32 %n, 1
           global.set @n, %n
           ret %n
         }",
    )?;
    let mut store = Store::new(&engine, ());
    let linker = Linker::new(&engine);
    let (a, b) = (linker.instantiate(&mut store, &counter)?, linker.instantiate(&mut store, &counter)?);
    let next = |store: &mut Store<()>, instance: Instance| -> Result<i32> {
        instance.typed_func::<(), i32>(store, "next")?.call(store, ())
    };
    assert_eq!([next(&mut store, a)?, next(&mut store, a)?, next(&mut store, b)?], [1, 2, 1]);
    a.global(&store, "n")?.set(&mut store, 10.into())?;
    assert_eq!([next(&mut store, a)?, next(&mut store, b)?], [11, 2]);
    let names: Vec<String> = a.exports(&store).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["n", "next"]);
    assert!(a.export(&store, "m").is_none());
    Ok(())
}

#[test]
fn linker_errors() -> Result {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let mut linker = Linker::new(&engine);
    linker.func("m", "f", |_: i32| ())?;
    assert_error(linker.func("m", "f", || ()), "\"m\" \"f\" is defined already");
    let module = |text: &str| Module::new(&engine, text);

    let missing = module("import func @g(i64) -> i32 from \"m\" \"g\"")?;
    assert_error(
        linker.instantiate(&mut store, &missing),
        "import 0: \"m\" \"g\" is not defined; define func (i64) -> i32 of that name in the linker",
    );
    let wrong = module("import func @f(i64) from \"m\" \"f\"")?;
    assert_error(linker.instantiate(&mut store, &wrong), "\"m\" \"f\" must be func (i64), found func (i32)");
    let kind = module("import memory 1 from \"m\" \"f\"")?;
    assert_error(linker.instantiate(&mut store, &kind), "must be memory 1, found func (i32)");

    let limits = |min, max| Limits { min, max };
    let memory = Memory::new(&mut store, MemoryType { limits: limits(2, Some(5)) })?;
    let table = Table::new(&mut store, TableType { element: ValType::ExternRef, limits: limits(3, None) })?;
    let constant =
        Global::new(&mut store, GlobalType { content: ValType::I64, mutable: false }, 5i64.into())?;
    linker.define("m", "memory", memory)?.define("m", "table", table)?.define("m", "global", constant)?;
    let cases = [
        ("memory 2 5", "memory", None),
        ("memory 1", "memory", None),
        ("memory 3", "memory", Some("must be memory 3, found memory 2 5")),
        ("memory 1 4", "memory", Some("must be memory 1 4, found memory 2 5")),
        ("table externref 0", "table", None),
        ("table funcref 0", "table", Some("must be table funcref 0, found table externref 3")),
        ("table externref 3 9", "table", Some("must be table externref 3 9, found table externref 3")),
        ("global @g: i64", "global", None),
        ("global @g: mut i64", "global", Some("must be global mut i64, found global i64")),
        ("global @g: i32", "global", Some("must be global i32, found global i64")),
    ];
    for (import, field, error) in cases {
        let module = module(&format!("import {import} from \"m\" \"{field}\""))?;
        let found = linker.instantiate(&mut store, &module);
        match error {
            None => drop(found?),
            Some(error) => assert_error(found, error),
        }
    }
    // What has grown counts with its size of now.
    memory.grow(&mut store, 1)?;
    linker.instantiate(&mut store, &module("import memory 3 from \"m\" \"memory\"")?)?;

    let two = module("import memory 1 from \"a\" \"b\"\nimport func @f(i32) from \"a\" \"c\"")?;
    assert_error(Instance::new(&mut store, &two, &[memory.into()]), "1 imports given, the module has 2");
    let other = Engine::default();
    assert_error(Linker::new(&other).instantiate(&mut store, &two), "belongs to another store or engine");
    let mut stranger = Store::new(&other, ());
    let fits = module("import func @f(i32) from \"m\" \"f\"")?;
    assert_error(linker.instantiate(&mut stranger, &fits), "belongs to another store or engine");
    Ok(())
}

#[test]
fn memories() -> Result {
    let (mut store, instance) = load("memory @m 1 3 export\ndata 0 \"hello\"")?;
    let memory = instance.memory(&store, "m")?;
    let mut five = [0; 5];
    memory.read(&store, 0, &mut five)?;
    assert_eq!(&five, b"hello");
    memory.write(&mut store, 65_531, b"world")?;
    assert_eq!(&memory.data(&store)?[65_531..], b"world");
    assert_error(
        memory.write(&mut store, 65_532, b"world"),
        "bytes 65532 to 65537 are out of bounds: the memory has 65536",
    );
    assert_error(memory.read(&store, u32::MAX, &mut five), "out of bounds");
    assert_eq!(&memory.data(&store)?[65_531..], b"world");
    assert_eq!((memory.pages(&store)?, memory.grow(&mut store, 2)?, memory.pages(&store)?), (1, 1, 3));
    assert_error(memory.grow(&mut store, 1), "a memory of 4 pages is more than 3");
    assert_eq!(memory.data(&store)?.len(), 3 << 16);
    Ok(())
}

#[test]
fn tables_and_references() -> Result {
    let (mut store, instance) = load(
        "table @t funcref 2 5 export
         table @e externref 1 export
         elem in @t at 0 [@one]
         func @one() -> i32 export {
           %r: i32 = const.i32 1
           ret %r
         }
         func @same(%e: externref, %f: funcref) -> (externref, funcref) export {
           reg %zero: i32
           table.set @e[%zero], %e
           ret %e, %f
         }",
    )?;
    let (t, e) = (instance.table(&store, "t")?, instance.table(&store, "e")?);
    let one = instance.func(&store, "one")?;
    let Val::FuncRef(Some(found)) = t.get(&mut store, 0)? else { panic!("a function") };
    assert_eq!(found, one);
    assert!(matches!(found.call(&mut store, &[])?[..], [Val::I32(1)]));
    assert!(matches!(t.get(&mut store, 1)?, Val::FuncRef(None)));
    assert_error(t.get(&mut store, 2), "elements 2 to 3 are out of bounds: the table has 2");
    t.set(&mut store, 1, Val::FuncRef(Some(one)))?;
    assert_error(t.set(&mut store, 2, Val::FuncRef(None)), "out of bounds");
    assert_error(
        t.set(&mut store, 0, Val::ExternRef(None)),
        "the table needs a value of type funcref, found externref",
    );
    assert_eq!(t.grow(&mut store, 3, Val::FuncRef(Some(one)))?, 2);
    assert_eq!(t.len(&store)?, 5);
    assert_error(t.grow(&mut store, 1, Val::FuncRef(None)), "a table of 6 elements is more than 5");

    let name = store.extern_ref("a name".to_owned());
    let same = instance
        .typed_func::<(Option<ExternRef>, Option<Func>), (Option<ExternRef>, Option<Func>)>(&store, "same")?;
    assert_eq!(same.call(&mut store, (Some(name), Some(one)))?, (Some(name), Some(one)));
    assert_eq!(same.call(&mut store, (None, None))?, (None, None));
    same.call(&mut store, (Some(name), None))?;
    let Val::ExternRef(Some(kept)) = e.get(&mut store, 0)? else { panic!("a reference") };
    assert_eq!(kept.data(&store).and_then(|data| data.downcast_ref::<String>()), Some(&"a name".to_owned()));
    Ok(())
}

#[test]
fn globals() -> Result {
    let (mut store, instance) = load(
        "global @a: mut i32 = -1 export
         global @b: f64 = 0.5 export
         func @get() -> i32 export {
           %r: i32 = global.get @a
           ret %r
         }",
    )?;
    let (a, b) = (instance.global(&store, "a")?, instance.global(&store, "b")?);
    assert_eq!(a.ty(&store)?, GlobalType { content: ValType::I32, mutable: true });
    assert!(matches!((a.get(&mut store)?, b.get(&mut store)?), (Val::I32(-1), Val::F64(0.5))));
    a.set(&mut store, 7.into())?;
    assert_eq!(instance.typed_func::<(), i32>(&store, "get")?.call(&mut store, ())?, 7);
    assert_error(b.set(&mut store, 1.0.into()), "immutable");
    assert_error(a.set(&mut store, 1.0.into()), "the global needs a value of type i32, found f64");
    assert_error(
        Global::new(&mut store, GlobalType { content: ValType::I32, mutable: true }, 1i64.into()),
        "needs a value of type i32",
    );
    Ok(())
}

#[test]
fn handles_of_another_store() -> Result {
    let text = "memory @m 1 export
        table @t externref 1 export
        global @g: mut externref = null export
        func @f(%e: externref) export { ret }";
    let (mut store, instance) = load(text)?;
    let (mut other, other_instance) = load(text)?;
    let (memory, table) = (other_instance.memory(&other, "m")?, other_instance.table(&other, "t")?);
    let (global, func) = (other_instance.global(&other, "g")?, other_instance.func(&other, "f")?);
    let reference = other.extern_ref(5);

    let wrong = "belongs to another store or engine";
    assert_error(memory.data(&store), wrong);
    assert_error(memory.grow(&mut store, 1), wrong);
    assert_error(memory.write(&mut store, 0, b"x"), wrong);
    assert_error(table.len(&store), wrong);
    assert_error(table.get(&mut store, 0), wrong);
    assert_error(global.get(&mut store), wrong);
    assert_error(func.call(&mut store, &[Val::ExternRef(None)]), wrong);
    assert_error(func.ty(&store), wrong);
    let typed = func.typed::<Option<ExternRef>, ()>(&other)?;
    assert_error(typed.call(&mut store, None), wrong);
    assert_error(other_instance.func(&store, "f"), wrong);
    assert!(other_instance.exports(&store).is_empty() && other_instance.export(&store, "f").is_none());
    let own = instance.typed_func::<Option<ExternRef>, ()>(&store, "f")?;
    assert_error(own.call(&mut store, Some(reference)), wrong);
    assert_error(instance.global(&store, "g")?.set(&mut store, Val::ExternRef(Some(reference))), wrong);
    assert_error(instance.table(&store, "t")?.set(&mut store, 0, Val::ExternRef(Some(reference))), wrong);
    assert!(reference.data(&store).is_none());
    let module = Module::new(store.engine(), "import memory 1 from \"a\" \"b\"")?;
    assert_error(Instance::new(&mut store, &module, &[Extern::Memory(memory)]), wrong);
    Ok(())
}

#[test]
fn limits_of_the_configuration() -> Result {
    let limits = Config::new().max_memory_bytes(2 << 16).max_table_elements(10).max_stack_bytes(64 << 10);
    let engine = Engine::new(limits);
    let mut store = Store::new(&engine, ());
    let linker = Linker::new(&engine);
    let mut instantiate = |text: &str| linker.instantiate(&mut store, &Module::new(&engine, text)?);
    assert_error(instantiate("memory 3"), "a memory of 3 pages is more than 2");
    assert_error(instantiate("table funcref 11"), "a table of 11 elements is more than 10");
    let instance = instantiate(
        "memory @m 1 export
         table @t funcref 4 export
         func @deep(%n: i64) -> i64 export {
           %n = add.i64 %n, 1
           %n = call @deep(%n)
           ret %n
         }",
    )?;
    let memory = instance.memory(&store, "m")?;
    assert_eq!(memory.grow(&mut store, 1)?, 1);
    assert!(memory.grow(&mut store, 1).is_err());
    let table = instance.table(&store, "t")?;
    assert!(table.grow(&mut store, 7, Val::FuncRef(None)).is_err());
    assert_eq!(table.grow(&mut store, 6, Val::FuncRef(None))?, 4);
    let deep = instance.typed_func::<i64, i64>(&store, "deep")?;
    let error = deep.call(&mut store, 0).unwrap_err();
    let trap = Trap::of(&error).unwrap();
    assert_eq!(trap.cause(), TrapCause::StackOverflow);
    let backtrace = trap.backtrace();
    let depth = backtrace.frames().len() + backtrace.omitted();
    assert!((500..10_000).contains(&depth), "{depth} frames in 64 KiB");
    assert!(error.to_string().contains("frames left out"));
    assert_error(
        Memory::new(&mut store, MemoryType { limits: Limits { min: 3, max: None } }),
        "a memory of 3 pages is more than 2",
    );
    assert_error(
        Table::new(
            &mut store,
            TableType { element: ValType::FuncRef, limits: Limits { min: 11, max: None } },
        ),
        "a table of 11 elements is more than 10",
    );
    Ok(())
}

#[test]
fn a_failed_instantiation_leaves_what_it_has_written() -> Result {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let memory = Memory::new(&mut store, MemoryType { limits: Limits { min: 1, max: None } })?;
    let mut linker = Linker::new(&engine);
    linker.define("m", "memory", memory)?;
    let module = Module::new(
        &engine,
        "import memory 1 from \"m\" \"memory\"\ndata 0 \"written\"\ndata 65536 \"not\"",
    )?;
    assert_eq!(cause(linker.instantiate(&mut store, &module)), TrapCause::MemoryOutOfBounds);
    assert_eq!(&memory.data(&store)?[..7], b"written");

    // Functions that got into a table live on, though their instance was never given out.
    let table = Table::new(
        &mut store,
        TableType { element: ValType::FuncRef, limits: Limits { min: 1, max: None } },
    )?;
    linker.define("m", "table", table)?;
    let module = Module::new(
        &engine,
        "import table @t funcref 1 from \"m\" \"table\"
         elem in @t at 0 [@f]
         global @g: mut i32 = 41
         func @f() -> i32 {
           %r: i32 = global.get @g
           %r = add.i32 %r, 1
           ret %r
         }
         func @fails() { trap unreachable }
         start @fails",
    )?;
    assert_eq!(cause(linker.instantiate(&mut store, &module)), TrapCause::Unreachable);
    drop(module);
    let Val::FuncRef(Some(f)) = table.get(&mut store, 0)? else { panic!("a function") };
    assert!(matches!(f.call(&mut store, &[])?[..], [Val::I32(42)]));
    Ok(())
}

#[test]
fn host_functions_in_tables() -> Result {
    let (mut store, instance) = load(
        "table @t funcref 1 export
         type @f (i64) -> i64
         func @call(%x: i64) -> i64 export {
           reg %zero: i32
           %x = call_indirect @f @t[%zero](%x)
           ret %x
         }",
    )?;
    let double = Func::wrap(&mut store, |x: i64| 2 * x);
    instance.table(&store, "t")?.set(&mut store, 0, Val::FuncRef(Some(double)))?;
    let call = instance.typed_func::<i64, i64>(&store, "call")?;
    assert_eq!(call.call(&mut store, 21)?, 42);
    let wrong = Func::wrap(&mut store, |x: i32| x);
    instance.table(&store, "t")?.set(&mut store, 0, Val::FuncRef(Some(wrong)))?;
    assert_eq!(cause(call.call(&mut store, 21)), TrapCause::IndirectCallTypeMismatch);
    Ok(())
}

#[test]
fn host_functions_may_do_everything() -> Result {
    // Grows memory and table of the caller, sets a global, makes references and functions, instantiates, all in one call.
    let engine = Engine::default();
    let mut linker = Linker::new(&engine);
    let another = Module::new(&engine, "memory 1")?;
    linker.func(
        "host",
        "all",
        move |mut caller: Caller<'_, Vec<i32>>| -> std::result::Result<i32, HostError> {
            let memory = caller.memory().ok_or("a memory")?;
            memory.grow(&mut caller, 1)?;
            let Some(Extern::Table(table)) = caller.export("t") else { return Err("a table".into()) };
            let seven =
                Func::wrap(&mut caller, |caller: Caller<'_, Vec<i32>>| caller.data().len() as i32 + 7);
            table.grow(&mut caller, 1, Val::FuncRef(Some(seven)))?;
            let Some(Extern::Global(global)) = caller.export("g") else { return Err("a global".into()) };
            global.set(&mut caller, 5i64.into())?;
            caller.data_mut().push(1);
            let results = seven.call(&mut caller, &[])?;
            Linker::new(another.engine()).instantiate(&mut caller, &another)?;
            match results[..] {
                [Val::I32(n)] => Ok(n),
                _ => Err("a number".into()),
            }
        },
    )?;
    let module = Module::new(
        &engine,
        r#"
        import func @all() -> i32 from "host" "all"
        memory 1 export "memory"
        table @t funcref 0 export
        global @g: mut i64 = 0 export
        type @f () -> i32
        func @run() -> (i32, i32, i64, i32) export {
          reg %a: i32, %b: i32, %g: i64, %size: i32
          %a = call @all()
          %b = call_indirect @f @t[%b]()
          %g = global.get @g
          %size = memory.size
          ret %a, %b, %g, %size
        }"#,
    )?;
    let mut store = Store::new(&engine, vec![]);
    let instance = linker.instantiate(&mut store, &module)?;
    let run = instance.typed_func::<(), (i32, i32, i64, i32)>(&store, "run")?;
    assert_eq!(run.call(&mut store, ())?, (8, 8, 5, 2));
    assert_eq!(run.call(&mut store, ())?, (9, 9, 5, 3));
    Ok(())
}

#[test]
fn handles_are_send_and_sync() {
    fn check<T: Send + Sync>() {}
    check::<(Engine, Module, Instance, Func, Memory, Table, Global, InterruptHandle, Linker<()>)>();
    check::<(TypedFunc<i32, i32>, Val, ExternRef, Store<i32>, Error, Trap)>();
}
