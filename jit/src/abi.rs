//! The contract with generated code: where it finds what belongs to the runtime, by offsets in bytes. The runtime asserts
//! that its structures are laid out so.

use bytecode_spec::ValType;

/// Words of a frame's header, before its registers; offsets from register 0. Whoever calls writes where it goes on; the callee writes the
/// others, unless it is optimized code: that is given all but the version. Pointers to frames that generated code has in a machine
/// register, or keeps in a header or a limit, point [some bytes behind](crate::template::masm::Roles::frame_bias) that; what
/// it gives to the runtime, and gets from it, does not.
pub mod frame {
    /// Frame pointer of the caller.
    pub const CALLER: i32 = -32;
    /// Where the caller goes on: a [place](super::place), which for machine code only whoever walks frames reads; in an image, the one behind the call.
    pub const RETURN_PC: i32 = -24;
    /// The function's version.
    pub const VERSION: i32 = -16;
    /// The instance context it runs in.
    pub const INSTANCE: i32 = -8;
    /// Bytes of the header.
    pub const HEADER: i32 = 32;
    /// Words from the registers of an inlined function to those of the next frame, at most.
    pub const MAX_INLINED: usize = super::place::MAX_WORDS + HEADER as usize / 8;
    /// Words behind a frame that those of inlined functions take: nothing tests that they are free.
    pub const INLINED: usize = super::place::MAX_DEPTH * MAX_INLINED;
}

/// How generated code names an instruction to the runtime: machine code of functions by a number, which is odd; the
/// generated interpreter by the instruction's address in the image, which is even.
///
/// Numbers of optimized code are negative, and small, so that they are immediate operands. There, the instruction may be one of an
/// inlined function. The number then is a path: the instruction of the function whose code it is, a call, and one for each function that
/// is inlined there, with which of the functions that the call may call it is. It tells what frames there would be.
pub mod place {
    /// Bits for the number of functions that are inlined into each other,
    const DEPTH_BITS: u32 = 3;
    /// for the instruction of the function whose code it is,
    const FIRST_PC_BITS: u32 = 16;
    /// for the instruction in each of the others,
    const PC_BITS: u32 = 6;
    /// and for which of its call's targets each is. These are the highest: most are 0, and the number stays small.
    const TARGET_BITS: u32 = 2;

    /// Words of code of the function whose code it is that a path has room for.
    pub const MAX_FIRST_WORDS: usize = 1 << FIRST_PC_BITS;
    /// Functions inlined into each other that it has room for.
    pub const MAX_DEPTH: usize = 4;
    /// Words of code of an inlined function that it has room for.
    pub const MAX_WORDS: usize = 1 << PC_BITS;
    /// Functions that may be inlined at one call.
    pub const MAX_TARGETS: usize = 1 << TARGET_BITS;

    /// The instruction at bytecode `pc` in code of the template compiler.
    pub const fn template(pc: u32) -> u64 {
        (pc as u64) << 1 | 1
    }

    /// The same in optimized code.
    pub const fn optimized(pc: u32) -> u64 {
        Path { targets: 0, pcs: pc as u64, depth: 0 }.place()
    }

    /// The instruction at `pc` of the function that is inlined, as that `target` of the call, at the call that is at a place in
    /// optimized code. A call that names its callee has one target, 0.
    pub const fn inlined(call: u64, target: u32, pc: u32) -> u64 {
        let Path { targets, pcs, depth } = Path::of(call);
        assert!(depth < MAX_DEPTH as u64 && (target as usize) < MAX_TARGETS && (pc as usize) < MAX_WORDS);
        let targets = targets << TARGET_BITS | target as u64;
        Path { targets, pcs: pcs << PC_BITS | pc as u64, depth: depth + 1 }.place()
    }

    /// What the number of a place in optimized code consists of.
    struct Path {
        /// A target for each inlined function, the innermost in the lowest bits; and so for the instructions.
        targets: u64,
        pcs: u64,
        /// Inlined functions.
        depth: u64,
    }

    impl Path {
        const TARGETS: u32 = FIRST_PC_BITS + PC_BITS * MAX_DEPTH as u32;

        const fn place(self) -> u64 {
            let Path { targets, pcs, depth } = self;
            assert!(pcs >> Path::TARGETS == 0);
            !(((targets << Path::TARGETS | pcs) << DEPTH_BITS | depth) << 1)
        }

        const fn of(place: u64) -> Path {
            let number = !place >> 1;
            let steps = number >> DEPTH_BITS;
            Path {
                targets: steps >> Path::TARGETS,
                pcs: steps & ((1 << Path::TARGETS) - 1),
                depth: number & ((1 << DEPTH_BITS) - 1),
            }
        }
    }

