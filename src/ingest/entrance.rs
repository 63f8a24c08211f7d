//! The entrance of a source: judge a body, append it, wait for the sync, count it.

use super::followers::ReadingObserver;
use super::refusal::Refusal;
use super::source_counters::{SharedMeter, SourceCounters};
use super::state::IngestState;
use super::undecodable::{Quota, RefusedBodies, RefusedBody, UNDECODABLE_BYTES_MAX, Undecodable};
use crate::contexts::version_of;
use crate::journal::{Append, AppendError, LedgerError, RecordHeader, RuleVersion, Sequence, SourceId, Verdict};
use crate::reading::{Flags, Limits, MeterId, Sample, UnixNanos};
use crate::recent_records::RecordOutline;
use crate::wire::batch::{Original, encode};
use crate::wire::{self, DecodeError, Judged, PayloadFormat, Readings, SeenReading, Tally};
use std::fmt;
use std::sync::Arc;
use std::time::Instant;

/// The switch of test builds that kills the service at a step of a context: 1 before its record, 2 between its record
/// and its file, 3 after that.
#[cfg(feature = "test-faults")]
const CONTEXT_DIES_AT: &str = "context-dies-at";

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
struct Judgement<'a> {
    verdict: Verdict,
    tally: Tally,
    begun: Instant,
    received: UnixNanos,
    /// The checked readings, to walk over once more after the sync; `None` if there are none.
    readings: Option<Readings<'a>>,
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
        state.verdict(format, body, state.ingest.clock.now()).map(|(_, tally, _)| tally)
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

    /// Accepts contexts of messages to come as batches without readings, unless that was done before, and keeps them
    /// then, so that every kept one is in the journal. All have their syncs in common. Returns their versions.
    ///
    /// # Errors
    /// A sentence: one is refused, or they cannot be stored. The same ones may be kept again.
    pub async fn keep_contexts(&self, originals: &[Original<'_>]) -> Result<Vec<String>, String> {
        let state = &*self.0;
        let (keeper, source) = (state.ingest.followers.contexts.clone(), Arc::clone(&state.counters.name));
        #[cfg(feature = "test-faults")]
        crate::faults::die_at(CONTEXT_DIES_AT, 1);
        state.record_contexts(originals).await?;
        #[cfg(feature = "test-faults")]
        crate::faults::die_at(CONTEXT_DIES_AT, 2);
        let contexts: Vec<_> = originals.iter().map(|it| (it.device.to_owned(), it.bytes.to_vec())).collect();
        let kept = tokio::task::spawn_blocking(move || keeper.keep(&source, &contexts)).await;
        let kept = kept.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
        #[cfg(feature = "test-faults")]
        crate::faults::die_at(CONTEXT_DIES_AT, 3);
        Ok(kept)
    }

    /// Notes that a message names a context of this device of the source, so that others are forgotten before.
    pub fn uses_context(&self, device: &str) {
        self.0.ingest.followers.contexts.used(&self.0.counters.name, device);
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
        let append = state.append(format, body, &judgement);
        let sequence = state.stored(format, body, &judgement, append).await?;
        Ok(Receipt::Stored { sequence, verdict: judgement.verdict })
    }
}

