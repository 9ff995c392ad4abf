//! Where there is `poll`: waits for standard input and for a pipe, into which whoever ends the wait writes a
//! byte.

use std::io::{self, IoSliceMut};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::fs::FileType;
use rustix::io::Errno;
use rustix::stdio::stdin;

use super::ReadError;

/// Standard input.
#[derive(Debug)]
pub(crate) struct Source {
    stopped: OwnedFd,
    /// A file is never waited for.
    file: bool,
}

/// Ends waits for input, now and from now on, from any thread.
#[derive(Clone, Debug)]
pub(crate) struct StopInput(Arc<OwnedFd>);

impl StopInput {
    pub(crate) fn stop(&self) {
        // Without a reader nobody waits; a pipe that is full of such bytes has told it already.
        let _ = rustix::io::write(&*self.0, &[0]);
    }
}

impl Source {
    pub(crate) fn new() -> io::Result<(Source, StopInput)> {
        let (stopped, stop) = rustix::pipe::pipe()?;
        let file =
            rustix::fs::fstat(stdin()).is_ok_and(|stat| FileType::from_raw_mode(stat.st_mode).is_file());
        Ok((Source { stopped, file }, StopInput(Arc::new(stop))))
    }

    pub(crate) fn read(&mut self, into: &mut [IoSliceMut<'_>]) -> Result<usize, ReadError> {
        loop {
            if !self.file {
                self.wait(None)?;
            }
            match rustix::io::readv(stdin(), into) {
                Ok(count) => return Ok(count),
                // Somebody else who has the same pipe or terminal may have been faster.
                Err(Errno::INTR | Errno::AGAIN) => {}
                Err(error) => return Err(io::Error::from(error).into()),
            }
        }
    }

    pub(crate) fn wait(&mut self, timeout: Option<Duration>) -> Result<bool, ReadError> {
        self.poll(Some(stdin()), timeout)
    }

    #[cfg(feature = "wasi")]
    pub(crate) fn sleep(&mut self, time: Duration) -> Result<(), ReadError> {
        self.poll(None, Some(time)).map(|_| ())
    }

    #[cfg(feature = "wasi")]
    pub(crate) fn available(&self) -> u64 {
        rustix::io::ioctl_fionread(stdin()).unwrap_or(0)
    }

    fn poll(&self, input: Option<BorrowedFd<'_>>, timeout: Option<Duration>) -> Result<bool, ReadError> {
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        let stopped = PollFd::from_borrowed_fd(self.stopped.as_fd(), PollFlags::IN);
        let mut fds = [stopped.clone(), stopped];
        let fds = match input {
            Some(input) => {
                fds[1] = PollFd::from_borrowed_fd(input, PollFlags::IN);
                &mut fds[..]
            }
            None => &mut fds[..1],
        };
        loop {
            let left = deadline.map(|deadline| deadline.saturating_duration_since(Instant::now()));
            let left = left.and_then(|left| Timespec::try_from(left).ok());
            match poll(fds, left.as_ref()) {
                Ok(_) if !fds[0].revents().is_empty() => return Err(ReadError::Stopped),
                Ok(ready) => return Ok(ready > 0),
                Err(Errno::INTR) => {}
                Err(error) => return Err(io::Error::from(error).into()),
            }
        }
    }
}
