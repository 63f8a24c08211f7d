//! The basic functions, on the real disk.

use super::super::*;
use super::support::*;
use crate::reading::Limits;
use std::sync::mpsc;

#[test]
fn appended_records_are_read_in_order_across_segments_and_opens() {
    let directory = tempfile::tempdir().unwrap();
    let mut expected = Vec::new();
    for _ in 0..3 {
        let (journal, _) = Journal::open(small(directory.path())).unwrap();
        for _ in 0..40 {
            let number = u64::try_from(expected.len()).unwrap() + 1;
            let payload = vec![u8::try_from(number).unwrap(); 3_000];
            let sequence = journal.append(header(), &payload).unwrap().wait().unwrap();
            assert_eq!(sequence.0, number);
            expected.push((number, payload));
        }
        assert_eq!(read_from(&journal, 1), expected);
        journal.close();
    }
    let (journal, opening) = Journal::open(small(directory.path())).unwrap();
    assert!(opening.segments > 3, "{opening}");
    assert_eq!(opening.rewritten, 0, "{opening}");
    assert_eq!(read_from(&journal, 1), expected);
    assert_eq!(read_from(&journal, 77), expected[76..]);
}

#[test]
fn what_is_kept_for_a_cursor_is_counted_in_bytes_on_disk_and_is_nothing_at_the_end() {
    let directory = tempfile::tempdir().unwrap();
    let (journal, _) = Journal::open(small(directory.path())).unwrap();
    let kept = |from: u64| journal.view().kept_from(Sequence(from));
    assert_eq!(kept(1), Kept::default(), "the journal is empty");
    for _ in 0..60 {
        journal.append(header(), &[7; 3_000]).unwrap().wait().unwrap();
    }
    // Each record is a group of its own, one block long.
    for from in [1, 2, 30, 59, 60, 61, 1000] {
        let records = 61_u64.saturating_sub(from);
        assert!(kept(from).bytes.abs_diff(records * block::BLOCK) < block::BLOCK, "{from}: {:?}", kept(from));
        assert_eq!(kept(from).records, records, "{from}");
    }
    assert!(journal.segments().len() > 2, "over several segments");
    assert!(kept(1).bytes <= journal.usage().bytes);
    let seen = inspect::open(directory.path()).unwrap();
    assert_eq!(seen.view().kept_from(Sequence(30)), kept(30), "also without the running journal");
}

#[test]
fn names_and_limits_keep_their_numbers() {
    let directory = tempfile::tempdir().unwrap();
    let other = Limits { ahead_ns_max: 5, ..Limits::DEFAULT };
    for _ in 0..2 {
        let (journal, _) = Journal::open(small(directory.path())).unwrap();
        assert_eq!(journal.source_id("north").unwrap(), SourceId(1));
        assert_eq!(journal.source_id("south side").unwrap(), SourceId(2));
        assert_eq!(journal.source_name(SourceId(2)).as_deref(), Some("south side"));
        assert_eq!(journal.rule_version(&Limits::DEFAULT).unwrap(), RuleVersion(1));
        assert_eq!(journal.rule_version(&other).unwrap(), RuleVersion(2));
        assert_eq!(journal.limits(RuleVersion(2)), Some(other));
        assert_eq!(journal.limits(RuleVersion(3)), None);
    }
}

#[test]
fn a_stored_cursor_is_loaded_and_resolved_after_an_open() {
    let directory = tempfile::tempdir().unwrap();
    let (journal, _) = Journal::open(small(directory.path())).unwrap();
    journal.append(header(), b"one").unwrap().wait().unwrap();
    journal.append(header(), b"two").unwrap().wait().unwrap();
    let cursor = Cursor::at("sqlite", journal.position(Sequence(2)), UnixNanos(7));
    journal.cursors().store(&cursor).unwrap();
    journal.close();
    let (journal, _) = Journal::open(small(directory.path())).unwrap();
    assert_eq!(journal.cursors().load("sqlite").unwrap(), Some(cursor.clone()));
    assert_eq!(journal.resolve(cursor.position), ResolvedCursor::At(cursor.position));
}

