//! Where code starts, so that its loops lie well: one that fits into a line of the instruction cache is not to cross to the next, and,
//! where that leaves a choice, neither are the first blocks of others.
//!
//! The code generator does not align loops, and filling up in the middle of code would cost where it is run. All code of a function is
//! moved together instead: there are only so many ways, but then few loops are both small and hot.

use std::collections::BTreeSet;

use super::Target;

/// Bytes of a line of the instruction cache.
pub const LINE: u32 = 64;

/// Starts that are tried, the best for callers first.
const STARTS: [u32; 16] = [0, 16, 32, 48, 8, 24, 40, 56, 4, 12, 20, 28, 36, 44, 52, 60];

/// Blocks between the end of a loop and its head that are looked at.
const MAX_SEEN: usize = 64;

/// The edges that lead back, by the offsets at which blocks begin, which are given ascending: from blocks of loops to their heads, which begin
/// no later. Blocks that are laid out behind the others go back to them too, but are of no loop for that.
///
/// They are read from the branches that blocks end with. The code generator has a list of edges too, but takes the blocks for it in
/// another order than their starts (`VCode::emit`), so that it is wrong for code with cold blocks.
pub(super) fn back_edges(target: Target, code: &[u8], starts: &[u32]) -> Vec<(u32, u32)> {
    let ends = starts.iter().skip(1).copied().chain([code.len() as u32]);
    // The other way round: to, and from.
    let mut edges: Vec<(u32, u32)> = Vec::new();
    for (&from, end) in starts.iter().zip(ends) {
        let block = &code[from as usize..end as usize];
        let (distances, goes_on) = match target {
            Target::X86_64 { .. } => x86_64_branches(block),
            Target::Aarch64 => aarch64_branches(block),
        };
        let branches = distances.into_iter().flatten().map(|distance| end.wrapping_add_signed(distance));
        let all = branches.chain(goes_on.then_some(end));
        edges.extend(all.filter(|to| starts.binary_search(to).is_ok()).map(|to| (to, from)));
    }
    edges.sort_unstable();
    let into = |block: u32| {
        let edges = &edges[edges.partition_point(|&(to, _)| to < block)..];
        edges[..edges.partition_point(|&(to, _)| to == block)].iter().map(|&(_, from)| from)
    };
    // Whether control comes to a block from the head on, by blocks that begin behind it. It may come by a table to those that no branch goes
    // to, and does if these are many: those laid out apart are few between one place and the next.
    let is_of_loop = |block: u32, head: u32| {
        let (mut seen, mut open) = (BTreeSet::from([block]), vec![block]);
        while let Some(block) = open.pop() {
            if block == head || into(block).next().is_none() || seen.len() > MAX_SEEN {
                return true;
            }
            open.extend(into(block).filter(|&from| from >= head && seen.insert(from)));
        }
        false
    };
    let back = edges.iter().filter(|&&(to, from)| to <= from && is_of_loop(from, to));
    back.map(|&(to, from)| (from, to)).collect()
}

/// How far, from the end of a block, the branches go that it ends with: a conditional one, one that is not, or both. There are only those
/// with distances of four bytes. And whether it may go on with the next block.
fn x86_64_branches(block: &[u8]) -> ([Option<i32>; 2], bool) {
    let distance = |block: &[u8]| block.last_chunk().map_or(0, |bytes| i32::from_le_bytes(*bytes));
    let jmp = matches!(block, [.., 0xe9, _, _, _, _]).then(|| distance(block));
    let behind_jcc = if jmp.is_some() { 5 } else { 0 };
    let rest = &block[..block.len() - behind_jcc];
    let jcc = matches!(rest, [.., 0x0f, 0x80..=0x8f, _, _, _, _]).then(|| distance(rest) - behind_jcc as i32);
    // `ret`, `ud2`, and `jmp` to where a register says.
    let ends = jmp.is_some() || matches!(block, [.., 0xc3] | [.., 0x0f, 0x0b] | [.., 0xff, 0xe0..=0xe7]);
    ([jmp, jcc], !ends)
}

/// The same; distances are counted from where the branch is.
fn aarch64_branches(block: &[u8]) -> ([Option<i32>; 2], bool) {
    let word = |behind: usize| {
        let end = block.len().checked_sub(4 * behind)?;
        block[..end].last_chunk().map(|bytes| u32::from_le_bytes(*bytes))
    };
    // The bits from `low` up to `high`, with their sign, in words.
    let field = |word: u32, low: u32, high: u32| ((word << (31 - high)) as i32 >> (31 - high + low)) * 4;
    let b = word(0).filter(|word| word >> 26 == 0b00_0101);
    let behind = usize::from(b.is_some());
    let conditional = word(behind).and_then(|word| match word >> 24 {
        // b.cond; cbz and cbnz.
        0x54 | 0x34 | 0x35 | 0xb4 | 0xb5 => Some(field(word, 5, 23)),
        // tbz and tbnz.
        0x36 | 0x37 | 0xb6 | 0xb7 => Some(field(word, 5, 18)),
        _ => None,
    });
    // `br` and `ret`, and what is no instruction.
    let ends = b.is_some() || word(0).is_some_and(|word| word >> 24 == 0xd6 || word >> 16 == 0);
    let distances = [
        b.map(|word| field(word, 0, 25) - 4),
        conditional.map(|distance| distance - 4 * (behind as i32 + 1)),
    ];
    (distances, !ends)
}

