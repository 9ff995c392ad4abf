//! The configurations that every program is to behave equally in: a row for each tier and mode.

use strata::{Config, Engine, Thresholds, TierMode};

/// One way to run programs.
#[derive(Clone, Copy, Debug)]
pub struct Configuration {
    /// Its name in messages and in `;! tiers:` of cases.
    pub name: &'static str,
    /// Whether fuel is counted.
    pub fuel: bool,
    /// Whether a profile is recorded of all that runs; machine code records none.
    pub profile: bool,
    /// What makes the engine run that way.
    configure: fn(Config) -> Config,
}

/// Every configuration. A new tier adds its rows here, and all tests cover it.
pub const ALL: &[Configuration] = &[
    Configuration {
        name: "portable",
        fuel: false,
        profile: true,
        configure: |config| config.tier(TierMode::Portable).fuel(false).profile(true),
    },
    Configuration {
        name: "portable-no-profile",
        fuel: false,
        profile: false,
        configure: |config| config.tier(TierMode::Portable).fuel(false).profile(false),
    },
    Configuration {
        name: "portable-fuel",
        fuel: true,
        profile: false,
        configure: |config| config.tier(TierMode::Portable).fuel(true).profile(false),
    },
    Configuration {
        name: "portable-fuel-profile",
        fuel: true,
        profile: true,
        configure: |config| config.tier(TierMode::Portable).fuel(true).profile(true),
    },
    // The generated interpreter alone.
    Configuration {
        name: "interpreter",
        fuel: false,
        profile: false,
        configure: |config| config.tier(TierMode::Interpreter).fuel(false).profile(false),
    },
    Configuration {
        name: "interpreter-profile",
        fuel: false,
        profile: true,
        configure: |config| config.tier(TierMode::Interpreter).fuel(false).profile(true),
    },
    Configuration {
        name: "interpreter-fuel",
        fuel: true,
        profile: false,
        configure: |config| config.tier(TierMode::Interpreter).fuel(true).profile(false),
    },
    Configuration {
        name: "interpreter-fuel-profile",
        fuel: true,
        profile: true,
        configure: |config| config.tier(TierMode::Interpreter).fuel(true).profile(true),
    },
    // The template compiler at first call.
    Configuration {
        name: "template",
        fuel: false,
        profile: false,
        configure: |config| config.tier(TierMode::Template).fuel(false).profile(false),
    },
    Configuration {
        name: "template-fuel",
        fuel: true,
        profile: false,
        configure: |config| config.tier(TierMode::Template).fuel(true).profile(false),
    },
    // Machine code only where a loop goes back for the first time, in the middle of the function.
    Configuration {
        name: "osr",
        fuel: false,
        profile: false,
        configure: |config| {
            config.policy(Thresholds { tier1_calls: 0, tier1_back_edges: 1 }).fuel(false).profile(true)
        },
    },
    // From the second call on, so that interpreted functions and machine code call each other.
    Configuration {
        name: "mixed",
        fuel: true,
        profile: false,
        configure: |config| {
            config.policy(Thresholds { tier1_calls: 2, tier1_back_edges: 1 }).fuel(true).profile(true)
        },
    },
    // What an engine does unless it is told otherwise.
    Configuration { name: "auto", fuel: false, profile: false, configure: |config| config },
];

impl Configuration {
    /// An engine of this configuration, with the limits of `config`.
    pub fn engine(&self, config: Config) -> Engine {
        Engine::new((self.configure)(config))
    }
}
