//! Every numeric and memory row of the table, on every edge value, in every configuration, against `semantics`: with
//! registers, constants and fused branches, and with results over operands. A row without a case fails.

use bytecode_spec::limits::PAGE_SIZE;
use bytecode_spec::meaning::{Meaning, meaning};
use bytecode_spec::slot::Slot;
use bytecode_spec::{
    Arg, ExportKind, FuncIndex, FuncType, FunctionBuilder, Kind, Limits, Memory, MemoryIndex, MemoryType,
    Module, Op, Reg, ShapeKind, TrapCause, ValType, semantics, verify,
};
use strata::{Config, Error, Func, Instance, Linker, Store, Trap, Val};
use strata_testing::configuration::{self, Configuration};
use strata_testing::edges::{edges, few_edges};
use strata_testing::slots;

/// A module under construction.
#[derive(Default)]
struct Program(Module);

impl Program {
    /// Adds a function of that type, exported under the number it gets; `body` gets a register for the first result.
    fn function(
        &mut self,
        params: &[ValType],
        result: Option<ValType>,
        body: impl FnOnce(&mut FunctionBuilder, Option<Reg>),
    ) -> usize {
        let ty = FuncType::new(params, result.into_iter().collect::<Vec<_>>());
        let index = self.0.intern_type(&ty);
        let mut builder = FunctionBuilder::new(index, &ty);
        let result = result.map(|ty| builder.register(ty));
        body(&mut builder, result);
        let number = self.0.functions.len();
        self.0.functions.push(builder.finish().unwrap());
        self.0.export(&number.to_string(), ExportKind::Func(FuncIndex(number as u32)));
        number
    }

    fn with_memory(mut self) -> Program {
        let limits = Limits { min: 1, max: None };
        self.0.memories.push(Memory { name: String::new(), ty: MemoryType { limits } });
        self.0.export("memory", ExportKind::Memory(MemoryIndex(0)));
        self
    }

    fn load(&self, configuration: &Configuration) -> Subject {
        let engine = configuration.engine(Config::new());
        let verified = verify(self.0.clone()).unwrap_or_else(|errors| panic!("{errors}"));
        let module = strata::Module::from_verified(&engine, verified);
        let mut store = Store::new(&engine, ());
        if configuration.fuel {
            store.set_fuel(u64::MAX).unwrap();
        }
        let instance = Linker::new(&engine).instantiate(&mut store, &module).unwrap();
        let functions = (0..self.0.functions.len()).map(|i| instance.func(&store, &i.to_string()).unwrap());
        let functions = functions.collect();
        Subject { store, instance, functions, name: configuration.name, called: false }
    }
}

/// An instance in some configuration.
struct Subject {
    store: Store<()>,
    instance: Instance,
    functions: Vec<Func>,
    name: &'static str,
    called: bool,
}

/// Every subject has seen a call: a row without cases fails.
impl Drop for Subject {
    fn drop(&mut self) {
        assert!(self.called || std::thread::panicking(), "a row has no cases");
    }
}

impl Subject {
    fn call(&mut self, function: usize, args: &[Val]) -> Result<Option<u64>, TrapCause> {
        self.called = true;
        match self.functions[function].call(&mut self.store, args) {
            Ok(results) => Ok(results.first().and_then(|&value| slots::from_val(value))),
            Err(Error::Trap(trap)) => Err(Trap::cause(&trap)),
            Err(error) => panic!("{error}"),
        }
    }

    /// Calls a function and compares what it gives.
    #[track_caller]
    fn expect(
        &mut self,
        op: Op,
        function: usize,
        inputs: &[(ValType, u64)],
        wanted: Result<u64, TrapCause>,
        ty: ValType,
    ) {
        let args: Vec<Val> = inputs.iter().map(|&(ty, slot)| slots::to_val(ty, slot)).collect();
        let found = self.call(function, &args).map(|value| value.expect("one result"));
        let equal = match (found, wanted) {
            (Ok(found), Ok(wanted)) => same(op, ty, found, wanted),
            (found, wanted) => found == wanted,
        };
        if !equal {
            let show = |result: Result<u64, TrapCause>| match result {
                Ok(slot) => slots::show(ty, slot),
                Err(cause) => cause.name().to_owned(),
            };
            let inputs: Vec<String> = inputs.iter().map(|&(ty, slot)| slots::show(ty, slot)).collect();
            panic!(
                "{} ({op:?}) of {} in {}: {}, expected {}",
                op.info().mnemonic(),
                inputs.join(" and "),
                self.name,
                show(found),
                show(wanted)
            );
        }
    }
}

