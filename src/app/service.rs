//! The running service: starts its parts, waits for a signal, stops them.

use super::canary::{self, Findings, Login};
use super::descriptors::Descriptors;
use super::error::StartError;
use super::fill::Fill;
use super::kafka_log::KafkaLog;
use super::live::Live;
use super::parts::Parts;
use super::passed_sockets::PassedSockets;
use super::reload::{Certificates, ConfigFile, Reloader};
use super::service_manager::{self, Watchdog};
use super::signals::{Meaning, Signals};
use super::{commands, journal, sinks, sources, status, upkeep};
use crate::admin::{Admin, History, Views};
use crate::base::{Level, Listen, Stop, Tasks};
use crate::clock::Clock;
use crate::config::{AdminTransport, Config};
use crate::contexts::Contexts;
use crate::control::Control;
use crate::coverage::{Coverage, Gap};
use crate::dead_letters::DeadLetters;
use crate::deliver::{CoverageSink, Keeper};
use crate::ingest::{Followers, Ingest};
use crate::journal::Sequence;
use crate::meters::Meters;
use crate::query::Store;
use crate::recent_records::RecentRecords;
use crate::source::webhook::{Listener, Tls, Webhook};
use crate::source::{Description, SourceGroups};
use parking_lot::Mutex;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::task::JoinSet;

/// The minimum time for the last tasks to end, even beyond the deadline.
const LAST_TASKS: Duration = Duration::from_secs(1);

/// A part that hangs longer beyond the deadline, for example in the sync of a faulty disk, is
/// abandoned with the process.
const HANG_GRACE: Duration = Duration::from_secs(5);

/// The running service.
#[derive(Debug)]
pub struct Service {
    parts: Parts,
    runtime: tokio::runtime::Runtime,
    /// `None` without a webhook account.
    webhook: Option<Webhook>,
    account_paths: Vec<(String, String)>,
    reloader: Reloader,
    control: Control,
    tasks: Tasks,
    stop: Stop,
    canary_stop: Stop,
    admin: Admin,
    watchdog: Option<Watchdog>,
    /// Until they are waited for.
    signals: Mutex<Option<Signals>>,
}

impl Service {
    /// Starts every part. When it returns, the webhook takes bodies. There is no file for a reload.
    ///
    /// # Errors
    /// When the data directory is in use or damaged, or an address cannot be bound.
    pub fn start(config: Config, clock: Clock) -> Result<Self, StartError> {
        Self::start_on(PassedSockets::default(), config, ConfigFile::none(), clock)
    }

