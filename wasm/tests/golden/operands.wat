;; Operands are used in place: no register for a constant, no copy of a local.
(module
  (func (export "constants") (param i32 i64 f64) (result i64)
    ;; (x + 3) * 5, 7 - x, 2 < x: immediate forms, mirrored where the constant comes first
    (i32.mul (i32.add (local.get 0) (i32.const 3)) (i32.const 5))
    (drop)
    (local.set 1 (i64.sub (i64.const 7) (local.get 1)))
    (local.set 0 (i32.lt_s (i32.const 2) (local.get 0)))
    (local.set 2 (f64.mul (f64.const 0.5) (local.get 2)))
    (i64.add (i64.extend_i32_s (i32.add (i32.const 40) (i32.const 2))) (local.get 1)))
  (func (export "folded") (result i32)
    (i32.add (i32.clz (i32.const 1)) (i32.popcnt (i32.const 255))))
  (func (export "traps_when_it_runs") (result i32)
    (i32.div_s (i32.const 1) (i32.const 0)))
  (func (export "zero") (param i32) (result i32)
    (select (i32.const 0) (i32.const 9) (local.get 0))))
