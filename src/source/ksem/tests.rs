//! A device that answers over a real socket, into a real journal.

mod information;
mod socket;

use super::resource::Resource;
use super::*;
use crate::base::Level;
use crate::reading::{Flags, MeterId, Obis, UnixNanos};
use crate::secret::Secret;
use crate::source::tests::fixture::Fixture;
use crate::source::{Fact, SourceState};
use crate::vendor::ksem::VENDOR;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use meterline_load::devices::{AllowList, Answer, HttpServer};

fn device(url: Uri, login: Login, serial: Option<&str>) -> Device {
    Device {
        name: "grid".to_owned(),
        url,
        ca_file: None,
        login,
        serial: serial.map(str::to_owned),
        interface: Interface::Json { device: "local".to_owned(), every: Duration::from_millis(20) },
        keep: Keep::All,
    }
}

fn start<A: Into<Answer>>(
    fixture: &Fixture,
    login: Login,
    serial: Option<&str>,
    answer: impl FnMut(&str) -> A + Send + 'static,
) -> HttpServer {
    let server = HttpServer::start(AllowList::ksem(), answer).unwrap();
    device(server.url().parse().unwrap(), login, serial).start(
        &fixture.sources,
        &fixture.entrance("grid"),
        fixture.arrivals(),
        fixture.describer("grid"),
        &fixture.clock,
    );
    server
}

fn password() -> Login {
    Login::Password { user: "admin".to_owned(), password: Secret::new("p&ss 12") }
}

fn values(at: i64) -> String {
    format!(
        "{{\"smart-meter\":{{\"configuration_id\":\"c\",\"status\":\"STATUS_OK\",\
         \"timestamp\":{{\"seconds\":{at},\"nanos\":0}},\"values\":{{\"active_power_+\":6730100,\"active_power_-\":0}}}}}}"
    )
}

fn present() -> i64 {
    let UnixNanos(now) = Clock::system().now();
    now / 1_000_000_000
}

const SETTINGS: &str = "{\"Serial\":\"4711\",\"ProductName\":\"EM420\",\"FirmwareVersion\":\"2.6.2\"}";
const IMPORT: Obis = Obis([1, 0, 1, 7, 0, 255]);

