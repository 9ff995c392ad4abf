//! The boundary to the runtime, by the System V calling convention.

use dynasmrt::{DynasmApi, dynasm};

use super::{Code, R15, RAX, RCX, RDI, RDX, RSI, X86_64, forms};
use crate::abi::{frame, instance, memory, slot, store};
use crate::template::masm::{Addr, Gpr, Masm};
use crate::template::stubs::Boundary;

const BIAS: i32 = X86_64::ROLES.frame_bias;

impl X86_64 {
    /// Puts the arguments of the register convention where the frame convention has them.
    fn take_slot(&mut self) {
        x64!(self,
            mov rbx, rdi; mov rax, rsi; mov rcx, r15; mov r14, [rbx + instance::MEMORY]; mov r14, [r14 + memory::BASE]
        );
    }
}

impl Boundary for X86_64 {
    const ARGUMENTS: [Gpr; 6] = [RDI, RSI, RDX, RCX, Gpr(8), Gpr(9)];
    const FREE: Gpr = RAX;
    const OPTIMIZED_FRAME: Gpr = R15;

    fn enter_from_host(&mut self) {
        let stopped = self.0.label();
        x64!(self,
            push rbp; push rbx; push r12; push r13; push r14; push r15;
            mov rbx, rdx; mov rax, rcx; lea rcx, [rsi + BIAS]; mov rbp, [rsi + frame::CALLER];
            mov r14, [rbx + instance::MEMORY]; mov r14, [r14 + memory::BASE];
            mov rsi, [rbx + instance::STORE]; push QWORD [rsi + store::SEGMENT]
        );
        // lea rdx, [rip + stopped]
        self.0.put([0x48, 0x8d, 0x15]);
        self.distance(stopped);
        x64!(self, push rdx; mov [rsi + store::SEGMENT], rsp; push rcx; call rdi; pop rcx; pop rdx);
        x64!(self, mov [rcx - BIAS], rax; mov rbx, [rcx + frame::INSTANCE - BIAS]; xor eax, eax);
        self.0.bind(stopped);
        x64!(self,
            mov rcx, [rbx + instance::STORE]; pop QWORD [rcx + store::SEGMENT];
            pop r15; pop r14; pop r13; pop r12; pop rbx; pop rbp; ret
        );
    }

    fn stop(&mut self) {
        x64!(self, mov rcx, [rbx + instance::STORE]; mov rsp, [rcx + store::SEGMENT]; ret);
    }

    fn to_frame(&mut self) {
        let (returned, is_saved) = (self.0.label(), self.0.label());
        // lea rax, [rip + returned]
        self.0.put([0x48, 0x8d, 0x05]);
        self.distance(returned);
        x64!(self, cmp[rsp], rax);
        self.jump_on(Code::Equal, is_saved);
        x64!(self, push rbp; push rbx; push r12; push r13; push r14; push r15; sub rsp, 8);
        x64!(self, mov rbp, [r15 + frame::CALLER - BIAS]);
        self.take_slot();
        x64!(self, call QWORD [rax + slot::ENTRY]);
        self.0.bind(returned);
        x64!(self, add rsp, 8; pop r15; pop r14; pop r13; pop r12; pop rbx; pop rbp; ret);
        self.0.bind(is_saved);
        self.take_slot();
        x64!(self, jmp QWORD [rax + slot::ENTRY]);
    }

    fn call_runtime(&mut self, at: Addr) {
        // The third argument is in its register already.
        x64!(self, lea rdi, [rbp - BIAS]; mov rsi, rcx);
        self.form(forms::GO, 2, at.into());
    }
}
