//! Decodes the original messages of a record again, as a replay may ask. Knows no vendor: `app`
//! gives the function.
//!
//! Invariant: a record whose message cannot be decoded again keeps its stored readings, and is counted.

use crate::base::panic_message;
use crate::journal::Record;
use crate::reading::UnixNanos;
use ::metrics::Counter;
use std::fmt;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

/// The function: source, receive time and batch give the batch of the new readings, or a sentence why
/// the message cannot be decoded again.
type Function = dyn Fn(&str, UnixNanos, &[u8]) -> Result<Vec<u8>, String> + Send + Sync;

/// Decodes the original message of a `ReadingBatch` again.
#[derive(Clone)]
pub struct Redecode(Arc<Function>);

impl Redecode {
    /// Decodes by this function of source, receive time and batch.
    pub fn by(function: impl Fn(&str, UnixNanos, &[u8]) -> Result<Vec<u8>, String> + Send + Sync + 'static) -> Self {
        Self(Arc::new(function))
    }

    /// The batch of a record's new readings.
    ///
    /// # Errors
    /// Why the stored readings are kept, in one sentence.
    pub(super) fn decode(&self, source: &str, record: &Record<'_>) -> Result<Vec<u8>, String> {
        catch_unwind(AssertUnwindSafe(|| (self.0)(source, record.header.received, record.payload)))
            .unwrap_or_else(|panic| Err(format!("the decoder failed at it: {}", panic_message(&*panic))))
    }
}

impl Default for Redecode {
    /// Keeps all stored readings.
    fn default() -> Self {
        Self::by(|_, _, _| Err("there is no decoder".to_owned()))
    }
}

impl fmt::Debug for Redecode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Redecode")
    }
}

/// The records of a replay by what became of their messages, including repeats.
pub(super) struct Redecoded {
    redecode: Redecode,
    sink: String,
    decoded: u64,
    kept: u64,
    decoded_total: Counter,
    kept_total: Counter,
}

impl Redecoded {
    pub(super) fn new(sink: &str, redecode: Redecode) -> Self {
        let counter = |outcome: &str| {
            let labels = [("sink", sink.to_owned()), ("outcome", outcome.to_owned())];
            crate::metrics::counter("meterline_sink_redecoded_records_total", &labels)
        };
        let (decoded_total, kept_total) = (counter("decoded"), counter("kept"));
        Self { redecode, sink: sink.to_owned(), decoded: 0, kept: 0, decoded_total, kept_total }
    }

    /// The batch of a record's new readings; `None` if the stored ones are kept. Counts the record, and
    /// logs the first one that keeps its readings.
    pub(super) fn decode(&mut self, source: &str, record: &Record<'_>) -> Option<Vec<u8>> {
        match self.redecode.decode(source, record) {
            Ok(batch) => {
                self.decoded += 1;
                self.decoded_total.increment(1);
                Some(batch)
            }
            Err(why) => {
                self.kept += 1;
                self.kept_total.increment(1);
                if self.kept == 1 {
                    tracing::warn!(
                        sink = self.sink,
                        record = record.sequence.0,
                        why,
                        "a record keeps its stored readings, because its message cannot be decoded again; others of \
                         this replay are only counted"
                    );
                }
                None
            }
        }
    }

    /// Logs the counts at the end of a replay, and begins again.
    pub(super) fn finish(&mut self) {
        let (decoded, kept) = (std::mem::take(&mut self.decoded), std::mem::take(&mut self.kept));
        if decoded + kept > 0 {
            tracing::info!(
                sink = self.sink,
                decoded,
                kept,
                "the records of the replay were decoded again, or kept their readings"
            );
        }
    }
}
