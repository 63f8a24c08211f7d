//! `meterline smart-me capture`: what an account's first posts tell.

use crate::cli::Failure;
use crate::cli::place::DataPlace;
use crate::cli::table::{print, print_json, table};
use crate::source::webhook::capture::{self, Meter, Question, Register, Report, Spread};
use clap::Args;

/// Say what the first posts of an account tell
///
/// An account with capture = 100 in its [[webhook.account]] keeps its first hundred
/// posts as they came, without credentials and path, in a file of the data directory.
/// From them this answers what smart-me does not publish: time scales, batches,
/// encodings, codes, cadence, repeats. The service may be running or not.
#[derive(Debug, Args)]
pub(super) struct CaptureArgs {
    #[command(flatten)]
    place: DataPlace,
    /// Whose posts
    #[arg(long, short, value_name = "NAME")]
    account: String,
    /// Print as JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &CaptureArgs) -> Result<(), Failure> {
    let config = arguments.place.load()?;
    let captured = capture::read(&config.data_directory, &arguments.account)
        .map_err(|error| Failure::Failed(error.to_string()))?;
    let report = Report::of(&captured);
    if arguments.json {
        return print_json(&report);
    }
    print(summary(&report))?;
    questions(&report.questions)?;
    registers(&report.registers)?;
    meters(&report.meters)
}

fn summary(report: &Report) -> String {
    let mut text = match (&report.from, &report.until) {
        (Some(from), Some(until)) => format!("{} posts, from {from} to {until}", report.posts),
        _ => "no post yet".to_owned(),
    };
    if report.unreadable_lines > 0 {
        text.push_str(&format!("; {} lines that are none (torn by a kill, or changed)", report.unreadable_lines));
    }
    text
}

fn questions(questions: &[Question]) -> Result<(), Failure> {
    let mut rows = table(&["question", "seen"]);
    for question in questions {
        let missing = question.missing.map(|why| format!("not from this capture: {why}"));
        let seen: Vec<&str> = question.seen.as_deref().into_iter().chain(missing.as_deref()).collect();
        rows.add_row([question.question, &seen.join("\n")]);
    }
    print(format!("\n{rows}"))
}

fn registers(registers: &[Register]) -> Result<(), Failure> {
    if registers.is_empty() {
        return Ok(());
    }
    let mut rows = table(&["code", "name", "values", "first", "least", "greatest", "unit"]);
    for register in registers {
        rows.add_row([
            register.obis.as_str(),
            register.name.as_deref().unwrap_or("(not in the registry)"),
            &register.values.to_string(),
            &register.example.to_string(),
            &register.least.to_string(),
            &register.greatest.to_string(),
            register.unit.unwrap_or("?"),
        ]);
    }
    print(format!("\n{rows}"))
}

fn meters(meters: &[Meter]) -> Result<(), Failure> {
    if meters.is_empty() {
        return Ok(());
    }
    let mut rows =
        table(&["meter", "readings", "at quarter-hours", "distance ms", "repeats same", "other", "late", "delay ms"]);
    let spread = |spread: Option<Spread>| spread.map(|spread| spread.to_string()).unwrap_or_default();
    for meter in meters {
        rows.add_row([
            meter.meter.clone(),
            meter.readings.to_string(),
            meter.at_quarter_hours.to_string(),
            spread(meter.distance_ms),
            meter.repeats_same.to_string(),
            meter.repeats_other.to_string(),
            meter.late.to_string(),
            spread(meter.delay_ms),
        ]);
    }
    print(format!("\n{rows}"))
}
