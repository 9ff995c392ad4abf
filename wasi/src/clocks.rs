//! Clocks, and waiting for them.

use std::time::{Duration, Instant, SystemTime};

use crate::WasiCtx;
use crate::errno::{Errno, Result};
use crate::memory::Guest;
use crate::streams::StreamError;
use crate::types::timestamp;

/// What a guest takes the time from.
pub trait Clocks: Send {
    /// Time since the beginning of 1970, in UTC.
    fn realtime(&mut self) -> Duration;

    /// Time since any moment, that never goes back.
    fn monotonic(&mut self) -> Duration;

    /// The least that two readings differ by, but for equal ones.
    fn resolution(&self) -> Duration {
        Duration::from_nanos(1)
    }

    /// Waits that long.
    ///
    /// # Errors
    ///
    /// When the wait is not to go on.
    fn sleep(&mut self, time: Duration) -> std::result::Result<(), StreamError>;
}

/// The clocks of the host.
#[derive(Clone, Copy, Debug)]
pub struct SystemClocks {
    started: Instant,
}

impl Default for SystemClocks {
    fn default() -> SystemClocks {
        SystemClocks { started: Instant::now() }
    }
}

impl Clocks for SystemClocks {
    fn realtime(&mut self) -> Duration {
        SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default()
    }

    fn monotonic(&mut self) -> Duration {
        self.started.elapsed()
    }

    fn sleep(&mut self, time: Duration) -> std::result::Result<(), StreamError> {
        std::thread::sleep(time);
        Ok(())
    }
}

/// Clocks that depend on nothing but what the guest does: they begin where they are told, go on by a
/// microsecond with every reading, and a guest that sleeps is woken at once and finds that the time has
/// passed.
///
/// ```
/// # use std::time::Duration;
/// # use strata_wasi::{Clocks, VirtualClocks};
/// let mut clocks = VirtualClocks::new(Duration::from_secs(1_000_000_000));
/// assert_eq!(clocks.realtime().as_secs(), 1_000_000_000);
/// clocks.sleep(Duration::from_secs(3600)).unwrap();
/// assert_eq!(clocks.realtime().as_secs(), 1_000_003_600);
/// ```
#[derive(Clone, Copy, Debug)]
pub struct VirtualClocks {
    began: Duration,
    passed: Duration,
}

impl VirtualClocks {
    /// They begin at that time since 1970.
    pub fn new(realtime: Duration) -> VirtualClocks {
        VirtualClocks { began: realtime, passed: Duration::ZERO }
    }
}

impl Clocks for VirtualClocks {
    fn realtime(&mut self) -> Duration {
        self.began.saturating_add(self.monotonic())
    }

    fn monotonic(&mut self) -> Duration {
        self.passed = self.passed.saturating_add(Duration::from_micros(1));
        self.passed
    }

    fn resolution(&self) -> Duration {
        Duration::from_micros(1)
    }

    fn sleep(&mut self, time: Duration) -> std::result::Result<(), StreamError> {
        self.passed = self.passed.saturating_add(time);
        Ok(())
    }
}

/// A clock of the specification.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Clock {
    Realtime,
    Monotonic,
    /// Time of the processor that the guest took. It gets the time since its context was built: that of the
    /// host's process is not the guest's, nor its business.
    Cpu,
}

impl Clock {
    pub(crate) fn parse(id: u32) -> Result<Clock> {
        match id {
            0 => Ok(Clock::Realtime),
            1 => Ok(Clock::Monotonic),
            2 | 3 => Ok(Clock::Cpu),
            _ => Err(Errno::Inval.into()),
        }
    }
}

impl WasiCtx {
    pub(crate) fn now(&mut self, clock: Clock) -> Duration {
        match clock {
            Clock::Realtime => self.clocks.realtime(),
            Clock::Monotonic => self.clocks.monotonic(),
            Clock::Cpu => {
                let now = self.clocks.monotonic();
                now.saturating_sub(self.started)
            }
        }
    }

    pub(crate) fn clock_res_get(&mut self, guest: &mut Guest<'_>, id: u32, resolution: u32) -> Result<()> {
        Clock::parse(id)?;
        guest.write_u64(resolution, timestamp(self.clocks.resolution()))
    }

    /// The precision that the guest could do with is more than it gets.
    pub(crate) fn clock_time_get(
        &mut self,
        guest: &mut Guest<'_>,
        id: u32,
        _precision: u64,
        time: u32,
    ) -> Result<()> {
        let clock = Clock::parse(id)?;
        guest.write_u64(time, timestamp(self.now(clock)))
    }
}
