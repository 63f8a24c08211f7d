//! Versions: which changes make one, and the effect of a kill at any moment.

use super::history::{METERS_MAX, VERSIONS_MAX};
use super::*;
use crate::wire::meters::{Role, VendorCode, Version, versions};
use proptest::prelude::*;
use std::fs;
use std::time::Duration;
use tempfile::TempDir;
use uuid::Uuid;

const BEGIN: i64 = 1_700_000_000_000_000_000;

fn id(number: u128) -> MeterId {
    MeterId::from(Uuid::from_u128(number))
}

fn after(span: Duration) -> UnixNanos {
    UnixNanos(BEGIN + i64::try_from(span.as_nanos()).unwrap())
}

fn minutes(minutes: u64) -> UnixNanos {
    after(Duration::from_mins(minutes))
}

fn description(name: &str, serial: &str) -> Description {
    Description {
        name: name.to_owned(),
        serial: serial.to_owned(),
        vendor: "smart-me".to_owned(),
        family: VendorCode { number: 12, name: "three-phase".to_owned() },
        ..Description::default()
    }
}

fn descriptions(list: &[(u128, &str, &str)]) -> impl Iterator<Item = (MeterId, Description)> {
    list.iter().map(|(meter, name, serial)| (id(*meter), description(name, serial)))
}

/// Describes meters; `record` gets the body of new versions.
fn describe(
    meters: &Meters,
    source: &str,
    described: impl IntoIterator<Item = (MeterId, Description)>,
    now: UnixNanos,
    mut record: impl FnMut(&[u8]) -> Result<(), String>,
) -> Result<(), DescribeError> {
    let runtime = tokio::runtime::Builder::new_current_thread().build().unwrap();
    runtime.block_on(meters.describe(source, described, now, |body| std::future::ready(record(&body))))
}

/// A data directory, and the versions recorded from it.
struct Setup {
    directory: TempDir,
    meters: Meters,
    recorded: Vec<Version>,
}

impl Setup {
    fn new() -> Self {
        Self::with(Points::default())
    }

    fn with(points: Points) -> Self {
        let directory = TempDir::new().unwrap();
        let meters = Meters::open(directory.path(), points, UnixNanos(BEGIN));
        Self { directory, meters, recorded: Vec::new() }
    }

    fn restart(&mut self, points: Points, now: UnixNanos) {
        self.meters = Meters::open(self.directory.path(), points, now);
    }

    fn describe(&mut self, source: &str, list: &[(u128, &str, &str)], now: UnixNanos) -> Vec<Version> {
        let mut new = Vec::new();
        let record = |body: &[u8]| {
            new.extend(versions(body).unwrap());
            Ok(())
        };
        describe(&self.meters, source, descriptions(list), now, record).unwrap();
        self.recorded.extend(new.clone());
        new
    }

    /// The same, but ingest refuses the record.
    fn describe_refused(&mut self, list: &[(u128, &str, &str)], now: UnixNanos) {
        let refuse = |_: &[u8]| Err("the journal is full".to_owned());
        let refused = describe(&self.meters, "acme", descriptions(list), now, refuse).unwrap_err();
        assert!(refused.to_string().contains("the journal is full"), "{refused}");
    }

    /// The content of a store that replaces versions by key.
    fn stored(&self) -> Vec<Version> {
        let mut stored = std::collections::BTreeMap::new();
        for version in &self.recorded {
            stored.insert((version.meter, version.valid_from.0), version.clone());
        }
        stored.into_values().collect()
    }
}

/// From, to and name of versions.
fn outline(versions: &[Version]) -> Vec<(i64, Option<i64>, &str)> {
    let of = |version: &Version| (version.valid_from.0, version.valid_to.map(|at| at.0));
    versions.iter().map(|version| (of(version).0, of(version).1, version.description.name.as_str())).collect()
}

#[test]
fn the_first_version_is_valid_from_1970() {
    let mut setup = Setup::new();
    let new = setup.describe("acme", &[(1, "Cellar", "63-1")], minutes(0));
    assert_eq!(outline(&new), [(0, None, "Cellar")]);
    assert_eq!(new[0].source, "acme");
    assert_eq!(new[0].metering_point, id(1).to_string());
}

