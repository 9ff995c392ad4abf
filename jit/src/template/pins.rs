//! Which registers of a function live in machine registers: in functions with loops the hottest ones, by uses weighted by
//! loop depth.

use bytecode_spec::isa::{LANES_PER_WORD, OpRow, Words, each_row};
use bytecode_spec::limits::MAX_CODE_WORDS;
use bytecode_spec::liveness::{BackEdge, Liveness, NO_REGISTER, Sets};
use bytecode_spec::{FuncIndex, Function, Op, Reg, ValType, VerifiedModule};

use super::aarch64::Aarch64;
use super::masm::{Fpr, Gpr, Masm, Roles};
use super::x86_64::X86_64;

/// Where a register of the function is while its code runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Home {
    /// In its slot in the frame.
    Slot,
    /// In a general register.
    Gpr(Gpr),
    /// In a float register.
    Fpr(Fpr),
}

/// The homes of a function's registers.
pub(super) trait Homes: Default {
    /// Whether there are others than slots.
    const PINS: bool;
    /// Chooses homes for the registers of a function, which the module defines.
    fn plan(&mut self, module: &VerifiedModule, func: FuncIndex, roles: &Roles);
    /// Where a register is.
    fn home(&self, reg: Reg) -> Home;
    /// Registers that are not in their slots.
    fn pinned(&self) -> &[Reg];
    /// Turns to the call at `pc`: to one after the other, in their order.
    fn turn_to_call(&mut self, pc: usize);
    /// The pinned registers that this call must save: those that are read behind it.
    fn saved_by_call(&self) -> impl Iterator<Item = Reg>;
    /// First instructions of loops, ascending.
    fn heads(&self) -> &[u32];
}

/// The homes of functions without loops: to read and write slots takes no more than to save registers.
#[derive(Debug, Default)]
pub(super) struct Slots;

impl Homes for Slots {
    const PINS: bool = false;

    #[inline(always)]
    fn plan(&mut self, _: &VerifiedModule, _: FuncIndex, _: &Roles) {}

    #[inline(always)]
    fn home(&self, _: Reg) -> Home {
        Home::Slot
    }

    #[inline(always)]
    fn pinned(&self) -> &[Reg] {
        &[]
    }

    #[inline(always)]
    fn turn_to_call(&mut self, _: usize) {}

    #[inline(always)]
    fn saved_by_call(&self) -> impl Iterator<Item = Reg> {
        std::iter::empty()
    }

    #[inline(always)]
    fn heads(&self) -> &[u32] {
        &[]
    }
}

/// The homes of functions with loops.
#[derive(Debug, Default)]
pub(super) struct Pins {
    homes: Vec<Home>,
    /// The registers that are worth it where no calls are, integers first, the heaviest first. In sets, each has the bit of its place.
    chosen: Vec<Reg>,
    /// The set of those that are pinned.
    kept: u64,
    /// They themselves.
    pinned: Vec<Reg>,
    /// By the pc of a call, ascending, the set of what is read behind it; all where it is not listed.
    saved: Vec<(u32, u64)>,
    /// So many of these calls were turned to.
    turned_to: usize,
    /// The set of what the last of them must save.
    to_save: u64,
    liveness: Liveness,
    /// First instructions of loops, ascending.
    heads: Vec<u32>,
    /// The same, as often as branches go back there.
    starts: Vec<u32>,
    weights: Vec<u64>,
    /// Integer and float registers that are used.
    candidates: [Vec<Candidate>; 2],
    /// So many integers are chosen.
    ints: usize,
}

/// A register with the weight of its uses above its number: the greatest one is the heaviest, of equal ones the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Candidate(u64);

impl Candidate {
    fn new(weight: u64, reg: usize) -> Candidate {
        Candidate(weight << u16::BITS | u64::from(!(reg as u16)))
    }

    fn reg(self) -> Reg {
        Reg(!(self.0 as u16))
    }
}

const _: () = assert!(
    ((MAX_CODE_WORDS * LANES_PER_WORD) as u64) << (WEIGHT_BITS * MAX_DEPTH as u32) <= 1 << (64 - u16::BITS),
    "weights fit above numbers"
);

const _: () = assert!(
    fit(&X86_64::ROLES) && fit(&Aarch64::ROLES),
    "sets of pinned registers are words, and no scratch register is in one"
);

