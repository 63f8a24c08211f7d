//! The durable log: the only queue of the service.
//!
//! Appended records become durable in groups, one write and one sync each; their
//! order is their sequence. Readers follow behind the synced mark, each with its
//! own cursor. Knows nothing of what the bytes mean, counts no metrics, and takes
//! its time from [`crate::clock`].
//!
//! What is promised: a record is acknowledged only after its sync; the sequence
//! has no gaps and is never reused; readers see nothing that a crash could take
//! back; what a stored cursor needs is never removed; the cap holds; damage is
//! refused with its place, never skipped.
//!
//! What cannot happen here and did elsewhere: file ids that wrap (64 bits, never
//! reused); directories orphaned by a changed configuration (one directory, its
//! cursors are listed and unused ones can be forgotten); batches lost in a stage
//! before the buffer (nothing is before it); memory that grows with the backlog
//! (readers hold one chunk or one record, the way in holds what callers wait for).
//! A record that a sink refuses for ever is `deliver`'s matter.
//!
//! Known limit: damage inside the very last group cannot be told from a torn tail
//! (see `scan`).
//!
//! Where to look: the format is `block`, `segment_header`, `group` and `frame`;
//! `handle` is the journal as everybody holds it; `pending` and `append` are the way
//! in, `writer` the commit, `reader` and `view` the way out; `share` who holds how much
//! of it; `recover` and `scan` the open after a crash, `repair` and `salvage` what is
//! done by hand where that refuses; `retention` what is deleted;
//! `cursor`, `gaps`, `ledger` and `lock` the small files beside the segments; `disk` the
//! few operations all of it needs.

mod append;
mod block;
mod catalog;
mod checkpoints;
mod cursor;
mod disk;
mod error;
mod frame;
mod gaps;
mod group;
mod handle;
mod identity;
pub mod inspect;
mod ledger;
mod lock;
mod options;
mod outcome;
mod pending;
mod reader;
mod record;
mod recover;
pub mod repair;
mod retention;
mod salvage;
mod scan;
mod segment_header;
mod segment_name;
mod share;
mod view;
mod writer;

pub use append::Append;
pub use checkpoints::{Checkpoint, Checkpoints};
pub use cursor::{Cursor, Cursors};
pub use error::{AppendError, CursorError, GapError, LedgerError, OpenError, ReadError};
pub use gaps::{GAPS_MAX, Gap, GapReason, Gaps};
pub use handle::Journal;
pub use identity::ResolvedCursor;
pub use inspect::Inspection;
pub use options::{OptionalCursor, Options, RECORD_BYTES_MAX, Retention};
pub use outcome::{CommitOutcome, OpenReport, Usage};
pub use reader::Reader;
pub use record::{JournalId, Position, Record, RecordHeader, RuleVersion, Sequence, SourceId, Verdict};
pub use segment_name::SegmentName;
pub use share::Share;
pub use view::{SegmentSummary, View};

#[cfg(test)]
pub(crate) use disk::faulty::{FaultyDisk, Operation};

#[cfg(test)]
mod tests;
