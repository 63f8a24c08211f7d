//! smart-MAIC meters: `<prefix><devid>/JSON` with all values, or one topic a value; old firmware has no
//! prefix. Another program that logs in at the device may change the form, so both are taken and a change
//! is said.

use super::message::{Found, Message, Readings, Thinning, UNREADABLE, Unreadable};
use crate::reading::MeterId;
use crate::source::parts::Parts;
use crate::vendor::smart_mac::{Keys, Options, VENDOR, read_flat};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

/// The last segment of the topic with all values.
const ALL: &str = "JSON";
/// The place of messages with all values. Single values have places far beyond it.
const PLACE_OF_ALL: usize = 0;

/// A configured meter.
#[derive(Debug, Clone)]
pub struct Meter {
    /// The prefix of its topics, up to the devid.
    pub prefix: String,
    /// The id of the device.
    pub device: String,
    /// The user's knowledge of its lines and inputs.
    pub options: Options,
}

/// A meter, and the form in which its values come.
#[derive(Debug)]
pub(super) struct State {
    meter: Meter,
    keys: Keys,
    form: Option<(String, bool)>,
    /// A change of the form, as a sentence.
    moved: Option<String>,
}

impl State {
    pub(super) fn new(meter: Meter) -> Self {
        Self { meter, keys: Keys::default(), form: None, moved: None }
    }

    /// Takes the message below `parent`, with the last segment `key`.
    pub(super) fn take(&mut self, parent: &str, key: &str, message: &Message<'_>) -> Found {
        // No form has a time of its own, so a retained message may be of any age.
        if message.is_retained {
            return Found::LeftOut("retained");
        }
        let mut parts = Parts::new(message.received);
        let meter = |channel: &str| MeterId::of_channel(VENDOR, &self.meter.device, channel);
        let place = if key == ALL {
            let read = read_flat(message.payload, &self.meter.options, |part| parts.add(part, meter));
            if let Err(error) = read {
                let message = Readings::new(parts.into_decoded(), message.topic);
                return Found::Unreadable(Unreadable::new(error.to_string(), message));
            }
            PLACE_OF_ALL
        } else {
            if !self.keys.read(key, message.payload, &self.meter.options, |part| parts.add(part, meter)) {
                return Found::LeftOut("incomplete");
            }
            place_of(key)
        };
        self.note_form(parent, key == ALL);
        let decoded = parts.into_decoded();
        if decoded.readings.is_empty() && decoded.unreadable == 0 {
            return Found::LeftOut("ignored");
        }
        if decoded.readings.is_empty() {
            return Found::Unreadable(Unreadable::new(UNREADABLE, Readings::new(decoded, message.topic)));
        }
        Found::Readings(Readings { thinning: Thinning::At(place), ..Readings::new(decoded, message.topic) })
    }

    fn note_form(&mut self, parent: &str, is_all: bool) {
        let is_same = self.form.as_ref().is_some_and(|(known, all)| known == parent && *all == is_all);
        if is_same {
            return;
        }
        let describe =
            |(parent, is_all): &(String, bool)| if *is_all { format!("{parent}/{ALL}") } else { format!("{parent}/+") };
        let form = (parent.to_owned(), is_all);
        if let Some(before) = &self.form {
            self.moved = Some(format!("the values moved from {} to {}", describe(before), describe(&form)));
        }
        self.form = Some(form);
    }

    /// A change of the topics.
    pub(super) fn moved(&self) -> Option<&str> {
        self.moved.as_deref()
    }
}

/// The values of each topic are thinned alone. The places leave room for the readings of a message.
fn place_of(key: &str) -> usize {
    let mut hasher = DefaultHasher::new();
    key.hash(&mut hasher);
    usize::try_from(hasher.finish() >> 8).unwrap_or(1 << 20) | 1 << 16
}
