//! Intervals of integers of 32 bits, and what loops count.

use cranelift_codegen::ir::condcodes::IntCC;
use cranelift_codegen::loop_analysis::Loop;

/// An interval of integers: a value has the lower 32 bits of one of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Range {
    pub(super) least: i64,
    pub(super) most: i64,
}

impl Range {
    /// All values, without signs.
    pub(super) const ANY: Range = Range { least: 0, most: u32::MAX as i64 };
    /// All values, with signs.
    pub(super) const SIGNED: Range = Range { least: i32::MIN as i64, most: i32::MAX as i64 };

    pub(super) const fn of(number: i64) -> Range {
        Range { least: number, most: number }
    }

    pub(super) const fn up_to(most: i64) -> Range {
        Range { least: 0, most }
    }

    pub(super) fn is_within(self, other: Range) -> bool {
        other.least <= self.least && self.most <= other.most
    }

    pub(super) fn plus(self, other: Range) -> Range {
        Range { least: self.least + other.least, most: self.most + other.most }
    }

    fn is_one(self) -> bool {
        self.least == self.most
    }

    pub(super) fn hull(self, other: Range) -> Range {
        Range { least: self.least.min(other.least), most: self.most.max(other.most) }
    }

    /// What is in both; itself if nothing is: where that holds, nobody ever is.
    fn meet(self, other: Range) -> Range {
        let both = Range { least: self.least.max(other.least), most: self.most.min(other.most) };
        if both.least <= both.most { both } else { self }
    }

    /// The same values, as far as the integers can be told from each other by 32 bits with or without signs.
    pub(super) fn or_any(self) -> Range {
        if self.is_within(Range { least: Range::SIGNED.least, most: Range::ANY.most }) {
            self
        } else {
            Range::ANY
        }
    }

    /// The same values without signs.
    pub(super) fn unsigned(self) -> Range {
        match self {
            Range { least: 0.., .. } => self,
            Range { most: ..0, .. } => self.plus(Range::of(1 << 32)),
            Range { .. } => Range::ANY,
        }
    }

    /// The same values, as far as a comparison with a constant is true of them.
    pub(super) fn that_are(self, cc: IntCC, constant: i64) -> Range {
        let Some((domain, allowed)) = allowed(cc, constant) else { return self };
        // What is less than zero with a sign is more than any constant that is not, without one.
        let is_told =
            self.is_within(domain) || [self, allowed].iter().all(|range| range.is_within(Range::SIGNED));
        match self {
            Range::ANY => allowed,
            _ if is_told => self.meet(allowed),
            _ => self,
        }
    }
}

/// Which integers a comparison with a constant is true of, and as which integers it takes values.
fn allowed(cc: IntCC, constant: i64) -> Option<(Range, Range)> {
    let domain = match cc {
        IntCC::UnsignedLessThan
        | IntCC::UnsignedLessThanOrEqual
        | IntCC::UnsignedGreaterThan
        | IntCC::UnsignedGreaterThanOrEqual => Range::ANY,
        IntCC::Equal
        | IntCC::SignedLessThan
        | IntCC::SignedLessThanOrEqual
        | IntCC::SignedGreaterThan
        | IntCC::SignedGreaterThanOrEqual => Range::SIGNED,
        IntCC::NotEqual => return None,
    };
    let constant = if domain == Range::ANY { i64::from(constant as u32) } else { constant };
    let allowed = match cc {
        IntCC::Equal => Range::of(constant),
        IntCC::UnsignedLessThan | IntCC::SignedLessThan => Range { most: constant - 1, ..domain },
        IntCC::UnsignedLessThanOrEqual | IntCC::SignedLessThanOrEqual => Range { most: constant, ..domain },
        IntCC::UnsignedGreaterThan | IntCC::SignedGreaterThan => Range { least: constant + 1, ..domain },
        IntCC::UnsignedGreaterThanOrEqual | IntCC::SignedGreaterThanOrEqual => {
            Range { least: constant, ..domain }
        }
        IntCC::NotEqual => return None,
    };
    (allowed.least <= allowed.most).then_some((domain, allowed))
}

