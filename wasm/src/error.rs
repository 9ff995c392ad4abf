//! Why a module is refused.

use std::fmt::Display;

use thiserror::Error;

/// Why bytes are not a WebAssembly module that this machine runs.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("byte {offset:#x}: {message}")]
pub struct TranslateError {
    /// Where in the bytes.
    pub offset: u64,
    /// What is wrong, and what would be right.
    pub message: String,
}

impl TranslateError {
    #[cold]
    pub(crate) fn new(offset: u64, message: impl Into<String>) -> TranslateError {
        TranslateError { offset, message: message.into() }
    }

    /// For what passes validation and is beyond the machine.
    #[cold]
    pub(crate) fn unsupported(offset: u64, what: &(impl Display + ?Sized)) -> TranslateError {
        TranslateError::new(offset, format!("{what} is not supported"))
    }
}

impl From<wasmparser::Error> for TranslateError {
    #[cold]
    fn from(error: wasmparser::Error) -> TranslateError {
        let message = error.message();
        // What is an error in WebAssembly 2.0 may be a proposal elsewhere.
        let constant = message.strip_prefix("constant expression required: non-constant operator: ");
        let extended = ["i32.add", "i32.sub", "i32.mul", "i64.add", "i64.sub", "i64.mul"];
        match constant {
            Some(operator) if extended.contains(&operator) => TranslateError::new(
                error.offset(),
                format!("{message}; the proposal extended-const is not supported"),
            ),
            _ => TranslateError::new(error.offset(), message),
        }
    }
}
