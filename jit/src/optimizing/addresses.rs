//! Sums of addresses in 64 bits, where they do not wrap at 32: the machine computes them in the access itself.

use cranelift_codegen::Context;
use cranelift_codegen::cursor::{Cursor, FuncCursor};
use cranelift_codegen::ir::types::{I32, I64};
use cranelift_codegen::ir::{
    Block, DataFlowGraph, Inst, InstBuilder, InstructionData, Opcode, Value, ValueDef,
};
use smallvec::SmallVec;

use super::bounds::Bounds;
use super::intervals::Range;
use super::values;

/// Values that a sum of addresses has, at most, besides a constant: beside where memory is, the machine adds one itself.
const MAX_TERMS: usize = 2;
/// Sums of sums that are looked at.
const MAX_SUMS: usize = 8;
/// The largest shift that the machine does in an access.
const MAX_SHIFT: u64 = 3;

/// A value of a sum, of 32 bits.
#[derive(Clone, Copy)]
struct Term {
    value: Value,
    shift: u64,
}

/// A place in memory: `base`, plus a sum of 32 bits that does not wrap.
struct Place {
    /// What computes it.
    sum: Inst,
    base: Value,
    /// Those that change least first, with whether they are extended with their signs.
    terms: SmallVec<[(Term, bool); MAX_TERMS]>,
    constant: i64,
}

/// Computes places in memory of the context's function in 64 bits as far as they cannot wrap.
pub(super) fn widen(context: &mut Context) {
    // To look for what a value is an alias of takes time with the loops around it.
    context.func.dfg.resolve_all_aliases();
    let func = &context.func;
    let all = func.layout.blocks().flat_map(|block| func.layout.block_insts(block));
    let sums: Vec<Inst> = all.filter(|&inst| sum_of_addresses(&func.dfg, inst).is_some()).collect();
    if sums.is_empty() {
        return;
    }
    context.compute_cfg();
    context.compute_domtree();
    context.compute_loop_analysis();
    let bounds = Bounds::new(context);
    let places: Vec<Place> = sums.into_iter().filter_map(|sum| place(context, &bounds, sum)).collect();
    for Place { sum, base, terms, constant } in places {
        let location = context.func.srcloc(sum);
        let mut at = FuncCursor::new(&mut context.func).at_inst(sum).with_srcloc(location);
        let mut parts: SmallVec<[Value; MAX_TERMS + 2]> = SmallVec::from_slice(&[base]);
        for (Term { value, shift }, is_signed) in terms {
            let wide = if is_signed { at.ins().sextend(I64, value) } else { at.ins().uextend(I64, value) };
            let by = (shift > 0).then(|| at.ins().iconst(I64, shift as i64));
            parts.push(by.map_or(wide, |by| at.ins().ishl(wide, by)));
        }
        if constant != 0 {
            parts.push(at.ins().iconst(I64, constant));
        }
        let last = parts.pop().expect("the sum has parts");
        let place = parts.into_iter().reduce(|a, b| at.ins().iadd(a, b)).expect("there is the base");
        context.func.replace(sum).iadd(place, last);
    }
}

/// What an instruction adds up: where memory is, and a sum or a shifted value of 32 bits.
fn sum_of_addresses(dfg: &DataFlowGraph, inst: Inst) -> Option<(Value, Value)> {
    let InstructionData::Binary { opcode: Opcode::Iadd, args: [base, index] } = dfg.insts[inst] else {
        return None;
    };
    let &InstructionData::Unary { opcode: Opcode::Uextend, arg } = values::instruction(dfg, index)? else {
        return None;
    };
    let InstructionData::Binary { opcode: Opcode::Iadd | Opcode::Ishl, .. } = values::instruction(dfg, arg)?
    else {
        return None;
    };
    (dfg.value_type(arg) == I32).then_some((base, arg))
}

/// The values that a value is the sum of, and the constant; `None` if they are too many.
fn terms(dfg: &DataFlowGraph, value: Value) -> Option<(SmallVec<[Term; MAX_TERMS]>, i64)> {
    let mut open: SmallVec<[Value; 4]> = SmallVec::from_slice(&[value]);
    let (mut terms, mut constant, mut sums) = (SmallVec::new(), 0, 0);
    while let Some(value) = open.pop() {
        if let Some(number) = values::constant(dfg, value) {
            constant += i64::from(number as u32 as i32);
            continue;
        }
        match values::instruction(dfg, value) {
            Some(&InstructionData::Binary { opcode: Opcode::Iadd, args }) => {
                sums += 1;
                open.extend(args);
            }
            Some(&InstructionData::Binary { opcode: Opcode::Ishl, args: [shifted, by] })
                if let Some(shift @ ..=MAX_SHIFT) = values::constant(dfg, by) =>
            {
                terms.push(Term { value: shifted, shift });
            }
            _ => terms.push(Term { value, shift: 0 }),
        }
        if sums > MAX_SUMS || terms.len() > MAX_TERMS {
            return None;
        }
    }
    Some((terms, constant))
}

/// The place that a sum is, if it does not wrap and it pays to compute it in 64 bits.
fn place(context: &Context, bounds: &Bounds<'_>, sum: Inst) -> Option<Place> {
    let (dfg, loops) = (&context.func.dfg, &context.loop_analysis);
    let (base, index) = sum_of_addresses(dfg, sum)?;
    let (mut terms, mut constant) = terms(dfg, index)?;
    let here = context.func.layout.inst_block(sum)?;
    let level = |term: &Term| loops.loop_level(block_of(context, term.value)).level();
    terms.sort_by_key(level);
    // Constants alone, the code generator adds up itself.
    if terms.is_empty() {
        return None;
    }
    // Of two values that change, one would have to be added to the base.
    if terms.len() == MAX_TERMS && level(&terms[0]) >= loops.loop_level(here).level() {
        return None;
    }
    let mut whole = Range { least: constant, most: constant };
    let mut extended = SmallVec::new();
    for term in terms {
        let range = bounds.of(term.value, here);
        let is_signed = range.least < 0;
        if !range.is_within(if is_signed { Range::SIGNED } else { Range::ANY }) {
            return None;
        }
        whole = whole.plus(Range { least: range.least << term.shift, most: range.most << term.shift });
        extended.push((term, is_signed));
    }
    // What is less than zero altogether is another sum, which is not.
    if whole.most < 0 {
        let round = 1 << 32;
        constant += round;
        whole = whole.plus(Range { least: round, most: round });
    }
    whole.is_within(Range::ANY).then_some(Place { sum, base, terms: extended, constant })
}

/// The block where a value is computed.
fn block_of(context: &Context, value: Value) -> Block {
    match context.func.dfg.value_def(value) {
        ValueDef::Result(inst, _) => context.func.layout.inst_block(inst).expect("it is in the code"),
        ValueDef::Param(block, _) => block,
        ValueDef::Union(..) => unreachable!("the code generator has not begun"),
    }
}
