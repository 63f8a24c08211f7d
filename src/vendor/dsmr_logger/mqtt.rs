//! The MQTT messages of a logger: one per field.

use crate::vendor::document::{Members, elements};
use serde_json::value::RawValue;

/// The value of a field as a member of a document: `{"value", "unit"}`, a number or a text. A message is
/// `{"power_delivered":[{"value":0.31,"unit":"kW"}]}`, such an object without the list, or the bare value.
/// `None` if it is none of these.
pub fn field_of_message(field: &str, payload: &[u8]) -> Option<Box<RawValue>> {
    let text = std::str::from_utf8(payload).ok()?.trim();
    let Ok(value) = serde_json::from_str::<&RawValue>(text) else {
        // A text without quotes, such as a time stamp.
        let is_text = !text.is_empty() && !text.starts_with(['{', '[', '"']);
        return is_text.then(|| serde_json::value::to_raw_value(text).ok()).flatten();
    };
    let inner = Members::read(value.get()).ok().and_then(|members| {
        let (_, value) = members.0.into_iter().find(|(name, _)| name == field)?;
        Some(value.text().into_owned())
    });
    let Some(inner) = inner else { return Some(value.to_owned()) };
    let first = elements(&inner).ok().and_then(|elements| elements.first().map(|it| it.get().to_owned()));
    // A text lost its quotes above.
    let inner = first.unwrap_or(inner);
    RawValue::from_string(inner.clone()).or_else(|_| serde_json::value::to_raw_value(&inner)).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn value(payload: &str) -> Option<String> {
        field_of_message("power_delivered", payload.as_bytes()).map(|value| value.get().to_owned())
    }

    #[test]
    fn every_form_of_a_message_gives_the_value() {
        let inner = r#"{"value":0.31,"unit":"kW"}"#;
        assert_eq!(value(&format!(r#"{{"power_delivered":[{inner}]}}"#)).unwrap(), inner);
        assert_eq!(value(&format!(r#"{{"power_delivered":{inner}}}"#)).unwrap(), inner);
        assert_eq!(value(inner).unwrap(), inner);
        assert_eq!(value("0.31").unwrap(), "0.31");
        assert_eq!(value(r#"{"power_delivered":"0.31"}"#).unwrap(), "0.31");
        assert_eq!(value("261129020000W").unwrap(), r#""261129020000W""#);
        assert_eq!(value(r#"{"power_delivered":"abc"}"#).unwrap(), r#""abc""#);
        for broken in ["", "{", "[1", "\""] {
            assert_eq!(value(broken), None, "{broken}");
        }
    }

    proptest! {
        #[test]
        fn any_payload_gives_json_or_nothing(payload in prop::collection::vec(any::<u8>(), 0..200)) {
            if let Some(value) = field_of_message("f", &payload) {
                prop_assert!(serde_json::from_str::<serde_json::Value>(value.get()).is_ok());
            }
        }
    }
}
