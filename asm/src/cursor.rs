//! What the parsers of items and of function bodies share: a place in the tokens, and what is said when another token
//! was expected.

use bumpalo::Bump;
use bytecode_spec::ValType;

use crate::ast::{Name, RegisterName};
use crate::diagnostic::{Problem, Problems, nearest};
use crate::lexer::{Lexer, Span, Token, TokenKind};
use crate::literal::{self, NumberError};

/// The problem is reported; go on behind what cannot be understood.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Stop;

pub(crate) type Parsed<T> = Result<T, Stop>;

/// A place in the tokens of a text.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Cursor<'a> {
    pub(crate) text: &'a str,
    pub(crate) arena: &'a Bump,
    lexer: Lexer<'a>,
    /// The token to be read next.
    pub(crate) token: Token,
    /// Its line.
    pub(crate) line: u32,
    /// The end of the last token read.
    end: u32,
}

impl<'a> Cursor<'a> {
    /// The first token of `text` behind byte `at`, which is on line `line`.
    pub(crate) fn new(text: &'a str, arena: &'a Bump, at: usize, line: u32) -> Cursor<'a> {
        let mut lexer = Lexer::new(text, at, line);
        let token = lexer.next();
        Cursor { text, arena, lexer, token, line, end: at as u32 }
    }

    /// Goes to the next token, and gives this one.
    #[inline]
    pub(crate) fn bump(&mut self) -> Token {
        let token = self.token;
        self.end = token.span.end;
        self.line = self.lexer.line();
        self.token = self.lexer.next();
        token
    }

    /// The text of the token to be read next.
    pub(crate) fn token_text(&self) -> &'a str {
        self.token.span.of(self.text)
    }

    pub(crate) fn at(&self, kind: TokenKind) -> bool {
        self.token.kind == kind
    }

    pub(crate) fn at_word(&self, word: &str) -> bool {
        self.at(TokenKind::Word) && self.token_text() == word
    }

    /// The bytes from the token on.
    pub(crate) fn rest(&self) -> &'a [u8] {
        &self.text.as_bytes()[self.token.span.start as usize..]
    }

    /// Whether nothing more follows on the line.
    pub(crate) fn at_line_end(&self) -> bool {
        matches!(self.token.kind, TokenKind::Newline | TokenKind::End)
    }

    /// Whether the token is a word with a colon behind it.
    pub(crate) fn at_label(&self) -> bool {
        self.at(TokenKind::Word) && self.lexer.peek_byte() == Some(b':')
    }

    /// Goes behind the token if it is of that kind.
    pub(crate) fn eat(&mut self, kind: TokenKind) -> bool {
        let found = self.at(kind);
        if found {
            self.bump();
        }
        found
    }

    pub(crate) fn eat_word(&mut self, word: &str) -> bool {
        let found = self.at_word(word);
        if found {
            self.bump();
        }
        found
    }

    /// Inside brackets, line breaks separate only.
    pub(crate) fn skip_newlines(&mut self) {
        while self.at(TokenKind::Newline) {
            self.bump();
        }
    }

    /// From `start` to the end of the last token read.
    pub(crate) fn span_from(&self, start: Span) -> Span {
        Span { start: start.start, end: self.end.max(start.end) }
    }

    /// A place behind the last token read.
    pub(crate) fn here(&self) -> Span {
        Span { start: self.end, end: self.end }
    }

    /// Goes to the end of the line.
    pub(crate) fn skip_line(&mut self) {
        while !self.at_line_end() {
            self.bump();
        }
    }

    /// Behind the `{` of a function, which is the last token read: goes behind its `}`.
    pub(crate) fn skip_body(&mut self, starts_item: impl Fn(&[u8]) -> bool) -> Option<Span> {
        let start = self.end as usize;
        self.lexer = Lexer::new(self.text, start, self.line);
        let end = self.lexer.skip_body(starts_item);
        self.line = self.lexer.line();
        self.token = self.lexer.next();
        let end = end?;
        self.end = end as u32 + 1;
        Some(Span::new(start, end))
    }

    pub(crate) fn expect(
        &mut self,
        kind: TokenKind,
        expected: &str,
        problems: &mut Problems,
    ) -> Parsed<Token> {
        if self.at(kind) { Ok(self.bump()) } else { Err(self.unexpected(expected, problems)) }
    }

    /// Says that the token is not what was expected.
    #[cold]
    pub(crate) fn unexpected(&self, expected: &str, problems: &mut Problems) -> Stop {
        problems.add(|| self.mistake(expected));
        Stop
    }

    /// What is wrong with the token, where something else was expected.
    pub(crate) fn mistake(&self, expected: &str) -> Problem {
        let (span, text) = (self.token.span, self.token_text());
        match self.token.kind {
            TokenKind::UnclosedString => Problem::new(span, "the string has no closing quote on its line")
                .help("put a \" at its end; a line break within is written \\n"),
            TokenKind::UnclosedChar => Problem::new(span, "the character has no closing quote on its line")
                .help("put a ' behind it; the quote itself is written '\\''"),
            TokenKind::Nameless => Problem::new(span, format!("there is no name behind `{text}`")).help(
                format!("names have letters, digits and `_ . $ -`; others go in quotes: {text}\"any name\""),
            ),
            TokenKind::Unknown if text != "-" => {
                let problem = Problem::new(span, format!("`{}` starts nothing here", text.escape_debug()));
                match text {
                    "#" | "/" => problem.help("a comment starts with `;`"),
                    _ if expected.is_empty() => problem,
                    _ => problem.help(format!("expected {expected}")),
                }
            }
            TokenKind::Newline | TokenKind::End => Problem::new(
                self.here(),
                format!("expected {expected}, found {}", self.token.kind.describe()),
            ),
            TokenKind::OpenParen
            | TokenKind::CloseParen
            | TokenKind::OpenBracket
            | TokenKind::CloseBracket
            | TokenKind::OpenBrace
            | TokenKind::CloseBrace
            | TokenKind::Comma
            | TokenKind::Colon
            | TokenKind::Equals
            | TokenKind::Plus
            | TokenKind::Arrow
            | TokenKind::ShiftLeft
            | TokenKind::Word
            | TokenKind::Name
            | TokenKind::Register
            | TokenKind::Number
            | TokenKind::Char
            | TokenKind::String
            | TokenKind::Unknown => {
                Problem::new(span, format!("expected {expected}, found `{}`", shortened(text)))
            }
        }
    }

    /// A type.
    pub(crate) fn value_type(&mut self, problems: &mut Problems) -> Parsed<ValType> {
        if !self.at(TokenKind::Word) {
            return Err(self.unexpected("a type", problems));
        }
        let text = self.token_text();
        match ValType::from_name(text) {
            Some(ty) => {
                self.bump();
                Ok(ty)
            }
            None => {
                let span = self.token.span;
                problems.add(|| {
                    let problem = Problem::new(span, format!("there is no type `{}`", shortened(text)));
                    match nearest(text, ValType::ALL.map(ValType::name)) {
                        Some(name) => problem.suggest(Some(name)),
                        None => {
                            problem.help(format!("types are {}", ValType::ALL.map(ValType::name).join(", ")))
                        }
                    }
                });
                Err(Stop)
            }
        }
    }

    /// An integer up to `most`.
    pub(crate) fn unsigned(&mut self, expected: &str, most: u32, problems: &mut Problems) -> Parsed<u32> {
        if !matches!(self.token.kind, TokenKind::Number | TokenKind::Char) {
            return Err(self.unexpected(expected, problems));
        }
        let (text, token) = (self.token_text(), self.bump());
        literal::unsigned(text, most).map_err(|error| {
            problems.add(|| number_problem(token.span, text, expected, &format!("from 0 to {most}"), error));
            Stop
        })
    }

    /// The bytes of a string.
    pub(crate) fn string(
        &mut self,
        out: &mut Vec<u8>,
        expected: &str,
        problems: &mut Problems,
    ) -> Parsed<()> {
        let token = self.expect(TokenKind::String, expected, problems)?;
        let body = Span { start: token.span.start + 1, end: token.span.end - 1 };
        unescape(self.text, body, out, problems)
    }

    /// A string that is a name.
    pub(crate) fn text_string(&mut self, expected: &str, problems: &mut Problems) -> Parsed<&'a str> {
        let token = self.expect(TokenKind::String, expected, problems)?;
        self.unescaped(Span { start: token.span.start + 1, end: token.span.end - 1 }, problems)
    }

    /// The text that stands between quotes, unescaped.
    fn unescaped(&self, body: Span, problems: &mut Problems) -> Parsed<&'a str> {
        let text = body.of(self.text);
        if !text.contains('\\') {
            return Ok(text);
        }
        let mut bytes = Vec::new();
        unescape(self.text, body, &mut bytes, problems)?;
        match std::str::from_utf8(&bytes) {
            Ok(text) => Ok(self.arena.alloc_str(text)),
            Err(_) => {
                problems.add(|| {
                    Problem::new(body, "names are UTF-8, and these escapes are not")
                        .help("write characters as they are, or as \\u{1F600}")
                });
                Err(Stop)
            }
        }
    }

    /// The name that a token is, which is known to be one.
    pub(crate) fn name_of(&self, token: Token, problems: &mut Problems) -> Parsed<Name<'a>> {
        let span = token.span;
        let (plain, text) = self.sigil_parts(span, problems)?;
        let digits = !plain.is_empty() && plain.bytes().all(|byte| byte.is_ascii_digit());
        match (plain, text) {
            ("", text) => Ok(Name { index: None, text, span }),
            (plain, None) if !digits => Ok(Name { index: None, text: Some(plain), span }),
            (plain, text) => match plain.parse() {
                Ok(index) if digits => Ok(Name { index: Some(index), text, span }),
                _ => {
                    problems.add(|| {
                        Problem::new(span, "only an index stands between `@` and a quoted name")
                            .help("write @\"name\", or put a space before a string that is no name")
                    });
                    Err(Stop)
                }
            },
        }
    }

    /// The register that a token names, which is known to be one.
    #[inline]
    pub(crate) fn register_of(&self, token: Token, problems: &mut Problems) -> Parsed<RegisterName<'a>> {
        let span = token.span;
        match self.sigil_parts(span, problems)? {
            (plain, None) => Ok(RegisterName { handle: plain, name: plain, span }),
            ("", Some(name)) => Ok(RegisterName { handle: name, name, span }),
            (handle, Some(name)) => Ok(RegisterName { handle, name, span }),
        }
    }

    /// What stands behind a sigil without quotes and with quotes.
    #[inline]
    fn sigil_parts(&self, span: Span, problems: &mut Problems) -> Parsed<(&'a str, Option<&'a str>)> {
        let text = &span.of(self.text)[1..];
        if !text.ends_with('"') {
            return Ok((text, None));
        }
        let quote = text.find('"').unwrap_or(0);
        let body = Span { start: span.start + quote as u32 + 2, end: span.end - 1 };
        Ok((&text[..quote], Some(self.unescaped(body, problems)?)))
    }
}

