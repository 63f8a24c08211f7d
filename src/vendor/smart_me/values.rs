//! `ValuesData`: the registers of a device at one instant, from `/Values` and the calls
//! for past values.

use super::fields::{Fields, ReadError};
use crate::reading::{MeterId, Sample, UnixNanos};

/// The registers of a device at one instant.
#[derive(Debug, Clone, PartialEq)]
pub struct Values {
    /// The meter; `None` if the answer names none.
    pub meter: Option<MeterId>,
    /// The time of measurement; `None` if the answer has none.
    pub at: Option<UnixNanos>,
    /// Registers and values in base units. The vendor does not document the units of these
    /// calls; they use the webhook's codes, so its units are assumed.
    pub samples: Vec<Sample>,
    /// Number of values whose register or number cannot be read.
    pub unreadable: usize,
}

impl Values {
    /// Decodes an answer: a single object or a list.
    ///
    /// # Errors
    /// When the answer is something else.
    pub fn read(answer: &[u8]) -> Result<Vec<Self>, ReadError> {
        Ok(Fields::one_or_many(answer)?.into_iter().map(Self::of).collect())
    }

    fn of(mut fields: Fields) -> Self {
        let (mut samples, mut unreadable) = (Vec::new(), 0);
        for value in fields.objects("values") {
            match value.text("obis").and_then(|code| code.parse().ok()).zip(value.number("value")) {
                Some((obis, value)) => samples.push(Sample { obis, value }),
                None => unreadable += 1,
            }
        }
        let meter = fields.uuid("deviceid").map(MeterId::from);
        Self { meter, at: fields.time("date"), samples, unreadable }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::reading::Obis;
    use proptest::prelude::*;

    #[test]
    fn an_answer_is_read_in_either_case_and_with_either_form_of_a_code() {
        let pascal = br#"[{"DeviceId":"00000000-0000-0000-0000-000000000007","Date":"2026-11-21T13:15:00Z",
            "Values":[{"Obis":"0100010800FF","Value":12.5},{"Obis":"oh","Value":1},{"Obis":"0100010700ff"}]}]"#;
        let read = Values::read(pascal).unwrap();
        assert_eq!(read[0].meter, Some(MeterId::from(uuid::Uuid::from_u128(7))));
        assert_eq!(read[0].at.unwrap().to_string(), "2026-11-21T13:15:00Z");
        assert_eq!(read[0].samples, [Sample { obis: Obis([1, 0, 1, 8, 0, 255]), value: 12.5 }]);
        assert_eq!(read[0].unreadable, 2);
        let camel = br#"{"deviceId":null,"date":"2026-11-21T13:15:00.0000000","values":[{"obis":"1-0:1.8.0*255","value":12.5}]}"#;
        let one = Values::read(camel).unwrap();
        assert_eq!((one[0].meter, one[0].at), (None, read[0].at));
        assert_eq!(one[0].samples, read[0].samples);
    }

    proptest! {
        #[test]
        fn nothing_panics_on_any_answer(
            bytes: Vec<u8>,
            date in ".{0,30}",
            obis in ".{0,14}",
            value in prop_oneof![Just("1e400".to_owned()), Just("null".to_owned()), "-?[0-9]{1,20}"],
        ) {
            Values::read(&bytes).ok();
            let text = serde_json::json!([{ "Date": date, "Values": [{ "Obis": obis, "Value": 0 }] }]).to_string();
            Values::read(text.replace(":0}", &format!(":{value}}}")).as_bytes()).ok();
        }
    }
}
