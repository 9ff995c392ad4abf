//! What gets machine code, and when: all thresholds are here, and nothing else decides.
//!
//! The engine asks when a function is called for the first time, at calls that the policy has named, and when a loop goes back for
//! the first time and every [`BACK_EDGES`] times after that. Calls and loops are counted where tier 0 profiles. Template
//! code is made at once, in the thread that asks; optimized code by worker threads, from a queue that has those first which are hottest for
//! their size.

use std::fmt;
use std::time::Duration;

use bytecode_spec::{FuncIndex, VerifiedModule};

use crate::trap::Tier;

/// Decides what gets machine code, and when. Asked by all threads that run code of the engine, at moments that are rare.
///
/// ```
/// use strata::{Candidate, Config, Decision, Engine, Event, Policy, Thresholds, Tier};
///
/// /// Compiles small functions when they are first called.
/// #[derive(Debug)]
/// struct SmallFirst;
///
/// impl Policy for SmallFirst {
///     fn decide(&self, candidate: &Candidate<'_>) -> Decision {
///         match candidate.words() {
///             0..100 => Decision::Compile(Tier::Template),
///             _ => Thresholds::PRODUCTION.decide(candidate),
///         }
///     }
/// }
///
/// let engine = Engine::new(Config::new().policy(SmallFirst));
/// ```
pub trait Policy: fmt::Debug + Send + Sync {
    /// What is to become of a function.
    fn decide(&self, candidate: &Candidate<'_>) -> Decision;

    /// Whether it may ever have functions optimized: if not, code does without the counters that this takes.
    fn optimizes(&self) -> bool {
        true
    }

    /// A function that was to be compiled stays in the interpreter, and the policy is not asked about it again. Nothing happens
    /// by default; see also [`Module::refused`](crate::Module::refused).
    fn refused(&self, candidate: &Candidate<'_>, refusal: Refusal) {
        _ = (candidate, refusal);
    }
}

/// A function, and what happened to it.
#[derive(Clone, Copy, Debug)]
#[non_exhaustive]
pub struct Candidate<'a> {
    /// The module that the function is of.
    pub module: &'a VerifiedModule,
    /// The function.
    pub func: FuncIndex,
    /// What happened.
    pub event: Event,
}

impl Candidate<'_> {
    /// The length of the function's code, in words of 64 bits.
    pub fn words(&self) -> usize {
        self.module.function(self.func).map_or(0, |function| function.code.len())
    }
}

/// What happened to a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// It has been called so many times, this call included.
    Calls(u32),
    /// One of its branches has gone back to the head of a loop so many times.
    BackEdges(u32),
}

/// What is to become of a function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Decision {
    /// It stays in the interpreter until it is asked about again: at back edges, and when it has been called so many times.
    Wait {
        /// Calls in all; never when that is not above what it has been called, such as 0.
        calls: u32,
    },
    /// It is compiled for that tier now. For the portable interpreter there is nothing to do, ever.
    Compile(Tier),
}

/// Why a function stays in the interpreter though it was to be compiled.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, thiserror::Error)]
#[non_exhaustive]
pub enum Refusal {
    /// The system gives no memory that is executable, or there is no compiler for the machine.
    #[error("there is no executable memory, or no compiler for this machine")]
    NoMachineCode,
    /// All of the engine's memory for machine code is in use: see [`Config::max_code_bytes`](crate::Config::max_code_bytes).
    #[error("there is no room for more machine code")]
    OutOfCodeSpace,
    /// See [`strata_jit::template::compile::Refusal`].
    #[error("its machine code would be too large")]
    TooLarge,
    /// It is too large for the optimizing compiler. It stays in machine code of the template compiler.
    #[error("it is too large to be optimized")]
    TooLargeToOptimize,
    /// The optimizing compiler took too long: see [`Config::max_optimizing_time`](crate::Config::max_optimizing_time). It stays in
    /// machine code of the template compiler.
    #[error("it takes too long to optimize")]
    TooSlowToOptimize,
    /// The optimizing compiler cannot compile it. It stays in machine code of the template compiler.
    #[error("the optimizing compiler failed")]
    OptimizerFailed,
}

/// The policy of plain thresholds.
///
/// ```
/// use strata::{Config, Engine, Thresholds};
/// let engine = Engine::new(Config::new().policy(Thresholds { tier1_calls: 10, ..Thresholds::PRODUCTION }));
/// ```
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Thresholds {
    /// Calls after which a function gets machine code of the template compiler; 0 for never.
    pub tier1_calls: u32,
    /// Taken back edges of one branch after which its function does, and goes on in it; 0 for never. Looked at the first time and every
    /// 1024th time that the branch is taken.
    pub tier1_back_edges: u32,
    /// Calls after which it gets machine code of the optimizing compiler; 0 for never.
    pub tier2_calls: u32,
    /// Taken back edges after which it does, and goes on in it; 0 for never. Looked at as for `tier1_back_edges`.
    pub tier2_back_edges: u32,
}

