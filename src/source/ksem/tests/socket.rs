//! WebSockets with frames.

use super::*;
use meterline_load::devices::{WebSocket, WebSocketMessage as Message};
use meterline_load::proto::google::protobuf::Timestamp;
use meterline_load::proto::ksem::{FlexDefinition, FlexValue, GcRs, Gcr, GdRs, Gdr};
use prost::Message as _;
use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, channel};

const SOCKET: &str = "/api/data-transfer/ws/protobuf/gdr/local/values/";
const CONFIGURATION: &str = "/api/data-transfer/protobuf/gdr/local/config/";

/// Starts a source on these topics, and a device whose WebSockets come to the test. `answer` is asked first.
fn start_topics(
    fixture: &Fixture,
    topics: &[Topic],
    login: Login,
    mut answer: impl FnMut(&str) -> Option<Answer> + Send + 'static,
) -> (HttpServer, Receiver<WebSocket>) {
    let (sender, sockets) = channel();
    let server = HttpServer::start(AllowList::ksem(), move |request: &str| {
        answer(request).unwrap_or_else(|| match path(request) {
            "/api/device-settings" => (200, SETTINGS.to_owned()).into(),
            it if it.starts_with(SOCKET) => Answer::web_socket(request, &sender),
            _ => (404, String::new()).into(),
        })
    })
    .unwrap();
    let device = Device {
        interface: Interface::WebSocket(topics.to_vec()),
        ..device(server.url().parse().unwrap(), login, None)
    };
    device.start(
        &fixture.sources,
        &fixture.entrance("grid"),
        fixture.arrivals(),
        fixture.describer("grid"),
        &fixture.clock,
    );
    (server, sockets)
}

fn start_meter(
    fixture: &Fixture,
    login: Login,
    answer: impl FnMut(&str) -> Option<Answer> + Send + 'static,
) -> (HttpServer, Receiver<WebSocket>) {
    start_topics(fixture, &[Topic::SmartMeter], login, answer)
}

fn token() -> Login {
    Login::Token(Secret::new("hunter2"))
}

/// The next WebSocket, and the first message on it.
fn accept(sockets: &Receiver<WebSocket>) -> (WebSocket, String) {
    let mut socket = sockets.recv_timeout(Duration::from_secs(20)).unwrap();
    let first = socket.read().unwrap();
    assert!(matches!(first, Message::Text(_)), "{first:?}");
    (socket, first.into_text().unwrap().to_string())
}

/// Sends a frame.
fn send(socket: &mut WebSocket, frame: &[u8]) {
    socket.send(Message::binary(frame.to_vec())).unwrap();
}

fn gdr(at: i64, milliwatts: u64) -> Gdr {
    Gdr {
        id: "smart-meter".to_owned(),
        status: 1,
        timestamp: Some(Timestamp { seconds: at, nanos: 0 }),
        values: [(1_099_528_667_391, milliwatts)].into(),
        flex_values: BTreeMap::new(),
    }
}

