//! Runs WebAssembly specification scripts (`.wast`) on Strata.
//!
//! A script is a list of directives: modules to bring to life, calls, and assertions of what they give, trap with or are
//! refused for. [`run`] does all of them and tells how each went. Their syntax and meaning are those of the reference
//! interpreter (<https://github.com/WebAssembly/spec/tree/main/interpreter#scripts>), read by the crate `wast`.
//!
//! ```
//! let script = r#"
//!     (module (func (export "double") (param i32) (result i32) (i32.shl (local.get 0) (i32.const 1))))
//!     (assert_return (invoke "double" (i32.const 21)) (i32.const 42))
//!     (assert_return (invoke "double" (i32.const 21)) (i32.const 43))
//! "#;
//! let report = strata_wast::run("double.wast", script, &strata::Engine::default());
//! assert_eq!((report.passed(), report.failed(), report.skipped()), (2, 1, 0));
//! assert_eq!(
//!     report.not_passed().map(|directive| directive.to_string()).collect::<Vec<_>>(),
//!     [r#"double.wast:4:6: assert_return (invoke "double"): failed: got (i32.const 42), expected (i32.const 43)"#],
//! );
//! ```

mod report;
mod runner;

mod machine;
mod messages;
mod spectest;
mod values;

pub use report::{Directive, Outcome, Report};
pub use runner::run;
