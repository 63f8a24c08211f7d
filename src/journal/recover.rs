//! Recovery at an open: the segments, the end of the last one, and the records that must
//! be written again.
//!
//! Reads only the last segment (more only if the last ones are torn and empty), whatever
//! their number. Removes leftovers and cuts the reserved room beyond the last segment's
//! end; never moves synced data.

use super::block::BLOCK;
use super::catalog::{Segment, read_header};
use super::disk::{Disk, DiskFile, TEMPORARY_SUFFIX, cut, remove_quietly};
use super::pending::GroupBuffer;
use super::scan::{Scan, ScanFault, holds_own_group, read_group, scan};
use super::segment_header::{HeaderFault, SegmentEnd, SegmentHeader};
use super::{JournalId, OpenError, SegmentName, Sequence};
use crate::reading::UnixNanos;
use std::io;
use std::sync::Arc;

/// The result of a recovery.
#[derive(Debug)]
pub(super) struct Recovered {
    /// By id; the last is the tail.
    pub(super) segments: Vec<Arc<Segment>>,
    /// The first sequence not proven synced.
    pub(super) next: Sequence,
    /// The readable bytes of the tail.
    pub(super) readable_bytes: u64,
    /// The journal of the last record.
    pub(super) last_journal: Option<JournalId>,
    /// The segment ends that the next segment's header must record.
    pub(super) ends: Vec<SegmentEnd>,
    /// Segments without records, to be removed once the next one exists.
    pub(super) empty: Vec<SegmentName>,
    pub(super) next_segment_id: u64,
    /// The last group, if nothing proves that it was synced.
    pub(super) rewrite: Option<GroupBuffer>,
    /// The segment and offset at which an interrupted write was cut.
    pub(super) torn: Option<(SegmentName, u64)>,
}

/// The last segment with a valid header.
struct Tail {
    header: SegmentHeader,
    file: Box<dyn DiskFile>,
}

/// Recovers the state of the directory.
pub(super) fn recover(disk: &dyn Disk) -> Result<Recovered, OpenError> {
    remove_leftovers(disk)?;
    let mut names = segment_names(disk)?;
    let next_segment_id = names.last().map_or(1, |last| last.id + 1);
    let mut headless = Vec::new();
    while let Some(last) = names.last().copied() {
        match open_tail(disk, last)? {
            Some(tail) => return recover_tail(disk, names, headless, next_segment_id, &tail),
            None => headless.push(last),
        }
        names.pop();
    }
    Ok(Recovered {
        segments: Vec::new(),
        next: headless.first().map_or(Sequence::FIRST, |name| name.first),
        readable_bytes: BLOCK,
        last_journal: None,
        ends: Vec::new(),
        empty: headless,
        next_segment_id,
        rewrite: None,
        torn: None,
    })
}

/// Removes files that were not complete when the previous run ended.
fn remove_leftovers(disk: &dyn Disk) -> Result<(), OpenError> {
    let files = disk.names().map_err(|source| io_error(disk, "its files cannot be listed", source))?;
    files.iter().filter(|file| file.ends_with(TEMPORARY_SUFFIX)).for_each(|file| remove_quietly(disk, file));
    Ok(())
}

/// The segments by id.
pub(super) fn segment_names(disk: &dyn Disk) -> Result<Vec<SegmentName>, OpenError> {
    let files = disk.names().map_err(|source| io_error(disk, "its files cannot be listed", source))?;
    let mut names: Vec<SegmentName> = files.iter().filter_map(|file| SegmentName::parse(file)).collect();
    names.sort_unstable();
    match names.windows(2).find(|pair| pair[0].id == pair[1].id || pair[0].first > pair[1].first) {
        Some(pair) => Err(OpenError::Order { directory: disk.path().to_owned(), before: pair[0], after: pair[1] }),
        None => Ok(names),
    }
}

/// Opens the segment as the tail; `None` if its header is torn and it has no records.
fn open_tail(disk: &dyn Disk, name: SegmentName) -> Result<Option<Tail>, OpenError> {
    let io = |source| io_error(disk, &format!("{name} cannot be read"), source);
    let file = disk.open(&name.to_string()).map_err(io)?;
    match read_header(&*file, name).map_err(io)? {
        Ok(header) => Ok(Some(Tail { header, file })),
        Err(HeaderFault::TooNew { format_version }) => {
            Err(OpenError::TooNew { directory: disk.path().to_owned(), segment: name, format_version })
        }
        Err(HeaderFault::Damaged) if holds_own_group(&*file, name.id).map_err(io)? => {
            Err(damaged(disk, name, 0, "its header is unreadable, but it contains valid groups"))
        }
        Err(HeaderFault::Damaged) => Ok(None),
    }
}

