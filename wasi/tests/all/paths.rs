//! Functions of paths.

use std::fs;

use strata_wasi::{Access, WasiCtx};

use crate::files::{CREATE, DIR, DIRECTORY, TRUNCATE, folder};
use crate::guest::{Guest, OUT, errno, rights};

const FOLLOW: u64 = 1;
const NO_FOLLOW: u64 = 0;

fn rename(guest: &mut Guest, (from, old): (u32, &str), (to, new): (u32, &str)) -> i32 {
    let ([old, old_len], [new, new_len]) = (guest.put(old), guest.put(new));
    guest.call("path_rename", &[from.into(), old, old_len, to.into(), new, new_len])
}

fn link(guest: &mut Guest, lookup: u64, (from, old): (u32, &str), (to, new): (u32, &str)) -> i32 {
    let ([old, old_len], [new, new_len]) = (guest.put(old), guest.put(new));
    guest.call("path_link", &[from.into(), lookup, old, old_len, to.into(), new, new_len])
}

fn symlink(guest: &mut Guest, target: &str, path: &str) -> i32 {
    let ([target, target_len], [path, len]) = (guest.put(target), guest.put(path));
    guest.call("path_symlink", &[target, target_len, DIR.into(), path, len])
}

fn readlink(guest: &mut Guest, path: &str, room: u64) -> Result<String, i32> {
    let [path, len] = guest.put(path);
    match guest.call("path_readlink", &[DIR.into(), path, len, u64::from(OUT) + 16, room, OUT.into()]) {
        0 => Ok(String::from_utf8(guest.bytes(OUT + 16, guest.u32(OUT) as usize)).unwrap()),
        errno => Err(errno),
    }
}

/// Type and size.
fn stat(guest: &mut Guest, lookup: u64, path: &str) -> Result<(u64, u64), i32> {
    let [path, len] = guest.put(path);
    match guest.call("path_filestat_get", &[DIR.into(), lookup, path, len, OUT.into()]) {
        0 => Ok((guest.u64(OUT + 16), guest.u64(OUT + 32))),
        errno => Err(errno),
    }
}

#[test]
fn folders_are_made_and_removed() {
    let (host, mut guest) = folder(Access::ReadWrite);
    guest.ok("sched_yield", &[]);
    assert_eq!(guest.path("path_create_directory", DIR, "a"), 0);
    assert_eq!(guest.path("path_create_directory", DIR, "a"), errno::EXIST);
    assert_eq!(guest.path("path_create_directory", DIR, "a/b/c"), errno::NOENT);
    assert_eq!(guest.path("path_create_directory", DIR, "a/b/"), 0);
    assert!(host.path().join("a/b").is_dir());
    fs::write(host.path().join("a/file"), "").unwrap();
    assert_eq!(guest.path("path_remove_directory", DIR, "a"), errno::NOTEMPTY);
    assert_eq!(guest.path("path_remove_directory", DIR, "a/file"), errno::NOTDIR);
    assert_eq!(guest.path("path_remove_directory", DIR, "a/none"), errno::NOENT);
    let unlinked = guest.path("path_unlink_file", DIR, "a/b");
    assert!([errno::ISDIR, errno::PERM].contains(&unlinked), "{unlinked}");
    assert_eq!(guest.path("path_unlink_file", DIR, "a/file/"), errno::NOTDIR);
    assert_eq!(guest.path("path_unlink_file", DIR, "a/file"), 0);
    assert_eq!(guest.path("path_unlink_file", DIR, "a/file"), errno::NOENT);
    // Through a descriptor of its own, and while it is open.
    let a = guest.open(DIR, "a", DIRECTORY, rights::ALL, 0).unwrap();
    assert_eq!(guest.path("path_remove_directory", a, "b"), 0);
    assert_eq!(guest.path("path_remove_directory", DIR, "a/"), 0);
    assert_eq!(guest.path("path_create_directory", a, "b"), errno::NOENT);
    assert!(!host.path().join("a").exists());
}