/// Whether registers can be pinned as the roles say.
const fn fit(roles: &Roles) -> bool {
    let (mut fit, mut i) = (roles.pins.len() + roles.float_pins.len() < u64::BITS as usize, 0);
    while i < roles.pins.len() {
        let [first, second, third] = roles.scratch;
        let pin = roles.pins[i].0;
        fit &= pin != first.0 && pin != second.0 && pin != third.0;
        i += 1;
    }
    i = 0;
    while i < roles.float_pins.len() {
        let [first, second] = roles.float_scratch;
        let pin = roles.float_pins[i].0;
        fit &= pin != first.0 && pin != second.0;
        i += 1;
    }
    fit
}

/// A use in a loop counts so many times as much as one outside, at each level.
const WEIGHT_BITS: u32 = 3;
/// Deeper loops count no more.
const MAX_DEPTH: i32 = 6;
/// A register whose uses count less than so many times as much as the calls that must save it stays in its slot: a call writes
/// the slot and reads it again, which takes more room than instructions that have an operand in memory.
const USES_PER_CALL: u64 = 3;
/// Functions with fewer registers have a bit for each of them in sets, and one for what is no register.
const FEW: usize = u64::BITS as usize;

impl Homes for Pins {
    const PINS: bool = true;

    #[inline(always)]
    fn home(&self, reg: Reg) -> Home {
        self.homes.get(reg.index()).copied().unwrap_or(Home::Slot)
    }

    fn pinned(&self) -> &[Reg] {
        &self.pinned
    }

    fn heads(&self) -> &[u32] {
        &self.heads
    }

    fn plan(&mut self, module: &VerifiedModule, func: FuncIndex, roles: &Roles) {
        let function = module.function(func).expect("the module defines it");
        let (back_edges, has_calls) = (module.back_edges(func), module.has_calls(func));
        let are_few = function.registers.len() < FEW;
        self.find_loops(back_edges);
        if has_calls && are_few {
            self.count_uses_and_find_blocks(function, back_edges);
        } else {
            self.count_uses(function, back_edges);
        }
        self.choose(function, roles);
        if has_calls {
            if !are_few {
                self.liveness.find_blocks_of_chosen(function, back_edges, true, &self.chosen);
            }
            self.find_saved(are_few, back_edges);
        }
        self.pinned.clear();
        self.homes.clear();
        self.homes.resize(function.registers.len(), Home::Slot);
        let ints = first_places(self.ints);
        let homes = places_of(self.kept & ints).zip(roles.pins.iter().map(|&gpr| Home::Gpr(gpr)));
        let float_homes =
            places_of(self.kept & !ints).zip(roles.float_pins.iter().map(|&fpr| Home::Fpr(fpr)));
        for (place, home) in homes.chain(float_homes) {
            let reg = self.chosen[place];
            self.pinned.push(reg);
            self.homes[reg.index()] = home;
        }
    }

    fn turn_to_call(&mut self, pc: usize) {
        let saved = self.saved.get(self.turned_to).filter(|&&(call, _)| call as usize == pc);
        self.turned_to += usize::from(saved.is_some());
        self.to_save = self.kept & saved.map_or(u64::MAX, |&(_, set)| set);
    }

    fn saved_by_call(&self) -> impl Iterator<Item = Reg> {
        places_of(self.to_save).map(|place| self.chosen[place])
    }
}

impl Pins {
    /// Finds where loops begin.
    fn find_loops(&mut self, back_edges: &[BackEdge]) {
        let Pins { heads, starts, .. } = self;
        starts.clear();
        starts.extend(back_edges.iter().map(|edge| edge.to.0));
        starts.sort_unstable();
        heads.clear();
        heads.extend_from_slice(starts);
        heads.dedup();
    }

    /// Weighs the uses of each register.
    #[inline(never)]
    fn count_uses(&mut self, function: &Function, back_edges: &[BackEdge]) {
        // What is no register comes behind all others.
        let none = function.registers.len();
        self.weights.clear();
        self.weights.resize((none + 1).max(FEW), 0);
        let loops = LoopWalk { starts: &self.starts, back_edges, depth: 0 };
        match self.weights.first_chunk_mut::<FEW>() {
            Some(few) if none < FEW => {
                each_use(&function.code, loops, |reg, weight| few[reg % FEW] += weight);
            }
            _ => each_use(&function.code, loops, |reg, weight| self.weights[reg.min(none)] += weight),
        }
    }

    /// The same in a function with few registers, and finds its blocks in the same walk.
    #[inline(never)]
    fn count_uses_and_find_blocks(&mut self, function: &Function, back_edges: &[BackEdge]) {
        let loops = LoopWalk { starts: &self.starts, back_edges, depth: 0 };
        let mut counted = Counted { weights: [0; FEW], weight: 0, loops };
        self.liveness.find_blocks(function, back_edges, true, &mut counted);
        self.weights.clear();
        self.weights.extend_from_slice(&counted.weights);
    }

