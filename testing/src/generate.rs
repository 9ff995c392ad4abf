//! Random verified programs, in which anything may follow anything, but that come to an end.
//!
//! What holds of every program: it imports from the module [`host`] only; every cycle in the control flow and every call
//! spends from the global `@budget`, and a function whose budget is gone returns; no NaN's payload is ever looked at,
//! since every float result is made canonical at once; all state is exported. So its results, traps and state must be
//! the same in every configuration.
//!
//! Instructions come from the table by shape; operands by kind. Most accesses are kept in bounds and most divisors from
//! zero, so that programs get far before they trap.

use bytecode_spec::{
    Arg, ConstExpr, DataIndex, DataSegment, Effect, ElemIndex, ElementSegment, ExportKind, FuncIndex,
    FuncType, FunctionBuilder, Global, GlobalIndex, GlobalType, ImportKind, Kind, Label, Limits, Memory,
    MemoryIndex, MemoryType, Module, Op, OperandInfo, Reg, ShapeKind, Table, TableIndex, TableType,
    TrapCause, TypeDef, TypeIndex, TypeRule, ValType, VerifiedModule, verify,
};

use crate::choices::Choices;
use crate::edges::few_edges;
use crate::host;

/// The name that programs export their entry under.
pub const ENTRY: &str = "main";
/// How many values of the host's are passed to programs: numbered from 1.
pub const EXTERNS: usize = 3;
/// The global that every cycle spends from.
const BUDGET: GlobalIndex = GlobalIndex(0);
/// Spent at most, over the whole run: so many calls are active at most.
pub(crate) const MAX_BUDGET: usize = 300;
/// Elements of the tables at the start: of functions, of the host's values.
const TABLE_ELEMENTS: [u32; 2] = [8, 4];

const NUMERIC: [ValType; 4] = [ValType::I32, ValType::I64, ValType::F32, ValType::F64];

/// How often instructions of a shape are chosen. Shapes that end a block are chosen elsewhere.
const WEIGHTS: &[(ShapeKind, usize)] = &[
    (ShapeKind::Nop, 1),
    (ShapeKind::Move, 4),
    (ShapeKind::Const, 5),
    (ShapeKind::Unary, 12),
    (ShapeKind::Binary, 16),
    (ShapeKind::BinaryImm, 12),
    (ShapeKind::Select, 4),
    (ShapeKind::Load, 6),
    (ShapeKind::LoadIndexed, 6),
    (ShapeKind::Store, 6),
    (ShapeKind::StoreIndexed, 6),
    (ShapeKind::MemorySize, 1),
    (ShapeKind::MemoryGrow, 1),
    (ShapeKind::MemoryFill, 2),
    (ShapeKind::MemoryCopy, 2),
    (ShapeKind::MemoryInit, 2),
    (ShapeKind::DataDrop, 1),
    (ShapeKind::TableGet, 3),
    (ShapeKind::TableSet, 3),
    (ShapeKind::TableSize, 1),
    (ShapeKind::TableGrow, 1),
    (ShapeKind::TableFill, 1),
    (ShapeKind::TableCopy, 2),
    (ShapeKind::TableInit, 2),
    (ShapeKind::ElemDrop, 1),
    (ShapeKind::RefNull, 1),
    (ShapeKind::RefIsNull, 2),
    (ShapeKind::RefFunc, 2),
    (ShapeKind::GlobalGet, 3),
    (ShapeKind::GlobalSet, 3),
    (ShapeKind::Call, 5),
    (ShapeKind::CallImport, 4),
    (ShapeKind::CallIndirect, 5),
];

/// How often a block ends in an instruction of a shape; `Nop` stands for falling into the next one.
const ENDINGS: &[(ShapeKind, usize)] = &[
    (ShapeKind::Nop, 6),
    (ShapeKind::Jump, 4),
    (ShapeKind::BranchUnary, 4),
    (ShapeKind::Branch, 8),
    (ShapeKind::BranchImm, 8),
    (ShapeKind::BranchTable, 3),
    (ShapeKind::Ret, 2),
    (ShapeKind::TailCall, 2),
    (ShapeKind::TailCallImport, 1),
    (ShapeKind::TailCallIndirect, 2),
    (ShapeKind::Trap, 1),
];

