//! Modules of our own: small functions in which much depends on much. `wasm-smith` seldom has two values of a
//! type on the stack, so that it seldom adds; here are expressions in one another, addresses as compilers
//! compute them, comparisons that decide branches, locals that are set while copies of them wait on the
//! stack, blocks and branches that carry values.
//!
//! Every loop and every function pays, as in modules of `wasm-smith`; functions call those before them only.
//! Floats become canonical where their bits could be seen.

use std::borrow::Cow;

use wasm_encoder::{
    BlockType, CodeSection, ConstExpr, DataCountSection, DataSection, DataSegment, DataSegmentMode,
    ElementSection, Elements, EntityType, ExportKind, ExportSection, Function, FunctionSection,
    GlobalSection, GlobalType, ImportSection, Instruction as I, MemArg, MemArgTarget, MemorySection,
    MemoryType, Module, RefType, TableSection, TableType, TypeSection, ValType,
};

use super::generate::FUEL;
use crate::choices::Choices;
use crate::edges;

/// Instructions that a function may have, about.
const MAX_BUDGET: usize = 300;
/// How deep expressions and blocks may be in one another.
const MAX_DEPTH: usize = 6;
/// Elements of the table; functions fill it from the front.
const TABLE: u64 = 8;
/// Bytes of each data segment.
const DATA: usize = 40;
/// What the start of the module can pay.
const START_FUEL: i32 = 200;

const TYPES: [ValType; 4] = [ValType::I32, ValType::I64, ValType::F32, ValType::F64];

/// Globals: one of each type, and the last that is paid with.
const FUEL_GLOBAL: u32 = TYPES.len() as u32;
/// The only import, with a type as the host likes it.
const IMPORTED: Signature = (&[ValType::I32, ValType::F64, ValType::I64], &[ValType::I64]);

type Signature<'a> = (&'a [ValType], &'a [ValType]);
type Owned = (Vec<ValType>, Vec<ValType>);

/// A module of these decisions.
pub(super) fn module(choices: &mut Choices<'_>) -> Vec<u8> {
    let mut module = Parts::default();
    let imported = module.ty((IMPORTED.0.to_vec(), IMPORTED.1.to_vec()));
    module.functions.push(imported);
    for _ in 0..1 + choices.below(5) {
        let list = |choices: &mut Choices<'_>, most| -> Vec<ValType> {
            (0..choices.below(most)).map(|_| *choices.pick(&TYPES)).collect()
        };
        let signature = (list(choices, 5), list(choices, 3));
        let ty = module.ty(signature);
        let body = Body::new(choices, &mut module, ty).finish();
        module.functions.push(ty);
        module.code.function(&body);
    }
    module.finish(choices, imported)
}

#[derive(Default)]
struct Parts {
    types: Vec<Owned>,
    /// Types of the functions so far, imported ones first.
    functions: Vec<u32>,
    code: CodeSection,
}

impl Parts {
    /// The index of a type.
    fn ty(&mut self, ty: Owned) -> u32 {
        let known = self.types.iter().position(|known| *known == ty);
        known.unwrap_or_else(|| {
            self.types.push(ty);
            self.types.len() - 1
        }) as u32
    }

