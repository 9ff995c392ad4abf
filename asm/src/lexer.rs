//! Bytes to tokens. A token is a kind and a place; its text stays where it is.
//!
//! The lexer never fails: what it does not know becomes a token of its own kind, which the parser reports in the place
//! where it meets it. Source of the approach: rust-analyzer's lexer.

/// A range of bytes of the text. Texts are shorter than 4 GiB.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Span {
    pub(crate) start: u32,
    pub(crate) end: u32,
}

impl Span {
    pub(crate) fn new(start: usize, end: usize) -> Span {
        Span { start: start as u32, end: end as u32 }
    }

    pub(crate) fn of(self, text: &str) -> &str {
        &text[self.start as usize..self.end as usize]
    }

    /// From the start of this to the end of `last`.
    pub(crate) fn to(self, last: Span) -> Span {
        Span { start: self.start, end: last.end.max(self.start) }
    }
}

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum TokenKind {
    /// One or more line breaks, with the blank lines and comments between them.
    Newline,
    /// The end of the text, or of the function body that is read.
    End,
    OpenParen,
    CloseParen,
    OpenBracket,
    CloseBracket,
    OpenBrace,
    CloseBrace,
    Comma,
    Colon,
    Equals,
    Plus,
    Arrow,
    ShiftLeft,
    /// A keyword, mnemonic, label or type.
    Word,
    /// `@name`, `@7`, `@"name"` or `@7"name"`.
    Name,
    /// `%name`, `%"name"` or `%r7"name"`.
    Register,
    /// A number, well formed or not: also `-inf` and `nan:0x7ff`; `inf` and `nan` are words.
    Number,
    /// `'a'`.
    Char,
    /// `"…"`.
    String,
    /// A string or quoted name that its line ends before its quote does.
    UnclosedString,
    /// A character literal that its line ends before its quote does.
    UnclosedChar,
    /// `@` or `%` with nothing behind it.
    Nameless,
    /// A character that starts no token.
    Unknown,
}

impl TokenKind {
    /// The token as messages name it.
    pub(crate) fn describe(self) -> &'static str {
        match self {
            TokenKind::Newline => "the end of the line",
            TokenKind::End => "the end",
            TokenKind::OpenParen => "`(`",
            TokenKind::CloseParen => "`)`",
            TokenKind::OpenBracket => "`[`",
            TokenKind::CloseBracket => "`]`",
            TokenKind::OpenBrace => "`{`",
            TokenKind::CloseBrace => "`}`",
            TokenKind::Comma => "`,`",
            TokenKind::Colon => "`:`",
            TokenKind::Equals => "`=`",
            TokenKind::Plus => "`+`",
            TokenKind::Arrow => "`->`",
            TokenKind::ShiftLeft => "`<<`",
            TokenKind::Word => "a word",
            TokenKind::Name => "a name",
            TokenKind::Register => "a register",
            TokenKind::Number => "a number",
            TokenKind::Char => "a character",
            TokenKind::String => "a string",
            TokenKind::UnclosedString => "a string without its closing quote",
            TokenKind::UnclosedChar => "a character without its closing quote",
            TokenKind::Nameless => "a sigil without a name",
            TokenKind::Unknown => "an unknown character",
        }
    }
}

/// A token: what and where.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Token {
    pub(crate) kind: TokenKind,
    pub(crate) span: Span,
}

const WORD_START: u8 = 1;
const WORD: u8 = 2;
const NAME: u8 = 4;
const SPACE: u8 = 8;

/// What each byte may be part of.
static CLASSES: [u8; 256] = {
    let mut classes = [0; 256];
    let mut i = 0;
    while i < 256 {
        let byte = i as u8;
        if byte.is_ascii_alphabetic() || byte == b'_' {
            classes[i] = WORD_START | WORD | NAME;
        } else if byte.is_ascii_digit() || byte == b'.' || byte == b'$' {
            classes[i] = WORD | NAME;
        } else if byte == b'-' {
            classes[i] = NAME;
        } else if byte == b' ' || byte == b'\t' || byte == b'\r' {
            classes[i] = SPACE;
        }
        i += 1;
    }
    classes
};

/// Whether a name can be written without quotes.
pub(crate) fn is_plain_name(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|byte| CLASSES[usize::from(byte)] & NAME != 0)
}

/// Reads tokens one after the other. A copy is a place to come back to.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Lexer<'a> {
    bytes: &'a [u8],
    at: usize,
    line: u32,
}

