//! Telegrams from a real TCP server, into a real journal.

use super::*;
use crate::reading::Obis;
use crate::source::tests::fixture::Fixture;
use crate::source::{Fact, SourceState};
use meterline_load::devices::{AllowList, Answer, HttpServer, SerialServer, WebSocketMessage as Message};
use std::io::Write as _;

/// A telegram at this second of the minute, with its checksum, its gas meter with a valve, and a power
/// failure.
fn telegram(second: u32, watts: u32) -> String {
    let text = format!(
        "/XYZ5METER\r\n\r\n1-3:0.2.8(50)\r\n0-0:1.0.0({}{second:02}W)\r\n0-0:96.1.1(4530303432)\r\n\
         1-0:1.7.0({watts:06}*W)\r\n1-0:99.97.0(1)(0-0:96.7.19)(260101000000W)(0000000240*s)\r\n\
         0-1:24.1.0(003)\r\n0-1:96.1.0(4730303339)\r\n0-1:24.4.0(1)\r\n0-1:24.2.1({}00W)(00012.345*m3)\r\n!",
        minute(5),
        minute(8)
    );
    with_checksum(&text)
}

/// The telegram up to `!`, with its checksum.
fn with_checksum(text: &str) -> String {
    let checksum = text.bytes().fold(0_u16, |crc, byte| {
        (0..8).fold(crc ^ u16::from(byte), |crc, _| if crc & 1 == 1 { (crc >> 1) ^ 0xa001 } else { crc >> 1 })
    });
    format!("{text}{checksum:04X}\r\n")
}

/// The minute some minutes ago in winter time, as a telegram has it.
fn minute(minutes_ago: i64) -> String {
    let time = present() + jiff::SignedDuration::from_mins(60 - minutes_ago);
    time.strftime("%y%m%d%H%M").to_string()
}

fn meter(address: Address, keep: Keep) -> Meter {
    Meter { name: "cellar".to_owned(), address, keep, key: None, unchecked: false, transformers: Transformers::NONE }
}

fn start(fixture: &Fixture, keep: Keep) -> SerialServer {
    let server = SerialServer::start().unwrap();
    let address = Address::Tcp(server.address().unwrap().to_string());
    meter(address, keep).start(
        &fixture.sources,
        &fixture.entrance("cellar"),
        fixture.describer("cellar"),
        &fixture.clock,
    );
    server
}

const POWER: Obis = Obis([1, 0, 1, 7, 0, 255]);
const GAS: Obis = Obis([7, 0, 3, 0, 0, 255]);
const VALVE: Obis = Obis([0, 0, 24, 4, 0, 255]);
const FAILURE: Obis = Obis([0, 0, 96, 7, 19, 255]);

