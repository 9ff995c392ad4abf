//! Random WebAssembly modules in every configuration and in wasmi; see `strata_testing::bodies`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| strata_testing::bodies::wasm_differential(bytes));
