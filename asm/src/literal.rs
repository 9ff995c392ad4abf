//! Values of literals: integers, floats, characters and strings, from their text and back.

use bytecode_spec::ValType;

/// Why text is not the number wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NumberError {
    /// Not a number at all.
    Malformed,
    /// A float where an integer is wanted.
    NotInteger,
    /// Too large or too small for its type.
    Range,
    /// A NaN whose payload is zero or too large for its type.
    Payload,
}

/// An integer as written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Integer {
    negative: bool,
    magnitude: u64,
}

/// The number that `text` is in the grammar of constants, as the bits it has in a register of type `ty`.
///
/// # Errors
///
/// When it is none, or does not fit. References have no literals: they are malformed.
///
/// ```
/// use bytecode_spec::ValType;
/// use strata_asm::{NumberError, parse_number};
/// assert_eq!(parse_number("-1", ValType::I32), Ok(0xFFFF_FFFF));
/// assert_eq!(parse_number("1.5", ValType::F64), Ok(1.5f64.to_bits()));
/// assert_eq!(parse_number("1.5", ValType::I64), Err(NumberError::NotInteger));
/// ```
pub fn parse_number(text: &str, ty: ValType) -> Result<u64, NumberError> {
    match ty {
        ValType::I32 => {
            let value = integer(text)?;
            match (value.negative, value.magnitude) {
                (false, 0..=0xFFFF_FFFF) => Ok(value.magnitude),
                (true, 0..=0x8000_0000) => Ok(u64::from((value.magnitude as u32).wrapping_neg())),
                _ => Err(NumberError::Range),
            }
        }
        ValType::I64 => {
            let value = integer(text)?;
            match (value.negative, value.magnitude) {
                (false, magnitude) => Ok(magnitude),
                (true, 0..=0x8000_0000_0000_0000) => Ok(value.magnitude.wrapping_neg()),
                _ => Err(NumberError::Range),
            }
        }
        ValType::F32 => float(text, &F32),
        ValType::F64 => float(text, &F64),
        ValType::FuncRef | ValType::ExternRef => Err(NumberError::Malformed),
    }
}

/// The integers or floats that a type takes, for messages.
pub(crate) fn range(ty: ValType) -> &'static str {
    match ty {
        ValType::I32 => "from -2147483648 to 4294967295",
        ValType::I64 => "from -9223372036854775808 to 18446744073709551615",
        ValType::F32 => "of magnitude up to 3.4028235e38",
        ValType::F64 => "of magnitude up to 1.7976931348623157e308",
        ValType::FuncRef | ValType::ExternRef => "none",
    }
}

/// An unsigned integer up to `most`.
pub(crate) fn unsigned(text: &str, most: u32) -> Result<u32, NumberError> {
    let value = integer(text)?;
    match u32::try_from(value.magnitude) {
        Ok(magnitude) if magnitude <= most && (!value.negative || magnitude == 0) => Ok(magnitude),
        _ => Err(NumberError::Range),
    }
}

fn integer(text: &str) -> Result<Integer, NumberError> {
    if text.starts_with('\'') {
        return Ok(Integer { negative: false, magnitude: character(text)? });
    }
    let (negative, digits) = match text.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, text),
    };
    if is_special(digits) {
        return Err(NumberError::NotInteger);
    }
    let (radix, digits) = radix(digits);
    let is_float = (matches!(radix, 10 | 16) && digits.contains('.'))
        || (radix == 10 && digits.contains(['e', 'E']))
        || (radix == 16 && digits.contains(['p', 'P']));
    if is_float {
        let well_formed = if radix == 16 { hexadecimal(digits).map(drop) } else { decimal(digits).map(drop) };
        return Err(well_formed.err().unwrap_or(NumberError::NotInteger));
    }
    check_underscores(digits)?;
    let mut magnitude = Some(0u64);
    for byte in digits.bytes().filter(|&byte| byte != b'_') {
        let digit = (byte as char).to_digit(radix).ok_or(NumberError::Malformed)?;
        magnitude = magnitude.and_then(|m| m.checked_mul(radix.into())?.checked_add(digit.into()));
    }
    Ok(Integer { negative, magnitude: magnitude.ok_or(NumberError::Range)? })
}

fn is_special(digits: &str) -> bool {
    digits == "inf" || digits == "nan" || digits.starts_with("nan:")
}

