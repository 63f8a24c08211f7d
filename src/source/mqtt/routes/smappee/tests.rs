//! Monitors by location and by serial number.

use super::*;
use crate::clock::Clock;
use crate::source::tests::fixture::Fixture;
use crate::source::{Keep, Recorded};
use crate::wire::batch::Original;
use std::time::Duration;

const OURS: &str = "5f0c6b1e-9a3d-4a0e-8d1b-0b7a3f5f6f11";
const OTHER: &str = "0d9f4a52-7c1b-4f37-9a66-2e51c1b4a7d0";

const CHANNELS: &str = "{\"inputChannels\":[{\"ctInput\":0,\"name\":\"Main\",\"phase\":0,\
                        \"inputChannelType\":\"CONSUMPTION\",\"inputChannelConnection\":\"GRID\"}]}";

fn config(uuid: &str, serial: &str) -> String {
    format!(
        "{{\"utcTimeStamp\":1764000000000,\"serialNumber\":\"{serial}\",\"serviceLocationUuid\":\"{uuid}\",\
         \"serviceLocationId\":7,\"firmwareVersion\":\"V3125\",\"aggregationPeriodSeconds\":300}}"
    )
}

fn realtime(second: i64) -> String {
    format!(
        "{{\"totalPower\":157,\"monitorStatus\":0,\"utcTimeStamp\":{},\"channelPowers\":[{{\"ctInput\":0,\
         \"power\":120,\"exportEnergy\":0,\"importEnergy\":3600,\"phaseId\":0,\"current\":5}}],\
         \"voltages\":[{{\"voltage\":231,\"phaseId\":0}}]}}",
        1_764_000_000_000 + second * 1000
    )
}

struct Place {
    state: State,
    inlet: Inlet,
    fixture: Fixture,
}

impl Place {
    fn new(monitors: &Monitors) -> Self {
        let fixture = Fixture::new();
        let keep = Keep::FirstOfEach(Duration::from_secs(10));
        let inlet = Inlet::new("monitors", "mqtt", fixture.entrance("monitors"), keep);
        Self { state: State::new(monitors), inlet, fixture }
    }

