//! Every single bit of every file of the journal, changed on the disk.
//!
//! A changed bit is found, is never read as data, and the message says what, where and what to
//! do. Known limits: in the last group of a journal that was killed it looks like a torn tail, and
//! the padding of a group is not read.

use super::super::checkpoints::Checkpoints;
use super::super::cursor::Cursors;
use super::super::disk::read_whole;
use super::super::gaps::Gaps;
use super::super::ledger::{Ledger, SourceName};
use super::super::*;
use super::support::*;
use crate::reading::Limits;

/// Records in groups of their own.
const RECORDS: u64 = 3;
/// Of the zeros that fill a group and a segment's header, one bit of this many is changed in a usual run.
const ZEROS_STEP: usize = 97;

/// A journal with something in each of its files.
fn written(is_closed: bool) -> FaultyDisk {
    let disk = FaultyDisk::new(1);
    let (journal, _) = open(&disk);
    journal.add_sources(["north", "south"]).unwrap();
    journal.rule_version(&Limits::DEFAULT).unwrap();
    for sequence in 1..=RECORDS {
        assert_eq!(journal.append(header(), &short(sequence)).unwrap().wait(), Ok(Sequence(sequence)));
    }
    store_cursor(&journal, "sink", 2);
    let mut checkpoints = journal.checkpoints("sink").unwrap();
    for confirmed in [1, 2] {
        let position = journal.position(Sequence(2));
        checkpoints.add(Checkpoint { position, confirmed: UnixNanos(confirmed), mark: "a-M".to_owned() }).unwrap();
    }
    for (from, until) in [(1, 2), (7, 9)] {
        let (from, until) = (Sequence(from), Sequence(until));
        let gap = Gap { sink: "sink".to_owned(), from, until, at: UnixNanos(1), reason: GapReason::Repair };
        journal.gaps().add(gap).unwrap();
    }
    if is_closed {
        journal.close();
    } else {
        kill(&disk, journal);
    }
    disk
}

fn short(sequence: u64) -> Vec<u8> {
    payload(sequence)[..40].to_vec()
}

fn bytes_of(disk: &FaultyDisk, name: &str) -> Vec<u8> {
    read_whole(disk, name, u64::MAX).unwrap().unwrap()
}

/// The disk with one bit of a file changed.
fn flipped(disk: &FaultyDisk, name: &str, bit: usize) -> FaultyDisk {
    let (disk, byte) = (disk.fork(), bytes_of(disk, name)[bit / 8]);
    disk.damage(name, (bit / 8) as u64, &[byte ^ (1 << (bit % 8))]);
    disk
}

/// For each bit of a file: the disk on which it is changed.
fn each_flip(name: &str, check: impl Fn(&FaultyDisk, usize)) {
    let disk = written(true);
    let bits = bytes_of(&disk, name).len() * 8;
    assert!(bits > 0, "{name} is empty");
    (0..bits).for_each(|bit| check(&flipped(&disk, name, bit), bit));
}

#[test]
fn a_changed_bit_of_a_ledger_prevents_a_start_and_names_the_file() {
    each_flip("sources", |disk, bit| {
        let error = Ledger::<SourceName>::read(shared(disk)).map(|_| ()).unwrap_err().to_string();
        assert!(error.contains("sources in faulty is damaged") && error.contains("restore"), "bit {bit}: {error}");
    });
    each_flip("rules", |disk, bit| {
        let error = Ledger::<Limits>::read(shared(disk)).map(|_| ()).unwrap_err().to_string();
        assert!(error.contains("rules in faulty is damaged") && error.contains("restore"), "bit {bit}: {error}");
    });
}

#[test]
fn a_changed_bit_of_a_cursor_is_an_error_that_names_the_file() {
    each_flip("cursor-sink", |disk, bit| {
        let error = Cursors::read(shared(disk)).unwrap().load("sink").unwrap_err().to_string();
        assert!(error.contains("cursor-sink in faulty is damaged"), "bit {bit}: {error}");
    });
}

#[test]
fn checkpoints_and_gaps_with_a_changed_bit_are_not_used() {
    each_flip("checkpoints-sink", |disk, bit| {
        assert_eq!(Checkpoints::read(shared(disk), "sink").unwrap().all(), [], "bit {bit}");
    });
    each_flip("gaps", |disk, bit| {
        assert_eq!(Gaps::read(shared(disk)).unwrap().list(), [], "bit {bit}");
    });
}

#[test]
fn a_changed_bit_of_the_lock_file_gives_the_journal_another_id() {
    assert!(!open(&written(true).fork()).1.is_new_journal);
    each_flip("lock", |disk, bit| assert!(open(disk).1.is_new_journal, "bit {bit}"));
}

/// Sequences and payloads.
type Records = Vec<(u64, Vec<u8>)>;

/// Opens and reads a journal. An error must name the place and the remedy.
fn read_all(disk: &FaultyDisk, segment: &str) -> Result<(Records, OpenReport), String> {
    let told = |error: String| {
        assert!(error.contains(segment) && error.contains("faulty") && error.contains("restore"), "{error}");
        error
    };
    let (journal, opening) =
        Journal::open_on(shared(disk), small("faulty")).map_err(|it| told(it.to_string().to_lowercase()))?;
    let records =
        journal.reader(journal.oldest().next).and_then(drain).map_err(|it| told(it.to_string().to_lowercase()))?;
    Ok((records, opening))
}

/// The bits of a segment: all of headers and frames, and some of the zeros.
fn bits(segment: &[u8]) -> impl Iterator<Item = usize> + '_ {
    let step = if std::env::var_os("METERLINE_EVERY_BIT").is_some() { 1 } else { ZEROS_STEP };
    let is_near =
        |byte: usize| segment[byte.saturating_sub(8)..(byte + 8).min(segment.len())].iter().any(|it| *it != 0);
    (0..segment.len() * 8).filter(move |bit| bit % step == 0 || is_near(bit / 8))
}

fn check_segment(is_closed: bool, records_that_a_torn_tail_may_cost: u64) {
    let disk = written(is_closed);
    let names = shared(&disk).names().unwrap();
    let name = names.iter().find(|name| SegmentName::parse(name).is_some()).unwrap();
    let all: Vec<_> = (1..=RECORDS).map(|sequence| (sequence, short(sequence))).collect();
    let segment = bytes_of(&disk, name);
    let (mut found, mut unread) = (0, 0);
    for bit in bits(&segment) {
        match read_all(&flipped(&disk, name, bit), name) {
            Err(_) => found += 1,
            Ok((records, _)) if records == all => unread += 1,
            Ok((records, opening)) => {
                let kept = usize::try_from(RECORDS - records_that_a_torn_tail_may_cost).unwrap();
                assert!(records == all[..kept] && opening.torn.is_some(), "bit {bit}: {records:?} {opening:?}");
            }
        }
    }
    println!("closed: {is_closed}: {found} changed bits refused, {unread} in bytes that are not read");
    assert!(found > 0);
}

#[test]
fn a_changed_bit_of_a_segment_is_refused_at_its_place_or_is_not_read() {
    check_segment(true, 0);
}

#[test]
fn a_changed_bit_of_a_killed_journal_costs_at_most_its_last_group_as_a_torn_tail_does() {
    check_segment(false, 1);
}
