//! The formats of recorded messages.

use clap::ValueEnum;

/// The format of a message.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Format {
    /// The body of smart-me's realtime webhook
    SmartMe,
    /// An answer of smart-me's REST API: devices, or the registers of a device
    SmartMeRest,
    /// A ReadingBatch of meterline: the form in which polled readings are recorded
    Meterline,
    /// P1 telegrams, also encrypted ones
    P1,
    /// A DSMR-logger's answer: actual, info, fields or hist, or a message of its MQTT
    DsmrLogger,
    /// The JSON values of a KOSTAL Smart Energy Meter or a TQ Energy Manager
    KsemJson,
    /// A frame of their WebSocket (protobuf)
    KsemGdr,
    /// The configuration of such a device (protobuf)
    KsemConfiguration,
    /// The load of such a device: devicestatus or deviceusage
    KsemUsage,
    /// The prices of a tariff of such a device
    KsemPrices,
    /// The values of the older EM300
    Em300,
    /// The answer of a smart-MAIC meter, or a message of its MQTT; --topic names its device
    SmartMac,
    /// All values of a smart-MAIC meter over MQTT, as one JSON message
    SmartMacMqtt,
    /// Rows of smart-MAIC's cloud
    SmartMacCloud,
    /// A message of a Smappee monitor or of their cloud's MQTT; --topic names its kind, --context takes the configuration
    SmappeeMqtt,
    /// An answer of Smappee's REST API; --context takes the metering configuration
    SmappeeRest,
}

impl Format {
    /// Whether its messages are JSON, so that a file may hold many of them.
    pub(super) fn is_json(self) -> bool {
        !matches!(self, Self::SmartMe | Self::Meterline | Self::P1 | Self::KsemGdr | Self::KsemConfiguration)
    }

    /// Its name, as given to `--format`.
    pub(super) fn name(self) -> String {
        self.to_possible_value().map_or_else(String::new, |value| value.get_name().to_owned())
    }
}
