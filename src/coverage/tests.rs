//! Gaps as the users of coverage see them.

use super::*;
use crate::journal::{JournalId, Sequence};
use proptest::prelude::*;
use std::collections::BTreeSet;
use uuid::Uuid;

const START: i32 = 2_000_000;
const MINUTE_NS: i64 = 60_000_000_000;

fn meter(number: u128) -> MeterId {
    MeterId::from(Uuid::from_u128(number))
}

fn slot(number: i32) -> UnixNanos {
    Slot(START + number).time()
}

struct Fixture {
    coverage: Coverage,
    directory: tempfile::TempDir,
}

fn fixture() -> Fixture {
    let directory = tempfile::tempdir().unwrap();
    Fixture { coverage: Coverage::open(directory.path(), MEMORY_BYTES), directory }
}

impl Fixture {
    /// Notes a counter value at a quarter-hour, received in time.
    fn sends(&self, number: i32) {
        self.at(slot(number), true);
    }

    fn at(&self, at: UnixNanos, has_counter: bool) {
        let seen = SeenReading { meter: meter(1), at, has_counter, is_repair: false, is_row: false };
        self.coverage.note("home", at.saturating_add(MINUTE_NS), [seen].into_iter());
    }

    fn fetches(&self, number: i32) {
        let seen = SeenReading { meter: meter(1), at: slot(number), has_counter: true, is_repair: true, is_row: false };
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
        Self { coverage: Coverage::open(self.directory.path(), MEMORY_BYTES), directory: self.directory }
    }

    fn next_request(&self, now: UnixNanos) -> Option<RepairRequest> {
        self.coverage.next_request("home", now, 1000)
    }
}

#[test]
fn a_meter_on_the_grid_is_expected_at_every_quarter_hour() {
    let fixture = fixture();
    (0..4).for_each(|number| fixture.sends(number));
    fixture.sends(7);
    assert_eq!(fixture.open(), [(slot(4), slot(6), 3)]);
    assert_eq!(fixture.coverage.summaries()["home"], Summary { open: 1, slots: 3 });
}

#[test]
fn a_reading_is_missing_a_quarter_hour_later_also_while_nothing_arrives() {
    let fixture = fixture();
    (0..4).for_each(|number| fixture.sends(number));
    fixture.coverage.judge(slot(5).saturating_add(-1));
    assert_eq!(fixture.open(), []);
    fixture.coverage.judge(slot(5));
    assert_eq!(fixture.open(), [(slot(4), slot(4), 1)]);
    fixture.coverage.judge(slot(8));
    assert_eq!(fixture.open(), [(slot(4), slot(7), 4)], "the same gap, longer");
}

#[test]
fn a_complete_gap_closes_as_late_or_repaired() {
    let fixture = fixture();
    (0..4).for_each(|number| fixture.sends(number));
    fixture.sends(6);
    fixture.sends(9);
    fixture.sends(5);
    fixture.sends(4);
    fixture.fetches(8);
    assert_eq!(fixture.states(), [GapState::Late, GapState::Open]);
    fixture.fetches(7);
    assert_eq!(fixture.states(), [GapState::Late, GapState::Repaired]);
    let closed = fixture.coverage.take_closed();
    assert_eq!(closed, [("home".to_owned(), GapState::Late), ("home".to_owned(), GapState::Repaired)]);
    assert_eq!(fixture.coverage.take_closed(), []);
}

#[test]
fn a_meter_that_is_not_on_the_grid_is_missed_by_its_own_cadence() {
    let fixture = fixture();
    let times: Vec<_> = (0..20).map(|number| slot(0).saturating_add(7 * MINUTE_NS * number + 1)).collect();
    times.iter().for_each(|at| fixture.at(*at, false));
    let back = times[19].saturating_add(29 * MINUTE_NS);
    fixture.at(back, false);
    assert_eq!(fixture.open(), [(times[19], back, 0)]);
    assert_eq!(fixture.coverage.gaps()[0].0.extent, Extent::Silence { from: times[19], until: back });
}

