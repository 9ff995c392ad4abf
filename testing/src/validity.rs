//! Which code is valid, naively: the rules of the manual one at a time, on decoded operands. The oracle of the verifier,
//! which does the same in one pass over bits and says what is wrong.

use std::collections::HashSet;

use bytecode_spec::isa::{self, Words};
use bytecode_spec::limits::MAX_REGISTERS;
use bytecode_spec::{
    Effect, FuncIndex, FuncType, Function, IndexSpaces, Kind, Module, Op, OpInfo, Operand, Reg, TrapCause,
    TypeRule, ValType,
};

/// Whether all functions of a module are valid. Its declarations must be, and names of registers.
pub fn code_is_valid(module: &Module) -> bool {
    let spaces = IndexSpaces::of(module);
    module.functions.iter().all(|function| Rules { module, spaces: &spaces, function }.hold().is_some())
}

/// A function, and what it may refer to.
struct Rules<'a> {
    module: &'a Module,
    spaces: &'a IndexSpaces,
    function: &'a Function,
}

impl Rules<'_> {
    /// `None` when a rule is broken; so for all of these.
    fn hold(&self) -> Option<()> {
        let ty = self.signature();
        require(self.function.registers.starts_with(&ty.params))?;
        require(self.function.registers.len() <= MAX_REGISTERS)?;
        let (mut starts, mut targets) = (HashSet::new(), HashSet::new());
        let mut pc = 0;
        let mut ended = false;
        while let Some(words) = self.function.code.get(pc..).filter(|words| !words.is_empty()) {
            starts.insert(pc as i64);
            let op = Op::from_code(words.lane(0))?;
            let length = op.info().length(words)?;
            let words = &words[..length];
            let operands = isa::decode(op, words);
            // What decoding does not see must be zero.
            let mut encoded = Vec::new();
            isa::encode(op, &operands, &mut encoded);
            require(encoded == words)?;
            for operand in &operands {
                match operand {
                    Operand::Target(words) => drop(targets.insert(pc as i64 + i64::from(*words))),
                    Operand::Targets(list) => {
                        require(!list.is_empty())?;
                        targets.extend(list.iter().map(|&words| pc as i64 + i64::from(words)));
                    }
                    Operand::Reg(_) | Operand::Imm(_) | Operand::Index(_) | Operand::Regs(_) => {}
                }
            }
            self.instruction(op.info(), &operands)?;
            ended = op.info().effects.has(Effect::Ends);
            pc += length;
        }
        let (mut before, mut last) = (-1, None);
        for entry in self.function.lines.iter() {
            let pc = i64::from(entry.pc.0);
            require(starts.contains(&pc) && pc > before && entry.at() != last)?;
            match entry.at() {
                Some(line) => require(line.source.index() < self.module.sources.len())?,
                None => require(entry.source.0 == 0)?,
            }
            (before, last) = (pc, entry.at());
        }
        require(ended && targets.is_subset(&starts))
    }

    fn signature(&self) -> &FuncType {
        &self.module.types[self.function.ty.index()].ty
    }

    fn type_of(&self, reg: Reg) -> Option<ValType> {
        self.function.registers.get(reg.index()).copied()
    }

    fn instruction(&self, info: &OpInfo, operands: &[Operand]) -> Option<()> {
        require(info.operands().iter().all(|o| o.kind != Kind::Memory) || !self.spaces.memories.is_empty())?;
        let own = self.signature();
        let mut called = None;
        // Types that must be one and the same.
        let mut alike = Vec::new();
        let mut lists = Vec::new();
        for (operand, value) in info.explicit().zip(operands) {
            match (operand.kind, value) {
                (Kind::Def | Kind::Use, &Operand::Reg(reg)) => {
                    let ty = self.type_of(reg)?;
                    let rule = operand.rule?;
                    require(rule != TypeRule::R || ty.is_ref())?;
                    match rule.fixed() {
                        Some(wanted) => require(ty == wanted)?,
                        None => alike.push(ty),
                    }
                }
                (Kind::Imm64, &Operand::Imm(bits)) => {
                    let narrow = matches!(operand.rule, Some(TypeRule::I32 | TypeRule::F32));
                    require(!narrow || bits >> 32 == 0)?;
                }
                (Kind::Uses | Kind::Defs, Operand::Regs(regs)) => lists.push((operand.kind, regs)),
                (Kind::Func | Kind::FuncDefined | Kind::FuncImport, &Operand::Index(func)) => {
                    let ty = *self.spaces.funcs.get(FuncIndex(func).index())?;
                    let imported = func < self.spaces.imported_funcs;
                    require(operand.kind != Kind::FuncDefined || !imported)?;
                    require(operand.kind != Kind::FuncImport || imported)?;
                    called = Some(&self.module.types[ty.index()].ty);
                }
                (Kind::Type, &Operand::Index(ty)) => called = Some(&self.module.types.get(ty as usize)?.ty),
                (Kind::Table, &Operand::Index(table)) => {
                    let element = self.spaces.tables.get(table as usize)?.element;
                    if info.effects.has(Effect::Calls) {
                        require(element == ValType::FuncRef)?;
                    } else {
                        alike.push(element);
                    }
                }
                (Kind::Elem, &Operand::Index(elem)) => {
                    alike.push(self.module.elements.get(elem as usize)?.element);
                }
                (Kind::Global | Kind::GlobalMut, &Operand::Index(global)) => {
                    let ty = self.spaces.globals.get(global as usize)?;
                    require(ty.mutable || operand.kind == Kind::Global)?;
                    alike.push(ty.content);
                }
                (Kind::Data, &Operand::Index(data)) => require((data as usize) < self.module.data.len())?,
                (Kind::Shift, &Operand::Index(shift)) => require(shift <= 3)?,
                (Kind::Cause, &Operand::Index(cause)) => drop(TrapCause::from_code(cause as u16)?),
                (Kind::Imm32 | Kind::Target | Kind::Targets | Kind::Offset, _) => {}
                (kind, value) => unreachable!("{kind:?} decodes to {value:?}"),
            }
        }
        require(alike.windows(2).all(|pair| pair[0] == pair[1]))?;
        if info.effects.has(Effect::Calls) {
            let called = called?;
            let in_place = info.effects.has(Effect::Ends);
            require(!in_place || called.results == own.results)?;
            lists.iter().try_for_each(|(kind, regs)| {
                self.are(regs, if *kind == Kind::Uses { &called.params } else { &called.results })
            })
        } else {
            lists.iter().try_for_each(|(_, regs)| self.are(regs, &own.results))
        }
    }

    fn are(&self, regs: &[Reg], types: &[ValType]) -> Option<()> {
        require(regs.len() == types.len())?;
        require(regs.iter().zip(types).all(|(&reg, &ty)| self.type_of(reg) == Some(ty)))
    }
}

fn require(holds: bool) -> Option<()> {
    holds.then_some(())
}
