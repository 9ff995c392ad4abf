//! From the bytes of a large WebAssembly module to code.

use std::time::Duration;

use strata_benches::measure::Table;

use crate::cell;
use crate::engines::{Engines, LargeModule, Result};
use crate::large;

/// Bytes of the module, about.
const BYTES: usize = 1_200_000;

/// What each engine takes, and what that is relative to wasmi: the shortest of several rounds, in which they take turns.
///
/// # Errors
///
/// When an engine fails.
pub fn table(engines: &Engines, rounds: u32) -> Result<Table> {
    let module = LargeModule { wasm: large::module(BYTES), file: engines.folder.path().join("large.wasm") };
    std::fs::write(&module.file, &module.wasm)?;
    let mut shortest: Vec<Option<Duration>> = vec![None; engines.loads.len()];
    for _ in 0..rounds {
        for (entry, shortest) in engines.loads.iter().zip(&mut shortest) {
            let Some(load) = &entry.what else { continue };
            let time = load(&module)?;
            *shortest = Some(shortest.map_or(time, |shortest| shortest.min(time)));
        }
    }
    let megabytes = module.wasm.len() as f64 / 1e6;
    let mut table =
        Table::new([format!("loading {megabytes:.2} MB of wasm").as_str(), "ms", "MB/s", "/ wasmi"]);
    let wasmi = engines.loads.iter().position(|entry| entry.family == "wasmi");
    let wasmi = wasmi.and_then(|place| shortest[place]);
    for (entry, time) in engines.loads.iter().zip(&shortest) {
        let seconds = time.map(|time| time.as_secs_f64());
        table.row([
            entry.name.to_owned(),
            cell(seconds.map(|seconds| seconds * 1e3), 1),
            cell(seconds.map(|seconds| megabytes / seconds), 1),
            cell(seconds.zip(wasmi).map(|(seconds, wasmi)| seconds / wasmi.as_secs_f64()), 2),
        ]);
    }
    Ok(table)
}
