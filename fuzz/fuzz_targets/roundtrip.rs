//! Random modules through both forms and back; see `strata_testing::bodies`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| strata_testing::bodies::round_trip(bytes));
