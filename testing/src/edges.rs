//! Operands worth a test: where integers wrap, where floats change their kind, where conversions change their mind.

use bytecode_spec::ValType;

/// The slots of every edge value of a type; null for references.
pub fn edges(ty: ValType) -> Vec<u64> {
    let mut slots = match ty {
        ValType::I32 => {
            let widths = [7, 8, 15, 16, 24, 30, 31].into_iter().flat_map(|bit| around(1u64 << bit));
            let all = widths.chain([0, 1, 2, 3, 5, 10, 31, 32, 33, 0x1234_5678, 0xDEAD_BEEF]);
            all.flat_map(|v| [v, v.wrapping_neg()]).map(|v| v & u64::from(u32::MAX)).collect::<Vec<_>>()
        }
        ValType::I64 => {
            let widths =
                [7, 8, 15, 16, 31, 32, 33, 52, 53, 62, 63].into_iter().flat_map(|bit| around(1 << bit));
            let all = widths.chain([0, 1, 2, 3, 10, 31, 63, 64, 65, 0x0123_4567_89AB_CDEF]);
            all.flat_map(|v: u64| [v, v.wrapping_neg()]).collect()
        }
        ValType::F32 => floats(BOUNDARIES, |value| {
            let value = value as f32;
            [value.next_down(), value, value.next_up()].map(f32::to_bits)
        })
        .chain(F32_KINDS.iter().flat_map(|&bits| [bits, bits | 1 << 31]))
        .map(u64::from)
        .collect(),
        ValType::F64 => {
            floats(BOUNDARIES, |value| [value.next_down(), value, value.next_up()].map(f64::to_bits))
                .chain(F64_KINDS.iter().flat_map(|&bits| [bits, bits | 1 << 63]))
                .collect()
        }
        ValType::FuncRef | ValType::ExternRef => vec![0],
    };
    slots.sort_unstable();
    slots.dedup();
    slots
}

/// The few of them that matter most, where every one with every other would be too many.
pub fn few_edges(ty: ValType) -> Vec<u64> {
    match ty {
        ValType::I32 => {
            [0, 1, -1, 7, 31, 32, 0x8000, i32::MAX, i32::MIN].map(|v| u64::from(v as u32)).to_vec()
        }
        ValType::I64 => {
            [0, 1, -1, 7, 63, 64, 1 << 31, 1 << 32, i64::MAX, i64::MIN].map(|v| v as u64).to_vec()
        }
        ValType::F32 => {
            [0.0, -0.0, 1.0, -1.5, f32::INFINITY, f32::NAN, f32::MIN_POSITIVE / 2.0, 16777216.5, -4e9]
                .map(|v: f32| u64::from(v.to_bits()))
                .to_vec()
        }
        ValType::F64 => {
            [0.0, -0.0, 1.0, -1.5, f64::NEG_INFINITY, f64::NAN, f64::MIN_POSITIVE / 2.0, 0.1, 1e300]
                .map(f64::to_bits)
                .to_vec()
        }
        ValType::FuncRef | ValType::ExternRef => vec![0],
    }
}

/// Where conversions to integers begin and cease to fit, where halves are rounded, and where integers lose bits.
const BOUNDARIES: &[f64] = &[
    0.5,
    1.0,
    1.5,
    2.5,
    2147483647.0,
    2147483648.0,
    2147483649.0,
    4294967295.0,
    4294967296.0,
    9223372036854775807.0,
    18446744073709551615.0,
    8388608.0,
    16777216.0,
    9007199254740992.0,
    4503599627370496.5,
    3.4028234663852886e38,
    3.402823669209385e38,
    1e-45,
];

/// Zero, denormals, normal limits, infinity, quiet and signalling NaNs.
const F32_KINDS: &[u32] = &[
    0,
    1,
    0x007F_FFFF,
    0x0080_0000,
    0x7F7F_FFFF,
    0x7F80_0000,
    0x7FC0_0000,
    0x7FC0_0001,
    0x7F80_0001,
    0x7FBF_FFFF,
    0x7FFF_FFFF,
];
const F64_KINDS: &[u64] = &[
    0,
    1,
    0x000F_FFFF_FFFF_FFFF,
    0x0010_0000_0000_0000,
    0x7FEF_FFFF_FFFF_FFFF,
    0x7FF0_0000_0000_0000,
    0x7FF8_0000_0000_0000,
    0x7FF8_0000_0000_0001,
    0x7FF0_0000_0000_0001,
    0x7FF7_FFFF_FFFF_FFFF,
    0x7FFF_FFFF_FFFF_FFFF,
];

fn around(value: u64) -> [u64; 3] {
    [value.wrapping_sub(1), value, value.wrapping_add(1)]
}

/// Each value and its negative, with its neighbours.
fn floats<T>(values: &[f64], with_neighbours: impl Fn(f64) -> [T; 3]) -> impl Iterator<Item = T> {
    values.iter().flat_map(|&v| [v, -v]).flat_map(with_neighbours).collect::<Vec<_>>().into_iter()
}