#[test]
fn a_running_journal_can_be_inspected_without_touching_it() {
    let directory = tempfile::tempdir().unwrap();
    let (journal, _) = Journal::open(small(directory.path())).unwrap();
    journal.source_id("north").unwrap();
    let expected: Vec<_> = (1..=50_u8).map(|number| (u64::from(number), vec![number; 3_000])).collect();
    for (_, payload) in &expected {
        journal.append(header(), payload).unwrap().wait().unwrap();
    }
    let inspection = inspect::open(directory.path()).unwrap();
    assert_eq!(inspection.faults(), [] as [String; 0]);
    assert_eq!(inspection.view().segments(), journal.segments());
    assert_eq!(inspection.view().source_name(SourceId(1)).as_deref(), Some("north"));
    assert_eq!(drain(inspection.view().reader(inspection.view().oldest()).unwrap()).unwrap(), expected);
    journal.append(header(), b"still open").unwrap().wait().unwrap();
}

#[test]
fn records_of_many_threads_share_groups_and_each_learns_its_own_sequence() {
    let directory = tempfile::tempdir().unwrap();
    let (journal, _) = Journal::open(Options { cap_bytes: 1 << 30, ..small(directory.path()) }).unwrap();
    let mut given: Vec<(u64, Vec<u8>)> = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..4_u8)
            .map(|thread| {
                let journal = journal.clone();
                scope.spawn(move || {
                    let appends: Vec<_> = (0..200_u8)
                        .map(|number| (vec![thread, number], journal.append(header(), &[thread, number]).unwrap()))
                        .collect();
                    appends.into_iter().map(|(payload, it)| (it.wait().unwrap().0, payload)).collect::<Vec<_>>()
                })
            })
            .collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    given.sort_unstable();
    assert_eq!(read_from(&journal, 1), given);
}

#[test]
fn a_future_is_woken_when_its_group_is_synced() {
    let directory = tempfile::tempdir().unwrap();
    let (journal, _) = Journal::open(small(directory.path())).unwrap();
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let sequences = runtime.block_on(async {
        let mut sequences = Vec::new();
        for _ in 0..10 {
            let (one, two) = (journal.append(header(), b"1").unwrap(), journal.append(header(), b"2").unwrap());
            let (one, two) = tokio::join!(one, two);
            sequences.extend([one.unwrap().0, two.unwrap().0]);
        }
        sequences
    });
    assert_eq!(sequences, (1..=20).collect::<Vec<_>>());
}

#[test]
fn a_reader_that_waits_is_woken_by_the_next_commit_and_by_wake() {
    let directory = tempfile::tempdir().unwrap();
    let (journal, _) = Journal::open(small(directory.path())).unwrap();
    let (told, hear) = mpsc::channel();
    let waiting = std::thread::spawn({
        let journal = journal.clone();
        move || {
            let mut reader = journal.reader(Sequence::FIRST).unwrap();
            loop {
                let found = reader.read().unwrap().map(|record| record.sequence);
                told.send(found).unwrap();
                if found.is_none() && !journal.wait_beyond(reader.next_sequence(), Duration::from_secs(600)) {
                    return;
                }
            }
        }
    });
    let within = Duration::from_secs(20);
    assert_eq!(hear.recv_timeout(within), Ok(None));
    for number in 1..=100 {
        journal.append(header(), b"x").unwrap().wait().unwrap();
        assert_eq!(hear.recv_timeout(within), Ok(Some(Sequence(number))));
        assert_eq!(hear.recv_timeout(within), Ok(None));
    }
    while !waiting.is_finished() {
        journal.wake();
        std::thread::yield_now();
    }
    waiting.join().unwrap();
}

#[test]
fn a_record_larger_than_a_group_has_one_of_its_own_and_a_larger_one_is_refused() {
    let directory = tempfile::tempdir().unwrap();
    let options = Options { group_bytes_max: 1_000, ..small(directory.path()) };
    let (journal, _) = Journal::open(options).unwrap();
    let payloads: Vec<Vec<u8>> = vec![vec![1; 10], vec![2; PAYLOAD_MAX], vec![3; 10]];
    let appends: Vec<_> = payloads.iter().map(|payload| journal.append(header(), payload).unwrap()).collect();
    for (append, sequence) in appends.into_iter().zip(1..) {
        assert_eq!(append.wait(), Ok(Sequence(sequence)));
    }
    let refused = journal.append(header(), &vec![4; PAYLOAD_MAX + 1]).map(|_| ());
    assert_eq!(refused, Err(AppendError::TooLarge { bytes: 6_001, bytes_max: 6_000 }));
    assert_eq!(read_from(&journal, 1), (1..).zip(payloads).collect::<Vec<_>>());
}

