//! What the messages of assertions stand for.

use strata::{Error, Trap, TrapCause};

use crate::machine::Stop;

/// The specification's message for each trap, and the cause that is Strata's.
const TRAPS: &[(&str, TrapCause)] = &[
    ("unreachable", TrapCause::Unreachable),
    ("integer divide by zero", TrapCause::IntegerDivideByZero),
    ("integer overflow", TrapCause::IntegerOverflow),
    ("invalid conversion to integer", TrapCause::InvalidConversionToInteger),
    ("out of bounds memory access", TrapCause::MemoryOutOfBounds),
    ("out of bounds table access", TrapCause::TableOutOfBounds),
    // Of an indirect call, for which Strata has the same cause.
    ("undefined element", TrapCause::TableOutOfBounds),
    ("uninitialized element", TrapCause::IndirectCallToNull),
    ("indirect call type mismatch", TrapCause::IndirectCallTypeMismatch),
    ("call stack exhausted", TrapCause::StackOverflow),
];

/// The specification's messages for modules that cannot be linked.
const UNKNOWN_IMPORT: &str = "unknown import";
const INCOMPATIBLE_IMPORT: &str = "incompatible import type";

/// Whether a message of a script names a trap's cause. As in the reference interpreter, a script may give only the
/// start of a message; and it may go on, as in `uninitialized element 7`.
fn is_trap(message: &str, cause: TrapCause) -> bool {
    TRAPS.iter().any(|&(full, named)| {
        let continues = message.strip_prefix(full).is_some_and(|rest| rest.starts_with(' '));
        named == cause && (full.starts_with(message) || continues)
    })
}

/// Whether code stopped with the trap that a message of a script names; if not, what is wrong.
pub(crate) fn check_trap(message: &str, stop: &Stop) -> Result<(), String> {
    if let Stop::Ran(Error::Trap(trap)) = stop
        && is_trap(message, trap.cause())
    {
        return Ok(());
    }
    Err(format!("{stop}; expected the trap \"{message}\""))
}

/// Whether a module could not be linked for what a message of a script names; if not, what is wrong.
pub(crate) fn check_unlinkable(message: &str, stop: &Stop) -> Result<(), String> {
    let fits = match message {
        UNKNOWN_IMPORT => matches!(stop, Stop::UnknownImport { .. }),
        INCOMPATIBLE_IMPORT => matches!(stop, Stop::Ran(Error::ImportType { .. })),
        _ => false,
    };
    if fits { Ok(()) } else { Err(format!("{stop}; expected that linking fails with \"{message}\"")) }
}

/// An error for a report. A trap's backtrace is left out.
pub(crate) fn show(error: &Error) -> String {
    match Trap::of(error) {
        Some(trap) => format!("trap: {}", trap.cause()),
        None => error.to_string(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn messages_name_causes() {
        for (message, cause) in TRAPS {
            assert!(is_trap(message, *cause));
        }
        assert!(is_trap("uninitialized", TrapCause::IndirectCallToNull));
        assert!(is_trap("uninitialized element 7", TrapCause::IndirectCallToNull));
        assert!(is_trap("out of bounds", TrapCause::MemoryOutOfBounds));
        assert!(is_trap("out of bounds", TrapCause::TableOutOfBounds));
    }

    #[test]
    fn other_messages_do_not() {
        assert!(!is_trap("out of bounds table access", TrapCause::MemoryOutOfBounds));
        assert!(!is_trap("unreachable code", TrapCause::StackOverflow));
        assert!(!is_trap("uninitialized elements", TrapCause::IndirectCallToNull));
        for cause in TrapCause::ALL {
            assert!(!is_trap("no such message", *cause));
        }
        for host in [TrapCause::OutOfFuel, TrapCause::Interrupted, TrapCause::HostError] {
            assert!(!is_trap("", host));
        }
    }
}
