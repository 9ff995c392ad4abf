;; Sums and quotients, with functions that have names.
(module
  (import "env" "print_i64" (func $print_i64 (param i64)))
  (import "env" "print_char" (func $print_char (param i32)))
  (global $calls (mut i32) (i32.const 0))

  (func $sum (export "sum") (param $n i64) (result i64) (local $total i64)
    (block $done
      (loop $next
        (br_if $done (i64.eqz (local.get $n)))
        (local.set $total (i64.add (local.get $total) (local.get $n)))
        (local.set $n (i64.sub (local.get $n) (i64.const 1)))
        (br $next)))
    (global.set $calls (i32.add (global.get $calls) (i32.const 1)))
    (local.get $total))

  (func $quotient (param $a i32) (param $b i32) (result i32)
    (i32.div_s (local.get $a) (local.get $b)))

  (func $divide (export "divide") (param $a i32) (param $b i32) (result i32)
    (i32.add (call $quotient (local.get $a) (local.get $b)) (i32.const 0)))

  (func (export "pair") (param f64 i32) (result i32 f64)
    (local.get 1)
    (local.get 0))

  (func (export "main")
    (call $print_i64 (call $sum (i64.const 100)))
    (call $print_char (i32.const 10))))
