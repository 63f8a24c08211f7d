//! The options of the command.

use super::format::Format;
use super::item::Judge;
use crate::vendor::p1::Key;
use crate::vendor::smart_mac::Wiring;

/// How messages are decoded.
pub(super) struct Options {
    pub(super) format: Option<Format>,
    pub(super) unchecked: bool,
    pub(super) key: Option<Key>,
    pub(super) judge: Judge,
    /// The MQTT topics of the messages: one of all files, or one of each.
    pub(super) topics: Vec<String>,
    /// The meaning of the lines of a smart-MAIC.
    pub(super) wiring: Wiring,
    /// The contents of the files with context.
    pub(super) context: Vec<Vec<u8>>,
}

impl Options {
    /// The topic of a file, by its number.
    pub(super) fn topic(&self, file: usize) -> Option<&str> {
        let number = if self.topics.len() == 1 { 0 } else { file };
        self.topics.get(number).map(String::as_str)
    }
}
