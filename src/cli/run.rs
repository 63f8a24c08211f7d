//! `meterline run`: the service.

use super::Failure;
use super::location::DataLocation;
use crate::app::{Service, telemetry};
use crate::clock::Clock;
use clap::Args;
use std::time::Duration;

/// Runs the service until SIGINT or SIGTERM
///
/// Without a configuration: data in ./meterline-data, webhook at
/// <http://127.0.0.1:8080/smart-me>, embedded SQLite store, status page at
/// <http://127.0.0.1:8081/>.
///
/// The first signal stops it in order: no new bodies, what was read is synced and
/// answered, the sinks get what they can take until the deadline, the rest stays in
/// the journal. A second signal ends it at once; what was answered is safe either way.
#[derive(Debug, Args)]
pub(super) struct RunArgs {
    #[command(flatten)]
    location: DataLocation,
    /// How long an orderly stop may take
    #[arg(long, value_name = "TIME", default_value = "20s", value_parser = crate::config::parse_duration)]
    stop_within: Duration,
}

pub(super) fn run(arguments: &RunArgs) -> Result<(), Failure> {
    let config = arguments.location.load()?;
    let format = if config.log.json { telemetry::Format::Json } else { telemetry::Format::Text };
    telemetry::install(config.log.level, format);
    let service = Service::start(config, Clock::system()).map_err(Failure::failed)?;
    let ended = service.wait_for_signal(None, Duration::from_secs(1), || {});
    service.stop(arguments.stop_within);
    match ended {
        Some(why) => Err(Failure::failed(why)),
        None => Ok(()),
    }
}
