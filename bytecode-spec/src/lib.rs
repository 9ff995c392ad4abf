//! The Strata machine on paper: opcode table, types, modules, function builder, encoding, verifier, and the meaning of
//! each numeric opcode. Knows no other crate, runs nothing, has no unsafe code.
//!
//! Read in this order: [`table`] (the opcodes), [`isa`] (what is derived from them), [`types`] and [`module`] (what a
//! program consists of), [`builder`], [`verify`](mod@verify), [`encoding`], [`semantics`].
//!
//! ```
//! use bytecode_spec::{ExportKind, FuncIndex, FuncType, FunctionBuilder, Module, Op, ValType, encoding, verify};
//!
//! // func @double(%x: i64) -> i64 export "double" { %r: i64 = add.i64 %x, %x   ret %r }
//! let mut module = Module::default();
//! let ty = module.intern_type(&FuncType::new([ValType::I64], [ValType::I64]));
//! let mut f = FunctionBuilder::new(ty, &module.types[ty.index()].ty);
//! let x = f.param(0);
//! let r = f.register(ValType::I64);
//! f.emit(Op::AddI64, &[r.into(), x.into(), x.into()]);
//! f.emit(Op::Ret, &[(&[r][..]).into()]);
//! module.functions.push(f.finish()?);
//! module.export("double", ExportKind::Func(FuncIndex(0)));
//!
//! let verified = verify(module)?;
//! let bytes = encoding::encode(&verified);
//! assert_eq!(encoding::decode(&bytes)?, *verified);
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

#[macro_use]
pub mod table;
pub mod isa;
pub mod types;
pub mod module;
pub mod limits;
pub mod builder;
pub mod verify;
pub mod encoding;
pub mod semantics;
pub mod meaning;
pub mod slot;
pub mod trap;
pub mod liveness;
pub mod manual;

pub use builder::{Arg, BuildError, FunctionBuilder, Label};
pub use isa::{Effect, Kind, Op, OpInfo, Operand, OperandInfo, ShapeKind, TypeRule, Words};
pub use module::*;
pub use trap::TrapCause;
pub use types::*;
pub use verify::{Place, VerifyError, VerifyErrors, verify};
