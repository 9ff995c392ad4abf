//! Where code starts, so that its loops lie well: one that fits into a line of the instruction cache is not to cross to the next.
//!
//! The code generator does not align loops, and filling up in the middle of code would cost where it is run. All code of a function is
//! moved together instead: there are only so many ways, but then few loops are both small and hot.

/// Bytes of a line of the instruction cache.
pub const LINE: u32 = 64;

/// Starts that are tried, the best for callers first.
const STARTS: [u32; 16] = [0, 16, 32, 48, 8, 24, 40, 56, 4, 12, 20, 28, 36, 44, 52, 60];

/// How far behind a multiple of [`LINE`] code should start that wants an alignment, by the offsets at which its blocks start, ascending,
/// and the edges between them.
pub(super) fn skew(starts: &[u32], edges: &[(u32, u32)], length: u32, alignment: u32) -> u32 {
    let end_of =
        |block: u32| starts.get(starts.partition_point(|&start| start <= block)).copied().unwrap_or(length);
    let mut loops: Vec<(u32, u32)> =
        edges.iter().filter(|(from, to)| to <= from).map(|&(from, to)| (to, end_of(from))).collect();
    loops.sort_unstable();
    loops.dedup();
    // Those around others run less often.
    let holds =
        |outer: (u32, u32), inner: (u32, u32)| outer != inner && outer.0 <= inner.0 && inner.1 <= outer.1;
    let inner: Vec<(u32, u32)> =
        loops.iter().copied().filter(|&outer| !loops.iter().any(|&inner| holds(outer, inner))).collect();
    let lines_too_many = |skew: u32| -> u32 {
        let of = |&(start, end): &(u32, u32)| {
            let lines = (skew + end).div_ceil(LINE) - (skew + start) / LINE;
            // A loop of many lines does not notice one more.
            if end - start <= 2 * LINE { lines - (end - start).div_ceil(LINE) } else { 0 }
        };
        inner.iter().map(of).sum()
    };
    let starts = STARTS.into_iter().filter(|start| start % alignment == 0);
    starts.min_by_key(|&skew| lines_too_many(skew)).expect("0 is always one")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn code_without_loops_starts_at_a_line() {
        assert_eq!(skew(&[0, 40, 100], &[(0, 40), (0, 100), (40, 100)], 200, 1), 0);
    }

    #[test]
    fn a_small_loop_does_not_cross_to_another_line() {
        // From 50 to 90: it crosses unless the code starts 16 bytes later.
        assert_eq!(skew(&[0, 50, 70, 90], &[(0, 50), (50, 70), (70, 50), (70, 90)], 120, 16), 16);
    }

    #[test]
    fn inner_loops_count_and_outer_ones_do_not() {
        let starts = [0, 10, 60, 100, 110];
        // The outer one is from 10 to 110, the inner one from 60 to 100.
        let edges = [(0, 10), (10, 60), (60, 60), (60, 100), (100, 10), (100, 110)];
        assert_eq!(skew(&starts, &edges, 120, 16), 16);
    }
}
