//! The journaled answers, decoded again.

use super::*;
use crate::source::Redecoder;
use crate::source::tests::fixture::readings;
use crate::wire::batch::{Original, original};
use meterline_load::smappee::Wiring;

const GAS: Obis = Obis([7, 1, 129, 5, 0, 255]);
const ENERGY_L1: Obis = Obis([1, 0, 36, 29, 0, 255]);
const ENERGY_L3: Obis = Obis([1, 0, 76, 29, 0, 255]);
/// Pulses of every row that is not corrected.
const PULSES: f64 = 3.0;

impl Running {
    /// The origins of records with readings of this format.
    fn origins(&self) -> Vec<String> {
        let records = self.fixture.records();
        let of = |payload: &[u8]| {
            let Original { format, origin, .. } = original(payload).unwrap();
            (format == "smappee-rest" && !readings(payload).is_empty()).then(|| origin.to_owned())
        };
        records.iter().filter_map(|(_, payload)| of(payload)).collect()
    }

    /// The values of a register of a channel at the end of the row of this start, in the order of their records.
    fn at(&self, channel: &str, obis: Obis, start: i64) -> Vec<f64> {
        let wanted = (Scene::meter(channel), start + FIVE_MS, obis);
        let own = self.stored().into_iter().filter(|(meter, at, found, ..)| (*meter, *at, *found) == wanted);
        own.map(|(_, _, _, value, _)| value).collect()
    }

