//! Instructions of a process, counted by `perf stat` where the machine allows it.

use rustix::process::{Pid, Signal, kill_process};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

const EVENT: &str = "instructions";

/// A running count.
#[derive(Debug)]
pub(crate) struct Instructions {
    perf: Child,
    file: PathBuf,
}

/// Whether `perf stat` counts instructions here.
pub(crate) fn are_counted() -> bool {
    let output = Command::new("perf").args(["stat", "-x,", "-e", EVENT, "true"]).output();
    output.is_ok_and(|output| count_in(&String::from_utf8_lossy(&output.stderr)).is_some())
}

impl Instructions {
    /// Counts the instructions of a process; `None` where that does not work.
    pub(crate) fn start(process: u32, directory: &Path) -> Option<Self> {
        if !are_counted() {
            return None;
        }
        let file = directory.join("perf.csv");
        let perf = Command::new("perf")
            .args(["stat", "-x,", "-e", EVENT, "-p", &process.to_string(), "-o"])
            .arg(&file)
            .stdin(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .ok()?;
        Some(Self { perf, file })
    }

    /// Ends the count.
    pub(crate) fn end(mut self) -> Option<u64> {
        kill_process(Pid::from_child(&self.perf), Signal::INT).ok()?;
        self.perf.wait().ok()?;
        count_in(&fs::read_to_string(&self.file).ok()?)
    }
}

/// The count in the lines of `perf stat -x,`.
fn count_in(text: &str) -> Option<u64> {
    let line = text.lines().find(|line| line.contains(EVENT))?;
    line.split(',').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_count_is_read_and_its_absence_too() {
        assert_eq!(count_in("# started\n\n4211,,instructions,900,100.00,,\n"), Some(4_211));
        assert_eq!(count_in("<not supported>,,instructions,0,100.00,,\n"), None);
        assert_eq!(count_in(""), None);
    }
}
