//! Every method of both macro assemblers with operands at the ends of their ranges: what a machine has no form for must go
//! another way, since encoders panic. That the code is right is the business of the programs in `tests/`.

use bytecode_spec::{
    Arg, FuncIndex, FuncType, FunctionBuilder, Module, Op, TypeDef, TypeIndex, ValType, verify,
};
use strata_jit::template::aarch64::Aarch64;
use strata_jit::template::buffer::{Label, Reach};
use strata_jit::template::compile::{Compiler, Request};
use strata_jit::template::masm::Value::{Imm, Mem, Reg};
use strata_jit::template::masm::Width::{W32, W64};
use strata_jit::template::masm::{
    Access, Addr, Cond, DivideOp, Float, FloatCond, FloatOp, FloatTest, FloatUnary, Fpr, FromInt, Gpr, Int,
    IntOp, IntUnary, Masm, Test, ToInt, Value, Width,
};
use strata_jit::template::x86_64::X86_64;

const WIDTHS: [Width; 2] = [W32, W64];
const LARGEST_SLOT: i32 = 65_535 * 8;
const SLOTS: [i32; 6] = [0, 8, 4095 * 8, 4096 * 8, LARGEST_SLOT, 2 * LARGEST_SLOT];
const DISPLACEMENTS: [i32; 16] =
    [0, 1, 8, 255, 256, 4095, 4096, 4097, 8 * 4095, 8 * 4096, 1 << 24, i32::MAX, -1, -256, -257, i32::MIN];

/// Immediates: each bit, what is beside it, its inverse, patterns that repeat, and some without any pattern.
fn immediates() -> Vec<u64> {
    let mut all = vec![0, u64::MAX, 0x5555_5555_5555_5555, 0x1234_5678_9abc_def0, 0xffff_1234_ffff_5678];
    all.extend([0x1234_5678, 0xffff_1234, 0x1234_ffff, 0xffff_fffe, 0xfff0_00ff_0000_ffff, 0xff00_ff00]);
    for bit in 0..64 {
        let power = 1_u64 << bit;
        all.extend([power, power - 1, power + 1, !power, power.wrapping_neg(), power | 1 << 63]);
    }
    all
}

/// Registers from each end of each group.
fn gprs<M: Masm>() -> Vec<Gpr> {
    let pins = M::ROLES.pins;
    [pins[0], pins[pins.len() - 1]].into_iter().chain(M::ROLES.scratch).collect()
}

fn fprs<M: Masm>() -> Vec<Fpr> {
    let pins = M::ROLES.float_pins;
    [pins[0], pins[pins.len() - 1]].into_iter().chain(M::ROLES.float_scratch).collect()
}

fn slots<M: Masm, R>() -> impl Iterator<Item = Value<R>> {
    SLOTS.into_iter().map(|disp| Mem(Addr::at(M::ROLES.frame, disp)))
}

fn ints<M: Masm>(immediates: &[u64]) -> Vec<Int> {
    let pins = [Reg(M::ROLES.pins[0]), Reg(M::ROLES.pins[1])];
    slots::<M, _>().chain(pins).chain(immediates.iter().copied().map(Imm)).collect()
}

fn floats<M: Masm>() -> Vec<Float> {
    let pins = [Reg(M::ROLES.float_pins[0]), Reg(M::ROLES.float_pins[1])];
    let constants = [0.0, -0.0, 1.0, 0.1, -31.0, f64::NAN, f64::INFINITY].map(f64::to_bits);
    let singles = [1.0_f32, 0.1, -0.0].map(|value| value.to_bits().into());
    slots::<M, _>().chain(pins).chain(constants.into_iter().chain(singles).map(Imm)).collect()
}

/// Addresses as loads and stores of linear memory and of slots have them.
fn addresses<M: Masm>() -> Vec<Addr> {
    let mut all = Vec::new();
    for disp in DISPLACEMENTS {
        all.push(Addr::at(M::ROLES.frame, disp));
        all.push(Addr::at(M::ROLES.scratch[1], disp));
        for shift in 0..4 {
            for index in [M::ROLES.pins[0], M::ROLES.scratch[1]] {
                all.push(Addr { disp, ..Addr::indexed(M::ROLES.memory, index, shift) });
            }
        }
    }
    all
}

/// Room for what a few methods emit.
const ROOM: usize = 4096;

/// Emits with one method at a time; what each emits must link.
struct Emitter<M> {
    m: M,
}

