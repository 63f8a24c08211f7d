//! The store's files are moved, deleted or replaced: while the sink runs, and before it starts.

use super::*;
use crate::deliver::tests::feed::padded;
use std::fs;
use std::sync::atomic::{AtomicBool, Ordering};

/// The database, its log and the log's index.
const SUFFIXES: [&str; 3] = ["", "-wal", "-shm"];

fn with(path: &Path, suffix: &str) -> PathBuf {
    crate::base::file::with_suffix(path, suffix)
}

/// Moves the files with these suffixes.
fn move_files(from: &Path, to: &Path, suffixes: &[&str]) {
    for suffix in suffixes {
        fs::rename(with(from, suffix), with(to, suffix)).unwrap();
    }
}

/// Copies the database and its log, as a kill would leave them.
fn copy_as_killed(from: &Path, to: &Path) {
    for suffix in ["", "-wal"] {
        fs::copy(with(from, suffix), with(to, suffix)).unwrap();
    }
}

/// The number of samples in the named file; `None` if there is no store.
fn stored(file: &Path) -> Option<u64> {
    let store = Connection::open_with_flags(file, rusqlite::OpenFlags::SQLITE_OPEN_READ_ONLY).ok()?;
    let count = store.query_row("SELECT count(*) FROM samples", [], |row| row.get::<_, i64>(0));
    count.ok().map(|count| u64::try_from(count).unwrap())
}

/// Overwrites a page in the middle.
fn damage_a_page(bytes: &mut [u8]) {
    const PAGE: usize = 4096;
    let start = bytes.len() / PAGE / 2 * PAGE;
    bytes[start..start + PAGE].fill(0x55);
}

fn append_range(feed: &Feed, seconds: std::ops::Range<i64>) {
    for second in seconds {
        feed.append(&body(1, second, 1.0));
    }
}

fn opened(file: &Path) -> Result<Option<crate::journal::Position>, crate::deliver::SinkError> {
    Sqlite::new("sqlite", file, Clock::system()).stored_position()
}

#[test]
fn a_store_that_is_moved_away_is_made_again_and_filled_while_the_sink_runs() {
    let feed = Feed::new();
    let pump = start(&feed);
    append_range(&feed, 0..5);
    drain(&feed, &pump);
    let aside = feed.directory.path().join("aside");
    move_files(&file(&feed), &aside, &SUFFIXES);
    // Noticed without another record, too.
    until("it is filled again", || stored(&file(&feed)) == Some(5));
    fs::remove_file(file(&feed)).unwrap();
    append_range(&feed, 5..9);
    until("it is filled once more", || stored(&file(&feed)) == Some(9));
    assert_eq!(stored(&aside), Some(5), "the file that was moved away stays as it was");
    stop(&feed, &pump);
}

#[test]
fn records_that_a_lost_store_had_and_the_journal_has_not_are_a_gap() {
    for is_running in [true, false] {
        let feed = Feed::with(|options| options.retain = crate::journal::Retention { bytes: 0, age_ns: 0 });
        let mut pump = start(&feed);
        let mut seconds = 0..;
        while feed.journal.oldest().next == Sequence::FIRST {
            feed.append(&padded(&body(1, seconds.next().unwrap(), 1.0), 900_000));
            drain(&feed, &pump);
        }
        if !is_running {
            stop(&feed, &pump);
        }
        for suffix in SUFFIXES {
            fs::remove_file(with(&file(&feed), suffix)).ok();
        }
        if !is_running {
            pump = start(&feed);
        }
        let retained = |feed: &Feed| feed.journal.next().0 - feed.journal.oldest().next.0;
        until("the rest is there again", || stored(&file(&feed)) == Some(retained(&feed)));
        let gaps = feed.journal.gaps().list();
        let gap = gaps.first().unwrap();
        assert_eq!((gaps.len(), gap.from, gap.until), (1, Sequence::FIRST, feed.journal.oldest().next));
        stop(&feed, &pump);
    }
}

#[test]
fn a_copy_restored_under_a_running_sink_gets_what_it_lacks() {
    let feed = Feed::new();
    append_range(&feed, 0..5);
    store_all(&feed);
    let copy = feed.directory.path().join("copy");
    fs::copy(file(&feed), &copy).unwrap();
    let pump = start(&feed);
    append_range(&feed, 5..9);
    drain(&feed, &pump);
    move_files(&file(&feed), &feed.directory.path().join("aside"), &SUFFIXES);
    fs::rename(&copy, file(&feed)).unwrap();
    until("it has all again", || stored(&file(&feed)) == Some(9));
    stop(&feed, &pump);
}

