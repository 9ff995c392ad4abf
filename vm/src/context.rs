//! What running code reaches everything through: contexts, function records and the records of memories and tables.
//!
//! These are laid out for machine code: every tier names their fields by offset. An instance context and all that it
//! points to live as long as their store (slots and signatures as long as the engine), at one address.

use std::cell::{Cell, RefCell, UnsafeCell};
use std::sync::atomic::{AtomicU32, Ordering};

use bytecode_spec::limits::{MAX_PAGES, PAGE_SIZE};
use bytecode_spec::{Limits, ValType};

use crate::code::{CodeSlot, LoadedModule};
use crate::host::HostFunc;

/// What one store's running code shares: the poll word, fuel and the stack. Shared with interrupt handles, which touch
/// the poll word alone; everything else belongs to the thread that runs the store.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct StoreContext {
    /// Reasons to leave the fast path at the next safepoint; 0 for none.
    pub(crate) poll: AtomicU32,
    /// Fuel left, in instructions.
    pub(crate) fuel: Cell<u64>,
    /// First word that no frame may reach. Behind it lies room for the arguments of one tail or host call.
    pub(crate) stack_limit: Cell<*mut u64>,
    /// First free word of the stack while no generated code or interpreter runs.
    pub(crate) frame_top: Cell<*mut u64>,
    /// The frame that the host was called from last; null outside.
    pub(crate) exit_frame: Cell<*mut u64>,
    /// Address that the native stack pointer must not get below.
    pub(crate) native_limit: Cell<usize>,
    /// The store itself, as its `StoreInner<T>`, while code runs.
    pub(crate) owner: Cell<*mut ()>,
}

// SAFETY: `InterruptHandle` is the only way to share a context across threads and touches nothing but `poll`.
unsafe impl Sync for StoreContext {}
// SAFETY: the pointers lead into the store that owns the context, which moves between threads together with it.
unsafe impl Send for StoreContext {}

/// The poll word's bit that asks to stop with `Interrupted`.
pub(crate) const POLL_INTERRUPT: u32 = 1;

impl StoreContext {
    pub(crate) fn new() -> StoreContext {
        StoreContext {
            poll: AtomicU32::new(0),
            fuel: Cell::new(0),
            stack_limit: Cell::new(std::ptr::null_mut()),
            frame_top: Cell::new(std::ptr::null_mut()),
            exit_frame: Cell::new(std::ptr::null_mut()),
            native_limit: Cell::new(0),
            owner: Cell::new(std::ptr::null_mut()),
        }
    }

    /// Takes the reasons to leave the fast path.
    #[cold]
    pub(crate) fn take_poll(&self) -> u32 {
        self.poll.swap(0, Ordering::AcqRel)
    }
}

/// What one instance's code reaches everything through.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct InstanceContext {
    pub(crate) store: *const StoreContext,
    /// The memory, or [`MemoryRecord::NONE`]'s stand-in of no bytes.
    pub(crate) memory: *const MemoryRecord,
    /// Cells of the globals, imported and own.
    pub(crate) globals: *const *const UnsafeCell<u64>,
    /// Tables, imported and own.
    pub(crate) tables: *const *const TableRecord,
    /// Slots of the module's defined functions.
    pub(crate) slots: *const CodeSlot,
    /// Records of every function, imported and defined.
    pub(crate) records: *const *const FuncRecord,
    /// Engine-wide signature of each of the module's types.
    pub(crate) signatures: *const u32,
    /// How many functions are imported.
    pub(crate) imported_funcs: u32,
    /// Which instance of the store this is.
    pub(crate) index: u32,
    pub(crate) module: *const LoadedModule,
    pub(crate) segments: *const Segments,
}

/// An instance's data and element segments, as far as they have not been given up.
#[derive(Debug)]
pub(crate) struct Segments {
    /// Whether each data segment has been given up; the bytes are the module's.
    pub(crate) data_dropped: Box<[Cell<bool>]>,
    /// Slots of each element segment; empty once given up.
    pub(crate) elements: Box<[RefCell<Box<[u64]>>]>,
}

/// What a funcref points to, and what imports and handles name: a function of an instance, or one of the host.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct FuncRecord {
    /// The function's slot; null for a host function.
    pub(crate) slot: *const CodeSlot,
    /// The instance it runs in; null for a host function.
    pub(crate) instance: *const InstanceContext,
    /// The host function, if it is one.
    pub(crate) host: *const HostFunc,
    /// Engine-wide signature.
    pub(crate) signature: u32,
    /// Index among the module's functions, or among the store's host functions.
    pub(crate) index: u32,
}

impl FuncRecord {
    /// What identifies the function in profiles, whichever instance it runs in.
    pub(crate) fn identity(&self) -> u64 {
        (if self.slot.is_null() { self.host.addr() } else { self.slot.addr() }) as u64
    }
}