    fn finish(self, choices: &mut Choices<'_>, imported: u32) -> Vec<u8> {
        let mut types = TypeSection::new();
        for (params, results) in &self.types {
            types.ty().function(params.iter().copied(), results.iter().copied());
        }
        let mut imports = ImportSection::new();
        imports.import("host", "f", EntityType::Function(imported));
        let mut functions = FunctionSection::new();
        for &ty in &self.functions[1..] {
            functions.function(ty);
        }
        let mut tables = TableSection::new();
        tables.table(TableType {
            element_type: RefType::FUNCREF,
            table64: false,
            minimum: TABLE,
            maximum: Some(TABLE + 4),
            shared: false,
        });
        let mut memories = MemorySection::new();
        memories.memory(MemoryType {
            minimum: 1,
            maximum: Some(3),
            memory64: false,
            shared: false,
            page_size_log2: None,
        });
        let mut globals = GlobalSection::new();
        let zeros = [
            ConstExpr::i32_const(5),
            ConstExpr::i64_const(-3),
            ConstExpr::f32_const(1.5_f32.into()),
            ConstExpr::f64_const((-0.0_f64).into()),
        ];
        let mutable = |val_type| GlobalType { val_type, mutable: true, shared: false };
        for (ty, zero) in TYPES.into_iter().zip(&zeros) {
            globals.global(mutable(ty), zero);
        }
        globals.global(mutable(ValType::I32), &ConstExpr::i32_const(START_FUEL));
        let count = self.functions.len() as u32;
        let mut exports = ExportSection::new();
        for f in 0..count {
            exports.export(&format!("f{f}"), ExportKind::Func, f);
        }
        for g in 0..FUEL_GLOBAL {
            exports.export(&format!("g{g}"), ExportKind::Global, g);
        }
        exports.export("t0", ExportKind::Table, 0).export("m0", ExportKind::Memory, 0);
        exports.export(FUEL, ExportKind::Global, FUEL_GLOBAL);
        let in_table: Vec<u32> = (0..count.min(TABLE as u32)).collect();
        let mut elements = ElementSection::new();
        elements.active(None, &ConstExpr::i32_const(0), Elements::Functions(Cow::Borrowed(&in_table)));
        elements.passive(Elements::Functions(Cow::Borrowed(&in_table)));
        let mut data = DataSection::new();
        for mode in [
            DataSegmentMode::Active { memory_index: 0, offset: &ConstExpr::i32_const(8) },
            DataSegmentMode::Passive,
        ] {
            data.segment(DataSegment { mode, data: (0..DATA).map(|_| choices.bits() as u8) });
        }
        let mut module = Module::new();
        module.section(&types).section(&imports).section(&functions).section(&tables).section(&memories);
        module.section(&globals).section(&exports).section(&elements);
        module.section(&DataCountSection { count: 2 }).section(&self.code).section(&data);
        module.finish()
    }
}

/// A function that is being made.
struct Body<'g, 'c> {
    choices: &'g mut Choices<'c>,
    module: &'g mut Parts,
    results: Vec<ValType>,
    /// Parameters and locals; the last of each type is for canonical floats and counters alone.
    locals: Vec<ValType>,
    params: usize,
    code: Vec<I<'static>>,
    /// What branches to the open blocks carry, outermost first.
    labels: Vec<Vec<ValType>>,
    budget: usize,
    depth: usize,
}

impl<'g, 'c> Body<'g, 'c> {
    fn new(choices: &'g mut Choices<'c>, module: &'g mut Parts, ty: u32) -> Self {
        let (params, results) = module.types[ty as usize].clone();
        let mut locals = params.clone();
        for ty in TYPES {
            // One to choose, some more perhaps, and the last.
            locals.extend(vec![ty; 2 + choices.below(3)]);
        }
        let budget = MAX_BUDGET / (1 + choices.below(6));
        let labels = vec![results.clone()];
        let params = params.len();
        Body { choices, module, results, locals, params, code: Vec::new(), labels, budget, depth: 0 }
    }

    fn finish(mut self) -> Function {
        self.pay();
        // Decisions that are used up bring functions and expressions to an end.
        while self.budget > 0 && self.choices.percent(97) {
            self.statement();
        }
        let same: Vec<u32> = (0..self.module.functions.len() as u32)
            .filter(|&f| self.signature(f).1 == self.results)
            .collect();
        if !same.is_empty() && self.choices.percent(20) {
            let callee = *self.choices.pick(&same);
            self.arguments(callee);
            self.code.push(I::ReturnCall(callee));
        } else {
            for ty in self.results.clone() {
                self.visible(ty);
            }
        }
        self.code.push(I::End);
        let mut function = Function::new_with_locals_types(self.locals[self.params..].iter().copied());
        for instruction in &self.code {
            function.instruction(instruction);
        }
        function
    }

