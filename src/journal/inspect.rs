//! Read-only inspection of a journal's directory. It takes no lock, so it works beside a
//! running service.
//!
//! Concurrent writes may or may not be seen. The last group is shown even if nothing
//! proves yet that it was synced.

use super::catalog::{Catalog, Segment, read_header};
use super::disk::{Disk, RealDisk, SharedDisk};
use super::ledger::Ledger;
use super::recover::segment_names;
use super::scan::{Scan, ScanFault, scan};
use super::view::View;
use super::{Cursor, Cursors, Gaps, OpenError, SegmentName, Sequence};
use std::io;
use std::path::Path;
use std::sync::Arc;

/// Attempts, because a running writer can change the files during an inspection.
const ATTEMPTS_MAX: usize = 5;

/// The content of a journal's directory.
#[derive(Debug)]
pub struct Inspection {
    view: View,
    cursors: Cursors,
    gaps: Gaps,
    faults: Vec<String>,
}

/// Inspects the journal in a directory.
///
/// # Errors
/// When the directory or one of its small files cannot be read. Damaged segments are
/// not errors but [`Inspection::faults`].
pub fn open(directory: &Path) -> Result<Inspection, OpenError> {
    let disk: SharedDisk = Arc::new(RealDisk::read_only(directory));
    let mut attempts = 1;
    let (catalog, faults) = loop {
        match read(&disk) {
            // A segment was deleted, or a group added, between two reads.
            Err(OpenError::Io { source, .. })
                if source.kind() == io::ErrorKind::NotFound && attempts < ATTEMPTS_MAX => {}
            Ok((_, faults)) if !faults.is_empty() && attempts < ATTEMPTS_MAX => {}
            found => break found?,
        }
        attempts += 1;
    };
    let cursors = Cursors::read(Arc::clone(&disk)).map_err(|source| io_error(&*disk, "its cursors", source))?;
    let gaps = Gaps::read(Arc::clone(&disk)).map_err(|source| io_error(&*disk, "its gap list", source))?;
    let (sources, rules) = (Arc::new(Ledger::read(Arc::clone(&disk))?), Ledger::read(disk)?);
    let view = View { catalog: Arc::new(catalog), sources, rules };
    Ok(Inspection { view, cursors, gaps, faults })
}

impl Inspection {
    /// The readable part of the journal.
    pub fn view(&self) -> &View {
        &self.view
    }

    /// All cursors by name; `None` if the file is damaged.
    pub fn cursors(&self) -> Vec<(String, Option<Cursor>)> {
        self.cursors.list()
    }

    /// The gap records of all sinks.
    pub fn gaps(&self) -> &Gaps {
        &self.gaps
    }

    /// The faults that a start would refuse or cut, as sentences.
    pub fn faults(&self) -> &[String] {
        &self.faults
    }
}

fn read(disk: &SharedDisk) -> Result<(Catalog, Vec<String>), OpenError> {
    let names = segment_names(&**disk)?;
    let mut faults = Vec::new();
    let mut segments = Vec::new();
    for name in names {
        let bytes = disk.bytes_len(&name.to_string()).map_err(|source| io_error(&**disk, &name.to_string(), source))?;
        segments.push(Arc::new(Segment::new(name, bytes)));
    }
    while let Some(tail) = segments.last() {
        match scan_tail(&**disk, tail.name).map_err(|source| io_error(&**disk, &tail.name.to_string(), source))? {
            Ok(scan) => {
                let next = scan.last.map_or(tail.name.first, |last| last.header.next());
                return Ok((Catalog::new(Arc::clone(disk), segments, next, scan.end), faults));
            }
            Err(fault) => faults.push(fault),
        }
        segments.pop();
    }
    Ok((Catalog::new(Arc::clone(disk), segments, Sequence::FIRST, 0), faults))
}

fn scan_tail(disk: &dyn Disk, name: SegmentName) -> io::Result<Result<Scan, String>> {
    let file = disk.open(&name.to_string())?;
    let Ok(header) = read_header(&*file, name)? else {
        return Ok(Err(format!("the header of segment {name} cannot be read")));
    };
    match scan(&*file, &header) {
        Ok(scan) => Ok(Ok(scan)),
        Err(ScanFault::Damaged { offset }) => Ok(Err(format!("segment {name} is damaged at offset {offset}"))),
        Err(ScanFault::Io(error)) => Err(error),
    }
}

fn io_error(disk: &dyn Disk, what: &str, source: io::Error) -> OpenError {
    OpenError::Io { directory: disk.path().to_owned(), what: format!("{what} cannot be read"), source }
}
