//! One run of an account: locations, newest rows, reports, gaps, the past.

use super::account::Account;
use super::describe::described;
use super::error::{CloudError, FirstError};
use super::gaps::Gaps;
use super::place::{Place, Series};
use super::progress::Progress;
use super::range::{DAY_MS, MINUTE_MS, Range, floor};
use super::reports;
use super::rows::{Cloud, LIVE_MS, Purpose};
use super::sites;
use crate::clock::Clock;
use crate::source::{Describer, Polled, Reporter, SourceError};
use crate::vendor::smappee::rest::Aggregation;
use std::time::{Duration, Instant};

/// The list of locations is read again after this.
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
    /// The place that a run begins with.
    first: usize,
}

/// The first error of one call, with its location.
type Errors = Option<String>;

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
            first: 0,
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

    /// The configuration, the newest rows, the reports and the gaps of a location. None of them waits for
    /// another that fails.
    async fn follow(&mut self, at: usize, errors: &mut FirstError) -> Result<(), CloudError> {
        let Some(place) = self.places.get_mut(at) else { return Ok(()) };
        let present = self.clock.monotonic();
        sites::learn(&mut self.cloud, place, present, errors).await?;
        if !place.is_known {
            return Ok(());
        }
        let checked_at = *place.checked_at.get_or_insert(present);
        let is_check = present - checked_at >= CHECK_EVERY;
        if is_check {
            place.checked_at = Some(present);
        }
        for series in place.series() {
            let followed = self.follow_series(at, &series, is_check).await;
            errors.note(followed)?;
        }
        let Some(place) = self.places.get_mut(at) else { return Ok(()) };
        let past = (&mut self.progress, oldest(&self.account, self.cloud.now()));
        reports::read(&mut self.cloud, place, past, present, errors).await?;
        self.gaps.fill(&mut self.cloud, place, errors).await
    }

    /// The newest rows of a series.
    async fn follow_series(&mut self, at: usize, series: &Series, is_check: bool) -> Result<(), CloudError> {
        let Some(place) = self.places.get(at) else { return Ok(()) };
        let (now, key) = (self.cloud.now(), series.key(&place.site.id));
        let oldest = oldest(&self.account, now);
        let until = self.progress.until(&key).unwrap_or(floor(oldest)).max(floor(oldest));
        let until = if is_check { until.min(floor(now - CHECK_BACK_MS)) } else { until };
        // Also without an answer: what is missing belongs to the past.
        self.progress.set(&key, until);
        let live = floor(now - LIVE_MS);
        let is_behind = until < now - DAY_MS;
        let from = if is_behind { live } else { until.min(live) };
        let (past, newest) = (Range { from, to: live }, Range { from: live, to: i64::MAX });
        let wanted = [(&[past][..], Purpose::Past), (&[newest][..], Purpose::Follow)];
        self.cloud.rows(place, series, Aggregation::FiveMinutes, Range { from, to: now }, &wanted).await?;
        self.progress.set(&key, if is_behind { until } else { live });
        Ok(())
    }

    /// The next part of the past of a series. Returns whether there is more.
    async fn fetch_past(&mut self, at: usize, series: &Series) -> Result<bool, CloudError> {
        let Some(place) = self.places.get(at) else { return Ok(false) };
        let (now, key) = (self.cloud.now(), series.key(&place.site.id));
        let rest = Range { from: self.progress.until(&key).unwrap_or(now), to: floor(now - LIVE_MS) };
        if rest.is_empty() {
            return Ok(false);
        }
        let part = rest.first_part(now);
        self.cloud.fill(place, series, part, Purpose::Past).await?;
        self.progress.set(&key, part.to);
        self.progress
            .store()
            .await
            .map_err(|error| CloudError::Broken(format!("the progress cannot be stored: {error}")))?;
        Ok(part.to < rest.to)
    }

    /// The past of all series in turn, a part at a time, until the next run is near. Every series has at least one part
    /// in each run.
    async fn fetch_pasts(&mut self, begun: Instant, errors: &mut Errors) -> Result<(), CloudError> {
        let limit = self.account.every.mul_f64(PAST_PART);
        let mut series: Vec<(usize, Series)> = self.in_turn().flat_map(|at| self.series(at)).collect();
        while !series.is_empty() {
            let mut unfinished = Vec::new();
            for (at, series) in series {
                let mut error = FirstError::default();
                let mut has_more = false;
                let fetched = self.fetch_past(at, &series).await.map(|more| has_more = more);
                self.note(at, error.note(fetched).map(|_| ()))?;
                self.keep(at, error, errors);
                if has_more {
                    unfinished.push((at, series));
                }
            }
            series = unfinished;
            if self.clock.elapsed(begun) >= limit {
                break;
            }
        }
        Ok(())
    }

    /// Follows every location, and fetches the past. Ends when no call makes sense now.
    async fn run(&mut self, begun: Instant, errors: &mut Errors) -> Result<(), CloudError> {
        for at in self.in_turn() {
            let mut error = FirstError::default();
            let followed = self.follow(at, &mut error).await;
            self.keep(at, error, errors);
            self.note(at, followed)?;
        }
        self.fetch_pasts(begun, errors).await
    }

    /// Notes where a run ended: the next one begins there, so that every location has its turn.
    fn note(&mut self, at: usize, result: Result<(), CloudError>) -> Result<(), CloudError> {
        if result.is_err() {
            self.first = at;
        }
        result
    }

    /// Keeps the first error, with its location.
    fn keep(&self, at: usize, error: FirstError, errors: &mut Errors) {
        if let Err(error) = error.result() {
            errors.get_or_insert_with(|| format!("location {}: {error}", self.id(at)));
        }
    }

    /// All places, from the first one of this run.
    fn in_turn(&self) -> impl Iterator<Item = usize> + use<> {
        let count = self.places.len();
        let first = if self.first < count { self.first } else { 0 };
        (first..count).chain(0..first)
    }

    /// The series of a place whose transformers are known.
    fn series(&self, at: usize) -> Vec<(usize, Series)> {
        let place = self.places.get(at).filter(|place| place.is_known);
        place.map(Place::series).unwrap_or_default().into_iter().map(|series| (at, series)).collect()
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
        reporter.set("event_ranges_cut", counts.events_cut);
        reporter.clear_texts("members_unknown");
        if !counts.unknown.is_empty() {
            reporter.set("members_unknown", counts.unknown.iter().map(String::as_str).collect::<Vec<_>>().join(", "));
        }
        reporter.set("gaps_fetched", self.gaps.asked);
        if let Some(newest) = counts.newest {
            reporter.set("last_reading", newest);
        }
        let keys =
            self.places.iter().flat_map(|place| place.series().into_iter().map(|series| series.key(&place.site.id)));
        let behind = keys.filter_map(|key| self.progress.until(&key));
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

/// The start of the past that is fetched.
fn oldest(account: &Account, now: i64) -> i64 {
    now - i64::try_from(account.backfill.as_millis()).unwrap_or(i64::MAX)
}

impl Polled for Poll {
    async fn poll(&mut self, reporter: &mut Reporter) -> Result<(), SourceError> {
        let begun = self.clock.monotonic();
        self.read_sites().await?;
        let mut errors = None;
        let run = self.run(begun, &mut errors).await;
        self.describer
            .describe(reporter, || self.places.iter().filter(|place| place.is_known).flat_map(described).collect())
            .await;
        let stored = self.progress.store().await;
        self.report(reporter);
        run?;
        stored.map_err(|error| SourceError::Failing(format!("the progress cannot be stored: {error}")))?;
        errors.map_or(Ok(()), |why| Err(SourceError::Failing(why)))
    }
}
