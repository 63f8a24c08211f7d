//! Live values of the vendor's cloud: they stop, or freeze, about a minute after the last request for them.

use crate::secret::Secret;
use crate::source::Decoded;
use crate::source::mqtt::publication::Publication;
use crate::vendor::smappee::Location;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::time::{Duration, Instant};
use uuid::Uuid;

/// Time between two requests.
const ASK_EVERY: Duration = Duration::from_mins(1);
/// Values are compared this often, however often they are stored.
const NOTE_EVERY: Duration = Duration::from_secs(30);
/// Values that have not changed for this long are stale. A house is never that constant.
const STALE_AFTER: Duration = Duration::from_mins(5);

/// A monitor at the cloud.
#[derive(Debug, Clone)]
pub struct Cloud {
    /// Its location.
    pub location: Secret,
    /// Its serial number, which the request names; empty if it is not configured.
    pub serial: String,
    /// The number of the location, for the heartbeat; without it there is none.
    pub number: Option<u64>,
}

/// The live values of all monitors at the cloud.
#[derive(Debug)]
pub(super) struct Live {
    monitors: Vec<(Location, Cloud, State)>,
}

#[derive(Debug, Default)]
struct State {
    asked: Option<Instant>,
    noted: Option<Instant>,
    /// The last values as a hash, and since when they are the same.
    values: u64,
    changed: Option<Instant>,
}

impl Live {
    pub(super) fn new(monitors: &[Cloud]) -> Self {
        let known = monitors.iter().filter_map(|cloud| {
            let uuid = Uuid::parse_str(cloud.location.expose()).ok()?;
            Some((Location::of_uuid(uuid), cloud.clone(), State::default()))
        });
        Self { monitors: known.collect() }
    }

    /// A connection has begun.
    pub(super) fn connected(&mut self, now: Instant) {
        for (.., state) in &mut self.monitors {
            state.asked = None;
            state.changed = Some(now);
        }
    }

    /// Whether live values of this location are to be noted, also if they are not stored.
    pub(super) fn is_due(&self, location: Location, now: Instant) -> bool {
        let due = |noted: Instant| now.saturating_duration_since(noted) >= NOTE_EVERY;
        self.monitors.iter().any(|(known, _, state)| *known == location && state.noted.is_none_or(due))
    }

    /// Notes live values.
    pub(super) fn note(&mut self, location: Location, decoded: &Decoded, now: Instant) {
        let Some((.., state)) = self.monitors.iter_mut().find(|(known, ..)| *known == location) else { return };
        state.noted = Some(now);
        let mut hasher = DefaultHasher::new();
        for sample in decoded.readings.iter().flat_map(|reading| &reading.samples) {
            (sample.obis.0, sample.value.to_bits()).hash(&mut hasher);
        }
        let values = hasher.finish();
        if values != state.values {
            (state.values, state.changed) = (values, Some(now));
        }
    }

    /// The requests that are due.
    pub(super) fn due(&mut self, client_id: &str, now: Instant) -> Vec<Publication> {
        let mut due = Vec::new();
        for (_, cloud, state) in &mut self.monitors {
            if state.asked.is_some_and(|asked| now.saturating_duration_since(asked) < ASK_EVERY) {
                continue;
            }
            state.asked = Some(now);
            let (location, serial) = (cloud.location.clone(), cloud.serial.clone());
            due.push(Publication::Tracking { location: location.clone(), serial, client_id: client_id.to_owned() });
            due.extend(cloud.number.map(|number| Publication::Heartbeat { location, number }));
        }
        due
    }

    /// A sentence if the values of a monitor do not change any more.
    pub(super) fn stale(&self, now: Instant) -> Option<String> {
        let is_stale =
            |state: &State| state.changed.is_some_and(|changed| now.saturating_duration_since(changed) >= STALE_AFTER);
        let (location, ..) = self.monitors.iter().find(|(.., state)| is_stale(state))?;
        Some(format!(
            "the live values of location {location} have not changed for {} minutes: the cloud may not serve it",
            STALE_AFTER.as_secs() / 60
        ))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::clock::Clock;
    use crate::reading::{Flags, Sample, UnixNanos};
    use crate::vendor::Reading;

    const UUID: &str = "5f0c6b1e-9a3d-4a0e-8d1b-0b7a3f5f6f11";

    fn values(location: Location, value: f64) -> Decoded {
        let samples = vec![Sample { obis: "16.7.0".parse().unwrap(), value }];
        let reading = Reading { meter: location.meter(""), at: UnixNanos(1), flags: Flags::NONE, samples };
        Decoded { readings: vec![reading], ..Decoded::default() }
    }

    #[test]
    fn live_values_are_requested_every_minute_and_frozen_ones_are_stale_until_they_change() {
        let cloud = Cloud { location: Secret::new(UUID), serial: "5010001234".to_owned(), number: Some(7) };
        let location = Location::of_uuid(UUID.parse().unwrap());
        let (mut live, start) = (Live::new(&[cloud]), Clock::system().monotonic());
        live.connected(start);
        let asked = live.due("client", start);
        assert_eq!(asked.len(), 2);
        let (topic, text) = asked[0].message();
        assert_eq!(topic, format!("servicelocation/{UUID}/tracking"));
        let expected =
            serde_json::json!({"value":"ON","clientId":"client","serialNumber":"5010001234","type":"RT_VALUES"});
        assert_eq!(serde_json::from_str::<serde_json::Value>(&text).unwrap(), expected);
        let (topic, text) = asked[1].message();
        assert_eq!(topic, format!("servicelocation/{UUID}/homeassistant/heartbeat"));
        assert_eq!(text, "{\"serviceLocationId\":7}");
        assert_eq!(live.due("client", start + ASK_EVERY - Duration::from_secs(1)), []);
        assert_eq!(live.due("client", start + ASK_EVERY).len(), 2);
        live.connected(start + ASK_EVERY);
        assert_eq!(live.due("client", start + ASK_EVERY).len(), 2);

        let late = start + ASK_EVERY + STALE_AFTER;
        live.note(location, &values(location, 1.0), start + ASK_EVERY);
        live.note(location, &values(location, 1.0), late);
        let why = live.stale(late).unwrap();
        assert!(why.contains(&location.to_string()) && !why.contains(UUID), "{why}");
        live.note(location, &values(location, 2.0), late);
        assert_eq!(live.stale(late), None);
    }
}
