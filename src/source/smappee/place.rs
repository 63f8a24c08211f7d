//! A location of an account with what is known about it, and its series of rows.

use crate::reading::MeterId;
use crate::vendor::smappee::rest::{Location, Site};
use std::collections::HashMap;
use std::time::Instant;

/// The path of the list of locations. Paths of a location begin with it.
pub(super) const LOCATIONS: &str = "/dev/v3/servicelocation";

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

impl Series {
    /// The path of its rows.
    pub(super) fn path(&self, site: &str) -> String {
        match self {
            Self::Site => format!("{LOCATIONS}/{site}/consumption"),
            Self::Sensor(id) => format!("{LOCATIONS}/{site}/sensor/{id}/consumption"),
            Self::Switch(id) => format!("{LOCATIONS}/{site}/switch/{id}/consumption"),
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
}

/// A location and the state of its reports.
#[derive(Debug)]
pub(super) struct Place {
    /// As the list has it.
    pub(super) location: Location,
    /// As its answers are read.
    pub(super) site: Site,
    /// The version of the kept configuration of `site`, which records name; empty if nothing was learned.
    pub(super) context: String,
    /// Whether its transformers are known. Without them, values would belong to other meters.
    pub(super) is_known: bool,
    /// When all of its configuration was read and kept.
    pub(super) learned_at: Option<Instant>,
    /// When events and costs were read.
    pub(super) events_at: Option<Instant>,
    pub(super) costs_at: Option<Instant>,
    /// When its past was checked for corrections; its first reading counts as one.
    pub(super) checked_at: Option<Instant>,
    /// States of plugs by path, and when each was stored.
    pub(super) states: HashMap<String, (String, Instant)>,
}

impl Place {
    pub(super) fn new(location: &Location) -> Self {
        Self {
            location: location.clone(),
            site: Site::of(location),
            context: String::new(),
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
