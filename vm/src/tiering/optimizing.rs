//! Who makes optimized code.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Mutex, PoisonError};

use strata_jit::optimizing::{self, Cranelift, Entry, OptimizedCode, Optimizer, Request, Target};

use super::policy::Refusal;
use crate::code::Version;
use crate::config::{Config, TierMode};

/// Makes optimized code for an engine.
#[derive(Debug)]
pub(crate) struct Optimizing {
    target: Target,
    verify: bool,
    /// Compilers that nobody uses, with their memory.
    idle: Mutex<Vec<Box<dyn Optimizer>>>,
}

impl Optimizing {
    /// `None` where nothing is optimized.
    pub(crate) fn new(config: &Config) -> Option<Optimizing> {
        match config.tier {
            TierMode::Auto | TierMode::Optimizing => {}
            TierMode::Portable | TierMode::Template => return None,
        }
        Some(Optimizing { target: Target::of_host()?, verify: config.verify_ir, idle: Mutex::default() })
    }

    /// Makes optimized code of a version, and installs it.
    pub(crate) fn optimize(&self, version: &Version, entry: Entry) -> Result<(), Refusal> {
        let request = request(version, entry);
        version.install(entry, self.compile(&request))
    }

    /// A compiler that panics is not used again, and the function stays where it is.
    fn compile(&self, request: &Request) -> Result<OptimizedCode, Refusal> {
        let idle = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let optimizer = idle().pop();
        let mut optimizer = optimizer.unwrap_or_else(|| Box::new(Cranelift::new(self.target, self.verify)));
        let compiled = catch_unwind(AssertUnwindSafe(|| optimizer.optimize(request)));
        let compiled = compiled.map_err(|_| Refusal::OptimizerFailed)?;
        idle().push(optimizer);
        compiled.map_err(|refusal| match refusal {
            optimizing::Refusal::TooLarge => Refusal::TooLargeToOptimize,
            _ => Refusal::OptimizerFailed,
        })
    }
}

/// What the optimizing compiler is to know of a version.
fn request(version: &Version, entry: Entry) -> Request {
    let module = version.loaded();
    Request {
        function: version.function().clone(),
        ty: module.module.func_type(version.func).clone(),
        imported_funcs: module.module.spaces().imported_funcs,
        frame_words: version.frame_words,
        costs: version.costs.to_vec(),
        entry,
        never: Vec::new(),
    }
}
