//! What is disassembled assembles to an equal module, and so to the same bytes.

mod common;

use std::fs;
use std::path::Path;

use bytecode_spec::{
    Arg, ConstExpr, CustomSection, DataSegment, ElementSegment, ExportKind, FuncIndex, FuncType, Function,
    FunctionBuilder, Global, GlobalIndex, GlobalType, Import, ImportKind, Limits, Memory, MemoryType, Module,
    Op, Reg, SourceIndex, Table, TableIndex, TableType, TypeDef, TypeIndex, ValType, VerifiedModule,
    encoding, verify,
};
use common::Program;
use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use strata_asm::{assemble, disassemble, disassemble_function};

#[track_caller]
fn assert_round_trip(module: &VerifiedModule) -> String {
    let text = disassemble(module);
    let again =
        assemble("another name", &text).unwrap_or_else(|errors| panic!("{}\n{text}", errors.render(false)));
    assert_eq!(*again, **module, "{text}");
    assert_eq!(encoding::encode(&again), encoding::encode(module));
    assert_eq!(disassemble(&again), text);
    text
}

#[test]
fn written_modules() {
    let mut count = 0;
    for folder in ["tests/round_trip", "../programs", "../programs/kernels"] {
        for entry in fs::read_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(folder)).unwrap() {
            let path = entry.unwrap().path();
            if path.extension().is_some_and(|extension| extension == "sasm") {
                let name = path.file_name().unwrap().to_string_lossy().into_owned();
                let text = fs::read_to_string(&path).unwrap();
                let module =
                    assemble(&name, &text).unwrap_or_else(|errors| panic!("{}", errors.render(false)));
                assert_round_trip(&module);
                count += 1;
            }
        }
    }
    assert!(count >= 10);
}

#[test]
fn every_row_of_the_table() {
    for &op in Op::ALL {
        for variant in 0..4 {
            let mut program = Program::new(variant);
            program.instruction(op);
            let module = program.finish();
            let text = assert_round_trip(&module);
            assert!(text.contains(op.info().mnemonic()), "{text}");
        }
    }
}

#[test]
fn random_functions() {
    for seed in 0..300 {
        let mut rng = StdRng::seed_from_u64(seed);
        let mut program = Program::new(seed);
        for _ in 0..rng.random_range(0..60) {
            program.instruction(Op::ALL[rng.random_range(0..Op::ALL.len())]);
        }
        assert_round_trip(&program.finish());
    }
}

fn nop(ty: TypeIndex, name: &str) -> Function {
    let mut f = FunctionBuilder::new(ty, &FuncType::default());
    f.name(name);
    f.emit(Op::Ret, &[Arg::Regs(&[])]);
    f.finish().unwrap()
}

/// Every index space with names that are empty, equal, odd, or look like indices.
fn odd_names() -> Module {
    const NAMES: [&str; 12] =
        ["", "a", "a", "", "0", "12", "a b", "\"", "\0\n0", "ü\u{301}\u{202E}", "r1", "-$._"];
    let limits = Limits { min: 1, max: Some(2) };
    let table = TableType { element: ValType::ExternRef, limits };
    let global = GlobalType { content: ValType::F64, mutable: true };
    let mut module = Module { sources: vec!["a\"b".into()], ..Module::default() };
    for name in NAMES {
        module.types.push(TypeDef { name: name.into(), ty: FuncType::default() });
        for kind in [ImportKind::Func(TypeIndex(1)), ImportKind::Table(table), ImportKind::Global(global)] {
            module.imports.push(Import { name: name.into(), module: name.into(), field: name.into(), kind });
        }
    }
    for name in NAMES {
        module.functions.push(nop(TypeIndex(2), name));
        module.tables.push(Table { name: name.into(), ty: table });
        module.globals.push(Global {
            name: name.into(),
            ty: global,
            init: ConstExpr::F64(0x7FF8_0000_0000_0001),
        });
        module.data.push(DataSegment { name: name.into(), offset: None, bytes: name.into() });
        module.elements.push(ElementSegment {
            name: name.into(),
            element: ValType::ExternRef,
            place: Some((TableIndex(3), ConstExpr::I32(-1))),
            items: vec![ConstExpr::Null(ValType::ExternRef); 9],
        });
        module.custom.push(CustomSection { name: name.into(), bytes: vec![0xFF; name.len()] });
    }
    module.memories.push(Memory { name: "a".into(), ty: MemoryType { limits } });
    module.start = Some(FuncIndex(13));
    module
}

#[test]
fn odd_and_equal_names() {
    assert_round_trip(&verify(odd_names()).unwrap());
}

#[test]
fn exports_in_any_order() {
    for descending in [false, true] {
        let mut module = odd_names();
        let order: Vec<u32> = if descending { (0..24).rev().collect() } else { (0..24).collect() };
        for i in order {
            module.export(&format!("f{i}"), ExportKind::Func(FuncIndex(i)));
            module.export(&format!("g{i}"), ExportKind::Global(GlobalIndex(i / 2)));
        }
        assert_round_trip(&verify(module).unwrap());
    }
    let mut module = odd_names();
    for i in 0..24 {
        module.export(&format!("f{i}"), ExportKind::Func(FuncIndex(i)));
    }
    let text = assert_round_trip(&verify(module).unwrap());
    assert!(text.contains("export \"f23\" {"), "exports in order go to their functions: {text}");
}

