//! What optimized code calls where something asks for attention.
//!
//! It hardly ever does, but loops ask each time round. So that they need nothing for it but a test, the code here preserves all
//! registers: to the code generator nothing happens at the call, and no value has to be elsewhere for it.

use cranelift_codegen::control::ControlPlane;
use cranelift_codegen::cursor::{Cursor, FuncCursor};
use cranelift_codegen::ir::types::I64;
use cranelift_codegen::ir::{Function, InstBuilder, MemFlagsData, Signature, TrapCode, UserFuncName};
use cranelift_codegen::isa::{CallConv, TargetIsa};
use cranelift_codegen::{Context, ir};

use super::Target;
use super::calls::{helper_signature, signature_of};
use crate::abi::{self, Helper};

/// The signature of the code: where it is called from is in the store context, since a machine register would have to be free for it.
pub(super) fn signature() -> Signature {
    Signature::new(CallConv::PreserveAll)
}

/// The code that [`Word::Safepoint`](super::Word::Safepoint) is the address of, for a machine; it runs at any address. It comes back
/// unless the code that called it is to stop.
pub fn safepoint(target: Target) -> Vec<u8> {
    let mut context =
        Context::for_function(Function::with_name_signature(UserFuncName::default(), signature()));
    write(&mut context.func, target);
    compile(&mut context, &*target.isa(cfg!(debug_assertions)))
}

fn write(func: &mut Function, target: Target) {
    let helper = func.import_signature(helper_signature());
    let stub = func.import_signature(signature_of(&[]));
    let [entry, stopped, done] = [(); 3].map(|()| func.dfg.make_block());
    let mut at = FuncCursor::new(func);
    let flags = MemFlagsData::trusted();
    let load =
        |at: &mut FuncCursor<'_>, base: ir::Value, offset: i32| at.ins().load(I64, flags, base, offset);

    at.insert_block(entry);
    let frame = at.ins().get_pinned_reg(I64);
    let bias = at.ins().iconst(I64, -i64::from(target.frame_bias()));
    let registers = at.ins().iadd(frame, bias);
    let instance = load(&mut at, registers, abi::frame::INSTANCE);
    let store = load(&mut at, instance, abi::instance::STORE);
    let place = load(&mut at, store, abi::store::PLACE);
    let helpers = load(&mut at, store, abi::store::HELPERS);
    let function = load(&mut at, helpers, Helper::Safepoint.function());
    let call = at.ins().call_indirect(helper, function, &[registers, place, registers]);
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
