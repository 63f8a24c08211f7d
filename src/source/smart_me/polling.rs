//! The polling options of an account.

use crate::reading::MeterId;
use std::time::Duration;

/// The polling options of an account.
#[derive(Debug, Clone, PartialEq)]
pub struct Polling {
    /// The use of new values.
    pub mode: PollMode,
    /// The polling interval of the device list.
    pub every: Duration,
    /// The only wanted device; `None` for all.
    pub only: Option<MeterId>,
    /// The devices whose registers are fetched one by one, because the list has few of them.
    pub values: ValuesOf,
    /// The age at which a device that sends on its own is stale. The vendor calls one offline
    /// after a quarter of an hour.
    pub stale_after: Duration,
    /// Whether the account's M-Bus gateways are checked.
    pub gateways: bool,
    /// The expected ratio of webhook counter to API counter: 1 for Wh, the default.
    pub unit_factor_expected: f64,
}

/// The use of new values.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PollMode {
    /// Only the freshness is reported.
    Watch,
    /// New values are stored.
    Store,
}

/// The devices whose registers are fetched one by one.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum ValuesOf {
    /// No devices.
    None,
    /// These devices.
    Some(Vec<MeterId>),
    /// All devices: one request for each device with a new value.
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
    /// The name in the configuration and on the page.
    pub fn label(self) -> &'static str {
        match self {
            Self::Watch => "watch",
            Self::Store => "store",
        }
    }
}
