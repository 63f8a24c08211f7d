//! Gaps as the users of coverage see them.

use super::*;
use crate::journal::{JournalId, Sequence};
use proptest::prelude::*;
use std::collections::BTreeSet;
use uuid::Uuid;

const START: i64 = 2_000_000;
const MINUTE_NS: i64 = 60_000_000_000;

fn meter(number: u128) -> MeterId {
    MeterId::from(Uuid::from_u128(number))
}

fn slot(number: i64) -> UnixNanos {
    Slot(START + number).time()
}

struct Site {
    coverage: Coverage,
    directory: tempfile::TempDir,
}

fn site() -> Site {
    let directory = tempfile::tempdir().unwrap();
    Site { coverage: Coverage::open(directory.path()), directory }
}

impl Site {
    /// Notes a counter value at a quarter-hour, received in time.
    fn sends(&self, number: i64) {
        self.at(slot(number), true);
    }

    fn at(&self, at: UnixNanos, has_counter: bool) {
        let seen = SeenReading { meter: meter(1), at, has_counter, is_repair: false };
        self.coverage.note("home", at.saturating_add(MINUTE_NS), [seen].into_iter());
    }

    fn fetches(&self, number: i64) {
        let seen = SeenReading { meter: meter(1), at: slot(number), has_counter: true, is_repair: true };
        self.coverage.note("home", slot(number + 50), [seen].into_iter());
    }

    /// The open gaps: first and last instant, and quarter-hours missing.
    fn open(&self) -> Vec<(UnixNanos, UnixNanos, u64)> {
        let gaps = self.coverage.gaps();
        let open = gaps.into_iter().filter(|(gap, _)| gap.is_open());
        open.map(|(gap, missing)| (gap.extent.from(), gap.extent.until(), missing)).collect()
    }

    fn states(&self) -> Vec<GapState> {
        self.coverage.gaps().iter().map(|(gap, _)| gap.state).collect()
    }

    /// Stores and opens the coverage again.
    fn again(self) -> Self {
        self.coverage.store(Position { journal: JournalId(Uuid::nil()), next: Sequence(7) }).unwrap();
        Self { coverage: Coverage::open(self.directory.path()), directory: self.directory }
    }

    fn next_request(&self, now: UnixNanos) -> Option<RepairRequest> {
        self.coverage.next_request("home", now, 1000)
    }
}

#[test]
fn a_meter_on_the_grid_is_expected_at_every_quarter_hour() {
    let site = site();
    (0..4).for_each(|number| site.sends(number));
    site.sends(7);
    assert_eq!(site.open(), [(slot(4), slot(6), 3)]);
    assert_eq!(site.coverage.summaries()["home"], Summary { open: 1, slots: 3 });
}

#[test]
fn a_reading_is_missing_a_quarter_hour_later_also_while_nothing_arrives() {
    let site = site();
    (0..4).for_each(|number| site.sends(number));
    site.coverage.judge(slot(5).saturating_add(-1));
    assert_eq!(site.open(), []);
    site.coverage.judge(slot(5));
    assert_eq!(site.open(), [(slot(4), slot(4), 1)]);
    site.coverage.judge(slot(8));
    assert_eq!(site.open(), [(slot(4), slot(7), 4)], "the same gap, longer");
}

#[test]
fn a_complete_gap_closes_as_late_or_repaired() {
    let site = site();
    (0..4).for_each(|number| site.sends(number));
    site.sends(6);
    site.sends(9);
    site.sends(5);
    site.sends(4);
    site.fetches(8);
    assert_eq!(site.states(), [GapState::Late, GapState::Open]);
    site.fetches(7);
    assert_eq!(site.states(), [GapState::Late, GapState::Repaired]);
    let closed = site.coverage.take_closed();
    assert_eq!(closed, [("home".to_owned(), GapState::Late), ("home".to_owned(), GapState::Repaired)]);
    assert_eq!(site.coverage.take_closed(), []);
}

