//! Instructions to text, by the table's templates. Registers are declared where they are first written, as far as that
//! gives them their numbers; the others by `reg`, just before they are needed.

use ahash::AHashMap;
use bytecode_spec::{
    Function, Kind, LineEntry, Op, Operand, OperandInfo, Pc, Reg, RegisterNames, TrapCause, TypeRule,
    ValType, isa,
};
use smallvec::SmallVec;

use crate::ast::SpaceKind;
use crate::forms::{split_syntax, template_pieces};
use crate::lexer::is_plain_name;
use crate::literal::{write_constant, write_text};
use crate::print::{Printer, instruction_at};

/// Registers that a `reg` statement declares.
const REGISTERS_PER_LINE: usize = 8;

/// How the text calls a function's registers.
pub(crate) struct Registers<'m> {
    names: &'m RegisterNames,
    count: AHashMap<&'m str, u32>,
}

impl<'m> Registers<'m> {
    pub(crate) fn of(function: &'m Function) -> Registers<'m> {
        let names = &function.register_names;
        let mut count = AHashMap::with_capacity(names.len());
        names.iter().for_each(|name| *count.entry(name).or_default() += 1);
        Registers { names, count }
    }

    fn name(&self, index: usize) -> &'m str {
        self.names.of(Reg(index as u16))
    }

    /// Whether the name says which register is meant.
    fn is_handle(&self, name: &str) -> bool {
        let like_number = name
            .strip_prefix('r')
            .is_some_and(|n| !n.is_empty() && n.bytes().all(|byte| byte.is_ascii_digit()));
        !name.is_empty() && !like_number && self.count[name] == 1
    }

    fn push(&self, out: &mut String, index: usize) {
        let name = self.name(index);
        out.push('%');
        if !self.is_handle(name) {
            out.push('r');
            out.push_str(&index.to_string());
        } else if is_plain_name(name) {
            out.push_str(name);
        } else {
            write_text(out, name);
        }
    }

    fn push_defined(&self, out: &mut String, index: usize) {
        let name = self.name(index);
        self.push(out, index);
        if !name.is_empty() && !self.is_handle(name) {
            write_text(out, name);
        }
    }

    /// How the register is written where it is used.
    pub(crate) fn used(&self, index: usize) -> String {
        let mut out = String::new();
        self.push(&mut out, index);
        out
    }

    /// How the register is written where it is declared.
    pub(crate) fn defined(&self, index: usize) -> String {
        let mut out = String::new();
        self.push_defined(&mut out, index);
        out
    }
}

/// Prints the statements of a function.
pub(crate) fn print(
    printer: &mut Printer<'_>,
    function: &Function,
    registers: &Registers<'_>,
    params: usize,
) {
    let targets = targets(function);
    let widest = function.lines.iter().map(|entry| line_statement(entry).len()).max();
    let margin = widest.map_or(0, |width| width + 2);
    let mut body = Body { printer, function, registers, targets: &targets, margin, declared: params };
    let (mut at, mut lines, mut labels) =
        (0, function.lines.iter().peekable(), targets.iter().enumerate().peekable());
    while let Some((op, length)) = instruction_at(&function.code, at) {
        while let Some((i, _)) = labels.next_if(|&(_, &target)| target == at as u32) {
            body.printer.write(format_args!("L{i}:\n"));
        }
        let line = lines.next_if(|entry| entry.pc.index() == at);
        body.instruction(op, at, line);
        at += length;
    }
    body.declare_up_to(function.registers.len());
}

/// The statements of a function by the instructions that they belong to, without lines and margin.
pub(crate) fn instructions(
    printer: &mut Printer<'_>,
    function: &Function,
    registers: &Registers<'_>,
    params: usize,
) -> Vec<(Pc, String)> {
    let targets = targets(function);
    let mut body = Body { printer, function, registers, targets: &targets, margin: 0, declared: params };
    let (mut at, mut instructions) = (0, Vec::new());
    while let Some((op, length)) = instruction_at(&function.code, at) {
        if let Ok(i) = targets.binary_search(&(at as u32)) {
            body.printer.write(format_args!("L{i}:\n"));
        }
        body.instruction(op, at, None);
        let statements = std::mem::take(&mut body.printer.out);
        let statements: Vec<&str> = statements.lines().map(str::trim_start).collect();
        instructions.push((Pc(at as u32), statements.join("\n")));
        at += length;
    }
    instructions
}

