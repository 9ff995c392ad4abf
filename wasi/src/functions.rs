//! The functions, by name and type.

use strata::{Caller, Error, HostError, Linker};

use crate::WasiCtx;
use crate::errno::{Errno, Failure, Result};
use crate::memory::Guest;

/// The module's name in imports.
pub const MODULE: &str = "wasi_snapshot_preview1";

/// A function's parameters as the specification has them, and, where its implementation takes some of them
/// together, how.
macro_rules! functions {
    ($($name:ident($($param:ident: $ty:ident),*) $(= ($($arg:expr),*))? $(-> $errno:ident)?;)*) => {
        /// Defines the functions of WASI preview 1 in a linker, for guests whose context `get` finds in a
        /// store's data.
        ///
        /// They work on the memory that the calling instance exports as `memory`; without one, every address
        /// is bad.
        ///
        /// # Errors
        ///
        /// When something of the module [`MODULE`] is defined already.
        pub fn add_to_linker<T: 'static>(
            linker: &mut Linker<T>,
            get: impl Fn(&mut T) -> &mut WasiCtx + Clone + Send + Sync + 'static,
        ) -> std::result::Result<(), Error> {
            $(
                let find = get.clone();
                linker.func(
                    MODULE,
                    stringify!($name),
                    move |mut caller: Caller<'_, T>, $($param: $ty),*| {
                        let result = with_guest(&mut caller, &find, |ctx, guest| {
                            arguments!(ctx, guest, $name, ($($param),*) $(, ($($arg),*))?)
                        });
                        outcome!(result $(, $errno)?)
                    },
                )?;
            )*
            Ok(())
        }
    };
}

/// Calls the implementation with the parameters, or with what was given instead.
macro_rules! arguments {
    ($ctx:ident, $guest:ident, $name:ident, ($($param:ident),*)) => { $ctx.$name($guest, $($param),*) };
    ($ctx:ident, $guest:ident, $name:ident, ($($param:ident),*), ($($arg:expr),*)) => {
        $ctx.$name($guest, $($arg),*)
    };
}

/// What the guest gets: an error number, or nothing.
macro_rules! outcome {
    ($result:ident, $errno:ident) => {
        number($result)
    };
    ($result:ident) => {
        number($result).map(|_| ())
    };
}

