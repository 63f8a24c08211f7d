//! Messages that the journal refuses, on a real journal.

use super::super::{Address, Document, Monitors, Route};
use super::*;
use crate::ingest::SourceOptions;
use crate::reading::{MeterId, UnixNanos};
use crate::source::Keep;
use crate::source::tests::fixture::Fixture;
use crate::vendor::json::Mapping;
use crate::wire::batch::original;

const TOPIC: &str = "servicelocation/5f0c6b1e-9a3d-4a0e-8d1b-0b7a3f5f6f11";
const CHANNELS: &str = "{\"inputChannels\":[{\"ctInput\":0,\"name\":\"Main\",\"phase\":0,\
                        \"inputChannelType\":\"CONSUMPTION\",\"inputChannelConnection\":\"GRID\"}]}";

fn broker() -> Broker {
    Broker {
        name: "attic".to_owned(),
        address: Address::parse("mqtt://127.0.0.1").unwrap(),
        credentials: None,
        ca_file: None,
        identity: None,
        client_id: None,
        keep: Keep::All,
        inspect: Vec::new(),
        routes: vec![Route::Smappee(Monitors { all: true, ..Monitors::default() })],
    }
}

/// The device and the version of the context that a message of live values names.
async fn named(mqtt: &mut Mqtt, second: i64) -> (String, String) {
    let payload = format!(
        "{{\"totalPower\":157,\"utcTimeStamp\":{},\"channelPowers\":[{{\"ctInput\":0,\"power\":120,\"phaseId\":0}}]}}",
        1_764_000_000_000 + second * 1000
    );
    let prepared = take(mqtt, "realtime", &payload).await;
    let original = original(&prepared.records[0]).unwrap();
    (original.device.to_owned(), original.context.to_owned())
}

async fn take(mqtt: &mut Mqtt, name: &str, payload: &str) -> Prepared {
    let (topic, received) = (format!("{TOPIC}/{name}"), UnixNanos(1_764_000_000_000_000_000));
    mqtt.prepare(&Message { topic: &topic, payload: payload.as_bytes(), is_retained: false, received }).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_whose_channel_map_the_journal_refuses_names_the_map_and_no_older_one() {
    let fixture = Fixture::new();
    let mut mqtt = Mqtt::new(broker(), "id".to_owned(), &fixture.entrance("attic"), fixture.clock.clone());
    take(&mut mqtt, "channelConfig", CHANNELS).await;
    let (device, older) = named(&mut mqtt, 0).await;
    assert_eq!(fixture.records().len(), 1, "the map");
    // The clock is not set, so the journal refuses everything.
    fixture.clock.set_offset(-fixture.clock.now().0);
    take(&mut mqtt, "channelConfig", &CHANNELS.replace("\"phase\":0", "\"phase\":1")).await;
    let (_, version) = named(&mut mqtt, 1).await;
    assert_ne!(version, older);
    assert_eq!(fixture.contexts.newest("attic", &device).unwrap().0, version);
    assert_eq!(fixture.records().len(), 1);
    fixture.clock.set_offset(0);
    for second in [2, 3] {
        assert_eq!(named(&mut mqtt, second).await.1, version);
    }
    let records = fixture.records();
    assert_eq!(records.len(), 2, "the new map as well, once");
    assert_eq!(original(&records[1].1).unwrap().context, version);
}

#[tokio::test(flavor = "multi_thread")]
async fn values_are_subscribed_to_once_the_configuration_that_names_their_monitor_is_kept() {
    let fixture = Fixture::new();
    let serials = vec!["5010001234".to_owned()];
    let broker = Broker { routes: vec![Route::Smappee(Monitors { serials, ..Monitors::default() })], ..broker() };
    let mut mqtt = Mqtt::new(broker, "id".to_owned(), &fixture.entrance("attic"), fixture.clock.clone());
    // The clock is not set, so the journal refuses everything.
    fixture.clock.set_offset(-fixture.clock.now().0);
    take(&mut mqtt, "config", "{\"serialNumber\":\"5010001234\"}").await;
    mqtt.follow().await;
    assert_eq!(mqtt.subscriptions.wanted(), &[]);
    fixture.clock.set_offset(0);
    mqtt.follow().await;
    assert_eq!(mqtt.subscriptions.wanted(), &[(format!("{TOPIC}/#"), QoS::AtLeastOnce)]);
    assert_eq!(fixture.records().len(), 1);
    mqtt.follow().await;
    assert_eq!(mqtt.subscriptions.wanted().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_own_message_that_cannot_be_read_is_kept_as_received_within_the_quota() {
    let fixture = Fixture::new();
    let options = SourceOptions { undecodable_bytes_max: 200, ..SourceOptions::default() };
    let mut mqtt =
        Mqtt::new(broker(), "id".to_owned(), &fixture.entrance_with("attic", options), fixture.clock.clone());
    let broken = ["{\"intervalDatas\":7}", "{\"intervalDatas\":[{\"utcEndtime\":1764000000000,\"alwaysOn\":\"x\"}]}"];
    for payload in broken {
        let prepared = take(&mut mqtt, "aggregated", payload).await;
        assert_eq!((prepared.records.len(), prepared.readings), (1, 0));
        let kept = original(&prepared.records[0]).unwrap();
        assert_eq!((kept.bytes, kept.format), (payload.as_bytes(), "smappee-mqtt"));
        assert!(kept.origin.starts_with("smappee/") && kept.origin.ends_with("/aggregated"), "{}", kept.origin);
    }
    let beyond = take(&mut mqtt, "aggregated", &format!("{{\"x\":\"{}\"", "y".repeat(200))).await;
    assert!(beyond.records.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_json_document_that_cannot_be_read_is_kept_as_received() {
    let fixture = Fixture::new();
    let mapping = Mapping { meter: MeterId::named("json", "boiler"), time: None, values: Vec::new() };
    let document = Document { topic: "a/boiler".to_owned(), mapping };
    let broker = Broker { routes: vec![Route::Json(document)], ..broker() };
    let mut mqtt = Mqtt::new(broker, "id".to_owned(), &fixture.entrance("attic"), fixture.clock.clone());
    for payload in ["{\"energy\":NaN}", "{}"] {
        let message = Message {
            topic: "a/boiler",
            payload: payload.as_bytes(),
            is_retained: false,
            received: UnixNanos(1_764_000_000_000_000_000),
        };
        let prepared = mqtt.prepare(&message).await;
        let kept = original(&prepared.records[0]).unwrap();
        assert_eq!((kept.bytes, kept.format, kept.origin), (payload.as_bytes(), "json", "a/boiler"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_the_broker_sends_again_while_it_waits_is_taken_once() {
    let fixture = Fixture::new();
    let mut mqtt = Mqtt::new(broker(), "id".to_owned(), &fixture.entrance("attic"), fixture.clock.clone());
    let (client, _connection) = open(&broker(), "id").unwrap();
    let mut message = Publish::new(format!("{TOPIC}/aggregated"), QoS::AtLeastOnce, "{\"intervalDatas\":7}".to_owned());
    message.pkid = 7;
    mqtt.take(&message, &client).await.unwrap();
    message.dup = true;
    mqtt.take(&message, &client).await.unwrap();
    assert_eq!(mqtt.queue.len(), 1);
    // Another packet, and the same one on a new connection.
    message.pkid = 8;
    mqtt.take(&message, &client).await.unwrap();
    mqtt.queue.forget_packets();
    mqtt.take(&message, &client).await.unwrap();
    assert_eq!(mqtt.queue.len(), 3);
}
