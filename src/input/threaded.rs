//! Where there is no `poll`: a thread of its own reads standard input, when it is asked to.

use std::io::{self, IoSliceMut, Read};
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::thread;
use std::time::{Duration, Instant};

use super::{CHUNK, ReadError};

/// Standard input. Its thread starts with the first read.
#[derive(Debug)]
pub(crate) struct Source {
    events: Receiver<Event>,
    sender: Sender<Event>,
    /// Asks the thread for bytes, with a buffer to put them in.
    requests: Option<Sender<Vec<u8>>>,
    /// The thread was asked and has not answered.
    asked: bool,
    /// What it answered last, and how much of that was read.
    chunk: io::Result<Vec<u8>>,
    at: usize,
    stopped: bool,
}

#[derive(Debug)]
enum Event {
    Bytes(io::Result<Vec<u8>>),
    Stop,
}

/// Ends waits for input, now and from now on, from any thread.
#[derive(Clone, Debug)]
pub(crate) struct StopInput(Sender<Event>);

impl StopInput {
    pub(crate) fn stop(&self) {
        // Without a receiver nobody waits.
        let _ = self.0.send(Event::Stop);
    }
}

impl Source {
    pub(crate) fn new() -> io::Result<(Source, StopInput)> {
        let (sender, events) = channel();
        let stop = StopInput(sender.clone());
        let source = Source {
            events,
            sender,
            requests: None,
            asked: false,
            chunk: Ok(Vec::new()),
            at: 0,
            stopped: false,
        };
        Ok((source, stop))
    }

    pub(crate) fn read(&mut self, into: &mut [IoSliceMut<'_>]) -> Result<usize, ReadError> {
        self.wait(None)?;
        // Once told, an error is over.
        let chunk = std::mem::replace(&mut self.chunk, Ok(Vec::new()))?;
        let count = (&chunk[self.at..]).read_vectored(into)?;
        self.at += count;
        self.chunk = Ok(chunk);
        Ok(count)
    }

    pub(crate) fn wait(&mut self, timeout: Option<Duration>) -> Result<bool, ReadError> {
        if !self.asked && self.chunk.as_ref().is_ok_and(|chunk| self.at == chunk.len()) {
            let requests = self.requests.get_or_insert_with(|| start(self.sender.clone()));
            let buffer = std::mem::replace(&mut self.chunk, Ok(Vec::new()))?;
            self.at = 0;
            self.asked = requests.send(buffer).is_ok();
        }
        self.receive(timeout, |source| !source.asked)
    }

    #[cfg(feature = "wasi")]
    pub(crate) fn sleep(&mut self, time: Duration) -> Result<(), ReadError> {
        self.receive(Some(time), |_| false).map(|_| ())
    }

    #[cfg(feature = "wasi")]
    pub(crate) fn available(&self) -> u64 {
        self.chunk.as_ref().map_or(0, |chunk| (chunk.len() - self.at) as u64)
    }

    /// Receives events until that is so, or the time is over; whether it is so.
    fn receive(&mut self, timeout: Option<Duration>, done: fn(&Source) -> bool) -> Result<bool, ReadError> {
        let deadline = timeout.and_then(|timeout| Instant::now().checked_add(timeout));
        while !self.stopped && !done(self) {
            let event = match deadline {
                Some(deadline) => {
                    self.events.recv_timeout(deadline.saturating_duration_since(Instant::now()))
                }
                None => self.events.recv().map_err(RecvTimeoutError::from),
            };
            match event {
                Ok(Event::Bytes(bytes)) => (self.chunk, self.asked) = (bytes, false),
                // This end has a sender too.
                Ok(Event::Stop) | Err(RecvTimeoutError::Disconnected) => self.stopped = true,
                Err(RecvTimeoutError::Timeout) => return Ok(false),
            }
        }
        if self.stopped { Err(ReadError::Stopped) } else { Ok(true) }
    }
}

fn start(events: Sender<Event>) -> Sender<Vec<u8>> {
    let (requests, requested) = channel();
    thread::spawn(move || {
        for buffer in requested {
            if events.send(Event::Bytes(read(buffer))).is_err() {
                break;
            }
        }
    });
    requests
}

fn read(mut buffer: Vec<u8>) -> io::Result<Vec<u8>> {
    buffer.resize(CHUNK, 0);
    loop {
        match io::stdin().lock().read(&mut buffer) {
            Ok(count) => {
                buffer.truncate(count);
                return Ok(buffer);
            }
            Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
            Err(error) => return Err(error),
        }
    }
}
