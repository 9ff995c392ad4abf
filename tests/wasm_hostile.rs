//! What a stranger may send as WebAssembly: bytes that are no module, and modules that are far too large in
//! one respect. Nothing may panic, or take more than memory and work in proportion to the input.

use std::path::Path;

use bytecode_spec::limits;
use strata::{Config, Engine, Linker, Module, Store, Val};
use strata_testing::bodies;
use strata_testing::choices::Choices;
use strata_testing::counting::{Counting, allocated_by, peak_of};
use strata_testing::mutate;
use wasm_encoder::{
    CodeSection, Encode, ExportKind, ExportSection, Function, FunctionSection, Module as Wasm, RawSection,
    SectionId, TypeSection, ValType,
};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// How many bytes loading may have allocated at a time.
#[derive(Clone, Copy)]
struct Bound {
    /// For each byte of a module.
    factor: usize,
    /// For any module.
    base: usize,
}

/// The smallest function has four bytes, and becomes records for a module, a loaded module and its exports.
const USUAL: Bound = Bound { factor: 128, base: 4 << 20 };
/// Where few bytes stand for many registers: translated code may have 16 words for each byte, and a million,
/// and lies in memory twice for a while.
const WIDE: Bound = Bound { factor: 2 * 16 * 8 + USUAL.factor, base: 3 * (8 << 20) + USUAL.base };

const UNREACHABLE: u8 = 0x00;
const BLOCK: u8 = 0x02;
const LOOP: u8 = 0x03;
const IF: u8 = 0x04;
const END: u8 = 0x0B;
const BR: u8 = 0x0C;
const BR_IF: u8 = 0x0D;
const BR_TABLE: u8 = 0x0E;
const CALL: u8 = 0x10;
const DROP: u8 = 0x1A;
const LOCAL_GET: u8 = 0x20;
const LOCAL_SET: u8 = 0x21;
const LOCAL_TEE: u8 = 0x22;
const MEMORY_SIZE: u8 = 0x3F;
const I32_CONST: u8 = 0x41;
const I32_EQZ: u8 = 0x45;
const I32_ADD: u8 = 0x6A;
/// The type of a block without parameters and results.
const EMPTY: u8 = 0x40;
const I32: u8 = 0x7F;

fn cases(default: u64) -> std::ops::Range<u64> {
    let factor =
        std::env::var("STRATA_HOSTILE_FACTOR").ok().and_then(|value| value.parse().ok()).unwrap_or(1);
    0..default * factor
}

/// Loads a module, or gives the reason why not.
fn load(wasm: &[u8]) -> Result<Module, String> {
    load_within(wasm, USUAL)
}

fn load_within(wasm: &[u8], bound: Bound) -> Result<Module, String> {
    let engine = Engine::new(Config::new().profile(false));
    let (module, peak) = peak_of(|| Module::new(&engine, wasm));
    assert!(peak <= wasm.len() * bound.factor + bound.base, "{peak} bytes to load {}", wasm.len());
    module.map_err(|error| {
        let message = error.to_string();
        assert!(!message.is_empty() && message.len() < 1_000, "{message}");
        message
    })
}

/// Why a module was refused.
#[track_caller]
fn refused(loaded: Result<Module, String>) -> String {
    loaded.map(|_| "it was not refused").expect_err("must be refused")
}

/// Calls the exported function `f`.
fn call(module: &Module, args: &[i32]) -> Vec<i32> {
    let mut store = Store::new(module.engine(), ());
    let instance = Linker::new(module.engine()).instantiate(&mut store, module).expect("no imports");
    let f = instance.func(&store, "f").expect("exported");
    let args: Vec<Val> = args.iter().map(|&arg| Val::I32(arg)).collect();
    let results = f.call(&mut store, &args).expect("it does not trap");
    results
        .iter()
        .map(|value| if let Val::I32(value) = value { *value } else { panic!("{value:?}") })
        .collect()
}

