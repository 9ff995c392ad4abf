//! Small loops in two copies.
//!
//! A loop that is a single block is compiled twice, the first copy going on in the second. Both test whether the loop ends, so no
//! number of rounds has to be known; but only the last one polls, and goes back.

use bytecode_spec::isa::Words;
use bytecode_spec::{Effect, Op, Pc, liveness};

use super::Edge;
use super::translate::Translator;

/// Words of a block that is compiled twice, at most. A third copy makes no kernel faster but one, by 1 %.
const MAX_WORDS: usize = 40;
/// How many copies there are of it.
const COPIES: u32 = 2;

impl Translator<'_, '_> {
    /// How many copies of the block that starts there are compiled.
    pub(super) fn copies(&self, start: Pc) -> u32 {
        let code = self.scope.code;
        let mut pc = start.index();
        loop {
            let op = Op::from_code(code[pc..].lane(0)).expect("verified");
            let effects = op.info().effects;
            if op.info().has_targets {
                let mut is_loop = !effects.has(Effect::Ends);
                liveness::for_each_target(&code[pc..], |displacement| {
                    is_loop &= pc as i64 + i64::from(displacement) == start.index() as i64;
                });
                is_loop &= self.scope.graph.why_not(Edge { from: Pc(pc as u32), to: start }).is_none();
                let is_small = pc - start.index() <= MAX_WORDS;
                return if is_loop && is_small { COPIES } else { 1 };
            }
            pc += usize::from(op.info().fixed_words);
            let is_end = effects.has(Effect::Ends) || self.scope.graph.starts_at(Pc(pc as u32));
            // What calls is not a small loop, whatever it looks like.
            if is_end || effects.has(Effect::Calls) {
                return 1;
            }
        }
    }
}
