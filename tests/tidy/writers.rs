//! The places that may write files. A file that must be whole after a power cut is replaced by
//! `base/file.rs` or on the journal's disk, where tests show the order of the steps; everything
//! else that writes is listed here with the reason why it does so itself.

use crate::{assert_none, source};

/// Whatever changes a file or a name.
const CALLS: [&str; 7] =
    ["fs::write(", "fs::rename(", "fs::copy(", "File::create(", "OpenOptions::new()", "fs::hard_link(", ".set_len("];

const WRITERS: [(&str, &str); 14] = [
    ("src/base/file.rs", "replaces a file; its system calls are traced"),
    ("src/cli/export.rs", "what a user exports"),
    ("src/control/server.rs", "names the socket"),
    ("src/journal/disk.rs", "replaces a file on the journal's disk, which the power cuts of the tests hit"),
    ("src/journal/disk/real.rs", "the operations of that disk"),
    ("src/journal/lock.rs", "the lock file; damaged, new records get another journal id"),
    ("src/journal/repair.rs", "segments, by hand"),
    ("src/journal/writer.rs", "segments, which the power cuts of the tests hit"),
    ("src/meters/file.rs", "a copy of a damaged file, for people"),
    ("src/sink/sqlite/file.rs", "an empty store, which SQLite writes"),
    ("src/sink/sqlite/restore.rs", "moves stores, by hand"),
    ("src/source/tokens.rs", "a lock file without contents"),
    ("src/source/tokens/seal.rs", "a new key: created, synced, and its directory synced"),
    ("src/source/webhook/heads.rs", "heads of requests, for people; not synced"),
];

#[test]
fn every_file_is_written_where_its_steps_are_shown_or_for_a_listed_reason() {
    let (mut faults, mut writing) = (Vec::new(), Vec::new());
    for source in source::of_the_service() {
        let is_listed = WRITERS.iter().any(|(path, _)| source.path.ends_with(path));
        for (number, line) in source.numbered_code().filter(|(_, line)| CALLS.iter().any(|call| line.contains(call))) {
            writing.push(source.path.clone());
            if !is_listed {
                faults.push(format!("{}: {}", source.at(number), line.trim()));
            }
        }
    }
    let idle = WRITERS.iter().filter(|(path, _)| !writing.iter().any(|it| it.ends_with(path)));
    faults.extend(idle.map(|(path, _)| format!("{path} is listed and writes nothing")));
    assert_none("write with base::file, or list the reason in tests/tidy/writers.rs", &faults);
}
