//! How an engine works.

use std::sync::Arc;
use std::time::Duration;

use crate::tiering::policy::{MAX_CODE_BYTES, MAX_OPTIMIZING_TIME, Policy, Thresholds};

/// Which tiers code runs in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum TierMode {
    /// In the interpreter, and in machine code what the [policy](Config::policy) finds hot.
    Auto,
    /// In the portable interpreter.
    Portable,
    /// In the interpreter that is generated for the machine; in the portable one where there is no executable memory.
    Interpreter,
    /// In machine code of the template compiler from the first call on, where that can be had.
    Template,
    /// In machine code of the optimizing compiler from the first call on, where that can be had. Calls wait for it.
    Optimizing,
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
    /// See [`Config::policy`].
    pub policy: Arc<dyn Policy>,
    /// See [`Config::workers`].
    pub workers: usize,
    /// See [`Config::verify_ir`].
    pub verify_ir: bool,
    /// See [`Config::stress_exits`].
    pub stress_exits: u32,
    /// See [`Config::max_optimizing_time`].
    pub max_optimizing_time: Duration,
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
            policy: Arc::new(Thresholds::PRODUCTION),
            workers: 1,
            verify_ir: cfg!(debug_assertions),
            stress_exits: 0,
            max_optimizing_time: MAX_OPTIMIZING_TIME,
            max_code_bytes: MAX_CODE_BYTES,
            max_stack_bytes: 8 << 20,
            max_native_stack_bytes: 1 << 20,
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

    /// What gets machine code, and when, in [`TierMode::Auto`]: [`Thresholds::PRODUCTION`] by default. Calls and loops are only
    /// counted where code is [profiled](Config::profile).
    pub fn policy(mut self, policy: impl Policy + 'static) -> Config {
        self.policy = Arc::new(policy);
        self
    }

    /// How many threads make optimized code, while programs go on in the code that they have; with none, a program waits for its
    /// code, in its own thread. One by default. [`TierMode::Optimizing`] uses none. The first one starts when a function gets code of the
    /// template compiler, so that it is there when it is wanted.
    pub fn workers(mut self, threads: usize) -> Config {
        self.workers = threads;
        self
    }

    /// For tests of the engine: each branch of optimized code is left for code of the template compiler every so many times that
    /// control comes there, though nothing asks for it, and where an indirect call tests whether it calls a function that is inlined,
    /// it calls that, inlined or not. Never by default, or for 0.
    pub fn stress_exits(mut self, every: u32) -> Config {
        self.stress_exits = every;
        self
    }

    /// Whether the optimizing compiler checks its intermediate form before it makes machine code of it; a function that fails is
    /// [refused](crate::Module::refused). On by default where debug assertions are.
    pub fn verify_ir(mut self, on: bool) -> Config {
        self.verify_ir = on;
        self
    }

    /// How long the optimizing compiler may take for one function, as a clock on the wall tells it. It cannot be stopped at any moment:
    /// functions are refused by their size before, and by time when a phase of its work is over. A function that took too long
    /// stays in machine code of the template compiler, which [`Module::refused`](crate::Module::refused) tells. Two seconds by
    /// default.
    pub fn max_optimizing_time(mut self, time: Duration) -> Config {
        self.max_optimizing_time = time;
        self
    }

    /// Bytes of address space for the engine's machine code; functions that find no room stay in the interpreter, which
    /// [`Module::refused`](crate::Module::refused) tells. 256 MiB by default.
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
    /// `StackOverflow`. 1 MiB by default.
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
