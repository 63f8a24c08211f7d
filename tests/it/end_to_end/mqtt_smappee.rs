//! Smappee's monitors at a real Mosquitto: by serial number, by location, and as at the vendor's cloud.

use super::smappee_cloud::add_account;
use crate::support::load::now_ns;
use crate::support::mosquitto::{Broker, Listener};
use crate::support::service::{Service, Setup};
use crate::support::stores::of_sqlite;
use crate::support::wait;
use meterline::reading::MeterId;
use meterline::vendor::smappee::Location;
use meterline_load::devices::Clock;
use meterline_load::smappee::SmappeeCloud;
use rumqttc::QoS;
#[cfg(feature = "test-faults")]
use std::os::unix::process::ExitStatusExt as _;
use std::path::Path;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);
const OURS: &str = "5f0c6b1e-9a3d-4a0e-8d1b-0b7a3f5f6f11";
const OTHER: &str = "0d9f4a52-7c1b-4f37-9a66-2e51c1b4a7d0";

fn service(broker: &Broker, monitor: impl FnOnce(&Service) -> String) -> Service {
    let mut service = Setup::default().start();
    assert!(service.stop().success());
    let monitor = monitor(&service);
    let url = format!("mqtt://127.0.0.1:{}", broker.port());
    service.append_configuration(&format!(
        "[[mqtt]]\nname = \"monitors\"\nurl = \"{url}\"\ninspect = [\"servicelocation/#\"]\n[[mqtt.smappee]]\n{monitor}\n"
    ));
    service.start_again();
    wait::until("it is running", LIMIT, || service.source("monitors", "mqtt")["state"] == "running");
    service
}

/// Waits until the broker has accepted this number of subscriptions.
fn wait_subscribed(service: &Service, count: u32) {
    wait::until("the values are subscribed to", LIMIT, || {
        service.source("monitors", "mqtt")["facts"]["subscriptions"] == f64::from(count)
    });
}

fn topic(uuid: &str, name: &str) -> String {
    format!("servicelocation/{uuid}/{name}")
}

fn config(uuid: &str, serial: &str) -> (String, String) {
    let text = format!(
        "{{\"utcTimeStamp\":1764000000000,\"serialNumber\":\"{serial}\",\"serviceLocationUuid\":\"{uuid}\",\
         \"serviceLocationId\":7,\"firmwareVersion\":\"V3125\",\"aggregationPeriodSeconds\":300}}"
    );
    (topic(uuid, "config"), text)
}

fn channels(uuid: &str) -> (String, String) {
    let text = "{\"inputChannels\":[{\"ctInput\":0,\"name\":\"Main\",\"phase\":0,\"inputChannelType\":\"CONSUMPTION\",\
                \"inputChannelConnection\":\"GRID\"}]}";
    (topic(uuid, "channelConfig"), text.to_owned())
}

fn realtime(uuid: &str, millis: i64, watt: i64) -> (String, String) {
    let text = format!(
        "{{\"totalPower\":{watt},\"monitorStatus\":0,\"utcTimeStamp\":{millis},\"channelPowers\":[{{\"ctInput\":0,\
         \"power\":{watt},\"exportEnergy\":0,\"importEnergy\":3600,\"phaseId\":0,\"current\":5}}],\
         \"voltages\":[{{\"voltage\":231,\"phaseId\":0}}]}}"
    );
    (topic(uuid, "realtime"), text)
}

/// The descriptions of its meters in the embedded store.
fn described(service: &Service) -> Vec<[String; 5]> {
    let store = rusqlite::Connection::open(service.sqlite_file()).unwrap();
    let mut rows = store.prepare("SELECT serial, model, firmware, role, source FROM meters").unwrap();
    let text = |row: &rusqlite::Row<'_>, column| row.get_unwrap(column);
    rows.query_map([], |row| Ok([0, 1, 2, 3, 4].map(|column| text(row, column)))).unwrap().map(Result::unwrap).collect()
}

/// The values of L1's signed power.
fn powers(service: &Service) -> Vec<f64> {
    let samples = of_sqlite(&service.sqlite_file());
    samples.iter().filter(|(key, _)| key.obis == [1, 0, 36, 7, 0, 255]).map(|(_, value)| *value).collect()
}

