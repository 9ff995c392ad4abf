//! Imports by name.

use std::sync::Arc;

use ahash::AHashMap;
use bytecode_spec::FuncType;

use crate::engine::Engine;
use crate::error::{Error, HostError};
use crate::externs::Extern;
use crate::host::{Caller, HostFunc, IntoHostFunc, untyped_host_func};
use crate::instance::{Instance, describe};
use crate::module::Module;
use crate::store::AsStoreMut;
use crate::value::Val;

/// Definitions by name, for modules to import: host functions, which serve any store of `T`, and exports of instances,
/// which serve their own store.
///
/// ```
/// # use strata::*;
/// let engine = Engine::default();
/// let mut linker = Linker::new(&engine);
/// linker.func("env", "add_up", |mut caller: Caller<'_, i64>, n: i64| *caller.data_mut() += n)?;
/// let module = Module::new(&engine, r#"
///     import func @add_up(i64) from "env" "add_up"
///     func @main(%n: i64) export {
///       call @add_up(%n)
///       ret
///     }
/// "#)?;
/// let mut store = Store::new(&engine, 0);
/// let main = linker.instantiate(&mut store, &module)?.typed_func::<i64, ()>(&store, "main")?;
/// main.call(&mut store, 40)?;
/// main.call(&mut store, 2)?;
/// assert_eq!(*store.data(), 42);
/// # Ok::<(), Error>(())
/// ```
#[derive(Debug)]
pub struct Linker<T> {
    engine: Engine,
    definitions: AHashMap<(String, String), Definition>,
    data: std::marker::PhantomData<fn(T)>,
}

#[derive(Clone, Debug)]
enum Definition {
    Host(Arc<HostFunc>),
    Extern(Extern),
}

impl<T: 'static> Linker<T> {
    /// A linker without definitions.
    pub fn new(engine: &Engine) -> Linker<T> {
        Linker { engine: engine.clone(), definitions: AHashMap::new(), data: std::marker::PhantomData }
    }

    /// Defines a host function from a closure.
    ///
    /// # Errors
    ///
    /// When the name is defined already.
    pub fn func<P>(
        &mut self,
        module: &str,
        field: &str,
        func: impl IntoHostFunc<T, P>,
    ) -> Result<&mut Self, Error> {
        let func = func.into_host(format!("{module}.{field}"));
        self.insert(module, field, Definition::Host(Arc::new(func)))
    }

    /// Defines a host function of a type known only at run time; see [`Func::new`](crate::Func::new).
    ///
    /// # Errors
    ///
    /// When the name is defined already.
    pub fn func_new(
        &mut self,
        module: &str,
        field: &str,
        ty: FuncType,
        func: impl Fn(Caller<'_, T>, &[Val], &mut [Val]) -> Result<(), HostError> + Send + Sync + 'static,
    ) -> Result<&mut Self, Error> {
        let func = untyped_host_func(format!("{module}.{field}"), ty, func);
        self.insert(module, field, Definition::Host(Arc::new(func)))
    }

    /// Defines something of a store.
    ///
    /// # Errors
    ///
    /// When the name is defined already.
    pub fn define(
        &mut self,
        module: &str,
        field: &str,
        definition: impl Into<Extern>,
    ) -> Result<&mut Self, Error> {
        self.insert(module, field, Definition::Extern(definition.into()))
    }

    /// Defines all that an instance exports, under its names and `module`.
    ///
    /// # Errors
    ///
    /// When a name is defined already.
    pub fn instance(
        &mut self,
        store: &impl AsStoreMut<Data = T>,
        module: &str,
        instance: Instance,
    ) -> Result<&mut Self, Error> {
        for (name, export) in instance.exports(store) {
            self.define(module, &name, export)?;
        }
        Ok(self)
    }

    fn insert(&mut self, module: &str, field: &str, definition: Definition) -> Result<&mut Self, Error> {
        let name = (module.to_owned(), field.to_owned());
        if self.definitions.contains_key(&name) {
            let (module, field) = name;
            return Err(Error::DuplicateDefinition { module, field });
        }
        self.definitions.insert(name, definition);
        Ok(self)
    }

    /// Brings a module to life with the definitions that it imports; see [`Instance::new`].
    ///
    /// # Errors
    ///
    /// When something is not defined, or as for [`Instance::new`].
    pub fn instantiate(
        &self,
        store: &mut impl AsStoreMut<Data = T>,
        module: &Module,
    ) -> Result<Instance, Error> {
        if !self.engine.same(module.engine()) {
            return Err(Error::WrongStore("module"));
        }
        let imports = module.verified().imports.iter().enumerate();
        let imports = imports.map(|(index, import)| {
            let name = (import.module.clone(), import.field.clone());
            match self.definitions.get(&name) {
                Some(Definition::Extern(definition)) => Ok(*definition),
                Some(Definition::Host(func)) => {
                    let opaque = &mut store.as_store_mut().0.opaque;
                    let record = opaque.add_host(Arc::clone(func));
                    Ok(opaque.func_handle(record).into())
                }
                None => {
                    let (module, field, wanted) = (name.0, name.1, describe(module, import.kind));
                    Err(Error::UnknownImport { index, module, field, wanted })
                }
            }
        });
        let imports = imports.collect::<Result<Vec<_>, _>>()?;
        Instance::new(store, module, &imports)
    }
}
