//! The template compiler: one pass over the bytecode, one template a shape, written once over a small macro assembler with one
//! file a machine.
//!
//! Read in this order: [`masm`] (machine ideas), [`buffer`] (bytes and labels), [`operands`] (where operands come from),
//! `templates`, `convention` (how functions are entered and left), `pins` (which registers live in machine registers), [`compile`]
//! (tier 1), [`interpreter`] (tier 0), [`stubs`] (what an engine needs once), [`x86_64`], [`aarch64`].

pub mod masm;
pub mod buffer;
pub mod operands;
mod convention;
mod templates;
pub(crate) mod pins;
pub mod compile;
pub mod interpreter;
pub mod stubs;
#[expect(clippy::useless_conversion, reason = "in what dynasm expands to")]
pub mod x86_64;
#[expect(clippy::useless_conversion, reason = "in what dynasm expands to")]
pub mod aarch64;

/// The machine that this runs on, if there is a compiler for it: `Machine`, a [`Masm`](masm::Masm).
#[cfg(target_arch = "aarch64")]
pub use aarch64 as host;
#[cfg(not(target_arch = "aarch64"))]
pub use x86_64 as host;

pub(crate) use templates::range;
