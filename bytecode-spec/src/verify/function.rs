//! One function: registers, instructions, line table.

use super::{Errors, Place, check_name};
use crate::isa::{Effect, Kind, List, Op, OpInfo, OperandInfo, TypeRule, Words};
use crate::limits;
use crate::liveness::BackEdge;
use crate::module::{Function, IndexSpaces, LineEntry, Module};
use crate::trap::TrapCause;
use crate::types::{FuncIndex, FuncType, Pc, Reg, SourceIndex, TypeIndex, ValType, is_subtype};

/// Checks one function's registers, instructions and line table.
pub(super) struct FunctionVerifier<'a> {
    module: &'a Module,
    spaces: &'a IndexSpaces,
    index: FuncIndex,
    function: &'a Function,
    errors: &'a mut Errors,
    scratch: &'a mut Scratch,
    /// The instruction at hand.
    pc: Pc,
}

/// What is noted of a function while its instructions are checked.
#[derive(Default)]
pub(super) struct Scratch {
    /// One bit a word: an instruction starts there.
    starts: Vec<u64>,
    /// Branches that must go to one: where they are, and where they go.
    branches: Vec<(Pc, i64)>,
    /// Whether calls were found, but tail calls.
    pub(super) has_calls: bool,
}

impl Scratch {
    /// The branches that go backwards, or to themselves, of a function that was accepted.
    pub(super) fn back_edges(&self) -> impl Iterator<Item = BackEdge> {
        let backwards = self.branches.iter().filter(|&&(pc, target)| target <= i64::from(pc.0));
        backwards.map(|&(from, target)| BackEdge { from, to: Pc(target as u32) })
    }
}

