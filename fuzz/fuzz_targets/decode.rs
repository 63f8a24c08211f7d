//! Runs `src/decode.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| meterline_fuzz::decode::check(bytes));
