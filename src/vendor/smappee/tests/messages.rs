//! Messages with something unusual.

use super::{fixture, kind, monitor, outcome, read};
use crate::vendor::MessageError;
use crate::vendor::smappee::{MESSAGE_BYTES_MAX, Outcome};

#[test]
fn a_plugs_state_is_given_once_although_it_is_retained() {
    let mut monitor = monitor();
    let state = |value: &str, since: &str| format!(r#"{{"value":"{value}","since":{since}}}"#);
    let on = state("ON", "1773575940000");
    assert_eq!(
        read(&mut monitor, "plug/42/state", &on),
        ["channel plug:42 2026-03-15T11:59:00Z 0-0:96.3.10*255 1  < value"]
    );
    assert_eq!(outcome(&mut monitor, "plug/42/state", &on), Ok(Outcome::Repeated));
    // The same time as a text.
    assert_eq!(outcome(&mut monitor, "plug/42/state", &state("ON", "\"1773575940000\"")), Ok(Outcome::Repeated));
    // Another plug, and another property.
    assert_eq!(outcome(&mut monitor, "plug/43/state", &on), Ok(Outcome::Read));
    let connected = state("CONNECTED", "1773575940000");
    assert_eq!(outcome(&mut monitor, "plug/42/connectionState", &connected), Ok(Outcome::Read));
    assert_eq!(
        read(&mut monitor, "plug/42/state", &state("OFF", "1773575950000")),
        ["channel plug:42 2026-03-15T11:59:10Z 0-0:96.3.10*255 0  < value"]
    );
    assert_eq!(
        read(&mut monitor, "plug/42/state", &state("HALF", "1")),
        ["unreadable value: HALF: the state is not known"]
    );
    assert!(outcome(&mut monitor, "plug/42/state", "{}").is_err());
}

#[test]
fn remembered_states_of_plugs_are_bounded_and_others_are_given_again() {
    let mut monitor = monitor();
    let state = r#"{"value":"ON","since":1773575940000}"#;
    for node in 0..600 {
        assert_eq!(outcome(&mut monitor, &format!("plug/{node}/state"), state), Ok(Outcome::Read));
    }
    assert_eq!(outcome(&mut monitor, "plug/511/state", state), Ok(Outcome::Repeated));
    assert_eq!(outcome(&mut monitor, "plug/512/state", state), Ok(Outcome::Read));
    let later = state.replace("ON", "OFF").replace("940000", "950000");
    assert_eq!(outcome(&mut monitor, "plug/7/state", &later), Ok(Outcome::Read));
    assert_eq!(outcome(&mut monitor, "plug/7/state", &later), Ok(Outcome::Repeated));
}

#[test]
fn commands_are_not_read_whatever_they_hold() {
    let mut monitor = monitor();
    for rest in ["plug/42/setstate", "triggerpush", "tracking", "homeassistant/heartbeat"] {
        assert_eq!(outcome(&mut monitor, rest, "{'value':'ON'}"), Ok(Outcome::Ignored), "{rest}");
    }
    for rest in ["new/name", "powerquality", "outputmodule/1/state", "homeassistant/event", ""] {
        assert_eq!(outcome(&mut monitor, rest, "{"), Ok(Outcome::Unknown), "{rest}");
    }
    let scheduler = fixture("first-generation/scheduler.json");
    assert_eq!(outcome(&mut monitor, "scheduler", &scheduler), Ok(Outcome::Reported));
    assert!(read(&mut monitor, "scheduler", &scheduler).iter().all(|line| line.starts_with("text scheduler.")));
}

#[test]
fn a_message_that_is_too_long_or_of_another_kind_says_so_and_repeats_nothing_of_it() {
    let mut monitor = monitor();
    let long = format!(r#"{{"channelPowers":[]{}}}"#, " ".repeat(MESSAGE_BYTES_MAX));
    assert_eq!(
        monitor.read(kind("realtime"), long.as_bytes(), |_, _| ()),
        Err(MessageError::Shape("a message of at most 4 MiB"))
    );
    for rest in ["realtime", "aggregated", "aggregatedSwitch", "aggregatedGW", "power", "presence", "plug/1/state"] {
        let error = outcome(&mut monitor, rest, r#"{"secret":1}"#).unwrap_err().to_string();
        assert!(!error.contains("secret"), "{rest}: {error}");
        let error = outcome(&mut monitor, rest, r#"{"secret":"#).unwrap_err().to_string();
        assert!(error.starts_with("the answer is not JSON") && !error.contains("secret"), "{rest}: {error}");
    }
}

#[test]
fn a_second_transformer_of_a_phase_of_the_grid_does_not_replace_the_first() {
    let mut monitor = monitor();
    let grid = |input: u32| {
        format!(r#"{{"ctInput":{input},"phase":0,"inputChannelType":"CONSUMPTION","inputChannelConnection":"GRID"}}"#)
    };
    read(&mut monitor, "channelConfig", &format!(r#"{{"inputChannels":[{},{}]}}"#, grid(0), grid(1)));
    let lines = read(
        &mut monitor,
        "realtime",
        r#"{"utcTimeStamp":1773576000000,"channelPowers":[{"ctInput":0,"phaseId":0,"power":1,"current":10},{"ctInput":1,"phaseId":0,"power":2}]}"#,
    );
    assert_eq!(
        lines,
        [
            "2026-03-15T12:00:00Z 1-0:36.7.0*255 1 W < power[0]",
            "2026-03-15T12:00:00Z 1-0:31.7.0*255 1 A < current[0]",
            "channel ct:1 2026-03-15T12:00:00Z 1-0:36.7.0*255 2 W < power[1]",
        ]
    );
}

#[test]
fn a_second_feed_of_a_phase_has_its_meter_in_every_message_also_without_the_first() {
    let mut monitor = monitor();
    let feed = |index: u32| {
        format!(
            r#"{{"publishIndex":{index},"type":"GRID","flow":"CONSUMPTION","connectionType":"GRID","phase":"L1"}},
               {{"publishIndex":{},"flow":"CONSUMPTION","connectionType":"GRID"}}"#,
            index + 1
        )
    };
    let list = format!(r#"{{"dataProcessingSpecification":{{"measurements":[{},{}]}}}}"#, feed(0), feed(4));
    read(&mut monitor, "channelConfigV2", &list);
    let mean = |index: u32, phase: &str, value: u32| {
        let kind = format!(r#"{{"measurementKind":"power","unit":"W","phase":"{phase}"}}"#);
        format!(
            r#"{{"utcEndtime":1773576000000,"publishIndex":{index},"measurements":[{{"type":{kind},"value":{value}}}]}}"#
        )
    };
    let means = [mean(0, "A", 1_500_000), mean(4, "A", 300_000), mean(1, "B", 7_000), mean(5, "B", 9_000)].join(",");
    let means = format!(r#"{{"intervalDatas":[{means}]}}"#);
    let place = |line: &String| line.replace("2026-03-15T12:00:00Z 1-0:", "").split(" W").next().unwrap().to_owned();
    let lines: Vec<_> = read(&mut monitor, "aggregated", &means).iter().map(place).collect();
    assert_eq!(lines, ["36.5.0*255 1500", "channel ct:4 36.5.0*255 300", "56.5.0*255 7", "channel ct:5 56.5.0*255 9"]);
    let live = r#"{"utcTimeStamp":1773576000000,"channelPowers":[{"publishIndex":4,"phaseId":0,"power":2}]}"#;
    let lines: Vec<_> = read(&mut monitor, "realtime", live).iter().map(place).collect();
    assert_eq!(lines, ["channel ct:4 36.7.0*255 2"]);
    // The location's own power is no feed's.
    let total = means.replace("\"publishIndex\":0,", "");
    assert!(read(&mut monitor, "aggregated", &total)[0].starts_with("text measurements[].power.W.A"));
}

#[test]
fn a_second_feed_of_a_phase_has_one_meter_for_its_powers_and_its_energies() {
    let mut monitor = monitor();
    let feed = |index: u32, power_index: u32| {
        let channel = format!(r#"{{"consumptionIndex":{index},"powerTopicIndex":{power_index},"phase":0}}"#);
        format!(r#"{{"type":"GRID","channels":[{channel}]}}"#)
    };
    read(&mut monitor, "meteringConfiguration", &format!(r#"{{"measurements":[{},{}]}}"#, feed(0, 1), feed(7, 3)));
    let message = r#"{"utcTimeStamp":1773576000000,"activePowerData":[0,10,0,30],"importActiveEnergyData":[100,300]}"#;
    let lines = read(&mut monitor, "power", message);
    let second: Vec<_> = lines.iter().filter(|line| line.starts_with("channel ")).collect();
    assert_eq!(
        second,
        [
            "channel ct:7 2026-03-15T12:00:00Z 1-0:36.7.0*255 30 W < activePowerData[3]",
            "channel ct:7 2026-03-15T12:00:00Z 1-0:21.8.0*255 300 Wh < importActiveEnergyData[1]",
        ]
    );
}

#[test]
fn channels_of_the_grid_without_a_known_phase_do_not_replace_each_other() {
    let mut monitor = monitor();
    read(&mut monitor, "channelConfigV2", &fixture("second-generation/channelConfigV2.json"));
    let lines = read(
        &mut monitor,
        "realtime",
        r#"{"utcTimeStamp":1773576000000,"channelPowers":[{"publishIndex":0,"power":1},{"publishIndex":1,"power":2}]}"#,
    );
    assert_eq!(
        lines,
        [
            "channel ct:0 2026-03-15T12:00:00Z 1-0:16.7.0*255 1 W < power[0]",
            "channel ct:1 2026-03-15T12:00:00Z 1-0:16.7.0*255 2 W < power[1]",
        ]
    );
}

#[test]
fn what_is_absent_or_not_a_number_is_no_value_and_costs_only_itself() {
    let lines = read(
        &mut monitor(),
        "realtime",
        r#"{"totalPower":null,"channelPowers":[{"ctInput":0,"power":"x","current":null,"importEnergy":36},7,{"power":1},{"ctInput":-1}],
            "voltages":[{"voltage":1,"phaseId":3},null,{"voltage":230.5,"phaseId":0}]}"#,
    );
    assert_eq!(
        lines,
        [
            "unreadable power[0]: x: the value is not a number",
            "channel ct:0 receipt 0-0:128.26.0*255 0.01 Wh [time-is-receive-time] < importEnergy[0]",
            "unreadable channelPowers: : an element is not an object",
            "unreadable channelPowers: : a channel has no valid index",
            "unreadable channelPowers: : a channel has no valid index",
            "unreadable voltages: 3: a voltage has no valid phase",
            "unreadable voltages: : an element is not an object",
            "receipt 1-0:32.7.0*255 230.5 V [time-is-receive-time] < voltage[0]",
        ]
    );
}

#[test]
fn the_energy_of_an_interval_follows_the_monitors_own_length() {
    let mut monitor = monitor();
    for (seconds, energy) in [(300, "1"), (900, "3"), (7, "0.023333333333333334"), (0, "1")] {
        let config = format!(r#"{{"serialNumber":"1","aggregationPeriodSeconds":{seconds}}}"#);
        read(&mut monitor, "config", &config);
        let message = r#"{"intervalDatas":[{"utcEndtime":1773576000000,"channelIntervalDatas":[{"ctInput":0,"averageImportRMSActivePower":12000}]}]}"#;
        let lines = read(&mut monitor, "aggregated", message);
        assert_eq!(
            lines[1],
            format!("channel ct:0 2026-03-15T12:00:00Z 1-0:1.29.0*255 {energy} Wh < averageImportRMSActivePower[0]"),
            "{seconds}"
        );
    }
}

#[test]
fn pulses_are_volumes_only_with_a_factor_and_a_unit_of_their_own_input() {
    let mut monitor = monitor();
    let input = |factor: &str, unit: &str, kind: &str| {
        format!(r#"{{"ppu":{factor},"uom":"{unit}","enabled":true,"type":"{kind}"}}"#)
    };
    let message = r#"{"gwIntervalDatas":[{"utcEndtime":1773576000000,"sensorId":3,"index0Delta":10}]}"#;
    for (input, expected) in [
        (input("4.0", "l", "WATER"), "8-1:129.5.0*255 0.0025 m3"),
        (input("4.0", "m3", "GAS"), "7-1:129.5.0*255 2.5 m3"),
        (input("0", "l", "WATER"), "1-1:82.29.0*255 10 "),
        (input("null", "l", "WATER"), "1-1:82.29.0*255 10 "),
        (input("1e999", "l", "WATER"), "1-1:82.29.0*255 10 "),
        (input("4.0", "gal", "WATER"), "1-1:82.29.0*255 10 "),
        (input("4.0", "l", "OIL"), "1-1:82.29.0*255 10 "),
        ("null".to_owned(), "1-1:82.29.0*255 10 "),
    ] {
        let config = format!(r#"{{"gwSensors":[{{"sensorId":3,"gwSensorChannelsConfig":[{input}]}}]}}"#);
        read(&mut monitor, "sensorConfig", &config);
        let lines = read(&mut monitor, "aggregatedGW", message);
        assert_eq!(lines, [format!("channel sensor:3 2026-03-15T12:00:00Z {expected} < index0Delta")], "{input}");
    }
}

#[test]
fn energies_of_the_cloud_are_addressed_by_rank_and_powers_by_index() {
    let mut monitor = monitor();
    read(&mut monitor, "meteringConfiguration", &fixture("cloud/meteringConfiguration.json"));
    let lines = read(
        &mut monitor,
        "power",
        r#"{"utcTimeStamp":1773576000000,"activePowerData":[0,0,0,0,0,0,0,1505],"importActiveEnergyData":[1,2,3,64000,5,6,7,8]}"#,
    );
    let with = |name: &str| lines.iter().find(|line| line.ends_with(name)).unwrap().as_str();
    assert_eq!(
        with("activePowerData[7]"),
        "channel ct:4 2026-03-15T12:00:00Z 1-0:56.7.0*255 1505 W < activePowerData[7]"
    );
    assert_eq!(
        with("importActiveEnergyData[3]"),
        "channel ct:4 2026-03-15T12:00:00Z 1-0:41.8.0*255 64000 Wh < importActiveEnergyData[3]"
    );
    // Different energies are of the phases; more than the channels keep their raw place.
    assert_eq!(
        with("importActiveEnergyData[5]"),
        "channel ct:6 2026-03-15T12:00:00Z 1-0:41.8.0*255 6 Wh < importActiveEnergyData[5]"
    );
    assert_eq!(
        with("importActiveEnergyData[7]"),
        "channel energy:7 2026-03-15T12:00:00Z 1-0:1.8.0*255 8 Wh < importActiveEnergyData[7]"
    );
}

#[test]
fn a_negative_power_is_flagged_only_where_nothing_produces() {
    let mut monitor = monitor();
    let message = r#"{"utcTimeStamp":1773576000000,"channelPowers":[{"ctInput":0,"phaseId":0,"power":-5}]}"#;
    assert_eq!(
        read(&mut monitor, "realtime", message),
        ["channel ct:0 2026-03-15T12:00:00Z 1-0:36.7.0*255 -5 W < power[0]"]
    );
    read(&mut monitor, "channelConfig", &fixture("first-generation-one-phase/channelConfig.json"));
    assert_eq!(
        read(&mut monitor, "realtime", message),
        ["2026-03-15T12:00:00Z 1-0:36.7.0*255 -5 W [sign-unexpected] < power[0]"]
    );
    assert!(!read(&mut monitor, "realtime", &message.replace("-5", "-0"))[0].contains("sign-unexpected"));
    read(&mut monitor, "channelConfig", &fixture("first-generation/channelConfig.json"));
    assert_eq!(read(&mut monitor, "realtime", message), ["2026-03-15T12:00:00Z 1-0:36.7.0*255 -5 W < power[0]"]);
}

#[test]
fn a_backlog_of_a_day_is_read_and_one_malformed_interval_costs_that_interval_only() {
    let channels: Vec<String> =
        (0..20).map(|input| format!(r#"{{"ctInput":{input},"averageImportRMSActivePower":1000}}"#)).collect();
    let interval = |number: u64| {
        let end = 1_773_576_000_000 + number * 300_000;
        let pad = " ".repeat(5_000);
        format!(r#"{{"utcEndtime":{end},{pad}"channelIntervalDatas":[{}]}}"#, channels.join(","))
    };
    let mut intervals: Vec<String> = (0..288).map(interval).collect();
    intervals[7] = r#"{"utcEndtime":1773578100000,"channelIntervalDatas":{}}"#.to_owned();
    let message = format!(r#"{{"intervalDatas":[{}]}}"#, intervals.join(","));
    assert!(message.len() > 3 << 19, "{}", message.len());
    let lines = read(&mut monitor(), "aggregated", &message);
    let is_unreadable = |line: &&String| line.starts_with("unreadable");
    assert_eq!(lines.iter().filter(is_unreadable).count(), 1);
    assert_eq!(lines.iter().filter(|line| line.contains("averageImportRMSActivePower[19]")).count(), 2 * 287);
}

#[test]
fn an_array_of_the_clouds_live_values_that_is_none_costs_no_other() {
    let lines = read(&mut monitor(), "power", r#"{"lineVoltageData":0,"activePowerData":[7],"currentData":{}}"#);
    assert_eq!(lines.iter().filter(|line| line.starts_with("unreadable")).count(), 2, "{lines:?}");
    assert_eq!(lines.iter().filter(|line| line.contains(" 7 W")).count(), 1, "{lines:?}");
}

#[test]
fn messages_that_name_no_input_have_one_form_for_both_generations() {
    let (mut first, mut second) = (monitor(), monitor());
    for (monitor, folder, channels) in
        [(&mut first, "first-generation", "channelConfig"), (&mut second, "second-generation", "channelConfigV2")]
    {
        for name in ["config", channels] {
            read(monitor, name, &fixture(&format!("{folder}/{name}.json")));
        }
        // No message of this topic is published; one client names it.
        let means = fixture(&format!("{folder}/aggregated.json"));
        let lines = read(monitor, "aggregated", &means);
        assert!(lines.len() > 5, "{lines:?}");
        assert_eq!(read(monitor, "aggregated5min", &means), lines, "{folder}");
    }
    let small = ["aggregatedGW", "aggregatedSwitch", "plug/42/state", "plug/42/connectionState", "presence"];
    for name in ["sensorConfig", "homeControlConfig"].into_iter().chain(small).chain(["trigger", "scheduler"]) {
        let message = fixture(&format!("first-generation/{}.json", name.replace('/', ".")));
        let lines = read(&mut first, name, &message);
        assert_eq!(read(&mut second, name, &message), lines, "{name}");
        assert_eq!(lines.is_empty(), name.ends_with("Config"), "{name}: {lines:?}");
    }
    // Nor are these published: their members are kept, whatever they are.
    for name in ["trigger/appliance", "triggervalue"] {
        assert_eq!(read(&mut second, name, "{\"x\":1.5}"), [format!("text {name}.x 1.5")]);
    }
}
