//! Who makes optimized code: worker threads, or whoever asks for it.
//!
//! A program does not wait for workers: it goes on in the code that it has, and finds the new code at its next call or back edge.

use std::collections::BinaryHeap;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError, Weak};
use std::thread;
use std::time::{Duration, Instant};

use bytecode_spec::FuncIndex;
use strata_jit::optimizing::{self, Cranelift, Entry, Optimizer, Request, Target};

use super::policy::{MAX_QUEUED, Refusal};
use crate::code::{LoadedModule, Timed, Version};
use crate::config::{Config, TierMode};

/// Makes optimized code for an engine. Workers end when this is dropped.
#[derive(Debug)]
pub(crate) struct Optimizing {
    shared: Arc<Shared>,
    /// Worker threads, at most; none if whoever asks for code makes it.
    workers: usize,
}

#[derive(Debug)]
struct Shared {
    verify: bool,
    stress: u32,
    /// For one function.
    time_limit: Duration,
    queue: Mutex<Queue>,
    /// There is work, or no more will come.
    wanted: Condvar,
    /// A worker has finished what it was at.
    done: Condvar,
    /// Compilers that nobody uses, with their memory.
    idle: Mutex<Vec<Box<dyn Optimizer>>>,
}

#[derive(Debug, Default)]
struct Queue {
    jobs: BinaryHeap<Job>,
    workers: usize,
    /// Jobs that workers are at.
    active: usize,
    is_closed: bool,
}

/// What is to be compiled: the most urgent first.
#[derive(Debug)]
struct Job {
    urgency: u64,
    module: Weak<LoadedModule>,
    func: FuncIndex,
    entry: Entry,
}

impl PartialEq for Job {
    fn eq(&self, other: &Job) -> bool {
        self.urgency == other.urgency
    }
}

impl Eq for Job {}

impl PartialOrd for Job {
    fn partial_cmp(&self, other: &Job) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Job {
    fn cmp(&self, other: &Job) -> std::cmp::Ordering {
        self.urgency.cmp(&other.urgency)
    }
}

/// The heat of code that is in use, and is compiled again: it comes first, however large it is.
pub(crate) const IN_USE: u32 = u32::MAX;

/// How urgent it is to compile so many words of code that were so hot: the hotter for the time that it takes, which grows with the words.
/// In this order programs wait least, in all (W. E. Smith, Various optimizers for single-stage production, 1956).
fn urgency(heat: u32, words: usize) -> u64 {
    if heat == IN_USE { u64::MAX } else { (u64::from(heat) << u32::BITS) / words.max(1) as u64 }
}

/// A native stack on which the compiler has room for any function that it takes.
const WORKER_STACK: usize = 16 << 20;

impl Optimizing {
    /// `None` where nothing is optimized.
    pub(crate) fn new(config: &Config) -> Option<Optimizing> {
        let workers = match config.tier {
            TierMode::Auto if config.policy.optimizes() => config.workers,
            TierMode::Auto => return None,
            TierMode::Optimizing => 0,
            TierMode::Portable | TierMode::Interpreter | TierMode::Template => return None,
        };
        let shared = Shared {
            verify: config.verify_ir,
            stress: config.stress_exits,
            time_limit: config.max_optimizing_time,
            queue: Mutex::default(),
            wanted: Condvar::new(),
            done: Condvar::new(),
            idle: Mutex::default(),
        };
        Some(Optimizing { shared: Arc::new(shared), workers })
    }

    /// Makes optimized code of a version and installs it, or has a worker do so. A version that is called or goes back often has
    /// much `heat`.
    pub(crate) fn optimize(&self, version: &Version, entry: Entry, heat: u32) -> Result<(), Refusal> {
        if self.workers == 0 {
            return self.shared.make(version, entry);
        }
        let mut queue = self.shared.queue();
        if queue.jobs.len() >= MAX_QUEUED {
            drop(queue);
            version.optimized.give_up(entry);
            return Ok(());
        }
        let urgency = urgency(heat, version.function().code.len());
        queue.jobs.push(Job { urgency, module: version.loaded().this.clone(), func: version.func, entry });
        let wanted = queue.jobs.len() + queue.active;
        let may_wait = queue.active < queue.workers;
        // To wake a thread takes the program nearly as long as to start one. A new worker looks for work by itself, and need not wait for
        // the queue; so does one that is at work.
        if !self.start(queue, wanted) && may_wait {
            self.shared.wanted.notify_one();
        }
        Ok(())
    }

