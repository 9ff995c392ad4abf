//! Optimized code of a function, installed, and what becomes of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError, TryLockError};
use std::time::Duration;

use bytecode_spec::{FuncIndex, Pc};
use strata_jit::optimizing::{CallSite, Edge, Entry, Exit, OptimizedCode, Reason, Word};

use super::{CodeSlot, Version, bump};
use crate::engine::Engine;
use crate::frames::{Place, function_at};
use crate::optimized::{OptimizedFunction, SideExitCount};
use crate::tiering::policy::{EXITS, MAX_PASSED, MAX_RECOMPILATIONS, Refusal};

/// Optimized code at its place; gives that back when dropped.
#[derive(Debug)]
pub(crate) struct OptimizedObject {
    engine: Engine,
    start: *const u8,
    /// All that was installed.
    installed: *const u8,
    bytes: usize,
    instructions: u32,
    compile_time: Duration,
    calls: Vec<CallSite>,
    faults: Vec<(u32, u64)>,
    polls: Vec<(u32, u64)>,
    exits: Box<[SideExit]>,
    /// Under stress, what the code counts down: only read and written there.
    _countdowns: Box<[AtomicU32]>,
    /// The slot by which activations in other tiers go on at the head of a loop.
    slot: CodeSlot,
}

// SAFETY: addresses of code that is never written again, and of what lives as long as the engine.
unsafe impl Send for OptimizedObject {}
// SAFETY: as above.
unsafe impl Sync for OptimizedObject {}

/// Optimized code, and how long it took to make that.
#[derive(Debug)]
pub(crate) struct Timed {
    pub(crate) code: OptimizedCode,
    pub(crate) compile_time: Duration,
}

/// Where optimized code is left.
#[derive(Debug)]
pub(crate) struct SideExit {
    pub(crate) exit: Exit,
    /// The function that the instruction is in,
    pub(crate) func: FuncIndex,
    /// and where.
    pub(crate) pc: Pc,
    /// The entry that the code belongs to.
    pub(crate) entry: Entry,
    /// How often it was taken.
    pub(crate) count: AtomicU32,
    /// The slot by which activations go on in template code: its entry is found when the exit is taken for the first time.
    pub(crate) landing: CodeSlot,
}

impl OptimizedObject {
    /// Installs optimized code of a version.
    pub(crate) fn install(
        version: &Version,
        entry: Entry,
        Timed { mut code, compile_time }: Timed,
    ) -> Result<OptimizedObject, Refusal> {
        let engine = version.loaded().engine.clone();
        let native = engine.native().ok_or(Refusal::NoMachineCode)?;
        let exits: Box<[SideExit]> = code
            .exits
            .iter()
            .map(|&exit| {
                let place = Place::named(exit.place);
                let function = function_at(version, place).0;
                SideExit {
                    exit,
                    func: function.func,
                    pc: place.pc(function),
                    entry,
                    count: AtomicU32::new(0),
                    landing: CodeSlot::default(),
                }
            })
            .collect();
        let stress = engine.config().stress_exits;
        let countdowns: Box<[AtomicU32]> = (0..code.countdowns).map(|_| AtomicU32::new(stress)).collect();
        if !native.handles_polls() {
            return Err(Refusal::OutOfCodeSpace);
        }
        for &(offset, word) in &code.words {
            let word = match word {
                Word::Version => std::ptr::from_ref(version).addr(),
                Word::Exit(number) => std::ptr::from_ref(&exits[number as usize]).addr(),
                Word::Countdown(number) => countdowns[number as usize].as_ptr().addr(),
            };
            let bytes = (word as u64).to_ne_bytes();
            code.bytes[offset as usize..][..bytes.len()].copy_from_slice(&bytes);
        }
        let adapter = native.frame_entry(&[]).ok_or(Refusal::OutOfCodeSpace)?;
        code.bytes.splice(..0, vec![0; code.skew as usize]);
        let installed = native.install(&code.bytes, true).ok_or(Refusal::OutOfCodeSpace)?;
        let start = installed.wrapping_add(code.skew as usize);
        let slot = CodeSlot::new(adapter, start);
        Ok(OptimizedObject {
            start,
            installed,
            bytes: code.bytes.len(),
            instructions: code.instructions,
            compile_time,
            calls: code.calls,
            faults: code.faults,
            polls: code.polls,
            exits,
            _countdowns: countdowns,
            slot,
            engine: engine.clone(),
        })
    }

