//! The processes that this program starts. They end with it, also after Ctrl-C.

use rustix::process::{Pid, Signal, kill_process};
use std::process::{Child, Command};
use std::sync::{Mutex, MutexGuard, PoisonError};
use tokio::signal::unix::{SignalKind, signal};

/// Exit status after a signal.
const INTERRUPTED: i32 = 130;

static RUNNING: Mutex<Vec<Pid>> = Mutex::new(Vec::new());

fn running() -> MutexGuard<'static, Vec<Pid>> {
    RUNNING.lock().unwrap_or_else(PoisonError::into_inner)
}

/// A process; it is killed at the end.
#[derive(Debug)]
pub struct Process(pub Child);

impl Process {
    /// Starts it.
    ///
    /// # Errors
    /// If there is no such program.
    pub fn spawn(command: &mut Command) -> Result<Self, String> {
        let child = command.spawn().map_err(|error| format!("{command:?} does not start: {error}"))?;
        running().push(Pid::from_child(&child));
        Ok(Self(child))
    }

    /// Sends a signal.
    ///
    /// # Errors
    /// If it has ended.
    pub fn signal(&self, signal: Signal) -> Result<(), String> {
        kill_process(Pid::from_child(&self.0), signal).map_err(|error| format!("a signal cannot be sent: {error}"))
    }

    /// Whether it has not ended.
    pub fn is_running(&mut self) -> bool {
        matches!(self.0.try_wait(), Ok(None))
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        let own = Pid::from_child(&self.0);
        running().retain(|pid| *pid != own);
        // It may have ended already.
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

/// From now on a signal kills the processes, and then this one.
///
/// # Errors
/// If signals cannot be handled.
pub fn end_with_signals() -> Result<(), String> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().map_err(|it| it.to_string())?;
    let mut signals = {
        let _inside = runtime.enter();
        [SignalKind::interrupt(), SignalKind::terminate(), SignalKind::hangup()].map(signal)
    };
    if let Some(Err(error)) = signals.iter().find(|it| it.is_err()) {
        return Err(format!("signals cannot be handled: {error}"));
    }
    std::thread::spawn(move || {
        runtime.block_on(async {
            let [Ok(interrupt), Ok(terminate), Ok(hang_up)] = &mut signals else { return };
            tokio::select! {
                _ = interrupt.recv() => {}
                _ = terminate.recv() => {}
                _ = hang_up.recv() => {}
            }
        });
        for pid in running().drain(..) {
            // It may have ended already.
            kill_process(pid, Signal::KILL).ok();
        }
        std::process::exit(INTERRUPTED);
    });
    Ok(())
}
