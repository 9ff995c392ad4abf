//! Which registers of a function live in machine registers: in functions with loops the hottest ones, by uses weighted by
//! loop depth.

use bytecode_spec::isa::{Words, each_row};
use bytecode_spec::liveness::Liveness;
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
#[derive(Debug, Default)]
pub(super) struct Pins {
    homes: Vec<Home>,
    /// Registers that are not in their slots.
    pub(super) pinned: Vec<Reg>,
    /// By the pc of a call, ascending, what it must save, as bits of `pinned`; all where it is not listed.
    saved: Vec<(u32, u64)>,
    /// How much each of these calls counts, or all calls before liveness is known.
    calls: Vec<u32>,
    liveness: Liveness,
    /// First instructions of loops, ascending.
    pub(super) heads: Vec<u32>,
    weights: Vec<u64>,
    depth: Vec<i32>,
    /// Integer and float registers that are used most, with their weights.
    heaviest: [Vec<(u64, Reg)>; 2],
}

/// A use in a loop counts so many times as much as one outside, at each level.
const WEIGHT_BITS: u32 = 3;
/// Deeper loops count no more.
const MAX_DEPTH: u32 = 6;
/// A register whose uses count less than so many times as much as the calls that must save it stays in its slot: a call writes
/// the slot and reads it again, which takes more room than instructions that have an operand in memory.
const USES_PER_CALL: u64 = 3;

impl Pins {
    #[inline(always)]
    pub(super) fn home(&self, reg: Reg) -> Home {
        self.homes.get(reg.index()).copied().unwrap_or(Home::Slot)
    }

    /// Chooses homes for the registers of a function.
    pub(super) fn plan(&mut self, function: &Function, roles: &Roles) {
        self.homes.clear();
        self.pinned.clear();
        self.heads.clear();
        self.saved.clear();
        self.calls.clear();
        let code = function.code.as_slice();
        self.find_loops(function);
        if self.heads.is_empty() {
            return;
        }
        // Of what is no register, the weight is counted behind all others.
        let none = function.registers.len();
        self.weights.clear();
        self.weights.resize(none + 1, 0);
        let (weights, calls, depths) = (&mut self.weights, &mut self.calls, &self.depth);
        let mut depth = 0;
        each_row(code, |pc, row, words, _| {
            depth += depths[pc];
            let weight = 1 << (WEIGHT_BITS * (depth.max(0) as u32).min(MAX_DEPTH));
            if row.calls && !row.ends {
                calls.push(weight);
            }
            // Outside of loops, nothing is worth the room that it takes to write and read slots.
            if depth > 0 {
                row.each_register(words, none, |reg| weights[reg] += u64::from(weight));
            }
        });
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
        self.pinned.extend(ints.iter().chain(&*floats).map(|&(_, reg)| reg));
        if !self.calls.is_empty() {
            self.find_saved(function);
        }
        self.homes.resize(function.registers.len(), Home::Slot);
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

    /// Finds which pinned registers calls must save, and takes back those that do not pay.
    fn find_saved(&mut self, function: &Function) {
        let Pins { pinned, saved, calls, weights, liveness, .. } = self;
        let mut costs = [0; 64];
        let mut weight_of_calls = calls.iter();
        if !liveness.over_calls(function, pinned, |pc, live| {
            saved.push((pc.0, live));
            let weight = u64::from(*weight_of_calls.next().expect("a call that was counted"));
            let mut bits = live;
            while bits != 0 {
                costs[bits.trailing_zeros() as usize] += weight;
                bits &= bits - 1;
            }
        }) {
            return;
        }
        let mut place = 0;
        let mut kept = 0;
        pinned.retain(|reg| {
            let keeps = weights[reg.index()] >= USES_PER_CALL * costs[place];
            kept |= u64::from(keeps) << place;
            place += 1;
            keeps
        });
        if pinned.len() < place {
            saved.iter_mut().for_each(|(_, live)| *live = compress(*live, kept));
        }
    }

    /// The pinned registers that the call at `pc` must save: those that are read behind it.
    pub(super) fn saved_by_call(&self, pc: usize) -> impl Iterator<Item = Reg> {
        let saved = match self.saved.binary_search_by_key(&(pc as u32), |&(pc, _)| pc) {
            Ok(place) => self.saved[place].1,
            Err(_) => u64::MAX,
        };
        self.pinned.iter().enumerate().filter(move |&(i, _)| saved >> i & 1 != 0).map(|(_, &reg)| reg)
    }

    /// Finds the heads of loops, and where loops begin and end.
    fn find_loops(&mut self, function: &Function) {
        let Pins { depth, heads, liveness, .. } = self;
        depth.clear();
        depth.resize(function.code.len() + 1, 0);
        liveness.find_blocks(function, true, |pc, next, displacement| {
            if displacement <= 0 {
                let head = (pc as i64 + i64::from(displacement)) as usize;
                depth[head] += 1;
                depth[next] -= 1;
                heads.push(head as u32);
            }
        });
        heads.sort_unstable();
        heads.dedup();
    }
}

/// The bits of `word` that are set in `mask`, moved together.
fn compress(word: u64, mask: u64) -> u64 {
    let (mut rest, mut place, mut result) = (mask, 0, 0);
    while rest != 0 {
        result |= (word >> rest.trailing_zeros() & 1) << place;
        place += 1;
        rest &= rest - 1;
    }
    result
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
