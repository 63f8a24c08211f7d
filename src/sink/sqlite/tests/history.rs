//! Any history of new, late and changed samples, replays and kills, with and without retention, against a plain map.

use super::*;
use crate::deliver::Delivery;
use crate::journal::JournalId;
use crate::reading::Limits;
use crate::wire::PayloadFormat;
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use tempfile::TempDir;

/// Meter and second.
type Key = (u8, i64);
/// First, last, lowest, highest, sum, count.
type Quarter = (f64, f64, f64, f64, f64, i64);

const QUARTER_HOUR: i64 = 900;

/// An event of a store.
#[derive(Debug, Clone)]
enum Event {
    /// Samples are stored: meter, seconds before now (late if they are many), value.
    Samples(Vec<(u8, i64, u8)>),
    /// The stored one of the samples so far with this number, if it was not deleted, is changed.
    Change(usize, u8),
    /// Steps on the tables.
    Steps(usize),
    /// The service is killed and started again.
    Kill,
    /// The records from this part of all of them on come again.
    Replay(f64),
    /// The directory of the journal is copied. Later records have another journal's id.
    Copy,
}

fn any_event() -> impl Strategy<Value = Event> {
    let before = prop_oneof![8 => 0..100_i64, 1 => 0..9_000_i64];
    prop_oneof![
        6 => prop::collection::vec((1..4_u8, before, any::<u8>()), 1..9).prop_map(Event::Samples),
        1 => (any::<usize>(), any::<u8>()).prop_map(|(number, value)| Event::Change(number, value)),
        2 => (0..8_usize).prop_map(Event::Steps),
        1 => Just(Event::Kill),
        1 => (0.0..1.0).prop_map(Event::Replay),
        1 => Just(Event::Copy),
    ]
}

/// A sink, all that it was sent, and what must be in it.
struct History {
    feed: Feed,
    retention: Retention,
    /// The present files; a kill moves to a copy of them.
    directory: TempDir,
    sink: Sqlite,
    reader: Connection,
    /// The first record that the sink has not got.
    next: Sequence,
    /// From this record on the journal has another id, because its directory was copied.
    copied_at: Sequence,
    now: i64,
    model: BTreeMap<Key, f64>,
    keys: Vec<Key>,
    /// The states that were seen on the way.
    seen: BTreeSet<&'static str>,
}

impl History {
    fn new(retention: Retention) -> Self {
        let (feed, directory) = (Feed::new(), tempfile::tempdir().unwrap());
        let mut sink = open(directory.path(), &feed, retention);
        sink.rewind(feed.journal.position(Sequence::FIRST)).unwrap();
        let (model, keys, seen) = (BTreeMap::new(), Vec::new(), BTreeSet::new());
        let reader = Connection::open(store_in(directory.path())).unwrap();
        let (next, copied_at) = (Sequence::FIRST, Sequence(u64::MAX));
        Self { feed, retention, directory, sink, reader, next, copied_at, now: -40_000, model, keys, seen }
    }

