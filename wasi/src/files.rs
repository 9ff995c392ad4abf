//! Reading, writing and the like: functions of an open file or stream.

use std::fs::File;
use std::io::{IoSlice, IoSliceMut, Read, Seek, SeekFrom, Write};
use std::time::Duration;

use crate::WasiCtx;
use crate::errno::{Errno, Result};
use crate::memory::Guest;
use crate::streams::{InputStream, OutputStream, StreamError};
use crate::system::{self, retry};
use crate::table::Kind;
use crate::types::{FdFlags, Rights};

/// The largest position that files have.
const MAX_POSITION: u64 = i64::MAX as u64;

impl WasiCtx {
    pub(crate) fn fd_read(
        &mut self,
        guest: &mut Guest<'_>,
        fd: u32,
        list: u32,
        count: u32,
        done: u32,
    ) -> Result<()> {
        let descriptor = self.table.get_mut(fd)?;
        let allowed = descriptor.require(Rights::FD_READ);
        let waits = !descriptor.flags.contains(FdFlags::NONBLOCK);
        // Before anything is read, which would be lost.
        guest.range(done, 4)?;
        let parts = guest.parts(list, count)?;
        let read = match &mut descriptor.kind {
            Kind::Folder(_) => return Err(Errno::Isdir.into()),
            Kind::Output(_) => return Err(Errno::Badf.into()),
            Kind::Input(_) | Kind::File(..) if allowed.is_err() => return allowed,
            Kind::Input(_) | Kind::File(..) if parts.is_empty() => 0,
            Kind::Input(stream) => read_stream(stream.as_mut(), &mut guest.targets(&parts), waits)?,
            Kind::File(file, _) => {
                let mut targets = guest.targets(&parts);
                read_file(file, &mut targets)?
            }
        };
        guest.write_size(done, read)
    }

    pub(crate) fn fd_write(
        &mut self,
        guest: &mut Guest<'_>,
        fd: u32,
        list: u32,
        count: u32,
        done: u32,
    ) -> Result<()> {
        let descriptor = self.table.get_mut(fd)?;
        let allowed = descriptor.require(Rights::FD_WRITE);
        guest.range(done, 4)?;
        let parts = guest.parts(list, count)?;
        let written = match &mut descriptor.kind {
            Kind::Folder(_) | Kind::Input(_) => return Err(Errno::Badf.into()),
            Kind::Output(_) | Kind::File(..) if allowed.is_err() => return allowed,
            Kind::Output(_) | Kind::File(..) if parts.is_empty() => 0,
            Kind::Output(stream) => write_stream(stream.as_mut(), &guest.sources(&parts))?,
            Kind::File(file, _) => {
                let sources = guest.sources(&parts);
                write_file(file, &sources)?
            }
        };
        guest.write_size(done, written)
    }

    pub(crate) fn fd_pread(
        &mut self,
        guest: &mut Guest<'_>,
        fd: u32,
        list: u32,
        count: u32,
        offset: u64,
        done: u32,
    ) -> Result<()> {
        let descriptor = self.table.get(fd)?;
        guest.range(done, 4)?;
        let parts = guest.parts(list, count)?;
        if matches!(descriptor.kind, Kind::Folder(_)) {
            return Err(Errno::Isdir.into());
        }
        let file = descriptor.file(Rights::FD_READ, Errno::Spipe)?;
        check_position(offset)?;
        let mut read = 0;
        if !parts.is_empty() {
            let mut targets = guest.targets(&parts);
            read = retry(|| system::read_at(file, &mut targets, offset))?;
        }
        guest.write_size(done, read)
    }

    pub(crate) fn fd_pwrite(
        &mut self,
        guest: &mut Guest<'_>,
        fd: u32,
        list: u32,
        count: u32,
        offset: u64,
        done: u32,
    ) -> Result<()> {
        let descriptor = self.table.get(fd)?;
        guest.range(done, 4)?;
        let parts = guest.parts(list, count)?;
        let file = descriptor.file(Rights::FD_WRITE, Errno::Spipe)?;
        check_position(offset)?;
        let mut written = 0;
        if !parts.is_empty() {
            let sources = guest.sources(&parts);
            written = retry(|| system::write_at(file, &sources, offset))?;
        }
        guest.write_size(done, written)
    }

    pub(crate) fn fd_seek(
        &mut self,
        guest: &mut Guest<'_>,
        fd: u32,
        offset: i64,
        whence: u32,
        position: u32,
    ) -> Result<()> {
        guest.range(position, 8)?;
        let to = match whence {
            0 => SeekFrom::Start(offset as u64),
            1 => SeekFrom::Current(offset),
            2 => SeekFrom::End(offset),
            _ => return Err(Errno::Inval.into()),
        };
        // To ask where one is takes less than to go somewhere else.
        let rights = if to == SeekFrom::Current(0) { Rights::FD_TELL } else { Rights::FD_SEEK };
        let mut file = self.table.get(fd)?.file(rights, Errno::Spipe)?;
        if whence == 0 {
            check_position(offset as u64)?;
        }
        let at = file.seek(to)?;
        guest.write_u64(position, at)
    }

