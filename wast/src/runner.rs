//! Does what the directives of a script say.

use strata::{Engine, Error, Val};
use wast::lexer::Lexer;
use wast::parser::{self, ParseBuffer};
use wast::token::Id;
use wast::{QuoteWat, Wast, WastDirective, WastExecute, WastInvoke, WastRet, Wat};

use crate::machine::{Machine, Stop};
use crate::report::{Outcome, Report};
use crate::{messages, values};

/// Runs a script in an engine: all its directives, in order, whether those before passed or not. `name` stands for it in
/// the report. Where the engine counts fuel, the script gets as much as there can be.
///
/// A script that cannot be read as a whole is one failure. Nothing that a script says makes this panic; a script that
/// never ends is never stopped.
pub fn run(name: &str, text: &str, engine: &Engine) -> Report {
    let mut report = Report::new(name, text);
    if let Err(error) = run_into(&mut report, text, engine) {
        let offset = error.span().offset();
        report.add(offset, "script", Outcome::Failed(error.message()));
    }
    report
}

fn run_into(report: &mut Report, text: &str, engine: &Engine) -> Result<(), wast::Error> {
    let mut lexer = Lexer::new(text);
    // The specification's scripts have names in all of Unicode.
    lexer.allow_confusing_unicode(true);
    let buffer = ParseBuffer::new_with_lexer(lexer)?;
    let script: Wast<'_> = parser::parse(&buffer)?;
    let mut runner = match Machine::new(engine) {
        Ok(machine) => Runner { machine },
        Err(error) => {
            report.add(0, "script", Outcome::Failed(messages::show(&error)));
            return Ok(());
        }
    };
    for directive in script.directives {
        let (offset, what) = (directive.span().offset(), describe(&directive));
        report.add(offset, &what, runner.directive(directive).err().unwrap_or(Outcome::Passed));
    }
    Ok(())
}

struct Runner {
    machine: Machine,
}

impl From<String> for Outcome {
    fn from(why: String) -> Outcome {
        Outcome::Failed(why)
    }
}

impl From<Stop> for Outcome {
    fn from(stop: Stop) -> Outcome {
        match stop {
            Stop::Unsupported(what) => Outcome::Skipped(what),
            Stop::Syntax(_)
            | Stop::Refused(_)
            | Stop::UnknownImport { .. }
            | Stop::Ran(_)
            | Stop::Script(_) => Outcome::Failed(stop.to_string()),
        }
    }
}

impl Runner {
    /// Does what a directive says; the outcome if it does not pass.
    fn directive(&mut self, directive: WastDirective<'_>) -> Result<(), Outcome> {
        match directive {
            WastDirective::Module(module) => Ok(self.machine.define_and_instantiate(module)?),
            WastDirective::ModuleDefinition(module) => Ok(self.machine.define(module).map(drop)?),
            WastDirective::ModuleInstance { instance, module, .. } => {
                Ok(self.machine.instantiate_defined(instance, module)?)
            }
            WastDirective::Register { name, module, .. } => Ok(self.machine.register(name, module)?),
            WastDirective::Invoke(invoke) => Ok(self.machine.invoke(&invoke).map(drop)?),
            WastDirective::AssertReturn { exec, results, .. } => self.assert_return(exec, &results),
            WastDirective::AssertTrap { exec, message, .. } => {
                let ended = self.execute(exec);
                self.assert_trap(ended, message)
            }
            WastDirective::AssertExhaustion { call, message, .. } => {
                let ended = self.machine.invoke(&call);
                self.assert_trap(ended, message)
            }
            WastDirective::AssertMalformed { module, message, .. } => self.assert_malformed(module, message),
            WastDirective::AssertInvalid { module, message, .. } => self.assert_invalid(module, message),
            WastDirective::AssertUnlinkable { module, message, .. } => {
                self.assert_unlinkable(module, message)
            }
            WastDirective::AssertMalformedCustom { .. } | WastDirective::AssertInvalidCustom { .. } => {
                Err(Outcome::Skipped("contents of custom sections are not checked".to_owned()))
            }
            WastDirective::AssertException { .. } => Err(unsupported("exceptions")),
            WastDirective::AssertSuspension { .. } => Err(unsupported("stack switching")),
            WastDirective::Thread(_) | WastDirective::Wait { .. } => Err(unsupported("threads")),
        }
    }

    /// Does what is to be asserted; a module gives no results.
    fn execute(&mut self, exec: WastExecute<'_>) -> Result<Vec<Val>, Stop> {
        match exec {
            WastExecute::Invoke(invoke) => self.machine.invoke(&invoke),
            WastExecute::Wat(module) => self.machine.run_module(module).map(|()| Vec::new()),
            WastExecute::Get { module, global, .. } => Ok(vec![self.machine.get(module, global)?]),
        }
    }