#[test]
fn register_names_of_all_kinds() {
    let names = ["", "x", "x", "r0", "r3", "r007", "r", "%", "a b", "ü", "", "r11", "r12x", "-"];
    let mut module = Module::default();
    let ty = module.intern_type(&FuncType::new([ValType::I32; 3], []));
    let mut f = FunctionBuilder::new(ty, &module.types[0].ty);
    let registers: Vec<_> =
        (0..names.len()).map(|i| if i < 3 { f.param(i) } else { f.register(ValType::I32) }).collect();
    for (&reg, name) in registers.iter().zip(names) {
        f.name_register(reg, name);
    }
    for pair in registers.windows(2).rev() {
        f.emit(Op::Move, &[pair[0].into(), pair[1].into()]);
    }
    f.emit(Op::Ret, &[Arg::Regs(&[])]);
    module.functions.push(f.finish().unwrap());
    let module = verify(module).unwrap();
    let text = assert_round_trip(&module);
    assert!(text.contains("%r1\"x\": i32, %r2\"x\": i32"), "{text}");
    assert!(module.functions[0].register_names.of(Reg(11)).is_empty());
}

#[test]
fn line_tables_that_go_back_and_forth() {
    let sources = ["lines.c", "", "lines.h"].map(str::to_owned).to_vec();
    let mut module = Module { sources, ..Module::default() };
    let ty = module.intern_type(&FuncType::default());
    let mut f = FunctionBuilder::new(ty, &FuncType::default());
    for (source, line) in
        [(0, 0), (1, 0), (0, 7), (0, 7), (0, 3), (2, 3), (1, 0), (1, u32::MAX), (0, 1), (2, 200)]
    {
        f.line_of(SourceIndex(source), line);
        f.emit(Op::Nop, &[]);
    }
    f.emit(Op::Ret, &[Arg::Regs(&[])]);
    module.functions.push(f.finish().unwrap());
    let text = assert_round_trip(&verify(module).unwrap());
    assert!(text.contains("line 4294967295 of 1  nop\n  line 1                nop"), "{text}");
}

/// Such as come from other languages: their instructions get no lines from the text that they are printed as.
#[test]
fn modules_without_sources() {
    let mut module = Module::default();
    let ty = module.intern_type(&FuncType::default());
    module.functions.push(nop(ty, "f"));
    let text = assert_round_trip(&verify(module).unwrap());
    assert_eq!(text, "source none\n\nfunc @f() {\n  ret\n}\n");
}

#[test]
fn types_are_items_only_where_functions_do_not_add_them() {
    let text = "func @f(%a: i32) { ret }\nfunc @g(%a: i64) { ret }\nfunc @h(%a: i32) { ret }";
    assert!(!assert_round_trip(&assemble("a", text).unwrap()).contains("type"));
    for types in [[0, 1, 2], [2, 1, 0], [1, 1, 0], [0, 0, 0], [1, 2, 1], [2, 2, 2]] {
        let ty = TypeDef { name: String::new(), ty: FuncType::default() };
        let mut module = Module { types: vec![ty; 3], ..Module::default() };
        module.types[1].ty = FuncType::new([], [ValType::I32]);
        for (i, ty) in types.into_iter().enumerate() {
            module.imports.push(Import {
                name: String::new(),
                module: i.to_string(),
                field: String::new(),
                kind: ImportKind::Func(TypeIndex(ty)),
            });
        }
        assert_round_trip(&verify(module).unwrap());
    }
}

#[test]
fn empty_and_large_modules() {
    assert_round_trip(&verify(Module::default()).unwrap());
    let mut module = Module::default();
    for i in 0..3000u32 {
        module.types.push(TypeDef { name: i.to_string(), ty: FuncType::default() });
        module.functions.push(nop(TypeIndex(i), &format!("f{}", i / 2)));
    }
    module
        .memories
        .push(Memory { name: String::new(), ty: MemoryType { limits: Limits { min: 0, max: None } } });
    let bytes: Vec<u8> = (0..100_000u32).map(|i| (i.wrapping_mul(i) >> 3) as u8).collect();
    module.data.push(DataSegment {
        name: String::new(),
        offset: Some(ConstExpr::I32(i32::MIN)),
        bytes: bytes.clone(),
    });
    module.custom.push(CustomSection { name: "all".into(), bytes });
    assert_round_trip(&verify(module).unwrap());
}

#[test]
fn single_functions() {
    let text = "import memory 1 from \"a\" \"b\"\nimport func @p(i64) from \"a\" \"c\"\nfunc @q() export { trap unreachable }";
    let module = assemble("a", text).unwrap();
    let import = disassemble_function(&module, FuncIndex(0)).unwrap();
    assert_eq!(import, "import func @p(i64) from \"a\" \"c\"\n");
    let function = disassemble_function(&module, FuncIndex(1)).unwrap();
    assert_eq!(function, "func @q() export {\n  line 3  trap unreachable\n}\n");
    assert_eq!(disassemble_function(&module, FuncIndex(2)), None);
}
