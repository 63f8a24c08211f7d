//! The meaning of each signal.
//!
//! SIGINT, SIGTERM and SIGHUP stop the service in order; a later SIGINT or SIGTERM ends the
//! process at once. SIGHUP reloads nothing: changed certificates are loaded without a signal,
//! and any other change of the configuration needs a restart. Where SIGHUP was ignored at the
//! start, it stays ignored: that is how `nohup` works. SIGQUIT, SIGUSR1 and SIGUSR2 are logged
//! and ignored.

use tokio::signal::unix::{Signal, SignalKind, signal};

/// The number of SIGHUP on every Unix.
const HANGUP: u32 = 1;

/// The signals of the process.
#[derive(Debug)]
pub(super) struct Signals {
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
        Ok(Self {
            hangup: if is_ignored(HANGUP) { None } else { Some(signal(SignalKind::hangup())?) },
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
            quit: signal(SignalKind::quit())?,
            user1: signal(SignalKind::user_defined1())?,
            user2: signal(SignalKind::user_defined2())?,
        })
    }

    /// Returns the name of the next signal that stops the service.
    pub(super) async fn stop(&mut self) -> &'static str {
        loop {
            let ignored = tokio::select! {
                _ = self.interrupt.recv() => return "SIGINT",
                _ = self.terminate.recv() => return "SIGTERM",
                () = received(&mut self.hangup) => return "SIGHUP",
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
