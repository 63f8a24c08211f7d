//! Answers in the documented shapes, with numbers of our own.

use super::*;
use crate::reading::registry::Interval;
use crate::reading::{Flags, MeterId, UnixNanos};
use crate::vendor::document::MessageError;
use crate::vendor::smappee::{Location as Public, Monitor, Phase, Topic};
use crate::vendor::{At, Part};
use proptest::prelude::*;

/// The configuration of a site with three phases, photovoltaics, sensors, a plug and appliances.
pub(crate) const CONFIGURATION: &str = include_str!("tests/configuration.json");
const UUID: &str = "0f7b21c4-55d0-4c0e-9a3b-6d1e2f3a4b5c";
/// 2026-03-15T12:00:00Z in milliseconds.
const NOON: i64 = 1_773_576_000_000;
const NOON_NS: i64 = NOON * 1_000_000;
const FIVE_MINUTES_NS: i64 = 300_000_000_000;

fn site() -> Site {
    let mut site = Site::default();
    site.learn(CONFIGURATION.as_bytes()).unwrap();
    site
}

fn asked(interval: Interval) -> Asked<'static> {
    Asked { interval, from: At::Time(UnixNanos(NOON_NS)), plug: "9" }
}

/// The parts as lines: channel, time in seconds after noon, register, value, flags.
fn lines_of(json: &str, site: &Site, asked: Asked<'_>) -> Vec<String> {
    let document = Document::read(json.as_bytes()).unwrap_or_else(|error| panic!("{error}: {json}"));
    lines_in(document, site, asked)
}

fn lines_in(document: Document<'_>, site: &Site, asked: Asked<'_>) -> Vec<String> {
    let mut lines = Vec::new();
    let visited = document.visit(site, asked, |part| {
        lines.push(match part {
            Part::Value(value) => {
                let at = match value.at {
                    At::Time(at) => format!("{:+}", (at.0 - NOON_NS) / 1_000_000_000),
                    At::Receipt => "receipt".to_owned(),
                };
                let register = value.obis.to_string().replace("*255", "");
                let flags = if value.flags == Flags::NONE { String::new() } else { format!(" {}", value.flags) };
                let unit = value.unit.symbol();
                format!("{}|{at} {register} = {} {unit}{flags} ({})", value.channel, value.value, value.raw_code)
            }
            Part::Text { raw_code, text } => format!("text {raw_code}: {text}"),
            Part::Unreadable { part, why } => format!("unreadable {why}: {part}"),
        });
    });
    visited.unwrap();
    lines
}

fn lines(json: &str, interval: Interval) -> Vec<String> {
    lines_of(json, &site(), asked(interval))
}

fn consumption(row: &str) -> String {
    format!("{{\"serviceLocationId\":4711,\"consumptions\":[{{\"timestamp\":{NOON},{row}}}]}}")
}

#[test]
fn a_row_of_five_minutes_has_the_end_as_its_time_and_every_transformer_its_meter() {
    let row = consumption(
        "\"consumption\":40.5,\"solar\":0,\"alwaysOn\":24,\"gridImport\":41,\"gridExport\":0.5,\
         \"active\":[10,-2,30.5,1,60,7],\"reactive\":[3,null,-1],\"voltages\":[231,2305,0],\"selfConsumption\":88,\"new\":[1]",
    );
    assert_eq!(
        lines(&row, Interval::Recording),
        [
            "|+300 0-0:129.1.0 = 40.5 Wh (consumption)",
            "|+300 0-0:129.2.0 = 0 Wh (solar)",
            "|+300 0-0:129.3.0 = 2 Wh (alwaysOn)",
            "|+300 1-0:1.29.0 = 41 Wh (gridImport)",
            "|+300 1-0:2.29.0 = 0.5 Wh (gridExport)",
            "|+300 1-0:36.29.0 = 10 Wh (active[0])",
            "|+300 1-0:56.29.0 = -2 Wh (active[1])",
            "|+300 1-0:76.29.0 = 30.5 Wh (active[2])",
            "ct:3|+300 1-0:16.29.0 = 1 Wh (active[3])",
            "ct:4|+300 1-0:56.29.0 = 60 Wh (active[4])",
            "ct:5|+300 1-0:16.29.0 = 7 Wh (active[5])",
            "|+300 1-0:23.29.0 = 3 varh (reactive[0])",
            "|+300 1-0:63.29.0 = -1 varh (reactive[2])",
            "|+300 1-0:32.5.0 = 231 V (voltages[0])",
            "|+300 1-0:52.5.0 = 230.5 V (voltages[1])",
            "text voltages[2]: 0",
            "text selfConsumption: 88",
            "text new: [1]",
        ]
    );
}

