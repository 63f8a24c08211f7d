//! Messages to the service manager (systemd's notify protocol), and its watchdog.
//!
//! Without `NOTIFY_SOCKET` nothing is sent. Invariant: the watchdog hears from this process
//! only while data can be taken in: the journal's writer passes its loop, and ingest answers
//! on the runtime that the webhook and the sources share. No timer alone keeps it quiet.

use super::parts::Parts;
use sd_notify::NotifyState;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::time::Duration;

/// Checks within the watchdog's limit: one that fails for a slow disk is not the end.
const CHECKS_PER_LIMIT: u32 = 4;
/// The least time between two checks. The journal's writer passes its loop once a second
/// without records, so each check finds that it has.
const CHECK_EVERY_LEAST: Duration = Duration::from_secs(2);

/// Says that the service takes data.
pub(super) fn ready() {
    send(&[NotifyState::Ready]);
}

/// Says that a reload begins; [`ready`] says that it has ended.
pub(super) fn reloading() {
    match NotifyState::monotonic_usec_now() {
        Ok(now) => send(&[NotifyState::Reloading, now]),
        Err(error) => tracing::warn!(%error, "the service manager cannot be notified of a reload"),
    }
}

/// Says that an orderly stop begins.
pub(super) fn stopping() {
    send(&[NotifyState::Stopping]);
}

fn send(states: &[NotifyState<'_>]) {
    if let Err(error) = sd_notify::notify(states) {
        tracing::warn!(%error, "the service manager cannot be notified");
    }
}

/// The watchdog's messages, until it is dropped.
#[derive(Debug)]
pub(super) struct Watchdog(#[expect(dead_code, reason = "the thread ends when this is dropped")] SyncSender<()>);

impl Watchdog {
    /// Starts the messages if the service manager asks for them (`WATCHDOG_USEC`).
    ///
    /// # Errors
    /// When the thread cannot be started.
    pub(super) fn start(parts: &Parts) -> std::io::Result<Option<Self>> {
        let Some(limit) = sd_notify::watchdog_enabled() else { return Ok(None) };
        let every = (limit / CHECKS_PER_LIMIT).max(CHECK_EVERY_LEAST);
        let (running, ended) = sync_channel(0);
        let parts = parts.clone();
        let watch = move || watch(&parts, every, &ended);
        std::thread::Builder::new().name("watchdog".to_owned()).spawn(watch)?;
        Ok(Some(Self(running)))
    }
}

fn watch(parts: &Parts, every: Duration, ended: &Receiver<()>) {
    let mut turns = parts.journal.writer_turns();
    let mut is_silent = false;
    while ended.recv_timeout(every) == Err(RecvTimeoutError::Timeout) {
        let before = std::mem::replace(&mut turns, parts.journal.writer_turns());
        let why = if turns == before {
            Some("the journal's writer does not move: its disk may hang")
        } else if !ingest_answers(parts, every) {
            Some("ingest does not answer")
        } else {
            send(&[NotifyState::Watchdog]);
            None
        };
        if let Some(why) = why.filter(|_| !is_silent) {
            tracing::error!(
                why,
                "the watchdog is not answered; the service manager restarts the service if this lasts"
            );
        }
        is_silent = why.is_some();
    }
}

/// Whether a task on the runtime gets through ingest's own check in this time.
fn ingest_answers(parts: &Parts, limit: Duration) -> bool {
    let (answer, answered) = sync_channel(1);
    let ingest = parts.ingest.clone();
    parts.runtime.spawn(async move {
        ingest.check();
        // Nothing waits for it any more if the limit has passed.
        answer.try_send(()).ok();
    });
    answered.recv_timeout(limit).is_ok()
}
