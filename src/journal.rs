//! The durable log: the only queue of the service.

mod record;

pub use record::{JournalId, Position, Record, RecordHeader, RuleVersion, Sequence, SourceId, Verdict};
