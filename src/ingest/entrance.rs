//! The entrance of a source: judge a body, append it, wait for the sync, count it.

use super::followers::ReadingObserver;
use super::refusal::Refusal;
use super::source_counters::{SharedMeter, SourceCounters};
use super::state::IngestState;
use super::undecodable::{Quota, RefusedBodies, RefusedBody, UNDECODABLE_BYTES_MAX, Undecodable};
use crate::journal::{LedgerError, RecordHeader, RuleVersion, Sequence, SourceId, Verdict};
use crate::reading::{Limits, MeterId, Sample, UnixNanos};
use crate::recent_records::RecordOutline;
use crate::wire::batch::{Original, encode};
use crate::wire::{self, DecodeError, Judged, PayloadFormat, SeenReading, Tally};
use std::fmt;
use std::sync::Arc;
use std::time::Instant;

/// The options of a source's entrance.
#[derive(Debug, Clone, Copy)]
pub struct SourceOptions {
    /// The limits of the rule.
    pub limits: Limits,
    /// The handling of an undecodable body.
    pub on_undecodable: OnUndecodable,
    /// Bytes of undecodable bodies kept per day; beyond it they are refused.
    pub undecodable_bytes_max: u64,
}

impl Default for SourceOptions {
    fn default() -> Self {
        Self {
            limits: Limits::DEFAULT,
            on_undecodable: OnUndecodable::Keep,
            undecodable_bytes_max: UNDECODABLE_BYTES_MAX,
        }
    }
}

/// The handling of an undecodable body.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum OnUndecodable {
    /// Keep it in the journal with that verdict; a later decoder may read it.
    #[default]
    Keep,
    /// Refuse it with the offset and the reason, and keep it as a dead letter.
    Refuse,
}

/// The receipt of an accepted body.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Receipt {
    /// The body was empty: counted and not stored.
    Empty,
    /// It is on this machine's disk.
    Stored {
        /// Its number in the journal.
        sequence: Sequence,
        /// The verdict of ingest.
        verdict: Verdict,
    },
}

/// A source's entrance; a clone is the same entrance.
#[derive(Clone)]
pub struct Entrance(Arc<EntranceInner>);

struct EntranceInner {
    ingest: Arc<IngestState>,
    source: SourceId,
    rule: RuleVersion,
    options: SourceOptions,
    counters: Arc<SourceCounters>,
    undecodable: Quota,
    refused: RefusedBodies,
    observer: Option<Arc<dyn ReadingObserver>>,
}

/// The judgement of a body.
struct Judgement {
    verdict: Verdict,
    tally: Tally,
    received: UnixNanos,
}

impl Entrance {
    pub(super) fn new(
        ingest: Arc<IngestState>,
        options: SourceOptions,
        counters: Arc<SourceCounters>,
    ) -> Result<Self, LedgerError> {
        let source = ingest.journal.source_id(&counters.name)?;
        let rule = ingest.journal.rule_version(&options.limits)?;
        let undecodable = Quota::new(options.undecodable_bytes_max);
        let refused = RefusedBodies::new(&counters.name, ingest.letters.clone(), options.undecodable_bytes_max);
        let observer = ingest.followers.observer.clone().filter(|observer| observer.observes(&counters.name));
        Ok(Self(Arc::new(EntranceInner { ingest, source, rule, options, counters, undecodable, refused, observer })))
    }

    /// Judges a body as if it was received now, without accepting it.
    ///
    /// # Errors
    /// A body that cannot be decoded.
    pub fn judge(&self, format: PayloadFormat, body: &[u8]) -> Result<Tally, DecodeError> {
        let state = &*self.0;
        state.verdict(format, body, state.ingest.clock.now()).map(|(_, tally)| tally)
    }

    /// Accepts a body: returns once it is synced to this machine's disk.
    ///
    /// Dropping the future cancels nothing: the body may still be stored.
    ///
    /// # Errors
    /// See [`Refusal`].
    pub async fn take(&self, format: PayloadFormat, body: &[u8]) -> Result<Receipt, Refusal> {
        self.accept(format, body, None).await
    }

    /// Accepts a body that its source cannot unpack, as received: it is undecodable for the
    /// reason `why`. Otherwise like [`Entrance::take`].
    ///
    /// # Errors
    /// See [`Refusal`].
    pub async fn take_packed(&self, format: PayloadFormat, body: &[u8], why: &'static str) -> Result<Receipt, Refusal> {
        self.accept(format, body, Some(Undecodable::Packed(why))).await
    }

