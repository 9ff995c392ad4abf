//! Folders: what the guest was given, and listing.

use std::collections::BTreeSet;
use std::fs;

use strata_wasi::{Access, Dir, WasiCtx};

use crate::files::{CREATE, DIR, DIRECTORY, folder};
use crate::guest::{Guest, OUT, errno, rights};

/// An entry: cookie of the next, inode, type, name.
type Entry = (u64, u64, u8, String);

/// Lists a folder as the C library does, with a buffer of that size.
fn list(guest: &mut Guest, fd: u32, size: u32) -> Vec<Entry> {
    let mut found: Vec<Entry> = Vec::new();
    loop {
        let cookie = found.last().map_or(0, |entry| entry.0);
        guest.ok("fd_readdir", &[fd.into(), u64::from(OUT) + 16, size.into(), cookie, OUT.into()]);
        let used = guest.u32(OUT);
        let mut bytes = &guest.bytes(OUT + 16, used as usize)[..];
        let before = found.len();
        while let Some((head, rest)) = bytes.split_at_checked(24) {
            let word = |at: usize| u64::from_le_bytes(head[at..at + 8].try_into().unwrap());
            let Some((name, rest)) = rest.split_at_checked(word(16) as u32 as usize) else { break };
            assert_eq!(head[21..], [0; 3]);
            found.push((word(0), word(8), head[20], String::from_utf8(name.to_vec()).unwrap()));
            bytes = rest;
        }
        if used < size {
            return found;
        }
        assert!(found.len() > before, "the buffer is large enough for an entry");
    }
}

#[test]
fn what_was_given_has_names() {
    let host = tempfile::tempdir().unwrap();
    fs::create_dir(host.path().join("sub")).unwrap();
    let dir = Dir::from_std_file(fs::File::open(host.path().join("sub")).unwrap());
    let builder = WasiCtx::builder().preopened_dir(host.path(), "/first", Access::ReadWrite).preopened(
        dir,
        ".",
        Access::ReadOnly,
    );
    let mut guest = Guest::new(builder);
    for (fd, name) in [(3, "/first"), (4, ".")] {
        guest.ok("fd_prestat_get", &[fd, OUT.into()]);
        assert_eq!((guest.u32(OUT), guest.u32(OUT + 4)), (0, name.len() as u32));
        guest.ok("fd_prestat_dir_name", &[fd, OUT.into(), name.len() as u64]);
        assert_eq!(guest.bytes(OUT, name.len() + 1), format!("{name}\0").as_bytes());
        assert_eq!(
            guest.call("fd_prestat_dir_name", &[fd, OUT.into(), name.len() as u64 - 1]),
            errno::NAMETOOLONG
        );
        guest.set(OUT, &[0; 16]);
    }
    assert_eq!(guest.call("fd_prestat_get", &[5, OUT.into()]), errno::BADF);
    assert_eq!(guest.call("fd_prestat_dir_name", &[5, OUT.into(), 9]), errno::BADF);
    let sub = guest.open(3, "sub", DIRECTORY, rights::ALL, 0).unwrap();
    assert_eq!(guest.call("fd_prestat_get", &[sub.into(), OUT.into()]), errno::BADF);
    // Even these can be closed.
    guest.close(3);
    assert_eq!(guest.open(3, "sub", 0, 0, 0), Err(errno::BADF));
}

#[test]
fn listings_are_complete_with_any_buffer() {
    let (host, mut guest) = folder(Access::ReadWrite);
    let mut names: BTreeSet<String> = (0..50).map(|i| "n".repeat(i + 1)).collect();
    names.iter().for_each(|name| fs::write(host.path().join(name), "").unwrap());
    fs::create_dir(host.path().join("sub")).unwrap();
    names.extend([".".to_owned(), "..".to_owned(), "sub".to_owned()]);
    let fd = guest.open(DIR, ".", DIRECTORY, rights::NO_WRITING, 0).unwrap();
    for size in [24 + 50, 100, 1000, 60_000] {
        let found = list(&mut guest, fd, size);
        assert_eq!(found.len(), names.len());
        assert_eq!(found.iter().map(|entry| entry.3.clone()).collect::<BTreeSet<_>>(), names);
        for (_, _, ty, name) in &found {
            assert_eq!(*ty, if name.starts_with('n') { 4 } else { 3 }, "{name}");
        }
    }
    #[cfg(unix)]
    for (_, inode, _, name) in list(&mut guest, DIR, 1000) {
        use std::os::unix::fs::MetadataExt;
        let path = host.path().join(if name == ".." { "." } else { &name });
        assert_eq!(inode, fs::metadata(path).unwrap().ino(), "{name}: outside of it nothing is known");
    }
}