/// Whether a result is right: the same bits, or a quiet NaN for one that was computed.
fn same(op: Op, ty: ValType, found: u64, wanted: u64) -> bool {
    let moves = ["abs.", "neg.", "copysign.", "reinterpret.", "load."];
    if found == wanted || moves.iter().any(|prefix| op.info().mnemonic().starts_with(prefix)) {
        return found == wanted;
    }
    let quiet = if ty == ValType::F32 { 1 << 22 } else { 1 << 51 };
    slots::same(ty, found, wanted) && found & quiet != 0
}

/// The types of a row's inputs, in order, and of its output.
fn types(op: Op) -> (Vec<ValType>, Option<ValType>) {
    let of = |kinds: &'static [Kind]| {
        let operands = op.info().operands().iter().filter(move |o| kinds.contains(&o.kind));
        operands.filter_map(|operand| operand.rule?.fixed())
    };
    (of(&[Kind::Use, Kind::Imm64, Kind::Imm32]).collect(), of(&[Kind::Def]).next())
}

/// Rows whose meaning is of some kind; every test says which ones it covers.
fn rows(of_kind: fn(Meaning) -> bool) -> impl Iterator<Item = Op> {
    Op::ALL.iter().copied().filter(move |&op| of_kind(meaning(op)))
}

fn has_constant(op: Op) -> bool {
    matches!(op.info().shape, ShapeKind::BinaryImm | ShapeKind::BranchImm)
}

/// Every input with every other.
fn combinations(types: &[ValType]) -> Vec<Vec<(ValType, u64)>> {
    types.iter().fold(vec![vec![]], |lists, &ty| {
        let with = |list: &Vec<(ValType, u64)>| {
            edges(ty).into_iter().map(|slot| [list.as_slice(), &[(ty, slot)]].concat()).collect::<Vec<_>>()
        };
        lists.iter().flat_map(with).collect()
    })
}

#[test]
fn values_of_registers() {
    for op in rows(|m| matches!(m, Meaning::Value(_))).filter(|&op| !has_constant(op)) {
        let Meaning::Value(meaning) = meaning(op) else { unreachable!() };
        let (inputs, Some(output)) = types(op) else { panic!("{op:?} has an output") };
        let mut program = Program::default();
        let regs: Vec<Reg> = (0..inputs.len()).map(|i| Reg(i as u16)).collect();
        let operands = |dst: Reg, regs: &[Reg]| -> Vec<Arg<'static>> {
            [dst].iter().chain(regs).map(|&reg| reg.into()).collect()
        };
        // Where the result goes: to a register of its own, or to an operand's if that has the type.
        let mut places = vec![program.function(&inputs, Some(output), |f, own| {
            let own = own.unwrap();
            f.emit(op, &operands(own, &regs));
            f.emit(Op::Ret, &[Arg::Regs(&[own])]);
        })];
        for (&ty, &reg) in inputs.iter().zip(&regs).filter(|(ty, _)| **ty == output) {
            places.push(program.function(&inputs, Some(ty), |f, _| {
                f.emit(op, &operands(reg, &regs));
                f.emit(Op::Ret, &[Arg::Regs(&[reg])]);
            }));
        }
        // One register as every operand, and as the result too.
        let first = vec![Reg(0); inputs.len()];
        let mut one = vec![program.function(&inputs[..1], Some(output), |f, own| {
            let own = own.unwrap();
            f.emit(op, &operands(own, &first));
            f.emit(Op::Ret, &[Arg::Regs(&[own])]);
        })];
        if inputs[0] == output {
            one.push(program.function(&inputs[..1], Some(output), |f, _| {
                f.emit(op, &operands(Reg(0), &first));
                f.emit(Op::Ret, &[Arg::Regs(&[Reg(0)])]);
            }));
        }
        for configuration in configuration::ALL {
            let mut subject = program.load(configuration);
            for values in combinations(&inputs) {
                let slots: Vec<u64> = values.iter().map(|v| v.1).collect();
                let wanted = meaning(&slots);
                for &function in &places {
                    subject.expect(op, function, &values, wanted, output);
                }
            }
            for slot in edges(inputs[0]) {
                let wanted = meaning(&vec![slot; inputs.len()]);
                for &function in &one {
                    subject.expect(op, function, &[(inputs[0], slot)], wanted, output);
                }
            }
        }
    }
}

