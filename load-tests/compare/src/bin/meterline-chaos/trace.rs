//! strace, which kills a process, or lets its system calls fail or wait.

use meterline_compare::children::Process;
use meterline_compare::clock;
use rustix::process::Signal;
use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

const ATTACH_LIMIT: Duration = Duration::from_secs(10);
const DETACH_LIMIT: Duration = Duration::from_secs(30);
const POLL: Duration = Duration::from_millis(10);

/// A rule of `strace --inject` that kills at the entry of one of these calls for this time.
pub(crate) fn kill_at(calls: &str, when: u32) -> String {
    format!("{calls}:signal=SIGKILL:when={when}")
}

/// strace with a rule; its own output goes to `log`.
fn strace(rule: &str, log: &Path) -> Command {
    let calls = rule.split(':').next().unwrap_or_default();
    let mut command = Command::new("strace");
    command.args(["-f", "-qq", "-e", &format!("trace={calls}"), "-e", &format!("inject={rule}"), "-o"]).arg(log);
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
    command
}

/// A command that starts `program` with a rule; the process is the program's.
pub(crate) fn started(program: &Path, rule: &str, log: &Path) -> Command {
    let mut command = strace(rule, log);
    command.arg("-D").arg(program);
    command
}

/// A running process with a rule.
#[derive(Debug)]
pub(crate) struct Attached(Process);

impl Attached {
    /// Attaches to every thread of a process.
    pub(crate) fn to(process: u32, rule: &str, log: &Path) -> Result<Self, String> {
        let mut attached = Self(Process::spawn(strace(rule, log).args(["-p", &process.to_string()]))?);
        let begun = clock::now();
        while attached.0.is_running() && !all_are_traced(process) {
            if begun.elapsed() > ATTACH_LIMIT {
                return Err("strace did not attach: is ptrace permitted here?".to_owned());
            }
            std::thread::sleep(POLL);
        }
        Ok(attached)
    }

    /// Detaches; the process goes on.
    pub(crate) fn detach(mut self) -> Result<(), String> {
        // It may have ended with the process.
        self.0.signal(Signal::INT).ok();
        let begun = clock::now();
        while self.0.is_running() {
            if begun.elapsed() > DETACH_LIMIT {
                return Err(format!("strace did not detach within {DETACH_LIMIT:?}"));
            }
            std::thread::sleep(POLL);
        }
        Ok(())
    }
}

/// Whether every thread has a tracer; a process that ended has none left to trace.
fn all_are_traced(process: u32) -> bool {
    let Ok(threads) = fs::read_dir(format!("/proc/{process}/task")) else { return true };
    threads.flatten().all(|thread| {
        let status = fs::read_to_string(thread.path().join("status")).unwrap_or_default();
        !status.lines().any(|line| line.trim_end() == "TracerPid:\t0")
    })
}