#[test]
fn a_meter_that_sends_often_and_meets_quarter_hours_by_chance_is_not_on_the_grid() {
    let fixture = fixture();
    // Every 20 s, and at three quarter-hours of four.
    let times = (0..45 * 32).map(|number: i64| slot(0).saturating_add(20_000_000_000 * number));
    for (number, at) in times.enumerate().filter(|(number, _)| number % 180 != 135) {
        fixture.at(at, number % 45 == 0);
    }
    assert_eq!(fixture.open(), []);
    // One that is at each of them is on it.
    for number in 32..=41 {
        fixture.sends(number);
        (1..45).for_each(|part| fixture.at(slot(number).saturating_add(20_000_000_000 * part), false));
    }
    fixture.sends(43);
    assert_eq!(fixture.open(), [(slot(42), slot(42), 1)]);
}

#[test]
fn a_silence_that_is_usual_for_a_meter_is_no_gap() {
    let fixture = fixture();
    for number in 0..20 {
        fixture.at(slot(0).saturating_add(40 * MINUTE_NS * number + 1), false);
    }
    fixture.at(slot(0).saturating_add(40 * MINUTE_NS * 22 + 1), false);
    assert_eq!(fixture.open(), []);
}

#[test]
fn existing_values_are_never_requested_and_a_missing_counter_is() {
    let fixture = fixture();
    (0..4).for_each(|number| fixture.sends(number));
    fixture.at(slot(5), false);
    fixture.sends(7);
    let request = fixture.next_request(slot(8)).unwrap();
    assert_eq!((request.from, request.until), (slot(4), slot(6)));
    let missing_values = [3, 4, 5, 6, 7].map(|number| fixture.coverage.missing_values(&request, slot(number)));
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
        fixture.coverage.missing_values(&request, slot(4).saturating_add(1)),
        MissingValues::Nothing,
        "between the quarter-hours"
    );
}

#[test]
fn the_oldest_gap_is_asked_for_first_in_parts_and_again_later_while_something_is_missing() {
    let fixture = fixture();
    (0..4).for_each(|number| fixture.sends(number));
    fixture.sends(30);
    fixture.sends(32);
    let now = slot(33);
    let first = fixture.coverage.next_request("home", now, 20).unwrap();
    assert_eq!((first.from, first.until), (slot(4), slot(23)));
    fixture.coverage.requested(&first, now);
    let second = fixture.coverage.next_request("home", now, 20).unwrap();
    assert_eq!((second.from, second.until), (slot(24), slot(29)));
    fixture.coverage.requested(&second, now);
    let third = fixture.next_request(now).unwrap();
    assert_eq!((third.from, third.until), (slot(31), slot(31)), "the next gap");
    fixture.coverage.requested(&third, now);
    assert_eq!(fixture.next_request(now), None, "all of it was asked for");
    assert_eq!(fixture.coverage.next_request("elsewhere", slot(99), 20), None);
    let again = fixture.next_request(slot(34)).unwrap();
    assert_eq!((again.from, again.until), (slot(4), slot(29)), "a quarter-hour later, from the start");
}

#[test]
fn a_gap_that_the_source_does_not_have_after_days_is_closed_as_not_at_source() {
    let fixture = fixture();
    (0..4).for_each(|number| fixture.sends(number));
    fixture.sends(6);
    let (mut now, mut asked) = (slot(7), 0);
    while let Some(request) = fixture.next_request(now) {
        fixture.coverage.requested(&request, now);
        asked += 1;
        now = now.saturating_add(4 * 96 * SLOT_NS);
    }
    assert_eq!((asked, fixture.states()), (6, vec![GapState::NotAtSource]));
    assert_eq!(fixture.coverage.summaries()["home"], Summary::default());
}

#[test]
fn a_meter_that_is_back_is_asked_about_at_once_and_once() {
    let fixture = fixture();
    (0..4).for_each(|number| fixture.sends(number));
    fixture.coverage.judge(slot(6));
    for wait in [0, 1, 5] {
        let now = slot(6 + wait);
        let request = fixture.next_request(now).unwrap();
        fixture.coverage.requested(&request, now);
    }
    assert_eq!(fixture.next_request(slot(12)), None);
    fixture.at(slot(12).saturating_add(1), true);
    let request = fixture.next_request(slot(13)).unwrap();
    fixture.coverage.requested(&request, slot(13));
    fixture.at(slot(13).saturating_add(1), true);
    assert_eq!(fixture.next_request(slot(14)), None);
}

