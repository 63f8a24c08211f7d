//! The names of the logger's fields and the P1 codes that they come from.

/// How a field becomes a line of a telegram.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// A number in this unit; empty for a count or a state.
    Number(&'static str),
    /// The whole groups of a line.
    Groups,
    /// A text.
    Text,
}

/// Name, code, form. The label of the unit is fixed in the firmware, so this one counts.
const FIELDS: [(&str, &str, Form); 35] = [
    ("energy_delivered_tariff1", "1-0:1.8.1", Form::Number("kWh")),
    ("energy_delivered_tariff2", "1-0:1.8.2", Form::Number("kWh")),
    ("energy_returned_tariff1", "1-0:2.8.1", Form::Number("kWh")),
    ("energy_returned_tariff2", "1-0:2.8.2", Form::Number("kWh")),
    ("electricity_tariff", "0-0:96.14.0", Form::Number("")),
    ("power_delivered", "1-0:1.7.0", Form::Number("kW")),
    ("power_returned", "1-0:2.7.0", Form::Number("kW")),
    ("electricity_threshold", "0-0:17.0.0", Form::Number("kW")),
    ("electricity_switch_position", "0-0:96.3.10", Form::Number("")),
    ("electricity_failures", "0-0:96.7.21", Form::Number("")),
    ("electricity_long_failures", "0-0:96.7.9", Form::Number("")),
    ("electricity_failure_log", "1-0:99.97.0", Form::Groups),
    ("electricity_sags_l1", "1-0:32.32.0", Form::Number("")),
    ("electricity_sags_l2", "1-0:52.32.0", Form::Number("")),
    ("electricity_sags_l3", "1-0:72.32.0", Form::Number("")),
    ("electricity_swells_l1", "1-0:32.36.0", Form::Number("")),
    ("electricity_swells_l2", "1-0:52.36.0", Form::Number("")),
    ("electricity_swells_l3", "1-0:72.36.0", Form::Number("")),
    ("message_short", "0-0:96.13.1", Form::Text),
    ("message_long", "0-0:96.13.0", Form::Text),
    ("voltage_l1", "1-0:32.7.0", Form::Number("V")),
    ("voltage_l2", "1-0:52.7.0", Form::Number("V")),
    ("voltage_l3", "1-0:72.7.0", Form::Number("V")),
    ("current_l1", "1-0:31.7.0", Form::Number("A")),
    ("current_l2", "1-0:51.7.0", Form::Number("A")),
    ("current_l3", "1-0:71.7.0", Form::Number("A")),
    ("power_delivered_l1", "1-0:21.7.0", Form::Number("kW")),
    ("power_delivered_l2", "1-0:41.7.0", Form::Number("kW")),
    ("power_delivered_l3", "1-0:61.7.0", Form::Number("kW")),
    ("power_returned_l1", "1-0:22.7.0", Form::Number("kW")),
    ("power_returned_l2", "1-0:42.7.0", Form::Number("kW")),
    ("power_returned_l3", "1-0:62.7.0", Form::Number("kW")),
    // DSMR-API-V2 in Belgium. The peak of the month comes without its time, so it is a text.
    ("peak_pwr_last_q", "1-0:1.4.0", Form::Number("kW")),
    ("highest_peak_pwr", "1-0:1.6.0", Form::Text),
    ("highest_peak_pwr_13mnd", "0-0:98.1.0", Form::Text),
];

/// Fields that describe meter, devices and telegram; the identity has them.
const DESCRIPTIONS: [&str; 6] =
    ["identification", "p1_version", "p1_version_be", "equipment_id", "gas_device_type", "gas_equipment_id"];

/// A field by its name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Field {
    /// The time of the telegram.
    Clock,
    /// A description.
    Description,
    /// A line of the meter.
    Line(&'static str, Form),
    /// The gas counter, whatever its channel is.
    Gas,
    /// A field of an M-Bus channel.
    Channel(u8, ChannelField),
    /// An unknown name.
    Unknown,
}

/// A field of an M-Bus channel.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ChannelField {
    Valve,
    /// A counter, with the last groups of its code: `24.2.1` at standard temperature (and any other
    /// medium), `24.2.3` not converted, `24.3.0` the form in two lines of DSMR 2.2 and 3.
    Counter(&'static str),
}

impl Field {
    pub(super) fn of(name: &str) -> Self {
        match name {
            "timestamp" => return Self::Clock,
            "gas_delivered" => return Self::Gas,
            _ if DESCRIPTIONS.contains(&name) => return Self::Description,
            _ => {}
        }
        if let Some((_, code, form)) = FIELDS.iter().find(|(known, ..)| *known == name) {
            return Self::Line(code, *form);
        }
        let Some((channel, rest)) = channel(name) else { return Self::Unknown };
        match rest {
            "device_type" | "equipment_id_tc" | "equipment_id_ntc" => Self::Description,
            "valve_position" => Self::Channel(channel, ChannelField::Valve),
            "delivered" => Self::Channel(channel, ChannelField::Counter("24.2.1")),
            "delivered_ntc" => Self::Channel(channel, ChannelField::Counter("24.2.3")),
            "delivered_dbl" => Self::Channel(channel, ChannelField::Counter("24.3.0")),
            _ => Self::Unknown,
        }
    }
}

/// The channel and the rest of a name such as `mbus1_delivered`.
fn channel(name: &str) -> Option<(u8, &str)> {
    let (number, rest) = name.strip_prefix("mbus")?.split_once('_')?;
    let number = number.parse().ok().filter(|number| (1..=super::identity::CHANNELS).contains(number))?;
    Some((number, rest))
}