/// Asserts that loading four times as much takes no more than about four times the memory, gives about four
/// times the code, and takes about four times the work, as far as allocations tell. The modules must be
/// accepted.
#[track_caller]
fn assert_linear(what: &str, size: usize, bound: Bound, wasm: impl Fn(usize) -> Vec<u8>) {
    let measure = |size: usize| {
        let wasm = wasm(size);
        let (module, allocated) = allocated_by(|| load_within(&wasm, bound));
        let module = module.unwrap_or_else(|error| panic!("{what}, {size}: {error}"));
        let words: usize = module.verified().functions.iter().map(|function| function.code.len()).sum();
        [("bytes of memory", allocated), ("words of code", words)]
    };
    for ((unit, small), (_, large)) in measure(size).into_iter().zip(measure(4 * size)) {
        assert!(
            large <= 6 * small.max(10_000),
            "{what}: {small} {unit} for {size}, {large} for four times as many"
        );
    }
}

/// A module of functions of these types, which are `i32`s. It exports the last one as `f`, and has a memory.
fn module(types: &[(usize, usize)], functions: &[(u32, Function)]) -> Vec<u8> {
    let mut section = TypeSection::new();
    for &(params, results) in types {
        section.ty().function(vec![ValType::I32; params], vec![ValType::I32; results]);
    }
    let mut declared = FunctionSection::new();
    let mut code = CodeSection::new();
    for (ty, function) in functions {
        declared.function(*ty);
        code.function(function);
    }
    let mut exports = ExportSection::new();
    exports.export("f", ExportKind::Func, functions.len() as u32 - 1);
    let mut module = Wasm::new();
    module.section(&section).section(&declared);
    module.section(&RawSection { id: SectionId::Memory as u8, data: &[1, 0, 0] });
    module.section(&exports).section(&code);
    module.finish()
}

/// The same with one function.
fn function(params: usize, results: usize, locals: u32, code: &[u8]) -> Vec<u8> {
    module(&[(params, results)], &[(0, body(locals, code))])
}

/// A function of these instructions, with `i32` locals.
fn body(locals: u32, code: &[u8]) -> Function {
    let mut function = Function::new([(locals, ValType::I32)]);
    function.raw(code.iter().copied()).raw([END]);
    function
}

/// An instruction and the number that it has.
fn with(op: u8, number: u32) -> Vec<u8> {
    let mut code = vec![op];
    number.encode(&mut code);
    code
}

/// `part` for each of so many numbers.
fn repeat(count: usize, part: impl Fn(u32) -> Vec<u8>) -> Vec<u8> {
    (0..count as u32).flat_map(part).collect()
}

/// The kernels that a compiler made.
fn kernels() -> Vec<Vec<u8>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("programs/kernels/wasm");
    let mut paths: Vec<_> =
        std::fs::read_dir(folder).expect("there").map(|entry| entry.expect("readable").path()).collect();
    paths.sort();
    assert_eq!(paths.len(), 12);
    paths.iter().map(|path| std::fs::read(path).expect("readable")).collect()
}

/// A small module that has every section.
fn small() -> Vec<u8> {
    let text = r#"(module
        (import "" "g" (global i32)) (import "" "f" (func (param i32) (result i64)))
        (table 2 4 funcref) (memory 1 2) (global (mut i32) (i32.const 7))
        (export "m" (memory 0)) (export "f" (func 1)) (start 2)
        (elem (i32.const 0) 1 1) (data (i32.const 3) "ab") (data "c")
        (func (param i32) (result i32)
          (block (result i32) (br_if 0 (local.get 0) (i32.load8_u offset=1 (local.get 0)))))
        (func (local i64)
          (local.set 0 (call 0 (call_indirect (param i32) (result i32) (i32.const 1) (i32.const 0))))
          (memory.init 1 (i32.const 0) (i32.const 0) (i32.const 1))))"#;
    wat::parse_str(text).expect("a module")
}

#[test]
fn truncated_modules() {
    for wasm in kernels().into_iter().chain([small()]) {
        assert!(bodies::translate(&wasm));
        // Where sections end, modules may.
        let mut ends = vec![8];
        while let Some(&end) = ends.last().filter(|&&end| end < wasm.len()) {
            let (size, behind) = read_u32(&wasm[end + 1..]);
            ends.push(end + 1 + behind + size as usize);
        }
        for len in 0..wasm.len() {
            let accepted = bodies::translate(&wasm[..len]);
            assert!(!accepted || ends.contains(&len), "{len} of {} bytes are accepted", wasm.len());
            // No bytes at all are a program in text.
            assert_eq!(load(&wasm[..len]).is_ok(), accepted || len == 0);
        }
    }
}

