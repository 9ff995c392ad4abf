//! Machine code for functions of the Strata machine.
//!
//! A compiler turns a function into bytes and maps, on any host. It does not decide when to compile, holds no thread, names what
//! belongs to the runtime by the offsets of [`abi`] alone, and bakes in no address: code can be installed anywhere.
//!
//! Read in this order: [`abi`], [`maps`], [`template`], [`optimizing`], and with the feature of that name `disasm`.

pub mod abi;
pub mod maps;
pub mod template;
pub mod optimizing;
#[cfg(feature = "disasm")]
pub mod disasm;
