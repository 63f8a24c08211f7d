//! The messages of a simulated monitor over MQTT, in the shapes of either generation.

use std::fmt::Write as _;
use uuid::Uuid;

/// The beginning of the UUIDs of locations; the number of the monitor follows.
const LOCATION: u128 = 0x5f0c_6b1e_9a3d_4a0e_8d1b_0000_0000_0000;
/// Voltage of the only phase.
const VOLTAGE: i64 = 231;

/// The generation of a monitor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Generation {
    /// Its channels have a `ctInput`.
    First,
    /// Its channels have a `publishIndex`.
    Second,
}

/// A monitor at one phase: its first channel is at the grid, the second one produces, the others are loads.
#[derive(Debug, Clone)]
pub struct Monitor {
    generation: Generation,
    location: Uuid,
    serial: String,
    channels: u32,
}

/// A topic and its message.
pub type Message = (String, String);

impl Monitor {
    /// The monitor of this number.
    #[must_use]
    pub fn new(generation: Generation, number: u32, channels: u32) -> Self {
        let kind = match generation {
            Generation::First => "2009",
            Generation::Second => "5010",
        };
        let location = Uuid::from_u128(LOCATION + u128::from(number));
        Self { generation, location, serial: format!("{kind}{number:06}"), channels }
    }

    /// Its serial number.
    #[must_use]
    pub fn serial(&self) -> &str {
        &self.serial
    }

    /// Its configuration, which the broker retains.
    #[must_use]
    pub fn configuration(&self) -> [Message; 2] {
        let Self { serial, location, .. } = self;
        let monitor = format!(
            r#"{{"serialNumber":"{serial}","serviceLocationUuid":"{location}","serviceLocationId":7,"firmwareVersion":"V3125","aggregationPeriodSeconds":300}}"#
        );
        let channels: Vec<String> = (0..self.channels).map(|index| self.channel(index)).collect();
        let channels = channels.join(",");
        let (name, text) = match self.generation {
            Generation::First => ("channelConfig", format!(r#"{{"inputChannels":[{channels}]}}"#)),
            Generation::Second => (
                "channelConfigV2",
                format!(r#"{{"dataProcessingSpecification":{{"phaseType":"ONE","measurements":[{channels}]}}}}"#),
            ),
        };
        [(self.topic("config"), monitor), (self.topic(name), text)]
    }

    fn channel(&self, index: u32) -> String {
        let (name, flow, connection) = match index {
            0 => ("Grid".to_owned(), "CONSUMPTION", "GRID"),
            1 => ("Roof".to_owned(), "PRODUCTION", "GRID"),
            _ => (format!("Load {index}"), "CONSUMPTION", "SUBMETER"),
        };
        match self.generation {
            Generation::First => format!(
                r#"{{"ctInput":{index},"name":"{name}","phase":0,"inputChannelType":"{flow}","inputChannelConnection":"{connection}"}}"#
            ),
            Generation::Second => format!(
                r#"{{"publishIndex":{index},"name":"{name}","type":"ELECTRICITY","flow":"{flow}","connectionType":"{connection}"}}"#
            ),
        }
    }

    /// Its live values of a second: this total power in watts, which is also the power of each channel.
    #[must_use]
    pub fn realtime(&self, seconds: i64, power: i64) -> Message {
        let (index, current) = (self.index(), power * 10 / VOLTAGE);
        let mut text = format!(
            r#"{{"totalPower":{power},"totalReactivePower":-4,"totalExportEnergy":0,"totalImportEnergy":54000,"monitorStatus":0,"utcTimeStamp":{seconds}000,"channelPowers":["#
        );
        for number in 0..self.channels {
            let comma = if number == 0 { "" } else { "," };
            // Writing to a text cannot fail.
            let written = write!(
                text,
                r#"{comma}{{"{index}":{number},"power":{power},"exportEnergy":0,"importEnergy":{},"phaseId":0,"current":{current}}}"#,
                seconds.rem_euclid(86_400) * 3600
            );
            debug_assert!(written.is_ok());
        }
        text += &format!(r#"],"voltages":[{{"voltage":{VOLTAGE},"phaseId":0}}]}}"#);
        (self.topic("realtime"), text)
    }

    fn index(&self) -> &'static str {
        match self.generation {
            Generation::First => "ctInput",
            Generation::Second => "publishIndex",
        }
    }

    fn topic(&self, name: &str) -> String {
        format!("servicelocation/{}/{name}", self.location)
    }
}
