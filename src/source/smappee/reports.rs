//! Plug states, events of appliances, and the cost analysis: everything that is no row.

use super::decode::answer;
use super::error::{CloudError, FirstError};
use super::place::{LOCATIONS, Place};
use super::progress::Progress;
use super::range::{DAY_MS, HOUR_MS, Range};
use super::rows::{Cloud, Purpose, unreadable};
use crate::reading::registry::Interval;
use crate::vendor::smappee::rest::COSTS;
use jiff::tz::TimeZone;
use jiff::{Timestamp, ToSpan as _};
use std::time::{Duration, Instant};

/// An unchanged state is stored again after this.
const STATE_REPEATED_AFTER: Duration = Duration::from_hours(1);
/// Events are read this often, with an overlap. After a longer outage they are read by parts of a day, one in each run.
const EVENTS_EVERY: Duration = Duration::from_hours(1);
const EVENTS_BACK_MS: i64 = 3 * HOUR_MS;
const EVENTS_PART_MS: i64 = DAY_MS;
/// Largest number of events of one appliance in an answer. A range with as many is halved.
const EVENTS_MAX: usize = 1000;
/// Requests for events of one appliance in a run. It is enough for about 30,000 events in a day.
const EVENT_REQUESTS_MAX: usize = 64;
/// The costs of this month and year, and of the ones before, are read this often.
const COSTS_EVERY: Duration = Duration::from_hours(24);

/// Reads the reports of a location that are due at `now`. One that fails is read again with the next run. Events from
/// before `oldest`, in milliseconds, are not read.
pub(super) async fn read(
    cloud: &mut Cloud,
    place: &mut Place,
    (progress, oldest): (&mut Progress, i64),
    now: Instant,
    errors: &mut FirstError,
) -> Result<(), CloudError> {
    let is_due = |at: Option<Instant>, every: Duration| at.is_none_or(|at| now - at >= every);
    states(cloud, place, now, errors).await?;
    if is_due(place.events_at, EVENTS_EVERY) && events(cloud, place, (progress, oldest), errors).await? {
        place.events_at = Some(now);
    }
    if is_due(place.costs_at, COSTS_EVERY) && errors.note(costs(cloud, place).await)? {
        place.costs_at = Some(now);
    }
    Ok(())
}

/// State and connection state of every plug and switch.
async fn states(cloud: &mut Cloud, place: &mut Place, now: Instant, errors: &mut FirstError) -> Result<(), CloudError> {
    for at in 0..place.site.actuators.len() {
        for what in ["state", "connectionstate"] {
            errors.note(state(cloud, place, (at, what), now).await)?;
        }
    }
    Ok(())
}

/// A state of a plug or switch.
async fn state(
    cloud: &mut Cloud,
    place: &mut Place,
    (at, what): (usize, &str),
    now: Instant,
) -> Result<(), CloudError> {
    let Some(plug) = place.site.actuators.get(at) else { return Ok(()) };
    let path = format!("{LOCATIONS}/{}/actuator/{}/{what}", place.site.id, plug.id);
    let Some(body) = cloud.get_if_shown(&path).await? else { return Ok(()) };
    let text = String::from_utf8_lossy(&body).into_owned();
    if place.states.get(&path).is_some_and(|(known, at)| *known == text && now - *at < STATE_REPEATED_AFTER) {
        return Ok(());
    }
    store(cloud, place, &path, (&body, Purpose::State)).await?;
    place.states.insert(path, (text, now));
    Ok(())
}

/// Stores all entries of an answer to this path. Returns their number.
async fn store(
    cloud: &mut Cloud,
    place: &Place,
    path: &str,
    (body, purpose): (&[u8], Purpose),
) -> Result<usize, CloudError> {
    let document = answer(path, body).map_err(unreadable)?;
    let items = document.items().map_err(unreadable)?;
    let count = items.len();
    cloud.store(place, (path, &document), items, purpose).await?;
    Ok(count)
}

