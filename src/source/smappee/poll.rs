//! One run of an account: locations, newest rows, reports, gaps, the past.

use super::account::Account;
use super::describe::described;
use super::error::CloudError;
use super::gaps::Gaps;
use super::progress::Progress;
use super::range::{DAY_MS, MINUTE_MS, Range, floor};
use super::reports;
use super::rows::{Cloud, LIVE_MS, Purpose};
use super::sites::{self, Place};
use crate::clock::Clock;
use crate::source::{Describer, Polled, Reporter, SourceError};
use crate::vendor::smappee::rest::Aggregation;
use std::time::{Duration, Instant};

/// Locations and their configuration are read again after this.
const SITES_EVERY: Duration = Duration::from_hours(6);
/// The past is checked for corrected rows this often, and this far back.
const CHECK_EVERY: Duration = Duration::from_hours(24);
const CHECK_BACK_MS: i64 = 26 * 60 * MINUTE_MS;
/// The past is fetched for this part of the time until the next run.
const PAST_PART: f64 = 0.8;

/// The polling of an account.
#[derive(Debug)]
pub(super) struct Poll {
    account: Account,
    cloud: Cloud,
    gaps: Gaps,
    progress: Progress,
    describer: Describer,
    clock: Clock,
    places: Vec<Place>,
    /// When the locations were read, and the wanted ones that the account does not see.
    read_at: Option<Instant>,
    missing: Vec<String>,
}

impl Poll {
    pub(super) fn new(
        account: Account,
        cloud: Cloud,
        gaps: Gaps,
        progress: Progress,
        describer: Describer,
        clock: Clock,
    ) -> Self {
        Self {
            account,
            cloud,
            gaps,
            progress,
            describer,
            clock,
            places: Vec::new(),
            read_at: None,
            missing: Vec::new(),
        }
    }

    async fn read_sites(&mut self) -> Result<(), CloudError> {
        if self.read_at.is_some_and(|at| self.clock.elapsed(at) < SITES_EVERY) {
            return Ok(());
        }
        self.missing = sites::read(&mut self.cloud, &self.account, &mut self.places).await?;
        self.read_at = Some(self.clock.monotonic());
        Ok(())
    }

    /// The newest rows, the reports and the gaps of a location.
    async fn follow(&mut self, at: usize) -> Result<(), CloudError> {
        let Some(place) = self.places.get_mut(at) else { return Ok(()) };
        let (now, present) = (self.cloud.now(), self.clock.monotonic());
        let id = place.site.id.clone();
        let oldest = now - i64::try_from(self.account.backfill.as_millis()).unwrap_or(i64::MAX);
        let until = self.progress.until(&id).unwrap_or(floor(oldest)).max(floor(oldest));
        let checked_at = *place.checked_at.get_or_insert(present);
        let until = if present - checked_at >= CHECK_EVERY {
            place.checked_at = Some(present);
            until.min(floor(now - CHECK_BACK_MS))
        } else {
            until
        };
        let live = floor(now - LIVE_MS);
        let is_behind = until < now - DAY_MS;
        let range = Range { from: if is_behind { live } else { until.min(live) }, to: now };
        for series in place.series() {
            self.cloud.rows(&place.site, &series, Aggregation::FiveMinutes, range, (&[], Purpose::Follow)).await?;
        }
        self.progress.set(&id, if is_behind { until } else { live });
        reports::read(&mut self.cloud, place, present).await?;
        self.gaps.fill(&mut self.cloud, place).await
    }

    /// The next part of a location's past. Returns whether there is more.
    async fn fetch_past(&mut self, at: usize) -> Result<bool, CloudError> {
        let Some(place) = self.places.get(at) else { return Ok(false) };
        let now = self.cloud.now();
        let id = &place.site.id;
        let rest = Range { from: self.progress.until(id).unwrap_or(now), to: floor(now - LIVE_MS) };
        if rest.is_empty() {
            return Ok(false);
        }
        let part = rest.first_part(now);
        for series in place.series() {
            self.cloud.fill(&place.site, &series, part, Purpose::Follow).await?;
        }
        self.progress.set(id, part.to);
        self.progress
            .store()
            .await
            .map_err(|error| CloudError::Broken(format!("the progress cannot be stored: {error}")))?;
        Ok(part.to < rest.to)
    }

    /// The past of all locations in turn, a part at a time, until the next run is near.
    async fn fetch_pasts(&mut self, begun: Instant, mut places: Vec<usize>) -> Result<(), (String, CloudError)> {
        let limit = self.account.every.mul_f64(PAST_PART);
        while !places.is_empty() {
            let mut unfinished = Vec::new();
            for at in places {
                if self.fetch_past(at).await.map_err(|error| (self.id(at), error))? {
                    unfinished.push(at);
                }
            }
            places = unfinished;
            if self.clock.elapsed(begun) >= limit {
                break;
            }
        }
        Ok(())
    }

    fn id(&self, at: usize) -> String {
        self.places.get(at).map_or_else(String::new, |place| place.site.id.clone())
    }

    fn report(&self, reporter: &mut Reporter) {
        let counts = &self.cloud.counts;
        reporter.set("locations", self.places.len());
        reporter.set("rows_corrected", counts.corrected);
        reporter.set("values_unreadable", counts.unreadable);
        reporter.set("requests_refused", counts.refused);
        reporter.set("gaps_fetched", self.gaps.asked);
        if let Some(newest) = counts.newest {
            reporter.set("last_reading", newest);
        }
        let behind = self.places.iter().filter_map(|place| self.progress.until(&place.site.id));
        let behind = behind.map(|until| (self.cloud.now() - until).max(0) / MINUTE_MS).max().unwrap_or_default();
        reporter.set("past_missing_minutes", usize::try_from(behind).unwrap_or_default());
        reporter.clear_texts("locations_not_seen");
        if !self.missing.is_empty() {
            reporter.set("locations_not_seen", self.missing.join(", "));
        }
        let without_uuid = self.places.iter().filter(|place| !place.site.has_uuid()).count();
        reporter.set("locations_without_uuid", without_uuid);
    }
}

impl Polled for Poll {
    async fn poll(&mut self, reporter: &mut Reporter) -> Result<(), SourceError> {
        let begun = self.clock.monotonic();
        self.read_sites().await?;
        self.describer.describe(reporter, || self.places.iter().flat_map(described).collect()).await;
        let mut first_error = None;
        let mut followed = Vec::new();
        for at in 0..self.places.len() {
            match self.follow(at).await {
                Ok(()) => followed.push(at),
                Err(error) if error.is_of_one_call() => {
                    first_error.get_or_insert((self.id(at), error));
                }
                Err(error) => {
                    self.report(reporter);
                    return Err(error.into());
                }
            }
        }
        let past = self.fetch_pasts(begun, followed).await;
        let stored = self.progress.store().await;
        self.report(reporter);
        stored.map_err(|error| SourceError::Failing(format!("the progress cannot be stored: {error}")))?;
        match past.err().or(first_error) {
            None => Ok(()),
            Some((_, error)) if !error.is_of_one_call() => Err(error.into()),
            Some((id, error)) => Err(SourceError::Failing(format!("location {id}: {error}"))),
        }
    }
}
