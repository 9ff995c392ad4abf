//! `strata disasm`: a program in Strata's text form, or the machine code of its functions.

use std::path::PathBuf;

use clap::{Args, ValueEnum};
use strata::{Engine, Error, Op, Target, Tier};

use crate::failure::{Failure, REFUSED, did_you_mean};
use crate::output::{Output, write_out};
use crate::program;
use crate::tier::TierChoice;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  strata disasm hello.sbc > hello.sasm
  strata disasm hello.wasm                  what it is translated to
  strata disasm fib.sasm --tier template --func fib
  strata disasm fib.sasm --tier template --target x86_64
  strata disasm --tier interpreter --op add.i32     the handlers of an instruction")]
pub(crate) struct Options {
    /// The program: .sbc, .sasm, .wasm or .wat; `-` is standard input
    #[arg(required_unless_present = "op")]
    file: Option<PathBuf>,
    /// Only this function: what it is exported as, its own name, or its index
    #[arg(long, value_name = "NAME")]
    func: Option<String>,
    /// The tier whose machine code to print: template, optimizing, or with --op interpreter
    #[arg(long, value_enum, hide_possible_values = true)]
    tier: Option<TierChoice>,
    /// With tier optimizing, print its intermediate form instead, before and after optimization
    #[arg(long, requires = "tier")]
    clif: bool,
    /// The instruction whose handlers in the generated interpreter to print, by its mnemonic
    #[arg(long, value_name = "MNEMONIC", requires = "tier", conflicts_with_all = ["file", "func"])]
    op: Option<String>,
    /// The machine to make code for; the one that this runs on if not given
    #[arg(long, value_enum, requires = "tier")]
    target: Option<TargetChoice>,
}

/// A machine to make code for: one that has all that code can use.
#[derive(Clone, Copy, Debug, ValueEnum)]
enum TargetChoice {
    #[value(name = "x86_64", alias = "x86-64")]
    X86_64,
    #[value(name = "aarch64", alias = "arm64")]
    Aarch64,
}

impl TargetChoice {
    fn target(self) -> Target {
        match self {
            TargetChoice::X86_64 => Target::X86_64,
            TargetChoice::Aarch64 => Target::Aarch64,
        }
    }
}

/// Disassembles a program.
pub(crate) fn disasm(options: &Options) -> Result<(), Failure> {
    let target = options.target.map_or(Target::Host, TargetChoice::target);
    let Some(file) = &options.file else {
        return Ok(write_out(handlers(options, target)?.as_bytes())?);
    };
    let tier = options.tier.map(listed_tier).transpose()?;
    let name = program::name_of(file);
    let module = program::load(&Engine::default(), file)?;
    let func = options.func.as_deref().map(|wanted| program::find_func(&module, wanted)).transpose();
    let func = func.map_err(|what| Failure::refused(&name, what))?;
    let clif = |func| module.clif(func, target).map(|[before, after]| format!("{before}\n{after}"));
    let text = match (tier, func) {
        (Some(Tier::Optimizing), None) if options.clif => {
            return print_all(&name, module.functions().map(clif));
        }
        (Some(tier), None) => {
            return print_all(&name, module.listings(tier, target).map(|(_, listing)| listing));
        }
        (Some(Tier::Optimizing), Some(func)) if options.clif => clif(func),
        (Some(tier), Some(func)) => module.listing(func, tier, target),
        (None, Some(func)) => {
            Ok(strata_asm::disassemble_function(module.verified(), func).expect("it is there"))
        }
        (None, None) => Ok(strata_asm::disassemble(module.verified())),
    };
    let text = text.map_err(|error| Failure::refused(&name, error))?;
    Ok(write_out(text.as_bytes())?)
}

/// Prints what there is of all functions, as it is made. Where a function has none, a comment says why; it is a failure if none has.
fn print_all(name: &str, texts: impl Iterator<Item = Result<String, Error>>) -> Result<(), Failure> {
    let mut output = Output::new();
    let (mut is_some, mut refused) = (false, None);
    for (i, text) in texts.enumerate() {
        if i > 0 {
            output.write(b"\n")?;
        }
        match text {
            Ok(text) => {
                is_some = true;
                output.write(text.as_bytes())?;
            }
            Err(error) => {
                for line in error.to_string().lines() {
                    output.print(format_args!("; {line}\n"))?;
                }
                refused.get_or_insert(error);
            }
        }
    }
    output.flush()?;
    match refused {
        Some(error) if !is_some => Err(Failure::refused(name, error)),
        _ => Ok(()),
    }
}

/// The handlers of the instruction that is asked for: of all opcodes with its mnemonic.
fn handlers(options: &Options, target: Target) -> Result<String, Failure> {
    let refused = |text| Failure::Message { status: REFUSED, text };
    if options.tier != Some(TierChoice::Interpreter) {
        return Err(refused("handlers are those of --tier interpreter".to_owned()));
    }
    let wanted = options.op.as_deref().unwrap_or_default();
    let ops = Op::ALL.iter().filter(|op| op.info().mnemonic() == wanted);
    let listings: Vec<String> = ops.map(|&op| strata::handler_listing(op, target, false)).collect();
    if listings.is_empty() {
        let near = did_you_mean(wanted, Op::ALL.iter().map(|op| op.info().mnemonic()));
        return Err(refused(format!("no instruction is called \"{wanted}\"{near}")));
    }
    Ok(listings.join("\n"))
}

/// The tier, if it makes machine code of functions.
fn listed_tier(choice: TierChoice) -> Result<Tier, Failure> {
    let why = match choice {
        TierChoice::Template => return Ok(Tier::Template),
        TierChoice::Portable => "tier portable runs bytecode".to_owned(),
        TierChoice::Auto => "auto is several tiers".to_owned(),
        TierChoice::Optimizing => return Ok(Tier::Optimizing),
        TierChoice::Interpreter => "tier interpreter has handlers, which --op shows".to_owned(),
    };
    let text = format!("{why}; machine code is that of --tier template or optimizing");
    Err(Failure::Message { status: REFUSED, text })
}