/// A random program.
pub fn program(choices: &mut Choices<'_>) -> VerifiedModule {
    let mut module = Module { sources: vec!["random".into()], ..Module::default() };
    let plan = Plan::new(choices, &mut module);
    for (i, &ty) in plan.funcs[plan.imported..].iter().enumerate() {
        let name = format!("f{}", plan.imported + i);
        let function = Body::new(choices, &plan, &module, ty).function(&name);
        module.functions.push(function);
    }
    verify(module).unwrap_or_else(|errors| panic!("the generator made an invalid module: {errors}"))
}

/// What the functions of a program can refer to.
struct Plan {
    /// Signatures, some of them twice.
    types: Vec<FuncType>,
    /// Types of all functions.
    funcs: Vec<TypeIndex>,
    imported: usize,
    globals: Vec<GlobalType>,
    /// Element types of the segments.
    elements: Vec<ValType>,
    data: usize,
}

impl Plan {
    /// Chooses and declares everything but the functions' bodies.
    fn new(choices: &mut Choices<'_>, module: &mut Module) -> Plan {
        let inner = FuncType::new([ValType::I32], [ValType::I32]);
        let mut types = vec![FuncType::default(), inner.clone()];
        for _ in 0..1 + choices.below(4) {
            types.push(FuncType::new(value_types(choices), value_types(choices)));
        }
        types.push(choices.pick(&types).clone());

        let mut funcs = Vec::new();
        for function in host::FUNCTIONS {
            if choices.percent(70) {
                let ty = (function.ty)();
                let index = types.iter().position(|known| *known == ty).unwrap_or(types.len());
                if index == types.len() {
                    types.push(ty);
                }
                module.import(host::MODULE, function.field, ImportKind::Func(TypeIndex(index as u32)));
                funcs.push(TypeIndex(index as u32));
            }
        }
        let imported = funcs.len();
        // The first function is what `visit` calls, the last one the entry.
        funcs.push(TypeIndex(1));
        for _ in 0..1 + choices.below(5) {
            funcs.push(TypeIndex(choices.below(types.len()) as u32));
        }
        module.types = types.iter().map(|ty| TypeDef { name: String::new(), ty: ty.clone() }).collect();

        let mut plan = Plan { types, funcs, imported, globals: Vec::new(), elements: Vec::new(), data: 0 };
        plan.declare_globals(choices, module);
        plan.declare_memory(choices, module);
        plan.declare_tables(choices, module);
        plan.export(module);
        if choices.percent(20) {
            let starts = (imported..plan.funcs.len()).find(|&f| plan.signature(f) == &FuncType::default());
            module.start = starts.map(|f| FuncIndex(f as u32));
        }
        plan
    }

    fn signature(&self, func: usize) -> &FuncType {
        &self.types[self.funcs[func].index()]
    }

    fn declare_globals(&mut self, choices: &mut Choices<'_>, module: &mut Module) {
        let budget = 20 + choices.below(MAX_BUDGET - 20);
        let mut add = |content, mutable, init| {
            let ty = GlobalType { content, mutable };
            self.globals.push(ty);
            module.globals.push(Global { name: String::new(), ty, init });
        };
        add(ValType::I32, true, ConstExpr::I32(budget as i32));
        for ty in ValType::ALL {
            let bits = *choices.pick(&few_edges(ty));
            let init = match ty {
                ValType::I32 => ConstExpr::I32(bits as i32),
                ValType::I64 => ConstExpr::I64(bits as i64),
                ValType::F32 => ConstExpr::F32(bits as u32),
                ValType::F64 => ConstExpr::F64(bits),
                ValType::FuncRef | ValType::ExternRef => ConstExpr::Null(ty),
            };
            add(ty, true, init);
        }
        add(ValType::I64, false, ConstExpr::I64(choices.bits() as i64));
        let func = choices.below(self.funcs.len());
        add(ValType::FuncRef, false, ConstExpr::Func(FuncIndex(func as u32)));
    }