fn left_out(service: &Service, reason: &str) -> f64 {
    service.metric(&format!("meterline_mqtt_messages_left_out_total{{source=\"monitors\",reason=\"{reason}\"}}"))
}

/// Fails if a page, the log, a command's output or a file of the data directory holds this UUID in any form.
fn assert_hidden(service: &Service, uuid: &str) {
    let plain: String = uuid.chars().filter(|c| *c != '-').collect();
    let bytes = hex::decode(&plain).unwrap();
    let holds = |text: &[u8]| {
        let lower = text.to_ascii_lowercase();
        [uuid.as_bytes(), plain.as_bytes()].iter().any(|it| lower.windows(it.len()).any(|window| window == *it))
            || text.windows(bytes.len()).any(|window| window == bytes)
    };
    for page in ["/", "/flow", "/trouble", "/status.json", "/metrics"] {
        assert!(!holds(service.page(page).unwrap().1.as_bytes()), "{page}");
    }
    assert!(!holds(service.log().as_bytes()), "the log");
    for command in [&["sources"][..], &["sources", "--json"], &["journal", "--json"], &["config"]] {
        let output = service.command(command);
        assert!(!holds(&output.stdout) && !holds(&output.stderr), "{command:?}");
    }
    let mut directories = vec![service.data_directory()];
    while let Some(directory) = directories.pop() {
        for entry in std::fs::read_dir(directory).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                directories.push(path);
            } else if path.is_file() {
                assert!(!holds(&read(&path)), "{}", path.display());
            }
        }
    }
}

/// The file without the zeros of reserved space.
fn read(path: &Path) -> Vec<u8> {
    let mut bytes = std::fs::read(path).unwrap();
    let end = bytes.iter().rposition(|byte| *byte != 0).map_or(0, |at| at + 1);
    bytes.truncate(end);
    bytes
}

#[test]
fn a_monitor_is_followed_by_its_serial_number_thinned_and_its_location_is_nowhere_to_be_seen() {
    let broker = Broker::start();
    let listener = Listener::start(&broker);
    broker.publish_retained(&[channels(OURS), config(OURS, "2009001234"), config(OTHER, "2009009999")]);
    let service = service(&broker, |_| "serial = \"2009001234\"".to_owned());
    wait_subscribed(&service, 3);
    let start = now_ns() / 1_000_000 / 10_000 * 10_000 - 60_000;
    let seconds: Vec<_> = (0..25).map(|second| realtime(OURS, start + second * 1000, 100 + second)).collect();
    broker.publish(QoS::AtLeastOnce, &seconds);
    broker.publish(
        QoS::AtMostOnce,
        &[realtime(OTHER, start, 7), (topic(OURS, "somethingNew"), format!("{{\"u\":\"{OURS}\"}}"))],
    );
    broker.publish(QoS::AtMostOnce, &[(topic(OURS, "powerquality"), "{\"thd\":1}".to_owned())]);
    broker.publish(QoS::AtMostOnce, &[(topic(OURS, "trigger"), format!("{{\"serviceLocationUuid\":\"{OURS}\"}}"))]);
    wait::until("the other monitor is left out", LIMIT, || left_out(&service, "other_monitor") >= 2.0);
    wait::until("the new topics are counted", LIMIT, || left_out(&service, "unknown") == 2.0);
    let pattern =
        "meterline_mqtt_unknown_messages_total{source=\"monitors\",pattern=\"servicelocation/+/powerquality\"}";
    assert_eq!(service.metric(pattern), 1.0);
    wait::until("the report is counted", LIMIT, || left_out(&service, "texts") == 1.0);
    wait::until("the thinned messages are counted", LIMIT, || {
        let series = "meterline_source_readings_left_out_total{source=\"monitors\",kind=\"mqtt\",reason=\"thinned\"}";
        service.metric(series) == 22.0
    });
    service.wait_drained();
    assert_eq!(powers(&service), [100.0, 110.0, 120.0]);
    wait::until("our monitor is described, and no other", LIMIT, || {
        let expected = ["2009001234", "Smappee Pro or Plus", "V3125", "grid", "monitors"];
        described(&service) == [expected.map(str::to_owned)]
    });
    wait::until("one monitor is followed", LIMIT, || service.source("monitors", "mqtt")["facts"]["monitors"] == 1.0);
    let pattern =
        "meterline_mqtt_unknown_messages_total{source=\"monitors\",pattern=\"servicelocation/+/somethingNew\"}";
    assert_eq!(service.metric(pattern), 1.0);
    assert_hidden(&service, OURS);
    assert_hidden(&service, OTHER);
    assert!(!listener.seen().iter().any(|(topic, _)| topic.ends_with("/tracking")), "only the cloud is asked");
}

