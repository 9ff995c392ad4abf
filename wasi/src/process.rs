//! What a program is started with, and how it ends.

use std::fmt;

use crate::WasiCtx;
use crate::errno::{Errno, Failure, Result};
use crate::memory::Guest;

/// The program asked to end with this status. It is the source of the trap that stops the program; see
/// [`Trap::host_error`](strata::Trap::host_error).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Exit(pub i32);

impl fmt::Display for Exit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "exit {}", self.0)
    }
}

impl std::error::Error for Exit {}

/// The status of a process that a signal ended is that signal's number and this.
const KILLED: i32 = 128;

/// Arguments or variables, each with a zero byte at its end, one behind the other.
#[derive(Debug, Default)]
pub(crate) struct Strings {
    bytes: Vec<u8>,
    /// Where each begins.
    starts: Vec<usize>,
}

impl Strings {
    pub(crate) fn new(strings: impl IntoIterator<Item = Vec<u8>>) -> Strings {
        let mut all = Strings::default();
        for string in strings {
            all.starts.push(all.bytes.len());
            all.bytes.extend(string);
            all.bytes.push(0);
        }
        all
    }

    fn write_sizes(&self, guest: &mut Guest<'_>, count: u32, size: u32) -> Result<()> {
        guest.range(size, 4)?;
        guest.write_size(count, self.starts.len())?;
        guest.write_size(size, self.bytes.len())
    }

    /// Writes the bytes, and the addresses where each begins.
    fn write(&self, guest: &mut Guest<'_>, addresses: u32, at: u32) -> Result<()> {
        // All fits, or nothing is written.
        let addresses_len =
            u32::try_from(self.starts.len() * size_of::<u32>()).map_err(|_| Errno::Overflow)?;
        guest.range(addresses, addresses_len)?;
        guest.write(at, &self.bytes)?;
        for (i, &start) in (0..).zip(&self.starts) {
            guest.write_u32(addresses + i * 4, at + start as u32)?;
        }
        Ok(())
    }
}

impl WasiCtx {
    pub(crate) fn args_sizes_get(&mut self, guest: &mut Guest<'_>, count: u32, size: u32) -> Result<()> {
        self.args.write_sizes(guest, count, size)
    }

    pub(crate) fn args_get(&mut self, guest: &mut Guest<'_>, addresses: u32, at: u32) -> Result<()> {
        self.args.write(guest, addresses, at)
    }

    pub(crate) fn environ_sizes_get(&mut self, guest: &mut Guest<'_>, count: u32, size: u32) -> Result<()> {
        self.env.write_sizes(guest, count, size)
    }

    pub(crate) fn environ_get(&mut self, guest: &mut Guest<'_>, addresses: u32, at: u32) -> Result<()> {
        self.env.write(guest, addresses, at)
    }

    pub(crate) fn proc_exit(&mut self, _guest: &mut Guest<'_>, status: u32) -> Result<()> {
        Err(exit(status as i32))
    }

    /// There is nobody to handle a signal: what it does by default is done, to the whole program.
    pub(crate) fn proc_raise(&mut self, _guest: &mut Guest<'_>, signal: u32) -> Result<()> {
        match signal {
            // None, CHLD, CONT, URG, WINCH.
            0 | 16 | 17 | 22 | 27 => Ok(()),
            // STOP, TSTP, TTIN, TTOU: nobody could let it go on.
            18..=21 => Err(Errno::Notsup.into()),
            1..=30 => Err(exit(KILLED + signal as i32)),
            _ => Err(Errno::Inval.into()),
        }
    }

    pub(crate) fn sched_yield(&mut self, _guest: &mut Guest<'_>) -> Result<()> {
        std::thread::yield_now();
        Ok(())
    }
}

fn exit(status: i32) -> Failure {
    Failure::Trap(Box::new(Exit(status)))
}
