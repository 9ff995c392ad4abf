//! Stores: instances and everything they own, used by one thread at a time.

use std::any::Any;
use std::cell::UnsafeCell;
use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use ahash::AHashMap;
use bytecode_spec::limits::{MAX_PARAMS, PAGE_SIZE};
use bytecode_spec::{FuncType, GlobalType, MemoryType, TableType, TrapCause};
use strata_jit::abi;

use crate::code::CodeSlot;
use crate::context::{FuncRecord, InstanceContext, MemoryRecord, POLL_INTERRUPT, StoreContext, TableRecord};
use crate::engine::Engine;
use crate::error::Error;
use crate::externs::Func;
use crate::frames::{Frame, HEADER_WORDS, Place};
use crate::host::HostFunc;
use crate::instance::InstanceData;
use crate::interpreter::{self, Stop, Stopped};
use crate::native;
use crate::stable::Stable;
use crate::trap::Trap;
use crate::value::ExternRef;

/// Words before the first frame, so that frames and linear memory do not start at one offset in their pages: loads that
/// follow stores at the same offset wait for them (4 KiB aliasing; 1.8 times in one kernel).
const STAGGER_WORDS: usize = 284;
/// Words behind the stack's limit, for the arguments of one call in passing and the header of its frame, and for functions that are
/// inlined into the one that calls.
const SPARE_WORDS: usize = MAX_PARAMS + 2 * HEADER_WORDS + abi::frame::INLINED;

/// Instances, their memories, tables and globals, and the host's `T`. One thread uses it at a time; nothing in it is
/// freed before the store is.
#[derive(Debug)]
pub struct Store<T> {
    inner: Box<StoreInner<T>>,
}

#[derive(Debug)]
pub(crate) struct StoreInner<T> {
    pub(crate) opaque: StoreOpaque,
    pub(crate) data: T,
}

/// The part of a store that does not depend on the host's data.
pub(crate) struct StoreOpaque {
    pub(crate) id: u64,
    pub(crate) engine: Engine,
    pub(crate) context: Arc<StoreContext>,
    pub(crate) instances: Vec<Stable<InstanceData>>,
    pub(crate) memories: Vec<Stable<MemoryRecord>>,
    pub(crate) tables: Vec<Stable<TableRecord>>,
    pub(crate) globals: Vec<Stable<GlobalRecord>>,
    /// Functions that handles were given out for.
    funcs: Vec<*const FuncRecord>,
    /// Index in `funcs` of each.
    handles: AHashMap<*const FuncRecord, u32>,
    hosts: Vec<HostRecord>,
    externs: Vec<Box<dyn Any + Send + Sync>>,
    /// The stack of frames.
    _stack: Vec<u64>,
    /// What instances without a memory have.
    pub(crate) no_memory: Stable<MemoryRecord>,
}

/// A global: its value's slot, and its type.
#[derive(Debug)]
pub(crate) struct GlobalRecord {
    pub(crate) cell: UnsafeCell<u64>,
    pub(crate) ty: GlobalType,
}

/// Keeps a host function and its record alive.
struct HostRecord {
    _func: Arc<HostFunc>,
    _record: Stable<FuncRecord>,
}

// SAFETY: the store owns all that its pointers lead to (and shares loaded modules, which are `Send + Sync`); host data in
// `externs` is `Send`. Nothing belongs to a thread while no code runs, and a store being run is borrowed.
unsafe impl Send for StoreOpaque {}
// SAFETY: a shared store can only be read, through handles.
unsafe impl Sync for StoreOpaque {}

impl fmt::Debug for StoreOpaque {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Store")
            .field("id", &self.id)
            .field("instances", &self.instances.len())
            .finish_non_exhaustive()
    }
}

/// A store, or something that leads to one: a [`Caller`](crate::Caller), a reference.
pub trait AsStore {
    /// The host's data.
    type Data: 'static;
    #[doc(hidden)]
    fn as_store(&self) -> StoreRef<'_, Self::Data>;
}

/// A store that can be changed and run, or something that leads to one.
pub trait AsStoreMut: AsStore {
    #[doc(hidden)]
    fn as_store_mut(&mut self) -> StoreMut<'_, Self::Data>;
}

