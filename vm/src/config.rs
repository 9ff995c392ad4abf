//! How an engine works.

use crate::tiering::policy;

/// Which tiers code runs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TierMode {
    /// In the interpreter, and in machine code what is hot. Only what is [profiled](Config::profile) can be.
    Auto,
    /// In the portable interpreter.
    Portable,
    /// In machine code of the template compiler from the first call on, where that can be had.
    Template,
}

/// Configuration of an [`Engine`](crate::Engine), built by chaining.
///
/// ```
/// use strata::{Config, Engine};
/// let engine = Engine::new(Config::new().fuel(true).max_memory_bytes(64 << 20));
/// assert!(engine.config().fuel);
/// ```
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Config {
    /// See [`Config::fuel`].
    pub fuel: bool,
    /// See [`Config::profile`].
    pub profile: bool,
    /// See [`Config::tier`].
    pub tier: TierMode,
    /// See [`Config::tier1_calls`].
    pub tier1_calls: u32,
    /// See [`Config::tier1_back_edges`].
    pub tier1_back_edges: u32,
    /// See [`Config::max_code_bytes`].
    pub max_code_bytes: usize,
    /// See [`Config::max_stack_bytes`].
    pub max_stack_bytes: usize,
    /// See [`Config::max_native_stack_bytes`].
    pub max_native_stack_bytes: usize,
    /// See [`Config::max_memory_bytes`].
    pub max_memory_bytes: u64,
    /// See [`Config::max_table_elements`].
    pub max_table_elements: u32,
}

impl Default for Config {
    fn default() -> Config {
        Config {
            fuel: false,
            profile: true,
            tier: TierMode::Auto,
            tier1_calls: policy::TIER1_CALLS,
            tier1_back_edges: policy::TIER1_BACK_EDGES,
            max_code_bytes: policy::MAX_CODE_BYTES,
            max_stack_bytes: 8 << 20,
            max_native_stack_bytes: 512 << 10,
            max_memory_bytes: 4 << 30,
            max_table_elements: 10_000_000,
        }
    }
}

impl Config {
    /// The default configuration.
    pub fn new() -> Config {
        Config::default()
    }

    /// Whether code is charged for: one unit an instruction, taken as basic blocks are entered. A store starts with
    /// none; see [`Store::set_fuel`](crate::Store::set_fuel). Off by default.
    pub fn fuel(mut self, on: bool) -> Config {
        self.fuel = on;
        self
    }

    /// Whether tier 0 records calls, branches and call targets. On by default.
    pub fn profile(mut self, on: bool) -> Config {
        self.profile = on;
        self
    }

    /// Which tiers code runs in. [`TierMode::Auto`] by default.
    pub fn tier(mut self, tier: TierMode) -> Config {
        self.tier = tier;
        self
    }

    /// After so many calls a function gets machine code, in [`TierMode::Auto`].
    pub fn tier1_calls(mut self, calls: u32) -> Config {
        self.tier1_calls = calls;
        self
    }

    /// When a branch has been taken so many times, or a multiple of it, and goes to the head of a loop, the function gets machine
    /// code and goes on in it, in [`TierMode::Auto`]. Rounded up to a power of two.
    pub fn tier1_back_edges(mut self, taken: u32) -> Config {
        self.tier1_back_edges = taken;
        self
    }

    /// Bytes of address space for the engine's machine code; functions that find no room stay in the interpreter.
    pub fn max_code_bytes(mut self, bytes: usize) -> Config {
        self.max_code_bytes = bytes;
        self
    }

    /// Bytes of a store's stack of frames; deeper recursion traps with `StackOverflow`. 8 MiB by default; at
    /// least 64 KiB and at most 1 GiB are taken.
    pub fn max_stack_bytes(mut self, bytes: usize) -> Config {
        self.max_stack_bytes = bytes;
        self
    }

    /// Bytes of native stack that host functions and code calling each other may use together before they trap with
    /// `StackOverflow`. 512 KiB by default.
    pub fn max_native_stack_bytes(mut self, bytes: usize) -> Config {
        self.max_native_stack_bytes = bytes;
        self
    }

    /// Bytes that each memory may have. A module that asks for more from the start is not instantiated; growing beyond
    /// yields -1. 4 GiB, all that is addressable, by default.
    pub fn max_memory_bytes(mut self, bytes: u64) -> Config {
        self.max_memory_bytes = bytes;
        self
    }

    /// Elements that each table may have; as for memories. Ten million by default.
    pub fn max_table_elements(mut self, elements: u32) -> Config {
        self.max_table_elements = elements;
        self
    }
}