#[test]
fn another_name_or_serial_number_closes_a_version_and_opens_one() {
    let mut setup = Setup::new();
    setup.describe("acme", &[(1, "Cellar", "63-1")], minutes(0));
    let new = setup.describe("acme", &[(1, "Attic", "63-1")], minutes(10));
    assert_eq!(outline(&new), [(0, Some(minutes(10).0), "Cellar"), (minutes(10).0, None, "Attic")]);
    let new = setup.describe("acme", &[(1, "Attic", "63-2")], minutes(20));
    assert_eq!(outline(&new), [(minutes(10).0, Some(minutes(20).0), "Attic"), (minutes(20).0, None, "Attic")]);
    assert_eq!((new[0].description.serial.as_str(), new[1].description.serial.as_str()), ("63-1", "63-2"));
    assert_eq!(setup.stored().len(), 3);
}

#[test]
fn nothing_is_recorded_while_nothing_changes() {
    let mut setup = Setup::new();
    let list: &[_] = &[(1, "Cellar", "63-1")];
    setup.describe("acme", list, minutes(0));
    for hour in 1..100 {
        assert_eq!(setup.describe("acme", list, minutes(60 * hour)), [], "{hour}");
    }
}

#[test]
fn a_meter_that_vanished_and_came_back_as_it_was_makes_no_version() {
    let mut setup = Setup::new();
    setup.describe("acme", &[(1, "Cellar", "63-1"), (2, "Attic", "63-2")], minutes(0));
    assert_eq!(setup.describe("acme", &[(2, "Attic", "63-2")], minutes(70)), []);
    assert_eq!(setup.describe("acme", &[(1, "Cellar", "63-1"), (2, "Attic", "63-2")], minutes(100)), []);
    let new = setup.describe("acme", &[(1, "Roof", "63-1")], minutes(110));
    assert_eq!(outline(&new), [(0, Some(minutes(110).0), "Cellar"), (minutes(110).0, None, "Roof")]);
}

#[test]
fn a_kill_between_the_file_and_the_journal_repeats_the_same_versions() {
    let mut setup = Setup::new();
    setup.describe("acme", &[(1, "Cellar", "63-1")], minutes(0));
    setup.describe_refused(&[(1, "Attic", "63-1")], minutes(10));
    setup.restart(Points::default(), minutes(20));
    let new = setup.describe("acme", &[(1, "Attic", "63-1")], minutes(20));
    assert_eq!(outline(&new), [(0, Some(minutes(10).0), "Cellar"), (minutes(10).0, None, "Attic")]);
    assert_eq!(setup.describe("acme", &[(1, "Attic", "63-1")], minutes(21)), []);
    assert_eq!(setup.stored().len(), 2, "one change, two versions");
}

#[test]
fn a_start_records_all_versions_again_as_they_were() {
    let mut setup = Setup::new();
    setup.describe("acme", &[(1, "Cellar", "63-1"), (2, "Roof", "63-2")], minutes(0));
    setup.describe("acme", &[(1, "Attic", "63-1")], minutes(10));
    let stored = setup.stored();
    setup.restart(Points::default(), minutes(20));
    assert_eq!(setup.describe("acme", &[(1, "Attic", "63-1")], minutes(20)), stored);
    assert_eq!(setup.describe("acme", &[(1, "Attic", "63-1")], minutes(21)), []);
}

#[test]
fn no_new_version_is_made_before_the_pending_ones_are_recorded() {
    let mut setup = Setup::new();
    setup.describe_refused(&[(1, "Cellar", "63-1")], minutes(0));
    setup.describe_refused(&[(1, "Attic", "63-1")], minutes(1));
    let new = setup.describe("acme", &[(1, "Roof", "63-1")], minutes(2));
    let changed = minutes(2).0;
    assert_eq!(outline(&new), [(0, None, "Cellar"), (0, Some(changed), "Cellar"), (changed, None, "Roof")]);
}

#[test]
fn after_a_damaged_file_old_versions_stay_and_all_meters_get_new_ones_from_now_on() {
    let mut setup = Setup::new();
    setup.describe("acme", &[(1, "Cellar", "63-1")], minutes(0));
    setup.describe("acme", &[(1, "Attic", "63-1")], minutes(10));
    let file = setup.directory.path().join("meters.json");
    fs::write(&file, b"{\"unknown").unwrap();
    setup.restart(Points::default(), minutes(20));
    // Also after a kill before the first description.
    setup.restart(Points::default(), minutes(25));
    let new = setup.describe("acme", &[(1, "Roof", "63-1"), (2, "New", "63-2")], minutes(30));
    assert_eq!(outline(&new), [(minutes(20).0, None, "Roof"), (minutes(20).0, None, "New")]);
    let kept = fs::read(setup.directory.path().join("meters.json.damaged")).unwrap();
    assert_eq!(kept, b"{\"unknown");
    let stored = setup.stored();
    let names: Vec<_> = outline(&stored).into_iter().map(|(_, _, name)| name).collect();
    assert_eq!(names, ["Cellar", "Attic", "Roof", "New"]);
}

