//! The Kafka sink: one record per reading, idempotent, in journal order for every meter.
//!
//! Does not know sources, the pump or other sinks.
//!
//! - A record's key is the meter's UUID as text, its partition Java's murmur2 of
//!   that key, its value `meterline.v1.Reading`, its timestamp the receive time.
//!   A reading without a deliverable value makes no record, as it makes no row.
//! - What is known of the meters goes to a topic of its own, compacted, with the same
//!   keys and as many partitions: one message a version, `meterline.v1.Meter`. What
//!   brokers forget of that topic is not looked for; a replay sends it again.
//! - The client keeps what it was given, in a queue bounded in messages and bytes,
//!   until the broker has acknowledged it; `in_flight` knows the lowest journal
//!   sequence that is not yet whole on the broker.
//! - Nothing times out and nothing is passed over: whatever fails for good ends the
//!   producer (`enable.gapless.guarantee`), and the pump goes back to the lowest
//!   unsafe record with a new one. The old producer's records and the new one's
//!   are each in order and without gaps (`opened` sees to their beginnings), so a
//!   reading's first occurrence never comes before that of an earlier reading of
//!   the same meter.
//! - What the brokers forget after they acknowledged it is found where a producer
//!   begins, and under way by offsets that go back and after interruptions; the
//!   sink then goes back to its newest checkpoint that is whole (`confirmed`).
//! - Everything of a producer (its acknowledgements, errors and log lines) is served
//!   on the pump's thread, by `take` and `settle`.
//! - While no broker is reachable the sink is not running: it reports the trouble
//!   after a few seconds and its queue is given up, so an outage holds no memory.

mod acked_offsets;
mod acked_partitions;
mod admin;
mod check;
mod config;
mod confirmed;
mod connection;
mod context;
mod deliver;
mod encode;
mod fault;
mod in_flight;
mod migrate;
mod read_back;

pub use check::check;
pub use config::{Compression, Config, Sasl, SaslMechanism, Tls};
pub use deliver::Kafka;
pub use migrate::{MigrateError, migrate};
