//! The MQTT messages of a device: one flat object, `{"V":..,"A":..,"OUT":1}`, or one topic a value.
//!
//! Neither has a time of its own in the forms seen; a member `time` is used if it is there. Values of single
//! topics have no common time, so each has its own.

use super::registers::Device;
use super::{At, Flags, Layout, Message, Now, Options, Scalar, needs_layout, time, unreadable, visit};
use crate::vendor::Part;
use crate::vendor::document::{Members, MessageError, text_of};

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

/// Calls `each` for the part of a topic with one value: `key` is its last segment. Returns false if its meaning depends
/// on the other keys of its device, whose layout is not given.
pub fn read_single(
    key: &str,
    payload: &[u8],
    options: &Options,
    layout: Option<Layout>,
    mut each: impl FnMut(Part<'_>),
) -> bool {
    if layout.is_none() && needs_layout(key, options) {
        return false;
    }
    let text = String::from_utf8_lossy(payload);
    let text = text.trim();
    let bare = text.strip_prefix('"').and_then(|text| text.strip_suffix('"'));
    let value = Scalar::Text(bare.unwrap_or(text).into());
    let now = Now { at: At::Receipt, flags: Flags::TIME_IS_RECEIVE_TIME };
    match (Device::new(layout.unwrap_or_default(), options).place(key), value.number(0)) {
        (Some(place), Some(number)) => each(now.value(&place, number, key.into())),
        (Some(_), None) => each(unreadable(key, text, "the value is not a number")),
        (None, _) => super::give_text(key, &value, &mut each),
    }
    true
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
    fn a_single_value_whose_meaning_depends_on_other_keys_needs_their_layout() {
        let options = Options::default();
        let read = |key: &str, payload: &str, layout| {
            let mut is_read = true;
            let found = values(|each| is_read = read_single(key, payload.as_bytes(), &options, layout, each));
            is_read.then(|| found.into_iter().map(|(code, value)| format!("{code} {value}")).collect::<Vec<_>>())
        };
        let one = |text: &str| Some(vec![text.to_owned()]);
        let (d101, d103) = (Some(Layout::of(["A"].into_iter())), Some(Layout::of(["A1", "TWh"].into_iter())));
        assert_eq!(read("A", "3.5", None), None);
        assert_eq!(read("A", "3.5", d101), one("1-0:31.7.0*255 3.5"));
        assert_eq!(read("A", "3.5", d103), one("1-0:90.7.0*255 3.5"));
        assert_eq!(read("V", "230", d101), one("1-0:32.7.0*255 230"));
        assert_eq!(read("V", "230", d103), Some(vec![]), "a voltage of three lines is of none");
        assert_eq!(read("Wh", "7", d101), one("1-0:1.8.0*255 7"));
        assert_eq!(read("Wh", "7", d103), Some(vec![]), "TWh is the total");
        assert_eq!(read("TWh", "7", None), one("1-0:1.8.0*255 7"));
        assert_eq!(read("A1", "1.5", None), one("1-0:31.7.0*255 1.5"));
        assert_eq!(read("T1", "21", None), one("0-1:96.9.0*255 21"));
        assert_eq!(read("ADC", "512", None), one("0-0:128.11.0*255 512"));
        assert_eq!(read("TCh1", "\"17\"", None), one("1-1:82.8.0*255 17"));
        assert_eq!(read("W1", "off", None), Some(vec![]));
    }

    proptest! {
        #[test]
        fn any_payload_is_read_without_a_panic(key in ".{0,12}", payload in prop::collection::vec(any::<u8>(), 0..200)) {
            let options = Options::default();
            read_single(&key, &payload, &options, None, |_| {});
            read_single(&key, &payload, &options, Some(Layout::default()), |_| {});
            read_flat(&payload, &options, |_| {}).ok();
        }
    }
}
