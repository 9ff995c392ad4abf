//! What differs from one operating system to another. Where a system has no such thing, something near it is
//! done, or the guest is told that it is not supported.

#[cfg_attr(unix, path = "system/unix.rs")]
#[cfg_attr(not(unix), path = "system/other.rs")]
mod host;

pub(crate) use host::*;

use std::io;

/// Does it again when it was interrupted: a guest has no signals, and is not to see those of the host.
pub(crate) fn retry<T>(mut attempt: impl FnMut() -> io::Result<T>) -> io::Result<T> {
    loop {
        match attempt() {
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            result => return result,
        }
    }
}
