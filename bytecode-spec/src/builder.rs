//! The function builder: registers, labels, constants and instructions, without counting words by hand.
//!
//! A function that [`finish`](FunctionBuilder::finish) gives is well formed: every instruction has the operands of its
//! shape, every label stands where an instruction starts, every register is declared, control does not run off the
//! end. Types are the verifier's business, which needs the whole module.

use smallvec::SmallVec;
use thiserror::Error;

use crate::isa::{self, Effect, Kind, Op, Operand, OperandInfo, TypeRule};
use crate::limits;
use crate::module::{Function, LineEntry, LineTable, RegisterNames};
use crate::trap::TrapCause;
use crate::types::{
    DataIndex, ElemIndex, FuncIndex, FuncType, GlobalIndex, Pc, Reg, SourceIndex, TableIndex, TypeIndex,
    ValType,
};

/// A place in a function under construction that branches go to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Label(u32);

/// An operand as [`FunctionBuilder::emit`] takes it; made with `into()` from registers, constants, indices, labels and
/// lists.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Arg<'a> {
    /// A register.
    Reg(Reg),
    /// A constant: the bits it has in a register.
    Imm(u64),
    /// An index, offset, shift or trap cause.
    Index(u32),
    /// A branch target.
    Label(Label),
    /// A list of registers.
    Regs(&'a [Reg]),
    /// A list of branch targets; the last is the default.
    Labels(&'a [Label]),
}

macro_rules! args {
    ($($from:ty: $value:ident => $arg:expr;)*) => { $(
        impl<'a> From<$from> for Arg<'a> {
            fn from($value: $from) -> Arg<'a> {
                $arg
            }
        }
    )* };
}

args! {
    Reg: reg => Arg::Reg(reg);
    i32: value => Arg::Imm(value as u32 as u64);
    i64: value => Arg::Imm(value as u64);
    f32: value => Arg::Imm(value.to_bits().into());
    f64: value => Arg::Imm(value.to_bits());
    u32: index => Arg::Index(index);
    FuncIndex: index => Arg::Index(index.0);
    TypeIndex: index => Arg::Index(index.0);
    TableIndex: index => Arg::Index(index.0);
    GlobalIndex: index => Arg::Index(index.0);
    DataIndex: index => Arg::Index(index.0);
    ElemIndex: index => Arg::Index(index.0);
    TrapCause: cause => Arg::Index(cause.code().into());
    Label: label => Arg::Label(label);
    &'a [Reg]: regs => Arg::Regs(regs);
    &'a [Label]: labels => Arg::Labels(labels);
}

/// Why a function could not be built.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
pub enum BuildError {
    /// An instruction did not get the operands of its shape.
    #[error(
        "instruction {index}: {mnemonic} is written `{syntax}`; operand {operand} is missing or of another kind"
    )]
    Operand {
        /// Which instruction, counted from 0.
        index: usize,
        /// Its mnemonic.
        mnemonic: &'static str,
        /// The syntax of its shape.
        syntax: &'static str,
        /// The operand's name.
        operand: &'static str,
    },
    /// A register, list or constant does not fit its field.
    #[error("instruction {index}: {operand} of {mnemonic} is out of range")]
    Range {
        /// Which instruction, counted from 0.
        index: usize,
        /// Its mnemonic.
        mnemonic: &'static str,
        /// The operand's name.
        operand: &'static str,
    },
    /// A label was used and never bound, or belongs to another builder.
    #[error("instruction {index}: branches to a label that is not bound; call bind")]
    UnboundLabel {
        /// Which instruction, counted from 0.
        index: usize,
    },
    /// The last instruction lets control run off the end.
    #[error("control runs off the end of the function; end it with ret, jump or trap")]
    NoEnd,
    /// More than [`limits::MAX_REGISTERS`] registers, or [`limits::MAX_CODE_WORDS`] words.
    #[error("the function has more than {limit} {what}")]
    TooLarge {
        /// Registers or words.
        what: &'static str,
        /// The limit.
        limit: usize,
    },
}

/// Builds one function. See the [crate's example](crate).
#[derive(Debug)]
pub struct FunctionBuilder {
    function: Function,
    lines: Vec<LineEntry>,
    /// Names of registers, as far as they were given.
    names: Vec<String>,
    /// Word where each label is bound.
    labels: Vec<Option<u32>>,
    /// Every use of a label: instruction (number and first word), lane of the displacement in it.
    fixups: Vec<Fixup>,
    instructions: usize,
    /// Whether control does not run on from the last instruction, and no label stands behind it.
    ended: bool,
    /// Where the next instruction comes from.
    source: SourceIndex,
    line: u32,
    error: Option<BuildError>,
}

