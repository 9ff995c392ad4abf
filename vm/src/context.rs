//! What running code reaches everything through: contexts, function records and the records of memories and tables.
//!
//! These are laid out for machine code: every tier names their fields by offset. An instance context and all that it
//! points to live as long as their store (slots and signatures as long as the engine), at one address.

use std::cell::{Cell, RefCell, UnsafeCell};
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};

use bytecode_spec::limits::{MAX_PAGES, PAGE_SIZE};
use bytecode_spec::{Limits, ValType};

use strata_jit::abi;

use crate::code::{CodeSlot, LoadedModule};
use crate::frames::BIAS;
use crate::host::HostFunc;
use crate::interpreter::Stopped;
use crate::os::Reservation;

/// What one store's running code shares: the poll word, fuel and the stack. Shared with interrupt handles, which touch
/// the poll word and the limit for entries alone; everything else belongs to the thread that runs the store.
#[repr(C)]
pub(crate) struct StoreContext {
    /// Reasons to leave the fast path at the next safepoint; 0 for none.
    pub(crate) poll: AtomicU32,
    /// Fuel left, in instructions.
    pub(crate) fuel: Cell<u64>,
    /// [`ROOM`](abi::store::ROOM) before `stack_limit`, as an address, for functions of machine code; 0 while there are reasons in `poll`, or
    /// may be. Optimized code reads what is there, and finds out so that it is 0.
    pub(crate) entry_limit: AtomicUsize,
    /// Address that the native stack pointer must not get below.
    pub(crate) native_limit: Cell<usize>,
    /// Native stack pointer of the innermost entry into machine code.
    pub(crate) segment: Cell<usize>,
    /// Where machine code trapped: the frame, and a word as in [`abi::trap`].
    pub(crate) trap_frame: Cell<*mut u64>,
    /// See `trap_frame`.
    pub(crate) trap: Cell<u64>,
    /// What machine code calls.
    pub(crate) helpers: Cell<*const *const ()>,
    /// The instruction whose handler in the generated interpreter faulted, in its image.
    pub(crate) pc: Cell<*const u64>,
    /// For machine code.
    pub(crate) target: Cell<usize>,
    /// Why a helper stopped machine code, on its way to the entry from the host.
    pub(crate) stopped: Cell<Option<Stopped>>,
    /// First word that no frame may reach. Behind it lies room for the arguments of one tail or host call.
    pub(crate) stack_limit: Cell<*mut u64>,
    /// First free word of the stack while no generated code or interpreter runs.
    pub(crate) frame_top: Cell<*mut u64>,
    /// The frame that the host was called from last; null outside.
    pub(crate) exit_frame: Cell<*mut u64>,
    /// The store itself, as its `StoreInner<T>`, while code runs.
    pub(crate) owner: Cell<*mut ()>,
}

impl std::fmt::Debug for StoreContext {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("StoreContext").field("poll", &self.poll).finish_non_exhaustive()
    }
}

/// The contract with machine code.
const _: () = {
    use std::mem::offset_of;
    assert!(offset_of!(StoreContext, poll) == abi::store::POLL as usize);
    assert!(offset_of!(StoreContext, fuel) == abi::store::FUEL as usize);
    assert!(offset_of!(StoreContext, entry_limit) == abi::store::ENTRY_LIMIT as usize);
    assert!(offset_of!(StoreContext, native_limit) == abi::store::NATIVE_LIMIT as usize);
    assert!(offset_of!(StoreContext, segment) == abi::store::SEGMENT as usize);
    assert!(offset_of!(StoreContext, trap_frame) == abi::store::TRAP_FRAME as usize);
    assert!(offset_of!(StoreContext, trap) == abi::store::TRAP as usize);
    assert!(offset_of!(StoreContext, helpers) == abi::store::HELPERS as usize);
    assert!(offset_of!(StoreContext, pc) == abi::store::PC as usize);
    assert!(offset_of!(StoreContext, target) == abi::store::TARGET as usize);
    assert!(offset_of!(InstanceContext, store) == abi::instance::STORE as usize);
    assert!(offset_of!(InstanceContext, memory) == abi::instance::MEMORY as usize);
    assert!(offset_of!(InstanceContext, globals) == abi::instance::GLOBALS as usize);
    assert!(offset_of!(InstanceContext, tables) == abi::instance::TABLES as usize);
    assert!(offset_of!(InstanceContext, slots) == abi::instance::SLOTS as usize);
    assert!(offset_of!(InstanceContext, records) == abi::instance::RECORDS as usize);
    assert!(offset_of!(InstanceContext, signatures) == abi::instance::SIGNATURES as usize);
    assert!(offset_of!(InstanceContext, call_record) == abi::instance::CALL_RECORD as usize);
    assert!(offset_of!(InstanceContext, attend) == abi::instance::ATTEND as usize);
    assert!(offset_of!(InstanceContext, loop_safepoint) == abi::instance::LOOP_SAFEPOINT as usize);
    assert!(offset_of!(MemoryRecord, base) == abi::memory::BASE as usize);
    assert!(offset_of!(MemoryRecord, len) == abi::memory::LEN as usize);
    assert!(offset_of!(TableRecord, base) == abi::table::BASE as usize);
    assert!(offset_of!(TableRecord, len) == abi::table::LEN as usize);
    assert!(offset_of!(FuncRecord, native_slot) == abi::record::SLOT as usize);
    assert!(offset_of!(FuncRecord, instance) == abi::record::INSTANCE as usize);
    assert!(offset_of!(FuncRecord, signature) == abi::record::SIGNATURE as usize);
    assert!(offset_of!(FuncRecord, slot) == abi::record::IDENTITY as usize);
    assert!(offset_of!(CodeSlot, version) == abi::slot::VERSION as usize);
    assert!(offset_of!(CodeSlot, entry) == abi::slot::ENTRY as usize);
    assert!(offset_of!(CodeSlot, register_entry) == abi::slot::REGISTER_ENTRY as usize);
    assert!(offset_of!(CodeSlot, calls_left) == abi::slot::CALLS_LEFT as usize);
    assert!(offset_of!(CodeSlot, back_edges_left) == abi::slot::BACK_EDGES_LEFT as usize);
    assert!(size_of::<CodeSlot>() == abi::slot::SIZE as usize);
};

