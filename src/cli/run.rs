//! `meterline run`: runs the service.

use super::Failure;
use super::location::DataLocation;
use super::verbosity::Verbosity;
use crate::app::{ConfigFile, PassedSockets, Service, telemetry};
use crate::clock::Clock;
use clap::Args;
use std::sync::Arc;
use std::time::Duration;

/// Run the service until a signal stops it
///
/// Without a configuration the data directory is ./meterline-data, the webhook is at
/// <http://127.0.0.1:8080/smart-me>, the store is an embedded SQLite file, and the
/// built-in page is at <http://127.0.0.1:8081/>.
///
/// The first signal starts an orderly stop. The service takes no new bodies, and syncs
/// and answers the bodies that it has read. Then it delivers to the sinks until the
/// deadline; the rest stays in the journal. A second signal ends the process at once.
/// Data that was answered is safe in both cases.
///
/// SIGINT and SIGTERM stop the service. SIGHUP reloads the configuration like `meterline reload`:
/// webhook accounts and credentials, certificates, sources and the log level; other changes need a
/// restart, and are named in the log. If standard error is a terminal, SIGHUP stops the service,
/// because a terminal that closes sends it. Under nohup it is ignored. SIGQUIT, SIGUSR1 and SIGUSR2
/// are ignored.
#[derive(Debug, Args)]
#[command(after_help = "Example: meterline run --config /etc/meterline/meterline.toml\n\n\
    Exit codes: 0 stopped by a signal, 1 the service could not start or a part of it failed, 3 error in\n\
    the configuration, 130 ended at once by a second signal.")]
pub(super) struct RunArgs {
    #[command(flatten)]
    location: DataLocation,
    /// The maximum duration of an orderly stop
    #[arg(long, value_name = "TIME", default_value = "20s", value_parser = crate::config::parse_duration)]
    stop_within: Duration,
}

pub(super) fn run(arguments: &RunArgs, verbosity: Verbosity) -> Result<(), Failure> {
    // Before the log's thread runs.
    let sockets = PassedSockets::of_the_process().map_err(Failure::failed)?;
    let location = arguments.location.clone();
    let load = move || {
        let mut config = location.read()?;
        config.log.level = verbosity.level(config.log.level);
        Ok(config)
    };
    let config = load()?;
    let format = if config.log.json { telemetry::Format::Json } else { telemetry::Format::Text };
    telemetry::install(config.log.level, format)?;
    let file = ConfigFile { path: arguments.location.file(), load: Arc::new(load) };
    let service = Service::start_on(sockets, config, file, Clock::system()).map_err(Failure::failed)?;
    let ended = service.wait_for_signal(None, Duration::from_secs(1), || {});
    service.stop(arguments.stop_within);
    match ended {
        Some(why) => Err(Failure::failed(why)),
        None => Ok(()),
    }
}
