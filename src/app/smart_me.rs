//! The accounts at smart-me: the threads that keep their registrations, fetch what is
//! missing and ask for devices, and registrations by hand.

mod keeper;
mod login;
mod rotate;

pub(super) use keeper::Keeper;
pub(super) use login::findings;
pub use login::{LoginWay, log_in};
pub use rotate::rotate;

use super::sinks::COVERAGE;
use crate::clock::Clock;
use crate::config::Config;
use crate::coverage::Coverage;
use crate::deliver::PumpHandle;
use crate::ingest::{Door, SourceOptions};
use crate::meters::Meters;
use crate::source::smart_me::{
    self, Access, Account, ApiError, Client, Describer, Desk, Evidence, Listed, Memory, Pause, PollMode, PollParts,
    PollStatus, Registrar, RegistrationStatus, RepairStatus, Report, Way, WebhookCounters, Worker,
};
use crate::source::webhook::Webhook;
use std::sync::Arc;
use std::time::Duration;

/// How long one look may wait for a server that is away, in the service.
const PATIENCE: Duration = Duration::from_mins(10);
/// And while somebody waits at the command line.
const PATIENCE_BY_HAND: Duration = Duration::from_mins(1);

/// The threads that work at smart-me.
#[derive(Debug, Default)]
pub(super) struct Workers {
    /// Those that keep registrations.
    pub(super) registrations: Vec<Worker<RegistrationStatus>>,
    /// Those that fetch what is missing.
    pub(super) repairs: Vec<Worker<RepairStatus>>,
    /// Those that ask for devices.
    pub(super) polls: Vec<Worker<PollStatus>>,
    /// What commands do to the accounts beside them.
    pub(super) keepers: Vec<Keeper>,
    /// Ends what commands wait for.
    by_command: Arc<Pause>,
}

/// What they work with.
pub(super) struct Parts<'a> {
    pub(super) config: &'a Config,
    pub(super) webhook: &'a Webhook,
    pub(super) door: &'a Door,
    pub(super) coverage: &'a Coverage,
    pub(super) meters: &'a Meters,
    pub(super) counters: &'a WebhookCounters,
    pub(super) pumps: &'a Arc<Vec<PumpHandle>>,
    pub(super) runtime: &'a tokio::runtime::Handle,
    pub(super) clock: &'a Clock,
}

impl Workers {
    /// Starts what is configured of every account; all of an account's requests are
    /// of one budget and one login.
    pub(super) fn start(parts: &Parts<'_>) -> Result<Self, String> {
        let mut workers = Self::default();
        for account in &parts.config.smart_me {
            let access = Access::new(account, &parts.config.data_directory);
            login::say(account, &access);
            let keeper = parts.keeper(account, &access, &workers.by_command);
            if let Some(desk) = keeper.as_ref().and_then(Keeper::desk) {
                workers.registrations.extend(parts.registration(account, &access, desk)?);
            }
            workers.keepers.extend(keeper);
            workers.repairs.extend(parts.repair(account, &access)?);
            workers.polls.extend(parts.poll(account, &access)?);
        }
        Ok(workers)
    }

    pub(super) fn stop(&self) {
        self.by_command.end();
        self.registrations.iter().for_each(Worker::stop);
        self.repairs.iter().for_each(Worker::stop);
        self.polls.iter().for_each(Worker::stop);
    }

    /// Waits for their ends; `left` is how long may still be waited.
    pub(super) fn join(&self, left: impl Fn() -> Duration) {
        self.registrations.iter().for_each(|worker| worker.join(left()));
        self.repairs.iter().for_each(|worker| worker.join(left()));
        self.polls.iter().for_each(|worker| worker.join(left()));
    }
}

