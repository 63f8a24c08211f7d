//! Group commit, the hand-over to the pumps and the reload, in thousands of orders of their threads.
//!
//! `METERLINE_ORDERS` is the number of orders of each model; `./test long concurrency` sets it. A
//! failing order is printed and can be run again with `shuttle::replay`.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic, reason = "a test fails by panicking")]

use meterline_concurrency::clock::Clock;
use meterline_concurrency::journal::{Kernel, Sequence};
use meterline_concurrency::reading::UnixNanos;
use meterline_concurrency::recent_records::{Recent, RecentRecords, RecordOutline};
use meterline_concurrency::source::groups::SourceGroups;
use meterline_concurrency::time_outs;
use shuttle::sync::atomic::{AtomicBool, Ordering};
use shuttle::{future, thread};
use std::future::poll_fn;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;

/// Orders of each model in a usual run.
const ORDERS: usize = 500;

/// Checks a model in orders that are random, and in those with few changes of the thread, which find other faults.
fn check(model: impl Fn() + Send + Sync + Copy + 'static) {
    let orders = std::env::var("METERLINE_ORDERS").map_or(ORDERS, |text| text.parse().unwrap());
    shuttle::check_random(model, orders);
    shuttle::check_pct(model, orders, 3);
}

/// Sends a record and checks the answer.
fn send(journal: &Kernel) {
    let Ok(append) = journal.append() else { return };
    if let Ok(sequence) = append.wait() {
        assert!(journal.synced() >= sequence.0, "record {sequence} was answered before its sync");
    }
}

/// The same as a task, which may be dropped while it waits.
async fn send_as_task(journal: Arc<Kernel>, gives_up: bool) {
    let Ok(mut append) = journal.append() else { return };
    if gives_up {
        // Once polled it has a waker among the others.
        poll_fn(|context| {
            drop(Pin::new(&mut append).poll(context));
            Poll::Ready(())
        })
        .await;
        return;
    }
    if let Ok(sequence) = append.await {
        assert!(journal.synced() >= sequence.0, "record {sequence} was answered before its sync");
    }
}

/// Starts the writer; it ends with the journal.
fn writer(journal: &Arc<Kernel>) -> thread::JoinHandle<()> {
    let journal = Arc::clone(journal);
    thread::spawn(move || journal.run_writer(u32::MAX))
}

fn group_commit(failing: u64) {
    let journal = Arc::new(Kernel::new(failing));
    let writer = writer(&journal);
    let tasks = (0..4).map(|number| future::spawn(send_as_task(Arc::clone(&journal), number == 1)));
    let tasks: Vec<_> = tasks.collect();
    let threads = (0..2).map(|_| {
        let journal = Arc::clone(&journal);
        thread::spawn(move || (0..2).for_each(|_| send(&journal)))
    });
    threads.collect::<Vec<_>>().into_iter().for_each(|it| it.join().unwrap());
    tasks.into_iter().for_each(|task| future::block_on(task).unwrap());
    journal.close();
    writer.join().unwrap();
    assert_eq!(journal.synced() + 1, journal.next().0);
}

#[test]
fn every_sender_of_a_group_is_answered_and_none_before_the_sync() {
    check(|| group_commit(0));
}

/// Nothing comes after them: no later group wakes those that this one left.
#[test]
fn a_task_that_gives_up_wakes_the_others_of_its_group() {
    check(|| {
        let journal = Arc::new(Kernel::new(0));
        let tasks = (0..4).map(|number| future::spawn(send_as_task(Arc::clone(&journal), number == 3)));
        let tasks: Vec<_> = tasks.collect();
        let writer = writer(&journal);
        tasks.into_iter().for_each(|task| future::block_on(task).unwrap());
        journal.close();
        writer.join().unwrap();
    });
}

#[test]
fn every_sender_is_answered_where_syncs_fail() {
    check(|| group_commit(2));
}

#[test]
fn waits_that_end_by_their_time_change_no_answer() {
    check(|| {
        time_outs(3);
        group_commit(1);
        time_outs(0);
    });
}

/// Three threads send, while the journal closes or its writer ends after some groups.
fn senders_at_the_end(closes: bool, groups_max: u32) {
    let journal = Arc::new(Kernel::new(0));
    let writer = {
        let journal = Arc::clone(&journal);
        thread::spawn(move || journal.run_writer(groups_max))
    };
    let senders = (0..3).map(|_| {
        let journal = Arc::clone(&journal);
        thread::spawn(move || send(&journal))
    });
    let senders: Vec<_> = senders.collect();
    if closes {
        journal.close();
    }
    writer.join().unwrap();
    senders.into_iter().for_each(|it| it.join().unwrap());
}

