//! A look at a device for the operator: its values, and its settings as they are.
//!
//! The settings of network and Modbus are shown, never stored. Members that may hold a secret are hidden.

use super::resource::Resource;
use super::{ALLOWED, BOUNDS, Device, Interface, poll};
use crate::clock::Clock;
use crate::http::CaFile;
use crate::source::device::{HttpDevice, answered, with_path};
use crate::source::{Document, Probe, SourceError};
use crate::vendor::ksem::device::Settings;
use bytes::Bytes;
use hyper::{StatusCode, Uri};
use serde_json::Value;

/// The documents that are shown as they are.
const DOCUMENTS: [&str; 5] = [
    "/api/device-settings/network",
    "/api/modbus/config",
    "/api/modbus/presets",
    "/api/modbus/groups",
    "/api/modbus/sensors",
];
/// Parts of the names of members that may hold a secret.
const SECRETS: [&str; 9] = ["pass", "secret", "token", "psk", "key", "pin", "credential", "community", "private"];
/// Shown in place of one.
const HIDDEN: &str = "(hidden)";

impl Device {
    /// Requests the values and the settings once.
    ///
    /// # Errors
    /// When the values cannot be read.
    pub async fn probe(&self, clock: Clock) -> Result<Probe, SourceError> {
        let device = HttpDevice::once(&self.name, BOUNDS, self.ca_file.as_ref(), ALLOWED, None, clock.clone());
        let mut access = self.access(device, clock.clone());
        let decoded = self.read_once(&mut access, &clock).await?;
        let mut documents = Vec::new();
        for path in DOCUMENTS {
            documents.push(Document { path, content: shown(access.get(Resource::Shown(path)).await) });
        }
        let origin = match self.interface {
            Interface::Json { .. } => poll::ORIGIN,
            Interface::WebSocket(_) => "its first frame",
        };
        Ok(Probe { device: access.identity().join(", "), documents, ..Probe::of(origin, decoded) })
    }
}

/// The part of an answer that is shown.
fn shown(answer: Result<Result<Bytes, StatusCode>, SourceError>) -> Result<Value, String> {
    let body = answer.and_then(|answer| answer.map_err(answered)).map_err(|error| error.to_string())?;
    let mut document = serde_json::from_slice(&body).map_err(|_| "the answer is not JSON".to_owned())?;
    hide_secrets(&mut document);
    Ok(document)
}

fn hide_secrets(document: &mut Value) {
    match document {
        Value::Object(members) => {
            for (name, value) in members {
                let name = name.to_ascii_lowercase();
                if SECRETS.iter().any(|secret| name.contains(secret)) {
                    *value = HIDDEN.into();
                } else {
                    hide_secrets(value);
                }
            }
        }
        Value::Array(elements) => elements.iter_mut().for_each(hide_secrets),
        _ => {}
    }
}

/// Whether a device at this address, without path, is of this kind: its product's name if it says it without a
/// login, or an empty text if it wants one.
///
/// # Errors
/// When it does not answer, or answers as no such device.
pub async fn recognize(url: &Uri, ca_file: Option<&CaFile>, clock: Clock) -> Result<String, SourceError> {
    let device = HttpDevice::once("probe", BOUNDS, ca_file, ALLOWED, None, clock);
    match device.get_if_found(&with_path(url, &Resource::Settings.path())?).await {
        Ok(Ok(body)) => match Settings::read(&body) {
            Ok(Settings { product, serial: Some(_), .. }) => Ok(product.unwrap_or_default()),
            Ok(_) => Err(SourceError::Failing("the answer has no serial number".to_owned())),
            Err(error) => Err(SourceError::Failing(error.to_string())),
        },
        Ok(Err(status)) => Err(answered(status)),
        Err(SourceError::Misconfigured { .. }) => Ok(String::new()),
        Err(other) => Err(other),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn members_that_may_hold_a_secret_are_hidden_at_every_level() {
        let body = json!({
            "ip": "192.168.1.50", "wifi": { "ssid": "home", "PSK": "hunter2", "wpa": [{ "Passphrase": "hunter2" }] },
            "apiKey": { "id": 1, "value": "hunter2" }, "ports": [502]
        });
        let shown = shown(Ok(Ok(Bytes::from(body.to_string())))).unwrap();
        assert_eq!(
            (&shown["ip"], &shown["wifi"]["ssid"], &shown["ports"][0]),
            (&json!("192.168.1.50"), &json!("home"), &json!(502))
        );
        assert!(!shown.to_string().contains("hunter2"), "{shown}");
        let page = super::shown(Ok(Ok(Bytes::from_static(b"<html>hunter2</html>"))));
        assert_eq!(page, Err("the answer is not JSON".to_owned()));
        assert_eq!(super::shown(Ok(Err(StatusCode::NOT_FOUND))), Err("the device answered 404 Not Found".to_owned()));
    }
}
