//! What a compiler gives besides bytes.

use bytecode_spec::Pc;

/// Machine code of a function, to be installed: it starts with the words of [`object`](crate::abi::object), has no
/// relocations, and runs at any address.
#[derive(Clone, Debug, Default)]
pub struct CompiledCode {
    /// The code object's bytes. The function's entry is at [`object::CODE`](crate::abi::object::CODE).
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
