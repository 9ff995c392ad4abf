//! What is outside a guest's folders stays unseen: by paths, by links, and by links that are swapped during a
//! call.

#![cfg(unix)]

use std::fs;
use std::os::unix::fs::symlink;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use strata_wasi::{Access, WasiCtx};
use tempfile::TempDir;

use crate::files::{CREATE, DIR, DIRECTORY};
use crate::guest::{Guest, OUT, errno, rights};

const SECRET: &str = "SECRET";

/// A folder with a secret, and the guest's folder in it.
fn prison() -> (TempDir, Guest) {
    let host = tempfile::tempdir().unwrap();
    fs::write(host.path().join("secret"), SECRET).unwrap();
    fs::create_dir(host.path().join("outside")).unwrap();
    fs::write(host.path().join("outside/secret"), SECRET).unwrap();
    fs::create_dir_all(host.path().join("inside/sub")).unwrap();
    fs::write(host.path().join("inside/own"), "own").unwrap();
    let builder = WasiCtx::builder().preopened_dir(host.path().join("inside"), "/", Access::ReadWrite);
    (host, Guest::new(builder))
}

/// Paths that lead out of the folder, each to something that is there.
fn escapes(host: &Path) -> Vec<String> {
    let inside = host.join("inside");
    let secret = host.join("secret").display().to_string();
    symlink(&secret, inside.join("absolute")).unwrap();
    symlink("../secret", inside.join("relative")).unwrap();
    symlink("sub/../../secret", inside.join("winding")).unwrap();
    symlink("relative", inside.join("twice")).unwrap();
    symlink("../outside", inside.join("folder")).unwrap();
    symlink(host.join("outside"), inside.join("absolute folder")).unwrap();
    symlink("/proc/self/root", inside.join("magic")).unwrap();
    [
        secret.as_str(),
        "/",
        "/proc/self/environ",
        "..",
        "../secret",
        "../inside/own",
        "sub/../../secret",
        "sub/../../inside/own",
        "./../secret",
        "sub//..//..//secret",
        "absolute",
        "relative",
        "winding",
        "twice",
        "folder/secret",
        "folder/../secret",
        "absolute folder/secret",
        "magic/etc/passwd",
    ]
    .map(str::to_owned)
    .into()
}

#[test]
fn no_function_leads_outside() {
    let (host, mut guest) = prison();
    let dir = u64::from(DIR);
    for path in escapes(host.path()) {
        for rights in [rights::READ, rights::ALL, 0] {
            for oflags in [0, CREATE, DIRECTORY, 8] {
                let opened = guest.open(DIR, &path, oflags, rights, 0);
                assert_eq!(opened, Err(errno::PERM), "{path} {oflags}");
            }
        }
        let [at, len] = guest.put(&path);
        assert_eq!(guest.call("path_filestat_get", &[dir, 1, at, len, OUT.into()]), errno::PERM, "{path}");
        assert_eq!(guest.call("path_filestat_set_times", &[dir, 1, at, len, 0, 0, 5]), errno::PERM, "{path}");
        let [new, new_len] = guest.put("stolen");
        assert_ne!(guest.call("path_link", &[dir, 1, at, len, dir, new, new_len]), 0, "{path}");
        assert!(!host.path().join("inside/stolen").exists());
    }
    // Without following the last link; these are not to be touched beyond it.
    for path in escapes_of_the_parent(host.path()) {
        let [at, len] = guest.put(&path);
        let [own, own_len] = guest.put("own");
        for (name, args) in [
            ("path_create_directory", &[dir, at, len][..]),
            ("path_remove_directory", &[dir, at, len]),
            ("path_unlink_file", &[dir, at, len]),
            ("path_readlink", &[dir, at, len, OUT.into(), 100, u64::from(OUT) + 200]),
            ("path_filestat_get", &[dir, 0, at, len, OUT.into()]),
            ("path_filestat_set_times", &[dir, 0, at, len, 0, 0, 5]),
            ("path_link", &[dir, 0, at, len, dir, own, own_len]),
            ("path_link", &[dir, 0, own, own_len, dir, at, len]),
            ("path_rename", &[dir, at, len, dir, own, own_len]),
            ("path_rename", &[dir, own, own_len, dir, at, len]),
            ("path_symlink", &[own, own_len, dir, at, len]),
        ] {
            assert_eq!(guest.call(name, args), errno::PERM, "{name} {path}");
        }
    }
    assert_eq!(fs::read_to_string(host.path().join("secret")).unwrap(), SECRET);
    assert_eq!(fs::read_to_string(host.path().join("outside/secret")).unwrap(), SECRET);
    assert_eq!(fs::read_to_string(host.path().join("inside/own")).unwrap(), "own");
    assert_eq!(fs::read_dir(host.path()).unwrap().count(), 3);
    assert_eq!(fs::read_dir(host.path().join("outside")).unwrap().count(), 1);
}

fn escapes_of_the_parent(host: &Path) -> Vec<String> {
    let secret = host.join("secret").display().to_string();
    let relative =
        ["../secret", "sub/../../secret", "folder/secret", "absolute folder/secret", "../new", "folder/new"];
    relative.map(str::to_owned).into_iter().chain([secret]).collect()
}

