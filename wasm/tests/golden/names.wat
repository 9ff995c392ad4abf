;; Names of functions, locals and the rest come from the name section.
(module $names
  (global $counter (mut i32) (i32.const 5))
  (memory $pages 1)
  (table $callbacks 1 funcref)
  (elem $members (i32.const 0) $increment)
  (data $greeting (i32.const 16) "hello\00")
  (func $increment (export "increment") (param $by i32) (result i32) (local $sum i32)
    (global.set $counter (local.tee $sum (i32.add (global.get $counter) (local.get $by))))
    (local.get $sum))
  (func (@name "<T as core::fmt::Display>::fmt") (result externref)
    (ref.null extern)))
