//! A row of an export, and the formats that take rows.

use crate::query::{MeterEntry, StoredSample};
use std::io;

/// A sample with its texts.
pub(super) struct Exported<'a> {
    pub(super) sample: &'a StoredSample,
    pub(super) meter: Option<&'a MeterEntry>,
    pub(super) unit: &'static str,
}

/// A format that is being written.
pub(super) trait Rows {
    fn add(&mut self, row: &Exported<'_>) -> io::Result<()>;
    fn finish(self: Box<Self>) -> io::Result<()>;
}
