//! The listener: accepts connections within their bound, owns their tasks, stops.

use super::access::{AccessList, Knocks, Pairs};
use super::answer::LABELS;
use super::bounds::{ACCEPT_PAUSE_MAX, ACCEPT_PAUSE_MIN};
use super::capture::{self, Capture, Writer};
use super::config::{Account, Config, ConfigError};
use super::forwarded::Network;
use super::logins::FailedLogins;
use super::seats::Seats;
use super::tls::{self, Tls, TlsError};
use super::{Bounds, connection};
use crate::clock::Clock;
use crate::ingest::{Door, Entrance};
use crate::journal::LedgerError;
use crate::metrics;
use ::metrics::{Counter, Gauge};
use std::collections::HashMap;
use std::fmt;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{Semaphore, watch};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::{MissedTickBehavior, interval, sleep_until};

/// Time between two looks at what the gauges show.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// What all connections share.
pub(super) struct Site {
    pub(super) access: AccessList,
    pub(super) accounts: Vec<SiteAccount>,
    /// Answers to requests without valid credentials.
    pub(super) strangers: [Counter; LABELS.len()],
    pub(super) in_flight: Semaphore,
    pub(super) bounds: Bounds,
    pub(super) clock: Clock,
    pub(super) closed: ClosedCounters,
    pub(super) tls: Option<Tls>,
    pub(super) behind_proxy: Vec<Network>,
    pub(super) failed_logins: FailedLogins,
    seats: Arc<Seats>,
    door: Door,
    connections: Gauge,
    in_flight_bytes: Gauge,
    accept_errors: Counter,
}

/// An account with its way in.
pub(super) struct SiteAccount {
    pub(super) entrance: Entrance,
    pub(super) answers: [Counter; LABELS.len()],
    pub(super) in_flight: Semaphore,
    /// Its first posts, while there are any to be captured.
    pub(super) capture: Option<Capture>,
}

/// Connections that ended otherwise than by the peer's wish, by reason.
pub(super) struct ClosedCounters {
    pub(super) handshake: Counter,
    pub(super) header: Counter,
    pub(super) idle: Counter,
    pub(super) protocol: Counter,
    pub(super) displaced: Counter,
}

/// How far the stop is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Phase {
    /// Requests are taken.
    Serve,
    /// Open requests are finished, no new ones are taken.
    Finish,
    /// Everything is dropped.
    Cut,
}

