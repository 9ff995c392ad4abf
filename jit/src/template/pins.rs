//! Which registers of a function live in machine registers: in functions with loops the hottest ones, by uses weighted by
//! loop depth.

use bytecode_spec::isa::{Words, each_row};
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
    pinned: Vec<Reg>,
    /// The bit of each pinned register in sets.
    bits: Vec<u64>,
    /// By the pc of a call, ascending, the set of what is read behind it; all where it is not listed.
    saved: Vec<(u32, u64)>,
    /// How much each of these calls counts, or all calls before liveness is known.
    calls: Vec<u32>,
    liveness: Liveness,
    /// First instructions of loops, ascending.
    heads: Vec<u32>,
    /// Where loops begin and end, ascending, and what that adds to the depth.
    changes: Vec<(u32, i32)>,
    weights: Vec<u64>,
    /// Integer and float registers that are used most, with their weights.
    heaviest: [Vec<(u64, Reg)>; 2],
}

/// A use in a loop counts so many times as much as one outside, at each level.
const WEIGHT_BITS: u32 = 3;
/// Deeper loops count no more.
const MAX_DEPTH: i32 = 6;
/// A register whose uses count less than so many times as much as the calls that must save it stays in its slot: a call writes
/// the slot and reads it again, which takes more room than instructions that have an operand in memory.
const USES_PER_CALL: u64 = 3;
/// Sets are of so many registers. Those of functions with fewer have a bit for each, and one for what is no register.
const SET: usize = u64::BITS as usize;

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
        // Of what is no register, the weight is counted behind all others.
        let none = function.registers.len();
        self.weights.clear();
        self.weights.resize((none + 1).max(SET), 0);
        let is_small = none < SET;
        if is_small {
            self.walk(function, back_edges, |reg| 1 << (reg % SET), |reg| reg % SET);
        } else {
            self.walk(function, back_edges, |_| 0, |reg| reg.min(none));
        }
        self.choose(function, roles);
        self.bits.clear();
        if is_small {
            self.bits.extend(self.pinned.iter().map(|reg| 1 << reg.index()));
        } else {
            self.bits.extend((0..self.pinned.len()).map(|place| 1 << place));
            let mut bits = vec![0; none + 1];
            self.pinned.iter().zip(&self.bits).for_each(|(reg, &bit)| bits[reg.index()] = bit);
            self.liveness.find_blocks(function, back_edges, true, |reg| bits[reg.min(none)], |_, _, _| ());
        }
        self.saved.clear();
        if !self.calls.is_empty() {
            self.find_saved();
        }
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
        self.pinned.iter().zip(&self.bits).filter(move |&(_, bit)| saved & bit != 0).map(|(&reg, _)| reg)
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

    /// Looks at all instructions: counts uses and calls, and finds the blocks that liveness is solved for.
    #[inline(never)]
    fn walk(
        &mut self,
        function: &Function,
        back_edges: &[BackEdge],
        bit: impl Fn(usize) -> u64,
        place: impl Fn(usize) -> usize,
    ) {
        let Pins { calls, liveness, weights, changes, .. } = self;
        calls.clear();
        let weights = weights.as_mut_slice();
        let mut changes = changes.iter();
        let (mut next_change, mut change) = changes.next().copied().unwrap_or((u32::MAX, 0));
        let (mut depth, mut weight) = (0, 1_u32);
        liveness.find_blocks(function, back_edges, true, bit, |pc, row, words| {
            while pc as u32 >= next_change {
                depth += change;
                weight = 1 << (WEIGHT_BITS * depth.min(MAX_DEPTH) as u32);
                (next_change, change) = changes.next().copied().unwrap_or((u32::MAX, 0));
            }
            if !row.is_plain && row.calls && !row.ends {
                calls.push(weight);
            }
            // Outside of loops, nothing is worth the room that it takes to write and read slots.
            if depth > 0 {
                row.each_register(words, NO_REGISTER, |reg| weights[place(reg)] += u64::from(weight));
            }
        });
    }

    /// Chooses the registers to pin, by their weights.
    fn choose(&mut self, function: &Function, roles: &Roles) {
        let [ints, floats] = &mut self.heaviest;
        ints.clear();
        floats.clear();
        for (reg, (&weight, ty)) in self.weights.iter().zip(&function.registers).enumerate() {
            if weight > 0 {
                match ty {
                    ValType::I32 | ValType::I64 => keep_heaviest(ints, roles.pins.len(), weight, reg),
                    ValType::F32 | ValType::F64 => keep_heaviest(floats, roles.float_pins.len(), weight, reg),
                    // Whoever walks a frame finds references in their slots.
                    ValType::FuncRef | ValType::ExternRef => {}
                }
            }
        }
        self.pinned.clear();
        self.pinned.extend(ints.iter().chain(&*floats).map(|&(_, reg)| reg));
    }

    /// Finds which pinned registers calls must save, and takes back those that do not pay.
    fn find_saved(&mut self) {
        let Pins { pinned, bits, saved, calls, weights, liveness, .. } = self;
        let all = bits.iter().fold(0, |all, bit| all | bit);
        let mut costs = [0; SET];
        let mut weight_of_calls = calls.iter();
        if !liveness.over_calls(|pc, live| {
            saved.push((pc.0, live));
            let weight = u64::from(*weight_of_calls.next().expect("a call that was counted"));
            let mut live = live & all;
            while live != 0 {
                costs[live.trailing_zeros() as usize] += weight;
                live &= live - 1;
            }
        }) {
            return;
        }
        let mut kept = 0;
        for place in 0..pinned.len() {
            let (reg, bit) = (pinned[place], bits[place]);
            if weights[reg.index()] >= USES_PER_CALL * costs[bit.trailing_zeros() as usize] {
                (pinned[kept], bits[kept]) = (reg, bit);
                kept += 1;
            }
        }
        pinned.truncate(kept);
        bits.truncate(kept);
    }
}

/// Takes a register into the list of the `most` heaviest, the heaviest first; of equal ones those that come first.
fn keep_heaviest(list: &mut Vec<(u64, Reg)>, most: usize, weight: u64, reg: usize) {
    if list.len() == most {
        if list.last().is_none_or(|&(least, _)| least >= weight) {
            return;
        }
        list.pop();
    }
    let place = list.iter().rposition(|&(other, _)| other >= weight).map_or(0, |before| before + 1);
    list.insert(place, (weight, Reg(reg as u16)));
}

/// Calls `visit` with each instruction: its pc, opcode and words.
pub(super) fn each_instruction(code: &[u64], mut visit: impl FnMut(usize, Op, &[u64])) {
    each_row(code, |pc, _, words, _| {
        visit(pc, Op::from_code(words.lane(0)).expect("verified"), words);
    });
}