#[test]
fn rows_of_other_intervals_have_codes_of_their_own_and_never_replace_each_other() {
    let row = consumption("\"consumption\":1");
    for (aggregation, number, at, group) in [
        (Aggregation::FiveMinutes, 1, 300, 0),
        (Aggregation::Hour, 2, 3600, 130),
        (Aggregation::Day, 3, 0, 131),
        (Aggregation::Month, 4, 0, 132),
        (Aggregation::Quarter, 5, 0, 133),
        (Aggregation::TenMinutes, 6, 600, 134),
        (Aggregation::QuarterHour, 7, 900, 135),
        (Aggregation::TwentyMinutes, 8, 1200, 136),
        (Aggregation::HalfHour, 9, 1800, 137),
    ] {
        assert_eq!(aggregation.number(), number);
        let expected = format!("|{at:+} 0-0:129.1.{group} = 1 Wh (consumption)");
        assert_eq!(lines(&row, aggregation.interval()), [expected]);
    }
}

#[test]
fn an_answer_does_not_name_its_interval_so_the_distance_of_its_rows_does() {
    let of = |seconds: &[i64]| Aggregation::of_rows(seconds.iter().map(|it| NOON + it * 1000));
    assert_eq!(of(&[0, 300, 900]), Some(Aggregation::FiveMinutes));
    assert_eq!(of(&[3600, 0]), Some(Aggregation::Hour));
    assert_eq!(of(&[0, 1200]), Some(Aggregation::TwentyMinutes));
    assert_eq!(of(&[0, 23 * 3600]), Some(Aggregation::Day));
    assert_eq!(of(&[0, 31 * 86400 - 3600]), Some(Aggregation::Month));
    assert_eq!(of(&[0, 92 * 86400]), Some(Aggregation::Quarter));
    for unknown in [&[0][..], &[], &[0, 7], &[0, 0]] {
        assert_eq!(of(unknown), None, "{unknown:?}");
    }
    assert_eq!(of(&[i64::MIN / 2000, 0]), None);
}

#[test]
fn a_negative_value_is_kept_as_sent_and_flagged_where_nothing_produces() {
    let mut without = site();
    let grid_only = "{\"serviceLocationId\":4711,\"measurements\":[{\"name\":\"g\",\"type\":\"GRID\",\"channels\":[\
                     {\"consumptionIndex\":0,\"phaseId\":0}]}]}";
    without.learn(grid_only.as_bytes()).unwrap();
    let row = consumption("\"consumption\":-3,\"active\":[-3]");
    assert_eq!(
        lines_of(&row, &without, asked(Interval::Recording)),
        [
            "|+300 0-0:129.1.0 = -3 Wh sign-unexpected (consumption)",
            "|+300 1-0:36.29.0 = -3 Wh sign-unexpected (active[0])"
        ]
    );
    assert_eq!(lines(&row, Interval::Recording)[0], "|+300 0-0:129.1.0 = -3 Wh (consumption)");
    // Without a configuration nothing is known about production.
    let unknown = lines_of(&row, &Site::default(), asked(Interval::Recording));
    assert_eq!(unknown[1], "ct:0|+300 1-0:16.29.0 = -3 Wh (active[0])");
}

#[test]
fn delta_networks_keep_the_voltages_between_phases_as_such() {
    let mut delta = site();
    delta.learn(b"{\"serviceLocationId\":4711,\"phaseType\":\"THREE_DELTA\"}").unwrap();
    let row = consumption("\"voltages\":[2310,2320,2330]");
    assert_eq!(lines_of(&row, &delta, asked(Interval::Recording))[0], "|+300 0-0:129.11.0 = 231 V (voltages[0])");
    let row = consumption("\"lineVoltages\":[400.5]");
    assert_eq!(lines(&row, Interval::Recording), ["|+300 0-0:129.11.0 = 400.5 V (lineVoltages[0])"]);
}