fn radix(digits: &str) -> (u32, &str) {
    match digits.as_bytes() {
        [b'0', b'x' | b'X', ..] => (16, &digits[2..]),
        [b'0', b'b' | b'B', ..] => (2, &digits[2..]),
        [b'0', b'o' | b'O', ..] => (8, &digits[2..]),
        _ => (10, digits),
    }
}

/// Underscores stand between digits only, and there is a digit.
fn check_underscores(digits: &str) -> Result<(), NumberError> {
    let wrong =
        digits.is_empty() || digits.starts_with('_') || digits.ends_with('_') || digits.contains("__");
    if wrong { Err(NumberError::Malformed) } else { Ok(()) }
}

/// The code point of a character literal, quotes included.
fn character(text: &str) -> Result<u64, NumberError> {
    let body = text.get(1..text.len() - 1).ok_or(NumberError::Malformed)?;
    let mut bytes = Vec::new();
    unescape(body, &mut bytes).map_err(|_| NumberError::Malformed)?;
    if let [byte] = bytes[..] {
        return Ok(byte.into());
    }
    let text = std::str::from_utf8(&bytes).map_err(|_| NumberError::Malformed)?;
    let mut chars = text.chars();
    match (chars.next(), chars.next()) {
        (Some(c), None) => Ok(u32::from(c).into()),
        _ => Err(NumberError::Malformed),
    }
}

/// An IEEE 754 binary format.
struct Format {
    /// Bits of the significand, the hidden one included.
    precision: u32,
    /// Smallest exponent of a normal number.
    min_exponent: i64,
    width: u32,
    parse: fn(&str) -> Option<u64>,
}

const F32: Format = Format {
    precision: f32::MANTISSA_DIGITS,
    min_exponent: f32::MIN_EXP as i64 - 1,
    width: 32,
    parse: |text| text.parse::<f32>().ok().filter(|v| v.is_finite()).map(|v| v.to_bits().into()),
};
const F64: Format = Format {
    precision: f64::MANTISSA_DIGITS,
    min_exponent: f64::MIN_EXP as i64 - 1,
    width: 64,
    parse: |text| text.parse::<f64>().ok().filter(|v| v.is_finite()).map(f64::to_bits),
};

impl Format {
    fn infinity(&self) -> u64 {
        let exponent_bits = self.width - self.precision;
        ((1 << exponent_bits) - 1) << (self.precision - 1)
    }

    fn quiet_bit(&self) -> u64 {
        1 << (self.precision - 2)
    }
}

fn float(text: &str, format: &Format) -> Result<u64, NumberError> {
    let (sign, digits) = match text.strip_prefix('-') {
        Some(digits) => (1 << (format.width - 1), digits),
        None => (0, text),
    };
    let magnitude = if text.starts_with('\'') {
        round(character(text)?, false, 0, format)?
    } else if digits == "inf" {
        format.infinity()
    } else if digits == "nan" {
        format.infinity() | format.quiet_bit()
    } else if let Some(payload) = digits.strip_prefix("nan:") {
        let payload = integer(payload).map_err(|_| NumberError::Payload)?.magnitude;
        if payload == 0 || payload >> (format.precision - 1) != 0 {
            return Err(NumberError::Payload);
        }
        format.infinity() | payload
    } else {
        match radix(digits) {
            (10, digits) => {
                let digits = decimal(digits)?;
                (format.parse)(&digits).ok_or(NumberError::Range)?
            }
            (16, digits) => {
                let (mantissa, sticky, exponent) = hexadecimal(digits)?;
                round(mantissa, sticky, exponent, format)?
            }
            _ => round(integer(digits)?.magnitude, false, 0, format)?,
        }
    };
    Ok(sign | magnitude)
}

