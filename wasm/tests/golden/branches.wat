;; A comparison that only a branch reads is part of the branch.
(module
  (func (export "compare") (param i32 i32) (result i32)
    (block (br_if 0 (i32.lt_s (local.get 0) (local.get 1))) (return (i32.const 1)))
    (i32.const 0))
  (func (export "constant") (param i64) (result i32)
    (if (result i32) (i64.gt_u (local.get 0) (i64.const 100)) (then (i32.const 1)) (else (i32.const 2))))
  (func (export "eqz") (param i32 i64)
    (block
      (br_if 0 (i32.eqz (local.get 0)))
      (br_if 0 (i64.eqz (local.get 1)))
      (br_if 0 (i32.eqz (i32.eqz (local.get 0))))
      (br_if 0 (i32.and (local.get 0) (i32.const 8)))
      (br_if 0 (i32.eqz (i32.and (local.get 0) (i32.const 8))))
      (br_if 0 (i64.eqz (i64.and (local.get 1) (local.get 1))))))
  (func (export "float") (param f64 f64)
    ;; not less is not greater or equal
    (block
      (br_if 0 (f64.lt (local.get 0) (local.get 1)))
      (br_if 0 (i32.eqz (f64.lt (local.get 0) (local.get 1))))))
  (func (export "value") (param f64 f64 i32) (result i32)
    (i32.add (i32.eqz (f64.lt (local.get 0) (local.get 1))) (i32.eqz (i32.lt_u (local.get 2) (i32.const 3)))))
  (func (export "known") (result i32)
    (block (br_if 0 (i32.const 0)) (br_if 0 (i32.const 1)) (unreachable))
    (if (result i32) (i32.const 0) (then (i32.const 1)) (else (i32.const 2)))))
