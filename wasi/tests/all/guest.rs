//! A guest whose functions are those of WASI, so that tests call them as programs do: from an instance with a
//! memory.

use std::fmt::Write;

use strata::{Engine, Error, Instance, Linker, Memory, Module, Store, Trap, Val};
use strata_wasi::{Exit, WasiCtx, WasiCtxBuilder};

/// Every function with its parameters (`i` and `I` for 32 and 64 bits), as the specification has it.
pub(crate) const FUNCTIONS: &[(&str, &str)] = &[
    ("args_get", "ii"),
    ("args_sizes_get", "ii"),
    ("environ_get", "ii"),
    ("environ_sizes_get", "ii"),
    ("clock_res_get", "ii"),
    ("clock_time_get", "iIi"),
    ("fd_advise", "iIIi"),
    ("fd_allocate", "iII"),
    ("fd_close", "i"),
    ("fd_datasync", "i"),
    ("fd_fdstat_get", "ii"),
    ("fd_fdstat_set_flags", "ii"),
    ("fd_fdstat_set_rights", "iII"),
    ("fd_filestat_get", "ii"),
    ("fd_filestat_set_size", "iI"),
    ("fd_filestat_set_times", "iIIi"),
    ("fd_pread", "iiiIi"),
    ("fd_prestat_get", "ii"),
    ("fd_prestat_dir_name", "iii"),
    ("fd_pwrite", "iiiIi"),
    ("fd_read", "iiii"),
    ("fd_readdir", "iiiIi"),
    ("fd_renumber", "ii"),
    ("fd_seek", "iIii"),
    ("fd_sync", "i"),
    ("fd_tell", "ii"),
    ("fd_write", "iiii"),
    ("path_create_directory", "iii"),
    ("path_filestat_get", "iiiii"),
    ("path_filestat_set_times", "iiiiIIi"),
    ("path_link", "iiiiiii"),
    ("path_open", "iiiiiIIii"),
    ("path_readlink", "iiiiii"),
    ("path_remove_directory", "iii"),
    ("path_rename", "iiiiii"),
    ("path_symlink", "iiiii"),
    ("path_unlink_file", "iii"),
    ("poll_oneoff", "iiii"),
    ("proc_raise", "i"),
    ("random_get", "ii"),
    ("sched_yield", ""),
    ("sock_accept", "iii"),
    ("sock_recv", "iiiiii"),
    ("sock_send", "iiiii"),
    ("sock_shutdown", "ii"),
];

/// The memory's size: the first half is for what tests put there, the second for results.
pub(crate) const MEMORY: u32 = 2 << 16;
/// Where results of functions go.
pub(crate) const OUT: u32 = 1 << 16;

/// Error numbers that tests expect.
pub(crate) mod errno {
    pub(crate) const SUCCESS: i32 = 0;
    pub(crate) const AGAIN: i32 = 6;
    pub(crate) const BADF: i32 = 8;
    pub(crate) const EXIST: i32 = 20;
    pub(crate) const FAULT: i32 = 21;
    pub(crate) const FBIG: i32 = 22;
    pub(crate) const INVAL: i32 = 28;
    pub(crate) const ISDIR: i32 = 31;
    pub(crate) const LOOP: i32 = 32;
    pub(crate) const MFILE: i32 = 33;
    pub(crate) const NAMETOOLONG: i32 = 37;
    pub(crate) const NOENT: i32 = 44;
    pub(crate) const NOSPC: i32 = 51;
    pub(crate) const NOTDIR: i32 = 54;
    pub(crate) const NOTEMPTY: i32 = 55;
    pub(crate) const NOTSOCK: i32 = 57;
    pub(crate) const NOTSUP: i32 = 58;
    pub(crate) const PERM: i32 = 63;
    pub(crate) const PIPE: i32 = 64;
    pub(crate) const ROFS: i32 = 69;
    pub(crate) const SPIPE: i32 = 70;
    pub(crate) const NOTCAPABLE: i32 = 76;
}

/// Rights that tests ask for.
pub(crate) mod rights {
    pub(crate) const READ: u64 = 1 << 1;
    pub(crate) const SEEK: u64 = 1 << 2;
    pub(crate) const TELL: u64 = 1 << 5;
    pub(crate) const WRITE: u64 = 1 << 6;
    /// As the C library asks for them.
    pub(crate) const ALL: u64 = (1 << 30) - 1;
    pub(crate) const NO_WRITING: u64 = ALL & !(WRITE | 1 | 1 << 8 | 1 << 22);
}

pub(crate) struct Guest {
    pub(crate) store: Store<WasiCtx>,
    instance: Instance,
    memory: Memory,
    /// Where the next bytes of a test go.
    next: u32,
}

