//! Standard streams, in memory and elsewhere.

use std::io::{self, Cursor, IoSliceMut, Read, Write};
use std::time::Duration;

use strata::Trap;
use strata_wasi::{InputStream, MemoryOutput, StreamError, WasiCtx};

use crate::guest::{Guest, OUT, errno, rights};

#[test]
fn streams_in_memory() {
    let (output, errors) = (MemoryOutput::new(), MemoryOutput::new());
    let builder = WasiCtx::builder().stdin(&b"one two"[..]).stdout(output.clone()).stderr(errors.clone());
    let mut guest = Guest::new(builder);
    assert_eq!(guest.read(0, 4), Ok(b"one ".to_vec()));
    assert_eq!(guest.read(0, 100), Ok(b"two".to_vec()));
    assert_eq!(guest.read(0, 100), Ok(vec![]), "the end");
    assert_eq!(guest.read(0, 100), Ok(vec![]), "which stays");
    assert_eq!(guest.write(1, "out"), Ok(3));
    assert_eq!(guest.write(2, "err"), Ok(3));
    assert_eq!(guest.write(1, "put"), Ok(3));
    assert_eq!(
        (output.contents(), output.take(), output.take()),
        (b"output".to_vec(), b"output".to_vec(), vec![])
    );
    assert_eq!(errors.take(), b"err");
    assert_eq!(guest.write(0, "x"), Err(errno::BADF));
    assert_eq!(guest.read(1, 1), Err(errno::BADF));
}

#[test]
fn parts_are_gathered_and_scattered() {
    let output = MemoryOutput::new();
    let mut guest = Guest::new(WasiCtx::builder().stdin(&b"abcdefgh"[..]).stdout(output.clone()));
    let (b, c) = (guest.put("bb"), guest.put("c"));
    let [list, count] = guest.parts(&[c, [0, 0], b, c, [4, 0], c]);
    guest.ok("fd_write", &[1, list, count, OUT.into()]);
    assert_eq!((guest.u32(OUT), output.take()), (5, b"cbbcc".to_vec()), "a part may come twice");

    let out = u64::from(OUT);
    let [list, count] = guest.parts(&[[out + 20, 2], [0, 0], [out + 10, 3]]);
    guest.ok("fd_read", &[0, list, count, out]);
    assert_eq!(
        (guest.u32(OUT), guest.bytes(OUT + 10, 3), guest.bytes(OUT + 20, 2)),
        (5, b"cde".to_vec(), b"ab".to_vec())
    );
    let [list, count] = guest.parts(&[[out + 10, 2], [out + 10, 2]]);
    guest.ok("fd_read", &[0, list, count, out]);
    assert_eq!(
        (guest.u32(OUT), guest.bytes(OUT + 10, 2)),
        (2, b"fg".to_vec()),
        "parts that overlap: a short read"
    );
    let [list, _] = guest.parts(&[[out + 10, 2]]);
    guest.ok("fd_read", &[0, list, 0, out]);
    assert_eq!((guest.u32(OUT), guest.read(0, 9)), (0, Ok(b"h".to_vec())), "no parts: nothing is read");
}

#[test]
fn huge_lists_of_parts() {
    let output = MemoryOutput::new();
    let mut guest = Guest::new(WasiCtx::builder().stdout(output.clone()));
    let part = guest.put("x");
    let [list, _] = guest.parts(&[part; 1024]);
    guest.ok("fd_write", &[1, list, 1024, OUT.into()]);
    assert_eq!((guest.u32(OUT), output.take().len()), (1024, 1024));
    for count in [1025, 1 << 29, u64::from(u32::MAX)] {
        for name in ["fd_write", "fd_read"] {
            let fd = u64::from(name == "fd_write");
            assert_eq!(guest.call(name, &[fd, list, count, OUT.into()]), errno::INVAL, "{name} {count}");
        }
    }
    // The whole memory, many times over: a short write at 2 GiB.
    let mut guest = Guest::new(WasiCtx::builder());
    let [list, count] = guest.parts(&[[0, 2 << 16]; 1024]);
    guest.ok("fd_write", &[1, list, count, OUT.into()]);
    assert_eq!(guest.u32(OUT), 1024 * (2 << 16));
}

