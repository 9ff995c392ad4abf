//! What the builder and the verifier refuse, and how they say it.

use bytecode_spec::limits;
use bytecode_spec::{
    Arg, BuildError, ConstExpr, DataSegment, ExportKind, FuncIndex, FuncType, Function, FunctionBuilder,
    Global, GlobalIndex, GlobalType, Import, ImportKind, Limits, LineEntry, LineTable, Memory, MemoryType,
    Module, Op, Pc, Reg, RegisterNames, SourceIndex, Table, TableType, TypeDef, TypeIndex, ValType, encoding,
    verify,
};

/// A module with one function `f` of type (i64) -> (i64), built by `body`.
fn module_with(body: impl FnOnce(&mut FunctionBuilder)) -> Result<Module, BuildError> {
    let mut module = Module { sources: vec!["f.c".into()], ..Module::default() };
    let ty = module.intern_type(&FuncType::new([ValType::I64], [ValType::I64]));
    let mut f = FunctionBuilder::new(ty, &module.types[ty.index()].ty);
    f.name("f");
    f.line(7);
    body(&mut f);
    module.functions.push(f.finish()?);
    Ok(module)
}

fn verifier_says(module: Module) -> String {
    verify(module).expect_err("the module is wrong").to_string()
}

fn body_error(body: impl FnOnce(&mut FunctionBuilder)) -> String {
    verifier_says(module_with(body).expect("well formed"))
}

const N: Reg = Reg(0);

fn ret(f: &mut FunctionBuilder, reg: Reg) {
    f.emit(Op::Ret, &[Arg::Regs(&[reg])]);
}

#[test]
fn types_of_registers() {
    let message = body_error(|f| {
        let x = f.register(ValType::F64);
        f.name_register(x, "x");
        f.emit(Op::AddI64, &[N.into(), N.into(), x.into()]);
        ret(f, N);
    });
    assert_eq!(message, "function @f0, pc 0 (line 7): add.i64 needs an i64 in %x, found f64");
    let message = body_error(|f| {
        let x = f.register(ValType::F32);
        f.emit(Op::Move, &[x.into(), N.into()]);
        ret(f, N);
    });
    assert_eq!(
        message,
        "function @f0, pc 0 (line 7): move needs `dst` and `src` of one type, found f32 and i64"
    );
    let message = body_error(|f| {
        let x = f.register(ValType::I32);
        f.emit(Op::RefIsNull, &[x.into(), N.into()]);
        ret(f, N);
    });
    assert_eq!(message, "function @f0, pc 0 (line 7): ref.is_null needs a reference in %r0, found i64");
    let message = body_error(|f| {
        f.emit(Op::AddI64, &[N.into(), N.into(), Reg(9).into()]);
        ret(f, N);
    });
    assert_eq!(message, "function @f0, pc 0 (line 7): there is no register 9, the function has 1");
}

#[test]
fn returns_and_calls_fit_their_signatures() {
    let message = body_error(|f| f.emit(Op::Ret, &[Arg::Regs(&[])]));
    assert_eq!(message, "function @f0, pc 0 (line 7): ret needs 1 register in `values`, found 0");
    let message = body_error(|f| {
        f.emit(Op::Call, &[Arg::Regs(&[N, N]), FuncIndex(0).into(), Arg::Regs(&[N])]);
        ret(f, N);
    });
    assert_eq!(message, "function @f0, pc 0 (line 7): call needs 1 register in `args`, found 2");
    let message = body_error(|f| {
        f.emit(Op::CallImport, &[Arg::Regs(&[N]), FuncIndex(0).into(), Arg::Regs(&[N])]);
        ret(f, N);
    });
    assert_eq!(message, "function @f0, pc 0 (line 7): function 0 is defined here");
    let message = body_error(|f| {
        f.emit(Op::Call, &[Arg::Regs(&[N]), FuncIndex(3).into(), Arg::Regs(&[N])]);
        ret(f, N);
    });
    assert_eq!(message, "function @f0, pc 0 (line 7): there is no function 3, the module has 1");
}

#[test]
fn calls_are_noted_but_tail_calls() {
    let has_calls = |body: fn(&mut FunctionBuilder)| {
        verify(module_with(body).expect("well formed")).expect("sound").has_calls(FuncIndex(0))
    };
    assert!(!has_calls(|f| ret(f, N)));
    assert!(!has_calls(|f| f.emit(Op::TailCall, &[Arg::Regs(&[N]), FuncIndex(0).into()])));
    assert!(has_calls(|f| {
        f.emit(Op::Call, &[Arg::Regs(&[N]), FuncIndex(0).into(), Arg::Regs(&[N])]);
        ret(f, N);
    }));
}

