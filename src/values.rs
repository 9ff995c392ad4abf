//! Values as text: arguments from the command line, and results.

use std::ffi::{OsStr, OsString};

use strata::{FuncType, Val, ValType};

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
            parse(&arg, ty).map_err(|error| format!("argument {}: {}", i + 1, error.describe(&arg, ty)))
        })
        .collect()
}

#[derive(Debug, PartialEq)]
enum ValueError {
    Malformed,
    Range,
}

impl ValueError {
    fn describe(&self, text: &str, ty: ValType) -> String {
        match self {
            ValueError::Malformed => format!("\"{text}\" is not an {ty}"),
            ValueError::Range => format!("{text} does not fit an {ty}"),
        }
    }
}

fn parse(text: &str, ty: ValType) -> Result<Val, ValueError> {
    #[expect(clippy::wildcard_enum_match_arm, reason = "references cannot be written")]
    match ty {
        ValType::I32 => integer(text, i32::MIN.into(), u32::MAX.into()).map(|value| Val::I32(value as i32)),
        ValType::I64 => integer(text, i64::MIN.into(), u64::MAX.into()).map(|value| Val::I64(value as i64)),
        ValType::F32 => {
            let value: f32 = text.parse().map_err(|_| ValueError::Malformed)?;
            in_range(text, value.is_infinite()).map(|()| Val::F32(value))
        }
        ValType::F64 => {
            let value: f64 = text.parse().map_err(|_| ValueError::Malformed)?;
            in_range(text, value.is_infinite()).map(|()| Val::F64(value))
        }
        _ => Err(ValueError::Malformed),
    }
}

/// A decimal or hexadecimal integer, signed or unsigned.
fn integer(text: &str, least: i128, most: i128) -> Result<i128, ValueError> {
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    let (radix, digits) = match digits.strip_prefix("0x").or_else(|| digits.strip_prefix("0X")) {
        Some(digits) => (16, digits),
        None => (10, digits),
    };
    if digits.is_empty() || !digits.chars().all(|c| c.is_digit(radix)) {
        return Err(ValueError::Malformed);
    }
    let magnitude = i128::from_str_radix(digits, radix).map_err(|_| ValueError::Range)?;
    let value = if negative { -magnitude } else { magnitude };
    if (least..=most).contains(&value) { Ok(value) } else { Err(ValueError::Range) }
}

/// Digits that make an infinity are too many of them.
fn in_range(text: &str, infinite: bool) -> Result<(), ValueError> {
    if infinite && text.contains(|c: char| c.is_ascii_digit()) { Err(ValueError::Range) } else { Ok(()) }
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

    fn shown(text: &str, ty: ValType) -> Result<String, ValueError> {
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
        for text in ["", "-", "--5", "0x", "+5", "1.0", "five", "1 ", "0x-1"] {
            assert_eq!(shown(text, ValType::I64), Err(ValueError::Malformed), "{text}");
        }
        for text in ["4294967296", "-2147483649", "99999999999999999999999999999999999999999"] {
            assert_eq!(shown(text, ValType::I32), Err(ValueError::Range), "{text}");
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
        assert_eq!(shown("1e39", ValType::F32), Err(ValueError::Range));
        assert_eq!(shown("abc", ValType::F64), Err(ValueError::Malformed));
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
