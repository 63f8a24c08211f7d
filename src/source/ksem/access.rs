//! The access to a device: its login and its identity.
//!
//! Invariants: a refused token is renewed once per request, and only by requests for values; the identity is
//! read again after every failure, so that a device exchanged for another is noticed.

use super::login::{Login, Session};
use super::resource::{Resource, Topic};
use crate::clock::Clock;
use crate::http::WebSocket;
use crate::reading::MeterId;
use crate::source::SourceError;
use crate::source::describer::Described;
use crate::source::device::{HttpDevice, with_path};
use crate::source::stream::{broke, not_opened};
use crate::vendor::ksem::VENDOR;
use crate::vendor::ksem::device::Settings;
use crate::wire::meters::{Description, Role};
use bytes::Bytes;
use hyper::{StatusCode, Uri};

/// Requests with the token in use, whatever the device thinks of it.
#[derive(Debug, Clone)]
pub(super) struct Requests {
    url: Uri,
    device: HttpDevice,
}

impl Requests {
    /// The answer, or its status.
    ///
    /// # Errors
    /// As [`HttpDevice::get_if_found`].
    pub(super) async fn get(&self, resource: Resource<'_>) -> Result<Result<Bytes, StatusCode>, SourceError> {
        self.device.get_if_found(&self.uri(resource)?).await
    }

    fn uri(&self, resource: Resource<'_>) -> Result<Uri, SourceError> {
        with_path(&self.url, &resource.path())
    }
}

/// The access to a device.
#[derive(Debug)]
pub(super) struct Access {
    requests: Requests,
    session: Session,
    configured_serial: Option<String>,
    settings: Option<Settings>,
    /// Whether they are not asked for any more, because the serial number is configured.
    settings_are_refused: bool,
}

impl Access {
    /// The access to the device at this address, without path. Its serial number may be configured.
    pub(super) fn new(url: Uri, login: Login, serial: Option<String>, device: HttpDevice, clock: Clock) -> Self {
        Self {
            session: Session::new(login, url.clone(), clock),
            requests: Requests { url, device },
            configured_serial: serial,
            settings: None,
            settings_are_refused: false,
        }
    }

    /// Requests that need no new login.
    pub(super) fn requests(&self) -> &Requests {
        &self.requests
    }

    /// Requests with a token that is valid by its time. A refused token is not renewed.
    ///
    /// # Errors
    /// When the login fails.
    pub(super) async fn authorized(&mut self) -> Result<Requests, SourceError> {
        self.session.authorize(&mut self.requests.device).await?;
        Ok(self.requests.clone())
    }

    /// The login.
    pub(super) fn session(&mut self) -> &mut Session {
        &mut self.session
    }

    /// The serial number: the meter's identity. Reads it from the device if it is not known.
    ///
    /// # Errors
    /// When the device does not give it, or another one than the configured.
    pub(super) async fn serial(&mut self) -> Result<String, SourceError> {
        if self.settings.is_none() && !self.settings_are_refused {
            match (self.get(Resource::Settings).await, &self.configured_serial) {
                (Ok(Ok(body)), _) => self.settings = Settings::read(&body).ok(),
                (Err(SourceError::Stopped(stopped)), _) => return Err(stopped.into()),
                (Err(error @ SourceError::Failing(_)), None) => return Err(error),
                // This login may not read them, or this firmware has none.
                (Ok(Err(_)) | Err(_), _) => self.settings_are_refused = self.configured_serial.is_some(),
            }
        }
        let sent = self.settings.as_ref().and_then(|settings| settings.serial.clone());
        match (self.configured_serial.clone(), sent) {
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

    /// Forgets the identity: after a failure another device may have the address.
    pub(super) fn forget_identity(&mut self) {
        self.settings = None;
        self.settings_are_refused = false;
    }

    /// Notes an identity that the device gave. One without a serial number does not count.
    pub(super) fn note_identity(&mut self, settings: Settings) {
        if settings.serial.is_some() {
            self.settings = Some(settings);
        }
    }

    /// Model and firmware, as far as they are known.
    pub(super) fn identity(&self) -> Vec<String> {
        let settings = self.settings.clone().unwrap_or_default();
        let parts = [settings.product, settings.firmware.map(|version| format!("firmware {version}"))];
        parts.into_iter().flatten().collect()
    }

    /// The description of the grid meter.
    ///
    /// # Errors
    /// As [`Self::serial`].
    pub(super) async fn described(&mut self, name: &str) -> Result<Described, SourceError> {
        let serial = self.serial().await?;
        let settings = self.settings.clone().unwrap_or_default();
        let description = Description {
            name: name.to_owned(),
            vendor: VENDOR.to_owned(),
            model: settings.product.unwrap_or_default(),
            firmware: settings.firmware.unwrap_or_default(),
            role: Role::Grid,
            serial: serial.clone(),
            ..Description::default()
        };
        Ok(vec![(MeterId::of_channel(VENDOR, &serial, ""), description)])
    }

    /// The answer, with a new login if the device wants one: it says so by 401, or by 500.
    ///
    /// # Errors
    /// As [`HttpDevice::get_if_found`].
    pub(super) async fn get(&mut self, resource: Resource<'_>) -> Result<Result<Bytes, StatusCode>, SourceError> {
        let mut is_new = self.session.authorize(&mut self.requests.device).await?;
        loop {
            let answer = self.requests.get(resource).await;
            if is_new || !is_refused(&answer) || !self.session.renew(&mut self.requests.device).await? {
                return answer;
            }
            is_new = true;
        }
    }

    /// Opens the WebSocket of a topic. Its first message is the token, as the device's own page sends it.
    ///
    /// # Errors
    /// When the device does not open it.
    pub(super) async fn open(&mut self, topic: Topic) -> Result<WebSocket, SourceError> {
        let uri = self.requests.uri(Resource::Socket(topic))?;
        let mut is_new = self.session.authorize(&mut self.requests.device).await?;
        let mut socket = loop {
            let answer = self.requests.device.open(&uri).await;
            if is_new || !is_refused(&answer) || !self.session.renew(&mut self.requests.device).await? {
                break answer?.map_err(not_opened)?;
            }
            is_new = true;
        };
        let token = self.requests.device.authorization().and_then(|token| token.to_str().ok()).unwrap_or_default();
        socket.send_text(token.to_owned()).await.map_err(broke)?;
        Ok(socket)
    }
}

/// Whether an answer means that the token is not accepted.
fn is_refused<T>(answer: &Result<Result<T, StatusCode>, SourceError>) -> bool {
    match answer {
        Err(SourceError::Misconfigured { .. }) => true,
        Ok(Err(status)) => *status == StatusCode::INTERNAL_SERVER_ERROR,
        _ => false,
    }
}
