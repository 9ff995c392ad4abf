//! Operands to values: names to indices, registers and labels to numbers, literals to bits. Reports what is unknown or
//! out of range.

use bytecode_spec::{Arg, Kind, Label, Reg, TrapCause, TypeRule, ValType, limits};
use smallvec::SmallVec;

use crate::ast::SpaceKind;
use crate::body::{Body, Context, Definition, InstructionPlace, Reader};
use crate::cursor::{number_problem, shortened};
use crate::diagnostic::{Problem, nearest};
use crate::forms::{Form, Piece};
use crate::lexer::{Span, Token};
use crate::literal::{self, NumberError};
use crate::matching::Raw;

/// An operand's value; lists are ranges of [`Body::regs`] and [`Body::targets`].
enum Value {
    Reg(Reg),
    Imm(u64),
    Index(u32),
    Label(Label),
    Regs { start: usize, end: usize },
    Labels { start: usize, end: usize },
}

impl Reader<'_, '_, '_> {
    /// Gives the operands their values and appends the instruction, if they all have one.
    pub(crate) fn emit(&mut self, form: &'static Form, start: Span, mnemonic: Span) {
        self.body.regs.clear();
        self.body.targets.clear();
        let mut values: SmallVec<[Option<Value>; 6]> = form.operands.iter().map(|_| None).collect();
        let mut missing = false;
        let right = form.right.iter().filter_map(|piece| match piece {
            Piece::Operand(place) => Some(place),
            Piece::Token(_) => None,
        });
        // In the order of the text: a register may be read behind the `=` of the instruction that declares it.
        for &place in form.left.iter().chain(right) {
            let place = usize::from(place);
            values[place] = self.value(form, place);
            missing |= values[place].is_none();
        }
        if missing {
            self.complete = false;
            return;
        }
        if let Some(places) = &mut self.places {
            let operands = form.operands.iter().zip(&self.body.matcher.raw);
            places.push(InstructionPlace {
                pc: self.builder.pc(),
                span: self.body.cursor.span_from(start),
                operands: operands
                    .map(|(operand, raw)| (operand.name(), self.body.span_of(*raw, mnemonic)))
                    .collect(),
            });
        }
        let args: SmallVec<[Arg<'_>; 6]> = values
            .iter()
            .flatten()
            .map(|value| match *value {
                Value::Reg(reg) => Arg::Reg(reg),
                Value::Imm(bits) => Arg::Imm(bits),
                Value::Index(index) => Arg::Index(index),
                Value::Label(label) => Arg::Label(label),
                Value::Regs { start, end } => Arg::Regs(&self.body.regs[start..end]),
                Value::Labels { start, end } => Arg::Labels(&self.body.targets[start..end]),
            })
            .collect();
        self.builder.emit(form.info.op, &args);
    }

    fn value(&mut self, form: &'static Form, place: usize) -> Option<Value> {
        let operand = form.operands[place];
        match (self.body.matcher.raw[place], operand.kind) {
            (Raw::Def(i), _) => {
                let Definition { register, ty } = self.body.defs[i];
                self.define(register, ty, operand.rule).map(Value::Reg)
            }
            (Raw::Defs, _) if self.body.defs.len() > limits::MAX_PARAMS => {
                self.too_long(self.body.defs[0].register.span);
                None
            }
            (Raw::List { start, end }, Kind::Uses | Kind::Defs) if end - start > limits::MAX_PARAMS => {
                self.too_long(self.body.matcher.tokens[start].span);
                None
            }
            (Raw::Defs, _) => {
                let start = self.body.regs.len();
                let mut complete = true;
                for i in 0..self.body.defs.len() {
                    let Definition { register, ty } = self.body.defs[i];
                    match self.define(register, ty, None) {
                        Some(reg) => self.body.regs.push(reg),
                        None => complete = false,
                    }
                }
                complete.then_some(Value::Regs { start, end: self.body.regs.len() })
            }
            (Raw::List { start, end }, Kind::Targets) => {
                let first = self.body.targets.len();
                for i in start..end {
                    let label = self.use_label(self.body.matcher.tokens[i]);
                    self.body.targets.push(label);
                }
                Some(Value::Labels { start: first, end: self.body.targets.len() })
            }
            (Raw::List { start, end }, _) => {
                let first = self.body.regs.len();
                let mut complete = true;
                for i in start..end {
                    match self.read(self.body.matcher.tokens[i]) {
                        Some(reg) => self.body.regs.push(reg),
                        None => complete = false,
                    }
                }
                complete.then_some(Value::Regs { start: first, end: self.body.regs.len() })
            }
            // Offsets and shifts.
            (Raw::Absent, _) => Some(Value::Index(0)),
            (Raw::Token(token), kind) => self.token_value(form, kind, operand.rule, token),
        }
    }

    fn too_long(&mut self, span: Span) {
        let most = limits::MAX_PARAMS;
        self.problems.add(|| Problem::new(span, format!("more than {most} registers in a list")));
    }

    fn token_value(
        &mut self,
        form: &'static Form,
        kind: Kind,
        rule: Option<TypeRule>,
        token: Token,
    ) -> Option<Value> {
        let space = match kind {
            Kind::Def | Kind::Use => return self.read(token).map(Value::Reg),
            Kind::Imm64 | Kind::Imm32 => return self.constant(form, kind, rule, token).map(Value::Imm),
            Kind::Target => return Some(Value::Label(self.use_label(token))),
            Kind::Offset => return self.unsigned(token, u32::MAX, "an offset").map(Value::Index),
            Kind::Shift => return self.unsigned(token, 3, "a shift").map(Value::Index),
            Kind::Cause => return self.cause(token).map(Value::Index),
            Kind::Func | Kind::FuncDefined | Kind::FuncImport => SpaceKind::Func,
            Kind::Type => SpaceKind::Type,
            Kind::Table => SpaceKind::Table,
            Kind::Memory => SpaceKind::Memory,
            Kind::Global | Kind::GlobalMut => SpaceKind::Global,
            Kind::Data => SpaceKind::Data,
            Kind::Elem => SpaceKind::Elem,
            Kind::Uses | Kind::Defs | Kind::Targets | Kind::Feedback => {
                unreachable!("lists are no tokens, and feedback is not written")
            }
        };
        let Context { names, types, .. } = self.body.context;
        let name = self.body.cursor.name_of(token, self.problems).ok()?;
        let len = if space == SpaceKind::Type { types } else { names.len(space) };
        names.resolve_within(space, name, len, self.problems).map(Value::Index)
    }

    fn constant(
        &mut self,
        form: &'static Form,
        kind: Kind,
        rule: Option<TypeRule>,
        token: Token,
    ) -> Option<u64> {
        let text = token.span.of(self.body.context.text);
        let ty = rule.and_then(TypeRule::fixed).unwrap_or(ValType::I64);
        let (result, range) = match literal::parse_number(text, ty) {
            Ok(bits) if kind == Kind::Imm32 && ty == ValType::I64 && i32::try_from(bits as i64).is_err() => {
                (Err(NumberError::Range), "from -2147483648 to 2147483647")
            }
            result => (result, literal::range(ty)),
        };
        result
            .map_err(|error| {
                self.problems.add(|| {
                    let what = format!("the {ty} constant of {}", form.info.mnemonic());
                    let problem = number_problem(token.span, text, &what, range, error);
                    match (kind, error) {
                        (Kind::Imm32, NumberError::Range) => problem.help("put larger ones in a register"),
                        _ => problem,
                    }
                });
            })
            .ok()
    }

    fn unsigned(&mut self, token: Token, most: u32, what: &str) -> Option<u32> {
        let text = token.span.of(self.body.context.text);
        literal::unsigned(text, most)
            .map_err(|error| {
                let range = format!("from 0 to {most}");
                self.problems.add(|| number_problem(token.span, text, what, &range, error));
            })
            .ok()
    }

    fn cause(&mut self, token: Token) -> Option<u32> {
        let text = token.span.of(self.body.context.text);
        let cause = TrapCause::from_name(text);
        if cause.is_none() {
            self.problems.add(|| {
                let problem =
                    Problem::new(token.span, format!("there is no trap cause `{}`", shortened(text)));
                let names = || TrapCause::ALL.iter().map(|cause| cause.name());
                match nearest(text, names()) {
                    Some(near) => problem.suggest(Some(near)),
                    None => problem.help(format!("causes are {}", names().collect::<Vec<_>>().join(", "))),
                }
            });
        }
        cause.map(|cause| cause.code().into())
    }
}

impl Body<'_, '_> {
    /// Where an operand is; `mnemonic` for what is not written.
    fn span_of(&self, raw: Raw, mnemonic: Span) -> Span {
        match raw {
            Raw::Token(token) => token.span,
            Raw::List { start, end } if start < end => {
                self.matcher.tokens[start].span.to(self.matcher.tokens[end - 1].span)
            }
            Raw::Def(i) => self.defs[i].register.span,
            Raw::Defs => match (self.defs.first(), self.defs.last()) {
                (Some(first), Some(last)) => first.register.span.to(last.register.span),
                _ => mnemonic,
            },
            Raw::Absent | Raw::List { .. } => mnemonic,
        }
    }
}