    fn happen(&mut self, event: &Event) {
        match event {
            Event::Samples(samples) => {
                self.now += 60;
                let mut readings = Vec::new();
                for &(meter, before, value) in samples {
                    // A time that no sample had: a deleted one cannot be changed.
                    let key = (0..).map(|more| (meter, self.now - before - more));
                    let key = key.into_iter().find(|key| !self.model.contains_key(key)).unwrap();
                    readings.push((key, f64::from(value)));
                    self.model.insert(key, f64::from(value));
                    self.keys.push(key);
                }
                self.store(&readings);
            }
            Event::Change(number, value) => {
                let Some(key) = number.checked_rem(self.keys.len()).map(|number| self.keys[number]) else { return };
                if samples(&self.reader).contains_key(&key) {
                    self.see("a sample is changed");
                    self.model.insert(key, f64::from(*value));
                    self.store(&[(key, f64::from(*value))]);
                }
            }
            Event::Steps(number) => {
                for _ in 0..*number {
                    self.step();
                }
            }
            Event::Kill => {
                self.kill();
                self.deliver();
            }
            #[expect(
                clippy::cast_precision_loss,
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "few"
            )]
            Event::Replay(part) => {
                let from = Sequence(1 + ((self.next.0 - 1) as f64 * part) as u64);
                self.sink.rewind(self.feed.journal.position(from)).unwrap();
                self.next = from;
                self.see("a replay");
                // Killed on the way.
                if from.0.is_multiple_of(2) {
                    self.deliver_one();
                    self.kill();
                }
                self.deliver();
            }
            Event::Copy => self.copied_at = self.copied_at.min(self.next),
        }
        self.check();
    }

    fn store(&mut self, readings: &[(Key, f64)]) {
        let readings = readings.iter().map(|&((meter, second), value)| reading(meter, second, value));
        self.feed.append(&Body::new(0, readings.collect()));
        self.deliver();
    }

    fn deliver(&mut self) {
        while self.next < self.feed.journal.next() {
            self.deliver_one();
        }
    }

    /// Commits a record, and does a step on the tables.
    fn deliver_one(&mut self) {
        let mut reader = self.feed.journal.reader(self.next).unwrap();
        let mut record = reader.read().unwrap().unwrap();
        if record.sequence >= self.copied_at {
            record.journal = JournalId(Uuid::from_u128(7));
        }
        let (limits, format, judged_at) = (&Limits::DEFAULT, PayloadFormat::SmartMe, record.header.received);
        self.next = record.sequence.next();
        self.sink.take(&Delivery { record, source: "acme", limits, judged_at, format }).unwrap();
        self.sink.settle(true).unwrap();
    }

    /// Does a step on the tables. Nothing that is visible changes, but between the samples and their quarter-hours.
    fn step(&mut self) -> bool {
        let may_follow = self.sink.settle(true).unwrap().wake_at.is_some();
        self.check();
        may_follow
    }

    /// The store goes on with the files as a kill leaves them.
    fn kill(&mut self) {
        let directory = tempfile::tempdir().unwrap();
        for suffix in ["", "-wal"] {
            let named = |directory: &Path| crate::base::file::with_suffix(&store_in(directory), suffix);
            std::fs::copy(named(self.directory.path()), named(directory.path())).unwrap();
        }
        self.sink = open(directory.path(), &self.feed, self.retention);
        self.next = self.sink.stored_position().unwrap().unwrap().next;
        self.reader = Connection::open(store_in(directory.path())).unwrap();
        self.directory = directory;
        self.see("a kill");
    }

    /// Every sample that was sent is once in the samples, with its last value, or once in its quarter-hour.
    fn check(&mut self) {
        let stored = samples(&self.reader);
        for (key, value) in &stored {
            assert_eq!(Some(value), self.model.get(key), "{key:?}");
        }
        let mut expected = BTreeMap::<_, Quarter>::new();
        for (&(meter, second), &value) in self.model.iter().filter(|(key, _)| !stored.contains_key(key)) {
            let begin = (NOW_NS / 1_000_000_000 + second).div_euclid(QUARTER_HOUR) * QUARTER_HOUR;
            let add = |quarter: &mut Quarter| {
                let (first, _, lowest, highest, sum, count) = *quarter;
                *quarter = (first, value, lowest.min(value), highest.max(value), sum + value, count + 1);
            };
            let one = (value, value, value, value, value, 1);
            expected.entry((meter, begin)).and_modify(add).or_insert(one);
        }
        assert_eq!(quarters(&self.reader), expected);
        self.look_at_tables();
    }

    fn look_at_tables(&mut self) {
        let states = [
            ("a table is joined", "EXISTS (SELECT 1 FROM joining)"),
            ("samples were joined twice", "EXISTS (SELECT 1 FROM periods WHERE joins > 1)"),
            ("a table is not used", "EXISTS (SELECT 1 FROM unused)"),
            ("some samples of a period are in quarter-hours", "EXISTS (SELECT 1 FROM expiring WHERE meter > 0)"),
            ("all samples of a period are in quarter-hours", "EXISTS (SELECT 1 FROM rolled_up WHERE next > 1)"),
            ("quarter-hours", "EXISTS (SELECT 1 FROM rollups)"),
        ];
        let sql = states.map(|(_, sql)| sql).join(", ");
        let found = rows_of(&self.reader, &format!("SELECT {sql}"));
        states.iter().zip(&found[0]).filter(|(_, is)| *is == "1").for_each(|((state, _), _)| self.see(state));
    }

    fn see(&mut self, what: &'static str) {
        self.seen.insert(what);
    }

    /// Does all steps.
    fn end(&mut self) {
        while self.step() {}
    }
}

