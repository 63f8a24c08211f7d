//! Information of a device about itself.

use super::*;
use crate::source::Fact;
use crate::source::ksem::information::PRICE_DAYS_BACK_MAX;
use crate::wire::SeenReading;
use meterline_load::proto::ksem::{GcRs, Gcr};
use prost::Message as _;
use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// 1-0:1.4.0*255 and 1-0:2.8.0*255 as the device has them.
const CODES: [u64; 2] = [0x0100_0104_00ff, 0x0100_0208_00ff];
const TARIFF: &str = "1f0c5f0e-5d0f-4f6e-8a55-3c9c5d6b7a22";

fn own(d: u8, e: u8) -> Obis {
    Obis([0, 0, 128, d, e, 255])
}

/// Starts a polled device that answers these paths, and values on every poll.
fn start_with(fixture: &Fixture, mut answer: impl FnMut(&str) -> Option<Answer> + Send + 'static) -> HttpServer {
    let mut at = present() - 1000;
    start(fixture, Login::Token(Secret::new("t")), None, move |request: &str| match path(request) {
        "/api/device-settings" => (200, SETTINGS.to_owned()).into(),
        "/api/json/local/values/smart-meter" => {
            at += 1;
            (200, values(at)).into()
        }
        other => answer(other).unwrap_or_else(|| (404, String::new()).into()),
    })
}