    fn declare_memory(&mut self, choices: &mut Choices<'_>, module: &mut Module) {
        let limits = Limits { min: 1, max: Some(3) };
        module.memories.push(Memory { name: String::new(), ty: MemoryType { limits } });
        for offset in [Some(ConstExpr::I32(16)), Some(ConstExpr::I32(0xFFF0)), None, None] {
            let bytes = (0..choices.below(17)).map(|_| choices.bits() as u8).collect();
            module.data.push(DataSegment { name: String::new(), offset, bytes });
        }
        self.data = module.data.len();
    }

    fn declare_tables(&mut self, choices: &mut Choices<'_>, module: &mut Module) {
        for (element, min) in [ValType::FuncRef, ValType::ExternRef].into_iter().zip(TABLE_ELEMENTS) {
            let max = (element == ValType::FuncRef).then_some(12);
            let ty = TableType { element, limits: Limits { min, max } };
            module.tables.push(Table { name: String::new(), ty });
        }
        let functions = |choices: &mut Choices<'_>| {
            let item = |choices: &mut Choices<'_>| match choices.below(self.funcs.len() + 1) {
                0 => ConstExpr::Null(ValType::FuncRef),
                i => ConstExpr::Func(FuncIndex(i as u32 - 1)),
            };
            (0..choices.below(8)).map(|_| item(choices)).collect::<Vec<_>>()
        };
        let nulls = vec![ConstExpr::Null(ValType::ExternRef); 2];
        let at = Some((TableIndex(0), ConstExpr::I32(1)));
        for (element, place, items) in [
            (ValType::FuncRef, at, functions(choices)),
            (ValType::FuncRef, None, functions(choices)),
            (ValType::ExternRef, None, nulls),
        ] {
            self.elements.push(element);
            module.elements.push(ElementSegment { name: String::new(), element, place, items });
        }
    }

    fn export(&self, module: &mut Module) {
        module.export("memory", ExportKind::Memory(MemoryIndex(0)));
        for i in 0..self.globals.len() as u32 {
            module.export(&format!("g{i}"), ExportKind::Global(GlobalIndex(i)));
        }
        for i in 0..TABLE_ELEMENTS.len() as u32 {
            module.export(&format!("t{i}"), ExportKind::Table(TableIndex(i)));
        }
        for i in 0..self.funcs.len() as u32 {
            module.export(&format!("f{i}"), ExportKind::Func(FuncIndex(i)));
        }
        module.export(host::INNER, ExportKind::Func(FuncIndex(self.imported as u32)));
        module.export(ENTRY, ExportKind::Func(FuncIndex(self.funcs.len() as u32 - 1)));
    }
}

/// Types of parameters or results: mostly few, sometimes more than registers of a machine, rarely very many.
fn value_types(choices: &mut Choices<'_>) -> Vec<ValType> {
    let count = match choices.below(20) {
        0..14 => choices.below(5),
        14..19 => choices.below(14),
        _ => choices.below(130),
    };
    (0..count).map(|_| *choices.pick(&ValType::ALL)).collect()
}

/// One of several things by weight.
fn weighted(choices: &mut Choices<'_>, weights: &[(ShapeKind, usize)]) -> ShapeKind {
    let mut chosen = choices.below(weights.iter().map(|(_, weight)| weight).sum());
    for &(shape, weight) in weights {
        match chosen.checked_sub(weight) {
            Some(rest) => chosen = rest,
            None => return shape,
        }
    }
    unreachable!("chosen below the sum")
}

/// A function under construction.
struct Body<'a, 'c> {
    choices: &'a mut Choices<'c>,
    plan: &'a Plan,
    builder: FunctionBuilder,
    results: Vec<ValType>,
    /// Registers of each type, by its place in [`ValType::ALL`].
    registers: [Vec<Reg>; 6],
    /// Registers for guards and canonical NaNs, which nothing else uses.
    scratch: [Reg; 6],
    blocks: Vec<Block>,
    /// Returns.
    exit: Label,
}

