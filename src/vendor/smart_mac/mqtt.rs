//! The MQTT messages of a device: one flat object, `{"V":..,"A":..,"OUT":1}`, or one topic a value.
//!
//! Neither has a time of its own in the forms seen; a member `time` is used if it is there. Values of single
//! topics have no common time, so each has its own.

use super::registers::Device;
use super::{At, Flags, Message, Now, Options, Scalar, time, unreadable, visit};
use crate::vendor::Part;
use crate::vendor::document::{Members, MessageError, text_of};
use std::collections::BTreeSet;

/// Keys of one device. The largest have 40.
const KEYS_MAX: usize = 64;
/// Keys whose meaning depends on the other keys of the device: without lines they are of its one line.
const AMBIGUOUS: [&str; 3] = ["A", "V", "Wh"];

/// Calls `each` for every part of the flat object.
///
/// # Errors
/// When it is not a JSON object.
pub fn read_flat(bytes: &[u8], options: &Options, mut each: impl FnMut(Part<'_>)) -> Result<Message, MessageError> {
    let members = Members::read(text_of(bytes)?)?;
    let (at, flags) = time(members.get("time"));
    let records: Vec<(&str, Scalar<'_>)> = members
        .0
        .iter()
        .filter(|(name, _)| !matches!(name.as_ref(), "time" | "devid"))
        .map(|(name, value)| (name.as_ref(), value.clone()))
        .collect();
    visit(&records, options, Now { at, flags }, &mut each);
    Ok(Message { device: members.string("devid"), was_repaired: false, model: None })
}

/// The keys that a device has sent, each on a topic of its own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Keys {
    seen: BTreeSet<String>,
    /// Whether a key came twice, so that all have come.
    is_complete: bool,
}

impl Keys {
    /// Calls `each` for the part of one topic: `key` is its last segment. Returns false if the value has
    /// to be left out, because its meaning is not known before every key of the device has come once.
    pub fn read(&mut self, key: &str, payload: &[u8], options: &Options, mut each: impl FnMut(Part<'_>)) -> bool {
        if self.seen.contains(key) {
            self.is_complete = true;
        } else if self.seen.len() < KEYS_MAX {
            self.seen.insert(key.to_owned());
        }
        if !self.is_complete && AMBIGUOUS.contains(&key) {
            return false;
        }
        let text = String::from_utf8_lossy(payload);
        let text = text.trim();
        let device = Device::of(self.seen.iter().map(String::as_str), options);
        let place = device.place(key);
        let bare = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
        let value = Scalar::Text(bare.unwrap_or(text).into());
        let now = Now { at: At::Receipt, flags: Flags::TIME_IS_RECEIVE_TIME };
        match (place, value.number(0)) {
            (Some(place), Some(number)) => each(now.value(&place, number, key.into())),
            (Some(_), None) => each(unreadable(key, text, "the value is not a number")),
            (None, _) => super::give_text(key, &value, &mut each),
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn values(read: impl FnOnce(&mut dyn FnMut(Part<'_>))) -> Vec<(String, f64)> {
        let mut values = Vec::new();
        read(&mut |part| {
            if let Part::Value(value) = part {
                values.push((value.obis.to_string(), value.value));
            }
        });
        values
    }

    #[test]
    fn a_flat_object_has_native_numbers_and_no_time() {
        let text = br#"{"V":229.5,"A":1.25,"W":281,"Wh":1234567,"PF":0.98,"Temp":31,"OUT":1}"#;
        let found = values(|each| {
            read_flat(text, &Options::default(), each).unwrap();
        });
        let expected = [
            ("1-0:32.7.0*255", 229.5),
            ("1-0:31.7.0*255", 1.25),
            ("1-0:1.7.0*255", 281.0),
            ("1-0:1.8.0*255", 1_234_567.0),
            ("1-0:13.7.0*255", 0.98),
            ("0-0:96.9.0*255", 31.0),
            ("0-0:96.3.10*255", 1.0),
        ];
        assert_eq!(found, expected.map(|(code, value)| (code.to_owned(), value)));
    }

    #[test]
    fn a_value_whose_meaning_depends_on_other_keys_waits_until_all_have_come() {
        let (mut keys, options) = (Keys::default(), Options::default());
        let mut read = |key: &str, payload: &str| {
            let mut is_read = true;
            let found = values(|each| is_read = keys.read(key, payload.as_bytes(), &options, each));
            (is_read, found)
        };
        assert_eq!(read("A", "3.5"), (false, vec![]));
        assert_eq!(read("A1", "1.5"), (true, vec![("1-0:31.7.0*255".to_owned(), 1.5)]));
        assert_eq!(read("T1", "21"), (true, vec![("0-1:96.9.0*255".to_owned(), 21.0)]));
        assert_eq!(read("A", "3.5"), (true, vec![("1-0:90.7.0*255".to_owned(), 3.5)]));
        assert_eq!(read("TCh1", "\"17\""), (true, vec![("1-1:82.8.0*255".to_owned(), 17.0)]));
        assert_eq!(read("W1", "off"), (true, vec![]));
    }

    proptest! {
        #[test]
        fn any_payload_is_read_without_a_panic(key in ".{0,12}", payload in prop::collection::vec(any::<u8>(), 0..200)) {
            let options = Options::default();
            Keys::default().read(&key, &payload, &options, |_| {});
            read_flat(&payload, &options, |_| {}).ok();
        }
    }
}
