//! Loaded modules, function slots and versions.
//!
//! A [`CodeSlot`] is all that callers know of a function; it leads to the [`Version`] that runs. A version's executable
//! image is made when the function is first called and has no machine code: a copy of its verified code, in which tier 0 records
//! feedback.

mod image;
mod object;
mod optimized;
mod request;
mod space;

pub(crate) use image::{BLOCK_START, Version, bump, each_instruction};
pub(crate) use object::CodeObject;
pub(crate) use optimized::{Optimized, OptimizedObject, SideExit, Timed, Way, Wrong};
pub(crate) use space::CodeSpace;

use std::sync::atomic::{AtomicPtr, AtomicU32, Ordering};
use std::sync::{Arc, OnceLock, Weak};

use bytecode_spec::{FuncIndex, Op, VerifiedModule};

use crate::engine::Engine;
use crate::tiering::policy::{Event, FIRST_COUNTED, Refusal};

/// What an engine knows of a module: shared by all its instances in all threads.
#[derive(Debug)]
pub(crate) struct LoadedModule {
    pub(crate) engine: Engine,
    pub(crate) module: VerifiedModule,
    /// One for every defined function.
    pub(crate) slots: Box<[CodeSlot]>,
    /// The version of each defined function, once something needs it: a call, or the code of another function that has this one
    /// in place of calls.
    versions: Box<[OnceLock<Box<Version>>]>,
    /// Engine-wide signature of each type.
    pub(crate) signatures: Box<[u32]>,
    /// See [`switches`](Self::switches).
    switches: OnceLock<bool>,
    /// Whether all slots have an entry of the register convention, or there was no room for them, once that is needed.
    register_entries: OnceLock<bool>,
    /// The module itself, to be kept by who works for it elsewhere.
    pub(crate) this: Weak<LoadedModule>,
}

impl LoadedModule {
    pub(crate) fn new(engine: &Engine, module: VerifiedModule) -> Arc<LoadedModule> {
        let signatures = module.types.iter().map(|def| engine.signature(&def.ty)).collect();
        let interpret = engine.shared_code().map_or(std::ptr::null(), |shared| shared.interpret);
        let slots = module.functions.iter().map(|_| CodeSlot::new(interpret, std::ptr::null())).collect();
        let versions = module.functions.iter().map(|_| OnceLock::new()).collect();
        Arc::new_cyclic(|this| LoadedModule {
            engine: engine.clone(),
            module,
            slots,
            versions,
            signatures,
            switches: OnceLock::new(),
            register_entries: OnceLock::new(),
            this: this.clone(),
        })
    }

    /// Whether a function may return in place of one of another instance, by a tail call.
    pub(crate) fn switches(&self) -> bool {
        *self.switches.get_or_init(|| {
            self.module.functions.iter().any(|function| {
                let mut found = false;
                each_instruction(&function.code, |_, op, _| {
                    found |= matches!(op, Op::TailCallImport | Op::TailCallIndirect);
                });
                found
            })
        })
    }

    /// Gives all functions entries of the register convention, by which optimized code of the module calls them.
    pub(crate) fn make_register_entries(&self) -> Result<(), Refusal> {
        let made = self.register_entries.get_or_init(|| {
            let Some(native) = self.engine.native() else { return false };
            self.module.functions.iter().zip(&self.slots).all(|(function, slot)| {
                let params = &self.module.types[function.ty.index()].ty.params;
                let adapter = native.register_entry(params);
                slot.register_entry.store(adapter.unwrap_or(std::ptr::null()).cast_mut(), Ordering::Release);
                adapter.is_some()
            })
        });
        if *made { Ok(()) } else { Err(Refusal::OutOfCodeSpace) }
    }

    /// The version of a defined function that is called for the first time: callers find it in the slot from then on.
    #[cold]
    #[inline(never)]
    pub(crate) fn version(&self, func: FuncIndex) -> &Version {
        let version = self.uncalled_version(func);
        version.ask(Event::Calls(1), None);
        // What has machine code now is never interpreted.
        if version.native_entry.load(Ordering::Acquire).is_null() {
            version.prepare();
        }
        self.slot(func).version.store(std::ptr::from_ref(version).cast_mut(), Ordering::Release);
        version
    }

    /// The version of a defined function that need not have been called.
    pub(crate) fn uncalled_version(&self, func: FuncIndex) -> &Version {
        self.versions[self.defined(func)].get_or_init(|| Box::new(Version::new(self, func)))
    }

    /// A function's place among those that the module defines.
    fn defined(&self, func: FuncIndex) -> usize {
        func.index() - self.module.spaces().imported_funcs as usize
    }

    /// The slot of a defined function.
    pub(crate) fn slot(&self, func: FuncIndex) -> &CodeSlot {
        &self.slots[self.defined(func)]
    }

    /// The version of a defined function, if it has ever been called.
    pub(crate) fn called_version(&self, func: FuncIndex) -> Option<&Version> {
        let is_called = !self.slot(func).version.load(Ordering::Acquire).is_null();
        self.versions[self.defined(func)].get().filter(|_| is_called).map(|version| &**version)
    }
}

/// The one place that leads to a function's code. Shared by all threads and instances of a module.
#[repr(C)]
#[derive(Debug, Default)]
pub(crate) struct CodeSlot {
    /// Null until the function is first called. The module owns it.
    pub(crate) version: AtomicPtr<Version>,
    /// Where machine code goes to call the function: its own machine code, or what has it interpreted. Null in an engine
    /// without machine code.
    pub(crate) entry: AtomicPtr<u8>,
    /// Where optimized code goes to call it: its own optimized code, or what goes to `entry`. Null in a module none of whose functions
    /// is optimized.
    pub(crate) register_entry: AtomicPtr<u8>,
    /// Calls of code that counts until it asks the policy.
    pub(crate) calls_left: AtomicU32,
    /// The same for back edges.
    pub(crate) back_edges_left: AtomicU32,
}

impl CodeSlot {
    /// A slot without a version; see the fields.
    pub(crate) fn new(entry: *const u8, register_entry: *const u8) -> CodeSlot {
        CodeSlot {
            version: AtomicPtr::default(),
            entry: AtomicPtr::new(entry.cast_mut()),
            register_entry: AtomicPtr::new(register_entry.cast_mut()),
            calls_left: AtomicU32::new(FIRST_COUNTED[0]),
            back_edges_left: AtomicU32::new(FIRST_COUNTED[1]),
        }
    }
}
