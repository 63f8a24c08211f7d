//! The description of the logger itself: its `dev/info`.

use super::shape::Shape;
use crate::vendor::MessageError;

/// A logger. Only these two fields are read: the answer may hold the password of the wireless network.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct LoggerInfo {
    /// The version of its firmware.
    pub firmware: Option<String>,
    /// Its name in the network.
    pub hostname: Option<String>,
}

impl LoggerInfo {
    /// Whether it says nothing.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }

    /// Reads the answer of `dev/info`.
    ///
    /// # Errors
    /// When the body is not JSON, a web page, an error of the logger, or has no fields.
    pub fn read(bytes: &[u8]) -> Result<Self, MessageError> {
        let text = String::from_utf8_lossy(bytes);
        let shape = Shape::read(&text)?;
        let text = |name: &str| shape.get(name).map(|value| value.text().into_owned()).filter(|text| !text.is_empty());
        Ok(Self { firmware: text("fwversion"), hostname: text("hostname") })
    }
}
