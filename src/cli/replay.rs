//! `meterline replay`: deliver again by rewinding a sink.

use super::Failure;
use super::place::DataPlace;
use super::table::{print, print_json};
use crate::app::command;
use crate::control::Command;
use clap::Args;

/// Delivers again from a time on, by rewinding a sink
///
/// The sink's cursor goes back to the first record received at or after the time,
/// and everything from there is sent again in journal order, up to now; so a
/// correction always follows what it corrects, and what is there already stays as
/// it is. Works through the running service, or without one on its data directory.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    meterline replay --config meterline.toml --sink questdb --from 2026-11-22T00:00:00Z\n  \
    meterline replay --sink all --from 2026-11-22T00:00:00+01:00\n\n\
    It reaches back as far as the journal retains (journal.retain): `meterline journal` shows from where.")]
pub(super) struct ReplayArgs {
    #[command(flatten)]
    place: DataPlace,
    /// The sink: sqlite, questdb or kafka; all for every one
    #[arg(long, value_name = "NAME")]
    sink: String,
    /// From the first record received at or after this time (RFC 3339)
    #[arg(long, value_name = "TIME")]
    from: String,
    /// Send only this source's records again
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    /// Print what was done as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &ReplayArgs) -> Result<(), Failure> {
    let config = arguments.place.load()?;
    let sink = (arguments.sink != "all").then(|| arguments.sink.clone());
    let replay = Command::Replay { sink, from: arguments.from.clone(), source: arguments.source.clone() };
    let lines = command(&config, replay).map_err(Failure::failed)?;
    if arguments.json { print_json(&lines) } else { print(lines.join("\n")) }
}
