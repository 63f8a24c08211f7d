//! Files in which one bit has changed.

use super::super::files::{DIRECTORY, NEWEST, context_in};
use super::super::*;
use super::keep;
use crate::base::checked::every_flip;
use std::fs;

#[test]
fn a_changed_bit_of_a_context_is_found_and_the_context_is_written_again_when_it_comes_again() {
    let directory = tempfile::tempdir().unwrap();
    let version = keep(&Contexts::of(directory.path()), "a", "", b"map 1").unwrap();
    let key = (device_key("a", ""), Uuid::parse_str(&version).unwrap());
    let file = context_in(&directory.path().join(DIRECTORY), key);
    for damaged in every_flip(b"map 1") {
        fs::write(&file, &damaged).unwrap();
        let contexts = Contexts::of(directory.path());
        assert_eq!(contexts.get("a", "", &version), None, "{damaged:?}");
        assert_eq!(contexts.newest("a", ""), None);
        assert!(contexts.is_unrecorded("a", "", &version), "the journal gets it again");
        keep(&contexts, "a", "", b"map 1").unwrap();
        assert_eq!(Contexts::of(directory.path()).get("a", "", &version).as_deref(), Some(&b"map 1"[..]));
    }
}

#[test]
fn a_changed_bit_of_the_name_of_the_newest_context_is_found() {
    let directory = tempfile::tempdir().unwrap();
    let contexts = Contexts::of(directory.path());
    for context in ["map 1", "map 2", "map 1"] {
        keep(&contexts, "a", "", context.as_bytes()).unwrap();
    }
    assert_eq!(&*Contexts::of(directory.path()).newest("a", "").unwrap().1, b"map 1");
    let file = directory.path().join(DIRECTORY).join(format!("{}_{NEWEST}", device_key("a", "")));
    let stored = fs::read(&file).unwrap();
    for damaged in every_flip(&stored) {
        fs::write(&file, &damaged).unwrap();
        // The one written last; `map 1` came back later.
        assert_eq!(&*Contexts::of(directory.path()).newest("a", "").unwrap().1, b"map 2", "{damaged:?}");
    }
}
