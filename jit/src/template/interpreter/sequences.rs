//! The sequences that have handlers of their own.

use bytecode_spec::Op;

use crate::template::operands::Lane;

/// Of each instruction the opcode, the kind and the lane of what is in an accumulator. The beginning of a sequence of more than two
/// is in the list too, before it.
pub(super) const SEQUENCES: &[&[(Op, u8, Lane)]] = &[];
