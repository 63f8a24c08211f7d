//! The canary: test readings that go the whole way, from a post to the webhook until each store shows them.
//!
//! Their meter is [`MeterId::CANARY`], so they are flagged as tests, and no page, view, export or topic has them. Invariants:
//! - The path and the password of its account are made at each start, and are nowhere but in memory.
//! - There is one round at a time, and one read at a time of each store: one that hangs is waited for, also in later rounds.

use super::error::StartError;
use super::parts::Parts;
use crate::base::{Stop, Tasks, own_address};
use crate::clock::Clock;
use crate::config::Config;
use crate::http::{self, Bounds, Client};
use crate::ingest::SourceOptions;
use crate::metrics;
use crate::query::{QueryError, Store};
use crate::reading::{CANARY_SOURCE, Flags, MeterId, Obis, Sample, UnixNanos};
use crate::secret::{Secret, random};
use crate::source::webhook::{Account, Credentials, Tls, Webhook};
use crate::wire::PayloadFormat;
use crate::wire::batch::{Original, encode};
use ::metrics::{Counter, Gauge};
use hyper::StatusCode;
use hyper::header::AUTHORIZATION;
use parking_lot::Mutex;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::task::{JoinHandle, JoinSet};
use tokio::time::timeout_at;

/// The register of the readings: the frequency, a gauge.
const REGISTER: Obis = Obis([1, 0, 14, 7, 0, 255]);
/// The pauses between two looks at a store: each is twice the one before.
const PAUSES: [Duration; 2] = [Duration::from_millis(20), Duration::from_secs(1)];
const ANSWER_BYTES_MAX: usize = 4 << 10;
const MS_NS: i64 = 1_000_000;
const TICK_NS: i64 = 100;

/// The credentials of the canary's account.
#[derive(Debug, Clone)]
pub(super) struct Login {
    path: Secret,
    password: Secret,
}

impl Login {
    /// Makes random ones.
    pub(super) fn new() -> Result<Self, StartError> {
        let text = || random::<16>().map(hex::encode);
        let new =
            || Ok(Self { path: Secret::new(format!("/{CANARY_SOURCE}-{}", text()?)), password: Secret::new(text()?) });
        new().map_err(|error: std::io::Error| StartError::because(format!("no random numbers: {error}")))
    }

    /// The account, which no configuration has.
    pub(super) fn account(&self) -> Account {
        Account {
            name: CANARY_SOURCE.to_owned(),
            path: self.path.expose().to_owned(),
            credentials: vec![Credentials::new(CANARY_SOURCE, self.password.expose())],
            source: SourceOptions::default(),
            format: PayloadFormat::ReadingBatch,
        }
    }
}

/// The result of the last round at a store.
#[derive(Debug, Clone, Default)]
pub(super) struct Found {
    /// Why the reading was not visible in time, and since when none was.
    pub(super) failing: Option<(String, UnixNanos)>,
    /// When one was visible last.
    pub(super) last_success: Option<UnixNanos>,
}

/// The results of the last round, by store. Clones share them.
#[derive(Debug, Clone, Default)]
pub(super) struct Findings(Arc<Mutex<BTreeMap<&'static str, Found>>>);

impl Findings {
    /// The stores that a round has looked at.
    pub(super) fn all(&self) -> BTreeMap<&'static str, Found> {
        self.0.lock().clone()
    }
}

/// Starts the canary, if it has an account at the webhook. Returns the signal that stops it.
pub(super) fn start(
    config: &Config,
    account: Option<(Login, &Webhook)>,
    parts: &Parts,
    findings: &Findings,
    tasks: &Tasks,
) -> Stop {
    let stop = Stop::default();
    if let Some((settings, (login, webhook))) = config.canary.zip(account) {
        let clock = &parts.clock;
        let scheme = if webhook.tls().is_some() { "https" } else { "http" };
        let stores = Store::each(&config.sinks).into_iter();
        let canary = Canary {
            interval: settings.interval,
            deadline: settings.deadline,
            clock: clock.clone(),
            address: format!("{scheme}://{}{}", own_address(webhook.local_addr()), login.path.expose()),
            login,
            tls: webhook.tls().cloned(),
            stores: stores.map(|(name, store)| Watched::new(name, store, findings, clock)).collect(),
        };
        tasks.spawn("canary", canary.run(stop.clone()));
    }
    stop
}

/// The canary of a running webhook.
struct Canary {
    interval: Duration,
    deadline: Duration,
    clock: Clock,
    login: Login,
    address: String,
    tls: Option<Tls>,
    stores: Vec<Watched>,
}

/// The test reading of a round.
#[derive(Debug, Clone, Copy)]
struct Sent {
    at: UnixNanos,
    value: f64,
    begun: Instant,
    until: Instant,
}

impl Canary {
    /// Does one round after the other until the stop.
    async fn run(mut self, stop: Stop) {
        loop {
            let begun = self.clock.monotonic();
            if stop.unless_asked(self.round(begun)).await.is_err() {
                return;
            }
            let left = self.interval.saturating_sub(self.clock.elapsed(begun));
            if stop.sleep(left).await.is_err() {
                return;
            }
        }
    }

    async fn round(&mut self, begun: Instant) {
        let posted = self.post(begun).await;
        let mut looking = JoinSet::new();
        for mut store in self.stores.drain(..) {
            let posted = posted.clone();
            looking.spawn(async move {
                let outcome = match posted {
                    Ok(sent) => store.look(sent).await,
                    Err(why) => Err(Failure::Refused(why)),
                };
                store.note(outcome);
                store
            });
        }
        self.stores = looking.join_all().await;
    }

