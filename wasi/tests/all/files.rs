//! Open files.

use std::fs;
use std::time::{Duration, SystemTime};

use strata_wasi::{Access, WasiCtx};
use tempfile::TempDir;

use crate::guest::{Guest, OUT, errno, rights};

pub(crate) const DIR: u32 = 3;
pub(crate) const CREATE: u64 = 1;
pub(crate) const DIRECTORY: u64 = 2;
pub(crate) const EXCLUSIVE: u64 = 4;
pub(crate) const TRUNCATE: u64 = 8;
const APPEND: u64 = 1;

/// A guest that has a new folder as descriptor 3.
pub(crate) fn folder(access: Access) -> (TempDir, Guest) {
    let folder = tempfile::tempdir().unwrap();
    let builder = WasiCtx::builder().preopened_dir(folder.path(), "/sandbox", access);
    (folder, Guest::new(builder))
}

#[test]
fn files_are_written_and_read() {
    let (host, mut guest) = folder(Access::ReadWrite);
    assert_eq!(guest.open(DIR, "file", 0, rights::ALL, 0), Err(errno::NOENT));
    let fd = guest.open(DIR, "file", CREATE, rights::ALL, 0).unwrap();
    assert_eq!(fd, 4, "the smallest number that is free");
    assert_eq!(guest.write(fd, "hello world"), Ok(11));
    assert_eq!(fs::read(host.path().join("file")).unwrap(), b"hello world");
    assert_eq!(guest.read(fd, 9), Ok(vec![]), "the end");
    assert_eq!(guest.seek(fd, -5, 1), Ok(6));
    assert_eq!(guest.read(fd, 3), Ok(b"wor".to_vec()));
    assert_eq!(guest.seek(fd, 0, 0), Ok(0));
    assert_eq!(guest.seek(fd, -1, 2), Ok(10));
    assert_eq!(guest.seek(fd, 5, 2), Ok(16));
    assert_eq!(guest.write(fd, "!"), Ok(1));
    assert_eq!(fs::read(host.path().join("file")).unwrap(), b"hello world\0\0\0\0\0!");
    guest.ok("fd_tell", &[fd.into(), OUT.into()]);
    assert_eq!(guest.u64(OUT), 17);
    for (offset, whence) in [(-1, 0), (-18, 1), (-18, 2), (i64::MIN, 0), (i64::MIN, 1), (0, 3), (0, 256)] {
        assert_eq!(guest.seek(fd, offset, whence), Err(errno::INVAL), "{offset} {whence}");
    }
    assert_eq!(guest.seek(fd, 0, 1), Ok(17), "it stays where it is");
    guest.close(fd);
    assert_eq!(guest.read(fd, 1), Err(errno::BADF));
}

#[test]
fn positioned_reads_and_writes_leave_the_position() {
    let (_host, mut guest) = folder(Access::ReadWrite);
    let fd = guest.open(DIR, "file", CREATE, rights::ALL, 0).unwrap();
    guest.write(fd, "0123456789").unwrap();
    let (out, a, b) = (u64::from(OUT), guest.put("ab"), guest.put("c"));
    let [list, count] = guest.parts(&[a, b]);
    guest.ok("fd_pwrite", &[fd.into(), list, count, 4, out]);
    assert_eq!((guest.u32(OUT), guest.seek(fd, 0, 1)), (3, Ok(10)));
    let [list, count] = guest.parts(&[[out + 30, 4], [out + 20, 9]]);
    guest.ok("fd_pread", &[fd.into(), list, count, 2, out]);
    assert_eq!(
        (guest.u32(OUT), guest.bytes(OUT + 30, 4), guest.bytes(OUT + 20, 4)),
        (8, b"23ab".to_vec(), b"c789".to_vec())
    );
    guest.ok("fd_pread", &[fd.into(), list, count, 10, out]);
    assert_eq!(guest.u32(OUT), 0);
    for name in ["fd_pread", "fd_pwrite"] {
        assert_eq!(guest.call(name, &[fd.into(), list, count, 1 << 63, out]), errno::INVAL);
        assert_eq!(guest.call(name, &[fd.into(), list, 0, 0, out]), 0);
        assert_eq!(guest.u32(OUT), 0);
    }
    assert_eq!(guest.seek(fd, 0, 1), Ok(10));
}

