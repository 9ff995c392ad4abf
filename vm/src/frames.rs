//! Frames: the activation records that all tiers share, and the one stack walker.
//!
//! A frame is a header of [`HEADER_WORDS`] words and then the registers, a word each; a frame pointer points to register
//! 0 and is 16-byte aligned. Frames lie one behind the other in a stack of the store's own.
//!
//! | word | content |
//! |---|---|
//! | -4 | frame pointer of the caller; of the host's frame below for an entry frame; null for the outermost; as generated code has it, [`BIAS`] bytes behind |
//! | -3 | return pc in one of the caller's images; or a number as in [`abi::place`]: the caller is machine code; or null: the caller is the host |
//! | -2 | version of the function, or null: a frame that holds a host function's arguments |
//! | -1 | instance context that the function runs in; for a host function, its record |

use bytecode_spec::Pc;
use strata_jit::abi;
use strata_jit::abi::place::Parts;
use strata_jit::template::host::Machine;
use strata_jit::template::masm::Masm;

use crate::code::Version;
use crate::context::{FuncRecord, InstanceContext};
use crate::trap::Tier;

/// Words before the registers.
pub(crate) const HEADER_WORDS: usize = 4;

/// Bytes from register 0 to where generated code lets its pointers to the frame point.
pub(crate) const BIAS: usize = Machine::ROLES.frame_bias as usize;

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
        unsafe { Frame((*self.0.sub(4) as *mut u64).wrapping_byte_sub(BIAS)) }
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
            *self.0.sub(4) = caller.0.wrapping_byte_add(BIAS) as u64;
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
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Place {
    /// The current instruction.
    At(*const u64),
    /// A return pc: the instruction is the call before it.
    Behind(*const u64),
    /// The current instruction, or the call, of machine code; by its pc.
    Pc(Pc, Tier),
    /// The same, of a function that is inlined in optimized code.
    Inlined {
        /// The [number](abi::place) of the call's place.
        call: u64,
        /// Which of the call's targets it is.
        target: u32,
        pc: Pc,
    },
}

impl Place {
    /// The place of the call that a frame's return pc belongs to.
    pub(crate) fn of_call(return_pc: *const u64) -> Place {
        Place::numbered(return_pc.addr() as u64).unwrap_or(Place::Behind(return_pc))
    }

    /// The place that generated code names: see [`abi::place`].
    pub(crate) fn named(place: u64) -> Place {
        Place::numbered(place).unwrap_or(Place::At(place as *const u64))
    }

    fn numbered(place: u64) -> Option<Place> {
        Some(match abi::place::parts(place)? {
            Parts::Template(pc) => Place::Pc(Pc(pc), Tier::Template),
            Parts::Optimized(pc) => Place::Pc(Pc(pc), Tier::Optimizing),
            Parts::Inlined { call, target, pc } => Place::Inlined { call, target, pc: Pc(pc) },
        })
    }

    /// A return pc from which the walker finds this place.
    pub(crate) fn return_pc(self) -> *const u64 {
        match self {
            Place::At(address) => address.wrapping_add(1),
            Place::Behind(address) => address,
            Place::Pc(pc, Tier::Optimizing) => abi::place::optimized(pc.0) as *const u64,
            Place::Pc(pc, _) => abi::place::template(pc.0) as *const u64,
            Place::Inlined { call, target, pc } => abi::place::inlined(call, target, pc.0) as *const u64,
        }
    }

    /// The tier that an activation of `version` at this place is in.
    pub(crate) fn tier(self, version: &Version) -> Tier {
        match self {
            Place::At(address) | Place::Behind(address) => version.tier_at(address.addr()),
            Place::Pc(_, tier) => tier,
            Place::Inlined { .. } => Tier::Optimizing,
        }
    }

    /// The instruction's pc in the code of `version`.
    pub(crate) fn pc(self, version: &Version) -> Pc {
        match self {
            Place::At(address) => version.pc_of(address.addr()),
            Place::Behind(address) => version.pc_of(address.addr() - 1),
            Place::Pc(pc, _) | Place::Inlined { pc, .. } => pc,
        }
    }
}

impl Place {
    /// The place of the outermost call that it is inlined at, if it is.
    pub(crate) fn outermost_call(self) -> Option<Place> {
        let Place::Inlined { call, .. } = self else { return None };
        let call = Place::named(call);
        Some(call.outermost_call().unwrap_or(call))
    }
}

/// The function whose instruction is at a place in code of `version`, which may be inlined there; and how many words behind the
/// registers of `version` its own would be.
pub(crate) fn function_at(version: &Version, place: Place) -> (&Version, usize) {
    let Place::Inlined { call, target, .. } = place else { return (version, 0) };
    let call = Place::named(call);
    let (caller, words) = function_at(version, call);
    let func = caller.inlined_at(call.pc(caller), target);
    (caller.loaded().uncalled_version(func), words + caller.frame_words as usize)
}

/// What the walker finds, innermost first.
pub(crate) enum Activation<'a> {
    /// A function of a module, at a place in its image.
    Code(&'a Version, Place),
    /// A host function.
    Host(&'a FuncRecord),
}

/// Walks the stack from a frame, at a place in its function, to the outermost.
///
/// # Safety
///
/// `frame` must be the innermost frame of a store that this thread is running, and `place` an instruction of its function.
pub(crate) unsafe fn walk<'a>(mut frame: Frame, mut place: Place, mut visit: impl FnMut(Activation<'a>)) {
    while !frame.0.is_null() {
        // SAFETY: every frame up to the outermost has its header written; versions and records outlive their frames.
        unsafe {
            match frame.version().as_ref() {
                Some(version) => {
                    visit(Activation::Code(function_at(version, place).0, place));
                    while let Place::Inlined { call, .. } = place {
                        place = Place::named(call);
                        visit(Activation::Code(function_at(version, place).0, place));
                    }
                }
                None => visit(Activation::Host(&*frame.instance().cast::<FuncRecord>())),
            }
            // An entry frame has no return pc: below it is the frame of the host function that called in.
            place = Place::of_call(frame.return_pc());
            frame = frame.caller();
        }
    }
}