/// Reads a number in LEB128; the number and how many bytes it has.
fn read_u32(bytes: &[u8]) -> (u32, usize) {
    let len = bytes.iter().take_while(|&&byte| byte >= 0x80).count() + 1;
    let value = bytes[..len].iter().rev().fold(0, |value, &byte| value << 7 | u32::from(byte & 0x7F));
    (value, len)
}

#[test]
fn every_other_byte() {
    let wasm = small();
    let mut valid = 0;
    for at in 0..wasm.len() {
        for byte in 0..=u8::MAX {
            let mut wasm = wasm.clone();
            wasm[at] = byte;
            valid += u32::from(bodies::translate(&wasm));
        }
    }
    assert!(valid > 1_000, "only {valid} mutated modules were valid");
}

#[test]
fn mutated_modules() {
    let kernels = kernels();
    let mut valid = 0;
    for seed in cases(2_000) {
        let choices = &mut Choices::seeded(seed);
        let mut wasm = choices.pick(&kernels).clone();
        (0..=choices.below(2)).for_each(|_| mutate::bytes(choices, &mut wasm));
        valid += u32::from(bodies::translate(&wasm));
        let _: Result<Module, String> = load(&wasm);
    }
    assert!(valid > 100, "only {valid} mutated modules were valid");
}

#[test]
fn random_bytes() {
    for seed in cases(20_000) {
        let choices = &mut Choices::seeded(seed);
        let mut wasm = b"\0asm\x01\0\0\0".to_vec();
        for _ in 0..choices.below(100) {
            // Small numbers are plausible counts.
            wasm.push(if choices.percent(60) { choices.below(13) as u8 } else { choices.bits() as u8 });
        }
        bodies::translate(&wasm);
    }
}

/// Counts that promise more than anything can have, of all that is counted.
#[test]
fn counts_beyond_limits() {
    hostile_counts(&[&[0xFF, 0xFF, 0xFF, 0xFF, 0x0F], &[0x80, 0x80, 0x80, 0x80, 0x70]]);
}

/// Counts that promise as much as there may be, which then does not follow.
#[test]
fn counts_beyond_the_input() {
    hostile_counts(&[&[0xC0, 0x84, 0x3D], &[0xA0, 0x8D, 0x06]]);
}

fn hostile_counts(counts: &[&[u8]]) {
    let check = |sections: &[(u8, Vec<u8>)]| {
        let mut module = Wasm::new();
        for (id, data) in sections {
            module.section(&RawSection { id: *id, data });
        }
        refused(load(&module.finish()));
    };
    let ty = (1, vec![1, 0x60, 0, 0]);
    for &count in counts {
        for id in 1..=12 {
            for rest in [0, 16] {
                check(&[(id, [count, &vec![0; rest]].concat())]);
            }
        }
        // A type's parameters and results, a field's name, elements, bytes of data.
        check(&[(1, [&[1, 0x60], count].concat())]);
        check(&[(1, [&[1, 0x60, 0], count].concat())]);
        check(&[(2, [&[1], count].concat())]);
        check(&[(9, [&[1, 1, 0], count].concat())]);
        check(&[(11, [&[1, 1], count].concat())]);
        // A function's size, its groups of locals, the locals of one, the targets of a branch table.
        let code = |code: &[u8]| (10, [&[1, code.len() as u8], code].concat());
        check(&[ty.clone(), (3, vec![1, 0]), (10, [&[1], count].concat())]);
        check(&[ty.clone(), (3, vec![1, 0]), code(&[count, &[0; 8]].concat())]);
        check(&[ty.clone(), (3, vec![1, 0]), code(&[&[1], count, &[I32, END]].concat())]);
        check(&[ty.clone(), (3, vec![1, 0]), code(&[&[0, BR_TABLE], count, &[0; 8]].concat())]);
    }
}