#[tokio::test(flavor = "multi_thread")]
async fn the_load_of_both_forms_of_firmware_is_stored_and_its_status_shown() {
    let (fixture, is_new) = (Fixture::new(), Arc::new(AtomicBool::new(false)));
    let firmware = Arc::clone(&is_new);
    let _device = start_with(&fixture, move |path| {
        let is_new = firmware.load(Ordering::SeqCst);
        let load = if is_new { "40" } else { "20" };
        let load = format!(
            "\"CpuLoad\":{load},\"CpuTemp\":51,\"RamFree\":1000,\"RamTotal\":2000,\"FlashAppFree\":1,\
             \"FlashAppTotal\":2,\"FlashDataFree\":3,\"FlashDataTotal\":4"
        );
        let answer = match (path, is_new) {
            ("/api/device-settings/devicestatus", false) => format!("{{{load},\"Status\":\"idle\"}}"),
            ("/api/device-settings/devicestatus", true) => "{\"status\":\"updating\"}".to_owned(),
            ("/api/device-settings/deviceusage", true) => format!("{{{load}}}"),
            _ => return None,
        };
        Some((200, answer).into())
    });
    fixture.until("the load is there", |it| it.values(own(30, 1)).contains(&0.2)).await;
    for (number, value) in [(2, 51.0), (3, 1_024_000.0), (4, 2_048_000.0), (5, 1.0), (6, 2.0), (7, 3.0), (8, 4.0)] {
        assert_eq!(fixture.values(own(30, number)).first(), Some(&value), "{number}");
    }
    assert_eq!(fixture.meters(own(30, 1)), fixture.meters(IMPORT), "it belongs to the grid meter");
    fixture.until("the status is shown", |it| it.fact("device_status") == Some("idle".into())).await;
    let decoders = device(Uri::from_static("http://h/"), password(), None).decoders();
    assert!(fixture.assert_decoded_again("grid", decoders) > 1);
    // New firmware changes the shape between two answers.
    is_new.store(true, Ordering::SeqCst);
    fixture.until("the load goes on", |it| it.values(own(30, 1)).contains(&0.4)).await;
    fixture.until("the status is shown", |it| it.fact("device_status") == Some("updating".into())).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_load_that_cannot_be_read_is_kept_for_a_decoder_that_can() {
    let fixture = Fixture::new();
    let _device =
        start_with(&fixture, |path| (path == "/api/device-settings/deviceusage").then(|| (200, "[".to_owned()).into()));
    fixture.until("it is kept", |it| it.kept().iter().any(|it| it == "[")).await;
    fixture.until("it is shown", |it| it.fact("information_error").is_some()).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_configuration_of_the_grid_meter_is_shown() {
    let fixture = Fixture::new();
    let _device = start_with(&fixture, |path| {
        let channel =
            Gcr { label: "House".to_owned(), class: 3, devicetype: 56, codes: CODES.to_vec(), ..Gcr::default() };
        let configuration = GcRs { gcrs: [("smart-meter".to_owned(), channel)].into(), config_uuid: String::new() };
        path.contains("/config/").then(|| Answer::Whole(200, configuration.encode_to_vec()))
    });
    fixture.until("it is shown", |it| it.fact("label") == Some("House".into())).await;
    assert_eq!(fixture.fact("class"), Some("hybrid".into()));
    assert_eq!(fixture.fact("device_kind"), Some("grid connection".into()));
    assert_eq!(fixture.fact("codes_delivered"), Some(Fact::Number(2.0)));
    assert_eq!(fixture.fact("codes"), Some("1-0:1.4.0*255, 1-0:2.8.0*255".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn the_prices_of_each_tariff_are_read_once_a_day() {
    let (fixture, now) = (Fixture::new(), present());
    let begin = now.div_euclid(86_400) * 86_400;
    arrived(&fixture, now);
    let server = start_with(&fixture, move |path| {
        let contract = format!(
            "{{\"version\":1,\"currency\":\"EUR\",\"monthly_base_fee\":9,\"days\":{{}},\"tariffs\":{{\
             \"{TARIFF}\":{{\"label\":\"day\"}},\"../../e-mobility/state\":{{\"label\":\"night\"}}}}}}"
        );
        let prices =
            format!("[{{\"time\":{begin},\"diff\":7,\"price\":31}},{{\"time\":{},\"price\":0}}]", begin + 3600);
        let answer = match path {
            "/api/tariffs/contract" => contract,
            _ if path.starts_with(&format!("/api/tariffs/data/{TARIFF}/")) => prices,
            _ => return None,
        };
        Some((200, answer).into())
    });
    fixture.until("the prices are there", |it| it.values(own(31, 1)) == [31.0, 0.0]).await;
    assert_eq!(fixture.values(own(31, 2)), [7.0]);
    assert_eq!(fixture.meters(own(31, 1)), [MeterId::of_channel(VENDOR, "4711", TARIFF)]);
    assert_eq!(fixture.fact("currency"), Some("EUR".into()));
    let has_contract = |it: &Fixture| {
        it.versions().iter().any(|version| {
            let description = &version.description;
            description.currency == "EUR" && description.tariff.contains(TARIFF) && description.model == "EM420"
        })
    };
    fixture.until("the contract is a version of the description", has_contract).await;
    let tariff = MeterId::of_channel(VENDOR, "4711", TARIFF);
    fixture.until("the tariff is described", |it| it.versions().iter().any(|it| it.meter == tariff)).await;
    let versions = fixture.versions();
    let tariffs: Vec<_> = versions.iter().filter(|it| it.description.model.is_empty()).collect();
    assert!(tariffs.iter().all(|it| it.meter == tariff), "no other tariff has prices: {tariffs:?}");
    let expected = "grid day, serial 4711, vendor ksem, tariff day, currency EUR";
    assert_eq!(tariffs[0].description.to_string(), expected);
    let decoders = device(Uri::from_static("http://h/"), password(), None).decoders();
    assert!(fixture.assert_decoded_again("grid", decoders) > 1);
    let status = |server: &HttpServer| server.lines().iter().filter(|line| line.contains("devicestatus")).count();
    let tariffs =
        |server: &HttpServer| server.lines().into_iter().filter(|line| line.contains("/tariffs/")).collect::<Vec<_>>();
    let (mut read, others) = (tariffs(&server), status(&server));
    fixture.until("other parts are read again", |_| status(&server) > others + 2).await;
    assert_eq!(tariffs(&server), read);
    // A request that took too long is made again.
    read.dedup();
    let range = format!("GET /api/tariffs/data/{TARIFF}/{begin}/{} HTTP/1.1", begin + 86_399);
    assert_eq!(read, ["GET /api/tariffs/contract HTTP/1.1".to_owned(), range]);
}

/// Notes that a price of this time has arrived.
fn arrived(fixture: &Fixture, seconds: i64) {
    let (meter, at) = (MeterId::of_channel(VENDOR, "4711", TARIFF), UnixNanos(seconds * 1_000_000_000));
    let seen = SeenReading { meter, at, has_counter: false, is_repair: false, is_row: false };
    fixture.coverage.note("grid", at, [seen].into_iter());
}

#[tokio::test(flavor = "multi_thread")]
async fn the_prices_of_days_that_were_missed_are_read_within_a_bound() {
    let today = present().div_euclid(86_400);
    let bound = PRICE_DAYS_BACK_MAX;
    for (days_back, expected) in [(Some(2), 2), (Some(bound + 3), bound), (None, bound)] {
        let (fixture, mut is_broken) = (Fixture::new(), true);
        if let Some(days) = days_back {
            arrived(&fixture, (today - days) * 86_400 + 43_200);
        }
        let server = start_with(&fixture, move |path| {
            let Some(range) = path.strip_prefix(&format!("/api/tariffs/data/{TARIFF}/")) else {
                return (path == "/api/tariffs/contract")
                    .then(|| (200, format!("{{\"tariffs\":{{\"{TARIFF}\":{{}}}}}}")).into());
            };
            if std::mem::take(&mut is_broken) {
                return Some(Answer::Broken);
            }
            let begin: i64 = range.split('/').next().unwrap().parse().unwrap();
            Some((200, format!("[{{\"time\":{begin},\"price\":{}}}]", begin / 86_400)).into())
        });
        let days = || (today - expected..=today).map(|day| f64::from(i32::try_from(day).unwrap()));
        fixture.until("every day is there", |it| it.values(own(31, 1)).into_iter().eq(days())).await;
        let mut asked = server.lines();
        asked.retain(|line| line.contains("/tariffs/data/"));
        asked.dedup();
        let range =
            |day: i64| format!("GET /api/tariffs/data/{TARIFF}/{}/{} HTTP/1.1", day * 86_400, day * 86_400 + 86_399);
        assert_eq!(asked, (today - expected..=today).map(range).collect::<Vec<_>>(), "each day as a whole");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_missed_day_without_prices_does_not_hold_up_the_days_after_it() {
    let today = present().div_euclid(86_400);
    for of_other_days in [(404, ""), (200, "[{")] {
        let fixture = Fixture::new();
        let _server = start_with(&fixture, move |path| {
            let Some(range) = path.strip_prefix(&format!("/api/tariffs/data/{TARIFF}/")) else {
                return (path == "/api/tariffs/contract")
                    .then(|| (200, format!("{{\"tariffs\":{{\"{TARIFF}\":{{}}}}}}")).into());
            };
            let begin: i64 = range.split('/').next().unwrap().parse().unwrap();
            let of_today = (200, format!("[{{\"time\":{begin},\"price\":31}}]"));
            let (status, other) = of_other_days;
            Some(if begin == today * 86_400 { of_today } else { (status, other.to_owned()) }.into())
        });
        fixture.until("the prices of today are there", |it| it.values(own(31, 1)) == [31.0]).await;
        let unread = fixture.kept().iter().filter(|it| *it == "[{").count();
        let expected = if of_other_days.0 == 200 { usize::try_from(PRICE_DAYS_BACK_MAX).unwrap() } else { 0 };
        assert_eq!(unread, expected, "each is kept once for a decoder that can read it");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_that_fails_is_shown_and_stops_neither_the_values_nor_the_other_parts() {
    let fixture = Fixture::new();
    let server = start_with(&fixture, |path| match path {
        "/api/device-settings/local-time" => Some((200, "<html>Login</html>".to_owned()).into()),
        "/api/device-settings/devicestatus" => Some(Answer::Broken),
        "/api/tariffs/contract" => Some((500, String::new()).into()),
        "/api/device-settings/deviceusage" => Some((401, String::new()).into()),
        _ => None,
    });
    fixture.until("it is shown", |it| it.fact("information_error").is_some()).await;
    let asked = |server: &HttpServer| server.lines().into_iter().collect::<HashSet<_>>().len();
    fixture.until("every part was asked for", |_| asked(&server) == 7).await;
    let stored = fixture.values(IMPORT).len();
    fixture.until("values go on", |it| it.values(IMPORT).len() > stored + 2).await;
    assert_eq!(fixture.state(), SourceState::Running);
}