/// A decimal float without its underscores, once its form is checked.
fn decimal(digits: &str) -> Result<String, NumberError> {
    let (number, exponent) = match digits.split_once(['e', 'E']) {
        Some((number, exponent)) => (number, Some(exponent.strip_prefix(['+', '-']).unwrap_or(exponent))),
        None => (digits, None),
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    for part in [Some(whole), Some(fraction).filter(|f| !f.is_empty()), exponent].into_iter().flatten() {
        check_underscores(part)?;
        if !part.bytes().all(|byte| byte.is_ascii_digit() || byte == b'_') {
            return Err(NumberError::Malformed);
        }
    }
    Ok(digits.replace('_', ""))
}

/// `mantissa * 2^exponent` of a hexadecimal float behind its `0x`, and whether bits beyond the mantissa were set.
fn hexadecimal(digits: &str) -> Result<(u64, bool, i64), NumberError> {
    let (number, power) = match digits.split_once(['p', 'P']) {
        Some((number, power)) => (number, Some(power)),
        None => (digits, None),
    };
    let (whole, fraction) = number.split_once('.').unwrap_or((number, "0"));
    check_underscores(whole)?;
    if !fraction.is_empty() {
        check_underscores(fraction)?;
    }
    let (mut mantissa, mut sticky, mut exponent) = (0u64, false, 0i64);
    for (part, is_fraction) in [(whole, false), (fraction, true)] {
        for byte in part.bytes().filter(|&byte| byte != b'_') {
            let digit = (byte as char).to_digit(16).ok_or(NumberError::Malformed)?;
            if mantissa >> 60 == 0 {
                mantissa = mantissa << 4 | u64::from(digit);
                exponent -= if is_fraction { 4 } else { 0 };
            } else {
                sticky |= digit != 0;
                exponent += if is_fraction { 0 } else { 4 };
            }
        }
    }
    if let Some(power) = power {
        let (negative, digits) = match power.as_bytes() {
            [b'-', ..] => (true, &power[1..]),
            [b'+', ..] => (false, &power[1..]),
            _ => (false, power),
        };
        check_underscores(digits)?;
        let mut value = 0i64;
        for byte in digits.bytes().filter(|&byte| byte != b'_') {
            let digit = (byte as char).to_digit(10).ok_or(NumberError::Malformed)?;
            value = value.saturating_mul(10).saturating_add(digit.into()).min(1 << 40);
        }
        exponent += if negative { -value } else { value };
    }
    Ok((mantissa, sticky, exponent))
}

/// The bits of the nearest float to `mantissa * 2^exponent` (a little more, if `sticky`), ties to even.
fn round(mantissa: u64, sticky: bool, exponent: i64, format: &Format) -> Result<u64, NumberError> {
    if mantissa == 0 {
        return Ok(0);
    }
    let shift = mantissa.leading_zeros();
    let wide = u128::from(mantissa << shift) << 64 | u128::from(sticky);
    // The value is between 2^top and 2^(top + 1).
    let top = exponent + 63 - i64::from(shift);
    let precision = i64::from(format.precision);
    let max_exponent = 1 - format.min_exponent;
    if top > max_exponent {
        return Err(NumberError::Range);
    }
    let missing = (format.min_exponent - top).max(0);
    if missing > precision {
        return Ok(0);
    }
    let dropped = (128 - (precision - missing)) as u32;
    let kept = if dropped == 128 { 0 } else { (wide >> dropped) as u64 };
    let (rest, half) =
        (if dropped == 128 { wide } else { wide & ((1 << dropped) - 1) }, 1u128 << (dropped - 1));
    let up = rest > half || (rest == half && kept & 1 == 1);
    // The hidden bit of a normal number adds one to the exponent below it; so does a carry.
    let biased = if missing > 0 { 0 } else { (top - format.min_exponent) as u64 };
    let bits = (biased << (format.precision - 1)) + kept + u64::from(up);
    if bits >= format.infinity() { Err(NumberError::Range) } else { Ok(bits) }
}

/// Appends the bytes that the text between quotes stands for. The error is the place of a wrong escape, and what is
/// wrong with it.
pub(crate) fn unescape(body: &str, out: &mut Vec<u8>) -> Result<(), (usize, &'static str)> {
    let bytes = body.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let plain = bytes[at..].iter().position(|&byte| byte == b'\\').unwrap_or(bytes.len() - at);
        out.extend_from_slice(&bytes[at..at + plain]);
        at += plain;
        if at == bytes.len() {
            break;
        }
        let hex = |i: usize| bytes.get(i).and_then(|&byte| (byte as char).to_digit(16));
        let one = |byte| (byte, 2);
        let (byte, length) = match (bytes.get(at + 1), hex(at + 1), hex(at + 2)) {
            (_, Some(high), Some(low)) => ((high * 16 + low) as u8, 3),
            (Some(b'n'), ..) => one(b'\n'),
            (Some(b't'), ..) => one(b'\t'),
            (Some(b'r'), ..) => one(b'\r'),
            (Some(b'0'), ..) => one(0),
            (Some(&byte @ (b'"' | b'\'' | b'\\')), ..) => one(byte),
            (Some(b'u'), ..) => {
                let (c, length) = code_point(&body[at..]).ok_or((at, "write a code point as \\u{1F600}"))?;
                out.extend_from_slice(c.encode_utf8(&mut [0; 4]).as_bytes());
                at += length;
                continue;
            }
            _ => {
                return Err((
                    at,
                    "escapes are \\n \\t \\r \\0 \\\" \\' \\\\ \\u{…} and two hexadecimal digits",
                ));
            }
        };
        out.push(byte);
        at += length;
    }
    Ok(())
}

