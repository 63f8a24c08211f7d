//! Starts a pump for every configured sink, for the keeper and for gap detection.

use super::error::StartError;
use super::live::Live;
use crate::clock::Clock;
use crate::config::Config;
use crate::dead_letters::DeadLetters;
#[cfg(feature = "questdb")]
use crate::deliver::Log;
use crate::deliver::{CoverageSink, Keeper, PumpHandle, PumpOptions, Sink};
use crate::journal::Journal;
use crate::reading::UnixNanos;

/// The name of the keeper's pump and cursor.
pub(super) const KEEPER: &str = "keeper";
/// The name of the pump and cursor that record received readings, so that gaps are detected.
pub(super) const COVERAGE: &str = "coverage";

/// Returns the names of the configured sinks that read the journal, which are also the names of their cursors.
pub(super) fn names(config: &Config) -> Vec<&'static str> {
    [
        #[cfg(feature = "sqlite")]
        config.sinks.sqlite.as_ref().map(|_| "sqlite"),
        #[cfg(feature = "questdb")]
        config.sinks.questdb.as_ref().filter(|_| !reads_topic(config)).map(|_| "questdb"),
        #[cfg(feature = "kafka")]
        config.sinks.kafka.as_ref().map(|_| "kafka"),
    ]
    .into_iter()
    .flatten()
    .collect()
}

/// The names of all configured sinks, for people.
pub(super) fn shown(config: &Config) -> String {
    let names = names(config).join(", ");
    #[cfg(all(feature = "kafka", feature = "questdb"))]
    if let Some(log) = &config.sinks.kafka_log {
        let separator = if names.is_empty() { "" } else { ", " };
        return format!("{names}{separator}questdb from topic {}", log.topics.readings);
    }
    names
}

/// Whether QuestDB reads a topic instead of the journal.
#[cfg(feature = "questdb")]
fn reads_topic(config: &Config) -> bool {
    #[cfg(feature = "kafka")]
    return config.sinks.kafka_log.is_some();
    #[cfg(not(feature = "kafka"))]
    {
        let _ = config;
        false
    }
}

/// Starts all pumps. The sinks connect later, on their pumps' threads.
pub(super) fn start_pumps(
    config: &Config,
    journal: &Journal,
    letters: &DeadLetters,
    followers: (Keeper, CoverageSink),
    live: &Live,
    clock: &Clock,
) -> Result<Vec<PumpHandle>, StartError> {
    refuse_orphans(config, journal)?;
    let (keeper, coverage) = followers;
    let mut named: Vec<NamedSink> = vec![(KEEPER, Box::new(keeper))];
    named.extend(sinks(config, journal, letters, clock)?);
    named.push((COVERAGE, Box::new(coverage)));
    named
        .into_iter()
        .map(|(name, sink)| {
            let (dead_letters, rules, redecode) = (Some(letters.clone()), live.rules.clone(), live.redecode());
            let options = PumpOptions { dead_letters, rules, redecode, ..PumpOptions::default() };
            PumpHandle::start(name, sink, journal.clone(), clock.clone(), options).map_err(StartError::because)
        })
        .collect()
}

/// The embedded store's file and retention, if it is configured.
#[derive(Debug, Clone)]
pub(super) struct Store {
    #[cfg(feature = "sqlite")]
    pub(super) config: Option<crate::sink::sqlite::Config>,
}

impl Store {
    pub(super) fn of(config: &Config) -> Self {
        let _ = config;
        Self {
            #[cfg(feature = "sqlite")]
            config: config.sinks.sqlite.clone(),
        }
    }

