//! When functions get machine code.

pub(crate) mod policy;