#[test]
fn values_of_constants() {
    for op in rows(|m| matches!(m, Meaning::Value(_))).filter(|&op| has_constant(op)) {
        let Meaning::Value(meaning) = meaning(op) else { unreachable!() };
        let (inputs, Some(output)) = types(op) else { panic!("{op:?} has an output") };
        let [ty, constant_ty] = inputs[..] else { panic!("{op:?} has two inputs") };
        let mut program = Program::default();
        let constants = edges(constant_ty);
        for &constant in &constants {
            for in_place in [false, ty == output] {
                program.function(&[ty], Some(output), |f, own| {
                    let dst = if in_place { f.param(0) } else { own.unwrap() };
                    f.emit(op, &[dst.into(), f.param(0).into(), Arg::Imm(constant)]);
                    f.emit(Op::Ret, &[Arg::Regs(&[dst])]);
                });
            }
        }
        for configuration in configuration::ALL {
            let mut subject = program.load(configuration);
            for (i, &constant) in constants.iter().enumerate() {
                for slot in edges(ty) {
                    let wanted = meaning(&[slot, constant]);
                    subject.expect(op, 2 * i, &[(ty, slot)], wanted, output);
                    subject.expect(op, 2 * i + 1, &[(ty, slot)], wanted, output);
                }
            }
        }
    }
}