functions! {
    args_get(argv: u32, argv_buf: u32) -> errno;
    args_sizes_get(argc: u32, argv_buf_size: u32) -> errno;
    environ_get(environ: u32, environ_buf: u32) -> errno;
    environ_sizes_get(count: u32, environ_buf_size: u32) -> errno;
    clock_res_get(id: u32, resolution: u32) -> errno;
    clock_time_get(id: u32, precision: u64, time: u32) -> errno;
    fd_advise(fd: u32, offset: u64, len: u64, advice: u32) -> errno;
    fd_allocate(fd: u32, offset: u64, len: u64) -> errno;
    fd_close(fd: u32) -> errno;
    fd_datasync(fd: u32) -> errno;
    fd_fdstat_get(fd: u32, stat: u32) -> errno;
    fd_fdstat_set_flags(fd: u32, flags: u32) -> errno;
    fd_fdstat_set_rights(fd: u32, rights_base: u64, rights_inheriting: u64) -> errno;
    fd_filestat_get(fd: u32, stat: u32) -> errno;
    fd_filestat_set_size(fd: u32, size: u64) -> errno;
    fd_filestat_set_times(fd: u32, atim: u64, mtim: u64, fst_flags: u32) -> errno;
    fd_pread(fd: u32, iovs: u32, iovs_len: u32, offset: u64, nread: u32) -> errno;
    fd_prestat_get(fd: u32, prestat: u32) -> errno;
    fd_prestat_dir_name(fd: u32, path: u32, path_len: u32) -> errno;
    fd_pwrite(fd: u32, iovs: u32, iovs_len: u32, offset: u64, nwritten: u32) -> errno;
    fd_read(fd: u32, iovs: u32, iovs_len: u32, nread: u32) -> errno;
    fd_readdir(fd: u32, buf: u32, buf_len: u32, cookie: u64, bufused: u32) -> errno;
    fd_renumber(fd: u32, to: u32) -> errno;
    fd_seek(fd: u32, offset: i64, whence: u32, newoffset: u32) -> errno;
    fd_sync(fd: u32) -> errno;
    fd_tell(fd: u32, offset: u32) -> errno;
    fd_write(fd: u32, iovs: u32, iovs_len: u32, nwritten: u32) -> errno;
    path_create_directory(fd: u32, path: u32, path_len: u32) -> errno;
    path_filestat_get(fd: u32, flags: u32, path: u32, path_len: u32, stat: u32) -> errno;
    path_filestat_set_times(
        fd: u32, flags: u32, path: u32, path_len: u32, atim: u64, mtim: u64, fst_flags: u32
    ) = (fd, flags, (path, path_len), (atim, mtim), fst_flags) -> errno;
    path_link(
        old_fd: u32, old_flags: u32, old_path: u32, old_path_len: u32, new_fd: u32, new_path: u32, new_path_len: u32
    ) = (old_fd, old_flags, (old_path, old_path_len), new_fd, (new_path, new_path_len)) -> errno;
    path_open(
        fd: u32, dirflags: u32, path: u32, path_len: u32, oflags: u32, rights_base: u64, rights_inheriting: u64,
        fdflags: u32, opened: u32
    ) = (fd, (path, path_len), (dirflags, oflags, fdflags), (rights_base, rights_inheriting), opened) -> errno;
    path_readlink(fd: u32, path: u32, path_len: u32, buf: u32, buf_len: u32, bufused: u32)
        = (fd, (path, path_len), (buf, buf_len), bufused) -> errno;
    path_remove_directory(fd: u32, path: u32, path_len: u32) -> errno;
    path_rename(fd: u32, old_path: u32, old_path_len: u32, new_fd: u32, new_path: u32, new_path_len: u32)
        = (fd, (old_path, old_path_len), new_fd, (new_path, new_path_len)) -> errno;
    path_symlink(old_path: u32, old_path_len: u32, fd: u32, new_path: u32, new_path_len: u32)
        = ((old_path, old_path_len), fd, (new_path, new_path_len)) -> errno;
    path_unlink_file(fd: u32, path: u32, path_len: u32) -> errno;
    poll_oneoff(subscriptions: u32, events: u32, nsubscriptions: u32, nevents: u32) -> errno;
    proc_exit(status: u32);
    proc_raise(signal: u32) -> errno;
    random_get(buf: u32, buf_len: u32) -> errno;
    sched_yield() -> errno;
    sock_accept(fd: u32, flags: u32, opened: u32) -> errno;
    sock_recv(fd: u32, ri_data: u32, ri_data_len: u32, ri_flags: u32, ro_datalen: u32, ro_flags: u32)
        = (fd, (ri_data, ri_data_len), ri_flags, (ro_datalen, ro_flags)) -> errno;
    sock_send(fd: u32, si_data: u32, si_data_len: u32, si_flags: u32, so_datalen: u32)
        = (fd, (si_data, si_data_len), si_flags, so_datalen) -> errno;
    sock_shutdown(fd: u32, how: u32) -> errno;
}

/// Does something with the guest's memory and its context.
#[inline]
fn with_guest<T: 'static>(
    caller: &mut Caller<'_, T>,
    get: &impl Fn(&mut T) -> &mut WasiCtx,
    act: impl FnOnce(&mut WasiCtx, &mut Guest<'_>) -> Result<()>,
) -> Result<()> {
    match caller.memory() {
        Some(memory) => {
            let (bytes, data) = memory.data_mut(caller).map_err(|error| Failure::Trap(error.into()))?;
            act(get(data), &mut Guest(bytes))
        }
        None => act(get(caller.data_mut()), &mut Guest(&mut [])),
    }
}

fn number(result: Result<()>) -> std::result::Result<i32, HostError> {
    match result {
        Ok(()) => Ok(Errno::Success as i32),
        Err(Failure::Errno(errno)) => Ok(errno as i32),
        Err(Failure::Trap(error)) => Err(error),
    }
}
