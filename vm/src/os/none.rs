//! A system that this crate knows nothing about.

/// Address space; there is none to be had.
#[derive(Debug)]
pub(crate) enum Reservation {}

impl Reservation {
    pub(crate) fn new(_bytes: usize) -> Option<Reservation> {
        None
    }

    pub(crate) fn base(&self) -> *mut u8 {
        match *self {}
    }

    pub(crate) fn commit(&self, _bytes: usize) -> bool {
        match *self {}
    }
}

/// Memory for code; there is none to be had.
#[derive(Debug)]
pub(crate) enum CodeRange {}

impl CodeRange {
    pub(crate) const LINE: usize = 64;

    pub(crate) fn new(_bytes: usize) -> Option<CodeRange> {
        None
    }

    pub(crate) fn set_optimized(&self, _offset: usize, _bytes: usize, _is_optimized: bool) {
        match *self {}
    }

    pub(crate) fn writable(&self) -> *mut u8 {
        match *self {}
    }

    pub(crate) fn executable(&self) -> *const u8 {
        match *self {}
    }

    pub(crate) fn len(&self) -> usize {
        match *self {}
    }

    pub(crate) fn publish(&self, _offset: usize, _bytes: usize, _again: bool) -> bool {
        match *self {}
    }
}

pub(crate) fn watch_faults(range: &CodeRange, _stub: *const u8) -> bool {
    match *range {}
}

pub(crate) fn watch_polls(range: &CodeRange, _safepoint: *const u8) {
    match *range {}
}
