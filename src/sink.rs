//! The stores and streams at the end of a pump.

#[cfg(feature = "kafka")]
pub mod kafka;
#[cfg(feature = "questdb")]
pub mod questdb;
#[cfg(feature = "sqlite")]
pub mod sqlite;

mod findings;

pub use findings::{Finding, Level, Step};
