//! A telegram: its meter, its time, and its values.
//!
//! The lines are found once, and read twice: for the facts, then for the values. Their list is the only
//! thing that is allocated for the values of a telegram.

use super::checksum::{Checksum, ChecksumFault};
use super::facts::{Facts, printed};
use super::line::Lines;
use super::tariffs::Tariffs;
use super::values::{MAIN, unreadable};
use crate::reading::registry::Unit;
use crate::vendor::{At, Part, Value};

/// Bytes of a line, for the size of the list. Most lines have more.
const LINE_BYTES_USUAL: usize = 20;

/// A whole telegram, borrowed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Telegram<'a> {
    /// From `/` up to and including `!`.
    bytes: &'a [u8],
    checksum: Checksum,
}

/// The ids of a telegram.
#[derive(Debug, Clone, Copy)]
pub struct Ids<'a> {
    facts: Facts<'a>,
    head: &'a [u8],
}

impl Ids<'_> {
    /// The id of the meter (`channel` is empty) or of the device on an M-Bus channel: as printed on it
    /// if the meter sends the hexadecimal form of its characters. `None` if the meter sends none.
    pub fn sent(&self, channel: &str) -> Option<String> {
        if channel.is_empty() {
            return self.facts.printed_id();
        }
        let device = channel.parse().ok().and_then(|number| self.facts.channel(number)?.id);
        device.map(printed).or_else(|| Some(format!("{}:{channel}", self.facts.printed_id()?)))
    }

    /// The same; the head line stands for the id of a meter that sends none. It names a model, so
    /// two meters may have the same.
    pub fn native_id(&self, channel: &str) -> String {
        let head = || {
            let head = String::from_utf8_lossy(self.head);
            if channel.is_empty() { head.into_owned() } else { format!("{head}:{channel}") }
        };
        self.sent(channel).unwrap_or_else(head)
    }
}

impl<'a> Telegram<'a> {
    pub(super) fn new(bytes: &'a [u8], checksum: Checksum) -> Self {
        Self { bytes, checksum }
    }

    /// The bytes from `/` up to and including `!`.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Its checksum.
    pub fn checksum(&self) -> Checksum {
        self.checksum
    }

    /// Whether its values count: its checksum is right, or missing where its standard has none.
    ///
    /// # Errors
    /// The fault. The operator may know that a reader removes checksums.
    pub fn check(&self) -> Result<(), ChecksumFault> {
        match self.checksum {
            Checksum::Right => Ok(()),
            Checksum::Missing if !self.needs_checksum() => Ok(()),
            Checksum::Missing => Err(ChecksumFault::Missing),
            Checksum::Wrong { sent, computed } => Err(ChecksumFault::Wrong { sent, computed }),
        }
    }

    /// Whether its standard prescribes a checksum: DSMR 4 and later, which names its version. Iskra's
    /// AM550 sends none nevertheless.
    pub(super) fn needs_checksum(&self) -> bool {
        self.facts().has_checksum && !self.head().get(..4).is_some_and(|head| head.eq_ignore_ascii_case(b"ISK9"))
    }

    /// The head line without `/`.
    pub fn head(&self) -> &'a [u8] {
        self.split_head().0
    }

    /// The meter's time.
    pub fn at(&self) -> At {
        self.facts().now().0
    }

    /// The ids of the meter and of the devices on its M-Bus.
    pub fn ids(&self) -> Ids<'a> {
        Ids { facts: self.facts(), head: self.head() }
    }

    /// Calls `each` for every part, in the telegram's order; totals derived from tariffs come last.
    pub fn visit(&self, mut each: impl FnMut(Part<'a>)) {
        let (head, rest) = self.split_head();
        let mut lines = Vec::with_capacity(rest.len() / LINE_BYTES_USUAL);
        lines.extend(Lines(rest));
        let facts = Facts::of(head, lines.iter().flatten());
        let mut tariffs = Tariffs::default();
        for line in &lines {
            match line {
                Ok(line) => facts.parts(line, &mut tariffs, &mut each),
                Err(line) => each(unreadable(line, "the line is not a code with values in parentheses")),
            }
        }
        let (at, flags) = facts.now();
        for (obis, value, raw_code) in tariffs.totals() {
            let unit = Unit::WattHour;
            each(Part::Value(Value { channel: MAIN, at, flags, obis, value, unit, raw_code: raw_code.into() }));
        }
    }

    fn split_head(&self) -> (&'a [u8], &'a [u8]) {
        let text = self.bytes.strip_prefix(b"/").unwrap_or(self.bytes);
        let end = text.iter().position(|byte| *byte == b'\n').unwrap_or(text.len());
        (text[..end].trim_ascii(), &text[end..])
    }

    pub(super) fn facts(&self) -> Facts<'a> {
        let (head, rest) = self.split_head();
        let lines: Vec<_> = Lines(rest).flatten().collect();
        Facts::of(head, lines.iter())
    }
}
