//! Numbers as LEB128, for what lies in byte strings of the binary form.

/// Appends a number.
pub(super) fn push(out: &mut Vec<u8>, mut value: u32) {
    while value >= 0x80 {
        out.push(value as u8 | 0x80);
        value >>= 7;
    }
    out.push(value as u8);
}

/// Takes a number from the front; `None` when there is none, or one of more than 32 bits, or of more bytes than it needs.
#[inline(always)]
pub(super) fn take(bytes: &mut &[u8]) -> Option<u32> {
    let (&first, rest) = bytes.split_first()?;
    *bytes = rest;
    if first < 0x80 { Some(first.into()) } else { take_rest(bytes, first) }
}

#[inline(never)]
fn take_rest(bytes: &mut &[u8], first: u8) -> Option<u32> {
    let mut value = u32::from(first & 0x7F);
    for shift in (7..).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        let bits = u32::from(byte & 0x7F);
        // The shift is checked first: at 35 bits there is no fifth byte to come.
        if shift > 28 || bits << shift >> shift != bits {
            return None;
        }
        value |= bits << shift;
        if byte < 0x80 {
            return (byte != 0).then_some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_come_back() {
        let numbers = [0, 1, 0x7F, 0x80, 0x3FFF, 0x4000, 0x0FFF_FFFF, 0x1000_0000, u32::MAX];
        let mut bytes = Vec::new();
        numbers.into_iter().for_each(|number| push(&mut bytes, number));
        let mut rest = bytes.as_slice();
        assert_eq!(numbers.map(|_| take(&mut rest).unwrap()), numbers);
        assert_eq!(take(&mut rest), None);
        for bad in [
            &[0x80][..],
            &[0xFF; 4],
            &[0xFF, 0xFF, 0xFF, 0xFF, 0x1F],
            &[0x80; 6],
            &[0x80, 0],
            &[0x80, 0x80, 0x80, 0x80, 0x80, 0],
        ] {
            assert_eq!(take(&mut { bad }), None, "{bad:?}");
        }
    }
}
