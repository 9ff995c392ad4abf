//! Thresholds, and nothing else that decides when to compile.

/// Calls after which a function gets machine code. Compiling takes about as long as interpreting a function some ten times.
pub(crate) const TIER1_CALLS: u32 = 64;
/// Taken back edges after which a function gets machine code, and goes on in it.
pub(crate) const TIER1_BACK_EDGES: u32 = 1 << 10;
/// Bytes of address space for machine code.
pub(crate) const MAX_CODE_BYTES: usize = 256 << 20;