#[test]
fn renaming_within_and_across() {
    let (one, two) = (tempfile::tempdir().unwrap(), tempfile::tempdir().unwrap());
    let builder = WasiCtx::builder().preopened_dir(one.path(), "/one", Access::ReadWrite).preopened_dir(
        two.path(),
        "/two",
        Access::ReadWrite,
    );
    let mut guest = Guest::new(builder);
    fs::write(one.path().join("file"), "content").unwrap();
    fs::create_dir(one.path().join("sub")).unwrap();
    assert_eq!(rename(&mut guest, (3, "file"), (3, "sub/moved")), 0);
    assert_eq!(rename(&mut guest, (3, "file"), (3, "again")), errno::NOENT);
    assert_eq!(rename(&mut guest, (3, "sub/moved"), (4, "here")), 0);
    assert_eq!(fs::read_to_string(two.path().join("here")).unwrap(), "content");
    fs::write(one.path().join("other"), "new").unwrap();
    assert_eq!(rename(&mut guest, (3, "other"), (4, "here")), 0, "in place of another");
    assert_eq!(fs::read_to_string(two.path().join("here")).unwrap(), "new");
    assert_eq!(rename(&mut guest, (4, "here"), (3, "sub")), errno::ISDIR);
    assert_eq!(rename(&mut guest, (3, "sub"), (4, "here")), errno::NOTDIR);
    assert_eq!(rename(&mut guest, (3, "sub"), (3, "sub/below")), errno::INVAL);
    fs::create_dir(two.path().join("full")).unwrap();
    fs::write(two.path().join("full/file"), "").unwrap();
    assert_eq!(rename(&mut guest, (3, "sub"), (4, "full")), errno::NOTEMPTY);
    assert_eq!(rename(&mut guest, (4, "here/"), (4, "there")), errno::NOTDIR);

    assert_eq!(link(&mut guest, NO_FOLLOW, (4, "here"), (3, "linked")), 0);
    assert_eq!(link(&mut guest, NO_FOLLOW, (4, "here"), (3, "linked")), errno::EXIST);
    assert_eq!(link(&mut guest, NO_FOLLOW, (4, "none"), (3, "x")), errno::NOENT);
    assert_eq!(link(&mut guest, NO_FOLLOW, (4, "here"), (3, "x/")), errno::NOENT);
    assert_eq!(link(&mut guest, NO_FOLLOW, (4, "full"), (3, "x")), errno::PERM, "folders have one name");
    fs::write(two.path().join("here"), "both").unwrap();
    assert_eq!(fs::read_to_string(one.path().join("linked")).unwrap(), "both");
    assert_eq!(guest.path("path_unlink_file", 4, "here"), 0);
    assert_eq!(fs::read_to_string(one.path().join("linked")).unwrap(), "both");
}

#[cfg(unix)]
#[test]
fn symbolic_links() {
    let (host, mut guest) = folder(Access::ReadWrite);
    fs::write(host.path().join("file"), "abc").unwrap();
    assert_eq!(symlink(&mut guest, "file", "link"), 0);
    assert_eq!(symlink(&mut guest, "file", "link"), errno::EXIST);
    assert_eq!(symlink(&mut guest, "file", "slash/"), errno::NOENT);
    assert_eq!(symlink(&mut guest, "", "empty"), errno::NOENT);
    assert_eq!(readlink(&mut guest, "link", 100), Ok("file".to_owned()));
    assert_eq!(readlink(&mut guest, "link", 2), Ok("fi".to_owned()), "as much as fits");
    assert_eq!(readlink(&mut guest, "link", 0), Ok(String::new()));
    assert_eq!(readlink(&mut guest, "file", 100), Err(errno::INVAL));
    assert_eq!(readlink(&mut guest, "none", 100), Err(errno::NOENT));
    assert_eq!(stat(&mut guest, FOLLOW, "link"), Ok((4, 3)));
    assert_eq!(stat(&mut guest, NO_FOLLOW, "link"), Ok((7, 4)));
    assert_eq!(stat(&mut guest, 2, "link"), Err(errno::INVAL));
    assert_eq!(stat(&mut guest, FOLLOW, "."), stat(&mut guest, NO_FOLLOW, "./"));
    let fd = guest.open(DIR, "link", 0, rights::READ, 0).unwrap();
    assert_eq!(guest.read(fd, 9), Ok(b"abc".to_vec()));
    let [path, len] = guest.put("link");
    let args = [DIR.into(), NO_FOLLOW, path, len, 0, rights::READ, 0, 0, OUT.into()];
    assert_eq!(guest.call("path_open", &args), errno::LOOP);
    // The times of either.
    for (lookup, time) in [(FOLLOW, 7), (NO_FOLLOW, 9)] {
        guest.ok("path_filestat_set_times", &[DIR.into(), lookup, path, len, time, time, 1 | 4]);
    }
    for (lookup, time) in [(FOLLOW, 7), (NO_FOLLOW, 9)] {
        guest.ok("path_filestat_get", &[DIR.into(), lookup, path, len, OUT.into()]);
        assert_eq!(guest.u64(OUT + 48), time);
    }
    // Another name of the link, or of what it leads to.
    assert_eq!(link(&mut guest, NO_FOLLOW, (DIR, "link"), (DIR, "link2")), 0);
    assert_eq!(stat(&mut guest, NO_FOLLOW, "link2"), Ok((7, 4)));
    assert_eq!(link(&mut guest, FOLLOW, (DIR, "link"), (DIR, "file2")), 0);
    assert_eq!(stat(&mut guest, NO_FOLLOW, "file2"), Ok((4, 3)));
    assert_eq!(symlink(&mut guest, "loop", "loop"), 0);
    assert_eq!(stat(&mut guest, FOLLOW, "loop"), Err(errno::LOOP));
    assert_eq!(guest.path("path_unlink_file", DIR, "link"), 0);
    assert!(host.path().join("file").exists(), "the link is gone, not what it led to");
}