#[test]
fn without_a_writable_file_nothing_is_recorded() {
    let mut setup = Setup::new();
    fs::create_dir(setup.directory.path().join("meters.json.new")).unwrap();
    let list = [(id(1), description("Cellar", "63-1"))];
    let error = describe(&setup.meters, "acme", list, minutes(0), |_| panic!("not on disk yet")).unwrap_err();
    assert!(matches!(error, DescribeError::File { .. }) && error.to_string().contains("meters.json"), "{error}");
    fs::remove_dir(setup.directory.path().join("meters.json.new")).unwrap();
    assert_eq!(outline(&setup.describe("acme", &[], minutes(1))), [(0, None, "Cellar")]);
}

#[tokio::test]
async fn a_slow_record_of_one_account_blocks_no_thread_and_the_next_account_comes_after_it() {
    let setup = Setup::new();
    let (begun, (release, released)) = (tokio::sync::Notify::new(), tokio::sync::oneshot::channel::<()>());
    let mut released = Some(released);
    let slow = setup.meters.describe("acme", descriptions(&[(1, "Cellar", "63-1")]), minutes(0), |_| {
        begun.notify_one();
        let released = released.take();
        async move { released.unwrap().await.map_err(|error| error.to_string()) }
    });
    let next = setup.meters.describe("other", descriptions(&[(2, "Attic", "63-2")]), minutes(0), |_| async { Ok(()) });
    let (mut slow, mut next) = (Box::pin(slow), Box::pin(next));
    tokio::select! {
        _ = &mut slow => panic!("it is not recorded yet"),
        () = begun.notified() => {}
    }
    tokio::select! {
        biased;
        _ = &mut next => panic!("it is not its turn"),
        () = async {} => {}
    }
    assert!(setup.meters.0.history.try_lock().is_some(), "a thread that waits for it would be blocked");
    release.send(()).unwrap();
    assert!(slow.await.is_ok() && next.await.is_ok());
    assert_eq!(setup.meters.0.history.lock().meters.len(), 2);
}

#[tokio::test]
async fn what_many_sources_describe_during_a_slow_record_is_written_in_the_next_turn_together() {
    let setup = Setup::new();
    let (release, released) = tokio::sync::oneshot::channel::<()>();
    let mut released = Some(released);
    let slow = setup.meters.describe("first", descriptions(&[(1, "Cellar", "63-1")]), minutes(0), |_| {
        let released = released.take();
        async move { released.unwrap().await.map_err(|error| error.to_string()) }
    });
    let recorded = Mutex::new(Vec::new());
    let record = |body: Vec<u8>| {
        recorded.lock().push(versions(&body).unwrap().len());
        async { Ok(()) }
    };
    let others = [(2, "second"), (3, "third"), (4, "fourth")].map(|(meter, source)| {
        let described = [(id(meter), description("Attic", "63-2"))];
        setup.meters.describe(source, described, minutes(0), record)
    });
    let [second, third, fourth] = others;
    let release = async {
        while setup.meters.0.waiting.lock().len() < 3 {
            tokio::task::yield_now().await;
        }
        release.send(()).unwrap();
    };
    let (first, second, third, fourth, ()) = tokio::join!(slow, second, third, fourth, release);
    assert!(first.is_ok() && second.is_ok() && third.is_ok() && fourth.is_ok());
    assert_eq!(*recorded.lock(), [3], "one write for three sources");
}

#[tokio::test]
async fn descriptions_that_another_turn_took_and_could_not_record_are_recorded_in_their_own() {
    let setup = Setup::new();
    let refused = setup
        .meters
        .describe("a", descriptions(&[(1, "Cellar", "63-1")]), minutes(0), |_| async { Err("full".to_owned()) });
    let mut recorded = 0;
    let taken = setup.meters.describe("b", descriptions(&[(2, "Attic", "63-2")]), minutes(0), |body| {
        recorded += versions(&body).unwrap().len();
        async { Ok(()) }
    });
    let (refused, taken) = tokio::join!(refused, taken);
    assert!(refused.is_err() && taken.is_ok());
    assert_eq!(recorded, 2);
}

