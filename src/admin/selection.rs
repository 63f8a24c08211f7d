//! Which meters a request asks for, and in which order.

use super::meter_state::Meter;
use super::parameters::Parameters;
use std::cmp::Reverse;

/// The order of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Sort {
    Name,
    Rate,
    Age,
    Source,
}

impl Sort {
    pub(super) const ALL: [(Self, &'static str, &'static str); 4] = [
        (Self::Name, "name", "Name"),
        (Self::Rate, "power", "Power or flow, highest first"),
        (Self::Age, "age", "Age, oldest first"),
        (Self::Source, "source", "Source"),
    ];

    pub(super) fn named(name: &str) -> Self {
        Self::ALL.iter().find(|(_, known, _)| *known == name).map_or(Self::Name, |(sort, _, _)| *sort)
    }
}

/// The groups of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Group {
    None,
    Source,
    Kind,
}

impl Group {
    pub(super) const ALL: [(Self, &'static str, &'static str); 3] =
        [(Self::None, "", "None"), (Self::Source, "source", "Source"), (Self::Kind, "kind", "Kind")];

    pub(super) fn named(name: &str) -> Self {
        Self::ALL.iter().find(|(_, known, _)| *known == name).map_or(Self::None, |(group, _, _)| *group)
    }

    /// The heading over a meter; empty without groups.
    pub(super) fn heading(self, meter: &Meter) -> String {
        match self {
            Self::None => String::new(),
            Self::Source => meter.source.clone(),
            Self::Kind => meter.kind.to_owned(),
        }
    }
}

/// The meters that a request asks for, in its order.
pub(super) fn selected(mut meters: Vec<Meter>, parameters: &Parameters) -> Vec<Meter> {
    let search = parameters.get("search").trim().to_lowercase();
    let (source, kind) = (parameters.get("source"), parameters.get("kind"));
    meters.retain(|meter| {
        (source.is_empty() || meter.source == source)
            && (kind.is_empty() || meter.kind == kind)
            && meter.matches(&search)
    });
    let (group, sort) = (Group::named(parameters.get("group")), Sort::named(parameters.get("sort")));
    let name = |meter: &Meter| (meter.name.to_lowercase(), meter.id);
    match sort {
        Sort::Name => meters.sort_by_cached_key(|meter| (group.heading(meter), name(meter))),
        Sort::Source => meters.sort_by_cached_key(|meter| (group.heading(meter), meter.source.clone(), name(meter))),
        Sort::Age => meters.sort_by_cached_key(|meter| (group.heading(meter), meter.newest_at, name(meter))),
        Sort::Rate => {
            let order = |meter: &Meter| meter.rate().map(|rate| Ordered(rate.value));
            meters.sort_by_cached_key(|meter| (group.heading(meter), Reverse(order(meter)), name(meter)));
        }
    }
    meters
}

/// A number in the order of all numbers.
#[derive(Debug, PartialEq)]
struct Ordered(f64);

impl Eq for Ordered {}

impl PartialOrd for Ordered {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Ordered {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        self.0.total_cmp(&other.0)
    }
}
