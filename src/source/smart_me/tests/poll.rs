//! Devices, polled from a simulated cloud over real sockets.

use super::fixture::Fixture;
use super::*;
use crate::reading::{Flags, Limits, Obis, Sample, UnixNanos};
use crate::source::SourceState;
use crate::wire::{self, Judged, PayloadFormat, SeenReading};
use meterline_load::cloud::{CloudCustomer, CloudDevice, CloudGateway, DeviceKind};
use uuid::Uuid;

const METER: Uuid = Uuid::from_u128(0x8d2f_3c64_0c58_4a0e_9d1b_0b7a_3f5f_6f11);
const OTHER: Uuid = Uuid::from_u128(0x1b7c_9a10_77aa_4f53_8b6e_52f0_41c3_0d22);
const GATEWAY: Uuid = Uuid::from_u128(0x5e0d_11c2_3b4a_4c8e_a1f0_9f27_86b4_7c33);
const SECOND: i64 = 1_000_000_000;
const DAY: i64 = 86_400 * SECOND;

/// A time at which meters of ten seconds measure: a little before the present.
fn present() -> i64 {
    Clock::system().now().0 / (10 * SECOND) * (10 * SECOND)
}

fn polling(mode: PollMode) -> Polling {
    Polling {
        mode,
        every: Duration::from_millis(20),
        only: None,
        values: ValuesOf::None,
        stale_after: Duration::from_mins(15),
        gateways: false,
        unit_factor_expected: 1.0,
    }
}

struct Scene {
    fixture: Fixture,
    cloud: Cloud,
    counters: WebhookCounters,
    now: i64,
}

/// The options of a scene.
struct Setting {
    switches: Switches,
    polling: Polling,
    reach: Reach,
    per_minute: usize,
    has_webhook: bool,
    /// Whether gap detection has recorded nothing yet.
    is_still: bool,
}

impl Setting {
    fn of(mode: PollMode) -> Self {
        Self {
            switches: Switches::default(),
            polling: polling(mode),
            reach: Reach::Own,
            per_minute: 6000,
            has_webhook: true,
            is_still: false,
        }
    }
}

impl Scene {
    fn new(setting: Setting, devices: Vec<CloudDevice>, before: impl FnOnce(&Cloud, &Fixture, i64)) -> Self {
        let (cloud, fixture, now) = (cloud(setting.switches), Fixture::new(), present());
        cloud.set_now(Some(now));
        cloud.change_account("a", |account| {
            account.devices = devices;
            account.is_partner = setting.reach == Reach::Partner;
        });
        before(&cloud, &fixture, now);
        let requests_per_minute = NonZeroUsize::new(setting.per_minute).unwrap();
        let client = fixture.client(Account { reach: setting.reach, requests_per_minute, ..account(&cloud, key()) });
        let counters = WebhookCounters::of(["a".to_owned()]);
        let schedule = Devices::schedule(setting.polling.every);
        let parts = DevicesParts {
            has_webhook: setting.has_webhook,
            store: (setting.polling.mode == PollMode::Store).then(|| {
                let arrivals = if setting.is_still { fixture.still_arrivals() } else { fixture.arrivals() };
                (arrivals, fixture.inlet(Devices::KIND))
            }),
            polling: setting.polling,
            describer: None,
            counters: counters.clone(),
            clock: fixture.clock.clone(),
        };
        fixture.sources.start_polled("a", Devices::KIND, schedule, Devices::new(client, parts));
        Self { fixture, cloud, counters, now }
    }

    /// The times of a device's journaled readings.
    fn times(&self, device: Uuid) -> Vec<i64> {
        let of_it = self.fixture.stored(Flags::NONE).into_iter().filter(|(meter, ..)| *meter == device.into());
        of_it.map(|(_, at, _)| at.0).collect()
    }

    /// Waits for `more` further requests for the list.
    fn wait_for_lists(&self, more: usize) {
        let lists = |scene: &Self| {
            scene.cloud.requests().iter().filter(|it| it.what.ends_with("Devices") && it.status == 200).count()
        };
        let before = lists(self);
        // One may be in flight.
        until("it is asked again", || lists(self) > before + more);
    }
}

