//! The boundary to the runtime, by the System V calling convention.

use dynasmrt::{DynasmApi, dynasm};

use super::{RCX, RDI, RDX, RSI, X86_64, forms};
use crate::abi::{frame, instance, memory, store};
use crate::template::masm::{Addr, Gpr};
use crate::template::stubs::Boundary;

impl Boundary for X86_64 {
    const ARGUMENTS: [Gpr; 6] = [RDI, RSI, RDX, RCX, Gpr(8), Gpr(9)];

    fn enter_from_host(&mut self) {
        let stopped = self.0.label();
        x64!(self,
            push rbp; mov rbp, rsp; push rbx; push r12; push r13; push r14; push r15;
            mov r15, rsi; mov rbx, rdx; mov rax, rcx;
            mov r14, [rbx + instance::MEMORY]; mov r14, [r14 + memory::BASE];
            mov rcx, [rbx + instance::STORE]; push QWORD [rcx + store::SEGMENT]
        );
        // lea rdx, [rip + stopped]
        self.0.put([0x48, 0x8d, 0x15]);
        self.distance(stopped);
        x64!(self, push rdx; mov [rcx + store::SEGMENT], rsp; sub rsp, 8; call rdi; add rsp, 16);
        x64!(self, mov [r15], rax; mov rbx, [r15 + frame::INSTANCE]; xor eax, eax);
        self.0.bind(stopped);
        x64!(self,
            mov rcx, [rbx + instance::STORE]; pop QWORD [rcx + store::SEGMENT];
            pop r15; pop r14; pop r13; pop r12; pop rbx; pop rbp; ret
        );
    }

    fn stop(&mut self) {
        x64!(self, mov rcx, [rbx + instance::STORE]; mov rsp, [rcx + store::SEGMENT]; ret);
    }

    fn call_runtime(&mut self, at: Addr) {
        // The third argument is in its register already.
        x64!(self, mov rdi, r15; mov rsi, rcx);
        self.form(forms::GO, 2, at.into());
    }
}