#[test]
fn many_locals() {
    let with_locals = |count: u32| {
        let last = count.saturating_sub(1);
        let code = [with(LOCAL_GET, last), vec![I32_EQZ], with(LOCAL_TEE, last)].concat();
        load(&function(0, 1, count, &code))
    };
    assert_eq!(call(&with_locals(50_000).expect("so many are possible"), &[]), [1]);
    let error = refused(with_locals(1_000_000));
    assert!(error.contains("locals"), "{error}");
    // In a million groups of one.
    let mut groups = vec![];
    1_000_000_u32.encode(&mut groups);
    groups.extend(repeat(1_000_000, |_| vec![1, I32]));
    let mut code = CodeSection::new();
    code.raw(&[groups, vec![END]].concat());
    let mut wasm = Wasm::new();
    wasm.section(&RawSection { id: 1, data: &[1, 0x60, 0, 0] }).section(&RawSection { id: 3, data: &[1, 0] });
    wasm.section(&code);
    let error = refused(load(&wasm.finish()));
    assert!(error.contains("locals"), "{error}");
}

/// Each kind of block in itself, as often as a function has room for, and beyond that.
#[test]
fn nested_blocks() {
    /// Bytes that a function may have, by a limit that engines have agreed upon.
    const MOST: usize = 7_654_321;
    let nested = |opening: &'static [u8], len: usize| {
        let count = len / (opening.len() + 1);
        let code = [opening.repeat(count), [END].repeat(count)].concat();
        function(0, 0, 0, &code)
    };
    const OPENINGS: [&[u8]; 3] = [&[BLOCK, EMPTY], &[LOOP, EMPTY], &[I32_CONST, 1, IF, EMPTY]];
    for opening in OPENINGS {
        assert_linear("nested blocks", 100_000, USUAL, |len| nested(opening, len));
        let most = load(&nested(opening, MOST - 100)).expect("there is room for so many");
        assert_eq!(call(&most, &[]), [] as [i32; 0]);
        let error = refused(load(&nested(opening, 50_000_000)));
        assert!(error.contains("size") || error.contains("large") || error.contains("bytes"), "{error}");
    }
    // A branch from each to the outermost.
    let branches = |count: usize| {
        let branch = |depth| [vec![I32_CONST, 0], with(BR_IF, depth)].concat();
        let code = [[BLOCK, EMPTY].repeat(count), repeat(count, branch), [END].repeat(count)].concat();
        function(0, 0, 0, &code)
    };
    assert_linear("branches out of nested blocks", 50_000, USUAL, branches);
}

#[test]
fn a_million_functions() {
    let functions = |count: usize| {
        let functions = vec![(0, body(0, &[])); count];
        module(&[(0, 0)], &functions)
    };
    let wasm = functions(limits::MAX_ITEMS);
    assert_eq!(call(&load(&wasm).expect("so many are possible"), &[]), [] as [i32; 0]);
    assert!(load(&functions(limits::MAX_ITEMS + 1)).is_err());
    assert_linear("functions", 100_000, USUAL, functions);
}

#[test]
fn a_million_targets() {
    let table = |targets: usize| {
        let code = [
            [BLOCK, EMPTY, BLOCK, EMPTY].to_vec(),
            with(LOCAL_GET, 0),
            with(BR_TABLE, targets as u32),
            repeat(targets, |i| vec![u8::from(i % 2 == 0)]),
            vec![1, END, I32_CONST, 5, LOCAL_SET, 0, END],
            with(LOCAL_GET, 0),
        ];
        function(1, 1, 0, &code.concat())
    };
    let module = load(&table(1_000_000)).expect("so many are possible");
    assert_eq!(call(&module, &[999_998]), [999_998]);
    assert_eq!(call(&module, &[999_999]), [5]);
    assert_eq!(call(&module, &[-1]), [-1]);
    assert_linear("targets", 50_000, USUAL, table);
}

