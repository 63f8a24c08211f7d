//! `meterline query`: values and energy of a meter or metering point.

mod output;
mod rows;

use super::Failure;
use super::location::{DataLocation, history};
use crate::clock::Clock;
use crate::query::select;
use crate::query::{MeterEntry, Span, Step, Store, When};
use crate::reading::{MeterId, Obis, Units};
use clap::{Args, ValueEnum};
use jiff::tz::TimeZone;
use rows::Question;

/// Show values and energy of a meter or a metering point
///
/// A counter has its energy in each interval: the counter at the end minus the counter at the start (docs/energy.md).
/// Other registers have the mean, the lowest and the highest of their samples. With --step raw each sample is shown.
/// Days, months and times without an offset are local: of the meter's time zone. Reads the embedded store, or QuestDB if
/// the configuration has no embedded store. Works beside a running service.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    meterline query 'Heat pump'                                       today's energy by the hour\n  \
    meterline query house-1 --from 2026-11 --to 2026-11 --step day    the days of a month\n  \
    meterline query 63-1 --register power --from yesterday --step 15m\n  \
    meterline query 63-1 --register 1.7.0 --from 2026-11-22T10:15 --to now --step raw --csv\n\n\
    States: measured, estimated (docs/energy.md), incomplete (the counter is not known at both ends).\n\n\
    Exit codes: 0 success, 1 failure, 2 wrong usage, 3 error in the configuration.")]
pub(super) struct QueryArgs {
    #[command(flatten)]
    location: DataLocation,
    /// The name, serial number or id of a meter, or the name of a metering point; a part is enough if only one has it
    meter: String,
    /// A register, by its code (1.8.0) or name, or all whose name contains this text; by default the counters, with --step
    /// raw all registers
    #[arg(long = "register", short, value_name = "TEXT")]
    registers: Vec<String>,
    /// The start: a day, a month, a time, today or yesterday
    #[arg(long, value_name = "TIME", default_value = "today")]
    from: When,
    /// The end; a day or a month is part of it
    #[arg(long, value_name = "TIME", default_value = "now")]
    to: When,
    /// The intervals, or raw for each sample
    #[arg(long, value_name = "STEP", default_value = "hour")]
    step: StepArg,
    /// Print CSV
    #[arg(long, conflicts_with = "json")]
    csv: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum StepArg {
    /// Each sample
    Raw,
    /// Quarter-hours
    #[value(name = "15m")]
    QuarterHour,
    /// Hours
    Hour,
    /// Local days
    Day,
    /// Local months
    Month,
}

impl StepArg {
    fn step(self) -> Option<Step> {
        match self {
            Self::Raw => None,
            Self::QuarterHour => Some(Step::QuarterHour),
            Self::Hour => Some(Step::Hour),
            Self::Day => Some(Step::Day),
            Self::Month => Some(Step::Month),
        }
    }
}

pub(super) fn run(arguments: &QueryArgs) -> Result<(), Failure> {
    let config = arguments.location.load()?;
    let store = history(&config)?;
    let question = arguments.question(&store, config.units)?;
    let rows = rows::answer(&store, &question)?;
    if arguments.json {
        output::json(&question, &rows)
    } else if arguments.csv {
        output::csv(&question, &rows)
    } else {
        output::table(&question, &rows)
    }
}

impl QueryArgs {
    fn question(&self, store: &Store, units: Units) -> Result<Question, Failure> {
        let meters = store.meters().map_err(Failure::failed)?;
        let found = select::place(&meters, &self.meter).map_err(Failure::failed)?;
        let registers = registers(store, &found.meters, &self.registers)?;
        let name = store.time_zone(&found.place).map_err(Failure::failed)?;
        let zone = TimeZone::get(&name).unwrap_or(TimeZone::UTC);
        let span = span(self.from, self.to, &zone)?;
        Ok(Question { found, registers, span, step: self.step.step(), zone, units })
    }
}

/// The span from one time to another.
pub(super) fn span(from: When, to: When, zone: &TimeZone) -> Result<Span, Failure> {
    let now = Clock::system().now();
    // A sample of this moment is part of it.
    let until = to.end(zone, now).saturating_add(i64::from(to == When::Now));
    let span = Span { from: from.start(zone, now), until };
    if span.length() == 0 {
        return Err(Failure::failed(format!(
            "the span from {} to {} is empty: --from must be before --to",
            span.from, span.until
        )));
    }
    Ok(span)
}

/// The registers of these meters that the texts name; none if there are no texts.
pub(super) fn registers(store: &Store, of: &[MeterEntry], texts: &[String]) -> Result<Vec<Obis>, Failure> {
    if texts.is_empty() {
        return Ok(Vec::new());
    }
    let meters: Vec<MeterId> = of.iter().map(|entry| entry.meter).collect();
    let newest = store.newest(&meters).map_err(Failure::failed)?;
    let mut known: Vec<Obis> = newest.into_values().flatten().map(|newest| newest.obis).collect();
    known.sort_unstable();
    known.dedup();
    let mut found = Vec::new();
    for text in texts {
        found.extend(select::registers(&known, text).map_err(Failure::failed)?);
    }
    found.sort_unstable();
    found.dedup();
    Ok(found)
}
