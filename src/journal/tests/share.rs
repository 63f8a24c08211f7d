//! The share of each source in a journal that several share.

use super::super::*;
use super::gated::{GatedDisk, answer};
use super::support::*;
use proptest::prelude::*;

const CAP_BYTES: u64 = 64 * SEGMENT_BYTES;
const QUIET: SourceId = SourceId(9);

fn sharing() -> Options {
    Options { cap_bytes: CAP_BYTES, is_shared: true, ..small("faulty") }
}

/// A journal whose only sink has nothing yet.
fn open(disk: &FaultyDisk, options: Options) -> Journal {
    let (journal, _) = Journal::open_on(shared(disk), options).unwrap();
    for number in 1..=QUIET.0 {
        journal.source_id(&format!("source-{number}")).unwrap();
    }
    if journal.cursors().list().is_empty() {
        store_cursor(&journal, "kafka", 1);
    }
    journal
}

fn append(journal: &Journal, source: SourceId) -> Result<Sequence, AppendError> {
    journal.append(RecordHeader { source, ..header() }, &payload(7))?.wait()
}

/// Appends until it is refused, and says how often it was not.
fn flood(journal: &Journal, source: SourceId) -> (u64, AppendError) {
    for taken in 0..10_000 {
        if let Err(error) = append(journal, source) {
            return (taken, error);
        }
    }
    panic!("it never gets full");
}

fn held_bytes(journal: &Journal, source: u32) -> u64 {
    let name = format!("source-{source}");
    journal.shares().iter().find(|share| *share.source == *name).map_or(0, |share| share.held_bytes)
}

#[test]
fn a_source_that_floods_is_refused_while_there_is_room_for_others() {
    let journal = open(&FaultyDisk::new(1), sharing());
    let (_, refused) = flood(&journal, SourceId(1));
    assert!(matches!(&refused, AppendError::ShareFull { slowest, .. } if slowest == "kafka"), "{refused:?}");
    assert!(held_bytes(&journal, 1) > CAP_BYTES / 2, "a flood alone gets most of it, even where segments are short");
    for _ in 0..20 {
        append(&journal, QUIET).unwrap();
    }
    let shares = journal.shares();
    let held_back: Vec<&str> = shares.iter().filter(|share| share.is_held_back).map(|share| &*share.source).collect();
    assert_eq!(held_back, ["source-1"]);
}

#[test]
fn a_source_is_accepted_again_when_the_slowest_sink_progresses() {
    let journal = open(&FaultyDisk::new(1), sharing());
    flood(&journal, SourceId(1));
    store_cursor(&journal, "kafka", journal.next().0);
    // The writer updates the shares itself.
    let is_taken = (0..1_000).any(|_| {
        let taken = append(&journal, SourceId(1)).is_ok();
        if !taken {
            std::thread::sleep(std::time::Duration::from_millis(20));
        }
        taken
    });
    assert!(is_taken);
    assert_eq!(journal.shares().iter().filter(|share| share.is_held_back).count(), 0);
}

#[test]
fn a_source_alone_may_fill_all_of_it() {
    let journal = open(&FaultyDisk::new(1), Options { is_shared: false, ..sharing() });
    let (_, refused) = flood(&journal, SourceId(1));
    assert!(matches!(refused, AppendError::Full { .. }), "{refused:?}");
}

#[test]
fn undelivered_records_before_a_stop_or_a_kill_still_count() {
    for is_kill in [false, true] {
        let disk = FaultyDisk::new(1);
        let journal = open(&disk, sharing());
        let (before, _) = flood(&journal, SourceId(1));
        if is_kill {
            kill(&disk, journal);
        } else {
            journal.close();
        }
        let journal = open(&disk, sharing());
        let (after, refused) = flood(&journal, SourceId(1));
        assert!(matches!(refused, AppendError::ShareFull { .. }), "{refused:?}");
        assert!(after < before / 10, "{after} more after {before}");
        append(&journal, QUIET).unwrap();
    }
}

#[test]
fn a_damaged_shares_file_counts_for_no_source_and_stops_nothing() {
    let disk = FaultyDisk::new(1);
    let journal = open(&disk, sharing());
    let (before, _) = flood(&journal, SourceId(1));
    journal.close();
    disk.damage("shares", 3, b"~");
    let journal = open(&disk, sharing());
    let (after, refused) = flood(&journal, SourceId(1));
    assert!(matches!(refused, AppendError::ShareFull { .. }), "{refused:?}");
    assert!(after > 0 && after < before / 4, "of what is left it gets its share: {after} after {before}");
    append(&journal, QUIET).unwrap();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Any number of floods, in any order, with stops between: a quiet source is accepted.
    #[test]
    fn a_quiet_source_finds_room(
        turns in proptest::collection::vec((1_u32..=3, 1_u64..30, any::<bool>()), 1..8),
    ) {
        let disk = FaultyDisk::new(1);
        let mut journal = open(&disk, sharing());
        for (source, times, stops) in turns {
            for _ in 0..times {
                if let Err(refused) = append(&journal, SourceId(source)) {
                    let is_share = matches!(refused, AppendError::ShareFull { .. });
                    prop_assert!(is_share, "{refused:?}");
                }
            }
            if stops {
                journal.close();
                journal = open(&disk, sharing());
            }
        }
        for source in 1..=3 {
            flood(&journal, SourceId(source));
        }
        prop_assert!(append(&journal, QUIET).is_ok());
    }
}

#[test]
fn no_answer_waits_until_the_shares_are_stored() {
    let disk = GatedDisk::new("shares");
    let (journal, _) = Journal::open_on(Arc::new(disk.clone()), sharing()).unwrap();
    journal.source_id("source-1").unwrap();
    disk.close();
    let (appender, (answered, answers)) = (journal.clone(), std::sync::mpsc::channel());
    let appending = std::thread::spawn(move || {
        while let Ok(sequence) = append(&appender, SourceId(1)) {
            answered.send(sequence).unwrap();
            if sequence.0 > 1_000 {
                return;
            }
        }
    });
    disk.wait_until_reached();
    let synced = Sequence(journal.next().0 - 1);
    let last = answer(move || answers.iter().find(|sequence| *sequence == synced));
    disk.open();
    appending.join().ok();
    assert_eq!(last, Some(Some(synced)), "the record that is on disk has its answer");
}