#[test]
fn nothing_of_a_monitor_is_acknowledged_before_its_configuration_is_kept_and_then_a_restart_needs_no_other() {
    let broker = Broker::start();
    let mut service = service(&broker, |_| "serial = \"2009001234\"".to_owned());
    wait_subscribed(&service, 2);
    let start = now_ns() / 1_000_000 / 10_000 * 10_000 - 600_000;
    let message = |number: i64| realtime(OURS, start + number * 10_000, 100 + number);
    broker.publish_retained(&[channels(OURS), config(OURS, "2009001234")]);
    wait_subscribed(&service, 3);
    service.kill();
    // Nothing tells now whose the messages of the session are, but what was kept.
    broker.publish_retained(&[(topic(OURS, "config"), String::new())]);
    let messages: Vec<_> = (0..30).map(message).collect();
    broker.publish(QoS::AtLeastOnce, &messages);
    service.start_again();
    wait::until("all are there", LIMIT, || {
        service.wait_drained();
        powers(&service).len() == 30
    });
    assert_eq!(left_out(&service, "other_monitor"), 0.0);
}

#[test]
fn a_replay_across_a_change_of_the_channel_map_gives_each_side_the_names_of_its_time() {
    let before = jiff::Timestamp::now().to_string();
    let broker = Broker::start();
    let service = service(&broker, |service| format!("location_file = {:?}", service.secret_file("location", OURS)));
    let start = now_ns() / 1_000_000 / 10_000 * 10_000 - 600_000;
    let map = |connection: &str| {
        let (topic, text) = channels(OURS);
        (topic, text.replace("GRID", connection))
    };
    let messages = [
        realtime(OURS, start, 100),
        map("GRID"),
        realtime(OURS, start + 10_000, 200),
        map("SUBMETER"),
        realtime(OURS, start + 20_000, 300),
        map("GRID"),
        realtime(OURS, start + 30_000, 400),
    ];
    broker.publish(QoS::AtLeastOnce, &messages);
    let location = *MeterId::named("smappee", OURS).as_bytes();
    // Milliseconds since the first, whether it is the location's, and the power.
    let powers = |service: &Service| {
        service.wait_drained();
        let samples = of_sqlite(&service.sqlite_file()).into_iter();
        let powers = samples.filter(|(key, _)| key.obis == [1, 0, 36, 7, 0, 255]);
        let mut powers: Vec<_> =
            powers.map(|(key, value)| (key.time_ns / 1_000_000 - start, key.meter == location, value)).collect();
        powers.sort_by(|a, b| a.partial_cmp(b).unwrap());
        powers
    };
    let named = [(0, false, 100.0), (10_000, true, 200.0), (20_000, false, 300.0), (30_000, true, 400.0)];
    wait::until("all are there", LIMIT, || powers(&service).len() == 4);
    assert_eq!(powers(&service), named, "the first came before any map");
    service.text_of(&["replay", "--sink", "sqlite", "--from", &before, "--redecode"]);
    wait::until("the first is named, too", LIMIT, || powers(&service).len() == 5);
    assert_eq!(powers(&service), [&[named[0], (0, true, 100.0)], &named[1..]].concat());
    let decoded = "meterline_sink_redecoded_records_total{sink=\"sqlite\",outcome=\"decoded\"}";
    assert_eq!(service.metric(decoded), 6.0, "four messages and two maps");
}

