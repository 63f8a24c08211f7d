//! Devices behind a real Mosquitto, on the built program: every kind, every form.

use crate::support::load::now_ns;
use crate::support::mosquitto::{Broker, Listener};
use crate::support::service::{Service, Setup};
use crate::support::stores::of_sqlite;
use crate::support::wait;
use rumqttc::QoS;
use std::time::Duration;

const LIMIT: Duration = Duration::from_secs(60);
const SECOND_NS: i64 = 1_000_000_000;

/// A service with this broker's devices.
fn service(broker: &Broker, lines: &str, devices: &str) -> Service {
    let mut service = Setup::default().start();
    assert!(service.stop().success());
    let url = format!("mqtt://127.0.0.1:{}", broker.port());
    service.append_configuration(&format!("[[mqtt]]\nname = \"house\"\nurl = \"{url}\"\n{lines}\n{devices}"));
    service.start_again();
    wait_running(&service);
    service
}

fn wait_running(service: &Service) {
    wait::until("the subscriptions are answered", LIMIT, || service.source("house", "mqtt")["state"] == "running");
}

/// A device with JSON documents on this topic.
fn json(name: &str, topic: &str, has_time: bool) -> String {
    let time = if has_time { "time = \"/at\"\ntime_unit = \"ms\"\n" } else { "" };
    format!(
        "[[mqtt.json]]\nname = \"{name}\"\ntopic = \"{topic}\"\n{time}\
         [[mqtt.json.value]]\npointer = \"/kwh\"\nobis = \"1-0:1.8.0*255\"\nunit = \"kWh\"\n"
    )
}

fn message(topic: &str, text: impl Into<String>) -> (String, String) {
    (topic.to_owned(), text.into())
}

/// Codes and values of the embedded store.
fn stored(service: &Service) -> Vec<(String, f64)> {
    service.wait_drained();
    let mut found: Vec<(String, f64)> = of_sqlite(&service.sqlite_file())
        .into_iter()
        .map(|(key, value)| (meterline::reading::Obis(key.obis).to_string(), value))
        .collect();
    found.sort_by(|a, b| a.partial_cmp(b).unwrap());
    found
}

fn left_out(service: &Service, reason: &str) -> f64 {
    service.metric(&format!("meterline_mqtt_messages_left_out_total{{source=\"house\",reason=\"{reason}\"}}"))
}

#[test]
fn every_kind_of_device_behind_a_broker_is_stored_and_nothing_is_published() {
    let broker = Broker::start();
    let listener = Listener::start(&broker);
    let devices = format!(
        "{}[[mqtt.smart_mac]]\ndevid = \"1728053249\"\nprefix = \"smart-maic/\"\n\
         [[mqtt.dsmr_logger]]\nname = \"street\"\ntopic = \"DSMR-API\"\n",
        json("boiler", "meters/boiler", true)
    );
    let service = service(&broker, "inspect = [\"other/#\"]", &devices);
    let at = now_ns() / 1_000_000;
    let messages = [
        message("meters/boiler", format!("{{\"at\":{at},\"kwh\":1.5}}")),
        message("smart-maic/1728053249/JSON", "{\"V\":229.5,\"A\":1.25,\"Wh\":77,\"OUT\":1}"),
        message("DSMR-API/timestamp", "{\"timestamp\":[{\"value\":\"261128120000W\"}]}"),
        message("DSMR-API/equipment_id", "{\"equipment_id\":[{\"value\":\"4530303034\"}]}"),
        message("DSMR-API/power_delivered", "{\"power_delivered\":[{\"value\":0.312,\"unit\":\"kW\"}]}"),
        message(
            "DSMR-API/energy_delivered_tariff1",
            "{\"energy_delivered_tariff1\":[{\"value\":7.5,\"unit\":\"kWh\"}]}",
        ),
        message("meters/boiler", "nonsense"),
        message("other/device/1728053249", "x"),
    ];
    broker.publish(QoS::AtLeastOnce, &messages);
    let expected = [
        ("0-0:96.3.10*255", 1.0),
        ("1-0:1.7.0*255", 312.0),
        ("1-0:1.8.0*255", 77.0),
        ("1-0:1.8.0*255", 1500.0),
        ("1-0:1.8.1*255", 7500.0),
        ("1-0:31.7.0*255", 1.25),
        ("1-0:32.7.0*255", 229.5),
    ];
    // The fields of a logger are stored after a pause.
    wait::until("all readings are there", LIMIT, || {
        service.metric("meterline_source_readings_total{source=\"house\",kind=\"mqtt\"}") == 3.0
    });
    assert_eq!(stored(&service), expected.map(|(code, value)| (code.to_owned(), value)));
    assert_eq!((left_out(&service, "unreadable"), left_out(&service, "unknown")), (1.0, 1.0));
    let series = "meterline_mqtt_unknown_messages_total{source=\"house\",pattern=\"other/device/+\"}";
    assert_eq!(service.metric(series), 1.0);
    assert_eq!(service.metric("meterline_mqtt_messages_total{source=\"house\",qos=\"1\"}"), 3.0);
    assert_eq!(listener.seen().len(), messages.len(), "{:?}", listener.seen());
}

