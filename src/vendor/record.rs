//! JSON objects with known members, read in one pass without copies.
//!
//! Pure; knows no vendor. Invariants: members beside the known ones are kept in their order; an element
//! of an array that is no object costs only itself.

use super::document::{MEMBERS_MAX, MessageError, Scalar, Text, fault};
use serde::de::{DeserializeSeed, Deserializer, Error as _, IgnoredAny, MapAccess, SeqAccess, Visitor};
use serde_json::value::RawValue;
use std::array;
use std::borrow::Cow;
use std::fmt;

/// The names of known members.
pub(super) type Names<const N: usize> = &'static [&'static str; N];

/// An object.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Record<'a, const N: usize> {
    /// The members of the known names, in the order of the names. The last of a repeated name counts.
    pub(super) known: [Scalar<'a>; N],
    /// The others, in their order.
    pub(super) others: Vec<(Cow<'a, str>, Scalar<'a>)>,
}

impl<'a, const N: usize> Record<'a, N> {
    /// Reads an object.
    ///
    /// # Errors
    /// When the text is not JSON, or is no object.
    pub(super) fn read(text: &'a str, names: Names<N>) -> Result<Self, MessageError> {
        whole(text, Object(names), "a JSON object")
    }
}

/// Calls `each` for every element of an array of objects; `None` for an element that is no object.
///
/// # Errors
/// When the text is not JSON, or is no array.
pub(super) fn records<'a, const N: usize>(
    text: &'a str,
    names: Names<N>,
    each: impl FnMut(Option<Record<'a, N>>),
) -> Result<(), MessageError> {
    whole(text, Array(names, each), "a JSON array")
}

/// Reads the whole text.
fn whole<'a, S: DeserializeSeed<'a>>(text: &'a str, seed: S, wanted: &'static str) -> Result<S::Value, MessageError> {
    let mut deserializer = serde_json::Deserializer::from_str(text);
    let value = seed.deserialize(&mut deserializer).and_then(|value| deserializer.end().map(|()| value));
    value.map_err(|error| fault(text, &error, wanted))
}

/// Reads an object.
struct Object<const N: usize>(Names<N>);

impl<'de, const N: usize> DeserializeSeed<'de> for Object<N> {
    type Value = Record<'de, N>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_map(self)
    }
}

impl<'de, const N: usize> Visitor<'de> for Object<N> {
    type Value = Record<'de, N>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<M: MapAccess<'de>>(self, mut map: M) -> Result<Self::Value, M::Error> {
        let mut record = Record { known: array::from_fn(|_| Scalar::Absent), others: Vec::new() };
        while let Some(Text(name)) = map.next_key::<Text<'de>>()? {
            let value = Scalar::of(map.next_value::<&'de RawValue>()?);
            let place = self.0.iter().position(|known| *known == name).and_then(|at| record.known.get_mut(at));
            match place {
                Some(known) => *known = value,
                None if record.others.len() >= MEMBERS_MAX => return Err(M::Error::custom("too many members")),
                None => record.others.push((name, value)),
            }
        }
        Ok(record)
    }
}

/// Reads an array.
struct Array<const N: usize, F>(Names<N>, F);

impl<'de, const N: usize, F: FnMut(Option<Record<'de, N>>)> DeserializeSeed<'de> for Array<N, F> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de, const N: usize, F: FnMut(Option<Record<'de, N>>)> Visitor<'de> for Array<N, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<S: SeqAccess<'de>>(mut self, mut elements: S) -> Result<(), S::Error> {
        while let Some(element) = elements.next_element_seed(Element(self.0))? {
            (self.1)(element);
        }
        Ok(())
    }
}

/// Reads an element of an array.
struct Element<const N: usize>(Names<N>);

impl<'de, const N: usize> DeserializeSeed<'de> for Element<N> {
    type Value = Option<Record<'de, N>>;

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<Self::Value, D::Error> {
        deserializer.deserialize_any(self)
    }
}

impl<'de, const N: usize> Visitor<'de> for Element<N> {
    type Value = Option<Record<'de, N>>;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("any element")
    }

    fn visit_map<M: MapAccess<'de>>(self, map: M) -> Result<Self::Value, M::Error> {
        Object(self.0).visit_map(map).map(Some)
    }

    fn visit_seq<S: SeqAccess<'de>>(self, mut elements: S) -> Result<Self::Value, S::Error> {
        while elements.next_element::<IgnoredAny>()?.is_some() {}
        Ok(None)
    }

    fn visit_bool<E>(self, _: bool) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_i64<E>(self, _: i64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_u64<E>(self, _: u64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_f64<E>(self, _: f64) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_str<E>(self, _: &str) -> Result<Self::Value, E> {
        Ok(None)
    }

    fn visit_unit<E>(self) -> Result<Self::Value, E> {
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NAMES: Names<2> = &["a", "b"];

    #[test]
    fn known_members_have_their_places_and_the_others_their_order() {
        let record = Record::read(r#"{"z":1,"b":-2.50,"a":"x","y":[1],"b":3}"#, NAMES).unwrap();
        assert_eq!(record.known, [Scalar::Text("x".into()), Scalar::Number("3")]);
        assert_eq!(record.others, [("z".into(), Scalar::Number("1")), ("y".into(), Scalar::Nested("[1]"))]);
    }

    #[test]
    fn an_element_that_is_no_object_costs_only_itself() {
        let text = r#"[{"a":1},null,true,-1,1,1.5,"x",[{"a":2}],[],{"b":3}]"#;
        let mut found = Vec::new();
        records(text, NAMES, |record| found.push(record.map(|record| record.known))).unwrap();
        assert_eq!(found.len(), 10);
        assert_eq!(found[0], Some([Scalar::Number("1"), Scalar::Absent]));
        assert!(found[1..9].iter().all(Option::is_none));
        assert_eq!(found[9], Some([Scalar::Absent, Scalar::Number("3")]));
    }

    #[test]
    fn another_shape_or_no_json_says_why() {
        let read = |text| Record::read(text, NAMES).unwrap_err();
        assert_eq!(read("[]"), MessageError::Shape("a JSON object"));
        assert_eq!(read("<html>"), MessageError::WebPage);
        assert!(matches!(read(r#"{"a":1} x"#), MessageError::Json(_)));
        let error = records("{}", NAMES, |_| ()).unwrap_err();
        assert_eq!(error, MessageError::Shape("a JSON array"));
    }
}