#[test]
fn a_close_leaves_no_sender_waiting() {
    check(|| senders_at_the_end(true, u32::MAX));
}

#[test]
fn the_end_of_the_writer_leaves_no_sender_waiting() {
    check(|| senders_at_the_end(false, 1));
}

fn outline(sequence: Sequence) -> RecordOutline {
    RecordOutline {
        source: "acme".into(),
        received: UnixNanos(0),
        bytes: sequence.0,
        is_deliverable: true,
        readings: Box::default(),
    }
}

#[test]
fn a_pump_is_woken_for_every_record_sees_only_synced_ones_and_gets_their_own_outlines() {
    const RECORDS: u64 = 3;
    check(|| {
        let (journal, recent) = (Arc::new(Kernel::new(0)), RecentRecords::default());
        let writer = writer(&journal);
        let pump = {
            let (journal, recent) = (Arc::clone(&journal), recent.clone());
            thread::spawn(move || {
                let mut next = Sequence::FIRST;
                while next.0 <= RECORDS {
                    journal.wait_beyond(next);
                    let end = journal.next();
                    assert!(journal.synced() + 1 >= end.0, "a reader sees records that are not synced");
                    while next < end {
                        if let Recent::Outline(found) = recent.get(next) {
                            assert_eq!(found.bytes, next.0, "it is the outline of another record");
                        }
                        next = next.next();
                    }
                }
            })
        };
        let senders = (0..RECORDS).map(|_| {
            let (journal, recent) = (Arc::clone(&journal), recent.clone());
            thread::spawn(move || {
                let sequence = journal.append().unwrap().wait().unwrap();
                recent.add(sequence, outline(sequence));
            })
        });
        senders.collect::<Vec<_>>().into_iter().for_each(|it| it.join().unwrap());
        pump.join().unwrap();
        journal.close();
        writer.join().unwrap();
    });
}

#[test]
fn a_stop_ends_the_wait_of_a_pump_whenever_it_comes() {
    check(|| {
        let journal = Arc::new(Kernel::new(0));
        let (stopping, ended) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicBool::new(false)));
        let pump = {
            let (journal, stopping, ended) = (Arc::clone(&journal), Arc::clone(&stopping), Arc::clone(&ended));
            thread::spawn(move || {
                journal.wait_beyond(Sequence::FIRST);
                ended.store(true, Ordering::SeqCst);
                stopping.load(Ordering::SeqCst)
            })
        };
        stopping.store(true, Ordering::SeqCst);
        // The stop wakes until the pump has ended, as the service does.
        while !ended.load(Ordering::SeqCst) {
            journal.wake();
            thread::yield_now();
        }
        assert!(pump.join().unwrap());
    });
}

#[test]
fn an_entry_that_is_reloaded_never_runs_twice_and_the_others_are_always_there() {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    let handle: &'static _ = Box::leak(Box::new(runtime)).handle();
    check(move || {
        let groups = Arc::new(SourceGroups::new(handle.clone(), Clock));
        groups.begin("other".to_owned()).start("other");
        let mut one = groups.begin("one".to_owned());
        one.start("one");
        let reload = {
            let groups = Arc::clone(&groups);
            thread::spawn(move || {
                for _ in 0..2 {
                    future::block_on(groups.end(|entry| entry == "one", Clock.monotonic()));
                    assert!(!one.offers("one", ""), "the earlier one still runs");
                    one = groups.begin("one".to_owned());
                    one.start("one");
                }
            })
        };
        let readers = (0..2).map(|_| {
            let groups = Arc::clone(&groups);
            thread::spawn(move || {
                let names: Vec<String> = groups.descriptions().iter().map(|it| it.name.clone()).collect();
                assert!(names == ["other", "one"] || names == ["other"], "{names:?}");
                assert!(groups.act("other", "act").is_ok(), "a reload of one entry touches another");
            })
        });
        readers.collect::<Vec<_>>().into_iter().for_each(|it| it.join().unwrap());
        reload.join().unwrap();
        assert_eq!(groups.descriptions().len(), 2);
    });
}
