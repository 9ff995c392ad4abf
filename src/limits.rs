//! Limits of a run, as options.

use std::time::Duration;

use clap::Args;
use strata::Config;

/// What a stack of frames may be given; more would not be backed by memory.
const MAX_STACK: u64 = 1 << 30;

#[derive(Debug, Args)]
#[command(next_help_heading = "Limits")]
pub(crate) struct Limits {
    /// Trap with `out of fuel` after N instructions, counted over all calls
    #[arg(long, value_name = "N")]
    pub(crate) fuel: Option<u64>,
    /// Trap with `interrupted` after that time, such as 5s, 300ms or 2min
    #[arg(long, value_name = "TIME", value_parser = humantime::parse_duration)]
    pub(crate) timeout: Option<Duration>,
    /// Largest size of a memory, such as 64MiB or 1GiB; growing beyond it yields -1
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    max_memory: Option<u64>,
    /// Size of the call stack, from 64KiB to 1GiB (8MiB by default); deeper calls trap with `call stack exhausted`
    #[arg(long, value_name = "SIZE", value_parser = parse_stack_size)]
    max_stack: Option<usize>,
    /// Room for machine code (256MiB by default); functions that find none are interpreted
    #[arg(long, value_name = "SIZE", value_parser = parse_size)]
    max_code: Option<u64>,
}

impl Limits {
    /// The configuration with these limits.
    pub(crate) fn apply(&self, mut config: Config) -> Config {
        if self.fuel.is_some() {
            config = config.fuel(true);
        }
        if let Some(bytes) = self.max_memory {
            config = config.max_memory_bytes(bytes);
        }
        if let Some(bytes) = self.max_stack {
            config = config.max_stack_bytes(bytes);
        }
        if let Some(bytes) = self.max_code {
            config = config.max_code_bytes(usize::try_from(bytes).unwrap_or(usize::MAX));
        }
        config
    }
}

/// Bytes from a number and a unit: none or B, KiB, MiB, GiB (or K, M, G), KB, MB, GB.
fn parse_size(text: &str) -> Result<u64, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let unit = match unit.trim_start().to_ascii_lowercase().as_str() {
        "" | "b" => 1,
        "k" | "kib" => 1 << 10,
        "m" | "mib" => 1 << 20,
        "g" | "gib" => 1 << 30,
        "kb" => 1_000,
        "mb" => 1_000_000,
        "gb" => 1_000_000_000,
        _ => return Err("wanted bytes, or a whole number with KiB, MiB or GiB, such as 64MiB".to_owned()),
    };
    let number: u64 = match number.parse() {
        Ok(number) => number,
        Err(_) if number.is_empty() => return Err("wanted a number, such as 64MiB".to_owned()),
        Err(_) => u64::MAX,
    };
    number.checked_mul(unit).ok_or_else(|| "that is more than 64 bits can address".to_owned())
}

fn parse_stack_size(text: &str) -> Result<usize, String> {
    match parse_size(text)? {
        bytes @ 0x1_0000..=MAX_STACK => Ok(bytes as usize),
        _ => Err("a stack has 64KiB to 1GiB".to_owned()),
    }
}
