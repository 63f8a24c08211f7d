//! The running service: started part by part, stopped in the data's order.

use super::error::StartError;
use super::{commands, journal, sinks, sources, status, upkeep};
use crate::admin::{Admin, Views};
use crate::base::{Stop, Tasks};
use crate::clock::Clock;
use crate::config::Config;
use crate::control::Control;
use crate::coverage::{Coverage, Gap};
use crate::dead_letters::DeadLetters;
use crate::deliver::{CoverageSink, PumpHandle};
use crate::ingest::Door;
use crate::journal::{Journal, Sequence};
use crate::meters::Meters;
use crate::source::Sources;
use crate::source::webhook::Webhook;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

/// The running service.
#[derive(Debug)]
pub struct Service {
    clock: Clock,
    runtime: tokio::runtime::Runtime,
    journal: Journal,
    coverage: Coverage,
    pumps: Arc<Vec<PumpHandle>>,
    webhook: Webhook,
    sources: Arc<Sources>,
    account_paths: Vec<(String, String)>,
    control: Control,
    tasks: Tasks,
    stop: Stop,
    admin: Admin,
}

impl Service {
    /// Starts every part. When it returns, bodies are taken.
    ///
    /// # Errors
    /// When the data directory is in use or damaged, or an address cannot be bound.
    pub fn start(config: Config, clock: Clock) -> Result<Self, StartError> {
        let started = clock.now();
        let metrics = upkeep::recorder()?;
        let runtime = runtime().map_err(StartError::because)?;
        let journal = journal::open(&config, &clock)?;
        let dead_letters =
            DeadLetters::open(config.dead_letters_directory(), clock.clone()).map_err(StartError::because)?;
        let coverage = Coverage::open(&config.data_directory);
        let meters = Meters::open(&config.data_directory, config.metering_points.clone(), clock.now());
        let observer = sources::Observer::of(&config);
        let watching = CoverageSink::new(coverage.clone(), observer.callback(), journal.clone(), clock.clone());
        let pumps = Arc::new(sinks::start_pumps(&config, &journal, &dead_letters, watching, &clock)?);
        let door = Door::new(journal.clone(), Some(dead_letters.clone()), clock.clone());
        let account_paths =
            config.webhook.accounts.iter().map(|account| (account.name.clone(), account.path.clone())).collect();
        let webhook = runtime
            .block_on(Webhook::start(config.webhook.clone().heads_in(&config.data_directory), &door, clock.clone()))
            .map_err(StartError::because)?;
        let sources = Arc::new(Sources::new(runtime.handle().clone(), clock.clone()));
        let parts = sources::Parts {
            config: &config,
            sources: &sources,
            webhook: &webhook,
            door: &door,
            journal: &journal,
            coverage: &coverage,
            meters: &meters,
            observer: &observer,
            runtime: runtime.handle(),
            clock: &clock,
        };
        parts.start().map_err(StartError::because)?;
        let commands = commands::Commands {
            clock: clock.clone(),
            journal: journal.clone(),
            door: door.clone(),
            options: sources::options(&config),
            sources: Arc::clone(&sources),
            rules: sinks::current_rules(&config),
            pumps: Arc::clone(&pumps),
            dead_letters: dead_letters.clone(),
            runtime: runtime.handle().clone(),
        };
        let snapshot = status::Snapshot {
            clock: clock.clone(),
            started,
            journal: journal.clone(),
            door: door.clone(),
            dead_letters,
            coverage: coverage.clone(),
            tls: webhook.tls().cloned(),
            sources: Arc::clone(&sources),
        };
        let views = views(&snapshot, &pumps, &metrics);
        let control = Control::start(&config.data_directory, commands.handler(Arc::clone(&views.status)))
            .map_err(StartError::because)?;
        let (tasks, stop) = (Tasks::new(runtime.handle().clone()), Stop::default());
        tasks.spawn("upkeep", upkeep::keep_up(metrics, door, journal.clone(), stop.clone()));
        let admin = Admin::start(config.admin_listen, views).map_err(StartError::because)?;
        tracing::info!(
            webhook = %webhook.local_addr(), admin = %admin.address(),
            data = %config.data_directory.display(), sinks = sinks::names(&config).join(","),
            "taking data"
        );
        Ok(Self {
            clock,
            runtime,
            journal,
            coverage,
            pumps,
            webhook,
            sources,
            account_paths,
            control,
            tasks,
            stop,
            admin,
        })
    }

