//! Requests for rows, and their way to ingest.
//!
//! Unchanged entries are journaled once: an entry is known by its question and its key, with a hash of its text. So an
//! overlap costs nothing, also after a change of the configuration, and a row that the cloud corrects is journaled
//! again; the last one wins in every store. At most [`ROWS_KNOWN_MAX`] are remembered; a forgotten one is journaled
//! again. Invariant: a record holds the entries of its readings and no others, names the configuration that they were
//! read with, and has one purpose, so it can be decoded again as it was.

use super::client::Client;
use super::decode::{FORMAT, answer, decode};
use super::error::CloudError;
use super::place::{Place, Series};
use super::range::{HOUR_MS, Range, millis};
use crate::clock::Clock;
use crate::reading::{Flags, UnixNanos};
use crate::source::Inlet;
use crate::vendor::smappee::rest::{Aggregation, Document, Item, Shape, Site};
use crate::wire::batch::Original;
use bytes::Bytes;
use lru::LruCache;
use std::collections::BTreeSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::num::NonZeroUsize;

/// Rows that are remembered.
const ROWS_KNOWN_MAX: usize = 200_000;
/// A row that ended longer ago than this was fetched later. It is also the overlap of two polls.
pub(super) const LIVE_MS: i64 = HOUR_MS;
/// An answer with more bytes of entries is several messages. A larger entry is not read.
const MESSAGE_BYTES_MAX: usize = 128 << 10;
/// Names of unknown members that are shown.
const UNKNOWN_MAX: usize = 16;

/// Why entries of an answer are fetched.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Purpose {
    /// New and corrected ones.
    Follow,
    /// The same of the past, flagged as fetched later.
    Past,
    /// To fill a gap: all of them, flagged, because gap detection must see them.
    Repair,
    /// All of them, not flagged.
    State,
}

impl Purpose {
    /// The flag of its readings. A record has readings of one purpose alone, so a redecode gives the same flags.
    fn flags(self) -> Flags {
        match self {
            Self::Past | Self::Repair => Flags::GAP_REPAIR,
            Self::Follow | Self::State => Flags::NONE,
        }
    }

    /// Whether what is in the journal is left out.
    fn is_of_new(self) -> bool {
        matches!(self, Self::Follow | Self::Past)
    }
}

/// An entry of an answer with what it is remembered by.
struct Fresh<'a> {
    item: Item<'a>,
    key: u64,
    content: u64,
}

/// The cloud and the way into ingest.
#[derive(Debug)]
pub(super) struct Cloud {
    client: Client,
    inlet: Inlet,
    clock: Clock,
    /// A hash of the content of each entry, by a hash of its question and its key.
    known: LruCache<u64, u64>,
    /// Since the start.
    pub(super) counts: Counts,
}

/// Counts for the description of the source.
#[derive(Debug, Default)]
pub(super) struct Counts {
    /// Rows whose values differ from those that were stored before.
    pub(super) corrected: usize,
    pub(super) unreadable: usize,
    /// Names of members that are not known, some of them.
    pub(super) unknown: BTreeSet<String>,
    /// Ranges with more events of an appliance than are read.
    pub(super) events_cut: usize,
    /// Calls that the cloud refused.
    pub(super) refused: usize,
    /// The newest time of a row.
    pub(super) newest: Option<UnixNanos>,
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

    /// Keeps the configuration of a location, by which its answers and the cloud's live values over MQTT are read.
    /// Returns its version; empty if nothing was learned.
    pub(super) async fn keep_context(&self, site: &Site, path: &str) -> Result<String, CloudError> {
        let Some(bytes) = site.context() else { return Ok(String::new()) };
        let device = site.meter("").to_string();
        Ok(self.inlet.keep_context(Original { bytes: &bytes, device: &device, ..origin(path) }).await?)
    }

