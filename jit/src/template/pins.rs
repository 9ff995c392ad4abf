//! Which registers of a function live in machine registers: in functions with loops the hottest ones, by uses weighted by
//! loop depth.

use bytecode_spec::isa::{LANES_PER_WORD, OpRow, Words, each_row};
use bytecode_spec::limits::MAX_CODE_WORDS;
use bytecode_spec::liveness::{BackEdge, Liveness, NO_REGISTER};
use bytecode_spec::{Function, Op, Reg, ValType};

use super::masm::{Fpr, Gpr, Roles};

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
    /// Chooses homes for the registers of a function.
    fn plan(&mut self, function: &Function, back_edges: &[BackEdge], roles: &Roles);
    /// Where a register is.
    fn home(&self, reg: Reg) -> Home;
    /// Registers that are not in their slots.
    fn pinned(&self) -> &[Reg];
    /// The pinned registers that the call at `pc` must save: those that are read behind it.
    fn saved_by_call(&self, pc: usize) -> impl Iterator<Item = Reg>;
    /// First instructions of loops, ascending.
    fn heads(&self) -> &[u32];
}

/// The homes of functions without loops: to read and write slots takes no more than to save registers.
#[derive(Debug, Default)]
pub(super) struct Slots;

impl Homes for Slots {
    const PINS: bool = false;

    #[inline(always)]
    fn plan(&mut self, _: &Function, _: &[BackEdge], _: &Roles) {}

    #[inline(always)]
    fn home(&self, _: Reg) -> Home {
        Home::Slot
    }

    #[inline(always)]
    fn pinned(&self) -> &[Reg] {
        &[]
    }

    #[inline(always)]
    fn saved_by_call(&self, _: usize) -> impl Iterator<Item = Reg> {
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
    /// The set of each register; one more is for what is no register.
    bits: Vec<u64>,
    /// By the pc of a call, ascending, the set of what is read behind it; all where it is not listed.
    saved: Vec<(u32, u64)>,
    liveness: Liveness,
    /// First instructions of loops, ascending.
    heads: Vec<u32>,
    /// Where loops begin and end, ascending, and what that adds to the depth.
    changes: Vec<(u32, i32)>,
    weights: Vec<u64>,
    /// Integer and float registers that are used most.
    heaviest: [Vec<Candidate>; 2],
}

/// A register with the weight of its uses above its number: the greatest one is the heaviest, of equal ones the first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
struct Candidate(u64);

impl Candidate {
    /// None, or a register that is not used.
    const NONE: Candidate = Candidate(u16::MAX as u64);

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

/// A use in a loop counts so many times as much as one outside, at each level.
const WEIGHT_BITS: u32 = 3;
/// Deeper loops count no more.
const MAX_DEPTH: i32 = 6;
/// A register whose uses count less than so many times as much as the calls that must save it stays in its slot: a call writes
/// the slot and reads it again, which takes more room than instructions that have an operand in memory.
const USES_PER_CALL: u64 = 3;
/// What is noted of registers lies in so many places if they are fewer: there is one for what is no register, then.
const FEW: usize = 64;

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

    fn plan(&mut self, function: &Function, back_edges: &[BackEdge], roles: &Roles) {
        self.find_loops(back_edges);
        // What is no register comes behind all others.
        let none = function.registers.len();
        let places = (none + 1).max(FEW);
        self.weights.clear();
        self.weights.resize(places, 0);
        let weights = self.weights.as_mut_slice();
        match weights.first_chunk_mut::<FEW>() {
            Some(few) if none < FEW => {
                count_uses(&function.code, &self.changes, |reg, weight| few[reg % FEW] += weight);
            }
            _ => count_uses(&function.code, &self.changes, |reg, weight| weights[reg.min(none)] += weight),
        }
        self.choose(function, roles);
        self.bits.clear();
        self.bits.resize(places, 0);
        self.chosen.iter().enumerate().for_each(|(place, reg)| self.bits[reg.index()] = 1 << place);
        let bits = self.bits.as_slice();
        match bits.first_chunk::<FEW>() {
            Some(few) if none < FEW => {
                self.liveness.find_blocks(function, back_edges, true, |reg| few[reg % FEW]);
            }
            _ => self.liveness.find_blocks(function, back_edges, true, |reg| bits[reg.min(none)]),
        }
        self.find_saved();
        self.pinned.clear();
        self.pinned.extend(places_of(self.kept).map(|place| self.chosen[place]));
        self.homes.clear();
        self.homes.resize(none, Home::Slot);
        let (mut ints, mut floats) = (roles.pins.iter(), roles.float_pins.iter());
        for &reg in &self.pinned {
            let home = match function.registers[reg.index()] {
                ValType::F32 | ValType::F64 => floats.next().map(|&fpr| Home::Fpr(fpr)),
                ValType::I32 | ValType::I64 | ValType::FuncRef | ValType::ExternRef => {
                    ints.next().map(|&gpr| Home::Gpr(gpr))
                }
            };
            self.homes[reg.index()] = home.expect("no more were chosen");
        }
    }

