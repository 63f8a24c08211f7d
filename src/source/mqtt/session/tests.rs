//! Messages that the journal refuses, on a real journal.

use super::super::{Address, Document, Logger, Meter, Monitors, Route};
use super::*;
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

fn session(fixture: &Fixture, broker: Broker, entrance: &Entrance) -> Mqtt {
    Mqtt::new(broker, "id".to_owned(), entrance, fixture.describer("attic"), fixture.clock.clone())
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
    let mut mqtt = session(&fixture, broker(), &fixture.entrance("attic"));
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
    let mut mqtt = session(&fixture, broker, &fixture.entrance("attic"));
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
    let entrance = fixture.entrance_with("attic", options);
    let mut mqtt = session(&fixture, broker(), &entrance);
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
async fn a_message_of_texts_is_kept_for_a_decoder_that_finds_readings_in_it_by_the_map_of_its_time() {
    let fixture = Fixture::new();
    let mut mqtt = session(&fixture, broker(), &fixture.entrance("attic"));
    take(&mut mqtt, "channelConfig", CHANNELS).await;
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
    today.add("attic", broker().decoders());
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
        let prepared = take(&mut mqtt, name, payload).await;
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
        let prepared = mqtt.prepare(&message).await;
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
    let entrance = fixture.entrance("attic");
    let mut mqtt = session(&fixture, broker.clone(), &entrance);
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
        let message = Message { topic, payload: payload.as_bytes(), is_retained: false, received };
        for record in mqtt.prepare(&message).await.records {
            entrance.take(PayloadFormat::ReadingBatch, &record).await.unwrap();
        }
    }
    assert_eq!(fixture.assert_decoded_again("attic", broker.decoders()), 4);
    let power = "1.7.0".parse().unwrap();
    assert_eq!(fixture.values(power), [18_000.0, 24_000.0], "behind transformers");
    assert_eq!(fixture.meters(power), [MeterId::named("p1", "E0004")]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_message_that_the_broker_sends_again_while_it_waits_is_taken_once() {
    let fixture = Fixture::new();
    let mut mqtt = session(&fixture, broker(), &fixture.entrance("attic"));
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
        take(&mut mqtt, name, payload).await;
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
    take(&mut mqtt, "config", &config("V2")).await;
    mqtt.tick(&client, &mut reporter).await.unwrap();
    let firmware: Vec<_> = of("").into_iter().map(|it| it.firmware).collect();
    assert_eq!(firmware, ["V1", "V1", "V2"], "the old version ends where the new one begins");
    // After a restart the kept configuration describes them.
    named(&mut mqtt, 0).await;
    let mut mqtt = session(&fixture, broker(), &fixture.entrance("attic"));
    named(&mut mqtt, 20).await;
    assert_eq!(mqtt.router.described().len(), 3);
    let uuid = TOPIC.rsplit('/').next().unwrap();
    assert!(!fixture.holds(uuid.as_bytes()));
}
