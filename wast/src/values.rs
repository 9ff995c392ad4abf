//! Values in scripts: arguments, and what results must be.

use strata::{Store, Val};
use wast::core::{AbstractHeapType, HeapType, NanPattern, WastArgCore, WastRetCore};
use wast::{WastArg, WastRet};

use crate::machine::Stop;

/// The bits of a canonical NaN without its sign; an arithmetic one has these and perhaps more.
const F32_NAN: u32 = 0x7fc0_0000;
const F64_NAN: u64 = 0x7ff8_0000_0000_0000;

/// An argument of a call. The values of the host's that scripts refer to are numbers.
pub(crate) fn argument(arg: &WastArg<'_>, store: &mut Store<()>) -> Result<Val, Stop> {
    let WastArg::Core(arg) = arg else { return Err(no_component_values()) };
    match arg {
        WastArgCore::I32(value) => Ok(Val::I32(*value)),
        WastArgCore::I64(value) => Ok(Val::I64(*value)),
        WastArgCore::F32(value) => Ok(Val::F32(f32::from_bits(value.bits))),
        WastArgCore::F64(value) => Ok(Val::F64(f64::from_bits(value.bits))),
        WastArgCore::RefNull(heap) => null(heap),
        WastArgCore::RefExtern(number) => Ok(Val::ExternRef(Some(store.extern_ref(*number)))),
        WastArgCore::V128(_) => Err(unsupported("vectors")),
        WastArgCore::RefHost(_) => Err(unsupported("references to objects")),
    }
}

/// Whether results are as expected.
pub(crate) fn fit(results: &[Val], expected: &[WastRet<'_>], store: &Store<()>) -> Result<bool, Stop> {
    let mut all_fit = results.len() == expected.len();
    for (result, expected) in results.iter().zip(expected) {
        let WastRet::Core(expected) = expected else { return Err(no_component_values()) };
        all_fit &= fits(result, expected, store)?;
    }
    Ok(all_fit)
}

fn fits(result: &Val, expected: &WastRetCore<'_>, store: &Store<()>) -> Result<bool, Stop> {
    Ok(match expected {
        WastRetCore::I32(wanted) => matches!(result, Val::I32(value) if value == wanted),
        WastRetCore::I64(wanted) => matches!(result, Val::I64(value) if value == wanted),
        WastRetCore::F32(wanted) => matches!(result, Val::F32(value) if match wanted {
            NanPattern::CanonicalNan => value.abs().to_bits() == F32_NAN,
            NanPattern::ArithmeticNan => value.to_bits() & F32_NAN == F32_NAN,
            NanPattern::Value(wanted) => value.to_bits() == wanted.bits,
        }),
        WastRetCore::F64(wanted) => matches!(result, Val::F64(value) if match wanted {
            NanPattern::CanonicalNan => value.abs().to_bits() == F64_NAN,
            NanPattern::ArithmeticNan => value.to_bits() & F64_NAN == F64_NAN,
            NanPattern::Value(wanted) => value.to_bits() == wanted.bits,
        }),
        WastRetCore::RefNull(heap) => {
            let of_type = match heap {
                Some(heap) => null(heap)?.ty() == result.ty(),
                None => true,
            };
            of_type && matches!(result, Val::FuncRef(None) | Val::ExternRef(None))
        }
        WastRetCore::RefFunc(None) => matches!(result, Val::FuncRef(Some(_))),
        WastRetCore::RefExtern(None) => matches!(result, Val::ExternRef(Some(_))),
        WastRetCore::RefExtern(wanted) => matches!(result, Val::ExternRef(Some(reference))
            if reference.data(store).and_then(|value| value.downcast_ref()) == wanted.as_ref()),
        WastRetCore::Either(choices) => {
            let mut one_fits = false;
            for choice in choices {
                one_fits |= fits(result, choice, store)?;
            }
            one_fits
        }
        WastRetCore::RefFunc(Some(_)) => return Err(unsupported("results that are functions by index")),
        WastRetCore::V128(_) => return Err(unsupported("vectors")),
        WastRetCore::RefHost(_)
        | WastRetCore::RefAny
        | WastRetCore::RefEq
        | WastRetCore::RefArray
        | WastRetCore::RefStruct
        | WastRetCore::RefI31
        | WastRetCore::RefI31Shared => return Err(unsupported("references to objects")),
    })
}

/// The null reference of a type.
fn null(heap: &HeapType<'_>) -> Result<Val, Stop> {
    let HeapType::Abstract { shared: false, ty } = heap else {
        return Err(unsupported("references of other types than funcref and externref"));
    };
    #[expect(
        clippy::wildcard_enum_match_arm,
        reason = "there may be any number of types that this machine lacks"
    )]
    match ty {
        AbstractHeapType::Func => Ok(Val::FuncRef(None)),
        AbstractHeapType::Extern => Ok(Val::ExternRef(None)),
        _ => Err(unsupported("references of other types than funcref and externref")),
    }
}

