//! Ingest from the outside: bodies in, verdicts and counts out, on a real journal.

use super::*;
use crate::clock::Clock;
use crate::contexts::{self, Contexts, version_of};
use crate::dead_letters::{DeadLetters, Kind, LetterId};
use crate::journal::{Journal, Options, Sequence, Verdict};
use crate::reading::{Limits, MeterId, Obis, UnixNanos};
use crate::recent_records::{Recent, RecentRecords};
use crate::wire::PayloadFormat::SmartMe;
use crate::wire::batch::Original;
use crate::wire::{self, Judged};
use meterline_load::{Body, Reading};
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use std::fs;
use std::sync::Arc;
use std::time::Duration;
use tempfile::TempDir;

const ENERGY: [u8; 6] = [1, 0, 1, 8, 0, 255];
const POWER: [u8; 6] = [1, 0, 1, 7, 0, 255];

struct Setup {
    ingest: Ingest,
    journal: Journal,
    letters: DeadLetters,
    clock: Clock,
    metrics: PrometheusHandle,
    _directory: TempDir,
}

fn setup() -> Setup {
    let directory = tempfile::tempdir().unwrap();
    let (journal, _) = Journal::open(Options::new(directory.path().join("journal"))).unwrap();
    let clock = Clock::system();
    let letters = DeadLetters::open(directory.path().join("letters"), clock.clone()).unwrap();
    let recorder = PrometheusBuilder::new().build_recorder();
    let metrics = recorder.handle();
    let ingest = ::metrics::with_local_recorder(&recorder, || {
        Ingest::new(journal.clone(), Some(letters.clone()), clock.clone())
    });
    Setup { ingest, journal, letters, clock, metrics, _directory: directory }
}

impl Setup {
    fn entrance(&self, options: SourceOptions) -> Entrance {
        let recorder = PrometheusBuilder::new().build_recorder();
        ::metrics::with_local_recorder(&recorder, || self.ingest.source("building", options).unwrap())
    }

    fn now_ticks(&self) -> i64 {
        self.clock.now().0 / 100 * 100
    }

    fn body(&self, meter: u8, age: Duration, value: f64) -> Vec<u8> {
        let time_ns = self.now_ticks() - i64::try_from(age.as_nanos()).unwrap();
        Body::new(0, vec![Reading { meter: [meter; 16], time_ns, values: vec![(ENERGY, value)] }]).bytes
    }
}

fn verdict(taken: Result<Receipt, Refusal>) -> Verdict {
    match taken.unwrap() {
        Receipt::Stored { verdict, .. } => verdict,
        Receipt::Empty => panic!("not empty"),
    }
}

#[tokio::test]
async fn an_accepted_body_is_in_the_journal_unchanged_with_its_verdict() {
    let setup = setup();
    let entrance = setup.entrance(SourceOptions::default());
    let body = setup.body(1, Duration::ZERO, 5.0);
    let before = setup.clock.now();
    let taken = entrance.take(SmartMe, &body).await.unwrap();
    assert_eq!(taken, Receipt::Stored { sequence: Sequence::FIRST, verdict: Verdict::Deliverable });
    let mut reader = setup.journal.reader(Sequence::FIRST).unwrap();
    let record = reader.read().unwrap().unwrap();
    assert_eq!(record.payload, body);
    assert_eq!(record.header.format, SmartMe.number());
    assert_eq!(setup.journal.source_name(record.header.source).as_deref(), Some("building"));
    assert_eq!(setup.journal.limits(record.header.rule), Some(Limits::DEFAULT));
    assert!(record.header.received >= before && record.header.received <= setup.clock.now());
}

#[tokio::test]
async fn an_empty_body_is_counted_and_not_journaled() {
    let setup = setup();
    let taken = setup.entrance(SourceOptions::default()).take(SmartMe, b"").await.unwrap();
    assert_eq!(taken, Receipt::Empty);
    assert_eq!(setup.journal.next(), Sequence::FIRST);
}

