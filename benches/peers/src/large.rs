//! A large WebAssembly module that looks like what a compiler makes: the functions of the kernels, over and
//! over.

use strata_benches::kernels::Kernel;
use wasm_encoder::{
    CodeSection, ConstExpr, Encode, ExportKind, ExportSection, FunctionSection, GlobalSection, GlobalType,
    Instruction, MemorySection, MemoryType, Module, TypeSection, ValType,
};
use wasmparser::{FuncType, Operator, Parser, Payload};

/// A function of a kernel.
struct Function {
    /// Its type.
    ty: FuncType,
    /// Its locals and instructions, in parts, and between these the functions that are called: how many
    /// behind the first of the kernel.
    parts: Vec<Vec<u8>>,
    calls: Vec<u32>,
}

/// A module of at least so many bytes, the same each time. It exports all functions that the kernels export,
/// imports nothing, and has a memory for the largest of them.
pub fn module(least: usize) -> Vec<u8> {
    let kernels: Vec<Vec<Function>> = Kernel::all().map(|kernel| functions(kernel.wasm)).collect();
    let mut known: Vec<FuncType> = Vec::new();
    let mut types = TypeSection::new();
    let mut declared = FunctionSection::new();
    let mut exports = ExportSection::new();
    let mut code = CodeSection::new();
    for kernel in kernels.iter().cycle() {
        if code.byte_len() >= least {
            break;
        }
        let first = code.len();
        exports.export(&format!("run{first}"), ExportKind::Func, first);
        for function in kernel {
            let ty = known.iter().position(|known| *known == function.ty).unwrap_or_else(|| {
                types.ty().function(
                    function.ty.params().iter().map(|&ty| val_type(ty)),
                    function.ty.results().iter().map(|&ty| val_type(ty)),
                );
                known.push(function.ty.clone());
                known.len() - 1
            });
            declared.function(ty as u32);
            let mut body = function.parts[0].clone();
            for (call, part) in function.calls.iter().zip(&function.parts[1..]) {
                Instruction::Call(first + call).encode(&mut body);
                body.extend_from_slice(part);
            }
            code.raw(&body);
        }
    }
    let mut memories = MemorySection::new();
    memories.memory(MemoryType {
        minimum: 1024,
        maximum: None,
        memory64: false,
        shared: false,
        page_size_log2: None,
    });
    // The stack pointer, which every kernel has.
    let mut globals = GlobalSection::new();
    let stack_pointer = GlobalType { val_type: ValType::I32, mutable: true, shared: false };
    globals.global(stack_pointer, &ConstExpr::i32_const(1 << 16));
    let mut module = Module::new();
    module.section(&types).section(&declared).section(&memories).section(&globals);
    module.section(&exports).section(&code);
    module.finish()
}

/// The functions of a kernel, which imports none; the first is `run`.
fn functions(wasm: &[u8]) -> Vec<Function> {
    let (mut types, mut declared, mut functions) = (Vec::new(), Vec::new(), Vec::new());
    for payload in Parser::new(0).parse_all(wasm) {
        let payload = payload.expect("a kernel is a module");
        if let Payload::TypeSection(section) = payload {
            types.extend(section.into_iter_err_on_gc_types().map(|ty| ty.expect("a function type")));
        } else if let Payload::FunctionSection(section) = payload {
            declared.extend(section.into_iter().map(|ty| ty.expect("an index")));
        } else if let Payload::CodeSectionEntry(body) = payload {
            let ty: &FuncType = &types[declared[functions.len()] as usize];
            let range = body.range().start as usize..body.range().end as usize;
            let (mut parts, mut calls, mut from) = (Vec::new(), Vec::new(), range.start);
            let mut operators = body.get_operators_reader().expect("it has code");
            while !operators.eof() {
                let at = operators.original_position() as usize;
                if let Operator::Call { function_index } = operators.read().expect("an instruction") {
                    parts.push(wasm[from..at].to_vec());
                    calls.push(function_index);
                    from = operators.original_position() as usize;
                }
            }
            parts.push(wasm[from..range.end].to_vec());
            functions.push(Function { ty: ty.clone(), parts, calls });
        }
    }
    functions
}

fn val_type(ty: wasmparser::ValType) -> ValType {
    match ty {
        wasmparser::ValType::I32 => ValType::I32,
        wasmparser::ValType::I64 => ValType::I64,
        wasmparser::ValType::F32 => ValType::F32,
        wasmparser::ValType::F64 => ValType::F64,
        wasmparser::ValType::V128 | wasmparser::ValType::Ref(_) => {
            unreachable!("kernels compute with numbers")
        }
    }
}
