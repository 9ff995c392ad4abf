//! Unix.

use std::fs::File;
use std::io::{self, IoSlice, IoSliceMut};
use std::num::NonZeroU64;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::FileExt;
use std::time::{Duration, Instant};

use cap_std::fs::{OpenOptions, OpenOptionsExt};
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::fs::OFlags;
use rustix::io::Errno;
use rustix::stdio::{stderr, stdin, stdout};

use crate::types::FdFlags;

pub(crate) fn read_stdin(buffers: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
    Ok(rustix::io::readv(stdin(), buffers)?)
}

pub(crate) fn wait_for_stdin(timeout: Option<Duration>) -> io::Result<bool> {
    wait(stdin(), PollFlags::IN, timeout)
}

pub(crate) fn available_on_stdin() -> u64 {
    rustix::io::ioctl_fionread(stdin()).unwrap_or(0)
}

pub(crate) fn write_stdout(buffers: &[IoSlice<'_>]) -> io::Result<usize> {
    Ok(rustix::io::writev(stdout(), buffers)?)
}

pub(crate) fn write_stderr(buffers: &[IoSlice<'_>]) -> io::Result<usize> {
    Ok(rustix::io::writev(stderr(), buffers)?)
}

pub(crate) fn read_at(file: &File, buffers: &mut [IoSliceMut<'_>], offset: u64) -> io::Result<usize> {
    match buffers {
        [buffer] => Ok(file.read_at(buffer, offset)?),
        several => Ok(rustix::io::preadv(file, several, offset)?),
    }
}

pub(crate) fn write_at(file: &File, buffers: &[IoSlice<'_>], offset: u64) -> io::Result<usize> {
    match buffers {
        [buffer] => Ok(file.write_at(buffer, offset)?),
        several => Ok(rustix::io::pwritev(file, several, offset)?),
    }
}

/// Whether a file can be read, or written, without waiting; waits for that, at most that long.
pub(crate) fn wait_for_file(file: &File, writing: bool, timeout: Option<Duration>) -> io::Result<bool> {
    wait(file.as_fd(), if writing { PollFlags::OUT } else { PollFlags::IN }, timeout)
}

/// Bytes that are there to be read from something that has no end yet.
pub(crate) fn available(file: &File) -> u64 {
    rustix::io::ioctl_fionread(file).unwrap_or(0)
}

fn wait(fd: BorrowedFd<'_>, flags: PollFlags, timeout: Option<Duration>) -> io::Result<bool> {
    let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
    loop {
        let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
        let left = left.and_then(|left| Timespec::try_from(left).ok());
        match rustix::event::poll(&mut [PollFd::from_borrowed_fd(fd, flags)], left.as_ref()) {
            Ok(ready) => return Ok(ready > 0),
            Err(Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
    }
}

/// Tells the system how a file will be used; that it does not care is no error.
pub(crate) fn advise(file: &File, offset: u64, len: u64, advice: u32) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    {
        use rustix::fs::Advice;
        let advice = match advice {
            1 => Advice::Sequential,
            2 => Advice::Random,
            3 => Advice::WillNeed,
            4 => Advice::DontNeed,
            5 => Advice::NoReuse,
            _ => Advice::Normal,
        };
        match rustix::fs::fadvise(file, offset, NonZeroU64::new(len), advice) {
            // Pipes and devices.
            Err(Errno::SPIPE | Errno::NOSYS) => Ok(()),
            result => Ok(result?),
        }
    }
    #[cfg(not(target_os = "linux"))]
    {
        let _ = (file, offset, NonZeroU64::new(len), advice);
        Ok(())
    }
}

/// Makes room on the disk for a part of a file, which grows if the part reaches beyond its end.
pub(crate) fn allocate(file: &File, offset: u64, len: u64) -> io::Result<()> {
    #[cfg(target_os = "linux")]
    return retry_errno(|| rustix::fs::fallocate(file, rustix::fs::FallocateFlags::empty(), offset, len));
    #[cfg(not(target_os = "linux"))]
    {
        let _ = (file, offset, len);
        Err(io::ErrorKind::Unsupported.into())
    }
}

#[cfg(target_os = "linux")]
fn retry_errno(mut attempt: impl FnMut() -> rustix::io::Result<()>) -> io::Result<()> {
    crate::system::retry(|| Ok(attempt()?))
}

/// Sets whether an open file appends, and whether it waits.
pub(crate) fn set_flags(file: &File, flags: FdFlags) -> io::Result<()> {
    let mut wanted = rustix::fs::fcntl_getfl(file)?;
    wanted.set(OFlags::APPEND, flags.contains(FdFlags::APPEND));
    wanted.set(OFlags::NONBLOCK, flags.contains(FdFlags::NONBLOCK));
    Ok(rustix::fs::fcntl_setfl(file, wanted)?)
}

/// Lets a file be created by an open for reading, and truncated by one for appending, which Rust's options do
/// not know; and keeps a terminal from becoming the process's own.
pub(crate) fn open_options(create: bool, exclusive: bool, truncate: bool) -> OpenOptions {
    let mut flags = OFlags::NOCTTY;
    flags.set(OFlags::CREATE, create);
    flags.set(OFlags::EXCL, create && exclusive);
    flags.set(OFlags::TRUNC, truncate);
    let mut options = OpenOptions::new();
    options.custom_flags(flags.bits() as i32);
    options
}

/// The number of a folder's entry.
pub(crate) fn inode(entry: &cap_std::fs::DirEntry) -> u64 {
    std::os::unix::fs::DirEntryExt::ino(entry)
}
