//! The locations of an account, and what is known about each.

use super::account::Account;
use super::error::CloudError;
use super::rows::{Cloud, Series, unreadable};
use crate::reading::MeterId;
use crate::vendor::smappee::rest::{Site, locations};
use std::collections::HashMap;
use std::time::Instant;

/// The path of the list of locations.
pub(super) const LOCATIONS: &str = "/dev/v3/servicelocation";
/// More locations of one account are not read.
const LOCATIONS_MAX: usize = 10_000;

/// A location and the state of its reports.
#[derive(Debug)]
pub(super) struct Place {
    pub(super) site: Site,
    /// When events and costs were read.
    pub(super) events_at: Option<Instant>,
    pub(super) costs_at: Option<Instant>,
    /// When its past was checked for corrections; its first reading counts as one.
    pub(super) checked_at: Option<Instant>,
    /// States of plugs by path, and when each was stored.
    pub(super) states: HashMap<String, (String, Instant)>,
}

impl Place {
    fn new(site: Site) -> Self {
        Self { site, events_at: None, costs_at: None, checked_at: None, states: HashMap::new() }
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
        let own = self.site.transformers().map(|(channel, ..)| of(&channel, Series::Site));
        let sensors = self.site.sensors.iter();
        let sensors = sensors.map(|it| of(&format!("sensor:{}", it.id), Series::Sensor(it.id.clone())));
        let plugs = self.site.actuators.iter();
        let plugs = plugs.map(|it| of(&format!("plug:{}", it.id), Series::Switch(it.id.clone())));
        [of("", Series::Site)].into_iter().chain(own).chain(sensors).chain(plugs).collect()
    }
}

/// Reads the wanted locations of an account. Known ones keep their state.
pub(super) async fn read(
    cloud: &mut Cloud,
    account: &Account,
    known: &mut Vec<Place>,
) -> Result<Vec<String>, CloudError> {
    let seen = locations(&cloud.get(LOCATIONS).await?).map_err(unreadable)?;
    let mut places = Vec::new();
    for location in seen.iter().filter(|location| account.wants(&location.id)).take(LOCATIONS_MAX) {
        let mut site = Site::of(location);
        for what in ["info", "meteringconfiguration"] {
            // Old monitors have no metering configuration, and each of the two holds enough to go on.
            if let Some(body) = cloud.get_if_allowed(&format!("{LOCATIONS}/{}/{what}", location.id)).await? {
                site.learn(&body).map_err(unreadable)?;
            }
        }
        let before = known.iter().position(|place| place.site.id == site.id).map(|at| known.swap_remove(at));
        let mut place = before.unwrap_or_else(|| Place::new(site.clone()));
        place.site = site;
        places.push(place);
    }
    *known = places;
    let missing = account.locations.iter().flatten().filter(|id| !seen.iter().any(|it| it.id == **id));
    Ok(missing.cloned().collect())
}
