//! Modules as an embedder holds them.

use std::sync::Arc;

use bytecode_spec::encoding::{self, MAGIC};
use bytecode_spec::{ExportKind, FuncIndex, FuncType, VerifiedModule, verify};

use crate::code::LoadedModule;
use crate::engine::Engine;
use crate::error::Error;
use crate::profile::Profile;
use crate::trap::Tier;

/// A verified program or library, loaded into an engine: immutable, shared by all its instances in all threads. Cloning
/// gives another handle.
#[derive(Clone, Debug)]
pub struct Module(pub(crate) Arc<LoadedModule>);

impl Module {
    /// Loads a program, in binary form or (with the feature `asm`) in text; which one, its first bytes tell.
    ///
    /// # Errors
    ///
    /// When the bytes are neither, or the module is not valid.
    ///
    /// ```
    /// let engine = strata::Engine::default();
    /// let module = strata::Module::new(&engine, "func @one() -> i32 export {\n %r: i32 = const.i32 1\n ret %r\n}")?;
    /// assert_eq!(module.exports().next().unwrap().0, "one");
    /// # Ok::<(), strata::Error>(())
    /// ```
    pub fn new(engine: &Engine, program: impl AsRef<[u8]>) -> Result<Module, Error> {
        Module::named(engine, "program", program)
    }

    /// As [`new`](Self::new), with the name of the file that messages and line numbers refer to.
    ///
    /// # Errors
    ///
    /// As for [`new`](Self::new).
    pub fn named(engine: &Engine, name: &str, program: impl AsRef<[u8]>) -> Result<Module, Error> {
        let program = program.as_ref();
        let module = if program.starts_with(&MAGIC) {
            verify(encoding::decode(program)?)?
        } else {
            assemble(name, program)?
        };
        Ok(Module(LoadedModule::new(engine, module)))
    }

    /// Loads a module that is verified already.
    pub fn from_verified(engine: &Engine, module: VerifiedModule) -> Module {
        Module(LoadedModule::new(engine, module))
    }

    /// The module on paper.
    pub fn verified(&self) -> &VerifiedModule {
        &self.0.module
    }

    /// The engine it was loaded into.
    pub fn engine(&self) -> &Engine {
        &self.0.engine
    }

    /// Names and kinds of what the module exports, in its order.
    pub fn exports(&self) -> impl Iterator<Item = (&str, ExportKind)> {
        self.0.module.exports.iter().map(|export| (export.name.as_str(), export.kind))
    }

    /// The type of the exported function of that name.
    pub fn exported_func(&self, name: &str) -> Option<&FuncType> {
        self.exports().find_map(|(exported, kind)| match kind {
            ExportKind::Func(func) if exported == name => Some(self.0.module.func_type(func)),
            ExportKind::Func(_) | ExportKind::Table(_) | ExportKind::Memory(_) | ExportKind::Global(_) => {
                None
            }
        })
    }

    /// How many of the module's functions have run so far in each tier, in all instances and threads; tiers in which none
    /// ran are left out.
    ///
    /// ```
    /// # use strata::*;
    /// # let engine = Engine::default();
    /// let module = Module::new(&engine, "func @one() export {\n ret\n}\nfunc @other() export {\n ret\n}")?;
    /// let mut store = Store::new(&engine, ());
    /// let instance = Linker::new(&engine).instantiate(&mut store, &module)?;
    /// instance.typed_func::<(), ()>(&store, "one")?.call(&mut store, ())?;
    /// assert_eq!(module.functions_run(), [(Tier::Portable, 1)]);
    /// # Ok::<(), Error>(())
    /// ```
    pub fn functions_run(&self) -> Vec<(Tier, usize)> {
        let imported = self.0.module.spaces().imported_funcs;
        let functions = (imported..imported + self.0.module.functions.len() as u32).map(FuncIndex);
        match functions.filter(|&func| self.0.existing_version(func).is_some()).count() {
            0 => Vec::new(),
            portable => vec![(Tier::Portable, portable)],
        }
    }

    /// What tier 0 has recorded so far of the module's functions, in all instances and threads; empty when the engine
    /// does not [profile](crate::Config::profile).
    pub fn profile(&self) -> Profile {
        Profile::read(&self.0)
    }
}

#[cfg(feature = "asm")]
fn assemble(name: &str, program: &[u8]) -> Result<VerifiedModule, Error> {
    match std::str::from_utf8(program) {
        Ok(text) => Ok(strata_asm::assemble(name, text)?),
        // Neither text nor binary: the binary reader says what it misses.
        Err(_) => Err(encoding::DecodeError::Magic.into()),
    }
}

#[cfg(not(feature = "asm"))]
fn assemble(_name: &str, program: &[u8]) -> Result<VerifiedModule, Error> {
    match std::str::from_utf8(program) {
        Ok(_) => Err(Error::TextUnsupported),
        Err(_) => Err(encoding::DecodeError::Magic.into()),
    }
}
