//! The Rust API with WebAssembly modules.

use strata::{
    Caller, Config, Engine, Error, Extern, Func, Instance, Linker, Module, Store, Trap, TrapCause, Val,
    ValType,
};

type Result<T = ()> = std::result::Result<T, Error>;

/// A program in a store of its own, without imports.
fn load(program: impl AsRef<[u8]>) -> Result<(Store<()>, Instance)> {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let module = Module::new(&engine, program)?;
    let instance = Linker::new(&engine).instantiate(&mut store, &module)?;
    Ok((store, instance))
}

fn wasm(text: &str) -> Vec<u8> {
    wat::parse_str(text).expect("WebAssembly text")
}

/// The error of a program that cannot be loaded.
#[track_caller]
fn refused(program: impl AsRef<[u8]>) -> Error {
    Module::new(&Engine::default(), program).expect_err("refused")
}

const ADD: &str = r#"
    (module
      (func (export "add") (param i32 i32) (result i32)
        (i32.add (local.get 0) (local.get 1))))"#;

#[test]
fn programs_in_all_forms() -> Result {
    let engine = Engine::default();
    let sasm = "func @add(%a: i32, %b: i32) -> i32 export {\n %a = add.i32 %a, %b\n ret %a\n}".as_bytes();
    let sbc = bytecode_spec::encoding::encode(Module::new(&engine, sasm)?.verified());
    // A module that was translated has a binary form as any other.
    let translated = bytecode_spec::encoding::encode(Module::new(&engine, ADD)?.verified());
    for program in [sasm, &sbc, &translated, ADD.as_bytes(), &wasm(ADD)] {
        let (mut store, instance) = load(program)?;
        let add = instance.typed_func::<(i32, i32), i32>(&store, "add")?;
        assert_eq!(add.call(&mut store, (40, 2))?, 42);
        assert_eq!(add.call(&mut store, (i32::MAX, 1))?, i32::MIN);
    }
    Ok(())
}

#[test]
fn text_is_told_apart_behind_comments() -> Result {
    for program in [
        "(module)",
        " \t\r\n(module)",
        ";; (; not a comment\n(module)",
        "(; one (; two ;) ;; ;)\n;;\n (;;)(module)",
        // The fields of a module may stand alone.
        "(memory 1)",
        "(;)(;;)\n;) (module)",
    ] {
        load(program)?;
    }
    for program in ["", " \n", "; only a comment", "; (module)\n", ";! (module)\nmemory 1"] {
        let (store, instance) = load(program)?;
        assert!(instance.exports(&store).is_empty(), "{program:?} is assembler text");
    }
    for program in ["(; not closed", "(", "(; (; ;)\nmemory 1"] {
        assert!(matches!(refused(program), Error::Wat(_)), "{program:?} is WebAssembly text");
    }
    Ok(())
}

/// Where a module is refused.
#[track_caller]
fn place(program: &[u8]) -> u64 {
    let error = refused(program);
    let Error::Wasm(error) = error else { panic!("{error:?}") };
    assert_eq!(error.to_string(), format!("byte {:#x}: {}", error.offset, error.message));
    error.offset
}

#[test]
fn malformed_modules_are_refused_with_their_place() {
    let valid = wasm(ADD);
    load(&valid).expect("valid");
    for length in 4..8 {
        assert!(place(&valid[..length]) <= length as u64, "{length}");
    }
    assert!((8..valid.len() as u64).contains(&place(&valid[..valid.len() - 1])));

    let unknown_section = [&valid[..8], &[0x7F, 0]].concat();
    assert!((8..=10).contains(&place(&unknown_section)));
    let add = valid.iter().rposition(|&byte| byte == 0x6A).expect("i32.add");
    let mut unknown_operator = valid.clone();
    unknown_operator[add] = 0xFF;
    assert_eq!(place(&unknown_operator), add as u64);
    // `nop` twice instead of the operands.
    let mut underflow = valid.clone();
    underflow[add - 4..add].fill(0x01);
    assert_eq!(place(&underflow), add as u64);
}

