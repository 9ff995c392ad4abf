//! What calls cost in each tier: from the host, from code to code in all ways, and from code to the host. The time of the
//! loop around a call is taken off. `-- --quick` is rougher.

use std::time::Duration;

use strata::{Config, Engine, Error, Instance, Linker, Module, Store, TierMode};
use strata_benches::measure::{Table, load, shortest, time};

/// What is called, in a loop of `$n` rounds in which `$x` is passed and taken.
const CALLS: &[(&str, &str)] = &[
    ("direct", "(local.set $x (call $same (local.get $x)))"),
    ("tail call", "(local.set $x (call $pass (local.get $x)))"),
    ("table", "(local.set $x (call_indirect (type $t) (local.get $x) (i32.const 0)))"),
    ("another instance", "(local.set $x (call $other (local.get $x)))"),
    ("host function", "(local.set $x (call $host (local.get $x)))"),
];

fn program() -> String {
    let loops = CALLS.iter().enumerate().chain([(CALLS.len(), &("nothing", ""))]).map(|(i, (_, call))| {
        format!(
            "(func (export \"loop{i}\") (param $n i32) (result i32) (local $x i32)
               (loop $again {call}
                 (local.set $n (i32.sub (local.get $n) (i32.const 1)))
                 (br_if $again (local.get $n)))
               (local.get $x))"
        )
    });
    format!(
        "(module (type $t (func (param i32) (result i32)))
           (import \"other\" \"same\" (func $other (type $t))) (import \"host\" \"same\" (func $host (type $t)))
           (table 1 funcref) (elem (i32.const 0) $same) (memory 1)
           (func $same (export \"same\") (type $t) (local.get 0))
           (func $pass (type $t) (return_call $same (local.get 0)))
           {})",
        loops.collect::<String>()
    )
}

const OTHER: &str = "(module (memory 1) (func (export \"same\") (param i32) (result i32) (local.get 0)))";

fn instance(tier: TierMode) -> Result<(Store<()>, Instance), Error> {
    let engine = Engine::new(Config::new().tier(tier).profile(tier != TierMode::Template));
    let mut store = Store::new(&engine, ());
    let mut linker = Linker::new(&engine);
    linker.func("host", "same", |x: i32| x)?;
    let other = linker.instantiate(&mut store, &Module::new(&engine, OTHER)?)?;
    linker.instance(&store, "other", other)?;
    let instance = linker.instantiate(&mut store, &Module::new(&engine, program())?)?;
    Ok((store, instance))
}

/// Nanoseconds of one of `calls`.
fn each(total: Duration, calls: u32) -> f64 {
    total.as_secs_f64() * 1e9 / f64::from(calls)
}

fn main() -> Result<(), Error> {
    let quick = std::env::args().any(|arg| arg == "--quick");
    let (rounds, calls) = if quick { (3, 100_000) } else { (15, 1_000_000) };
    println!("Nanoseconds a call, beyond the loop around it; minima of {rounds} rounds; {}", load());
    let tiers = [TierMode::Portable, TierMode::Template];
    let mut table = Table::new(["", "portable", "template"]);
    let mut rows: Vec<[f64; 2]> = vec![[0.0; 2]; CALLS.len() + 1];
    for (column, tier) in tiers.into_iter().enumerate() {
        let (mut store, instance) = instance(tier)?;
        let mut run = |name: &str| -> Result<f64, Error> {
            let function = instance.typed_func::<i32, i32>(&store, name)?;
            let [total] = shortest(
                rounds,
                [&mut || {
                    time(|| function.call(&mut store, calls as i32).expect("the program does not trap"))
                }],
            );
            Ok(each(total, calls))
        };
        let empty = run(&format!("loop{}", CALLS.len()))?;
        for (i, row) in rows.iter_mut().take(CALLS.len()).enumerate() {
            row[column] = run(&format!("loop{i}"))? - empty;
        }
        let same = instance.typed_func::<i32, i32>(&store, "same")?;
        let [total] = shortest(
            rounds,
            [&mut || {
                time(|| {
                    let call = |x, _| same.call(&mut store, x).expect("the program does not trap");
                    (0..calls).fold(0, call)
                })
            }],
        );
        rows[CALLS.len()][column] = each(total, calls);
    }
    let names = CALLS.iter().map(|(name, _)| *name).chain(["host to code to host"]);
    for (name, [portable, template]) in names.zip(rows) {
        table.row([name.to_owned(), format!("{portable:.1}"), format!("{template:.1}")]);
    }
    print!("{table}");
    Ok(())
}
