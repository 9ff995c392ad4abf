;; A program for WASI: one export for each thing that the command does for such programs.
(module
  (import "wasi_snapshot_preview1" "args_sizes_get" (func $args_sizes (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "args_get" (func $args (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_sizes_get" (func $variables_sizes (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "environ_get" (func $variables (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_prestat_get" (func $prestat (param i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_prestat_dir_name" (func $name (param i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_read" (func $read (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "fd_write" (func $write (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "path_open"
    (func $open (param i32 i32 i32 i32 i32 i64 i64 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "poll_oneoff" (func $poll (param i32 i32 i32 i32) (result i32)))
  (import "wasi_snapshot_preview1" "proc_exit" (func $exit (param i32)))
  (import "env" "print" (func $print (param i32 i32)))
  (import "env" "read" (func $read_some (param i32 i32) (result i32)))
  (memory (export "memory") 2)

  ;; A part at 0, a result at 8, a subscription at 16, an event at 64, texts from 128, and what is read from 1024.
  (data (i32.const 128) "warning\n")
  (data (i32.const 144) "start\n")
  (data (i32.const 160) "main\n")
  (data (i32.const 176) "initialized\n")
  (data (i32.const 192) "file.txt")
  (data (i32.const 208) "env, ")

  ;; Writes bytes, or ends with the error number.
  (func $put (param $fd i32) (param $at i32) (param $len i32)
    (i32.store (i32.const 0) (local.get $at))
    (i32.store (i32.const 4) (local.get $len))
    (call $must (call $write (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8))))
  (func $must (param $errno i32)
    (if (local.get $errno) (then (call $exit (local.get $errno)))))

  (func (export "_start") (call $put (i32.const 1) (i32.const 144) (i32.const 6)))
  (func (export "main") (call $put (i32.const 1) (i32.const 160) (i32.const 5)))
  (func (export "leave") (call $exit (i32.const 7)))

  (func (export "arguments")
    (call $must (call $args_sizes (i32.const 0) (i32.const 8)))
    (call $must (call $args (i32.const 256) (i32.const 1024)))
    (call $put (i32.const 1) (i32.const 1024) (i32.load (i32.const 8))))

  (func (export "environment")
    (call $must (call $variables_sizes (i32.const 0) (i32.const 8)))
    (call $must (call $variables (i32.const 256) (i32.const 1024)))
    (call $put (i32.const 1) (i32.const 1024) (i32.load (i32.const 8))))

  ;; Names of the folders, each followed by a space.
  (func (export "folders") (local $fd i32) (local $len i32)
    (local.set $fd (i32.const 3))
    (loop $next
      (if (i32.eqz (call $prestat (local.get $fd) (i32.const 8))) (then
        (local.set $len (i32.load (i32.const 12)))
        (call $must (call $name (local.get $fd) (i32.const 1024) (local.get $len)))
        (i32.store8 (i32.add (i32.const 1024) (local.get $len)) (i32.const 32))
        (call $put (i32.const 1) (i32.const 1024) (i32.add (local.get $len) (i32.const 1)))
        (local.set $fd (i32.add (local.get $fd) (i32.const 1)))
        (br $next)))))

  ;; Copies a descriptor to standard output.
  (func $copy (param $fd i32)
    (loop $next
      (i32.store (i32.const 0) (i32.const 1024))
      (i32.store (i32.const 4) (i32.const 65536))
      (call $must (call $read (local.get $fd) (i32.const 0) (i32.const 1) (i32.const 8)))
      (if (i32.load (i32.const 8)) (then
        (call $put (i32.const 1) (i32.const 1024) (i32.load (i32.const 8)))
        (br $next)))))

  (func (export "cat") (call $copy (i32.const 0)))

  ;; The first byte by `env`, which has read the others too.
  (func (export "both")
    (drop (call $read_some (i32.const 1024) (i32.const 1)))
    (call $print (i32.const 1024) (i32.const 1))
    (call $print (i32.const 208) (i32.const 5))
    (call $copy (i32.const 0))
    (call $print (i32.const 208) (i32.const 5)))

  (func (export "show")
    (call $must (call $open (i32.const 3) (i32.const 1) (i32.const 192) (i32.const 8) (i32.const 0)
      (i64.const 2) (i64.const 0) (i32.const 0) (i32.const 8)))
    (call $copy (i32.load (i32.const 8))))

  (func (export "flood")
    (loop $again
      (call $put (i32.const 1) (i32.const 144) (i32.const 6))
      (br $again)))

  ;; Waits an hour, for the clock, for input, or for both.
  (func (export "sleep")
    (call $put (i32.const 2) (i32.const 128) (i32.const 8))
    (i64.store (i32.const 40) (i64.const 3600000000000))
    (call $must (call $poll (i32.const 16) (i32.const 64) (i32.const 1) (i32.const 8))))
  (func (export "listen")
    (call $put (i32.const 2) (i32.const 128) (i32.const 8))
    (call $copy (i32.const 0)))
  (func (export "await")
    (call $put (i32.const 2) (i32.const 128) (i32.const 8))
    (i32.store8 (i32.const 24) (i32.const 1))
    (call $must (call $poll (i32.const 16) (i32.const 64) (i32.const 1) (i32.const 8)))))