impl<M: Masm> Emitter<M> {
    #[track_caller]
    fn emit(&mut self, what: impl Fn(&mut M, Label)) {
        let m = &mut self.m;
        for reach in [Reach::Near, Reach::Far] {
            m.buffer().reset(1, ROOM, reach);
            what(m, Label(0));
            m.buffer().bind(Label(0));
            assert!(m.buffer().link(M::patch));
        }
    }
}

fn moves<M: Masm>(m: M) {
    let mut e = Emitter { m };
    let immediates = immediates();
    for at in addresses::<M>() {
        for dst in gprs::<M>() {
            e.emit(|m, _| m.mov(dst, Mem(at)));
            e.emit(|m, _| m.store_slot(at, Reg(dst)));
            e.emit(|m, _| m.lea(W32, dst, at));
            e.emit(|m, _| m.lea(W64, dst, at));
            for access in [
                Access::U8,
                Access::S8W32,
                Access::S8W64,
                Access::U16,
                Access::S16W32,
                Access::S16W64,
                Access::U32,
                Access::S32W64,
                Access::U64,
            ] {
                e.emit(|m, _| m.load(access, dst, at));
                e.emit(|m, _| m.store(access, at, dst));
            }
        }
        for dst in fprs::<M>() {
            e.emit(|m, _| m.fmov(dst, Mem(at)));
            for width in WIDTHS {
                e.emit(|m, _| m.load_float(width, dst, at));
                e.emit(|m, _| m.store_float(width, at, dst));
            }
        }
        e.emit(|m, _| m.store_slot(at, Mem(Addr::at(M::ROLES.frame, LARGEST_SLOT))));
        if at.index.is_none() && at.disp.unsigned_abs() <= 1 << 24 {
            (1..20).for_each(|count| e.emit(|m, _| m.clear_slots(at, count)));
        }
        for &bits in &immediates {
            e.emit(|m, _| m.store_slot(at, Imm(bits)));
        }
    }
    for &bits in &immediates {
        e.emit(|m, _| m.mov(M::ROLES.pins[0], Imm(bits)));
        e.emit(|m, _| m.fmov(M::ROLES.float_pins[0], Imm(bits)));
    }
}

fn integers<M: Masm>(m: M) {
    use IntOp::{Add, And, Mul, Or, Rotl, Rotr, Shl, ShrS, ShrU, Sub, Xor};
    let mut e = Emitter { m };
    let operands = ints::<M>(&immediates());
    // Constants are right operands.
    let mut a_few = ints::<M>(&[]);
    a_few.push(Reg(M::ROLES.scratch[0]));
    for width in WIDTHS {
        for &b in &operands {
            for &a in &a_few {
                for op in [Add, Sub, Mul, And, Or, Xor, Shl, ShrS, ShrU, Rotl, Rotr] {
                    for dst in gprs::<M>() {
                        e.emit(|m, _| m.int(op, width, dst, a, b));
                    }
                }
                use Cond::{Any, Eq, GeS, GeU, GtS, GtU, LeS, LeU, LtS, LtU, Ne, None};
                for cond in [Eq, Ne, LtS, GeS, GtS, LeS, LtU, GeU, GtU, LeU, Any, None] {
                    let test = Test { cond, width, a, b };
                    e.emit(|m, _| m.set(test, M::ROLES.scratch[0]));
                    e.emit(|m, end| m.jump_if(test, end));
                }
            }
            let stack = Test { cond: Cond::LtU, width: W64, a: Reg(M::ROLES.stack), b };
            e.emit(|m, end| m.jump_if(stack, end));
        }
        for &a in &operands {
            let dst = M::ROLES.scratch[0];
            use IntUnary::{Clz, Ctz, Extend8, Extend16, Extend32, Popcnt, Wrap};
            for op in [Clz, Ctz, Popcnt, Extend8, Extend16, Extend32, Wrap] {
                e.emit(|m, _| m.int_unary(op, width, dst, a));
            }
            for op in [DivideOp::DivS, DivideOp::DivU, DivideOp::RemS, DivideOp::RemU] {
                e.emit(|m, _| m.divide(op, width, dst, a, M::ROLES.scratch[1]));
                e.emit(|m, _| m.divide(op, width, M::ROLES.pins[0], a, M::ROLES.pins[0]));
            }
            for from in [FromInt::S32, FromInt::U32, FromInt::S64, FromInt::U64] {
                e.emit(|m, _| m.float_from_int(from, width, M::ROLES.float_scratch[0], a));
            }
        }
    }
    let registers = ints::<M>(&[]);
    for &condition in &registers {
        for &a in &registers {
            for &b in &registers {
                e.emit(|m, _| m.select(condition, M::ROLES.pins[0], a, b));
            }
        }
    }
}

