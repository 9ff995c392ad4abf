//! The code that every engine needs once.

use dynasmrt::{DynasmApi, dynasm};

use super::{Aarch64, CONTEXT, FIRST, FRAME, MEMORY, OTHER, SECOND, TEMPORARY, THIRD};
use crate::abi;
use crate::template::buffer::Reach;
use crate::template::masm::Value::{Imm, Mem, Reg};
use crate::template::masm::Width::W64;
use crate::template::masm::{Addr, Cond, Masm, Test};

/// The code that every engine needs once.
///
/// The entry from the host keeps, below what it saves, the address that code which stops returns to by
/// [`Masm::unwind`], and the outer segment; the store context's segment leads there.
pub fn stubs() -> (Vec<u8>, abi::Stubs) {
    use abi::{Helper, Status, instance, store};
    let mut m = Aarch64::of_host();
    m.0.reset(0, Reach::Near);
    let trapped = m.0.label();
    let store_context = |m: &mut Aarch64| m.mov(SECOND, Mem(Addr::at(CONTEXT, instance::STORE)));
    let segment = Addr::at(SECOND, store::SEGMENT);
    let own_instance = |m: &mut Aarch64| {
        m.mov(MEMORY, Mem(Addr::at(CONTEXT, instance::MEMORY)));
        m.mov(MEMORY, Mem(Addr::at(MEMORY, abi::memory::BASE)));
    };

    let enter = m.0.position();
    a64!(m,
        stp x29, x30, [sp, -160]!; mov x29, sp;
        stp x19, x20, [sp, 16]; stp x21, x22, [sp, 32]; stp x23, x24, [sp, 48]; stp x25, x26, [sp, 64];
        stp x27, x28, [sp, 80]; stp d8, d9, [sp, 96]; stp d10, d11, [sp, 112]; stp d12, d13, [sp, 128];
        stp d14, d15, [sp, 144];
        mov X(TEMPORARY.0), x0; mov X(FRAME.0), x1; mov X(CONTEXT.0), x2; mov X(FIRST.0), x3
    );
    own_instance(&mut m);
    store_context(&mut m);
    m.address_of(THIRD, trapped);
    m.mov(OTHER, Mem(segment));
    a64!(m, stp X(THIRD.0), X(OTHER.0), [sp, -16]!; mov XSP(THIRD.0), sp);
    m.store_slot(segment, Reg(THIRD));
    a64!(m, blr X(TEMPORARY.0));
    m.mov(FIRST, Imm(Status::Returned as u64));
    m.0.bind(trapped);
    store_context(&mut m);
    a64!(m, ldp x0, x1, [sp], 16);
    a64!(m, str x1, [X(SECOND.0), store::SEGMENT as u32]; mov x0, X(FIRST.0));
    a64!(m,
        ldp x19, x20, [sp, 16]; ldp x21, x22, [sp, 32]; ldp x23, x24, [sp, 48]; ldp x25, x26, [sp, 64];
        ldp x27, x28, [sp, 80]; ldp d8, d9, [sp, 96]; ldp d10, d11, [sp, 112]; ldp d12, d13, [sp, 128];
        ldp d14, d15, [sp, 144]; ldp x29, x30, [sp], 160; ret
    );

    m.align();
    let interpret = m.0.position();
    let (returned, go_on) = (m.0.label(), m.0.label());
    m.enter();
    store_context(&mut m);
    m.mov(SECOND, Mem(Addr::at(SECOND, store::HELPERS)));
    m.call_helper(Addr::at(SECOND, Helper::Interpret as i32 * 8), &[Reg(FRAME), Reg(FIRST)]);
    let status = |cond, b| Test { cond, width: W64, a: Reg(FIRST), b: Imm(b) };
    m.jump_if(status(Cond::Eq, 0), returned);
    m.jump_if(status(Cond::GtU, Status::Faulted as u64), go_on);
    store_context(&mut m);
    m.unwind(segment);
    m.0.bind(go_on);
    m.mov(CONTEXT, Mem(Addr::at(FRAME, abi::frame::INSTANCE)));
    own_instance(&mut m);
    m.leave_to(Addr::at(FIRST, abi::slot::ENTRY));
    m.0.bind(returned);
    m.leave();

    m.align();
    let fault = m.0.position();
    store_context(&mut m);
    m.store_slot(Addr::at(SECOND, store::TRAP), Reg(FIRST));
    m.store_slot(Addr::at(SECOND, store::TRAP_FRAME), Reg(FRAME));
    m.mov(FIRST, Imm(Status::Faulted as u64));
    m.unwind(segment);
    m.0.link(Aarch64::patch);
    (m.0.bytes().to_vec(), abi::Stubs { enter, interpret, fault })
}
