//! The journal: the append-only log on disk, the only queue of the service.
//!
//! Records become durable in groups, with one write and one sync each; their order is
//! their sequence. Readers follow up to the synced mark, each with its own cursor. The
//! journal does not know the meaning of the bytes, counts no metrics, and takes its time
//! from [`crate::clock`].
//!
//! Promises: a record is acknowledged only after its sync; the sequence has no gaps and
//! is never reused; readers see nothing that a crash could undo; records that a stored
//! cursor needs are never removed; the cap holds; damage is reported with its offset,
//! never skipped.
//!
//! Failures of other pipelines that cannot happen here: file ids that wrap (64 bits,
//! never reused); directories orphaned by a changed configuration (there is one
//! directory, its cursors are listed and unused ones can be removed); batches lost in a
//! stage before the buffer (there is none); memory that grows with the backlog (readers
//! hold one chunk or one record, pending records are bounded by the waiting callers). A
//! record that a sink always refuses is handled in `deliver`.
//!
//! Known limit: damage inside the very last group cannot be distinguished from a torn
//! tail (see `scan`).
//!
//! Files: the format is `block`, `segment_header`, `group` and `frame`; `handle` is the
//! open journal; `pending` and `append` are the way in, `writer` the commit, `reader` and
//! `view` the way out; `share` limits the bytes of each source; `recover` and `scan` open
//! it after a crash, `repair` and `salvage` rebuild a damaged segment by hand;
//! `retention` deletes segments; `cursor`, `checkpoints`, `sink_id`, `gaps`, `ledger` and `lock` are
//! the small files beside the segments; `place` notices a directory that was moved away;
//! `disk` has the file operations.

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
mod place;
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
mod sink_id;
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
pub use view::{Kept, SegmentSummary, View};

#[cfg(test)]
pub(crate) use disk::faulty::{FaultyDisk, Operation};

#[cfg(test)]
mod tests;