#[cfg(feature = "test-faults")]
#[test]
fn a_kill_at_any_step_of_a_channel_map_loses_no_message_and_each_is_stored_once_by_its_map() {
    let broker = Broker::start();
    let mut service =
        service(&broker, |service| format!("location_file = {:?}", service.secret_file("location", OURS)));
    let start = now_ns() / 1_000_000 / 10_000 * 10_000 - 600_000;
    let numbered = |numbers: std::ops::Range<i64>| -> Vec<_> {
        numbers.map(|number| realtime(OURS, start + number * 10_000, 100 + number)).collect()
    };
    let location = *MeterId::named("smappee", OURS).as_bytes();
    // Powers with whether they are the location's.
    let stored = |service: &Service| {
        let samples = of_sqlite(&service.sqlite_file()).into_iter();
        let powers = samples.filter(|(key, _)| key.obis == [1, 0, 36, 7, 0, 255]);
        let mut powers: Vec<_> = powers.map(|(key, value)| (value, key.meter == location)).collect();
        powers.sort_by(|a, b| a.partial_cmp(b).unwrap());
        powers
    };
    let journaled = |service: &Service| {
        let journal: serde_json::Value = serde_json::from_str(&service.text_of(&["journal", "--json"])).unwrap();
        journal["next_sequence"].as_u64().unwrap()
    };
    let files = |service: &Service| {
        let files = std::fs::read_dir(service.data_directory().join("contexts")).into_iter().flatten();
        files.map(|file| file.unwrap().file_name()).filter(|name| !name.to_string_lossy().ends_with("newest")).count()
    };
    // The steps of a map: it is neither in the journal nor kept, in the journal, both.
    let steps = [
        ("context-dies-at=1", "GRID", 0..10, (0, 0)),
        ("context-dies-at=2", "SUBMETER", 10..20, (1, 0)),
        ("context-dies-at=3", "OFF_GRID", 20..30, (1, 1)),
    ];
    let mut expected = Vec::new();
    for (dies_at, connection, numbers, found_after) in steps {
        service.restart_with(dies_at);
        wait::until("it is running", LIMIT, || service.source("monitors", "mqtt")["state"] == "running");
        let before = (service.next_sequence(), files(&service));
        let (topic, map) = channels(OURS);
        broker.publish_retained(&[(topic, map.replace("GRID", connection))]);
        broker.publish(QoS::AtLeastOnce, &numbered(numbers.clone()));
        assert_eq!(service.process().wait().signal(), Some(6), "{dies_at}");
        assert_eq!((journaled(&service) - before.0, files(&service) - before.1), found_after, "{dies_at}");
        service.set_faults("");
        service.start_again();
        expected.extend(numbers.map(|number| ((100 + number) as f64, connection == "GRID")));
        wait::until("all are there", LIMIT, || {
            service.wait_drained();
            stored(&service).len() >= expected.len()
        });
        assert_eq!(stored(&service), expected, "{dies_at}");
        assert_eq!(files(&service) - before.1, 1, "{dies_at}");
    }
}

#[test]
fn the_cloud_is_asked_for_live_values_and_nothing_else_is_published() {
    let broker = Broker::start();
    let listener = Listener::start(&broker);
    let service = service(&broker, |service| {
        let location = service.secret_file("location", OURS);
        format!("location_file = {location:?}\ncloud = true\nserial = \"5010001234\"\nlocation_number = 7\n")
    });
    wait::until("both requests came", LIMIT, || listener.seen().len() >= 2);
    let client = service.source("monitors", "mqtt")["facts"]["client_id"].as_str().unwrap().to_owned();
    let seen = listener.seen();
    let tracking: serde_json::Value = serde_json::from_str(&seen[0].1).unwrap();
    assert_eq!(seen[0].0, topic(OURS, "tracking"));
    let expected = serde_json::json!({"value":"ON","clientId":client,"serialNumber":"5010001234","type":"RT_VALUES"});
    assert_eq!(tracking, expected);
    assert_eq!(seen[1], (topic(OURS, "homeassistant/heartbeat"), "{\"serviceLocationId\":7}".to_owned()));
    let power = format!(
        "{{\"utcTimeStamp\":{},\"consumptionPower\":412,\"solarPower\":0,\"alwaysOn\":90}}",
        now_ns() / 1_000_000
    );
    broker.publish(QoS::AtMostOnce, &[(topic(OURS, "power"), power)]);
    wait::until("the live values are there", LIMIT, || {
        service.wait_drained();
        of_sqlite(&service.sqlite_file()).values().any(|value| *value == 412.0)
    });
    let others: Vec<_> = listener.seen().into_iter().skip(2).map(|(topic, _)| topic).collect();
    assert_eq!(others, [topic(OURS, "power")]);
    assert_hidden(&service, OURS);
}

