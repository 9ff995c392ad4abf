//! What a script builds and uses: a store, modules, instances, names.

use std::collections::HashMap;
use std::fmt;

use strata::{Engine, Error, Extern, Instance, Module, Store, Val};
use wast::token::Id;
use wast::{QuoteWat, WastInvoke, Wat};

use crate::{messages, spectest, values};

/// Exports by name.
pub(crate) type Exports = HashMap<String, Extern>;

/// Why a module did not come to life, or a function did not return.
#[derive(Debug)]
pub(crate) enum Stop {
    /// A text is not a module.
    Syntax(wast::Error),
    /// A module is refused.
    Refused(Error),
    /// Nothing is registered under the name that a module imports.
    UnknownImport {
        /// First part of the name.
        module: String,
        /// Second part of the name.
        field: String,
    },
    /// Instantiation or a call ended with an error, such as a trap.
    Ran(Error),
    /// The script names what it does not have.
    Script(String),
    /// The script needs what this machine does not have.
    Unsupported(String),
}

impl fmt::Display for Stop {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Stop::Syntax(error) => write!(f, "not a module: {}", error.message()),
            Stop::Refused(error) => write!(f, "the module is refused: {}", messages::show(error)),
            Stop::UnknownImport { module, field } => {
                write!(f, "import \"{module}\" \"{field}\" is not registered")
            }
            Stop::Ran(error) => f.write_str(&messages::show(error)),
            Stop::Script(what) | Stop::Unsupported(what) => f.write_str(what),
        }
    }
}

/// The state of a script. All its modules live in one store.
#[derive(Debug)]
pub(crate) struct Machine {
    pub(crate) store: Store<()>,
    modules: Named<Module>,
    instances: Named<Instance>,
    /// By the name that modules import them by.
    registered: HashMap<String, Exports>,
}

/// Things that a script names, or refers to as the last one.
#[derive(Debug)]
struct Named<T> {
    kind: &'static str,
    last: Option<T>,
    by_name: HashMap<String, T>,
}

impl<T: Clone> Named<T> {
    fn new(kind: &'static str) -> Named<T> {
        Named { kind, last: None, by_name: HashMap::new() }
    }

    /// Forgets the last one, and any of that name: what is to take their place may fail to.
    fn clear(&mut self, name: Option<Id<'_>>) {
        self.last = None;
        if let Some(name) = name {
            self.by_name.remove(name.name());
        }
    }

    fn set(&mut self, name: Option<Id<'_>>, item: T) {
        if let Some(name) = name {
            self.by_name.insert(name.name().to_owned(), item.clone());
        }
        self.last = Some(item);
    }

    fn get(&self, name: Option<Id<'_>>) -> Result<T, Stop> {
        let kind = self.kind;
        match name {
            Some(name) => {
                let found = self.by_name.get(name.name());
                found.cloned().ok_or_else(|| Stop::Script(format!("there is no {kind} ${}", name.name())))
            }
            None => self.last.clone().ok_or_else(|| Stop::Script(format!("there is no {kind} to refer to"))),
        }
    }
}

impl Machine {
    /// A machine without modules, but with `spectest` to import. Where fuel is counted, it has as much as there can be.
    pub(crate) fn new(engine: &Engine) -> Result<Machine, Error> {
        let mut store = Store::new(engine, ());
        if engine.config().fuel {
            store.set_fuel(u64::MAX)?;
        }
        let spectest = spectest::exports(&mut store)?;
        Ok(Machine {
            store,
            modules: Named::new("module"),
            instances: Named::new("instance"),
            registered: HashMap::from([(spectest::NAME.to_owned(), spectest)]),
        })
    }