#[test]
fn a_fetched_reading_closes_a_silence() {
    let fixture = fixture();
    let times: Vec<_> = (0..20).map(|number| slot(0).saturating_add(MINUTE_NS * number + 1)).collect();
    times.iter().for_each(|at| fixture.at(*at, false));
    fixture.at(times[19].saturating_add(60 * MINUTE_NS), false);
    let now = times[19].saturating_add(61 * MINUTE_NS);
    let request = fixture.next_request(now).unwrap();
    fixture.coverage.requested(&request, now);
    fixture.coverage.judge(now);
    assert_eq!(fixture.states(), [GapState::Open]);
    fixture.fetches(3);
    fixture.coverage.judge(now);
    assert_eq!(fixture.states(), [GapState::Repaired]);
}

#[test]
fn a_meter_that_is_gone_is_not_expected_for_ever() {
    let fixture = fixture();
    (0..4).for_each(|number| fixture.sends(number));
    (1..=41).for_each(|day| fixture.coverage.judge(slot(day * 96)));
    assert_eq!(fixture.states(), [GapState::Gone]);
    fixture.coverage.judge(slot(50 * 96));
    assert_eq!(fixture.open(), []);
}

#[test]
fn a_time_in_the_future_is_ignored() {
    let fixture = fixture();
    (0..4).for_each(|number| fixture.sends(number));
    let seen = SeenReading { meter: meter(1), at: slot(90), has_counter: true, is_repair: false, is_row: false };
    fixture.coverage.note("home", slot(4), [seen].into_iter());
    fixture.sends(4);
    assert_eq!(fixture.open(), []);
}

#[test]
fn an_unreadable_file_is_replaced_by_an_empty_one() {
    let fixture = fixture();
    (0..4).for_each(|number| fixture.sends(number));
    let fixture = fixture.again();
    let file = fixture.directory.path().join(FILE);
    let mut bytes = std::fs::read(&file).unwrap();
    bytes[40] ^= 1;
    std::fs::write(&file, bytes).unwrap();
    assert_eq!(Coverage::open(fixture.directory.path(), MEMORY_BYTES).position(), None);
    assert!(read(fixture.directory.path()).unwrap_err().to_string().contains(FILE));
}

#[test]
fn meters_beyond_the_memory_are_counted_and_replace_none() {
    let directory = tempfile::tempdir().unwrap();
    let fixture = Fixture { coverage: Coverage::open(directory.path(), 2 << 20), directory };
    let meters_max = fixture.coverage.overview().meters_max;
    let all = || (1..=meters_max as u128 + 10).map(meter);
    let seen =
        |number, meter| SeenReading { meter, at: slot(number), has_counter: true, is_repair: false, is_row: false };
    for number in 0..4 {
        fixture.coverage.note("home", slot(number), all().map(|meter| seen(number, meter)));
    }
    // All but the first send on.
    fixture.coverage.note("home", slot(5), all().skip(1).map(|meter| seen(5, meter)));
    fixture.coverage.publish();
    let overview = fixture.coverage.overview();
    assert_eq!((overview.meters, overview.untracked), (meters_max, 5 * 10));
    assert_eq!(fixture.coverage.newest_measurement(meter(1)), Some(slot(3)), "the one heard least recently stays");
    assert_eq!(fixture.coverage.newest_measurement(meter(meters_max as u128 + 1)), None);
    assert!(!fixture.states().contains(&GapState::Late));
    assert_eq!(fixture.coverage.gaps().len(), GAPS_MAX);
    let fixture = fixture.again();
    assert_eq!(fixture.coverage.overview().meters, meters_max);
    let smaller = Coverage::open(fixture.directory.path(), 1 << 20);
    assert_eq!(smaller.overview().meters, meters_within(1 << 20));
}

#[test]
fn the_meters_never_take_more_than_their_memory() {
    for memory_bytes in [1 << 20, MEMORY_BYTES] {
        let seen = |number| SeenReading {
            meter: meter(number),
            at: slot(0),
            has_counter: true,
            is_repair: false,
            is_row: false,
        };
        let meters_max = meters_within(memory_bytes);
        let taken = allocation_counter::measure(|| {
            let mut known = GapTracker { meters_max, ..GapTracker::default() };
            let source = known.sources.index_of("home");
            (1..=meters_max as u128 + 10).for_each(|number| known.note(source, seen(number), slot(0)));
            assert_eq!(known.meters.len(), meters_max);
        });
        assert!(taken.bytes_max <= memory_bytes, "{meters_max} meters: {taken:?}");
    }
    assert!(meters_within(MEMORY_BYTES) >= 100_000);
}