#[test]
fn live_values_of_the_cloud_have_the_meters_of_the_accounts_rows_also_after_a_restart_and_a_redecode() {
    let before = jiff::Timestamp::now().to_string();
    let cloud = SmappeeCloud::start(Clock::new(|| now_ns() / 1_000_000_000)).unwrap();
    let broker = Broker::start();
    let mut service = service(&broker, |service| {
        add_account(service, &cloud);
        let location = service.secret_file("location", SmappeeCloud::UUID);
        format!("location_file = {location:?}\ncloud = true\n")
    });
    wait::until("the account was read", LIMIT, || service.source("cloud", "smappee")["state"] == "running");
    let start = now_ns() / 1_000_000 / 10_000 * 10_000 - 60_000;
    let publish = |second: i64| {
        let text = format!(
            "{{\"utcTimeStamp\":{},\"activePowerData\":[0,0,0,{second}01,{second}02,{second}03,0,{second}04],\
             \"importActiveEnergyData\":[{second}05,{second}05,{second}05,{second}06]}}",
            start + second * 1000
        );
        broker.publish(QoS::AtLeastOnce, &[(topic(SmappeeCloud::UUID, "power"), text)]);
    };
    let location = Location::of_uuid(SmappeeCloud::UUID.parse().unwrap());
    // Seconds, channel, register and value of everything that is no row; and whether each of these meters has rows.
    let live = |service: &Service| {
        service.wait_drained();
        let samples = of_sqlite(&service.sqlite_file());
        let name = |meter: [u8; 16]| ["", "ct:4"].into_iter().find(|it| *location.meter(it).as_bytes() == meter);
        let is_row = |obis: [u8; 6]| matches!(obis, [1, 0, _, 29, ..]);
        let mut live = Vec::new();
        for (key, value) in samples.iter().filter(|(key, _)| matches!(key.obis, [1, 0, _, 7 | 8, ..])) {
            assert!(samples.keys().any(|row| row.meter == key.meter && is_row(row.obis)), "a meter without rows");
            live.push((key.time_ns / 1_000_000 - start, name(key.meter).unwrap(), key.obis[2], key.obis[3], *value));
        }
        live.sort_by(|a, b| a.partial_cmp(b).unwrap());
        live
    };
    let expected = |second: i64| {
        let (at, value) = (second * 1000, |last: i64| (second * 100 + last) as f64);
        let site = [(1, 8, value(5)), (36, 7, value(1)), (56, 7, value(2)), (76, 7, value(3))];
        let roof = [(1, 8, value(6)), (16, 7, value(4))];
        let of = |channel: &'static str| move |(c, d, value): (u8, u8, f64)| (at, channel, c, d, value);
        site.map(of("")).into_iter().chain(roof.map(of("ct:4"))).collect::<Vec<_>>()
    };
    publish(10);
    wait::until("the live values are there", LIMIT, || live(&service).len() == 6);
    assert_eq!(live(&service), expected(10));
    // Nothing says the map now but what was kept.
    service.kill();
    cloud.fail("/meteringconfiguration", 500);
    service.start_again();
    wait::until("it is running", LIMIT, || service.source("monitors", "mqtt")["state"] == "running");
    publish(20);
    wait::until("the next live values are there", LIMIT, || live(&service).len() == 12);
    let both = [expected(10), expected(20)].concat();
    assert_eq!(live(&service), both);
    service.text_of(&["replay", "--sink", "sqlite", "--from", &before, "--redecode"]);
    wait::until("both messages were decoded again", LIMIT, || {
        service.metric("meterline_sink_redecoded_records_total{sink=\"sqlite\",outcome=\"decoded\"}") >= 2.0
    });
    assert_eq!(live(&service), both);
    assert_hidden(&service, SmappeeCloud::UUID);
}
