//! What a stranger may send: bytes that are no module, modules that are wrong or far too large, and modules that are
//! valid and mean harm. Nothing may panic, take more than linear time, or more memory than a multiple of its input.

use std::time::{Duration, Instant};

use bytecode_spec::encoding::{self, DecodeError, MAGIC, VERSION};
use bytecode_spec::{
    Arg, ConstExpr, ExportKind, FuncIndex, FuncType, FunctionBuilder, Global, GlobalType, Limits, LineEntry,
    Module, Op, Pc, Reg, SourceIndex, Table, TableIndex, TableType, TypeDef, TypeIndex, ValType,
    VerifiedModule, limits, verify,
};
use strata::{Config, Engine, Error, Linker, Store, Target, Trap, TrapCause};
use strata_testing::choices::Choices;
use strata_testing::counting::{Counting, peak_of};
use strata_testing::{bodies, generate, mutate};

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Bytes that decoding may have allocated for each byte of input, and in any case.
const DECODE_FACTOR: usize = 64;
const DECODE_BASE: usize = 4 << 20;

fn cases(default: u64) -> std::ops::Range<u64> {
    let factor =
        std::env::var("STRATA_HOSTILE_FACTOR").ok().and_then(|value| value.parse().ok()).unwrap_or(1);
    0..default * factor
}

fn decode(bytes: &[u8]) -> Result<Module, DecodeError> {
    let (decoded, peak) = peak_of(|| encoding::decode(bytes));
    let most = bytes.len() * DECODE_FACTOR + DECODE_BASE;
    assert!(peak <= most, "{peak} bytes to decode {}", bytes.len());
    decoded
}

/// Decodes, and does with the module all that one does with a stranger's.
fn receive(bytes: &[u8]) -> bool {
    let Ok(module) = decode(bytes) else { return false };
    let (verified, peak) = peak_of(|| verify(module));
    assert!(peak <= bytes.len() * DECODE_FACTOR + DECODE_BASE, "{peak} bytes to verify {}", bytes.len());
    match verified {
        Ok(module) => {
            bodies::round_trips(&module);
            strata_testing::hostile::run(&module);
            true
        }
        Err(errors) => {
            assert!(!errors.0.is_empty() && !errors.to_string().is_empty());
            false
        }
    }
}

fn random_module(seed: u64) -> VerifiedModule {
    generate::program(&mut Choices::seeded(seed))
}

#[test]
fn truncated_modules_are_refused() {
    let bytes = encoding::encode(&random_module(1));
    for len in 0..bytes.len() {
        assert!(decode(&bytes[..len]).is_err(), "{len} of {} bytes", bytes.len());
    }
    assert!(matches!(decode(&bytes[..bytes.len() - 1]), Err(DecodeError::Truncated { .. })));
    let longer = [bytes.as_slice(), &[0]].concat();
    assert_eq!(decode(&longer), Err(DecodeError::Trailing { offset: bytes.len(), extra: 1 }));
}

#[test]
fn headers_are_checked() {
    assert_eq!(decode(b""), Err(DecodeError::Magic));
    assert_eq!(decode(b"\x7fSB"), Err(DecodeError::Magic));
    assert_eq!(decode(b"\0asm\x01\0\0\0"), Err(DecodeError::Magic));
    assert_eq!(decode(&MAGIC), Err(DecodeError::Truncated { offset: 4 }));
    let other = VERSION + 1;
    let bytes = [MAGIC.as_slice(), &other.to_le_bytes()].concat();
    assert_eq!(decode(&bytes), Err(DecodeError::Version { found: other }));
}

#[test]
fn oversized_modules_are_refused_unread() {
    let mut bytes = vec![0; limits::MAX_MODULE_BYTES + 1];
    bytes[..4].copy_from_slice(&MAGIC);
    bytes[4..8].copy_from_slice(&VERSION.to_le_bytes());
    assert_eq!(decode(&bytes), Err(DecodeError::TooLarge { len: bytes.len() }));
}

#[test]
fn mutated_modules() {
    let mut valid = 0;
    for seed in cases(4_000) {
        let choices = &mut Choices::seeded(seed);
        let mut bytes = encoding::encode(&random_module(seed % 50));
        (0..=choices.below(2)).for_each(|_| mutate::bytes(choices, &mut bytes));
        valid += u32::from(receive(&bytes));
    }
    assert!(valid > 100, "only {valid} mutated modules were valid: mutations are too coarse");
}

