//! The parts of the information, and the days of prices.
//!
//! Knows no answer. Invariant: a day of prices is requested as a whole, in UTC.

use crate::reading::UnixNanos;
use crate::source::ksem::resource::{Resource, Topic};
use uuid::Uuid;

/// Days before today whose missed prices are read.
pub(in crate::source::ksem) const PRICE_DAYS_BACK_MAX: i64 = 7;
pub(super) const DAY_NS: i64 = 86_400_000_000_000;
const DAY_SECONDS: i64 = 86_400;

/// A part of the information.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in crate::source::ksem) enum Subject {
    Settings,
    Status,
    Usage,
    LocalTime,
    /// Of the channel of a topic.
    Configuration(Topic),
    Contract,
    /// Of a tariff, on a day since 1970 in UTC.
    Prices(Uuid, i64),
}

impl Subject {
    pub(super) fn resource(self) -> Resource<'static> {
        match self {
            Self::Settings => Resource::Settings,
            Self::Status => Resource::Status,
            Self::Usage => Resource::Usage,
            Self::LocalTime => Resource::LocalTime,
            Self::Configuration(topic) => Resource::Configuration(topic),
            Self::Contract => Resource::Contract,
            Self::Prices(tariff, day) => {
                let begin = day * DAY_SECONDS;
                Resource::Prices(tariff, begin, begin + DAY_SECONDS - 1)
            }
        }
    }

    /// Whether both are the same part, of any day.
    pub(super) fn is_part(self, other: Self) -> bool {
        match (self, other) {
            (Self::Prices(tariff, _), Self::Prices(other, _)) => tariff == other,
            _ => self == other,
        }
    }

    /// The part that is read after this one.
    pub(super) fn following(self) -> Self {
        match self {
            Self::Prices(tariff, day) => Self::Prices(tariff, day + 1),
            other => other,
        }
    }

    /// The part that is read after the device did not have this one: of a day before today it will not have it later.
    pub(super) fn following_missing(self, today: i64) -> Self {
        match self {
            Self::Prices(_, day) if day < today => self.following(),
            other => other,
        }
    }

    /// The same part, of no day that is too long ago.
    pub(super) fn within(self, today: i64) -> Self {
        match self {
            Self::Prices(tariff, day) => Self::Prices(tariff, day.max(today - PRICE_DAYS_BACK_MAX)),
            other => other,
        }
    }
}

/// The day of a time, since 1970 in UTC.
pub(super) fn day(at: UnixNanos) -> i64 {
    at.0.div_euclid(DAY_NS)
}
