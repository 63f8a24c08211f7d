//! The resources of a device: paths, and the topics of WebSockets.

use uuid::Uuid;

/// A topic of a device's WebSockets.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Topic {
    /// The grid meter's values.
    SmartMeter,
    /// The flow of energy in the house, of KOSTAL devices.
    EnergyFlow,
}

impl Topic {
    /// Every topic that may be opened.
    const ALL: [Self; 2] = [Self::SmartMeter, Self::EnergyFlow];

    /// Its name, such as `smart-meter`.
    pub fn name(self) -> &'static str {
        match self {
            Self::SmartMeter => "smart-meter",
            Self::EnergyFlow => "kostal-energyflow/sumvalues",
        }
    }

    /// The topic of this name.
    ///
    /// # Errors
    /// A clause that says why there is none.
    pub fn parse(name: &str) -> Result<Self, String> {
        if let Some(topic) = Self::ALL.into_iter().find(|topic| topic.name() == name) {
            return Ok(topic);
        }
        let is_charging = ["e-mobility", "chargemode", "evse"].iter().any(|word| name.contains(word));
        Err(if is_charging {
            format!(
                "'{name}' is refused: a device with an open WebSocket of its charging station takes it for an outside \
                 controller, and stops controlling the station"
            )
        } else {
            format!("'{name}' is not one of {}", Self::ALL.map(Self::name).join(", "))
        })
    }
}

/// Something to GET from a device.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Resource<'a> {
    /// The grid meter's values as JSON, of the device with this name within the interface.
    Values(&'a str),
    /// The WebSocket of a topic.
    Socket(Topic),
    /// The configuration of a topic's channel.
    Configuration(Topic),
    /// Serial number, model and firmware.
    Settings,
    /// The state; with older firmware also the load.
    Status,
    /// The load.
    Usage,
    /// The device's clock.
    LocalTime,
    /// The tariffs.
    Contract,
    /// A document that is shown as it is.
    Shown(&'static str),
    /// A tariff's prices between two times, in seconds since 1970 UTC.
    Prices(Uuid, i64, i64),
}

impl Resource<'_> {
    pub(super) fn path(self) -> String {
        match self {
            Self::Values(device) => format!("/api/json/{device}/values/smart-meter"),
            Self::Socket(topic) => format!("/api/data-transfer/ws/protobuf/gdr/local/values/{}", topic.name()),
            Self::Configuration(topic) => format!("/api/data-transfer/protobuf/gdr/local/config/{}", topic.name()),
            Self::Settings => "/api/device-settings".to_owned(),
            Self::Status => "/api/device-settings/devicestatus".to_owned(),
            Self::Usage => "/api/device-settings/deviceusage".to_owned(),
            Self::LocalTime => "/api/device-settings/local-time".to_owned(),
            Self::Shown(path) => path.to_owned(),
            Self::Contract => "/api/tariffs/contract".to_owned(),
            Self::Prices(tariff, from, to) => format!("/api/tariffs/data/{tariff}/{from}/{to}"),
        }
    }
}