#[test]
fn random_bytes() {
    for seed in cases(20_000) {
        let choices = &mut Choices::seeded(seed);
        let mut bytes =
            if choices.percent(90) { [MAGIC.as_slice(), &VERSION.to_le_bytes()].concat() } else { vec![] };
        for _ in 0..choices.below(200) {
            // Small numbers are plausible counts.
            bytes.push(if choices.percent(60) { choices.below(6) as u8 } else { choices.bits() as u8 });
        }
        receive(&bytes);
    }
}

/// A count of anything that promises far more than follows.
#[test]
fn hostile_counts() {
    let header = [MAGIC.as_slice(), &VERSION.to_le_bytes()].concat();
    let fields = 12;
    for count in [[0xFF, 0xFF, 0xFF, 0xFF, 0x0F].as_slice(), &[0xFF; 9], &[0x80, 0x80, 0x80, 0x01]] {
        for empty_fields in 0..fields {
            let bytes = [header.as_slice(), &vec![0; empty_fields], count, &[0; 16]].concat();
            assert!(decode(&bytes).is_err());
        }
        // Within the first function: its name, type, registers, names of registers (all names, their lengths), code,
        // lines.
        for empty in 0..7 {
            let function = [&[0, 0, 0, 1][..], &vec![0; empty], count].concat();
            assert!(decode(&[header.as_slice(), &function].concat()).is_err());
        }
    }
}

/// The smallest encodings of everything there may be many of: what comes out must be in proportion.
#[test]
fn dense_modules_take_memory_in_proportion() {
    const MANY: usize = 50_000;
    let mut module = nullary_module();
    module.types = vec![module.types[0].clone(); MANY];
    module.globals = vec![
        Global {
            name: String::new(),
            ty: GlobalType { content: ValType::I32, mutable: false },
            init: ConstExpr::I32(0)
        };
        MANY
    ];
    module.functions = vec![function(&[Op::Ret]); MANY];
    module.functions[0].registers = vec![ValType::I32; 60_000];
    module.functions[0].register_names = vec!["x"; 60_000].into_iter().collect();
    let bytes = encoding::encode(&verify(module).unwrap());
    assert!(receive(&bytes));
}

#[test]
fn mutated_code_and_declarations() {
    let valid = cases(3_000).filter(|&seed| bodies::verify_changed(&mut Choices::seeded(seed))).count();
    assert!(valid > 100, "only {valid} mutated modules were valid: mutations are too coarse");
}

#[test]
fn mutated_text() {
    for seed in cases(600) {
        let choices = &mut Choices::seeded(seed);
        let mut text = strata_asm::disassemble(&random_module(seed % 20)).into_bytes();
        (0..=choices.below(4)).for_each(|_| mutate::bytes(choices, &mut text));
        bodies::assemble(&text);
    }
}

#[test]
fn random_decisions_as_fuzzers_make_them() {
    for seed in cases(200) {
        let choices = &mut Choices::seeded(seed);
        let bytes: Vec<u8> = (0..choices.below(600)).map(|_| choices.bits() as u8).collect();
        bodies::run(&bytes);
        bodies::round_trip(&bytes);
        bodies::verify(&bytes);
    }
}

/// A function of type `@t0`, `() -> ()`, without registers.
fn function(ops: &[Op]) -> bytecode_spec::Function {
    let mut builder = FunctionBuilder::new(TypeIndex(0), &FuncType::default());
    for &op in ops {
        builder.emit(op, if op == Op::Ret { &[Arg::Regs(&[])] } else { &[] });
    }
    builder.finish().unwrap()
}

fn nullary_module() -> Module {
    let ty = TypeDef { name: String::new(), ty: FuncType::default() };
    Module { types: vec![ty], ..Module::default() }
}

/// Asserts that eight times the size takes about eight times as long, rather than 64 times: in one of a few rounds, since
/// other work may be going on. `work` may make what it works on, if that takes linear time.
#[track_caller]
fn assert_linear(what: &str, size: usize, work: impl Fn(usize)) {
    let time = |size| {
        let start = Instant::now();
        work(size);
        start.elapsed()
    };
    let mut rounds = Vec::new();
    for _ in 0..4 {
        let small = (0..3).map(|_| time(size)).min().unwrap_or_default();
        let large = time(8 * size);
        if large < 24 * small.max(Duration::from_millis(1)) {
            return;
        }
        rounds.push((small, large));
    }
    panic!("{what}: for {size} and for eight times as many {rounds:?}");
}

