//! WASI: its options, and what a guest is given.

use std::ffi::OsString;
use std::io::{self, IoSlice, IoSliceMut, IsTerminal};
use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;
use clap::builder::{OsStringValueParser, TypedValueParser};
use strata_wasi::{
    Access, Clocks, InputStream, OutputStream, Stderr, Stdout, StreamError, SystemClocks, WasiCtx,
};

use crate::failure::{Failure, REFUSED};
use crate::input::{ReadError, SharedInput};
use crate::output::{OutputError, SharedOutput};

/// What separates the two paths of a folder.
const SEPARATOR: &str = "::";

#[derive(Debug, Args)]
#[command(next_help_heading = "WASI")]
pub(crate) struct Grants {
    /// Let the program use a folder, as HOST or under another name; can be given more than once
    #[arg(long, value_name = "HOST[::GUEST]")]
    dir: Vec<OsString>,
    /// Set a variable of the program's environment, or pass on that of this name; can be given more than once
    #[arg(long, value_name = "NAME[=VALUE]", value_parser = OsStringValueParser::new().try_map(Variable::parse))]
    env: Vec<Variable>,
}

#[derive(Clone, Debug)]
struct Variable {
    name: Vec<u8>,
    /// None for one that is to be passed on and is not there.
    value: Option<Vec<u8>>,
}

impl Variable {
    fn parse(text: OsString) -> Result<Variable, String> {
        let bytes = text.as_encoded_bytes();
        let (name, value) = match bytes.iter().position(|&byte| byte == b'=') {
            Some(at) => (bytes[..at].to_vec(), Some(bytes[at + 1..].to_vec())),
            None => (bytes.to_vec(), std::env::var_os(&text).map(OsString::into_encoded_bytes)),
        };
        if name.is_empty() { Err("a variable has a name".to_owned()) } else { Ok(Variable { name, value }) }
    }
}

/// The paths of a folder on either side.
fn paths(dir: &OsString) -> Result<(PathBuf, String), Failure> {
    let Some(text) = dir.to_str() else {
        let text = "--dir: paths that are not UTF-8 cannot be passed on; pass a folder above";
        return Err(Failure::Message { status: REFUSED, text: text.to_owned() });
    };
    let (host, guest) = text.split_once(SEPARATOR).unwrap_or((text, text));
    Ok((PathBuf::from(host), guest.to_owned()))
}

/// What the program gets: its name and arguments, the folders and variables of the options, and the command's
/// streams.
pub(crate) fn context(
    grants: &Grants,
    file: &Path,
    args: &[Vec<u8>],
    output: &SharedOutput,
    input: &SharedInput,
) -> Result<WasiCtx, Failure> {
    let name = file.file_name().unwrap_or(file.as_os_str());
    let mut builder = WasiCtx::builder()
        .arg(name.as_encoded_bytes())
        .args(args.iter().cloned())
        .stdin(StdinStream(input.clone()))
        .stdout(StdoutStream(output.clone()))
        .stderr(StderrStream(output.clone()))
        .clocks(InterruptibleClocks { system: SystemClocks::default(), input: input.clone() });
    for variable in &grants.env {
        if let Some(value) = &variable.value {
            builder = builder.env(variable.name.clone(), value.clone());
        }
    }
    for dir in &grants.dir {
        let (host, guest) = paths(dir)?;
        builder = builder.preopened_dir(host, guest, Access::ReadWrite);
    }
    builder.build().map_err(|error| Failure::Message { status: REFUSED, text: error.to_string() })
}

/// Standard input, which the functions of `env` read too.
#[derive(Debug)]
struct StdinStream(SharedInput);

/// Standard output, behind what the functions of `env` have printed. What the program writes is not held
/// back: others wait for it, and the program is to be told what became of it.
#[derive(Debug)]
struct StdoutStream(SharedOutput);

#[derive(Debug)]
struct StderrStream(SharedOutput);

/// The system's clocks; waits can be ended as those for input.
#[derive(Debug)]
struct InterruptibleClocks {
    system: SystemClocks,
    input: SharedInput,
}

impl From<ReadError> for StreamError {
    fn from(error: ReadError) -> StreamError {
        match error {
            ReadError::Stopped => StreamError::Trap(error.into()),
            ReadError::Failed(error) => StreamError::Io(error),
        }
    }
}

impl InputStream for StdinStream {
    fn read_buffers(&mut self, buffers: &mut [IoSliceMut<'_>]) -> Result<usize, StreamError> {
        Ok(self.0.get().read_vectored(buffers)?)
    }

    fn wait(&mut self, timeout: Option<Duration>) -> Result<bool, StreamError> {
        Ok(self.0.get().wait(timeout)?)
    }

    fn available(&mut self) -> u64 {
        self.0.get().available()
    }

    fn is_interactive(&self) -> bool {
        io::stdin().is_terminal()
    }
}

impl OutputStream for StdoutStream {
    fn write_buffers(&mut self, buffers: &[IoSlice<'_>]) -> Result<usize, StreamError> {
        let stop = |error: OutputError| StreamError::Trap(error.into());
        self.0.get().flush().map_err(stop)?;
        match Stdout.write_buffers(buffers) {
            // As a program of its own would be ended by a signal.
            Err(StreamError::Io(error)) if error.kind() == io::ErrorKind::BrokenPipe => {
                Err(stop(error.into()))
            }
            result => result,
        }
    }

    fn is_interactive(&self) -> bool {
        Stdout.is_interactive()
    }
}

impl OutputStream for StderrStream {
    fn write_buffers(&mut self, buffers: &[IoSlice<'_>]) -> Result<usize, StreamError> {
        self.0.get().flush().map_err(|error| StreamError::Trap(error.into()))?;
        Stderr.write_buffers(buffers)
    }

    fn is_interactive(&self) -> bool {
        Stderr.is_interactive()
    }
}

impl Clocks for InterruptibleClocks {
    fn realtime(&mut self) -> Duration {
        self.system.realtime()
    }

    fn monotonic(&mut self) -> Duration {
        self.system.monotonic()
    }

    fn sleep(&mut self, time: Duration) -> Result<(), StreamError> {
        Ok(self.input.get().sleep(time)?)
    }
}
