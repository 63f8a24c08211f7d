//! Devices polled at smart-me, on the built program.

use crate::support::load::now_ns;
use crate::support::service::{ACCOUNT, Service, Setup};
use crate::support::stores::{Samples, of_questdb, of_sqlite};
use crate::support::stream::Stream;
use crate::support::{kafka, questdb, wait};
use meterline_load::cloud::{Cloud, CloudAccount, CloudDevice, CloudLogin, DeviceKind, Switches};
use meterline_load::{Body, Reading};
use std::collections::BTreeSet;
use std::time::Duration;
use uuid::Uuid;

const KIND: &str = "smart-me devices";
const KEY: &str = "an-api-key-that-must-stay-secret";
const LIMIT: Duration = Duration::from_secs(60);
const SECOND: i64 = 1_000_000_000;
const DEVICE: Uuid = Uuid::from_u128(0x8d2f_3c64_0c58_4a0e_9d1b_0b7a_3f5f_6f11);

/// A time at which devices measure: a little before the present.
fn present() -> i64 {
    now_ns() / (10 * SECOND) * (10 * SECOND)
}

fn cloud(devices: Vec<CloudDevice>, now: i64) -> Cloud {
    let mut account = CloudAccount::new(ACCOUNT, vec![CloudLogin::ApiKey(KEY.to_owned())]);
    account.devices = devices;
    let cloud = Cloud::start(vec![account], Switches::default()).unwrap();
    cloud.set_now(Some(now));
    cloud
}

/// The service, with this account polled at the cloud.
fn polled(setup: Setup, cloud: &Cloud, account: &str, lines: &str) -> Service {
    let mut service = setup.start();
    assert!(service.stop().success());
    let key = service.secret_file("api-key", KEY);
    service.append_configuration(&format!(
        "[[smart_me]]\naccount = \"{account}\"\napi_key_file = {key:?}\nurl = \"{}\"\npoll_every = \"1s\"\n\
         requests_per_minute = 6000\n{lines}",
        cloud.url()
    ));
    service.start_again();
    service
}

/// Waits until the list was requested after now.
fn wait_for_a_list(cloud: &Cloud) {
    let lists = || cloud.requests().iter().filter(|request| request.what == "GET /Devices").count();
    let before = lists();
    wait::until("devices are asked for again", LIMIT, || lists() > before + 1);
}

fn keys(samples: &Samples) -> Vec<([u8; 6], i64)> {
    samples.keys().map(|key| (key.obis, key.time_ns)).collect()
}

#[test]
fn an_account_without_a_webhook_is_asked_and_goes_into_every_store() {
    let (store, brokers) = (questdb::Client::shared(), kafka::shared());
    let now = present();
    let devices = vec![
        CloudDevice::new(DEVICE, 900.0),
        CloudDevice::of(DeviceKind::ColdWater, Uuid::from_u128(2), 900.0),
        CloudDevice::of(DeviceKind::Odd, Uuid::from_u128(3), 900.0),
    ];
    let cloud = cloud(devices, now);
    let setup = Setup::with_all_sinks("e2e_polling");
    let mut service = polled(setup, &cloud, "by-rest", "");
    let taken = "meterline_source_readings_total{source=\"by-rest\",kind=\"smart-me devices\"}";
    wait::until("both meters are there", LIMIT, || service.metric(taken) == 2.0);
    cloud.set_now(Some(now + 13 * SECOND));
    wait::until("both have new values", LIMIT, || service.metric(taken) == 4.0);
    wait_for_a_list(&cloud);
    assert_eq!(service.metric(taken), 4.0, "what did not change is not taken again");
    service.wait_drained();

    let stored = of_sqlite(&service.sqlite_file());
    let (first, second) = (now, now + 10 * SECOND);
    let electricity = [[1, 7, 0], [1, 8, 0], [16, 8, 1], [16, 8, 2], [2, 8, 0], [31, 7, 0], [32, 7, 0]];
    let mut expected: Vec<_> = electricity.iter().map(|[c, d, e]| [1, 0, *c, *d, *e, 255]).collect();
    expected.push([8, 0, 1, 0, 0, 255]);
    let mut expected: Vec<_> = expected.into_iter().flat_map(|code| [(code, first), (code, second)]).collect();
    let mut found = keys(&stored);
    expected.sort_unstable();
    found.sort_unstable();
    assert_eq!(found, expected);
    let import = stored.iter().find(|(key, _)| key.obis == [1, 0, 1, 8, 0, 255] && key.time_ns == second).unwrap();
    let counted = CloudDevice::new(DEVICE, 900.0).values(second)[0].1;
    assert!((import.1 - counted).abs() < 1e-3, "{} and {counted}", import.1);
    assert_eq!(of_questdb(&store, "e2e_polling"), stored);
    let stream = Stream::read(&brokers, "e2e_polling");
    assert_eq!(stream.samples(), stored);
    assert_eq!(stream.counts().values().sum::<usize>(), 4, "one message a reading");

    let facts = service.source("by-rest", KIND)["facts"].clone();
    assert!(facts["values_with_unknown_unit"].as_f64() >= Some(1.0), "{facts}");
    assert!(facts["values_unreadable"].as_f64() >= Some(1.0), "{facts}");
    for why in ["furlongs", "field activepower"] {
        assert_eq!(service.log().matches(why).count(), 1, "{why} is logged once");
    }
    assert_eq!(facts["meters_stale"], 0.0);
    service.kill();
    service.start_again();
    wait_for_a_list(&cloud);
    service.wait_drained();
    assert_eq!(of_sqlite(&service.sqlite_file()), stored, "a start repeats nothing else");
    service.text_of(&["replay", "--sink", "sqlite", "--from", "1970-01-01T00:00:00Z", "--redecode"]);
    let redecoded = |outcome| {
        service.metric(&format!("meterline_sink_redecoded_records_total{{sink=\"sqlite\",outcome=\"{outcome}\"}}"))
    };
    wait::until("every list is decoded again", LIMIT, || redecoded("decoded") >= 2.0);
    service.wait_drained();
    assert_eq!((redecoded("kept"), of_sqlite(&service.sqlite_file())), (0.0, stored));
    assert_no_secret_in(&service);
}