/// Adds two functions that tell whether a branch is taken, forwards and backwards.
fn branch_functions(program: &mut Program, op: Op, params: &[ValType], operands: &[Arg<'_>]) -> [usize; 2] {
    [false, true].map(|backwards| {
        program.function(params, Some(ValType::I32), |f, own| {
            let (own, taken, test) = (own.unwrap(), f.label(), f.label());
            if backwards {
                f.emit(Op::Jump, &[test.into()]);
                f.bind(taken);
                f.emit(Op::ConstI32, &[own.into(), 1.into()]);
                f.emit(Op::Ret, &[Arg::Regs(&[own])]);
            }
            f.bind(test);
            f.emit(op, &[operands, &[taken.into()]].concat());
            f.emit(Op::ConstI32, &[own.into(), 0.into()]);
            f.emit(Op::Ret, &[Arg::Regs(&[own])]);
            if !backwards {
                f.bind(taken);
                f.emit(Op::ConstI32, &[own.into(), 1.into()]);
                f.emit(Op::Ret, &[Arg::Regs(&[own])]);
            }
        })
    })
}

#[test]
fn tests_of_registers() {
    for op in rows(|m| matches!(m, Meaning::Test(_))).filter(|&op| !has_constant(op)) {
        let Meaning::Test(meaning) = meaning(op) else { unreachable!() };
        let (inputs, _) = types(op);
        let mut program = Program::default();
        let regs: Vec<Arg<'_>> = (0..inputs.len()).map(|i| Reg(i as u16).into()).collect();
        let functions = branch_functions(&mut program, op, &inputs, &regs);
        let same = branch_functions(&mut program, op, &inputs[..1], &vec![Reg(0).into(); inputs.len()]);
        for configuration in configuration::ALL {
            let mut subject = program.load(configuration);
            for values in combinations(&inputs) {
                let slots: Vec<u64> = values.iter().map(|v| v.1).collect();
                for function in functions {
                    subject.expect(op, function, &values, Ok(meaning(&slots).into_slot()), ValType::I32);
                }
            }
            for slot in edges(inputs[0]) {
                let wanted = meaning(&vec![slot; inputs.len()]);
                for function in same {
                    subject.expect(op, function, &[(inputs[0], slot)], Ok(wanted.into_slot()), ValType::I32);
                }
            }
        }
    }
}

#[test]
fn tests_of_constants() {
    for op in rows(|m| matches!(m, Meaning::Test(_))).filter(|&op| has_constant(op)) {
        let Meaning::Test(meaning) = meaning(op) else { unreachable!() };
        let (inputs, _) = types(op);
        let ty = inputs[0];
        // Constants have 32 bits and are sign-extended.
        let constants = edges(ValType::I32)
            .into_iter()
            .map(|bits| if ty == ValType::I64 { i64::from(bits as i32) as u64 } else { bits });
        let mut program = Program::default();
        let functions: Vec<(u64, [usize; 2])> = constants
            .map(|constant| {
                let operands = [Reg(0).into(), Arg::Imm(constant)];
                (constant, branch_functions(&mut program, op, &[ty], &operands))
            })
            .collect();
        for configuration in configuration::ALL {
            let mut subject = program.load(configuration);
            for &(constant, functions) in &functions {
                for slot in edges(ty) {
                    let wanted = Ok(meaning(&[slot, constant]).into_slot());
                    for function in functions {
                        subject.expect(op, function, &[(ty, slot)], wanted, ValType::I32);
                    }
                }
            }
        }
    }
}

const PAGE: u32 = PAGE_SIZE as u32;
/// Offsets: none, odd, about the end of the memory, about the end of addresses.
const OFFSETS: [u32; 8] = [0, 1, 7, PAGE - 8, PAGE - 1, PAGE, 0x8000_0000, u32::MAX];
/// Addresses: about the beginning and the end of the memory, and of addresses.
const ADDRESSES: [u32; 16] = [
    0,
    1,
    7,
    8,
    PAGE - 9,
    PAGE - 8,
    PAGE - 7,
    PAGE - 4,
    PAGE - 2,
    PAGE - 1,
    PAGE,
    0x7FFF_FFFF,
    0x8000_0000,
    u32::MAX - 7,
    u32::MAX - 1,
    u32::MAX,
];
/// Indices, some of which wrap when shifted.
const INDICES: [u32; 8] = [0, 1, 0x1FFF, 0x2000, 0x2000_0001, 0x4000_0000, 0x8000_0001, u32::MAX];

/// How an access finds its address.
#[derive(Clone, Copy, Debug)]
enum Form {
    Plain { offset: u32 },
    Indexed { offset: u32, shift: u32 },
}

fn forms(op: Op) -> Vec<Form> {
    let indexed = op.info().operands().iter().any(|o| o.kind == Kind::Shift);
    let plain = OFFSETS.iter().map(|&offset| Form::Plain { offset });
    let with_index = [0, 3, PAGE - 8, u32::MAX]
        .into_iter()
        .flat_map(|offset| (0..4).map(move |shift| Form::Indexed { offset, shift }));
    if indexed { with_index.collect() } else { plain.collect() }
}

impl Form {
    /// Types of the registers that make the address, and all values for them.
    fn addresses(self) -> Vec<Vec<u32>> {
        match self {
            Form::Plain { .. } => ADDRESSES.iter().map(|&address| vec![address]).collect(),
            Form::Indexed { .. } => {
                let bases = [0, 9, PAGE - 8, PAGE - 1, 0xFFFF_FFF8, u32::MAX];
                bases.iter().flat_map(|&base| INDICES.iter().map(move |&index| vec![base, index])).collect()
            }
        }
    }

    fn registers(self) -> usize {
        match self {
            Form::Plain { .. } => 1,
            Form::Indexed { .. } => 2,
        }
    }

    fn effective(self, address: &[u32]) -> u64 {
        match self {
            Form::Plain { offset } => semantics::effective_address(address[0] as i32, offset),
            Form::Indexed { offset, shift } => {
                semantics::indexed_address(address[0] as i32, address[1] as i32, shift, offset)
            }
        }
    }

    /// The operands of an access: registers of the address by name, `value` where the row has it.
    fn operands(self, op: Op, value: Reg) -> Vec<Arg<'static>> {
        let explicit = op.info().explicit();
        explicit
            .map(|operand| match (operand.name(), self) {
                ("addr" | "base", _) => Reg(0).into(),
                ("index", _) => Reg(1).into(),
                ("offset", Form::Plain { offset } | Form::Indexed { offset, .. }) => offset.into(),
                ("shift", Form::Indexed { shift, .. }) => shift.into(),
                _ => value.into(),
            })
            .collect()
    }
}

fn range(address: u64, bytes: usize) -> Result<std::ops::Range<usize>, TrapCause> {
    let end = address + bytes as u64;
    if end <= PAGE_SIZE as u64 {
        Ok(address as usize..end as usize)
    } else {
        Err(TrapCause::MemoryOutOfBounds)
    }
}

