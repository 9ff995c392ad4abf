//! What a compiler gives besides bytes.

use std::fmt;

use bytecode_spec::{Pc, Reg, TrapCause};

use crate::abi::Helper;

pub use crate::template::pins::Home;

/// Machine code of a function, to be installed: it starts with the words of [`object`](crate::abi::object), has no
/// relocations, and runs at any address.
#[derive(Clone, Debug, Default)]
pub struct CompiledCode {
    /// The code object's bytes. The function's entry is at [`Roles::entry`](crate::template::masm::Roles::entry).
    pub bytes: Vec<u8>,
    /// Where activations that are at the head of a loop go on, as offsets; ascending.
    pub entries: Vec<(Pc, u32)>,
    /// Offsets of instructions that may fault, ascending, and the bytecode instruction that each belongs to.
    pub faults: Vec<(u32, Pc)>,
}

impl CompiledCode {
    /// The bytecode instruction that the machine instruction at an offset belongs to, if it may fault.
    pub fn fault_at(&self, offset: u32) -> Option<Pc> {
        let place = self.faults.binary_search_by_key(&offset, |&(offset, _)| offset).ok()?;
        Some(self.faults[place].1)
    }
}

/// What the parts of a function's code are, and where its registers live: for listings.
#[derive(Clone, Debug, Default)]
pub struct CodeMap {
    /// Where each part starts, ascending: it ends where the next one starts.
    pub parts: Vec<(u32, Part)>,
    /// Registers that have a machine register, the hottest first.
    pub pins: Vec<(Reg, Home)>,
}

/// A part of a function's code. It belongs to a bytecode instruction, or with `None` to the entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// Where callers go.
    Entry,
    /// What an instruction does.
    Instruction(Pc),
    /// Where activations that are at the head of a loop go on.
    LoopEntry(Pc),
    /// A trap that hot code jumps to.
    Trap(Option<Pc>, TrapCause),
    /// What hot code jumps to when something asks for attention.
    Poll(Option<Pc>),
    /// What counting code jumps to when it is to ask for better code.
    Hot(Option<Pc>),
    /// A tail call that a helper makes: of a host function, or into an instance without machine code.
    Call(Pc),
    /// What all traps do.
    Trapped,
    /// What several places call: a helper, pinned registers in their slots, or nothing but reading them again.
    Shared(Option<Helper>),
    /// Distances of so many targets from this place, four bytes each.
    Table(u32),
}

/// The part's name, such as `pc3`, `pc3.poll` or `entry`; names are not unique.
impl fmt::Display for Part {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let place = |f: &mut fmt::Formatter<'_>, pc: Option<Pc>| match pc {
            Some(pc) => write!(f, "pc{}", pc.0),
            None => f.write_str("entry"),
        };
        match *self {
            Part::Entry => place(f, None),
            Part::Instruction(pc) => place(f, Some(pc)),
            Part::LoopEntry(pc) => {
                place(f, Some(pc))?;
                f.write_str(".entry")
            }
            Part::Trap(pc, cause) => {
                place(f, pc)?;
                write!(f, ".{}", cause.name())
            }
            Part::Poll(pc) => {
                place(f, pc)?;
                f.write_str(".poll")
            }
            Part::Hot(pc) => {
                place(f, pc)?;
                f.write_str(".hot")
            }
            Part::Call(pc) => {
                place(f, Some(pc))?;
                f.write_str(".call")
            }
            Part::Trapped => f.write_str("trapped"),
            Part::Shared(None) => f.write_str("reload"),
            Part::Shared(Some(helper)) => f.write_str(helper.name()),
            Part::Table(_) => f.write_str("table"),
        }
    }
}