    /// Where activations leave it to go on in code of the template compiler, but for what hardly happens.
    pub(crate) fn exits(&self) -> impl Iterator<Item = &SideExit> {
        self.exits.iter().filter(|side| match side.exit.reason {
            Reason::Branch(_) | Reason::Loop | Reason::Stress => true,
            Reason::TailCall => false,
        })
    }

    /// The entry of the register convention.
    pub(crate) fn start(&self) -> *const u8 {
        self.start
    }

    /// The instruction that a fault at an address belongs to.
    fn fault_at(&self, address: usize) -> Option<Place> {
        self.find(&self.faults, address).map(Place::named)
    }

    /// What is said of an address.
    fn find(&self, places: &[(u32, u64)], address: usize) -> Option<u64> {
        let offset = u32::try_from(address.checked_sub(self.start.addr())?).ok()?;
        let found = places.binary_search_by_key(&offset, |&(offset, _)| offset).ok()?;
        Some(places[found].1)
    }
}

impl Drop for OptimizedObject {
    fn drop(&mut self) {
        if let Some(native) = self.engine.native() {
            native.release(self.installed, self.bytes);
        }
    }
}

/// The optimized code of a version: one object for each entry that was asked for.
#[derive(Debug, Default)]
pub(crate) struct Optimized {
    state: Mutex<State>,
    /// Whether code was asked for that is entered at a loop.
    has_loops: AtomicBool,
    /// Why there will be no more.
    refusal: OnceLock<Refusal>,
    /// How often activations in other tiers went on in it.
    entered: AtomicU32,
}

/// Branches by the functions that they are in.
pub(crate) type Wrong = BTreeSet<(FuncIndex, Edge)>;

#[derive(Debug, Default)]
struct State {
    /// What was asked for, by where activations enter: at the start, `None`, or at the head of a loop.
    entries: BTreeMap<Option<Pc>, EntryState>,
    /// All code: activations may be in any of it.
    all: Vec<Arc<OptimizedObject>>,
    /// Branches, of the function or of inlined ones, that went too often where they never had before.
    wrong: Wrong,
}

#[derive(Debug, Default)]
struct EntryState {
    /// The code that activations enter; none while better code is made.
    code: Option<Arc<OptimizedObject>>,
    is_making: bool,
    recompilations: u32,
    /// The head of the loop whose code is entered: of this one, or of one around it. `None` before that is known.
    chosen: Option<Pc>,
    /// How often activations came by here since the other one had code.
    passed: u32,
}

/// Where activations at the head of a loop go on.
pub(crate) enum Way {
    /// Where they are.
    On,
    /// In code, by this slot.
    In(*const CodeSlot),
    /// Where they are, but they are to ask again soon: there is code of a loop around this one, or that is not known just now.
    Around,
}

/// The key of an entry.
fn key(entry: Entry) -> Option<Pc> {
    match entry {
        Entry::Start => None,
        Entry::Loop(head) => Some(head),
    }
}

