//! Machine code of a function, installed.

use bytecode_spec::Pc;
use strata_jit::abi;
use strata_jit::maps::CompiledCode;
use strata_jit::template::host::Machine;
use strata_jit::template::masm::Masm;

use super::Version;
use crate::engine::Engine;
use crate::tiering::policy::Refusal;

/// A function's machine code at its place; gives that back when dropped.
#[derive(Debug)]
pub(crate) struct CodeObject {
    engine: Engine,
    start: *const u8,
    code: CompiledCode,
}

// SAFETY: the address is of code that is never written again.
unsafe impl Send for CodeObject {}
// SAFETY: as above.
unsafe impl Sync for CodeObject {}

impl CodeObject {
    /// Installs the machine code of a version.
    pub(crate) fn install(version: &Version, mut code: CompiledCode) -> Result<CodeObject, Refusal> {
        let word = abi::object::VERSION as usize;
        let address = (std::ptr::from_ref(version).addr() as u64).to_ne_bytes();
        code.bytes[word..word + address.len()].copy_from_slice(&address);
        let engine = version.loaded().engine.clone();
        let native = engine.native().ok_or(Refusal::NoMachineCode)?;
        let start = native.install(&code.bytes, false).ok_or(Refusal::OutOfCodeSpace)?;
        Ok(CodeObject { engine, start, code })
    }

    /// Its size.
    pub(crate) fn bytes(&self) -> usize {
        self.code.bytes.len()
    }

    /// The function's entry, of the frame convention.
    pub(crate) fn entry(&self) -> *const u8 {
        self.start.wrapping_add(Machine::ROLES.entry as usize)
    }

    /// Where an activation that is at the head of a loop goes on.
    pub(crate) fn entry_at(&self, head: Pc) -> Option<*const u8> {
        let place = self.code.entries.binary_search_by_key(&head, |&(pc, _)| pc).ok()?;
        Some(self.start.wrapping_add(self.code.entries[place].1 as usize))
    }

    /// The instruction that a fault at an address belongs to.
    pub(crate) fn fault_at(&self, address: usize) -> Option<Pc> {
        self.code.fault_at(address.checked_sub(self.start.addr())? as u32)
    }
}

impl Drop for CodeObject {
    fn drop(&mut self) {
        if let Some(native) = self.engine.native() {
            native.release(self.start, self.code.bytes.len());
        }
    }
}
