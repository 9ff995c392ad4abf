//! Standard input, for which waiting can be interrupted.

#[cfg_attr(unix, path = "input/polled.rs")]
#[cfg_attr(not(unix), path = "input/threaded.rs")]
mod source;

use std::fmt;
use std::io::{self, IoSliceMut, Read};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

pub(crate) use source::StopInput;

/// Bytes asked of the operating system at once, for readers of few bytes.
const CHUNK: usize = 64 << 10;

/// Standard input, behind a buffer for readers of few bytes.
#[derive(Debug)]
pub(crate) struct Input {
    source: source::Source,
    chunk: Vec<u8>,
    at: usize,
}

/// Why nothing was read.
#[derive(Debug)]
pub(crate) enum ReadError {
    /// The wait was ended by [`StopInput`].
    Stopped,
    /// Standard input cannot be read.
    Failed(io::Error),
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ReadError::Stopped => f.write_str("stopped while waiting"),
            ReadError::Failed(error) => write!(f, "standard input cannot be read: {error}"),
        }
    }
}

impl std::error::Error for ReadError {}

impl From<io::Error> for ReadError {
    fn from(error: io::Error) -> ReadError {
        ReadError::Failed(error)
    }
}

impl Input {
    fn new() -> io::Result<(Input, StopInput)> {
        let (source, stop) = source::Source::new()?;
        Ok((Input { source, chunk: Vec::new(), at: 0 }, stop))
    }

    /// Whether the next read asks the operating system.
    pub(crate) fn is_empty(&self) -> bool {
        self.at == self.chunk.len()
    }

    /// Reads bytes, as many as there are and fit; 0 at the end.
    pub(crate) fn read(&mut self, into: &mut [u8]) -> Result<usize, ReadError> {
        if self.is_empty() && !into.is_empty() {
            self.at = 0;
            self.chunk.resize(CHUNK, 0);
            let read = self.source.read(&mut [IoSliceMut::new(&mut self.chunk)]);
            self.chunk.truncate(*read.as_ref().unwrap_or(&0));
            read?;
        }
        let count = (&self.chunk[self.at..]).read(into)?;
        self.at += count;
        Ok(count)
    }
}

/// What WASI's standard input and clocks need.
#[cfg(feature = "wasi")]
impl Input {
    /// As [`read`](Input::read), into buffers with room, and without another one in between.
    pub(crate) fn read_vectored(&mut self, into: &mut [IoSliceMut<'_>]) -> Result<usize, ReadError> {
        if self.is_empty() {
            return self.source.read(into);
        }
        let count = (&self.chunk[self.at..]).read_vectored(into)?;
        self.at += count;
        Ok(count)
    }

    /// Waits until there is something to read, or the end; at most that long, or without end. Whether there
    /// is.
    pub(crate) fn wait(&mut self, timeout: Option<std::time::Duration>) -> Result<bool, ReadError> {
        if self.is_empty() { self.source.wait(timeout) } else { Ok(true) }
    }

    /// How many bytes there are at least.
    pub(crate) fn available(&mut self) -> u64 {
        if self.is_empty() { self.source.available() } else { (self.chunk.len() - self.at) as u64 }
    }

    /// Waits that long.
    pub(crate) fn sleep(&mut self, time: std::time::Duration) -> Result<(), ReadError> {
        self.source.sleep(time)
    }
}

/// Standard input as several share it: the functions of `env`, the streams and clocks of WASI.
#[derive(Clone, Debug)]
pub(crate) struct SharedInput(Arc<Mutex<Input>>);

impl SharedInput {
    /// The input, and what ends waits for it.
    ///
    /// # Errors
    ///
    /// When the operating system lacks what that takes, such as descriptors.
    pub(crate) fn new() -> io::Result<(SharedInput, StopInput)> {
        let (input, stop) = Input::new()?;
        Ok((SharedInput(Arc::new(Mutex::new(input))), stop))
    }

    /// The input, for the time being.
    pub(crate) fn get(&self) -> MutexGuard<'_, Input> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
