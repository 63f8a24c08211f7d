//! The state of the cloud, and its answers.

use super::account::{CLIENT, USER, UUID};
use super::rows::{Aggregation, Held, of_location, of_plug, of_sensor};
use crate::devices::{Answer, Clock};
use serde_json::{Value, json};
use std::collections::{HashMap, HashSet, VecDeque};
use std::io::Write as _;

const DAY_MS: i64 = 86_400_000;

/// A simulated fault of one request.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Trouble {
    /// This status, and Retry-After in seconds, if given.
    Status(u16, Option<u32>),
    /// The connection ends without an answer.
    Cut,
    /// 200 with a web page.
    Page,
}

#[derive(Debug)]
pub(super) struct State {
    clock: Clock,
    pub(super) password: String,
    pub(super) access: HashSet<String>,
    /// The only valid refresh token.
    pub(super) refresh: Option<String>,
    pub(super) issued: Vec<String>,
    pub(super) grants: (usize, usize),
    pub(super) lifetime: u64,
    pub(super) troubles: VecDeque<Trouble>,
    pub(super) token_troubles: VecDeque<Trouble>,
    /// Parts of targets, and the status of the requests that hold them.
    pub(super) failing: Vec<(String, u16)>,
    pub(super) locations: Vec<i64>,
    pub(super) held: Held,
    pub(super) wiring: Wiring,
    pub(super) roof: String,
    /// Times of events in milliseconds; if there are none, one of the last hour.
    pub(super) events: Vec<i64>,
}

/// The part of the configuration that the values of the location depend on.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Wiring {
    /// Pulses of the gas sensor for a cubic metre.
    pub pulses_per_unit: f64,
    /// The indices of the transformers at the phases of the grid.
    pub grid: [i64; 3],
}

impl Default for Wiring {
    fn default() -> Self {
        Self { pulses_per_unit: 100.0, grid: [0, 1, 2] }
    }
}

impl State {
    pub(super) fn new(clock: Clock) -> Self {
        Self {
            clock,
            password: USER.1.to_owned(),
            access: HashSet::new(),
            refresh: None,
            issued: Vec::new(),
            grants: (0, 0),
            lifetime: 36_000,
            troubles: VecDeque::new(),
            token_troubles: VecDeque::new(),
            failing: Vec::new(),
            locations: vec![4711],
            held: Held::default(),
            wiring: Wiring::default(),
            roof: "Roof".to_owned(),
            events: Vec::new(),
        }
    }

    /// In milliseconds.
    fn now(&self) -> i64 {
        self.clock.now() * 1000
    }

    pub(super) fn answer(&mut self, request: &str) -> Answer {
        let (head, body) = request.split_once("\r\n\r\n").unwrap_or((request, ""));
        let target = head.split(' ').nth(1).unwrap_or_default();
        let (path, query) = target.split_once('?').unwrap_or((target, ""));
        let is_token = path.ends_with("/oauth2/token");
        let troubles = if is_token { &mut self.token_troubles } else { &mut self.troubles };
        match troubles.pop_front() {
            Some(Trouble::Cut) => return Answer::Broken,
            Some(Trouble::Page) => return Answer::Whole(200, b"<html>maintenance</html>".to_vec()),
            Some(Trouble::Status(status, after)) => return failed(status, after),
            None => {}
        }
        if let Some((_, status)) = self.failing.iter().find(|(part, _)| target.contains(part)) {
            return failed(*status, Some(0));
        }
        if is_token {
            return self.token(&form(body));
        }
        let token = head.lines().find_map(|line| {
            let (name, value) = line.split_once(": ")?;
            name.eq_ignore_ascii_case("authorization").then(|| value.strip_prefix("Bearer "))?
        });
        if !token.is_some_and(|token| self.access.contains(token)) {
            return Answer::Whole(401, b"{}".to_vec());
        }
        match self.read(path, &form(query)) {
            Some(body) => Answer::Whole(200, body.into_bytes()),
            None => Answer::Whole(404, b"{}".to_vec()),
        }
    }

    fn token(&mut self, form: &HashMap<String, String>) -> Answer {
        let field = |name: &str| form.get(name).map(String::as_str).unwrap_or_default();
        let is_client = (field("client_id"), field("client_secret")) == CLIENT;
        let is_granted = match field("grant_type") {
            "password" => field("username") == USER.0 && field("password") == self.password,
            "refresh_token" => self.refresh.as_deref() == Some(field("refresh_token")),
            _ => false,
        };
        if !is_client || !is_granted {
            return Answer::Whole(400, b"{\"error\":\"invalid_grant\"}".to_vec());
        }
        if field("grant_type") == "password" {
            self.grants.0 += 1;
        } else {
            self.grants.1 += 1;
        }
        let number = self.issued.len();
        let (access, refresh) = (format!("hunter2-access-{number}"), format!("hunter2-refresh-{number}"));
        self.access.insert(access.clone());
        self.refresh = Some(refresh.clone());
        self.issued.extend([access.clone(), refresh.clone()]);
        let answer = json!({"access_token": access, "expires_in": self.lifetime, "refresh_token": refresh});
        Answer::Whole(200, answer.to_string().into_bytes())
    }