#[test]
fn pulses_are_volumes_by_the_factor_of_their_own_input_and_stay_pulses_without_one() {
    let record = format!(
        "\"records\":[{{\"timestamp\":{NOON},\"value1\":150,\"value2\":3,\"temperature\":226,\"humidity\":45,\"battery\":98}}]}}"
    );
    assert_eq!(
        lines(&format!("{{\"serviceLocationId\":4711,\"sensorId\":3,{record}"), Interval::Recording),
        [
            "sensor:3|+300 7-1:129.5.0 = 1.5 m3 (value1)",
            "sensor:3|+300 8-2:129.5.0 = 0.0015 m3 (value2)",
            "sensor:3|+300 0-0:96.9.0 = 22.6 degC (temperature)",
            "sensor:3|+300 0-0:96.9.2 = 0.45  (humidity)",
            "sensor:3|+300 0-0:96.6.1 = 0.98  (battery)",
        ]
    );
    let unknown = lines(&format!("{{\"serviceLocationId\":4711,\"sensorId\":4,{record}"), Interval::Hour);
    assert_eq!(unknown[0], "sensor:4|+3600 1-1:82.29.130 = 150  (value1)");
    assert_eq!(unknown[1], "sensor:4|+3600 1-2:82.29.130 = 3  (value2)");
    // The mean of an hour does not replace the temperature of its last five minutes.
    assert_eq!(unknown[2], "sensor:4|+3600 0-0:129.6.130 = 22.6 degC (temperature)");
}

#[test]
fn switches_plugs_events_and_costs_are_meters_of_their_own() {
    let switch = format!(
        "{{\"serviceLocationId\":4711,\"sensorId\":9,\"records\":[{{\"timestamp\":{NOON},\"active\":12.5,\"reactive\":1}}]}}"
    );
    assert_eq!(
        lines(&switch, Interval::Recording),
        ["plug:9|+300 1-0:1.29.0 = 12.5 Wh (active)", "plug:9|+300 1-0:3.29.0 = 1 varh (reactive)"]
    );
    for (state, line) in [
        ("\"ON_ON\"", "plug:9|receipt 0-0:96.3.10 = 1  (state)"),
        ("OFF", "plug:9|receipt 0-0:96.3.10 = 0  (state)"),
        ("\"CONNECTED\"\n", "plug:9|receipt 0-0:128.23.1 = 1  (state)"),
        ("\"unreachable\"", "plug:9|receipt 0-0:128.23.1 = 2  (state)"),
    ] {
        assert_eq!(lines(state, Interval::Recording), [line]);
    }
    let events = format!(
        "[{{\"activePower\":-1200.5,\"totalPower\":340,\"applianceId\":1,\"timestamp\":{NOON}}},\
         {{\"activePower\":5,\"applianceId\":2,\"timestamp\":{},\"state\":1}},{{\"activePower\":5}}]",
        NOON - 60_000
    );
    assert_eq!(
        lines(&events, Interval::Recording),
        [
            "appliance:1|+0 0-0:128.23.2 = -1200.5 W (activePower)",
            "appliance:1|+0 0-0:128.23.3 = 340 W (totalPower)",
            "appliance:2|-60 0-0:128.23.2 = 5 W (activePower)",
            "text state: 1",
            "unreadable the event has no time or no appliance: {\"activePower\":5}",
        ]
    );
    let costs = "[{\"appliance\":{\"id\":2,\"name\":\"Freezer\",\"type\":\"refrigeration\"},\
                 \"usage\":{\"value\":12.25,\"unit\":\"KILO_WATT_HOUR\"},\"cost\":{\"currency\":\"EUR\",\"value\":3.8}},\
                 {\"usage\":{\"value\":1,\"unit\":\"KILO_WATT_HOUR\"}}]";
    assert_eq!(
        lines(costs, Interval::Month),
        [
            "appliance:2|+0 1-0:1.29.132 = 12250 Wh (usage)",
            "appliance:2|+0 0-0:129.4.132 = 3.8 ? (cost EUR)",
            "unreadable the item has no appliance: {\"usage\":{\"value\":1,\"unit\":\"KILO_WATT_HOUR\"}}",
        ]
    );
}