    fn signature(&self, func: u32) -> &Owned {
        &self.module.types[self.module.functions[func as usize] as usize]
    }

    /// Ends with a trap what goes on for too long.
    fn pay(&mut self) {
        self.code.extend([
            I::GlobalGet(FUEL_GLOBAL),
            I::I32Eqz,
            I::If(BlockType::Empty),
            I::Unreachable,
            I::End,
            I::GlobalGet(FUEL_GLOBAL),
            I::I32Const(1),
            I::I32Sub,
            I::GlobalSet(FUEL_GLOBAL),
        ]);
    }

    /// A local of that type, but not the last one.
    fn local(&mut self, ty: ValType) -> u32 {
        let of_type: Vec<u32> = (0..).zip(&self.locals).filter(|&(_, &t)| t == ty).map(|(i, _)| i).collect();
        *self.choices.pick(&of_type[..of_type.len() - 1])
    }

    fn last_local(&self, ty: ValType) -> u32 {
        self.locals.iter().rposition(|&t| t == ty).expect("each type has some") as u32
    }

    /// Some statements, none of which leaves anything on the stack.
    fn statements(&mut self) {
        for _ in 0..self.choices.below(4) {
            self.statement();
        }
    }

    fn statement(&mut self) {
        self.budget = self.budget.saturating_sub(1);
        if self.budget == 0 || self.depth >= MAX_DEPTH {
            return self.set();
        }
        self.depth += 1;
        match self.choices.below(24) {
            0..6 => self.set(),
            6..10 => self.store(),
            10 | 11 => self.conditional(),
            12 => self.block(),
            13 | 14 => self.counted_loop(),
            15 => self.carrying_block(),
            16 => self.switch(),
            17 | 18 => self.branch(),
            19 => self.call(),
            20 => {
                let which = self.choices.below(TYPES.len());
                self.visible(TYPES[which]);
                self.code.push(I::GlobalSet(which as u32));
            }
            21 => self.bulk(),
            22 => self.table(),
            _ => {
                let ty = *self.choices.pick(&TYPES);
                self.expression(ty);
                self.code.push(I::Drop);
            }
        }
        self.depth -= 1;
    }

    fn set(&mut self) {
        let ty = *self.choices.pick(&TYPES);
        self.expression(ty);
        let local = self.local(ty);
        self.code.push(I::LocalSet(local));
    }

    fn open(&mut self, block: I<'static>, carried: Vec<ValType>) {
        self.code.push(block);
        self.labels.push(carried);
    }

    fn close(&mut self) {
        self.code.push(I::End);
        self.labels.pop();
    }

    fn conditional(&mut self) {
        self.condition();
        self.open(I::If(BlockType::Empty), vec![]);
        self.statements();
        if self.choices.percent(50) {
            self.code.push(I::Else);
            self.statements();
        }
        self.close();
    }

    fn block(&mut self) {
        self.open(I::Block(BlockType::Empty), vec![]);
        self.statements();
        self.condition();
        self.code.push(I::BrIf(0));
        self.statements();
        self.close();
    }

    /// A loop that counts a local down, or one that goes on while something holds and it can pay.
    fn counted_loop(&mut self) {
        let counter = self.local(ValType::I32);
        let counted = self.choices.percent(70);
        if counted {
            let count = 1 + self.choices.below(5) as i32;
            self.code.extend([I::I32Const(count), I::LocalSet(counter)]);
        }
        self.open(I::Loop(BlockType::Empty), vec![]);
        self.pay();
        self.statements();
        if counted {
            self.code.extend([I::LocalGet(counter), I::I32Const(-1), I::I32Add, I::LocalTee(counter)]);
        } else {
            self.condition();
        }
        self.code.push(I::BrIf(0));
        self.close();
    }

