//! TQ-Systems' EM2xx and EM3xx and B-control meters: the older interface, with a session.
//!
//! Read-only: no request but those in `ALLOWED`, where the login is the only one with a body. It is sent only
//! when the device says that the session is not logged in. A lost session is begun again once, then the
//! back-off waits. `vendor/ksem/em300` decodes.

mod cookies;

use super::allowed::Allowed;
use super::device::{HttpDevice, answered, with_path};
use super::parts::Parts;
use super::{
    Contact, Decoded, Decoder, Describer, Inlet, Keep, Polled, Probe, Recorded, Reporter, Schedule, SourceError,
    Sources,
};
use crate::clock::Clock;
use crate::http::{Bounds, CaFile, Outcome, Request};
use crate::ingest::Entrance;
use crate::reading::{MeterId, UnixNanos};
use crate::secret::Secret;
use crate::vendor::Part;
use crate::vendor::ksem::VENDOR;
use crate::vendor::ksem::em300::{ReadError, Start, is_logged_in, read};
use crate::wire::batch::Original;
use crate::wire::meters::{Description, Role};
use bytes::Bytes;
use cookies::Cookies;
use http_body_util::Full;
use hyper::header::{CONNECTION, CONTENT_TYPE, COOKIE, HeaderValue};
use hyper::{Method, Uri};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use std::time::Duration;

/// The kind of source.
const KIND: &str = "em300";
/// The format of the values.
const FORMAT: &str = "em300";
/// The limits of one request.
const BOUNDS: Bounds = Bounds { timeout: Duration::from_secs(10), answer_bytes_max: 64 << 10 };
/// The waits after a failure.
const BACKOFF: (Duration, Duration) =
    (if cfg!(test) { Duration::from_millis(20) } else { Duration::from_secs(5) }, Duration::from_mins(5));
/// The requests that a device may be sent.
const ALLOWED: Allowed = Allowed(&["GET /start.php", "POST /start.php", "GET /mum-webservice/data.php"]);
const START: &str = "/start.php";
const DATA: &str = "/mum-webservice/data.php";

/// A configured meter.
#[derive(Debug, Clone)]
pub struct Meter {
    /// The name of the source.
    pub name: String,
    /// Its address, without path.
    pub url: Uri,
    /// The authority that signed its certificate, if not a public one.
    pub ca_file: Option<CaFile>,
    /// The password, if it has one.
    pub password: Option<Secret>,
    /// The polling interval.
    pub every: Duration,
    /// The readings that are journaled.
    pub keep: Keep,
}

impl Meter {
    /// Starts its source.
    pub fn start(&self, sources: &Sources, entrance: &Entrance, describer: Describer, clock: &Clock) {
        let schedule = Schedule { every: self.every, first_within: self.every, backoff: BACKOFF };
        let inlet = Inlet::new(&self.name, KIND, entrance.clone(), self.keep);
        let device = sources.device(&self.name, BOUNDS, self.ca_file.as_ref(), ALLOWED, None);
        let session = Session::new(self, device, clock.clone());
        sources.start_polled(&self.name, KIND, schedule, Poll { name: self.name.clone(), session, inlet, describer });
    }

    /// The decoders of its messages.
    pub fn decoders(&self) -> [(&'static str, Decoder); 1] {
        let decode = |it: &Recorded<'_>| decode(it.original.bytes, it.original.device, it.received);
        [(FORMAT, Box::new(move |it| decode(it).map_err(|error| error.to_string())))]
    }

    /// Requests the values once.
    ///
    /// # Errors
    /// When the values cannot be read.
    pub async fn probe(&self, clock: Clock) -> Result<Probe, SourceError> {
        let device = HttpDevice::once(&self.name, BOUNDS, self.ca_file.as_ref(), ALLOWED, None, clock.clone());
        Ok(Probe::of(DATA, Session::new(self, device, clock).read().await?.decoded.map_err(SourceError::Failing)?))
    }

    /// Requests the values once, for the operator. Both results are sentences.
    ///
    /// # Errors
    /// When the values cannot be read.
    pub async fn connect(&self, clock: Clock) -> Result<Contact, SourceError> {
        let decoded = self.probe(clock.clone()).await?.decoded;
        Ok(Contact::of(format!("returns {} values", decoded.values()), &decoded, &Vec::new(), clock.now()))
    }
}

/// The answer of a meter.
struct Answer {
    body: Bytes,
    received: UnixNanos,
    /// The values, or why they cannot be read.
    decoded: Result<Decoded, String>,
}

/// Decodes the values of the device with this serial number.
fn decode(body: &[u8], serial: &str, received: UnixNanos) -> Result<Decoded, ReadError> {
    let (mut parts, mut without_code) = (Parts::new(received), 0_usize);
    read(body, |part| {
        without_code += usize::from(matches!(part, Part::Text { .. }));
        parts.add(part, |channel| MeterId::of_channel(VENDOR, serial, channel));
    })?;
    let mut decoded = parts.into_decoded();
    decoded.facts.push(("members_without_code", without_code.into()));
    Ok(decoded)
}

/// The polling of a meter.
#[derive(Debug)]
struct Poll {
    name: String,
    session: Session,
    inlet: Inlet,
    describer: Describer,
}

impl Polled for Poll {
    async fn poll(&mut self, reporter: &mut Reporter) -> Result<(), SourceError> {
        let read = self.session.read().await;
        let serial = self.session.serial.clone().unwrap_or_default();
        if !read.as_ref().is_ok_and(|answer| answer.decoded.is_ok()) {
            // Another device may have the address.
            self.session.end();
        }
        let Answer { body, received, decoded } = read?;
        reporter.set("device", serial.as_str());
        let original = Original {
            bytes: &body,
            content_type: "application/json",
            origin: DATA,
            format: FORMAT,
            device: &serial,
            ..Original::default()
        };
        self.inlet.offer_read(&decoded, &original, received, reporter).await?;
        let described = || {
            let (name, vendor) = (self.name.clone(), VENDOR.to_owned());
            let meter = MeterId::of_channel(VENDOR, &serial, "");
            vec![(
                meter,
                Description { name, serial: serial.clone(), vendor, role: Role::Grid, ..Description::default() },
            )]
        };
        self.describer.describe(reporter, described).await;
        Ok(())
    }
}

/// A session with a device.
#[derive(Debug)]
struct Session {
    device: HttpDevice,
    url: Uri,
    password: Option<Secret>,
    cookies: Cookies,
    /// The serial number; `None` without a session.
    serial: Option<String>,
    clock: Clock,
}

impl Session {
    fn new(meter: &Meter, device: HttpDevice, clock: Clock) -> Self {
        let (url, password) = (meter.url.clone(), meter.password.clone());
        Self { device, url, password, cookies: Cookies::default(), serial: None, clock }
    }