fn value(samples: &[Sample], code: &str) -> Option<f64> {
    samples.iter().find(|sample| sample.obis == code.parse().unwrap()).map(|sample| sample.value)
}

#[test]
fn a_new_value_is_stored_once_and_an_unchanged_time_gives_nothing() {
    for (camel_case, nulls, dates) in [(false, false, true), (true, true, false)] {
        let switches = Switches { camel_case, nulls, dates, ..Switches::default() };
        let devices = vec![CloudDevice::new(METER, 900.0), CloudDevice::of(DeviceKind::Telstar, OTHER, 500.0)];
        let scene = Scene::new(Setting { switches, ..Setting::of(PollMode::Store) }, devices, |_, _, _| {});
        scene.wait_for_lists(3);
        let stored = scene.fixture.stored(Flags::NONE);
        assert_eq!((scene.times(METER), scene.times(OTHER)), (vec![scene.now], vec![scene.now]));
        let import = CloudDevice::new(METER, 900.0).values(scene.now)[0].1;
        assert!((value(&stored[0].2, "1.8.0").unwrap() - import).abs() < 1e-3);
        assert_eq!(value(&stored[0].2, "16.8.0"), None, "net beside import is not stored");
        assert!(value(&stored[1].2, "1.7.0").unwrap() < 0.0, "power that is exported");
        scene.cloud.set_now(Some(scene.now + 12 * SECOND));
        until("the next is there", || scene.times(METER).len() == 2);
        assert_eq!(scene.times(METER)[1], scene.now + 10 * SECOND);
    }
}

#[test]
fn a_dead_meter_is_stale_and_gives_no_sample() {
    let mut dead = CloudDevice::new(METER, 0.0);
    dead.silent_since = Some(present() - 96 * DAY);
    let alive = CloudDevice::new(OTHER, 500.0);
    let scene = Scene::new(Setting::of(PollMode::Store), vec![dead, alive], |_, _, _| {});
    scene.wait_for_lists(2);
    assert_eq!((scene.times(METER), scene.times(OTHER).len()), (Vec::new(), 1));
    assert_eq!((scene.fixture.number("meters"), scene.fixture.number("meters_stale")), (Some(2.0), Some(1.0)));
    let days = scene.fixture.number("oldest_value_seconds").unwrap() / 86_400.0;
    assert!((96.0..97.0).contains(&days), "{days}");
}

#[test]
fn freshness_uses_the_servers_clock() {
    let scene = Scene::new(Setting::of(PollMode::Watch), vec![CloudDevice::new(METER, 900.0)], |_, _, _| {});
    scene.cloud.set_now(Some(scene.now + 300 * DAY + 7 * SECOND));
    until("it is reported", || scene.fixture.number("oldest_value_seconds") == Some(7.0));
    assert_eq!(scene.fixture.number("meters_stale"), Some(0.0));
    let without = Switches { dates: false, ..Switches::default() };
    let setting = Setting { switches: without, ..Setting::of(PollMode::Watch) };
    let scene = Scene::new(setting, vec![CloudDevice::new(METER, 900.0)], |_, _, _| {});
    scene.wait_for_lists(1);
    assert_eq!(scene.fixture.state(), SourceState::Running);
    assert_eq!(scene.fixture.number("oldest_value_seconds"), None, "our clock says nothing of it");
}

#[test]
fn a_polled_value_never_replaces_a_received_one() {
    let devices = vec![CloudDevice::new(METER, 900.0), CloudDevice::new(OTHER, 500.0)];
    let scene = Scene::new(Setting::of(PollMode::Store), devices, |_, fixture, now| {
        let seen =
            SeenReading { meter: METER.into(), at: UnixNanos(now), has_counter: true, is_repair: false, is_row: false };
        fixture.coverage.note("a", UnixNanos(now), [seen].into_iter());
    });
    scene.wait_for_lists(2);
    assert_eq!((scene.times(METER), scene.times(OTHER)), (Vec::new(), vec![scene.now]));
    assert_eq!(scene.fixture.coverage.newest_measurement(METER.into()), Some(UnixNanos(scene.now)));
    scene.cloud.set_now(Some(scene.now + 10 * SECOND));
    until("the missing value is stored", || scene.times(METER) == [scene.now + 10 * SECOND]);
}

