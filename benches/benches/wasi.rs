//! What WASI's functions cost beyond what the host takes for the same and the interpreter for the call.
//! `-- --quick` is rougher.

use std::fs::File;
use std::hint::black_box;
use std::io::{self, Read, Seek, Write};
use std::time::{Duration, Instant};

use strata::{Config, Engine, Instance, Linker, Module, Store, TierMode};
use strata_benches::measure::{Table, load, time};
use strata_wasi::{Access, WasiCtx};

/// Bytes of a large read or write.
const LARGE: usize = 1 << 20;

/// What is called in a loop: a name, the call, how often less than a small one, and what the host does for
/// the same.
struct Case {
    name: &'static str,
    call: &'static str,
    rarer: u64,
    host: fn(&mut Host),
}

/// What the host does the same with.
struct Host {
    started: Instant,
    zero: File,
    null: File,
    file: File,
    buffer: Vec<u8>,
}

const CASES: &[Case] = &[
    Case {
        name: "clock_time_get",
        call: "(call $clock_time_get (i32.const 1) (i64.const 0) (i32.const 64))",
        rarer: 1,
        host: |host| _ = black_box(host.started.elapsed()),
    },
    Case {
        name: "fd_write, 1 byte to nowhere",
        call: "(call $fd_write (i32.const 1) (i32.const 0) (i32.const 1) (i32.const 64))",
        rarer: 1,
        host: |_| {},
    },
    Case {
        name: "fd_read, 1 byte from memory",
        call: "(call $fd_read (i32.const 0) (i32.const 0) (i32.const 1) (i32.const 64))",
        rarer: 1,
        host: |_| {},
    },
    Case {
        name: "fd_write, 2 parts to nowhere",
        call: "(call $fd_write (i32.const 1) (i32.const 16) (i32.const 2) (i32.const 64))",
        rarer: 1,
        host: |_| {},
    },
    Case {
        name: "fd_write, 1 byte to /dev/null",
        call: "(call $fd_write (i32.const 5) (i32.const 0) (i32.const 1) (i32.const 64))",
        rarer: 1,
        host: |host| _ = black_box(host.null.write(&host.buffer[..1])),
    },
    Case {
        name: "fd_read, 1 byte from /dev/zero",
        call: "(call $fd_read (i32.const 6) (i32.const 0) (i32.const 1) (i32.const 64))",
        rarer: 1,
        host: |host| _ = black_box(host.zero.read(&mut host.buffer[..1])),
    },
    Case {
        name: "fd_seek",
        call: "(call $fd_seek (i32.const 7) (i64.const 0) (i32.const 0) (i32.const 64))",
        rarer: 1,
        host: |host| _ = black_box(host.file.rewind()),
    },
    Case {
        name: "random_get, 8 bytes",
        call: "(call $random_get (i32.const 64) (i32.const 8))",
        rarer: 1,
        host: |_| {},
    },
    Case {
        name: "fd_read, 1 MiB from /dev/zero",
        call: "(call $fd_read (i32.const 6) (i32.const 32) (i32.const 1) (i32.const 64))",
        rarer: 500,
        host: |host| _ = black_box(host.zero.read(&mut host.buffer)),
    },
];

fn main() -> io::Result<()> {
    let quick = std::env::args().any(|arg| arg == "--quick");
    // Many short runs: on a busy machine, long ones are interrupted.
    let (rounds, count) = if quick { (20, 2_000) } else { (500, 5_000) };
    println!("{}\n", load());
    let folder = tempfile::tempdir()?;
    let engine = Engine::new(Config::new().tier(TierMode::Portable).profile(false));
    let (mut store, instance) = guest(&engine, folder.path()).map_err(io::Error::other)?;
    let mut host = Host {
        started: Instant::now(),
        zero: File::open("/dev/zero")?,
        null: File::options().write(true).open("/dev/null")?,
        file: File::create(folder.path().join("host"))?,
        buffer: vec![0; LARGE],
    };
    let mut table = Table::new(["WASI", "ns", "the host's own", "the call's own", "beyond both"]);
    for (i, case) in CASES.iter().enumerate() {
        let count = (count / case.rarer).max(1);
        let mut run = |name: String| {
            let run = instance.typed_func::<i64, i32>(&store, &name).expect("it is exported");
            time(|| assert_eq!(run.call(&mut store, count as i64).expect("it does not trap"), 0))
        };
        let mut code = |name: &str| run(format!("{name}{i}"));
        let mut alone = || time(|| (0..count).for_each(|_| (case.host)(&mut host)));
        let mut times = [Duration::MAX; 3];
        for _ in 0..rounds {
            let round = [code("wasi"), code("call"), alone()];
            times = std::array::from_fn(|i| times[i].min(round[i]));
        }
        let [all, call, own] = times.map(|time| time.as_nanos() as f64 / count as f64);
        let cells = [all, own, call, all - own - call].map(|ns| format!("{ns:.1}"));
        let [all, own, call, beyond] = cells;
        table.row([case.name.to_owned(), all, own, call, beyond]);
    }
    println!("{table}\n{}", load());
    Ok(())
}

