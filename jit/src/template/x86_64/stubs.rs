//! The code that every engine needs once.

use dynasmrt::{DynasmApi, dynasm};

use super::{Code, X86_64};
use crate::abi;
use crate::template::buffer::Reach;
use crate::template::masm::Masm;

/// The code that every engine needs once.
///
/// The entry from the host keeps, below what it saves, the address that code which stops returns to by
/// [`Masm::unwind`]; the store context's segment leads there.
pub fn stubs() -> (Vec<u8>, abi::Stubs) {
    use abi::{Helper, Status, frame, instance, memory, store};
    let mut m = X86_64::of_host();
    m.0.reset(0, Reach::Near);
    let trapped = m.0.label();
    let enter = m.0.position();
    x64!(m,
        push rbp; mov rbp, rsp; push rbx; push r12; push r13; push r14; push r15;
        mov rbx, rsi; mov r15, rdx; mov rax, rcx;
        mov r14, [r15 + instance::MEMORY]; mov r14, [r14 + memory::BASE];
        mov rcx, [r15 + instance::STORE]; push QWORD [rcx + store::SEGMENT]
    );
    // lea rdx, [rip + trapped]
    m.0.put([0x48, 0x8d, 0x15]);
    m.distance(trapped);
    x64!(m, push rdx; mov [rcx + store::SEGMENT], rsp; sub rsp, 8; call rdi; add rsp, 16; xor eax, eax);
    m.0.bind(trapped);
    x64!(m,
        mov rcx, [r15 + instance::STORE]; pop QWORD [rcx + store::SEGMENT];
        pop r15; pop r14; pop r13; pop r12; pop rbx; pop rbp; ret
    );

    m.align();
    let interpret = m.0.position();
    let (returned, go_on) = (m.0.label(), m.0.label());
    x64!(m,
        push rbp; mov rbp, rsp; mov rdi, rbx; mov rsi, rax;
        mov rax, [r15 + instance::STORE]; mov rax, [rax + store::HELPERS];
        call QWORD [rax + Helper::Interpret as i32 * 8]; test rax, rax
    );
    m.jump_on(Code::Equal, returned);
    x64!(m, cmp rax, DWORD Status::Faulted as i32);
    m.jump_on(Code::Above, go_on);
    x64!(m, mov rcx, [r15 + instance::STORE]; mov rsp, [rcx + store::SEGMENT]; ret);
    m.0.bind(go_on);
    x64!(m,
        mov r15, [rbx + frame::INSTANCE]; mov r14, [r15 + instance::MEMORY]; mov r14, [r14 + memory::BASE];
        pop rbp; jmp QWORD [rax + abi::slot::ENTRY]
    );
    m.0.bind(returned);
    x64!(m, pop rbp; ret);

    m.align();
    let fault = m.0.position();
    x64!(m,
        mov rcx, [r15 + instance::STORE]; mov [rcx + store::TRAP], rax; mov [rcx + store::TRAP_FRAME], rbx;
        mov eax, DWORD Status::Faulted as i32; mov rsp, [rcx + store::SEGMENT]; ret
    );
    m.0.link(X86_64::patch);
    (m.0.bytes().to_vec(), abi::Stubs { enter, interpret, fault })
}