#[test]
fn every_version_gets_the_metering_point_also_of_meters_no_longer_listed() {
    let mut points = Points::default();
    points.put(id(1), "house-1", None).unwrap();
    points.put(id(2), "house-1", None).unwrap();
    points.put(id(3), "house-2", None).unwrap();
    let mut setup = Setup::new();
    setup.describe("acme", &[(1, "Cellar", "63-1")], minutes(0));
    setup.describe("acme", &[(1, "Attic", "63-1")], minutes(10));
    setup.restart(points.clone(), minutes(20));
    let new = setup.describe("acme", &[], minutes(20));
    // Meters never listed get a version with only the point, completed later.
    let changed = minutes(10).0;
    assert_eq!(outline(&new), [(0, Some(changed), "Cellar"), (changed, None, "Attic"), (0, None, ""), (0, None, "")]);
    let placed: Vec<_> = new.iter().map(|version| version.metering_point.as_str()).collect();
    assert_eq!(placed, ["house-1", "house-1", "house-1", "house-2"]);
    let new = setup.describe("acme", &[(2, "Exchanged", "63-9")], minutes(30));
    assert_eq!(outline(&new), [(0, None, "Exchanged")]);
    assert_eq!(new[0].metering_point, "house-1");
    assert_eq!(points.put(id(1), "house-3", None), Err("house-1".to_owned()));
}

#[test]
fn a_configured_role_replaces_the_vendors_while_it_is_configured() {
    let mut setup = Setup::new();
    let of_vendor = |role| [(id(1), Description { role, ..description("Roof", "63-1") })];
    let roles = |meters: &Meters, role, now| {
        let mut new = Vec::new();
        let record = |body: &[u8]| {
            new.extend(versions(body).unwrap());
            Ok(())
        };
        describe(meters, "acme", of_vendor(role), now, record).unwrap();
        new.iter().map(|version| version.description.role).collect::<Vec<_>>()
    };
    assert_eq!(roles(&setup.meters, Role::Submeter, minutes(0)), [Role::Submeter]);
    let mut points = Points::default();
    points.put(id(1), "roof", Some(Role::Production)).unwrap();
    setup.restart(points, minutes(10));
    assert_eq!(roles(&setup.meters, Role::Submeter, minutes(10)), [Role::Production]);
    assert_eq!(roles(&setup.meters, Role::Submeter, minutes(20)), [Role::Unknown; 0], "it makes no version");
    setup.restart(Points::default(), minutes(30));
    assert_eq!(roles(&setup.meters, Role::Submeter, minutes(30)), [Role::Submeter]);
}

#[test]
fn a_gateway_missing_once_is_unchanged() {
    let setup = Setup::new();
    let seen_behind = |gateway: &str, now: UnixNanos| {
        let description = Description { gateway: gateway.to_owned(), ..description("Water", "7") };
        let mut new = Vec::new();
        let record = |body: &[u8]| {
            new.extend(versions(body).unwrap());
            Ok(())
        };
        describe(&setup.meters, "acme", [(id(1), description)], now, record).unwrap();
        new
    };
    seen_behind("cellar", minutes(0));
    assert_eq!(seen_behind("", minutes(1)), []);
    let new = seen_behind("attic", minutes(2));
    assert_eq!((new.len(), new[1].description.gateway.as_str()), (2, "attic"));
}

#[test]
fn a_customer_or_site_that_becomes_known_completes_a_version_and_a_change_opens_one() {
    let setup = Setup::new();
    let seen_at = |customer: &str, site: &str, now: UnixNanos| {
        let description =
            Description { customer: customer.to_owned(), site: site.to_owned(), ..description("Water", "7") };
        let mut new = Vec::new();
        let record = |body: &[u8]| {
            new.extend(versions(body).unwrap());
            Ok(())
        };
        describe(&setup.meters, "acme", [(id(1), description)], now, record).unwrap();
        new
    };
    seen_at("", "", minutes(0));
    let completed = seen_at("Miller", "House 1", minutes(1));
    assert_eq!(outline(&completed), [(0, None, "Water")]);
    assert_eq!(completed[0].description.site, "House 1");
    assert_eq!(seen_at("", "", minutes(2)), [], "a failed request changes nothing");
    let moved = seen_at("Miller", "House 2", minutes(3));
    assert_eq!(outline(&moved), [(0, Some(minutes(3).0), "Water"), (minutes(3).0, None, "Water")]);
}

