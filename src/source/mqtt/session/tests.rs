//! Messages that the journal refuses, on a real journal.

use super::super::queue::{MESSAGES_MAX, Work};
use super::super::{Document, Logger, Meter, Monitors, Route};
use super::*;
use crate::contexts::DEVICES_MAX;
use crate::ingest::SourceOptions;
use crate::reading::{Flags, MeterId, Sample, UnixNanos};
use crate::source::dsmr_logger::MeterOptions;
use crate::source::tests::fixture::{Fixture, readings};
use crate::source::{Decoder, Keep, Recorded, Redecoder};
use crate::vendor::Reading;
use crate::vendor::Transformers;
use crate::vendor::json::Mapping;
use crate::vendor::smappee::Topic;
use crate::vendor::smart_mac::Options;
use crate::wire::batch::original;
use crate::wire::meters::Role;

const TOPIC: &str = "servicelocation/5f0c6b1e-9a3d-4a0e-8d1b-0b7a3f5f6f11";
const CHANNELS: &str = "{\"inputChannels\":[{\"ctInput\":0,\"name\":\"Main\",\"phase\":0,\
                        \"inputChannelType\":\"CONSUMPTION\",\"inputChannelConnection\":\"GRID\"}]}";

fn broker() -> Broker {
    let routes = vec![Route::Smappee(Monitors { all: true, ..Monitors::default() })];
    Broker { routes, ..Broker::without_routes("mqtt://127.0.0.1") }
}

fn session(fixture: &Fixture, broker: Broker, entrance: &Entrance) -> Mqtt {
    Mqtt::new(broker, "id".to_owned(), entrance, fixture.describer("attic"), fixture.clock.clone())
}

fn take(mqtt: &mut Mqtt, name: &str, payload: &str) -> Work {
    let (topic, received) = (format!("{TOPIC}/{name}"), UnixNanos(1_764_000_000_000_000_000));
    mqtt.prepare(&Message { topic: &topic, payload: payload.as_bytes(), is_retained: false, received })
}

/// A message of a topic below the location's, as the broker sends it.
fn message(name: &str, payload: &str, packet: Option<u16>) -> Publish {
    let qos = if packet.is_some() { QoS::AtLeastOnce } else { QoS::AtMostOnce };
    let mut message = Publish::new(format!("{TOPIC}/{name}"), qos, payload.to_owned());
    message.pkid = packet.unwrap_or(0);
    message
}

/// Settles what waits, until nothing waits or the journal refuses. Returns the packets to acknowledge.
async fn settle(mqtt: &mut Mqtt, client: &Requests) -> Vec<Option<u16>> {
    let mut packets = Vec::new();
    while !mqtt.queue.is_empty() {
        let settled = mqtt.queue.settle().await;
        match &settled {
            Settled::Blocked => break,
            Settled::Kept(_) => {}
            Settled::Stored { packet, .. } | Settled::GivenUp { packet, .. } => packets.push(*packet),
        }
        mqtt.settled(settled, client).unwrap();
    }
    packets
}

/// A message of live values.
fn realtime(second: i64) -> String {
    format!(
        "{{\"totalPower\":157,\"utcTimeStamp\":{},\"channelPowers\":[{{\"ctInput\":0,\"power\":120,\"phaseId\":0}}]}}",
        1_764_000_000_000 + second * 1000
    )
}

