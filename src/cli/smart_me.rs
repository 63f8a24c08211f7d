//! `meterline smart-me`: logins and webhook registrations of accounts at smart-me.

mod accounts;
mod login;
mod report;
mod rotate;

use super::Failure;
use super::place::DataPlace;
use super::table::{print, print_json, table};
use crate::source::smart_me::{ApiError, Evidence, Registrar, RegistrationReport};
use accounts::for_each;
use clap::{Args, Subcommand};
use serde_json::json;

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
                registration.state.as_deref().unwrap_or("another program's"),
            ]);
        }
        print(rows)?;
    }
    let lacking: Vec<&str> = accounts
        .iter()
        .filter(|(_, registrations)| registrations.iter().filter(|it| it.is_correct()).count() != 1)
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

fn apply(
    change: &Change,
    work: impl AsyncFn(&Registrar) -> Result<RegistrationReport, ApiError>,
) -> Result<(), Failure> {
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
        if report.is_unchanged() {
            print(format!("{account}: nothing to do"))?;
        }
        if report.foreign > 0 {
            print(format!("{account}: registrations of other programs, left alone: {}", report.foreign))?;
        }
    }
    Ok(())
}
