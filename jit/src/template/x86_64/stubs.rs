//! The code that every engine needs once.

use dynasmrt::{DynasmApi, dynasm};

use super::{Code, X86_64};
use crate::abi::{self, Helper, Status, frame, instance, memory, store};
use crate::template::masm::Masm;

/// The code that every engine needs once.
///
/// The entry from the host keeps, below what it saves, the address that code which stops returns to; the store context's
/// segment leads there.
pub fn stubs() -> (Vec<u8>, abi::Stubs) {
    let mut m = X86_64::of_host();
    m.0.reset(0);
    let enter = m.enter_from_host();
    let fault = m.fault();
    let helpers = Helper::ALL.map(|helper| match helper {
        Helper::Step | Helper::Call | Helper::Safepoint => m.helper(helper),
        Helper::TailCall => m.tail_call(),
        Helper::Interpret => m.interpret(),
        Helper::Trap => m.trap(),
    });
    m.0.link(X86_64::patch);
    (m.0.bytes().to_vec(), abi::Stubs { enter, fault, helpers })
}

impl X86_64 {
    fn begin_stub(&mut self) -> u32 {
        self.align();
        self.0.position()
    }

    fn enter_from_host(&mut self) -> u32 {
        let start = self.begin_stub();
        let stopped = self.0.label();
        x64!(self,
            push rbp; mov rbp, rsp; push rbx; push r12; push r13; push r14; push r15;
            mov rbx, rsi; mov r15, rdx; mov rax, rcx;
            mov r14, [r15 + instance::MEMORY]; mov r14, [r14 + memory::BASE];
            mov rcx, [r15 + instance::STORE]; push QWORD [rcx + store::SEGMENT]
        );
        // lea rdx, [rip + stopped]
        self.0.put([0x48, 0x8d, 0x15]);
        self.distance(stopped);
        x64!(self, push rdx; mov [rcx + store::SEGMENT], rsp; sub rsp, 8; call rdi; add rsp, 16; xor eax, eax);
        self.0.bind(stopped);
        x64!(self,
            mov rcx, [r15 + instance::STORE]; pop QWORD [rcx + store::SEGMENT];
            pop r15; pop r14; pop r13; pop r12; pop rbx; pop rbp; ret
        );
        start
    }

    /// Goes to where the entry from the host has said, with a status in `rax`.
    fn stop(&mut self) {
        x64!(self, mov rcx, [r15 + instance::STORE]; mov rsp, [rcx + store::SEGMENT]; ret);
    }

    fn fault(&mut self) -> u32 {
        let start = self.begin_stub();
        x64!(self,
            mov rcx, [r15 + instance::STORE]; mov [rcx + store::TRAP], rax; mov [rcx + store::TRAP_FRAME], rbx;
            mov eax, DWORD Status::Faulted as i32
        );
        self.stop();
        start
    }

    fn trap(&mut self) -> u32 {
        let start = self.begin_stub();
        x64!(self,
            mov rcx, [r15 + instance::STORE]; mov [rcx + store::TRAP], rax; mov [rcx + store::TRAP_FRAME], rbx;
            mov eax, DWORD Status::Trapped as i32
        );
        self.stop();
        start
    }

    /// Calls the runtime's function with the frame and what the second and third scratch register hold.
    fn call_runtime(&mut self, helper: Helper) {
        x64!(self,
            push rbp; mov rbp, rsp; mov rdi, rbx; mov rsi, rcx;
            mov rax, [r15 + instance::STORE]; mov rax, [rax + store::HELPERS]; call QWORD [rax + helper.function()]
        );
    }

    fn helper(&mut self, helper: Helper) -> u32 {
        let start = self.begin_stub();
        let stopped = self.0.label();
        self.call_runtime(helper);
        x64!(self, test eax, eax);
        self.jump_on(Code::NotEqual, stopped);
        x64!(self, pop rbp; ret);
        self.0.bind(stopped);
        self.stop();
        start
    }

    /// With what a runtime's function gives for a tail call in `rax`: a slot, 0, or a status.
    fn stop_unless_slot(&mut self) {
        let go_on = self.0.label();
        x64!(self, test rax, rax);
        self.jump_on(Code::Equal, go_on);
        x64!(self, cmp rax, DWORD Status::Faulted as i32);
        self.jump_on(Code::Above, go_on);
        self.stop();
        self.0.bind(go_on);
    }

    fn tail_call(&mut self) -> u32 {
        let start = self.begin_stub();
        self.call_runtime(Helper::TailCall);
        self.stop_unless_slot();
        x64!(self, pop rbp; ret);
        start
    }

    fn interpret(&mut self) -> u32 {
        let start = self.begin_stub();
        let returned = self.0.label();
        x64!(self, mov rcx, rax);
        self.call_runtime(Helper::Interpret);
        self.stop_unless_slot();
        x64!(self, test rax, rax);
        self.jump_on(Code::Equal, returned);
        x64!(self,
            mov r15, [rbx + frame::INSTANCE]; mov r14, [r15 + instance::MEMORY]; mov r14, [r14 + memory::BASE];
            pop rbp; jmp QWORD [rax + abi::slot::ENTRY]
        );
        self.0.bind(returned);
        x64!(self, pop rbp; ret);
        start
    }
}
