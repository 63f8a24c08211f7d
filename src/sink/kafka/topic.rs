//! What the topic must be like, for `migrate`, `check` and the producer alike.

use super::config::Config;

/// `max.message.bytes` that takes every record of ours.
pub(super) const MESSAGE_BYTES_WANTED: u32 = 1_000_000;

/// The setting that bounds a batch, after compression.
pub(super) const MESSAGE_BYTES_MAX: &str = "max.message.bytes";
/// The setting that says whose clock stamps records.
pub(super) const TIMESTAMP_TYPE: &str = "message.timestamp.type";
/// The brokers' clock: what arrived late is neither refused nor deleted early.
pub(super) const LOG_APPEND_TIME: &str = "LogAppendTime";
/// The setting that says how long records are kept.
pub(super) const RETENTION_MS: &str = "retention.ms";
/// The setting that says how old records go.
pub(super) const CLEANUP_POLICY: &str = "cleanup.policy";

/// The settings that `migrate` sees to.
pub(super) fn wanted(config: &Config) -> Vec<(&'static str, String)> {
    let stamps = (TIMESTAMP_TYPE, LOG_APPEND_TIME.to_owned());
    if config.compacts() {
        // What is known of a meter is kept for as long as nothing newer is.
        return vec![stamps, (CLEANUP_POLICY, "compact".to_owned())];
    }
    let retention = config.retention.map_or_else(|| "-1".to_owned(), |time| time.as_millis().to_string());
    // Compaction by key would keep one reading of each meter.
    vec![stamps, (RETENTION_MS, retention), (CLEANUP_POLICY, "delete".to_owned())]
}