    /// The same; the listeners take the sockets that the service manager passed, and a reload reads this file.
    ///
    /// # Errors
    /// The same, and when a socket is for no listener.
    pub fn start_on(
        mut sockets: PassedSockets,
        mut config: Config,
        file: ConfigFile,
        clock: Clock,
    ) -> Result<Self, StartError> {
        sockets.check(&config)?;
        let started = clock.now();
        limit_connections(&mut config)?;
        let metrics = upkeep::recorder()?;
        let runtime = runtime().map_err(StartError::because)?;
        let parts = start_parts(&config, runtime.handle(), clock)?;
        sources::register(&config, &parts.journal).map_err(StartError::because)?;
        let login = config.canary.map(|_| Login::new()).transpose()?;
        let webhook = start_webhook(sockets.at(config.webhook.listen), &config, login.as_ref(), &parts)?;
        let accounts = webhook.as_ref().map(Webhook::accounts).cloned();
        let certificates = certificates(&config, webhook.as_ref(), &parts)?;
        let of_webhook = (accounts.clone(), login.as_ref().map(Login::account));
        let reloader = Reloader::new(file, &config, &parts, of_webhook, certificates.clone());
        let sources = sources::SourceStarter::new(&config, &parts, accounts.as_ref());
        sources.start(|_| true).map_err(StartError::because)?;
        let status_reader = status::StatusReader {
            canary: Findings::default(),
            parts: parts.clone(),
            started,
            certificates: certificates.clone(),
            accepts: webhook.as_ref().map(Webhook::accepts),
            data_directory: config.data_directory.clone(),
            fill: Fill::default(),
            reloader: reloader.clone(),
        };
        let views = views(&status_reader, &metrics, Store::open(&config.sinks));
        let commands = commands::Commands::new(&config, parts.clone(), reloader.clone());
        let control = Control::start(&config.data_directory, commands.handler(Arc::clone(&views.status)))
            .map_err(StartError::because)?;
        let (tasks, stop) = (Tasks::new(runtime.handle().clone()), Stop::default());
        let (fill, data) = (status_reader.fill.clone(), config.data_directory.clone());
        tasks.spawn("upkeep", upkeep::run(metrics, parts.clone(), fill, data, stop.clone()));
        let canary_stop = canary::start(&config, login.zip(webhook.as_ref()), &parts, &status_reader.canary, &tasks);
        // Before a probe can say that the service is ready: a signal then stops it in order.
        let signals = {
            let _entered = runtime.enter();
            Signals::new().map_err(|error| StartError::because(format!("cannot receive signals: {error}")))?
        };
        let listen = sockets.at(config.admin.listen);
        let admin = Admin::start(listen, &config.admin, certificates.admin, views, parts.clock.clone())
            .map_err(StartError::because)?;
        tracing::info!(
            webhook = webhook.as_ref().map(|it| it.local_addr().to_string()), admin = %admin.address(),
            data = %config.data_directory.display(), sinks = sinks::shown(&config),
            "service started; its page is {}://{}/", config.admin.transport.scheme(), admin.address()
        );
        let paths = config.webhook.accounts.into_iter().map(|account| (account.name, account.path));
        let watchdog = Watchdog::start(&parts).map_err(StartError::because)?;
        service_manager::ready();
        Ok(Self {
            parts,
            runtime,
            webhook,
            account_paths: paths.collect(),
            reloader,
            control,
            tasks,
            stop,
            canary_stop,
            admin,
            watchdog,
            signals: Mutex::new(Some(signals)),
        })
    }

    /// Waits for a signal to stop or the end of `lasts`, and calls `each` at this interval.
    /// See `Signals` for the meaning of each signal.
    ///
    /// Returns the reason if the webhook or the journal has failed.
    pub fn wait_for_signal(
        &self,
        lasts: Option<Duration>,
        interval: Duration,
        mut each: impl FnMut(),
    ) -> Option<String> {
        let start = self.parts.clock.monotonic();
        self.runtime.block_on(async {
            let mut signals = self.signals.lock().take()?;
            let mut reloads = JoinSet::new();
            loop {
                tokio::select! {
                    meaning = signals.next() => match meaning {
                        Meaning::Stop(name) => {
                            tracing::info!(signal = name, "stopping; a second signal ends the process at once");
                            tokio::spawn(signals.end_at_next());
                            return None;
                        }
                        Meaning::Reload => {
                            let reloader = self.reloader.clone();
                            reloads.spawn_blocking(move || reloader.reload());
                        }
                    },
                    // The outcome is logged and on the page.
                    Some(_) = reloads.join_next() => {}
                    () = tokio::time::sleep(interval) => {}
                }
                each();
                if lasts.is_some_and(|lasts| self.parts.clock.elapsed(start) >= lasts) {
                    return None;
                }
                if let Some(why) = self.failure() {
                    tracing::error!(why, "stopping because a part failed");
                    return Some(why);
                }
            }
        })
    }

