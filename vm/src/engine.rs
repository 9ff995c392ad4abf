//! The engine: configuration and what all modules and stores share.

use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use ahash::AHashMap;
use bytecode_spec::FuncType;

use crate::config::{Config, TierMode};
use crate::native::{Native, SharedCode};
use crate::optimized::TierUps;
use crate::tiering::policy::{Policy, Thresholds};

/// Configuration, signatures and code shared by modules and stores, in all threads. Cloning gives another handle.
///
/// ```
/// let engine = strata::Engine::default();
/// ```
#[derive(Clone, Debug)]
pub struct Engine(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    config: Config,
    /// Numbers of the function types in use, so that an indirect call compares one word.
    signatures: Mutex<AHashMap<FuncType, u32>>,
    /// What machine code needs; `None` inside where there is no machine code.
    native: OnceLock<Option<Native>>,
}

impl Default for Engine {
    fn default() -> Engine {
        Engine::new(Config::new())
    }
}

impl Engine {
    /// An engine of this configuration.
    pub fn new(config: Config) -> Engine {
        Engine(Arc::new(Shared { config, signatures: Mutex::default(), native: OnceLock::new() }))
    }

    /// How the engine was configured.
    pub fn config(&self) -> &Config {
        &self.0.config
    }

    /// What machine code needs, made when it is first asked for; `None` in an engine without machine code.
    pub(crate) fn native(&self) -> Option<&Native> {
        let config = &self.0.config;
        let make = || (config.tier != TierMode::Portable).then(|| Native::new(config)).flatten();
        self.0.native.get_or_init(make).as_ref()
    }

    /// The generated interpreter and what else engines share; `None` in an engine without machine code.
    pub(crate) fn shared_code(&self) -> Option<&'static SharedCode> {
        self.native().map(|native| native.shared)
    }

    /// What decides which functions get machine code; `None` when none does.
    pub(crate) fn policy(&self) -> Option<&dyn Policy> {
        match self.0.config.tier {
            TierMode::Auto => Some(&*self.0.config.policy),
            TierMode::Template => Some(&Thresholds::EAGER),
            TierMode::Optimizing => Some(&Thresholds::OPTIMIZING),
            TierMode::Portable | TierMode::Interpreter => None,
        }
    }

    /// Waits until the [workers](Config::workers) have made all optimized code that they were asked for.
    ///
    /// ```
    /// let engine = strata::Engine::default();
    /// engine.finish_compiling();
    /// ```
    pub fn finish_compiling(&self) {
        if let Some(native) = self.0.native.get().and_then(Option::as_ref) {
            native.wait();
        }
    }

    /// How programs were held up so far by moving between template and optimized code.
    ///
    /// ```
    /// assert_eq!(strata::Engine::default().tier_ups(), strata::TierUps::default());
    /// ```
    pub fn tier_ups(&self) -> TierUps {
        let native = self.0.native.get().and_then(Option::as_ref);
        native.map_or_else(TierUps::default, |native| native.pauses().report())
    }

    /// Bytes of machine code that functions of this engine have.
    pub fn code_bytes(&self) -> usize {
        self.0.native.get().and_then(Option::as_ref).map_or(0, Native::function_bytes)
    }

    /// Whether both are handles to one engine.
    pub(crate) fn same(&self, other: &Engine) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }

    /// The engine-wide number of a function type.
    pub(crate) fn signature(&self, ty: &FuncType) -> u32 {
        let mut signatures = self.0.signatures.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(&number) = signatures.get(ty) {
            return number;
        }
        let number = signatures.len() as u32;
        signatures.insert(ty.clone(), number);
        number
    }
}
