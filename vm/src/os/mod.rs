//! What the operating system must do: reserve address space, map code twice, and report faults of instructions.
//!
//! One file a system. Where there is none, nothing can be reserved or mapped, and everything runs in the portable interpreter.

#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
mod linux;
#[cfg(all(target_os = "linux", target_pointer_width = "64"))]
pub(crate) use linux::{CodeRange, Reservation, watch_faults, watch_polls};

#[cfg(not(all(target_os = "linux", target_pointer_width = "64")))]
mod none;
#[cfg(not(all(target_os = "linux", target_pointer_width = "64")))]
pub(crate) use none::{CodeRange, Reservation, watch_faults, watch_polls};