/// Reads a store.
#[derive(Debug)]
pub struct StoreRef<'a, T>(pub(crate) &'a StoreInner<T>);

/// Changes and runs a store, but cannot put another in its place.
#[derive(Debug)]
pub struct StoreMut<'a, T>(pub(crate) &'a mut StoreInner<T>);

impl<T: 'static> AsStore for Store<T> {
    type Data = T;

    fn as_store(&self) -> StoreRef<'_, T> {
        StoreRef(&self.inner)
    }
}

impl<T: 'static> AsStoreMut for Store<T> {
    fn as_store_mut(&mut self) -> StoreMut<'_, T> {
        StoreMut(&mut self.inner)
    }
}

impl<S: AsStore> AsStore for &mut S {
    type Data = S::Data;

    fn as_store(&self) -> StoreRef<'_, S::Data> {
        (**self).as_store()
    }
}

impl<S: AsStoreMut> AsStoreMut for &mut S {
    fn as_store_mut(&mut self) -> StoreMut<'_, S::Data> {
        (**self).as_store_mut()
    }
}

impl<T: 'static> Store<T> {
    /// An empty store with the host's `data`.
    ///
    /// ```
    /// let store = strata::Store::new(&strata::Engine::default(), 42);
    /// assert_eq!(*store.data(), 42);
    /// ```
    pub fn new(engine: &Engine, data: T) -> Store<T> {
        Store { inner: Box::new(StoreInner { opaque: StoreOpaque::new(engine), data }) }
    }

    /// The host's data.
    pub fn data(&self) -> &T {
        &self.inner.data
    }

    /// The host's data, to change.
    pub fn data_mut(&mut self) -> &mut T {
        &mut self.inner.data
    }

    /// The host's data, and the end of the store.
    pub fn into_data(self) -> T {
        self.inner.data
    }

    /// The engine.
    pub fn engine(&self) -> &Engine {
        &self.inner.opaque.engine
    }

    /// Sets how many instructions may run before `OutOfFuel`.
    ///
    /// # Errors
    ///
    /// When the engine does not count [fuel](crate::Config::fuel).
    pub fn set_fuel(&mut self, fuel: u64) -> Result<(), Error> {
        self.inner.opaque.fuel_configured()?;
        self.inner.opaque.context.fuel.set(fuel);
        Ok(())
    }

    /// How many instructions may still run.
    ///
    /// # Errors
    ///
    /// When the engine does not count [fuel](crate::Config::fuel).
    pub fn fuel(&self) -> Result<u64, Error> {
        self.inner.opaque.fuel_configured()?;
        Ok(self.inner.opaque.context.fuel.get())
    }

    /// A handle by which any thread can stop what the store runs.
    pub fn interrupt_handle(&self) -> InterruptHandle {
        InterruptHandle(Arc::clone(&self.inner.opaque.context))
    }

    /// Gives modules a reference to a value of the host's. It lives as long as the store.
    pub fn extern_ref(&mut self, value: impl Any + Send + Sync) -> ExternRef {
        self.inner.opaque.extern_ref(Box::new(value))
    }
}

impl ExternRef {
    /// The host's value; `None` when the reference is of another store.
    pub fn data<'a>(&self, store: &'a impl AsStore) -> Option<&'a (dyn Any + Send + Sync)> {
        let opaque = &store.as_store().0.opaque;
        (opaque.id == self.store).then(|| &*opaque.externs[self.number as usize - 1])
    }
}

/// Stops what a store runs, from any thread.
///
/// ```
/// # use strata::*;
/// let engine = Engine::default();
/// let module = Module::new(&engine, "func @spin() export {\nagain:\n jump again\n}")?;
/// let mut store = Store::new(&engine, ());
/// let instance = Linker::new(&engine).instantiate(&mut store, &module)?;
/// let spin = instance.typed_func::<(), ()>(&mut store, "spin")?;
/// let handle = store.interrupt_handle();
/// std::thread::spawn(move || handle.interrupt());
/// let error = spin.call(&mut store, ()).unwrap_err();
/// assert_eq!(Trap::of(&error).unwrap().cause(), TrapCause::Interrupted);
/// # Ok::<(), Error>(())
/// ```
#[derive(Clone, Debug)]
pub struct InterruptHandle(Arc<StoreContext>);

