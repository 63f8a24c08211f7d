//! The vendor's cloud, which keeps what a device has sent it: fills gaps of a meter.
//!
//! Gap detection says what is missing, also after a restart, and when it is asked for again. The newest
//! part of a gap is filled with rows of minutes, the rest with rows of hours. A call is rare, and the
//! only request is a GET of `/api`. The key is part of its URL. Invariant: the key is in no error, log,
//! metric or journal record; an answer that repeats it is not kept.

use crate::base::Stop;
use crate::clock::Clock;
use crate::coverage::RepairRequest;
use crate::http::Bounds;
use crate::ingest::Entrance;
use crate::reading::{MeterId, UnixNanos};
use crate::secret::Secret;
use crate::source::allowed::Allowed;
use crate::source::device::{HttpDevice, answered, with_path};
use crate::source::parts::Parts;
use crate::source::{Arrivals, Decoded, Inlet, Keep, Polled, Recorded, Reporter, Schedule, SourceError, Sources};
use crate::vendor::smart_mac::{Options, Period, VENDOR, read_rows};
use crate::vendor::{MessageError, Reading};
use crate::wire::batch::Original;
use bytes::Bytes;
use hyper::{StatusCode, Uri};
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use std::time::Duration;

/// The kind of source.
const KIND: &str = "smart-mac cloud";
/// The limits of one request: 1500 rows of three phases have 600 kB.
const BOUNDS: Bounds = Bounds { timeout: Duration::from_secs(30), answer_bytes_max: 4 << 20 };
/// The requests that the cloud may be sent.
const ALLOWED: Allowed = Allowed(&["GET /api?devid=*&apikey=*&date1=*&date2=*&period=*"]);
/// How often a gap is looked up and filled, and the waits after a failure.
const SCHEDULE: Schedule = Schedule {
    every: if cfg!(test) { Duration::from_millis(20) } else { Duration::from_mins(1) },
    first_within: if cfg!(test) { Duration::ZERO } else { Duration::from_mins(1) },
    backoff: (if cfg!(test) { Duration::from_millis(20) } else { Duration::from_mins(1) }, Duration::from_hours(1)),
};
/// The wait after a refusal: the key or the licence may be corrected by then.
const REFUSED_FOR: Duration = Duration::from_hours(24);
/// The vendor's limits of one call: rows of minutes, and rows of hours.
const MINUTES_MAX: i64 = 1500;
const HOURS_MAX: i64 = 1080;
const MINUTE_NS: i64 = 60_000_000_000;
const SECOND_NS: i64 = 1_000_000_000;
/// Missing quarter-hours per request: no gap is longer.
const SLOTS_MAX: u32 = 40 * 96;
/// A larger answer is not journaled with its readings.
const ORIGINAL_BYTES_MAX: usize = 1 << 20;

/// The access to the cloud.
#[derive(Debug, Clone)]
pub struct Cloud {
    /// Its address, without path.
    pub url: Uri,
    /// The key of the vendor's account.
    pub key: Secret,
}

/// The meter whose gaps are filled.
#[derive(Debug)]
pub(super) struct Meter {
    /// The name of the source.
    pub(super) name: String,
    /// The id of the device.
    pub(super) device: String,
    pub(super) options: Options,
    /// The readings that are journaled.
    pub(super) keep: Keep,
}

/// Fills the gaps of a meter.
#[derive(Debug)]
struct GapFilling {
    meter: Meter,
    cloud: Cloud,
    server: HttpDevice,
    arrivals: Arrivals,
    inlet: Inlet,
    stop: Stop,
    clock: Clock,
    /// Readings since the start.
    filled: usize,
}

/// Rows that were fetched.
struct Rows {
    period: Period,
    readings: Vec<Reading>,
    /// Rows at or behind it were not asked for.
    until: UnixNanos,
    /// The answer as it came.
    body: Bytes,
}

/// The format of an answer.
pub(super) const FORMAT: &str = "smart-mac-cloud";
/// The origins of answers in the journal.
const ORIGINS: [(Period, &str); 2] = [(Period::Minute, "/api?period=minute"), (Period::Hour, "/api?period=hour")];

impl Cloud {
    /// Starts the source that fills the gaps of this meter.
    pub(super) fn start(
        &self,
        meter: Meter,
        sources: &Sources,
        entrance: &Entrance,
        arrivals: Arrivals,
        clock: &Clock,
    ) {
        let filling = GapFilling {
            cloud: self.clone(),
            server: sources.device(&meter.name, BOUNDS, None, ALLOWED, None),
            arrivals,
            // The rows of a call are thinned together, so the inlet leaves none out.
            inlet: Inlet::new(&meter.name, KIND, entrance.clone(), Keep::All),
            stop: sources.stop_signal().clone(),
            clock: clock.clone(),
            filled: 0,
            meter,
        };
        let name = filling.meter.name.clone();
        sources.start_polled(&name, KIND, SCHEDULE, filling);
    }
}

impl GapFilling {
    /// The rows of a gap.
    async fn rows(&self, request: &RepairRequest) -> Result<Vec<Rows>, SourceError> {
        let minutes_from = request.until.saturating_add(-MINUTES_MAX * MINUTE_NS).max(request.from);
        let mut rows = vec![self.call(Period::Minute, minutes_from, request.until).await?];
        if request.from < minutes_from {
            let hours_from = minutes_from.saturating_add(-HOURS_MAX * 60 * MINUTE_NS).max(request.from);
            rows.push(self.call(Period::Hour, hours_from, minutes_from).await?);
        }
        Ok(rows)
    }

