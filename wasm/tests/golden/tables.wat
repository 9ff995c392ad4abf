;; Branch tables: values are moved in a block on the way to each frame.
(module
  (func (export "plain") (param i32) (result i32)
    (block (block (block (br_table 0 1 2 1 (local.get 0))) (return (i32.const 10))) (return (i32.const 11)))
    (i32.const 12))
  (func (export "values") (param i32 i32) (result i32)
    (block $a (result i32)
      (block $b (result i32)
        (local.get 1)
        (local.get 0)
        (br_table $a $b $a 2))
      (i32.add (i32.const 1))))
  (func (export "loop") (param i32) (result i32)
    (loop $again
      (local.set 0 (i32.sub (local.get 0) (i32.const 1)))
      (block $out (br_table $out $again (local.get 0))))
    (local.get 0)))