fn store_in(directory: &Path) -> PathBuf {
    directory.join("store.sqlite")
}

fn open(directory: &Path, feed: &Feed, retention: Retention) -> Sqlite {
    Sqlite::new("sqlite", store_in(directory), feed.clock.clone()).keeping(retention)
}

/// The samples, each once.
fn samples(store: &Connection) -> BTreeMap<Key, f64> {
    let stored = rows_of(store, "SELECT substr(meter, 1, 2), ts, value FROM samples");
    let number = stored.len();
    let row = |row: Vec<String>| {
        let second = (row[1].parse::<i64>().unwrap() - NOW_NS) / 1_000_000_000;
        ((u8::from_str_radix(&row[0], 16).unwrap(), second), row[2].parse().unwrap())
    };
    let stored: BTreeMap<_, _> = stored.into_iter().map(row).collect();
    assert_eq!(stored.len(), number, "a sample is there twice");
    stored
}

/// The quarter-hours by meter and begin in seconds.
fn quarters(store: &Connection) -> BTreeMap<(u8, i64), Quarter> {
    let sql = "SELECT substr(meter, 1, 2), ts / 1000000000, first, last, value_min, value_max, value_sum, value_count
               FROM quarter_hours";
    let row = |row: Vec<String>| {
        let value = |column: usize| row[column].parse::<f64>().unwrap();
        let quarter = (value(2), value(3), value(4), value(5), value(6), row[7].parse().unwrap());
        ((u8::from_str_radix(&row[0], 16).unwrap(), row[1].parse().unwrap()), quarter)
    };
    rows_of(store, sql).into_iter().map(row).collect()
}

/// Periods are at most seven minutes long.
fn an_hour_with_quarter_hours() -> Retention {
    Retention { age: Some(Duration::from_hours(1)), size: None, rollups: Some(Duration::from_hours(1000)) }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(3))]

    #[test]
    fn any_history_leaves_each_sample_once_with_its_last_value(events in prop::collection::vec(any_event(), 1..60)) {
        let mut history = History::new(Retention::default());
        events.iter().for_each(|event| history.happen(event));
        history.end();
    }

    #[test]
    fn any_history_leaves_each_sample_in_the_store_or_in_its_quarter_hour(
        events in prop::collection::vec(any_event(), 60..90),
    ) {
        let mut history = History::new(an_hour_with_quarter_hours());
        events.iter().for_each(|event| history.happen(event));
        history.end();
    }
}

#[test]
fn the_histories_that_are_checked_have_every_state_of_the_tables() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;

    let mut runner = TestRunner::deterministic();
    let events = prop::collection::vec(any_event(), 180).new_tree(&mut runner).unwrap().current();
    let seen = |retention| {
        let mut history = History::new(retention);
        events.iter().for_each(|event| history.happen(event));
        history.end();
        history.seen
    };
    let all = ["a kill", "a replay", "a sample is changed", "a table is joined", "a table is not used"];
    let without = seen(Retention::default());
    assert!(
        all.iter().all(|what| without.contains(what)) && without.contains("samples were joined twice"),
        "{without:?}"
    );
    let with = seen(an_hour_with_quarter_hours());
    let moved = ["some samples of a period are in quarter-hours", "all samples of a period are in quarter-hours"];
    assert!(all[..3].iter().chain(&moved).all(|what| with.contains(what)), "{with:?}");
}

