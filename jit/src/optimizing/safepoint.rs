//! How optimized code finds out that something asks for attention, and what it does then.
//!
//! It hardly ever does, but loops ask each time round. They read the limit for entries, which is an address that can be read, but 0 while
//! something asks for attention, and then read what is there, for nothing: two instructions without a branch, to which all goes on in one
//! block (as HotSpot does: R. Ehn, Thread-Local Handshakes, JEP 312, 2017). The second one faults at address 0. What handles faults goes on
//! in the code here, as if the instruction had called it, and that returns behind the instruction. It preserves all registers: to the code
//! generator nothing happens there, and no value has to be elsewhere for it. Flags are lost; the code generator has them between no two
//! instructions of the intermediate form.

use cranelift_codegen::Context;
use cranelift_codegen::control::ControlPlane;
use cranelift_codegen::cursor::{Cursor, FuncCursor};
use cranelift_codegen::ir::types::{I32, I64};
use cranelift_codegen::ir::{Function, InstBuilder, MemFlagsData, Signature, TrapCode, UserFuncName, Value};
use cranelift_codegen::isa::{CallConv, TargetIsa};

use super::Target;
use super::calls::{helper_signature, signature_of};
use super::memory::CODES;
use super::translate::Translator;
use super::values::Region;
use crate::abi::{self, Helper};

/// What tells polls from accesses to memory.
pub(super) const POLL: u8 = CODES as u8 + 1;
/// What tells them where functions have not started.
pub(super) const ON_ENTRY: u8 = POLL + 1;

/// The code where polls of optimized code go on that fault, for a machine; it runs at any address. It returns behind the poll unless that
/// is to stop.
pub fn safepoint(target: Target) -> Vec<u8> {
    let signature = Signature::new(CallConv::PreserveAll);
    let mut context =
        Context::for_function(Function::with_name_signature(UserFuncName::default(), signature));
    write(&mut context.func, target);
    compile(&mut context, &*target.isa(cfg!(debug_assertions)))
}

fn write(func: &mut Function, target: Target) {
    let helper = func.import_signature(helper_signature());
    let stub = func.import_signature(signature_of(&[]));
    let [entry, stopped, done] = [(); 3].map(|()| func.dfg.make_block());
    let mut at = FuncCursor::new(func);
    let flags = MemFlagsData::trusted();
    let load = |at: &mut FuncCursor<'_>, base: Value, offset: i32| at.ins().load(I64, flags, base, offset);

    at.insert_block(entry);
    let frame = at.ins().get_pinned_reg(I64);
    let bias = at.ins().iconst(I64, -i64::from(target.frame_bias()));
    let registers = at.ins().iadd(frame, bias);
    let instance = load(&mut at, registers, abi::frame::INSTANCE);
    let store = load(&mut at, instance, abi::instance::STORE);
    let behind = at.ins().get_return_address(I64);
    let helpers = load(&mut at, store, abi::store::HELPERS);
    let function = load(&mut at, helpers, Helper::Poll.function());
    let call = at.ins().call_indirect(helper, function, &[registers, behind, registers]);
    let status = at.func.dfg.first_result(call);
    at.ins().brif(status, stopped, &[], done, &[]);

    at.insert_block(done);
    at.ins().return_(&[]);

    // It does not come back, as whoever it is called from.
    at.insert_block(stopped);
    at.func.layout.set_cold(stopped);
    let function = load(&mut at, helpers, Helper::Stop.stub());
    at.ins().call_indirect(stub, function, &[instance, status]);
    at.ins().trap(TrapCode::unwrap_user(1));
}

fn compile(context: &mut Context, isa: &dyn TargetIsa) -> Vec<u8> {
    let code = context.compile(isa, &mut ControlPlane::default()).expect("the code generator knows it");
    debug_assert!(code.buffer.relocs().is_empty(), "nothing depends on where it is");
    code.code_buffer().to_vec()
}

impl Translator<'_, '_> {
    /// A safepoint if a displacement goes backwards, unless the block has had one, or goes on in a call if it goes there.
    pub(super) fn poll_if_backward(&mut self, displacement: i32) {
        if self.scope.rest.is_some() {
            return;
        }
        self.stress();
        if displacement <= 0 && !self.polled {
            self.poll();
        }
    }

    /// A safepoint at the current instruction.
    pub(super) fn poll(&mut self) {
        // Where there are calls, few registers are left to keep it in.
        let store = if self.calls_others {
            let context = self.context_in_frame();
            self.load_word(Region::Store, context, abi::instance::STORE)
        } else {
            self.store_context()
        };
        let limit = self.plus(store, abi::store::ENTRY_LIMIT.into());
        // Not an ordinary load: what one loop has read says nothing about the next one.
        let limit = self.b.ins().atomic_load(I64, MemFlagsData::trusted(), limit);
        self.poll_at(limit, POLL);
        self.polled = true;
    }

    /// Reads what is at an address, or does what is asked for if that is 0: see [the module](self).
    pub(super) fn poll_at(&mut self, address: Value, code: u8) {
        let flags = MemFlagsData::new().with_trap_code(TrapCode::user(code));
        self.b.ins().load(I32, flags, address, 0);
    }
}

impl Target {
    /// Bytes of the instruction that faults in a poll: a load of 32 bits from where a register points. `None` if the code does not start
    /// with one as the code generator writes it.
    pub fn poll_length(self, code: [u8; 4]) -> Option<usize> {
        match self {
            Target::X86_64 { .. } => {
                let prefix = usize::from(code[0] & 0xf0 == 0x40);
                let (opcode, operands) = (code[prefix], code[prefix + 1]);
                let (mode, base) = (operands >> 6, operands & 7);
                // There are registers that have one byte more.
                let more = match (mode, base) {
                    (0, 5) => return None,
                    (0, _) => usize::from(base == 4),
                    (1, 5) => 1,
                    _ => return None,
                };
                (opcode == 0x8b).then_some(prefix + 2 + more)
            }
            Target::Aarch64 => (u32::from_le_bytes(code) & 0xffff_fc00 == 0xb940_0000).then_some(4),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn polls_through_all_registers_have_lengths() {
        let length = |code| Target::X86_64.poll_length(code);
        // mov ecx, [rcx]; mov r9d, [rcx]; mov eax, [rbp]; mov eax, [r13]; mov eax, [rsp]; mov eax, [r12].
        assert_eq!(length([0x8b, 0x09, 0x90, 0x90]), Some(2));
        assert_eq!(length([0x44, 0x8b, 0x09, 0x90]), Some(3));
        assert_eq!(length([0x8b, 0x45, 0x00, 0x90]), Some(3));
        assert_eq!(length([0x41, 0x8b, 0x45, 0x00]), Some(4));
        assert_eq!(length([0x8b, 0x04, 0x24, 0x90]), Some(3));
        assert_eq!(length([0x41, 0x8b, 0x04, 0x24]), Some(4));
        // mov eax, [rip + ..]; mov eax, ecx; add eax, [rcx].
        assert_eq!(length([0x8b, 0x05, 0x00, 0x00]), None);
        assert_eq!(length([0x8b, 0xc1, 0x90, 0x90]), None);
        assert_eq!(length([0x03, 0x01, 0x90, 0x90]), None);
        // ldr w2, [x1]; ldr x2, [x1]; ldr w2, [x1, 4].
        let length = |word: u32| Target::Aarch64.poll_length(word.to_le_bytes());
        assert_eq!(length(0xb940_0022), Some(4));
        assert_eq!(length(0xf940_0022), None);
        assert_eq!(length(0xb940_0422), None);
    }
}
