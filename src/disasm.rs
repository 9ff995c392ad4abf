//! `strata disasm`: a program in Strata's text form.

use std::path::PathBuf;

use clap::Args;
use strata::Engine;

use crate::failure::Failure;
use crate::output::write_out;
use crate::program;

/// Print a program in Strata's text form (.sasm)
///
/// What is printed can be assembled again, to the same bytes. A program that is in text already is printed in the form
/// that its binary form would be; a WebAssembly module as the bytecode that it is translated to.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  strata disasm hello.sbc > hello.sasm
  strata disasm hello.wasm                  what it is translated to")]
pub(crate) struct Options {
    /// The program: .sbc, .sasm, .wasm or .wat; `-` is standard input
    file: PathBuf,
}

/// Disassembles a program.
pub(crate) fn disasm(options: &Options) -> Result<(), Failure> {
    let module = program::load(&Engine::default(), &options.file)?;
    Ok(write_out(strata_asm::disassemble(module.verified()).as_bytes())?)
}
