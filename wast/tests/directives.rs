//! Each kind of directive in scripts that say what is so, and in scripts that do not. The scripts of the specification
//! are run by `tests/spec.rs` of the workspace.

use strata::{Config, Engine};
use strata_wast::{Outcome, Report, run};

fn report(script: &str) -> Report {
    run("script.wast", script, &Engine::default())
}

/// A letter for each directive: passed, failed, skipped.
fn outcomes(script: &str) -> String {
    let letter = |outcome: &Outcome| match outcome {
        Outcome::Passed => 'p',
        Outcome::Failed(_) => 'f',
        Outcome::Skipped(_) => 's',
    };
    report(script).directives().iter().map(|directive| letter(&directive.outcome)).collect()
}

/// What is said about the only directive that did not pass.
fn message(script: &str) -> String {
    let report = report(script);
    let mut wrong = report.not_passed();
    let directive = wrong.next().expect("one goes wrong");
    assert!(wrong.next().is_none(), "only one goes wrong");
    directive.to_string()
}

#[test]
fn modules_have_three_forms() {
    let script = r#"
        (module)
        (module quote "(func)")
        (module binary "\00asm\01\00\00\00")
        (module binary "\00asm\02\00\00\00")
        (module quote "(fun)")
        (module (func (result i32)))
    "#;
    assert_eq!(outcomes(script), "pppfff");
}

#[test]
fn what_fails_to_come_to_life_is_not_there() {
    let script = r#"
        (module $m (func (export "f")))
        (assert_return (invoke $m "f"))
        (module $m (import "no" "where" (func)) (func (export "f")))
        (assert_return (invoke "f"))
        (assert_return (invoke $m "f"))
        (module (func (export "f")))
        (assert_return (invoke "f"))
        (assert_return (invoke $m "f"))
    "#;
    assert_eq!(outcomes(script), "ppfffppf");
}

#[test]
fn definitions_make_several_instances() {
    let script = r#"
        (module definition $counter
          (global $count (mut i32) (i32.const 0))
          (func (export "next") (result i32)
            (global.set $count (i32.add (global.get $count) (i32.const 1)))
            (global.get $count)))
        (assert_return (invoke "next") (i32.const 1))
        (module instance $a $counter)
        (module instance $b $counter)
        (assert_return (invoke $a "next") (i32.const 1))
        (assert_return (invoke $a "next") (i32.const 2))
        (assert_return (invoke $b "next") (i32.const 1))
        (module instance $c $nothing)
    "#;
    assert_eq!(outcomes(script), "pfpppppf");
}

#[test]
fn names_are_registered_again() {
    let script = r#"
        (module (func (export "one") (result i32) (i32.const 1)))
        (register "m")
        (module (func (export "one") (result i32) (i32.const 11)))
        (register "m")
        (module (import "m" "one" (func $one (result i32))) (export "main" (func $one)))
        (assert_return (invoke "main") (i32.const 11))
        (register "m" $nothing)
    "#;
    assert_eq!(outcomes(script), "ppppppf");
}

#[test]
fn results_are_compared_bit_by_bit() {
    let script = r#"
        (module
          (func (export "i64") (param i64) (result i64) (local.get 0))
          (func (export "f32") (param f32) (result f32) (local.get 0))
          (func (export "f64") (param f64) (result f64) (local.get 0))
          (func (export "two") (result i32 i64) (i32.const 1) (i64.const 2)))
        (assert_return (invoke "i64" (i64.const -1)) (i64.const 0xffff_ffff_ffff_ffff))
        (assert_return (invoke "i64" (i64.const -1)) (i32.const -1))
        (assert_return (invoke "f32" (f32.const -0)) (f32.const -0))
        (assert_return (invoke "f32" (f32.const -0)) (f32.const 0))
        (assert_return (invoke "f32" (f32.const nan:0x200000)) (f32.const nan:0x200000))
        (assert_return (invoke "f32" (f32.const nan:0x200000)) (f32.const nan:0x200001))
        (assert_return (invoke "two") (i32.const 1) (i64.const 2))
        (assert_return (invoke "two") (i32.const 1) (i64.const 3))
        (assert_return (invoke "two") (i32.const 1))
        (assert_return (invoke "two"))
        (assert_return (invoke "i64" (i64.const 1)) (either (i64.const 0) (i64.const 1)))
        (assert_return (invoke "i64" (i64.const 2)) (either (i64.const 0) (i64.const 1)))
    "#;
    assert_eq!(outcomes(script), "ppfpfpfpfffpf");
}