/// What an instruction's operands say together.
#[derive(Default)]
struct Together<'a> {
    /// The one type of `T` and `R`, and which operand set it.
    variable: Option<(ValType, &'static str)>,
    /// The type of the function called.
    signature: Option<&'a FuncType>,
    /// Registers read, and the operand's name.
    uses: Option<(List, &'static str)>,
    /// Registers written, and the operand's name.
    defs: Option<(List, &'static str)>,
}

impl<'a> FunctionVerifier<'a> {
    pub(super) fn new(
        module: &'a Module,
        spaces: &'a IndexSpaces,
        index: FuncIndex,
        function: &'a Function,
        errors: &'a mut Errors,
        scratch: &'a mut Scratch,
    ) -> Self {
        scratch.starts.clear();
        scratch.starts.resize(function.code.len().div_ceil(64), 0);
        scratch.branches.clear();
        scratch.has_calls = false;
        FunctionVerifier { module, spaces, index, function, errors, scratch, pc: Pc(0) }
    }

    pub(super) fn verify(mut self) {
        let place = Place::Func(self.index);
        let (registers, names) = (self.function.registers.len(), self.function.register_names.len());
        let params = &self.signature_of(self.function.ty).params;
        if !self.function.registers.starts_with(params) {
            self.errors.add(place, "the first registers must be the parameters, of their types");
        }
        if registers > limits::MAX_REGISTERS {
            let limit = limits::MAX_REGISTERS;
            return self.errors.add(place, format!("{registers} registers, at most {limit} are possible"));
        }
        if names > registers {
            self.errors.add(place, format!("{names} register names for {registers} registers"));
        }
        if self.function.register_names.bytes() > limits::MAX_NAME_BYTES {
            for name in self.function.register_names.iter() {
                check_name(name, place, self.errors);
            }
        }
        let code = self.function.code.as_slice();
        if code.len() > limits::MAX_CODE_WORDS {
            let limit = limits::MAX_CODE_WORDS;
            return self.errors.add(place, format!("{} words of code, at most {limit}", code.len()));
        }
        if code.is_empty() {
            return self.errors.add(place, "has no instructions; end it with ret, jump or trap");
        }

        let mut ended = false;
        let mut at = 0;
        while at < code.len() {
            self.pc = Pc(at as u32);
            self.scratch.starts[at / 64] |= 1 << (at % 64);
            let Some(op) = Op::from_code(code[at] as u16) else {
                return self.error(None, format!("unknown opcode {}", code[at] as u16));
            };
            let info = op.info();
            let Some(length) = info.length(&code[at..]) else {
                return self.error(None, format!("{} does not end within the code", info.mnemonic()));
            };
            self.instruction(info, &code[at..], length);
            ended = info.effects.has(Effect::Ends);
            at += length;
        }
        if !ended {
            self.error(None, "control runs off the end of the function; end it with ret, jump or trap");
        }
        for i in 0..self.scratch.branches.len() {
            let (pc, target) = self.scratch.branches[i];
            if !self.is_start(target) {
                self.pc = pc;
                self.error(Some("target"), format!("branches to {target}, where no instruction starts"));
            }
        }
        self.lines();
    }

    fn lines(&mut self) {
        let sources = self.module.sources.len();
        // What holds before the first entry: no line.
        let mut last = (SourceIndex(0), 0);
        let mut free = 0;
        let mut entries = self.function.lines.iter();
        for LineEntry { pc, source, line } in entries.by_ref() {
            if pc.index() < free || (source, line) == last || !self.is_start(pc.0.into()) {
                let message = format!("the line table's entry for pc {pc} is out of order or place");
                return self.errors.add(Place::Func(self.index), message);
            }
            if if line == 0 { source != SourceIndex(0) } else { source.index() >= sources } {
                let message = format!(
                    "the line table's entry for pc {pc} has line {line} of source {source}; the module has \
                     {sources} sources"
                );
                return self.errors.add(Place::Func(self.index), message);
            }
            last = (source, line);
            free = pc.index() + 1;
        }
        if !entries.is_at_end() {
            self.errors.add(Place::Func(self.index), "the line table is malformed");
        }
    }

    fn is_start(&self, at: i64) -> bool {
        usize::try_from(at)
            .is_ok_and(|at| self.scratch.starts.get(at / 64).is_some_and(|bits| bits >> (at % 64) & 1 != 0))
    }

    #[cold]
    fn error(&mut self, operand: Option<&'static str>, message: impl Into<String>) {
        let line = self.function.line(self.pc);
        let place = Place::Instruction { func: self.index, pc: self.pc, line, operand };
        self.errors.add(place, message);
    }

    fn signature_of(&self, ty: TypeIndex) -> &'a FuncType {
        &self.module.types[ty.index()].ty
    }

    /// Checks the instruction at the start of `words`. What most instructions need is here, and does the same for all
    /// of them: a branch on what an operand is would often be predicted wrongly, and cost more than the checks.
    #[inline(always)]
    fn instruction(&mut self, info: &OpInfo, words: &[u64], length: usize) {
        let checks = &info.checks;
        let zero = |i| words.get(i).copied().unwrap_or(0) & checks.zero_bits[i];
        if zero(0) | zero(1) | zero(2) != 0 {
            self.wrong_bits(info, words);
        }
        if checks.memory & self.spaces.memories.is_empty() {
            self.error(None, format!("{} needs a memory, and the module has none", info.mnemonic()));
        }
        let registers = self.function.registers.as_slice();
        let fits =
            |(lane, ty): (u8, ValType)| registers.get(usize::from(words.lane(lane.into()))) == Some(&ty);
        if checks.typed.is_some_and(|[a, b, c]| !(fits(a) & fits(b) & fits(c))) {
            self.wrong_registers(info, words);
        }
        if checks.others != 0 {
            self.others(info, &words[..length]);
        }
    }

    /// Checks the operands that need a look of their own, and what they say together.
    #[inline(never)]
    fn others(&mut self, info: &OpInfo, words: &[u64]) {
        let mut together = Together::default();
        let mut tail = u32::from(info.fixed_lanes);
        let mut others = info.checks.others;
        while others != 0 {
            let operand = &info.operands()[others.trailing_zeros() as usize];
            others &= others - 1;
            self.operand(info, operand, words, &mut together, &mut tail);
        }
        let Some(uses) = together.uses else { return };
        self.scratch.has_calls |= info.effects.has(Effect::Calls) && !info.effects.has(Effect::Ends);
        let own = &self.signature_of(self.function.ty).results;
        let (inputs, outputs) = match together.signature {
            Some(signature) => (&signature.params, &signature.results),
            None => (own, own),
        };
        self.list(info, words, uses, inputs);
        match together.defs {
            Some(defs) => self.list(info, words, defs, outputs),
            // A call in place of this function returns what this function returns.
            None if outputs != own => {
                let ty = self.signature_of(self.function.ty);
                let message = format!("{} needs a function with the results of {ty}", info.mnemonic());
                self.error(None, message);
            }
            None => {}
        }
        let end = together.defs.map_or(words.len() as u32 * 4, |(defs, _)| defs.first);
        if (uses.0.first + uses.0.len..end).any(|lane| words.lane(lane as usize) != 0) {
            self.stray_bits(info);
        }
    }

    #[cold]
    fn wrong_bits(&mut self, info: &OpInfo, words: &[u64]) {
        for operand in info.operands() {
            let lane = usize::from(operand.lane);
            if operand.is_narrow() && words.word(lane) >> 32 != 0 {
                return self.error(Some(operand.name()), "the upper half of a 32-bit constant must be zero");
            }
            if operand.kind == Kind::Feedback && words.word(lane) != 0 {
                return self.error(Some(operand.name()), "feedback must be zero in a module");
            }
        }
        self.stray_bits(info);
    }

    #[cold]
    fn stray_bits(&mut self, info: &OpInfo) {
        self.error(None, format!("{} has bits set that stand for nothing", info.mnemonic()));
    }

    #[cold]
    fn wrong_registers(&mut self, info: &OpInfo, words: &[u64]) {
        for operand in info.operands() {
            let Some(wanted) = operand.register_type() else { continue };
            let reg = Reg(words.lane(operand.lane.into()));
            match self.function.registers.get(reg.index()) {
                Some(&found) if found == wanted => {}
                Some(&found) => self.wrong_type(operand.name(), info, reg, wanted, found),
                None => self.no_register(operand.name(), reg),
            }
        }
    }

    #[inline(always)]
    fn operand(
        &mut self,
        info: &OpInfo,
        operand: &OperandInfo,
        words: &[u64],
        together: &mut Together<'a>,
        tail: &mut u32,
    ) {
        let lane = usize::from(operand.lane);
        let index = |words: &[u64]| words.half(lane) as usize;
        match operand.kind {
            Kind::Def | Kind::Use => self.register(info, operand, Reg(words.lane(lane)), together),
            // Not among the others.
            Kind::Imm64 | Kind::Imm32 | Kind::Offset | Kind::Memory | Kind::Feedback => {}
            Kind::Target => self.branch(words.half(lane) as i32),
            Kind::Func | Kind::FuncDefined | Kind::FuncImport => {
                let Some(&ty) = self.spaces.funcs.get(index(words)) else {
                    return self.missing(operand, "function", index(words), self.spaces.funcs.len());
                };
                let imported = index(words) < self.spaces.imported_funcs as usize;
                if (operand.kind == Kind::FuncDefined && imported)
                    || (operand.kind == Kind::FuncImport && !imported)
                {
                    let found = if imported { "imported" } else { "defined here" };
                    self.error(Some(operand.name()), format!("function {} is {found}", index(words)));
                }
                together.signature = Some(self.signature_of(ty));
            }
            Kind::Type => match self.module.types.get(index(words)) {
                Some(def) => together.signature = Some(&def.ty),
                None => self.missing(operand, "type", index(words), self.module.types.len()),
            },
            Kind::Table => {
                let table = usize::from(words.lane(lane));
                match self.spaces.tables.get(table) {
                    Some(ty) if together.signature.is_some() && ty.element != ValType::FuncRef => {
                        let message = format!("table {table} holds {}, a call needs funcref", ty.element);
                        self.error(Some(operand.name()), message);
                    }
                    // The types of a call's registers come from its signature.
                    Some(_) if together.signature.is_some() => {}
                    Some(ty) => self.unify(info, operand, ty.element, together),
                    None => self.missing(operand, "table", table, self.spaces.tables.len()),
                }
            }
            Kind::Global | Kind::GlobalMut => match self.spaces.globals.get(index(words)) {
                Some(ty) => {
                    if operand.kind == Kind::GlobalMut && !ty.mutable {
                        let message = format!("global {} is immutable; declare it `mut`", index(words));
                        self.error(Some(operand.name()), message);
                    }
                    self.unify(info, operand, ty.content, together);
                }
                None => self.missing(operand, "global", index(words), self.spaces.globals.len()),
            },
            Kind::Data => {
                if index(words) >= self.module.data.len() {
                    self.missing(operand, "data segment", index(words), self.module.data.len());
                }
            }
            Kind::Elem => match self.module.elements.get(index(words)) {
                // A segment that is only dropped has no type to agree with, and agrees with itself.
                Some(elements) => self.unify(info, operand, elements.element, together),
                None => self.missing(operand, "element segment", index(words), self.module.elements.len()),
            },
            Kind::Shift => {
                if words.lane(lane) > 3 {
                    let message = format!("an index is shifted by 0 to 3, found {}", words.lane(lane));
                    self.error(Some(operand.name()), message);
                }
            }
            Kind::Cause => {
                if TrapCause::from_code(words.lane(lane)).is_none() {
                    self.error(Some(operand.name()), format!("there is no trap cause {}", words.lane(lane)));
                }
            }
            Kind::Uses => {
                let len = u32::from(words.lane(lane));
                together.uses = Some((List { first: *tail, len }, operand.name()));
                *tail += len;
            }
            Kind::Defs => {
                let len = u32::from(words.lane(lane));
                let list = List { first: words.len() as u32 * 4 - len, len };
                together.defs = Some((list, operand.name()));
            }
            Kind::Targets => {
                let list = List { first: tail.next_multiple_of(2), len: words.half(lane) };
                if list.len == 0 {
                    self.error(Some(operand.name()), "needs at least one target, the default");
                }
                (0..list.len).for_each(|i| self.branch(list.target(words, i)));
                let end = (list.first + 2 * list.len) as usize;
                if !end.is_multiple_of(4) && words.half(end) != 0 {
                    self.error(None, format!("{} has bits set that stand for nothing", info.mnemonic()));
                }
            }
        }
    }

    fn branch(&mut self, displacement: i32) {
        self.scratch.branches.push((self.pc, i64::from(self.pc.0) + i64::from(displacement)));
    }

    #[cold]
    fn missing(&mut self, operand: &OperandInfo, what: &str, index: usize, len: usize) {
        self.error(Some(operand.name()), format!("there is no {what} {index}, the module has {len}"));
    }

    #[inline(always)]
    fn register(&mut self, info: &OpInfo, operand: &OperandInfo, reg: Reg, together: &mut Together<'a>) {
        let Some(&found) = self.function.registers.get(reg.index()) else {
            return self.no_register(operand.name(), reg);
        };
        if operand.rule == Some(TypeRule::R) && !found.is_ref() {
            let name = self.reg_name(reg);
            let message = format!("{} needs a reference in {name}, found {found}", info.mnemonic());
            return self.error(Some(operand.name()), message);
        }
        self.unify(info, operand, found, together);
    }

    fn unify(&mut self, info: &OpInfo, operand: &OperandInfo, found: ValType, together: &mut Together<'_>) {
        match together.variable {
            Some((wanted, first)) if wanted != found => {
                let message = format!(
                    "{} needs `{first}` and `{}` of one type, found {wanted} and {found}",
                    info.mnemonic(),
                    operand.name()
                );
                self.error(Some(operand.name()), message);
            }
            _ => together.variable = Some((found, operand.name())),
        }
    }

    fn list(
        &mut self,
        info: &OpInfo,
        words: &[u64],
        (list, operand): (List, &'static str),
        types: &[ValType],
    ) {
        if list.len as usize != types.len() {
            let plural = if types.len() == 1 { "" } else { "s" };
            let message = format!(
                "{} needs {} register{plural} in `{operand}`, found {}",
                info.mnemonic(),
                types.len(),
                list.len
            );
            return self.error(Some(operand), message);
        }
        for (i, &wanted) in types.iter().enumerate() {
            let reg = list.reg(words, i as u32);
            match self.function.registers.get(reg.index()) {
                Some(&found) => {
                    if !is_subtype(found, wanted) {
                        self.wrong_type(operand, info, reg, wanted, found);
                    }
                }
                None => self.no_register(operand, reg),
            }
        }
    }

    #[cold]
    fn no_register(&mut self, operand: &'static str, reg: Reg) {
        let len = self.function.registers.len();
        self.error(Some(operand), format!("there is no register {}, the function has {len}", reg.0));
    }

    #[cold]
    fn wrong_type(
        &mut self,
        operand: &'static str,
        info: &OpInfo,
        reg: Reg,
        wanted: ValType,
        found: ValType,
    ) {
        let article = if matches!(wanted, ValType::FuncRef) { "a" } else { "an" };
        let name = self.reg_name(reg);
        let message = format!("{} needs {article} {wanted} in {name}, found {found}", info.mnemonic());
        self.error(Some(operand), message);
    }

    fn reg_name(&self, reg: Reg) -> String {
        match self.function.register_names.of(reg) {
            "" => reg.to_string(),
            name => format!("%{name}"),
        }
    }
}