/// The character of an escape such as `\u{41}`, and the length of the escape.
fn code_point(escape: &str) -> Option<(char, usize)> {
    let end = escape.find('}')?;
    let digits = escape.get(3..end).filter(|digits| escape.as_bytes()[2] == b'{' && digits.len() <= 6)?;
    let hex = digits.bytes().all(|byte| byte.is_ascii_hexdigit());
    Some((char::from_u32(u32::from_str_radix(digits, 16).ok().filter(|_| hex)?)?, end + 1))
}

/// Writes a string literal of text, quotes included.
pub(crate) fn write_text(out: &mut String, text: &str) {
    out.push('"');
    for c in text.chars() {
        match c {
            '\0' => out.push_str("\\00"),
            '\'' => out.push(c),
            _ => out.extend(c.escape_debug()),
        }
    }
    out.push('"');
}

/// Writes a string literal of bytes, quotes included.
pub(crate) fn write_bytes(out: &mut String, bytes: &[u8]) {
    const HEX: &[u8; 16] = b"0123456789abcdef";
    out.push('"');
    for &byte in bytes {
        match byte {
            b'\n' => out.push_str("\\n"),
            b'"' | b'\\' => out.extend(['\\', byte as char]),
            b' '..=b'~' => out.push(byte as char),
            _ => {
                let digit = |nibble: u8| HEX[usize::from(nibble)] as char;
                out.extend(['\\', digit(byte >> 4), digit(byte & 15)]);
            }
        }
    }
    out.push('"');
}

