//! Waiting for clocks and streams.

use std::time::Duration;

use crate::WasiCtx;
use crate::clocks::Clock;
use crate::errno::{Errno, Failure, Result};
use crate::memory::Guest;
use crate::system;
use crate::table::Kind;
use crate::types::{FileType, Rights};

/// Most subscriptions that are waited for at once.
const MAX_SUBSCRIPTIONS: u32 = 4096;
/// Bytes of a `subscription`: user's data at 0, type at 8, and at 16 a clock's number, time (at 24) and flags
/// (at 40), or a descriptor.
const SUBSCRIPTION_BYTES: u32 = 48;
/// Bytes of an `event`: user's data at 0, error at 8, type at 10, bytes that can be read at 16, flags at 24.
const EVENT_BYTES: u32 = 32;
/// The flag of a clock's subscription by which the time is one of the clock's.
const ABSOLUTE: u16 = 1;
/// How long one of several streams is waited for while the others wait for their turn.
const TURN: Duration = Duration::from_millis(5);
/// How long a file is waited for until it is asked whether the guest is to be stopped.
const FILE_TURN: Duration = Duration::from_millis(50);

/// What a guest waits for.
#[derive(Clone, Copy, Debug)]
struct Subscription {
    data: u64,
    what: What,
}

#[derive(Clone, Copy, Debug)]
enum What {
    /// Until the monotonic clock shows that.
    Time(Duration),
    Read(u32),
    Write(u32),
    /// Nothing that could happen.
    Mistake(Errno),
}

/// What has happened.
#[derive(Clone, Copy, Debug, Default)]
struct Event {
    data: u64,
    error: u16,
    ty: u8,
    available: u64,
}

impl Event {
    fn bytes(&self) -> [u8; EVENT_BYTES as usize] {
        let mut bytes = [0; EVENT_BYTES as usize];
        bytes[..8].copy_from_slice(&self.data.to_le_bytes());
        bytes[8..10].copy_from_slice(&self.error.to_le_bytes());
        bytes[10] = self.ty;
        bytes[16..24].copy_from_slice(&self.available.to_le_bytes());
        bytes
    }
}

impl WasiCtx {
    pub(crate) fn poll_oneoff(
        &mut self,
        guest: &mut Guest<'_>,
        subscriptions: u32,
        events: u32,
        count: u32,
        happened: u32,
    ) -> Result<()> {
        if count == 0 || count > MAX_SUBSCRIPTIONS {
            return Err(Errno::Inval.into());
        }
        guest.range(events, count * EVENT_BYTES)?;
        guest.range(happened, 4)?;
        guest.range(subscriptions, count * SUBSCRIPTION_BYTES)?;
        let subscriptions = (0..count).map(|i| {
            let bytes = guest.read(subscriptions + i * SUBSCRIPTION_BYTES)?;
            self.subscription(&bytes)
        });
        let subscriptions = subscriptions.collect::<Result<Vec<_>>>()?;
        let found = self.wait_for(&subscriptions)?;
        for (i, event) in (0..).zip(&found) {
            guest.write(events + i * EVENT_BYTES, &event.bytes())?;
        }
        guest.write_size(happened, found.len())
    }

    fn subscription(&mut self, bytes: &[u8; SUBSCRIPTION_BYTES as usize]) -> Result<Subscription> {
        let word = |at: usize| u64::from_le_bytes(bytes[at..at + 8].try_into().expect("eight bytes"));
        let (data, number) = (word(0), word(16) as u32);
        let what = match bytes[8] {
            0 => self.time(number, Duration::from_nanos(word(24)), word(40) as u16),
            1 => What::Read(number),
            2 => What::Write(number),
            _ => return Err(Errno::Inval.into()),
        };
        Ok(Subscription { data, what })
    }

    fn time(&mut self, clock: u32, time: Duration, flags: u16) -> What {
        let Ok(clock) = Clock::parse(clock) else { return What::Mistake(Errno::Inval) };
        if flags & !ABSOLUTE != 0 {
            return What::Mistake(Errno::Inval);
        }
        let left = if flags & ABSOLUTE == 0 { time } else { time.saturating_sub(self.now(clock)) };
        What::Time(self.clocks.monotonic().saturating_add(left))
    }

