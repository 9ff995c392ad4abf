//! A file's text to its items. Function bodies are only skipped here: they are read when every name is known.
//!
//! A mistake costs its item, no more: reading goes on at the next line that starts with an item's keyword.

use bumpalo::Bump;
use bumpalo::collections::Vec as ArenaVec;
use bytecode_spec::{FuncType, Limits, ValType};
use smallvec::SmallVec;

use crate::ast::{Constant, ExportClause, Func, Item, ItemKind, Name, SpaceKind};
use crate::cursor::{Cursor, Parsed, Stop};
use crate::diagnostic::{Problem, Problems, nearest};
use crate::lexer::{Span, TokenKind};

/// The words that items start with.
const KEYWORDS: [&str; 12] = [
    "source", "type", "import", "memory", "table", "global", "data", "elem", "func", "export", "start",
    "custom",
];

/// What can be imported or exported, by keyword.
const ENTITIES: [(&str, SpaceKind); 4] = [
    ("func", SpaceKind::Func),
    ("memory", SpaceKind::Memory),
    ("table", SpaceKind::Table),
    ("global", SpaceKind::Global),
];

/// What a file holds.
#[derive(Debug)]
pub(crate) struct File<'a> {
    pub(crate) items: Vec<Item<'a>>,
    /// Names of items that could not be read: their uses are not reported.
    pub(crate) broken: Vec<&'a str>,
    /// Whether there are such items, with or without a name.
    pub(crate) incomplete: bool,
}

/// Reads the items of a file.
pub(crate) fn parse<'a>(text: &'a str, arena: &'a Bump, problems: &mut Problems) -> File<'a> {
    let start = if text.starts_with('\u{FEFF}') { '\u{FEFF}'.len_utf8() } else { 0 };
    let cursor = Cursor::new(text, arena, start, 1);
    let mut parser = Parser { cursor, problems, name: None, body_skipped: false };
    let mut file = File { items: Vec::new(), broken: Vec::new(), incomplete: false };
    loop {
        parser.cursor.skip_newlines();
        if parser.cursor.at(TokenKind::End) {
            return file;
        }
        parser.name = None;
        parser.body_skipped = false;
        match parser.item() {
            Ok(item) => file.items.push(item),
            Err(Stop) => {
                file.incomplete = true;
                file.broken.extend(parser.name.and_then(|name| name.text));
                parser.recover();
            }
        }
    }
}

/// Whether a line starts with an item's keyword, and not with a label.
fn starts_item(line: &[u8]) -> bool {
    KEYWORDS.iter().any(|keyword| {
        line.strip_prefix(keyword.as_bytes()).is_some_and(|rest| {
            let next = rest.iter().find(|byte| !matches!(byte, b' ' | b'\t'));
            let separated = rest
                .first()
                .is_none_or(|byte| !matches!(byte, b'.' | b'_' | b'$') && !byte.is_ascii_alphanumeric());
            separated && next != Some(&b':')
        })
    })
}

struct Parser<'a, 'p> {
    cursor: Cursor<'a>,
    problems: &'p mut Problems,
    /// The name of the item at hand, once it is read.
    name: Option<Name<'a>>,
    body_skipped: bool,
}

