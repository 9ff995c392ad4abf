//! Random loops that count, and accesses to memory at sums of what they count: what the optimizing compiler adds up in more than 32 bits
//! must be known not to wrap.

use bytecode_spec::VerifiedModule;

use crate::choices::Choices;
use crate::differential;
use crate::generate::ENTRY;

/// Where counters start or end, near everything that could be mistaken.
const EDGES: [i32; 12] = [0, 1, -1, 8, -8, 255, 256, -65536, 65536, i32::MAX, i32::MIN, i32::MAX - 64];
const STEPS: [i32; 10] = [1, 1, 1, -1, -1, 2, -2, 3, 8, -8];
const CONDITIONS: [&str; 10] = ["ne", "ne", "ne", "lt_s", "lt_u", "le_s", "le_u", "gt_s", "gt_u", "ge_s"];
/// Rounds of a loop, at most.
const MAX_ROUNDS: i64 = 24;
/// Rounds of all loops of which nothing is known beforehand, together.
const MAX_ROUNDS_IN_ALL: u32 = 400;

/// A random program of loops, everywhere.
///
/// # Panics
///
/// When configurations or the reference differ; the message has the program's text.
pub fn check(choices: &mut Choices<'_>) {
    let module = program(choices);
    let args = [u64::from(near(choices, EDGES[0]) as u32)];
    differential::check_module(&module, &args, differential::MUCH_FUEL);
}

/// A program of loops within each other.
///
/// # Panics
///
/// Never.
pub fn program(choices: &mut Choices<'_>) -> VerifiedModule {
    let counters = vec![("%n".to_owned(), 8)];
    let mut writer = Writer { choices, text: String::new(), registers: 0, counters };
    writer.line("reg %sum: i32, %t: i32, %a: i32, %d: i32, %left: i32");
    writer.line(&format!("%left = const.i32 {MAX_ROUNDS_IN_ALL}"));
    let deepest = 1 + writer.choices.below(3);
    writer.nest(deepest);
    let Writer { text, .. } = writer;
    let text = format!(
        "memory @memory 1 export\nfunc @f0(%n: i32) -> i32 export \"f0\" export \"{ENTRY}\" {{\n{text}out:\n  ret %sum\n}}\n"
    );
    strata_asm::assemble("addresses.sasm", &text).unwrap_or_else(|errors| panic!("{errors}\n{text}"))
}

struct Writer<'c, 'b> {
    choices: &'c mut Choices<'b>,
    text: String,
    /// Names that were given.
    registers: u32,
    /// Registers that the loops around count, and the parameter, each with a number that it is in some round.
    counters: Vec<(String, i32)>,
}

/// How often a loop goes round that counts from one number on while a comparison with another is true; `None` if too often.
fn rounds(first: i32, step: i32, condition: &str, end: i32) -> Option<i64> {
    let mut count = first;
    for rounds in 1..=MAX_ROUNDS {
        count = count.wrapping_add(step);
        let goes_on = match condition {
            "eq" => count == end,
            "ne" => count != end,
            "lt_s" => count < end,
            "lt_u" => (count as u32) < end as u32,
            "le_s" => count <= end,
            "le_u" => count as u32 <= end as u32,
            "gt_s" => count > end,
            "gt_u" => count as u32 > end as u32,
            "ge_u" => count as u32 >= end as u32,
            _ => count >= end,
        };
        if !goes_on {
            return Some(rounds);
        }
    }
    None
}

/// A number near another one.
fn near(choices: &mut Choices<'_>, number: i32) -> i32 {
    number.wrapping_add(choices.below(24) as i32 - 12)
}

impl Writer<'_, '_> {
    fn line(&mut self, line: &str) {
        self.text += &format!("  {line}\n");
    }

    fn name(&mut self, of: &str) -> String {
        self.registers += 1;
        format!("{of}{}", self.registers)
    }

