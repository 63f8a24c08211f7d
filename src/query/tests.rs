//! Queries on stores that the sink wrote.

#[cfg(feature = "sqlite")]
mod sqlite;