#[test]
fn without_a_webhook_values_are_stored_although_gap_detection_stands_still() {
    let setting = Setting { has_webhook: false, is_still: true, ..Setting::of(PollMode::Store) };
    let scene = Scene::new(setting, vec![CloudDevice::new(METER, 900.0)], |_, _, _| {});
    until("it is stored", || scene.times(METER) == [scene.now]);
    scene.cloud.set_now(Some(scene.now + 10 * SECOND));
    until("so is the next", || scene.times(METER).len() == 2);
    assert_eq!(scene.fixture.state(), SourceState::Running);
}

#[test]
fn with_a_webhook_nothing_is_stored_before_gap_detection_has_read_what_arrived_and_the_page_says_why() {
    let setting = Setting { is_still: true, ..Setting::of(PollMode::Store) };
    let scene = Scene::new(setting, vec![CloudDevice::new(METER, 900.0)], |_, _, _| {});
    until("it is shown", || scene.fixture.state() == SourceState::Failing);
    let why = scene.fixture.description().why.clone().unwrap();
    assert!(why.contains("not stored") && why.contains("gap detection"), "{why}");
    assert!(scene.times(METER).is_empty());
    scene.fixture.coverage.noted_below(scene.fixture.journal.next());
    until("it is stored", || scene.times(METER) == [scene.now]);
}

#[test]
fn what_arrives_during_the_wait_is_not_waited_for() {
    let fixture = Fixture::new();
    let (arrivals, stop) = (fixture.still_arrivals(), fixture.stop());
    let begun = fixture.journal.next();
    let mut inlet = fixture.inlet(Devices::KIND);
    let meanwhile = async {
        let sample = Sample { obis: Obis([1, 0, 1, 8, 0, 255]), value: 1.0 };
        let reading = crate::vendor::Reading {
            meter: METER.into(),
            at: fixture.clock.now(),
            flags: Flags::NONE,
            samples: vec![sample],
        };
        inlet.take(&[reading], &crate::wire::batch::Original::default()).await.unwrap();
        fixture.coverage.noted_below(begun);
    };
    let (waited, ()) = run(async { tokio::join!(arrivals.catch_up(&stop), meanwhile) });
    assert_eq!((waited, fixture.journal.next()), (Ok(true), begun.next()));
}

#[test]
fn failures_lose_nothing_repeat_nothing_and_wait_as_long_as_the_server_asks() {
    let trouble = [
        Fault::Status(524, None),
        Fault::Cut,
        Fault::Garbled,
        Fault::DoneAndCut,
        Fault::Status(429, Some(2)),
        Fault::Status(429, Some(1)),
    ];
    let scene = Scene::new(Setting::of(PollMode::Store), vec![CloudDevice::new(METER, 900.0)], |cloud, _, _| {
        trouble.iter().for_each(|fault| cloud.fail_next(1, *fault));
    });
    until("it was taken after all", || !scene.times(METER).is_empty());
    scene.wait_for_lists(2);
    assert_eq!(scene.times(METER), [scene.now]);
    assert_eq!(scene.fixture.state(), SourceState::Running);
    let requests = scene.cloud.requests();
    for (number, wait) in [(4, 2), (5, 1)] {
        assert_eq!(requests[number].status, 429);
        assert!(requests[number + 1].at - requests[number].at >= Duration::from_secs(wait));
    }
}

#[test]
fn the_budget_holds_at_any_polling_interval() {
    let setting = Setting { per_minute: 7, ..Setting::of(PollMode::Store) };
    let scene = Scene::new(setting, vec![CloudDevice::new(METER, 900.0)], |cloud, _, _| {
        cloud.fail_next(2, Fault::Status(524, None));
    });
    until("all that may be asked was asked", || scene.cloud.requests().len() == 7);
    thread::sleep(Duration::from_millis(300));
    assert_eq!(scene.cloud.requests().len(), 7);
}

