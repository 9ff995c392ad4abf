//! Functions of paths. All lookups are left to `cap-std`, which keeps them within the folder whatever happens
//! to it meanwhile: by `openat2` where the system has that, otherwise one name at a time.

use std::path::{Component, Path};
use std::time::{Duration, SystemTime};

use cap_fs_ext::{
    DirExt, FollowSymlinks, OpenOptionsFollowExt, OpenOptionsMaybeDirExt, OpenOptionsSyncExt, SystemTimeSpec,
};
use cap_std::fs::{Dir, OpenOptions};

use crate::WasiCtx;
use crate::dirs::{Access, Folder};
use crate::errno::{Errno, Result};
use crate::fds::type_of_file;
use crate::memory::Guest;
use crate::system::{self, retry};
use crate::table::{Descriptor, Kind};
use crate::types::{FdFlags, FileType, LookupFlags, OpenFlags, Rights, TimeFlags, filestat};

impl WasiCtx {
    pub(crate) fn path_open(
        &mut self,
        guest: &mut Guest<'_>,
        fd: u32,
        (path, len): (u32, u32),
        (lookup, open, flags): (u32, u32, u32),
        (rights, inheriting): (u64, u64),
        opened: u32,
    ) -> Result<()> {
        self.table.check_room()?;
        let parent = self.table.get(fd)?;
        guest.range(opened, 4)?;
        let path = guest.path(path, len)?;
        let open = OpenFlags::parse(open)?;
        let request = Request {
            follow: follow(lookup)?,
            open,
            flags: FdFlags::parse(flags)?,
            // Programs ask for more than anything that is opened could have, even for bits that are unknown.
            rights: Rights(rights).and(Rights::OPENED),
            inheriting: Rights(inheriting).and(parent.inheriting),
        };
        let mut needed = Rights::PATH_OPEN;
        if open.contains(OpenFlags::CREATE) {
            needed = needed.or(Rights::PATH_CREATE_FILE);
        }
        if open.contains(OpenFlags::TRUNCATE) {
            needed = needed.or(Rights::PATH_FILESTAT_SET_SIZE);
        }
        let allowed = parent.inheriting;
        let descriptor = parent.folder(needed)?.open(path, &request, allowed)?;
        let new = self.table.insert(descriptor)?;
        guest.write_u32(opened, new)
    }

    pub(crate) fn path_create_directory(
        &mut self,
        guest: &mut Guest<'_>,
        fd: u32,
        path: u32,
        len: u32,
    ) -> Result<()> {
        let dir = self.writable(fd, Rights::PATH_CREATE_DIRECTORY)?;
        Ok(dir.create_dir(guest.path(path, len)?)?)
    }

    pub(crate) fn path_filestat_get(
        &mut self,
        guest: &mut Guest<'_>,
        fd: u32,
        lookup: u32,
        path: u32,
        len: u32,
        stat: u32,
    ) -> Result<()> {
        let dir = &self.table.get(fd)?.folder(Rights::PATH_FILESTAT_GET)?.dir;
        guest.range(stat, 64)?;
        let path = guest.path(path, len)?;
        let metadata = if follow(lookup)? { dir.metadata(path)? } else { dir.symlink_metadata(path)? };
        guest.write(stat, &filestat(&metadata))
    }

    pub(crate) fn path_filestat_set_times(
        &mut self,
        guest: &mut Guest<'_>,
        fd: u32,
        lookup: u32,
        (path, len): (u32, u32),
        (access, modification): (u64, u64),
        flags: u32,
    ) -> Result<()> {
        let dir = self.writable(fd, Rights::PATH_FILESTAT_SET_TIMES)?;
        let path = guest.path(path, len)?;
        let times = times(access, modification, flags)?;
        if follow(lookup)? {
            Ok(dir.set_times(path, times.access, times.modification)?)
        } else {
            Ok(dir.set_symlink_times(path, times.access, times.modification)?)
        }
    }