#[test]
fn a_firmware_that_becomes_known_completes_a_version_and_an_update_or_another_role_opens_one() {
    let setup = Setup::new();
    let seen_at = |firmware: &str, role: Role, now: UnixNanos| {
        let description = Description { firmware: firmware.to_owned(), role, ..description("Grid", "7") };
        let mut new = Vec::new();
        let record = |body: &[u8]| {
            new.extend(versions(body).unwrap());
            Ok(())
        };
        describe(&setup.meters, "acme", [(id(1), description)], now, record).unwrap();
        new.into_iter()
            .map(|it| (it.description.firmware, it.description.role.label(), it.valid_to))
            .collect::<Vec<_>>()
    };
    assert_eq!(seen_at("", Role::Unknown, minutes(0)), [(String::new(), "", None)]);
    assert_eq!(seen_at("1.1", Role::Grid, minutes(1)), [("1.1".to_owned(), "grid", None)]);
    assert_eq!(seen_at("", Role::Unknown, minutes(2)), [], "a failed request changes nothing");
    let updated = seen_at("1.2", Role::Grid, minutes(3));
    assert_eq!(updated, [("1.1".to_owned(), "grid", Some(minutes(3))), ("1.2".to_owned(), "grid", None)]);
    assert_eq!(seen_at("1.2", Role::Storage, minutes(4)).len(), 2);
}

#[test]
fn a_tariff_has_room_for_a_contract_and_is_cut_beyond() {
    let setup = Setup::new();
    let tariff = "é".repeat(TARIFF_CHARS_MAX + 1);
    let described = Description { tariff, currency: "E".repeat(TEXT_CHARS_MAX + 1), ..description("Grid", "7") };
    let mut kept = Vec::new();
    let record = |body: &[u8]| {
        kept.extend(versions(body).unwrap().into_iter().map(|it| it.description));
        Ok(())
    };
    describe(&setup.meters, "acme", [(id(1), described)], minutes(0), record).unwrap();
    assert_eq!(kept[0].tariff.chars().count(), TARIFF_CHARS_MAX);
    assert_eq!(kept[0].currency.len(), TEXT_CHARS_MAX);
}

#[test]
fn two_accounts_that_see_one_meter_do_not_describe_it_in_turns() {
    let mut setup = Setup::new();
    setup.describe("acme", &[(1, "Cellar", "63-1")], minutes(0));
    assert_eq!(setup.describe("partner", &[(1, "Customer 7", "63-1")], minutes(1)), []);
    assert_eq!(setup.describe("acme", &[(1, "Cellar", "63-1")], minutes(60)), []);
    assert_eq!(setup.describe("partner", &[(1, "Customer 7", "63-1")], minutes(24 * 60)), []);
    // Also after a start, which counts as named.
    setup.restart(Points::default(), minutes(30 * 24 * 60));
    let again = setup.describe("partner", &[(1, "Customer 7", "63-1")], minutes(30 * 24 * 60 + 1));
    assert_eq!(outline(&again), [(0, None, "Cellar")]);
    let day_later = minutes(31 * 24 * 60);
    let new = setup.describe("partner", &[(1, "Customer 7", "63-1")], day_later);
    assert_eq!(outline(&new), [(0, Some(day_later.0), "Cellar"), (day_later.0, None, "Customer 7")]);
}

#[test]
fn a_source_that_names_the_site_takes_a_meter_over_from_one_that_does_not_and_keeps_it() {
    let setup = Setup::new();
    let of = |name: &str, site: &str| Description { site: site.to_owned(), ..description(name, "63-1") };
    let describe = |source: &str, description: Description, at: UnixNanos| {
        let mut recorded = Vec::new();
        let record = |body: &[u8]| {
            recorded.extend(versions(body).unwrap());
            Ok(())
        };
        describe(&setup.meters, source, [(id(1), description)], at, record).unwrap();
        recorded
    };
    describe("broker", of("", ""), minutes(0));
    assert_eq!(
        outline(&describe("account", of("Cellar", "Workshop"), minutes(1))),
        [(0, Some(minutes(1).0), ""), (minutes(1).0, None, "Cellar")]
    );
    assert_eq!(describe("broker", of("", ""), minutes(2)), []);
    assert_eq!(describe("account", of("Cellar", "Workshop"), minutes(3)), []);
    assert_eq!(describe("partner", of("Customer 7", "Workshop"), minutes(4)), []);
}