#[test]
fn an_unknown_unit_gives_no_sample() {
    let odd = CloudDevice::of(DeviceKind::Odd, OTHER, 500.0);
    let scene = Scene::new(Setting::of(PollMode::Store), vec![odd, CloudDevice::new(METER, 900.0)], |_, _, _| {});
    scene.wait_for_lists(1);
    assert_eq!((scene.times(OTHER), scene.times(METER).len()), (Vec::new(), 1));
    for fact in ["values_with_unknown_unit", "values_unreadable"] {
        assert!(scene.fixture.number(fact) >= Some(1.0), "{fact}");
    }
    assert_eq!(scene.fixture.number("tariffs_not_adding_up"), Some(0.0));
}

#[test]
fn a_register_is_the_same_polled_or_posted() {
    for kind in [DeviceKind::Kamstrup, DeviceKind::Telstar] {
        let device = CloudDevice::of(kind, METER, 900.0);
        let scene = Scene::new(Setting::of(PollMode::Store), vec![device.clone()], |_, _, _| {});
        scene.wait_for_lists(1);
        let stored = scene.fixture.stored(Flags::NONE);
        for (code, posted) in device.values(scene.now) {
            let polled = stored[0].2.iter().find(|sample| sample.obis == Obis(code)).expect("the posted register");
            assert!((polled.value - posted).abs() < 1e-3, "{polled:?} and {posted}");
        }
        let total = |code: &str| value(&stored[0].2, code);
        assert_eq!((total("16.7.0"), total("13.7.0")), (None, None), "a series of its own for the same quantity");
    }
}

#[test]
fn a_wireless_gateway_is_no_stale_meter() {
    let mut gateway = CloudDevice::of(DeviceKind::WirelessGateway, OTHER, 0.0);
    gateway.silent_since = Some(present() - DAY);
    let scene = Scene::new(Setting::of(PollMode::Store), vec![gateway, CloudDevice::new(METER, 900.0)], |_, _, _| {});
    scene.wait_for_lists(1);
    assert_eq!((scene.fixture.number("meters"), scene.fixture.number("meters_stale")), (Some(1.0), Some(0.0)));
}

#[test]
fn only_the_device_wanted_is_read() {
    let only = Polling { only: Some(METER.into()), ..polling(PollMode::Store) };
    let devices = vec![CloudDevice::new(METER, 900.0), CloudDevice::new(OTHER, 500.0)];
    let scene = Scene::new(Setting { polling: only, ..Setting::of(PollMode::Store) }, devices, |_, _, _| {});
    scene.wait_for_lists(1);
    assert_eq!((scene.times(METER).len(), scene.times(OTHER)), (1, Vec::new()));
}

#[test]
fn registers_are_fetched_only_if_configured_and_only_for_new_values() {
    for dotted_codes in [false, true] {
        let values = ValuesOf::Some(vec![METER.into()]);
        let polling = Polling { values, ..polling(PollMode::Store) };
        let switches = Switches { dotted_codes, text_values: true, ..Switches::default() };
        let devices = vec![CloudDevice::new(METER, 900.0), CloudDevice::new(OTHER, 500.0)];
        let scene = Scene::new(Setting { polling, switches, ..Setting::of(PollMode::Store) }, devices, |_, _, _| {});
        scene.wait_for_lists(3);
        let stored = scene.fixture.stored(Flags::NONE);
        let power = value(&stored[0].2, "1.7.0").unwrap();
        assert!((power - 900.0).abs() < 1e-6);
        assert_eq!((value(&stored[0].2, "32.7.0"), value(&stored[1].2, "32.7.0").is_some()), (None, true));
        let asked = scene.cloud.requests().iter().filter(|it| it.what.contains("/Values/")).count();
        assert_eq!((asked, stored.len()), (1, 2));
        assert_eq!(scene.fixture.number("registers_unreadable"), Some(1.0));
    }
}

