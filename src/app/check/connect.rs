//! Findings that need a connection: to every source and every sink.

use crate::app::finding::Finding;
use crate::base::{self, Level};
use crate::config::Config;

/// Asks the servers of all sources and sinks.
pub(super) fn findings(config: &Config) -> Vec<Finding> {
    let mut found = sources(config);
    found.extend(sinks(config));
    found
}

fn sources(config: &Config) -> Vec<Finding> {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return vec![Finding::new("sources", Level::Fault, format!("cannot be connected: {error}"))],
    };
    let connected = |source: &crate::config::Source| {
        let found = runtime.block_on(source.connect(&config.data_directory));
        found.map(|finding| Finding::new(source.table(), finding.level, finding.message))
    };
    config.sources.iter().filter_map(connected).collect()
}

fn sinks(config: &Config) -> Vec<Finding> {
    let _ = config;
    let checked: [(&'static str, Vec<base::Finding>); _] = [
        #[cfg(feature = "questdb")]
        ("questdb", config.sinks.questdb.as_ref().map_or_else(Vec::new, |it| crate::sink::questdb::check(&it.sink))),
        #[cfg(feature = "kafka")]
        ("kafka", config.sinks.kafka.as_ref().map_or_else(Vec::new, crate::sink::kafka::check)),
        #[cfg(all(feature = "kafka", feature = "questdb"))]
        ("kafka_log", config.sinks.kafka_log.as_ref().map_or_else(Vec::new, crate::deliver::GroupConfig::check)),
    ];
    let named = |(part, found): (&'static str, Vec<base::Finding>)| {
        found.into_iter().map(move |finding| Finding::new(part, finding.level, finding.message))
    };
    checked.into_iter().flat_map(named).collect()
}
