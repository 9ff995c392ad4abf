//! The tiers that can be asked for, and those that this version has.

use clap::ValueEnum;
use strata::{Config, TierMode};

use crate::failure::{Failure, REFUSED};

/// What code may run in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(crate) enum TierChoice {
    /// The interpreter that runs anywhere
    Portable,
    /// The interpreter generated for this machine
    Interpreter,
    /// Machine code by templates
    Template,
    /// Optimized machine code
    Optimizing,
    /// Each function in the tier it has earned
    Auto,
}

/// Whether there is machine code on this system.
const HAS_MACHINE_CODE: bool =
    cfg!(all(target_os = "linux", any(target_arch = "x86_64", target_arch = "aarch64")));

impl TierChoice {
    /// The tier's name on the command line.
    pub(crate) fn name(self) -> &'static str {
        match self {
            TierChoice::Portable => "portable",
            TierChoice::Interpreter => "interpreter",
            TierChoice::Template => "template",
            TierChoice::Optimizing => "optimizing",
            TierChoice::Auto => "auto",
        }
    }

    /// Why the tier cannot be had, if it cannot.
    pub(crate) fn missing(self) -> Option<String> {
        match self {
            TierChoice::Portable | TierChoice::Auto => None,
            _ if HAS_MACHINE_CODE => None,
            TierChoice::Interpreter | TierChoice::Template | TierChoice::Optimizing => {
                Some(format!("tier {} is not there on this machine", self.name()))
            }
        }
    }

    /// Refuses the tier where it cannot be had.
    pub(crate) fn require(self) -> Result<(), Failure> {
        match self.missing() {
            Some(missing) => Err(Failure::Message {
                status: REFUSED,
                text: format!("{missing}; take portable, interpreter, template, optimizing or auto"),
            }),
            None => Ok(()),
        }
    }

    /// Has an engine run code so.
    pub(crate) fn apply(self, config: Config) -> Config {
        match self {
            TierChoice::Portable => config.tier(TierMode::Portable),
            TierChoice::Template => config.tier(TierMode::Template),
            TierChoice::Optimizing => config.tier(TierMode::Optimizing),
            TierChoice::Interpreter => config.tier(TierMode::Interpreter),
            TierChoice::Auto => config,
        }
    }

    /// Whether code is profiled for the tiers above the first.
    pub(crate) fn profiles(self) -> bool {
        self == TierChoice::Auto
    }
}
