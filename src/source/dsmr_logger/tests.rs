//! A logger that answers over a real socket, into a real journal.

use super::*;
use crate::reading::{MeterId, Obis};
use crate::source::tests::fixture::{Fixture, readings};
use crate::source::{Fact, SourceState};
use meterline_load::devices::{AllowList, HttpServer};

fn logger(url: Uri) -> Logger {
    let every = Duration::from_millis(20);
    Logger {
        name: "logger".to_owned(),
        url,
        ca_file: None,
        authorization: None,
        every,
        keep: Keep::All,
        transformers: Transformers::NONE,
    }
}

/// The meter of each reading.
fn meters(fixture: &Fixture) -> Vec<MeterId> {
    let records = fixture.records().into_iter();
    records.flat_map(|(_, payload)| readings(&payload)).map(|(meter, ..)| meter).collect()
}

/// Fails unless every message is decoded again as at receipt.
pub(super) fn assert_decoded_again(fixture: &Fixture) {
    assert_decoded_again_behind(fixture, Transformers::NONE);
}

/// The same, of a meter behind these transformers.
pub(super) fn assert_decoded_again_behind(fixture: &Fixture, transformers: Transformers) {
    let logger = Logger { transformers, ..logger(Uri::from_static("http://h/")) };
    assert!(fixture.assert_decoded_again("logger", logger.decoders()) > 0);
}

pub(super) fn start(fixture: &Fixture, answer: impl FnMut(&str) -> (u16, String) + Send + 'static) -> HttpServer {
    start_behind(fixture, Transformers::NONE, answer)
}

/// Starts a logger whose meter is behind these transformers.
pub(super) fn start_behind(
    fixture: &Fixture,
    transformers: Transformers,
    answer: impl FnMut(&str) -> (u16, String) + Send + 'static,
) -> HttpServer {
    let server = HttpServer::start(AllowList::dsmr_logger(), answer).unwrap();
    let url = server.url().parse().unwrap();
    Logger { transformers, ..logger(url) }.start(
        &fixture.sources,
        &fixture.entrance("logger"),
        fixture.arrivals(),
        fixture.describer("logger"),
        &fixture.clock,
    );
    server
}

/// A time stamp of this many seconds ago, in winter time.
fn stamp(seconds_ago: i64) -> String {
    let local = present() + jiff::SignedDuration::from_secs(3600 - seconds_ago);
    local.strftime("%y%m%d%H%M%SW").to_string()
}

fn telegram(seconds_ago: i64, watts: u32) -> String {
    let stamp = stamp(seconds_ago);
    format!(
        "/XYZ5METER\r\n\r\n1-3:0.2.8(50)\r\n0-0:1.0.0({stamp})\r\n0-0:96.1.1(4530303432)\r\n1-0:1.7.0({watts}*W)\r\n!\r\n"
    )
}

fn actual(seconds_ago: i64, kilowatts: f64) -> String {
    format!(
        "{{\"actual\":[{{\"name\":\"timestamp\",\"value\":\"{}\"}},\
         {{\"name\":\"power_delivered\",\"value\":{kilowatts},\"unit\":\"kW\"}}]}}",
        stamp(seconds_ago)
    )
}

pub(super) const INFO: &str = "{\"info\":[{\"name\":\"equipment_id\",\"value\":\"4530303432\"}]}";
const POWER: Obis = Obis([1, 0, 1, 7, 0, 255]);

