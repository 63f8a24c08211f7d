//! Runs `src/telegram.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| meterline_fuzz::telegram::check(bytes));