#[test]
fn builders_refuse_what_is_ill_formed() {
    let unbound = module_with(|f| {
        let label = f.label();
        f.emit(Op::Jump, &[label.into()]);
    });
    assert_eq!(unbound, Err(BuildError::UnboundLabel { index: 0 }));
    assert_eq!(module_with(|_| ()), Err(BuildError::NoEnd));
    assert_eq!(module_with(|f| f.emit(Op::Nop, &[])), Err(BuildError::NoEnd));
    let falls_to_end = module_with(|f| {
        let end = f.label();
        f.emit(Op::Jump, &[end.into()]);
        f.bind(end);
    });
    assert_eq!(falls_to_end, Err(BuildError::NoEnd));
    let missing =
        module_with(|f| f.emit(Op::AddI64, &[N.into(), N.into()])).expect_err("an operand is missing");
    assert_eq!(
        missing.to_string(),
        "instruction 0: add.i64 is written `{dst} = {op} {a}, {b}`; operand b is missing or of another kind"
    );
    let wide = module_with(|f| {
        let label = f.label();
        f.bind(label);
        f.emit(Op::BrEqI64Imm, &[N.into(), (1i64 << 40).into(), label.into()]);
        ret(f, N);
    });
    let expected = BuildError::Range { index: 0, mnemonic: "br.eq.i64", operand: "b" };
    assert_eq!(wide, Err(expected));
    let many = module_with(|f| {
        for _ in 0..limits::MAX_REGISTERS {
            f.register(ValType::I32);
        }
    });
    assert_eq!(many, Err(BuildError::TooLarge { what: "registers", limit: limits::MAX_REGISTERS }));
}

/// Changes a sound function's code and says what the verifier finds.
fn after(change: impl FnOnce(&mut Function)) -> String {
    let mut module = module_with(|f| {
        let done = f.label();
        f.emit(Op::BrEqI64, &[N.into(), N.into(), done.into()]);
        f.emit(Op::AddI64Imm, &[N.into(), N.into(), 1i64.into()]);
        f.bind(done);
        ret(f, N);
    })
    .expect("well formed");
    change(&mut module.functions[0]);
    verifier_says(module)
}

#[test]
fn code_that_no_builder_makes() {
    let at = |f: &mut Function, word: usize, bits: u64| f.code[word] = bits;
    assert!(after(|f| at(f, 0, 0xffff)).contains("unknown opcode 65535"));
    assert!(after(|f| at(f, 1, 4)).contains("branches to 4, where no instruction starts"));
    assert!(after(|f| at(f, 1, -1i32 as u32 as u64)).contains("branches to -1, where no instruction starts"));
    assert!(after(|f| at(f, 2, 1)).contains("feedback must be zero"));
    assert!(after(|f| f.code[0] |= 1 << 63).contains("has bits set that stand for nothing"));
    assert!(after(|f| f.code[5] |= 1 << 63).contains("has bits set that stand for nothing"));
    assert!(after(|f| f.code.truncate(5)).contains("control runs off the end"));
    assert!(after(|f| f.code.truncate(4)).contains("add.i64 does not end within the code"));
    assert!(after(|f| f.code.clear()).contains("has no instructions"));
    assert!(after(|f| f.registers.clear()).contains("the first registers must be the parameters"));
    let lines = |entries: &[(u32, u32, u32)]| {
        let entry = |&(pc, source, line)| LineEntry { pc: Pc(pc), source: SourceIndex(source), line };
        after(|f| f.lines = entries.iter().map(entry).collect())
    };
    for wrong in [
        &[(0, 0, 0)][..],
        &[(1, 0, 7)],
        &[(0, 0, 7), (0, 0, 8)],
        &[(0, 0, 7), (3, 0, 7)],
        &[(3, 0, 7), (0, 0, 8)],
    ] {
        assert!(lines(wrong).contains("out of order or place"), "{wrong:?}");
    }
    assert!(lines(&[(0, 1, 7)]).contains("line 7 of source 1; the module has 1 sources"));
    assert!(lines(&[(0, 0, 7), (3, 1, 0)]).contains("line 0 of source 1"));
    assert!(
        after(|f| f.register_names = ["a", "b"].into_iter().collect()).contains("2 register names for 1")
    );
}

