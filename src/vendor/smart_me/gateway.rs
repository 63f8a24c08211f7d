//! `MBusGatewayDto`: an M-Bus gateway and how its meters are read.
//!
//! Source: the API's description of `GET /gateway/mbus/{id}` and its enumerations.

use super::fields::{Fields, ReadError};
use crate::reading::{MeterId, UnixNanos};

/// An M-Bus gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MBusGateway {
    /// The name given by the owner.
    pub name: Option<String>,
    /// The time of its last contact.
    pub last_seen: Option<UnixNanos>,
    /// `MBusReadoutIntervall`.
    pub interval: Option<i64>,
    /// `MBusGatewayState`.
    pub state: Option<i64>,
    /// The meters behind it.
    pub meters: Vec<MBusMeter>,
}

/// A meter behind a gateway.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MBusMeter {
    /// Its device; `None` if smart-me has none.
    pub id: Option<MeterId>,
    /// `MBusMeterState`.
    pub state: Option<i64>,
}

impl MBusGateway {
    /// Decodes the answer of `GET /gateway/mbus/{id}`.
    ///
    /// # Errors
    /// When the answer is not an object.
    pub fn read(answer: &[u8]) -> Result<Self, ReadError> {
        let mut fields = Fields::one_or_many(answer)?.into_iter();
        let mut fields = fields.next().ok_or(ReadError::Kind("a gateway"))?;
        let meters = fields
            .objects("meters")
            .map(|meter| MBusMeter { id: meter.uuid("id").map(MeterId::from), state: meter.integer("state") });
        Ok(Self {
            meters: meters.collect(),
            name: fields.text("name").map(str::to_owned),
            last_seen: fields.time("lastseen"),
            interval: fields.integer("readoutinterval"),
            state: fields.integer("state"),
        })
    }

    /// How often its meters are read, in plain words; an unknown number as it is.
    pub fn interval_label(&self) -> String {
        let known = ["2 s", "10 s", "1 min", "5 min", "15 min", "30 min", "60 min", "6 h", "12 h", "24 h"];
        label(self.interval, &known)
    }

    /// Its state in plain words; an unknown number as it is.
    pub fn state_label(&self) -> String {
        label(self.state, &["ok", "searching", "meters failed", "too many search errors"])
    }

    /// Whether its last readout or search failed.
    pub fn has_failed(&self) -> bool {
        matches!(self.state, Some(2 | 3))
    }
}

impl MBusMeter {
    /// Whether its last readout failed or was garbled.
    pub fn has_failed(&self) -> bool {
        matches!(self.state, Some(1 | 3))
    }
}

fn label(number: Option<i64>, known: &[&str]) -> String {
    let Some(number) = number else { return "unknown".to_owned() };
    let name = usize::try_from(number).ok().and_then(|number| known.get(number));
    name.map_or_else(|| format!("number {number}"), |name| (*name).to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn a_gateway_is_read_in_either_case_and_unknown_numbers_are_kept() {
        let gateway = MBusGateway::read(
            br#"{"Name":"cellar","LastSeen":"2026-11-21T13:15:00Z","ReadoutInterval":4,"State":2,"Meters":[
            {"Id":"00000000-0000-0000-0000-000000000007","State":0},
            {"Id":"00000000-0000-0000-0000-000000000000","State":3}]}"#,
        )
        .unwrap();
        assert_eq!((gateway.interval_label().as_str(), gateway.state_label().as_str()), ("15 min", "meters failed"));
        assert!(gateway.has_failed());
        let meters: Vec<_> = gateway.meters.iter().map(|meter| (meter.id.is_some(), meter.has_failed())).collect();
        assert_eq!(meters, [(true, false), (false, true)]);
        let odd = MBusGateway::read(br#"{"readoutInterval":77,"meters":null}"#).unwrap();
        assert_eq!((odd.interval_label().as_str(), odd.state_label().as_str()), ("number 77", "unknown"));
        assert!(MBusGateway::read(b"[]").is_err() && MBusGateway::read(b"<html>").is_err());
    }

    proptest! {
        #[test]
        fn nothing_panics_on_any_answer(bytes: Vec<u8>, state in any::<i64>(), meters in "\\[(\\{\\}|1|null)?\\]|7") {
            MBusGateway::read(&bytes).ok();
            let text = format!("{{\"State\":{state},\"ReadoutInterval\":{state},\"Meters\":{meters}}}");
            let gateway = MBusGateway::read(text.as_bytes()).unwrap();
            prop_assert!(!gateway.state_label().is_empty() && !gateway.interval_label().is_empty());
        }
    }
}
