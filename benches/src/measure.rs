//! Times and their means. On a machine that does other things too, the shortest of several runs is the one that was
//! disturbed least, and runs that take turns are disturbed alike.

use std::time::{Duration, Instant};

/// The time that `run` takes. What it gives is dropped afterwards.
pub fn time<R>(run: impl FnOnce() -> R) -> Duration {
    let start = Instant::now();
    let result = run();
    let time = start.elapsed();
    drop(std::hint::black_box(result));
    time
}

/// The shortest time that each of `runs` reports in so many rounds, in which they take turns.
pub fn shortest<const N: usize>(rounds: usize, mut runs: [&mut dyn FnMut() -> Duration; N]) -> [Duration; N] {
    let mut shortest = [Duration::MAX; N];
    for _ in 0..rounds {
        for (shortest, run) in shortest.iter_mut().zip(&mut runs) {
            *shortest = run().min(*shortest);
        }
    }
    shortest
}

/// The geometric mean; NaN of none.
pub fn geometric_mean(values: impl IntoIterator<Item = f64>) -> f64 {
    let (sum, count) =
        values.into_iter().fold((0.0, 0.0), |(sum, count), x: f64| (sum + x.ln(), count + 1.0));
    (sum / count).exp()
}

/// A share of time above another, as people write it: `+3.2 %`.
pub fn percent(ratio: f64) -> String {
    format!("{:+.1} %", (ratio - 1.0) * 100.0)
}

/// How busy the machine is: average number of running threads over one, five and fifteen minutes, where the system
/// tells.
pub fn load() -> String {
    let load = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    let mut fields = load.split(' ').take(3).collect::<Vec<_>>().join(", ");
    if fields.is_empty() {
        fields.push_str("unknown");
    }
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    format!("load {fields}; {cores} cores")
}

/// Rows of cells, the first column aligned to the left, the others to the right.
#[derive(Clone, Debug, Default)]
pub struct Table(Vec<Vec<String>>);

impl Table {
    /// A table with these headings.
    pub fn new(headings: impl IntoIterator<Item: Into<String>>) -> Table {
        let mut table = Table::default();
        table.row(headings);
        table
    }

    /// Adds a row, of as many cells as there are headings.
    pub fn row(&mut self, cells: impl IntoIterator<Item: Into<String>>) {
        self.0.push(cells.into_iter().map(Into::into).collect());
    }
}

impl std::fmt::Display for Table {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let width = |column: usize| self.0.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
        for row in &self.0 {
            let mut line = String::new();
            for (i, cell) in row.iter().enumerate() {
                let width = width(i);
                line += &if i == 0 { format!("{cell:width$}") } else { format!("  {cell:>width$}") };
            }
            writeln!(f, "{}", line.trim_end())?;
        }
        Ok(())
    }
}