impl InterruptHandle {
    /// Lets the code that runs in the store trap with `Interrupted` at its next safepoint; if none runs, the next call.
    pub fn interrupt(&self) {
        self.0.ask(POLL_INTERRUPT);
    }
}

impl StoreOpaque {
    fn new(engine: &Engine) -> StoreOpaque {
        static NEXT_ID: AtomicU64 = AtomicU64::new(0);
        let context = StoreContext::new();
        if let Some(shared) = engine.shared_code() {
            context.helpers.set(shared.helpers.as_ptr());
        }
        let words = engine.config().max_stack_bytes.clamp(64 << 10, 1 << 30) / size_of::<u64>() + SPARE_WORDS;
        let mut stack = vec![0; words];
        // SAFETY: both lie within the stack, whose words the vector keeps in place while it is not touched again.
        unsafe {
            context.frame_top.set(stack.as_mut_ptr().add(STAGGER_WORDS));
            context.stack_limit.set(stack.as_mut_ptr().add(words - SPARE_WORDS));
            context.allow_entry();
        }
        let nothing = bytecode_spec::Limits { min: 0, max: Some(0) };
        StoreOpaque {
            id: NEXT_ID.fetch_add(1, Ordering::Relaxed),
            engine: engine.clone(),
            context: Arc::new(context),
            instances: Vec::new(),
            memories: Vec::new(),
            tables: Vec::new(),
            globals: Vec::new(),
            funcs: Vec::new(),
            handles: AHashMap::new(),
            hosts: Vec::new(),
            externs: Vec::new(),
            _stack: stack,
            no_memory: Stable::new(MemoryRecord::new(nothing, 0, false).expect("no bytes are needed")),
        }
    }

    fn fuel_configured(&self) -> Result<(), Error> {
        if self.engine.config().fuel { Ok(()) } else { Err(Error::FuelNotConfigured) }
    }

    pub(crate) fn extern_ref(&mut self, value: Box<dyn Any + Send + Sync>) -> ExternRef {
        self.externs.push(value);
        ExternRef { store: self.id, number: self.externs.len() as u32 }
    }

    /// A handle to the function of a record of this store.
    pub(crate) fn func_handle(&mut self, record: *const FuncRecord) -> Func {
        let index = *self.handles.entry(record).or_insert_with(|| {
            self.funcs.push(record);
            self.funcs.len() as u32 - 1
        });
        Func { store: self.id, index }
    }

    /// The record that a handle names.
    pub(crate) fn record(&self, func: Func) -> Result<*const FuncRecord, Error> {
        if func.store == self.id {
            Ok(self.funcs[func.index as usize])
        } else {
            Err(Error::WrongStore("function"))
        }
    }

    /// The type of the function of a record of this store.
    pub(crate) fn func_type(&self, record: *const FuncRecord) -> &FuncType {
        // SAFETY: the records of a store, and what they lead to, live as long as it.
        unsafe {
            let record = &*record;
            match record.instance.as_ref() {
                Some(instance) => (*instance.module).module.func_type(bytecode_spec::FuncIndex(record.index)),
                None => &(*record.host).ty,
            }
        }
    }

    /// Takes in a host function.
    pub(crate) fn add_host(&mut self, func: Arc<HostFunc>) -> *const FuncRecord {
        let record = Stable::new(FuncRecord {
            slot: std::ptr::null::<CodeSlot>(),
            native_slot: std::ptr::null::<CodeSlot>(),
            instance: std::ptr::null::<InstanceContext>(),
            host: Arc::as_ptr(&func),
            signature: self.engine.signature(&func.ty),
            index: self.hosts.len() as u32,
        });
        let pointer = record.as_ptr();
        self.hosts.push(HostRecord { _func: func, _record: record });
        pointer
    }

    pub(crate) fn add_memory(&mut self, ty: MemoryType) -> Result<u32, Error> {
        let most = (self.engine.config().max_memory_bytes / PAGE_SIZE as u64).min(u32::MAX.into()) as u32;
        let limit =
            |limit| Error::Limit { kind: "memory", asked: ty.limits.min.into(), unit: "pages", limit };
        if ty.limits.min > most {
            return Err(limit(most.into()));
        }
        let record =
            MemoryRecord::new(ty.limits, most, self.engine.native().is_some()).ok_or_else(|| limit(0))?;
        self.memories.push(Stable::new(record));
        Ok(self.memories.len() as u32 - 1)
    }

