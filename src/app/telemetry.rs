//! Log output: one line per event on standard error, as text or JSON.

use std::io::IsTerminal;
use tracing_subscriber::EnvFilter;

/// The format of log events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// One object per line, for machines.
    Json,
}

/// Writes log events of `level` and above to standard error. `METERLINE_LOG` overrides the
/// level with a filter of `tracing` (`info,meterline::sink=debug`).
///
/// A second call in one process changes nothing.
pub fn install(level: tracing::Level, format: Format) {
    let filter = EnvFilter::try_from_env("METERLINE_LOG").unwrap_or_else(|_| EnvFilter::new(level.as_str()));
    let builder = tracing_subscriber::fmt()
        .with_env_filter(filter)
        .with_writer(std::io::stderr)
        .with_ansi(std::io::stderr().is_terminal());
    let installed = match format {
        Format::Text => builder.try_init(),
        Format::Json => builder.json().try_init(),
    };
    if installed.is_err() {
        tracing::debug!("log output is already set up");
    }
}
