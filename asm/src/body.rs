//! Function bodies: statements to instructions, by the table's templates.
//!
//! An instruction is read in two steps. First its tokens are matched with the templates of the mnemonic's rows
//! (`matching`), which looks at the form of operands only and decides the row. Then the operands get their values
//! (`operands`), which reports what is unknown or out of range. Types are the verifier's business.

use ahash::AHashMap;
use bumpalo::Bump;
use bytecode_spec::{
    BuildError, FuncType, Function, FunctionBuilder, Label, Pc, Reg, SourceIndex, TypeIndex, TypeRule,
    ValType, limits,
};
use smallvec::SmallVec;

use crate::ast::{Func, Item, RegisterName};
use crate::cursor::{Cursor, Parsed, Stop, shortened};
use crate::diagnostic::{Problem, Problems, nearest};
use crate::forms;
use crate::lexer::{Span, Token, TokenKind};
use crate::matching::Matcher;
use crate::names::Names;

/// Stands for a register whose declaration is missing, which is reported once.
const UNDECLARED: Reg = Reg(u16::MAX);

/// What all bodies of a file are read with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Context<'a, 'n> {
    pub(crate) text: &'a str,
    pub(crate) arena: &'a Bump,
    pub(crate) names: &'n Names<'a>,
    /// Types of the module, written or not.
    pub(crate) types: u32,
    /// How many sources `line` statements may refer to; `None` if lines are those of the text.
    pub(crate) sources: Option<u32>,
}

/// Where in the text an instruction is.
#[derive(Debug)]
pub(crate) struct InstructionPlace {
    pub(crate) pc: Pc,
    pub(crate) span: Span,
    pub(crate) operands: SmallVec<[(&'static str, Span); 6]>,
}

/// What stands before `=`, or in a `reg` statement.
#[derive(Clone, Copy)]
pub(crate) struct Definition<'a> {
    pub(crate) register: RegisterName<'a>,
    pub(crate) ty: Option<ValType>,
}

struct LabelState<'a> {
    name: &'a str,
    label: Label,
    bound: Option<Span>,
    used: Option<Span>,
}

/// Reads function bodies, one after the other; keeps its buffers.
pub(crate) struct Body<'a, 'n> {
    pub(crate) context: Context<'a, 'n>,
    pub(crate) cursor: Cursor<'a>,
    /// Never iterated.
    registers: AHashMap<&'a str, Reg>,
    register_names: Vec<RegisterName<'a>>,
    /// Never iterated.
    label_places: AHashMap<&'a str, usize>,
    labels: Vec<LabelState<'a>>,
    /// What stands before `=`.
    pub(crate) defs: Vec<Definition<'a>>,
    pub(crate) matcher: Matcher<'a, 'n>,
    /// The registers of an instruction's lists.
    pub(crate) regs: Vec<Reg>,
    /// The labels of an instruction's lists.
    pub(crate) targets: Vec<Label>,
}

impl<'a, 'n> Body<'a, 'n> {
    pub(crate) fn new(context: Context<'a, 'n>) -> Body<'a, 'n> {
        let cursor = Cursor::new("", context.arena, 0, 1);
        Body {
            context,
            cursor,
            registers: AHashMap::new(),
            register_names: Vec::new(),
            label_places: AHashMap::new(),
            labels: Vec::new(),
            defs: Vec::new(),
            matcher: Matcher::new(context.names, cursor),
            regs: Vec::new(),
            targets: Vec::new(),
        }
    }

