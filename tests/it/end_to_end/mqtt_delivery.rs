//! The promise of an acknowledgement to the broker, on a real Mosquitto: kills, restarts, a second client, a
//! full volume.

use super::disk_full::may_mount;
use crate::support::load::now_ns;
use crate::support::mosquitto::Broker;
use crate::support::service::{Service, Setup};
use crate::support::stores::of_sqlite;
use crate::support::wait;
use rumqttc::{Client, MqttOptions, QoS};
use std::collections::BTreeSet;
use std::fs::File;
use std::io::Write as _;
#[cfg(feature = "test-faults")]
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::Duration;
#[cfg(feature = "test-faults")]
use std::time::Instant;

const LIMIT: Duration = Duration::from_secs(60);
const TOPIC: &str = "meters/boiler";
/// The number of a message of QoS 0.
const QOS_0_FROM: u32 = 1_000_000;
/// The signal of a process that a switch of test builds ends.
#[cfg(feature = "test-faults")]
const SIGABRT: i32 = 6;
/// The embedded store leaves 64 MiB to the journal, whose segments are reserved as a whole.
const VOLUME_BYTES: u64 = 256 << 20;

fn tables(broker: &Broker) -> String {
    format!(
        "[[mqtt]]\nname = \"house\"\nurl = \"mqtt://127.0.0.1:{}\"\nkeep = \"all\"\nclient_id = \"meterline-test\"\n\
         [[mqtt.json]]\nname = \"boiler\"\ntopic = \"{TOPIC}\"\ntime = \"/at\"\ntime_unit = \"ms\"\n\
         [[mqtt.json.value]]\npointer = \"/kwh\"\nobis = \"1-0:1.8.0*255\"\nunit = \"kWh\"\n",
        broker.port()
    )
}

fn service(broker: &Broker, setup: Setup) -> Service {
    let mut service = setup.start();
    assert!(service.stop().success());
    service.append_configuration(&tables(broker));
    service.start_again();
    wait_running(&service);
    service
}

fn wait_running(service: &Service) {
    wait::until("the subscription is answered", LIMIT, || service.source("house", "mqtt")["state"] == "running");
}

/// Messages with the numbers as values, each with a time of its own.
fn messages(numbers: std::ops::Range<u32>) -> Vec<(String, String)> {
    let start = now_ns() / 1_000_000 - 3_600_000;
    let message = |number| (TOPIC.to_owned(), format!("{{\"at\":{},\"kwh\":{number}}}", start + i64::from(number)));
    numbers.map(message).collect()
}

/// The numbers in the store. Each must be there once.
fn numbers(file: &Path) -> BTreeSet<u64> {
    let samples = of_sqlite(file);
    let numbers: BTreeSet<u64> =
        samples.values().map(|value| format!("{:.0}", value / 1000.0).parse().unwrap()).collect();
    assert_eq!(numbers.len(), samples.len(), "a message is visible twice");
    numbers
}

fn taken(service: &Service) -> f64 {
    service.metric("meterline_source_readings_total{source=\"house\",kind=\"mqtt\"}")
}

#[test]
fn kills_at_any_point_lose_no_message_of_qos_1_and_show_none_twice() {
    let broker = Broker::start();
    let mut service = service(&broker, Setup::default());
    thread::scope(|scope| {
        scope.spawn(|| {
            // In pieces, so that messages come before, during and after every kill.
            for piece in messages(0..6000).chunks(300) {
                broker.publish(QoS::AtLeastOnce, piece);
                thread::sleep(Duration::from_millis(100));
            }
        });
        for _ in 0..4 {
            wait::until("messages come", LIMIT, || taken(&service) > 100.0);
            service.kill();
            service.start_again();
        }
    });
    wait::until("all messages are there", LIMIT, || {
        service.wait_drained();
        numbers(&service.sqlite_file()).len() == 6000
    });
    assert_eq!(service.source("house", "mqtt")["facts"]["session"], "resumed");
}

/// Runs the service until a switch of test builds ends it; the signal of its end.
#[cfg(feature = "test-faults")]
fn ending(service: &Service) -> Option<i32> {
    let (mut run, begun) = (service.spawn(&["run"]), Instant::now());
    while run.try_wait().unwrap().is_none() && begun.elapsed() < LIMIT {
        thread::sleep(Duration::from_millis(10));
    }
    // One that goes on ends by another signal.
    drop(run.kill());
    run.wait().unwrap().signal()
}

