//! An account at a simulated cloud over real sockets, into a real journal.

mod again;

use super::*;
use crate::coverage::{Coverage, GapState, MEMORY_BYTES};
use crate::meters::{Meters, Points};
use crate::reading::{Flags, MeterId, Obis, UnixNanos};
use crate::secret::Secret;
use crate::source::tests::fixture::Fixture;
use crate::source::{Arrivals, Describer, Fact, SourceState};
use crate::vendor::smappee::Location;
use crate::wire::{self, PayloadFormat, SeenReading};
use meterline_load::devices::Clock;
use meterline_load::smappee::{Aggregation, SmappeeCloud, Trouble, consumption};
use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroUsize;
use std::time::Duration;
use tempfile::TempDir;

const FIVE_MS: i64 = 300_000;
const HOUR_MS: i64 = 3_600_000;
const DAY_MS: i64 = 24 * HOUR_MS;
const HOUSE: Obis = Obis([0, 0, 129, 1, 0, 255]);
const HOUSE_HOUR: Obis = Obis([0, 0, 129, 1, 130, 255]);
const HOUSE_DAY: Obis = Obis([0, 0, 129, 1, 131, 255]);

/// A cloud, and the directory of a service that outlives its restarts.
struct Scene {
    cloud: SmappeeCloud,
    directory: TempDir,
    backfill: Duration,
}

/// A service that reads the cloud.
struct Running {
    fixture: Fixture,
    coverage: Coverage,
}

impl Scene {
    fn new(backfill_hours: u64) -> Self {
        let now = crate::clock::Clock::system();
        let cloud = SmappeeCloud::start(Clock::new(move || now.now().0 / 1_000_000_000)).unwrap();
        Self { cloud, directory: tempfile::tempdir().unwrap(), backfill: Duration::from_hours(backfill_hours) }
    }

    fn account(&self) -> Account {
        let ((client_id, client_secret), (user, password)) = (SmappeeCloud::CLIENT, SmappeeCloud::USER);
        Account {
            name: "smappee".to_owned(),
            url: self.cloud.url().parse().unwrap(),
            ca_file: None,
            credentials: Credentials {
                client_id: client_id.to_owned(),
                client_secret: Secret::new(client_secret),
                user: user.to_owned(),
                password: Secret::new(password),
            },
            key_file: self.directory.path().join("key"),
            locations: None,
            every: Duration::from_millis(50),
            backfill: self.backfill,
            requests_per_minute: NonZeroUsize::MAX,
        }
    }

    fn start(&self) -> Running {
        self.start_with(self.account())
    }

    fn start_with(&self, account: Account) -> Running {
        let fixture = Fixture::new();
        let coverage = Coverage::open(self.directory.path(), MEMORY_BYTES);
        // All future records count as noted; the tests note what they need.
        coverage.noted_below(crate::journal::Sequence(u64::MAX));
        let needs = |entrance| Needs {
            entrance,
            data_directory: self.directory.path(),
            arrivals: Arrivals::new(coverage.clone(), fixture.journal.clone()),
            describer: Describer::new(
                Meters::open(self.directory.path(), Points::default(), fixture.clock.now()),
                fixture.entrance("smappee"),
                fixture.clock.clone(),
            ),
        };
        account.start(&fixture.sources, needs(fixture.entrance("smappee")), &fixture.clock);
        Running { fixture, coverage }
    }

    fn count(&self, part: &str) -> usize {
        self.cloud.lines().iter().filter(|line| line.contains(part)).count()
    }

    /// The meter of the location or of a channel.
    fn meter(channel: &str) -> MeterId {
        Location::of_uuid(SmappeeCloud::UUID.parse().unwrap()).meter(channel)
    }
}

/// A stored value: its meter, its time in milliseconds, its register, itself, its flags.
type Stored = (MeterId, i64, Obis, f64, Flags);