#[test]
fn nans_have_two_patterns() {
    for (ty, canonical, arithmetic, signalling) in [
        ("f32", "nan:0x400000", "nan:0x400001", "nan:0x200000"),
        ("f64", "nan:0x8000000000000", "nan:0x8000000000001", "nan:0x4000000000000"),
    ] {
        let assertion = |value: &str, pattern: &str| {
            format!("(assert_return (invoke \"id\" ({ty}.const {value})) ({ty}.const {pattern}))\n")
        };
        let mut script =
            format!("(module (func (export \"id\") (param {ty}) (result {ty}) (local.get 0)))\n");
        for value in [canonical, arithmetic, signalling, "1"] {
            for sign in ["", "-"] {
                script += &assertion(&format!("{sign}{value}"), "nan:canonical");
                script += &assertion(&format!("{sign}{value}"), "nan:arithmetic");
            }
        }
        assert_eq!(outcomes(&script), "ppppp".to_owned() + "fpfp" + "ffff" + "ffff", "{ty}");
    }
}

#[test]
fn references_are_compared() {
    let script = r#"
        (module
          (func $f (export "null func") (result funcref) (ref.null func))
          (func (export "null extern") (result externref) (ref.null extern))
          (func (export "func") (result funcref) (ref.func $f))
          (func (export "extern") (param externref) (result externref) (local.get 0)))
        (assert_return (invoke "null func") (ref.null func))
        (assert_return (invoke "null func") (ref.null))
        (assert_return (invoke "null func") (ref.null extern))
        (assert_return (invoke "null func") (ref.func))
        (assert_return (invoke "null extern") (ref.null extern))
        (assert_return (invoke "null extern") (ref.extern))
        (assert_return (invoke "func") (ref.func))
        (assert_return (invoke "func") (ref.null func))
        (assert_return (invoke "extern" (ref.extern 7)) (ref.extern 7))
        (assert_return (invoke "extern" (ref.extern 7)) (ref.extern 8))
        (assert_return (invoke "extern" (ref.extern 7)) (ref.extern))
        (assert_return (invoke "extern" (ref.null extern)) (ref.null extern))
        (assert_return (invoke "extern" (ref.null extern)) (ref.extern 0))
    "#;
    assert_eq!(outcomes(script), "pppffpfpfpfppf");
}

#[test]
fn traps_are_of_functions_and_modules() {
    let script = r#"
        (module
          (func (export "div") (param i32) (result i32) (i32.div_s (i32.const 1) (local.get 0)))
          (func $endless (export "endless") (call $endless)))
        (assert_trap (invoke "div" (i32.const 0)) "integer divide by zero")
        (assert_trap (invoke "div" (i32.const 0)) "integer overflow")
        (assert_trap (invoke "div" (i32.const 1)) "integer divide by zero")
        (assert_trap (invoke "nothing") "unreachable")
        (assert_exhaustion (invoke "endless") "call stack exhausted")
        (assert_exhaustion (invoke "endless") "the end of the world")
        (assert_trap (module (func $start unreachable) (start $start)) "unreachable")
        (assert_trap (module (memory 1) (data (i32.const 65536) "x")) "out of bounds memory access")
        (assert_trap (module (memory 1) (data (i32.const 65535) "x")) "out of bounds memory access")
        (assert_trap (module (func (result i32))) "unreachable")
    "#;
    assert_eq!(outcomes(script), "ppfffpfppff");
}

#[test]
fn linking_fails_for_a_reason() {
    let script = r#"
        (assert_unlinkable (module (import "no" "where" (func))) "unknown import")
        (assert_unlinkable (module (import "spectest" "nothing" (func))) "unknown import")
        (assert_unlinkable (module (import "spectest" "print" (func (param i32)))) "incompatible import type")
        (assert_unlinkable (module (import "spectest" "print" (memory 1))) "incompatible import type")
        (assert_unlinkable (module (import "no" "where" (func))) "incompatible import type")
        (assert_unlinkable (module (import "spectest" "print" (memory 1))) "unknown import")
        (assert_unlinkable (module (import "spectest" "print" (func))) "unknown import")
        (assert_unlinkable (module (func $start unreachable) (start $start)) "unknown import")
    "#;
    assert_eq!(outcomes(script), "ppppffff");
}

