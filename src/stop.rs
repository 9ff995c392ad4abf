//! Ctrl-C and the time limit: both stop the program with a trap, so that it can be seen where it was.

use std::fmt;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};
use std::thread;
use std::time::Duration;

use strata::InterruptHandle;

use crate::failure::{KILLED, TRAPPED, tell};
use crate::input::StopInput;

/// How long a program that was told to stop may hang in a host function, such as one that writes to a full pipe.
const GRACE: Duration = Duration::from_secs(1);

/// Why a program was told to stop.
#[derive(Debug)]
pub(crate) enum Reason {
    Signal,
    TimeLimit(Duration),
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::Signal => f.write_str("stopped by Ctrl-C or another signal"),
            Reason::TimeLimit(limit) => {
                write!(f, "the time limit of {} was reached", humantime::format_duration(*limit))
            }
        }
    }
}

/// Stops a program, from any thread.
#[derive(Clone, Debug)]
pub(crate) struct Stopper(Arc<Shared>);

#[derive(Debug)]
struct Shared {
    interrupt: InterruptHandle,
    input: StopInput,
    reason: OnceLock<Reason>,
    finished: AtomicBool,
}

impl Stopper {
    pub(crate) fn new(interrupt: InterruptHandle, input: StopInput) -> Stopper {
        let (reason, finished) = (OnceLock::new(), AtomicBool::new(false));
        Stopper(Arc::new(Shared { interrupt, input, reason, finished }))
    }

    /// Why the program was told to stop, if it was.
    pub(crate) fn reason(&self) -> Option<&Reason> {
        self.0.reason.get()
    }

    /// The program has ended: there is nothing left to stop.
    pub(crate) fn finish(&self) {
        self.0.finished.store(true, Ordering::Release);
    }

    /// Lets the first Ctrl-C (or SIGTERM, SIGHUP) stop the program, and the second end the process. Where that cannot be
    /// had, the first one ends the process.
    pub(crate) fn stop_on_signals(&self) {
        let stopper = self.clone();
        let handle = move || stopper.signalled();
        // Under `nohup`, SIGHUP is to stay ignored; shells that start background jobs let them ignore SIGINT, which is
        // no reason not to stop when somebody sends one.
        if ctrlc::try_set_handler(handle.clone()).is_err() && !is_hangup_ignored() {
            let _ = ctrlc::set_handler(handle);
        }
    }

    /// Stops the program when the time is over.
    pub(crate) fn stop_after(&self, limit: Duration) {
        let stopper = self.clone();
        thread::spawn(move || {
            thread::sleep(limit);
            stopper.stop(Reason::TimeLimit(limit));
            thread::sleep(GRACE);
            if let (false, Some(reason)) = (stopper.0.finished.load(Ordering::Acquire), stopper.reason()) {
                tell(format_args!("strata: interrupted in a host function: {reason}"));
                std::process::exit(TRAPPED);
            }
        });
    }

    fn signalled(&self) {
        let finished = self.0.finished.load(Ordering::Acquire);
        if finished || !self.stop(Reason::Signal) {
            std::process::exit(KILLED);
        }
    }

    /// Tells the program to stop; `false` when it was told before.
    fn stop(&self, reason: Reason) -> bool {
        let first = self.0.reason.set(reason).is_ok();
        self.0.interrupt.interrupt();
        self.0.input.stop();
        first
    }
}

fn is_hangup_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).is_some_and(|mask| mask & 1 != 0)
}
