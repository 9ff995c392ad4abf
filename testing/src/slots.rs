//! Values as the 64 bits that a register holds.

use bytecode_spec::ValType;
use bytecode_spec::slot::Slot;
use strata::Val;

/// Whether a slot of that type holds a NaN.
pub fn is_nan(ty: ValType, slot: u64) -> bool {
    (ty == ValType::F32 && f32::from_slot(slot).is_nan())
        || (ty == ValType::F64 && f64::from_slot(slot).is_nan())
}

/// Whether two slots of that type hold the same value: the same bits, or two NaNs, whose payload no tier promises.
pub fn same(ty: ValType, a: u64, b: u64) -> bool {
    a == b || (is_nan(ty, a) && is_nan(ty, b))
}

/// The value of a numeric type in a slot; null for a reference type.
pub fn to_val(ty: ValType, slot: u64) -> Val {
    match ty {
        ValType::I32 => Val::I32(Slot::from_slot(slot)),
        ValType::I64 => Val::I64(Slot::from_slot(slot)),
        ValType::F32 => Val::F32(Slot::from_slot(slot)),
        ValType::F64 => Val::F64(Slot::from_slot(slot)),
        ValType::FuncRef | ValType::ExternRef => Val::default_for(ty),
    }
}

/// The slot of a number; `None` for a reference.
pub fn from_val(value: Val) -> Option<u64> {
    match value {
        Val::I32(value) => Some(value.into_slot()),
        Val::I64(value) => Some(value.into_slot()),
        Val::F32(value) => Some(value.into_slot()),
        Val::F64(value) => Some(value.into_slot()),
        Val::FuncRef(_) | Val::ExternRef(_) => None,
        _ => unreachable!("tests do not know {value:?}"),
    }
}

/// A slot for people: the value and its bits.
pub fn show(ty: ValType, slot: u64) -> String {
    match ty {
        ValType::I32 => format!("{} ({slot:#x})", slot as i32),
        ValType::I64 => format!("{} ({slot:#x})", slot as i64),
        ValType::F32 => format!("{:?} ({slot:#x})", f32::from_slot(slot)),
        ValType::F64 => format!("{:?} ({slot:#x})", f64::from_slot(slot)),
        ValType::FuncRef | ValType::ExternRef => format!("{ty} {slot}"),
    }
}