#[test]
fn a_value_or_a_row_that_cannot_be_read_costs_only_itself() {
    let rows = format!(
        "{{\"serviceLocationId\":4711,\"consumptions\":[{{\"consumption\":1}},7,{{\"timestamp\":{NOON},\"consumption\":\"x\",\
         \"active\":4,\"solar\":2}}]}}"
    );
    assert_eq!(
        lines(&rows, Interval::Recording),
        [
            "unreadable the row has no time: {\"consumption\":1}",
            "unreadable the row has no time: 7",
            "unreadable the value is not a number: consumption: x",
            "unreadable the value is not a number: active: 4",
            "|+300 0-0:129.2.0 = 2 Wh (solar)",
        ]
    );
}

#[test]
fn the_meters_of_a_site_have_ids_of_its_uuid_which_is_never_shown() {
    let site = site();
    assert_eq!(site.meter(""), MeterId::named("smappee", UUID));
    assert_eq!(site.meter("appliance:1"), MeterId::of_channel("smappee", &site.meter("").to_string(), "appliance:1"));
    let list = format!("{{\"serviceLocations\":[{{\"serviceLocationId\":4711,\"serviceLocationUuid\":\"{UUID}\"}}]}}");
    let known = locations(list.as_bytes()).unwrap();
    assert_eq!(Site::of(&known[0]).meter(""), site.meter(""));
    let shown = format!("{site:?} {known:?}");
    assert!(!shown.to_lowercase().contains("0f7b21c4"), "{shown}");
}

#[test]
fn a_site_knows_its_parts_and_ignores_a_channel_without_an_index() {
    let site = site();
    assert_eq!(
        (site.name.as_str(), site.time_zone.as_str(), site.currency.as_str()),
        ("Workshop", "Europe/Brussels", "EUR")
    );
    let own = site.transformers().own_meters();
    let own: Vec<_> = own.map(|(it, place)| (place.channel.into_owned(), it.name.clone(), place.phase)).collect();
    assert_eq!(
        own,
        [
            ("ct:4".to_owned(), "Roof".to_owned(), Some(Phase::L2)),
            ("ct:5".to_owned(), "Not published".to_owned(), None)
        ]
    );
    let unpublished = site.transformers().channels().filter(|it| it.name == "Not published");
    assert_eq!(unpublished.map(|it| (it.index, it.phase)).collect::<Vec<_>>(), [(Some(5), None)]);
    assert!(!site.transformers().has_no_production());
    assert_eq!((site.appliances.len(), site.actuators[0].serial.as_str()), (2, "4006000009"));
}

#[test]
fn a_second_grid_transformer_of_a_phase_is_a_meter_of_its_own() {
    let mut site = site();
    let twice = "{\"serviceLocationId\":4711,\"measurements\":[{\"type\":\"GRID\",\"channels\":[{\"consumptionIndex\":0,\"phase\":0}]},\
                 {\"type\":\"GRID\",\"channels\":[{\"consumptionIndex\":1,\"phase\":0}]}]}";
    site.learn(twice.as_bytes()).unwrap();
    let found = lines_of(&consumption("\"active\":[1,2]"), &site, asked(Interval::Recording));
    assert_eq!(found, ["|+300 1-0:36.29.0 = 1 Wh (active[0])", "ct:1|+300 1-0:36.29.0 = 2 Wh (active[1])"]);
}

#[test]
fn a_transformer_has_the_same_meter_and_phase_over_mqtt() {
    let feed = |index: u32| format!("{{\"consumptionIndex\":{index},\"powerTopicIndex\":{index}}}");
    let phase = |index: u32| format!("{{\"consumptionIndex\":{index},\"powerTopicIndex\":{index},\"phase\":0}}");
    for (phases, channels, expected) in [
        ("ONE", feed(0), ["|36", "ct:1|16"]),
        ("ONE", [feed(0), feed(1)].join(","), ["|36", "ct:1|36"]),
        ("THREE_STAR", feed(0), ["|16", "ct:1|16"]),
        ("THREE_STAR", [feed(0), feed(1)].join(","), ["ct:0|16", "ct:1|16"]),
        ("THREE_STAR", [phase(1), phase(0)].join(","), ["ct:0|36", "|36"]),
    ] {
        let metering = format!(
            "{{\"serviceLocationId\":4711,\"phaseType\":\"{phases}\",\"measurements\":[{{\"type\":\"GRID\",\"channels\":[{channels}]}}]}}"
        );
        let mut site = site();
        site.learn(metering.as_bytes()).unwrap();
        let place = |part: &Part<'_>| match part {
            Part::Value(value) => format!("{}|{}", value.channel, value.obis.0[2]),
            other => panic!("{other:?}"),
        };
        let row = consumption("\"active\":[1,2]");
        let (mut rest, mut mqtt) = (Vec::new(), Vec::new());
        let document = Document::read(row.as_bytes()).unwrap();
        document.visit(&site, asked(Interval::Recording), |part| rest.push(place(&part))).unwrap();
        let mut monitor = Monitor::new(Public::of_uuid(UUID.parse().unwrap()));
        monitor.configure(metering.as_bytes()).unwrap();
        let live = format!(
            "{{\"utcTimeStamp\":{NOON},\"channelPowers\":[{{\"publishIndex\":0,\"power\":1}},{{\"publishIndex\":1,\"power\":2}}]}}"
        );
        let kind = Topic::parse(&format!("servicelocation/{UUID}/realtime")).unwrap().kind;
        monitor.read(kind, live.as_bytes(), |_, part| mqtt.push(place(&part))).unwrap();
        assert_eq!(
            (&rest[..], &mqtt[..]),
            (&expected.map(str::to_owned)[..], &expected.map(str::to_owned)[..]),
            "{metering}"
        );
    }
}

