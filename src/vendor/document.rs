//! JSON as devices send it: members in their order, numbers as they are written.
//!
//! Pure; knows no vendor. Invariants: a number is digits until its unit is known; `null` and an empty
//! text are absent; a body that is not JSON gives an error, never a value.

use super::decimal::Decimal;
use crate::secret::hide_text;
use serde::de::{Deserializer, MapAccess, Visitor};
use serde::{Deserialize, de::Error as _};
use serde_json::value::RawValue;
use std::borrow::Cow;
use std::fmt;

/// Why a message cannot be read at all.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum MessageError {
    /// It is not JSON.
    #[error("the answer is not JSON: {0}")]
    Json(String),
    /// It is a page for people, such as a login form.
    #[error("the answer is a web page, not data: check the address and the login")]
    WebPage,
    /// It is JSON of another shape.
    #[error("the answer is not {0}")]
    Shape(&'static str),
    /// The device refuses or reports a fault: its words, without secrets.
    #[error("the device answers with an error: {0}")]
    Device(String),
}

impl MessageError {
    /// The error of these words of the device. They may repeat a secret of the request.
    pub(super) fn device(words: &str) -> Self {
        Self::Device(hide_text(words).into_owned())
    }
}

/// A text, borrowed unless it has escapes.
#[derive(Debug, Clone, PartialEq, Deserialize)]
#[serde(transparent)]
pub(super) struct Text<'a>(#[serde(borrow)] pub(super) Cow<'a, str>);

/// The value of a member as sent.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Scalar<'a> {
    /// Null, or an empty text.
    Absent,
    /// Digits.
    Number(&'a str),
    /// A text without its quotes and escapes.
    Text(Cow<'a, str>),
    /// True or false.
    Bool(bool),
    /// An object or an array, as JSON.
    Nested(&'a str),
}

impl<'a> Scalar<'a> {
    /// The value of this JSON.
    pub(super) fn of(raw: &'a RawValue) -> Self {
        let text = raw.get();
        match text.as_bytes().first() {
            Some(b'"') => match serde_json::from_str::<Text<'a>>(text) {
                Ok(Text(text)) if text.is_empty() => Self::Absent,
                Ok(Text(text)) => Self::Text(text),
                // A lone half of a character's escape.
                Err(_) => Self::Nested(text),
            },
            Some(b'{' | b'[') => Self::Nested(text),
            Some(b't') => Self::Bool(true),
            Some(b'f') => Self::Bool(false),
            Some(b'n') => Self::Absent,
            _ => Self::Number(text),
        }
    }

    /// The number × 10^`power`. A text with a number is one, also with blanks in it.
    pub(super) fn number(&self, power: i8) -> Option<f64> {
        scaled(&self.digits()?, power)
    }

    /// The number ÷ `divisor`, with one rounding.
    pub(super) fn divided_by(&self, divisor: u32) -> Option<f64> {
        match Decimal::parse(self.digits()?.as_bytes()) {
            Some(number) => Some(number.divided_by(divisor)),
            None => Some(self.number(0)? / f64::from(divisor)),
        }
    }

    /// The number × 10^`power` without its fraction.
    pub(super) fn whole(&self, power: i8) -> Option<i64> {
        Decimal::parse(self.digits()?.as_bytes())?.whole(power)
    }

    fn digits(&self) -> Option<Cow<'_, str>> {
        match self {
            Self::Number(digits) => Some(Cow::Borrowed(digits)),
            Self::Text(text) if text.contains(char::is_whitespace) => {
                Some(text.chars().filter(|c| !c.is_whitespace()).collect())
            }
            Self::Text(text) => Some(Cow::Borrowed(text)),
            _ => None,
        }
    }

    /// As sent, without quotes; empty if it is absent.
    pub(super) fn text(&self) -> Cow<'a, str> {
        match self {
            Self::Absent => Cow::Borrowed(""),
            Self::Number(text) | Self::Nested(text) => Cow::Borrowed(text),
            Self::Text(text) => text.clone(),
            Self::Bool(true) => Cow::Borrowed("true"),
            Self::Bool(false) => Cow::Borrowed("false"),
        }
    }
}

/// A number × 10^`power`: exact up to its last rounding. `None` if it is not a finite number.
pub(super) fn scaled(text: &str, power: i8) -> Option<f64> {
    let rare = || {
        let value = text.parse::<f64>().ok()? * 10_f64.powi(i32::from(power));
        value.is_finite().then_some(value)
    };
    // An exponent is the only form of JSON's numbers that a decimal number does not have.
    Decimal::parse(text.as_bytes()).map(|number| number.shifted(power).to_f64()).or_else(rare)
}

/// The members of an object, in their order.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Members<'a>(pub(super) Vec<(Cow<'a, str>, Scalar<'a>)>);

impl<'a> Members<'a> {
    /// Reads an object.
    ///
    /// # Errors
    /// When the text is not JSON, or is no object.
    pub(super) fn read(text: &'a str) -> Result<Self, MessageError> {
        serde_json::from_str(text).map_err(|error| fault(text, &error, "a JSON object"))
    }