#[derive(Debug)]
struct Fixup {
    instruction: usize,
    start: usize,
    lane: usize,
    label: Label,
}

impl FunctionBuilder {
    /// Starts a function of type `ty`, which is `signature` in the module.
    pub fn new(ty: TypeIndex, signature: &FuncType) -> FunctionBuilder {
        FunctionBuilder {
            function: Function {
                name: String::new(),
                ty,
                registers: signature.params.clone(),
                register_names: RegisterNames::new(),
                code: Vec::new(),
                lines: LineTable::new(),
            },
            lines: Vec::new(),
            names: Vec::new(),
            labels: Vec::new(),
            fixups: Vec::new(),
            instructions: 0,
            ended: false,
            source: SourceIndex(0),
            line: 0,
            error: None,
        }
    }

    /// Gives the function a name for messages and text.
    pub fn name(&mut self, name: &str) -> &mut Self {
        name.clone_into(&mut self.function.name);
        self
    }

    /// The register of a parameter.
    ///
    /// # Panics
    ///
    /// When the signature has fewer parameters.
    pub fn param(&self, index: usize) -> Reg {
        assert!(index < self.function.registers.len(), "no parameter {index}");
        Reg(index as u16)
    }

    /// Declares a register; it is zero or null until written.
    pub fn register(&mut self, ty: ValType) -> Reg {
        let index = self.function.registers.len();
        if index >= limits::MAX_REGISTERS {
            self.fail(BuildError::TooLarge { what: "registers", limit: limits::MAX_REGISTERS });
            return Reg(0);
        }
        self.function.registers.push(ty);
        Reg(index as u16)
    }

    /// Gives a register a name for messages and text.
    pub fn name_register(&mut self, reg: Reg, name: &str) {
        let names = &mut self.names;
        if names.len() <= reg.index() {
            names.resize(reg.index() + 1, String::new());
        }
        name.clone_into(&mut names[reg.index()]);
    }

    /// A new label, to be [bound](Self::bind) once.
    pub fn label(&mut self) -> Label {
        self.labels.push(None);
        Label(self.labels.len() as u32 - 1)
    }

    /// Lets `label` stand for the next instruction.
    ///
    /// # Panics
    ///
    /// When it is bound already.
    pub fn bind(&mut self, label: Label) {
        let here = self.function.code.len() as u32;
        let bound = self.labels[label.0 as usize].replace(here);
        assert!(bound.is_none(), "a label is bound once");
        self.ended = false;
    }

    /// Sets the source line of the instructions that follow, of the module's first source; 0 for none.
    pub fn line(&mut self, line: u32) {
        self.line_of(SourceIndex(0), line);
    }

    /// Sets the source line of the instructions that follow, of any of the module's sources; line 0 for none.
    pub fn line_of(&mut self, source: SourceIndex, line: u32) {
        self.line = line;
        self.source = if line == 0 { SourceIndex(0) } else { source };
    }

    /// The place of the next instruction.
    pub fn pc(&self) -> Pc {
        Pc(self.function.code.len() as u32)
    }

