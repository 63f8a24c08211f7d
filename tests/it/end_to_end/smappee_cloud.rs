//! An account at Smappee's cloud, on the built program.

use crate::support::load::now_ns;
use crate::support::questdb::Client;
use crate::support::service::{Service, Setup};
use crate::support::stores::{Samples, of_questdb, of_sqlite};
use crate::support::wait;
use meterline::vendor::smappee::Location;
use meterline_load::devices::Clock;
use meterline_load::smappee::{Aggregation, SmappeeCloud, Wiring, consumption};
use meterline_load::{Body, Reading};
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(120);
const KIND: &str = "smappee";
const TABLE: &str = "e2e_smappee";
const SECOND_NS: i64 = 1_000_000_000;
const FIVE_NS: i64 = 300 * SECOND_NS;
const HOUSE: [u8; 6] = [0, 0, 129, 1, 0, 255];
const POWER: [u8; 6] = [1, 0, 16, 7, 0, 255];

fn site() -> [u8; 16] {
    *Location::of_uuid(SmappeeCloud::UUID.parse().unwrap()).meter("").as_bytes()
}

/// Readings of the location's meter by another source: every ten seconds, then none for five hours.
fn outage(end: i64) -> Vec<Body> {
    let seconds = (0..20).map(|number| 6 * 3600 + number * 10).rev().chain([3600]);
    let reading = |ago: i64| Reading { meter: site(), time_ns: end - ago * SECOND_NS, values: vec![(POWER, 7.0)] };
    seconds.map(|ago| Body::new(0, vec![reading(ago)])).collect()
}

pub(super) fn add_account(service: &Service, cloud: &SmappeeCloud) {
    let ((client, client_secret), (user, password)) = (SmappeeCloud::CLIENT, SmappeeCloud::USER);
    let secret = service.secret_file("client-secret", client_secret);
    let password = service.secret_file("smappee-password", password);
    let key = secret.with_file_name("token-key");
    service.append_configuration(&format!(
        "[[smappee]]\nname = \"cloud\"\nurl = \"{}\"\nclient_id = \"{client}\"\nclient_secret_file = {secret:?}\n\
         username = \"{user}\"\npassword_file = {password:?}\ntoken_key_file = {key:?}\nbackfill = \"12h\"\n\
         requests_per_minute = 6000\n",
        cloud.url().trim_end_matches('/')
    ));
}

/// Waits until a run is over, and everything is in the stores.
fn wait_for_run(service: &Service) {
    wait::until("the account was read", LIMIT, || service.source("cloud", KIND)["state"] == "running");
    service.wait_drained();
}

/// The five-minute rows of the location, by the start of each in milliseconds.
fn rows(samples: &Samples) -> Vec<(i64, f64)> {
    let own = samples.iter().filter(|(key, _)| key.meter == site() && key.obis == HOUSE);
    own.map(|(key, value)| ((key.time_ns - FIVE_NS) / 1_000_000, *value)).collect()
}

#[test]
fn rows_of_smappees_cloud_are_in_the_stores_fill_an_outage_and_go_on_after_a_kill_and_no_secret_is_shown() {
    let cloud = SmappeeCloud::start(Clock::new(|| now_ns() / SECOND_NS)).unwrap();
    let questdb = Client::shared();
    let setup = Setup {
        questdb: Some((questdb.url().to_owned(), TABLE.to_owned())),
        tables: "[log]\nlevel = \"trace\"",
        ..Setup::default()
    };
    let mut service = setup.start();
    service.post_all(&outage(now_ns()));
    service.wait_drained();
    assert!(service.stop().success());
    add_account(&service, &cloud);
    let checked = service.text_of(&["check", "--connect"]);
    assert!(checked.contains("account 'cloud' sees 1 locations and reads 1"), "{checked}");
    service.start_again();
    wait_for_run(&service);
    assert_eq!(service.source("cloud", KIND)["facts"]["gaps_fetched"], 1.0);
    let first = of_sqlite(&service.sqlite_file());
    let stored = rows(&first);
    assert!(stored.len() >= 140, "{}", stored.len());
    assert!(stored.iter().all(|(start, value)| *value == consumption(*start, Aggregation::FiveMinutes)));
    assert!(stored.windows(2).all(|pair| pair[1].0 - pair[0].0 == 300_000), "no row is missing");

    // The cloud corrects its newest row while the service is down.
    service.kill();
    let corrected = stored.last().unwrap().0;
    cloud.correct(corrected, 4321.5);
    service.start_again();
    wait_for_run(&service);
    wait::until("the gap is closed", LIMIT, || service.status()["missing"]["newest"][0]["state"] == "repaired");
    let in_sqlite = of_sqlite(&service.sqlite_file());
    assert!(rows(&in_sqlite).contains(&(corrected, 4321.5)));
    assert_eq!(rows(&in_sqlite)[..stored.len() - 1], stored[..stored.len() - 1]);
    assert_eq!(of_questdb(&questdb, TABLE), in_sqlite, "the same in both stores");
    assert_eq!(cloud.grants(), (2, 1), "by password for the check and at first, then by the stored refresh token");

    let mut shown = vec![service.log(), checked, service.text_of(&["sources"])];
    shown.extend(["/", "/flow", "/trouble", "/status.json", "/metrics"].map(|page| service.page(page).unwrap().1));
    shown.extend(service.data_texts().into_iter().map(|(_, text)| text));
    for text in shown {
        assert!(!text.contains("hunter2") && !text.to_lowercase().contains(SmappeeCloud::UUID), "{text}");
    }
    let files = std::fs::read_dir(service.data_directory().join("journal")).unwrap();
    for file in files.map(|entry| entry.unwrap().path()) {
        let bytes = std::fs::read(file).unwrap();
        assert!(!String::from_utf8_lossy(&bytes).contains(SmappeeCloud::UUID));
    }
}

