//! The history that a logger keeps, which fills gaps of its meters.
//!
//! Gap detection says what is missing, also after a restart, and when it is asked for again. The rows are
//! counters at the ends of hours, days and months. A request may make the logger write to its flash, so
//! there is at most one look an hour. A failure leaves the readings of now alone.

use super::reader::{FORMAT, MeterOptions, Reader, meter, recorded_identity};
use crate::base::Stop;
use crate::clock::Clock;
use crate::reading::UnixNanos;
use crate::source::device::{answered, with_path};
use crate::source::parts::Parts;
use crate::source::{Arrivals, Decoded, Inlet, Recorded, Reporter, SourceError};
use crate::vendor::dsmr_logger::{Identity, history};
use crate::vendor::{Part, Reading};
use crate::wire::batch::Original;
use bytes::Bytes;
use hyper::StatusCode;
use std::collections::HashSet;
use std::time::{Duration, Instant};

/// The kind of source in metrics.
pub(super) const KIND: &str = "dsmr-logger history";
/// How often gaps are looked up.
const LOOK_EVERY: Duration = if cfg!(test) { Duration::ZERO } else { Duration::from_mins(1) };
/// The shortest time between two requests of the history.
const FETCH_EVERY: Duration = if cfg!(test) { Duration::ZERO } else { Duration::from_hours(1) };
/// Missing quarter-hours per request: no gap is longer.
const SLOTS_MAX: u32 = 40 * 96;
/// Gaps that are filled from one look: of a meter and of the devices behind it.
const GAPS_MAX: usize = 32;
const HOUR_NS: i64 = 3_600_000_000_000;

/// The rows that a logger keeps: 49 hours, 15 days, 25 months.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Period {
    Hours,
    Days,
    Months,
}

/// The periods, the finest first, and what follows the path of the history.
const PERIODS: [(Period, &str); 3] = [(Period::Hours, "hours"), (Period::Days, "days"), (Period::Months, "months")];

/// Fills the gaps of a logger's meters.
#[derive(Debug)]
pub(super) struct History {
    arrivals: Arrivals,
    inlet: Inlet,
    stop: Stop,
    clock: Clock,
    look_at: Instant,
    fetch_at: Instant,
    /// Readings since the start.
    filled: usize,
}

/// The answer for one period.
struct Answer {
    path: String,
    body: Bytes,
    readings: Vec<Reading>,
}

impl History {
    pub(super) fn new(arrivals: Arrivals, inlet: Inlet, stop: Stop, clock: Clock) -> Self {
        let now = clock.monotonic();
        Self { arrivals, inlet, stop, clock, look_at: now, fetch_at: now, filled: 0 }
    }

    /// Fills the gaps that are due. The logger must just have answered.
    ///
    /// # Errors
    /// When a stop was asked for. Every other failure is a fact: the readings of now do come.
    pub(super) async fn fill(&mut self, reader: &mut Reader, reporter: &mut Reporter) -> Result<(), SourceError> {
        let now = self.clock.monotonic();
        if now < self.look_at.max(self.fetch_at) {
            return Ok(());
        }
        self.look_at = now + LOOK_EVERY;
        match self.fill_gaps(reader, reporter).await {
            Err(SourceError::Stopped(stopped)) => return Err(stopped.into()),
            Err(error) => reporter.set("history", error.to_string()),
            Ok(()) => {}
        }
        Ok(())
    }

