//! The list of gap records.

use super::super::*;
use super::gated::{GatedDisk, answer};
use super::support::*;

fn gap(sink: &str, from: u64, until: u64, at: i64) -> Gap {
    let (from, until) = (Sequence(from), Sequence(until));
    Gap { sink: sink.to_owned(), from, until, at: UnixNanos(at), reason: GapReason::Retention }
}

#[test]
fn gaps_that_touch_are_one_and_a_power_cut_takes_none() {
    let disk = FaultyDisk::new(1);
    let (journal, _) = open(&disk);
    for (sink, from, until, at) in [("kafka", 5, 9, 1), ("sqlite", 9, 10, 2), ("kafka", 9, 12, 3), ("kafka", 30, 31, 4)]
    {
        journal.gaps().add(gap(sink, from, until, at)).unwrap();
    }
    // Found again after a crash before the cursor was stored.
    journal.gaps().add(gap("kafka", 5, 12, 5)).unwrap();
    let repaired = Gap { reason: GapReason::Repair, ..gap("kafka", 12, 13, 6) };
    journal.gaps().add(repaired.clone()).unwrap();
    journal.gaps().add(gap("kafka", 7, 7, 7)).unwrap();
    cut_power(&disk, journal);
    let (journal, _) = open(&disk);
    let wanted = [gap("sqlite", 9, 10, 2), gap("kafka", 30, 31, 4), gap("kafka", 5, 12, 5), repaired];
    assert_eq!(journal.gaps().list(), wanted);
    assert_eq!(journal.gaps().newest_at("kafka"), Some(UnixNanos(6)));
    assert_eq!(journal.gaps().newest_at("questdb"), None);
}

#[test]
fn of_too_many_gaps_the_oldest_are_dropped_and_counted() {
    let disk = FaultyDisk::new(1);
    let (journal, _) = open(&disk);
    let all: Vec<Gap> = (0..GAPS_MAX as u64 + 3).map(|number| gap("kafka", 2 * number, 2 * number + 1, 1)).collect();
    all.iter().for_each(|gap| journal.gaps().add(gap.clone()).unwrap());
    journal.close();
    let (journal, _) = open(&disk);
    assert_eq!(journal.gaps().dropped(), 3);
    assert_eq!(journal.gaps().list(), all[3..]);
}

#[test]
fn a_gap_that_could_not_be_made_durable_is_refused() {
    let disk = FaultyDisk::new(1);
    let (journal, _) = open(&disk);
    disk.fail(Operation::Sync, 1);
    assert!(journal.gaps().add(gap("kafka", 1, 2, 1)).is_err());
    assert_eq!(journal.gaps().list(), []);
    journal.gaps().add(gap("kafka", 1, 2, 1)).unwrap();
}

#[test]
fn a_damaged_gap_list_does_not_prevent_the_start() {
    let disk = FaultyDisk::new(1);
    let (journal, _) = open(&disk);
    journal.gaps().add(gap("kafka", 1, 2, 1)).unwrap();
    journal.close();
    disk.damage("gaps", 20, b"~");
    let (journal, _) = open(&disk);
    assert_eq!(journal.gaps().list(), []);
}

#[test]
fn the_lists_are_read_while_they_are_being_written() {
    for file in ["gaps", "sources"] {
        let disk = GatedDisk::new(file);
        let (journal, _) = Journal::open_on(Arc::new(disk.clone()), small("faulty")).unwrap();
        let id = journal.source_id("acme").unwrap();
        disk.close();
        let writer = journal.clone();
        let writing = std::thread::spawn(move || {
            writer.gaps().add(gap("kafka", 5, 9, 1)).unwrap();
            writer.source_id("other").unwrap();
        });
        disk.wait_until_reached();
        let reader = journal.clone();
        let read = answer(move || (reader.gaps().list().len(), reader.gaps().dropped(), reader.source_name(id)));
        disk.open();
        writing.join().unwrap();
        let is_written = usize::from(file == "sources");
        assert_eq!(read, Some((is_written, 0, Some("acme".into()))), "{file}");
    }
}