    /// Waits for SIGINT or SIGTERM, or for `lasts` to pass, calling `every` at that
    /// pace. After the first signal a second one ends the process at once.
    ///
    /// Returns the reason where a part died without which nothing can be promised.
    pub fn wait_for_signal(&self, lasts: Option<Duration>, pace: Duration, mut each: impl FnMut()) -> Option<String> {
        let start = self.clock.monotonic();
        self.runtime.block_on(async {
            let mut signals = match Signals::new() {
                Ok(signals) => signals,
                Err(error) => return Some(format!("signals cannot be received: {error}")),
            };
            loop {
                tokio::select! {
                    name = signals.next() => {
                        tracing::info!(signal = name, "stopping; a second signal ends at once");
                        tokio::spawn(end_at_next(signals));
                        return None;
                    }
                    () = tokio::time::sleep(pace) => {}
                }
                each();
                if lasts.is_some_and(|lasts| self.clock.elapsed(start) >= lasts) {
                    return None;
                }
                if let Some(why) = self.died() {
                    tracing::error!(why, "stopping");
                    return Some(why);
                }
            }
        })
    }

    /// Stops every part, in the data's order, within `deadline`.
    pub fn stop(self, deadline: Duration) {
        let until = self.clock.monotonic() + deadline;
        let left = |clock: &Clock| until.saturating_duration_since(clock.monotonic());
        self.sources.stop(until);
        if !self.runtime.block_on(self.webhook.stop(left(&self.clock))) {
            tracing::warn!("the deadline cut off requests that were under way; their senders got no answer");
        }
        for pump in self.pumps.iter() {
            pump.stop(until);
        }
        for pump in self.pumps.iter() {
            pump.join();
        }
        self.runtime.block_on(self.sources.join(until));
        self.journal.close();
        self.control.stop();
        self.stop.by(until);
        for task in self.runtime.block_on(self.tasks.join(until)) {
            tracing::warn!(task, "the task was busy at the deadline and is cancelled");
        }
        self.admin.stop();
        self.runtime.shutdown_timeout(left(&self.clock).min(Duration::from_secs(1)));
        tracing::info!("stopped");
    }

    /// The clock everything runs by.
    #[must_use]
    pub fn clock(&self) -> &Clock {
        &self.clock
    }

    /// Where the admin listener listens.
    #[must_use]
    pub fn admin_address(&self) -> SocketAddr {
        self.admin.address()
    }

    /// The URL an account posts to.
    #[must_use]
    pub fn webhook_url(&self, account: &str) -> String {
        let path = self.account_paths.iter().find(|(name, _)| name == account).map_or("/", |(_, path)| path);
        let scheme = if self.webhook.tls().is_some() { "https" } else { "http" };
        format!("{scheme}://{}{path}", self.webhook.local_addr())
    }

    /// The journal's end: every record below it is safe on this machine.
    #[must_use]
    pub fn journal_end(&self) -> Sequence {
        self.journal.next()
    }

    /// Every record below it is safe in all stores.
    #[must_use]
    pub fn stored_below(&self) -> Sequence {
        let stores = self.pumps.iter().filter(|pump| pump.name() != sinks::COVERAGE);
        stores.map(|pump| pump.status().next).min().unwrap_or_else(|| self.journal.next())
    }

    /// What is missing of the meters' readings, and what became of it.
    #[must_use]
    pub fn gaps(&self) -> Vec<Gap> {
        self.coverage.gaps().into_iter().map(|(gap, _)| gap).collect()
    }

    fn died(&self) -> Option<String> {
        self.webhook.died().or_else(|| self.journal.died())
    }
}

/// Runs the webhook, ingest and all other sources.
fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().thread_name("ingest").build()
}

fn views(snapshot: &status::Snapshot, pumps: &Arc<Vec<PumpHandle>>, metrics: &upkeep::Recorder) -> Views {
    let (for_ready, for_status, pumps, metrics) =
        (snapshot.clone(), snapshot.clone(), Arc::clone(pumps), metrics.clone());
    Views {
        metrics: Arc::new(move || metrics.render()),
        ready: Arc::new(move || for_ready.ready()),
        status: Arc::new(move || for_status.status(&pumps.iter().map(PumpHandle::status).collect::<Vec<_>>())),
    }
}

/// SIGINT and SIGTERM.
struct Signals {
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

impl Signals {
    fn new() -> std::io::Result<Self> {
        use tokio::signal::unix::{SignalKind, signal};
        Ok(Self { interrupt: signal(SignalKind::interrupt())?, terminate: signal(SignalKind::terminate())? })
    }

    async fn next(&mut self) -> &'static str {
        tokio::select! {
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.terminate.recv() => "SIGTERM",
        }
    }
}

/// What was answered is synced, so that ending at once loses nothing.
async fn end_at_next(mut signals: Signals) {
    let name = signals.next().await;
    tracing::warn!(signal = name, "ended at once");
    std::process::exit(130);
}