#[test]
fn the_kept_metering_configuration_gives_the_same_transformers_and_holds_no_login() {
    let upper = UUID.to_uppercase();
    let login = format!(
        "\"updateChannels\":{{\"activePower\":{{\"userName\":\"{upper}\",\"password\":\"hunter2\",\"name\":\"servicelocation/{UUID}/power\"}}}}"
    );
    let feed = |index: u32| format!("{{\"consumptionIndex\":{index},\"powerTopicIndex\":\"{}\",{login}}}", index + 3);
    let body = format!(
        "{{\"serviceLocationId\":4711,\"serviceLocationUuid\":\"{upper}\",\"phaseType\":\"THREE_DELTA\",{login},\"measurements\":[\
         {{\"id\":1,\"name\":\"Grid\",\"type\":\"GRID\",{login},\"channels\":[{},null,{}]}},\
         {{\"id\":2,\"name\":\"{UUID}\",\"type\":\"PRODUCTION\",\"channels\":[{}]}},7,\
         {{\"id\":3,\"name\":\"Not published\",\"channels\":[{{\"name\":\"x\"}}]}},{{\"id\":4,\"channels\":{{}}}}]}}",
        feed(0),
        feed(2),
        feed(4)
    );
    let without_member = body.replace("serviceLocationUuid", "x");
    for (uuid, body) in [(UUID, body.as_str()), (UUID, &without_member), (UUID, CONFIGURATION)] {
        let mut site = Site::default();
        assert_eq!(site.context(), None);
        site.learn(body.as_bytes()).unwrap();
        let kept = site.context().unwrap();
        let text = std::str::from_utf8(&kept).unwrap();
        for secret in [uuid, "hunter2", "userName", "updateChannels"] {
            assert!(!text.to_lowercase().contains(&secret.to_lowercase()), "{secret}: {text}");
        }
        let topic = Topic::parse(&format!("servicelocation/{uuid}/meteringConfiguration")).unwrap();
        let mut monitor = Monitor::new(topic.location);
        monitor.read(topic.kind, &kept, |_, _| {}).unwrap();
        let places = |site: &crate::vendor::smappee::ChannelMap| {
            let channels =
                site.channels().map(|it| (it.key().to_owned(), it.power_index, it.role, it.phase, it.measurement));
            let own = site.own_meters().map(|(_, place)| place.channel.into_owned()).collect::<Vec<_>>();
            (channels.collect::<Vec<_>>(), own)
        };
        assert_eq!(places(&monitor.configuration().channels), places(site.transformers()));
        assert!(!site.transformers().is_empty());
    }
}

#[test]
fn a_description_of_another_location_is_refused() {
    let mut site = site();
    assert!(site.learn(b"{\"serviceLocationId\":1,\"name\":\"x\"}").is_err());
    // It could not be kept.
    assert!(Site::default().learn(b"{\"serviceLocationId\":{},\"sensors\":[]}").is_err());
    assert_eq!(site.name, "Workshop");
}

