//! `meterline sources`: shows the state of every source of the running service.

use super::failure::Failure;
use super::location::DataLocation;
use super::table::{print, print_json, table};
use crate::control::{Command, UNEXPECTED_ANSWER, ask_data, is_served, not_served};
use clap::Args;
use serde_json::Value;

/// Show the state of every source of the running service
///
/// Use it when data of a source does not arrive. It shows the state of each source, the
/// time of the last change and the reason, as on the built-in page. A source is a webhook
/// account, a task of a [[smart_me]] account, or a [[json]] device.
#[derive(Debug, Args)]
#[command(after_help = "States:\n  \
    waiting        its first run has not ended\n  \
    running        it works\n  \
    failing        its last attempt failed; the service retries automatically\n  \
    misconfigured  an operator must change something; the reason names it\n\n\
    Exit codes: 0 all sources are running or waiting, 1 a source is not or no service runs, 3 error in the\n\
    configuration.")]
pub(super) struct SourcesArgs {
    #[command(flatten)]
    location: DataLocation,
    /// Print JSON, with all facts
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &SourcesArgs) -> Result<(), Failure> {
    let directory = arguments.location.load_existing()?.data_directory;
    if !is_served(&directory) {
        return Err(Failure::Failed(not_served(&directory)));
    }
    let status = ask_data(&directory, &Command::Status).map_err(Failure::Failed)?;
    let sources = status["sources"].as_array().ok_or_else(|| Failure::failed(UNEXPECTED_ANSWER))?;
    if arguments.json {
        print_json(sources)?;
    } else {
        let mut rows = table(&["source", "kind", "state", "since", "reason"]);
        for source in sources {
            let text = |field: &str| source[field].as_str().unwrap_or_default();
            // A person needs no fractions of a second.
            let since = text("since").parse::<jiff::Timestamp>().map(|at| format!("{at:.0}")).unwrap_or_default();
            rows.add_row([text("name"), text("kind"), text("state"), &since, text("why")]);
        }
        print(rows)?;
    }
    let is_ok = |source: &&Value| ["running", "waiting"].iter().any(|state| source["state"] == *state);
    match sources.iter().filter(|source| !is_ok(source)).count() {
        0 => Ok(()),
        count => Err(Failure::Shown {
            message: format!("{count} of {} sources do not work; the reasons are listed above", sources.len()),
            code: 1,
        }),
    }
}
