(module)
(assert_retrun (invoke "one") (i32.const 1))
