//! Output: standard output, buffered and with errors that say so; and files, as a whole or not at all.

use std::fmt;
use std::fs::{self, Permissions};
use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use crate::failure::Failure;
use crate::program;

/// Bytes that are gathered before they are written.
const BUFFER: usize = 64 << 10;

/// Standard output could not be written.
#[derive(Clone, Debug)]
pub(crate) struct OutputError(Arc<io::Error>);

impl OutputError {
    /// Whether nobody reads it any more.
    pub(crate) fn is_closed(&self) -> bool {
        self.0.kind() == io::ErrorKind::BrokenPipe
    }
}

impl From<io::Error> for OutputError {
    fn from(error: io::Error) -> OutputError {
        OutputError(Arc::new(error))
    }
}

impl fmt::Display for OutputError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "standard output: {}", self.0)
    }
}

impl std::error::Error for OutputError {}

/// Standard output behind a large buffer, which is to be flushed at the end; a terminal gets every line at once.
#[derive(Debug)]
pub(crate) struct Output {
    buffer: Vec<u8>,
    by_line: bool,
}

impl Output {
    pub(crate) fn new() -> Output {
        Output { buffer: Vec::new(), by_line: io::stdout().is_terminal() }
    }

    /// Writes bytes.
    pub(crate) fn write(&mut self, bytes: &[u8]) -> Result<(), OutputError> {
        self.buffer.extend_from_slice(bytes);
        if self.buffer.len() >= BUFFER || self.by_line && bytes.contains(&b'\n') {
            return self.flush();
        }
        Ok(())
    }

    /// Writes text that ends no line.
    pub(crate) fn print(&mut self, text: impl fmt::Display) -> Result<(), OutputError> {
        write!(self.buffer, "{text}").expect("a vector takes all that is written to it");
        self.write(&[])
    }

    /// Writes all that is in the buffer. What could not be written is lost.
    pub(crate) fn flush(&mut self) -> Result<(), OutputError> {
        if self.buffer.is_empty() {
            return Ok(());
        }
        let mut out = io::stdout().lock();
        let written = out.write_all(&self.buffer).and_then(|()| out.flush());
        self.buffer.clear();
        written.map_err(OutputError::from)
    }
}

/// Standard output as several share it: the functions of `env`, the streams of WASI, the command.
#[derive(Clone, Debug)]
pub(crate) struct SharedOutput(Arc<Mutex<Output>>);

impl SharedOutput {
    pub(crate) fn new() -> SharedOutput {
        SharedOutput(Arc::new(Mutex::new(Output::new())))
    }

    /// The output, for the time being.
    pub(crate) fn get(&self) -> MutexGuard<'_, Output> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Writes bytes to standard output, all of them at once.
pub(crate) fn write_out(bytes: &[u8]) -> Result<(), OutputError> {
    let mut output = Output::new();
    output.write(bytes)?;
    output.flush()
}

/// Writes a file as a whole: what was there before stays until then.
pub(crate) fn write_file(path: &Path, bytes: &[u8]) -> Result<(), Failure> {
    replace(path, bytes)
        .map_err(|error| Failure::failed(format_args!("{}: {}", path.display(), program::describe(&error))))
}

fn replace(path: &Path, bytes: &[u8]) -> io::Result<()> {
    // A link stays one, what it leads to is replaced.
    let path = &fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let existing = fs::metadata(path).ok();
    if existing.as_ref().is_some_and(|existing| !existing.is_file()) {
        // A device or pipe is written to, not replaced.
        return fs::OpenOptions::new().write(true).open(path)?.write_all(bytes);
    }
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    builder.prefix(".strata-");
    if let Some(permissions) = existing.map_or_else(ordinary, |existing| Some(existing.permissions())) {
        builder.permissions(permissions);
    }
    let mut file = builder.tempfile_in(folder)?;
    file.write_all(bytes)?;
    file.persist(path)?;
    Ok(())
}

/// The permissions that a new file usually gets, before the process's mask.
fn ordinary() -> Option<Permissions> {
    #[cfg(unix)]
    return Some(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    #[cfg(not(unix))]
    return None;
}
