//! Links the command so that it starts sooner.

use std::env;

fn main() {
    // Nothing else is looked at.
    println!("cargo::rerun-if-env-changed=CARGO_CFG_TARGET_ENV");
    let target = |what: &str| env::var(format!("CARGO_CFG_TARGET_{what}")).unwrap_or_default();
    if target("OS") == "linux" && target("ENV") == "gnu" {
        // What unwinds the stack, which otherwise is a shared library of its own; the system takes some 0.14 ms to load that.
        println!("cargo::rustc-link-lib=dylib=gcc_eh");
    }
}