    /// A block or loop with parameters and results, and branches that carry them.
    fn carrying_block(&mut self) {
        let some = |choices: &mut Choices<'_>| -> Vec<ValType> {
            (0..choices.below(4)).map(|_| *choices.pick(&TYPES)).collect()
        };
        let (params, results) = (some(self.choices), some(self.choices));
        let ty = BlockType::FunctionType(self.module.ty((params.clone(), results.clone())));
        self.expressions(&params);
        let repeated = self.choices.percent(30);
        if repeated {
            self.open(I::Loop(ty), params.clone());
            self.pay();
        } else {
            self.open(I::Block(ty), results.clone());
        }
        self.take(&params);
        self.statements();
        let carried = if repeated { &params } else { &results };
        if self.choices.percent(70) {
            self.expressions(carried);
            self.condition();
            self.code.push(I::BrIf(0));
            self.take(carried);
        }
        self.expressions(&results);
        self.close();
        self.take(&results);
    }

    /// Puts values of these types on the stack.
    fn expressions(&mut self, types: &[ValType]) {
        types.iter().for_each(|&ty| self.expression(ty));
    }

    /// Takes values of these types off the stack.
    fn take(&mut self, types: &[ValType]) {
        for &ty in types.iter().rev() {
            let taken = if self.choices.percent(80) { I::LocalSet(self.local(ty)) } else { I::Drop };
            self.code.push(taken);
        }
    }

    fn switch(&mut self) {
        let cases = 1 + self.choices.below(4) as u32;
        (0..=cases).for_each(|_| self.open(I::Block(BlockType::Empty), vec![]));
        self.small_index();
        let targets: Vec<u32> = (0..cases).map(|_| self.choices.below(cases as usize + 1) as u32).collect();
        self.code.push(I::BrTable(targets.into(), cases));
        for _ in 0..=cases {
            self.close();
            self.statements();
        }
    }

    /// A branch outwards, with what it carries; on a condition, unless that is the end of something.
    fn branch(&mut self) {
        let depth = self.choices.below(self.labels.len());
        let carried = self.labels[self.labels.len() - 1 - depth].clone();
        let returns = depth + 1 == self.labels.len();
        self.condition();
        self.open(I::If(BlockType::Empty), vec![]);
        carried.iter().for_each(|&ty| if returns { self.visible(ty) } else { self.expression(ty) });
        self.code.push(if returns && self.choices.percent(50) { I::Return } else { I::Br(depth as u32 + 1) });
        self.close();
    }

    fn arguments(&mut self, callee: u32) {
        for ty in self.signature(callee).0.clone() {
            self.visible(ty);
        }
    }

    fn call(&mut self) {
        let callee = self.choices.below(self.module.functions.len()) as u32;
        self.arguments(callee);
        if self.choices.percent(70) {
            self.code.push(I::Call(callee));
        } else {
            // Mostly the function that it is to be; the table can have changed.
            let at = if self.choices.percent(90) { callee as i32 } else { self.choices.below(10) as i32 };
            self.code.push(I::I32Const(at));
            let type_index = self.module.functions[callee as usize];
            self.code.push(I::CallIndirect { type_index, table_index: 0 });
        }
        let results = self.signature(callee).1.clone();
        self.take(&results);
    }

    fn bulk(&mut self) {
        match self.choices.below(4) {
            0 => {
                self.address();
                self.expression(ValType::I32);
                self.small_index();
                self.code.push(I::MemoryFill(0));
            }
            1 => {
                self.address();
                self.address();
                self.small_index();
                self.code.push(I::MemoryCopy { src_mem: 0, dst_mem: 0 });
            }
            2 => {
                self.address();
                self.small_index();
                self.small_index();
                self.code.push(I::MemoryInit { mem: 0, data_index: 1 });
            }
            _ => {
                let rare = [I::DataDrop(1), I::ElemDrop(1)];
                if self.choices.percent(20) {
                    self.code.push(self.choices.pick(&rare).clone());
                } else {
                    self.small_index();
                    let local = self.local(ValType::I32);
                    self.code.extend([I::MemoryGrow(0), I::LocalSet(local)]);
                }
            }
        }
    }

    fn table(&mut self) {
        match self.choices.below(5) {
            0 => {
                self.small_index();
                let func = self.choices.below(self.module.functions.len()) as u32;
                self.code.extend([I::RefFunc(func), I::TableSet(0)]);
            }
            1 => {
                self.small_index();
                self.small_index();
                self.code.extend([I::TableGet(0), I::TableSet(0)]);
            }
            2 => {
                (0..2).for_each(|_| self.small_index());
                self.code.extend([I::I32Const(2), I::TableCopy { src_table: 0, dst_table: 0 }]);
            }
            3 => {
                (0..2).for_each(|_| self.small_index());
                self.code.extend([I::I32Const(1), I::TableInit { elem_index: 1, table: 0 }]);
            }
            _ => {
                let null = I::RefNull(wasm_encoder::HeapType::FUNC);
                self.code.push(null);
                self.small_index();
                let local = self.local(ValType::I32);
                self.code.extend([I::TableGrow(0), I::LocalSet(local)]);
            }
        }
    }

    /// An `i32` below 4, mostly.
    fn small_index(&mut self) {
        if self.choices.percent(50) {
            let index = self.choices.below(5) as i32;
            return self.code.push(I::I32Const(index));
        }
        self.expression(ValType::I32);
        let mask = if self.choices.percent(90) { 3 } else { 15 };
        self.code.extend([I::I32Const(mask), I::I32And]);
    }

    /// An address as compilers compute them, mostly within the memory.
    fn address(&mut self) {
        let mask = |body: &mut Self| {
            let mask = if body.choices.percent(98) { 0x3FFF } else { 0x1_FFFF };
            body.code.extend([I::I32Const(mask), I::I32And]);
        };
        let kind = self.choices.below(8);
        if kind == 0 {
            let address = *self.choices.pick(&[0, 8, 13, 100, 0xFFFC, 0xFFFF]);
            return self.code.push(I::I32Const(address));
        }
        self.expression(ValType::I32);
        mask(self);
        if kind >= 4 {
            self.expression(ValType::I32);
            mask(self);
            if kind >= 6 {
                let shift = self.choices.below(4) as i32;
                self.code.extend([I::I32Const(shift), if kind == 6 { I::I32Shl } else { I::I32Mul }]);
            }
            self.code.push(I::I32Add);
        }
        if kind % 2 == 1 {
            // A negative one is mostly outside, as addresses are mostly small.
            let displacement =
                if self.choices.percent(5) { -4 } else { *self.choices.pick(&[4, 16, 0x1000]) };
            self.code.extend([I::I32Const(displacement), I::I32Add]);
        }
        // Computed once and kept, as for a field after another.
        if self.choices.percent(20) {
            let local = self.local(ValType::I32);
            self.code.push(I::LocalTee(local));
        }
    }

    /// Where an access is to be, from its address.
    fn place(&mut self, most_align: u32) -> MemArg {
        let offset = *self.choices.pick(&[0, 0, 0, 4, 8, 24, 1000, 0xFFF0, 0x1_0000, 0xFFFF_FFF0]);
        let offset = if offset > 1000 && self.choices.percent(96) { 12 } else { offset };
        let align = self.choices.below(most_align as usize + 1) as u32;
        MemArg { offset, align, target: MemArgTarget::Memory(0), ordering: None }
    }

    fn store(&mut self) {
        self.address();
        let which = self.choices.below(9);
        let ty = [0, 1, 2, 3, 0, 0, 1, 1, 1][which];
        self.visible(TYPES[ty]);
        let place = self.place([2, 3, 2, 3, 0, 1, 0, 1, 2][which]);
        self.code.push(match which {
            0 => I::I32Store(place),
            1 => I::I64Store(place),
            2 => I::F32Store(place),
            3 => I::F64Store(place),
            4 => I::I32Store8(place),
            5 => I::I32Store16(place),
            6 => I::I64Store8(place),
            7 => I::I64Store16(place),
            _ => I::I64Store32(place),
        });
    }

    fn load(&mut self, ty: ValType) {
        self.address();
        let which = self.choices.below(7);
        let place = self.place(match (ty, which) {
            (ValType::I32 | ValType::I64, 0 | 1) => 0,
            (ValType::I32 | ValType::I64, 2 | 3) => 1,
            (ValType::I64, 4 | 5) | (ValType::I32 | ValType::F32, _) => 2,
            (ValType::I64 | ValType::F64 | ValType::V128 | ValType::Ref(_), _) => 3,
        });
        self.code.push(match (ty, which) {
            (ValType::I32, 0) => I::I32Load8S(place),
            (ValType::I32, 1) => I::I32Load8U(place),
            (ValType::I32, 2) => I::I32Load16S(place),
            (ValType::I32, 3) => I::I32Load16U(place),
            (ValType::I32, _) => I::I32Load(place),
            (ValType::I64, 0) => I::I64Load8S(place),
            (ValType::I64, 1) => I::I64Load8U(place),
            (ValType::I64, 2) => I::I64Load16S(place),
            (ValType::I64, 3) => I::I64Load16U(place),
            (ValType::I64, 4) => I::I64Load32S(place),
            (ValType::I64, 5) => I::I64Load32U(place),
            (ValType::I64, _) => I::I64Load(place),
            (ValType::F32, _) => I::F32Load(place),
            (ValType::F64 | ValType::V128 | ValType::Ref(_), _) => I::F64Load(place),
        });
    }

    /// An `i32` that decides something: mostly a comparison.
    fn condition(&mut self) {
        if self.choices.percent(15) {
            return self.expression(ValType::I32);
        }
        let ty = self.choices.below(TYPES.len());
        if ty < 2 && self.choices.percent(25) {
            self.expression(TYPES[ty]);
            self.code.push(if ty == 0 { I::I32Eqz } else { I::I64Eqz });
        } else {
            self.operands(TYPES[ty]);
            let comparison = self.choices.pick(COMPARISONS[ty]).clone();
            self.code.push(comparison);
        }
        if self.choices.percent(20) {
            self.code.push(I::I32Eqz);
        }
    }

    /// Two values of a type. Between them may be statements, which find the first on the stack.
    fn operands(&mut self, ty: ValType) {
        self.expression(ty);
        if self.depth < MAX_DEPTH && self.choices.percent(8) {
            self.statement();
        }
        self.expression(ty);
    }

    /// A value whose bits can be seen: no other NaN than the canonical one.
    fn visible(&mut self, ty: ValType) {
        self.expression(ty);
        let local = self.last_local(ty);
        let (nan, equal) = match ty {
            ValType::F32 => (I::F32Const(f32::from_bits(0x7FC0_0000).into()), I::F32Eq),
            ValType::F64 => (I::F64Const(f64::from_bits(0x7FF8_0000_0000_0000).into()), I::F64Eq),
            ValType::I32 | ValType::I64 | ValType::V128 | ValType::Ref(_) => return,
        };
        let same = [I::LocalTee(local), nan, I::LocalGet(local), I::LocalGet(local), equal, I::Select];
        self.code.extend(same);
    }

    /// Puts a value on the stack.
    fn expression(&mut self, ty: ValType) {
        self.budget = self.budget.saturating_sub(1);
        let which = TYPES.iter().position(|&t| t == ty).expect("one of these");
        if self.depth >= MAX_DEPTH || self.budget == 0 || !self.choices.percent(70) {
            return self.leaf(which);
        }
        self.depth += 1;
        match self.choices.below(16) {
            0..7 => self.binary(which),
            7 => {
                self.expression(ty);
                let operation = self.choices.pick(UNARY[which]).clone();
                self.code.push(operation);
            }
            8 => {
                let (from, operation) = self.choices.pick(CONVERSIONS[which]).clone();
                // What a reinterpretation shows are bits.
                self.visible(TYPES[from]);
                self.code.push(operation);
            }
            9 | 10 => self.load(ty),
            11 => {
                self.operands(ty);
                self.condition();
                self.code.push(if self.choices.percent(80) { I::Select } else { I::TypedSelect(ty) });
            }
            12 => {
                self.condition();
                self.open(I::If(BlockType::Result(ty)), vec![ty]);
                self.statements();
                self.expression(ty);
                self.code.push(I::Else);
                self.expression(ty);
                self.close();
            }
            13 => {
                self.open(I::Block(BlockType::Result(ty)), vec![ty]);
                self.expression(ty);
                self.condition();
                self.code.push(I::BrIf(0));
                let other = if self.choices.percent(50) { I::LocalSet(self.local(ty)) } else { I::Drop };
                self.code.push(other);
                self.statements();
                self.expression(ty);
                self.close();
            }
            14 => {
                self.expression(ty);
                let local = self.local(ty);
                self.code.push(I::LocalTee(local));
            }
            _ if which == 0 => self.condition(),
            _ => self.leaf(which),
        }
        self.depth -= 1;
    }

    fn binary(&mut self, which: usize) {
        let operations = BINARY[which];
        let operation = self.choices.below(operations.len());
        if matches!(operations[operation], I::F32Copysign | I::F64Copysign) {
            self.expression(TYPES[which]);
            // The sign of the second is seen, be it a NaN or not.
            self.visible(TYPES[which]);
            return self.code.push(operations[operation].clone());
        }
        self.operands(TYPES[which]);
        // Integers: divisions and remainders come first, and mostly divide by an odd number.
        if which < 2 && operation < 4 && self.choices.percent(97) {
            let one = if which == 0 { [I::I32Const(1), I::I32Or] } else { [I::I64Const(1), I::I64Or] };
            self.code.extend(one);
        }
        self.code.push(operations[operation].clone());
    }

    fn leaf(&mut self, which: usize) {
        let ty = TYPES[which];
        let leaf = match self.choices.below(10) {
            0..6 => I::LocalGet(self.local(ty)),
            6 => I::GlobalGet(which as u32),
            7 if which == 0 => I::MemorySize(0),
            _ => {
                let small = self.choices.below(7) as u64;
                let bits = match ty {
                    ValType::I32 | ValType::I64 if self.choices.percent(60) => small,
                    ValType::I32 => *self.choices.pick(&edges::few_edges(bytecode_spec::ValType::I32)),
                    ValType::I64 => *self.choices.pick(&edges::few_edges(bytecode_spec::ValType::I64)),
                    ValType::F32 => *self.choices.pick(&edges::few_edges(bytecode_spec::ValType::F32)),
                    ValType::F64 | ValType::V128 | ValType::Ref(_) => {
                        *self.choices.pick(&edges::few_edges(bytecode_spec::ValType::F64))
                    }
                };
                match ty {
                    ValType::I32 => I::I32Const(bits as i32),
                    ValType::I64 => I::I64Const(bits as i64),
                    ValType::F32 => I::F32Const(f32::from_bits(bits as u32).into()),
                    ValType::F64 | ValType::V128 | ValType::Ref(_) => {
                        I::F64Const(f64::from_bits(bits).into())
                    }
                }
            }
        };
        self.code.push(leaf);
    }
}

