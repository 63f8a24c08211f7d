//! Runs `src/recover.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| meterline_fuzz::recover::check(bytes));