#[derive(Clone, Copy)]
struct Block {
    label: Label,
    /// Spends from the budget, so that one may go back to it.
    head: bool,
}

impl<'a, 'c> Body<'a, 'c> {
    fn new(choices: &'a mut Choices<'c>, plan: &'a Plan, module: &Module, ty: TypeIndex) -> Body<'a, 'c> {
        let signature = &module.types[ty.index()].ty;
        let mut builder = FunctionBuilder::new(ty, signature);
        let mut registers: [Vec<Reg>; 6] = Default::default();
        for (i, &ty) in signature.params.iter().enumerate() {
            registers[place(ty)].push(builder.param(i));
        }
        let scratch = ValType::ALL.map(|ty| builder.register(ty));
        // Rarely so many that register numbers are large.
        if choices.percent(1) {
            for _ in 0..20_000 {
                builder.register(ValType::I64);
            }
        }
        for ty in ValType::ALL {
            for _ in 0..2 + choices.below(3) {
                registers[place(ty)].push(builder.register(ty));
            }
        }
        let count = 1 + choices.below(7);
        let blocks = (0..count).map(|i| {
            let head = i == 0 || choices.percent(50);
            Block { label: builder.label(), head }
        });
        let blocks = blocks.collect();
        let exit = builder.label();
        let results = signature.results.clone();
        Body { choices, plan, builder, results, registers, scratch, blocks, exit }
    }

    fn function(mut self, name: &str) -> bytecode_spec::Function {
        self.builder.name(name);
        for i in 0..self.blocks.len() {
            self.builder.bind(self.blocks[i].label);
            self.builder.line(i as u32 + 1);
            if self.blocks[i].head {
                self.spend();
            }
            for _ in 0..self.choices.below(10) {
                self.instruction();
            }
            self.end_of_block(i);
        }
        self.builder.bind(self.exit);
        self.builder.line(0);
        self.ret();
        self.builder.finish().unwrap_or_else(|error| panic!("{error}"))
    }

    fn register(&mut self, ty: ValType) -> Reg {
        *self.choices.pick(&self.registers[place(ty)])
    }

    fn all(&mut self, types: &[ValType]) -> Vec<Reg> {
        types.iter().map(|&ty| self.register(ty)).collect()
    }

    /// As many registers as types, no two the same: results of a call. Such as there are not enough of are declared.
    fn distinct(&mut self, types: &[ValType]) -> Vec<Reg> {
        let mut taken: Vec<Reg> = Vec::with_capacity(types.len());
        for &ty in types {
            let free: Vec<Reg> =
                self.registers[place(ty)].iter().copied().filter(|reg| !taken.contains(reg)).collect();
            let reg = if free.is_empty() {
                let reg = self.builder.register(ty);
                self.registers[place(ty)].push(reg);
                reg
            } else {
                *self.choices.pick(&free)
            };
            taken.push(reg);
        }
        taken
    }

    /// Takes one from the budget, and leaves when it is gone.
    fn spend(&mut self) {
        let left = self.scratch[place(ValType::I32)];
        self.builder.emit(Op::GlobalGet, &[left.into(), BUDGET.into()]);
        self.builder.emit(Op::SubI32Imm, &[left.into(), left.into(), Arg::Imm(1)]);
        self.builder.emit(Op::GlobalSet, &[left.into(), BUDGET.into()]);
        self.builder.emit(Op::BrLtSI32Imm, &[left.into(), Arg::Imm(0), self.exit.into()]);
    }

    fn ret(&mut self) {
        let types = self.results.clone();
        let values = self.all(&types);
        self.builder.emit(Op::Ret, &[Arg::Regs(&values)]);
    }

