//! Counts the words of standard input and prints those that occur most often: as many as the argument says, or ten.
//!
//!     rustc --target wasm32-unknown-unknown --crate-type cdylib --edition 2024 \
//!         -C opt-level=s -C lto -C strip=debuginfo words.rs
//!
//! Exports `main` by its attribute, and the memory, as the linker does by itself.

use std::collections::HashMap;

mod env {
    //! The host module `env` of the command `strata`; `strata run --help` tells what the functions do.

    #[link(wasm_import_module = "env")]
    unsafe extern "C" {
        pub fn print(bytes: *const u8, length: usize);
        pub fn read(into: *mut u8, length: usize) -> i32;
        pub safe fn arg_len(index: i32) -> i32;
        pub fn arg_copy(index: i32, into: *mut u8, length: usize) -> i32;
    }
}

fn print(text: &str) {
    // SAFETY: the bytes are those of `text`.
    unsafe { env::print(text.as_ptr(), text.len()) }
}

/// All of standard input; what cannot be read ends it.
fn input() -> Vec<u8> {
    let (mut all, mut chunk) = (Vec::new(), [0; 4096]);
    loop {
        // SAFETY: at most so many bytes are written, which `chunk` has.
        match unsafe { env::read(chunk.as_mut_ptr(), chunk.len()) } {
            count @ 1.. => all.extend_from_slice(&chunk[..count as usize]),
            _ => return all,
        }
    }
}

/// The argument of that index, if there is one.
fn arg(index: i32) -> Option<String> {
    let mut bytes = vec![0; usize::try_from(env::arg_len(index)).ok()?];
    // SAFETY: at most so many bytes are written, which `bytes` has.
    unsafe { env::arg_copy(index, bytes.as_mut_ptr(), bytes.len()) };
    String::from_utf8(bytes).ok()
}

#[unsafe(export_name = "main")]
extern "C" fn count_words() {
    let most = arg(0).and_then(|arg| arg.parse().ok()).unwrap_or(10);
    let text = String::from_utf8_lossy(&input()).to_lowercase();
    let mut counts: HashMap<&str, usize> = HashMap::new();
    for word in text.split(|c: char| !c.is_alphanumeric()).filter(|word| !word.is_empty()) {
        *counts.entry(word).or_default() += 1;
    }
    let mut counts: Vec<(&str, usize)> = counts.into_iter().collect();
    counts.sort_by(|(a, n), (b, m)| m.cmp(n).then(a.cmp(b)));
    for (word, count) in counts.into_iter().take(most) {
        print(&format!("{count:6} {word}\n"));
    }
}
