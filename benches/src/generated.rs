//! A large module of mixed code, the same in every run: what loading, assembling and printing are measured on.
//!
//! Functions have loops, conditions, branch tables, calls of every kind, memory accesses plain and indexed, globals, and
//! arithmetic in proportions near those of compiled programs. All of them can be run: loops are counted, addresses stay
//! within the memory, calls go to functions of lower index, nothing traps.

mod body;

use bytecode_spec::liveness::for_each_target;
use bytecode_spec::{
    ConstExpr, ElementSegment, ExportKind, FuncIndex, FuncType, Function, FunctionBuilder, Global,
    GlobalType, ImportKind, Limits, Memory, MemoryType, Module, Op, Reg, Table, TableIndex, TableType,
    TypeDef, TypeIndex, ValType, VerifiedModule, verify,
};
use strata::{Engine, Linker};

use self::body::{Body, Random};
use ValType::{F32, F64, I32, I64};

/// Functions that call no other; the only ones that loops call, and that the table holds.
const LEAVES: usize = 64;
/// Elements of the table, a power of two: leaves of the first type.
const TABLE: usize = LEAVES / SIGNATURES.len();
/// What functions take and return, by turns.
const SIGNATURES: [(&[ValType], &[ValType]); 8] = [
    (&[I32, I32], &[I32]),
    (&[I64], &[I64]),
    (&[I32, I32, I32], &[]),
    (&[F64, F64], &[F64]),
    (&[], &[I32]),
    (&[I32, I64, F64], &[I64, I32]),
    (&[I32, F32], &[F32]),
    (&[I32, I32, I32, I32, I64], &[I32]),
];
const TYPES: [ValType; 4] = [I32, I64, F32, F64];
/// The only imported function.
const PRINT: FuncIndex = FuncIndex(0);

/// What a module says about itself besides its code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Detail {
    /// Nothing, as from a compiler.
    Bare,
    /// Names of functions and registers.
    Names,
    /// Names, and the line of every instruction, as from text.
    Lines,
}

/// A module of so many functions, at least 128 of them. It imports `env.print(i64)` and exports `run(i64) -> i64`,
/// which calls a few of the functions.
///
/// # Panics
///
/// When fewer are asked for.
pub fn module(functions: usize, detail: Detail) -> VerifiedModule {
    assert!(functions >= 2 * LEAVES, "there are functions beyond the leaves");
    let mut module = Module { sources: vec!["generated.sasm".to_owned()], ..Module::default() };
    for (params, results) in SIGNATURES {
        module.types.push(TypeDef { name: String::new(), ty: FuncType::new(params, results) });
    }
    let print = module.intern_type(&FuncType::new([I64], []));
    module.import("env", "print", ImportKind::Func(print));
    module
        .memories
        .push(Memory { name: String::new(), ty: MemoryType { limits: Limits { min: 2, max: Some(16) } } });
    let limits = Limits { min: TABLE as u32, max: None };
    module
        .tables
        .push(Table { name: "table".to_owned(), ty: TableType { element: ValType::FuncRef, limits } });
    module.elements.push(ElementSegment {
        name: String::new(),
        element: ValType::FuncRef,
        place: Some((TableIndex(0), ConstExpr::I32(0))),
        items: (0..TABLE).map(|i| ConstExpr::Func(defined(i * SIGNATURES.len()))).collect(),
    });
    for (i, init) in
        [ConstExpr::I32(1), ConstExpr::I64(2), ConstExpr::F32(0), ConstExpr::F64(0)].into_iter().enumerate()
    {
        let ty = GlobalType { content: TYPES[i], mutable: true };
        module.globals.push(Global { name: format!("global_{}", TYPES[i]), ty, init });
    }

    let mut random = Random::new();
    let mut line = 20;
    for i in 0..functions {
        let body = Body::new(i, detail, line, &mut random);
        let (function, next_line) = body.finish();
        line = next_line + 3;
        module.functions.push(function);
    }
    module.functions.push(run(&module));
    module.export("run", ExportKind::Func(defined(functions)));
    verify(module).unwrap_or_else(|errors| panic!("{errors}"))
}

