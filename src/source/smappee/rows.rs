//! Requests for rows, and their way to ingest.
//!
//! Unchanged rows are journaled once: a row is known by meter, time and interval, with a fingerprint of its
//! values. So an overlap costs nothing, and a row that the cloud corrects is journaled again; the last one
//! wins in every store. At most [`ROWS_KNOWN_MAX`] rows are remembered; a forgotten one is journaled again.

use super::client::Client;
use super::error::CloudError;
use super::range::{HOUR_MS, Range, millis};
use crate::clock::Clock;
use crate::reading::registry::{Interval, Kind};
use crate::reading::{Flags, MeterId, UnixNanos};
use crate::source::Inlet;
use crate::vendor::smappee::rest::{Aggregation, Asked, Document, Site};
use crate::vendor::{At, Part, Reading, Readings, Value};
use crate::wire::batch::Original;
use bytes::Bytes;
use lru::LruCache;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::num::NonZeroUsize;

/// Rows that are remembered.
const ROWS_KNOWN_MAX: usize = 200_000;
/// A row that ended longer ago than this was fetched later. It is also the overlap of two polls.
pub(super) const LIVE_MS: i64 = HOUR_MS;
/// A larger answer is not journaled with its readings.
const ORIGINAL_BYTES_MAX: usize = 1 << 20;

/// A series of rows of a location.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Series {
    /// The location itself and its transformers.
    Site,
    /// A gas and water sensor.
    Sensor(String),
    /// A plug or switch.
    Switch(String),
}

/// Why rows are fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// New and corrected ones; old ones are flagged as fetched later.
    Follow,
    /// To fill a gap: all of them, flagged, because gap detection must see them.
    Repair,
    /// Reports whose time may be long ago: new and corrected ones, not flagged.
    Report,
}

/// The cloud and the way into ingest.
#[derive(Debug)]
pub(super) struct Cloud {
    client: Client,
    inlet: Inlet,
    clock: Clock,
    known: LruCache<(MeterId, UnixNanos, u8), u64>,
    /// Since the start.
    pub(super) counts: Counts,
}

/// Counts for the description of the source.
#[derive(Debug, Default)]
pub(super) struct Counts {
    /// Rows whose values differ from those that were stored before.
    pub(super) corrected: usize,
    pub(super) unreadable: usize,
    /// Calls that the cloud refused.
    pub(super) refused: usize,
    /// The newest time of a row.
    pub(super) newest: Option<UnixNanos>,
}

impl Series {
    fn path(&self, site: &str) -> String {
        match self {
            Self::Site => format!("/dev/v3/servicelocation/{site}/consumption"),
            Self::Sensor(id) => format!("/dev/v3/servicelocation/{site}/sensor/{id}/consumption"),
            Self::Switch(id) => format!("/dev/v3/servicelocation/{site}/switch/{id}/consumption"),
        }
    }

    /// Its name in the progress of an account.
    pub(super) fn key(&self, site: &str) -> String {
        match self {
            Self::Site => site.to_owned(),
            Self::Sensor(id) => format!("{site}/sensor/{id}"),
            Self::Switch(id) => format!("{site}/switch/{id}"),
        }
    }

    fn plug(&self) -> &str {
        match self {
            Self::Switch(id) => id,
            _ => "",
        }
    }
}

impl Cloud {
    pub(super) fn new(client: Client, inlet: Inlet, clock: Clock) -> Self {
        let known = LruCache::sparse(NonZeroUsize::new(ROWS_KNOWN_MAX).unwrap_or(NonZeroUsize::MIN));
        Self { client, inlet, clock, known, counts: Counts::default() }
    }

    /// The present in milliseconds.
    pub(super) fn now(&self) -> i64 {
        millis(self.clock.now())
    }

    /// The present.
    pub(super) fn present(&self) -> UnixNanos {
        self.clock.now()
    }

    /// The body of the answer to a GET; `None` if the cloud does not show this.
    pub(super) async fn get_if_shown(&mut self, path: &str) -> Result<Option<Bytes>, CloudError> {
        match self.get(path).await {
            Err(CloudError::NotShown(_)) => Ok(None),
            other => other.map(Some),
        }
    }

    /// The body of the answer to a GET. A refusal is counted.
    pub(super) async fn get(&mut self, path: &str) -> Result<Bytes, CloudError> {
        let answer = self.client.get(path).await;
        let is_refused = matches!(answer, Err(CloudError::Refused(_) | CloudError::NotShown(_)));
        self.counts.refused += usize::from(is_refused);
        answer
    }

    /// Keeps the metering configuration of a location, which the cloud's live values over MQTT lack.
    pub(super) async fn keep_metering(&self, site: &Site, path: &str) -> Result<(), CloudError> {
        let Some(bytes) = site.metering_configuration() else { return Ok(()) };
        let device = site.meter("").to_string();
        self.inlet.keep_context(Original { bytes, device: &device, ..origin(path) }).await?;
        Ok(())
    }

