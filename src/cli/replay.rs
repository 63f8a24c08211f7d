//! `meterline replay`: deliver again by rewinding a sink.

use super::Failure;
use super::place::DataPlace;
use super::table::{print, print_json};
use crate::app::command;
use crate::control::{Command, Reread};
use clap::{Args, ValueEnum};

/// Delivers again from a time on, by rewinding a sink
///
/// The sink's cursor goes back to the first record received at or after the time,
/// and everything from there is sent again in journal order, up to now; so a
/// correction always follows what it corrects, and what is there already stays as
/// it is. Works through the running service, or without one on its data directory;
/// a restart on the way goes on with it.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    meterline replay --config meterline.toml --sink questdb --from 2026-11-22T00:00:00Z\n  \
    meterline replay --config meterline.toml --sink all --from 2026-11-22T00:00:00+01:00\n  \
    meterline replay --config meterline.toml --sink all --from 2026-11-01T00:00:00Z --redecode\n  \
    meterline replay --config meterline.toml --sink questdb --take-back\n\n\
    It reaches back as far as the journal retains (journal.retain): `meterline journal` shows from where.\n\
    Samples that a replay with --redecode, --rule or --at-now does not bring any more stay in the stores.")]
pub(super) struct ReplayArgs {
    #[command(flatten)]
    place: DataPlace,
    /// The sink: sqlite, questdb or kafka; all for every one
    #[arg(long, value_name = "NAME")]
    sink: String,
    /// From the first record received at or after this time (RFC 3339)
    #[arg(long, value_name = "TIME", required_unless_present = "take_back")]
    from: Option<String>,
    /// Send only this source's records again
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    /// Decode again what could not be decoded when it came
    #[arg(long)]
    redecode: bool,
    /// Judge by the limits that are configured now (current) instead of those in force when it came
    #[arg(long, value_name = "RULE", default_value = "recorded")]
    rule: Rule,
    /// Judge times against the clock of now instead of the time of receipt: after the clock was wrong
    #[arg(long)]
    at_now: bool,
    /// Give up the replay that is under way and go on where the sink was before it; of the
    /// rest of its way only what corrects something that it had sent already is sent
    #[arg(long, conflicts_with_all = ["from", "source", "redecode", "rule", "at_now"])]
    take_back: bool,
    /// Print what was done as JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Rule {
    /// The limits in force when the record came
    Recorded,
    /// The limits that are configured now
    Current,
}

pub(super) fn run(arguments: &ReplayArgs) -> Result<(), Failure> {
    let config = arguments.place.load()?;
    let sink = (arguments.sink != "all").then(|| arguments.sink.clone());
    let asked = match &arguments.from {
        Some(from) => Command::Replay {
            sink,
            from: from.clone(),
            source: arguments.source.clone(),
            reread: Reread {
                redecode: arguments.redecode,
                current_rule: arguments.rule == Rule::Current,
                at_now: arguments.at_now,
            },
        },
        None => Command::TakeBack { sink },
    };
    let lines = command(&config, asked).map_err(Failure::failed)?;
    if arguments.json { print_json(&lines) } else { print(lines.join("\n")) }
}