#[test]
fn a_polled_value_never_takes_the_place_of_one_that_the_webhook_brought() {
    let now = present();
    let cloud = cloud(Vec::new(), now);
    let device = CloudDevice::new(DEVICE, 900.0);
    let mut service = polled(Setup::default(), &cloud, ACCOUNT, "poll = \"store\"");
    let post = |service: &Service, body: &Body| {
        service.post_all([body]);
        service.wait_drained();
    };
    post(&service, &device.body(now));
    let brought = of_sqlite(&service.sqlite_file());
    cloud.change_account(ACCOUNT, |account| account.devices.push(device.clone()));
    wait_for_a_list(&cloud);
    service.wait_drained();
    assert_eq!(of_sqlite(&service.sqlite_file()), brought, "the webhook brought it");
    service.kill();
    service.start_again();
    wait_for_a_list(&cloud);
    service.wait_drained();
    assert_eq!(of_sqlite(&service.sqlite_file()), brought, "and that is known after a start");

    let later = now + 10 * SECOND;
    cloud.set_now(Some(later));
    let import = |service: &Service| {
        let stored = of_sqlite(&service.sqlite_file());
        stored.iter().find(|(key, _)| key.obis == [1, 0, 1, 8, 0, 255] && key.time_ns == later).map(|(_, value)| *value)
    };
    wait::until("what did not come is polled", LIMIT, || import(&service).is_some());
    let exact = device.values(later)[0].1;
    assert_ne!(import(&service), Some(exact), "with the noise of a float");
    post(&service, &device.body(later));
    assert_eq!(import(&service), Some(exact), "the webhook's takes its place");
    wait_for_a_list(&cloud);
    service.wait_drained();
    assert_eq!(import(&service), Some(exact));
    let stored = of_sqlite(&service.sqlite_file());
    let is_power = |code: &[u8; 6]| matches!(code, [1, 0, 1 | 2 | 16, 7, 0, 255]);
    let powers: BTreeSet<_> = stored.keys().map(|key| key.obis).filter(is_power).collect();
    assert_eq!(powers.len(), 1, "one series for the power of a meter that is polled and posted: {powers:?}");
}

#[test]
fn by_default_who_has_a_webhook_is_only_watched_and_the_webhooks_unit_is_checked() {
    let now = present();
    let mut dead = CloudDevice::new(Uuid::from_u128(9), 0.0);
    dead.silent_since = Some(now - 96 * 86_400 * SECOND);
    let device = CloudDevice::new(DEVICE, 900.0);
    let cloud = cloud(vec![device.clone(), dead], now);
    let service = polled(Setup::default(), &cloud, ACCOUNT, "");
    let gauge = |fact: &str| {
        service.metric(&format!("meterline_source_fact{{source=\"{ACCOUNT}\",kind=\"{KIND}\",fact=\"{fact}\"}}"))
    };
    wait::until("it is watched", LIMIT, || gauge("meters_stale") == 1.0);
    assert_eq!(gauge("oldest_value_seconds"), 96.0 * 86_400.0);
    // A number is a metric at once, and on the page at the end of the run.
    wait::until("the page has it", LIMIT, || service.source(ACCOUNT, KIND)["facts"]["mode"] == "watch");
    service.wait_drained();
    assert!(of_sqlite(&service.sqlite_file()).is_empty(), "no reading is stored");

    let post = |factor: f64, at: i64| {
        let values = device.values(at).into_iter().map(|(code, value)| (code, value * factor)).collect();
        service.post_all([&Body::new(0, vec![Reading { meter: *DEVICE.as_bytes(), time_ns: at, values }])]);
    };
    let said = || service.log().matches("nothing is corrected").count();
    post(1.0, now);
    wait::until("the unit is checked", LIMIT, || gauge("unit_factor") == 1.0);
    assert_eq!(said(), 0);
    post(1000.0, now + 10 * SECOND);
    cloud.set_now(Some(now + 10 * SECOND));
    wait::until("milliwatt-hours are noticed", LIMIT, || gauge("unit_factor") == 1000.0);
    wait_for_a_list(&cloud);
    assert_eq!(said(), 1, "it is logged once");
    assert_eq!(service.source(ACCOUNT, KIND)["facts"]["unit_factor_meters_differing"], 1.0);
    assert!(service.page("/flow").unwrap().1.contains("unit factor: 1000"));
    service.wait_drained();
    let stored = of_sqlite(&service.sqlite_file());
    let wrong = device.values(now + 10 * SECOND)[0].1 * 1000.0;
    assert!(stored.values().any(|value| *value == wrong), "and stored as it came");
    assert_no_secret_in(&service);
}

fn assert_no_secret_in(service: &Service) {
    for page in ["/", "/flow", "/trouble", "/status.json", "/metrics"] {
        assert!(!service.page(page).unwrap().1.contains(KEY), "{page}");
    }
    assert!(!service.log().contains(KEY));
}
