//! Runs `src/files.rs`.

#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| meterline_fuzz::files::check(bytes));
