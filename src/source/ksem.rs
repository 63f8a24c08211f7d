//! KOSTAL's Smart Energy Meter and TQ-Systems' Energy Manager EM4xx: the official JSON interface.
//!
//! Read-only: no request but those in `ALLOWED`, where the login is the only one with a body. Nothing below `/api/e-mobility` is ever opened: a device that sees an outside controller stops
//! controlling its charging station. Knows the requests; `vendor/ksem` decodes.

mod login;
mod probe;

pub use login::Login;
pub use probe::recognize;

use super::allowed::Allowed;
use super::describer::Described;
use super::device::{HttpDevice, answered, with_path};
use super::parts::Parts;
use super::{
    Contact, Decoded, Decoder, Describer, Inlet, Keep, Polled, Recorded, Reporter, Schedule, SourceError, Sources,
};
use crate::base::Finding;
use crate::clock::Clock;
use crate::http::{Bounds, CaFile};
use crate::ingest::Entrance;
use crate::reading::{MeterId, UnixNanos};
use crate::vendor::ksem::device::Settings;
use crate::vendor::ksem::{VENDOR, json};
use crate::wire::batch::Original;
use crate::wire::meters::{Description, Role};
use bytes::Bytes;
use hyper::{StatusCode, Uri};
use login::Session;
use std::time::Duration;

/// The kind of source.
const KIND: &str = "ksem";
/// The format of the values.
const FORMAT: &str = "ksem-json";
/// The limits of one request.
const BOUNDS: Bounds = Bounds { timeout: Duration::from_secs(10), answer_bytes_max: 64 << 10 };
/// The waits after a failure.
const BACKOFF: (Duration, Duration) =
    (if cfg!(test) { Duration::from_millis(20) } else { Duration::from_secs(5) }, Duration::from_mins(5));
/// The requests that a device may be sent.
const ALLOWED: Allowed = Allowed(&[
    "GET /api/json/*/values/smart-meter",
    "GET /api/device-settings",
    "GET /api/device-settings/network",
    "GET /api/modbus/config",
    "GET /api/modbus/presets",
    "GET /api/modbus/groups",
    "GET /api/modbus/sensors",
    "POST /api/web-login/token",
]);
/// The values of the grid meter; the device's name stands between.
const VALUES: [&str; 2] = ["/api/json/", "/values/smart-meter"];
/// The identity of the device.
const SETTINGS: &str = "/api/device-settings";

/// A configured device.
#[derive(Debug, Clone)]
pub struct Device {
    /// The name of the source.
    pub name: String,
    /// Its address, without path.
    pub url: Uri,
    /// The authority that signed its certificate, if not a public one.
    pub ca_file: Option<CaFile>,
    /// How to log in.
    pub login: Login,
    /// The name of the device within its interface, usually `local`.
    pub device: String,
    /// Its serial number, if it does not give it with this login.
    pub serial: Option<String>,
    /// The polling interval.
    pub every: Duration,
    /// The readings that are journaled.
    pub keep: Keep,
}

impl Device {
    /// Starts its source.
    pub fn start(&self, sources: &Sources, entrance: &Entrance, describer: Describer, clock: &Clock) {
        let schedule = Schedule { every: self.every, first_within: self.every, backoff: BACKOFF };
        let inlet = Inlet::new(&self.name, KIND, entrance.clone(), self.keep);
        let device = sources.device(&self.name, BOUNDS, self.ca_file.as_ref(), ALLOWED, None);
        let reader = Reader::new(self.clone(), device, clock.clone());
        sources.start_polled(&self.name, KIND, schedule, Poll { reader, inlet, describer });
    }

    /// The decoders of its messages.
    pub fn decoders(&self) -> [(&'static str, Decoder); 1] {
        let decode =
            |recorded: &Recorded<'_>| decode(recorded.original.bytes, recorded.original.device, recorded.received);
        [(FORMAT, Box::new(decode))]
    }

    /// Requests the values once, for the operator. Both results are sentences.
    ///
    /// # Errors
    /// When the values cannot be read.
    pub async fn connect(&self, clock: Clock) -> Result<Contact, SourceError> {
        let device = HttpDevice::once(&self.name, BOUNDS, self.ca_file.as_ref(), ALLOWED, None, clock.clone());
        let mut reader = Reader::new(self.clone(), device, clock.clone());
        let decoded = reader.read().await?.decoded;
        let answer = format!("returns {} values", decoded.values());
        Ok(Contact::of(answer, &decoded, &reader.described(), clock.now()))
    }

    /// Warnings about its token.
    pub fn findings(&self, clock: &Clock) -> Vec<Finding> {
        self.login.finding(&self.name, clock.now()).into_iter().collect()
    }
}

/// The values of a device.
struct Answer {
    body: Bytes,
    serial: String,
    decoded: Decoded,
}

/// Decodes the values of the device with this serial number. The error is a sentence.
fn decode(body: &[u8], serial: &str, received: UnixNanos) -> Result<Decoded, String> {
    let mut parts = Parts::new(received);
    let read = json::read(body, |part| parts.add(part, |channel| MeterId::of_channel(VENDOR, serial, channel)));
    read.map_err(|error| error.to_string())?;
    Ok(parts.into_decoded())
}

/// Reads a device.
#[derive(Debug)]
struct Reader {
    config: Device,
    device: HttpDevice,
    session: Session,
    settings: Option<Settings>,
    /// Whether they are not asked for any more, because the serial number is configured.
    settings_are_refused: bool,
    clock: Clock,
}

impl Reader {
    fn new(config: Device, device: HttpDevice, clock: Clock) -> Self {
        let session = Session::new(config.login.clone(), config.url.clone(), clock.clone());
        Self { config, device, session, settings: None, settings_are_refused: false, clock }
    }

