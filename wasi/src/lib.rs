//! WASI preview 1: what programs built for `wasm32-wasi` need of a system, for those that the Strata machine
//! runs.
//!
//! A guest has what its [`WasiCtx`] gives it and nothing else: arguments, variables, three streams, folders,
//! clocks, random numbers. What is supported and how is told in the crate's `README.md`.
//!
//! ```
//! use strata::{Engine, Linker, Module, Store, Trap};
//! use strata_wasi::{Exit, MemoryOutput, WasiCtx};
//!
//! let engine = Engine::default();
//! let module = Module::new(&engine, r#"
//!     (module
//!       (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
//!       (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
//!       (memory (export "memory") 1)
//!       (data (i32.const 0) "\10\00\00\00\0e\00\00\00")
//!       (data (i32.const 16) "Hello, world!\n")
//!       (func (export "_start")
//!         (drop (call $write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 8)))
//!         (call $exit (i32.const 3))))
//! "#)?;
//!
//! let output = MemoryOutput::new();
//! let ctx = WasiCtx::builder().arg("hello").stdout(output.clone()).build()?;
//! let mut store = Store::new(&engine, ctx);
//! let mut linker = Linker::new(&engine);
//! strata_wasi::add_to_linker(&mut linker, |ctx: &mut WasiCtx| ctx)?;
//!
//! let instance = linker.instantiate(&mut store, &module)?;
//! let start = instance.typed_func::<(), ()>(&store, "_start")?;
//! let error = start.call(&mut store, ()).unwrap_err();
//! let status = Trap::of(&error).and_then(Trap::host_error::<Exit>);
//! assert_eq!(status, Some(&Exit(3)));
//! assert_eq!(output.take(), b"Hello, world!\n");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;

mod functions;
mod ctx;
mod process;
mod streams;
mod clocks;
mod random;
mod poll;
mod fds;
mod files;
mod dirs;
mod paths;

mod table;
mod memory;
mod types;
mod errno;
mod system;

pub use cap_std::fs::Dir;
pub use clocks::{Clocks, SystemClocks, VirtualClocks};
pub use ctx::{BuildError, WasiCtx, WasiCtxBuilder};
pub use dirs::Access;
pub use functions::{MODULE, add_to_linker};
pub use process::Exit;
pub use streams::{InputStream, MemoryOutput, OutputStream, Stderr, Stdin, Stdout, StreamError};