/// Why the webhook does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// The configuration cannot work.
    #[error("{0}")]
    Config(#[from] ConfigError),
    /// The address cannot be had.
    #[error("the webhook cannot listen on {0}: {1}; is something else running there?")]
    Listen(SocketAddr, io::Error),
    /// An account's name or limits cannot be listed in the journal.
    #[error("webhook account '{0}' cannot be entered into the journal: {1}")]
    Ledger(String, LedgerError),
    /// The certificate or its key cannot be used.
    #[error("the webhook cannot speak TLS: {0}")]
    Tls(#[from] TlsError),
}

/// The running webhook. Dropping it cuts all connections; [`Webhook::stop`] does it in order.
#[derive(Debug)]
pub struct Webhook {
    local_addr: SocketAddr,
    tls: Option<Tls>,
    knocks: HashMap<String, Arc<Knocks>>,
    pairs: HashMap<String, Arc<Pairs>>,
    phase: watch::Sender<Phase>,
    task: JoinHandle<()>,
    /// Looks after the certificate.
    watcher: Option<JoinHandle<()>>,
    /// Write captures, until the site is gone.
    writers: Vec<Writer>,
}

impl Webhook {
    /// Binds the listener and serves it, on the tokio runtime that it is called on.
    ///
    /// # Errors
    /// When the configuration cannot work, the address cannot be had, or the
    /// journal cannot list an account's name.
    pub async fn start(config: Config, door: &Door, clock: Clock) -> Result<Self, StartError> {
        if let Some(fault) = config.faults().into_iter().next() {
            return Err(fault.into());
        }
        let tls = config.tls.as_ref().map(Tls::load).transpose()?;
        let failed = |error| StartError::Listen(config.listen, error);
        let listener = TcpListener::bind(config.listen).await.map_err(failed)?;
        let local_addr = listener.local_addr().map_err(failed)?;
        let mut site = Site::new(&config, tls.clone(), door, clock)?;
        let writers = site.start_captures(&config);
        let site = Arc::new(site);
        let names = || config.accounts.iter().map(|account| account.name.clone());
        let knocks = names().zip(site.access.knocks().map(Arc::clone)).collect();
        let pairs = names().zip(site.access.pairs().map(Arc::clone)).collect();
        let (phase, phases) = watch::channel(Phase::Serve);
        let watcher = tls.clone().map(|tls| tokio::spawn(tls::watch(tls, phases.clone())));
        let task = tokio::spawn(listen(listener, site, phases));
        Ok(Self { local_addr, tls, knocks, pairs, phase, task, watcher, writers })
    }

    /// Where it listens.
    #[must_use]
    pub fn local_addr(&self) -> SocketAddr {
        self.local_addr
    }

    /// How often an account's path was asked for.
    #[must_use]
    pub fn knocks(&self, account: &str) -> Option<Arc<Knocks>> {
        self.knocks.get(account).map(Arc::clone)
    }

    /// The pairs of an account that are valid, to be changed.
    #[must_use]
    pub fn pairs(&self, account: &str) -> Option<Arc<Pairs>> {
        self.pairs.get(account).map(Arc::clone)
    }

    /// Its certificate; `None` where it speaks plain HTTP.
    #[must_use]
    pub fn tls(&self) -> Option<&Tls> {
        self.tls.as_ref()
    }

    /// Why nothing is taken any more, if the listener's task ended by itself.
    #[must_use]
    pub fn died(&self) -> Option<String> {
        self.task
            .is_finished()
            .then(|| format!("the webhook's listener on {} ended by itself; look for its panic above", self.local_addr))
    }

    /// Accepts no more, closes what is idle, receives and answers what is open;
    /// after `deadline` cuts what is left. Returns whether everything was answered.
    pub async fn stop(mut self, deadline: Duration) -> bool {
        self.phase.send_replace(Phase::Finish);
        if let Some(watcher) = self.watcher.take()
            && let Err(error) = watcher.await
        {
            tracing::error!(%error, "the watch on the webhook's certificate ended badly");
        }
        let ended = tokio::time::timeout(deadline, &mut self.task).await;
        if ended.is_err() {
            self.phase.send_replace(Phase::Cut);
            if let Err(error) = (&mut self.task).await {
                tracing::error!(%error, "the webhook's listener ended badly");
            }
        }
        capture::finish(self.writers, deadline).await;
        ended.is_ok_and(|ended| ended.is_ok())
    }
}

impl Site {
    fn new(config: &Config, tls: Option<Tls>, door: &Door, clock: Clock) -> Result<Self, StartError> {
        let enter = |account: &Account| {
            let entrance = door.source(&account.name, account.source);
            let entrance = entrance.map_err(|error| StartError::Ledger(account.name.clone(), error))?;
            let in_flight = Semaphore::new(config.bounds.account_in_flight_bytes_max);
            Ok(SiteAccount { entrance, answers: answers(&account.name), in_flight, capture: None })
        };
        Ok(Self {
            access: AccessList::new(&config.accounts),
            accounts: config.accounts.iter().map(enter).collect::<Result<_, StartError>>()?,
            strangers: answers(""),
            in_flight: Semaphore::new(config.bounds.in_flight_bytes_max),
            bounds: config.bounds,
            clock,
            closed: ClosedCounters::new(),
            tls,
            behind_proxy: config.behind_proxy.clone(),
            failed_logins: FailedLogins::new(),
            seats: Arc::new(Seats::new(config.accounts.len(), config.bounds.account_connections_max)),
            door: door.clone(),
            connections: metrics::gauge("meterline_webhook_connections", &[]),
            in_flight_bytes: metrics::gauge("meterline_webhook_bytes_in_flight", &[]),
            accept_errors: metrics::counter("meterline_webhook_accept_errors_total", &[]),
        })
    }

    /// Starts the captures that are wanted. One that cannot be kept is no reason not
    /// to take posts.
    fn start_captures(&mut self, config: &Config) -> Vec<Writer> {
        let Some(directory) = &config.captures else { return Vec::new() };
        let mut writers = Vec::new();
        for (account, site) in config.accounts.iter().zip(&mut self.accounts) {
            match Capture::start(directory, &account.name, account.capture) {
                Ok(Some((capture, writer))) => {
                    site.capture = Some(capture);
                    writers.push(writer);
                }
                Ok(None) => {}
                Err(error) => tracing::warn!(account = account.name, %error,
                    "the account's posts are not captured: the file of its capture cannot be written"),
            }
        }
        writers
    }

    #[expect(clippy::cast_precision_loss, reason = "gauges are floats")]
    fn look(&self, connections: usize) {
        self.door.look();
        self.connections.set(connections as f64);
        self.in_flight_bytes.set((self.bounds.in_flight_bytes_max - self.in_flight.available_permits()) as f64);
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
            displaced: counter("displaced"),
        }
    }
}