impl<'a> Lexer<'a> {
    /// A lexer of `text` from byte `at`, which is on line `line`.
    pub(crate) fn new(text: &'a str, at: usize, line: u32) -> Lexer<'a> {
        Lexer { bytes: text.as_bytes(), at, line }
    }

    /// The line of the last token, from 1.
    pub(crate) fn line(&self) -> u32 {
        self.line
    }

    /// The next byte that is not white space, on the same line.
    pub(crate) fn peek_byte(&self) -> Option<u8> {
        let rest = &self.bytes[self.at..];
        rest.iter().copied().find(|&byte| CLASSES[usize::from(byte)] & SPACE == 0)
    }

    fn byte(&self, ahead: usize) -> u8 {
        self.bytes.get(self.at + ahead).copied().unwrap_or(b'\n')
    }

    fn skip_class(&mut self, class: u8) {
        while self.bytes.get(self.at).is_some_and(|&byte| CLASSES[usize::from(byte)] & class != 0) {
            self.at += 1;
        }
    }

    fn skip_comment(&mut self) {
        while self.bytes.get(self.at).is_some_and(|&byte| byte != b'\n') {
            self.at += 1;
        }
    }

    /// The next token.
    pub(crate) fn next(&mut self) -> Token {
        self.skip_class(SPACE);
        if self.byte(0) == b';' {
            self.skip_comment();
        }
        let start = self.at;
        let Some(&byte) = self.bytes.get(start) else {
            return Token { kind: TokenKind::End, span: Span::new(start, start) };
        };
        self.at += 1;
        let kind = match byte {
            b'\n' => {
                self.newlines();
                return Token { kind: TokenKind::Newline, span: Span::new(start, start + 1) };
            }
            b'(' => TokenKind::OpenParen,
            b')' => TokenKind::CloseParen,
            b'[' => TokenKind::OpenBracket,
            b']' => TokenKind::CloseBracket,
            b'{' => TokenKind::OpenBrace,
            b'}' => TokenKind::CloseBrace,
            b',' => TokenKind::Comma,
            b':' => TokenKind::Colon,
            b'=' => TokenKind::Equals,
            b'+' => TokenKind::Plus,
            b'%' => self.name(TokenKind::Register),
            b'@' => self.name(TokenKind::Name),
            b'"' => self.quoted(b'"', TokenKind::String, TokenKind::UnclosedString),
            b'\'' => self.quoted(b'\'', TokenKind::Char, TokenKind::UnclosedChar),
            b'0'..=b'9' => self.number(),
            b'-' => self.minus(),
            b'<' if self.byte(0) == b'<' => {
                self.at += 1;
                TokenKind::ShiftLeft
            }
            _ if CLASSES[usize::from(byte)] & WORD_START != 0 => {
                self.skip_class(WORD);
                let is_nan = &self.bytes[start..self.at] == b"nan";
                if is_nan { self.payload(TokenKind::Word) } else { TokenKind::Word }
            }
            _ => {
                while self.bytes.get(self.at).is_some_and(|byte| byte & 0xC0 == 0x80) {
                    self.at += 1;
                }
                TokenKind::Unknown
            }
        };
        Token { kind, span: Span::new(start, self.at) }
    }

    /// Behind a line break: takes the ones that follow, too.
    fn newlines(&mut self) {
        self.line += 1;
        loop {
            self.skip_class(SPACE);
            match self.bytes.get(self.at) {
                Some(b'\n') => {
                    self.at += 1;
                    self.line += 1;
                }
                Some(b';') => self.skip_comment(),
                _ => return,
            }
        }
    }

    fn name(&mut self, kind: TokenKind) -> TokenKind {
        let start = self.at;
        self.skip_class(NAME);
        if self.byte(0) == b'"' {
            self.at += 1;
            self.quoted(b'"', kind, TokenKind::UnclosedString)
        } else if self.at == start {
            TokenKind::Nameless
        } else {
            kind
        }
    }

    fn quoted(&mut self, quote: u8, closed: TokenKind, unclosed: TokenKind) -> TokenKind {
        while let Some(&byte) = self.bytes.get(self.at) {
            match byte {
                b'\n' => break,
                b'\\' if self.byte(1) != b'\n' => self.at += 2,
                _ => {
                    self.at += 1;
                    if byte == quote {
                        return closed;
                    }
                }
            }
        }
        unclosed
    }

    /// Behind the first digit.
    fn number(&mut self) -> TokenKind {
        let exponent: &[u8] = if matches!(self.byte(0), b'x' | b'X') { b"pP" } else { b"eE" };
        loop {
            let byte = self.byte(0);
            if CLASSES[usize::from(byte)] & WORD == 0 {
                return TokenKind::Number;
            }
            self.at += 1;
            if exponent.contains(&byte) && matches!(self.byte(0), b'+' | b'-') {
                self.at += 1;
            }
        }
    }

    fn minus(&mut self) -> TokenKind {
        let rest = &self.bytes[self.at..];
        if self.byte(0) == b'>' {
            self.at += 1;
            TokenKind::Arrow
        } else if self.byte(0).is_ascii_digit() {
            self.at += 1;
            self.number()
        } else if rest.starts_with(b"inf") || rest.starts_with(b"nan") {
            self.skip_class(WORD);
            self.payload(TokenKind::Number)
        } else {
            TokenKind::Unknown
        }
    }

    /// Behind `nan`: takes `:0x…`.
    fn payload(&mut self, without: TokenKind) -> TokenKind {
        if self.bytes[self.at..].starts_with(b":0x") {
            self.at += 1;
            self.skip_class(WORD);
            TokenKind::Number
        } else {
            without
        }
    }

    /// Behind the `{` of a function: goes behind its `}` and gives the place of that. Where there is none before the
    /// end of the text, or before a line that `starts_item`, goes there and gives `None`.
    pub(crate) fn skip_body(&mut self, starts_item: impl Fn(&[u8]) -> bool) -> Option<usize> {
        while let Some(&byte) = self.bytes.get(self.at) {
            match byte {
                b'}' => {
                    self.at += 1;
                    return Some(self.at - 1);
                }
                b'\n' => {
                    let newline = *self;
                    self.at += 1;
                    self.newlines();
                    let line = &self.bytes[self.at..];
                    if line.first().is_some_and(u8::is_ascii_lowercase) && starts_item(line) {
                        *self = newline;
                        return None;
                    }
                }
                b';' => self.skip_comment(),
                b'"' => {
                    self.at += 1;
                    self.quoted(b'"', TokenKind::String, TokenKind::String);
                }
                b'\'' => {
                    self.at += 1;
                    self.quoted(b'\'', TokenKind::Char, TokenKind::Char);
                }
                _ => self.at += 1,
            }
        }
        None
    }
}
