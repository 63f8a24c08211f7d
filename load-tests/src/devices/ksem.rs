//! A KOSTAL Smart Energy Meter with an access token: the JSON interface, and the WebSocket of the grid meter.

use super::measured::{Clock, Measured, counter, electricity, moving, nearest};
use super::web_socket::{WebSocket, WebSocketMessage};
use super::{AllowList, Answer, HttpServer};
use crate::proto::google::protobuf::Timestamp;
use crate::proto::ksem::{GdRs, Gdr};
use prost::Message as _;
use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

/// Its serial number.
const SERIAL: &str = "71900123";
/// The path of the WebSocket.
const SOCKET: &str = "/api/data-transfer/ws/protobuf/gdr/local/values/smart-meter";
/// The grid meter's name in a frame.
const GRID_METER: &str = "smart-meter";
/// The status of good values.
const STATUS_OK: i32 = 1;
/// Several frames a second.
const FRAME_PERIOD: Duration = Duration::from_millis(100);
/// An access token that it knows.
const TOKEN: &str = "simulated-access-token";

/// A running device.
#[derive(Debug)]
pub struct Ksem(HttpServer);

impl Ksem {
    /// Starts one.
    ///
    /// # Errors
    /// If no port or no thread is available.
    pub fn start(clock: Clock) -> std::io::Result<Self> {
        Self::start_with(clock, SERIAL)
    }

    /// The same with this serial number.
    ///
    /// # Errors
    /// The same.
    pub fn start_with(clock: Clock, serial: &str) -> std::io::Result<Self> {
        let settings = settings(serial);
        HttpServer::start(AllowList::ksem(), move |request| {
            let has_token = request.lines().any(|line| {
                line.split_once(": ").is_some_and(|(name, value)| {
                    name.eq_ignore_ascii_case("authorization") && value == format!("Bearer {TOKEN}")
                })
            });
            match request.split(' ').nth(1) {
                _ if !has_token => (401, String::new()).into(),
                Some("/api/json/local/values/smart-meter") => (200, values(clock.now())).into(),
                Some("/api/device-settings") => (200, settings.clone()).into(),
                Some(SOCKET) => {
                    let clock = clock.clone();
                    Answer::web_socket_with(request, move |socket| send_frames(socket, &clock))
                }
                _ => (404, String::new()).into(),
            }
        })
        .map(Self)
    }

    /// The arrivals of requests for its values.
    #[must_use]
    pub fn polls(&self) -> Vec<Instant> {
        self.0.arrivals("/values/smart-meter")
    }

    /// Its address, without path.
    #[must_use]
    pub fn url(&self) -> String {
        self.0.url()
    }

    /// An access token of role `api`.
    #[must_use]
    pub fn token() -> &'static str {
        TOKEN
    }

    /// The readings of this second.
    #[must_use]
    pub fn measured(seconds: i64) -> Vec<Measured> {
        Self::measured_by(SERIAL, seconds)
    }

    /// The same of the device with this serial number. Both interfaces give the same readings.
    #[must_use]
    pub fn measured_by(serial: &str, seconds: i64) -> Vec<Measured> {
        let values = [
            (electricity(1, 8), nearest(energy(seconds))),
            (electricity(1, 7), nearest(power(seconds))),
            (electricity(2, 7), 0.0),
            (electricity(32, 7), nearest(voltage(seconds))),
        ];
        vec![Measured::new(serial, seconds, values)]
    }
}

/// In thousandths of a watt-hour, with the device's steps of a tenth.
fn energy(seconds: i64) -> i64 {
    counter(seconds, 20_000_000) * 1000 + 300
}

fn power(seconds: i64) -> i64 {
    moving(seconds, 300) * 1000 + 700
}

fn voltage(seconds: i64) -> i64 {
    229_500 + moving(seconds, 0)
}

/// Sends frames of values after the token, until the client leaves.
fn send_frames(mut socket: WebSocket, clock: &Clock) {
    let is_token = |message: WebSocketMessage| message.to_text().is_ok_and(|text| text == format!("Bearer {TOKEN}"));
    if !socket.read().is_ok_and(is_token) {
        return;
    }
    while socket.send(WebSocketMessage::binary(frame(clock.now()))).is_ok() {
        thread::sleep(FRAME_PERIOD);
    }
}

fn frame(seconds: i64) -> Vec<u8> {
    // The device has D = 4 for momentary values.
    let values = [((1, 8), energy(seconds)), ((1, 4), power(seconds)), ((2, 4), 0), ((32, 4), voltage(seconds))];
    let values = values.map(|((c, d), value)| (key(electricity(c, d)), value.unsigned_abs()));
    let gdr = Gdr {
        id: GRID_METER.to_owned(),
        status: STATUS_OK,
        timestamp: Some(Timestamp { seconds, nanos: 0 }),
        values: values.into(),
        flex_values: BTreeMap::new(),
    };
    GdRs { gdrs: [(GRID_METER.to_owned(), gdr)].into(), config_uuid: String::new() }.encode_to_vec()
}

/// A code as a number.
fn key([a, b, c, d, e, f]: [u8; 6]) -> u64 {
    u64::from_be_bytes([0, 0, a, b, c, d, e, f])
}

fn settings(serial: &str) -> String {
    format!(
        "{{\"Mac\":\"00:11:22:33:44:55\",\"Serial\":\"{serial}\",\"ProductName\":\"KOSTAL Smart Energy Meter\",\
         \"DeviceType\":\"hw0100\",\"FirmwareVersion\":\"2.6.2\",\"hostname\":\"ksem\"}}"
    )
}

fn values(seconds: i64) -> String {
    format!(
        "{{\"smart-meter\":{{\"configuration_id\":\"0000000000000000000000000000000000000000\",\"status\":\"STATUS_OK\",\
         \"timestamp\":{{\"seconds\":{seconds},\"nanos\":0}},\"values\":{{\"active_energy_+\":{},\"active_power_+\":{},\
         \"active_power_-\":0,\"voltage_L1\":{}}}}}}}",
        energy(seconds),
        power(seconds),
        voltage(seconds)
    )
}
