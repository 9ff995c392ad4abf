//! `strata asm`: a program to Strata's binary form.

use std::path::PathBuf;

use bytecode_spec::encoding;
use clap::Args;
use strata::Engine;

use crate::failure::Failure;
use crate::output::{write_file, write_out};
use crate::program;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  strata asm hello.sasm                     writes hello.sbc
  strata asm hello.sasm -o build/hello.sbc
  strata asm hello.wasm                     translates it, and writes hello.sbc")]
pub(crate) struct Options {
    /// The program: .sasm, .wasm or .wat; `-` is standard input
    file: PathBuf,
    /// The file to write; FILE with the ending .sbc if not given; `-` is standard output
    #[arg(short, long, value_name = "OUT")]
    output: Option<PathBuf>,
}

/// Converts a program.
pub(crate) fn asm(options: &Options) -> Result<(), Failure> {
    let name = program::name_of(&options.file);
    let output = match &options.output {
        Some(output) => output.clone(),
        None if program::is_standard_input(&options.file) => {
            return Err(Failure::refused(&name, "has no name to derive the output's from; name it with -o"));
        }
        None => options.file.with_extension("sbc"),
    };
    if output == options.file && !program::is_standard_input(&output) {
        return Err(Failure::refused(&name, "would be overwritten by the output; name another file with -o"));
    }
    let module = program::load(&Engine::default(), &options.file)?;
    let bytes = encoding::encode(module.verified());
    if program::is_standard_input(&output) {
        return Ok(write_out(&bytes)?);
    }
    write_file(&output, &bytes)
}