#[test]
fn with_too_many_gaps_the_oldest_closed_one_goes_first_and_then_the_oldest() {
    let fixture = fixture();
    let seen =
        |number, meter| SeenReading { meter, at: slot(number), has_counter: true, is_repair: false, is_row: false };
    let meters = || (1..=GAPS_MAX as u128).map(meter);
    for number in [0, 1, 2, 5] {
        fixture.coverage.note("home", slot(number), meters().map(|meter| seen(number, meter)));
    }
    // One is complete, and another meter misses some.
    fixture.coverage.note("home", slot(5), [3, 4].map(|number| seen(number, meter(7))).into_iter());
    let next = |number| fixture.coverage.note("home", slot(number), [seen(number, meter(7))].into_iter());
    next(8);
    let ids = || fixture.coverage.gaps().iter().map(|(gap, _)| gap.id.0).collect::<BTreeSet<_>>();
    assert_eq!((ids().len(), ids().contains(&6), ids().contains(&0)), (GAPS_MAX, false, true));
    next(11);
    assert_eq!((ids().len(), ids().contains(&0)), (GAPS_MAX, false));
    let closed = fixture.coverage.take_closed();
    assert_eq!(closed, [("home".to_owned(), GapState::Late), ("home".to_owned(), GapState::Gone)]);
    fixture.coverage.note("home", slot(12), [seen(3, meter(1))].into_iter());
    assert_eq!(fixture.coverage.take_closed(), [], "nothing of a dropped gap is expected any more");
}

#[test]
fn a_meter_that_misses_every_other_reading_has_a_bounded_number_of_gaps() {
    let fixture = fixture();
    (0..3).for_each(|number| fixture.sends(number));
    (2..170).for_each(|number| fixture.sends(2 * number));
    let open = fixture.open();
    assert_eq!(open.len(), 100);
    assert!(open.iter().all(|(.., missing)| *missing == 1));
    assert_eq!(open.last().unwrap().0, slot(337));
}

#[test]
fn records_that_were_not_seen_make_no_gap() {
    let fixture = fixture();
    (0..4).for_each(|number| fixture.sends(number));
    fixture.coverage.skip_to(slot(50));
    fixture.coverage.judge(slot(50));
    fixture.sends(51);
    fixture.sends(53);
    assert_eq!(fixture.open(), [(slot(52), slot(52), 1)]);
}

#[test]
fn a_frequent_meter_is_not_on_the_grid_by_a_chance_after_records_that_were_not_seen() {
    let fixture = fixture();
    let send = |second: i64| {
        fixture.at(slot(0).saturating_add(second * 1_000_000_000), [0, 900, 2700].contains(&second));
    };
    // Its counter is at two quarter-hours in a row; the next half an hour is not seen; then at one more.
    (0..=900).step_by(20).for_each(send);
    fixture.coverage.skip_to(slot(2));
    (2640..12 * 900).step_by(20).for_each(send);
    fixture.coverage.judge(slot(20));
    assert_eq!(fixture.open(), []);
}

#[test]
fn the_first_readings_of_a_frequent_meter_do_not_put_it_on_the_grid_by_chance() {
    let fixture = fixture();
    // Every 225 s; its counter is at three quarter-hours in a row, and at none later.
    for number in 0..12 * 4 {
        fixture.at(slot(0).saturating_add(225_000_000_000 * number), [0, 4, 8].contains(&number));
    }
    fixture.coverage.judge(slot(20));
    assert_eq!(fixture.open(), []);
}

