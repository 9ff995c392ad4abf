//! Folders: what is in them, and what may be done to that.

use std::fs::File;

use cap_fs_ext::OpenOptionsMaybeDirExt;
use cap_std::fs::{Dir, OpenOptions};

use crate::WasiCtx;
use crate::errno::{Errno, Result};
use crate::memory::Guest;
use crate::system;
use crate::table::Kind;
use crate::types::{FileType, Rights};

/// Bytes of a `dirent`, which the name follows.
const ENTRY_BYTES: usize = 24;

/// Whether a guest may change what is in a folder.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Access {
    /// It may read files and list folders; whatever would change something fails with `EROFS`.
    ReadOnly,
    /// It may do anything.
    ReadWrite,
}

/// An open folder.
#[derive(Debug)]
pub(crate) struct Folder {
    pub(crate) dir: Dir,
    pub(crate) access: Access,
    /// What the guest knows the folder by, if it was given it.
    pub(crate) preopened: Option<String>,
    /// What was in the folder when the guest last began to list it. A list that stays as it is has no entry
    /// twice and misses none, whatever happens to the folder meanwhile.
    listing: Option<Vec<Entry>>,
}

#[derive(Debug)]
struct Entry {
    inode: u64,
    ty: FileType,
    name: Vec<u8>,
}

impl Folder {
    pub(crate) fn new(dir: Dir, access: Access, preopened: Option<String>) -> Folder {
        Folder { dir, access, preopened, listing: None }
    }

    pub(crate) fn check_writable(&self) -> Result<()> {
        match self.access {
            Access::ReadWrite => Ok(()),
            Access::ReadOnly => Err(Errno::Rofs.into()),
        }
    }

    /// The folder in a form that all system calls take.
    pub(crate) fn as_file(&self) -> Result<File> {
        let mut options = OpenOptions::new();
        options.read(true).maybe_dir(true);
        Ok(self.dir.open_with(".", &options)?.into_std())
    }

    fn list(&self) -> Result<Vec<Entry>> {
        let own = cap_fs_ext::MetadataExt::ino(&self.dir.dir_metadata()?);
        // The parent may be outside of all that the guest can see: its number stays unknown.
        let dots = [b".".to_vec(), b"..".to_vec()];
        let mut entries: Vec<Entry> =
            dots.into_iter().map(|name| Entry { inode: own, ty: FileType::Directory, name }).collect();
        for entry in self.dir.entries()? {
            let entry = entry?;
            let ty = entry.file_type().map_or(FileType::Unknown, FileType::of);
            let name = entry.file_name().into_encoded_bytes();
            entries.push(Entry { inode: system::inode(&entry), ty, name });
        }
        Ok(entries)
    }
}

impl WasiCtx {
    /// A cookie is the number of entries that come before.
    pub(crate) fn fd_readdir(
        &mut self,
        guest: &mut Guest<'_>,
        fd: u32,
        at: u32,
        len: u32,
        cookie: u64,
        used: u32,
    ) -> Result<()> {
        let descriptor = self.table.get_mut(fd)?;
        descriptor.folder(Rights::FD_READDIR)?;
        let Kind::Folder(folder) = &mut descriptor.kind else { return Err(Errno::Notdir.into()) };
        guest.range(used, 4)?;
        let mut buffer = guest.bytes_mut(at, len)?;
        let listing = match folder.listing.take() {
            Some(listing) if cookie > 0 => listing,
            _ => folder.list()?,
        };
        let listing = folder.listing.insert(listing);
        let first = usize::try_from(cookie).unwrap_or(usize::MAX).min(listing.len());
        for (entry, next) in listing[first..].iter().zip(first as u64 + 1..) {
            let mut header = [0; ENTRY_BYTES];
            header[..8].copy_from_slice(&next.to_le_bytes());
            header[8..16].copy_from_slice(&entry.inode.to_le_bytes());
            header[16..20].copy_from_slice(&(entry.name.len() as u32).to_le_bytes());
            header[20] = entry.ty as u8;
            // The last one may be cut off: a buffer that is full tells the guest that there is more.
            if !fill(&mut buffer, &header) || !fill(&mut buffer, &entry.name) {
                break;
            }
        }
        let left = buffer.len();
        guest.write_size(used, len as usize - left)
    }
}

/// Moves as much as fits to the front of a buffer, which becomes what is left; whether all did.
fn fill(buffer: &mut &mut [u8], bytes: &[u8]) -> bool {
    let count = bytes.len().min(buffer.len());
    let (front, rest) = std::mem::take(buffer).split_at_mut(count);
    front.copy_from_slice(&bytes[..count]);
    *buffer = rest;
    count == bytes.len()
}
