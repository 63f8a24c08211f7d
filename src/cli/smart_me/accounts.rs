//! Access to the accounts of the [[smart_me]] tables for the commands.

use crate::base::Stop;
use crate::cli::failure::Failure;
use crate::clock::Clock;
use crate::config::Config;
use crate::source::smart_me::{
    Access, Account, ApiError, Client, ListedRegistration, Registrar, RegistrationFile, Target, list_all,
};
use std::future::Future;
use std::time::Duration;

/// The maximum wait of one request for an unreachable server. A person waits for the result.
const REQUEST_WAIT_MAX: Duration = Duration::from_mins(1);

/// Calls `work` for the named account, or for each account with a webhook, one after the
/// other.
pub(super) fn for_each<T>(
    config: &Config,
    name: Option<&str>,
    work: impl AsyncFn(&Registrar) -> Result<T, ApiError>,
) -> Result<Vec<(String, T)>, Failure> {
    let accounts = match name {
        Some(name) => vec![named(config, name)?],
        None => config.smart_me().filter(|account| has_webhook(config, &account.name)).collect(),
    };
    if accounts.is_empty() {
        return Err(Failure::failed(
            "the configuration has no [[smart_me]] table for a webhook account: `meterline config --example` shows one",
        ));
    }
    let mut done = Vec::new();
    for account in accounts {
        let registrar = registrar(config, account)?;
        let outcome = block_on(work(&registrar))?;
        done.push((account.name.clone(), outcome.map_err(|error| failed(account, error))?));
    }
    Ok(done)
}

/// The registrations of an account.
pub(super) struct Listed {
    pub(super) account: String,
    /// Whether the account has a public_url, by which our registrations are known.
    pub(super) has_public_url: bool,
    pub(super) registrations: Vec<ListedRegistration>,
}

/// Lists the registrations of the named account, or of each account with a webhook; of all
/// accounts, if none has one.
pub(super) fn list(config: &Config, name: Option<&str>) -> Result<Vec<Listed>, Failure> {
    let mut accounts = match name {
        Some(name) => vec![named(config, name)?],
        None => config.smart_me().filter(|account| has_webhook(config, &account.name)).collect(),
    };
    if accounts.is_empty() {
        accounts = config.smart_me().collect();
    }
    if accounts.is_empty() {
        return Err(Failure::failed(
            "the configuration has no [[smart_me]] table: `meterline config --example` shows one",
        ));
    }
    let list_one = |account: &Account| {
        let listed = match &account.wanted {
            Some(_) => block_on(registrar(config, account)?.list())?,
            None => block_on(list_all(&client(config, account)))?,
        };
        let registrations = listed.map_err(|error| failed(account, error))?;
        Ok(Listed { account: account.name.clone(), has_public_url: account.wanted.is_some(), registrations })
    };
    accounts.into_iter().map(list_one).collect()
}

fn has_webhook(config: &Config, name: &str) -> bool {
    config.webhook.accounts.iter().any(|account| account.name == name)
}

/// Returns the [[smart_me]] table of an account.
pub(super) fn named<'a>(config: &'a Config, name: &str) -> Result<&'a Account, Failure> {
    let account = config.smart_me().find(|account| account.name == name);
    account.ok_or_else(|| Failure::Failed(format!("the configuration has no [[smart_me]] table for account '{name}'")))
}

pub(super) fn access(config: &Config, account: &Account) -> Access {
    Access::new(account, &config.data_directory, Stop::default(), Clock::system())
}

fn client(config: &Config, account: &Account) -> Client {
    Client::new(account.clone(), access(config, account), REQUEST_WAIT_MAX)
}

pub(super) fn registrar(config: &Config, account: &Account) -> Result<Registrar, Failure> {
    let wanted = account.wanted.clone().ok_or_else(|| {
        failed(account, "the [[smart_me]] table needs public_url: the address at which smart-me reaches the webhook")
    })?;
    Ok(Registrar::new(
        client(config, account),
        Target::new(wanted),
        RegistrationFile::in_directory(&config.data_directory),
    ))
}

pub(super) fn failed(account: &Account, why: impl std::fmt::Display) -> Failure {
    Failure::Failed(format!("{}: {why}", account.name))
}

/// Runs a command's requests on this thread.
pub(super) fn block_on<T>(work: impl Future<Output = T>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    Ok(runtime.block_on(work))
}
