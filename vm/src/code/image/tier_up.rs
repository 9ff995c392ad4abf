//! How a version gets better code: what the policy says of it is done here, and what was made is led to.

use std::ptr;
use std::sync::atomic::{AtomicU32, Ordering};

use bytecode_spec::Pc;
use strata_jit::optimizing::Entry;

use super::Version;
use crate::code::{CodeObject, CodeSlot, OptimizedObject, SideExit, Timed, Way};
use crate::frames::{Place, function_at};
use crate::module::FunctionStatus;
use crate::tiering::optimizing::IN_USE;
use crate::tiering::policy::{COUNTED, Candidate, Decision, Event, Policy, Refusal};
use crate::trap::Tier;

impl Version {
    /// Where it is in its life.
    pub(crate) fn status(&self) -> FunctionStatus {
        let module = self.loaded();
        let tier = if self.optimized.has_start() {
            Tier::Optimizing
        } else if self.native().is_some() {
            Tier::Template
        } else if module.engine.shared_code().is_some() {
            Tier::Interpreter
        } else {
            Tier::Portable
        };
        let template = [self.native(), self.landing()];
        FunctionStatus {
            func: self.func,
            version: 1,
            tier,
            template_bytes: template.into_iter().flatten().map(CodeObject::bytes).sum(),
            template_calls: self.template_calls.load(Ordering::Relaxed),
            template_back_edges: self.template_back_edges.load(Ordering::Relaxed),
        }
    }

    /// Asks the policy what is to become of the function, unless that is settled, and does it. A back edge is to the `head` of a loop.
    #[cold]
    #[inline(never)]
    pub(crate) fn ask(&self, event: Event, head: Option<Pc>) {
        let module = self.loaded();
        let is_settled = if module.engine.native().is_some_and(|native| native.optimizes()) {
            self.optimized.refusal().is_some() && self.native.get().is_some()
        } else {
            self.native.get().is_some()
        };
        let Some(policy) = module.engine.policy().filter(|_| !is_settled) else { return };
        let candidate = Candidate { module: &module.module, func: self.func, event };
        match policy.decide(&candidate) {
            Decision::Wait { calls } => self.ask_at.store(calls, Ordering::Relaxed),
            Decision::Compile(Tier::Portable | Tier::Interpreter) => {}
            Decision::Compile(Tier::Template) => self.compile_for(policy, &candidate),
            Decision::Compile(Tier::Optimizing) => {
                let entry = head.map_or(Entry::Start, Entry::Loop);
                let (Event::Calls(heat) | Event::BackEdges(heat)) = event;
                if let Err(refusal) = self.optimize(entry, heat) {
                    policy.refused(&candidate, refusal);
                }
                if self.optimized.refusal().is_some() {
                    self.compile_for(policy, &candidate);
                }
            }
        }
    }

    fn compile_for(&self, policy: &dyn Policy, candidate: &Candidate<'_>) {
        let is_new = self.native.get().is_none();
        if let Err(refusal) = self.compile()
            && is_new
        {
            policy.refused(candidate, refusal);
        }
    }

    /// Makes machine code of the template compiler, unless that was tried before. Calls that come later find it, or better code.
    pub(crate) fn compile(&self) -> Result<(), Refusal> {
        let mut is_new = false;
        let make = || {
            is_new = true;
            let native = self.loaded().engine.native().ok_or(Refusal::NoMachineCode)?;
            native.expect_optimizing();
            CodeObject::install(self, native.compile(self, false)?)
        };
        let code = self.native.get_or_init(make).as_ref().map_err(|&refusal| refusal)?;
        if is_new {
            let slot = self.loaded().slot(self.func);
            let entry = code.entry().cast_mut();
            // Optimized code, if there is some already, stays.
            let interpret =
                self.loaded().engine.shared_code().map_or(std::ptr::null(), |shared| shared.interpret);
            let before = (interpret.cast_mut(), Ordering::AcqRel, Ordering::Relaxed);
            if slot.entry.compare_exchange(before.0, entry, before.1, before.2).is_ok() {
                self.native_entry.store(entry, Ordering::Release);
            }
        }
        Ok(())
    }

    /// Has optimized code made for an entry, unless it is there or being made.
    pub(crate) fn optimize(&self, entry: Entry, heat: u32) -> Result<(), Refusal> {
        if !self.optimized.begin(entry) {
            return Ok(());
        }
        self.make_optimized(entry, heat)
    }

    fn make_optimized(&self, entry: Entry, heat: u32) -> Result<(), Refusal> {
        match self.loaded().engine.native() {
            Some(native) => native.optimize(self, entry, heat),
            None => self.install(entry, Err(Refusal::NoMachineCode)),
        }
    }

