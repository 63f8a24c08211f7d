//! The Kafka sink: one record per reading, idempotent, in journal order for every meter.
//!
//! Does not know sources, the pump or other sinks.
//!
//! - A record's key is the meter's UUID as text, its partition Java's murmur2 of
//!   that key, its value `meterline.v1.Reading` in protobuf or JSON, its timestamp the
//!   receive time.
//!   A reading without a deliverable value makes no record, as it makes no row.
//! - Meter descriptions go to a compacted topic of their own with the same keys and as
//!   many partitions: one `meterline.v1.Meter` message per version. Losses in that topic
//!   are not detected; a replay sends it again.
//! - The client queues messages, bounded in number and bytes, until the broker
//!   acknowledges them; `in_flight` knows the lowest journal sequence that is not yet
//!   wholly acknowledged.
//! - No message expires and none is skipped. A permanent failure ends the producer
//!   (`enable.gapless.guarantee`), and the pump goes back to the lowest unsafe record
//!   with a new one. Each producer's records are in order and without gaps
//!   (`acked_partitions` protects the first ones), so a reading's first copy never comes
//!   before the first copy of an earlier reading of the same meter.
//! - In the mode `transactional`, a transaction holds the messages of whole journal records and
//!   the position after them (`transaction`), so a crash repeats nothing for a consumer that reads
//!   only what is committed. The newest producer with the `transactional.id` owns the position
//!   (`ownership`); a failed transaction is ended by the next producer. Everything else is the same.
//! - Losses of acknowledged records are detected when a producer starts, by offsets that
//!   go back, and after interruptions; the sink then goes back to its newest intact
//!   checkpoint (`confirmed`).
//! - The topic's settings are compared at every start of a producer and every few minutes.
//!   One with which the topic would lose acknowledged records, more partitions than at the
//!   beginning, or another format of the values blocks the sink; others are warnings (`topic`).
//! - A producer's acknowledgements, errors and log lines are handled on the pump's
//!   thread, by `take` and `settle`.
//! - While no broker is reachable the sink is not running: it reports the failure after a
//!   few seconds and drops its queue, so an outage holds no memory.

mod acked_offsets;
mod acked_partitions;
mod admin;
mod advertised;
mod broken;
mod check;
mod claim;
mod config;
mod confirmed;
mod connection;
mod context;
mod counts;
mod deliver;
mod encode;
mod fault;
mod in_flight;
mod migrate;
mod ownership;
mod read_back;
mod topic;
mod transaction;
mod value;

pub use check::check;
pub use config::{Compression, Config, DeliveryMode};
pub use deliver::Kafka;
pub use encode::Encoder;
pub use migrate::{MigrateError, migrate};
pub use value::Format;