#[test]
fn tiny_buffers_and_strange_cookies() {
    let (host, mut guest) = folder(Access::ReadWrite);
    fs::write(host.path().join("file"), "").unwrap();
    let (out, dir) = (u64::from(OUT), u64::from(DIR));
    for size in [0, 1, 23, 24, 25] {
        guest.set(OUT, &[0xee; 64]);
        guest.ok("fd_readdir", &[dir, out + 16, size, 0, out]);
        assert_eq!(guest.u32(OUT), size as u32, "a full buffer tells that there is more");
        assert_eq!(guest.bytes(OUT + 16 + size as u32, 1), [0xee]);
    }
    guest.ok("fd_readdir", &[dir, out + 16, 1000, 2, out]);
    assert_eq!(guest.u32(OUT), 24 + 4);
    assert_eq!(guest.u64(OUT + 16), 3, "the cookie of what comes next");
    for cookie in [3, 4, u64::from(u32::MAX), u64::MAX] {
        guest.ok("fd_readdir", &[dir, out + 16, 1000, cookie, out]);
        assert_eq!(guest.u32(OUT), 0);
    }
    // What is removed or added meanwhile does not let entries be missed; a listing from the start tells.
    guest.ok("fd_readdir", &[dir, out + 16, 24 + 1 + 24 + 2, 0, out]);
    fs::remove_file(host.path().join("file")).unwrap();
    fs::write(host.path().join("other"), "").unwrap();
    guest.ok("fd_readdir", &[dir, out + 16, 1000, 2, out]);
    assert_eq!(guest.bytes(OUT + 16 + 24, 4), b"file");
    assert_eq!(list(&mut guest, DIR, 1000)[2].3, "other");
}

#[test]
fn folders_are_no_files() {
    let (_host, mut guest) = folder(Access::ReadWrite);
    let dir = u64::from(DIR);
    assert_eq!(guest.read(DIR, 1), Err(errno::ISDIR));
    assert_eq!(guest.write(DIR, "x"), Err(errno::BADF));
    let [list, count] = guest.parts(&[[OUT.into(), 1]]);
    assert_eq!(guest.call("fd_pread", &[dir, list, count, 0, OUT.into()]), errno::ISDIR);
    assert_eq!(guest.call("fd_pwrite", &[dir, list, count, 0, OUT.into()]), errno::BADF);
    assert_eq!(guest.seek(DIR, 0, 0), Err(errno::BADF));
    assert_eq!(guest.call("fd_tell", &[dir, OUT.into()]), errno::BADF);
    assert_eq!(guest.call("fd_filestat_set_size", &[dir, 0]), errno::BADF);
    assert_eq!(guest.call("fd_allocate", &[dir, 0, 1]), errno::BADF);
    assert_eq!(guest.call("fd_advise", &[dir, 0, 1, 0]), errno::BADF);
    guest.ok("fd_sync", &[dir]);
    guest.ok("fd_datasync", &[dir]);
    guest.ok("fd_filestat_set_times", &[dir, 5, 7, 1 | 4]);
    guest.ok("fd_filestat_get", &[dir, OUT.into()]);
    assert_eq!((guest.u64(OUT + 16), guest.u64(OUT + 40), guest.u64(OUT + 48)), (3, 5, 7));
    guest.ok("fd_fdstat_get", &[dir, OUT.into()]);
    assert_eq!(guest.bytes(OUT, 1), [3]);
    assert_eq!(guest.open(DIR, ".", 0, rights::ALL, 0), Err(errno::ISDIR), "to write to it");
    assert_eq!(guest.open(DIR, ".", DIRECTORY | CREATE, rights::READ, 0), Err(errno::INVAL));
    let file = guest.open(DIR, "file", CREATE, rights::ALL, 0).unwrap();
    assert_eq!(guest.open(DIR, "file", DIRECTORY, rights::READ, 0), Err(errno::NOTDIR));
    assert_eq!(guest.open(DIR, "file/", 0, rights::READ, 0), Err(errno::NOTDIR));
    assert_eq!(guest.open(file, "x", 0, rights::READ, 0), Err(errno::NOTDIR));
    assert_eq!(guest.path("path_create_directory", file, "x"), errno::NOTDIR);
    assert_eq!(guest.call("fd_readdir", &[file.into(), 0, 0, 0, OUT.into()]), errno::NOTDIR);
}
