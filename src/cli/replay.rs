//! `meterline replay`: deliver again by rewinding a sink.

use super::Failure;
use super::location::DataLocation;
use super::table::{print, print_json, table};
use crate::app::{command, estimate_replay};
use crate::control::{Command, Replay, ReplayEstimate, Reread};
use clap::{Args, ValueEnum};

/// Delivers again from a time on, by rewinding a sink
///
/// The sink's cursor goes back to the first record received at or after the time,
/// and everything from there is sent again in journal order, up to now; so a
/// correction always follows what it corrects, and what is there already stays as
/// it is. A replay that has begun runs to its end, also over a restart: --dry-run says
/// before how much it is. Works through the running service, or without one on its data
/// directory.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    meterline replay --config meterline.toml --sink questdb --from 2026-11-22T00:00:00Z\n  \
    meterline replay --config meterline.toml --sink all --from 2026-11-22T00:00:00+01:00\n  \
    meterline replay --config meterline.toml --sink all --from 2026-11-01T00:00:00Z --redecode\n  \
    meterline replay --config meterline.toml --sink questdb --from 2026-11-01T00:00:00Z --dry-run\n\n\
    It reaches back as far as the journal retains (journal.retain): `meterline journal` shows from where.\n\
    Samples that a replay with --redecode, --rule or --at-now does not bring any more stay in the stores.")]
pub(super) struct ReplayArgs {
    #[command(flatten)]
    location: DataLocation,
    /// The sink: sqlite, questdb or kafka; all for every one
    #[arg(long, value_name = "NAME")]
    sink: String,
    /// From the first record received at or after this time (RFC 3339)
    #[arg(long, value_name = "TIME")]
    from: String,
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
    /// Print the records and samples that would be sent and the minutes that would take, and
    /// change nothing
    #[arg(long)]
    dry_run: bool,
    /// Print what was done, or would be, as JSON
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
    let config = arguments.location.load()?;
    let asked = Replay {
        sink: (arguments.sink != "all").then(|| arguments.sink.clone()),
        from: arguments.from.clone(),
        source: arguments.source.clone(),
        reread: Reread {
            redecode: arguments.redecode,
            current_rule: arguments.rule == Rule::Current,
            at_now: arguments.at_now,
        },
    };
    if arguments.dry_run {
        let estimates = estimate_replay(&config, asked).map_err(Failure::failed)?;
        return if arguments.json { print_json(&estimates) } else { print_estimates(&estimates) };
    }
    let lines = command(&config, Command::Replay(asked)).map_err(Failure::failed)?;
    if arguments.json { print_json(&lines) } else { print(lines.join("\n")) }
}

fn print_estimates(estimates: &[ReplayEstimate]) -> Result<(), Failure> {
    let mut rows = table(&["sink", "from record", "until", "records", "samples", "minutes"]);
    for estimate in estimates {
        let about = |number: u64| if estimate.is_counted { number.to_string() } else { format!("about {number}") };
        let (from, until) = match estimate.way {
            Some((from, next)) => (from.to_string(), next.saturating_sub(1).to_string()),
            None => ("not so far yet".to_owned(), String::new()),
        };
        rows.add_row([
            estimate.sink.clone(),
            from,
            until,
            about(estimate.records),
            about(estimate.samples),
            match estimate.minutes {
                None => "unknown".to_owned(),
                Some(minutes) if minutes < 1.0 => "under 1".to_owned(),
                Some(minutes) => format!("{minutes:.0}"),
            },
        ]);
    }
    print(rows)?;
    if let Some(estimate) = estimates.iter().find(|estimate| !estimate.is_counted) {
        print(format!(
            "about: {} records, spread over the way, were decoded; the others are taken to be like them",
            estimate.looked_at
        ))?;
    }
    if estimates.iter().any(|estimate| estimate.minutes.is_none()) {
        print("unknown: a sink's speed is measured by the running service, while the sink catches up")?;
    }
    print("nothing is changed; a replay that has begun runs to its end")
}
