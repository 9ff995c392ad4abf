//! The host module `host`, which random programs and cases in files may import, in two forms: for a linker, and for the
//! [reference](mod@crate::reference).

use std::cell::Cell;
use std::fmt;
use std::panic::resume_unwind;

use bytecode_spec::limits::PAGE_SIZE;
use bytecode_spec::{FuncType, TrapCause, ValType};
use strata::{Caller, Engine, Error, ExternRef, Func, Linker};

use crate::reference::Machine;

/// The module's name in imports.
pub const MODULE: &str = "host";
/// The function `(i32) -> i32` that `reenter` and `visit` call, by the name that the caller exports it under.
pub const INNER: &str = "inner";
/// So many calls of `visit` may be active; one more calls nothing. How deep recursion through the host may be depends on
/// the native stack, so random programs must not come near.
const MAX_VISITS: u32 = 50;

thread_local! {
    static VISITS: Cell<u32> = const { Cell::new(0) };
}

/// An active call of `visit`.
struct Visit;

impl Visit {
    fn begin() -> Option<Visit> {
        (VISITS.get() < MAX_VISITS).then(|| {
            VISITS.set(VISITS.get() + 1);
            Visit
        })
    }
}

impl Drop for Visit {
    fn drop(&mut self) {
        VISITS.set(VISITS.get() - 1);
    }
}

/// Why `fail` failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Failure(pub i32);

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "failed with {}", self.0)
    }
}

impl std::error::Error for Failure {}

/// A function of the module, in the reference's terms.
pub struct HostFunction {
    /// Its name.
    pub field: &'static str,
    /// Its type.
    pub ty: fn() -> FuncType,
    /// What it does.
    pub call: fn(&mut Machine<'_>, &[u64]) -> Result<Vec<u64>, TrapCause>,
}

/// The functions of the module that random programs import: those whose results are the same everywhere.
pub const FUNCTIONS: &[HostFunction] = &[
    HostFunction { field: "nothing", ty: || FuncType::default(), call: |_, _| Ok(vec![]) },
    HostFunction {
        field: "mix",
        ty: || FuncType::new([ValType::I64, ValType::F64, ValType::I32], [ValType::I64]),
        call: |_, args| Ok(vec![mix(args[0] as i64, f64::from_bits(args[1]), args[2] as i32) as u64]),
    },
    HostFunction {
        field: "swap",
        ty: || FuncType::new([ValType::FuncRef, ValType::ExternRef], [ValType::ExternRef, ValType::FuncRef]),
        call: |_, args| Ok(vec![args[1], args[0]]),
    },
    HostFunction {
        field: "touch",
        ty: || FuncType::new([ValType::I32], []),
        call: |machine, args| {
            touch(&mut machine.memory, args[0] as i32);
            Ok(vec![])
        },
    },
    HostFunction {
        field: "grow",
        ty: || FuncType::new([ValType::I32], [ValType::I32]),
        call: |machine, args| Ok(vec![u64::from(machine.grow_memory(args[0] as u32) as u32)]),
    },
    HostFunction {
        field: "visit",
        ty: || FuncType::new([ValType::I32], [ValType::I32]),
        call: |machine, args| {
            let Some(_visit) = Visit::begin() else { return Ok(args.to_vec()) };
            let inner = machine.exported(INNER).expect("exported where visit is imported");
            machine.run(inner, args)
        },
    },
    HostFunction {
        field: "fail",
        ty: || FuncType::new([ValType::I32], [ValType::I32]),
        call: |_, args| {
            fail(args[0] as i32).map(|n| vec![u64::from(n as u32)]).map_err(|_| TrapCause::HostError)
        },
    },
];

/// A linker with the module.
///
/// # Errors
///
/// Never: the names are distinct.
pub fn linker(engine: &Engine) -> Result<Linker<()>, Error> {
    let mut linker = Linker::new(engine);
    linker.func(MODULE, "nothing", || ())?;
    linker.func(MODULE, "mix", mix)?;
    linker.func(MODULE, "swap", |f: Option<Func>, e: Option<ExternRef>| (e, f))?;
    linker.func(MODULE, "touch", |mut caller: Caller<'_, ()>, at: i32| {
        let memory = caller.memory().ok_or_else(|| "touch needs a memory".to_owned())?;
        touch(memory.data_mut(&mut caller).map_err(|error| error.to_string())?.0, at);
        Ok::<_, String>(())
    })?;
    linker.func(MODULE, "grow", |mut caller: Caller<'_, ()>, delta: u32| {
        let memory = caller.memory();
        memory.and_then(|memory| memory.grow(&mut caller, delta).ok()).map_or(-1, |old| old as i32)
    })?;
    linker.func(MODULE, "reenter", call_inner)?;
    linker.func(MODULE, "visit", |caller: Caller<'_, ()>, n: i32| {
        let Some(_visit) = Visit::begin() else { return Ok(n) };
        call_inner(caller, n)
    })?;
    linker.func(MODULE, "fail", fail)?;
    linker.func(MODULE, "panic", || -> () { resume_unwind(Box::new("as asked")) })?;
    Ok(linker)
}

fn call_inner(mut caller: Caller<'_, ()>, n: i32) -> Result<i32, Error> {
    let instance = caller.instance().ok_or(Error::WrongStore("caller"))?;
    let inner = instance.typed_func::<i32, i32>(&caller, INNER)?;
    inner.call(&mut caller, n)
}

fn mix(a: i64, b: f64, c: i32) -> i64 {
    // Whichever NaN it is must not matter.
    let b = if b.is_nan() { 0 } else { b.to_bits() as i64 };
    a.rotate_left(7).wrapping_mul(31).wrapping_add(b.rotate_left(13)) ^ i64::from(c)
}

/// Changes a byte somewhere in memory.
fn touch(memory: &mut [u8], at: i32) {
    let at = at as u32 as usize % PAGE_SIZE;
    if let Some(byte) = memory.get_mut(at) {
        *byte = byte.wrapping_mul(3).wrapping_add(1);
    }
}

fn fail(n: i32) -> Result<i32, Failure> {
    if n % 16 == 0 { Err(Failure(n)) } else { Ok(n.wrapping_add(1)) }
}