#[test]
fn a_token_is_read_and_never_shown_and_is_no_document() {
    let answer = b"{\"access_token\":\"hunter2-a\",\"expires_in\":36000,\"refresh_token\":\"hunter2-r\"}";
    let token = Token::read(answer).unwrap();
    assert_eq!((token.access.expose(), token.lasts.unwrap().as_secs()), ("hunter2-a", 36000));
    assert_eq!(token.refresh.as_ref().unwrap().expose(), "hunter2-r");
    assert!(!format!("{token:?}").contains("hunter2"));
    assert!(Document::read(answer).is_err());
    let fault = Token::read(b"{\"error\":\"hunter2\"}").unwrap_err();
    assert!(!fault.to_string().contains("hunter2"), "{fault}");
}

#[test]
fn every_answer_is_recognized_by_its_content_and_nothing_else_is_one() {
    for (json, shape) in [
        (CONFIGURATION, Shape::Site),
        ("{\"appName\":\"a\",\"serviceLocations\":[]}", Shape::Locations),
        ("{\"serviceLocationId\":1,\"consumptions\":[]}", Shape::Consumption),
        ("{\"serviceLocationId\":1,\"sensorId\":2,\"records\":[]}", Shape::Sensor),
        ("{\"serviceLocationId\":1,\"records\":[{\"active\":1}]}", Shape::Switch),
        ("[{\"applianceId\":1,\"timestamp\":1}]", Shape::Events),
        ("[{\"appliance\":{},\"cost\":{}}]", Shape::Cost),
        ("\"OFF_OFF\"", Shape::State),
    ] {
        assert_eq!(Document::read(json.as_bytes()).map(|it| it.shape()), Ok(shape), "{json}");
    }
    for other in ["{}", "[]", "[1]", "7", "\"x\"", "{\"serviceLocationId\":1}"] {
        assert!(Document::read(other.as_bytes()).is_err(), "{other}");
    }
    assert_eq!(Document::read(b"<html>"), Err(MessageError::WebPage));
}

/// Answers of every kind with two entries each, except a state, and the path of each.
fn answers() -> Vec<(String, String)> {
    let rows = |first: &str, second: &str| {
        format!("[{{\"timestamp\":{NOON},{first}}},{{\"timestamp\":{},{second}}}]", NOON + 300_000)
    };
    let of = |path: &str, json: String| (format!("/dev/v3/servicelocation/4711/{path}"), json);
    let range = format!("from={NOON}&to={}", NOON + 600_000);
    let event = |power: i64| format!("{{\"activePower\":{power},\"applianceId\":1,\"timestamp\":{NOON}}}");
    let cost = |id: i64| {
        format!(
            "{{\"appliance\":{{\"id\":{id}}},\"usage\":{{\"value\":{id},\"unit\":\"KILO_WATT_HOUR\"}},\"cost\":{{\"currency\":\"EUR\",\"value\":1}}}}"
        )
    };
    let site =
        rows("\"active\":[1,2,3,4,5],\"voltages\":[231,0],\"consumption\":-1,\"x\":1", "\"reactive\":[7,null,8]");
    let sensor = rows("\"value1\":150,\"value2\":3,\"temperature\":226", "\"humidity\":45,\"battery\":98");
    let switch = rows("\"active\":12.5", "\"reactive\":1");
    vec![
        of(
            &format!("consumption?aggregation=1&{range}"),
            format!("{{\"serviceLocationId\":4711,\"consumptions\":{site}}}"),
        ),
        of(&format!("consumption?aggregation=9&{range}"), format!("{{\"consumptions\":{site},\"note\":\"{UUID}\"}}")),
        of(
            &format!("sensor/3/consumption?aggregation=1&{range}"),
            format!("{{\"serviceLocationId\":4711,\"sensorId\":3,\"records\":{sensor}}}"),
        ),
        of(&format!("sensor/3/consumption?aggregation=3&{range}"), format!("{{\"sensorId\":3,\"records\":{sensor}}}")),
        of(&format!("switch/9/consumption?aggregation=2&{range}"), format!("{{\"sensorId\":9,\"records\":{switch}}}")),
        of(&format!("events?applianceId=1&maxNumber=1000&{range}"), format!("[{},{}]", event(5), event(-5))),
        of(&format!("costanalysis?aggregation=3&{range}"), format!("[{},{}]", cost(1), cost(2))),
        of(&format!("costanalysis?aggregation=4&{range}"), format!("[{},{}]", cost(1), cost(2))),
        of("actuator/9/state", "\"ON_ON\"".to_owned()),
        of("actuator/9/connectionstate", "CONNECTED".to_owned()),
    ]
}

