//! Modules as an embedder holds them.

use std::sync::Arc;
use std::sync::atomic::Ordering;

use bytecode_spec::encoding::{self, DecodeError, MAGIC};
use bytecode_spec::{ExportKind, FuncIndex, FuncType, VerifiedModule, verify};

use crate::code::{LoadedModule, Version};
use crate::config::TierMode;
use crate::engine::Engine;
use crate::error::Error;
use crate::profile::Profile;
use crate::tiering::policy::Refusal;
use crate::trap::Tier;
use strata_jit::optimizing::Entry;

/// A verified program or library, loaded into an engine: immutable, shared by all its instances in all threads. Cloning
/// gives another handle.
#[derive(Clone, Debug)]
pub struct Module(pub(crate) Arc<LoadedModule>);

/// Where a function is in its life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FunctionStatus {
    /// The function.
    pub func: FuncIndex,
    /// The version of it that calls run, the first being 1. There is no other one yet.
    pub version: u32,
    /// The tier that calls run in now. Activations that began before may be in another one, and loops go on in optimized code by
    /// themselves: see [`OptimizedFunction::loop_heads`](crate::OptimizedFunction::loop_heads).
    pub tier: Tier,
    /// Bytes of its code of the template compiler, if it has any.
    pub template_bytes: usize,
    /// Calls that such code has counted: only if the engine optimizes, and in steps.
    pub template_calls: u32,
    /// Back edges that it has counted, in the same way.
    pub template_back_edges: u32,
}