    fn saved_by_call(&self, pc: usize) -> impl Iterator<Item = Reg> {
        let saved = match self.saved.binary_search_by_key(&(pc as u32), |&(pc, _)| pc) {
            Ok(place) => self.saved[place].1,
            Err(_) => u64::MAX,
        };
        places_of(saved & self.kept).map(|place| self.chosen[place])
    }
}

impl Pins {
    /// Finds the heads of loops, and where loops begin and end.
    fn find_loops(&mut self, back_edges: &[BackEdge]) {
        let Pins { heads, changes, .. } = self;
        heads.clear();
        changes.clear();
        for edge in back_edges {
            heads.push(edge.to.0);
            changes.extend([(edge.to.0, 1), (edge.from.0 + 1, -1)]);
        }
        heads.sort_unstable();
        heads.dedup();
        changes.sort_unstable();
        // Behind all code.
        changes.push((u32::MAX, 0));
    }

    /// Chooses the registers that are worth a machine register, by their weights.
    fn choose(&mut self, function: &Function, roles: &Roles) {
        let [ints, floats] = &mut self.heaviest;
        for (list, most) in [(&mut *ints, roles.pins.len()), (&mut *floats, roles.float_pins.len())] {
            list.clear();
            list.resize(most, Candidate::NONE);
        }
        for (reg, (&weight, ty)) in self.weights.iter().zip(&function.registers).enumerate() {
            match ty {
                ValType::I32 | ValType::I64 => keep_heaviest(ints, Candidate::new(weight, reg)),
                ValType::F32 | ValType::F64 => keep_heaviest(floats, Candidate::new(weight, reg)),
                // Whoever walks a frame finds references in their slots.
                ValType::FuncRef | ValType::ExternRef => {}
            }
        }
        self.chosen.clear();
        for list in [ints, floats] {
            let used = list.iter().take_while(|&&candidate| candidate > Candidate::NONE);
            self.chosen.extend(used.map(|candidate| candidate.reg()));
        }
    }

    /// Finds which of the chosen registers calls must save, and for which it pays to be pinned.
    fn find_saved(&mut self) {
        let Pins { chosen, kept, saved, changes, weights, liveness, .. } = self;
        let all = chosen.iter().enumerate().fold(0, |all, (place, _)| all | 1 << place);
        *kept = all;
        saved.clear();
        if !liveness.has_calls() {
            return;
        }
        let mut costs = [0; u64::BITS as usize];
        let (mut changes, mut depth) = (changes.iter().peekable(), 0);
        if liveness.over_calls(|pc, live| {
            saved.push((pc.0, live));
            while let Some((_, change)) = changes.next_if(|&&(from, _)| from <= pc.0) {
                depth += change;
            }
            let weight = weight(depth);
            places_of(live).for_each(|place| costs[place] += weight);
        }) {
            let pays = |place: usize| weights[chosen[place].index()] >= USES_PER_CALL * costs[place];
            *kept = (0..chosen.len()).fold(0, |kept, place| kept | u64::from(pays(place)) << place);
        }
    }
}

/// Calls `visit` with each use of a register in a loop, or of [`NO_REGISTER`], and what it counts. Outside of loops, nothing is worth
/// the room that it takes to write and read slots.
#[inline(never)]
fn count_uses(code: &[u64], changes: &[(u32, i32)], mut visit: impl FnMut(usize, u64)) {
    let (mut pc, mut depth) = (0, 0);
    for (&(start, change), &(end, _)) in changes.iter().zip(&changes[1..]) {
        depth += change;
        if depth == 0 {
            continue;
        }
        let weight = weight(depth);
        pc = pc.max(start as usize);
        while pc < end as usize {
            let words = &code[pc..];
            let row = OpRow::of(words);
            row.each_register(words, NO_REGISTER, |reg| visit(reg, weight));
            pc += row.length(words);
        }
    }
}

/// How much a use counts in so many loops.
fn weight(depth: i32) -> u64 {
    1 << (WEIGHT_BITS * depth.min(MAX_DEPTH) as u32)
}

/// Takes a register into a list, the heaviest first, in place of the last one.
fn keep_heaviest(list: &mut [Candidate], candidate: Candidate) {
    if list.last().is_some_and(|&least| least < candidate) {
        let mut rest = candidate;
        for place in list {
            (*place, rest) = (rest.max(*place), rest.min(*place));
        }
    }
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