#[test]
fn rights_decide_what_a_file_is_opened_for() {
    let (host, mut guest) = folder(Access::ReadWrite);
    fs::write(host.path().join("file"), "abc").unwrap();
    let read = guest.open(DIR, "file", 0, rights::NO_WRITING, 0).unwrap();
    assert_eq!(guest.read(read, 9), Ok(b"abc".to_vec()));
    assert_eq!(guest.write(read, "x"), Err(errno::NOTCAPABLE));
    assert_eq!(guest.call("fd_filestat_set_size", &[read.into(), 1]), errno::NOTCAPABLE);
    assert_eq!(guest.call("fd_allocate", &[read.into(), 0, 1]), errno::NOTCAPABLE);
    let write = guest.open(DIR, "file", 0, rights::WRITE, 0).unwrap();
    assert_eq!(guest.read(write, 9), Err(errno::NOTCAPABLE));
    assert_eq!(guest.seek(write, 1, 0), Err(errno::NOTCAPABLE));
    assert_eq!(guest.seek(write, 0, 1), Err(errno::NOTCAPABLE));
    assert_eq!(guest.write(write, "x"), Ok(1));
    let none = guest.open(DIR, "file", 0, 0, 0).unwrap();
    assert_eq!(
        (guest.read(none, 1), guest.write(none, "x")),
        (Err(errno::NOTCAPABLE), Err(errno::NOTCAPABLE))
    );

    // What a folder has given up, nothing below it gets.
    guest.ok("fd_fdstat_get", &[DIR.into(), OUT.into()]);
    let (own, passed_on) = (guest.u64(OUT + 8), guest.u64(OUT + 16));
    guest.ok("fd_fdstat_set_rights", &[DIR.into(), own, passed_on & !rights::WRITE]);
    assert_eq!(guest.open(DIR, "file", 0, rights::ALL, 0), Err(errno::NOTCAPABLE));
    assert!(guest.open(DIR, "file", 0, rights::NO_WRITING & passed_on, 0).is_ok());
    guest.ok("fd_fdstat_set_rights", &[DIR.into(), own & !(1 << 13), 0]);
    assert_eq!(guest.open(DIR, "file", 0, 0, 0), Err(errno::NOTCAPABLE));
    assert_eq!(guest.path("path_create_directory", DIR, "sub"), 0);
}

#[test]
fn files_are_created_truncated_and_appended_to() {
    let (host, mut guest) = folder(Access::ReadWrite);
    let content = |name: &str| fs::read_to_string(host.path().join(name)).unwrap();
    fs::write(host.path().join("file"), "abc").unwrap();
    assert_eq!(guest.open(DIR, "file", CREATE | EXCLUSIVE, rights::ALL, 0), Err(errno::EXIST));
    let fd = guest.open(DIR, "file", CREATE, rights::ALL, 0).unwrap();
    assert_eq!(guest.read(fd, 9), Ok(b"abc".to_vec()));
    let append = guest.open(DIR, "file", 0, rights::ALL, APPEND).unwrap();
    guest.ok("fd_fdstat_get", &[append.into(), OUT.into()]);
    assert_eq!(guest.bytes(OUT, 4), [4, 0, 1, 0], "a file that appends");
    guest.seek(append, 0, 0).unwrap();
    assert_eq!(guest.write(append, "d"), Ok(1));
    guest.seek(append, 0, 0).unwrap();
    assert_eq!(guest.write(append, "e"), Ok(1));
    assert_eq!(content("file"), "abcde");
    // No longer, and again.
    guest.ok("fd_fdstat_set_flags", &[append.into(), 0]);
    guest.seek(append, 0, 0).unwrap();
    assert_eq!(guest.write(append, "A"), Ok(1));
    guest.ok("fd_fdstat_set_flags", &[append.into(), APPEND]);
    assert_eq!(guest.write(append, "f"), Ok(1));
    assert_eq!(content("file"), "Abcdef");
    assert_eq!(guest.call("fd_fdstat_set_flags", &[append.into(), APPEND | 16]), errno::NOTSUP);
    for fdflags in [0, APPEND] {
        fs::write(host.path().join("file"), "abc").unwrap();
        let fd = guest.open(DIR, "file", TRUNCATE | CREATE, rights::ALL, fdflags).unwrap();
        assert_eq!(guest.write(fd, "z"), Ok(1));
        assert_eq!(content("file"), "z");
    }
    // POSIX lets a file be created to be read.
    let fd = guest.open(DIR, "new", CREATE | EXCLUSIVE, rights::NO_WRITING, 0).unwrap();
    assert_eq!((guest.read(fd, 1), content("new")), (Ok(vec![]), String::new()));
    let synchronous = guest.open(DIR, "new", 0, rights::ALL, 2 | 16).unwrap();
    assert_eq!(guest.write(synchronous, "x"), Ok(1));
    assert_eq!(guest.open(DIR, "new", 16, rights::ALL, 0), Err(errno::INVAL));
    assert_eq!(guest.open(DIR, "new", 0, rights::ALL, 32), Err(errno::INVAL));
}

