//! What processors of aarch64 want before code that was just written may run: their instruction caches do not see writes.

use std::arch::asm;
use std::sync::Once;

/// Lets instructions be fetched from these bytes as they are in memory, at this address.
pub(super) fn flush(start: *const u8, bytes: usize) {
    let sizes: usize;
    // SAFETY: reads a register that tells the sizes of cache lines.
    unsafe { asm!("mrs {}, ctr_el0", out(reg) sizes, options(nomem, nostack, preserves_flags)) };
    // As logarithms of words of four bytes.
    let (data_line, code_line) = (4 << (sizes >> 16 & 15), 4 << (sizes & 15));
    let lines = |line: usize| (start.addr() & !(line - 1)..start.addr() + bytes).step_by(line);
    // SAFETY: these change no memory, only what caches hold of it; the addresses are those of a readable mapping, by contract of
    // the only caller.
    unsafe {
        for address in lines(data_line) {
            asm!("dc cvau, {}", in(reg) address, options(nostack, preserves_flags));
        }
        asm!("dsb ish", options(nostack, preserves_flags));
        for address in lines(code_line) {
            asm!("ic ivau, {}", in(reg) address, options(nostack, preserves_flags));
        }
        asm!("dsb ish", "isb", options(nostack, preserves_flags));
    }
}

/// Lets all cores that run threads of this process forget instructions that they have fetched in advance; false if the system
/// cannot do that.
pub(super) fn synchronize_cores() -> bool {
    static REGISTER: Once = Once::new();
    REGISTER.call_once(|| {
        membarrier(libc::MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE);
    });
    membarrier(libc::MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE)
}

fn membarrier(command: libc::c_int) -> bool {
    // SAFETY: touches no memory.
    unsafe { libc::syscall(libc::SYS_membarrier, command, 0) == 0 }
}