#[test]
fn a_million_functions() {
    let module_of = |count: usize| {
        let mut module = nullary_module();
        module.functions = vec![function(&[Op::Ret]); count];
        for (i, function) in module.functions.iter_mut().enumerate() {
            function.name = format!("f{i}");
        }
        module.export("last", ExportKind::Func(FuncIndex(count as u32 - 1)));
        module
    };
    let run = |count: usize| {
        let module = verify(module_of(count)).unwrap();
        let bytes = encoding::encode(&module);
        let engine = Engine::default();
        let module = strata::Module::new(&engine, &bytes).unwrap();
        let mut store = Store::new(&engine, ());
        let instance = Linker::new(&engine).instantiate(&mut store, &module).unwrap();
        instance.typed_func::<(), ()>(&store, "last").unwrap().call(&mut store, ()).unwrap();
    };
    assert_linear("a million functions", limits::MAX_ITEMS / 8, run);

    let too_many = verify(module_of(limits::MAX_ITEMS + 1)).unwrap_err();
    assert_eq!(too_many.0[0].message, "1000001 functions, at most 1000000 are possible");
}

#[test]
fn listings_of_many_functions() {
    assert_linear("listings", 1000, |count| {
        let mut module = nullary_module();
        module.functions = vec![function(&[Op::Ret]); count];
        let module = strata::Module::from_verified(&Engine::default(), verify(module).unwrap());
        let listings = module.listings(strata::Tier::Template, strata::Target::X86_64);
        assert_eq!(listings.filter(|(_, listing)| listing.is_ok()).count(), count);
    });
}

#[test]
fn limits_of_functions() {
    // Registers: as many as there may be, then one more.
    let with_registers = |count: usize| {
        let mut module = nullary_module();
        module.types.push(TypeDef { name: String::new(), ty: FuncType::new([], [ValType::I64]) });
        let mut last = function(&[Op::Ret]);
        last.ty = TypeIndex(1);
        last.registers = vec![ValType::I64; count];
        last.code.clear();
        let reg = Reg((count - 1).min(usize::from(u16::MAX)) as u16);
        bytecode_spec::isa::encode(
            Op::ConstI64,
            &[bytecode_spec::Operand::Reg(reg), bytecode_spec::Operand::Imm(7)],
            &mut last.code,
        );
        let values = bytecode_spec::Operand::Regs([reg].into_iter().collect());
        bytecode_spec::isa::encode(Op::Ret, &[values], &mut last.code);
        module.functions.push(last);
        module.export("f", ExportKind::Func(FuncIndex(0)));
        verify(module)
    };
    let most = with_registers(limits::MAX_REGISTERS).unwrap();
    let engine = Engine::default();
    let mut store = Store::new(&engine, ());
    let module = strata::Module::from_verified(&engine, most);
    let instance = Linker::new(&engine).instantiate(&mut store, &module).unwrap();
    let f = instance.typed_func::<(), i64>(&store, "f").unwrap();
    assert_eq!(f.call(&mut store, ()).unwrap(), 7);
    let errors = with_registers(limits::MAX_REGISTERS + 1).unwrap_err();
    assert_eq!(errors.0[0].message, "65536 registers, at most 65535 are possible");

    // Parameters and results.
    for over in [false, true] {
        let many = vec![ValType::I32; limits::MAX_PARAMS + usize::from(over)];
        for ty in [FuncType::new(many.clone(), []), FuncType::new([], many.clone())] {
            let mut module = nullary_module();
            module.types.push(TypeDef { name: String::new(), ty });
            assert_eq!(verify(module).is_err(), over);
        }
    }

    // Names.
    for over in [0, 1] {
        let mut module = nullary_module();
        module.types[0].name = "x".repeat(limits::MAX_NAME_BYTES + over);
        assert_eq!(verify(module).is_err(), over == 1);
    }
}