fn line_statement(entry: LineEntry) -> String {
    entry.at().map_or_else(|| "line 0".to_owned(), |line| line.to_string())
}

/// The places that branches go to, in order.
fn targets(function: &Function) -> Vec<u32> {
    let (mut targets, mut at) = (Vec::new(), 0);
    while let Some((op, length)) = instruction_at(&function.code, at) {
        let branches = |operand: &OperandInfo| matches!(operand.kind, Kind::Target | Kind::Targets);
        if op.info().operands().iter().any(branches) {
            for operand in isa::decode(op, &function.code[at..]) {
                match operand {
                    Operand::Target(target) => targets.push(behind(at, target)),
                    Operand::Targets(list) => targets.extend(list.iter().map(|&target| behind(at, target))),
                    Operand::Reg(_) | Operand::Imm(_) | Operand::Index(_) | Operand::Regs(_) => {}
                }
            }
        }
        at += length;
    }
    targets.sort_unstable();
    targets.dedup();
    targets
}

/// Where a branch goes.
fn behind(at: usize, target: i32) -> u32 {
    (at as u32).wrapping_add_signed(target)
}

struct Body<'p, 'm, 'f> {
    printer: &'p mut Printer<'m>,
    function: &'f Function,
    registers: &'f Registers<'f>,
    targets: &'f [u32],
    /// Width of the column with lines.
    margin: usize,
    /// The registers before this one are declared.
    declared: usize,
}