    /// What a number stands for.
    #[derive(Clone, Copy, Debug, PartialEq, Eq)]
    pub enum Parts {
        /// An instruction of code of the template compiler, by its pc.
        Template(u32),
        /// One of optimized code.
        Optimized(u32),
        /// One of a function that is inlined.
        Inlined {
            /// The place of the call.
            call: u64,
            /// Which of the call's targets it is.
            target: u32,
            /// The instruction.
            pc: u32,
        },
    }

    /// What a place is; `None` for an address.
    pub const fn parts(place: u64) -> Option<Parts> {
        if place & 1 == 0 {
            return None;
        }
        if (place as i64) > 0 {
            return Some(Parts::Template((place >> 1) as u32));
        }
        let Path { targets, pcs, depth } = Path::of(place);
        if depth == 0 {
            return Some(Parts::Optimized(pcs as u32));
        }
        let call = Path { targets: targets >> TARGET_BITS, pcs: pcs >> PC_BITS, depth: depth - 1 };
        Some(Parts::Inlined {
            call: call.place(),
            target: targets as u32 & (MAX_TARGETS as u32 - 1),
            pc: pcs as u32 & (MAX_WORDS as u32 - 1),
        })
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn numbers_tell_what_they_were_made_of() {
            assert_eq!(parts(template(u32::MAX)), Some(Parts::Template(u32::MAX)));
            assert_eq!(parts(0xffff_dead_bee0), None);
            assert_eq!(
                super::super::trap::parts(super::super::trap::at(0xffff_dead_bee0, 7)),
                (0xffff_dead_bee0, 7)
            );
            let mut place = optimized(39_999);
            assert_eq!(parts(place), Some(Parts::Optimized(39_999)));
            for (target, pc) in [(0, 63), (3, 0), (1, 17), (3, 63)] {
                let inner = inlined(place, target, pc);
                assert_eq!(parts(inner), Some(Parts::Inlined { call: place, target, pc }));
                assert_eq!(super::super::trap::parts(super::super::trap::at(inner, 7)), (inner, 7));
                place = inner;
            }
        }
    }
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
    /// The address of the stub of [`Helper::Record`](super::Helper::Record).
    pub const CALL_RECORD: i32 = 56;
    /// The address of the stub of [`Helper::LoopSafepoint`](super::Helper::LoopSafepoint).
    pub const LOOP_SAFEPOINT: i32 = 64;
    /// The address of the stub of [`Helper::Attend`](super::Helper::Attend).
    pub const ATTEND: i32 = 72;
}

/// The store context.
pub mod store {
    /// Poll word, 32 bits.
    pub const POLL: i32 = 0;
    /// Fuel left.
    pub const FUEL: i32 = 8;
    /// [`ROOM`] bytes before the first word that no frame may reach, as a pointer to a [frame](super::frame) has it; 0 while something
    /// asks for attention, so that functions need only one test on entry. Beyond it, the runtime looks whether there is room. What is
    /// there can be read, so that [polls](crate::optimizing::safepoint) of optimized code need none.
    pub const ENTRY_LIMIT: i32 = 16;
    /// Functions whose frames take no more bytes compare the frame itself with the limit, which saves them to compute its end.
    pub const ROOM: i32 = 1024;
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
    /// Entry of the [register convention](super::Place).
    pub const REGISTER_ENTRY: i32 = 16;
    /// Calls of counting code that are left until it asks the policy; 32 bits.
    pub const CALLS_LEFT: i32 = 24;
    /// The same for back edges.
    pub const BACK_EDGES_LEFT: i32 = 28;
    /// Bytes of a slot.
    pub const SIZE: i32 = 32;
}

/// Where a parameter is in the register convention, that of optimized code. Its functions have the calling convention `tail` of
/// Cranelift, and are called with the instance context, the function's slot, and then parameters in machine registers; the frame,
/// all of whose header but the version is written, is in Cranelift's pinned register. They return the first result's bits;
/// the others are in the frame's registers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the argument register for integers of that number.
    Int(usize),
    /// In the argument register for floats of that number.
    Float(usize),
    /// In its own register of the frame.
    Frame,
}

impl Place {
    /// Parameters of integer and reference types that are passed in machine registers, behind context and slot.
    pub const INTS: usize = 4;
    /// Parameters of float types that are.
    pub const FLOATS: usize = 8;

