//! `meterline meters`: lists the meters of the store with their newest values.

use super::Failure;
use super::location::{DataLocation, history};
use super::shown::{age, amount};
use super::table::{one_line, print, print_json, table};
use crate::clock::Clock;
use crate::coverage;
use crate::query::{MeterEntry, Newest, QueryError, Store};
use crate::reading::{MeterId, Units, UnixNanos};
use clap::Args;
use comfy_table::Table;
use serde_json::json;
use std::collections::BTreeMap;
use std::path::Path;

/// List the meters of the store with their newest values
///
/// Reads the embedded store, or QuestDB if the configuration has no embedded store. The value is the meter's power or
/// flow, or else its first counter; a unit of ? is not published by the vendor: state it with [[unit]] in the configuration. A gap is open while the service misses readings of the meter; `meterline
/// gaps` lists them. Works beside a running service.
#[derive(Debug, Args)]
#[command(after_help = "Examples:\n  \
    meterline meters\n  \
    meterline meters heat\n  \
    meterline meters --source building-a --json\n\n\
    Exit codes: 0 success, 1 failure, 3 error in the configuration.")]
pub(super) struct MetersArgs {
    #[command(flatten)]
    location: DataLocation,
    /// Only meters whose name, metering point, serial number or id contains this text
    text: Option<String>,
    /// Only meters that this account or device described
    #[arg(long, value_name = "NAME")]
    source: Option<String>,
    /// Print JSON, with all registers
    #[arg(long)]
    json: bool,
}

/// A meter of the list.
#[derive(Debug)]
pub(super) struct Listed {
    entry: MeterEntry,
    registers: Vec<Newest>,
    open_gaps: usize,
    units: Units,
}

pub(super) fn run(arguments: &MetersArgs) -> Result<(), Failure> {
    let config = arguments.location.load()?;
    let store = history(&config)?;
    let mut listed = list(&store, &config.data_directory, &config.units).map_err(Failure::failed)?;
    listed.retain(|meter| arguments.selects(&meter.entry));
    if arguments.json {
        return print_json(&listed.iter().map(Listed::to_json).collect::<Vec<_>>());
    }
    if listed.is_empty() {
        return print("no meters");
    }
    print(shown(&listed, Clock::system().now()))
}

impl MetersArgs {
    fn selects(&self, entry: &MeterEntry) -> bool {
        let id = entry.meter.to_string();
        let is_source = self.source.as_ref().is_none_or(|source| *source == entry.source);
        let has_text = self.text.as_ref().map(|text| text.to_lowercase()).is_none_or(|text| {
            [&entry.name, &entry.point, &entry.serial, &id].iter().any(|it| it.to_lowercase().contains(&text))
        });
        is_source && has_text
    }
}

/// The meters of a store that sent samples, with their open gaps.
pub(super) fn list(store: &Store, data_directory: &Path, units: &Units) -> Result<Vec<Listed>, QueryError> {
    let mut registers = store.newest(&[])?;
    // Without a data directory beside the store, as with QuestDB on another machine, no gaps are known.
    let gaps = coverage::read(data_directory).unwrap_or_default();
    let mut open: BTreeMap<MeterId, usize> = BTreeMap::new();
    gaps.iter().filter(|(gap, _)| gap.is_open()).for_each(|(gap, _)| *open.entry(gap.meter).or_default() += 1);
    let listed = store.meters()?.into_iter().filter_map(|entry| {
        let registers = registers.remove(&entry.meter)?;
        let open_gaps = open.get(&entry.meter).copied().unwrap_or_default();
        Some(Listed { entry, registers, open_gaps, units: units.clone() })
    });
    Ok(listed.collect())
}

/// The list as a table.
pub(super) fn shown(listed: &[Listed], now: UnixNanos) -> Table {
    let mut rows = table(&["meter", "serial", "source", "register", "value", "age", "open gaps"]);
    for Listed { entry, registers, open_gaps, units } in listed {
        let newest = Newest::headline(registers);
        let newest_at = registers.iter().map(|newest| newest.at).max();
        rows.add_row([
            one_line(&entry.shown_name()),
            one_line(&entry.serial),
            one_line(&entry.source),
            newest.map(Newest::name).unwrap_or_default(),
            newest.map(|newest| amount(newest.value, units.symbol(entry.meter, newest.obis))).unwrap_or_default(),
            newest_at.map(|at| age(at, now)).unwrap_or_default(),
            if *open_gaps == 0 { String::new() } else { open_gaps.to_string() },
        ]);
    }
    rows
}

impl Listed {
    fn to_json(&self) -> serde_json::Value {
        let Self { entry, registers, open_gaps, units } = self;
        let register = |newest: &Newest| {
            json!({
                "register": newest.obis.to_string(),
                "name": newest.name(),
                "value": newest.value,
                "unit": units.symbol(entry.meter, newest.obis),
                "time": newest.at.to_string(),
            })
        };
        json!({
            "meter": entry.meter.to_string(),
            "name": entry.name,
            "metering_point": entry.point,
            "serial": entry.serial,
            "vendor": entry.vendor,
            "model": entry.model,
            "role": entry.role,
            "source": entry.source,
            "newest": registers.iter().map(|newest| newest.at).max().map(|at| at.to_string()),
            "open_gaps": open_gaps,
            "registers": registers.iter().map(register).collect::<Vec<_>>(),
        })
    }
}