fn floating<M: Masm>(m: M) {
    let mut e = Emitter { m };
    for width in WIDTHS {
        for a in floats::<M>() {
            for dst in fprs::<M>() {
                use FloatUnary::{Abs, Ceil, Floor, Nearest, Neg, Sqrt, Trunc};
                for op in [Sqrt, Abs, Neg, Ceil, Floor, Trunc, Nearest] {
                    e.emit(|m, _| m.float_unary(op, width, dst, a));
                }
                e.emit(|m, _| m.float_from_float(width, dst, a));
                e.emit(|m, _| m.float_from_bits(dst, M::ROLES.pins[0]));
                e.emit(|m, _| m.bits_from_float(M::ROLES.pins[0], dst));
            }
            for to in [ToInt::S32, ToInt::U32, ToInt::S64, ToInt::U64] {
                for saturates in [false, true] {
                    e.emit(|m, _| m.int_from_float(to, width, M::ROLES.scratch[0], a, saturates));
                }
            }
            for b in floats::<M>() {
                use FloatOp::{Add, Copysign, Div, Max, Min, Mul, Sub};
                for op in [Add, Sub, Mul, Div, Min, Max, Copysign] {
                    for dst in fprs::<M>() {
                        e.emit(|m, _| m.float(op, width, dst, a, b));
                    }
                }
                use FloatCond::{Eq, Ge, Gt, Le, Lt, Ne, NotGe, NotGt, NotLe, NotLt};
                for cond in [Eq, Ne, Lt, Gt, Le, Ge, NotLt, NotGt, NotLe, NotGe] {
                    let test = FloatTest { cond, width, a, b };
                    e.emit(|m, _| m.set_float(test, M::ROLES.scratch[0]));
                    e.emit(|m, end| m.jump_if_float(test, end));
                }
            }
        }
    }
}

fn control<M: Masm>(m: M) {
    let mut e = Emitter { m };
    let scratch = M::ROLES.scratch[0];
    for disp in [0, 8, i32::MAX / 16 * 16 + 8] {
        let at = Addr::at(scratch, disp);
        e.emit(|m, _| m.call(at));
        e.emit(|m, _| m.leave_to(at));
        e.emit(|m, to| m.call_label(to));
    }
    e.emit(|m, end| m.jump_table(M::ROLES.scratch[2], end));
    e.emit(|m, _| m.enter());
    e.emit(|m, _| m.leave());
    for pages in [0, 1 << 8, 1 << 12] {
        e.m.buffer().reset(0, ROOM, Reach::Near);
        for _ in 0..pages {
            e.m.buffer().put([0; 4096]);
        }
        e.m.load_literal(scratch, 0);
        e.m.align(16);
        assert_eq!(e.m.buffer().position(), pages * 4096 + 16);
    }
}

/// Branches over so many bytes, both ways: whether all are linked.
fn branches_over<M: Masm>(m: &mut M, reach: Reach, bytes: usize) -> bool {
    let all = |m: &mut M, to: Label, table: Label| {
        let (a, b) = (Reg(M::ROLES.pins[0]), Reg(M::ROLES.pins[1]));
        m.jump(to);
        for cond in [Cond::Eq, Cond::Any] {
            m.jump_if(Test { cond, width: W64, a, b }, to);
            m.jump_if(Test { cond, width: W32, a, b: Imm(0) }, to);
        }
        let (a, b) = (Reg(M::ROLES.float_pins[0]), Reg(M::ROLES.float_pins[1]));
        m.jump_if_float(FloatTest { cond: FloatCond::Eq, width: W64, a, b }, to);
        m.jump_table(M::ROLES.scratch[2], table);
    };
    m.buffer().reset(0, bytes + ROOM, reach);
    let [start, end, table] = [(); 3].map(|()| m.buffer().label());
    m.buffer().bind(start);
    all(m, end, table);
    for _ in 0..bytes / 4096 {
        m.buffer().put([0; 4096]);
    }
    all(m, start, table);
    m.buffer().bind(end);
    m.align(4);
    m.buffer().bind(table);
    m.table_entry(table, start);
    m.table_entry(table, end);
    m.buffer().link(M::patch)
}

