//! The configuration of a location: what it changes, what it survives, and its bounds.

use super::{fixture, monitor, outcome, read};
use crate::vendor::smappee::{
    CHANNELS_MAX, Configuration, Document, Index, Monitor, Outcome, Phase, Role, with_document,
};

/// A message with one channel of either generation.
fn realtime(index: &str, number: u32, phase: u32) -> String {
    format!(r#"{{"utcTimeStamp":1773576000500,"channelPowers":[{{"{index}":{number},"phaseId":{phase},"power":7}}]}}"#)
}

fn inputs(channels: &str) -> String {
    format!(r#"{{"inputChannels":[{channels}]}}"#)
}

#[test]
fn a_channel_is_found_by_its_index_and_not_by_its_place() {
    let mut monitor = monitor();
    let (oven, grid) = (
        r#"{"ctInput":6,"name":"oven","phase":1,"inputChannelType":"CONSUMPTION","inputChannelConnection":"SUBMETER"}"#,
        r#"{"ctInput":0,"name":"grid","phase":2,"inputChannelType":"CONSUMPTION","inputChannelConnection":"GRID"}"#,
    );
    read(&mut monitor, "channelConfig", &inputs(&format!("{oven},{grid}")));
    let time = "2026-03-15T12:00:00.5Z";
    assert_eq!(
        read(&mut monitor, "realtime", &realtime("ctInput", 0, 2)),
        [format!("{time} 1-0:76.7.0*255 7 W < power[0]")]
    );
    assert_eq!(
        read(&mut monitor, "realtime", &realtime("ctInput", 6, 1)),
        [format!("channel ct:6 {time} 1-0:56.7.0*255 7 W < power[6]")]
    );
}

#[test]
fn before_the_configuration_a_value_goes_under_its_index_and_afterwards_to_its_meter() {
    let mut monitor = monitor();
    let message = realtime("publishIndex", 1, 1);
    assert_eq!(
        read(&mut monitor, "realtime", &message),
        ["channel ct:1 2026-03-15T12:00:00.5Z 1-0:56.7.0*255 7 W < power[1]"]
    );
    read(&mut monitor, "channelConfigV2", &fixture("second-generation/channelConfigV2.json"));
    assert_eq!(read(&mut monitor, "realtime", &message), ["2026-03-15T12:00:00.5Z 1-0:56.7.0*255 7 W < power[1]"]);
}

#[test]
fn a_changed_configuration_moves_a_channel_and_a_context_decodes_as_before_the_change() {
    let channel = |kind: &str| {
        inputs(&format!(
            r#"{{"ctInput":0,"name":"{kind}","phase":0,"inputChannelType":"{kind}","inputChannelConnection":"GRID"}}"#
        ))
    };
    let (mut monitor, message) = (monitor(), realtime("ctInput", 0, 0));
    let context =
        |before: &[u8], message: &str| with_document(before, Document::ChannelConfig, message.as_bytes()).unwrap();
    let config = fixture("first-generation/config.json");
    let first = with_document(b"", Document::Config, config.as_bytes()).unwrap();
    let first = context(&first, &channel("CONSUMPTION"));
    let second = context(&first, &channel("PRODUCTION"));

    assert_eq!(outcome(&mut monitor, "channelConfig", &channel("CONSUMPTION")), Ok(Outcome::Configured));
    let before = read(&mut monitor, "realtime", &message);
    assert_eq!(outcome(&mut monitor, "channelConfig", &channel("PRODUCTION")), Ok(Outcome::Configured));
    let after = read(&mut monitor, "realtime", &message);
    assert!(after[0].starts_with("channel ct:0 ") && !before[0].contains("channel"), "{before:?} {after:?}");

    for (context, lines, name) in [(first, before, "CONSUMPTION"), (second, after, "PRODUCTION")] {
        let mut then = Monitor::of_context(monitor.location(), &context).unwrap();
        assert_eq!(read(&mut then, "realtime", &message), lines);
        assert_eq!(then.native_id("ct:0"), "2004000731:ct:0");
        assert_eq!(then.configuration().channels.channels().next().unwrap().name, name);
        // A whole context is also a configuration.
        let mut configured = Monitor::new(monitor.location());
        configured.configure(&context).unwrap();
        assert_eq!(configured.configuration(), then.configuration());
    }
}

#[test]
fn a_repeated_configuration_changes_nothing_although_its_time_does() {
    let mut monitor = monitor();
    for rest in ["config", "channelConfig", "sensorConfig", "homeControlConfig"] {
        let message = fixture(&format!("first-generation/{rest}.json"));
        assert_eq!(outcome(&mut monitor, rest, &message), Ok(Outcome::Configured), "{rest}");
        let again = message.replace("1766000000000", "1767000000000");
        assert_eq!(outcome(&mut monitor, rest, &again), Ok(Outcome::Repeated), "{rest}");
    }
}

#[test]
fn texts_of_a_monitor_are_cut() {
    let mut monitor = monitor();
    let serial = "9".repeat(100_000);
    read(&mut monitor, "config", &format!(r#"{{"serialNumber":"{serial}"}}"#));
    assert_eq!(monitor.native_id(""), serial[..100]);
}

#[test]
fn a_configuration_that_is_too_large_is_not_read() {
    let mut monitor = monitor();
    let config = |bytes: usize| format!(r#"{{"serialNumber":"{bytes}"{}}}"#, " ".repeat(bytes - 25));
    assert_eq!(outcome(&mut monitor, "config", &config(1 << 17)), Ok(Outcome::Configured));
    assert!(outcome(&mut monitor, "config", &config((1 << 17) + 1)).is_err());
    assert_eq!(monitor.native_id(""), "131072");
}

#[test]
fn a_configuration_that_cannot_be_read_changes_nothing() {
    let mut monitor = monitor();
    read(&mut monitor, "channelConfig", &fixture("first-generation/channelConfig.json"));
    let before = monitor.configuration().clone();
    for (rest, message, error) in [
        ("config", "{}", "the answer is not the configuration of a monitor: it has no serialNumber"),
        (
            "config",
            r#"{"config":{"config":{}}}"#,
            "the answer is not the configuration of a monitor: it has no serialNumber",
        ),
        ("channelConfig", "{}", "the answer is not a channelConfig: it has no inputChannels"),
        ("channelConfig", r#"{"inputChannels":{}}"#, "the answer is not a JSON array"),
        ("channelConfigV2", "{}", "the answer is not a channelConfigV2: it has no dataProcessingSpecification"),
        ("sensorConfig", "{}", "the answer is not a sensorConfig: it has neither gwSensors nor switchSensors"),
        ("homeControlConfig", "{}", "the answer is not a homeControlConfig: it has neither switches nor plugs"),
        ("meteringConfiguration", "{}", "the answer is not a metering configuration: it has no measurements"),
        // The vendor's document has such a comma.
        ("config", r#"{"serialNumber":"1",}"#, "the answer is not JSON: Syntax fault at line 1 column 21"),
    ] {
        assert_eq!(outcome(&mut monitor, rest, message).unwrap_err().to_string(), error, "{rest}");
    }
    assert_eq!(*monitor.configuration(), before);
    assert!(monitor.configure(b"{}").is_err() && monitor.configure(b"[").is_err());
}

#[test]
fn entries_beyond_the_bound_or_without_an_index_are_left_out_and_reported() {
    let mut monitor = monitor();
    let channels: Vec<String> = (0..=CHANNELS_MAX).map(|input| format!(r#"{{"ctInput":{input}}}"#)).collect();
    let message = inputs(&format!("{},{{}},7", channels.join(",")));
    assert_eq!(
        read(&mut monitor, "channelConfig", &message),
        ["unreadable channelConfig: 3 entries: entries without an index, or beyond the bounds, are left out"]
    );
    assert_eq!(monitor.configuration().channels.channels().count(), CHANNELS_MAX);
    let sensors: Vec<String> =
        (0..300).map(|id| format!(r#"{{"sensorId":{id},"name":"{}"}}"#, "n".repeat(200))).collect();
    let message = format!(r#"{{"gwSensors":[{}],"switchSensors":[]}}"#, sensors.join(","));
    assert!(read(&mut monitor, "sensorConfig", &message)[0].contains("sensorConfig: 44 entries"));
    assert_eq!(monitor.configuration().sensors.len(), 256);
    assert!(monitor.configuration().sensors.iter().all(|sensor| sensor.name.len() == 100));
    // Another part does not report them again, and a repetition of this one changes nothing.
    assert_eq!(read(&mut monitor, "homeControlConfig", r#"{"switchActuators":[]}"#), Vec::<String>::new());
    assert_eq!(outcome(&mut monitor, "sensorConfig", &message), Ok(Outcome::Repeated));
}

#[test]
fn the_metering_configuration_has_two_indices_and_a_channel_without_any_is_not_published() {
    let mut configuration = Configuration::default();
    configuration
        .apply(Document::MeteringConfiguration, fixture("cloud/meteringConfiguration.json").as_bytes())
        .unwrap();
    let channels = &configuration.channels;
    let place = |index| channels.place(index, None).map(|place| (place.channel.into_owned(), place.phase));
    assert_eq!(place(Index::Power(4)), Some((String::new(), Some(Phase::L2))));
    assert_eq!(place(Index::Consumption(1)), place(Index::Power(4)));
    assert_eq!(place(Index::Power(7)), Some(("ct:4".to_owned(), Some(Phase::L2))));
    // Where only this list is known, it serves the monitor's own messages, too.
    assert_eq!(place(Index::Published(4)), place(Index::Power(7)));
    assert_eq!(place(Index::Power(0)), Some(("power:0".to_owned(), None)));
    assert_eq!(channels.channels().filter(|channel| channel.role == Role::Submeter).count(), 3);
    assert!(channels.channels().all(|channel| channel.name != "Not published"));
}

#[test]
fn each_part_is_recognized_by_its_members() {
    for (name, document) in [
        ("first-generation/config", Document::Config),
        ("first-generation-one-phase/config", Document::Config),
        ("first-generation/channelConfig", Document::ChannelConfig),
        ("second-generation/channelConfigV2", Document::ChannelConfigV2),
        ("first-generation/sensorConfig", Document::SensorConfig),
        ("first-generation/homeControlConfig", Document::HomeControlConfig),
        ("cloud/meteringConfiguration", Document::MeteringConfiguration),
    ] {
        assert_eq!(Configuration::detect(fixture(&format!("{name}.json")).as_bytes()), Some(document), "{name}");
    }
    for message in ["", "{}", "[]", r#"{"channelPowers":[]}"#] {
        assert_eq!(Configuration::detect(message.as_bytes()), None, "{message}");
    }
}

#[test]
fn the_meters_of_a_location_are_described_once_each() {
    let mut monitor = monitor();
    for rest in ["config", "channelConfig", "sensorConfig", "homeControlConfig"] {
        read(&mut monitor, rest, &fixture(&format!("first-generation/{rest}.json")));
    }
    // The same transformers over REST.
    read(&mut monitor, "meteringConfiguration", &fixture("cloud/meteringConfiguration.json"));
    let described = monitor.descriptions();
    let channels: Vec<&str> = described.iter().map(|it| it.channel.as_str()).collect();
    assert_eq!(channels, ["", "ct:6", "ct:3", "ct:4", "ct:5", "ct:7", "sensor:31", "plug:42", "plug:50"]);
    let of = |channel: &str| described.iter().find(|it| it.channel == channel).unwrap();
    assert_eq!((of("").serial.as_str(), of("").role), ("2004000731", Role::Grid));
    assert_eq!(
        (of("ct:3").name.as_str(), of("ct:3").role, of("ct:3").phase),
        ("roof", Role::Production, Some(Phase::L1))
    );
}
