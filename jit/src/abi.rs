//! The contract with generated code: where it finds what belongs to the runtime, by offsets in bytes. The runtime asserts
//! that its structures are laid out so.

/// Words of a frame's header, before its registers; offsets from the frame pointer.
pub mod frame {
    /// Frame pointer of the caller.
    pub const CALLER: i32 = -32;
    /// Where the caller goes on: see [`return_pc`].
    pub const RETURN_PC: i32 = -24;
    /// The function's version.
    pub const VERSION: i32 = -16;
    /// The instance context it runs in.
    pub const INSTANCE: i32 = -8;
    /// Bytes of the header.
    pub const HEADER: i32 = 32;

    /// What generated code writes for the return pc of a call at bytecode `pc`. It returns by the native stack; this is for
    /// whoever walks frames.
    pub const fn return_pc(pc: u32) -> u64 {
        (pc as u64) << 1 | 1
    }
}

/// The instance context.
pub mod instance {
    /// Pointer to the store context.
    pub const STORE: i32 = 0;
    /// Pointer to the memory's record.
    pub const MEMORY: i32 = 8;
    /// Pointer to the pointers to globals' cells.
    pub const GLOBALS: i32 = 16;
    /// Pointer to the pointers to tables' records.
    pub const TABLES: i32 = 24;
    /// Pointer to the slots of defined functions.
    pub const SLOTS: i32 = 32;
    /// Pointer to the pointers to function records.
    pub const RECORDS: i32 = 40;
    /// Pointer to the signatures of the module's types.
    pub const SIGNATURES: i32 = 48;
}

/// The store context.
pub mod store {
    /// Poll word, 32 bits.
    pub const POLL: i32 = 0;
    /// Fuel left.
    pub const FUEL: i32 = 8;
    /// First word that no frame may reach.
    pub const STACK_LIMIT: i32 = 16;
    /// Address that the native stack pointer must not get below.
    pub const NATIVE_LIMIT: i32 = 24;
    /// Native stack pointer of the innermost entry from the host.
    pub const SEGMENT: i32 = 32;
    /// Where code stopped: frame, and what [`trap`](super::trap) says.
    pub const TRAP_FRAME: i32 = 40;
    /// See [`TRAP_FRAME`].
    pub const TRAP: i32 = 48;
    /// Pointer to the helpers, in the order of [`Helper`](super::Helper).
    pub const HELPERS: i32 = 56;
}

/// A memory's record.
pub mod memory {
    /// First byte.
    pub const BASE: i32 = 0;
    /// Bytes.
    pub const LEN: i32 = 8;
}

/// A table's record.
pub mod table {
    /// First element.
    pub const BASE: i32 = 0;
    /// Elements.
    pub const LEN: i32 = 8;
}

/// A function record.
pub mod record {
    /// Pointer to the slot; null for a host function.
    pub const SLOT: i32 = 0;
    /// Pointer to the instance context.
    pub const INSTANCE: i32 = 8;
    /// Signature, 32 bits.
    pub const SIGNATURE: i32 = 24;
}

/// A function's slot. Whoever goes to an entry has the slot's address in the first scratch register.
pub mod slot {
    /// Entry of the frame convention; never null.
    pub const ENTRY: i32 = 8;
    /// Bytes of a slot.
    pub const SIZE: i32 = 16;
}

/// A code object.
pub mod object {
    /// The version that the code belongs to, written when it is installed.
    pub const VERSION: i32 = 0;
    /// Where code starts.
    pub const CODE: i32 = 16;
}

/// What a trap leaves in the store context: the instruction's pc, and the cause's code.
pub mod trap {
    /// The word for a trap at bytecode `pc`.
    pub const fn at(pc: u32, cause: u16) -> u64 {
        (pc as u64) << 16 | cause as u64
    }

    /// Pc and cause of such a word.
    pub const fn parts(word: u64) -> (u32, u16) {
        ((word >> 16) as u32, word as u16)
    }

    /// In place of a pc: the function of the frame has not started; its caller's call is where it stopped.
    pub const ON_ENTRY: u32 = u32::MAX;
}

/// What an entry from the host returns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u64)]
pub enum Status {
    /// The function returned; its results are the first registers of its frame.
    Returned = 0,
    /// It trapped; see [`store::TRAP`].
    Trapped = 1,
    /// A helper stopped it and has kept why.
    Stopped = 2,
    /// An instruction faulted at the address in [`store::TRAP`].
    Faulted = 3,
}

/// Code that every engine needs once, as offsets in the bytes that [`stubs`](crate::template::host::stubs) gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stubs {
    /// `extern "C" fn(code, frame, instance, slot) -> Status`: enters code from the host.
    pub enter: u32,
    /// Entry, of the frame convention, of every function that has no machine code.
    pub interpret: u32,
    /// Where an instruction that faulted goes on, its address in the first scratch register.
    pub fault: u32,
}

/// Functions of the runtime that generated code calls, `extern "C"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum Helper {
    /// `(frame, pc) -> status`: does what the one instruction at `pc` does, but control flow; 0, or [`Status::Trapped`]
    /// with the trap noted, or [`Status::Stopped`].
    Step = 0,
    /// `(frame, pc) -> status`: the same for a call through a record, of an import or a table; its results are in their
    /// registers.
    Call = 1,
    /// `(frame, pc) -> slot`: puts the callee of a tail call through a record into the frame. 0 when the results are in
    /// the frame's first registers already; [`Status`] values 1 and 2 as for `Step`; or the callee's slot.
    TailCall = 2,
    /// `(frame, slot) -> slot`: runs the function of that slot, whose frame it is, in tier 0. As for `TailCall`: 0 when it
    /// has returned, a slot when it has been replaced by a function with machine code.
    Interpret = 3,
    /// `(frame, pc) -> status`: something asked for attention before the instruction at `pc`.
    Safepoint = 4,
}

impl Helper {
    /// How many there are.
    pub const COUNT: usize = 5;
}
