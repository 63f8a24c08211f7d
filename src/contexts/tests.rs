//! Contexts on a real disk.

use super::files::{DIRECTORY, NEWEST, context_in};
use super::*;
use std::fs;
use std::time::SystemTime;

mod bit_flips;

const NONE: &str = "00000000-0000-0000-0000-000000000000";

fn keep(contexts: &Contexts, source: &str, device: &str, context: &[u8]) -> io::Result<String> {
    let kept = contexts.keep(source, &[(device.to_owned(), context.to_vec())])?;
    assert_eq!(kept, [version_of(context)]);
    Ok(kept.concat())
}

#[test]
fn a_context_is_found_by_its_version_also_after_a_restart_and_only_by_its_device() {
    let directory = tempfile::tempdir().unwrap();
    let contexts = Contexts::of(directory.path());
    assert_eq!(contexts.get("a/b", "", NONE), None);
    let map = version_of(b"map 1");
    assert!(contexts.is_unrecorded("a/b", "", &map));
    contexts.recorded("a/b", "7", &map);
    assert!(contexts.is_unrecorded("a/b", "", &map), "that was another device");
    contexts.recorded("a/b", "", &map);
    assert!(!contexts.is_unrecorded("a/b", "", &map));
    assert_eq!(contexts.get("a/b", "", &map), None, "it is not kept yet");
    assert!(Contexts::of(directory.path()).is_unrecorded("a/b", "", &map));
    let kept = keep(&contexts, "a/b", "", b"map 1").unwrap();
    let again = Contexts::of(directory.path());
    for contexts in [&contexts, &again] {
        assert_eq!(contexts.get("a/b", "", &kept).as_deref(), Some(&b"map 1"[..]));
        assert_eq!(contexts.get("c", "", &kept), None);
        assert_eq!(contexts.get("a/b", "7", &kept), None);
        assert_eq!(contexts.get("a/b", "", "../meters.json"), None);
        assert!(!contexts.is_unrecorded("a/b", "", &map));
    }
    keep(&again, "a/b", "", b"map 1").unwrap();
    assert!(again.is_unrecorded("a/b", "7", &map));
    assert_eq!(again.newest("a/b", "").unwrap(), (kept, b"map 1".as_slice().into()));
    assert_eq!(again.newest("c", ""), None);
    // Without a directory it is kept in memory.
    let in_memory = Contexts::default();
    let kept = keep(&in_memory, "a/b", "", b"map 2").unwrap();
    assert_eq!(in_memory.get("a/b", "", &kept).as_deref(), Some(&b"map 2"[..]));
}

#[test]
fn the_newest_context_of_another_source_is_given_once_and_of_several_sources_the_first_has_the_word() {
    let contexts = Contexts::default();
    let sources = ["a", "b"].map(str::to_owned);
    assert_eq!(contexts.newest_of(&sources, "7", ""), None);
    keep(&contexts, "c", "7", b"of no such source").unwrap();
    keep(&contexts, "a", "8", b"of another device").unwrap();
    assert_eq!(contexts.newest_of(&sources, "7", ""), None);
    let of_b = keep(&contexts, "b", "7", b"map 1").unwrap();
    assert_eq!(contexts.newest_of(&sources, "7", ""), Some((of_b.clone(), b"map 1".as_slice().into())));
    assert_eq!(contexts.newest_of(&sources, "7", &of_b), None, "known");
    let of_a = keep(&contexts, "a", "7", b"map 2").unwrap();
    assert_eq!(contexts.newest_of(&sources, "7", &of_b), Some((of_a.clone(), b"map 2".as_slice().into())));
    keep(&contexts, "b", "7", b"map 3").unwrap();
    assert_eq!(contexts.newest_of(&sources, "7", &of_a), None);
}

