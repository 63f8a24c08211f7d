//! Queries on stores that the sink wrote.

#[cfg(feature = "questdb")]
pub(crate) mod silent_server;
#[cfg(feature = "sqlite")]
mod sqlite;