fn path(request: &str) -> &str {
    request.split(' ').nth(1).unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn values_come_with_an_access_token() {
    let (fixture, now) = (Fixture::new(), present());
    let requests = start(&fixture, Login::Token(Secret::new("hunter2")), None, move |request| {
        match (path(request), request.to_ascii_lowercase().contains("authorization: bearer hunter2")) {
            (_, false) => (401, String::new()),
            ("/api/device-settings", _) => (200, SETTINGS.to_owned()),
            ("/api/json/local/values/smart-meter", _) => (200, values(now)),
            _ => (404, String::new()),
        }
    });
    fixture.until("the reading is there", |it| it.values(IMPORT) == [6730.1]).await;
    fixture.until("it is polled again", |_| requests.lines().len() > 3).await;
    assert_eq!(fixture.values(IMPORT), [6730.1], "an unchanged reading is journaled once");
    let shown = format!("{:?}", fixture.sources);
    assert!(shown.contains("EM420, firmware 2.6.2") && !shown.contains("hunter2"), "{shown}");
    let device = device(Uri::from_static("http://h/"), password(), None);
    assert_eq!(fixture.assert_decoded_again("grid", device.decoders()), 1, "the serial number is in the record");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_token_is_renewed_once_when_the_device_refuses_it_by_401_or_500() {
    for refusal in [401, 500] {
        let (fixture, now) = (Fixture::new(), present());
        let mut logins = 0;
        let requests = start(&fixture, password(), Some("4711"), move |request| {
            if path(request) == "/api/web-login/token" {
                let body = request.split("\r\n\r\n").nth(1).unwrap_or_default();
                assert_eq!(
                    body,
                    "grant_type=password&client_id=emos&client_secret=56951025&username=admin&password=p%26ss%2012"
                );
                logins += 1;
                return (
                    200,
                    format!("{{\"access_token\":\"t{logins}\",\"token_type\":\"Bearer\",\"expires_in\":604800}}"),
                );
            }
            let is_valid = logins > 1 && request.to_ascii_lowercase().contains(&format!("bearer t{logins}"));
            match path(request) {
                _ if !is_valid => (refusal, String::new()),
                "/api/json/local/values/smart-meter" => (200, values(now)),
                _ => (404, String::new()),
            }
        });
        fixture.until("the reading is there", |it| it.values(IMPORT) == [6730.1]).await;
        let posts = requests.lines().iter().filter(|line| line.starts_with("POST ")).count();
        assert_eq!(posts, 2, "{:?}", requests.lines());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_token_is_renewed_before_its_end_and_not_earlier() {
    let (fixture, now) = (Fixture::new(), present());
    let mut logins = 0;
    let requests = start(&fixture, password(), Some("4711"), move |request| {
        if path(request) == "/api/web-login/token" {
            logins += 1;
            return (200, format!("{{\"access_token\":\"t{logins}\",\"expires_in\":3600}}"));
        }
        assert!(request.to_ascii_lowercase().contains(&format!("bearer t{logins}")), "{request}");
        match path(request) {
            "/api/json/local/values/smart-meter" => (200, values(now)),
            _ => (404, String::new()),
        }
    });
    let count = |begin: &str| requests.lines().iter().filter(|line| line.starts_with(begin)).count();
    let polled_again = async |fixture: &Fixture| {
        let before = count("GET /api/json/");
        fixture.until("it is polled again", |_| count("GET /api/json/") > before + 2).await;
    };
    polled_again(&fixture).await;
    // It is renewed a minute before its end, so the test has half a minute for this.
    fixture.clock.pass(3600 - 90);
    polled_again(&fixture).await;
    assert_eq!(count("POST "), 1, "{:?}", requests.lines());
    fixture.clock.pass(31);
    polled_again(&fixture).await;
    assert_eq!(count("POST "), 2, "{:?}", requests.lines());
    assert_eq!(fixture.state(), SourceState::Running);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_status_other_than_ok_is_named_as_a_fact_and_flags_its_values() {
    let (fixture, now) = (Fixture::new(), present());
    let _device = start(&fixture, Login::Token(Secret::new("t")), Some("4711"), move |request| match path(request) {
        "/api/json/local/values/smart-meter" => (200, values(now).replace("STATUS_OK", "STATUS_OF_2031")),
        _ => (404, String::new()),
    });
    fixture.until("the reading is there", |it| !it.stored_with(Flags::STATUS_NOT_OK).is_empty()).await;
    fixture.until("it is running", |it| it.state() == SourceState::Running).await;
    assert_eq!(fixture.fact("last_status_not_ok"), Some(Fact::from("smart-meter: STATUS_OF_2031")));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_is_refused_by_401_and_the_new_one_by_500_is_renewed_once_per_request() {
    let (fixture, now) = (Fixture::new(), present() - 1000);
    let (mut logins, mut polls) = (0, 0);
    // The first 500 answers the request that has a new token, the second one begins a request.
    let statuses = [200, 401, 500, 500];
    let requests = start(&fixture, password(), Some("4711"), move |request| match path(request) {
        "/api/web-login/token" => {
            logins += 1;
            (200, format!("{{\"access_token\":\"t{logins}\",\"expires_in\":604800}}"))
        }
        "/api/json/local/values/smart-meter" => {
            polls += 1;
            match statuses.get(polls - 1) {
                None | Some(200) => (200, values(now + i64::try_from(polls).unwrap())),
                Some(status) => (*status, String::new()),
            }
        }
        _ => (404, String::new()),
    });
    fixture.until("readings come again", |it| it.values(IMPORT).len() > 3).await;
    fixture.until("it is running", |it| it.state() == SourceState::Running).await;
    let sent = requests.requests();
    let tokens: Vec<_> =
        (1..=3).map(|number| sent.iter().any(|it| it.contains(&format!("Bearer t{number}")))).collect();
    assert_eq!(tokens, [true; 3], "each new token is used");
    assert_eq!(sent.iter().filter(|it| it.starts_with("POST ")).count(), 3, "{:?}", requests.lines());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_or_token_is_a_fault_of_the_configuration_and_writes_nothing() {
    for (login, login_answer) in [
        (password(), (200, "{\"error\":\"invalid_grant\"}".to_owned())),
        (password(), (401, String::new())),
        (Login::Token(Secret::new("old")), (500, String::new())),
    ] {
        let fixture = Fixture::new();
        let _device = start(&fixture, login, Some("4711"), move |request| {
            if path(request) == "/api/web-login/token" { login_answer.clone() } else { (401, String::new()) }
        });
        fixture.until("it is misconfigured", |it| it.state() == SourceState::Misconfigured).await;
        assert_eq!(fixture.stored(), []);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_serial_number_nothing_is_stored() {
    for (serial, hint) in [(None, "add serial"), (Some("1"), "the serial number 4711")] {
        let fixture = Fixture::new();
        let _device = start(&fixture, Login::Token(Secret::new("t")), serial, move |request| match path(request) {
            "/api/device-settings" if serial.is_some() => (200, SETTINGS.to_owned()),
            "/api/device-settings" => (404, String::new()),
            _ => (200, values(present())),
        });
        fixture.until("it is misconfigured", |it| it.state() == SourceState::Misconfigured).await;
        let why = fixture.sources.descriptions()[0].why.clone().unwrap();
        assert!(why.contains(hint), "{why}");
        assert_eq!(fixture.stored(), []);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_that_may_not_read_the_settings_works_with_a_configured_serial_number() {
    let (fixture, now) = (Fixture::new(), present());
    let requests = start(&fixture, Login::Token(Secret::new("t")), Some("4711"), move |request| match path(request) {
        "/api/device-settings" => (403, String::new()),
        _ => (200, values(now)),
    });
    fixture.until("the reading is there", |it| it.values(IMPORT) == [6730.1]).await;
    let polls = |server: &HttpServer| server.lines().iter().filter(|line| line.contains("/values/")).count();
    fixture.until("it is polled again", |_| polls(&requests) > 4).await;
    let first: Vec<_> = requests.lines().into_iter().take_while(|line| !line.contains("/values/")).collect();
    assert_eq!(first, ["GET /api/device-settings HTTP/1.1"], "values do not wait for the settings again");
}

#[test]
fn every_request_is_on_the_list_and_charging_stations_are_not() {
    for topic in [Topic::SmartMeter, Topic::EnergyFlow] {
        assert_eq!(Topic::parse(topic.name()), Ok(topic));
        for resource in [Resource::Socket(topic), Resource::Configuration(topic)] {
            assert!(permits(&resource.path()), "{resource:?}");
        }
    }
    let others = [
        Resource::Values("local"),
        Resource::Settings,
        Resource::Status,
        Resource::Usage,
        Resource::LocalTime,
        Resource::Contract,
        Resource::Prices(uuid::Uuid::nil(), 1, 2),
    ];
    for resource in others {
        assert!(permits(&resource.path()), "{resource:?}");
    }
    for refused in ["json/local/config/e-mobility/chargemode", "kostal/evse", "+/evse"] {
        assert!(Topic::parse(refused).unwrap_err().contains("stops controlling"), "{refused}");
        assert!(!permits(&format!("/api/data-transfer/ws/protobuf/gdr/local/values/{refused}")));
    }
    assert!(Topic::parse("smart-meter/x").unwrap_err().contains("kostal-energyflow/sumvalues"));
    assert!(!permits("/api/e-mobility/state"));
}

fn permits(path: &str) -> bool {
    ALLOWED.permits(&hyper::Method::GET, &path.parse().unwrap())
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_without_an_end_or_with_an_absurd_one_is_used_again() {
    for end in ["", ",\"expires_in\":0", ",\"expires_in\":18446744073709551615"] {
        let (fixture, now) = (Fixture::new(), present());
        let requests = start(&fixture, password(), Some("4711"), move |request| match path(request) {
            "/api/web-login/token" => (200, format!("{{\"access_token\":\"t\"{end}}}")),
            "/api/json/local/values/smart-meter" => (200, values(now)),
            _ => (404, String::new()),
        });
        let polls = |server: &HttpServer| server.lines().iter().filter(|line| line.contains("/values/")).count();
        fixture.until("it is polled again", |_| polls(&requests) > 3).await;
        assert_eq!(requests.lines().iter().filter(|line| line.starts_with("POST ")).count(), 1, "{end}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_exchanged_for_another_is_another_meter() {
    let (fixture, mut polls) = (Fixture::new(), 0);
    let _device = start(&fixture, password(), None, move |request| match path(request) {
        "/api/web-login/token" => (200, "{\"access_token\":\"t\",\"expires_in\":604800}".to_owned()),
        "/api/device-settings" => (200, SETTINGS.replace("4711", if polls < 3 { "4711" } else { "4712" })),
        "/api/json/local/values/smart-meter" => {
            polls += 1;
            (200, values(present() - 1000 + polls))
        }
        _ => (404, String::new()),
    });
    let ids = ["4711", "4712"].map(|serial| MeterId::of_channel(VENDOR, serial, ""));
    fixture.until("both have readings", |it| it.meters(IMPORT) == ids).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_that_breaks_or_answers_a_web_page_is_failing_and_comes_back_with_its_counters_reset() {
    let (fixture, mut polls) = (Fixture::new(), 0);
    let _device = start(&fixture, Login::Token(Secret::new("t")), Some("4711"), move |request| match path(request) {
        "/api/json/local/values/smart-meter" => {
            polls += 1;
            match polls {
                1 => (200, values(present() - 1000)),
                2 => (200, "<!DOCTYPE html><title>Login</title>".to_owned()),
                3 => (200, "{\"smart-meter\":[]}".to_owned()),
                4..10 => (0, String::new()),
                at => (200, values(present() - 1000 + at).replace("6730100", "100")),
            }
        }
        _ => (404, String::new()),
    });
    fixture.until("it is failing", |it| it.state() == SourceState::Failing).await;
    fixture.until("it is back", |it| it.values(IMPORT).len() > 1 && it.state() == SourceState::Running).await;
    assert_eq!(fixture.values(IMPORT)[..2], [6730.1, 0.1]);
    assert!(fixture.holds(b"<title>Login"), "for a decoder that can read it");
}

#[tokio::test]
async fn a_check_reports_model_firmware_and_the_deviation_of_the_clock() {
    let answer = |request: &str| match path(request) {
        "/api/device-settings" => (200, SETTINGS.to_owned()),
        _ => (200, values(present() - 3600)),
    };
    let server = HttpServer::start(AllowList::ksem(), answer).unwrap();
    let device = device(server.url().parse().unwrap(), Login::Token(Secret::new("t")), None);
    let said = device.connect(Clock::system()).await.unwrap().finding("grid");
    let expected = "device 'grid' (model EM420, firmware 2.6.2) returns 2 values, but its clock is 1h";
    assert!(said.level == Level::Warning && said.message.starts_with(expected), "{said:?}");
}

#[test]
fn an_access_token_is_warned_of_before_its_end() {
    let token = |end: i64| {
        let claims = URL_SAFE_NO_PAD.encode(format!("{{\"exp\":{end},\"role\":\"api\"}}"));
        device(Uri::from_static("http://h/"), Login::Token(Secret::new(format!("e30.{claims}.sig"))), None)
    };
    let now = present();
    let levels = |end| token(end).findings(&Clock::system()).iter().map(|finding| finding.level).collect::<Vec<_>>();
    assert_eq!(levels(now + 40 * 86_400), []);
    assert_eq!(levels(now + 86_400), [Level::Warning]);
    assert_eq!(levels(now - 1), [Level::Fault]);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_meter_is_described_by_the_devices_settings() {
    let (fixture, now) = (Fixture::new(), present());
    let _device = start(&fixture, password(), None, move |request| match path(request) {
        "/api/web-login/token" => (200, "{\"access_token\":\"hunter2\",\"expires_in\":3600}".to_owned()),
        "/api/device-settings" => (200, SETTINGS.to_owned()),
        _ => (200, values(now)),
    });
    fixture.until("it is described", |it| !it.versions().is_empty()).await;
    let version = fixture.versions().remove(0);
    assert_eq!(version.meter, MeterId::of_channel(VENDOR, "4711", ""));
    assert_eq!(
        version.description.to_string(),
        "grid, serial 4711, vendor ksem, model EM420, firmware 2.6.2, role grid"
    );
}