    /// Anything that goes on behind itself.
    fn instruction(&mut self) {
        let shape = weighted(self.choices, WEIGHTS);
        let op = *self.choices.pick(shape.ops());
        if op.info().effects.has(Effect::Calls) {
            return self.call(op);
        }
        // Conversions that trap on most floats: rarely.
        if shape == ShapeKind::Unary && op.info().effects.has(Effect::Traps) && !self.choices.percent(5) {
            return;
        }
        self.plain(op, &[]);
    }

    /// An instruction with operands by kind; `targets` where it branches.
    fn plain(&mut self, op: Op, targets: &[Label]) {
        let info = op.info();
        let needs_table = info.operands().iter().any(|o| matches!(o.kind, Kind::Table | Kind::Elem));
        let any = *self.choices.pick(&ValType::ALL);
        let reference = *self.choices.pick(&[ValType::FuncRef, ValType::ExternRef]);
        let variable = if needs_table { reference } else { any };
        let mut args = Vec::new();
        for operand in info.explicit() {
            let ty = match operand.rule {
                Some(TypeRule::R) => reference,
                Some(rule) => rule.fixed().unwrap_or(variable),
                None => variable,
            };
            args.push(match operand.kind {
                Kind::Def => self.register(ty).into(),
                Kind::Use => self.guarded(op, operand, ty).into(),
                Kind::Imm64 => Arg::Imm(self.constant(ty)),
                Kind::Imm32 => Arg::Imm(self.short_constant(ty)),
                Kind::Target => targets[0].into(),
                Kind::Targets => Arg::Labels(targets),
                Kind::Func => FuncIndex(self.choices.below(self.plan.funcs.len()) as u32).into(),
                Kind::Table => TableIndex(u32::from(reference == ValType::ExternRef)).into(),
                Kind::Elem => ElemIndex(self.segment(op, reference)).into(),
                Kind::Data => DataIndex(self.choices.below(self.plan.data) as u32).into(),
                Kind::Global => self.global(variable, false).into(),
                Kind::GlobalMut => self.global(variable, true).into(),
                Kind::Offset => self.offset().into(),
                Kind::Shift => (self.choices.below(4) as u32).into(),
                Kind::Cause => (*self.choices.pick(TrapCause::ALL)).into(),
                Kind::Uses
                | Kind::Defs
                | Kind::FuncDefined
                | Kind::FuncImport
                | Kind::Type
                | Kind::Feedback
                | Kind::Memory => unreachable!("{} is no plain instruction", info.mnemonic()),
            });
        }
        self.builder.emit(op, &args);
        if matches!(info.shape, ShapeKind::Unary | ShapeKind::Binary | ShapeKind::BinaryImm)
            && let Arg::Reg(dst) = args[0]
            && let Some(ty) = info.operands()[0].rule.and_then(TypeRule::fixed)
        {
            self.canonical(ty, dst);
        }
    }

    /// A register to read, mostly one whose value suits the operand.
    fn guarded(&mut self, op: Op, operand: &OperandInfo, ty: ValType) -> Reg {
        let reg = self.register(ty);
        let divides = op.info().shape == ShapeKind::Binary
            && op.info().effects.has(Effect::Traps)
            && operand.name() == "b";
        let shape = op.info().shape;
        let of_table = op.info().operands().iter().any(|o| o.kind == Kind::Table);
        let initializes = matches!(shape, ShapeKind::MemoryInit | ShapeKind::TableInit);
        let guard = match operand.name() {
            _ if divides && ty == ValType::I32 => (Op::OrI32Imm, 1),
            _ if divides => (Op::OrI64Imm, 1),
            "len" | "from" if initializes => (Op::AndI32Imm, 1),
            "len" => (Op::AndI32Imm, 7),
            "delta" => (Op::AndI32Imm, 1),
            "to" | "from" if of_table => (Op::AndI32Imm, 3),
            "index" if of_table => (Op::AndI32Imm, 7),
            "index" if shape == ShapeKind::BranchTable => (Op::AndI32Imm, 3),
            "to" | "from" | "addr" | "base" | "index" => (Op::AndI32Imm, 0x7FF8),
            _ => return reg,
        };
        if self.choices.percent(3) {
            return reg;
        }
        let own = self.guard_register(ty);
        self.builder.emit(guard.0, &[own.into(), reg.into(), Arg::Imm(guard.1)]);
        own
    }

