//! A random WebAssembly module in Strata, in every configuration, and in another engine, wasmi: all that can
//! be seen of it must be the same.
//!
//! What is seen: how instantiation and each of a list of calls ended, and afterwards, every time, memories,
//! globals, tables and what host functions were called with. Modules come to an end in any engine, those [of
//! another generator](generate) as well as [dense] ones; the [engines] are behind one trait; wasmi gets
//! modules in a [plain] form.

mod dense;
mod engines;
mod generate;
mod plain;

use std::path::PathBuf;

use bytecode_spec::{ExportKind, TrapCause, ValType, VerifiedModule, verify};

use crate::choices::Choices;
use crate::configuration::{self, Configuration};
use crate::{bodies, edges};
use engines::{EXTERNS, InStrata, InWasmi, Machine, State};

/// Bytes at the front of the input that decide how the module is made and which arguments it is called with;
/// the others are the module's.
const DECISIONS: usize = 32;

/// Calls of one module, at most.
const MAX_CALLS: usize = 24;

/// How instantiation or a call ended: results as bits (of references, numbers that stand for them), or why it
/// trapped.
pub type Ended = Result<Vec<u64>, TrapCause>;

/// What came of a comparison.
#[derive(Clone, Debug, PartialEq)]
pub enum Compared {
    /// The bytes make no module.
    Nothing,
    /// The engines agree up to a place where they may differ, such as the depth of the stack.
    Inconclusive,
    /// The engines agree. How instantiation and calls ended.
    Equal(Vec<Ended>),
}

/// A call: which of the exported functions, and its arguments as the [engines] number them.
#[derive(Clone, Debug)]
struct Call {
    func: usize,
    args: Vec<u64>,
}

/// What is seen after instantiation, or after a call.
#[derive(Clone, Debug, PartialEq)]
struct Seen {
    ended: Ended,
    state: State,
}

/// What is seen of a module, in order.
#[derive(Debug)]
struct Trace {
    seen: Vec<Seen>,
    /// Whether it did not come to a place where engines may differ.
    complete: bool,
}

/// Makes a module of any bytes and compares. A long input makes a large module.
///
/// # Panics
///
/// When the module is refused, does not survive both forms, or behaves in some configuration otherwise than
/// in wasmi. The message tells in which file the module is.
pub fn check(bytes: &[u8]) -> Compared {
    make(bytes).map_or(Compared::Nothing, |(wasm, seed)| check_module(&wasm, seed))
}

/// The module that bytes make, if they do, and the seed for [`check_module`].
pub fn make(bytes: &[u8]) -> Option<(Vec<u8>, u64)> {
    let (decisions, bytes) = bytes.split_at(DECISIONS.min(bytes.len()));
    let choices = &mut Choices::from_bytes(decisions);
    let seed = choices.bits();
    let wasm = if choices.percent(50) {
        dense::module(&mut Choices::from_bytes(bytes))
    } else {
        generate::module(generate::config(choices), bytes)?
    };
    Some((wasm, seed))
}

/// Compares a module of which every loop and every function pays with the [exported global](generate::FUEL)
/// that bounds it. The seed decides about the arguments of calls.
///
/// # Panics
///
/// As for [`check`].
pub fn check_module(wasm: &[u8], seed: u64) -> Compared {
    let module = strata_wasm::translate(wasm)
        .unwrap_or_else(|error| fail(wasm, &format!("a valid module is not translated: {error}")));
    let module = verify(module)
        .unwrap_or_else(|errors| fail(wasm, &format!("a translated module is not valid: {errors}")));
    bodies::round_trips(&module);
    let calls = calls(&module, &mut Choices::seeded(seed));

    let mut wasmi = InWasmi::new(wasm);
    if let Some(difference) = wasmi.other_exports(&module) {
        fail(wasm, &difference);
    }
    let wanted = trace(&mut wasmi, &calls, None);
    let mut complete = wanted.complete;
    // Those with fuel first: in them, code that runs forever comes to an end.
    let (fueled, others): (Vec<_>, Vec<_>) = configuration::ALL.iter().partition(|c| c.fuel);
    for configuration in fueled.into_iter().chain(others) {
        let mut strata = InStrata::new(&module, configuration);
        let seen = trace(&mut strata, &calls, Some(&wanted.seen));
        compare(wasm, &module, configuration, &calls, &wanted.seen, &seen.seen);
        complete &= seen.complete;
    }
    if complete {
        Compared::Equal(wanted.seen.into_iter().map(|seen| seen.ended).collect())
    } else {
        Compared::Inconclusive
    }
}

/// Calls of every exported function, some of them several times, in turn.
fn calls(module: &VerifiedModule, choices: &mut Choices<'_>) -> Vec<Call> {
    let exported = module.exports.iter().filter_map(|export| match export.kind {
        ExportKind::Func(func) => Some(func),
        ExportKind::Table(_) | ExportKind::Memory(_) | ExportKind::Global(_) => None,
    });
    let exported: Vec<_> = exported.map(|func| module.func_type(func)).collect();
    let rounds = if exported.len() < MAX_CALLS / 3 { 3 } else { 1 };
    let functions = (0..exported.len()).cycle().take((rounds * exported.len()).min(MAX_CALLS));
    let call = |func: usize| {
        let argument = |&ty: &ValType| argument(choices, ty, exported.len());
        Call { func, args: exported[func].params.iter().map(argument).collect() }
    };
    functions.map(call).collect()
}