#[test]
fn brokers_are_sources_of_their_own_and_one_that_is_away_holds_up_no_other() {
    let (house, mut barn) = (Broker::start(), Broker::start());
    let url = format!("mqtt://127.0.0.1:{}", barn.port());
    let devices = format!(
        "{}[[mqtt]]\nname = \"barn\"\nurl = \"{url}\"\n{}",
        json("boiler", "meters/boiler", true),
        json("pump", "meters/boiler", true)
    );
    let service = service(&house, "", &devices);
    let state =
        |state: &str| wait::until("its state is shown", LIMIT, || service.source("barn", "mqtt")["state"] == state);
    state("running");
    let at = now_ns() / 1_000_000;
    let publish = |broker: &Broker, kwh: u32| {
        broker.publish(QoS::AtLeastOnce, &[message("meters/boiler", format!("{{\"at\":{at},\"kwh\":{kwh}}}"))]);
    };
    publish(&barn, 1);
    wait::until("the meter of the barn is stored", LIMIT, || stored(&service).len() == 1);
    barn.stop();
    state("failing");
    publish(&house, 2);
    wait::until("the meter of the house is stored", LIMIT, || stored(&service).len() == 2);
    barn.start_again();
    state("running");
}

#[test]
fn single_values_of_a_smart_maic_are_taken_and_a_move_of_its_topics_is_said() {
    let broker = Broker::start();
    let service = service(&broker, "", "[[mqtt.smart_mac]]\ndevid = \"77\"\nprefix = \"p/\"\n");
    let burst = [message("p/77/W1", "11"), message("p/77/W2", "22"), message("p/77/A", "33")];
    broker.publish(QoS::AtMostOnce, &burst);
    broker.publish(QoS::AtMostOnce, &[message("p/77/W1", "12")]);
    wait::until("the value whose meaning is open is kept and counted", LIMIT, || left_out(&service, "texts") == 1.0);
    // The second program took the prefix away.
    broker.publish(QoS::AtMostOnce, &[message("77/JSON", "{\"W1\":13,\"W2\":23,\"A\":34}")]);
    wait::until("the move is said", LIMIT, || {
        service.source("house", "mqtt")["facts"]["moved_topic"] == "the values moved from p/77/+ to 77/JSON"
    });
    let codes: Vec<String> = stored(&service).into_iter().map(|(code, _)| code).collect();
    assert_eq!(codes.iter().filter(|code| *code == "1-0:90.7.0*255").count(), 1, "{codes:?}");
    assert!(codes.contains(&"1-0:21.7.0*255".to_owned()) && codes.contains(&"1-0:41.7.0*255".to_owned()), "{codes:?}");
    assert!(!codes.contains(&"1-0:31.7.0*255".to_owned()), "{codes:?}");
}

#[test]
fn retained_messages_of_many_devices_are_stored_once_and_without_a_time_not_at_all() {
    let broker = Broker::start();
    let at = now_ns() / SECOND_NS * 1000;
    let devices: Vec<String> = (0..300).map(|it| json(&format!("d{it}"), &format!("d/{it}"), true)).collect();
    let documents = (0..300).map(|it| message(&format!("d/{it}"), format!("{{\"at\":{at},\"kwh\":{it}}}")));
    let mut messages: Vec<_> = documents.collect();
    messages.push(message("timeless", "{\"kwh\":9999}"));
    broker.publish_retained(&messages);
    let devices = format!("{}{}", devices.concat(), json("timeless", "timeless", false));
    let mut service = service(&broker, "", &devices);
    for _ in 0..2 {
        wait::until("the one without a time is left out", LIMIT, || left_out(&service, "retained") == 1.0);
        wait::until("all others are there", LIMIT, || {
            service.metric("meterline_source_readings_total{source=\"house\",kind=\"mqtt\"}") == 300.0
        });
        assert_eq!(stored(&service).len(), 300);
        service.kill();
        service.start_again();
        wait_running(&service);
    }
    broker.publish(QoS::AtMostOnce, &[message("timeless", "{\"kwh\":1}")]);
    wait::until("a live one is taken", LIMIT, || stored(&service).len() == 301);
}
