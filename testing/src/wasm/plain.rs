//! Modules in a plain form, which means the same, for another engine: wasmi 2.0.0 gets some of what it does
//! to be fast wrong. What it gets then is a worse judge of its speed and a better one of results.
//!
//! - It takes the condition of a `select` for what its accumulator holds when it is a comparison of a local
//!   with zero (`try_fuse_select`). Here other instructions, which change nothing, come between.
//! - Reading a local leaves a note that it is to be read. When the local is to be kept for later, because a
//!   block begins, it does so in one branch of an `if` and then takes it for kept in the other. Here every
//!   value read goes through a call of a function that gives it back.
//! - A tail call of a host function loses the stack, and the process dies. Here tail calls are calls: modules
//!   that pay for calls do not nest them deeply.

use wasm_encoder::{CodeSection, Encode, Instruction, RawSection, SectionId};
use wasmparser::{FuncType, FunctionBody, Operator, Payload, ValType};

/// The types there are, in the order of the functions that give a value back.
const TYPES: [ValType; 6] =
    [ValType::I32, ValType::I64, ValType::F32, ValType::F64, ValType::FUNCREF, ValType::EXTERNREF];

/// The module in plain form.
pub(super) fn module(wasm: &[u8]) -> wasmparser::Result<Vec<u8>> {
    let mut plain = wasm_encoder::Module::new();
    let mut types: Vec<FuncType> = Vec::new();
    // Types of defined functions, and how many are imported.
    let (mut declared, mut imported): (Vec<u32>, u32) = (Vec::new(), 0);
    let mut code = CodeSection::new();
    for payload in wasmparser::Parser::new(0).parse_all(wasm) {
        let payload = payload?;
        let section = payload.as_section();
        let section = section.map(|(id, range)| (id, &wasm[range.start as usize..range.end as usize]));
        if let Payload::TypeSection(section) = &payload {
            types = section.clone().into_iter_err_on_gc_types().collect::<Result<_, _>>()?;
        } else if let Payload::ImportSection(section) = &payload {
            for import in section.clone().into_imports() {
                imported += u32::from(matches!(import?.ty, wasmparser::TypeRef::Func(_)));
            }
        } else if let Payload::FunctionSection(section) = &payload {
            declared = section.clone().into_iter().collect::<Result<_, _>>()?;
        } else if let Payload::CodeSectionEntry(body) = &payload {
            let ty = &types[declared[code.len() as usize] as usize];
            code.raw(&plain_body(wasm, ty.params(), body, imported + declared.len() as u32)?);
            if code.len() as usize == declared.len() {
                for _ in TYPES {
                    code.function(&giving_back());
                }
                plain.section(&code);
            }
        }
        let Some((id, data)) = section else { continue };
        let more: Vec<Vec<u8>> = if id == SectionId::Type as u8 {
            TYPES.map(|ty| vec![0x60, 1, byte(ty), 1, byte(ty)]).to_vec()
        } else if id == SectionId::Function as u8 {
            let first = types.len() as u32;
            (first..first + TYPES.len() as u32).map(|ty| encoded(&ty)).collect()
        } else if id == SectionId::Code as u8 {
            // Follows when all bodies were seen.
            continue;
        } else {
            plain.section(&RawSection { id, data });
            continue;
        };
        plain.section(&RawSection { id, data: &with_items(data, &more) });
    }
    Ok(plain.finish())
}

/// The content of a section, which begins with a count, with more items.
fn with_items(data: &[u8], items: &[Vec<u8>]) -> Vec<u8> {
    let len = data.iter().take_while(|&&byte| byte >= 0x80).count() + 1;
    let count = data[..len].iter().rev().fold(0, |count, &byte| count << 7 | u32::from(byte & 0x7F));
    [encoded(&(count + items.len() as u32)), data[len..].to_vec(), items.concat()].concat()
}

fn encoded(item: &impl Encode) -> Vec<u8> {
    let mut bytes = Vec::new();
    item.encode(&mut bytes);
    bytes
}

/// A type as it is written.
fn byte(ty: ValType) -> u8 {
    match ty {
        ValType::I32 => 0x7F,
        ValType::I64 => 0x7E,
        ValType::F32 => 0x7D,
        ValType::F64 => 0x7C,
        ValType::Ref(ty) => 0x6F + u8::from(ty.is_func_ref()),
        ValType::V128 => unreachable!("modules have no vectors"),
    }
}

/// A function that gives back its parameter.
fn giving_back() -> wasm_encoder::Function {
    let mut function = wasm_encoder::Function::new([]);
    function.instruction(&Instruction::LocalGet(0)).instruction(&Instruction::End);
    function
}

/// A body in plain form. From the function `giving_back` on there is one for each type that gives a value
/// back.
fn plain_body(
    wasm: &[u8],
    params: &[ValType],
    body: &FunctionBody<'_>,
    giving_back: u32,
) -> wasmparser::Result<Vec<u8>> {
    let mut locals = params.to_vec();
    for group in body.get_locals_reader()? {
        let (count, ty) = group?;
        locals.resize(locals.len() + count as usize, ty);
    }
    let range = body.range();
    let mut operators = body.get_operators_reader()?.into_iter_with_offsets().peekable();
    let (_, start) = operators.peek().cloned().transpose()?.expect("a body has an end");
    let mut plain = wasm[range.start as usize..start as usize].to_vec();
    while let Some(operator) = operators.next() {
        let (operator, at) = operator?;
        let end = match operators.peek().cloned().transpose()? {
            Some((_, next)) => next,
            None => range.end,
        };
        if matches!(operator, Operator::Select | Operator::TypedSelect { .. }) {
            let nothing =
                [Instruction::I32Const(0), Instruction::I32Ne, Instruction::I32Const(1), Instruction::I32And];
            nothing.iter().for_each(|instruction| instruction.encode(&mut plain));
        }
        if let Operator::ReturnCall { function_index } = operator {
            Instruction::Call(function_index).encode(&mut plain);
            Instruction::Return.encode(&mut plain);
        } else if let Operator::ReturnCallIndirect { type_index, table_index } = operator {
            Instruction::CallIndirect { type_index, table_index }.encode(&mut plain);
            Instruction::Return.encode(&mut plain);
        } else {
            plain.extend_from_slice(&wasm[at as usize..end as usize]);
        }
        if let Operator::LocalGet { local_index } | Operator::LocalTee { local_index } = operator {
            let ty = locals[local_index as usize];
            let which = TYPES.iter().position(|known| *known == ty).expect("one of them");
            Instruction::Call(giving_back + which as u32).encode(&mut plain);
        }
    }
    Ok(plain)
}