/// The next events of every appliance. Returns whether all up to now were read.
async fn events(
    cloud: &mut Cloud,
    place: &Place,
    (progress, oldest): (&mut Progress, i64),
    errors: &mut FirstError,
) -> Result<bool, CloudError> {
    let (site, now) = (&place.site, cloud.now());
    let key = format!("{}/events", site.id);
    let from = progress.until(&key).unwrap_or(now).clamp(oldest.min(now), now) - EVENTS_BACK_MS;
    let to = now.min(from + EVENTS_PART_MS);
    let mut are_read = true;
    for appliance in &site.appliances {
        are_read &= errors.note(events_of(cloud, place, &appliance.id, Range { from, to }).await)?;
    }
    if are_read {
        progress.set(&key, to);
    }
    Ok(are_read && to == now)
}

/// Stores the events of an appliance. A range that cannot be halved any more is counted, and its newest events are stored.
async fn events_of(cloud: &mut Cloud, place: &Place, appliance: &str, range: Range) -> Result<(), CloudError> {
    let (mut ranges, mut requests) = (vec![range], 0);
    while let Some(Range { from, to }) = ranges.pop() {
        let id = &place.site.id;
        let path =
            format!("{LOCATIONS}/{id}/events?applianceId={appliance}&maxNumber={EVENTS_MAX}&from={from}&to={to}");
        let Some(body) = cloud.get_if_shown(&path).await? else { return Ok(()) };
        requests += 1;
        if store(cloud, place, &path, (&body, Purpose::Follow)).await? < EVENTS_MAX {
            continue;
        }
        let middle = from + (to - from) / 2;
        if requests + ranges.len() + 2 > EVENT_REQUESTS_MAX || middle == from {
            cloud.counts.events_cut += 1;
        } else {
            ranges.extend([Range { from, to: middle }, Range { from: middle, to }]);
        }
    }
    Ok(())
}

/// The costs of this month and year, and of the ones before, by the calendar of the location.
async fn costs(cloud: &mut Cloud, place: &Place) -> Result<(), CloudError> {
    let now = cloud.now();
    for (number, interval) in COSTS {
        // Without its time zone, a range could hold the start of another month.
        let Some([before, this, next]) = starts(now, &place.site.time_zone, interval) else { return Ok(()) };
        for (from, to) in [(before, this), (this, next)] {
            let id = &place.site.id;
            let path = format!("{LOCATIONS}/{id}/costanalysis?aggregation={number}&from={from}&to={to}");
            let Some(body) = cloud.get_if_shown(&path).await? else { continue };
            store(cloud, place, &path, (&body, Purpose::Follow)).await?;
        }
    }
    Ok(())
}

/// The starts in milliseconds of the month or year before, of this one and of the next.
fn starts(now: i64, time_zone: &str, interval: Interval) -> Option<[i64; 3]> {
    let zone = TimeZone::get(time_zone).ok()?;
    let present = Timestamp::from_millisecond(now).ok()?.to_zoned(zone);
    let is_year = interval == Interval::Year;
    let first = if is_year { present.first_of_year() } else { present.first_of_month() }.ok()?;
    let start = |number: i64| {
        let begun = first.checked_add(if is_year { number.years() } else { number.months() }).ok()?;
        Some(begun.start_of_day().ok()?.timestamp().as_millisecond())
    };
    Some([start(-1)?, start(0)?, start(1)?])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn months_and_years_are_of_the_calendar_of_the_location() {
        let at = |text: &str| text.parse::<Timestamp>().unwrap().as_millisecond();
        let expected = ["2026-02-28T23:00:00Z", "2026-03-31T22:00:00Z", "2026-04-30T22:00:00Z"].map(at);
        let now = at("2026-04-10T12:00:00Z");
        assert_eq!(starts(now, "Europe/Brussels", Interval::Month), Some(expected));
        let expected = ["2024-12-31T23:00:00Z", "2025-12-31T23:00:00Z", "2026-12-31T23:00:00Z"].map(at);
        assert_eq!(starts(now, "Europe/Brussels", Interval::Year), Some(expected));
        assert_eq!(starts(0, "Nowhere/At_all", Interval::Month), None);
        assert_eq!(starts(0, "", Interval::Year), None);
    }
}
