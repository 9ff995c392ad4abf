//! Programs made from the table: any instruction, with operands by kind.

use bytecode_spec::{
    Arg, ConstExpr, DataIndex, DataSegment, Effect, ElemIndex, ElementSegment, FuncIndex, FuncType,
    FunctionBuilder, Global, GlobalIndex, GlobalType, ImportKind, Kind, Label, Limits, Memory, MemoryType,
    Module, Op, OperandInfo, Reg, SourceIndex, Table, TableIndex, TableType, TrapCause, TypeIndex, TypeRule,
    ValType, VerifiedModule, verify,
};
use rand::rngs::StdRng;
use rand::seq::IndexedRandom;
use rand::{Rng, SeedableRng};

/// Registers of each type.
const REGISTERS_PER_TYPE: usize = 3;

/// A function under construction, in a module that has something of everything.
pub(crate) struct Program {
    module: Module,
    function: FunctionBuilder,
    signature: FuncType,
    registers: Vec<(Reg, ValType)>,
    /// Labels that are bound, and the one at the end.
    labels: Vec<Label>,
    end: Label,
    rng: StdRng,
}

impl Program {
    /// A program whose operands are chosen by `seed`.
    pub(crate) fn new(seed: u64) -> Program {
        let mut rng = StdRng::seed_from_u64(seed);
        let signature = FuncType::new([ValType::I64, ValType::F32], [ValType::I32, ValType::F64]);
        let sources = ["a.c", "b.c", "a.h"].map(str::to_owned).to_vec();
        let mut module = Module { sources, ..Module::default() };
        module.intern_type(&FuncType::new([], []));
        let ty = module.intern_type(&signature);
        let limits = Limits { min: 1, max: None };
        module.import("env", "call", ImportKind::Func(ty));
        module.memories.push(Memory { name: String::new(), ty: MemoryType { limits } });
        for element in [ValType::FuncRef, ValType::ExternRef] {
            module.tables.push(Table { name: String::new(), ty: TableType { element, limits } });
            let (name, items) = (String::new(), vec![ConstExpr::Null(element)]);
            module.elements.push(ElementSegment { name, element, place: None, items });
        }
        for (content, init) in [
            (ValType::I32, ConstExpr::I32(1)),
            (ValType::I64, ConstExpr::I64(1)),
            (ValType::F32, ConstExpr::F32(1)),
            (ValType::F64, ConstExpr::F64(1)),
            (ValType::FuncRef, ConstExpr::Null(ValType::FuncRef)),
            (ValType::ExternRef, ConstExpr::Null(ValType::ExternRef)),
        ] {
            let ty = GlobalType { content, mutable: true };
            module.globals.push(Global { name: content.to_string(), ty, init });
        }
        module.data.push(DataSegment { name: "data".into(), offset: None, bytes: vec![0; 3] });

        let mut function = FunctionBuilder::new(ty, &signature);
        let mut types: Vec<ValType> = ValType::ALL.repeat(REGISTERS_PER_TYPE);
        types.sort_by_key(|_| rng.random::<u32>());
        let params = signature.params.iter().enumerate().map(|(i, &ty)| (function.param(i), ty));
        let mut registers: Vec<_> = params.collect();
        registers.extend(types.into_iter().map(|ty| (function.register(ty), ty)));
        for (i, &(reg, _)) in registers.iter().enumerate() {
            if rng.random_bool(0.5) {
                function.name_register(reg, ["x", "y", "a b", "r3", "z", "deep.name$-"][i % 6]);
            }
        }
        let end = function.label();
        Program { module, function, signature, registers, labels: vec![end], end, rng }
    }