/// A long function: decoding, verifying, the first call and the trap at its end must take time in proportion.
#[test]
fn long_functions() {
    let run = |count: usize| {
        let mut ops = vec![Op::Nop; count];
        ops.push(Op::Ret);
        let mut module = nullary_module();
        module.sources = vec!["a".into(), "b".into()];
        let mut f = function(&ops);
        let entry = |pc| LineEntry { pc: Pc(pc), source: SourceIndex(pc / 2 % 2), line: 1 + pc % 2 };
        f.lines = (0..count as u32).map(entry).collect();
        module.functions.push(f);
        module.export("f", ExportKind::Func(FuncIndex(0)));
        let module = verify(module).unwrap();
        let module = verify(encoding::decode(&encoding::encode(&module)).unwrap()).unwrap();
        call_all(module);
    };
    assert_linear("nops", 100_000, run);
}

/// Texts that are large in one respect: time must be in proportion, whether they are programs or not.
#[test]
fn large_texts() {
    type Part = fn(usize) -> String;
    let repeat = |count: usize, part: Part| (0..count).map(part).collect::<String>();
    let texts: [(&str, Part); 7] = [
        ("functions", |i| format!("func @f{i}() {{\n call @f0()\n ret\n}}\n")),
        ("duplicates", |_| "func @f() { ret }\n".to_owned()),
        ("unknown names", |i| format!("start @s{i}\n")),
        ("opening braces", |_| "func @f( {".to_owned()),
        ("numbers", |_| "0x123456789".to_owned()),
        ("quotes and odd characters", |i| format!("\"\\{}\u{202E}", i % 10)),
        ("exports of one memory", |i| format!("export \"m{i}\" memory @0\n")),
    ];
    for (what, part) in texts {
        assert_linear(what, 2_000, |count| bodies::assemble(repeat(count, part).as_bytes()));
    }
    assert_linear("registers and labels", 2_000, |count| {
        let registers = repeat(count, |i| format!(" %r{i}: i64 = const.i64 {i}\n"));
        let labels = repeat(count, |i| format!("l{i}:\n br.eq.i64 %r0, {i}, l{}\n", i / 2));
        let unknown = repeat(count, |i| format!(" %x{i} = add.i64 %y{i}, %r0\n"));
        bodies::assemble(format!("func @f() {{\n{registers}{labels} ret\n}}").as_bytes());
        bodies::assemble(format!("func @f() {{\n{registers}{unknown} ret\n}}").as_bytes());
    });
}

/// Calls every export with what it takes to be quick about it; how that ends does not matter.
fn call_all(module: VerifiedModule) -> Vec<Option<TrapCause>> {
    let engine = Engine::new(Config::new());
    let module = strata::Module::from_verified(&engine, module);
    let mut store = Store::new(&engine, ());
    let instance = Linker::new(&engine).instantiate(&mut store, &module).unwrap();
    let mut causes = Vec::new();
    for (_, export) in instance.exports(&store) {
        let strata::Extern::Func(func) = export else { continue };
        causes.push(match func.call(&mut store, &[]) {
            Ok(_) => None,
            Err(Error::Trap(trap)) => Some(Trap::cause(&trap)),
            Err(error) => panic!("{error}"),
        });
    }
    causes
}

/// Jumps from each block to the one before: what is live spreads against the order of the code, a block at a time.
#[test]
fn chains_of_backward_jumps() {
    let run = |blocks: usize| {
        let mut builder = FunctionBuilder::new(TypeIndex(0), &FuncType::default());
        let (zero, end) = (builder.register(ValType::I32), builder.label());
        let labels: Vec<_> = (0..blocks).map(|_| builder.label()).collect();
        builder.emit(Op::Jump, &[labels[blocks - 1].into()]);
        for (i, &label) in labels.iter().enumerate() {
            builder.bind(label);
            builder.emit(Op::Jump, &[if i == 0 { end } else { labels[i - 1] }.into()]);
        }
        builder.bind(end);
        let out = builder.label();
        builder.emit(Op::BrNez, &[zero.into(), out.into()]);
        builder.bind(out);
        builder.emit(Op::Ret, &[Arg::Regs(&[])]);
        let mut module = nullary_module();
        module.functions.push(builder.finish().unwrap());
        module.export("f", ExportKind::Func(FuncIndex(0)));
        assert_eq!(call_all(verify(module).unwrap()), [None]);
    };
    assert_linear("backward jumps", 5_000, run);
}