    /// A loop, with so many within each other.
    fn nest(&mut self, deepest: usize) {
        let outside = self.counters.len();
        let (head, counter) = (self.name("head"), self.name("%c"));
        let first = *self.choices.pick(&EDGES);
        let first = near(self.choices, first);
        let mut step = *self.choices.pick(&STEPS);
        let mut condition = *self.choices.pick(&CONDITIONS);
        let mut end = first.wrapping_add(step.wrapping_mul(self.choices.below(12) as i32 + 1));
        if self.choices.percent(20) {
            end = near(self.choices, end);
        }
        let is_from_outside = outside > 0 && self.choices.percent(40);
        if is_from_outside {
            let (of, _) = self.choices.pick(&self.counters).clone();
            self.line(&format!("{counter}: i32 = add.i32 {of}, {}", first as i8));
        } else {
            if rounds(first, step, condition, end).is_none() {
                (condition, end) = ("ne", first.wrapping_add(step.wrapping_mul(5)));
            }
            self.line(&format!("{counter}: i32 = const.i32 {first}"));
        }
        // Others that count beside it.
        let mut beside = Vec::new();
        for _ in 0..self.choices.below(3) {
            let (name, first) = (self.name("%x"), *self.choices.pick(&EDGES));
            self.line(&format!("{name}: i32 = const.i32 {first}"));
            beside.push((name.clone(), *self.choices.pick(&STEPS)));
            self.counters.push((name, first));
        }
        if is_from_outside && self.choices.percent(20) {
            step = 1;
        }
        self.text += &format!("{head}:\n");
        self.counters.push((counter.clone(), first.wrapping_add(step.wrapping_mul(2))));
        let accesses = 1 + self.choices.below(3);
        for _ in 0..accesses {
            self.access();
        }
        if deepest > 1 {
            self.nest(deepest - 1);
            self.access();
        }
        let behind = self.name("behind");
        if self.choices.percent(15) {
            let end = near(self.choices, end);
            self.line(&format!("br.eq.i32 {counter}, {end}, {behind}"));
        }
        let mut back = vec![format!("{counter} = add.i32 {counter}, {step}")];
        back.extend(beside.iter().map(|(name, step)| format!("{name} = add.i32 {name}, {step}")));
        if is_from_outside {
            back.extend(["%left = sub.i32 %left, 1".to_owned(), "br.eq.i32 %left, 0, out".to_owned()]);
        }
        back.push(format!("br.{condition}.i32 {counter}, {end}, {head}"));
        if self.choices.percent(15) {
            // Two ways back.
            let other = self.name("other");
            self.line("%t = and.i32 %sum, 3");
            self.line(&format!("br.nez.i32 %t, {other}"));
            back.iter().for_each(|line| self.line(line));
            self.line(&format!("jump {behind}"));
            self.text += &format!("{other}:\n");
        }
        back.iter().for_each(|line| self.line(line));
        self.text += &format!("{behind}:\n");
        if self.choices.percent(25) {
            self.access();
        }
        self.counters.truncate(outside);
    }

    /// An access to memory at something that is counted, mostly where memory is.
    fn access(&mut self) {
        let (mut index, mut number) = self.choices.pick(&self.counters).clone();
        let guard = self.choices.percent(25).then(|| {
            let (condition, end) = (*self.choices.pick(&CONDITIONS), near(self.choices, number));
            let skipped = self.name("skipped");
            self.line(&format!("br.{condition}.i32 {index}, {end}, {skipped}"));
            skipped
        });
        if self.choices.percent(20) {
            let added = *self.choices.pick(&EDGES);
            self.line(&format!("%a = add.i32 {index}, {added}"));
            (index, number) = ("%a".to_owned(), number.wrapping_add(added));
        }
        if self.choices.percent(15) {
            let (operation, by) = *self.choices.pick(&[
                ("and", 255),
                ("shr_u", 4),
                ("shl", 2),
                ("rem_u", 100),
                ("or", 64),
                ("mul", 12),
            ]);
            self.line(&format!("%a = {operation}.i32 {index}, {by}"));
            number = match operation {
                "and" => number & by,
                "shr_u" => (number as u32 >> by) as i32,
                "shl" => number << by,
                "or" => number | by,
                "mul" => number.wrapping_mul(by),
                _ => (number as u32 % by as u32) as i32,
            };
            "%a".clone_into(&mut index);
        }
        let shift = *self.choices.pick(&[0, 0, 0, 1, 2, 3]);
        let wanted = self.choices.below(0x1_0000 - 512) as i32 + 128;
        let wanted = if self.choices.percent(2) { *self.choices.pick(&EDGES) } else { wanted };
        let offset = *self.choices.pick(&[0_u32, 0, 0, 1, 100, 0x8000]);
        let mut base = wanted.wrapping_sub(number << shift).wrapping_sub(offset as i32);
        let name = if self.choices.percent(40) {
            let (other, number) = self.choices.pick(&self.counters).clone();
            base = base.wrapping_sub(number);
            self.line(&format!("%d = add.i32 {other}, {base}"));
            "%d".to_owned()
        } else {
            let name = self.name("%b");
            self.line(&format!("{name}: i32 = const.i32 {base}"));
            name
        };
        let place =
            format!("[{name} + {index} << {shift} + {offset}]").replace(" << 0", "").replace(" + 0]", "]");
        if self.choices.percent(30) {
            self.line(&format!("store8.i32 {place}, %sum"));
        } else {
            self.line(&format!("%t = load8_u.i32 {place}"));
            self.line("%sum = rotl.i32 %sum, 5");
            self.line("%sum = xor.i32 %sum, %t");
        }
        self.line("%sum = add.i32 %sum, 77");
        if let Some(skipped) = guard {
            self.text += &format!("{skipped}:\n");
        }
    }
}
