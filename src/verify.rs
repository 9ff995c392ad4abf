//! `strata verify`: whether programs are valid.

use std::path::PathBuf;

use clap::Args;
use strata::Engine;

use crate::failure::Failure;
use crate::program;

#[derive(Debug, Args)]
pub(crate) struct Options {
    /// Programs: .sasm, .sbc, .wasm or .wat; `-` is standard input
    #[arg(required = true)]
    files: Vec<PathBuf>,
}

/// Verifies programs: all of them, and fails with the last failure.
pub(crate) fn verify(options: &Options) -> Result<(), Failure> {
    let engine = Engine::default();
    let mut failures = options.files.iter().filter_map(|file| program::load(&engine, file).err()).peekable();
    while let Some(failure) = failures.next() {
        if failures.peek().is_none() {
            return Err(failure);
        }
        failure.report();
    }
    Ok(())
}
