;; A program for WASI without `_start`: it wants to be initialized before it is used.
(module
  (import "wasi_snapshot_preview1" "sched_yield" (func (result i32)))
  (global $value (mut i32) (i32.const 0))
  (func (export "_initialize") (global.set $value (i32.add (global.get $value) (i32.const 42))))
  (func (export "value") (result i32) (global.get $value)))
