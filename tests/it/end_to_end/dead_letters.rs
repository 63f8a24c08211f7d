//! Dead letters that are re-submitted, on the built program. No test needs a server.

use crate::support::load::now_ns;
use crate::support::service::{Service, Setup};
use crate::support::wait;
use meterline_load::{Body, Reading};
use serde_json::Value;
use std::process::Output;
use std::time::Duration;

const DAY: i64 = 86_400 * 1_000_000_000;

fn body(times_ns: &[i64]) -> Body {
    let reading = |time_ns: &i64| Reading {
        meter: [7; 16],
        time_ns: time_ns - time_ns % 100,
        values: vec![([1, 0, 1, 8, 0, 255], 1.0), ([1, 0, 2, 8, 0, 255], 2.0)],
    };
    Body::new(0, times_ns.iter().map(reading).collect())
}

fn open_letters(service: &Service) -> Vec<u64> {
    let list: Value = serde_json::from_str(&service.text_of(&["dead-letters", "list", "--json"])).unwrap();
    list.as_array().unwrap().iter().map(|letter| letter["letter"].as_u64().unwrap()).collect()
}

fn wait_for_letters(service: &Service, count: usize) {
    wait::until(&format!("{count} letters"), Duration::from_secs(60), || open_letters(service).len() == count);
}

fn resubmit(service: &Service, letters: &str) -> (Output, String) {
    let output = service.command(&["dead-letters", "resubmit", letters]);
    let text = String::from_utf8([output.stdout.clone(), output.stderr.clone()].concat()).unwrap();
    (output, text)
}

#[test]
fn a_letter_that_would_be_set_aside_again_stays_open_and_gets_no_record() {
    let mut service = Setup { account: "accept_ahead = \"24h\"", ..Setup::default() }.start();
    let now = now_ns();
    // All of one body, and a half of another.
    service.post_all(&[body(&[now + 2 * DAY, now + 3 * DAY]), body(&[now, now + 2 * DAY])]);
    wait_for_letters(&service, 2);
    let next = service.next_sequence();
    let (output, said) = resubmit(&service, "1-2");
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("set aside again") && !said.contains("is now record"), "{said}");
    assert!(said.contains("2 of 2"), "both are reported: {said}");
    assert_eq!((open_letters(&service), service.next_sequence()), (vec![1, 2], next));

    // With other limits the whole letter is delivered.
    assert!(service.stop().success());
    service.reconfigure("accept_ahead = \"24h\"", "accept_ahead = \"60h\"");
    service.start_again();
    let (output, said) = resubmit(&service, "2");
    assert!(output.status.success() && said.contains("4 samples"), "{said}");
    assert_eq!(open_letters(&service), [1]);
    // A part of the other one: the rest has a letter of its own.
    let (output, said) = resubmit(&service, "1");
    assert!(output.status.success(), "{said}");
    assert!(said.contains("its 2 samples are delivered") && said.contains("2 are set aside again"), "{said}");
    wait_for_letters(&service, 1);
    assert_ne!(open_letters(&service), [1]);
}

#[test]
fn a_letter_that_still_cannot_be_decoded_stays_open() {
    let service = Setup::default().start();
    service.post_all(&[Body { bytes: vec![0xff; 40], ..body(&[0]) }]);
    wait_for_letters(&service, 1);
    let next = service.next_sequence();
    let (output, said) = resubmit(&service, "1");
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("cannot be decoded"), "{said}");
    assert_eq!((open_letters(&service), service.next_sequence()), (vec![1], next));
}
