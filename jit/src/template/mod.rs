//! The template compiler.
pub mod masm;
pub mod buffer;
pub mod operands;
mod templates;
pub mod x86_64;
mod pins;
pub mod compile;
