//! A device with sessions over a real socket, into a real journal.

use super::*;
use crate::reading::Obis;
use crate::source::tests::fixture::Fixture;
use crate::source::{Fact, SourceState};
use meterline_load::devices::{AllowList, Answer, HttpServer};
use std::io::Write as _;

const IMPORT: Obis = Obis([1, 0, 1, 7, 0, 255]);
const VALUES: &str = r#"{"serial":"4711","obis":"no code","1-0:1.4.0*255":123.4,"1-0:1.8.0*255":"5000.5","x":{}}"#;
const OPEN: &str = r#"{"serial":"4711","authentication":true}"#;
const LOCKED: &str = r#"{"ieq_serial":"4711","authentication":false,"auth_mode":"password"}"#;

fn meter(server: &HttpServer, password: Option<&str>) -> Meter {
    Meter {
        name: "grid".to_owned(),
        url: server.url().parse().unwrap(),
        ca_file: None,
        password: password.map(Secret::new),
        every: Duration::from_millis(20),
        keep: Keep::All,
    }
}

fn start<A: Into<Answer>>(
    fixture: &Fixture,
    password: Option<&str>,
    answer: impl FnMut(&str) -> A + Send + 'static,
) -> HttpServer {
    let server = HttpServer::start(AllowList::ksem(), answer).unwrap();
    let describer = fixture.describer("grid");
    meter(&server, password).start(&fixture.sources, &fixture.entrance("grid"), describer, &fixture.clock);
    server
}

/// A device that hands out a session at `start.php`, logs it in with the right password, and ends it after
/// some answers.
fn locked(answers_max: usize) -> impl FnMut(&str) -> Answer + Send + 'static {
    let (mut sessions, mut answers, mut is_open) = (0, 0, false);
    move |request| {
        let cookie = format!("cookie: PHPSESSID=s{sessions}");
        let has_session = request.to_ascii_lowercase().contains(&cookie.to_ascii_lowercase());
        match request.split(" HTTP/").next().unwrap_or_default() {
            "GET /start.php" => {
                (sessions, is_open, answers) = (sessions + 1, false, 0);
                let head = format!("HTTP/1.0 200 OK\r\nSet-Cookie: PHPSESSID=s{sessions}; path=/\r\n\r\n");
                Answer::Taken(Box::new(move |mut stream| {
                    stream.write_all(format!("{head}{LOCKED}").as_bytes()).ok();
                }))
            }
            "POST /start.php" => {
                is_open = has_session && request.ends_with("login=4711&password=p%26ss%2012&save_login=1");
                (200, if is_open { OPEN.to_owned() } else { LOCKED.to_owned() }).into()
            }
            _ => {
                answers += 1;
                is_open &= answers <= answers_max;
                let is_allowed = is_open && has_session;
                (200, if is_allowed { VALUES.to_owned() } else { LOCKED.to_owned() }).into()
            }
        }
    }
}

fn posts(server: &HttpServer) -> usize {
    server.lines().iter().filter(|line| line.starts_with("POST ")).count()
}

