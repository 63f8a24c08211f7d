//! The answers of a device that is asked once, for the operator. Nothing is stored.

use super::stream::connected;
use super::{Decoded, SourceError};

/// The answers of a device.
#[derive(Debug, Default)]
pub struct Probe {
    /// Model and firmware, as far as the device says.
    pub device: String,
    /// The message that gave the readings.
    pub origin: &'static str,
    /// The readings, as they would be stored before thinning.
    pub decoded: Decoded,
    /// Further documents of the device, without secrets.
    pub documents: Vec<Document>,
}

/// A document of a device, shown as it is and never stored.
#[derive(Debug)]
pub struct Document {
    /// Its path.
    pub path: &'static str,
    /// The document, or a sentence that says why there is none.
    pub content: Result<serde_json::Value, String>,
}

/// Connects to `host:port` and sends nothing.
///
/// # Errors
/// When there is no connection.
pub async fn reach(address: &str) -> Result<(), SourceError> {
    connected(address).await.map(drop)
}

impl Probe {
    /// An answer with these readings alone.
    pub(super) fn of(origin: &'static str, decoded: Decoded) -> Self {
        Self { origin, decoded, ..Self::default() }
    }
}