    fn end(&mut self) {
        self.serial = None;
        self.cookies = Cookies::default();
    }

    /// The values, in a new session if there is none or it has ended.
    async fn read(&mut self) -> Result<Answer, SourceError> {
        let mut is_new = self.serial.is_none();
        loop {
            let serial = match &self.serial {
                Some(serial) => serial.clone(),
                None => self.begin().await?,
            };
            match self.values(&serial).await? {
                Some(values) => return Ok(values),
                None if is_new => {
                    return Err(SourceError::Failing("the device ends a new session at once".to_owned()));
                }
                None => {
                    self.end();
                    is_new = true;
                }
            }
        }
    }

    /// The values; `None` if the session has ended.
    async fn values(&mut self, serial: &str) -> Result<Option<Answer>, SourceError> {
        let Some(body) = self.send(Method::GET, DATA, Bytes::new()).await? else { return Ok(None) };
        let received = self.clock.now();
        let decoded = match decode(&body, serial, received) {
            Ok(decoded) => Ok(decoded),
            Err(ReadError::SessionEnded) => return Ok(None),
            Err(ReadError::Message(error)) => Err(error.to_string()),
        };
        Ok(Some(Answer { body, received, decoded }))
    }

    /// Begins a session, and logs in if the device wants a login. Returns the serial number.
    async fn begin(&mut self) -> Result<String, SourceError> {
        let body = self.send(Method::GET, START, Bytes::new()).await?.ok_or_else(rejected)?;
        let start = Start::read(&body).map_err(|error| SourceError::Failing(error.to_string()))?;
        if !start.is_authenticated {
            self.log_in(&start.serial).await?;
        }
        self.serial = Some(start.serial.clone());
        Ok(start.serial)
    }

    async fn log_in(&mut self, serial: &str) -> Result<(), SourceError> {
        let password = self.password.as_ref().ok_or_else(|| SourceError::Misconfigured {
            why: "the device wants a password: add password_file".to_owned(),
            retry_in: None,
        })?;
        let encode = |text: &str| utf8_percent_encode(text, NON_ALPHANUMERIC).to_string();
        let form = format!("login={}&password={}&save_login=1", encode(serial), encode(password.expose()));
        let body = self.send(Method::POST, START, form.into()).await?.ok_or_else(rejected)?;
        match is_logged_in(&body) {
            Ok(true) => Ok(()),
            Ok(false) => Err(rejected()),
            Err(error) => Err(SourceError::Failing(error.to_string())),
        }
    }

    /// The answer; `None` if the session may not have it.
    async fn send(&mut self, method: Method, path: &str, body: Bytes) -> Result<Option<Bytes>, SourceError> {
        let mut request = Request::new(Full::new(body));
        *request.uri_mut() = with_path(&self.url, path)?;
        let headers = request.headers_mut();
        headers.insert(CONNECTION, HeaderValue::from_static("close"));
        if method == Method::POST {
            headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/x-www-form-urlencoded"));
        }
        if let Some(cookies) = self.cookies.header() {
            headers.insert(COOKIE, cookies);
        }
        *request.method_mut() = method;
        let exchange = self.device.send(request).await?;
        match (exchange.outcome, exchange.answer) {
            (Outcome::Unauthorized | Outcome::Forbidden, _) => Ok(None),
            (_, Err(error)) => Err(SourceError::Failing(error.to_string())),
            (Outcome::Done, Ok(answer)) => {
                self.cookies.note(answer.headers());
                Ok(Some(answer.into_body()))
            }
            (_, Ok(answer)) => Err(answered(answer.status())),
        }
    }
}

fn rejected() -> SourceError {
    SourceError::Misconfigured { why: "the device rejects the login: check password_file".to_owned(), retry_in: None }
}

#[cfg(test)]
mod tests;