#[tokio::test(flavor = "multi_thread")]
async fn a_configuration_and_the_messages_that_need_it_are_acknowledged_once_it_is_kept() {
    let fixture = Fixture::new();
    let mut mqtt = session(&fixture, broker(), &fixture.entrance("attic"));
    let (client, _connection) = open(&broker(), "id").unwrap();
    let versions = || {
        let records = fixture.records();
        let kept = records.iter().map(|(_, record)| original(record).unwrap().context.to_owned());
        kept.collect::<Vec<_>>()
    };
    mqtt.take(&message("channelConfig", CHANNELS, Some(1)), &client).unwrap();
    mqtt.take(&message("realtime", &realtime(0), Some(2)), &client).unwrap();
    assert_eq!(settle(&mut mqtt, &client).await, [Some(1), Some(2)]);
    let first = versions();
    assert_eq!(first, [&*first[0], &*first[0]]);
    let are_maps: Vec<_> = fixture.records().iter().map(|(_, record)| readings(record).is_empty()).collect();
    assert_eq!(are_maps, [true, false], "the map, and then the message that names it");
    // The clock is not set, so the journal refuses everything.
    fixture.clock.set_offset(-fixture.clock.now().0);
    let changed = CHANNELS.replace("\"phase\":0", "\"phase\":1");
    mqtt.take(&message("channelConfig", &changed, Some(3)), &client).unwrap();
    mqtt.take(&message("realtime", &realtime(1), Some(4)), &client).unwrap();
    assert_eq!(settle(&mut mqtt, &client).await, []);
    assert!(mqtt.queue.refused().is_some());
    let device = Topic::parse(&format!("{TOPIC}/config")).unwrap().location.to_string();
    let newest = || fixture.contexts.newest("attic", &device).unwrap().0;
    assert_eq!(newest(), first[0], "what the journal refuses is not kept");
    fixture.clock.set_offset(0);
    mqtt.take(&message("realtime", &realtime(2), Some(5)), &client).unwrap();
    assert_eq!(settle(&mut mqtt, &client).await, [Some(3), Some(4), Some(5)]);
    let second = newest();
    assert_ne!(second, first[0]);
    assert_eq!(versions()[2..], [&*second, &*second, &*second], "the new map once, and no message names the old one");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_configuration_that_comes_back_while_others_wait_is_the_newest_and_messages_name_it() {
    let fixture = Fixture::new();
    let mut mqtt = session(&fixture, broker(), &fixture.entrance("attic"));
    let (client, _connection) = open(&broker(), "id").unwrap();
    let take = |mqtt: &mut Mqtt, second: u16, map: Option<&str>| {
        if let Some(map) = map {
            mqtt.take(&message("channelConfig", map, Some(second + 10)), &client).unwrap();
        }
        mqtt.take(&message("realtime", &realtime(second.into()), Some(second + 1)), &client).unwrap();
    };
    let changed = CHANNELS.replace("\"phase\":0", "\"phase\":1");
    take(&mut mqtt, 0, Some(CHANNELS));
    take(&mut mqtt, 1, Some(&changed));
    // The clock is not set, so the journal refuses everything.
    fixture.clock.set_offset(-fixture.clock.now().0);
    assert_eq!(settle(&mut mqtt, &client).await, []);
    fixture.clock.set_offset(0);
    // The two are on their way.
    take(&mut mqtt, 2, Some(CHANNELS));
    let kept = mqtt.queue.settle().await;
    assert!(matches!(&kept, Settled::Kept(contexts) if contexts.len() == 2), "{kept:?}");
    mqtt.settled(kept, &client).unwrap();
    take(&mut mqtt, 3, None);
    settle(&mut mqtt, &client).await;
    let records = fixture.records();
    let named: Vec<_> = records.iter().filter(|(_, record)| !readings(record).is_empty()).collect();
    let named: Vec<_> = named.iter().map(|(_, record)| original(record).unwrap().context).collect();
    assert_ne!(named[0], named[1]);
    assert_eq!(named[2..], [named[0]; 2]);
    let device = Topic::parse(&format!("{TOPIC}/config")).unwrap().location.to_string();
    assert_eq!(fixture.contexts.newest("attic", &device).unwrap().0, named[0]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_configuration_of_a_monitor_that_sends_is_not_forgotten_for_very_many_others() {
    let fixture = Fixture::new();
    let mut mqtt = session(&fixture, broker(), &fixture.entrance("attic"));
    let (client, _connection) = open(&broker(), "id").unwrap();
    mqtt.take(&message("channelConfig", CHANNELS, Some(1)), &client).unwrap();
    let other = |number: usize| format!("servicelocation/{}", uuid::Uuid::from_u128(number as u128));
    for number in 0..2 * DEVICES_MAX {
        let mut configuration = Publish::new(format!("{}/channelConfig", other(number)), QoS::AtLeastOnce, CHANNELS);
        configuration.pkid = 2;
        mqtt.take(&configuration, &client).unwrap();
        if number % (DEVICES_MAX / 2) == 0 {
            mqtt.take(&message("realtime", &realtime(i64::try_from(number).unwrap()), Some(3)), &client).unwrap();
            settle(&mut mqtt, &client).await;
        }
    }
    settle(&mut mqtt, &client).await;
    let records = fixture.records();
    let map = original(&records[0].1).unwrap().context;
    let is_forgotten = |topic: &str| {
        let location = Topic::parse(&format!("{topic}/config")).unwrap().location;
        fixture.contexts.is_unrecorded("attic", &location.to_string(), map)
    };
    assert_eq!([TOPIC, &other(0), &other(2 * DEVICES_MAX - 1)].map(is_forgotten), [false, true, false]);
}

#[tokio::test(flavor = "multi_thread")]
async fn thousands_of_new_monitors_are_kept_in_few_groups_and_of_the_parts_of_one_the_last_state() {
    let fixture = Fixture::new();
    let mut mqtt = session(&fixture, broker(), &fixture.entrance("attic"));
    let (client, _connection) = open(&broker(), "id").unwrap();
    let mut take = |number: u32, name: &str, payload: &str| {
        let topic = format!("servicelocation/{}/{name}", uuid::Uuid::from_u128(u128::from(number)));
        let mut message = Publish::new(topic, QoS::AtLeastOnce, payload.to_owned());
        message.pkid = u16::try_from(number % 60_000 + 1).unwrap();
        mqtt.take(&message, &client).unwrap();
    };
    for number in 0..1000 {
        take(number, "config", &config("V1"));
        take(number, "channelConfig", CHANNELS);
        take(number, "realtime", &realtime(0));
        take(number, "sensorConfig", "{\"gwSensors\":[{\"sensorId\":7}]}");
    }
    let mut groups = Vec::new();
    while !mqtt.queue.is_empty() {
        let settled = mqtt.queue.settle().await;
        if let Settled::Kept(contexts) = &settled {
            groups.push(contexts.len());
        }
        mqtt.settled(settled, &client).unwrap();
    }
    assert_eq!(groups, [2000], "one that a message names, and the last of each monitor");
    assert_eq!(fixture.records().len(), 3000);
}

#[tokio::test(flavor = "multi_thread")]
async fn values_are_subscribed_to_once_the_configuration_that_names_their_monitor_is_kept() {
    let fixture = Fixture::new();
    let serials = vec!["5010001234".to_owned()];
    let broker = Broker { routes: vec![Route::Smappee(Monitors { serials, ..Monitors::default() })], ..broker() };
    let mut mqtt = session(&fixture, broker.clone(), &fixture.entrance("attic"));
    let (client, _connection) = open(&broker, "id").unwrap();
    // The clock is not set, so the journal refuses everything.
    fixture.clock.set_offset(-fixture.clock.now().0);
    mqtt.take(&message("config", "{\"serialNumber\":\"5010001234\"}", None), &client).unwrap();
    settle(&mut mqtt, &client).await;
    assert_eq!(mqtt.subscriptions.wanted(), &[]);
    fixture.clock.set_offset(0);
    settle(&mut mqtt, &client).await;
    assert_eq!(mqtt.subscriptions.wanted(), &[(format!("{TOPIC}/#"), QoS::AtLeastOnce)]);
    assert_eq!(fixture.records().len(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn configurations_that_the_journal_refuses_are_bounded_and_those_dropped_are_asked_for_again() {
    let fixture = Fixture::new();
    let serials: Vec<String> = (0..MESSAGES_MAX + 10).map(|number| format!("5010{number:06}")).collect();
    let monitors = Monitors { serials: serials.clone(), ..Monitors::default() };
    let broker = Broker { routes: vec![Route::Smappee(monitors)], ..broker() };
    let mut mqtt = session(&fixture, broker.clone(), &fixture.entrance("attic"));
    let (client, _connection) = open(&broker, "id").unwrap();
    let mut reporter = fixture.sources.reporter("attic", KIND);
    // The clock is not set, so the journal refuses everything.
    fixture.clock.set_offset(-fixture.clock.now().0);
    for (number, serial) in serials.iter().enumerate() {
        let topic = format!("servicelocation/{}/config", uuid::Uuid::from_u128(number as u128));
        let message = Publish::new(topic, QoS::AtMostOnce, format!("{{\"serialNumber\":\"{serial}\"}}"));
        mqtt.take(&message, &client).unwrap();
        if !mqtt.queue.has_room() {
            // The session reads on only while the journal refuses.
            assert!(matches!(mqtt.queue.settle().await, Settled::Blocked) || mqtt.queue.refused().is_some());
        }
    }
    assert_eq!(mqtt.queue.len(), MESSAGES_MAX);
    mqtt.tick(&client, &mut reporter).await.unwrap();
    assert!(mqtt.has_dropped && mqtt.subscriptions.wanted().is_empty());
    fixture.clock.set_offset(0);
    while mqtt.queue.refused().is_some() {
        let settled = mqtt.queue.settle().await;
        mqtt.settled(settled, &client).unwrap();
    }
    mqtt.tick(&client, &mut reporter).await.unwrap();
    // The queue of a busy broker is never empty.
    assert!(!mqtt.has_dropped && !mqtt.queue.is_empty());
    assert_eq!(mqtt.subscriptions.requested(), [[("servicelocation/+/config".to_owned(), QoS::AtMostOnce)]]);
    settle(&mut mqtt, &client).await;
    assert_eq!(mqtt.subscriptions.wanted().len(), MESSAGES_MAX, "the others wait for the broker");
}

#[tokio::test(flavor = "multi_thread")]
async fn an_own_message_that_cannot_be_read_is_kept_as_received_within_the_quota() {
    let fixture = Fixture::new();
    let options = SourceOptions { undecodable_bytes_max: 200, ..SourceOptions::default() };
    let entrance = fixture.entrance_with("attic", options);
    let mut mqtt = session(&fixture, broker(), &entrance);
    let broken = ["{\"intervalDatas\":7}", "{\"intervalDatas\":[{\"utcEndtime\":1764000000000,\"alwaysOn\":\"x\"}]}"];
    for payload in broken {
        let prepared = take(&mut mqtt, "aggregated", payload);
        assert_eq!((prepared.records.len(), prepared.readings), (1, 0));
        let kept = original(&prepared.records[0]).unwrap();
        assert_eq!((kept.bytes, kept.format), (payload.as_bytes(), "smappee-mqtt"));
        assert!(kept.origin.starts_with("smappee/") && kept.origin.ends_with("/aggregated"), "{}", kept.origin);
    }
    let beyond = take(&mut mqtt, "aggregated", &format!("{{\"x\":\"{}\"", "y".repeat(200)));
    assert!(beyond.records.is_empty());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_of_texts_is_kept_for_a_decoder_that_finds_readings_in_it_by_the_map_of_its_time() {
    let fixture = Fixture::new();
    let mut mqtt = session(&fixture, broker(), &fixture.entrance("attic"));
    let (client, _connection) = open(&broker(), "id").unwrap();
    mqtt.take(&message("channelConfig", CHANNELS, Some(1)), &client).unwrap();
    settle(&mut mqtt, &client).await;
    // It takes the number in the map and in the message.
    let number = |text: &[u8], name: &str| -> f64 {
        let text = String::from_utf8_lossy(text).into_owned();
        let (_, rest) = text.split_once(&format!("\"{name}\":")).unwrap();
        rest.split(|c: char| !c.is_ascii_digit()).next().unwrap().parse().unwrap()
    };
    let learned = move |recorded: &Recorded<'_>| {
        let meter = MeterId::named("learned", recorded.original.origin);
        let value = number(recorded.context.unwrap(), "ctInput") + number(recorded.original.bytes, "sensorId");
        let samples = vec![Sample { obis: "1.7.0".parse().unwrap(), value }];
        let reading = Reading { meter, at: recorded.received, flags: Flags::NONE, samples };
        Ok(Decoded { readings: vec![reading], ..Decoded::default() })
    };
    let decoders = |decoders: [(&'static str, Decoder); 1]| {
        let mut redecoder = Redecoder::new(fixture.contexts.clone());
        redecoder.add("attic", decoders);
        redecoder
    };
    let (learned, at) = (decoders([("smappee-mqtt", Box::new(learned))]), UnixNanos(1_764_000_000_000_000_000));
    let mut today = Redecoder::new(fixture.contexts.clone());
    today.add("attic", broker().decoders(&fixture.contexts));
    let location = Topic::parse(&format!("{TOPIC}/config")).unwrap().location;
    let switch = "{\"switchIntervalDatas\":[{\"utcEndtime\":1764000000000,\"sensorId\":4,\"activePower\":12}]}";
    let report = "{\"sensorId\":7,\"label\":\"boiler\"}";
    for (name, payload, value) in [
        ("aggregatedSwitch", switch, 4.0),
        ("trigger", report, 7.0),
        ("trigger/appliance", report, 7.0),
        ("triggervalue", report, 7.0),
        ("scheduler", report, 7.0),
    ] {
        let prepared = take(&mut mqtt, name, payload);
        assert_eq!((prepared.records.len(), prepared.readings), (1, 0), "{name}");
        let again = |decoders: &Redecoder| readings(&decoders.decode("attic", at, &prepared.records[0]).unwrap());
        assert_eq!(again(&today), [], "{name}");
        let found = again(&learned);
        assert_eq!(found[0].0, MeterId::named("learned", &format!("smappee/{location}/{name}")));
        assert_eq!(found[0].3[0].1, value, "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_json_document_that_cannot_be_read_is_kept_as_received() {
    let fixture = Fixture::new();
    let mapping = Mapping { meter: MeterId::named("json", "boiler"), time: None, values: Vec::new() };
    let document = Document { topic: "a/boiler".to_owned(), mapping };
    let broker = Broker { routes: vec![Route::Json(document)], ..broker() };
    let mut mqtt = session(&fixture, broker, &fixture.entrance("attic"));
    for payload in ["{\"energy\":NaN}", "{}"] {
        let message = Message {
            topic: "a/boiler",
            payload: payload.as_bytes(),
            is_retained: false,
            received: UnixNanos(1_764_000_000_000_000_000),
        };
        let prepared = mqtt.prepare(&message);
        let kept = original(&prepared.records[0]).unwrap();
        assert_eq!((kept.bytes, kept.format, kept.origin), (payload.as_bytes(), "json", "a/boiler"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn messages_of_smart_maics_and_dsmr_loggers_are_decoded_again_as_when_they_came() {
    let fixture = Fixture::new();
    let options = MeterOptions { name: "street".to_owned(), transformers: Transformers::new(60.0, 1.0).unwrap() };
    let logger = Logger { topic: "DSMR-API".to_owned(), meter: options };
    let meter = Meter { prefix: "p/".to_owned(), device: "77".to_owned(), options: Options::default() };
    let broker = Broker { routes: vec![Route::DsmrLogger(logger), Route::SmartMac(meter)], ..broker() };
    let mut mqtt = session(&fixture, broker.clone(), &fixture.entrance("attic"));
    let (client, _connection) = open(&broker, "id").unwrap();
    let messages = [
        ("DSMR-API/timestamp", "251124160000W"),
        ("DSMR-API/equipment_id", "4530303034"),
        ("DSMR-API/power_delivered", "0.3"),
        // A burst without an id is of the meter that is known.
        ("DSMR-API/timestamp", "251124160010W"),
        ("DSMR-API/power_delivered", "0.4"),
        ("DSMR-API/timestamp", "251124160020W"),
        ("p/77/JSON", "{\"V\":229.5,\"Wh\":77}"),
        ("77/W1", "11"),
    ];
    for (topic, payload) in messages {
        let received = UnixNanos(1_764_000_000_000_000_000);
        let work = mqtt.prepare(&Message { topic, payload: payload.as_bytes(), is_retained: false, received });
        if !work.is_empty() {
            mqtt.queue.push(work, None);
            settle(&mut mqtt, &client).await;
        }
    }
    assert_eq!(fixture.assert_decoded_again("attic", broker.decoders(&fixture.contexts)), 4);
    let power = "1.7.0".parse().unwrap();
    assert_eq!(fixture.values(power), [18_000.0, 24_000.0], "behind transformers");
    assert_eq!(fixture.meters(power), [MeterId::named("p1", "E0004")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_the_broker_sends_again_while_it_waits_is_taken_once() {
    let fixture = Fixture::new();
    let mut mqtt = session(&fixture, broker(), &fixture.entrance("attic"));
    let (client, _connection) = open(&broker(), "id").unwrap();
    let mut message = message("aggregated", "{\"intervalDatas\":7}", Some(7));
    mqtt.take(&message, &client).unwrap();
    message.dup = true;
    mqtt.take(&message, &client).unwrap();
    assert_eq!(mqtt.queue.len(), 1);
    // Another packet, and the same one on a new connection.
    message.pkid = 8;
    mqtt.take(&message, &client).unwrap();
    mqtt.queue.forget_packets();
    mqtt.take(&message, &client).unwrap();
    assert_eq!(mqtt.queue.len(), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn single_values_whose_meaning_depends_on_other_topics_are_kept_and_decoded_by_their_layout() {
    let fixture = Fixture::new();
    let meter = Meter { prefix: "p/".to_owned(), device: "77".to_owned(), options: Options::default() };
    let broker = Broker { routes: vec![Route::SmartMac(meter)], keep: Keep::All, ..broker() };
    let (client, _connection) = open(&broker, "id").unwrap();
    let take = async |mqtt: &mut Mqtt, second: i64, topic: &str, payload: &str| {
        let received = UnixNanos(1_764_000_000_000_000_000 + second * 1_000_000_000);
        let work = mqtt.prepare(&Message { topic, payload: payload.as_bytes(), is_retained: false, received });
        mqtt.queue.push(work, None);
        settle(mqtt, &client).await;
    };
    let sum = "90.7.0".parse().unwrap();
    let mut mqtt = session(&fixture, broker.clone(), &fixture.entrance("attic"));
    take(&mut mqtt, 0, "p/77/A", "3.5").await;
    take(&mut mqtt, 1, "p/77/A1", "1.5").await;
    assert!(fixture.values(sum).is_empty(), "the meaning of A is not known yet");
    take(&mut mqtt, 60, "p/77/A", "4.5").await;
    assert_eq!(fixture.values(sum), [4.5]);
    // After a restart, and without the prefix, it is known at once.
    let mut mqtt = session(&fixture, broker.clone(), &fixture.entrance("attic"));
    take(&mut mqtt, 120, "77/A", "5.5").await;
    assert_eq!(fixture.values(sum), [4.5, 5.5]);
    // The first one was kept, so a replay finds its value.
    let mut redecoder = Redecoder::new(fixture.contexts.clone());
    redecoder.add("attic", broker.decoders(&fixture.contexts));
    let again =
        |(received, payload): (UnixNanos, Vec<u8>)| readings(&redecoder.decode("attic", received, &payload).unwrap());
    let values: Vec<_> = fixture.records().into_iter().flat_map(again).flat_map(|(.., samples)| samples).collect();
    assert_eq!(values.iter().filter(|(obis, _)| *obis == sum).map(|it| it.1).collect::<Vec<_>>(), [3.5, 4.5, 5.5]);
}

fn config(firmware: &str) -> String {
    format!("{{\"serialNumber\":\"5010001234\",\"firmwareVersion\":\"{firmware}\",\"timeZone\":\"Europe/Brussels\"}}")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_meters_of_a_monitor_are_described_by_the_configuration_that_it_sends_and_again_after_a_change() {
    let fixture = Fixture::new();
    let mut mqtt = session(&fixture, broker(), &fixture.entrance("attic"));
    let (client, _connection) = open(&broker(), "id").unwrap();
    let mut reporter = fixture.sources.reporter("attic", KIND);
    mqtt.tick(&client, &mut reporter).await.unwrap();
    assert_eq!(fixture.versions(), [], "nothing is known");
    let plugs = "{\"smartplugActuators\":[{\"nodeId\":42,\"name\":\"Heater\",\"serialNumber\":\"4006000042\"}]}";
    let roof = "{\"ctInput\":3,\"name\":\"Roof\",\"phase\":1,\"inputChannelType\":\"PRODUCTION\"}";
    let channels = CHANNELS.replace("}]}", &format!("}},{roof}]}}"));
    for (name, payload) in [("config", &*config("V1")), ("channelConfig", &*channels), ("homeControlConfig", plugs)] {
        take(&mut mqtt, name, payload);
    }
    // The clock is not set, so the journal refuses everything.
    let right = fixture.clock.now().0;
    fixture.clock.set_offset(-right);
    mqtt.tick(&client, &mut reporter).await.unwrap();
    assert_eq!(fixture.versions(), []);
    fixture.clock.set_offset(0);
    for _ in 0..3 {
        mqtt.tick(&client, &mut reporter).await.unwrap();
    }
    let location = Topic::parse(&format!("{TOPIC}/config")).unwrap().location;
    let of = |channel: &str| {
        let meter = location.meter(channel);
        let of_meter = fixture.versions().into_iter().filter(|version| version.meter == meter);
        of_meter.map(|version| version.description).collect::<Vec<_>>()
    };
    let (site, roof, plug) = (&of("")[0], &of("ct:3")[0], &of("plug:42")[0]);
    assert_eq!(fixture.versions().len(), 3, "each once");
    assert_eq!(
        [&site.serial, &site.model, &site.firmware, &site.time_zone, &site.gateway],
        ["5010001234", "Smappee Genius", "V1", "Europe/Brussels", ""]
    );
    assert_eq!([&roof.name, &roof.phase, &roof.gateway, &roof.firmware], ["Roof", "L2", "5010001234", ""]);
    assert_eq!([&plug.name, &plug.serial, &plug.model], ["Heater", "4006000042", "Smappee Switch"]);
    assert_eq!([site.role, roof.role, plug.role].map(Role::label), ["grid", "production", "appliance"]);
    take(&mut mqtt, "config", &config("V2"));
    mqtt.tick(&client, &mut reporter).await.unwrap();
    let firmware: Vec<_> = of("").into_iter().map(|it| it.firmware).collect();
    assert_eq!(firmware, ["V1", "V1", "V2"], "the old version ends where the new one begins");
    // After a restart the kept configuration describes them.
    mqtt.take(&message("channelConfig", CHANNELS, Some(1)), &client).unwrap();
    mqtt.take(&message("channelConfig", &channels, Some(2)), &client).unwrap();
    settle(&mut mqtt, &client).await;
    let mut mqtt = session(&fixture, broker(), &fixture.entrance("attic"));
    take(&mut mqtt, "realtime", &realtime(20));
    assert_eq!(mqtt.router.described().len(), 3);
    let uuid = TOPIC.rsplit('/').next().unwrap();
    assert!(!fixture.holds(uuid.as_bytes()));
}