fn unescape(text: &str, body: Span, out: &mut Vec<u8>, problems: &mut Problems) -> Parsed<()> {
    literal::unescape(body.of(text), out).map_err(|(at, reason)| {
        let start = body.start as usize + at;
        let length = text[start..body.end as usize].chars().take(2).map(char::len_utf8).sum::<usize>();
        let span = Span::new(start, start + length);
        problems.add(|| Problem::new(span, "the string has an unknown escape").help(reason));
        Stop
    })
}

/// Why a number is not the one wanted.
#[cold]
pub(crate) fn number_problem(span: Span, text: &str, what: &str, range: &str, error: NumberError) -> Problem {
    let text = shortened(text);
    match error {
        NumberError::Malformed => Problem::new(span, format!("`{text}` is not a number")).help(
            "numbers look like 42, -7, 0x2A, 0b101, 0o17, 'a', 1.5, -2e-3, 0x1.8p3, inf, nan; `_` goes between digits",
        ),
        NumberError::NotInteger => {
            Problem::new(span, format!("expected {what}, found the float {text}")).help("write an integer")
        }
        NumberError::Payload => Problem::new(span, format!("{text} has no payload that a NaN of its type can have"))
            .help("payloads are from 0x1 to 0x7fffff in an f32, to 0xfffffffffffff in an f64"),
        NumberError::Range => Problem::new(span, format!("{text} is out of range: {what} is {range}")),
    }
}

/// Text for a message: cut where it is long, and without what breaks a line.
pub(crate) fn shortened(text: &str) -> String {
    const MOST: usize = 60;
    let mut out: String =
        text.chars().map(|c| if c.is_control() { '\u{FFFD}' } else { c }).take(MOST).collect();
    if text.chars().nth(MOST).is_some() {
        out.push('…');
    }
    out
}