#[test]
fn contexts_of_many_devices_are_kept_at_once_and_of_each_device_the_last_is_the_newest() {
    let directory = tempfile::tempdir().unwrap();
    let contexts = Contexts::of(directory.path());
    keep(&contexts, "a", "3", b"map 0").unwrap();
    let map = |device: usize, map: &str| (device.to_string(), map.as_bytes().to_vec());
    let mut all: Vec<_> = (0..100).map(|device| map(device, "map 1")).collect();
    all.extend([map(1, "map 2"), map(2, "map 2"), map(2, "map 1"), map(3, "map 0")]);
    let versions = contexts.keep("a", &all).unwrap();
    assert_eq!(versions, all.iter().map(|(_, bytes)| version_of(bytes)).collect::<Vec<_>>());
    for contexts in [&contexts, &Contexts::of(directory.path())] {
        for device in 0..100 {
            let (_, newest) = contexts.newest("a", &device.to_string()).unwrap();
            let expected = ["map 1", "map 2", "map 1", "map 0"].get(device).unwrap_or(&"map 1");
            assert_eq!(&*newest, expected.as_bytes(), "{device}");
        }
        assert!(contexts.get("a", "2", &version_of(b"map 2")).is_some());
    }
    let files = fs::read_dir(directory.path().join(DIRECTORY)).unwrap().count();
    assert_eq!(files, 100 + 3 + 3, "contexts, further versions, names of the newest of several");
    // One that cannot be kept: none is, and the same may be kept again.
    let too_large = [map(200, "map 1"), ("201".to_owned(), vec![0; CONTEXT_BYTES_MAX + 1])];
    contexts.keep("a", &too_large).unwrap_err();
    assert!(contexts.newest("a", "200").is_none());
}

#[test]
fn of_too_many_devices_the_least_recently_kept_one_is_forgotten_with_its_files() {
    let directory = tempfile::tempdir().unwrap();
    let contexts = Contexts::of(directory.path());
    for device in ["old", "kept again"] {
        keep(&contexts, "a", device, b"map 1").unwrap();
        keep(&contexts, "a", device, b"map 2").unwrap();
    }
    keep(&contexts, "a", "kept again", b"map 1").unwrap();
    let all: Vec<_> = (1..DEVICES_MAX).map(|device| (device.to_string(), b"map".to_vec())).collect();
    contexts.keep("a", &all).unwrap();
    for contexts in [&contexts, &Contexts::of(directory.path())] {
        assert_eq!(contexts.newest("a", "old"), None);
        assert_eq!(contexts.get("a", "old", &version_of(b"map 2")), None);
        assert_eq!(&*contexts.newest("a", "kept again").unwrap().1, b"map 1");
        assert!(all.iter().all(|(device, _)| contexts.newest("a", device).is_some()));
    }
    let files = fs::read_dir(directory.path().join(DIRECTORY)).unwrap().count();
    assert_eq!(files, DEVICES_MAX - 1 + 3);
}

#[test]
fn devices_that_are_kept_again_or_used_are_not_forgotten_for_new_ones() {
    let directory = tempfile::tempdir().unwrap();
    let contexts = Contexts::of(directory.path());
    let keep_all = |devices: std::ops::Range<usize>, bytes: &[u8]| {
        contexts.keep("a", &devices.map(|it| (it.to_string(), bytes.to_vec())).collect::<Vec<_>>()).unwrap();
    };
    keep_all(0..DEVICES_MAX, b"map");
    (0..50).for_each(|device: usize| contexts.used("a", &device.to_string()));
    keep_all(DEVICES_MAX..DEVICES_MAX + 200, b"map");
    let is_there = |device: usize| contexts.newest("a", &device.to_string()).is_some();
    assert_eq!((0..DEVICES_MAX).filter(|device| is_there(*device)).count(), DEVICES_MAX - 200);
    assert!((0..50).all(is_there), "they were used");
    // At once with more new ones.
    let (old, new) = (0..50, DEVICES_MAX + 200..DEVICES_MAX * 2);
    let all: Vec<_> = new.chain(old).map(|it| (it.to_string(), b"map".to_vec())).collect();
    contexts.keep("a", &all).unwrap();
    assert!((0..50).all(is_there), "they were kept again");
    let files = fs::read_dir(directory.path().join(DIRECTORY)).unwrap().count();
    assert_eq!(files, DEVICES_MAX);
}

