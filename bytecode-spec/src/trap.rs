//! Why a program stopped: the causes of traps.
//!
//! A cause has a code (in generated code and in binary forms), a name (in the text format and in tests) and a
//! description (for people). All three are given once, in the table below; codes never change their meaning.
//! What a trap carries besides its cause, such as a backtrace or a host's error, is not known here.
//!
//! Source: the traps of the WebAssembly 2.0 specification, and those a host can provoke.

use core::fmt;
use serde::{Deserialize, Serialize};

/// Rows of `Variant = code "name" "description"`.
macro_rules! trap_causes {
    ($($(#[doc = $doc:literal])+ $variant:ident = $code:literal $name:literal $description:literal;)+) => {
        /// Why a program stopped.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
        #[non_exhaustive]
        #[repr(u16)]
        pub enum TrapCause {
            $($(#[doc = $doc])+ $variant = $code,)+
        }

        impl TrapCause {
            /// Every cause, by ascending code.
            pub const ALL: &[TrapCause] = &[$(Self::$variant),+];

            /// The name in the text format and in tests, such as `integer_divide_by_zero`.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)+
                }
            }

            /// The cause with this [`name`](Self::name).
            pub fn from_name(name: &str) -> Option<Self> {
                match name {
                    $($name => Some(Self::$variant),)+
                    _ => None,
                }
            }

            /// The cause with this [`code`](Self::code).
            pub fn from_code(code: u16) -> Option<Self> {
                match code {
                    $($code => Some(Self::$variant),)+
                    _ => None,
                }
            }

            fn description(self) -> &'static str {
                match self {
                    $(Self::$variant => $description,)+
                }
            }
        }
    };
}

trap_causes! {
    /// An `unreachable` instruction was executed.
    Unreachable = 0 "unreachable" "unreachable code executed";
    /// An integer was divided by zero, or the remainder of such a division taken.
    IntegerDivideByZero = 1 "integer_divide_by_zero" "integer divide by zero";
    /// The quotient of a division, or a float to be converted, does not fit the integer type.
    IntegerOverflow = 2 "integer_overflow" "integer overflow";
    /// A NaN was to be converted to an integer.
    InvalidConversionToInteger = 3 "invalid_conversion_to_integer" "invalid conversion to integer";
    /// An access reached beyond the end of a memory or of a data segment.
    MemoryOutOfBounds = 4 "memory_out_of_bounds" "out of bounds memory access";
    /// An access or an indirect call reached beyond the end of a table or of an element segment.
    TableOutOfBounds = 5 "table_out_of_bounds" "out of bounds table access";
    /// An indirect call found a null reference.
    IndirectCallToNull = 6 "indirect_call_to_null" "indirect call to null";
    /// An indirect call found a function of another type than the call names.
    IndirectCallTypeMismatch = 7 "indirect_call_type_mismatch" "indirect call type mismatch";
    /// Calls nested deeper than the stack allows. How deep that is may differ between tiers.
    StackOverflow = 8 "stack_overflow" "call stack exhausted";
    /// The fuel did not suffice for the next basic block.
    OutOfFuel = 9 "out_of_fuel" "out of fuel";
    /// The host asked the program to stop.
    Interrupted = 10 "interrupted" "interrupted by the host";
    /// A host function returned an error.
    HostError = 11 "host_error" "error in a host function";
}

impl TrapCause {
    /// The number that stands for this cause in generated code and in binary forms.
    pub fn code(self) -> u16 {
        self as u16
    }
}

impl fmt::Display for TrapCause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.description())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_names_lead_back_to_their_cause() {
        for (index, &cause) in TrapCause::ALL.iter().enumerate() {
            assert_eq!(usize::from(cause.code()), index);
            assert_eq!(TrapCause::from_code(cause.code()), Some(cause));
            assert_eq!(TrapCause::from_name(cause.name()), Some(cause));
        }
    }

    #[test]
    fn unknown_codes_and_names_are_refused() {
        let beyond = u16::try_from(TrapCause::ALL.len()).unwrap();
        assert_eq!(TrapCause::from_code(beyond), None);
        assert_eq!(TrapCause::from_code(u16::MAX), None);
        assert_eq!(TrapCause::from_name("integer divide by zero"), None);
        assert_eq!(TrapCause::from_name(""), None);
    }

    #[test]
    fn names_are_for_programs_and_descriptions_for_people() {
        assert_eq!(TrapCause::IntegerDivideByZero.name(), "integer_divide_by_zero");
        assert_eq!(TrapCause::IntegerDivideByZero.to_string(), "integer divide by zero");
    }
}
