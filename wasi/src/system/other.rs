//! Systems of which only Rust's standard library is used.

use std::fs::File;
use std::io::{self, IoSlice, IoSliceMut, Read, Seek, SeekFrom, Write};
use std::time::Duration;

use cap_std::fs::OpenOptions;

use crate::types::FdFlags;

pub(crate) fn read_stdin(buffers: &mut [IoSliceMut<'_>]) -> io::Result<usize> {
    io::stdin().lock().read_vectored(buffers)
}

pub(crate) fn wait_for_stdin(_timeout: Option<Duration>) -> io::Result<bool> {
    Ok(true)
}

pub(crate) fn available_on_stdin() -> u64 {
    0
}

pub(crate) fn write_stdout(buffers: &[IoSlice<'_>]) -> io::Result<usize> {
    let mut out = io::stdout().lock();
    let count = out.write_vectored(buffers)?;
    out.flush()?;
    Ok(count)
}

pub(crate) fn write_stderr(buffers: &[IoSlice<'_>]) -> io::Result<usize> {
    io::stderr().lock().write_vectored(buffers)
}

pub(crate) fn read_at(file: &File, buffers: &mut [IoSliceMut<'_>], offset: u64) -> io::Result<usize> {
    at(file, offset, |mut file| file.read_vectored(buffers))
}

pub(crate) fn write_at(file: &File, buffers: &[IoSlice<'_>], offset: u64) -> io::Result<usize> {
    at(file, offset, |mut file| file.write_vectored(buffers))
}

/// Does something elsewhere in a file. The guest has one thread, so that nobody sees the position in between.
fn at<T>(mut file: &File, offset: u64, act: impl FnOnce(&File) -> io::Result<T>) -> io::Result<T> {
    let before = file.stream_position()?;
    file.seek(SeekFrom::Start(offset))?;
    let result = act(file);
    file.seek(SeekFrom::Start(before))?;
    result
}

pub(crate) fn wait_for_file(_file: &File, _writing: bool, _timeout: Option<Duration>) -> io::Result<bool> {
    Ok(true)
}

pub(crate) fn available(_file: &File) -> u64 {
    0
}

pub(crate) fn advise(_file: &File, _offset: u64, _len: u64, _advice: u32) -> io::Result<()> {
    Ok(())
}

pub(crate) fn allocate(_file: &File, _offset: u64, _len: u64) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

pub(crate) fn set_flags(_file: &File, _flags: FdFlags) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

pub(crate) fn open_options(create: bool, exclusive: bool, truncate: bool) -> OpenOptions {
    let mut options = OpenOptions::new();
    options.create(create && !exclusive).create_new(create && exclusive).truncate(truncate);
    // These options are refused without.
    options.write(create || truncate);
    options
}

pub(crate) fn inode(_entry: &cap_std::fs::DirEntry) -> u64 {
    0
}
