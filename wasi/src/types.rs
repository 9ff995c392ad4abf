//! Types of the specification: rights, flags, types of files, and how structures lie in the guest's memory.

use std::time::{Duration, SystemTime};

use cap_fs_ext::{FileTypeExt, MetadataExt};
use cap_std::fs::Metadata;

use crate::errno::{Errno, Result};

macro_rules! flags {
    ($(#[$doc:meta])* $name:ident: $int:ty { $($flag:ident $bit:literal;)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
        pub(crate) struct $name(pub(crate) $int);

        #[allow(dead_code, reason = "not all flags need all methods")]
        impl $name {
            $(pub(crate) const $flag: $name = $name(1 << $bit);)*
            /// All that the specification knows.
            pub(crate) const ALL: $name = $name($(1 << $bit)|*);

            pub(crate) const fn or(self, other: $name) -> $name {
                $name(self.0 | other.0)
            }

            pub(crate) const fn and(self, other: $name) -> $name {
                $name(self.0 & other.0)
            }

            pub(crate) const fn without(self, other: $name) -> $name {
                $name(self.0 & !other.0)
            }

            pub(crate) const fn contains(self, other: $name) -> bool {
                self.0 & other.0 == other.0
            }

            pub(crate) const fn intersects(self, other: $name) -> bool {
                self.0 & other.0 != 0
            }
        }
    };
}

flags! {
    /// What may be done with a descriptor.
    Rights: u64 {
        FD_DATASYNC 0;
        FD_READ 1;
        FD_SEEK 2;
        FD_FDSTAT_SET_FLAGS 3;
        FD_SYNC 4;
        FD_TELL 5;
        FD_WRITE 6;
        FD_ADVISE 7;
        FD_ALLOCATE 8;
        PATH_CREATE_DIRECTORY 9;
        PATH_CREATE_FILE 10;
        PATH_LINK_SOURCE 11;
        PATH_LINK_TARGET 12;
        PATH_OPEN 13;
        FD_READDIR 14;
        PATH_READLINK 15;
        PATH_RENAME_SOURCE 16;
        PATH_RENAME_TARGET 17;
        PATH_FILESTAT_GET 18;
        PATH_FILESTAT_SET_SIZE 19;
        PATH_FILESTAT_SET_TIMES 20;
        FD_FILESTAT_GET 21;
        FD_FILESTAT_SET_SIZE 22;
        FD_FILESTAT_SET_TIMES 23;
        PATH_SYMLINK 24;
        PATH_REMOVE_DIRECTORY 25;
        PATH_UNLINK_FILE 26;
        POLL_FD_READWRITE 27;
        SOCK_SHUTDOWN 28;
        SOCK_ACCEPT 29;
    }
}

impl Rights {
    /// That which any descriptor has.
    const COMMON: Rights = Rights::FD_DATASYNC
        .or(Rights::FD_SYNC)
        .or(Rights::FD_FDSTAT_SET_FLAGS)
        .or(Rights::FD_FILESTAT_GET)
        .or(Rights::FD_FILESTAT_SET_TIMES)
        .or(Rights::POLL_FD_READWRITE);
    /// What a file can be used for.
    pub(crate) const FILE: Rights = Rights::COMMON
        .or(Rights::FD_READ)
        .or(Rights::FD_WRITE)
        .or(Rights::FD_SEEK)
        .or(Rights::FD_TELL)
        .or(Rights::FD_ADVISE)
        .or(Rights::FD_ALLOCATE)
        .or(Rights::FD_FILESTAT_SET_SIZE);
    /// What a folder can be used for.
    pub(crate) const DIR: Rights = Rights::COMMON
        .or(Rights::FD_READDIR)
        .or(Rights::PATH_CREATE_DIRECTORY)
        .or(Rights::PATH_CREATE_FILE)
        .or(Rights::PATH_LINK_SOURCE)
        .or(Rights::PATH_LINK_TARGET)
        .or(Rights::PATH_OPEN)
        .or(Rights::PATH_READLINK)
        .or(Rights::PATH_RENAME_SOURCE)
        .or(Rights::PATH_RENAME_TARGET)
        .or(Rights::PATH_FILESTAT_GET)
        .or(Rights::PATH_FILESTAT_SET_SIZE)
        .or(Rights::PATH_FILESTAT_SET_TIMES)
        .or(Rights::PATH_SYMLINK)
        .or(Rights::PATH_REMOVE_DIRECTORY)
        .or(Rights::PATH_UNLINK_FILE);
    /// What something that is opened by its path can be used for.
    pub(crate) const OPENED: Rights = Rights::FILE.or(Rights::DIR);
    /// What a stream of input can be used for.
    pub(crate) const INPUT: Rights = Rights::COMMON.or(Rights::FD_READ);
    /// What a stream of output can be used for.
    pub(crate) const OUTPUT: Rights = Rights::COMMON.or(Rights::FD_WRITE);
    /// What wants a file to be open for writing.
    pub(crate) const WRITING: Rights =
        Rights::FD_WRITE.or(Rights::FD_ALLOCATE).or(Rights::FD_FILESTAT_SET_SIZE);
    /// What wants it to be open for reading.
    pub(crate) const READING: Rights = Rights::FD_READ.or(Rights::FD_READDIR);
}

flags! {
    /// How a descriptor works.
    FdFlags: u16 {
        APPEND 0;
        DSYNC 1;
        NONBLOCK 2;
        RSYNC 3;
        SYNC 4;
    }
}

flags! {
    /// How a path is opened.
    OpenFlags: u16 {
        CREATE 0;
        DIRECTORY 1;
        EXCLUSIVE 2;
        TRUNCATE 3;
    }
}

flags! {
    /// How a path is looked up.
    LookupFlags: u32 {
        SYMLINK_FOLLOW 0;
    }
}

flags! {
    /// Which times of a file are set, and to what.
    TimeFlags: u16 {
        ACCESS 0;
        ACCESS_NOW 1;
        MODIFICATION 2;
        MODIFICATION_NOW 3;
    }
}

/// A parameter of flags: those that the specification does not know are an error.
macro_rules! parse {
    ($($name:ident)*) => { $(
        impl $name {
            pub(crate) fn parse(bits: u32) -> Result<$name> {
                let flags = $name(bits.try_into().map_err(|_| Errno::Inval)?);
                if $name::ALL.contains(flags) { Ok(flags) } else { Err(Errno::Inval.into()) }
            }
        }
    )* };
}

parse! { FdFlags OpenFlags LookupFlags TimeFlags }

/// What a descriptor or a path leads to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum FileType {
    Unknown = 0,
    BlockDevice = 1,
    CharacterDevice = 2,
    Directory = 3,
    RegularFile = 4,
    SocketStream = 6,
    SymbolicLink = 7,
}