#[test]
fn errors_in_text_show_the_line() {
    let program = "(module\n  (func (export \"f\")\n    i32.ad))";
    let error = Module::named(&Engine::default(), "f.wat", program).expect_err("refused");
    assert!(matches!(error, Error::Wat(_)), "{error:?}");
    let message = error.to_string();
    assert!(message.contains("f.wat:3:5") && message.contains("    i32.ad))\n"), "{message}");
    // What only validation finds has its place in the module that the text stands for.
    let error = refused("(module (func (result i32) i64.const 1))");
    assert!(matches!(error, Error::Wasm(_)), "{error:?}");
}

/// Proposals that are not supported; the message names each, so that it can be switched off in a compiler.
#[test]
fn unsupported_proposals_are_named() {
    for (program, name) in [
        ("(module (func (drop (v128.const i64x2 0 0))))", "SIMD"),
        ("(module (memory 1 1 shared))", "threads"),
        ("(module (memory i64 1))", "memory64"),
        ("(module (memory 1) (memory 1))", "multi"),
        ("(module (tag))", "exceptions"),
        ("(module (type (struct)))", "gc"),
        ("(module (global i32 (i32.add (i32.const 1) (i32.const 2))))", "constant"),
    ] {
        let error = refused(program);
        assert!(matches!(error, Error::Wasm(_)), "{program}: {error:?}");
        let message = error.to_string();
        assert!(message.to_lowercase().contains(&name.to_lowercase()), "{program}: {message}");
    }
}

#[test]
fn backtraces_name_functions() -> Result {
    let text = r#"
        (module
          (func $inner (param i32) (result i32) (i32.div_u (i32.const 1) (local.get 0)))
          (func (param i32) (result i32) (i32.add (call $inner (local.get 0)) (i32.const 1)))
          (func $outer (export "run") (param i32) (result i32) (i32.add (call 1 (local.get 0)) (i32.const 1))))"#;
    for program in [text.as_bytes(), &wasm(text)] {
        let (mut store, instance) = load(program)?;
        let run = instance.typed_func::<i32, i32>(&store, "run")?;
        assert_eq!(run.call(&mut store, 1)?, 3);
        let error = run.call(&mut store, 0).expect_err("division by zero");
        let trap = Trap::of(&error).expect("a trap");
        assert_eq!(trap.cause(), TrapCause::IntegerDivideByZero);
        let frames = trap.backtrace().frames();
        let names: Vec<&str> = frames.iter().map(|frame| frame.function.as_str()).collect();
        assert_eq!(names, ["inner", "f1", "outer"]);
        assert_eq!(frames.iter().map(|frame| frame.index).collect::<Vec<_>>(), [Some(0), Some(1), Some(2)]);
        assert!(error.to_string().contains("   0: inner (pc "), "{error}");
    }
    Ok(())
}

#[test]
fn exports_are_reachable() -> Result {
    let (mut store, instance) = load(
        r#"
        (module
          (memory (export "memory") 1 3)
          (data (i32.const 8) "hello")
          (global $count (export "count") (mut i32) (i32.const -1))
          (global (export "half") f64 (f64.const 0.5))
          (table (export "table") 2 5 funcref)
          (elem (i32.const 0) $next)
          (func $next (export "next") (result i32)
            (global.set $count (i32.add (global.get $count) (i32.const 1)))
            (i32.store8 (global.get $count) (i32.const 65))
            (global.get $count))
          (func (export "call") (param i32) (result i32) (call_indirect (result i32) (local.get 0)))
          (func (export "many") (param f32 i64) (result i64 f32) (local.get 1) (local.get 0)))"#,
    )?;
    let names: Vec<String> = instance.exports(&store).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["memory", "count", "half", "table", "next", "call", "many"]);

    let (memory, count) = (instance.memory(&store, "memory")?, instance.global(&store, "count")?);
    assert_eq!(&memory.data(&store)?[8..13], b"hello");
    count.set(&mut store, 9.into())?;
    assert_eq!(instance.typed_func::<(), i32>(&store, "next")?.call(&mut store, ())?, 10);
    assert_eq!(&memory.data(&store)?[8..13], b"heAlo");
    assert!(matches!(count.get(&mut store)?, Val::I32(10)));
    assert!(matches!(instance.global(&store, "half")?.get(&mut store)?, Val::F64(0.5)));
    assert_eq!((memory.grow(&mut store, 2)?, memory.pages(&store)?), (1, 3));
    assert!(memory.grow(&mut store, 1).is_err());

    let table = instance.table(&store, "table")?;
    let next = instance.func(&store, "next")?;
    assert!(matches!(table.get(&mut store, 0)?, Val::FuncRef(Some(func)) if func == next));
    let call = instance.typed_func::<i32, i32>(&store, "call")?;
    assert_eq!(call.call(&mut store, 0)?, 11);
    let cause = |error: Error| Trap::of(&error).map(Trap::cause);
    assert_eq!(cause(call.call(&mut store, 1).unwrap_err()), Some(TrapCause::IndirectCallToNull));
    let host = Func::wrap(&mut store, || 77i32);
    table.set(&mut store, 1, Val::FuncRef(Some(host)))?;
    assert_eq!(call.call(&mut store, 1)?, 77);
    let other = Func::wrap(&mut store, || 77i64);
    table.set(&mut store, 1, Val::FuncRef(Some(other)))?;
    assert_eq!(cause(call.call(&mut store, 1).unwrap_err()), Some(TrapCause::IndirectCallTypeMismatch));
    assert_eq!(cause(call.call(&mut store, 2).unwrap_err()), Some(TrapCause::TableOutOfBounds));

    let many = instance.func(&store, "many")?;
    assert_eq!(many.ty(&store)?.results, [ValType::I64, ValType::F32]);
    let results = many.call(&mut store, &[0.5f32.into(), 7i64.into()])?;
    assert!(matches!(results[..], [Val::I64(7), Val::F32(0.5)]), "{results:?}");
    Ok(())
}