    fn take(&mut self, uuid: &str, name: &str, payload: &str) -> Found {
        let topic = format!("servicelocation/{uuid}/{name}");
        let message =
            Message { topic: &topic, payload: payload.as_bytes(), is_retained: false, received: UnixNanos(1) };
        self.state.take(&message, &mut self.inlet, Clock::system().monotonic())
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_monitor_is_found_by_the_serial_number_of_its_configuration_and_others_are_left_out() {
    let mut place = Place::new(&Monitors { serials: vec!["5010001234".to_owned()], ..Monitors::default() });
    // It is not known whose this is, and it was not subscribed to.
    assert!(matches!(place.take(OURS, "realtime", &realtime(0)), Found::LeftOut("other_monitor")));
    let found = place.take(OURS, "config", &config(OURS, "5010001234"));
    let Found::Configured { configuration, filter: Some(filter) } = found else { panic!("{found:?}") };
    assert_eq!(filter.expose(), format!("servicelocation/{OURS}/#"));
    assert!(matches!(configuration.context, Context::New(_)), "to be kept before");
    // Once for each connection, because a subscription brings the retained configuration again.
    assert!(matches!(place.take(OURS, "config", &config(OURS, "5010001234")), Found::LeftOut("ignored")));
    place.state.connected(Clock::system().monotonic());
    let found = place.take(OURS, "config", &config(OURS, "5010001234"));
    assert!(matches!(found, Found::Configured { filter: Some(_), .. }), "{found:?}");
    let found = place.take(OURS, "channelConfig", CHANNELS);
    assert!(matches!(found, Found::Configured { filter: None, .. }), "{found:?}");
    place.take(OTHER, "config", &config(OTHER, "5010009999"));
    assert!(matches!(place.take(OTHER, "realtime", &realtime(1)), Found::LeftOut("other_monitor")));
    let Found::Readings(found) = place.take(OURS, "realtime", &realtime(1)) else { panic!() };
    let location = Location::of_uuid(OURS.parse().unwrap());
    let power: Vec<_> = found.decoded.readings.iter().filter(|it| it.meter == location.meter("")).collect();
    assert!(power[0].samples.iter().any(|it| it.obis == "36.7.0".parse().unwrap() && it.value == 120.0), "{found:?}");
    assert_eq!(found.origin, format!("smappee/{location}/realtime"));
    assert_eq!(place.state.monitors(), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn after_a_restart_the_kept_configuration_tells_whose_messages_come_before_the_retained_one() {
    let monitors = Monitors { serials: vec!["5010001234".to_owned()], ..Monitors::default() };
    let mut place = Place::new(&monitors);
    place.take(OURS, "channelConfig", CHANNELS);
    place.take(OURS, "config", &config(OURS, "5010001234"));
    let Found::Readings(found) = place.take(OURS, "realtime", &realtime(1)) else { panic!() };
    let Context::New(context) = found.context else { panic!("it is kept with the first message") };
    let original = Original { bytes: &context, format: FORMAT, device: &found.device, ..Original::default() };
    let version = place.inlet.keep_context(original).await.unwrap();

    place.state = State::new(&monitors);
    let Found::Readings(found) = place.take(OURS, "realtime", &realtime(20)) else { panic!("left out") };
    assert!(matches!(found.context, Context::Kept(kept) if kept == version));
    // A part that comes first does not drop the others.
    place.take(OURS, "channelConfig", &CHANNELS.replace("Main", "House"));
    let Found::Readings(found) = place.take(OURS, "realtime", &realtime(40)) else { panic!("left out") };
    let Context::New(context) = found.context else { panic!("another map") };
    assert!(String::from_utf8_lossy(&context).contains("5010001234"));
    assert!(matches!(place.take(OTHER, "realtime", &realtime(41)), Found::LeftOut("other_monitor")));
}

#[tokio::test(flavor = "multi_thread")]
async fn live_values_are_thinned_by_their_time_and_nothing_holds_the_uuid() {
    let mut place = Place::new(&Monitors { locations: vec![Secret::new(OURS.to_uppercase())], ..Monitors::default() });
    let found = place.take(OURS, "realtime", &realtime(0));
    assert!(matches!(&found, Found::Readings(_)), "{found:?}");
    for second in 1..10 {
        assert!(matches!(place.take(OURS, "realtime", &realtime(second)), Found::Thinned));
    }
    assert!(matches!(place.take(OURS, "realtime", &realtime(10)), Found::Readings(_)));
    place.take(OURS, "config", &config(OURS, "5010001234"));
    let broken = place.take(OURS, "realtime", &format!("{{\"x\":\"{OURS}\""));
    assert!(matches!(&broken, Found::Unreadable(_)), "{broken:?}");
    let report = place.take(OURS, "trigger", &format!("{{\"serviceLocationUuid\":\"{OURS}\"}}"));
    for text in [format!("{found:?}"), format!("{broken:?}"), format!("{report:?}"), format!("{:?}", place.state)] {
        let bytes: Vec<String> = OURS.bytes().map(|byte| byte.to_string()).collect();
        assert!(!text.to_lowercase().contains(OURS) && !text.contains(&bytes.join(", ")), "{text}");
    }
    // A command is never read.
    assert!(matches!(place.take(OURS, "plug/3/setstate", "{'value':'ON'}"), Found::LeftOut("ignored")));
    for name in ["somethingNew", "powerquality", "nilm", "etc/carcharger/acchargingcontroller/v1/devices/updated"] {
        assert!(matches!(place.take(OURS, name, "{}"), Found::Unknown), "{name}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_retained_report_is_kept_once_and_not_again_with_each_connection() {
    let mut place = Place::new(&Monitors { locations: vec![Secret::new(OURS)], ..Monitors::default() });
    let mut take = |name: &str, payload: &str, is_retained| {
        place.state.connected(Clock::system().monotonic());
        let topic = format!("servicelocation/{OURS}/{name}");
        let message = Message { topic: &topic, payload: payload.as_bytes(), is_retained, received: UnixNanos(1) };
        place.state.take(&message, &mut place.inlet, Clock::system().monotonic())
    };
    let report = |id: u8| format!("{{\"triggerId\":{id}}}");
    for name in ["trigger", "scheduler"] {
        assert!(matches!(take(name, &report(3), true), Found::Texts(_)), "{name}");
        assert!(matches!(take(name, &report(3), true), Found::LeftOut("retained")), "{name}");
        assert!(matches!(take(name, &report(4), true), Found::Texts(_)), "{name} has changed");
        // A live one says that it happened again.
        assert!(matches!(take(name, &report(4), false), Found::Texts(_)), "{name} is live");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_map_of_a_monitor_is_named_by_its_messages_and_survives_a_restart() {
    let monitors = Monitors { locations: vec![Secret::new(OURS)], ..Monitors::default() };
    let mut place = Place::new(&monitors);
    place.take(OURS, "channelConfig", CHANNELS);
    let Found::Readings(first) = place.take(OURS, "realtime", &realtime(0)) else { panic!() };
    let Context::New(bytes) = &first.context else { panic!("{first:?}") };
    let context = Original { bytes, format: FORMAT, device: &first.device, ..Original::default() };
    let version = place.inlet.keep_context(context).await.unwrap();
    place.state.kept(&first.device, &version);
    // Messages of the broker's session come before the retained configuration.
    place.state = State::new(&monitors);
    for second in [10, 20] {
        let Found::Readings(found) = place.take(OURS, "realtime", &realtime(second)) else { panic!() };
        assert!(matches!(&found.context, Context::Kept(known) if *known == version), "{found:?}");
        let meter = Location::of_uuid(OURS.parse().unwrap()).meter("");
        let power = "36.7.0".parse().unwrap();
        let is_named = |it: &crate::vendor::Reading| it.meter == meter && it.samples.iter().any(|it| it.obis == power);
        assert!(found.decoded.readings.iter().any(is_named), "{found:?}");
        let sent = realtime(second);
        let original = Original { bytes: sent.as_bytes(), origin: &found.origin, ..Original::default() };
        let recorded = Recorded { original: &original, context: Some(bytes), received: UnixNanos(1) };
        assert_eq!(decode_again(&recorded, &[], &place.fixture.contexts).unwrap().readings, found.decoded.readings);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn live_values_of_the_cloud_go_by_the_metering_configuration_that_an_account_has_read() {
    let map = |place: u32| {
        let channel = format!("{{\"consumptionIndex\":4,\"powerTopicIndex\":{place}}}");
        format!("{{\"measurements\":[{{\"name\":\"Roof\",\"type\":\"PRODUCTION\",\"channels\":[{channel}]}}]}}")
    };
    let power = |second: i64| {
        let millis = 1_764_000_000_000 + second * 1000;
        format!("{{\"utcTimeStamp\":{millis},\"activePowerData\":[0,0,0,0,0,500],\"importActiveEnergyData\":[64]}}")
    };
    let monitors =
        Monitors { locations: vec![Secret::new(OURS)], accounts: vec!["account".to_owned()], ..Monitors::default() };
    let mut place = Place::new(&monitors);
    let location = Location::of_uuid(OURS.parse().unwrap());
    let account = Inlet::new("account", "smappee", place.fixture.entrance("account"), Keep::All);
    let device = location.to_string();
    let (before, after) = (map(5), map(4));
    let of = |text| Original { bytes: str::as_bytes(text), device: &device, ..Original::default() };
    // The channels of the power and of the energy, and the context that a record names.
    let take = |place: &mut Place, second: i64| {
        let Found::Readings(found) = place.take(OURS, "power", &power(second)) else { panic!("left out") };
        let channel = |value: f64| {
            let reading =
                found.decoded.readings.iter().find(|it| it.samples.iter().any(|it| it.value == value)).unwrap();
            let channels = ["ct:4", "power:5", "energy:0"].into_iter();
            channels.filter(|it| location.meter(it) == reading.meter).collect::<Vec<_>>().join(" ")
        };
        ([channel(500.0), channel(64.0)].join(" "), found.context)
    };
    assert_eq!(take(&mut place, 0).0, "power:5 energy:0");
    account.keep_context(of(&before)).await.unwrap();
    // Other messages have no arrays, and their channels are another list's.
    assert!(
        matches!(place.take(OURS, "realtime", &realtime(10)), Found::Readings(it) if it.context.version().is_empty())
    );
    let (channels, context) = take(&mut place, 20);
    assert_eq!(channels, "ct:4 ct:4");
    let Context::New(bytes) = context else { panic!("{context:?}") };
    let version =
        place.inlet.keep_context(Original { bytes: &bytes, device: &device, ..Original::default() }).await.unwrap();
    place.state.kept(&device, &version);
    assert!(matches!(take(&mut place, 30).1, Context::Kept(kept) if kept == version));
    // After a restart it is known at once, also if the account has gone.
    place.state = State::new(&Monitors { accounts: Vec::new(), ..monitors.clone() });
    assert!(
        matches!(take(&mut place, 40), (channels, Context::Kept(kept)) if channels == "ct:4 ct:4" && kept == version)
    );
    place.state = State::new(&monitors);
    assert!(matches!(take(&mut place, 50).1, Context::Kept(kept) if kept == version), "the same is no new one");
    // Another wiring.
    account.keep_context(of(&after)).await.unwrap();
    let found = place.take(OURS, "power", &power(60));
    assert!(matches!(&found, Found::Readings(found) if matches!(found.context, Context::New(_))), "{found:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn live_values_from_before_an_accounts_first_configuration_are_decoded_again_with_it_whatever_was_kept_first() {
    let map = |place: u32| {
        let channel = format!("{{\"consumptionIndex\":4,\"powerTopicIndex\":{place}}}");
        format!("{{\"measurements\":[{{\"name\":\"Roof\",\"type\":\"PRODUCTION\",\"channels\":[{channel}]}}]}}")
    };
    let power = "{\"utcTimeStamp\":1764000000000,\"activePowerData\":[0,0,0,0,0,500],\"importActiveEnergyData\":[64]}";
    let monitors =
        Monitors { locations: vec![Secret::new(OURS)], accounts: vec!["account".to_owned()], ..Monitors::default() };
    let location = Location::of_uuid(OURS.parse().unwrap());
    let device = location.to_string();
    // Another part of the configuration is kept before it, after it, or never.
    for (config_first, config_later) in [(false, false), (true, false), (false, true)] {
        let mut place = Place::new(&monitors);
        let config = with_document(b"", Document::Config, config(OURS, "5010001234").as_bytes()).unwrap();
        let config = Original { bytes: &config, device: &device, ..Original::default() };
        let version =
            if config_first { place.inlet.keep_context(config.clone()).await.unwrap() } else { String::new() };
        if config_later {
            place.inlet.keep_context(config).await.unwrap();
        }
        let Found::Readings(found) = place.take(OURS, "power", power) else { panic!("left out") };
        let account = Inlet::new("account", "smappee", place.fixture.entrance("account"), Keep::All);
        for map in [map(5), map(4)] {
            let original = Original { bytes: map.as_bytes(), device: &device, ..Original::default() };
            account.keep_context(original).await.unwrap();
        }
        let channels = |accounts: &[String]| {
            let original = Original {
                bytes: power.as_bytes(),
                origin: &found.origin,
                device: &device,
                context: &version,
                ..Original::default()
            };
            let context = place.fixture.contexts.get("monitors", &device, &version);
            let recorded = Recorded { original: &original, context: context.as_deref(), received: UnixNanos(1) };
            let again = decode_again(&recorded, accounts, &place.fixture.contexts).unwrap().readings;
            let known = ["ct:4", "power:5", "energy:0"].into_iter();
            known.filter(|it| again.iter().any(|reading| reading.meter == location.meter(it))).collect::<Vec<_>>()
        };
        assert_eq!(channels(&[]), ["power:5", "energy:0"], "{config_first} {config_later}");
        assert_eq!(channels(&["account".to_owned()]), ["ct:4"], "{config_first} {config_later}");
    }
}

#[test]
fn the_time_of_live_values_is_found_without_reading_them() {
    assert_eq!(time_of(realtime(1).as_bytes()), Some(UnixNanos(1_764_000_001_000_000_000)));
    let text = b"{\"utcTimeStamp\":\t\"1764000001000\"}";
    assert_eq!(time_of(text), Some(UnixNanos(1_764_000_001_000_000_000)));
    for text in ["", "{}", "\"utcTimeStamp\"", "\"utcTimeStamp\":x", "\"utcTimeStamp\":99999999999999999999999"] {
        assert_eq!(time_of(text.as_bytes()), None, "{text}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn locations_are_bounded_and_lock_out_no_monitor_of_ours() {
    for all in [true, false] {
        let serials = vec!["5010001234".to_owned()];
        let locations = if all { Vec::new() } else { vec![Secret::new(OURS)] };
        let mut place = Place::new(&Monitors { all, serials, locations, ..Monitors::default() });
        for number in 1..=LOCATIONS_MAX as u128 + 1 {
            let uuid = Uuid::from_u128(number).to_string();
            // Every client of the broker can claim the serial number.
            place.take(&uuid, "config", &config(&uuid, "5010001234"));
        }
        assert_eq!(place.state.monitors(), LOCATIONS_MAX);
        let found = place.take(OURS, "realtime", &realtime(0));
        assert!(matches!(found, Found::Readings(_)), "{found:?}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn live_values_of_the_cloud_that_change_are_not_stale_although_they_are_thinned() {
    let cloud = Cloud { location: Secret::new(OURS), serial: String::new(), number: None };
    let mut place =
        Place::new(&Monitors { locations: vec![Secret::new(OURS)], cloud: vec![cloud], ..Monitors::default() });
    let (topic, start) = (format!("servicelocation/{OURS}/power"), Clock::system().monotonic());
    place.state.connected(start);
    for minute in 0..10 {
        let payload = format!("{{\"utcTimeStamp\":{},\"consumptionPower\":{minute}}}", 1_764_000_000_000_i64 + minute);
        let message =
            Message { topic: &topic, payload: payload.as_bytes(), is_retained: false, received: UnixNanos(1) };
        let now = start + Duration::from_mins(minute.unsigned_abs());
        let found = place.state.take(&message, &mut place.inlet, now);
        assert_eq!(matches!(found, Found::Thinned), minute > 0, "{found:?}");
        assert_eq!(place.state.stale(now), None, "minute {minute}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn live_values_without_a_usable_time_are_thinned_by_the_receive_time_and_a_broken_one_thins_no_other() {
    let mut place = Place::new(&Monitors { locations: vec![Secret::new(OURS)], ..Monitors::default() });
    let topic = format!("servicelocation/{OURS}/power");
    let mut stored = Vec::new();
    for second in 0..30 {
        let payload = if second == 0 { "{\"consumptionPower\":" } else { "{\"consumptionPower\":5}" };
        let received = UnixNanos(1_764_000_000_000_000_000 + second * 1_000_000_000);
        let message = Message { topic: &topic, payload: payload.as_bytes(), is_retained: false, received };
        match place.state.take(&message, &mut place.inlet, Clock::system().monotonic()) {
            Found::Readings(_) => stored.push(second),
            Found::Unreadable(_) => assert_eq!(second, 0),
            found => assert!(matches!(found, Found::Thinned), "{found:?}"),
        }
    }
    assert_eq!(stored, [1, 10, 20]);
}