    /// Assembles a function. `places` receives where its instructions are.
    pub(crate) fn assemble(
        &mut self,
        item: &Item<'a>,
        func: &Func<'a>,
        ty: TypeIndex,
        signature: &FuncType,
        places: Option<&mut Vec<InstructionPlace>>,
        problems: &mut Problems,
    ) -> Option<Function> {
        let Context { text, arena, .. } = self.context;
        if func.params.len() > limits::MAX_PARAMS {
            let most = limits::MAX_PARAMS;
            problems.add(|| Problem::new(item.span, format!("more than {most} parameters")));
            return None;
        }
        let end = func.body.end as usize;
        self.cursor = Cursor::new(&text[..end], arena, func.body.start as usize, func.line);
        self.registers.clear();
        self.register_names.clear();
        self.label_places.clear();
        self.labels.clear();

        let mut builder = FunctionBuilder::new(ty, signature);
        let mut reader = Reader { body: self, builder: &mut builder, places, problems, complete: true };
        let before = reader.problems.total();
        for (i, &(register, _)) in func.params.iter().enumerate() {
            reader.name_register(register, Reg(i as u16));
        }
        reader.statements();
        reader.check_labels();
        let complete = reader.complete;
        if !complete || problems.total() != before {
            return None;
        }
        let names = &self.register_names;
        if let Some(name) = item.name.and_then(|name| name.text) {
            builder.name(name);
        }
        match builder.finish() {
            Ok(mut function) => {
                function.register_names = names.iter().map(|register| register.name).collect();
                Some(function)
            }
            Err(error) => {
                problems.add(|| match error {
                    BuildError::NoEnd => {
                        Problem::new(Span::new(end, end + 1), "control runs off the end of the function")
                            .help("end it with ret, jump or trap")
                    }
                    BuildError::Operand { .. }
                    | BuildError::Range { .. }
                    | BuildError::UnboundLabel { .. }
                    | BuildError::TooLarge { .. } => Problem::new(item.span, error.to_string()),
                });
                None
            }
        }
    }
}

/// Reads one body.
pub(crate) struct Reader<'r, 'a, 'n> {
    pub(crate) body: &'r mut Body<'a, 'n>,
    pub(crate) builder: &'r mut FunctionBuilder,
    /// Receives where instructions are, if that is wanted.
    pub(crate) places: Option<&'r mut Vec<InstructionPlace>>,
    pub(crate) problems: &'r mut Problems,
    /// Whether nothing is missing from `builder`.
    pub(crate) complete: bool,
}

impl<'a> Reader<'_, 'a, '_> {
    fn statements(&mut self) {
        loop {
            self.body.cursor.skip_newlines();
            if self.body.cursor.at(TokenKind::End) {
                return;
            }
            self.body.defs.clear();
            if self.statement().is_err() {
                self.declare_what_can_be();
                self.body.cursor.skip_line();
            }
        }
    }

    /// After a mistake: what the statement would have declared is not reported as missing.
    fn declare_what_can_be(&mut self) {
        for Definition { register, ty } in std::mem::take(&mut self.body.defs) {
            if !self.body.registers.contains_key(register.handle) {
                match ty {
                    Some(ty) => drop(self.declare(register, ty)),
                    None => drop(self.body.registers.insert(register.handle, UNDECLARED)),
                }
            }
        }
    }

    /// Labels and line numbers do not end a line; everything else does.
    fn statement(&mut self) -> Parsed<()> {
        let cursor = &mut self.body.cursor;
        if cursor.at_label() {
            let (name, token) = (cursor.token_text(), cursor.bump());
            cursor.bump();
            return self.bind(name, token.span);
        }
        if cursor.eat_word("reg") {
            self.reg()
        } else if cursor.eat_word("line") {
            self.line()
        } else if matches!(cursor.token.kind, TokenKind::Word | TokenKind::Register) {
            self.instruction()
        } else {
            Err(cursor.unexpected("an instruction or a label", self.problems))
        }
    }

    fn reg(&mut self) -> Parsed<()> {
        loop {
            let Definition { register, ty } = self.definition("a register such as `%x: i64`")?;
            let Some(ty) = ty else {
                return Err(self.body.cursor.unexpected("`:` and the register's type", self.problems));
            };
            self.declare(register, ty);
            if !self.body.cursor.eat(TokenKind::Comma) {
                return self.line_end("`,` or the end of the line");
            }
        }
    }

