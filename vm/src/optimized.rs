//! What became of functions in the optimizing compiler, for people and tests.

use std::time::Duration;

use bytecode_spec::{FuncIndex, Pc};
pub use strata_jit::optimizing::{CallSite, Edge, Inlining, Reason};

use crate::module::Module;

/// A function that was compiled by the optimizing compiler, and how that went.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct OptimizedFunction {
    /// The function.
    pub func: FuncIndex,
    /// How often it was compiled: for its start, for each head of a loop at which it is entered, and again.
    pub compilations: u32,
    /// How often it was compiled again, since a way of a branch that had been left out was gone.
    pub recompilations: u32,
    /// Bytes of its code, of all compilations.
    pub code_bytes: usize,
    /// Instructions of bytecode that were compiled, those of functions that are inlined included, in all compilations.
    pub instructions: u32,
    /// How long all compilations took, in whatever thread.
    pub compile_time: Duration,
    /// Heads of loops for which it has code, or is to have some.
    pub loop_heads: Vec<Pc>,
    /// How often activations in other tiers went on in optimized code at the head of a loop.
    pub loop_entries: u32,
    /// What became of calls of functions of the module in its code, of all compilations, in the order of their places.
    pub calls: Vec<CallSite>,
    /// Where its code is left, of all compilations.
    pub side_exits: Vec<SideExitCount>,
}

/// A side exit, and how often it was taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct SideExitCount {
    /// The inlined function that it is in; `None` for the function that was compiled.
    pub within: Option<FuncIndex>,
    /// The instruction at which the activation goes on in another tier.
    pub pc: Pc,
    /// Why.
    pub reason: Reason,
    /// How often.
    pub count: u32,
}

/// How programs were held up, in their own threads, by moving between code of the template compiler and optimized code: counting
/// that asks for better code, entering that in a loop, and leaving it by side exits. What workers do is no part of it, nor is starting
/// the [first](crate::Config::workers).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct TierUps {
    /// How often.
    pub count: u64,
    /// How long in all.
    pub total: Duration,
    /// How long at most at a time, as a clock on the wall tells it: the system may have run something else meanwhile.
    pub longest: Duration,
}

impl Module {
    /// The functions that have optimized code, or had some made, in their order.
    ///
    /// ```
    /// # use strata::*;
    /// let engine = Engine::new(Config::new().tier(TierMode::Optimizing));
    /// let module = Module::new(&engine, "func @one() -> i32 export {\n %r: i32 = const.i32 1\n ret %r\n}")?;
    /// let mut store = Store::new(&engine, ());
    /// let instance = Linker::new(&engine).instantiate(&mut store, &module)?;
    /// assert_eq!(instance.typed_func::<(), i32>(&store, "one")?.call(&mut store, ())?, 1);
    /// for function in module.optimized() {
    ///     assert_eq!((function.func, function.compilations), (FuncIndex(0), 1));
    ///     assert!(function.side_exits.is_empty());
    /// }
    /// # Ok::<(), Error>(())
    /// ```
    pub fn optimized(&self) -> Vec<OptimizedFunction> {
        let versions = self.functions().filter_map(|func| self.0.called_version(func));
        let reports = versions.map(|version| version.optimized.report(version.func));
        reports.filter(|report| report.compilations > 0).collect()
    }
}
