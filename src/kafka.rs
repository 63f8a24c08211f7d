//! The parts that every client of Kafka needs: the brokers, encryption and credentials, the client library's log lines and
//! errors in our words, and the value formats of `meterline.v1`.
//!
//! Does not know topics, groups or records. Invariants: a secret leaves its [`Secret`](crate::secret::Secret) only
//! to enter the library; no sentence holds one.

mod client;
mod client_log;
mod context;
mod fault;

pub use client::{Client, Sasl, SaslMechanism, Tls};
pub use client_log::{Cause, ClientLog, Line};
pub use context::LogContext;
pub use fault::{ConnectionError, Fault, is_refused_group, of_client, of_connection};
