//! The same as `start_embedded.rs` with wasmi.

use wasmi::{Engine, Error, Linker, Module, Store};

/// `(module (func (export "double") (param i32) (result i32) (i32.add (local.get 0) (local.get 0))))`
const PROGRAM: &[u8] =
    b"\0asm\x01\0\0\0\x01\x06\x01\x60\x01\x7f\x01\x7f\x03\x02\x01\0\x07\x0a\x01\x06double\0\0\
    \x0a\x09\x01\x07\0\x20\0\x20\0\x6a\x0b";

fn main() -> Result<(), Error> {
    let engine = Engine::default();
    let module = Module::new(&engine, PROGRAM)?;
    let mut store = Store::new(&engine, ());
    let instance = Linker::new(&engine).instantiate_and_start(&mut store, &module)?;
    let double = instance.get_typed_func::<i32, i32>(&store, "double")?;
    assert_eq!(double.call(&mut store, 21)?, 42);
    Ok(())
}
