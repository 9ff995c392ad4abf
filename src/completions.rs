//! `strata completions`: scripts that complete the command's options in a shell.

use clap::{Args, CommandFactory};
use clap_complete::Shell;

use crate::Cli;
use crate::failure::Failure;
use crate::output::write_out;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  strata completions bash > /etc/bash_completion.d/strata
  strata completions fish > ~/.config/fish/completions/strata.fish
  strata completions zsh > ~/.zfunc/_strata")]
pub(crate) struct Options {
    /// The shell
    shell: Shell,
}

/// Prints a completion script.
pub(crate) fn completions(options: &Options) -> Result<(), Failure> {
    let mut script = Vec::new();
    clap_complete::generate(options.shell, &mut Cli::command(), "strata", &mut script);
    Ok(write_out(&script)?)
}
