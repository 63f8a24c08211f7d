//! Log output: one line per event on standard error, as text or JSON.
//!
//! Invariants: a log event never waits for the reader of standard error and never fails
//! its caller (`queue`); the events of a library cannot fill the log (`repeats`).

mod queue;
mod repeats;

use crate::base::terminal::has_colours;
use crate::clock::Clock;
use queue::LogQueue;
pub use queue::{DroppedLines, dropped};
use repeats::RepeatLimit;
use std::backtrace::{Backtrace, BacktraceStatus};
use std::io::Write as _;
use std::sync::OnceLock;
use tracing::Level;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;
use tracing_subscriber::{EnvFilter, Registry, fmt, registry, reload};

/// The queue of this process, once [`install`] was called.
static QUEUE: OnceLock<LogQueue> = OnceLock::new();
/// The filter of log events, which a reload of the configuration replaces.
static FILTER: OnceLock<reload::Handle<EnvFilter, Registry>> = OnceLock::new();
/// The variable whose filter replaces the configured level.
const FILTER_VARIABLE: &str = "METERLINE_LOG";

/// The format of log events.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Format {
    /// For people.
    #[default]
    Text,
    /// One object per line, for machines.
    Json,
}

/// Writes log events of `level` and above to standard error; libraries' events only from
/// warnings on. `METERLINE_LOG` replaces both by a filter of `tracing`
/// (`info,meterline::sink=debug`).
///
/// A second call in one process changes nothing.
///
/// # Errors
/// When the thread that writes the lines cannot be started.
pub fn install(level: Level, format: Format) -> std::io::Result<()> {
    if QUEUE.get().is_some() {
        return Ok(());
    }
    let queue = LogQueue::start()?;
    if QUEUE.set(queue.clone()).is_err() {
        return Ok(());
    }
    let filter = EnvFilter::try_from_env(FILTER_VARIABLE).unwrap_or_else(|_| filter_of(level));
    let (filter, handle) = reload::Layer::new(filter);
    FILTER.set(handle).ok();
    let lines = fmt::layer()
        .with_writer(move || queue.clone())
        .with_ansi(has_colours(&std::io::stderr()))
        .log_internal_errors(false);
    let subscriber = registry().with(filter).with(RepeatLimit::new(Clock::system()));
    let installed = match format {
        Format::Text => subscriber.with(lines).try_init(),
        Format::Json => subscriber.with(lines.json()).try_init(),
    };
    if installed.is_err() {
        tracing::debug!("log output is already set up");
    }
    log_panics();
    Ok(())
}

/// Changes the level of log events, unless `METERLINE_LOG` has set a filter.
pub fn set_level(level: Level) {
    if EnvFilter::try_from_env(FILTER_VARIABLE).is_ok() {
        return;
    }
    if let Some(Err(error)) = FILTER.get().map(|filter| filter.reload(filter_of(level))) {
        tracing::warn!(%error, "the log level cannot be changed");
    }
}

fn filter_of(level: Level) -> EnvFilter {
    EnvFilter::new(format!("{},meterline={level}", level.min(Level::WARN)))
}

/// Logs panics like other events: the standard hook waits for the reader of standard error.
fn log_panics() {
    std::panic::set_hook(Box::new(|panic| {
        let backtrace = Backtrace::capture();
        match backtrace.status() {
            BacktraceStatus::Captured => tracing::error!("{panic}\n{backtrace}"),
            _ => tracing::error!("{panic}"),
        }
    }));
}

/// Writes the reason of a failed command to standard error. Output that cannot be written
/// is no further failure.
pub fn write_failure(message: &str) {
    match QUEUE.get() {
        Some(queue) => queue.add(format!("{message}\n").as_bytes()),
        None => drop(writeln!(std::io::stderr(), "{message}")),
    }
}

/// Waits until the log's lines are written, but not for a reader that stalls.
pub fn flush() {
    if let Some(queue) = QUEUE.get() {
        queue.flush();
    }
}
