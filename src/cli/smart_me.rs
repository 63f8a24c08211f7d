//! `meterline smart-me`: logins and webhook registrations of accounts at smart-me.

mod login;
mod report;
mod rotate;

use super::Failure;
use super::place::DataPlace;
use super::table::{print, print_json, table};
use crate::base::Stop;
use crate::clock::Clock;
use crate::config::Config;
use crate::source::smart_me::{Access, Account, ApiError, Client, Evidence, Memory, Registrar, Report, Target};
use clap::{Args, Subcommand};
use serde_json::json;
use std::future::Future;
use std::time::Duration;

/// How long one request may wait for a server that is away, while a person waits.
const PATIENCE: Duration = Duration::from_mins(1);

/// Look after the accounts at smart-me: logins and webhook registrations
///
/// Each [[smart_me]] table of the configuration names an account, how to log in,
/// and the public address of the webhook. Registrations of other programs are
/// shown and never touched.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 done (list: every account has its registration), 1 not, 3 configuration at fault."
)]
pub(super) struct SmartMeArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Show the registrations, ours and others'
    List(Which),
    /// Create or repair the registration
    Register(Change),
    /// Remove every registration of our address
    Remove(Change),
    /// Say what the posts of an account tell of what smart-me does not publish
    Report(report::ReportArgs),
    /// Log in as a person, once, for a table with client_id and token_key_file
    Login(login::LoginArgs),
    /// Replace the webhook password, here and at smart-me, and refuse no reading meanwhile
    Rotate(rotate::RotateArgs),
}

#[derive(Debug, Args)]
struct Which {
    #[command(flatten)]
    place: DataPlace,
    /// Only this account; all of them by default
    #[arg(long, short, value_name = "NAME")]
    account: Option<String>,
    /// Print as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Change {
    #[command(flatten)]
    which: Which,
    /// Only say what would be done
    #[arg(long)]
    dry_run: bool,
}

pub(super) fn run(arguments: &SmartMeArgs) -> Result<(), Failure> {
    match &arguments.command {
        Command::List(which) => list(which),
        Command::Register(change) => {
            apply(change, async |registrar| registrar.reconcile(Evidence::default(), change.dry_run).await)
        }
        Command::Remove(change) => apply(change, async |registrar| registrar.remove_all(change.dry_run).await),
        Command::Report(arguments) => report::run(arguments),
        Command::Login(arguments) => login::run(arguments),
        Command::Rotate(arguments) => rotate::run(arguments),
    }
}

fn list(which: &Which) -> Result<(), Failure> {
    let config = which.place.load()?;
    let accounts = for_each(&config, which.account.as_deref(), async |registrar| registrar.list().await)?;
    if which.json {
        let shown: Vec<_> = accounts
            .iter()
            .map(|(account, registrations)| json!({ "account": account, "registrations": registrations }))
            .collect();
        print_json(&shown)?;
    } else {
        let mut rows = table(&["account", "registration", "kind", "meter", "posts to", "is"]);
        for (account, registration) in
            accounts.iter().flat_map(|(account, all)| all.iter().map(move |registration| (account, registration)))
        {
            rows.add_row([
                account.as_str(),
                &registration.id,
                &registration.kind,
                registration.meter.as_deref().unwrap_or("all"),
                &registration.to,
                registration.standing.as_deref().unwrap_or("another program's"),
            ]);
        }
        print(rows)?;
    }
    let lacking: Vec<&str> = accounts
        .iter()
        .filter(|(_, registrations)| registrations.iter().filter(|it| it.is_right()).count() != 1)
        .map(|(account, _)| account.as_str())
        .collect();
    if lacking.is_empty() {
        return Ok(());
    }
    Err(Failure::Failed(format!(
        "not exactly one right registration: {}; `meterline smart-me register` mends that",
        lacking.join(", ")
    )))
}

fn apply(change: &Change, work: impl AsyncFn(&Registrar) -> Result<Report, ApiError>) -> Result<(), Failure> {
    let which = &change.which;
    let config = which.place.load()?;
    let done = for_each(&config, which.account.as_deref(), work)?;
    if which.json {
        let shown: Vec<_> = done
            .iter()
            .map(|(account, report)| json!({ "account": account, "steps": report.steps, "foreign": report.foreign }))
            .collect();
        return print_json(&shown);
    }
    for (account, report) in &done {
        for step in &report.steps {
            print(format!("{account}: {step}"))?;
        }
        if report.is_right() {
            print(format!("{account}: nothing to do"))?;
        }
        if report.foreign > 0 {
            print(format!("{account}: registrations of other programs, left alone: {}", report.foreign))?;
        }
    }
    Ok(())
}

/// Does something with the registrations of the wanted accounts, one after the other; of
/// all that have a webhook where none is named.
fn for_each<T>(
    config: &Config,
    wanted: Option<&str>,
    work: impl AsyncFn(&Registrar) -> Result<T, ApiError>,
) -> Result<Vec<(String, T)>, Failure> {
    let accounts = match wanted {
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

fn has_webhook(config: &Config, name: &str) -> bool {
    config.webhook.accounts.iter().any(|sender| sender.name == name)
}

/// The [[smart_me]] table of an account.
fn named<'a>(config: &'a Config, name: &str) -> Result<&'a Account, Failure> {
    let account = config.smart_me().find(|account| account.name == name);
    account.ok_or_else(|| {
        Failure::Failed(format!("there is no [[smart_me]] table for account '{name}' in the configuration"))
    })
}

fn access(config: &Config, account: &Account) -> Access {
    Access::new(account, &config.data_directory, Stop::default(), Clock::system())
}

fn registrar(config: &Config, account: &Account) -> Result<Registrar, Failure> {
    let wanted = account.wanted.clone().ok_or_else(|| {
        failed(account, "[[smart_me]] needs public_url, the address under which smart-me reaches the webhook")
    })?;
    let client = Client::new(account.clone(), access(config, account), PATIENCE);
    Ok(Registrar::new(client, Target::new(wanted), Memory::in_directory(&config.data_directory)))
}

fn failed(account: &Account, why: impl std::fmt::Display) -> Failure {
    Failure::Failed(format!("{}: {why}", account.name))
}

/// Runs a command's requests on this thread.
fn block_on<T>(work: impl Future<Output = T>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    Ok(runtime.block_on(work))
}
