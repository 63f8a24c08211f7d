//! The messages that meterline may publish: the keep-alive of Smappee's cloud. There is no other publication, so
//! that no message can switch or set anything.

use crate::secret::Secret;

/// A message that may be published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Publication {
    /// Asks the cloud for live values of a location, which it sends for about a minute.
    Tracking {
        /// The location.
        location: Secret,
        /// The monitor's serial number; empty if it is not known.
        serial: String,
        /// The client id of the connection.
        client_id: String,
    },
    /// Says that a client listens.
    Heartbeat {
        /// The location.
        location: Secret,
        /// Its number.
        number: u64,
    },
}

impl Publication {
    /// Topic and payload.
    pub(super) fn message(&self) -> (String, String) {
        match self {
            Self::Tracking { location, serial, client_id } => {
                let text = serde_json::json!({
                    "value": "ON", "clientId": client_id, "serialNumber": serial, "type": "RT_VALUES",
                });
                (format!("servicelocation/{}/tracking", location.expose()), text.to_string())
            }
            Self::Heartbeat { location, number } => {
                let text = serde_json::json!({ "serviceLocationId": number });
                (format!("servicelocation/{}/homeassistant/heartbeat", location.expose()), text.to_string())
            }
        }
    }
}