#[test]
fn a_replay_while_samples_are_moved_to_quarter_hours_changes_nothing() {
    // With some of the late samples moved, and with all.
    [(0, false), (2, false), (2, true)].into_iter().for_each(replay_after_late_samples);
}

/// Replays the journal this number of steps after the first late samples were moved; where its directory was copied,
/// the records before have another id.
fn replay_after_late_samples((steps, is_copied): (usize, bool)) {
    let mut history = History::new(an_hour_with_quarter_hours());
    let start = history.now + 60;
    let minute = || Event::Samples(vec![(1, 0, 1), (2, 0, 2), (3, 0, 3)]);
    (0..5).for_each(|_| history.happen(&minute()));
    // Of the meter that is moved last.
    history.happen(&Event::Change(2, 9));
    let is_between =
        |history: &History| rows_of(&history.reader, "SELECT count(*) FROM expiring WHERE meter = 2") == [["1"]];
    while !is_between(&history) {
        history.happen(&minute());
    }
    if is_copied {
        history.happen(&Event::Copy);
    }
    // Late, and more than a step moves.
    let late = (1..=8).map(|second| (1, history.now + 60 - start - second, 7)).collect();
    history.happen(&Event::Samples(late));
    while rows_of(&history.reader, "SELECT count(*) = 8 FROM samples WHERE value = 7") == [["1"]] {
        history.step();
    }
    for _ in 0..steps {
        history.step();
    }
    history.sink.rewind(history.feed.journal.position(Sequence::FIRST)).unwrap();
    history.next = Sequence::FIRST;
    while history.next < history.feed.journal.next() {
        history.deliver_one();
        // The changed sample has its first value again.
        for _ in 0..5 {
            history.sink.settle(true).unwrap();
        }
    }
    history.check();
    history.end();
}

#[test]
fn a_late_sample_of_a_new_journal_beside_an_old_store_counts() {
    let mut history = History::new(an_hour_with_quarter_hours());
    while !history.seen.contains("all samples of a period are in quarter-hours") {
        history.happen(&Event::Samples(vec![(1, 0, 1)]));
    }
    // Its records have the numbers of the old ones.
    history.feed = Feed::new();
    history.next = Sequence::FIRST;
    history.sink.rewind(history.feed.journal.position(Sequence::FIRST)).unwrap();
    history.happen(&Event::Samples(vec![(1, 5_000, 2)]));
    history.end();
}

#[test]
fn the_newest_value_and_the_gaps_are_right_while_a_late_sample_is_older_than_quarter_hours() {
    const DAY: i64 = 86_400;
    let mut history = History::new(an_hour_with_quarter_hours());
    history.happen(&Event::Samples(vec![(2, 10 * DAY, 5), (2, 4 * DAY, 6)]));
    let counted = |history: &History, rows: &str| rows_of(&history.reader, &format!("SELECT count(*) FROM {rows}"));
    while counted(&history, "quarter_hours WHERE meter LIKE '02%'") != [["2"]] {
        history.happen(&Event::Samples(vec![(1, 0, 1)]));
    }
    history.end();
    history.happen(&Event::Samples(vec![(2, 7 * DAY, 9)]));
    assert_eq!(counted(&history, "samples WHERE meter LIKE '02%'"), [["1"]]);
    assert_eq!(rows_of(&history.reader, "SELECT value FROM newest WHERE meter LIKE '02%'"), [["6"]]);
    let gaps = "SELECT DISTINCT start_utc, end_utc FROM gaps WHERE meter LIKE '02%' AND end_utc IS NOT NULL ORDER BY 1";
    let gaps = rows_of(&history.reader, gaps);
    assert!(gaps.len() == 2 && gaps[0][1] == gaps[1][0], "{gaps:?}");
}