fn argument(choices: &mut Choices<'_>, ty: ValType, functions: usize) -> u64 {
    match ty {
        ValType::FuncRef => choices.below(functions + 1) as u64,
        ValType::ExternRef => choices.below(EXTERNS + 1) as u64,
        ValType::I32 | ValType::F32 if choices.percent(30) => choices.bits() & u64::from(u32::MAX),
        ValType::I64 | ValType::F64 if choices.percent(30) => choices.bits(),
        ValType::I32 | ValType::F32 | ValType::I64 | ValType::F64 => *choices.pick(&edges::few_edges(ty)),
    }
}

/// Instantiates and calls, as far as engines must agree, and as far as they do.
fn trace(machine: &mut dyn Machine, calls: &[Call], wanted: Option<&[Seen]>) -> Trace {
    let mut seen: Vec<Seen> = Vec::new();
    let mut calls = calls.iter();
    let most = wanted.map_or(usize::MAX, <[Seen]>::len);
    let mut ended = if most > 0 { machine.instantiate() } else { return Trace { seen, complete: true } };
    loop {
        // In Strata, what runs out of fuel should have come to an end as it did in the other engine.
        let incomparable = match &ended {
            Err(TrapCause::StackOverflow) => true,
            Err(TrapCause::OutOfFuel) => wanted.is_none(),
            Ok(_) | Err(_) => false,
        };
        if incomparable {
            return Trace { seen, complete: false };
        }
        let instantiated = !seen.is_empty() || ended.is_ok();
        seen.push(Seen { ended, state: machine.state() });
        let equal = wanted.is_none_or(|wanted| wanted.get(seen.len() - 1) == seen.last());
        let more = instantiated && equal && seen.len() < most;
        let Some(call) = calls.next().filter(|_| more) else { return Trace { seen, complete: true } };
        ended = machine.call(call.func, &call.args);
    }
}

fn compare(
    wasm: &[u8],
    module: &VerifiedModule,
    configuration: &Configuration,
    calls: &[Call],
    wanted: &[Seen],
    seen: &[Seen],
) {
    let Some((at, difference)) = (0..)
        .zip(wanted.iter().zip(seen))
        .find_map(|(i, (wanted, seen))| Some((i, difference(wanted, seen)?)))
    else {
        return;
    };
    let place = match at {
        0 => "instantiation".to_owned(),
        _ => {
            let Call { func, args } = &calls[at - 1];
            let exported =
                module.exports.iter().filter(|export| matches!(export.kind, ExportKind::Func(_))).nth(*func);
            let name = exported.map_or("", |export| &export.name);
            format!("call {at}, of {name:?} (exported function {func}) with {args:x?},")
        }
    };
    fail(wasm, &format!("{}: {place} differs from wasmi: {difference}", configuration.name));
}

fn difference(wanted: &Seen, seen: &Seen) -> Option<String> {
    if wanted.ended != seen.ended {
        return Some(format!("ended with {:x?}, expected {:x?}", seen.ended, wanted.ended));
    }
    let (wanted, seen) = (&wanted.state, &seen.state);
    if wanted.host != seen.host {
        return Some("other calls of host functions".to_owned());
    }
    if wanted.globals != seen.globals {
        return Some(format!("globals are {:x?}, expected {:x?}", seen.globals, wanted.globals));
    }
    if wanted.tables != seen.tables {
        return Some(format!("tables are {:x?}, expected {:x?}", seen.tables, wanted.tables));
    }
    let (wanted, seen) = wanted.memories.iter().zip(&seen.memories).find(|(wanted, seen)| wanted != seen)?;
    if wanted.len() != seen.len() {
        return Some(format!("a memory has {} bytes, expected {}", seen.len(), wanted.len()));
    }
    let at = wanted.iter().zip(seen).position(|(a, b)| a != b)?;
    Some(format!("byte {at:#x} of a memory is {:#x}, expected {:#x}", seen[at], wanted[at]))
}

/// Panics, with the module in a file.
fn fail(wasm: &[u8], message: &str) -> ! {
    panic!("{message}\nthe module is in {}", keep(wasm).display())
}

/// Writes a module to a file among those of the system that are for a while, named after its content.
fn keep(wasm: &[u8]) -> PathBuf {
    let hash = wasm.iter().fold(0xCBF2_9CE4_8422_2325, |hash: u64, &byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01B3)
    });
    let path = std::env::temp_dir().join(format!("strata-{hash:016x}.wasm"));
    // The message is worth more than the reason why there is no file.
    let _: std::io::Result<()> = std::fs::write(&path, wasm);
    path
}