impl<'a> Parser<'a, '_> {
    /// Goes to the next line that starts an item, and over the function body on the way.
    fn recover(&mut self) {
        loop {
            if self.cursor.at(TokenKind::End) {
                return;
            } else if self.cursor.at(TokenKind::Newline) {
                self.cursor.skip_newlines();
                if self.cursor.at(TokenKind::Word) && starts_item(self.cursor.rest()) {
                    return;
                }
            } else if self.cursor.bump().kind == TokenKind::OpenBrace && !self.body_skipped {
                self.cursor.skip_body(starts_item);
                self.body_skipped = true;
            }
        }
    }

    fn item(&mut self) -> Parsed<Item<'a>> {
        let keyword = self.cursor.token;
        let text = self.cursor.token_text();
        if !self.cursor.at(TokenKind::Word) || !KEYWORDS.contains(&text) {
            self.problems.add(|| {
                let problem = self.cursor.mistake("an item");
                match nearest(text, KEYWORDS) {
                    Some(near) => problem.suggest(Some(near)),
                    None => problem.or_help(format!("items start with {}", KEYWORDS.join(", "))),
                }
            });
            return Err(Stop);
        }
        self.cursor.bump();
        let mut kind = match text {
            "source" if self.cursor.eat_word("none") => ItemKind::Source(None),
            "source" => ItemKind::Source(Some(self.text("the name of the source, as a string, or `none`")?)),
            "type" => {
                self.name()?;
                ItemKind::Type(self.signature()?)
            }
            "import" => self.import()?,
            "memory" => {
                self.name()?;
                ItemKind::Memory { limits: self.limits("pages")? }
            }
            "table" => {
                self.name()?;
                let element = self.value_type()?;
                ItemKind::Table { element, limits: self.limits("elements")? }
            }
            "global" => {
                self.name()?;
                let (mutable, content) = self.global_type()?;
                self.expect(TokenKind::Equals, "`=` and the global's value at the start")?;
                ItemKind::Global { mutable, content, init: self.constant()? }
            }
            "data" => self.data()?,
            "elem" => self.elem()?,
            "func" => self.func_head()?,
            "export" => return self.export(keyword.span),
            "start" => ItemKind::Start(self.some_name("the start function's name")?),
            _ => {
                let name = self.text("the section's name, as a string")?;
                self.expect_string("the section's content, as a string")?;
                ItemKind::Custom { name, bytes: self.strings()? }
            }
        };
        let exports = if matches!(
            kind.space(),
            Some((SpaceKind::Type | SpaceKind::Data | SpaceKind::Elem, _)) | None
        ) {
            &[]
        } else {
            self.exports()?
        };
        if let ItemKind::Func { func, .. } = &mut kind {
            (func.body, func.line) = self.body()?;
        }
        if !self.cursor.at_line_end() {
            return Err(self.unexpected("the end of the line"));
        }
        let span = self.name.map_or(keyword.span, |name| name.span);
        Ok(Item { kind, name: self.name, index: 0, exports, span })
    }

    fn import(&mut self) -> Parsed<ItemKind<'a>> {
        let text = self.cursor.token_text();
        let Some((_, kind)) = ENTITIES.iter().find(|(keyword, _)| self.cursor.at_word(keyword)) else {
            return Err(self.no_entity(text));
        };
        self.cursor.bump();
        self.name()?;
        Ok(match kind {
            SpaceKind::Memory => {
                let limits = self.limits("pages")?;
                ItemKind::ImportMemory { limits, from: self.from()? }
            }
            SpaceKind::Table => {
                let element = self.value_type()?;
                let limits = self.limits("elements")?;
                ItemKind::ImportTable { element, limits, from: self.from()? }
            }
            SpaceKind::Global => {
                let (mutable, content) = self.global_type()?;
                ItemKind::ImportGlobal { mutable, content, from: self.from()? }
            }
            SpaceKind::Func | SpaceKind::Type | SpaceKind::Data | SpaceKind::Elem => {
                let signature = self.signature()?;
                let ty = self.type_clause()?;
                ItemKind::ImportFunc { signature, ty, from: self.from()? }
            }
        })
    }

    fn no_entity(&mut self, text: &str) -> Stop {
        self.problems.add(|| {
            let problem = self.cursor.mistake("func, memory, table or global");
            problem.suggest(nearest(text, ENTITIES.map(|(keyword, _)| keyword)))
        });
        Stop
    }

    fn from(&mut self) -> Parsed<[&'a str; 2]> {
        if !self.cursor.eat_word("from") {
            return Err(self.unexpected("`from` and two strings: where to import from, and what"));
        }
        let module = self.text("the module to import from, as a string")?;
        Ok([module, self.text("the name to import, as a string")?])
    }

    fn data(&mut self) -> Parsed<ItemKind<'a>> {
        self.name()?;
        let offset =
            if matches!(self.cursor.token.kind, TokenKind::String | TokenKind::Newline | TokenKind::End) {
                None
            } else {
                Some(self.constant()?)
            };
        Ok(ItemKind::Data { offset, bytes: self.strings()? })
    }

    fn elem(&mut self) -> Parsed<ItemKind<'a>> {
        self.name()?;
        let place = if self.cursor.eat_word("in") {
            let table = self.some_name("a table's name")?;
            if !self.cursor.eat_word("at") {
                return Err(self.unexpected("`at` and an offset"));
            }
            Some((table, self.constant()?))
        } else {
            None
        };
        let element = if self.cursor.at(TokenKind::Word) { self.value_type()? } else { ValType::FuncRef };
        self.expect(TokenKind::OpenBracket, "`[` and the elements")?;
        let mut items = ArenaVec::new_in(self.cursor.arena);
        self.list(TokenKind::CloseBracket, "`,` or `]`", |parser| {
            items.push(parser.constant()?);
            Ok(())
        })?;
        Ok(ItemKind::Elem { place, element, items: items.into_bump_slice() })
    }

    fn func_head(&mut self) -> Parsed<ItemKind<'a>> {
        self.name()?;
        self.expect(TokenKind::OpenParen, "`(` and the parameters")?;
        let mut params = ArenaVec::new_in(self.cursor.arena);
        let mut signature = FuncType::default();
        self.list(TokenKind::CloseParen, "`,` or `)`", |parser| {
            let token = parser.expect(TokenKind::Register, "a parameter such as `%x: i64`")?;
            let name = parser.cursor.register_of(token, parser.problems)?;
            parser.expect(TokenKind::Colon, "`:` and the parameter's type")?;
            let ty = parser.value_type()?;
            params.push((name, ty));
            signature.params.push(ty);
            Ok(())
        })?;
        self.results(&mut signature)?;
        let ty = self.type_clause()?;
        let func = Func { params: params.into_bump_slice(), body: Span::default(), line: 0 };
        Ok(ItemKind::Func { signature, ty, func })
    }

    fn body(&mut self) -> Parsed<(Span, u32)> {
        let brace = self.expect(TokenKind::OpenBrace, "`{` and the function's body")?;
        let line = self.cursor.line;
        self.body_skipped = true;
        if let Some(span) = self.cursor.skip_body(starts_item) {
            return Ok((span, line));
        }
        let mut next = self.cursor;
        next.skip_newlines();
        self.problems.add(|| {
            let problem = Problem::new(brace.span, "the function's body is not closed")
                .help("put a `}` behind its last line");
            if next.at(TokenKind::End) {
                problem
            } else {
                problem.related(next.token.span, "the next item starts")
            }
        });
        Err(Stop)
    }

    fn export(&mut self, keyword: Span) -> Parsed<Item<'a>> {
        let name = self.text("the name to export under, as a string")?;
        let text = self.cursor.token_text();
        let Some((_, kind)) = ENTITIES.iter().find(|(keyword, _)| self.cursor.at_word(keyword)) else {
            return Err(self.no_entity(text));
        };
        self.cursor.bump();
        let target = self.some_name("the name of what is exported")?;
        if !self.cursor.at_line_end() {
            return Err(self.unexpected("the end of the line"));
        }
        let span = self.cursor.span_from(keyword);
        let clause = ExportClause { name: Some(name), span };
        let exports = self.cursor.arena.alloc_slice_copy(&[clause]);
        Ok(Item { kind: ItemKind::Export { kind: *kind, target }, name: None, index: 0, exports, span })
    }

    fn exports(&mut self) -> Parsed<&'a [ExportClause<'a>]> {
        let mut exports: SmallVec<[ExportClause<'a>; 2]> = SmallVec::new();
        while self.cursor.at_word("export") {
            let keyword = self.cursor.bump();
            let name = if self.cursor.at(TokenKind::String) { Some(self.text("")?) } else { None };
            exports.push(ExportClause { name, span: self.cursor.span_from(keyword.span) });
        }
        Ok(self.cursor.arena.alloc_slice_copy(&exports))
    }

    fn signature(&mut self) -> Parsed<FuncType> {
        self.expect(TokenKind::OpenParen, "`(` and the types of the parameters")?;
        let mut signature = FuncType::default();
        self.types(&mut signature.params)?;
        self.results(&mut signature)?;
        Ok(signature)
    }

    fn results(&mut self, signature: &mut FuncType) -> Parsed<()> {
        if !self.cursor.eat(TokenKind::Arrow) {
            return Ok(());
        }
        if self.cursor.eat(TokenKind::OpenParen) {
            self.types(&mut signature.results)
        } else {
            signature.results.push(self.value_type()?);
            Ok(())
        }
    }

    /// Types up to the closing parenthesis.
    fn types(&mut self, out: &mut Vec<ValType>) -> Parsed<()> {
        self.list(TokenKind::CloseParen, "`,` or `)`", |parser| {
            out.push(parser.value_type()?);
            Ok(())
        })
    }

    fn type_clause(&mut self) -> Parsed<Option<Name<'a>>> {
        if self.cursor.eat_word("type") { self.some_name("a type's name").map(Some) } else { Ok(None) }
    }

    fn limits(&mut self, unit: &str) -> Parsed<Limits> {
        let min = self.cursor.unsigned(&format!("a number of {unit}"), u32::MAX, self.problems)?;
        let max = if matches!(self.cursor.token.kind, TokenKind::Number | TokenKind::Char) {
            Some(self.cursor.unsigned(&format!("a largest number of {unit}"), u32::MAX, self.problems)?)
        } else {
            None
        };
        Ok(Limits { min, max })
    }

    fn global_type(&mut self) -> Parsed<(bool, ValType)> {
        self.expect(TokenKind::Colon, "`:` and the global's type")?;
        Ok((self.cursor.eat_word("mut"), self.value_type()?))
    }

    fn constant(&mut self) -> Parsed<Constant<'a>> {
        let token = self.cursor.token;
        let special = ["inf", "nan"].iter().any(|word| self.cursor.at_word(word));
        if special || matches!(token.kind, TokenKind::Number | TokenKind::Char) {
            self.cursor.bump();
            Ok(Constant::Number(token.span))
        } else if self.cursor.at(TokenKind::Name) {
            Ok(Constant::Name(self.some_name("")?))
        } else if self.cursor.eat_word("null") {
            Ok(Constant::Null(token.span))
        } else if self.cursor.eat_word("global") {
            Ok(Constant::Global(self.some_name("a global's name")?))
        } else {
            Err(self.unexpected("a constant: a number, null or a name"))
        }
    }

    /// Strings, which may go on in the lines below.
    fn strings(&mut self) -> Parsed<Vec<u8>> {
        let mut bytes = Vec::new();
        loop {
            let before = self.cursor;
            self.cursor.skip_newlines();
            if !self.cursor.at(TokenKind::String) {
                self.cursor = before;
                return Ok(bytes);
            }
            self.cursor.string(&mut bytes, "", self.problems)?;
        }
    }

    /// Elements with commas between them, up to and with the closing token; the opening one is read.
    fn list(
        &mut self,
        close: TokenKind,
        expected: &str,
        mut element: impl FnMut(&mut Self) -> Parsed<()>,
    ) -> Parsed<()> {
        let mut before = self.cursor;
        self.cursor.skip_newlines();
        if self.cursor.eat(close) {
            return Ok(());
        }
        loop {
            // Parameters and types do not look like items; elements may.
            if close == TokenKind::CloseParen
                && before.at(TokenKind::Newline)
                && starts_item(self.cursor.rest())
            {
                self.cursor = before;
                return Err(self.unexpected("`)`"));
            }
            element(self)?;
            before = self.cursor;
            self.cursor.skip_newlines();
            if self.cursor.eat(close) {
                return Ok(());
            }
            if !self.cursor.eat(TokenKind::Comma) {
                self.cursor = before;
                return Err(self.unexpected(expected));
            }
            before = self.cursor;
            self.cursor.skip_newlines();
        }
    }

    /// The name of the item, if there is one.
    fn name(&mut self) -> Parsed<()> {
        if self.cursor.at(TokenKind::Name) {
            self.name = Some(self.some_name("")?);
        } else if matches!(self.cursor.token.kind, TokenKind::Nameless) {
            return Err(self.unexpected("a name"));
        }
        Ok(())
    }

    fn some_name(&mut self, expected: &str) -> Parsed<Name<'a>> {
        let token = self.expect(TokenKind::Name, expected)?;
        self.cursor.name_of(token, self.problems)
    }

    fn text(&mut self, expected: &str) -> Parsed<&'a str> {
        self.cursor.text_string(expected, self.problems)
    }

    fn value_type(&mut self) -> Parsed<ValType> {
        self.cursor.value_type(self.problems)
    }

    fn expect_string(&mut self, expected: &str) -> Parsed<()> {
        if self.cursor.at(TokenKind::String) { Ok(()) } else { Err(self.unexpected(expected)) }
    }

    fn expect(&mut self, kind: TokenKind, expected: &str) -> Parsed<crate::lexer::Token> {
        self.cursor.expect(kind, expected, self.problems)
    }

    fn unexpected(&mut self, expected: &str) -> Stop {
        self.cursor.unexpected(expected, self.problems)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::forms;

    #[test]
    fn no_mnemonic_looks_like_an_item_or_a_statement() {
        for mnemonic in forms::mnemonics() {
            assert!(!starts_item(mnemonic.as_bytes()) && !["reg", "line"].contains(&mnemonic), "{mnemonic}");
        }
    }

    #[test]
    fn labels_are_not_items() {
        assert!(starts_item(b"func @f() {") && starts_item(b"data"));
        assert!(!starts_item(b"func: nop") && !starts_item(b"start : nop") && !starts_item(b"memory.size"));
    }
}