/// A branch table whose targets learn one after the other what is live behind them.
#[test]
fn branch_tables_of_late_news() {
    let run = |targets: usize, registers: usize| {
        let mut builder = FunctionBuilder::new(TypeIndex(0), &FuncType::default());
        let index = builder.register(ValType::I32);
        let read: Vec<Reg> = (0..registers).map(|_| builder.register(ValType::I32)).collect();
        let (table, out) = (builder.label(), builder.label());
        let steps: Vec<_> = (0..targets).map(|_| [builder.label(), builder.label()]).collect();
        builder.emit(Op::Jump, &[table.into()]);
        for (i, [first, second]) in steps.iter().enumerate() {
            builder.bind(*first);
            builder.emit(Op::Jump, &[(*second).into()]);
            builder.bind(*second);
            builder.emit(Op::BrNez, &[read[i % registers].into(), out.into()]);
            builder.emit(Op::Jump, &[out.into()]);
        }
        builder.bind(out);
        builder.emit(Op::Ret, &[Arg::Regs(&[])]);
        builder.bind(table);
        let firsts: Vec<_> = steps.iter().map(|[first, _]| *first).collect();
        builder.emit(Op::BrTable, &[index.into(), Arg::Labels(&firsts)]);
        let mut module = nullary_module();
        module.functions.push(builder.finish().unwrap());
        module.export("f", ExportKind::Func(FuncIndex(0)));
        assert_eq!(call_all(verify(module).unwrap()), [None]);
    };
    assert_linear("few registers", 2_000, |targets| run(targets, 1));
    assert_linear("many registers", 100, |targets| run(targets, 1_000));
}

/// What the optimizing compiler finds out of functions: what is read behind sums, with and without a table of many targets there, how often
/// branches went, and which branches are of loops.
#[test]
fn optimizing_large_functions() {
    let optimize = |text: &str| {
        let engine = Engine::new(Config::new().profile(true));
        let module = strata::Module::new(&engine, text).unwrap_or_else(|error| panic!("{error}"));
        module.clif(FuncIndex(0), Target::X86_64).unwrap_or_else(|error| panic!("{error}"));
    };
    let all = |count: usize, part: fn(usize) -> String| (0..count).map(part).collect::<String>();
    let sum = |i: usize| format!(" %r{}: i32 = add.i32 %r{i}, %n\n", i + 1);
    assert_linear("sums before a table", 100, |count| {
        let (sums, targets) = (all(count, sum), all(count, |_| "a, b, ".to_owned()));
        optimize(&format!(
            "func @f(%n: i32, %r0: i32) -> i32 {{\n{sums} br.table %n, [{targets} a]\na:\n ret %r{count}\nb:\n ret %n\n}}"
        ));
    });
    assert_linear("sums", 400, |count| {
        optimize(&format!("func @f(%n: i32, %r0: i32) -> i32 {{\n{} ret %r{count}\n}}", all(count, sum)));
    });
    assert_linear("branches back", 250, |count| {
        let branches = all(count, |i| format!(" br.eq.i32 %n, {i}, again\n"));
        optimize(&format!("func @f(%n: i32) {{\nagain:\n %n = sub.i32 %n, 7\n{branches} ret\n}}"));
    });
    // Loops within each other, all of which one table goes back to, with an address that depends on what they count.
    assert_linear("loops of one table", 150, |count| {
        let (heads, ways) = (all(count, |i| format!("a{i}: nop\n")), all(count, |i| format!("a{i}, ")));
        optimize(&format!(
            "memory 1\nfunc @f(%n: i32) {{\n{heads} %n = load.i32 [%n + %n]\n br.table %n, [{ways} out]\nout: ret\n}}"
        ));
    });
}

/// Deep recursion in a long function: finding the line of a frame takes time in proportion to the function.
#[test]
fn deep_recursion_in_long_functions() {
    let run = |count: usize| {
        let mut builder = FunctionBuilder::new(TypeIndex(0), &FuncType::default());
        let call = builder.label();
        builder.emit(Op::Jump, &[call.into()]);
        (0..count).for_each(|_| builder.emit(Op::Nop, &[]));
        builder.bind(call);
        builder.emit(Op::Call, &[Arg::Regs(&[]), FuncIndex(0).into(), Arg::Regs(&[])]);
        builder.emit(Op::Ret, &[Arg::Regs(&[])]);
        let mut module = nullary_module();
        module.functions.push(builder.finish().unwrap());
        module.export("f", ExportKind::Func(FuncIndex(0)));
        assert_eq!(call_all(verify(module).unwrap()), [Some(TrapCause::StackOverflow)]);
    };
    assert_linear("deep recursion", 20_000, run);
}