impl EntranceInner {
    fn judge<'a>(
        &self,
        format: PayloadFormat,
        body: &'a [u8],
        packed: Option<Undecodable>,
    ) -> Result<Judgement<'a>, Refusal> {
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
        Ok(match judged {
            Ok((verdict, tally, readings)) => {
                Judgement { verdict, tally, begun, received, readings: (tally.readings > 0).then_some(readings) }
            }
            Err(error) => {
                let verdict = self.undecodable(error, body.len() as u64, begun)?;
                Judgement { verdict, tally: Tally::default(), begun, received, readings: None }
            }
        })
    }

    fn append(&self, format: PayloadFormat, body: &[u8], judgement: &Judgement<'_>) -> Result<Append, AppendError> {
        self.ingest.journal.append(self.header(format, judgement), body)
    }

    /// Waits for the sync of an appended body, and counts it.
    async fn stored(
        &self,
        format: PayloadFormat,
        body: &[u8],
        judgement: &Judgement<'_>,
        append: Result<Append, AppendError>,
    ) -> Result<Sequence, Refusal> {
        let synced = match append {
            Ok(append) => append.await,
            Err(error) => Err(error),
        };
        let sequence = synced.map_err(|error| self.ingest.refusal(&error))?;
        let readings = self.count(format, body, judgement);
        self.outline(sequence, body, judgement, readings);
        Ok(sequence)
    }

    /// Accepts the contexts that the journal lacks, all before the first sync.
    async fn record_contexts(&self, originals: &[Original<'_>]) -> Result<(), String> {
        const FORMAT: PayloadFormat = PayloadFormat::ReadingBatch;
        let (contexts, source) = (&self.ingest.followers.contexts, &self.counters.name);
        let mut appended = Vec::new();
        for original in originals {
            let version = version_of(original.bytes);
            if contexts.is_unrecorded(source, original.device, &version) {
                let batch = encode::<[Sample; 0]>([], &Original { context: &version, ..original.clone() });
                let judged = self.judge(FORMAT, &batch, None).map_err(|refusal| refusal.to_string())?;
                // Without its empty readings, which borrow from the batch that moves below.
                let Judgement { verdict, tally, begun, received, .. } = judged;
                let judgement = Judgement { verdict, tally, begun, received, readings: None };
                let append = self.append(FORMAT, &batch, &judgement);
                appended.push((original.device, version, batch, judgement, append));
            }
        }
        let mut outcome = Ok(());
        for (device, version, batch, judgement, append) in appended {
            match self.stored(FORMAT, &batch, &judgement, append).await {
                Ok(_) => contexts.recorded(source, device, &version),
                Err(refusal) => outcome = Err(refusal.to_string()),
            }
        }
        outcome
    }

    fn verdict<'a>(
        &self,
        format: PayloadFormat,
        body: &'a [u8],
        received: UnixNanos,
    ) -> Result<(Verdict, Tally, Readings<'a>), DecodeError> {
        let readings = wire::readings(format, body)?;
        let tally = Tally::of(readings.clone(), &self.options.limits, received);
        let verdict = if tally.has_set_aside() { Verdict::PartlySetAside } else { Verdict::Deliverable };
        Ok((verdict, tally, readings))
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

    fn header(&self, format: PayloadFormat, judgement: &Judgement<'_>) -> RecordHeader {
        RecordHeader {
            source: self.source,
            format: format.number(),
            verdict: judgement.verdict,
            rule: self.rule,
            received: judgement.received,
        }
    }

    /// Counts readings of meters that another source sent before, with the last such meter.
    fn count_shared(&self, readings: u64, last: Option<(MeterId, SourceId)>, at: UnixNanos) {
        if let Some((meter, other)) = last {
            let other = self.ingest.journal.source_name(other).unwrap_or_else(|| Arc::from("an unknown source"));
            self.counters.count_shared(readings, SharedMeter { meter, at, other });
        }
    }

    /// Counts a body that is on disk, and passes its readings on. Returns their outlines.
    fn count(&self, format: PayloadFormat, body: &[u8], judgement: &Judgement<'_>) -> Vec<SeenReading> {
        let Judgement { verdict, tally, begun, received, readings } = judgement;
        let ingest = &*self.ingest;
        ingest.outage.end();
        if format == PayloadFormat::Meters {
            // No meter sent this: a silent meter stays silent.
            let versions = wire::meters::versions(body).map_or(0, |versions| versions.len());
            self.counters.count_described(versions as u64);
            return Vec::new();
        }
        let elapsed = begun.saturating_duration_since(ingest.opened);
        self.counters.count_taken(*verdict, tally, body.len() as u64, *received, elapsed);
        let Some(readings) = readings.clone() else { return Vec::new() };
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
            if !is_test(reading)
                && let Some(other) = ingest.senders.note(reading.meter, self.source)
            {
                (shared, last_shared) = (shared + 1, Some((reading.meter, other)));
            }
        });
        // No page shows a test.
        ingest.meters.note(noted.filter(|reading| !is_test(reading)), &self.counters.name, *received);
        self.count_shared(shared, last_shared, *received);
        if let Some(at) = newest {
            self.counters.note_newest(at);
        }
        seen
    }

    /// Describes a record to the pumps that then need not read it.
    fn outline(&self, sequence: Sequence, body: &[u8], judgement: &Judgement<'_>, readings: Vec<SeenReading>) {
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

fn is_test(reading: &Judged<'_>) -> bool {
    reading.flags.contains(Flags::TEST)
}

impl fmt::Debug for Entrance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Entrance").field("source", &self.0.counters.name).finish_non_exhaustive()
    }
}