    /// Posts a reading with a random time and value, so that no other one is taken for it.
    async fn post(&self, begun: Instant) -> Result<Sent, String> {
        let number = || random().map(u32::from_ne_bytes).map_err(|error| format!("no random numbers: {error}"));
        let (value, ticks) = (number()?, number()?);
        let now = self.clock.now().0;
        let at = UnixNanos(now - now.rem_euclid(MS_NS) + i64::from(ticks % 10_000) * TICK_NS);
        let sent = Sent { at, value: f64::from(value), begun, until: begun + self.deadline };
        let sample = Sample { obis: REGISTER, value: sent.value };
        let body = encode([(MeterId::CANARY, at, Flags::NONE, [sample])], &Original::default());
        let request = hyper::Request::post(&self.address).body(body.into());
        let mut request: http::Request = request.map_err(|_| "its address is not valid".to_owned())?;
        request.headers_mut().extend(
            http::basic_authorization(CANARY_SOURCE, &self.login.password)
                .map(|credentials| (AUTHORIZATION, credentials)),
        );
        let answer = self.client().send(request).await.map_err(|error| error.to_string())?;
        match answer.status() {
            StatusCode::OK => Ok(sent),
            status => Err(format!("the webhook answered {}", status.as_u16())),
        }
    }

    /// A new connection in each round, as of a new sender. The certificate may be a new one, too.
    fn client(&self) -> Client {
        let bounds = Bounds { timeout: self.deadline, answer_bytes_max: ANSWER_BYTES_MAX };
        match self.tls.as_ref().and_then(Tls::certificate) {
            Some(certificate) => Client::trusting_only(bounds, certificate),
            None => Client::new(bounds),
        }
    }
}

/// Why a reading was not visible in time.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
enum Failure {
    #[error("the webhook did not take it: {0}")]
    Refused(String),
    #[error("the store has not got it in time")]
    Missing,
    #[error("the store cannot be read: {0}")]
    Unreadable(String),
}

/// The outcomes of a round, in the label of its counter.
const OUTCOMES: [&str; 4] = ["visible", "refused", "missing", "unreadable"];

fn place(outcome: Result<(), &Failure>) -> usize {
    match outcome {
        Ok(()) => 0,
        Err(Failure::Refused(_)) => 1,
        Err(Failure::Missing) => 2,
        Err(Failure::Unreadable(_)) => 3,
    }
}

/// The value of the reading of a time, if the store has it.
type Answer = (UnixNanos, Result<Option<f64>, QueryError>);

/// A store that readings are looked for in.
struct Watched {
    name: &'static str,
    store: Store,
    /// The read that has not ended, of this reading.
    reading: Option<JoinHandle<Answer>>,
    findings: Findings,
    clock: Clock,
    rounds: [Counter; OUTCOMES.len()],
    delay: Gauge,
    last_success: Gauge,
}

impl Watched {
    fn new(name: &'static str, store: Store, findings: &Findings, clock: &Clock) -> Self {
        let store_label = ("store", name.to_owned());
        let rounds = |outcome: &str| {
            metrics::counter("meterline_canary_rounds_total", &[store_label.clone(), ("outcome", outcome.to_owned())])
        };
        Self {
            name,
            store,
            reading: None,
            findings: findings.clone(),
            clock: clock.clone(),
            rounds: OUTCOMES.map(rounds),
            delay: metrics::gauge("meterline_canary_delay_seconds", std::slice::from_ref(&store_label)),
            last_success: metrics::gauge("meterline_canary_last_success_timestamp_seconds", &[store_label]),
        }
    }

    /// Looks for a reading until it is visible. Returns the time that it took.
    async fn look(&mut self, sent: Sent) -> Result<Duration, Failure> {
        let [mut pause, pause_max] = PAUSES;
        loop {
            let reading = self.reading.get_or_insert_with(|| {
                let store = self.store.clone();
                tokio::task::spawn_blocking(move || (sent.at, store.canary(sent.at)))
            });
            let Ok(ended) = timeout_at(sent.until.into(), reading).await else {
                return Err(Failure::Unreadable("it does not answer".to_owned()));
            };
            self.reading = None;
            let failure = match ended {
                Ok((at, Ok(Some(value)))) if at == sent.at && value.to_bits() == sent.value.to_bits() => {
                    return Ok(self.clock.elapsed(sent.begun));
                }
                Ok((_, Ok(_))) => Failure::Missing,
                Ok((_, Err(error))) => Failure::Unreadable(error.to_string()),
                Err(error) => Failure::Unreadable(error.to_string()),
            };
            if self.clock.monotonic() + pause >= sent.until {
                return Err(failure);
            }
            tokio::time::sleep(pause).await;
            pause = (2 * pause).min(pause_max);
        }
    }

    /// Counts and remembers the outcome of a round; logs the first failure, and the end of failures.
    fn note(&self, outcome: Result<Duration, Failure>) {
        let (now, store) = (self.clock.now(), self.name);
        self.rounds[place(outcome.as_ref().map(|_| ()))].increment(1);
        let mut findings = self.findings.0.lock();
        let found = findings.entry(store).or_default();
        match outcome {
            Ok(delay) => {
                self.delay.set(delay.as_secs_f64());
                self.last_success.set(Duration::from_nanos(now.0.max(0).unsigned_abs()).as_secs_f64());
                found.last_success = Some(now);
                if found.failing.take().is_some() {
                    tracing::info!(store, "the canary's test reading is visible in the store again");
                }
            }
            Err(failure) => {
                if found.failing.is_none() {
                    tracing::warn!(store, %failure, "the canary's test reading is not visible in the store");
                }
                let since = found.failing.as_ref().map_or(now, |(_, since)| *since);
                found.failing = Some((failure.to_string(), since));
            }
        }
    }
}
