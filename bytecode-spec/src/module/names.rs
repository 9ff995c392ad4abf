//! Names of registers: many, mostly short, so that they lie in one string.

use std::borrow::Cow;
use std::fmt;

use serde::de::Error;
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::leb;
use crate::types::Reg;

/// Names of a function's registers, in the order of their numbers. Each may be empty, which is no name; registers beyond
/// the last have none either.
///
/// ```
/// use bytecode_spec::{Reg, RegisterNames};
/// let names: RegisterNames = ["n", "", "sum"].into_iter().collect();
/// assert_eq!(names.of(Reg(2)), "sum");
/// assert_eq!(names.of(Reg(7)), "");
/// assert_eq!(names.iter().collect::<Vec<_>>(), ["n", "", "sum"]);
/// ```
#[derive(Clone, Default, PartialEq, Eq)]
pub struct RegisterNames {
    /// All names, one behind the other.
    text: String,
    /// Where each of them ends.
    ends: Vec<u32>,
}

impl RegisterNames {
    /// No names.
    pub const fn new() -> RegisterNames {
        RegisterNames { text: String::new(), ends: Vec::new() }
    }

    /// The name of a register; empty if it has none.
    pub fn of(&self, reg: Reg) -> &str {
        let Some(&end) = self.ends.get(reg.index()) else { return "" };
        &self.text[self.start(reg.index())..end as usize]
    }

    fn start(&self, index: usize) -> usize {
        index.checked_sub(1).map_or(0, |before| self.ends[before] as usize)
    }

    /// How many registers are named, empty names included.
    pub fn len(&self) -> usize {
        self.ends.len()
    }

    /// Whether there are no names at all, not even empty ones.
    pub fn is_empty(&self) -> bool {
        self.ends.is_empty()
    }

    /// The names.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = &str> + Clone {
        let mut start = 0;
        self.ends.iter().map(move |&end| {
            let name = &self.text[start..end as usize];
            start = end as usize;
            name
        })
    }

    /// Names the register behind the last one.
    ///
    /// # Panics
    ///
    /// When all names together have 4 GiB or more.
    pub fn push(&mut self, name: &str) {
        self.text.push_str(name);
        self.ends.push(u32::try_from(self.text.len()).expect("names have less than 4 GiB"));
    }

    /// How long all names are together.
    pub(crate) fn bytes(&self) -> usize {
        self.text.len()
    }

    /// Drops names that say nothing (`r` and the register's number), and empty ones at the end.
    pub(crate) fn make_canonical(&mut self) {
        let (text, mut start) = (self.text.as_bytes(), 0);
        let like_number = self.ends.iter().any(|&end| {
            let name = &text[start..end as usize];
            start = end as usize;
            matches!(name, [b'r', b'0'..=b'9', ..])
        });
        if like_number {
            let idle = |i: usize, name: &str| name.strip_prefix('r').is_some_and(|n| n == i.to_string());
            let kept = self.iter().enumerate().map(|(i, name)| if idle(i, name) { "" } else { name });
            *self = kept.collect();
        }
        while self.ends.last().is_some_and(|&end| end as usize == self.start(self.ends.len() - 1)) {
            self.ends.pop();
        }
    }
}

impl<'n> FromIterator<&'n str> for RegisterNames {
    fn from_iter<I: IntoIterator<Item = &'n str>>(names: I) -> RegisterNames {
        let mut all = RegisterNames::new();
        names.into_iter().for_each(|name| all.push(name));
        all
    }
}

impl fmt::Debug for RegisterNames {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_list().entries(self.iter()).finish()
    }
}

/// The names in one string, then a byte string of their lengths.
impl Serialize for RegisterNames {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut lengths = Vec::with_capacity(self.ends.len());
        self.iter().for_each(|name| leb::push(&mut lengths, name.len() as u32));
        (&self.text, serde_bytes::Bytes::new(&lengths)).serialize(serializer)
    }
}

impl<'de> Deserialize<'de> for RegisterNames {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<RegisterNames, D::Error> {
        let (text, lengths) = <(String, Cow<'de, serde_bytes::Bytes>)>::deserialize(deserializer)?;
        let ends = ends_of(&text, &lengths);
        let ends = ends.ok_or_else(|| D::Error::custom("lengths of names do not fit their text"))?;
        Ok(RegisterNames { text, ends })
    }
}

/// Where names of these lengths end in a text that they fill.
fn ends_of(text: &str, mut lengths: &[u8]) -> Option<Vec<u32>> {
    let mut ends = Vec::with_capacity(lengths.len());
    let mut end = 0;
    while !lengths.is_empty() {
        end = leb::take(&mut lengths)?.checked_add(end)?;
        if !text.is_char_boundary(end as usize) {
            return None;
        }
        ends.push(end);
    }
    (end as usize == text.len()).then_some(ends)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_fill_the_text() {
        assert_eq!(ends_of("abü", &[1, 0, 1, 2, 0]), Some(vec![1, 1, 2, 4, 4]));
        assert_eq!(ends_of("", &[]), Some(vec![]));
        for lengths in [&[1, 1][..], &[1, 2, 1], &[5], &[4, 1], &[0xFF, 0xFF, 0xFF, 0xFF, 0x0F, 5], &[0x84]] {
            assert_eq!(ends_of("abü", lengths), None, "{lengths:?}");
        }
    }

    #[test]
    fn canonical_names_say_something() {
        let canonical = |names: &[&str]| {
            let mut names: RegisterNames = names.iter().copied().collect();
            names.make_canonical();
            names.iter().map(str::to_owned).collect::<Vec<_>>()
        };
        assert_eq!(canonical(&["r0", "r0", "r2", "r02", "r", "r5"]), ["", "r0", "", "r02", "r"]);
        assert_eq!(canonical(&["", "a", "", ""]), ["", "a"]);
        assert!(canonical(&["r0", "", "r2"]).is_empty());
    }
}