/// How far behind a multiple of [`LINE`] code should start that wants an alignment, by the offsets at which its blocks start, ascending,
/// and the edges that lead back.
pub(super) fn skew(starts: &[u32], back_edges: &[(u32, u32)], length: u32, alignment: u32) -> u32 {
    let end_of =
        |block: u32| starts.get(starts.partition_point(|&start| start <= block)).copied().unwrap_or(length);
    let mut loops: Vec<(u32, u32)> = back_edges.iter().map(|&(from, to)| (to, end_of(from))).collect();
    loops.sort_unstable();
    loops.dedup();
    // Those around others run less often.
    let holds =
        |outer: (u32, u32), inner: (u32, u32)| outer != inner && outer.0 <= inner.0 && inner.1 <= outer.1;
    let inner: Vec<(u32, u32)> =
        loops.iter().copied().filter(|&outer| !loops.iter().any(|&inner| holds(outer, inner))).collect();
    // Each loop goes back to its first block, which is fetched then.
    let mut heads: Vec<(u32, u32)> = loops.iter().map(|&(head, _)| (head, end_of(head))).collect();
    heads.dedup();
    let lines_too_many = |skew: u32, pieces: &[(u32, u32)]| -> u32 {
        let of = |&(start, end): &(u32, u32)| {
            let lines = (skew + end).div_ceil(LINE) - (skew + start) / LINE;
            // What has many lines does not notice one more.
            if end - start <= 2 * LINE { lines - (end - start).div_ceil(LINE) } else { 0 }
        };
        pieces.iter().map(of).sum()
    };
    let starts = STARTS.into_iter().filter(|start| start % alignment == 0);
    let least = starts.min_by_key(|&skew| (lines_too_many(skew, &inner), lines_too_many(skew, &heads)));
    least.expect("0 is always one")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn branches_back_are_read_from_the_code() {
        // Of x86-64: `nop`; `jb` to 1; `jae` to 1 and `jmp` to 0; `ret`; and a constant that looks like one but goes to no block.
        let code = [
            0x90, //
            0x0f, 0x82, 0xfa, 0xff, 0xff, 0xff, //
            0x0f, 0x83, 0xf4, 0xff, 0xff, 0xff, 0xe9, 0xee, 0xff, 0xff, 0xff, //
            0xc3, //
            0xb8, 0xe9, 0xfe, 0xff, 0xff, 0xff,
        ];
        let target = Target::X86_64 { sse41: true, popcnt: true, bmi: true, avx: true };
        let mut found = back_edges(target, &code, &[0, 1, 7, 18, 19]);
        found.sort_unstable();
        assert_eq!(found, [(1, 1), (7, 0), (7, 1)]);
        // Of aarch64: `nop`; `b.lo` to 4; `cbnz` to 4 and `b` to 0; `tbz` to 0, and one forwards.
        let code = [0xd503_201f_u32, 0x5400_0003, 0x35ff_ffe0, 0x17ff_fffd, 0x36ff_ff80, 0x3600_0040];
        let code: Vec<u8> = code.into_iter().flat_map(u32::to_le_bytes).collect();
        let mut found = back_edges(Target::Aarch64, &code, &[0, 4, 8, 16, 20]);
        found.sort_unstable();
        assert_eq!(found, [(4, 4), (8, 0), (8, 4), (16, 0)]);
    }

    #[test]
    fn blocks_laid_out_apart_are_of_no_loop_for_going_back() {
        // `jae` to 14; `nop`; `jb` to 6, a loop; `ret`; and at 14 `jmp` to 7.
        let code = [
            0x0f, 0x83, 0x08, 0x00, 0x00, 0x00, //
            0x90, //
            0x0f, 0x82, 0xf9, 0xff, 0xff, 0xff, //
            0xc3, //
            0xe9, 0xf4, 0xff, 0xff, 0xff,
        ];
        assert_eq!(back_edges(Target::X86_64, &code, &[0, 6, 7, 13, 14]), [(7, 6)]);
    }

    #[test]
    fn code_without_loops_starts_at_a_line() {
        assert_eq!(skew(&[0, 40, 100], &[], 200, 1), 0);
    }

    #[test]
    fn a_small_loop_does_not_cross_to_another_line() {
        // From 50 to 90: it crosses unless the code starts 16 bytes later.
        assert_eq!(skew(&[0, 50, 70, 90], &[(70, 50)], 120, 16), 16);
    }

    #[test]
    fn inner_loops_count_before_outer_ones() {
        let starts = [0, 10, 60, 100, 110];
        // The outer one is from 10 to 110, the inner one from 60 to 100.
        let edges = [(60, 60), (100, 10)];
        assert_eq!(skew(&starts, &edges, 120, 16), 16);
    }

    #[test]
    fn the_first_block_of_an_outer_loop_does_not_cross_to_another_line() {
        let starts = [0, 50, 70, 300, 310];
        // The outer one is from 50 to 310, the inner one from 70 to 300: too long for any start to be better.
        let edges = [(70, 70), (300, 50)];
        assert_eq!(skew(&starts, &edges, 320, 16), 16);
    }
}
