;; Greets the world, or whomever its arguments name.
;; Memory: pieces of text at 0, an argument at 64.
(module $greet
  (import "env" "print" (func $print (param $address i32) (param $length i32)))
  (import "env" "arg_count" (func $arg_count (result i32)))
  (import "env" "arg_copy"
    (func $arg_copy (param $index i32) (param $address i32) (param $length i32) (result i32)))

  (memory (export "memory") 1)
  (data (i32.const 0) "Hello, world!\n")

  ;; Prints "Hello, ", so many bytes from 64 on, and "!".
  (func $greet (param $length i32)
    (call $print (i32.const 0) (i32.const 7))
    (call $print (i32.const 64) (local.get $length))
    (call $print (i32.const 12) (i32.const 2)))

  (func (export "main") (local $i i32)
    (if (i32.eqz (call $arg_count))
      (then (call $print (i32.const 0) (i32.const 14)) (return)))
    (loop $next
      (call $greet (call $arg_copy (local.get $i) (i32.const 64) (i32.const 1000)))
      (local.set $i (i32.add (local.get $i) (i32.const 1)))
      (br_if $next (i32.lt_s (local.get $i) (call $arg_count))))))
