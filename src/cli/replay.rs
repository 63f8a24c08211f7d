//! `meterline replay`: rewinds sinks, so that they deliver records again.

use super::Failure;
use super::location::DataLocation;
use super::progress;
use super::table::{print, print_json, table};
use super::verbosity::Verbosity;
use crate::app::{command, estimate_replay};
use crate::base::human;
use crate::clock::Clock;
use crate::control::{Command, Replay, ReplayEstimate, Reread};
use crate::query::When;
use clap::{Args, ValueEnum};

/// Deliver records again, from a given time on
///
/// Use it when a store lost data, or to apply corrected limits to recorded data. The sink's
/// cursor goes back to the first record received at or after the given time. The sink then
/// gets all records from there on, up to now, in journal order. QuestDB and SQLite do not
/// store a sample twice; Kafka gets the messages again. A replay cannot be stopped, not even
/// by a restart of the service: use --dry-run first to see its size. The service may be
/// running or not. On a terminal the command then shows
/// the progress of a running service; Ctrl-C ends only this view.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    meterline replay --config meterline.toml --sink questdb --from 2026-11-22\n  \
    meterline replay --config meterline.toml --sink all --from 2026-11-22T00:00:00+01:00\n  \
    meterline replay --config meterline.toml --sink all --from 2026-11-01T00:00:00Z --redecode\n  \
    meterline replay --config meterline.toml --sink questdb --from 2026-11-01T00:00:00Z --dry-run\n\n\
    With --redecode, the messages of devices are decoded again, with today's options of their source\n\
    and the channel maps of then. Records without a message, or with one that cannot be decoded\n\
    again, keep their stored readings; they are counted (--dry-run, the log, metrics).\n\n\
    The earliest possible start is the oldest retained record (journal.retain); `meterline journal`\n\
    shows that record. With --redecode, --rule or --at-now, samples with the same meter, register and\n\
    time are replaced; stored samples that are no longer valid remain in the stores.\n\n\
    Exit codes: 0 success, 1 failure, 3 error in the configuration.")]
pub(super) struct ReplayArgs {
    #[command(flatten)]
    location: DataLocation,
    /// The sink: sqlite, questdb, kafka, or all
    #[arg(long, value_name = "NAME")]
    sink: String,
    /// Start at the first record received at or after this time: RFC 3339, or a day such as 2026-11-22,
    /// which begins at midnight in the time zone of the embedded store (sink.sqlite.time_zone, else UTC)
    #[arg(long, value_name = "TIME")]
    from: When,
    /// Only send records of this source
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    /// Decode again: the original messages of devices, and bodies that could not be decoded at receipt
    #[arg(long)]
    redecode: bool,
    /// Which limits to apply: recorded (those in force at receipt) or current (the configured ones)
    #[arg(long, value_name = "RULE", default_value = "recorded")]
    rule: Rule,
    /// Check measurement times against the current time instead of the time of receipt. Use it
    /// after the clock of this machine was wrong
    #[arg(long)]
    at_now: bool,
    /// Only print the number of records and samples and the estimated minutes; change nothing
    #[arg(long)]
    dry_run: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Rule {
    /// The limits in force when the record was received
    Recorded,
    /// The configured limits
    Current,
}

pub(super) fn run(arguments: &ReplayArgs, verbosity: Verbosity) -> Result<(), Failure> {
    let config = arguments.location.load_existing()?;
    let request = Replay {
        sink: (arguments.sink != "all").then(|| arguments.sink.clone()),
        from: arguments.from.start(&config.time_zone(), Clock::system().now()).to_string(),
        source: arguments.source.clone(),
        reread: Reread {
            redecode: arguments.redecode,
            current_rule: arguments.rule == Rule::Current,
            at_now: arguments.at_now,
        },
    };
    if arguments.dry_run {
        let estimates = progress::during("reading the journal", verbosity, || estimate_replay(&config, request));
        let estimates = estimates.map_err(Failure::failed)?;
        return if arguments.json { print_json(&estimates) } else { print_estimates(&estimates) };
    }
    let lines = command(&config, Command::Replay(request)).map_err(Failure::failed)?;
    if arguments.json {
        return print_json(&lines);
    }
    print(lines.join("\n"))?;
    if progress::is_shown(verbosity) {
        progress::follow_replays(&config.data_directory);
    }
    Ok(())
}

fn print_estimates(estimates: &[ReplayEstimate]) -> Result<(), Failure> {
    let mut rows = table(&["sink", "from record", "until", "records", "samples", "minutes"]);
    for estimate in estimates {
        let about = |number: u64| if estimate.is_exact { number.to_string() } else { format!("about {number}") };
        let (from, until) = match estimate.range {
            Some((from, next)) => (from.to_string(), human::last_record(from, next)),
            None => ("not reached yet".to_owned(), String::new()),
        };
        rows.add_row([
            estimate.sink.clone(),
            from,
            until,
            about(estimate.records),
            about(estimate.samples),
            match estimate.minutes.filter(|_| estimate.range.is_some()) {
                None if estimate.range.is_none() => String::new(),
                None => "unknown".to_owned(),
                Some(minutes) if minutes < 1.0 => "under 1".to_owned(),
                Some(minutes) => format!("{minutes:.0}"),
            },
        ]);
    }
    print(rows)?;
    if let Some(estimate) = estimates.iter().find(|estimate| !estimate.is_exact) {
        print(format!("about: estimated from {} records of the range", estimate.records_read))?;
    }
    if let Some(kept) = estimates.iter().map(|estimate| estimate.kept).max().filter(|kept| *kept > 0) {
        print(format!("{kept} records keep their stored readings: their messages cannot be decoded again"))?;
    }
    if estimates.iter().any(|estimate| estimate.minutes.is_none()) {
        print("unknown: the duration can be estimated after the running service has measured the sink's speed")?;
    }
    print("nothing is changed; a replay cannot be stopped once it has started")
}