    /// Installs what the optimizing compiler gave: calls that come later find it.
    pub(crate) fn install(&self, entry: Entry, code: Result<Timed, Refusal>) -> Result<(), Refusal> {
        let module = self.loaded();
        let adapter = || {
            let native = module.engine.native().ok_or(Refusal::NoMachineCode)?;
            native.frame_entry(&module.module.func_type(self.func).params).ok_or(Refusal::OutOfCodeSpace)
        };
        let made = code.and_then(|code| {
            adapter()?;
            module.make_register_entries()?;
            OptimizedObject::install(self, entry, code)
        });
        // Before it is entered: whoever leaves it then need not wait.
        if let Ok(object) = &made {
            object.exits().for_each(|side| _ = self.land(side));
        }
        let object = self.optimized.end(entry, made)?;
        match entry {
            Entry::Start => self.lead_to(adapter()?, object.start()),
            Entry::Loop(_) => self.ask_soon(),
        }
        Ok(())
    }

    /// Lets calls go to an entry of each convention.
    fn lead_to(&self, entry: *const u8, register_entry: *const u8) {
        let slot = self.loaded().slot(self.func);
        slot.register_entry.store(register_entry.cast_mut(), Ordering::Release);
        slot.entry.store(entry.cast_mut(), Ordering::Release);
        self.native_entry.store(entry.cast_mut(), Ordering::Release);
    }

    /// Lets calls go to code of the template compiler while optimized code is made again; if there is neither, they go on as before.
    fn lead_to_template(&self) {
        let module = self.loaded();
        let native = module.engine.native();
        let adapter =
            native.and_then(|native| native.register_entry(&module.module.func_type(self.func).params));
        if let (Some(code), Some(adapter)) = (self.native().or(self.landing()), adapter) {
            self.lead_to(code.entry(), adapter);
        }
    }

    /// Takes over calls that code of the template compiler counted, and asks the policy.
    pub(crate) fn count_calls(&self) {
        let left = &self.loaded().slot(self.func).calls_left;
        let count = self.count(&self.template_calls, &self.armed[0], left);
        // What has a hot loop and is called again is hot as a whole.
        if self.optimized.has_loops() {
            _ = self.optimize(Entry::Start, count);
        }
        let calls = self.calls.load(Ordering::Relaxed);
        self.ask(Event::Calls(calls.saturating_add(count)), None);
    }

    /// Takes over back edges that it counted, the last to the `head` of a loop, and gives the slot by which the activation goes on in better
    /// code; null if it stays where it is. The policy is asked where none is known.
    pub(crate) fn count_back_edges(&self, head: Pc) -> *const CodeSlot {
        let left = &self.loaded().slot(self.func).back_edges_left;
        let count = self.count(&self.template_back_edges, &self.armed[1], left);
        let mut way = self.optimized.enter(head);
        if let Way::On = way {
            self.ask(Event::BackEdges(count), Some(head));
            way = self.optimized.enter(head);
        }
        match way {
            Way::In(slot) => slot,
            Way::On => ptr::null(),
            Way::Around => {
                self.ask_soon();
                ptr::null()
            }
        }
    }

    /// Adds what was counted to a total, which it gives, and lets as many be counted as are to be until the next time.
    fn count(&self, total: &AtomicU32, armed: &AtomicU32, left: &AtomicU32) -> u32 {
        let is_stressed = self.loaded().engine.config().stress_exits > 0;
        let next = if is_stressed { 1 } else { COUNTED };
        let count = total.load(Ordering::Relaxed).saturating_add(armed.swap(next, Ordering::Relaxed));
        total.store(count, Ordering::Relaxed);
        left.store(next, Ordering::Relaxed);
        count
    }

    /// Has code of the template compiler ask at the next back edge: there may be better code to go on in.
    pub(crate) fn ask_soon(&self) {
        self.armed[1].store(1, Ordering::Relaxed);
        self.loaded().slot(self.func).back_edges_left.store(1, Ordering::Relaxed);
    }

    /// A side exit was taken: whether the activation can go on in code of the template compiler, by the exit's slot.
    pub(crate) fn exited(&self, side: &SideExit) -> bool {
        if self.optimized.exited(side) {
            if side.entry == Entry::Start {
                self.lead_to_template();
            }
            _ = self.make_optimized(side.entry, IN_USE);
        } else if self.optimized.has_loops() {
            self.ask_soon();
        }
        self.land(side)
    }

    /// Finds where activations go on that leave by a side exit; false if that is not in code of the template compiler. If the
    /// exit is in an inlined function, that is behind the call, and the functions that are inlined are made ready too.
    fn land(&self, side: &SideExit) -> bool {
        if !side.landing.entry.load(Ordering::Acquire).is_null() {
            return true;
        }
        let mut place = Place::named(side.exit.place);
        let mut pc = side.pc;
        while let Place::Inlined { call, .. } = place {
            _ = function_at(self, place).0.landing_at(pc);
            place = Place::named(call);
            let caller = function_at(self, place).0;
            pc = caller.behind(place.pc(caller));
        }
        let Some(entry) = self.landing_at(pc) else { return false };
        side.landing.entry.store(entry.cast_mut(), Ordering::Release);
        true
    }

    /// Where an activation goes on in code of the template compiler that is at a branch, or where one goes, or behind a call.
    pub(crate) fn landing_at(&self, pc: Pc) -> Option<*const u8> {
        let make = || {
            let native = self.loaded().engine.native().ok_or(Refusal::NoMachineCode)?;
            CodeObject::install(self, native.compile(self, true)?)
        };
        self.landing.get_or_init(make).as_ref().ok()?.entry_at(pc)
    }
}