#[test]
fn refusals_are_of_modules() {
    let script = r#"
        (assert_malformed (module quote "(func") "unexpected token")
        (assert_malformed (module quote "(func)") "unexpected token")
        (assert_malformed (module binary "") "unexpected end")
        (assert_malformed (module binary "func @f() {\n ret\n}") "magic header not detected")
        (assert_malformed (module binary "\00asm\01\00\00\00") "unexpected end")
        (assert_invalid (module (func (local.get 0))) "unknown local")
        (assert_invalid (module (func)) "unknown local")
        (assert_invalid (module quote "(func") "unexpected token")
    "#;
    assert_eq!(outcomes(script), "pfppfpff");
}

#[test]
fn the_host_module_is_complete() {
    let script = r#"
        (module
          (import "spectest" "print" (func))
          (import "spectest" "print_i32" (func (param i32)))
          (import "spectest" "print_i64" (func (param i64)))
          (import "spectest" "print_f32" (func (param f32)))
          (import "spectest" "print_f64" (func (param f64)))
          (import "spectest" "print_i32_f32" (func (param i32 f32)))
          (import "spectest" "print_f64_f64" (func (param f64 f64)))
          (import "spectest" "table" (table 10 20 funcref))
          (import "spectest" "memory" (memory 1 2))
          (import "spectest" "global_i32" (global $i32 i32))
          (import "spectest" "global_i64" (global $i64 i64))
          (import "spectest" "global_f32" (global $f32 f32))
          (import "spectest" "global_f64" (global $f64 f64))
          (export "i32" (global $i32)) (export "i64" (global $i64))
          (export "f32" (global $f32)) (export "f64" (global $f64)))
        (assert_return (get "i32") (i32.const 666))
        (assert_return (get "i64") (i64.const 666))
        (assert_return (get "f32") (f32.const 666.6))
        (assert_return (get "f64") (f64.const 666.6))
        (assert_return (get "nothing") (i32.const 666))
    "#;
    assert_eq!(outcomes(script), "pppppf");
}

#[test]
fn what_the_machine_lacks_is_skipped() {
    let script = r#"
        (module (func (export "id") (param externref) (result externref) (local.get 0)))
        (assert_exception (invoke "id" (ref.null extern)))
        (assert_return (invoke "id" (v128.const i32x4 0 0 0 0)))
        (assert_return (invoke "id" (ref.host 1)) (ref.host 1))
        (assert_return (invoke "id" (ref.null extern)) (ref.i31))
        (assert_trap (invoke "id" (ref.null any)) "unreachable")
        (thread $t (invoke "id"))
        (wait $t)
    "#;
    assert_eq!(outcomes(script), "psssssss");
}

#[test]
fn messages_say_where_and_what() {
    let script = "(module (func (export \"one\\n\") (result i32) (i32.const 1)))\n  (assert_return (invoke \"one\\n\"))";
    assert_eq!(
        message(script),
        r#"script.wast:2:4: assert_return (invoke "one\n"): failed: got (i32.const 1), expected nothing"#
    );
    assert!(message("(register \"m\" $\"a\\1b\")").contains("there is no instance $a\\u{1b}"));
    let script = "(module)\n(module (func $f))) \n(module)";
    assert!(message(script).starts_with("script.wast:2:19: script: failed: "), "{}", message(script));
    assert!(message("(module) \u{1}").starts_with("script.wast:1:10: script: failed: "));
    assert!(message("(module").starts_with("script.wast:1:8: script: failed: "));
    assert!(message("").starts_with("script.wast:1:1: script: failed: "), "{}", message(""));
}

#[test]
fn fuel_does_not_run_out() {
    let script = r#"
        (module (func (export "count") (param $n i32)
          (loop $again
            (br_if $again (local.tee $n (i32.sub (local.get $n) (i32.const 1)))))))
        (assert_return (invoke "count" (i32.const 100000)))
    "#;
    let engine = Engine::new(Config::new().fuel(true));
    assert_eq!(run("script.wast", script, &engine).passed(), 2);
}

#[test]
fn limits_of_the_engine_are_failures() {
    let engine = Engine::new(Config::new().max_memory_bytes(0));
    let report = run("script.wast", "(module)", &engine);
    assert_eq!((report.passed(), report.failed()), (0, 1), "there is no room for spectest's memory");
}
