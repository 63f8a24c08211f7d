//! The small files of a data directory: whatever one holds, reading it never panics. The first byte chooses the file,
//! the others are its content. The lines of the journal's files get right checksums, which no random change has, if
//! the first byte is odd.

use super::scratch;
use meterline::clock::Clock;
use meterline::coverage::{self, Coverage};
use meterline::journal::inspect;
use meterline::meters::{Meters, Points};
use meterline::reading::{MeterId, UnixNanos};
use meterline::source::webhook::{HEADS_FILE, read_heads};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Mutex, PoisonError};

const NAMES: [&str; 7] =
    ["coverage", "meters.json", HEADS_FILE, "journal/cursor-kafka", "journal/gaps", "journal/sources", "journal/rules"];

/// Checks one input.
pub fn check(bytes: &[u8]) {
    static DIRECTORY: LazyLock<Mutex<PathBuf>> = LazyLock::new(|| Mutex::new(directory()));
    let Some((choice, content)) = bytes.split_first() else { return };
    let directory = DIRECTORY.lock().unwrap_or_else(PoisonError::into_inner);
    let name = NAMES[usize::from(*choice >> 1) % NAMES.len()];
    let file = directory.join(name);
    let is_checked = *choice & 1 == 1 && name.starts_with("journal/");
    let content = if is_checked { with_checksums(content) } else { content.to_vec() };
    fs::write(&file, content).expect("the directory is writable");
    read(&directory);
    for name in fs::read_dir(&*directory).expect("the directory is readable").flatten() {
        // A file that could not be read is kept beside the new one.
        if name.path().extension().is_some_and(|ending| ending == "damaged") {
            fs::remove_file(name.path()).expect("the directory is writable");
        }
    }
    if file.exists() {
        fs::remove_file(file).expect("the directory is writable");
    }
}

fn with_checksums(content: &[u8]) -> Vec<u8> {
    let line = |line: &[u8]| [format!("{:08x} ", crc32c::crc32c(line)).as_bytes(), line, b"\n"].concat();
    content.split(|byte| *byte == b'\n').flat_map(line).collect()
}

fn read(directory: &Path) {
    let meter = MeterId::named("fuzz", "meter");
    let now: UnixNanos = Clock::system().now();
    coverage::read(directory).ok();
    coverage::meters_stored(directory).ok();
    let coverage = Coverage::open(directory, 1 << 20);
    coverage.judge(now);
    coverage.gaps();
    let meters = Meters::open(directory, Points::default(), now);
    meters.each_valid(|version| drop(meters.name(version.meter)));
    meters.versions(meter);
    read_heads(&directory.join(HEADS_FILE)).ok();
    if let Ok(inspection) = inspect::open(&directory.join("journal")) {
        inspection.cursors();
        inspection.gaps();
        inspection.view().source_names();
    }
}

fn directory() -> PathBuf {
    let directory = scratch::directory("files");
    fs::create_dir(directory.join("journal")).expect("the directory is writable");
    directory
}
