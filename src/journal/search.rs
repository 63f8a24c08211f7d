//! Finding a record by the time it was received.

use super::catalog::Catalog;
use super::retention::newest_received;
use super::{ReadError, Reader, Sequence};
use crate::reading::UnixNanos;
use std::sync::Arc;

/// The first record, in order of sequence, that was received at `time` or later;
/// the next one to come where there is none.
pub(super) fn first_received_at_or_after(catalog: &Arc<Catalog>, time: UnixNanos) -> Result<Sequence, ReadError> {
    for segment in catalog.segments() {
        // Only what is proven to hold nothing so new is passed over unread.
        if newest_received(catalog, &segment).is_some_and(|newest| newest < time) {
            continue;
        }
        return scan_for(catalog, time, segment.name.first);
    }
    Ok(catalog.next())
}

fn scan_for(catalog: &Arc<Catalog>, time: UnixNanos, from: Sequence) -> Result<Sequence, ReadError> {
    let mut reader = Reader::within(catalog, from)?;
    loop {
        match reader.read()? {
            Some(record) if record.header.received >= time => return Ok(record.sequence),
            Some(_) => {}
            None => return Ok(reader.next_sequence()),
        }
    }
}
