//! WebAssembly modules as modules of the Strata machine.
//!
//! [`translate`] decodes and validates a module with `wasmparser` and gives the same program in register form. What it gives
//! is an ordinary module: the verifier checks it again, so that a mistake here cannot make running code unsafe.
//!
//! Supported is WebAssembly 2.0 without SIMD, and tail calls; see `README.md` beside this crate. Everything else is refused
//! by name.
//!
//! Read in this order: [`module`] (sections), [`names`], [`lines`] (from DWARF), [`function`] (from the operand stack to registers).
//!
//! ```
//! let bytes = wat::parse_str(r#"
//!     (module (func $sum (export "sum") (param i32 i32) (result i32)
//!       (i32.mul (i32.add (local.get 0) (local.get 1)) (i32.const 3))))
//! "#)?;
//! let module = strata_wasm::translate(&bytes)?;
//! assert_eq!(module.functions[0].name, "sum");
//! bytecode_spec::verify(module)?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod error;
mod module;
mod names;
mod lines;
mod types;
mod function;

pub use error::TranslateError;

use wasmparser::WasmFeatures;

/// The first bytes of every WebAssembly module.
pub const MAGIC: [u8; 4] = *b"\0asm";

/// WebAssembly 2.0 without SIMD, and tail calls.
const FEATURES: WasmFeatures =
    WasmFeatures::WASM2.difference(WasmFeatures::SIMD).union(WasmFeatures::TAIL_CALL);

/// Translates a module: validates it, and gives the same program in register form, with the names of its name section
/// and the lines of its debug information.
/// Takes time and memory linear in the size of the module.
///
/// # Errors
///
/// When the bytes are not a valid module, need a feature that is not supported, or exceed a limit of the machine.
pub fn translate(bytes: &[u8]) -> Result<bytecode_spec::Module, TranslateError> {
    module::translate(bytes)
}
