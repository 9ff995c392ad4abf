//! Broken modules through the verifier, and run if they pass; see `strata_testing::bodies`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| strata_testing::bodies::verify(bytes));
