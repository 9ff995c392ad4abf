//! Tokens to operands: finds the row whose template fits what is written behind a mnemonic. Looks at the form of
//! operands only; what they stand for is found by `operands`.

use bytecode_spec::Kind;
use smallvec::SmallVec;

use crate::ast::SpaceKind;
use crate::cursor::{Cursor, Parsed, Stop};
use crate::diagnostic::{Problem, Problems};
use crate::forms::{Form, Piece};
use crate::lexer::{Span, Token, TokenKind};
use crate::names::Names;

const END_OF_LINE: &str = "the end of the line";

/// An operand's tokens.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Raw {
    /// An optional one that is not there.
    Absent,
    Token(Token),
    /// A list: a part of [`Matcher::tokens`].
    List {
        start: usize,
        end: usize,
    },
    /// One of those before `=`.
    Def(usize),
    /// All of those before `=`.
    Defs,
}

/// The tokens do not fit the form; how far they did is noted.
struct NoFit;

/// How far tokens fit, and what would have to follow.
#[derive(Debug)]
struct Reach<'a> {
    /// Where they stop fitting; `None` when it is what stands before `=`.
    cursor: Option<Cursor<'a>>,
    expected: SmallVec<[&'static str; 4]>,
}

impl Reach<'_> {
    fn place(&self) -> Option<u32> {
        self.cursor.map(|cursor| cursor.token.span.start)
    }
}

/// Matches one instruction after the other; keeps its buffers.
#[derive(Debug)]
pub(crate) struct Matcher<'a, 'n> {
    names: &'n Names<'a>,
    cursor: Cursor<'a>,
    /// The operands of the form that fits, in its order.
    pub(crate) raw: SmallVec<[Raw; 6]>,
    /// The elements of lists.
    pub(crate) tokens: Vec<Token>,
    /// What else would fit where the cursor is.
    expected: SmallVec<[&'static str; 4]>,
    /// The place before line breaks that brackets let pass, if nothing was read since.
    before_breaks: Option<Cursor<'a>>,
    /// How far the best of the forms came.
    furthest: Option<Reach<'a>>,
}

impl<'a, 'n> Matcher<'a, 'n> {
    pub(crate) fn new(names: &'n Names<'a>, cursor: Cursor<'a>) -> Matcher<'a, 'n> {
        Matcher {
            names,
            cursor,
            raw: SmallVec::new(),
            tokens: Vec::new(),
            expected: SmallVec::new(),
            before_breaks: None,
            furthest: None,
        }
    }

    /// The first of the forms that fits the tokens at `cursor`, which goes behind them. `left` is how many registers
    /// stand before `=`, and where.
    pub(crate) fn find(
        &mut self,
        forms: &[&'static Form],
        left: (usize, Span),
        cursor: &mut Cursor<'a>,
        problems: &mut Problems,
    ) -> Parsed<&'static Form> {
        self.furthest = None;
        for &form in forms {
            self.cursor = *cursor;
            if self.fit(form, left.0).is_ok() {
                *cursor = self.cursor;
                return Ok(form);
            }
        }
        if let Some(reach) = self.furthest.take() {
            *cursor = reach.cursor.unwrap_or(*cursor);
            report(forms, &reach, left, problems);
        }
        Err(Stop)
    }

    /// Reads the tokens as operands of `form`, with so many registers before `=`.
    fn fit(&mut self, form: &'static Form, defs: usize) -> Result<(), NoFit> {
        self.raw.clear();
        self.raw.resize(form.operands.len(), Raw::Absent);
        self.tokens.clear();
        self.expected.clear();
        self.before_breaks = None;
        if let [place] = form.left[..]
            && form.operands[usize::from(place)].kind == Kind::Defs
        {
            self.raw[usize::from(place)] = Raw::Defs;
        } else if form.left.len() == defs {
            for (i, &place) in form.left.iter().enumerate() {
                self.raw[usize::from(place)] = Raw::Def(i);
            }
        } else {
            return Err(self.note(None));
        }

        let mut depth = 0;
        for &piece in &form.right {
            if depth > 0 {
                self.skip_breaks();
            }
            match piece {
                Piece::Token(kind) => {
                    self.one(kind, kind.describe())?;
                    if matches!(kind, TokenKind::OpenParen | TokenKind::OpenBracket) {
                        depth += 1;
                    } else if matches!(kind, TokenKind::CloseParen | TokenKind::CloseBracket) {
                        depth -= 1;
                    }
                }
                Piece::Operand(place) => {
                    let place = usize::from(place);
                    self.raw[place] = self.operand(form.operands[place].kind, depth > 0)?;
                }
            }
        }
        if self.cursor.at_line_end() { Ok(()) } else { Err(self.misfit(END_OF_LINE)) }
    }

