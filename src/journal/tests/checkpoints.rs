//! Checkpoints: kept over restarts and crashes, thinned, cut durably.

use super::super::*;
use super::support::*;

const SECOND: i64 = 1_000_000_000;

fn at(journal: &Journal, next: u64, second: i64) -> Checkpoint {
    Checkpoint {
        position: journal.position(Sequence(next)),
        confirmed: UnixNanos(second * SECOND),
        mark: format!("table 7 txn {next} of 2026"),
    }
}

#[test]
fn are_there_after_a_crash_in_their_order() {
    let disk = FaultyDisk::new(1);
    let (journal, _) = open(&disk);
    append_each(&journal, 3);
    let made = [at(&journal, 2, 10), at(&journal, 3, 20)];
    let mut checkpoints = journal.checkpoints("questdb").unwrap();
    made.iter().for_each(|one| checkpoints.add(one.clone()).unwrap());
    assert_eq!(checkpoints.all(), made);
    drop((checkpoints, journal));
    disk.restart_after_power_cut();
    let (journal, _) = open(&disk);
    assert_eq!(journal.checkpoints("questdb").unwrap().all(), made);
    assert_eq!(journal.checkpoints("kafka").unwrap().all(), []);
}

#[test]
fn that_were_cut_do_not_come_back() {
    let disk = FaultyDisk::new(1);
    let (journal, _) = open(&disk);
    let mut checkpoints = journal.checkpoints("questdb").unwrap();
    (1..=4).for_each(|next| checkpoints.add(at(&journal, next, i64::try_from(next).unwrap())).unwrap());
    checkpoints.cut(2).unwrap();
    assert_eq!(checkpoints.newest(), Some(&at(&journal, 2, 2)));
    drop((checkpoints, journal));
    disk.restart_after_power_cut();
    let (journal, _) = open(&disk);
    assert_eq!(journal.checkpoints("questdb").unwrap().all().len(), 2);
}

#[test]
fn of_a_long_time_are_few_and_reach_back_a_day() {
    let (journal, _) = open(&FaultyDisk::new(1));
    let mut checkpoints = journal.checkpoints("questdb").unwrap();
    let (start, end) = (1_000_000, 1_000_000 + 30 * 3600);
    for second in (start..end).step_by(30) {
        let made = at(&journal, u64::try_from(second).unwrap(), second);
        assert!(checkpoints.is_due(made.confirmed));
        checkpoints.add(made).unwrap();
    }
    let seconds: Vec<_> = checkpoints.all().iter().map(|one| one.confirmed.0 / SECOND).collect();
    assert!(seconds.len() < 200, "{}", seconds.len());
    assert_eq!(seconds.iter().filter(|second| end - **second <= 600).count(), 20, "all of the last ten minutes");
    assert!(end - seconds[0] > 24 * 3600, "the oldest is older than a day: {}", end - seconds[0]);
    assert!(seconds.windows(2).all(|pair| pair[1] - pair[0] <= 1200), "{seconds:?}");
}

#[test]
fn are_not_due_within_seconds_also_when_the_clock_went_back() {
    let (journal, _) = open(&FaultyDisk::new(1));
    let mut checkpoints = journal.checkpoints("questdb").unwrap();
    checkpoints.add(at(&journal, 1, 1000)).unwrap();
    for (second, is_due) in [(1000, false), (1004, false), (1005, true), (998, false), (900, true)] {
        assert_eq!(checkpoints.is_due(UnixNanos(second * SECOND)), is_due, "{second}");
    }
    (0..3_000).for_each(|step| checkpoints.add(at(&journal, 2 + step, 900 - i64::try_from(step).unwrap())).unwrap());
    assert!(checkpoints.all().len() <= 400, "bounded whatever the clock does: {}", checkpoints.all().len());
}

#[test]
fn that_are_damaged_count_as_none() {
    for at_byte in [0, 12, 30] {
        let disk = FaultyDisk::new(1);
        let (journal, _) = open(&disk);
        let mut checkpoints = journal.checkpoints("questdb").unwrap();
        checkpoints.add(at(&journal, 1, 1)).unwrap();
        disk.damage("checkpoints-questdb", at_byte, b"~");
        assert_eq!(journal.checkpoints("questdb").unwrap().all(), []);
    }
}

#[test]
fn a_disk_that_fails_leaves_the_ring_as_it_was() {
    let disk = FaultyDisk::new(1);
    let (journal, _) = open(&disk);
    let mut checkpoints = journal.checkpoints("questdb").unwrap();
    checkpoints.add(at(&journal, 1, 1)).unwrap();
    disk.fail(Operation::Rename, 2);
    assert!(matches!(checkpoints.add(at(&journal, 2, 9)), Err(CursorError::Io { .. })));
    assert!(checkpoints.cut(0).is_err());
    assert_eq!(checkpoints.all().len(), 1);
    disk.heal();
    checkpoints.add(at(&journal, 2, 9)).unwrap();
    assert_eq!(journal.checkpoints("questdb").unwrap().all().len(), 2);
}

#[test]
fn go_with_the_cursor_that_is_forgotten() {
    let disk = FaultyDisk::new(1);
    let (journal, _) = open(&disk);
    store_cursor(&journal, "questdb", 1);
    journal.checkpoints("questdb").unwrap().add(at(&journal, 1, 1)).unwrap();
    assert!(journal.cursors().forget("questdb").unwrap());
    assert_eq!(journal.checkpoints("questdb").unwrap().all(), []);
}

#[test]
fn that_cannot_be_removed_keep_their_cursor() {
    let disk = FaultyDisk::new(1);
    let (journal, _) = open(&disk);
    store_cursor(&journal, "questdb", 1);
    journal.checkpoints("questdb").unwrap().add(at(&journal, 1, 1)).unwrap();
    disk.fail(Operation::Remove, 1);
    assert!(journal.cursors().forget("questdb").is_err());
    assert!(journal.cursors().load("questdb").unwrap().is_some());
    assert!(journal.cursors().forget("questdb").unwrap());
    assert_eq!(journal.checkpoints("questdb").unwrap().all(), []);
}
