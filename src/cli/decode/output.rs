//! Prints items, for a person or as one JSON object per line, and counts them.

use super::format::Format;
use super::item::{Item, ValueItem};
use crate::cli::failure::Failure;
use crate::journal::Sequence;
use crate::reading::UnixNanos;
use crate::secret::hide;
use serde::Serialize;
use std::io::{self, Write};

/// Bytes of an unreadable part that are shown to a person. JSON has them all.
const SHOWN_MAX: usize = 120;

/// The output of the command.
pub(super) struct Output<W> {
    out: W,
    json: bool,
    file: String,
    /// Where the message begins in the file.
    place: usize,
    /// Meter, time and flags of the last value: a person sees them once.
    heading: Option<String>,
    is_closed: bool,
    messages: usize,
    messages_unreadable: usize,
    values: usize,
    set_aside: usize,
    parts_unreadable: usize,
}

/// An item with its place.
#[derive(Serialize)]
struct Placed<'a> {
    file: &'a str,
    offset: u64,
    #[serde(flatten)]
    item: &'a Item,
}

impl<W: Write> Output<W> {
    pub(super) fn new(out: W, json: bool) -> Self {
        Self {
            out,
            json,
            file: String::new(),
            place: 0,
            heading: None,
            is_closed: false,
            messages: 0,
            messages_unreadable: 0,
            values: 0,
            set_aside: 0,
            parts_unreadable: 0,
        }
    }

    /// Begins a file or a record, with its format if that was detected.
    pub(super) fn begin(&mut self, file: &str, detected: Option<Format>) -> Result<(), Failure> {
        file.clone_into(&mut self.file);
        self.place = 0;
        self.heading = None;
        let detected = detected.map_or_else(String::new, |format| format!(" (detected format: {})", format.name()));
        if !self.json {
            return self.line(&format!("{file}{detected}"));
        }
        if !detected.is_empty() {
            // A note for the person beside the script; its loss changes nothing.
            writeln!(io::stderr(), "{file}{detected}").ok();
        }
        Ok(())
    }

    /// Begins a message at this offset of the file. Offsets of its items count from there.
    pub(super) fn move_to(&mut self, place: usize) {
        self.place = place;
        self.heading = None;
    }

    /// Begins a record of the journal.
    pub(super) fn begin_record(&mut self, sequence: Sequence, received: UnixNanos) -> Result<(), Failure> {
        "journal".clone_into(&mut self.file);
        self.place = 0;
        self.heading = None;
        if self.json { Ok(()) } else { self.line(&format!("record {}, received {received}", sequence.0)) }
    }

    /// Counts a message that was read.
    pub(super) fn message(&mut self) {
        self.messages += 1;
        self.heading = None;
    }

    /// Prints a message that cannot be read.
    pub(super) fn unreadable_message(&mut self, offset: usize, error: &str, bytes: &[u8]) -> Result<(), Failure> {
        self.messages += 1;
        self.messages_unreadable += 1;
        self.unreadable_part(offset, error, bytes)
    }

    /// Prints bytes beside the messages, or a part of one, that cannot be read.
    pub(super) fn unreadable_part(&mut self, offset: usize, error: &str, bytes: &[u8]) -> Result<(), Failure> {
        let bytes = hide(bytes);
        let is_text = |text: &&str| text.chars().all(|c| !c.is_control() || c.is_ascii_whitespace());
        let text = std::str::from_utf8(&bytes).ok().filter(is_text);
        let kept = text.map_or_else(|| hex::encode(&bytes), str::to_owned);
        self.put(offset, Item::Unreadable { error: error.to_owned(), kept })
    }

    /// Prints an item at this offset of the message, without secrets.
    pub(super) fn put(&mut self, offset: usize, item: Item) -> Result<(), Failure> {
        let item = &item.without_secrets();
        let offset = self.place + offset;
        match item {
            Item::Value(value) => {
                self.values += 1;
                self.set_aside += usize::from(value.set_aside.is_some());
            }
            Item::Unreadable { .. } => self.parts_unreadable += 1,
            Item::Text { .. } => {}
        }
        if self.json {
            let placed = Placed { file: &self.file, offset: offset as u64, item };
            let line = serde_json::to_string(&placed)?;
            return self.line(&line);
        }
        match item {
            Item::Value(value) => self.value(value),
            Item::Text { meter, native_id, raw_code, text } => {
                self.meter(meter, native_id)?;
                self.line(&format!("  {raw_code:<17} text {text}"))
            }
            Item::Unreadable { error, kept } => {
                let shown: String = kept.chars().take(SHOWN_MAX).collect();
                let shown = if shown.is_empty() { shown } else { format!(": {}", shown.escape_debug()) };
                self.line(&format!("  UNREADABLE at {offset}: {error}{shown}"))
            }
        }
    }

    /// Prints the meter of a text, unless it is the one of the line before. A text has no time.
    fn meter(&mut self, meter: &str, native_id: &str) -> Result<(), Failure> {
        let has_id = native_id != meter && !native_id.is_empty();
        let heading = if has_id { format!("meter {meter}  {native_id}") } else { format!("meter {meter}") };
        if !self.heading.as_ref().is_some_and(|known| known.starts_with(&heading)) {
            self.line(&heading)?;
            self.heading = Some(heading);
        }
        Ok(())
    }

    fn value(&mut self, item: &ValueItem) -> Result<(), Failure> {
        let meter = item.meter.as_deref().unwrap_or("no meter");
        let native_id = item.native_id.as_deref().filter(|id| *id != meter);
        let time = item.time.as_deref().unwrap_or("no time");
        let mut heading = format!("meter {meter}");
        for part in native_id.into_iter().chain([time]).chain(item.flags.iter().copied()) {
            heading.push_str("  ");
            heading.push_str(part);
        }
        if self.heading.as_ref() != Some(&heading) {
            self.line(&heading)?;
            self.heading = Some(heading);
        }
        let obis = item.obis.as_deref().unwrap_or("no code");
        let mut line = format!("  {obis:<17}");
        if let Some(value) = item.value {
            // Name last: it has no fixed width.
            let amount = format!("{value} {}", item.unit.unwrap_or("?"));
            line.push_str(&format!(" {:>20}  {}", amount.trim_end(), item.name.as_deref().unwrap_or("unknown code")));
        }
        if let Some(reason) = item.set_aside {
            line.push_str(&format!("  SET ASIDE: {reason}"));
        }
        self.line(&line)
    }

    /// Prints the counts.
    ///
    /// # Errors
    /// When a message was not read.
    pub(super) fn finish(mut self) -> Result<(), Failure> {
        let Self { messages, messages_unreadable, values, set_aside, parts_unreadable, .. } = self;
        if !self.json {
            self.line(&format!(
                "messages {messages}, not readable {messages_unreadable}; values {values}, set aside {set_aside}, unreadable parts {parts_unreadable}"
            ))?;
        }
        match messages_unreadable {
            0 if messages == 0 => Err(Failure::Shown { message: "there is no message".to_owned(), code: 1 }),
            0 => Ok(()),
            count => {
                Err(Failure::Shown { message: format!("{count} of {messages} messages could not be read"), code: 1 })
            }
        }
    }

    /// Prints a line. A closed pipe (`| head`) is not a failure.
    fn line(&mut self, line: &str) -> Result<(), Failure> {
        if self.is_closed {
            return Ok(());
        }
        match writeln!(self.out, "{line}") {
            Err(error) if error.kind() == io::ErrorKind::BrokenPipe => {
                self.is_closed = true;
                Ok(())
            }
            other => Ok(other?),
        }
    }
}
