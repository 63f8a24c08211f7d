//! What is missing, fetched from a cloud over real sockets.

use super::*;
use crate::coverage::{Coverage, Seen, Slot, State};
use crate::dead_letters::DeadLetters;
use crate::ingest::{Door, SourceOptions};
use crate::journal::{Journal, Options, Sequence};
use crate::reading::{Flags, MeterId, UnixNanos};
use crate::source::smart_me::{RepairState, RepairStatus, Way, Worker, repair};
use crate::wire::{self, PayloadFormat};
use meterline_load::cloud::CloudDevice;
use std::collections::BTreeMap;
use std::thread;
use uuid::Uuid;

const DEVICE: Uuid = Uuid::from_u128(0x8d2f_3c64_0c58_4a0e_9d1b_0b7a_3f5f_6f11);

struct Scene {
    cloud: Cloud,
    coverage: Coverage,
    journal: Journal,
    clock: Clock,
    now: Slot,
    repair: Worker<RepairStatus>,
    _runtime: tokio::runtime::Runtime,
    _directory: tempfile::TempDir,
}

impl Scene {
    /// A device on the grid of which the last `missing` quarter-hours did not come.
    fn new(switches: Switches, missing: i64, change: impl FnOnce(&mut CloudAccount, Slot)) -> Self {
        Self::of(switches, Reach::Own, missing, change)
    }

    fn of(switches: Switches, reach: Reach, missing: i64, change: impl FnOnce(&mut CloudAccount, Slot)) -> Self {
        let cloud = cloud(switches);
        let directory = tempfile::tempdir().unwrap();
        let clock = Clock::system();
        let now = Slot::at_or_before(clock.now());
        cloud.change_account("a", |account| {
            account.devices.push(CloudDevice::new(DEVICE, 900.0));
            change(account, now);
        });
        let coverage = Coverage::open(directory.path());
        for back in (missing + 1..missing + 5).rev() {
            let at = before(now, back);
            let seen = Seen { meter: MeterId::from(DEVICE), at, has_counter: true, is_repair: false };
            coverage.note("a", at, [seen].into_iter());
        }
        coverage.judge(clock.now());
        let (journal, _) = Journal::open(Options::new(directory.path().join("journal"))).unwrap();
        let letters = DeadLetters::open(directory.path().join("letters"), clock.clone()).unwrap();
        let door = Door::new(journal.clone(), Some(letters), clock.clone());
        let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().worker_threads(1).build().unwrap();
        let pause = Arc::new(Pause::default());
        let account = Account { reach, ..account(&cloud, key()) };
        let access = Access::new(&account, Path::new(""));
        let client = Client::new(account, access, Duration::from_secs(20), Arc::clone(&pause), clock.clone());
        let way = Way {
            coverage: coverage.clone(),
            is_caught_up: Box::new(|| true),
            entrance: door.source("a", SourceOptions::default()).unwrap(),
            runtime: runtime.handle().clone(),
            clock: clock.clone(),
        };
        let repair = repair(client, way, pause).unwrap();
        Self { cloud, coverage, journal, clock, now, repair, _runtime: runtime, _directory: directory }
    }

    /// What came through the door, by time: counters in Wh.
    fn fetched(&self) -> BTreeMap<UnixNanos, f64> {
        let mut fetched = BTreeMap::new();
        let mut reader = self.journal.reader(Sequence::FIRST).unwrap();
        while let Some(record) = reader.read().unwrap() {
            assert_eq!(PayloadFormat::from_number(record.header.format), Some(PayloadFormat::ReadingBatch));
            for reading in wire::readings(PayloadFormat::ReadingBatch, record.payload).unwrap() {
                assert_eq!((reading.meter, reading.flags), (Ok(MeterId::from(DEVICE)), Flags::GAP_REPAIR));
                let counter = reading.values.filter_map(Result::ok).find(|sample| sample.obis.0[2] == 1);
                let before = fetched.insert(reading.at.unwrap(), counter.unwrap().value);
                assert_eq!(before, None, "nothing is fetched twice");
            }
        }
        fetched
    }

    fn wait(&self, what: &str, holds: impl Fn(&Self) -> bool) {
        for _ in 0..2_000 {
            if holds(self) {
                return;
            }
            thread::sleep(Duration::from_millis(10));
        }
        panic!("not within 20 s: {what}; {:?}, {:?}", self.repair.status(), self.coverage.gaps());
    }