impl Running {
    fn stored(&self) -> Vec<Stored> {
        let mut stored = Vec::new();
        let mut reader = self.fixture.journal.view().reader(crate::journal::Sequence::FIRST).unwrap();
        while let Some(record) = reader.read().unwrap() {
            if record.header.format != PayloadFormat::ReadingBatch.number() {
                continue;
            }
            for reading in wire::readings(PayloadFormat::ReadingBatch, record.payload).unwrap() {
                let (meter, at, flags) = (reading.meter.unwrap(), reading.at.unwrap().0 / 1_000_000, reading.flags);
                let samples = reading.values.filter_map(Result::ok);
                stored.extend(samples.map(|sample| (meter, at, sample.obis, sample.value, flags)));
            }
        }
        stored
    }

    /// The values of a register of the location, by the start of their rows. The last one wins.
    fn rows(&self, obis: Obis, length: i64) -> BTreeMap<i64, f64> {
        let own =
            self.stored().into_iter().filter(|(meter, _, found, ..)| *meter == Scene::meter("") && *found == obis);
        own.map(|(_, at, _, value, _)| (at - length, value)).collect()
    }

    async fn until(&self, what: &str, holds: impl Fn(&Self) -> bool) {
        for _ in 0..4000 {
            if holds(self) {
                return;
            }
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
        panic!("not within 20 s: {what}; {:?}", self.fixture.sources);
    }

    fn number(&self, fact: &str) -> Option<f64> {
        match self.fixture.fact(fact) {
            Some(Fact::Number(number)) => Some(number),
            _ => None,
        }
    }

    /// Whether the past is fetched: only the overlap is left.
    fn is_done(&self) -> bool {
        self.fixture.state() == SourceState::Running && self.number("past_missing_minutes") <= Some(66.0)
    }

    async fn stop(&self) {
        let deadline = self.fixture.clock.monotonic() + Duration::from_secs(10);
        self.fixture.sources.stop(deadline);
        self.fixture.sources.join(deadline).await;
    }
}

fn now_ms() -> i64 {
    crate::clock::Clock::system().now().0 / 1_000_000
}

fn floor(millis: i64, step: i64) -> i64 {
    millis - millis.rem_euclid(step)
}

#[tokio::test(flavor = "multi_thread")]
async fn the_newest_rows_are_stored_once_and_a_corrected_one_again() {
    let scene = Scene::new(2);
    let running = scene.start();
    running.until("the past is fetched", Running::is_done).await;
    let rows = running.rows(HOUSE, FIVE_MS);
    assert!(rows.len() >= 22, "{rows:?}");
    assert!(rows.iter().all(|(start, value)| *value == consumption(*start, Aggregation::FiveMinutes)), "{rows:?}");
    let corrected = *rows.keys().next_back().unwrap();
    scene.cloud.correct(corrected, 99.5);
    running.until("the correction is there", |it| it.rows(HOUSE, FIVE_MS).get(&corrected) == Some(&99.5)).await;
    running.until("it is counted", |it| it.number("rows_corrected") >= Some(1.0)).await;
    let house = |(meter, at, obis, ..): &Stored| (*meter == Scene::meter("") && *obis == HOUSE).then_some(*at);
    let times: Vec<_> = running.stored().iter().filter_map(house).collect();
    let unique: BTreeSet<_> = times.iter().collect();
    assert_eq!(times.len(), unique.len() + 1, "only the corrected row is stored twice");
    // Old rows are flagged as fetched later, the newest ones are not.
    let flags =
        |at: i64| running.stored().into_iter().find(|(_, time, obis, ..)| *time == at && *obis == HOUSE).unwrap().4;
    assert_eq!(flags(*times.iter().min().unwrap()), Flags::GAP_REPAIR);
    assert_eq!(flags(*times.iter().max().unwrap()), Flags::NONE);
}

#[tokio::test(flavor = "multi_thread")]
async fn sensors_plugs_appliances_and_transformers_are_meters_of_their_own() {
    let scene = Scene::new(1);
    let running = scene.start();
    let has = |it: &Running, channel: &str, obis: [u8; 6], value: f64| {
        let meter = Scene::meter(channel);
        it.stored().iter().any(|(found, _, code, stored, _)| *found == meter && code.0 == obis && *stored == value)
    };
    running
        .until("all are there", |it| {
            has(it, "ct:4", [1, 0, 16, 29, 0, 255], 5.0)
                && has(it, "", [1, 0, 56, 29, 0, 255], 1.0)
                && has(it, "", [1, 0, 32, 5, 0, 255], 231.0)
                && has(it, "", [0, 0, 129, 3, 0, 255], 2.0)
                && has(it, "sensor:3", [7, 1, 129, 5, 0, 255], 0.03)
                && has(it, "sensor:3", [0, 0, 96, 9, 0, 255], 21.5)
                && has(it, "plug:9", [1, 0, 1, 29, 0, 255], 4.0)
                && has(it, "plug:9", [0, 0, 96, 3, 10, 255], 1.0)
                && has(it, "plug:9", [0, 0, 128, 23, 1, 255], 1.0)
                && has(it, "appliance:1", [0, 0, 128, 23, 2, 255], 1200.0)
                && has(it, "appliance:1", [0, 0, 129, 4, 132, 255], 3.5)
        })
        .await;
    running.until("a second run is over", |_| scene.count("/consumption?") >= 9).await;
    let plugs = running.stored().into_iter().filter(|(.., obis, _, _)| obis.0 == [0, 0, 96, 3, 10, 255]);
    assert_eq!(plugs.count(), 1, "an unchanged state is stored once an hour");
    assert_eq!(scene.count("/events?"), 1, "events are read once an hour");
    assert_eq!(scene.count("/costanalysis?"), 4, "costs are read once a day, of two months and two years");
    for (number, interval) in [(3, 132), (4, 138)] {
        assert_eq!(scene.count(&format!("/costanalysis?aggregation={number}&")), 2);
        assert!(has(&running, "appliance:1", [0, 0, 129, 4, interval, 255], 3.5));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_past_has_five_minutes_where_the_cloud_keeps_them_else_hours_else_days_and_a_restart_continues() {
    let scene = Scene::new(12 * 24);
    scene.cloud.keep_days(2, 4);
    let before = now_ms();
    let running = scene.start();
    running.until("the past is fetched", Running::is_done).await;
    let fine = running.rows(HOUSE, FIVE_MS);
    let (hours, days) = (running.rows(HOUSE_HOUR, HOUR_MS), running.rows(HOUSE_DAY, 0));
    let expected = |from: i64, to: i64, step: i64| {
        (floor(from + step, step)..floor(to, step)).step_by(usize::try_from(step).unwrap())
    };
    for start in expected(before - 2 * DAY_MS + HOUR_MS, before, FIVE_MS) {
        assert_eq!(fine.get(&start), Some(&consumption(start, Aggregation::FiveMinutes)), "{start}");
    }
    for start in expected(before - 4 * DAY_MS + HOUR_MS, before - 3 * DAY_MS, HOUR_MS) {
        assert_eq!(hours.get(&start), Some(&consumption(start, Aggregation::Hour)), "{start}");
    }
    for start in expected(before - 12 * DAY_MS, before - 5 * DAY_MS, DAY_MS) {
        assert_eq!(days.get(&start), Some(&consumption(start, Aggregation::Day)), "{start}");
    }
    // Coarse rows are stored only where finer ones are missing.
    assert!(hours.keys().all(|start| *start < before - 2 * DAY_MS + HOUR_MS), "{hours:?}");
    running.stop().await;
    let (asked, logins) = (scene.count("/consumption?"), scene.cloud.grants());
    assert_eq!(logins, (1, 0));
    let again = scene.start();
    again.until("it runs again", Running::is_done).await;
    assert!(scene.count("/consumption?") < asked + 30, "the past is not fetched again");
    assert_eq!(scene.cloud.grants(), (1, 1), "the stored refresh token is used");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refresh_token_is_used_once_and_an_expired_access_token_is_replaced_once() {
    let scene = Scene::new(1);
    let running = scene.start();
    running.until("it runs", Running::is_done).await;
    assert_eq!(scene.cloud.grants(), (1, 0));
    scene.cloud.expire();
    running.until("a new token is used", |_| scene.cloud.grants() == (1, 1)).await;
    scene.cloud.expire();
    running.until("and again", |_| scene.cloud.grants() == (1, 2)).await;
    // The login was ended elsewhere: the password makes a new one.
    scene.cloud.revoke();
    running.until("by password", |_| scene.cloud.grants() == (2, 2)).await;
    scene.cloud.change_password();
    scene.cloud.revoke();
    running.until("it is misconfigured", |it| it.fixture.state() == SourceState::Misconfigured).await;
    let why = running.fixture.sources.descriptions()[0].why.clone().unwrap();
    assert!(why.contains("password_file"), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn events_of_a_long_outage_are_read_day_by_day_without_a_hole() {
    let mut scene = Scene::new(1);
    scene.backfill = Duration::from_hours(240);
    let begun = now_ms();
    let until = begun - 3 * DAY_MS;
    let file = scene.directory.path().join("smappee-progress-smappee.json");
    let progress = std::collections::BTreeMap::from([("4711", begun), ("4711/events", until)]);
    std::fs::write(file, crate::base::checked::to_json(&progress).unwrap()).unwrap();
    let running = scene.start();
    let ranges = || -> Vec<[i64; 2]> {
        let lines = scene.cloud.lines().into_iter().filter(|line| line.contains("/events?"));
        let number = |line: &str, name: &str| {
            let (_, rest) = line.split_once(name).unwrap();
            rest.split(|c: char| !c.is_ascii_digit()).next().unwrap().parse().unwrap()
        };
        lines.map(|line| ["&from=", "&to="].map(|name| number(&line, name))).collect()
    };
    running.until("the present is reached", |_| ranges().last().is_some_and(|[_, to]| *to >= begun)).await;
    let ranges = ranges();
    assert_eq!(ranges[0][0], until - 3 * HOUR_MS, "{ranges:?}");
    assert!(ranges.iter().all(|[from, to]| to - from <= DAY_MS), "{ranges:?}");
    assert!(ranges.windows(2).all(|pair| pair[1][0] == pair[0][1] - 3 * HOUR_MS), "{ranges:?}");
    assert_eq!(ranges.len(), 4);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_is_not_used_before_its_refresh_token_is_on_disk() {
    let scene = Scene::new(1);
    // No new file can take this place.
    let obstacle = scene.directory.path().join("smappee-tokens.json.new");
    std::fs::create_dir(&obstacle).unwrap();
    let running = scene.start();
    running.until("it is failing", |it| it.fixture.state() == SourceState::Failing).await;
    assert!(scene.cloud.grants().0 >= 1);
    assert_eq!(scene.count("GET "), 0, "{:?}", scene.cloud.lines());
    std::fs::remove_dir(&obstacle).unwrap();
    running.until("it runs", Running::is_done).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_faults_and_pages_of_the_cloud_lose_nothing() {
    let scene = Scene::new(3);
    scene.cloud.token_trouble([Trouble::Status(503, None), Trouble::Page]);
    scene.cloud.trouble([
        Trouble::Status(429, Some(0)),
        Trouble::Cut,
        Trouble::Status(500, None),
        Trouble::Status(500, None),
        Trouble::Status(500, None),
        Trouble::Page,
        Trouble::Status(502, None),
    ]);
    let running = scene.start();
    running.until("the past is fetched", Running::is_done).await;
    let rows = running.rows(HOUSE, FIVE_MS);
    let (first, last) = (*rows.keys().next().unwrap(), *rows.keys().next_back().unwrap());
    assert_eq!(i64::try_from(rows.len()).unwrap(), (last - first) / FIVE_MS + 1, "no row is missing");
    assert!(rows.len() >= 34, "{rows:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_location_whose_configuration_fails_stops_no_other_and_is_followed_when_it_comes() {
    let scene = Scene::new(1);
    scene.cloud.set_locations(&[4712, 4711]);
    scene.cloud.fail("/4712/meteringconfiguration", 500);
    scene.cloud.fail("/4711/info", 500);
    let running = scene.start();
    running.until("the other has rows", |it| !it.rows(HOUSE, FIVE_MS).is_empty()).await;
    running.until("it is failing", |it| it.fixture.state() == SourceState::Failing).await;
    let why = running.fixture.sources.descriptions()[0].why.clone().unwrap();
    assert!(why.starts_with("location 4712: "), "{why}");
    assert_eq!(scene.count("/4712/consumption"), 0, "without its transformers, values would be of other meters");
    scene.cloud.heal();
    running.until("both are followed", Running::is_done).await;
    assert!(scene.count("/4712/consumption") > 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_call_does_not_count_as_fetched() {
    for status in [403, 404, 400] {
        let scene = Scene::new(36);
        scene.cloud.fail("/4711/consumption", status);
        let running = scene.start();
        running.until("it was refused twice", |_| scene.count("/4711/consumption") > 3).await;
        running.until("it is failing", |it| it.fixture.state() == SourceState::Failing).await;
        scene.cloud.heal();
        running.until("the past is fetched", Running::is_done).await;
        assert!(running.rows(HOUSE, FIVE_MS).len() >= 35 * 12, "{status}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_that_fails_stops_no_other_of_its_location() {
    let scene = Scene::new(36);
    for part in ["/sensor/3/", "/actuator/9/state", "/events", "/costanalysis"] {
        scene.cloud.fail(part, 500);
    }
    let running = scene.start();
    let has = |it: &Running, channel: &str, obis: [u8; 6]| {
        it.stored().iter().filter(|(meter, _, code, ..)| *meter == Scene::meter(channel) && code.0 == obis).count()
    };
    running.until("the past of the site is there", |it| it.rows(HOUSE, FIVE_MS).len() >= 35 * 12).await;
    running.until("and the other state", |it| has(it, "plug:9", [0, 0, 128, 23, 1, 255]) > 0).await;
    running.until("it is failing", |it| it.fixture.state() == SourceState::Failing).await;
    let temperature = [0, 0, 96, 9, 0, 255];
    assert_eq!(has(&running, "sensor:3", temperature), 0);
    scene.cloud.heal();
    running.until("the past of the sensor is there", |it| has(it, "sensor:3", temperature) >= 35 * 12).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_begins_where_the_limit_ended_the_last_one() {
    let scene = Scene::new(1);
    scene.cloud.set_locations(&[4711, 4712]);
    scene.cloud.fail("/4712/", 429);
    let running = scene.start();
    running.until("three runs are over", |_| scene.count("/4712/") > 6).await;
    let lines = scene.cloud.lines();
    let after = lines.iter().skip_while(|line| !line.contains("/4712/"));
    assert_eq!(after.filter(|line| line.contains("/4711/")).count(), 0, "{lines:?}");
    scene.cloud.heal();
    running.until("all are followed", Running::is_done).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wait_that_the_cloud_asks_for_is_kept() {
    let scene = Scene::new(1);
    scene.cloud.trouble([Trouble::Status(429, Some(600))]);
    let running = scene.start();
    running.until("it is failing", |it| it.fixture.state() == SourceState::Failing).await;
    tokio::time::sleep(Duration::from_millis(300)).await;
    assert_eq!(scene.cloud.lines().len(), 2, "the token and the refused request: {:?}", scene.cloud.lines());
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_fill_an_outage_of_mqtt_under_codes_of_their_own_and_the_gap_is_closed_as_repaired() {
    let scene = Scene::new(1);
    let running = scene.start();
    running.until("it runs", Running::is_done).await;
    // Another source brought the meter's readings every ten seconds, then nothing for five hours.
    let meter = Scene::meter("");
    let end = UnixNanos(now_ms() * 1_000_000);
    let back = |seconds: i64| end.saturating_add(-seconds * 1_000_000_000);
    let seen = |at| SeenReading { meter, at, has_counter: false, is_repair: false, is_row: false };
    for number in (0..20).rev() {
        let at = back(6 * 3600 + number * 10);
        running.coverage.note("mqtt", at, [seen(at)].into_iter());
    }
    // Rows that follow do not hide that the monitor is silent.
    let row = |at, is_repair| SeenReading { at, is_repair, is_row: true, ..seen(at) };
    running.coverage.note("smappee", back(3 * 3600), [row(back(3 * 3600), false)].into_iter());
    running.coverage.note("mqtt", back(3600), [seen(back(3600))].into_iter());
    assert_eq!(running.coverage.gaps().len(), 1);
    running.until("rows were fetched", |it| it.number("gaps_fetched") >= Some(1.0)).await;
    let filled = running.rows(HOUSE, FIVE_MS);
    for start in
        (floor(back(6 * 3600).0 / 1_000_000, FIVE_MS)..floor(back(3600).0 / 1_000_000, FIVE_MS)).step_by(300_000)
    {
        assert!(filled.contains_key(&start), "{start}");
    }
    let codes: BTreeSet<_> = running.stored().into_iter().map(|(_, _, obis, ..)| obis.0[3]).collect();
    assert!(!codes.contains(&7), "no instantaneous value is made up: {codes:?}");
    // The rows as gap detection sees them.
    running.coverage.note("smappee", end, [row(back(5 * 3600), true)].into_iter());
    running.coverage.judge(end);
    let gap = running.coverage.gaps().remove(0).0;
    assert_eq!((gap.state, gap.repaired, gap.source.as_str()), (GapState::Repaired, 1, "mqtt"));
    assert!(scene.count("/consumption?") < 100, "one request for all meters and not more");
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_that_are_missing_at_first_are_fetched_when_the_cloud_has_them() {
    let scene = Scene::new(1);
    let now = now_ms();
    let hole = (floor(now, FIVE_MS) - 40 * 60_000, floor(now, FIVE_MS) - 20 * 60_000);
    scene.cloud.lose(hole.0, hole.1);
    let running = scene.start();
    running.until("it runs", Running::is_done).await;
    assert!(!running.rows(HOUSE, FIVE_MS).contains_key(&hole.0));
    scene.cloud.find();
    running.until("the hole is closed", |it| it.rows(HOUSE, FIVE_MS).contains_key(&hole.0)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn no_token_password_or_uuid_is_journaled_stored_or_shown() {
    let scene = Scene::new(24);
    let running = scene.start();
    running.until("it runs", Running::is_done).await;
    scene.cloud.expire();
    running.until("a new token is used", |_| scene.cloud.grants() == (1, 1)).await;
    let mut texts = vec![format!("{:?} {:?}", running.fixture.sources, scene.account())];
    let contexts = &running.fixture.contexts;
    let (_, kept) = contexts.newest_of(&["smappee".to_owned()], &Scene::meter("").to_string(), "").unwrap();
    texts.push(String::from_utf8_lossy(&kept).into_owned());
    assert!(texts[1].contains("powerTopicIndex") && running.fixture.holds(&kept), "the map is journaled: {}", texts[1]);
    let mut reader = running.fixture.journal.view().reader(crate::journal::Sequence::FIRST).unwrap();
    while let Some(record) = reader.read().unwrap() {
        texts.push(String::from_utf8_lossy(record.payload).into_owned());
    }
    let files = std::fs::read_dir(scene.directory.path()).unwrap().map(|entry| entry.unwrap().path());
    texts.extend(files.filter_map(|file| Some(String::from_utf8_lossy(&std::fs::read(file).ok()?).into_owned())));
    assert!(texts.len() > 5);
    let secrets = ["hunter2", SmappeeCloud::UUID, &SmappeeCloud::UUID.to_uppercase()];
    for text in texts {
        assert_eq!(secrets.iter().find(|secret| text.contains(**secret)), None, "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_meters_are_described_with_role_phase_site_and_tariff() {
    let scene = Scene::new(1);
    let running = scene.start();
    let described = || {
        let mut versions = Vec::new();
        let mut reader = running.fixture.journal.view().reader(crate::journal::Sequence::FIRST).unwrap();
        while let Some(record) = reader.read().unwrap() {
            if record.header.format == PayloadFormat::Meters.number() {
                versions.extend(wire::meters::versions(record.payload).unwrap());
            }
        }
        versions
    };
    running.until("they are described", |_| !described().is_empty()).await;
    let of = |channel: &str| {
        let meter = Scene::meter(channel);
        let found = described().into_iter().find(|version| version.meter == meter);
        found.unwrap_or_else(|| panic!("{channel}: {:?}", described())).description
    };
    let site = of("");
    assert_eq!(
        (site.name.as_str(), site.serial.as_str(), site.model.as_str()),
        ("Workshop", "5010004711", "Smappee Genius")
    );
    assert_eq!(
        (site.time_zone.as_str(), site.tariff.as_str(), site.currency.as_str()),
        ("Europe/Brussels", "0.25", "EUR")
    );
    assert_eq!(
        (site.role.label(), of("ct:4").role.label(), of("plug:9").role.label()),
        ("grid", "production", "appliance")
    );
    assert_eq!((of("ct:4").name.as_str(), of("ct:4").site.as_str()), ("Roof", "Workshop"));
    assert_eq!((of("plug:9").model.as_str(), of("sensor:3").name.as_str()), ("Smappee Switch", "Boiler"));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_logs_in_and_stores_nothing_and_a_missing_location_is_named() {
    let scene = Scene::new(1);
    let account = Account { locations: Some(vec!["4711".to_owned(), "1".to_owned()]), ..scene.account() };
    let said = account.connect(crate::clock::Clock::system()).await.unwrap();
    assert_eq!(said, "sees 1 locations and reads 1");
    assert_eq!(std::fs::read_dir(scene.directory.path()).unwrap().count(), 0);
    let running = scene.start_with(account);
    running.until("it is named", |it| it.fixture.fact("locations_not_seen") == Some(Fact::from("1"))).await;
    scene.cloud.change_password();
    assert!(scene.account().connect(crate::clock::Clock::system()).await.is_err());
}

#[test]
fn only_what_reads_is_ever_sent() {
    let permits = |method: &str, target: &str| {
        client::ALLOWED.permits(&method.parse().unwrap(), &format!("https://h{target}").parse().unwrap())
    };
    assert!(permits("GET", "/dev/v3/servicelocation/1/actuator/9/state") && permits("POST", "/dev/v3/oauth2/token"));
    for (method, target) in [
        ("POST", "/dev/v3/servicelocation/1/actuator/9/on"),
        ("POST", "/dev/v3/servicelocation"),
        ("GET", "/dev/v3/servicelocation/1/actuator/9/on"),
        ("PATCH", "/dev/v3/servicelocation/1"),
        ("DELETE", "/dev/v3/servicelocation/1"),
        ("PUT", "/dev/v3/chargingstations/1/connectors/1/mode"),
    ] {
        assert!(!permits(method, target), "{method} {target}");
    }
}