fn answers(account: &str) -> [Counter; LABELS.len()] {
    LABELS.map(|answer| {
        let labels = [("account", account.to_owned()), ("answer", answer.to_owned())];
        metrics::counter("meterline_webhook_requests_total", &labels)
    })
}

/// Accepts until told to stop, then waits for the connections.
async fn listen(listener: TcpListener, site: Arc<Site>, mut phases: watch::Receiver<Phase>) {
    let mut connections = JoinSet::new();
    accept_all(listener, &site, &mut phases, &mut connections).await;
    while *phases.borrow_and_update() == Phase::Finish && !connections.is_empty() {
        tokio::select! {
            _ = connections.join_next() => {}
            // Nobody holds the sender any more: nobody waits for the answers either.
            changed = phases.changed() => if changed.is_err() { break },
        }
    }
    connections.shutdown().await;
    site.look(0);
}

async fn accept_all(
    listener: TcpListener,
    site: &Arc<Site>,
    phases: &mut watch::Receiver<Phase>,
    connections: &mut JoinSet<()>,
) {
    let mut looks = interval(LOOK_EVERY);
    looks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    let mut pause = Duration::ZERO;
    let mut not_before = site.clock.monotonic();
    loop {
        let now = site.clock.monotonic();
        // Where all connections are taken, the next one waits until somebody gives way.
        let room_at = if connections.len() < site.bounds.connections_max { Some(now) } else { site.seats.room_at() };
        let has_room = room_at.is_some_and(|room_at| room_at <= now);
        tokio::select! {
            accepted = accept(&listener, not_before), if has_room => match accepted {
                Ok((socket, peer)) => {
                    pause = Duration::ZERO;
                    if connections.len() >= site.bounds.connections_max {
                        site.seats.make_room();
                    }
                    let seat = site.seats.take(site.clock.monotonic());
                    connections.spawn(connection::serve(socket, peer, seat, Arc::clone(site), phases.clone()));
                }
                Err(error) => {
                    pause = (pause * 2).clamp(ACCEPT_PAUSE_MIN, ACCEPT_PAUSE_MAX);
                    not_before = site.clock.monotonic() + pause;
                    site.accept_errors.increment(1);
                    tracing::warn!(%error, "the webhook cannot accept a connection; it tries again shortly");
                }
            },
            () = sleep_until(room_at.unwrap_or(now).into()), if !has_room && room_at.is_some() => {}
            Some(ended) = connections.join_next() => if let Err(error) = ended {
                tracing::error!(%error, "a webhook connection's task failed");
            },
            _ = looks.tick() => site.look(connections.len()),
            _ = phases.changed() => return,
        }
    }
}

/// The next connection, but not before that instant. May be dropped at any time.
async fn accept(listener: &TcpListener, not_before: Instant) -> io::Result<(TcpStream, SocketAddr)> {
    sleep_until(not_before.into()).await;
    listener.accept().await
}

impl fmt::Debug for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Site")
    }
}