/// A parameter of a loop's head to which each round adds the same.
#[derive(Clone, Copy, Debug)]
pub(super) struct Induction {
    pub(super) of: Loop,
    /// What it is at first.
    pub(super) first: Range,
    pub(super) step: i64,
}

impl Induction {
    /// What it is after so many rounds.
    pub(super) fn after(&self, rounds: Range) -> Range {
        let added = [rounds.least, rounds.most].map(|rounds| self.step.saturating_mul(rounds));
        let least = self.first.least.saturating_add(added[0].min(added[1]));
        let most = self.first.most.saturating_add(added[0].max(added[1]));
        Range { least, most }
    }

    /// How many rounds there are at most, if there is another one only if a comparison with a constant is true.
    pub(super) fn rounds(&self, cc: IntCC, constant: i64) -> Option<i64> {
        if cc == IntCC::NotEqual {
            // Whatever it is at first, it must come by the constant, and not only near it.
            if !self.first.is_one() && self.step.abs() != 1 {
                return None;
            }
            let until = |end: i64| {
                let ways = [end - self.first.least, end - self.first.most];
                let reaches = |&way: &i64| way % self.step == 0 && way / self.step >= 0;
                ways.iter().all(reaches).then(|| ways.map(|way| way / self.step).into_iter().max())?
            };
            return [constant - (1 << 32), constant, constant + (1 << 32)]
                .into_iter()
                .filter_map(until)
                .min();
        }
        let (domain, allowed) = allowed(cc, constant)?;
        let (end, room, farthest) = if self.step > 0 {
            (allowed.most, domain.most - allowed.most, allowed.most - self.first.least)
        } else {
            (allowed.least, allowed.least - domain.least, self.first.most - allowed.least)
        };
        // It must be out of what is allowed after the last one, and not round the corner and in again.
        let is_end = if self.step > 0 { end < domain.most } else { end > domain.least };
        let is_known = self.first.is_within(domain) && is_end && self.step.abs() <= room;
        is_known.then(|| if farthest < 0 { 0 } else { farthest / self.step.abs() + 1 })
    }

    /// Those of some rounds in which a comparison with a constant is true.
    pub(super) fn that_are(&self, cc: IntCC, constant: i64, rounds: Range) -> Range {
        let Some((domain, allowed)) = allowed(cc, constant) else { return rounds };
        if !self.first.is_one() || !self.after(rounds).is_within(domain) {
            return rounds;
        }
        let (from, to) = if self.step > 0 {
            (allowed.least - self.first.least, allowed.most - self.first.least)
        } else {
            (self.first.least - allowed.most, self.first.least - allowed.least)
        };
        let step = self.step.abs();
        rounds.meet(Range { least: -(-from).div_euclid(step), most: to.div_euclid(step) })
    }
}

#[cfg(test)]
mod tests {
    use cranelift_codegen::entity::EntityRef;

    use super::*;

    const CONDITIONS: [IntCC; 10] = [
        IntCC::Equal,
        IntCC::NotEqual,
        IntCC::SignedLessThan,
        IntCC::SignedLessThanOrEqual,
        IntCC::SignedGreaterThan,
        IntCC::SignedGreaterThanOrEqual,
        IntCC::UnsignedLessThan,
        IntCC::UnsignedLessThanOrEqual,
        IntCC::UnsignedGreaterThan,
        IntCC::UnsignedGreaterThanOrEqual,
    ];
    const NUMBERS: [i32; 10] = [0, 1, 5, 6, -1, -6, i32::MAX, i32::MAX - 5, i32::MIN, i32::MIN + 6];
    const STEPS: [i64; 8] = [1, -1, 2, -2, 3, -5, i32::MAX as i64, i32::MIN as i64];
    /// More than any of the loops goes round that are known to end.
    const MANY: i64 = 64;