impl Module {
    /// Loads a program: in Strata's binary form, in assembler text (with the feature `asm`), a WebAssembly module (`wasm`) or
    /// one in text (`wat`); all three features are on by default. Which form it has, its beginning tells.
    ///
    /// # Errors
    ///
    /// When the bytes are none of these, or the module is not valid.
    ///
    /// ```
    /// let engine = strata::Engine::default();
    /// let module = strata::Module::new(&engine, "func @one() -> i32 export {\n %r: i32 = const.i32 1\n ret %r\n}")?;
    /// assert_eq!(module.exports().next().unwrap().0, "one");
    /// # Ok::<(), strata::Error>(())
    /// ```
    ///
    /// WebAssembly is translated to the same bytecode, and is linked and called in the same way:
    ///
    /// ```
    /// # use strata::*;
    /// let engine = Engine::default();
    /// let module = Module::new(&engine, r#"
    ///     (module
    ///       (import "host" "factor" (func $factor (result i32)))
    ///       (func (export "scale") (param i32) (result i32)
    ///         (i32.mul (local.get 0) (call $factor))))
    /// "#)?;
    /// let mut linker = Linker::new(&engine);
    /// linker.func("host", "factor", || 6)?;
    /// let mut store = Store::new(&engine, ());
    /// let instance = linker.instantiate(&mut store, &module)?;
    /// assert_eq!(instance.typed_func::<i32, i32>(&store, "scale")?.call(&mut store, 7)?, 42);
    /// # Ok::<(), Error>(())
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
        let module = match Form::of(program)? {
            Form::Binary => verify(encoding::decode(program)?)?,
            Form::Text(text) => assemble(name, text)?,
            Form::Wasm => translate(program)?,
            Form::Wat(text) => translate_text(name, text)?,
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
    /// ran are left out. What has machine code counts as run in it.
    ///
    /// ```
    /// # use strata::*;
    /// # let engine = Engine::new(Config::new().tier(TierMode::Portable));
    /// let module = Module::new(&engine, "func @one() export {\n ret\n}\nfunc @other() export {\n ret\n}")?;
    /// let mut store = Store::new(&engine, ());
    /// let instance = Linker::new(&engine).instantiate(&mut store, &module)?;
    /// instance.typed_func::<(), ()>(&store, "one")?.call(&mut store, ())?;
    /// assert_eq!(module.functions_run(), [(Tier::Portable, 1)]);
    /// # Ok::<(), Error>(())
    /// ```
    pub fn functions_run(&self) -> Vec<(Tier, usize)> {
        let (mut interpreted, mut template, mut optimizing) = (0, 0, 0);
        for version in self.functions().filter_map(|func| self.0.called_version(func)) {
            // What got machine code without having been counted was never interpreted.
            let was_counted = version.calls.load(Ordering::Relaxed) > 0;
            let is_compiled = version.native().is_some() || version.optimized.exists();
            interpreted += usize::from(!is_compiled || was_counted);
            template += usize::from(version.native().is_some());
            optimizing += usize::from(version.optimized.exists());
        }
        let tier0 = if self.engine().shared_code().is_some() { Tier::Interpreter } else { Tier::Portable };
        let tiers = [(tier0, interpreted), (Tier::Template, template), (Tier::Optimizing, optimizing)];
        tiers.into_iter().filter(|&(_, count)| count > 0).collect()
    }

    /// Where each function that was called is in its life, in their order.
    ///
    /// ```
    /// # use strata::*;
    /// let engine = Engine::new(Config::new().tier(TierMode::Portable));
    /// let module = Module::new(&engine, "func @one() export {\n ret\n}\nfunc @other() export {\n ret\n}")?;
    /// let mut store = Store::new(&engine, ());
    /// let instance = Linker::new(&engine).instantiate(&mut store, &module)?;
    /// instance.typed_func::<(), ()>(&store, "one")?.call(&mut store, ())?;
    /// let status = module.status();
    /// assert_eq!((status.len(), status[0].func, status[0].tier), (1, FuncIndex(0), Tier::Portable));
    /// # Ok::<(), Error>(())
    /// ```
    pub fn status(&self) -> Vec<FunctionStatus> {
        self.functions().filter_map(|func| self.0.called_version(func)).map(Version::status).collect()
    }

    /// The functions that stay in the interpreter though they were to get machine code, and why; in their order.
    ///
    /// ```
    /// # use strata::*;
    /// let engine = Engine::new(Config::new().tier(TierMode::Template));
    /// let module = Module::new(&engine, "func @one() export {\n ret\n}")?;
    /// for (func, refusal) in module.refused() {
    ///     eprintln!("function {} is interpreted: {refusal}", func.0);
    /// }
    /// # Ok::<(), Error>(())
    /// ```
    pub fn refused(&self) -> Vec<(FuncIndex, Refusal)> {
        let versions = self.functions().filter_map(|func| self.0.called_version(func));
        versions.filter_map(|version| Some((version.func, version.refusal()?))).collect()
    }

    /// The functions that the module defines, ascending.
    ///
    /// ```
    /// # use strata::*;
    /// let engine = Engine::default();
    /// let module = Module::new(&engine, "import func @print(i32) from \"env\" \"print\"\nfunc @one() {\n ret\n}")?;
    /// assert!(module.functions().map(|func| func.0).eq([1]));
    /// # Ok::<(), Error>(())
    /// ```
    pub fn functions(&self) -> impl Iterator<Item = FuncIndex> {
        let imported = self.0.module.spaces().imported_funcs;
        (imported..imported + self.0.module.functions.len() as u32).map(FuncIndex)
    }

    /// Makes machine code for all functions of the module now, whatever the policy, and gives the bytes that it takes: of the
    /// optimizing compiler in [`TierMode::Optimizing`](crate::TierMode), else of the template compiler. Functions that have some already do not count, nor do those that are [refused](Self::refused).
    ///
    /// ```
    /// # use strata::*;
    /// let engine = Engine::new(Config::new().tier(TierMode::Template));
    /// let module = Module::new(&engine, "func @one() -> i32 export {\n %r: i32 = const.i32 1\n ret %r\n}")?;
    /// let bytes = module.compile_all();
    /// assert!(engine.code_bytes() >= bytes);
    /// assert_eq!(module.compile_all(), 0);
    /// # Ok::<(), Error>(())
    /// ```
    pub fn compile_all(&self) -> usize {
        let before = self.engine().code_bytes();
        for func in self.functions() {
            let version = self.0.uncalled_version(func);
            // Who wants to know what was refused asks afterwards.
            _ = match self.engine().config().tier {
                TierMode::Optimizing => version.optimize(Entry::Start, 0),
                TierMode::Auto | TierMode::Portable | TierMode::Interpreter | TierMode::Template => {
                    version.compile()
                }
            };
            self.0.version(func);
        }
        self.engine().code_bytes().saturating_sub(before)
    }

    /// What tier 0 has recorded so far of the module's functions, in all instances and threads; empty when the engine
    /// does not [profile](crate::Config::profile).
    pub fn profile(&self) -> Profile {
        Profile::read(&self.0)
    }
}

/// The forms that a program can have.
enum Form<'a> {
    /// Strata's binary form.
    Binary,
    /// Assembler text.
    Text(&'a str),
    /// A WebAssembly module.
    Wasm,
    /// A WebAssembly module in text.
    Wat(&'a str),
}

impl Form<'_> {
    /// The form of a program, by its beginning.
    fn of(program: &[u8]) -> Result<Form<'_>, DecodeError> {
        if program.starts_with(&MAGIC) {
            return Ok(Form::Binary);
        }
        if program.starts_with(b"\0asm") {
            return Ok(Form::Wasm);
        }
        match std::str::from_utf8(program) {
            Ok(text) if starts_with_parenthesis(text) => Ok(Form::Wat(text)),
            Ok(text) => Ok(Form::Text(text)),
            // Neither text nor binary: the binary reader says what it misses.
            Err(_) => Err(DecodeError::Magic),
        }
    }
}

