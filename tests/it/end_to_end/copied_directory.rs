//! Copies of a data directory: in another place, and restored in place.

use crate::support::kafka;
use crate::support::load::{fleet, now_ns};
use crate::support::service::{Service, Setup};
use crate::support::stores::{assert_exactly, of_sqlite};
use crate::support::stream::{Stream, counts_of};
use meterline_load::{Body, Expected, Script};
use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

fn setup(topic: &str) -> Setup {
    Setup { kafka: Some((kafka::shared(), topic.to_owned())), ..Setup::default() }
}

fn post(service: &Service, seed: u64) -> Vec<Body> {
    let bodies = fleet(seed).script(&Script::mixed(60, now_ns()));
    service.post_all(&bodies);
    service.wait_drained();
    bodies
}

fn copy(from: &Path, to: &Path, leave: &str) {
    fs::create_dir_all(to).unwrap();
    for entry in fs::read_dir(from).unwrap().map(Result::unwrap) {
        let target = to.join(entry.file_name());
        match entry.file_type().unwrap() {
            kind if kind.is_dir() => copy(&entry.path(), &target, leave),
            kind if kind.is_file() && entry.file_name() != leave => drop(fs::copy(entry.path(), target).unwrap()),
            _ => {}
        }
    }
}

/// Removes all files except the ones of that name.
fn empty(directory: &Path, leave: &str) {
    for entry in fs::read_dir(directory).unwrap().map(Result::unwrap) {
        if entry.file_type().unwrap().is_dir() {
            empty(&entry.path(), leave);
        } else if entry.file_name() != leave {
            fs::remove_file(entry.path()).unwrap();
        }
    }
}

fn journals(topic: &str) -> BTreeSet<Vec<u8>> {
    Stream::read(&kafka::shared(), topic).first.iter().map(|reading| reading.journal.to_vec()).collect()
}

/// Every reading is in the topic as often as it was sent: no two share an identity
/// (reading the topic checks that repeats say the same).
fn assert_all_in(topic: &str, bodies: &[Body]) {
    assert!(Stream::read(&kafka::shared(), topic).counts() == counts_of(bodies), "what the topic holds");
}

#[test]
fn a_copied_directory_goes_on_elsewhere_under_another_id_and_both_lose_nothing() {
    let topic = "e2e-copied";
    let mut original = setup(topic).start();
    let mut both = post(&original, 31);
    assert!(original.stop().success());
    let mut copied = setup(topic).start();
    assert!(copied.stop().success());
    fs::remove_dir_all(copied.data_directory()).unwrap();
    copy(&original.data_directory(), &copied.data_directory(), "");

    original.start_again();
    copied.start_again();
    assert!(copied.log().contains("the directory is a copy"), "{}", copied.log());
    let (here, there) = (post(&original, 32), post(&copied, 33));
    let stored = |bodies: &[Body]| Expected::of(both.iter().chain(bodies));
    assert_exactly("SQLite", &stored(&here), &of_sqlite(&original.sqlite_file()));
    assert_exactly("SQLite of the copy", &stored(&there), &of_sqlite(&copied.sqlite_file()));
    assert_eq!(journals(topic).len(), 2, "what the copy writes has an id of its own");
    both.extend(here);
    both.extend(there);
    assert_all_in(topic, &both);
}

#[test]
fn a_copy_takes_the_transactions_over_and_the_original_is_blocked_and_says_so() {
    let topic = "e2e-copied-transactional";
    let setup = || Setup { kafka_lines: "delivery = \"transactional\"", ..setup(topic) };
    let mut original = setup().start();
    let mut delivered = post(&original, 41);
    assert!(original.stop().success());
    let mut copied = setup().start();
    assert!(copied.stop().success());
    fs::remove_dir_all(copied.data_directory()).unwrap();
    copy(&original.data_directory(), &copied.data_directory(), "");
    original.start_again();
    delivered.extend(post(&original, 42));

    copied.start_again();
    delivered.extend(post(&copied, 43));
    original.post_all(&fleet(44).script(&Script::mixed(10, now_ns())));
    original.wait_for_state("kafka", "blocked");
    let why = original.sink("kafka")["why"].to_string();
    assert!(why.contains("a copy of this data directory"), "{why}");
    // Started again, it does not disturb the copy: the position belongs to the copy's journal.
    assert!(original.stop().success());
    original.start_again();
    original.wait_for_state("kafka", "blocked");
    let why = original.sink("kafka")["why"].to_string();
    assert!(why.contains("does not continue"), "{why}");
    delivered.extend(post(&copied, 45));
    assert_all_in(topic, &delivered);
    assert_eq!(Stream::read(&kafka::shared(), topic).repeats(), 0);
}

#[test]
fn a_directory_put_back_in_place_and_restored_writes_on_under_a_new_id() {
    let topic = "e2e-put-back";
    let mut service = setup(topic).start();
    let backup = tempfile::tempdir().unwrap();
    let mut sent = post(&service, 34);
    assert!(service.stop().success());
    copy(&service.data_directory(), backup.path(), "lock");
    service.start_again();
    sent.extend(post(&service, 35));
    assert!(service.stop().success());

    // The lock files stay as they were, as in a snapshot put back by the file system.
    empty(&service.data_directory(), "lock");
    copy(backup.path(), &service.data_directory(), "lock");
    let said = service.text_of(&["journal", "restore"]);
    assert!(said.contains("belong to journal"), "{said}");
    service.start_again();
    sent.extend(post(&service, 36));
    assert_eq!(journals(topic).len(), 2);
    assert_all_in(topic, &sent);
}
