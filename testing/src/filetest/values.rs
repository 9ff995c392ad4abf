//! Arguments and results as they are written in directives.

use bytecode_spec::{ConstExpr, ValType};
use strata::{Extern, Instance, Store, Val};
use strata_asm::assemble;

use crate::slots;

/// The argument that `text` stands for.
pub(super) fn argument(
    ty: ValType,
    text: &str,
    store: &mut Store<()>,
    instance: Instance,
) -> Result<Val, String> {
    match ty {
        ValType::FuncRef | ValType::ExternRef if text == "null" => Ok(Val::default_for(ty)),
        ValType::FuncRef => match text.strip_prefix('@').and_then(|name| instance.export(store, name)) {
            Some(Extern::Func(func)) => Ok(Val::FuncRef(Some(func))),
            _ => Err(format!("`{text}` is no exported function")),
        },
        ValType::ExternRef => Ok(Val::ExternRef(Some(store.extern_ref(extern_number(text)?)))),
        ValType::I32 | ValType::I64 | ValType::F32 | ValType::F64 => {
            Ok(slots::to_val(ty, literal(ty, text)?))
        }
    }
}

/// Whether a result is what `text` stands for.
pub(super) fn is(result: Val, text: &str, store: &Store<()>, instance: Instance) -> Result<bool, String> {
    if let Val::FuncRef(Some(func)) = result {
        let name = text.strip_prefix('@');
        let wanted = name.and_then(|name| instance.export(store, name));
        return Ok(matches!(wanted, Some(Extern::Func(wanted)) if wanted == func));
    }
    if let Val::ExternRef(Some(value)) = result {
        let number = value.data(store).and_then(|data| data.downcast_ref::<u64>());
        return Ok(text != "null" && number == Some(&extern_number(text)?));
    }
    let Some(found) = slots::from_val(result) else { return Ok(text == "null") };
    let ty = result.ty();
    // `nan` alone is any NaN.
    if text == "nan" || text == "-nan" {
        Ok(slots::is_nan(ty, found))
    } else {
        Ok(found == literal(ty, text)?)
    }
}

/// A result for people.
pub(super) fn show(result: Val) -> String {
    match slots::from_val(result) {
        Some(slot) => slots::show(result.ty(), slot),
        None => format!("{result:?}"),
    }
}

fn extern_number(text: &str) -> Result<u64, String> {
    let number = text.strip_prefix("extern(").and_then(|text| text.strip_suffix(')'));
    number.and_then(|text| text.parse().ok()).ok_or_else(|| format!("`{text}` is not `extern(number)`"))
}

/// The bits of a literal, which the assembler reads.
fn literal(ty: ValType, text: &str) -> Result<u64, String> {
    let module = assemble("literal", &format!("global @v: {ty} = {text}"))
        .map_err(|_| format!("`{text}` is no literal of type {ty}"))?;
    match module.globals[0].init {
        ConstExpr::I32(value) => Ok(u64::from(value as u32)),
        ConstExpr::I64(value) => Ok(value as u64),
        ConstExpr::F32(bits) => Ok(bits.into()),
        ConstExpr::F64(bits) => Ok(bits),
        ConstExpr::Null(_) | ConstExpr::Func(_) | ConstExpr::Global(_) => {
            Err(format!("`{text}` is no number"))
        }
    }
}
