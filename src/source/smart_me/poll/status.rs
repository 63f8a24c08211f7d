//! What is shown of an account that is asked: page, metrics, log lines where it changes.

use super::{ApiError, Freshness, GatewayStatus, PollMode, UnitFactor};
use crate::metrics;
use crate::reading::UnixNanos;
use crate::source::smart_me::worker::locked;
use ::metrics::{Counter, Gauge};
use std::collections::BTreeSet;
use std::sync::{Arc, Mutex};

/// Texts of units that are named in the log, each once.
const UNITS_SAID_MAX: usize = 100;

/// Whether an account can be asked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum PollState {
    /// It was not asked yet.
    Unknown,
    /// It answers.
    Working,
    /// It does not, or what it said could not be kept; with why.
    Failing(String),
}

/// What is shown of one account.
#[derive(Debug, Clone)]
pub struct PollStatus {
    /// The account's name.
    pub account: String,
    /// What is done with what is new.
    pub mode: PollMode,
    /// Whether it can be asked.
    pub state: PollState,
    /// When it answered last, by its own clock.
    pub answered_at: Option<UnixNanos>,
    /// How fresh its meters are.
    pub freshness: Option<Freshness>,
    /// What the webhook's numbers are of the API's.
    pub unit_factor: Option<UnitFactor>,
    /// Its M-Bus gateways.
    pub gateways: Vec<GatewayStatus>,
}

/// Where it is noted.
#[derive(Debug)]
pub(super) struct Board {
    status: Arc<Mutex<PollStatus>>,
    units_said: BTreeSet<String>,
    ok: Gauge,
    oldest: Gauge,
    stale: Gauge,
    factor: Gauge,
    gateways_failed: Gauge,
    unread: Gauge,
    unknown_units: Counter,
    stored: Counter,
}

impl Board {
    pub(super) fn new(account: &str, mode: PollMode) -> Self {
        let labels = [("account", account.to_owned())];
        let gauge = |name| metrics::gauge(name, &labels);
        let status = PollStatus {
            account: account.to_owned(),
            mode,
            state: PollState::Unknown,
            answered_at: None,
            freshness: None,
            unit_factor: None,
            gateways: Vec::new(),
        };
        Self {
            status: Arc::new(Mutex::new(status)),
            units_said: BTreeSet::new(),
            ok: gauge("meterline_smart_me_poll_ok"),
            oldest: gauge("meterline_smart_me_oldest_value_seconds"),
            stale: gauge("meterline_smart_me_meters_stale"),
            factor: gauge("meterline_smart_me_unit_factor"),
            gateways_failed: gauge("meterline_smart_me_gateways_failed"),
            unread: gauge("meterline_smart_me_gateway_meters_unread"),
            unknown_units: metrics::counter("meterline_smart_me_units_unknown_total", &labels),
            stored: metrics::counter("meterline_smart_me_readings_polled_total", &labels),
        }
    }

    pub(super) fn shared(&self) -> Arc<Mutex<PollStatus>> {
        Arc::clone(&self.status)
    }

    pub(super) fn note_working(&self) {
        self.ok.set(1.0);
        let mut status = locked(&self.status);
        if matches!(status.state, PollState::Failing(_)) {
            tracing::info!(account = status.account, "smart-me is asked for devices again");
        }
        status.state = PollState::Working;
    }

    /// One log line where it changes; that nobody is logged in is said by the login.
    pub(super) fn note_failing(&self, error: &ApiError) {
        self.ok.set(0.0);
        let state = PollState::Failing(error.to_string());
        let mut status = locked(&self.status);
        if status.state != state && !matches!(error, ApiError::LoggedOut(_)) {
            tracing::warn!(
                account = status.account,
                why = %error,
                "smart-me cannot be asked for devices; it is tried again"
            );
        }
        status.state = state;
    }

    pub(super) fn note_freshness(&self, date: Option<UnixNanos>, freshness: Option<Freshness>) {
        if let Some(freshness) = freshness {
            self.oldest.set(freshness.oldest.as_secs_f64());
            self.stale.set(as_f64(freshness.stale));
        }
        let mut status = locked(&self.status);
        status.answered_at = date;
        status.freshness = freshness;
    }

    /// Said once by each text; counted each time.
    pub(super) fn note_unknown_unit(&mut self, text: &str) {
        self.unknown_units.increment(1);
        if self.units_said.len() < UNITS_SAID_MAX && self.units_said.insert(text.to_owned()) {
            let account = locked(&self.status).account.clone();
            tracing::warn!(account, unit = text, "a unit of smart-me's that is not known; what has it is left out");
        }
    }

    pub(super) fn note_stored(&self, readings: usize) {
        self.stored.increment(readings as u64);
    }

    /// Said when it changes: never silently, and never corrected.
    pub(super) fn note_factor(&self, new: UnitFactor, expected: f64) {
        self.factor.set(new.factor);
        let mut status = locked(&self.status);
        let was_expected = status.unit_factor.as_ref().is_none_or(UnitFactor::is_expected);
        let account = &status.account;
        let (factor, meters, differing) = (new.factor, new.meters, new.differing);
        if was_expected && !new.is_expected() {
            tracing::warn!(
                account,
                factor,
                expected,
                meters,
                differing,
                "the webhook's counters are not what smart-me's API says of them in Wh (a factor of 1000: mWh); \
                 nothing is corrected"
            );
        } else if !was_expected && new.is_expected() {
            tracing::info!(account, factor, "the webhook's counters are what smart-me's API says again");
        }
        status.unit_factor = Some(new);
    }

    pub(super) fn note_gateways(&self, new: Vec<GatewayStatus>) {
        self.gateways_failed.set(as_f64(new.iter().filter(|gateway| gateway.has_failed).count()));
        self.unread.set(as_f64(new.iter().map(|gateway| gateway.unread).sum()));
        let mut status = locked(&self.status);
        for gateway in new.iter().filter(|gateway| !status.gateways.contains(gateway)) {
            tracing::info!(
                account = status.account,
                gateway = gateway.name,
                state = gateway.state,
                interval = gateway.interval,
                meters = gateway.meters,
                failed = gateway.failed,
                unread = gateway.unread,
                "an M-Bus gateway is new or has changed"
            );
        }
        status.gateways = new;
    }
}

#[expect(clippy::cast_precision_loss, reason = "a gauge is a float; counts stay far below 2^53")]
fn as_f64(count: usize) -> f64 {
    count as f64
}