/// Many values on the operand stack at a time: as many as there are registers, and too many.
#[test]
fn deep_operand_stacks() {
    let pushed = |count: usize, push: &[u8]| {
        let code = [push.repeat(count), [I32_ADD].repeat(count - 1)].concat();
        load(&function(1, 1, 0, &code))
    };
    const PAGES: &[u8] = &[MEMORY_SIZE, 0];
    const COPY: &[u8] = &[LOCAL_GET, 0];
    const ONE: &[u8] = &[I32_CONST, 1];
    assert_eq!(call(&pushed(60_000, PAGES).expect("there are so many registers"), &[3]), [0]);
    let error = refused(pushed(1_000_000, PAGES));
    assert!(error.contains("register") || error.contains("operand"), "{error}");
    // Constants and copies of locals need no registers, or are refused as well.
    for (push, each) in [(COPY, 3), (ONE, 1)] {
        let n = 60_000;
        assert_eq!(call(&pushed(n, push).expect("there are so many registers"), &[3]), [n as i32 * each]);
        match pushed(1_000_000, push) {
            Ok(module) => assert_eq!(call(&module, &[3]), [1_000_000 * each]),
            Err(error) => assert!(error.contains("register") || error.contains("operand"), "{error}"),
        }
    }
    // Dropped at once, any number will do.
    let dropped = repeat(1_000_000, |_| vec![MEMORY_SIZE, 0, DROP]);
    call(&load(&function(0, 0, 0, &dropped)).expect("one value at a time"), &[]);
}

/// Locals that are set while copies of them wait on the operand stack: each must be kept once, and found in
/// no time.
#[test]
fn locals_set_under_their_copies() {
    let sum = |count: usize| [I32_ADD].repeat(count - 1);
    let new = |local| [vec![I32_CONST, 7], with(LOCAL_SET, local)].concat();
    // All copies are of one local, which is then set again and again.
    let one = |count: usize| {
        let copies = repeat(count, |_| with(LOCAL_GET, 0));
        let sets = repeat(count, |_| new(0));
        function(1, 1, 0, &[copies, sets, sum(count)].concat())
    };
    // A copy of each of many locals, which are then set, from the first and from the last.
    let forward = |count: usize| {
        let copies = repeat(count, |i| with(LOCAL_GET, i));
        let sets = repeat(count, new);
        function(1, 1, count as u32, &[copies, sets, sum(count)].concat())
    };
    let backward = |count: usize| {
        let copies = repeat(count, |i| with(LOCAL_GET, i));
        let sets = repeat(count, |i| new(count as u32 - 1 - i));
        function(1, 1, count as u32, &[copies, sets, sum(count)].concat())
    };
    // The stack grows by a copy of the local and a value, and the local is set each time.
    let alternating = |count: usize| {
        let step = |_| [with(LOCAL_GET, 0), vec![MEMORY_SIZE, 0], new(0)].concat();
        function(1, 1, 0, &[repeat(count, step), sum(2 * count)].concat())
    };
    // Many copies of one local, and another local that is set again and again.
    let other = |count: usize| {
        let copies = repeat(count, |_| with(LOCAL_GET, 0));
        let sets = repeat(10 * count, |_| new(1));
        function(1, 1, 1, &[copies, sets, sum(count)].concat())
    };
    // As `one`, each copy in a block of its own.
    let nested = |count: usize| {
        let copies = repeat(count, |_| [with(LOCAL_GET, 0), vec![BLOCK, I32]].concat());
        let sets = repeat(count, |_| new(0));
        let ends = repeat(count, |_| vec![END, I32_ADD]);
        function(1, 1, 0, &[copies, sets, with(LOCAL_GET, 0), ends].concat())
    };
    let n = 20_000;
    assert_eq!(call(&load(&one(n)).expect("valid"), &[3]), [3 * n as i32]);
    assert_eq!(call(&load(&forward(n)).expect("valid"), &[3]), [3]);
    assert_eq!(call(&load(&backward(n)).expect("valid"), &[3]), [3]);
    assert_eq!(call(&load(&alternating(n)).expect("valid"), &[3]), [3 + 7 * (n as i32 - 1)]);
    assert_eq!(call(&load(&other(n)).expect("valid"), &[3]), [3 * n as i32]);
    assert_eq!(call(&load(&nested(n)).expect("valid"), &[3]), [7 + 3 * n as i32]);
    assert_linear("copies of one local", 10_000, USUAL, one);
    assert_linear("copies of locals", 5_000, USUAL, forward);
    assert_linear("copies of locals, backwards", 5_000, USUAL, backward);
    assert_linear("copies of one local in turn", 5_000, USUAL, alternating);
    assert_linear("another local", 10_000, USUAL, other);
    assert_linear("copies of one local in blocks", 5_000, USUAL, nested);
}