#[test]
fn imports_from_the_host() -> Result {
    let engine = Engine::default();
    let module = Module::new(
        &engine,
        r#"
        (module
          (import "host" "log" (func $log (param i32 i32)))
          (import "host" "scale" (func $scale (param f64) (result f64)))
          (import "host" "base" (global $base i64))
          (import "host" "memory" (memory 1))
          (data (i32.const 16) "from wasm")
          (func $start (call $log (i32.const 16) (i32.const 9)))
          (start $start)
          (func (export "run") (param i64) (result f64)
            (call $scale (f64.convert_i64_s (i64.add (local.get 0) (global.get $base))))))"#,
    )?;
    let mut store = Store::new(&engine, Vec::<String>::new());
    let memory = strata::MemoryType { limits: strata::Limits { min: 1, max: None } };
    let memory = strata::Memory::new(&mut store, memory)?;
    let base = strata::GlobalType { content: ValType::I64, mutable: false };
    let base = strata::Global::new(&mut store, base, 40i64.into())?;
    let mut linker = Linker::new(&engine);
    linker.define("host", "memory", memory)?.define("host", "base", base)?;
    linker.func("host", "log", move |mut caller: Caller<'_, Vec<String>>, at: u32, len: u32| -> Result {
        let mut text = vec![0; len as usize];
        memory.read(&caller, at, &mut text)?;
        caller.data_mut().push(String::from_utf8_lossy(&text).into_owned());
        Ok(())
    })?;
    linker.func("host", "scale", |value: f64| value / 8.0)?;
    let instance = linker.instantiate(&mut store, &module)?;
    assert_eq!(*store.data(), ["from wasm"]);
    assert_eq!(instance.typed_func::<i64, f64>(&store, "run")?.call(&mut store, 2)?, 5.25);

    let Err(error) = Linker::new(&engine).instantiate(&mut store, &module) else {
        panic!("imports are missing")
    };
    assert!(error.to_string().contains("\"host\" \"log\" is not defined"), "{error}");
    Ok(())
}