fn recover_tail(
    disk: &dyn Disk,
    names: Vec<SegmentName>,
    headless: Vec<SegmentName>,
    next_segment_id: u64,
    tail: &Tail,
) -> Result<Recovered, OpenError> {
    let name = tail.header.name;
    let io = |source| io_error(disk, &format!("{name} cannot be read or cut"), source);
    let scan = scan(&*tail.file, &tail.header).map_err(|fault| match fault {
        ScanFault::Damaged { offset } => damaged(disk, name, offset, "no valid group begins at that offset"),
        ScanFault::Io(source) => io(source),
    })?;
    let tail_bytes = cut_tail(disk, tail, scan.end).map_err(io)?;
    let rewrite = read_unproven(&*tail.file, &scan).map_err(io)?;
    let end = tail_end(name, &scan);
    let is_empty = end.next == name.first;
    let (records, mut empty) = without_empty(names);
    empty.extend(headless);
    let mut segments = with_sizes(disk, &records[..records.len().saturating_sub(1)])?;
    segments.push(Arc::new(Segment::with_header(tail_bytes, Arc::new(tail.header.clone()))));
    if is_empty {
        empty.push(name);
    }
    Ok(Recovered {
        segments,
        next: end.next,
        readable_bytes: end.offset,
        last_journal: Some(if is_empty { tail.header.previous_journal } else { tail.header.journal }),
        ends: if is_empty { tail.header.ends.clone() } else { vec![end] },
        empty,
        next_segment_id,
        rewrite,
        torn: scan.is_torn.then_some((name, scan.end)),
    })
}

/// The end of the tail for later segments: before an unproven group.
fn tail_end(name: SegmentName, scan: &Scan) -> SegmentEnd {
    let newest = |scan: &Scan| scan.last.map_or(UnixNanos(i64::MIN), |last| last.newest_received);
    let (offset, next, newest_received) = match (scan.unproven(), scan.last) {
        (Some(last), _) => (last.header.offset, last.header.first, scan.newest_before_last),
        (None, Some(last)) => (scan.end, last.header.next(), newest(scan).max(scan.newest_before_last)),
        (None, None) => (scan.end, name.first, UnixNanos(i64::MIN)),
    };
    SegmentEnd { segment_id: name.id, offset, next, newest_received }
}

fn read_unproven(file: &dyn DiskFile, scan: &Scan) -> io::Result<Option<GroupBuffer>> {
    let Some(group) = scan.unproven() else { return Ok(None) };
    let mut bytes = Vec::new();
    match read_group(file, &group.header, group.header.end(), &mut bytes)? {
        Some(newest) => Ok(Some(GroupBuffer::recovered(bytes, group.header.count, newest))),
        None => Err(io::Error::other("the last group reads differently the second time; the disk is failing")),
    }
}

/// Releases the reserved room of the tail, so that a full disk has room for its last records.
fn cut_tail(disk: &dyn Disk, tail: &Tail, end: u64) -> io::Result<u64> {
    if tail.file.bytes_len()? > end {
        cut(disk, &tail.header.name.to_string(), end)?;
    }
    Ok(end)
}

/// Splits the segments by name into those with records (and the tail) and those without.
fn without_empty(names: Vec<SegmentName>) -> (Vec<SegmentName>, Vec<SegmentName>) {
    let firsts: Vec<Sequence> = names.iter().skip(1).map(|name| name.first).collect();
    let mut kept = Vec::new();
    let mut empty = Vec::new();
    for (index, name) in names.into_iter().enumerate() {
        if firsts.get(index) == Some(&name.first) { empty.push(name) } else { kept.push(name) }
    }
    (kept, empty)
}

fn with_sizes(disk: &dyn Disk, names: &[SegmentName]) -> Result<Vec<Arc<Segment>>, OpenError> {
    let size = |name: &SegmentName| {
        let bytes = disk.bytes_len(&name.to_string());
        let bytes = bytes.map_err(|source| io_error(disk, &format!("the size of {name} cannot be read"), source))?;
        Ok(Arc::new(Segment::new(*name, bytes)))
    };
    names.iter().map(size).collect()
}

fn damaged(disk: &dyn Disk, segment: SegmentName, offset: u64, what: &'static str) -> OpenError {
    OpenError::Damaged { directory: disk.path().to_owned(), segment, offset, what }
}

fn io_error(disk: &dyn Disk, what: &str, source: io::Error) -> OpenError {
    OpenError::Io { directory: disk.path().to_owned(), what: what.to_owned(), source }
}