#[tokio::test]
async fn an_implausible_body_is_kept_and_marked() {
    let setup = setup();
    let entrance = setup.entrance(SourceOptions::default());
    let old = setup.body(1, Duration::from_secs(86_400 * 500), 5.0);
    assert_eq!(verdict(entrance.take(SmartMe, &old).await), Verdict::PartlySetAside);
    let not_finite = setup.body(1, Duration::ZERO, f64::NAN);
    assert_eq!(verdict(entrance.take(SmartMe, &not_finite).await), Verdict::PartlySetAside);
    let source = &setup.ingest.recent().sources[0];
    assert_eq!((source.bodies, source.samples, source.set_aside), (2, 0, 2));
}

#[tokio::test]
async fn an_undecodable_body_is_kept_unless_its_source_refuses_it() {
    let setup = setup();
    let keep = setup.entrance(SourceOptions::default());
    assert_eq!(verdict(keep.take(SmartMe, b"\x0a\xff").await), Verdict::Undecodable);
    let refuse = setup.entrance(SourceOptions { on_undecodable: OnUndecodable::Refuse, ..SourceOptions::default() });
    let refusal = refuse.take(SmartMe, b"\x0a\xff").await.unwrap_err();
    assert!(refusal.to_string().contains("byte"), "says where: {refusal}");
    assert_eq!(setup.journal.next(), Sequence(2), "only the kept one");
    assert_eq!(setup.ingest.recent().sources[0].undecodable, 2);
}

#[tokio::test]
async fn a_refused_body_is_a_dead_letter_and_the_same_again_is_the_same_letter() {
    let setup = setup();
    let refuse = setup.entrance(SourceOptions { on_undecodable: OnUndecodable::Refuse, ..SourceOptions::default() });
    for body in [b"\x0a\xff", b"\x0a\xfe", b"\x0a\xff"] {
        refuse.take(SmartMe, body).await.unwrap_err();
    }
    assert_eq!(setup.letters.open_by_kind()["refused-body"], 2);
    let letter = setup.letters.get(LetterId(1)).unwrap();
    assert_eq!((letter.kind, letter.body.as_slice()), (Kind::RefusedBody, b"\x0a\xff".as_slice()));
    assert_eq!((letter.source.as_str(), letter.format), ("building", SmartMe.number()));
    assert!(letter.reason.contains("byte"), "{}", letter.reason);
}

#[tokio::test]
async fn beyond_its_quota_a_source_has_nothing_undecodable_kept_and_another_source_has() {
    let setup = setup();
    let recorder = PrometheusBuilder::new().build_recorder();
    let source = |name: &str, on_undecodable, undecodable_bytes_max| {
        let options = SourceOptions { on_undecodable, undecodable_bytes_max, ..SourceOptions::default() };
        ::metrics::with_local_recorder(&recorder, || setup.ingest.source(name, options).unwrap())
    };
    let keep = source("keep", OnUndecodable::Keep, 5);
    for _ in 0..2 {
        assert_eq!(verdict(keep.take(SmartMe, b"\x0a\xff").await), Verdict::Undecodable);
    }
    let refusal = keep.take(SmartMe, b"\x0a\xff").await.unwrap_err();
    assert!(matches!(refusal, Refusal::QuotaSpent(_)), "{refusal}");
    assert_eq!(verdict(keep.take(SmartMe, &setup.body(1, Duration::ZERO, 1.0)).await), Verdict::Deliverable);
    let other = source("other", OnUndecodable::Keep, 5);
    assert_eq!(verdict(other.take(SmartMe, b"\x0a\xff").await), Verdict::Undecodable);
    let refuse = source("refuse", OnUndecodable::Refuse, u64::MAX);
    for number in 0..6 {
        refuse.take(SmartMe, &[0x0a, 0xff, number]).await.unwrap_err();
    }
    assert_eq!(setup.letters.open_by_kind()["refused-body"], 4, "64 KiB a day, 16 KiB for a small one");
    let metrics = recorder.handle().render();
    for line in [
        r#"meterline_bodies_refused_total{source="keep",kept="no"} 1"#,
        r#"meterline_bodies_refused_total{source="refuse",kept="yes"} 4"#,
        r#"meterline_bodies_refused_total{source="refuse",kept="no"} 2"#,
    ] {
        assert!(metrics.lines().any(|found| found == line), "{line} in\n{metrics}");
    }
}