fn program() -> String {
    let (mut imports, mut functions) = (String::new(), String::new());
    let all = FUNCTIONS.iter().map(|&(name, params)| (name, params, " (result i32)"));
    for (name, params, result) in all.chain([("proc_exit", "i", "")]) {
        let types: String = params.chars().map(|c| if c == 'i' { " i32" } else { " i64" }).collect();
        let ty = format!("(param{types}){result}");
        writeln!(imports, r#"(import "wasi_snapshot_preview1" "{name}" (func ${name} {ty}))"#).unwrap();
        let args: String = (0..params.len()).map(|i| format!(" (local.get {i})")).collect();
        writeln!(functions, r#"(func (export "{name}") {ty} (call ${name}{args}))"#).unwrap();
    }
    format!(r#"(module {imports} (memory (export "memory") 2 2) {functions})"#)
}

impl Guest {
    pub(crate) fn new(builder: WasiCtxBuilder) -> Guest {
        let engine = Engine::default();
        let module = Module::new(&engine, program()).unwrap();
        let mut linker = Linker::new(&engine);
        strata_wasi::add_to_linker(&mut linker, |ctx: &mut WasiCtx| ctx).unwrap();
        let mut store = Store::new(&engine, builder.build().unwrap());
        let instance = linker.instantiate(&mut store, &module).unwrap();
        let memory = instance.memory(&store, "memory").unwrap();
        Guest { store, instance, memory, next: 16 }
    }

    /// Calls a function; its error number, or what stopped the guest.
    pub(crate) fn try_call(&mut self, name: &str, args: &[u64]) -> Result<i32, Error> {
        let func = self.instance.func(&self.store, name)?;
        let types = func.ty(&self.store)?.params;
        assert_eq!(types.len(), args.len(), "arguments of {name}");
        let args: Vec<Val> = types
            .iter()
            .zip(args)
            .map(
                |(ty, &arg)| {
                    if ty.to_string() == "i32" { Val::I32(arg as i32) } else { Val::I64(arg as i64) }
                },
            )
            .collect();
        match func.call(&mut self.store, &args)?[..] {
            [Val::I32(errno)] => Ok(errno),
            _ => panic!("{name} gives an error number"),
        }
    }

    #[track_caller]
    pub(crate) fn call(&mut self, name: &str, args: &[u64]) -> i32 {
        self.try_call(name, args).unwrap_or_else(|error| panic!("{name}{args:?}: {error}"))
    }

    /// Calls a function that must succeed.
    #[track_caller]
    pub(crate) fn ok(&mut self, name: &str, args: &[u64]) {
        let errno = self.call(name, args);
        assert_eq!(errno, errno::SUCCESS, "{name}{args:?}");
    }

    /// The status that a call ended the guest with.
    pub(crate) fn exit_of(&mut self, name: &str, status: u64) -> Option<i32> {
        let error =
            self.instance.func(&self.store, name).unwrap().call(&mut self.store, &[Val::I32(status as i32)]);
        Trap::of(&error.unwrap_err())?.host_error::<Exit>().map(|exit| exit.0)
    }

    pub(crate) fn bytes(&self, at: u32, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        self.memory.read(&self.store, at, &mut bytes).unwrap();
        bytes
    }

    pub(crate) fn u32(&self, at: u32) -> u32 {
        u32::from_le_bytes(self.bytes(at, 4).try_into().unwrap())
    }

    pub(crate) fn u64(&self, at: u32) -> u64 {
        u64::from_le_bytes(self.bytes(at, 8).try_into().unwrap())
    }

    pub(crate) fn set(&mut self, at: u32, bytes: &[u8]) {
        self.memory.write(&mut self.store, at, bytes).unwrap();
    }

    /// Puts bytes somewhere in the first half: address and length.
    pub(crate) fn put(&mut self, bytes: impl AsRef<[u8]>) -> [u64; 2] {
        let bytes = bytes.as_ref();
        if self.next as usize + bytes.len() > OUT as usize {
            self.next = 16;
        }
        let at = self.next;
        self.set(at, bytes);
        self.next = (at + bytes.len() as u32).next_multiple_of(8);
        [at.into(), bytes.len() as u64]
    }

    /// Puts a list of parts somewhere: address and number.
    pub(crate) fn parts(&mut self, parts: &[[u64; 2]]) -> [u64; 2] {
        let words: Vec<u8> = parts.iter().flatten().flat_map(|&word| (word as u32).to_le_bytes()).collect();
        [self.put(words)[0], parts.len() as u64]
    }

    /// Opens a path, as `open` of the C library does.
    pub(crate) fn open(
        &mut self,
        dir: u32,
        path: &str,
        oflags: u64,
        rights: u64,
        fdflags: u64,
    ) -> Result<u32, i32> {
        let [at, len] = self.put(path);
        let out = OUT.into();
        match self.call("path_open", &[dir.into(), 1, at, len, oflags, rights, u64::MAX, fdflags, out]) {
            0 => Ok(self.u32(OUT)),
            errno => Err(errno),
        }
    }

    /// Calls a function of a descriptor and a path, and nothing else.
    pub(crate) fn path(&mut self, name: &str, dir: u32, path: &str) -> i32 {
        let [at, len] = self.put(path);
        self.call(name, &[dir.into(), at, len])
    }

    pub(crate) fn write(&mut self, fd: u32, bytes: impl AsRef<[u8]>) -> Result<u32, i32> {
        let part = self.put(bytes);
        let [list, count] = self.parts(&[part]);
        match self.call("fd_write", &[fd.into(), list, count, OUT.into()]) {
            0 => Ok(self.u32(OUT)),
            errno => Err(errno),
        }
    }

    /// Reads at most so many bytes.
    pub(crate) fn read(&mut self, fd: u32, most: u32) -> Result<Vec<u8>, i32> {
        let [list, count] = self.parts(&[[u64::from(OUT) + 16, most.into()]]);
        match self.call("fd_read", &[fd.into(), list, count, OUT.into()]) {
            0 => Ok(self.bytes(OUT + 16, self.u32(OUT) as usize)),
            errno => Err(errno),
        }
    }

    pub(crate) fn seek(&mut self, fd: u32, offset: i64, whence: u64) -> Result<u64, i32> {
        match self.call("fd_seek", &[fd.into(), offset as u64, whence, OUT.into()]) {
            0 => Ok(self.u64(OUT)),
            errno => Err(errno),
        }
    }

    pub(crate) fn close(&mut self, fd: u32) {
        self.ok("fd_close", &[fd.into()]);
    }
}
