//! The inlet on a real journal.

use super::*;
use crate::dead_letters::DeadLetters;
use crate::ingest::{Ingest, SourceOptions};
use crate::journal::{Journal, Options, Sequence};
use crate::reading::{Flags, MeterId, Obis, Sample, UnixNanos};
use crate::source::description::Reporter;
use crate::source::inlet::{Decoded, METERS_MAX, Thinning};
use crate::vendor::Reading;
use crate::wire::batch::Original;
use crate::wire::{self, PayloadFormat};
use tempfile::TempDir;
use uuid::Uuid;

const MINUTE: Duration = Duration::from_mins(1);
const SECOND_NS: i64 = 1_000_000_000;
const LETTER: &[u8] = b"{\"as\": \"it came\"}";

struct Fixture {
    inlet: Inlet,
    journal: Journal,
    clock: Clock,
    metrics: PrometheusHandle,
    /// A whole minute.
    now: UnixNanos,
    _directory: TempDir,
}

fn fixture(keep: Keep) -> Fixture {
    let directory = tempfile::tempdir().unwrap();
    let clock = Clock::system();
    let (journal, _) = Journal::open(Options::new(directory.path().join("journal"))).unwrap();
    let letters = DeadLetters::open(directory.path().join("letters"), clock.clone()).unwrap();
    let ingest = Ingest::new(journal.clone(), Some(letters), clock.clone());
    let entrance = ingest.source("a", SourceOptions::default()).unwrap();
    let (inlet, metrics) = measured(|| Inlet::new("a", "played", entrance, keep));
    let now = UnixNanos(clock.now().0 / (60 * SECOND_NS) * 60 * SECOND_NS);
    Fixture { inlet, journal, clock, metrics, now, _directory: directory }
}

fn meter(number: usize) -> MeterId {
    MeterId::from(Uuid::from_u128((number as u128 + 1) << 64))
}

impl Fixture {
    fn reading(&self, number: usize, second: i64) -> Reading {
        let samples = vec![Sample { obis: Obis([1, 0, 1, 8, 0, 255]), value: 1.0 }];
        Reading { meter: meter(number), at: self.now.saturating_add(second * SECOND_NS), flags: Flags::NONE, samples }
    }

    /// Journals the wanted readings, as a source does.
    async fn offer(&mut self, readings: Vec<Reading>) -> Result<(), SourceError> {
        let wanted: Vec<_> = readings.into_iter().filter(|it| self.inlet.admits(it.meter, it.at)).collect();
        let original = Original { bytes: LETTER, origin: "/devices", ..Original::default() };
        self.inlet.take(&wanted, &original).await
    }

    /// The records of the journal: their readings' seconds, and whether they hold the message.
    fn records(&self) -> Vec<(Vec<i64>, bool)> {
        let mut records = Vec::new();
        let mut reader = self.journal.reader(Sequence::FIRST).unwrap();
        while let Some(record) = reader.read().unwrap() {
            let readings = wire::readings(PayloadFormat::ReadingBatch, record.payload).unwrap();
            let seconds = readings.map(|reading| reading.at.unwrap().since(self.now) / SECOND_NS).collect();
            let has_letter = record.payload.windows(LETTER.len()).any(|bytes| bytes == LETTER);
            records.push((seconds, has_letter));
        }
        records
    }

    fn seconds(&self) -> Vec<i64> {
        self.records().into_iter().flat_map(|(seconds, _)| seconds).collect()
    }