    /// One call.
    async fn call(&self, period: Period, from: UnixNanos, until: UnixNanos) -> Result<Rows, SourceError> {
        let name = match period {
            Period::Minute => "minute",
            Period::Hour => "hour",
        };
        let key = utf8_percent_encode(self.cloud.key.expose(), NON_ALPHANUMERIC);
        let (first, last) = (from.0.div_euclid(SECOND_NS), until.0.div_euclid(SECOND_NS));
        let query = format!("/api?devid={}&apikey={key}&date1={first}&date2={last}&period={name}", self.meter.device);
        let body = match self.server.get_if_found(&with_path(&self.cloud.url, &query)?).await {
            Ok(Ok(body)) => body,
            Ok(Err(status @ (StatusCode::TOO_MANY_REQUESTS | StatusCode::REQUEST_TIMEOUT))) => {
                return Err(answered(status));
            }
            Ok(Err(status)) if status.is_client_error() => return Err(refused()),
            Ok(Err(status)) => return Err(answered(status)),
            // 401 and 403.
            Err(SourceError::Misconfigured { .. }) => return Err(refused()),
            Err(other) => return Err(other),
        };
        let decoded = decode(&body, period, &self.meter.device, &self.meter.options, self.clock.now());
        let readings = decoded.map_err(|error| match error {
            // The cloud's own text may repeat the key.
            MessageError::WebPage | MessageError::Device(_) => refused(),
            other => SourceError::Failing(other.to_string()),
        })?;
        Ok(Rows { period, readings, until, body })
    }

    /// Journals what is missing of these rows.
    async fn take(
        &mut self,
        request: &RepairRequest,
        rows: &[Rows],
        reporter: &mut Reporter,
    ) -> Result<(), SourceError> {
        for Rows { period, readings, until, body } in rows {
            let mut missing = self.arrivals.missing_of(request, readings);
            // The cloud may return hours behind the end that was asked for: their minutes are there.
            missing.retain(|(_, reading)| *period == Period::Minute || reading.at < *until);
            let missing = self.meter.keep.thinned(missing);
            let original = Original {
                bytes: self.kept(body),
                content_type: "application/json",
                origin: ORIGINS.iter().find(|(known, _)| known == period).map_or("", |(_, origin)| origin),
                format: FORMAT,
                device: &self.meter.device,
                ..Original::default()
            };
            self.inlet.take_placed(&missing, readings.len(), &original).await?;
            self.filled += missing.len();
        }
        reporter.set("readings_filled", self.filled);
        reporter.set("last_gap", format!("{} to {}", request.from, request.until));
        Ok(())
    }

    /// The answer, unless it is too large or repeats the key.
    fn kept<'a>(&self, body: &'a [u8]) -> &'a [u8] {
        let key = self.cloud.key.expose().as_bytes();
        let repeats_key = !key.is_empty() && body.windows(key.len()).any(|part| part == key);
        if repeats_key || body.len() > ORIGINAL_BYTES_MAX { &[] } else { body }
    }
}

impl Polled for GapFilling {
    /// Fills the oldest gap that is due, and others of the same time: the lines of a device are meters with
    /// the same gap. So there are at most two calls a minute.
    async fn poll(&mut self, reporter: &mut Reporter) -> Result<(), SourceError> {
        let mut fetched: Option<(UnixNanos, UnixNanos, Vec<Rows>)> = None;
        loop {
            // The journal may hold missing readings that gap detection has not seen yet.
            self.arrivals.caught_up(&self.stop).await?;
            let now = self.clock.now();
            let Some(request) = self.arrivals.coverage().next_request(&self.meter.name, now, SLOTS_MAX) else {
                return Ok(());
            };
            let rows = match fetched {
                Some((from, until, rows)) if (from, until) == (request.from, request.until) => rows,
                Some(_) => return Ok(()),
                None => self.rows(&request).await?,
            };
            self.take(&request, &rows, reporter).await?;
            // Gap detection judges the attempt by the readings that it has seen.
            self.arrivals.caught_up(&self.stop).await?;
            self.arrivals.coverage().requested(&request, now);
            fetched = Some((request.from, request.until, rows));
        }
    }
}

/// Decodes rows of this device. Rows of another one are refused, and the others with them.
fn decode(
    body: &[u8],
    period: Period,
    device: &str,
    options: &Options,
    received: UnixNanos,
) -> Result<Vec<Reading>, MessageError> {
    let (mut parts, mut has_others) = (Parts::new(received), false);
    read_rows(body, period, options, |of, part| {
        has_others |= of.is_some_and(|of| of != device);
        parts.add(part, |channel| MeterId::of_channel(VENDOR, device, channel));
    })?;
    if has_others {
        return Err(MessageError::Shape("rows of this device alone"));
    }
    Ok(parts.into_decoded().readings)
}

/// Decodes an answer of the journal again. The error is a sentence.
pub(super) fn decode_again(recorded: &Recorded<'_>, options: &Options) -> Result<Decoded, String> {
    let Original { bytes, origin, device, .. } = recorded.original;
    let period = ORIGINS.iter().find(|(_, known)| known == origin).map(|(period, _)| *period);
    let period = period.ok_or("the record does not say of which period the rows are")?;
    let decoded = decode(bytes, period, device, options, recorded.received);
    Ok(Decoded { readings: decoded.map_err(|error| error.to_string())?, ..Decoded::default() })
}

fn refused() -> SourceError {
    SourceError::Misconfigured {
        why: "the cloud refuses the request, so gaps stay open: check devid and api_key_file, and that the vendor's \
              account has the BUSINESS licence"
            .to_owned(),
        retry_in: Some(REFUSED_FOR),
    }
}

#[cfg(test)]
mod tests;
