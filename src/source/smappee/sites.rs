//! The locations of an account, and what is known about each.

use super::account::Account;
use super::error::{CloudError, FirstError};
use super::rows::{Cloud, Series, unreadable};
use crate::reading::MeterId;
use crate::vendor::smappee::rest::{Location, Site, locations};
use std::collections::HashMap;
use std::time::{Duration, Instant};

/// The path of the list of locations.
pub(super) const LOCATIONS: &str = "/dev/v3/servicelocation";
/// More locations of one account are not read.
const LOCATIONS_MAX: usize = 10_000;
/// The configuration of a location is read again after this.
const LEARNED_EVERY: Duration = Duration::from_hours(6);

/// A location and the state of its reports.
#[derive(Debug)]
pub(super) struct Place {
    /// As the list has it.
    location: Location,
    pub(super) site: Site,
    /// Whether its transformers are known. Without them, values would belong to other meters.
    pub(super) is_known: bool,
    /// When all of its configuration was read and kept.
    learned_at: Option<Instant>,
    /// When events and costs were read.
    pub(super) events_at: Option<Instant>,
    pub(super) costs_at: Option<Instant>,
    /// When its past was checked for corrections; its first reading counts as one.
    pub(super) checked_at: Option<Instant>,
    /// States of plugs by path, and when each was stored.
    pub(super) states: HashMap<String, (String, Instant)>,
}

impl Place {
    fn new(location: &Location) -> Self {
        Self {
            location: location.clone(),
            site: Site::of(location),
            is_known: false,
            learned_at: None,
            events_at: None,
            costs_at: None,
            checked_at: None,
            states: HashMap::new(),
        }
    }

    /// All its series of rows.
    pub(super) fn series(&self) -> Vec<Series> {
        let sensors = self.site.sensors.iter().map(|sensor| Series::Sensor(sensor.id.clone()));
        let switches = self.site.actuators.iter().map(|plug| Series::Switch(plug.id.clone()));
        [Series::Site].into_iter().chain(sensors).chain(switches).collect()
    }

    /// The meters that rows bring, with their series.
    pub(super) fn meters(&self) -> HashMap<MeterId, Series> {
        let of = |channel: &str, series: Series| (self.site.meter(channel), series);
        let own = self.site.transformers().own_meters().map(|(_, place)| of(&place.channel, Series::Site));
        let sensors = self.site.sensors.iter();
        let sensors = sensors.map(|it| of(&format!("sensor:{}", it.id), Series::Sensor(it.id.clone())));
        let plugs = self.site.actuators.iter();
        let plugs = plugs.map(|it| of(&format!("plug:{}", it.id), Series::Switch(it.id.clone())));
        [of("", Series::Site)].into_iter().chain(own).chain(sensors).chain(plugs).collect()
    }
}

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
    let is_kept = errors.note(cloud.keep_metering(&site, &metering).await)?;
    if has_channels && (has_info || !place.is_known) {
        (place.site, place.is_known) = (site, true);
    }
    if has_channels && has_info && is_kept {
        place.learned_at = Some(now);
    }
    Ok(())
}

/// Old monitors have no metering configuration, and each of the two holds enough to go on.
async fn learn_from(cloud: &mut Cloud, site: &mut Site, path: &str) -> Result<(), CloudError> {
    let Some(body) = cloud.get_if_shown(path).await? else { return Ok(()) };
    site.learn(&body).map_err(unreadable)
}