    /// Has a worker ready before there is work for it: to start one takes the program long.
    pub(crate) fn expect_work(&self) {
        self.start(self.shared.queue(), 1);
    }

    /// Starts one more worker if fewer run than are `wanted`, and may run; false if there are enough.
    fn start(&self, mut queue: MutexGuard<'_, Queue>, wanted: usize) -> bool {
        if queue.workers >= self.workers.min(wanted) {
            return false;
        }
        queue.workers += 1;
        drop(queue);
        let shared = Arc::clone(&self.shared);
        let worker = thread::Builder::new().name("strata compiler".to_owned()).stack_size(WORKER_STACK);
        if worker.spawn(move || shared.work()).is_err() {
            // Jobs wait for a thread that can be had, but nobody for the jobs.
            self.shared.queue().workers -= 1;
            self.shared.done.notify_all();
        }
        true
    }

    /// Waits until all that was asked for is made.
    pub(crate) fn wait(&self) {
        let mut queue = self.shared.queue();
        while queue.active > 0 || queue.workers > 0 && !queue.jobs.is_empty() {
            queue = self.shared.done.wait(queue).unwrap_or_else(PoisonError::into_inner);
        }
    }
}

impl Drop for Optimizing {
    fn drop(&mut self) {
        // Not waited for: the last handle may be a worker's.
        self.shared.queue().is_closed = true;
        self.shared.wanted.notify_all();
    }
}

impl Shared {
    fn queue(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// What a worker does.
    fn work(&self) {
        loop {
            let mut queue = self.queue();
            let job = loop {
                if queue.is_closed {
                    return;
                }
                match queue.jobs.pop() {
                    Some(job) => break job,
                    None => queue = self.wanted.wait(queue).unwrap_or_else(PoisonError::into_inner),
                }
            };
            queue.active += 1;
            drop(queue);
            // Nobody needs code of a module that is gone.
            if let Some(module) = job.module.upgrade() {
                // Refusals are kept with the version.
                _ = self.make(module.uncalled_version(job.func), job.entry);
            }
            self.queue().active -= 1;
            self.done.notify_all();
        }
    }

    fn make(&self, version: &Version, entry: Entry) -> Result<(), Refusal> {
        let Some(entry) = version.optimized.choose(entry, |head| version.loop_to_enter(head)) else {
            return Ok(());
        };
        let request = Request { stress: self.stress, ..version.optimizing_request(entry) };
        version.install(entry, self.compile(&request))
    }

    /// A compiler that panics is not used again, and the function stays where it is; as it does if it takes too long.
    fn compile(&self, request: &Request) -> Result<Timed, Refusal> {
        let idle = || self.idle.lock().unwrap_or_else(PoisonError::into_inner);
        let known = idle().pop();
        let mut optimizer = match known {
            Some(optimizer) => optimizer,
            // Not asked before: where a hypervisor answers, it takes as long as all else that an engine begins with.
            None => Box::new(Cranelift::new(Target::of_host().ok_or(Refusal::NoMachineCode)?, self.verify)),
        };
        let begun = Instant::now();
        let is_late = || begun.elapsed() >= self.time_limit;
        let compiled = catch_unwind(AssertUnwindSafe(|| optimizer.optimize(request, &is_late)));
        let compiled = compiled.map_err(|_| Refusal::OptimizerFailed)?;
        idle().push(optimizer);
        let timed = compiled.map(|code| Timed { code, compile_time: begun.elapsed() });
        timed.map_err(|refusal| match refusal {
            optimizing::Refusal::TooLarge => Refusal::TooLargeToOptimize,
            optimizing::Refusal::TooSlow => Refusal::TooSlowToOptimize,
            optimizing::Refusal::Failed(_) | _ => Refusal::OptimizerFailed,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn small_functions_come_before_large_ones_that_are_not_as_much_hotter() {
        let job = |heat, words, func| Job {
            urgency: urgency(heat, words),
            module: Weak::new(),
            func: FuncIndex(func),
            entry: Entry::Start,
        };
        let mut jobs = BinaryHeap::from([
            job(4096, 10_000, 0),
            job(8192, 10_000, 1),
            job(4096, 10, 2),
            job(1_000_000, 9, 3),
            job(IN_USE, 40_000, 4),
        ]);
        let order: Vec<u32> = std::iter::from_fn(|| jobs.pop()).map(|job| job.func.0).collect();
        assert_eq!(order, [4, 3, 2, 1, 0]);
    }
}