#[test]
fn a_meter_that_is_not_on_the_grid_is_missed_by_its_own_cadence() {
    let site = site();
    let times: Vec<_> = (0..20).map(|number| slot(0).saturating_add(7 * MINUTE_NS * number + 1)).collect();
    times.iter().for_each(|at| site.at(*at, false));
    let back = times[19].saturating_add(29 * MINUTE_NS);
    site.at(back, false);
    assert_eq!(site.open(), [(times[19], back, 0)]);
    assert_eq!(site.coverage.gaps()[0].0.extent, Extent::Silence { from: times[19], until: back });
}

#[test]
fn a_silence_that_is_usual_for_a_meter_is_no_gap() {
    let site = site();
    for number in 0..20 {
        site.at(slot(0).saturating_add(40 * MINUTE_NS * number + 1), false);
    }
    site.at(slot(0).saturating_add(40 * MINUTE_NS * 22 + 1), false);
    assert_eq!(site.open(), []);
}

#[test]
fn existing_values_are_never_requested_and_a_missing_counter_is() {
    let site = site();
    (0..4).for_each(|number| site.sends(number));
    site.at(slot(5), false);
    site.sends(7);
    let request = site.next_request(slot(8)).unwrap();
    assert_eq!((request.from, request.until), (slot(4), slot(6)));
    let missing_values = [3, 4, 5, 6, 7].map(|number| site.coverage.missing_values(&request, slot(number)));
    assert_eq!(
        missing_values,
        [
            MissingValues::Nothing,
            MissingValues::All,
            MissingValues::Counters,
            MissingValues::All,
            MissingValues::Nothing
        ]
    );
    assert_eq!(
        site.coverage.missing_values(&request, slot(4).saturating_add(1)),
        MissingValues::Nothing,
        "between the quarter-hours"
    );
}

#[test]
fn the_oldest_gap_is_asked_for_first_in_parts_and_again_later_while_something_is_missing() {
    let site = site();
    (0..4).for_each(|number| site.sends(number));
    site.sends(30);
    site.sends(32);
    let now = slot(33);
    let first = site.coverage.next_request("home", now, 20).unwrap();
    assert_eq!((first.from, first.until), (slot(4), slot(23)));
    site.coverage.requested(&first, now);
    let second = site.coverage.next_request("home", now, 20).unwrap();
    assert_eq!((second.from, second.until), (slot(24), slot(29)));
    site.coverage.requested(&second, now);
    let third = site.next_request(now).unwrap();
    assert_eq!((third.from, third.until), (slot(31), slot(31)), "the next gap");
    site.coverage.requested(&third, now);
    assert_eq!(site.next_request(now), None, "all of it was asked for");
    assert_eq!(site.coverage.next_request("elsewhere", slot(99), 20), None);
    let again = site.next_request(slot(34)).unwrap();
    assert_eq!((again.from, again.until), (slot(4), slot(29)), "a quarter-hour later, from the start");
}

#[test]
fn a_gap_that_the_source_does_not_have_after_days_is_closed_as_not_at_source() {
    let site = site();
    (0..4).for_each(|number| site.sends(number));
    site.sends(6);
    let (mut now, mut asked) = (slot(7), 0);
    while let Some(request) = site.next_request(now) {
        site.coverage.requested(&request, now);
        asked += 1;
        now = now.saturating_add(4 * 96 * SLOT_NS);
    }
    assert_eq!((asked, site.states()), (6, vec![GapState::NotAtSource]));
    assert_eq!(site.coverage.summaries()["home"], Summary::default());
}

#[test]
fn a_meter_that_is_back_is_asked_about_at_once_and_once() {
    let site = site();
    (0..4).for_each(|number| site.sends(number));
    site.coverage.judge(slot(6));
    for wait in [0, 1, 5] {
        let now = slot(6 + wait);
        let request = site.next_request(now).unwrap();
        site.coverage.requested(&request, now);
    }
    assert_eq!(site.next_request(slot(12)), None);
    site.at(slot(12).saturating_add(1), true);
    let request = site.next_request(slot(13)).unwrap();
    site.coverage.requested(&request, slot(13));
    site.at(slot(13).saturating_add(1), true);
    assert_eq!(site.next_request(slot(14)), None);
}