    /// Keeps the context of messages to come, and accepts it as a batch without readings unless that was done
    /// before. Returns its version.
    ///
    /// # Errors
    /// A sentence: it cannot be stored, or is refused. A refused one is kept, and the next call offers it again.
    pub async fn keep_context(&self, original: Original<'_>) -> Result<String, String> {
        let state = &*self.0;
        let contexts = &state.ingest.followers.contexts;
        let (keeper, source) = (contexts.clone(), Arc::clone(&state.counters.name));
        let (bytes, device) = (original.bytes.to_vec(), original.device.to_owned());
        // It is synced.
        let kept = tokio::task::spawn_blocking(move || keeper.keep(&source, &device, &bytes)).await;
        let kept = kept.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
        if !kept.is_recorded {
            let original = Original { context: &kept.version, ..original };
            let batch = encode::<[Sample; 0]>([], &original);
            self.take(PayloadFormat::ReadingBatch, &batch).await.map_err(|refusal| refusal.to_string())?;
            contexts.recorded(&state.counters.name, original.device, &kept.version);
        }
        Ok(kept.version)
    }

    /// The newest kept context of a device of this source, with its version. Reads a small file.
    pub fn newest_context(&self, device: &str) -> Option<(String, Arc<[u8]>)> {
        self.0.ingest.followers.contexts.newest(&self.0.counters.name, device)
    }

    /// The newest context of a device that one of these other sources keeps; see [`Contexts::newest_of`].
    ///
    /// [`Contexts::newest_of`]: crate::contexts::Contexts::newest_of
    pub fn newest_context_of(&self, sources: &[String], device: &str, known: &str) -> Option<(String, Arc<[u8]>)> {
        self.0.ingest.followers.contexts.newest_of(sources, device, known)
    }

    /// Whether a message that its source cannot read may be kept as a batch without readings: it spends the quota
    /// of undecodable bodies. Beyond it the message is counted as not kept.
    pub fn may_keep_unreadable(&self, bytes: usize) -> bool {
        let state = &*self.0;
        let is_within = state.undecodable.spend(bytes as u64, state.ingest.clock.monotonic());
        if !is_within {
            state.refused.not_kept();
        }
        is_within
    }

    async fn accept(
        &self,
        format: PayloadFormat,
        body: &[u8],
        packed: Option<Undecodable>,
    ) -> Result<Receipt, Refusal> {
        let state = &*self.0;
        if body.is_empty() {
            state.counters.count_empty();
            return Ok(Receipt::Empty);
        }
        let judgement = match state.judge(format, body, packed) {
            Err(Refusal::Undecodable(error)) => {
                state.keep_refused(format, body, error).await;
                return Err(Refusal::Undecodable(error));
            }
            judged => judged?,
        };
        let header = state.header(format, &judgement);
        let synced = match state.ingest.journal.append(header, body) {
            Ok(append) => append.await,
            Err(error) => Err(error),
        };
        match synced {
            Ok(sequence) => {
                let readings = state.count(format, body, &judgement);
                state.outline(sequence, body, &judgement, readings);
                Ok(Receipt::Stored { sequence, verdict: judgement.verdict })
            }
            Err(error) => Err(state.ingest.refusal(&error)),
        }
    }
}

impl EntranceInner {
    fn judge(&self, format: PayloadFormat, body: &[u8], packed: Option<Undecodable>) -> Result<Judgement, Refusal> {
        let ingest = &*self.ingest;
        let begun = ingest.clock.monotonic();
        let received = ingest.clock.now();
        ingest.clock_watch.check(begun, received);
        if !ingest.clock_watch.can_judge(received) {
            return Err(ingest.clock_unset());
        }
        let judged = match packed {
            None => self.verdict(format, body, received).map_err(Undecodable::Framing),
            Some(packed) => Err(packed),
        };
        ingest.decode_seconds.record(ingest.clock.elapsed(begun));
        let (verdict, tally) = match judged {
            Ok(found) => found,
            Err(error) => (self.undecodable(error, body.len() as u64, begun)?, Tally::default()),
        };
        Ok(Judgement { verdict, tally, received })
    }

