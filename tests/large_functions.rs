//! Functions at the ends of what a machine's instructions reach: with as many registers as there may be, and with more code than
//! short branches go over. Every configuration must agree.

use std::fmt::Write as _;

use strata::{Config, Engine, Error, Module, Store, Val};
use strata_testing::configuration::ALL;

/// What calls of an export give, and the bytes of machine code there are then.
fn outcomes(engine: &Engine, text: &str, calls: &[&[Val]]) -> (Vec<String>, usize) {
    let module = Module::new(engine, text).unwrap_or_else(|error| panic!("{error}"));
    let mut store = Store::new(engine, ());
    if engine.config().fuel {
        store.set_fuel(u64::MAX).expect("fuel is counted");
    }
    let instance = strata::Linker::new(engine).instantiate(&mut store, &module).expect("no imports");
    let run = instance.func(&store, "run").expect("exported");
    let outcome = |args: &&[Val]| match run.call(&mut store, args) {
        Ok(results) => format!("{results:?}"),
        Err(Error::Trap(trap)) => format!("{:?}", trap.cause()),
        Err(error) => panic!("{error}"),
    };
    (calls.iter().map(outcome).collect(), engine.code_bytes())
}

/// Runs the calls in every configuration; they must end in the same ways. Gives the most machine code of any.
fn everywhere(text: &str, calls: &[&[Val]]) -> usize {
    let mut wanted = None;
    let mut most = 0;
    for configuration in ALL {
        let engine = configuration.engine(Config::new());
        let (seen, bytes) = outcomes(&engine, text, calls);
        most = most.max(bytes);
        let wanted = wanted.get_or_insert_with(|| seen.clone());
        assert_eq!(&seen, wanted, "{}", configuration.name);
    }
    most
}

/// Registers that lie where some machine's short offsets end, and the last ones.
const INTERESTING: [u16; 12] = [3, 14, 15, 31, 32, 4093, 4094, 4095, 4096, 8193, 65_533, 65_534];

/// Types of registers by number: `i32`, `f64` and `i64` in turn, the first two `i64`.
fn register(index: u16) -> (&'static str, String) {
    match index {
        0 | 1 => ("i64", format!("%r{index}")),
        _ => (["i64", "i32", "f64"][usize::from(index % 3)], format!("%r{index}")),
    }
}

#[test]
fn as_many_registers_as_there_may_be() {
    let mut text = String::from(
        "memory 1\nglobal @g: mut i64 = 5\nfunc @swap(%a: i64, %b: i64) -> (i64, i64) {\n ret %b, %a\n}\n",
    );
    text += "func @run(%r0: i64, %r1: i64) -> (i64, i64) export {\n";
    for index in 2..=65_534 {
        let (ty, name) = register(index);
        writeln!(text, " reg {name}: {ty}").expect("strings grow");
    }
    let of = |wanted: &str| -> Vec<String> {
        let all = INTERESTING.iter().flat_map(|&index| index.saturating_sub(3)..=index);
        let mut all: Vec<u16> = all.filter(|&index| index > 2 && register(index).0 == wanted).collect();
        all.dedup();
        all.into_iter().map(|index| register(index).1).collect()
    };
    let (longs, ints, floats) = (of("i64"), of("i32"), of("f64"));
    text += "again:\n";
    for pair in longs.windows(2) {
        let [a, b] = pair else { unreachable!("two") };
        for line in [
            format!("{a} = add.i64 {b}, %r1"),
            format!("{b} = xor.i64 {a}, 1311768467463790320"),
            format!("{a} = rotl.i64 {a}, {b}"),
            format!("{b} = mul.i64 {b}, {a}"),
            format!("{b} = or.i64 {b}, 1"),
            format!("{a} = rem_u.i64 {a}, {b}"),
            format!("{a}, {b} = call @swap({a}, {b})"),
            format!("%r4 = lt_u.i64 {a}, {b}"),
            format!("{a} = select %r4, {a}, {b}"),
            format!("%r0 = add.i64 %r0, {a}"),
            format!("global.set @g, {a}"),
            format!("{b} = global.get @g"),
        ] {
            writeln!(text, " {line}").expect("strings grow");
        }
    }
    for (pair, longs) in ints.windows(2).zip(longs.iter().cycle()) {
        let [a, b] = pair else { unreachable!("two") };
        for line in [
            format!("{a} = wrap.i32.i64 {longs}"),
            format!("{b} = add.i32 {a}, 305419896"),
            format!("{b} = shr_s.i32 {b}, {a}"),
            format!("{a} = and.i32 {a}, 65280"),
            format!("store.i32 [{a}], {b}"),
            format!("{b} = load16_s.i32 [{a} + 1]"),
            format!("{longs} = extend_s.i64.i32 {b}"),
        ] {
            writeln!(text, " {line}").expect("strings grow");
        }
    }
    for (pair, longs) in floats.windows(2).zip(longs.iter().cycle()) {
        let [a, b] = pair else { unreachable!("two") };
        for line in [
            format!("{a} = convert_s.f64.i64 {longs}"),
            format!("{b} = div.f64 {a}, {b}"),
            format!("{b} = copysign.f64 {a}, {b}"),
            format!("{b} = min.f64 {a}, {b}"),
            format!("{longs} = trunc_sat_s.i64.f64 {b}"),
        ] {
            writeln!(text, " {line}").expect("strings grow");
        }
    }
    text += " %r1 = sub.i64 %r1, 1\n br.gt_s.i64 %r1, 0, again\n";
    for name in &longs {
        writeln!(text, " %r0 = xor.i64 %r0, {name}\n %r1 = add.i64 %r1, {name}").expect("strings grow");
    }
    text += " ret %r0, %r1\n}\n";
    let calls: [&[Val]; 3] =
        [&[Val::I64(0), Val::I64(1)], &[Val::I64(7), Val::I64(20)], &[Val::I64(-1), Val::I64(5000)]];
    everywhere(&text, &calls);
}

