//! Owned values at fixed addresses that running code points to.

use std::fmt;
use std::ops::Deref;
use std::ptr::NonNull;

/// A heap value that keeps its address until it is dropped, and that raw pointers may share: unlike a `Box`, moving it
/// claims nothing about who else reads the value.
pub(crate) struct Stable<T>(NonNull<T>);

impl<T> Stable<T> {
    pub(crate) fn new(value: T) -> Stable<T> {
        Stable(NonNull::from(Box::leak(Box::new(value))))
    }

    pub(crate) fn as_ptr(&self) -> *const T {
        self.0.as_ptr()
    }
}

impl<T> Deref for Stable<T> {
    type Target = T;

    fn deref(&self) -> &T {
        // SAFETY: made by `new`, freed only by `drop`; there are no exclusive references to it.
        unsafe { self.0.as_ref() }
    }
}

impl<T> Drop for Stable<T> {
    fn drop(&mut self) {
        // SAFETY: made from a leaked box by `new`, and never copied.
        drop(unsafe { Box::from_raw(self.0.as_ptr()) });
    }
}

impl<T: fmt::Debug> fmt::Debug for Stable<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        (**self).fmt(f)
    }
}