    pub(crate) fn add_table(&mut self, ty: TableType) -> Result<u32, Error> {
        let most = self.engine.config().max_table_elements;
        if ty.limits.min > most {
            let (asked, limit) = (ty.limits.min.into(), most.into());
            return Err(Error::Limit { kind: "table", asked, unit: "elements", limit });
        }
        self.tables.push(Stable::new(TableRecord::new(ty.element, ty.limits, most)));
        Ok(self.tables.len() as u32 - 1)
    }

    pub(crate) fn add_global(&mut self, ty: GlobalType, slot: u64) -> u32 {
        self.globals.push(Stable::new(GlobalRecord { cell: UnsafeCell::new(slot), ty }));
        self.globals.len() as u32 - 1
    }
}

impl<T> StoreInner<T> {
    /// Calls the function of a record of this store: arguments are the first of `slots`, results replace them.
    pub(crate) fn call(&mut self, record: *const FuncRecord, slots: &mut [u64]) -> Result<(), Error> {
        let inner: *mut StoreInner<T> = self;
        // SAFETY: `inner` is exclusively ours until the call returns; from here on everything goes through the raw
        // pointer, `owner` for host functions of this `T`.
        unsafe { invoke(&raw mut (*inner).opaque, inner.cast(), record, slots) }
    }
}

/// Enters code, or a host function, from the host.
///
/// # Safety
///
/// `opaque` and `owner` are one store, exclusively the caller's; the record is of it; `slots` holds arguments of the
/// function's types and has room for its results.
unsafe fn invoke(
    opaque: *mut StoreOpaque,
    owner: *mut (),
    record: *const FuncRecord,
    slots: &mut [u64],
) -> Result<(), Error> {
    // SAFETY: by contract. No reference to the store is held while code runs: the context is behind its own pointer.
    unsafe {
        let context: *const StoreContext = Arc::as_ptr(&(*opaque).context);
        let context = &*context;
        let config: *const crate::Config = (*opaque).engine.config();
        let outer = Outer::save(context, owner);

        let stack_pointer = std::ptr::from_ref(&outer).addr();
        if context.native_limit.get() == 0 {
            let room = (*config).max_native_stack_bytes;
            context.native_limit.set(stack_pointer.saturating_sub(room).max(1));
        } else if stack_pointer < context.native_limit.get() {
            return Err(overflow(context));
        }
        if (*record).slot.is_null() {
            return interpreter::call_host_directly(record, owner, slots.as_mut_ptr())
                .map_err(|error| *error);
        }

        let version = interpreter::version_of(record);
        let top = context.frame_top.get().add(HEADER_WORDS);
        let frame = Frame(top.add(top.addr() / size_of::<u64>() % 2));
        if frame.0.add((*version).frame_words as usize) > context.stack_limit.get() {
            return Err(overflow(context));
        }
        frame.set_link(Frame(context.exit_frame.get()), std::ptr::null());
        frame.set_code(version, (*record).instance);
        let params = (*version).params as usize;
        std::ptr::copy_nonoverlapping(slots.as_ptr(), frame.0, params);
        native::run(frame, version).map_err(|stopped| Error::Trap(Trap::new(stopped)))?;
        std::ptr::copy_nonoverlapping(frame.0, slots.as_mut_ptr(), slots.len());
        Ok(())
    }
}

/// A call that does not fit on the stack any more.
#[cold]
unsafe fn overflow(context: &StoreContext) -> Error {
    let frame = Frame(context.exit_frame.get());
    let stop = Stop::Trap(TrapCause::StackOverflow);
    // SAFETY: the exit frame is the innermost there is.
    Error::Trap(unsafe { Trap::new(Stopped { stop, frame, place: Place::At(std::ptr::null()) }) })
}

/// What an entry changes in the store context, put back when it ends.
struct Outer<'a> {
    context: &'a StoreContext,
    owner: *mut (),
    native_limit: usize,
}