    fn expected(&self, back: impl Iterator<Item = i64>) -> Vec<UnixNanos> {
        let mut times: Vec<_> = back.map(|back| before(self.now, back)).collect();
        times.sort_unstable();
        times
    }
}

impl Drop for Scene {
    fn drop(&mut self) {
        self.repair.stop();
        self.repair.join(Duration::from_secs(10));
    }
}

fn before(now: Slot, back: i64) -> UnixNanos {
    now.time().saturating_add(-back * crate::coverage::SLOT_NS)
}

#[test]
fn what_is_missing_is_fetched_once_and_nothing_else() {
    for (dotted_codes, past_ends_included, camel_case) in [(false, true, false), (true, false, true)] {
        let switches = Switches { dotted_codes, past_ends_included, camel_case, ..Switches::default() };
        let scene = Scene::new(switches, 40, |_, _| {});
        scene.wait("it was asked for", |scene| scene.coverage.gaps()[0].0.asked == 1);
        let fetched = scene.fetched();
        // The newest is not late yet.
        let times: Vec<_> = fetched.keys().copied().collect();
        let expected = scene.expected(1..=40);
        assert!(times == expected || times == scene.expected(0..=40), "{times:?}");
        let device = CloudDevice::new(DEVICE, 900.0);
        let (at, value) = fetched.first_key_value().unwrap();
        assert!((device.values(at.0)[0].1 - value).abs() < 1e-6);
        assert_eq!(scene.cloud.requests().iter().filter(|request| request.status == 200).count(), 1);
    }
}

#[test]
fn a_gap_of_weeks_is_fetched_in_parts_of_a_thousand_values() {
    let scene = Scene::new(Switches::default(), 2_500, |_, _| {});
    scene.wait("all of it was asked for", |scene| scene.coverage.gaps()[0].0.asked == 1);
    assert!(scene.fetched().len() >= 2_500);
    assert_eq!(scene.cloud.requests().len(), 3);
}

#[test]
fn what_the_source_lacks_stays_missing() {
    let scene = Scene::new(Switches::default(), 20, |account, now| {
        account.devices[0].lacks.push((before(now, 15).0, before(now, 10).0));
    });
    scene.wait("it was asked for", |scene| scene.coverage.gaps()[0].0.asked == 1);
    assert!(scene.fetched().keys().all(|at| *at < before(scene.now, 15) || *at >= before(scene.now, 10)));
    let gap = &scene.coverage.gaps()[0].0;
    assert_eq!(gap.state, State::Open);
    assert!(gap.ask_at > scene.clock.now(), "it is asked for again, later");
}

#[test]
fn an_account_without_a_licence_is_refused_once_and_shown() {
    for past_refusal in [403, 402, 405] {
        let scene = Scene::new(Switches { past_refusal, ..Switches::default() }, 20, |account, _| {
            account.is_professional = false;
        });
        scene.wait("it is refused", |scene| matches!(scene.repair.status().state, RepairState::Refused(_)));
        assert_eq!(scene.cloud.requests().len(), 1);
        assert_eq!(scene.coverage.gaps()[0].0.asked, 0, "it is not taken for empty");
    }
}

#[test]
fn a_day_of_trouble_loses_nothing_and_repeats_nothing() {
    let scene = Scene::new(Switches::default(), 20, |_, _| {});
    let trouble =
        [Fault::Status(524, None), Fault::Cut, Fault::Garbled, Fault::DoneAndCut, Fault::Status(429, Some(1))];
    trouble.iter().for_each(|fault| scene.cloud.fail_next(1, *fault));
    scene.wait("it was asked for", |scene| scene.coverage.gaps()[0].0.asked == 1 || !scene.fetched().is_empty());
    assert!(scene.fetched().len() >= 20);
}

#[test]
fn a_partner_asks_for_the_past_of_its_customers() {
    let scene = Scene::of(Switches::default(), Reach::Partner, 20, |account, _| account.is_partner = true);
    scene.wait("it was asked for", |scene| scene.coverage.gaps()[0].0.asked == 1);
    assert!(scene.fetched().len() >= 20);
    assert!(scene.cloud.requests()[0].what.starts_with("GET /partner/ValuesInPastMultiple/"));
}

#[test]
fn a_device_that_is_not_the_accounts_is_no_reason_to_stop() {
    let scene = Scene::new(Switches::default(), 20, |account, _| account.devices.clear());
    scene.wait("it was asked for", |scene| scene.coverage.gaps()[0].0.asked == 1);
    assert_eq!(scene.repair.status().state, RepairState::Working);
    assert!(scene.fetched().is_empty());
}