    /// The answer to a GET; `None` for an unknown path, or parameters that are missing.
    fn read(&self, path: &str, query: &HashMap<String, String>) -> Option<String> {
        let rest = path.strip_prefix("/dev/v3/servicelocation")?;
        if rest.is_empty() {
            let location = |id: &i64| {
                let uuid = uuid(*id);
                json!({"serviceLocationId": id, "name": "Workshop", "serviceLocationUuid": uuid, "deviceSerialNumber": "5010004711"})
            };
            let locations: Vec<_> = self.locations.iter().map(location).collect();
            return Some(json!({"appName": "meter", "serviceLocations": locations}).to_string());
        }
        let (id, part) = rest.strip_prefix('/')?.split_once('/')?;
        let id = id.parse::<i64>().ok().filter(|id| self.locations.contains(id))?;
        let range = || {
            let number = |name: &str| query.get(name)?.parse::<i64>().ok();
            Some((Aggregation::of(query.get("aggregation")?)?, number("from")?, number("to")?))
        };
        let rows = |of: fn(&Held, Aggregation, (i64, i64), i64) -> Vec<Value>| {
            range().map(|(aggregation, from, to)| self.held.named(of(&self.held, aggregation, (from, to), self.now())))
        };
        let records =
            |sensor: i64, rows: Vec<Value>| json!({"serviceLocationId": id, "sensorId": sensor, "records": rows});
        match part {
            "info" => {
                Some(json!({"serviceLocationId": id, "name": "Workshop", "timezone": "Europe/Brussels"}).to_string())
            }
            "meteringconfiguration" => Some(configuration(id, self.wiring, &self.roof).to_string()),
            "consumption" => Some(json!({"serviceLocationId": id, "consumptions": rows(of_location)?}).to_string()),
            "sensor/3/consumption" => Some(records(3, rows(of_sensor)?).to_string()),
            "switch/9/consumption" => Some(records(9, rows(of_plug)?).to_string()),
            "actuator/9/state" => Some("\"ON_ON\"".to_owned()),
            "actuator/9/connectionstate" => Some("\"CONNECTED\"".to_owned()),
            "events" => {
                let number = |name: &str| query.get(name)?.parse::<i64>().ok();
                let (from, to, most) = (number("from")?, number("to")?, number("maxNumber")?);
                // Events of an hour do not move.
                let usual = [(to - to.rem_euclid(3_600_000)) - 600_000];
                let times = if self.events.is_empty() { &usual[..] } else { &self.events };
                let mut times: Vec<_> = times.iter().filter(|at| (from..to).contains(at)).collect();
                times.sort_unstable_by(|a, b| b.cmp(a));
                let event =
                    |at: &i64| json!({"activePower": 1200.0, "totalPower": 1500.0, "applianceId": 1, "timestamp": at});
                let events = times.into_iter().take(usize::try_from(most).ok()?).map(event);
                Some(Value::from(events.collect::<Vec<_>>()).to_string())
            }
            "costanalysis" => {
                let from: i64 = query.get("from")?.parse().ok()?;
                let usage = json!({"value": (from / DAY_MS) % 100, "unit": "KILO_WATT_HOUR"});
                let appliance = json!({"id": 1, "name": "Oven", "type": "cooking"});
                let cost = json!({"currency": "EUR", "value": 3.5});
                Some(json!([{"appliance": appliance, "usage": usage, "cost": cost}]).to_string())
            }
            _ => None,
        }
    }
}

fn configuration(id: i64, wiring: Wiring, roof: &str) -> Value {
    // The login of the live values is made of the UUID.
    let uuid = uuid(id);
    let topic = json!({"protocol": "MQTT", "userName": uuid, "password": uuid, "name": format!("servicelocation/{uuid}/power")});
    let channel = |rows: i64, arrays: i64| json!({"consumptionIndex": rows, "powerTopicIndex": arrays, "updateChannels": {"activePower": topic}});
    let grid = wiring.grid.map(|index| channel(index, index + 3));
    json!({
        "serviceLocationId": id, "serviceLocationUuid": uuid, "name": "Workshop", "updateChannel": topic,
        "timezone": "Europe/Brussels", "electricityCost": 0.25, "electricityCurrency": "EUR", "phaseType": "THREE_STAR",
        "appliances": [{"id": 1, "name": "Oven", "type": "cooking"}],
        "actuators": [{"id": 9, "name": "Pump", "type": "SWITCH", "serialNumber": "4006000009"}],
        "sensors": [{"id": 3, "name": "3004000003", "channels": [
            {"name": "Boiler", "ppu": wiring.pulses_per_unit, "uom": "m3", "enabled": true, "type": "gas", "channel": 1}]}],
        "measurements": [
            {"id": 11, "name": "Grid", "type": "GRID", "channels": grid},
            {"id": 12, "name": roof, "type": "PRODUCTION", "channels": [channel(4, 7)]}]
    })
}

fn uuid(id: i64) -> String {
    if id == 4711 { UUID.to_owned() } else { format!("7d0e4a52-93b1-4f6c-8a15-{id:012}") }
}

fn failed(status: u16, after: Option<u32>) -> Answer {
    Answer::Taken(Box::new(move |mut stream| {
        let after = after.map_or_else(String::new, |seconds| format!("Retry-After: {seconds}\r\n"));
        // A client that left is no fault of the cloud.
        write!(stream, "HTTP/1.1 {status} Trouble\r\n{after}Content-Length: 0\r\nConnection: close\r\n\r\n").ok();
    }))
}

/// The fields of a form or a query.
fn form(text: &str) -> HashMap<String, String> {
    let pairs = text.split('&').filter_map(|pair| pair.split_once('='));
    pairs.map(|(name, value)| (decoded(name), decoded(value))).collect()
}

fn decoded(text: &str) -> String {
    let (mut bytes, mut rest) = (Vec::new(), text.as_bytes());
    while let [byte, tail @ ..] = rest {
        rest = tail;
        match (byte, tail) {
            (b'+', _) => bytes.push(b' '),
            (b'%', [high, low, after @ ..]) => {
                let digit = |byte: u8| char::from(byte).to_digit(16).and_then(|digit| u8::try_from(digit).ok());
                bytes.extend(digit(*high).zip(digit(*low)).map(|(high, low)| high * 16 + low));
                rest = after;
            }
            _ => bytes.push(*byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}