    /// The last member of this name that is not absent. Letters of any case are the same: firmware
    /// changes them.
    pub(super) fn get(&self, name: &str) -> Option<&Scalar<'a>> {
        let (_, value) = self.0.iter().rev().find(|(known, _)| known.eq_ignore_ascii_case(name))?;
        (*value != Scalar::Absent).then_some(value)
    }

    /// The member as a text, also if it is a number.
    pub(super) fn string(&self, name: &str) -> Option<String> {
        self.get(name).map(|value| value.text().into_owned())
    }
}

/// Reads an array.
///
/// # Errors
/// When the text is not JSON, or is no array.
pub(super) fn elements(text: &str) -> Result<Vec<&RawValue>, MessageError> {
    serde_json::from_str(text).map_err(|error| fault(text, &error, "a JSON array"))
}

/// The text of a body.
///
/// # Errors
/// When it is not UTF-8, or a web page.
pub(super) fn text_of(bytes: &[u8]) -> Result<&str, MessageError> {
    let text = std::str::from_utf8(bytes).map_err(|error| MessageError::Json(error.to_string()))?;
    if is_web_page(text) { Err(MessageError::WebPage) } else { Ok(text) }
}

fn is_web_page(text: &str) -> bool {
    text.trim_start_matches(['\u{feff}', ' ', '\r', '\n', '\t']).starts_with('<')
}

/// Why a text cannot be read.
pub(super) fn fault(text: &str, error: &serde_json::Error, wanted: &'static str) -> MessageError {
    match error.classify() {
        _ if is_web_page(text) => MessageError::WebPage,
        serde_json::error::Category::Data => MessageError::Shape(wanted),
        // Only the place: the text of a type error would repeat values.
        category => {
            MessageError::Json(format!("{category:?} fault at line {} column {}", error.line(), error.column()))
        }
    }
}

impl<'de: 'a, 'a> Deserialize<'de> for Members<'a> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Object;
        impl<'de> Visitor<'de> for Object {
            type Value = Vec<(Cow<'de, str>, Scalar<'de>)>;

            fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str("an object")
            }

            fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
                let mut members = Vec::new();
                while let Some(Text(name)) = map.next_key::<Text<'de>>()? {
                    if members.len() >= MEMBERS_MAX {
                        return Err(M::Error::custom("too many members"));
                    }
                    members.push((name, Scalar::of(map.next_value::<&'de RawValue>()?)));
                }
                Ok(members)
            }
        }
        deserializer.deserialize_map(Object).map(Self)
    }
}

/// More members are no device's answer.
pub(super) const MEMBERS_MAX: usize = 10_000;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn members_keep_their_order_and_their_digits() {
        let text = r#"{"b":1.10,"a":"x\n","c":null,"d":"","e":[1],"f":true,"a":2e3}"#;
        let members = Members::read(text).unwrap();
        let expected = [
            ("b", Scalar::Number("1.10")),
            ("a", Scalar::Text("x\n".into())),
            ("c", Scalar::Absent),
            ("d", Scalar::Absent),
            ("e", Scalar::Nested("[1]")),
            ("f", Scalar::Bool(true)),
            ("a", Scalar::Number("2e3")),
        ];
        assert_eq!(members.0, expected.map(|(name, value)| (name.into(), value)));
        assert_eq!(members.get("A").and_then(|value| value.number(0)), Some(2000.0));
        assert_eq!((members.get("c"), members.get("z")), (None, None));
    }

    #[test]
    fn a_number_may_be_a_text_with_blanks_and_nothing_else_is_one() {
        let number = |json: &str| Scalar::of(&RawValue::from_string(json.to_owned()).unwrap()).number(-3);
        assert_eq!(number("\"33 549\u{a0}075\""), Some(33549.075));
        assert_eq!(number("-6730100"), Some(-6730.1));
        assert_eq!(number("1.5E3"), Some(1.5));
        for json in ["\"NaN\"", "\"inf\"", "\"12 W\"", "true", "null", "\"\"", "[1]", "1e999"] {
            assert_eq!(number(json), None, "{json}");
        }
    }

    #[test]
    fn what_is_no_object_says_why() {
        assert_eq!(Members::read("<html>"), Err(MessageError::WebPage));
        assert_eq!(Members::read("[]"), Err(MessageError::Shape("a JSON object")));
        assert!(matches!(Members::read("{\"a\":"), Err(MessageError::Json(_))));
        assert_eq!(text_of(b" \r\n<!DOCTYPE html>"), Err(MessageError::WebPage));
        assert!(matches!(text_of(b"\xff"), Err(MessageError::Json(_))));
    }

    proptest! {
        #[test]
        fn no_text_panics(text in ".{0,200}", power in any::<i8>()) {
            elements(&text).ok();
            scaled(&text, power);
            if let Ok(members) = Members::read(&text) {
                for (_, value) in members.0 {
                    value.whole(power);
                    prop_assert!(value.number(power).is_none_or(f64::is_finite));
                }
            }
        }
    }
}
