//! The description of a meter and of the devices behind it, as its telegrams give it.

use super::facts::printed;
use super::telegram::Telegram;

/// The texts of a meter that do not change from telegram to telegram.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Nameplate {
    /// The maker's three letters at the start of the head line (FLAG); `None` if it has another form.
    pub maker: Option<String>,
    /// The head line: the model.
    pub model: String,
    /// The meter's id as printed on it.
    pub id: Option<String>,
    /// The time zone of its country, as the IANA database names it; `None` if several countries have
    /// such telegrams.
    pub time_zone: Option<&'static str>,
    /// The meaning of tariffs 1 and 2 in its standard; `None` if it names none, or has no tariffs.
    pub tariff: Option<&'static str>,
    /// The devices on its M-Bus that have a counter.
    pub devices: Vec<Device>,
}

/// A device on the M-Bus.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Device {
    /// Its channel, as in its values.
    pub channel: String,
    /// Its kind (EN 13757-3): 3 gas, 4 heat, 7 water, 2 electricity.
    pub kind: Option<u8>,
    /// Its id as printed on it.
    pub id: Option<String>,
}

/// Heads of grid operators with a dialect of their own: ESO in Lithuania, Energienetze Steiermark.
const OPERATORS: [(&[u8], &str); 2] = [(b"ESO5", "Europe/Vilnius"), (b"EST5", "Europe/Vienna")];

/// Tariffs 1 and 2 in e-MUCS, Belgium's standard, and in DSMR.
const BELGIAN_TARIFFS: &str = "1 day, 2 night";
const DUTCH_TARIFFS: &str = "1 low, 2 normal";

impl Telegram<'_> {
    /// The description of the meter and the devices behind it.
    pub fn nameplate(&self) -> Nameplate {
        let (facts, head) = (self.facts(), self.head());
        let maker = head.get(..3).filter(|maker| maker.iter().all(u8::is_ascii_alphabetic));
        let operator = OPERATORS.iter().find(|(operator, _)| head.starts_with(operator)).map(|(_, zone)| *zone);
        // The operators have tariffs of their own.
        let tariff = match (facts.is_belgian, facts.is_dsmr && operator.is_none()) {
            (true, _) => Some(BELGIAN_TARIFFS),
            (false, true) => Some(DUTCH_TARIFFS),
            (false, false) => None,
        };
        Nameplate {
            maker: maker.map(|maker| String::from_utf8_lossy(maker).to_ascii_uppercase()),
            model: String::from_utf8_lossy(head).into_owned(),
            id: facts.printed_id(),
            // Only Belgium gives its version under a code of its own.
            time_zone: operator.or(facts.is_belgian.then_some("Europe/Brussels")),
            tariff: tariff.filter(|_| facts.has_tariffs),
            devices: facts
                .counted_channels()
                .map(|(number, channel)| Device {
                    channel: number.to_string(),
                    kind: channel.kind,
                    id: channel.id.map(printed),
                })
                .collect(),
        }
    }
}
