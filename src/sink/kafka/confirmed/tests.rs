use super::*;
use crate::journal::{Options, RecordHeader, Verdict};
use crate::reading::Limits;
use tempfile::TempDir;

const TOPIC: &str = "readings";

/// A sink's confirmed states in a journal of its own. States without offsets need no broker.
fn memory() -> (TempDir, Journal, ConfirmedStates) {
    let directory = tempfile::tempdir().unwrap();
    let (journal, _) = Journal::open(Options::new(directory.path())).unwrap();
    let confirmed = ConfirmedStates::read(journal.clone(), "kafka").unwrap();
    (directory, journal, confirmed)
}

fn recover(confirmed: &mut ConfirmedStates, next: u64) -> AckedOffsets {
    recover_in(confirmed, next, TOPIC)
}

fn recover_in(confirmed: &mut ConfirmedStates, next: u64, topic: &str) -> AckedOffsets {
    confirmed.recover(Sequence(next), None, 12, &config_of(topic), &Clock::system()).unwrap()
}

/// No broker listens there, so a check would fail.
fn config_of(topic: &str) -> Config {
    Config::new("127.0.0.1:1", topic)
}

fn at(next: u64) -> ConfirmedState {
    ConfirmedState { next: Sequence(next), acked: AckedOffsets::default() }
}

fn checkpoints(confirmed: &ConfirmedStates) -> Vec<u64> {
    confirmed.checkpoints.all().iter().map(|checkpoint| checkpoint.position.next.0).collect()
}

fn add(confirmed: &mut ConfirmedStates, nexts: &[u64]) {
    for (second, &next) in (0..).zip(nexts) {
        confirmed.add(&at(next), &config_of(TOPIC), UnixNanos(1_800_000_000_000_000_000 + second * 10_000_000_000));
    }
}

#[test]
fn a_sink_without_checkpoints_begins_with_one_that_it_can_always_go_back_to() {
    let (_directory, journal, mut confirmed) = memory();
    assert_eq!(confirmed.position(TOPIC), None);
    assert!(recover(&mut confirmed, 7).is_empty());
    assert_eq!(checkpoints(&confirmed), [7]);
    assert_eq!(confirmed.position(TOPIC), Some(journal.position(Sequence(7))));
    assert_eq!(checkpoints(&ConfirmedStates::read(journal, "kafka").unwrap()), [7]);
}

#[test]
fn checkpoints_above_where_the_sink_goes_on_are_cut_durably() {
    let (_directory, journal, mut confirmed) = memory();
    add(&mut confirmed, &[3, 5, 9]);
    confirmed.remember([at(8), at(12)]);
    recover(&mut confirmed, 8);
    assert_eq!(checkpoints(&confirmed), [3, 5]);
    assert_eq!(confirmed.last, [at(8)]);
    assert_eq!(checkpoints(&ConfirmedStates::read(journal, "kafka").unwrap()), [3, 5]);
}

#[test]
fn a_start_does_not_go_back_below_the_oldest_record() {
    let directory = tempfile::tempdir().unwrap();
    let mut options = Options::new(directory.path());
    (options.segment_bytes, options.cap_bytes) = (64 << 10, 256 << 10);
    (options.record_bytes_max, options.group_bytes_max, options.retain.bytes) = (8 << 10, 16 << 10, 0);
    let (journal, _) = Journal::open(options).unwrap();
    let mut confirmed = ConfirmedStates::read(journal.clone(), "kafka").unwrap();
    add(&mut confirmed, &[1]);
    assert_eq!(confirmed.position(TOPIC).map(|position| position.next), Some(Sequence(1)));
    let source = journal.source_id("acme").unwrap();
    let rule = journal.rule_version(&Limits::DEFAULT).unwrap();
    let received = UnixNanos(1_800_000_000_000_000_000);
    let header = RecordHeader { source, format: 1, verdict: Verdict::Deliverable, rule, received };
    // No cursor holds it, so retention deletes all but the last segments.
    while journal.oldest().next == Sequence(1) {
        journal.append(header, &[0; 4 << 10]).unwrap().wait().unwrap();
    }
    assert_eq!(confirmed.position(TOPIC), None);
}

#[test]
fn checkpoints_of_another_topic_do_not_count() {
    let (_directory, _journal, mut confirmed) = memory();
    add(&mut confirmed, &[3, 5]);
    assert_eq!(confirmed.position("another"), None);
    recover_in(&mut confirmed, 9, "another");
    assert_eq!(checkpoints(&confirmed), [9]);
}

#[test]
fn a_checkpoint_is_due_where_something_is_new_and_at_the_end_at_once() {
    let (_directory, _journal, mut confirmed) = memory();
    let now = UnixNanos(1_800_000_000_000_000_000);
    confirmed.add(&at(5), &config_of(TOPIC), now);
    let later = UnixNanos(now.0 + 60_000_000_000);
    assert!(!confirmed.is_due(Sequence(5), later, true));
    assert!(confirmed.is_due(Sequence(6), later, false));
    assert!(!confirmed.is_due(Sequence(6), now, false));
    assert!(confirmed.is_due(Sequence(6), now, true));
}

#[test]
fn the_newest_state_that_is_whole_is_found() {
    let states: Vec<ConfirmedState> = (1..=6).map(at).collect();
    for first_lost in 0..=6 {
        let is_lost = |state: &ConfirmedState| Ok(state.next.0 > first_lost);
        assert_eq!(newest_kept(&states, is_lost).unwrap(), usize::try_from(first_lost).unwrap());
    }
    let unknown = newest_kept(&states, |_| Err(SinkError::waiting("no broker answers")));
    assert!(unknown.is_err());
}

#[test]
fn a_mark_is_one_word_the_partitions_the_format_and_the_topic() {
    let mut acked = AckedOffsets::default();
    acked.note(1, 77, b"value").unwrap();
    let mark = format!("{acked} 12 json-framed {TOPIC}");
    assert_eq!(parse(&mark, TOPIC), Some(Mark { acked, partitions: 12, format: "json-framed".to_owned() }));
    assert_eq!(parse(&mark, "another"), None);
    assert_eq!(parse("nothing", TOPIC), None);
}
