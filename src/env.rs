//! The host module `env`: what programs run by the command can import.

use std::fmt;
use std::time::Instant;

use strata::{Caller, Error, HostError, Linker, Memory, Module};

use crate::failure::tell_bytes;
use crate::input::{ReadError, SharedInput};
use crate::output::SharedOutput;
use crate::values::{show_f32, show_f64};

/// The module's name in imports.
pub(crate) const MODULE: &str = "env";
/// Digits after the point that a float may be asked to have: all that the smallest one has.
const MAX_DECIMALS: i32 = 1100;

/// What the functions work with.
#[derive(Debug)]
pub(crate) struct Host {
    pub(crate) output: SharedOutput,
    pub(crate) input: SharedInput,
    pub(crate) args: Vec<Vec<u8>>,
    pub(crate) started: Instant,
    #[cfg(feature = "wasi")]
    pub(crate) wasi: strata_wasi::WasiCtx,
}

/// The program asked to end with this status.
#[derive(Debug)]
pub(crate) struct Exit(pub(crate) i32);

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "exit {}", self.0)
    }
}

impl std::error::Error for Exit {}

/// The status that the program asked to end with, if that is what an error says.
pub(crate) fn exit_status(error: &(dyn std::error::Error + 'static)) -> Option<i32> {
    #[cfg(feature = "wasi")]
    if let Some(strata_wasi::Exit(status)) = error.downcast_ref() {
        return Some(*status);
    }
    error.downcast_ref().map(|Exit(status)| *status)
}

type Env<'a> = Caller<'a, Host>;
type Result<T> = std::result::Result<T, HostError>;

/// Names, types and meanings of the functions, once for the linker, for messages and for help.
macro_rules! functions {
    ($($name:ident $ty:literal $what:literal;)*) => {
        /// Defines the module, and that of WASI if the program is one for WASI.
        pub(crate) fn linker(program: &Module) -> std::result::Result<Linker<Host>, Error> {
            let mut linker = Linker::new(program.engine());
            $(linker.func(MODULE, stringify!($name), $name)?;)*
            #[cfg(feature = "wasi")]
            if crate::program::imports_wasi(program) {
                strata_wasi::add_to_linker(&mut linker, |host: &mut Host| &mut host.wasi)?;
            }
            Ok(linker)
        }

        /// Names of the functions.
        pub(crate) fn names() -> impl Iterator<Item = &'static str> {
            [$(stringify!($name)),*].into_iter()
        }

        /// The functions, for people.
        pub(crate) fn help() -> &'static str {
            concat!(
                "Programs can import from \"env\":\n",
                $("  ", stringify!($name), $ty, "\n      ", $what, "\n",)*
                "Addresses are in the memory that the calling module exports as \"memory\".",
            )
        }
    };
}

functions! {
    print_i32 "(i32)" "print an integer";
    print_i64 "(i64)" "print an integer";
    print_f32 "(f32)" "print a float, in the shortest form that reads back the same";
    print_f64 "(f64)" "print a float, in the shortest form that reads back the same";
    print_f64_fixed "(f64, i32 decimals)" "print a float with so many decimals";
    print_char "(i32)" "print a character, a Unicode code point";
    print "(i32 address, i32 length)" "print bytes";
    eprint "(i32 address, i32 length)" "print bytes on standard error";
    read "(i32 address, i32 length) -> i32" "read bytes; how many there were, 0 at the end, -1 on an error";
    arg_count "() -> i32" "number of arguments of the program";
    arg_len "(i32 index) -> i32" "length of an argument in bytes; -1 if there is none";
    arg_copy "(i32 index, i32 address, i32 length) -> i32" "copy as much of an argument as fits; how much, -1 if there is none";
    clock_ns "() -> i64" "nanoseconds since the program was started";
    exit "(i32 status)" "end the program with this exit status";
}

fn print_i32(env: Env<'_>, value: i32) -> Result<()> {
    Ok(env.data().output.get().print(value)?)
}

