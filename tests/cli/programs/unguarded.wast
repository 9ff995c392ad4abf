;; Where address space is short, the second memory has no guard: code must not run there that relies on one.
(module $guarded (memory 1) (func (export "none")))
(register "guarded" $guarded)
(module $plain (memory 1)
  (func (export "far") (param i32) (result i32) (i32.load (local.get 0))))
(register "plain" $plain)
(module $caller
  (import "plain" "far" (func $far (param i32) (result i32)))
  (func (export "call") (param i32) (result i32) (call $far (local.get 0)))
  (func (export "tail") (param i32) (result i32) (return_call $far (local.get 0))))
(assert_return (invoke "call" (i32.const 0)) (i32.const 0))
(assert_trap (invoke "call" (i32.const 0x10000)) "out of bounds memory access")
(assert_return (invoke "tail" (i32.const 0)) (i32.const 0))
(assert_trap (invoke "tail" (i32.const 0x10000)) "out of bounds memory access")
