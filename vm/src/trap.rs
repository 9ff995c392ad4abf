//! Traps: why running code stopped, and where.

use std::fmt;

use bytecode_spec::{Pc, TrapCause};

use crate::error::{Error, HostError};
use crate::frames::{Activation, Frame, Place, walk};
use crate::interpreter::{Stop, Stopped};

/// Innermost and outermost frames that a backtrace keeps.
const KEPT: [usize; 2] = [64, 16];

/// A tier of execution.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Tier {
    /// The portable interpreter.
    Portable,
    /// The interpreter that is generated for the machine.
    Interpreter,
    /// Machine code of the template compiler.
    Template,
    /// Machine code of the optimizing compiler.
    Optimizing,
}

impl Tier {
    /// The tier's name, as the command takes it.
    pub const fn name(self) -> &'static str {
        match self {
            Tier::Portable => "portable",
            Tier::Interpreter => "interpreter",
            Tier::Template => "template",
            Tier::Optimizing => "optimizing",
        }
    }
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Why running code stopped: a cause, the frames it was in, and the host's error if that is the cause.
///
/// ```
/// # use strata::{Engine, Linker, Module, Store, Trap};
/// let engine = Engine::default();
/// let module = Module::new(&engine, "func @main() export {\n trap unreachable\n}")?;
/// let mut store = Store::new(&engine, ());
/// let instance = Linker::new(&engine).instantiate(&mut store, &module)?;
/// let main = instance.typed_func::<(), ()>(&mut store, "main")?;
/// let error = main.call(&mut store, ()).unwrap_err();
/// let trap = Trap::of(&error).unwrap();
/// assert_eq!(trap.cause().name(), "unreachable");
/// assert_eq!(trap.backtrace().frames()[0].function, "main");
/// # Ok::<(), strata::Error>(())
/// ```
#[derive(Debug)]
pub struct Trap(Box<Inner>);

#[derive(Debug)]
struct Inner {
    cause: TrapCause,
    backtrace: Backtrace,
    source: Option<HostError>,
}

/// The frames that were active, innermost first.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Backtrace {
    frames: Vec<FrameInfo>,
    /// How many frames were left out, and in front of which of `frames`.
    omitted: (usize, usize),
}

/// One frame of a [`Backtrace`].
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct FrameInfo {
    /// Name of the function, or `f` and its index.
    pub function: String,
    /// Index of the function in its module; `None` for a host function.
    pub index: Option<u32>,
    /// The instruction; `None` for a host function.
    pub pc: Option<Pc>,
    /// Name of the source that the line is of; empty if the line is not known, or the source has no name.
    pub source: String,
    /// Line of the source, from 1, if known.
    pub line: Option<u32>,
    /// The tier it ran in; `None` for a host function.
    pub tier: Option<Tier>,
}

impl Trap {
    /// The trap that an error is, if it is one.
    pub fn of(error: &Error) -> Option<&Trap> {
        if let Error::Trap(trap) = error { Some(trap) } else { None }
    }

    /// Why the code stopped.
    pub fn cause(&self) -> TrapCause {
        self.0.cause
    }

    /// Where it was.
    pub fn backtrace(&self) -> &Backtrace {
        &self.0.backtrace
    }

    /// The host's error, if that is the cause and it is an `E`.
    pub fn host_error<E: std::error::Error + 'static>(&self) -> Option<&E> {
        self.0.source.as_ref()?.downcast_ref()
    }

    /// What stopped at a place in running code.
    ///
    /// # Safety
    ///
    /// See [`walk`].
    #[cold]
    pub(crate) unsafe fn new(stopped: Stopped) -> Trap {
        // SAFETY: by contract.
        let backtrace = unsafe { Backtrace::capture(stopped.frame, stopped.place) };
        let (cause, source) = match stopped.stop {
            Stop::Trap(cause) => (cause, None),
            Stop::Host(error) => match error.into_trap() {
                // From code that the host had called in turn: its backtrace goes as far out as ours.
                Ok(trap) => return trap,
                Err(error) => (TrapCause::HostError, Some(error)),
            },
        };
        Trap(Box::new(Inner { cause, backtrace, source }))
    }
}

impl Backtrace {
    /// The frames, innermost first.
    pub fn frames(&self) -> &[FrameInfo] {
        &self.frames
    }

    /// How many frames between the innermost and the outermost ones were left out.
    pub fn omitted(&self) -> usize {
        self.omitted.0
    }

    unsafe fn capture(frame: Frame, place: Place) -> Backtrace {
        let [inner, outer] = KEPT;
        let mut depth = 0;
        // SAFETY: by contract.
        unsafe { walk(frame, place, |_| depth += 1) };
        let omit = if depth > inner + outer { inner..depth - outer } else { 0..0 };
        let mut backtrace = Backtrace { frames: Vec::new(), omitted: (omit.len(), omit.start) };
        let mut i = 0;
        // SAFETY: by contract.
        unsafe {
            walk(frame, place, |activation| {
                if !omit.contains(&i) {
                    backtrace.frames.push(FrameInfo::of(activation));
                }
                i += 1;
            });
        }
        backtrace
    }
}

impl FrameInfo {
    fn of(activation: Activation<'_>) -> FrameInfo {
        match activation {
            Activation::Code(version, place) => {
                let pc = place.pc(version);
                let module = &version.loaded().module;
                let line = version.function().line(pc);
                FrameInfo {
                    function: module.func_name(version.func),
                    index: Some(version.func.0),
                    pc: Some(pc),
                    source: line.map_or_else(String::new, |at| module.sources[at.source.index()].clone()),
                    line: line.map(|at| at.line),
                    tier: Some(place.tier(version)),
                }
            }
            Activation::Host(record) => FrameInfo {
                // SAFETY: a host function's record leads to it.
                function: unsafe { &*record.host }.name.clone(),
                index: None,
                pc: None,
                source: String::new(),
                line: None,
                tier: None,
            },
        }
    }
}

impl fmt::Display for Trap {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0.source {
            Some(error) => write!(f, "{}: {error}", self.0.cause)?,
            None => write!(f, "{}", self.0.cause)?,
        }
        if !self.0.backtrace.frames.is_empty() {
            write!(f, "\n{}", self.0.backtrace)?;
        }
        Ok(())
    }
}

impl std::error::Error for Trap {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        self.0.source.as_ref().map(|error| &**error as _)
    }
}

impl fmt::Display for Backtrace {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (omitted, at) = self.omitted;
        for (i, frame) in self.frames.iter().enumerate() {
            if i > 0 {
                writeln!(f)?;
            }
            if omitted > 0 && i == at {
                writeln!(f, "    … {omitted} frames left out")?;
            }
            let number = if omitted > 0 && i >= at { i + omitted } else { i };
            write!(f, "{number:4}: {frame}")?;
        }
        Ok(())
    }
}

impl fmt::Display for FrameInfo {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.function)?;
        let (Some(pc), Some(tier)) = (self.pc, self.tier) else { return write!(f, " (host)") };
        if let Some(line) = self.line {
            write!(f, " at {}:{line}", if self.source.is_empty() { "line" } else { &self.source })?;
        }
        write!(f, " (pc {pc}, {tier})")
    }
}
