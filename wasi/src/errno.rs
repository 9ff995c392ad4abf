//! Error numbers of WASI, and what the host's errors are among them.

use std::io;

use strata::HostError;

use crate::streams::StreamError;

/// What a function gives.
pub(crate) type Result<T> = std::result::Result<T, Failure>;

/// Why a function did not do what it was asked for.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The guest is told.
    Errno(Errno),
    /// The guest is stopped.
    Trap(HostError),
}

impl Failure {
    #[cfg(test)]
    pub(crate) fn errno(&self) -> Option<Errno> {
        if let Failure::Errno(errno) = self { Some(*errno) } else { None }
    }
}

impl From<Errno> for Failure {
    fn from(errno: Errno) -> Failure {
        Failure::Errno(errno)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Failure {
        Failure::Errno(Errno::of(&error))
    }
}

impl From<StreamError> for Failure {
    fn from(error: StreamError) -> Failure {
        match error {
            StreamError::Io(error) => error.into(),
            StreamError::Trap(error) => Failure::Trap(error),
        }
    }
}

macro_rules! errnos {
    ($($name:ident $number:literal $(= $host:ident)?;)*) => {
        /// Error numbers, by the names of the specification.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        #[cfg_attr(not(unix), expect(dead_code, reason = "only Unix has errors for all of them"))]
        pub(crate) enum Errno {
            $($name = $number,)*
        }

        impl Errno {
            /// By the number of the operating system.
            #[cfg(unix)]
            fn of_host(error: &io::Error) -> Option<Errno> {
                match rustix::io::Errno::from_io_error(error)? {
                    $($(rustix::io::Errno::$host => Some(Errno::$name),)?)*
                    _ => Some(Errno::Io),
                }
            }
        }
    };
}

errnos! {
    Success 0;
    Toobig 1 = TOOBIG;
    Acces 2 = ACCESS;
    Addrinuse 3 = ADDRINUSE;
    Addrnotavail 4 = ADDRNOTAVAIL;
    Afnosupport 5 = AFNOSUPPORT;
    Again 6 = AGAIN;
    Already 7 = ALREADY;
    Badf 8 = BADF;
    Badmsg 9 = BADMSG;
    Busy 10 = BUSY;
    Canceled 11 = CANCELED;
    Child 12 = CHILD;
    Connaborted 13 = CONNABORTED;
    Connrefused 14 = CONNREFUSED;
    Connreset 15 = CONNRESET;
    Deadlk 16 = DEADLK;
    Destaddrreq 17 = DESTADDRREQ;
    Dom 18 = DOM;
    Dquot 19 = DQUOT;
    Exist 20 = EXIST;
    Fault 21 = FAULT;
    Fbig 22 = FBIG;
    Hostunreach 23 = HOSTUNREACH;
    Idrm 24 = IDRM;
    Ilseq 25 = ILSEQ;
    Inprogress 26 = INPROGRESS;
    Intr 27 = INTR;
    Inval 28 = INVAL;
    Io 29;
    Isconn 30 = ISCONN;
    Isdir 31 = ISDIR;
    Loop 32 = LOOP;
    Mfile 33 = MFILE;
    Mlink 34 = MLINK;
    Msgsize 35 = MSGSIZE;
    Multihop 36 = MULTIHOP;
    Nametoolong 37 = NAMETOOLONG;
    Netdown 38 = NETDOWN;
    Netreset 39 = NETRESET;
    Netunreach 40 = NETUNREACH;
    Nfile 41 = NFILE;
    Nobufs 42 = NOBUFS;
    Nodev 43 = NODEV;
    Noent 44 = NOENT;
    Noexec 45 = NOEXEC;
    Nolck 46 = NOLCK;
    Nolink 47 = NOLINK;
    Nomem 48 = NOMEM;
    Nomsg 49 = NOMSG;
    Noprotoopt 50 = NOPROTOOPT;
    Nospc 51 = NOSPC;
    Nosys 52 = NOSYS;
    Notconn 53 = NOTCONN;
    Notdir 54 = NOTDIR;
    Notempty 55 = NOTEMPTY;
    Notrecoverable 56 = NOTRECOVERABLE;
    Notsock 57 = NOTSOCK;
    Notsup 58 = NOTSUP;
    Notty 59 = NOTTY;
    Nxio 60 = NXIO;
    Overflow 61 = OVERFLOW;
    Ownerdead 62 = OWNERDEAD;
    Perm 63 = PERM;
    Pipe 64 = PIPE;
    Proto 65 = PROTO;
    Protonosupport 66 = PROTONOSUPPORT;
    Prototype 67 = PROTOTYPE;
    Range 68 = RANGE;
    Rofs 69 = ROFS;
    Spipe 70 = SPIPE;
    Srch 71 = SRCH;
    Stale 72 = STALE;
    Timedout 73 = TIMEDOUT;
    Txtbsy 74 = TXTBSY;
    Xdev 75 = XDEV;
    Notcapable 76;
}

impl Errno {
    /// What the guest is told of an error of the host's.
    pub(crate) fn of(error: &io::Error) -> Errno {
        #[cfg(unix)]
        if let Some(errno) = Errno::of_host(error) {
            return errno;
        }
        #[expect(clippy::wildcard_enum_match_arm, reason = "all others are errors of a device to the guest")]
        match error.kind() {
            io::ErrorKind::NotFound => Errno::Noent,
            // Without a number of the operating system it is the sandbox that refused: the path leads
            // outside.
            io::ErrorKind::PermissionDenied => Errno::Perm,
            io::ErrorKind::AlreadyExists => Errno::Exist,
            io::ErrorKind::InvalidInput => Errno::Inval,
            io::ErrorKind::InvalidData | io::ErrorKind::InvalidFilename => Errno::Ilseq,
            io::ErrorKind::WouldBlock => Errno::Again,
            io::ErrorKind::Interrupted => Errno::Intr,
            io::ErrorKind::BrokenPipe => Errno::Pipe,
            io::ErrorKind::NotADirectory => Errno::Notdir,
            io::ErrorKind::IsADirectory => Errno::Isdir,
            io::ErrorKind::DirectoryNotEmpty => Errno::Notempty,
            io::ErrorKind::ReadOnlyFilesystem => Errno::Rofs,
            io::ErrorKind::StorageFull => Errno::Nospc,
            io::ErrorKind::QuotaExceeded => Errno::Dquot,
            io::ErrorKind::FileTooLarge => Errno::Fbig,
            io::ErrorKind::ResourceBusy => Errno::Busy,
            io::ErrorKind::CrossesDevices => Errno::Xdev,
            io::ErrorKind::TooManyLinks => Errno::Mlink,
            io::ErrorKind::NotSeekable => Errno::Spipe,
            io::ErrorKind::TimedOut => Errno::Timedout,
            io::ErrorKind::Unsupported => Errno::Notsup,
            io::ErrorKind::OutOfMemory => Errno::Nomem,
            _ => Errno::Io,
        }
    }
}
