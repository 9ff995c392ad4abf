//! Random programs in every configuration and in the reference; see `strata_testing::bodies`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| strata_testing::bodies::run(bytes));