#[cfg(feature = "test-faults")]
#[test]
fn a_kill_before_the_sync_or_around_the_acknowledgement_loses_no_message_and_shows_none_twice() {
    let broker = Broker::start();
    let mut service = service(&broker, Setup::default());
    service.restart_with("mqtt-dies-at=1");
    wait_running(&service);
    let before = service.next_sequence();
    broker.publish(QoS::AtLeastOnce, &messages(0..50));
    assert_eq!(service.process().wait().signal(), Some(SIGABRT), "before the sync");
    let journaled = |service: &Service| {
        let journal: serde_json::Value = serde_json::from_str(&service.text_of(&["journal", "--json"])).unwrap();
        journal["next_sequence"].as_u64().unwrap() - before
    };
    assert_eq!(journaled(&service), 0);
    service.set_faults("mqtt-dies-at=2");
    assert_eq!(ending(&service), Some(SIGABRT), "synced, and not acknowledged");
    let synced = journaled(&service);
    assert!(synced > 0);
    service.set_faults("mqtt-dies-at=3");
    assert_eq!(ending(&service), Some(SIGABRT), "acknowledged");
    assert!(journaled(&service) > synced, "the broker has sent them again");
    service.set_faults("");
    service.start_again();
    wait::until("all messages are there", LIMIT, || {
        service.wait_drained();
        numbers(&service.sqlite_file()) == (0..50).collect()
    });
    // All may be stored before it is connected.
    wait::until("the session is resumed", LIMIT, || service.source("house", "mqtt")["facts"]["session"] == "resumed");
}

#[test]
fn a_broker_that_stops_and_starts_again_keeps_the_session_and_is_connected_again() {
    let mut broker = Broker::start();
    let service = service(&broker, Setup::default());
    broker.publish(QoS::AtLeastOnce, &messages(0..10));
    wait::until("the first are there", LIMIT, || taken(&service) == 10.0);
    broker.stop();
    wait::until("the outage is shown", LIMIT, || service.source("house", "mqtt")["state"] == "failing");
    let why = service.source("house", "mqtt")["why"].to_string();
    assert!(why.contains("127.0.0.1"), "{why}");
    broker.start_again();
    broker.publish(QoS::AtLeastOnce, &messages(10..20));
    wait_running(&service);
    wait::until("the others are there", LIMIT, || taken(&service) == 20.0);
    assert_eq!(service.source("house", "mqtt")["facts"]["session"], "resumed");
    service.wait_drained();
    assert_eq!(numbers(&service.sqlite_file()).len(), 20);
}

#[test]
fn a_second_client_of_the_same_id_is_named_as_the_cause_and_costs_no_message() {
    let broker = Broker::start();
    let mut service = service(&broker, Setup::default());
    // It takes the session over whenever ours has it back.
    let takeover = || {
        let mut options = MqttOptions::new("meterline-test", ("127.0.0.1", broker.port()));
        options.set_clean_session(false);
        let (_client, mut connection) = Client::builder(options).capacity(10).build();
        drop(connection.recv());
    };
    wait::until("the cause is named", LIMIT, || {
        takeover();
        let source = service.source("house", "mqtt");
        source["state"] == "misconfigured"
            && source["why"].to_string().contains("another client may have the client id")
    });
    broker.publish(QoS::AtLeastOnce, &messages(0..50));
    // A start does not wait.
    assert!(service.stop().success());
    service.start_again();
    wait::until("all messages are there", LIMIT, || taken(&service) == 50.0);
}

/// Writes until there is no room left.
fn fill(file: &Path) {
    let mut file = File::create(file).unwrap();
    for chunk in [1 << 20, 1 << 12] {
        while file.write_all(&vec![1; chunk]).is_ok() {}
    }
}

