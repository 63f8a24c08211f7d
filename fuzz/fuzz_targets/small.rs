//! The small parsers of what comes from outside: answers of smart-me's REST API, OBIS
//! codes. Nothing panics.

#![no_main]

use libfuzzer_sys::fuzz_target;
use meterline::reading::Obis;
use meterline::vendor::smart_me::{Registration, Values};

fuzz_target!(|bytes: &[u8]| {
    Values::read(bytes).ok();
    Registration::list(bytes).ok();
    if let Ok(text) = std::str::from_utf8(bytes) {
        if let Ok(code) = text.parse::<Obis>() {
            assert_eq!(code.to_string().parse::<Obis>().ok(), Some(code));
        }
    }
});
