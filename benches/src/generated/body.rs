//! One function of the module: statements at random.

use ValType::{F32, F64, I32, I64};
use bytecode_spec::{
    Arg, FuncType, Function, FunctionBuilder, GlobalIndex, Op, Reg, TableIndex, TypeIndex, ValType,
};

use super::{Detail, LEAVES, PRINT, SIGNATURES, TABLE, TYPES, defined, place};

/// Registers of each type, besides parameters, addresses and counters of loops.
const REGISTERS: [usize; 4] = [5, 3, 1, 3];
const NAMES: [&str; 12] =
    ["sum", "left", "right", "index", "length", "value", "next", "node", "mask", "offset", "scale", "t"];

/// A function in the making.
pub(super) struct Body<'r> {
    f: FunctionBuilder,
    random: &'r mut Random,
    index: usize,
    detail: Detail,
    line: u32,
    /// Registers by type: parameters and others.
    registers: [Vec<Reg>; 4],
    /// Registers that hold an aligned address below 32 KiB.
    bases: [Reg; 2],
    /// Counters of the loops around, which hold less than 8.
    counters: Vec<Reg>,
    /// Instructions still wanted.
    budget: usize,
}

impl<'r> Body<'r> {
    pub(super) fn new(index: usize, detail: Detail, line: u32, random: &'r mut Random) -> Body<'r> {
        let (params, results) = SIGNATURES[index % SIGNATURES.len()];
        let ty = TypeIndex((index % SIGNATURES.len()) as u32);
        let mut f = FunctionBuilder::new(ty, &FuncType::new(params, results));
        let mut registers: [Vec<Reg>; 4] = Default::default();
        for (i, ty) in params.iter().enumerate() {
            registers[place(*ty)].push(f.param(i));
        }
        for ((ty, count), registers) in TYPES.into_iter().zip(REGISTERS).zip(&mut registers) {
            registers.extend((0..count).map(|_| f.register(ty)));
        }
        let bases = [f.register(I32), f.register(I32)];
        if detail != Detail::Bare {
            f.name(&format!("function_{index}"));
            for (ty, registers) in TYPES.into_iter().zip(&registers) {
                for (i, reg) in registers.iter().enumerate() {
                    let name = NAMES[(index + i) % NAMES.len()];
                    f.name_register(*reg, &if ty == I32 { name.to_owned() } else { format!("{name}_{ty}") });
                }
            }
            f.name_register(bases[0], "base");
            f.name_register(bases[1], "other_base");
        }
        let budget = 15 + random.below(50);
        Body { f, random, index, detail, line, registers, bases, counters: Vec::new(), budget }
    }

    pub(super) fn finish(mut self) -> (Function, u32) {
        for base in self.bases {
            self.address(base);
        }
        self.block(usize::MAX);
        let (_, results) = SIGNATURES[self.index % SIGNATURES.len()];
        let values = self.of(results);
        self.emit(Op::Ret, &[(&values[..]).into()]);
        (self.f.finish().expect("the function is well formed"), self.line)
    }

    fn emit(&mut self, op: Op, args: &[Arg<'_>]) {
        if self.detail == Detail::Lines {
            self.line += 1;
            self.f.line(self.line);
        }
        self.f.emit(op, args);
        self.budget = self.budget.saturating_sub(1);
    }

    fn any(&mut self, ty: ValType) -> Reg {
        self.random.one_of(&self.registers[place(ty)])
    }

    fn of(&mut self, types: &[ValType]) -> Vec<Reg> {
        types.iter().map(|ty| self.any(*ty)).collect()
    }

    fn address(&mut self, base: Reg) {
        let from = self.any(I32);
        self.emit(Op::AndI32Imm, &[base.into(), from.into(), 0x7ff8.into()]);
    }

    /// Statements until so many were written, or the budget is spent.
    fn block(&mut self, statements: usize) {
        for _ in 0..statements {
            if self.budget == 0 {
                return;
            }
            self.statement();
        }
    }

    fn statement(&mut self) {
        let nested = self.counters.len();
        match self.random.below(100) {
            0..25 => self.binary(),
            25..40 => self.binary_with_constant(),
            40..45 => self.unary(),
            45..50 => self.constant(),
            50..56 => self.assign(),
            56..70 => self.load(),
            70..78 => self.store(),
            78..81 => self.global(),
            81..89 => self.condition(),
            89..92 if nested < 2 => self.counted_loop(),
            92 => self.table(),
            93..98 if self.index >= LEAVES => self.call(),
            98 => self.print(),
            99 if self.index >= LEAVES => self.call_indirect(),
            _ => self.binary(),
        }
    }

    fn binary(&mut self) {
        const I32S: &[Op] = &[
            Op::AddI32,
            Op::AddI32,
            Op::AddI32,
            Op::SubI32,
            Op::MulI32,
            Op::AndI32,
            Op::OrI32,
            Op::XorI32,
            Op::ShlI32,
            Op::ShrUI32,
            Op::RotlI32,
            Op::LtSI32,
            Op::EqI32,
        ];
        const I64S: &[Op] =
            &[Op::AddI64, Op::AddI64, Op::SubI64, Op::MulI64, Op::AndI64, Op::XorI64, Op::ShrSI64];
        const F64S: &[Op] =
            &[Op::AddF64, Op::AddF64, Op::SubF64, Op::MulF64, Op::MulF64, Op::DivF64, Op::MaxF64];
        const F32S: &[Op] = &[Op::AddF32, Op::SubF32, Op::MulF32, Op::DivF32, Op::MinF32];
        let (ty, ops) =
            self.random.one_of(&[(I32, I32S), (I32, I32S), (I64, I64S), (F64, F64S), (F32, F32S)]);
        let op = self.random.one_of(ops);
        let (dst, a, b) = (self.any(ty), self.any(ty), self.any(ty));
        self.emit(op, &[dst.into(), a.into(), b.into()]);
    }

    fn binary_with_constant(&mut self) {
        const I32S: &[Op] = &[
            Op::AddI32Imm,
            Op::AddI32Imm,
            Op::AddI32Imm,
            Op::SubI32Imm,
            Op::MulI32Imm,
            Op::AndI32Imm,
            Op::XorI32Imm,
            Op::ShlI32Imm,
            Op::ShrUI32Imm,
            Op::RotrI32Imm,
            Op::RemUI32Imm,
            Op::DivSI32Imm,
            Op::EqI32Imm,
        ];
        const I64S: &[Op] =
            &[Op::AddI64Imm, Op::AddI64Imm, Op::MulI64Imm, Op::AndI64Imm, Op::ShrUI64Imm, Op::DivUI64Imm];
        let kind = self.random.below(8);
        let number = self.random.one_of(&[1, 1, 2, 3, 4, 8, 10, 16, 31, 63, 255, 1000, 65_535, 0x0101_0101]);
        if kind < 5 {
            let (op, dst, a) = (self.random.one_of(I32S), self.any(I32), self.any(I32));
            self.emit(op, &[dst.into(), a.into(), number.into()]);
        } else if kind < 7 {
            let (op, dst, a) = (self.random.one_of(I64S), self.any(I64), self.any(I64));
            self.emit(op, &[dst.into(), a.into(), i64::from(number).into()]);
        } else {
            let op = self.random.one_of(&[Op::AddF64Imm, Op::MulF64Imm, Op::MulF64Imm]);
            let (dst, a) = (self.any(F64), self.any(F64));
            self.emit(op, &[dst.into(), a.into(), (f64::from(number) / 8.0).into()]);
        }
    }

    fn unary(&mut self) {
        let (op, from, to) = self.random.one_of(&[
            (Op::WrapI32I64, I64, I32),
            (Op::ExtendSI64I32, I32, I64),
            (Op::ExtendUI64I32, I32, I64),
            (Op::ConvertSF64I32, I32, F64),
            (Op::TruncSatSI32F64, F64, I32),
            (Op::SqrtF64, F64, F64),
            (Op::NegF64, F64, F64),
            (Op::PromoteF64F32, F32, F64),
            (Op::DemoteF32F64, F64, F32),
            (Op::Extend8SI32, I32, I32),
            (Op::EqzI32, I32, I32),
            (Op::ClzI64, I64, I64),
        ]);
        let (dst, a) = (self.any(to), self.any(from));
        self.emit(op, &[dst.into(), a.into()]);
    }

    fn constant(&mut self) {
        let number = self.random.one_of(&[0, 0, 0, 1, 1, 2, 7, 100, 4096, -1, 1_000_000_007]);
        let (op, ty, value) = self.random.one_of(&[
            (Op::ConstI32, I32, number.into()),
            (Op::ConstI32, I32, number.into()),
            (Op::ConstI64, I64, i64::from(number).into()),
            (Op::ConstF64, F64, (f64::from(number) * 0.25).into()),
        ]);
        let dst = self.any(ty);
        self.emit(op, &[dst.into(), value]);
    }

    fn assign(&mut self) {
        let ty = self.random.one_of(&TYPES);
        let (dst, a, b, cond) = (self.any(ty), self.any(ty), self.any(ty), self.any(I32));
        if self.random.below(3) == 0 {
            self.emit(Op::Select, &[dst.into(), a.into(), b.into(), cond.into()]);
        } else {
            self.emit(Op::Move, &[dst.into(), a.into()]);
        }
    }

    /// A base, perhaps a new one, and a loop's counter as index, if there is a loop.
    fn place_in_memory(&mut self) -> (Reg, Option<Reg>, u32) {
        let base = self.random.one_of(&self.bases);
        if self.random.below(4) == 0 {
            self.address(base);
        }
        let index = self.counters.last().copied();
        (base, index, self.random.one_of(&[0, 0, 0, 4, 8, 16, 24, 1024]))
    }

    fn load(&mut self) {
        let (ty, op, indexed, shift) = self.random.one_of(&[
            (I32, Op::LoadI32, Op::LoadI32Indexed, 2u32),
            (I32, Op::LoadI32, Op::LoadI32Indexed, 2u32),
            (I32, Op::Load8UI32, Op::Load8UI32Indexed, 0),
            (I32, Op::Load16SI32, Op::Load16SI32Indexed, 1),
            (I64, Op::LoadI64, Op::LoadI64Indexed, 3),
            (F64, Op::LoadF64, Op::LoadF64Indexed, 3),
            (F32, Op::LoadF32, Op::LoadF32Indexed, 2),
        ]);
        let ((base, index, offset), dst) = (self.place_in_memory(), self.any(ty));
        match index {
            Some(i) => self.emit(indexed, &[dst.into(), base.into(), i.into(), offset.into(), shift.into()]),
            None => self.emit(op, &[dst.into(), base.into(), offset.into()]),
        }
    }

    fn store(&mut self) {
        let (ty, op, indexed, shift) = self.random.one_of(&[
            (I32, Op::StoreI32, Op::StoreI32Indexed, 2u32),
            (I32, Op::Store8I32, Op::Store8I32Indexed, 0),
            (I64, Op::StoreI64, Op::StoreI64Indexed, 3),
            (F64, Op::StoreF64, Op::StoreF64Indexed, 3),
        ]);
        let ((base, index, offset), value) = (self.place_in_memory(), self.any(ty));
        match index {
            Some(i) => {
                self.emit(indexed, &[base.into(), i.into(), value.into(), offset.into(), shift.into()]);
            }
            None => self.emit(op, &[base.into(), value.into(), offset.into()]),
        }
    }

    fn global(&mut self) {
        let place = self.random.below(TYPES.len());
        let (reg, global) = (self.any(TYPES[place]), GlobalIndex(place as u32));
        if self.random.below(3) == 0 {
            self.emit(Op::GlobalSet, &[reg.into(), global.into()]);
        } else {
            self.emit(Op::GlobalGet, &[reg.into(), global.into()]);
        }
    }

    fn condition(&mut self) {
        let otherwise = self.f.label();
        match self.random.below(6) {
            0 | 1 => {
                let op =
                    self.random.one_of(&[Op::BrEqI32Imm, Op::BrNeI32Imm, Op::BrLtSI32Imm, Op::BrGeUI32Imm]);
                let (a, number) = (self.any(I32), self.random.one_of(&[0i32, 1, 10, 100, -1]));
                self.emit(op, &[a.into(), number.into(), otherwise.into()]);
            }
            2 => {
                let op = self.random.one_of(&[Op::BrLtSI32, Op::BrGeSI32, Op::BrNeI32, Op::BrLtUI32]);
                let (a, b) = (self.any(I32), self.any(I32));
                self.emit(op, &[a.into(), b.into(), otherwise.into()]);
            }
            3 => {
                let (a, b) = (self.any(I64), self.any(I64));
                self.emit(Op::BrGtSI64, &[a.into(), b.into(), otherwise.into()]);
            }
            4 => {
                let (a, b) = (self.any(F64), self.any(F64));
                self.emit(Op::BrNltF64, &[a.into(), b.into(), otherwise.into()]);
            }
            _ => {
                let (op, a) = (self.random.one_of(&[Op::BrNez, Op::BrEqz]), self.any(I32));
                self.emit(op, &[a.into(), otherwise.into()]);
            }
        }
        let statements = 1 + self.random.below(4);
        self.block(statements);
        if self.random.below(3) > 0 {
            self.f.bind(otherwise);
            return;
        }
        let end = self.f.label();
        self.emit(Op::Jump, &[end.into()]);
        self.f.bind(otherwise);
        self.statement();
        self.f.bind(end);
    }

    fn counted_loop(&mut self) {
        let counter = self.f.register(I32);
        if self.detail != Detail::Bare {
            self.f.name_register(counter, ["i", "j"][self.counters.len()]);
        }
        let (head, count) = (self.f.label(), 2 + self.random.below(6) as i32);
        self.emit(Op::ConstI32, &[counter.into(), 0.into()]);
        self.f.bind(head);
        self.counters.push(counter);
        let statements = 4 + self.random.below(8);
        self.block(statements);
        self.counters.pop();
        self.emit(Op::AddI32Imm, &[counter.into(), counter.into(), 1.into()]);
        self.emit(Op::BrLtUI32Imm, &[counter.into(), count.into(), head.into()]);
    }

    fn table(&mut self) {
        let cases: Vec<_> = (0..3 + self.random.below(4)).map(|_| self.f.label()).collect();
        let (index, end) = (self.any(I32), self.f.label());
        self.emit(Op::BrTable, &[index.into(), (&cases[..]).into()]);
        for case in cases {
            self.f.bind(case);
            self.statement();
            self.emit(Op::Jump, &[end.into()]);
        }
        self.f.bind(end);
    }

    fn call(&mut self) {
        let callee = match self.counters.is_empty() {
            true => self.random.below(self.index / 2),
            false => self.random.below(LEAVES),
        };
        let (params, results) = SIGNATURES[callee % SIGNATURES.len()];
        let (args, results) = (self.of(params), self.of(results));
        self.emit(Op::Call, &[(&args[..]).into(), defined(callee).into(), (&results[..]).into()]);
    }

    fn print(&mut self) {
        let value = self.any(I64);
        self.emit(Op::CallImport, &[(&[value][..]).into(), PRINT.into(), (&[][..] as &[Reg]).into()]);
    }

    fn call_indirect(&mut self) {
        let (index, from) = (self.any(I32), self.any(I32));
        self.emit(Op::AndI32Imm, &[index.into(), from.into(), (TABLE as i32 - 1).into()]);
        let (params, results) = SIGNATURES[0];
        let (args, results) = (self.of(params), self.of(results));
        self.emit(
            Op::CallIndirect,
            &[
                index.into(),
                (&args[..]).into(),
                (&results[..]).into(),
                TypeIndex(0).into(),
                TableIndex(0).into(),
            ],
        );
    }
}

/// SplitMix64: small, and the same everywhere.
pub(super) struct Random(u64);

impl Random {
    pub(super) fn new() -> Random {
        Random(0x9E37_79B9_7F4A_7C15)
    }

    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9E37_79B9_7F4A_7C15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xBF58_476D_1CE4_E5B9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94D0_49BB_1331_11EB);
        x ^ (x >> 31)
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    fn one_of<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }
}