/// Parameters and results of blocks and functions, as many as there may be: an instruction of two bytes moves
/// or names as many registers. A module that would become far larger than it is by that is refused.
const MANY: usize = limits::MAX_PARAMS;

#[track_caller]
fn assert_refused_as_too_large(wasm: &[u8]) {
    let error = refused(load_within(wasm, WIDE));
    let reasons = ["much larger", "too many values", "registers"];
    assert!(reasons.iter().any(|reason| error.contains(reason)), "{error}");
}

#[test]
fn blocks_of_many_results() {
    let ones = repeat(MANY, |_| vec![I32_CONST, 1]);
    // Block type 1 has the results, 2 also takes as many.
    let types = [(1, MANY), (0, MANY), (MANY, MANY)];
    let wide = |code: Vec<u8>| module(&types, &[(0, body(0, &code))]);
    let nested = |count: usize| wide([[BLOCK, 1].repeat(count), ones.clone(), [END].repeat(count)].concat());
    let in_turn = |count: usize| wide([ones.clone(), [BLOCK, 2, END].repeat(count)].concat());
    let left = |count: usize| {
        let leave = [with(LOCAL_GET, 0), with(BR_IF, 0)].concat().repeat(count);
        wide([vec![BLOCK, 1], ones.clone(), leave, vec![END]].concat())
    };
    let looped = |count: usize| {
        let again = [vec![I32_CONST, 0], with(BR_IF, 0)].concat().repeat(count);
        wide([ones.clone(), vec![LOOP, 2], again, vec![END]].concat())
    };
    let table = |count: usize| {
        let targets = repeat(count, |_| vec![0]);
        wide(
            [
                vec![BLOCK, 1],
                ones.clone(),
                with(LOCAL_GET, 0),
                with(BR_TABLE, count as u32),
                targets,
                vec![0, END],
            ]
            .concat(),
        )
    };
    let outwards = |count: usize| {
        let targets = repeat(count, |i| with(0, i)[1..].to_vec());
        wide(
            [
                [BLOCK, 1].repeat(count),
                ones.clone(),
                with(LOCAL_GET, 0),
                with(BR_TABLE, count as u32 - 1),
                targets,
                [END].repeat(count),
            ]
            .concat(),
        )
    };
    type Wide<'a> = (&'a str, &'a dyn Fn(usize) -> Vec<u8>);
    let forms: [Wide<'_>; 6] = [
        ("nested blocks with results", &nested),
        ("blocks with parameters in turn", &in_turn),
        ("branches with results", &left),
        ("branches with parameters", &looped),
        ("branch tables with results", &table),
        ("branch tables outwards with results", &outwards),
    ];
    for (what, wasm) in forms {
        assert_eq!(call(&load_within(&wasm(40), WIDE).expect("valid"), &[0]), [1; MANY], "{what}");
        assert_linear(what, 15, WIDE, wasm);
        // Far more: what does not become large because of that may be, or is refused.
        match load_within(&wasm(50_000), WIDE) {
            Ok(module) => assert_eq!(call(&module, &[0]), [1; MANY], "{what}"),
            Err(_) => assert_refused_as_too_large(&wasm(50_000)),
        }
    }
}

#[test]
fn calls_of_many_parameters() {
    let types = [(MANY, MANY), (0, MANY)];
    let calls = |count: usize| {
        let identity = body(0, &repeat(MANY, |i| with(LOCAL_GET, i)));
        let code = [repeat(MANY, |i| vec![I32_CONST, (i % 64) as u8]), with(CALL, 0).repeat(count)].concat();
        module(&types, &[(0, identity), (1, body(0, &code))])
    };
    let results = call(&load_within(&calls(100), WIDE).expect("valid"), &[]);
    assert_eq!(results, (0..MANY as i32).map(|i| i % 64).collect::<Vec<_>>());
    assert_linear("calls", 200, WIDE, calls);
    assert_refused_as_too_large(&calls(50_000));
}