    /// Appends an instruction.
    pub(crate) fn instruction(&mut self, op: Op) {
        if self.rng.random_bool(0.2) {
            let label = self.function.label();
            self.function.bind(label);
            self.labels.push(label);
        }
        let source = SourceIndex(self.rng.random_range(0..3));
        self.function.line_of(source, self.rng.random_range(0..4));
        let info = op.info();
        let of_type = [TypeRule::T, TypeRule::R].map(|rule| {
            let refs = info.operands().iter().any(|o| matches!(o.kind, Kind::Table | Kind::Elem));
            let any = if rule == TypeRule::R || refs {
                &[ValType::FuncRef, ValType::ExternRef][..]
            } else {
                &ValType::ALL[..]
            };
            *any.choose(&mut self.rng).unwrap()
        });
        let calls = info
            .operands()
            .iter()
            .any(|o| matches!(o.kind, Kind::FuncDefined | Kind::FuncImport | Kind::Type));
        let inputs = if calls { self.signature.params.clone() } else { self.signature.results.clone() };
        let uses: Vec<Reg> = inputs.into_iter().map(|ty| self.register(ty)).collect();
        let defs: Vec<Reg> = self.signature.results.clone().into_iter().map(|ty| self.register(ty)).collect();
        let targets: Vec<Label> = (0..self.rng.random_range(1..5)).map(|_| self.label()).collect();
        let args: Vec<Arg<'_>> = info
            .explicit()
            .map(|operand| match operand.kind {
                Kind::Uses => Arg::Regs(&uses),
                Kind::Defs => Arg::Regs(&defs),
                Kind::Targets => Arg::Labels(&targets),
                Kind::Target => self.label().into(),
                Kind::Def | Kind::Use => {
                    let rule = operand.rule.unwrap();
                    let ty = rule.fixed().unwrap_or(of_type[usize::from(rule == TypeRule::R)]);
                    self.register(ty).into()
                }
                Kind::Imm64 | Kind::Imm32 => Arg::Imm(self.constant(operand)),
                Kind::Func | Kind::FuncDefined => FuncIndex(1).into(),
                Kind::FuncImport => FuncIndex(0).into(),
                Kind::Type => TypeIndex(1).into(),
                // A call goes through functions; others take what fits `R`.
                Kind::Table if calls => TableIndex(0).into(),
                Kind::Table => TableIndex(u16::from(of_type[1] == ValType::ExternRef).into()).into(),
                Kind::Elem => ElemIndex(u32::from(of_type[1] == ValType::ExternRef)).into(),
                Kind::Global | Kind::GlobalMut => {
                    let global = ValType::ALL.iter().position(|&ty| ty == of_type[0]).unwrap();
                    GlobalIndex(global as u32).into()
                }
                Kind::Data => DataIndex(0).into(),
                Kind::Offset => [0, 1, u32::MAX][self.rng.random_range(0..3)].into(),
                Kind::Shift => self.rng.random_range(0..4u32).into(),
                Kind::Cause => (*TrapCause::ALL.choose(&mut self.rng).unwrap()).into(),
                Kind::Feedback | Kind::Memory => unreachable!("not explicit"),
            })
            .collect();
        self.function.emit(op, &args);
        if info.effects.has(Effect::Ends) {
            let label = self.function.label();
            self.function.bind(label);
        }
    }

    fn register(&mut self, wanted: ValType) -> Reg {
        let fitting: Vec<Reg> =
            self.registers.iter().filter(|(_, ty)| *ty == wanted).map(|&(reg, _)| reg).collect();
        *fitting.choose(&mut self.rng).unwrap()
    }

    fn label(&mut self) -> Label {
        *self.labels.choose(&mut self.rng).unwrap()
    }

    fn constant(&mut self, operand: &OperandInfo) -> u64 {
        const BITS: [u64; 9] = [
            0,
            1,
            1 << 31,
            1 << 63,
            u64::MAX,
            0x7FF8_0000_0000_0000,
            0x7FF0_0000_0000_0001,
            0x7FC0_0000,
            0xFF80_0001,
        ];
        let ty = operand.rule.and_then(TypeRule::fixed).unwrap();
        let bits = if self.rng.random() { self.rng.random() } else { *BITS.choose(&mut self.rng).unwrap() };
        if matches!(ty, ValType::I32 | ValType::F32) {
            bits & 0xFFFF_FFFF
        } else if operand.kind == Kind::Imm32 {
            bits as i32 as i64 as u64
        } else {
            bits
        }
    }

    /// The module, verified.
    pub(crate) fn finish(mut self) -> VerifiedModule {
        self.function.bind(self.end);
        let results: Vec<Reg> =
            self.signature.results.clone().into_iter().map(|ty| self.register(ty)).collect();
        self.function.emit(Op::Ret, &[(&results[..]).into()]);
        self.module.functions.push(self.function.finish().unwrap());
        verify(self.module).unwrap_or_else(|errors| panic!("{errors}"))
    }
}