impl Parts<'_> {
    fn keeper(&self, account: &Account, access: &Access, pause: &Arc<Pause>) -> Option<Keeper> {
        Some(Keeper {
            account: account.clone(),
            access: access.clone(),
            desk: account.wanted.clone().map(Desk::new),
            memory: Memory::in_directory(&self.config.data_directory),
            pairs: self.webhook.pairs(&account.name)?,
            pause: Arc::clone(pause),
            clock: self.clock.clone(),
        })
    }

    fn registration(
        &self,
        account: &Account,
        access: &Access,
        desk: &Desk,
    ) -> Result<Option<Worker<RegistrationStatus>>, String> {
        let Some(every) = account.reconcile_every else { return Ok(None) };
        let (client, pause) = self.client(account, access);
        let registrar = Registrar::new(client, desk.clone(), Memory::in_directory(&self.config.data_directory));
        let knocks = self.webhook.knocks(&account.name);
        let mut before = Evidence::default();
        let evidence = move || {
            let now = knocks.as_ref().map_or(before, |knocks| Evidence {
                accepted: knocks.accepted(),
                challenged: knocks.challenged(),
                ..before
            });
            let (accepted, challenged) = (now.accepted - before.accepted, now.challenged - before.challenged);
            before = now;
            Evidence { accepted, challenged, ..Evidence::default() }
        };
        let worker = smart_me::keep_registered(&account.name, registrar, every, evidence, pause, self.clock.clone());
        worker.map(Some).map_err(|error| error.to_string())
    }

    fn repair(&self, account: &Account, access: &Access) -> Result<Option<Worker<RepairStatus>>, String> {
        if !account.repair {
            return Ok(None);
        }
        let Some(way) = self.way(account)? else { return Ok(None) };
        let (client, pause) = self.client(account, access);
        smart_me::repair(client, way, pause).map(Some).map_err(|error| error.to_string())
    }

    fn poll(&self, account: &Account, access: &Access) -> Result<Option<Worker<PollStatus>>, String> {
        let Some(polling) = account.polling.clone() else { return Ok(None) };
        let way = if polling.mode == PollMode::Store { self.way(account)? } else { None };
        let (client, pause) = self.client(account, access);
        let parts = PollParts {
            polling,
            way,
            describer: self.describer(account)?,
            counters: self.counters.clone(),
            clock: self.clock.clone(),
        };
        smart_me::poll(client, parts, pause).map(Some).map_err(|error| error.to_string())
    }

    /// Who tells of the devices of an account whose readings are stored.
    fn describer(&self, account: &Account) -> Result<Option<Describer>, String> {
        let Some((name, options)) = sources(self.config).into_iter().find(|(name, _)| *name == account.name) else {
            return Ok(None);
        };
        Ok(Some(Describer {
            meters: self.meters.clone(),
            entrance: self.door.source(&name, options).map_err(|error| error.to_string())?,
            runtime: self.runtime.clone(),
            clock: self.clock.clone(),
        }))
    }

    fn client(&self, account: &Account, access: &Access) -> (Client, Arc<Pause>) {
        let pause = Arc::new(Pause::default());
        let client = Client::new(account.clone(), access.clone(), PATIENCE, Arc::clone(&pause), self.clock.clone());
        (client, pause)
    }

    /// The way of what is fetched for an account whose readings are stored.
    fn way(&self, account: &Account) -> Result<Option<Way>, String> {
        let sources = sources(self.config);
        let Some((name, options)) = sources.into_iter().find(|(name, _)| *name == account.name) else {
            return Ok(None);
        };
        let pumps = Arc::clone(self.pumps);
        Ok(Some(Way {
            coverage: self.coverage.clone(),
            is_caught_up: Box::new(move || {
                pumps.iter().any(|pump| pump.name() == COVERAGE && pump.status().lag_records == 0)
            }),
            entrance: self.door.source(&name, options).map_err(|error| error.to_string())?,
            runtime: self.runtime.clone(),
            clock: self.clock.clone(),
        }))
    }
}

/// Everybody who brings readings, webhook or not.
pub(super) fn sources(config: &Config) -> Vec<(String, SourceOptions)> {
    let webhook = config.webhook.accounts.iter().map(|account| (account.name.clone(), account.source));
    let mut sources: Vec<_> = webhook.collect();
    for account in &config.smart_me {
        let is_stored = account.polling.as_ref().is_some_and(|polling| polling.mode == PollMode::Store);
        if is_stored && sources.iter().all(|(name, _)| *name != account.name) {
            sources.push((account.name.clone(), SourceOptions::default()));
        }
    }
    sources
}

/// What can be done with registrations by hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum RegistrationCommand {
    /// Bring about that exactly one is ours and right.
    Register,
    /// Remove all of ours.
    Remove,
}

/// The registrations of every wanted account; of all where none is named.
///
/// # Errors
/// A sentence: no such account, or why smart-me cannot be asked.
pub fn registrations(config: &Config, account: Option<&str>) -> Result<Vec<(String, Vec<Listed>)>, String> {
    for_each(config, account, |registrar| registrar.list())
}

/// Registers or removes for every wanted account; of all where none is named.
///
/// # Errors
/// A sentence: no such account, or why it was not done.
pub fn register(
    config: &Config,
    account: Option<&str>,
    command: RegistrationCommand,
    dry_run: bool,
) -> Result<Vec<(String, Report)>, String> {
    for_each(config, account, |registrar| match command {
        RegistrationCommand::Register => registrar.reconcile(Evidence::default(), dry_run),
        RegistrationCommand::Remove => registrar.remove_all(dry_run),
    })
}

fn for_each<T>(
    config: &Config,
    wanted: Option<&str>,
    mut each: impl FnMut(&mut Registrar) -> Result<T, ApiError>,
) -> Result<Vec<(String, T)>, String> {
    // Without a webhook there is nothing to be registered.
    let has_webhook = |name: &str| config.webhook.accounts.iter().any(|sender| sender.name == name);
    let is_wanted = |name: &str| wanted.map_or_else(|| has_webhook(name), |wanted| name == wanted);
    let accounts: Vec<&Account> = config.smart_me.iter().filter(|account| is_wanted(&account.name)).collect();
    if accounts.is_empty() {
        return Err(match wanted {
            Some(name) => format!("there is no [[smart_me]] table for account '{name}' in the configuration"),
            None => "the configuration has no [[smart_me]] table: `meterline config --example` shows one".to_owned(),
        });
    }
    let clock = Clock::system();
    let mut done = Vec::new();
    for account in accounts {
        let access = Access::new(account, &config.data_directory);
        let client = Client::new(account.clone(), access, PATIENCE_BY_HAND, Arc::default(), clock.clone());
        let mut registrar = registrar(config, account, client)?;
        let outcome = each(&mut registrar).map_err(|error| format!("{}: {error}", account.name))?;
        done.push((account.name.clone(), outcome));
    }
    Ok(done)
}

/// The [[smart_me]] table of an account.
fn named<'a>(config: &'a Config, name: &str) -> Result<&'a Account, String> {
    let account = config.smart_me.iter().find(|account| account.name == name);
    account.ok_or_else(|| format!("there is no [[smart_me]] table for account '{name}' in the configuration"))
}

fn registrar(config: &Config, account: &Account, client: Client) -> Result<Registrar, String> {
    let wanted = account.wanted.clone().ok_or_else(|| {
        format!("{}: [[smart_me]] needs public_url, the address under which smart-me reaches the webhook", account.name)
    })?;
    Ok(Registrar::new(client, Desk::new(wanted), Memory::in_directory(&config.data_directory)))
}
