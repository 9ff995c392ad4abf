//! Strata's text form: text to module ([`assemble()`]), with diagnostics that point at the mistake, and module to text
//! ([`disassemble`]). The grammar is in the manual, `bytecode-spec/manual/text.md`. Knows `bytecode-spec` only and runs
//! nothing; how instructions are written is taken from the table, so that a new opcode needs no change here.
//!
//! Read in this order: `lexer` (bytes to tokens), `literal` (numbers and strings), `ast` and `cursor` (what parsers
//! share), `parser` (items), `names` (index spaces), `forms` (the table's syntax templates), `body` (functions),
//! `matching` and `operands` (instructions), `assemble` (everything to a module), `diagnostic`; and the way back:
//! `print` (items), `print_body` (instructions).

mod lexer;
mod literal;
mod ast;
mod cursor;
mod parser;
mod names;
mod forms;
mod body;
mod matching;
mod operands;
mod assemble;
mod diagnostic;
mod print;
mod print_body;

pub use assemble::{assemble, assemble_bytes};
pub use diagnostic::{Diagnostic, Diagnostics, Related};
pub use literal::{NumberError, parse_number};
pub use print::{FunctionText, FunctionTexts, disassemble, disassemble_function};
