//! The process's limit of open files, and how many of them the webhook's connections may use.
//!
//! The rest is reserved for files, sinks, sources and the admin listener. Without that, idle
//! connections of strangers would leave none to store a cursor or to accept a probe.

use crate::admin;
use crate::base::Level;
use crate::config::Config;
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Runtimes, listeners, the log, and the files of the data directory that no sink holds.
const PROCESS: u64 = 64;
/// The files or connections of a sink, and its reader of the journal.
const PER_SINK: u64 = 32;
/// The connections of a source to its server.
const PER_SOURCE: u64 = 4;
/// The clients of the control socket.
const CONTROL: u64 = 16;
/// With fewer connections the webhook could not be of use.
const CONNECTIONS_MIN: u64 = 16;

/// The descriptors of a process with a configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Descriptors {
    /// The limit of the process.
    limit: u64,
    /// Those that are not for connections of the webhook.
    reserved: u64,
    /// The configured maximum of connections.
    wanted: u64,
}

impl Descriptors {
    /// The descriptors at the highest limit that this process may set itself.
    pub(super) fn of(config: &Config) -> Self {
        let limit = getrlimit(Resource::Nofile).maximum.unwrap_or(u64::MAX);
        let (sinks, sources) = (super::sinks::names(config).len() as u64, config.sources.len() as u64);
        let reserved = PROCESS + CONTROL + admin::CONNECTIONS_MAX as u64 + PER_SINK * sinks + PER_SOURCE * sources;
        Self { limit, reserved, wanted: config.webhook.bounds.connections_max as u64 }
    }

    /// Raises the limit of this process to the highest that it may set itself.
    pub(super) fn raise_limit() {
        let limit = getrlimit(Resource::Nofile);
        let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
        if limit.current != limit.maximum
            && let Err(error) = setrlimit(Resource::Nofile, raised)
        {
            tracing::warn!(%error, "the limit of open files cannot be raised to its maximum");
        }
    }

    /// The maximum number of the webhook's connections.
    ///
    /// # Errors
    /// A sentence, when too few are left.
    pub(super) fn connections(&self) -> Result<usize, String> {
        let left = self.limit.saturating_sub(self.reserved);
        if left < CONNECTIONS_MIN {
            return Err(format!(
                "the limit of open files is {}, but this configuration needs at least {}: raise the limit \
                 (LimitNOFILE= of systemd, ulimit -n of a shell, --ulimit nofile= of a container)",
                self.limit,
                self.reserved + CONNECTIONS_MIN
            ));
        }
        Ok(usize::try_from(left.min(self.wanted)).unwrap_or(usize::MAX))
    }

    /// The finding of `check`.
    pub(super) fn finding(&self) -> (Level, String) {
        let Self { limit, reserved, wanted } = self;
        match self.connections() {
            Err(why) => (Level::Fault, why),
            Ok(connections) if (connections as u64) < *wanted => (
                Level::Warning,
                format!(
                    "the webhook takes at most {connections} connections instead of connections_max = {wanted}: the \
                     limit of open files is {limit}, and {reserved} are reserved for files, sinks and the admin \
                     listener; raise the limit, or lower connections_max"
                ),
            ),
            Ok(connections) => (
                Level::Good,
                format!(
                    "the webhook takes up to {connections} connections; the limit of open files is {limit}, and \
                     {reserved} are reserved for files, sinks and the admin listener"
                ),
            ),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn connections_get_what_the_rest_leaves_and_too_few_are_a_fault() {
        let with = |limit| Descriptors { limit, reserved: 200, wanted: 1024 };
        assert_eq!(with(u64::MAX).connections(), Ok(1024));
        assert_eq!(with(1224).finding().0, Level::Good);
        assert_eq!(with(1223).connections(), Ok(1023));
        assert_eq!(with(1223).finding().0, Level::Warning);
        assert_eq!(with(216).connections(), Ok(16));
        assert!(with(215).connections().unwrap_err().contains("at least 216"));
        assert_eq!(with(0).finding().0, Level::Fault);
    }
}
