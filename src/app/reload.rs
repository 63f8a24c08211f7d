//! The reload of the configuration in the running service: accounts and credentials of the webhook,
//! the certificates of both listeners, sources, the log level.
//!
//! A file with a fault changes nothing. Sources that differ are stopped and started; the others are
//! not touched, and the webhook answers meanwhile. Settings that need a restart are named.

use super::parts::Parts;
use super::service_manager;
use super::sources::SourceStarter;
use super::telemetry;
use crate::config::{AdminTransport, Changes, Config, Entry, Fault, Faults, Settings};
use crate::control::Reloaded;
use crate::metrics;
use crate::reading::UnixNanos;
use crate::source::webhook::{Account, Accounts, Tls, TlsFiles};
use parking_lot::Mutex;
use std::collections::BTreeSet;
use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The maximum time for requests of sources that are stopped.
const STOP_SOURCES_WITHIN: Duration = Duration::from_secs(10);
/// The table of webhook accounts, as an entry of the configuration.
const ACCOUNT: &str = "webhook.account";
/// The key whose change is applied without stopping anything.
const LEVEL: &str = "log.level";

/// The file of the configuration and how it is read.
#[derive(Clone)]
pub struct ConfigFile {
    /// The path; `None` for the defaults.
    pub path: Option<PathBuf>,
    /// Reads it as at the start of the service.
    pub load: Arc<dyn Fn() -> Result<Config, Faults> + Send + Sync>,
}

impl ConfigFile {
    /// No file: a reload is refused.
    pub fn none() -> Self {
        let fault = || Fault {
            location: "(no file)".to_owned(),
            key: "reload".to_owned(),
            message: "this service was started without a file that can be read again".to_owned(),
        };
        Self { path: None, load: Arc::new(move || Err(Faults(vec![fault()]))) }
    }
}

impl fmt::Debug for ConfigFile {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("ConfigFile").field(&self.path).finish()
    }
}

/// The last reload.
#[derive(Debug, Clone)]
pub(super) struct LastReload {
    pub(super) at: UnixNanos,
    pub(super) reloaded: Reloaded,
}

/// The certificates of the listeners that have one.
#[derive(Debug, Clone)]
pub(super) struct Certificates {
    pub(super) webhook: Option<Tls>,
    pub(super) admin: Option<Tls>,
}

impl Certificates {
    /// Each listener: its table in the configuration, its certificate, and its files in this configuration.
    fn with<'a>(&'a self, config: &'a Config) -> [(&'static str, Option<&'a Tls>, Option<&'a TlsFiles>); 2] {
        let admin = match &config.admin.transport {
            AdminTransport::Tls(files) => Some(files),
            AdminTransport::Loopback | AdminTransport::BehindProxy(_) | AdminTransport::PlainHttp(_) => None,
        };
        [("webhook.tls", self.webhook.as_ref(), config.webhook.tls.as_ref()), ("admin.tls", self.admin.as_ref(), admin)]
    }
}

/// Reloads the configuration. Clones share one state.
#[derive(Debug, Clone)]
pub(super) struct Reloader {
    file: ConfigFile,
    parts: Parts,
    accounts: Option<Accounts>,
    /// The canary's account, which no configuration has.
    canary: Option<Account>,
    certificates: Certificates,
    state: Arc<Mutex<State>>,
    last: Arc<Mutex<Option<LastReload>>>,
}

/// Held during a reload.
#[derive(Debug)]
struct State {
    /// The settings in use.
    settings: Settings,
    is_closed: bool,
}

impl Reloader {
    pub(super) fn new(
        file: ConfigFile,
        config: &Config,
        parts: &Parts,
        (accounts, canary): (Option<Accounts>, Option<Account>),
        certificates: Certificates,
    ) -> Self {
        let state = State { settings: config.settings.clone(), is_closed: false };
        metrics::gauge("meterline_configuration_current", &[]).set(1.0);
        let (state, last) = (Arc::new(Mutex::new(state)), Arc::default());
        Self { file, parts: parts.clone(), accounts, canary, certificates, state, last }
    }