/// Writes a constant of type `ty` whose bits these are.
pub(crate) fn write_constant(out: &mut String, bits: u64, ty: ValType) {
    use std::fmt::Write;
    let nan = |out: &mut String, negative: bool, payload: u64, canonical: u64| {
        out.push_str(if negative { "-nan" } else { "nan" });
        if payload != canonical {
            write!(out, ":{payload:#x}").expect("a string takes all");
        }
    };
    match ty {
        ValType::F32 => {
            let value = f32::from_bits(bits as u32);
            if value.is_nan() {
                nan(out, value.is_sign_negative(), bits & 0x7F_FFFF, 1 << 22);
            } else {
                write!(out, "{value:?}").expect("a string takes all");
            }
        }
        ValType::F64 => {
            let value = f64::from_bits(bits);
            if value.is_nan() {
                nan(out, value.is_sign_negative(), bits & 0xF_FFFF_FFFF_FFFF, 1 << 51);
            } else {
                write!(out, "{value:?}").expect("a string takes all");
            }
        }
        ValType::I32 => write!(out, "{}", bits as i32).expect("a string takes all"),
        ValType::I64 | ValType::FuncRef | ValType::ExternRef => {
            write!(out, "{}", bits as i64).expect("a string takes all")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn integers_fit_their_type_signed_or_unsigned() {
        assert_eq!(parse_number("-1", ValType::I32), Ok(0xFFFF_FFFF));
        assert_eq!(parse_number("0xFFFF_FFFF", ValType::I32), Ok(0xFFFF_FFFF));
        assert_eq!(parse_number("4294967296", ValType::I32), Err(NumberError::Range));
        assert_eq!(parse_number("-2147483649", ValType::I32), Err(NumberError::Range));
        assert_eq!(parse_number("-9223372036854775808", ValType::I64), Ok(1 << 63));
        assert_eq!(parse_number("-9223372036854775809", ValType::I64), Err(NumberError::Range));
        assert_eq!(parse_number("99999999999999999999", ValType::I64), Err(NumberError::Range));
        assert_eq!(parse_number("0b101", ValType::I32), Ok(5));
        assert_eq!(parse_number("0o17", ValType::I32), Ok(15));
        assert_eq!(parse_number("'a'", ValType::I32), Ok(97));
        assert_eq!(parse_number("'\\''", ValType::I32), Ok(39));
        assert_eq!(parse_number("'é'", ValType::I32), Ok(0xE9));
        for malformed in ["12abc", "0x", "1__0", "1_", "0b2", "''", "'ab'", "1.2.3", "1e", "0x1p"] {
            assert_eq!(parse_number(malformed, ValType::I64), Err(NumberError::Malformed), "{malformed}");
        }
        for float in ["1.5", "1e3", "0x1p3", "inf", "-nan", "nan:0x1", "2."] {
            assert_eq!(parse_number(float, ValType::I64), Err(NumberError::NotInteger), "{float}");
        }
    }

    #[test]
    fn hexadecimal_floats_round_to_nearest_even() {
        let f64_of = |text| parse_number(text, ValType::F64).map(f64::from_bits);
        assert_eq!(f64_of("0x1.8p3"), Ok(12.0));
        assert_eq!(f64_of("-0x.8p1"), Err(NumberError::Malformed));
        assert_eq!(f64_of("0x0.8p1"), Ok(1.0));
        assert_eq!(f64_of("0x1p-1074"), Ok(5e-324));
        assert_eq!(f64_of("0x1p-1075"), Ok(0.0));
        assert_eq!(f64_of("0x1.00000001p-1075"), Ok(5e-324));
        assert_eq!(f64_of("0x1.fffffffffffff8p1023"), Err(NumberError::Range));
        assert_eq!(f64_of("0x1.fffffffffffffp1023"), Ok(f64::MAX));
        assert_eq!(f64_of("0x1.00000000000008p0"), Ok(1.0));
        assert_eq!(f64_of("0x1.00000000000018p0"), Ok(1.0 + 2.0 * f64::EPSILON));
        assert_eq!(f64_of("0x1.000000000000080000000001p0"), Ok(1.0 + f64::EPSILON));
        assert_eq!(f64_of("0x1p99999999999999999999"), Err(NumberError::Range));
        assert_eq!(f64_of("0x0p99999999999999999999"), Ok(0.0));
        assert_eq!(f64_of("0x0.fffffffffffffp-1022"), Ok(f64::MIN_POSITIVE - 5e-324));
        let f32_of = |text| parse_number(text, ValType::F32).map(|b| f32::from_bits(b as u32));
        assert_eq!(f32_of("0x1.000001p0"), Ok(1.0));
        assert_eq!(f32_of("0x1.000003p0"), Ok(1.0 + 2.0 * f32::EPSILON));
        assert_eq!(f32_of("0x1.fffffep127"), Ok(f32::MAX));
        assert_eq!(f32_of("16777217"), Ok(16777216.0));
        assert_eq!(f32_of("1e39"), Err(NumberError::Range));
    }

    #[test]
    fn constants_are_read_as_they_were_written() {
        let values = [0, 1, 0x7FF8_0000_0000_0000, 0x7FF0_0000_0000_0001, 0xFFFF_0000_0000_0001, 1 << 63];
        for f in values.into_iter().chain([f64::MAX, f64::MIN_POSITIVE, 5e-324, 1e16, -0.1].map(f64::to_bits))
        {
            for ty in [ValType::I64, ValType::F64] {
                let mut text = String::new();
                write_constant(&mut text, f, ty);
                assert_eq!(parse_number(&text, ty), Ok(f), "{text}");
            }
        }
        for f in [0, 1, 0x7FC0_0000, 0xFF80_0001, 0x7F80_0000, 0x8000_0000, 0x3F80_0001] {
            for ty in [ValType::I32, ValType::F32] {
                let mut text = String::new();
                write_constant(&mut text, f, ty);
                assert_eq!(parse_number(&text, ty), Ok(f), "{text}");
            }
        }
    }

    #[test]
    fn strings_are_read_as_they_were_written() {
        let bytes: Vec<u8> = (0..=255).chain([0, b'0', 0, b'n']).collect();
        let mut text = String::new();
        write_bytes(&mut text, &bytes);
        let mut read = Vec::new();
        unescape(&text[1..text.len() - 1], &mut read).unwrap();
        assert_eq!(read, bytes);

        let name = "a\0b0\"\\'\n\u{301}é\u{202E}😀";
        let mut text = String::new();
        write_text(&mut text, name);
        let mut read = Vec::new();
        unescape(&text[1..text.len() - 1], &mut read).unwrap();
        assert_eq!(read, name.as_bytes());
        assert!(unescape("\\q", &mut read).is_err());
        assert!(unescape("\\u{110000}", &mut read).is_err());
        assert!(unescape("\\", &mut read).is_err());
    }
}
