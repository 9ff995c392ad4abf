//! Optimized code of a function, installed, and what becomes of it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytecode_spec::{FuncIndex, Pc};
use strata_jit::optimizing::{Edge, Entry, Exit, Inlined, OptimizedCode, Reason, Word};

use super::{CodeSlot, Version, bump};
use crate::engine::Engine;
use crate::optimized::{OptimizedFunction, SideExitCount};
use crate::tiering::policy::{EXITS, MAX_RECOMPILATIONS, Refusal};
use crate::trap::Tier;

/// Optimized code at its place; gives that back when dropped.
#[derive(Debug)]
pub(crate) struct OptimizedObject {
    engine: Engine,
    start: *const u8,
    bytes: usize,
    faults: Vec<(u32, u32, Pc)>,
    inlined: Vec<Inlined>,
    exits: Box<[SideExit]>,
    /// The slot by which activations in other tiers go on at the head of a loop.
    slot: CodeSlot,
}

// SAFETY: addresses of code that is never written again, and of what lives as long as the engine.
unsafe impl Send for OptimizedObject {}
// SAFETY: as above.
unsafe impl Sync for OptimizedObject {}

/// Where optimized code is left.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct SideExit {
    /// Under stress, how often the exit is passed before it is taken.
    pub(crate) left: AtomicU32,
    pub(crate) exit: Exit,
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
        mut code: OptimizedCode,
    ) -> Result<OptimizedObject, Refusal> {
        let engine = version.loaded().engine.clone();
        let native = engine.native().ok_or(Refusal::NoMachineCode)?;
        let exits: Box<[SideExit]> = code
            .exits
            .iter()
            .map(|&exit| SideExit {
                left: AtomicU32::new(engine.config().stress_exits),
                exit,
                entry,
                count: AtomicU32::new(0),
                landing: CodeSlot::default(),
            })
            .collect();
        for &(offset, word) in &code.words {
            let word = match word {
                Word::Version => std::ptr::from_ref(version).addr(),
                Word::VersionOf(func) => std::ptr::from_ref(version.loaded().uncalled_version(func)).addr(),
                Word::Exit(number) => std::ptr::from_ref(&exits[number as usize]).addr(),
            };
            let bytes = (word as u64).to_ne_bytes();
            code.bytes[offset as usize..][..bytes.len()].copy_from_slice(&bytes);
        }
        let adapter = native.frame_entry(&[]).ok_or(Refusal::OutOfCodeSpace)?;
        let start = native.space.install(&code.bytes).ok_or(Refusal::OutOfCodeSpace)?;
        let slot = CodeSlot::new(adapter, start);
        Ok(OptimizedObject {
            start,
            bytes: code.bytes.len(),
            faults: code.faults,
            inlined: code.inlined,
            exits,
            slot,
            engine: engine.clone(),
        })
    }

    /// The entry of the register convention.
    pub(crate) fn start(&self) -> *const u8 {
        self.start
    }

    /// The instruction that a fault at an address belongs to.
    fn fault_at(&self, address: usize) -> Option<Fault> {
        let offset = address.checked_sub(self.start.addr())? as u32;
        let place = self.faults.binary_search_by_key(&offset, |&(offset, ..)| offset).ok()?;
        let (_, mut function, pc) = self.faults[place];
        let mut inlined = Vec::new();
        while function > 0 {
            let of = self.inlined[function as usize - 1];
            inlined.insert(0, of);
            function = of.caller;
        }
        Some(Fault { pc, tier: Tier::Optimizing, inlined })
    }
}

impl Drop for OptimizedObject {
    fn drop(&mut self) {
        if let Some(native) = self.engine.native() {
            native.space.release(self.start, self.bytes);
        }
    }
}

/// The optimized code of a version: one object for each entry that was asked for.
#[derive(Debug, Default)]
pub(crate) struct Optimized {
    state: Mutex<State>,
    /// How often activations in other tiers went on in it.
    entered: AtomicU32,
}

#[derive(Debug, Default)]
struct State {
    /// The newest code for each entry; `None` while there is none yet.
    current: BTreeMap<Option<Pc>, Option<Arc<OptimizedObject>>>,
    /// All code: activations may be in any of it.
    all: Vec<Arc<OptimizedObject>>,
    /// Branches that went where they never had before.
    wrong: BTreeSet<Edge>,
    recompilations: u32,
    refusal: Option<Refusal>,
}