// SAFETY: `InterruptHandle` is the only way to share a context across threads and touches nothing but `poll` and `entry_limit`.
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
            entry_limit: AtomicUsize::new(0),
            native_limit: Cell::new(0),
            segment: Cell::new(0),
            trap_frame: Cell::new(std::ptr::null_mut()),
            trap: Cell::new(0),
            helpers: Cell::new(std::ptr::null()),
            pc: Cell::new(std::ptr::null()),
            target: Cell::new(0),
            stopped: Cell::new(None),
            stack_limit: Cell::new(std::ptr::null_mut()),
            frame_top: Cell::new(std::ptr::null_mut()),
            exit_frame: Cell::new(std::ptr::null_mut()),
            owner: Cell::new(std::ptr::null_mut()),
        }
    }

    /// Asks code to leave the fast path at its next safepoint, for a reason. Any thread may.
    pub(crate) fn ask(&self, reason: u32) {
        self.poll.fetch_or(reason, Ordering::AcqRel);
        self.entry_limit.store(0, Ordering::Release);
    }

    /// Takes the reasons to leave the fast path.
    #[cold]
    pub(crate) fn take_poll(&self) -> u32 {
        // In this order, no reason that comes in between is missed, also by optimized code, which looks at the limit alone: one that is not
        // taken here comes behind this exchange, and its limit of 0 behind the one that is written before. At worst, a reason has been taken
        // when code looks again.
        self.allow_entry();
        self.poll.swap(0, Ordering::AcqRel)
    }

    /// Lets functions start without a look at what is asked for. The limit is one of pointers to frames as generated code has them.
    pub(crate) fn allow_entry(&self) {
        let limit = self.stack_limit.get().addr() + BIAS;
        self.entry_limit.store(limit.saturating_sub(abi::store::ROOM as usize), Ordering::Release);
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
    /// What machine code calls for what it reaches through records; null where there is none.
    pub(crate) call_record: *const (),
    /// What it calls in loops where something asks for attention; likewise.
    pub(crate) loop_safepoint: *const (),
    /// The same on entry.
    pub(crate) attend: *const (),
    /// How many functions are imported.
    pub(crate) imported_funcs: u32,
    /// Which instance of the store this is.
    pub(crate) index: u32,
    pub(crate) module: *const LoadedModule,
    pub(crate) segments: *const Segments,
    /// Whether machine code may run: its accesses need a guarded memory, if any.
    pub(crate) runs_machine_code: bool,
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
    /// The same for machine code; null also where the instance does not [run any](InstanceContext::runs_machine_code).
    pub(crate) native_slot: *const CodeSlot,
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
    bytes: Bytes,
    pub(crate) limits: Limits,
    /// Pages that the memory may grow to: its own limit and the engine's.
    most: u32,
}

/// What holds a memory's bytes.
#[derive(Debug)]
enum Bytes {
    /// Address space for all that an access can reach, of which the memory's bytes are accessible: machine code needs no checks.
    Guarded(Reservation),
    /// At least `len` bytes; those behind it are zero. Doubled when outgrown, so that growing costs linear time.
    Plain(UnsafeCell<Vec<u8>>),
}

/// Bytes that a 32-bit address, a 32-bit offset and the widest access can reach.
const REACH: usize = (8 << 30) + PAGE_SIZE;

impl MemoryRecord {
    /// A memory of the smallest size, or `None` where there are not enough bytes. It is `guarded` where that can be had.
    pub(crate) fn new(limits: Limits, most: u32, guarded: bool) -> Option<MemoryRecord> {
        let len = limits.min as usize * PAGE_SIZE;
        let reserved = guarded.then(|| Reservation::new(REACH)).flatten();
        let (base, bytes) = match reserved {
            Some(reservation) => {
                if !reservation.commit(len) {
                    return None;
                }
                (reservation.base(), Bytes::Guarded(reservation))
            }
            None => {
                let mut bytes = zeroed(len)?;
                (bytes.as_mut_ptr(), Bytes::Plain(UnsafeCell::new(bytes)))
            }
        };
        Some(MemoryRecord {
            base: Cell::new(base),
            len: Cell::new(len),
            bytes,
            limits,
            most: limits.max.unwrap_or(MAX_PAGES).min(most),
        })
    }

    /// Whether an access beyond its end faults, rather than reaching something else.
    pub(crate) fn is_guarded(&self) -> bool {
        matches!(self.bytes, Bytes::Guarded(_))
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
        match &self.bytes {
            Bytes::Guarded(reservation) => {
                if !reservation.commit(len) {
                    return None;
                }
            }
            Bytes::Plain(bytes) => {
                // SAFETY: the store's thread is here and nowhere else: no reference into the vector is alive, code holds
                // raw pointers and reloads them after every operation that may grow.
                let bytes = unsafe { &mut *bytes.get() };
                if len > bytes.len() {
                    let most = self.most as usize * PAGE_SIZE;
                    let mut grown = zeroed((2 * bytes.len()).clamp(len, most)).or_else(|| zeroed(len))?;
                    grown[..self.len.get()].copy_from_slice(&bytes[..self.len.get()]);
                    *bytes = grown;
                    self.base.set(bytes.as_mut_ptr());
                }
            }
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
