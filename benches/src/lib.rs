//! What Strata's benchmarks share: a large generated module, the kernels, functions to compile, and how times are taken and shown.

pub mod functions;
pub mod generated;
pub mod kernels;
pub mod measure;
