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

    /// What machine code of functions writes for the return pc of a call at bytecode `pc`. It returns by the native stack; this is
    /// for whoever walks frames. The generated interpreter writes the address in its image behind the call, which is even.
    pub const fn return_pc(pc: u32) -> u64 {
        super::place(pc)
    }
}

/// How machine code of functions names the instruction at bytecode `pc`. The generated interpreter names an instruction by its
/// address in the image, which is even.
pub const fn place(pc: u32) -> u64 {
    (pc as u64) << 1 | 1
}

/// A loop is looked at when a branch goes back to its head for the first time, and every so many times after that.
pub const BACK_EDGES: u32 = 1024;

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
    /// First word that no frame may reach; 0 while something asks for attention, so that functions need only one test on entry.
    pub const ENTRY_LIMIT: i32 = 16;
    /// Address that the native stack pointer must not get below.
    pub const NATIVE_LIMIT: i32 = 24;
    /// Native stack pointer of the innermost entry from the host.
    pub const SEGMENT: i32 = 32;
    /// Where code stopped: frame, and what [`trap`](super::trap) says.
    pub const TRAP_FRAME: i32 = 40;
    /// See [`TRAP_FRAME`].
    pub const TRAP: i32 = 48;
    /// Pointer to the addresses that code goes to, in the order of [`Helper`](super::Helper), and behind them those of the
    /// functions that do what it asks for, and at last that of the [handlers](super::HANDLERS).
    pub const HELPERS: i32 = 56;
    /// Where an instruction of the generated interpreter faulted: the address in the image of what its handler is for.
    pub const PC: i32 = 64;
    /// For code, to go to an address through.
    pub const TARGET: i32 = 72;
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
    /// Pointer to the slot; null where a helper must call: a host function, an instance that runs no machine code.
    pub const SLOT: i32 = 8;
    /// Pointer to the instance context.
    pub const INSTANCE: i32 = 16;
    /// What the function is known by in profiles, unless it is 0: its slot's address.
    pub const IDENTITY: i32 = 0;
    /// Signature, 32 bits.
    pub const SIGNATURE: i32 = 32;
}

/// A function's slot. Whoever goes to an entry has the slot's address in the first scratch register.
pub mod slot {
    /// Pointer to the version; null until the function is first called.
    pub const VERSION: i32 = 0;
    /// Entry of the frame convention; never null.
    pub const ENTRY: i32 = 8;
    /// Bytes of a slot.
    pub const SIZE: i32 = 16;
}

/// A function's version, as the generated interpreter sees it.
pub mod version {
    /// Pointer to the image.
    pub const IMAGE: i32 = 0;
    /// Entry of its machine code, of the frame convention, or null.
    pub const NATIVE_ENTRY: i32 = 8;
    /// With fuel: for each word where a basic block starts, the block's instructions; 32 bits each.
    pub const COSTS: i32 = 16;
    /// With fuel: for each such word, what its opcode's lane would hold without; 16 bits each.
    pub const LEADERS: i32 = 24;
    /// Words from a frame's registers to those of the next frame, 32 bits.
    pub const FRAME_WORDS: i32 = 32;
    /// First register to be cleared on entry, 32 bits.
    pub const CLEAR_START: i32 = 36;
    /// The register behind the last, 32 bits.
    pub const CLEAR_END: i32 = 40;
    /// Number of parameters, 32 bits.
    pub const PARAMS: i32 = 44;
    /// Number of results, 32 bits.
    pub const RESULTS: i32 = 48;
    /// How often the function was entered, 32 bits.
    pub const CALLS: i32 = 52;
    /// After so many calls [`Helper::Hot`](super::Helper::Hot) is called, 32 bits.
    pub const ASK_AT: i32 = 56;
}

/// What an indirect call has called; its feedback in the generated interpreter's images points here.
pub mod targets {
    /// What the function that was seen first is known by, plus one; 0 for none.
    pub const FIRST: i32 = 0;
    /// How often that was called, 32 bits.
    pub const COUNT: i32 = 32;
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
    /// Bits of a cause; addresses of images have so many less than 64.
    pub const CAUSE_BITS: u32 = 16;

