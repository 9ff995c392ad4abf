//! How instructions are written: the table's syntax templates, taken apart when first used, and the rows of each mnemonic.
//!
//! No opcode, shape or operand is known here by name, so that a row added to the table needs no change.

use std::sync::OnceLock;

use bytecode_spec::{Kind, Op, OpInfo, OperandInfo};
use smallvec::SmallVec;

use crate::lexer::{Lexer, TokenKind};

/// How the instructions of a row are written.
#[derive(Debug)]
pub(crate) struct Form {
    pub(crate) info: &'static OpInfo,
    /// The explicit operands, in the order of their encoding.
    pub(crate) operands: SmallVec<[&'static OperandInfo; 6]>,
    /// What stands before `=`: places in `operands`.
    pub(crate) left: SmallVec<[u8; 2]>,
    /// What stands behind the mnemonic.
    pub(crate) right: Vec<Piece>,
}

/// A piece of a template.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Piece {
    /// A token that stands for itself.
    Token(TokenKind),
    /// An operand, by its place among the explicit ones.
    Operand(u8),
}

/// The rows by their mnemonics: each at its mnemonic's [`place`], or the next one behind that is free. Made by the compiler, since small
/// programs are assembled in less time than it would take to make.
static BY_MNEMONIC: [Option<Op>; PLACES] = {
    let mut table = [None; PLACES];
    let mut i = 0;
    while i < Op::ALL.len() {
        let mut at = place(Op::ALL[i].info().mnemonic());
        while table[at].is_some() {
            at = (at + 1) % PLACES;
        }
        table[at] = Some(Op::ALL[i]);
        i += 1;
    }
    table
};

/// Four for each row, so that most are at their place.
const PLACES: usize = (4 * Op::ALL.len()).next_power_of_two();

/// The place of a mnemonic in the table (FNV-1a).
const fn place(mnemonic: &str) -> usize {
    let (bytes, mut hash, mut i) = (mnemonic.as_bytes(), 0x811c_9dc5_u32, 0);
    while i < bytes.len() {
        hash = (hash ^ bytes[i] as u32).wrapping_mul(0x0100_0193);
        i += 1;
    }
    (hash ^ hash >> 16) as usize % PLACES
}

/// The rows of a mnemonic, in the order of the table; none if there is no such mnemonic.
pub(crate) fn of_mnemonic(mnemonic: &str) -> SmallVec<[&'static Form; 2]> {
    let start = place(mnemonic);
    let rows = BY_MNEMONIC[start..].iter().chain(&BY_MNEMONIC[..start]).map_while(|&row| row);
    rows.filter(|row| row.info().mnemonic() == mnemonic).map(Form::get).collect()
}

/// Every mnemonic, in the order of the table; some more than once.
pub(crate) fn mnemonics() -> impl Iterator<Item = &'static str> {
    Op::ALL.iter().map(|op| op.info().mnemonic())
}

/// The parts of a syntax template before and behind the mnemonic.
pub(crate) fn split_syntax(syntax: &'static str) -> (&'static str, &'static str) {
    syntax.split_once("{op}").expect("a template has the mnemonic in it")
}

/// The pieces of a template: text to be written as it is, and names of operands.
pub(crate) fn template_pieces(template: &str) -> impl Iterator<Item = (&str, Option<&str>)> {
    template.split_inclusive('}').map(|piece| match piece.split_once('{') {
        Some((text, name)) => (text, Some(name.trim_end_matches('}'))),
        None => (piece, None),
    })
}

impl Form {
    /// How the instructions of a row are written.
    fn get(op: Op) -> &'static Form {
        // Programs use few of the rows, and small ones would take longer to take the others apart than to be assembled.
        static ROWS: [OnceLock<Form>; Op::ALL.len()] = [const { OnceLock::new() }; Op::ALL.len()];
        ROWS[op as usize].get_or_init(|| Form::of(op.info()))
    }

    fn of(info: &'static OpInfo) -> Form {
        let operands: SmallVec<[_; 6]> = info.explicit().collect();
        let place = |name| {
            let place = operands.iter().position(|operand| operand.name() == name);
            place.unwrap_or_else(|| panic!("the syntax of {} has an unknown operand {name}", info.name()))
                as u8
        };
        let (left, right) = split_syntax(info.shape.syntax());
        let left = template_pieces(left).filter_map(|(_, name)| name.map(place)).collect();
        let mut pieces = Vec::new();
        for (text, name) in template_pieces(right) {
            let mut lexer = Lexer::new(text, 0, 1);
            let tokens =
                std::iter::from_fn(|| Some(lexer.next().kind).filter(|&kind| kind != TokenKind::End));
            pieces.extend(tokens.map(Piece::Token));
            pieces.extend(name.map(|name| Piece::Operand(place(name))));
        }
        Form { info, operands, left, right: pieces }
    }

    /// How the instruction is written, for messages: `%dst = add.i64 %a, %b`.
    pub(crate) fn example(&self) -> String {
        let mut out = String::new();
        let (left, right) = split_syntax(self.info.shape.syntax());
        for (template, before) in [(left, ""), (right, self.info.mnemonic())] {
            out.push_str(before);
            for (text, name) in template_pieces(template) {
                out.push_str(text);
                let operand =
                    name.and_then(|name| self.operands.iter().find(|operand| operand.name() == name));
                if let Some(operand) = operand {
                    let (before, after) = match operand.kind {
                        Kind::Def | Kind::Use => ("%", ""),
                        Kind::Uses | Kind::Defs => ("%", "…"),
                        Kind::Targets => ("", "…"),
                        Kind::Func
                        | Kind::FuncDefined
                        | Kind::FuncImport
                        | Kind::Type
                        | Kind::Table
                        | Kind::Memory
                        | Kind::Global
                        | Kind::GlobalMut
                        | Kind::Data
                        | Kind::Elem => ("@", ""),
                        Kind::Offset => (" + ", ""),
                        Kind::Shift => (" << ", ""),
                        Kind::Imm64 | Kind::Imm32 => {
                            out.push_str("constant");
                            continue;
                        }
                        Kind::Target | Kind::Feedback | Kind::Cause => ("", ""),
                    };
                    out.extend([before, operand.name(), after]);
                }
            }
        }
        out.trim_end().to_owned()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_operand_is_written_once() {
        for &op in Op::ALL {
            let form = Form::of(op.info());
            let right = form.right.iter().filter_map(|piece| match piece {
                Piece::Operand(place) => Some(*place),
                Piece::Token(_) => None,
            });
            let mut places: Vec<u8> = form.left.iter().copied().chain(right).collect();
            places.sort_unstable();
            let all: Vec<u8> = (0..form.operands.len() as u8).collect();
            assert_eq!(places, all, "{}", op.info().name());
        }
    }

    #[test]
    fn examples_are_written_as_programs_are() {
        let example = |mnemonic| of_mnemonic(mnemonic)[0].example();
        assert_eq!(example("add.i64"), "%dst = add.i64 %a, %b");
        assert_eq!(example("ret"), "ret %values…");
        assert_eq!(example("load.i32"), "%dst = load.i32 [%addr + offset]");
    }
}
