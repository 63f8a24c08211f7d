//! Reads the locations of an account, and the configuration of each.
//!
//! Invariant: answers of a location are read with a configuration that is kept, so that records can name it.

use super::account::Account;
use super::error::{CloudError, FirstError};
use super::place::{LOCATIONS, Place};
use super::rows::{Cloud, unreadable};
use crate::vendor::smappee::rest::{Site, locations};
use std::time::{Duration, Instant};

/// More locations of one account are not read.
const LOCATIONS_MAX: usize = 10_000;
/// The configuration of a location is read again after this.
const LEARNED_EVERY: Duration = if cfg!(test) { Duration::from_millis(200) } else { Duration::from_hours(6) };

/// Reads the list of an account's locations. Known ones keep their state, also when this fails.
/// Returns the wanted ones that the account does not see.
pub(super) async fn read(
    cloud: &mut Cloud,
    account: &Account,
    known: &mut Vec<Place>,
) -> Result<Vec<String>, CloudError> {
    let seen = locations(&cloud.get(LOCATIONS).await?).map_err(unreadable)?;
    let mut places = Vec::new();
    for location in seen.iter().filter(|location| account.wants(&location.id)).take(LOCATIONS_MAX) {
        let before = known.iter().position(|place| place.site.id == location.id).map(|at| known.swap_remove(at));
        let mut place = before.unwrap_or_else(|| Place::new(location));
        place.location = location.clone();
        places.push(place);
    }
    *known = places;
    let missing = account.locations.iter().flatten().filter(|id| !seen.iter().any(|it| it.id == **id));
    Ok(missing.cloned().collect())
}

/// Reads the configuration of a location, if it is due. One that fails is read again with the next run; until
/// then the known one is used.
pub(super) async fn learn(
    cloud: &mut Cloud,
    place: &mut Place,
    now: Instant,
    errors: &mut FirstError,
) -> Result<(), CloudError> {
    if place.learned_at.is_some_and(|at| now - at < LEARNED_EVERY) {
        return Ok(());
    }
    let mut site = Site::of(&place.location);
    let path = |what: &str| format!("{LOCATIONS}/{}/{what}", place.location.id);
    let (info, metering) = (path("info"), path("meteringconfiguration"));
    let has_info = errors.note(learn_from(cloud, &mut site, &info).await)?;
    let has_channels = errors.note(learn_from(cloud, &mut site, &metering).await)?;
    if !has_channels || !has_info && place.is_known {
        return Ok(());
    }
    let mut version = String::new();
    let kept = cloud.keep_context(&site, &metering).await.map(|kept| version = kept);
    if errors.note(kept)? {
        (place.site, place.context, place.is_known) = (site, version, true);
        place.learned_at = has_info.then_some(now);
    }
    Ok(())
}

/// Old monitors have no metering configuration, and each of the two holds enough to go on.
async fn learn_from(cloud: &mut Cloud, site: &mut Site, path: &str) -> Result<(), CloudError> {
    let Some(body) = cloud.get_if_shown(path).await? else { return Ok(()) };
    site.learn(&body).map_err(unreadable)
}
