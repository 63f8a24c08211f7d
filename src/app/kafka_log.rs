//! The membership in the consumer group that reads the topic of readings into QuestDB (`[kafka_log]`): starts it, and
//! shows it as the sink `questdb`, its partitions' pumps beside it. Without `[kafka_log]` there is none.

use super::error::StartError;
use super::live::Live;
use crate::admin::SinkStatus;
use crate::clock::Clock;
use crate::config::Config;
use crate::dead_letters::DeadLetters;
#[cfg(all(feature = "kafka", feature = "questdb"))]
use crate::deliver::{Group, GroupStatus, Log, PumpOptions, Sink, SinkFor};
use crate::deliver::{PumpStatus, Rewound};
use crate::journal::Journal;
use crate::reading::UnixNanos;
#[cfg(all(feature = "kafka", feature = "questdb"))]
use std::sync::Arc;
use std::time::Instant;

/// The name of the sink, before the numbers of partitions.
#[cfg(all(feature = "kafka", feature = "questdb"))]
const SINK: &str = "questdb";

/// The membership, if there is one. Clones share it.
#[derive(Debug, Clone, Default)]
pub(super) struct KafkaLog {
    #[cfg(all(feature = "kafka", feature = "questdb"))]
    group: Option<Arc<Group>>,
}

#[cfg(all(feature = "kafka", feature = "questdb"))]
impl KafkaLog {
    /// Joins the configured group.
    pub(super) fn start(
        config: &Config,
        journal: &Journal,
        letters: &DeadLetters,
        live: &Live,
        clock: &Clock,
    ) -> Result<Self, StartError> {
        let (Some(log), Some(questdb)) = (&config.sinks.kafka_log, &config.sinks.questdb) else {
            return Ok(Self::default());
        };
        let (dead_letters, rules, redecode) = (Some(letters.clone()), live.rules.clone(), live.redecode());
        let options = PumpOptions { dead_letters, rules, redecode, ..PumpOptions::default() };
        let sinks = sinks(questdb.sink.clone(), letters.clone(), clock.clone());
        let kept = (letters.clone(), journal.clone());
        let group = Group::start(SINK, log.clone(), sinks, kept, clock.clone(), options);
        Ok(Self { group: Some(Arc::new(group.map_err(StartError::because)?)) })
    }

    /// The membership as a sink, and the pumps of the partitions that are read here now.
    pub(super) fn status(&self) -> Option<(SinkStatus, Vec<PumpStatus>)> {
        let group = self.group.as_ref()?;
        let pumps: Vec<PumpStatus> = group.pumps().iter().map(|pump| pump.status()).collect();
        Some((membership(&group.status(), &pumps), pumps))
    }

    /// Whether a replay of this sink, or of all, is for the topic.
    pub(super) fn is_selected(&self, sink: Option<&str>) -> bool {
        self.group.is_some() && sink.is_none_or(|sink| sink == SINK)
    }

    /// Sends again what the partitions that are read here got from this time on.
    pub(super) fn rewind(&self, from: UnixNanos) -> Vec<(String, Result<Rewound, String>)> {
        self.group.as_ref().map_or_else(Vec::new, |group| group.rewind(from))
    }

    /// Asks all pumps to send the rest until the deadline, and leaves the group.
    pub(super) fn stop(&self, deadline: Instant) {
        self.group.iter().for_each(|group| group.stop(deadline));
    }

    /// Waits for the end after [`Self::stop`].
    pub(super) fn join(&self) {
        self.group.iter().for_each(|group| group.join());
    }
}

#[cfg(not(all(feature = "kafka", feature = "questdb")))]
#[expect(clippy::unused_self, clippy::unnecessary_wraps, reason = "a build that cannot read a topic has no membership")]
impl KafkaLog {
    pub(super) fn start(_: &Config, _: &Journal, _: &DeadLetters, _: &Live, _: &Clock) -> Result<Self, StartError> {
        Ok(Self::default())
    }

    pub(super) fn status(&self) -> Option<(SinkStatus, Vec<PumpStatus>)> {
        None
    }

    pub(super) fn is_selected(&self, _: Option<&str>) -> bool {
        false
    }

    pub(super) fn rewind(&self, _: UnixNanos) -> Vec<(String, Result<Rewound, String>)> {
        Vec::new()
    }

    pub(super) fn stop(&self, _: Instant) {}

    pub(super) fn join(&self) {}
}

/// Makes the sink of a partition.
#[cfg(all(feature = "kafka", feature = "questdb"))]
fn sinks(config: crate::sink::questdb::Config, letters: DeadLetters, clock: Clock) -> SinkFor {
    use crate::sink::questdb::QuestDb;
    Box::new(move |name: &str, log: &Log| {
        let refused = super::sinks::refused_rows(name, log.clone(), letters.clone());
        let sink = QuestDb::new(name, &config, clock.clone(), log.clone(), refused);
        Ok(Box::new(sink.map_err(|error| error.to_string())?) as Box<dyn Sink>)
    })
}

/// The sums over all partitions that are read here.
#[cfg(all(feature = "kafka", feature = "questdb"))]
fn membership(group: &GroupStatus, pumps: &[PumpStatus]) -> SinkStatus {
    let partitions: Vec<String> = group.partitions.iter().map(ToString::to_string).collect();
    SinkStatus {
        name: SINK.to_owned(),
        internal: false,
        state: group.state.label(),
        why: group.why.clone(),
        since: group.since.to_string(),
        // Each partition has its own.
        next_sequence: 0,
        replaying_until: None,
        lag_records: pumps.iter().map(|pump| pump.lag_records).sum(),
        kept_records: 0,
        kept_bytes: 0,
        lag_seconds: pumps.iter().map(|pump| pump.lag_seconds).fold(0.0, f64::max),
        warnings: Vec::new(),
        last_error: None,
        last_error_at: None,
        facts: [("partitions", partitions.join(", "))].into(),
    }
}
