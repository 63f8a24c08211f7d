//! `meterline gaps`: lists missing readings of the meters.

use super::Failure;
use super::location::DataLocation;
use super::records::{check_source, open_journal};
use super::table::{print, print_json, table};
use crate::coverage::{self, Gap};
use clap::Args;
use serde_json::json;

/// List gaps: missing readings of the meters
///
/// A meter that sends at quarter-hours is expected to send at each of them, any other
/// meter at its usual interval. Gap repair fetches missing readings from smart-me if a
/// [[smart_me]] table allows it. The list comes from the data directory, where the
/// service updates it every minute; the service may be running or not. The last line
/// says how many meters are followed, and whether more fit.
#[derive(Debug, Args)]
#[command(after_help = "States:\n  \
    open           readings are missing\n  \
    late           the meter sent the readings later\n  \
    repaired       the readings were fetched from the vendor\n  \
    not-at-source  the vendor does not have the readings, even after days\n  \
    gone           the meter sent nothing for 40 days\n\n\
    Example: meterline gaps --account building-a --all\n\n\
    Exit codes: 0 success (with or without gaps), 1 failure, 3 error in the configuration.")]
pub(super) struct GapsArgs {
    #[command(flatten)]
    location: DataLocation,
    /// Only gaps of this account
    #[arg(long, short, value_name = "NAME")]
    account: Option<String>,
    /// Include closed gaps
    #[arg(long)]
    all: bool,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &GapsArgs) -> Result<(), Failure> {
    let config = arguments.location.load_existing()?;
    if let Some(account) = &arguments.account {
        check_source(&open_journal(&config)?, account)?;
    }
    let mut gaps = coverage::read(&config.data_directory).map_err(|error| Failure::Failed(error.to_string()))?;
    gaps.retain(|(gap, _)| {
        (arguments.all || gap.is_open()) && arguments.account.as_ref().is_none_or(|account| gap.source == *account)
    });
    if arguments.json {
        let shown: Vec<_> = gaps.iter().map(|(gap, missing)| to_json(gap, *missing)).collect();
        return print_json(&shown);
    }
    let meters = coverage::meters_stored(&config.data_directory).map_err(|error| Failure::Failed(error.to_string()))?;
    let followed = followed(meters, coverage::meters_within(config.gap_memory_bytes));
    if gaps.is_empty() {
        let none = if arguments.all { "no gaps" } else { "no open gaps" };
        return print(format!("{none}\n{followed}"));
    }
    let mut rows =
        table(&["gap", "account", "meter", "from", "until", "missing", "state", "late", "repaired", "attempts"]);
    for (gap, missing) in &gaps {
        rows.add_row([
            gap.id.0.to_string(),
            gap.source.clone(),
            gap.meter.to_string(),
            gap.extent.from().to_string(),
            gap.extent.until().to_string(),
            if gap.is_open() { missing.to_string() } else { String::new() },
            gap.state.label().to_owned(),
            gap.late.to_string(),
            gap.repaired.to_string(),
            gap.asked.to_string(),
        ]);
    }
    print(format!("{rows}\n{followed}"))
}

/// How many meters gap detection follows, and whether more fit.
fn followed(meters: usize, meters_max: usize) -> String {
    if meters < meters_max {
        return format!("gap detection follows {meters} of at most {meters_max} meters");
    }
    format!(
        "gap detection follows {meters} meters, and no more fit into its memory: raise gap_detection.memory and \
         restart the service"
    )
}

fn to_json(gap: &Gap, missing: u64) -> serde_json::Value {
    json!({
        "id": gap.id.0,
        "account": gap.source,
        "meter": gap.meter.to_string(),
        "from": gap.extent.from().to_string(),
        "until": gap.extent.until().to_string(),
        "kind": if gap.is_of_quarter_hours() { "quarter-hours" } else { "silence" },
        "quarter_hours_missing": missing,
        "found": gap.found.to_string(),
        "state": gap.state.label(),
        "changed": gap.changed.to_string(),
        "late": gap.late,
        "repaired": gap.repaired,
        "asked": gap.asked,
    })
}

#[cfg(test)]
mod tests {
    use super::followed;

    #[test]
    fn the_meters_that_are_followed_are_counted_and_a_full_memory_is_named() {
        assert_eq!(followed(6, 7), "gap detection follows 6 of at most 7 meters");
        for meters in [7, 8] {
            let full = followed(meters, 7);
            assert!(full.contains("no more fit") && full.contains("gap_detection.memory"), "{full}");
        }
    }
}
