//! `meterline reload`: the running service reads its configuration again.

use super::Failure;
use super::location::DataLocation;
use super::table::{print, print_json};
use crate::control::{Command, Reloaded, ask_data, is_served, not_served};
use clap::Args;

/// Reload the configuration of the running service
///
/// The service reads its file, its environment and its secrets again, and takes changes of webhook
/// accounts and credentials, certificates, sources and the log level. Sources that did not change
/// are not interrupted, and no post is refused. Other changes need a restart; they are named. A file
/// with errors changes nothing: all its errors are listed. SIGHUP does the same.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    meterline reload --config /etc/meterline/meterline.toml --dry-run\n  \
    meterline reload --config /etc/meterline/meterline.toml\n\n\
    Exit codes: 0 reloaded, 1 no service runs, 3 the configuration has errors and the earlier one stays in use.")]
pub(super) struct ReloadArgs {
    #[command(flatten)]
    location: DataLocation,
    /// Only say what would change; change nothing
    #[arg(long)]
    dry_run: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &ReloadArgs) -> Result<(), Failure> {
    let directory = arguments.location.load_existing()?.data_directory;
    if !is_served(&directory) {
        return Err(Failure::Failed(not_served(&directory)));
    }
    let dry_run = arguments.dry_run;
    let answer = ask_data(&directory, &Command::Reload { dry_run }).map_err(Failure::Failed)?;
    let reloaded: Reloaded = serde_json::from_value(answer)?;
    if arguments.json {
        print_json(&reloaded)?;
    } else {
        print(lines(&reloaded, dry_run).join("\n"))?;
    }
    match reloaded.faults.len() {
        0 => Ok(()),
        count => Err(Failure::Shown {
            message: format!("{} has errors ({count}); the earlier configuration stays in use", reloaded.file),
            code: 3,
        }),
    }
}

fn lines(reloaded: &Reloaded, dry_run: bool) -> Vec<String> {
    let Reloaded { file, applied, restart, faults } = reloaded;
    if !faults.is_empty() {
        return faults.clone();
    }
    let done = if dry_run { "would be taken" } else { "taken" };
    let mut lines: Vec<String> = applied.iter().map(|change| format!("{done}: {change}")).collect();
    lines.extend(restart.iter().map(|key| format!("needs a restart: {key}")));
    if lines.is_empty() {
        lines.push(format!("the running service has the configuration of {file}"));
    }
    lines
}
