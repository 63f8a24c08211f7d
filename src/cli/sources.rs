//! `meterline sources`: the state of every source of the running service.

use super::failure::Failure;
use super::place::DataPlace;
use super::table::{print, print_json, table};
use crate::control::{Answer, Command, ask, is_served};
use clap::Args;
use serde_json::Value;

/// Show every source of the running service: its state, since when, and why
///
/// The same as on the status page. A source is a webhook account, a task at a
/// [[smart_me]] account, or a [[json]] device.
#[derive(Debug, Args)]
#[command(after_help = "States: waiting (not begun, or its server asked for a wait), running, failing (it is tried \
    again), misconfigured (somebody has to change something; the reason says what).\n\n\
    Exit codes: 0 all sources are running or waiting, 1 one is not or no service runs, 3 configuration at fault.")]
pub(super) struct SourcesArgs {
    #[command(flatten)]
    place: DataPlace,
    /// Print as JSON, with all facts
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &SourcesArgs) -> Result<(), Failure> {
    let directory = arguments.place.load()?.data_directory;
    if !is_served(&directory) {
        return Err(Failure::Failed(format!("no service is running in {}", directory.display())));
    }
    let sources = match ask(&directory, &Command::Status).map_err(Failure::failed)? {
        Answer::Data { mut data } => data["sources"].take(),
        Answer::Refused { why } => return Err(Failure::Failed(why)),
        Answer::Done { .. } => Value::Null,
    };
    let sources = sources.as_array().cloned().unwrap_or_default();
    if arguments.json {
        print_json(&sources)?;
    } else {
        let mut rows = table(&["source", "kind", "state", "since", "why"]);
        for source in &sources {
            rows.add_row(
                ["name", "kind", "state", "since", "why"].map(|field| source[field].as_str().unwrap_or_default()),
            );
        }
        print(rows)?;
    }
    let is_fine = |source: &&Value| ["running", "waiting"].iter().any(|state| source["state"] == *state);
    match sources.iter().filter(|source| !is_fine(source)).count() {
        0 => Ok(()),
        count => Err(Failure::Failed(format!("{count} of {} sources do not work", sources.len()))),
    }
}
