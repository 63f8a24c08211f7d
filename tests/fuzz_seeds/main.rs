//! The claims of the fuzz targets (`fuzz/src`), with the seeds of each and with changes of them: with the stable compiler,
//! at every run of the tests. `./test long fuzz` searches for hours.
#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test fails by panicking"
)]
#![allow(unreachable_pub, reason = "the fuzz targets use the claims from another crate")]

#[path = "../../fuzz/src/lib.rs"]
mod claims;

use claims::{batch, decode, files, recover, request, small, telegram};
use std::fs;
use std::path::Path;

/// Changed inputs of each seed.
const CHANGES: u64 = 200;

/// Checks the seeds of a target, and inputs that have some other bytes: the same at every run.
fn replay(target: &str, check: fn(&[u8]), changes: u64) {
    let directory = Path::new(env!("CARGO_MANIFEST_DIR")).join("fuzz/seeds").join(target);
    let mut seeds: Vec<_> = fs::read_dir(&directory).unwrap().map(|entry| entry.unwrap().path()).collect();
    seeds.sort();
    assert!(!seeds.is_empty(), "{} has no seed", directory.display());
    check(&[]);
    for seed in seeds {
        let bytes = fs::read(&seed).unwrap();
        check(&bytes);
        for number in 0..changes {
            check(&changed(&bytes, number));
        }
    }
}

/// The bytes with one to four changes: another byte, a byte less, a byte more, an end.
fn changed(bytes: &[u8], number: u64) -> Vec<u8> {
    let mut random = fastrand::Rng::with_seed(number);
    let mut bytes = bytes.to_vec();
    for _ in 0..random.usize(1..5) {
        let at = random.usize(0..=bytes.len());
        match random.u8(0..8) {
            0 => bytes.truncate(at),
            1 if at < bytes.len() => drop(bytes.remove(at)),
            2 | 3 => bytes.insert(at, random.u8(..)),
            _ if at < bytes.len() => bytes[at] = random.u8(..),
            _ => {}
        }
    }
    bytes
}

#[test]
fn bodies_of_smart_me_are_read_as_prost_reads_them() {
    replay("decode", decode::check, CHANGES);
}

#[test]
fn batches_are_read_as_prost_reads_them() {
    replay("batch", batch::check, CHANGES);
}

#[test]
fn messages_of_devices_and_texts_of_operators_are_read_or_refused() {
    replay("small", small::check, CHANGES);
}

#[test]
fn telegrams_with_a_right_checksum_are_read_whatever_their_lines() {
    replay("telegram", telegram::check, CHANGES);
}

#[test]
fn damaged_files_of_a_journal_give_no_payload_that_was_not_appended() {
    replay("recover", recover::check, CHANGES);
}

#[test]
fn small_files_of_a_data_directory_are_read_or_refused() {
    replay("files", files::check, CHANGES);
}

#[test]
fn a_valid_request_has_its_body_in_the_journal_and_any_other_bytes_end_their_connection() {
    // Each is a connection.
    replay("request", request::check, CHANGES / 4);
}
