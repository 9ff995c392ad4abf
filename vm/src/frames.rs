//! Frames: the activation records that all tiers share, and the one stack walker.
//!
//! A frame is a header of [`HEADER_WORDS`] words and then the registers, a word each; a frame pointer points to register
//! 0 and is 16-byte aligned. Frames lie one behind the other in a stack of the store's own.
//!
//! | word | content |
//! |---|---|
//! | -4 | frame pointer of the caller; of the host's frame below for an entry frame; null for the outermost |
//! | -3 | return pc in the caller's image, or null: the caller is the host |
//! | -2 | version of the function, or null: a frame that holds a host function's arguments |
//! | -1 | instance context that the function runs in; for a host function, its record |

use bytecode_spec::Pc;

use crate::code::Version;
use crate::context::{FuncRecord, InstanceContext};

/// Words before the registers.
pub(crate) const HEADER_WORDS: usize = 4;

/// A frame, by its frame pointer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Frame(pub(crate) *mut u64);

impl Frame {
    /// # Safety
    ///
    /// The frame must be one on its store's stack, with its header written. (The same for all methods.)
    #[inline(always)]
    pub(crate) unsafe fn caller(self) -> Frame {
        // SAFETY: the header is there, by contract.
        unsafe { Frame(*self.0.sub(4) as *mut u64) }
    }

    /// # Safety
    ///
    /// See [`caller`](Self::caller).
    #[inline(always)]
    pub(crate) unsafe fn return_pc(self) -> *const u64 {
        // SAFETY: the header is there, by contract.
        unsafe { *self.0.sub(3) as *const u64 }
    }

    /// # Safety
    ///
    /// See [`caller`](Self::caller).
    #[inline(always)]
    pub(crate) unsafe fn version(self) -> *const Version {
        // SAFETY: the header is there, by contract.
        unsafe { *self.0.sub(2) as *const Version }
    }

    /// # Safety
    ///
    /// See [`caller`](Self::caller).
    #[inline(always)]
    pub(crate) unsafe fn instance(self) -> *const InstanceContext {
        // SAFETY: the header is there, by contract.
        unsafe { *self.0.sub(1) as *const InstanceContext }
    }

    /// Writes the part of the header that says where to return.
    ///
    /// # Safety
    ///
    /// The four words before the frame pointer must be free stack.
    #[inline(always)]
    pub(crate) unsafe fn set_link(self, caller: Frame, return_pc: *const u64) {
        // SAFETY: free stack, by contract.
        unsafe {
            *self.0.sub(4) = caller.0 as u64;
            *self.0.sub(3) = return_pc as u64;
        }
    }

    /// Writes the part of the header that says what runs.
    ///
    /// # Safety
    ///
    /// See [`set_link`](Self::set_link).
    #[inline(always)]
    pub(crate) unsafe fn set_code(self, version: *const Version, instance: *const InstanceContext) {
        // SAFETY: free stack, by contract.
        unsafe {
            *self.0.sub(2) = version as u64;
            *self.0.sub(1) = instance as u64;
        }
    }
}

/// A place in an image, from which to find the instruction when it is wanted: that takes time in proportion to the code.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Place {
    /// The current instruction.
    At(*const u64),
    /// A return pc: the instruction is the call before it.
    Behind(*const u64),
}

impl Place {
    /// The instruction's pc in the code of `version`.
    pub(crate) fn pc(self, version: &Version) -> Pc {
        match self {
            Place::At(address) => version.pc_of(address.addr()),
            Place::Behind(address) => version.pc_of(address.addr() - 1),
        }
    }
}

/// What the walker finds, innermost first.
pub(crate) enum Activation<'a> {
    /// A function of a module, at a place in its image.
    Code(&'a Version, Place),
    /// A host function.
    Host(&'a FuncRecord),
}

/// Walks the stack from a frame, at `pc` in its image, to the outermost.
///
/// # Safety
///
/// `frame` must be the innermost frame of a store that this thread is running, and `pc` an instruction of its image.
pub(crate) unsafe fn walk<'a>(frame: Frame, pc: *const u64, mut visit: impl FnMut(Activation<'a>)) {
    let (mut frame, mut place) = (frame, Place::At(pc));
    while !frame.0.is_null() {
        // SAFETY: every frame up to the outermost has its header written; versions and records outlive their frames.
        unsafe {
            match frame.version().as_ref() {
                Some(version) => visit(Activation::Code(version, place)),
                None => visit(Activation::Host(&*frame.instance().cast::<FuncRecord>())),
            }
            // An entry frame has no return pc: below it is the frame of the host function that called in.
            place = Place::Behind(frame.return_pc());
            frame = frame.caller();
        }
    }
}