#[test]
fn what_a_stream_is_and_is_not() {
    let mut guest = Guest::new(WasiCtx::builder());
    for fd in 0..3u64 {
        guest.ok("fd_fdstat_get", &[fd, OUT.into()]);
        let right = if fd == 0 { rights::READ } else { rights::WRITE };
        assert_eq!(guest.bytes(OUT, 1), [0], "no terminal");
        assert_eq!(guest.u64(OUT + 8) & (rights::READ | rights::WRITE | rights::SEEK | rights::TELL), right);
        guest.ok("fd_filestat_get", &[fd, OUT.into()]);
        assert_eq!((guest.u64(OUT + 16), guest.u64(OUT + 32)), (0, 0));
        assert_eq!(guest.seek(fd as u32, 0, 1), Err(errno::SPIPE));
        assert_eq!(guest.call("fd_tell", &[fd, OUT.into()]), errno::SPIPE);
        let [list, count] = guest.parts(&[]);
        assert_eq!(guest.call("fd_pread", &[fd, list, count, 0, OUT.into()]), errno::SPIPE);
        assert_eq!(guest.call("fd_pwrite", &[fd, list, count, 0, OUT.into()]), errno::SPIPE);
        assert_eq!(guest.call("fd_filestat_set_size", &[fd, 0]), errno::INVAL);
        assert_eq!(guest.call("fd_filestat_set_times", &[fd, 0, 0, 0]), errno::INVAL);
        assert_eq!(guest.call("fd_readdir", &[fd, 0, 0, 0, OUT.into()]), errno::NOTDIR);
        assert_eq!(guest.call("fd_prestat_get", &[fd, OUT.into()]), errno::BADF);
        assert_eq!(guest.call("fd_advise", &[fd, 0, 0, 0]), errno::SPIPE);
        assert_eq!(guest.call("fd_allocate", &[fd, 0, 1]), errno::SPIPE);
        assert_eq!(guest.call("fd_sync", &[fd]), if fd == 0 { errno::INVAL } else { 0 });
        guest.close(fd as u32);
        assert_eq!(guest.call("fd_close", &[fd]), errno::BADF);
        assert_eq!(guest.read(fd as u32, 1), Err(errno::BADF));
        assert_eq!(guest.write(fd as u32, "x"), Err(errno::BADF));
    }
}

#[test]
fn rights_can_be_given_up_and_not_taken_back() {
    let mut guest = Guest::new(WasiCtx::builder().stdin(&b"abc"[..]));
    guest.ok("fd_fdstat_get", &[0, OUT.into()]);
    let had = guest.u64(OUT + 8);
    assert_eq!(guest.call("fd_fdstat_set_rights", &[0, had | rights::WRITE, 0]), errno::NOTCAPABLE);
    assert_eq!(guest.call("fd_fdstat_set_rights", &[0, had, 1]), errno::NOTCAPABLE);
    guest.ok("fd_fdstat_set_rights", &[0, had & !rights::READ, 0]);
    assert_eq!(guest.read(0, 1), Err(errno::NOTCAPABLE));
    assert_eq!(guest.call("fd_fdstat_set_rights", &[0, had, 0]), errno::NOTCAPABLE);
    guest.ok("fd_fdstat_set_rights", &[1, 0, 0]);
    for (name, args) in
        [("fd_filestat_get", &[1, OUT.into()][..]), ("fd_fdstat_set_flags", &[1, 0]), ("fd_sync", &[1])]
    {
        assert_eq!(guest.call(name, args), errno::NOTCAPABLE, "{name}");
    }
}

