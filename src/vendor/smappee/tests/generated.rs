//! Generated messages: nothing is lost, nothing panics.

use super::{kind, monitor, read};
use crate::vendor::smappee::{Document, Monitor, with_document};
use crate::vendor::{Part, smappee};
use proptest::prelude::*;

/// Every topic whose messages are read.
const TOPICS: [&str; 18] = [
    "realtime",
    "aggregated",
    "aggregatedSwitch",
    "aggregatedGW",
    "power",
    "config",
    "channelConfig",
    "channelConfigV2",
    "sensorConfig",
    "homeControlConfig",
    "meteringConfiguration",
    "plug/1/state",
    "plug/1/connectionState",
    "presence",
    "trigger",
    "trigger/appliance",
    "triggervalue",
    "scheduler",
];
/// Names of members in all messages.
const NAMES: [&str; 40] = [
    "ctInput",
    "publishIndex",
    "phaseId",
    "power",
    "current",
    "importEnergy",
    "formula",
    "channelPowers",
    "voltages",
    "voltage",
    "utcTimeStamp",
    "totalPower",
    "intervalDatas",
    "utcEndtime",
    "averageRMSVoltages",
    "alwaysOn",
    "channelIntervalDatas",
    "averageRMSCurrent",
    "averageImportRMSActivePower",
    "measurements",
    "type",
    "value",
    "measurementKind",
    "unit",
    "phase",
    "gwIntervalDatas",
    "sensorId",
    "index0Delta",
    "temperature",
    "since",
    "activePowerData",
    "importActiveEnergyData",
    "inputChannels",
    "inputChannelType",
    "dataProcessingSpecification",
    "gwSensors",
    "gwSensorChannelsConfig",
    "switchActuators",
    "nodeId",
    "channels",
];

fn json() -> impl Strategy<Value = String> {
    let leaf = prop_oneof![
        any::<i32>().prop_map(|number| number.to_string()),
        (0_u32..12).prop_map(|number| number.to_string()),
        Just("null".to_owned()),
        Just("true".to_owned()),
        Just("1e308".to_owned()),
        Just("-0.5".to_owned()),
        prop_oneof!["GRID", "PRODUCTION", "UNUSED", "W", "[0-9]{1,20}", "[a-z]{0,5}"]
            .prop_map(|text| format!("\"{text}\"")),
    ];
    leaf.prop_recursive(5, 60, 8, |inner| {
        prop_oneof![
            prop::collection::vec(inner.clone(), 0..8).prop_map(|items| format!("[{}]", items.join(","))),
            prop::collection::vec((prop::sample::select(&NAMES[..]), inner), 0..8).prop_map(|members| {
                let members: Vec<_> = members.iter().map(|(name, value)| format!("\"{name}\":{value}")).collect();
                format!("{{{}}}", members.join(","))
            }),
        ]
    })
}

/// Reads a message of every kind; every value is finite.
fn read_all(monitor: &mut Monitor, message: &[u8]) {
    for topic in TOPICS {
        let each = |_, part: Part<'_>| {
            if let Part::Value(value) = part {
                assert!(value.value.is_finite(), "{topic}: {value:?}");
            }
        };
        monitor.read(kind(topic), message, each).ok();
    }
}

proptest! {
    #[test]
    fn no_message_panics_and_every_value_is_finite(first in json(), second in json(), cut in any::<prop::sample::Index>()) {
        let mut monitor = monitor();
        read_all(&mut monitor, first.as_bytes());
        read_all(&mut monitor, second.as_bytes());
        read_all(&mut monitor, &second.as_bytes()[..cut.index(second.len() + 1)]);
        smappee::Configuration::detect(first.as_bytes());
        if let Ok(context) = with_document(b"", Document::ChannelConfig, first.as_bytes()) {
            with_document(&context, Document::Config, second.as_bytes()).ok();
            Monitor::of_context(monitor.location(), &context).ok();
        }
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        read_all(&mut monitor(), &bytes);
    }

    #[test]
    fn every_member_of_a_channel_is_a_value_or_a_text_in_any_order(
        numbers in prop::collection::vec(-100_000_i32..100_000, 6),
        order in Just((0..8).collect::<Vec<usize>>()).prop_shuffle(),
        index in 0_u32..80,
        phase in 0_u32..3,
    ) {
        let names = ["power", "current", "importEnergy", "exportEnergy", "apparentPower", "newName"];
        let mut members: Vec<String> =
            names.iter().zip(&numbers).map(|(name, number)| format!("\"{name}\":{number}")).collect();
        members.push(format!("\"publishIndex\":{index}"));
        members.push(format!("\"phaseId\":{phase}"));
        let members: Vec<&str> = order.iter().map(|at| members[*at].as_str()).collect();
        let message = format!(r#"{{"channelPowers":[{{{}}}]}}"#, members.join(","));
        let lines = read(&mut monitor(), "realtime", &message);
        let c = |base: u32| base + 20 * (phase + 1);
        let [power, current, import, export, apparent, new] = numbers[..] else { unreachable!("six numbers") };
        let value = |obis: String, value: f64, unit: &str, name: &str| {
            format!("channel ct:{index} receipt {obis}*255 {value} {unit} [time-is-receive-time] < {name}[{index}]")
        };
        let expected = [
            value(format!("1-0:{}.7.0", c(16)), f64::from(power), "W", "power"),
            value(format!("1-0:{}.7.0", c(11)), f64::from(current) / 10.0, "A", "current"),
            value(format!("0-0:128.26.{}", phase + 1), f64::from(import) / 3600.0, "Wh", "importEnergy"),
            value(format!("0-0:128.27.{}", phase + 1), f64::from(export) / 3600.0, "Wh", "exportEnergy"),
            value(format!("1-0:{}.7.0", c(9)), f64::from(apparent), "VA", "apparentPower"),
            format!("text newName {new}"),
        ];
        prop_assert_eq!(lines, expected);
    }

    #[test]
    fn a_context_is_the_configuration_of_its_messages_in_any_order(
        order in Just(vec![0_usize, 1, 2, 3]).prop_shuffle()
    ) {
        let parts = [
            ("config", Document::Config),
            ("channelConfig", Document::ChannelConfig),
            ("sensorConfig", Document::SensorConfig),
            ("homeControlConfig", Document::HomeControlConfig),
        ];
        let (mut monitor, mut context) = (monitor(), Vec::new());
        for (rest, document) in order.iter().map(|at| parts[*at]) {
            let message = super::fixture(&format!("first-generation/{rest}.json"));
            read(&mut monitor, rest, &message);
            context = with_document(&context, document, message.as_bytes()).unwrap();
        }
        let then = Monitor::of_context(monitor.location(), &context).unwrap();
        prop_assert_eq!(then.configuration(), monitor.configuration());
    }
}