impl Body<'_, '_, '_> {
    fn margin(&mut self, line: Option<LineEntry>) {
        let margin = self.margin;
        match line {
            Some(entry) => self.printer.write(format_args!("  {:margin$}", line_statement(entry))),
            None => self.printer.write(format_args!("  {:margin$}", "")),
        }
    }

    fn instruction(&mut self, op: Op, at: usize, line: Option<LineEntry>) {
        let info = op.info();
        let operands: SmallVec<[(&OperandInfo, Operand); 6]> =
            info.explicit().zip(isa::decode(op, &self.function.code[at..])).collect();
        let find = |name: &str| operands.iter().find(|(operand, _)| operand.name() == name);
        let (left, right) = split_syntax(info.shape.syntax());

        let written = |template| template_pieces(template).filter_map(|(_, name)| name.and_then(find));
        let (mut next, mut inline) = (self.declared, true);
        let mut last = 0;
        for (is_left, (_, operand)) in
            written(left).map(|operand| (true, operand)).chain(written(right).map(|operand| (false, operand)))
        {
            for_each_register(operand, |reg| {
                last = last.max(reg + 1);
                if reg >= next {
                    inline &= is_left && reg == next;
                    next += 1;
                }
            });
        }
        if !inline {
            self.declare_up_to(last);
        }

        self.margin(line);
        let mut wrote_left = false;
        for (text, name) in template_pieces(left) {
            match name.and_then(find) {
                Some((_, operand)) => {
                    let mut first = true;
                    for_each_register(operand, |reg| {
                        let comma = if first { text } else { ", " };
                        self.printer.out.push_str(comma);
                        self.definition(reg);
                        (first, wrote_left) = (false, true);
                    });
                }
                None if wrote_left => self.printer.out.push_str(text),
                None => {}
            }
        }
        self.printer.out.push_str(info.mnemonic());
        for (text, name) in template_pieces(right) {
            self.printer.out.push_str(text);
            if let Some((info, operand)) = name.and_then(find) {
                self.operand(info, operand, at);
            }
        }
        let length = self.printer.out.trim_end().len();
        self.printer.out.truncate(length);
        self.printer.out.push('\n');
    }

    /// A register that is written, with its type the first time.
    fn definition(&mut self, reg: usize) {
        if reg == self.declared {
            self.declared += 1;
            self.registers.push_defined(&mut self.printer.out, reg);
            let ty = self.function.registers[reg];
            self.printer.write(format_args!(": {ty}"));
        } else {
            self.registers.push(&mut self.printer.out, reg);
        }
    }

    /// Declares registers by `reg`.
    fn declare_up_to(&mut self, end: usize) {
        while self.declared < end {
            self.margin(None);
            self.printer.out.push_str("reg ");
            for i in 0..REGISTERS_PER_LINE.min(end - self.declared) {
                if i > 0 {
                    self.printer.out.push_str(", ");
                }
                self.definition(self.declared);
            }
            self.printer.out.push('\n');
        }
    }

    fn operand(&mut self, info: &OperandInfo, operand: &Operand, at: usize) {
        let space = match (info.kind, operand) {
            (_, Operand::Reg(reg)) => return self.registers.push(&mut self.printer.out, reg.index()),
            (_, Operand::Imm(bits)) => {
                let ty = info.rule.and_then(TypeRule::fixed).unwrap_or(ValType::I64);
                return write_constant(&mut self.printer.out, *bits, ty);
            }
            (_, Operand::Target(target)) => return self.label(behind(at, *target)),
            (_, Operand::Regs(regs)) => {
                for (i, reg) in regs.iter().enumerate() {
                    self.printer.out.push_str(if i > 0 { ", " } else { "" });
                    self.registers.push(&mut self.printer.out, reg.index());
                }
                return;
            }
            (_, Operand::Targets(targets)) => {
                for (i, &target) in targets.iter().enumerate() {
                    self.printer.out.push_str(if i > 0 { ", " } else { "" });
                    self.label(behind(at, target));
                }
                return;
            }
            (Kind::Offset | Kind::Shift, Operand::Index(0)) => return,
            (Kind::Offset, Operand::Index(offset)) => return self.printer.write(format_args!(" + {offset}")),
            (Kind::Shift, Operand::Index(shift)) => return self.printer.write(format_args!(" << {shift}")),
            (Kind::Cause, Operand::Index(code)) => {
                let cause = u16::try_from(*code).ok().and_then(TrapCause::from_code);
                return self.printer.out.push_str(cause.map_or("?", TrapCause::name));
            }
            (Kind::Func | Kind::FuncDefined | Kind::FuncImport, Operand::Index(_)) => SpaceKind::Func,
            (Kind::Type, Operand::Index(_)) => SpaceKind::Type,
            (Kind::Table, Operand::Index(_)) => SpaceKind::Table,
            (Kind::Memory, Operand::Index(_)) => SpaceKind::Memory,
            (Kind::Global | Kind::GlobalMut, Operand::Index(_)) => SpaceKind::Global,
            (Kind::Data, Operand::Index(_)) => SpaceKind::Data,
            (Kind::Elem, Operand::Index(_)) => SpaceKind::Elem,
            (
                Kind::Def
                | Kind::Use
                | Kind::Imm64
                | Kind::Imm32
                | Kind::Target
                | Kind::Feedback
                | Kind::Uses
                | Kind::Defs
                | Kind::Targets,
                Operand::Index(_),
            ) => unreachable!("decoded as another form"),
        };
        if let Operand::Index(index) = operand {
            let handle = self.printer.handle(space, *index).to_owned();
            self.printer.out.push_str(&handle);
        }
    }

    fn label(&mut self, target: u32) {
        let number = self.targets.binary_search(&target).expect("every target has a label");
        self.printer.write(format_args!("L{number}"));
    }
}

fn for_each_register(operand: &Operand, mut visit: impl FnMut(usize)) {
    match operand {
        Operand::Reg(reg) => visit(reg.index()),
        Operand::Regs(regs) => regs.iter().for_each(|reg| visit(reg.index())),
        Operand::Imm(_) | Operand::Index(_) | Operand::Target(_) | Operand::Targets(_) => {}
    }
}