/// A branch table of many targets, and many labels.
#[test]
fn large_branch_tables() {
    let run = |targets: usize| {
        let ty = FuncType::new([], [ValType::I32]);
        let mut builder = FunctionBuilder::new(TypeIndex(1), &ty);
        let (index, result) = (builder.register(ValType::I32), builder.register(ValType::I32));
        let labels: Vec<_> = (0..targets).map(|_| builder.label()).collect();
        builder.emit(Op::ConstI32, &[index.into(), (targets as i32 - 2).into()]);
        builder.emit(Op::BrTable, &[index.into(), Arg::Labels(&labels)]);
        for (i, &label) in labels.iter().enumerate() {
            builder.bind(label);
            builder.emit(Op::ConstI32, &[result.into(), (i as i32).into()]);
            builder.emit(Op::Ret, &[Arg::Regs(&[result])]);
        }
        let mut module = nullary_module();
        module.types.push(TypeDef { name: String::new(), ty });
        module.functions.push(builder.finish().unwrap());
        module.export("f", ExportKind::Func(FuncIndex(0)));
        let module = verify(module).unwrap();
        let engine = Engine::default();
        let module = strata::Module::from_verified(&engine, module);
        let mut store = Store::new(&engine, ());
        let instance = Linker::new(&engine).instantiate(&mut store, &module).unwrap();
        let f = instance.typed_func::<(), i32>(&store, "f").unwrap();
        assert_eq!(f.call(&mut store, ()).unwrap(), targets as i32 - 2);
        assert_eq!(module.profile().functions[0].branches.len(), targets);
    };
    assert_linear("branch table", 5_000, run);
}

/// Profiles of many loops, and of many calls in modules of many functions.
#[test]
fn profiles_of_large_modules() {
    let run = |count: usize| {
        let mut module = nullary_module();
        module.functions = vec![function(&[Op::Ret]); count];
        let mut builder = FunctionBuilder::new(TypeIndex(0), &FuncType::default());
        let (zero, func) = (builder.register(ValType::I32), builder.register(ValType::FuncRef));
        for i in 0..count {
            let own = builder.label();
            builder.bind(own);
            builder.emit(Op::BrNez, &[zero.into(), own.into()]);
            builder.emit(Op::RefFunc, &[func.into(), FuncIndex(i as u32).into()]);
            builder.emit(Op::TableSet, &[zero.into(), func.into(), TableIndex(0).into()]);
            let [none, ty, table] = [Arg::Regs(&[]), TypeIndex(0).into(), TableIndex(0).into()];
            builder.emit(Op::CallIndirect, &[zero.into(), none, none, ty, table]);
        }
        builder.emit(Op::Ret, &[Arg::Regs(&[])]);
        module.functions.push(builder.finish().unwrap());
        let limits = Limits { min: 1, max: None };
        let ty = TableType { element: ValType::FuncRef, limits };
        module.tables.push(Table { name: String::new(), ty });
        module.export("f", ExportKind::Func(FuncIndex(count as u32)));

        let engine = Engine::default();
        let module = strata::Module::from_verified(&engine, verify(module).unwrap());
        let mut store = Store::new(&engine, ());
        let instance = Linker::new(&engine).instantiate(&mut store, &module).unwrap();
        instance.typed_func::<(), ()>(&store, "f").unwrap().call(&mut store, ()).unwrap();
        let profile = module.profile();
        let of_f = profile.functions.last().unwrap();
        assert_eq!((of_f.loops.len(), of_f.indirect_calls.len()), (count, count));
        assert_eq!(of_f.indirect_calls[count - 1].targets, [(Some(FuncIndex(count as u32 - 1)), 1)]);
    };
    assert_linear("profiles", 4_000, run);
}

/// Many errors are counted out, not written out.
#[test]
fn errors_are_limited() {
    let mut module = nullary_module();
    let mut f = function(&[Op::Nop, Op::Ret]);
    // `add.i32` of registers that are not there.
    f.code = vec![u64::from(Op::AddI32 as u16) | 0xFFFF_FFFF_FFFF_0000; 1_000_000];
    module.functions = vec![f; 2];
    let (errors, peak) = peak_of(|| verify(module).unwrap_err());
    assert_eq!(errors.0.len(), 100);
    assert!(peak < 16 << 20, "{peak} bytes");
}
