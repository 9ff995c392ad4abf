;; Code that is never reached is not translated.
(module
  (func (export "after_return") (result i32)
    (return (i32.const 1))
    (block (loop (br 0)))
    (if (result i32) (i32.const 1) (then (i32.const 2)) (else (i32.const 3))))
  (func (export "after_trap") (param i32) (result i32)
    (block (result i32)
      (unreachable)
      (br_if 0 (i32.const 1) (local.get 0))
      (i32.add)))
  (func (export "both_leave") (param i32) (result i32)
    (if (local.get 0) (then (return (i32.const 1))) (else (return (i32.const 2))))
    (i32.const 3)))