    /// Chooses the registers that are worth a machine register, by their weights.
    #[inline(never)]
    fn choose(&mut self, function: &Function, roles: &Roles) {
        let mut found = [0, 0];
        self.candidates.iter_mut().for_each(|list| list.resize(function.registers.len() + 1, Candidate(0)));
        for (reg, (&weight, ty)) in self.weights.iter().zip(&function.registers).enumerate() {
            // Processors would mispredict branches on what a register is.
            let list = usize::from(matches!(ty, ValType::F32 | ValType::F64));
            self.candidates[list][found[list]] = Candidate::new(weight, reg);
            // Whoever walks a frame finds references in their slots.
            found[list] += usize::from((weight > 0) & !ty.is_ref());
        }
        self.chosen.clear();
        let most = [roles.pins.len(), roles.float_pins.len()];
        for ((list, found), most) in self.candidates.iter_mut().zip(found).zip(most) {
            self.ints = self.chosen.len();
            let heaviest = keep_heaviest(&mut list[..found], most);
            self.chosen.extend(heaviest.iter().map(|candidate| candidate.reg()));
        }
        self.kept = first_places(self.chosen.len());
        self.saved.clear();
        self.turned_to = 0;
    }

    /// Finds which of the chosen registers calls must save, and for which it pays to be pinned. In the sets of blocks registers have the
    /// bits of their numbers if they are few, otherwise of their places.
    fn find_saved(&mut self, are_few: bool, back_edges: &[BackEdge]) {
        let Pins { chosen, kept, saved, starts, weights, liveness, .. } = self;
        let (mut places, mut of_chosen) = ([0; FEW], 0);
        for (place, reg) in chosen.iter().enumerate() {
            let bit = if are_few { reg.index() } else { place };
            places[bit] = place;
            of_chosen |= 1 << bit;
        }
        let mut costs = [0; FEW];
        let mut loops = LoopWalk { starts, back_edges, depth: 0 };
        if liveness.over_calls(|pc, live| {
            let weight = weight(loops.depth_at(pc.index()));
            let mut set = 0;
            places_of(live & of_chosen).for_each(|bit| {
                costs[places[bit]] += weight;
                set |= 1 << places[bit];
            });
            saved.push((pc.0, set));
        }) {
            let pays = |place: usize| weights[chosen[place].index()] >= USES_PER_CALL * costs[place];
            *kept = (0..chosen.len()).fold(0, |kept, place| kept | u64::from(pays(place)) << place);
        }
    }
}

/// The loops of a function, on a walk over its code.
#[derive(Clone, Copy, Debug)]
struct LoopWalk<'a> {
    /// Where those start that are still to come, ascending.
    starts: &'a [u32],
    /// Where those end that have not yet, ascending.
    back_edges: &'a [BackEdge],
    /// So many have started and have not ended.
    depth: i32,
}

impl LoopWalk<'_> {
    /// Goes on to an instruction: in how many loops it is.
    fn depth_at(&mut self, pc: usize) -> i32 {
        while let Some((&start, later)) = self.starts.split_first()
            && start as usize <= pc
        {
            (self.starts, self.depth) = (later, self.depth + 1);
        }
        while let Some((edge, later)) = self.back_edges.split_first()
            && edge.from.index() < pc
        {
            (self.back_edges, self.depth) = (later, self.depth - 1);
        }
        self.depth
    }

    /// Where a loop starts or has ended next, if there is one.
    fn next_change(&self) -> Option<usize> {
        let end = self.back_edges.first()?.from.index() + 1;
        Some(self.starts.first().map_or(end, |&start| end.min(start as usize)))
    }
}

/// Calls `visit` with each use of a register in a loop, or of [`NO_REGISTER`], and what it counts. Outside of loops, nothing is worth
/// the room that it takes to write and read slots.
#[inline(always)]
fn each_use(code: &[u64], mut loops: LoopWalk<'_>, mut visit: impl FnMut(usize, u64)) {
    let mut pc = 0;
    while let Some(start) = loops.next_change() {
        pc = pc.max(start);
        let depth = loops.depth_at(start);
        let Some(end) = loops.next_change().filter(|_| depth > 0) else { continue };
        let weight = weight(depth);
        let mut visit = |reg| visit(reg, weight);
        while pc < end {
            let words = &code[pc..];
            pc += OpRow::of(words).each_register(words, NO_REGISTER, &mut visit);
        }
    }
}

/// Sets of a function's registers, by their numbers, and the weights of their uses as [`each_use`] has them.
struct Counted<'a> {
    weights: [u64; FEW],
    /// What a use counts in the current block: loops start and end where blocks do.
    weight: u64,
    loops: LoopWalk<'a>,
}