#[test]
fn a_meter_is_silent_by_its_own_interval_and_not_before_that_is_known() {
    const HOUR: i64 = 60 * MINUTE_NS;
    let fixture = fixture();
    // Its midnight is UTC, so the meter that sends by day is heard on no midnight.
    let start = slot(64);
    let send = |number, minutes: i64, has_counter| {
        let at = start.saturating_add(minutes * MINUTE_NS);
        let seen = SeenReading { meter: meter(number), at, has_counter, is_repair: false, is_row: false };
        fixture.coverage.note("home", at, [seen].into_iter());
    };
    let days = 5 * 24 * 60;
    for minute in 0..=days {
        let by_day = (6 * 60..18 * 60).contains(&(minute % (24 * 60)));
        let sends = [minute % 15 == 0, minute % 60 == 7, by_day && minute % 11 == 3, true, minute > days - 30];
        (1..).zip(sends).filter(|(_, sends)| *sends).for_each(|(number, _)| send(number, minute, number == 1));
    }
    let silent = |fixture: &Fixture, hours: i64| {
        let end = start.saturating_add(days * MINUTE_NS);
        fixture.coverage.judge(end.saturating_add(hours * (HOUR + MINUTE_NS)));
        let silent = fixture.coverage.silent();
        assert!(silent.iter().all(|of_source| of_source.count == of_source.longest.len()));
        let longest = silent.iter().flat_map(|of_source| &of_source.longest);
        let mut numbers: Vec<_> = longest.map(|silent| silent.meter.uuid().as_u128()).collect();
        numbers.sort_unstable();
        numbers
    };
    assert_eq!(silent(&fixture, 0), [0_u128; 0]);
    assert_eq!(silent(&fixture, 1), [1, 4], "the quarter-hourly one and the one of every minute");
    assert_eq!(silent(&fixture, 3), [1, 2, 4], "and the hourly one");
    assert_eq!(silent(&fixture, 12), [1, 2, 4], "the one that sends by day is silent every night");
    assert_eq!(silent(&fixture, 48), [1, 2, 3, 4], "the new one is not known yet");
    let fixture = fixture.again();
    assert_eq!(silent(&fixture, 48), [0_u128; 0], "the time without the service does not count");
    assert_eq!(silent(&fixture, 50), [1, 4]);
}

#[test]
fn of_many_silent_meters_those_silent_for_longest_are_named_and_all_are_counted() {
    let fixture = fixture();
    let meters = 3 * SILENT_SHOWN_MAX as u128;
    let seen =
        |number, meter| SeenReading { meter, at: slot(number), has_counter: true, is_repair: false, is_row: false };
    for number in 0..5 {
        fixture.coverage.note("home", slot(number), (1..=meters).map(|id| seen(number, meter(id))));
    }
    fixture.coverage.note("home", slot(5), (3..=meters).map(|id| seen(5, meter(id))));
    for number in 0..5 {
        fixture.coverage.note("other", slot(number), [seen(number, meter(meters + 1))].into_iter());
    }
    fixture.coverage.judge(slot(6));
    fixture.coverage.judge(slot(50));
    let silent = fixture.coverage.silent();
    let [silent, other] = &silent[..] else { panic!("{silent:?}") };
    assert_eq!((other.source.as_str(), other.count, other.longest.len()), ("other", 1, 1), "no source hides another");
    assert_eq!((silent.count, silent.longest.len()), (3 * SILENT_SHOWN_MAX, SILENT_SHOWN_MAX));
    assert_eq!(silent.longest[..2].iter().map(|it| it.meter).collect::<Vec<_>>(), [meter(1), meter(2)]);
    assert_eq!((silent.longest[0].heard, silent.longest[2].heard), (slot(4), slot(5)));
    assert_eq!(silent.source, "home");
    assert_eq!((silent.meters, other.meters), (3 * SILENT_SHOWN_MAX, 1));
    fixture.coverage.note("home", slot(50), (1..=meters).map(|id| seen(50, meter(id))));
    fixture.coverage.judge(slot(51));
    let silent = &fixture.coverage.silent()[0];
    assert_eq!((silent.source.as_str(), silent.count, silent.meters), ("home", 0, 3 * SILENT_SHOWN_MAX));
}

#[test]
fn the_overview_waits_for_no_lock() {
    let fixture = fixture();
    (0..4).for_each(|number| fixture.sends(number));
    fixture.sends(6);
    fixture.coverage.publish();
    let _noting = fixture.coverage.0.state.lock();
    let (coverage, (sender, receiver)) = (fixture.coverage.clone(), std::sync::mpsc::channel());
    std::thread::spawn(move || sender.send(coverage.overview()).ok());
    let overview = receiver.recv_timeout(std::time::Duration::from_secs(10)).unwrap();
    assert_eq!((overview.open, overview.quarter_hours, overview.newest.len(), overview.meters), (1, 2, 1, 1));
}