    pub(crate) fn fd_tell(&mut self, guest: &mut Guest<'_>, fd: u32, position: u32) -> Result<()> {
        guest.range(position, 8)?;
        let mut file = self.table.get(fd)?.file(Rights::FD_TELL, Errno::Spipe)?;
        let at = file.stream_position()?;
        guest.write_u64(position, at)
    }

    pub(crate) fn fd_advise(
        &mut self,
        _guest: &mut Guest<'_>,
        fd: u32,
        offset: u64,
        len: u64,
        advice: u32,
    ) -> Result<()> {
        let file = self.table.get(fd)?.file(Rights::FD_ADVISE, Errno::Spipe)?;
        if advice > 5 || offset > MAX_POSITION || len > MAX_POSITION {
            return Err(Errno::Inval.into());
        }
        Ok(system::advise(file, offset, len, advice)?)
    }

    pub(crate) fn fd_allocate(
        &mut self,
        _guest: &mut Guest<'_>,
        fd: u32,
        offset: u64,
        len: u64,
    ) -> Result<()> {
        let file = self.table.get(fd)?.file(Rights::FD_ALLOCATE, Errno::Spipe)?;
        if len == 0 || offset > MAX_POSITION || len > MAX_POSITION {
            return Err(Errno::Inval.into());
        }
        if offset + len > MAX_POSITION {
            return Err(Errno::Fbig.into());
        }
        Ok(system::allocate(file, offset, len)?)
    }

    pub(crate) fn fd_filestat_set_size(&mut self, _guest: &mut Guest<'_>, fd: u32, size: u64) -> Result<()> {
        let file = self.table.get(fd)?.file(Rights::FD_FILESTAT_SET_SIZE, Errno::Inval)?;
        check_position(size)?;
        Ok(retry(|| file.set_len(size))?)
    }

    pub(crate) fn fd_datasync(&mut self, _guest: &mut Guest<'_>, fd: u32) -> Result<()> {
        self.synchronize(fd, Rights::FD_DATASYNC, File::sync_data)
    }

    pub(crate) fn fd_sync(&mut self, _guest: &mut Guest<'_>, fd: u32) -> Result<()> {
        self.synchronize(fd, Rights::FD_SYNC, File::sync_all)
    }

    fn synchronize(&mut self, fd: u32, rights: Rights, sync: fn(&File) -> std::io::Result<()>) -> Result<()> {
        let descriptor = self.table.get_mut(fd)?;
        descriptor.require(rights)?;
        match &mut descriptor.kind {
            Kind::Input(_) => Err(Errno::Inval.into()),
            Kind::Output(stream) => Ok(stream.flush_buffers()?),
            Kind::File(file, _) => Ok(retry(|| sync(file))?),
            Kind::Folder(folder) => {
                let file = folder.as_file()?;
                Ok(retry(|| sync(&file))?)
            }
        }
    }
}

/// The system calls for several parts take longer, even if there is only one.
fn read_file(mut file: &File, targets: &mut [IoSliceMut<'_>]) -> Result<usize> {
    match targets {
        [target] => Ok(retry(|| file.read(target))?),
        several => Ok(retry(|| file.read_vectored(several))?),
    }
}

fn write_file(mut file: &File, sources: &[IoSlice<'_>]) -> Result<usize> {
    match sources {
        [source] => Ok(retry(|| file.write(source))?),
        several => Ok(retry(|| file.write_vectored(several))?),
    }
}

fn check_position(position: u64) -> Result<()> {
    if position <= MAX_POSITION { Ok(()) } else { Err(Errno::Inval.into()) }
}

/// Reads what is there, or waits for it unless it is told not to.
fn read_stream(stream: &mut dyn InputStream, targets: &mut [IoSliceMut<'_>], waits: bool) -> Result<usize> {
    if !waits && !stream.wait(Some(Duration::ZERO))? {
        return Err(Errno::Again.into());
    }
    let room: usize = targets.iter().map(|target| target.len()).sum();
    // A count that is too large would be believed by the guest.
    Ok(again(|| stream.read_buffers(targets))?.min(room))
}

fn write_stream(stream: &mut dyn OutputStream, sources: &[IoSlice<'_>]) -> Result<usize> {
    let len: usize = sources.iter().map(|source| source.len()).sum();
    Ok(again(|| stream.write_buffers(sources))?.min(len))
}

/// As [`retry`], for streams.
fn again(mut attempt: impl FnMut() -> std::result::Result<usize, StreamError>) -> Result<usize> {
    loop {
        match attempt() {
            Err(StreamError::Io(error)) if error.kind() == std::io::ErrorKind::Interrupted => {}
            result => return Ok(result?),
        }
    }
}
