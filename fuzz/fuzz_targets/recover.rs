//! Any damage to a journal's files: looking at them never panics, and no reader
//! hands out a payload that was not appended. The input is a list of changes:
//! file, offset, length, byte.

#![no_main]

use libfuzzer_sys::fuzz_target;
use meterline::journal::{Journal, Options, RecordHeader, RuleVersion, SourceId, Verdict, inspect};
use meterline::reading::UnixNanos;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;

type Files = Vec<(String, Vec<u8>)>;

fuzz_target!(|changes: &[u8]| {
    static WHOLE: OnceLock<Files> = OnceLock::new();
    let mut files = WHOLE.get_or_init(write_journal).clone();
    for change in changes.chunks_exact(5) {
        let [file, high, low, len, byte] = change else { continue };
        let index = usize::from(*file) % files.len();
        let offset = usize::from(u16::from_be_bytes([*high, *low]));
        files[index].1.iter_mut().skip(offset).take(usize::from(*len)).for_each(|place| *place = *byte);
    }
    let directory = place("damaged");
    for (name, bytes) in &files {
        fs::write(directory.join(name), bytes).expect("the directory is writable");
    }
    read_all(&directory);
});

fn read_all(directory: &Path) {
    let Ok(inspection) = inspect::open(directory) else { return };
    let Ok(mut reader) = inspection.view().reader(inspection.view().oldest()) else { return };
    while let Ok(Some(record)) = reader.read() {
        assert_eq!(record.payload, payload(record.sequence.0));
    }
}

/// Some segments, the last with its closing group.
fn write_journal() -> Files {
    let directory = place("whole");
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

fn place(name: &str) -> PathBuf {
    let directory = std::env::temp_dir().join(format!("meterline-fuzz-{}-{name}", std::process::id()));
    fs::create_dir_all(&directory).expect("the directory for temporary files is writable");
    directory
}
