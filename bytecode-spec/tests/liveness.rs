//! Which registers a function may read before it writes them.

use bytecode_spec::liveness::{Bits, Liveness, back_edges, live_at_entry};
use bytecode_spec::{Arg, FuncIndex, FuncType, FunctionBuilder, Label, Op, Reg, TypeIndex, ValType};

/// The live registers of a function () -> (i64) with four `i64` registers and four labels, built by `body`.
fn live(body: impl FnOnce(&mut FunctionBuilder, [Reg; 4], [Label; 4])) -> Vec<u16> {
    let mut f = FunctionBuilder::new(TypeIndex(0), &FuncType::new([], [ValType::I64]));
    let regs = [(); 4].map(|()| f.register(ValType::I64));
    let labels = [(); 4].map(|()| f.label());
    body(&mut f, regs, labels);
    let live = live_at_entry(&f.finish().expect("well formed"), 0).expect("small");
    live.into_iter().map(|reg| reg.0).collect()
}

fn constant(f: &mut FunctionBuilder, reg: Reg) {
    f.emit(Op::ConstI64, &[reg.into(), 1i64.into()]);
}

fn ret(f: &mut FunctionBuilder, reg: Reg) {
    f.emit(Op::Ret, &[Arg::Regs(&[reg])]);
}

#[test]
fn straight_code() {
    assert_eq!(live(|f, [a, ..], _| ret(f, a)), [0]);
    let written_first = |f: &mut FunctionBuilder, [a, b, ..]: [Reg; 4], _: [Label; 4]| {
        constant(f, a);
        f.emit(Op::AddI64, &[b.into(), a.into(), a.into()]);
        ret(f, b);
    };
    assert_eq!(live(written_first), []);
    let reads_what_it_writes = |f: &mut FunctionBuilder, [a, ..]: [Reg; 4], _: [Label; 4]| {
        f.emit(Op::AddI64Imm, &[a.into(), a.into(), 1i64.into()]);
        ret(f, a);
    };
    assert_eq!(live(reads_what_it_writes), [0]);
}

#[test]
fn either_way_of_a_branch() {
    let one_way_only = live(|f, [a, b, c, _], [done, ..]| {
        constant(f, a);
        f.emit(Op::BrEqI64, &[a.into(), a.into(), done.into()]);
        constant(f, b);
        f.bind(done);
        // Reached with `b` unwritten when the branch is taken; `c` is never read.
        f.emit(Op::Move, &[c.into(), b.into()]);
        ret(f, a);
    });
    assert_eq!(one_way_only, [1]);
}

#[test]
fn around_a_loop_and_through_a_table() {
    let carried = live(|f, [sum, n, t, unused], [again, done, other, _]| {
        constant(f, n);
        f.bind(again);
        f.emit(Op::AddI64, &[sum.into(), sum.into(), n.into()]);
        f.emit(Op::BrEqI64Imm, &[n.into(), 0i64.into(), done.into()]);
        let i = f.register(ValType::I32);
        f.emit(Op::WrapI32I64, &[i.into(), n.into()]);
        f.emit(Op::BrTable, &[i.into(), Arg::Labels(&[again, other])]);
        f.bind(other);
        f.emit(Op::Move, &[n.into(), t.into()]);
        f.emit(Op::Jump, &[again.into()]);
        f.bind(done);
        constant(f, unused);
        ret(f, sum);
    });
    assert_eq!(carried, [0, 2]);
}

#[test]
fn a_loop_with_two_entries() {
    let entered = |inside: bool| {
        live(move |f, [a, b, n, t], [again, middle, done, other]| {
            constant(f, n);
            constant(f, a);
            f.emit(Op::BrEqI64Imm, &[n.into(), 0i64.into(), middle.into()]);
            constant(f, b);
            f.bind(again);
            f.emit(Op::Move, &[t.into(), b.into()]);
            f.bind(middle);
            if inside {
                constant(f, b);
            }
            f.emit(Op::BrEqI64Imm, &[n.into(), 1i64.into(), again.into()]);
            f.emit(Op::BrEqI64Imm, &[n.into(), 2i64.into(), done.into()]);
            f.emit(Op::Jump, &[other.into()]);
            f.bind(done);
            ret(f, t);
            f.bind(other);
            ret(f, a);
        })
    };
    // Entered in the middle, it comes to read `b` by going back; `t` is read behind it though it was left at once.
    assert_eq!(entered(false), [1, 3]);
    assert_eq!(entered(true), [3]);
}

#[test]
fn code_that_is_never_reached_reads_nothing() {
    let read = live(|f, [a, b, ..], _| {
        constant(f, a);
        ret(f, a);
        f.emit(Op::Move, &[a.into(), b.into()]);
        ret(f, a);
    });
    assert_eq!(read, []);
}

#[test]
fn calls_read_arguments_and_write_results() {
    let through_call = live(|f, [a, b, c, _], _| {
        f.emit(Op::Call, &[Arg::Regs(&[a, c]), Arg::Index(0), Arg::Regs(&[b])]);
        ret(f, b);
    });
    assert_eq!(through_call, [0, 2]);
}

#[test]
fn over_calls() {
    let mut f = FunctionBuilder::new(TypeIndex(0), &FuncType::new([], [ValType::I64]));
    let [a, b, c, d] = [(); 4].map(|()| f.register(ValType::I64));
    let again = f.label();
    constant(&mut f, a);
    constant(&mut f, b);
    f.bind(again);
    // `b` is read in the next round, `c` is the result, `d` is only written, and `a` is read behind the loop.
    f.emit(Op::Call, &[Arg::Regs(&[b]), FuncIndex(0).into(), Arg::Regs(&[c])]);
    f.emit(Op::Move, &[d.into(), c.into()]);
    f.emit(Op::BrEqI64, &[c.into(), b.into(), again.into()]);
    f.emit(Op::Call, &[Arg::Regs(&[a]), FuncIndex(0).into(), Arg::Regs(&[a])]);
    ret(&mut f, a);
    let mut found = Vec::new();
    let function = f.finish().expect("well formed");
    let mut liveness = Liveness::default();
    // The last one is for what is no register.
    let bits = [1, 2, 4, 8, 0];
    liveness.find_blocks(&function, &back_edges(&function), true, &mut Bits(&bits));
    assert!(liveness.over_calls(|_, live| found.push(live)));
    assert_eq!(found, [0b11, 0]);
}

#[test]
fn over_a_call_in_front_of_the_branch_back() {
    let mut f = FunctionBuilder::new(TypeIndex(0), &FuncType::new([], [ValType::I64]));
    let [a, b] = [(); 2].map(|()| f.register(ValType::I64));
    let (again, other) = (f.label(), f.label());
    constant(&mut f, a);
    f.bind(again);
    // `a` is read by a block behind the head alone: that it is needed there has to go round the loop once.
    constant(&mut f, b);
    f.emit(Op::BrEqI64, &[b.into(), b.into(), other.into()]);
    f.emit(Op::Move, &[b.into(), a.into()]);
    f.bind(other);
    f.emit(Op::Call, &[Arg::Regs(&[]), FuncIndex(0).into(), Arg::Regs(&[])]);
    f.emit(Op::Jump, &[again.into()]);
    let function = f.finish().expect("well formed");
    let mut liveness = Liveness::default();
    let mut found = Vec::new();
    liveness.find_blocks_of_chosen(&function, &back_edges(&function), true, &[a, b]);
    assert!(liveness.over_calls(|_, live| found.push(live)));
    assert_eq!(found, [0b01]);
}