#[test]
fn a_copy_restored_beside_an_old_log_is_refused_and_the_files_to_remove_are_named() {
    let feed = Feed::new();
    let (backup, killed) = (feed.directory.path().join("backup"), feed.directory.path().join("killed"));
    append_range(&feed, 0..5);
    store_all(&feed);
    fs::copy(file(&feed), &backup).unwrap();
    append_range(&feed, 5..400);
    store_all(&feed);
    let pump = start(&feed);
    append_range(&feed, 400..900);
    drain(&feed, &pump);
    wait_until_tidy(&feed, Retention::default());
    copy_as_killed(&file(&feed), &killed);
    stop(&feed, &pump);
    let intact = feed.directory.path().join("intact");
    copy_as_killed(&killed, &intact);
    assert_eq!(opened(&intact).unwrap(), Some(feed.journal.position(feed.journal.next())), "after a kill");

    fs::copy(&backup, &killed).unwrap();
    let error = opened(&killed).unwrap_err();
    assert_eq!(error.kind, SinkErrorKind::Blocked);
    assert!(error.message.contains("killed-wal") && error.message.contains("killed-shm"), "{error}");
    assert!(with(&killed, "-wal").exists(), "nothing is changed");

    fs::remove_file(with(&killed, "-wal")).unwrap();
    assert_eq!(opened(&killed).unwrap(), Some(feed.journal.position(Sequence(6))));
}

#[test]
fn a_kill_while_the_first_start_makes_the_tables_blocks_nothing() {
    let feed = Feed::new();
    let killed = feed.directory.path().join("killed");
    append_range(&feed, 0..5);
    let store = Connection::open(&killed).unwrap();
    store.pragma_update(None, "journal_mode", "WAL").unwrap();
    store.execute_batch(include_str!("../../../../migrations/sqlite/0001_initial.sql")).unwrap();
    copy_as_killed(&killed, &file(&feed));
    // The header of the log and one page, without the end of its transaction.
    fs::File::options().write(true).open(with(&file(&feed), "-wal")).unwrap().set_len(32 + 24 + 4096).unwrap();
    assert!(fs::metadata(file(&feed)).unwrap().len() > 0);
    store_all(&feed);
    assert_eq!(stored(&file(&feed)), Some(5));
}

#[test]
fn a_rearranged_copy_beside_an_old_log_is_refused() {
    let feed = Feed::new();
    append_range(&feed, 0..400);
    let pump = start(&feed);
    drain(&feed, &pump);
    let (copy, killed) = (feed.directory.path().join("copy"), feed.directory.path().join("killed"));
    let reader = Connection::open(file(&feed)).unwrap();
    reader.execute("VACUUM INTO ?1", [copy.to_str().unwrap()]).unwrap();
    append_range(&feed, 400..900);
    drain(&feed, &pump);
    wait_until_tidy(&feed, Retention::default());
    copy_as_killed(&file(&feed), &killed);
    stop(&feed, &pump);
    fs::copy(&copy, &killed).unwrap();
    let error = opened(&killed).unwrap_err();
    assert!(error.message.contains("was written for another file"), "{error}");
}

#[test]
fn a_restored_copy_is_checked_as_a_whole_and_continues_in_another_life() {
    let feed = Feed::new();
    let (early, late) = (feed.directory.path().join("early"), feed.directory.path().join("late"));
    append_range(&feed, 0..300);
    store_all(&feed);
    fs::copy(file(&feed), &early).unwrap();
    append_range(&feed, 300..310);
    store_all(&feed);
    fs::copy(file(&feed), &late).unwrap();

    // A damaged page in the middle, as of a file that was copied while it was written.
    let intact = fs::read(&early).unwrap();
    let mut damaged = intact.clone();
    damage_a_page(&mut damaged);
    fs::write(file(&feed), &damaged).unwrap();
    let error = opened(&file(&feed)).unwrap_err();
    assert_eq!(error.kind, SinkErrorKind::Blocked);
    assert!(error.message.contains("damaged"), "{error}");

    fs::write(file(&feed), &intact).unwrap();
    let pump = start(&feed);
    append_range(&feed, 310..320);
    drain(&feed, &pump);
    assert_eq!(stored(&file(&feed)), Some(320));
    // The later copy of the earlier life does not fit to the log of this one.
    let killed = feed.directory.path().join("killed");
    wait_until_tidy(&feed, Retention::default());
    copy_as_killed(&file(&feed), &killed);
    stop(&feed, &pump);
    fs::copy(&late, &killed).unwrap();
    assert!(opened(&killed).unwrap_err().message.contains("was written for another file"));
}

#[test]
fn a_copy_that_a_program_reads_is_adopted_once_and_filled() {
    let feed = Feed::new();
    append_range(&feed, 0..5);
    store_all(&feed);
    let copy = feed.directory.path().join("copy");
    fs::copy(file(&feed), &copy).unwrap();
    fs::rename(&copy, file(&feed)).unwrap();
    let reader = Connection::open(file(&feed)).unwrap();
    reader.execute_batch("BEGIN; SELECT * FROM samples").unwrap();
    append_range(&feed, 5..9);
    let pump = start(&feed);
    drain(&feed, &pump);
    reader.execute_batch("COMMIT").unwrap();
    assert_eq!(stored(&file(&feed)), Some(9));
    stop(&feed, &pump);
}

