//! Opens the configured store for the commands that read history.

use super::Failure;
use crate::config::Config;
use crate::query::Store;

/// The store of a configuration.
pub(super) fn open(config: &Config) -> Result<Store, Failure> {
    Store::open(&config.sinks).ok_or_else(|| {
        Failure::failed(
            "the configuration has no store with history: add [sink.sqlite] or [sink.questdb]; a Kafka topic cannot be queried",
        )
    })
}
