//! Arguments that no program passes on purpose: every one gives an error number, and none a trap.

use std::fs;

use strata::{Engine, Linker, Module, Store, Val};
use strata_wasi::{Access, VirtualClocks, WasiCtx};

use crate::files::{DIR, folder};
use crate::guest::{FUNCTIONS, Guest, MEMORY, OUT, errno};

/// Which of a function's arguments are addresses, and how many bytes are there at least.
const ADDRESSES: &[(&str, &[(usize, u64)])] = &[
    ("args_get", &[(0, 4), (1, 4)]),
    ("args_sizes_get", &[(0, 4), (1, 4)]),
    ("environ_get", &[(0, 4), (1, 4)]),
    ("environ_sizes_get", &[(0, 4), (1, 4)]),
    ("clock_res_get", &[(1, 8)]),
    ("clock_time_get", &[(2, 8)]),
    ("fd_fdstat_get", &[(1, 24)]),
    ("fd_filestat_get", &[(1, 64)]),
    ("fd_pread", &[(1, 8), (4, 4)]),
    ("fd_prestat_get", &[(1, 8)]),
    ("fd_prestat_dir_name", &[(1, 8)]),
    ("fd_pwrite", &[(1, 8), (4, 4)]),
    ("fd_read", &[(1, 8), (3, 4)]),
    ("fd_readdir", &[(1, 8), (4, 4)]),
    ("fd_seek", &[(3, 8)]),
    ("fd_tell", &[(1, 8)]),
    ("fd_write", &[(1, 8), (3, 4)]),
    ("path_create_directory", &[(1, 8)]),
    ("path_filestat_get", &[(2, 8), (4, 64)]),
    ("path_filestat_set_times", &[(2, 8)]),
    ("path_link", &[(2, 8), (5, 8)]),
    ("path_open", &[(2, 8), (8, 4)]),
    ("path_readlink", &[(1, 8), (3, 8), (5, 4)]),
    ("path_remove_directory", &[(1, 8)]),
    ("path_rename", &[(1, 8), (4, 8)]),
    ("path_symlink", &[(0, 8), (3, 8)]),
    ("path_unlink_file", &[(1, 8)]),
    ("poll_oneoff", &[(0, 48), (1, 32), (3, 4)]),
    ("random_get", &[(0, 8)]),
];

/// A guest with a bit of everything: descriptor 3 is a folder, 4 a file.
fn busy() -> (tempfile::TempDir, Guest) {
    let host = tempfile::tempdir().unwrap();
    fs::write(host.path().join("12345678"), "content").unwrap();
    let builder = WasiCtx::builder()
        .args(["a", "b"])
        .env("A", "B")
        .stdin(&b"input"[..])
        // Nobody waits for what a guest that is not sane waits for.
        .clocks(VirtualClocks::new(std::time::Duration::from_secs(1)))
        .preopened_dir(host.path(), "/sandbox", Access::ReadWrite);
    let mut guest = Guest::new(builder);
    guest.open(DIR, "12345678", 0, u64::MAX >> 34, 0).unwrap();
    (host, guest)
}

/// Arguments with which a function works, if everything is where they say.
fn sane(name: &str, params: &str) -> Vec<u64> {
    let addresses = ADDRESSES.iter().find(|row| row.0 == name).map_or(&[][..], |row| row.1);
    let fd = match name {
        "fd_read" => 0,
        "fd_write" => 1,
        "fd_readdir" => 3,
        _ if name.starts_with("fd_prestat") || name.starts_with("path_") => 3,
        _ => 4,
    };
    let mut args: Vec<u64> = params.chars().map(|_| 0).collect();
    // Lengths and counts come after addresses.
    for (i, &(at, _)) in addresses.iter().enumerate() {
        args[at] = u64::from(OUT) + 512 * i as u64;
        let list = ["fd_pread", "fd_pwrite", "fd_read", "fd_write"].contains(&name);
        if let Some(len) = args.get_mut(at + 1).filter(|_| i == 0 || name.starts_with("path_")) {
            *len = if list { 1 } else { 8 };
        }
    }
    if name.starts_with("fd_") || name.starts_with("path_") {
        args[if name == "path_symlink" { 2 } else { 0 }] = fd;
    }
    match name {
        "path_link" | "path_rename" => args[if name == "path_link" { 4 } else { 3 }] = 3,
        "poll_oneoff" => args = vec![OUT.into(), u64::from(OUT) + 512, 1, u64::from(OUT) + 1024],
        "args_get" | "args_sizes_get" | "environ_get" | "environ_sizes_get" => {
            args = vec![OUT.into(), u64::from(OUT) + 512];
        }
        "fd_filestat_get" | "fd_fdstat_get" | "fd_tell" => args[0] = 4,
        _ => {}
    }
    args
}

