//! Does nothing: what a process takes that is no one's. For `benches/startup.rs`.

fn main() {}
