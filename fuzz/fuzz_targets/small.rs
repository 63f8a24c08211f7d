//! The small parsers of what comes from outside: answers of smart-me's REST API,
//! networks of the configuration, codes and times, the file of a capture. Nothing panics.

#![no_main]

use libfuzzer_sys::fuzz_target;
use meterline::reading::Obis;
use meterline::source::webhook::Network;
use meterline::source::webhook::capture::{Captured, Report};
use meterline::vendor::smart_me::{Registration, Values};

fuzz_target!(|bytes: &[u8]| {
    Values::read(bytes).ok();
    Registration::list(bytes).ok();
    let captured = Captured::parse(bytes);
    assert_eq!(Report::of(&captured).posts, captured.posts.len());
    if let Ok(text) = std::str::from_utf8(bytes) {
        text.parse::<Network>().ok();
        if let Ok(code) = text.parse::<Obis>() {
            assert_eq!(code.to_string().parse::<Obis>().ok(), Some(code));
        }
    }
});