/// A copy of a store with five records, and a later state of it, with nine, as a kill leaves it under
/// this name.
fn copy_and_later_store(feed: &Feed, name: &str) -> (PathBuf, PathBuf) {
    let (copy, later) = (feed.directory.path().join("copy"), feed.directory.path().join(name));
    append_range(feed, 0..5);
    store_all(feed);
    fs::copy(file(feed), &copy).unwrap();
    append_range(feed, 5..9);
    let pump = start(feed);
    drain(feed, &pump);
    wait_until_tidy(feed, Retention::default());
    copy_as_killed(&file(feed), &later);
    stop(feed, &pump);
    (copy, later)
}

#[test]
fn a_restore_that_fails_leaves_the_store_as_it_was() {
    let feed = Feed::new();
    let (copy, present) = copy_and_later_store(&feed, "present");
    // The first prevents the new sidecar, the second the exchange after its first step.
    for in_the_way in ["present.restoring-generation.new", "present-shm"] {
        let in_the_way = feed.directory.path().join(in_the_way);
        fs::create_dir(&in_the_way).unwrap();
        let error = restore(&copy, &present).unwrap_err();
        assert!(error.contains("cannot be replaced"), "{error}");
        fs::remove_dir(&in_the_way).unwrap();
        let left = feed.directory.path().join("left");
        copy_as_killed(&present, &left);
        assert_eq!(stored(&left), Some(9), "{}", in_the_way.display());
        assert!(!feed.directory.path().join("present.restoring").exists());
    }
    assert_eq!(restore(&copy, &present).unwrap().next, Sequence(6));
}

#[test]
fn restore_replaces_all_files_and_keeps_the_store_before() {
    let feed = Feed::new();
    let (copy, killed) = copy_and_later_store(&feed, "killed");

    let restored = restore(&copy, &killed).unwrap();
    assert_eq!(restored.next, Sequence(6));
    assert_eq!(stored(&restored.replaced.unwrap()), Some(9));
    assert!(!with(&killed, "-wal").exists());
    assert_eq!(opened(&killed).unwrap(), Some(feed.journal.position(Sequence(6))));
    assert_eq!(stored(&copy), Some(5), "the copy stays");

    fs::write(&copy, "this is a text and no database, and long enough to be looked at").unwrap();
    assert!(restore(&copy, &killed).is_err());
    assert!(restore(&feed.directory.path().join("nothing"), &killed).unwrap_err().contains("is not a file"));
    assert_eq!(stored(&killed), Some(5), "nothing is changed");
}

#[test]
fn the_check_on_demand_finds_damage_and_changes_nothing() {
    let feed = Feed::new();
    assert_eq!(check(&file(&feed))[0].level, crate::base::Level::Good);
    append_range(&feed, 0..300);
    let pump = start(&feed);
    drain(&feed, &pump);
    let found = check(&file(&feed));
    assert!(found[0].level == crate::base::Level::Good && found[0].message.contains("is intact"), "{found:?}");
    stop(&feed, &pump);
    let mut bytes = fs::read(file(&feed)).unwrap();
    damage_a_page(&mut bytes);
    fs::write(file(&feed), &bytes).unwrap();
    let found = check(&file(&feed));
    assert!(found[0].level == crate::base::Level::Fault && found[0].message.contains("is damaged"), "{found:?}");
    assert_eq!(fs::read(file(&feed)).unwrap(), bytes);
}

#[test]
fn the_check_on_demand_finds_no_fault_while_the_store_is_written() {
    let feed = Feed::new();
    append_range(&feed, 0..5);
    store_all(&feed);
    let writer = Connection::open(file(&feed)).unwrap();
    let write = |writer: &Connection| {
        writer.execute_batch("UPDATE cursor SET generation = generation + 1; PRAGMA wal_checkpoint(PASSIVE)").ok();
    };
    write(&writer);
    let is_checked = AtomicBool::new(false);
    let found: Vec<_> = std::thread::scope(|scope| {
        let is_checked = &is_checked;
        scope.spawn(move || {
            while !is_checked.load(Ordering::Relaxed) {
                write(&writer);
            }
        });
        let found = (0..300).flat_map(|_| check(&file(&feed))).collect();
        is_checked.store(true, Ordering::Relaxed);
        found
    });
    let faults: Vec<_> = found.iter().filter(|finding| finding.level != crate::base::Level::Good).collect();
    assert!(faults.is_empty(), "{} of {}: {:?}", faults.len(), found.len(), faults.first());
}