#[tokio::test]
async fn ingest_is_closed_while_the_clock_is_before_the_build_date() {
    let setup = setup();
    let entrance = setup.entrance(SourceOptions::default());
    let body = setup.body(1, Duration::ZERO, 5.0);
    setup.clock.set_offset(-setup.clock.now().0);
    let refusal = entrance.take(SmartMe, &body).await.unwrap_err();
    let Refusal::Unavailable { retry_after, .. } = refusal else { panic!("{refusal}") };
    assert_eq!(retry_after, Duration::from_secs(60));
    assert!(matches!(setup.ingest.health(), Health::Closed(why) if why.contains("clock")));
    assert!(!setup.ingest.clock_is_set());
    setup.clock.set_offset(0);
    assert_eq!(verdict(entrance.take(SmartMe, &body).await), Verdict::Deliverable);
    assert_eq!(setup.ingest.health(), Health::Open);
}

#[tokio::test]
async fn contexts_are_journaled_once_before_they_are_kept() {
    let setup = setup();
    let directory = tempfile::tempdir().unwrap();
    let contexts = Contexts::of(directory.path());
    let followers = Followers { contexts: contexts.clone(), ..Followers::default() };
    let ingest = Ingest::followed_by(followers, setup.journal.clone(), None, setup.clock.clone());
    let entrance = ingest.source("attic", SourceOptions::default()).unwrap();
    let map = |device| Original { bytes: b"map 1", device, ..Original::default() };
    let maps = [map("7"), map("8")];
    setup.clock.set_offset(-setup.clock.now().0);
    entrance.keep_contexts(&maps).await.unwrap_err();
    setup.clock.set_offset(0);
    assert_eq!((entrance.newest_context("7"), setup.journal.next()), (None, Sequence::FIRST));
    // Their directory cannot be made: they are in the journal, and not again with the next attempt.
    let obstacle = directory.path().join(contexts::DIRECTORY);
    fs::write(&obstacle, "").unwrap();
    for _ in 0..2 {
        entrance.keep_contexts(&maps).await.unwrap_err();
        assert_eq!((entrance.newest_context("7"), setup.journal.next()), (None, Sequence(3)));
    }
    fs::remove_file(obstacle).unwrap();
    let version = version_of(b"map 1");
    assert_eq!(entrance.keep_contexts(&maps).await.unwrap(), [version.clone(), version.clone()]);
    assert_eq!(entrance.keep_contexts(&maps[..1]).await.unwrap(), std::slice::from_ref(&version));
    assert_eq!(entrance.newest_context("8").unwrap().0, version);
    assert_eq!(setup.journal.next(), Sequence(3));
}