    fn is_true(cc: IntCC, a: i64, b: i32) -> bool {
        let (signed, unsigned) = ((a as i32).cmp(&b), (a as u32).cmp(&(b as u32)));
        match cc {
            IntCC::Equal => signed.is_eq(),
            IntCC::NotEqual => signed.is_ne(),
            IntCC::SignedLessThan => signed.is_lt(),
            IntCC::SignedLessThanOrEqual => signed.is_le(),
            IntCC::SignedGreaterThan => signed.is_gt(),
            IntCC::SignedGreaterThanOrEqual => signed.is_ge(),
            IntCC::UnsignedLessThan => unsigned.is_lt(),
            IntCC::UnsignedLessThanOrEqual => unsigned.is_le(),
            IntCC::UnsignedGreaterThan => unsigned.is_gt(),
            IntCC::UnsignedGreaterThanOrEqual => unsigned.is_ge(),
        }
    }

    /// Counters from these numbers on, and as many behind them, with and without signs.
    fn each_induction(mut check: impl FnMut(Induction, IntCC, i32)) {
        for (least, step) in NUMBERS.into_iter().flat_map(|least| STEPS.map(|step| (least, step))) {
            for (more, round) in [(0, 0), (4, 0), (0, 1 << 32), (4, 1 << 32)] {
                let least = i64::from(least) + if least < 0 { round } else { 0 };
                let first = Range { least, most: least + more };
                let induction = Induction { of: Loop::new(0), first, step };
                for (cc, constant) in CONDITIONS.into_iter().flat_map(|cc| NUMBERS.map(|number| (cc, number)))
                {
                    check(induction, cc, constant);
                }
            }
        }
    }

    #[test]
    fn loops_go_round_no_more_often_than_is_known() {
        let mut known = 0;
        each_induction(|induction, cc, constant| {
            let Some(most) = induction.rounds(cc, constant.into()) else { return };
            known += 1;
            for first in induction.first.least..=induction.first.most {
                let is_end =
                    |&round: &i64| !is_true(cc, first.wrapping_add(induction.step * round), constant);
                let rounds = (0..MANY).find(is_end);
                assert!(
                    rounds.unwrap_or(MANY) <= most,
                    "{induction:?} {cc} {constant}: {rounds:?} from {first}, not {most}"
                );
            }
        });
        assert!(known > 500, "{known} are known to end");
    }

    #[test]
    fn rounds_in_which_a_comparison_is_true_are_kept() {
        let mut fewer = 0;
        each_induction(|induction, cc, constant| {
            let rounds = Range::up_to(9);
            let kept = induction.that_are(cc, constant.into(), rounds);
            fewer += u32::from(kept != rounds);
            for first in induction.first.least..=induction.first.most {
                for round in 0..=rounds.most {
                    let is_kept = Range::of(round).is_within(kept);
                    let value = first.wrapping_add(induction.step * round);
                    let is_known = is_kept || !is_true(cc, value, constant);
                    assert!(
                        is_known,
                        "{induction:?} {cc} {constant}: {kept:?}, but {value} in round {round}"
                    );
                }
            }
        });
        assert!(fewer > 500, "{fewer} tell something");
    }

    #[test]
    fn values_of_which_a_comparison_is_true_are_kept() {
        let mut less = 0;
        each_induction(|Induction { first, .. }, cc, constant| {
            for range in [first, Range::ANY, Range::SIGNED] {
                let kept = range.that_are(cc, constant.into());
                less += u32::from(kept != range);
                for value in first.least..=first.most {
                    let has_it = [0, 1 << 32, -1 << 32].map(|round| Range::of(value + round).is_within(kept));
                    let is_known = has_it.contains(&true) || !is_true(cc, value, constant);
                    assert!(is_known, "{range:?} {cc} {constant}: {kept:?}, but {value}");
                }
            }
        });
        assert!(less > 500, "{less} tell something");
    }
}