    async fn fill_gaps(&mut self, reader: &mut Reader, reporter: &mut Reporter) -> Result<(), SourceError> {
        // The journal may hold missing readings that gap detection has not seen yet; and the reading of now
        // may be the one that ends a gap.
        self.arrivals.caught_up(&self.stop).await?;
        let mut fetched: Option<(String, Vec<Answer>)> = None;
        for _ in 0..GAPS_MAX {
            let now = self.clock.now();
            let Some(request) = self.arrivals.coverage().next_request(&reader.options.name, now, SLOTS_MAX) else {
                break;
            };
            // The oldest gap is the first.
            let (context, answers) = match &mut fetched {
                Some(fetched) => fetched,
                none => {
                    self.fetch_at = self.clock.monotonic() + FETCH_EVERY;
                    let answers = fetch(reader, request.from, now).await?;
                    none.insert((reader.keep_info(&self.inlet).await?, answers))
                }
            };
            for Answer { path, body, readings } in &*answers {
                let missing = self.arrivals.missing_of(&request, readings);
                let original = Original {
                    bytes: body,
                    content_type: "application/json",
                    origin: path,
                    format: FORMAT,
                    context,
                    ..Original::default()
                };
                self.inlet.take_placed(&missing, readings.len(), &original).await?;
                self.filled += missing.len();
            }
            // Gap detection judges the attempt by the readings that it has seen.
            self.arrivals.caught_up(&self.stop).await?;
            self.arrivals.coverage().requested(&request, now);
            reporter.set("history", "read");
            reporter.set("readings_filled", self.filled);
            reporter.set("last_gap", format!("{} to {}", request.from, request.until));
        }
        Ok(())
    }
}

/// The history back to `oldest`: the finest rows first, coarser ones only for what is older.
async fn fetch(reader: &mut Reader, oldest: UnixNanos, now: UnixNanos) -> Result<Vec<Answer>, SourceError> {
    let Some(paths) = reader.paths().filter(|paths| !paths.history.is_empty()) else { return Ok(Vec::new()) };
    // The meter may have been exchanged since the identity was read.
    reader.identity = None;
    let identity = reader.identity(paths).await?;
    let mut answers = Vec::new();
    for (period, name) in PERIODS {
        let path = format!("{}{name}", paths.history);
        let body = match reader.device.get_if_found(&with_path(&reader.url, &path)?).await? {
            Ok(body) => body,
            Err(StatusCode::NOT_FOUND) => break,
            Err(status) => return Err(answered(status)),
        };
        let readings = decode(&body, period, &identity, &reader.options, now);
        let readings = readings.map_err(|error| SourceError::Failing(format!("{path}: {error}")))?;
        let reached = readings.iter().map(|reading| reading.at).min();
        answers.push(Answer { path, body, readings });
        if reached.is_some_and(|reached| reached <= oldest.saturating_add(HOUR_NS)) {
            break;
        }
    }
    Ok(answers)
}

/// The period of a history by the path that it came from.
pub(super) fn period_of(path: &str) -> Option<Period> {
    let (_, name) = path.split_once("/hist/")?;
    PERIODS.into_iter().find(|(_, known)| *known == name).map(|(period, _)| period)
}

/// Decodes a history of the journal again. The error is a sentence.
pub(super) fn decode_again(recorded: &Recorded<'_>, period: Period, options: &MeterOptions) -> Result<Decoded, String> {
    let readings = decode(recorded.original.bytes, period, &recorded_identity(recorded)?, options, recorded.received)?;
    Ok(Decoded { readings, ..Decoded::default() })
}

/// Decodes a history of the meter with this identity. The error is a sentence.
fn decode(
    body: &[u8],
    period: Period,
    identity: &Identity,
    options: &MeterOptions,
    now: UnixNanos,
) -> Result<Vec<Reading>, String> {
    let mut parts = Parts::new(now).behind(options.transformers);
    let each = |part: Part<'_>| parts.add(part, |channel| meter(identity, &options.name, channel));
    let read = history::read(body, identity, each);
    read.map_err(|error| error.to_string())?;
    Ok(running_on(parts.into_decoded().readings, period, now))
}

/// The readings of rows after whose end the logger ran on. A row holds the last telegram of its period: if the
/// logger was off at the end, that is an unknown time before it.
fn running_on(readings: Vec<Reading>, period: Period, now: UnixNanos) -> Vec<Reading> {
    let ends: HashSet<i64> = readings.iter().map(|reading| reading.at.0).collect();
    let has_run_on = |UnixNanos(at): UnixNanos| match period {
        // The row of the present hour is still being written.
        Period::Hours => ends.contains(&(at + HOUR_NS)) || at == now.0.div_euclid(HOUR_NS) * HOUR_NS,
        // The last hour of a day in local time, in winter and in summer.
        Period::Days | Period::Months => matches!(at.div_euclid(HOUR_NS).rem_euclid(24), 22 | 23),
    };
    readings.into_iter().filter(|reading| has_run_on(reading.at)).collect()
}

#[cfg(test)]
mod tests;