#[test]
fn every_answer_is_read_alike_from_its_entries_with_its_path_and_the_kept_configuration() {
    let site = site();
    let location = Public::of_uuid(UUID.parse().unwrap());
    let kept = Site::of_context(location, site.context().as_deref()).unwrap();
    assert_eq!(kept.meter("ct:4"), site.meter("ct:4"));
    for (path, json) in answers() {
        let (shape, asked) = Asked::of_path(&path).unwrap();
        let document = Document::of(shape, json.as_bytes()).unwrap();
        let all = lines_in(document, &site, asked);
        assert!(all.iter().any(|line| line.contains('=')), "{path}: {all:?}");
        let items = document.items().unwrap();
        assert_eq!(items.len(), if shape == Shape::State { 1 } else { 2 }, "{path}");
        let alone = |items: &[Item<'_>]| {
            let message = document.with(items.iter());
            assert!(!message.contains(UUID), "{message}");
            lines_in(Document::of(shape, message.as_bytes()).unwrap(), &kept, asked)
        };
        assert_eq!(alone(&items), all, "{path}");
        let one_by_one: Vec<_> = items.iter().flat_map(|item| alone(std::slice::from_ref(item))).collect();
        assert_eq!(one_by_one, all, "{path}");
        if items.len() == 2 {
            assert_eq!(alone(&[]), Vec::<String>::new(), "{path}");
            // Two events of the same time are no corrections of each other.
            assert_ne!(items[0].key, items[1].key, "{path}");
        }
    }
}

#[test]
fn no_uuid_is_left_in_an_entry_whatever_its_member_is_called() {
    let public = Public::of_uuid(UUID.parse().unwrap()).to_string();
    let topic = format!("{{\"note\":\"{UUID}\",\"live\":[\"servicelocation/{}/power\"],", UUID.to_uppercase());
    for (path, json) in answers() {
        let json = if json.contains('{') { json.replace('{', &topic) } else { format!("\"{UUID}\"") };
        let (shape, _) = Asked::of_path(&path).unwrap();
        let document = Document::of(shape, json.as_bytes()).unwrap();
        let message = document.with(document.items().unwrap().iter());
        assert!(!message.to_lowercase().contains(UUID) && message.contains(&public), "{message}");
    }
}

#[test]
fn a_path_says_the_interval_the_plug_and_the_month_and_other_paths_have_no_values() {
    let asked = |part: &str| {
        Asked::of_path(&format!("/dev/v3/servicelocation/4711/{part}")).map(|(shape, asked)| (shape, asked.interval))
    };
    for aggregation in Aggregation::ALL {
        let rows = format!("consumption?aggregation={}&from=1&to=2", aggregation.number());
        assert_eq!(asked(&rows), Some((Shape::Consumption, aggregation.interval())));
    }
    let path = format!("/dev/v3/servicelocation/4711/costanalysis?aggregation=4&from={NOON}&to=9");
    let (shape, cost) = Asked::of_path(&path).unwrap();
    assert_eq!((shape, cost.interval, cost.from), (Shape::Cost, Interval::Year, At::Time(UnixNanos(NOON_NS))));
    assert_eq!(Asked::of_path("/dev/v3/servicelocation/4711/actuator/9/state").unwrap().1.plug, "9");
    assert_eq!(Asked::of_path("/dev/v3/servicelocation/4711/switch/8/consumption?aggregation=1").unwrap().1.plug, "8");
    for other in [
        "",
        "info",
        "meteringconfiguration",
        "consumption",
        "consumption?aggregation=0",
        "consumption?aggregation=10",
        "costanalysis?aggregation=3",
        "costanalysis?aggregation=1&from=1",
        "costanalysis?aggregation=3&from=9223372036854775807",
        "actuator/9/on",
    ] {
        assert_eq!(asked(other), None, "{other}");
    }
    assert!(Asked::of_path("servicelocation/4711/actuator/9/state").is_none());
}

#[test]
fn a_member_that_is_not_known_is_distinguished_from_an_element_without_a_value() {
    for (known, name) in [(true, "voltages[2]"), (true, "selfConsumption"), (true, "state"), (false, "activeEnergy")] {
        assert_eq!(is_unknown(name), !known, "{name}");
    }
}