/// Where an instruction of a function's code faulted.
#[derive(Debug)]
pub(crate) struct Fault {
    pub(crate) pc: Pc,
    pub(crate) tier: Tier,
    /// The functions that it is inlined in, the outermost first: their frames' headers may not be written.
    pub(crate) inlined: Vec<Inlined>,
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

    /// Whether code for an entry is to be made: the caller makes it. Not if it is there, being made, or was refused.
    pub(crate) fn begin(&self, entry: Entry) -> bool {
        let mut state = self.state();
        if state.refusal.is_some() || state.current.contains_key(&key(entry)) {
            return false;
        }
        state.current.insert(key(entry), None);
        true
    }

    /// Takes the code that was made.
    pub(crate) fn end(
        &self,
        entry: Entry,
        made: Result<OptimizedObject, Refusal>,
    ) -> Result<Arc<OptimizedObject>, Refusal> {
        let mut state = self.state();
        match made {
            Ok(object) => {
                let object = Arc::new(object);
                state.current.insert(key(entry), Some(Arc::clone(&object)));
                state.all.push(Arc::clone(&object));
                Ok(object)
            }
            Err(refusal) => {
                state.refusal = Some(refusal);
                Err(refusal)
            }
        }
    }

    /// Code for an entry will not be made now: it may be asked for again.
    pub(crate) fn give_up(&self, entry: Entry) {
        let mut state = self.state();
        if let Some(None) = state.current.get(&key(entry)) {
            state.current.remove(&key(entry));
        }
    }

    /// The slot by which an activation goes on at the head of a loop, if there is code. It is counted as an entry.
    pub(crate) fn enter(&self, head: Pc) -> Option<*const CodeSlot> {
        let slot = std::ptr::from_ref(&self.state().current.get(&Some(head))?.as_ref()?.slot);
        self.count_entry();
        Some(slot)
    }

    /// Whether a loop of the function has got code.
    pub(crate) fn has_loops(&self) -> bool {
        self.state().current.keys().any(Option::is_some)
    }

    /// Whether there is any code.
    pub(crate) fn exists(&self) -> bool {
        !self.state().all.is_empty()
    }

    /// Why there will be no more.
    pub(crate) fn refusal(&self) -> Option<Refusal> {
        self.state().refusal
    }

    /// Branches that must not be left out again; `None` when too often they were.
    pub(crate) fn wrong(&self) -> Option<BTreeSet<Edge>> {
        let state = self.state();
        (state.recompilations < MAX_RECOMPILATIONS).then(|| state.wrong.clone())
    }

    /// A side exit was taken. True if code for the entry is to be made again, without what it is for: the caller makes it.
    pub(crate) fn exited(&self, side: &SideExit) -> bool {
        bump(&side.count);
        let count = side.count.load(Ordering::Relaxed);
        let Reason::Branch(edge) = side.exit.reason else { return false };
        if count != EXITS {
            return false;
        }
        let mut state = self.state();
        state.wrong.insert(edge);
        // While code is made, and where it is newer than the exit's, nothing is to be done.
        let current = state.current.get(&key(side.entry)).and_then(Option::as_ref);
        let is_current = current.is_some_and(|object| {
            object.exits.as_ptr_range().contains(&std::ptr::from_ref(side)) && state.refusal.is_none()
        });
        if is_current {
            state.recompilations += 1;
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
            pc: side.exit.pc,
            reason: side.exit.reason,
            count: side.count.load(Ordering::Relaxed),
        });
        OptimizedFunction {
            func,
            compilations: state.all.len() as u32,
            recompilations: state.recompilations,
            code_bytes: state.all.iter().map(|object| object.bytes).sum(),
            loop_heads: state.current.keys().flatten().copied().collect(),
            loop_entries: self.entered.load(Ordering::Relaxed),
            side_exits: side_exits.collect(),
        }
    }

    /// The instruction that a fault at an address belongs to.
    pub(crate) fn fault_at(&self, address: usize) -> Option<Fault> {
        self.state().all.iter().find_map(|object| object.fault_at(address))
    }
}