    /// Fetches the rows of a range, and stores those that start in each of `wanted`. Returns the starts of all rows.
    pub(super) async fn rows(
        &mut self,
        place: &Place,
        series: &Series,
        aggregation: Aggregation,
        range: Range,
        wanted: &[(&[Range], Purpose)],
    ) -> Result<Vec<i64>, CloudError> {
        let Range { from, to } = range;
        let path = format!("{}?aggregation={}&from={from}&to={to}", series.path(&place.site.id), aggregation.number());
        let body = match series {
            // A refusal is no answer: these rows are still to be fetched.
            Series::Site => self.get(&path).await?,
            // Not every sensor and plug has rows.
            Series::Sensor(_) | Series::Switch(_) => match self.get_if_shown(&path).await? {
                Some(body) => body,
                None => return Ok(Vec::new()),
            },
        };
        let document = answer(&path, &body).map_err(unreadable)?;
        let items = document.items().map_err(unreadable)?;
        for (ranges, purpose) in wanted {
            let is_wanted = |item: &&Item<'_>| {
                // One without a time is reported.
                let start = item.start.unwrap_or(from);
                ranges.iter().any(|range| range.contains(start))
            };
            let items = items.iter().filter(is_wanted).cloned().collect();
            self.store(place, (&path, &document), items, *purpose).await?;
        }
        Ok(items.iter().filter_map(|item| item.start).collect())
    }

    /// Stores entries of an answer to this path.
    pub(super) async fn store(
        &mut self,
        place: &Place,
        answer: (&str, &Document<'_>),
        items: Vec<Item<'_>>,
        purpose: Purpose,
    ) -> Result<(), CloudError> {
        let mut fresh: Vec<_> = items.into_iter().map(|item| Fresh::of(answer, item)).collect();
        fresh.retain(|it| !purpose.is_of_new() || self.known.peek(&it.key) != Some(&it.content));
        let all = fresh.len();
        fresh.retain(|it| it.item.raw.len() <= MESSAGE_BYTES_MAX);
        self.counts.unreadable += all - fresh.len();
        let mut rest = fresh.as_slice();
        while !rest.is_empty() {
            let mut bytes = 0;
            let fitting = rest.iter().take_while(|it| {
                bytes += it.item.raw.len();
                bytes <= MESSAGE_BYTES_MAX
            });
            let (message, after) = rest.split_at(fitting.count().max(1));
            self.store_message(place, answer, message, purpose).await?;
            rest = after;
        }
        Ok(())
    }

    /// Stores a message with these entries of an answer. One in which nothing can be read is kept within the daily quota.
    async fn store_message(
        &mut self,
        place: &Place,
        (path, document): (&str, &Document<'_>),
        fresh: &[Fresh<'_>],
        purpose: Purpose,
    ) -> Result<(), CloudError> {
        let (now, device) = (self.clock.now(), place.site.meter("").to_string());
        let message = document.with(fresh.iter().map(|it| &it.item));
        let answered = decode(&place.site, path, message.as_bytes(), now).map_err(unreadable)?;
        let original = Original { bytes: message.as_bytes(), device: &device, context: &place.context, ..origin(path) };
        let original = Original { format: FORMAT, ..original };
        let mut readings = answered.decoded.readings;
        readings.iter_mut().for_each(|reading| reading.flags = reading.flags | purpose.flags());
        if !readings.is_empty() {
            self.inlet.take(&readings, &original).await?;
        } else if answered.decoded.unreadable > 0 || !answered.unknown.is_empty() {
            let records = self.inlet.unreadable(&original, now);
            self.inlet.keep_unreadable(&records, now).await?;
        }
        self.counts.unreadable += answered.decoded.unreadable;
        let free = UNKNOWN_MAX.saturating_sub(self.counts.unknown.len());
        self.counts.unknown.extend(answered.unknown.into_iter().take(free));
        self.counts.newest = self.counts.newest.max(readings.iter().map(|reading| reading.at).max());
        for it in fresh {
            let before = self.known.put(it.key, it.content);
            let is_corrected = it.item.start.is_some() && before.is_some_and(|before| before != it.content);
            self.counts.corrected += usize::from(is_corrected);
        }
        Ok(())
    }
}

impl<'a> Fresh<'a> {
    fn of((path, document): (&str, &Document<'_>), item: Item<'a>) -> Self {
        // Rows and events are the same in answers about any range. Costs are of one range.
        let question = if document.shape() == Shape::Cost { Some(path) } else { path.split("&from=").next() };
        let hash = |parts: (&str, &str)| {
            let mut hasher = DefaultHasher::new();
            parts.hash(&mut hasher);
            hasher.finish()
        };
        let (key, content) = (hash((question.unwrap_or_default(), &item.key)), hash(("", item.raw)));
        Self { item, key, content }
    }
}

/// The error for an answer of another shape.
pub(super) fn unreadable(error: crate::vendor::MessageError) -> CloudError {
    CloudError::Broken(format!("Smappee's answer cannot be read: {error}"))
}

/// The origin of an answer as it is journaled: a path has no secret.
fn origin(path: &str) -> Original<'_> {
    Original { content_type: "application/json", origin: path, ..Original::default() }
}
