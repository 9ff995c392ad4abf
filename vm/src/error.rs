//! What can go wrong, each with its place, cause and remedy.

use bytecode_spec::encoding::DecodeError;
use bytecode_spec::{FuncType, ValType, VerifyErrors};
use thiserror::Error;

use crate::trap::Trap;

/// Any error that a host function returns.
pub type HostError = Box<dyn std::error::Error + Send + Sync>;

/// What can go wrong in this crate.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum Error {
    /// Running code stopped before its end.
    #[error(transparent)]
    Trap(#[from] Trap),
    /// Bytes are not a module in binary form.
    #[error(transparent)]
    Decode(#[from] DecodeError),
    /// A module is not valid.
    #[error("{0}")]
    Verify(#[from] VerifyErrors),
    /// A text is not a program.
    #[cfg(feature = "asm")]
    #[error("{0}")]
    Assemble(#[from] strata_asm::Diagnostics),
    /// Bytes are not a WebAssembly module that this machine runs.
    #[cfg(feature = "wasm")]
    #[error(transparent)]
    Wasm(#[from] strata_wasm::TranslateError),
    /// A text is not a WebAssembly module.
    #[cfg(feature = "wat")]
    #[error("{0}")]
    Wat(wat::Error),
    /// A program is in a form that this build does not read.
    #[error(
        "the program is {form}, which this build does not read; build strata with the feature `{feature}`"
    )]
    FormUnsupported {
        /// The form, such as `assembler text`.
        form: &'static str,
        /// The feature of this crate that reads it.
        feature: &'static str,
    },
    /// Nothing was defined under the name that a module imports.
    #[error(
        "import {index}: \"{module}\" \"{field}\" is not defined; define {wanted} of that name in the linker"
    )]
    UnknownImport {
        /// Which of the module's imports.
        index: usize,
        /// First part of the name.
        module: String,
        /// Second part of the name.
        field: String,
        /// What the module wants, such as `func (i64)`.
        wanted: String,
    },
    /// What was given for an import is not what the module wants.
    #[error("import {index}: \"{module}\" \"{field}\" must be {wanted}, found {found}")]
    ImportType {
        /// Which of the module's imports.
        index: usize,
        /// First part of the name.
        module: String,
        /// Second part of the name.
        field: String,
        /// What the module wants.
        wanted: String,
        /// What was given.
        found: String,
    },
    /// A number of imports was given that the module does not have.
    #[error("{found} imports given, the module has {wanted}")]
    ImportCount {
        /// How many the module has.
        wanted: usize,
        /// How many were given.
        found: usize,
    },
    /// A name was defined twice in a linker.
    #[error("\"{module}\" \"{field}\" is defined already; names are unique in a linker")]
    DuplicateDefinition {
        /// First part of the name.
        module: String,
        /// Second part of the name.
        field: String,
    },
    /// An instance exports nothing of that name and kind.
    #[error("there is no exported {kind} \"{name}\"{}", near(.exports))]
    UnknownExport {
        /// Function, memory, table or global.
        kind: &'static str,
        /// The name.
        name: String,
        /// What the instance exports of that kind.
        exports: Vec<String>,
    },
    /// A function does not have the type asked for.
    #[error("the function has type {found}, asked for as {wanted}")]
    FuncType {
        /// The type asked for.
        wanted: FuncType,
        /// The function's type.
        found: FuncType,
    },
    /// A call got another number of arguments, or room for another number of results, than the function has.
    #[error("the function has type {ty}, called with {args} arguments and room for {results} results")]
    ArgumentCount {
        /// The function's type.
        ty: FuncType,
        /// Arguments given.
        args: usize,
        /// Results asked for.
        results: usize,
    },
    /// A value of another type than needed.
    #[error("{place} needs a value of type {wanted}, found {found}")]
    ValueType {
        /// Which argument, global or table.
        place: String,
        /// The type needed.
        wanted: ValType,
        /// The type found.
        found: ValType,
    },
    /// A global that is not `mut` cannot be set.
    #[error("the global is immutable; declare it `mut` to set it")]
    ImmutableGlobal,
    /// Outside the bounds of a memory or table.
    #[error("{what} {start} to {end} are out of bounds: the {kind} has {len}")]
    OutOfBounds {
        /// Memory or table.
        kind: &'static str,
        /// Bytes or elements.
        what: &'static str,
        /// The first one asked for.
        start: u64,
        /// The one behind the last.
        end: u64,
        /// How many there are.
        len: u64,
    },
    /// A memory or table would be larger than its own limit or the configured one.
    #[error("a {kind} of {asked} {unit} is more than {limit}; see Config")]
    Limit {
        /// Memory or table.
        kind: &'static str,
        /// Size asked for.
        asked: u64,
        /// Pages or elements.
        unit: &'static str,
        /// The limit.
        limit: u64,
    },
    /// A handle or module was used with another store or engine than its own.
    #[error("the {0} belongs to another store or engine")]
    WrongStore(&'static str),
    /// Fuel was asked of an engine that does not count it.
    #[error("the engine does not count fuel; configure it with Config::fuel(true)")]
    FuelNotConfigured,
    /// There is no machine code of a function to list.
    #[cfg(feature = "disasm")]
    #[error("there is no machine code of {func}: {why}")]
    NoListing {
        /// The function.
        func: String,
        /// Why, and the remedy.
        why: String,
    },
    /// A host function panicked.
    #[error("a host function panicked: {message}")]
    HostPanic {
        /// What it panicked with.
        message: String,
    },
    /// A host function failed outside running code.
    #[error("{0}")]
    Host(HostError),
}

impl Error {
    /// The trap that it is, or what to give as the source of one.
    pub(crate) fn into_trap(self) -> Result<Trap, HostError> {
        if let Error::Trap(trap) = self {
            Ok(trap)
        } else if let Error::Host(error) = self {
            Err(error)
        } else {
            Err(self.into())
        }
    }
}

/// The exports there are, for a message.
fn near(exports: &[String]) -> String {
    match exports {
        [] => "; nothing of that kind is exported".to_owned(),
        names => {
            let shown = names.iter().take(8).map(|n| format!("\"{n}\"")).collect::<Vec<_>>().join(", ");
            let more = if names.len() > 8 { ", …" } else { "" };
            format!("; exported are {shown}{more}")
        }
    }
}
