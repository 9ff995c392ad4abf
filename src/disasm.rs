//! `strata disasm`: a program in text.

use std::path::PathBuf;

use clap::Args;
use strata::Engine;

use crate::failure::Failure;
use crate::output::write_out;
use crate::program;

/// Print a program in text
///
/// What is printed can be assembled again, to the same bytes. A program that is in text already is printed in the form
/// that its binary form would be.
#[derive(Debug, Args)]
#[command(after_help = "\
Example:
  strata disasm hello.sbc > hello.sasm")]
pub(crate) struct Options {
    /// The program, in text or binary form; `-` is standard input
    file: PathBuf,
}

/// Disassembles a program.
pub(crate) fn disasm(options: &Options) -> Result<(), Failure> {
    let module = program::load(&Engine::default(), &options.file)?;
    Ok(write_out(strata_asm::disassemble(module.verified()).as_bytes())?)
}