    fn assert_left_out(&self, reason: &str, count: usize) {
        let labels = format!(r#"{{source="a",kind="played",reason="{reason}"}}"#);
        assert_has_line(&self.metrics, &format!("meterline_source_readings_left_out_total{labels} {count}"));
    }
}

#[tokio::test]
async fn a_reading_of_the_same_meter_and_time_is_journaled_once_and_its_repeats_are_counted() {
    let mut fixture = fixture(Keep::All);
    for _ in 0..3 {
        fixture.offer(vec![fixture.reading(1, 0), fixture.reading(2, 0)]).await.unwrap();
    }
    fixture.offer(vec![fixture.reading(1, 10), fixture.reading(2, 0)]).await.unwrap();
    assert_eq!(fixture.records(), [(vec![0, 0], true), (vec![10], true)]);
    fixture.assert_left_out("repeated", 5);
    assert_has_line(&fixture.metrics, r#"meterline_source_readings_total{source="a",kind="played"} 3"#);
}

#[tokio::test]
async fn of_a_fast_meter_the_first_reading_of_each_interval_is_journaled() {
    let mut fixture = fixture(Keep::FirstOfEach(MINUTE));
    for second in [5, 15, 59, 59, 5, 60, 61, 180] {
        fixture.offer(vec![fixture.reading(1, second)]).await.unwrap();
    }
    // Another meter.
    fixture.offer(vec![fixture.reading(2, 20)]).await.unwrap();
    assert_eq!(fixture.seconds(), [5, 60, 180, 20]);
    fixture.assert_left_out("thinned", 3);
    fixture.assert_left_out("repeated", 2);
}

#[tokio::test]
async fn a_reading_that_ingest_refuses_is_an_error_and_is_taken_the_next_time() {
    let mut fixture = fixture(Keep::FirstOfEach(MINUTE));
    // A clock that is not set can judge no times.
    fixture.clock.set_offset(-fixture.now.0);
    let error = fixture.offer(vec![fixture.reading(1, 0)]).await.unwrap_err();
    assert!(matches!(&error, SourceError::Failing(why) if why.contains("clock is not set")), "{error}");
    fixture.clock.set_offset(0);
    for _ in 0..2 {
        fixture.offer(vec![fixture.reading(1, 0)]).await.unwrap();
    }
    assert_eq!(fixture.seconds(), [0]);
}

#[tokio::test]
async fn a_message_that_cannot_be_read_is_kept_as_often_as_readings_are() {
    let mut fixture = fixture(Keep::FirstOfEach(MINUTE));
    let original = Original { bytes: LETTER, format: "played", ..Original::default() };
    fixture.clock.set_offset(-fixture.now.0);
    let unreadable = fixture.inlet.unreadable(&original, fixture.now);
    fixture.inlet.keep_unreadable(&unreadable, fixture.now).await.unwrap_err();
    fixture.clock.set_offset(0);
    for second in [0, 1, 59, 60, 119, 120] {
        let received = fixture.now.saturating_add(second * SECOND_NS);
        let unreadable = fixture.inlet.unreadable(&original, received);
        fixture.inlet.keep_unreadable(&unreadable, received).await.unwrap();
    }
    assert_eq!(fixture.records(), [(vec![], true), (vec![], true), (vec![], true)]);
    fixture.assert_left_out("thinned", 3);
}

#[tokio::test]
async fn of_more_meters_than_are_remembered_the_one_heard_least_recently_is_forgotten() {
    let mut fixture = fixture(Keep::All);
    let at = fixture.now;
    (0..METERS_MAX).for_each(|number| fixture.inlet.mark_seen(meter(number), at));
    assert!(!fixture.inlet.admits(meter(0), at), "as many are remembered, and this one was heard now");
    fixture.inlet.mark_seen(meter(METERS_MAX), at);
    assert!(fixture.inlet.admits(meter(1), at), "it was forgotten");
    for number in [0, 2, METERS_MAX] {
        assert!(!fixture.inlet.admits(meter(number), at), "{number}");
    }
}

#[tokio::test]
async fn many_readings_are_several_records_with_the_message_in_the_first() {
    let mut fixture = fixture(Keep::All);
    fixture.offer((0..1001).map(|number| fixture.reading(number, 0)).collect()).await.unwrap();
    let records: Vec<_> =
        fixture.records().into_iter().map(|(seconds, has_letter)| (seconds.len(), has_letter)).collect();
    assert_eq!(records, [(1000, true), (1, false)]);
}

#[tokio::test]
async fn the_first_zero_of_a_counter_is_counted_and_left_out_also_of_messages_in_flight() {
    for in_flight in [None, Some(Thinning::At(0)), Some(Thinning::Done)] {
        let mut fixture = fixture(Keep::All);
        let mut reporter = Reporter::new("a", "played", fixture.clock.clone(), Default::default());
        let original = Original { bytes: LETTER, format: "played", ..Original::default() };
        let mut taken = Vec::new();
        for (code, values) in [
            // Gas, water, heat: the second zero is true, also of a counter that began at zero.
            ([7, 0, 3, 0, 0, 255], [0.0, 0.0, 8.0, 0.0, 0.0]),
            ([8, 0, 1, 0, 0, 255], [3.0, 0.0, 3.0, 0.0, 4.0]),
            ([6, 0, 1, 0, 0, 255], [5.0, 0.0, 0.0, 6.0, 0.0]),
            // Electricity, and a gauge.
            ([1, 0, 1, 8, 0, 255], [1.0, 0.0, 1.0, 0.0, 1.0]),
            ([0, 0, 96, 9, 0, 255], [1.0, 0.0, 1.0, 0.0, 1.0]),
        ] {
            for (second, value) in (0..).zip(values) {
                let reading = Reading {
                    samples: vec![Sample { obis: Obis(code), value }],
                    ..fixture.reading(usize::from(code[0]), second)
                };
                let decoded = Decoded { readings: vec![reading], ..Decoded::default() };
                if let Some(thinning) = in_flight {
                    taken.push(fixture.inlet.prepare(&decoded, thinning, &original).readings);
                } else {
                    let before = fixture.seconds().len();
                    fixture.inlet.offer(&decoded, &original, &mut reporter).await.unwrap();
                    taken.push(fixture.seconds().len() - before);
                }
            }
        }
        let expected = [[0, 1, 1, 0, 1], [1, 0, 1, 0, 1], [1, 0, 1, 1, 0], [1; 5], [1; 5]];
        assert_eq!(taken, expected.concat(), "{in_flight:?}");
        fixture.assert_left_out("zero", 6);
    }
}

/// The values of each record.
fn values(fixture: &Fixture) -> Vec<Vec<f64>> {
    let mut records = Vec::new();
    let mut reader = fixture.journal.reader(Sequence::FIRST).unwrap();
    while let Some(record) = reader.read().unwrap() {
        let readings = wire::readings(PayloadFormat::ReadingBatch, record.payload).unwrap();
        let samples = readings.flat_map(|reading| reading.values.map(|sample| sample.unwrap()));
        records.push(samples.map(|sample| sample.value).collect());
    }
    records
}

#[tokio::test]
async fn other_values_of_a_reading_with_a_doubted_zero_are_stored_once_and_the_true_value_of_its_time_follows() {
    let mut fixture = fixture(Keep::FirstOfEach(MINUTE));
    let mut reporter = Reporter::new("a", "played", fixture.clock.clone(), Default::default());
    let original = Original { bytes: LETTER, format: "played", ..Original::default() };
    let (gas, energy) = (Obis([7, 0, 3, 0, 0, 255]), Obis([1, 0, 1, 8, 0, 255]));
    for (second, value) in [(0, 5.0), (60, 0.0), (60, 0.0), (61, 0.0), (60, 5.0), (60, 5.0), (120, 0.0), (180, 0.0)] {
        let samples = [(energy, 7.0), (gas, value)].map(|(obis, value)| Sample { obis, value }).to_vec();
        let decoded =
            Decoded { readings: vec![Reading { samples, ..fixture.reading(1, second) }], ..Decoded::default() };
        fixture.inlet.offer(&decoded, &original, &mut reporter).await.unwrap();
    }
    assert_eq!(values(&fixture), [vec![7.0, 5.0], vec![7.0], vec![7.0, 5.0], vec![7.0], vec![7.0, 0.0]]);
    fixture.assert_left_out("zero", 2);
    for _ in 0..3 {
        let samples = vec![Sample { obis: gas, value: 0.0 }];
        let reading = Reading { samples, ..fixture.reading(2, 0) };
        let decoded = Decoded { readings: vec![reading], ..Decoded::default() };
        fixture.inlet.offer(&decoded, &original, &mut reporter).await.unwrap();
    }
    fixture.assert_left_out("zero", 3);
    fixture.assert_left_out("repeated", 4);
}

#[tokio::test]
async fn a_fetched_value_is_doubted_as_others_are_and_a_row_of_the_past_has_no_zero_of_a_counter() {
    let mut fixture = fixture(Keep::All);
    let original = Original { bytes: LETTER, format: "played", ..Original::default() };
    let gas = |fixture: &Fixture, second, value| {
        let samples = vec![Sample { obis: Obis([7, 0, 3, 0, 0, 255]), value }];
        Reading { samples, ..fixture.reading(1, second) }
    };
    for (second, value) in [(0, 0.0), (1, 4.0)] {
        let fetched = gas(&fixture, second, value);
        fixture.inlet.take(&[fetched], &original).await.unwrap();
    }
    let rows = [0.0, 0.0, 3.0].into_iter().zip(-5..);
    let rows: Vec<_> = (0..).zip(rows.map(|(value, second)| gas(&fixture, second, value))).collect();
    fixture.inlet.take_placed(&rows, rows.len(), &original).await.unwrap();
    assert_eq!(values(&fixture), [vec![4.0], vec![3.0]]);
    fixture.assert_left_out("zero", 3);
}