/// An event of the property test.
#[derive(Debug, Clone)]
enum Event {
    Sends(i32),
    SendsWithoutCounter(i32),
    Judge(i32),
    Again,
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        8 => (0_i32..60).prop_map(Event::Sends),
        1 => (0_i32..60).prop_map(Event::SendsWithoutCounter),
        2 => (0_i32..60).prop_map(Event::Judge),
        1 => Just(Event::Again),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, ..ProptestConfig::default() })]

    /// In any order, with restarts and repeats: a slot is missing if it was due and never
    /// arrived.
    #[test]
    fn a_slot_is_missing_if_it_was_due_and_did_not_arrive(events in proptest::collection::vec(event(), 0..60)) {
        let mut fixture = fixture();
        (-3..0).for_each(|number| fixture.sends(number));
        let (mut due, mut came) = (0, BTreeSet::new());
        for event in events {
            match event {
                Event::Sends(number) => {
                    fixture.sends(number);
                    due = due.max(number + 1);
                    came.insert(number);
                }
                Event::SendsWithoutCounter(number) => fixture.at(slot(number), false),
                Event::Judge(number) => {
                    fixture.coverage.judge(slot(number + 1));
                    due = due.max(number + 1);
                }
                Event::Again => fixture = fixture.again(),
            }
        }
        let missing: u64 = fixture.open().iter().map(|(_, _, missing)| missing).sum();
        let expected = (0..due).filter(|number| !came.contains(number)).count();
        prop_assert_eq!(missing, expected as u64);
        for (gap, missing) in fixture.coverage.gaps() {
            prop_assert_eq!(gap.is_open(), missing > 0, "{:?}", gap);
        }
        let stored = fixture.coverage.gaps();
        let fixture = fixture.again();
        prop_assert_eq!(fixture.coverage.gaps(), stored);
        prop_assert_eq!(fixture.coverage.position().unwrap().next, Sequence(7));
    }
}

#[test]
fn rows_beside_a_meters_own_readings_do_not_hide_a_gap() {
    let fixture = fixture();
    let minute = |minutes: i64| UnixNanos(slot(0).0 + minutes * 60_000_000_000);
    let seen = |minutes, is_row| SeenReading {
        meter: meter(1),
        at: minute(minutes),
        has_counter: false,
        is_repair: false,
        is_row,
    };
    let note = |source: &str, seen: SeenReading| fixture.coverage.note(source, seen.at, [seen].into_iter());
    for minutes in 0..20 {
        note("mqtt", seen(minutes, false));
    }
    for minutes in (20..200).step_by(5) {
        note("rest", seen(minutes, true));
    }
    assert_eq!(fixture.coverage.gaps(), []);
    note("mqtt", seen(201, false));
    let gap = fixture.coverage.gaps().remove(0).0;
    assert_eq!((gap.extent.from(), gap.extent.until(), gap.source.as_str()), (minute(19), minute(201), "mqtt"));
    let request = |is_wanted: bool| fixture.coverage.next_request_of(|_| is_wanted, minute(201), 100);
    assert_eq!((request(true).map(|it| it.gap), request(false)), (Some(gap.id), None));
    // A fetched row closes it, whichever source fetched it.
    note("rest", SeenReading { is_repair: true, ..seen(100, true) });
    fixture.coverage.judge(minute(202));
    assert_eq!(fixture.coverage.gaps()[0].0.state, GapState::Repaired);
}

#[test]
fn rows_of_the_only_source_are_expected_and_fetched_past_ones_are_not() {
    let fixture = fixture();
    let minute = |minutes: i64| UnixNanos(slot(0).0 + minutes * 60_000_000_000);
    let row = |minutes, is_repair| {
        let (at, is_row) = (minute(minutes), true);
        fixture.coverage.note(
            "rest",
            at,
            [SeenReading { meter: meter(1), at, has_counter: false, is_repair, is_row }].into_iter(),
        );
    };
    (0..400).step_by(60).for_each(|minutes| row(minutes, true));
    assert_eq!(fixture.coverage.newest_measurement(meter(1)), None, "the past makes no expectation");
    (400..500).step_by(5).for_each(|minutes| row(minutes, false));
    row(600, false);
    assert_eq!(fixture.coverage.gaps().len(), 1);
}
