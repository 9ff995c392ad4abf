//! Does what a case says, in every configuration.

use std::thread;
use std::time::Duration;

use bytecode_spec::TrapCause;
use strata::{Error, FrameInfo, Func, Instance, Linker, Module, Store, Trap, Val};

use super::case::Case;
use super::directive::{Call, Directive, FrameWanted};
use super::{profile, values};
use crate::configuration::{self, Configuration};
use crate::host;

/// Fuel for calls that are not about fuel.
const MUCH_FUEL: u64 = 1 << 40;
/// How long a call runs before it is interrupted.
const BEFORE_INTERRUPT: Duration = Duration::from_millis(2);

pub(super) fn check(case: &Case<'_>) -> Result<(), String> {
    for configuration in &case.configurations {
        Run::new(case, *configuration)
            .and_then(|mut run| run.all())
            .map_err(|error| format!("{}: {error}", configuration.name))?;
    }
    Ok(())
}

/// A case in one configuration.
struct Run<'c> {
    case: &'c Case<'c>,
    configuration: Configuration,
    store: Store<()>,
    linker: Linker<()>,
    modules: Vec<(String, Module)>,
    instances: Vec<Instance>,
}

impl<'c> Run<'c> {
    fn new(case: &'c Case<'c>, configuration: Configuration) -> Result<Run<'c>, String> {
        let engine = configuration.engine(case.config.clone());
        let mut store = Store::new(&engine, ());
        if configuration.fuel {
            store.set_fuel(MUCH_FUEL).map_err(|error| error.to_string())?;
        }
        let linker = host::linker(&engine).map_err(|error| error.to_string())?;
        let modules = case.modules.iter().map(|(name, text)| {
            let module = Module::named(&engine, "case.sasm", text).map_err(|error| error.to_string())?;
            Ok::<_, String>((name.clone(), module))
        });
        let modules = modules.collect::<Result<_, _>>()?;
        Ok(Run { case, configuration, store, linker, modules, instances: Vec::new() })
    }

    fn all(&mut self) -> Result<(), String> {
        let mut directives = self.case.directives.iter();
        match self.instantiate() {
            Ok(()) => {}
            Err(error) => match (directives.next(), Trap::of(&error)) {
                (Some((_, Directive::InstantiateTrap(wanted))), Some(trap)) if trap.cause() == *wanted => {}
                _ => return Err(format!("instantiation failed: {error}")),
            },
        }
        for (line, directive) in directives {
            self.one(directive).map_err(|error| format!("line {line}: {error}"))?;
        }
        let failed = self.modules.iter().find_map(|(_, module)| configuration::not_compiled(module).next());
        failed.map_or(Ok(()), |func| Err(format!("the optimizing compiler fails on function {}", func.0)))
    }

    /// Instantiates the modules in order; every one but the last is linked under its name.
    fn instantiate(&mut self) -> Result<(), Error> {
        for (i, (name, module)) in self.modules.iter().enumerate() {
            let instance = self.linker.instantiate(&mut self.store, module)?;
            self.instances.push(instance);
            if i + 1 < self.modules.len() {
                self.linker.instance(&self.store, name, instance)?;
            }
        }
        Ok(())
    }

    fn one(&mut self, directive: &Directive) -> Result<(), String> {
        match directive {
            Directive::Run(call, wanted) => self.returns(call, wanted),
            Directive::Trap(call, cause, frames) => {
                let error = self.fails(call)?;
                self.is_trap(&error, *cause, frames)
            }
            Directive::InstantiateTrap(_) => {
                Err("instantiation did not trap, or this is not the first".into())
            }
            Directive::FuelUsed(call, used) if self.configuration.fuel => {
                self.with_fuel(*used, |run| run.call(call).map(drop), 0)?;
                match used.checked_sub(1) {
                    Some(less) => self.runs_out(call, less, None),
                    None => Ok(()),
                }
            }
            Directive::FuelLeft(call, fuel, left) if self.configuration.fuel => {
                self.runs_out(call, *fuel, Some(*left))
            }
            Directive::FuelUsed(..) | Directive::FuelLeft(..) => Ok(()),
            Directive::Interrupt(call) => {
                let handle = self.store.interrupt_handle();
                let interrupter = thread::spawn(move || {
                    thread::sleep(BEFORE_INTERRUPT);
                    handle.interrupt();
                });
                let error = self.fails(call)?;
                interrupter.join().map_err(|_| "the interrupter panicked")?;
                self.is_trap(&error, TrapCause::Interrupted, &[])
            }
            Directive::Expect { of, args, relation, number }
                if profile::is_known(of, &self.configuration) =>
            {
                let (_, module) = self.modules.last().expect("a case has a module");
                let found = profile::value(self.case, module, of, args)?;
                let holds = match relation.as_str() {
                    "==" => found == *number,
                    "!=" => found != *number,
                    "<" => found < *number,
                    "<=" => found <= *number,
                    ">" => found > *number,
                    ">=" => found >= *number,
                    other => return Err(format!("unknown relation {other}")),
                };
                if holds { Ok(()) } else { Err(format!("{of} is {found}, expected {relation} {number}")) }
            }
            Directive::Expect { .. } => Ok(()),
        }
    }

    fn returns(&mut self, call: &Call, wanted: &[String]) -> Result<(), String> {
        let found = self.call(call)?;
        if found.len() != wanted.len() {
            return Err(format!("{} results, expected {}", found.len(), wanted.len()));
        }
        let instance = self.instance(&call.module)?;
        for (i, (&found, wanted)) in found.iter().zip(wanted).enumerate() {
            if !values::is(found, wanted, &self.store, instance)? {
                let which = if wanted.len() > 1 { format!("result {i} ") } else { String::new() };
                return Err(format!("{which}is {}, expected {wanted}", values::show(found)));
            }
        }
        Ok(())
    }

    fn instance(&self, module: &str) -> Result<Instance, String> {
        let place = match module {
            "" => Some(self.modules.len() - 1),
            name => self.modules.iter().position(|(known, _)| known == name),
        };
        let instance = place.and_then(|place| self.instances.get(place).copied());
        instance.ok_or_else(|| format!("there is no instance `{module}`"))
    }

    fn resolve(&mut self, call: &Call) -> Result<(Func, Vec<Val>), String> {
        let instance = self.instance(&call.module)?;
        let func = instance.func(&self.store, &call.function).map_err(|error| error.to_string())?;
        let ty = func.ty(&self.store).map_err(|error| error.to_string())?;
        if ty.params.len() != call.args.len() {
            return Err(format!("@{} takes {} arguments", call.function, ty.params.len()));
        }
        let args = ty.params.iter().zip(&call.args);
        let args = args.map(|(&ty, text)| values::argument(ty, text, &mut self.store, instance));
        Ok((func, args.collect::<Result<_, _>>()?))
    }

    fn call(&mut self, call: &Call) -> Result<Vec<Val>, String> {
        let (func, args) = self.resolve(call)?;
        func.call(&mut self.store, &args).map_err(|error| format!("@{} failed: {error}", call.function))
    }

    fn fails(&mut self, call: &Call) -> Result<Error, String> {
        let (func, args) = self.resolve(call)?;
        match func.call(&mut self.store, &args) {
            Ok(_) => Err(format!("@{} returned, expected a trap", call.function)),
            Err(error) => Ok(error),
        }
    }

    /// Does something with just so much fuel, which must leave what it should.
    fn with_fuel(
        &mut self,
        fuel: u64,
        work: impl FnOnce(&mut Self) -> Result<(), String>,
        left: u64,
    ) -> Result<(), String> {
        self.store.set_fuel(fuel).map_err(|error| error.to_string())?;
        work(self)?;
        let found = self.store.fuel().map_err(|error| error.to_string())?;
        self.store.set_fuel(MUCH_FUEL).map_err(|error| error.to_string())?;
        if found == left { Ok(()) } else { Err(format!("{found} fuel of {fuel} is left, expected {left}")) }
    }

    fn runs_out(&mut self, call: &Call, fuel: u64, left: Option<u64>) -> Result<(), String> {
        self.store.set_fuel(fuel).map_err(|error| error.to_string())?;
        let error = self.fails(call).map_err(|error| format!("with {fuel} fuel, {error}"))?;
        self.is_trap(&error, TrapCause::OutOfFuel, &[])?;
        let found = self.store.fuel().map_err(|error| error.to_string())?;
        self.store.set_fuel(MUCH_FUEL).map_err(|error| error.to_string())?;
        match left {
            Some(left) if found != left => Err(format!("{found} fuel of {fuel} is left, expected {left}")),
            _ => Ok(()),
        }
    }

    fn is_trap(&self, error: &Error, cause: TrapCause, wanted: &[FrameWanted]) -> Result<(), String> {
        let trap = Trap::of(error).ok_or_else(|| format!("expected a trap, found: {error}"))?;
        if trap.cause() != cause {
            return Err(format!("trapped with {}, expected {}", trap.cause().name(), cause.name()));
        }
        if wanted.is_empty() || self.frames_are(trap.backtrace().frames(), wanted)? {
            Ok(())
        } else {
            Err(format!("the backtrace is\n{}", trap.backtrace()))
        }
    }

    fn frames_are(&self, frames: &[FrameInfo], wanted: &[FrameWanted]) -> Result<bool, String> {
        let mut frames = frames.iter();
        for wanted in wanted {
            let fits = match (wanted, frames.next()) {
                (FrameWanted::More, _) => return Ok(true),
                (FrameWanted::At(name, place), Some(frame)) => {
                    let line = place.as_ref().map(|place| self.case.line(place)).transpose()?;
                    frame.function == *name && frame.pc.is_some() && (line.is_none() || frame.line == line)
                }
                (FrameWanted::Host(name), Some(frame)) => frame.function == *name && frame.pc.is_none(),
                (FrameWanted::At(..) | FrameWanted::Host(_), None) => false,
            };
            if !fits {
                return Ok(false);
            }
        }
        Ok(frames.next().is_none())
    }
}