    pub(crate) fn path_link(
        &mut self,
        guest: &mut Guest<'_>,
        fd: u32,
        lookup: u32,
        (path, len): (u32, u32),
        new_fd: u32,
        (new_path, new_len): (u32, u32),
    ) -> Result<()> {
        let dir = self.writable(fd, Rights::PATH_LINK_SOURCE)?;
        let new_dir = self.writable(new_fd, Rights::PATH_LINK_TARGET)?;
        let (path, new_path) = (guest.path(path, len)?, guest.path(new_path, new_len)?);
        check_no_slash(new_path)?;
        if follow(lookup)? {
            // What is found may be replaced by a link before it gets its new name; that is a link to the link
            // then.
            Ok(dir.hard_link(dir.canonicalize(path)?, new_dir, new_path)?)
        } else {
            Ok(dir.hard_link(path, new_dir, new_path)?)
        }
    }

    pub(crate) fn path_readlink(
        &mut self,
        guest: &mut Guest<'_>,
        fd: u32,
        (path, len): (u32, u32),
        (at, room): (u32, u32),
        used: u32,
    ) -> Result<()> {
        let dir = &self.table.get(fd)?.folder(Rights::PATH_READLINK)?.dir;
        guest.range(used, 4)?;
        guest.range(at, room)?;
        let target = dir.read_link(guest.path(path, len)?)?.into_os_string().into_encoded_bytes();
        let count = target.len().min(room as usize);
        guest.write(at, &target[..count])?;
        guest.write_size(used, count)
    }

    pub(crate) fn path_remove_directory(
        &mut self,
        guest: &mut Guest<'_>,
        fd: u32,
        path: u32,
        len: u32,
    ) -> Result<()> {
        let dir = self.writable(fd, Rights::PATH_REMOVE_DIRECTORY)?;
        Ok(dir.remove_dir(guest.folder_path(path, len)?)?)
    }

    pub(crate) fn path_rename(
        &mut self,
        guest: &mut Guest<'_>,
        fd: u32,
        (path, len): (u32, u32),
        new_fd: u32,
        (new_path, new_len): (u32, u32),
    ) -> Result<()> {
        let dir = self.writable(fd, Rights::PATH_RENAME_SOURCE)?;
        let new_dir = self.writable(new_fd, Rights::PATH_RENAME_TARGET)?;
        Ok(dir.rename(guest.path(path, len)?, new_dir, guest.path(new_path, new_len)?)?)
    }

    pub(crate) fn path_symlink(
        &mut self,
        guest: &mut Guest<'_>,
        (target, target_len): (u32, u32),
        fd: u32,
        (path, len): (u32, u32),
    ) -> Result<()> {
        let dir = self.writable(fd, Rights::PATH_SYMLINK)?;
        let (target, path) = (guest.path(target, target_len)?, guest.path(path, len)?);
        check_no_slash(path)?;
        Ok(dir.symlink(target, path)?)
    }

    pub(crate) fn path_unlink_file(
        &mut self,
        guest: &mut Guest<'_>,
        fd: u32,
        path: u32,
        len: u32,
    ) -> Result<()> {
        let dir = self.writable(fd, Rights::PATH_UNLINK_FILE)?;
        Ok(dir.remove_file_or_symlink(guest.path(path, len)?)?)
    }

    /// A folder to change something in.
    fn writable(&self, fd: u32, rights: Rights) -> Result<&Dir> {
        let folder = self.table.get(fd)?.folder(rights)?;
        folder.check_writable()?;
        Ok(&folder.dir)
    }
}

/// What is asked of a path to be opened.
struct Request {
    follow: bool,
    open: OpenFlags,
    flags: FdFlags,
    rights: Rights,
    inheriting: Rights,
}