/// A service whose volume is full: the file that fills it, and the number of messages of QoS 1 that were sent until
/// messages of QoS 0 were dropped. `None` if no volume can be made here.
fn full(broker: &Broker, further_tables: &str) -> Option<(Service, PathBuf, u32)> {
    if !may_mount() {
        eprintln!("not tested: no file system can be mounted here (unshare -rm is not permitted)");
        return None;
    }
    let setup = Setup {
        volume_bytes: Some(VOLUME_BYTES),
        tables: "[journal]\ncap = \"128MiB\"\nsegment = \"32MiB\"",
        ..Setup::default()
    };
    let mut service = setup.start_unmigrated();
    assert!(service.stop().success());
    service.append_configuration(&format!("{}{further_tables}", tables(broker)));
    service.start_again();
    wait_running(&service);
    let filler = service.file_on_volume("filler");
    fill(&filler);
    // Retention may make room once more, so this goes on until messages of QoS 0 are dropped.
    let padding = " ".repeat(20_000);
    let mut sent = 0;
    wait::until("messages of QoS 0 are dropped", LIMIT, || {
        let mut padded = messages(sent..sent + 100);
        sent += 100;
        padded.iter_mut().for_each(|(_, text)| text.push_str(&padding));
        broker.publish(QoS::AtLeastOnce, &padded);
        broker.publish(QoS::AtMostOnce, &messages(QOS_0_FROM..QOS_0_FROM + 1));
        dropped(&service) > 0.0 && service.source("house", "mqtt")["facts"]["messages_waiting"].as_f64() > Some(200.0)
    });
    Some((service, filler, sent))
}

fn dropped(service: &Service) -> f64 {
    service.metric("meterline_mqtt_messages_left_out_total{source=\"house\",reason=\"dropped\"}")
}

#[test]
fn a_configuration_that_was_dropped_while_the_volume_was_full_is_asked_for_again_on_the_same_connection() {
    let broker = Broker::start();
    let monitor = "[[mqtt.smappee]]\nserial = \"5010001234\"\n";
    let Some((service, filler, _)) = full(&broker, monitor) else { return };
    let before = dropped(&service);
    let configuration = "{\"serialNumber\":\"5010001234\"}".to_owned();
    broker
        .publish_retained(&[("servicelocation/5f0c6b1e-9a3d-4a0e-8d1b-0b7a3f5f6f11/config".to_owned(), configuration)]);
    wait::until("the configuration is dropped", LIMIT, || dropped(&service) > before);
    let fact = |name: &str| service.source("house", "mqtt")["facts"][name].as_f64();
    assert_eq!(fact("subscriptions"), Some(2.0), "the topic, and the configurations");
    std::fs::remove_file(filler).unwrap();
    wait::until("its values are subscribed to", LIMIT, || fact("subscriptions") == Some(3.0));
    assert_eq!(fact("connections"), Some(1.0));
}

#[test]
fn while_the_volume_is_full_qos_1_waits_at_the_broker_qos_0_is_dropped_and_the_connection_lives() {
    let broker = Broker::start();
    let Some((service, filler, sent)) = full(&broker, "") else { return };
    wait::until("the outage is shown", LIMIT, || service.source("house", "mqtt")["state"] == "failing");
    assert_eq!(service.source("house", "mqtt")["facts"]["connections"], 1.0);
    // More than may wait: the connection ends, the broker keeps the rest.
    broker.publish(QoS::AtLeastOnce, &messages(sent..sent + 5000));
    wait::until("the connection was closed", LIMIT, || {
        service.source("house", "mqtt")["why"].to_string().contains("the broker keeps the session")
    });
    std::fs::remove_file(filler).unwrap();
    let all = u64::from(sent + 5000);
    wait::until("it receives again automatically", LIMIT, || {
        service.source("house", "mqtt")["state"] == "running" && taken(&service) >= all as f64
    });
    wait::until("the store has all", LIMIT, || {
        service.sink("sqlite")["next_sequence"].as_u64() >= Some(service.next_sequence())
    });
    let outside = tempfile::tempdir().unwrap();
    for name in ["meterline.sqlite", "meterline.sqlite-wal"] {
        std::fs::copy(service.file_on_volume(name), outside.path().join(name)).unwrap();
    }
    let mut found = numbers(&outside.path().join("meterline.sqlite"));
    found.remove(&u64::from(QOS_0_FROM));
    assert_eq!(found, (0..all).collect());
}