    /// Stops every part within `deadline`, in the direction of the data.
    pub fn stop(self, deadline: Duration) {
        service_manager::stopping();
        drop(self.watchdog);
        let until = self.parts.clock.monotonic() + deadline;
        let _ended = end_process_after(deadline + HANG_GRACE);
        let left = |clock: &Clock| until.saturating_duration_since(clock.monotonic());
        // Before the webhook: a post that it does not take would be logged as a failure.
        self.canary_stop.by(until);
        self.reloader.close(until);
        self.parts.sources.stop(until);
        if let Some(webhook) = self.webhook
            && !self.runtime.block_on(webhook.stop(until))
        {
            tracing::warn!("some requests were not finished at the deadline; their senders got no answer");
        }
        for pump in self.parts.pumps.iter() {
            pump.stop(until);
        }
        self.parts.kafka_log.stop(until);
        for pump in self.parts.pumps.iter() {
            pump.join();
        }
        self.parts.kafka_log.join();
        self.runtime.block_on(self.parts.sources.join(until));
        self.parts.journal.close();
        #[cfg(feature = "test-faults")]
        while crate::faults::is_on("stop-hangs") {
            std::thread::park();
        }
        self.control.stop(until);
        self.stop.by(until);
        let until = until.max(self.parts.clock.monotonic() + LAST_TASKS);
        for task in self.runtime.block_on(self.tasks.join(until)) {
            tracing::warn!(task, "the task did not end by the deadline and was cancelled");
        }
        self.admin.stop();
        self.runtime.shutdown_timeout(left(&self.parts.clock).min(Duration::from_secs(1)));
        tracing::info!("stopped");
    }

    /// Returns the clock of the service.
    pub fn clock(&self) -> &Clock {
        &self.parts.clock
    }

    /// Returns the address of the admin listener.
    pub fn admin_address(&self) -> SocketAddr {
        self.admin.address()
    }

    /// Returns the URL to which an account posts; `None` if there is no such account.
    pub fn webhook_url(&self, account: &str) -> Option<String> {
        let webhook = self.webhook.as_ref()?;
        let (_, path) = self.account_paths.iter().find(|(name, _)| name == account)?;
        let scheme = if webhook.tls().is_some() { "https" } else { "http" };
        Some(format!("{scheme}://{}{path}", webhook.local_addr()))
    }

    /// Returns the journal's end: every record below it is safe on disk.
    pub fn journal_end(&self) -> Sequence {
        self.parts.journal.next()
    }

    /// Returns the sequence below which every record is safe in all stores.
    pub fn stored_below(&self) -> Sequence {
        let stores = self.parts.pumps.iter().filter(|pump| pump.name() != sinks::COVERAGE);
        stores.map(|pump| pump.status().next).min().unwrap_or_else(|| self.parts.journal.next())
    }

    /// The descriptions of all sources.
    pub fn sources(&self) -> Vec<Arc<Description>> {
        self.parts.sources.descriptions()
    }

    /// Returns the gaps in the meters' readings, open and closed.
    pub fn gaps(&self) -> Vec<Gap> {
        self.parts.coverage.gaps().into_iter().map(|(gap, _)| gap).collect()
    }

    fn failure(&self) -> Option<String> {
        self.webhook.as_ref().and_then(Webhook::died).or_else(|| self.parts.journal.died())
    }
}

/// Raises the limit of open files, and gives the webhook the connections that the rest leaves.
fn limit_connections(config: &mut Config) -> Result<(), StartError> {
    let descriptors = Descriptors::raised(config);
    let connections = descriptors.connections().map_err(StartError::because)?;
    config.webhook.bounds = config.webhook.bounds.with_connections_at_most(connections);
    match descriptors.finding() {
        (Level::Good, message) => tracing::info!("{message}"),
        (_, message) => tracing::warn!("{message}"),
    }
    Ok(())
}

/// Starts the webhook, if it has an account.
fn start_webhook(
    listen: Listen,
    config: &Config,
    canary: Option<&Login>,
    parts: &Parts,
) -> Result<Option<Webhook>, StartError> {
    if !config.webhook.is_listening() {
        return Ok(None);
    }
    let mut webhook = config.webhook.clone().heads_in(&config.data_directory);
    webhook.accounts.extend(canary.map(Login::account));
    let started = parts.runtime.block_on(Webhook::start_on(listen, webhook, &parts.ingest, parts.clock.clone()));
    started.map(Some).map_err(StartError::because)
}

