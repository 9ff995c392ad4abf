(module
  (import "env" "print_char" (func $print_char (param i32)))
  (func $go (export "_start")
    (call $print_char (i32.const 103))
    (call $print_char (i32.const 111))
    (call $print_char (i32.const 10))))