/// Code that is never reached can be of any form, at no cost.
#[test]
fn unreachable_code() {
    let unreachable = |count: usize| {
        let code = [vec![UNREACHABLE], [I32_ADD, BLOCK, EMPTY, BR, 0, END].repeat(count), vec![DROP]];
        function(0, 0, 0, &code.concat())
    };
    assert_linear("unreachable code", 100_000, USUAL, unreachable);
    let module = load(&unreachable(100)).expect("valid");
    let words: usize = module.verified().functions.iter().map(|function| function.code.len()).sum();
    assert!(words < 10, "{words} words of code");
}

#[test]
fn names_that_make_no_sense() {
    let named = |names: &[u8]| {
        let mut wasm = small();
        // The section's own name.
        let data = [&[4], b"name".as_slice(), names].concat();
        let mut section = vec![];
        RawSection { id: 0, data: &data }.encode(&mut section);
        wasm.push(0);
        wasm.extend_from_slice(&section);
        wasm
    };
    let sub = |id: u8, content: &[u8]| {
        let mut section = vec![id];
        (content.len() as u32).encode(&mut section);
        [section.as_slice(), content].concat()
    };
    let long = {
        let mut name = vec![1, 1];
        200_000_u32.encode(&mut name);
        name.extend_from_slice(&[b'x'; 200_000]);
        name
    };
    let odd: [&[u8]; 24] = [
        b"",
        b"\0",
        b"\xFF\xFF\xFF",
        b"\x01\xFF\xFF\xFF\xFF\x0F",
        b"\x01\x7F",
        // Functions: no such index, one twice, not in order, a count too large, cut off, not UTF-8, empty.
        &sub(1, b"\x01\xFF\xFF\xFF\xFF\x0F\x01a"),
        &sub(1, b"\x02\x01\x01a\x01\x01b"),
        &sub(1, b"\x02\x02\x01a\x01\x01b"),
        &sub(1, b"\xFF\xFF\xFF\xFF\x0F\x01\x01a"),
        &sub(1, b"\x01\x01\x09a"),
        &sub(1, b"\x01\x01\x02\xFF\xFE"),
        &sub(1, b"\x01\x01\x00"),
        // The same name for two, names that mean something in text, and characters that do.
        &sub(1, b"\x02\x01\x01a\x02\x01a"),
        &sub(1, b"\x02\x01\x02f2\x02\x02f1"),
        &sub(1, b"\x01\x01\x0B\"\\\n\0)@%;{}\t"),
        &sub(1, "\x01\x01\x08\u{202E}\u{FEFF}é".as_bytes()),
        &sub(1, &long),
        // Locals: no such function, no such local, names of all kinds.
        &sub(2, b"\x01\x63\x01\x00\x01a"),
        &sub(2, b"\x01\x01\x01\x63\x01a"),
        &sub(2, b"\x01\x02\x01\x00\x05a b\n\""),
        &sub(2, b"\x01\x02\xFF\xFF\xFF\xFF\x0F"),
        // The module's own, twice; a kind that there is not; out of order.
        &[sub(0, b"\x01a"), sub(0, b"\x01b")].concat(),
        &sub(99, b"abc"),
        &[sub(2, b"\0"), sub(1, b"\x01\x01\x01a")].concat(),
    ];
    for names in odd {
        assert!(bodies::translate(&named(names)), "{names:x?}");
        load(&named(names)).unwrap_or_else(|error| panic!("{names:x?}: {error}"));
    }
    // Every kind of name, cut off and changed at every byte.
    let every: Vec<u8> = (0..12).flat_map(|id| sub(id, b"\x02\0\x01a\x01\x01b")).collect();
    for at in 0..every.len() {
        assert!(bodies::translate(&named(&every[..at])));
        for byte in [0, 1, 2, 0x7F, 0x80, 0xFF] {
            let mut names = every.clone();
            names[at] = byte;
            assert!(bodies::translate(&named(&names)), "{names:x?}");
        }
    }
}