const BINARY: [&[I<'static>]; 4] = [
    &[
        I::I32DivS,
        I::I32DivU,
        I::I32RemS,
        I::I32RemU,
        I::I32Add,
        I::I32Add,
        I::I32Sub,
        I::I32Mul,
        I::I32And,
        I::I32Or,
        I::I32Xor,
        I::I32Shl,
        I::I32ShrS,
        I::I32ShrU,
        I::I32Rotl,
        I::I32Rotr,
    ],
    &[
        I::I64DivS,
        I::I64DivU,
        I::I64RemS,
        I::I64RemU,
        I::I64Add,
        I::I64Add,
        I::I64Sub,
        I::I64Mul,
        I::I64And,
        I::I64Or,
        I::I64Xor,
        I::I64Shl,
        I::I64ShrS,
        I::I64ShrU,
        I::I64Rotl,
        I::I64Rotr,
    ],
    &[I::F32Add, I::F32Sub, I::F32Mul, I::F32Div, I::F32Min, I::F32Max, I::F32Copysign],
    &[I::F64Add, I::F64Sub, I::F64Mul, I::F64Div, I::F64Min, I::F64Max, I::F64Copysign],
];

const UNARY: [&[I<'static>]; 4] = [
    &[I::I32Clz, I::I32Ctz, I::I32Popcnt, I::I32Extend8S, I::I32Extend16S],
    &[I::I64Clz, I::I64Ctz, I::I64Popcnt, I::I64Extend8S, I::I64Extend16S, I::I64Extend32S],
    &[I::F32Abs, I::F32Neg, I::F32Ceil, I::F32Floor, I::F32Trunc, I::F32Nearest, I::F32Sqrt],
    &[I::F64Abs, I::F64Neg, I::F64Ceil, I::F64Floor, I::F64Trunc, I::F64Nearest, I::F64Sqrt],
];

/// What gives a value of a type, each with the place in [`TYPES`] of what it is given.
const CONVERSIONS: [&[(usize, I<'static>)]; 4] = [
    &[
        (1, I::I32WrapI64),
        (1, I::I64Eqz),
        (2, I::I32TruncSatF32S),
        (2, I::I32TruncSatF32U),
        (3, I::I32TruncSatF64S),
        (3, I::I32TruncSatF64U),
        (2, I::I32ReinterpretF32),
        (3, I::I32TruncF64S),
    ],
    &[
        (0, I::I64ExtendI32S),
        (0, I::I64ExtendI32U),
        (0, I::I64ExtendI32U),
        (2, I::I64TruncSatF32S),
        (3, I::I64TruncSatF64U),
        (3, I::I64ReinterpretF64),
    ],
    &[
        (0, I::F32ConvertI32S),
        (0, I::F32ConvertI32U),
        (1, I::F32ConvertI64S),
        (1, I::F32ConvertI64U),
        (3, I::F32DemoteF64),
        (0, I::F32ReinterpretI32),
    ],
    &[
        (0, I::F64ConvertI32S),
        (0, I::F64ConvertI32U),
        (1, I::F64ConvertI64S),
        (1, I::F64ConvertI64U),
        (2, I::F64PromoteF32),
        (1, I::F64ReinterpretI64),
    ],
];

const COMPARISONS: [&[I<'static>]; 4] = [
    &[
        I::I32Eq,
        I::I32Ne,
        I::I32LtS,
        I::I32LtU,
        I::I32GtS,
        I::I32GtU,
        I::I32LeS,
        I::I32LeU,
        I::I32GeS,
        I::I32GeU,
        I::I32And,
    ],
    &[
        I::I64Eq,
        I::I64Ne,
        I::I64LtS,
        I::I64LtU,
        I::I64GtS,
        I::I64GtU,
        I::I64LeS,
        I::I64LeU,
        I::I64GeS,
        I::I64GeU,
    ],
    &[I::F32Eq, I::F32Ne, I::F32Lt, I::F32Gt, I::F32Le, I::F32Ge],
    &[I::F64Eq, I::F64Ne, I::F64Lt, I::F64Gt, I::F64Le, I::F64Ge],
];
