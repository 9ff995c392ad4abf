//! Where the decisions of a generator come from: a seed, or the bytes that a fuzzer chose.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};

/// A stream of decisions.
#[derive(Debug)]
pub struct Choices<'a>(Source<'a>);

#[derive(Debug)]
enum Source<'a> {
    Seed(Box<StdRng>),
    Bytes(&'a [u8]),
}

impl<'a> Choices<'a> {
    /// Endless decisions, the same for a seed each time.
    pub fn seeded(seed: u64) -> Choices<'a> {
        Choices(Source::Seed(Box::new(StdRng::seed_from_u64(seed))))
    }

    /// Decisions from bytes; zeros when they are used up, so generators must come to an end on zeros.
    pub fn from_bytes(bytes: &'a [u8]) -> Choices<'a> {
        Choices(Source::Bytes(bytes))
    }

    /// Any 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.take(8)
    }

    /// A number below `count`, which is not 0.
    pub fn below(&mut self, count: usize) -> usize {
        let bytes = match count {
            0..=0x100 => 1,
            0x101..=0x1_0000 => 2,
            _ => 8,
        };
        match &mut self.0 {
            Source::Seed(rng) => rng.random_range(0..count),
            Source::Bytes(_) => (self.take(bytes) % count as u64) as usize,
        }
    }

    /// Whether something of that probability happens.
    pub fn percent(&mut self, probability: usize) -> bool {
        // Not the lower end, so that bytes that are used up mean no.
        self.below(100) >= 100 - probability
    }

    /// One of several items, which are not none.
    pub fn pick<'t, T>(&mut self, items: &'t [T]) -> &'t T {
        &items[self.below(items.len())]
    }

    fn take(&mut self, count: usize) -> u64 {
        match &mut self.0 {
            Source::Seed(rng) => rng.random(),
            Source::Bytes(bytes) => {
                let (taken, rest) = bytes.split_at(count.min(bytes.len()));
                *bytes = rest;
                taken.iter().rev().fold(0, |value, &byte| value << 8 | u64::from(byte))
            }
        }
    }
}