/// A guest with a loop for every case, and one that calls a host function of the same type that does nothing.
fn guest(
    engine: &Engine,
    folder: &std::path::Path,
) -> Result<(Store<WasiCtx>, Instance), Box<dyn std::error::Error + Send + Sync>> {
    let functions = [
        ("clock_time_get", "i32 i64 i32"),
        ("fd_write", "i32 i32 i32 i32"),
        ("fd_read", "i32 i32 i32 i32"),
        ("fd_seek", "i32 i64 i32 i32"),
        ("random_get", "i32 i32"),
        ("path_open", "i32 i32 i32 i32 i32 i64 i64 i32 i32"),
    ];
    let mut text = "(module".to_owned();
    for (name, params) in functions {
        for (module, prefix) in [("wasi_snapshot_preview1", ""), ("nothing", "nothing_")] {
            text += &format!(
                r#"(import "{module}" "{name}" (func ${prefix}{name} (param {params}) (result i32)))"#
            );
        }
    }
    text += r#"
        (memory (export "memory") 40)
        (data (i32.const 0) "\80\00\00\00\01\00\00\00")
        (data (i32.const 16) "\80\00\00\00\01\00\00\00\90\00\00\00\01\00\00\00")
        (data (i32.const 32) "\00\00\01\00\00\00\10\00")
        (data (i32.const 256) "nullzerofile")
        (func (export "open") (result i32)
            (i32.or (call $path_open (i32.const 3) (i32.const 0) (i32.const 256) (i32.const 4)
                (i32.const 0) (i64.const 64) (i64.const 0) (i32.const 0) (i32.const 64))
            (i32.or (call $path_open (i32.const 3) (i32.const 0) (i32.const 260) (i32.const 4)
                (i32.const 0) (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 64))
            (call $path_open (i32.const 4) (i32.const 0) (i32.const 264) (i32.const 4)
                (i32.const 1) (i64.const 36) (i64.const 0) (i32.const 0) (i32.const 64)))))"#;
    for (i, case) in CASES.iter().enumerate() {
        for (name, call) in
            [("wasi", case.call.to_owned()), ("call", case.call.replace("call $", "call $nothing_"))]
        {
            text += &format!(
                r#"(func (export "{name}{i}") (param $n i64) (result i32) (local $failed i32)
                    (loop $again
                        (local.set $failed (i32.or (local.get $failed) {call}))
                        (local.set $n (i64.sub (local.get $n) (i64.const 1)))
                        (br_if $again (i64.gt_s (local.get $n) (i64.const 0))))
                    (local.get $failed))"#
            );
        }
    }
    let module = Module::new(engine, text + ")")?;
    let mut linker = Linker::new(engine);
    strata_wasi::add_to_linker(&mut linker, |ctx: &mut WasiCtx| ctx)?;
    linker.func("nothing", "clock_time_get", |_: i32, _: i64, _: i32| 0_i32)?;
    linker.func("nothing", "fd_write", |_: i32, _: i32, _: i32, _: i32| 0_i32)?;
    linker.func("nothing", "fd_read", |_: i32, _: i32, _: i32, _: i32| 0_i32)?;
    linker.func("nothing", "fd_seek", |_: i32, _: i64, _: i32, _: i32| 0_i32)?;
    linker.func("nothing", "random_get", |_: i32, _: i32| 0_i32)?;
    type Open = (i32, i32, i32, i32, i32, i64, i64, i32, i32);
    let open_nothing = |_: i32, _: i32, _: i32, _: i32, _: i32, _: i64, _: i64, _: i32, _: i32| 0_i32;
    linker.func::<Open>("nothing", "path_open", open_nothing)?;
    let ctx = WasiCtx::builder().stdin(io::repeat(1)).stdout(io::sink()).preopened_dir(
        "/dev",
        "/dev",
        Access::ReadWrite,
    );
    // Descriptors 3 and 4 are the folders, 5 to 7 what the guest opens.
    let mut store = Store::new(engine, ctx.preopened_dir(folder, "/folder", Access::ReadWrite).build()?);
    let instance = linker.instantiate(&mut store, &module)?;
    let opened = instance.typed_func::<(), i32>(&store, "open")?.call(&mut store, ())?;
    if opened == 0 { Ok((store, instance)) } else { Err(format!("the guest's open fails: {opened}").into()) }
}
