//! What a guest is given.

use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::time::Duration;

use cap_std::fs::Dir;
use thiserror::Error;

use crate::clocks::{Clocks, SystemClocks};
use crate::dirs::{Access, Folder};
use crate::errno::Failure;
use crate::process::Strings;
use crate::random::Random;
use crate::streams::{InputStream, OutputStream, Stderr, Stdin, Stdout};
use crate::table::{Descriptor, Kind, Table};
use crate::types::{FdFlags, Rights};

/// What a guest has: arguments, environment, streams, folders, clocks, random numbers. Made by
/// [`WasiCtx::builder`], kept in a store's data.
pub struct WasiCtx {
    pub(crate) args: Strings,
    pub(crate) env: Strings,
    pub(crate) table: Table,
    pub(crate) clocks: Box<dyn Clocks>,
    /// When the monotonic clock showed what it did when the context was built.
    pub(crate) started: Duration,
    pub(crate) random: Random,
}

impl WasiCtx {
    /// Begins with a guest that has nothing: no arguments, variables and folders, an empty input and outputs
    /// that lead nowhere; but the system's clocks, and random numbers.
    pub fn builder() -> WasiCtxBuilder {
        WasiCtxBuilder::default()
    }
}

impl fmt::Debug for WasiCtx {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WasiCtx").field("table", &self.table).finish_non_exhaustive()
    }
}

/// Builds a [`WasiCtx`], by chaining.
///
/// ```
/// use strata_wasi::{Access, MemoryOutput, WasiCtx};
///
/// let output = MemoryOutput::new();
/// let ctx = WasiCtx::builder()
///     .args(["greet", "Ada"])
///     .env("LANG", "C.UTF-8")
///     .stdin(&b"typed in"[..])
///     .stdout(output.clone())
///     .preopened_dir(".", "/data", Access::ReadOnly)
///     .build()?;
/// # Ok::<(), strata_wasi::BuildError>(())
/// ```
#[must_use]
pub struct WasiCtxBuilder {
    args: Vec<Vec<u8>>,
    env: Vec<(Vec<u8>, Vec<u8>)>,
    stdin: Box<dyn InputStream>,
    stdout: Box<dyn OutputStream>,
    stderr: Box<dyn OutputStream>,
    folders: Vec<(Place, String, Access)>,
    clocks: Option<Box<dyn Clocks>>,
    random: Random,
    max_descriptors: usize,
}

/// Where a folder comes from.
enum Place {
    Path(PathBuf),
    Dir(Dir),
}

/// Why there is no context.
#[derive(Debug, Error)]
#[non_exhaustive]
pub enum BuildError {
    /// A folder of the host's cannot be opened.
    #[error("{}: cannot be opened for the guest: {source}; name a folder that can be read", host.display())]
    Dir {
        /// The path.
        host: PathBuf,
        /// Why not.
        source: io::Error,
    },
    /// A guest's strings end with a zero byte, and can have none in them.
    #[error("{what} has a zero byte in it; leave it out")]
    ZeroByte {
        /// An argument, variable or folder's name.
        what: String,
    },
    /// A variable's name is empty or has a `=` in it.
    #[error("{name:?} is no name of a variable; names are not empty and have no `=`")]
    VariableName {
        /// The name.
        name: String,
    },
    /// More folders than descriptors.
    #[error("{0} descriptors are not enough for three streams and the folders; allow more")]
    TooManyFolders(usize),
}

impl Default for WasiCtxBuilder {
    fn default() -> WasiCtxBuilder {
        WasiCtxBuilder {
            args: Vec::new(),
            env: Vec::new(),
            stdin: Box::new(io::empty()),
            stdout: Box::new(io::sink()),
            stderr: Box::new(io::sink()),
            folders: Vec::new(),
            clocks: None,
            random: Random::Unseeded,
            max_descriptors: 1024,
        }
    }
}

impl fmt::Debug for WasiCtxBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WasiCtxBuilder").finish_non_exhaustive()
    }
}

impl WasiCtxBuilder {
    /// Adds an argument. The first one is the program's name.
    pub fn arg(mut self, arg: impl Into<Vec<u8>>) -> WasiCtxBuilder {
        self.args.push(arg.into());
        self
    }

    /// Adds arguments.
    pub fn args<A: Into<Vec<u8>>>(mut self, args: impl IntoIterator<Item = A>) -> WasiCtxBuilder {
        self.args.extend(args.into_iter().map(Into::into));
        self
    }

    /// Sets a variable of the environment, in place of one of that name.
    pub fn env(mut self, name: impl Into<Vec<u8>>, value: impl Into<Vec<u8>>) -> WasiCtxBuilder {
        let (name, value) = (name.into(), value.into());
        match self.env.iter_mut().find(|(present, _)| *present == name) {
            Some((_, present)) => *present = value,
            None => self.env.push((name, value)),
        }
        self
    }