    fn line(&mut self) -> Parsed<()> {
        let keyword = self.body.cursor.here();
        let cursor = &mut self.body.cursor;
        let line = cursor.unsigned("a line number", u32::MAX, self.problems)?;
        let source = if cursor.eat_word("of") {
            cursor.unsigned("the number of a source", u32::MAX, self.problems)?
        } else {
            0
        };
        let sources = self.body.context.sources.unwrap_or(0);
        if source < sources || (line == 0 && self.body.context.sources.is_some()) {
            self.builder.line_of(SourceIndex(source), line);
        } else if sources == 0 {
            let span = cursor.span_from(keyword);
            self.problems.add(|| {
                Problem::new(span, "`line` needs a source to refer to")
                    .help("name it by an item such as `source \"sum.c\"`, or leave `line` out")
            });
        } else {
            let span = cursor.span_from(keyword);
            self.problems.add(|| {
                Problem::new(span, format!("there is no source {source}"))
                    .help(format!("the module has {sources}, numbered from 0; add an item `source \"…\"`"))
            });
        }
        Ok(())
    }

    fn line_end(&mut self, expected: &str) -> Parsed<()> {
        let cursor = &self.body.cursor;
        if cursor.at_line_end() { Ok(()) } else { Err(cursor.unexpected(expected, self.problems)) }
    }

    fn bind(&mut self, name: &'a str, span: Span) -> Parsed<()> {
        let place = self.label(name);
        let state = &mut self.body.labels[place];
        match state.bound {
            None => {
                state.bound = Some(span);
                self.builder.bind(state.label);
                Ok(())
            }
            Some(first) => {
                self.problems.add(|| {
                    Problem::new(span, format!("there is a label `{}` already", shortened(name)))
                        .help("give one of them another name")
                        .related(first, "first set")
                });
                Ok(())
            }
        }
    }

    fn label(&mut self, name: &'a str) -> usize {
        let labels = &mut self.body.labels;
        *self.body.label_places.entry(name).or_insert_with(|| {
            labels.push(LabelState { name, label: self.builder.label(), bound: None, used: None });
            labels.len() - 1
        })
    }

    fn check_labels(&mut self) {
        for state in &self.body.labels {
            if let (None, Some(span)) = (state.bound, state.used) {
                self.problems.add(|| {
                    let bound = self.body.labels.iter().filter(|l| l.bound.is_some()).map(|l| l.name);
                    Problem::new(
                        span,
                        format!("there is no label `{}` in this function", shortened(state.name)),
                    )
                    .suggest(nearest(state.name, bound))
                });
            }
        }
    }