#[test]
fn of_too_many_versions_the_oldest_is_removed_and_one_too_large_is_an_error() {
    let directory = tempfile::tempdir().unwrap();
    let contexts = Contexts::of(directory.path());
    let versions: Vec<_> = (0..=VERSIONS_MAX)
        .map(|number| {
            let kept = keep(&contexts, "a", "", format!("map {number}").as_bytes()).unwrap();
            let key = (device_key("a", ""), kept.parse().unwrap());
            let file = context_in(&directory.path().join(DIRECTORY), key);
            let written = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(number as u64);
            fs::File::open(file).unwrap().set_modified(written).unwrap();
            kept
        })
        .collect();
    for contexts in [&contexts, &Contexts::of(directory.path())] {
        let is_kept: Vec<_> = versions.iter().map(|version| contexts.get("a", "", version).is_some()).collect();
        assert_eq!(is_kept, [false, true, true, true, true]);
        assert_eq!(contexts.get("a", "", "").as_deref(), Some(&b"map 1"[..]), "the oldest");
        assert_eq!(contexts.get("b", "", ""), None);
    }
    let error = keep(&contexts, "a", "", &vec![0; CONTEXT_BYTES_MAX + 1]).unwrap_err();
    assert_eq!(error.kind(), io::ErrorKind::FileTooLarge);
    assert!(contexts.is_unrecorded("a", "", &version_of(b"map 0")));
}

#[test]
fn a_context_that_comes_back_is_the_newest_again_and_the_one_written_first_stays_the_oldest() {
    let directory = tempfile::tempdir().unwrap();
    let keep_it = |context: &str| {
        let contexts = Contexts::of(directory.path());
        let kept = keep(&contexts, "a", "", context.as_bytes()).unwrap();
        let file = context_in(&directory.path().join(DIRECTORY), (device_key("a", ""), kept.parse().unwrap()));
        keep(&contexts, "b", "", b"of another source").unwrap();
        for contexts in [&contexts, &Contexts::of(directory.path())] {
            assert_eq!(contexts.newest("a", "").unwrap(), (kept.clone(), context.as_bytes().into()));
            assert_eq!(contexts.get("a", "", "").as_deref(), Some(&b"map 1"[..]), "the oldest");
        }
        file
    };
    for (number, context) in ["map 1", "map 2", "map 1", "map 1", "map 2", "map 1", "map 3", "map 2"].iter().enumerate()
    {
        let written = SystemTime::UNIX_EPOCH + std::time::Duration::from_secs(number as u64);
        let file = keep_it(context);
        if number == 0 || number == 1 || number == 6 {
            fs::File::open(file).unwrap().set_modified(written).unwrap();
        }
    }
    // A version that is not kept any more is not the newest.
    let newest = directory.path().join(DIRECTORY).join(format!("{}_{NEWEST}", device_key("a", "")));
    for text in [NONE, "", "no version", &"7".repeat(1000)] {
        fs::write(&newest, text).unwrap();
        assert_eq!(Contexts::of(directory.path()).newest("a", "").unwrap().0, version_of(b"map 3"), "{text}");
    }
}

#[test]
fn the_oldest_version_that_comes_back_together_with_the_one_that_replaces_it_is_kept() {
    let directory = tempfile::tempdir().unwrap();
    let contexts = Contexts::of(directory.path());
    let map = |number: usize| (String::new(), format!("map {number}").into_bytes());
    contexts.keep("a", &(0..VERSIONS_MAX).map(map).collect::<Vec<_>>()).unwrap();
    contexts.keep("a", &[map(VERSIONS_MAX), map(0)]).unwrap();
    for contexts in [&contexts, &Contexts::of(directory.path())] {
        assert_eq!(&*contexts.newest("a", "").unwrap().1, b"map 0");
        assert_eq!(contexts.get("a", "", &version_of(b"map 1")), None);
    }
}