    fn assert_return(&mut self, exec: WastExecute<'_>, expected: &[WastRet<'_>]) -> Result<(), Outcome> {
        let results = self.execute(exec)?;
        if values::fit(&results, expected, &self.machine.store)? {
            return Ok(());
        }
        let results = values::show(&results, &self.machine.store);
        Err(format!("got {results}, expected {}", values::show_expected(expected)).into())
    }

    fn assert_trap(&self, ended: Result<Vec<Val>, Stop>, message: &str) -> Result<(), Outcome> {
        match ended {
            Ok(results) => {
                let results = values::show(&results, &self.machine.store);
                Err(format!("got {results}, expected the trap \"{message}\"").into())
            }
            Err(stop) => unless_unsupported(stop, |stop| messages::check_trap(message, stop)),
        }
    }

    /// A text is refused by the reader of texts or as the module that it stands for, bytes in any case as a module.
    fn assert_malformed(&self, mut module: QuoteWat<'_>, message: &str) -> Result<(), Outcome> {
        match self.machine.load(&mut module) {
            Err(Stop::Syntax(_)) => Ok(()),
            loaded => check_refused(loaded.map(drop), message),
        }
    }

    fn assert_invalid(&self, mut module: QuoteWat<'_>, message: &str) -> Result<(), Outcome> {
        check_refused(self.machine.load(&mut module).map(drop), message)
    }

    fn assert_unlinkable(&mut self, module: Wat<'_>, message: &str) -> Result<(), Outcome> {
        match self.machine.run_module(module) {
            Ok(()) => {
                Err(format!("the module was linked; expected that linking fails with \"{message}\"").into())
            }
            Err(stop) => unless_unsupported(stop, |stop| messages::check_unlinkable(message, stop)),
        }
    }
}

/// Whether a module was refused with the place in its bytes: what is refused later, as bytecode, was mistranslated.
fn check_refused(loaded: Result<(), Stop>, message: &str) -> Result<(), Outcome> {
    match loaded {
        Ok(()) => Err(format!("the module was accepted; expected that it is refused: {message}").into()),
        Err(Stop::Refused(Error::Wasm(_))) => Ok(()),
        Err(stop) => unless_unsupported(stop, |stop| {
            Err(format!("{stop}; expected that the module is refused with a place in its bytes: {message}"))
        }),
    }
}

/// What `check` says about a stop, unless it stands for something that this machine does not have.
fn unless_unsupported(stop: Stop, check: impl Fn(&Stop) -> Result<(), String>) -> Result<(), Outcome> {
    if matches!(stop, Stop::Unsupported(_)) {
        return Err(stop.into());
    }
    Ok(check(&stop)?)
}

fn unsupported(what: &str) -> Outcome {
    Stop::Unsupported(format!("{what} are not supported")).into()
}

/// A directive's keyword and what it is about.
fn describe(directive: &WastDirective<'_>) -> String {
    match directive {
        WastDirective::Module(module) => format!("module{}", named(module.name())),
        WastDirective::ModuleDefinition(module) => format!("module definition{}", named(module.name())),
        WastDirective::ModuleInstance { instance, module, .. } => {
            format!("module instance{}{}", named(*instance), named(*module))
        }
        WastDirective::Register { name, .. } => format!("register {name:?}"),
        WastDirective::Invoke(invoke) => describe_invoke(invoke),
        WastDirective::AssertReturn { exec, .. } => format!("assert_return ({})", describe_execute(exec)),
        WastDirective::AssertTrap { exec, .. } => format!("assert_trap ({})", describe_execute(exec)),
        WastDirective::AssertExhaustion { call, .. } => {
            format!("assert_exhaustion ({})", describe_invoke(call))
        }
        WastDirective::AssertException { exec, .. } => {
            format!("assert_exception ({})", describe_execute(exec))
        }
        WastDirective::AssertSuspension { exec, .. } => {
            format!("assert_suspension ({})", describe_execute(exec))
        }
        WastDirective::AssertMalformed { .. } => "assert_malformed".to_owned(),
        WastDirective::AssertMalformedCustom { .. } => "assert_malformed_custom".to_owned(),
        WastDirective::AssertInvalid { .. } => "assert_invalid".to_owned(),
        WastDirective::AssertInvalidCustom { .. } => "assert_invalid_custom".to_owned(),
        WastDirective::AssertUnlinkable { .. } => "assert_unlinkable".to_owned(),
        WastDirective::Thread(thread) => format!("thread{}", named(Some(thread.name))),
        WastDirective::Wait { thread, .. } => format!("wait{}", named(Some(*thread))),
    }
}

fn describe_execute(exec: &WastExecute<'_>) -> String {
    match exec {
        WastExecute::Invoke(invoke) => describe_invoke(invoke),
        WastExecute::Wat(_) => "module".to_owned(),
        WastExecute::Get { module, global, .. } => format!("get{} {global:?}", named(*module)),
    }
}

fn describe_invoke(invoke: &WastInvoke<'_>) -> String {
    format!("invoke{} {:?}", named(invoke.module), invoke.name)
}

fn named(id: Option<Id<'_>>) -> String {
    id.map_or(String::new(), |id| format!(" ${}", id.name()))
}
