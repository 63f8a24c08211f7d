//! The sinks: QuestDB, Kafka and SQLite.

#[cfg(feature = "kafka")]
pub mod kafka;
#[cfg(feature = "questdb")]
pub mod questdb;
#[cfg(feature = "sqlite")]
pub mod sqlite;

mod findings;

pub use crate::base::{Finding, Level};
pub use findings::Step;