    /// A register of its own, since guards of one instruction must not share; known to later instructions now and then.
    fn guard_register(&mut self, ty: ValType) -> Reg {
        let reg = self.builder.register(ty);
        if self.choices.percent(20) {
            self.registers[place(ty)].push(reg);
        }
        reg
    }

    fn constant(&mut self, ty: ValType) -> u64 {
        let bits = match self.choices.below(3) {
            0 => *self.choices.pick(&few_edges(ty)),
            1 => self.choices.below(64) as u64,
            _ => self.choices.bits(),
        };
        let narrow = matches!(ty, ValType::I32 | ValType::F32);
        let bits = if narrow { bits & u64::from(u32::MAX) } else { bits };
        // The one NaN whose bits every tier may show.
        if crate::slots::is_nan(ty, bits) { nan(ty) } else { bits }
    }

    /// A constant of 32 bits, sign-extended for a type of 64.
    fn short_constant(&mut self, ty: ValType) -> u64 {
        let bits = self.constant(ValType::I32) as u32;
        if ty == ValType::I64 { i64::from(bits as i32) as u64 } else { bits.into() }
    }

    fn offset(&mut self) -> u32 {
        match self.choices.below(40) {
            0 => u32::MAX,
            1..20 => 0,
            _ => self.choices.below(64) as u32,
        }
    }

    fn segment(&mut self, op: Op, element: ValType) -> u32 {
        let elements = &self.plan.elements;
        let fitting: Vec<usize> = (0..elements.len())
            .filter(|&i| elements[i] == element || op.info().shape == ShapeKind::ElemDrop)
            .collect();
        *self.choices.pick(&fitting) as u32
    }

    fn global(&mut self, content: ValType, mutable: bool) -> GlobalIndex {
        let fitting: Vec<u32> = (BUDGET.0 + 1..self.plan.globals.len() as u32)
            .filter(|&i| {
                let ty = self.plan.globals[i as usize];
                ty.content == content && (ty.mutable || !mutable)
            })
            .collect();
        GlobalIndex(*self.choices.pick(&fitting))
    }

    /// Puts one and the same NaN in place of any other.
    fn canonical(&mut self, ty: ValType, reg: Reg) {
        if ty != ValType::F32 && ty != ValType::F64 {
            return;
        }
        let narrow = ty == ValType::F32;
        let (equal, constant) = if narrow { (Op::EqF32, Op::ConstF32) } else { (Op::EqF64, Op::ConstF64) };
        let (test, nan_reg) = (self.scratch[place(ValType::I32)], self.scratch[place(ty)]);
        self.builder.emit(equal, &[test.into(), reg.into(), reg.into()]);
        self.builder.emit(constant, &[nan_reg.into(), Arg::Imm(nan(ty))]);
        self.builder.emit(Op::Select, &[reg.into(), reg.into(), nan_reg.into(), test.into()]);
    }