    /// The last reload; `None` before the first one.
    pub(super) fn last(&self) -> Option<LastReload> {
        self.last.lock().clone()
    }

    /// Waits for a reload that runs, and prevents further ones.
    pub(super) fn close(&self, until: Instant) {
        if let Some(mut state) = self.state.try_lock_until(until) {
            state.is_closed = true;
        }
    }

    /// Says what a reload would do. Changes nothing.
    pub(super) fn preview(&self) -> Reloaded {
        let state = self.state.lock();
        match self.read() {
            Ok(config) => self.described(&self.plan(&state.settings, &config)),
            Err(faults) => self.refused(faults),
        }
    }

    /// Reloads the configuration. It blocks until sources that differ have stopped.
    pub(super) fn reload(&self) -> Reloaded {
        let mut state = self.state.lock();
        if state.is_closed {
            return self.refused(vec!["the service is stopping".to_owned()]);
        }
        service_manager::reloading();
        let reloaded = match self.read() {
            Ok(config) => {
                let plan = self.plan(&state.settings, &config);
                match self.apply(&plan, &config) {
                    Ok(()) => {
                        state.settings = state.settings.keeping(&config.settings, |key| plan.restart.contains(key));
                        self.described(&plan)
                    }
                    Err(why) => self.refused(vec![why]),
                }
            }
            Err(faults) => self.refused(faults),
        };
        self.note(&reloaded);
        service_manager::ready();
        reloaded
    }

    /// Reads the file and everything that it names.
    fn read(&self) -> Result<Config, Vec<String>> {
        let config =
            (self.file.load)().map_err(|faults| faults.0.iter().map(ToString::to_string).collect::<Vec<_>>())?;
        let now = self.parts.clock.now();
        let with_both = self.certificates.with(&config).into_iter().filter(|(_, tls, _)| tls.is_some());
        let faults: Vec<String> = with_both
            .filter_map(|(table, _, files)| files?.check(now).err().map(|error| format!("[{table}]: {error}")))
            .collect();
        if faults.is_empty() { Ok(config) } else { Err(faults) }
    }

    fn plan(&self, settings: &Settings, config: &Config) -> Plan {
        let changes = settings.changes(&config.settings);
        let listeners = self.certificates.with(config);
        let has_certificate_of = |key: &str| {
            listeners.iter().any(|(table, tls, files)| {
                tls.is_some() && files.is_some() && key.strip_prefix(table).is_some_and(|rest| rest.starts_with('.'))
            })
        };
        let keeps_listening = self.accounts.is_some() == config.webhook.is_listening();
        let is_live = |key: &String| key == LEVEL || has_certificate_of(key);
        let mut restart: BTreeSet<String> = changes.keys.iter().filter(|key| !is_live(key)).cloned().collect();
        if !keeps_listening {
            restart.insert(ACCOUNT.to_owned());
        }
        Plan { changes, restart, keeps_listening }
    }

    /// Applies what needs no restart.
    ///
    /// # Errors
    /// Why nothing was changed.
    fn apply(&self, plan: &Plan, config: &Config) -> Result<(), String> {
        // The steps that can fail come first.
        super::sources::register(config, &self.parts.journal).map_err(|error| error.to_string())?;
        for (table, tls, files) in self.certificates.with(config) {
            if let (Some(tls), Some(files)) = (tls, files) {
                tls.replace(files).map_err(|error| format!("[{table}]: {error}"))?;
            }
        }
        self.parts.live.replace(config);
        if let (Some(accounts), true) = (&self.accounts, plan.keeps_listening) {
            let wanted = [config.webhook.accounts.as_slice(), self.canary.as_slice()].concat();
            let replaced = accounts.replace(&wanted, |name| plan.concerns_account(name));
            replaced.map_err(|error| error.to_string())?;
        }
        telemetry::set_level(config.log.level);
        self.replace_sources(&plan.changes, config)
    }

