//! The process's limit of open files, and how many of them the webhook's connections may use.
//!
//! The rest is reserved for files, sinks, sources and the admin listener. Without that, idle
//! connections of strangers would leave none to store a cursor or to accept a probe.

use crate::admin;
use crate::base::Level;
use crate::config::{Config, Source};
use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

/// Runtimes, listeners, the log, and the files of the data directory that no sink holds.
const PROCESS: u64 = 64;
/// The files or connections of a sink, and its reader of the journal.
const PER_SINK: u64 = 32;
/// Connections to the brokers, and to QuestDB for the partitions of a topic that are read here.
#[cfg(all(feature = "kafka", feature = "questdb"))]
const KAFKA_LOG: u64 = 256;
/// The clients of the control socket.
const CONTROL: u64 = 16;
/// With fewer connections the webhook could not be of use.
const CONNECTIONS_MIN: u64 = 16;

/// The descriptors of a process with a configuration.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Descriptors {
    /// The limit of the process.
    limit: u64,
    /// The descriptors that the webhook's connections cannot use.
    reserved: u64,
    /// The configured maximum of connections; 0 if the webhook does not listen.
    wanted: u64,
}

impl Descriptors {
    /// Raises the limit of this process as far as it may, and returns its descriptors at the
    /// limit that is then in force.
    pub(super) fn raised(config: &Config) -> Self {
        raise_limit();
        let limit = getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX);
        Self::at(limit, config)
    }

    fn at(limit: u64, config: &Config) -> Self {
        let sinks = super::sinks::names(config).len() as u64;
        let sources: u64 = config.sources.iter().map(Source::connections_max).sum();
        #[cfg(all(feature = "kafka", feature = "questdb"))]
        let sources = sources + config.sinks.kafka_log.as_ref().map_or(0, |_| KAFKA_LOG);
        let reserved = PROCESS + CONTROL + admin::CONNECTIONS_MAX as u64 + PER_SINK * sinks + sources;
        let wanted = if config.webhook.is_listening() { config.webhook.bounds.connections_max as u64 } else { 0 };
        Self { limit, reserved, wanted }
    }

    /// The maximum number of the webhook's connections.
    ///
    /// # Errors
    /// A sentence, when too few are left.
    pub(super) fn connections(&self) -> Result<usize, String> {
        let needed = self.reserved + self.wanted.min(CONNECTIONS_MIN);
        let Some(left) = self.limit.checked_sub(self.reserved).filter(|_| needed <= self.limit) else {
            return Err(format!(
                "the limit of open files is {}, but this configuration needs at least {}: raise the limit \
                 (LimitNOFILE= of systemd, ulimit -n of a shell, --ulimit nofile= of a container)",
                self.limit, needed
            ));
        };
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
            Ok(0) => (
                Level::Good,
                format!("the limit of open files is {limit}, and this configuration needs at least {reserved}"),
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

/// Raises the limit of this process to the highest that it may set itself.
fn raise_limit() {
    let limit = getrlimit(Resource::Nofile);
    let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
    if limit.current != limit.maximum
        && let Err(error) = setrlimit(Resource::Nofile, raised)
    {
        tracing::warn!(%error, "the limit of open files cannot be raised to its maximum");
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::parse;
    use std::collections::BTreeMap;

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

    #[test]
    fn a_device_takes_one_descriptor_because_it_has_one_request_in_flight() {
        let with = |devices: usize| {
            let device = |number| format!("[[p1]]\nname = \"p{number}\"\naddress = \"192.0.2.1:2001\"\n");
            let tables: String = (0..devices).map(device).collect();
            let text = format!("data_directory = \"/data\"\n{tables}");
            Descriptors::at(u64::MAX, &parse("m.toml", &text, &BTreeMap::new()).unwrap()).reserved
        };
        assert_eq!(with(100), with(0) + 100);
    }

    #[test]
    fn without_a_webhook_none_are_needed_for_its_connections() {
        let text = "data_directory = \"/data\"\n[[webhook.account]]\nname = \"a\"\npath = \"/a\"\n";
        let mut config = parse("m.toml", text, &BTreeMap::new()).unwrap();
        let with_webhook = Descriptors::at(u64::MAX, &config);
        config.webhook.accounts.clear();
        let alone = Descriptors::at(u64::MAX, &config);
        let at = |limit| Descriptors { limit, ..alone };
        assert_eq!(at(alone.reserved).connections(), Ok(0));
        assert_eq!(at(alone.reserved).finding().0, Level::Good);
        assert!(at(alone.reserved - 1).connections().is_err());
        assert!(Descriptors { limit: alone.reserved, ..with_webhook }.connections().is_err());
    }
}
