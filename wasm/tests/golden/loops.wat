;; Values that a loop carries stay in registers; a permutation takes one temporary a cycle. Constants that a loop needs are
;; set on entry.
(module
  (memory 1)
  (func (export "rotate") (param i32) (result i32)
    (i32.const 1) (i32.const 2) (i32.const 3)
    (loop $again (param i32 i32 i32) (result i32)
      (local.set 0 (i32.sub (local.get 0) (i32.const 1)))
      ;; a b c -> b c a
      (call $rotated)
      (br_if $again (local.get 0))
      (drop) (drop)))
  (func $rotated (param i32 i32 i32) (result i32 i32 i32)
    (local.get 1) (local.get 2) (local.get 0))
  (func (export "swapped") (param i32 i32 i32) (result i32 i32)
    (local.get 0) (local.get 1)
    (loop $again (param i32 i32) (result i32 i32)
      (block $swap (param i32 i32) (result i32 i32)
        (local.set 1) (local.set 0) (local.get 1) (local.get 0))
      (br_if $again (local.tee 2 (i32.sub (local.get 2) (i32.const 1))))))
  (func (export "sum") (param i32) (result i32) (local i32)
    (loop $again
      (local.set 1 (i32.add (local.get 1) (i32.load (i32.add (local.get 0) (i32.const 4096)))))
      (i32.store (i32.const 8) (i32.const 77))
      (br_if $again (local.tee 0 (i32.sub (local.get 0) (i32.const 4)))))
    (local.get 1)))