#[test]
fn polled_values_are_decoded_again_from_their_part_of_the_list_or_from_their_registers() {
    let polling = Polling { values: ValuesOf::Some(vec![METER.into()]), ..polling(PollMode::Store) };
    let mut silent = CloudDevice::new(OTHER, 500.0);
    silent.silent_since = Some(present() - 96 * DAY);
    let water = CloudDevice::of(DeviceKind::ColdWater, Uuid::from_u128(1), 7.0);
    let more = (2..=101).map(|id| CloudDevice::new(Uuid::from_u128(id), 9.0));
    let devices: Vec<_> = [CloudDevice::new(METER, 900.0), silent, water].into_iter().chain(more).collect();
    let ids: Vec<_> = devices.iter().map(|device| device.id.to_string()).collect();
    let scene = Scene::new(Setting { polling, ..Setting::of(PollMode::Store) }, devices, |_, _, _| {});
    scene.wait_for_lists(2);
    let messages = scene.fixture.messages();
    let has = |message: &str, id: &String| message.to_ascii_lowercase().contains(id.as_str());
    let counts: Vec<_> = messages.iter().map(|message| ids.iter().filter(|id| has(message, id)).count()).collect();
    assert_eq!(counts, [1, 100, 1], "the registers of one, and the entries of the others with new values");
    assert!(
        messages[0].contains("0100010800FF") && !messages[1..].iter().any(|it| has(it, &ids[0]) || has(it, &ids[1]))
    );
}

#[test]
fn a_device_whose_registers_are_refused_takes_no_values_from_itself_or_from_others() {
    let scene = |registers_status| {
        let polling = Polling { values: ValuesOf::Some(vec![OTHER.into()]), ..polling(PollMode::Store) };
        let switches = Switches { registers_status, ..Switches::default() };
        let devices = vec![CloudDevice::new(METER, 900.0), CloudDevice::new(OTHER, 500.0)];
        Scene::new(Setting { polling, switches, ..Setting::of(PollMode::Store) }, devices, |_, _, _| {})
    };
    let refused = scene(400);
    refused.wait_for_lists(2);
    assert_eq!((refused.times(METER), refused.times(OTHER)), (vec![refused.now], vec![refused.now]));
    assert_eq!(refused.fixture.number("register_calls_refused"), Some(1.0));
    let forbidden = scene(403);
    until("it is shown", || forbidden.fixture.state() == SourceState::Misconfigured);
    assert_eq!((forbidden.times(METER), forbidden.times(OTHER)), (vec![forbidden.now], vec![]));
}

#[test]
fn a_partner_asks_for_the_devices_of_all() {
    let setting = Setting { reach: Reach::Partner, ..Setting::of(PollMode::Store) };
    let scene = Scene::new(setting, vec![CloudDevice::new(METER, 900.0)], |_, _, _| {});
    scene.wait_for_lists(1);
    assert_eq!(scene.times(METER), [scene.now]);
    assert!(scene.cloud.requests().iter().all(|request| request.what != "GET /Devices"));
}

fn customer(id: i64, devices: Vec<Uuid>) -> CloudCustomer {
    CloudCustomer { id, name: format!("customer {id}"), devices, house: format!("House {id}") }
}

#[test]
fn a_partner_reads_its_customers_one_a_turn_and_shows_how_devices_are_connected() {
    let setting = Setting { reach: Reach::Partner, ..Setting::of(PollMode::Watch) };
    let weak = CloudDevice { signal: 35, ..CloudDevice::new(OTHER, 500.0) };
    let devices = vec![CloudDevice::new(METER, 900.0), weak];
    let scene = Scene::new(setting, devices, |cloud, _, _| {
        cloud.change_account("a", |account| {
            account.customers = (1..=3).map(|id| customer(id, Vec::new())).collect();
        });
    });
    let asked = |path: &str| scene.cloud.requests().iter().filter(|it| it.what.contains(path)).count();
    until("the round is finished", || asked("/partner/foldermenu/") == 3);
    scene.wait_for_lists(3);
    let requests = scene.cloud.requests();
    let turns = requests.split(|request| request.what == "GET /PartnerAllDevices");
    let extra: Vec<usize> = turns.map(<[_]>::len).filter(|count| *count > 0).collect();
    assert_eq!(extra, [2, 2, 2, 2], "users and connections, then one customer a turn, then nothing: {requests:?}");
    assert!(requests.iter().all(|request| request.what.starts_with("GET ")), "nothing is written");
    let number = |fact: &str| scene.fixture.number(fact);
    assert_eq!([number("customers"), number("customers_waiting")], [Some(3.0), Some(0.0)]);
    assert_eq!(number("devices_with_weak_signal"), Some(1.0));
    let text = |fact: &str| scene.fixture.text(fact).unwrap();
    assert_eq!(text("weak_signal"), format!("{} (35)", CloudDevice::new(OTHER, 0.0).name));
    assert_eq!([text("firmware"), text("network")], ["1042: 2 devices", "wifi: 2 devices"]);
}