#[test]
fn links_out_cannot_be_read_or_made_absolute() {
    let (host, mut guest) = prison();
    escapes(host.path());
    let [target, target_len] = guest.put("/etc/passwd");
    let [at, len] = guest.put("link");
    assert_eq!(guest.call("path_symlink", &[target, target_len, DIR.into(), at, len]), errno::PERM);
    let [at, len] = guest.put("absolute");
    assert_eq!(guest.call("path_readlink", &[DIR.into(), at, len, OUT.into(), 100, OUT.into()]), errno::PERM);
    // Links that lead out can be made, and lead nowhere.
    let [target, target_len] = guest.put("../secret");
    let [at, len] = guest.put("link");
    guest.ok("path_symlink", &[target, target_len, DIR.into(), at, len]);
    assert_eq!(guest.open(DIR, "link", 0, rights::READ, 0), Err(errno::PERM));
    // A folder that is opened does not lead to its parent, though that is inside.
    let sub = guest.open(DIR, "sub", DIRECTORY, rights::NO_WRITING, 0).unwrap();
    assert_eq!(guest.open(sub, "..", 0, rights::READ, 0), Err(errno::PERM));
    assert_eq!(guest.open(sub, "../own", 0, rights::READ, 0), Err(errno::PERM));
    assert!(guest.open(DIR, "sub/../own", 0, rights::READ, 0).is_ok());
}

/// Lets another thread swap something while the guest calls, for a second.
fn race(host: &Path, swap: impl Fn(&Path) + Sync, mut call: impl FnMut()) {
    let (done, inside) = (AtomicBool::new(false), host.join("inside"));
    std::thread::scope(|scope| {
        scope.spawn(|| {
            while !done.load(Ordering::Relaxed) {
                swap(&inside);
            }
        });
        let end = Instant::now() + Duration::from_secs(1);
        while Instant::now() < end {
            call();
        }
        done.store(true, Ordering::Relaxed);
    });
}

/// Replaces what is at a path by a link, in one step.
fn relink(folder: &Path, target: &str, path: &str) {
    let new = folder.join("new link");
    symlink(target, &new).unwrap();
    fs::rename(new, folder.join(path)).unwrap();
}

#[test]
fn links_swapped_during_a_call() {
    let (host, mut guest) = prison();
    let (mut opened, mut refused) = (0, 0);
    relink(&host.path().join("inside"), "own", "link");
    let swap = |inside: &Path| {
        relink(inside, "own", "link");
        relink(inside, "../secret", "link");
    };
    race(host.path(), swap, || match guest.open(DIR, "link", 0, rights::READ, 0) {
        Ok(fd) => {
            opened += 1;
            assert_eq!(guest.read(fd, 100), Ok(b"own".to_vec()));
            guest.close(fd);
        }
        Err(errno) => {
            refused += 1;
            assert!([errno::PERM, errno::NOENT].contains(&errno), "{errno}");
        }
    });
    assert!(opened > 0 && refused > 0, "both have happened: {opened}, {refused}");
}

#[test]
fn folders_swapped_during_a_call() {
    let (host, mut guest) = prison();
    let inside = host.path().join("inside");
    fs::create_dir(inside.join("folder")).unwrap();
    fs::write(inside.join("folder/secret"), "own").unwrap();
    symlink("../outside", inside.join("link")).unwrap();
    // The folder and a link to one outside take each other's place.
    let swap = |inside: &Path| {
        for (from, to) in [("folder", "spare"), ("link", "folder"), ("folder", "link"), ("spare", "folder")] {
            fs::rename(inside.join(from), inside.join(to)).unwrap();
        }
    };
    let (mut opened, mut refused, mut created) = (0, 0, 0);
    race(host.path(), swap, || {
        match guest.open(DIR, "folder/secret", 0, rights::READ, 0) {
            Ok(fd) => {
                opened += 1;
                assert_eq!(guest.read(fd, 100), Ok(b"own".to_vec()));
                guest.close(fd);
            }
            Err(errno) => {
                refused += 1;
                assert!([errno::PERM, errno::NOENT].contains(&errno), "{errno}");
            }
        }
        let [at, len] = guest.put("folder/secret");
        if guest.call("path_filestat_get", &[DIR.into(), 1, at, len, OUT.into()]) == 0 {
            assert_eq!(guest.u64(OUT + 32), 3, "the size of its own");
        }
        created += i32::from(guest.path("path_create_directory", DIR, "folder/new") == 0);
        guest.path("path_remove_directory", DIR, "folder/new");
        guest.path("path_unlink_file", DIR, "folder/absent");
    });
    assert!(opened > 0 && refused > 0 && created > 0, "all have happened: {opened}, {refused}, {created}");
    let left: Vec<_> =
        fs::read_dir(host.path().join("outside")).unwrap().map(|entry| entry.unwrap().file_name()).collect();
    assert_eq!(left, ["secret"]);
}

#[test]
fn parents_moved_away_during_a_call() {
    let (host, mut guest) = prison();
    let inside = host.path().join("inside");
    fs::create_dir_all(inside.join("a/b")).unwrap();
    // `..` of a folder that is moved must not lead out of where it was.
    let swap = |inside: &Path| {
        fs::rename(inside.join("a/b"), inside.join("b")).unwrap();
        fs::rename(inside.join("b"), inside.join("a/b")).unwrap();
    };
    let mut opened = 0;
    race(host.path(), swap, || {
        if let Ok(fd) = guest.open(DIR, "a/b/../../own", 0, rights::READ, 0) {
            opened += 1;
            assert_eq!(guest.read(fd, 100), Ok(b"own".to_vec()));
            guest.close(fd);
        }
        assert!(guest.open(DIR, "a/b/../../secret", 0, rights::READ, 0).is_err());
        assert!(guest.open(DIR, "a/b/../../../secret", 0, rights::READ, 0).is_err());
    });
    assert!(opened > 0);
}