    /// Waits until something happens, and gives all that has.
    fn wait_for(&mut self, subscriptions: &[Subscription]) -> Result<Vec<Event>> {
        let deadline = subscriptions.iter().filter_map(Subscription::deadline).min();
        let fds = subscriptions.iter().filter(|subscription| subscription.deadline().is_none());
        let fds: Vec<What> = fds.map(|subscription| subscription.what).collect();
        let mut now = self.clocks.monotonic();
        let mut turn = 0;
        loop {
            let mut events = Vec::new();
            for subscription in subscriptions {
                events.extend(self.event(subscription, now)?);
            }
            if !events.is_empty() {
                return Ok(events);
            }
            let left = deadline.map(|deadline| deadline.saturating_sub(now));
            match fds.as_slice() {
                [] => {
                    let left = left.unwrap_or(Duration::MAX);
                    self.clocks.sleep(left)?;
                    // Clocks that differ from what a sleep takes would let the guest wait again for nothing.
                    now = self.clocks.monotonic().max(deadline.unwrap_or_default());
                }
                [only] => {
                    let ready = self.ready(*only, Some(left))?;
                    now = self.clocks.monotonic();
                    if let (false, Some(deadline), Some(left)) = (ready, deadline, left) {
                        // As above, if all of the time was waited for.
                        if left <= FILE_TURN || !self.is_file(*only) {
                            now = now.max(deadline);
                        }
                    }
                }
                several => {
                    let left = left.map_or(TURN, |left| left.min(TURN));
                    self.ready(several[turn % several.len()], Some(Some(left)))?;
                    turn += 1;
                    now = self.clocks.monotonic();
                }
            }
        }
    }

    /// What has happened of what was waited for.
    fn event(&mut self, subscription: &Subscription, now: Duration) -> Result<Option<Event>> {
        let event = |ty, error: Errno, available| {
            Ok(Some(Event { data: subscription.data, error: error as u16, ty, available }))
        };
        let (ty, fd) = match subscription.what {
            What::Time(deadline) if deadline <= now => return event(0, Errno::Success, 0),
            What::Time(_) => return Ok(None),
            What::Mistake(errno) => return event(0, errno, 0),
            What::Read(fd) => (1, fd),
            What::Write(fd) => (2, fd),
        };
        match self.ready(subscription.what, None) {
            Ok(true) => {
                let available = if ty == 1 { self.available(fd) } else { 0 };
                event(ty, Errno::Success, available)
            }
            Ok(false) => Ok(None),
            Err(Failure::Errno(errno)) => event(ty, errno, 0),
            Err(error) => Err(error),
        }
    }

    /// Whether a descriptor can be used without waiting; waits for that, at most as long as given or without
    /// end, if something is given.
    fn ready(&mut self, what: What, wait: Option<Option<Duration>>) -> Result<bool> {
        let (fd, writing) = match what {
            What::Read(fd) => (fd, false),
            What::Write(fd) => (fd, true),
            What::Time(_) | What::Mistake(_) => return Ok(true),
        };
        let descriptor = self.table.get_mut(fd)?;
        descriptor.require(Rights::POLL_FD_READWRITE)?;
        let timeout = wait.unwrap_or(Some(Duration::ZERO));
        match (&mut descriptor.kind, writing) {
            (Kind::Input(stream), false) => Ok(stream.wait(timeout)?),
            (Kind::Output(_), true) | (Kind::Folder(_), false) => Ok(true),
            (Kind::Input(_), true) | (Kind::Output(_), false) | (Kind::Folder(_), true) => {
                Err(Errno::Badf.into())
            }
            (Kind::File(_, FileType::RegularFile), _) => Ok(true),
            (Kind::File(file, _), _) => {
                let timeout = timeout.map_or(FILE_TURN, |timeout| timeout.min(FILE_TURN));
                let ready = system::wait_for_file(file, writing, Some(timeout))?;
                if wait.is_some() && !ready {
                    // Nothing but the clocks can tell that the guest is to be stopped.
                    self.clocks.sleep(Duration::ZERO)?;
                }
                Ok(ready)
            }
        }
    }

    fn is_file(&self, what: What) -> bool {
        let (What::Read(fd) | What::Write(fd)) = what else { return false };
        self.table.get(fd).is_ok_and(|descriptor| matches!(descriptor.kind, Kind::File(..)))
    }

    /// Bytes that can be read without waiting.
    fn available(&mut self, fd: u32) -> u64 {
        let Ok(descriptor) = self.table.get_mut(fd) else { return 0 };
        match &mut descriptor.kind {
            Kind::Input(stream) => stream.available(),
            Kind::File(file, FileType::RegularFile) => {
                let at = std::io::Seek::stream_position(file).unwrap_or(0);
                file.metadata().map_or(0, |metadata| metadata.len().saturating_sub(at))
            }
            Kind::File(file, _) => system::available(file),
            Kind::Output(_) | Kind::Folder(_) => 0,
        }
    }
}

impl Subscription {
    fn deadline(&self) -> Option<Duration> {
        match self.what {
            What::Time(deadline) => Some(deadline),
            What::Read(_) | What::Write(_) | What::Mistake(_) => None,
        }
    }
}
