//! Clocks, and waiting for them and for streams.

use std::io::{Cursor, IoSliceMut};
use std::time::{Duration, Instant, SystemTime};

use strata_wasi::{InputStream, StreamError, VirtualClocks, WasiCtx};

use crate::guest::{Guest, OUT, errno};

const CLOCK: u8 = 0;
const READ: u8 = 1;
const WRITE: u8 = 2;
const ABSOLUTE: u64 = 1;

fn now(guest: &mut Guest, clock: u64) -> u64 {
    guest.ok("clock_time_get", &[clock, 0, OUT.into()]);
    guest.u64(OUT)
}

/// A subscription: user's data, type, and its words.
fn subscription(data: u64, ty: u8, words: [u64; 4]) -> Vec<u8> {
    let head = [data, ty.into()];
    head.iter().chain(&words).flat_map(|word| word.to_le_bytes()).collect()
}

fn timeout(data: u64, clock: u64, nanoseconds: u64, flags: u64) -> Vec<u8> {
    subscription(data, CLOCK, [clock, nanoseconds, 0, flags])
}

/// Polls; user's data, error, type and bytes of every event.
fn poll(guest: &mut Guest, subscriptions: &[Vec<u8>]) -> Result<Vec<(u64, u8, u8, u64)>, i32> {
    let [at, _] = guest.put(subscriptions.concat());
    let out = u64::from(OUT);
    match guest.call("poll_oneoff", &[at, out + 16, subscriptions.len() as u64, out]) {
        0 => Ok((0..guest.u32(OUT))
            .map(|i| {
                let at = OUT + 16 + i * 32;
                let event = guest.bytes(at, 32);
                assert_eq!((event[9], &event[11..16], &event[24..]), (0, &[0; 5][..], &[0; 8][..]));
                (guest.u64(at), event[8], event[10], guest.u64(at + 16))
            })
            .collect()),
        errno => Err(errno),
    }
}

#[test]
fn clocks_tell_the_time() {
    let mut guest = Guest::new(WasiCtx::builder());
    let host = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap().as_nanos() as u64;
    let told = now(&mut guest, 0);
    assert!(told >= host && told < host + 60_000_000_000);
    for clock in 1..4 {
        let first = now(&mut guest, clock);
        std::thread::sleep(Duration::from_millis(2));
        let passed = now(&mut guest, clock) - first;
        assert!((2_000_000..60_000_000_000).contains(&passed), "{passed}");
    }
    for clock in 0..4 {
        guest.ok("clock_res_get", &[clock, OUT.into()]);
        assert_eq!(guest.u64(OUT), 1);
    }
    assert_eq!(guest.call("clock_time_get", &[4, 0, OUT.into()]), errno::INVAL);
    assert_eq!(guest.call("clock_res_get", &[u64::from(u32::MAX), OUT.into()]), errno::INVAL);
}

#[test]
fn virtual_clocks_depend_on_the_guest_alone() {
    let mut guest = Guest::new(WasiCtx::builder().clocks(VirtualClocks::new(Duration::from_secs(1000))));
    assert_eq!((now(&mut guest, 0), now(&mut guest, 0)), (1_000_000_002_000, 1_000_000_003_000));
    let before = now(&mut guest, 1);
    assert_eq!(poll(&mut guest, &[timeout(1, 1, 3_600_000_000_000, 0)]), Ok(vec![(1, 0, CLOCK, 0)]));
    let passed = now(&mut guest, 1) - before;
    assert!((3_600_000_000_000..3_600_001_000_000).contains(&passed), "{passed}");
    guest.ok("clock_res_get", &[0, OUT.into()]);
    assert_eq!(guest.u64(OUT), 1000);
}