/// Sections that the machine keeps and does not read.
#[test]
fn large_custom_sections() {
    let custom = |len: usize| {
        let mut wasm = Wasm::new();
        wasm.section(&RawSection { id: 0, data: &[&[1, b'x'], vec![0xAA; len].as_slice()].concat() });
        wasm.finish()
    };
    let many = |count: usize| {
        let mut wasm = Wasm::new();
        for _ in 0..count {
            wasm.section(&RawSection { id: 0, data: &[1, b'x'] });
        }
        wasm.finish()
    };
    assert_linear("a custom section", 1_000_000, USUAL, custom);
    assert_linear("custom sections", 20_000, USUAL, many);
}

/// Everything else that there may be many of.
#[test]
fn many_items() {
    let sections = |sections: &[(u8, Vec<u8>)]| {
        let mut wasm = Wasm::new();
        for (id, data) in sections {
            wasm.section(&RawSection { id: *id, data });
        }
        wasm.finish()
    };
    let counted = |count: usize, item: &dyn Fn(u32) -> Vec<u8>| {
        let mut data = vec![];
        (count as u32).encode(&mut data);
        data.extend(repeat(count, item));
        data
    };
    let ty = (1, vec![1, 0x60, 0, 0]);
    let global = vec![I32, 0, I32_CONST, 0, END];
    let exported = |i: u32| [&[6], format!("{i:06}").as_bytes(), &[3, 0]].concat();
    assert_linear("types", 20_000, USUAL, |n| sections(&[(1, counted(n, &|_| vec![0x60, 0, 0]))]));
    assert_linear("imports", 20_000, USUAL, |n| {
        sections(&[ty.clone(), (2, counted(n, &|_| vec![0, 0, 0, 0]))])
    });
    assert_linear("globals", 20_000, USUAL, |n| sections(&[(6, counted(n, &|_| global.clone()))]));
    assert_linear("exports", 20_000, USUAL, |n| {
        sections(&[(6, counted(1, &|_| global.clone())), (7, counted(n, &exported))])
    });
    assert_linear("elements", 20_000, USUAL, |n| {
        let elements = [vec![1, 5, 0x70], counted(n, &|_| vec![0xD0, 0x70, END])].concat();
        sections(&[(9, elements)])
    });
    assert_linear("element segments", 10_000, USUAL, |n| sections(&[(9, counted(n, &|_| vec![1, 0, 0]))]));
    assert_linear("data segments", 10_000, USUAL, |n| {
        let mut count = vec![];
        (n as u32).encode(&mut count);
        sections(&[(12, count), (11, counted(n, &|_| vec![1, 0]))])
    });
    // Fewer than other engines allow, by a limit of the machine.
    let tables = |n: usize| load(&sections(&[(4, counted(n, &|_| vec![0x70, 0, 0]))]));
    assert!(tables(limits::MAX_TABLES).is_ok());
    let error = refused(tables(limits::MAX_TABLES + 1));
    assert!(error.contains("tables"), "{error}");
}

/// Text is read by other rules: what opens and never closes, far too deep.
#[test]
fn hostile_text() {
    let engine = Engine::default();
    let check = |text: String| {
        let error = refused(Module::new(&engine, text).map_err(|error| error.to_string()));
        assert!(!error.is_empty());
    };
    check("(".repeat(1_000_000));
    check("(;".repeat(1_000_000));
    check(";;\n".repeat(1_000_000) + "(");
    check(format!("(module {}", "(func ".repeat(1_000_000)));
    check(format!("(module (func {}", "(block ".repeat(1_000_000)));
    check("(module \"".to_owned());
    check("(module (func (i32.const 1)))".to_owned());
    check("(module (memory 1) (memory 1))".to_owned());
    let folded = format!(
        "(module (func (export \"f\") (result i32) {}(i32.const 1){}))",
        "(i32.eqz ".repeat(50_000),
        ")".repeat(50_000)
    );
    assert_eq!(call(&Module::new(&engine, folded).expect("valid"), &[]), [1]);
}
