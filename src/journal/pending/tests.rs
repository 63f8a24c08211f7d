use super::*;
use crate::journal::record::{RuleVersion, SourceId, Verdict};
use std::sync::mpsc::{Receiver, channel};

/// Far above the time that anything here takes, as the wait of a group and of a test.
const LONG: Duration = Duration::from_secs(20);
const GROUP_BYTES_MAX: usize = 64 << 10;

fn pending(group_wait_max: Duration) -> Arc<Pending> {
    Arc::new(Pending::new(GROUP_BYTES_MAX, group_wait_max, Clock::system()))
}

fn push(pending: &Pending, records: usize) {
    (0..records).for_each(|_| push_one(pending, 100));
}

fn push_one(pending: &Pending, bytes: usize) {
    let header = RecordHeader {
        source: SourceId(1),
        format: 1,
        verdict: Verdict::Deliverable,
        rule: RuleVersion(1),
        received: UnixNanos(1),
    };
    drop(pending.push(&[0; FRAME_HEADER_LEN], &vec![7; bytes], &header).unwrap());
}

/// Asks for work in a thread, as the writer does.
fn ask(pending: &Arc<Pending>) -> Receiver<Work> {
    let (sender, receiver) = channel();
    let pending = Arc::clone(pending);
    std::thread::spawn(move || sender.send(pending.next_work(LONG)));
    receiver
}

fn group(work: &Receiver<Work>) -> GroupBuffer {
    match work.recv_timeout(LONG / 2) {
        Ok(Work::Group(group)) => group,
        other => panic!("{other:?}"),
    }
}

/// Commits what waits, while `during` more records come.
fn commit(pending: &Arc<Pending>, during: usize) -> u32 {
    let group = group(&ask(pending));
    let records = group.count();
    push(pending, during);
    pending.answered(group);
    records
}

/// The number of records for which the writer sleeps, once it does; nothing if it does not.
fn sleeps_for(pending: &Pending, work: &Receiver<Work>) -> Result<u32, Work> {
    loop {
        if let Some(records) = pending.queue.lock().wake_at {
            return Ok(records);
        }
        if let Ok(work) = work.try_recv() {
            return Err(work);
        }
        std::thread::yield_now();
    }
}

#[test]
fn a_lone_sender_is_never_made_to_wait() {
    let pending = pending(LONG);
    for _ in 0..20 {
        push(&pending, 1);
        assert_eq!(commit(&pending, 0), 1);
    }
    assert_eq!(sleeps_for(&pending, &ask(&pending)).unwrap(), 1, "the next record is written when it comes");
}

#[test]
fn a_few_senders_do_not_wait_for_each_other() {
    let pending = pending(LONG);
    push(&pending, 17);
    for _ in 0..20 {
        assert_eq!(commit(&pending, 16), 17);
        push(&pending, 1);
    }
}

#[test]
fn of_many_senders_in_flight_a_group_waits_for_all_but_a_few() {
    let pending = pending(LONG);
    push(&pending, 56);
    assert_eq!(commit(&pending, 24), 56);
    let work = ask(&pending);
    assert_eq!(sleeps_for(&pending, &work).unwrap(), 48, "of 80");
    push(&pending, 24);
    assert_eq!(group(&work).count(), 48);
}

#[test]
fn a_wait_ends_at_its_bound() {
    let pending = pending(Duration::from_millis(1));
    push(&pending, 40);
    assert_eq!(commit(&pending, 16), 40);
    assert_eq!(commit(&pending, 0), 16, "24 were expected, and none came");
    push(&pending, 3);
    assert_eq!(commit(&pending, 0), 3, "the next group expects no more than there were");
}

#[test]
fn a_record_after_the_bound_is_written_at_once() {
    let pending = pending(Duration::ZERO);
    push(&pending, 100);
    assert_eq!(commit(&pending, 0), 100);
    assert_eq!(sleeps_for(&pending, &ask(&pending)).unwrap(), 1);
}

#[test]
fn a_group_with_enough_records_or_without_room_does_not_wait() {
    let pending = pending(LONG);
    push(&pending, 100);
    assert_eq!(commit(&pending, 63), 100);
    let work = ask(&pending);
    assert_eq!(sleeps_for(&pending, &work).unwrap(), EXPECTED_MAX);
    push(&pending, 1);
    let written = group(&work);
    assert_eq!(written.count(), EXPECTED_MAX);
    pending.answered(written);
    push(&pending, 1);
    push_one(&pending, GROUP_BYTES_MAX);
    assert_eq!(commit(&pending, 0), 1, "the large record has a group of its own");
}

#[test]
fn close_ends_a_wait() {
    let pending = pending(LONG);
    push(&pending, 40);
    assert_eq!(commit(&pending, 1), 40);
    let work = ask(&pending);
    assert_eq!(sleeps_for(&pending, &work).unwrap(), 9);
    pending.close();
    assert_eq!(group(&work).count(), 1);
    assert!(matches!(ask(&pending).recv_timeout(LONG / 2), Ok(Work::Closed)));
}
