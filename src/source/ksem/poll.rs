//! The JSON interface, polled.
//!
//! Invariant: one request at a time, the values first. Information about the device is read in the rest of
//! the interval, and given up when that ends.

use super::access::Access;
use super::information::Information;
use super::resource::Resource;
use crate::clock::Clock;
use crate::reading::{MeterId, UnixNanos};
use crate::source::device::answered;
use crate::source::parts::Parts;
use crate::source::{Decoded, Inlet, Polled, Reporter, SourceError, SourceState};
use crate::vendor::ksem::{VENDOR, json, status_not_ok};
use crate::wire::batch::Original;
use bytes::Bytes;
use std::time::Duration;

/// The format of the values.
pub(super) const FORMAT: &str = "ksem-json";
/// The fact that names the last status other than OK, with its channel.
pub(super) const LAST_STATUS_NOT_OK: &str = "last_status_not_ok";
/// The origin of the values in the journal.
pub(super) const ORIGIN: &str = "/values/smart-meter";

/// The polling of a device.
#[derive(Debug)]
pub(super) struct Poll {
    pub(super) access: Access,
    /// The name of the device within its interface.
    pub(super) device: String,
    pub(super) every: Duration,
    pub(super) information: Information,
    pub(super) inlet: Inlet,
    pub(super) clock: Clock,
}

impl Poll {
    async fn values(&mut self, reporter: &mut Reporter) -> Result<(), SourceError> {
        let Answer { body, serial, received, decoded } = read(&mut self.access, &self.device, &self.clock).await?;
        reporter.set("device", self.access.identity().join(", "));
        if let Some(end) = self.access.session().token_end() {
            reporter.set("token_valid_until", end);
        }
        let original = Original {
            bytes: &body,
            content_type: "application/json",
            origin: ORIGIN,
            format: FORMAT,
            device: &serial,
            ..Original::default()
        };
        self.inlet.offer_read(&decoded, &original, received, reporter).await
    }
}

impl Polled for Poll {
    async fn poll(&mut self, reporter: &mut Reporter) -> Result<(), SourceError> {
        let begun = self.clock.monotonic();
        if let Err(error) = self.values(reporter).await {
            self.access.forget_identity();
            return Err(error);
        }
        reporter.report(SourceState::Running, None);
        let rest = self.every.saturating_sub(self.clock.elapsed(begun));
        self.information.read_due(&mut self.access, rest, reporter).await
    }
}

/// The answer of a device.
pub(super) struct Answer {
    body: Bytes,
    serial: String,
    received: UnixNanos,
    /// The values, or why they cannot be read.
    pub(super) decoded: Result<Decoded, String>,
}

/// Requests the values.
pub(super) async fn read(access: &mut Access, device: &str, clock: &Clock) -> Result<Answer, SourceError> {
    let serial = access.serial().await?;
    let body = access.get(Resource::Values(device)).await?.map_err(answered)?;
    let received = clock.now();
    let decoded = decode(&body, &serial, received);
    Ok(Answer { body, serial, received, decoded })
}

/// Decodes the values of the device with this serial number. The error is a sentence.
pub(super) fn decode(body: &[u8], serial: &str, received: UnixNanos) -> Result<Decoded, String> {
    let mut parts = Parts::new(received);
    let mut not_ok = None;
    let read = json::read(body, |part| {
        not_ok = status_not_ok(&part).or_else(|| not_ok.take());
        parts.add(part, |channel| MeterId::of_channel(VENDOR, serial, channel));
    });
    read.map_err(|error| error.to_string())?;
    let mut decoded = parts.into_decoded();
    decoded.facts.extend(not_ok.map(|status| (LAST_STATUS_NOT_OK, status.into())));
    Ok(decoded)
}