impl Folder {
    fn open(&self, path: &Path, request: &Request, allowed: Rights) -> Result<Descriptor> {
        let Request { open, flags, rights, .. } = *request;
        if !allowed.contains(rights) {
            return Err(Errno::Notcapable.into());
        }
        let (create, exclusive) = (open.contains(OpenFlags::CREATE), open.contains(OpenFlags::EXCLUSIVE));
        let (truncate, directory) = (open.contains(OpenFlags::TRUNCATE), open.contains(OpenFlags::DIRECTORY));
        if directory && (create || exclusive || truncate) {
            return Err(Errno::Inval.into());
        }
        // A folder cannot be written to, so that the right to do so is none.
        let write = rights.intersects(Rights::WRITING) && !directory;
        if write || create || truncate {
            self.check_writable()?;
        }
        let mut options: OpenOptions = system::open_options(create, exclusive, truncate);
        // Something must be asked for; the rights tell what may be done.
        options.read(rights.intersects(Rights::READING) || !write);
        if flags.contains(FdFlags::APPEND) && write {
            options.append(true);
        } else if write {
            options.write(true);
        }
        options.maybe_dir(true);
        options.follow(if request.follow { FollowSymlinks::Yes } else { FollowSymlinks::No });
        options.sync(flags.contains(FdFlags::SYNC));
        options.dsync(flags.contains(FdFlags::DSYNC));
        options.rsync(flags.contains(FdFlags::RSYNC));
        options.nonblock(flags.contains(FdFlags::NONBLOCK));

        let file = retry(|| self.dir.open_with(path, &options))?.into_std();
        let ty = type_of_file(&file)?;
        if ty == FileType::Directory {
            let folder = Folder::new(Dir::from_std_file(file), self.access, None);
            return Ok(Descriptor {
                kind: Kind::Folder(folder),
                rights: rights.and(Rights::DIR),
                inheriting: request.inheriting,
                flags: FdFlags::default(),
            });
        }
        if directory {
            return Err(Errno::Notdir.into());
        }
        let mut rights = rights.and(Rights::FILE);
        if ty == FileType::CharacterDevice && std::io::IsTerminal::is_terminal(&file) {
            // By this the C library knows terminals.
            rights = rights.without(Rights::FD_SEEK.or(Rights::FD_TELL));
        }
        if self.access == Access::ReadOnly {
            rights = rights.without(Rights::FD_FILESTAT_SET_TIMES);
        }
        Ok(Descriptor { kind: Kind::File(file, ty), rights, inheriting: Rights::default(), flags })
    }
}

fn follow(lookup: u32) -> Result<bool> {
    Ok(LookupFlags::parse(lookup)?.contains(LookupFlags::SYMLINK_FOLLOW))
}

/// What is made at such a path would be a folder, which links are not.
fn check_no_slash(path: &Path) -> Result<()> {
    let named = matches!(path.components().next_back(), Some(Component::Normal(_)));
    if named && path.as_os_str().as_encoded_bytes().ends_with(b"/") {
        return Err(Errno::Noent.into());
    }
    Ok(())
}

/// Times to set a file to; those that are none stay.
pub(crate) struct Times {
    pub(crate) access: Option<SystemTimeSpec>,
    pub(crate) modification: Option<SystemTimeSpec>,
}

pub(crate) fn times(access: u64, modification: u64, flags: u32) -> Result<Times> {
    let flags = TimeFlags::parse(flags)?;
    let time =
        |nanoseconds, given: TimeFlags, now: TimeFlags| match (flags.contains(given), flags.contains(now)) {
            (true, true) => Err(Errno::Inval),
            (false, false) => Ok(None),
            (false, true) => Ok(Some(SystemTimeSpec::SymbolicNow)),
            (true, false) => {
                let time = SystemTime::UNIX_EPOCH.checked_add(Duration::from_nanos(nanoseconds));
                let time = cap_std::time::SystemTime::from_std(time.ok_or(Errno::Overflow)?);
                Ok(Some(SystemTimeSpec::Absolute(time)))
            }
        };
    Ok(Times {
        access: time(access, TimeFlags::ACCESS, TimeFlags::ACCESS_NOW)?,
        modification: time(modification, TimeFlags::MODIFICATION, TimeFlags::MODIFICATION_NOW)?,
    })
}
