//! Standard input, read by a thread of its own so that waiting for it can be interrupted.

use std::fmt;
use std::io::{self, Read};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread;

/// Bytes asked of the operating system at once.
const CHUNK: usize = 64 << 10;

/// Standard input. Its thread starts with the first read, and reads only when asked to.
#[derive(Debug)]
pub(crate) struct Input {
    events: Receiver<Event>,
    sender: Sender<Event>,
    /// Asks the thread for bytes, with a buffer to put them in.
    requests: Option<Sender<Vec<u8>>>,
    chunk: Vec<u8>,
    at: usize,
}

#[derive(Debug)]
enum Event {
    Bytes(io::Result<Vec<u8>>),
    Stop,
}

/// Ends the wait for input, from any thread.
#[derive(Clone, Debug)]
pub(crate) struct StopInput(Sender<Event>);

impl StopInput {
    pub(crate) fn stop(&self) {
        // Without a receiver nobody waits.
        let _ = self.0.send(Event::Stop);
    }
}

/// Why nothing was read.
#[derive(Debug)]
pub(crate) enum ReadError {
    /// The wait was ended by [`StopInput`].
    Stopped,
    /// Standard input cannot be read.
    Failed,
}

impl fmt::Display for ReadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            ReadError::Stopped => "stopped while waiting for standard input",
            ReadError::Failed => "standard input cannot be read",
        })
    }
}

impl std::error::Error for ReadError {}

impl Input {
    pub(crate) fn new() -> Input {
        let (sender, events) = channel();
        Input { events, sender, requests: None, chunk: Vec::new(), at: 0 }
    }

    /// Ends waits for this input.
    pub(crate) fn stopper(&self) -> StopInput {
        StopInput(self.sender.clone())
    }

    /// Whether the next read asks the operating system.
    pub(crate) fn is_empty(&self) -> bool {
        self.at == self.chunk.len()
    }

    /// Reads bytes, as many as there are and fit; 0 at the end.
    pub(crate) fn read(&mut self, into: &mut [u8]) -> Result<usize, ReadError> {
        if self.is_empty() && !into.is_empty() {
            self.fill()?;
        }
        let rest = &self.chunk[self.at..];
        let count = rest.len().min(into.len());
        into[..count].copy_from_slice(&rest[..count]);
        self.at += count;
        Ok(count)
    }

    fn fill(&mut self) -> Result<(), ReadError> {
        let requests = self.requests.get_or_insert_with(|| start(self.sender.clone()));
        self.at = 0;
        requests.send(std::mem::take(&mut self.chunk)).map_err(|_| ReadError::Failed)?;
        match self.events.recv() {
            Ok(Event::Bytes(Ok(bytes))) => {
                self.chunk = bytes;
                Ok(())
            }
            Ok(Event::Stop) => Err(ReadError::Stopped),
            Ok(Event::Bytes(Err(_))) | Err(_) => Err(ReadError::Failed),
        }
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