    /// Reads the tokens of one operand.
    fn operand(&mut self, kind: Kind, bracketed: bool) -> Result<Raw, NoFit> {
        match kind {
            Kind::Def | Kind::Use => self.one(TokenKind::Register, "a register"),
            Kind::Imm64 | Kind::Imm32 => self.number("a constant"),
            Kind::Target => self.one(TokenKind::Word, "a label"),
            Kind::Cause => self.one(TokenKind::Word, "a trap cause"),
            Kind::Offset => self.behind(TokenKind::Plus, "an offset"),
            Kind::Shift => self.behind(TokenKind::ShiftLeft, "a shift"),
            Kind::Func => self.one(TokenKind::Name, "a function's name"),
            Kind::FuncDefined | Kind::FuncImport => self.function(kind == Kind::FuncImport),
            Kind::Type => self.one(TokenKind::Name, "a type's name"),
            Kind::Table => self.one(TokenKind::Name, "a table's name"),
            Kind::Memory => self.one(TokenKind::Name, "a memory's name"),
            Kind::Global | Kind::GlobalMut => self.one(TokenKind::Name, "a global's name"),
            Kind::Data => self.one(TokenKind::Name, "a data segment's name"),
            Kind::Elem => self.one(TokenKind::Name, "an element segment's name"),
            Kind::Uses | Kind::Defs if !self.cursor.at(TokenKind::Register) => {
                self.expected.push("a register");
                let here = self.tokens.len();
                Ok(Raw::List { start: here, end: here })
            }
            Kind::Uses | Kind::Defs => self.list(TokenKind::Register, "a register", bracketed),
            Kind::Targets => self.list(TokenKind::Word, "a label", bracketed),
            Kind::Feedback => Ok(Raw::Absent),
        }
    }

    fn one(&mut self, kind: TokenKind, expected: &'static str) -> Result<Raw, NoFit> {
        if self.cursor.at(kind) { Ok(Raw::Token(self.take())) } else { Err(self.misfit(expected)) }
    }

    fn number(&mut self, expected: &'static str) -> Result<Raw, NoFit> {
        let special = self.cursor.at_word("inf") || self.cursor.at_word("nan");
        if special || matches!(self.cursor.token.kind, TokenKind::Number | TokenKind::Char) {
            Ok(Raw::Token(self.take()))
        } else {
            Err(self.misfit(expected))
        }
    }

    /// A number behind `sign`, or nothing.
    fn behind(&mut self, sign: TokenKind, what: &'static str) -> Result<Raw, NoFit> {
        if self.cursor.at(sign) {
            self.take();
            self.number(what)
        } else {
            self.expected.push(sign.describe());
            Ok(Raw::Absent)
        }
    }

    fn function(&mut self, imported: bool) -> Result<Raw, NoFit> {
        if self.cursor.at(TokenKind::Name) {
            // What is wrong with the name is said when it gets its value.
            let name = self.cursor.name_of(self.cursor.token, &mut Problems::default());
            let len = self.names.len(SpaceKind::Func);
            let index = name.ok().and_then(|name| self.names.get(SpaceKind::Func, name, len));
            if index.is_some_and(|index| (index < self.names.imported_funcs()) != imported) {
                return Err(self.misfit(if imported {
                    "an imported function"
                } else {
                    "a function of this module"
                }));
            }
        }
        self.one(TokenKind::Name, "a function's name")
    }

    /// One or more with commas between them.
    fn list(&mut self, kind: TokenKind, expected: &'static str, bracketed: bool) -> Result<Raw, NoFit> {
        let start = self.tokens.len();
        loop {
            if bracketed {
                self.skip_breaks();
            }
            if !self.cursor.at(kind) {
                return Err(self.misfit(expected));
            }
            let token = self.take();
            self.tokens.push(token);
            if bracketed {
                self.skip_breaks();
            }
            if !self.cursor.at(TokenKind::Comma) {
                self.expected.push("`,`");
                return Ok(Raw::List { start, end: self.tokens.len() });
            }
            self.take();
        }
    }

    /// Goes behind a token that fits.
    fn take(&mut self) -> Token {
        self.expected.clear();
        self.before_breaks = None;
        self.cursor.bump()
    }

    /// Inside brackets, line breaks separate only.
    fn skip_breaks(&mut self) {
        if self.cursor.at(TokenKind::Newline) {
            self.before_breaks.get_or_insert(self.cursor);
            self.cursor.skip_newlines();
        }
    }

    fn misfit(&mut self, expected: &'static str) -> NoFit {
        self.expected.push(expected);
        self.note(Some(self.before_breaks.unwrap_or(self.cursor)))
    }

    /// Keeps what the form that comes furthest would take there; of several forms, what any of them would.
    fn note(&mut self, cursor: Option<Cursor<'a>>) -> NoFit {
        let reach = Reach { cursor, expected: std::mem::take(&mut self.expected) };
        match &mut self.furthest {
            Some(best) if best.place() > reach.place() => {}
            Some(best) if best.place() == reach.place() => {
                for expected in reach.expected {
                    if !best.expected.contains(&expected) {
                        best.expected.push(expected);
                    }
                }
            }
            _ => self.furthest = Some(reach),
        }
        NoFit
    }
}

#[cold]
fn report(forms: &[&'static Form], reach: &Reach<'_>, (defs, left): (usize, Span), problems: &mut Problems) {
    problems.add(|| {
        let name = forms[0].info.mnemonic();
        let problem = match &reach.cursor {
            Some(cursor) => cursor.mistake(&one_of(&reach.expected)),
            None => {
                let has = match forms[0].left.len() {
                    0 => "no result".to_owned(),
                    1 => "one result".to_owned(),
                    count => format!("{count} results"),
                };
                let found = if defs == 0 { "none".to_owned() } else { defs.to_string() };
                Problem::new(left, format!("{name} has {has}, found {found} before `=`"))
            }
        };
        let mut examples: Vec<String> = forms.iter().map(|form| format!("`{}`", form.example())).collect();
        examples.dedup();
        let end = if reach.expected[..] == [END_OF_LINE] { ", and ends the line" } else { "" };
        problem.or_help(format!("{name} is written {}{end}", examples.join(" or ")))
    });
}

/// `a, b or c`.
fn one_of(expected: &[&str]) -> String {
    match expected {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [rest @ .., last] => format!("{} or {last}", rest.join(", ")),
    }
}
