//! Takes the messages of a connection, one after the other.
//!
//! Knows no transport and no vendor. Invariants: a message that cannot be decoded is counted, and kept without
//! readings; too many in a row end the connection. A message that ingest refuses is tried again before the next
//! one is taken.

use super::{Decoded, Inlet, Reporter, SourceError, SourceState};
use crate::reading::UnixNanos;
use crate::wire::batch::Original;
use std::time::Duration;

/// The wait before a refused reading is tried again.
const RETRY_WAIT: Duration = if cfg!(test) { Duration::from_millis(20) } else { Duration::from_secs(5) };
/// This number of undecodable messages in a row ends the connection.
const SKIPPED_IN_A_ROW_MAX: u32 = 10;

/// The messages of a source's connections.
#[derive(Debug)]
pub(super) struct Intake {
    inlet: Inlet,
    skipped: usize,
    skipped_in_a_row: u32,
}

impl Intake {
    pub(super) fn new(inlet: Inlet) -> Self {
        Self { inlet, skipped: 0, skipped_in_a_row: 0 }
    }

    /// A new connection begins.
    pub(super) fn begin(&mut self) {
        self.skipped_in_a_row = 0;
    }

    /// Keeps the context of later messages. As [`Inlet::keep_context`].
    ///
    /// # Errors
    /// When it cannot be kept.
    pub(super) async fn keep_context(&self, original: Original<'_>) -> Result<String, SourceError> {
        self.inlet.keep_context(original).await
    }

    /// Takes a message with the result of its decoding, whose error is a sentence. Meanwhile the
    /// device's messages wait in the connection. False if the message was skipped.
    ///
    /// # Errors
    /// When too many messages in a row could not be decoded, or a stop was requested.
    pub(super) async fn take(
        &mut self,
        decoded: Result<Decoded, String>,
        original: &Original<'_>,
        received: UnixNanos,
        reporter: &mut Reporter,
    ) -> Result<bool, SourceError> {
        // Made once: it spends the quota of undecodable bodies.
        let unreadable = match &decoded {
            Ok(_) => Vec::new(),
            Err(_) => self.inlet.unreadable(original, received),
        };
        while let Err(error) = match &decoded {
            Ok(decoded) => self.inlet.offer(decoded, original, reporter).await,
            Err(_) => self.inlet.keep_unreadable(&unreadable, received).await,
        } {
            let SourceError::Failing(why) = error else { return Err(error) };
            reporter.report(SourceState::Failing, Some(why));
            tokio::time::sleep(RETRY_WAIT).await;
        }
        if let Err(why) = decoded {
            return self.skip(why, reporter).map(|()| false);
        }
        self.skipped_in_a_row = 0;
        reporter.report(SourceState::Running, None);
        Ok(true)
    }

    fn skip(&mut self, why: String, reporter: &mut Reporter) -> Result<(), SourceError> {
        self.skipped += 1;
        self.skipped_in_a_row += 1;
        reporter.set("messages_skipped", self.skipped);
        reporter.set("last_message_error", why.as_str());
        if self.skipped_in_a_row == SKIPPED_IN_A_ROW_MAX {
            return Err(SourceError::Failing(format!("the device sends messages that cannot be read: {why}")));
        }
        // A single bad message is no failure of a stream that runs.
        if reporter.state() != SourceState::Running {
            reporter.report(SourceState::Failing, Some(why));
        }
        Ok(())
    }
}