/// Conditional branches of every kind, and a table, over more than a mebibyte, both ways; traps and polls are as far.
#[test]
fn branches_over_more_than_a_mebibyte() {
    // Instructions that only take room.
    const FILLING: usize = 100_000;
    let mut text = String::from("memory 1\nfunc @run(%n: i32, %way: i32) -> (i32, i64, f64) export {\n");
    for index in 0..24 {
        writeln!(text, " reg %i{index}: i64, %f{index}: f64").expect("strings grow");
    }
    text += " reg %t: i32, %u: f64
        %u = const.f64 1000.5
      again:
        %t = div_u.i32 %n, %way
        %i0 = add.i64 %i0, 1
        %f0 = add.f64 %f0, 1.5
        br.table %way, [again_less, middle, end, next]
      next:
        br.eq.i32 %way, 3, end
        br.eqz.i32 %t, middle
        br.any.i32 %way, 8, end
        br.gt.f64 %f0, %u, end
        br.nlt.f64 %u, %u, next_of_next
        jump end
      next_of_next:
        %t = add.i32 %t, 1\n";
    let filling = |text: &mut String| {
        for _ in 0..FILLING / 2 {
            text.push_str(" %t = memory.size\n");
        }
    };
    filling(&mut text);
    text += "middle:\n";
    for index in 0..23 {
        let next = index + 1;
        writeln!(text, " %i{next} = add.i64 %i{next}, %i{index}\n %f{next} = add.f64 %f{next}, %f{index}")
            .expect("strings grow");
    }
    filling(&mut text);
    text += "end:
        %n = sub.i32 %n, 1
        br.eqz.i32 %n, out
        br.eq.i32 %n, 17, again
        br.gt.f64 %f0, %u, again
        br.ge_s.i32 %n, 100, next
        br.gt_s.i32 %n, 0, again
      out:
        ret %n, %i23, %f23
      again_less:
        %n = shr_u.i32 %n, 1
        br.nez.i32 %n, again
        ret %n, %i0, %f0
      }\n";
    let mut calls = Vec::new();
    for way in [0, 1, 2, 3, 4, 8, 12, -1] {
        for n in [1, 3, 30] {
            calls.push([Val::I32(n), Val::I32(way)]);
        }
    }
    let calls: Vec<&[Val]> = calls.iter().map(|args| &args[..]).collect();
    let bytes = everywhere(&text, &calls);
    let compiles = cfg!(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")));
    assert!(!compiles || bytes > 1 << 20, "{bytes} bytes of code");
}
