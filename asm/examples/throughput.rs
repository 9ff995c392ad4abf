//! How many megabytes of text a second are assembled, on one thread:
//! `cargo run --release -p strata-asm --example throughput`.

use std::fmt::Write;
use std::time::{Duration, Instant};

use bytecode_spec::verify;
use strata_asm::{assemble, disassemble};

const TARGET_BYTES: usize = 8 << 20;
const RUNS: usize = 7;

fn main() {
    let written = program();
    let module = assemble("generated.sasm", &written).unwrap_or_else(|errors| panic!("{errors}"));
    let printed = disassemble(&module);

    let verification = fastest(|| {
        let unverified = (*module).clone();
        let start = Instant::now();
        verify(unverified).expect("the module is verified");
        start.elapsed()
    });
    for (what, text) in [("as people write", &written), ("as disassembled", &printed)] {
        let total = fastest(|| {
            let start = Instant::now();
            assemble("generated.sasm", text).expect("the text is right");
            start.elapsed()
        });
        let per_second = |time: Duration| text.len() as f64 / 1e6 / time.as_secs_f64();
        println!(
            "{what}: {:.1} MB, {:.1} MB/s, without verification {:.1} MB/s",
            text.len() as f64 / 1e6,
            per_second(total),
            per_second(total.saturating_sub(verification)),
        );
    }
    let print = fastest(|| {
        let start = Instant::now();
        disassemble(&module);
        start.elapsed()
    });
    println!("disassembling: {:.1} MB/s", printed.len() as f64 / 1e6 / print.as_secs_f64());
}

fn fastest(run: impl FnMut() -> Duration) -> Duration {
    std::iter::repeat_with(run).take(RUNS).min().expect("there are runs")
}

/// Functions with something of everything.
fn program() -> String {
    let mut text =
        String::from("import func @print(i64) from \"env\" \"print\"\nmemory 16\ntable @table funcref 4\n");
    let mut i = 0;
    while text.len() < TARGET_BYTES {
        write!(
            text,
            "
; Sums the products of two rows of length %length.
func @product_{i}(%left: i32, %right: i32, %length: i32) -> i64 export {{
    %sum: i64 = const.i64 0
    %index: i32 = const.i32 0
    jump test
loop:
    %a: i64 = load.i64 [%left + %index << 3]        ; left[index]
    %b: i64 = load.i64 [%right + %index << 3 + 16]
    %product: i64 = mul.i64 %a, %b
    %sum = add.i64 %sum, %product
    br.eq.i64 %sum, 0x7FFF_FFFF, overflow
    store.i64 [%left + 8], %sum
    %index = add.i32 %index, 1
test:
    br.lt_u.i32 %index, %length, loop
    %scaled: f64 = convert_s.f64.i64 %sum
    %scaled = mul.f64 %scaled, 1.5e-3
    call @print(%sum)
    %rest: i64 = call @product_{}(%left, %right, %index)
    br.table %index, [loop, test, done]
done:
    ret %rest
overflow:
    trap integer_overflow
}}
",
            i / 2
        )
        .expect("a string takes all");
        i += 1;
    }
    text
}