#[test]
fn sleeps_take_as_long_as_asked() {
    let mut guest = Guest::new(WasiCtx::builder());
    let real = now(&mut guest, 0);
    let monotonic = now(&mut guest, 1);
    for (clock, time, flags) in [
        (0, 20_000_000, 0),
        (1, 20_000_000, 0),
        (0, real + 60_000_000, ABSOLUTE),
        (1, monotonic + 80_000_000, ABSOLUTE),
    ] {
        assert_eq!(poll(&mut guest, &[timeout(5, clock, time, flags)]), Ok(vec![(5, 0, CLOCK, 0)]));
    }
    let passed = now(&mut guest, 1) - monotonic;
    assert!((80_000_000..10_000_000_000).contains(&passed), "{passed}");
    // The earliest counts, those at the same time come together, what is past has come.
    let found = poll(
        &mut guest,
        &[timeout(1, 1, 3_600_000_000_000, 0), timeout(2, 1, 1_000_000, 0), timeout(3, 0, 1, ABSOLUTE)],
    );
    assert_eq!(found, Ok(vec![(3, 0, CLOCK, 0)]));
    let found = poll(&mut guest, &[timeout(1, 1, u64::MAX, 0), timeout(2, 1, 1_000_000, 0)]);
    assert_eq!(found, Ok(vec![(2, 0, CLOCK, 0)]));
}

#[test]
fn streams_in_memory_are_ready() {
    let mut guest = Guest::new(WasiCtx::builder().stdin(Cursor::new(b"abc")));
    let fd = |data, ty, fd| subscription(data, ty, [fd, 0, 0, 0]);
    let found = poll(&mut guest, &[timeout(1, 1, u64::MAX, 0), fd(2, READ, 0), fd(3, WRITE, 1)]);
    assert_eq!(found, Ok(vec![(2, 0, READ, 0), (3, 0, WRITE, 0)]));
    let found = poll(&mut guest, &[fd(1, WRITE, 0), fd(2, READ, 1), fd(3, READ, 99), timeout(4, 9, 0, 0)]);
    let (badf, inval) = (errno::BADF as u8, errno::INVAL as u8);
    assert_eq!(
        found,
        Ok(vec![(1, badf, WRITE, 0), (2, badf, READ, 0), (3, badf, READ, 0), (4, inval, CLOCK, 0)])
    );
    assert_eq!(poll(&mut guest, &[]), Err(errno::INVAL));
    assert_eq!(poll(&mut guest, &[subscription(0, 3, [0; 4])]), Err(errno::INVAL));
    assert_eq!(poll(&mut guest, &[timeout(4, 1, 0, 2)]), Ok(vec![(4, inval, CLOCK, 0)]));
    assert_eq!(guest.call("poll_oneoff", &[0, OUT.into(), 4097, OUT.into()]), errno::INVAL);
}

/// Something arrives after a while.
struct Late(Instant);

impl InputStream for Late {
    fn read_buffers(&mut self, buffers: &mut [IoSliceMut<'_>]) -> Result<usize, StreamError> {
        buffers[0][0] = b'!';
        Ok(1)
    }

    fn wait(&mut self, timeout: Option<Duration>) -> Result<bool, StreamError> {
        let left = self.0.saturating_duration_since(Instant::now());
        std::thread::sleep(timeout.map_or(left, |timeout| timeout.min(left)));
        Ok(self.0 <= Instant::now())
    }

    fn available(&mut self) -> u64 {
        1
    }
}

#[test]
fn clocks_and_streams_together() {
    let builder = WasiCtx::builder().stdin(Late(Instant::now() + Duration::from_millis(150)));
    let mut guest = Guest::new(builder);
    let read = |data| subscription(data, READ, [0; 4]);
    let short = timeout(1, 1, 10_000_000, 0);
    assert_eq!(poll(&mut guest, &[read(2), short.clone()]), Ok(vec![(1, 0, CLOCK, 0)]));
    assert_eq!(poll(&mut guest, &[read(2), short, read(3)]), Ok(vec![(1, 0, CLOCK, 0)]));
    assert_eq!(
        poll(&mut guest, &[timeout(1, 1, 60_000_000_000, 0), read(2), read(3)]),
        Ok(vec![(2, 0, READ, 1), (3, 0, READ, 1)])
    );
    assert_eq!(poll(&mut guest, &[read(2)]), Ok(vec![(2, 0, READ, 1)]));
}
