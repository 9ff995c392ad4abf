//! Values as text: arguments from the command line, and results.

use std::ffi::{OsStr, OsString};

use bytecode_spec::slot::Slot;
use strata::{FuncType, Val, ValType};
use strata_asm::NumberError;

/// Stands before an argument that is a negative value; no argument has this character.
const PROTECTED: &str = "\0";

/// Marks negative values that clap would take for options, such as `-0x10` and `-inf`; [`unprotect`] removes the mark.
/// What clap itself knows to be a number, such as `-5`, stays as it is.
pub(crate) fn protect(args: impl Iterator<Item = OsString>) -> impl Iterator<Item = OsString> {
    let mut values_only = false;
    args.map(move |arg| {
        values_only |= arg == "--";
        if !values_only && is_negative_value(&arg) {
            let mut marked = OsString::from(PROTECTED);
            marked.push(arg);
            return marked;
        }
        arg
    })
}

fn is_negative_value(arg: &OsStr) -> bool {
    let Some(value) = arg.to_str().and_then(|arg| arg.strip_prefix('-')) else { return false };
    let value = value.to_ascii_lowercase();
    ["0x", ".", "inf", "nan"].iter().any(|start| value.starts_with(start))
}

/// The argument that [`protect`] was given.
pub(crate) fn unprotect(arg: OsString) -> OsString {
    match arg.to_str().and_then(|arg| arg.strip_prefix(PROTECTED)) {
        Some(value) => value.into(),
        None => arg,
    }
}

/// The arguments of a call of a function named `name`.
pub(crate) fn parse_all(name: &str, ty: &FuncType, args: &[OsString]) -> Result<Vec<Val>, String> {
    if let Some(i) = ty.params.iter().position(|ty| ty.is_ref()) {
        return Err(format!(
            "\"{name}\" takes a {} as argument {}, which cannot be written; its type is {ty}",
            ty.params[i],
            i + 1
        ));
    }
    if args.len() != ty.params.len() {
        let plural = if ty.params.len() == 1 { "" } else { "s" };
        let (wanted, found) = (ty.params.len(), args.len());
        return Err(format!("\"{name}\" takes {wanted} argument{plural}, found {found}; its type is {ty}"));
    }
    let values = args.iter().zip(&ty.params).enumerate();
    values
        .map(|(i, (arg, &ty))| {
            let arg = arg.to_string_lossy();
            parse(&arg, ty).map_err(|error| format!("argument {}: {}", i + 1, describe(error, &arg, ty)))
        })
        .collect()
}

fn describe(error: NumberError, text: &str, ty: ValType) -> String {
    match error {
        NumberError::Range | NumberError::Payload => format!("{text} does not fit an {ty}"),
        NumberError::Malformed | NumberError::NotInteger => format!("\"{text}\" is not an {ty}"),
    }
}

/// A number as the text form writes constants.
fn parse(text: &str, ty: ValType) -> Result<Val, NumberError> {
    let slot = strata_asm::parse_number(text, ty)?;
    match ty {
        ValType::I32 => Ok(Val::I32(Slot::from_slot(slot))),
        ValType::I64 => Ok(Val::I64(Slot::from_slot(slot))),
        ValType::F32 => Ok(Val::F32(Slot::from_slot(slot))),
        ValType::F64 => Ok(Val::F64(Slot::from_slot(slot))),
        ValType::FuncRef | ValType::ExternRef => Err(NumberError::Malformed),
    }
}

/// A value as results are printed: integers signed and in decimal, floats as in [`show_f64`], references by their kind.
pub(crate) fn show(value: &Val) -> String {
    #[expect(clippy::wildcard_enum_match_arm, reason = "all other references are shown alike")]
    match value {
        Val::I32(value) => value.to_string(),
        Val::I64(value) => value.to_string(),
        Val::F32(value) => show_f32(*value),
        Val::F64(value) => show_f64(*value),
        Val::FuncRef(None) | Val::ExternRef(None) => "null".to_owned(),
        value => value.ty().to_string(),
    }
}

/// The shortest text that reads back as the same value: `1.0`, `0.1`, `1e300`, `inf`; any NaN is `nan`.
pub(crate) fn show_f64(value: f64) -> String {
    if value.is_nan() { "nan".to_owned() } else { format!("{value:?}") }
}

/// As [`show_f64`].
pub(crate) fn show_f32(value: f32) -> String {
    if value.is_nan() { "nan".to_owned() } else { format!("{value:?}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(text: &str, ty: ValType) -> Result<String, NumberError> {
        parse(text, ty).map(|value| show(&value))
    }

    #[test]
    fn integers_may_be_signed_or_unsigned_decimal_or_hexadecimal() {
        for (text, ty, value) in [
            ("-5", ValType::I32, "-5"),
            ("4294967295", ValType::I32, "-1"),
            ("0xFFFFFFFF", ValType::I32, "-1"),
            ("-0x10", ValType::I64, "-16"),
            ("-9223372036854775808", ValType::I64, "-9223372036854775808"),
            ("18446744073709551615", ValType::I64, "-1"),
        ] {
            assert_eq!(shown(text, ty).as_deref(), Ok(value), "{text}");
        }
        for text in ["", "-", "--5", "0x", "+5", "five", "1 ", "0x-1"] {
            assert_eq!(shown(text, ValType::I64), Err(NumberError::Malformed), "{text}");
        }
        for text in ["4294967296", "-2147483649", "99999999999999999999999999999999999999999"] {
            assert_eq!(shown(text, ValType::I32), Err(NumberError::Range), "{text}");
        }
    }

    #[test]
    fn floats_are_shown_so_that_they_read_back() {
        for (text, value) in [
            ("1", "1.0"),
            ("-0.1", "-0.1"),
            ("1e300", "1e300"),
            ("nan", "nan"),
            ("-nan", "nan"),
            ("inf", "inf"),
            ("-inf", "-inf"),
            ("-0.0", "-0.0"),
        ] {
            assert_eq!(shown(text, ValType::F64).as_deref(), Ok(value));
        }
        assert_eq!(shown("0.1", ValType::F32).as_deref(), Ok("0.1"));
        assert_eq!(shown("1e39", ValType::F32), Err(NumberError::Range));
        assert_eq!(shown("abc", ValType::F64), Err(NumberError::Malformed));
    }

    #[test]
    fn only_negative_values_are_marked_and_come_back_as_they_were() {
        for arg in ["-0x10", "-inf", "-nan", "-.5", "-5", "--fuel", "-o", "-", "inf"] {
            let marked: Vec<OsString> = protect([arg.into()].into_iter()).collect();
            assert_eq!(marked[0] != arg, ["-0x10", "-inf", "-nan", "-.5"].contains(&arg), "{arg}");
            assert_eq!(unprotect(marked[0].clone()), arg);
        }
    }
}
