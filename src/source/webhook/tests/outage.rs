//! A journal that cannot store bodies: 503 with Retry-After, and recovery without a restart.

use super::*;
use crate::ingest::Health;
use crate::journal::{Cursor, FaultyDisk, Operation, OptionalCursor, Retention};
use std::sync::Arc;

/// A limit of two small segments.
fn small(directory: &TempDir) -> Options {
    Options {
        segment_bytes: 256 << 10,
        cap_bytes: 512 << 10,
        record_bytes_max: 64 << 10,
        group_bytes_max: 64 << 10,
        ..Options::new(directory.path())
    }
}

/// A fixture on a disk that fails on demand, with space for many segments.
async fn fixture_on_faulty_disk() -> (Fixture, FaultyDisk) {
    let directory = tempfile::tempdir().unwrap();
    let disk = FaultyDisk::new(1);
    let options = Options { cap_bytes: 64 << 20, ..small(&directory) };
    let (journal, _) = Journal::open_on(Arc::new(disk.clone()), options).unwrap();
    (fixture_on(journal, directory, |_| {}).await, disk)
}

/// During the outage bodies get 503 and ingest is closed; afterwards the same connection
/// works again automatically.
async fn refuses_while(begin: impl FnOnce(&FaultyDisk), end: impl FnOnce(&FaultyDisk), says: &str) {
    let (fixture, disk) = fixture_on_faulty_disk().await;
    let (before, refused, after) = (fixture.body(1.0), fixture.body(2.0), fixture.body(3.0));
    let mut client = fixture.connect().await;
    client.send(&post(&before, "")).await;
    assert_eq!(client.reply().await.status, 200);
    begin(&disk);
    client.send(&post(&refused, "")).await;
    let reply = client.reply().await;
    assert_eq!(reply.status, 503);
    let seconds: u64 = reply.header("retry-after").unwrap().parse().unwrap();
    assert!((5..=300).contains(&seconds), "{seconds}");
    assert!(reply.sentence().contains(says), "{}", reply.sentence());
    assert!(matches!(fixture.ingest.health(), Health::Closed(_)));
    end(&disk);
    client.send(&post(&after, "")).await;
    assert_eq!(client.reply().await.status, 200);
    assert_eq!(fixture.ingest.health(), Health::Open);
    let payloads: Vec<_> = fixture.records().into_iter().map(|(_, payload)| payload).collect();
    assert_eq!(payloads, [before, after]);
}

#[tokio::test]
async fn failing_writes_are_503_until_the_disk_writes_again() {
    let begin = |disk: &FaultyDisk| disk.fail(Operation::Write, u32::MAX);
    refuses_while(begin, FaultyDisk::heal, "cannot be written").await;
}

#[tokio::test]
async fn failing_syncs_are_503_until_the_disk_syncs_again() {
    let begin = |disk: &FaultyDisk| disk.fail(Operation::Sync, u32::MAX);
    refuses_while(begin, FaultyDisk::heal, "cannot be written").await;
}

#[tokio::test]
async fn a_volume_without_room_is_503_until_there_is_some() {
    let begin = |disk: &FaultyDisk| {
        // The present segment has reserved its space; the failure needs another.
        disk.set_space(0);
        disk.fail(Operation::Write, 1);
    };
    refuses_while(begin, |disk| disk.set_space(u64::MAX), "disk is full").await;
}

#[tokio::test]
async fn one_failed_sync_is_repaired_before_the_answer() {
    let (fixture, disk) = fixture_on_faulty_disk().await;
    assert_eq!(fixture.ask(&post(&fixture.body(1.0), "")).await.status, 200);
    disk.fail(Operation::Sync, 1);
    let body = fixture.body(2.0);
    assert_eq!(fixture.ask(&post(&body, "")).await.status, 200);
    assert_eq!(fixture.records()[1].1, body);
}

#[tokio::test]
async fn a_full_journal_is_503_until_the_slowest_sink_is_further() {
    let directory = tempfile::tempdir().unwrap();
    let (journal, _) = Journal::open(small(&directory)).unwrap();
    let fixture = fixture_on(journal, directory, |_| {}).await;
    let pin = |next| Cursor::at("slow", fixture.journal.position(next), fixture.clock.now());
    fixture.journal.cursors().store(&pin(Sequence::FIRST)).unwrap();
    let filler = vec![0xff; 20_000];
    let mut client = fixture.connect().await;
    let refusal = loop {
        client.send(&post(&filler, "")).await;
        let reply = client.reply().await;
        if reply.status != 200 {
            break reply;
        }
        assert!(fixture.journal.next() < Sequence(100), "it fills up");
    };
    assert_eq!((refusal.status, refusal.header("retry-after")), (503, Some("60")), "nothing drains");
    assert!(refusal.sentence().contains("the journal is full"), "{}", refusal.sentence());
    let Health::Closed(why) = fixture.ingest.health() else { panic!("ingest is shut") };
    assert!(why.contains("slow"), "it names who holds it up: {why}");

    let safe = fixture.journal.next();
    fixture.journal.cursors().store(&pin(safe)).unwrap();
    client.send(&post(&fixture.body(1.0), "")).await;
    assert_eq!(client.reply().await.status, 200);
    assert_eq!(fixture.ingest.health(), Health::Open);
}

/// Stores many times the limit with the options from `change`; returns the fixture.
async fn never_refused_with(change: impl FnOnce(&mut Options)) -> Fixture {
    let directory = tempfile::tempdir().unwrap();
    let mut options = small(&directory);
    options.retain = Retention { bytes: u64::MAX, age_ns: i64::MAX };
    change(&mut options);
    let (journal, _) = Journal::open(options).unwrap();
    let fixture = fixture_on(journal, directory, |_| {}).await;
    let pin = |name, next| Cursor::at(name, fixture.journal.position(next), fixture.clock.now());
    fixture.journal.cursors().store(&pin("away", Sequence::FIRST)).unwrap();
    let filler = vec![0xff; 20_000];
    let mut client = fixture.connect().await;
    for _ in 0..100 {
        client.send(&post(&filler, "")).await;
        assert_eq!(client.reply().await.status, 200);
        fixture.journal.cursors().store(&pin("quick", fixture.journal.next())).unwrap();
    }
    assert_eq!(fixture.ingest.health(), Health::Open);
    fixture
}

#[tokio::test]
async fn an_optional_sink_that_is_down_permanently_is_never_a_503() {
    let optional = OptionalCursor { cursor: "away".to_owned(), lag_bytes_max: u64::MAX };
    never_refused_with(|options| options.optional = vec![optional]).await;
}

#[tokio::test]
async fn records_kept_for_replay_are_deleted_before_a_503() {
    let fixture = never_refused_with(|options| {
        options.optional = vec![OptionalCursor { cursor: "away".to_owned(), lag_bytes_max: 0 }];
    });
    let fixture = fixture.await;
    assert!(fixture.journal.oldest().next > Sequence::FIRST, "kept as long as there was room");
}

#[tokio::test]
async fn after_the_journal_is_closed_bodies_are_503() {
    let fixture = fixture().await;
    fixture.journal.close();
    let reply = fixture.ask(&post(&fixture.body(1.0), "")).await;
    assert_eq!((reply.status, reply.header("retry-after")), (503, Some("5")));
}
