//! Gap repair from a simulated cloud over real sockets.

use super::fixture::Fixture;
use super::*;
use crate::coverage::{self, SLOT_NS, Slot};
use crate::reading::{Flags, MeterId, UnixNanos};
use crate::source::SourceState;
use crate::wire::SeenReading;
use meterline_load::cloud::CloudDevice;
use std::collections::BTreeMap;
use uuid::Uuid;

const DEVICE: Uuid = Uuid::from_u128(0x8d2f_3c64_0c58_4a0e_9d1b_0b7a_3f5f_6f11);

struct Scene {
    fixture: Fixture,
    cloud: Cloud,
    now: Slot,
}

impl Scene {
    /// A device on the quarter-hour grid whose last `missing` readings did not arrive.
    fn new(switches: Switches, missing: i64, change: impl FnOnce(&mut CloudAccount, Slot)) -> Self {
        Self::of(switches, Reach::Own, missing, change)
    }

    fn of(switches: Switches, reach: Reach, missing: i64, change: impl FnOnce(&mut CloudAccount, Slot)) -> Self {
        let (cloud, fixture) = (cloud(switches), Fixture::new());
        let now = Slot::at_or_before(fixture.clock.now());
        cloud.change_account("a", |account| {
            account.devices.push(CloudDevice::new(DEVICE, 900.0));
            change(account, now);
        });
        for back in (missing + 1..missing + 5).rev() {
            let at = before(now, back);
            let seen =
                SeenReading { meter: MeterId::from(DEVICE), at, has_counter: true, is_repair: false, is_row: false };
            fixture.coverage.note("a", at, [seen].into_iter());
        }
        fixture.coverage.judge(fixture.clock.now());
        let client = fixture.client(Account { reach, ..account(&cloud, key()) });
        let inlet = fixture.inlet(GapRepair::KIND);
        let repair = GapRepair::new(client, fixture.arrivals(), inlet, fixture.clock.clone());
        fixture.sources.start_polled("a", GapRepair::KIND, GapRepair::SCHEDULE, repair);
        Self { fixture, cloud, now }
    }

    /// The journaled counters in Wh, by time.
    fn fetched(&self) -> BTreeMap<UnixNanos, f64> {
        let mut fetched = BTreeMap::new();
        for (meter, at, samples) in self.fixture.stored(Flags::GAP_REPAIR) {
            assert_eq!(meter, MeterId::from(DEVICE));
            let counter = samples.iter().find(|sample| sample.obis.0[2] == 1).unwrap();
            assert_eq!(fetched.insert(at, counter.value), None, "nothing is fetched twice");
        }
        fetched
    }

    /// The only gap.
    fn gap(&self) -> coverage::Gap {
        self.fixture.coverage.gaps().remove(0).0
    }

    fn expected(&self, back: impl Iterator<Item = i64>) -> Vec<UnixNanos> {
        let mut times: Vec<_> = back.map(|back| before(self.now, back)).collect();
        times.sort_unstable();
        times
    }
}

fn before(now: Slot, back: i64) -> UnixNanos {
    now.time().saturating_add(-back * SLOT_NS)
}

#[test]
fn missing_readings_are_fetched_once_and_nothing_else() {
    for (dotted_codes, past_ends_included, camel_case) in [(false, true, false), (true, false, true)] {
        let text_values = true;
        let switches = Switches { dotted_codes, past_ends_included, camel_case, text_values, ..Switches::default() };
        let scene = Scene::new(switches, 40, |_, _| {});
        until("it was asked for", || scene.gap().asked == 1);
        let fetched = scene.fetched();
        // The newest is not late yet.
        let times: Vec<_> = fetched.keys().copied().collect();
        let expected = scene.expected(1..=40);
        assert!(times == expected || times == scene.expected(0..=40), "{times:?}");
        let device = CloudDevice::new(DEVICE, 900.0);
        let (at, value) = fetched.first_key_value().unwrap();
        assert!((device.values(at.0)[0].1 - value).abs() < 1e-6);
        assert_eq!(scene.cloud.requests().iter().filter(|request| request.status == 200).count(), 1);
        assert_eq!(scene.fixture.messages().len(), 1, "it can be decoded again");
        until("values in texts are counted", || scene.fixture.number("values_unreadable") >= Some(40.0));
    }
}

