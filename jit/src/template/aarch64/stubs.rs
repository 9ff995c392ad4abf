//! The boundary to the runtime, by the procedure call standard.

use dynasmrt::{DynasmApi, dynasm};

use super::{Aarch64, CONTEXT, FIRST, FRAME, MEMORY, OTHER, SECOND, TEMPORARY, THIRD};
use crate::abi::{Status, frame, instance, memory, slot, store};
use crate::template::masm::Value::{Imm, Mem, Reg};
use crate::template::masm::Width::W64;
use crate::template::masm::{Addr, Cond, Gpr, Masm, Test};
use crate::template::stubs::Boundary;

impl Aarch64 {
    fn store_context(&mut self) {
        self.mov(SECOND, Mem(Addr::at(CONTEXT, instance::STORE)));
    }
}

impl Aarch64 {
    /// Puts the arguments of the register convention where the frame convention has them.
    fn take_slot(&mut self) {
        let [context, slot, ..] = Self::ARGUMENTS;
        self.mov(CONTEXT, Reg(context));
        self.mov(FIRST, Reg(slot));
        self.mov(SECOND, Reg(Self::OPTIMIZED_FRAME));
        self.mov(MEMORY, Mem(Addr::at(CONTEXT, instance::MEMORY)));
        self.mov(MEMORY, Mem(Addr::at(MEMORY, memory::BASE)));
    }
}

// The runtime's pointers to frames are those of code.
const _: () = assert!(Aarch64::ROLES.frame_bias == 0);

const SEGMENT: Addr = Addr::at(SECOND, store::SEGMENT);
/// The frame that the host enters, before it is in its register.
const OWN: Gpr = Gpr(12);

impl Boundary for Aarch64 {
    const ARGUMENTS: [Gpr; 6] = [Gpr(2), Gpr(3), Gpr(4), Gpr(5), Gpr(6), Gpr(7)];
    const FREE: Gpr = SECOND;
    const OPTIMIZED_FRAME: Gpr = Gpr(21);

    fn enter_from_host(&mut self) {
        let stopped = self.0.label();
        a64!(self,
            stp x29, x30, [sp, -160]!;
            stp x19, x20, [sp, 16]; stp x21, x22, [sp, 32]; stp x23, x24, [sp, 48]; stp x25, x26, [sp, 64];
            stp x27, x28, [sp, 80]; stp d8, d9, [sp, 96]; stp d10, d11, [sp, 112]; stp d12, d13, [sp, 128];
            stp d14, d15, [sp, 144];
            mov X(TEMPORARY.0), x0; mov X(OWN.0), x1; mov X(CONTEXT.0), x2; mov X(FIRST.0), x3
        );
        self.mov(MEMORY, Mem(Addr::at(CONTEXT, instance::MEMORY)));
        self.mov(MEMORY, Mem(Addr::at(MEMORY, memory::BASE)));
        self.store_context();
        self.address_of(THIRD, stopped);
        self.mov(OTHER, Mem(SEGMENT));
        a64!(self, stp X(THIRD.0), X(OTHER.0), [sp, -16]!; mov XSP(THIRD.0), sp);
        self.store_slot(SEGMENT, Reg(THIRD));
        self.mov(FRAME, Mem(Addr::at(OWN, frame::CALLER)));
        a64!(self, mov X(SECOND.0), X(OWN.0); str X(OWN.0), [sp, -16]!; blr X(TEMPORARY.0); ldr X(OWN.0), [sp], 16);
        self.store_slot(Addr::at(OWN, 0), Reg(FIRST));
        self.mov(CONTEXT, Mem(Addr::at(OWN, frame::INSTANCE)));
        self.mov(FIRST, Imm(Status::Returned as u64));
        self.0.bind(stopped);
        self.store_context();
        a64!(self, ldp x0, x1, [sp], 16);
        a64!(self, str x1, [X(SECOND.0), store::SEGMENT as u32]; mov x0, X(FIRST.0));
        a64!(self,
            ldp x19, x20, [sp, 16]; ldp x21, x22, [sp, 32]; ldp x23, x24, [sp, 48]; ldp x25, x26, [sp, 64];
            ldp x27, x28, [sp, 80]; ldp d8, d9, [sp, 96]; ldp d10, d11, [sp, 112]; ldp d12, d13, [sp, 128];
            ldp d14, d15, [sp, 144]; ldp x29, x30, [sp], 160; ret
        );
    }

    fn stop(&mut self) {
        self.store_context();
        self.mov(TEMPORARY, Mem(SEGMENT));
        // Not `ret`: nobody called from there.
        a64!(self, mov sp, XSP(TEMPORARY.0); ldr X(TEMPORARY.0), [sp]; br X(TEMPORARY.0));
    }

    fn to_frame(&mut self) {
        let (returned, is_saved) = (self.0.label(), self.0.label());
        self.address_of(SECOND, returned);
        let test = Test { cond: Cond::Eq, width: W64, a: Reg(SECOND), b: Reg(Gpr(30)) };
        self.jump_if(test, is_saved);
        // Floats that are to be kept are kept by all code.
        a64!(self,
            stp x29, x30, [sp, -96]!;
            stp x19, x20, [sp, 16]; stp x22, x23, [sp, 32]; stp x24, x25, [sp, 48]; stp x26, x27, [sp, 64];
            stp x21, x28, [sp, 80]
        );
        self.mov(FRAME, Mem(Addr::at(Self::OPTIMIZED_FRAME, frame::CALLER)));
        self.take_slot();
        self.call(Addr::at(FIRST, slot::ENTRY));
        self.0.bind(returned);
        a64!(self,
            ldp x21, x28, [sp, 80]; ldp x26, x27, [sp, 64]; ldp x24, x25, [sp, 48]; ldp x22, x23, [sp, 32];
            ldp x19, x20, [sp, 16]; ldp x29, x30, [sp], 96; ret
        );
        self.0.bind(is_saved);
        self.take_slot();
        self.mov(TEMPORARY, Mem(Addr::at(FIRST, slot::ENTRY)));
        a64!(self, br X(TEMPORARY.0));
    }

    fn call_runtime(&mut self, at: Addr) {
        // `x2` is the first scratch register, on which `at` is based.
        self.mov(TEMPORARY, Mem(at));
        a64!(self, mov x0, X(FRAME.0); mov x1, X(SECOND.0); mov x2, X(THIRD.0));
        a64!(self, blr X(TEMPORARY.0); mov X(FIRST.0), x0);
    }
}
