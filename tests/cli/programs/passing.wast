;; Every kind of directive that is simple.

(module $doubles
  (memory (export "memory") 1)
  (global (export "answer") i32 (i32.const 42))
  (func (export "double") (param i32) (result i32) (i32.shl (local.get 0) (i32.const 1)))
  (func (export "zero over zero") (result f64) (f64.div (f64.const 0) (f64.const 0)))
  (func (export "load") (param i32) (result i32) (i32.load (local.get 0)))
  (func $endless (export "endless") (call $endless))
)
(register "doubles" $doubles)
(invoke "double" (i32.const 1))
(assert_return (invoke "double" (i32.const 21)) (i32.const 42))
(assert_return (invoke "zero over zero") (f64.const nan:canonical))
(assert_return (get $doubles "answer") (i32.const 42))
(assert_trap (invoke "load" (i32.const 65533)) "out of bounds memory access")
(assert_exhaustion (invoke "endless") "call stack exhausted")

(module
  (import "doubles" "double" (func $double (param i32) (result i32)))
  (import "spectest" "print_i32" (func $print (param i32)))
  (func (export "main") (call $print (call $double (i32.const 1))))
)
(assert_return (invoke "main"))
(assert_return (invoke $doubles "double" (i32.const 3)) (i32.const 6))

(assert_invalid (module (func (result i32))) "type mismatch")
(assert_malformed (module quote "(func (result i33))") "unexpected token")
(assert_malformed (module binary "\00asm\01\00\00") "unexpected end")
(assert_unlinkable (module (import "doubles" "triple" (func))) "unknown import")