#[test]
fn a_fetched_reading_closes_a_silence() {
    let site = site();
    let times: Vec<_> = (0..20).map(|number| slot(0).saturating_add(MINUTE_NS * number + 1)).collect();
    times.iter().for_each(|at| site.at(*at, false));
    site.at(times[19].saturating_add(60 * MINUTE_NS), false);
    let now = times[19].saturating_add(61 * MINUTE_NS);
    let request = site.next_request(now).unwrap();
    site.coverage.requested(&request, now);
    site.coverage.judge(now);
    assert_eq!(site.states(), [GapState::Open]);
    site.fetches(3);
    site.coverage.judge(now);
    assert_eq!(site.states(), [GapState::Repaired]);
}

#[test]
fn a_meter_that_is_gone_is_not_expected_for_ever() {
    let site = site();
    (0..4).for_each(|number| site.sends(number));
    (1..=41).for_each(|day| site.coverage.judge(slot(day * 96)));
    assert_eq!(site.states(), [GapState::Gone]);
    site.coverage.judge(slot(50 * 96));
    assert_eq!(site.open(), []);
}

#[test]
fn a_time_in_the_future_is_ignored() {
    let site = site();
    (0..4).for_each(|number| site.sends(number));
    let seen = SeenReading { meter: meter(1), at: slot(90), has_counter: true, is_repair: false };
    site.coverage.note("home", slot(4), [seen].into_iter());
    site.sends(4);
    assert_eq!(site.open(), []);
}

#[test]
fn an_unreadable_file_is_replaced_by_an_empty_one() {
    let site = site();
    (0..4).for_each(|number| site.sends(number));
    let site = site.again();
    std::fs::write(site.directory.path().join(FILE), b"{\"journal\"").unwrap();
    assert_eq!(Coverage::open(site.directory.path()).position(), None);
    assert!(read(site.directory.path()).unwrap_err().to_string().contains(FILE));
}

/// An event of the property test.
#[derive(Debug, Clone)]
enum Event {
    Sends(i64),
    SendsWithoutCounter(i64),
    Judge(i64),
    Again,
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        8 => (0_i64..60).prop_map(Event::Sends),
        1 => (0_i64..60).prop_map(Event::SendsWithoutCounter),
        2 => (0_i64..60).prop_map(Event::Judge),
        1 => Just(Event::Again),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    /// In any order, with restarts and repeats: a slot is missing if it was due and never
    /// arrived.
    #[test]
    fn a_slot_is_missing_if_it_was_due_and_did_not_arrive(events in proptest::collection::vec(event(), 0..60)) {
        let mut site = site();
        (-3..0).for_each(|number| site.sends(number));
        let (mut due, mut came) = (0, BTreeSet::new());
        for event in events {
            match event {
                Event::Sends(number) => {
                    site.sends(number);
                    due = due.max(number + 1);
                    came.insert(number);
                }
                Event::SendsWithoutCounter(number) => site.at(slot(number), false),
                Event::Judge(number) => {
                    site.coverage.judge(slot(number + 1));
                    due = due.max(number + 1);
                }
                Event::Again => site = site.again(),
            }
        }
        let missing: u64 = site.open().iter().map(|(_, _, missing)| missing).sum();
        let expected = (0..due).filter(|number| !came.contains(number)).count();
        prop_assert_eq!(missing, expected as u64);
        for (gap, missing) in site.coverage.gaps() {
            prop_assert_eq!(gap.is_open(), missing > 0, "{:?}", gap);
        }
        let stored = site.coverage.gaps();
        let site = site.again();
        prop_assert_eq!(site.coverage.gaps(), stored);
        prop_assert_eq!(site.coverage.position().unwrap().next, Sequence(7));
    }
}