    fn verdict(
        &self,
        format: PayloadFormat,
        body: &[u8],
        received: UnixNanos,
    ) -> Result<(Verdict, Tally), DecodeError> {
        let tally = Tally::of(wire::readings(format, body)?, &self.options.limits, received);
        let verdict = if tally.has_set_aside() { Verdict::PartlySetAside } else { Verdict::Deliverable };
        Ok((verdict, tally))
    }

    #[cold]
    fn undecodable(&self, error: Undecodable, bytes: u64, now: Instant) -> Result<Verdict, Refusal> {
        self.counters.report_undecodable(&error);
        match self.options.on_undecodable {
            OnUndecodable::Refuse => Err(Refusal::Undecodable(error)),
            OnUndecodable::Keep if self.undecodable.spend(bytes, now) => Ok(Verdict::Undecodable),
            OnUndecodable::Keep => {
                self.refused.not_kept();
                Err(Refusal::QuotaSpent(error))
            }
        }
    }

    async fn keep_refused(&self, format: PayloadFormat, bytes: &[u8], error: Undecodable) {
        let clock = &self.ingest.clock;
        let refused = RefusedBody { source: &self.counters.name, format, received: clock.now(), error, bytes };
        self.refused.keep(refused, clock.monotonic()).await;
    }

    fn header(&self, format: PayloadFormat, judgement: &Judgement) -> RecordHeader {
        RecordHeader {
            source: self.source,
            format: format.number(),
            verdict: judgement.verdict,
            rule: self.rule,
            received: judgement.received,
        }
    }

    /// Counts readings of meters that another source sent before, with the last such meter.
    fn count_shared(&self, readings: u64, last: Option<(MeterId, SourceId)>) {
        if let Some((meter, other)) = last {
            let other = self.ingest.journal.source_name(other).unwrap_or_else(|| Arc::from("an unknown source"));
            self.counters.count_shared(readings, SharedMeter { meter, other });
        }
    }

    /// Counts a body that is on disk, and passes its readings on. Returns their outlines.
    fn count(&self, format: PayloadFormat, body: &[u8], judgement: &Judgement) -> Vec<SeenReading> {
        let Judgement { verdict, tally, received } = judgement;
        let ingest = &*self.ingest;
        ingest.outage.end();
        if format == PayloadFormat::Meters {
            // No meter sent this: a silent meter stays silent.
            let versions = wire::meters::versions(body).map_or(0, |versions| versions.len());
            self.counters.count_described(versions as u64);
            return Vec::new();
        }
        let elapsed = ingest.clock.elapsed(ingest.opened);
        self.counters.count_taken(*verdict, tally, body.len() as u64, *received, elapsed);
        let (true, Ok(readings)) = (tally.readings > 0, wire::readings(format, body)) else { return Vec::new() };
        let judged = readings.filter_map(|reading| Judged::new(reading, &self.options.limits, *received).ok());
        if tally.flagged > 0 {
            self.counters.count_flags(judged.clone());
        }
        if let Some(observer) = &self.observer {
            observer.observe(format, &mut judged.clone());
        }
        let mut seen = Vec::with_capacity(usize::try_from(tally.readings).unwrap_or(0));
        let (mut shared, mut last_shared) = (0, None);
        let mut newest = None;
        let noted = judged.inspect(|reading| {
            // A meter whose clock is ahead is as new as its message.
            newest = newest.max(Some(reading.at.min(*received)));
            seen.extend(SeenReading::of(reading));
            if let Some(other) = ingest.senders.note(reading.meter, self.source) {
                (shared, last_shared) = (shared + 1, Some((reading.meter, other)));
            }
        });
        ingest.meters.note(noted, &self.counters.name, *received);
        self.count_shared(shared, last_shared);
        if let Some(at) = newest {
            self.counters.note_newest(at);
        }
        seen
    }

    /// Describes a record to the pumps that then need not read it.
    fn outline(&self, sequence: Sequence, body: &[u8], judgement: &Judgement, readings: Vec<SeenReading>) {
        let outline = RecordOutline {
            source: Arc::clone(&self.counters.name),
            received: judgement.received,
            bytes: body.len() as u64,
            is_deliverable: judgement.verdict == Verdict::Deliverable,
            readings: readings.into_boxed_slice(),
        };
        self.ingest.followers.recent.add(sequence, outline);
    }
}

impl fmt::Debug for Entrance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entrance").field("source", &self.0.counters.name).finish_non_exhaustive()
    }
}
