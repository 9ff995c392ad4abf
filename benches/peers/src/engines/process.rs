//! Engines that are programs of their own. A driver in `drivers/` runs in them and prints a line for each call:
//! `RESULT NANOSECONDS`.

use std::process::{Command, Stdio};
use std::time::Duration;

use super::{Call, Result};

/// The first line that a program prints when asked for its version, if it can be started.
pub(super) fn first_line(program: &str, version: &str) -> Option<String> {
    let output = Command::new(program).arg(version).stdin(Stdio::null()).output().ok()?;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    output.status.success().then(|| text.lines().next().unwrap_or_default().to_owned())
}

/// Runs a driver to its end.
pub(super) fn calls(command: &mut Command) -> Result<Vec<Call>> {
    let text = output(command)?;
    text.lines()
        .map(|line| call(line).ok_or_else(|| format!("{command:?} printed `{line}`").into()))
        .collect()
}

/// Runs a command to its end and gives what it prints.
pub(super) fn output(command: &mut Command) -> Result<String> {
    let output = command.stdin(Stdio::null()).stderr(Stdio::inherit()).output();
    let output = output.map_err(|error| format!("{command:?}: {error}"))?;
    if !output.status.success() {
        return Err(format!("{command:?}: {}", output.status).into());
    }
    Ok(String::from_utf8(output.stdout)?)
}

/// The call that a line of a driver tells of.
fn call(line: &str) -> Option<Call> {
    let (result, nanoseconds) = line.split_once(' ')?;
    Some(Call { result: result.parse().ok()?, time: Duration::from_nanos(nanoseconds.parse().ok()?) })
}
