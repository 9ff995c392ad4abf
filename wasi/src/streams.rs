//! Streams: what standard input, output and error can be.
//!
//! Any `Read` is an input, any `Write` an output. The traits are for streams that know more: whether they are
//! terminals, whether something is there to read, or when to stop the guest.

use std::fmt;
use std::io::{self, IoSlice, IoSliceMut, IsTerminal, Read, Write};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use strata::HostError;

use crate::system;

/// Why a stream did not do what it was asked for.
#[derive(Debug)]
#[non_exhaustive]
pub enum StreamError {
    /// The guest is told by an error number.
    Io(io::Error),
    /// The guest is stopped by a trap that has this as its source.
    Trap(HostError),
}

impl From<io::Error> for StreamError {
    fn from(error: io::Error) -> StreamError {
        StreamError::Io(error)
    }
}

/// Something to read from. Every `Read` is one, that is never waited for and no terminal.
pub trait InputStream: Send {
    /// Reads bytes into these buffers, none of which is empty, and fills each before the next; how many, 0 at
    /// the end. May wait until there are any.
    ///
    /// # Errors
    ///
    /// Any; one of kind `Interrupted` lets it be called again.
    fn read_buffers(&mut self, buffers: &mut [IoSliceMut<'_>]) -> Result<usize, StreamError>;

    /// Waits until a read would not, at most that long, or without end; whether there is something to read.
    ///
    /// # Errors
    ///
    /// Any; the read to come may tell as well.
    fn wait(&mut self, timeout: Option<Duration>) -> Result<bool, StreamError> {
        let _ = timeout;
        Ok(true)
    }

    /// How many bytes there are at least to be read without waiting.
    fn available(&mut self) -> u64 {
        0
    }

    /// Whether somebody sits at the other end.
    fn is_interactive(&self) -> bool {
        false
    }
}

/// Something to write to. Every `Write` is one; it is flushed when the guest asks for that, and when it
/// closes the stream.
pub trait OutputStream: Send {
    /// Writes bytes of these buffers, none of which is empty; how many. May wait until some can be written.
    ///
    /// # Errors
    ///
    /// Any; one of kind `Interrupted` lets it be called again.
    fn write_buffers(&mut self, buffers: &[IoSlice<'_>]) -> Result<usize, StreamError>;

    /// Passes on all that was written.
    ///
    /// # Errors
    ///
    /// Any.
    fn flush_buffers(&mut self) -> Result<(), StreamError> {
        Ok(())
    }

    /// Whether somebody sits at the other end.
    fn is_interactive(&self) -> bool {
        false
    }
}

impl<R: Read + Send> InputStream for R {
    fn read_buffers(&mut self, buffers: &mut [IoSliceMut<'_>]) -> Result<usize, StreamError> {
        Ok(self.read_vectored(buffers)?)
    }
}

impl<W: Write + Send> OutputStream for W {
    fn write_buffers(&mut self, buffers: &[IoSlice<'_>]) -> Result<usize, StreamError> {
        Ok(self.write_vectored(buffers)?)
    }

    fn flush_buffers(&mut self) -> Result<(), StreamError> {
        Ok(self.flush()?)
    }
}

/// An output in memory, whose clones share it: one is given to the guest, another tells what the guest wrote.
///
/// ```
/// use std::io::Write;
///
/// let output = strata_wasi::MemoryOutput::new();
/// output.clone().write_all(b"so far")?;
/// assert_eq!(output.take(), b"so far");
/// assert_eq!(output.take(), b"");
/// # Ok::<(), std::io::Error>(())
/// ```
#[derive(Clone, Debug, Default)]
pub struct MemoryOutput {
    bytes: Arc<Mutex<Vec<u8>>>,
    limit: Option<usize>,
}

impl MemoryOutput {
    /// An empty one.
    pub fn new() -> MemoryOutput {
        MemoryOutput::default()
    }

    /// An empty one that takes so many bytes until they are taken out; then it is as full as a disk can be.
    pub fn with_limit(limit: usize) -> MemoryOutput {
        MemoryOutput { limit: Some(limit), ..MemoryOutput::default() }
    }

    /// What was written since the last time.
    pub fn take(&self) -> Vec<u8> {
        std::mem::take(&mut *self.lock())
    }

    /// What was written, and stays.
    pub fn contents(&self) -> Vec<u8> {
        self.lock().clone()
    }

    fn lock(&self) -> MutexGuard<'_, Vec<u8>> {
        // Bytes are appended as a whole or not at all.
        self.bytes.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn append(&self, buffers: &[&[u8]]) -> io::Result<usize> {
        let mut bytes = self.lock();
        let before = bytes.len();
        for buffer in buffers {
            let room = self.limit.map_or(usize::MAX, |limit| limit.saturating_sub(bytes.len()));
            let count = buffer.len().min(room);
            bytes.try_reserve(count)?;
            bytes.extend_from_slice(&buffer[..count]);
        }
        match bytes.len() - before {
            0 if buffers.iter().any(|buffer| !buffer.is_empty()) => Err(io::ErrorKind::StorageFull.into()),
            count => Ok(count),
        }
    }
}

impl Write for MemoryOutput {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.append(&[buffer])
    }

    fn write_vectored(&mut self, buffers: &[IoSlice<'_>]) -> io::Result<usize> {
        let buffers: smallvec::SmallVec<[&[u8]; 4]> = buffers.iter().map(|buffer| &**buffer).collect();
        self.append(&buffers)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Standard input of the process, without a buffer.
#[derive(Debug, Default)]
pub struct Stdin;

/// Standard output of the process, without a buffer.
#[derive(Debug, Default)]
pub struct Stdout;

/// Standard error of the process, without a buffer.
#[derive(Debug, Default)]
pub struct Stderr;

impl InputStream for Stdin {
    fn read_buffers(&mut self, buffers: &mut [IoSliceMut<'_>]) -> Result<usize, StreamError> {
        Ok(system::read_stdin(buffers)?)
    }

    fn wait(&mut self, timeout: Option<Duration>) -> Result<bool, StreamError> {
        Ok(system::wait_for_stdin(timeout)?)
    }

    fn available(&mut self) -> u64 {
        system::available_on_stdin()
    }

    fn is_interactive(&self) -> bool {
        io::stdin().is_terminal()
    }
}

impl OutputStream for Stdout {
    fn write_buffers(&mut self, buffers: &[IoSlice<'_>]) -> Result<usize, StreamError> {
        Ok(system::write_stdout(buffers)?)
    }

    fn is_interactive(&self) -> bool {
        io::stdout().is_terminal()
    }
}

impl OutputStream for Stderr {
    fn write_buffers(&mut self, buffers: &[IoSlice<'_>]) -> Result<usize, StreamError> {
        Ok(system::write_stderr(buffers)?)
    }

    fn is_interactive(&self) -> bool {
        io::stderr().is_terminal()
    }
}

impl fmt::Debug for dyn InputStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("InputStream")
    }
}

impl fmt::Debug for dyn OutputStream {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("OutputStream")
    }
}
