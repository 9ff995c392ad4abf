//! Which registers of a function live in machine registers: in functions with loops the hottest ones, by uses weighted by
//! loop depth.

use bytecode_spec::isa::Words;
use bytecode_spec::{Effect, Function, Op, Reg, ValType, liveness};

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
    /// By the pc of a call, what it must save, as bits of `pinned`; all where it is not listed.
    saved: Vec<(u32, u64)>,
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
        let code = function.code.as_slice();
        self.find_loops(code);
        if self.heads.is_empty() {
            return;
        }
        self.weights.clear();
        self.weights.resize(function.registers.len(), 0);
        let (weights, depths) = (&mut self.weights, &self.depth);
        let (mut depth, mut has_calls) = (0, false);
        each_row(code, |pc, row, _| {
            depth += depths[pc];
            has_calls |= row.calls;
            let weight = 1 << (WEIGHT_BITS * (depth.max(0) as u32).min(MAX_DEPTH));
            each_register(row, &code[pc..], |reg| weights[reg.index()] += weight);
        });
        let [ints, floats] = &mut self.heaviest;
        ints.clear();
        floats.clear();
        for (reg, (&weight, ty)) in self.weights.iter().zip(&function.registers).enumerate() {
            if weight > 1 {
                match ty {
                    ValType::I32 | ValType::I64 => keep_heaviest(ints, roles.pins.len(), weight, reg),
                    ValType::F32 | ValType::F64 => keep_heaviest(floats, roles.float_pins.len(), weight, reg),
                    // Whoever walks a frame finds references in their slots.
                    ValType::FuncRef | ValType::ExternRef => {}
                }
            }
        }
        self.homes.resize(function.registers.len(), Home::Slot);
        for (&(_, reg), &gpr) in ints.iter().zip(roles.pins) {
            self.homes[reg.index()] = Home::Gpr(gpr);
            self.pinned.push(reg);
        }
        for (&(_, reg), &fpr) in floats.iter().zip(roles.float_pins) {
            self.homes[reg.index()] = Home::Fpr(fpr);
            self.pinned.push(reg);
        }
        if has_calls {
            self.find_saved(function);
        }
    }

    /// Finds which pinned registers calls must save.
    fn find_saved(&mut self, function: &Function) {
        let Pins { pinned, saved, .. } = self;
        let ends = liveness::live_over_calls(function, |pc, live| {
            let bit = |i: usize, reg: Reg| u64::from(live.contains(reg)) << i;
            saved.push((pc.0, pinned.iter().enumerate().map(|(i, &reg)| bit(i, reg)).sum()));
        });
        debug_assert!(ends || saved.is_empty());
        saved.sort_unstable();
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
    fn find_loops(&mut self, code: &[u64]) {
        self.depth.clear();
        self.depth.resize(code.len() + 1, 0);
        let (depth, heads) = (&mut self.depth, &mut self.heads);
        each_row(code, |pc, row, next| {
            if !row.has_targets {
                return;
            }
            let words = &code[pc..];
            let op = Op::from_code(words.lane(0)).expect("verified");
            liveness::for_each_target(op, words, |displacement| {
                if displacement <= 0 {
                    let head = (pc as i64 + i64::from(displacement)) as usize;
                    depth[head] += 1;
                    depth[next] -= 1;
                    heads.push(head as u32);
                }
            });
        });
        self.heads.sort_unstable();
        self.heads.dedup();
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

/// What the plan looks at of an opcode, in few bytes: it walks all code twice.
#[derive(Clone, Copy)]
struct Row {
    /// Lanes of the fixed part that name registers.
    register_lanes: u16,
    /// Words of the instruction; 0 if it has lists.
    words: u8,
    has_targets: bool,
    /// Whether it calls and comes back.
    calls: bool,
}

static ROWS: [Row; Op::ALL.len()] = {
    let mut rows = [Row { register_lanes: 0, words: 0, has_targets: false, calls: false }; Op::ALL.len()];
    let mut i = 0;
    while i < rows.len() {
        let info = Op::ALL[i].info();
        let words = if info.has_lists { 0 } else { info.fixed_words };
        rows[Op::ALL[i] as usize] = Row {
            register_lanes: info.use_lanes | info.def_lanes,
            words,
            has_targets: info.has_targets,
            calls: info.effects.has(Effect::Calls) && !info.effects.has(Effect::Ends),
        };
        i += 1;
    }
    rows
};

/// Calls `visit` with each instruction: its pc, the opcode's row, and the pc of the next one.
#[inline(always)]
fn each_row(code: &[u64], mut visit: impl FnMut(usize, Row, usize)) {
    let mut pc = 0;
    while let Some(&word) = code.get(pc) {
        let row = ROWS[usize::from(word as u16)];
        let next = pc + if row.words > 0 { usize::from(row.words) } else { length_with_lists(&code[pc..]) };
        visit(pc, row, next);
        pc = next;
    }
}

#[inline(never)]
fn length_with_lists(words: &[u64]) -> usize {
    let op = Op::from_code(words.lane(0)).expect("verified");
    op.info().length(words).expect("verified")
}

/// Calls `visit` with each instruction: its pc, opcode and words.
pub(super) fn each_instruction(code: &[u64], mut visit: impl FnMut(usize, Op, &[u64])) {
    each_row(code, |pc, _, _| {
        let words = &code[pc..];
        visit(pc, Op::from_code(words.lane(0)).expect("verified"), words);
    });
}

/// Calls `visit` with each register operand of an instruction.
#[inline(always)]
fn each_register(row: Row, words: &[u64], mut visit: impl FnMut(Reg)) {
    let mut lanes = row.register_lanes;
    while lanes != 0 {
        visit(Reg(words.lane(lanes.trailing_zeros() as usize)));
        lanes &= lanes - 1;
    }
    if row.words == 0 {
        let op = Op::from_code(words.lane(0)).expect("verified");
        if let Some((uses, defs)) = op.info().lists(words) {
            uses.regs(words).chain(defs.regs(words)).for_each(visit);
        }
    }
}