#[test]
fn operands_of_moves() {
    moves(X86_64::complete());
    moves(Aarch64::complete());
}

#[test]
fn operands_of_integers() {
    integers(X86_64::complete());
    integers(Aarch64::complete());
}

#[test]
fn operands_of_floats() {
    floating(X86_64::complete());
    floating(Aarch64::complete());
}

#[test]
fn operands_of_control() {
    control(X86_64::complete());
    control(Aarch64::complete());
}

#[test]
fn branches_reach_as_far_as_functions_may_be_large() {
    for (bytes, near) in [(0, true), (1 << 19, true), (1 << 20, false), (100 << 20, false)] {
        let (x86_64, aarch64) = (&mut X86_64::complete(), &mut Aarch64::complete());
        assert!(branches_over(x86_64, Reach::Near, bytes));
        assert!(branches_over(x86_64, Reach::Far, bytes));
        assert_eq!(branches_over(aarch64, Reach::Near, bytes), near);
        assert!(branches_over(aarch64, Reach::Far, bytes));
    }
    // Beyond, one of them refuses.
    assert!(branches_over(&mut X86_64::complete(), Reach::Far, 200 << 20));
    assert!(!branches_over(&mut Aarch64::complete(), Reach::Far, 200 << 20));
}

/// What bytecode has so near that its machine code is expected to be, but is not, is refused, and written as if it were not.
#[test]
fn branches_that_are_not_near_after_all() {
    for (bytes, fits) in [(1, true), (126, true), (200, false)] {
        for reach in [Reach::Near, Reach::Far] {
            let mut m = X86_64::complete();
            m.buffer().reset(2, ROOM, reach);
            m.buffer().bind(Label(0));
            m.jump(Label(1));
            (0..bytes).for_each(|_| m.buffer().put([0]));
            m.buffer().bind(Label(1));
            assert_eq!(m.buffer().link(X86_64::patch), fits || reach == Reach::Far);
        }
    }
}

/// The access is the instruction that is noted, whatever must be computed before.
#[test]
fn faults_are_those_of_accesses() {
    fn faults<M: Masm>(mut m: M, is_access: fn(&[u8]) -> bool) {
        for at in addresses::<M>() {
            m.buffer().reset(0, ROOM, Reach::Near);
            m.buffer().may_fault(bytecode_spec::Pc(7));
            m.load(Access::U32, M::ROLES.scratch[0], at);
            m.mov(M::ROLES.scratch[0], Mem(Addr::at(M::ROLES.frame, 0)));
            let faults = m.buffer().faults();
            let [(offset, bytecode_spec::Pc(7))] = faults[..] else { panic!("{faults:?}") };
            assert!(is_access(&m.buffer().bytes()[offset as usize..]), "{at:?}");
        }
    }
    // mov, perhaps with a prefix
    faults(X86_64::complete(), |code| code[0] == 0x8b || code[0] & 0xf0 == 0x40 && code[1] == 0x8b);
    // ldr and ldur of 32 bits
    faults(Aarch64::complete(), |code| code[3] & 0xfe == 0xb8 && code[2] >> 6 == 1);
}

/// Code that finds no room at first is written again.
#[test]
fn more_code_than_there_is_room_for_at_first() {
    const COUNT: usize = 1000;
    let ty = FuncType::new([ValType::F64], [ValType::I32]);
    let mut f = FunctionBuilder::new(TypeIndex(0), &ty);
    let result = f.register(ValType::I32);
    for _ in 0..COUNT {
        f.emit(Op::TruncSI32F64, &[result.into(), f.param(0).into()]);
    }
    f.emit(Op::Ret, &[Arg::Regs(&[result])]);
    let mut module = Module::default();
    module.types.push(TypeDef { name: String::new(), ty });
    module.functions.push(f.finish().expect("well formed"));
    let module = verify(module).expect("valid");
    let request = Request {
        module: &module,
        func: FuncIndex(0),
        frame_words: 16,
        clear: 0..0,
        switches: false,
        costs: &[],
        counts: false,
        landing: false,
    };
    let mut compiler = Compiler::new(X86_64::complete());
    let first = compiler.compile(&request).expect("little code").bytes;
    assert!(first.len() > 64 * COUNT, "more than is usual");
    assert_eq!(first, compiler.compile(&request).expect("little code").bytes);
}
