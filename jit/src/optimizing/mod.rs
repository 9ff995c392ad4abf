//! The optimizing compiler: bytecode to Cranelift's intermediate form, and that to machine code.
//!
//! A function keeps its frame, as in all tiers, but its registers are values, which are written to the frame only where somebody
//! looks: at side exits, where the activation goes on in another tier, and for helpers. The frame is in Cranelift's pinned register.
//!
//! Read in this order: `graph` (which blocks are compiled), `loops`, `translate` (the walk over them), `values`, `constants`, `strength`,
//! `heights`, `numeric`, `memory`, `calls`, `inline`, `unroll`, `packed`, `exits`, `safepoint`, `intervals`, `bounds`, `addresses`,
//! `cranelift` (machine code), `align`.

mod graph;
mod loops;
mod translate;
mod values;
mod constants;
mod strength;
mod heights;
mod numeric;
mod memory;
mod calls;
mod inline;
mod unroll;
mod packed;
mod exits;
mod safepoint;
mod intervals;
mod bounds;
mod addresses;
mod align;
mod cranelift;

pub use align::LINE;
pub use cranelift::{Cranelift, Explained, Target};
pub use inline::Callee;
pub use safepoint::safepoint;

use std::fmt;

use bytecode_spec::{FuncIndex, FuncType, Function, Pc};
use serde::{Deserialize, Serialize};

/// What makes optimized code of functions. Requests and answers are plain data, so the work can be done anywhere.
pub trait Optimizer: fmt::Debug + Send {
    /// Compiles a function, or says why it stays where it is. Asks now and then whether it `is_late`, and gives up if so: how long it
    /// may take between that is bounded by the size of what it takes at all.
    ///
    /// # Errors
    ///
    /// See [`Refusal`].
    fn optimize(&mut self, request: &Request, is_late: &dyn Fn() -> bool) -> Result<OptimizedCode, Refusal>;
}

/// What to compile: a verified function, and what is known of its module and of how it ran.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Request {
    /// The function.
    pub function: Function,
    /// Its type.
    pub ty: FuncType,
    /// How many functions the module imports.
    pub imported_funcs: u32,
    /// Words from a frame's registers to those of the next frame.
    pub frame_words: u32,
    /// With fuel, for each word where a basic block starts, its instructions; otherwise empty.
    pub costs: Vec<u32>,
    /// Where activations enter.
    pub entry: Entry,
    /// Branches that never went one of their ways, ascending: the code behind is left out.
    pub never: Vec<Edge>,
    /// How often branches went where, each edge once, ascending, as far as that was seen: what ran seldom is laid out apart from what did not.
    pub counts: Vec<(Edge, u32)>,
    /// Functions that it calls, or that these call, and that may be inlined.
    pub callees: Vec<Callee>,
    /// What its indirect calls mostly call, by ascending pc.
    pub targets: Vec<CallTargets>,
    /// For tests: branches are left by side exits, and tests of guarded calls fail, every so many times; 0 for never.
    pub stress: u32,
}

/// Where activations enter code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Entry {
    /// They start, by the [register convention](crate::abi::Place).
    Start,
    /// They are at the head of a loop, their registers in the frame. The code takes context and slot alone, and has that loop alone.
    Loop(Pc),
}

/// What an indirect call mostly calls, as it was seen.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CallTargets {
    /// The call.
    pub pc: Pc,
    /// Functions of the module and of the call's type, the most frequent first, by numbers that tell them apart wherever the call is
    /// compiled: below [`MAX_TARGETS`](crate::abi::place::MAX_TARGETS).
    pub functions: Vec<(u32, FuncIndex)>,
}

/// A way that a branch can go.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Edge {
    /// The branch.
    pub from: Pc,
    /// Where it goes.
    pub to: Pc,
}

/// Code of a function, to be installed: it runs at any address once the words that it asks for are written.
#[derive(Clone, Debug, Default, Serialize, Deserialize)]
pub struct OptimizedCode {
    /// The code; its entry is at its start.
    pub bytes: Vec<u8>,
    /// Bytes from a multiple of [`LINE`] to where it should start.
    pub skew: u32,
    /// Offsets of instructions that may fault, ascending, and the [place](crate::abi::place) of the bytecode instruction that each
    /// belongs to.
    pub faults: Vec<(u32, u64)>,
    /// Offsets behind polls, ascending, and the place of the instruction that each is before: [`safepoint`] returns there.
    pub polls: Vec<(u32, u64)>,
    /// Offsets of words to be written: eight bytes each.
    pub words: Vec<(u32, Word)>,
    /// Where activations go on elsewhere.
    pub exits: Vec<Exit>,
    /// Countdowns that it asks for; none but under [stress](Request::stress).
    pub countdowns: u32,
    /// Bytecode instructions that were compiled.
    pub instructions: u32,
    /// What became of calls of functions of the module, and of indirect calls that mostly call one, in the order in which they were
    /// compiled.
    pub calls: Vec<CallSite>,
}

/// A call of a function of the module, or one that mostly calls that, and what became of it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct CallSite {
    /// The inlined function that the call is in; `None` for the function that is compiled.
    pub within: Option<FuncIndex>,
    /// The call.
    pub pc: Pc,
    /// The function that is called.
    pub callee: FuncIndex,
    /// Whether it is a guess: the call is indirect, and tests whether it calls that function.
    pub is_guarded: bool,
    /// What became of it.
    pub inlining: Inlining,
}

/// Whether a call is compiled in place, and if not, why.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Inlining {
    /// All of the function is.
    Whole,
    /// What it does before it returns early is; where it does not, it is called.
    UntilEarlyReturn,
    /// It is called: it is too large, or has instructions that must have a frame (see [`Callee::fits`]), or too many others were offered
    /// before it.
    NotOffered,
    /// It is called: as many functions are inlined into each other as may be.
    TooDeep,
    /// It is called: as much code is inlined as the function is worth.
    OverBudget,
}

/// A word that code asks for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Word {
    /// The address of the function's version, for the frame's header.
    Version,
    /// What is handed to [`Helper::Exit`](crate::abi::Helper::Exit) for the side exit of that number.
    Exit(u32),
    /// The address of the countdown of that number, 32 bits, which is [`Request::stress`] at first.
    Countdown(u32),
}

/// A side exit: the activation goes on at the start of an instruction, with its live registers in the frame, in another tier. If that is
/// of an inlined function, the live registers of the functions around it are in their frames too; headers of frames are not written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exit {
    /// The [place](crate::abi::place) of the instruction.
    pub place: u64,
    /// Why.
    pub reason: Reason,
}

/// Why code is left by a side exit.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Reason {
    /// A tail call of a function that optimized code cannot go to: of the host's, or of a module none of whose functions is optimized.
    TailCall,
    /// A branch went where it never had.
    Branch(Edge),
    /// The loop that was entered has been left: its code has nothing else.
    Loop,
    /// See [`Request::stress`].
    Stress,
}

/// Why a function is not compiled.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error, Serialize, Deserialize)]
#[non_exhaustive]
pub enum Refusal {
    /// It, or its code or native frame, is larger than is worth it.
    #[error("it is too large for the optimizing compiler")]
    TooLarge,
    /// It was late.
    #[error("it takes too long to optimize")]
    TooSlow,
    /// The code generator does not compile it.
    #[error("the code generator fails: {0}")]
    Failed(String),
}