#[test]
fn sizes_and_times() {
    let (host, mut guest) = folder(Access::ReadWrite);
    let fd = u64::from(guest.open(DIR, "file", CREATE, rights::ALL, 0).unwrap());
    guest.write(fd as u32, "abc").unwrap();
    guest.ok("fd_filestat_set_size", &[fd, 5]);
    assert_eq!(fs::read(host.path().join("file")).unwrap(), b"abc\0\0");
    guest.ok("fd_filestat_set_size", &[fd, 1]);
    assert_eq!(guest.call("fd_filestat_set_size", &[fd, 1 << 63]), errno::INVAL);
    if cfg!(target_os = "linux") {
        guest.ok("fd_allocate", &[fd, 10, 90]);
        guest.ok("fd_filestat_get", &[fd, OUT.into()]);
        assert_eq!(guest.u64(OUT + 32), 100);
    }
    assert_eq!(guest.call("fd_allocate", &[fd, 0, 0]), errno::INVAL);
    assert_eq!(guest.call("fd_allocate", &[fd, i64::MAX as u64, 1]), errno::FBIG);
    for advice in 0..6 {
        guest.ok("fd_advise", &[fd, 0, 10, advice]);
    }
    assert_eq!(guest.call("fd_advise", &[fd, 0, 10, 6]), errno::INVAL);
    assert_eq!(guest.call("fd_advise", &[fd, 1 << 63, 10, 0]), errno::INVAL);
    guest.ok("fd_sync", &[fd]);
    guest.ok("fd_datasync", &[fd]);

    let (access, modification) = (1_000_000_007, 2_000_000_000_000_000_009);
    guest.ok("fd_filestat_set_times", &[fd, access, modification, 1 | 4]);
    guest.ok("fd_filestat_get", &[fd, OUT.into()]);
    assert_eq!((guest.u64(OUT + 40), guest.u64(OUT + 48)), (access, modification));
    assert_eq!((guest.bytes(OUT + 16, 8), guest.u64(OUT + 24)), (vec![4, 0, 0, 0, 0, 0, 0, 0], 1));
    let metadata = fs::metadata(host.path().join("file")).unwrap();
    assert_eq!(metadata.modified().unwrap(), SystemTime::UNIX_EPOCH + Duration::from_nanos(modification));
    #[cfg(unix)]
    {
        use std::os::unix::fs::MetadataExt;
        assert_eq!((guest.u64(OUT), guest.u64(OUT + 8)), (metadata.dev(), metadata.ino()));
        assert_eq!(guest.u64(OUT + 56), (metadata.ctime() * 1_000_000_000 + metadata.ctime_nsec()) as u64);
    }
    guest.ok("fd_filestat_set_times", &[fd, 0, 0, 8]);
    guest.ok("fd_filestat_get", &[fd, OUT.into()]);
    assert_eq!(guest.u64(OUT + 40), access, "left alone");
    assert!(guest.u64(OUT + 48) < modification && guest.u64(OUT + 48) > 1_600_000_000_000_000_000, "now");
    for flags in [3, 12, 16, 1 << 16] {
        assert_eq!(guest.call("fd_filestat_set_times", &[fd, 0, 0, flags]), errno::INVAL);
    }
}