fn unsupported(what: &str) -> Stop {
    Stop::Unsupported(format!("{what} are not supported"))
}

fn no_component_values() -> Stop {
    unsupported("values of components")
}

/// Results as a script would write them.
pub(crate) fn show(results: &[Val], store: &Store<()>) -> String {
    list(results.iter().map(|result| show_one(result, store)))
}

fn show_one(result: &Val, store: &Store<()>) -> String {
    match result {
        Val::I32(value) => format!("i32.const {value}"),
        Val::I64(value) => format!("i64.const {value}"),
        Val::F32(value) => format!("f32.const {}", show_f32(value.to_bits())),
        Val::F64(value) => format!("f64.const {}", show_f64(value.to_bits())),
        Val::FuncRef(function) => if function.is_some() { "ref.func" } else { "ref.null func" }.to_owned(),
        Val::ExternRef(reference) => match reference {
            None => "ref.null extern".to_owned(),
            Some(reference) => {
                let number = reference.data(store).and_then(|value| value.downcast_ref::<u32>());
                number.map_or("ref.extern".to_owned(), |number| format!("ref.extern {number}"))
            }
        },
        other => format!("{other:?}"),
    }
}

/// What results must be, as a script writes it.
pub(crate) fn show_expected(expected: &[WastRet<'_>]) -> String {
    list(expected.iter().map(|expected| {
        if let WastRet::Core(expected) = expected {
            show_one_expected(expected)
        } else {
            format!("{expected:?}")
        }
    }))
}

fn show_one_expected(expected: &WastRetCore<'_>) -> String {
    #[expect(clippy::wildcard_enum_match_arm, reason = "what no result of this machine can be is not shown")]
    match expected {
        WastRetCore::I32(value) => format!("i32.const {value}"),
        WastRetCore::I64(value) => format!("i64.const {value}"),
        WastRetCore::F32(wanted) => {
            format!("f32.const {}", show_pattern(wanted, |value| show_f32(value.bits)))
        }
        WastRetCore::F64(wanted) => {
            format!("f64.const {}", show_pattern(wanted, |value| show_f64(value.bits)))
        }
        WastRetCore::RefNull(None) => "ref.null".to_owned(),
        WastRetCore::RefNull(Some(heap)) => match null(heap) {
            Ok(Val::FuncRef(_)) => "ref.null func".to_owned(),
            _ => "ref.null extern".to_owned(),
        },
        WastRetCore::RefFunc(_) => "ref.func".to_owned(),
        WastRetCore::RefExtern(None) => "ref.extern".to_owned(),
        WastRetCore::RefExtern(Some(number)) => format!("ref.extern {number}"),
        WastRetCore::Either(choices) => format!("either {}", list(choices.iter().map(show_one_expected))),
        other => format!("{other:?}"),
    }
}

fn show_pattern<F>(pattern: &NanPattern<F>, show: impl Fn(&F) -> String) -> String {
    match pattern {
        NanPattern::CanonicalNan => "nan:canonical".to_owned(),
        NanPattern::ArithmeticNan => "nan:arithmetic".to_owned(),
        NanPattern::Value(value) => show(value),
    }
}

fn show_f32(bits: u32) -> String {
    let value = f32::from_bits(bits);
    if value.is_nan() {
        show_nan(value.is_sign_negative(), (bits & 0x7f_ffff).into())
    } else {
        format!("{value:?}")
    }
}

fn show_f64(bits: u64) -> String {
    let value = f64::from_bits(bits);
    if value.is_nan() {
        show_nan(value.is_sign_negative(), bits & 0xf_ffff_ffff_ffff)
    } else {
        format!("{value:?}")
    }
}

fn show_nan(negative: bool, payload: u64) -> String {
    format!("{}nan:{payload:#x}", if negative { "-" } else { "" })
}

fn list(items: impl Iterator<Item = String>) -> String {
    let items: Vec<String> = items.map(|item| format!("({item})")).collect();
    if items.is_empty() { "nothing".to_owned() } else { items.join(" ") }
}
