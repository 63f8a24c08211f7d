//! When the journal cannot take bodies: 503 with Retry-After, and back without a restart.

use super::*;
use crate::ingest::Health;
use crate::journal::Cursor;

/// A journal of two small segments.
fn small_journal() -> (Journal, TempDir) {
    let directory = tempfile::tempdir().unwrap();
    let options = Options {
        segment_bytes: 256 << 10,
        cap_bytes: 512 << 10,
        record_bytes_max: 64 << 10,
        group_bytes_max: 64 << 10,
        ..Options::new(directory.path())
    };
    (Journal::open(options).unwrap().0, directory)
}

#[tokio::test]
async fn a_full_journal_is_503_until_the_slowest_sink_is_further() {
    let (journal, directory) = small_journal();
    let site = site_on(journal, directory, |_| {}).await;
    let pin = |next| Cursor::at("slow", site.journal.position(next), site.clock.now());
    site.journal.cursors().store(&pin(Sequence::FIRST)).unwrap();
    let filler = vec![0xff; 20_000];
    let mut client = site.connect().await;
    let refusal = loop {
        client.send(&post(&filler, "")).await;
        let reply = client.reply().await;
        if reply.status != 200 {
            break reply;
        }
        assert!(site.journal.next() < Sequence(100), "it fills up");
    };
    assert_eq!((refusal.status, refusal.header("retry-after")), (503, Some("60")), "nothing drains");
    assert!(refusal.sentence().contains("the journal is full"), "{}", refusal.sentence());
    let Health::Shut(why) = site.door.health() else { panic!("the door is shut") };
    assert!(why.contains("slow"), "it names who holds it up: {why}");

    let safe = site.journal.next();
    site.journal.cursors().store(&pin(safe)).unwrap();
    client.send(&post(&site.body(1.0), "")).await;
    assert_eq!(client.reply().await.status, 200);
    assert_eq!(site.door.health(), Health::Open);
}

#[tokio::test]
async fn after_the_journal_is_closed_bodies_are_503() {
    let site = site().await;
    site.journal.close();
    let reply = site.ask(&post(&site.body(1.0), "")).await;
    assert_eq!((reply.status, reply.header("retry-after")), (503, Some("5")));
}
