;; Loads and stores add constant offsets, and scaled indices, themselves.
(module
  (memory 1)
  (func (export "offset") (param i32) (result i32)
    (i32.store offset=4 (i32.const 100) (i32.load offset=8 (local.get 0)))
    (i32.load8_u (i32.const 7)))
  (func (export "indexed") (param i32 i32) (result f64)
    (f64.store (i32.add (local.get 0) (i32.shl (local.get 1) (i32.const 3))) (f64.const 1))
    (f64.load offset=16 (i32.add (i32.shl (local.get 1) (i32.const 3)) (local.get 0))))
  (func (export "wraps") (param i32) (result i32)
    ;; a sum wraps, an offset does not: these are not the same
    (i32.load offset=4 (i32.add (local.get 0) (i32.const -4))))
  (func (export "too_far") (result i32)
    (i32.load offset=0xffffffff (i32.const 1)))
  (func (export "global_array") (param i32) (result i32)
    (i32.load (i32.add (i32.shl (local.get 0) (i32.const 2)) (i32.const 1024))))
  (func (export "sum_as_value") (param i32 i32) (result i32)
    (i32.add (local.get 0) (i32.shl (local.get 1) (i32.const 2))))
  (func (export "sum_over_a_set") (param i32 i32) (result i32)
    ;; the address is that of the old index
    (i32.add (local.get 0) (local.get 1))
    (local.set 1 (i32.const 3))
    (i32.load)))