/// Whether a text is in WebAssembly's syntax: behind space and comments (`;` to the end of a line, and `(; … ;)`, which may
/// be nested) it starts with a parenthesis, which no assembler text does.
fn starts_with_parenthesis(text: &str) -> bool {
    let mut rest = text;
    loop {
        rest = rest.trim_start();
        if rest.starts_with(';') {
            rest = rest.find('\n').map_or("", |end| &rest[end..]);
        } else if let Some(mut inside) = rest.strip_prefix("(;") {
            let mut depth = 1;
            while depth > 0 {
                let Some(next) = inside.find(['(', ';']) else { return true };
                let opens = inside[next..].starts_with("(;");
                let closes = inside[next..].starts_with(";)");
                depth = if opens { depth + 1 } else { depth - usize::from(closes) };
                inside = &inside[next + if opens || closes { 2 } else { 1 }..];
            }
            rest = inside;
        } else {
            return rest.starts_with('(');
        }
    }
}

#[cfg(feature = "asm")]
fn assemble(name: &str, text: &str) -> Result<VerifiedModule, Error> {
    Ok(strata_asm::assemble(name, text)?)
}

#[cfg(not(feature = "asm"))]
fn assemble(_name: &str, _text: &str) -> Result<VerifiedModule, Error> {
    Err(Error::FormUnsupported { form: "assembler text", feature: "asm" })
}

#[cfg(feature = "wasm")]
fn translate(program: &[u8]) -> Result<VerifiedModule, Error> {
    Ok(verify(strata_wasm::translate(program)?)?)
}

#[cfg(not(feature = "wasm"))]
fn translate(_program: &[u8]) -> Result<VerifiedModule, Error> {
    Err(Error::FormUnsupported { form: "a WebAssembly module", feature: "wasm" })
}

#[cfg(feature = "wat")]
fn translate_text(name: &str, text: &str) -> Result<VerifiedModule, Error> {
    let program = wat::Parser::new().parse_str(Some(name.as_ref()), text).map_err(Error::Wat)?;
    translate(&program)
}

#[cfg(not(feature = "wat"))]
fn translate_text(_name: &str, _text: &str) -> Result<VerifiedModule, Error> {
    Err(Error::FormUnsupported { form: "a WebAssembly module in text", feature: "wat" })
}