#[test]
fn renumbering() {
    let (_host, mut guest) = folder(Access::ReadWrite);
    let a = guest.open(DIR, "a", CREATE, rights::ALL, 0).unwrap();
    let b = guest.open(DIR, "b", CREATE, rights::ALL, 0).unwrap();
    guest.write(a, "from a").unwrap();
    guest.ok("fd_renumber", &[a.into(), b.into()]);
    assert_eq!(guest.seek(b, 0, 0), Ok(0));
    assert_eq!(guest.read(b, 9), Ok(b"from a".to_vec()));
    assert_eq!(guest.read(a, 9), Err(errno::BADF));
    guest.ok("fd_renumber", &[b.into(), b.into()]);
    for (from, to) in [(a, b), (b, a), (99, 99), (b, u32::MAX)] {
        assert_eq!(guest.call("fd_renumber", &[from.into(), to.into()]), errno::BADF);
    }
    assert_eq!(guest.open(DIR, "c", CREATE, rights::ALL, 0), Ok(a), "the number is free again");
    guest.ok("fd_renumber", &[a.into(), 1]);
    assert_eq!(guest.write(1, "as standard output"), Ok(18));
}

#[test]
fn descriptors_run_out() {
    let host = tempfile::tempdir().unwrap();
    let builder = WasiCtx::builder().preopened_dir(host.path(), ".", Access::ReadWrite).max_descriptors(5);
    let mut guest = Guest::new(builder);
    let fd = guest.open(DIR, "a", CREATE, rights::ALL, 0).unwrap();
    assert_eq!(guest.open(DIR, "b", CREATE, rights::ALL, 0), Err(errno::MFILE));
    assert!(!host.path().join("b").exists(), "nothing is made that cannot be opened");
    guest.close(fd);
    assert_eq!(guest.open(DIR, "b", CREATE, rights::ALL, 0), Ok(fd));
}

#[cfg(target_os = "linux")]
#[test]
fn devices_and_pipes() {
    let builder = WasiCtx::builder().preopened_dir("/dev", "/dev", Access::ReadWrite);
    let mut guest = Guest::new(builder);
    if let Ok(full) = guest.open(DIR, "full", 0, rights::ALL, 0) {
        assert_eq!(guest.write(full, "x"), Err(errno::NOSPC));
        assert_eq!(guest.read(full, 3), Ok(vec![0; 3]));
        guest.ok("fd_fdstat_get", &[full.into(), OUT.into()]);
        assert_eq!(
            (guest.bytes(OUT, 1), guest.u64(OUT + 8) & rights::SEEK),
            (vec![2], rights::SEEK),
            "no terminal"
        );
    }

    let (host, mut guest) = folder(Access::ReadWrite);
    let pipe = host.path().join("pipe");
    assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let fd = guest.open(DIR, "pipe", 0, rights::READ | 1 << 27, 4).unwrap();
    let mut other = fs::OpenOptions::new().write(true).open(&pipe).unwrap();
    assert_eq!(guest.read(fd, 9), Err(errno::AGAIN));
    let writer = std::thread::spawn(move || {
        std::thread::sleep(Duration::from_millis(120));
        std::io::Write::write_all(&mut other, b"abc").unwrap();
        other
    });
    // Waits without end for the pipe.
    let subscription: Vec<u8> =
        [7, 1, u64::from(fd), 0, 0, 0].iter().flat_map(|word: &u64| word.to_le_bytes()).collect();
    let [at, _] = guest.put(subscription);
    guest.ok("poll_oneoff", &[at, u64::from(OUT) + 16, 1, OUT.into()]);
    assert_eq!((guest.u32(OUT), guest.u64(OUT + 16), guest.bytes(OUT + 24, 3)), (1, 7, vec![0, 0, 1]));
    assert_eq!(guest.u64(OUT + 32), 3, "bytes that are there");
    assert_eq!(guest.read(fd, 9), Ok(b"abc".to_vec()));
    drop(writer.join().unwrap());
    assert_eq!(guest.read(fd, 9), Ok(vec![]));
    assert_eq!(guest.seek(fd, 0, 1), Err(errno::NOTCAPABLE), "not asked for");
}