/// The certificates of the listeners with TLS.
fn certificates(config: &Config, webhook: Option<&Webhook>, parts: &Parts) -> Result<Certificates, StartError> {
    Ok(Certificates { webhook: webhook.and_then(Webhook::tls).cloned(), admin: admin_tls(config, parts)? })
}

/// Loads the certificate of the admin listener, if it has one.
fn admin_tls(config: &Config, parts: &Parts) -> Result<Option<Tls>, StartError> {
    let AdminTransport::Tls(files) = &config.admin.transport else { return Ok(None) };
    let loaded = parts.runtime.block_on(Tls::load(Listener::Admin, files, parts.clock.clone()));
    loaded.map(Some).map_err(|error| StartError::because(format!("the admin listener cannot use TLS: {error}")))
}

/// Ends the process after this time, unless the returned value is dropped before. This loses
/// nothing, because answered data is synced.
fn end_process_after(limit: Duration) -> std::sync::mpsc::SyncSender<()> {
    let (running, ended) = std::sync::mpsc::sync_channel(0);
    let watch = move || {
        if ended.recv_timeout(limit) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
            tracing::error!(
                "a part does not end although the deadline of the stop has passed; the process ends without it"
            );
            super::telemetry::flush();
            std::process::exit(1);
        }
    };
    if let Err(error) = std::thread::Builder::new().name("stop".to_owned()).spawn(watch) {
        tracing::warn!(%error, "the deadline of the stop cannot be enforced");
    }
    running
}

/// Returns the runtime of the webhook, ingest and all other sources.
fn runtime() -> std::io::Result<tokio::runtime::Runtime> {
    tokio::runtime::Builder::new_multi_thread().enable_all().thread_name("ingest").build()
}

/// Starts the parts that need no source: journal, dead letters, pumps, ingest.
fn start_parts(config: &Config, runtime: &Handle, clock: Clock) -> Result<Parts, StartError> {
    let journal = journal::open(config, &clock)?;
    let dead_letters =
        DeadLetters::open(config.dead_letters_directory(), clock.clone()).map_err(StartError::because)?;
    let coverage = Coverage::open(&config.data_directory, config.gap_memory_bytes);
    let meters = Meters::open(&config.data_directory, config.metering_points.clone(), clock.now());
    let recent = RecentRecords::default();
    let keeper = Keeper::new(dead_letters.clone(), recent.clone());
    let coverage_sink = CoverageSink::new(coverage.clone(), recent.clone(), journal.clone(), clock.clone());
    let contexts = Contexts::of(&config.data_directory);
    let live = Live::new(config, contexts.clone());
    let followers = (keeper, coverage_sink);
    let pumps = Arc::new(sinks::start_pumps(config, &journal, &dead_letters, followers, &live, &clock)?);
    let kafka_log = KafkaLog::start(config, &journal, &dead_letters, &live, &clock)?;
    let followers = Followers { recent, contexts: contexts.clone(), observer: Some(Arc::new(live.counters.clone())) };
    let ingest = Ingest::followed_by(followers, journal.clone(), Some(dead_letters.clone()), clock.clone());
    let sources = Arc::new(SourceGroups::new(runtime.clone(), clock.clone()));
    let runtime = runtime.clone();
    let units = config.units.clone();
    Ok(Parts {
        clock,
        runtime,
        journal,
        dead_letters,
        coverage,
        meters,
        units,
        ingest,
        live,
        pumps,
        kafka_log,
        sources,
    })
}

fn views(reader: &status::StatusReader, metrics: &upkeep::Recorder, store: Option<Store>) -> Views {
    let (for_ready, for_status, metrics) = (reader.clone(), reader.clone(), metrics.clone());
    Views {
        metrics: Arc::new(move || metrics.render()),
        ready: Arc::new(move || for_ready.ready()),
        status: Arc::new(move || for_status.status()),
        ingest: reader.parts.ingest.clone(),
        meters: reader.parts.meters.clone(),
        units: reader.parts.units.clone(),
        coverage: reader.parts.coverage.clone(),
        history: History::new(store, reader.parts.clock.clone()),
        is_logged_in: false,
        clock: reader.parts.clock.clone(),
    }
}
