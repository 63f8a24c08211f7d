//! The stores and streams at the end of a pump.

#[cfg(feature = "questdb")]
pub mod questdb;
