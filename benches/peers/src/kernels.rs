//! The kernels in all engines, and what the tables say of that.

use std::time::Duration;

use strata_benches::kernels::{Kernel, Size};
use strata_benches::measure::{Table, geometric_mean};

use crate::cell;
use crate::engines::{Call, Engine, Engines, FROM_BYTECODE, FROM_WASM, Result};

/// Kernels that spend most of their time calling and returning. Of the others only `quicksort` calls at all, once in some
/// 70 ns of machine code.
const CALL_KERNELS: [&str; 1] = ["fib"];

/// How long calls of a kernel took in an engine: the shortest of all rounds.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// The first call after loading.
    pub first: Duration,
    /// Calls after that.
    pub later: Duration,
}

/// The times of kernels in engines.
pub struct Measured {
    /// Names of the engines.
    engines: Vec<&'static str>,
    /// For each kernel its name, and its times in each engine; `None` where that is not installed.
    kernels: Vec<(&'static str, Vec<Option<Times>>)>,
}

impl Measured {
    /// Measures kernels at these sizes: in each round every engine loads the kernel anew and calls it `calls` times, at
    /// least twice.
    ///
    /// # Errors
    ///
    /// When an engine fails, or computes something else than it must.
    pub fn new(kernels: &[(Kernel, Size)], engines: &Engines, rounds: u32, calls: u32) -> Result<Measured> {
        let names = engines.engines.iter().map(|entry| entry.name).collect();
        let mut measured = Measured { engines: names, kernels: Vec::new() };
        for (kernel, size) in kernels {
            eprintln!("measuring {}", kernel.name);
            let mut shortest: Vec<Option<Times>> = vec![None; engines.engines.len()];
            for _ in 0..rounds {
                for (entry, shortest) in engines.engines.iter().zip(&mut shortest) {
                    let Some(engine) = &entry.what else { continue };
                    let times = round(engine.as_ref(), kernel, *size, calls)
                        .map_err(|error| format!("{} in {}: {error}", kernel.name, entry.name))?;
                    let shortest = shortest.get_or_insert(times);
                    shortest.first = shortest.first.min(times.first);
                    shortest.later = shortest.later.min(times.later);
                }
            }
            measured.kernels.push((kernel.name, shortest));
        }
        Ok(measured)
    }

    /// All engines but for Strata on bytecode, relative to gcc, or else wasmi, or else the first. Nothing where there is
    /// none.
    pub fn beside_gcc(&self, heading: &str, time: fn(&Times) -> Duration) -> Option<Table> {
        let preferred = ["gcc", "wasmi"].into_iter().chain(self.engines.iter().copied());
        let base = preferred.into_iter().find(|base| self.has(base))?;
        let names = self.engines.iter().filter(|name| **name != base && !FROM_BYTECODE.contains(name));
        Some(self.ratios(heading, base, &names.copied().collect::<Vec<_>>(), time))
    }

    /// Strata relative to wasmi, the kernels being bytecode and being WebAssembly, with the project's targets. Nothing
    /// without both.
    pub fn beside_wasmi(&self, heading: &str, time: fn(&Times) -> Duration) -> Option<Table> {
        let names: Vec<_> =
            FROM_BYTECODE.into_iter().chain(FROM_WASM).filter(|name| self.has(name)).collect();
        if !self.has("wasmi") || names.is_empty() {
            return None;
        }
        let mut table = self.ratios(heading, "wasmi", &names, time);
        let target = |name: &str| match name {
            "interpreter" => "<= 0.70",
            "portable-profiled" | "bytecode-portable-profiled" => "<= 1.10",
            "template" | "bytecode-template" => "<= 0.33",
            _ => "",
        };
        table.row(["target", ""].into_iter().chain(names.into_iter().map(target)));
        Some(table)
    }

    /// Whether an engine was measured.
    fn has(&self, engine: &str) -> bool {
        self.kernels.iter().all(|kernel| self.milliseconds(kernel, engine, |times| times.first).is_some())
    }

    fn milliseconds(
        &self,
        (_, times): &(&str, Vec<Option<Times>>),
        engine: &str,
        time: fn(&Times) -> Duration,
    ) -> Option<f64> {
        let column = self.engines.iter().position(|name| *name == engine)?;
        Some(time(times[column].as_ref()?).as_secs_f64() * 1e3)
    }

    /// Times of engines divided by those of one of them, with their means.
    fn ratios(&self, heading: &str, base: &str, names: &[&str], time: fn(&Times) -> Duration) -> Table {
        let base_heading = format!("{base} ms");
        let mut table = Table::new([heading, &base_heading].iter().chain(names).copied());
        let mut rows = Vec::new();
        for kernel in &self.kernels {
            let base = self.milliseconds(kernel, base, time).unwrap_or(f64::NAN);
            let ratio = |name: &&str| Some(self.milliseconds(kernel, name, time)? / base);
            let ratios: Vec<Option<f64>> = names.iter().map(ratio).collect();
            let cells = ratios.iter().map(|&ratio| cell(ratio, 2));
            table.row([kernel.0.to_owned(), format!("{base:.2}")].into_iter().chain(cells));
            rows.push((CALL_KERNELS.contains(&kernel.0), ratios));
        }
        let means = [
            ("geometric mean", &[false, true][..]),
            ("of loop kernels", &[false]),
            ("of call kernels", &[true]),
        ];
        for (heading, which) in means {
            if !rows.iter().any(|(calls, _)| which.contains(calls)) {
                continue;
            }
            let column =
                |i| rows.iter().filter(|(calls, _)| which.contains(calls)).map(move |(_, row)| row[i]);
            let mean = |i| column(i).collect::<Option<Vec<f64>>>().map(geometric_mean);
            let cells = (0..names.len()).map(|i| cell(mean(i), 2));
            table.row([heading.to_owned(), String::new()].into_iter().chain(cells));
        }
        table
    }
}

/// What an engine takes for a kernel in one round.
fn round(engine: &dyn Engine, kernel: &Kernel, size: Size, calls: u32) -> Result<Times> {
    let calls = engine.run(kernel, size, calls)?;
    if let Some(Call { result, .. }) = calls.iter().find(|call| call.result != size.result) {
        return Err(format!("run({}) is {result}, and must be {}", size.n, size.result).into());
    }
    let [first, later @ ..] = &calls[..] else { return Err("it was not called".into()) };
    let later = later.iter().map(|call| call.time).min().ok_or("it was called only once")?;
    Ok(Times { first: first.time, later })
}
