//! The configurations that every program is to behave equally in: a row for each tier and mode.

use bytecode_spec::FuncIndex;
use strata::{Config, Engine, Module, Refusal, Thresholds, TierMode};

/// One way to run programs.
#[derive(Clone, Copy, Debug)]
pub struct Configuration {
    /// Its name in messages and in `;! tiers:` of cases.
    pub name: &'static str,
    /// Whether fuel is counted.
    pub fuel: bool,
    /// Whether a profile is recorded of all that runs; machine code records none.
    pub profile: bool,
    /// Whether what happens to optimized code can be foreseen: `; expect:` of cases may look at it.
    pub optimizes: bool,
    /// What makes the engine run that way.
    configure: fn(Config) -> Config,
}

/// Every configuration. A new tier adds its rows here, and all tests cover it.
pub const ALL: &[Configuration] = &[
    Configuration {
        name: "portable",
        fuel: false,
        profile: true,
        optimizes: false,
        configure: |config| config.tier(TierMode::Portable).fuel(false).profile(true),
    },
    Configuration {
        name: "portable-no-profile",
        fuel: false,
        profile: false,
        optimizes: false,
        configure: |config| config.tier(TierMode::Portable).fuel(false).profile(false),
    },
    Configuration {
        name: "portable-fuel",
        fuel: true,
        profile: false,
        optimizes: false,
        configure: |config| config.tier(TierMode::Portable).fuel(true).profile(false),
    },
    Configuration {
        name: "portable-fuel-profile",
        fuel: true,
        profile: true,
        optimizes: false,
        configure: |config| config.tier(TierMode::Portable).fuel(true).profile(true),
    },
    // The generated interpreter alone.
    Configuration {
        name: "interpreter",
        fuel: false,
        profile: false,
        optimizes: false,
        configure: |config| config.tier(TierMode::Interpreter).fuel(false).profile(false),
    },
    Configuration {
        name: "interpreter-profile",
        fuel: false,
        profile: true,
        optimizes: false,
        configure: |config| config.tier(TierMode::Interpreter).fuel(false).profile(true),
    },
    Configuration {
        name: "interpreter-fuel",
        fuel: true,
        profile: false,
        optimizes: false,
        configure: |config| config.tier(TierMode::Interpreter).fuel(true).profile(false),
    },
    Configuration {
        name: "interpreter-fuel-profile",
        fuel: true,
        profile: true,
        optimizes: false,
        configure: |config| config.tier(TierMode::Interpreter).fuel(true).profile(true),
    },
    // The template compiler at first call.
    Configuration {
        name: "template",
        fuel: false,
        profile: false,
        optimizes: false,
        configure: |config| config.tier(TierMode::Template).fuel(false).profile(false),
    },
    Configuration {
        name: "template-fuel",
        fuel: true,
        profile: false,
        optimizes: false,
        configure: |config| config.tier(TierMode::Template).fuel(true).profile(false),
    },
    // Machine code only where a loop goes back for the first time, in the middle of the function.
    Configuration {
        name: "osr",
        fuel: false,
        profile: false,
        optimizes: false,
        configure: |config| config.policy(thresholds([0, 1], [0, 0])).fuel(false).profile(true),
    },
    // The optimizing compiler at first call.
    Configuration {
        name: "optimizing",
        fuel: false,
        profile: false,
        optimizes: false,
        configure: |config| config.tier(TierMode::Optimizing).fuel(false).profile(false),
    },
    Configuration {
        name: "optimizing-fuel",
        fuel: true,
        profile: false,
        optimizes: false,
        configure: |config| config.tier(TierMode::Optimizing).fuel(true).profile(false),
    },
    // Optimized code only in the middle of functions, entered from the interpreter.
    Configuration {
        name: "optimizing-osr",
        fuel: false,
        profile: false,
        optimizes: true,
        configure: |config| config.policy(thresholds([0, 0], [0, 1])).fuel(false).profile(true).workers(0),
    },
    // The same, entered from code of the template compiler.
    Configuration {
        name: "optimizing-osr-template",
        fuel: false,
        profile: false,
        optimizes: true,
        configure: |config| config.policy(thresholds([1, 0], [0, 1])).fuel(false).profile(true).workers(0),
    },
    // Optimized code is left at every branch, and entered again at the next back edge.
    Configuration {
        name: "exits",
        fuel: false,
        profile: false,
        optimizes: true,
        configure: |config| stressed(config).fuel(false).stress_exits(1),
    },
    // At every seventh.
    Configuration {
        name: "exits-fuel",
        fuel: true,
        profile: false,
        optimizes: true,
        configure: |config| stressed(config).fuel(true).stress_exits(7),
    },
    // Ways of branches are left out that were not gone in one or two calls, which is mostly wrong.
    Configuration {
        name: "speculating",
        fuel: false,
        profile: false,
        optimizes: true,
        configure: |config| {
            config
                .policy(thresholds([0, 0], [3, 3]))
                .fuel(false)
                .profile(true)
                .workers(0)
                .stress_exits(10_000)
        },
    },
    // Tests of indirect calls for what is inlined there fail every other time, and branches are left.
    Configuration {
        name: "guards",
        fuel: true,
        profile: false,
        optimizes: true,
        configure: |config| {
            stressed(config)
                .tier(TierMode::Auto)
                .policy(thresholds([0, 0], [3, 3]))
                .fuel(true)
                .profile(true)
                .workers(0)
                .stress_exits(2)
        },
    },
    // From the second and third call on, so that all tiers call each other.
    Configuration {
        name: "mixed",
        fuel: true,
        profile: false,
        optimizes: false,
        configure: |config| config.policy(thresholds([2, 1], [3, 2])).fuel(true).profile(true).workers(0),
    },
    // What an engine does unless it is told otherwise.
    Configuration { name: "auto", fuel: false, profile: false, optimizes: false, configure: |config| config },
];

/// For code that is left at branches: each call that is not done then takes more native stack than usual.
fn stressed(config: Config) -> Config {
    config.tier(TierMode::Optimizing).profile(false).max_native_stack_bytes(6 << 20)
}

/// Calls and back edges for the template compiler, and for the optimizing one.
fn thresholds(template: [u32; 2], optimizing: [u32; 2]) -> Thresholds {
    let ([tier1_calls, tier1_back_edges], [tier2_calls, tier2_back_edges]) = (template, optimizing);
    Thresholds { tier1_calls, tier1_back_edges, tier2_calls, tier2_back_edges }
}

impl Configuration {
    /// An engine of this configuration, with the limits of `config`.
    pub fn engine(&self, config: Config) -> Engine {
        Engine::new((self.configure)(config))
    }
}

/// The functions of a module that the optimizing compiler does not refuse, but fails on.
pub fn not_compiled(module: &Module) -> impl Iterator<Item = FuncIndex> {
    let refused = module.refused().into_iter();
    refused.filter(|(_, refusal)| *refusal == Refusal::OptimizerFailed).map(|(func, _)| func)
}
