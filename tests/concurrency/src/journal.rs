//! The files of the journal that threads meet in, and what they import.

#[path = "../../../src/journal/append.rs"]
pub mod append;
#[path = "../../../src/journal/block.rs"]
mod block;
#[path = "../../../src/journal/catalog.rs"]
pub mod catalog;
#[path = "../../../src/journal/error.rs"]
mod error;
#[path = "../../../src/journal/frame.rs"]
mod frame;
#[path = "../../../src/journal/group.rs"]
mod group;
mod kernel;
#[path = "../../../src/journal/pending.rs"]
mod pending;
#[path = "../../../src/journal/record.rs"]
mod record;
#[path = "../../../src/journal/segment_header.rs"]
mod segment_header;
#[path = "../../../src/journal/segment_name.rs"]
mod segment_name;

pub use append::Append;
pub use error::{AppendError, ReadError};
pub use kernel::Kernel;
pub use record::{JournalId, Position, Record, RecordHeader, RuleVersion, Sequence, SourceId, Verdict};
pub use segment_name::SegmentName;

/// No disk: no segment is opened here.
mod disk {
    use std::fmt::Debug;
    use std::io;
    use std::path::Path;
    use std::sync::Arc;

    pub(super) trait Disk: Debug + Send + Sync {
        fn path(&self) -> &Path;
        fn open(&self, name: &str) -> io::Result<Box<dyn DiskFile>>;
    }

    pub(super) type SharedDisk = Arc<dyn Disk>;

    pub(super) trait DiskFile: Debug + Send + Sync {
        fn read_at(&self, buffer: &mut [u8], offset: u64) -> io::Result<usize>;
    }

    #[derive(Debug)]
    pub(super) struct NoDisk;

    impl Disk for NoDisk {
        fn path(&self) -> &Path {
            Path::new("none")
        }

        fn open(&self, _: &str) -> io::Result<Box<dyn DiskFile>> {
            Err(io::ErrorKind::NotFound.into())
        }
    }
}

/// Bytes of sources are not counted here.
mod share {
    use super::SourceId;

    pub(super) type BytesBySource = Vec<(SourceId, u64)>;

    pub(super) fn add(_: &mut BytesBySource, _: SourceId, _: u64) {}
}