impl Thresholds {
    /// For programs that are to run fast soon: the default. To make template code takes about as long as to
    /// interpret it ten times, and optimized code a hundred times as long, but of a worker.
    pub const PRODUCTION: Thresholds = Thresholds {
        tier1_calls: 64,
        tier1_back_edges: 1024,
        tier2_calls: 4 * 1024,
        tier2_back_edges: 32 * 1024,
    };
    /// For programs that are changed all the time: only what is hot is compiled.
    pub const DEVELOPMENT: Thresholds =
        Thresholds { tier1_calls: 1024, tier1_back_edges: 16 * 1024, tier2_calls: 0, tier2_back_edges: 0 };
    /// Machine code of the template compiler for everything at its first call, and nothing else.
    pub const EAGER: Thresholds =
        Thresholds { tier1_calls: 1, tier1_back_edges: 1, tier2_calls: 0, tier2_back_edges: 0 };
    /// Machine code of the optimizing compiler for everything at its first call.
    pub(crate) const OPTIMIZING: Thresholds =
        Thresholds { tier1_calls: 0, tier1_back_edges: 0, tier2_calls: 1, tier2_back_edges: 1 };
}

impl Policy for Thresholds {
    fn optimizes(&self) -> bool {
        self.tier2_calls > 0 || self.tier2_back_edges > 0
    }

    fn decide(&self, candidate: &Candidate<'_>) -> Decision {
        let (count, tier1, tier2) = match candidate.event {
            Event::Calls(count) => (count, self.tier1_calls, self.tier2_calls),
            Event::BackEdges(count) => (count, self.tier1_back_edges, self.tier2_back_edges),
        };
        let reached = |threshold: u32| threshold > 0 && count >= threshold;
        if reached(tier2) {
            Decision::Compile(Tier::Optimizing)
        } else if reached(tier1) {
            Decision::Compile(Tier::Template)
        } else {
            let next = if self.tier1_calls > 0 { self.tier1_calls } else { self.tier2_calls };
            Decision::Wait { calls: next }
        }
    }
}

/// The policy is asked about a loop at the first back edge and every so many behind it.
pub(crate) const BACK_EDGES: u32 = strata_jit::abi::BACK_EDGES;

/// Code of the template compiler asks first after so many calls, since the first has been asked about, and back edges,
pub(crate) const FIRST_COUNTED: [u32; 2] = [2, 1];
/// and after so many of each behind that.
pub(crate) const COUNTED: u32 = 1024;

/// A way that a branch never went is left out of optimized code if the branch was seen so often.
pub(crate) const SAMPLES: u32 = 32;

/// Where a loop is hot, code is made of the outermost loop around it that went round so often while it was profiled, or is hot itself:
/// the inner one is soon left.
pub(crate) const OUTER_ROUNDS: u32 = 3;

/// An activation that comes by the head of a hot loop so often without getting to the one around it is to have code of the inner one.
pub(crate) const MAX_PASSED: u32 = 1000;

/// Functions that the optimizing compiler is offered to inline into one.
pub(crate) const MAX_CALLEES: usize = 16;

/// Where a function that is too large to be inlined tests whether it returns early, that is inlined unless less than one of so many calls did.
pub(crate) const EARLY_SHARE: u32 = 8;

/// A function is inlined at an indirect call if at least one of so many calls was of it.
pub(crate) const TARGET_SHARE: u32 = 8;

/// Functions that may wait for the optimizing compiler; others may ask again.
pub(crate) const MAX_QUEUED: usize = 1024;

/// A branch that was left out of optimized code is taken in after it was taken so many times.
pub(crate) const EXITS: u32 = 64;
const _: () = assert!(EXITS.is_power_of_two(), "they are only looked at then");

/// So often optimized code for an entry is made again because it left out what was needed; then nothing is left out any more.
pub(crate) const MAX_RECOMPILATIONS: u32 = 8;

/// The optimizing compiler may take so long for one function, unless it is configured otherwise.
pub(crate) const MAX_OPTIMIZING_TIME: Duration = Duration::from_secs(2);

/// Bytes of address space for machine code.
pub(crate) const MAX_CODE_BYTES: usize = 256 << 20;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thresholds_of_zero_are_never_reached() {
        let verified = bytecode_spec::verify(bytecode_spec::Module::default()).unwrap();
        let decide = |thresholds: Thresholds, event| {
            thresholds.decide(&Candidate { module: &verified, func: FuncIndex(0), event })
        };
        let never = Thresholds { tier1_calls: 0, tier1_back_edges: 0, tier2_calls: 0, tier2_back_edges: 0 };
        assert_eq!(decide(never, Event::Calls(u32::MAX)), Decision::Wait { calls: 0 });
        assert_eq!(decide(never, Event::BackEdges(u32::MAX)), Decision::Wait { calls: 0 });
        let compile = Decision::Compile(Tier::Template);
        assert_eq!(decide(Thresholds::EAGER, Event::Calls(1)), compile);
        assert_eq!(decide(Thresholds::PRODUCTION, Event::Calls(63)), Decision::Wait { calls: 64 });
        assert_eq!(decide(Thresholds::PRODUCTION, Event::Calls(64)), compile);
        assert_eq!(decide(Thresholds::PRODUCTION, Event::BackEdges(1025)), compile);
        let optimize = Decision::Compile(Tier::Optimizing);
        assert_eq!(decide(Thresholds::PRODUCTION, Event::Calls(4096)), optimize);
        assert_eq!(decide(Thresholds::PRODUCTION, Event::BackEdges(32_768)), optimize);
    }
}