#[test]
fn addresses_outside_are_faults() {
    let (_host, mut guest) = busy();
    // Paths that are fine.
    guest.set(OUT, &[b'1'; 2048]);
    for &(name, addresses) in ADDRESSES {
        let params = FUNCTIONS.iter().find(|row| row.0 == name).unwrap().1;
        for &(at, len) in addresses {
            for address in [
                MEMORY.into(),
                u64::from(MEMORY) - len + 1,
                1 << 31,
                u64::from(u32::MAX) - 7,
                u64::from(u32::MAX),
            ] {
                let mut args = sane(name, params);
                args[at] = address;
                assert_eq!(guest.call(name, &args), errno::FAULT, "{name}{args:?}");
            }
        }
    }
    // Lengths with which an address goes around.
    for (name, length, args) in [
        ("random_get", 1, [OUT.into(), 0].to_vec()),
        ("fd_readdir", 2, [3, OUT.into(), 0, 0, OUT.into()].to_vec()),
        ("fd_prestat_dir_name", 2, [3, OUT.into(), 0].to_vec()),
        ("path_create_directory", 2, [3, OUT.into(), 0].to_vec()),
        ("path_readlink", 2, [3, OUT.into(), 0, OUT.into(), 1, OUT.into()].to_vec()),
        ("path_readlink", 4, [3, OUT.into(), 1, OUT.into(), 0, OUT.into()].to_vec()),
    ] {
        for len in [u32::MAX - OUT, u32::MAX - OUT + 1, u32::MAX, OUT + 1] {
            let mut args = args.clone();
            args[length] = len.into();
            assert_eq!(guest.call(name, &args), errno::FAULT, "{name}{args:?}");
        }
    }
}

#[test]
fn parts_outside_are_faults() {
    let (_host, mut guest) = busy();
    for (at, len) in [(MEMORY, 1), (0, MEMORY + 1), (u32::MAX, 1), (u32::MAX, u32::MAX), (1, u32::MAX)] {
        let [list, _] = guest.parts(&[[OUT.into(), 1], [at.into(), len.into()]]);
        for (name, fd) in [("fd_read", 0), ("fd_write", 1), ("fd_read", 4), ("fd_write", 4)] {
            assert_eq!(guest.call(name, &[fd, list, 2, OUT.into()]), errno::FAULT, "{name} {at} {len}");
        }
        for name in ["fd_pread", "fd_pwrite"] {
            assert_eq!(guest.call(name, &[4, list, 2, 0, OUT.into()]), errno::FAULT, "{name} {at} {len}");
        }
    }
    assert_eq!(guest.read(0, 100), Ok(b"input".to_vec()), "nothing was read by what failed");
    assert_eq!(guest.seek(4, 0, 1), Ok(0));
}

#[test]
fn descriptors_that_are_none() {
    let (_host, mut guest) = busy();
    for &(name, params) in FUNCTIONS {
        if !["fd_", "path_", "sock_"].iter().any(|start| name.starts_with(start)) {
            continue;
        }
        for fd in [5, 1000, 1 << 31, u64::from(u32::MAX)] {
            let mut args = sane(name, params);
            args[if name == "path_symlink" { 2 } else { 0 }] = fd;
            assert_eq!(guest.call(name, &args), errno::BADF, "{name}{args:?}");
        }
    }
}

#[test]
fn nothing_that_is_passed_traps() {
    let edges = [
        0,
        1,
        2,
        3,
        4,
        5,
        8,
        OUT.into(),
        u64::from(MEMORY) - 4,
        MEMORY.into(),
        1 << 31,
        u32::MAX.into(),
        1 << 63,
        u64::MAX,
    ];
    let (_host, mut guest) = busy();
    let mut random = 1_u64;
    for &(name, params) in FUNCTIONS {
        for round in 0..300 {
            if round % 50 == 0 {
                // What was closed or moved is there again.
                guest = busy().1;
            }
            let args: Vec<u64> = params
                .chars()
                .map(|_| {
                    random = random.wrapping_mul(6364136223846793005).wrapping_add(1442695040888963407);
                    edges[(random >> 33) as usize % edges.len()]
                })
                .collect();
            match guest.try_call(name, &args) {
                Ok(errno) => assert!((0..=76).contains(&errno), "{name}{args:?}: {errno}"),
                // Only a signal ends the program.
                Err(error) => assert_eq!(name, "proc_raise", "{name}{args:?}: {error}"),
            }
        }
    }
}

#[test]
fn without_a_memory_all_addresses_are_bad() {
    let engine = Engine::default();
    let module = Module::new(
        &engine,
        r#"(module
            (import "wasi_snapshot_preview1" "random_get" (func $random (param i32 i32) (result i32)))
            (import "wasi_snapshot_preview1" "sched_yield" (func $yield (result i32)))
            (func (export "run") (result i32 i32 i32)
                (call $random (i32.const 0) (i32.const 1))
                (call $random (i32.const 0) (i32.const 0))
                (call $yield)))"#,
    )
    .unwrap();
    let mut linker = Linker::new(&engine);
    strata_wasi::add_to_linker(&mut linker, |ctx: &mut WasiCtx| ctx).unwrap();
    let mut store = Store::new(&engine, WasiCtx::builder().build().unwrap());
    let instance = linker.instantiate(&mut store, &module).unwrap();
    let results = instance.func(&store, "run").unwrap().call(&mut store, &[]).unwrap();
    assert!(matches!(results[..], [Val::I32(errno::FAULT), Val::I32(0), Val::I32(0)]), "{results:?}");
    assert!(strata_wasi::add_to_linker(&mut linker, |ctx: &mut WasiCtx| ctx).is_err(), "defined already");
}

#[test]
fn listings_of_a_folder_that_is_gone() {
    let (host, mut guest) = folder(Access::ReadWrite);
    drop(host);
    // Some systems say that it is gone, others that it is empty.
    let listed = guest.call("fd_readdir", &[DIR.into(), u64::from(OUT) + 16, 100, 0, OUT.into()]);
    assert!(listed == errno::NOENT || listed == 0 && guest.u32(OUT) == 24 + 1 + 24 + 2, "{listed}");
    assert_eq!(guest.open(DIR, "x", 1, 2, 0), Err(errno::NOENT));
    guest.ok("fd_filestat_get", &[DIR.into(), OUT.into()]);
}