fn frame(gdrs: impl IntoIterator<Item = (&'static str, Gdr)>) -> Vec<u8> {
    let gdrs = gdrs.into_iter().map(|(name, gdr)| (name.to_owned(), gdr)).collect();
    GdRs { gdrs, config_uuid: String::new() }.encode_to_vec()
}

fn meter(at: i64, milliwatts: u64) -> Vec<u8> {
    frame([("smart-meter", gdr(at, milliwatts))])
}

/// The number of messages that the journal decodes again to the same readings.
fn decoded_again(fixture: &Fixture) -> usize {
    fixture.assert_decoded_again("grid", device(Uri::from_static("http://h/"), token(), None).decoders())
}

fn login_answer(number: i32) -> Answer {
    (200, format!("{{\"access_token\":\"t{number}\",\"expires_in\":604800}}")).into()
}

fn posts(server: &HttpServer) -> usize {
    server.lines().iter().filter(|line| line.starts_with("POST ")).count()
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_follow_the_token_and_are_kept_as_they_came_without_it() {
    let (fixture, now) = (Fixture::new(), present());
    let (server, sockets) = start_meter(&fixture, token(), |_| None);
    let (mut socket, first) = accept(&sockets);
    assert_eq!(first, "Bearer hunter2");
    let opening = server.requests().into_iter().find(|request| request.contains(SOCKET)).unwrap();
    assert!(!opening.to_ascii_lowercase().contains("\r\norigin:"), "{opening}");
    let sent = frame([("smart-meter", gdr(now, 6_730_100)), ("sub", gdr(now, 1000))]);
    send(&mut socket, &sent);
    socket.send(Message::Ping(vec![7].into())).unwrap();
    assert_eq!(socket.read().unwrap(), Message::Pong(vec![7].into()), "the device sees that the client is there");
    send(&mut socket, &sent);
    send(&mut socket, &meter(now + 1, 500));
    fixture.until("the last is there", |it| it.values(IMPORT).contains(&0.5)).await;
    assert_eq!(fixture.values(IMPORT), [6730.1, 1.0, 0.5], "a repeated frame is journaled once");
    assert_eq!(
        fixture.meters(IMPORT),
        [MeterId::of_channel(VENDOR, "4711", ""), MeterId::of_channel(VENDOR, "4711", "sub")]
    );
    assert!(fixture.holds(&sent), "as it came");
    assert_eq!(decoded_again(&fixture), 2);
    assert!(!fixture.holds(b"hunter2") && !format!("{:?}", fixture.sources).contains("hunter2"));
    assert_eq!(fixture.state(), SourceState::Running);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_closed_a_broken_and_a_silent_web_socket_are_opened_again() {
    let (fixture, now) = (Fixture::new(), present());
    let (_server, sockets) = start_meter(&fixture, token(), |_| None);
    let (mut socket, _) = accept(&sockets);
    send(&mut socket, &meter(now, 1000));
    fixture.until("the first is there", |it| it.values(IMPORT) == [1.0]).await;
    socket.close(None).unwrap();
    socket.flush().ok();
    let (mut socket, _) = accept(&sockets);
    send(&mut socket, &meter(now + 1, 2000));
    fixture.until("the second is there", |it| it.values(IMPORT) == [1.0, 2.0]).await;
    drop(socket);
    let (mut silent, _) = accept(&sockets);
    send(&mut silent, &meter(now + 2, 3000));
    let (mut socket, _) = accept(&sockets);
    send(&mut socket, &meter(now + 3, 4000));
    fixture.until("all are there", |it| it.values(IMPORT) == [1.0, 2.0, 3.0, 4.0]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_refused_token_is_renewed_once_before_the_web_socket_opens() {
    for refusal in [401, 500] {
        let (fixture, now, mut logins) = (Fixture::new(), present(), 0);
        let (server, sockets) = start_meter(&fixture, password(), move |request| match path(request) {
            "/api/web-login/token" => {
                logins += 1;
                Some(login_answer(logins))
            }
            it if it.starts_with(SOCKET) && logins < 2 => Some((refusal, String::new()).into()),
            _ => None,
        });
        let (mut socket, first) = accept(&sockets);
        assert_eq!((first.as_str(), posts(&server)), ("Bearer t2", 2));
        send(&mut socket, &meter(now, 1000));
        fixture.until("it is there", |it| it.values(IMPORT) == [1.0]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_close_right_after_the_token_means_the_token() {
    // A password token that worked before is renewed once.
    let (fixture, now, mut logins) = (Fixture::new(), present(), 0);
    let (server, sockets) = start_meter(&fixture, password(), move |request| match path(request) {
        "/api/web-login/token" => {
            logins += 1;
            Some(login_answer(logins))
        }
        _ => None,
    });
    let (mut socket, _) = accept(&sockets);
    send(&mut socket, &meter(now, 1000));
    fixture.until("the first is there", |it| it.values(IMPORT) == [1.0]).await;
    drop(socket);
    let (socket, first) = accept(&sockets);
    assert_eq!(first, "Bearer t1");
    drop(socket);
    let (socket, first) = accept(&sockets);
    assert_eq!((first.as_str(), posts(&server)), ("Bearer t2", 2));
    drop(socket);
    // A new token that is refused is a fault of the configuration, without further logins.
    fixture.until("it is misconfigured", |it| it.state() == SourceState::Misconfigured).await;
    let (_socket, first) = accept(&sockets);
    assert_eq!((first.as_str(), posts(&server)), ("Bearer t2", 2));
    // So is an access token.
    let fixture = Fixture::new();
    let (_server, sockets) = start_meter(&fixture, token(), |_| None);
    drop(accept(&sockets));
    fixture.until("it is misconfigured", |it| it.state() == SourceState::Misconfigured).await;
    let why = fixture.sources.descriptions()[0].why.clone().unwrap();
    assert!(why.contains("check token_file") && !why.contains("hunter2"), "{why}");
}

#[tokio::test(flavor = "multi_thread")]
async fn frames_that_cannot_be_read_are_counted_and_a_huge_one_ends_the_connection() {
    let (fixture, now) = (Fixture::new(), present());
    let (_server, sockets) = start_meter(&fixture, token(), |_| None);
    let (mut socket, _) = accept(&sockets);
    let whole = meter(now, 1000);
    send(&mut socket, &whole[..whole.len() - 1]);
    socket.send(Message::text("<html>Login</html>")).unwrap();
    send(&mut socket, &whole);
    fixture.until("the whole one is there", |it| it.values(IMPORT) == [1.0]).await;
    assert_eq!(fixture.fact("messages_skipped"), Some(Fact::Number(2.0)));
    send(&mut socket, &vec![0; 65 << 10]);
    fixture.until("it is failing", |it| it.state() == SourceState::Failing).await;
    let why = fixture.sources.descriptions()[0].why.clone().unwrap();
    assert!(why.contains("longer than 65536 bytes"), "{why}");
    let (mut socket, _) = accept(&sockets);
    send(&mut socket, &meter(now + 1, 2000));
    fixture.until("the next is there", |it| it.values(IMPORT) == [1.0, 2.0]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_opens_no_web_socket_is_failing() {
    for answer in [(200, "<html>Login</html>".to_owned()), (404, String::new()), (0, String::new())] {
        let fixture = Fixture::new();
        let (_server, _sockets) = start_meter(&fixture, token(), move |request| {
            path(request).starts_with(SOCKET).then(|| answer.clone().into())
        });
        fixture.until("it is failing", |it| it.state() == SourceState::Failing).await;
        assert_eq!(fixture.stored(), []);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_energy_flow_has_its_own_web_socket_and_the_units_of_the_configuration() {
    let (fixture, now) = (Fixture::new(), present());
    let topics = [Topic::SmartMeter, Topic::EnergyFlow];
    let flow = Topic::EnergyFlow.name();
    let (_server, sockets) = start_topics(&fixture, &topics, token(), move |request| {
        (path(request) == format!("{CONFIGURATION}{flow}")).then(|| {
            let definition = FlexDefinition { label: "PV".to_owned(), r#type: 0, unit: 3, decimalpower: -2 };
            let flex_definitions = [("pvPowerTotal".to_owned(), definition)].into();
            let channel =
                Gcr { label: "House".to_owned(), class: 3, devicetype: 60, flex_definitions, ..Gcr::default() };
            let producer = Gcr { class: 2, ..Gcr::default() };
            let gcrs = [(flow.to_owned(), channel), ("roof".to_owned(), producer)].into();
            let configuration = GcRs { gcrs, config_uuid: String::new() };
            Answer::Whole(200, configuration.encode_to_vec())
        })
    });
    let flex = |int_value| FlexValue { int_value, string_value: String::new() };
    let values = [("pvPowerTotal".to_owned(), flex(-150_000)), ("housePowerTotal".to_owned(), flex(700_000))];
    let sent = Gdr { values: BTreeMap::new(), flex_values: values.into(), ..gdr(now, 0) };
    // Either may come first.
    let (mut first, mut second) = (accept(&sockets).0, accept(&sockets).0);
    for socket in [&mut first, &mut second] {
        send(socket, &frame([(flow, sent.clone())]));
    }
    let photovoltaics = Obis([0, 0, 128, 20, 1, 255]);
    fixture.until("it is there", |it| it.values(photovoltaics).contains(&-1500.0)).await;
    assert!(fixture.values(Obis([0, 0, 128, 20, 3, 255])).contains(&700.0), "without a definition the usual scale");
    assert_eq!(fixture.meters(photovoltaics), [MeterId::of_channel(VENDOR, "4711", flow)]);
    assert!(decoded_again(&fixture) > 0, "with the configuration of its time");
    let kinds: Vec<_> = fixture.sources.descriptions().iter().map(|it| it.kind).collect();
    assert_eq!(kinds, ["ksem", "ksem energy flow"]);
    fixture.until("all channels are described", |it| it.versions().len() >= 3).await;
    for (channel, expected) in [
        ("", "grid, serial 4711, vendor ksem, model EM420, firmware 2.6.2, role grid"),
        (flow, "grid House, serial 4711, vendor ksem, role submeter"),
        ("roof", "grid roof, serial 4711, vendor ksem, role production"),
    ] {
        let meter = MeterId::of_channel(VENDOR, "4711", channel);
        let versions = fixture.versions();
        let found = versions.iter().find(|it| it.meter == meter).unwrap_or_else(|| panic!("{channel}: {versions:?}"));
        assert_eq!(found.description.to_string(), expected);
    }
    let shown = |name: &str| fixture.source("ksem").facts.get(name).cloned();
    fixture.until("the flow's channel is shown", |_| shown("flow_label") == Some("House".into())).await;
    assert_eq!(shown("flow_class"), Some("hybrid".into()));
    assert_eq!(shown("flow_device_kind"), Some("this device".into()));
    assert_eq!(shown("flow_codes"), Some("pvPowerTotal".into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_of_the_information_that_never_comes_delays_no_value() {
    let (fixture, now) = (Fixture::new(), present());
    let (held, connections) = channel();
    let (_server, sockets) = start_meter(&fixture, token(), move |request| {
        let held = held.clone();
        let is_silent = path(request).ends_with("/local-time");
        is_silent.then(|| Answer::Taken(Box::new(move |stream| drop(held.send(stream)))))
    });
    let (mut socket, _) = accept(&sockets);
    send(&mut socket, &meter(now, 1000));
    // The device holds the request, and values go on.
    let _connection = connections.recv_timeout(Duration::from_secs(20)).unwrap();
    for second in 1..5 {
        send(&mut socket, &meter(now + second, 1000));
        fixture.until("it is there", |it| it.values(IMPORT).len() > usize::try_from(second).unwrap()).await;
    }
    assert_eq!(fixture.state(), SourceState::Running);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_clock_an_hour_off_is_shown_and_values_keep_the_device_s_time() {
    let (fixture, early) = (Fixture::new(), present() - 3600);
    let (_server, sockets) = start_meter(&fixture, token(), move |request| {
        let time = format!("{{\"time\":{}.25,\"ntp_synced\":false}}", present() - 3600);
        path(request).ends_with("/local-time").then(|| (200, time).into())
    });
    let (mut socket, _) = accept(&sockets);
    send(&mut socket, &meter(early, 1000));
    fixture.until("it is shown", |it| it.fact("clock_synchronized") == Some("no".into())).await;
    send(&mut socket, &meter(early + 1, 1000));
    let is_shown = |it: &Fixture| matches!(it.fact("clock_deviation_seconds"), Some(Fact::Number(seconds)) if (-3602.0..-3598.0).contains(&seconds));
    fixture.until("the deviation is shown", is_shown).await;
    let times = |it: &Fixture| it.stored().iter().map(|(at, ..)| *at).collect::<Vec<_>>();
    fixture.until("both are there", |it| times(it) == [early, early + 1]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_configuration_that_fails_is_asked_for_again_before_any_value() {
    for (topic, status) in [(Topic::SmartMeter, 503), (Topic::EnergyFlow, 503), (Topic::EnergyFlow, 500)] {
        let (fixture, now, mut asked) = (Fixture::new(), present(), 0);
        let (server, sockets) = start_topics(&fixture, &[topic], token(), move |request| {
            if !path(request).starts_with(CONFIGURATION) {
                return None;
            }
            asked += 1;
            (asked == 1).then(|| (status, String::new()).into())
        });
        let (mut socket, _) = accept(&sockets);
        let configurations = server.lines().iter().filter(|line| line.contains(CONFIGURATION)).count();
        assert!(configurations >= 2, "{:?}", server.lines());
        send(&mut socket, &meter(now, 1000));
        fixture.until("it is there", |it| it.values(IMPORT) == [1.0]).await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_part_of_the_information_that_the_device_refuses_is_named_and_asked_for_again() {
    for (part, status) in [("/local-time", 401), ("/config/smart-meter", 500)] {
        let (fixture, now) = (Fixture::new(), present());
        let (server, sockets) = start_meter(&fixture, token(), move |request| {
            path(request).ends_with(part).then(|| (status, String::new()).into())
        });
        let (mut socket, _) = accept(&sockets);
        send(&mut socket, &meter(now, 1000));
        let is_named = |it: &Fixture| match it.fact("information_refused") {
            Some(Fact::Text(why)) => why.contains(&format!("{part}: ")),
            _ => false,
        };
        fixture.until("it is named", is_named).await;
        fixture.until("the value is there", |it| it.values(IMPORT) == [1.0]).await;
        let asked = || server.lines().iter().filter(|line| line.contains(part)).count();
        let before = asked();
        fixture.until("it is asked for again", |_| asked() > before).await;
        assert_eq!(fixture.state(), SourceState::Running);
    }
}