impl FileType {
    pub(crate) fn of(ty: cap_std::fs::FileType) -> FileType {
        if ty.is_dir() {
            FileType::Directory
        } else if ty.is_file() {
            FileType::RegularFile
        } else if ty.is_symlink() {
            FileType::SymbolicLink
        } else if ty.is_char_device() {
            FileType::CharacterDevice
        } else if ty.is_block_device() {
            FileType::BlockDevice
        } else if ty.is_socket() {
            FileType::SocketStream
        } else {
            FileType::Unknown
        }
    }
}

/// `fdstat`: type at 0, flags at 2, rights at 8, rights that are inherited at 16.
pub(crate) fn fdstat(ty: FileType, flags: FdFlags, rights: Rights, inheriting: Rights) -> [u8; 24] {
    let mut bytes = [0; 24];
    bytes[0] = ty as u8;
    bytes[2..4].copy_from_slice(&flags.0.to_le_bytes());
    bytes[8..16].copy_from_slice(&rights.0.to_le_bytes());
    bytes[16..24].copy_from_slice(&inheriting.0.to_le_bytes());
    bytes
}

/// `filestat`: device at 0, inode at 8, type at 16, links at 24, size at 32, times of access, modification
/// and change of status in nanoseconds at 40, 48 and 56.
pub(crate) fn filestat(metadata: &Metadata) -> [u8; 64] {
    let changed = {
        #[cfg(unix)]
        {
            use cap_std::fs::MetadataExt as _;
            i128::from(metadata.ctime()) * 1_000_000_000 + i128::from(metadata.ctime_nsec())
        }
        #[cfg(not(unix))]
        nanoseconds(metadata.modified().ok())
    };
    let words = [
        metadata.dev(),
        metadata.ino(),
        FileType::of(metadata.file_type()) as u64,
        metadata.nlink(),
        metadata.len(),
        nanoseconds(metadata.accessed().ok()).clamp(0, u64::MAX.into()) as u64,
        nanoseconds(metadata.modified().ok()).clamp(0, u64::MAX.into()) as u64,
        changed.clamp(0, u64::MAX.into()) as u64,
    ];
    pack(words)
}

/// `filestat` of a stream, which is no file and has nothing but a type.
pub(crate) fn filestat_of_stream(ty: FileType) -> [u8; 64] {
    pack([0, 0, ty as u64, 1, 0, 0, 0, 0])
}

/// Words in their order.
fn pack(words: [u64; 8]) -> [u8; 64] {
    let mut bytes = [0; 64];
    for (at, word) in bytes.chunks_exact_mut(8).zip(words) {
        at.copy_from_slice(&word.to_le_bytes());
    }
    bytes
}

/// Since 1970.
fn nanoseconds(time: Option<cap_std::time::SystemTime>) -> i128 {
    let since = |time: SystemTime| match time.duration_since(SystemTime::UNIX_EPOCH) {
        Ok(after) => after.as_nanos() as i128,
        Err(before) => -(before.duration().as_nanos() as i128),
    };
    time.map_or(0, |time| since(time.into_std()))
}

/// A duration as the specification has it; more than 584 years are that.
pub(crate) fn timestamp(time: Duration) -> u64 {
    time.as_nanos().try_into().unwrap_or(u64::MAX)
}