    /// Stops the sources that are gone or differ, and starts those that are new or differ.
    fn replace_sources(&self, changes: &Changes, config: &Config) -> Result<(), String> {
        let wanted: BTreeSet<String> = super::sources::entries(config).map(|entry| entry.to_string()).collect();
        // An added one may run already, if an earlier reload failed later.
        let differing: BTreeSet<String> =
            changes.changed.iter().chain(&changes.added).map(ToString::to_string).collect();
        let is_ended = |entry: &str| !wanted.contains(entry) || differing.contains(entry);
        let until = self.parts.clock.monotonic() + STOP_SOURCES_WITHIN;
        self.parts.runtime.block_on(self.parts.sources.end(is_ended, until));
        self.parts.end_unconfigured_sources();
        let starter = SourceStarter::new(config, &self.parts, self.accounts.as_ref());
        starter.start(|entry| changes.has(entry))
    }

    fn described(&self, plan: &Plan) -> Reloaded {
        let named = |what: &str, entries: &[Entry]| -> Vec<String> {
            entries.iter().map(|entry| format!("{what} {entry}")).collect()
        };
        let Changes { keys, added, removed, changed } = &plan.changes;
        let keys = keys.iter().filter(|key| !plan.restart.contains(*key)).map(|key| format!("changed {key}"));
        let mut applied: Vec<String> = keys.collect();
        applied.extend([named("added", added), named("removed", removed), named("changed", changed)].concat());
        if !plan.keeps_listening {
            applied.retain(|line| !line.contains(&format!("[[{ACCOUNT}]]")));
        }
        Reloaded {
            file: self.file_name(),
            applied,
            restart: plan.restart.iter().cloned().collect(),
            faults: Vec::new(),
        }
    }

    fn refused(&self, faults: Vec<String>) -> Reloaded {
        Reloaded { file: self.file_name(), faults, ..Reloaded::default() }
    }

    fn file_name(&self) -> String {
        self.file.path.as_ref().map_or_else(|| "(defaults)".to_owned(), |path| path.display().to_string())
    }

    /// Logs, counts and remembers a reload.
    fn note(&self, reloaded: &Reloaded) {
        let Reloaded { file, applied, restart, faults } = reloaded;
        for fault in faults {
            tracing::error!(fault, "the configuration has an error");
        }
        if faults.is_empty() {
            tracing::info!(file, applied = applied.join(", "), "the configuration was reloaded");
        } else {
            tracing::error!(
                file,
                errors = faults.len(),
                "the configuration was not reloaded; the earlier one stays in use"
            );
        }
        if !restart.is_empty() {
            tracing::warn!(settings = restart.join(", "), "these changed settings need a restart");
        }
        let (outcome, is_current) = if faults.is_empty() { ("applied", 1.0) } else { ("refused", 0.0) };
        metrics::counter("meterline_configuration_reloads_total", &[("outcome", outcome.to_owned())]).increment(1);
        metrics::gauge("meterline_configuration_current", &[]).set(is_current);
        *self.last.lock() = Some(LastReload { at: self.parts.clock.now(), reloaded: reloaded.clone() });
    }
}

/// The changes of a reload.
#[derive(Debug)]
struct Plan {
    changes: Changes,
    /// Keys that need a restart.
    restart: BTreeSet<String>,
    /// Whether the webhook has an account before and after, or neither.
    keeps_listening: bool,
}

impl Plan {
    /// Whether a webhook account needs a new entrance: smart-me's API may be compared with its readings.
    fn concerns_account(&self, name: &str) -> bool {
        let entries = [Entry::new(ACCOUNT, name), Entry::new("smart_me", name)];
        entries.iter().any(|entry| self.changes.has(entry) || self.changes.removed.contains(entry))
    }
}
