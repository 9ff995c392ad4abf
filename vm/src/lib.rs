//! Strata: an embeddable virtual machine for statically typed register bytecode.
//!
//! Start with an [`Engine`], load a [`Module`], bring it to life in a [`Store`] with a [`Linker`], call its functions.

#[cfg(doctest)]
#[doc = include_str!("../../README.md")]
struct Readme;

mod config;
mod engine;
mod module;
#[expect(unsafe_code, reason = "enters running code and owns what its pointers lead to")]
mod store;
mod linker;
#[expect(unsafe_code, reason = "builds what running code reaches by raw pointers")]
mod instance;
#[expect(unsafe_code, reason = "memories and globals are shared with running code")]
mod externs;
#[expect(unsafe_code, reason = "arguments and results lie in frames")]
mod host;
mod value;
mod error;
#[expect(unsafe_code, reason = "walks frames")]
mod trap;
mod profile;
mod optimized;
#[cfg(feature = "disasm")]
mod listing;

#[expect(unsafe_code, reason = "the contract with running code is raw memory")]
mod context;
#[expect(unsafe_code, reason = "frames are raw memory")]
mod frames;
#[expect(unsafe_code, reason = "slots own versions, images are shared and written by all threads")]
mod code;
#[expect(unsafe_code, reason = "works on frames, images and memories at the speed of raw loads")]
mod interpreter;
#[expect(unsafe_code, reason = "enters machine code, and is called by it")]
mod native;
mod tiering;
#[expect(unsafe_code, reason = "mappings and signals")]
mod os;
#[expect(unsafe_code, reason = "owns what raw pointers share")]
mod stable;

pub use bytecode_spec::{
    ExportKind, FuncIndex, FuncType, GlobalType, Limits, MemoryType, Op, Pc, SourceIndex, SourceLine,
    TableType, TrapCause, ValType,
};
pub use config::{Config, TierMode};
pub use engine::Engine;
pub use error::{Error, HostError};
pub use externs::{Extern, Func, Global, Memory, Table, TypedFunc};
pub use host::{Caller, HostResult, IntoHostFunc, WithCaller};
pub use instance::Instance;
pub use linker::Linker;
#[cfg(feature = "disasm")]
pub use listing::handler_listing;
pub use module::{FunctionStatus, Module};
pub use optimized::{CallSite, Edge, Inlining, OptimizedFunction, Reason, SideExitCount, TierUps};
pub use profile::{BranchProfile, FunctionProfile, IndirectCallProfile, LoopProfile, Profile};
pub use store::{AsStore, AsStoreMut, InterruptHandle, Store, StoreMut, StoreRef};
#[cfg(feature = "disasm")]
pub use strata_jit::disasm::Target;
pub use tiering::policy::{Candidate, Decision, Event, Policy, Refusal, Thresholds};
pub use trap::{Backtrace, FrameInfo, Tier, Trap};
pub use value::{ExternRef, Val, Value, Values};