#[test]
fn rows_of_both_sides_of_a_changed_configuration_are_decoded_again_by_the_configuration_of_their_time() {
    const GAS: [u8; 6] = [7, 1, 129, 5, 0, 255];
    let before = jiff::Timestamp::now().to_string();
    let cloud = SmappeeCloud::start(Clock::new(|| now_ns() / SECOND_NS)).unwrap();
    let mut service = Setup::default().start();
    assert!(service.stop().success());
    add_account(&service, &cloud);
    service.start_again();
    wait_for_run(&service);
    // The gas sensor is exchanged, and the clamps of two phases change places. The rows of the last hour are read again.
    service.kill();
    cloud.rewire(Wiring { pulses_per_unit: 10.0, grid: [1, 2, 0] });
    let corrected = rows(&of_sqlite(&service.sqlite_file())).last().unwrap().0;
    cloud.correct(corrected, 40.0);
    service.start_again();
    wait_for_run(&service);
    let sensor = *Location::of_uuid(SmappeeCloud::UUID.parse().unwrap()).meter("sensor:3").as_bytes();
    let live = of_sqlite(&service.sqlite_file());
    let gas: Vec<(i64, f64)> = live
        .iter()
        .filter(|(key, _)| key.meter == sensor && key.obis == GAS)
        .map(|(key, value)| ((key.time_ns - FIVE_NS) / 1_000_000, *value))
        .collect();
    assert!(gas.len() >= 140);
    for (start, volume) in gas {
        // Three pulses in each row.
        match corrected - start {
            0 => assert_eq!(volume, 4.0),
            ago if ago > 75 * 60_000 => assert_eq!(volume, 0.03, "{start}"),
            _ => assert!([0.03, 0.3].contains(&volume), "{start}: {volume}"),
        }
    }
    let phase = |start: i64, c: u8| {
        let time_ns = start * 1_000_000 + FIVE_NS;
        let found =
            live.iter().find(|(key, _)| (key.meter, key.time_ns, key.obis) == (site(), time_ns, [1, 0, c, 29, 0, 255]));
        found.map(|(_, value)| *value)
    };
    let earlier = corrected - 3 * 3_600_000;
    let energy = Some(consumption(earlier, Aggregation::FiveMinutes));
    assert_eq!((phase(earlier, 36), phase(earlier, 76), phase(corrected, 76)), (energy, Some(2.0), Some(40.0)));

    // Decoded again from the messages alone: what a redecode finds takes the place of what was stored.
    service.text_of(&["replay", "--sink", "sqlite", "--from", &before, "--redecode"]);
    let records = |outcome: &str| {
        service.metric(&format!("meterline_sink_redecoded_records_total{{sink=\"sqlite\",outcome=\"{outcome}\"}}"))
    };
    wait::until("it is replayed", LIMIT, || records("decoded") > 0.0);
    service.wait_drained();
    assert!(records("decoded") >= 20.0, "{}", records("decoded"));
    assert_eq!(records("kept"), 0.0);
    assert_eq!(of_sqlite(&service.sqlite_file()), live);
}