#[test]
fn what_is_kept_of_an_info_and_of_a_metering_configuration_is_read_like_both() {
    let info = "{\"serviceLocationId\":4711,\"phaseType\":\"THREE_DELTA\",\"sensors\":[{\"id\":3,\"name\":\"secret name\",\
                \"channels\":[{\"ppu\":10,\"uom\":\"m3\",\"type\":\"gas\"},null,{\"channel\":2,\"ppu\":\"5\",\"uom\":\"l\",\"type\":\"water\"}]}]}";
    let metering =
        "{\"serviceLocationId\":4711,\"measurements\":[{\"type\":\"GRID\",\"channels\":[{\"consumptionIndex\":0}]}]}";
    let (mut site, location) = (Site::default(), Public::of_uuid(UUID.parse().unwrap()));
    assert_eq!(Site::of_context(location, None).unwrap().context(), None);
    site.learn(info.as_bytes()).unwrap();
    site.learn(metering.as_bytes()).unwrap();
    let context = site.context().unwrap();
    assert!(!String::from_utf8_lossy(&context).contains("secret name"));
    let kept = Site::of_context(location, Some(&context)).unwrap();
    assert_eq!(kept.context(), Some(context));
    for (path, json) in answers() {
        let (shape, asked) = Asked::of_path(&path).unwrap();
        let document = Document::of(shape, json.as_bytes()).unwrap();
        assert_eq!(lines_in(document, &kept, asked), lines_in(document, &site, asked), "{path}");
    }
    let rows = lines_of(&consumption("\"active\":[9],\"voltages\":[400]"), &kept, asked(Interval::Recording));
    assert_eq!(rows, ["|+300 1-0:16.29.0 = 9 Wh (active[0])", "|+300 0-0:129.11.0 = 400 V (voltages[0])"]);
}

proptest! {
    #[test]
    fn no_bytes_panic_and_every_value_is_finite(bytes in any::<Vec<u8>>(), text in ".{0,300}") {
        for bytes in [bytes.as_slice(), text.as_bytes()] {
            Token::read(bytes).ok();
            locations(bytes).ok();
            Site::default().learn(bytes).ok();
            for (path, _) in answers() {
                let (shape, _) = Asked::of_path(&path).unwrap();
                let items = Document::of(shape, bytes).and_then(|document| Ok((document, document.items()?)));
                if let Ok((document, items)) = items {
                    let message = document.with(items.iter());
                    prop_assert!(Document::of(shape, message.as_bytes()).unwrap().items().is_ok(), "{}", message);
                }
            }
            Asked::of_path(&String::from_utf8_lossy(bytes));
            if let Ok(document) = Document::read(bytes) {
                document.visit(&site(), asked(Interval::Hour), |_| ()).ok();
            }
        }
    }

    #[test]
    fn any_row_is_read_and_keeps_every_member(
        start in -1_000_i64..9_000_000_000_000, value in any::<f64>(), name in "[a-zA-Z]{1,16}", index in 0_usize..40
    ) {
        let array = vec!["1"; index + 1].join(",");
        let row = format!("{{\"serviceLocationId\":4711,\"consumptions\":[{{\"timestamp\":{start},\"{name}\":{value:?},\
                           \"active\":[{array}]}}]}}").replace("NaN", "null").replace("inf", "1e999");
        let found = lines(&row, Interval::Recording);
        if start > 0 {
            prop_assert!(found.len() > index, "{found:?}");
        } else {
            prop_assert_eq!(found.len(), 1);
        }
    }

    #[test]
    fn a_cut_or_changed_configuration_never_panics(at in any::<prop::sample::Index>(), byte in any::<u8>()) {
        let mut bytes = CONFIGURATION.as_bytes().to_vec();
        let at = at.index(bytes.len());
        Site::default().learn(&bytes[..at]).ok();
        bytes[at] = byte;
        let mut site = Site::default();
        site.learn(&bytes).ok();
        site.transformers().own_meters().count();
        let kept = Site::of_context(Public::of_uuid(UUID.parse().unwrap()), site.context().as_deref()).unwrap();
        prop_assert_eq!(kept.transformers(), site.transformers());
    }
}

#[test]
fn a_time_is_the_end_of_five_minutes() {
    assert_eq!(Interval::Recording.length_ns(), Some(FIVE_MINUTES_NS));
}
