//! The least that an embedder does: an engine, a program, a call. For `benches/startup.rs`, which names the tier.

use strata::{Config, Engine, Error, Linker, Module, Store, TierMode};

const PROGRAM: &str = "
    func @double(%n: i32) -> i32 export {
      %n = add.i32 %n, %n
      ret %n
    }";

fn main() -> Result<(), Error> {
    let tier = match std::env::args().nth(1).as_deref() {
        Some("portable") => TierMode::Portable,
        Some("interpreter") => TierMode::Interpreter,
        Some("template") => TierMode::Template,
        _ => TierMode::Auto,
    };
    let engine = Engine::new(Config::new().tier(tier));
    let module = Module::new(&engine, PROGRAM)?;
    let mut store = Store::new(&engine, ());
    let instance = Linker::new(&engine).instantiate(&mut store, &module)?;
    let double = instance.typed_func::<i32, i32>(&store, "double")?;
    assert_eq!(double.call(&mut store, 21)?, 42);
    Ok(())
}
