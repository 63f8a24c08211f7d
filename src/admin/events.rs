//! Live values as server-sent events: the newest value of each meter of a page, when it changes.
//!
//! Bounds: [`CLIENTS_MAX`] clients, [`PAGE_METERS`] meters and one event a second for each, and no queue: an event is made
//! when the connection can take it, from the newest values. A stream ends after [`LASTS`], and the browser connects again.

use super::Views;
use super::meter_state::Meter;
use super::moment;
use super::now::PAGE_METERS;
use super::units::shown;
use crate::clock::Clock;
use crate::ingest::Ingest;
use crate::reading::{MeterId, Units, UnixNanos};
use bytes::Bytes;
use hyper::body::{Body, Frame};
use serde::Serialize;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval};
use uuid::Uuid;

/// Clients at once.
pub(super) const CLIENTS_MAX: usize = 64;
/// The shortest time between two events of a client.
const INTERVAL: Duration = Duration::from_secs(1);
/// Shorter than the lifetime of a connection.
const LASTS: Duration = Duration::from_secs(50);
/// Milliseconds after which a browser connects again.
const BEGIN: &str = "retry: 1000\n\n";

/// The meters of a list of ids with commas between them.
///
/// # Errors
/// A text that is no id, or too many of them.
pub(super) fn meters(list: &str) -> Result<Vec<MeterId>, String> {
    let ids: Result<Vec<Uuid>, _> = list.split(',').filter(|id| !id.is_empty()).map(str::parse).collect();
    let ids = ids.map_err(|_| "meters must be ids with commas between them.\n".to_owned())?;
    if ids.len() > PAGE_METERS {
        return Err(format!("at most {PAGE_METERS} meters can be followed at once.\n"));
    }
    Ok(ids.into_iter().map(MeterId::from).collect())
}

/// The stream of one client.
#[derive(Debug)]
pub(super) struct Events {
    ingest: Ingest,
    units: Units,
    clock: Clock,
    meters: Vec<MeterId>,
    /// When the last value sent of each meter was received.
    sent: Vec<Option<UnixNanos>>,
    has_begun: bool,
    interval: Interval,
    until: Instant,
    _permit: OwnedSemaphorePermit,
}

/// A meter with a new value.
#[derive(Debug, Serialize)]
struct Change {
    meter: String,
    number: String,
    unit: &'static str,
    full: String,
    /// RFC 3339 in UTC.
    at: String,
}

impl Events {
    /// Follows these meters. Needs a Tokio runtime.
    pub(super) fn new(views: &Views, meters: Vec<MeterId>, permit: OwnedSemaphorePermit) -> Self {
        let mut interval = interval(INTERVAL);
        interval.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self {
            ingest: views.ingest.clone(),
            units: views.units.clone(),
            clock: views.clock.clone(),
            sent: vec![None; meters.len()],
            meters,
            has_begun: false,
            interval,
            until: Instant::now() + LASTS,
            _permit: permit,
        }
    }

    /// The next event; `None` if no meter has a new value.
    fn event(&mut self) -> Option<String> {
        let now = self.clock.now();
        let readings = self.ingest.newest_readings_of(&self.meters);
        let mut changes = Vec::new();
        for reading in readings {
            let Some(place) = self.meters.iter().position(|meter| *meter == reading.meter) else { continue };
            if self.sent[place].replace(reading.received) == Some(reading.received) {
                continue;
            }
            let meter = Meter::of_reading(&reading, &self.units);
            let value = meter.main_value().map(|main| shown(main.value, main.unit));
            changes.push(Change {
                meter: meter.id.to_string(),
                number: value.as_ref().map_or_else(String::new, |value| value.number.clone()),
                unit: value.as_ref().map_or("", |value| value.unit),
                full: value.map_or_else(String::new, |value| value.full),
                at: moment::iso(meter.newest_at.unwrap_or(now)),
            });
        }
        // Numbers and times cannot fail to be written.
        (!changes.is_empty()).then(|| format!("data: {}\n\n", serde_json::to_string(&changes).unwrap_or_default()))
    }
}

impl Body for Events {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if !std::mem::replace(&mut self.has_begun, true) {
            return Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(BEGIN.as_bytes())))));
        }
        loop {
            let now = ready!(self.interval.poll_tick(context));
            if now >= self.until {
                return Poll::Ready(None);
            }
            if let Some(event) = self.event() {
                return Poll::Ready(Some(Ok(Frame::data(Bytes::from(event)))));
            }
        }
    }
}
