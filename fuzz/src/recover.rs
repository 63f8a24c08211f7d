//! Any damage to a journal's files: looking at them never panics, and no reader
//! hands out a payload that was not appended. The input is a list of changes:
//! file, offset, length, byte.

use super::scratch;
use meterline::journal::{Journal, Options, RecordHeader, RuleVersion, SourceId, Verdict, inspect};
use meterline::reading::UnixNanos;
use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex, PoisonError};

type Files = Vec<(String, Vec<u8>)>;

/// Checks one input.
pub fn check(changes: &[u8]) {
    static STAGE: LazyLock<Mutex<Stage>> = LazyLock::new(Mutex::default);
    // An earlier input that failed leaves nothing half done: each writes the files that the one before changed.
    let mut stage = STAGE.lock().unwrap_or_else(PoisonError::into_inner);
    stage.damage(changes);
    read_all(&stage.directory);
}

/// A journal as it was written, and a copy in a directory that gets the damage.
struct Stage {
    whole: Files,
    directory: PathBuf,
    /// The files that differ from the whole ones.
    changed: BTreeSet<usize>,
}

impl Default for Stage {
    fn default() -> Self {
        let (whole, directory) = (write_journal(), scratch::directory("damaged"));
        let changed = (0..whole.len()).collect();
        Self { whole, directory, changed }
    }
}

impl Stage {
    /// Writes the files that these changes, or the ones before, are in: the others are whole.
    fn damage(&mut self, changes: &[u8]) {
        let mut damaged: BTreeMap<usize, Vec<u8>> =
            std::mem::take(&mut self.changed).into_iter().map(|index| (index, self.whole[index].1.clone())).collect();
        for change in changes.chunks_exact(5) {
            let [file, high, low, len, byte] = change else { continue };
            let index = usize::from(*file) % self.whole.len();
            let bytes = damaged.entry(index).or_insert_with(|| self.whole[index].1.clone());
            let offset = usize::from(u16::from_be_bytes([*high, *low]));
            bytes.iter_mut().skip(offset).take(usize::from(*len)).for_each(|place| *place = *byte);
            self.changed.insert(index);
        }
        for (index, bytes) in damaged {
            fs::write(self.directory.join(&self.whole[index].0), bytes).expect("the directory is writable");
        }
    }
}

fn read_all(directory: &Path) {
    let Ok(inspection) = inspect::open(directory) else { return };
    let Ok(mut reader) = inspection.view().reader(inspection.view().oldest()) else { return };
    while let Ok(Some(record)) = reader.read() {
        assert_eq!(record.payload, payload(record.sequence.0));
    }
}

/// Some segments, the last with its closing group.
fn write_journal() -> Files {
    let directory = scratch::directory("whole");
    let mut options = Options::new(&directory);
    (options.segment_bytes, options.record_bytes_max, options.group_bytes_max) = (32 * 1024, 6_000, 8 * 1024);
    options.retain.age_ns = i64::MAX;
    let (journal, _) = Journal::open(options).expect("a new journal opens");
    journal.source_id("north").expect("the directory is writable");
    let (source, rule, received) = (SourceId(1), RuleVersion(1), UnixNanos(1));
    let header = RecordHeader { source, format: 1, verdict: Verdict::Deliverable, rule, received };
    for number in 1..=20 {
        journal.append(header, &payload(number)).and_then(|append| append.wait()).expect("there is room");
    }
    journal.close();
    let entries = fs::read_dir(&directory).expect("the directory is readable").flatten();
    let file = |entry: fs::DirEntry| (entry.file_name().into_string().ok(), fs::read(entry.path()).ok());
    entries.map(file).filter_map(|(name, bytes)| Some((name?, bytes?))).collect()
}

fn payload(number: u64) -> Vec<u8> {
    let len = 100 + usize::try_from(number * 137 % 3_000).expect("small");
    number.to_le_bytes().into_iter().cycle().take(len).collect()
}