    async fn read(&mut self) -> Result<Answer, SourceError> {
        let serial = self.serial().await?;
        let [before, after] = VALUES;
        let path = format!("{before}{}{after}", self.config.device);
        let body = self.get(&path).await?.map_err(answered)?;
        let decoded = decode(&body, &serial, self.clock.now()).map_err(SourceError::Failing)?;
        Ok(Answer { body, serial, decoded })
    }

    /// The serial number: the meter's identity.
    async fn serial(&mut self) -> Result<String, SourceError> {
        if self.settings.is_none() && !self.settings_are_refused {
            match (self.get(SETTINGS).await, &self.config.serial) {
                (Ok(Ok(body)), _) => self.settings = Settings::read(&body).ok(),
                (Err(SourceError::Stopped(stopped)), _) => return Err(stopped.into()),
                (Err(error @ SourceError::Failing(_)), None) => return Err(error),
                // This login may not read them, or this firmware has none.
                (Ok(Err(_)) | Err(_), _) => self.settings_are_refused = self.config.serial.is_some(),
            }
        }
        let sent = self.settings.as_ref().and_then(|settings| settings.serial.clone());
        match (self.config.serial.clone(), sent) {
            (Some(configured), Some(sent)) if configured != sent => Err(SourceError::Misconfigured {
                why: format!("the device has the serial number {sent}: check serial and url"),
                retry_in: None,
            }),
            (Some(serial), _) | (None, Some(serial)) => Ok(serial),
            (None, None) => Err(SourceError::Misconfigured {
                why: "the device does not give its serial number with this login: check the login, or add serial"
                    .to_owned(),
                retry_in: None,
            }),
        }
    }

    /// The answer, with a new login if the device wants one: it says so by 401, or by 500.
    async fn get(&mut self, path: &str) -> Result<Result<Bytes, StatusCode>, SourceError> {
        let uri = with_path(&self.config.url, path)?;
        let mut is_new = self.session.authorize(&mut self.device).await?;
        loop {
            let answer = self.device.get_if_found(&uri).await;
            let is_refused = match &answer {
                Err(SourceError::Misconfigured { .. }) => true,
                Ok(Err(status)) => *status == StatusCode::INTERNAL_SERVER_ERROR,
                _ => false,
            };
            if is_new || !is_refused || !self.session.renew(&mut self.device).await? {
                return answer;
            }
            is_new = true;
        }
    }

    /// The description of the meter; none before its serial number is known.
    fn described(&self) -> Described {
        let settings = self.settings.clone().unwrap_or_default();
        let Some(serial) = self.config.serial.clone().or(settings.serial) else { return Vec::new() };
        let description = Description {
            name: self.config.name.clone(),
            vendor: VENDOR.to_owned(),
            model: settings.product.unwrap_or_default(),
            firmware: settings.firmware.unwrap_or_default(),
            role: Role::Grid,
            serial,
            ..Description::default()
        };
        vec![(MeterId::of_channel(VENDOR, &description.serial, ""), description)]
    }

    fn identity(&self) -> String {
        let settings = self.settings.clone().unwrap_or_default();
        let parts = [settings.product, settings.firmware.map(|version| format!("firmware {version}"))];
        parts.into_iter().flatten().collect::<Vec<_>>().join(", ")
    }
}

/// The polling of a device.
#[derive(Debug)]
struct Poll {
    reader: Reader,
    inlet: Inlet,
    describer: Describer,
}

impl Polled for Poll {
    async fn poll(&mut self, reporter: &mut Reporter) -> Result<(), SourceError> {
        let Answer { body, serial, decoded } = self.reader.read().await?;
        reporter.set("device", self.reader.identity());
        if let Some(end) = self.reader.session.token_end() {
            reporter.set("token_valid_until", end);
        }
        let original = Original {
            bytes: &body,
            content_type: "application/json",
            origin: VALUES[1],
            format: FORMAT,
            device: &serial,
            ..Original::default()
        };
        self.inlet.offer(&decoded, &original, reporter).await?;
        self.describer.describe(reporter, || self.reader.described()).await;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