#[tokio::test]
async fn a_jump_of_the_clock_is_counted_and_nothing_is_refused_for_it() {
    let setup = setup();
    let entrance = setup.entrance(SourceOptions::default());
    setup.clock.set_offset(3_600_000_000_000);
    let begun = setup.clock.now();
    // The next check is due within a second of the first.
    let checked = async {
        while setup.ingest.recent().clock_jumps == 0 {
            entrance.take(SmartMe, &setup.body(1, Duration::ZERO, 1.0)).await.unwrap();
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(30), checked).await.unwrap();
    assert_eq!(setup.ingest.recent().clock_jumps, 1);
    assert!(setup.ingest.recent().last_clock_jump.unwrap() >= begun);
    assert!(setup.metrics.render().contains("meterline_clock_jumps_total 1"));
}

#[tokio::test]
async fn every_reading_sample_and_flag_is_counted_once_by_source() {
    let setup = setup();
    let recorder = PrometheusBuilder::new().build_recorder();
    let entrance =
        ::metrics::with_local_recorder(&recorder, || setup.ingest.source("b", SourceOptions::default()).unwrap());
    let time_ns = setup.now_ticks();
    let good = Reading { meter: [1; 16], time_ns, values: vec![(ENERGY, 1.0), (ENERGY, f64::INFINITY)] };
    let none = Reading { meter: [0; 16], time_ns, values: vec![(ENERGY, 1.0), (ENERGY, 1.0)] };
    let mut body = Body::new(0, vec![good, none]).bytes;
    body.extend_from_slice(&local_time_reading(time_ns));
    entrance.take(SmartMe, &body).await.unwrap();
    let metrics = recorder.handle().render();
    for line in [
        r#"meterline_bodies_total{source="b",verdict="partly-set-aside"} 1"#,
        r#"meterline_readings_total{source="b"} 3"#,
        r#"meterline_samples_total{source="b"} 1"#,
        r#"meterline_samples_set_aside_total{source="b",reason="meter_missing"} 2"#,
        r#"meterline_samples_set_aside_total{source="b",reason="value_not_finite"} 1"#,
        r#"meterline_readings_flagged_total{source="b",flag="local-time"} 1"#,
        &format!(r#"meterline_body_bytes_total{{source="b"}} {}"#, body.len()),
    ] {
        assert!(metrics.lines().any(|found| found == line), "{line} in\n{metrics}");
    }
}

#[tokio::test]
async fn the_newest_reading_of_a_source_is_a_metric_that_stale_and_early_times_do_not_move() {
    let setup = setup();
    let recorder = PrometheusBuilder::new().build_recorder();
    let entrance =
        ::metrics::with_local_recorder(&recorder, || setup.ingest.source("b", SourceOptions::default()).unwrap());
    let newest = || {
        let metrics = recorder.handle().render();
        let line =
            metrics.lines().find_map(|it| it.strip_prefix(r#"meterline_last_reading_timestamp_seconds{source="b"} "#));
        line.unwrap_or_else(|| panic!("not in\n{metrics}")).parse::<f64>().unwrap()
    };
    assert_eq!(newest().to_bits(), 0.0_f64.to_bits(), "there is none");
    let hour = |hours: u64| Duration::from_secs(3600 * hours);
    let begun = Duration::from_nanos(setup.now_ticks().unsigned_abs()).as_secs_f64();
    entrance.take(SmartMe, &setup.body(1, hour(2), 1.0)).await.unwrap();
    assert!((newest() - (begun - 7200.0)).abs() < 60.0, "{}", newest());
    let known = newest();
    // The same time again, and one of the past: a gap that is filled.
    let stale = setup.body(1, hour(3), 1.0);
    entrance.take(SmartMe, &stale).await.unwrap();
    entrance.take(SmartMe, &stale).await.unwrap();
    assert_eq!(newest().to_bits(), known.to_bits());
    // A clock that is an hour ahead hides no silence to come.
    let time_ns = setup.now_ticks() + 3_600_000_000_000;
    let ahead = Body::new(0, vec![Reading { meter: [1; 16], time_ns, values: vec![(ENERGY, 1.0)] }]).bytes;
    entrance.take(SmartMe, &ahead).await.unwrap();
    let ended = Duration::from_nanos(setup.clock.now().0.unsigned_abs()).as_secs_f64();
    assert!(newest() >= begun && newest() <= ended, "{begun} {} {ended}", newest());
}

#[tokio::test]
async fn a_description_of_meters_is_journaled_and_counted_and_its_account_stays_silent() {
    let setup = setup();
    let recorder = PrometheusBuilder::new().build_recorder();
    let entrance =
        ::metrics::with_local_recorder(&recorder, || setup.ingest.source("b", SourceOptions::default()).unwrap());
    let version = crate::wire::meters::Version {
        meter: MeterId::from(uuid::Uuid::from_u128(7)),
        metering_point: "house-1".to_owned(),
        description: crate::wire::meters::Description::default(),
        source: "b".to_owned(),
        valid_from: UnixNanos(0),
        valid_to: None,
    };
    let body = crate::wire::meters::encode([&version, &version]);
    let taken = entrance.take(crate::wire::PayloadFormat::Meters, &body).await;
    assert_eq!(verdict(taken), Verdict::Deliverable);
    let mut reader = setup.journal.reader(Sequence::FIRST).unwrap();
    let record = reader.read().unwrap().unwrap();
    assert_eq!((record.header.format, record.payload), (3, body.as_slice()));
    let metrics = recorder.handle().render();
    assert!(metrics.contains(r#"meterline_meter_versions_total{source="b"} 2"#), "{metrics}");
    assert!(metrics.contains(r#"meterline_bodies_total{source="b",verdict="deliverable"} 0"#), "{metrics}");
    let recent = setup.ingest.recent();
    assert_eq!((recent.sources[0].bodies, recent.sources[0].last_received), (0, None));
    assert!(setup.ingest.newest_readings(1).is_empty());
}

/// A device without values whose time is marked as local.
fn local_time_reading(time_ns: i64) -> Vec<u8> {
    use meterline_load::proto::{bcl, smart_me};
    use prost::Message as _;
    let time = bcl::DateTime { value: time_ns / 100, scale: 5, kind: 2 };
    let device = smart_me::DeviceData {
        device_id: Some(bcl::Guid { lo: 1, hi: 2 }),
        date_time: Some(time),
        device_values: Vec::new(),
    };
    smart_me::DeviceDataArray { device_data_items: vec![device] }.encode_to_vec()
}

#[tokio::test]
async fn the_newest_reading_of_a_meter_is_kept_and_late_ones_do_not_replace_it() {
    let setup = setup();
    let entrance = setup.entrance(SourceOptions::default());
    let newest = setup.body(7, Duration::ZERO, 70.0);
    entrance.take(SmartMe, &newest).await.unwrap();
    entrance.take(SmartMe, &setup.body(7, Duration::from_secs(3_600), 60.0)).await.unwrap();
    let recent = setup.ingest.recent();
    let meters = setup.ingest.newest_readings(METERS_MAX);
    assert_eq!(meters.len(), 1);
    assert_eq!(meters[0].meter, MeterId::from(uuid::Uuid::from_bytes([7; 16])));
    assert_eq!(meters[0].samples().map(|sample| sample.value).collect::<Vec<_>>(), [70.0]);
    assert!(recent.sources[0].readings_per_second > 0.0);
}

#[tokio::test]
async fn a_reading_of_the_canary_is_stored_with_its_flag_and_is_on_no_page_from_no_meter_and_in_no_gap() {
    let (setup, recorder) = (setup(), PrometheusBuilder::new().build_recorder());
    let sources = ::metrics::with_local_recorder(&recorder, || {
        ["a", "b"].map(|name| setup.ingest.source(name, SourceOptions::default()).unwrap())
    });
    let values = vec![(ENERGY, 50.0)];
    let reading =
        |meter: MeterId| Reading { meter: *meter.as_bytes(), time_ns: setup.now_ticks(), values: values.clone() };
    for source in &sources {
        let body = Body::new(0, vec![reading(MeterId::CANARY), reading(MeterId::named("p1", "x"))]).bytes;
        assert_eq!(verdict(source.take(SmartMe, &body).await), Verdict::Deliverable);
    }
    let shown: Vec<_> = setup.ingest.newest_readings(METERS_MAX).iter().map(|it| it.meter).collect();
    assert_eq!(shown, [MeterId::named("p1", "x")]);
    let metrics = recorder.handle().render();
    for series in [
        r#"meterline_readings_flagged_total{source="b",flag="test"} 1"#,
        r#"meterline_readings_of_shared_meters_total{source="b"} 1"#,
        r#"meterline_readings_total{source="b"} 2"#,
    ] {
        assert!(metrics.contains(series), "{series}: {metrics}");
    }
}

#[tokio::test]
async fn a_register_of_a_slower_message_is_kept_and_a_clock_that_was_ahead_holds_no_value_back() {
    let setup = setup();
    let entrance = setup.entrance(SourceOptions::default());
    let take = async |seconds: i64, code, value| {
        let time_ns = setup.now_ticks() + seconds * 1_000_000_000;
        let values = vec![(code, value)];
        entrance.take(SmartMe, &Body::new(0, vec![Reading { meter: [7; 16], time_ns, values }]).bytes).await.unwrap();
    };
    let values = || {
        let found = setup.ingest.newest_readings(1).remove(0);
        [POWER, ENERGY].map(|code| found.samples().find(|sample| sample.obis == Obis(code)).map(|sample| sample.value))
    };
    take(0, POWER, 5.0).await;
    take(-300, ENERGY, 70.0).await;
    assert_eq!(values(), [Some(5.0), Some(70.0)]);
    take(-200, ENERGY, 71.0).await;
    take(-400, ENERGY, 69.0).await;
    assert_eq!(values(), [Some(5.0), Some(71.0)], "the later one stands");
    take(3_600, POWER, 6.0).await;
    take(0, POWER, 7.0).await;
    assert_eq!(values(), [Some(7.0), Some(71.0)], "the clock of the meter was ahead");
}

#[tokio::test]
async fn the_number_of_recent_meters_is_bounded() {
    let setup = setup();
    let entrance = setup.entrance(SourceOptions::default());
    let time_ns = setup.now_ticks();
    let reading =
        |number: u128| Reading { meter: (number << 64 | 5).to_be_bytes(), time_ns, values: vec![(ENERGY, 1.0)] };
    for part in 0..3_u128 {
        let many = Body::new(0, (part * 8_000..(part + 1) * 8_000).map(reading).collect());
        entrance.take(SmartMe, &many.bytes).await.unwrap();
    }
    entrance.take(SmartMe, &Body::new(0, vec![reading(9_000)]).bytes).await.unwrap();
    let id = |number: u128| MeterId::from(uuid::Uuid::from_u128(number << 64 | 5));
    let meters = setup.ingest.newest_readings(usize::MAX);
    assert_eq!(meters.len(), METERS_MAX);
    assert_eq!(meters[0].meter, id(9_000), "heard last comes first");
    let forgotten = 24_000 - METERS_MAX as u128;
    let found = setup.ingest.newest_readings_of(&[id(forgotten), id(forgotten - 1), id(23_999)]);
    assert_eq!(found.iter().map(|reading| reading.meter).collect::<Vec<_>>(), [id(forgotten), id(23_999)]);
}

#[tokio::test]
async fn the_values_that_people_look_at_first_are_kept_of_a_meter_with_many() {
    let setup = setup();
    let entrance = setup.entrance(SourceOptions::default());
    let time_ns = setup.now_ticks();
    let voltage = |at: u8| ([1, 0, 32, 7, 0, 255], f64::from(at));
    let body = |values| Body::new(0, vec![Reading { meter: [7; 16], time_ns, values }]).bytes;
    let others = (21..=29).map(|code| ([1, 0, code, 7, 0, 255], 1.0));
    entrance.take(SmartMe, &body(others.collect())).await.unwrap();
    entrance.take(SmartMe, &body(vec![voltage(230), (POWER, 5.0), (ENERGY, 70.0)])).await.unwrap();
    let found = &setup.ingest.newest_readings(1)[0];
    let value = |code| found.samples().find(|sample| sample.obis == Obis(code)).map(|sample| sample.value);
    assert_eq!((value(POWER), value(ENERGY), found.samples().count()), (Some(5.0), Some(70.0), SAMPLES_SHOWN_MAX));
    assert_eq!(value([1, 0, 32, 7, 0, 255]), None, "the others came first");
}

#[tokio::test]
async fn a_meter_that_two_sources_send_is_counted_and_named() {
    let setup = setup();
    let recorder = PrometheusBuilder::new().build_recorder();
    let of = |name| ::metrics::with_local_recorder(&recorder, || setup.ingest.source(name, SourceOptions::default()));
    let (a, b) = (of("a").unwrap(), of("b").unwrap());
    for (source, meter) in [(&a, 1), (&b, 2), (&a, 1), (&b, 2), (&b, 1), (&b, 1), (&a, 1)] {
        source.take(SmartMe, &setup.body(meter, Duration::ZERO, 1.0)).await.unwrap();
    }
    let text = recorder.handle().render();
    for source in ["a", "b"] {
        let counted = format!("meterline_readings_of_shared_meters_total{{source=\"{source}\"}} 1");
        assert!(text.contains(&counted), "{counted} in {text}");
    }
    let shared = setup.ingest.recent().sources.into_iter().map(|source| source.shared.unwrap());
    let shared: Vec<_> = shared.map(|shared| (shared.meter, shared.other)).collect();
    let body = setup.body(1, Duration::ZERO, 1.0);
    let meter = crate::wire::readings(SmartMe, &body).unwrap().next().unwrap().meter.unwrap();
    assert_eq!(shared, ["b", "a"].map(|other| (meter, other.into())));
}

/// Remembers the meters of the source `observed`.
#[derive(Debug, Default)]
struct Observer(parking_lot::Mutex<Vec<MeterId>>);

impl ReadingObserver for Observer {
    fn observes(&self, source: &str) -> bool {
        source == "observed"
    }

    fn observe<'a>(&self, format: wire::PayloadFormat, readings: &mut dyn Iterator<Item = Judged<'a>>) {
        assert_eq!(format, SmartMe);
        self.0.lock().extend(readings.map(|reading| reading.meter));
    }
}

#[tokio::test]
async fn an_outline_says_of_a_record_what_its_bytes_say() {
    let setup = setup();
    let (recent, observer) = (RecentRecords::default(), Arc::new(Observer::default()));
    let followers = Followers { recent: recent.clone(), observer: Some(observer.clone()), ..Followers::default() };
    let ingest = Ingest::followed_by(followers, setup.journal.clone(), None, setup.clock.clone());
    let quarter_ns = crate::reading::QUARTER_HOUR_NS;
    let at = |slots_back: i64| (setup.now_ticks() / quarter_ns - slots_back) * quarter_ns;
    let reading = |meter, time_ns, values| Reading { meter: [meter; 16], time_ns, values };
    let power = [1, 0, 1, 7, 0, 255];
    let many = Body::new(
        0,
        vec![
            reading(1, at(1), vec![(ENERGY, 1.0)]),
            reading(2, at(2), vec![(power, 1.0)]),
            reading(3, at(3) + 1_000_000_000, vec![(ENERGY, 1.0)]),
            reading(4, at(-400), vec![(ENERGY, 1.0)]),
            reading(5, at(4), vec![(ENERGY, f64::NAN), (power, 2.0)]),
        ],
    );
    for source in ["observed", "other"] {
        let entrance = ingest.source(source, SourceOptions::default()).unwrap();
        for body in [many.bytes.as_slice(), &setup.body(6, Duration::ZERO, 1.0), b"\x0a\xff"] {
            entrance.take(SmartMe, body).await.unwrap();
        }
    }
    let mut reader = setup.journal.reader(Sequence::FIRST).unwrap();
    let mut outlines = 0;
    while let Some(record) = reader.read().unwrap() {
        let Recent::Outline(outline) = recent.get(record.sequence) else { panic!("{:?}", record.sequence) };
        let readings = wire::readings(SmartMe, record.payload).into_iter().flatten();
        let judged = readings.filter_map(|it| Judged::new(it, &Limits::DEFAULT, record.header.received).ok());
        let seen: Vec<_> = judged.filter_map(|reading| wire::SeenReading::of(&reading)).collect();
        assert_eq!(*outline.readings, *seen);
        assert_eq!(*outline.source, *setup.journal.source_name(record.header.source).unwrap());
        assert_eq!(outline.is_deliverable, record.header.verdict == Verdict::Deliverable);
        assert_eq!((outline.received, outline.bytes), (record.header.received, record.payload.len() as u64));
        outlines += 1;
    }
    assert_eq!(outlines, 6);
    let Recent::Outline(first) = recent.get(Sequence(1)) else { panic!() };
    let counters: Vec<bool> = first.readings.iter().map(|seen| seen.has_counter).collect();
    assert_eq!(counters, [true, false, false, false], "the fourth reading is set aside");
    let meters: Vec<MeterId> = [1, 2, 3, 5, 6].map(|meter| MeterId::from(uuid::Uuid::from_bytes([meter; 16]))).into();
    assert_eq!(*observer.0.lock(), meters);
}

#[test]
fn an_account_has_its_metrics_from_the_start_and_a_device_from_its_first_body() {
    let setup = setup();
    let recorder = PrometheusBuilder::new().build_recorder();
    let series = |source: &str| {
        let rendered = recorder.handle().render();
        rendered.lines().filter(|line| line.contains(&format!("source=\"{source}\""))).count()
    };
    ::metrics::with_local_recorder(&recorder, || {
        setup.ingest.source("account", SourceOptions::default()).unwrap();
        let device = setup.ingest.device("device", SourceOptions::default()).unwrap();
        assert!(series("account") > 10);
        // Refused bodies are counted apart.
        let before = series("device");
        assert!(before <= 2, "{before}");
        let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
        runtime.block_on(device.take(SmartMe, &setup.body(1, Duration::ZERO, 5.0))).unwrap();
        assert_eq!(series("device"), series("account"));
    });
}

#[tokio::test]
async fn a_source_that_is_gone_has_no_gauges_also_after_its_last_body_and_new_ones_if_it_comes_back() {
    let recorder = PrometheusBuilder::new().build_recorder();
    let metrics = recorder.handle();
    let _counting = ::metrics::set_default_local_recorder(&recorder);
    let setup = setup();
    let entrances = ["gone", "kept"].map(|name| setup.ingest.source(name, SourceOptions::default()).unwrap());
    let newest = |name: &str| {
        let series = format!("meterline_last_reading_timestamp_seconds{{source=\"{name}\"}} ");
        metrics.render().lines().find_map(|line| Some(line.strip_prefix(&series)?.parse::<f64>().unwrap())).unwrap()
    };
    for entrance in &entrances {
        entrance.take(SmartMe, &setup.body(1, Duration::from_secs(9), 1.0)).await.unwrap();
    }
    assert!(newest("gone") > 0.0 && newest("kept") > 0.0);
    setup.ingest.end_sources(|name| name == "gone");
    assert!(newest("gone").is_nan() && newest("kept") > 0.0);
    // A body that was on its way.
    entrances[0].take(SmartMe, &setup.body(1, Duration::ZERO, 2.0)).await.unwrap();
    assert!(newest("gone").is_nan());
    let names = || setup.ingest.recent().sources.iter().map(|source| source.name.to_string()).collect::<Vec<_>>();
    assert_eq!(names(), ["kept"]);
    let again = setup.ingest.source("gone", SourceOptions::default()).unwrap();
    again.take(SmartMe, &setup.body(1, Duration::ZERO, 3.0)).await.unwrap();
    assert!(newest("gone") > 0.0);
    assert_eq!(names(), ["kept", "gone"]);
    assert_eq!(setup.ingest.recent().sources[1].bodies, 1);
    let kept = setup.ingest.source("kept", SourceOptions::default()).unwrap();
    kept.take(SmartMe, &setup.body(1, Duration::ZERO, 3.0)).await.unwrap();
    assert_eq!(setup.ingest.recent().sources[0].bodies, 2, "the same counters as before");
}