    /// A call in any form, in place of this function where the row says so and the results are the same.
    fn call(&mut self, op: Op) {
        let info = op.info();
        let tail = info.effects.has(Effect::Ends);
        let plan = self.plan;
        let own = self.results.clone();
        let fits = |ty: &TypeIndex| !tail || plan.types[ty.index()].results == own;
        let kind = |kind| info.operands().iter().any(|o| o.kind == kind);
        let callees: Vec<usize> = if kind(Kind::FuncDefined) {
            (plan.imported..plan.funcs.len()).filter(|&f| fits(&plan.funcs[f])).collect()
        } else if kind(Kind::FuncImport) {
            (0..plan.imported).filter(|&f| fits(&plan.funcs[f])).collect()
        } else {
            (0..plan.types.len()).filter(|&ty| fits(&TypeIndex(ty as u32))).collect()
        };
        if callees.is_empty() {
            return if tail { self.ret() } else { self.builder.emit(Op::Nop, &[]) };
        }
        let mut callee = *self.choices.pick(&callees);
        let indirect = kind(Kind::Type);
        let mut index = self.scratch[place(ValType::I32)];
        if indirect {
            index = self.register(ValType::I32);
            // A table element of some type, mostly of the type asked for.
            if self.choices.percent(90) {
                let fitting: Vec<usize> = (0..plan.funcs.len()).filter(|&f| fits(&plan.funcs[f])).collect();
                if fitting.is_empty() {
                    return if tail { self.ret() } else { self.builder.emit(Op::Nop, &[]) };
                }
                let func = *self.choices.pick(&fitting);
                callee = plan.funcs[func].index();
                index = self.put_in_table(func);
            }
        }
        let signature = if indirect { &plan.types[callee] } else { plan.signature(callee) };
        let args = self.all(&signature.params);
        let results = self.distinct(&signature.results);
        let operands: Vec<Arg<'_>> = info
            .explicit()
            .map(|operand| match operand.name() {
                "index" => index.into(),
                "args" => Arg::Regs(&args),
                "results" => Arg::Regs(&results),
                "func" | "ty" => Arg::Index(callee as u32),
                "table" => TableIndex(0).into(),
                other => unreachable!("{} has no operand {other}", info.mnemonic()),
            })
            .collect();
        self.builder.emit(op, &operands);
    }

    /// Makes some element of the table that function; the register with its index.
    fn put_in_table(&mut self, func: usize) -> Reg {
        let (index, value) = (self.scratch[place(ValType::I32)], self.scratch[place(ValType::FuncRef)]);
        let at = self.choices.below(TABLE_ELEMENTS[0] as usize) as i32;
        self.builder.emit(Op::RefFunc, &[value.into(), FuncIndex(func as u32).into()]);
        self.builder.emit(Op::ConstI32, &[index.into(), at.into()]);
        self.builder.emit(Op::TableSet, &[index.into(), value.into(), TableIndex(0).into()]);
        index
    }

    fn end_of_block(&mut self, block: usize) {
        let shape = weighted(self.choices, ENDINGS);
        let op = *self.choices.pick(shape.ops());
        if shape == ShapeKind::Ret {
            self.ret();
        } else if op.info().effects.has(Effect::Calls) {
            self.call(op);
        // Not every other program is to end in a trap.
        } else if shape != ShapeKind::Nop && (shape != ShapeKind::Trap || self.choices.percent(20)) {
            let count = if shape == ShapeKind::BranchTable { 1 + self.choices.below(5) } else { 1 };
            let targets: Vec<Label> = (0..count).map(|_| self.target(block)).collect();
            self.plain(op, &targets);
        }
    }

    /// Somewhere further on, or back to a block that spends.
    fn target(&mut self, block: usize) -> Label {
        let back = self.blocks[..=block].iter().filter(|block| block.head);
        let on = &self.blocks[block + 1..];
        let all: Vec<Label> = on.iter().chain(back).map(|block| block.label).chain([self.exit]).collect();
        *self.choices.pick(&all)
    }
}

fn place(ty: ValType) -> usize {
    ValType::ALL.iter().position(|&known| known == ty).expect("all types are known")
}

/// The NaN that programs keep.
fn nan(ty: ValType) -> u64 {
    if ty == ValType::F32 { f32::NAN.to_bits().into() } else { f64::NAN.to_bits() }
}

/// Arguments for the entry of a program: of each parameter an edge value or any; references by number.
pub fn arguments(choices: &mut Choices<'_>, ty: &FuncType) -> Vec<u64> {
    let argument = |&ty: &ValType| {
        if NUMERIC.contains(&ty) {
            let bits = *choices.pick(&few_edges(ty));
            if crate::slots::is_nan(ty, bits) { nan(ty) } else { bits }
        } else if ty == ValType::ExternRef {
            choices.below(EXTERNS + 1) as u64
        } else {
            0
        }
    };
    ty.params.iter().map(argument).collect()
}