#[test]
fn loads() {
    let pattern: Vec<u8> = (0..PAGE_SIZE as u32).map(|i| (i.wrapping_mul(0x9E37_79B1) >> 24) as u8).collect();
    for op in rows(|m| matches!(m, Meaning::Load(..))) {
        let Meaning::Load(bytes, meaning) = meaning(op) else { unreachable!() };
        let (_, Some(output)) = types(op) else { panic!("{op:?} has an output") };
        let mut program = Program::default().with_memory();
        let forms = forms(op);
        for &form in &forms {
            let params = vec![ValType::I32; form.registers()];
            // To a register of its own, and to one of the address.
            for in_place in [false, output == ValType::I32] {
                program.function(&params, Some(output), |f, own| {
                    let dst = if in_place { f.param(params.len() - 1) } else { own.unwrap() };
                    f.emit(op, &form.operands(op, dst));
                    f.emit(Op::Ret, &[Arg::Regs(&[dst])]);
                });
            }
        }
        for configuration in configuration::ALL {
            let mut subject = program.load(configuration);
            let memory = subject.instance.memory(&subject.store, "memory").unwrap();
            memory.write(&mut subject.store, 0, &pattern).unwrap();
            for (i, form) in forms.iter().enumerate() {
                for address in form.addresses() {
                    let wanted = range(form.effective(&address), bytes).map(|range| meaning(&pattern[range]));
                    let inputs: Vec<(ValType, u64)> =
                        address.iter().map(|&part| (ValType::I32, u64::from(part))).collect();
                    subject.expect(op, 2 * i, &inputs, wanted, output);
                    subject.expect(op, 2 * i + 1, &inputs, wanted, output);
                }
            }
        }
    }
}

#[test]
fn stores() {
    for op in rows(|m| matches!(m, Meaning::Store(_))) {
        let Meaning::Store(meaning) = meaning(op) else { unreachable!() };
        let (inputs, _) = types(op);
        let ty = *inputs.last().unwrap();
        let mut program = Program::default().with_memory();
        let forms = forms(op);
        for &form in &forms {
            let mut params = vec![ValType::I32; form.registers()];
            params.push(ty);
            program.function(&params, None, |f, _| {
                f.emit(op, &form.operands(op, f.param(form.registers())));
                f.emit(Op::Ret, &[Arg::Regs(&[])]);
            });
        }
        for configuration in configuration::ALL {
            let mut subject = program.load(configuration);
            let memory = subject.instance.memory(&subject.store, "memory").unwrap();
            let mut model = vec![0; PAGE_SIZE];
            for (i, form) in forms.iter().enumerate() {
                for (n, address) in form.addresses().into_iter().enumerate() {
                    // Each address with some of the values, in turn.
                    let values = few_edges(ty);
                    for value in [values[n % values.len()], values[(n + 3) % values.len()]] {
                        let bytes = meaning(value);
                        let wanted = range(form.effective(&address), bytes.len());
                        if let Ok(range) = wanted.clone() {
                            model[range].copy_from_slice(&bytes);
                        }
                        let mut args: Vec<Val> = address.iter().map(|&part| part.into()).collect();
                        args.push(slots::to_val(ty, value));
                        let found = subject.call(i, &args);
                        assert_eq!(
                            found,
                            wanted.map(|_| None),
                            "{op:?} at {address:x?} {form:x?} in {}",
                            subject.name
                        );
                        assert!(
                            memory.data(&subject.store).unwrap() == model,
                            "{op:?} of {value:#x} at {address:x?} {form:x?} wrote other bytes in {}",
                            subject.name
                        );
                    }
                }
            }
        }
    }
}

#[test]
fn every_row_with_a_meaning_is_covered() {
    let mut covered = 0;
    for &op in Op::ALL {
        // A new kind of meaning needs a test above, which goes through all of its rows.
        match meaning(op) {
            Meaning::Value(_) | Meaning::Test(_) | Meaning::Load(..) | Meaning::Store(_) => covered += 1,
            Meaning::Other => {}
        }
    }
    // As many as there are today: fewer means that a shape has lost its meaning.
    assert!(covered >= 310, "{covered}");
}