impl<'a> Outer<'a> {
    fn save(context: &'a StoreContext, owner: *mut ()) -> Outer<'a> {
        let native_limit = context.native_limit.get();
        Outer { context, owner: context.owner.replace(owner), native_limit }
    }
}

impl Drop for Outer<'_> {
    fn drop(&mut self) {
        self.context.owner.set(self.owner);
        self.context.native_limit.set(self.native_limit);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
    use std::thread;

    use super::*;
    use crate::{Config, Instance, Linker, Module, TierMode};

    /// Values of all kinds live through loops and calls.
    const TEXT: &str = "
        func @mix(%n: i64, %x: f64, %y: f32, %depth: i32) -> f64 export {
          reg %i: i64, %j: i64, %a: i64, %b: i64, %c: i32, %d: i32, %u: f64, %v: f64, %w: f32
          %a = const.i64 1
          %u = const.f64 0.5
        outer:
          %j = const.i64 0
        inner:
          %b = add.i64 %b, %a
          %a = xor.i64 %a, %b
          %c = wrap.i32.i64 %a
          %d = add.i32 %d, %c
          %w = add.f32 %w, %y
          %v = add.f64 %v, %u
          %u = mul.f64 %u, %x
          %j = add.i64 %j, 1
          br.lt_s.i64 %j, %n, inner
          %u = const.f64 0.5
          br.eqz.i32 %depth, done
          %depth = sub.i32 %depth, 1
          %x = call @mix(%n, %x, %y, %depth)
          %v = add.f64 %v, %x
          %x = const.f64 0.75
        done:
          %i = add.i64 %i, 1
          br.lt_s.i64 %i, %n, outer
          %x = convert_s.f64.i64 %b
          %v = add.f64 %v, %x
          %x = convert_s.f64.i32 %d
          %v = add.f64 %v, %x
          %x = promote.f64.f32 %w
          %v = add.f64 %v, %x
          ret %v
        }
        func @spin() export {
        again:
          jump again
        }";

    const TIERS: [TierMode; 4] =
        [TierMode::Portable, TierMode::Interpreter, TierMode::Template, TierMode::Optimizing];

    fn in_tier(tier: TierMode) -> (Store<()>, Instance) {
        let engine = Engine::new(Config::new().tier(tier));
        let module = Module::new(&engine, TEXT).unwrap();
        let mut store = Store::new(&engine, ());
        let instance = Linker::new(&engine).instantiate(&mut store, &module).unwrap();
        (store, instance)
    }

    /// Does something while another thread asks for attention all the time, without a reason.
    fn asked_for_nothing<R>(context: &StoreContext, work: impl FnOnce() -> R) -> R {
        let is_done = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                while !is_done.load(Ordering::Relaxed) {
                    context.ask(0);
                    thread::yield_now();
                }
            });
            let result = work();
            is_done.store(true, Ordering::Relaxed);
            result
        })
    }

    #[test]
    fn what_asks_for_attention_changes_nothing_else() {
        let mut results = Vec::new();
        for tier in TIERS {
            let (mut store, instance) = in_tier(tier);
            let mix = instance.typed_func::<(i64, f64, f32, i32), f64>(&store, "mix").unwrap();
            let context = Arc::clone(&store.inner.opaque.context);
            let result = asked_for_nothing(&context, || mix.call(&mut store, (40, 0.99, 0.3, 9)));
            results.push(result.unwrap().to_bits());
        }
        assert!(results.iter().all(|&result| result == results[0]), "{results:?}");
    }

    #[test]
    fn no_interrupt_is_lost_among_others_that_ask() {
        for tier in TIERS {
            let (mut store, instance) = in_tier(tier);
            let spin = instance.typed_func::<(), ()>(&store, "spin").unwrap();
            let (handle, context) = (store.interrupt_handle(), Arc::clone(&store.inner.opaque.context));
            let (turn, turns) = (AtomicU32::new(0), 200);
            thread::scope(|scope| {
                scope.spawn(|| {
                    for own in 1..=turns {
                        while turn.load(Ordering::Acquire) < own {
                            thread::yield_now();
                        }
                        handle.interrupt();
                    }
                });
                let all_stop = asked_for_nothing(&context, || {
                    (1..=turns).all(|own| {
                        turn.store(own, Ordering::Release);
                        // It would go on for ever otherwise.
                        spin.call(&mut store, ()).is_err()
                    })
                });
                assert!(all_stop);
            });
        }
    }
}