#[test]
fn a_gap_of_one_quarter_hour_is_fetched_whether_or_not_the_end_is_returned() {
    for past_ends_included in [true, false] {
        let scene = Scene::new(Switches { past_ends_included, ..Switches::default() }, 1, |_, _| {});
        until("it was asked for", || scene.gap().asked == 1);
        assert!(scene.fetched().contains_key(&before(scene.now, 1)), "ends included: {past_ends_included}");
    }
}

#[test]
fn a_gap_of_weeks_is_fetched_in_parts_of_a_thousand_values() {
    let scene = Scene::new(Switches::default(), 2_500, |_, _| {});
    until("all of it was asked for", || scene.gap().asked == 1);
    assert!(scene.fetched().len() >= 2_500);
    assert_eq!(scene.cloud.requests().len(), 3);
}

#[test]
fn readings_that_smart_me_lacks_stay_missing() {
    let scene = Scene::new(Switches::default(), 20, |account, now| {
        account.devices[0].lacks.push((before(now, 15).0, before(now, 10).0));
    });
    until("it was asked for", || scene.gap().asked == 1);
    assert!(scene.fetched().keys().all(|at| *at < before(scene.now, 15) || *at >= before(scene.now, 10)));
    let gap = scene.gap();
    assert_eq!(gap.state, coverage::GapState::Open);
    assert!(gap.ask_at > scene.fixture.clock.now(), "it is asked for again, later");
}

#[test]
fn an_account_without_a_licence_is_refused_once_and_shown() {
    for past_refusal in [403, 402, 405] {
        let scene = Scene::new(Switches { past_refusal, ..Switches::default() }, 20, |account, _| {
            account.is_professional = false;
        });
        until("it is refused", || scene.fixture.state() == SourceState::Misconfigured);
        assert_eq!(scene.cloud.requests().len(), 1);
        assert_eq!(scene.gap().asked, 0, "it is not taken for empty");
    }
}

#[test]
fn failures_lose_nothing_and_repeat_nothing() {
    let scene = Scene::new(Switches::default(), 20, |_, _| {});
    let trouble =
        [Fault::Status(524, None), Fault::Cut, Fault::Garbled, Fault::DoneAndCut, Fault::Status(429, Some(1))];
    trouble.iter().for_each(|fault| scene.cloud.fail_next(1, *fault));
    until("it was asked for", || scene.gap().asked == 1 || !scene.fetched().is_empty());
    assert!(scene.fetched().len() >= 20);
}

#[test]
fn a_partner_asks_for_the_past_of_its_customers() {
    let scene = Scene::of(Switches::default(), Reach::Partner, 20, |account, _| account.is_partner = true);
    until("it was asked for", || scene.gap().asked == 1);
    assert!(scene.fetched().len() >= 20);
    assert!(scene.cloud.requests()[0].what.starts_with("GET /partner/ValuesInPastMultiple/"));
}

#[test]
fn while_gap_detection_stands_still_nothing_is_fetched_and_the_page_says_why() {
    let (cloud, fixture) = (cloud(Switches::default()), Fixture::new());
    let client = fixture.client(account(&cloud, key()));
    let inlet = fixture.inlet(GapRepair::KIND);
    let repair = GapRepair::new(client, fixture.still_arrivals(), inlet, fixture.clock.clone());
    fixture.sources.start_polled("a", GapRepair::KIND, GapRepair::SCHEDULE, repair);
    until("it is shown", || fixture.state() == SourceState::Failing);
    let why = fixture.description().why.clone().unwrap();
    assert!(why.contains("not fetched") && why.contains("gap detection"), "{why}");
    fixture.arrivals();
    until("it runs", || fixture.state() == SourceState::Running);
}

#[test]
fn an_unknown_device_does_not_stop_the_source() {
    let scene = Scene::new(Switches::default(), 20, |account, _| account.devices.clear());
    until("it was asked for", || scene.gap().asked == 1);
    until("it runs", || scene.fixture.state() == SourceState::Running);
    assert!(scene.fetched().is_empty());
}
