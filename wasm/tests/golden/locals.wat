;; A local stands on the operand stack as itself until it is set.
(module
  (func (export "swap") (param i32 i32) (result i32 i32)
    local.get 0 local.get 1 local.set 0 local.set 1
    local.get 0 local.get 1)
  (func (export "increment") (param i32) (result i32)
    ;; x++ as an operand: the old value moves away once
    local.get 0
    (local.set 0 (i32.add (local.get 0) (i32.const 1)))
    (i32.mul (local.get 0)))
  (func (export "tee") (param i32 i32) (result i32)
    (i32.mul (local.tee 0 (i32.xor (local.get 0) (local.get 1))) (local.get 0)))
  (func (export "kept_over_a_block") (param i32 i32) (result i32)
    local.get 0
    (block (br_if 0 (local.get 1)) (local.set 0 (i32.const 5)))
    (i32.add (local.get 0))))