    /// Fetches and stores the rows of a range that start in one of `wanted`. Returns the starts of all rows.
    pub(super) async fn rows(
        &mut self,
        site: &Site,
        series: &Series,
        aggregation: Aggregation,
        range: Range,
        (wanted, purpose): (&[Range], Purpose),
    ) -> Result<Vec<i64>, CloudError> {
        let Range { from, to } = range;
        let path = format!("{}?aggregation={}&from={from}&to={to}", series.path(&site.id), aggregation.number());
        let body = match series {
            // A refusal is no answer: these rows are still to be fetched.
            Series::Site => self.get(&path).await?,
            // Not every sensor and plug has rows.
            Series::Sensor(_) | Series::Switch(_) => match self.get_if_shown(&path).await? {
                Some(body) => body,
                None => return Ok(Vec::new()),
            },
        };
        let document = Document::read(&body).map_err(unreadable)?;
        let starts = document.starts().map_err(unreadable)?;
        let asked = Asked { interval: aggregation.interval(), from: At::Receipt, plug: series.plug() };
        self.store(site, &document, asked, (wanted, purpose), Original { bytes: &body, ..origin(&path) }).await?;
        Ok(starts)
    }

    /// Stores what is new in an answer, if it starts in one of `wanted`.
    pub(super) async fn store(
        &mut self,
        site: &Site,
        document: &Document<'_>,
        asked: Asked<'_>,
        (wanted, purpose): (&[Range], Purpose),
        original: Original<'_>,
    ) -> Result<(), CloudError> {
        let now = self.clock.now();
        let (mut readings, mut unread) = (Readings::default(), 0);
        let visited = document.visit(site, asked, |part| match part {
            Part::Value(value) if !is_wanted(&value, asked.interval, wanted, now) => {}
            Part::Value(mut value) => {
                let at = value.at.or(now);
                value.flags = value.flags | flags(&value, purpose, millis(now) - millis(at));
                readings.add(site.meter(&value.channel), &value, now);
            }
            Part::Text { .. } => {}
            Part::Unreadable { .. } => unread += 1,
        });
        visited.map_err(unreadable)?;
        self.counts.unreadable += unread;
        let mut readings = readings.into_vec();
        if purpose != Purpose::Repair {
            readings.retain(|reading| self.known.peek(&key(reading)) != Some(&fingerprint(reading)));
        }
        if readings.is_empty() {
            return Ok(());
        }
        let bytes = if original.bytes.len() <= ORIGINAL_BYTES_MAX { original.bytes } else { &[] };
        self.inlet.take(&readings, &Original { bytes, ..original }).await?;
        for reading in &readings {
            let now = fingerprint(reading);
            let before = self.known.put(key(reading), now);
            self.counts.corrected += usize::from(before.is_some_and(|before| before != now));
            self.counts.newest = self.counts.newest.max(Some(reading.at));
        }
        Ok(())
    }
}

/// The error for an answer of another shape.
pub(super) fn unreadable(error: crate::vendor::MessageError) -> CloudError {
    CloudError::Broken(format!("Smappee's answer cannot be read: {error}"))
}

/// The origin of an answer as it is journaled: a path has no secret.
pub(super) fn origin(path: &str) -> Original<'_> {
    Original { content_type: "application/json", origin: path, ..Original::default() }
}

fn is_wanted(value: &Value<'_>, interval: Interval, wanted: &[Range], now: UnixNanos) -> bool {
    let length = match interval.kind() {
        Kind::IntervalEndingAt => interval.length_ns().unwrap_or_default(),
        _ => 0,
    };
    let start = millis(value.at.or(now).saturating_add(-length));
    wanted.is_empty() || wanted.iter().any(|range| range.contains(start))
}

fn flags(value: &Value<'_>, purpose: Purpose, age_ms: i64) -> Flags {
    let later = match purpose {
        Purpose::Follow => age_ms > LIVE_MS,
        Purpose::Repair => true,
        Purpose::Report => false,
    };
    let later = if later { Flags::GAP_REPAIR } else { Flags::NONE };
    later | if value.at == At::Receipt { Flags::TIME_IS_RECEIVE_TIME } else { Flags::NONE }
}

/// Meter, time, and group E of its first register, which names the interval.
fn key(reading: &Reading) -> (MeterId, UnixNanos, u8) {
    (reading.meter, reading.at, reading.samples.first().map_or(0, |sample| sample.obis.0[4]))
}

/// Of the values alone: a row does not change when it gets old.
fn fingerprint(reading: &Reading) -> u64 {
    let mut hasher = DefaultHasher::new();
    for sample in &reading.samples {
        (sample.obis, sample.value.to_bits()).hash(&mut hasher);
    }
    hasher.finish()
}