    /// What the guest reads from: anything that implements `Read`, such as bytes in memory, or an
    /// [`InputStream`].
    pub fn stdin(mut self, stream: impl InputStream + 'static) -> WasiCtxBuilder {
        self.stdin = Box::new(stream);
        self
    }

    /// Where the guest writes to: anything that implements `Write`, such as a
    /// [`MemoryOutput`](crate::MemoryOutput), or an [`OutputStream`].
    pub fn stdout(mut self, stream: impl OutputStream + 'static) -> WasiCtxBuilder {
        self.stdout = Box::new(stream);
        self
    }

    /// Where the guest writes messages to.
    pub fn stderr(mut self, stream: impl OutputStream + 'static) -> WasiCtxBuilder {
        self.stderr = Box::new(stream);
        self
    }

    /// Gives the guest the process's own streams.
    pub fn inherit_stdio(self) -> WasiCtxBuilder {
        self.stdin(Stdin).stdout(Stdout).stderr(Stderr)
    }

    /// Gives the guest a folder of the host's, under a name of its own: absolute, or `.` for that which
    /// relative paths are below.
    pub fn preopened_dir(
        mut self,
        host: impl AsRef<Path>,
        guest: impl Into<String>,
        access: Access,
    ) -> WasiCtxBuilder {
        self.folders.push((Place::Path(host.as_ref().to_owned()), guest.into(), access));
        self
    }

    /// As [`preopened_dir`](Self::preopened_dir), of a folder that is open already.
    pub fn preopened(mut self, dir: Dir, guest: impl Into<String>, access: Access) -> WasiCtxBuilder {
        self.folders.push((Place::Dir(dir), guest.into(), access));
        self
    }

    /// What the guest takes the time from, and waits by: [`SystemClocks`] by default.
    pub fn clocks(mut self, clocks: impl Clocks + 'static) -> WasiCtxBuilder {
        self.clocks = Some(Box::new(clocks));
        self
    }

    /// Lets the guest's random numbers depend on that number alone (and on the version of this crate).
    /// Without, they cannot be predicted.
    pub fn random_seed(mut self, seed: u64) -> WasiCtxBuilder {
        self.random = Random::seeded(seed);
        self
    }

    /// How many descriptors the guest may have open, streams and folders it was given included; 1024 by
    /// default. Most of them are descriptors of the process.
    pub fn max_descriptors(mut self, count: usize) -> WasiCtxBuilder {
        self.max_descriptors = count;
        self
    }

    /// Opens the folders and makes the context.
    ///
    /// # Errors
    ///
    /// When a folder cannot be opened, a string has a zero byte in it, or a variable's name is none.
    pub fn build(self) -> Result<WasiCtx, BuildError> {
        check_strings(&self)?;
        let mut table = Table::new(self.max_descriptors);
        let full = |_: Failure| BuildError::TooManyFolders(self.max_descriptors);
        table.insert(Descriptor::input(self.stdin)).map_err(full)?;
        table.insert(Descriptor::output(self.stdout)).map_err(full)?;
        table.insert(Descriptor::output(self.stderr)).map_err(full)?;
        for (place, guest, access) in self.folders {
            let dir = match place {
                Place::Dir(dir) => dir,
                Place::Path(host) => match Dir::open_ambient_dir(&host, cap_std::ambient_authority()) {
                    Ok(dir) => dir,
                    Err(source) => return Err(BuildError::Dir { host, source }),
                },
            };
            let descriptor = Descriptor {
                kind: Kind::Folder(Folder::new(dir, access, Some(guest))),
                rights: Rights::DIR,
                inheriting: Rights::OPENED,
                flags: FdFlags::default(),
            };
            table.insert(descriptor).map_err(full)?;
        }
        let mut clocks = self.clocks.unwrap_or_else(|| Box::new(SystemClocks::default()));
        let env = self.env.into_iter().map(|(name, value)| [name, b"=".to_vec(), value].concat());
        Ok(WasiCtx {
            args: Strings::new(self.args),
            env: Strings::new(env),
            table,
            started: clocks.monotonic(),
            clocks,
            random: self.random,
        })
    }
}

fn check_strings(builder: &WasiCtxBuilder) -> Result<(), BuildError> {
    let shown = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    let args = builder.args.iter().map(|arg| ("argument", arg.as_slice()));
    let names = builder.env.iter().map(|(name, _)| ("variable", name.as_slice()));
    let values = builder.env.iter().map(|(_, value)| ("value of a variable", value.as_slice()));
    let folders = builder.folders.iter().map(|(_, name, _)| ("name of a folder", name.as_bytes()));
    for (what, bytes) in args.chain(names).chain(values).chain(folders) {
        if bytes.contains(&0) {
            return Err(BuildError::ZeroByte { what: format!("the {what} {:?}", shown(bytes)) });
        }
    }
    match builder.env.iter().find(|(name, _)| name.is_empty() || name.contains(&b'=')) {
        Some((name, _)) => Err(BuildError::VariableName { name: shown(name) }),
        None => Ok(()),
    }
}
