//! The stores and streams at the end of a pump.

#[cfg(feature = "kafka")]
pub mod kafka;
#[cfg(feature = "questdb")]
pub mod questdb;
#[cfg(feature = "sqlite")]
pub mod sqlite;

mod findings;

pub use crate::base::{Finding, Level};
pub use findings::Step;