#[test]
fn a_header_is_read_back_as_it_was_given() {
    let directory = tempfile::tempdir().unwrap();
    let (journal, _) = Journal::open(small(directory.path())).unwrap();
    let given = RecordHeader {
        source: SourceId(u32::MAX),
        format: u16::MAX,
        verdict: Verdict::Undecodable,
        rule: RuleVersion(77),
        received: UnixNanos(i64::MIN),
    };
    journal.append(given, b"").unwrap().wait().unwrap();
    let mut reader = journal.reader(Sequence::FIRST).unwrap();
    let record = reader.read().unwrap().unwrap();
    assert_eq!((record.header, record.payload), (given, &b""[..]));
    assert_eq!(record.journal, journal.position(Sequence(2)).journal);
}

#[test]
fn on_commit_is_called_for_every_commit() {
    let directory = tempfile::tempdir().unwrap();
    let (told, hear) = mpsc::channel();
    let on_commit = Arc::new(move |outcome: &CommitOutcome| told.send(*outcome).unwrap());
    let (journal, _) = Journal::open(Options { on_commit, ..small(directory.path()) }).unwrap();
    journal.append(header(), b"x").unwrap().wait().unwrap();
    let outcome = hear.recv().unwrap();
    assert_eq!((outcome.records, outcome.bytes, outcome.ok), (1, 4096, true));
}

#[test]
fn a_directory_in_use_is_refused_and_free_after_the_close() {
    let directory = tempfile::tempdir().unwrap();
    let (journal, _) = Journal::open(small(directory.path())).unwrap();
    assert!(matches!(Journal::open(small(directory.path())), Err(OpenError::Locked { .. })));
    journal.close();
    journal.close();
    assert_eq!(journal.append(header(), b"x").map(|_| ()), Err(AppendError::Closed));
    Journal::open(small(directory.path())).unwrap();
}

#[test]
fn the_search_by_receive_time_finds_the_first_in_order_of_sequence() {
    let directory = tempfile::tempdir().unwrap();
    let (journal, _) = Journal::open(small(directory.path())).unwrap();
    // The clock jumps back in the middle.
    let times: Vec<i64> = (0..40).map(|number| if number < 20 { 100 + number } else { 90 + number }).collect();
    for time in &times {
        journal.append(received(*time), &[0; 3_000]).unwrap().wait().unwrap();
    }
    for wanted in 95..135 {
        let first = times.iter().position(|time| *time >= wanted).unwrap_or(times.len());
        let found = journal.view().first_received_at_or_after(UnixNanos(wanted)).unwrap();
        assert_eq!(found.0, u64::try_from(first).unwrap() + 1, "{wanted}");
    }
}

#[test]
fn sizes_that_do_not_fit_together_are_refused_with_the_size_needed() {
    let directory = tempfile::tempdir().unwrap();
    let tight = Options { segment_bytes: 16 * 1024, ..small(directory.path()) };
    let refused = Journal::open(tight).unwrap_err().to_string();
    assert!(refused.contains("it needs 20480 bytes"), "{refused}");
    let capped = Options { cap_bytes: SEGMENT_BYTES, ..small(directory.path()) };
    assert!(Journal::open(capped).unwrap_err().to_string().contains("less than two segments"));
}

#[test]
fn a_list_of_names_beyond_its_bound_takes_no_more_and_can_still_be_read() {
    let directory = tempfile::tempdir().unwrap();
    let (journal, _) = Journal::open(small(directory.path())).unwrap();
    let name = |number: u32| format!("{number:0>200}");
    let mut count = 0;
    let error = loop {
        match journal.source_id(&name(count + 1)) {
            Ok(id) => assert_eq!(id, SourceId(count + 1)),
            Err(error) => break error,
        }
        count += 1;
    };
    assert!(count > 10 && error.to_string().contains("its bound is"), "{count}: {error}");
    assert_eq!(journal.source_id(&name(count)).unwrap(), SourceId(count), "known names keep their numbers");
    journal.close();
    drop(journal);
    let (journal, _) = Journal::open(small(directory.path())).unwrap();
    assert_eq!(journal.source_name(SourceId(count)).as_deref(), Some(name(count).as_str()));
}
