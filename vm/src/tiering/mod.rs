//! When functions get machine code, and who makes the optimized kind.

pub(crate) mod optimizing;
pub(crate) mod policy;
