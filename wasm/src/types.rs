//! Types, from those of `wasmparser` to those of the machine.

use bytecode_spec::{FuncType, GlobalType, Limits, MemoryType, TableType, ValType};

use crate::error::TranslateError;

/// The machine's type for a validated one. `offset` is where it stands.
pub(crate) fn val_type(ty: wasmparser::ValType, offset: u64) -> Result<ValType, TranslateError> {
    match ty {
        wasmparser::ValType::I32 => Ok(ValType::I32),
        wasmparser::ValType::I64 => Ok(ValType::I64),
        wasmparser::ValType::F32 => Ok(ValType::F32),
        wasmparser::ValType::F64 => Ok(ValType::F64),
        wasmparser::ValType::Ref(wasmparser::RefType::FUNCREF) => Ok(ValType::FuncRef),
        wasmparser::ValType::Ref(wasmparser::RefType::EXTERNREF) => Ok(ValType::ExternRef),
        wasmparser::ValType::V128 | wasmparser::ValType::Ref(_) => {
            Err(TranslateError::unsupported(offset, &ty))
        }
    }
}

pub(crate) fn func_type(ty: &wasmparser::FuncType, offset: u64) -> Result<FuncType, TranslateError> {
    let list = |types: &[wasmparser::ValType]| {
        types.iter().map(|&ty| val_type(ty, offset)).collect::<Result<_, _>>()
    };
    Ok(FuncType { params: list(ty.params())?, results: list(ty.results())? })
}

pub(crate) fn global_type(ty: wasmparser::GlobalType, offset: u64) -> Result<GlobalType, TranslateError> {
    Ok(GlobalType { content: val_type(ty.content_type, offset)?, mutable: ty.mutable })
}

pub(crate) fn table_type(ty: wasmparser::TableType, offset: u64) -> Result<TableType, TranslateError> {
    let element = val_type(wasmparser::ValType::Ref(ty.element_type), offset)?;
    Ok(TableType { element, limits: limits(ty.initial, ty.maximum, offset)? })
}

pub(crate) fn memory_type(ty: wasmparser::MemoryType, offset: u64) -> Result<MemoryType, TranslateError> {
    Ok(MemoryType { limits: limits(ty.initial, ty.maximum, offset)? })
}

fn limits(min: u64, max: Option<u64>, offset: u64) -> Result<Limits, TranslateError> {
    let narrow = |size: u64| {
        u32::try_from(size).map_err(|_| TranslateError::unsupported(offset, "a size of more than 32 bits"))
    };
    Ok(Limits { min: narrow(min)?, max: max.map(narrow).transpose()? })
}