impl Optimized {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The state, unless another thread is at it. Loops ask often, and may ask again: they do not wait for a worker, which the system may
    /// have stopped meanwhile.
    fn state_now(&self) -> Option<MutexGuard<'_, State>> {
        match self.state.try_lock() {
            Ok(state) => Some(state),
            Err(TryLockError::Poisoned(state)) => Some(state.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    /// Whether code for an entry is to be made: the caller makes it. Not if it is there, being made, or was refused.
    pub(crate) fn begin(&self, entry: Entry) -> bool {
        let state = match entry {
            Entry::Start => Some(self.state()),
            Entry::Loop(_) => self.state_now(),
        };
        state.is_some_and(|mut state| self.begin_in(&mut state, entry))
    }

    fn begin_in(&self, state: &mut State, entry: Entry) -> bool {
        if self.refusal().is_some() {
            return false;
        }
        if entry != Entry::Start {
            self.has_loops.store(true, Ordering::Relaxed);
        }
        let own = key(entry);
        let entry = state.entries.entry(own).or_default();
        if entry.chosen.is_some() && entry.chosen != own {
            if entry.passed < MAX_PASSED {
                return false;
            }
            entry.chosen = own;
        }
        let begins = entry.code.is_none() && !entry.is_making;
        entry.is_making |= begins;
        begins
    }

    /// Which code is made of that which an entry was [begun](Self::begin) for: of a loop around that loop, as `find` says, or its
    /// own; `None` if there is some or it is being made.
    pub(crate) fn choose(&self, entry: Entry, find: impl FnOnce(Pc) -> Pc) -> Option<Entry> {
        let Entry::Loop(head) = entry else { return Some(entry) };
        // Not while others wait.
        let known = self.state().entries.get(&Some(head)).and_then(|entry| entry.chosen);
        let chosen = known.unwrap_or_else(|| find(head));
        self.state().entries.entry(Some(head)).or_default().chosen = Some(chosen);
        if chosen == head {
            return Some(entry);
        }
        self.give_up(entry);
        self.begin_in(&mut self.state(), Entry::Loop(chosen)).then_some(Entry::Loop(chosen))
    }

    /// Takes the code that was made.
    pub(crate) fn end(
        &self,
        entry: Entry,
        made: Result<OptimizedObject, Refusal>,
    ) -> Result<Arc<OptimizedObject>, Refusal> {
        let mut state = self.state();
        let place = state.entries.entry(key(entry)).or_default();
        place.is_making = false;
        match made {
            Ok(object) => {
                let object = Arc::new(object);
                place.code = Some(Arc::clone(&object));
                state.all.push(Arc::clone(&object));
                Ok(object)
            }
            Err(refusal) => Err(*self.refusal.get_or_init(|| refusal)),
        }
    }

    /// Code for an entry will not be made now: it may be asked for again.
    pub(crate) fn give_up(&self, entry: Entry) {
        if let Some(entry) = self.state().entries.get_mut(&key(entry)) {
            entry.is_making = false;
        }
    }

    /// Where an activation goes on that is at the head of a loop. If that is code, it is counted as an entry.
    pub(crate) fn enter(&self, head: Pc) -> Way {
        let Some(mut state) = self.state_now() else { return Way::Around };
        let Some(entry) = state.entries.get(&Some(head)) else { return Way::On };
        if let Some(code) = &entry.code {
            self.count_entry();
            return Way::In(&raw const code.slot);
        }
        let has_code = |head| state.entries.get(&Some(head)).is_some_and(|entry| entry.code.is_some());
        if entry.passed >= MAX_PASSED || !entry.chosen.is_some_and(has_code) {
            return Way::On;
        }
        state.entries.entry(Some(head)).and_modify(|entry| entry.passed += 1);
        Way::Around
    }

    /// Whether code was asked for that is entered at a loop.
    pub(crate) fn has_loops(&self) -> bool {
        self.has_loops.load(Ordering::Relaxed)
    }

    /// Whether code was asked for that is entered at that loop.
    pub(crate) fn was_asked_for(&self, head: Pc) -> bool {
        self.state().entries.contains_key(&Some(head))
    }

    /// Whether there is code that calls enter.
    pub(crate) fn has_start(&self) -> bool {
        self.state().entries.get(&None).is_some_and(|entry| entry.code.is_some())
    }

    /// Whether there is any code.
    pub(crate) fn exists(&self) -> bool {
        !self.state().all.is_empty()
    }

    /// Why there will be no more.
    pub(crate) fn refusal(&self) -> Option<Refusal> {
        self.refusal.get().copied()
    }

    /// Branches that must not be left out of code for an entry, since they went where they never had; `None` when that happened
    /// too often.
    pub(crate) fn wrong(&self, entry: Entry) -> Option<Wrong> {
        let state = self.state();
        let recompilations = state.entries.get(&key(entry)).map_or(0, |entry| entry.recompilations);
        let sides = state.all.iter().flat_map(|object| &object.exits);
        let gone = sides.filter(|side| side.count.load(Ordering::Relaxed) > 0);
        let gone = gone.filter_map(|side| match side.exit.reason {
            Reason::Branch(edge) => Some((side.func, edge)),
            Reason::TailCall | Reason::Loop | Reason::Stress => None,
        });
        (recompilations < MAX_RECOMPILATIONS).then(|| gone.collect())
    }

    /// A side exit was taken. True if the code is not entered any more, and is to be made again, without what the exit is for: the
    /// caller makes it.
    pub(crate) fn exited(&self, side: &SideExit) -> bool {
        let count = side.count.fetch_add(1, Ordering::Relaxed).saturating_add(1);
        let Reason::Branch(edge) = side.exit.reason else { return false };
        let edge = (side.func, edge);
        if count > EXITS || !count.is_power_of_two() {
            return false;
        }
        let mut state = self.state();
        // What code for another entry was made again for is known.
        if count < EXITS && !state.wrong.contains(&edge) || self.refusal().is_some() {
            return false;
        }
        state.wrong.insert(edge);
        // Where code is newer than the exit's, nothing is to be done.
        let Some(entry) = state.entries.get_mut(&key(side.entry)) else { return false };
        let is_current = entry
            .code
            .as_ref()
            .is_some_and(|object| object.exits.as_ptr_range().contains(&std::ptr::from_ref(side)));
        if is_current {
            entry.recompilations += 1;
            entry.code = None;
            entry.is_making = true;
        }
        is_current
    }

    /// Counts an activation that goes on in it.
    pub(crate) fn count_entry(&self) {
        bump(&self.entered);
    }

    /// What became of it so far.
    pub(crate) fn report(&self, func: FuncIndex) -> OptimizedFunction {
        let state = self.state();
        let sides = state.all.iter().flat_map(|object| &object.exits);
        let side_exits = sides.map(|side| SideExitCount {
            within: (side.func != func).then_some(side.func),
            pc: side.pc,
            reason: side.exit.reason,
            count: side.count.load(Ordering::Relaxed),
        });
        let mut calls: Vec<CallSite> =
            state.all.iter().flat_map(|object| object.calls.iter().copied()).collect();
        calls.sort_unstable();
        calls.dedup();
        OptimizedFunction {
            func,
            calls,
            compilations: state.all.len() as u32,
            recompilations: state.entries.values().map(|entry| entry.recompilations).sum(),
            code_bytes: state.all.iter().map(|object| object.bytes).sum(),
            instructions: state.all.iter().map(|object| object.instructions).sum(),
            compile_time: state.all.iter().map(|object| object.compile_time).sum(),
            loop_heads: state.entries.keys().flatten().copied().collect(),
            loop_entries: self.entered.load(Ordering::Relaxed),
            side_exits: side_exits.collect(),
        }
    }

    /// The instruction that a fault at an address belongs to.
    pub(crate) fn fault_at(&self, address: usize) -> Option<Place> {
        self.state().all.iter().find_map(|object| object.fault_at(address))
    }

    /// The number of the [place](strata_jit::abi::place) of a poll that ends at an address.
    pub(crate) fn poll_at(&self, address: usize) -> Option<u64> {
        self.state().all.iter().find_map(|object| object.find(&object.polls, address))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn loops_do_not_wait_for_other_threads() {
        let optimized = Optimized::default();
        let [asked, other] = [Pc(3), Pc(7)];
        assert!(optimized.begin(Entry::Loop(asked)));
        let state = optimized.state();
        assert!(matches!(optimized.enter(asked), Way::Around));
        assert!(!optimized.begin(Entry::Loop(other)));
        assert!(optimized.has_loops() && optimized.refusal().is_none());
        drop(state);
        assert!(matches!(optimized.enter(asked), Way::On), "its code is not there yet");
        assert!(optimized.begin(Entry::Loop(other)), "it may ask again");
    }
}