#[test]
fn a_partner_without_the_right_for_customers_still_gets_its_values() {
    let setting = Setting { reach: Reach::Partner, ..Setting::of(PollMode::Store) };
    let scene = Scene::new(setting, vec![CloudDevice::new(METER, 900.0)], |cloud, _, _| {
        // The list of devices, then connections and users.
        cloud.fail_next(1, Fault::None);
        cloud.fail_next(2, Fault::Status(403, None));
    });
    scene.wait_for_lists(2);
    assert_eq!((scene.times(METER), scene.fixture.state()), (vec![scene.now], SourceState::Running));
    for fact in ["customers_error", "connections_error"] {
        assert!(scene.fixture.text(fact).unwrap().contains("does not allow"), "{fact}");
    }
}

#[test]
fn gateways_say_how_their_meters_are_read() {
    for (lists_gateways, camel_case) in [(true, false), (false, true)] {
        let gateway = CloudGateway { state: 2, interval: 4, meters: vec![(METER, 0), (OTHER, 1), (Uuid::nil(), 3)] };
        let mut unread = CloudDevice::of(DeviceKind::Heat, OTHER, 500.0);
        unread.silent_since = Some(present() - DAY - 600 * SECOND);
        let devices = vec![
            CloudDevice::of(DeviceKind::ColdWater, METER, 900.0),
            unread,
            CloudDevice::of(DeviceKind::MBusGateway(gateway), GATEWAY, 0.0),
        ];
        let setting = Setting {
            switches: Switches { lists_gateways, camel_case, ..Switches::default() },
            polling: Polling { gateways: true, ..polling(PollMode::Store) },
            ..Setting::of(PollMode::Store)
        };
        let scene = Scene::new(setting, devices, |_, _, _| {});
        until("the gateway is known", || scene.fixture.number("gateways") == Some(1.0));
        assert_eq!(scene.fixture.number("gateways_failed"), Some(1.0));
        assert_eq!(scene.fixture.number("gateway_meters_unread"), Some(1.0));
        let [gateway, water, heat] = [GATEWAY, METER, OTHER].map(|id| CloudDevice::new(id, 0.0).name);
        let shown = |rest: &str| scene.fixture.text(&format!("gateway {gateway}, serial 92000001{rest}")).unwrap();
        let at = |time: i64| UnixNanos(time).to_string();
        assert_eq!(
            shown(""),
            format!(
                "last readout failed for some meters; last seen {}; reads every 15 min; 3 meters, 2 failed, 1 not read \
                 for 24 hours",
                at(scene.now - SECOND)
            )
        );
        assert_eq!(
            shown(&format!(", meter {water}, address 10000001")),
            format!("last readout ok; last value {}", at(scene.now))
        );
        assert_eq!(
            shown(&format!(", meter {heat}, address 10000002")),
            format!("last readout failed; last value {}; not read for 24 hours", at(scene.now - DAY - 600 * SECOND))
        );
        assert_eq!(
            shown(", meter stranger, address 10000003"),
            "last readout garbled (checksum); no device at smart-me"
        );
        let unread = scene.fixture.text("gateway meters not read for 24 hours").unwrap();
        assert_eq!(unread, format!("{heat} ({gateway})"));
        let stored = scene.fixture.stored(Flags::NONE);
        assert!(value(&stored[0].2, "8-0:1.0.0").unwrap() > 0.0);
        assert!((value(&stored[1].2, "6-0:1.0.0").unwrap(), value(&stored[1].2, "0-0:96.9.0")) > (0.0, Some(60.0)));
        scene.wait_for_lists(2);
        let asked = scene.cloud.requests().iter().filter(|it| it.what.contains("/gateway/mbus/")).count();
        assert_eq!(asked, 1, "not with every list");
        let written = scene.cloud.requests().iter().filter(|it| !it.what.starts_with("GET ")).count();
        assert_eq!(written, 0, "nothing is written");
    }
}

