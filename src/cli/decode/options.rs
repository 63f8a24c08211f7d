//! The options of the command.

use super::format::Format;
use super::item::Judge;
use crate::vendor::p1::Key;

/// How messages are decoded.
pub(super) struct Options {
    pub(super) format: Option<Format>,
    pub(super) unchecked: bool,
    pub(super) key: Option<Key>,
    pub(super) judge: Judge,
    /// The MQTT topic of the messages.
    pub(super) topic: Option<String>,
    /// The contents of the files with context.
    pub(super) context: Vec<Vec<u8>>,
}
