//! `meterline health`: whether the running service takes data, for the health check of a
//! container, which has no other program to ask with.

use super::failure::Failure;
use super::location::DataLocation;
use super::table::{print, print_json};
use crate::control::{Command, ask_data, is_served, not_served};
use clap::Args;
use serde_json::json;

/// Say whether the running service takes data
///
/// It asks through the control socket of the data directory, so it needs no network, no login and
/// no certificate. It answers as /readyz does.
#[derive(Debug, Args)]
#[command(after_help = "Example, in a Dockerfile: HEALTHCHECK CMD [\"meterline\", \"health\"]\n\n\
    Exit codes: 0 it takes data, 1 it does not or no service runs, 3 error in the configuration.")]
pub(super) struct HealthArgs {
    #[command(flatten)]
    location: DataLocation,
    /// Print JSON
    #[arg(long)]
    json: bool,
}

pub(super) fn run(arguments: &HealthArgs) -> Result<(), Failure> {
    let directory = arguments.location.load_existing()?.data_directory;
    if !is_served(&directory) {
        return Err(Failure::Failed(not_served(&directory)));
    }
    let status = ask_data(&directory, &Command::Status).map_err(Failure::Failed)?;
    if let Some(why) = status["not_ready"].as_str() {
        return Err(Failure::failed(format!("it takes no data: {why}")));
    }
    if arguments.json { print_json(&json!({ "ready": true })) } else { print("it takes data") }
}
