//! The question to an answer: what a request's path says and its answer does not.

use super::cost;
use super::row::Aggregation;
use super::shape::Shape;
use crate::reading::UnixNanos;
use crate::reading::registry::Interval;
use crate::vendor::At;

/// The paths of service locations begin with this.
pub const LOCATIONS: &str = "/dev/v3/servicelocation/";
const MILLISECOND_NS: i64 = 1_000_000;

/// The question to an answer, as far as the answer does not hold it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked<'q> {
    /// The interval of rows and of a cost analysis.
    pub interval: Interval,
    /// The start of the interval of a cost analysis.
    pub from: At,
    /// The plug or switch of a state or a row; if empty, the one that the answer names.
    pub plug: &'q str,
}

impl<'q> Asked<'q> {
    /// The question of a request's path with its query, and the kind of its answer. `None` if answers of this path have
    /// no values.
    pub fn of_path(path: &'q str) -> Option<(Shape, Self)> {
        let (path, query) = path.split_once('?').unwrap_or((path, ""));
        let number = |name: &str| {
            let parameters = query.split('&').filter_map(|parameter| parameter.split_once('='));
            parameters.filter(|(known, _)| *known == name).find_map(|(_, value)| value.parse::<i64>().ok())
        };
        let rows = || Some(Aggregation::of_number(number("aggregation")?)?.interval());
        let of = |interval, plug| Self { interval, from: At::Receipt, plug };
        let parts: Vec<&str> = path.strip_prefix(LOCATIONS)?.split('/').collect();
        Some(match parts[..] {
            [_, "consumption"] => (Shape::Consumption, of(rows()?, "")),
            [_, "sensor", _, "consumption"] => (Shape::Sensor, of(rows()?, "")),
            [_, "switch", plug, "consumption"] => (Shape::Switch, of(rows()?, plug)),
            [_, "actuator", plug, "state" | "connectionstate"] => (Shape::State, of(Interval::Recording, plug)),
            [_, "events"] => (Shape::Events, of(Interval::Recording, "")),
            [_, "costanalysis"] => {
                let from = UnixNanos(number("from")?.checked_mul(MILLISECOND_NS)?);
                (Shape::Cost, Self { from: At::Time(from), ..of(cost::interval(number("aggregation")?)?, "") })
            }
            _ => return None,
        })
    }
}