#[test]
fn paths_that_are_none() {
    let (_host, mut guest) = folder(Access::ReadWrite);
    let long = "x/".repeat(3000);
    for (path, wanted) in [
        ("", errno::NOENT),
        ("a\0b", errno::INVAL),
        (&long, errno::NAMETOOLONG),
        (&"n".repeat(300), errno::NAMETOOLONG),
    ] {
        for name in ["path_create_directory", "path_remove_directory", "path_unlink_file"] {
            assert_eq!(guest.path(name, DIR, path), wanted, "{name} {path:?}");
        }
        assert_eq!(guest.open(DIR, path, CREATE, rights::ALL, 0), Err(wanted), "{path:?}");
        assert_eq!(stat(&mut guest, FOLLOW, path), Err(wanted), "{path:?}");
        assert_eq!(rename(&mut guest, (DIR, path), (DIR, "x")), wanted, "{path:?}");
    }
}

#[cfg(unix)]
#[test]
fn names_are_bytes() {
    let (host, mut guest) = folder(Access::ReadWrite);
    let [at, len] = guest.put(b"\xff\xfe");
    guest.ok("path_create_directory", &[DIR.into(), at, len]);
    guest.ok("fd_readdir", &[DIR.into(), u64::from(OUT) + 16, 100, 2, OUT.into()]);
    assert_eq!(guest.bytes(OUT + 16 + 24, 2), b"\xff\xfe");
    guest.ok("path_remove_directory", &[DIR.into(), at, len]);
    assert_eq!(fs::read_dir(host.path()).unwrap().count(), 0);
}

#[test]
fn folders_to_be_read_only() {
    let (host, mut guest) = folder(Access::ReadOnly);
    fs::create_dir(host.path().join("sub")).unwrap();
    fs::write(host.path().join("sub/file"), "abc").unwrap();
    let before = fs::metadata(host.path().join("sub/file")).unwrap().modified().unwrap();
    let sub = guest.open(DIR, "sub", DIRECTORY, rights::ALL, 0).unwrap();
    for (dir, prefix) in [(DIR, "sub/"), (sub, "")] {
        let path = |name: &str| format!("{prefix}{name}");
        let file = path("file");
        let fd = guest.open(dir, &file, 0, rights::NO_WRITING, 0).unwrap();
        assert_eq!(guest.read(fd, 9), Ok(b"abc".to_vec()));
        assert_eq!(guest.write(fd, "x"), Err(errno::NOTCAPABLE));
        assert_eq!(guest.call("fd_filestat_set_times", &[fd.into(), 0, 0, 5]), errno::NOTCAPABLE);
        for (oflags, rights) in [(0, rights::ALL), (CREATE, rights::READ), (TRUNCATE, rights::READ)] {
            assert_eq!(guest.open(dir, &file, oflags, rights, 0), Err(errno::ROFS));
        }
        for name in ["path_create_directory", "path_remove_directory", "path_unlink_file"] {
            assert_eq!(guest.path(name, dir, &file), errno::ROFS, "{name}");
        }
        assert_eq!(rename(&mut guest, (dir, &file), (dir, &path("x"))), errno::ROFS);
        assert_eq!(link(&mut guest, 0, (dir, &file), (dir, &path("x"))), errno::ROFS);
        let [at, len] = guest.put(&file);
        assert_eq!(guest.call("path_symlink", &[at, len, dir.into(), at, len]), errno::ROFS);
        assert_eq!(guest.call("path_filestat_set_times", &[dir.into(), 1, at, len, 0, 0, 5]), errno::ROFS);
        assert_eq!(guest.call("fd_filestat_set_times", &[dir.into(), 0, 0, 5]), errno::ROFS);
    }
    assert_eq!(fs::read_dir(host.path().join("sub")).unwrap().count(), 1);
    assert_eq!(fs::metadata(host.path().join("sub/file")).unwrap().modified().unwrap(), before);
}