#[test]
fn meters_with_faults_are_shown_first_and_a_daily_readout_has_an_hour_to_spare() {
    let many = (1..=6).map(|number| (Uuid::from_u128(number), i64::from(number == 6))).collect();
    let device = |id: Uuid, kind: DeviceKind, age: i64| {
        let mut device = CloudDevice::of(kind, id, 900.0);
        device.silent_since = Some(present() - age);
        device
    };
    let gateway = |interval, meters| DeviceKind::MBusGateway(CloudGateway { state: 0, interval, meters });
    let devices = vec![
        device(GATEWAY, gateway(9, many), 0),
        device(Uuid::from_u128(1), DeviceKind::Heat, DAY + 600 * SECOND),
        device(Uuid::from_u128(2), DeviceKind::Heat, DAY + 3700 * SECOND),
    ];
    let polling = Polling { gateways: true, ..polling(PollMode::Watch) };
    let scene = Scene::new(Setting { polling, ..Setting::of(PollMode::Watch) }, devices, |_, _, _| {});
    until("the gateway is known", || scene.fixture.number("gateways") == Some(1.0));
    assert_eq!(scene.fixture.number("gateway_meters_unread"), Some(1.0), "the second one");
    assert_eq!(scene.fixture.number("gateway_meters_not_shown"), Some(2.0));
    let description = scene.fixture.description();
    let shown = |address: &str| description.facts.keys().filter(|fact| fact.ends_with(address)).count();
    assert_eq!(["10000001", "10000002", "10000006", "10000005"].map(shown), [1, 1, 1, 0]);
}

#[test]
fn the_webhooks_unit_is_checked_where_both_ways_say_the_same_register() {
    for (sent, expected, is_expected) in [(1.0, 1.0, true), (1000.0, 1.0, false), (1000.0, 1000.0, true)] {
        let polling = Polling { unit_factor_expected: expected, ..polling(PollMode::Watch) };
        let scene = Scene::new(
            Setting { polling, ..Setting::of(PollMode::Watch) },
            vec![CloudDevice::new(METER, 900.0)],
            |_, _, _| {},
        );
        scene.wait_for_lists(1);
        assert_eq!(scene.fixture.state(), SourceState::Running);
        assert_eq!(scene.fixture.number("unit_factor"), None, "the webhook brought nothing yet");
        let values = CloudDevice::new(METER, 900.0).values(scene.now);
        let samples: Vec<Sample> =
            values.into_iter().map(|(code, value)| Sample { obis: Obis(code), value: value * sent }).collect();
        let at = UnixNanos(scene.now);
        let body = wire::batch::encode([(METER.into(), at, Flags::NONE, samples)], &wire::batch::Original::default());
        let readings = wire::readings(PayloadFormat::ReadingBatch, &body).unwrap();
        scene.counters.note(readings.map(|reading| Judged::new(reading, &Limits::DEFAULT, at).unwrap()));
        until("it is compared", || scene.fixture.number("unit_factor").is_some());
        let found = ["unit_factor", "unit_factor_meters", "unit_factor_meters_differing"];
        let differing = if is_expected { 0.0 } else { 1.0 };
        assert_eq!(found.map(|fact| scene.fixture.number(fact)), [Some(sent), Some(1.0), Some(differing)]);
    }
}

#[test]
fn a_wrong_key_is_named_without_showing_it() {
    let scene = Scene::new(Setting::of(PollMode::Watch), Vec::new(), |cloud, _, _| {
        cloud.change_account("a", |account| account.logins.clear());
    });
    until("it is refused", || scene.fixture.state() == SourceState::Misconfigured);
    let shown = format!("{:?}", scene.fixture.sources);
    assert!(shown.contains("credentials") && !shown.contains("hunter2"), "{shown}");
}