/// Two modules that call each other: one translated from WebAssembly, one assembled. They share functions, a memory, a
/// table and a global.
#[test]
fn instances_of_both_kinds_are_linked() -> Result {
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let mut linker = Linker::new(&engine);
    let library = Module::new(
        &engine,
        r#"
        (module
          (memory (export "memory") 1)
          (global (export "calls") (mut i32) (i32.const 0))
          (table (export "table") 2 funcref)
          (func $double (export "double") (param i64) (result i64) (i64.mul (local.get 0) (i64.const 2)))
          (func (export "via_table") (param i64 i32) (result i64)
            (call_indirect (param i64) (result i64) (local.get 0) (local.get 1)))
          (func (export "load") (param i32) (result i32) (i32.load (local.get 0))))"#,
    )?;
    let library = linker.instantiate(&mut store, &library)?;
    linker.instance(&store, "library", library)?;
    let program = Module::new(
        &engine,
        r#"
        import func @double(i64) -> i64 from "library" "double"
        import func @via_table(i64, i32) -> i64 from "library" "via_table"
        import func @load(i32) -> i32 from "library" "load"
        import table @table funcref 2 from "library" "table"
        import memory 1 from "library" "memory"
        import global @calls: mut i32 from "library" "calls"
        elem in @table at 1 [@increment]

        func @increment(%n: i64) -> i64 {
          %n = add.i64 %n, 1
          %calls: i32 = global.get @calls
          %calls = add.i32 %calls, 1
          global.set @calls, %calls
          ret %n
        }
        func @run(%n: i64) -> (i64, i32) export {
          reg %index: i32
          %n = call @double(%n)
          %index = const.i32 1
          %n = call @via_table(%n, %index)
          %address: i32 = const.i32 100
          store.i32 [%address], %index
          %index = call @load(%address)
          ret %n, %index
        }"#,
    )?;
    let program = linker.instantiate(&mut store, &program)?;
    let run = program.typed_func::<i64, (i64, i32)>(&store, "run")?;
    assert_eq!(run.call(&mut store, 20)?, (41, 1));
    assert!(matches!(library.global(&store, "calls")?.get(&mut store)?, Val::I32(1)));

    // And the other way: WebAssembly calls what is assembled.
    linker.instance(&store, "program", program)?;
    let caller = Module::new(
        &engine,
        r#"
        (module
          (import "program" "run" (func $run (param i64) (result i64 i32)))
          (func (export "go") (result i32)
            (call $run (i64.const 1))
            (drop)
            (i32.wrap_i64)))"#,
    )?;
    let caller = linker.instantiate(&mut store, &caller)?;
    assert_eq!(caller.typed_func::<(), i32>(&store, "go")?.call(&mut store, ())?, 3);
    assert!(matches!(caller.export(&store, "go"), Some(Extern::Func(_))));
    Ok(())
}

#[test]
fn limits_hold() -> Result {
    let spin = r#"(module (func (export "spin") (loop $again (br $again))))"#;
    let engine = Engine::new(Config::new().fuel(true));
    let mut store = Store::new(&engine, ());
    store.set_fuel(10_000)?;
    let instance = Linker::new(&engine).instantiate(&mut store, &Module::new(&engine, spin)?)?;
    let error = instance.typed_func::<(), ()>(&store, "spin")?.call(&mut store, ()).unwrap_err();
    assert_eq!(Trap::of(&error).map(Trap::cause), Some(TrapCause::OutOfFuel));

    let (mut store, instance) = load(
        r#"(module (func $deep (export "deep") (param i32) (result i32)
                  (i32.add (call $deep (local.get 0)) (i32.const 1))))"#,
    )?;
    let deep = instance.typed_func::<i32, i32>(&store, "deep")?;
    let error = deep.call(&mut store, 0).unwrap_err();
    assert_eq!(Trap::of(&error).map(Trap::cause), Some(TrapCause::StackOverflow));

    let engine = Engine::new(Config::new().max_memory_bytes(1 << 17));
    let module = Module::new(
        &engine,
        r#"(module (memory 1) (func (export "grow") (result i32) (memory.grow (i32.const 2))))"#,
    )?;
    let mut store = Store::new(&engine, ());
    let instance = Linker::new(&engine).instantiate(&mut store, &module)?;
    assert_eq!(instance.typed_func::<(), i32>(&store, "grow")?.call(&mut store, ())?, -1);
    Ok(())
}

/// A tail call takes no stack.
#[test]
fn tail_calls() -> Result {
    let (mut store, instance) = load(
        r#"
        (module
          (func $sum (export "sum") (param i64 i64) (result i64)
            (if (i64.eqz (local.get 0)) (then (return (local.get 1))))
            (return_call $sum (i64.sub (local.get 0) (i64.const 1)) (i64.add (local.get 1) (local.get 0)))))"#,
    )?;
    let sum = instance.typed_func::<(i64, i64), i64>(&store, "sum")?;
    assert_eq!(sum.call(&mut store, (1_000_000, 0))?, 500_000_500_000);
    Ok(())
}
