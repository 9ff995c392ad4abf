//! x
pub mod abi;
pub mod maps;
pub mod template;