/// A linker with what the module imports.
///
/// # Panics
///
/// Never.
pub fn linker(engine: &Engine) -> Linker<()> {
    let mut linker = Linker::new(engine);
    linker.func("env", "print", |_: i64| ()).expect("the linker was empty");
    linker
}

/// How many instructions a module has.
pub fn instructions(module: &Module) -> usize {
    module.functions.iter().map(instructions_of).sum()
}

/// How many instructions a function has.
///
/// # Panics
///
/// When the function is not of a verified module.
pub fn instructions_of(function: &Function) -> usize {
    let mut count = 0;
    each_instruction(function, |_, _| count += 1);
    count
}

/// Whether a function has a loop.
///
/// # Panics
///
/// When the function is not of a verified module.
pub fn has_loop(function: &Function) -> bool {
    let mut found = false;
    each_instruction(function, |_, words| {
        for_each_target(words, |displacement| found |= displacement <= 0);
    });
    found
}

fn each_instruction(function: &Function, mut visit: impl FnMut(Op, &[u64])) {
    let mut code = function.code.as_slice();
    while let [first, ..] = code {
        let op = Op::from_code(*first as u16).expect("the module is verified");
        visit(op, code);
        code = &code[op.info().length(code).expect("the module is verified")..];
    }
}

fn defined(i: usize) -> FuncIndex {
    FuncIndex(PRINT.0 + 1 + i as u32)
}

/// Calls sixteen functions of every kind, and returns what it was given plus what the last one returned.
fn run(module: &Module) -> Function {
    let ty = TypeIndex(1);
    let mut f = FunctionBuilder::new(ty, &module.types[ty.index()].ty);
    f.name("run");
    let registers = TYPES.map(|ty| f.register(ty));
    let of = |types: &[ValType]| -> Vec<Reg> { types.iter().map(|ty| registers[place(*ty)]).collect() };
    for callee in LEAVES..LEAVES + 16 {
        let (params, results) = SIGNATURES[callee % SIGNATURES.len()];
        f.emit(Op::Call, &[(&of(params)[..]).into(), defined(callee).into(), (&of(results)[..]).into()]);
    }
    let (param, sum) = (f.param(0), f.register(I64));
    f.emit(Op::ExtendSI64I32, &[sum.into(), registers[place(I32)].into()]);
    f.emit(Op::AddI64, &[sum.into(), sum.into(), param.into()]);
    f.emit(Op::Ret, &[(&[sum][..]).into()]);
    f.finish().expect("the function is well formed")
}

fn place(ty: ValType) -> usize {
    TYPES.iter().position(|known| *known == ty).expect("a number type")
}

#[cfg(test)]
mod tests {
    use strata::Store;

    use super::*;
    use crate::kernels::export;

    #[test]
    fn is_the_same_module_each_time_and_in_text() {
        let first = module(200, Detail::Lines);
        assert_eq!(*first, *module(200, Detail::Lines));
        let text = strata_asm::disassemble(&first);
        assert_eq!(*strata_asm::assemble("generated.sasm", &text).unwrap(), *first);
    }

    #[test]
    fn code_does_not_depend_on_detail() {
        let [bare, named] = [Detail::Bare, Detail::Names].map(|detail| module(200, detail));
        for (bare, named) in bare.functions.iter().zip(&named.functions) {
            assert_eq!(bare.code, named.code);
        }
    }

    #[test]
    fn runs_to_its_end() {
        let engine = Engine::default();
        let module = strata::Module::from_verified(&engine, module(200, Detail::Bare));
        let mut store = Store::new(&engine, ());
        let run = export(&linker(&engine), &mut store, &module, "run").unwrap();
        run.call(&mut store, 1).unwrap();
    }
}
