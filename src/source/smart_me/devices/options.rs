//! How an account's devices are polled, as configured.

use crate::reading::MeterId;
use std::time::Duration;

/// How an account's devices are polled.
#[derive(Debug, Clone, PartialEq)]
pub struct Polling {
    /// What is done with what is new.
    pub mode: PollMode,
    /// How often the list of devices is asked for.
    pub every: Duration,
    /// The only device wanted; all that the account sees where absent.
    pub only: Option<MeterId>,
    /// Whose registers are asked for one device at a time, because the list has few.
    pub values: ValuesOf,
    /// A device that sends by itself and has nothing newer than that is stale. The
    /// vendor calls one offline after a quarter of an hour.
    pub stale_after: Duration,
    /// Whether the account's M-Bus gateways are looked at.
    pub gateways: bool,
    /// What the webhook's numbers are of the API's: 1 where it sends Wh, as is taken here.
    pub unit_factor_expected: f64,
}

/// What is done with what is new.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PollMode {
    /// Nothing: how fresh it is is shown.
    Watch,
    /// It goes through ingest.
    Store,
}

/// Whose registers are asked for one device at a time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ValuesOf {
    /// Nobody's.
    None,
    /// These devices'.
    Some(Vec<MeterId>),
    /// Everybody's: a request for each device with something new.
    All,
}

impl ValuesOf {
    pub(super) fn has(&self, meter: MeterId) -> bool {
        match self {
            Self::None => false,
            Self::Some(meters) => meters.contains(&meter),
            Self::All => true,
        }
    }
}

impl PollMode {
    /// As the configuration and the page say it.
    #[must_use]
    pub fn label(self) -> &'static str {
        match self {
            Self::Watch => "watch",
            Self::Store => "store",
        }
    }
}