    fn newest_context(&self) -> Option<String> {
        let device = Scene::meter("").to_string();
        self.fixture.contexts.newest_of(&["smappee".to_owned()], &device, "").map(|(version, _)| version)
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_of_the_cloud_is_decoded_again_as_it_was_with_its_flags() {
    let scene = Scene::new(6 * 24);
    scene.cloud.keep_days(1, 3);
    let running = scene.start();
    running.until("the past is fetched", Running::is_done).await;
    running
        .until("costs are there", |it| it.origins().iter().filter(|it| it.contains("/costanalysis?")).count() == 4)
        .await;
    running.stop().await;
    let again = running.fixture.assert_decoded_again("smappee", scene.account().decoders());
    let origins = running.origins();
    assert_eq!(again, origins.len(), "every record can be decoded again");
    for kind in [
        "4711/consumption?aggregation=1&",
        "4711/consumption?aggregation=2&",
        "4711/consumption?aggregation=3&",
        "/sensor/3/consumption?aggregation=1&",
        "/sensor/3/consumption?aggregation=3&",
        "/switch/9/consumption?aggregation=1&",
        "/events?",
        "/costanalysis?aggregation=3&",
        "/costanalysis?aggregation=4&",
        "/actuator/9/state",
        "/actuator/9/connectionstate",
    ] {
        assert!(origins.iter().any(|origin| origin.contains(kind)), "{kind}: {origins:?}");
    }
    let flags: BTreeSet<_> = running.stored().iter().map(|(.., flags)| flags.to_string()).collect();
    assert_eq!(flags.len(), 3, "live, fetched later, without a time of their own: {flags:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_answer_with_rows_of_an_outage_and_newest_ones_is_a_record_of_each_and_both_keep_their_flags() {
    let scene = Scene::new(6);
    let now = now_ms();
    let file = scene.directory.path().join("smappee-progress-smappee.json");
    let progress = BTreeMap::from([("4711", floor(now - 5 * HOUR_MS, FIVE_MS))]);
    std::fs::write(file, crate::base::checked::to_json(&progress).unwrap()).unwrap();
    let running = scene.start();
    running.until("it runs", Running::is_done).await;
    running.stop().await;
    let flags: BTreeMap<i64, Flags> =
        running.stored().into_iter().filter(|it| it.2 == HOUSE).map(|it| (it.1, it.4)).collect();
    for ago in [4, 3, 2] {
        assert_eq!(flags[&(floor(now, FIVE_MS) - ago * HOUR_MS)], Flags::GAP_REPAIR);
    }
    assert_eq!(flags[&(floor(now, FIVE_MS) - HOUR_MS / 2)], Flags::NONE);
    // A later run may have ended between its requests.
    let lines = scene.cloud.lines();
    let before_sensors = lines.iter().take_while(|line| !line.contains("/sensor/3/consumption?"));
    assert_eq!(before_sensors.filter(|line| line.contains("4711/consumption?")).count(), 1, "one request");
    running.fixture.assert_decoded_again("smappee", scene.account().decoders());
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_go_by_the_configuration_of_their_time_live_and_decoded_again() {
    let scene = Scene::new(1);
    let running = scene.start();
    running.until("it runs", Running::is_done).await;
    let now = floor(now_ms(), FIVE_MS);
    let (before, after) = (now - 40 * 60_000, now - 20 * 60_000);
    assert_eq!(running.at("sensor:3", GAS, before), [PULSES / 100.0]);
    let first = running.newest_context();
    scene.cloud.rewire(Wiring { pulses_per_unit: 10.0, grid: [1, 2, 0] });
    running.until("the new wiring is kept", |it| it.newest_context() != first).await;
    scene.cloud.correct(after, 50.0);
    running.until("its row is there", |it| it.at("sensor:3", GAS, after).len() == 2).await;
    running.until("and the energy", |it| it.at("", ENERGY_L3, after).contains(&50.0)).await;
    running.stop().await;
    // A row that did not change stays what it was.
    let energy = consumption(before, Aggregation::FiveMinutes);
    assert_eq!(running.at("sensor:3", GAS, before), [PULSES / 100.0]);
    assert_eq!(running.at("", ENERGY_L1, before), [energy]);
    assert_eq!(running.at("sensor:3", GAS, after), [PULSES / 100.0, 5.0]);
    assert_eq!(running.at("", ENERGY_L3, after)[1], 50.0);
    running.fixture.assert_decoded_again("smappee", scene.account().decoders());

    // The configuration decides: an old record by the newest one has other values.
    let newest = running.newest_context().unwrap();
    let mut redecoder = Redecoder::new(running.fixture.contexts.clone());
    redecoder.add("smappee", scene.account().decoders());
    let records = running.fixture.records();
    let of_sensor = |(_, payload): &&(UnixNanos, Vec<u8>)| original(payload).unwrap().origin.contains("/sensor/3/");
    let (received, payload) = records.iter().find(of_sensor).unwrap();
    let stored = original(payload).unwrap();
    assert!(!stored.context.is_empty() && stored.context != newest);
    let other = crate::wire::batch::encode::<[crate::reading::Sample; 0]>([], &Original { context: &newest, ..stored });
    let volumes = |batch: &[u8]| -> Vec<f64> {
        let samples = readings(batch).into_iter().flat_map(|(.., samples)| samples);
        samples.filter(|(obis, _)| *obis == GAS).map(|(_, value)| value).collect()
    };
    let of_the_newest = volumes(&redecoder.decode("smappee", *received, &other).unwrap());
    assert!(of_the_newest.iter().all(|volume| *volume == PULSES / 10.0), "{of_the_newest:?}");
    assert!(volumes(payload).iter().all(|volume| *volume == PULSES / 100.0) && !of_the_newest.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_record_holds_the_rows_that_are_new_and_no_others() {
    let scene = Scene::new(1);
    let running = scene.start();
    running.until("it runs", Running::is_done).await;
    let corrected = floor(now_ms(), FIVE_MS) - 30 * 60_000;
    scene.cloud.correct(corrected, 99.5);
    running.until("the correction is there", |it| it.rows(HOUSE, FIVE_MS).get(&corrected) == Some(&99.5)).await;
    running.stop().await;
    let records = running.fixture.records();
    let messages = records.iter().map(|(_, payload)| original(payload).unwrap());
    let of_rows: Vec<_> = messages.filter(|it| it.origin.contains("4711/consumption?")).collect();
    let last = of_rows.last().unwrap();
    let text = String::from_utf8_lossy(last.bytes);
    assert_eq!(text.matches("timestamp").count(), 1, "{text}");
    assert!(text.contains(&corrected.to_string()) && last.positions.is_empty(), "{last:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn members_that_are_not_known_are_named_and_kept_also_if_nothing_else_is_there() {
    let scene = Scene::new(1);
    scene.cloud.rename("reactive", "reactiveEnergies");
    for (before, after) in [("value1", "pulses1"), ("temperature", "t"), ("humidity", "h"), ("battery", "b")] {
        scene.cloud.rename(before, after);
    }
    let running = scene.start();
    running.until("it runs", Running::is_done).await;
    running
        .until("they are named", |it| {
            it.fixture.fact("members_unknown") == Some(Fact::from("b, h, pulses1, reactiveEnergies, t"))
        })
        .await;
    running.until("a few runs are over", |_| scene.count("/sensor/3/consumption") >= 5).await;
    running.stop().await;
    assert!(running.fixture.holds(b"\"reactiveEnergies\":[0.5]"));
    let kept: Vec<_> = running.fixture.kept().into_iter().filter(|it| it.contains("pulses1")).collect();
    let rows: usize = kept.iter().map(|it| it.matches("timestamp").count()).sum();
    let distinct: BTreeSet<_> =
        kept.iter().flat_map(|it| it.split("\"timestamp\":").skip(1)).map(|it| &it[..13]).collect();
    assert!(rows >= 12 && rows == distinct.len(), "each row once: {kept:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn more_events_than_one_answer_holds_are_read_in_parts_and_what_is_still_too_much_is_counted() {
    let now = now_ms();
    let distinct = |running: &Running| {
        let power = Obis([0, 0, 128, 23, 2, 255]);
        let own = running.stored().into_iter().filter(|(_, _, obis, ..)| *obis == power);
        own.map(|(_, at, ..)| at).collect::<Vec<_>>()
    };
    let scene = Scene::new(1);
    let times: Vec<i64> = (0..2500).map(|number| now - 2 * HOUR_MS + number * 1000).collect();
    scene.cloud.happen(times.clone());
    let running = scene.start();
    running.until("a run is over", Running::is_done).await;
    running.stop().await;
    let stored = distinct(&running);
    assert_eq!((stored.len(), stored.into_iter().collect::<BTreeSet<_>>()), (2500, times.into_iter().collect()));
    assert_eq!(running.number("event_ranges_cut"), Some(0.0));
    running.fixture.assert_decoded_again("smappee", scene.account().decoders());

    // More than 1,000 in one millisecond: halving ends.
    let scene = Scene::new(1);
    scene.cloud.happen(std::iter::repeat_n(now - HOUR_MS, 1001));
    let running = scene.start();
    running.until("it is counted", |it| it.number("event_ranges_cut") >= Some(1.0)).await;
    running.stop().await;
    assert_eq!(distinct(&running).len(), 1);
    assert!(scene.count("/events?") <= 64, "{}", scene.count("/events?"));
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_wait_until_the_configuration_that_reads_them_is_kept() {
    let scene = Scene::new(1);
    // Larger than a context may be.
    scene.cloud.rename_roof(&"x".repeat(crate::contexts::CONTEXT_BYTES_MAX));
    let running = scene.start();
    running.until("it is failing", |it| it.fixture.state() == SourceState::Failing).await;
    let why = running.fixture.sources.descriptions()[0].why.clone().unwrap();
    assert!(why.contains("could not be journaled"), "{why}");
    assert_eq!(scene.count("/consumption?"), 0);
    scene.cloud.rename_roof("Roof");
    running.until("the rows are there", Running::is_done).await;
    assert!(!running.rows(HOUSE, FIVE_MS).is_empty());
}
