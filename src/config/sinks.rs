//! `[sink.*]`: where the samples go. Without any, the embedded store.

use super::secrets::{PASSWORD, TOKEN, secret};
use super::section::Section;
use super::value::Bytes;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The configured sinks.
#[derive(Debug, Default)]
pub struct Sinks {
    /// The embedded store's file.
    pub sqlite: Option<PathBuf>,
    /// QuestDB.
    #[cfg(feature = "questdb")]
    pub questdb: Option<QuestDb>,
    /// Kafka.
    #[cfg(feature = "kafka")]
    pub kafka: Option<crate::sink::kafka::Config>,
}