    /// The places of parameters of these types.
    pub fn of(params: impl IntoIterator<Item = ValType>) -> impl Iterator<Item = (ValType, Place)> {
        let (mut ints, mut floats) = (0, 0);
        params.into_iter().map(move |ty| {
            let is_float = matches!(ty, ValType::F32 | ValType::F64);
            let (next, most) = if is_float { (&mut floats, Place::FLOATS) } else { (&mut ints, Place::INTS) };
            if *next == most {
                return (ty, Place::Frame);
            }
            *next += 1;
            (ty, if is_float { Place::Float(*next - 1) } else { Place::Int(*next + 1) })
        })
    }
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
    /// After so many calls [`Helper::Look`](super::Helper::Look) is called, 32 bits.
    pub const ASK_AT: i32 = 56;
    /// Pointer to the function's slot.
    pub const SLOT: i32 = 64;
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
    /// In code of the template compiler, what its [entry](crate::template::masm::Roles::entry) jumps to when something asks for attention
    /// or a stack is short: near enough for the shortest branches.
    pub const ATTENTION: i32 = 8;
}

/// What a trap leaves in the store context: the instruction's place, and the cause's code.
pub mod trap {
    /// Bits of a cause. The others hold a place: a number with its sign, or an address, which has none.
    pub const CAUSE_BITS: u32 = 8;

    /// The word for a trap at a [place](super::place).
    pub const fn at(place: u64, cause: u16) -> u64 {
        assert!(cause < 1 << CAUSE_BITS);
        place << CAUSE_BITS | cause as u64
    }

    /// Place and cause of such a word.
    pub const fn parts(word: u64) -> (u64, u16) {
        let is_number = word >> CAUSE_BITS & 1 == 1;
        let place = if is_number { (word as i64 >> CAUSE_BITS) as u64 } else { word >> CAUSE_BITS };
        (place, word as u16 & ((1 << CAUSE_BITS) - 1))
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
/// register unless the instance context has the stub's address, the instruction's [place] in the second, and a record, where there is
/// one, in the third; the stub calls a function of the runtime, `extern "C"`, with the frame and these, and comes back unless that says to stop: then it goes to the entry from the
/// host. Optimized code calls the runtime's functions itself; what it goes to gets the instance context as its first argument.
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
    /// Called by the generated interpreter, `(frame, place, taken) -> code`: a branch has been taken so many times to the head of a
    /// loop, which is at the place; or the function has been called often enough to be looked at. Gives a slot, if the activation
    /// is to go on in machine code at [`store::TARGET`], or 0.
    Look = 7,
    /// `(frame, place, record) -> 0`: the indirect call there calls the function of the record, which is not the one that it
    /// called first.
    Target = 8,
    /// `(frame, place) -> slot`: code that counts has been called, or gone back to the head of a loop there, as often as it was to
    /// be; pinned registers are in the frame. 0, or a slot whose entry goes on there in better code.
    Hot = 9,
    /// Gone to by optimized code, with a side exit: `(frame, exit) -> slot` finds where the activation goes on, as for `Interpret`.
    Exit = 10,
    /// Gone to by optimized code, as `Trap`. (The same for the next one.)
    Raise = 11,
    /// Goes on with the status that a helper's function gave.
    Stop = 12,
    /// Gone to by code of the register convention, with a slot, to go to its entry of the frame convention. There is no function.
    ToFrame = 13,
    /// Called by template code on entry, with nothing in the second scratch register: [`Safepoint`](Self::Safepoint) there. There is
    /// no function.
    Attend = 14,
    /// Called by template code as the entry of a record's function, whichever it has, with the record in the third scratch register:
    /// `(frame, _, record) -> status` does it for a record without a slot, and leaves results in the frame's first registers.
    Record = 15,
    /// Called by the [safepoint](crate::optimizing::safepoint) of optimized code, `(frame, address) -> status`: as `Safepoint`, at the poll
    /// that ends at the address. There is no stub.
    Poll = 16,
    /// Called by template code in loops, and before tail calls, with the place in the second scratch register:
    /// [`Safepoint`](Self::Safepoint) there, whose stub keeps all pinned registers. There is no function.
    LoopSafepoint = 17,
}

impl Helper {
    /// How many there are.
    pub const COUNT: usize = 18;

    /// All of them, in their order.
    pub const ALL: [Helper; Helper::COUNT] = [
        Helper::Step,
        Helper::Call,
        Helper::TailCall,
        Helper::Safepoint,
        Helper::Interpret,
        Helper::Trap,
        Helper::Version,
        Helper::Look,
        Helper::Target,
        Helper::Hot,
        Helper::Exit,
        Helper::Raise,
        Helper::Stop,
        Helper::ToFrame,
        Helper::Attend,
        Helper::Record,
        Helper::Poll,
        Helper::LoopSafepoint,
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
            Helper::Look => "look",
            Helper::Target => "target",
            Helper::Hot => "hot",
            Helper::Exit => "exit",
            Helper::Raise => "raise",
            Helper::Stop => "stop",
            Helper::ToFrame => "to_frame",
            Helper::Attend => "attend",
            Helper::Record => "record",
            Helper::Poll => "poll",
            Helper::LoopSafepoint => "loop_safepoint",
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
