//! The directory is moved, removed or replaced while the journal is open.

use super::super::*;
use super::support::*;
use std::fs;
use std::path::Path;
use std::time::{Duration, Instant};

/// Far above the time that any wait here needs.
const WAIT_MAX: Duration = Duration::from_secs(30);

/// Appends until one append is refused.
#[allow(clippy::disallowed_methods, reason = "a bound on a test's wait, not what is tested")]
fn first_refusal(journal: &Journal) -> AppendError {
    let start = Instant::now();
    loop {
        if let Err(error) = journal.append(header(), b"reading").unwrap().wait() {
            return error;
        }
        assert!(start.elapsed() < WAIT_MAX, "every append succeeds");
    }
}

#[allow(clippy::disallowed_methods, reason = "a bound on a test's wait, not what is tested")]
fn until(what: &str, mut holds: impl FnMut() -> bool) {
    let start = Instant::now();
    while !holds() {
        assert!(start.elapsed() < WAIT_MAX, "timed out: {what}");
        std::thread::sleep(Duration::from_millis(5));
    }
}

/// The only segment.
fn segment(directory: &Path) -> std::path::PathBuf {
    let mut files = fs::read_dir(directory).unwrap().map(|entry| entry.unwrap().path());
    files.find(|path| path.extension().is_some_and(|extension| extension == "seg")).unwrap()
}

#[test]
fn a_directory_that_is_moved_away_refuses_appends_until_it_is_back() {
    let parent = tempfile::tempdir().unwrap();
    let (place, aside) = (parent.path().join("journal"), parent.path().join("aside"));
    let (journal, _) = Journal::open(small(&place)).unwrap();
    journal.append(header(), b"before").unwrap().wait().unwrap();
    assert_eq!(journal.moved(), None);
    fs::rename(&place, &aside).unwrap();
    let error = first_refusal(&journal);
    assert!(matches!(error, AppendError::Moved { .. }), "{error}");
    assert!(error.to_string().contains(place.to_str().unwrap()), "{error}");
    assert_eq!(journal.moved(), Some(error.to_string()));
    let end = journal.next();
    fs::create_dir(&place).unwrap();
    first_refusal(&journal);
    assert_eq!(journal.next(), end, "nothing is written while it is moved");
    let cursor = Cursor::at("sqlite", journal.position(end), UnixNanos(7));
    assert!(journal.cursors().store(&cursor).is_err());
    assert_eq!(fs::read_dir(&place).unwrap().count(), 0, "nothing is written to the new directory");
    fs::remove_dir(&place).unwrap();
    fs::rename(&aside, &place).unwrap();
    journal.append(header(), b"after").unwrap().wait().unwrap();
    assert_eq!(journal.moved(), None);
}

#[test]
fn a_removed_directory_or_segment_is_noticed_without_an_append() {
    let removals: [fn(&Path); 2] =
        [|place| fs::remove_dir_all(place).unwrap(), |place| fs::remove_file(segment(place)).unwrap()];
    for remove in removals {
        let parent = tempfile::tempdir().unwrap();
        let place = parent.path().join("journal");
        let (journal, _) = Journal::open(small(&place)).unwrap();
        journal.append(header(), b"before").unwrap().wait().unwrap();
        remove(&place);
        until("it is noticed", || journal.moved().is_some());
        assert!(matches!(first_refusal(&journal), AppendError::Moved { .. }));
    }
}
