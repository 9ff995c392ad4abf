//! Descriptors.

use std::fs::File;

use crate::dirs::Folder;
use crate::errno::{Errno, Result};
use crate::streams::{InputStream, OutputStream};
use crate::types::{FdFlags, FileType, Rights};

/// Something open.
#[derive(Debug)]
pub(crate) struct Descriptor {
    pub(crate) kind: Kind,
    pub(crate) rights: Rights,
    /// What descriptors that are opened with this one may have.
    pub(crate) inheriting: Rights,
    pub(crate) flags: FdFlags,
}

/// What a descriptor leads to.
#[derive(Debug)]
pub(crate) enum Kind {
    Input(Box<dyn InputStream>),
    Output(Box<dyn OutputStream>),
    File(File, FileType),
    Folder(Folder),
}

impl Descriptor {
    pub(crate) fn input(stream: Box<dyn InputStream>) -> Descriptor {
        Descriptor::stream(Kind::Input(stream), Rights::INPUT)
    }

    pub(crate) fn output(stream: Box<dyn OutputStream>) -> Descriptor {
        Descriptor::stream(Kind::Output(stream), Rights::OUTPUT)
    }

    fn stream(kind: Kind, rights: Rights) -> Descriptor {
        Descriptor { kind, rights, inheriting: Rights::default(), flags: FdFlags::default() }
    }

    pub(crate) fn file_type(&self) -> FileType {
        let terminal = match &self.kind {
            Kind::Input(stream) => stream.is_interactive(),
            Kind::Output(stream) => stream.is_interactive(),
            Kind::File(_, ty) => return *ty,
            Kind::Folder(_) => return FileType::Directory,
        };
        // A stream that could be anything is not called a file: its size would be believed.
        if terminal { FileType::CharacterDevice } else { FileType::Unknown }
    }
}

/// Descriptors by number. As POSIX wants it, a new one gets the smallest number that is free.
#[derive(Debug)]
pub(crate) struct Table {
    entries: Vec<Option<Descriptor>>,
    limit: usize,
}

impl Table {
    pub(crate) fn new(limit: usize) -> Table {
        Table { entries: Vec::new(), limit }
    }

    /// Adds a descriptor and gives its number.
    pub(crate) fn insert(&mut self, descriptor: Descriptor) -> Result<u32> {
        let free = self.check_room()?;
        if free == self.entries.len() {
            self.entries.push(None);
        }
        self.entries[free] = Some(descriptor);
        Ok(free as u32)
    }

    /// The number of the next descriptor. To be asked before something is opened: what is created stays.
    pub(crate) fn check_room(&self) -> Result<usize> {
        let free = self.entries.iter().position(Option::is_none).unwrap_or(self.entries.len());
        if free < self.limit { Ok(free) } else { Err(Errno::Mfile.into()) }
    }

    pub(crate) fn get(&self, fd: u32) -> Result<&Descriptor> {
        let entry = self.entries.get(fd as usize).and_then(Option::as_ref);
        entry.ok_or_else(|| Errno::Badf.into())
    }

    pub(crate) fn get_mut(&mut self, fd: u32) -> Result<&mut Descriptor> {
        let entry = self.entries.get_mut(fd as usize).and_then(Option::as_mut);
        entry.ok_or_else(|| Errno::Badf.into())
    }

    pub(crate) fn take(&mut self, fd: u32) -> Result<Descriptor> {
        let entry = self.entries.get_mut(fd as usize).and_then(Option::take);
        entry.ok_or_else(|| Errno::Badf.into())
    }

    /// Moves a descriptor to the number of another one, which is closed.
    pub(crate) fn renumber(&mut self, from: u32, to: u32) -> Result<Option<Descriptor>> {
        self.get(from)?;
        self.get(to)?;
        if from == to {
            return Ok(None);
        }
        let moved = self.entries[from as usize].take();
        Ok(std::mem::replace(&mut self.entries[to as usize], moved))
    }
}

impl Descriptor {
    /// Refuses what the descriptor may not be used for.
    pub(crate) fn require(&self, rights: Rights) -> Result<()> {
        if self.rights.contains(rights) { Ok(()) } else { Err(Errno::Notcapable.into()) }
    }

    /// As a file, for something that streams do not do (they say `of_stream`) and folders neither.
    pub(crate) fn file(&self, rights: Rights, of_stream: Errno) -> Result<&File> {
        match &self.kind {
            Kind::File(file, _) => self.require(rights).map(|()| file),
            Kind::Input(_) | Kind::Output(_) => Err(of_stream.into()),
            Kind::Folder(_) => Err(Errno::Badf.into()),
        }
    }

    /// As a folder.
    pub(crate) fn folder(&self, rights: Rights) -> Result<&Folder> {
        match &self.kind {
            Kind::Folder(folder) => self.require(rights).map(|()| folder),
            Kind::Input(_) | Kind::Output(_) | Kind::File(..) => Err(Errno::Notdir.into()),
        }
    }
}
