//! `meterline smart-me`: manages logins and webhook registrations at smart-me.

mod accounts;
mod login;
mod report;
mod rotate;

use super::Failure;
use super::location::DataLocation;
use super::table::{print, print_json, table};
use crate::source::smart_me::{ApiError, Evidence, Registrar, RegistrationReport};
use accounts::{Listed, for_each};
use clap::{Args, Subcommand};
use serde_json::json;

/// Manage logins and webhook registrations at smart-me
///
/// Each [[smart_me]] table of the configuration names an account, its login and the
/// public address of the webhook. Registrations of other programs are listed and never
/// changed.
#[derive(Debug, Args)]
#[command(
    after_help = "Exit codes: 0 success (list: each account with a public_url has exactly one correct registration),\n\
    1 failure, 3 error in the configuration."
)]
pub(super) struct SmartMeArgs {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// List the registrations of this service and of other programs
    List(AccountArgs),
    /// Create or repair the registration
    Register(ChangeArgs),
    /// Remove all registrations of this service's address
    Remove(ChangeArgs),
    Report(report::ReportArgs),
    Login(login::LoginArgs),
    Rotate(rotate::RotateArgs),
}

#[derive(Debug, Args)]
struct AccountArgs {
    #[command(flatten)]
    location: DataLocation,
    /// Only this account; by default all accounts
    #[arg(long, short, value_name = "NAME")]
    account: Option<String>,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct ChangeArgs {
    #[command(flatten)]
    accounts: AccountArgs,
    /// Only print the steps; change nothing
    #[arg(long)]
    dry_run: bool,
}

pub(super) fn run(arguments: &SmartMeArgs) -> Result<(), Failure> {
    match &arguments.command {
        Command::List(arguments) => list(arguments),
        Command::Register(change) => {
            apply(change, async |registrar| registrar.reconcile(Evidence::default(), change.dry_run).await)
        }
        Command::Remove(change) => apply(change, async |registrar| registrar.remove_all(change.dry_run).await),
        Command::Report(arguments) => report::run(arguments),
        Command::Login(arguments) => login::run(arguments),
        Command::Rotate(arguments) => rotate::run(arguments),
    }
}

fn list(arguments: &AccountArgs) -> Result<(), Failure> {
    let config = arguments.location.load()?;
    let accounts = accounts::list(&config, arguments.account.as_deref())?;
    if arguments.json {
        let shown: Vec<_> = accounts
            .iter()
            .map(|Listed { account, has_public_url, registrations }| {
                json!({ "account": account, "public_url": has_public_url, "registrations": registrations })
            })
            .collect();
        print_json(&shown)?;
    } else {
        let mut rows = table(&["account", "registration", "kind", "meter", "posts to", "state"]);
        for (listed, registration) in accounts
            .iter()
            .flat_map(|listed| listed.registrations.iter().map(move |registration| (listed, registration)))
        {
            let no_state = if listed.has_public_url { "another program's" } else { "unknown without public_url" };
            rows.add_row([
                listed.account.as_str(),
                &registration.id,
                &registration.kind,
                registration.meter.as_deref().unwrap_or("all"),
                &registration.to,
                registration.state.as_deref().unwrap_or(no_state),
            ]);
        }
        print(rows)?;
    }
    let incorrect: Vec<&str> = accounts
        .iter()
        .filter(|listed| listed.has_public_url)
        .filter(|listed| listed.registrations.iter().filter(|it| it.is_correct()).count() != 1)
        .map(|listed| listed.account.as_str())
        .collect();
    if incorrect.is_empty() {
        return Ok(());
    }
    let message = format!(
        "not exactly one correct registration: {}; run `meterline smart-me register` to repair it",
        incorrect.join(", ")
    );
    Err(Failure::Shown { message, code: 1 })
}

fn apply(
    change: &ChangeArgs,
    work: impl AsyncFn(&Registrar) -> Result<RegistrationReport, ApiError>,
) -> Result<(), Failure> {
    let arguments = &change.accounts;
    let config = arguments.location.load()?;
    let done = for_each(&config, arguments.account.as_deref(), work)?;
    if arguments.json {
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
            print(format!("{account}: registrations of other programs (unchanged): {}", report.foreign))?;
        }
    }
    Ok(())
}
