//! What the whole-system tests and the fuzz targets share: configurations to compare, oracles to compare them with, and
//! makers of programs. The tests in `tests/` are loops around these; the targets in `fuzz/` are calls of [`bodies`].
//!
//! Read in this order: [`configuration`] (what is compared), [`slots`] (values as bits),
//! [`edges`] (operands worth a test), [`reference`](mod@reference) (a naive interpreter, the oracle),
//! [`validity`] (a naive verifier, likewise), [`choices`] and [`generate`] (random programs), [`host`] (what these
//! import), [`addresses`] (random loops that access memory), [`differential`] (run everywhere and compare), [`wasm`] (likewise, with WebAssembly and another engine),
//! [`mutate`], [`hostile`] (run what a stranger wrote), [`bodies`], [`counting`], [`filetest`] (cases in files).

pub mod configuration;
pub mod edges;

pub mod slots;

pub mod reference;
pub mod validity;

pub mod choices;
pub mod generate;
pub mod addresses;
pub mod host;

pub mod differential;
pub mod wasm;

pub mod hostile;
pub mod mutate;

pub mod bodies;
#[expect(unsafe_code, reason = "a global allocator")]
pub mod counting;
pub mod filetest;