fn why(fixture: &Fixture) -> String {
    fixture.sources.descriptions()[0].why.clone().unwrap_or_default()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_without_a_password_is_not_logged_in_at() {
    let fixture = Fixture::new();
    let server = start(&fixture, Some("not asked for"), |request| {
        (200, if request.contains("data.php") { VALUES.to_owned() } else { OPEN.to_owned() })
    });
    fixture.until("values come again", |it| it.values(IMPORT).len() > 2).await;
    assert_eq!(fixture.values(IMPORT)[..2], [123.4, 123.4], "in watts");
    assert_eq!(fixture.values(Obis([1, 0, 1, 8, 0, 255]))[0], 5000.5, "in watt-hours, from a text");
    assert_eq!(fixture.meters(IMPORT), [MeterId::of_channel(VENDOR, "4711", "")]);
    assert_eq!(posts(&server), 0);
    assert_eq!(fixture.fact("members_without_code"), Some(Fact::Number(3.0)));
    assert_eq!(fixture.versions()[0].description.to_string(), "grid, serial 4711, vendor ksem, role grid");
    assert!(fixture.assert_decoded_again("grid", meter(&server, None).decoders()) > 2);
    assert_eq!(server.lines().iter().filter(|line| line.contains("start.php")).count(), 1, "one session is enough");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_ends_is_begun_again_with_a_login() {
    let fixture = Fixture::new();
    let server = start(&fixture, Some("p&ss 12"), locked(2));
    fixture.until("values come over three sessions", |it| it.values(IMPORT).len() > 5).await;
    assert!(posts(&server) > 2, "{:?}", server.lines());
    assert_eq!(fixture.state(), SourceState::Running);
    let shown = format!("{:?}", fixture.sources);
    assert!(!shown.contains("p&ss") && !fixture.holds(b"p&ss") && !fixture.holds(b"p%26ss"), "{shown}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_ends_at_once_is_begun_once_in_each_run() {
    let fixture = Fixture::new();
    let server = start(&fixture, Some("p&ss 12"), locked(0));
    fixture.until("it is failing", |it| it.state() == SourceState::Failing).await;
    assert!(why(&fixture).contains("ends a new session at once"), "{}", why(&fixture));
    fixture.until("it is tried again", |_| posts(&server) > 2).await;
    let lines = server.lines();
    let count = |part: &str| lines.iter().filter(|line| line.contains(part)).count();
    assert!(count("GET /start.php") <= count("data.php") + 1, "{lines:?}");
    assert_eq!(fixture.stored(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_or_missing_password_is_a_fault_of_the_configuration() {
    for (password, hint) in [(Some("hunter2"), "check password_file"), (None, "add password_file")] {
        let fixture = Fixture::new();
        let server = start(&fixture, password, locked(9));
        fixture.until("it is misconfigured", |it| it.state() == SourceState::Misconfigured).await;
        assert!(why(&fixture).contains(hint) && !why(&fixture).contains("hunter2"), "{}", why(&fixture));
        assert_eq!(fixture.stored(), []);
        assert_eq!(posts(&server) > 0, password.is_some());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_web_page_or_another_status_is_a_failure_that_stores_nothing() {
    for answer in [(200, "<html>".to_owned()), (200, "{\"x\":1}".to_owned()), (503, String::new()), (0, String::new())]
    {
        let fixture = Fixture::new();
        let _server = start(&fixture, None, move |_| answer.clone());
        fixture.until("it is failing", |it| it.state() == SourceState::Failing).await;
        assert_eq!(fixture.stored(), []);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn values_that_cannot_be_read_are_kept_for_a_decoder_that_can() {
    let fixture = Fixture::new();
    let _server =
        start(&fixture, None, |request| (200, if request.contains("data.php") { "{" } else { OPEN }.to_owned()));
    fixture.until("it is failing", |it| it.state() == SourceState::Failing).await;
    assert_eq!(fixture.kept()[0], "{");
    assert_eq!(fixture.stored(), []);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_device_exchanged_for_another_is_another_meter() {
    let (fixture, mut polls) = (Fixture::new(), 0);
    let _server = start(&fixture, None, move |request| {
        polls += 1;
        let serial = |text: &str| text.replace("4711", if polls < 9 { "4711" } else { "4712" });
        match request.contains("data.php") {
            // The exchange breaks a connection.
            true if polls == 8 => (0, String::new()),
            true => (200, VALUES.to_owned()),
            false => (200, serial(OPEN)),
        }
    });
    let ids = ["4711", "4712"].map(|serial| MeterId::of_channel(VENDOR, serial, ""));
    fixture.until("both have readings", |it| it.meters(IMPORT) == ids).await;
}

#[tokio::test]
async fn a_check_logs_in_and_reports_the_values() {
    let server = HttpServer::start(AllowList::ksem(), locked(9)).unwrap();
    let said = meter(&server, Some("p&ss 12")).connect(Clock::system()).await.unwrap();
    assert_eq!(said.finding("grid").message, "device 'grid' returns 2 values");
}