/// A linear memory: where it is and how long, for code; and what owns it.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct MemoryRecord {
    pub(crate) base: Cell<*mut u8>,
    pub(crate) len: Cell<usize>,
    /// At least `len` bytes; those behind it are zero. Doubled when outgrown, so that growing costs linear time.
    bytes: UnsafeCell<Vec<u8>>,
    pub(crate) limits: Limits,
    /// Pages that the memory may grow to: its own limit and the engine's.
    most: u32,
}

impl MemoryRecord {
    /// A memory of the smallest size, or `None` where there are not enough bytes.
    pub(crate) fn new(limits: Limits, most: u32) -> Option<MemoryRecord> {
        let len = limits.min as usize * PAGE_SIZE;
        let mut bytes = zeroed(len)?;
        Some(MemoryRecord {
            base: Cell::new(bytes.as_mut_ptr()),
            len: Cell::new(len),
            bytes: UnsafeCell::new(bytes),
            limits,
            most: limits.max.unwrap_or(MAX_PAGES).min(most),
        })
    }

    /// Size in pages.
    pub(crate) fn pages(&self) -> u32 {
        (self.len.get() / PAGE_SIZE) as u32
    }

    /// Adds `delta` pages; the old size, or `None` where that is not possible.
    pub(crate) fn grow(&self, delta: u32) -> Option<u32> {
        let old = self.pages();
        let new = old.checked_add(delta).filter(|&pages| pages <= self.most)?;
        let len = new as usize * PAGE_SIZE;
        // SAFETY: the store's thread is here and nowhere else: no reference into the vector is alive, code holds
        // raw pointers and reloads them after every operation that may grow.
        let bytes = unsafe { &mut *self.bytes.get() };
        if len > bytes.len() {
            let most = self.most as usize * PAGE_SIZE;
            let mut grown = zeroed((2 * bytes.len()).clamp(len, most)).or_else(|| zeroed(len))?;
            grown[..self.len.get()].copy_from_slice(&bytes[..self.len.get()]);
            *bytes = grown;
            self.base.set(bytes.as_mut_ptr());
        }
        self.len.set(len);
        Some(old)
    }
}

/// That many zero bytes, which the operating system provides as they are touched; `None` where it refuses.
fn zeroed(len: usize) -> Option<Vec<u8>> {
    if len == 0 {
        return Some(Vec::new());
    }
    let layout = std::alloc::Layout::array::<u8>(len).ok()?;
    // SAFETY: the layout is of more than zero bytes.
    let bytes = unsafe { std::alloc::alloc_zeroed(layout) };
    // SAFETY: just allocated with the layout of such a vector, and zero is a valid byte.
    (!bytes.is_null()).then(|| unsafe { Vec::from_raw_parts(bytes, len, len) })
}

/// A table: where its elements are and how many, for code; and what owns it. Elements are slots: a funcref's record
/// pointer or an externref's number, 0 for null.
#[repr(C)]
#[derive(Debug)]
pub(crate) struct TableRecord {
    pub(crate) base: Cell<*mut u64>,
    pub(crate) len: Cell<usize>,
    elements: UnsafeCell<Vec<u64>>,
    pub(crate) limits: Limits,
    pub(crate) element: ValType,
    /// Elements that the table may grow to: its own limit and the engine's.
    most: u32,
}

impl TableRecord {
    pub(crate) fn new(element: ValType, limits: Limits, most: u32) -> TableRecord {
        let mut elements = vec![0; limits.min as usize];
        TableRecord {
            base: Cell::new(elements.as_mut_ptr()),
            len: Cell::new(elements.len()),
            elements: UnsafeCell::new(elements),
            limits,
            element,
            most: limits.max.unwrap_or(u32::MAX).min(most),
        }
    }

    /// Adds `delta` elements set to `value`; the old size, or `None` where that is not possible.
    pub(crate) fn grow(&self, delta: u32, value: u64) -> Option<u32> {
        let old = self.len.get() as u32;
        let new = old.checked_add(delta).filter(|&len| len <= self.most)?;
        // SAFETY: as for `MemoryRecord::grow`.
        let elements = unsafe { &mut *self.elements.get() };
        elements.try_reserve(delta as usize).ok()?;
        elements.resize(new as usize, value);
        self.base.set(elements.as_mut_ptr());
        self.len.set(elements.len());
        Some(old)
    }

    /// The element at `index`, or `None` out of bounds.
    pub(crate) fn get(&self, index: u32) -> Option<u64> {
        let index = index as usize;
        // SAFETY: below `len`, the length of the vector at `base`.
        (index < self.len.get()).then(|| unsafe { *self.base.get().add(index) })
    }

    /// Sets the element at `index`; `None` out of bounds.
    pub(crate) fn set(&self, index: u32, value: u64) -> Option<()> {
        let index = index as usize;
        // SAFETY: below `len`, the length of the vector at `base`; the store's thread is the only one here.
        (index < self.len.get()).then(|| unsafe { *self.base.get().add(index) = value })
    }
}
