//! The accounts at smart-me: the threads that keep their registrations, and the
//! same by hand.

use crate::clock::Clock;
use crate::config::Config;
use crate::source::smart_me::{Account, ApiError, Client, Evidence, Listed, Memory, Pause, Registrar, Report, Task};
use crate::source::webhook::Webhook;
use std::sync::Arc;
use std::time::Duration;

/// How long one look may wait for a server that is away, in the service.
const PATIENCE: Duration = Duration::from_mins(10);
/// And while somebody waits at the command line.
const PATIENCE_BY_HAND: Duration = Duration::from_mins(1);

/// Starts to keep the registrations that are to be kept.
pub(super) fn start(config: &Config, webhook: &Webhook, clock: &Clock) -> std::io::Result<Vec<Task>> {
    let mut tasks = Vec::new();
    for account in &config.smart_me {
        let Some(every) = account.reconcile_every else { continue };
        let pause = Arc::new(Pause::default());
        let Ok(registrar) = registrar(config, account, PATIENCE, &pause, clock) else { continue };
        let knocks = webhook.knocks(&account.name);
        let mut before = Evidence::default();
        let evidence = move || {
            let now = knocks
                .as_ref()
                .map_or(before, |knocks| Evidence { accepted: knocks.accepted(), challenged: knocks.challenged() });
            let since =
                Evidence { accepted: now.accepted - before.accepted, challenged: now.challenged - before.challenged };
            before = now;
            since
        };
        tasks.push(Task::start(&account.name, registrar, every, evidence, pause, clock.clone())?);
    }
    Ok(tasks)
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
    let accounts: Vec<&Account> =
        config.smart_me.iter().filter(|account| wanted.is_none_or(|wanted| account.name == wanted)).collect();
    if accounts.is_empty() {
        return Err(match wanted {
            Some(name) => format!("there is no [[smart_me]] table for account '{name}' in the configuration"),
            None => "the configuration has no [[smart_me]] table: `meterline config --example` shows one".to_owned(),
        });
    }
    let clock = Clock::system();
    let mut done = Vec::new();
    for account in accounts {
        let pause = Arc::new(Pause::default());
        let mut registrar = registrar(config, account, PATIENCE_BY_HAND, &pause, &clock)?;
        let outcome = each(&mut registrar).map_err(|error| format!("{}: {error}", account.name))?;
        done.push((account.name.clone(), outcome));
    }
    Ok(done)
}

fn registrar(
    config: &Config,
    account: &Account,
    patience: Duration,
    pause: &Arc<Pause>,
    clock: &Clock,
) -> Result<Registrar, String> {
    let wanted = account.wanted.clone().ok_or_else(|| {
        format!("{}: [[smart_me]] needs public_url, the address under which smart-me reaches the webhook", account.name)
    })?;
    let client = Client::new(account.clone(), patience, Arc::clone(pause), clock.clone());
    Ok(Registrar::new(client, wanted, Memory::in_directory(&config.data_directory)))
}
