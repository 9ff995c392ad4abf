//! Handlers by number. They are the nodes of a tree: forms of opcodes come first, by their numbers, and then the sequences, each of
//! which goes on from another node by one more form.

use bytecode_spec::Op;

use super::parts::Part;
use super::sequences::SEQUENCES;
use crate::template::operands::Lane;

/// How many there are.
pub(super) const COUNT: usize = Part::COUNT + SEQUENCES.len();

/// How a sequence goes on from a node.
#[derive(Clone, Copy)]
struct Link {
    from: u16,
    /// The number of the form.
    part: u16,
    to: u16,
}

/// All of them, by where they lead.
static LINKS: [Link; SEQUENCES.len()] = links();

/// All of them, by the node and the form: at the place that these [hash](place_of) to, or the next ones. Most places are free, since most
/// questions are about what is no sequence. Free ones have a number that no form has.
static BEHIND: [Link; PLACES] = {
    let mut all = [Link { from: 0, part: u16::MAX, to: 0 }; PLACES];
    let links = links();
    let mut i = 0;
    while i < links.len() {
        let mut place = place_of(links[i].from, links[i].part);
        while all[place].part != u16::MAX {
            let is_new = all[place].from != links[i].from || all[place].part != links[i].part;
            assert!(is_new, "a sequence is listed twice");
            place = (place + 1) % PLACES;
        }
        all[place] = links[i];
        i += 1;
    }
    all
};
const PLACES: usize = (4 * SEQUENCES.len()).next_power_of_two();
const _: () = assert!(COUNT < u16::MAX as usize);

/// By the upper bits of a product, as in Knuth, The Art of Computer Programming, volume 3, section 6.4.
const fn place_of(from: u16, part: u16) -> usize {
    let key = (from as u32) << 16 | part as u32;
    (key.wrapping_mul(0x9e37_79b1) >> (u32::BITS - PLACES.ilog2())) as usize
}

const fn links() -> [Link; SEQUENCES.len()] {
    let mut all = [Link { from: 0, part: 0, to: 0 }; SEQUENCES.len()];
    let mut i = 0;
    while i < all.len() {
        let parts = SEQUENCES[i];
        let last = parts.len() - 1;
        let from = if last == 1 { number(parts[0]) } else { sequence(parts.split_at(last).0, i) };
        all[i] = Link { from, part: number(parts[last]), to: (Part::COUNT + i) as u16 };
        i += 1;
    }
    all
}

/// The node of a sequence, which is among the first so many.
const fn sequence(parts: &[(Op, u8, Lane)], before: usize) -> u16 {
    let mut i = before;
    while i > 0 {
        i -= 1;
        let mut equal = 0;
        while SEQUENCES[i].len() == parts.len()
            && equal < parts.len()
            && number(SEQUENCES[i][equal]) == number(parts[equal])
        {
            equal += 1;
        }
        if equal == parts.len() {
            return (Part::COUNT + i) as u16;
        }
    }
    panic!("the beginning of a sequence is one, and comes first")
}

const fn number((op, kind, held): (Op, u8, Lane)) -> u16 {
    Part { op, kind, held }.number() as u16
}

/// The node of the sequence that goes on from another by the form of that number, if it has a handler.
#[inline(always)]
pub(super) fn behind(from: usize, part: usize) -> Option<usize> {
    let (from, part) = (from as u16, part as u16);
    let mut place = place_of(from, part);
    loop {
        let link = BEHIND[place];
        if link.part == u16::MAX {
            return None;
        }
        if link.from == from && link.part == part {
            return Some(link.to.into());
        }
        place = (place + 1) % PLACES;
    }
}

/// The node that a sequence goes on from, and the last form.
#[inline]
pub(super) fn end(node: usize) -> (Option<usize>, Part) {
    static ALL: [Part; Part::COUNT] = Part::ALL;
    match node.checked_sub(Part::COUNT) {
        None => (None, ALL[node]),
        Some(sequence) => {
            let Link { from, part, .. } = LINKS[sequence];
            (Some(from.into()), ALL[usize::from(part)])
        }
    }
}

/// All of a node's forms.
pub(super) fn parts(node: usize) -> Vec<Part> {
    let (before, last) = end(node);
    let mut parts = before.map(parts).unwrap_or_default();
    parts.push(last);
    parts
}

/// Bytes of a node's instructions, but of their lists.
pub(super) fn length(node: usize) -> i32 {
    let (before, last) = end(node);
    before.map_or(0, length) + i32::from(last.op.info().fixed_words) * size_of::<u64>() as i32
}