/// Gives its bytes one at a time, after having been interrupted for each.
struct Interrupted(Cursor<&'static [u8]>, bool);

impl Read for Interrupted {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        self.1 = !self.1;
        if self.1 { Err(io::ErrorKind::Interrupted.into()) } else { self.0.read(&mut buffer[..1]) }
    }
}

/// Fails with such errors, one after the other.
struct Failing(Vec<io::ErrorKind>);

impl Write for Failing {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        self.0.pop().map_or(Ok(buffer.len()), |kind| Err(kind.into()))
    }

    fn flush(&mut self) -> io::Result<()> {
        self.0.pop().map_or(Ok(()), |kind| Err(kind.into()))
    }
}

#[test]
fn interrupted_and_failing_streams() {
    let failing = Failing(vec![
        io::ErrorKind::StorageFull,
        io::ErrorKind::BrokenPipe,
        io::ErrorKind::Interrupted,
        io::ErrorKind::StorageFull,
    ]);
    let builder = WasiCtx::builder().stdin(Interrupted(Cursor::new(b"ab"), false)).stdout(failing);
    let mut guest = Guest::new(builder);
    assert_eq!(guest.read(0, 9), Ok(b"a".to_vec()), "short, but not interrupted");
    assert_eq!(guest.read(0, 9), Ok(b"b".to_vec()));
    assert_eq!(guest.read(0, 9), Ok(vec![]));
    assert_eq!(guest.write(1, "x"), Err(errno::NOSPC));
    assert_eq!(guest.write(1, "x"), Err(errno::PIPE));
    assert_eq!(guest.call("fd_close", &[1]), errno::NOSPC, "what was held back is lost");
    assert_eq!(guest.write(1, "x"), Err(errno::BADF));
}

#[test]
fn outputs_can_be_full() {
    let output = MemoryOutput::with_limit(5);
    let mut guest = Guest::new(WasiCtx::builder().stdout(output.clone()));
    assert_eq!(guest.write(1, "abc"), Ok(3));
    assert_eq!(guest.write(1, "defg"), Ok(2));
    assert_eq!(guest.write(1, "fg"), Err(errno::NOSPC));
    assert_eq!(guest.write(1, ""), Ok(0));
    assert_eq!(output.take(), b"abcde");
    assert_eq!(guest.write(1, "fg"), Ok(2));
}

/// Somebody sits there and types nothing, until the program is stopped.
struct Silent;

impl InputStream for Silent {
    fn read_buffers(&mut self, _: &mut [IoSliceMut<'_>]) -> Result<usize, StreamError> {
        Err(StreamError::Trap("stopped while reading".into()))
    }

    fn wait(&mut self, timeout: Option<Duration>) -> Result<bool, StreamError> {
        timeout.map(|_| false).ok_or_else(|| StreamError::Trap("stopped while waiting".into()))
    }

    fn is_interactive(&self) -> bool {
        true
    }
}

#[test]
fn streams_can_stop_the_guest() {
    let mut guest = Guest::new(WasiCtx::builder().stdin(Silent));
    guest.ok("fd_fdstat_get", &[0, OUT.into()]);
    assert_eq!(guest.bytes(OUT, 1), [2], "a terminal");
    guest.ok("fd_fdstat_set_flags", &[0, 4]);
    assert_eq!(guest.read(0, 1), Err(errno::AGAIN));
    guest.ok("fd_fdstat_set_flags", &[0, 0]);
    let [list, count] = guest.parts(&[[OUT.into(), 1]]);
    let error = guest.try_call("fd_read", &[0, list, count, OUT.into()]).unwrap_err();
    assert!(Trap::of(&error).unwrap().to_string().contains("stopped while reading"));
    assert_eq!(guest.call("fd_fdstat_set_flags", &[0, 2]), errno::NOTSUP);
    assert_eq!(guest.call("fd_fdstat_set_flags", &[0, 32]), errno::INVAL);
    assert_eq!(guest.call("fd_fdstat_set_flags", &[0, 1 << 16]), errno::INVAL);
}