impl Sets for Counted<'_> {
    #[inline(always)]
    fn start(&mut self, pc: usize) {
        let depth = self.loops.depth_at(pc);
        self.weight = if depth == 0 { 0 } else { weight(depth) };
    }

    #[inline(always)]
    fn bit(&mut self, reg: usize) -> u64 {
        self.weights[reg % FEW] += self.weight;
        1 << (reg % FEW)
    }
}

/// How much a use counts in so many loops.
fn weight(depth: i32) -> u64 {
    1 << (WEIGHT_BITS * depth.min(MAX_DEPTH) as u32)
}

/// The heaviest registers of a list, in their order, so many at most.
fn keep_heaviest(list: &mut [Candidate], most: usize) -> &[Candidate] {
    for next in 1..list.len() {
        let (heaviest, others) = list.split_at_mut(next);
        let heaviest = &mut heaviest[..next.min(most)];
        let mut rest = others[0];
        if next >= most && heaviest.last().is_some_and(|&least| rest < least) {
            continue;
        }
        for place in heaviest {
            (*place, rest) = (rest.max(*place), rest.min(*place));
        }
        // One of the heaviest, where they are not as many yet.
        others[0] = rest;
    }
    &list[..list.len().min(most)]
}

/// The set of the first places.
fn first_places(count: usize) -> u64 {
    (1 << count) - 1
}

/// The places of a set.
fn places_of(set: u64) -> impl Iterator<Item = usize> {
    let mut rest = set;
    std::iter::from_fn(move || {
        let place = (rest != 0).then(|| rest.trailing_zeros() as usize)?;
        rest &= rest - 1;
        Some(place)
    })
}

/// Calls `visit` with each instruction: its pc, opcode and words.
pub(super) fn each_instruction(code: &[u64], mut visit: impl FnMut(usize, Op, &[u64])) {
    each_row(code, |pc, _, words, _| {
        visit(pc, Op::from_code(words.lane(0)).expect("verified"), words);
    });
}

#[cfg(test)]
mod tests {
    use bytecode_spec::{Arg, FuncType, FunctionBuilder, Module, TypeDef, TypeIndex, verify};

    use super::*;

    /// What is pinned, and what each call saves, in a function of so many registers that calls itself in a loop.
    fn planned(registers: usize) -> (Vec<Reg>, Vec<Vec<Reg>>) {
        let ty = FuncType::new([], [ValType::I64]);
        let mut f = FunctionBuilder::new(TypeIndex(0), &ty);
        let [kept, sum, result, ..] = [(); 4].map(|()| f.register(ValType::I64));
        (4..registers).for_each(|_| _ = f.register(ValType::I64));
        let again = f.label();
        f.emit(Op::ConstI64, &[kept.into(), 1i64.into()]);
        f.emit(Op::ConstI64, &[sum.into(), 0i64.into()]);
        f.bind(again);
        f.emit(Op::Call, &[Arg::Regs(&[]), FuncIndex(0).into(), Arg::Regs(&[result])]);
        for _ in 0..4 {
            f.emit(Op::AddI64, &[sum.into(), sum.into(), kept.into()]);
        }
        f.emit(Op::AddI64, &[sum.into(), sum.into(), result.into()]);
        f.emit(Op::BrEqI64, &[sum.into(), result.into(), again.into()]);
        f.emit(Op::Call, &[Arg::Regs(&[]), FuncIndex(0).into(), Arg::Regs(&[result])]);
        f.emit(Op::Ret, &[Arg::Regs(&[sum])]);
        let mut module = Module::default();
        module.types.push(TypeDef { name: String::new(), ty });
        module.functions.push(f.finish().expect("well formed"));
        let module = verify(module).expect("right");

        let mut pins = Pins::default();
        pins.plan(&module, FuncIndex(0), &X86_64::ROLES);
        let pinned = pins.pinned().to_vec();
        let mut saved = Vec::new();
        each_instruction(&module.functions[0].code, |pc, op, _| {
            if op == Op::Call {
                pins.turn_to_call(pc);
                saved.push(pins.saved_by_call().collect());
            }
        });
        (pinned, saved)
    }

    #[test]
    fn few_registers_and_many_are_pinned_alike() {
        let [kept, sum, result] = [0, 1, 2].map(Reg);
        let expected = (vec![sum, kept, result], vec![vec![sum, kept], vec![sum]]);
        for registers in [4, FEW - 1, FEW, FEW + 1] {
            assert_eq!(planned(registers), expected, "of {registers}");
        }
    }
}