    /// Refuses a replay whose first samples retention would delete again.
    pub(super) fn refuse_deleted(&self, sink: Option<&str>, from: UnixNanos, now: UnixNanos) -> Result<(), String> {
        #[cfg(feature = "sqlite")]
        if sink.is_none_or(|sink| sink == "sqlite")
            && let Some(store) = &self.config
        {
            if let Some((oldest, setting)) = store.retention.deletes_before(&store.file, now)
                && from < oldest
            {
                return Err(format!(
                    "the embedded store deletes samples before {oldest} (sink.sqlite.{setting}), so what it got from \
                     before would be deleted again. Replay from then on, replay another sink, or raise {setting} and \
                     restart the service"
                ));
            }
            if let Some(oldest) = store.retention.rolled_up_before(&store.file)
                && from < oldest
            {
                return Err(format!(
                    "the embedded store has quarter-hours in place of the samples before {oldest} \
                     (sink.sqlite.keep_rollups), so it does not store these again. Replay from then on, or replay \
                     another sink; a new file is filled with all that the journal has"
                ));
            }
        }
        let _ = (sink, from, now);
        Ok(())
    }
}

/// Refuses cursors of removed sinks: they would keep records until the journal is full.
fn refuse_orphans(config: &Config, journal: &Journal) -> Result<(), StartError> {
    let names = names(config);
    let orphans: Vec<_> = journal
        .cursors()
        .list()
        .into_iter()
        .map(|(name, _)| name)
        .filter(|name| name != KEEPER && name != COVERAGE && !names.contains(&name.as_str()))
        .collect();
    if orphans.is_empty() {
        return Ok(());
    }
    #[cfg(feature = "questdb")]
    if orphans == ["questdb"] && reads_topic(config) {
        return Err(StartError::because(
            "the journal has records that QuestDB may not have, and with [kafka_log] QuestDB reads the topic instead. Start \
             without [kafka_log] until the page shows that questdb has everything; then, or if the topic has these \
             records, run `meterline journal forget questdb`",
        ));
    }
    Err(StartError::because(format!(
        "the journal keeps records for sinks that are not configured any more: {}. Configure them again, or \
         forget their undelivered records with `meterline journal forget NAME`",
        orphans.join(", ")
    )))
}

type NamedSink = (&'static str, Box<dyn Sink>);

fn sinks(
    config: &Config,
    journal: &Journal,
    letters: &DeadLetters,
    clock: &Clock,
) -> Result<Vec<NamedSink>, StartError> {
    let mut sinks: Vec<NamedSink> = Vec::new();
    #[cfg(feature = "sqlite")]
    if let Some(store) = &config.sinks.sqlite {
        let sink = crate::sink::sqlite::Sqlite::new("sqlite", &store.file, clock.clone());
        sinks.push(("sqlite", Box::new(sink.keeping(store.retention).in_time_zone(&store.time_zone))));
    }
    #[cfg(feature = "questdb")]
    if let Some(questdb) = config.sinks.questdb.as_ref().filter(|_| !reads_topic(config)) {
        use crate::sink::questdb::QuestDb;
        let refused = refused_rows("questdb", journal.clone(), letters.clone());
        let sink = QuestDb::new("questdb", &questdb.sink, clock.clone(), journal, refused);
        sinks.push(("questdb", Box::new(sink.map_err(StartError::because)?)));
    }
    #[cfg(feature = "kafka")]
    if let Some(kafka) = &config.sinks.kafka {
        let sink =
            crate::sink::kafka::Kafka::new("kafka", kafka, clock.clone(), journal).map_err(StartError::because)?;
        sinks.push(("kafka", Box::new(sink)));
    }
    let _ = (journal, letters);
    Ok(sinks)
}

/// Returns the handler that keeps QuestDB's refused rows as dead letters.
#[cfg(feature = "questdb")]
pub(super) fn refused_rows(sink: &str, log: impl Into<Log>, letters: DeadLetters) -> crate::sink::questdb::RefusedRows {
    use crate::dead_letters::Row;
    let keep = crate::deliver::RefusedRows::new(sink, log, letters);
    Box::new(move |refused| {
        let row = Row { index: refused.index, meter: refused.meter, obis: refused.obis, at: refused.at };
        keep.keep(refused.sequence, row, &refused.reason)
    })
}
