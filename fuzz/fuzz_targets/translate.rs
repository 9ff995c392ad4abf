//! Bytes as a WebAssembly module; see `strata_testing::bodies`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    strata_testing::bodies::translate(bytes);
});
