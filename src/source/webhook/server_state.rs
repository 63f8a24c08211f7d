//! The state that all connections of the listener share: accounts, bounds, counters,
//! certificate.
//!
//! It is passive: the listener, the connections and the requests use it.

use super::accepts::Accepts;
use super::accounts::{Accounts, Unregistered, answers};
use super::activity::TimedOut;
use super::answer::LABELS;
use super::bounds::Bounds;
use super::config::{Config, ConfigError};
use super::heads::HeadLog;
use super::in_flight::Pool;
use super::logins::FailedLogins;
use super::permits::ConnectionPermits;
use super::tls::{Tls, TlsError};
use crate::clock::Clock;
use crate::ingest::Ingest;
use crate::metrics;
use ::metrics::{Counter, Gauge};
use ipnet::IpNet;
use std::fmt;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

/// The state that all connections share.
pub(super) struct ServerState {
    pub(super) accounts: Accounts,
    /// Answers to requests without valid credentials.
    pub(super) unauthenticated: [Counter; LABELS.len()],
    pub(super) in_flight: Pool,
    pub(super) bounds: Bounds,
    pub(super) clock: Clock,
    pub(super) closed: ClosedCounters,
    pub(super) accepts: Accepts,
    pub(super) accept_errors: Counter,
    pub(super) tls: Option<Tls>,
    pub(super) behind_proxy: Vec<IpNet>,
    pub(super) failed_logins: FailedLogins,
    pub(super) permits: Arc<ConnectionPermits>,
    pub(super) heads: Option<HeadLog>,
    /// Requests of accounts without an answer yet.
    pub(super) requests_open: AtomicUsize,
    /// Connections closed because they came from outside `behind_proxy`.
    not_proxy: AtomicU64,
    ingest: Ingest,
    connections: Gauge,
    in_flight_bytes: Gauge,
}

/// Counters of connections that the peer did not close, by reason.
pub(super) struct ClosedCounters {
    pub(super) handshake: Counter,
    pub(super) header: Counter,
    pub(super) idle: Counter,
    pub(super) protocol: Counter,
    pub(super) flood: Counter,
    pub(super) displaced: Counter,
    pub(super) guesses: Counter,
    pub(super) not_proxy: Counter,
}

/// The phase of the stop.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Requests are accepted.
    Serve,
    /// Open requests are finished, no new ones are accepted.
    Finish,
    /// Everything is dropped.
    Cut,
}

/// Why the webhook cannot start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration is invalid.
    #[error("{0}")]
    Config(#[from] ConfigError),
    /// The address is in use or not an address of this machine.
    #[error("the webhook cannot listen on {0}: {1}; change webhook.listen, or stop the program that uses the port")]
    Listen(SocketAddr, io::Error),
    /// An account's name or limits cannot be registered in the journal.
    #[error(transparent)]
    Ledger(#[from] Unregistered),
    /// The certificate or its key cannot be used.
    #[error("the webhook cannot use TLS: {0}")]
    Tls(#[from] TlsError),
}

impl ServerState {
    /// Creates the state; `heads` records request heads, if wanted.
    pub(super) fn new(
        config: &Config,
        tls: Option<Tls>,
        heads: Option<HeadLog>,
        ingest: &Ingest,
        clock: Clock,
    ) -> Result<Self, StartError> {
        #[expect(clippy::cast_precision_loss, reason = "gauges are floats")]
        metrics::gauge("meterline_webhook_connections_max", &[]).set(config.bounds.connections_max as f64);
        Ok(Self {
            accounts: Accounts::new(&config.accounts, config.bounds, ingest)?,
            unauthenticated: answers(""),
            in_flight: Pool::new(config.bounds.in_flight_bytes_max, &config.bounds),
            bounds: config.bounds,
            accepts: Accepts::new(clock.clone()),
            clock,
            closed: ClosedCounters::new(),
            accept_errors: metrics::counter("meterline_webhook_accept_errors_total", &[]),
            tls,
            behind_proxy: config.behind_proxy.clone(),
            failed_logins: FailedLogins::new(config.bounds.connections_max),
            permits: Arc::new(ConnectionPermits::new(config.bounds.account_connections_max)),
            heads,
            requests_open: AtomicUsize::new(0),
            not_proxy: AtomicU64::new(0),
            ingest: ingest.clone(),
            connections: metrics::gauge("meterline_webhook_connections", &[]),
            in_flight_bytes: metrics::gauge("meterline_webhook_bytes_in_flight", &[]),
        })
    }

    /// Whether this peer is one of the proxies.
    pub(super) fn is_proxy(&self, peer: IpAddr) -> bool {
        self.behind_proxy.iter().any(|network| network.contains(&peer.to_canonical()))
    }

    /// Whether connections of this peer are served: behind proxies, only theirs.
    pub(super) fn serves(&self, peer: IpAddr) -> bool {
        self.behind_proxy.is_empty() || self.is_proxy(peer)
    }

    /// Counts a connection that is not served, and logs the first, second, fourth ... one.
    #[cold]
    pub(super) fn count_not_served(&self, peer: IpAddr) {
        self.closed.not_proxy.increment(1);
        let so_far = self.not_proxy.fetch_add(1, Ordering::Relaxed) + 1;
        if so_far.is_power_of_two() {
            tracing::warn!(%peer, so_far, "a connection that does not come from the networks in behind_proxy was \
                closed; add the network there if it is a proxy");
        }
    }

    /// Updates the gauges.
    #[expect(clippy::cast_precision_loss, reason = "gauges are floats")]
    pub(super) fn update_gauges(&self, connections: usize) {
        self.ingest.check();
        self.connections.set(connections as f64);
        self.in_flight_bytes.set(self.in_flight.reserved() as f64);
    }
}

impl ClosedCounters {
    fn new() -> Self {
        let counter = |reason: &str| {
            metrics::counter("meterline_webhook_connections_closed_total", &[("reason", reason.to_owned())])
        };
        Self {
            handshake: counter("handshake"),
            header: counter("header"),
            idle: counter("idle"),
            protocol: counter("protocol"),
            flood: counter("flood"),
            displaced: counter("displaced"),
            guesses: counter("guesses"),
            not_proxy: counter("not_proxy"),
        }
    }

    pub(super) fn of(&self, timed_out: TimedOut) -> &Counter {
        match timed_out {
            TimedOut::Header => &self.header,
            TimedOut::Idle => &self.idle,
        }
    }
}

impl fmt::Debug for ServerState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ServerState")
    }
}
