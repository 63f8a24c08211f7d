//! A child process that ends with the value that stands for it.

use super::wait;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

/// Time limit for a child to end after SIGTERM.
const STOP_LIMIT: Duration = Duration::from_secs(60);

/// A running child, its output in a file.
#[derive(Debug)]
pub(crate) struct Process {
    child: Child,
    log: PathBuf,
}

impl Process {
    /// Starts `command`; its output is appended to `log`.
    pub(crate) fn start(command: Command, log: &Path) -> Self {
        let output = File::options().create(true).append(true).open(log).unwrap();
        Self::start_with_stderr(command, log, output)
    }

    /// Starts `command` with this standard error; the rest of its output is appended to `log`.
    pub(crate) fn start_with_stderr(mut command: Command, log: &Path, stderr: impl Into<Stdio>) -> Self {
        let output = File::options().create(true).append(true).open(log).unwrap();
        command.stdin(Stdio::null()).stdout(output).stderr(stderr);
        let child = command.spawn().unwrap_or_else(|error| panic!("cannot start {command:?}: {error}"));
        Self { child, log: log.to_owned() }
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Its exit status, if it has ended.
    pub(crate) fn ended(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().unwrap()
    }

    /// Waits until `is_ready`; panics with the last lines of the log when the child
    /// ends before.
    pub(crate) fn wait_ready(&mut self, what: &str, limit: Duration, mut is_ready: impl FnMut() -> bool) {
        wait::until(what, limit, || {
            if let Some(status) = self.ended() {
                panic!("{what}: ended with {status}; its last lines:\n{}", self.last_lines());
            }
            is_ready()
        });
    }

    /// Sends SIGTERM and returns at once.
    pub(crate) fn terminate(&self) {
        self.signal("TERM");
    }

    /// Sends a signal, by its name without SIG.
    pub(crate) fn signal(&self, name: &str) {
        // The shell's own `kill`: small images have no program of that name.
        let command = format!("kill -{name} {}", self.child.id());
        let status = Command::new("sh").args(["-c", &command]).status().unwrap();
        assert!(status.success(), "{command}: {status}");
    }

    /// Waits until it has ended.
    pub(crate) fn wait(&mut self) -> ExitStatus {
        let log = self.log.clone();
        wait::until_some(&format!("end of the process that logs to {}", log.display()), STOP_LIMIT, || self.ended())
    }

    /// SIGTERM, then waits for the end.
    pub(crate) fn stop(mut self) -> ExitStatus {
        self.terminate();
        self.wait()
    }

    /// SIGKILL, then waits for the end.
    pub(crate) fn kill(mut self) {
        self.kill_now();
    }

    fn kill_now(&mut self) {
        // Fails only if it has ended already, which is fine.
        drop(self.child.kill());
        self.child.wait().unwrap();
    }

    fn last_lines(&self) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines: Vec<&str> = text.lines().collect();
        lines[lines.len().saturating_sub(30)..].join("\n")
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill_now();
    }
}

/// The start script of a test server.
pub(crate) fn server_script(name: &str) -> Command {
    Command::new(Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/servers").join(name))
}