    /// Loads a module.
    pub(crate) fn load(&self, wat: &mut QuoteWat<'_>) -> Result<Module, Stop> {
        match wat {
            QuoteWat::Wat(Wat::Component(_)) | QuoteWat::QuoteComponent(..) => return Err(no_components()),
            QuoteWat::Wat(Wat::Module(_)) | QuoteWat::QuoteModule(..) => {}
        }
        self.load_binary(&wat.encode().map_err(Stop::Syntax)?)
    }

    fn load_binary(&self, bytes: &[u8]) -> Result<Module, Stop> {
        if !bytes.starts_with(&strata_wasm::MAGIC) {
            // The engine would take them for another form of program, such as assembler text.
            strata_wasm::translate(bytes).map_err(|error| Stop::Refused(error.into()))?;
        }
        Module::new(self.store.engine(), bytes).map_err(Stop::Refused)
    }

    /// Loads a module for later instantiation.
    pub(crate) fn define(&mut self, mut wat: QuoteWat<'_>) -> Result<Module, Stop> {
        let name = wat.name();
        self.modules.clear(name);
        let module = self.load(&mut wat)?;
        self.modules.set(name, module.clone());
        Ok(module)
    }

    /// Loads a module and brings it to life.
    pub(crate) fn define_and_instantiate(&mut self, wat: QuoteWat<'_>) -> Result<(), Stop> {
        let name = wat.name();
        self.instances.clear(name);
        let module = self.define(wat)?;
        let instance = self.instantiate(&module)?;
        self.instances.set(name, instance);
        Ok(())
    }

    /// Brings a module that is defined to life, under a name of its own.
    pub(crate) fn instantiate_defined(
        &mut self,
        name: Option<Id<'_>>,
        module: Option<Id<'_>>,
    ) -> Result<(), Stop> {
        self.instances.clear(name);
        let module = self.modules.get(module)?;
        let instance = self.instantiate(&module)?;
        self.instances.set(name, instance);
        Ok(())
    }

    /// Brings a module to life that the script does not refer to later.
    pub(crate) fn run_module(&mut self, wat: Wat<'_>) -> Result<(), Stop> {
        let module = self.load(&mut QuoteWat::Wat(wat))?;
        self.instantiate(&module)?;
        Ok(())
    }

    fn instantiate(&mut self, module: &Module) -> Result<Instance, Stop> {
        let imports = module.verified().imports.iter().map(|import| {
            let export = self.registered.get(&import.module).and_then(|exports| exports.get(&import.field));
            export.copied().ok_or_else(|| Stop::UnknownImport {
                module: import.module.clone(),
                field: import.field.clone(),
            })
        });
        let imports = imports.collect::<Result<Vec<_>, _>>()?;
        Instance::new(&mut self.store, module, &imports).map_err(Stop::Ran)
    }

    /// Lets modules import what an instance exports, by that name from now on.
    pub(crate) fn register(&mut self, name: &str, instance: Option<Id<'_>>) -> Result<(), Stop> {
        let exports = self.instances.get(instance)?.exports(&self.store);
        self.registered.insert(name.to_owned(), exports.into_iter().collect());
        Ok(())
    }

    /// Calls an exported function.
    pub(crate) fn invoke(&mut self, invoke: &WastInvoke<'_>) -> Result<Vec<Val>, Stop> {
        let instance = self.instances.get(invoke.module)?;
        let func = instance.func(&self.store, invoke.name).map_err(Stop::Ran)?;
        let args = invoke.args.iter().map(|arg| values::argument(arg, &mut self.store));
        let args = args.collect::<Result<Vec<_>, _>>()?;
        func.call(&mut self.store, &args).map_err(Stop::Ran)
    }

    /// The value of an exported global.
    pub(crate) fn get(&mut self, instance: Option<Id<'_>>, global: &str) -> Result<Val, Stop> {
        let global = self.instances.get(instance)?.global(&self.store, global).map_err(Stop::Ran)?;
        global.get(&mut self.store).map_err(Stop::Ran)
    }
}

fn no_components() -> Stop {
    Stop::Unsupported("components are not supported".to_owned())
}
