//! The meaning of each signal.
//!
//! SIGINT and SIGTERM stop the service in order; a later one of them ends the process at once.
//! SIGHUP reloads the configuration. Where the log goes to a terminal, SIGHUP stops the service as
//! well: a terminal that closes sends it. Where SIGHUP was ignored at the start, it stays ignored:
//! that is how `nohup` works. SIGQUIT, SIGUSR1 and SIGUSR2 are logged and ignored.

use std::io::IsTerminal;
use tokio::signal::unix::{Signal, SignalKind, signal};

/// The number of SIGHUP on every Unix.
const HANGUP: u32 = 1;

/// A signal with a meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Meaning {
    /// Stop in order; with the name of the signal.
    Stop(&'static str),
    /// Reload the configuration.
    Reload,
}

/// The signals of the process.
#[derive(Debug)]
pub(super) struct Signals {
    /// The meaning of SIGHUP.
    on_hangup: Meaning,
    interrupt: Signal,
    terminate: Signal,
    hangup: Option<Signal>,
    quit: Signal,
    user1: Signal,
    user2: Signal,
}

impl Signals {
    /// Catches all signals from now on.
    pub(super) fn new() -> std::io::Result<Self> {
        let is_on_terminal = std::io::stderr().is_terminal();
        Ok(Self {
            on_hangup: if is_on_terminal { Meaning::Stop("SIGHUP") } else { Meaning::Reload },
            hangup: if is_ignored(HANGUP) { None } else { Some(signal(SignalKind::hangup())?) },
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            quit: signal(SignalKind::quit())?,
            user1: signal(SignalKind::user_defined1())?,
            user2: signal(SignalKind::user_defined2())?,
        })
    }

    /// Returns the meaning of the next signal that has one.
    pub(super) async fn next(&mut self) -> Meaning {
        loop {
            let ignored = tokio::select! {
                _ = self.interrupt.recv() => return Meaning::Stop("SIGINT"),
                _ = self.terminate.recv() => return Meaning::Stop("SIGTERM"),
                () = received(&mut self.hangup) => return self.on_hangup,
                _ = self.quit.recv() => "SIGQUIT",
                _ = self.user1.recv() => "SIGUSR1",
                _ = self.user2.recv() => "SIGUSR2",
            };
            tracing::info!(
                signal = ignored,
                "the signal has no meaning here and is ignored; SIGTERM stops the service"
            );
        }
    }

    /// Ends the process at the next SIGINT or SIGTERM. This loses nothing, because answered
    /// data is synced. A terminal that closes may send SIGHUP twice, so that one does not count.
    pub(super) async fn end_at_next(mut self) {
        let name = tokio::select! {
            _ = self.interrupt.recv() => "SIGINT",
            _ = self.terminate.recv() => "SIGTERM",
        };
        tracing::warn!(signal = name, "second signal: the process ends at once");
        super::telemetry::flush();
        std::process::exit(130);
    }
}

async fn received(signal: &mut Option<Signal>) {
    match signal {
        Some(signal) => drop(signal.recv().await),
        None => std::future::pending().await,
    }
}

/// Whether the process was started with this signal ignored. Only Linux says so; elsewhere
/// a hangup stops the service also under `nohup`.
fn is_ignored(number: u32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default();
    mask & (1 << (number - 1)) != 0
}
