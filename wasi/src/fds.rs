//! Functions of any descriptor: what it is, what it may, closing and renumbering; and those of sockets, which
//! there are none of.

use std::fs::FileTimes;
use std::time::SystemTime;

use cap_fs_ext::{DirExt, SystemTimeSpec};
use cap_std::fs::Metadata;

use crate::WasiCtx;
use crate::errno::{Errno, Result};
use crate::memory::Guest;
use crate::paths::{Times, times};
use crate::system;
use crate::table::{Descriptor, Kind};
use crate::types::{FdFlags, FileType, Rights, fdstat, filestat, filestat_of_stream};

/// Type of a `prestat`: a folder.
const PRESTAT_DIR: u32 = 0;

impl WasiCtx {
    pub(crate) fn fd_close(&mut self, _guest: &mut Guest<'_>, fd: u32) -> Result<()> {
        close(self.table.take(fd)?)
    }

    pub(crate) fn fd_renumber(&mut self, _guest: &mut Guest<'_>, from: u32, to: u32) -> Result<()> {
        match self.table.renumber(from, to)? {
            // It is gone, whatever it says.
            Some(closed) => close(closed).or(Ok(())),
            None => Ok(()),
        }
    }

    pub(crate) fn fd_fdstat_get(&mut self, guest: &mut Guest<'_>, fd: u32, stat: u32) -> Result<()> {
        let descriptor = self.table.get(fd)?;
        let ty = descriptor.file_type();
        guest.write(stat, &fdstat(ty, descriptor.flags, descriptor.rights, descriptor.inheriting))
    }

    pub(crate) fn fd_fdstat_set_flags(&mut self, _guest: &mut Guest<'_>, fd: u32, flags: u32) -> Result<()> {
        let descriptor = self.table.get_mut(fd)?;
        let flags = FdFlags::parse(flags)?;
        descriptor.require(Rights::FD_FDSTAT_SET_FLAGS)?;
        let changeable = FdFlags::APPEND.or(FdFlags::NONBLOCK);
        if flags.without(changeable) != descriptor.flags.without(changeable) {
            return Err(Errno::Notsup.into());
        }
        if let Kind::File(file, _) = &descriptor.kind {
            system::set_flags(file, flags)?;
        }
        descriptor.flags = flags;
        Ok(())
    }

    pub(crate) fn fd_fdstat_set_rights(
        &mut self,
        _guest: &mut Guest<'_>,
        fd: u32,
        rights: u64,
        inheriting: u64,
    ) -> Result<()> {
        let descriptor = self.table.get_mut(fd)?;
        let (rights, inheriting) = (Rights(rights), Rights(inheriting));
        if !descriptor.rights.contains(rights) || !descriptor.inheriting.contains(inheriting) {
            return Err(Errno::Notcapable.into());
        }
        (descriptor.rights, descriptor.inheriting) = (rights, inheriting);
        Ok(())
    }

    pub(crate) fn fd_filestat_get(&mut self, guest: &mut Guest<'_>, fd: u32, stat: u32) -> Result<()> {
        let descriptor = self.table.get(fd)?;
        guest.range(stat, 64)?;
        descriptor.require(Rights::FD_FILESTAT_GET)?;
        let bytes = match &descriptor.kind {
            Kind::Input(_) | Kind::Output(_) => filestat_of_stream(descriptor.file_type()),
            Kind::File(file, _) => filestat(&Metadata::from_file(file)?),
            Kind::Folder(folder) => filestat(&folder.dir.dir_metadata()?),
        };
        guest.write(stat, &bytes)
    }

    pub(crate) fn fd_filestat_set_times(
        &mut self,
        _guest: &mut Guest<'_>,
        fd: u32,
        access: u64,
        modification: u64,
        flags: u32,
    ) -> Result<()> {
        let times = times(access, modification, flags)?;
        let descriptor = self.table.get(fd)?;
        descriptor.require(Rights::FD_FILESTAT_SET_TIMES)?;
        match &descriptor.kind {
            Kind::Input(_) | Kind::Output(_) => Err(Errno::Inval.into()),
            Kind::File(file, _) => Ok(file.set_times(file_times(times))?),
            Kind::Folder(folder) => {
                folder.check_writable()?;
                Ok(folder.dir.set_times(".", times.access, times.modification)?)
            }
        }
    }

    pub(crate) fn fd_prestat_get(&mut self, guest: &mut Guest<'_>, fd: u32, stat: u32) -> Result<()> {
        let len = self.preopened_name(fd)?.len();
        guest.range(stat, 8)?;
        guest.write_u32(stat, PRESTAT_DIR)?;
        guest.write_size(stat + 4, len)
    }

    pub(crate) fn fd_prestat_dir_name(
        &mut self,
        guest: &mut Guest<'_>,
        fd: u32,
        at: u32,
        len: u32,
    ) -> Result<()> {
        let name = self.preopened_name(fd)?;
        guest.range(at, len)?;
        if (len as usize) < name.len() {
            return Err(Errno::Nametoolong.into());
        }
        guest.write(at, name.as_bytes())
    }

    fn preopened_name(&self, fd: u32) -> Result<&str> {
        match &self.table.get(fd)?.kind {
            Kind::Folder(folder) => folder.preopened.as_deref().ok_or_else(|| Errno::Badf.into()),
            Kind::Input(_) | Kind::Output(_) | Kind::File(..) => Err(Errno::Badf.into()),
        }
    }

    pub(crate) fn sock_accept(&mut self, _: &mut Guest<'_>, fd: u32, _flags: u32, _new: u32) -> Result<()> {
        self.not_a_socket(fd)
    }

    pub(crate) fn sock_recv(
        &mut self,
        _guest: &mut Guest<'_>,
        fd: u32,
        _list: (u32, u32),
        _flags: u32,
        _done: (u32, u32),
    ) -> Result<()> {
        self.not_a_socket(fd)
    }

    pub(crate) fn sock_send(
        &mut self,
        _guest: &mut Guest<'_>,
        fd: u32,
        _list: (u32, u32),
        _flags: u32,
        _done: u32,
    ) -> Result<()> {
        self.not_a_socket(fd)
    }

    pub(crate) fn sock_shutdown(&mut self, _guest: &mut Guest<'_>, fd: u32, _how: u32) -> Result<()> {
        self.not_a_socket(fd)
    }

    fn not_a_socket(&self, fd: u32) -> Result<()> {
        self.table.get(fd)?;
        Err(Errno::Notsock.into())
    }
}

/// Closes a descriptor; what its stream could not pass on is told now or never.
fn close(descriptor: Descriptor) -> Result<()> {
    match descriptor.kind {
        Kind::Output(mut stream) => Ok(stream.flush_buffers()?),
        Kind::Input(_) | Kind::File(..) | Kind::Folder(_) => Ok(()),
    }
}

fn file_times(times: Times) -> FileTimes {
    let moment = |spec| match spec {
        SystemTimeSpec::SymbolicNow => SystemTime::now(),
        SystemTimeSpec::Absolute(time) => time.into_std(),
    };
    let mut set = FileTimes::new();
    if let Some(access) = times.access {
        set = set.set_accessed(moment(access));
    }
    if let Some(modification) = times.modification {
        set = set.set_modified(moment(modification));
    }
    set
}

/// What a file that was opened is to the guest.
pub(crate) fn type_of_file(file: &std::fs::File) -> Result<FileType> {
    Ok(FileType::of(Metadata::from_file(file)?.file_type()))
}