#[tokio::test(flavor = "multi_thread")]
async fn the_telegram_is_preferred_while_it_comes() {
    let fixture = Fixture::new();
    let mut count = 0;
    let requests = start(&fixture, move |request| {
        count += 1;
        if request.starts_with("GET /api/v1/sm/telegram ") {
            (200, telegram(100 - count, 37))
        } else {
            (404, "<html>".to_owned())
        }
    });
    fixture.until("two readings are there", |it| it.values(POWER).len() >= 2).await;
    assert_eq!(fixture.fact("read_by"), Some(Fact::Text("/api/v1/sm/telegram".to_owned())));
    let allowed = ["/sm/telegram ", "/dev/info "];
    assert!(requests.lines().iter().all(|line| allowed.iter().any(|path| line.contains(path))));
    assert_decoded_again(&fixture);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_telegram_of_a_meter_behind_transformers_has_their_ratios() {
    let (fixture, transformers) = (Fixture::new(), Transformers::new(60.0, 1.0).unwrap());
    let telegram = telegram(5, 37);
    let _device = start_behind(&fixture, transformers, move |request| {
        let is_telegram = request.starts_with("GET /api/v1/sm/telegram ");
        if is_telegram { (200, telegram.clone()) } else { (404, String::new()) }
    });
    fixture.until("the reading is there", |it| it.values(POWER) == [2220.0]).await;
    assert_decoded_again_behind(&fixture, transformers);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_logger_without_telegrams_gives_its_values_under_the_same_meter() {
    let (fixture, values) = (Fixture::new(), actual(5, 0.037));
    let requests = start(&fixture, move |request| match request.split(' ').nth(1) {
        // The device says so with status 200.
        Some("/api/v1/sm/telegram") => (200, "no telegram received".to_owned()),
        Some("/api/v1/sm/info") => (200, INFO.to_owned()),
        Some("/api/v1/sm/actual") => (200, values.clone()),
        _ => (404, "<html>not found</html>".to_owned()),
    });
    fixture.until("the reading is there", |it| it.values(POWER) == [37.0]).await;
    fixture.until("it is running", |it| it.state() == SourceState::Running).await;
    assert_eq!(meters(&fixture), [MeterId::named("p1", "E0042")]);
    assert_decoded_again(&fixture);
    fixture.until("several polls are done", |_| requests.lines().len() > 12).await;
    let count = |path: &str| requests.lines().iter().filter(|line| line.contains(path)).count();
    assert_eq!((count("/sm/telegram"), count("/sm/info")), (4, 1), "the telegram is not asked for at each poll");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_telegram_with_a_wrong_checksum_is_not_stored_and_the_values_are_asked_for() {
    let (fixture, values) = (Fixture::new(), actual(5, 0.037));
    let _device = start(&fixture, move |request| match request.split(' ').nth(1) {
        Some("/api/v1/sm/telegram") => (200, telegram(5, 99).replace("!", "!0000")),
        Some("/api/v1/sm/info") => (200, INFO.to_owned()),
        Some("/api/v1/sm/actual") => (200, values.clone()),
        _ => (404, String::new()),
    });
    fixture.until("the reading is there", |it| it.values(POWER) == [37.0]).await;
    fixture.until("it is running", |it| it.state() == SourceState::Running).await;
    assert_eq!(fixture.fact("read_by"), Some(Fact::Text("/api/v1/sm/actual".to_owned())));
    assert_decoded_again(&fixture);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_repaired_document_and_copied_phases_are_facts_of_the_logger() {
    let (fixture, stamp) = (Fixture::new(), stamp(5));
    let _device = start(&fixture, move |request| match request.split(' ').nth(1) {
        Some("/api/v0/sm/actual") => {
            let phases = "\"power_delivered_l1\":0.037,\"power_delivered_l2\":0.000,\"power_delivered_l3\":0.000";
            (200, format!("{{ ,\"timestamp\":\"{stamp}\",\"power_delivered\":0.037,{phases}}}"))
        }
        _ => (404, String::new()),
    });
    fixture.until("the reading is there", |it| it.values(POWER) == [37.0]).await;
    fixture.until("it is running", |it| it.state() == SourceState::Running).await;
    let fact = |name: &str| fixture.fact(name).unwrap();
    assert_eq!(fact("repaired"), Fact::from("a comma after the first brace was removed"));
    assert!(matches!(fact("left_out"), Fact::Text(text) if text.starts_with("the power of L1 to L3: ")));
    assert_eq!(fixture.stored().len(), 1, "no power of a phase is stored: {:?}", fixture.stored());
    assert_decoded_again(&fixture);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_logger_that_gives_no_reply_for_a_long_telegram_gives_its_values() {
    let (fixture, values) = (Fixture::new(), actual(5, 0.037));
    let _device = start(&fixture, move |request| match request.split(' ').nth(1) {
        // An answer that breaks the connection.
        Some("/api/v1/sm/telegram") => (0, String::new()),
        Some("/api/v1/sm/info") => (200, INFO.to_owned()),
        Some("/api/v1/sm/actual") => (200, values.clone()),
        _ => (404, String::new()),
    });
    fixture.until("the reading is there", |it| it.values(POWER) == [37.0]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_the_identity_that_the_logger_has_nothing_is_stored() {
    let (fixture, values) = (Fixture::new(), actual(5, 0.037));
    let mut infos = 0;
    let _device = start(&fixture, move |request| match request.split(' ').nth(1) {
        Some("/api/v1/sm/info") => {
            infos += 1;
            if infos < 3 { (500, "low heap".to_owned()) } else { (200, INFO.to_owned()) }
        }
        Some("/api/v1/sm/actual") => (200, values.clone()),
        _ => (404, String::new()),
    });
    fixture.until("the reading is there", |it| it.values(POWER) == [37.0]).await;
    assert_eq!(meters(&fixture), [MeterId::named("p1", "E0042")]);
    assert_decoded_again(&fixture);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_is_no_logger_or_short_of_memory_writes_nothing() {
    for status in [404, 500] {
        let fixture = Fixture::new();
        let _device = start(&fixture, move |_| (status, "<html></html>".to_owned()));
        fixture.until("it is failing", |it| it.state() == SourceState::Failing).await;
        assert_eq!(fixture.stored(), []);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn values_that_cannot_be_read_are_kept_with_the_identity_of_their_meter() {
    let fixture = Fixture::new();
    let _device = start(&fixture, |request| match request {
        request if request.contains("/info") => (200, INFO.to_owned()),
        request if request.contains("/actual") => (200, "{".to_owned()),
        _ => (404, String::new()),
    });
    fixture.until("it is failing", |it| it.state() == SourceState::Failing).await;
    assert_eq!(fixture.kept()[..2], [INFO, "{"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn firmware_with_another_interface_is_found_without_a_restart() {
    let fixture = Fixture::new();
    let mut count = 0;
    let _device = start(&fixture, move |request| {
        count += 1;
        let version = if count < 8 { "v1" } else { "v2" };
        match request.split(' ').nth(1).and_then(|path| path.strip_prefix(&format!("/api/{version}/sm/"))) {
            Some("info") => (200, INFO.to_owned()),
            Some("actual") => (200, actual(200 - count, 0.037)),
            _ => (404, String::new()),
        }
    });
    fixture
        .until("the new interface is read", |it| it.fact("read_by") == Some(Fact::Text("/api/v2/sm/actual".to_owned())))
        .await;
}

fn present() -> jiff::Timestamp {
    jiff::Timestamp::from_nanosecond(i128::from(Clock::system().now().0)).unwrap()
}

const LOGGER: &str = "{\"devinfo\":[{\"name\":\"fwversion\",\"value\":\"v3.0.5\"},\
                      {\"name\":\"hostname\",\"value\":\"DSMR-API\"},{\"name\":\"pskkey\",\"value\":\"hunter2\"}]}";

#[tokio::test(flavor = "multi_thread")]
async fn the_meter_is_described_with_the_logger_in_front_of_it() {
    let fixture = Fixture::new();
    let mut count = 0;
    let _requests = start(&fixture, move |request| {
        count += 1;
        match request.split(' ').nth(1) {
            Some("/api/v1/sm/telegram") => (200, telegram(100 - count, 37)),
            Some("/api/v1/dev/info") => (200, LOGGER.to_owned()),
            _ => (404, String::new()),
        }
    });
    fixture.until("it is described", |it| !it.versions().is_empty()).await;
    let version = fixture.versions().remove(0);
    assert_eq!(version.meter, MeterId::named("p1", "E0042"));
    assert_eq!(
        version.description.to_string(),
        "logger, serial E0042, vendor XYZ, model XYZ5METER, firmware v3.0.5, energy electricity, gateway DSMR-API, role grid"
    );
}

#[tokio::test(flavor = "multi_thread")]
async fn a_logger_that_does_not_describe_itself_gives_its_readings_and_the_meter_is_described_by_the_values() {
    for status in [404, 500, 0] {
        let (fixture, values) = (Fixture::new(), actual(5, 0.037));
        let _requests = start(&fixture, move |request| match request.split(' ').nth(1) {
            Some("/api/v1/sm/info") => (200, INFO.to_owned()),
            Some("/api/v1/sm/actual") => (200, values.clone()),
            Some("/api/v1/dev/info") => (status, String::new()),
            _ => (404, String::new()),
        });
        fixture.until("it is described", |it| !it.versions().is_empty()).await;
        assert_eq!(fixture.values(POWER), [37.0]);
        let version = fixture.versions().remove(0);
        assert_eq!(version.meter, MeterId::named("p1", "E0042"));
        assert_eq!((version.description.serial.as_str(), version.description.firmware.as_str()), ("E0042", ""));
        fixture.until("it is running", |it| it.state() == SourceState::Running).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_standard_of_the_meter_gives_the_meaning_of_its_tariffs() {
    for (version, expected) in [("50", "1 low, 2 normal"), ("50217", "1 day, 2 night"), ("-", "")] {
        let tariff = ",{\"name\":\"energy_delivered_tariff2\",\"value\":7.5,\"unit\":\"kWh\"}]}";
        let (fixture, values) = (Fixture::new(), actual(5, 0.037).replace("]}", tariff));
        let _requests = start(&fixture, move |request| match request.split(' ').nth(1) {
            Some("/api/v1/sm/info") => {
                (200, INFO.replace("]}", &format!(",{{\"name\":\"p1_version\",\"value\":\"{version}\"}}]}}")))
            }
            Some("/api/v1/sm/actual") => (200, values.clone()),
            _ => (404, String::new()),
        });
        fixture.until("it is described", |it| !it.versions().is_empty()).await;
        let version = fixture.versions().remove(0);
        assert_eq!(version.meter, MeterId::named("p1", "E0042"));
        assert_eq!(version.description.tariff, expected);
        assert_decoded_again(&fixture);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_names_the_model_and_the_loggers_firmware() {
    let server = HttpServer::start(AllowList::dsmr_logger(), |request| match request.split(' ').nth(1) {
        Some("/api/v1/sm/telegram") => (200, telegram(5, 37)),
        Some("/api/v1/dev/info") => (200, LOGGER.to_owned()),
        _ => (404, String::new()),
    })
    .unwrap();
    let contact = logger(server.url().parse().unwrap()).connect(Clock::system()).await.unwrap();
    let finding = contact.finding("logger");
    assert_eq!(finding.level, crate::base::Level::Good, "{finding}");
    let begin =
        "device 'logger' (model XYZ5METER, firmware v3.0.5) returns 1 values by /api/v1/sm/telegram; its clock is ";
    assert!(finding.message.starts_with(begin) && finding.message.ends_with(" behind"), "{finding}");
}