    /// A register, and its type if there is one.
    fn definition(&mut self, expected: &str) -> Parsed<Definition<'a>> {
        let token = self.body.cursor.expect(TokenKind::Register, expected, self.problems)?;
        let register = self.body.cursor.register_of(token, self.problems)?;
        let ty = if self.body.cursor.eat(TokenKind::Colon) {
            Some(self.body.cursor.value_type(self.problems)?)
        } else {
            None
        };
        Ok(Definition { register, ty })
    }

    fn instruction(&mut self) -> Parsed<()> {
        let (start, line) = (self.body.cursor.token.span, self.body.cursor.line);
        if self.body.cursor.at(TokenKind::Register) {
            loop {
                let def = self.definition("a register")?;
                self.body.defs.push(def);
                if !self.body.cursor.eat(TokenKind::Comma) {
                    break;
                }
            }
            let cursor = &mut self.body.cursor;
            if !cursor.eat(TokenKind::Equals) {
                let one = if let [Definition { ty: None, .. }] = &self.body.defs[..] {
                    "`=`, `:` or `,`"
                } else {
                    "`=` or `,`"
                };
                return Err(cursor.unexpected(one, self.problems));
            }
        }
        let cursor = &mut self.body.cursor;
        let mnemonic = cursor.token_text();
        let token = cursor.expect(TokenKind::Word, "an instruction", self.problems)?;
        let forms = forms::of_mnemonic(mnemonic);
        if forms.is_empty() {
            return Err(self.unknown_mnemonic(mnemonic, token.span));
        }
        let body = &mut *self.body;
        let left = body.defs.first().map_or(token.span, |def| def.register.span);
        let form = body.matcher.find(&forms, (body.defs.len(), left), &mut body.cursor, self.problems)?;
        if self.body.context.sources.is_none() {
            self.builder.line(line);
        }
        self.emit(form, start, token.span);
        Ok(())
    }

    #[cold]
    fn unknown_mnemonic(&mut self, mnemonic: &str, span: Span) -> Stop {
        self.problems.add(|| {
            let problem = Problem::new(span, format!("there is no instruction `{}`", shortened(mnemonic)));
            let with_type = |m: &&str| m.strip_prefix(mnemonic).is_some_and(|rest| rest.starts_with('.'));
            let mut longer: Vec<&str> = forms::mnemonics().filter(with_type).collect();
            longer.dedup();
            longer.truncate(4);
            // As in WebAssembly's text: the type first.
            let turned = mnemonic.split_once('.').map(|(ty, name)| format!("{name}.{ty}"));
            let turned = turned.and_then(|turned| forms::mnemonics().find(|m| *m == turned));
            if !longer.is_empty() {
                return problem.help(format!("did you mean `{}`?", longer.join("`, `")));
            }
            problem.suggest(turned.or_else(|| nearest(mnemonic, forms::mnemonics())))
        });
        Stop
    }

    /// The register that is written, which is declared here if it has a type.
    pub(crate) fn define(
        &mut self,
        register: RegisterName<'a>,
        ty: Option<ValType>,
        rule: Option<TypeRule>,
    ) -> Option<Reg> {
        match (self.body.registers.get(register.handle), ty) {
            (_, Some(ty)) => self.declare(register, ty),
            (Some(&UNDECLARED), None) => None,
            (Some(&reg), None) => Some(reg),
            (None, None) => {
                let ty = rule.and_then(TypeRule::fixed).map_or("type", ValType::name);
                let handle = shortened(register.handle);
                let help = format!("declare it where it is first written: `%{handle}: {ty} = …`");
                self.undeclared(register, help);
                None
            }
        }
    }

    fn declare(&mut self, register: RegisterName<'a>, ty: ValType) -> Option<Reg> {
        if let Some(&first) = self.body.registers.get(register.handle)
            && first != UNDECLARED
        {
            let span = self.body.register_names[first.index()].span;
            self.problems.add(|| {
                Problem::new(register.span, format!("%{} is declared already", shortened(register.handle)))
                    .help("leave its type out to write to it again")
                    .related(span, "first declared")
            });
            return None;
        }
        let reg = self.builder.register(ty);
        self.name_register(register, reg);
        Some(reg)
    }

    fn name_register(&mut self, register: RegisterName<'a>, reg: Reg) {
        let RegisterName { handle, name, span } = register;
        if handle != name && handle.strip_prefix('r').and_then(|n| n.parse().ok()) != Some(reg.0) {
            self.problems.add(|| {
                Problem::new(span, format!("this is register {}, not {}", reg.0, shortened(handle)))
                    .help(format!("write %r{} before the quotes, or nothing", reg.0))
            });
        }
        if let Some(first) = self.body.registers.insert(handle, reg)
            && first != UNDECLARED
        {
            let span_of_first = self.body.register_names[first.index()].span;
            self.problems.add(|| {
                Problem::new(span, format!("there is a parameter %{} already", shortened(handle)))
                    .related(span_of_first, "first declared")
            });
        }
        self.body.register_names.push(register);
    }

    /// The register that is read.
    #[inline]
    pub(crate) fn read(&mut self, token: Token) -> Option<Reg> {
        let register = self.body.cursor.register_of(token, self.problems).ok()?;
        match self.body.registers.get(register.handle) {
            Some(&UNDECLARED) => None,
            Some(&reg) => Some(reg),
            None => {
                let handle = shortened(register.handle);
                self.undeclared(
                    register,
                    format!("declare it before: `reg %{handle}: type`; it is zero or null then"),
                );
                None
            }
        }
    }

    #[cold]
    fn undeclared(&mut self, register: RegisterName<'a>, help: String) {
        let names = self.body.register_names.iter().map(|register| register.handle);
        self.problems.add(|| {
            let handle = register.handle;
            let problem = Problem::new(register.span, format!("%{} is not declared", shortened(handle)));
            match nearest(handle, names) {
                Some(near) => problem.suggest(Some(format_args!("%{near}"))),
                None => problem.help(help),
            }
        });
        self.body.registers.insert(register.handle, UNDECLARED);
    }

    pub(crate) fn use_label(&mut self, token: Token) -> Label {
        let place = self.label(token.span.of(self.body.context.text));
        let state = &mut self.body.labels[place];
        state.used.get_or_insert(token.span);
        state.label
    }
}