    /// Appends an instruction; `args` are its [explicit](isa::OpInfo::explicit) operands, in order. A mistake is
    /// reported by [`finish`](Self::finish).
    pub fn emit(&mut self, op: Op, args: &[Arg<'_>]) {
        let info = op.info();
        let start = self.function.code.len();
        let index = self.instructions;
        self.instructions += 1;
        self.ended = info.effects.has(Effect::Ends);
        if start >= limits::MAX_CODE_WORDS {
            return self.fail(BuildError::TooLarge { what: "words", limit: limits::MAX_CODE_WORDS });
        }
        let (source, line) = (self.source, self.line);
        if self.lines.last().map_or((SourceIndex(0), 0), |l| (l.source, l.line)) != (source, line) {
            self.lines.push(LineEntry { pc: Pc(start as u32), source, line });
        }

        let mut operands: SmallVec<[Operand; 6]> = SmallVec::new();
        let mut given = args.iter();
        for operand in info.explicit() {
            let wrong = BuildError::Operand {
                index,
                mnemonic: info.mnemonic(),
                syntax: info.shape.syntax(),
                operand: operand.name(),
            };
            let Some(value) = given.next().and_then(|&arg| operand_of(operand.kind, arg)) else {
                return self.fail(wrong);
            };
            if !fits(operand, &value) {
                let (mnemonic, operand) = (info.mnemonic(), operand.name());
                return self.fail(BuildError::Range { index, mnemonic, operand });
            }
            operands.push(value);
        }
        if given.next().is_some() {
            return self.fail(BuildError::Operand {
                index,
                mnemonic: info.mnemonic(),
                syntax: info.shape.syntax(),
                operand: "beyond the last",
            });
        }
        isa::encode(op, &operands, &mut self.function.code);

        for (operand, arg) in info.explicit().zip(args) {
            let lane = usize::from(operand.lane);
            let mut fixup = |lane, label| {
                self.fixups.push(Fixup { instruction: index, start, lane, label });
            };
            match *arg {
                Arg::Label(label) => fixup(lane, label),
                // The only list of a branch table: behind the fixed part.
                Arg::Labels(labels) => labels.iter().enumerate().for_each(|(i, &label)| {
                    fixup(usize::from(info.fixed_lanes).next_multiple_of(2) + 2 * i, label);
                }),
                Arg::Reg(_) | Arg::Imm(_) | Arg::Index(_) | Arg::Regs(_) => {}
            }
        }
    }

    /// The finished function.
    pub fn finish(mut self) -> Result<Function, BuildError> {
        if let Some(error) = self.error {
            return Err(error);
        }
        if !self.ended {
            return Err(BuildError::NoEnd);
        }
        for fixup in &self.fixups {
            let target = self.labels.get(fixup.label.0 as usize).copied().flatten();
            let target = target.ok_or(BuildError::UnboundLabel { index: fixup.instruction })?;
            let displacement = (i64::from(target) - fixup.start as i64) as i32;
            let word = &mut self.function.code[fixup.start + fixup.lane / isa::LANES_PER_WORD];
            *word |= u64::from(displacement as u32) << (16 * (fixup.lane % isa::LANES_PER_WORD));
        }
        self.function.lines = self.lines.iter().copied().collect();
        self.function.register_names = self.names.iter().map(String::as_str).collect();
        Ok(self.function)
    }

    fn fail(&mut self, error: BuildError) {
        self.error.get_or_insert(error);
    }
}

/// The operand to encode for `arg`, or `None` when it is not of the kind's form. Labels are filled in at the end.
fn operand_of(kind: Kind, arg: Arg<'_>) -> Option<Operand> {
    match (kind, arg) {
        (Kind::Def | Kind::Use, Arg::Reg(reg)) => Some(Operand::Reg(reg)),
        (Kind::Imm64 | Kind::Imm32, Arg::Imm(bits)) => Some(Operand::Imm(bits)),
        (Kind::Target, Arg::Label(_)) => Some(Operand::Target(0)),
        (Kind::Uses | Kind::Defs, Arg::Regs(regs)) => Some(Operand::Regs(regs.into())),
        (Kind::Targets, Arg::Labels(labels)) => Some(Operand::Targets(vec![0; labels.len()])),
        (
            Kind::Func
            | Kind::FuncDefined
            | Kind::FuncImport
            | Kind::Type
            | Kind::Table
            | Kind::Global
            | Kind::GlobalMut
            | Kind::Data
            | Kind::Elem
            | Kind::Offset
            | Kind::Shift
            | Kind::Cause,
            Arg::Index(index),
        ) => Some(Operand::Index(index)),
        _ => None,
    }
}

fn fits(operand: &OperandInfo, value: &Operand) -> bool {
    let narrow = matches!(operand.rule, Some(TypeRule::I32 | TypeRule::F32));
    match value {
        Operand::Index(index) => operand.kind.lanes() > 1 || *index <= u16::MAX.into(),
        Operand::Imm(bits) if narrow => *bits >> 32 == 0,
        Operand::Imm(bits) => operand.kind == Kind::Imm64 || i32::try_from(*bits as i64).is_ok(),
        Operand::Regs(regs) => regs.len() <= limits::MAX_PARAMS,
        Operand::Targets(targets) => targets.len() <= limits::MAX_CODE_WORDS,
        Operand::Reg(_) | Operand::Target(_) => true,
    }
}