#[test]
fn a_clock_that_goes_back_makes_no_version_that_ends_before_it_begins() {
    let mut setup = Setup::new();
    setup.describe("acme", &[(1, "Cellar", "63-1")], minutes(0));
    setup.describe("acme", &[(1, "Attic", "63-1")], minutes(10));
    let new = setup.describe("acme", &[(1, "Roof", "63-1")], minutes(5));
    let at = minutes(10).0 + 1;
    assert_eq!(outline(&new), [(minutes(10).0, Some(at), "Attic"), (at, None, "Roof")]);
}

#[test]
fn meters_versions_and_texts_are_bounded_and_meters_not_listed_for_a_month_are_dropped() {
    let mut setup = Setup::new();
    let long = "é".repeat(TEXT_CHARS_MAX + 5);
    let all: Vec<_> = (1..=METERS_MAX as u128).map(|meter| (meter, long.as_str(), "63")).collect();
    let new = setup.describe("acme", &all, minutes(0));
    assert_eq!(new[0].description.name.chars().count(), TEXT_CHARS_MAX);
    assert_eq!(setup.describe("acme", &[(99, "One more", "63")], minutes(1)), []);
    for minute in 2..20 {
        let name = minute.to_string();
        setup.describe("acme", &[(1, &name, "63")], minutes(minute));
    }
    let history = setup.meters.0.history.lock().meters[&id(1)].versions.len();
    assert_eq!(history, VERSIONS_MAX);
    let month_later = after(history::FORGOTTEN_AFTER + Duration::from_mins(5));
    let new = setup.describe("acme", &[(99, "One more", "63")], month_later);
    assert_eq!(outline(&new), [(0, None, "One more")]);
    // A dropped meter has versions in the stores already, which must stay.
    let new = setup.describe("acme", &[(2, "Back", "63")], after(history::FORGOTTEN_AFTER * 2));
    assert_eq!(outline(&new), [(month_later.0, None, "Back")]);
}

proptest! {
    // Each step syncs a file.
    #![proptest_config(ProptestConfig::with_cases(32))]

    /// With any descriptions, refusals and restarts: each meter has one valid version, none
    /// overlaps another, and a store has the description of each time.
    #[test]
    fn versions_follow_each_other_without_a_gap(
        steps in prop::collection::vec((0_u8..3, "[ab]", any::<bool>(), any::<bool>()), 1..20)
    ) {
        let mut setup = Setup::new();
        for (minute, (meter, name, is_refused, is_restart)) in (0..).zip(steps) {
            let list: &[_] = &[(u128::from(meter) + 1, name.as_str(), "63")];
            let is_refused = is_refused && !setup.meters.0.history.lock().meters.is_empty();
            let described = |setup: &Setup, taken: bool| {
                let mut new = Vec::new();
                let record = |body: &[u8]| {
                    if !taken { return Err("no".to_owned()) }
                    new.extend(versions(body).unwrap());
                    Ok(())
                };
                describe(&setup.meters, "acme", descriptions(list), minutes(minute), record).ok();
                new
            };
            let new = described(&setup, !is_refused);
            setup.recorded.extend(new);
            if is_restart {
                setup.restart(Points::default(), minutes(minute));
            }
        }
        setup.describe("acme", &[], minutes(1000));
        prop_assert_eq!(setup.describe("acme", &[], minutes(1001)), []);
        let stored = setup.stored();
        for pair in stored.windows(2) {
            if pair[0].meter == pair[1].meter {
                prop_assert_eq!(pair[0].valid_to, Some(pair[1].valid_from));
                prop_assert_ne!(&pair[0].description, &pair[1].description);
            } else {
                prop_assert_eq!((pair[0].valid_to, pair[1].valid_from), (None, UnixNanos(0)));
            }
        }
        prop_assert_eq!(stored.last().map(|version| version.valid_to), Some(None));
    }

    #[test]
    fn no_file_makes_it_panic(bytes in prop::collection::vec(any::<u8>(), 0..64), text in "\\PC{0,64}") {
        for bytes in [bytes, text.into_bytes()] {
            let mut setup = Setup::new();
            fs::write(setup.directory.path().join("meters.json"), bytes).unwrap();
            setup.restart(Points::default(), minutes(1));
            prop_assert_eq!(setup.describe("acme", &[(1, "Cellar", "63")], minutes(2)).len(), 1);
        }
    }
}
