//! WASI's functions, called by a guest.

mod guest;

mod process;
mod streams;
mod clocks;
mod files;
mod dirs;
mod paths;
mod sandbox;
mod hostile;