    /// The word for a trap at bytecode `pc`.
    pub const fn at(pc: u32, cause: u16) -> u64 {
        super::place(pc) << CAUSE_BITS | cause as u64
    }

    /// [Place](super::place) and cause of such a word.
    pub const fn parts(word: u64) -> (u64, u16) {
        (word >> CAUSE_BITS, word as u16)
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

/// Code that every engine needs once, as offsets in the bytes that [`stubs`](crate::template::stubs) gives.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stubs {
    /// `extern "C" fn(code, frame, instance, slot) -> Status`: enters code from the host.
    pub enter: u32,
    /// Where an instruction that faulted goes on, its address in the first scratch register.
    pub fault: u32,
    /// What code goes to for each [`Helper`], in their order.
    pub helpers: [u32; Helper::COUNT],
}

/// Where the address of the handlers is in the table of helpers.
pub const HANDLERS: i32 = 2 * Helper::COUNT as i32 * 8;

/// What generated code goes to for what it does not do itself. It calls a stub, with the table of helpers in the first scratch
/// register, the instruction's [place] in the second, and a record, where there is one, in the third; the stub calls a function of the runtime, `extern "C"`, with
/// the frame and these, and comes back unless that says to stop: then it goes to the entry from the host.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(i32)]
pub enum Helper {
    /// `(frame, place) -> status`: does what the one instruction there does, but control flow; 0, or [`Status::Stopped`].
    Step = 0,
    /// `(frame, place, record) -> status`: calls the function of a record that has no slot. Arguments and link are in the frame behind
    /// this one, where its results are then.
    Call = 1,
    /// `(frame, place, record) -> slot`: puts such a function in place of this one. 0 when its results are in the frame's first
    /// registers already; [`Status::Stopped`]; or the callee's slot, to be interpreted.
    TailCall = 2,
    /// `(frame, place) -> status`: something asks for attention before the instruction there, or on entry.
    Safepoint = 3,
    /// Not called, but gone to as the entry of functions without machine code, with a slot in the first scratch register:
    /// `(frame, slot) -> slot` runs the function, whose frame it is, in tier 0. As for `TailCall`: 0 when it has returned,
    /// a slot when it has been replaced by a function with machine code.
    Interpret = 4,
    /// Not called, but gone to, with what [`trap`] says in the first scratch register. There is no function behind it.
    Trap = 5,
    /// `(frame, slot) -> version`: the version of a function of the module that the frame's instance is of, which was never called.
    Version = 6,
    /// `(frame, place, taken) -> code`: a branch has been taken so many times to the head of a loop, which is at the place; or the
    /// function has been called often enough to be looked at. Gives where the activation goes on in machine code, or 0.
    Hot = 7,
    /// `(frame, place, record) -> 0`: the indirect call there calls the function of the record, which is not the one that it
    /// called first.
    Target = 8,
}

impl Helper {
    /// How many there are.
    pub const COUNT: usize = 9;

    /// All of them, in their order.
    pub const ALL: [Helper; Helper::COUNT] = [
        Helper::Step,
        Helper::Call,
        Helper::TailCall,
        Helper::Safepoint,
        Helper::Interpret,
        Helper::Trap,
        Helper::Version,
        Helper::Hot,
        Helper::Target,
    ];

    /// Its name in listings.
    pub const fn name(self) -> &'static str {
        match self {
            Helper::Step => "step",
            Helper::Call => "call",
            Helper::TailCall => "tail_call",
            Helper::Safepoint => "safepoint",
            Helper::Interpret => "interpret",
            Helper::Trap => "trap",
            Helper::Version => "version",
            Helper::Hot => "hot",
            Helper::Target => "target",
        }
    }

    /// Where the address of its stub is, from the start of the table.
    pub const fn stub(self) -> i32 {
        self as i32 * 8
    }

    /// Where the address of the runtime's function is.
    pub const fn function(self) -> i32 {
        (Helper::COUNT as i32 + self as i32) * 8
    }
}