#[test]
fn declarations() {
    let limits = |min, max| Limits { min, max };
    type Change = Box<dyn Fn(&mut Module)>;
    let cases: Vec<(&str, Change)> = vec![
        ("there is no type 5", Box::new(|m| m.functions.push(function_of(TypeIndex(5))))),
        ("there is no function 0, the module has 0", Box::new(|m| m.start = Some(FuncIndex(0)))),
        (
            "\"x\" is exported twice",
            Box::new(|m| {
                m.imports.push(import(ImportKind::Func(TypeIndex(0))));
                m.export("x", ExportKind::Func(FuncIndex(0)));
                m.export("x", ExportKind::Func(FuncIndex(0)));
            }),
        ),
        (
            "the start function has type (i64) -> i64, it must be () without results",
            Box::new(|m| {
                m.imports.push(import(ImportKind::Func(TypeIndex(0))));
                m.start = Some(FuncIndex(0));
            }),
        ),
        (
            "2 memories, at most 1 are possible",
            Box::new(move |m| {
                let ty = MemoryType { limits: limits(1, None) };
                m.memories = vec![Memory { name: String::new(), ty }; 2];
            }),
        ),
        (
            "more pages than the limit of 65536",
            Box::new(move |m| {
                let ty = MemoryType { limits: limits(65_537, None) };
                m.memories.push(Memory { name: String::new(), ty });
            }),
        ),
        (
            "at least 3 elements and at most fewer",
            Box::new(move |m| {
                let ty = TableType { element: ValType::FuncRef, limits: limits(3, Some(2)) };
                m.tables.push(Table { name: String::new(), ty });
            }),
        ),
        (
            "elements must be references, found i32",
            Box::new(move |m| {
                let ty = TableType { element: ValType::I32, limits: limits(1, None) };
                m.tables.push(Table { name: String::new(), ty });
            }),
        ),
        (
            "needs a constant of type i64, found i32",
            Box::new(|m| m.globals.push(global(ValType::I64, ConstExpr::I32(1)))),
        ),
        ("null is no f32", Box::new(|m| m.globals.push(global(ValType::F32, ConstExpr::Null(ValType::F32))))),
        (
            "a constant may name imported, immutable globals only; global 1 is none",
            Box::new(|m| {
                m.globals.push(global(ValType::I32, ConstExpr::I32(1)));
                m.globals.push(global(ValType::I32, ConstExpr::Global(GlobalIndex(1))));
            }),
        ),
        (
            "there is no memory 0, the module has 0",
            Box::new(|m| {
                let offset = Some(ConstExpr::I32(0));
                m.data.push(DataSegment { name: String::new(), offset, bytes: vec![1] });
            }),
        ),
        (
            "the name has 100001 bytes",
            Box::new(|m| m.export(&"n".repeat(100_001), ExportKind::Func(FuncIndex(0)))),
        ),
        (
            "more than 1000 parameters or results",
            Box::new(|m| m.types[0].ty.params = vec![ValType::I32; 1001]),
        ),
    ];
    for (expected, change) in cases {
        let ty = FuncType::new([ValType::I64], [ValType::I64]);
        let mut module = Module { types: vec![TypeDef { name: String::new(), ty }], ..Module::default() };
        change(&mut module);
        let message = verifier_says(module);
        assert!(message.contains(expected), "expected {expected:?} in {message:?}");
    }
}

fn function_of(ty: TypeIndex) -> Function {
    let (registers, register_names, code, lines) = (vec![], RegisterNames::new(), vec![0], LineTable::new());
    Function { name: String::new(), ty, registers, register_names, code, lines }
}

fn import(kind: ImportKind) -> Import {
    Import { name: String::new(), module: "m".into(), field: "f".into(), kind }
}

fn global(content: ValType, init: ConstExpr) -> Global {
    Global { name: String::new(), ty: GlobalType { content, mutable: false }, init }
}

#[test]
fn every_length_of_a_module_cut_off_is_refused() {
    let module = module_with(|f| ret(f, N)).expect("well formed");
    let bytes = encoding::encode(&verify(module).expect("sound"));
    for len in 0..bytes.len() {
        let error = encoding::decode(&bytes[..len]).expect_err("cut off");
        let message = error.to_string();
        assert!(message.starts_with("byte "), "{message}");
    }
    let mut longer = bytes.clone();
    longer.push(0);
    let expected = encoding::DecodeError::Trailing { offset: bytes.len(), extra: 1 };
    assert_eq!(encoding::decode(&longer), Err(expected));
}
