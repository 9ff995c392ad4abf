//! Loaded modules, function slots and versions.
//!
//! A [`CodeSlot`] is all that callers know of a function; it leads to the [`Version`] that runs. A version's executable
//! image is made when the function is first called: a copy of its verified code, in which tier 0 records feedback.

mod image;
mod object;
mod optimized;
mod space;

pub(crate) use image::{BLOCK_START, Version, bump, each_instruction};
pub(crate) use object::CodeObject;
pub(crate) use optimized::{Fault, Optimized, OptimizedObject, SideExit};
pub(crate) use space::CodeSpace;

use std::sync::atomic::{AtomicPtr, AtomicU32, Ordering};
use std::sync::{Arc, OnceLock, Weak};

use bytecode_spec::{FuncIndex, Function, Op, VerifiedModule};

use crate::engine::Engine;
use crate::tiering::policy::{Event, FIRST_COUNTED};

/// What an engine knows of a module: shared by all its instances in all threads.
#[derive(Debug)]
pub(crate) struct LoadedModule {
    pub(crate) engine: Engine,
    pub(crate) module: VerifiedModule,
    /// One for every defined function.
    pub(crate) slots: Box<[CodeSlot]>,
    /// Engine-wide signature of each type.
    pub(crate) signatures: Box<[u32]>,
    /// See [`switches`](Self::switches).
    switches: OnceLock<bool>,
    /// The module itself, to be kept by who works for it elsewhere.
    pub(crate) this: Weak<LoadedModule>,
}

impl LoadedModule {
    pub(crate) fn new(engine: &Engine, module: VerifiedModule) -> Arc<LoadedModule> {
        let signatures = module.types.iter().map(|def| engine.signature(&def.ty)).collect();
        let interpret = engine.native().map_or(std::ptr::null(), |native| native.interpret);
        let optimizing = engine.native().filter(|native| native.optimizes());
        let slot = |function: &Function| {
            // Without room for the adapter, nothing is optimized.
            let params = &module.types[function.ty.index()].ty.params;
            let register_entry = optimizing.and_then(|native| native.register_entry(params));
            CodeSlot::new(interpret, register_entry.unwrap_or(std::ptr::null()))
        };
        let slots = module.functions.iter().map(slot).collect();
        Arc::new_cyclic(|this| LoadedModule {
            engine: engine.clone(),
            module,
            slots,
            signatures,
            switches: OnceLock::new(),
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

    /// The version of a defined function, made if it is called for the first time.
    #[cold]
    #[inline(never)]
    pub(crate) fn version(&self, func: FuncIndex) -> &Version {
        let version = self.version_unasked(func);
        version.ask(Event::Calls(1), None);
        version
    }

    /// The same for a function that is not called now.
    pub(crate) fn version_unasked(&self, func: FuncIndex) -> &Version {
        self.slot(func).get_or_make(|| Version::new(self, func))
    }

    /// The slot of a defined function.
    pub(crate) fn slot(&self, func: FuncIndex) -> &CodeSlot {
        &self.slots[func.index() - self.module.spaces().imported_funcs as usize]
    }

    /// The version of a defined function, if it has ever been called.
    pub(crate) fn existing_version(&self, func: FuncIndex) -> Option<&Version> {
        self.slot(func).get()
    }
}

/// The one place that leads to a function's code. Shared by all threads and instances of a module.
#[repr(C)]
#[derive(Debug, Default)]
pub(crate) struct CodeSlot {
    /// Null until the function is first called. Owned: made by `Box::into_raw`, freed when the slot is dropped.
    pub(crate) version: AtomicPtr<Version>,
    /// Where machine code goes to call the function: its own machine code, or what has it interpreted. Null in an engine
    /// without machine code.
    pub(crate) entry: AtomicPtr<u8>,
    /// Where optimized code goes to call it: its own optimized code, or what goes to `entry`. Null where nothing is optimized.
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

    fn get(&self) -> Option<&Version> {
        // SAFETY: null, or a version that lives as long as the slot.
        unsafe { self.version.load(Ordering::Acquire).as_ref() }
    }

    fn get_or_make(&self, make: impl FnOnce() -> Version) -> &Version {
        if let Some(version) = self.get() {
            return version;
        }
        let made = Box::into_raw(Box::new(make()));
        match self.version.compare_exchange(std::ptr::null_mut(), made, Ordering::AcqRel, Ordering::Acquire) {
            // SAFETY: just made, and now owned by the slot.
            Ok(_) => unsafe { &*made },
            Err(other) => {
                // SAFETY: another thread was first: `made` is still ours alone, `other` lives as long as the slot.
                unsafe {
                    drop(Box::from_raw(made));
                    &*other
                }
            }
        }
    }
}

impl Drop for CodeSlot {
    fn drop(&mut self) {
        let version = *self.version.get_mut();
        if !version.is_null() {
            // SAFETY: made by `Box::into_raw` in `get_or_make`, and nobody runs code of a module being dropped.
            drop(unsafe { Box::from_raw(version) });
        }
    }
}
