//! A received message, and its meaning to a route.

use crate::contexts::version_of;
use crate::reading::UnixNanos;
use crate::secret::Secret;
use crate::source::Decoded;
pub(in crate::source::mqtt) use crate::source::inlet::Thinning;
use std::sync::Arc;

/// A received message.
#[derive(Debug, Clone, Copy)]
pub(in crate::source::mqtt) struct Message<'a> {
    pub(in crate::source::mqtt) topic: &'a str,
    pub(in crate::source::mqtt) payload: &'a [u8],
    /// Whether the broker kept it from before the subscription.
    pub(in crate::source::mqtt) is_retained: bool,
    pub(in crate::source::mqtt) received: UnixNanos,
}

/// The meaning of a message.
#[derive(Debug)]
pub(in crate::source::mqtt) enum Found {
    /// Readings.
    Readings(Readings),
    /// A message of texts alone, kept as it is: a later decoder may find readings in it.
    Texts(Box<Readings>),
    /// More frequent than wanted; counted by the inlet.
    Thinned,
    /// A part of a device's configuration.
    Configured {
        /// Its context, without readings.
        configuration: Box<Readings>,
        /// The values that are to be subscribed to once the context is kept.
        filter: Option<Secret>,
    },
    /// Known, and not to be stored: the reason as a label.
    LeftOut(&'static str),
    /// Of a known device, and not readable.
    Unreadable(Unreadable),
    /// No route knows the topic.
    Unknown,
}

/// Why a message with unreadable parts alone is kept.
pub(super) const UNREADABLE: &str = "no value of the message can be read";

/// A message that cannot be read. It is kept, because a later decoder may read it.
#[derive(Debug)]
pub(in crate::source::mqtt) struct Unreadable {
    /// Why, in one sentence.
    pub(in crate::source::mqtt) why: String,
    /// The message, without readings.
    pub(in crate::source::mqtt) message: Box<Readings>,
}

impl Unreadable {
    pub(super) fn new(why: impl Into<String>, message: Readings) -> Self {
        Self { why: why.into(), message: Box::new(message) }
    }
}

/// The readings of a message.
#[derive(Debug)]
pub(in crate::source::mqtt) struct Readings {
    pub(in crate::source::mqtt) decoded: Decoded,
    pub(in crate::source::mqtt) thinning: Thinning,
    /// The topic without secrets.
    pub(in crate::source::mqtt) origin: String,
    /// The format of the message; empty if it cannot be decoded alone.
    pub(in crate::source::mqtt) format: &'static str,
    /// The device, if the message needs a context.
    pub(in crate::source::mqtt) device: String,
    pub(in crate::source::mqtt) context: Context,
    /// The message to keep instead of the received one: without secrets, or made of several.
    pub(in crate::source::mqtt) original: Option<Vec<u8>>,
}

/// The context of a message.
#[derive(Debug)]
pub(in crate::source::mqtt) enum Context {
    /// Kept as this version; empty without one.
    Kept(String),
    /// New: it has to be kept before the readings.
    New(Arc<[u8]>),
}

impl Context {
    /// No context.
    pub(super) fn none() -> Self {
        Self::Kept(String::new())
    }

    /// Its version.
    pub(in crate::source::mqtt) fn version(&self) -> String {
        match self {
            Self::Kept(version) => version.clone(),
            Self::New(context) => version_of(context),
        }
    }
}

impl Readings {
    /// Readings of a message that is kept as it is.
    pub(super) fn new(decoded: Decoded, origin: &str) -> Self {
        Self {
            decoded,
            thinning: Thinning::At(0),
            origin: origin.to_owned(),
            format: "",
            device: String::new(),
            context: Context::none(),
            original: None,
        }
    }
}
