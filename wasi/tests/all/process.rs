//! Arguments, environment, random numbers, ends; and contexts that cannot be.

use strata_wasi::{Access, BuildError, WasiCtx};

use crate::guest::{Guest, OUT, errno};

#[test]
fn arguments_and_variables_are_those_given() {
    let builder = WasiCtx::builder().args(["prog", "", "späť"]).env("A", "1").env("B", "x=y").env("A", "2");
    let mut guest = Guest::new(builder);
    let out = u64::from(OUT);
    for (get, sizes, strings) in [
        ("args_get", "args_sizes_get", &["prog", "", "späť"][..]),
        ("environ_get", "environ_sizes_get", &["A=2", "B=x=y"]),
    ] {
        let all: String = strings.iter().map(|string| format!("{string}\0")).collect();
        guest.ok(sizes, &[out, out + 4]);
        assert_eq!((guest.u32(OUT), guest.u32(OUT + 4)), (strings.len() as u32, all.len() as u32));
        guest.ok(get, &[out, out + 100]);
        assert_eq!(guest.bytes(OUT + 100, all.len()), all.as_bytes());
        for (i, string) in (0..).zip(strings) {
            let at = guest.u32(OUT + 4 * i);
            assert_eq!(guest.bytes(at, string.len() + 1), format!("{string}\0").as_bytes());
        }
    }
    let mut guest = Guest::new(WasiCtx::builder());
    guest.ok("environ_sizes_get", &[out, out + 4]);
    assert_eq!((guest.u32(OUT), guest.u32(OUT + 4)), (0, 0), "nothing is passed on by itself");
    guest.ok("environ_get", &[out, out]);
}

#[test]
fn programs_end_with_a_status() {
    let mut guest = Guest::new(WasiCtx::builder());
    assert_eq!(guest.exit_of("proc_exit", 7), Some(7));
    assert_eq!(guest.exit_of("proc_exit", u64::from(u32::MAX)), Some(-1));
    assert_eq!(guest.exit_of("proc_raise", 6), Some(134), "as an aborted process");
    assert_eq!(guest.exit_of("proc_raise", 15), Some(143));
    guest.ok("proc_raise", &[0]);
    guest.ok("proc_raise", &[17]);
    assert_eq!(guest.call("proc_raise", &[18]), errno::NOTSUP);
    assert_eq!(guest.call("proc_raise", &[31]), errno::INVAL);
    guest.ok("sched_yield", &[]);
}

#[test]
fn random_numbers_repeat_with_a_seed_only() {
    let numbers = |builder| {
        let mut guest = Guest::new(builder);
        guest.ok("random_get", &[OUT.into(), 32]);
        let first = guest.bytes(OUT, 33);
        assert_eq!(first[32], 0, "no more than asked for");
        guest.ok("random_get", &[OUT.into(), 32]);
        assert_ne!(guest.bytes(OUT, 33), first);
        first
    };
    let seeded = |seed| numbers(WasiCtx::builder().random_seed(seed));
    assert_eq!(seeded(1), seeded(1));
    assert_ne!(seeded(1), seeded(2));
    assert_ne!(numbers(WasiCtx::builder()), numbers(WasiCtx::builder()));
    Guest::new(WasiCtx::builder()).ok("random_get", &[OUT.into(), 0]);
}

#[test]
fn contexts_that_cannot_be_say_why() {
    let message = |builder: strata_wasi::WasiCtxBuilder| builder.build().unwrap_err().to_string();
    assert_eq!(
        message(WasiCtx::builder().arg("a\0b")),
        "the argument \"a\\0b\" has a zero byte in it; leave it out"
    );
    assert!(message(WasiCtx::builder().env("A", "\0")).starts_with("the value of a variable"));
    assert!(message(WasiCtx::builder().env("A=B", "")).contains("is no name of a variable"));
    assert!(message(WasiCtx::builder().env("", "")).contains("is no name of a variable"));
    let missing = WasiCtx::builder().preopened_dir("no such folder", "/", Access::ReadOnly);
    assert!(message(missing).starts_with("no such folder: cannot be opened for the guest: "));
    let file = WasiCtx::builder().preopened_dir(
        env!("CARGO_MANIFEST_DIR").to_owned() + "/Cargo.toml",
        "/",
        Access::ReadOnly,
    );
    assert!(matches!(file.build(), Err(BuildError::Dir { .. })));
    let crowded = WasiCtx::builder().preopened_dir(".", "/", Access::ReadOnly).max_descriptors(3);
    assert!(message(crowded).starts_with("3 descriptors are not enough"));
}

#[test]
fn there_are_no_sockets() {
    let mut guest = Guest::new(WasiCtx::builder());
    for (fd, wanted) in [(0, errno::NOTSOCK), (9, errno::BADF)] {
        assert_eq!(guest.call("sock_accept", &[fd, 0, 0]), wanted);
        assert_eq!(guest.call("sock_recv", &[fd, 0, 0, 0, 0, 0]), wanted);
        assert_eq!(guest.call("sock_send", &[fd, 0, 0, 0, 0]), wanted);
        assert_eq!(guest.call("sock_shutdown", &[fd, 0]), wanted);
    }
}