fn print_i64(env: Env<'_>, value: i64) -> Result<()> {
    Ok(env.data().output.get().print(value)?)
}

fn print_f32(env: Env<'_>, value: f32) -> Result<()> {
    Ok(env.data().output.get().print(show_f32(value))?)
}

fn print_f64(env: Env<'_>, value: f64) -> Result<()> {
    Ok(env.data().output.get().print(show_f64(value))?)
}

fn print_f64_fixed(env: Env<'_>, value: f64, decimals: i32) -> Result<()> {
    if !(0..=MAX_DECIMALS).contains(&decimals) {
        return Err(format!("print_f64_fixed: {decimals} decimals; 0 to {MAX_DECIMALS} can be had").into());
    }
    let text = if value.is_nan() { show_f64(value) } else { format!("{value:.*}", decimals as usize) };
    Ok(env.data().output.get().print(text)?)
}

fn print_char(env: Env<'_>, code: i32) -> Result<()> {
    let Some(character) = char::from_u32(code as u32) else {
        return Err(format!("print_char: {code:#x} is not a Unicode code point; print takes bytes").into());
    };
    Ok(env.data().output.get().write(character.encode_utf8(&mut [0; 4]).as_bytes())?)
}

fn print(mut env: Env<'_>, address: i32, length: i32) -> Result<()> {
    let (bytes, host) = bytes(&mut env, "print", address, length)?;
    Ok(host.output.get().write(bytes)?)
}

fn eprint(mut env: Env<'_>, address: i32, length: i32) -> Result<()> {
    let (bytes, host) = bytes(&mut env, "eprint", address, length)?;
    host.output.get().flush()?;
    tell_bytes(bytes);
    Ok(())
}

fn read(mut env: Env<'_>, address: i32, length: i32) -> Result<i32> {
    let (bytes, host) = bytes(&mut env, "read", address, length)?;
    if host.input.get().is_empty() {
        // Whoever is to type something wants to see what for.
        host.output.get().flush()?;
    }
    let most = bytes.len().min(i32::MAX as usize);
    let read = host.input.get().read(&mut bytes[..most]);
    match read {
        Ok(count) => Ok(count as i32),
        Err(ReadError::Failed(_)) => Ok(-1),
        Err(error @ ReadError::Stopped) => Err(error.into()),
    }
}

fn arg_count(env: Env<'_>) -> i32 {
    env.data().args.len() as i32
}

fn arg_len(env: Env<'_>, index: i32) -> i32 {
    env.data().args.get(index as u32 as usize).map_or(-1, |arg| arg.len() as i32)
}

fn arg_copy(mut env: Env<'_>, index: i32, address: i32, length: i32) -> Result<i32> {
    let (bytes, host) = bytes(&mut env, "arg_copy", address, length)?;
    let Some(arg) = host.args.get(index as u32 as usize) else { return Ok(-1) };
    let count = arg.len().min(bytes.len());
    bytes[..count].copy_from_slice(&arg[..count]);
    Ok(count as i32)
}

fn clock_ns(env: Env<'_>) -> i64 {
    env.data().started.elapsed().as_nanos() as i64
}

fn exit(_env: Env<'_>, status: i32) -> Result<()> {
    Err(Exit(status).into())
}

/// Bytes of the caller's memory, for the function of that name.
fn bytes<'a>(
    env: &'a mut Env<'_>,
    function: &str,
    address: i32,
    length: i32,
) -> Result<(&'a mut [u8], &'a mut Host)> {
    let memory: Option<Memory> = env.memory();
    let memory = memory.ok_or_else(|| format!("{function} needs a memory; export it as \"memory\""))?;
    let (data, host) = memory.data_mut(env)?;
    let (address, length, size) = (address as u32 as usize, length as u32 as usize, data.len());
    match data.get_mut(address..).and_then(|rest| rest.get_mut(..length)) {
        Some(bytes) => Ok((bytes, host)),
        None => {
            Err(format!("{function}: {length} bytes at {address} are beyond the memory of {size} bytes")
                .into())
        }
    }
}