#[tokio::test(flavor = "multi_thread")]
async fn telegrams_are_thinned_and_an_unchanged_event_and_gas_value_are_journaled_once() {
    let fixture = Fixture::new();
    let server = start(&fixture, Keep::FirstOfEach(Duration::from_secs(10)));
    let mut stream = server.accept().unwrap();
    for second in 0..25 {
        stream.write_all(telegram(second, second).as_bytes()).unwrap();
    }
    fixture.until("the last is there", |it| it.values(POWER).len() == 3).await;
    assert_eq!(fixture.values(POWER), [0.0, 10.0, 20.0], "one of every ten seconds");
    assert_eq!(fixture.values(GAS), [12.345], "beside a valve with the telegram's time");
    assert_eq!(fixture.values(VALVE).len(), 3);
    assert_eq!(fixture.values(FAILURE), [240.0]);
    assert_eq!(fixture.state(), SourceState::Running);
    assert_eq!(fixture.assert_decoded_again("cellar", meter(Address::Tcp(String::new()), Keep::All).decoders()), 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_meter_behind_transformers_has_their_ratios_and_its_gas_meter_has_not() {
    let fixture = Fixture::new();
    let server = SerialServer::start().unwrap();
    let address = Address::Tcp(server.address().unwrap().to_string());
    let meter = Meter { transformers: Transformers::new(60.0, 2.0).unwrap(), ..meter(address, Keep::All) };
    meter.start(&fixture.sources, &fixture.entrance("cellar"), fixture.describer("cellar"), &fixture.clock);
    let mut stream = server.accept().unwrap();
    let now = minute(5);
    let sent = with_checksum(&format!(
        "/ADN9 7560\r\n0-0:1.0.0({now}00W)\r\n0-0:96.1.1(4530303432)\r\n1-0:0.4.2(60)\r\n1-0:1.8.1(10.5*kWh)\r\n\
         1-0:1.8.2(1*kWh)\r\n1-0:1.7.0(000010*W)\r\n1-0:32.7.0(115.5*V)\r\n1-0:31.7.0(2.5*A)\r\n0-1:24.1.0(003)\r\n\
         0-1:24.2.1({now}00W)(00012.345*m3)\r\n!"
    ));
    stream.write_all(sent.as_bytes()).unwrap();
    fixture.until("it is there", |it| it.values(POWER) == [1200.0]).await;
    let values = ["1.8.1", "1.8.0", "32.7.0", "31.7.0", "0.4.2"].map(|code| fixture.values(code.parse().unwrap()));
    assert_eq!(values, [[1_260_000.0], [1_380_000.0], [231.0], [150.0], [60.0]]);
    assert_eq!(fixture.values(GAS), [12.345]);
    assert_eq!(fixture.assert_decoded_again("cellar", meter.decoders()), 1);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gas_value_of_the_same_time_as_its_valve_is_journaled_once() {
    let fixture = Fixture::new();
    let server = start(&fixture, Keep::All);
    let mut stream = server.accept().unwrap();
    let now = minute(5);
    let telegram = |second: u32, gas: &str| {
        with_checksum(&format!(
            "/XYZ5METER\r\n\r\n1-3:0.2.8(50)\r\n0-0:1.0.0({now}{second:02}W)\r\n0-0:96.1.1(4530303432)\r\n\
             1-0:1.7.0({second:06}*W)\r\n0-1:24.1.0(003)\r\n0-1:96.1.0(4730303339)\r\n0-1:24.4.0(1)\r\n\
             0-1:24.2.1({now}{gas}W)(001{gas}.000*m3)\r\n!"
        ))
    };
    // The value is measured at 01 together with the first telegram, at 02, at 05 and 07 together with telegrams.
    let gas = ["01", "01", "01", "02", "05", "05", "07", "07", "07"];
    for (second, gas) in (1..).zip(gas) {
        stream.write_all(telegram(second, gas).as_bytes()).unwrap();
    }
    fixture.until("the last is there", |it| it.values(POWER).contains(&9.0)).await;
    assert_eq!(fixture.values(GAS), [101.0, 102.0, 105.0, 107.0]);
    assert_eq!(fixture.values(VALVE).len(), 9);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_gas_counter_that_is_zero_for_a_moment_is_left_out_and_one_that_stays_at_zero_is_stored() {
    let fixture = Fixture::new();
    let server = start(&fixture, Keep::All);
    let mut stream = server.accept().unwrap();
    let now = minute(5);
    let telegram = |second: u32, at: &str, gas: u32, number: &str| {
        with_checksum(&format!(
            "/XYZ5METER\r\n\r\n1-3:0.2.8(50)\r\n0-0:1.0.0({now}{second:02}W)\r\n0-0:96.1.1(4530303432)\r\n\
             1-0:1.7.0({second:06}*W)\r\n0-1:24.1.0(003)\r\n0-1:96.1.0({number})\r\n0-1:24.4.0(1)\r\n\
             0-1:24.2.1({now}{at}W)({gas:05}.000*m3)\r\n!"
        ))
    };
    let (one, other) = ("4730303339", "4730303430");
    for (second, at, gas, number) in [
        (1, "00", 12, one),
        // For one telegram, at its own time as the valve; the next has the true value of this time.
        (2, "02", 0, one),
        (3, "02", 12, one),
        // The meter is reset: zero at one time, then at another.
        (4, "04", 0, one),
        (5, "04", 0, one),
        (6, "06", 0, one),
        (7, "08", 1, one),
        // It falls and is not zero.
        (8, "10", 9, one),
        (9, "12", 2, one),
        // A new meter begins at zero: it is believed at the second time.
        (10, "14", 0, other),
        (11, "16", 0, other),
    ] {
        stream.write_all(telegram(second, at, gas, number).as_bytes()).unwrap();
    }
    fixture.until("the last is there", |it| it.values(POWER).contains(&11.0)).await;
    assert_eq!(fixture.values(GAS), [12.0, 12.0, 0.0, 1.0, 9.0, 2.0, 0.0]);
    assert_eq!(fixture.values(POWER).len(), 11, "the other values of these telegrams are stored");
    let decoders = meter(Address::Tcp(String::new()), Keep::All).decoders();
    assert_eq!(fixture.assert_decoded_again("cellar", decoders), 11, "a zero that was left out stays out");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_telegram_cut_in_any_place_is_read_and_a_damaged_one_is_skipped_with_a_count() {
    let fixture = Fixture::new();
    let server = start(&fixture, Keep::All);
    let mut stream = server.accept().unwrap();
    // The connection begins in the middle of a telegram.
    stream.write_all(&telegram(0, 1).as_bytes()[50..]).unwrap();
    stream.write_all(telegram(1, 11).replace("000011*W", "000012*W").as_bytes()).unwrap();
    for byte in telegram(2, 22).as_bytes().chunks(7) {
        stream.write_all(byte).unwrap();
        stream.flush().unwrap();
    }
    fixture.until("it is there", |it| it.values(POWER) == [22.0]).await;
    assert_eq!(fixture.fact("messages_skipped"), Some(Fact::Number(2.0)));
    let kept = fixture.kept();
    assert!(kept.len() == 2 && kept[1].contains("000012*W"), "for a decoder that can read them: {kept:?}");
    // Nothing but damage ends the connection; the next one is read again.
    stream.write_all(telegram(3, 33).replace("000033*W", "000034*W").repeat(10).as_bytes()).unwrap();
    fixture.until("it is failing", |it| it.state() == SourceState::Failing).await;
    let mut stream = server.accept().unwrap();
    stream.write_all(telegram(4, 44).as_bytes()).unwrap();
    fixture.until("the next is there", |it| it.values(POWER) == [22.0, 44.0]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_peer_that_sends_blanks_without_end_is_disconnected() {
    let fixture = Fixture::new();
    let server = start(&fixture, Keep::All);
    let mut stream = server.accept().unwrap();
    stream.write_all(&vec![b'\n'; 2 * TELEGRAM_BYTES_MAX + 1]).unwrap();
    fixture.until("it is failing", |it| it.state() == SourceState::Failing).await;
    let why = fixture.sources.descriptions()[0].why.clone().unwrap();
    assert!(why.contains("hold no message"), "{why}");
    let mut stream = server.accept().unwrap();
    stream.write_all(telegram(1, 11).as_bytes()).unwrap();
    fixture.until("the next is there", |it| it.values(POWER) == [11.0]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_web_socket_s_messages_are_text_or_binary_and_a_telegram_may_come_in_several() {
    let fixture = Fixture::new();
    let (sender, sockets) = std::sync::mpsc::channel();
    let server =
        HttpServer::start(AllowList::only("GET /p1?token=hunter2"), move |it: &str| Answer::web_socket(it, &sender))
            .unwrap();
    let address = Address::WebSocket(format!("{}p1?token=hunter2", server.url()).parse().unwrap(), None);
    assert!(!format!("{address:?}").contains("hunter2"));
    let describer = fixture.describer("cellar");
    meter(address, Keep::All).start(&fixture.sources, &fixture.entrance("cellar"), describer, &fixture.clock);
    let mut socket = sockets.recv_timeout(Duration::from_secs(20)).unwrap();
    socket.send(Message::text(telegram(1, 11))).unwrap();
    socket.send(Message::binary(telegram(2, 22))).unwrap();
    socket.send(Message::binary("")).unwrap();
    for part in telegram(3, 33).as_bytes().chunks(100) {
        socket.send(Message::binary(part.to_vec())).unwrap();
    }
    fixture.until("all are there", |it| it.values(POWER) == [11.0, 22.0, 33.0]).await;
    // A closed one is opened again.
    drop(socket);
    let mut socket = sockets.recv_timeout(Duration::from_secs(20)).unwrap();
    socket.send(Message::binary(telegram(4, 44))).unwrap();
    fixture.until("the next is there", |it| it.values(POWER).len() == 4).await;
}

fn present() -> jiff::Timestamp {
    jiff::Timestamp::from_nanosecond(i128::from(Clock::system().now().0)).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_meter_and_its_gas_meter_are_described_once() {
    let fixture = Fixture::new();
    let server = start(&fixture, Keep::All);
    let mut stream = server.accept().unwrap();
    for second in 0..5 {
        stream.write_all(telegram(second, second).as_bytes()).unwrap();
    }
    fixture.until("all are there", |it| it.values(POWER).len() == 5).await;
    fixture.until("both are described", |it| it.versions().len() == 2).await;
    let versions = fixture.versions();
    let shown = |id: &str| {
        let found = versions.iter().find(|it| it.meter == MeterId::named(VENDOR, id)).unwrap();
        found.description.to_string()
    };
    assert_eq!(shown("E0042"), "cellar, serial E0042, vendor XYZ, model XYZ5METER, energy electricity, role grid");
    assert_eq!(shown("G0039"), "cellar 1, serial G0039, energy gas, gateway E0042, role submeter");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_reads_one_telegram_and_warns_of_a_clock_that_is_behind() {
    let server = SerialServer::start().unwrap();
    let meter = meter(Address::Tcp(server.address().unwrap().to_string()), Keep::All);
    let checked = tokio::spawn(async move { meter.connect(Clock::system()).await });
    let mut stream = server.accept().unwrap();
    stream.write_all(telegram(0, 1).as_bytes()).unwrap();
    let finding = checked.await.unwrap().unwrap().finding("cellar");
    assert_eq!(finding.level, crate::base::Level::Warning);
    assert!(
        finding.message.starts_with("device 'cellar' (model XYZ5METER) sends 3 values, but its clock is 5m"),
        "{finding}"
    );
}
