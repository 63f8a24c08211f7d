//! smart-MAIC meters: `<prefix><devid>/JSON` with all values, or one topic a value; old firmware has no
//! prefix. Another program that logs in at the device may change the form, so both are taken and a change
//! is said. The meaning of `A`, `V` and `Wh` depends on the device's other topics. Their layout is a context, kept
//! once every topic has come. Until then such a message is kept as it is.

use super::message::{Context, Found, Message, Readings, Thinning, UNREADABLE, Unreadable};
use crate::contexts::version_of;
use crate::reading::{MeterId, UnixNanos};
use crate::source::parts::Parts;
use crate::source::{Decoded, Inlet, Recorded};
use crate::vendor::smart_mac::{Keys, Layout, Options, VENDOR, needs_layout, read_flat, read_single};
use crate::vendor::{MessageError, Part};
use std::hash::{DefaultHasher, Hash as _, Hasher as _};

/// The format of its messages in the journal.
pub(super) const FORMAT: &str = "smart-mac-mqtt";
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

impl Meter {
    /// The topics above its values: old firmware has no prefix, and a device may lose its prefix while we run.
    pub(super) fn parents(&self) -> [String; 2] {
        [format!("{}{}", self.prefix, self.device), self.device.clone()]
    }

    /// Reads a message whose topic ends in `key`; `None` if its meaning depends on a layout that is not known.
    fn read(
        &self,
        key: &str,
        payload: &[u8],
        layout: Option<Layout>,
        received: UnixNanos,
    ) -> Result<Option<Decoded>, MessageError> {
        let mut parts = Parts::new(received);
        let each = |part: Part<'_>| parts.add(part, |channel| MeterId::of_channel(VENDOR, &self.device, channel));
        let is_complete = match key {
            ALL => read_flat(payload, &self.options, each).map(|_| true)?,
            key => read_single(key, payload, &self.options, layout, each),
        };
        Ok(is_complete.then(|| parts.into_decoded()))
    }

    /// Decodes a message of the journal again.
    pub(super) fn decode_again(&self, key: &str, recorded: &Recorded<'_>) -> Result<Decoded, String> {
        let layout = recorded.context.and_then(Layout::read);
        let read = self.read(key, recorded.original.bytes, layout, recorded.received);
        read.map_err(|error| error.to_string())?
            .ok_or_else(|| "the meaning of the value depends on the other topics of the device".to_owned())
    }
}

/// A meter, and the form in which its values come.
#[derive(Debug)]
pub(super) struct State {
    meter: Meter,
    keys: Keys,
    /// The kept layout of its keys, and its version; `None` until it was looked for.
    kept: Option<Option<(String, Layout)>>,
    form: Option<(String, bool)>,
    /// A change of the form, as a sentence.
    moved: Option<String>,
}

impl State {
    pub(super) fn new(meter: Meter) -> Self {
        Self { meter, keys: Keys::default(), kept: None, form: None, moved: None }
    }

    /// Takes the message below `parent`, with the last segment `key`.
    pub(super) fn take(&mut self, parent: &str, key: &str, message: &Message<'_>, inlet: &Inlet) -> Found {
        // No form has a time of its own, so a retained message may be of any age.
        if message.is_retained {
            return Found::LeftOut("retained");
        }
        let place = if key == ALL { PLACE_OF_ALL } else { place_of(key) };
        let needs_layout = key != ALL && needs_layout(key, &self.meter.options);
        if key != ALL {
            self.keys.note(key);
        }
        let layout = if needs_layout { self.layout(inlet) } else { None };
        let device = if needs_layout { self.meter.device.clone() } else { String::new() };
        let readings = |decoded, context| {
            let readings = Readings::new(decoded, message.topic);
            Readings { thinning: Thinning::At(place), format: FORMAT, device, context, ..readings }
        };
        let (layout, context) = layout.map_or((None, Context::none()), |(layout, context)| (Some(layout), context));
        let read = self.meter.read(key, message.payload, layout, message.received);
        let decoded = match read {
            Ok(Some(decoded)) => decoded,
            // A decoder that knows the layout can read it.
            Ok(None) => return Found::Texts(Box::new(readings(Decoded::default(), context))),
            Err(error) => {
                return Found::Unreadable(Unreadable::new(error.to_string(), readings(Decoded::default(), context)));
            }
        };
        self.note_form(parent, key == ALL);
        match (decoded.readings.is_empty(), decoded.unreadable) {
            (true, 0) => Found::LeftOut("ignored"),
            (true, _) => Found::Unreadable(Unreadable::new(UNREADABLE, readings(decoded, context))),
            (false, _) => Found::Readings(readings(decoded, context)),
        }
    }

    /// The layout of the device's keys: by what came since the start, or as it was kept before.
    fn layout(&mut self, inlet: &Inlet) -> Option<(Layout, Context)> {
        let kept = self.kept.get_or_insert_with(|| {
            let (version, document) = inlet.newest_context(&self.meter.device)?;
            Some((version, Layout::read(&document)?))
        });
        match (self.keys.layout(), kept) {
            (Some(layout), Some((version, kept))) if layout == *kept => Some((layout, Context::Kept(version.clone()))),
            (Some(layout), _) => Some((layout, Context::New(layout.document().into_bytes().into()))),
            (None, Some((version, kept))) => Some((*kept, Context::Kept(version.clone()))),
            (None, None) => None,
        }
    }

    /// A layout was kept as this version.
    pub(super) fn kept(&mut self, version: &str) {
        let layout = self.keys.layout().filter(|layout| version_of(layout.document().as_bytes()) == version);
        if let Some(layout) = layout {
            self.kept = Some(Some((version.to_owned(), layout)));
        }
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
