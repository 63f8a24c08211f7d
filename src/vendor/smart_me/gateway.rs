//! `MBusGatewayDto`: an M-Bus gateway and how its meters are read.
//!
//! Source: the API's description of `GET /gateway/mbus/{id}` and its enumerations. A number
//! or name that the enumerations lack is kept as it is.

use super::fields::{Fields, ReadError};
use crate::reading::{MeterId, UnixNanos};

/// An M-Bus gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MBusGateway {
    /// The name given by the owner.
    pub name: Option<String>,
    /// Its serial number.
    pub serial: Option<String>,
    /// The time of its last contact.
    pub last_seen: Option<UnixNanos>,
    /// How often its meters are read, in plain words.
    pub interval: String,
    /// Its state in plain words.
    pub state: String,
    /// Whether its last readout or search failed.
    pub has_failed: bool,
    /// Whether its meters are read only once a day.
    pub reads_daily: bool,
    /// The meters behind it.
    pub meters: Vec<MBusMeter>,
}

/// A meter behind a gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MBusMeter {
    /// Its device; `None` if smart-me has none.
    pub id: Option<MeterId>,
    /// The name given by the owner.
    pub name: Option<String>,
    /// Its address on the bus: the secondary address if it has one.
    pub address: Option<String>,
    /// Its state in plain words.
    pub state: String,
    /// Whether its last readout failed or was garbled.
    pub has_failed: bool,
}

/// The members of an enumeration in the order of their numbers: name in the API, plain words.
type Members = &'static [(&'static str, &'static str)];

/// `MBusReadoutIntervall`.
const INTERVALS: Members = &[
    ("Intervall_2s", "2 s"),
    ("Intervall_10s", "10 s"),
    ("Intervall_1min", "1 min"),
    ("Intervall_5min", "5 min"),
    ("Intervall_15min", "15 min"),
    ("Intervall_30min", "30 min"),
    ("Intervall_60min", "60 min"),
    ("Intervall_6hours", "6 h"),
    ("Intervall_12hours", "12 h"),
    ("Intervall_24hours", "24 h"),
];
/// The number of 24 hours in it.
const DAILY: i64 = 9;
/// `MBusGatewayState`.
const GATEWAY_STATES: Members = &[
    ("LastReadoutOk", "last readout ok"),
    ("SearchInProgress", "searching for meters"),
    ("FailedOnOneOrMoreMeter", "last readout failed for some meters"),
    ("TooManySearchErrors", "too many search errors"),
];
/// `MBusMeterState`.
const METER_STATES: Members = &[
    ("LastReadoutOk", "last readout ok"),
    ("LastReadoutFailed", "last readout failed"),
    ("ReadoutStarted", "readout started"),
    ("CRCError", "last readout garbled (checksum)"),
];

impl MBusGateway {
    /// Decodes the answer of `GET /gateway/mbus/{id}`.
    ///
    /// # Errors
    /// When the answer is not an object.
    pub fn read(answer: &[u8]) -> Result<Self, ReadError> {
        let mut fields = Fields::one_or_many(answer)?.into_iter();
        let mut fields = fields.next().ok_or(ReadError::Kind("a gateway"))?;
        let meters = fields.objects("meters").map(|meter| MBusMeter::of(&meter)).collect();
        Ok(Self {
            meters,
            name: fields.text("name").map(str::to_owned),
            serial: fields.text_or_integer("serialnumber"),
            last_seen: fields.time("lastseen"),
            interval: words(&fields, "readoutinterval", INTERVALS),
            state: words(&fields, "state", GATEWAY_STATES),
            has_failed: matches!(number(&fields, "state", GATEWAY_STATES), Some(2 | 3)),
            reads_daily: number(&fields, "readoutinterval", INTERVALS) == Some(DAILY),
        })
    }
}

impl MBusMeter {
    fn of(fields: &Fields) -> Self {
        let primary = || fields.integer("primaryaddress").map(|number| format!("{number} (primary)"));
        Self {
            id: fields.uuid("id").map(MeterId::from),
            name: fields.text("name").map(str::to_owned),
            address: fields.text_or_integer("secondaryaddress").or_else(primary),
            state: words(fields, "state", METER_STATES),
            has_failed: matches!(number(fields, "state", METER_STATES), Some(1 | 3)),
        }
    }
}

fn number(fields: &Fields, name: &str, members: Members) -> Option<i64> {
    fields.enumeration(name, |text| {
        let place = members.iter().position(|(member, _)| member.eq_ignore_ascii_case(text));
        place.and_then(|place| i64::try_from(place).ok())
    })
}

fn words(fields: &Fields, name: &str, members: Members) -> String {
    let Some(number) = number(fields, name, members) else {
        return fields.text(name).unwrap_or("unknown").to_owned();
    };
    let known = usize::try_from(number).ok().and_then(|number| members.get(number));
    known.map_or_else(|| format!("number {number}"), |(_, words)| (*words).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_gateway_is_read_in_either_case_and_unknown_numbers_are_kept() {
        let gateway = MBusGateway::read(
            br#"{"Name":"cellar","SerialNumber":"51000007","LastSeen":"2026-11-21T13:15:00Z","ReadoutInterval":4,"State":2,
            "Meters":[{"Id":"00000000-0000-0000-0000-000000000007","Name":"water 1","SecondaryAddress":"12345678","State":0},
            {"Id":"00000000-0000-0000-0000-000000000000","PrimaryAddress":7,"State":3}]}"#,
        )
        .unwrap();
        assert_eq!(
            (gateway.interval.as_str(), gateway.state.as_str()),
            ("15 min", "last readout failed for some meters")
        );
        assert_eq!(
            (gateway.serial.as_deref(), gateway.has_failed, gateway.reads_daily),
            (Some("51000007"), true, false)
        );
        assert_eq!(gateway.last_seen.unwrap().to_string(), "2026-11-21T13:15:00Z");
        let meters: Vec<_> = gateway.meters.iter().map(|meter| (meter.id.is_some(), meter.has_failed)).collect();
        assert_eq!(meters, [(true, false), (false, true)]);
        let shown = |meter: &MBusMeter| (meter.name.clone(), meter.address.clone(), meter.state.clone());
        assert_eq!(
            shown(&gateway.meters[0]),
            (Some("water 1".to_owned()), Some("12345678".to_owned()), "last readout ok".to_owned())
        );
        assert_eq!(gateway.meters[1].address.as_deref(), Some("7 (primary)"));
        let odd = MBusGateway::read(br#"{"readoutInterval":77,"meters":null,"serialNumber":5}"#).unwrap();
        assert_eq!((odd.interval.as_str(), odd.state.as_str()), ("number 77", "unknown"));
        assert_eq!(odd.serial.as_deref(), Some("5"));
        let named = MBusGateway::read(br#"{"ReadoutInterval":"Intervall_24hours","State":"Melted"}"#).unwrap();
        assert_eq!((named.interval.as_str(), named.reads_daily, named.state.as_str()), ("24 h", true, "Melted"));
        assert!(MBusGateway::read(b"[]").is_err() && MBusGateway::read(b"<html>").is_err());
    }

    proptest! {
        #[test]
        fn nothing_panics_on_any_answer(bytes: Vec<u8>, state in any::<i64>(), meters in "\\[(\\{\\}|1|null)?\\]|7") {
            MBusGateway::read(&bytes).ok();
            let text = format!("{{\"State\":{state},\"ReadoutInterval\":{state},\"Meters\":{meters}}}");
            let gateway = MBusGateway::read(text.as_bytes()).unwrap();
            prop_assert!(!gateway.state.is_empty() && !gateway.interval.is_empty());
        }
    }
}
